"""A proxy between the bot and its homeserver that misbehaves once where it is told to.

    proxy.fault("drop", "PUT", "/send/", times=1, then=dw.kill)    the next matching call; `then` runs just before the bot learns of it

before     the call never reaches the server; the connection is closed
drop       the server did it; the connection is closed instead of an answer
hang       the server is not asked; nothing is ever answered
truncated  the server's answer, cut in half, but a whole HTTP message
html       502 with a page instead of the server
forget     the server's answer to a sync without what happened in the rooms, as if it had happened before
soft       401 M_UNKNOWN_TOKEN with soft_logout instead of the server
pass       nothing bad; for `then`
"""
import collections
import http.client
import http.server
import json
import threading
from urllib.parse import urlsplit

ANSWERS = {"html": (502, "text/html", b"<html><body><h1>502 Bad Gateway</h1></body></html>"),
           "soft": (401, "application/json", b'{"errcode":"M_UNKNOWN_TOKEN","error":"Access token has expired","soft_logout":true}')}


def forgotten(text):
    body = json.loads(text)
    for room in body.get("rooms", {}).get("join", {}).values():
        room["timeline"]["events"] = []
    return json.dumps(body).encode()


class Fault:
    def __init__(self, what, method, part, times, then):
        self.what, self.method, self.part, self.left, self.then, self.hits = what, method, part, times, then, 0


class Proxy:
    def __init__(self, base):
        proxy, self.target, self.faults, self.calls, self.lock, self.closing = self, urlsplit(base), [], [], threading.Lock(), threading.Event()
        self.said = collections.Counter()  # the server's answers by status

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                proxy.handle(self)

            do_GET = do_PUT = do_POST = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # the bot was killed: what it asked for goes nowhere
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def fault(self, what, method, part, times=1, then=None):
        made = Fault(what, method, part, times, then)
        with self.lock:
            self.faults.append(made)
        return made

    def calls_of(self, end):
        with self.lock:
            return sum(path.split("?")[0].endswith(end) for _, path in self.calls)

    def choose(self, h):
        with self.lock:
            self.calls.append((h.command, h.path))
            for f in self.faults:
                if f.left > 0 and f.method == h.command and f.part in h.path:
                    f.left -= 1
                    f.hits += 1
                    return f
        return None

    def handle(self, h):
        body = h.rfile.read(int(h.headers.get("Content-Length") or 0))
        f = self.choose(h)
        what = f.what if f else "pass"
        if what == "hang":
            self.closing.wait()
        if what in ANSWERS:
            status, kind, text = ANSWERS[what]
        elif what in ("before", "hang"):
            status = None
        else:
            status, kind, text = self.forward(h, body)
            text = text[:len(text) // 2] if what == "truncated" else forgotten(text) if what == "forget" and status == 200 else text
        if f and f.then:
            f.then()
        if what in ("before", "hang", "drop") or status is None:
            h.close_connection = True
            return
        h.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(text)))):
            h.send_header(name, value)
        h.end_headers()
        h.wfile.write(text)

    def headers_of(self, h):
        return {k: v for k, v in h.headers.items() if k.lower() in ("authorization", "content-type")}

    def forward(self, h, body):
        """The server's answer; (None, ..) when it is away."""
        c = http.client.HTTPConnection(self.target.hostname, self.target.port, timeout=60)
        try:
            c.request(h.command, h.path, body, self.headers_of(h))
            r = c.getresponse()
            text = r.read()
            self.said[r.status] += 1
            return r.status, r.headers.get("Content-Type", ""), text
        except (OSError, http.client.HTTPException):
            return None, "", b""
        finally:
            c.close()

    def stop(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
