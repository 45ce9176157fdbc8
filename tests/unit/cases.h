/* Cases in the office (office.h), brought to a certain point for the tests of the engine. Northwind is held and owes
 * $48,200.00, which needs a manager; its AE is ae1. */
#ifndef DW_TESTS_CASES_H
#define DW_TESTS_CASES_H

#include "engine/hold.h"
#include "engine/journal.h"
#include "engine/plan.h"
#include "engine/proposal.h"
#include "engine/timer.h"
#include "tests/unit/office.h"

struct done {
    int rc;
    char said[600];
    struct err err;
};

DW_UNUSED static void office_begin(struct office *o)
{
    store_begin(o->store);
    engine_begin(&o->e);
}

DW_UNUSED static void office_commit(struct office *o)
{
    struct err e = {0};
    if (store_commit(o->store, &e) != 0)
        fail_msg("%s", e.text);
}

DW_UNUSED static struct actor office_actor(struct office *o, const char *key)
{
    const struct person *p = people_by_key(o->people, key);
    if (!p)
        fail_msg("nobody is %s", key);
    return (struct actor){.person = p, .platform = "slack", .channel = "C0ROOM"};
}

DW_UNUSED static struct recovery *office_case(struct office *o, const char *account)
{
    struct recovery *r = recovery_open_for(&o->e, account);
    if (!r)
        fail_msg("%s has no open case", account);
    return r;
}

DW_UNUSED static int64_t office_i64(struct office *o, const char *sql)
{
    return store_i64(o->store, -1, sql, "");
}

DW_UNUSED static void office_is(struct office *o, const char *sql, int64_t want, const char *what)
{
    int64_t have = store_i64(o->store, -1, sql, "");
    if (have != want)
        fail_msg("%s: %lld, not %lld (%s)", what, (long long)have, (long long)want, sql);
}

/* The newest proposal. */
DW_UNUSED static int64_t office_last(struct office *o)
{
    return office_i64(o, "SELECT max(id) FROM proposals");
}

DW_UNUSED static enum proposal_state office_state(struct office *o, int64_t id)
{
    return (enum proposal_state)store_i64(o->store, -1, "SELECT state FROM proposals WHERE id = ?1", "i", id);
}

DW_UNUSED static struct done office_plan(struct office *o, const char *who, const char *account, int n, const char *why)
{
    struct done d = {0};
    struct actor a = office_actor(o, who);
    office_begin(o);
    struct recovery *r = office_case(o, account);
    d.rc = proposal_plan(&o->e, r, &a, n, o->now_ms + 10 * MS_DAY, why, d.said, sizeof d.said, &d.err);
    recovery_free(r);
    office_commit(o);
    return d;
}

DW_UNUSED static struct done office_hold(struct office *o, const char *who, const char *account, int days)
{
    struct done d = {0};
    struct actor a = office_actor(o, who);
    office_begin(o);
    struct recovery *r = office_case(o, account);
    d.rc = proposal_hold(&o->e, r, &a, o->now_ms + days * MS_DAY, "they asked for time", d.said, sizeof d.said, &d.err);
    recovery_free(r);
    office_commit(o);
    return d;
}

DW_UNUSED static struct done office_approve(struct office *o, const char *who, int64_t id, int64_t revision)
{
    struct done d = {0};
    struct actor a = office_actor(o, who);
    office_begin(o);
    d.rc = proposal_approve(&o->e, id, &a, revision, "", d.said, sizeof d.said, &d.err);
    office_commit(o);
    return d;
}

/* Hands over what is due, without an answer. */
DW_UNUSED static size_t office_out(struct office *o)
{
    struct calls calls = {0};
    office_begin(o);
    effects_start(&o->e, &calls, 10);
    office_commit(o);
    size_t n = calls.n;
    calls_free(&calls);
    return n;
}

DW_UNUSED static void office_event_of(struct office *o, int customer)
{
    char id[16];
    snprintf(id, sizeof id, "cus_%d", customer);
    office_event(o, id, "", true);
}

DW_UNUSED static void office_rebill(struct office *o, int customer, int64_t due, const char *class)
{
    char id[16], number[16];
    snprintf(id, sizeof id, "cus_%d", customer);
    snprintf(number, sizeof number, "%d", 1000 + customer);
    json_decref(o->read[customer - 1]);
    o->read[customer - 1] = office_bill(id, number, due, class);
}

DW_UNUSED static void office_paid(struct office *o, int customer)
{
    json_object_set_new(json_array_get(json_at(o->read[customer - 1], "invoices"), 0), "status", json_string("paid"));
    office_event_of(o, customer);
}

DW_UNUSED static void office_later(struct office *o, int64_t ms)
{
    o->now_ms += ms;
    office_turn(o, NULL, NULL);
}

DW_UNUSED static void office_proves(struct office *o)
{
    struct journal_report report;
    struct err e = {0};
    if (journal_verify(o->store, &report, &e) != 0 || journal_end_verify(o->store, &e) != 0)
        fail_msg("%s", e.text);
}

/* The end of a test whose setup handed its office over as the state. */
DW_UNUSED static int office_teardown(void **state)
{
    office_proves(*state);
    office_close(*state);
    return 0;
}

/* Another policy from now on: the office's, with one line replaced. The caller gives it back with office_policy_back. */
DW_UNUSED static struct policy *office_policy_with(struct office *o, const char *was, const char *is)
{
    struct problems p = {0};
    struct doc *d = NULL;
    struct policy *before = o->policy;
    const char *at = strstr(office_policy, was);
    assert_non_null(at);
    AUTO_STR text = str_fmt("%.*s%s%s", (int)(at - office_policy), office_policy, is, at + strlen(was));
    assert_int_equal(doc_parse(&d, span_of(text), "policy.yaml", NULL), 0);
    o->policy = policy_parse(d, &p);
    doc_free(d);
    for (size_t i = 0; i < p.n; i++)
        fail_msg("%s", p.lines[i]);
    o->e.policy = o->policy;
    return before;
}

DW_UNUSED static void office_policy_back(struct office *o, struct policy *before)
{
    policy_free(o->policy);
    o->e.policy = o->policy = before;
}

#endif
