"""Stores that have seen a lot, for the benchmark. Rows as the program writes them, straight into the tables of a store that it made: the
journal's hashes are not real, and nobody asks for them here."""
import json
import sqlite3
import time

STATE_QUEUED, STATE_CLOSED, ASKED, CONFIRMED, VERB_PLAN = 4, 8, 2, 11, 3
DECIDER = "manager2"


def _open(path):
    db = sqlite3.connect(path)
    db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;")
    return db


def _rows(db, table):
    """An INSERT that names every column, and a row of blanks."""
    names = [r[1] for r in db.execute(f"PRAGMA table_info({table})")]
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(':' + n for n in names)})", {n: "" for n in names}


def _case(blank, i, now, is_open, account):
    facts = json.dumps({"balance": {"value": "1999", "source": "stripe", "as_of": now}})
    return dict(blank, id=i, account=account, name=f"Customer {i}", biller="stripe", customer=f"cus_big{i:06d}",
                state=STATE_QUEUED if is_open else STATE_CLOSED, is_open=int(is_open), claimed=0, opened_ms=now - i * 1000,
                closed_ms=0 if is_open else now, facts=facts, read_ms=now, read_wanted=0, reads=1, tier="low", rule="otherwise", fragile=0,
                reasons="[]", due=1000 + i % 9000, currency="USD", invoices="[]", next_step="A collector looks at it", next_ms=now + 86400000,
                revision=2, outcome="" if is_open else "paid")


def _decided(db, cases, now):
    """A plan for each case: asked in the last two years, and said yes to by one person; of a case that is open, still asked."""
    seq = db.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()[0]
    terms = json.dumps({"count": 3, "total": 3000, "currency": "USD", "first_ms": now, "instalments": []})

    def rows(table, make, only_decided=True):
        insert, blank = _rows(db, table)
        db.executemany(insert, (dict(blank, **make(i, now - (cases - i) * (730 * 86400000 // cases) - 3600000))
                                for i in range(1, cases + 1) if not only_decided or i % 10 != 1))

    rows("proposals", lambda i, at: dict(id=i, case_id=i, verb=VERB_PLAN, state=ASKED if i % 10 == 1 else CONFIRMED, is_live=int(i % 10 == 1), created_ms=at,
                                         expires_ms=now + 86400000 + i, requester="collector1", reason="the customer asked for time", bound="more than two instalments",
                                         terms=terms, amount=1000 + i % 9000, currency="USD", facts_hash="x", asked=1, decider="" if i % 10 == 1 else DECIDER,
                                         decided_ms=0 if i % 10 == 1 else at + 60000, replaces=0, revision=3, basis="{}"), only_decided=False)
    rows("pings", lambda i, at: dict(id=i, person=DECIDER, at_ms=at, case_id=i, ref=f"A-{i}", why="the rule large asks you", state=1), only_decided=False)
    rows("votes", lambda i, at: dict(subject=f"A-{i}", person=DECIDER, vote="yes", holder=DECIDER, right_used="manager", reason="", revision=2, at_ms=at + 60000))
    rows("receipts", lambda i, at: dict(id=f"R-{i:08d}", ref=f"A-{i}", seq=seq + i, person=DECIDER, at_ms=at + 60000, card="x"))
    rows("journal", lambda i, at: dict(seq=seq + i, at_ms=at + 60000, actor=DECIDER, verb="decision.yes", case_id=i, account=f"stripe:cus_big{i:06d}", ref=f"A-{i}",
                                       text=f"{DECIDER} said yes to A-{i} by right: manager", detail="{}", hash=bytes(32)))
    rows("plans", lambda i, at: dict(id=i, case_id=i, proposal_id=i, state="kept" if i % 3 else "broken"))


def big(path, cases, events):
    """Ten events a case, a tenth of the cases open in the queue; a request a case, decided but for those."""
    now = int(time.time() * 1000)
    db = _open(path)
    insert, blank = _rows(db, "recoveries")
    db.executemany(insert, (_case(blank, i, now, i % 10 == 1, f"stripe:cus_big{i:06d}" if i % 40 else "northwind") for i in range(1, cases + 1)))
    insert, blank = _rows(db, "journal")
    first = db.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()[0]
    db.executemany(insert, (dict(blank, seq=first + i, at_ms=now, actor="stripe", verb="event.seen", case_id=1 + i % cases,
                                 account=f"stripe:cus_big{1 + i % cases:06d}", ref=f"evt_{i}", text="invoice.payment_failed: billing is read again",
                                 detail=None, hash=bytes(32)) for i in range(1, events + 1)))
    insert, blank = _rows(db, "inbox")
    db.executemany(insert, (dict(blank, seq=i, source="stripe", created_ms=now - events + i, ext_id=f"evt_{i}", type="invoice.payment_failed", kind=1,
                                 customer=f"cus_big{1 + i % cases:06d}", invoice="in_1", received_ms=now, body=b"{}" * 50)
                            for i in range(1, events + 1)))
    _decided(db, cases, now)
    db.execute("INSERT INTO meta (name, value) VALUES ('inbox_done', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", (str(events),))
    db.commit()
    db.close()


def requests(path, n):
    """As many open cases, each with a payment plan that a manager is asked for: A-1 to A-n."""
    now = int(time.time() * 1000)
    db = _open(path)
    insert, blank = _rows(db, "recoveries")
    db.executemany(insert, (_case(blank, i, now, True, f"stripe:cus_big{i:06d}") for i in range(1, n + 1)))
    insert, blank = _rows(db, "proposals")
    terms = json.dumps({"count": 3, "total": 3000, "currency": "USD", "first_ms": now + 86400000,
                        "instalments": [{"n": k, "date_ms": now + k * 86400000, "amount": 1000, "invoice": "in_1"} for k in (1, 2, 3)]})
    db.executemany(insert, (dict(blank, id=i, case_id=i, verb=VERB_PLAN, state=ASKED, is_live=1, created_ms=now, expires_ms=now + 86400000,
                                 requester="collector1", reason="the customer asked for time", bound="more than two instalments", terms=terms,
                                 amount=1000 + i % 9000, currency="USD", facts_hash="x", asked=1, decided_ms=0, replaces=0, revision=2)
                            for i in range(1, n + 1)))
    insert, blank = _rows(db, "timers")
    db.executemany(insert, (dict(blank, id=i, kind="expire", case_id=i, ref=i, due_ms=now + 86400000 + i) for i in range(1, n + 1)))
    db.commit()
    db.close()


def _inputs(now):
    """What a decision rested on, as the program keeps it; {...} are filled in for each row."""
    book = {"account.ae": "ae1", "account.annual_value": "{value}", "account.billing": "stripe", "account.billing_id": "cus_{i}", "account.currency": "USD",
            "account.email": "ap@example.com", "account.key": "customer-{i}", "account.known": True, "account.name": "Customer {i}", "account.open_tickets": 3,
            "account.renewal_ms": now + 79 * 86400000, "account.sentiment": -0.4, "account.timezone": "UTC"}
    billing = {"customer.currency": "USD", "customer.email": "a@example.com", "customer.id": "cus_{i}", "customer.name": "Customer {i}", "invoice.attempts": 2,
               "invoice.auto_advance": True, "invoice.collection": "auto", "invoice.count": 1, "invoice.currency": "USD", "invoice.due": "{due}",
               "invoice.id": "in_{i}", "invoice.number": "{i}", "invoice.oldest_due_ms": now - 9 * 86400000, "method.brand": "visa", "method.exp": "04/2029",
               "method.id": "pm_1", "method.last4": "4242", "method.others": 0, "network.attempts_day": 0, "network.attempts_window": 2,
               "payment.at_ms": now - 3600000, "payment.class": "{class}", "payment.decline_code": "insufficient_funds", "payment.id": "ch_{i}",
               "payment.method": "pm_1", "payment.text": "Your card has insufficient funds.", "subscription.id": "sub_1", "subscription.status": "past_due"}
    facts = {name: {"s": "accounts.csv", "t": now, "v": v} for name, v in book.items()}
    facts.update({name: {"s": "stripe", "t": now, "v": v} for name, v in billing.items()})
    facts["fragile"], facts["tier"] = {"s": "policy", "t": now, "v": False}, {"s": "policy", "t": now, "v": "low"}
    text = json.dumps(facts, separators=(",", ":"), sort_keys=True)
    return text.replace('"{value}"', "{value}").replace('"{due}"', "{due}")


def decisions(path, n):
    """So many decisions of the last 89 days, of 100,000 cases, each on facts of its own."""
    now = int(time.time() * 1000)
    db = _open(path)
    insert, blank = _rows(db, "recoveries")
    db.executemany(insert, (_case(blank, i, now, False, f"stripe:cus_big{i:06d}") for i in range(1, 100001)))
    db.execute("""INSERT INTO decisions (id, case_id, at_ms, mode, policy, tier, fragile, rule, actions, reasons, inputs)
        WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < :n)
        SELECT i, 1 + i % 100000, :now - (:n - i) * (89 * 86400000 / :n), 'live', 'bench', 'low', 0, 'otherwise', '[{"queue":{}}]',
        '["No rule fits so a collector looks at it"]', replace(replace(replace(replace(:inputs, '{i}', i), '{due}', 1000 + i * 7919 % 9000000),
        '{value}', 100000 + i * 104729 % 20000000), '{class}', substr('SHN', 1 + i % 3, 1)) FROM n""", {"n": n, "now": now, "inputs": _inputs(now)})
    db.commit()
    db.close()


def decided(path):
    db = sqlite3.connect(path)
    n = db.execute("SELECT count(*) FROM votes WHERE vote = 'yes'").fetchone()[0]
    db.close()
    return n
