/* What would have been. Each decision was written with everything it rested on, so a changed policy can be asked about all of
 * them: the facts as they were, the rules as they would be. And each plan and hold that a person wanted can be measured against
 * the new bounds: would it still be asked about, would it have been refused?
 *
 * A policy looks at a few of the facts, so only those are read from the text of each decision. Newest first, and it stops at the first that is too old: the rows were written in the order of time. */
#include "engine/policy_change.h"

#include <string.h>

#include "engine/proposal.h"

enum { ACCOUNTS_SHOWN = 3, CHANGES_MOST = 200, FACTS_MOST = 256 };

static json_t *change_of(json_t *changes, const char *from, const char *to)
{
    size_t i;
    json_t *row;
    json_array_foreach(changes, i, row)
        if (str_eq(json_str(row, "from", ""), from) && str_eq(json_str(row, "to", ""), to))
            return row;
    if (json_array_size(changes) == CHANGES_MOST)
        return NULL;
    row = json_pack("{s:s, s:s, s:i, s:[]}", "from", from, "to", to, "count", 0, "accounts");
    json_array_append_new(changes, row);
    return row;
}

static void count_change(struct policy_replay *r, const char *from, const char *to, const char *account)
{
    json_t *row = change_of(r->changes, from, to);
    r->different++;
    if (!row)
        return;
    json_put_i64(row, "count", json_i64(row, "count", 0) + 1);
    json_t *accounts = json_object_get(row, "accounts");
    size_t i;
    json_t *known;
    json_array_foreach(accounts, i, known)
        if (str_eq(json_string_value(known), account))
            return;
    if (json_array_size(accounts) < ACCOUNTS_SHOWN)
        json_array_append_new(accounts, json_text_safe(account));
}

static void replay_decision(struct query *q, const struct policy *after, struct policy_replay *r)
{
    struct facts f;
    struct verdict v;
    struct json_member inputs[FACTS_MOST];
    facts_init(&f);
    f.unread = inputs;
    if (!json_quick_members(span_of(query_text(q, 1)), inputs, FACTS_MOST, &f.n_unread)) {
        f.n_unread = 0;
        json_decref(f.set);
        f.set = query_json(q, 1);
    }
    policy_decide(after, &f, query_i64(q, 0), &v);
    AUTO_JSON actions = query_json(q, 3);
    const char *rule = query_text(q, 2);
    r->decisions++;
    if (!str_eq(v.rule, rule) || !json_equal(v.actions, actions))
        count_change(r, rule, v.rule, query_text(q, 4));
    verdict_fini(&v);
    facts_fini(&f);
}

static void replay_decisions(struct store *s, const struct policy *after, int64_t since_ms, int64_t most, struct policy_replay *r)
{
    struct query *q = store_query(s,
                                  "SELECT d.at_ms, d.inputs, d.rule, d.actions, (SELECT account FROM recoveries WHERE id = d.case_id) FROM decisions d "
                                  "ORDER BY d.id DESC LIMIT ?1",
                                  "i", most);
    while (query_next(q)) {
        if (query_i64(q, 0) < since_ms) {
            query_end(q);
            return;
        }
        replay_decision(q, after, r);
    }
}

/* What the new bounds say to what was wanted then. */
static enum bound bound_then(const struct policy *after, enum verb verb, const json_t *terms, struct money amount, int64_t at_ms)
{
    char why[300];
    const json_t *rows = json_object_get(terms, "instalments");
    const char *zone = json_str(terms, "zone", "");
    int count = (int)json_i64(terms, "count", 1);
    if (verb != VERB_PLAN)
        return policy_hold(after, at_ms, json_i64(terms, "end_ms", 0), zone, why, sizeof why);
    struct plan_terms t = {.total = amount, .instalments = count, .first_ms = json_i64(terms, "first_ms", 0), .smallest_minor = amount.minor / (count > 0 ? count : 1),
                           .last_ms = json_i64(json_array_get(rows, json_array_size(rows) - 1), "date_ms", 0), .zone = zone};
    return policy_plan(after, &t, at_ms, why, sizeof why);
}

static void replay_request(struct query *q, const struct policy *after, struct policy_replay *r)
{
    AUTO_JSON terms = query_json(q, 2);
    enum bound now = bound_then(after, (enum verb)query_i64(q, 1), terms, money_of(query_i64(q, 3), query_text(q, 4)), query_i64(q, 0));
    bool asked = query_i64(q, 5) != 0, broken = query_i64(q, 6) != 0;
    r->requests++;
    r->asked_less += asked && now == BOUND_INSIDE;
    r->asked_more += !asked && now == BOUND_MANAGER;
    r->refused += now == BOUND_REFUSED;
    r->broken_would_pass += asked && broken && now == BOUND_INSIDE;
}

static void replay_requests(struct store *s, const struct policy *after, int64_t since_ms, struct policy_replay *r)
{
    struct query *q = store_query(s,
                                  "SELECT p.created_ms, p.verb, p.terms, p.amount, p.currency, p.asked, (SELECT count(*) FROM plans WHERE case_id = p.case_id AND proposal_id = p.id AND "
                                  "state = 'broken') FROM proposals p WHERE p.requester <> 'policy' AND p.verb IN (?1, ?2) ORDER BY p.id DESC",
                                  "ii", (int64_t)VERB_PLAN, (int64_t)VERB_HOLD);
    while (query_next(q)) {
        if (query_i64(q, 0) < since_ms) {
            query_end(q);
            return;
        }
        replay_request(q, after, r);
    }
}

void policy_replay(struct store *s, const struct policy *after, int64_t since_ms, int64_t most, struct policy_replay *out)
{
    *out = (struct policy_replay){.changes = json_array()};
    replay_decisions(s, after, since_ms, most, out);
    replay_requests(s, after, since_ms, out);
}

void policy_replay_fini(struct policy_replay *r)
{
    json_decref(r->changes);
    r->changes = NULL;
}

static void change_words(const json_t *row, struct buf *out)
{
    const json_t *accounts = json_object_get(row, "accounts");
    const char *from = json_str(row, "from", ""), *to = json_str(row, "to", "");
    int64_t n = json_i64(row, "count", 0);
    if (str_eq(from, to))
        buf_addf(out, "  %lld by the same rule, %s, with other terms", (long long)n, from);
    else
        buf_addf(out, "  %lld by %s instead of %s", (long long)n, to, from);
    for (size_t i = 0; i < json_array_size(accounts); i++)
        buf_addf(out, "%s%s", i ? ", " : " (", json_string_value(json_array_get(accounts, i)));
    buf_adds(out, n > (int64_t)json_array_size(accounts) ? ", ...)\n" : ")\n");
}

void policy_replay_words(const struct policy_replay *r, struct buf *out)
{
    buf_addf(out, "Of %lld decisions %lld would differ%s\n", (long long)r->decisions, (long long)r->different, r->different ? ":" : ".");
    for (size_t i = 0; i < json_array_size(r->changes); i++)
        change_words(json_array_get(r->changes, i), out);
    buf_addf(out, "Of %lld plans and holds that people wanted, %lld would not be asked about any more, %lld would be, and %lld would be refused.\n",
             (long long)r->requests, (long long)r->asked_less, (long long)r->asked_more, (long long)r->refused);
    if (r->broken_would_pass)
        buf_addf(out, "%lld plan%s that broke would have passed without anybody being asked.\n", (long long)r->broken_would_pass, r->broken_would_pass == 1 ? "" : "s");
}
