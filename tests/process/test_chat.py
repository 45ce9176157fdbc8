"""What people do in Slack: forms, clicks twice and by two, redelivered frames, strangers, old cards, hostile text."""
import threading
import time

from harness import run, wait_for, words
from test_loop import ask_plan, await_line, day, held


def form(w, since=0):
    """The newest form that is open and filled."""
    def look():
        views = [(k, v) for k, v in w.slack.ask("views").items() if v["open"] and "submit" in v["view"]]
        return views[-1] if len(views) > since else None
    return wait_for("the filled form", look)


def button_of(card, action):
    return next(e for b in card["blocks"] if b["type"] == "actions" for e in b["elements"] if e.get("action_id") == action)


def notes_of(view):
    return words({"blocks": view["view"]["blocks"]})


def test_plan_form(w):
    slack, stripe, dw = w.begin()
    invoice, card = held(w)
    assert slack.click("U0AE1", card, "plan")["acked"]
    name, view = form(w)
    print(f"the form was open after {view['opened_ms']} ms")
    assert view["opened_ms"] < 300, view["opened_ms"]
    assert "Inside policy" in notes_of(view) and "$4,000.00" in notes_of(view) and "$12,000.00" in notes_of(view), notes_of(view)
    slack.post("change", user="U0AE1", view=name, input="instalments", values={"instalments": "9"})
    wait_for("the line to be computed again", lambda: "Needs a manager" in notes_of(slack.ask("views")[name]))
    assert "$1,333.33" in notes_of(slack.ask("views")[name])
    slack.post("change", user="U0AE1", view=name, input="first", values={"instalments": "9", "first": day(-5)})
    wait_for("a date in the past to be refused", lambda: "Not allowed" in notes_of(slack.ask("views")[name]))
    wrong = slack.post("submit", user="U0AE1", view=name, values={"instalments": "9", "first": day(-5)})
    assert not wrong["closed"] and wrong["errors"], wrong
    wrong = slack.post("submit", user="U0AE1", view=name, values={"instalments": "9", "first": day(10)})
    assert not wrong["closed"] and "why" in wrong["errors"], wrong
    right = slack.post("submit", user="U0AE1", view=name, values={"instalments": "9", "first": day(10), "why": "renewal in flight"})
    assert not right["errors"] and "Asked for approval: A-2" in str(right["payload"]), right
    slack.await_card("C0APPROVALS", "Request A-2 ", "renewal in flight", "Needs:")
    assert not stripe.effects("charged")


def test_form_inside_policy_and_other_forms(w):
    slack, stripe, dw = w.begin()
    invoice, card = held(w)
    slack.click("U0AE1", card, "hold")
    name, view = form(w)
    right = slack.post("submit", user="U0AE1", view=name, values={"until": day(12), "why": "talks on Monday"})
    assert not right["errors"] and "Inside policy" in str(right["payload"]), right
    wait_for("the new end", lambda: dw.one("SELECT end_ms FROM holds") > (time.time() + 11 * 86400) * 1000)
    dw.settle()
    said = slack.say("U0AE1", "history northwind")
    assert "talks on Monday" in said, said
    card = slack.again(card)
    slack.click("U0AE1", card, "promise")
    name, view = form(w)
    wrong = slack.post("submit", user="U0AE1", view=name, values={"amount": "-5", "by": day(3)})
    assert wrong["errors"], wrong
    wrong = slack.post("submit", user="U0AE1", view=name, values={"amount": "5000 EUR", "by": day(3)})
    assert wrong["errors"], wrong
    wrong = slack.post("submit", user="U0AE1", view=name, values={"amount": "99999999999999999999", "by": day(3)})
    assert wrong["errors"], wrong
    right = slack.post("submit", user="U0AE1", view=name, values={"amount": "12000", "by": day(3)})
    assert right["acked"] and not right["errors"], right
    wait_for("the promise on the card", lambda: "promised" in words(slack.again(card)))
    slack.click("U0AE1", slack.again(card), "claim")
    wait_for("the claim", lambda: dw.one("SELECT claimed FROM recoveries") == 1)


def test_twice_is_once(w):
    slack, stripe, dw = w.begin()
    held(w)
    ref, card = ask_plan(w)
    slack.expected.append("acked twice")  # the same envelope twice: two acknowledgements are what Slack gets from anybody
    threads = [threading.Thread(target=slack.click, args=(who, card, "approve")) for who in ("U0MANAGER1", "U0FINANCE1", "U0MANAGER1", "U0FINANCE1")]
    [t.start() for t in threads]
    [t.join() for t in threads]
    button = button_of(card, "approve")
    slack.click("U0MANAGER1", card, "approve", value=button["value"], force=True, twice=True)
    await_line(w, "U0AE1", "9 x about $1,333.33", "confirmed")
    dw.settle()
    assert dw.one("SELECT count(*) FROM plans") == 1 and dw.one("SELECT count(*) FROM instalments") == 9
    assert dw.one("SELECT count(*) FROM votes") == 1
    assert len(dw.journal("decision.yes")) == 1, dw.journal()
    late = slack.whispers("U0MANAGER1") + slack.whispers("U0FINANCE1")
    assert "lready" in late or "approved" in late, late
    assert len([m for m in slack.messages() if m["thread_ts"] and "Approved by" in words(m) and m["channel"] == "C0APPROVALS"]) == 1


def test_redelivery(w):
    slack, stripe, dw = w.begin()
    slack.post("config", redeliver_after_s=0.1)
    again = slack.post("event", type="message", user="U0AE1", text="note northwind called them", redeliver=True)
    assert again["retries"] == 1 and again["acked"]
    assert dw.sql("SELECT text FROM notes") == [("called them",)]
    slack.post("command", user="U0AE1", text="note northwind twice the same frame", twice=True)
    wait_for("both frames", lambda: dw.metric("dunwell_chat_duplicates_total") == 2)
    assert dw.one("SELECT count(*) FROM notes") == 2
    dw.restart()
    slack.post("event", type="message", user="U0AE1", text="note northwind called them", event_id=again["event_id"])
    assert dw.one("SELECT count(*) FROM notes") == 2, "what was seen before the restart stays seen"
    slack.post("event", type="message", user="U0AE1", text="a bot", bot_id="B0OTHER")
    slack.post("event", type="message", user="U0AE1", text="note northwind x", subtype="message_changed")
    assert dw.one("SELECT count(*) FROM notes") == 2


def test_restart_between_decision_and_execution(w):
    slack, stripe, dw = w.begin()
    held(w)
    ref, card = ask_plan(w)
    stripe.fault(match="GET /v1/*", kind="hang_before", delay_s=2, times=3)  # nothing can be executed yet
    assert slack.click("U0MANAGER1", card, "approve")["acked"]
    assert dw.sql("SELECT decider FROM proposals WHERE verb = 3") == [("manager1",)], "acknowledged means stored"
    dw.kill()
    assert dw.one("SELECT count(*) FROM plans") == 0
    dw.start()
    button = button_of(card, "approve")
    slack.click("U0FINANCE1", card, "approve", value=button["value"], force=True)
    await_line(w, "U0AE1", "9 x about $1,333.33", "confirmed")
    dw.settle()
    assert dw.one("SELECT count(*) FROM plans") == 1 and len(dw.journal("decision.yes")) == 1
    assert "lready" in slack.whispers("U0FINANCE1") or "approved" in slack.whispers("U0FINANCE1"), slack.whispers("U0FINANCE1")


def test_old_card(w):
    slack, stripe, dw = w.begin()
    held(w)
    ref, card = ask_plan(w)
    slack.say("U0MANAGER1", f"decline {ref} no")
    wait_for("the refusal on the card", lambda: "eclined" in words(slack.again(card)))
    button = button_of(card, "approve")
    assert slack.click("U0FINANCE1", card, "approve", value=button["value"], force=True)["acked"]
    said = wait_for("a friendly private answer", lambda: slack.whispers("U0FINANCE1"))
    assert "eclined" in said, said
    for value in ("A-2@1", "A-99@1", "N-99@7", "", "A-99999999999999999999@1", "x" * 2000, "A-2@-1"):
        for action in ("approve", "plan", "claim", "nonsense"):
            assert slack.click("U0FINANCE1", card, action, value=value, force=True)["acked"], (action, value)
    dw.settle()
    assert dw.one("SELECT count(*) FROM plans") == 0


def test_known_by_email_where_that_is_switched_on(w):
    slack, stripe, dw = w.begin(start=False)
    with open(dw.folder + "/people.yaml") as f:
        people = f.read().replace("email: ae1@example.com, slack: U0AE1", "email: U0AE1@Example.com")
    dw.write("people.yaml", people)
    dw.start()
    assert "do not know you" in slack.say("U0AE1", "whoami")
    dw.write("people.yaml", "match_by_email: true\n" + people)
    wait_for("the file to be read", lambda: "looking up" in slack.say("U0AE1", "whoami"))
    wait_for("the address", lambda: "You are Ada Engel" in slack.say("U0AE1", "whoami"))
    dw.restart()
    assert "You are Ada Engel" in slack.say("U0AE1", "whoami")
    assert dw.journal("person.matched") and dw.one("SELECT count(*) FROM effects WHERE op = 'whois'") == 1
    slack.post("config", profiles={"U0MANAGER1": {"profile": {"email": "u0ae1@example.com"}}})
    assert "You are Mona Adler" in slack.say("U0MANAGER1", "whoami"), "the id wins"
    dw.write("people.yaml", people)
    wait_for("the switch to be off", lambda: "do not know you" in slack.say("U0AE1", "whoami"))


def test_stranger(w):
    slack, stripe, dw = w.begin()
    held(w)
    ref, card = ask_plan(w)
    slack.click("U0STRANGER1", card, "approve")
    wait_for("the private refusal", lambda: "U0STRANGER1" in slack.whispers("U0STRANGER1"))
    for text in (f"approve {ref}", "status northwind", "note northwind mine now", f"plan northwind 3x from {day(9)}"):
        assert "do not know you" in slack.say("U0STRANGER1", text)
    assert dw.one("SELECT count(*) FROM notes") == 0 and dw.one("SELECT count(*) FROM plans") == 0
    assert "Northwind" not in slack.whispers("U0STRANGER1")
    dw.write("people.yaml", open(dw.folder + "/people.yaml").read() + "  new: {name: New One, email: new@example.com, slack: U0STRANGER1, roles: [ae]}\n")
    wait_for("people.yaml to be read again", lambda: "Northwind" in slack.say("U0STRANGER1", "status northwind"))


def marked(message):
    """The texts of a message that Slack would read as markup."""
    out = [message["text"]]

    def walk(x):
        if isinstance(x, dict):
            if x.get("type") == "mrkdwn":
                out.append(x["text"])
            for v in x.values():
                walk(v)
        elif isinstance(x, list):
            for v in x:
                walk(v)
    walk(message["blocks"])
    return out


def test_hostile_text(w):
    slack, stripe, dw = w.begin()
    invoice, card = held(w, "umbrella", 9000_00)
    ref, request = ask_plan(w, "umbrella")
    for text in marked(card) + marked(request):
        assert "<!channel>" not in text and "<@U0AE2>" not in text, text
    assert "&lt;!channel&gt;" in card["text"], card["text"]
    assert "Noted" in slack.say("U0AE1", "note umbrella <!here> ``` & <http://evil.example|click>")
    status = slack.say("U0AE1", "status umbrella")
    assert "Last note" in status and "<!here" not in status and "<http" not in status, status


def test_absurd_commands(w):
    slack, stripe, dw = w.begin()
    invoice, card = held(w)
    long = "note northwind " + "x" * 50_000
    assert "too long" in slack.say("U0AE1", long, fragments=7)
    for strange in ("\u0007", "\0", "\ud83d"):  # a bell, a zero byte, half an emoji: acknowledged, said, and not noted
        assert "characters in your message that I cannot read" in slack.say("U0AE1", f"note northwind a{strange}b"), strange
    for text, part in {f"plan Northwind 0x from {day(5)}": "", f"plan Northwind 3x from {day(-5)}": "past", "plan Northwind 3x from 2027-13-45": "",
                       f"plan Northwind 999999999999x from {day(5)}": "", f"plan Northwind -3x from {day(5)}": "", f"plan nobody 3x from {day(5)}": "nobody",
                       f"plan Glob 3x from {day(5)}": "Globex", "promise Northwind -50 by tomorrow": "", "promise Northwind 1e9 by tomorrow": "",
                       "promise Northwind 500 EUR by tomorrow": "EUR", f"hold Northwind until {day(-1)}": "", "hold Northwind until 9999-12-31": "",
                       "approve": "", "decline A-1": "", "counter": "", "claim": "", "\"": "", "plan": "", "💥" * 200: ""}.items():
        said = slack.say("U0AE1", text)
        assert said.strip() and part.lower() in said.lower(), (text, said)
    dw.settle()
    assert dw.one("SELECT count(*) FROM plans") + dw.one("SELECT count(*) FROM promises") + dw.one("SELECT count(*) FROM notes") == 0
    assert dw.one("SELECT count(*) FROM proposals") == 1 and not stripe.effects("charged")


def test_frames(w):
    slack, stripe, dw = w.begin()
    for text in ("", "null", "[]", "{", "17", '{"type":"nonsense"}', '{"type":"slash_commands"}', '{"envelope_id":"x","type":"slash_commands","payload":{}}',
                 '{"envelope_id":"y","type":"interactive","payload":{"type":"block_actions"}}', "[" * 5000, '{"type":"hello"}' + " " * 300000):
        slack.expected.append("an ack for nothing known")
        slack.post("send", text=text, fragments=3 if len(text) > 100 else 1)
    slack.post("send", hex="00ff00ff")
    assert "Noted" in wait_for("the session to live on", lambda: answer(slack, "note northwind still here", fragments=9))
    big = "note northwind " + "word " * 700
    assert "Noted" in slack.say("U0AE1", big, fragments=40)


def answer(slack, text, **more):
    """The answer, or "" when nobody was connected at that moment."""
    result = slack.post("command", user="U0AE1", text=text, **more)
    return str(result["payload"]) if result["acked"] else ""


def test_one_message_a_case(w):
    slack, stripe, dw = w.begin()
    invoice, card = held(w)
    stripe.failed("northwind", 700_00)
    slack.await_card("U0AE1", "$12,700.00", "2 invoices")
    dw.restart()
    dw.settle()
    assert len([m for m in slack.messages() if not m["thread_ts"]]) == 1
    assert len([m for m in slack.messages() if "<@U0AE1>" in str(m["blocks"]) + m["text"]]) <= 1


if __name__ == "__main__":
    run(globals())
