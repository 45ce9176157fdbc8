"""One-time codes in the whole process: enrolled at a terminal beside the running Dunwell, typed into Slack's modal and in the command,
made by oathtool, which nobody here wrote. Replayed, redelivered, over a restart; and no code or secret stands in any file."""
import os
import pty
import re
import shutil
import stat
import subprocess
import time

from harness import BINARY, Missing, run, wait_for, words
from test_chat import button_of, form
from test_loop import ask_plan, await_line, held


def oath(secret, ahead=0):
    if not shutil.which("oathtool"):
        raise Missing("oathtool is missing (tests/setup.sh check)")
    at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(time.time() + ahead))
    return subprocess.run(["oathtool", "--totp", "-b", "--now", at, secret], capture_output=True, text=True, check=True).stdout.strip()


def enrol(dw, key, answer=oath):
    """At a terminal of its own: (exit code, what it said, the secret)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(dw.folder)
        os.execv(BINARY, [BINARY, "people", "enroll", key, "--config", dw.config_path])
    out, secret, asked = b"", "", 0
    while True:
        try:
            piece = os.read(fd, 4096)
        except OSError:
            break
        if not piece:
            break
        out += piece
        found = re.search(rb"secret=([A-Z2-7]{32})&", out)
        secret = found.group(1).decode() if found else ""
        while secret and out.count(b"it shows now") > asked:
            asked += 1
            os.write(fd, (answer(secret) + "\n").encode())
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), out.decode(), secret


def begin(w):
    """A running Dunwell that wants codes from $5,000 on, manager1 enrolled meanwhile, and a request of $12,000. -> secret, ref, card"""
    slack, stripe, dw = w.begin(start=False)
    with open(os.path.join(dw.folder, "policy.yaml")) as f:
        dw.write("policy.yaml", f.read().replace("expire_hours: 48", "expire_hours: 48\n  step_up: {USD: 5000}"))
    dw.start()
    code, said, secret = enrol(dw, "manager1")
    assert code == 0 and "is enrolled" in said, said
    an_hour_ago(dw)
    held(w)
    ref, card = ask_plan(w)
    wait_for("the enrolment in the journal", lambda: dw.journal("step_up.enrolled"))
    return secret, ref, card


def an_hour_ago(dw):
    """What was valid while enrolling is spent for a minute; nobody wants to wait for that here."""
    with open(dw.store + ".codes", "r+") as f:
        text = re.sub(r" (\d{13})$", lambda m: f" {int(m.group(1)) - 3600_000}", f.read(), flags=re.M)
        f.seek(0)
        f.write(text)


def nowhere(dw, *texts):
    """Not in the log, the store, its WAL or the files beside it (but for the secrets' own)."""
    for name in os.listdir(dw.folder) + ["var/" + n for n in os.listdir(os.path.join(dw.folder, "var"))]:
        path = os.path.join(dw.folder, name)
        if os.path.isfile(path) and not name.endswith(".codes"):
            with open(path, "rb") as f:
                held = f.read()
            for text in texts:
                assert text.encode() not in held, f"{text} stands in {name}"


def test_modal(w):
    secret, ref, card = begin(w)
    slack, stripe, dw = w.slack, w.stripe, w.dunwells[0]
    assert "one-time code" in words(card), words(card)
    assert slack.click("U0MANAGER1", card, "approve")["acked"]
    name, view = form(w)
    assert dw.one("SELECT count(*) FROM votes") == 0
    wrong = slack.post("submit", user="U0MANAGER1", view=name, values={"code": "918273", "why": ""})
    assert not wrong["closed"] and "not the code" in wrong["errors"]["code"], wrong
    dw.restart()
    used = oath(secret)
    slack.expected.append("acked twice")
    right = slack.post("submit", user="U0MANAGER1", view=name, values={"code": used, "why": "renewal"}, twice=True)
    assert not right["errors"], right
    await_line(w, "U0AE1", "9 x about $1,333.33", "confirmed")
    dw.settle()
    assert dw.one("SELECT count(*) FROM votes") == 1 and dw.one("SELECT count(*) FROM plans") == 1
    assert len(dw.journal("step_up.given")) == 1 and len(dw.journal("step_up.wrong")) == 1
    assert dw.one("SELECT failures FROM step_up") == 0
    nowhere(dw, used, secret)
    assert stat.S_IMODE(os.stat(dw.store).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(dw.store + ".codes").st_mode) == 0o600


def test_command(w):
    secret, ref, card = begin(w)
    slack, dw = w.slack, w.dunwells[0]
    assert "takes a one-time code" in slack.say("U0MANAGER1", f"approve {ref}")
    assert "people enroll finance1" in slack.say("U0FINANCE1", f"approve {ref} code 918273")
    assert "not the code" in slack.say("U0MANAGER1", f"approve {ref} code 918273")
    typo = slack.say("U0MANAGER1", f"aprove {ref} code 918273")
    assert "918273" not in typo, typo
    used = oath(secret)
    said = slack.say("U0MANAGER1", f"approve {ref} code {used} why fine")
    assert "Approved" in said and used not in said, said
    dw.restart()
    held(w, "umbrella", 9000_00)
    other, card = ask_plan(w, "umbrella")
    assert "used already" in slack.say("U0MANAGER1", f"approve {other} code {used}"), "also after a restart"
    assert dw.one("SELECT count(*) FROM votes") == 1
    dw.settle()
    nowhere(dw, used, secret, "918273")


def test_locked_and_revoked(w):
    secret, ref, card = begin(w)
    slack, dw = w.slack, w.dunwells[0]
    for _ in range(4):
        assert "not the code" in slack.say("U0MANAGER1", f"approve {ref} code 918273")
    assert "locked until" in slack.say("U0MANAGER1", f"approve {ref} code 918273")
    dw.restart()
    assert "locked until" in slack.say("U0MANAGER1", f"approve {ref} code {oath(secret, 30)}")
    assert slack.click("U0MANAGER1", card, "approve", value=button_of(slack.again(card), "approve")["value"], force=True)["acked"]
    wait_for("the same by button", lambda: "locked until" in slack.whispers("U0MANAGER1"))
    code, said = dw.command("people", "list", "--config", dw.config_path)
    assert code == 0 and re.search(r"manager1 +manager +enrolled since", said) and secret not in said, said
    code, said = dw.command("people", "revoke", "manager1", "--config", dw.config_path)
    assert code == 0, said
    wait_for("the revocation", lambda: "people enroll manager1" in slack.say("U0MANAGER1", f"approve {ref} code 918273"))
    assert dw.journal("step_up.revoked") and dw.one("SELECT count(*) FROM votes") == 0


def test_enrolling(w):
    slack, stripe, dw = w.begin()
    code, said, secret = enrol(dw, "nobody")
    assert code == 1 and not secret and "people list" in said, said
    code, said, secret = enrol(dw, "manager1", lambda s: "000000")
    assert code == 1 and "nothing was changed" in said, said
    assert not os.path.exists(dw.store + ".codes")
    code, said, secret = enrol(dw, "manager1")
    assert code == 0, said
    code, said, again = enrol(dw, "manager1")
    assert code == 1 and not again and "revoke" in said, said
    code, said = dw.command("people", "enroll", "finance1", "--config", dw.config_path)
    assert code == 1 and "terminal" in said and "otpauth" not in said, said
    os.chmod(dw.store + ".codes", 0o644)
    code, said = dw.command("people", "list", "--config", dw.config_path)
    assert code == 1 and "other users" in said and secret not in said, said
    os.chmod(dw.store + ".codes", 0o600)
    nowhere(dw, secret)


if __name__ == "__main__":
    run(globals())
