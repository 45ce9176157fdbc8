#!/usr/bin/env python3
"""What the Zuora driver does when the answer is late, lost, wrong or refused, and that the money moves once or not at all.

Each write meets each fault of the fake; afterwards the fake's own books are compared with what the driver said. Also: reads that lag,
tokens that expire, success:false with each code, a hold that stops notices, payment runs and retry cycles, and that the fake itself refuses
what it must."""
import json
import subprocess
import sys

from faults import LATER, OPEN, Fake, check, summary

PAY = {"customer": "acc-1", "invoice": "inv-1", "currency": "USD"}
HOLD = {"customer": "acc-1", "invoices": ["inv-1"], "until_ms": 1894000000000, "reason": "renewal", "case": "N-1"}
ROWS = [{"n": 1, "date": "2027-02-01", "amount": 6005, "invoice": "inv-1"}, {"n": 2, "date": "2027-03-01", "amount": 6005, "invoice": "inv-1"}]
PLAN = {"customer": "acc-1", "invoices": ["inv-1"], "plan": "A-5", "currency": "USD", "instalments": ROWS}
USUAL = {"account": {"profile": "prof-usual", "auto_pay": True, "cycles": []}}
SET = "PUT /v1/accounts/acc-1"
CODES = {"code_99_after": True, "code_61": False, "code_99": False}
SOFT = ["insufficient_funds", "402 - [card_error/card_declined/insufficient_funds] Your card has insufficient funds."]


class Zuora(Fake):
    options = {}

    def drive(self, op, **args):
        self.n += 1
        options = dict({"client_id": "client-fake", "client_secret": "secret-fake", "muted_profile": "prof-muted", "cpr_url": self.root,
                        "cpr_user": "bot@example.com", "cpr_token": "cpr-fake"}, **self.options)
        command = [self.program, "-c", json.dumps(options), self.root, op, f"key-{self.n}", json.dumps(args)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        last = done.stdout.strip().split("\n")[-1]
        return last.split(" ")[0], last

    def token(self):
        status, body, _ = self.call("POST", "/oauth/token", b"client_id=client-fake&client_secret=secret-fake&grant_type=client_credentials",
                                    {"Content-Type": "application/x-www-form-urlencoded"})
        assert status == 200, body
        return {"Authorization": "Bearer " + json.loads(body)["access_token"], "Content-Type": "application/json"}


def scene(fake, cycle=False, **account):
    fake.test("reset")
    fake.test("account", **dict({"id": "acc-1"}, **account))
    fake.test("invoice", id="inv-1", account="acc-1", cents=12010, link="https://pay.example.com/x")
    if cycle:
        fake.test("account", **dict({"id": "acc-1", "decline": SOFT}, **account))
        assert "run" in fake.test("advance", days=1)


def clean(fake, name):
    check(name + ": nothing wrong was sent", not fake.get("state")["violations"], fake.get("state")["violations"])


def quiet(fake):
    a = fake.get("state")["accounts"]["acc-1"]
    return a["profile"] == "prof-muted" and not a["auto_pay"]


def money(fake):
    for path, settlement in (("/v1/payments", True), ("/v1/operations/invoice-collect", False)):
        for kind, happens in {**OPEN, **CODES}.items():
            scene(fake)
            fake.test("set", settlement=settlement)
            fake.test("fault", match="POST " + path, kind=kind)
            word, last = fake.drive("collect", **PAY)
            state, name = fake.get("state"), f"collect {path} {kind}"
            check(name + ": the word fits the books", word == ("done" if happens else "refused"), last)
            check(name + ": charged once or not at all", state["taken"].get("acc-1", 0) == (12010 if happens else 0), state["taken"])
            check(name + ": sent once", len(fake.writes("POST", path)) == 1)
            clean(fake, name)
        for kind in (*LATER, "code_50", "code_70", "401"):
            scene(fake)
            fake.test("set", settlement=settlement)
            fake.test("fault", match="POST " + path, kind=kind, retry_after=1)
            word, last = fake.drive("collect", **PAY)
            keys = {w["key"] for w in fake.writes("POST", path)}
            check(f"collect {path} {kind}: later", word == "done" and fake.get("state")["taken"] == {"acc-1": 12010}, last)
            check(f"collect {path} {kind}: a fresh key where the old one only repeats", len(keys) == (2 if kind[0] == "c" else 1), keys)
        for by in ("status", "failure"):
            for lost in (False, True):
                scene(fake, decline=SOFT)
                fake.test("set", settlement=settlement, declines_by=by)
                if lost:
                    fake.test("fault", match="POST " + path, kind="drop")
                word, last = fake.drive("collect", **PAY)
                check(f"a decline by {by}, lost {lost}", word == "refused" and '"class":"S"' in last and '"code":"insufficient_funds"' in last, last)
                check("a decline takes nothing", fake.get("state")["taken"] == {})
    for fault in (None, "drop"):
        scene(fake)
        fake.test("lag", reads=2)
        if fault:
            fake.test("fault", match="POST /v1/payments", kind=fault)
        word, last = fake.drive("collect", **dict(PAY, amount=4018))
        check(f"collect, reads lag, {fault}: once", word == "done" and fake.get("state")["taken"] == {"acc-1": 4018}, last)
        check(f"collect, reads lag, {fault}: what is left", fake.result(last).get("due") == 7992, last)
    scene(fake, status="Processing")
    word, last = fake.drive("collect", **PAY)
    check("a bank debit is pending", word == "done" and '"pending"' in last, last)
    scene(fake)
    fake.test("fault", match="POST /v1/payments", kind="hang", delay_s=5.5)
    word, last = fake.drive("collect", **PAY)
    check("silence after the effect: found", word == "done" and fake.get("state")["taken"] == {"acc-1": 12010}, last)


CREDIT = {"customer": "acc-1", "invoice": "inv-1", "amount": 5000, "currency": "USD", "reason": "outage", "case": "N-1"}
SETTLING = (("credit", CREDIT, "POST", "/v1/credit-memos/invoice/inv-1"), ("write_off", dict(CREDIT, amount=12010), "PUT", "/v1/invoices/inv-1/write-off"),
            ("note", {"customer": "acc-1", "text": "they pay on Friday", "case": "N-1"}, "PUT", "/v1/accounts/acc-1"))


def happened(state, op, args):
    """How often; -1 when the books do not add up."""
    memos, invoice = state["memos"], state["invoices"]["inv-1"]
    if op == "note":
        return state["accounts"]["acc-1"]["notes"].count(args["text"])
    return len(memos) if invoice["balance"] == 12010 - args["amount"] * len(memos) else -1


def settling(fake):
    for op, args, method, path in SETTLING:
        for kind, happens in {**OPEN, **CODES}.items():
            scene(fake)
            fake.test("fault", match=f"{method} {path}", kind=kind)
            word, last = fake.drive(op, **args)
            name = f"{op} {kind}"
            check(name + ": the word fits the books", word == ("done" if happens else "refused"), last)
            check(name + ": once or not at all", happened(fake.get("state"), op, args) == int(happens), fake.get("state"))
            check(name + ": sent once", len(fake.writes(method, path)) == 1)
            clean(fake, name)
        for kind in (*LATER, "code_50", "code_70", "401"):
            scene(fake)
            fake.test("fault", match=f"{method} {path}", kind=kind, retry_after=1)
            word, last = fake.drive(op, **args)
            check(f"{op} {kind}: later", word == "done" and happened(fake.get("state"), op, args) == 1, last)
        for fault in (None, "drop"):
            scene(fake)
            fake.test("lag", reads=2)
            if fault:
                fake.test("fault", match=f"{method} {path}", kind=fault)
            word, last = fake.drive(op, **args)
            check(f"{op}, reads lag, {fault}: once", word == "done" and happened(fake.get("state"), op, args) == 1, last)
    for op, args in (("credit", CREDIT), ("write_off", dict(CREDIT, amount=12010))):
        scene(fake)
        fake.test("set", settlement=False)
        word, last = fake.drive(op, **args)
        check(f"{op} without Invoice Settlement: said", word == "refused" and "Invoice Settlement" in last, last)
    for kind in (*OPEN, *LATER, *CODES):
        scene(fake)
        fake.test("fault", match="PUT /v1/invoices/inv-1", kind=kind)
        word, last = fake.drive("defer", customer="acc-1", invoice="inv-1", until_ms=1894000000000)
        check(f"defer {kind}", word == "done" and fake.get("state")["invoices"]["inv-1"]["due"] == "2030-01-08", last)
        clean(fake, f"defer {kind}")


def catching_up(fake):
    scene(fake)
    fake.drive("collect", **dict(PAY, amount=4018))
    fake.test("account", id="acc-1", decline=SOFT)
    fake.drive("collect", **PAY)
    word, last = fake.drive("catch_up", since_ms=1700000000000)
    check("catch_up: nothing of the last minutes", word == "done" and fake.result(last)["events"] == [], last)
    for p in list(fake.get("state")["payments"]):
        fake.test("backdate", id=p, days=1)
    word, last = fake.drive("catch_up", since_ms=1700000000000)
    check("catch_up: what was refused and what went through", [e["kind"] for e in fake.result(last).get("events", [])] == ["paid", "failed"], last)
    word, last = fake.drive("overdue", before_ms=1794000000000)
    check("overdue", [i["due"] for i in fake.result(last).get("invoices", [])] == [7992], last)
    clean(fake, "catch_up")
    fake.test("set", filters=False)
    word, last = fake.drive("overdue", before_ms=1794000000000)
    check("a tenant that does not filter: said", word == "refused" and "a person has to look there" in last, last)


def holds(fake):
    for kind in (*OPEN, *LATER, *CODES, "code_50", "code_70", "401"):
        scene(fake)
        fake.test("fault", match=SET, kind=kind)
        word, last = fake.drive("hold", **HOLD)
        check(f"hold {kind}", word == "done" and quiet(fake), last)
        check(f"hold {kind}: what was before", fake.result(last).get("prior") == USUAL, last)
        fake.test("fault", match=SET, kind=kind)
        word, last = fake.drive("release", prior=USUAL, **HOLD)
        a = fake.get("state")["accounts"]["acc-1"]
        check(f"release {kind}", word == "done" and a["profile"] == "prof-usual" and a["auto_pay"], last)
        clean(fake, f"hold and release {kind}")
    scene(fake)
    fake.test("lag", reads=2)
    word, last = fake.drive("hold", **HOLD)
    check("hold, reads lag: written once", word == "done" and len(fake.writes("PUT", "/v1/accounts/acc-1")) == 1, last)
    scene(fake)
    fake.options = {"muted_profile": "prof-none"}
    word, last = fake.drive("hold", **HOLD)
    check("hold, a profile that is not there: refused, nothing changed", word == "refused" and not quiet(fake), last)
    fake.options = {}


def engines(fake):
    scene(fake, decline=SOFT)
    check("Zuora reminds, charges and retries while nobody holds it", {"remind", "run", "retry"} == set(fake.test("advance", days=3)))
    scene(fake, decline=SOFT)
    fake.drive("hold", **HOLD)
    check("a hold stops notices and payment runs", fake.test("advance", days=9) == [])
    for restores in (False, True):
        scene(fake, cycle=True)
        fake.test("set", restores=restores)
        word, last = fake.drive("hold", **HOLD)
        prior = fake.result(last).get("prior", {})
        check("a hold leaves the retry cycle", word == "done" and quiet(fake) and not fake.get("state")["cycles"], last)
        check("what leaving it shows of autoPay is kept", prior == {"account": {"profile": "prof-usual", "auto_pay": restores, "cycles": [{"invoice": "inv-1"}]}}, prior)
        check("and all three engines are still", fake.test("advance", days=9) == [])
        word, last = fake.drive("release", prior=prior, **HOLD)
        check("a release goes back into it", word == "done" and "note" not in fake.result(last) and list(fake.get("state")["cycles"]) == ["inv-1"], last)
        check("where it retries", {"remind", "retry"} == set(fake.test("advance", days=2)))
        clean(fake, "cycle")
    for kind in (*OPEN, "code_99"):
        for path, op in (("PUT /api/v1/payments/remove_account_from_retry_cycle/acc-1", "hold"), ("POST /api/v1/payments/submit_failed_payment", "release")):
            scene(fake, cycle=True)
            prior = {"account": {"profile": "prof-usual", "auto_pay": False, "cycles": [{"invoice": "inv-1"}]}}
            if op == "release":
                fake.drive("hold", **HOLD)
            fake.test("fault", match=path, kind=kind)
            word, last = fake.drive(op, **(dict(HOLD, prior=prior) if op == "release" else HOLD))
            inside = bool(fake.get("state")["cycles"])
            told = "note" in fake.result(last)
            check(f"{op}, the cycle's answer {kind}: the word fits", word == "done" and inside == (op == "release" and not told), last)
            check(f"{op}, the cycle's answer {kind}: asked at most as often as it may", len(fake.writes(*path.split(" "))) <= (2 if op == "hold" else 1))
    scene(fake, cycle=True)
    fake.options = {"cpr_token": "wrong"}
    word, last = fake.drive("hold", **HOLD)
    check("a wrong password at CPR: refused before anything changed", word == "refused" and "cpr" in last and not quiet(fake) and "wrong" not in last, last)
    fake.options = {}
    scene(fake, cycle=True)
    fake.test("fault", match="PUT /api/v1/payments/remove_account_from_retry_cycle/acc-1", kind="403")
    word, last = fake.drive("hold", **HOLD)
    a = fake.get("state")["accounts"]["acc-1"]
    check("a cycle that cannot be left: the account is put back", word == "refused" and a["profile"] == "prof-usual", last)


def plans(fake):
    for kind, happens in {**OPEN, **CODES}.items():
        scene(fake)
        fake.test("fault", match="POST /v1/payment-schedules", kind=kind)
        word, last = fake.drive("plan", **PLAN)
        check(f"plan {kind}: one schedule", word == "done" and len(fake.get("state")["schedules"]) == 1 and quiet(fake), last)
        check(f"plan {kind}: sent again only after a look", len(fake.writes("POST", "/v1/payment-schedules")) == (1 if happens else 2))
        number = fake.result(last).get("id", "")
        check(f"plan {kind}: native, with what was before", fake.result(last).get("mode") == "native" and fake.result(last).get("prior") == USUAL, last)
        fake.test("fault", match=f"PUT /v1/payment-schedules/{number}/cancel", kind=kind)
        word, last = fake.drive("unplan", id=number, customer="acc-1", invoices=["inv-1"])
        check(f"unplan {kind}", word == "done" and fake.get("state")["schedules"][number]["status"] == "Canceled", last)
        clean(fake, f"plan {kind}")
    scene(fake)
    fake.drive("plan", **PLAN)
    check("the schedule collects on its dates, and nothing else does", fake.test("advance", days=200) == ["schedule", "schedule"])
    check("all of it, to the cent", fake.get("state")["taken"] == {"acc-1": 12010})
    scene(fake)
    word, last = fake.drive("plan", **dict(PLAN, instalments=[dict(ROWS[0], date="2020-01-01"), ROWS[1]]))
    check("a date that is past: refused, and nothing is held", word == "refused" and not quiet(fake) and not fake.get("state")["schedules"], last)
    scene(fake)
    fake.drive("hold", **HOLD)
    word, last = fake.drive("plan", **dict(PLAN, instalments=[dict(ROWS[0], date="2020-01-01"), ROWS[1]]))
    check("the same under a hold: the hold stays", word == "refused" and quiet(fake), last)


def reading(fake):
    for filters in (True, False):
        scene(fake, cycle=True)
        fake.test("set", filters=filters)
        for n in range(60):
            fake.test("invoice", id=f"n{n}", account="acc-1", cents=100 + n)
        word, last = fake.drive("read", customer="A0001", invoice="inv-1")
        read = fake.result(last) if word == "done" else {}
        mine = [i for i in read.get("invoices", []) if i["id"] == "inv-1"]
        check(f"read, filters {filters}: every open invoice, over pages", len(read.get("invoices", [])) == 61, last[:300])
        check("read: the cycle", mine and mine[0]["attempts"] == 1 and mine[0]["auto_advance"] and mine[0]["due"] == 12010, mine)
        failed = [p for p in read.get("payments", []) if p["status"] == "failed"]
        check("read: the failure, with its class", [(p["invoice"], p["code"], p["class"]) for p in failed] == [("inv-1", "insufficient_funds", "S")], failed)
        check("read: methods", [m["brand"] for m in read.get("methods", [])] == ["visa"])
    for purpose in ("pay", "update_method"):
        word, last = fake.drive("link", customer="acc-1", invoice="inv-1", purpose=purpose)
        check("link " + purpose, word == "done" and fake.result(last) == {"url": "https://pay.example.com/x"}, last)
    word, last = fake.drive("check")
    check("check", word == "done" and "with Configurable Payment Retry" in last, last)
    for options, words in (({"client_secret": "wrong"}, "client_secret"), ({"cpr_token": "wrong"}, "cpr_token")):
        fake.options = options
        word, last = fake.drive("check")
        check(f"check with {options}", word == "refused" and words in last and '"wrong"' not in last, last)
        fake.options = {}
    clean(fake, "reading")


def tokens(fake):
    scene(fake)
    fake.test("fault", match="POST /oauth/token", kind="503", times=2)
    word, last = fake.drive("collect", **PAY)
    check("a token after two failures", word == "done", last)
    scene(fake)
    fake.test("fault", match="POST /oauth/token", kind="drop")
    word, last = fake.drive("collect", **PAY)
    check("a token's answer that was lost", word == "done" and fake.get("state")["minted"] == 2, last)
    scene(fake)
    fake.test("fault", match="GET /v1/accounts/acc-1", kind="401", times=2)
    word, last = fake.drive("collect", **PAY)
    check("denied twice: refused", word == "refused" and "client_secret" in last and "tok-fake" not in last, last)


def fake_itself(fake):
    scene(fake)
    fake.headers = fake.token()
    body = json.dumps({"accountId": "acc-1", "amount": 1.1, "currency": "USD", "type": "Electronic", "paymentMethodId": "pm-1",
                       "invoices": [{"invoiceId": "inv-1", "amount": 1.1}], "comment": "x"})

    def post(text, key="k1"):
        return fake.api("POST", "/v1/payments", text, Idempotency_Key=key)

    def refused(answer):
        return answer[0] >= 400 or json.loads(answer[1]).get("success") is False

    first, again = post(body), post(body)
    check("fake: a key replays", first[:2] == again[:2] and again[2]["Idempotency-Replayed"] == "true" and fake.get("state")["taken"] == {"acc-1": 110})
    check("fake: a key for something else", post(body.replace("1.1", "2.1"))[0] == 422)
    fake.test("ahead", seconds=86401)
    check("fake: a token expires", post(body)[0] == 401)
    fake.headers = fake.token()
    check("fake: a key is forgotten", not refused(post(body)) and fake.get("state")["taken"] == {"acc-1": 220})
    for n, (what, text) in enumerate({"amounts as text": body.replace("1.1,", '"1.1",'), "parts of a cent": body.replace("1.1", "1.105"),
                                      "unknown fields": body.replace('"comment"', '"remark"'), "more than is left": body.replace("1.1", "1000")}.items()):
        check("fake: no " + what, refused(post(text, f"w{n}")))
    check("fake: no key on a PUT", fake.api("PUT", "/v1/accounts/acc-1", "{}", Idempotency_Key="k")[0] == 400)
    check("fake: a key on a POST", fake.api("POST", "/v1/payments", body)[0] == 400)
    check("fake: an unknown profile", refused(fake.api("PUT", "/v1/accounts/acc-1", '{"communicationProfileId":"x"}')))
    check("fake: nobody without a token", fake.call("GET", "/v1/accounts/acc-1")[0] == 401)
    check("fake: CPR takes no token", fake.api("GET", "/api/v1/payments/active_invoice_cycle_information/inv-1")[0] == 401)


def main():
    fake = Zuora("zuora", "", {})
    try:
        for part in (fake_itself, tokens, money, holds, engines, plans, reading):
            part(fake)
    finally:
        fake.close()
    return summary()


if __name__ == "__main__":
    sys.exit(main())
