/* policy.yaml: any bytes give a policy or problems, never both and never neither; and a policy that was accepted
 * decides on whatever facts there are, with a rule, a reason and canonical actions. */
#include <stdint.h>
#include <string.h>

#include "engine/policy.h"
#include "engine/when.h"

#define NOW INT64_C(1795300000000)

static void check_decision(const struct policy *p, struct facts *f)
{
    struct verdict v;
    char why[300] = "";
    policy_decide(p, f, NOW, &v);
    assert(v.rule[0] && json_array_size(v.reasons) > 0 && json_array_size(v.actions) > 0);
    for (size_t i = 0; i < json_array_size(v.actions); i++)
        if (json_object_get(json_array_get(v.actions, i), "retry"))
            assert(strcmp(facts_str(f, "payment.class"), "S") == 0);
    policy_may_retry(p, f, why, sizeof(why));
    assert(why[0]);
    verdict_fini(&v);
}

static void check_bounds(const struct policy *p)
{
    char why[300] = "";
    struct plan_terms t = {.total = money_of(123456, "USD"),
                           .instalments = 5,
                           .first_ms = NOW,
                           .last_ms = NOW + 100 * MS_DAY,
                           .smallest_minor = 24691};
    policy_plan(p, &t, NOW, why, sizeof(why));
    assert(why[0]);
    t.first_ms = NOW - 2 * MS_DAY;
    assert(policy_plan(p, &t, NOW, why, sizeof(why)) == BOUND_REFUSED);
    policy_hold(p, NOW, NOW + 20 * MS_DAY, "UTC", why, sizeof(why));
    assert(policy_hold(p, NOW, NOW, "UTC", why, sizeof(why)) == BOUND_REFUSED);
    assert(policy_approval_hours(p) >= 1 && strlen(policy_version(p)) == 12);
}

static void check_policy(const struct policy *p)
{
    struct facts f;
    facts_init(&f);
    check_decision(p, &f);
    facts_put(&f, "account.annual_value", json_integer(INT64_MAX), "accounts.csv", NOW);
    facts_put(&f, "account.currency", json_string("JPY"), "accounts.csv", NOW);
    facts_put(&f, "account.sentiment", json_real(-0.4), "accounts.csv", NOW);
    facts_put(&f, "account.renewal_ms", json_integer(INT64_C(1804809600000)), "accounts.csv", NOW);
    facts_put(&f, "invoice.due", json_integer(12050), "stripe", NOW);
    facts_put(&f, "invoice.currency", json_string("USD"), "stripe", NOW);
    facts_put(&f, "invoice.attempts", json_integer(3), "stripe", NOW);
    facts_put(&f, "payment.class", json_string("S"), "stripe", NOW);
    facts_put(&f, "network.attempts_window", json_integer(3), "stripe", NOW);
    facts_put(&f, "network.attempts_day", json_integer(1), "stripe", NOW);
    check_decision(p, &f);
    facts_fini(&f);
    check_bounds(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct doc *d;
    struct problems problems = {0};
    if (doc_parse(&d, (struct span){.p = (const char *)data, .n = size}, "policy.yaml", NULL) != 0)
        return 0;
    struct policy *p = policy_parse(d, &problems);
    assert((p == NULL) == (problems.n > 0));
    if (p)
        check_policy(p);
    policy_free(p);
    problems_free(&problems);
    doc_free(d);
    return 0;
}
