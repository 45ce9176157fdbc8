/* How far people and cards may go: every bound of plans, holds and retries from both sides, and the sentences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "engine/policy.h"
#include "engine/when.h"

#define NOW INT64_C(1795300000000) /* 21 Nov 2026, 22:26 UTC */

static struct policy *parse(const char *text, struct problems *p)
{
    struct doc *d;
    struct err e = {0};
    *p = (struct problems){0};
    if (doc_parse(&d, span_of(text), "conf/policy.yaml", &e) != 0)
        fail_msg("%s", e.text);
    struct policy *policy = policy_parse(d, p);
    doc_free(d);
    return policy;
}

#define TIERS                                                                                                        \
    "tiers: [{tier: strategic, annual_value: {USD: 100000, EUR: 90000}}, {tier: standard, annual_value: {USD: "      \
    "10000}}, {tier: low}]\n"
#define REST "rules: [{name: otherwise, do: [{queue: {}}]}]\n"

static struct policy *good(const char *text)
{
    struct problems p;
    struct policy *policy = parse(text, &p);
    if (!policy)
        fail_msg("%s", p.n ? p.lines[0] : "no policy and no problem");
    assert_int_equal(p.n, 0);
    return policy;
}

static struct policy *template(void)
{
    struct problems p = {0};
    struct policy *policy = policy_load("templates/policy.yaml", &p);
    if (!policy)
        fail_msg("%s", p.lines[0]);
    return policy;
}

static void put(struct facts *f, const char *name, json_t *value)
{
    const char *source = strncmp(name, "account.", 8) == 0 ? "accounts.csv" : "stripe";
    facts_put(f, name, value, source, NOW);
}

/* A known low account with a soft decline on its first attempt. */
static struct facts soft(void)
{
    struct facts f;
    facts_init(&f);
    put(&f, "account.known", json_true());
    put(&f, "account.annual_value", json_integer(500000));
    put(&f, "account.currency", json_string("USD"));
    put(&f, "account.sentiment", json_real(0.5));
    put(&f, "account.top_priority", json_integer(0));
    put(&f, "invoice.currency", json_string("USD"));
    put(&f, "invoice.due", json_integer(12050));
    put(&f, "invoice.attempts", json_integer(1));
    put(&f, "payment.class", json_string("S"));
    put(&f, "payment.at_ms", json_integer(NOW - MS_HOUR));
    put(&f, "method.brand", json_string("visa"));
    put(&f, "network.attempts_window", json_integer(1));
    put(&f, "network.attempts_day", json_integer(1));
    return f;
}

static void plan_is(const struct policy *p, enum bound want, struct plan_terms t, const char *words)
{
    char why[300] = "";
    enum bound got = policy_plan(p, &t, NOW, why, sizeof(why));
    if (got != want || !strstr(why, words) || why[strlen(why) - 1] != '.')
        fail_msg("wanted %s with \"%s\", got %s: %s", bound_text(want), words, bound_text(got), why);
}

static struct plan_terms terms(int64_t minor, const char *currency, int n, int64_t first_days, int64_t last_days)
{
    return (struct plan_terms){.total = money_of(minor, currency),
                               .instalments = n,
                               .first_ms = NOW + first_days * MS_DAY,
                               .last_ms = NOW + last_days * MS_DAY,
                               .smallest_minor = n > 0 ? minor / n : 0};
}

static void plan_bounds(void **state)
{
    (void)state;
    struct policy *p = template();
    plan_is(p, BOUND_INSIDE, terms(2500000, "USD", 3, 1, 95), "Within 3 instalments, 95 days, $25,000.00.");
    plan_is(p, BOUND_INSIDE, terms(2500000, "USD", 1, 0, 0), "Within");
    plan_is(p, BOUND_MANAGER, terms(2500001, "USD", 3, 1, 95),
            "$25,000.01 is more than $25,000.00. Without approval: 3 instalments");
    plan_is(p, BOUND_MANAGER, terms(2500000, "USD", 4, 1, 95), "4 instalments are more than 3.");
    plan_is(p, BOUND_MANAGER, terms(2500000, "USD", 3, 1, 96), "is more than 95 days away");
    plan_is(p, BOUND_MANAGER, terms(100000, "CHF", 3, 1, 90), "No amount in CHF is set for it.");
    plan_is(p, BOUND_MANAGER, terms(99900000, "USD", 12, 1, 370), "12 instalments are more than 3");
    plan_is(p, BOUND_REFUSED, terms(99900000, "USD", 13, 1, 370),
            "13 instalments are more than 12. The most that a manager may approve: 12 instalments, 370 days.");
    plan_is(p, BOUND_REFUSED, terms(99900000, "USD", 12, 1, 371), "The most that a manager may approve");
    plan_is(p, BOUND_INSIDE, terms(15000, "USD", 3, 1, 90), "Within");
    plan_is(p, BOUND_REFUSED, terms(14999, "USD", 3, 1, 90),
            "An instalment of $49.99 is less than the least one, $50.00. At most 2 instalments are possible.");
    plan_is(p, BOUND_REFUSED, terms(4000, "USD", 1, 1, 1), "At most 1 instalment is possible.");
    plan_is(p, BOUND_REFUSED, terms(300000, "USD", 3, -1, 60), "The first date, 20 Nov 2026, has passed.");
    plan_is(p, BOUND_REFUSED, terms(0, "USD", 3, 1, 60), "Nothing is due");
    plan_is(p, BOUND_REFUSED, terms(-5, "USD", 3, 1, 60), "Nothing is due");
    plan_is(p, BOUND_REFUSED, terms(300000, "USD", 0, 1, 60), "at least one instalment");
    plan_is(p, BOUND_REFUSED, terms(300000, "USD", 3, 60, 1), "from the first date on");
    plan_is(p, BOUND_REFUSED, terms(300000, "", 3, 1, 60), "Nothing is due");
    struct plan_terms none = terms(300000, "USD", 3, 1, 60);
    none.instalments = 0;
    plan_is(p, BOUND_REFUSED, none, "at least one instalment");
    none = terms(300000, "USD", 3, 1, 60);
    none.smallest_minor = 0;
    plan_is(p, BOUND_REFUSED, none, "each of some amount");
    struct plan_terms today = terms(300000, "USD", 3, 0, 60);
    today.first_ms = NOW - NOW % MS_DAY;
    plan_is(p, BOUND_INSIDE, today, "Within");
    today.first_ms--;
    plan_is(p, BOUND_REFUSED, today, "has passed");
    policy_free(p);
}

/* At four in the afternoon in Los Angeles it is tomorrow in Greenwich; at nine in the morning in Auckland it is yesterday there. */
static void plan_dates_are_the_customers(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *now, *first, *last;
        enum bound bound;
        const char *words;
    } all[] = {
        {"America/Los_Angeles", "2026-11-22T16:30:00-08:00", "2026-11-22T09:00:00-08:00", "2027-01-22T09:00:00-08:00", BOUND_INSIDE, "Within"},
        {"America/Los_Angeles", "2026-11-22T00:10:00-08:00", "2026-11-21T20:00:00-08:00", "2027-01-22T09:00:00-08:00", BOUND_REFUSED, "The first date, 21 Nov 2026, has passed"},
        {"Asia/Tokyo", "2026-11-22T08:00:00+09:00", "2026-11-21T09:00:00+09:00", "2027-01-22T09:00:00+09:00", BOUND_REFUSED, "The first date, 21 Nov 2026, has passed"},
        {"Pacific/Auckland", "2026-11-22T15:00:00+13:00", "2026-11-22T09:00:00+13:00", "2027-01-22T09:00:00+13:00", BOUND_INSIDE, "Within"},
        {"Pacific/Auckland", "2026-11-22T15:00:00+13:00", "2026-11-23T09:00:00+13:00", "2027-03-23T09:00:00+13:00", BOUND_MANAGER, "last date, 23 Mar 2027, is more"},
    };
    struct policy *p = template();
    for (size_t i = 0; i < DW_ARRAY_LEN(all); i++) {
        char why[300] = "";
        struct plan_terms t = terms(300000, "USD", 3, 0, 0);
        t.first_ms = when_of_rfc3339(all[i].first);
        t.last_ms = when_of_rfc3339(all[i].last);
        t.zone = all[i].zone;
        enum bound got = policy_plan(p, &t, when_of_rfc3339(all[i].now), why, sizeof why);
        if (got != all[i].bound || !strstr(why, all[i].words))
            fail_msg("%s at %s: %s: %s", all[i].zone, all[i].now, bound_text(got), why);
    }
    policy_free(p);
}

static void plan_bounds_that_are_not_set(void **state)
{
    (void)state;
    struct policy *none = good(TIERS REST),
                  *inside = good(TIERS REST "plans: {inside: {instalments: 2, days: 60}}\n");
    struct policy *manager = good(TIERS REST "plans: {manager: {instalments: 2, days: 60, amount: {USD: 100}}}\n");
    plan_is(none, BOUND_REFUSED, terms(100, "USD", 1, 1, 1), "The policy allows no plans.");
    plan_is(inside, BOUND_REFUSED, terms(100, "USD", 1, 1, 1), "No amount in USD is set");
    plan_is(manager, BOUND_MANAGER, terms(10000, "USD", 2, 1, 60), "Every plan needs a manager.");
    plan_is(manager, BOUND_REFUSED, terms(10001, "USD", 2, 1, 60), "$100.01 is more than $100.00");
    plan_is(manager, BOUND_REFUSED, terms(1, "EUR", 1, 1, 60), "No amount in EUR");
    policy_free(none);
    policy_free(inside);
    policy_free(manager);
}

static void hold_is(const struct policy *p, enum bound want, int64_t days, const char *words)
{
    char why[300] = "";
    enum bound got = policy_hold(p, NOW, NOW + days * MS_DAY, "UTC", why, sizeof(why));
    if (got != want || !strstr(why, words))
        fail_msg("%lld days: wanted %s with \"%s\", got %s: %s", (long long)days, bound_text(want), words,
                 bound_text(got), why);
}

static void hold_bounds(void **state)
{
    (void)state;
    struct policy *p = template(), *none = good(TIERS REST), *asked = good(TIERS REST "holds: {manager: {days: 3}}\n");
    char why[300];
    assert_int_equal(policy_hold(none, NOW, NOW + MS_MINUTE, "UTC", why, sizeof why), BOUND_REFUSED); /* however short */
    assert_int_equal(policy_hold(asked, NOW, NOW + MS_MINUTE, "UTC", why, sizeof why), BOUND_MANAGER);
    policy_free(asked);
    hold_is(p, BOUND_INSIDE, 14, "Not longer than 14 days.");
    hold_is(p, BOUND_MANAGER, 15, "Longer than the 14 days that need no approval.");
    hold_is(p, BOUND_MANAGER, 60, "14 days");
    hold_is(p, BOUND_REFUSED, 61,
            "Longer than 60 days. A hold may last until 20 Jan 2027, with a manager's approval.");
    assert_int_equal(policy_hold(p, NOW, NOW - 1, "Pacific/Auckland", why, sizeof why), BOUND_REFUSED);
    assert_non_null(strstr(why, "up to 21 Jan 2027")); /* where it is tomorrow already */
    hold_is(p, BOUND_REFUSED, 0, "end before it starts");
    hold_is(p, BOUND_REFUSED, -1, "end before it starts");
    hold_is(none, BOUND_REFUSED, 1, "The policy allows no holds.");
    assert_string_equal(bound_text(BOUND_MANAGER), "needs a manager");
    policy_free(p);
    policy_free(none);
}

/* --- retries --- */

static void retry_is(const struct policy *p, const struct facts *f, bool want, const char *words)
{
    char why[300] = "";
    bool got = policy_may_retry(p, f, why, sizeof(why));
    if (got != want || !strstr(why, words))
        fail_msg("wanted %s with \"%s\", got %s", want ? "yes" : "no", words, why);
}

static void card(struct facts *f, const char *brand, int64_t invoice, int64_t window, int64_t day)
{
    put(f, "method.brand", json_string(brand));
    put(f, "invoice.attempts", json_integer(invoice));
    put(f, "network.attempts_window", json_integer(window));
    put(f, "network.attempts_day", json_integer(day));
}

static void retry_limits(void **state)
{
    (void)state;
    struct policy *p = template();
    struct facts f = soft();
    retry_is(p, &f, true, "7 of 8 attempts are left for this invoice, 19 of 20 for this card in 30 days.");
    card(&f, "visa", 7, 19, 19);
    retry_is(p, &f, true, "1 of 8 attempts are left for this invoice, 1 of 20");
    card(&f, "visa", 8, 8, 0);
    retry_is(p, &f, false, "This invoice was tried 8 times; the policy allows 8.");
    card(&f, "visa", 1, 20, 0);
    retry_is(p, &f, false, "This visa was tried 20 times in 30 days; the policy allows 20.");
    card(&f, "mastercard", 1, 34, 9);
    retry_is(p, &f, true, "1 of 35");
    card(&f, "mastercard", 1, 35, 0);
    retry_is(p, &f, false, "35 times in 30 days");
    card(&f, "mastercard", 1, 12, 10);
    retry_is(p, &f, false, "10 times in 24 hours; the policy allows 10. Try tomorrow.");
    char why[300];
    assert_true(policy_may_retry_at(p, &f, NOW + MS_DAY, why, sizeof(why)));
    card(&f, "jcb", 1, 14, 14);
    retry_is(p, &f, true, "1 of 15");
    card(&f, "jcb", 1, 15, 0);
    retry_is(p, &f, false, "the policy allows 15");
    facts_fini(&f);
    policy_free(p);
    p = good(TIERS REST "retries: {per_invoice: 2, visa: {attempts: 3, per_day: 1}, jcb: {attempts: 1}}\n");
    f = soft();
    card(&f, "visa", 1, 2, 1);
    retry_is(p, &f, false, "1 times in 24 hours");
    card(&f, "visa", 2, 2, 0);
    retry_is(p, &f, false, "the policy allows 2");
    card(&f, "jcb", 1, 1, 0);
    retry_is(p, &f, false, "the policy allows 1");
    facts_fini(&f);
    policy_free(p);
}

/* What somebody entitled may agree to: more than the policy has, never more than the network. */
static void the_network_is_the_last_word(void **state)
{
    (void)state;
    static const struct {
        const char *brand;
        int64_t invoice, window, day;
        enum bound bound;
        const char *words;
    } cases[] = {
        {"visa", 1, 2, 0, BOUND_INSIDE, "left"},          {"visa", 2, 2, 0, BOUND_MANAGER, "the policy allows 2"},
        {"visa", 900, 19, 0, BOUND_MANAGER, "the policy"}, {"visa", 1, 20, 0, BOUND_REFUSED, "the card network allows 20"},
        {"mastercard", 2, 34, 9, BOUND_MANAGER, "the policy"}, {"mastercard", 2, 35, 0, BOUND_REFUSED, "the card network allows 35"},
        {"mastercard", 2, 9, 10, BOUND_REFUSED, "10 times in 24 hours; the card network allows 10"},
        {"jcb", 1, 14, 0, BOUND_MANAGER, "the policy allows 1"}, {"jcb", 1, 15, 0, BOUND_REFUSED, "the card network allows 15"},
    };
    struct policy *p = good(TIERS REST "retries: {per_invoice: 2, visa: {attempts: 3}, mastercard: {attempts: 3}, jcb: {attempts: 1}}\n");
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        struct facts f = soft();
        char why[300] = "";
        card(&f, cases[i].brand, cases[i].invoice, cases[i].window, cases[i].day);
        enum bound got = policy_retry(p, &f, NOW, why, sizeof why);
        if (got != cases[i].bound || !strstr(why, cases[i].words))
            fail_msg("%zu: %s, %s", i, bound_text(got), why);
        facts_fini(&f);
    }
    struct facts f = soft();
    char why[300];
    card(&f, "visa", 2, 2, 0);
    put(&f, "payment.class", json_string("H"));
    assert_int_equal(policy_retry(p, &f, NOW, why, sizeof why), BOUND_REFUSED);
    put(&f, "payment.class", json_string("S"));
    put(&f, "network.attempts_window", NULL);
    assert_int_equal(policy_retry(p, &f, NOW, why, sizeof why), BOUND_REFUSED);
    card(&f, "mastercard", 2, 2, 0);
    put(&f, "payment.network_advice", json_string("25"));
    put(&f, "payment.at_ms", json_integer(NOW));
    assert_int_equal(policy_retry(p, &f, NOW, why, sizeof why), BOUND_REFUSED);
    assert_int_equal(policy_retry(p, &f, NOW + MS_DAY, why, sizeof why), BOUND_MANAGER);
    facts_fini(&f);
    policy_free(p);
}

static void what_is_not_counted_is_not_tried(void **state)
{
    (void)state;
    struct policy *p = template();
    static const char *const needed[] = {"invoice.attempts", "network.attempts_window"};
    for (size_t i = 0; i < DW_ARRAY_LEN(needed); i++) {
        struct facts f = soft();
        put(&f, needed[i], NULL);
        retry_is(p, &f, false, "not known");
        facts_fini(&f);
    }
    struct facts f = soft();
    put(&f, "network.attempts_day", NULL);
    retry_is(p, &f, true, "left"); /* Visa has no limit for a day */
    put(&f, "method.brand", json_string("mastercard"));
    retry_is(p, &f, false, "not known");
    facts_fini(&f);
    policy_free(p);
}

static void the_decline_forbids(void **state)
{
    (void)state;
    static const struct {
        const char *brand, *class, *advice, *network_advice;
        bool may;
        const char *words;
    } cases[] = {
        {"visa", "H", "", "", false, "never again with this card"},
        {"visa", "N", "", "", false, "renewed by the customer"},
        {"visa", "A", "", "", false, "authenticate"},
        {"visa", "S", "do_not_try_again", "", false, "never again"},
        {"visa", "S", "confirm_card_data", "", false, "renewed"},
        {"visa", "S", "try_again_later", "", true, "left"},
        {"visa", "?", "", "", true, "left"},
        {"visa", "S", "", "03", true, "left"}, /* only Mastercard's code is an advice */
        {"mastercard", "S", "", "03", false, "never again"},
        {"mastercard", "S", "21", "", false, "never again"},
        {"mastercard", "S", "", "01", false, "renewed"},
        {"mastercard", "S", "", "04", false, "renewed"},
        {"mastercard", "S", "", "24", false, "The network asks to wait until Sat 21 Nov 2026 22:56 UTC."},
        {"visa", "S", "", "24", true, "left"},
    };
    struct policy *p = template();
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        struct facts f = soft();
        put(&f, "method.brand", json_string(cases[i].brand));
        put(&f, "payment.class", json_string(cases[i].class));
        put(&f, "payment.advice", json_string(cases[i].advice));
        put(&f, "payment.network_advice", json_string(cases[i].network_advice));
        put(&f, "payment.at_ms", json_integer(NOW - MS_MINUTE * 30));
        retry_is(p, &f, cases[i].may, cases[i].words);
        facts_fini(&f);
    }
    policy_free(p);
}

static void the_networks_wait_is_respected(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        int64_t wait_ms;
    } cases[] = {{"24", MS_HOUR},    {"25", MS_DAY},     {"26", 2 * MS_DAY}, {"27", 4 * MS_DAY},
                 {"28", 6 * MS_DAY}, {"29", 8 * MS_DAY}, {"30", 10 * MS_DAY}};
    struct policy *p = template();
    char why[300];
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        struct facts f = soft();
        put(&f, "method.brand", json_string("mastercard"));
        put(&f, "payment.network_advice", json_string(cases[i].code));
        put(&f, "payment.at_ms", json_integer(NOW));
        assert_int_equal(policy_retry_from_ms(&f), NOW + cases[i].wait_ms);
        assert_false(policy_may_retry(p, &f, why, sizeof(why)));
        assert_false(policy_may_retry_at(p, &f, NOW + cases[i].wait_ms - 1, why, sizeof(why)));
        assert_true(policy_may_retry_at(p, &f, NOW + cases[i].wait_ms, why, sizeof(why)));
        put(&f, "payment.method", json_string("pm_1"));
        put(&f, "method.id", json_string("pm_2"));
        assert_int_equal(policy_retry_from_ms(&f), 0);
        facts_fini(&f);
    }
    policy_free(p);
}

static void another_card_is_another_matter(void **state)
{
    (void)state;
    struct policy *p = template();
    struct facts f = soft();
    put(&f, "payment.class", json_string("H"));
    put(&f, "payment.method", json_string("pm_1"));
    retry_is(p, &f, false, "never again"); /* no card is known: none that could be another */
    put(&f, "method.id", json_string("pm_1"));
    retry_is(p, &f, false, "never again");
    put(&f, "payment.method", json_string(""));
    retry_is(p, &f, false, "never again"); /* nor is it known which was declined */
    put(&f, "payment.method", json_string("pm_1"));
    put(&f, "method.id", json_string("pm_2"));
    retry_is(p, &f, true, "left");
    put(&f, "invoice.attempts", json_integer(8));
    retry_is(p, &f, false, "tried 8 times");
    facts_fini(&f);
    policy_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plan_bounds), cmocka_unit_test(plan_dates_are_the_customers),
        cmocka_unit_test(plan_bounds_that_are_not_set),
        cmocka_unit_test(hold_bounds),
        cmocka_unit_test(retry_limits), cmocka_unit_test(the_network_is_the_last_word),
        cmocka_unit_test(what_is_not_counted_is_not_tried),
        cmocka_unit_test(the_decline_forbids),
        cmocka_unit_test(the_networks_wait_is_respected),
        cmocka_unit_test(another_card_is_another_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
