"""Commands in Matrix, side by side on one real Synapse: a command, a durable row, an answer.

    build/venv/bin/python tests/bench/matrix.py        a part of `make bench` (BENCH_ONLY=matrix), which calls it

Dunwell, a bot on matrix-nio and a plugin of maubot do the same job, one after the other in each round: answers per second in a burst, the
time from sending to seeing the answer one by one, resident memory; then what each loses or does twice when it is killed in the
middle, and when more was said while it was away than one sync brings. A burst is one person's: Dunwell answers each person in the order
in which they asked, one message after the other, maubot all at once and in any order. The server is the slowest of all parts and has no limits here, so
the rates are near to each other by nature. Peers come from PyPI into build/bench/matrix; one that cannot be had is left out.
"""
import concurrent.futures
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
os.environ["DUNWELL"] = os.path.abspath(os.environ.get("DUNWELL", os.path.join(ROOT, "build/dunwell")))
sys.path.insert(0, os.path.join(HERE, "../process"))
import harness
import matrix_office
from harness import Skip, wait_for

BURST, ONE_BY_ONE, KILLS, AWAY = 60, 25, 4, 90
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
PEERS = os.path.join(HERE, "matrix_peers")
OUT = os.path.join(ROOT, "build/bench/matrix")
PINNED = {"matrix-nio": "matrix-nio[e2e]==0.26.0", "maubot": "maubot==0.6.0"}


class Side:
    """A bot and a person alone with it."""
    def __init__(self):
        self.asked = []

    def answers(self):
        return sum("Noted" in body for _, body in self.person.shown(self.room, self.bot))

    def count(self):
        """{what was asked: how many rows}"""
        rows = self.rows()
        return {t: sum(r.split()[-1].strip('".') == t for r in rows) for t in self.asked}

    def memory(self):
        with open(f"/proc/{self.process().pid}/status") as f:
            return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmRSS"))


class Ours(Side):
    name = "Dunwell"

    def __init__(self, w):
        super().__init__()
        w.begin(start=False)
        self.office = matrix_office.Office(w).start()
        self.bot, self.person, self.dw = self.office.bot, self.office.ae1, w.dw
        self.office.ask(self.person, "whoami", "Ada Engel")
        self.room = self.person.rooms[0]

    def process(self):
        return self.dw.process

    def rows(self):
        return [t for t in self.dw.journal() if "round-" in t]

    def start(self):
        self.dw.start()

    def kill(self):
        self.dw.kill()


class Peer(Side):
    """A process of the peers' own Python, with a folder for its rows (notes.db) and what its library keeps."""
    def __init__(self, synapse):
        super().__init__()
        made = synapse.register(f"peer-{time.time_ns()}", "pw-peer")
        self.synapse, self.bot, self.token, self.device = synapse, made["user_id"], made["access_token"], made["device_id"]
        self.folder = os.path.join(OUT, "run-" + self.name)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.person = matrix_office.Person(synapse, f"asker-{time.time_ns()}")
        self.start()
        time.sleep(5)  # what came before its first sync is no command to it
        self.room = self.person.room("11", self.bot)
        wait_for("the bot to join", lambda: self.bot in self.person.call("GET", f"v3/rooms/{matrix_office.quote(self.room)}/joined_members")["joined"], 60)

    def python(self):
        return os.path.join(OUT, self.name, "bin/python")

    def process(self):
        return self.running

    def start(self):
        with open(os.path.join(self.folder, "log"), "a") as log:
            self.running = subprocess.Popen(self.command(), cwd=self.folder, env={**os.environ, "NOTES": self.folder}, stdout=log, stderr=log)
        harness.started.append(self.running)

    def kill(self):
        self.running.kill()
        self.running.wait()

    def rows(self):
        db = sqlite3.connect(os.path.join(self.folder, "notes.db"), timeout=10)
        try:
            return [t for t, in db.execute("SELECT text FROM notes")]
        finally:
            db.close()


class Nio(Peer):
    name = "matrix-nio"

    def command(self):
        return [self.python(), os.path.join(PEERS, "nio_bot.py"), self.synapse.base, self.bot, self.token, self.device, self.folder]


class Maubot(Peer):
    name = "maubot"

    def command(self):
        config = {"user": {"credentials": {"id": self.bot, "homeserver": self.synapse.base, "access_token": self.token, "device_id": None}, "sync": True,
                           "appservice": False, "hs_token": None, "autojoin": True, "displayname": "disable", "avatar_url": "disable",
                           "ignore_initial_sync": True, "ignore_first_sync": False},  # it is to take what was said while it was away
                  "server": {"hostname": "127.0.0.1", "port": 0, "base_path": "/", "public_url": "http://127.0.0.1"},
                  "database": f"sqlite:{self.folder}/bot.db", "crypto_db_pickle_key": "x", "database_opts": {"min_size": 1, "max_size": 10},
                  "plugin_config": {}, "logging": {"version": 1, "root": {"level": "ERROR"}}}
        with open(os.path.join(self.folder, "config.yaml"), "w") as f:
            json.dump(config, f)
        return [self.python(), "-m", "maubot.standalone", "-c", "config.yaml", "-m", os.path.join(PEERS, "maubot.yaml")]


def install(name):
    """-> why not, or None"""
    to = os.path.join(OUT, name)
    stamp = os.path.join(to, ".complete")
    if os.path.exists(stamp) and open(stamp).read() == PINNED[name]:
        return None
    shutil.rmtree(to, ignore_errors=True)
    for command in (["python3", "-m", "venv", to], [os.path.join(to, "bin/pip"), "install", "-q", "--disable-pip-version-check", PINNED[name]]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
    with open(stamp, "w") as f:
        f.write(PINNED[name])
    return None


# ---- what is measured ----
def say(side, text):
    side.asked.append(text)
    side.person.say(side.room, f"!dunwell note northwind {text}")


def many(side, texts):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda t: say(side, t), texts))


def watch(side, since, seconds):
    """The next answers of the bot, by long poll. -> (how many, the next token)"""
    keep = json.dumps({"room": {"rooms": [side.room], "timeline": {"limit": 100}}, "presence": {"types": []}})
    seen = side.person.call("GET", f"v3/sync?timeout={int(seconds * 1000)}&since={since}&filter={matrix_office.quote(keep)}")
    events = seen.get("rooms", {}).get("join", {}).get(side.room, {}).get("timeline", {}).get("events", [])
    return sum(e["sender"] == side.bot and "Noted" in e["content"].get("body", "") for e in events), seen["next_batch"]


def latency(side, name):
    since, took = side.person.call("GET", "v3/sync?timeout=0")["next_batch"], []
    for i in range(ONE_BY_ONE):
        begin, got = time.monotonic(), 0
        say(side, f"round-one-{name}-{i}")
        while not got:
            got, since = watch(side, since, 10)
            if time.monotonic() - begin > 60:
                raise SystemExit(f"bench: {side.name} does not answer")
        took.append((time.monotonic() - begin) * 1000)
    return took


def burst(side, name, quiet=12):
    """-> (answers a second, how many never came)"""
    since, seen = side.person.call("GET", "v3/sync?timeout=0")["next_batch"], 0
    begin = at = time.monotonic()
    talk = threading.Thread(target=many, args=(side, [f"round-burst-{name}-{i}" for i in range(BURST)]))
    talk.start()
    while seen < BURST and (talk.is_alive() or time.monotonic() < at + quiet):
        got, since = watch(side, since, 2)
        seen, at = seen + got, time.monotonic() if got else at
    talk.join()
    return seen / (at - begin), BURST - seen


def measure(side, name):
    took = latency(side, name)
    rate, none = burst(side, name)
    return {"rate": rate, "none": none, "took": took, "rss": side.memory()}


def settled(side, wanted, quiet=20):
    """Until as many answers are there, or no more come for some seconds."""
    seen, at = side.answers(), time.monotonic()
    while seen < wanted and time.monotonic() < at + quiet:
        time.sleep(0.5)
        now = side.answers()
        if now != seen:
            seen, at = now, time.monotonic()
    return seen


def killed(side):
    before, first = side.answers(), len(side.asked)
    for k in range(KILLS):
        talk = threading.Thread(target=many, args=(side, [f"round-kill-{k}-{i}" for i in range(10)]))
        talk.start()
        time.sleep(0.15 + 0.05 * k)
        side.kill()
        talk.join()
        side.start()
        time.sleep(3)
    asked = side.asked[first:]
    answered, rows = settled(side, before + len(asked)) - before, side.count()
    return {"asked": len(asked), "lost": sum(rows[t] == 0 for t in asked), "twice": sum(rows[t] > 1 for t in asked), "unanswered": max(0, len(asked) - answered),
            "again": max(0, answered - len(asked))}


def away(side):
    before, first = side.answers(), len(side.asked)
    side.kill()
    many(side, [f"round-away-{i}" for i in range(AWAY)])
    side.start()
    settled(side, before + AWAY)
    rows = side.count()
    return {"asked": AWAY, "lost": sum(rows[t] == 0 for t in side.asked[first:])}


def report(sides, found):
    ours = None
    print("| | answers per s | p50 ms | p99 ms | RSS MB | unanswered of a burst of %d | x rate | x p50 | x RSS |\n|---|---|---|---|---|---|---|---|---|" % BURST)
    for s in sides:
        took = sorted(t for f in found[s.name] for t in f["took"])
        middle = {k: statistics.median(f[k] for f in found[s.name]) for k in ("rate", "none", "rss")}
        middle.update(p50=statistics.median(took), p99=took[int(len(took) * 0.99)])
        ours = ours or middle
        ratios = " | ".join(f"{ours[k] / middle[k]:.2f}" if middle[k] else "" for k in ("rate", "p50", "rss"))
        print(f"| {s.name} | {middle['rate']:.1f} | {middle['p50']:.0f} | {middle['p99']:.0f} | {middle['rss']:.1f} | {middle['none']:.0f} | {ratios} |", flush=True)


def main():
    w = harness.World("bench.matrix")
    try:
        ours = Ours(w)
    except Skip as why:
        print(f"Matrix is left out: {why}")
        return
    sides = [ours]
    for peer in (Nio, Maubot):
        why = install(peer.name)
        if why:
            print(f"{peer.name} is left out: {why}")
        else:
            sides.append(peer(ours.office.synapse))
    found = {s.name: [] for s in sides}
    for n in range(ROUNDS):
        for s in sides:
            found[s.name].append(measure(s, n))
    report(sides, found)
    print("\n| | killed %d times in %d commands: lost | done twice | never answered | answered twice | said while away: lost of %d |\n|---|---|---|---|---|---|" % (
        KILLS, KILLS * 10, AWAY))
    for s in sides:
        k, a = killed(s), away(s)
        print(f"| {s.name} | {k['lost']} | {k['twice']} | {k['unanswered']} | {k['again']} | {a['lost']} |", flush=True)


try:
    main()
finally:
    harness.stop_all()
    sys.stdout.flush()
os._exit(0)
