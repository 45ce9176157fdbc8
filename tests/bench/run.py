"""make bench: measures Dunwell beside what its users would otherwise run, and beside the limit of the machine.

All of it on loopback, in alternating rounds of one run, because the machine may be shared and only ratios inside one run mean
anything. Prints medians and ratios and writes them to build/bench/result.txt. It never fails on a number: a number is read
by people. BENCH_ROUNDS (3) and BENCH_SECONDS (4) make it longer or shorter; BENCH_ONLY=hooks,slow,socket,start,big,decisions,replay,
faults,matrix takes parts, BENCH_DECISIONS (1000000) is how many are decided again. Needs gcc and wrk; without node and npm the peers are left
out, and it says so; matrix.py fetches a Synapse and its own.
"""
import json
import os
import random
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

import stores

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OUT = os.path.join(ROOT, os.environ.get("BENCH_OUT", "build/bench"))
BINARY = os.path.abspath(os.environ.get("DUNWELL", os.path.join(ROOT, "build/dunwell")))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "4"))
PARTS = os.environ.get("BENCH_ONLY", "hooks,slow,socket,start,big,decisions,replay,faults,matrix").split(",")
DECISIONS = int(os.environ.get("BENCH_DECISIONS", "1000000"))
SLOW_US = 2000
PATIENCE = 60
ENV = dict(os.environ, STRIPE_SECRET_KEY="sk_test_fake", STRIPE_WEBHOOK_SECRET="whsec_fake", SLACK_APP_TOKEN="xapp-fake",
           SLACK_BOT_TOKEN="xoxb-fake", COMMAND_USER="U0COLLECTOR1")
CONFIG = """listen: 127.0.0.1:{port}
store: sqlite:dunwell.db
mode: shadow
chat:
  slack:
    app_token: {{env: SLACK_APP_TOKEN}}
    bot_token: {{env: SLACK_BOT_TOKEN}}
    api_url: http://127.0.0.1:{slack}/api/
    channels: {{approvals: C0APPROVALS, collections: C0COLLECT}}
billing:
  stripe:
    kind: stripe
    base_url: http://127.0.0.1:{dead}
    secret_key: {{env: STRIPE_SECRET_KEY}}
    webhook_secret: {{env: STRIPE_WEBHOOK_SECRET}}
accounts: {{file: accounts.csv}}
people: {{file: people.yaml}}
policy: {{file: policy.yaml}}
"""
running = []
report_lines = []


def say(line=""):
    print(line, flush=True)
    report_lines.append(line)


def free_port():
    for _ in range(200):
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    raise SystemExit("bench: no free port")


def fields(text):
    return {k: float(v) for k, v in re.findall(r"(\w+)=(-?[\d.]+)", text)}


def start(command, **more):
    p = subprocess.Popen(command, cwd=OUT, env=dict(ENV, **more.pop("env", {})), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **more)
    running.append(p)
    return p


def stop(p):
    if p.poll() is None:
        p.send_signal(signal.SIGTERM)
        try:
            p.wait(10)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
    running.remove(p)


def wait_port(port):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise SystemExit(f"bench: nobody listens on port {port}; see {OUT}/dunwell.log")


def memory(p):
    """Resident, and of that what is ours alone (anonymous), in MB."""
    with open(f"/proc/{p.pid}/status") as f:
        found = dict(re.findall(r"(VmRSS|RssAnon):\s+(\d+)", f.read()))
    return {"rss": int(found["VmRSS"]) / 1024, "anon": int(found["RssAnon"]) / 1024}


def rest():
    """What was written before is on the disk: nobody pays for the one before."""
    os.sync()
    time.sleep(0.5)


# ---- what is measured ----
class Dunwell:
    """The real program on a fresh store, or on the one that lies there. Its biller is dead: reads are refused and tried again."""

    def __init__(self, slack=None, keep=False, slow=False):
        self.port = free_port()
        if not keep:
            for name in os.listdir(OUT):
                if name.startswith("dunwell.db"):
                    os.remove(os.path.join(OUT, name))
        with open(os.path.join(OUT, "dunwell.yaml"), "w") as f:
            f.write(CONFIG.format(port=self.port, slack=slack or free_port(), dead=free_port()))
        self.started_us = time.monotonic_ns() // 1000
        with open(os.path.join(OUT, "dunwell.log"), "w") as log:
            self.process = subprocess.Popen([BINARY, "run", "--config", "dunwell.yaml"], cwd=OUT, env=slow_env(slow), stdout=log, stderr=log)
        running.append(self.process)

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
            return float(re.search(rf"^dunwell_{name}_total (\S+)", answer.read().decode(), re.M).group(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop(self.process)


def slow_env(slow):
    return dict(ENV, LD_PRELOAD=os.path.join(OUT, "slowsync.so"), SYNC_US=str(SLOW_US)) if slow else ENV


def wrk(port):
    # wrk runs without the slow sync; requests are signed anew each time, because signatures age
    length = subprocess.run([os.path.join(OUT, "requests"), "requests.bin", "150000"], cwd=OUT, env=ENV, check=True, capture_output=True,
                            text=True).stdout.strip()
    rest()
    got = subprocess.run(["wrk", "-t1", "-c64", f"-d{SECONDS}s", "-s", os.path.join(HERE, "post.lua"), f"http://127.0.0.1:{port}/"], cwd=OUT,
                         env=dict(ENV, REQUESTS="requests.bin", LENGTH=length), capture_output=True, text=True)
    return fields(got.stdout)


def hooks_ours(slow):
    with Dunwell(slow=slow) as d:
        wait_port(d.port)
        got = wrk(d.port)
        got.update(memory(d.process))
        got["group"] = d.metric("webhooks_stored") / max(1, d.metric("commits"))
        return got


def hooks_peer(kind, mode, slow):
    port = free_port()
    p = start(["node", os.path.join(OUT, "node/ingest.js"), str(port), kind, mode, "peer.db"], env=slow_env(slow))
    wait_port(port)
    got = wrk(port)
    got.update(memory(p))
    stop(p)
    return got


def limit(group, slow):
    rest()
    got = subprocess.run([os.path.join(OUT, "limit"), "limit.db", str(group), str(SECONDS)], cwd=OUT, env=slow_env(slow), capture_output=True, text=True)
    return fields(got.stdout)


def load(in_flight, client, fault=(), seconds=SECONDS):
    """client(port) starts one and gives its process."""
    port = free_port()
    server = start([os.path.join(OUT, "load"), str(port), str(in_flight), str(seconds), *fault])
    wait_port(port)
    p, started_us, end = client(port)
    seen = {}
    while server.poll() is None:
        try:
            seen = memory(p)
        except (OSError, KeyError):
            pass
        if seconds == 0 and time.monotonic_ns() // 1000 - started_us > 3000000:
            server.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    got = fields(server.stdout.read())
    running.remove(server)
    end()
    got.update(seen)
    got["first_ms"] = (got.get("first_ack_us", 0) - started_us) / 1000
    return got


def socket_ours(slow=False, keep=False):
    def client(port):
        d = Dunwell(slack=port, slow=slow, keep=keep)
        return d.process, d.started_us, lambda: stop(d.process)
    return client


def socket_peer(kind, mode):
    def client(port):
        now = time.monotonic_ns() // 1000
        p = start(["node", os.path.join(OUT, "node/ws.js"), str(port), kind, mode, "peer.db"])
        return p, now, lambda: stop(p)
    return client


# ---- tables ----
def rounds(variants, n=ROUNDS):
    """variants: {name: function}. One after the other, n times; the median of each field, by name."""
    seen = {name: [] for name in variants}
    for _ in range(n):
        for name, measure in variants.items():
            seen[name].append(measure())
    return {name: {f: statistics.median(one.get(f, 0) for one in all_) for f in all_[0]} for name, all_ in seen.items() if all_ and all_[0]}


def table(title, found, columns, against=(), better="rate"):
    say(f"\n## {title}\n")
    names = [n for n in against if n in found]
    heads = [c[1] for c in columns] + [f"x {n}" for n in names]
    say("| | " + " | ".join(heads) + " |")
    say("|---|" + "---|" * len(heads))
    for name, got in found.items():
        cells = [c[2].format(got[c[0]]) if c[0] in got else "" for c in columns]
        cells += [f"{got[better] / found[n][better]:.2f}" if found[n].get(better) else "" for n in names]
        say(f"| {name} | " + " | ".join(cells) + " |")


RATE = [("rate", "per s", "{:.0f}"), ("p50_us", "p50 us", "{:.0f}"), ("p99_us", "p99 us", "{:.0f}"), ("group", "rows a commit", "{:.0f}"),
        ("rss", "RSS MB", "{:.1f}"), ("anon", "of it anonymous", "{:.1f}"), ("bad", "errors", "{:.0f}")]


def bench_hooks(node, slow):
    group = [1]

    def ours():
        got = hooks_ours(slow)
        group[0] = max(1, round(got["group"]))
        return got

    # the limits come after ours: one of them is measured at the group that ours had in this round
    variants = {"Dunwell": ours, "limit, as many rows a commit": lambda: dict(limit(group[0], slow), group=group[0]),
                "limit, 64 rows a commit": lambda: dict(limit(64, slow), group=64)}
    if node:
        variants["Node http, grouped by hand"] = lambda: hooks_peer("http", "group", slow)
        variants["Fastify, a commit each"] = lambda: hooks_peer("fastify", "each", slow)
    found = rounds(variants)
    table("Webhooks, 64 connections, 1.5 KB, durable before the answer" + (f", a sync takes {SLOW_US} us" if slow else ""), found, RATE,
          ("Fastify, a commit each", "Node http, grouped by hand", "limit, 64 rows a commit", "limit, as many rows a commit"))


def bench_socket(node):
    for in_flight in (1, 16, 256):
        variants = {"Dunwell": lambda: load(in_flight, socket_ours())}
        if node:
            variants["ws, grouped by hand"] = lambda: load(in_flight, socket_peer("ws", "group"))
            variants["@slack/socket-mode, a commit each"] = lambda: load(in_flight, socket_peer("socketmode", "each"))
            variants["@slack/bolt, a commit each"] = lambda: load(in_flight, socket_peer("bolt", "each"))
        found = rounds(variants)
        table(f"Slack commands over Socket Mode, {in_flight} in flight, durable before the acknowledgement", found, RATE,
              ("@slack/bolt, a commit each", "@slack/socket-mode, a commit each", "ws, grouped by hand"))


def bench_start(node):
    variants = {"Dunwell": lambda: load(1, socket_ours(), seconds=0)}
    if node:
        variants["@slack/bolt"] = lambda: load(1, socket_peer("bolt", "each"), seconds=0)
    found = rounds(variants, max(ROUNDS, 5))
    table("From exec to the first durable acknowledgement, and the memory at rest 3 s later", found,
          [("first_ms", "first ack ms", "{:.0f}"), ("rss", "RSS MB", "{:.1f}"), ("anon", "of it anonymous", "{:.1f}")], ("@slack/bolt",), "first_ms")


def bench_faults(node):
    for fault, seconds in (("refresh", 8), ("cut", 8), ("silent", 45)):
        if fault == "silent" and ROUNDS < 5:
            say("\nA link that falls silent takes 40 s a client: measured with BENCH_ROUNDS=5 only.")
            continue
        variants = {"Dunwell": lambda: load(16, socket_ours(), (fault,), seconds)}
        if node:
            variants["@slack/bolt"] = lambda: load(16, socket_peer("bolt", "each"), (fault,), seconds)
        found = rounds(variants, 1 if fault == "silent" else ROUNDS)
        table({"refresh": "The link is asked to be refreshed, each second", "cut": "The link is reset, each second",
               "silent": "The link falls silent"}[fault] + ", 16 in flight", found,
              [("faults", "faults", "{:.0f}"), ("lost", "commands lost", "{:.0f}"), ("gap_ms", "without a link, ms in all", "{:.0f}"), ("acks", "acknowledged", "{:.0f}")])


# ---- a store that has seen a lot ----
def made_store():
    """The path of a fresh store with its schema in it."""
    with Dunwell() as d:
        wait_port(d.port)
    return os.path.join(OUT, "dunwell.db")


def ready_ms():
    """From exec to /readyz 200: connected to chat, store open, first turn committed."""
    port = free_port()
    server = start([os.path.join(OUT, "load"), str(port), "1", "0"])
    wait_port(port)
    with Dunwell(slack=port, keep=True) as d:
        wait_port(d.port)
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{d.port}/readyz", timeout=30).read()
                took = time.monotonic_ns() // 1000 - d.started_us
                break
            except OSError:
                time.sleep(0.005)
    stop(server)
    return {"ready_ms": took / 1000}


def command(text):
    def measure():
        ENV["COMMAND_TEXT"] = text
        got = load(1, socket_ours(keep=True), seconds=2)
        del ENV["COMMAND_TEXT"]
        return got
    return measure


def report_ms(since):
    """`dunwell report approvals`, a process of its own: from exec to its end."""
    def measure():
        started = time.monotonic()
        subprocess.run([BINARY, "report", "approvals", "--since", since, "--config", "dunwell.yaml"], cwd=OUT, env=ENV, check=True, stdout=subprocess.DEVNULL)
        return {"ready_ms": (time.monotonic() - started) * 1000}
    return measure


def bench_big():
    whole = {"start": ready_ms, "report approvals --since 30d": report_ms("30d"), "report approvals --since 730d": report_ms("730d")}
    asked = dict(whole, **{text: command(text) for text in ("status northwind", "queue", "approvals", f"approvals @{stores.DECIDER}", "history northwind", "inbox",
                                                            "note northwind x")})
    with Dunwell() as d:
        wait_port(d.port)
    empty = rounds(asked)
    stores.big(made_store(), 100000, 1000000)
    full = rounds(asked)
    say("\n## A store with 10^6 events, 10^6 journal rows and 10^5 cases, 10^4 of them open; 10^5 requests, 9 of 10 decided\n")
    say("| | empty store | big store |")
    say("|---|---|---|")
    for name in whole:
        say(f"| {'exec to /readyz 200' if name == 'start' else name}, ms | {empty[name]['ready_ms']:.0f} | {full[name]['ready_ms']:.0f} |")
    for name in list(asked)[len(whole):]:
        say(f"| {name}, p50 / p99 us | {empty[name]['p50_us']:.0f} / {empty[name]['p99_us']:.0f} | {full[name]['p50_us']:.0f} / {full[name]['p99_us']:.0f} |")


# ---- decisions ----
def decisions(in_flight, open_requests):
    def measure():
        stores.requests(made_store(), open_requests)
        ENV.update(COMMAND_TEXT="approve A-#", COMMAND_USER="U0MANAGER2")
        got = load(in_flight, socket_ours(keep=True))
        ENV.update(COMMAND_USER="U0COLLECTOR1")
        del ENV["COMMAND_TEXT"]
        got["undecided"] = got["acks"] - stores.decided(os.path.join(OUT, "dunwell.db"))
        return got
    return measure


def bench_decisions():
    """From the frame with a manager's word to its acknowledgement: the right is checked, vote, request, case, card and journal are written."""
    for in_flight in (1, 16, 256):
        found = rounds({"30,000 open requests": decisions(in_flight, 30000), "100,000 open requests": decisions(in_flight, 100000)})
        table(f"Approvals over Socket Mode, {in_flight} in flight, durable before the acknowledgement", found,
              RATE + [("undecided", "not decided", "{:.0f}")], ("30,000 open requests",))


def bench_matrix():
    """In a program of its own, with the Python of the tests (matrix.py)."""
    python = os.path.join(ROOT, "build/venv/bin/python")
    say("\n## Commands in Matrix: a command, a durable row, an answer, on one Synapse\n")
    if not os.access(python, os.X_OK):
        say("The Python packages of the tests are missing (tests/setup.sh check): left out.")
        return
    p = subprocess.Popen([python, os.path.join(HERE, "matrix.py")], cwd=ROOT, env=dict(os.environ, DUNWELL=BINARY, BENCH_ROUNDS=str(ROUNDS)),
                         stdout=subprocess.PIPE, text=True)
    running.append(p)
    for line in p.stdout:
        say(line.rstrip("\n"))
    p.wait()
    running.remove(p)


# ---- a change of the policy ----
def replay():
    """Every decision is decided again by a policy in which two numbers differ."""
    with open(os.path.join(OUT, "policy.yaml")) as f, open(os.path.join(OUT, "changed.yaml"), "w") as to:
        to.write(f.read().replace("below: -0.3", "below: -0.5").replace("days: 7", "days: 8"))
    began = time.monotonic()
    got = subprocess.run([BINARY, "policy", "propose", "changed.yaml", "--config", "dunwell.yaml"], cwd=OUT, env=ENV, capture_output=True, text=True)
    took = time.monotonic() - began
    found = re.search(r"Of (\d+) decisions (\d+) would differ", got.stdout)
    if not found:
        raise SystemExit(f"bench: no decision was looked at: {got.stdout}{got.stderr}")
    return {"decisions": float(found.group(1)), "different": float(found.group(2)), "seconds": took, "rate": float(found.group(1)) / took * 60}


def bench_replay():
    stores.decisions(made_store(), DECISIONS)
    table("What would have been decided differently (policy propose), over the decisions of 90 days", rounds({"Dunwell": replay}),
          [("decisions", "decisions", "{:.0f}"), ("different", "differ", "{:.0f}"), ("seconds", "s", "{:.1f}"), ("rate", "per minute", "{:.0f}")])


# ---- the run ----
def build():
    os.makedirs(OUT, exist_ok=True)
    compiler = [*os.environ.get("CC", "cc").split(), "-O2", "-Wall", "-Wextra"]
    for name, libraries in (("requests", ["-lcrypto"]), ("limit", ["-lsqlite3"]), ("load", ["-lcrypto"])):
        subprocess.run([*compiler, "-o", os.path.join(OUT, name), os.path.join(HERE, name + ".c"), *libraries], check=True)
    subprocess.run([*compiler, "-shared", "-fPIC", "-o", os.path.join(OUT, "slowsync.so"), os.path.join(HERE, "slowsync.c"), "-ldl"], check=True)
    for name in ("people.yaml", "policy.yaml"):
        shutil.copy(os.path.join(ROOT, "templates", name), OUT)
    with open(os.path.join(ROOT, "templates/accounts.csv")) as f, open(os.path.join(OUT, "accounts.csv"), "w") as to:
        to.write(f.read().replace("sandbox", "stripe"))


def build_peers():
    if not shutil.which("node") or not shutil.which("npm"):
        say("node and npm are not here: the peers are left out (apt-get install nodejs npm)")
        return False
    to = os.path.join(OUT, "node")
    shutil.copytree(os.path.join(HERE, "node"), to, dirs_exist_ok=True)
    if not os.path.isdir(os.path.join(to, "node_modules/better-sqlite3")):
        done = subprocess.run(["npm", "install", "--no-audit", "--no-fund"], cwd=to, capture_output=True, text=True)
        if done.returncode:
            say("the peers could not be installed and are left out: " + (done.stderr.strip().splitlines() or ["npm says nothing"])[-1])
            return False
    works = subprocess.run(["node", "-e", "new (require('better-sqlite3'))(':memory:')"], cwd=to, capture_output=True)
    if works.returncode:
        say("better-sqlite3 does not load here: the peers are left out")
        return False
    return True


def main():
    if PARTS != ["matrix"] and not shutil.which("wrk"):
        raise SystemExit("bench: wrk is missing (apt-get install wrk)")
    build()
    say(f"{ROUNDS} rounds of {SECONDS} s, medians; {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start. Ratios count, not rates.")
    node = build_peers() if set(PARTS) & {"hooks", "slow", "socket", "start", "faults"} else False
    if "hooks" in PARTS:
        bench_hooks(node, False)
    if "slow" in PARTS:
        bench_hooks(node, True)
    if "socket" in PARTS:
        bench_socket(node)
    if "start" in PARTS:
        bench_start(node)
    if "big" in PARTS:
        bench_big()
    if "decisions" in PARTS:
        bench_decisions()
    if "replay" in PARTS:
        bench_replay()
    if "faults" in PARTS:
        bench_faults(node)
    if "matrix" in PARTS:
        bench_matrix()
    say(f"\nload {os.getloadavg()[0]:.1f} at the end")


try:
    main()
finally:
    for p in list(running):
        p.kill()
    if report_lines:
        with open(os.path.join(OUT, "result.txt"), "w") as f:
            f.write("\n".join(report_lines) + "\n")
    sys.stdout.flush()
