"""The process as an operator meets it: how it ends, what it refuses to start on, a full disk, wrong files, a journal that was touched."""
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import time

from harness import SECRETS, Fake, Skip, event, free_port, run, wait_for
from test_loop import ask_plan, held


def ends_in_time(dw, code=0):
    began = time.monotonic()
    dw.process.terminate()
    assert dw.end() == code, dw.log()[-2000:]
    took = time.monotonic() - began
    print(f"ended after {took:.2f} s")
    assert took < 5, took


def test_sigterm(w):
    slack, stripe, dw = w.begin()
    held(w)
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE):  # mean nothing
        dw.process.send_signal(number)
        assert dw.get("/healthz")[0] == 200, f"{number.name} ended it with {dw.process.poll()}"
    ends_in_time(dw)
    assert "run.stopped" in dw.log()
    for number in (signal.SIGINT, signal.SIGHUP):
        dw.start()
        dw.process.send_signal(number)
        assert dw.end() == 0


def test_sigterm_while_everything_hangs(w):
    slack, stripe, dw = w.begin()
    stripe.fault(match="*", kind="hang_before", delay_s=60, times=100)
    slack.fault(method="chat.postMessage", kind="slow", delay_s=60, times=100)
    stripe.failed("northwind", 5000_00)
    wait_for("a call to hang", lambda: stripe.log())
    idle = [socket.create_connection(("127.0.0.1", dw.port)) for _ in range(5)]
    idle[0].sendall(b"POST /hooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf")
    ends_in_time(dw)
    w.parts.remove(stripe)
    w.stripe = stripe.stop()


def test_sigterm_while_starting(w):
    slack, stripe, dw = w.begin(start=False)
    slack.fault(method="apps.connections.open", kind="slow", delay_s=60, times=100)
    dw.start(ready=False)
    ends_in_time(dw)
    w.parts.remove(slack)
    w.slack = slack.stop()


BILLERS = {  # how each is set up, but for its address; where the address goes on; the secret that is tried, and what is said of a wrong one
    "stripe": ({"secret_key": {"env": "A_SECRET"}, "webhook_secret": {"env": "B_SECRET"}}, "", "sk_test_fake", "look at billing.stripe.secret_key"),
    "zuora": ({"client_id": "client-fake", "client_secret": {"env": "A_SECRET"}, "webhook_user": "u", "webhook_password": {"env": "B_SECRET"},
               "muted_profile": "prof-muted"}, "", "secret-fake", "does not accept client_id and client_secret of billing.zuora"),
    "chargebee": ({"site": "acme", "api_key": {"env": "A_SECRET"}, "webhook_user": "hook", "webhook_password": {"env": "B_SECRET"}}, "/api/v2",
                  "key_fake", "look at billing.chargebee.api_key"),
    "recurly": ({"subdomain": "acme", "api_key": {"env": "A_SECRET"}, "webhook_secret": {"env": "B_SECRET"}}, "", "key_fake",
                "look at billing.recurly.api_key"),
    "killbill": ({"username": "admin", "password": {"env": "A_SECRET"}, "api_key": "bob", "api_secret": {"env": "C_SECRET"},
                  "webhook_secret": {"env": "B_SECRET"}}, "", "password", "look at billing.killbill.username, password"),
}


def test_check_of_one_billing_system(w):
    slack, stripe, dw = w.begin(hooks=False, start=False)
    code, text = dw.command("check", "--config", dw.config_path, "--billing", "nobody")
    assert code == 3 and "FAIL nobody: there is no such section" in text, text
    code, text = dw.command("check", "--config", dw.config_path, "--billing", "stripe", "--offline")
    assert code == 2, text
    stripe.expected = ["/elsewhere/", "wrong key"]
    dw.env.update(B_SECRET="a-long-random-word-of-letters", C_SECRET="lazar")

    def check(kind, fake, secret, path=""):
        dw.config["billing"] = {kind: {"kind": kind, "base_url": fake.url + path, **BILLERS[kind][0]}}
        dw.write_config()
        dw.env["A_SECRET"] = secret
        return dw.command("check", "--config", dw.config_path, "--billing", kind, "--read-only")

    for kind, (section, path, right, hint) in BILLERS.items():
        fake = stripe if kind == "stripe" else Fake(kind + ".py")
        if fake is not stripe:
            w.parts.append(fake)
        code, text = check(kind, fake, right, path)
        assert code == 0 and all(f"ok   {kind}{part}: " in text for part in ("", " events", " overdue")), text
        assert "  hold " in text and "slack" not in text and "0 problems, 0 warnings, 3 fine, 0 failed" in text, text
        assert check(kind, fake, right, "/elsewhere")[0] == 3, kind
        code, text = check(kind, fake, "wrong-secret", path)
        assert code == 3 and f"FAIL {kind}: " in text and hint in text and "ok  " not in text, text
        assert all(f"FAIL {kind} {part}: " in text for part in ("events", "overdue")) and "wrong-secret" not in text, text
        written = [e for e in fake.log() if e["method"] != "GET" and not e["path"].endswith("oauth/token")]
        assert not written, written


def test_second_process_on_the_store(w):
    slack, stripe, dw = w.begin()
    other = w.dunwell(os.path.join(w.folder, "second"))
    other.config["store"] = "sqlite:" + dw.store
    other.write_config()
    other.spawn()
    assert other.end() == 4, other.log()
    assert "another dunwell" in other.log(), other.log()
    assert dw.hook(event("customer.updated"))[0] == 200, "the first one is not disturbed"
    code, text = dw.command("check", "--config", dw.config_path)
    assert code == 0, text
    other.store = dw.store + "-none"
    dw.config["listen"], dw.config["store"] = f"127.0.0.1:{dw.port}", "sqlite:var/other.db"
    third = w.dunwell(os.path.join(w.folder, "third"))
    third.config["listen"] = f"127.0.0.1:{dw.port}"
    third.write_config()
    third.spawn()
    assert third.end() in (3, 4) and "port" in third.log() or "listen" in third.log(), third.log()


def test_store_of_a_newer_version(w):
    slack, stripe, dw = w.begin()
    dw.stop()
    version, = dw.sql("PRAGMA user_version")[0]
    subprocess.run(["sqlite3", dw.store, f"PRAGMA user_version={version + 1}"], check=True)
    before = open(dw.store, "rb").read()
    dw.spawn()
    assert dw.end() == 5 and "newer" in dw.log(), dw.log()
    assert open(dw.store, "rb").read() == before, "untouched"
    assert dw.command("check", "--config", dw.config_path, "--offline")[0] in (1, 3, 5)
    w.verify = False


def test_store_that_is_none(w):
    slack, stripe, dw = w.begin(start=False)
    w.verify = False  # there is no journal in such files
    for name, content in {"text": b"hello, this is not a database at all" * 100, "foreign": None}.items():
        if content is None:
            os.remove(dw.store)
            subprocess.run(["sqlite3", dw.store, "CREATE TABLE mine (x); INSERT INTO mine VALUES (1)"], check=True)
        else:
            with open(dw.store, "wb") as f:
                f.write(content)
        before = open(dw.store, "rb").read()
        dw.spawn()
        assert dw.end() in (1, 3), (name, dw.log())
        assert dw.store in dw.log() or "dunwell.db" in dw.log(), dw.log()
        assert open(dw.store, "rb").read() == before, name


def small_disk(w, size, options="rw"):
    folder = os.path.join(w.folder, "disk")
    os.makedirs(folder, exist_ok=True)
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], stderr=subprocess.DEVNULL).returncode:
        raise Skip("needs root and mount(8) for a small disk")
    w.parts.insert(0, type("Disk", (), {"stop": lambda self: subprocess.run(["umount", "-l", folder], check=True)})())
    return folder


def test_read_only_store(w):
    slack, stripe, dw = w.begin(start=False)
    if os.getuid() == 0:
        folder = small_disk(w, "8m")
    else:
        folder = os.path.join(w.folder, "disk")
        os.makedirs(folder)
    dw.config["store"], dw.store = f"sqlite:{folder}/dunwell.db", f"{folder}/dunwell.db"
    dw.write_config()
    dw.start()
    assert dw.hook(event("customer.updated"))[0] == 200
    dw.stop()
    code = subprocess.run(["mount", "-o", "remount,ro", folder]).returncode if os.getuid() == 0 else subprocess.run(["chmod", "-R", "a-w", folder]).returncode
    assert code == 0
    dw.spawn()
    assert dw.end() == 3, dw.log()
    assert "ead-only" in dw.log() or "ermission" in dw.log() or "cannot write" in dw.log(), dw.log()
    code, text = dw.command("journal", "verify", "--store", "sqlite:" + dw.store)
    assert code == 0, text


def fill_until_refused(dw):
    """Big events until there is no room, and then small ones until there is none for them either. -> (accepted ids, refused ids)"""
    accepted, refused, row, size = [], [], 0, 30000
    for n in range(600):
        name = f"evt_fill_{n}"
        body = json.loads(event("customer.updated", id=name))
        body["data"]["object"]["note"] = "x" * size
        status, text = dw.hook(json.dumps(body))
        assert status in (200, 503), (status, text)
        (accepted if status == 200 else refused).append(name)
        row = row + 1 if status == 503 else 0
        if row >= 5 and size < 1000:
            return accepted, refused
        if row >= 5:
            size, row = 100, 0
    raise AssertionError("the disk did not fill up")


def full_disk(w, make_room):
    slack, stripe, dw = w.slack, w.stripe, w.dw
    accepted, refused = fill_until_refused(dw)
    assert dw.get("/readyz")[0] == 503 and dw.get("/healthz")[0] == 200
    said = slack.post("command", user="U0AE1", text="note northwind no room for this " + "x" * 3800)
    assert "nothing was done" in said["payload"]["text"], said
    assert dw.log().count("turn.failed") < 20, "one line, not one a try"
    stored = {i for i, in dw.sql("SELECT ext_id FROM inbox")}
    assert set(accepted) <= stored and not set(refused) & stored
    make_room()
    wait_for("turns to work again", lambda: dw.get("/readyz")[0] == 200)
    assert dw.hook(event("customer.updated", id=refused[0]))[0] == 200
    assert "Noted" in slack.say("U0AE1", "note northwind room again")
    dw.settle()
    dw.restart()
    assert {i for i, in dw.sql("SELECT ext_id FROM inbox")} >= set(accepted) | {refused[0]}
    assert dw.sql("SELECT text FROM notes") == [("room again",)]


def test_full_disk(w):
    slack, stripe, dw = w.begin(start=False)
    folder = small_disk(w, "1m")
    dw.config["store"], dw.store = f"sqlite:{folder}/dunwell.db", f"{folder}/dunwell.db"
    dw.write_config()
    dw.start()
    full_disk(w, lambda: subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True))


def test_file_size_limit(w):
    slack, stripe, dw = w.begin(start=False)

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
    dw.start(preexec=limit)
    full_disk(w, lambda: resource.prlimit(dw.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)))


def test_full_disk_in_the_middle_of_the_loop(w):
    """No room between the approval and its execution: nothing half done, and it goes on when there is room."""
    slack, stripe, dw = w.begin()
    invoice, card = held(w)
    ref, request = ask_plan(w)
    dw.stop()

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    dw.start(preexec=limit)
    dw.settle()
    resource.prlimit(dw.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    writes = len(stripe.writes())
    assert not slack.click("U0MANAGER1", request, "approve")["acked"]
    assert len(stripe.writes()) == writes and dw.one("SELECT count(*) FROM votes") == 0
    resource.prlimit(dw.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    wait_for("turns to work again", lambda: dw.get("/readyz")[0] == 200)
    assert slack.click("U0MANAGER1", request, "approve")["acked"]
    wait_for("the plan", lambda: dw.one("SELECT count(*) FROM plans") == 1)
    dw.settle()
    assert len(dw.journal("decision.yes")) == 1


def test_check(w):
    slack, stripe, dw = w.begin(start=False)
    code, text = dw.command("check", "--config", dw.config_path)
    assert code == 0, text
    for name in ("people", "policy", "accounts", "templates", "store", "slack", "slack socket", "stripe"):
        assert any(line.split(":")[0].split()[-len(name.split()):] == name.split() for line in text.splitlines() if line[:2] in ("ok", "sk")), (name, text)
    assert not os.path.exists(dw.store), "nothing was changed"
    assert not stripe.writes() and not slack.messages()
    for secret in SECRETS.values():
        assert secret not in text


def test_check_peers_down(w):
    slack, stripe, dw = w.begin(start=False)
    dw.config["billing"]["stripe"]["base_url"] = f"http://127.0.0.1:{free_port()}"
    dw.write_config()
    code, text = dw.command("check", "--config", dw.config_path)
    assert code == 3 and "FAIL stripe" in text, (code, text)
    assert dw.command("check", "--config", dw.config_path, "--offline")[0] == 0
    dw.config["billing"]["stripe"]["base_url"] = stripe.url
    dw.write_config()
    slack.post("channel", id="C0APPROVALS", member=False)
    code, text = dw.command("check", "--config", dw.config_path)
    assert code == 3 and "C0APPROVALS: the bot is not in this channel: invite it there" in text, (code, text)
    dw.env = {"SLACK_BOT_TOKEN": "xoxb-wrong", "STRIPE_SECRET_KEY": "sk_test_wrong"}
    stripe.expected.append("wrong key")
    code, text = dw.command("check", "--config", dw.config_path)
    assert code != 0 and "FAIL slack" in text and "FAIL stripe" in text, (code, text)
    assert "xoxb-wrong" not in text and "sk_test_wrong" not in text


def test_wrong_files(w):
    slack, stripe, dw = w.begin(start=False)
    good = {n: open(os.path.join(dw.folder, n)).read() for n in ("dunwell.yaml", "people.yaml", "policy.yaml", "accounts.csv")}
    config = json.loads(good["dunwell.yaml"])

    def with_(change):
        c = json.loads(json.dumps(config))
        change(c)
        return json.dumps(c, indent=1)
    cases = [
        ("dunwell.yaml", "listen: [", "dunwell.yaml:", 1), ("dunwell.yaml", "", "", 1), ("dunwell.yaml", "- a\n- b\n", "", 1),
        ("dunwell.yaml", with_(lambda c: c.update(lisen="x")), "listen", 1),
        ("dunwell.yaml", with_(lambda c: c.update(mode="lively")), "shadow", 1),
        ("dunwell.yaml", with_(lambda c: c["chat"]["slack"].update(app_token="xapp-1-plain-secret-here")), "env", 1),
        ("dunwell.yaml", with_(lambda c: c["chat"]["slack"].update(app_token={"env": "NOT_SET_ANYWHERE"})), "NOT_SET_ANYWHERE", 1),
        ("dunwell.yaml", with_(lambda c: c["chat"]["slack"].update(app_token={"file": "/nonexistent"})), "/nonexistent", 1),
        ("dunwell.yaml", with_(lambda c: c["chat"]["slack"].update(api_url="http://slack.example/api/")), "not encrypted", 1),
        ("dunwell.yaml", with_(lambda c: c["billing"]["stripe"].update(base_url="http://10.0.0.1/")), "not encrypted", 1),
        ("dunwell.yaml", with_(lambda c: c["billing"]["stripe"].update(kind="strype")), "stripe", 1),
        ("dunwell.yaml", with_(lambda c: c["chat"]["slack"]["channels"].pop("approvals")), "approvals", 1),
        ("dunwell.yaml", with_(lambda c: c.update(listen="nonsense")), "listen", 1),
        ("dunwell.yaml", with_(lambda c: c.update(listen="127.0.0.1:99999")), "", 1),
        ("dunwell.yaml", with_(lambda c: c.update(store="postgres:x")), "sqlite", 1),
        ("dunwell.yaml", with_(lambda c: c.update(people={"file": "nobody.yaml"})), "nobody.yaml", 1),
        ("dunwell.yaml", with_(lambda c: c.pop("accounts")), "accounts", 1),
        ("dunwell.yaml", with_(lambda c: c.update(tls={"ca_file": "people.yaml"})), "tls.ca_file: no certificate can be read from", 1),
        ("dunwell.yaml", with_(lambda c: c.update(tls={"ca_file": "var"})), "var is a folder; write the path of a PEM file", 1),
        ("people.yaml", good["people.yaml"].replace("roles: [ae]", "roles: [aye]", 1), "people.yaml:2", 1),
        ("people.yaml", good["people.yaml"].replace("U0AE2", "U0AE1"), "already the id of ae1", 1),
        ("people.yaml", good["people.yaml"].replace("USD: 50000", "USD: -5"), "people.yaml:", 1),
        ("people.yaml", good["people.yaml"].replace("USD: 50000", "XXX: 5"), "XXX", 1),
        ("people.yaml", good["people.yaml"].replace("  ae1:", "  ae2:"), "people.yaml:", 1),
        ("policy.yaml", good["policy.yaml"].replace("hold: {days: 7", "hold: {daze: 7", 1), "days", 1),
        ("policy.yaml", good["policy.yaml"].replace("fact: tier, is: strategic", "fact: tyre, is: strategic"), "tyre", 1),
        ("policy.yaml", good["policy.yaml"].replace("instalments: 3", "instalments: many"), "policy.yaml:", 1),
        ("policy.yaml", "rules: []\n", "policy.yaml", 1),
        ("accounts.csv", good["accounts.csv"].replace("412000", "4x2000"), "accounts.csv:2", 1),
        ("accounts.csv", good["accounts.csv"].replace('"globex"', '"northwind"', 1), "northwind", 1),
        ("accounts.csv", good["accounts.csv"].replace('"ae1"', '"ae9"', 1), 'accounts.csv:2: account northwind: its ae "ae9"', 1),
        ("accounts.csv", good["accounts.csv"].replace('"stripe","cus_globex"', '"stride","cus_globex"', 1),
         'accounts.csv:3: account globex: its billing "stride" is not configured under billing in', 1),
        ("accounts.csv", good["accounts.csv"] + "initech" + "," * 13 + "recurly,nw-7,,,\n",
         f'accounts.csv:{good["accounts.csv"].count(chr(10)) + 1}: account initech: its billing "recurly" is not configured', 1),
        ("accounts.csv", good["accounts.csv"].replace("2027-03-12", "2027-13-12"), "accounts.csv:2", 1),
        ("accounts.csv", "hello\n", "accounts.csv", 1), ("accounts.csv", "", "accounts.csv", 1),
    ]
    bad = []
    for name, text, part, expect in cases:
        for other, content in good.items():
            dw.write(other, content)
        assert text != good[name], f"{name} is unchanged: {part}"
        dw.write(name, text)
        code, said = dw.command("check", "--config", dw.config_path, "--offline")
        if code != expect or part not in said or not said.strip() or "plain-secret-here" in said:
            bad.append(f"{name}, {part!r}: exit {code}\n{said}")
        if name == "accounts.csv" and "\nok   accounts:" in said:
            bad.append(f"{name}, {part!r}: called fine\n{said}")
        if name == "dunwell.yaml":
            dw.spawn()
            assert dw.end() in (1, 3), (text[:300], dw.log())
    assert not bad, "\n".join(bad)
    assert not os.path.exists(dw.store)
    code, said = dw.command("check", "--config", dw.folder + "/missing.yaml")
    assert code in (1, 3) and "missing.yaml" in said
    assert dw.command("run", "--nonsense")[0] == 2 and dw.command("nonsense")[0] == 2
    for sub in ("run", "check", "demo", "journal", "drivers", "version"):
        code, said = dw.command(sub, "--help")
        assert code == 0 and "sage" in said, (sub, said)


def test_bad_files_while_running(w):
    """A file that is broken while it runs changes nothing; the one before stays in force."""
    slack, stripe, dw = w.begin()
    people = open(dw.folder + "/people.yaml").read()
    dw.write("people.yaml", "people: [")
    dw.write("accounts.csv", "nonsense")
    dw.write("policy.yaml", "tiers: 5")
    wait_for("three refusals", lambda: all(n in dw.log() for n in ("people.yaml", "accounts.csv", "policy.yaml")))
    stripe.failed("northwind", 5000_00)
    slack.await_card("U0AE1", "$5,000.00", "strategic")
    os.remove(dw.folder + "/people.yaml")
    assert "Northwind" in slack.say("U0AE1", "status northwind")
    dw.write("people.yaml", people.replace("Ada Engel", "Ada Renamed"))
    wait_for("the new file", lambda: "Ada Renamed" in slack.say("U0AE1", "whoami"))


def test_journal_verify(w):
    slack, stripe, dw = w.begin()
    held(w)
    dw.stop()
    code, text = dw.command("journal", "verify", "--config", dw.config_path)
    assert code == 0 and str(dw.one("SELECT count(*) FROM journal")) in text, text
    code, shown = dw.command("journal", "show", "--account", "northwind", "--config", dw.config_path)
    assert code == 0 and "strategic-hold" in shown
    code, rows = dw.command("journal", "show", "--account", "northwind", "--json", "--config", dw.config_path)
    assert code == 0 and all("hash" in r or "seq" in r for r in map(json.loads, rows.splitlines()))
    assert dw.command("journal", "show", "--account", "nobody", "--config", dw.config_path)[0] == 1
    middle = dw.one("SELECT seq FROM journal ORDER BY seq LIMIT 1 OFFSET 3")
    last = dw.one("SELECT max(seq) FROM journal")
    for change in (f"UPDATE journal SET text = text || '.' WHERE seq = {middle}", f"UPDATE journal SET actor = 'ae2' WHERE seq = {middle}",
                   f"UPDATE journal SET at_ms = at_ms + 1 WHERE seq = {middle}", f"DELETE FROM journal WHERE seq = {middle}",
                   f"UPDATE journal SET detail = replace(detail, '7', '8') WHERE seq = (SELECT min(seq) FROM journal WHERE detail LIKE '%7%')",
                   f"UPDATE journal SET account = 'globex' WHERE seq = {last}", f"UPDATE journal SET case_id = 99 WHERE seq = {middle}",
                   "UPDATE journal SET verb = 'x' WHERE seq = 1", f"UPDATE journal SET ref = 'N-9' WHERE seq = {middle}"):
        copy = os.path.join(w.folder, "copy.db")
        shutil.copy(dw.store, copy)
        subprocess.run(["sqlite3", copy, change], check=True)
        code, text = dw.command("journal", "verify", "--store", "sqlite:" + copy)
        assert code == 1, (change, code, text)
    assert dw.command("journal", "verify", "--store", "sqlite:/nonexistent")[0] in (1, 3)


if __name__ == "__main__":
    run(globals())
