"""Approvals in the whole process, each with a restart in the middle: taken back in time, a lent right, two people, an emergency, nobody
decides, money given up, one more attempt than the policy has."""
import os

from harness import run, wait_for, words
from test_chat import button_of
from test_loop import ask_plan, await_line, held

TWO = """  rules:
    - name: two
      when: {kinds: [plan]}
      need: [{count: 1, of: manager}, {count: 1, of: finance}]
      ask: [finance]
"""


def begin(w, *changes, people=()):
    slack, stripe, dw = w.begin(start=False)
    for name, edits in (("policy.yaml", changes), ("people.yaml", people)):
        with open(os.path.join(dw.folder, name)) as f:
            text = f.read()
        for old, new in edits:
            assert old in text, old
            text = text.replace(old, new)
        dw.write(name, text)
    dw.start()
    return slack, stripe, dw


def test_taken_back_in_time_and_not(w):
    slack, stripe, dw = begin(w, ("undo_seconds: 0", "undo_seconds: 5"))
    held(w)
    ref, card = ask_plan(w)
    assert "It runs at stripe 5 seconds later, and can be undone until then." in str(button_of(card, "approve")["confirm"])
    slack.click("U0MANAGER1", card, "approve")
    running = slack.await_card("C0APPROVALS", f"Request {ref} ", "runs in a moment")
    dw.restart()
    slack.click("U0MANAGER1", running, "undo")
    wait_for("the undo", lambda: "Undone: A-2" in slack.whispers("U0MANAGER1"))
    assert dw.one("SELECT count(*) FROM effects WHERE op = 'plan'") == 0
    ref, card = ask_plan(w)
    slack.click("U0MANAGER1", card, "approve")
    slack.await_card("C0APPROVALS", f"Request {ref} ", "runs in a moment")
    dw.kill()
    dw.start()
    await_line(w, "U0AE1", "9 x about $1,333.33", "confirmed")
    dw.settle()
    assert dw.one("SELECT count(*) FROM plans") == 1


def test_a_lent_right(w):
    slack, stripe, dw = begin(w)
    held(w)
    ref, card = ask_plan(w)
    assert "your limit is $5,000.00" in slack.say("U0MANAGER2", f"approve {ref}")
    assert "D-1" in slack.say("U0MANAGER1", "delegate manager2 up to 20k until in 2 days for plan")
    dw.restart()
    assert "Approved" in slack.say("U0MANAGER2", f"approve {ref} why standing in")
    done = await_line(w, "C0APPROVALS", "Approved by Miguel Aoki", "Mona Adler")
    dw.settle()
    assert "revoke" in slack.say("U0MANAGER1", "delegations")
    assert "D-1" in slack.say("U0MANAGER1", "revoke D-1")
    held(w, "umbrella", 9000_00)
    other, card = ask_plan(w, "umbrella")
    assert "your limit is $5,000.00" in slack.say("U0MANAGER2", f"approve {other}")
    assert words(done)


def test_two_people_and_an_emergency(w):
    slack, stripe, dw = begin(w, ("  undo_seconds: 0\n", "  undo_seconds: 0\n" + TWO), people=[("limit: {USD: 5000}}", "limit: {USD: 5000}, break_glass: true}")])
    held(w)
    ref, card = ask_plan(w)
    assert "It takes 2 of them, 0 so far." in str(button_of(card, "approve")["confirm"])
    wait_for("the call of finance", lambda: any("the rule two asks you" in words(m) for m in slack.messages("D0FINANCE1")))
    slack.click("U0MANAGER1", card, "approve")
    wait_for("the vote", lambda: "1 of 2, needs Finance" in words(slack.again(card)))
    dw.restart()
    assert "taken back" in slack.say("U0MANAGER1", f"unvote {ref}")
    assert "every approver will read it" in slack.say("U0MANAGER2", f"emergency {ref}")
    assert "Approved" in slack.say("U0MANAGER2", f"emergency {ref} why their service ends today")
    for who in ("D0MANAGER1", "D0FINANCE1"):
        wait_for(f"the word to {who}", lambda: any("EMERGENCY: Miguel Aoki" in words(m) and "service ends today" in words(m) for m in slack.messages(who)))
    await_line(w, "U0AE1", "9 x about $1,333.33", "confirmed")
    assert dw.journal("decision.break_glass")


def test_nobody_decides(w):
    slack, stripe, dw = begin(w)
    held(w)
    ref, card = ask_plan(w)
    dw.stop()
    dw.due_now("expire")
    dw.start()
    wait_for("the card to say so", lambda: "Expired, nothing changed" in words(slack.again(card)))
    assert "not open" in slack.say("U0MANAGER1", f"approve {ref}")
    slack.click("U0AE1", slack.again(card), "reopen")
    again = slack.await_card("C0APPROVALS", f"It asks {ref} again", "Needs:")
    slack.click("U0MANAGER1", again, "approve")
    await_line(w, "U0AE1", "9 x about $1,333.33", "confirmed")
    dw.settle()
    assert dw.one("SELECT count(*) FROM plans") == 1


def test_a_write_off_runs_once(w):
    slack, stripe, dw = begin(w)
    invoice, card = held(w, amount=900_00)
    assert "Asked for approval: A-2" in slack.say("U0AE1", "writeoff northwind all why they are insolvent")
    asked = slack.await_card("C0APPROVALS", "Request A-2 ", "write off $900.00", "cannot be undone")
    assert "It is done at stripe right away and cannot be undone." in str(button_of(asked, "approve")["confirm"])
    dw.kill()
    dw.start()
    assert "own request" in slack.say("U0AE1", "approve A-2")
    slack.click("U0MANAGER1", asked, "approve")
    slack.click("U0FINANCE1", asked, "approve", force=True, value=button_of(asked, "approve")["value"])
    wait_for("Stripe to have given it up", lambda: stripe.invoice(invoice)["status"] == "uncollectible")
    dw.settle()
    assert dw.one("SELECT count(*) FROM votes") == 1
    assert "It cannot be undone" in slack.say("U0MANAGER1", "undo A-2")


def test_one_more_attempt_than_the_policy_has(w):
    slack, stripe, dw = begin(w, ("per_invoice: 8", "per_invoice: 1"))
    invoice = stripe.failed("initech", 90_00)
    wait_for("the case", lambda: dw.one("SELECT count(*) FROM recoveries") == 1 and dw.quiet())
    assert "Add the reason" in slack.say("U0AE1", "retry initech")
    assert "Asked for approval: A-" in slack.say("U0AE1", "retry initech why they raised the limit of the card")
    asked = slack.await_card("C0APPROVALS", "try the payment of $90.00 again", "the policy allows 1")
    assert "an attempt cannot be undone" in str(button_of(asked, "approve")["confirm"])
    stripe.post("method_set", id="pm_initech", decline=None)
    dw.restart()
    slack.click("U0MANAGER1", asked, "approve")
    wait_for("the payment", lambda: stripe.invoice(invoice)["status"] == "paid")
    dw.settle()
    assert len(stripe.effects("charged")) == 1 and stripe.taken("initech") == 90_00


if __name__ == "__main__":
    run(globals())
