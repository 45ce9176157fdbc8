"""What arrives at /hooks/stripe, good and bad, by raw sockets: each is answered, and what may not be stored is not."""
import http.client
import json
import socket
import time

from harness import event, raw, run, sign, wait_for


def begin(w):
    slack, stripe, dw = w.begin(hooks=False)  # only what a test sends arrives
    stripe.post("customer", id="cus_northwind")
    stripe.post("invoice", id="in_x", customer="cus_northwind", amount=100_00)
    return slack, stripe, dw


def stored(dw):
    return dw.one("SELECT count(*) FROM inbox")


def post(body, header, more="", length=True, path="/hooks/stripe", close=True):
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{more}"
    if header:
        head += f"Stripe-Signature: {header}\r\n"
    if length:
        head += f"Content-Length: {len(body)}\r\n"
    return (head + ("Connection: close\r\n" if close else "") + "\r\n").encode() + body


def test_signatures(w):
    slack, stripe, dw = begin(w)
    body = event().encode()
    now = int(time.time())
    assert dw.hook(body, sign(body, secret="whsec_other"))[0] == 401
    assert dw.hook(body, None)[0] == 401, "no signature"
    assert dw.hook(body, sign(body, at=now - 301))[0] == 401, "too old"
    assert dw.hook(body, sign(body, at=now + 330))[0] == 401, "from the future"
    assert dw.hook(body.replace(b"in_x", b"in_y"), sign(body))[0] == 401, "tampered"
    for header in ("t=,v1=", "v1=ff", f"t={now}", "x" * 3000, "t=99999999999999999999,v1=00", f"t={now},v1=" + "0" * 64):
        assert dw.hook(body, header)[0] in (400, 401), header
    assert stored(dw) == 0
    assert dw.hook(body, sign(body, at=now - 250))[0] == 200, "inside the tolerance"
    several = event().encode()
    good, bad = sign(several), sign(several, secret="whsec_other")
    both = good.split(",")[0] + "," + bad.split(",")[1] + "," + good.split(",")[1] + ",v0=" + "0" * 64
    assert dw.hook(several, both)[0] == 200, "several v1, one of them right"
    assert stored(dw) == 2


def test_replay_and_unknown(w):
    slack, stripe, dw = w.begin()
    stripe.failed("northwind", 5000_00)
    slack.await_card("U0AE1", "$5,000.00")
    dw.settle()
    before, writes = stored(dw), len(stripe.writes())
    body = event(customer="cus_northwind", invoice="in_000002").encode()
    header = sign(body)
    assert [dw.hook(body, header)[0] for _ in range(3)] == [200, 200, 200]
    assert stored(dw) == before + 1
    assert dw.metric("dunwell_webhooks_duplicate_total") == 2
    odd = event("radar.early_fraud_warning.created", customer="cus_northwind")
    assert dw.hook(odd)[0] == 200
    wait_for("the unknown type to be journaled", lambda: any("radar.early_fraud_warning.created" in t for t in dw.journal()))
    ignored = [t for t in dw.journal() if "radar.early_fraud_warning.created" in t]
    assert len(ignored) == 1 and "gnored" in ignored[0], ignored
    dw.settle()
    assert len(stripe.writes()) == writes and dw.one("SELECT count(*) FROM recoveries") == 1


def test_bodies(w):
    slack, stripe, dw = begin(w)
    big = event(invoice="x" * 5_000_000).encode()
    assert dw.hook(big)[0] == 413
    deep = b'{"id":"evt_deep","created":1,"type":"x","data":' + b'[' * 10000 + b']' * 10000 + b'}'
    for name, body in {"not JSON": b"hello", "empty": b"", "a list": b"[]", "a number": b"17", "half": event().encode()[:100], "deep": deep,
                       "deep objects": b'{"a":' * 10000 + b"1" + b"}" * 10000, "NUL": event().replace("in_x", "in_\0x").encode(),
                       "escaped NUL in the id": event(id="evt_\\u0000").replace("\\\\", "\\").encode(), "NUL behind": event().encode() + b"\0",
                       "not UTF-8": event().encode().replace(b"in_x", b"in_\xff"), "no id": json.dumps({"type": "x"}).encode(),
                       "two documents": event().encode() + event().encode(), "BOM": b"\xef\xbb\xbf" + event().encode(),
                       "long id": event(id="e" * 5000).encode()}.items():
        status, text = dw.hook(body)
        assert status == 400 and text.strip(), (name, status, text)
    assert stored(dw) == 0
    assert dw.hook(event())[0] == 200


def test_framing(w):
    slack, stripe, dw = begin(w)
    body = event().encode()
    chunked = f"POST /hooks/stripe HTTP/1.1\r\nHost: x\r\nStripe-Signature: {sign(body)}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    for piece in (body[:10], body[10:11], body[11:]):
        chunked += f"{len(piece):x};ext=1\r\n".encode() + piece + b"\r\n"
    chunked += b"0\r\nTrailer: x\r\n\r\n"
    assert raw(dw.port, chunked)[0][0] == 200, "chunked"
    assert stored(dw) == 1
    two, three = event().encode(), event().encode()
    pipelined = post(two, sign(two), close=False) + post(three, sign(three, secret="no"), close=False) + post(three, sign(three))
    assert [a[0] for a in raw(dw.port, pipelined, wanted=3)] == [200, 401, 200], "pipelined in one segment"
    assert stored(dw) == 3
    four = event().encode()
    no_length = post(four, sign(four), length=False)
    assert raw(dw.port, no_length)[0][0] in (400, 411), "no length"
    odd = "x: 1\r\nh: 1\r\ncontent: 1\r\nstripe: 1\r\nA-_.!~*'|`^+&%$#: odd\r\n" + "".join(f"X-{i}: {i}\r\n" for i in range(60))
    assert raw(dw.port, post(four, sign(four), odd))[0][0] == 200, "odd header names"
    assert raw(dw.port, post(b"{}", None, "X-Big: " + "y" * 60000 + "\r\n"))[0][0] in (400, 413, 431), "oversized header"
    five = event().encode()
    lower = post(five, None).replace(b"\r\n\r\n", b"\r\nstripe-signature: " + sign(five).encode() + b"\r\n\r\n", 1)
    assert raw(dw.port, lower)[0][0] == 200, "header names in lower case"
    for wrong in ("Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip\r\n"):
        assert raw(dw.port, post(five, sign(five), wrong))[0][0] in (400, 501), wrong
    with socket.create_connection(("127.0.0.1", dw.port), timeout=20) as s:
        s.sendall(b"NONSENSE\r\n\r\n")
        assert s.recv(100)[:12] in (b"", b"HTTP/1.1 400"), "what is no request is refused or cut"
    assert raw(dw.port, b"GET /hooks/stripe HTTP/1.1\r\nHost: x\r\n\r\n")[0][0] == 405
    assert raw(dw.port, b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")[0][0] == 404
    assert raw(dw.port, post(five, sign(five), path="/hooks/nobody"))[0][0] == 404
    for target, status in (("http://127.0.0.1:1/healthz", 200), ("http://x", 404), ("http:///healthz", 404), ("ftp://x/healthz", 404),
                           ("http://x/healthz%00", 404), ("http://" + "x" * 9000 + "/healthz", 200)):
        assert raw(dw.port, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())[0][0] == status, target[:40]
    absolute = event().encode()
    assert raw(dw.port, post(absolute, sign(absolute), path=f"http://127.0.0.1:{dw.port}/hooks/stripe"))[0][0] == 200, "absolute form"
    expect = post(five, sign(five), "Expect: 100-continue\r\n")
    assert raw(dw.port, expect)[0][0] == 200
    assert stored(dw) == 6
    six = event().encode()
    offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA\r\n"
    assert raw(dw.port, post(six, sign(six), offer, close=False))[0][0] == 200, "HTTP/2 is offered, as Kill Bill does with each"
    assert stored(dw) == 7


def test_slow_and_broken_senders(w):
    slack, stripe, dw = begin(w)
    body = event().encode()
    data = post(body, sign(body))
    with socket.create_connection(("127.0.0.1", dw.port), timeout=60) as slow:
        for i in range(0, len(data), 100):
            slow.sendall(data[i:i + 100])
            time.sleep(0.05)  # the sender is what is slow here
        answer = http.client.HTTPResponse(slow)
        answer.begin()
        assert answer.status == 200
    idle = [socket.create_connection(("127.0.0.1", dw.port), timeout=60) for _ in range(50)]
    half = socket.create_connection(("127.0.0.1", dw.port), timeout=60)
    half.sendall(data[:len(data) // 2])
    cut = socket.create_connection(("127.0.0.1", dw.port), timeout=60)
    cut.sendall(data[:-1])
    cut.close()
    assert dw.hook(event())[0] == 200, "others are served meanwhile"
    answer = http.client.HTTPResponse(half)
    answer.begin()  # waits for the server's own deadline
    assert answer.status == 408, answer.status
    for s in [half, *idle]:
        s.close()
    assert stored(dw) == 2


def test_many_at_once(w):
    slack, stripe, dw = begin(w)
    sockets = []
    for i in range(200):
        body = event("customer.updated", id=f"evt_many_{i % 150}", created=1700000000).encode()
        s = socket.create_connection(("127.0.0.1", dw.port), timeout=60)
        s.sendall(post(body, sign(body)))
        sockets.append(s)
    for s in sockets:
        answer = http.client.HTTPResponse(s)
        answer.begin()
        assert answer.status == 200
        s.close()
    assert stored(dw) == 150 and dw.metric("dunwell_webhooks_duplicate_total") == 50


if __name__ == "__main__":
    run(globals())
