"""The loop on localstripe, a stateful double of Stripe that nobody here wrote (gaps and how they are filled: tests/peers/localstripe_app.py).

A subscription whose card fails leaves an open invoice; localstripe sends no event for a failed card, so that one is signed here. The
payment that ends it is localstripe's own: charged with a good card, announced by its own signed webhook."""
import datetime
import json
import subprocess
import sys
import os
import urllib.parse
import urllib.request

from harness import ROOT, SECRETS, Missing, Slack, free_port, run, started, event, wait_for, words


class Localstripe:
    def __init__(self):
        port = free_port()
        self.process = subprocess.Popen([sys.executable, os.path.join(ROOT, "tests/peers/localstripe_app.py"), str(port)], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        started.append(self.process)
        if self.process.stdout.readline().split()[:1] != ["ready"]:
            raise Missing("localstripe does not start")
        self.url = f"http://127.0.0.1:{port}"

    def call(self, path, method="POST", **form):
        form = {k.replace("__", "[", 1).replace("__", "][") + ("]" if "__" in k else ""): v for k, v in form.items()}
        data = urllib.parse.urlencode(form).encode() if method == "POST" else None
        request = urllib.request.Request(f"{self.url}/{path}", data=data, method=method, headers={"Authorization": "Bearer sk_test_fake"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
        return json.loads(text) if text.startswith(b"{") else None

    def card(self, customer, number):
        card = self.call("v1/payment_methods", type="card", card__number=number, card__exp_month=8, card__exp_year=2030, card__cvc=123)["id"]
        self.call(f"v1/payment_methods/{card}/attach", customer=customer)
        self.default(customer, card)
        return card

    def default(self, customer, card):
        self.call(f"v1/customers/{customer}", invoice_settings__default_payment_method=card)

    def failing_invoice(self, amount):
        customer = self.call("v1/customers", name="Northwind", email="ap@northwind.example")["id"]
        self.card(customer, "4000000000000341")
        self.call("v1/products", id="product", name="P", type="service")
        self.call("v1/plans", id="plan", product="product", amount=amount, currency="usd", interval="month")
        self.call("v1/subscriptions", **{"customer": customer, "items[0][plan]": "plan"})
        return customer, self.call(f"v1/invoices?customer={customer}&status=open", "GET")["data"][0]["id"]

    def invoice(self, name):
        return self.call(f"v1/invoices/{name}", "GET")

    def stop(self):
        self.process.kill()
        self.process.wait()


def test_whole_loop(w):
    try:
        import localstripe  # noqa: F401
    except ImportError:
        raise Missing("localstripe is not installed in build/venv") from None
    shop, w.slack = Localstripe(), Slack()
    w.parts += [shop, w.slack]
    customer, invoice = shop.failing_invoice(4820000)
    w.stripe = type("Elsewhere", (), {"url": shop.url, "process": shop.process, "violations": lambda self: []})()
    dw = w.dunwell()
    with open(os.path.join(dw.folder, "accounts.csv")) as f:
        dw.write("accounts.csv", f.read().replace("cus_northwind", customer))
    shop.call("_config/webhooks/dunwell", url=f"http://127.0.0.1:{dw.port}/hooks/stripe", secret=SECRETS["STRIPE_WEBHOOK_SECRET"])
    dw.start()
    assert dw.hook(event(customer=customer, invoice=invoice))[0] == 200

    w.slack.await_card("U0AE1", "$48,200.00", "On hold until")
    assert shop.invoice(invoice)["auto_advance"] is False
    day = (datetime.date.today() + datetime.timedelta(days=9)).isoformat()
    said = w.slack.say("U0AE1", f"plan northwind 9x from {day} why renewal in flight")
    assert "A-2" in said, said
    assert "Approved" in w.slack.say("U0MANAGER1", "approve A-2")
    card = w.slack.await_card("C0APPROVALS", "A-2", "confirmed (" + invoice)
    assert "Mona Adler" in words(card)
    assert shop.invoice(invoice)["metadata"]["dunwell_plan"] == "A-2"

    good = shop.card(customer, "4242424242424242")
    shop.call(f"v1/invoices/{invoice}/pay")
    assert shop.invoice(invoice)["status"] == "paid", good
    w.slack.await_card("U0AE1", "closed, paid")
    dw.settle()
    assert dw.one("SELECT outcome FROM recoveries") == "paid"
    assert dw.one("SELECT count(*) FROM timers WHERE kind <> 'release'") == 0
    assert wait_for("the hold to be released", lambda: dw.one("SELECT state FROM holds") == 3)
    assert "Nothing is unpaid" in w.slack.say("U0AE1", "status northwind") or "closed" in w.slack.say("U0AE1", "status northwind")


run(globals())
