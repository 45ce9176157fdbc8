#!/usr/bin/env python3
"""Kill points at a real Kill Bill: each writing operation is run in a process that ends after its first request, its second, and so on,
before it has seen the answer; another process goes on with the stage that was stored, the call being lost. However far it came, Kill
Bill's own books must show the thing once. Called by killbill_check.sh with the address of the server and the driver's options; further
words are the operations to try, if not all."""
import base64
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

base, options = sys.argv[1:3]
DRIVE, REQUESTS_MAX = "build/peers/killbill_drive", 14
HEADERS = {"Authorization": "Basic " + base64.b64encode(b"admin:password").decode(), "X-Killbill-ApiKey": "bob", "X-Killbill-ApiSecret": "lazar",
           "X-Killbill-CreatedBy": "shop", "Content-Type": "application/json", "Accept": "application/json"}
QUIET = {"00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000003"}
failed = runs = number = 0


def kb(method, path, body=None):
    request = urllib.request.Request(base + path, json.dumps(body, separators=(",", ":")).encode() if body is not None else None, HEADERS, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read()
        if answer.headers.get("Location") and not text:
            return answer.headers["Location"].rsplit("/", 1)[1]
        return json.loads(text) if text else None


def gateway(action):
    """What the gateway does with payments. The server hands a plugin a body whose first byte is wrong when it comes in a packet of its own, now and then."""
    for _ in range(10):
        try:
            return kb("POST", "/plugins/killbill-payment-test/configure", {"CONFIGURE_ACTION": "ACTION_" + action, "METHODS": "purchasePayment"})
        except urllib.error.HTTPError as e:
            if e.code != 500:
                raise
    raise RuntimeError("the payment plugin cannot be told what to do")


def scene():
    """An account whose invoice of 120.50 could not be charged."""
    global number
    number += 1
    account = kb("POST", "/1.0/kb/accounts", {"name": f"walk{number}", "email": "pay@walk.example", "currency": "USD", "externalKey": f"walk{number}"})
    kb("POST", f"/1.0/kb/accounts/{account}/paymentMethods?isDefault=true", {"pluginName": "killbill-payment-test", "pluginInfo": {}})
    gateway("RETURN_PLUGIN_STATUS_ERROR")
    invoice = kb("POST", f"/1.0/kb/invoices/charges/{account}?autoCommit=true", [{"amount": 120.50, "currency": "USD", "description": "seats"}])[0]["invoiceId"]
    kb("GET", "/1.0/kb/test/queues?timeoutSec=20")
    gateway("CLEAR")
    return account, invoice


def paid(account, invoice):
    return [t["amount"] for p in kb("GET", f"/1.0/kb/accounts/{account}/payments") for t in p["transactions"] if t["status"] == "SUCCESS"]


def adjusted(account, invoice):
    return [i["amount"] for i in kb("GET", f"/1.0/kb/invoices/{invoice}")["items"] if i["itemType"] == "ITEM_ADJ"]


def fields(kind):
    return lambda account, invoice: len(kb("GET", f"/1.0/kb/{kind}s/{account if kind == 'account' else invoice}/customFields"))


def tags(kind):
    return lambda account, invoice: sorted(t["tagDefinitionId"][-1] for t in kb("GET", f"/1.0/kb/{kind}s/{account if kind == 'account' else invoice}/tags"))


def drive(op, args, key, folder, *flags):
    command = [DRIVE, *flags, "-d", folder, "-c", options, base, op, key, json.dumps(args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout.strip().split("\n")[-1]


def operations(account, invoice):
    money = {"customer": account, "invoice": invoice, "currency": "USD", "case": "N-1", "reason": "outage"}
    several = {"customer": account, "invoices": [invoice], "case": "N-1", "reason": "renewal"}
    rows = [{"n": 1, "date": "2027-01-05", "amount": 12050}]
    return {
        "collect": (dict(money, amount=4018), paid, [40.18]),
        "credit": (dict(money, amount=500), adjusted, [-5.0]),
        "write_off": (dict(money, amount=12050), tags("invoice"), ["4"]),
        "note": (dict(money, text="they pay on Friday"), fields("invoice"), 1),
        "hold": (several, tags("account"), ["1", "3"]),
        "plan": (dict(several, plan="A-5", currency="USD", instalments=rows), fields("account"), 1),
        "release": (dict(several, prior={account: {"auto_pay_off": False, "overdue_enforcement_off": False}}), tags("account"), []),
    }


def killed_after(op, requests):
    """False when the operation has no such request any more."""
    global failed, runs
    account, invoice = scene()
    args, books, wanted = operations(account, invoice)[op]
    folder = tempfile.mkdtemp()
    if op == "release":
        kb("POST", f"/1.0/kb/accounts/{account}/tags", sorted(QUIET))
    last = drive(op, args, f"walk-{number}", folder, "-n", str(requests))
    if last == "stopped":
        last = drive(op, args, f"walk-{number}", folder, "-l")
        runs += 1
        is_now = books(account, invoice)
        if not last.startswith("done") or is_now != wanted:
            failed += 1
            print(f"FAIL: {op}, killed after request {requests}: {is_now}, not {wanted}; it ended: {last}")
        went_on = True
    else:
        went_on = False
    shutil.rmtree(folder)
    return went_on


for op in sys.argv[3:] or operations("", ""):
    requests = 1
    while requests < REQUESTS_MAX and killed_after(op, requests):
        requests += 1
    print(f"{op}: killed after each of {requests - 1} requests")
print(f"a real Kill Bill, killed {runs} times: {failed} wrong")
sys.exit(1 if failed or not runs else 0)
