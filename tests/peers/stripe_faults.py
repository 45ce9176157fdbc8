#!/usr/bin/env python3
"""What the Stripe driver does when the answer is late, lost, wrong or refused, and that the money moves once or not at all.

Each write of each operation meets each fault of the fake; afterwards the fake's own books are compared with what the driver said.
Also: a hold stops retries and reminders, a release brings them back, and the fake itself refuses what it must.
"""
import hashlib
import hmac
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
DRIVE = os.path.join(HERE, "../../build/peers/stripe_drive")
failures, checks = [], 0


def check(what, good, *details):
    global checks
    checks += 1
    if not good:
        failures.append(what)
        print("FAIL:", what, *details)


class Fake:
    def __init__(self, *options):
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "../fake/stripe.py"), *options], stdout=subprocess.PIPE, text=True)
        self.base = self.process.stdout.readline().split()[1]
        self.n = 0

    def call(self, path, data=None, headers=None):
        request = urllib.request.Request(self.base + path, data, headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers

    def test(self, name, **given):
        status, body, _ = self.call("/_test/" + name, json.dumps(given).encode())
        assert status == 200, (name, body)
        return json.loads(body)

    def get(self, name):
        return json.loads(self.call("/_test/" + name)[1])

    def post(self, path, form, key):
        return self.call(path, form.encode(), {"Authorization": "Bearer sk_test_fake", "Idempotency-Key": key, "Stripe-Version": "x",
                                               "Content-Type": "application/x-www-form-urlencoded"})

    def scene(self, **method):
        """A customer with one invoice of 120.50 whose first attempt failed (an expired card), and a card to charge."""
        self.test("reset")
        self.test("customer", id="cus_1", methods=[{"id": "pm_old", "decline": "expired_card"}, {"id": "pm_1", **method}])
        return self.test("invoice", id="in_1", customer="cus_1", amount=12050, fail=True)

    def drive(self, op, **args):
        self.n += 1
        done = subprocess.run([DRIVE, self.base, op, f"key-{self.n}", json.dumps(args)], capture_output=True, text=True, timeout=120)
        last = done.stdout.strip().split("\n")[-1]
        return last.split(" ")[0], last

    def writes(self, path):
        return [e for e in self.get("log") if e["method"] == "POST" and e["path"] == path]


PAY = {"customer": "cus_1", "invoice": "in_1", "currency": "USD", "method": "pm_1"}
PART = dict(PAY, amount=4018)
HOLD = {"customer": "cus_1", "invoices": ["in_1"], "case": "N-1"}
# fault: did it happen?
OPEN = {"drop": True, "hang": True, "500_after": True, "garbage": True, "drop_before": False, "500": False, "503": False}
LATER = ("429", "lock_timeout", "in_flight")


def money(fake):
    for args, path, amount in ((PAY, "/v1/invoices/in_1/pay", 12050), (PART, "/v1/payment_intents", 4018)):
        for kind, happens in OPEN.items():
            fake.scene()
            fake.test("fault", match="POST " + path, kind=kind, delay_s=6)
            word, last = fake.drive("collect", **args)
            state = fake.get("state")
            name = f"collect {path} {kind}"
            check(name + ": the word fits the books", word == ("done" if happens else "refused"), last)
            check(name + ": charged once or not at all", state["taken"].get("cus_1", 0) == (amount if happens else 0), state["taken"])
            check(name + ": sent once", len(fake.writes(path)) == 1)
            check(name + ": nothing wrong was sent", not state["violations"], state["violations"])
            if happens:
                check(name + ": the invoice shows it", state["invoices"]["in_1"]["amount_paid"] == amount)
        for kind in LATER:
            fake.scene()
            fake.test("fault", match="POST " + path, kind=kind, times=2, retry_after=1)
            word, last = fake.drive("collect", **args)
            check(f"collect {path} {kind}: later", word == "done" and fake.get("state")["taken"] == {"cus_1": amount}, last)
    for kind in OPEN:
        fake.scene()
        fake.test("fault", match="POST /v1/invoices/in_1/attach_payment", kind=kind, delay_s=6)
        word, last = fake.drive("collect", **PART)
        state = fake.get("state")
        check(f"attach {kind}", word == "done" and state["invoices"]["in_1"]["amount_remaining"] == 8032, last)
        check(f"attach {kind}: charged once", state["taken"] == {"cus_1": 4018})
    fake.scene(decline={"decline_code": "insufficient_funds", "network_decline_code": "51", "advice_code": "try_again_later"})
    for args, path in ((PAY, "/v1/invoices/in_1/pay"), (PART, "/v1/payment_intents")):
        word, last = fake.drive("collect", **args)
        check("a decline is refused, with its class", word == "refused" and '"class":"S"' in last, last)
        fake.test("fault", match="POST " + path, kind="drop")
        word, last = fake.drive("collect", **args)
        check("a decline behind a lost answer is found", word == "refused" and "insufficient_funds" in last, last)
    check("declines take nothing", fake.get("state")["taken"] == {})
    fake.scene(behaviour="processing")
    word, last = fake.drive("collect", **PART)
    check("a bank debit is pending", word == "done" and '"pending"' in last and fake.get("state")["taken"] == {}, last)
    fake.scene(behaviour="action")
    word, last = fake.drive("collect", **PAY)
    check("authentication is class A", word == "refused" and '"class":"A"' in last, last)
    fake.scene()
    fake.test("fault", match="POST /v1/invoices/in_1/attach_payment", kind="slow", delay_s=1)
    threading.Timer(0.5, lambda: fake.test("invoice_set", invoice="in_1", status="void")).start()
    word, last = fake.drive("collect", **PART)
    check("voided between charge and attach: said aloud", word == "done" and "attach or refund it by hand" in last, last)


def states(fake):
    for kind, happens in OPEN.items():
        fake.scene()
        fake.test("fault", match="POST /v1/invoices/in_1", kind=kind, delay_s=6)
        word, last = fake.drive("hold", **HOLD)
        state = fake.get("state")
        check(f"hold {kind}", word == "done" and state["invoices"]["in_1"]["auto_advance"] is False, last)
        check(f"hold {kind}: the prior state is known", '"prior":{"in_1":{"auto_advance":true}}' in last, last)
        check(f"hold {kind}: nothing wrong was sent", not state["violations"], state["violations"])
    fake.scene()
    fake.test("fault", match="POST /v1/invoices/in_1", kind="503", times=9)
    word, last = fake.drive("hold", **HOLD)
    check("hold: three times at most", word == "refused" and len(fake.writes("/v1/invoices/in_1")) == 3, last)
    fake.scene()
    fake.test("fault", match="POST /v1/invoices/in_1", kind="500", times=9, never_retry=True)
    word, last = fake.drive("hold", **HOLD)
    check("hold: not retried when told so", word == "refused" and len(fake.writes("/v1/invoices/in_1")) == 1, last)
    fake.scene()
    fake.test("invoice_set", invoice="in_1", status="deleted")
    check("hold: a vanished invoice", fake.drive("hold", **HOLD)[1].startswith("refused Stripe does not know invoice in_1"))
    for kind, words in (("401", "secret_key"), ("403", "does not let this key do that")):
        fake.scene()
        fake.test("fault", match="POST /v1/invoices/in_1", kind=kind)
        word, last = fake.drive("hold", **HOLD)
        check(f"hold {kind}", word == "refused" and words in last and "sk_test" not in last, last)


CREDIT = {"customer": "cus_1", "invoice": "in_1", "amount": 2050, "currency": "USD", "reason": "a week of outage", "case": "N-1"}
OFF = dict(CREDIT, amount=12050)
NOTE = {"customer": "cus_1", "invoice": "in_1", "text": "they pay on Friday", "case": "N-1"}


def settled(state, op):
    """How often did it happen?"""
    invoice = state["invoices"]["in_1"]
    if op == "credit":
        return len(state["credit_notes"]) if invoice["amount_remaining"] == 12050 - 2050 * len(state["credit_notes"]) else -1
    return int(invoice["status"] == "uncollectible") if op == "write_off" else int(invoice["metadata"].get("dunwell_note") == NOTE["text"])


def settling(fake):
    """Credit, write-off and note: once or not at all, and the driver knows which."""
    for op, args, path in (("credit", CREDIT, "/v1/credit_notes"), ("write_off", OFF, "/v1/invoices/in_1/mark_uncollectible"),
                           ("note", NOTE, "/v1/invoices/in_1")):
        for kind, happens in OPEN.items():
            fake.scene()
            fake.test("fault", match="POST " + path, kind=kind, delay_s=6)
            word, last = fake.drive(op, **args)
            state = fake.get("state")
            check(f"{op} {kind}: the word fits the books", word == ("done" if happens else "refused"), last)
            check(f"{op} {kind}: once or not at all", settled(state, op) == int(happens), state["invoices"])
            check(f"{op} {kind}: sent once", len(fake.writes(path)) == 1)
            check(f"{op} {kind}: nothing wrong was sent", not state["violations"], state["violations"])
        for kind in LATER:
            fake.scene()
            fake.test("fault", match="POST " + path, kind=kind, times=2, retry_after=1)
            word, last = fake.drive(op, **args)
            check(f"{op} {kind}: later", word == "done" and settled(fake.get("state"), op) == 1, last)
    for kind, happens in OPEN.items():
        fake.scene()
        fake.test("fault", match="POST /v1/invoices/in_1", kind=kind, delay_s=6)
        word, last = fake.drive("defer", customer="cus_1", invoice="in_1", until_ms=1999000000000, case="N-1")
        check(f"defer {kind}", word == "done" and fake.get("state")["invoices"]["in_1"]["auto_advance"] is False, last)
    fake.scene()
    word, last = fake.drive("credit", **OFF)
    check("credit over all of it pays the invoice", word == "done" and '"due":0' in last and fake.get("state")["invoices"]["in_1"]["status"] == "paid", last)
    check("credit of a paid invoice", fake.drive("credit", **CREDIT)[0] == "refused")
    check("write_off of a paid invoice", fake.drive("write_off", **OFF)[0] == "refused")


def catching_up(fake):
    fake.scene()
    fake.test("pay", invoice="in_1")
    sent = fake.test("webhook", url="http://127.0.0.1:9/", object="in_1", type="invoice.paid", id="evt_sent", created=int(time.time()) - 600)
    fake.test("webhook", url="http://127.0.0.1:9/", object="in_1", type="invoice.finalized", id="evt_dull", created=int(time.time()) - 600)
    for n in range(90):
        fake.test("webhook", url="http://127.0.0.1:9/", object="in_1", type="invoice.updated", id=f"evt_u{n}", created=int(time.time()) - 500 + n)
    word, last = fake.drive("catch_up", since_ms=(int(time.time()) - 3600) * 1000)
    rows = json.loads(last.split(" ", 1)[1]).get("events", []) if word == "done" else []
    check("catch_up: all of a window, over pages", len(rows) == 91, last[:300])
    check("catch_up: oldest first", [r["created_ms"] for r in rows] == sorted(r["created_ms"] for r in rows) and rows[:1] and rows[0]["id"] == sent["id"])
    check("catch_up: nothing wrong was sent", not fake.get("state")["violations"], fake.get("state")["violations"])
    fake.scene()
    fake.test("invoice", id="in_2", customer="cus_1", amount=500, due_in_days=9)
    word, last = fake.drive("overdue", before_ms=(int(time.time()) + 86400) * 1000)
    rows = json.loads(last.split(" ", 1)[1]).get("invoices", []) if word == "done" else []
    check("overdue: what was due before", [r["invoice"] for r in rows] == ["in_1"], last)


def engine(fake):
    fake.scene()
    before = {e["what"] for e in fake.test("advance", days=4)["engine"]}
    check("Stripe retries and reminds while nobody holds it", before == {"remind", "retry"}, before)
    fake.drive("hold", **HOLD)
    check("a hold stops both", fake.test("advance", days=10)["engine"] == [])
    fake.drive("release", invoices=["in_1"], prior={"in_1": {"auto_advance": True}})
    after = {e["what"] for e in fake.test("advance", days=4)["engine"]}
    check("a release brings both back", after == {"remind", "retry"}, after)
    word, last = fake.drive("plan", customer="cus_1", invoices=["in_1"], plan="P-1", currency="USD",
                            instalments=[{"n": n + 1, "date": f"2027-{n // 28 + 1:02}-{n % 28 + 1:02}", "amount": 100} for n in range(60)])
    check("a plan with sixty dates fits the note", word == "done" and '"held_by_dunwell"' in last, last)
    check("a plan is quiet", fake.test("advance", days=10)["engine"] == [])
    check("engine: nothing wrong was sent", not fake.get("state")["violations"], fake.get("state")["violations"])


def reading(fake, old):
    fake.scene()
    fake.drive("collect", **PART) if not old else None
    fake.test("invoice", id="in_2", customer="cus_1", amount=500, subscription="sub_1")
    for n in range(45):
        fake.test("invoice", id=f"in_{n + 10}", customer="cus_1", amount=100)
    word, last = fake.drive("read", customer="cus_1", invoice="in_1")
    read = json.loads(last.split(" ", 1)[1]) if word == "done" else {}
    check("read: every open invoice, over pages", len(read.get("invoices", [])) == 47, last[:300])
    failed = [p for p in read.get("payments", []) if p["status"] == "failed" and p["invoice"] == "in_1"]
    check("read: the failure, with its class", [(p["code"], p["class"], p["method"]) for p in failed] == [("expired_card", "N", "pm_old")], failed)
    check("read: attempts", read.get("network") == {"attempts_window": 1, "attempts_day": 1}, read.get("network"))
    check("read: methods", {m["id"] for m in read.get("methods", [])} == {"pm_old", "pm_1"})
    allowed = ["Unrecognized request URL"] if old else []
    wrong = [v for v in fake.get("state")["violations"] if not any(a in v for a in allowed)]
    check("read: nothing wrong was sent", not wrong, wrong)


class Hook(http.server.BaseHTTPRequestHandler):
    got = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Hook.got.append((self.headers.get("Stripe-Signature"), body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def fake_itself(fake):
    fake.scene()
    first = fake.post("/v1/invoices/in_1", "auto_advance=false", "k1")
    again = fake.post("/v1/invoices/in_1", "auto_advance=false", "k1")
    check("fake: a key replays", first[1] == again[1] and again[2]["Idempotent-Replayed"] == "true")
    check("fake: a key with other parameters", b"idempotency_error" in fake.post("/v1/invoices/in_1", "auto_advance=true", "k1")[1])
    check("fake: an unknown parameter", b"parameter_unknown" in fake.post("/v1/invoices/in_1", "nonsense=1", "k2")[1])
    check("fake: a wrong type", fake.post("/v1/invoices/in_1", "auto_advance=maybe", "k3")[0] == 400)
    check("fake: a wrong key", fake.call("/v1/invoices", None, {"Authorization": "Bearer sk_other"})[0] == 401)
    fake.test("fault", match="POST /v1/invoices/in_1", kind="slow", delay_s=1)
    slow = threading.Thread(target=fake.post, args=("/v1/invoices/in_1", "auto_advance=false", "k4"))
    slow.start()
    time.sleep(0.4)
    check("fake: a key in flight", fake.post("/v1/invoices/in_1", "auto_advance=false", "k4")[0] == 409)
    slow.join()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"

    def right(header, body):
        at = header.split(",")[0][2:]
        return "v1=" + hmac.new(b"whsec_fake", at.encode() + b"." + body, hashlib.sha256).hexdigest() in header

    for mode, good, n in (("good", True, 1), ("several", True, 1), ("replay", True, 2), ("bad_signature", False, 1), ("tampered", False, 1)):
        Hook.got.clear()
        fake.test("webhook", url=url, object="in_1", mode=mode)
        check(f"fake: webhook {mode}", len(Hook.got) == n and all(right(*g) == good for g in Hook.got) and len(set(Hook.got)) == 1, Hook.got)
    Hook.got.clear()
    fake.test("hooks", url=url, only=["invoice.paid"])
    fake.test("pay", invoice="in_1")
    time.sleep(0.5)
    check("fake: events by themselves", [json.loads(b)["type"] for _, b in Hook.got] == ["invoice.paid"], Hook.got)
    server.shutdown()


def main():
    fake, old = Fake(), Fake("--old")
    try:
        fake_itself(fake)
        engine(fake)
        states(fake)
        money(fake)
        settling(fake)
        catching_up(fake)
        reading(fake, False)
        reading(old, True)
    finally:
        for f in (fake, old):
            f.process.terminate()
            f.process.wait(5)
    print(f"{checks} checks, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
