"""Stripe's answer to a charge is not what it should be: a page, a redirect, an endless one, one that is cut. Whatever it is, the charge is
sent once, what the journal says of it is what Stripe's books say, and nothing that an answer asks for is done. One process for all."""
import gzip
import json

import fault_proxy
from harness import run, wait_for

DECLINED = b'{"error":{"type":"card_error","message":"Your card was declined."}}'
KEY_TAKEN = b'{"error":{"type":"idempotency_error","message":"Keys for idempotent requests can only be used with the same parameters."}}'
# what is answered: does the server hear of the charge?
ODD = {"page": True, "redirect": False, "redirect_after": True, "endless": True, "gzip": True, "cut": True, "ancient": True, "hints": True, "twice": True,
       "nothing": True, "list": True, "other": True, "deep": True, "headers": True, "no_code": False, "key_taken": False, "not_http": True}


def whole(status, body, *headers, version="1.1"):
    lines = [f"HTTP/{version} {status} X", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def sized(status, body, *headers):
    return whole(status, body, f"Content-Length: {len(body)}", *headers)


def said(what, body, url):
    """The bytes of an answer; of `endless` one piece of many."""
    return {"page": sized(200, b"<html>It works!</html>"),
            "redirect": sized(301, b"", f"Location: {url}/elsewhere"), "redirect_after": sized(307, b"", f"Location: {url}/elsewhere"),
            "endless": whole(200, b'{"id":"', "Connection: close") + b"x" * 100000,
            "gzip": sized(200, gzip.compress(body), "Content-Encoding: gzip"),
            "cut": whole(200, body[:len(body) // 2], f"Content-Length: {len(body)}"), "ancient": whole(200, body, version="1.0"),
            "hints": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + sized(200, body),
            "twice": sized(200, body) + sized(200, b'{"object":"list","data":[],"has_more":false}'),
            "nothing": sized(200, b""), "list": sized(200, b'[{"status":"paid"}]'),
            "other": sized(200, json.dumps({**json.loads(body or b"{}"), "id": "in_other", "customer": "cus_other"}).encode()),
            "deep": sized(200, b"[" * 20000 + b"]" * 20000), "headers": sized(200, body, *[f"X-{n}: {'y' * 1000}" for n in range(600)]),
            "no_code": sized(402, DECLINED), "key_taken": sized(400, KEY_TAKEN), "not_http": b"SSH-2.0-OpenSSH_9.2\r\n" + body}[what]


class Proxy(fault_proxy.Proxy):
    """In front of Stripe: a charge of the customer cus_WHAT is answered in that way, once."""
    def __init__(self, base):
        super().__init__(base)
        self.odd, self.charges, self.elsewhere = {}, [], []

    def handle(self, h):
        body = h.rfile.read(int(h.headers.get("Content-Length") or 0))
        invoice = h.path.split("/")[3] if h.command == "POST" and h.path.endswith("/pay") else ""
        if h.path.startswith("/elsewhere"):
            self.elsewhere.append(h.path)
        if invoice:
            self.charges.append(invoice)
        what = self.odd.pop(invoice, None)
        status, kind, text = self.forward(h, body) if ODD.get(what, True) else (200, "", b"")
        if status is None:
            h.close_connection = True
            return
        try:
            h.wfile.write(said(what, text, self.url) if what else sized(status, text))
            for _ in range(2000 if what == "endless" else 0):
                h.wfile.write(b"x" * 100000)
        except OSError:
            pass
        h.close_connection = what in ("endless", "cut", "ancient", "not_http")  # who closes after a whole answer may meet the next request

    def headers_of(self, h):
        return {k: v for k, v in h.headers.items() if k.lower() not in ("host", "connection", "content-length")}


def test_each(w):
    slack, stripe, dw = w.begin(start=False, hooks=False)
    proxy = Proxy(stripe.url)
    w.parts.append(proxy)
    dw.config["billing"]["stripe"]["base_url"] = proxy.url
    dw.write_config()
    dw.write_accounts([{"account": what, "name": what, "annual_value": "1200", "ae": "ae1"} for what in ODD])
    dw.start()
    stripe.post("hooks", url=f"http://127.0.0.1:{dw.port}/hooks/stripe")
    invoices = {what: stripe.failed(what, 80_00) for what in ODD}
    wait_for("the decisions", lambda: dw.one("SELECT count(*) FROM decisions") == len(ODD))
    dw.settle()
    stripe.post("hooks", off=True)  # only the answer, and what is read back, can tell
    for what, invoice in invoices.items():
        stripe.post("method_set", id="pm_" + what, decline=None)
        proxy.odd[invoice] = what
    for what in ODD:
        assert "A-" in slack.say("U0COLLECT1", "retry " + what)
    ended = "SELECT verb FROM journal WHERE verb IN ('retry.confirmed', 'retry.failed')"
    wait_for("the end of each", lambda: len(dw.sql(ended)) == len(ODD))
    for what, happens in ODD.items():
        verbs = [v for v, in dw.sql(ended + " AND account = ?", what)]
        assert verbs == ["retry.confirmed" if happens else "retry.failed"], (what, dw.sql("SELECT verb, text FROM journal WHERE account = ?", what))
        assert stripe.taken(what) == (80_00 if happens else 0), what
        assert proxy.charges.count(invoices[what]) == 1, f"{what}: sent more than once"
    assert not proxy.odd and not proxy.elsewhere, (proxy.odd, proxy.elsewhere)


if __name__ == "__main__":
    run(globals())
