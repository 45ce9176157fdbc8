"""The whole loop on a real Kill Bill: its own push notification becomes a card, and the hold on it is confirmed, read back.

    killbill_loop.py BASE_URL       called by killbill_check.sh, with the gateway set to decline
"""
import base64
import json
import os
import sys
import time
import urllib.request

base = sys.argv.pop()
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../process"))
import harness  # noqa: E402
from harness import run, wait_for, words  # noqa: E402

harness.SECRETS.update(KILLBILL_PASSWORD="password", KILLBILL_API_SECRET="lazar", KILLBILL_WEBHOOK_SECRET="fakeCallbackSecret")
OFF = {"AUTO_PAY_OFF", "OVERDUE_ENFORCEMENT_OFF"}


def kb(method, path, body=None):
    request = urllib.request.Request(base + path, method=method, data=None if body is None else json.dumps(body).encode(), headers={
        "Authorization": "Basic " + base64.b64encode(b"admin:password").decode(), "X-Killbill-ApiKey": "bob", "X-Killbill-ApiSecret": "lazar",
        "X-Killbill-CreatedBy": "shop", "Content-Type": "application/json", "Accept": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def tags(account):
    return {t["tagDefinitionName"] for t in kb("GET", f"/1.0/kb/accounts/{account}/tags")}


def test_notification_card_hold(w):
    slack, _, dw = w.begin(start=False, hooks=False)
    kb("POST", "/1.0/kb/accounts", {"name": "Northwind Traders Ltd", "email": "pay@northwind.example", "currency": "USD", "externalKey": "northwind"})
    account = kb("GET", "/1.0/kb/accounts?externalKey=northwind")["accountId"]
    kb("POST", f"/1.0/kb/accounts/{account}/paymentMethods?isDefault=true", {"pluginName": "killbill-payment-test", "pluginInfo": {}})
    dw.config["billing"] = {"killbill": {
        "kind": "killbill", "base_url": base, "username": "admin", "password": {"env": "KILLBILL_PASSWORD"}, "api_key": "bob",
        "api_secret": {"env": "KILLBILL_API_SECRET"}, "webhook_secret": {"env": "KILLBILL_WEBHOOK_SECRET"}}}
    dw.write_config()
    dw.write_accounts([{**row, "billing": "killbill", **({"billing_id": account} if row["account"] == "northwind" else {})} for row in harness.ACCOUNTS])
    dw.start()
    hook = f"http://127.0.0.1:{dw.port}/hooks/killbill"
    assert dw.hook("{}", path="/hooks/killbill?secret=wrong")[0] == 401
    assert dw.hook("{}", path="/hooks/killbill")[0] == 401
    kb("POST", f"/1.0/kb/tenants/registerNotificationCallback?cb={hook}?secret={harness.SECRETS['KILLBILL_WEBHOOK_SECRET']}")
    invoice = kb("POST", f"/1.0/kb/invoices/charges/{account}?autoCommit=true", [{"amount": 12000.50, "currency": "USD", "description": "seats"}])[0]["invoiceId"]

    began = time.monotonic()
    card = slack.await_card("U0AE1", "$12,000.50")
    print(f"from the charge at Kill Bill to the card: {time.monotonic() - began:.1f} s")
    dw.settle()
    wait_for("both tags at Kill Bill", lambda: tags(account) == OFF)
    wait_for("the hold on the card", lambda: "On hold until" in words(slack.again(card)) and "not confirmed yet" not in words(slack.again(card)))
    # What a reading of what was missed would call this payment is what its notification is called.
    payment = kb("GET", f"/1.0/kb/accounts/{account}/payments")[0]["transactions"][0]
    event = f"{payment['status']}/{payment['transactionId']}"
    wait_for("the payment's own notification", lambda: dw.one(f"SELECT count(*) FROM inbox WHERE ext_id = '{event}' AND created_ms = 0") == 1)
    text = words(slack.again(card))
    assert "Northwind Traders Ltd" in text and "killbill" in text, text
    assert any("read back" in t for t in dw.journal("hold.active")), dw.journal()
    audit = kb("GET", f"/1.0/kb/accounts/{account}/tags?audit=FULL")[0]["auditLogs"][0]
    assert (audit["changedBy"], audit["reasonCode"]) == ("dunwell", "N-1") and audit["comments"].startswith("dunwell-p1"), audit
    assert len([m for m in slack.messages() if not m["thread_ts"]]) == 1, "one message for one case"

    # Paid from elsewhere: Kill Bill says so, and what the hold set is taken off again.
    kb("POST", f"/1.0/kb/invoices/{invoice}/payments?externalPayment=true", {"accountId": account, "purchasedAmount": 12000.50})
    began = time.monotonic()
    wait_for("the tags to be off again", lambda: not tags(account))
    dw.settle()
    print(f"from the payment at Kill Bill to the tags taken off: {time.monotonic() - began:.1f} s")
    assert dw.one("SELECT count(*) FROM recoveries WHERE is_open = 1") == 0, dw.journal()


run(globals())
