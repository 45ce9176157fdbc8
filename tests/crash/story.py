"""A story that goes on whatever dies: webhooks, a hold, a plan that is asked and approved, a charge, a payment; and what must hold at its end.

The people in it are patient: what was not acknowledged they do again, as people and Stripe do. Whenever Dunwell is dead it is
started again, without a kill point. The invariants (design section 5) are looked at where they count, at the peers and in the
store: what was acknowledged is stored once; each approved effect happened exactly once at Stripe; nothing was charged that
nobody asked for; every message stands in Slack once; no open case is without a next step. World.close verifies the journal."""
import datetime
import json
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../process"))

from harness import event, wait_for, words  # noqa: E402

KILLED = 137  # its exit code at a kill point
LONG = 150  # a lost post is looked for, half a minute, before it is sent anew; two of them in one story are possible


class Story:
    def __init__(self, world):
        self.w, self.slack, self.stripe, self.dw = world, world.slack, world.stripe, world.dw
        self.notes, self.events, self.deaths = [], [], 0
        self.over = threading.Event()

    # -- somebody who starts it again --
    def watch(self):
        while not self.over.wait(0.02):
            if self.dw.process.poll() is not None:
                self.deaths += 1
                self.dw.env = {}
                self.dw.spawn()

    def ready(self):
        return self.dw.get("/readyz")[0] == 200

    # -- patient people --
    def say(self, user, text, until=None):
        """Types a command until it was acknowledged; -> the answer in the acknowledgement."""
        def once():
            result = self.slack.post("command", user=user, text=text)
            return result["acked"] and (words(result["payload"] or {}) or "-")
        return wait_for(f"an acknowledgement of /dunwell {text}", once, LONG, 0.1)

    def note(self, text):
        """Types a note once; it may be lost, but then it was not acknowledged."""
        if self.slack.post("command", user="U0AE1", text=f"note northwind {text}")["acked"]:
            self.notes.append(text)

    def hook(self, name):
        """A webhook that is sent until it is answered 200, as Stripe does."""
        body = event("invoice.updated", id=name, customer="cus_northwind", invoice=self.invoice, created=1700000000)

        def once():
            try:
                return self.dw.hook(body)[0] == 200
            except (OSError, ConnectionError, ValueError, AttributeError, EOFError) as e:
                return False and e
            except Exception as e:  # http.client's many ways to say that the answer broke off
                if type(e).__module__ != "http.client":
                    raise
                return False
        wait_for(f"200 for {name}", once, LONG, 0.1)
        self.events.append(name)

    def until(self, what, look):
        return wait_for(what, look, LONG, 0.05)

    # -- the story --
    def play(self):
        watcher = threading.Thread(target=self.watch)
        watcher.start()
        try:
            self.tell()
        finally:
            self.over.set()
            watcher.join()

    def tell(self):
        dw, stripe = self.dw, self.stripe
        self.invoice = stripe.failed("northwind", 12000_00)
        self.low = stripe.failed("initech", 80_00)
        self.note("one")
        self.hook("evt_crash_1")
        self.until("the hold", lambda: not stripe.invoice(self.invoice)["auto_advance"] and dw.one("SELECT count(*) FROM holds WHERE state = 1 AND case_id IN "
                   "(SELECT id FROM recoveries WHERE account = 'northwind')"))
        self.until("the facts", lambda: dw.one("SELECT read_wanted FROM recoveries WHERE account = 'northwind'") == 0)
        self.until("the plan to be asked", self.ask)
        self.note("two")
        ref = "A-%d" % self.plan()
        self.until("the yes", lambda: "pproved" in self.say("U0MANAGER1", f"approve {ref}") or dw.one("SELECT decider FROM proposals WHERE verb = 3") == "manager1")
        self.hook("evt_crash_2")
        stripe.post("method_set", id="pm_initech", decline=None)
        self.until("the retry to be asked", lambda: self.say("U0COLLECT1", "retry Initech") and dw.one("SELECT count(*) FROM proposals WHERE verb = 4"))
        self.until("the plan to run", lambda: dw.one("SELECT count(*) FROM plans"))
        self.until("the charge", self.charged)
        self.note("three")
        self.until("the small case to close", lambda: dw.one("SELECT is_open FROM recoveries WHERE account = 'initech'") == 0)
        self.until("quiet", self.quiet)
        self.check_running(ref)
        stripe.post("pay", invoice=self.invoice)
        self.until("the case to close", lambda: dw.one("SELECT is_open FROM recoveries WHERE account = 'northwind'") == 0)
        self.until("quiet", self.quiet)

    def plan(self):
        return self.dw.one("SELECT id FROM proposals WHERE verb = 3 AND is_live = 1")

    def ask(self):
        first = (datetime.date.today() + datetime.timedelta(days=10)).isoformat()
        self.say("U0AE1", f"plan Northwind 9x from {first} why renewal in flight")
        return self.plan()

    def charged(self):
        """A charge of which nobody can know whether it was sent is looked up, never sent again; so it may fail, and is then asked for anew."""
        if self.stripe.taken("initech"):
            return True
        if not self.dw.sql("SELECT 1 FROM proposals WHERE verb = 4 AND is_live = 1") and self.dw.journal("retry.failed"):
            self.say("U0COLLECT1", "retry Initech")
        return False

    def quiet(self):
        return self.ready() and self.dw.quiet()

    def stop(self):
        """Stopping is part of the story: who dies there is started once more, and what must hold holds."""
        try:
            self.dw.stop()
        except AssertionError:
            if self.dw.process.returncode != KILLED or not self.dw.env:
                raise
            self.deaths += 1
            self.dw.env = {}
            self.dw.start()
            self.until("quiet", self.quiet)
            self.check()
            self.dw.stop()

    # -- what must hold --
    def check_running(self, ref):
        dw, stripe = self.dw, self.stripe
        assert dw.sql("SELECT state, decider FROM proposals WHERE verb = 3") == [(11, "manager1")], dw.sql("SELECT id, state, decider FROM proposals")
        assert dw.one("SELECT count(*) FROM plans") == 1 and dw.one("SELECT count(*) FROM instalments") == 9
        assert stripe.invoice(self.invoice)["auto_advance"] is False, "the plan runs, so Stripe must not charge by itself"
        card = self.until("the card to be the state", lambda: self.slack.card("U0AE1", "it is paid by instalments"))
        assert "confirmed" in words(card)
        assert "onfirmed" in words(self.slack.await_card("C0APPROVALS", f"Request {ref} ", seconds=LONG))

    def check(self):
        dw, stripe = self.dw, self.stripe
        stored = [t for t, in dw.sql("SELECT text FROM notes ORDER BY id")]
        assert len(stored) == len(set(stored)) and set(self.notes) <= set(stored), (self.notes, stored)
        names = [i for i, in dw.sql("SELECT ext_id FROM inbox")]
        assert len(names) == len(set(names)) and set(self.events) <= set(names)
        delivered = {h["id"] for h in stripe.state()["hooks"] if h["status"] == 200}
        assert delivered <= set(names), "answered 200 and not stored"
        assert [e["amount"] for e in stripe.effects("charged")] == [80_00], stripe.effects()
        done = {}
        for e in stripe.writes():
            if e["status"] == 200 and not e["replayed"]:
                done.setdefault((e["path"], e["key"]), []).append(e)
        assert all(len(v) == 1 for v in done.values()), [k for k, v in done.items() if len(v) > 1]
        assert len(dw.journal("decision.yes")) == 1 and len(dw.journal("plan.confirmed")) == 1 and len(dw.journal("retry.confirmed")) == 1
        cases = dw.sql("SELECT account, outcome, id IN (SELECT case_id FROM proposals) FROM recoveries ORDER BY id")
        assert cases[:2] in ([("northwind", "paid", 1), ("initech", "paid", 1)], [("initech", "paid", 1), ("northwind", "paid", 1)]), cases
        assert not [c for c in cases[2:] if c[2]], cases  # a failure told after the payment: a case that ends by itself, with nothing asked in it
        self.until("nothing to be under way at Stripe", lambda: dw.one(  # a late event has the account read once more
            "SELECT count(*) FROM effects WHERE is_live = 1 AND case_id > 0 AND driver = 'stripe'") == 0)
        assert not [s for s, in dw.sql("SELECT next_step FROM recoveries WHERE is_open = 1") if not s]
        self.check_messages()

    def check_messages(self):
        tops, replies = {}, {}
        for m in self.slack.messages():
            if m["thread_ts"]:
                replies.setdefault((m["channel"], m["thread_ts"], words(m)), []).append(m["ts"])
            else:
                tops.setdefault((m["channel"], json.dumps((m["metadata"] or {}).get("event_payload"), sort_keys=True)), []).append(m["ts"])
        assert all(len(v) == 1 for v in tops.values()), {k: v for k, v in tops.items() if len(v) > 1}
        assert all(len(v) == 1 for v in replies.values()), {k: v for k, v in replies.items() if len(v) > 1}
        cards = [m for m in self.slack.messages("D0AE1") if not m["thread_ts"] and "Northwind" in words(m)]
        assert len(cards) == 1, [words(m)[:80] for m in cards]
        assert len([m for m in self.slack.messages("C0APPROVALS") if not m["thread_ts"]]) == 1
        assert "closed, paid" in words(cards[0])


def begin_in(w):
    """The fakes and Dunwell, not yet started."""
    w.begin(start=False)
    return w
