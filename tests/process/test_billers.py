"""Two billing systems beside each other: what no webhook told, one customer at both, and one that is slow."""
import time

from harness import ACCOUNTS, Fake, run, wait_for, words

SECRET = {"RECURLY_API_KEY": "key_fake", "RECURLY_WEBHOOK_KEY": "whk_fake"}


def begin(w, start=True):
    """Stripe, which sends no events; Recurly, which bills Globex; and Northwind, whom both bill and who owes nothing yet."""
    slack, stripe, dw = w.begin(hooks=False, start=False)
    recurly = Fake("recurly.py")
    w.parts.append(recurly)
    dw.env.update(SECRET)
    dw.config["billing"]["recurly"] = {"kind": "recurly", "base_url": recurly.url, "subdomain": "acme", "api_key": {"env": "RECURLY_API_KEY"},
                                       "webhook_secret": {"env": "RECURLY_WEBHOOK_KEY"}}
    dw.write_config()
    dw.write_accounts([{**a, "billing": "recurly", "billing_id": "globex"} if a["account"] == "globex" else a for a in ACCOUNTS])
    with open(dw.folder + "/accounts.csv", "a") as f:  # the second row of an account: only where else it is billed
        f.write("northwind,,,,,,,,,,,,,recurly,nw-7,,,\n")
    stripe.post("customer", id="cus_northwind", name="Northwind", methods=[{"decline": "insufficient_funds", "id": "pm_northwind"}])
    recurly.post("account", code="nw-7")
    if start:
        dw.start()
    return slack, stripe, recurly, dw


def unpaid_at_recurly(recurly, account, number, minor):
    recurly.post("account", code=account, cards=[{"id": "b" + number, "decline": {"category": "soft", "code": "insufficient_funds"}}])
    recurly.post("invoice", number=number, account=account, amount=minor)


def ago(seconds):
    return int(time.time()) - seconds


def test_what_no_webhook_told(w):
    slack, stripe, recurly, dw = begin(w)
    wait_for("the first answer", lambda: dw.one("SELECT not_before_ms > created_ms FROM effects WHERE op = 'catch_up' AND driver = 'stripe' AND is_live = 1"))
    dw.stop()  # an hour in which its webhooks went nowhere
    dw.sql("UPDATE effects SET args = json_set(args, '$.since_ms', ?) WHERE op = 'catch_up' AND driver = 'stripe' AND is_live = 1", ago(3600) * 1000)
    stripe.post("clock", now=ago(600))
    stripe.failed("northwind", 1200_00)
    stripe.failed("initech", 90_00)
    dw.start()
    slack.await_card("U0AE1", "Northwind", "$1,200.00 unpaid")
    said = wait_for("how many", lambda: dw.journal("catch_up"))
    assert len(said) == 1 and " of stripe had not arrived as webhooks since " in said[0] and said[0].endswith("they are handled now"), said
    missed = int(said[0].split()[0])
    assert missed >= 2 and dw.metric("dunwell_webhooks_missed_total") == missed, (said, dw.metric("dunwell_webhooks_missed_total"))
    assert f"{missed} of stripe had not arrived and were asked for" in dw.log()
    cases = dw.one("SELECT count(*) FROM recoveries")
    stored = dw.one("SELECT count(*) FROM inbox")
    dw.restart()  # asks again: nothing is handled twice
    dw.settle()
    assert (dw.one("SELECT count(*) FROM recoveries"), dw.one("SELECT count(*) FROM inbox")) == (cases, stored) == (2, stored)
    assert len(dw.journal("catch_up")) == 1


def test_what_is_overdue_opens_its_case(w):
    slack, stripe, recurly, dw = begin(w, start=False)
    unpaid_at_recurly(recurly, "globex", "2001", 800_00)
    stripe.post("clock", now=ago(3 * 86400))
    stripe.post("invoice", customer="cus_northwind", amount=500_00, collection="send_invoice")
    dw.start()
    slack.await_card("U0AE2", "Globex", "$800.00 unpaid")
    slack.await_card("U0AE1", "Northwind", "$500.00 unpaid")
    assert sorted(wait_for("both are said", lambda: len(dw.journal("overdue")) == 2 and dw.journal("overdue"))) == [
        f"1 account of {b} had overdue invoices that no webhook announced; their cases are open now" for b in ("recurly", "stripe")]
    dw.settle()
    assert dw.one("SELECT count(*) FROM inbox") == 0, "no event was needed"
    dw.stop()
    dw.sql("UPDATE effects SET not_before_ms = 1 WHERE op = 'overdue' AND is_live = 1")  # a day later
    dw.start()
    wait_for("the next look", lambda: dw.one("SELECT min(not_before_ms) FROM effects WHERE op = 'overdue' AND is_live = 1") > 1)
    dw.settle()
    assert dw.one("SELECT count(*) FROM recoveries") == 2 and len(dw.journal("overdue")) == 2


def test_one_customer_at_both(w):
    slack, stripe, recurly, dw = begin(w, start=False)
    unpaid_at_recurly(recurly, "nw-7", "1001", 120_00)
    dw.start()
    slack.await_card("U0AE1", "Northwind", "$120.00 unpaid")
    stripe.post("hooks", url=f"http://127.0.0.1:{dw.port}/hooks/stripe", attempts=60)
    invoice = stripe.failed("northwind", 1200_00)
    card = slack.await_card("U0AE1", "Owed: $120.00 at recurly, $1,200.00 at stripe")
    assert dw.one("SELECT count(*) FROM recoveries") == 1
    wait_for("Stripe is quiet", lambda: stripe.invoice(invoice)["auto_advance"] is False)
    card = slack.await_card("U0AE1", "by hand at recurly ($120.00 on 1001)", "press Stop Dunning", "When it is done: done A-1")
    assert not [e for e in recurly.log() if e["method"] != "GET"], "Recurly is asked for nothing that it cannot do"
    dw.restart()
    assert "is done, by your word" in slack.say("U0AE1", "done A-1")
    card = slack.await_card("U0AE1", "On hold until", "done by hand at recurly")
    assert "by hand at recurly ($120.00" not in words(card), words(card)
    slack.say("U0AE1", "resume northwind")
    wait_for("Stripe goes on", lambda: stripe.invoice(invoice)["auto_advance"])
    slack.await_card("U0AE1", "by hand at recurly ($120.00 on 1001)", "decide in the Recurly console")


def test_a_slow_one_keeps_nobody_waiting(w):
    slack, stripe, recurly, dw = begin(w, start=False)
    stripe.fault(match="GET *", kind="slow", delay_s=6, times=1000)
    dw.start()
    for n in range(12):  # more than one billing system may have under way
        stripe.post("hooks", url=f"http://127.0.0.1:{dw.port}/hooks/stripe", attempts=60)
        stripe.failed(f"slow{n}", 100_00)
    wait_for("Stripe's cases", lambda: dw.one("SELECT count(*) FROM recoveries") == 12)
    unpaid_at_recurly(recurly, "globex", "2001", 800_00)
    begun = time.monotonic()
    recurly.post("webhook", url=f"http://127.0.0.1:{dw.port}/hooks/recurly", object="charge_invoice", event="past_due", number="2001")
    slack.await_card("U0AE2", "Globex", "$800.00 unpaid")
    took = time.monotonic() - begun
    still = dw.one("SELECT count(*) FROM recoveries WHERE read_ms = 0")
    assert still > 0, f"Stripe was done before, after {took:.1f} s: this shows nothing"
    slack.say("U0COLLECT1", "queue")  # and chat answers


def test_no_more_at_once_than_are_taken(w):
    """Zuora takes three calls at the same time and says so with each answer, and when its next hour begins, 50 minutes from now. While others
    need all three, ours are tried one by one, and not after that; then all come through, and hardly one is refused."""
    slack, stripe, dw = w.begin(hooks=False, start=False)
    zuora = Fake("zuora.py")
    w.parts.append(zuora)
    dw.env["ZUORA_CLIENT_SECRET"] = "secret-fake"
    dw.config["billing"]["zuora"] = {"kind": "zuora", "base_url": zuora.url, "client_id": "client-fake", "client_secret": {"env": "ZUORA_CLIENT_SECRET"},
                                     "webhook_user": "u", "webhook_password": {"env": "ZUORA_CLIENT_SECRET"}, "muted_profile": "prof-muted"}
    dw.write_config()
    names = [f"z{n}" for n in range(16)]
    dw.write_accounts([{"account": a, "name": "Zuora " + a, "annual_value": "1200", "ae": "ae1", "billing": "zuora", "billing_id": a} for a in names])
    zuora.post("at_once", most=3, takes_s=0.05, others=3)
    for n, a in enumerate(names):
        zuora.post("account", id=a, number=f"A{n}")
        zuora.post("invoice", id="i" + a, account=a, cents=5000, due="2026-01-20")
    dw.start()
    wait_for("a call that is refused", lambda: zuora.post("at_once")["refused"] > 0)
    zuora.post("at_once", others=0)
    wait_for("all cases", lambda: dw.one("SELECT count(*) FROM recoveries WHERE read_ms > 0") == 16)
    dw.settle()
    calls, crowd = len([e for e in zuora.log() if e["path"] != "/oauth/token"]), zuora.post("at_once")
    assert calls > 40 and crowd["refused"] < 25, (calls, crowd)
    assert zuora.state()["minted"] == 1, "one token for all of them"
    assert not zuora.violations(), zuora.violations()


if __name__ == "__main__":
    run(globals())
