/* What an approver saw is kept by its hash, and the decision names that hash; so years later, without any peer, the card can be
 * shown again and proven. While a request is open each different card of it is kept once; when it is settled only those
 * remain on which somebody decided. A receipt's id is made of the hash of its journal row: it cannot be chosen, and whoever
 * holds it holds a piece of the chain. */
#include "engine/receipt.h"

#include <stdio.h>
#include <string.h>

#include "engine/facts.h"

enum { RECEIPT_TRIES = 24 };

static int64_t number_of(const char *ref)
{
    int64_t n = 0;
    for (const char *c = ref; *c; c++)
        n = *c >= '0' && *c <= '9' ? n * 10 + (*c - '0') : 0;
    return n;
}

void shown_keep(struct engine *e, const char *ref, const char *hash, const char *card)
{
    if (ref[0] == 'P')
        store_run(e->store,
                  "INSERT INTO shown (ref, hash, revision, at_ms, card) SELECT ?1, ?2, revision, ?3, ?4 FROM policy_requests WHERE id = ?5 AND state = 'asked' "
                  "ON CONFLICT (ref, hash) DO UPDATE SET at_ms = excluded.at_ms, revision = excluded.revision",
                  "ttiti", ref, hash, e->now_ms, card, number_of(ref));
    else
        store_run(e->store,
                  "INSERT INTO shown (ref, hash, revision, at_ms, card) SELECT ?1, ?2, revision, ?3, ?4 FROM proposals WHERE id = ?5 AND state = 2 "
                  "ON CONFLICT (ref, hash) DO UPDATE SET at_ms = excluded.at_ms, revision = excluded.revision",
                  "ttiti", ref, hash, e->now_ms, card, number_of(ref));
}

void shown_hash(struct engine *e, const char *ref, int64_t revision, char hash[65])
{
    hash[0] = '\0';
    struct query *q = store_query(e->store, "SELECT hash FROM shown WHERE ref = ?1 AND (revision = ?2 OR ?2 = 0) ORDER BY at_ms DESC LIMIT 1", "ti", ref, revision);
    if (query_next(q)) {
        str_copy(hash, 65, query_text(q, 0));
        query_end(q);
    }
}

void shown_settle(struct engine *e, const char *ref)
{
    store_run(e->store, "DELETE FROM shown WHERE ref = ?1 AND hash NOT IN (SELECT card FROM receipts WHERE ref = ?1)", "t", ref);
}

void receipt_vote_text(struct query *q, struct buf *out)
{
    for (int i = 0; i < 3; i++) {
        const char *text = query_text(q, i) ? query_text(q, i) : "";
        buf_addf(out, "%zu:%s,", strlen(text), text);
    }
    buf_addf(out, "%lld,%lld", (long long)query_i64(q, 3), (long long)query_i64(q, 4));
}

#define VOTE "SELECT vote, holder || ':' || right_used, reason, revision, at_ms FROM votes WHERE subject = ?1 AND person = ?2"

static bool vote_hash(struct store *s, const char *ref, const char *person, char out[65])
{
    AUTO_BUF text = BUF(64 << 10);
    struct query *q = store_query(s, VOTE, "tt", ref, person);
    if (!query_next(q))
        return false;
    receipt_vote_text(q, &text);
    text_sha256(out, buf_text(&text));
    query_end(q);
    return true;
}

void receipt_detail(struct engine *e, const char *ref, const struct actor *who, int64_t revision, json_t *detail)
{
    char hash[65];
    shown_hash(e, ref, revision, hash);
    if (hash[0])
        json_put(detail, "card", hash);
    if (vote_hash(e->store, ref, actor_key(who), hash))
        json_put(detail, "vote", hash);
}

/* Eight characters of the row's hash that nobody misreads; further on in the hash when they are taken. */
static void receipt_id(const unsigned char hash[32], size_t from, char out[RECEIPT_SIZE])
{
    static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    memcpy(out, "R-", 2);
    for (size_t i = 0; i < 8; i++)
        out[2 + i] = letters[hash[(from + i) % 32] & 31];
    out[10] = '\0';
}

void receipt_add(struct engine *e, const char *ref, const json_t *detail)
{
    char id[RECEIPT_SIZE];
    for (size_t from = 0; from < RECEIPT_TRIES; from++) {
        receipt_id(e->memo.head, from, id);
        if (store_run(e->store, "INSERT INTO receipts (id, ref, seq, card, person, at_ms) SELECT ?1, ?2, seq, ?4, actor, at_ms FROM journal WHERE seq = ?3 ON CONFLICT DO NOTHING",
                      "ttit", id, ref, e->memo.head_seq, json_str(detail, "card", "")) == 1)
            return;
    }
}

bool receipt_fits(const char *id, struct span row_hash)
{
    char fits[RECEIPT_SIZE];
    for (size_t from = 0; row_hash.n == 32 && from < RECEIPT_TRIES; from++) {
        receipt_id((const unsigned char *)row_hash.p, from, fits);
        if (str_eq(fits, id))
            return true;
    }
    return false;
}

void opened_note(struct engine *e, const struct person *who, int64_t case_id)
{
    if (person_has(who, ROLE_MANAGER | ROLE_FINANCE))
        store_run(e->store,
                  "INSERT INTO opened (ref, person, at_ms) SELECT 'A-' || id, ?2, ?3 FROM proposals WHERE case_id = ?1 AND is_live = 1 AND state = 2 "
                  "ON CONFLICT (ref, person) DO NOTHING",
                  "iti", case_id, who->key, e->now_ms);
}

const char *receipt_of(struct engine *e, const char *ref, char out[RECEIPT_SIZE])
{
    out[0] = '\0';
    struct query *q = store_query(e->store, "SELECT id FROM receipts WHERE ref = ?1 ORDER BY seq DESC LIMIT 1", "t", ref);
    if (query_next(q)) {
        str_copy(out, RECEIPT_SIZE, query_text(q, 0));
        query_end(q);
    }
    return out;
}

size_t receipts_find(struct store *s, const char *id_or_ref, struct receipt *out, size_t most)
{
    size_t n = 0;
    struct query *q = store_query(s, "SELECT seq, id FROM receipts WHERE id = ?1 OR ref = ?1 ORDER BY seq LIMIT ?2", "ti", id_or_ref, (int64_t)most);
    for (; query_next(q); n++) {
        out[n].seq = query_i64(q, 0);
        str_copy(out[n].id, sizeof out[n].id, query_text(q, 1));
    }
    return n;
}

/* ---- seals ---- */

static void seal_row(struct query *q, int columns, struct buf *out)
{
    for (int i = 0; i < columns; i++) {
        const char *text = query_text(q, i) ? query_text(q, i) : "";
        buf_addf(out, "%zu:", strlen(text));
        buf_adds(out, text);
    }
}

static bool seal_of_policy(struct store *s, int64_t id, char out[65])
{
    AUTO_BUF text = BUF(8 << 20);
    struct query *q = store_query(s,
                                  "SELECT id, state, requester, reason, before, version, text, difference, effect, created_ms, decided_ms, revision, outcome FROM "
                                  "policy_requests WHERE id = ?1",
                                  "i", id);
    if (!query_next(q))
        return false;
    seal_row(q, 13, &text);
    query_end(q);
    text_sha256(out, buf_text(&text));
    return true;
}

static bool seal_of_proposal(struct store *s, int64_t proposal_id, char out[65])
{
    AUTO_BUF text = BUF(8 << 20);
    struct query *q = store_query(s,
                                  "SELECT id, case_id, verb, state, is_live, created_ms, expires_ms, requester, reason, bound, terms, amount, currency, facts_hash, "
                                  "policy, asked, decider, decider_right, decision_reason, decided_ms, vendor_id, outcome, replaces, revision, basis FROM proposals WHERE id = ?1",
                                  "i", proposal_id);
    if (!query_next(q))
        return false;
    seal_row(q, 25, &text);
    query_end(q);
    q = store_query(s,
                    "SELECT id, driver, op, dedupe, finished_ms, result, reason FROM effects WHERE proposal_id = ?1 AND proposal_id > 0 AND is_live = 0 AND result "
                    "IS NOT NULL ORDER BY id",
                    "i", proposal_id);
    while (query_next(q))
        seal_row(q, 7, &text);
    text_sha256(out, buf_text(&text));
    return true;
}

bool seal_of(struct store *s, const char *ref, char out[65])
{
    return ref[0] == 'P' ? seal_of_policy(s, number_of(ref), out) : seal_of_proposal(s, number_of(ref), out);
}
