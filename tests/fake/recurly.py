#!/usr/bin/env python3
"""A strict, stateful Recurly on loopback. Start: python recurly.py [PORT]; it prints "ready http://127.0.0.1:PORT"; the key is key_fake.
Faults, lag and the rest of the control API: rest_fake.py. Idempotency keys live one hour. Amounts are decimals.

It refuses what Recurly refuses: wrong keys, another Accept than the one version, unknown addresses, parameters and fields, collecting what
is not open, with a billing info of somebody else. mark_failed is there and counted: only a write-off may ever call it.

Control besides: /_test/account {code, cards: [{id, decline?: {category, code, decline_code?}, behaviour?: "ok"|"processing"}]}
  /_test/invoice {number, account, amount (minor units), state?}   (its first attempt has failed)    /_test/invoice_set {number, ...}    /_test/transaction_set {id, ...}    /_test/credit {account, amount}
  /_test/webhook {url, object, event, number?, uuid?, mode: good|two_keys|seconds|bad|old} -> {status}: signs and posts one event"""
import base64
import datetime
import hashlib
import hmac
import json

import steady
from rest_fake import Refused, post_event, serve

ACCEPT = "application/vnd.recurly.v2021-02-25+json"
LISTS = {"invoices": {"state", "limit", "cursor"}, "transactions": {"sort", "order", "limit", "begin_time", "cursor"}, "billing_infos": set(), "notes": set(), "line_items": {"type", "state", "sort", "order", "limit"}}


def error(status, kind, message, **more):
    return Refused(status, {"error": dict({"type": kind, "message": message, "params": []}, **more)})


def decimal(minor):
    """As Recurly writes it: a JSON number, 120.5 or 120.0."""
    return minor / 100


class Recurly:
    NAME, PREFIX, WINDOW_S = "Recurly", "", 3600
    KEY_HEADER, REPLAY_HEADER = "Idempotency-Key", "Idempotency-Prior"

    def reset(self):
        self.s = {"accounts": {}, "infos": {}, "invoices": {}, "transactions": {}, "taken": {}, "written_off": 0, "notes": {}, "lines": {}, "credit": {}, "number": 0}

    def iso(self, ago=0):
        at = datetime.datetime.fromtimestamp(steady.time() + self.ahead - ago, datetime.timezone.utc)
        return at.strftime("%Y-%m-%dT%H:%M:%SZ")

    def slow_down(self):
        return error(429, "rate_limited", "slow down")

    def busy(self):
        return error(409, "simultaneous_request", "the first request still runs")

    def reused(self):
        return error(422, "validation", "the key was used with another body")

    def may(self, request):
        if request.headers.get("Authorization") != "Basic " + base64.b64encode(b"key_fake:").decode():
            raise error(401, "unauthorized", "the key is wrong")
        if request.headers.get("Accept") != ACCEPT:
            raise error(406, "invalid_api_version", "which version?")

    def body_of(self, request, text):
        if request.method == "GET":
            return None
        if request.headers.get("Content-Type") != "application/json":
            raise error(415, "invalid_content_type", "JSON is wanted")
        return json.loads(text or "{}")

    def find(self, store, name, what):
        if name not in self.s[store]:
            raise error(404, "not_found", f"Couldn't find {what} with {name}")
        return self.s[store][name]

    # ---- calls ----
    def call(self, method, path, query, body):
        parts = path.strip("/").split("/")
        if method == "GET" and parts == ["dunning_campaigns"]:
            return 200, {"object": "list", "has_more": False, "next": None, "data": []}
        if method == "GET" and parts[0] == "accounts" and parts[1][:5] == "code-":
            account = self.find("accounts", parts[1][5:], "Account")
            if len(parts) == 2 and not query:
                return 200, account
        if method == "POST" and parts[0] == "accounts" and parts[1][:5] == "code-" and parts[2:] == ["notes"]:
            return 201, self.note(self.find("accounts", parts[1][5:], "Account"), body)
        if method == "POST" and parts == ["purchases"]:
            return 201, self.purchase(body)
        if method == "GET" and parts[0] == "accounts" and parts[1][:5] == "code-" and parts[2:] == ["balance"]:
            account = self.find("accounts", parts[1][5:], "Account")
            return 200, {"object": "account_balance", "past_due": True, "balances": [
                {"currency": "USD", "amount": 0.0, "available_credit_amount": decimal(self.s["credit"].get(account["code"], 0))}]}
        if method == "GET" and parts == ["invoices"]:
            return 200, self.past_due(dict(query))
        if method == "GET" and parts == ["transactions"]:
            return 200, self.site_transactions(dict(query))
        if method == "GET" and parts[0] == "accounts" and parts[1][:5] == "code-":
            account = self.find("accounts", parts[1][5:], "Account")
            if len(parts) == 3 and parts[2] in LISTS:
                return 200, self.list(account["code"], parts[2], dict(query))
        if parts[0] == "transactions" and method == "GET" and parts[1][:5] == "uuid-":
            return 200, self.find("transactions", parts[1][5:], "Transaction")
        if parts[0] == "invoices" and parts[1][:7] == "number-":
            invoice = self.find("invoices", parts[1][7:], "Invoice")
            if method == "GET" and len(parts) == 2:
                return 200, self.show(invoice)
            if method == "PUT" and parts[2:] == ["collect"]:
                return 200, self.collect(invoice, body)
            if method == "PUT" and parts[2:] == ["apply_credit_balance"]:
                return 200, self.apply(invoice, body)
            if method == "PUT" and parts[2:] == ["mark_failed"]:
                return 200, self.mark_failed(invoice, body)
            if method == "PUT" and len(parts) == 2:
                return 200, self.terms(invoice, body)
        raise error(404, "not_found", "there is no such address")

    def purchase(self, body):
        """Nothing but one credit: a credit invoice is made of it at once. An account that is not there would be made as well, so it must be."""
        line = (body.get("line_items") or [{}])[0]
        if set(body) != {"currency", "account", "collection_method", "line_items"} or len(body["line_items"]) != 1 or set(body["account"]) != {"code"}:
            raise error(400, "bad_request", f"fields {sorted(body)}")
        if set(line) != {"type", "currency", "unit_amount", "quantity", "description", "credit_reason_code"} or line["type"] != "credit" or line["quantity"] != 1 \
                or not isinstance(line["unit_amount"], (int, float)) or line["unit_amount"] <= 0 or line["credit_reason_code"] not in ("general", "promotional", "service"):
            raise error(422, "validation", f"line {line}")
        account = self.find("accounts", body["account"]["code"], "Account")
        self.s["number"] += 1
        minor = round(line["unit_amount"] * 100)
        row = {"id": f"li{self.s['number']}", "account_id": account["code"], "type": "credit", "state": "invoiced", "description": line["description"], "amount": -decimal(minor)}
        self.s["lines"][row["id"]] = row
        self.s["credit"][account["code"]] = self.s["credit"].get(account["code"], 0) + minor
        return {"object": "invoice_collection", "charge_invoice": None, "credit_invoices": [{"number": f"9{self.s['number']:03}", "state": "open"}]}

    def apply(self, invoice, body):
        code = invoice["account"]["code"]
        used = min(self.s["credit"].get(code, 0), invoice["minor"])
        if body:
            raise error(400, "bad_request", "there is no body here")
        if invoice["state"] not in ("past_due", "pending", "open") or used == 0:
            raise error(422, "validation", "there is no credit to apply, or nothing is open")
        self.s["credit"][code] -= used
        invoice["minor"] -= used
        invoice["state"] = "paid" if invoice["minor"] == 0 else invoice["state"]
        return self.show(invoice)

    def mark_failed(self, invoice, body):
        if body:
            raise error(400, "bad_request", "there is no body here")
        if invoice["state"] not in ("past_due", "pending", "processing"):
            raise error(422, "validation", "only open invoices can be marked")
        self.s["written_off"] += 1
        invoice["state"] = "failed"
        return self.show(invoice)

    def terms(self, invoice, body):
        if set(body) != {"net_terms"} or not isinstance(body["net_terms"], int) or not 0 <= body["net_terms"] <= 999:
            raise error(400, "bad_request", "net_terms")
        made = datetime.datetime.strptime(invoice["created_at"], "%Y-%m-%dT%H:%M:%SZ")
        invoice["net_terms"], invoice["due_at"] = body["net_terms"], (made + datetime.timedelta(days=body["net_terms"])).strftime("%Y-%m-%dT%H:%M:%SZ")
        invoice["state"] = "pending" if invoice["due_at"] > self.iso() else invoice["state"]
        return self.show(invoice)

    def note(self, account, body):
        if set(body) != {"message"} or not isinstance(body["message"], str) or not body["message"]:
            raise error(422, "validation", "message")
        self.s["number"] += 1
        note = {"id": f"n{self.s['number']}", "object": "account_note", "message": body["message"], "created_at": self.iso(), "account_id": account["code"]}
        self.s["notes"][note["id"]] = note
        return note

    def past_due(self, q):
        """The site's list; the last one of a page is known by its place."""
        if set(q) - {"state", "limit", "sort", "order", "cursor"} or q.get("state") != "past_due":
            raise error(400, "bad_request", f"query {sorted(q)}")
        rows = [r for r in self.s["invoices"].values() if r["state"] == "past_due"]
        start, limit = int(q.get("cursor", "0")), int(q.get("limit", "20"))
        more = start + limit < len(rows)
        return {"has_more": more, "next": f"/invoices?cursor={start + limit}&limit={limit}&state=past_due" if more else None,
                "data": [self.show(r) for r in rows[start:start + limit]]}

    def site_transactions(self, q):
        """By the time they were changed, oldest first; the window goes along in the address of the next page."""
        if set(q) != {"type", "sort", "order", "limit", "begin_time", "end_time"} | set(q) & {"cursor"} or (q["type"], q["sort"], q["order"]) != ("payment", "updated_at", "asc"):
            raise error(400, "bad_request", f"query {sorted(q.items())}")
        rows = sorted((t for t in self.s["transactions"].values() if q["begin_time"] <= t["updated_at"] <= q["end_time"]), key=lambda t: t["updated_at"])
        start, limit = int(q.get("cursor", "0")), int(q["limit"])
        if not 1 <= limit <= 200:
            raise error(400, "bad_request", "limit")
        rest = "&".join(f"{k}={v}" for k, v in q.items() if k != "cursor")
        more = start + limit < len(rows)
        return {"has_more": more, "next": f"/transactions?cursor={start + limit}&{rest}" if more else None, "data": rows[start:start + limit]}

    def show(self, invoice):
        rows = [t for t in self.s["transactions"].values() if t["invoice"]["number"] == invoice["number"]]
        return dict({k: v for k, v in invoice.items() if k != "minor"}, total=decimal(invoice["minor"]),
                    balance=decimal(0 if invoice["state"] in ("paid", "failed") else invoice["minor"]), transactions=rows)

    def list(self, code, what, q):
        if set(q) - LISTS[what]:
            raise error(400, "bad_request", f"unknown: {sorted(set(q) - LISTS[what])}")
        if what in ("billing_infos", "notes", "line_items"):
            store = {"billing_infos": "infos", "notes": "notes", "line_items": "lines"}[what]
            rows = [b for b in self.s[store].values() if b["account_id"] == code]
            return {"has_more": False, "next": None, "data": [{k: v for k, v in b.items() if k[0] != "_"} for b in rows]}
        rows = [r for r in self.s[what].values() if r["account"]["code"] == code]
        if "state" in q:
            rows = [r for r in rows if r["state"] == q["state"]]
        if "begin_time" in q:
            rows = [r for r in rows if r["created_at"] >= q["begin_time"]]
        start, limit = int(q.get("cursor", "0")), int(q.get("limit", "20"))
        if not 1 <= limit <= 200:
            raise error(400, "bad_request", "limit")
        page = rows[start:start + limit]
        more = start + limit < len(rows)
        rest = "&".join(f"{k}={v}" for k, v in q.items() if k != "cursor")
        return {"has_more": more, "next": f"/accounts/code-{code}/{what}?cursor={start + limit}&{rest}" if more else None,
                "data": [self.show(r) for r in page] if what == "invoices" else page}

    def collect(self, invoice, body):
        if set(body) - {"billing_info_id", "transaction_type", "three_d_secure_action_result_token_id"}:
            raise error(400, "bad_request", "unknown fields")
        if invoice["state"] not in ("past_due", "pending", "open"):
            raise error(422, "validation", "the invoice is " + invoice["state"])
        infos = [b for b in self.s["infos"].values() if b["account_id"] == invoice["account"]["code"]]
        chosen = [b for b in infos if b["id"] == body.get("billing_info_id", b["id"])]
        if not chosen:
            raise error(422, "validation", "billing info not found")
        t, refusal = self.charge(invoice, chosen[0])
        if refusal:
            raise error(422, "transaction", "the payment was declined", transaction_error=dict(refusal, transaction_id=t["id"]))
        return self.show(invoice)

    def charge(self, invoice, info):
        self.s["number"] += 1
        t = {"id": f"t{self.s['number']}", "uuid": f"{self.s['number']:032x}", "type": "purchase", "status": "success", "currency": "USD",
             "amount": decimal(invoice["minor"]), "created_at": self.iso(), "updated_at": self.iso(), "account": {"code": invoice["account"]["code"]},
             "invoice": {"number": invoice["number"]}, "payment_method": info["payment_method"], "status_code": "approved"}
        self.s["transactions"][t["uuid"]] = t
        refusal = info["_decline"]
        if refusal:
            t.update(status="declined", status_code=refusal["code"], status_message="The bank said no")
        elif info["_behaviour"] == "processing":
            t["status"], invoice["state"] = "processing", "processing"
        else:
            invoice["state"] = "paid"
            code = invoice["account"]["code"]
            self.s["taken"][code] = self.s["taken"].get(code, 0) + invoice["minor"]
        return t, refusal

    # ---- control ----
    def do_account(self, code, cards=()):
        for n, card in enumerate(cards):
            self.s["infos"][card["id"]] = {
                "id": card["id"], "account_id": code, "valid": True, "primary_payment_method": n == 0, "_decline": card.get("decline"),
                "_behaviour": card.get("behaviour", "ok"),
                "payment_method": {"object": "credit_card", "card_type": "Visa", "last_four": f"{4242 + n}", "exp_month": 12, "exp_year": 2031}}
        self.s["accounts"][code] = {"id": "a1", "code": code, "company": "Acme", "email": "pay@acme.example", "has_active_subscription": True,
                                    "hosted_login_token": "tok_fake"}
        return self.s["accounts"][code]

    def do_invoice(self, number, account, amount, state="past_due"):
        invoice = {"id": "i" + number, "number": number, "type": "charge", "state": state, "account": {"code": account}, "currency": "USD",
                   "minor": amount, "collection_method": "automatic", "due_at": self.iso(5 * 86400), "created_at": self.iso(5 * 86400),
                   "subscription_ids": ["sub1"], "final_dunning_event": False}
        self.s["invoices"][number] = invoice
        first = next((b for b in self.s["infos"].values() if b["account_id"] == account), None)
        if first and first["_decline"] and state == "past_due":
            self.charge(invoice, first)
        return invoice

    def do_invoice_set(self, number, **changes):
        self.s["invoices"][number].update(changes)
        return self.s["invoices"][number]

    def do_credit(self, account, amount):
        self.s["credit"][account] = amount
        return {}

    def do_transaction_set(self, id, **changes):
        t = next(t for t in self.s["transactions"].values() if t["id"] == id)
        t.update(changes)
        return t

    def do_webhook(self, url, object, event, number=None, uuid=None, mode="good"):
        body = {"id": "r1", "object_type": object, "site_id": "s1", "event_type": event, "event_time": self.iso()}
        body.update({"invoice_number": number} if number else {}, **({"uuid": uuid} if uuid else {}))
        text = json.dumps(body)
        at = steady.time() - (3600 if mode == "old" else 0)
        stamp = str(int(at) if mode == "seconds" else int(at * 1000)).encode()

        def sign(key):
            return hmac.new(key, stamp + b"." + text.encode(), hashlib.sha256).hexdigest()

        signatures = {"bad": [sign(b"another")], "two_keys": [sign(b"another"), sign(b"whk_fake")]}.get(mode, [sign(b"whk_fake")])
        return post_event(url, text, {"recurly-signature": ",".join([stamp.decode(), *signatures]), "recurly-notification-id": "n1"})


if __name__ == "__main__":
    serve(Recurly())
