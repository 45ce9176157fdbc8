#!/usr/bin/env python3
"""localstripe (PyPI, 1.15) on loopback, behind a thin front that fills the gaps between it and the API that the driver speaks.

Start:  python localstripe_app.py PORT        prints "ready http://127.0.0.1:PORT"; nothing is written to disk

localstripe itself binds all interfaces and keeps its state in a file in /tmp; here its application runs inside this process,
on 127.0.0.1 and in memory. What it does not know, and what the front does about it:
  GET  /v1/invoices?status=      500 there: the front takes the filter out and applies it to the answer
  POST /v1/invoices/X auto_advance=   400 there: the front keeps the flag and shows it in every invoice
  GET  /v1/customers/X/payment_methods  404 there: asked as /v1/payment_methods?customer=X&type=card
  POST /v1/invoices/X/pay off_session=  500 there: left out; payment_method= becomes the customer's default first
  invoice_payments, account, portal, attach_payment, partial payments, Idempotency-Key   not there: left as it is (404, or ignored)
  a card that fails makes `pay` answer 200 with an open invoice, and sends no invoice.payment_failed (SEPA does)
"""
import asyncio
import json
import sys
from urllib.parse import parse_qsl, urlencode

import aiohttp
from aiohttp import web
from localstripe import resources
from localstripe.server import app as inner

advance = {}


def dress(data):
    if isinstance(data, dict):
        if data.get("object") == "invoice":
            data["auto_advance"] = advance.get(data["id"], data.get("status") == "open")
        if data.get("object") == "list":
            for item in data["data"]:
                dress(item)
    return data


async def front(request):
    path, method, query = request.path, request.method, list(parse_qsl(request.rel_url.raw_query_string))
    form = parse_qsl((await request.read()).decode(), keep_blank_values=True)
    status = dict(query).get("status") if path == "/v1/invoices" and method == "GET" else None
    if status:
        query = [(k, v) for k, v in query if k != "status"]
    if method == "POST" and path.startswith("/v1/invoices/"):
        given = dict(form)
        if "auto_advance" in given:
            advance[path.rsplit("/", 1)[1]] = given["auto_advance"] == "true"
        if path.endswith("/pay") and "payment_method" in given:
            invoice = await send(request, "GET", path[:-4], [], [])
            await send(request, "POST", "/v1/customers/" + json.loads(invoice[1])["customer"], [],
                       [("invoice_settings[default_payment_method]", given["payment_method"])])
        form = [(k, v) for k, v in form if k not in ("auto_advance", "off_session", "payment_method")]
        if "auto_advance" in given and not form:
            method = "GET"
    if method == "GET" and path.startswith("/v1/customers/") and path.endswith("/payment_methods"):
        query = [(k, v) for k, v in query if k != "type"] + [("customer", path.split("/")[3]), ("type", "card")]
        path = "/v1/payment_methods"
    code, text, kind = await send(request, method, path, query, form)
    if kind != "application/json":
        return web.Response(status=code, text=text)
    data = dress(json.loads(text))
    if status and code == 200:
        data["data"] = [row for row in data["data"] if row["status"] == status]
    return web.json_response(data, status=code)


async def send(request, method, path, query, form):
    headers = {"Authorization": request.headers.get("Authorization", "")}
    url = f"http://127.0.0.1:{request.app['inner_port']}{path}" + ("?" + urlencode(query) if query else "")
    async with request.app["client"].request(method, url, data=form or None, headers=headers) as response:
        return response.status, await response.text(), response.content_type


async def serve(app, port):
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    return site._server.sockets[0].getsockname()[1]


async def main():
    resources.Store.dump_to_disk = lambda self: None
    outer = web.Application()
    outer.router.add_route("*", "/{rest:.*}", front)
    outer["inner_port"] = await serve(inner, 0)
    outer["client"] = aiohttp.ClientSession()
    print(f"ready http://127.0.0.1:{await serve(outer, int(sys.argv[1]))}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
