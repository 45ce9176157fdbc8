"""The state and the behaviour of the fake Slack: Web API, response_urls, Socket Mode. slack.py starts and controls it."""
import asyncio
import json
import struct
import time
import uuid
from urllib.parse import parse_qsl

from aiohttp import WSMsgType, web

from slack_blocks import check_message, check_view

USERS = ["U0AE1", "U0AE2", "U0MANAGER1", "U0MANAGER2", "U0FINANCE1", "U0COLLECT1", "U0OPERATOR1", "U0STRANGER1"]
BOT = {"user": "U0BOT", "bot_id": "B0BOT", "app_id": "A0APP", "team": "T0TEAM"}
MESSAGE_ARGS = {"channel", "text", "blocks", "metadata", "unfurl_links", "unfurl_media", "thread_ts", "mrkdwn", "reply_broadcast"}
# method: (required, optional, app token?, form only?)
METHODS = {
    "apps.connections.open": (set(), set(), True, True),
    "auth.test": (set(), set(), False, True),
    "chat.postMessage": ({"channel"}, MESSAGE_ARGS, False, False),
    "chat.update": ({"channel", "ts"}, {"text", "blocks", "metadata", "reply_broadcast"}, False, False),
    "chat.postEphemeral": ({"channel", "user"}, {"text", "blocks", "thread_ts"}, False, False),
    "conversations.open": (set(), {"users", "channel", "return_im"}, False, True),
    "conversations.history": ({"channel"}, {"oldest", "latest", "inclusive", "limit", "cursor", "include_all_metadata"}, False, True),
    "conversations.replies": ({"channel", "ts"}, {"oldest", "latest", "inclusive", "limit", "cursor", "include_all_metadata"}, False, True),
    "views.open": ({"trigger_id", "view"}, set(), False, False),
    "views.update": ({"view"}, {"view_id", "external_id", "hash"}, False, False),
    "users.info": ({"user"}, set(), False, True),
}


class Refused(Exception):
    def __init__(self, error, messages=None, status=200, headers=None):
        self.error, self.messages, self.status, self.headers = error, messages, status, headers or {}


class Socket:
    def __init__(self, number, ws, request):
        self.id, self.ws, self.request, self.opened = number, ws, request, time.monotonic()
        self.half_open, self.hello, self.leaving = False, False, False

    def usable(self):
        return self.hello and not self.ws.closed and not self.leaving


class Slack:
    def __init__(self, options):
        self.options, self.sockets, self.tickets, self.number = options, {}, {}, 0
        self.opened, self.clock, self.config = 0, 0, {"rate": options.rate, "ping": options.ping, "connection_time": 18060,
                                                      "hello": True, "max_sockets": 10, "redeliver_after_s": 1.0, "link": None, "profiles": {}}
        self.reset()

    def reset(self):
        self.messages, self.ephemerals, self.views, self.log, self.faults, self.violations = [], [], {}, [], [], []
        self.users, self.channels, self.directs = set(USERS), {"C0APPROVALS": True, "C0COLLECT": True}, {}
        self.envelopes, self.triggers, self.response_urls, self.last_post, self.calls = {}, {}, {}, {}, {}
        self.count = {"envelopes": 0, "acked": 0, "lost": 0}

    # ---- small things ----
    def blame(self, text):
        self.violations.append(text)

    def next_ts(self):
        self.clock = max(self.clock + 1, int(time.time() * 1_000_000))
        return f"{self.clock // 1_000_000}.{self.clock % 1_000_000:06d}"

    def trigger(self):
        trigger = f"{uuid.uuid4().int % 10**13}.{uuid.uuid4().int % 10**10}.{uuid.uuid4().hex}"
        self.triggers[trigger] = {"at": time.monotonic(), "used": False}
        return trigger

    def response_url(self, request, user, channel):
        key = uuid.uuid4().hex
        self.response_urls[key] = {"at": time.monotonic(), "uses": 0, "user": user, "channel": channel}
        return f"{request.scheme}://{request.host}/response/T0TEAM/1/{key}"

    def find(self, channel, ts):
        return next((m for m in self.messages + self.ephemerals if m["ts"] == ts and channel in (None, m["channel"])), None)

    # ---- Web API ----
    def fault_for(self, method):
        for fault in self.faults:
            if fault["method"] in (method, "*") and fault["times"] > 0:
                fault["times"] -= 1
                return fault
        return None

    async def api(self, request):
        method = request.match_info["method"]
        self.calls[method] = self.calls.get(method, 0) + 1
        entry = {"at": time.time(), "method": method, "args": {}, "ok": False, "error": None}
        self.log.append(entry)
        body = await request.text()
        fault = self.fault_for(method) or {}
        kind = fault.get("kind")
        if kind == "429":
            entry["error"] = "ratelimited"
            return web.json_response({"ok": False, "error": "ratelimited"}, status=429,
                                     headers={"Retry-After": str(fault.get("retry_after", 1))})
        if kind in ("500", "503"):
            return web.Response(status=int(kind), text="upstream trouble")
        if kind == "garbage":
            return web.Response(text="<html>hello</html>", content_type="text/html")
        if kind == "drop_before":
            return self.cut(request)
        if kind == "slow":
            await asyncio.sleep(fault.get("delay_s", 1))
        try:
            if kind == "error":
                raise Refused(fault.get("error", "internal_error"))
            answer = self.handle(request, method, body, entry)
            entry["ok"] = True
            status, headers = 200, {}
        except Refused as e:
            answer = {"ok": False, "error": e.error}
            if e.messages:
                answer["response_metadata"] = {"messages": e.messages}
            entry["error"], status, headers = e.error, e.status, e.headers
            entry["messages"] = e.messages
        if kind == "delay":
            await asyncio.sleep(fault.get("delay_s", 1))
        if kind == "drop":
            return self.cut(request)
        headers.update({"x-oauth-scopes": "commands,chat:write,im:write,im:history,app_mentions:read,channels:history"})
        return web.json_response(answer, status=status, headers=headers)

    def cut(self, request):
        if request.transport:
            request.transport.abort()
        return web.Response()

    def handle(self, request, method, body, entry):
        if method not in METHODS:
            raise Refused("unknown_method")
        required, optional, app, form_only = METHODS[method]
        self.authorise(request, app)
        args = self.arguments(request, body, form_only)
        entry["args"] = args
        if "token" in args:
            raise Refused("invalid_auth", ["the token belongs in the header"])
        unknown = set(args) - required - optional
        if unknown:
            raise Refused("invalid_arguments", [f"[ERROR] unknown argument: {a}" for a in sorted(unknown)])
        missing = [a for a in required if not args.get(a)]
        if missing:
            raise Refused("invalid_arguments", [f"[ERROR] missing required field: {a}" for a in missing])
        return {"ok": True, **getattr(self, "do_" + method.replace(".", "_"))(request, args)}

    def authorise(self, request, app):
        header = request.headers.get("Authorization", "")
        if not header.startswith("Bearer "):
            raise Refused("not_authed")
        token = header[7:]
        right, other = (self.options.app_token, self.options.bot_token) if app else (self.options.bot_token, self.options.app_token)
        if token == other:
            raise Refused("not_allowed_token_type")
        if token != right:
            raise Refused("invalid_auth")

    def arguments(self, request, body, form_only):
        if request.method != "POST":
            raise Refused("invalid_post_type")
        if request.content_type == "application/json":
            if form_only:
                return {}  # as Slack does: the body is dropped without a word
            return {k: v if isinstance(v, str) else json.dumps(v) for k, v in json.loads(body or "{}").items()}
        if body and request.content_type != "application/x-www-form-urlencoded":
            raise Refused("invalid_post_type")
        pairs = parse_qsl(body, keep_blank_values=True, strict_parsing=bool(body), encoding="utf-8", errors="strict")
        if len({k for k, _ in pairs}) != len(pairs):
            raise Refused("invalid_form_data")
        return dict(pairs)

    def json_arg(self, args, name, error):
        if name not in args:
            return None
        try:
            return json.loads(args[name])
        except ValueError:
            raise Refused(error) from None

    def message_of(self, args):
        text, blocks = args.get("text"), self.json_arg(args, "blocks", "invalid_blocks_format")
        if not (text or "").strip() and not blocks:
            raise Refused("no_text")
        if blocks and not (text or "").strip():
            self.blame("blocks without a fallback text")
        errors, notes = check_message(text, blocks)
        for note in notes:
            self.blame(note)
        if errors:
            raise Refused("invalid_blocks", errors)
        return text, blocks

    def channel_of(self, name, user_ok):
        if user_ok and name in self.users:
            return self.direct(name)
        if name in self.directs.values():
            return name
        if name not in self.channels:
            raise Refused("channel_not_found")
        if not self.channels[name]:
            raise Refused("not_in_channel")
        return name

    def direct(self, user):
        if user not in self.users:
            raise Refused("user_not_found")
        return self.directs.setdefault(user, "D" + user[1:])

    def pace(self, channel):
        rate, now = self.config["rate"], time.monotonic()
        if rate and now - self.last_post.get(channel, -1e9) < rate:
            raise Refused("ratelimited", status=429, headers={"Retry-After": "1"})
        self.last_post[channel] = now

    def do_apps_connections_open(self, request, args):
        if self.config["link"]:
            return {"url": self.config["link"]}
        ticket = str(uuid.uuid4())
        self.tickets[ticket] = time.monotonic()
        scheme = "wss" if request.scheme == "https" else "ws"
        return {"url": f"{scheme}://{request.host}/link/?ticket={ticket}&app_id={BOT['app_id']}"}

    def do_auth_test(self, request, args):
        return {"url": "https://acme.slack.com/", "team": "Acme", "user": "dunwell", "team_id": BOT["team"], "user_id": BOT["user"],
                "bot_id": BOT["bot_id"]}

    def do_chat_postMessage(self, request, args):
        channel = self.channel_of(args["channel"], True)
        text, blocks = self.message_of(args)
        metadata = self.json_arg(args, "metadata", "invalid_metadata_format")
        if metadata is not None and (set(metadata) != {"event_type", "event_payload"} or not isinstance(metadata["event_payload"], dict)):
            raise Refused("invalid_metadata_schema")
        thread = args.get("thread_ts")
        if thread and not self.find(channel, thread):
            raise Refused("cannot_reply_to_message")
        self.pace(channel)
        message = {"channel": channel, "ts": self.next_ts(), "user": BOT["user"], "text": text, "blocks": blocks, "metadata": metadata,
                   "thread_ts": thread, "edits": [], "at": time.time()}
        self.messages.append(message)
        return {"channel": channel, "ts": message["ts"], "message": {"text": text, "bot_id": BOT["bot_id"], "ts": message["ts"]}}

    def do_chat_update(self, request, args):
        if args["channel"] in self.users:
            raise Refused("channel_not_found")
        channel = self.channel_of(args["channel"], False)
        message = next((m for m in self.messages if m["channel"] == channel and m["ts"] == args["ts"]), None)
        if not message:
            raise Refused("message_not_found")
        text, blocks = self.message_of(args)
        if len(text or "") > 4000:
            raise Refused("msg_too_long")
        message["edits"].append({"text": message["text"], "blocks": message["blocks"], "at": time.time()})
        message["text"], message["blocks"] = text, blocks if blocks is not None else []
        return {"channel": channel, "ts": message["ts"], "text": text}

    def whisper(self, user, channel, text, blocks, via):
        self.ephemerals.append({"user": user, "channel": channel, "ts": self.next_ts(), "text": text, "blocks": blocks, "via": via,
                                "at": time.time()})

    def do_chat_postEphemeral(self, request, args):
        channel = self.channel_of(args["channel"], False)
        if args["user"] not in self.users or (channel[0] == "D" and self.directs.get(args["user"]) != channel):
            raise Refused("user_not_in_channel")
        text, blocks = self.message_of(args)
        self.whisper(args["user"], channel, text, blocks, "api")
        return {"message_ts": self.next_ts()}

    def do_conversations_open(self, request, args):
        if not args.get("users"):
            raise Refused("users_list_not_supplied")
        return {"channel": {"id": self.direct(args["users"])}}

    def do_users_info(self, request, args):
        if args["user"] not in self.users:
            raise Refused("user_not_found")
        return {"user": {"id": args["user"], "name": args["user"].lower(), "deleted": False, "is_bot": False, "is_restricted": False, "is_ultra_restricted": False,
                         "is_email_confirmed": True, "profile": {"email": args["user"].lower() + "@example.com"}, **self.config["profiles"].get(args["user"], {})}}

    def do_conversations_history(self, request, args, thread=None):
        channel = self.channel_of(args["channel"], False)
        oldest, limit = float(args.get("oldest", 0)), int(args.get("limit", 100))
        if not 1 <= limit <= 999:
            raise Refused("invalid_limit")
        start = int(args.get("cursor") or 0)
        found = [m for m in reversed(self.messages) if m["channel"] == channel and float(m["ts"]) >= oldest and
                 (m["thread_ts"] == thread or (thread and m["ts"] == thread))]
        page = found[start:start + limit]
        with_metadata = args.get("include_all_metadata") == "true"
        shown = [{"type": "message", "ts": m["ts"], "text": m["text"], "bot_id": BOT["bot_id"],
                  **({"metadata": m["metadata"]} if with_metadata and m["metadata"] else {})} for m in page]
        more = start + limit < len(found)
        return {"messages": shown, "has_more": more, "response_metadata": {"next_cursor": str(start + limit) if more else ""}}

    def do_conversations_replies(self, request, args):
        if not self.find(args["channel"], args["ts"]):
            raise Refused("thread_not_found")
        return self.do_conversations_history(request, args, args["ts"])

    def checked_view(self, text):
        try:
            view = json.loads(text)
        except ValueError:
            raise Refused("invalid_arguments", ["view is not JSON"]) from None
        errors, notes = check_view(view)
        for note in notes:
            self.blame(note)
        if errors:
            raise Refused("invalid_arguments", errors)
        return view

    def do_views_open(self, request, args):
        trigger = self.triggers.get(args["trigger_id"])
        if not trigger:
            raise Refused("invalid_trigger_id")
        if trigger["used"]:
            raise Refused("exchanged_trigger_id")
        if time.monotonic() - trigger["at"] > 3:
            raise Refused("expired_trigger_id")
        view = self.checked_view(args["view"])
        trigger["used"] = True
        view_id = "V" + uuid.uuid4().hex[:10].upper()
        self.views[view_id] = {"view": view, "user": trigger.get("user"), "hash": self.next_ts(), "open": True, "history": [],
                               "opened_ms": round((time.monotonic() - trigger["at"]) * 1000, 1)}
        return {"view": {**view, "id": view_id, "hash": self.views[view_id]["hash"]}}

    def do_views_update(self, request, args):
        state = self.views.get(args.get("view_id", ""))
        if not state or not state["open"]:
            raise Refused("not_found")
        if args.get("hash") and args["hash"] != state["hash"]:
            raise Refused("hash_conflict")
        view = self.checked_view(args["view"])
        self.put_view(state, view)
        return {"view": {**view, "id": args["view_id"], "hash": state["hash"]}}

    def put_view(self, state, view):
        state["history"].append(state["view"])
        state["view"], state["hash"] = view, self.next_ts()

    async def response(self, request):
        url = self.response_urls.get(request.match_info["key"])
        fault = self.fault_for("response_url") or {}
        if fault.get("kind") == "429":
            return web.Response(status=429, headers={"Retry-After": str(fault.get("retry_after", 1))})
        if fault.get("kind") in ("500", "503"):
            return web.Response(status=int(fault["kind"]))
        if request.headers.get("Authorization"):
            self.blame("a token was sent to a response_url")
        if not url or time.monotonic() - url["at"] > 1800:
            return web.json_response({"ok": False, "error": "expired_url"}, status=404)
        if url["uses"] >= 5:
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        if request.content_type != "application/json":
            return web.Response(status=400, text="invalid_payload")
        m = await request.json()
        try:
            args = {k: v if isinstance(v, str) else json.dumps(v) for k, v in m.items() if k in ("text", "blocks")}
            text, blocks = self.message_of(args)
        except Refused as e:
            self.blame(f"response_url: {e.error} {e.messages}")
            return web.json_response({"ok": False, "error": e.error}, status=400)
        url["uses"] += 1
        self.whisper(url["user"], url["channel"], text, blocks, "response_url")
        return web.Response(text="ok")

    # ---- Socket Mode ----
    async def link(self, request):
        issued = self.tickets.pop(request.query.get("ticket", ""), None)
        if issued is None or time.monotonic() - issued > 30:
            return web.Response(status=403, text="invalid ticket")
        ws = web.WebSocketResponse(autoping=False, compress=False, max_msg_size=1 << 20)
        await ws.prepare(request)
        self.number += 1
        self.opened += 1
        socket = Socket(self.number, ws, request)
        self.sockets[socket.id] = socket
        pinger = asyncio.create_task(self.pinger(socket))
        try:
            if sum(not s.ws.closed for s in self.sockets.values()) > self.config["max_sockets"]:
                await self.disconnect(socket, "too_many_websockets", 0)
            elif self.config["hello"]:
                await self.hello(socket)
            async for message in ws:
                await self.received(socket, message)
        finally:
            pinger.cancel()
            self.sockets.pop(socket.id, None)
        return ws

    async def hello(self, socket):
        live = sum(not s.ws.closed for s in self.sockets.values())
        await socket.ws.send_json({"type": "hello", "num_connections": live, "connection_info": {"app_id": BOT["app_id"]}, "debug_info": {
            "host": "applink-fake", "build_number": 10, "approximate_connection_time": self.config["connection_time"]}})
        socket.hello = True

    async def pinger(self, socket):
        while not socket.ws.closed:
            await asyncio.sleep(self.config["ping"])
            if not socket.half_open and not socket.ws.closed:
                await socket.ws.ping(b"Ping from applink-fake")

    async def received(self, socket, message):
        if socket.half_open:
            return
        if message.type == WSMsgType.PING:
            await socket.ws.pong(message.data)
        elif message.type == WSMsgType.TEXT:
            self.acknowledged(socket, message.data)
        elif message.type == WSMsgType.BINARY:
            self.blame("a binary frame from the client")

    def acknowledged(self, socket, text):
        try:
            ack = json.loads(text)
        except ValueError:
            self.blame(f"an ack that is not JSON: {text[:100]!r}")
            return
        e = self.envelopes.get(ack.get("envelope_id"))
        if set(ack) - {"envelope_id", "payload"} or not e:
            self.blame(f"an ack for nothing known: {text[:200]!r}")
            return
        if socket.id not in e["sockets"]:
            self.blame(f"envelope {e['type']} was acked on another socket")
        if e["acks"] >= len(e["sockets"]):
            self.blame(f"envelope {e['type']} was acked twice")
        e["acks"] += 1
        late = time.monotonic() - e["at"]
        if late > 3:
            self.blame(f"envelope {e['type']} was acked after {late:.1f} s")
        elif not e["future"].done():
            self.check_payload(e, ack.get("payload"))
            e["future"].set_result((late, ack.get("payload")))

    def check_payload(self, e, payload):
        if payload and not e["accepts"]:
            self.blame(f"an ack payload for {e['kind']}, where Slack reads none")
        if not payload:
            return
        if e["kind"] == "slash_commands":
            extra = set(payload) - {"text", "blocks", "response_type", "unfurl_links", "unfurl_media"}
            errors, notes = check_message(payload.get("text"), payload.get("blocks"))
            if extra or errors:
                self.blame(f"slash answer refused: {sorted(extra)} {errors}")
            self.violations.extend(notes)
            self.whisper(e["user"], e["channel"], payload.get("text"), payload.get("blocks"), "ack")
        elif e["kind"] == "view_submission":
            action = payload.get("response_action")
            if action == "update":
                errors, notes = check_view(payload.get("view"))
                self.violations.extend(notes)
                if errors:
                    self.blame(f"view in the answer refused: {errors}")
            elif action == "errors":
                ids = {b.get("block_id") for b in e["view"]["blocks"] if b.get("type") == "input"}
                for block, text in payload.get("errors", {}).items():
                    if block not in ids or not isinstance(text, str) or not text.strip():
                        self.blame(f"form error for {block!r}, which is no input of the form")
            elif action != "clear":
                self.blame(f"unknown response_action {action!r}")

    def pick(self, wanted=None):
        live = [s for s in self.sockets.values() if s.usable()]
        if wanted is not None:
            return next((s for s in live if s.id == wanted), None)
        self.turn = getattr(self, "turn", 0) + 1
        return live[self.turn % len(live)] if live else None

    async def write(self, socket, text, fragments=1):
        if socket.half_open:
            return
        data = text.encode()
        if fragments <= 1:
            await socket.ws.send_str(text)
            return
        size = max(1, -(-len(data) // fragments))
        pieces = [data[i:i + size] for i in range(0, len(data), size)]
        for i, piece in enumerate(pieces):
            first = (0x80 if i == len(pieces) - 1 else 0) | (0x1 if i == 0 else 0)
            n = len(piece)
            head = bytes([first, n]) if n < 126 else bytes([first, 126]) + struct.pack(">H", n) if n < 65536 \
                else bytes([first, 127]) + struct.pack(">Q", n)
            socket.request.transport.write(head + piece)
            await asyncio.sleep(0.01)

    async def deliver(self, kind, payload, options, accepts, **about):
        """Sends an envelope and waits for its ack, as Slack does: 3 s."""
        envelope = {"envelope_id": str(uuid.uuid4()), "payload": payload, "type": kind, "accepts_response_payload": accepts}
        if kind == "events_api":
            envelope.update(retry_attempt=options.get("retry", 0), retry_reason="timeout" if options.get("retry") else "")
        e = {"type": kind, "kind": about.pop("what", kind), "accepts": accepts, "at": time.monotonic(), "acks": 0, "sockets": [],
             "future": asyncio.get_running_loop().create_future(), **about}
        self.envelopes[envelope["envelope_id"]] = e
        self.count["envelopes"] += 1
        for _ in range(2 if options.get("twice") else 1):
            socket = self.pick(options.get("socket"))
            if not socket:
                break
            e["sockets"].append(socket.id)
            try:
                await self.write(socket, json.dumps(envelope), options.get("fragments", 1))
            except (ConnectionError, RuntimeError):
                pass
        result = {"acked": False, "ms": None, "payload": None, "socket": e["sockets"][0] if e["sockets"] else None,
                  "envelope_id": envelope["envelope_id"]}
        if options.get("envelope"):
            result["envelope"] = envelope
        if not e["sockets"]:
            self.count["lost"] += 1
            return {**result, "error": "no_socket"}
        try:
            late, result["payload"] = await asyncio.wait_for(e["future"], 3)
            result.update(acked=True, ms=round(late * 1000, 2))
            self.count["acked"] += 1
        except asyncio.TimeoutError:
            self.count["lost"] += 1
        return result

    async def disconnect(self, socket, reason, close_after):
        await socket.ws.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "wss-fake"}})
        socket.leaving = reason not in ("warning", "refresh_requested")

        async def later():
            await asyncio.sleep(close_after)
            socket.leaving = True
            await socket.ws.close()
        asyncio.create_task(later())
