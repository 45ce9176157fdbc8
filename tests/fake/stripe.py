#!/usr/bin/env python3
"""A strict, stateful Stripe on loopback for process tests: API, webhooks out, its own retries and reminders, faults on demand.

Start:  python stripe.py --port 0 [--key sk_test_fake] [--secret whsec_fake] [--old]
Prints one line, "ready http://127.0.0.1:PORT": that is base_url. Needs aiohttp. --old: as API versions before 2025-03-31 (an invoice
names its payment_intent, there is no invoice_payments).

It refuses what Stripe refuses: wrong keys (401), unknown addresses (404) and parameters (400), wrong types, notes over 500 characters,
changes of invoices that are not open, credit notes over more than what remains, confirming without allow_redirects=never or return_url, attaching to a paid or void invoice. Of
each POST it wants an Idempotency-Key (Stripe does not, we do): same key and parameters replay the first answer for a day (header
Idempotent-Replayed), other parameters are 400 idempotency_error, a key still running is 409.

Control, JSON in and out (all POST unless said); amounts in minor units:
  /_test/customer  {id?, name?, email?, currency?, methods?: [METHOD]}       -> the customer; default one good visa; the first is the default
  /_test/method    {customer, METHOD, default?: bool}                        -> the payment method
                   METHOD: {id?, brand?, last4?, exp_month?, exp_year?, fingerprint?, decline?: "insufficient_funds" | {decline_code,
                   advice_code?, network_decline_code?, network_advice_code?, message?}, declines_left?: N (then it works),
                   behaviour?: "ok" | "processing" (a bank debit) | "action" (the customer must authenticate)}
  /_test/method_set {id, decline?, declines_left?, behaviour?}               changes what a method does from now on
  /_test/invoice   {customer, amount, id?, number?, currency?, due_in_days?, subscription?: true | id, auto_advance?, collection?,
                   fail?: true (Stripe's first attempt is made now)}         -> the invoice
  /_test/pay       {invoice, amount?}         the customer pays on Stripe's page, outside of Dunwell
  /_test/invoice_set {invoice, status: "void" | "uncollectible" | "deleted"} deleted: 404 from now on
  /_test/dispute   {customer, amount, currency?}   the customer's bank takes back a payment of last month -> the charge
  /_test/dispute_end {charge, status: "won" | "lost" | "warning_closed"}     and decides
  /_test/settle    {intent, ok: bool}         a processing payment ends
  /_test/advance   {days} or ?days=N          Stripe's clock goes on: open invoices with auto_advance are reminded each day and retried
                                              when due. -> {engine: [{at, what: "remind" | "retry", invoice, outcome?}]} of these days
  GET /v1/events lists everything that happened, sent or not (30 days): `only` of the next one makes an event that was missed.
  /_test/hooks     {url, secret?, only?: [types], delay_s?, attempts? (5), off?: true}   sends events of what happens, signed; tried again each 0.5 s
  /_test/webhook   {url?, type, object: id | {..}, mode?, id?, times?, created?, secret?}   sends one now -> {id, answers: [{status, body}]}
                   mode: good, bad_signature, no_signature, several (wrong v1, right v1, v0), replay (the same bytes twice), old (signed
                   301 s ago), future, tampered (body changed after signing). body: raw text instead of an event
  /_test/fault     {match: "POST /v1/invoices/*/pay", kind, times? (1), delay_s?, retry_after?, never_retry?: bool, skip?: N}
                   kind: 429, 500, 503 (nothing happens), 500_after (the effect, then 500), drop (the effect, the connection breaks),
                   drop_before (no effect), hang (the effect, then silence for delay_s), hang_before (silence, no effect), slow (waits
                   delay_s, then as always), garbage (the effect, 200 without JSON), lock_timeout, in_flight (409), 401, 403, 404
  /_test/clock {now}   this server's clock stands still at that moment (seconds)    /_test/reset   forgets everything
  GET /_test/state {customers, invoices, methods, payment_intents, charges, invoice_payments, engine, violations, hooks, taken: {customer: minor}}
  GET /_test/log   [{at, method, path, args, key, status, replayed, fault, effects: [..]}]   every API call, keys left out
"""
import argparse
import asyncio
import copy
import fnmatch
import hashlib
import hmac
import json
import re
import ssl

import aiohttp
from aiohttp import web

import steady
import stripe_api
from stripe_peer import Refused, Stripe

NO_EFFECT = {"429", "500", "503", "401", "403", "404", "lock_timeout", "in_flight", "drop_before", "hang_before"}


def answer(data, status=200, headers=None):
    return web.json_response(data, status=status, headers=headers)


def signature(secret, at, body):
    return hmac.new(secret.encode(), str(at).encode() + b"." + body, hashlib.sha256).hexdigest()


class Server:
    def __init__(self, options):
        self.options, self.stripe = options, Stripe(options.old)
        self.clear()

    def clear(self):
        self.stripe.reset()
        self.keys, self.running, self.faults, self.log = {}, set(), [], []
        self.violations, self.hooks, self.sent = [], None, []

    # ---- the API ----
    def pick_fault(self, method, path):
        for fault in self.faults:
            if not fnmatch.fnmatch(f"{method} {path}", fault["match"]) or fault.get("times", 1) <= 0:
                continue
            if fault.get("skip", 0) > 0:
                fault["skip"] -= 1
                continue
            fault["times"] = fault.get("times", 1) - 1
            return fault
        return {"kind": ""}

    async def api(self, request):
        entry = {"at": steady.time(), "method": request.method, "path": request.path, "args": {}, "status": 0, "effects": [],
                 "key": request.headers.get("Idempotency-Key"), "replayed": False}
        self.log.append(entry)
        fault = self.pick_fault(request.method, request.path)
        entry["fault"] = fault["kind"]
        if fault["kind"] == "slow":
            self.running.add(entry["key"])
            await asyncio.sleep(fault.get("delay_s", 1))
            self.running.discard(entry["key"])
        elif entry["key"] in self.running:
            fault = {"kind": "in_flight"}
        response = await self.faulty(request, entry, fault) if fault["kind"] in NO_EFFECT else None
        if response is None:
            before = len(self.stripe.effects)
            response = await self.keyed(request, entry)
            entry["effects"] = self.stripe.effects[before:]
        entry["status"] = response.status
        self.flush_events()
        if fault["kind"] in ("drop", "hang"):
            if fault["kind"] == "hang":
                await asyncio.sleep(fault.get("delay_s", 30))
            self.cut(request)
        elif fault["kind"] == "500_after":
            return self.trouble(500, "api_error", "An unknown error occurred.", fault)
        elif fault["kind"] == "garbage":
            return web.Response(text="<html>oops</html>", content_type="text/html")
        response.headers["Request-Id"] = f"req_{len(self.log):06d}"
        return response

    @staticmethod
    def cut(request):
        """Ends the connection without an answer; the client may have gone first."""
        if request.transport:
            request.transport.abort()

    def trouble(self, status, kind, message, fault, **more):
        headers = {}
        if "retry_after" in fault:
            headers["Retry-After"] = str(fault["retry_after"])
        if "never_retry" in fault:
            headers["Stripe-Should-Retry"] = "false" if fault["never_retry"] else "true"
        return answer({"error": {"type": kind, "message": message, **more}}, status, headers)

    async def faulty(self, request, entry, fault):
        kind = fault["kind"]
        await request.read()
        if kind in ("drop_before", "hang_before"):
            if kind == "hang_before":
                await asyncio.sleep(fault.get("delay_s", 30))
            self.cut(request)
            return web.Response(status=500)
        if kind == "429":
            return self.trouble(429, "invalid_request_error", "Too many requests", fault, code="rate_limit")
        if kind == "lock_timeout":
            return self.trouble(429, "invalid_request_error", "This object cannot be accessed right now", fault, code="lock_timeout")
        if kind == "in_flight":
            return self.trouble(409, "idempotency_error", "There is currently another in-progress request using this key.", fault,
                                code="idempotency_key_in_use")
        words = {"401": "Invalid API Key provided", "403": "The key does not have the required permissions", "404": "No such object"}
        return self.trouble(int(kind), "api_error" if int(kind) >= 500 else "invalid_request_error", words.get(kind, "An error occurred"), fault)

    async def keyed(self, request, entry):
        """Authentication and idempotency around the work itself."""
        if request.headers.get("Authorization") != f"Bearer {self.options.key}":
            self.violations.append(f"{request.method} {request.path}: wrong key")
            return answer({"error": {"type": "invalid_request_error", "message": "Invalid API Key provided: sk_test_****"}}, 401)
        if not request.headers.get("Stripe-Version"):
            self.violations.append(f"{request.method} {request.path}: no Stripe-Version")
        body, key = await request.text(), entry["key"]
        if request.method == "GET":
            if body or key:
                self.violations.append(f"GET {request.path}: with a body or an Idempotency-Key")
            return self.work(request, entry, request.rel_url.raw_query_string)[0]
        if not key or len(key) > 255:
            self.violations.append(f"{request.method} {request.path}: Idempotency-Key missing or too long")
            return answer({"error": {"type": "idempotency_error", "message": "This fake wants an Idempotency-Key of 1 to 255 characters"}}, 400)
        known = self.keys.get(key)
        if known and self.stripe.now() - known["at"] >= stripe_api.KEYS_LIVE_S:
            known = None
        if known and known["what"] != (request.method, request.path, body):
            self.violations.append(f"{request.method} {request.path}: key {key} was used with other parameters")
            return answer({"error": {"type": "idempotency_error", "message": "Keys for idempotent requests can only be used with the same "
                                     "parameters they were first used with."}}, 400)
        if known:
            entry["replayed"] = True
            return answer(known["body"], known["status"], {"Idempotent-Replayed": "true"})
        response, saved = self.work(request, entry, body)
        if saved:
            self.keys[key] = {"what": (request.method, request.path, body), "body": json.loads(response.text), "status": response.status, "at": self.stripe.now()}
        return response

    def work(self, request, entry, encoded):
        try:
            if request.method == "POST" and request.content_type != "application/x-www-form-urlencoded":
                raise Refused(400, "Invalid request: use form encoding", saved=False)
            for method, pattern, fields, handler in stripe_api.ROUTES:
                found = re.fullmatch("/v1/" + pattern, request.path)
                if not found or method != request.method or (self.options.old and handler is stripe_api.invoice_payments):
                    continue
                entry["args"] = stripe_api.unflatten(encoded, "query" if method == "GET" else "form")
                args = stripe_api.take(entry["args"], fields)
                return answer(handler(self.stripe, found.groups(), args)), True
            raise Refused(404, f"Unrecognized request URL ({request.method}: {request.path}).", saved=False)
        except Refused as refused:
            if refused.status in (400, 404) and not refused.saved:
                self.violations.append(f"{request.method} {request.path}: {refused.body['error']['message']}")
            return answer(refused.body, refused.status), refused.saved
        except ValueError as wrong:
            self.violations.append(f"{request.method} {request.path}: {wrong}")
            return answer({"error": {"type": "invalid_request_error", "message": "Invalid encoding"}}, 400), False

    # ---- webhooks out ----
    def make_event(self, kind, obj, id=None, created=None):
        event = {"id": id or self.stripe.new_id("evt"), "object": "event", "api_version": "2026-10-28.endive", "livemode": False,
                 "created": created or self.stripe.now(), "type": kind, "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None},
                 "data": {"object": copy.deepcopy(obj)}}
        self.stripe.events.append(event)
        return event

    def flush_events(self):
        events, self.stripe.pending_events = self.stripe.pending_events, []
        for kind, obj in events:
            event = self.make_event(kind, obj)
            if self.hooks and kind in (self.hooks.get("only") or [kind]):
                asyncio.ensure_future(self.deliver(self.hooks, event))

    async def deliver(self, hooks, event):
        body = json.dumps(event).encode()
        await asyncio.sleep(hooks.get("delay_s", 0))
        for attempt in range(hooks.get("attempts", 5)):
            at = int(steady.time())
            status, _ = await self.post(hooks["url"], body, f"t={at},v1={signature(hooks['secret'], at, body)}")
            self.sent.append({"id": event["id"], "type": event["type"], "attempt": attempt + 1, "status": status})
            if 200 <= status < 300:
                return
            await asyncio.sleep(0.5)

    async def post(self, url, body, header):
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)"}
        if header is not None:
            headers["Stripe-Signature"] = header
        try:
            async with self.client.post(url, data=body, headers=headers, timeout=aiohttp.ClientTimeout(total=20)) as response:
                return response.status, await response.text()
        except (aiohttp.ClientError, asyncio.TimeoutError) as trouble:
            return 0, str(trouble)

    async def send_one(self, given):
        url, secret = given.get("url") or self.hooks["url"], given.get("secret") or (self.hooks or {}).get("secret") or self.options.secret
        mode, obj = given.get("mode", "good"), given.get("object", {})
        if isinstance(obj, str):
            obj = self.lookup(obj)
        event = self.make_event(given.get("type", "invoice.payment_failed"), obj, given.get("id"), given.get("created"))
        body = given["body"].encode() if "body" in given else json.dumps(event).encode()
        at = int(steady.time()) + {"old": -301, "future": 310}.get(mode, 0)
        good, bad = signature(secret, at, body), signature(secret + "x", at, body)
        header = {"bad_signature": f"t={at},v1={bad}", "no_signature": None,
                  "several": f"t={at},v1={bad},v1={good},v0={bad}"}.get(mode, f"t={at},v1={good}")
        if mode == "tampered":
            body = body.replace(b"}", b" }", 1)
        answers = []
        for _ in range(2 if mode == "replay" else given.get("times", 1)):
            status, text = await self.post(url, body, header)
            answers.append({"status": status, "body": text})
        return {"id": event["id"], "answers": answers}

    def lookup(self, name):
        s = self.stripe
        if name in s.invoices:
            return s.show_invoice(s.invoices[name])
        for store in (s.customers, s.intents, s.charges, s.subscriptions):
            if name in store:
                return store[name]
        return s.methods[name]["pm"]

    # ---- control ----
    def customer_pays(self, given):
        s, inv = self.stripe, self.stripe.invoices[given["invoice"]]
        intent = s.new_intent(given.get("amount", inv["amount_remaining"]), inv["currency"], inv["customer"])
        row = s.link(inv, intent, False)
        intent.update(status="succeeded", amount_received=intent["amount"])
        row["amount_requested"] = intent["amount"]
        s.settle(inv)
        return s.show_invoice(inv)

    def settle(self, given):
        s, intent = self.stripe, self.stripe.intents[given["intent"]]
        charge = s.charges[intent["latest_charge"]]
        good = given.get("ok", True)
        intent["status"] = "succeeded" if good else "requires_payment_method"
        charge.update(status="succeeded" if good else "failed", paid=good)
        for row in [r for r in s.payments.values() if r["payment"]["payment_intent"] == intent["id"]]:
            s.settle(s.invoices[row["invoice"]])
        return intent

    def invoice_set(self, given):
        s, inv = self.stripe, self.stripe.invoices[given["invoice"]]
        if given["status"] == "deleted":
            s.deleted.add(inv["id"])
            return {}
        inv.update(status=given["status"], auto_advance=False, next_payment_attempt=None)
        s.event({"void": "invoice.voided", "uncollectible": "invoice.marked_uncollectible"}[given["status"]], s.show_invoice(inv))
        return s.show_invoice(inv)

    def add_method(self, given):
        default, customer = given.pop("default", False), given.pop("customer")
        pm = self.stripe.add_method(customer, **given)
        if default:
            self.stripe.customers[customer]["invoice_settings"]["default_payment_method"] = pm["id"]
        self.stripe.event("payment_method.attached", pm)
        return pm

    def method_set(self, given):
        entry = self.stripe.methods[given["id"]]
        entry.update({k: v for k, v in given.items() if k in ("decline", "behaviour")}, left=given.get("declines_left"))
        return entry["pm"]

    def advance(self, days):
        before = len(self.stripe.engine)
        self.stripe.advance(days)
        return {"engine": self.stripe.engine[before:], "now": self.stripe.now()}

    def state(self):
        s = self.stripe
        taken = {}
        for charge in s.charges.values():
            if charge["status"] == "succeeded":
                taken[charge["customer"]] = taken.get(charge["customer"], 0) + charge["amount"]
        return {"customers": s.customers, "invoices": {k: s.show_invoice(v) for k, v in s.invoices.items() if k not in s.deleted},
                "methods": s.methods, "payment_intents": s.intents, "charges": s.charges, "invoice_payments": s.payments, "credit_notes": s.credit_notes,
                "subscriptions": s.subscriptions, "engine": s.engine, "violations": self.violations, "hooks": self.sent, "taken": taken}

    def set_hooks(self, given):
        self.hooks = None if given.get("off") else {"secret": self.options.secret, **given}
        return {}

    async def control(self, request):
        name = request.match_info["name"]
        if request.method == "GET":
            return answer({"state": self.state, "log": lambda: self.log}[name]())
        given = json.loads(await request.text() or "{}")
        do = {"customer": lambda: self.stripe.add_customer(**given), "method": lambda: self.add_method(given),
              "method_set": lambda: self.method_set(given), "pay": lambda: self.customer_pays(given), "settle": lambda: self.settle(given),
              "dispute": lambda: self.stripe.dispute(**given), "dispute_end": lambda: self.stripe.dispute_end(**given),
              "invoice": lambda: self.stripe.show_invoice(self.stripe.add_invoice(**given)), "invoice_set": lambda: self.invoice_set(given),
              "advance": lambda: self.advance(int(request.query.get("days", given.get("days", 1)))),
              "hooks": lambda: self.set_hooks(given), "fault": lambda: self.faults.append(given) or {}, "clock": lambda: steady.put(given["now"]) or {}, "reset": lambda: self.clear() or {}}
        try:
            out = await self.send_one(given) if name == "webhook" else do[name]()
        except (KeyError, TypeError, Refused) as wrong:
            return answer({"error": f"{name}: {type(wrong).__name__} {wrong}"}, 400)
        self.flush_events()
        return answer(out)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--key", default="sk_test_fake")
    parser.add_argument("--secret", default="whsec_fake")
    parser.add_argument("--old", action="store_true")
    parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    server = Server(parser.parse_args())
    server.client = aiohttp.ClientSession()
    app = web.Application(client_max_size=4 << 20)
    app.router.add_route("*", "/_test/{name}", server.control)
    app.router.add_route("*", "/{rest:.*}", server.api)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    context = None
    if server.options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*server.options.tls)
    site = web.TCPSite(runner, "127.0.0.1", server.options.port, ssl_context=context)
    await site.start()
    print(f"ready {'https' if context else 'http'}://127.0.0.1:{site._server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
