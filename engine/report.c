/* What the receipts, the requests and the plans say about a stretch of time. Decisions come off the index of receipts by their
 * time, so a report of a month costs a month, however long Dunwell has run. */
#include "engine/report.h"

#include <stdlib.h>
#include <string.h>

#include "engine/proposal.h"
#include "engine/when.h"

enum { TIMES_MOST = 100000 };
#define HASTY_MS (5 * MS_SECOND)

/* ---- rows ---- */

/* rows["manager1 plan"]: the row of a person and a kind, with its times to decide still in it. */
static json_t *row_of(json_t *rows, const char *person, const char *kind)
{
    static const char *const figures[] = {"asked", "decided", "approved", "declined", "countered", "emergency", "hasty", "overturned", "kept", "broken"};
    AUTO_STR key = str_fmt("%s %s", person, kind);
    json_t *row = json_object_get(rows, key);
    if (row)
        return row;
    row = json_object();
    json_put(row, "person", person);
    json_put(row, "kind", kind);
    for (size_t i = 0; i < DW_ARRAY_LEN(figures); i++)
        json_put_i64(row, figures[i], 0);
    json_put_new(row, "times", json_array());
    json_put_new(rows, key, row);
    return row;
}

static void count(json_t *row, const char *figure, bool yes)
{
    if (yes)
        json_put_i64(row, figure, json_i64(row, figure, 0) + 1);
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* The list of times becomes its median and its 90th percentile, by the nearest rank. */
static void settle_times(json_t *row)
{
    const json_t *times = json_object_get(row, "times");
    size_t n = json_array_size(times);
    int64_t *all = mem_alloc((n + 1) * sizeof *all);
    for (size_t i = 0; i < n; i++)
        all[i] = json_integer_value(json_array_get(times, i));
    qsort(all, n, sizeof *all, by_size);
    if (n > 0) {
        json_put_i64(row, "median_ms", all[(n + 1) / 2 - 1]);
        json_put_i64(row, "p90_ms", all[(n * 9 + 9) / 10 - 1]);
    }
    free(all);
    json_object_del(row, "times");
}

/* ---- decisions ---- */

struct decided {
    const char *person, *kind, *verb, *ref;
    int64_t at_ms, asked_ms, opened_ms; /* opened_ms 0: the details were not looked at */
    enum proposal_state state;
    const char *plan; /* its state, or "" */
    bool undone;      /* taken back by whoever asked or decided */
};

static void count_decision(json_t *rows, const struct decided *d)
{
    json_t *row = row_of(rows, d->person, d->kind);
    json_t *times = json_object_get(row, "times");
    int64_t took = d->at_ms - d->asked_ms;
    bool emergency = str_eq(d->verb, "decision.break_glass"), yes = emergency || str_eq(d->verb, "decision.yes");
    bool over = d->undone || d->state == PROPOSAL_FAILED || d->state == PROPOSAL_WITHDRAWN || d->state == PROPOSAL_VOIDED;
    count(row, "decided", true);
    count(row, "approved", yes);
    count(row, "declined", str_eq(d->verb, "decision.no"));
    count(row, "countered", str_eq(d->verb, "decision.counter"));
    count(row, "emergency", emergency);
    count(row, "overturned", yes && over);
    count(row, "hasty", took < HASTY_MS && (d->opened_ms == 0 || d->opened_ms > d->at_ms));
    count(row, "kept", yes && str_eq(d->plan, "kept"));
    count(row, "broken", yes && str_eq(d->plan, "broken"));
    if (json_array_size(times) < TIMES_MOST)
        json_array_append_new(times, json_integer((json_int_t)(took > 0 ? took : 0)));
}

static void add_emergency(json_t *list, const struct decided *d, const char *receipt, const json_t *detail)
{
    json_t *row = json_object();
    json_put(row, "person", d->person);
    json_put(row, "ref", d->ref);
    json_put(row, "reason", json_str(detail, "reason", ""));
    json_put_i64(row, "at_ms", d->at_ms);
    json_put(row, "receipt", receipt);
    json_array_append_new(list, row);
}

static void read_decisions(struct store *s, int64_t from_ms, int64_t to_ms, json_t *rows, json_t *emergencies)
{
    struct query *q = store_query(
        s,
        "SELECT r.person, r.ref, r.at_ms, r.id, j.verb, j.detail, p.verb, p.created_ms, p.state, "
        "(SELECT o.at_ms FROM opened o WHERE o.ref = r.ref AND o.person = r.person), "
        "(SELECT l.state FROM plans l WHERE l.case_id = p.case_id AND l.proposal_id = p.id), "
        "(SELECT min(g.at_ms) FROM pings g WHERE g.ref = r.ref AND g.person = r.person), "
        "(SELECT count(*) FROM receipts u JOIN journal k ON k.seq = u.seq WHERE u.ref = r.ref AND k.verb = 'decision.undo') "
        "FROM receipts r JOIN journal j ON j.seq = r.seq JOIN proposals p ON p.id = CAST(substr(r.ref, 3) AS INTEGER) "
        "WHERE r.at_ms >= ?1 AND r.at_ms < ?2 AND r.ref LIKE 'A-%' AND j.verb <> 'decision.undo' ORDER BY r.at_ms",
        "ii", from_ms, to_ms);
    while (query_next(q)) {
        struct decided d = {.person = query_text(q, 0), .ref = query_text(q, 1), .at_ms = query_i64(q, 2), .verb = query_text(q, 4),
                            .kind = verb_name((enum verb)query_i64(q, 6)), .asked_ms = query_i64(q, 11) ? query_i64(q, 11) : query_i64(q, 7),
                            .state = (enum proposal_state)query_i64(q, 8), .opened_ms = query_i64(q, 9), .plan = query_text(q, 10) ? query_text(q, 10) : "",
                            .undone = query_i64(q, 12) > 0};
        count_decision(rows, &d);
        json_auto_t *detail = query_json(q, 5);
        if (str_eq(d.verb, "decision.break_glass"))
            add_emergency(emergencies, &d, query_text(q, 3), detail);
    }
}

/* Changes of the policy are decided like money, and have no amount, no details to open and no plan that ends. */
static void read_policy_decisions(struct store *s, int64_t from_ms, int64_t to_ms, json_t *rows)
{
    struct query *q = store_query(s,
                                  "SELECT r.person, r.ref, r.at_ms, j.verb, p.created_ms, p.state FROM receipts r JOIN journal j ON j.seq = r.seq "
                                  "JOIN policy_requests p ON p.id = CAST(substr(r.ref, 3) AS INTEGER) WHERE r.at_ms >= ?1 AND r.at_ms < ?2 AND r.ref LIKE 'P-%' "
                                  "ORDER BY r.at_ms",
                                  "ii", from_ms, to_ms);
    while (query_next(q)) {
        bool withdrawn = str_eq(query_text(q, 5), "withdrawn");
        struct decided d = {.person = query_text(q, 0), .ref = query_text(q, 1), .at_ms = query_i64(q, 2), .verb = query_text(q, 3), .kind = "policy",
                            .asked_ms = query_i64(q, 4), .state = withdrawn ? PROPOSAL_WITHDRAWN : PROPOSAL_CONFIRMED, .opened_ms = query_i64(q, 4), .plan = ""};
        count_decision(rows, &d);
    }
}

/* ---- asking ---- */

static void read_asked(struct store *s, int64_t from_ms, int64_t to_ms, json_t *rows)
{
    struct query *q = store_query(s,
                                  "SELECT g.person, p.verb, count(DISTINCT g.ref) FROM pings g JOIN proposals p ON p.id = CAST(substr(g.ref, 3) AS INTEGER) "
                                  "WHERE g.at_ms >= ?1 AND g.at_ms < ?2 AND g.ref LIKE 'A-%' GROUP BY g.person, p.verb",
                                  "ii", from_ms, to_ms);
    while (query_next(q))
        json_put_i64(row_of(rows, query_text(q, 0), verb_name((enum verb)query_i64(q, 1))), "asked", query_i64(q, 2));
}

static void read_policy_kind(struct store *s, int64_t from_ms, int64_t to_ms, json_t *kinds)
{
    struct query *q = store_query(s,
                                  "SELECT count(*), sum(CASE WHEN state IN ('parked', 'reopened') THEN 1 ELSE 0 END), sum(CASE WHEN state = 'withdrawn' THEN 1 ELSE 0 END), "
                                  "sum(CASE WHEN state = 'reopened' THEN 1 ELSE 0 END) FROM policy_requests WHERE created_ms >= ?1 AND created_ms < ?2 AND difference <> ''",
                                  "ii", from_ms, to_ms);
    if (query_next(q) && query_i64(q, 0) > 0)
        json_array_append_new(kinds, json_pack("{s:s, s:I, s:I, s:I, s:I}", "kind", "policy", "asked", (json_int_t)query_i64(q, 0), "parked", (json_int_t)query_i64(q, 1),
                                               "reopened", (json_int_t)query_i64(q, 3), "withdrawn", (json_int_t)query_i64(q, 2)));
    query_end(q);
}

static json_t *read_kinds(struct store *s, int64_t from_ms, int64_t to_ms)
{
    json_t *kinds = json_array();
    struct query *q = store_query(s,
                                  "SELECT p.verb, count(*), sum(CASE WHEN p.state = ?3 THEN 1 ELSE 0 END), "
                                  "sum(CASE WHEN w.reopened_as > 0 THEN 1 ELSE 0 END), sum(CASE WHEN p.state = ?4 THEN 1 ELSE 0 END) FROM proposals p LEFT JOIN waiting w "
                                  "ON w.proposal_id = p.id WHERE p.created_ms >= ?1 AND p.created_ms < ?2 AND p.asked = 1 GROUP BY p.verb ORDER BY p.verb",
                                  "iiii", from_ms, to_ms, (int64_t)PROPOSAL_PARKED, (int64_t)PROPOSAL_WITHDRAWN);
    while (query_next(q))
        json_array_append_new(kinds, json_pack("{s:s, s:I, s:I, s:I, s:I}", "kind", verb_name((enum verb)query_i64(q, 0)), "asked", (json_int_t)query_i64(q, 1), "parked",
                                               (json_int_t)query_i64(q, 2), "reopened", (json_int_t)query_i64(q, 3), "withdrawn", (json_int_t)query_i64(q, 4)));
    read_policy_kind(s, from_ms, to_ms, kinds);
    return kinds;
}

/* By key, so that two reports can be laid side by side. */
static json_t *in_order(json_t *rows)
{
    json_t *list = json_array(), *row;
    const char *key;
    size_t n = 0, most = json_object_size(rows);
    const char **keys = mem_alloc((most + 1) * sizeof *keys);
    json_object_foreach(rows, key, row) {
        size_t i = n++;
        for (; i > 0 && strcmp(keys[i - 1], key) > 0; i--)
            keys[i] = keys[i - 1];
        keys[i] = key;
    }
    for (size_t i = 0; i < n; i++) {
        row = json_object_get(rows, keys[i]);
        settle_times(row);
        json_array_append(list, row);
    }
    free(keys);
    return list;
}

json_t *report_approvals(struct store *s, int64_t from_ms, int64_t to_ms)
{
    AUTO_JSON rows = json_object();
    json_t *emergencies = json_array(), *report = json_object();
    read_decisions(s, from_ms, to_ms, rows, emergencies);
    read_policy_decisions(s, from_ms, to_ms, rows);
    read_asked(s, from_ms, to_ms, rows);
    json_put_i64(report, "from_ms", from_ms);
    json_put_i64(report, "to_ms", to_ms);
    json_put_new(report, "rows", in_order(rows));
    json_put_new(report, "kinds", read_kinds(s, from_ms, to_ms));
    json_put_new(report, "emergencies", emergencies);
    return report;
}
