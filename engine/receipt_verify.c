/* Comparing what decides with the journal. The journal is read once, oldest first, and of each request the newest seal is kept
 * and of each vote and card the hash; then the tables are looked at. A row that was edited, put in, or taken away differs
 * from what the chain says, and the first such row is named. */
#include <stdio.h>
#include <string.h>

#include "engine/facts.h"
#include "engine/receipt.h"
#include "engine/scan.h"

struct check {
    struct store *s;
    json_t *seals;  /* {"A-17": hash} the newest */
    json_t *votes;  /* {"A-17 manager1": hash} the newest */
    json_t *cards;  /* {hash: "A-17"} */
    struct err *e;
    int rc;
};

static void wrong(struct check *c, const char *kind, const char *which, const char *problem)
{
    if (c->rc == 0)
        c->rc = err_set(c->e, ERR_INVALID, "%s %s %s", kind, which, problem);
}

/* A row without the hash is of a time before there were any: known, but nothing to compare with. */
static void take(json_t *map, const char *key, const struct scan_field *f)
{
    char hash[65];
    if (f->value.p && scan_copy(f, hash, sizeof hash) == 0)
        json_put(map, key, hash);
    else if (!json_object_get(map, key))
        json_put(map, key, NULL);
}

static void journal_row(struct check *c, const char *ref, const char *actor, const char *verb, const char *detail)
{
    struct scan_field f[] = {{.path = "seal"}, {.path = "vote"}, {.path = "card"}};
    if (!detail || scan_json(span_of(detail), f, DW_ARRAY_LEN(f)) != 0)
        memset(f, 0, sizeof f);
    take(c->seals, ref, &f[0]);
    if (strncmp(verb, "decision.", strlen("decision.")) != 0)
        return;
    char hash[65];
    AUTO_STR vote = str_fmt("%s %s", ref, actor);
    json_object_del(c->votes, vote); /* the newest word of a person stands */
    if (!str_eq(verb, "decision.unvote")) /* taken back: there is no row any more */
        take(c->votes, vote, &f[1]);
    if (f[2].value.p && scan_copy(&f[2], hash, sizeof hash) == 0)
        json_put(c->cards, hash, ref);
}

static void read_journal(struct check *c)
{
    struct query *q = store_query(c->s, "SELECT ref, actor, verb, detail FROM journal WHERE ref LIKE 'A-%' OR ref LIKE 'P-%' ORDER BY seq", "");
    while (query_next(q))
        journal_row(c, query_text(q, 0), query_text(q, 1), query_text(q, 2), query_text(q, 3));
}

static void check_requests(struct check *c)
{
    const char *ref;
    json_t *seal;
    json_object_foreach(c->seals, ref, seal) {
        char now[65];
        if (!seal_of(c->s, ref, now))
            wrong(c, "request", ref, "is gone from the store, and the journal has it");
        else if (json_is_string(seal) && !str_eq(now, json_string_value(seal)))
            wrong(c, "request", ref, "or what billing answered to it was changed after it was written");
    }
    struct query *q = store_query(c->s, "SELECT 'A-' || id FROM proposals UNION ALL SELECT 'P-' || id FROM policy_requests", "");
    while (query_next(q))
        if (!json_object_get(c->seals, query_text(q, 0)))
            wrong(c, "request", query_text(q, 0), "is in the store, and the journal does not know it");
}

static void check_votes(struct check *c)
{
    struct query *q = store_query(c->s, "SELECT vote, holder || ':' || right_used, reason, revision, at_ms, subject, person FROM votes", "");
    while (query_next(q)) {
        char hash[65];
        AUTO_BUF text = BUF(64 << 10);
        receipt_vote_text(q, &text);
        text_sha256(hash, buf_text(&text));
        AUTO_STR key = str_fmt("%s %s", query_text(q, 5), query_text(q, 6));
        const json_t *said = json_object_get(c->votes, key);
        if (!said || (json_is_string(said) && !str_eq(json_string_value(said), hash)))
            wrong(c, "the vote on", key, "was changed after it was written");
        json_object_del(c->votes, key);
    }
    const char *missing;
    json_t *hash;
    json_object_foreach(c->votes, missing, hash)
        if (json_is_string(hash))
            wrong(c, "the vote on", missing, "is gone from the store");
}

static void check_cards(struct check *c)
{
    struct query *q = store_query(c->s, "SELECT ref, hash, card FROM shown", "");
    while (query_next(q)) {
        char hash[65];
        text_sha256(hash, query_text(q, 2));
        if (!str_eq(hash, query_text(q, 1)))
            wrong(c, "a card that was shown of", query_text(q, 0), "was changed after it was written");
        json_object_del(c->cards, query_text(q, 1));
    }
    const char *missing;
    json_t *ref;
    json_object_foreach(c->cards, missing, ref)
        wrong(c, "the card that was decided on of", json_string_value(ref), "is gone from the store");
}

static void check_receipts(struct check *c)
{
    struct query *q = store_query(c->s, "SELECT r.id, r.ref, r.card, j.ref, j.hash, j.detail, r.person, j.actor, r.at_ms, j.at_ms FROM receipts r LEFT JOIN journal j ON j.seq = r.seq", "");
    while (query_next(q)) {
        json_auto_t *detail = query_json(q, 5);
        bool same = str_eq(query_text(q, 1), query_text(q, 3)) && str_eq(query_text(q, 6), query_text(q, 7)) && query_i64(q, 8) == query_i64(q, 9);
        if (!same || !str_eq(query_text(q, 2), json_str(detail, "card", "")) ||
            !receipt_fits(query_text(q, 0), query_blob(q, 4)))
            wrong(c, "receipt", query_text(q, 0), "does not belong to its journal row any more");
    }
}

int seals_verify(struct store *s, struct err *e)
{
    struct check c = {.s = s, .seals = json_object(), .votes = json_object(), .cards = json_object(), .e = e};
    read_journal(&c);
    check_requests(&c);
    check_votes(&c);
    check_cards(&c);
    check_receipts(&c);
    json_decref(c.seals);
    json_decref(c.votes);
    json_decref(c.cards);
    int rc = store_failed(s, e); /* half a table agrees with nothing */
    return rc ? rc : c.rc;
}
