#!/usr/bin/env python3
"""What the Chargebee driver does when the answer is late, lost, wrong or refused, and that the money moves once or not at all.

Each write meets each fault of the fake; afterwards the fake's own books are compared with what the driver said. Also: reads that lag,
keys that Chargebee has forgotten, a hold that stops retries and reminders, and that the fake itself refuses what it must."""
import base64
import json
import sys
import time

from faults import LATER, OPEN, Fake, Receiver, check, summary

UNTIL = (int(time.time()) + 20 * 86400) * 1000
PAY = {"customer": "cus_1", "invoice": "7", "currency": "USD", "method": "pm_1", "case": "N-1"}
HOLD = {"customer": "cus_1", "invoices": ["7"], "case": "N-1", "until_ms": UNTIL, "reason": "renewal"}
RELEASE = {"customer": "cus_1", "invoices": ["7"], "prior": {"7": {"auto_advance": True}}}
COLLECT, PAUSE, RESUME = (f"/invoices/7/{w}" for w in ("collect_payment", "pause_dunning", "resume_dunning"))


def scene(fake, **source):
    fake.test("reset")
    fake.test("customer", id="cus_1", sources=[{"id": "pm_old", "decline": "expired_card"}, dict({"id": "pm_1"}, **source)])
    fake.test("invoice", id="7", customer="cus_1", amount=12050)


def clean(fake, name):
    check(name + ": nothing wrong was sent", not fake.get("state")["violations"], fake.get("state")["violations"])


def money(fake):
    for amount in (12050, 4018):
        for kind, happens in {**OPEN, **({"hang": True} if amount == 4018 else {})}.items():
            scene(fake)
            fake.test("fault", match="POST " + COLLECT, kind=kind, delay_s=5.5)
            word, last = fake.drive("collect", amount=amount, **PAY)
            state, name = fake.get("state"), f"collect {amount} {kind}"
            check(name + ": the word fits the books", word == ("done" if happens else "refused"), last)
            check(name + ": charged once or not at all", state["taken"].get("cus_1", 0) == (amount if happens else 0), state["taken"])
            check(name + ": sent once", len(fake.writes("POST", COLLECT)) == 1)
            clean(fake, name)
    for kind in LATER:
        scene(fake)
        fake.test("fault", match="POST " + COLLECT, kind=kind, times=2, retry_after=1)
        word, last = fake.drive("collect", **PAY)
        check(f"collect {kind}: later", word == "done" and fake.get("state")["taken"] == {"cus_1": 12050}, last)
        check(f"collect {kind}: one key", len({w["key"] for w in fake.writes("POST", COLLECT)}) == 1)
    scene(fake)
    fake.test("lag", reads=2)
    word, last = fake.drive("collect", **PAY)
    check("collect, reads lag: paid", word == "done" and fake.result(last)["outcome"] == "paid", last)
    scene(fake)
    fake.test("lag", reads=2)
    fake.test("fault", match="POST " + COLLECT, kind="drop")
    word, last = fake.drive("collect", **PAY)
    check("collect, lost and reads lag: found, taken once", word == "done" and fake.get("state")["taken"] == {"cus_1": 12050}, last)
    scene(fake, decline="insufficient_funds")
    for fault in (False, True):
        if fault:
            fake.test("fault", match="POST " + COLLECT, kind="drop")
        word, last = fake.drive("collect", **PAY)
        check(f"a decline, lost {fault}", word == "refused" and '"class":"S"' in last and "insufficient_funds" in last, last)
    check("declines take nothing", fake.get("state")["taken"] == {})
    scene(fake, behaviour="processing")
    word, last = fake.drive("collect", **PAY)
    check("a bank debit is pending", word == "done" and '"pending"' in last and fake.get("state")["taken"] == {}, last)
    word, last = fake.drive("collect", **PAY)
    check("a second one is not begun", word == "done" and '"pending"' in last and len(fake.writes("POST", COLLECT)) == 1, last)


CREDIT = {"customer": "cus_1", "invoice": "7", "amount": 2050, "currency": "USD", "reason": "outage", "case": "N-1"}
SETTLING = (("credit", CREDIT, "/credit_notes", lambda s: len(s["credit_notes"]) if s["invoices"]["7"]["amount_due"] == 12050 - 2050 * len(s["credit_notes"]) else -1),
            ("write_off", dict(CREDIT, amount=12050), "/invoices/7/write_off", lambda s: int(s["invoices"]["7"].get("write_off_amount") == 12050)),
            ("note", dict(CREDIT, text="they pay on Friday"), "/comments", lambda s: len(s["comments"])))


def settling(fake):
    for op, args, path, happened in SETTLING:
        for kind, happens in OPEN.items():
            scene(fake)
            fake.test("fault", match="POST " + path, kind=kind)
            word, last = fake.drive(op, **args)
            check(f"{op} {kind}: the word fits the books", word == ("done" if happens else "refused"), last)
            check(f"{op} {kind}: once or not at all", happened(fake.get("state")) == int(happens), fake.get("state"))
            check(f"{op} {kind}: sent once", len(fake.writes("POST", path)) == 1)
            clean(fake, f"{op} {kind}")
        for kind in LATER:
            scene(fake)
            fake.test("fault", match="POST " + path, kind=kind, times=2, retry_after=1)
            word, last = fake.drive(op, **args)
            check(f"{op} {kind}: later", word == "done" and happened(fake.get("state")) == 1, last)
        for fault in (None, "drop"):
            scene(fake)
            fake.test("lag", reads=2)
            if fault:
                fake.test("fault", match="POST " + path, kind=fault)
            word, last = fake.drive(op, **args)
            check(f"{op}, reads lag, {fault}: once", word == "done" and happened(fake.get("state")) == 1, last)
    for kind in (*OPEN, *LATER):
        scene(fake)
        fake.test("fault", match="POST " + PAUSE, kind=kind)
        word, last = fake.drive("defer", customer="cus_1", invoice="7", until_ms=UNTIL)
        check(f"defer {kind}", word == "done" and fake.get("state")["invoices"]["7"].get("expected_payment_date") == UNTIL // 1000, last)


def catching_up(fake):
    scene(fake)
    for n in range(60):
        fake.test("event", type="payment_failed" if n % 2 else "plan_updated", invoice="7", ago=900 - n)
    fake.test("event", type="payment_succeeded", invoice="7")
    since, cursor, rows = (int(time.time()) - 3600) * 1000, None, []
    while cursor != "":
        word, last = fake.drive("catch_up", since_ms=since, **({"cursor": cursor} if cursor else {}))
        rows += fake.result(last).get("events", [])
        cursor = fake.result(last).get("cursor", "")
    check("catch_up: all pages, oldest first, nothing of the last minute", len(rows) == 30 and rows == sorted(rows, key=lambda r: r["created_ms"]), rows[:3])
    word, last = fake.drive("overdue", before_ms=int(time.time()) * 1000)
    check("overdue", [(i["invoice"], i["due"]) for i in fake.result(last).get("invoices", [])] == [("7", 12050)], last)
    clean(fake, "catch_up")


def states(fake):
    for op, args, path in (("hold", HOLD, PAUSE), ("release", RELEASE, RESUME)):
        for kind in (*OPEN, *LATER):
            scene(fake)
            if op == "release":
                fake.drive("hold", **HOLD)
            fake.test("fault", match="POST " + path, kind=kind)
            word, last = fake.drive(op, **args)
            paused = fake.get("state")["invoices"]["7"].get("expected_payment_date", 0) * 1000
            check(f"{op} {kind}", word == "done" and paused == (UNTIL if op == "hold" else 0), last)
            clean(fake, f"{op} {kind}")
        scene(fake)
        fake.drive("hold", **HOLD) if op == "release" else None
        fake.test("lag", reads=2)
        word, last = fake.drive(op, **args)
        check(f"{op}, reads lag: written once", word == "done" and len(fake.writes("POST", path)) == 1, last)
    scene(fake)
    fake.test("fault", match="POST " + PAUSE, kind="500", times=9)
    word, last = fake.drive("hold", **HOLD)
    check("hold: given up in the end, nothing claimed", word != "done", last)
    for kind in ("401", "403"):
        scene(fake)
        fake.test("fault", match="POST " + PAUSE, kind=kind)
        word, last = fake.drive("hold", **HOLD)
        check(f"hold {kind}", word == "refused" and "api_key" in last and "key_fake" not in last, last)
    scene(fake)
    fake.drive("hold", **HOLD)
    fake.test("ahead", seconds=3600)
    word, last = fake.drive("hold", **dict(HOLD, until_ms=UNTIL + 10 * 86400000))
    check("another date: resumed and paused again", word == "done" and fake.get("state")["invoices"]["7"]["expected_payment_date"] == UNTIL // 1000 + 10 * 86400, last)
    check("another date: what was is told", fake.result(last).get("prior") == {"7": {"auto_advance": False, "paused_until_ms": UNTIL}}, last)
    scene(fake)
    fake.test("customer", id="cus_1", sources=[{"id": "pm_1"}], auto=False)
    word, last = fake.drive("hold", **HOLD)
    check("hold without automatic collection: refused in Chargebee's words", word == "refused" and "auto collection is off" in last, last)


def engine(fake):
    scene(fake)
    check("Chargebee retries and reminds while nobody holds it", {"retry", "remind"} <= set(fake.test("advance", days=2)))
    scene(fake)
    fake.drive("hold", **HOLD)
    check("a hold stops both", fake.test("advance", days=15) == [])
    check("on the day it collects by itself", "collect on the day" in fake.test("advance", days=6))
    scene(fake)
    fake.drive("hold", **HOLD)
    fake.drive("release", **RELEASE)
    check("a release brings both back", {"retry", "remind"} <= set(fake.test("advance", days=1)))
    scene(fake)
    day = (int(time.time()) + 10 * 86400) * 1000
    word, last = fake.drive("plan", plan="A-1", instalments=[{"n": 1, "date_ms": day, "amount": 6025}, {"n": 2, "date_ms": day + 86400000, "amount": 6025}],
                            **{k: v for k, v in HOLD.items() if k != "until_ms"})
    check("a plan is held by Dunwell", word == "done" and '"held_by_dunwell"' in last, last)
    check("and quiet until two days after its end", fake.test("advance", days=12) == [])
    word, last = fake.drive("collect", amount=6025, **PAY)
    check("a part can be collected meanwhile", word == "done" and fake.result(last)["outcome"] == "partially_paid", last)
    clean(fake, "engine")


def reading(fake):
    scene(fake)
    fake.test("invoice", id="8", customer="cus_1", amount=500, status="posted", dunning=None)
    for n in range(60):
        fake.test("invoice", id=f"n{n}", customer="cus_1", amount=100, status="not_paid", dunning="exhausted")
    word, last = fake.drive("read", customer="cus_1", invoice="7")
    read = fake.result(last) if word == "done" else {}
    check("read: every overdue invoice, over pages", len(read.get("invoices", [])) == 61, last[:200])
    failed = [p for p in read.get("payments", []) if p["invoice"] == "7"]
    check("read: the failure, with its class", [(p["code"], p["class"], p["method"]) for p in failed] == [("expired_card", "N", "pm_old")], failed)
    check("read: attempts", read.get("network") == {"attempts_window": 62, "attempts_day": 62}, read.get("network"))
    check("read: methods", {m["id"] for m in read.get("methods", [])} == {"pm_old", "pm_1"})
    check("read: subscription", read.get("subscription") == {"id": "sub_1", "status": "active"})
    for purpose in ("pay", "update_method"):
        word, last = fake.drive("link", customer="cus_1", invoice="7", purpose=purpose)
        check("link " + purpose, word == "done" and '"url":"https://acme-test.chargebee.com/' in last, last)
    check("check", fake.drive("check") == ("done", 'done {"who":"site acme-test"}'))
    clean(fake, "reading")


def fake_itself(fake):
    def post(path, form, key, **more):
        return fake.api("POST", path, form, chargebee_idempotency_key=key, Content_Type="application/x-www-form-urlencoded", **more)

    scene(fake)
    until = f"expected_payment_date={UNTIL // 1000}"
    first, again = post(PAUSE, until, "k1"), post(PAUSE, until, "k1")
    check("fake: a key replays", first[:2] == again[:2] and again[2]["chargebee-idempotency-replayed"] == "true")
    check("fake: a key with other parameters", post(PAUSE, until + "&comment=x", "k1")[0] == 422)
    check("fake: paused twice", post(PAUSE, until, "k2")[0] == 409)
    fake.test("ahead", seconds=1801)
    check("fake: a key is forgotten", post(PAUSE, until, "k1")[0] == 409)
    check("fake: an unknown parameter", post(RESUME, "nonsense=1", "k3")[0] == 400)
    check("fake: too much", post(COLLECT, "amount=12051&payment_source_id=pm_1", "k4")[0] == 400)
    check("fake: no source", post(COLLECT, "amount=1", "k5")[0] == 404)
    check("fake: an unknown filter", fake.api("GET", "/invoices?nonsense=1")[0] == 400)
    check("fake: a wrong key", fake.api("GET", "/invoices", Authorization="Basic eA==")[0] == 401)
    check("fake: no key at all", fake.api("POST", RESUME, "comment=x", Content_Type="application/x-www-form-urlencoded")[0] == 400)


def webhooks(fake):
    scene(fake)
    receiver = Receiver()
    said = fake.test("webhook", url=receiver.url, type="payment_failed", invoice="7")
    headers, body = receiver.got[0]
    event = json.loads(body)
    check("fake: a webhook", said == {"status": 200} and headers["Authorization"] == "Basic aG9vazpob29rX2Zha2U=")
    check("fake: what it says", (event["event_type"], event["content"]["invoice"]["customer_id"]) == ("payment_failed", "cus_1"), event)
    receiver.close()


def main():
    fake = Fake("chargebee", "/api/v2", {"Authorization": "Basic " + base64.b64encode(b"key_fake:").decode()})
    try:
        for part in (fake_itself, webhooks, engine, states, money, settling, catching_up, reading):
            part(fake)
    finally:
        fake.close()
    return summary()


if __name__ == "__main__":
    sys.exit(main())
