-- The store as version 1 made it, and a few rows: what an upgrade must bring over (tests/unit/test_upgrade.c).
-- Dunwell's store, version 1. Portable SQL: integer keys, text, blobs; times in ms UTC, money in minor units.
-- Random identifiers get small tables that are pruned; the inbox's unique key begins with the sender's time, so that new
-- rows append to the right edge of the index.

CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE inbox (
    seq INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    ext_id TEXT NOT NULL,
    type TEXT NOT NULL,
    kind INTEGER NOT NULL,
    customer TEXT NOT NULL,
    invoice TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    body BLOB NOT NULL
);
CREATE UNIQUE INDEX inbox_once ON inbox (created_ms, source, ext_id);

CREATE TABLE chat_seen (at_ms INTEGER NOT NULL, platform TEXT NOT NULL, dedupe TEXT NOT NULL, PRIMARY KEY (dedupe, platform));
CREATE INDEX chat_seen_age ON chat_seen (at_ms);

CREATE TABLE recoveries (
    id INTEGER PRIMARY KEY,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    biller TEXT NOT NULL,
    customer TEXT NOT NULL,
    state INTEGER NOT NULL,
    is_open INTEGER NOT NULL,
    owner TEXT NOT NULL,
    claimed INTEGER NOT NULL,
    opened_ms INTEGER NOT NULL,
    closed_ms INTEGER NOT NULL,
    facts TEXT NOT NULL,
    read_ms INTEGER NOT NULL,
    read_wanted INTEGER NOT NULL,
    reads INTEGER NOT NULL,
    tier TEXT NOT NULL,
    rule TEXT NOT NULL,
    fragile INTEGER NOT NULL,
    reasons TEXT NOT NULL,
    due INTEGER NOT NULL,
    currency TEXT NOT NULL,
    invoices TEXT NOT NULL,
    next_step TEXT NOT NULL,
    next_ms INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    outcome TEXT NOT NULL
);
CREATE UNIQUE INDEX recoveries_open ON recoveries (account) WHERE is_open = 1;
CREATE INDEX recoveries_account ON recoveries (account, id);
CREATE INDEX recoveries_state ON recoveries (is_open, state, due) WHERE is_open = 1; -- is_open: so that counting reads the index alone

CREATE TABLE decisions (
    id INTEGER PRIMARY KEY,
    case_id INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    mode TEXT NOT NULL,
    policy TEXT NOT NULL,
    tier TEXT NOT NULL,
    fragile INTEGER NOT NULL,
    rule TEXT NOT NULL,
    actions TEXT NOT NULL,
    reasons TEXT NOT NULL,
    inputs TEXT NOT NULL
);
CREATE INDEX decisions_case ON decisions (case_id, id);

CREATE TABLE proposals (
    id INTEGER PRIMARY KEY,
    case_id INTEGER NOT NULL,
    verb INTEGER NOT NULL,
    state INTEGER NOT NULL,
    is_live INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    requester TEXT NOT NULL,
    reason TEXT NOT NULL,
    bound TEXT NOT NULL,
    terms TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    facts_hash TEXT NOT NULL,
    policy TEXT NOT NULL,
    asked INTEGER NOT NULL,
    decider TEXT NOT NULL,
    decider_right TEXT NOT NULL,
    decision_reason TEXT NOT NULL,
    decided_ms INTEGER NOT NULL,
    vendor_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    replaces INTEGER NOT NULL,
    revision INTEGER NOT NULL
);
CREATE INDEX proposals_case ON proposals (case_id, id);
CREATE INDEX proposals_live ON proposals (case_id, state) WHERE is_live = 1;

CREATE TABLE votes (
    proposal_id INTEGER NOT NULL,
    person TEXT NOT NULL,
    vote TEXT NOT NULL,
    right_used TEXT NOT NULL,
    reason TEXT NOT NULL,
    revision INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (proposal_id, person)
);

CREATE TABLE holds (
    id INTEGER PRIMARY KEY,
    case_id INTEGER NOT NULL,
    state INTEGER NOT NULL,
    is_live INTEGER NOT NULL,
    reason TEXT NOT NULL,
    owner TEXT NOT NULL,
    at_end TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    ask_ms INTEGER NOT NULL,
    invoices TEXT NOT NULL,
    prior TEXT NOT NULL
);
CREATE INDEX holds_live ON holds (case_id) WHERE is_live = 1;
CREATE INDEX holds_end ON holds (end_ms) WHERE is_live = 1;

CREATE TABLE plans (
    id INTEGER PRIMARY KEY,
    case_id INTEGER NOT NULL,
    proposal_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    mode TEXT NOT NULL,
    vendor_id TEXT NOT NULL
);
CREATE INDEX plans_case ON plans (case_id, state);

CREATE TABLE instalments (
    id INTEGER PRIMARY KEY,
    plan_id INTEGER NOT NULL,
    n INTEGER NOT NULL,
    invoice TEXT NOT NULL,
    due_ms INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    state TEXT NOT NULL
);
CREATE INDEX instalments_plan ON instalments (plan_id, n);

CREATE TABLE promises (
    id INTEGER PRIMARY KEY,
    case_id INTEGER NOT NULL,
    person TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    date_ms INTEGER NOT NULL,
    state TEXT NOT NULL
);
CREATE INDEX promises_case ON promises (case_id, state);

CREATE TABLE notes (id INTEGER PRIMARY KEY, account TEXT NOT NULL, person TEXT NOT NULL, at_ms INTEGER NOT NULL, text TEXT NOT NULL);
CREATE INDEX notes_account ON notes (account, id);

CREATE TABLE timers (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    case_id INTEGER NOT NULL,
    ref INTEGER NOT NULL,
    due_ms INTEGER NOT NULL
);
CREATE INDEX timers_due ON timers (due_ms);
CREATE INDEX timers_case ON timers (case_id);

CREATE TABLE effects (
    id INTEGER PRIMARY KEY,
    lane TEXT NOT NULL,
    driver TEXT NOT NULL,
    op TEXT NOT NULL,
    dedupe TEXT NOT NULL UNIQUE,
    state INTEGER NOT NULL,
    is_live INTEGER NOT NULL,
    case_id INTEGER NOT NULL,
    proposal_id INTEGER NOT NULL,
    purpose TEXT NOT NULL,
    args TEXT NOT NULL,
    stage TEXT,
    attempts INTEGER NOT NULL,
    not_before_ms INTEGER NOT NULL,
    deadline_ms INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    finished_ms INTEGER NOT NULL,
    result TEXT,
    reason TEXT NOT NULL
);
CREATE INDEX effects_due ON effects (state, not_before_ms, id) WHERE is_live = 1;
CREATE INDEX effects_lane ON effects (lane, id) WHERE is_live = 1;
CREATE INDEX effects_proposal ON effects (proposal_id) WHERE proposal_id > 0;

CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    case_id INTEGER NOT NULL,
    ref TEXT NOT NULL UNIQUE,
    platform TEXT NOT NULL,
    channel TEXT NOT NULL,
    message TEXT,
    revision INTEGER NOT NULL,
    hash TEXT NOT NULL,
    state TEXT NOT NULL
);
CREATE INDEX messages_case ON messages (case_id);

CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    verb TEXT NOT NULL,
    case_id INTEGER NOT NULL,
    account TEXT NOT NULL,
    ref TEXT NOT NULL,
    text TEXT NOT NULL,
    detail TEXT,
    hash BLOB NOT NULL
);
CREATE INDEX journal_account ON journal (account, seq) WHERE account <> '';

PRAGMA application_id = 1146572364;
PRAGMA user_version = 1;
INSERT INTO messages (case_id, ref, platform, channel, message, revision, hash, state) VALUES
    (1, 'N-1', 'slack', 'U0AE1', 'D0AE1 1700000000.000100', 3, 'aa', 'posted'),
    (1, 'A-2', 'slack', 'C0APPROVALS', NULL, 1, 'bb', 'posting');
INSERT INTO effects (lane, driver, op, dedupe, state, is_live, case_id, proposal_id, purpose, args, attempts, not_before_ms,
                     deadline_ms, created_ms, finished_ms, reason) VALUES
    ('slack:U0AE1', 'slack', 'post', 'card-N-1-1', 4, 0, 1, 0, 'card', '{}', 1, 0, 0, 5, 6, ''),
    ('slack:U0AE1', 'slack', 'update', 'card-N-1-r3', 0, 1, 1, 0, 'card', '{}', 0, 0, 0, 5, 0, ''),
    ('slack:C0APPROVALS', 'slack', 'post', 'card-A-2-1', 1, 1, 1, 0, 'card', '{}', 1, 0, 0, 5, 0, ''),
    ('slack:D0AE1', 'slack', 'post', 'reply-N-1-closed', 4, 0, 1, 0, 'reply', '{}', 1, 0, 0, 5, 6, ''),
    ('stripe:in_1', 'stripe', 'hold', 'P-1', 4, 0, 1, 1, '', '{}', 1, 0, 0, 5, 6, '');
INSERT INTO journal (seq, at_ms, actor, verb, case_id, account, ref, text, detail, hash) VALUES
    (1, 5, 'dunwell', 'started', 0, '', '', 'Dunwell started', NULL, x'00');
