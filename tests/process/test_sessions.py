"""Slack's connections come and go: refresh, too many, link disabled, half open, cut. No command that was acknowledged is lost, none runs twice."""
import threading
import time

from harness import run, wait_for


def live(slack):
    return [s for s in slack.state()["sockets"] if s["hello"] and not s["half_open"]]


class Notes:
    """Somebody who types all the time, one note after the other; what was acknowledged is remembered."""
    def __init__(self, w, name):
        self.w, self.name, self.acked, self.lost, self.n, self.over = w, name, [], [], 0, threading.Event()
        self.thread = threading.Thread(target=self.type)
        self.thread.start()

    def type(self):
        while not self.over.is_set():
            text = f"{self.name}-{self.n}"
            self.n += 1
            result = self.w.slack.post("command", user="U0AE1", text=f"note northwind {text}")
            (self.acked if result["acked"] else self.lost).append(text)
            if not result["acked"]:
                time.sleep(0.05)

    def more(self, n):
        have = len(self.acked)
        wait_for(f"{n} more notes", lambda: len(self.acked) >= have + n, 90)

    def end(self):
        self.over.set()
        self.thread.join(30)
        stored = [t for t, in self.w.dw.sql("SELECT text FROM notes")]
        mine = [t for t in stored if t.startswith(self.name + "-")]
        assert len(mine) == len(set(mine)), "a note was stored twice"
        assert not set(self.acked) - set(mine), f"acknowledged and lost: {sorted(set(self.acked) - set(mine))}"
        return self


def test_refresh_leaves_no_gap(w):
    slack, stripe, dw = w.begin()
    before = {s["id"] for s in live(slack)}
    typing = Notes(w, "refresh")
    typing.more(20)
    for _ in range(3):
        slack.post("socket", do="refresh", socket="all", close_after_s=5)
        typing.more(20)
    wait_for("new connections", lambda: not before & {s["id"] for s in live(slack)})
    typing.end()
    assert not typing.lost, typing.lost
    slack.post("socket", do="warning", socket="all", close_after_s=5)
    wait_for("Dunwell to be ready", lambda: dw.get("/readyz")[0] == 200)


def test_cut(w):
    slack, stripe, dw = w.begin()
    typing = Notes(w, "cut")
    for do in ("kill", "close", "kill"):
        typing.more(15)
        slack.post("socket", do=do, socket="all")
    typing.more(15)
    typing.end()


def test_half_open(w):
    slack, stripe, dw = w.begin()
    gone = slack.post("socket", do="half_open", socket="all")["sockets"]
    typing = Notes(w, "half")
    wait_for("the silence to be noticed", lambda: len(live(slack)) >= 1 and not set(gone) & {s["id"] for s in slack.state()["sockets"]}, 60)
    typing.more(10)
    typing.end()


def test_too_many(w):
    slack, stripe, dw = w.begin()
    opened = slack.state()["opened"]
    slack.post("socket", do="too_many", socket="all")
    wait_for("the connection to end", lambda: not live(slack))
    why = wait_for("/readyz to say why", lambda: dw.get("/readyz")[0] == 503 and dw.get("/readyz")[1])
    assert "many" in why, why
    time.sleep(3)  # what must not happen is a storm
    assert slack.state()["opened"] == opened, "it stays away for a while"


def test_link_disabled(w):
    slack, stripe, dw = w.begin()
    opened = slack.state()["opened"]
    slack.post("socket", do="link_disabled", socket="all")
    wait_for("the connections to end", lambda: not live(slack))
    why = wait_for("/readyz to say why", lambda: dw.get("/readyz")[0] == 503 and dw.get("/readyz")[1])
    assert "disabled" in why or "switched" in why or "Socket Mode" in why, why
    time.sleep(2)  # what must not happen is a storm
    assert slack.state()["opened"] - opened <= 1
    assert dw.hook("{}", "t=1,v1=00")[0] in (400, 401), "webhooks are served meanwhile"


def test_refused_from_the_start(w):
    slack, stripe, dw = w.begin(start=False)
    slack.fault(method="apps.connections.open", kind="error", error="invalid_auth", times=1000)
    dw.start(ready=False)
    why = wait_for("/readyz to say why", lambda: dw.get("/readyz")[0] == 503 and "invalid_auth" in dw.get("/readyz")[1] and dw.get("/readyz")[1])
    print(why)
    assert dw.get("/healthz")[0] == 200


def test_bot_token_revoked(w):
    """The connection stands, by the app's token, but nothing that is said arrives: a monitor has to see that."""
    slack, stripe, dw = w.begin()
    slack.fault(method="*", kind="error", error="token_revoked", times=1)
    slack.post("event", type="message", user="U0AE1", text="help")
    why = wait_for("/readyz to say why", lambda: dw.get("/readyz")[0] == 503 and dw.get("/readyz")[1])
    assert "slack" in why and "token_revoked" in why and "install the app again" in why, why
    assert dw.get("/healthz")[0] == 200
    slack.post("event", type="message", user="U0AE1", text="help")
    wait_for("Dunwell to be ready", lambda: dw.get("/readyz")[0] == 200)


def test_api_trouble_before_the_session(w):
    slack, stripe, dw = w.begin(start=False)
    slack.fault(method="apps.connections.open", kind="429", retry_after=1)
    slack.fault(method="apps.connections.open", kind="503")
    slack.fault(method="apps.connections.open", kind="garbage")
    slack.fault(method="apps.connections.open", kind="drop")
    dw.start()


def test_posts_meet_trouble(w):
    """429, cut connections and lost answers while cards are posted: each message stands there exactly once."""
    slack, stripe, dw = w.begin(slack=("--rate", "0.2"))
    for kind in ("429", "drop", "drop_before"):
        slack.fault(method="chat.postMessage", kind=kind, retry_after=1)
    slack.fault(method="chat.update", kind="drop")
    for account, amount in (("northwind", 5000_00), ("globex", 6000_00), ("umbrella", 7000_00)):
        stripe.failed(account, amount)
    for who, amount in (("U0AE1", "$5,000.00"), ("U0AE2", "$6,000.00"), ("U0AE1", "$7,000.00")):
        slack.await_card(who, amount, "On hold until", seconds=90)  # one that was lost is looked for, half a minute, before it is sent anew
    dw.settle(60)
    texts = sorted(m["text"] for m in slack.messages() if not m["thread_ts"])
    assert len(texts) == 3, texts


def test_kill_9_right_after_the_ack(w):
    slack, stripe, dw = w.begin()
    for n in range(5):
        result = slack.post("command", user="U0AE1", text=f"note northwind number {n}")
        dw.kill()
        assert result["acked"]
        assert dw.one("SELECT text FROM notes ORDER BY id DESC LIMIT 1") == f"number {n}"
        dw.start()
    typing = Notes(w, "kill")
    typing.more(10)
    dw.kill()
    dw.start()
    typing.more(10)
    typing.end()


if __name__ == "__main__":
    run(globals())
