#!/usr/bin/env python3
"""A strict, stateful Kill Bill on loopback. Start: python killbill.py [PORT]; it prints "ready http://127.0.0.1:PORT", which is base_url;
the login is admin, password, the tenant bob, lazar. Lag, clock and the rest of the control API: rest_fake.py. The real server is
tested in tests/peers/killbill_check.sh; this one is for walks of thousands of runs.

Like the real one it has no idempotency keys: what is sent twice is done twice, but for a payment under the external key of one that
succeeded. It refuses wrong logins, writes without X-Killbill-CreatedBy or with a header that its audit log cannot hold, bodies that
are not JSON, unknown addresses, parameters and fields, amounts that are text or more than is left, adjusting an item below zero,
taking off a tag that is not on. AUTO_PAY_OFF taken off pays what is open at once, by the default method.

Control besides: /_test/account {id, methods: [{id, decline?: [code, words], status?}]}   the first is the default
  /_test/invoice {id, account, cents}   (its first attempt is made now)"""
import base64
import datetime
import json

from aiohttp import web

import steady
from rest_fake import Refused, Server, serve

TAGS = {f"00000000-0000-0000-0000-00000000000{n}": name for n, name in
        ((1, "AUTO_PAY_OFF"), (3, "OVERDUE_ENFORCEMENT_OFF"), (4, "WRITTEN_OFF"), (5, "MANUAL_PAY"))}
AUTO_PAY_OFF, WRITTEN_OFF = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000004"
LOGIN = "Basic " + base64.b64encode(b"admin:password").decode()
WIDTHS = {"X-Killbill-CreatedBy": 50, "X-Killbill-Reason": 255, "X-Killbill-Comment": 255}
PAYMENT_FIELDS = {"accountId", "targetInvoiceId", "paymentExternalKey", "purchasedAmount", "paymentMethodId"}


def no(status, words):
    return Refused(status, {"className": "BillingException", "code": 1000, "message": words})


def only(given, fields):
    if not isinstance(given, dict) or set(given) != fields & set(given) or None in given.values():
        raise no(400, f"unknown field: {sorted(set(given) - fields)}")


def cents(value):
    if isinstance(value, (str, bool)) or value is None or round(value * 100) <= 0 or abs(value * 100 - round(value * 100)) > 1e-6:
        raise no(400, f"amount: {value!r}")
    return round(value * 100)


class KillBill:
    NAME, PREFIX, WINDOW_S, KEY_HEADER, REPLAY_HEADER = "Kill Bill", "/1.0/kb", 0, "X-No-Key", "X-No-Replay"

    def reset(self):
        self.s = {"accounts": {}, "invoices": {}, "payments": {}, "tags": [], "fields": [], "taken": {}, "number": 0}

    def stamp(self):
        return datetime.datetime.fromtimestamp(steady.time() + self.ahead, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def slow_down(self):
        return no(429, "slow down")

    def busy(self):
        return no(503, "busy")

    def may(self, request):
        if request.headers.get("Authorization") != LOGIN:
            raise no(401, "the login is wrong")
        if (request.headers.get("X-Killbill-ApiKey"), request.headers.get("X-Killbill-ApiSecret")) != ("bob", "lazar"):
            raise no(401, "there is no such tenant")
        if request.method != "GET":
            if not request.headers.get("X-Killbill-CreatedBy"):
                raise no(400, "X-Killbill-CreatedBy is missing")
            for name, width in WIDTHS.items():
                if len(request.headers.get(name, "")) > width:
                    raise no(500, f"{name}: value too long for the column")

    def body_of(self, request, text):
        if request.method == "GET":
            return None
        if request.headers.get("Content-Type") != "application/json":
            raise no(415, "JSON is wanted")
        return json.loads(text) if text else None

    def find(self, store, name):
        if name not in self.s[store]:
            raise no(404, f"Object id={name} type={store} doesn't exist!")
        return self.s[store][name]

    # ---- calls ----
    def call(self, method, path, query, body):
        q, parts = dict(query), path.strip("/").split("/")
        if parts[0] == "payments" and method == "GET" and set(q) == {"externalKey", "withAttempts"}:
            return self.by_key(q["externalKey"])
        if parts == ["accounts", "pagination"] and method == "GET":
            return 200, self.page(q, {"accountWithBalance"}, [self.account_view(a) for a in self.s["accounts"].values()])
        if parts == ["payments", "pagination"] and method == "GET":
            return 200, self.page(q, set(), [self.payment_view(p) for p in self.s["payments"].values()])
        if parts[0] == "paymentGateways" and method == "POST" and parts[1:3] == ["hosted", "form"]:
            self.find("accounts", parts[3])
            return 200, {"formMethod": "GET", "formUrl": "https://pay.example.com/form", "formFields": {"a": "b"}}
        if parts[0] not in ("accounts", "invoices") or len(parts) not in (2, 3):
            raise no(404, "there is no such address")
        owner, what = self.find(parts[0], parts[1]), "/".join(parts[2:])
        allowed = {"": {"accountWithBalanceAndCBA"}, "invoices": {"unpaidInvoicesOnly"}, "payments": {"withAttempts"}, "tags": {"tagDef"},
                   "paymentMethods": {"withPluginInfo"}}.get(what, set())
        if set(q) - allowed:
            raise no(400, f"unknown parameters {sorted(q)}")
        name = f"{method} {parts[0]} {what}".strip()
        calls = {
            "GET accounts": lambda: (200, self.account_view(owner)),
            "GET accounts overdue": lambda: (200, {"name": "__KILLBILL__CLEAR__OVERDUE_STATE__", "isClearState": True}),
            "GET accounts invoices": lambda: (200, [self.invoice_view(i) for i in self.unpaid(owner)]),
            "GET accounts payments": lambda: (200, [self.payment_view(p) for p in self.s["payments"].values() if p["account"] == owner["id"]]),
            "GET accounts paymentMethods": lambda: (200, [{"paymentMethodId": m["id"], "pluginName": "fake"} for m in owner["methods"]]),
            "GET invoices": lambda: (200, self.invoice_view(owner)),
            "POST invoices": lambda: self.adjust(owner, body),
            "POST invoices payments": lambda: self.pay(owner, body),
        }
        for kind in ("accounts", "invoices"):
            calls[f"GET {kind} tags"] = lambda: (200, [t for t in self.s["tags"] if t["objectId"] == owner["id"]])
            calls[f"POST {kind} tags"] = lambda: self.tag(owner, body)
            calls[f"DELETE {kind} tags"] = lambda: self.untag(owner, q.get("tagDef", ""))
            calls[f"GET {kind} customFields"] = lambda: (200, [f for f in self.s["fields"] if f["objectId"] == owner["id"]])
            calls[f"POST {kind} customFields"] = lambda: self.field(owner, body)
        if name not in calls:
            raise no(404, "there is no such address")
        return calls[name]()

    def page(self, q, allowed, rows):
        """All of a tenant in the order in which they were made, from one on, so many at most."""
        if set(q) - allowed - {"offset", "limit"}:
            raise no(400, f"unknown parameters {sorted(q)}")
        offset, limit = int(q.get("offset", "0")), int(q.get("limit", "100"))
        return rows[offset:offset + limit]

    def account_view(self, a):
        owed = sum(self.balance(i) for i in self.s["invoices"].values() if i["account"] == a["id"])
        return {"accountId": a["id"], "name": "Northwind Ltd", "email": "ap@example.com", "currency": "USD", "timeZone": "UTC",
                "paymentMethodId": a["methods"][0]["id"], "accountBalance": owed / 100, "accountCBA": 0}

    def balance(self, i):
        off = any(t["objectId"] == i["id"] and t["tagDefinitionId"] == WRITTEN_OFF for t in self.s["tags"])
        return 0 if off else sum(item["cents"] for item in i["items"]) - i["paid"]

    def unpaid(self, a):
        return [i for i in self.s["invoices"].values() if i["account"] == a["id"] and self.balance(i) > 0]

    def invoice_view(self, i):
        items = [{"invoiceItemId": t["id"], "linkedInvoiceItemId": t["of"], "itemType": t["type"], "description": t["description"], "amount": t["cents"] / 100,
                  "currency": "USD"} for t in i["items"]]
        return {"invoiceId": i["id"], "accountId": i["account"], "invoiceNumber": i["number"], "invoiceDate": "2026-11-01", "currency": "USD", "status": "COMMITTED",
                "amount": sum(t["cents"] for t in i["items"]) / 100, "balance": self.balance(i) / 100, "items": items}

    # ---- writes ----
    def new_id(self, prefix):
        self.s["number"] += 1
        return f"{prefix}-{self.s['number']:06d}"

    def adjust(self, i, body):
        only(body, {"accountId", "invoiceItemId", "currency", "description", "amount"})
        amount = cents(body["amount"])
        left = sum(t["cents"] for t in i["items"] if body["invoiceItemId"] in (t["id"], t["of"]))
        if body["accountId"] != i["account"] or body["currency"] != "USD" or amount > left or len(body["description"]) > 255:
            raise no(400, "the item has not so much left, or this is another account or currency")
        i["items"].append({"id": self.new_id("adj"), "of": body["invoiceItemId"], "type": "ITEM_ADJ", "description": body["description"], "cents": -amount})
        return 201, ""

    def tag(self, owner, body):
        if not isinstance(body, list) or not body or set(body) - set(TAGS):
            raise no(400, "a list of tag definitions is wanted")
        for definition in body:
            if not any(t["objectId"] == owner["id"] and t["tagDefinitionId"] == definition for t in self.s["tags"]):
                self.s["tags"].append({"tagId": self.new_id("tag"), "objectId": owner["id"], "tagDefinitionId": definition, "tagDefinitionName": TAGS[definition]})
        return 201, ""

    def untag(self, owner, definition):
        on = [t for t in self.s["tags"] if t["objectId"] == owner["id"] and t["tagDefinitionId"] == definition]
        if not on:
            return 404, {"message": "the tag does not exist"}
        self.s["tags"].remove(on[0])
        if definition == AUTO_PAY_OFF:
            for i in self.unpaid(owner):
                self.charge(i, self.s["accounts"][owner["id"]]["methods"][0], self.balance(i), self.new_id("auto"))
        return 204, ""

    def field(self, owner, body):
        for f in body:
            only(f, {"objectType", "name", "value"})
            if len(f["value"]) > 255:
                raise no(500, "value too long for the column")
            self.s["fields"].append(dict(f, customFieldId=self.new_id("field"), objectId=owner["id"]))
        return 201, ""

    # ---- money ----
    def by_key(self, key):
        for p in self.s["payments"].values():
            if p["key"] == key:
                return 200, self.payment_view(p)
        return 404, {"message": "there is no payment of this external key"}

    def payment_view(self, p):
        return {"paymentId": p["id"], "accountId": p["account"], "paymentExternalKey": p["key"], "paymentMethodId": p["method"], "currency": "USD",
                "transactions": p["transactions"],
                "paymentAttempts": [{"stateName": "SUCCESS", "effectiveDate": p["at"], "pluginProperties": [{"key": "IPCD_INVOICE_ID", "value": p["invoice"]}]}]}

    def charge(self, i, method, amount, key):
        p = next((p for p in self.s["payments"].values() if p["key"] == key), None)
        if not p:
            p = {"id": self.new_id("pay"), "key": key, "account": i["account"], "invoice": i["id"], "method": method["id"], "at": self.stamp(), "transactions": []}
            self.s["payments"][p["id"]] = p
        status = method.get("status", "PAYMENT_FAILURE" if method.get("decline") else "SUCCESS")
        code, words = method.get("decline") or (None, None)
        p["transactions"].append({"transactionId": self.new_id("txn"), "transactionType": "PURCHASE", "status": status, "amount": amount / 100, "currency": "USD",
                                  "effectiveDate": self.stamp(), "gatewayErrorCode": code, "gatewayErrorMsg": words})
        if status == "SUCCESS":
            i["paid"] += amount
            self.s["taken"][i["account"]] = self.s["taken"].get(i["account"], 0) + amount
        return status

    def pay(self, i, body):
        only(body, PAYMENT_FIELDS)
        account, amount = self.find("accounts", body["accountId"]), cents(body["purchasedAmount"])
        method = next((m for m in account["methods"] if m["id"] == body.get("paymentMethodId", m["id"])), None)
        before = next((p for p in self.s["payments"].values() if p["key"] == body["paymentExternalKey"]), None)
        if i["account"] != account["id"] or body["targetInvoiceId"] != i["id"] or not method or len(body["paymentExternalKey"]) > 255:
            raise no(400, "this is another account's, or the method is not known")
        if before and before["transactions"][-1]["status"] == "SUCCESS":
            raise no(400, "there is a payment of this external key already")
        if self.balance(i) <= 0:
            return 204, ""
        if amount > self.balance(i):
            raise no(400, "the amount is more than the balance")
        status = self.charge(i, method, amount, body["paymentExternalKey"])
        return (402, {"message": "declined"}) if status == "PAYMENT_FAILURE" else (201, "")

    # ---- control ----
    def do_account(self, id, methods):
        self.s["accounts"][id] = {"id": id, "methods": methods}
        return {}

    def do_invoice(self, id, account, cents):
        first = cents // 3
        self.s["invoices"][id] = {"id": id, "number": "7" + id[-1], "account": account, "paid": 0, "items": [
            {"id": f"{id}-{n}", "of": None, "type": "RECURRING", "description": "seats", "cents": c} for n, c in enumerate((first, cents - first))]}
        self.charge(self.s["invoices"][id], self.s["accounts"][account]["methods"][0], cents, self.new_id("auto"))
        return {}


class KillBillServer(Server):
    """No keys: each write is done as it comes."""

    async def work(self, request, path, body):
        query = list(request.query.items())
        if request.method == "GET":
            return (*self.read("GET", path, query), {})
        return (*self.write(request.method, path, query, body), {})

    async def after(self, request, f, status, answer, headers):
        if status == 204:
            return web.Response(status=204, headers=headers)
        return await super().after(request, f, status, answer, headers)


if __name__ == "__main__":
    serve(KillBill(), KillBillServer)
