"""Forms about money in Slack, each view held against Slack's rules by the fake: what is offered chooses the form, the line is computed at
every change, the Counter button of a card opens one, and what is sent is what becomes a request; also over a restart."""
from harness import run, wait_for, words
from test_chat import form, notes_of
from test_loop import day, held


def says(w, name, *parts):
    """The form says all of it by now. -> its view"""
    def look():
        view = w.slack.ask("views")[name]
        return view if all(p in notes_of(view) for p in parts) else None
    return wait_for(f"a form that says {parts}", look)


def change(w, user, name, id, **values):
    result = w.slack.post("change", user=user, view=name, input=id, values=values)
    assert result["acked"], result


def offer(w, card, what):
    assert w.slack.click("U0AE1", card, "plan")["acked"]
    name, view = form(w)
    assert "Inside policy" in notes_of(view), notes_of(view)
    change(w, "U0AE1", name, "offer", offer=what)
    return name


def test_credit_and_its_counter(w):
    slack, stripe, dw = w.begin()
    invoice, card = held(w)
    name = offer(w, card, "credit")
    view = says(w, name, "Type how much less they are to owe")["view"]
    assert view["callback_id"] == "credit" and view["title"]["text"] == "Give a credit", view
    change(w, "U0AE1", name, "amount", offer="credit", amount="9000")
    says(w, name, "Not allowed: $9,000.00 is more than the most that may be approved, $2,400.00")
    change(w, "U0AE1", name, "amount", offer="credit", amount="900")
    says(w, name, "Needs a manager", "$900.00 is given up, and cannot be had back. It takes one manager or finance.")
    dw.restart()
    wrong = slack.post("submit", user="U0AE1", view=name, values={"offer": "credit", "amount": "9000", "why": "downtime"})
    assert not wrong["closed"] and "Not allowed" in wrong["errors"]["amount"], wrong
    right = slack.post("submit", user="U0AE1", view=name, values={"offer": "credit", "amount": "900", "why": "two days of downtime"})
    assert not right["errors"] and "Asked for approval: A-2" in str(right["payload"]), right
    asked = slack.await_card("C0APPROVALS", "Request A-2 ", "two days of downtime", "credit $900.00")
    assert slack.click("U0MANAGER1", asked, "counter")["acked"]
    name, view = form(w)
    assert "Asked: credit $900.00" in notes_of(view) and "less than $900.00" in notes_of(view), notes_of(view)
    change(w, "U0MANAGER1", name, "amount", amount="900")
    says(w, name, "Not allowed: A counter-offer is less than the $900.00")
    change(w, "U0MANAGER1", name, "amount", amount="400")
    says(w, name, "$400.00 is given up, and cannot be had back")
    right = slack.post("submit", user="U0MANAGER1", view=name, values={"amount": "400", "why": "one day"})
    assert not right["errors"] and "Counter-offer A-3" in str(right["payload"]), right
    mine = slack.await_card("U0AE1", "Accept credit $400.00")
    assert "cannot be undone" in str(mine["blocks"]), mine["blocks"]
    assert slack.click("U0AE1", mine, "approve")["acked"]
    wait_for("the credit at Stripe", lambda: stripe.invoice(invoice)["amount_remaining"] == 11600_00)
    dw.settle()
    assert [p for p, in dw.sql("SELECT amount FROM proposals WHERE state = 11 AND verb = 8")] == [40000]


def test_settlement(w):
    slack, stripe, dw = w.begin()
    invoice, card = held(w)
    name = offer(w, card, "settle")
    says(w, name, "Type how much they pay")
    change(w, "U0AE1", name, "pays", offer="settle", pays="5999", by=day(10))
    says(w, name, "Not allowed: $5,999.00 is less than the least")
    change(w, "U0AE1", name, "by", offer="settle", pays="8000", by=day(10))
    says(w, name, "$4,000.00 is given up once their payment has come")
    change(w, "U0AE1", name, "offer", offer="plan", pays="8000", by=day(10))
    says(w, name, "Inside policy")
    change(w, "U0AE1", name, "offer", offer="settle", instalments="3", first=day(10))
    says(w, name, "Type how much they pay")
    right = slack.post("submit", user="U0AE1", view=name, values={"offer": "settle", "pays": "8000", "by": day(10), "why": "closing down"})
    assert not right["errors"] and "Asked for approval: A-2" in str(right["payload"]), right
    asked = slack.await_card("C0APPROVALS", "Request A-2 ", "they pay $8,000.00")
    assert "Once their payment has come, the rest is given up by itself. That cannot be undone." in str(asked["blocks"])
    assert slack.click("U0MANAGER1", asked, "approve")["acked"]
    wait_for("the agreement", lambda: "waits for their payment" in words(slack.again(asked)))


def test_the_button_is_faster_than_the_form(w):
    slack, stripe, dw = w.begin()
    invoice, card = held(w)
    slack.click("U0AE1", card, "plan")
    name, view = form(w)
    wrong = slack.post("submit", user="U0AE1", view=name, values={"offer": "credit", "instalments": "3", "first": day(10), "why": "x"})
    assert not wrong["closed"] and "still changing" in wrong["errors"]["offer"], wrong
    assert dw.one("SELECT count(*) FROM proposals WHERE requester = 'ae1'") == 0


if __name__ == "__main__":
    run(globals())
