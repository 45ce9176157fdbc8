/* The end of the journal. A chain whose newest rows were taken away holds all the same, for nothing in it points forward. Two things
 * outside of it do. The rest of the store: decisions, notes, promises and cases each left a row behind, so did the event that was handled
 * last, and the newest word about a case or a hold names the state it is in. Whoever deletes rows by hand does not think of all that; whoever does can make
 * it fit, so this is no proof. And what somebody kept elsewhere: a hash and a number of rows, against which nothing helps. The store is
 * believed to be of one moment (store.h), and its chain to hold. */
#include <stdio.h>
#include <string.h>

#include "engine/hold.h"
#include "engine/journal.h"

enum { DECISIONS, NOTES, CASES, PROMISES, COUNTED };
enum { HASH_SIZE = 32 };

static const struct {
    const char *sql, *what;
} counted[COUNTED] = {
    [DECISIONS] = {"SELECT count(*) FROM decisions", "decisions"},
    [NOTES] = {"SELECT count(*) FROM notes", "notes"},
    [CASES] = {"SELECT count(*) FROM recoveries", "cases"},
    [PROMISES] = {"SELECT count(*) FROM promises", "promises"},
};

struct told {
    int64_t rows[COUNTED];
    json_t *states; /* {"N-1": "held", "H-3": "active"}: the newest word */
    char *event;    /* id of the event that was handled last; NULL: none, or one that cannot be looked for */
    bool event_told;
};

/* One whose customer is still being asked for has no row yet, and which that is stands nowhere: then none is looked for. */
static char *event_handled_last(struct store *s)
{
    if (store_i64(s, 0, "SELECT count(*) FROM effects WHERE purpose = 'resolve' AND is_live = 1", "") > 0)
        return NULL;
    struct query *q = store_query(s,
                                  "SELECT ext_id FROM inbox WHERE seq <= (SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'inbox_done') "
                                  "ORDER BY seq DESC LIMIT 1",
                                  "");
    char *id = query_next(q) ? str_dup(query_text(q, 0)) : NULL;
    if (id)
        query_end(q);
    for (const char *c = id; c && *c; c++)
        if (*c <= ' ' || *c > '~') { /* in a sentence it may stand otherwise */
            free(id);
            return NULL;
        }
    return id;
}

/* The event that opens a case is named in the sentence that says so. */
static bool tells_of_event(const struct told *t, const char *verb, const char *ref, const char *text)
{
    if (strncmp(verb, "event.", 6) == 0)
        return str_eq(ref, t->event);
    AUTO_STR named = str_fmt("(%s)", t->event);
    return str_eq(verb, "case.opened") && strstr(text, named) != NULL;
}

static bool is_hold_state(const char *name)
{
    for (int i = HOLD_STARTING; i <= HOLD_FAILED; i++)
        if (str_eq(name, hold_state_name((enum hold_state)i)))
            return true;
    return false;
}

static void row_take(struct told *t, const char *verb, const char *ref, const char *text)
{
    static const struct {
        const char *verb;
        int kind;
    } verbs[] = {{"decided", DECISIONS}, {"note", NOTES}, {"case.opened", CASES}, {"promise", PROMISES}};
    for (size_t i = 0; i < DW_ARRAY_LEN(verbs); i++)
        if (str_eq(verb, verbs[i].verb))
            t->rows[verbs[i].kind]++;
    t->event_told = t->event_told || (t->event && tells_of_event(t, verb, ref, text));
    const char *last = strrchr(text, ' '); /* "Case N-1 went from reading to held" */
    if (str_eq(verb, "case.moved") && last)
        json_put(t->states, ref, last + 1);
    else if (strncmp(verb, "hold.", 5) == 0 && is_hold_state(verb + 5)) /* others are what people said */
        json_put(t->states, ref, verb + 5);
}

static void journal_read(struct store *s, struct told *t)
{
    struct query *q = store_query(s,
                                  "SELECT verb, ref, text FROM journal WHERE verb IN ('decided', 'note', 'case.opened', 'promise', 'event.seen', "
                                  "'event.ignored', 'case.moved') OR verb LIKE 'hold.%' ORDER BY seq",
                                  "");
    while (query_next(q))
        row_take(t, query_text(q, 0), query_text(q, 1), query_text(q, 2));
}

static int counts_fit(struct store *s, const struct told *t, struct err *e)
{
    for (size_t i = 0; i < COUNTED; i++) {
        int64_t there = store_i64(s, 0, counted[i].sql, "");
        if (there > t->rows[i])
            return err_set(e, ERR_INVALID, "there are %lld %s, and it tells of %lld: rows at its end are missing", (long long)there, counted[i].what,
                           (long long)t->rows[i]);
    }
    if (t->event && !t->event_told)
        return err_set(e, ERR_INVALID, "the event %s was handled, and it does not tell of that: rows at its end are missing", t->event);
    return 0;
}

/* first: where it begins, without a row. */
static int state_fits(const struct told *t, const char *ref, const char *what, const char *is, const char *first, struct err *e)
{
    const char *said = json_string_value(json_object_get(t->states, ref));
    said = said ? said : first;
    if (str_eq(said, is))
        return 0;
    return err_set(e, ERR_INVALID, "%s %s is %s, and the last that it tells is %s: rows at its end are missing, or that was changed", what, ref, is,
                   said);
}

/* Another hand may have put any number there. */
static const char *state_name(bool of_case, int64_t state)
{
    if (state < 0 || state > (of_case ? (int64_t)RECOVERY_CLOSED : (int64_t)HOLD_FAILED))
        return "in no state";
    return of_case ? recovery_state_name((enum recovery_state)state) : hold_state_name((enum hold_state)state);
}

static int states_fit(struct store *s, const struct told *t, struct err *e)
{
    int rc = 0;
    struct query *q = store_query(s, "SELECT 'N-' || id, state FROM recoveries UNION ALL SELECT 'H-' || id, state FROM holds", "");
    while (rc == 0 && query_next(q)) {
        const char *ref = query_text(q, 0);
        bool of_case = ref[0] == 'N';
        int64_t state = query_i64(q, 1);
        rc = state_fits(t, ref, of_case ? "case" : "hold", state_name(of_case, state), state_name(of_case, 0), e);
        if (rc)
            query_end(q);
    }
    return rc;
}

int journal_end_verify(struct store *s, struct err *e)
{
    struct told t = {.states = json_object(), .event = event_handled_last(s)};
    journal_read(s, &t);
    int rc = counts_fit(s, &t, e);
    rc = rc ? rc : states_fit(s, &t, e);
    json_decref(t.states);
    free(t.event);
    int failed = store_failed(s, e); /* half a table agrees with nothing */
    return failed ? failed : rc;
}

/* ---- what was kept elsewhere ---- */

static bool hash_read(const char *hex, unsigned char out[HASH_SIZE])
{
    if (strlen(hex) != 2 * HASH_SIZE || strspn(hex, "0123456789abcdefABCDEF") != 2 * HASH_SIZE)
        return false;
    for (int i = 0; i < HASH_SIZE; i++) {
        unsigned int byte;
        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            return false;
        out[i] = (unsigned char)byte;
    }
    return true;
}

int journal_kept_verify(struct store *s, const char *head, int64_t rows, struct err *e)
{
    unsigned char hash[HASH_SIZE];
    int64_t now = store_i64(s, 0, "SELECT coalesce(max(seq), 0) FROM journal", "");
    if (head && !hash_read(head, hash))
        return err_set(e, ERR_INVALID, "%.80s is no hash", head);
    struct span wanted = {.p = (const char *)hash, .n = HASH_SIZE};
    int64_t at = head ? store_i64(s, 0, "SELECT seq FROM journal WHERE hash = ?1", "b", wanted) : rows;
    int failed = store_failed(s, e);
    if (failed)
        return failed;
    if (rows > now)
        return err_set(e, ERR_INVALID, "it has %lld rows, and had %lld before: rows at its end are missing", (long long)now, (long long)rows);
    if (head && at == 0)
        return err_set(e, ERR_INVALID, "no row has the hash %s: what it was the head of is missing, or was written anew", head);
    if (rows > 0 && at != rows)
        return err_set(e, ERR_INVALID, "the hash %s is of row %lld, not of row %lld: it was written anew", head, (long long)at, (long long)rows);
    return 0;
}
