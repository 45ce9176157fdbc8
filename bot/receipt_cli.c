/* dunwell journal receipt: one decision, or all on one request, whole, from the store alone.
 *
 * The card is the stored one of the revision that was decided on, rendered as the console renders it, with its moments as they
 * stood then. The proof at the end is the same as `journal verify` makes: the chain up to its head, and the hashes of all that
 * is printed here. With a broken proof everything is still printed, and the first line says that it cannot be believed. */
#include "bot/receipt_cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/chat/console.h"
#include "bot/cmdline.h"
#include "engine/facts.h"
#include "engine/receipt.h"
#include "engine/when.h"

enum { DECISIONS_MOST = 32 };

struct decision {
    int64_t seq, at_ms;
    char *actor, *verb, *ref, *text;
    json_t *detail;
    char hash[65], before[65];
};

static void decision_fini(struct decision *d)
{
    free(d->actor);
    free(d->verb);
    free(d->ref);
    free(d->text);
    json_decref(d->detail);
}

static void hex(char out[65], struct span blob)
{
    out[0] = '\0';
    for (size_t i = 0; i < blob.n && i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", (unsigned char)blob.p[i]);
}

static bool decision_load(struct store *s, int64_t seq, struct decision *d)
{
    *d = (struct decision){.seq = seq};
    struct query *q = store_query(s, "SELECT at_ms, actor, verb, ref, text, detail, hash FROM journal WHERE seq = ?1", "i", seq);
    if (!query_next(q))
        return false;
    d->at_ms = query_i64(q, 0);
    d->actor = str_dup(query_text(q, 1));
    d->verb = str_dup(query_text(q, 2));
    d->ref = str_dup(query_text(q, 3));
    d->text = str_dup(query_text(q, 4));
    d->detail = query_json(q, 5);
    hex(d->hash, query_blob(q, 6));
    query_end(q);
    str_copy(d->before, sizeof d->before, "the beginning");
    q = store_query(s, "SELECT hash FROM journal WHERE seq = ?1 - 1", "i", seq);
    if (query_next(q)) {
        hex(d->before, query_blob(q, 0));
        query_end(q);
    }
    return true;
}

static void print_pair(const char *label, const char *value)
{
    if (!value || !value[0])
        return;
    printf("  %-10s ", label);
    print_safe(stdout, value);
    putchar('\n');
}

static void print_decision(const struct decision *d, const char *id)
{
    char at[WHEN_TEXT_SIZE];
    printf("Receipt %s: ", id);
    print_safe(stdout, d->text);
    putchar('\n');
    print_pair("on", when_rfc3339(at, d->at_ms));
    print_pair("by", d->actor);
    print_pair("right", json_str(d->detail, "right", ""));
    print_pair("reason", json_str(d->detail, "reason", ""));
    print_pair("facts", json_str(d->detail, "facts_hash", ""));
    print_pair("policy", json_str(d->detail, "version", ""));
}

static void print_card(struct store *s, const struct decision *d)
{
    const char *hash = json_str(d->detail, "card", "");
    struct query *q = store_query(s, "SELECT card, revision FROM shown WHERE ref = ?1 AND hash = ?2", "tt", d->ref, hash);
    if (!query_next(q)) {
        printf("\nThe card: none was posted before the decision%s%s\n", hash[0] ? ", or it is gone: " : "", hash);
        return;
    }
    json_auto_t *card = query_json(q, 0);
    printf("\nThe card as it was seen, revision %" PRId64 ", sha256 %s:\n", query_i64(q, 1), hash);
    query_end(q);
    struct console_lines lines = {0};
    AUTO_BUF out = BUF(1 << 20);
    console_lines_of_card(&lines, card);
    console_box(&out, d->ref, &lines, d->at_ms, false);
    fputs(buf_text(&out), stdout);
    console_lines_fini(&lines);
}

static const char *effect_words(int64_t state)
{
    static const char *const words[] = {"queued", "sent, not answered yet", "unknown, reconciling", "to be looked at again", "done", "refused", "cancelled"};
    return state >= 0 && state < (int64_t)DW_ARRAY_LEN(words) ? words[state] : "?";
}

static void print_effects(struct store *s, int64_t proposal_id)
{
    char at[WHEN_TEXT_SIZE];
    int64_t n = 0;
    struct query *q = store_query(s,
                                  "SELECT driver, op, dedupe, state, finished_ms, result, reason FROM effects WHERE proposal_id = ?1 AND proposal_id > 0 ORDER BY id", "i",
                                  proposal_id);
    printf("\nWhat was executed:\n");
    for (; query_next(q); n++) {
        printf("  %s at %s, key %s: %s%s%s\n", query_text(q, 1), query_text(q, 0), query_text(q, 2), effect_words(query_i64(q, 3)),
               query_i64(q, 4) ? " on " : "", query_i64(q, 4) ? when_rfc3339(at, query_i64(q, 4)) : "");
        print_pair("answered", query_text(q, 5));
        print_pair("said", query_text(q, 6));
    }
    if (n == 0)
        printf("  nothing\n");
}

/* Of a change of the policy: what is in force by it. */
static void print_policy(struct store *s, int64_t id)
{
    char at[WHEN_TEXT_SIZE], hash[65];
    struct query *q = store_query(s, "SELECT state, version, before, decided_ms, outcome, text FROM policy_requests WHERE id = ?1", "i", id);
    if (!query_next(q))
        return;
    text_sha256(hash, query_text(q, 5));
    printf("\nWhat was executed:\n");
    if (str_eq(query_text(q, 0), "in_force"))
        printf("  policy %s came into force instead of %s on %s\n", query_text(q, 1), query_text(q, 2), when_rfc3339(at, query_i64(q, 3)));
    else
        printf("  nothing\n");
    print_pair("because", query_text(q, 4));
    print_pair("its file", hash);
    query_end(q);
}

static void print_state(struct store *s, const char *ref)
{
    struct query *q = store_query(s, "SELECT at_ms, verb, text FROM journal WHERE ref = ?1 ORDER BY seq DESC LIMIT 1", "t", ref);
    char at[WHEN_TEXT_SIZE];
    if (!query_next(q))
        return;
    printf("  last row of %s (%s, %s): ", ref, query_text(q, 1), when_rfc3339(at, query_i64(q, 0)));
    print_safe(stdout, query_text(q, 2));
    putchar('\n');
    query_end(q);
}

static int print_proof(struct store *s, const struct decision *d, size_t n)
{
    struct journal_report report = {0};
    struct err e = {0};
    int rc = journal_verify(s, &report, &e);
    printf("\nProof:\n");
    for (size_t i = 0; i < n; i++)
        printf("  journal row %" PRId64 ", hash %s\n  after a row with hash %s\n", d[i].seq, d[i].hash, d[i].before);
    if (rc != 0) {
        printf("  BROKEN: %s\n", e.text);
        return EXIT_PROBLEMS;
    }
    printf("  the chain of %" PRId64 " rows holds, head %s\n", report.rows, report.head);
    rc = journal_end_verify(s, &e);
    rc = rc ? rc : seals_verify(s, &e);
    printf(rc == 0 ? "  requests, votes, cards and billing's answers are as the journal has them%s\n" : "  BROKEN: %s\n", rc == 0 ? "" : e.text);
    return rc == 0 ? EXIT_FINE : EXIT_PROBLEMS;
}

static int no_receipt(const char *id)
{
    fputs("dunwell: there is no receipt \"", stderr);
    print_safe(stderr, id);
    fputs("\"; its id stands on the card of each decision, such as R-7K3M9QXZ; A-17 or P-3 names all decisions on that request\n", stderr);
    return EXIT_PROBLEMS;
}

int receipt_print(struct store *s, const char *id)
{
    char key[32];
    struct receipt named[DECISIONS_MOST];
    struct decision d[DECISIONS_MOST];
    size_t n = 0;
    str_copy(key, sizeof key, id);
    for (char *c = key; *c; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    size_t most = receipts_find(s, key, named, DECISIONS_MOST);
    while (n < most && decision_load(s, named[n].seq, &d[n])) {
        printf("%s", n ? "\n" : "");
        print_decision(&d[n], named[n].id);
        print_card(s, &d[n]);
        n++;
    }
    if (n == 0)
        return no_receipt(id);
    if (d[0].ref[0] == 'P')
        print_policy(s, strtoll(d[0].ref + 2, NULL, 10));
    else
        print_effects(s, strtoll(d[0].ref + 2, NULL, 10));
    print_state(s, d[0].ref);
    int code = print_proof(s, d, n);
    while (n-- > 0)
        decision_fini(&d[n]);
    return code;
}
