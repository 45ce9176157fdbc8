"""What may go wrong around money: declines of each kind, answers that never come, limits, shadow mode. Each approved effect happens exactly once."""
from harness import PEOPLE, run, wait_for, words
from test_loop import ask_plan, await_line, day, held


def policy(dw, text, other):
    with open(dw.folder + "/policy.yaml") as f:
        all_of_it = f.read()
    assert text in all_of_it
    dw.write("policy.yaml", all_of_it.replace(text, other))


def test_soft_decline_retry_and_mail(w):
    slack, stripe, dw = w.begin(mail=True)
    invoice = stripe.failed("initech", 80_00, decline="insufficient_funds")
    wait_for("the mail", lambda: w.mail.got)
    dw.settle()
    mail = w.mail.got[0]
    text = mail.content.decode()
    assert mail.rcpt_tos == ["pay@initech.example"] and mail.mail_from == "billing@example.com"
    assert stripe.invoice(invoice)["hosted_invoice_url"] in text.replace("=\r\n", "").replace("=3D", "=") and "80.00" in text, text
    assert dw.sql("SELECT rule FROM decisions ORDER BY id LIMIT 1") == [("soft-decline",)]
    assert not stripe.effects("charged") and stripe.invoice(invoice)["auto_advance"] is False, "Stripe must not retry by itself meanwhile"
    due = dw.one("SELECT due_ms FROM timers WHERE kind = 'retry'")
    assert due % 86400000 == 9 * 3600000, "at nine in the customer's morning"
    stripe.post("method_set", id="pm_initech", decline=None)
    dw.stop()
    dw.due_now("retry")
    dw.start()
    wait_for("the retry", lambda: stripe.invoice(invoice)["status"] == "paid")
    wait_for("the case to close", lambda: dw.one("SELECT outcome FROM recoveries") == "paid")
    dw.restart()
    dw.settle()
    assert len(stripe.effects("charged")) == 1 and stripe.taken("initech") == 80_00
    assert len(w.mail.got) == 1, "one mail, not one a step"


def test_payment_disputed_at_the_bank(w):
    """Stripe's event names neither customer nor invoice, and is not believed: the charge is read. The retry that waited is off, the AE is told."""
    slack, stripe, dw = w.begin()
    invoice = stripe.failed("initech", 80_00)
    wait_for("the retry to wait", lambda: dw.one("SELECT count(*) FROM timers WHERE kind = 'retry'"))
    dw.settle()
    charge = stripe.post("dispute", customer="cus_initech", amount=50_00)["id"]
    card = slack.await_card("U0AE1", "Initech", "the customer disputes it")
    dw.settle()
    assert dw.one("SELECT count(*) FROM timers WHERE kind = 'retry'") == 0 and stripe.invoice(invoice)["auto_advance"] is False
    what = f"a payment of $50.00 is disputed at the customer's bank ({charge})"
    assert f"{what}, and answers it at stripe; no notice and no retry runs until" in words(card), words(card)
    said = slack.say("U0AE1", "status initech")
    assert what in said.split("Last note")[1], said
    stripe.post("webhook", type="charge.dispute.created", object={"id": "du_2", "object": "dispute", "charge": "ch_nobody"})
    wait_for("what cannot be read", lambda: [t for t in dw.journal("event.ignored") if "Stripe does not know the charge ch_nobody" in t])
    stripe.expected.append("ch_nobody")
    assert len(dw.journal("dispute")) == 1 and not stripe.effects("charged")


def test_the_bank_decides(w):
    """Stripe's word about the dispute itself is read back, for the charge says "disputed" for ever. Won: the policy goes on. Lost: a person does."""
    slack, stripe, dw = w.begin()
    invoice = stripe.failed("initech", 80_00)
    wait_for("the retry to wait", lambda: dw.one("SELECT count(*) FROM timers WHERE kind = 'retry'"))
    won, lost = (stripe.post("dispute", customer="cus_initech", amount=amount)["id"] for amount in (50_00, 60_00))
    wait_for("both to be known", lambda: len(dw.journal("dispute")) == 2)
    dw.settle()
    stripe.post("webhook", type="charge.dispute.closed", object={"id": "du_x", "object": "dispute", "charge": won, "status": "won"})  # a lie
    stripe.post("dispute_end", charge=lost, status="warning_closed")
    slack.await_card("U0AE1", "Initech", f"asks no more about the payment of $60.00 ({lost}): nothing is taken back")
    dw.settle()
    assert dw.one("SELECT count(*) FROM recoveries WHERE state = 7") == 1, "the other one is open: what an event says of it does not count"
    stripe.post("dispute_end", charge=won, status="won")
    slack.await_card("U0AE1", "Initech", f"decided for us: the payment of $50.00 ({won}) stays with us")
    wait_for("the retry to wait again", lambda: dw.one("SELECT count(*) FROM timers WHERE kind = 'retry'"))
    again = stripe.post("dispute", customer="cus_initech", amount=70_00)["id"]
    wait_for("it to be known", lambda: len(dw.journal("dispute")) == 3)
    stripe.post("dispute_end", charge=again, status="lost")
    card = slack.await_card("U0AE1", "Initech", f"the payment of $70.00 ({again}) is taken back for good")
    assert f"how the $70.00 that the bank took back ({again}) is paid; stripe does not ask for it again by itself" in words(card), words(card)
    dw.settle()
    assert dw.one("SELECT count(*) FROM timers WHERE kind = 'retry'") == 0 and stripe.invoice(invoice)["auto_advance"] is False
    assert len(dw.journal("dispute.over")) == 3 and not stripe.effects("charged")


def test_soft_decline_again_then_queue(w):
    slack, stripe, dw = w.begin(mail=True)
    invoice = stripe.failed("initech", 80_00)
    for n in (2, 3, 4):
        wait_for("the next retry to be planned", lambda: dw.sql("SELECT 1 FROM timers WHERE kind = 'retry'"))
        dw.settle()
        dw.stop()
        dw.due_now("retry")
        dw.start()
        wait_for(f"attempt {n}", lambda: len(stripe.effects("declined")) == n - 1)
    wait_for("the queue", lambda: "Initech" in slack.say("U0COLLECT1", "queue"))
    dw.settle()
    assert not dw.sql("SELECT 1 FROM timers WHERE kind = 'retry'")
    assert len(w.mail.got) == 1 and not stripe.effects("charged")


def test_hard_decline_never_retries(w):
    slack, stripe, dw = w.begin(mail=True)
    invoice = stripe.failed("hooli", 90_00, decline="lost_card")
    wait_for("the mail", lambda: w.mail.got)
    dw.settle()
    assert dw.sql("SELECT rule FROM decisions ORDER BY id LIMIT 1") == [("hard-decline",)]
    assert "Content-Language: de" in w.mail.got[0].content.decode() or "=C3" in w.mail.got[0].content.decode() or "Zahlung" in w.mail.got[0].content.decode()
    assert not dw.sql("SELECT 1 FROM timers WHERE kind = 'retry'")
    said = slack.say("U0COLLECT1", "retry hooli")
    assert "No retry" in said, said
    dw.settle()
    assert not stripe.effects("charged") and not [e for e in stripe.effects("declined") if e["by"] != "first attempt"]


def test_mail_server_says_later_and_never(w):
    slack, stripe, dw = w.begin(mail=True)
    w.mail.answers = ["451 try later"]
    stripe.failed("initech", 80_00)
    wait_for("the first try", lambda: not w.mail.answers)
    dw.stop()
    dw.sql("UPDATE effects SET not_before_ms = 1 WHERE is_live = 1")
    dw.start()
    wait_for("the mail", lambda: w.mail.got)
    w.mail.answers = ["550 no such person"]
    stripe.failed("hooli", 90_00, decline="lost_card")
    wait_for("the second", lambda: not w.mail.answers)
    slack.await_card("C0COLLECT", "Hooli") if dw.one("SELECT owner FROM recoveries WHERE account = 'hooli'") == "" else slack.await_card("U0AE2", "Hooli")
    dw.settle()
    assert len(w.mail.got) == 1


def test_mail_under_way_at_the_stop(w):
    slack, stripe, dw = w.begin(mail=True)
    w.mail.pause_s = 1
    stripe.failed("initech", 80_00)
    wait_for("the mail to be under way", lambda: w.mail.begun)
    dw.stop()
    assert dw.sql("SELECT 1 FROM journal WHERE verb = 'mail.sent'"), "its answer was waited for"
    dw.start()
    dw.settle()
    assert len(w.mail.got) == 1


def plan_with(w, **fault):
    """An approved plan whose writes meet a fault -> the invoice."""
    invoice, card = held(w)
    ref, request = ask_plan(w)
    w.stripe.fault(**fault)
    assert w.slack.click("U0MANAGER1", request, "approve")["acked"]
    return invoice, request


def check_one_plan(w, invoice):
    await_line(w, "U0AE1", "9 x about $1,333.33", "confirmed")
    w.dw.settle()
    assert w.dw.one("SELECT count(*) FROM plans") == 1 and w.dw.one("SELECT count(*) FROM instalments") == 9
    writes = [e for e in w.stripe.writes() if e["status"] == 200 and not e["replayed"] and e["key"] == "dunwell-p2" or "p2" in (e["key"] or "")]
    done = [e for e in writes if e["status"] == 200 and not e["replayed"] and e["fault"] not in ("drop_before", "hang_before", "429", "500", "503")]
    assert len(done) <= 1, writes
    assert w.stripe.invoice(invoice)["auto_advance"] is False


def test_plan_meets_trouble(w):
    slack, stripe, dw = w.begin()
    invoice, request = plan_with(w, match="POST /v1/invoices/*", kind="drop")
    check_one_plan(w, invoice)


def test_plan_meets_429(w):
    slack, stripe, dw = w.begin()
    invoice, request = plan_with(w, match="POST /v1/invoices/*", kind="429", retry_after=1, times=2)
    check_one_plan(w, invoice)


def test_plan_meets_500_after(w):
    slack, stripe, dw = w.begin()
    invoice, request = plan_with(w, match="POST /v1/invoices/*", kind="500_after")
    check_one_plan(w, invoice)


def test_plan_in_kronur(w):
    """Stripe says 100000 for a thousand kronur and takes no part of one; people read, and are charged, kronur."""
    slack, stripe, dw = w.begin(start=False)
    dw.write("people.yaml", PEOPLE.replace("{USD: 50000}", "{USD: 50000, ISK: 5000000}"))
    dw.start()
    invoice = stripe.failed("northwind", 100000, currency="isk")
    slack.await_card("U0AE1", "ISK 1,000 unpaid")
    dw.settle()
    ref, request = ask_plan(w, how="3x")
    assert "ISK 334" in words(request), words(request)
    assert slack.click("U0MANAGER1", request, "approve")["acked"]
    await_line(w, "U0AE1", "3 x about ISK 333", "confirmed")
    stripe.post("method_set", id="pm_northwind", decline=None)
    dw.settle()
    dw.stop()
    dw.sql("UPDATE timers SET due_ms = 1 WHERE kind = 'instalment' AND ref = (SELECT min(ref) FROM timers WHERE kind = 'instalment')")
    dw.start()
    wait_for("the first part", lambda: stripe.effects("charged"))
    wait_for("the case to know", lambda: dw.one("SELECT count(*) FROM instalments WHERE state = 'paid'") == 1)
    assert stripe.taken("northwind") == 33400 and stripe.invoice(invoice)["amount_remaining"] == 66600
    slack.await_card("U0AE1", "ISK 666")


def collect(w, **fault):
    """A retry by hand whose charge meets a fault -> the invoice."""
    invoice = w.stripe.failed("initech", 80_00)
    wait_for("the decision", lambda: w.dw.one("SELECT count(*) FROM decisions"))
    w.dw.settle()
    w.stripe.post("method_set", id="pm_initech", decline=None)
    w.stripe.post("hooks", off=True)  # only the read-back can tell
    if fault:
        w.stripe.fault(match="POST /v1/invoices/*/pay", **fault)
    said = w.slack.say("U0COLLECT1", "retry Initech")
    assert "A-" in said, said
    return invoice


def speed_up(w, until, what):
    """What waits for a later moment is due: restarts until it is so."""
    for _ in range(8):
        try:
            return wait_for(what, until, 3)
        except AssertionError:
            w.dw.stop()
            w.dw.sql("UPDATE effects SET not_before_ms = 1 WHERE is_live = 1")
            w.dw.start()
    raise AssertionError(f"{what} did not come")


def paid_once(w, invoice):
    speed_up(w, lambda: w.dw.one("SELECT outcome FROM recoveries") == "paid", "the payment to be known")
    w.dw.settle()
    assert w.stripe.taken("initech") == 80_00 and len(w.stripe.effects("charged")) == 1, w.stripe.effects()
    assert w.stripe.invoice(invoice)["status"] == "paid"


def test_timeout_after_the_effect(w):
    slack, stripe, dw = w.begin()
    invoice = collect(w, kind="hang", delay_s=4)  # the money is taken, then silence, then the connection breaks
    wait_for("unknown", lambda: any(".unknown" in v for v, in dw.sql("SELECT verb FROM journal")))
    paid_once(w, invoice)
    assert dw.metric("dunwell_calls_lost_total") is not None
    assert any("onfirmed" in t for t in dw.journal("retry.confirmed")), dw.journal()


def test_cut_after_the_effect(w):
    slack, stripe, dw = w.begin()
    paid_once(w, collect(w, kind="drop"))


def test_cut_before_the_effect(w):
    """Nobody knows whether it arrived, so it is looked up and not sent again: failed, nothing taken, and the case goes on."""
    slack, stripe, dw = w.begin()
    invoice = collect(w, kind="drop_before")
    speed_up(w, lambda: dw.journal("retry.failed"), "the failure")
    assert dw.journal("retry.unknown") and not dw.journal("retry.confirmed")
    dw.settle()
    assert len([e for e in stripe.writes() if e["path"].endswith("/pay")]) == 1, "never a blind retry"
    assert not stripe.effects("charged") and dw.one("SELECT next_step FROM recoveries WHERE is_open = 1")


def test_500_after_the_effect(w):
    slack, stripe, dw = w.begin()
    paid_once(w, collect(w, kind="500_after"))


def test_garbage_after_the_effect(w):
    slack, stripe, dw = w.begin()
    paid_once(w, collect(w, kind="garbage"))


def test_429_then_paid(w):
    slack, stripe, dw = w.begin()
    paid_once(w, collect(w, kind="429", retry_after=1, times=2))


def test_two_collectors_one_charge(w):
    slack, stripe, dw = w.begin()
    invoice = collect(w, kind="slow", delay_s=1)
    said = slack.say("U0MANAGER1", "retry Initech")
    assert "already" in said, said
    paid_once(w, invoice)


def test_vanished_invoice(w):
    slack, stripe, dw = w.begin()
    invoice, card = held(w)
    stripe.expected.append("No such invoice")
    ref, request = ask_plan(w)
    stripe.post("hooks", off=True)
    stripe.post("invoice_set", invoice=invoice, status="deleted")
    slack.click("U0MANAGER1", request, "approve")
    wait_for("the failure on the card", lambda: "ailed" in words(slack.again(request)) or "oided" in words(slack.again(request)) or
             "ithdrawn" in words(slack.again(request)))
    dw.settle()
    assert dw.one("SELECT count(*) FROM plans") == 0
    open_cases = dw.sql("SELECT next_step FROM recoveries WHERE is_open = 1")
    assert all(step for step, in open_cases)


def test_decline_on_retry_fails_and_goes_on(w):
    slack, stripe, dw = w.begin()
    invoice = stripe.failed("initech", 80_00)
    wait_for("the decision", lambda: dw.one("SELECT count(*) FROM decisions"))
    dw.settle()
    slack.say("U0COLLECT1", "retry Initech")
    wait_for("failed", lambda: dw.journal("retry.failed"))
    assert "insufficient" in dw.journal("retry.failed")[0], dw.journal("retry.failed")
    dw.settle()
    assert dw.one("SELECT next_step FROM recoveries WHERE is_open = 1")


def test_shadow_writes_nothing(w):
    slack, stripe, dw = w.begin(mail=True, mode="shadow")
    stripe.failed("northwind", 12000_00)
    stripe.failed("initech", 80_00)
    stripe.failed("hooli", 90_00, decline="lost_card")
    card = slack.await_card("C0COLLECT", "[SHADOW]", "Northwind")
    assert not [b for b in card["blocks"] if b["type"] == "actions"]
    wait_for("three decisions", lambda: dw.one("SELECT count(*) FROM decisions WHERE mode = 'shadow'") >= 3)
    dw.settle()
    said = slack.say("U0AE1", f"plan northwind 3x from {day(10)}")
    assert "hadow" in said, said
    slack.say("U0COLLECT1", "retry initech")
    slack.say("U0COLLECT1", "link hooli")
    dw.settle()
    assert not stripe.writes(), stripe.writes()
    assert not w.mail.got
    assert {m["channel"] for m in slack.messages()} == {"C0COLLECT"}
    assert any("SHADOW" in t for t in dw.journal("decided"))
    for kind in ("retry", "hold_end", "instalment"):
        assert not dw.sql("SELECT 1 FROM timers WHERE kind = ?", kind), kind


def test_facts_get_worse(w):
    """An approval is bound to what was shown: when more is unpaid by then, the yes does nothing."""
    slack, stripe, dw = w.begin()
    held(w)
    ref, request = ask_plan(w)
    stripe.failed("northwind", 30000_00)
    slack.await_card("U0AE1", "$42,000.00")
    slack.click("U0FINANCE1", request, "approve", force=True)
    wait_for("the request to be void", lambda: "oid" in words(slack.again(request)))
    dw.settle()
    assert dw.one("SELECT count(*) FROM plans") == 0 and not dw.journal("plan.executing")


if __name__ == "__main__":
    run(globals())
