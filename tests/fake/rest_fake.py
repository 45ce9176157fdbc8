"""What the Chargebee and Recurly fakes share: an HTTP server on loopback with a memory, faults, idempotency keys that are forgotten
after a while, and reads that may lag behind writes.

A vendor is a class with NAME, PREFIX, WINDOW_S, KEY_HEADER, REPLAY_HEADER, `s` (its whole state, a dict that can be copied),
reset(), may(headers), call(method, path, query, body) -> (status, object) or raise Refused; and the errors in_flight(), reused(),
slow_down(), busy().

Control, JSON in and out (POST unless said):
  /_test/reset {}            forgets everything
  /_test/fault {match, kind, times?, delay_s?, retry_after?}   the next `times` requests "METHOD /path" get this:
       drop_before  cut, nothing done         drop  done, then cut          hang  done, then silence for delay_s, then cut
       500, 503     nothing done              500_after  done, then 500     garbage  done, then an answer that is no JSON
       429          slow down (Retry-After)   busy  the vendor's word for: somebody else is at it     401, 403  refused
  /_test/lag {reads}         after each write, so many reads still show what was before it
  /_test/ahead {seconds}     the clock of this server goes on
  /_test/clock {now}         it stands still at that moment (seconds since 1970) until it is set again
  /_test/NAME {...}          what the vendor adds: its do_NAME(**args)
  /_test/state, /_test/log   (GET) everything it knows; every request it got
"""
import asyncio
import copy
import hashlib
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

from aiohttp import web

import steady

CUT = object()


class Refused(Exception):
    def __init__(self, status, body, headers=None):
        self.status, self.body, self.headers = status, body, headers or {}


class Server:
    def __init__(self, vendor):
        self.vendor = vendor
        self.forget()

    def forget(self):
        self.vendor.ahead = 0
        self.vendor.reset()
        self.faults, self.keys, self.log, self.violations = [], {}, [], []
        self.lag, self.stale, self.stale_reads = 0, None, 0

    # ---- faults ----
    def fault(self, method, path):
        for f in self.faults:
            if f["match"] == f"{method} {path}" and f["times"] > 0:
                f["times"] -= 1
                return f
        return None

    def refuse_by(self, f):
        kind = f["kind"]
        if kind == "429":
            raise self.with_wait(self.vendor.slow_down(), f)
        if kind == "busy":
            raise self.with_wait(self.vendor.busy(), f)
        if kind in ("401", "403", "500", "503"):
            raise Refused(int(kind), {"message": "as the test wants it"} if kind[0] == "4" else "<html>down</html>")

    def with_wait(self, refused, f):
        if f.get("retry_after"):
            refused.headers["Retry-After"] = str(f["retry_after"])
        return refused

    # ---- one request ----
    def read(self, method, path, query):
        """While reads lag, they are answered from the state before the last write."""
        if not self.stale_reads:
            return self.vendor.call(method, path, query, None)
        now, self.vendor.s = self.vendor.s, copy.deepcopy(self.stale)
        self.stale_reads -= 1
        try:
            return self.vendor.call(method, path, query, None)
        finally:
            self.vendor.s = now

    def write(self, method, path, query, body):
        before = copy.deepcopy(self.vendor.s)
        status, answer = self.vendor.call(method, path, query, body)
        self.stale, self.stale_reads = before, self.lag
        return status, answer

    async def once(self, key, method, path, query, body):
        """A write under its key: replayed while it is remembered."""
        print_of = hashlib.sha256(json.dumps([method, path, body]).encode()).hexdigest()
        known = self.keys.get(key)
        if known and steady.time() + self.vendor.ahead - known["at"] > self.vendor.WINDOW_S:
            known = None
        if known and known["print"] != print_of:
            raise self.vendor.reused()
        if known:
            return (*known["answer"], {self.vendor.REPLAY_HEADER: "true"})
        try:
            status, answer = self.write(method, path, query, body)
        except Refused as r:
            status, answer = r.status, r.body
        self.keys[key] = {"print": print_of, "answer": (status, answer), "at": steady.time() + self.vendor.ahead}
        return status, answer, {}

    async def work(self, request, path, body):
        query = list(request.query.items())
        if request.method == "GET":
            return (*self.read("GET", path, query), {})
        key = request.headers.get(self.vendor.KEY_HEADER)
        if not key:
            raise Refused(400, {"message": "this fake wants an idempotency key on every write"})
        return await self.once(key, request.method, path, query, body)

    async def handle(self, request):
        path = request.path[len(self.vendor.PREFIX):]
        text = await request.text()
        self.log.append({"method": request.method, "path": path, "body": text, "key": request.headers.get(self.vendor.KEY_HEADER)})
        f = self.fault(request.method, path)
        try:
            if f and f["kind"] == "drop_before":
                return self.cut(request)
            if f:
                self.refuse_by(f)
            self.vendor.may(request)
            status, answer, headers = await self.work(request, path, self.vendor.body_of(request, text))
        except Refused as r:
            if r.status in (400, 404, 406, 415) and not f:
                self.violations.append(f"{request.method} {path}: {json.dumps(r.body)[:200]}")
            status, answer, headers = r.status, r.body, r.headers
        return await self.after(request, f, status, answer, headers)

    async def after(self, request, f, status, answer, headers):
        kind = f["kind"] if f else ""
        if kind == "hang":
            await asyncio.sleep(f.get("delay_s", 6))
        if kind in ("hang", "drop"):
            return self.cut(request)
        if kind == "500_after":
            return web.Response(status=500, text="<html>oops</html>")
        if kind == "garbage":
            return web.Response(text="<html>hello</html>")
        if isinstance(answer, str):
            return web.Response(status=status, text=answer, headers=headers)
        return web.json_response(answer, status=status, headers=headers)

    def cut(self, request):
        if request.transport:
            request.transport.abort()
        return web.Response()

    # ---- control ----
    async def control(self, request):
        name = request.match_info["name"]
        args = json.loads(await request.text() or "{}")
        if name == "reset":
            self.forget()
            answer = {}
        elif name == "fault":
            self.faults.append(dict({"times": 1}, **args))
            answer = {}
        elif name == "lag":
            self.lag, answer = args["reads"], {}
        elif name == "ahead":
            self.vendor.ahead += args["seconds"]
            answer = {}
        elif name == "clock":
            steady.put(args["now"])
            answer = {}
        elif name == "state":
            answer = dict(self.vendor.s, violations=self.violations)
        elif name == "log":
            answer = self.log
        else:
            answer = getattr(self.vendor, "do_" + name)(**args)
        return web.json_response(answer)


def post_event(url, text, headers):
    """Sends one webhook, as the vendor would; what the receiver said."""
    request = urllib.request.Request(url, text.encode(), dict({"Content-Type": "application/json"}, **headers))
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return {"status": answer.status}
    except urllib.error.HTTPError as e:
        return {"status": e.code}


def form_of(text):
    """Form fields as a dict; a field that is there twice is refused by whoever reads the list."""
    pairs = urllib.parse.parse_qsl(text, keep_blank_values=True)
    if len(dict(pairs)) != len(pairs):
        raise Refused(400, {"message": "a field is there twice"})
    return dict(pairs)


def serve(vendor, kind=Server):
    server = kind(vendor)
    app = web.Application(client_max_size=1 << 20)
    app.router.add_route("*", "/_test/{name}", server.control)
    app.router.add_route("*", vendor.PREFIX + "/{path:.*}", server.handle)

    async def run():
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        print(f"ready http://127.0.0.1:{port}", flush=True)
        await asyncio.Event().wait()

    try:
        asyncio.run(run())
    except KeyboardInterrupt:
        pass
