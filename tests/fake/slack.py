#!/usr/bin/env python3
"""A strict, stateful Slack on loopback for process tests: Web API, Socket Mode, response_urls, and faults on demand.

Start:  python slack.py --port 0 [--tls CERT KEY] [--app-token T] [--bot-token T] [--rate SECONDS] [--ping SECONDS]
Prints one line, "ready http://127.0.0.1:PORT" (https with --tls). api_url for Dunwell is that address + "/api/".
Needs aiohttp. Default tokens: xapp-fake-app-token, xoxb-fake-bot-token. --rate 1.0 allows one post a second and channel.

It refuses what Slack refuses: wrong or misplaced tokens, unknown and missing arguments, JSON for methods that take only forms,
blocks and views over the documented limits (slack_blocks.py), unknown channels, used or late (3 s) trigger ids, used-up
response_urls, unknown tickets, an 11th socket. What Slack would swallow but is a mistake is listed as `violations` in /_test/state:
an ack that is late, double, unknown or on another socket, a payload where none is read, unescaped text, a broadcast mention.

Users U0AE1 U0AE2 U0MANAGER1 U0MANAGER2 U0FINANCE1 U0COLLECT1 U0OPERATOR1 U0STRANGER1; channels C0APPROVALS C0COLLECT (the bot is in both).

Control, JSON in and out (all POST unless said):
  /_test/command  {user, text, channel?, command?}     a slash command. Answers {acked, ms, payload, socket, envelope_id}; acked is
                                                       false after 3 s, or {error: "no_socket"} (Slack: dispatch_failed)
  /_test/click    {user, channel?, message (ts), action, value?, force?}   a button, or a menu entry "ACTION|..." whose action fits.
                                                       It must stand on the message; force: true sends it all the same (an old card)
  /_test/change   {user, view, input, values:{id: v}}  a live input of an open form
  /_test/submit   {user, view, values:{id: v}}         submits; answers as above with {closed: bool, errors: {...}|null}
  /_test/close    {user, view}                         the person closes a form
  /_test/event    {type: "message"|"app_mention"|"app_home_opened", user, text, channel?, bot_id?, subtype?, redeliver?: true}
                                                       redeliver: delivered twice although acked. Unacked events come again
  any of them:    fragments: N (the frame in N pieces), twice: true (the same envelope twice), socket: ID, envelope: true (adds it)
  /_test/burst    {user, texts: [..], per_second?}     many commands at a pace; answers {acked, lost, ms: [..]}
  /_test/send     {text | hex, socket?}                any frame, for malformed ones (hex: binary)
  /_test/fault    {method, kind, times?, retry_after?, delay_s?, error?}  for the next `times` (1) calls of this method ("*": any;
                  "response_url"): 429, 500, 503, error (ok:false, `error`), garbage (200, no JSON), drop (the effect happens, the
                  connection breaks), drop_before (no effect), delay (the effect, then delay_s), slow (delay_s, then the effect)
  /_test/socket   {do, socket?: ID | "all" | "oldest" | "newest", close_after_s?}   do: refresh, warning, link_disabled, too_many (a
                  disconnect message, then close), kill (reset without a close frame), close, half_open (deaf and mute, stays open)
  /_test/config   {rate?, ping?, connection_time?, hello?: bool, max_sockets?, redeliver_after_s?, profiles?: {user: {...}}}
  /_test/reset    forgets everything but the sockets      /_test/user {id}, /_test/channel {id, member: bool}, /_test/delete {channel, message}
  GET /_test/messages?channel=  [{channel, ts, user, text, blocks, metadata, thread_ts, edits: [{text, blocks}], at}]
  GET /_test/ephemerals         [{user, channel, text, blocks, via: "ack"|"api"|"response_url", at}]
  GET /_test/views              {id: {view, user, hash, open, history: [..]}}
  GET /_test/state              {sockets: [{id, hello, half_open, open_s}], opened, envelopes, acked, lost, violations, calls: {method: n}}
  GET /_test/log                [{at, method, args, ok, error}]   every Web API call, tokens left out
"""
import argparse
import asyncio
import json
import ssl
import time

from aiohttp import web

from slack_peer import BOT, Slack


def answer(data, status=200):
    return web.json_response(data, status=status, dumps=lambda d: json.dumps(d, ensure_ascii=False))


def wrong(text):
    return answer({"error": text}, 400)


def find_action(blocks, action):
    """The (block, element, menu option) that a person would click."""
    for block in blocks or []:
        for element in block.get("elements", []) if block["type"] == "actions" else []:
            if element["type"] == "button" and element.get("action_id") == action:
                return block, element, None
            for option in element.get("options", []) if element["type"] == "overflow" else []:
                if option["value"].split("|")[0] == action:
                    return block, element, option
    return None


def element_state(element, value):
    """What state.values holds of one input; raises for what a person could not enter."""
    kind = element["type"]
    if kind == "static_select":
        if value in (None, ""):
            return {"type": kind, "selected_option": None}
        chosen = next((o for o in element["options"] if o["value"] == value), None)
        if not chosen:
            raise ValueError(f"{value!r} is not among the options")
        return {"type": kind, "selected_option": chosen}
    if kind == "datepicker":
        return {"type": kind, "selected_date": value or None}
    return {"type": kind, "value": value or None}


def initial(element):
    if element["type"] == "static_select":
        return element.get("initial_option", {}).get("value")
    return element.get("initial_date") if element["type"] == "datepicker" else element.get("initial_value")


class Control:
    def __init__(self, slack):
        self.slack = slack

    def routes(self):
        names = ("command", "click", "change", "submit", "close", "event", "burst", "send", "fault", "socket", "config", "reset",
                 "user", "channel", "delete")
        reads = ("messages", "ephemerals", "views", "state", "log")
        return [web.post("/_test/" + n, self.guard(getattr(self, n))) for n in names] + \
            [web.get("/_test/" + n, getattr(self, "get_" + n)) for n in reads]

    def guard(self, handler):
        async def run(request):
            try:
                body = await request.text()
                return await handler(request, json.loads(body) if body else {})
            except (KeyError, ValueError, StopIteration) as e:
                return wrong(f"{type(e).__name__}: {e}")
        return run

    # ---- a person acts ----
    def common(self, user):
        trigger = self.slack.trigger()
        self.slack.triggers[trigger]["user"] = user
        return {"team": {"id": BOT["team"], "domain": "acme"}, "user": {"id": user, "username": user.lower(), "name": user.lower(),
                "team_id": BOT["team"]}, "api_app_id": BOT["app_id"], "token": "fixed-value", "trigger_id": trigger,
                "enterprise": None, "is_enterprise_install": False}

    def command_payload(self, request, user, text, channel, command="/dunwell"):
        trigger = self.slack.trigger()
        self.slack.triggers[trigger]["user"] = user
        return {"token": "fixed-value", "team_id": BOT["team"], "team_domain": "acme", "channel_id": channel, "channel_name": "x",
                "user_id": user, "user_name": user.lower(), "command": command, "text": text, "api_app_id": BOT["app_id"],
                "is_enterprise_install": "false", "response_url": self.slack.response_url(request, user, channel),
                "trigger_id": trigger}

    async def command(self, request, o):
        channel = o.get("channel", "C0COLLECT")
        payload = self.command_payload(request, o["user"], o.get("text", ""), channel, o.get("command", "/dunwell"))
        return answer(await self.slack.deliver("slash_commands", payload, o, True, user=o["user"], channel=channel))

    async def click(self, request, o):
        message = self.slack.find(o.get("channel"), o["message"])
        if not message:
            return wrong("there is no such message")
        found = find_action(message["blocks"], o["action"])
        if not found and not o.get("force"):
            return wrong(f"the message has no action {o['action']!r}")
        block, element, option = found or ({"block_id": "b"}, {"type": "button"}, None)
        action = {"type": element["type"], "action_id": element.get("action_id", o["action"]), "block_id": block.get("block_id", "b1"),
                  "action_ts": self.slack.next_ts()}
        if option:
            action["selected_option"] = {**option, "value": o["action"] + "|" + o["value"] if "value" in o else option["value"]}
        else:
            action["value"] = o.get("value", element.get("value", ""))
            action["text"] = element.get("text", {"type": "plain_text", "text": "old"})
        ephemeral = "via" in message
        shown = {} if ephemeral else {"message": {"bot_id": BOT["bot_id"], "type": "message", "user": BOT["user"], "ts": message["ts"],
                                                  "text": message["text"], "blocks": message["blocks"]}}
        payload = {"type": "block_actions", **self.common(o["user"]), "container": {"type": "message", "message_ts": message["ts"],
                   "channel_id": message["channel"], "is_ephemeral": ephemeral}, "channel": {"id": message["channel"], "name": "x"},
                   **shown, "state": {"values": {}}, "actions": [action],
                   "response_url": self.slack.response_url(request, o["user"], message["channel"])}
        return answer(await self.slack.deliver("interactive", payload, o, False, what="block_actions"))

    def state_values(self, view, values, submitting):
        out, known = {}, set()
        for block in (b for b in view["blocks"] if b["type"] == "input"):
            element, name = block["element"], block["block_id"]
            known.add(name)
            value = values.get(name, initial(element))
            if submitting and not block.get("optional") and value in (None, ""):
                raise ValueError(f"{name} is required: Slack does not let it be submitted empty")
            out[name] = {element.get("action_id", "x"): element_state(element, value)}
        if set(values) - known:
            raise ValueError(f"the form has no inputs {sorted(set(values) - known)}")
        return out

    def view_payload(self, view_id, values):
        state = self.slack.views[view_id]
        view = state["view"]
        return {**view, "id": view_id, "hash": state["hash"], "state": {"values": values}, "team_id": BOT["team"], "app_id": BOT["app_id"],
                "bot_id": BOT["bot_id"], "private_metadata": view.get("private_metadata", ""),
                "callback_id": view.get("callback_id", ""), "root_view_id": view_id, "previous_view_id": None}

    def open_view(self, view_id):
        state = self.slack.views[view_id]
        if not state["open"]:
            raise ValueError("the form is closed")
        return state

    async def change(self, request, o):
        view = self.open_view(o["view"])["view"]
        block = next((b for b in view["blocks"] if b.get("block_id") == o["input"]), {})
        if not block.get("dispatch_action"):
            return wrong("this input sends nothing when it changes")
        values = self.state_values(view, o.get("values", {}), False)
        ((action_id, state),) = values[o["input"]].items()
        payload = {"type": "block_actions", **self.common(o["user"]), "container": {"type": "view", "view_id": o["view"]},
                   "view": self.view_payload(o["view"], values),
                   "actions": [{"action_id": action_id, "block_id": o["input"], "action_ts": self.slack.next_ts(), **state}]}
        return answer(await self.slack.deliver("interactive", payload, o, False, what="block_actions"))

    async def submit(self, request, o):
        state = self.open_view(o["view"])
        if "submit" not in state["view"]:
            return wrong("the form has no submit button")
        values = self.state_values(state["view"], o.get("values", {}), True)
        payload = {"type": "view_submission", **self.common(o["user"]), "view": self.view_payload(o["view"], values), "response_urls": []}
        result = await self.slack.deliver("interactive", payload, o, True, what="view_submission", view=state["view"])
        said = result.get("payload") or {}
        result.update(errors=said.get("errors"), closed=result["acked"] and said.get("response_action") in (None, "clear"))
        if result["closed"]:
            state["open"] = False
        if said.get("response_action") == "update":
            self.slack.put_view(state, said["view"])
        return answer(result)

    async def close(self, request, o):
        self.open_view(o["view"])["open"] = False
        return answer({"closed": True})

    async def event(self, request, o):
        slack, kind, user = self.slack, o["type"], o.get("user")
        ts = slack.next_ts()
        inner = {"type": kind, "user": user, "text": o.get("text", ""), "ts": ts, "event_ts": ts, "team": BOT["team"],
                 **{k: o[k] for k in ("bot_id", "subtype", "thread_ts") if k in o}}
        inner["channel"] = o.get("channel") or (slack.direct(user) if kind != "app_mention" else "C0COLLECT")
        if kind == "message":
            inner["channel_type"] = "im" if inner["channel"][0] == "D" else "channel"
        payload = {"token": "x", "team_id": BOT["team"], "api_app_id": BOT["app_id"], "event": inner, "type": "event_callback",
                   "event_id": o.get("event_id", "Ev" + ts.replace(".", "")), "event_time": int(time.time()), "is_ext_shared_channel": False,
                   "authorizations": [{"team_id": BOT["team"], "user_id": BOT["user"], "is_bot": True}]}
        result = await slack.deliver("events_api", payload, o, False)
        again = bool(o.get("redeliver"))
        for retry in (1, 2, 3):
            if result["acked"] and not again:
                break
            again = False
            await asyncio.sleep(slack.config["redeliver_after_s"])
            result = {**await slack.deliver("events_api", payload, {**o, "retry": retry}, False), "retries": retry}
        return answer({**result, "event_id": payload["event_id"]})

    async def burst(self, request, o):
        async def one(text, after):
            await asyncio.sleep(after)
            payload = self.command_payload(request, o["user"], text, o.get("channel", "C0COLLECT"))
            return await self.slack.deliver("slash_commands", payload, o, True, user=o["user"], channel=payload["channel_id"])
        gap = 1 / o["per_second"] if o.get("per_second") else 0
        results = await asyncio.gather(*(one(text, i * gap) for i, text in enumerate(o["texts"])))
        times = [r["ms"] for r in results if r["acked"]]
        return answer({"acked": len(times), "lost": len(results) - len(times), "ms": times,
                       "lost_texts": [t for t, r in zip(o["texts"], results) if not r["acked"]]})

    # ---- things go wrong ----
    async def send(self, request, o):
        socket = self.slack.pick(o.get("socket"))
        if not socket:
            return wrong("no socket")
        if "hex" in o:
            await socket.ws.send_bytes(bytes.fromhex(o["hex"]))
        else:
            await self.slack.write(socket, o["text"], o.get("fragments", 1))
        return answer({"socket": socket.id})

    async def fault(self, request, o):
        self.slack.faults.append({"times": 1, **o})
        return answer({"faults": len(self.slack.faults)})

    async def socket(self, request, o):
        live = sorted((s for s in self.slack.sockets.values() if not s.ws.closed), key=lambda s: s.id)
        which = o.get("socket", "all")
        chosen = {"all": live, "oldest": live[:1], "newest": live[-1:]}.get(which) if isinstance(which, str) else \
            [s for s in live if s.id == which]
        reasons = {"refresh": "refresh_requested", "warning": "warning", "link_disabled": "link_disabled",
                   "too_many": "too_many_websockets"}
        for s in chosen:
            if o["do"] in reasons:
                await self.slack.disconnect(s, reasons[o["do"]], o.get("close_after_s", 10 if o["do"] in ("refresh", "warning") else 0))
            elif o["do"] == "kill":
                s.request.transport.abort()
            elif o["do"] == "close":
                await s.ws.close()
            elif o["do"] == "half_open":
                s.half_open = True
            else:
                raise ValueError(o["do"])
        return answer({"sockets": [s.id for s in chosen]})

    async def config(self, request, o):
        unknown = set(o) - set(self.slack.config)
        if unknown:
            return wrong(f"unknown: {sorted(unknown)}")
        self.slack.config.update(o)
        return answer(self.slack.config)

    async def reset(self, request, o):
        self.slack.reset()
        return answer({})

    async def user(self, request, o):
        self.slack.users.add(o["id"])
        return answer({})

    async def channel(self, request, o):
        self.slack.channels[o["id"]] = o.get("member", True)
        return answer({})

    async def delete(self, request, o):
        before = len(self.slack.messages)
        self.slack.messages = [m for m in self.slack.messages if (m["channel"], m["ts"]) != (o["channel"], o["message"])]
        return answer({"deleted": before - len(self.slack.messages)})

    # ---- what is there ----
    async def get_messages(self, request):
        channel = request.query.get("channel")
        return answer([m for m in self.slack.messages if channel in (None, m["channel"])])

    async def get_ephemerals(self, request):
        return answer(self.slack.ephemerals)

    async def get_views(self, request):
        return answer(self.slack.views)

    async def get_log(self, request):
        return answer(self.slack.log)

    async def get_state(self, request):
        s = self.slack
        sockets = [{"id": x.id, "hello": x.hello, "half_open": x.half_open, "open_s": round(time.monotonic() - x.opened, 1)}
                   for x in s.sockets.values()]
        return answer({"sockets": sockets, "opened": s.opened, **s.count, "violations": s.violations, "calls": s.calls})


async def serve(options):
    slack = Slack(options)
    app = web.Application(client_max_size=4 << 20)
    app.add_routes([web.post("/api/{method}", slack.api), web.post("/response/T0TEAM/1/{key}", slack.response),
                    web.get("/link/", slack.link), *Control(slack).routes()])
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", options.port, ssl_context=context)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    print(f"ready {'https' if context else 'http'}://127.0.0.1:{port}", flush=True)
    await asyncio.Event().wait()


def main():
    p = argparse.ArgumentParser(description="a strict fake Slack; see the top of the file")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"))
    p.add_argument("--app-token", default="xapp-fake-app-token")
    p.add_argument("--bot-token", default="xoxb-fake-bot-token")
    p.add_argument("--rate", type=float, default=0)
    p.add_argument("--ping", type=float, default=5)
    try:
        asyncio.run(serve(p.parse_args()))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
