"""The loop, whole: a failed payment becomes a card, a decision, an executed and read-back effect, and ends with the payment."""
import datetime
import time

from harness import run, wait_for, words


def day(n):
    return (datetime.date.today() + datetime.timedelta(days=n)).isoformat()


def held(w, account="northwind", amount=12000_00, ae="U0AE1"):
    """A strategic account's payment fails; the hold is confirmed. -> (invoice, the case's card)"""
    invoice = w.stripe.failed(account, amount)
    card = w.slack.await_card(ae, f"${amount // 100:,}.00")
    w.dw.settle()
    return invoice, w.slack.again(card)


def ask_plan(w, account="northwind", how="9x", who="U0AE1"):
    """A plan outside of policy -> its card in the approvals channel."""
    said = w.slack.say(who, f"plan {account} {how} from {day(10)} why renewal in flight")
    assert "Asked for approval: A-" in said, said
    ref = "A-" + said.split("A-")[1].split(",")[0]
    return ref, w.slack.await_card("C0APPROVALS", f"Request {ref} ", "Needs:")


def await_line(w, where, *parts):
    """A card with one line that says all parts: '3 x $4,000.00 ...: confirmed'. -> the card"""
    def look():
        card = w.slack.card(where, *parts)
        return card if card and any(all(p in line for p in parts) for line in words(card).split("\n")) else None
    return wait_for(f"a line with {parts}", look)


def test_card_in_two_seconds(w):
    slack, stripe, dw = w.begin()
    began = time.time()
    stripe.failed("northwind", 48200_00)
    card = slack.await_card("U0AE1", "$48,200.00")
    took = card["at"] - began
    print(f"from Stripe's failure to the card: {took * 1000:.0f} ms")
    assert took < 2, took
    text = words(card)
    for part in ("Northwind Traders Ltd", "Why you", "insufficient funds", "12 Mar 2027", "-0.4", "Suggested:", "If nobody acts:", "accounts.csv",
                 "*stripe*"):
        assert part in text, (part, text)
    buttons = [e for b in card["blocks"] if b["type"] == "actions" for e in b["elements"]]
    assert sum(e["type"] == "button" for e in buttons) <= 3 and sum(e["type"] == "overflow" for e in buttons) <= 1
    assert len([m for m in slack.messages() if not m["thread_ts"]]) == 1


def test_hold_stops_notices_and_retries(w):
    slack, stripe, dw = w.begin()
    held_invoice, card = held(w)
    assert "On hold until" in words(card) and "not confirmed yet" not in words(card)
    stripe.post("hooks", off=True)
    free_invoice = stripe.failed("stranger", 100_00)
    engine = stripe.post("advance", days=6)["engine"]
    assert {e["what"] for e in engine if e["invoice"] == free_invoice} == {"remind", "retry"}, engine
    assert not [e for e in engine if e["invoice"] == held_invoice], engine
    holds = slack.say("U0COLLECT1", "holds")
    assert "H-1" in holds and "Northwind" in holds and "Ada Engel" in holds, holds


def test_hold_ends_asks_and_resumes(w):
    slack, stripe, dw = w.begin()
    invoice, card = held(w)
    assert stripe.invoice(invoice)["auto_advance"] is False
    dw.stop()
    dw.due_now("hold_ask")
    dw.start()
    slack.await_card("U0AE1", "extend it, offer a plan, or let it resume")
    dw.stop()
    dw.due_now("hold_end")
    dw.start()
    wait_for("Stripe to go on by itself", lambda: stripe.invoice(invoice)["auto_advance"])
    dw.settle()
    assert any("released" in v for v in [h for h, in dw.sql("SELECT verb FROM journal")]), dw.journal()
    assert {e["what"] for e in stripe.post("advance", days=4)["engine"]} >= {"remind"}
    assert "Nothing is on hold" in slack.say("U0COLLECT1", "holds")


def test_plan_inside_policy(w):
    slack, stripe, dw = w.begin()
    invoice, card = held(w)
    said = slack.say("U0AE1", f"plan Northwind 3x from {day(10)} why renewal in flight")
    assert "Inside policy" in said and "A-2" in said, said
    done = await_line(w, "U0AE1", "3 x $4,000.00", "confirmed")
    assert "it is paid by instalments" in words(done)
    assert not slack.messages("C0APPROVALS"), "nobody had to be asked"
    assert "already runs" in slack.say("U0AE1", f"plan Northwind 2x from {day(10)}")
    assert not stripe.effects("charged")
    assert dw.sql("SELECT n, amount FROM instalments ORDER BY n") == [(1, 4000_00), (2, 4000_00), (3, 4000_00)]


def test_instalment_is_taken_once_when_due(w):
    slack, stripe, dw = w.begin()
    invoice, card = held(w)
    slack.say("U0AE1", f"plan Northwind 3x from {day(10)}")
    await_line(w, "U0AE1", "3 x $4,000.00", "confirmed")
    stripe.post("method_set", id="pm_northwind", decline=None)
    dw.stop()
    first = dw.one("SELECT id FROM timers WHERE kind = 'instalment' ORDER BY due_ms LIMIT 1")
    assert first, dw.sql("SELECT kind, ref FROM timers")
    dw.sql("UPDATE timers SET due_ms = 1 WHERE id = ?", first)
    dw.start()
    wait_for("the first instalment", lambda: stripe.taken("northwind") == 4000_00)
    dw.settle()
    slack.await_card("U0AE1", "$8,000.00 unpaid")
    dw.restart()
    dw.settle()
    assert stripe.taken("northwind") == 4000_00
    assert len(stripe.effects("charged")) == 1, stripe.effects()


def test_plan_asked_approved_executed(w):
    slack, stripe, dw = w.begin()
    held(w)
    ref, card = ask_plan(w)
    assert "renewal in flight" in words(card) and "Ada Engel" in words(card)
    result = slack.click("U0MANAGER1", card, "approve")
    assert result["acked"]
    wait_for("the approval card to say confirmed", lambda: "onfirmed" in words(slack.again(card)))
    text = words(slack.again(card))
    assert "Mona Adler" in text and "manager" in text, text
    assert dw.sql("SELECT decider, state FROM proposals WHERE verb = 3") == [("manager1", 11)]
    dw.settle()
    replies = [words(m) for m in slack.messages() if m["thread_ts"]]
    assert any("Approved by Mona Adler" in r for r in replies), replies
    history = slack.say("U0AE1", "history northwind")
    assert "Mona Adler" in history and "renewal in flight" in history, history


def test_requests_by_command(w):
    slack, stripe, dw = w.begin()
    held(w)
    ref, card = ask_plan(w)
    own = slack.say("U0AE1", f"approve {ref}")
    assert "your own request" in own, own
    assert "is for a manager or finance" in slack.say("U0COLLECT1", f"approve {ref}")
    low = slack.say("U0MANAGER2", f"approve {ref}")
    assert "limit" in low, low
    assert "Why not?" in slack.say("U0MANAGER1", f"decline {ref}")
    assert "renewal" not in slack.say("U0MANAGER1", f"decline {ref} not before the board meets")
    wait_for("the refusal on the card", lambda: "eclined" in words(slack.again(card)))
    assert "board meets" in words(slack.again(card))
    assert dw.one("SELECT count(*) FROM plans") == 0
    late = slack.say("U0MANAGER1", f"approve {ref}")
    assert "declined" in late.lower(), late
    assert "A-99" in slack.say("U0MANAGER1", "approve A-99")


def test_counter_and_accept(w):
    slack, stripe, dw = w.begin()
    held(w)
    ref, card = ask_plan(w)
    said = slack.say("U0MANAGER1", f"counter {ref} 4x why cash is tight")
    new = "A-" + [p for p in said.split("A-")[1:] if not p.startswith(ref[2:])][0].split(",")[0].split(" ")[0].strip(".")
    slack.await_card("C0APPROVALS", f"Request {new} ", "who asked first")
    offered = slack.await_card("U0AE1", "Accept 4 x")
    slack.click("U0AE1", offered, "approve")
    await_line(w, "U0AE1", "4 x $3,000.00", "confirmed")
    assert dw.one("SELECT count(*) FROM plans") == 1 and dw.one("SELECT count(*) FROM instalments") == 4
    assert "ountered" in words(slack.again(card))


def test_own_request_is_refused_to_a_manager_too(w):
    slack, stripe, dw = w.begin()
    held(w)
    ref, card = ask_plan(w, who="U0MANAGER1")
    slack.click("U0MANAGER1", card, "approve")
    wait_for("the private refusal", lambda: "own" in slack.whispers("U0MANAGER1"))
    assert dw.one("SELECT count(*) FROM plans") == 0
    slack.click("U0FINANCE1", card, "approve")
    wait_for("finance's yes", lambda: dw.one("SELECT count(*) FROM plans") == 1)


def test_payment_closes_everything(w):
    slack, stripe, dw = w.begin()
    invoice, card = held(w)
    ref, request = ask_plan(w)
    stripe.post("pay", invoice=invoice)
    closed = wait_for("the closed card", lambda: "closed, paid" in words(slack.again(card)) and slack.again(card))
    assert not [b for b in closed["blocks"] if b["type"] == "actions"]
    wait_for("the request to be withdrawn", lambda: "ithdrawn" in words(slack.again(request)))
    dw.settle()
    assert not [b for b in slack.again(request)["blocks"] if b["type"] == "actions"]
    assert dw.one("SELECT count(*) FROM holds WHERE is_live = 1") == 0
    assert dw.one("SELECT count(*) FROM proposals WHERE is_live = 1") == 0
    assert dw.sql("SELECT kind FROM timers WHERE kind NOT IN ('prune')") == []
    said = slack.say("U0MANAGER1", f"approve {ref}")
    assert "withdrawn" in said.lower(), said
    assert "nothing is unpaid" in slack.say("U0AE1", "status northwind")
    assert not stripe.effects("charged"), "we took nothing"


def test_answers_name_source_and_age(w):
    slack, stripe, dw = w.begin()
    held(w)
    status = slack.say("U0COLLECT1", "status Northwind")
    for part in ("$12,000.00", "stripe", "accounts.csv", "ago", "Ada Engel", "Next:", "insufficient funds", "N-1"):
        assert part in status, (part, status)
    assert "queue is empty" in slack.say("U0COLLECT1", "queue")
    assert "Did you mean" in slack.say("U0COLLECT1", "sttaus Northwind")
    both = slack.say("U0COLLECT1", "status Glob")
    assert "Globex" in both and "Globe Trotter" in both, both
    assert "nosuch" in slack.say("U0COLLECT1", "status nosuch")
    assert "U0STRANGER1" in slack.say("U0STRANGER1", "status northwind")
    assert "Northwind" not in slack.whispers("U0STRANGER1")
    listed = slack.say("U0AE1", "help")
    assert "plan" in listed and "approve <" not in listed, listed
    assert "approve <" in slack.say("U0MANAGER1", "help")
    assert all(m["channel"][0] == "D" for m in slack.messages()), "answers are private"


def test_unknown_account_goes_to_the_queue(w):
    slack, stripe, dw = w.begin()
    stripe.failed("newcomer", 70_00)
    slack.await_card("C0COLLECT", "Newcomer", "$70.00")
    queue = slack.say("U0COLLECT1", "queue")
    assert "Newcomer" in queue and "$70.00" in queue, queue


def test_too_many_failures_go_to_the_queue(w):
    slack, stripe, dw = w.begin(hooks=False)
    invoice = stripe.failed("initech", 300_00)
    stripe.post("advance", days=9)
    assert stripe.invoice(invoice)["attempt_count"] == 4
    stripe.post("webhook", url=f"http://127.0.0.1:{dw.port}/hooks/stripe", type="invoice.payment_failed", object=invoice)
    wait_for("the queue", lambda: "Initech" in slack.say("U0COLLECT1", "queue"))
    assert dw.sql("SELECT rule FROM decisions") == [("too-many-failures",)]
    assert not stripe.writes(), "a queued case changes nothing at Stripe"


if __name__ == "__main__":
    run(globals())
