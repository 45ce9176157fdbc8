"""What the process tests share: the real binary with generated files, the fakes, a real SMTP server, and waiting without sleeping.

A test file defines functions test_*(w) and ends with run(globals()). Each gets a fresh World `w`: a folder under build/process/,
a fake Slack, a fake Stripe, and Dunwell, which it starts itself. Whatever a test looks at, these hold after every one (World.close):
Dunwell stopped with 0 in time, without a sanitizer's word; the journal verifies; no secret stands in the log, the store or the
metrics; neither fake saw anything that the real one would mind (a test names what it provokes: w.slack.expected, w.stripe.expected).

    build/venv/bin/python tests/process/test_loop.py [PATTERN]     one file, or those of its tests whose name contains PATTERN
"""
import asyncio
import atexit
import hashlib
import hmac
import http.client
import json
import os
import random
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import traceback
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.path.abspath(os.environ.get("DUNWELL", os.path.join(ROOT, "build/address-undefined/dunwell")))
FAKES = os.path.join(ROOT, "tests/fake")
PATIENCE = 60  # seconds; a loaded machine is slow, a broken program never comes
SECRETS = {"SLACK_APP_TOKEN": "xapp-fake-app-token", "SLACK_BOT_TOKEN": "xoxb-fake-bot-token", "STRIPE_SECRET_KEY": "sk_test_fake",
           "STRIPE_WEBHOOK_SECRET": "whsec_fake"}
COLUMNS = ("account,name,tier,annual_value,currency,renewal,region,plan,ae,sentiment,open_tickets,top_priority,csat,billing,"
           "billing_id,email,timezone,language").split(",")
DAY_MS = 86400000
started = []  # every process of ours


class Skip(Exception):
    """This machine cannot do it."""


class Missing(Skip):
    """What tests/setup.sh installs is not there: a failure where CI=true."""


def stop_all():
    for p in started:
        if p.poll() is None:
            p.kill()
            p.wait()


atexit.register(stop_all)


def wait_for(what, look, seconds=PATIENCE, pause=0.02):
    """Asks look() until it says something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(pause)


def free_port():
    """Below the range from which the kernel takes the ports of clients, so that nobody gets it by chance."""
    for _ in range(200):
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    raise AssertionError("no free port")


# ---- the fakes ----
class Fake:
    def __init__(self, script, *args):
        self.process = subprocess.Popen([sys.executable, os.path.join(FAKES, script), *args], stdout=subprocess.PIPE, text=True)
        started.append(self.process)
        line = self.process.stdout.readline().split()
        assert line[:1] == ["ready"], f"{script} did not start"
        self.url, self.expected, self.open = line[1], [], urllib.request.build_opener(urllib.request.ProxyHandler({})).open
        if self.url.startswith("https"):
            import ssl
            context = ssl._create_unverified_context()  # the test talks to its own fake
            self.open = lambda request, timeout: urllib.request.urlopen(request, timeout=timeout, context=context)

    def ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        try:
            with self.open(urllib.request.Request(self.url + "/_test/" + path, data=data), timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{path} {body}: {e.read().decode()}") from None

    def post(self, path, **body):
        return self.ask(path, body)

    def state(self):
        return self.ask("state")

    def log(self):
        return self.ask("log")

    def fault(self, **what):
        self.post("fault", **what)

    def violations(self):
        return [v for v in self.state()["violations"] if not any(re.search(e, v) for e in self.expected)]

    def stop(self):
        self.process.kill()
        self.process.wait()


class Slack(Fake):
    def __init__(self, *args):
        super().__init__("slack.py", *args)

    def say(self, user, text, **more):
        """A slash command; its private answer as text, wherever it arrived."""
        seen = len(self.ask("ephemerals"))
        result = self.post("command", user=user, text=text, **more)
        assert result["acked"], f"/dunwell {text}: not acknowledged, {result}"
        return wait_for(f"an answer to /dunwell {text}", lambda: self.whispers(user, seen))

    def whispers(self, user, since=0):
        return "\n".join(words(m) for m in self.ask("ephemerals")[since:] if m["user"] == user)

    def messages(self, channel=None):
        return self.ask("messages" + (f"?channel={channel}" if channel else ""))

    def card(self, channel, *parts, **kind):
        """The newest message in a channel (or direct messages of a person: U0...) that has buttons or blocks and says all parts."""
        channel = "D" + channel[1:] if channel[0] == "U" else channel
        for m in reversed(self.messages(channel)):
            if m["blocks"] and not m["thread_ts"] and all(p in words(m) for p in parts):
                return m
        return None

    def await_card(self, channel, *parts, seconds=PATIENCE):
        try:
            return wait_for("card", lambda: self.card(channel, *parts), seconds)
        except AssertionError:
            seen = "\n---\n".join(m["channel"] + ": " + words(m) for m in self.messages())
            raise AssertionError(f"no card with {parts} in {channel}; there are:\n{seen}") from None

    def click(self, user, message, action, **more):
        return self.post("click", user=user, channel=message["channel"], message=message["ts"], action=action, **more)

    def again(self, message):
        return next(m for m in self.messages(message["channel"]) if m["ts"] == message["ts"])


class Stripe(Fake):
    def __init__(self, *args):
        super().__init__("stripe.py", *args)

    def failed(self, account, amount, decline="insufficient_funds", currency="usd", **invoice):
        """A customer of this account whose first payment of an invoice fails; Stripe sends its events. -> the invoice's id"""
        customer = "cus_" + account
        if customer not in self.state()["customers"]:
            self.post("customer", id=customer, name=account.title(), currency=currency, methods=[{"decline": decline, "id": "pm_" + account}])
        return self.post("invoice", customer=customer, amount=amount, currency=currency, fail=True, **invoice)["id"]

    def invoice(self, name):
        return self.state()["invoices"][name]

    def writes(self):
        return [e for e in self.log() if e["method"] != "GET"]

    def effects(self, what=None):
        return [f for e in self.log() for f in e["effects"] if what is None or f["what"] == what]

    def taken(self, account):
        return self.state()["taken"].get("cus_" + account, 0)


def words(message):
    """Everything that a person can read in a message, joined."""
    out = [message.get("text") or ""]

    def walk(x):
        if isinstance(x, dict):
            for k, v in x.items():
                if k == "text" and isinstance(v, str):
                    out.append(v)
                else:
                    walk(v)
        elif isinstance(x, list):
            for v in x:
                walk(v)
    walk(message.get("blocks"))
    return "\n".join(out)


# ---- Dunwell ----
PEOPLE = """people:
  ae1: {name: Ada Engel, email: ae1@example.com, slack: U0AE1, roles: [ae]}
  ae2: {name: Amir Essien, email: ae2@example.com, slack: U0AE2, roles: [ae]}
  collector1: {name: Carla Ortiz, email: collector1@example.com, slack: U0COLLECT1, roles: [collector]}
  manager1: {name: Mona Adler, email: manager1@example.com, slack: U0MANAGER1, roles: [manager], limit: {USD: 50000}}
  manager2: {name: Miguel Aoki, email: manager2@example.com, slack: U0MANAGER2, roles: [manager], limit: {USD: 5000}}
  finance1: {name: Fatima Iyer, email: finance1@example.com, slack: U0FINANCE1, roles: [finance], limit: {USD: 500000}}
  operator1: {name: Oskar Park, email: operator1@example.com, slack: U0OPERATOR1, roles: [operator]}
"""
ACCOUNTS = [
    {"account": "northwind", "name": "Northwind Traders Ltd", "tier": "strategic", "annual_value": "412000", "renewal": "2027-03-12", "ae": "ae1",
     "sentiment": "-0.4", "open_tickets": "2", "top_priority": "1"},
    {"account": "globex", "name": "Globex Corp", "tier": "strategic", "annual_value": "210000", "renewal": "2027-06-30", "ae": "ae2",
     "sentiment": "0.3", "open_tickets": "0", "top_priority": "0"},
    {"account": "globe-trotter", "name": "Globe Trotter", "tier": "strategic", "annual_value": "150000", "ae": "ae2"},
    {"account": "initech", "name": "Initech", "annual_value": "1200", "ae": "ae1", "sentiment": "0.1"},
    {"account": "hooli", "name": "Hooli", "annual_value": "2400", "ae": "ae2", "sentiment": "0.2", "language": "de"},
    {"account": "umbrella", "name": "Umbrella <!channel> & *Sons* <@U0AE2>", "tier": "strategic", "annual_value": "300000", "ae": "ae1"},
]


def at_any_hour(policy):
    """The default policy without what depends on when a test runs: quiet hours, the summary of the week, weekends and holidays."""
    for line in ('  quiet: {from: "20:00", to: "07:00"}\n', 'reports: {weekly: "mon 09:00"}\n'):
        assert line in policy, f"templates/policy.yaml no longer says {line!r}"
        policy = policy.replace(line, "")
    return re.sub(r"^calendar:\n(?:  .*\n)+", "", policy, flags=re.M)


class Dunwell:
    def __init__(self, folder, slack_url, stripe_url, smtp_port=None, **options):
        self.folder, self.process, self.options = folder, None, options
        self.port, self.starts, self.env = free_port(), 0, {}
        self.config_path, self.store = os.path.join(folder, "dunwell.yaml"), os.path.join(folder, "var/dunwell.db")
        os.makedirs(os.path.join(folder, "var"), exist_ok=True)
        self.config = {
            "listen": f"127.0.0.1:{self.port}", "store": "sqlite:var/dunwell.db", "mode": options.get("mode", "live"),
            "chat": {"slack": {"api_url": slack_url + "/api/", "app_token": {"env": "SLACK_APP_TOKEN"}, "bot_token": {"env": "SLACK_BOT_TOKEN"},
                               "channels": {"approvals": "C0APPROVALS", "collections": "C0COLLECT"}}},
            "billing": {"stripe": {"kind": "stripe", "base_url": stripe_url, "secret_key": {"env": "STRIPE_SECRET_KEY"},
                                   "webhook_secret": {"env": "STRIPE_WEBHOOK_SECRET"}}},
            "accounts": {"file": "accounts.csv"}, "people": {"file": "people.yaml"}, "policy": {"file": "policy.yaml"}}
        if smtp_port:
            self.config["smtp"] = {"url": f"smtp://127.0.0.1:{smtp_port}", "from": "billing@example.com"}
        self.write("people.yaml", PEOPLE)
        self.write_accounts(ACCOUNTS)
        with open(os.path.join(ROOT, "templates/policy.yaml")) as f:
            self.write("policy.yaml", at_any_hour(f.read()).replace("undo_seconds: 20", "undo_seconds: 0"))  # nobody waits for an Undo here
        self.write_config()

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w") as f:
            f.write(text)

    def write_config(self):
        self.write("dunwell.yaml", json.dumps(self.config, indent=1) + "\n")  # JSON is YAML

    def write_accounts(self, rows):
        fill = {"currency": "USD", "billing": "stripe", "timezone": "UTC", "language": "en"}
        lines = [",".join(COLUMNS)]
        for row in rows:
            row = {**fill, "billing_id": "cus_" + row["account"], "email": f"pay@{row['account']}.example", **row}
            lines.append(",".join('"' + str(row.get(c, "")).replace('"', '""') + '"' for c in COLUMNS))
        self.write("accounts.csv", "\n".join(lines) + "\n")

    # -- the process --
    def environment(self):
        return {**os.environ, **SECRETS, **self.env}

    def command(self, *args, timeout=60):
        """A subcommand to its end: (exit code, all it printed)."""
        done = subprocess.run([BINARY, *args], cwd=self.folder, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout)
        return done.returncode, done.stdout.decode("utf-8", "replace")

    def log_path(self):
        return os.path.join(self.folder, f"log.{self.starts}")

    def log(self):
        with open(self.log_path(), errors="replace") as f:
            return f.read()

    def spawn(self, preexec=None):
        assert not self.process or self.process.poll() is not None, "it runs already"
        self.starts += 1
        with open(self.log_path(), "wb") as log:
            self.process = subprocess.Popen([BINARY, "run", "--config", self.config_path], cwd=self.folder, env=self.environment(),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=preexec)
        started.append(self.process)

    def start(self, ready=True, preexec=None):
        self.spawn(preexec)
        wait_for("Dunwell to listen", self.listening)
        if ready:
            wait_for("Dunwell to be ready", lambda: self.get("/readyz")[0] == 200)
        return self

    def listening(self):
        if self.process.poll() is not None:
            raise AssertionError(f"Dunwell ended with {self.process.returncode}:\n{self.log()[-3000:]}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5):
                return True
        except OSError:
            return False

    def end(self, seconds=PATIENCE):
        """Waits for the end; the exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"Dunwell did not end within {seconds} s:\n{self.log()[-2000:]}") from None

    def stop(self, expect=0):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            code = self.end(20)
            assert code == expect, f"SIGTERM ended it with {code}:\n{self.log()[-3000:]}"

    def kill(self):
        self.process.kill()
        self.process.wait()

    def restart(self, **how):
        self.stop()
        return self.start(**how)

    # -- looking in --
    def get(self, path):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def metric(self, name):
        found = re.search(rf"^{name} (\d+)$", self.get("/metrics")[1], re.M)
        return int(found.group(1)) if found else None

    def sql(self, text, *values):
        """Reads the store beside the running process; writes only while nothing runs."""
        db = sqlite3.connect(self.store, timeout=20)
        try:
            rows = db.execute(text, values).fetchall()
            db.commit()
            return rows
        finally:
            db.close()

    def one(self, text, *values):
        rows = self.sql(text, *values)
        return rows[0][0] if rows else None

    def journal(self, verb=None):
        return [t for v, t in self.sql("SELECT verb, text FROM journal ORDER BY seq") if verb in (None, v)]

    def due_now(self, kind):
        """Time travel: the timers of this kind are due. Only while stopped."""
        assert self.sql("UPDATE timers SET due_ms = 1 WHERE kind = ? RETURNING id", kind), f"no timer of kind {kind}"

    def quiet(self):
        """Nothing is queued or under way; a poll, and the lists that billing is asked for again and again, are no end of anything."""
        return self.one("SELECT count(*) FROM effects WHERE is_live = 1 AND op <> 'poll' AND purpose NOT IN ('catch_up', 'overdue') AND not_before_ms < ?",
                        int(time.time() * 1000) + 60000) == 0 and \
            self.one("SELECT count(*) FROM recoveries WHERE state = 0 AND is_open = 1") == 0

    def settle(self, seconds=PATIENCE):
        wait_for("the outbox to be empty", self.quiet, seconds, 0.05)

    # -- webhooks --
    def hook(self, body, header="", path="/hooks/stripe", more="", timeout=20):
        """A webhook by a raw socket. header None: signed now. -> (status, body)"""
        body = body if isinstance(body, bytes) else body.encode()
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\n" + (f"Stripe-Signature: {header or sign(body)}\r\n" if header is not None else "") + more
        return raw(self.port, head.encode() + f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body, timeout)[0]


def sign(body, at=None, secret=SECRETS["STRIPE_WEBHOOK_SECRET"]):
    at = int(time.time()) if at is None else at
    return f"t={at},v1={hmac.new(secret.encode(), str(at).encode() + b'.' + body, hashlib.sha256).hexdigest()}"


def event(kind="invoice.payment_failed", id=None, customer="cus_northwind", invoice="in_x", created=None):
    return json.dumps({"id": id or f"evt_{random.getrandbits(60):x}", "object": "event", "api_version": "2026-10-28.endive",
                       "created": created or int(time.time()), "livemode": False, "type": kind, "pending_webhooks": 1,
                       "data": {"object": {"id": invoice, "object": "invoice", "customer": customer, "status": "open"}}})


def raw(port, data, timeout=20, wanted=1):
    """Sends bytes, reads `wanted` answers: [(status, body)]."""
    answers = []
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as s:
        try:
            s.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it answered before it had read all
        shared = s.makefile("rb")
        shared.close = lambda: None  # each response would close it
        for _ in range(wanted):
            answer = http.client.HTTPResponse(type("Socket", (), {"makefile": lambda *_: shared}))
            answer.begin()
            answers.append((answer.status, answer.read().decode()))
    return answers


# ---- mail ----
class Mail:
    """A real SMTP server (aiosmtpd) that keeps what it got; `answers` are said first instead of taking a message; it takes
    `pause_s` to say anything. `tls`: the controller's ssl_context (TLS from the start) or tls_context (STARTTLS)."""
    def __init__(self, **tls):
        from aiosmtpd.controller import Controller
        self.got, self.answers, self.begun, self.pause_s = [], [], 0, 0
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port(), **tls)
        self.controller.start()
        self.port = self.controller.port

    async def handle_DATA(self, server, session, envelope):
        self.begun += 1
        await asyncio.sleep(self.pause_s)
        if self.answers:
            return self.answers.pop(0)
        self.got.append(envelope)
        return "250 OK"

    def stop(self):
        self.controller.stop()


# ---- a test's world ----
class World:
    def __init__(self, name):
        self.folder = os.path.join(ROOT, "build/process", name)
        disk = os.path.join(self.folder, "disk")  # left mounted by a run that was killed
        if os.path.ismount(disk):
            subprocess.run(["umount", "-l", disk], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.parts, self.dunwells, self.verify = [], [], True
        self.slack = self.stripe = self.mail = self.dw = None

    def begin(self, slack=(), stripe=(), mail=False, start=True, hooks=True, **options):
        """The usual beginning: both fakes, perhaps mail, Dunwell; Stripe sends its events there."""
        self.slack, self.stripe = Slack(*slack), Stripe(*stripe)
        self.parts += [self.slack, self.stripe]
        if mail:
            self.mail = Mail()
            self.parts.append(self.mail)
        self.dw = self.dunwell(**options)
        if hooks:
            self.stripe.post("hooks", url=f"http://127.0.0.1:{self.dw.port}/hooks/stripe", attempts=60)
        if start:
            self.dw.start()
        return self.slack, self.stripe, self.dw

    def dunwell(self, folder=None, **options):
        folder = folder or self.folder
        os.makedirs(folder, exist_ok=True)
        dw = Dunwell(folder, self.slack.url, self.stripe.url, self.mail.port if self.mail else None, **options)
        self.dunwells.append(dw)
        return dw

    def close(self):
        """What holds after every test."""
        bad, metrics = [], ""
        for dw in self.dunwells:
            metrics += dw.get("/metrics")[1]
            try:
                dw.stop()
            except AssertionError as e:
                bad.append(str(e))
            if self.verify and os.path.exists(dw.store):
                code, text = dw.command("journal", "verify", "--store", "sqlite:" + dw.store)
                if code != 0:
                    bad.append(f"journal verify: {code} {text}")
            bad += self.leaks(dw, metrics)
        for fake in (self.slack, self.stripe):
            if fake and fake.process.poll() is None and fake.violations():
                bad.append(f"{type(fake).__name__} would mind: {fake.violations()}")
        for part in self.parts:
            part.stop()
        assert not bad, "\n".join(bad)

    def leaks(self, dw, metrics):
        bad = []
        for name in os.listdir(dw.folder):
            path = os.path.join(dw.folder, name)
            if name.startswith("log."):
                with open(path, errors="replace") as f:
                    text = f.read()
                if re.search(r"Sanitizer|runtime error|Assertion", text):
                    bad.append(f"{name}:\n{text[-6000:]}")
        places = {"metrics": metrics.encode()}
        for path in [os.path.join(dw.folder, n) for n in os.listdir(dw.folder) if n.startswith("log.")] + [dw.store, dw.store + "-wal"]:
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    places[path] = f.read()
        for name, secret in SECRETS.items():
            bad += [f"{name} stands in {where}" for where, text in places.items() if secret.encode() in text]
        bad += [f"a response_url stands in {where}" for where, text in places.items() if b"/response/T0TEAM/" in text]
        bad += [f"a socket ticket stands in {where}" for where, text in places.items() if b"link/?ticket=" in text]
        return bad


def run_one(name, test, module):
    """-> "" passed, "FAIL" of what holds after every test, "RETRY" of what the test itself saw, or why it was skipped"""
    begin, failed, world = time.monotonic(), "FAIL", World(f"{module}.{name.removeprefix('test_')}")
    try:
        try:
            test(world)
        except BaseException:
            failed = "RETRY"
            for dw in world.dunwells:
                dw.process and print(f"--- {name}: the end of {dw.log_path()}\n{dw.log()[-2500:]}", flush=True)
            world.verify = False
            try:
                world.close()
            except AssertionError as e:
                failed = "FAIL"
                print(f"and then: {e}", flush=True)
            raise
        world.close()
        print(f"ok    {name} ({time.monotonic() - begin:.1f} s)", flush=True)
        return ""
    except Skip as why:
        if isinstance(why, Missing) and os.environ.get("CI") == "true":
            print(f"FAIL  {name}: {why}", flush=True)
            return "FAIL"
        print(f"skip  {name}: {why}", flush=True)
        return str(why)
    except (Exception, KeyboardInterrupt):
        print(traceback.format_exc() + f"FAIL  {name} ({time.monotonic() - begin:.1f} s)", flush=True)
        return failed


def run(tests, at_once=1):
    """Runs the test functions of a file, so many of them at a time, in the order in which they stand there; ends the process."""
    pattern = sys.argv[1] if len(sys.argv) > 1 else ""
    module = os.path.basename(sys.argv[0]).removesuffix(".py").removeprefix("test_")
    if not os.access(BINARY, os.X_OK):
        sys.exit(f"{BINARY} is missing: make it first")
    chosen = [(n, t) for n, t in tests.items() if n.startswith("test_") and callable(t) and pattern in n]
    with ThreadPoolExecutor(at_once) as pool:
        each = pool.map if at_once > 1 else map
        ended = dict(zip([n for n, _ in chosen], each(lambda c: run_one(*c, module), chosen)))
    # CI runs on machines that pause: there a test may be tried once more, alone, and the last line says so; what holds after every test is never forgiven.
    retried = [n for n, why in ended.items() if why == "RETRY" and os.environ.get("CI") == "true"]
    ended.update({n: run_one(n, tests[n], module) for n in retried})
    stop_all()
    failed = [n for n, why in ended.items() if why in ("FAIL", "RETRY")]
    skipped, again = [f"{n}: {why}" for n, why in ended.items() if why not in ("", "FAIL", "RETRY")], [n for n in retried if not ended[n]]
    print(f"{len(ended) - len(failed) - len(skipped)} of {len(ended)} passed" + (f", failed: {', '.join(failed)}" if failed else "") +
          (f", skipped: {'; '.join(skipped)}" if skipped else "") + (f", only at the second try: {', '.join(again)}" if again else ""))
    sys.stdout.flush()
    os._exit(1 if failed else 77 if skipped and len(skipped) == len(ended) else 0)
