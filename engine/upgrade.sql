-- A store of version 1 becomes one of version 2: run once, in one transaction, when it is opened. Whoever changes schema.sql
-- adds here what brings an older store to the same (tests/unit/test_upgrade.c compares the two).

-- A card may stand on several platforms.
ALTER TABLE messages RENAME TO messages_1;
DROP INDEX messages_case;
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
    substance TEXT NOT NULL,
    shown INTEGER NOT NULL,
    since_ms INTEGER NOT NULL
);
INSERT INTO messages (id, case_id, ref, platform, channel, message, revision, hash, state, substance, shown, since_ms)
    SELECT id, case_id, ref, platform, channel, message, revision, hash, state, '', 0, 0 FROM messages_1;
DROP TABLE messages_1;
CREATE UNIQUE INDEX messages_once ON messages (ref, platform);
CREATE INDEX messages_case ON messages (case_id);
CREATE INDEX messages_where ON messages (platform, message) WHERE message IS NOT NULL;

-- The keys of cards and of replies to requests name their platform now. What is out keeps the key under which the platform may have it.
UPDATE effects SET dedupe = dedupe || '@' || driver
    WHERE (dedupe LIKE 'card-%' OR dedupe LIKE 'reply-A-%') AND (is_live = 0 OR state = 0);

CREATE TABLE chat_emails (platform TEXT NOT NULL, user TEXT NOT NULL, email TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (platform, user));
CREATE TABLE sessions (driver TEXT PRIMARY KEY, kept TEXT NOT NULL);
CREATE TABLE closed_rooms (platform TEXT NOT NULL, channel TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (platform, channel));
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

CREATE TABLE readings (case_id INTEGER NOT NULL, biller TEXT NOT NULL, customer TEXT NOT NULL, answer TEXT, PRIMARY KEY (case_id, biller, customer));
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
CREATE TABLE opened (ref TEXT NOT NULL, person TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (ref, person));
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
CREATE INDEX proposals_asked ON proposals (expires_ms, id) WHERE state = 2;
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
CREATE INDEX proposals_when ON proposals (created_ms) WHERE asked = 1;

-- A request keeps what it was asked on; votes are cast on whatever has a reference, each with the right it was given by.
ALTER TABLE proposals ADD COLUMN basis TEXT NOT NULL DEFAULT '{}';
ALTER TABLE votes RENAME TO votes_1;
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
INSERT INTO votes (subject, person, vote, holder, right_used, reason, revision, at_ms)
    SELECT 'A-' || proposal_id, person, vote, person, right_used, reason, revision, at_ms FROM votes_1;
DROP TABLE votes_1;

-- One-time codes.
CREATE TABLE step_up (
    person TEXT PRIMARY KEY,
    enrolled_ms INTEGER NOT NULL,
    last_step INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    locked_until_ms INTEGER NOT NULL
);

-- Lent rights, and who is away.
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

-- Only the oldest effect of a lane may run, and is marked.
ALTER TABLE effects ADD COLUMN is_head INTEGER NOT NULL DEFAULT 0;
ALTER TABLE effects ADD COLUMN wrote INTEGER NOT NULL DEFAULT 0;
UPDATE effects SET wrote = 2 WHERE is_live = 1 AND attempts > 0;
UPDATE effects SET is_head = 1 WHERE id IN (SELECT min(id) FROM effects WHERE is_live = 1 GROUP BY lane);
DROP INDEX effects_due;
CREATE INDEX effects_due ON effects (state, not_before_ms, id) WHERE is_head = 1;
CREATE INDEX effects_case ON effects (case_id) WHERE is_live = 1 AND case_id > 0;

-- What was seen in chat is forgotten by its order, without an index of its age.
ALTER TABLE chat_seen RENAME TO chat_seen_1;
DROP INDEX chat_seen_age;
CREATE TABLE chat_seen (seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, platform TEXT NOT NULL, dedupe TEXT NOT NULL);
INSERT INTO chat_seen (at_ms, platform, dedupe) SELECT at_ms, platform, dedupe FROM chat_seen_1 ORDER BY at_ms;
DROP TABLE chat_seen_1;
CREATE UNIQUE INDEX chat_seen_once ON chat_seen (dedupe, platform);

-- Changes of the policy that people decide on.
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

-- Bodies of a chat that could not be read at all, for whoever looks into it: the newest few, and the beginning of each.
CREATE TABLE unreadable (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, platform TEXT NOT NULL, bytes INTEGER NOT NULL, body BLOB NOT NULL);

-- Payments that a customer's bank takes back.
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
