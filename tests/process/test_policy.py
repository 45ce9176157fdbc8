"""The policy changes by two people, in the whole process: an edited file is a draft until it is proposed and agreed on, over restarts, a
file that cannot be written, a file that was edited again meanwhile or cannot be read; and the receipt of it, offline."""
import os
import re

from harness import run, wait_for, words
from test_loop import day, held

THREE, FOUR = "inside: {instalments: 3, days: 95", "inside: {instalments: 4, days: 125"
TWO = """  rules:
    - name: two
      when: {kinds: [policy]}
      need: [{count: 1, of: manager}, {count: 1, of: finance}]
"""


def read(dw, name="policy.yaml"):
    with open(os.path.join(dw.folder, name)) as f:
        return f.read()


def edited(dw, old, new):
    """The file, saved with another text; it has been looked at when the log says so. -> the text"""
    text, before = read(dw), dw.log().count("policy.draft")
    assert old in text, old
    text = text.replace(old, new)
    dw.write("policy.yaml", text)
    wait_for("the file to be looked at", lambda: dw.log().count("policy.draft") > before or "file.refused" in dw.log())
    return text


def begin(w, more=""):
    slack, stripe, dw = w.begin(start=False)
    dw.write("policy.yaml", read(dw).replace("# changes: asked", "changes: asked").replace("  undo_seconds: 0\n", "  undo_seconds: 0\n" + more))
    dw.start()
    wait_for("the first policy to be recorded", lambda: in_force(dw))
    return slack, stripe, dw


def propose(w, who="U0OPERATOR1", number=1):
    said = w.slack.say(who, "policy propose why renewals need four")
    assert f"Proposed: P-{number}." in said, said
    return w.slack.await_card("C0APPROVALS", f"approval needed: P-{number}")


def told(slack, who):
    """Direct messages, oldest first."""
    return [m["text"] for m in slack.messages("D" + who[1:])]


def in_force(dw):
    return dw.one("SELECT version FROM policy_requests WHERE state = 'in_force' ORDER BY decided_ms DESC, id DESC")


def test_from_the_file_to_the_receipt(w):
    slack, stripe, dw = begin(w)
    held(w)
    first = in_force(dw)
    text = edited(dw, THREE, FOUR)
    assert "a draft" in slack.say("U0OPERATOR1", "policy")
    assert "Asked for approval: A-" in slack.say("U0AE1", f"plan northwind 4x from {day(10)} why x"), "the file alone changes nothing"
    card = propose(w, number=2)  # P-1 is what was there at first
    seen = words(card)
    for part in ("plans.inside.instalments: 3 becomes 4", "Of 1 decisions 0 would differ", "1 would not be asked about any more", "Needs:", "Nothing changes until it is approved"):
        assert part in seen, (part, seen)
    assert slack.click("U0OPERATOR1", card, "approve")["acked"]
    wait_for("a refusal", lambda: "own request" in slack.whispers("U0OPERATOR1"))
    dw.restart()
    assert in_force(dw) == first
    assert "P-2 change of policy" in slack.say("U0MANAGER1", "inbox")
    assert slack.click("U0MANAGER1", card, "approve")["acked"]
    wait_for("the receipt on the card", lambda: "receipt R-" in words(slack.again(card)) and "in force" in words(slack.again(card)))
    assert read(dw) == text and in_force(dw) != first
    held(w, "globex", ae="U0AE2")
    assert "Inside policy" in slack.say("U0AE2", f"plan globex 4x from {day(10)}")
    dw.settle()
    receipt = re.search("R-[0-9A-Z]{8}", words(slack.again(card))).group(0)
    dw.stop()
    for name in ("P-2", receipt.lower()):
        code, out = dw.command("journal", "receipt", name, "--store", f"sqlite:{dw.store}")
        assert code == 0, out
        for part in (f"Receipt {receipt}: ", "said yes to P-2", "right      manager", "The card as it was seen", "instalments: 3 becomes 4", "renewals need four",
                     f"came into force instead of {first}", "holds, head", "are as the journal has them"):
            assert part in out, (part, out)
    dw.sql("UPDATE policy_requests SET text = text || '#'")
    code, out = dw.command("journal", "receipt", "P-2", "--store", f"sqlite:{dw.store}")
    assert code == 1 and "BROKEN" in out, out
    dw.sql("UPDATE policy_requests SET text = substr(text, 1, length(text) - 1)")
    assert dw.command("journal", "receipt", "P-9", "--store", f"sqlite:{dw.store}")[0] == 1


def test_two_people_over_a_restart(w):
    slack, stripe, dw = begin(w, TWO)
    text = edited(dw, THREE, FOUR)
    card = propose(w, number=2)
    assert "1 of 2, needs Finance" in slack.say("U0MANAGER1", "approve P-2 why fine")
    wait_for("the vote on the card", lambda: "1 of 2" in words(slack.again(card)))
    dw.restart()
    assert "already" in slack.say("U0MANAGER1", "approve P-2")
    assert "taken back" in slack.say("U0MANAGER1", "unvote P-2")
    assert "1 of 2, needs Manager" in slack.say("U0FINANCE1", "approve P-2")
    before = in_force(dw)
    dw.kill()
    dw.start()
    assert in_force(dw) == before
    assert "is in force" in slack.say("U0MANAGER2", "approve P-2")
    assert in_force(dw) != before
    dw.restart()
    assert f"Policy {in_force(dw)} is in force" in slack.say("U0OPERATOR1", "policy") and read(dw) == text
    dw.stop()
    code, out = dw.command("journal", "receipt", "P-2", "--store", f"sqlite:{dw.store}")
    assert code == 0 and "finance1" in out and "manager2" in out and "manager1 " not in out.split("Proof")[0].split("last row")[1], out


def test_edited_again_while_it_is_open(w):
    slack, stripe, dw = begin(w)
    agreed = edited(dw, THREE, FOUR)
    propose(w, number=2)
    later = edited(dw, FOUR, "inside: {instalments: 5, days: 155")
    assert "P-2 is still open" in slack.say("U0OPERATOR1", "policy propose why even more")
    assert "is in force" in slack.say("U0MANAGER1", "approve P-2")
    wait_for("the file", lambda: read(dw) == agreed)
    assert read(dw, "policy.yaml.draft") == later, "nobody's edit is lost"
    os.rename(os.path.join(dw.folder, "policy.yaml.draft"), os.path.join(dw.folder, "policy.yaml"))
    wait_for("the next draft", lambda: "a draft" in slack.say("U0OPERATOR1", "policy"))
    card = propose(w, "U0MANAGER1", number=3)
    assert "plans.inside.instalments: 4 becomes 5" in words(card)
    assert "only they can withdraw" in slack.say("U0OPERATOR1", "withdraw P-3")
    assert "Withdrawn" in slack.say("U0MANAGER1", "withdraw P-3")
    assert "not open any more" in slack.say("U0MANAGER2", "approve P-3")


def test_the_file_cannot_be_written(w):
    slack, stripe, dw = begin(w)
    edited(dw, THREE, FOUR)
    propose(w, number=2)
    dw.write("policy.yaml", read(dw).replace(FOUR, THREE))
    os.mkdir(os.path.join(dw.folder, "policy.yaml.agreed"))  # the new file cannot be made
    before = in_force(dw)
    assert "is in force" in slack.say("U0MANAGER1", "approve P-2")
    wait_for("the log", lambda: "could not be written" in dw.log())
    now = in_force(dw)
    assert now != before and THREE in read(dw)
    for who in ("U0OPERATOR1", "U0MANAGER1"):  # who proposed it and who agreed
        wait_for("a word about the file", lambda who=who: [t for t in told(slack, who) if "P-2 is in force, but its file could not be written" in t and "Next: an operator" in t])
    assert f"Policy {now} is in force. Its file says something else" in slack.say("U0OPERATOR1", "policy")
    dw.restart()
    assert "is not what was agreed on" in dw.log()
    assert f"Policy {now} is in force." in slack.say("U0OPERATOR1", "policy"), "what was agreed on counts, not the file"
    held(w)
    assert "Inside policy" in slack.say("U0AE1", f"plan northwind 4x from {day(10)}")
    os.rmdir(os.path.join(dw.folder, "policy.yaml.agreed"))
    wait_for("the file to be written by itself", lambda: FOUR in read(dw))
    wait_for("a word that it is", lambda: [t for t in told(slack, "U0OPERATOR1") if "P-2: its file is written now" in t])
    assert len([t for t in told(slack, "U0OPERATOR1") if "could not be written" in t]) == 1, "once, over restarts"


def test_a_file_that_cannot_be_read(w):
    slack, stripe, dw = begin(w)
    before = in_force(dw)
    good = read(dw)
    edited(dw, "tiers:\n", "tears:\n")
    wait_for("the log", lambda: "file.refused" in dw.log())
    said = slack.say("U0OPERATOR1", "policy propose why x")
    assert "cannot be used" in said and "tears" in said, said
    assert "cannot be used as it is" in slack.say("U0OPERATOR1", "policy")
    dw.restart()
    assert f"Policy {before} is in force" in slack.say("U0OPERATOR1", "policy")
    os.remove(os.path.join(dw.folder, "policy.yaml"))
    assert "cannot be read" in slack.say("U0OPERATOR1", "policy propose why x")
    dw.write("policy.yaml", good)


def test_what_is_in_force_is_not_edited_in_the_store(w):
    slack, stripe, dw = begin(w)
    dw.stop()
    dw.sql("UPDATE policy_requests SET text = replace(text, 'instalments: 3', 'instalments: 9')")
    dw.spawn()
    assert dw.end() == 1 and "is not what the store holds now" in dw.log(), dw.log()
    dw.sql("UPDATE policy_requests SET text = replace(text, 'instalments: 9', 'instalments: 3')")
    dw.start()


def test_what_would_have_been_decided(w):
    slack, stripe, dw = begin(w)
    held(w)
    held(w, "globex", ae="U0AE2")
    stripe.failed("initech", 90_00)
    dw.settle()
    edited(dw, "when: {any: [{fact: tier, is: strategic}, {fact: fragile, is: true}]}", "when: {fact: tier, is: strategic}")
    code, out = dw.command("policy", "propose", "policy.yaml", "--config", dw.config_path)
    assert code == 0 and "rules.strategic-hold.when" in out and "Of 3 decisions 0 would differ" in out, out
    edited(dw, "when: {fact: tier, is: strategic}\n", "when: {fact: account.annual_value, at_least: {USD: 400000}}\n")
    seen = words(propose(w, number=2))
    assert "Of 3 decisions 1 would differ" in seen and "1 by standard-hold" not in seen and "instead of strategic-hold (globex)" in seen, seen
    code, out = dw.command("policy", "propose", "policy.yaml", "--config", dw.config_path)
    assert code == 0 and "Of 3 decisions 1 would differ" in out and "(globex)" in out, out


if __name__ == "__main__":
    run(globals())
