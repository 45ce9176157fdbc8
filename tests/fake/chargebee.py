#!/usr/bin/env python3
"""A strict, stateful Chargebee on loopback. Start: python chargebee.py [PORT]; it prints "ready http://127.0.0.1:PORT"; the API is under
/api/v2, the key is key_fake. Faults, lag and the rest of the control API: rest_fake.py. Idempotency keys live thirty minutes.

It refuses what Chargebee refuses: wrong keys, unknown addresses, parameters and filters, comments over 300 characters, a pause of what
is not payment_due, not in dunning, paused already or not collected automatically, a credit over more than is due, a date that is not in the future, a resume of
what is not paused, collecting more than can be collected, without a source, or of what is paid or void.

Control besides: /_test/customer {id, sources: [{id, decline?, behaviour?: "ok"|"processing", brand?}], auto?: true}
  /_test/invoice {id, customer, amount, status?, dunning?}   (its first attempt has failed)    /_test/invoice_set {id, ...}
  /_test/advance {days} -> what Chargebee did by itself, day by day: remind, retry, and collecting on the day a pause ends
  /_test/event {type, invoice, ago?} -> an event that was not sent, and is in the list of events
  /_test/webhook {url, type, invoice, user?, password?} -> {status}: posts one event with Basic authentication (hook, hook_fake)"""
import base64
import json

import steady
from rest_fake import Refused, form_of, post_event, serve

DAY = 86400
FILTERS = {
    "invoices": {"limit", "offset", "customer_id[is]", "amount_due[gt]", "date[before]", "sort_by[asc]"},
    "credit_notes": {"limit", "offset", "reference_invoice_id[is]"},
    "comments": {"limit", "offset", "entity_type", "entity_id", "sort_by[desc]"},
    "events": {"limit", "offset", "occurred_at[after]", "occurred_at[before]", "sort_by[asc]"},
    "transactions": {"limit", "offset", "customer_id[is]", "type[is]", "date[after]", "sort_by[desc]"},
    "payment_sources": {"limit", "offset", "customer_id[is]"},
}
FIELDS = {
    "pause_dunning": {"expected_payment_date", "comment"},
    "resume_dunning": {"comment"},
    "collect_payment": {"amount", "payment_source_id", "comment", "payment_initiator"},
    "write_off": {"comment"},
    "credit_notes": {"reference_invoice_id", "type", "total", "reason_code", "comment"},
    "comments": {"entity_type", "entity_id", "notes", "added_by"},
    "collect_now": {"customer[id]", "currency_code", "redirect_url"},
    "manage_payment_sources": {"customer[id]", "redirect_url"},
}


def error(status, code, message, kind="invalid_request", **more):
    return Refused(status, dict({"message": message, "type": kind, "api_error_code": code}, **more))


class Chargebee:
    NAME, PREFIX, WINDOW_S = "Chargebee", "/api/v2", 1800
    KEY_HEADER, REPLAY_HEADER = "chargebee-idempotency-key", "chargebee-idempotency-replayed"

    def reset(self):
        self.s = {"customers": {}, "sources": {}, "invoices": {}, "transactions": {}, "credit_notes": {}, "comments": {}, "events": {}, "taken": {}, "engine": [], "number": 0}

    def now(self):
        return int(steady.time()) + self.ahead

    def slow_down(self):
        return error(429, "api_request_limit_exceeded", "slow down", "operation_failed")

    def busy(self):
        return error(409, "lock_timeout", "another request holds the lock", "operation_failed")

    def reused(self):
        return error(422, "idempotency_error", "the key was used with other parameters")

    def may(self, request):
        if request.headers.get("Authorization") != "Basic " + base64.b64encode(b"key_fake:").decode():
            raise error(401, "api_authentication_failed", "the key is wrong")

    def body_of(self, request, text):
        if request.method == "POST" and request.headers.get("Content-Type") != "application/x-www-form-urlencoded":
            raise error(415, "content_type", "a form is wanted")
        if len(request.headers.get(self.KEY_HEADER, "")) > 100:
            raise error(400, "param_wrong_value", "the idempotency key is too long")
        return form_of(text)

    def find(self, store, name):
        if name not in self.s[store]:
            raise error(404, "resource_not_found", f"{name} not found")
        return self.s[store][name]

    # ---- calls ----
    def call(self, method, path, query, body):
        parts = path.strip("/").split("/")
        if method == "GET" and len(parts) == 1 and parts[0] in FILTERS:
            return 200, self.list(parts[0], query)
        if method == "GET" and len(parts) == 2 and parts[0] in ("customers", "invoices", "subscriptions"):
            if query:
                raise error(400, "param_wrong_value", "no parameters here")
            if parts[0] == "subscriptions":
                return 200, {"subscription": {"id": parts[1], "status": "active"}}
            return 200, {parts[0][:-1]: self.find(parts[0], parts[1])}
        name = parts[-1]
        if method != "POST" or name not in FIELDS:
            raise error(404, "site_not_found", "there is no such address")
        unknown = set(body) - FIELDS[name]
        if unknown:
            raise error(400, "param_wrong_value", f"unknown: {sorted(unknown)}")
        if len(body.get("comment", "")) > 300:
            raise error(400, "param_wrong_value", "the comment is too long")
        if parts[0] == "hosted_pages":
            self.find("customers", body.get("customer[id]", ""))
            return 200, {"hosted_page": {"id": "hp_1", "url": "https://acme-test.chargebee.com/pages/fake", "expires_at": self.now() + 3600}}
        if len(parts) == 1:
            return 200, getattr(self, "new_" + name)(body)
        return 200, getattr(self, name)(self.find("invoices", parts[1]), body)

    def list(self, what, query):
        unknown = {k for k, _ in query} - FILTERS[what]
        if unknown:
            raise error(400, "param_wrong_value", f"unknown: {sorted(unknown)}")
        q = dict(query)
        rows = list(self.s["sources" if what == "payment_sources" else what].values())
        for name, field in (("customer_id[is]", "customer_id"), ("reference_invoice_id[is]", "reference_invoice_id"), ("entity_type", "entity_type"),
                            ("entity_id", "entity_id")):
            rows = [r for r in rows if name not in q or r[field] == q[name]]
        for name, field in (("date[before]", "date"), ("occurred_at[before]", "occurred_at")):
            rows = [r for r in rows if name not in q or r[field] < int(q[name])]
        rows = [r for r in rows if r.get("occurred_at", 1) > int(q.get("occurred_at[after]", "0"))]
        if "sort_by[asc]" in q:
            rows.sort(key=lambda r: r[q["sort_by[asc]"]])
        if "amount_due[gt]" in q:
            rows = [r for r in rows if r["amount_due"] > int(q["amount_due[gt]"])]
        if "date[after]" in q:
            rows = [r for r in rows if r["date"] > int(q["date[after]"])]
        if "sort_by[desc]" in q:
            rows.sort(key=lambda r: -r[q["sort_by[desc]"]])
        start, limit = int(q.get("offset", "0")), int(q.get("limit", "10"))
        if not 1 <= limit <= 100:
            raise error(400, "param_wrong_value", "limit")
        out = {"list": [{what[:-1]: {k: v for k, v in r.items() if not k.startswith("_")}} for r in rows[start:start + limit]]}
        if start + limit < len(rows):
            out["next_offset"] = str(start + limit)
        return out

    def pause_dunning(self, inv, form):
        until = form.get("expected_payment_date", "")
        if not until.isdigit() or int(until) <= self.now():
            raise error(400, "param_wrong_value", "expected_payment_date must be in the future")
        if inv["status"] != "payment_due" or inv.get("dunning_status") != "in_progress":
            raise error(409, "invalid_state_for_request", "the invoice is not in dunning")
        if inv.get("expected_payment_date", 0) > self.now():
            raise error(409, "invalid_state_for_request", "dunning is already paused")
        if self.s["customers"][inv["customer_id"]]["auto_collection"] != "on":
            raise error(409, "invalid_state_for_request", "auto collection is off")
        inv["expected_payment_date"] = int(until)
        inv.pop("next_retry_at", None)
        return {"invoice": inv}

    def resume_dunning(self, inv, form):
        if inv["status"] != "payment_due" or inv.get("expected_payment_date", 0) <= self.now():
            raise error(409, "invalid_state_for_request", "dunning is not paused")
        del inv["expected_payment_date"]
        inv["next_retry_at"] = self.now() + DAY
        return {"invoice": inv}

    def collect_payment(self, inv, form):
        amount = form.get("amount", str(inv["amount_to_collect"]))
        if not amount.isdigit() or not 1 <= int(amount) <= inv["amount_to_collect"]:
            raise error(400, "param_wrong_value", "amount")
        if inv["status"] not in ("payment_due", "not_paid", "posted"):
            raise error(409, "invalid_state_for_request", "the invoice is " + inv["status"])
        source = self.find("sources", form.get("payment_source_id", ""))
        transaction = self.charge(inv, source, int(amount))
        if transaction["status"] == "failure":
            raise error(400, "payment_processing_failed", "the payment was declined", "payment")
        return {"invoice": inv, "transaction": transaction}

    def write_off(self, inv, form):
        if inv["status"] not in ("payment_due", "not_paid", "posted") or inv["amount_due"] == 0:
            raise error(409, "invalid_state_for_request", "the invoice is " + inv["status"])
        self.credit(inv, inv["amount_due"], "write_off")
        inv.update(status="paid", write_off_amount=inv["amount_due"], amount_due=0, amount_to_collect=0, dunning_status="stopped")
        return {"invoice": inv}

    def credit(self, inv, total, reason):
        self.s["number"] += 1
        note = {"id": f"CN-{self.s['number']}", "reference_invoice_id": inv["id"], "customer_id": inv["customer_id"], "type": "adjustment", "total": total,
                "reason_code": reason, "status": "adjusted", "currency_code": "USD", "date": self.now()}
        self.s["credit_notes"][note["id"]] = note
        return note

    def new_credit_notes(self, form):
        inv, total = self.find("invoices", form.get("reference_invoice_id", "")), form.get("total", "")
        if form.get("type") != "adjustment" or form.get("reason_code") != "waiver" or not total.isdigit() or not 1 <= int(total) <= inv["amount_due"]:
            raise error(400, "param_wrong_value", "type, reason_code or total")
        if inv["status"] not in ("payment_due", "not_paid", "posted"):
            raise error(409, "invalid_state_for_request", "the invoice is " + inv["status"])
        note = self.credit(inv, int(total), "waiver")
        inv["amount_due"] -= int(total)
        inv["amount_to_collect"] -= int(total)
        if inv["amount_due"] == 0:
            inv.update(status="paid", dunning_status="success")
        return {"credit_note": note, "invoice": inv}

    def new_comments(self, form):
        self.find({"invoice": "invoices", "customer": "customers"}.get(form.get("entity_type"), "none"), form.get("entity_id", ""))
        if not 1 <= len(form.get("notes", "")) <= 1000:
            raise error(400, "param_wrong_value", "notes")
        self.s["number"] += 1
        comment = dict(form, id=f"cmt_{self.s['number']}", created_at=self.now())
        self.s["comments"][comment["id"]] = comment
        return {"comment": comment}

    # ---- money ----
    def charge(self, inv, source, amount):
        self.s["number"] += 1
        t = {"id": f"txn_{self.s['number']}", "customer_id": inv["customer_id"], "payment_source_id": source["id"], "type": "payment",
             "amount": amount, "currency_code": "USD", "date": self.now(), "status": "success",
             "linked_invoices": [{"invoice_id": inv["id"], "applied_amount": amount, "applied_at": self.now(), "invoice_status": inv["status"]}]}
        self.s["transactions"][t["id"]] = t
        if source["_decline"]:
            t.update(status="failure", error_code="card_declined", error_text="The bank said no", error_detail={"decline_code": source["_decline"]})
            return t
        inv["amount_to_collect"] -= amount
        if source["_behaviour"] == "processing":
            t["status"] = "in_progress"
            return t
        inv["amount_due"] -= amount
        inv["amount_paid"] += amount
        self.s["taken"][inv["customer_id"]] = self.s["taken"].get(inv["customer_id"], 0) + amount
        if inv["amount_due"] == 0:
            inv.update(status="paid", dunning_status="success")
        return t

    # ---- control ----
    def do_customer(self, id, sources=(), auto=True):
        for row in sources:
            self.s["sources"][row["id"]] = {
                "id": row["id"], "customer_id": id, "type": "card", "status": "valid", "deleted": False, "_decline": row.get("decline"),
                "_behaviour": row.get("behaviour", "ok"),
                "card": {"brand": row.get("brand", "visa"), "last4": "4242", "iin": "424242", "funding_type": "credit", "expiry_month": 12, "expiry_year": 2031}}
        self.s["customers"][id] = {"id": id, "company": "Acme", "email": "pay@acme.example", "preferred_currency_code": "USD", "deleted": False,
                                   "auto_collection": "on" if auto else "off", "primary_payment_source_id": sources[0]["id"] if sources else ""}
        return self.s["customers"][id]

    def do_invoice(self, id, customer, amount, status="payment_due", dunning="in_progress"):
        inv = {"id": id, "customer_id": customer, "status": status, "currency_code": "USD", "total": amount, "amount_due": amount, "amount_paid": 0,
               "amount_to_collect": amount, "date": self.now() - 5 * DAY, "due_date": self.now() - 5 * DAY, "dunning_attempts": [],
               "next_retry_at": self.now() + DAY, "subscription_id": "sub_1"}
        if dunning:
            inv["dunning_status"] = dunning
        self.s["invoices"][id] = inv
        source = self.s["sources"].get(self.s["customers"][customer]["primary_payment_source_id"])
        if source and source["_decline"]:
            t = self.charge(inv, source, amount)
            inv["dunning_attempts"].append({"attempt": 1, "transaction_id": t["id"], "dunning_type": "auto_collect", "txn_status": "failure"})
        return inv

    def do_invoice_set(self, id, **changes):
        self.s["invoices"][id].update(changes)
        return self.s["invoices"][id]

    def do_advance(self, days):
        done = []
        for _ in range(days):
            self.ahead += DAY
            for inv in self.s["invoices"].values():
                until = inv.get("expected_payment_date", 0)
                if inv["status"] != "payment_due" or inv.get("dunning_status") != "in_progress" or until > self.now():
                    continue
                done.append("collect on the day" if until else "retry")
                if not until:
                    done.append("remind")
                inv.pop("expected_payment_date", None)
        return done

    def do_event(self, type, invoice, ago=0):
        """Something that happened and was not sent."""
        self.s["number"] += 1
        inv = self.s["invoices"][invoice]
        event = {"id": f"ev_{self.s['number']}", "occurred_at": self.now() - ago, "source": "scheduled_job", "object": "event", "api_version": "v2",
                 "event_type": type, "content": {"invoice": inv, "customer": self.s["customers"][inv["customer_id"]]}}
        self.s["events"][event["id"]] = event
        return event

    def do_webhook(self, url, type, invoice, user="hook", password="hook_fake"):
        event = self.do_event(type, invoice)
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        return post_event(url, json.dumps(event), {"Authorization": "Basic " + basic})


if __name__ == "__main__":
    serve(Chargebee())
