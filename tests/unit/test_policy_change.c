/* What a changed policy would mean: said in words, and counted over what was decided. */
#include "engine/policy_change.h"
#include "tests/unit/cases.h"

static struct policy *changed(const char *from, const char *to)
{
    struct problems p = {0};
    struct doc *d = NULL;
    AUTO_STR text = str_dup(office_policy);
    char *at = strstr(text, from);
    assert_non_null(at);
    AUTO_STR whole = str_fmt("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    assert_int_equal(doc_parse(&d, span_of(whole), "policy.yaml", NULL), 0);
    struct policy *policy = policy_parse(d, &p);
    if (!policy)
        fail_msg("%s", p.lines[0]);
    doc_free(d);
    problems_free(&p);
    return policy;
}

static void differs(const char *from, const char *to, size_t n, const char *words)
{
    struct policy *before = changed(from, from), *after = changed(from, to);
    AUTO_BUF out = BUF(4096);
    assert_int_equal(policy_diff(before, after, &out), n);
    assert_string_equal(buf_text(&out), words);
    policy_free(before);
    policy_free(after);
}

static void a_difference_is_said_in_words(void **state)
{
    (void)state;
    differs("days: 95", "days: 95", 0, "");
    differs("days: 95", "days: 120", 1, "plans.inside.days: 95 becomes 120\n");
    differs("amount: {USD: 25000}", "amount: {USD: 40000, EUR: 5}", 2,
            "plans.inside.amount.USD: $25,000.00 becomes $40,000.00\nplans.inside.amount.EUR: new: \xe2\x82\xac" "5.00\n");
}

static void rules_are_told_apart_by_name(void **state)
{
    (void)state;
    struct policy *before = changed("name: soft", "name: soft"), *after = changed("name: soft", "name: gentle");
    AUTO_BUF out = BUF(4096);
    assert_int_equal(policy_diff(before, after, &out), 2);
    assert_non_null(strstr(buf_text(&out), "rules.soft: "));
    assert_non_null(strstr(buf_text(&out), " is gone\nrules.gentle: new: "));
    policy_free(after);
    after = changed("  - {name: soft", "  - {name: first, do: [{queue: {}}], when: {fact: tier, is: low}}\n  - {name: soft");
    buf_clear(&out);
    assert_int_equal(policy_diff(before, after, &out), 1); /* one in front is no change of those behind it */
    policy_free(after);
    policy_free(before);
}

static void what_was_decided_is_decided_again(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    office_event_of(&o, 2);
    struct done d = office_plan(&o, "ae1", "northwind", 4, "renewal in flight");
    assert_int_equal(d.rc, 0);
    struct policy *same = changed("days: 95", "days: 95"), *strict = changed("when: {fact: payment.class, is: S}", "when: {fact: payment.class, is: H}"),
                  *wide = changed("instalments: 3, days: 95, amount: {USD: 25000}", "instalments: 6, days: 200, amount: {USD: 90000}");
    struct policy_replay r;
    policy_replay(o.store, same, 0, 1000, &r);
    assert_int_equal(r.decisions, 2);
    assert_int_equal(r.different, 0);
    assert_int_equal(r.requests, 1);
    assert_int_equal(r.asked_less + r.asked_more + r.refused, 0);
    policy_replay_fini(&r);
    policy_replay(o.store, strict, 0, 1000, &r);
    assert_int_equal(r.different, 1);
    AUTO_BUF out = BUF(4096);
    policy_replay_words(&r, &out);
    assert_non_null(strstr(buf_text(&out), "Of 2 decisions 1 would differ:\n  1 by otherwise instead of soft (acme-corp)\n"));
    policy_replay_fini(&r);
    policy_replay(o.store, wide, 0, 1000, &r);
    assert_int_equal(r.asked_less, 1);
    policy_replay_fini(&r);
    policy_replay(o.store, strict, o.now_ms + 1, 1000, &r);
    assert_int_equal(r.decisions, 0); /* too old */
    policy_replay_fini(&r);
    policy_free(same);
    policy_free(strict);
    policy_free(wide);
    office_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_difference_is_said_in_words),
        cmocka_unit_test(rules_are_told_apart_by_name),
        cmocka_unit_test(what_was_decided_is_decided_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
