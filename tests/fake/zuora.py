#!/usr/bin/env python3
"""A strict, stateful Zuora on loopback, and Configurable Payment Retry (CPR) beside it. Start: python zuora.py [PORT]; it prints
"ready http://127.0.0.1:PORT", which is base_url and cpr_url. client_id is "client-fake", client_secret "secret-fake", CPR's login
bot@example.com with cpr-fake. Faults, lag and the rest of the control API: rest_fake.py. Idempotency keys live 24 hours, tokens one.

It refuses what Zuora refuses: wrong or expired tokens, unknown addresses, fields and filters, amounts that are text or finer than a
cent, a memo over more than the items have left, an idempotency key on anything but POST, a profile that is not there, paying more than is left, a schedule number that is
taken. HTTP 200 is no yes: what is wrong comes as success:false with a code. Both kinds of declines exist (/_test/set declines_by).

Three engines act by themselves, day by day (/_test/advance {days} -> what they did): notices, unless the account's profile is muted;
payment runs, for accounts with autoPay; CPR, for whatever is in a cycle (a refused run begins one, and switches autoPay off); and payment
schedules on their dates.

More faults: code_50, code_70, code_61, code_99: success:false, nothing done (50 and 70 are kept under the key, and replayed);
code_99_after: done, then success:false.
Control besides: /_test/set {settlement?, declines_by?: "status"|"failure", restores?: leaving a cycle switches autoPay on, filters?}
  /_test/account {id, number?, profile?, auto_pay?, decline?: [code, words]|null, status?}    /_test/invoice {id, account, cents, due?, link?}
  /_test/backdate {id, days} a payment was made earlier
  /_test/expire {} the tokens are gone    /_test/advance {days}
  /_test/at_once {most?, takes_s?, others?} so many calls are taken at the same time, each takes so long, and so many are somebody
       else's; -> {refused, open}"""
import asyncio
import base64
import datetime
import hashlib
import json

from aiohttp import web

import steady
from rest_fake import Refused, Server, form_of, serve

PROFILES = {"prof-usual", "prof-vip", "prof-muted"}
CPR = "/api/v1/payments/"
CPR_LOGIN = "Basic " + base64.b64encode(b"bot@example.com:cpr-fake").decode()
ACCOUNT_FIELDS = {"communicationProfileId", "autoPay", "notes"}
MEMO_FIELDS = {"invoiceId", "autoPost", "autoApplyToInvoiceUponPosting", "comment", "items"}
PAYMENT_FIELDS = {"accountId", "amount", "currency", "type", "paymentMethodId", "invoices", "comment"}
ITEM_FIELDS = {"scheduledDate", "amount", "currency", "billingDocument"}
DAY = 86400


def no(code, words):
    return Refused(200, {"success": False, "processId": "p", "reasons": [{"code": code, "message": words}], "requestId": "r"})


def only(given, allowed):
    if not isinstance(given, dict) or set(given) - allowed:
        raise no(53100021, f"unknown field: {sorted(set(given) - allowed)}")


def cents(value):
    """The driver must write a decimal number, never text, and nothing finer than a cent."""
    if isinstance(value, (str, bool)) or value is None or round(value * 100) <= 0 or abs(value * 100 - round(value * 100)) > 1e-6:
        raise no(53100020, f"amount: {value!r}")
    return round(value * 100)


class Zuora:
    NAME, PREFIX, WINDOW_S = "Zuora", "", DAY
    KEY_HEADER, REPLAY_HEADER = "Idempotency-Key", "Idempotency-Replayed"

    def reset(self):
        self.tokens, self.crowd = {}, {"most": 0, "takes_s": 0, "open": 0, "others": 0, "refused": 0}
        self.s = {"accounts": {}, "invoices": {}, "payments": {}, "schedules": {}, "cycles": {}, "memos": {}, "taken": {}, "number": 0, "days": 0,
                  "settlement": True, "declines_by": "status", "restores": False, "filters": True, "minted": 0}

    def now(self):
        return steady.time() + self.ahead + self.s["days"] * DAY

    def stamp(self):
        return datetime.datetime.fromtimestamp(self.now(), datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")

    def today(self):
        return self.stamp()[:10]

    def slow_down(self):
        return Refused(429, {"message": "slow down"})

    def busy(self):
        return Refused(409, {"message": "the same key is still running"})

    def reused(self):
        return Refused(422, {"message": "the key was used for something else"})

    def may(self, request):
        path = request.path
        if path == "/oauth/token":
            return
        given = request.headers.get("Authorization", "")
        if path.startswith(CPR):
            if given != CPR_LOGIN:
                raise Refused(401, {"message": "Unauthorized"})
        elif self.tokens.get(given[7:], 0) <= steady.time() + self.ahead or not given.startswith("Bearer "):
            raise Refused(401, {"message": "Authentication error"})

    def body_of(self, request, text):
        if request.path == "/oauth/token":
            return form_of(text)
        if text and request.headers.get("Content-Type") != "application/json":
            raise Refused(415, {"message": "JSON is wanted"})
        return json.loads(text) if text else None

    def find(self, store, name):
        for row in self.s[store].values():
            if name in (row.get("id"), row.get("number")):
                return row
        raise no(50000040, f"Cannot find entity by key: '{name}'")

    # ---- calls ----
    def call(self, method, path, query, body):
        q, parts = dict(query), path.strip("/").split("/")
        if path == "/oauth/token" and method == "POST":
            return 200, self.mint(body)
        if path.startswith(CPR):
            return 200, self.retry(method, parts[3], parts[4] if len(parts) > 4 else "", body)
        if method == "GET" and parts[0] == "object-query":
            return 200, self.query(parts[1], query)
        name = (method, "/".join(parts[1:2]), len(parts))
        calls = {
            ("GET", "accounts", 3): lambda: self.account_view(self.find("accounts", parts[2])),
            ("PUT", "accounts", 3): lambda: self.account_set(self.find("accounts", parts[2]), body),
            ("GET", "accounts", 4): lambda: self.methods(self.find("accounts", parts[2])),
            ("GET", "invoices", 3): lambda: self.invoice_view(self.find("invoices", parts[2])),
            ("PUT", "invoices", 3): lambda: self.invoice_set(self.find("invoices", parts[2]), body),
            ("GET", "invoices", 4): lambda: self.invoice_items(self.find("invoices", parts[2]), parts[3], q),
            ("PUT", "invoices", 4): lambda: self.write_off(self.find("invoices", parts[2]), parts[3], body),
            ("GET", "credit-memos", 2): lambda: self.memo_list(q),
            ("POST", "credit-memos", 4): lambda: self.memo_new(self.find("invoices", parts[3]), parts[2], body),
            ("GET", "payments", 2): lambda: self.payment_list(q),
            ("GET", "payments", 3): lambda: dict(self.payment_view(self.find("payments", parts[2])), success=True),
            ("POST", "payments", 2): lambda: self.pay(body),
            ("POST", "operations", 3): lambda: self.collect(body),
            ("POST", "payment-schedules", 2): lambda: self.schedule_new(body),
            ("GET", "payment-schedules", 3): lambda: dict(self.find("schedules", parts[2]), success=True),
            ("PUT", "payment-schedules", 4): lambda: self.schedule_cancel(self.find("schedules", parts[2]), body),
        }
        if parts[0] != "v1" or name not in calls:
            raise Refused(404, {"message": "there is no such address"})
        return 200, calls[name]()

    def mint(self, form):
        if form != {"client_id": "client-fake", "client_secret": "secret-fake", "grant_type": "client_credentials"}:
            raise Refused(401, {"message": "Invalid client id"})
        self.s["minted"] += 1
        token = f"tok-fake-{self.s['minted']}"
        self.tokens[token] = steady.time() + self.ahead + 3600
        return {"access_token": token, "token_type": "bearer", "expires_in": 3600}

    def account_view(self, a):
        return {"basicInfo": {"id": a["id"], "accountNumber": a["number"], "name": "Northwind Ltd", "communicationProfileId": a["profile"], "notes": a["notes"]},
                "billingAndPayment": {"autoPay": a["auto_pay"], "defaultPaymentMethodId": "pm-1", "currency": "USD"},
                "billToContact": {"workEmail": "ap@example.com"}, "success": True}

    def account_set(self, a, body):
        only(body, ACCOUNT_FIELDS)
        if body.get("communicationProfileId", "prof-usual") not in PROFILES or not isinstance(body.get("autoPay", True), bool):
            raise no(54000020, "invalid communicationProfileId or autoPay")
        a["notes"] = body.get("notes", a["notes"])
        a["profile"], a["auto_pay"] = body.get("communicationProfileId", a["profile"]), body.get("autoPay", a["auto_pay"])
        return {"success": True}

    def methods(self, a):
        return {"creditcard": [{"id": "pm-1", "type": "CreditCard", "status": "Active", "creditCardType": "Visa", "creditCardMaskNumber": "****1111",
                                "expirationMonth": 4, "expirationYear": 2030}], "success": True}

    def invoice_view(self, i):
        return {"id": i["id"], "accountId": i["account"], "invoiceNumber": i["number"], "amount": i["cents"] / 100, "balance": i["balance"] / 100,
                "currency": "USD", "dueDate": i["due"], "status": "Posted", "autoPay": True, "success": True}

    def invoice_set(self, i, body):
        only(body, {"dueDate"})
        i["due"] = datetime.date.fromisoformat(body["dueDate"]).isoformat()
        return dict(self.invoice_view(i), success=True)

    # ---- memos: part of Invoice Settlement, as payments are ----
    def invoice_items(self, i, what, q):
        if what != "items" or set(q) - {"pageSize", "page"} or int(q.get("pageSize", 20)) > 40:
            raise no(53100023, f"{what} {sorted(q)}")
        first = min(i["balance"], i["cents"] // 3)
        return {"invoiceItems": [{"id": f"{i['id']}-{n}", "chargeName": name, "availableToCreditAmount": cents / 100}
                                 for n, (name, cents) in enumerate((("Base fee", first), ("Seats", i["balance"] - first)))], "success": True}

    def memo(self, i, amount, comment):
        if not self.s["settlement"]:
            raise no(53100030, "Invoice Settlement is not enabled for this tenant")
        if not 0 < amount <= i["balance"] or len(comment) > 255:
            raise no(53100030, "the amount is more than the balance of the invoice, or the comment is too long")
        self.s["number"] += 1
        m = {"id": f"cm-{self.s['number']}", "number": f"CM-{self.s['number']:08d}", "referredInvoiceId": i["id"], "accountId": i["account"],
             "amount": amount / 100, "comment": comment, "status": "Posted"}
        self.s["memos"][m["id"]] = m
        i["balance"] -= amount
        return m

    def memo_new(self, i, what, body):
        only(body, MEMO_FIELDS)
        for item in body["items"]:
            only(item, {"invoiceItemId", "skuName", "amount"})
        if what != "invoice" or body["invoiceId"] != i["id"] or body["autoPost"] is not True or not all(t["skuName"] for t in body["items"]):
            raise no(53100020, "memo")
        known = {t["id"]: cents(t["availableToCreditAmount"]) for t in self.invoice_items(i, "items", {})["invoiceItems"] if t["availableToCreditAmount"]}
        if any(cents(t["amount"]) > known.get(t["invoiceItemId"], 0) for t in body["items"]):
            raise no(53100030, "an item has not so much left to be credited")
        return dict(self.memo(i, sum(cents(t["amount"]) for t in body["items"]), body["comment"]), success=True)

    def write_off(self, i, what, body):
        only(body, {"comment"})
        if what != "write-off":
            raise Refused(404, {"message": "there is no such address"})
        return {"creditMemo": {"id": self.memo(i, i["balance"], body["comment"])["id"]}, "success": True}

    def memo_list(self, q):
        if set(q) - {"referredInvoiceId", "pageSize", "page"} or int(q.get("pageSize", 20)) > 40:
            raise no(53100023, f"query {sorted(q)}")
        return {"creditmemos": [m for m in self.s["memos"].values() if m["referredInvoiceId"] == q["referredInvoiceId"]], "success": True}

    def payment_view(self, p):
        return {k: (v / 100 if k == "amount" else v) for k, v in p.items() if k not in ("invoice", "number")} | {"number": p["number"]}

    def payment_list(self, q):
        if set(q) - {"accountId", "status", "pageSize", "page"} or int(q.get("pageSize", 20)) > 40:
            raise no(53100023, f"query {sorted(q)}")
        rows = [p for p in self.s["payments"].values() if p["accountId"] == q["accountId"] and q.get("status", p["status"]) == p["status"]]
        start, size = (int(q.get("page", 1)) - 1) * int(q.get("pageSize", 20)), int(q.get("pageSize", 20))
        out = {"payments": [self.payment_view(p) for p in rows[::-1][start:start + size]], "success": True}
        if start + size < len(rows):
            out["nextPage"] = "https://rest.example.com/next"
        return out

    def query(self, what, query):
        filters = dict(v.split(":", 1) for k, v in query if k == "filter[]")
        if what not in ("invoices", "payments") or {k for k, _ in query} - {"filter[]", "sort[]", "expand[]", "pageSize", "cursor"}:
            raise no(53700020, "query")
        known = {"accountId.EQ", "id.EQ"} | {"invoices": {"balance.GT", "status.EQ", "dueDate.LT"}, "payments": {"updatedDate.GE", "updatedDate.LT", "status.EQ"}}[what]
        if set(filters) - known:
            raise no(53700020, f"filter {sorted(filters)}")
        if not self.s["filters"] and set(filters) - {"accountId.EQ", "id.EQ"}:
            raise no(53700020, "the field is not indexed")
        rows = [self.object(what, r) for r in self.s[what].values()]
        rows = [r for r in rows if filters.get("accountId.EQ", r["accountId"]) == r["accountId"] and filters.get("id.EQ", r["id"]) == r["id"]]
        if "balance.GT" in filters:
            rows = [r for r in rows if r["balance"] > 0]
        rows = [r for r in rows if r.get("dueDate", "") < filters.get("dueDate.LT", "9") and filters.get("updatedDate.GE", "") <= r.get("updatedDate", "9")
                and r.get("updatedDate", "") < filters.get("updatedDate.LT", "9")]
        start, size = int(dict(query).get("cursor", "0")), int(dict(query)["pageSize"])
        out = {"data": rows[start:start + size]}
        if start + size < len(rows):
            out["nextPage"] = str(start + size)
        return out

    def object(self, what, r):
        if what == "invoices":
            return {k: v for k, v in self.invoice_view(r).items() if k != "success"} | ({"paymentLink": r["link"]} if r["link"] else {})
        return self.payment_view(r) | {"paymentNumber": r["number"], "updatedDate": r["createdDate"].replace(" ", "T") + "Z"}

    # ---- money ----
    def charge(self, account, invoice, amount, comment=""):
        self.s["number"] += 1
        n = f"{self.s['number']:08d}"
        code, words = account["decline"] or ("approved", "Approved")
        p = {"id": "pay-" + n, "number": "P-" + n, "accountId": account["id"], "amount": amount, "currency": "USD", "type": "Electronic",
             "status": "Error" if account["decline"] else account["status"], "gatewayResponseCode": code, "gatewayResponse": words,
             "paymentMethodId": "pm-1", "comment": comment, "createdDate": self.stamp(), "invoice": invoice["id"]}
        self.s["payments"][p["id"]] = p
        if p["status"] == "Processed":
            invoice["balance"] -= amount
            self.s["taken"][account["id"]] = self.s["taken"].get(account["id"], 0) + amount
        return p

    def pay(self, body):
        if not self.s["settlement"]:
            raise no(53100030, "Invoice Settlement is not enabled for this tenant")
        only(body, PAYMENT_FIELDS)
        account, lines = self.find("accounts", body["accountId"]), body["invoices"]
        invoice, amount = self.find("invoices", lines[0]["invoiceId"]), cents(body["amount"])
        if len(lines) != 1 or cents(lines[0]["amount"]) != amount or invoice["account"] != account["id"] or body["type"] != "Electronic" or len(body["comment"]) > 255:
            raise no(53100020, "payment")
        if amount > invoice["balance"]:
            raise no(53100030, "the amount is more than the balance of the invoice")
        return self.paid(self.charge(account, invoice, amount, body["comment"]))

    def paid(self, p):
        if p["status"] == "Error" and self.s["declines_by"] == "failure":
            raise no(59210030, "Transaction declined." + p["gatewayResponse"])
        return dict(self.payment_view(p), success=True)

    def collect(self, body):
        only(body, {"accountKey", "invoiceId"})
        account, invoice = self.find("accounts", body["accountKey"]), self.find("invoices", body["invoiceId"])
        if invoice["balance"] <= 0:
            raise no(53100030, "nothing to collect")
        p = self.charge(account, invoice, invoice["balance"])
        self.paid(p)
        return {"success": True, "paymentId": p["id"], "amountCollected": p["amount"] / 100}

    def schedule_new(self, body):
        only(body, {"accountId", "paymentScheduleNumber", "items"})
        if any(s["paymentScheduleNumber"] == body["paymentScheduleNumber"] for s in self.s["schedules"].values()):
            raise no(53800020, "the number exists")
        items = []
        for n, row in enumerate(body["items"]):
            only(row, ITEM_FIELDS)
            datetime.date.fromisoformat(row["scheduledDate"])
            self.find("invoices", row["billingDocument"]["id"])
            if row["scheduledDate"] < self.today() or row["billingDocument"]["type"] != "Invoice" or row["currency"] != "USD":
                raise no(53800030, "an item cannot be scheduled")
            items.append(dict(row, amount=cents(row["amount"]) / 100, id=f"psi-{n}", status="Pending"))
        number = body["paymentScheduleNumber"]
        self.s["schedules"][number] = {"id": "ps-" + number, "number": number, "paymentScheduleNumber": number, "accountId": body["accountId"],
                                       "status": "Active", "items": items}
        return dict(self.s["schedules"][number], success=True)

    def schedule_cancel(self, s, body):
        only(body, {"cancelDate"})
        datetime.date.fromisoformat(body["cancelDate"])
        s["status"] = "Canceled"
        for item in s["items"]:
            item["status"] = "Canceled" if item["status"] == "Pending" else item["status"]
        return dict(s, success=True)

    # ---- Configurable Payment Retry ----
    def retry(self, method, name, what, body):
        if (method, name) == ("GET", "active_invoice_cycle_information"):
            c = self.s["cycles"].get(what)
            return {"cycles": [dict(c, status="Active")] if c else []}
        if (method, name) == ("PUT", "remove_account_from_retry_cycle") and body is None:
            gone = [i for i, c in self.s["cycles"].items() if c["account_id"] == what]
            for i in gone:
                self.end_cycle(i, self.s["restores"])
            return {"success": bool(gone), "message": "removed" if gone else "there is no cycle"}
        if (method, name) == ("POST", "submit_failed_payment") and set(body) == {"payment_id"}:
            p = self.find("payments", body["payment_id"])
            if p["status"] != "Error" or p["invoice"] in self.s["cycles"]:
                return {"success": False, "message": "it cannot be submitted"}
            self.begin_cycle(self.s["accounts"][p["accountId"]], p["invoice"])
            return {"success": True, "message": "submitted"}
        raise Refused(404, {"message": "there is no such address"})

    def begin_cycle(self, account, invoice):
        self.s["cycles"][invoice] = {"account_id": account["id"], "invoice_id": invoice, "current_attempt_number": 1, "was": account["auto_pay"],
                                     "next_attempt": self.stamp().replace(" ", "T") + "Z", "attempts": []}
        account["auto_pay"] = False

    def end_cycle(self, invoice, restore):
        cycle = self.s["cycles"].pop(invoice)
        if restore:
            self.s["accounts"][cycle["account_id"]]["auto_pay"] = cycle["was"]

    # ---- what happens by itself ----
    def one_day(self):
        self.s["days"] += 1
        for s in self.s["schedules"].values():
            for item in s["items"]:
                if item["status"] == "Pending" and item["scheduledDate"] <= self.today():
                    invoice = self.s["invoices"][item["billingDocument"]["id"]]
                    p = self.charge(self.s["accounts"][s["accountId"]], invoice, min(round(item["amount"] * 100), invoice["balance"]))
                    item["status"] = "Error" if p["status"] == "Error" else "Processed"
                    yield "schedule"
        for invoice in [i for i in self.s["invoices"].values() if i["balance"] > 0]:
            account = self.s["accounts"][invoice["account"]]
            if account["profile"] != "prof-muted":
                yield "remind"
            if invoice["id"] in self.s["cycles"]:
                yield "retry"
                self.s["cycles"][invoice["id"]]["current_attempt_number"] += 1
                if self.charge(account, invoice, invoice["balance"])["status"] == "Processed":
                    self.end_cycle(invoice["id"], True)
            elif account["auto_pay"]:
                yield "run"
                if self.charge(account, invoice, invoice["balance"])["status"] == "Error":
                    self.begin_cycle(account, invoice["id"])

    def do_advance(self, days):
        return [what for _ in range(days) for what in self.one_day()]

    # ---- control ----
    def do_set(self, **given):
        assert set(given) <= set(self.s), given
        self.s.update(given)
        return {}

    def do_backdate(self, id, days):
        """A payment that was made earlier."""
        p = self.s["payments"][id]
        p["createdDate"] = (datetime.datetime.fromisoformat(p["createdDate"]) - datetime.timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S")
        return {}

    def do_expire(self):
        self.tokens.clear()
        return {}

    def do_at_once(self, **given):
        self.crowd.update(given)
        return self.crowd

    def do_account(self, id, number="A0001", profile="prof-usual", auto_pay=True, decline=None, status="Processed"):
        self.s["accounts"][id] = {"id": id, "number": number, "profile": profile, "auto_pay": auto_pay, "decline": decline, "status": status, "notes": ""}
        return {}

    def do_invoice(self, id, account, cents, due="2026-10-20", link=""):
        self.s["invoices"][id] = {"id": id, "number": "INV-" + id, "account": account, "cents": cents, "balance": cents, "due": due, "link": link}
        return {}


class ZuoraServer(Server):
    """Keys on POST only, not on a token, and not at CPR; a no comes with 200, before or after it was done; so many calls at the same time,
    and the window of the other limit, which is far from full, said with each answer."""

    def refuse_by(self, f):
        if f["kind"] in ("code_50", "code_70", "code_61", "code_99"):
            raise no(53200000 + int(f["kind"][5:]), "as the test wants it")
        super().refuse_by(f)

    async def work(self, request, path, body):
        query, key = list(request.query.items()), request.headers.get(self.vendor.KEY_HEADER)
        if request.method == "GET":
            return (*self.read("GET", path, query), {})
        wants = request.method == "POST" and path != "/oauth/token" and not path.startswith(CPR)
        if bool(key) != wants or len(key or "") > 255:
            raise Refused(400, {"message": f"Idempotency-Key: {key!r} on {request.method} {path}"})
        if wants:
            return await self.once(key, request.method, path, query, body)
        return (*self.write(request.method, path, query, body), {})

    def write(self, method, path, query, body):
        if path == "/oauth/token":
            return self.vendor.call(method, path, query, body)
        return super().write(method, path, query, body)

    async def handle(self, request):
        crowd = self.vendor.crowd
        if not crowd["most"] or request.path == "/oauth/token" or request.path.startswith(CPR):
            return await self.handle_one(request)
        crowd["open"] += 1
        busy = crowd["open"] + crowd["others"]
        left = {"Concurrency-Limit-Type": "default", "Concurrency-Limit-Limit": str(crowd["most"]), "ratelimit-limit": "2250000, 50000;w=60, 2250000;w=3600",
                "Concurrency-Limit-Remaining": str(max(0, crowd["most"] - busy)), "ratelimit-remaining": "49000", "ratelimit-reset": "3000"}
        try:
            if busy > crowd["most"]:
                crowd["refused"] += 1
                return web.json_response({"code": "REQUEST_EXCEEDED_LIMIT", "message": "Your total number of concurrent requests have exceeded the limit"},
                                         status=429, headers=left)
            await asyncio.sleep(crowd["takes_s"])
            answer = await self.handle_one(request)
            answer.headers.update(left)
            return answer
        finally:
            crowd["open"] -= 1

    async def handle_one(self, request):
        key, first = request.headers.get(self.vendor.KEY_HEADER), None
        for f in self.faults:
            if key and f["match"] == f"{request.method} {request.path}" and f["times"] > 0 and f["kind"] in ("code_50", "code_70"):
                first = f
                break
        if first and key not in self.keys: # this key will say so for a day
            body = self.vendor.body_of(request, await request.text())
            kept = no(53200000 + int(first["kind"][5:]), "kept under the key")
            print_of = hashlib.sha256(json.dumps([request.method, request.path, body]).encode()).hexdigest()
            self.keys[key] = {"print": print_of, "answer": (kept.status, kept.body), "at": steady.time() + self.vendor.ahead}
        return await super().handle(request)

    async def after(self, request, f, status, answer, headers):
        if f and f["kind"] == "code_99_after":
            return web.json_response(no(59200099, "the gateway did not answer in time").body)
        return await super().after(request, f, status, answer, headers)


if __name__ == "__main__":
    serve(Zuora(), ZuoraServer)
