"""Stores that have seen a lot, for the benchmark. Rows as the program writes them, straight into the tables of a store that it made: the
journal's hashes are not real, and nobody asks for them here."""
import json
import sqlite3
import time

STATE_QUEUED, STATE_CLOSED, ASKED, VERB_PLAN = 4, 8, 2, 3


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


def big(path, cases, events):
    """Ten events a case, a tenth of the cases open in the queue."""
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


def decided(path):
    db = sqlite3.connect(path)
    n = db.execute("SELECT count(*) FROM votes WHERE vote = 'yes'").fetchone()[0]
    db.close()
    return n
