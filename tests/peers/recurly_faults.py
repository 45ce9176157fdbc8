#!/usr/bin/env python3
"""What the Recurly driver does when the answer is late, lost, wrong or refused, and that the money moves once or not at all.

Each write meets each fault of the fake; afterwards the fake's own books are compared with what the driver said. Also: reads
that lag, keys that Recurly has forgotten, that a debt is never written off but by a write-off, and that the fake refuses what it must."""
import base64
import hashlib
import hmac
import json
import sys
import time

from faults import LATER, OPEN, Fake, Receiver, check, summary

PAY = {"customer": "acme", "invoice": "number-1031", "currency": "USD", "method": "bi1", "case": "N-1"}
COLLECT = "/invoices/number-1031/collect"
OLD = {"id": "bi_old", "decline": {"category": "hard", "code": "expired_card", "decline_code": "expired_card"}}


def scene(fake, **card):
    fake.test("reset")
    fake.test("account", code="acme", cards=[OLD, dict({"id": "bi1"}, **card)])
    fake.test("invoice", number="1031", account="acme", amount=12050)


def clean(fake, name):
    state = fake.get("state")
    check(name + ": nothing wrong was sent", not state["violations"], state["violations"])
    check(name + ": no debt was written off", state["written_off"] == 0)


OFF = {"customer": "acme", "invoice": "number-1031", "amount": 12050, "currency": "USD", "reason": "bankrupt", "case": "N-1"}


def settling(fake):
    for op, args, method, path, happened in (("write_off", OFF, "PUT", "/invoices/number-1031/mark_failed", lambda s: s["written_off"]),
                                             ("note", dict(OFF, text="they pay on Friday"), "POST", "/accounts/code-acme/notes", lambda s: len(s["notes"]))):
        for kind, happens in OPEN.items():
            scene(fake)
            fake.test("fault", match=f"{method} {path}", kind=kind)
            word, last = fake.drive(op, **args)
            state = fake.get("state")
            check(f"{op} {kind}: the word fits the books", word == ("done" if happens else "refused"), last)
            check(f"{op} {kind}: once or not at all", happened(state) == int(happens), state)
            check(f"{op} {kind}: sent once", len(fake.writes(method, path)) == 1)
            check(f"{op} {kind}: nothing wrong was sent", not state["violations"], state["violations"])
        for kind in LATER:
            scene(fake)
            fake.test("fault", match=f"{method} {path}", kind=kind, times=2, retry_after=1)
            word, last = fake.drive(op, **args)
            check(f"{op} {kind}: later", word == "done" and happened(fake.get("state")) == 1, last)
    for kind in (*OPEN, *LATER):
        scene(fake)
        fake.test("fault", match="PUT /invoices/number-1031", kind=kind)
        word, last = fake.drive("defer", customer="acme", invoice="number-1031", until_ms=(int(time.time()) + 9 * 86400) * 1000)
        check(f"defer {kind}", word == "done" and fake.get("state")["invoices"]["1031"]["state"] == "pending", last)
        clean(fake, f"defer {kind}")
    credit(fake)
    scene(fake)
    for n in range(60):
        fake.test("invoice", number=f"2{n:03}", account="acme", amount=100)
    word, last = fake.drive("overdue", before_ms=int(time.time()) * 1000)
    first = fake.result(last)
    word, last = fake.drive("overdue", before_ms=int(time.time()) * 1000, cursor=first.get("cursor", ""))
    check("overdue: over pages", len(first.get("invoices", [])) == 50 and len(fake.result(last).get("invoices", [])) == 11, last[:300])
    clean(fake, "overdue")
    catch_up(fake)


def credit(fake):
    """Made once and put on the invoice once, whichever of the two calls the fault meets."""
    args = dict(OFF, amount=2050)
    for method, path in (("POST", "/purchases"), ("PUT", "/invoices/number-1031/apply_credit_balance")):
        for kind, happens in {**OPEN, **dict.fromkeys(LATER, False)}.items():
            scene(fake)
            fake.test("fault", match=f"{method} {path}", kind=kind, retry_after=1)
            word, last = fake.drive("credit", **args)
            if word == "refused":  # it was looked for and is not there: nothing may have happened
                check(f"credit {kind} at {path}: nothing was made", not happens and path == "/purchases" and not fake.get("state")["lines"], last)
                word, last = fake.drive("credit", **args)
            state = fake.get("state")
            check(f"credit {kind} at {path}", word == "done" and fake.result(last)["due"] == 10000, last)
            check(f"credit {kind} at {path}: once", len(state["lines"]) == 1 and state["credit"] == {"acme": 0} and state["invoices"]["1031"]["minor"] == 10000, state)
            fake.n -= 1
            word, last = fake.drive("credit", **args)
            check(f"credit {kind} at {path}: the same once more changes nothing", word == "done" and fake.get("state")["invoices"]["1031"]["minor"] == 10000, last)
            clean(fake, f"credit {kind}")
    scene(fake)
    fake.test("credit", account="acme", amount=700)
    word, last = fake.drive("credit", **args)
    check("credit: other credit of the account is left alone", word == "refused" and "$7.00 of other credit" in last and fake.get("state")["credit"] == {"acme": 700}, last)
    scene(fake)
    word, last = fake.drive("credit", **dict(OFF, amount=12050))
    check("credit: the whole of it", word == "done" and fake.result(last)["status"] == "paid", last)
    clean(fake, "credit")


def catch_up(fake):
    """Over pages, oldest first; what is of the last minutes waits. The answers of a slow or stumbling Recurly change nothing."""
    def missed(cursor=None, events=()):
        word, last = fake.drive("catch_up", since_ms=(int(time.time()) - 86400) * 1000, **({"cursor": cursor} if cursor else {}))
        result = fake.result(last)
        events = [*events, *result.get("events", [])]
        return missed(result["cursor"], events) if result.get("cursor") else (word, events)

    fake.test("reset")
    fake.test("account", code="acme", cards=[{"id": "bi1", "decline": {"category": "soft", "code": "insufficient_funds"}}])
    for n in range(130):
        fake.test("invoice", number=f"3{n:03}", account="acme", amount=100)
    check("catch_up: nothing of the last minutes", missed() == ("done", []))
    hour_ago = time.time() - 3600
    for n in range(130):
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(hour_ago - n))
        fake.test("transaction_set", id=f"t{n + 1}", updated_at=at, **({"status": "success"} if n == 7 else {}))
    for kind in (None, *LATER):
        if kind:
            fake.test("fault", match="GET /transactions", kind=kind, retry_after=1)
        word, events = missed()
        check(f"catch_up {kind}: all pages, oldest first", word == "done" and [e["invoice"] for e in events] == [f"number-3{n:03}" for n in reversed(range(130))], events[:2])
        check(f"catch_up {kind}: what went through", [e["invoice"] for e in events if e["kind"] == "paid"] == ["number-3007"])
    clean(fake, "catch_up")


def money(fake):
    for kind, happens in {**OPEN, "hang": True}.items():
        scene(fake)
        fake.test("fault", match="PUT " + COLLECT, kind=kind, delay_s=5.5)
        word, last = fake.drive("collect", **PAY)
        state, name = fake.get("state"), f"collect {kind}"
        check(name + ": the word fits the books", word == ("done" if happens else "refused"), last)
        check(name + ": charged once or not at all", state["taken"].get("acme", 0) == (12050 if happens else 0), state["taken"])
        check(name + ": sent once", len(fake.writes("PUT", COLLECT)) == 1)
        clean(fake, name)
    for kind in LATER:
        scene(fake)
        fake.test("fault", match="PUT " + COLLECT, kind=kind, times=2, retry_after=1)
        word, last = fake.drive("collect", **PAY)
        check(f"collect {kind}: later", word == "done" and fake.get("state")["taken"] == {"acme": 12050}, last)
        check(f"collect {kind}: one key", len({w["key"] for w in fake.writes("PUT", COLLECT)}) == 1)
    for fault in (None, "drop"):
        scene(fake)
        fake.test("lag", reads=2)
        if fault:
            fake.test("fault", match="PUT " + COLLECT, kind=fault)
        word, last = fake.drive("collect", **PAY)
        check(f"collect, reads lag, {fault}: paid once", word == "done" and fake.get("state")["taken"] == {"acme": 12050}, last)
    for kind in ("401", "403"):
        scene(fake)
        fake.test("fault", match="PUT " + COLLECT, kind=kind)
        word, last = fake.drive("collect", **PAY)
        check(f"collect {kind}", word == "refused" and "api_key" in last and "key_fake" not in last, last)
    for category, code, letter in (("soft", "insufficient_funds", "S"), ("fraud", "fraud_stolen_card", "H"), ("three_d_secure_required", "x", "A")):
        scene(fake, decline={"category": category, "code": code, "message": "no", "merchant_advice": "ask them"})
        word, last = fake.drive("collect", **PAY)
        check(f"a decline, {category}", word == "refused" and f'"class":"{letter}"' in last, last)
        check("declines take nothing", fake.get("state")["taken"] == {})
    scene(fake, decline={"category": "soft", "code": "insufficient_funds"})
    fake.test("fault", match="PUT " + COLLECT, kind="drop")
    word, last = fake.drive("collect", **PAY)
    check("a decline behind a lost answer is found", word == "refused" and "insufficient_funds" in last and '"class":"S"' in last, last)
    scene(fake, behaviour="processing")
    word, last = fake.drive("collect", **PAY)
    check("a bank debit is pending", word == "done" and '"pending"' in last, last)
    word, last = fake.drive("collect", **PAY)
    check("a second one is not begun", word == "done" and len(fake.writes("PUT", COLLECT)) == 1, last)
    scene(fake)
    word, last = fake.drive("collect", amount=4018, **PAY)
    check("a part is not charged", word == "refused" and not fake.writes("PUT", COLLECT), last)
    fake.test("invoice_set", number="1031", minor=999)
    word, last = fake.drive("collect", amount=12050, **PAY)
    check("nor another balance than was approved", word == "refused" and not fake.writes("PUT", COLLECT), last)


def by_hand(fake):
    scene(fake)
    fake.test("invoice", number="1032", account="acme", amount=700)
    before = len(fake.get("log"))
    for op in ("hold", "release"):
        word, last = fake.drive(op, customer="acme", invoices=["number-1031"], until_ms=1, prior={})
        check(op + ": a person's work, in words", word == "refused" and "invoice 1031" in last and "Recurly console" in last, last)
    check("nothing was sent for it", len(fake.get("log")) == before)
    rows = [{"n": 1, "amount": 12050, "invoice": "number-1031"}, {"n": 2, "amount": 700, "invoice": "number-1032"}]
    word, last = fake.drive("plan", customer="acme", invoices=["number-1031", "number-1032"], instalments=rows)
    check("a plan of whole invoices", word == "done" and '"held_by_dunwell"' in last and "Stop Dunning" in last, last)
    word, last = fake.drive("plan", customer="acme", invoices=["number-1031"], instalments=[{"amount": 6025}, {"amount": 6025}])
    check("a plan of parts is not promised", word == "refused" and "as a whole" in last, last)
    clean(fake, "by hand")


def reading(fake):
    scene(fake)
    for n in range(60):
        fake.test("invoice", number=f"{2000 + n}", account="acme", amount=101)
    fake.test("invoice", number="3000", account="acme", amount=1, state="pending")
    word, last = fake.drive("read", customer="acme", invoice="number-1031")
    read = fake.result(last) if word == "done" else {}
    check("read: every invoice past due, over pages", len(read.get("invoices", [])) == 61, last[:200])
    check("read: exact amounts", {i["due"] for i in read.get("invoices", [])} == {12050, 101})
    failed = [p for p in read.get("payments", []) if p["invoice"] == "number-1031"]
    check("read: the failure, with its class", [(p["code"], p["class"], p["method"]) for p in failed] == [("expired_card", "N", "bi_old")], failed)
    check("read: attempts", read.get("network", {}).get("attempts_day") == 61, read.get("network"))
    check("read: methods", {m["id"] for m in read.get("methods", [])} == {"bi_old", "bi1"})
    uuid = next(iter(fake.get("state")["transactions"]))
    for name in ("number-1031", "uuid-" + uuid):
        word, last = fake.drive("resolve", invoice=name)
        check("resolve " + name, word == "done" and fake.result(last) == {"customer": "acme", "invoice": "number-1031"}, last)
    word, last = fake.drive("link", customer="acme", invoice="number-1031", purpose="pay")
    check("link", last == 'done {"url":"https://fake.recurly.com/account/tok_fake"}', last)
    check("check", fake.drive("check")[0] == "done")
    clean(fake, "reading")


def fake_itself(fake):
    def put(path, body, key):
        return fake.api("PUT", path, json.dumps(body), Idempotency_Key=key, Content_Type="application/json")

    scene(fake)
    first, again = put(COLLECT, {"billing_info_id": "bi1"}, "k1"), put(COLLECT, {"billing_info_id": "bi1"}, "k1")
    check("fake: a key replays", first[:2] == again[:2] and again[2]["Idempotency-Prior"] == "true" and first[0] == 200)
    check("fake: a key with another body", put(COLLECT, {}, "k1")[0] == 422)
    fake.test("ahead", seconds=3601)
    check("fake: a key is forgotten after an hour", put(COLLECT, {"billing_info_id": "bi1"}, "k1")[0] == 422 and fake.get("state")["taken"] == {"acme": 12050})
    scene(fake)
    check("fake: an unknown field", put(COLLECT, {"amount": 1}, "k2")[0] == 400)
    check("fake: an unknown parameter", fake.api("GET", "/accounts/code-acme/invoices?nonsense=1")[0] == 400)
    check("fake: another version", fake.api("GET", "/accounts/code-acme", Accept="application/json")[0] == 406)
    check("fake: a wrong key", fake.api("GET", "/accounts/code-acme", Authorization="Basic eA==")[0] == 401)
    check("fake: somebody else's card", put(COLLECT, {"billing_info_id": "bi7"}, "k3")[0] == 422)


def webhooks(fake):
    scene(fake)
    receiver = Receiver()

    def signed(headers, body):
        at, *signatures = headers["recurly-signature"].split(",")
        return hmac.new(b"whk_fake", at.encode() + b"." + body, hashlib.sha256).hexdigest() in signatures, len(at), len(signatures)

    for mode, want in (("good", (True, 13, 1)), ("two_keys", (True, 13, 2)), ("seconds", (True, 10, 1)), ("bad", (False, 13, 1)), ("old", (True, 13, 1))):
        receiver.got.clear()
        fake.test("webhook", url=receiver.url, object="charge_invoice", event="past_due", number=1031, mode=mode)
        check(f"fake: webhook {mode}", [signed(*g) for g in receiver.got] == [want], receiver.got)
    receiver.close()


def main():
    fake = Fake("recurly", "", {"Authorization": "Basic " + base64.b64encode(b"key_fake:").decode(), "Accept": "application/vnd.recurly.v2021-02-25+json"})
    try:
        for part in (fake_itself, webhooks, by_hand, money, settling, reading):
            part(fake)
    finally:
        fake.close()
    return summary()


if __name__ == "__main__":
    sys.exit(main())
