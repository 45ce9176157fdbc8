"""The state and the behaviour of the fake Stripe: objects, money, its own retry engine. stripe.py starts and controls it."""
import steady

DAY = 86400
RETRY_DAYS, RETRIES_MAX = 3, 8
TEXTS = {"insufficient_funds": "Your card has insufficient funds.", "expired_card": "Your card has expired.",
         "lost_card": "Your card was declined.", "do_not_honor": "Your card was declined.",
         "authentication_required": "Your card was declined. This transaction requires authentication."}
OWN_CODES = {"expired_card", "incorrect_cvc", "incorrect_number", "processing_error", "authentication_required"}


class Refused(Exception):
    """An answer that is an error. saved: an idempotency key remembers it."""
    def __init__(self, status, message, kind="invalid_request_error", saved=True, **more):
        self.status, self.saved = status, saved
        self.body = {"error": {"type": kind, "message": message, **more}}


def missing(kind, name):
    return Refused(404, f"No such {kind}: '{name}'", saved=False, code="resource_missing", param="id")


class Stripe:
    def __init__(self, old=False):
        self.old, self.hooks = old, None
        self.reset()

    def reset(self):
        self.customers, self.methods, self.invoices, self.intents, self.charges, self.disputes = {}, {}, {}, {}, {}, {}
        self.payments, self.subscriptions, self.sessions, self.deleted = {}, {}, {}, set()
        self.credit_notes, self.events = {}, []
        self.engine, self.effects, self.pending_events = [], [], []
        self.number, self.ahead = 0, 0

    # ---- small things ----
    def now(self):
        return int(steady.time()) + self.ahead

    def new_id(self, prefix):
        self.number += 1
        return f"{prefix}_{self.number:06d}"

    def effect(self, what, **more):
        self.effects.append({"what": what, **more})

    def event(self, kind, obj):
        self.pending_events.append((kind, obj))

    def find(self, kind, store, name):
        if name not in store or name in self.deleted:
            raise missing(kind, name)
        return store[name]

    # ---- making things (control API) ----
    def add_method(self, customer, brand="visa", last4="4242", exp_month=12, exp_year=2031, id=None, decline=None,
                   behaviour="ok", declines_left=None, fingerprint=None):
        """decline: a decline_code, or {decline_code, advice_code, network_decline_code, network_advice_code, message}.
        behaviour: ok, processing, action. declines_left: so many declines, then it works."""
        pm = {"id": id or self.new_id("pm"), "object": "payment_method", "type": "card", "customer": customer, "created": self.now(),
              "livemode": False, "metadata": {},
              "card": {"brand": brand, "last4": last4, "exp_month": exp_month, "exp_year": exp_year,
                       "fingerprint": fingerprint or self.new_id("F")}}
        self.methods[pm["id"]] = {"pm": pm, "decline": decline, "behaviour": behaviour, "left": declines_left}
        return pm

    def add_customer(self, id=None, name="Acme", email="pay@acme.example", currency="usd", methods=None):
        cus = {"id": id or self.new_id("cus"), "object": "customer", "name": name, "email": email, "currency": currency,
               "created": self.now(), "livemode": False, "delinquent": False, "balance": 0, "metadata": {}, "default_source": None,
               "invoice_settings": {"default_payment_method": None}}
        self.customers[cus["id"]] = cus
        for row in [{}] if methods is None else methods:
            pm = self.add_method(cus["id"], **row)
            cus["invoice_settings"]["default_payment_method"] = cus["invoice_settings"]["default_payment_method"] or pm["id"]
        return cus

    def add_invoice(self, customer, amount, currency="usd", id=None, number=None, collection="charge_automatically", auto_advance=True,
                    due_in_days=0, subscription=None, fail=False):
        cus = self.find("customer", self.customers, customer)
        inv = {"id": id or self.new_id("in"), "object": "invoice", "customer": customer, "status": "open", "currency": currency,
               "number": number or f"F-{self.number:04d}", "total": amount, "amount_due": amount, "amount_paid": 0,
               "amount_remaining": amount, "attempt_count": 0, "attempted": False, "auto_advance": auto_advance,
               "collection_method": collection, "created": self.now(), "due_date": self.now() + due_in_days * DAY,
               "next_payment_attempt": None, "metadata": {}, "livemode": False, "default_payment_method": None,
               "customer_email": cus["email"]}
        inv["hosted_invoice_url"] = f"https://invoice.stripe.example/i/{inv['id']}"
        if subscription:
            sub = {"id": subscription if isinstance(subscription, str) else self.new_id("sub"), "object": "subscription",
                   "status": "active", "customer": customer, "livemode": False, "metadata": {}}
            self.subscriptions[sub["id"]] = sub
            inv["subscription_id"] = sub["id"]
        self.invoices[inv["id"]] = inv
        intent = self.new_intent(amount, currency, customer)
        self.link(inv, intent, True)
        if fail:
            self.try_invoice(inv, None, "first attempt")
        return inv

    def new_intent(self, amount, currency, customer, metadata=None, description=None):
        intent = {"id": self.new_id("pi"), "object": "payment_intent", "amount": amount, "amount_received": 0, "currency": currency,
                  "customer": customer, "status": "requires_payment_method", "created": self.now(), "metadata": metadata or {},
                  "description": description, "payment_method": None, "latest_charge": None, "last_payment_error": None,
                  "livemode": False}
        self.intents[intent["id"]] = intent
        return intent

    def link(self, inv, intent, default):
        row = {"id": self.new_id("inpay"), "object": "invoice_payment", "invoice": inv["id"], "is_default": default, "status": "open",
               "created": self.now(), "currency": inv["currency"], "amount_requested": intent["amount"], "amount_paid": None,
               "livemode": False, "payment": {"type": "payment_intent", "payment_intent": intent["id"]},
               "status_transitions": {"paid_at": None, "canceled_at": None}}
        self.payments[row["id"]] = row
        return row

    # ---- money ----
    def charge(self, intent, method, why):
        """One attempt: moves money or records a decline. Returns the error object of a decline, or None."""
        entry = self.find("payment_method", self.methods, method)
        pm, decline = entry["pm"], entry["decline"]
        if decline and entry["left"] is not None:
            entry["left"] -= 1
            if entry["left"] < 0:
                decline = None
        charge = {"id": self.new_id("ch"), "object": "charge", "amount": intent["amount"], "currency": intent["currency"],
                  "customer": intent["customer"], "created": self.now(), "payment_intent": intent["id"], "payment_method": method,
                  "status": "succeeded", "paid": True, "disputed": False, "failure_code": None, "failure_message": None, "livemode": False,
                  "metadata": {}, "outcome": {"type": "authorized", "network_status": "approved_by_network", "reason": None,
                                              "advice_code": None, "network_advice_code": None, "network_decline_code": None},
                  "payment_method_details": {"type": "card", "card": dict(pm["card"])}}
        self.charges[charge["id"]] = charge
        intent.update(payment_method=method, latest_charge=charge["id"], last_payment_error=None)
        if decline:
            return self.decline(intent, charge, pm, decline if isinstance(decline, dict) else {"decline_code": decline}, why)
        if entry["behaviour"] == "processing":
            charge.update(status="pending", paid=False)
            intent["status"] = "processing"
        else:
            intent.update(status="succeeded", amount_received=intent["amount"])
        self.effect("charged" if charge["paid"] else "debit started", amount=charge["amount"], currency=charge["currency"],
                    customer=charge["customer"], charge=charge["id"], intent=intent["id"], by=why)
        return None

    def decline(self, intent, charge, pm, how, why):
        code = how.get("decline_code", "generic_decline")
        text = how.get("message", TEXTS.get(code, "Your card was declined."))
        error = {"type": "card_error", "code": code if code in OWN_CODES else "card_declined", "decline_code": code, "message": text,
                 "charge": charge["id"], "payment_method": pm}
        for name in ("advice_code", "network_decline_code", "network_advice_code"):
            if how.get(name):
                error[name] = charge["outcome"][name] = how[name]
        charge.update(status="failed", paid=False, failure_code=error["code"], failure_message=text)
        charge["outcome"].update(type="issuer_declined", network_status="declined_by_network", reason=code)
        intent.update(status="requires_payment_method", last_payment_error=error)
        self.effect("declined", code=code, charge=charge["id"], customer=charge["customer"], by=why)
        return error

    def settle(self, inv):
        """What the invoice shows follows from its payments."""
        paid = 0
        for row in self.payments.values():
            intent = self.intents[row["payment"]["payment_intent"]]
            if row["invoice"] != inv["id"]:
                continue
            if intent["status"] == "succeeded" and row["status"] == "open":
                row.update(status="paid", amount_paid=intent["amount"])
                row["status_transitions"]["paid_at"] = self.now()
                self.event("invoice_payment.paid", self.show_payment(row))
            paid += row["amount_paid"] or 0
        inv["amount_paid"], inv["amount_remaining"] = paid, max(0, inv["amount_due"] - paid)
        if inv["amount_remaining"] == 0 and inv["status"] in ("open", "uncollectible"):
            inv.update(status="paid", next_payment_attempt=None, auto_advance=False)
            self.effect("invoice paid", invoice=inv["id"])
            self.event("invoice.paid", self.show_invoice(inv))
            self.event("invoice.payment_succeeded", self.show_invoice(inv))

    def default_row(self, inv):
        return next(r for r in self.payments.values() if r["invoice"] == inv["id"] and r["is_default"])

    def try_invoice(self, inv, method, why):
        """Charges what is left of an invoice by its default payment. Returns the error of a decline, or None."""
        cus = self.customers[inv["customer"]]
        method = method or inv["default_payment_method"] or cus["invoice_settings"]["default_payment_method"]
        if not method:
            raise Refused(400, "There is no `default_payment_method` set on this Customer or Invoice.")
        row = self.default_row(inv)
        intent = self.intents[row["payment"]["payment_intent"]]
        intent["amount"] = row["amount_requested"] = inv["amount_remaining"]
        error = self.charge(intent, method, why)
        inv["attempted"] = True
        inv["attempt_count"] += 1 if why != "api" or inv["attempt_count"] == 0 else 0
        if error:
            again = inv["auto_advance"] and inv["attempt_count"] < RETRIES_MAX
            inv["next_payment_attempt"] = self.now() + RETRY_DAYS * DAY if again else None
            self.event("charge.failed", self.show_charge(self.charges[error["charge"]]))
            self.event("invoice.payment_failed", self.show_invoice(inv))
        self.settle(inv)
        return error

    def advance(self, days):
        """Time goes on: what Stripe itself would do to open invoices, day by day. A hold must stop both."""
        for _ in range(days):
            self.ahead += DAY
            for inv in list(self.invoices.values()):
                if inv["status"] != "open" or not inv["auto_advance"] or inv["id"] in self.deleted:
                    continue
                self.engine.append({"at": self.now(), "what": "remind", "invoice": inv["id"]})
                if inv["collection_method"] == "charge_automatically" and (inv["next_payment_attempt"] or 0) <= self.now() \
                        and inv["next_payment_attempt"]:
                    error = self.try_invoice(inv, None, "engine")
                    self.engine.append({"at": self.now(), "what": "retry", "invoice": inv["id"],
                                        "outcome": error["decline_code"] if error else inv["status"]})

    # ---- as the API shows it ----
    def show_invoice(self, inv):
        out = {k: v for k, v in inv.items() if k != "subscription_id"}
        sub = inv.get("subscription_id")
        if self.old:
            out.update(subscription=sub, payment_intent=self.default_row(inv)["payment"]["payment_intent"],
                       charge=self.intents[self.default_row(inv)["payment"]["payment_intent"]]["latest_charge"])
        else:
            out["parent"] = {"type": "subscription_details", "subscription_details": {"subscription": sub}} if sub else None
        return out

    def dispute(self, customer, amount, currency="usd"):
        """A payment of last month that the customer's bank takes back; the event names the charge, and no customer."""
        intent = self.new_intent(amount, currency, customer)
        charge = {"id": self.new_id("ch"), "object": "charge", "amount": amount, "currency": currency, "customer": customer, "paid": True,
                  "created": self.now() - 30 * 86400, "payment_intent": intent["id"], "payment_method": None, "status": "succeeded",
                  "disputed": True, "failure_code": None, "failure_message": None, "livemode": False, "metadata": {}, "outcome": None,
                  "payment_method_details": None}
        intent.update(status="succeeded", latest_charge=charge["id"], amount_received=amount)
        self.charges[charge["id"]] = charge
        dispute = {"id": self.new_id("du"), "object": "dispute", "amount": amount, "currency": currency, "charge": charge["id"],
                   "payment_intent": intent["id"], "reason": "fraudulent", "status": "needs_response", "created": self.now(),
                   "livemode": False, "metadata": {}}
        self.disputes[dispute["id"]] = dispute
        self.event("charge.dispute.created", dispute)
        return charge

    def dispute_end(self, charge, status):
        """The bank has decided; the charge goes on saying that it is disputed."""
        dispute = next(d for d in self.disputes.values() if d["charge"] == charge)
        dispute["status"] = status
        self.event("charge.dispute.closed", dispute)
        return dispute

    def show_charge(self, charge):
        row = next((r for r in self.payments.values() if r["payment"]["payment_intent"] == charge["payment_intent"]), None)
        return dict(charge, **({"invoice": row["invoice"] if row else None} if self.old else {}))

    def show_intent(self, intent, expand=()):
        out = dict(intent)
        if "latest_charge" in expand and out["latest_charge"]:
            out["latest_charge"] = self.show_charge(self.charges[out["latest_charge"]])
        return out

    def show_payment(self, row, expand=()):
        out = dict(row, payment=dict(row["payment"]))
        if any(e.startswith("data.payment.payment_intent") for e in expand):
            deep = ["latest_charge"] if any(e.endswith("latest_charge") for e in expand) else []
            out["payment"]["payment_intent"] = self.show_intent(self.intents[row["payment"]["payment_intent"]], deep)
        return out
