"""The routes of the fake Stripe: which parameters each takes, what it refuses, what it does. State: stripe_peer.py."""
import re
from urllib.parse import parse_qsl

from stripe_peer import Refused

KEYS_LIVE_S = 86400
STATUSES = ("draft", "open", "paid", "uncollectible", "void")


def unflatten(encoded, where):
    """Form text to nested dicts, refusing what Stripe cannot read."""
    out = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True, strict_parsing=bool(encoded)):
        shape = re.fullmatch(r"([^\[\]]+)((?:\[[^\[\]]*\])*)", name)
        if not shape:
            raise Refused(400, f"Invalid {where}: {name}", saved=False)
        keys = [shape[1]] + re.findall(r"\[([^\[\]]*)\]", shape[2])
        if keys[1:] == [""] and isinstance(out.setdefault(keys[0], []), list):
            out[keys[0]].append(value)
            continue
        at = out
        for key in keys[:-1]:
            at = at.setdefault(key, {})
            if not isinstance(at, dict):
                raise Refused(400, f"Invalid {where}: {name}", saved=False)
        if keys[-1] in at or keys[-1] == "":
            raise Refused(400, f"Parameter given twice: {name}", saved=False)
        at[keys[-1]] = value
    return out


# ---- types of parameters: each takes (name, value) and gives the value, or refuses ----
def wrong(name, text):
    return Refused(400, text, saved=False, code="parameter_invalid", param=name)


def text(name, value):
    if not isinstance(value, str) or len(value) > 5000:
        raise wrong(name, f"Invalid string: {name}")
    return value


def filled(name, value):
    if not text(name, value):
        raise wrong(name, f"You passed an empty string for '{name}'.")
    return value


def integer(name, value):
    if not isinstance(value, str) or not re.fullmatch(r"-?\d{1,15}", value):
        raise wrong(name, f"Invalid integer: {value}")
    return int(value)


def boolean(name, value):
    if value not in ("true", "false"):
        raise wrong(name, f"Invalid boolean: {value}")
    return value == "true"


def limit(name, value):
    if not 1 <= integer(name, value) <= 100:
        raise wrong(name, "Invalid limit: must be between 1 and 100")
    return int(value)


def metadata(name, value):
    if value == "":
        return {}
    if not isinstance(value, dict) or len(value) > 50:
        raise wrong(name, "Invalid object: metadata")
    for key, entry in value.items():
        if not isinstance(entry, str) or len(key) > 40 or len(entry) > 500:
            raise wrong(name, f"Metadata values can have up to 500 characters, but you passed in a value of {len(entry)} ({key}).")
    return value


def one_of(*words):
    def check(name, value):
        if value not in words:
            raise wrong(name, f"Invalid {name}: must be one of {', '.join(words)}")
        return value
    return check


def nested(**fields):
    def check(name, value):
        if not isinstance(value, dict):
            raise wrong(name, f"Invalid object: {name}")
        return take(value, fields, name + "[%s]")
    return check


def times(name, value):
    if isinstance(value, str):
        return {"gte": integer(name, value), "lte": integer(name, value)}
    return nested(gt=integer, gte=integer, lt=integer, lte=integer)(name, value)


def expansion(*allowed):
    def check(name, value):
        for path in value if isinstance(value, list) else [value]:
            if path.count(".") > 3:
                raise wrong(name, "You cannot expand more than 4 levels of a property.")
            if path not in allowed:
                raise wrong(name, f"This property cannot be expanded ({path}).")
        return value
    return check


def take(values, fields, shape="%s"):
    for name in values:
        if name not in fields:
            raise Refused(400, f"Received unknown parameter: {shape % name}", saved=False, code="parameter_unknown", param=shape % name)
    return {name: fields[name](shape % name, value) for name, value in values.items()}


def need(values, *names):
    for name in names:
        if name not in values:
            raise Refused(400, f"Missing required param: {name}.", saved=False, code="parameter_missing", param=name)


PAGE = {"limit": limit, "starting_after": filled, "ending_before": filled, "expand": expansion()}


def page(rows, args, url):
    """Newest first, as Stripe lists."""
    rows = sorted(rows, key=lambda r: (r["created"], r["id"]), reverse=True)
    for name, keep in (("gt", lambda a, b: a > b), ("gte", lambda a, b: a >= b), ("lt", lambda a, b: a < b), ("lte", lambda a, b: a <= b)):
        if name in args.get("created", {}):
            rows = [r for r in rows if keep(r["created"], args["created"][name])]
    if "starting_after" in args:
        ids = [r["id"] for r in rows]
        if args["starting_after"] not in ids:
            raise Refused(400, f"No such object: '{args['starting_after']}'", saved=False, param="starting_after")
        rows = rows[ids.index(args["starting_after"]) + 1:]
    size = args.get("limit", 10)
    return {"object": "list", "url": url, "has_more": len(rows) > size, "data": rows[:size]}


# ---- what each route does: (stripe, ids from the path, arguments) -> body ----
def account(s, _ids, _args):
    return {"id": "acct_fake", "object": "account", "settings": {"dashboard": {"display_name": "Fake Stripe"}}}


def customer(s, ids, _args):
    if ids[0] in s.deleted:
        return {"id": ids[0], "object": "customer", "deleted": True}
    return s.find("customer", s.customers, ids[0])


def methods(s, ids, args):
    s.find("customer", s.customers, ids[0])
    return page([e["pm"] for e in s.methods.values() if e["pm"]["customer"] == ids[0] and
                 args.get("type", "card") == e["pm"]["type"]], args, f"/v1/customers/{ids[0]}/payment_methods")


def invoices(s, _ids, args):
    if "customer" in args:
        s.find("customer", s.customers, args["customer"])
    rows = [i for i in s.invoices.values() if i["id"] not in s.deleted and args.get("customer", i["customer"]) == i["customer"]
            and args.get("status", i["status"]) == i["status"]]
    out = page(rows, args, "/v1/invoices")
    out["data"] = [s.show_invoice(i) for i in out["data"]]
    return out


def invoice(s, ids, _args):
    return s.show_invoice(s.find("invoice", s.invoices, ids[0]))


def set_metadata(obj, args):
    for key, value in args.get("metadata", {}).items():
        obj["metadata"].pop(key, None)
        if value:
            obj["metadata"][key] = value
    if len(obj["metadata"]) > 50:
        raise Refused(400, "You can have up to 50 metadata keys.", saved=False)


def update_customer(s, ids, args):
    cus = s.find("customer", s.customers, ids[0])
    set_metadata(cus, args)
    s.event("customer.updated", cus)
    return cus


def update_invoice(s, ids, args):
    inv = s.find("invoice", s.invoices, ids[0])
    if inv["status"] != "open" and "auto_advance" in args:
        raise Refused(400, "This invoice can no longer be edited: finalized invoices can't be updated in this way.")
    set_metadata(inv, args)
    if "auto_advance" in args:
        inv["auto_advance"] = args["auto_advance"]
        inv["next_payment_attempt"] = s.now() + 3600 if args["auto_advance"] and inv["attempted"] else None
    s.effect("invoice updated", invoice=inv["id"], auto_advance=inv["auto_advance"], metadata=dict(inv["metadata"]))
    s.event("invoice.updated", s.show_invoice(inv))
    return s.show_invoice(inv)


def chargeable(amount, currency):
    """docs.stripe.com/currencies, special cases and three-decimal currencies: the last digits are zeros."""
    step = {"isk": 100, "ugx": 100}.get(currency, 10 if currency in ("bhd", "jod", "kwd", "omr", "tnd") else 1)
    if amount % step:
        raise Refused(400, f"Invalid amount. {currency} is charged in steps of {step}.", code="invalid_charge_amount_no_decimal_compatible")


def pay(s, ids, args):
    inv = s.find("invoice", s.invoices, ids[0])
    chargeable(inv["amount_remaining"], inv["currency"])
    if inv["status"] == "paid":
        raise Refused(400, "Invoice is already paid", code="invoice_already_paid")
    if inv["status"] not in ("open", "uncollectible"):
        raise Refused(400, f"This invoice is {inv['status']}", code="invoice_not_editable")
    method = args.get("payment_method")
    if method and s.find("PaymentMethod", s.methods, method)["pm"]["customer"] != inv["customer"]:
        raise Refused(400, "The payment method does not belong to this customer.", param="payment_method")
    entry = s.methods.get(method or s.customers[inv["customer"]]["invoice_settings"]["default_payment_method"])
    if entry and entry["behaviour"] == "action":
        raise Refused(402, "This payment requires additional user action before it can be completed successfully.", "card_error",
                      code="invoice_payment_intent_requires_action")
    error = s.try_invoice(inv, method, "api")
    if error:
        raise Refused(402, error["message"], "card_error", **{k: v for k, v in error.items() if k not in ("type", "message")})
    return s.show_invoice(inv)


def mark_uncollectible(s, ids, _args):
    inv = s.find("invoice", s.invoices, ids[0])
    if inv["status"] != "open":
        raise Refused(400, f"You can only mark open invoices as uncollectible; this one is {inv['status']}.")
    inv.update(status="uncollectible", auto_advance=False, next_payment_attempt=None)
    s.effect("given up", invoice=inv["id"])
    s.event("invoice.marked_uncollectible", s.show_invoice(inv))
    return s.show_invoice(inv)


def create_credit_note(s, _ids, args):
    need(args, "invoice", "amount")
    inv = s.find("invoice", s.invoices, args["invoice"])
    if inv["status"] not in ("open", "paid"):
        raise Refused(400, f"Credit notes can only be made for open or paid invoices; this one is {inv['status']}.")
    if not 0 < args["amount"] <= inv["amount_remaining"]:
        raise Refused(400, f"The amount must be between 1 and the invoice's {inv['amount_remaining']}.", param="amount")
    note = {"id": s.new_id("cn"), "object": "credit_note", "invoice": inv["id"], "customer": inv["customer"], "currency": inv["currency"],
            "amount": args["amount"], "total": args["amount"], "status": "issued", "created": s.now(), "livemode": False,
            "memo": args.get("memo"), "reason": args.get("reason"), "metadata": args.get("metadata", {})}
    s.credit_notes[note["id"]] = note
    inv["amount_due"] -= note["amount"]
    s.effect("credited", invoice=inv["id"], amount=note["amount"])
    s.event("credit_note.created", note)
    s.settle(inv)
    s.event("invoice.updated", s.show_invoice(inv))
    return note


def credit_notes(s, _ids, args):
    rows = [n for n in s.credit_notes.values() if args.get("invoice", n["invoice"]) == n["invoice"]
            and args.get("customer", n["customer"]) == n["customer"]]
    return page(rows, args, "/v1/credit_notes")


def events(s, _ids, args):
    kept = s.now() - 30 * 86400
    return page([e for e in s.events if e["created"] >= kept and e["type"] in args.get("types", [e["type"]])], args, "/v1/events")


def create_intent(s, _ids, args):
    need(args, "amount", "currency")
    if args["amount"] <= 0:
        raise wrong("amount", "This value must be greater than or equal to 1.")
    chargeable(args["amount"], args["currency"])
    if not args.get("confirm"):
        raise Refused(400, "The fake confirms at once only", saved=False, param="confirm")
    need(args, "customer", "payment_method")
    s.find("customer", s.customers, args["customer"])
    automatic = args.get("automatic_payment_methods", {})
    if automatic.get("allow_redirects") != "never" and "return_url" not in args:
        raise Refused(400, "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these "
                      "payment methods might redirect your customer off of your page, you must provide a `return_url`.", param="return_url")
    entry = s.find("PaymentMethod", s.methods, args["payment_method"])
    if entry["pm"]["customer"] != args["customer"]:
        raise Refused(400, "The payment method does not belong to this customer.", param="payment_method")
    intent = s.new_intent(args["amount"], args["currency"], args["customer"], args.get("metadata"), args.get("description"))
    error = s.charge(intent, args["payment_method"], "api")
    if error:
        s.event("payment_intent.payment_failed", s.show_intent(intent))
        raise Refused(402, error["message"], "card_error", payment_intent=s.show_intent(intent),
                      **{k: v for k, v in error.items() if k not in ("type", "message")})
    return s.show_intent(intent)


def attach_payment(s, ids, args):
    need(args, "payment_intent")
    inv, intent = s.find("invoice", s.invoices, ids[0]), s.find("payment_intent", s.intents, args["payment_intent"])
    if inv["status"] != "open":
        raise Refused(400, f"You can only attach payments to open invoices; this one is {inv['status']}.")
    if intent["customer"] != inv["customer"] or intent["currency"] != inv["currency"]:
        raise Refused(400, "The payment intent's customer and currency must match the invoice's.")
    if any(r["payment"]["payment_intent"] == intent["id"] for r in s.payments.values()):
        raise Refused(400, "This payment intent is already attached to an invoice.")
    if intent["amount"] > inv["amount_remaining"]:
        raise Refused(400, "The payment intent's amount is larger than what remains of the invoice.")
    s.link(inv, intent, False)
    s.effect("attached", invoice=inv["id"], intent=intent["id"], amount=intent["amount"])
    s.settle(inv)
    return s.show_invoice(inv)


def invoice_payments(s, _ids, args):
    rows = [r for r in s.payments.values() if args.get("invoice", r["invoice"]) == r["invoice"]
            and args.get("status", r["status"]) == r["status"]
            and args.get("payment", {}).get("payment_intent", r["payment"]["payment_intent"]) == r["payment"]["payment_intent"]]
    if "invoice" in args:
        s.find("invoice", s.invoices, args["invoice"])
    out, expand = page(rows, args, "/v1/invoice_payments"), args.get("expand", [])
    out["data"] = [s.show_payment(r, expand if isinstance(expand, list) else [expand]) for r in out["data"]]
    return out


def intents(s, _ids, args):
    return page([i for i in s.intents.values() if args.get("customer", i["customer"]) == i["customer"]], args, "/v1/payment_intents")


def intent(s, ids, _args):
    return s.show_intent(s.find("payment_intent", s.intents, ids[0]))


def disputes(s, _ids, args):
    if "charge" in args:
        s.find("charge", s.charges, args["charge"])
    return page([d for d in s.disputes.values() if args.get("charge", d["charge"]) == d["charge"]
                 and args.get("payment_intent", d["payment_intent"]) == d["payment_intent"]], args, "/v1/disputes")


def charges(s, _ids, args):
    rows = [c for c in s.charges.values() if args.get("customer", c["customer"]) == c["customer"]
            and args.get("payment_intent", c["payment_intent"]) == c["payment_intent"]]
    out = page(rows, args, "/v1/charges")
    out["data"] = [s.show_charge(c) for c in out["data"]]
    return out


def charge(s, ids, _args):
    return s.show_charge(s.find("charge", s.charges, ids[0]))


def subscription(s, ids, _args):
    return s.find("subscription", s.subscriptions, ids[0])


def portal(s, _ids, args):
    need(args, "customer")
    s.find("customer", s.customers, args["customer"])
    session = {"id": s.new_id("bps"), "object": "billing_portal.session", "customer": args["customer"], "created": s.now(),
               "livemode": False, "return_url": args.get("return_url")}
    session["url"] = f"https://billing.stripe.example/p/session/{session['id']}"
    s.sessions[session["id"]] = session
    return session


def words(most):
    def check(name, value):
        if not isinstance(value, list) or len(value) > most:
            raise wrong(name, f"{name} takes a list of at most {most}")
        return [filled(name, v) for v in value]
    return check


METADATA = {"metadata": metadata}
LATEST = expansion("data.payment.payment_intent", "data.payment.payment_intent.latest_charge")
ROUTES = [
    ("GET", r"account", {}, account),
    ("GET", r"customers/([^/]+)", {}, customer),
    ("POST", r"customers/([^/]+)", METADATA, update_customer),
    ("GET", r"customers/([^/]+)/payment_methods", {**PAGE, "type": one_of("card", "sepa_debit", "us_bank_account")}, methods),
    ("GET", r"invoices", {**PAGE, "customer": filled, "status": one_of(*STATUSES), "created": times, "subscription": filled}, invoices),
    ("GET", r"invoices/([^/]+)", {}, invoice),
    ("POST", r"invoices/([^/]+)", {**METADATA, "auto_advance": boolean, "description": text}, update_invoice),
    ("POST", r"invoices/([^/]+)/pay", {"payment_method": filled, "off_session": boolean, "paid_out_of_band": boolean}, pay),
    ("POST", r"invoices/([^/]+)/mark_uncollectible", {}, mark_uncollectible),
    ("GET", r"credit_notes", {**PAGE, "invoice": filled, "customer": filled, "created": times}, credit_notes),
    ("POST", r"credit_notes", {**METADATA, "invoice": filled, "amount": integer, "memo": text,
                               "reason": one_of("duplicate", "fraudulent", "order_change", "product_unsatisfactory")}, create_credit_note),
    ("GET", r"events", {**PAGE, "created": times, "types": words(20), "type": filled, "delivery_success": boolean}, events),
    ("POST", r"invoices/([^/]+)/attach_payment", {"payment_intent": filled}, attach_payment),
    ("GET", r"invoice_payments", {**PAGE, "expand": LATEST, "invoice": filled, "status": one_of("canceled", "open", "paid"),
                                  "payment": nested(type=one_of("payment_intent"), payment_intent=filled)}, invoice_payments),
    ("GET", r"payment_intents", {**PAGE, "customer": filled, "created": times}, intents),
    ("GET", r"payment_intents/([^/]+)", {}, intent),
    ("POST", r"payment_intents", {**METADATA, "amount": integer, "currency": filled, "customer": filled, "payment_method": filled,
                                  "off_session": boolean, "confirm": boolean, "description": text, "return_url": filled,
                                  "automatic_payment_methods": nested(enabled=boolean, allow_redirects=one_of("always", "never"))},
     create_intent),
    ("GET", r"charges", {**PAGE, "customer": filled, "payment_intent": filled, "created": times}, charges),
    ("GET", r"charges/([^/]+)", {}, charge),
    ("GET", r"disputes", {**PAGE, "charge": filled, "payment_intent": filled, "created": times}, disputes),
    ("GET", r"subscriptions/([^/]+)", {}, subscription),
    ("POST", r"billing_portal/sessions", {"customer": filled, "return_url": filled,
                                          "flow_data": nested(type=one_of("payment_method_update"))}, portal),
]
