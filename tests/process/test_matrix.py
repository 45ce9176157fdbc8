"""Matrix, on a real Synapse: the loop, approvals by command and by reaction, bad networks, restarts, kill -9; with two room versions."""
import datetime

from fault_proxy import Proxy
from harness import run, wait_for, words
from matrix_office import ENCRYPTION, Nio, Office, Refused, quote
from test_step_up import an_hour_ago, enrol, nowhere, oath


def day(n):
    return (datetime.date.today() + datetime.timedelta(days=n)).isoformat()


def office(w, **how):
    w.begin(start=False)
    return Office(w, **how).start()


def held(o, amount=12000_00, account="northwind"):
    """A payment fails; the AE reads it in a room of their own. -> (invoice, (event, body))"""
    invoice = o.w.stripe.failed(account, amount)
    o.await_card(o.ae1, None, f"${amount // 100:,}.00")
    o.dw.settle()
    return invoice, o.await_card(o.ae1, None, f"${amount // 100:,}.00", "On hold until")


def ask_plan(o, how="9x", account="northwind"):
    """Outside of policy. -> (ref, (event, body) of the card for approvers)"""
    said = o.ask(o.ae1, f"plan {account} {how} from {day(10)} why renewal in flight", "Asked for approval: A-")
    ref = "A-" + said.split("A-")[1].split(",")[0]
    return ref, o.await_card(o.manager1, o.approvals, ref, "!dunwell approve " + ref)


def notes(o, text):
    return [t for t in o.dw.journal() if text in t]


def test_a_sync_that_hangs(w):
    o = office(w, proxy=Proxy)
    fault = o.proxy.fault("hang", "GET", "/sync")
    o.ae1.say(o.approvals, "this ends the sync that waits; the next one hangs")
    wait_for("the sync to hang", lambda: fault.hits)
    o.ae1.say(o.approvals, "!dunwell note northwind second")
    wait_for("the command after the hung sync", lambda: notes(o, "second"), 75, 0.5)
    o.await_card(o.ae1, None, "Noted")


def test_the_servers_own_limits(w):
    o = office(w, profile="limits", proxy=Proxy)
    for i in range(14):
        w.stripe.failed(f"newcomer{i:02}", (100 + i) * 100)
    cards = wait_for("all cards", lambda: [b for _, b in o.manager1.shown(o.collections, o.bot)][13:] and o.manager1.shown(o.collections, o.bot), 120, 1)
    o.dw.settle(120)
    assert len(cards) == 14, cards
    asked = [m for m, in o.dw.sql("SELECT json_extract(result, '$.message') FROM effects WHERE op = 'post' AND state = 4 ORDER BY id")]
    assert [event for event, _ in cards] == asked, "in the order in which they were asked for, each once"
    assert o.no_message_twice() >= 14
    assert o.proxy.said[429] > 0, o.proxy.said
    print(f"answers by status: {dict(o.proxy.said)}")


def whole_loop(w, version):
    o = office(w, version=version)
    invoice, card = held(o)
    assert "Northwind Traders Ltd" in card[1] and "!dunwell" in card[1], card[1]
    ref, request = ask_plan(o)
    assert "renewal in flight" in request[1] and "Ada Engel" in request[1], request[1]
    o.manager1.say(o.approvals, f"!dunwell approve {ref}")
    done = wait_for("the edited card", lambda: o.find(o.manager1, o.approvals, ref, "onfirmed", "Mona Adler"))
    assert done[0] == request[0], done
    assert o.dw.sql("SELECT decider, state FROM proposals WHERE verb = 3") == [("manager1", 11)]
    o.dw.settle()
    assert "confirmed" in dict(o.ae1.told(o.bot))[card[0]], "the case's own card follows"
    w.stripe.post("pay", invoice=invoice)
    wait_for("the closed card", lambda: "closed, paid" in dict(o.ae1.told(o.bot))[card[0]])
    o.dw.settle()
    assert not w.stripe.effects("charged") and o.no_message_twice() > 3
    print(f"--- the request's card, decided\n{done[1]}")


def test_whole_loop_room_version_11(w):
    whole_loop(w, "11")


def test_whole_loop_room_version_12(w):
    whole_loop(w, "12")


def below(amount):
    """The policy with reactions allowed below so many dollars; and both a manager and finance for a plan."""
    return lambda text: text.replace("  expire_hours: 48\n", f"  expire_hours: 48\n  reactions_below: {{USD: {amount}}}\n")


def two_people(text):
    rule = "  rules: [{name: two, when: {kinds: [plan]}, need: [{count: 1, of: manager}, {count: 1, of: finance}]}]\n"
    return below(5000)(text).replace("  expire_hours: 48\n", "  expire_hours: 48\n" + rule)


def second_client(o, person):
    client = Nio(person)
    o.w.parts.append(client)
    return client


def test_approved_by_a_reaction_of_another_client(w):
    o = office(w, policy=below(5000))
    nio = second_client(o, o.manager1)
    held(o, 4000_00)
    ref, card = ask_plan(o)
    assert "\u2705" in card[1], card[1]
    event = nio.do("find", o.approvals, parts=[ref, "!dunwell approve"])
    assert event == card[0]
    wait_for("our own pair below the card", lambda: len([e for e in o.manager1.events(o.approvals) if e["type"] == "m.reaction"]) == 2)
    nio.do("react", o.approvals, event=event, key="\u2705\ufe0f")
    wait_for("the card to be confirmed", lambda: o.find(o.manager1, o.approvals, ref, "onfirmed", "Mona Adler"))
    assert o.dw.sql("SELECT decider, state FROM proposals WHERE verb = 3") == [("manager1", 11)]
    wait_for("our own pair to be taken back", lambda: not [e for e in o.manager1.events(o.approvals) if e["type"] == "m.reaction" and
                                                          e["sender"] == o.bot and "m.relates_to" in e["content"]])
    nio.do("say", o.approvals, body="!dunwell status northwind")
    o.await_card(o.manager1, None, "Northwind", "$4,000.00")
    assert o.no_message_twice()


def test_what_a_sync_left_out(w):
    """Both votes never arrive, and one of them is taken back unheard; the cards of open requests are read again."""
    o = office(w, policy=two_people, proxy=Proxy)
    held(o, 4000_00)
    ref, card = ask_plan(o)
    wait_for("our own pair below the card", lambda: len([e for e in o.manager1.events(o.approvals) if e["type"] == "m.reaction"]) == 2)
    o.dw.settle()

    def flush():
        seen = o.proxy.calls_of("/sync")
        o.manager1.say(o.collections, "good morning")  # ends the sync that waits
        wait_for("the next sync", lambda: o.proxy.calls_of("/sync") > seen)

    def unheard(do):
        o.dw.settle()
        fault = o.proxy.fault("forget", "GET", "/sync", 1000)
        flush()
        hits, done = fault.hits, do()
        wait_for("the sync that forgets", lambda: fault.hits > hits)
        fault.left = 0
        flush()
        o.dw.settle()
        return done
    votes = "SELECT count(*) FROM reactions WHERE person = ?"
    vote = unheard(lambda: o.manager1.react(o.approvals, card[0]))
    assert o.dw.one(votes, "manager1") == 0
    o.dw.restart()
    wait_for("the vote", lambda: o.dw.one(votes, "manager1") == 1)
    unheard(lambda: o.manager1.redact(o.approvals, vote))
    assert o.dw.one(votes, "manager1") == 1
    o.dw.restart()
    wait_for("the vote to be gone", lambda: o.dw.one(votes, "manager1") == 0)
    unheard(lambda: o.manager1.say(o.approvals, "approve", **{"m.relates_to": {"rel_type": "m.thread", "event_id": card[0]}}))
    o.finance1.react(o.approvals, card[0])
    wait_for("the vote of finance", lambda: o.dw.one(votes, "finance1") == 1)
    assert o.dw.one("SELECT count(*) FROM plans") == 0, "one of two agreed"
    o.dw.restart()
    wait_for("both agreed", lambda: o.find(o.manager1, o.approvals, ref, "onfirmed"))
    assert o.no_message_twice()


def test_above_the_limit_a_reaction_is_a_hint(w):
    o = office(w, policy=below(5000))
    held(o)
    ref, card = ask_plan(o)
    assert "\u2705" not in card[1], card[1]
    o.manager1.react(o.approvals, card[0])
    o.await_card(o.manager1, None, "A tap is not enough", f"!dunwell approve {ref}")
    assert o.dw.one("SELECT count(*) FROM plans") == 0


def test_a_reaction_taken_back_is_a_vote_withdrawn(w):
    o = office(w, policy=two_people)
    nio = second_client(o, o.manager1)
    held(o, 4000_00)
    ref, card = ask_plan(o)
    vote = nio.do("react", o.approvals, event=card[0], key="\u2705")
    votes = "SELECT count(*) FROM reactions WHERE person = 'manager1'"
    wait_for("the first vote", lambda: o.dw.one(votes) == 1)
    nio.do("redact", o.approvals, event=vote)
    wait_for("the vote to be gone", lambda: o.dw.one(votes) == 0)
    o.finance1.react(o.approvals, card[0])
    wait_for("the vote of finance", lambda: o.find(o.manager1, o.approvals, ref, "Fatima Iyer"))
    o.dw.settle()
    assert o.dw.one("SELECT count(*) FROM plans") == 0, "one of two agreed"
    nio.do("say", o.approvals, body=f"!dunwell approve {ref}")
    wait_for("both agreed", lambda: o.find(o.manager1, o.approvals, ref, "onfirmed"))


def test_who_may_not(w):
    o = office(w, policy=below(5000))
    held(o, 4000_00)
    said = o.ask(o.manager1, f"plan northwind 9x from {day(10)} why renewal in flight", "Asked for approval: A-")
    ref = "A-" + said.split("A-")[1].split(",")[0]
    card = o.await_card(o.manager1, o.approvals, ref, "!dunwell approve")
    o.ask(o.manager1, f"approve {ref}", "your own request")
    o.ask(o.ae1, f"approve {ref}", "is for a manager or finance")
    o.ask(o.stranger, f"approve {ref}", "I do not know you yet", o.stranger.id)
    copy = o.finance1.say(o.collections, card[1])
    o.finance1.react(o.collections, copy)
    o.finance1.say(o.collections, "approve", **{"m.relates_to": {"m.in_reply_to": {"event_id": copy}}})
    o.finance1.say(o.approvals, "approve")
    edited = o.finance1.say(o.approvals, "good morning")
    o.finance1.say(o.approvals, f"* !dunwell approve {ref}", **{"m.new_content": {"msgtype": "m.text", "body": f"!dunwell approve {ref}"},
                                                              "m.relates_to": {"rel_type": "m.replace", "event_id": edited}})
    o.finance1.send(o.approvals, {"org.matrix.msc3381.poll.response": {"answers": ["approve"]}, "m.relates_to": {"rel_type": "m.reference", "event_id": card[0]}},
                    "org.matrix.msc3381.poll.response")
    own = o.stranger.room("11", o.bot)
    o.ask(o.finance1, "whoami", "Fatima Iyer")
    o.finance1.send(o.approvals, {"msgtype": "m.image", "body": "approve", "url": "mxc://dunwell.test/none",
                                  "m.relates_to": {"m.in_reply_to": {"event_id": card[0]}}})
    o.finance1.send(o.finance1.rooms[0], {"msgtype": "m.file", "body": f"approve {ref}", "url": "mxc://dunwell.test/none"})
    o.finance1.send(o.finance1.rooms[0], {"msgtype": "m.image", "body": "status northwind", "filename": "x.png", "url": "mxc://dunwell.test/none"})
    wait_for("the word of the second file", lambda: [m for m in o.finance1.told(o.bot) if "The file beside it was not read and is not kept." in m[1]])
    assert len([m for m in o.finance1.told(o.bot) if "I cannot read files, and keep none." in m[1]]) == 1, "of the first"
    wait_for("the stranger's invitation to be declined", lambda: [e for e in o.stranger.events(own) if e.get("state_key") == o.bot and
                                                                  e["content"]["membership"] == "leave"])
    assert o.dw.sql("SELECT decider FROM proposals WHERE verb = 3") == [("",)] and o.dw.one("SELECT count(*) FROM plans") == 0
    o.finance1.say(o.approvals, "approve", **{"m.relates_to": {"rel_type": "m.thread", "event_id": card[0], "is_falling_back": False,
                                                              "m.in_reply_to": {"event_id": card[0]}}})
    wait_for("the yes in the card's thread", lambda: o.find(o.finance1, o.approvals, ref, "onfirmed", "Fatima Iyer"))


def test_a_network_that_misbehaves(w):
    o = office(w, proxy=Proxy)
    o.ask(o.ae1, "note northwind first", "Noted")
    for i, (what, method, part, times) in enumerate([("drop", "PUT", "/send/", 2), ("html", "PUT", "/send/", 2), ("truncated", "PUT", "/send/", 1),
                                                     ("drop", "GET", "/sync", 2), ("html", "GET", "/sync", 2), ("truncated", "GET", "/sync", 2),
                                                     ("before", "PUT", "/send/", 1), ("soft", "GET", "/sync", 1), ("soft", "PUT", "/send/", 1)]):
        fault = o.proxy.fault(what, method, part, times)
        o.ask(o.ae1, f"note northwind round-{i}", "Noted")
        wait_for(f"{what} of {part}, {times} times", lambda: fault.hits == times)
        o.dw.settle()
        assert len(notes(o, f"round-{i}")) == 1, (what, notes(o, f"round-{i}"))
    o.dw.settle()
    assert len([m for m in o.ae1.told(o.bot) if "Noted" in m[1]]) == 10
    o.no_message_twice()
    assert o.proxy.calls_of("/login") == 1 and o.proxy.calls_of("/refresh") == 1, "a session that may be renewed is"
    o.proxy.fault("soft", "GET", "/sync")
    o.proxy.fault("soft", "POST", "/refresh")
    o.ask(o.ae1, "note northwind signed-in-again", "Noted")
    wait_for("another log-in", lambda: o.proxy.calls_of("/login") == 2)
    o.no_message_twice()


def test_server_restarts_in_the_middle_of_a_send(w):
    o = office(w, profile="restarts", proxy=Proxy)
    o.ask(o.ae1, "note northwind first", "Noted")
    fault = o.proxy.fault("drop", "PUT", "/send/", 1, then=o.synapse.stop)
    o.ae1.say(o.approvals, "!dunwell note northwind second")
    wait_for("the send", lambda: fault.hits and o.synapse.process.poll() is not None)
    o.synapse.start_again()
    o.ask(o.ae1, "note northwind third", "Noted", seconds=90)
    wait_for("all answers", lambda: len([m for m in o.ae1.told(o.bot) if "Noted" in m[1]]) == 3)
    o.dw.settle()
    assert len(notes(o, "second")) == 1
    o.no_message_twice()


def test_killed_anywhere(w):
    o = office(w, proxy=Proxy)
    fault = o.proxy.fault("drop", "POST", "/createRoom", 1, then=o.dw.kill)
    o.ae1.say(o.approvals, "!dunwell note northwind first")
    wait_for("the kill", lambda: fault.hits and o.dw.process.poll() is not None)
    o.dw.start()
    o.await_card(o.ae1, None, "Noted")
    moments = [("before", "PUT", "/send/"), ("drop", "PUT", "/send/"), ("pass", "PUT", "/send/"), ("drop", "GET", "/sync"), ("pass", "GET", "/sync")]
    for i, (what, method, part) in enumerate(moments):
        fault = o.proxy.fault(what, method, part, 1, then=o.dw.kill)
        o.ae1.say(o.approvals, f"!dunwell note northwind round-{i}")
        wait_for("the kill", lambda: fault.hits and o.dw.process.poll() is not None)
        o.ae1.say(o.approvals, f"!dunwell note northwind away-{i}")
        o.dw.start()
        wait_for("both commands", lambda: notes(o, f"round-{i}") and notes(o, f"away-{i}"))
    answers = 1 + 2 * len(moments)
    wait_for("all answers", lambda: len([m for m in o.ae1.told(o.bot) if "Noted" in m[1]]) >= answers)
    o.dw.settle()
    assert len([m for m in o.ae1.told(o.bot) if "Noted" in m[1]]) == answers
    assert [len(notes(o, f"{what}-{i}")) for i in range(len(moments)) for what in ("round", "away")] == [1] * (answers - 1), o.dw.journal()
    assert len(o.ae1.rooms) == 1, "the private room is made once"
    o.no_message_twice()


def sealed(o, room, event=None):
    """What the bot said in an encrypted room (since the event): its one sentence, without a word of anybody's business."""
    said = o.said_after(o.manager1, room, event) if event else [e["content"] for e in o.manager1.events(room) if e["sender"] == o.bot]
    said = [c for c in said if "body" in c or "m.relates_to" in c]
    assert [c.get("msgtype") for c in said] == ["m.notice"] and said[0]["body"].startswith("This room is encrypted."), said
    return said[0]["body"]


def explained(o, room, event=None):
    return wait_for("the explanation", lambda: [c for c in (o.said_after(o.manager1, room, event) if event else
                                                             [e["content"] for e in o.manager1.events(room) if e["sender"] == o.bot])
                                                if c.get("msgtype") == "m.notice"])


def test_encrypted_from_the_start(w):
    """The room of the configuration, where the bot is in it already; one it is asked into; and a private one."""
    w.begin(start=False)
    o = Office(w, policy=below(5000), approvals={"initial_state": [ENCRYPTION]})
    code, text = o.dw.command("check", "--config", o.dw.config_path)
    assert code != 0 and "Dunwell is not in the room of rooms.approvals" in text and "without encryption" in text, text
    o.invite(o.approvals)
    o.synapse.ask("POST", f"/_matrix/client/v3/rooms/{quote(o.approvals)}/join", {}, o.bot_token)
    code, text = o.dw.command("check", "--config", o.dw.config_path)
    assert code != 0 and "the room of rooms.approvals is encrypted: use one without encryption" in text, text
    o.dw.start()
    explained(o, o.approvals)
    o.invite(o.collections)
    wait_for("the bot to join", lambda: o.is_member(o.collections))
    held(o, 4000_00)
    said = o.ask(o.ae1, f"plan northwind 9x from {day(10)} why renewal in flight", "Asked for approval: A-", room=o.collections)
    ref = "A-" + said.split("A-")[1].split(",")[0]
    o.await_card(o.manager1, o.collections, ref, "!dunwell approve " + ref)
    for room in (o.ae1.room("11", o.bot, initial_state=[ENCRYPTION]), o.ae1.room("12", o.bot, initial_state=[ENCRYPTION], is_direct=True)):
        why = wait_for("the invitation to be declined", lambda: o.declined(o.ae1, room))
        assert "without encryption" in why, why
    wait_for("a word to whoever asked, once for each room", lambda: sum("Write to me here instead" in b for _, b in o.ae1.told(o.bot)) == 2)
    other = o.stranger.room("11", o.bot, initial_state=[ENCRYPTION])
    assert "without encryption" in wait_for("the stranger's invitation to be declined", lambda: o.declined(o.stranger, other))
    direct = o.ae1.rooms[0]
    o.ae1.say(direct, "whoami")
    o.await_card(o.ae1, None, "Ada Engel")
    o.dw.settle()
    print(sealed(o, o.approvals))
    assert not o.stranger.told(o.bot) and o.no_message_twice()


def test_encryption_switched_on(w):
    """In a room with an open card, in a private one with a case's card, and in a third while Dunwell was away."""
    o = office(w, policy=below(5000))
    direct = o.private(o.ae1)
    o.ae1.say(direct, "whoami")
    o.await_card(o.ae1, None, "Ada Engel")
    held(o, 4000_00)
    assert any("4,000.00" in b for _, b in o.ae1.shown(direct, o.bot)), "the private room that the person made is used"
    ref, card = ask_plan(o)
    wait_for("our own pair below the card", lambda: len([e for e in o.manager1.events(o.approvals) if e["type"] == "m.reaction"]) == 2)
    o.dw.settle()
    sealing = o.manager1.encrypt(o.approvals)
    again = o.await_card(o.manager1, o.collections, ref, "!dunwell approve " + ref)
    o.manager1.react(o.approvals, card[0])
    o.manager1.say(o.approvals, f"!dunwell approve {ref}")
    o.finance1.say(o.approvals, "approve", **{"m.relates_to": {"rel_type": "m.thread", "event_id": card[0]}})
    explained(o, o.approvals, sealing)
    hidden = o.ae1.encrypt(direct)
    wait_for("the explanation in the private room", lambda: [c for c in o.said_after(o.ae1, direct, hidden) if c.get("msgtype") == "m.notice"])
    wait_for("the case's card in another private room", lambda: o.find(o.ae1, None, "4,000.00") and [
        b for r in o.ae1.rooms if r != direct for _, b in o.ae1.shown(r, o.bot) if "$4,000.00" in b])
    o.dw.settle()
    assert o.dw.sql("SELECT decider FROM proposals WHERE verb = 3") == [("",)], "what is said among encrypted messages decides nothing"
    print(sealed(o, o.approvals, sealing))
    said = [c for c in o.said_after(o.ae1, direct, hidden) if "body" in c]
    assert len(said) == 1 and "000" not in said[0]["body"] and "without encryption: it answers you there" in said[0]["body"], said
    o.manager1.react(o.collections, again[0])
    wait_for("the yes where it is asked now", lambda: o.find(o.manager1, o.collections, ref, "onfirmed", "Mona Adler"))
    o.dw.stop()
    late = o.manager1.encrypt(o.collections)
    o.dw.start()
    explained(o, o.collections, late)
    o.manager1.say(o.private(o.manager1), "inbox")
    o.await_card(o.manager1, None, "Nothing waits for your decision")
    o.dw.settle()
    sealed(o, o.collections, late)
    assert o.no_message_twice()


def test_a_server_that_encrypts_each_private_room(w):
    w.begin(start=False)
    o = Office(w, profile="encrypts", preset="public_chat")
    o.start()
    code, text = o.dw.command("check", "--config", o.dw.config_path)
    assert "this server encrypts every new private room, so Dunwell cannot open one to answer a person in private" in text, text
    for n in range(3):
        o.ae1.say(o.approvals, f"!dunwell note northwind round-{n}")
        wait_for("the command", lambda: notes(o, f"round-{n}"))
    w.stripe.failed("northwind", 12000_00)
    o.await_card(o.manager1, o.collections, "$12,000.00")
    o.dw.settle()
    said = o.ae1.told(o.bot)
    assert len(o.ae1.rooms) == 1 and len(said) == 1 and said[0][1].startswith("This room is encrypted."), said
    assert "encrypts every new private room" in o.dw.log()


def test_a_flood_while_away(w):
    """Far more than one sync brings: dull things of 60 KB each, events of wrong shapes, and commands in between: each once, in their order."""
    o = office(w)
    direct, texts = o.private(o.ae1), [f"flood-{n:02}" for n in range(25)]
    before = o.ae1.room("12")
    o.ae1.say(before, "!dunwell note northwind before-it-came")
    o.dw.stop()
    rubbish = [{"body": {"a": []}}, {"msgtype": "m.text", "body": "\u0000\ufffe!dunwell"}, {"msgtype": "m.notice", "body": "!dunwell note northwind wrong"},
               {"msgtype": "m.text", "body": "!dunwell note northwind odd", "m.relates_to": {"rel_type": 7, "event_id": {}, "m.in_reply_to": []}},
               {"msgtype": "m.emote", "body": "!dunwell note northwind wrong"}, {"msgtype": "m.text", "body": "good morning", "m.mentions": 3, "formatted_body": []}]
    refused = 0
    for n, text in enumerate(texts):
        for i in range(4):
            o.ae1.say(o.approvals, f"{n}{i} " + "x" * 60000)
        try:
            o.ae1.send(o.approvals, rubbish[n % len(rubbish)] | {"n": n})
        except Refused:
            refused += 1
        o.ae1.say(o.approvals, f"!dunwell note northwind {text}")
    o.ae1.call("POST", f"v3/rooms/{quote(before)}/invite", {"user_id": o.bot})
    o.dw.start()
    wait_for("all commands", lambda: notes(o, texts[-1]), 90)
    wait_for("the bot to come", lambda: o.is_member(before, o.ae1))
    o.ae1.say(before, "!dunwell note northwind after-it-came")
    wait_for("the command after it came", lambda: notes(o, "after-it-came"))
    o.dw.settle()
    seen = [t for j in o.dw.journal() for t in texts if t in j]
    assert seen == texts, seen
    assert not notes(o, "before-it-came"), "what was said before it came is nobody's command"
    assert not notes(o, "wrong") and refused < 15, f"only m.text counts; the server refused {refused} odd events"
    o.ae1.say(direct, "whoami")
    o.await_card(o.ae1, None, "Ada Engel")
    o.no_message_twice()


def test_a_code_in_the_private_room(w):
    w.begin(start=False)
    o = Office(w, policy=lambda text: text.replace("expire_hours: 48", "expire_hours: 48\n  step_up: {USD: 5000}")).start()
    code, said, secret = enrol(o.dw, "manager1")
    assert code == 0 and "is enrolled" in said, said
    an_hour_ago(o.dw)
    held(o)
    ref, card = ask_plan(o)
    o.ask(o.manager1, f"approve {ref}", "code")
    assert o.dw.sql("SELECT decider FROM proposals WHERE verb = 3") == [("",)]
    o.manager1.react(o.approvals, card[0])
    right = oath(secret)
    o.manager1.say(o.manager1.rooms[0], f"approve {ref} code {right}")
    wait_for("the card to be confirmed", lambda: o.find(o.manager1, o.approvals, ref, "onfirmed", "Mona Adler"))
    o.dw.settle()
    nowhere(o.dw, right, secret)


def test_appservice(w):
    o = office(w, service=True, proxy=Proxy)
    invoice, card = held(o)
    ref, request = ask_plan(o)
    o.manager1.say(o.approvals, f"!dunwell approve {ref}")
    wait_for("the edited card", lambda: o.find(o.manager1, o.approvals, ref, "onfirmed", "Mona Adler"))
    assert not [p for _, p in o.proxy.calls if "/sync" in p], "nothing is polled"
    o.dw.stop()
    o.ae1.say(o.approvals, "!dunwell note northwind while-away")
    o.dw.start()
    wait_for("what was said meanwhile", lambda: notes(o, "while-away"))
    o.dw.settle()
    assert len(notes(o, "while-away")) == 1 and o.no_message_twice()


def test_asked_in_slack_decided_in_matrix(w):
    o = office(w, slack=True)
    w.stripe.failed("northwind", 12000_00)
    w.slack.await_card("U0AE1", "$12,000.00")
    o.dw.settle()
    said = w.slack.say("U0AE1", f"plan northwind 9x from {day(10)} why renewal in flight")
    ref = "A-" + said.split("A-")[1].split(",")[0]
    in_slack = w.slack.await_card("C0APPROVALS", f"Request {ref} ")
    o.await_card(o.manager1, o.approvals, ref, "!dunwell approve")
    o.manager1.say(o.approvals, f"!dunwell approve {ref}")
    for look in (lambda: o.find(o.manager1, o.approvals, ref, "onfirmed", "Mona Adler"),
                 lambda: "onfirmed" in words(w.slack.again(in_slack)) and "Mona Adler" in words(w.slack.again(in_slack))):
        wait_for("both cards to follow", look)
    o.dw.settle()
    assert "confirmed" in words(w.slack.await_card("U0AE1", "$12,000.00")) and not o.ae1.told(o.bot), "the case has one card"


def test_slack_away_the_card_comes_in_matrix(w):
    o = office(w, slack=True)
    w.slack.stop()
    w.stripe.failed("northwind", 12000_00)
    wait_for("the card to wait for Slack", lambda: o.dw.one("SELECT since_ms FROM messages WHERE platform = 'slack' AND since_ms > 0"))
    assert not o.ae1.told(o.bot)
    o.dw.stop()
    o.dw.sql("UPDATE messages SET since_ms = since_ms - 360000 WHERE since_ms > 0")
    o.dw.due_now("cards")
    o.dw.start(ready=False)
    o.await_card(o.ae1, None, "$12,000.00", "Slack could not be reached since", "so this stands here")


if __name__ == "__main__":
    run(globals(), at_once=3)  # the longest stand first
