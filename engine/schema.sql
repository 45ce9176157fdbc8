-- Dunwell's store, version 2; upgrade.sql makes one of version 1 the same. Portable SQL: integer keys, text, blobs; times in ms
-- UTC, money in minor units. Random identifiers get small tables that are pruned; the inbox's unique key begins with the
-- sender's time, so that new rows append to the right edge of the index.

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

-- Rows come and go in the order of their time, so age needs no index of its own: the oldest have the smallest seq.
CREATE TABLE chat_seen (seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, platform TEXT NOT NULL, dedupe TEXT NOT NULL);
CREATE UNIQUE INDEX chat_seen_once ON chat_seen (dedupe, platform);

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

-- What the billing systems of one customer answered, until all have: then the rows go. answer NULL: not yet.
CREATE TABLE readings (case_id INTEGER NOT NULL, biller TEXT NOT NULL, customer TEXT NOT NULL, answer TEXT, PRIMARY KEY (case_id, biller, customer));

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
    revision INTEGER NOT NULL,
    basis TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX proposals_case ON proposals (case_id, id);
CREATE INDEX proposals_asked ON proposals (expires_ms, id) WHERE state = 2; -- PROPOSAL_ASKED
CREATE INDEX proposals_when ON proposals (created_ms) WHERE asked = 1; -- for reports
CREATE INDEX proposals_live ON proposals (case_id, state) WHERE is_live = 1;

CREATE TABLE votes (
    subject TEXT NOT NULL,
    person TEXT NOT NULL,
    vote TEXT NOT NULL,
    holder TEXT NOT NULL,
    right_used TEXT NOT NULL,
    reason TEXT NOT NULL,
    revision INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (subject, person)
);

-- Cards of open requests as they went out; once a request is settled only those remain that somebody decided on.
CREATE TABLE shown (
    ref TEXT NOT NULL,
    hash TEXT NOT NULL,
    revision INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    card TEXT NOT NULL,
    PRIMARY KEY (ref, hash)
);

CREATE TABLE receipts (
    id TEXT PRIMARY KEY,
    ref TEXT NOT NULL,
    seq INTEGER NOT NULL,
    person TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    card TEXT NOT NULL
);
CREATE INDEX receipts_ref ON receipts (ref, seq);
CREATE INDEX receipts_person ON receipts (person, seq);
CREATE INDEX receipts_at ON receipts (at_ms);

-- Who looked at the details of an open request, and when first.
CREATE TABLE opened (ref TEXT NOT NULL, person TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (ref, person));

-- What a request went through while it waited: a row from the first reminder on.
CREATE TABLE waiting (
    proposal_id INTEGER PRIMARY KEY,
    case_id INTEGER NOT NULL,
    reminded INTEGER NOT NULL,
    escalated INTEGER NOT NULL,
    asked TEXT NOT NULL,
    reopens INTEGER NOT NULL,
    reopened_as INTEGER NOT NULL,
    reopen_by TEXT NOT NULL,
    note TEXT NOT NULL
);
CREATE INDEX waiting_reopen ON waiting (case_id) WHERE reopen_by <> '';

-- What waits for somebody's hand, and how often that was said.
CREATE TABLE hands (
    proposal_id INTEGER PRIMARY KEY,
    case_id INTEGER NOT NULL,
    since_ms INTEGER NOT NULL,
    marks INTEGER NOT NULL,
    said INTEGER NOT NULL,
    called_ms INTEGER NOT NULL
);
CREATE INDEX hands_case ON hands (case_id);
CREATE INDEX hands_since ON hands (since_ms);

-- Every call for a person's attention. state: 0 waits, 1 went out, 2 went out inside another one's bundle, 3 was not needed any more.
CREATE TABLE pings (
    id INTEGER PRIMARY KEY,
    person TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    case_id INTEGER NOT NULL,
    ref TEXT NOT NULL,
    why TEXT NOT NULL,
    state INTEGER NOT NULL
);
CREATE INDEX pings_sent ON pings (person, at_ms) WHERE state = 1;
CREATE INDEX pings_waiting ON pings (person, id) WHERE state = 0;
CREATE INDEX pings_ref ON pings (ref);
CREATE INDEX pings_at ON pings (at_ms);

-- one-time codes: what was spent, and who guessed; the secrets stand in a file beside the store (engine/enrolled.h)
CREATE TABLE step_up (
    person TEXT PRIMARY KEY,
    enrolled_ms INTEGER NOT NULL,
    last_step INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    locked_until_ms INTEGER NOT NULL
);

CREATE TABLE delegations (
    id INTEGER PRIMARY KEY,
    from_person TEXT NOT NULL,
    to_person TEXT NOT NULL,
    kind TEXT NOT NULL,
    limits TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    is_live INTEGER NOT NULL,
    ended_ms INTEGER NOT NULL,
    ended_by TEXT NOT NULL
);
CREATE INDEX delegations_to ON delegations (to_person) WHERE is_live = 1;
CREATE INDEX delegations_from ON delegations (from_person) WHERE is_live = 1;

CREATE TABLE absences (person TEXT PRIMARY KEY, since_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, deputy TEXT NOT NULL);

-- Changes of the policy that people decide on; the newest in_force is the policy.
CREATE TABLE policy_requests (
    id INTEGER PRIMARY KEY,
    state TEXT NOT NULL,
    requester TEXT NOT NULL,
    reason TEXT NOT NULL,
    before TEXT NOT NULL,
    version TEXT NOT NULL,
    text TEXT NOT NULL,
    difference TEXT NOT NULL,
    effect TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    decided_ms INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    reminded INTEGER NOT NULL DEFAULT 0,
    escalated INTEGER NOT NULL DEFAULT 0,
    asked_also TEXT NOT NULL DEFAULT '[]',
    unwritten INTEGER NOT NULL DEFAULT 0
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

-- Payments that a customer's bank takes back, as billing last said they stand (engine/chargeback.h).
CREATE TABLE chargebacks (
    biller TEXT NOT NULL,
    payment TEXT NOT NULL,
    account TEXT NOT NULL,
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    state TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (biller, payment)
);
CREATE INDEX chargebacks_account ON chargebacks (account, at_ms);

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
    is_head INTEGER NOT NULL DEFAULT 0, -- the oldest live one of its lane: only that may run
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
    reason TEXT NOT NULL,
    wrote INTEGER NOT NULL DEFAULT 0 -- has a request left that changes something? enum wrote in effect.c
);
CREATE INDEX effects_due ON effects (state, not_before_ms, id) WHERE is_head = 1;
CREATE INDEX effects_lane ON effects (lane, id) WHERE is_live = 1;
CREATE INDEX effects_case ON effects (case_id) WHERE is_live = 1 AND case_id > 0;
CREATE INDEX effects_proposal ON effects (proposal_id) WHERE proposal_id > 0;

CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    case_id INTEGER NOT NULL,
    ref TEXT NOT NULL,
    platform TEXT NOT NULL,
    channel TEXT NOT NULL,
    message TEXT,
    revision INTEGER NOT NULL,
    hash TEXT NOT NULL,
    state TEXT NOT NULL,
    substance TEXT NOT NULL, -- what was asked, as a hash; '' for what asks nothing
    shown INTEGER NOT NULL,  -- the request's revision that the message shows
    since_ms INTEGER NOT NULL -- since when the platform has not taken the newest; 0: it has
);
CREATE UNIQUE INDEX messages_once ON messages (ref, platform);
CREATE INDEX messages_case ON messages (case_id);
CREATE INDEX messages_where ON messages (platform, message) WHERE message IS NOT NULL;

-- What a driver keeps between steps and nobody else may read: tokens. The file is for its owner alone (0600).
CREATE TABLE sessions (driver TEXT PRIMARY KEY, kept TEXT NOT NULL);

-- Rooms that cards may not be posted to any more.
CREATE TABLE closed_rooms (platform TEXT NOT NULL, channel TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (platform, channel));

-- Bodies of a chat that could not be read at all, for whoever looks into it: the newest few, and the beginning of each.
CREATE TABLE unreadable (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, platform TEXT NOT NULL, bytes INTEGER NOT NULL, body BLOB NOT NULL);

-- Confirmed e-mail addresses of people whom people.yaml does not name by an id, as the platform said; '' for none.
CREATE TABLE chat_emails (platform TEXT NOT NULL, user TEXT NOT NULL, email TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (platform, user));

-- Reactions that were votes, and those we put under a card ourselves (person '').
CREATE TABLE reactions (
    platform TEXT NOT NULL,
    reaction TEXT NOT NULL,
    message TEXT NOT NULL,
    ref TEXT NOT NULL,
    person TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (platform, reaction)
);
CREATE INDEX reactions_ref ON reactions (ref, platform);

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
