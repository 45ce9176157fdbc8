"""A real homeserver, the people who use it, and Dunwell among them.

server(PROFILE)   a Synapse of the program's own, one for each profile, ended with it: "limits" with the server's own defaults, "encrypts" makes each private
                  room an encrypted one, any other name has no limits; tests may run at once, and only one that has a server to itself stops it
Office(w, ...)    fresh people and rooms on it, and Dunwell configured for Matrix; w.begin(start=False) came before
Person            plain HTTP as somebody; Nio: the same by a client that nobody here wrote (nio_client.py)
"""
import collections
import hashlib
import hmac
import itertools
import json
import os
import re
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import harness
from harness import ROOT, SECRETS, Missing, free_port, started, wait_for

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
numbers = itertools.count(1)
ENCRYPTION = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}
SECRETS.update({"MATRIX_PASSWORD": "pw-fake-matrix-bot", "AS_TOKEN": "as-fake-4f1b2a3c", "HS_TOKEN": "hs-fake-9d8c7b6a"})
ROLES = {"ae1": ("Ada Engel", "roles: [ae]"), "collector1": ("Carla Ortiz", "roles: [collector]"),
         "manager1": ("Mona Adler", "roles: [manager], limit: {USD: 50000}"), "finance1": ("Fatima Iyer", "roles: [finance], limit: {USD: 500000}")}


def quote(text):
    return urllib.parse.quote(text, safe="")


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body


class Synapse:
    def __init__(self, profile):
        self.run, self.port_of_service = os.path.join(ROOT, f"build/synapse/run-{profile}"), free_port()
        self.registration = os.path.join(ROOT, f"build/synapse/registration-{profile}.yaml")
        write_registration(self.registration, self.port_of_service)
        script = '. tests/peers/lib.sh; . tests/peers/synapse.sh; synapse_get; synapse_run=$1; synapse_start "$2" 11; echo "started $base $pid"'
        done = subprocess.run(["sh", "-c", script, "sh", self.run, profile], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                              env={**os.environ, "synapse_more": f"app_service_config_files: ['{self.registration}']" +
                                   ("\nencryption_enabled_by_default_for_room_type: invite" if profile == "encrypts" else "")})
        line = done.stdout.strip().split("\n")[-1].split()
        if done.returncode == 77:
            raise Missing(done.stdout.strip()[-300:])
        assert line[:1] == ["started"], done.stdout
        self.base, self.process = line[1], Adopted(int(line[2]))
        started.append(self.process)
        with open(os.path.join(self.run, "homeserver.yaml")) as f:
            self.secret = re.search(r'registration_shared_secret: "?([^"\n]+)', f.read()).group(1)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def start_again(self):
        with open(os.path.join(self.run, "out.log"), "ab") as log:
            self.process = subprocess.Popen([os.path.join(ROOT, "build/synapse/venv/bin/python"), "-m", "synapse.app.homeserver", "-c", "homeserver.yaml", "-c",
                                             "test.yaml"], cwd=self.run, stdout=log, stderr=log)
        started.append(self.process)
        wait_for("Synapse to answer again", lambda: self.answers(), 60, 0.2)

    def answers(self):
        try:
            return self.ask("GET", "/_matrix/client/versions")
        except (OSError, Refused):
            return None

    def ask(self, method, path, body=None, token=None):
        request = urllib.request.Request(self.base + path, method=method, data=None if body is None else json.dumps(body).encode())
        if token:
            request.add_header("Authorization", "Bearer " + token)
        try:
            with opener.open(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as e:
            raise Refused(e.code, e.read().decode()) from None

    def register(self, name, password):
        """By the secret that the server shares with its administrator; this is never limited. -> {"user_id", "access_token"}"""
        nonce = self.ask("GET", "/_synapse/admin/v1/register")["nonce"]
        mac = hmac.new(self.secret.encode(), "\0".join([nonce, name, password, "notadmin"]).encode(), hashlib.sha1).hexdigest()
        return self.ask("POST", "/_synapse/admin/v1/register", {"nonce": nonce, "username": name, "password": password, "admin": False, "mac": mac})


class Adopted:
    """A process that a shell of ours has left behind."""
    def __init__(self, pid):
        self.pid = pid

    def poll(self):
        try:
            with open(f"/proc/{self.pid}/stat") as f:
                return 0 if f.read().rsplit(")", 1)[1].split()[0] == "Z" else None
        except OSError:
            return 0

    def terminate(self):
        os.kill(self.pid, 15)

    def kill(self):
        os.kill(self.pid, 9)

    def wait(self, seconds=30):
        wait_for("a process to end", lambda: self.poll() is not None, seconds)


def write_registration(path, port):
    """What `dunwell matrix registration` prints."""
    folder = os.path.join(ROOT, "build/process", "matrix." + os.path.basename(path).removesuffix(".yaml"))  # several servers start at once
    dw = harness.Dunwell(folder, "http://127.0.0.1:1", "http://127.0.0.1:1")
    dw.port, dw.config["listen"] = port, f"127.0.0.1:{port}"
    dw.config["chat"] = {"matrix": {"homeserver": "http://127.0.0.1:1", "user": "asbot", "as_token": {"env": "AS_TOKEN"}, "hs_token": {"env": "HS_TOKEN"},
                                    "rooms": {"approvals": "!a:dunwell.test", "collections": "!b:dunwell.test"}}}
    dw.write_config()
    code, text = dw.command("matrix", "registration", "--config", dw.config_path)
    assert code == 0 and "hs_token" in text, text
    with open(path, "w") as f:
        f.write(text)


servers, starting = {}, collections.defaultdict(threading.Lock)


def server(profile):
    os.makedirs(os.path.join(ROOT, "build/synapse"), exist_ok=True)
    with starting[profile]:
        if profile not in servers:
            try:
                servers[profile] = Synapse(profile)
            except Missing as why:  # it is not tried again for each test
                servers[profile] = why
    if isinstance(servers[profile], Missing):
        raise servers[profile]
    return servers[profile]


class Person:
    def __init__(self, synapse, name):
        self.synapse, made = synapse, synapse.register(name, "pw-" + name)
        self.id, self.token, self.rooms, self.n = made["user_id"], made["access_token"], [], itertools.count(1)
        self.since, self.invited, self.read = None, set(), {}  # where the sync is, where invited, rooms' history as it was then

    def call(self, method, path, body=None):
        while True:
            try:
                return self.synapse.ask(method, "/_matrix/client/" + path, body, self.token)
            except Refused as e:
                if e.status != 429:
                    raise
                time.sleep(json.loads(e.body).get("retry_after_ms", 1000) / 1000)

    def room(self, version, *others, **more):
        made = self.call("POST", "v3/createRoom", {"preset": "private_chat", "room_version": version, "invite": [o for o in others], **more})
        return made["room_id"]

    def join(self, room):
        self.call("POST", f"v3/rooms/{quote(room)}/join", {})

    def look(self):
        """What is new, cheaply: rooms where something happened are read again when somebody asks."""
        keep = quote(json.dumps({"presence": {"types": []}, "room": {"ephemeral": {"types": []}, "state": {"types": []}, "timeline": {"limit": 1}}}))
        seen = self.call("GET", f"v3/sync?timeout=0&filter={keep}" + (f"&since={self.since}" if self.since else ""))
        self.since, rooms = seen["next_batch"], seen.get("rooms", {})
        for room in [*rooms.get("join", {}), *rooms.get("leave", {})]:
            self.read.pop(room, None)
        self.invited |= set(rooms.get("invite", {}))
        self.invited -= {*rooms.get("join", {}), *rooms.get("leave", {})}

    def accept(self):
        """Joins wherever invited, as a person who taps "accept" does; the rooms joined like that are private ones."""
        self.look()
        for room in sorted(self.invited):
            self.join(room)
            self.rooms.append(room)
        self.invited.clear()

    def send(self, room, content, kind="m.room.message"):
        return self.call("PUT", f"v3/rooms/{quote(room)}/send/{kind}/t{next(self.n)}", content)["event_id"]

    def say(self, room, body, **more):
        return self.send(room, {"msgtype": "m.text", "body": body, **more})

    def react(self, room, event, key="\u2705"):
        return self.send(room, {"m.relates_to": {"rel_type": "m.annotation", "event_id": event, "key": key}}, "m.reaction")

    def redact(self, room, event):
        self.call("PUT", f"v3/rooms/{quote(room)}/redact/{quote(event)}/t{next(self.n)}", {})

    def encrypt(self, room):
        return self.call("PUT", f"v3/rooms/{quote(room)}/state/{ENCRYPTION['type']}", ENCRYPTION["content"])["event_id"]

    def events(self, room, looked=False):
        """All of a room's history that this person may see, in its order."""
        looked or self.look()
        if room not in self.read:
            self.read[room] = self.history(room)
        return self.read[room]

    def history(self, room):
        out, start = [], ""
        while True:
            page = self.call("GET", f"v3/rooms/{quote(room)}/messages?dir=b&limit=500{start}")
            out += page["chunk"]
            if not page.get("end") or not page["chunk"]:
                return out[::-1]
            start = "&from=" + quote(page["end"])

    def shown(self, room, by=None, looked=False):
        """What stands in a room: [(event, body)] of messages, edits applied."""
        out = {}
        for e in self.events(room, looked):
            content = e["content"]
            relates = content.get("m.relates_to", {})
            if e["type"] != "m.room.message" or "body" not in content or (by and e["sender"] != by):
                continue
            if relates.get("rel_type") == "m.replace":
                if relates["event_id"] in out:
                    out[relates["event_id"]] = content["m.new_content"]["body"]
            else:
                out[e["event_id"]] = content["body"]
        return list(out.items())

    def told(self, bot):
        """All that the bot said to this person alone."""
        self.accept()
        return [m for room in self.rooms for m in self.shown(room, bot, looked=True)]


class Nio:
    def __init__(self, person):
        self.process = subprocess.Popen(["/usr/bin/python3", os.path.join(ROOT, "tests/process/nio_client.py"), person.synapse.base, person.id, person.token],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(self.process)
        if "nio" not in self.process.stdout.readline():
            raise Missing("the second client does not start (python3-matrix-nio: tests/setup.sh check)")

    def do(self, what, room, **more):
        self.process.stdin.write(json.dumps({"do": what, "room": room, **more}) + "\n")
        self.process.stdin.flush()
        event = json.loads(self.process.stdout.readline())["event"]
        assert event, f"nio: {what} {more} was not done"
        return event

    def stop(self):
        self.process.stdin.close()
        self.process.wait(20)


class Office:
    """approvals: more of what makes that room."""
    def __init__(self, w, version="11", profile="no-limits", proxy=None, service=False, slack=False, policy=None, preset="private_chat", approvals=None):
        self.w, self.dw, self.synapse, self.n = w, w.dw, server(profile), next(numbers)
        made = {"user_id": "@asbot:dunwell.test"} if service else self.synapse.register(f"dw{self.n}", SECRETS["MATRIX_PASSWORD"])
        self.bot, self.bot_token = made["user_id"], made.get("access_token")
        for key in ROLES:
            setattr(self, key, Person(self.synapse, f"{key}-{self.n}"))
        self.stranger = Person(self.synapse, f"stranger-{self.n}")
        self.everybody = [getattr(self, key) for key in ROLES] + [self.stranger]
        ids = [p.id for p in self.everybody if p is not self.manager1]
        self.approvals, self.collections = (self.manager1.room(version, *ids, preset=preset, **(more or {})) for more in (approvals, None))
        for p in self.everybody:
            if p is not self.manager1:
                p.join(self.approvals)
                p.join(self.collections)
        self.proxy = proxy(self.synapse.base) if proxy else None
        if self.proxy:
            w.parts.append(self.proxy)
        self.configure(service, slack, policy)

    def configure(self, service, slack, policy):
        dw, people = self.dw, "people:\n"
        login = {"as_token": {"env": "AS_TOKEN"}, "hs_token": {"env": "HS_TOKEN"}} if service else {"password": {"env": "MATRIX_PASSWORD"}}
        chat = {"matrix": {"homeserver": self.proxy.url if self.proxy else self.synapse.base, "user": self.bot, **login,
                           "rooms": {"approvals": self.approvals, "collections": self.collections}}}
        dw.config["chat"] = {"slack": dw.config["chat"]["slack"], **chat} if slack else chat
        for key, (name, rest) in ROLES.items():
            slack_id = {"collector1": "U0COLLECT1"}.get(key, "U0" + key.upper())
            people += f"  {key}: {{name: {name}, email: {key}@example.com, matrix: \"{getattr(self, key).id}\", slack: {slack_id}, {rest}}}\n"
        dw.write("people.yaml", people)
        dw.write_accounts([{**a, "ae": "ae1"} for a in harness.ACCOUNTS])
        with open(os.path.join(dw.folder, "policy.yaml")) as f:
            text = re.sub(r'(?m)^  quiet: .*\n', "", f.read())  # these tests run at all hours
        dw.write("policy.yaml", policy(text) if policy else text)
        if service:
            dw.port = self.synapse.port_of_service
            dw.config["listen"] = f"127.0.0.1:{dw.port}"
        self.w.stripe.post("hooks", url=f"http://127.0.0.1:{dw.port}/hooks/stripe", attempts=60)
        dw.write_config()

    def start(self):
        self.dw.start()
        for room in (self.approvals, self.collections):
            self.invite(room)
        wait_for("the bot to join", lambda: all(self.is_member(r) for r in (self.approvals, self.collections)))
        return self

    def invite(self, room):
        self.manager1.call("POST", f"v3/rooms/{quote(room)}/invite", {"user_id": self.bot})

    def is_member(self, room, who=None):
        return self.bot in (who or self.manager1).call("GET", f"v3/rooms/{quote(room)}/joined_members")["joined"]

    def private(self, who):
        """A private room that this person asks the bot into."""
        room = who.room("11", self.bot, is_direct=True)
        wait_for("the bot to come", lambda: self.is_member(room, who))
        who.rooms.append(room)
        return room

    def declined(self, who, room):
        """Why the bot did not come; None while it has not said no."""
        last = [e["content"] for e in who.events(room) if e["type"] == "m.room.member" and e.get("state_key") == self.bot][-1]
        return last.get("reason", "") if last["membership"] == "leave" else None

    def said_after(self, who, room, event):
        """What the bot wrote in a room after an event, as [content]; whatever kind it is of."""
        events = who.events(room)
        at = next(i for i, e in enumerate(events) if e["event_id"] == event)
        return [e["content"] for e in events[at + 1:] if e["sender"] == self.bot]

    # -- what people see --
    def find(self, who, room, *parts):
        """room None: where the bot and that person are alone. -> (event, body) of the newest message with all parts"""
        seen = who.told(self.bot) if room is None else who.shown(room, self.bot)
        return next((m for m in reversed(seen) if all(p in m[1] for p in parts)), None)

    def await_card(self, who, room, *parts, seconds=harness.PATIENCE):
        try:
            return wait_for("card", lambda: self.find(who, room, *parts), seconds, 0.1)
        except AssertionError:
            seen = who.told(self.bot) if room is None else who.shown(room, self.bot)
            raise AssertionError(f"no message with {parts}; there are:\n" + "\n---\n".join(m[1] for m in seen)) from None

    def ask(self, who, text, *parts, room=None, seconds=harness.PATIENCE):
        """A command in a room (the approvals room) -> what the bot says to that person alone, with all parts"""
        before = {m[0] for m in who.told(self.bot)}
        who.say(room or self.approvals, "!dunwell " + text)

        def answer():
            fresh = [m for m in who.told(self.bot) if m[0] not in before]
            return next((m[1] for m in fresh if all(p in m[1] for p in parts)), None)
        try:
            return wait_for("answer", answer, seconds, 0.1)
        except AssertionError:
            fresh = [m[1] for m in who.told(self.bot) if m[0] not in before]
            raise AssertionError(f"!dunwell {text}: no answer with {parts} but {fresh}") from None

    def no_message_twice(self):
        """Each message of the bot carries the key of its job: in all rooms together it stands once."""
        seen = {}
        for room, who in [(self.approvals, self.manager1), (self.collections, self.manager1)] + [(r, p) for p in self.everybody for r in p.rooms]:
            for e in who.events(room):
                key = e["content"].get("io.dunwell.key")
                if e["sender"] == self.bot and key:
                    assert seen.setdefault(key, e["event_id"]) == e["event_id"], f"twice in the room: {e['content'].get('body')}"
        return len(seen)
