"""kill -9 at random moments, again and again, while people type, Stripe sends and a plan is agreed and executed.

    build/venv/bin/python tests/crash/test_kill_loop.py [--rounds N] [--seed N]

What was acknowledged is there, once; nothing happened twice; and when the killing ends, everything comes to its end."""
import argparse
import os
import random
import sys
import threading
import time
import traceback

import story
from harness import World, stop_all, wait_for


class Loop(story.Story):
    """The story's second half, and beside it two who never stop sending."""
    def chatter(self, name):
        n = 0
        while not self.over.is_set():
            n += 1
            try:
                if name == "notes":
                    self.note(f"{name} {n}")
                else:
                    self.hook_once(f"evt_{name}_{n}")
            except AssertionError:
                pass
            time.sleep(0.03)

    def hook_once(self, name):
        body = story.event("invoice.updated", id=name, customer="cus_northwind", invoice=self.invoice, created=1700000000)
        try:
            if self.dw.hook(body)[0] == 200:
                self.events.append(name)
        except (OSError, EOFError, AttributeError):
            pass  # it died under our hands: not acknowledged
        except Exception as e:
            if type(e).__module__ != "http.client":
                raise

    def killer(self, rounds, rng):
        """Dies `rounds` times, each at a random moment of its life: while starting, while working, at once."""
        for n in range(rounds):
            time.sleep(rng.choice((rng.uniform(0.0, 0.3), rng.uniform(0.3, 1.5), rng.uniform(0.5, 2.5))))  # the moment is the test
            if self.over.is_set():
                break
            process = self.dw.process
            process.kill()
            wait_for("its next life", lambda: self.over.is_set() or self.dw.process is not process)
        self.killed.set()

    def begin_chatter(self):
        threads = [threading.Thread(target=self.chatter, args=(name,)) for name in ("notes", "hooks")]
        [t.start() for t in threads]
        return threads

    def tell(self):
        self.killed = threading.Event()
        self.invoice = self.stripe.failed("northwind", 12000_00)
        threads = self.begin_chatter() + [threading.Thread(target=self.killer, args=(self.rounds, self.rng))]
        threads[-1].start()
        try:
            self.middle()
            wait_for("the killer to be done", self.killed.is_set, 300)
        finally:
            self.over_chatter(threads)
        self.end()

    def over_chatter(self, threads):
        self.over.set()
        [t.join() for t in threads]
        self.over.clear()

    def middle(self):
        dw, stripe = self.dw, self.stripe
        self.low = stripe.failed("initech", 80_00)
        self.until("the hold", lambda: not stripe.invoice(self.invoice)["auto_advance"] and dw.sql(
            "SELECT 1 FROM holds JOIN recoveries ON recoveries.id = case_id WHERE account = 'northwind' AND holds.state = 1"))
        self.until("the plan to be asked", self.ask)
        ref = "A-%d" % self.plan()
        self.until("the yes", lambda: self.say("U0MANAGER1", f"approve {ref}") and dw.one("SELECT decider FROM proposals WHERE verb = 3") == "manager1")
        self.until("the small case", lambda: dw.sql("SELECT 1 FROM decisions JOIN recoveries ON recoveries.id = case_id WHERE account = 'initech'"))
        stripe.post("method_set", id="pm_initech", decline=None)
        self.until("the retry to be asked", lambda: self.say("U0COLLECT1", "retry Initech") and dw.one("SELECT count(*) FROM proposals WHERE verb = 4"))
        self.until("the plan to run", lambda: dw.one("SELECT count(*) FROM plans"))
        self.until("the charge", self.charged)

    def end(self):
        watcher = threading.Thread(target=self.watch)  # `over` was set for the others too
        watcher.start()
        self.until("the small case to close", lambda: self.dw.one("SELECT is_open FROM recoveries WHERE account = 'initech'") == 0)
        self.until("quiet", self.quiet)
        self.stripe.post("pay", invoice=self.invoice)
        self.until("the case to close", lambda: self.dw.one("SELECT is_open FROM recoveries WHERE account = 'northwind'") == 0)
        self.until("quiet", self.quiet)
        self.over.set()
        watcher.join()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rounds", type=int, default=int(os.environ.get("CRASH_ROUNDS", 30)))
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    o = p.parse_args()
    print(f"seed {o.seed}, {o.rounds} rounds", flush=True)
    world = World("crash.loop")
    try:
        tale = Loop(story.begin_in(world))
        tale.rounds, tale.rng = o.rounds, random.Random(o.seed)
        world.dw.spawn()
        tale.play()
        tale.check()
        world.close()
    except Exception:
        traceback.print_exc()
        print(world.dw.log()[-3000:] if world.dw and world.dw.starts else "")
        stop_all()
        sys.exit(f"failed with seed {o.seed}")
    stop_all()
    print(f"{tale.deaths} deaths; {len(tale.notes)} notes and {len(tale.events)} webhooks were acknowledged and are there; seed {o.seed}")
    assert tale.deaths >= o.rounds // 2, "it was hardly killed"


if __name__ == "__main__":
    main()
