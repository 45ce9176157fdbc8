"""Receipts and the report, read by other processes beside the running one; and an edit of the store is found."""
import re

from harness import run, wait_for, words
from test_loop import ask_plan, held


def decided(w):
    w.begin()
    held(w)
    ref, card = ask_plan(w)
    w.slack.click("U0MANAGER1", card, "approve")
    wait_for("the receipt on the card", lambda: re.search("receipt R-", words(w.slack.again(card))))
    w.dw.settle()
    return ref, re.search("R-[0-9A-Z]{8}", words(w.slack.again(card))).group(0)


def test_receipt_beside_a_running_process(w):
    ref, receipt = decided(w)
    code, text = w.dw.command("journal", "receipt", receipt, "--store", f"sqlite:{w.dw.store}")
    assert code == 0, text
    for part in (f"said yes to {ref}", "right      manager", "The card as it was seen", "9 x", "renewal in flight", "Approve", "plan at stripe", "answered", "holds, head",
                 "are as the journal has them"):
        assert part in text, (part, text)
    code, text = w.dw.command("report", "approvals", "--since", "1d", "--json", "--store", f"sqlite:{w.dw.store}")
    assert code == 0 and '"decided":1' in text and '"person":"manager1"' in text, text
    assert w.dw.command("journal", "receipt", "R-00000000", "--store", f"sqlite:{w.dw.store}")[0] == 1
    assert w.dw.command("report", "approvals", "--since", "x", "--store", f"sqlite:{w.dw.store}")[0] == 2


def test_an_edited_store_is_found(w):
    ref, receipt = decided(w)
    w.dw.stop()
    store = f"sqlite:{w.dw.store}"
    assert w.dw.command("journal", "verify", "--store", store)[0] == 0
    for edit, undo, piece in (
            ("UPDATE proposals SET amount = amount + 1 WHERE asked = 1", "UPDATE proposals SET amount = amount - 1 WHERE asked = 1", f"request {ref}"),
            ("UPDATE votes SET reason = 'x'", "UPDATE votes SET reason = ''", f"the vote on {ref}"),
            ("UPDATE shown SET card = card || ' '", "UPDATE shown SET card = substr(card, 1, length(card) - 1)", f"was shown of {ref}"),
            ("UPDATE effects SET result = replace(result, '{', '{ ') WHERE proposal_id > 0", "UPDATE effects SET result = replace(result, '{ ', '{') WHERE proposal_id > 0",
             "billing answered"),
            ("UPDATE journal SET text = text || '.' WHERE seq = 3", "UPDATE journal SET text = substr(text, 1, length(text) - 1) WHERE seq = 3", "broken at row 3")):
        w.dw.sql(edit)
        code, text = w.dw.command("journal", "verify", "--store", store)
        assert code == 1 and piece in text, (edit, text)
        code, text = w.dw.command("journal", "receipt", receipt, "--store", store)
        assert code == 1 and "BROKEN" in text, (edit, text)
        w.dw.sql(undo)
    code, text = w.dw.command("journal", "receipt", receipt, "--store", store)
    assert code == 0, text


if __name__ == "__main__":
    run(globals())
