/* How far money may be given up, cent by cent and moment by moment: what is exactly at a bound is allowed, what is one beyond it is not,
 * whatever the commands in front of it have looked at already. A day ends where the customer is. */
#include "tests/unit/cases.h"

#define NOW OFFICE_NOW
#define MIDNIGHT (NOW - NOW % MS_DAY) /* in Greenwich; in Auckland it is one in the afternoon, and the day ends eleven hours later */
#define HOURS_LEFT (11 * MS_HOUR)

static struct policy *with(const char *sections)
{
    struct problems p = {0};
    struct doc *d = NULL;
    const char *from = strstr(office_policy, "credits:"), *to = strstr(office_policy, "approvals:");
    AUTO_STR text = str_fmt("%.*s%s%s", (int)(from - office_policy), office_policy, sections, to);
    assert_int_equal(doc_parse(&d, span_of(text), "policy.yaml", NULL), 0);
    struct policy *policy = policy_parse(d, &p);
    doc_free(d);
    if (p.n)
        fail_msg("%s", p.lines[0]);
    return policy;
}

static const struct {
    const char *sections;
    int64_t amount;
    const char *currency;
    int64_t due;
    enum bound bound;
    const char *why;
} given_up[] = {
    {"credits: {manager: {USD: 500}}\n", 50000, "USD", 100000, BOUND_MANAGER, "at most $500.00"},
    {"credits: {manager: {USD: 500}}\n", 50001, "USD", 100000, BOUND_REFUSED, "$500.01 is more than the most that may be approved, $500.00."},
    {"credits: {manager: {USD: 500}, share: 50}\n", 50000, "USD", 100000, BOUND_MANAGER, "at most $500.00."},
    {"credits: {manager: {USD: 500}, share: 20}\n", 20000, "USD", 100000, BOUND_MANAGER, "at most $200.00, 20 percent of what is due"},
    {"credits: {manager: {USD: 500}, share: 20}\n", 20001, "USD", 100000, BOUND_REFUSED, "20 percent of what is due"},
    {"credits: {manager: {USD: 500}, share: 33}\n", 33, "USD", 101, BOUND_MANAGER, "33 percent"}, /* rounded down */
    {"credits: {manager: {USD: 500}, share: 33}\n", 34, "USD", 101, BOUND_REFUSED, "33 percent"},
    {"credits: {manager: {USD: 500}}\n", 1, "USD", 100000, BOUND_MANAGER, "at most"},
    {"credits: {manager: {USD: 500}}\n", 0, "USD", 100000, BOUND_REFUSED, "more than nothing"},
    {"credits: {manager: {USD: 500}}\n", -1, "USD", 100000, BOUND_REFUSED, "more than nothing"},
    {"credits: {manager: {USD: 500}}\n", 10000, "USD", 10000, BOUND_MANAGER, "at most"},
    {"credits: {manager: {USD: 500}}\n", 10001, "USD", 10000, BOUND_REFUSED, "at most what is due"},
    {"credits: {manager: {USD: 500, EUR: 500}}\n", 100, "EUR", 10000, BOUND_REFUSED, "at most what is due"},
    {"credits: {manager: {EUR: 500}}\n", 100, "USD", 10000, BOUND_REFUSED, "credits.manager in policy.yaml"},
    {"", 100, "USD", 10000, BOUND_REFUSED, "The policy allows no credits"},
};

static void what_is_given_up_is_bounded_to_the_cent(void **state)
{
    (void)state;
    for (size_t i = 0; i < DW_ARRAY_LEN(given_up); i++) {
        char why[300] = "";
        struct policy *p = with(given_up[i].sections);
        enum bound b = policy_credit(p, money_of(given_up[i].amount, given_up[i].currency), money_of(given_up[i].due, "USD"), why, sizeof why);
        if (b != given_up[i].bound || !strstr(why, given_up[i].why))
            fail_msg("%zu: %d \"%s\"", i, (int)b, why);
        policy_free(p);
    }
}

static void a_write_off_has_bounds_of_its_own(void **state)
{
    (void)state;
    char why[300] = "";
    struct policy *p = with("credits: {manager: {USD: 1}}\nwrite_offs: {manager: {USD: 500}}\n");
    assert_int_equal(policy_write_off(p, money_of(50000, "USD"), money_of(50000, "USD"), why, sizeof why), BOUND_MANAGER);
    assert_int_equal(policy_write_off(p, money_of(50001, "USD"), money_of(50001, "USD"), why, sizeof why), BOUND_REFUSED);
    policy_free(p);
}

static const struct {
    int64_t pays;
    const char *currency;
    int64_t by_ms;
    enum bound bound;
    const char *why, *zone;
} settled[] = {
    {50000, "USD", NOW + MS_DAY, BOUND_MANAGER, "at least $500.00, within 60 days", "UTC"},
    {49999, "USD", NOW + MS_DAY, BOUND_REFUSED, "$499.99 is less than the least the customer must pay, $500.00", "UTC"},
    {99999, "USD", NOW + MS_DAY, BOUND_MANAGER, "", "UTC"},
    {100000, "USD", NOW + MS_DAY, BOUND_REFUSED, "less than what is due", "UTC"},
    {0, "USD", NOW + MS_DAY, BOUND_REFUSED, "the customer pays something", "UTC"},
    {-1, "USD", NOW + MS_DAY, BOUND_REFUSED, "the customer pays something", "UTC"},
    {60000, "EUR", NOW + MS_DAY, BOUND_REFUSED, "the customer pays something", "UTC"},
    {60000, "USD", NOW, BOUND_REFUSED, "has passed", "UTC"},
    {60000, "USD", NOW + 1, BOUND_MANAGER, "", "UTC"},
    {60000, "USD", MIDNIGHT + 61 * MS_DAY - 1, BOUND_MANAGER, "", "UTC"},
    {60000, "USD", MIDNIGHT + 61 * MS_DAY, BOUND_REFUSED, "22 Feb 2027 is more than 60 days away", "UTC"},
    {60000, "USD", MIDNIGHT + 60 * MS_DAY + HOURS_LEFT - 1, BOUND_MANAGER, "", "Pacific/Auckland"},
    {60000, "USD", MIDNIGHT + 60 * MS_DAY + HOURS_LEFT, BOUND_REFUSED, "22 Feb 2027 is more than 60 days away", "Pacific/Auckland"},
};

static void a_settlement_is_bounded_to_the_cent_and_the_moment(void **state)
{
    (void)state;
    struct policy *p = with("settlements: {at_least_share: 50, within_days: 60}\n");
    for (size_t i = 0; i < DW_ARRAY_LEN(settled); i++) {
        char why[300] = "";
        enum bound b = policy_settle(p, money_of(settled[i].pays, settled[i].currency), money_of(100000, "USD"), settled[i].by_ms, NOW, settled[i].zone, why, sizeof why);
        if (b != settled[i].bound || !strstr(why, settled[i].why))
            fail_msg("%zu: %d \"%s\"", i, (int)b, why);
    }
    policy_free(p);
}

static const struct {
    const char *zone;
    int64_t until_ms;
    enum bound bound;
    const char *why;
} deferred[] = {
    {"UTC", NOW, BOUND_REFUSED, "to a day to come"},
    {"UTC", NOW + 1, BOUND_INSIDE, "Not longer than 7 days"},
    {"UTC", MIDNIGHT + 8 * MS_DAY - 1, BOUND_INSIDE, "Not longer than 7 days"},
    {"UTC", MIDNIGHT + 8 * MS_DAY, BOUND_MANAGER, "Longer than the 7 days"},
    {"UTC", MIDNIGHT + 31 * MS_DAY - 1, BOUND_MANAGER, "Longer than the 7 days"},
    {"UTC", MIDNIGHT + 31 * MS_DAY, BOUND_REFUSED, "by 30 days, to 22 Jan 2027 at most"},
    {"Pacific/Auckland", MIDNIGHT + 7 * MS_DAY + HOURS_LEFT - 1, BOUND_INSIDE, "Not longer than 7 days"},
    {"Pacific/Auckland", MIDNIGHT + 7 * MS_DAY + HOURS_LEFT, BOUND_MANAGER, "Longer than the 7 days"},
    {"Pacific/Auckland", MIDNIGHT + 30 * MS_DAY + HOURS_LEFT, BOUND_REFUSED, "by 30 days, to 22 Jan 2027 at most"},
    {"America/Los_Angeles", MIDNIGHT + 31 * MS_DAY, BOUND_REFUSED, "by 30 days, to 21 Jan 2027 at most"}, /* where it is the evening before */
};

static void a_deferral_is_bounded_to_the_moment(void **state)
{
    (void)state;
    char why[300];
    struct policy *p = with("defers: {inside: {days: 7}, manager: {days: 30}}\n");
    for (size_t i = 0; i < DW_ARRAY_LEN(deferred); i++)
        if (policy_defer(p, deferred[i].until_ms, NOW, deferred[i].zone, why, sizeof why) != deferred[i].bound || !strstr(why, deferred[i].why))
            fail_msg("%zu: \"%s\"", i, why);
    policy_free(p);
    p = with("");
    assert_int_equal(policy_defer(p, NOW + MS_DAY, NOW, "UTC", why, sizeof why), BOUND_REFUSED);
    policy_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_given_up_is_bounded_to_the_cent),
        cmocka_unit_test(a_write_off_has_bounds_of_its_own),
        cmocka_unit_test(a_settlement_is_bounded_to_the_cent_and_the_moment),
        cmocka_unit_test(a_deferral_is_bounded_to_the_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
