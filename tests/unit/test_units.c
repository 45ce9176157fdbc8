/* Amounts of systems that count money otherwise: whatever an answer looks like, only amounts change, each by its own currency. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/billing/chargebee.h"
#include "adapters/billing/stripe.h"
#include "adapters/billing/units.h"

static const struct units odd[] = {{"ISK", 2}, {"KWD", 2}, {"", 0}};

static void check(const char *theirs, const char *ours)
{
    json_auto_t *v = json_read(span_of(theirs), NULL), *wanted = json_read(span_of(ours), NULL);
    assert_non_null(wanted);
    units_read(odd, "currency", v);
    char *text = json_dumps(v, JSON_ENCODE_ANY);
    if (!json_equal(v, wanted))
        fail_msg("%s becomes %s", theirs, text);
    free(text);
}

static void only_amounts_and_each_by_its_currency(void **state)
{
    (void)state;
    check("{\"currency\":\"isk\",\"amount\":500,\"created\":500,\"total\":\"500\",\"amount_due\":null}", "{\"currency\":\"isk\",\"amount\":5,\"created\":500,\"total\":\"500\",\"amount_due\":null}");
    check("{\"currency\":\"usd\",\"amount\":500}", "{\"currency\":\"usd\",\"amount\":500}");
    check("{\"amount\":500,\"list\":[{\"amount\":500,\"currency\":\"KWD\"},{\"amount\":500,\"currency\":\"USD\"},{\"amount\":500}]}",
          "{\"amount\":500,\"list\":[{\"amount\":5000,\"currency\":\"KWD\"},{\"amount\":500,\"currency\":\"USD\"},{\"amount\":500}]}");
    check("{\"currency\":\"ISK\",\"taxes\":[{\"amount\":500},{\"amount\":500,\"currency\":\"usd\"}]}", "{\"currency\":\"ISK\",\"taxes\":[{\"amount\":5},{\"amount\":500,\"currency\":\"usd\"}]}");
    check("{\"currency\":{\"amount\":1},\"amount\":500}", "{\"currency\":{\"amount\":1},\"amount\":500}");
}

static void too_large_is_never_none(void **state)
{
    (void)state;
    check("{\"currency\":\"KWD\",\"amount\":9223372036854775807}", "{\"currency\":\"KWD\",\"amount\":9223372036854775807}");
    check("{\"currency\":\"KWD\",\"amount\":-922337203685477581}", "{\"currency\":\"KWD\",\"amount\":-9223372036854775808}");
}

static void what_is_sent_is_what_was_meant(void **state)
{
    (void)state;
    assert_int_equal(units_write(odd, "ISK", 5), 500);
    assert_int_equal(units_write(odd, "KWD", 5120), 512);
    assert_int_equal(units_write(odd, "usd", 5120), 5120);
    assert_int_equal(units_step(odd, "KWD"), 10);
    assert_int_equal(units_step(odd, "ISK"), 1);
    assert_int_equal(units_step(odd, ""), 1);
    units_read(odd, "currency", NULL);
}

/* A plan for whatever Stripe or Chargebee can say is due has instalments that they take. */
static void a_plan_has_amounts_that_are_taken(void **state)
{
    (void)state;
    static const char *const currencies[] = {"ISK", "UGX", "MGA", "JPY", "KWD", "BHD", "USD", "KRW"};
    for (size_t i = 0; i < DW_ARRAY_LEN(currencies); i++)
        for (int64_t due = 12; due < 40; due++) {
            int64_t parts[12], stripe = stripe_step_of(currencies[i]), chargebee = units_step(chargebee_units, currencies[i]), sum = 0;
            int64_t step = stripe > chargebee ? stripe : chargebee;
            for (int n = 1; n <= 12; n++) {
                sum = 0;
                money_split_paid(money_of(due * step, currencies[i]), n, parts);
                for (int k = 0; k < n; k++) {
                    assert_true(parts[k] > 0 && parts[k] % stripe == 0 && parts[k] % chargebee == 0);
                    sum += parts[k];
                }
                assert_int_equal(sum, due * step);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_amounts_and_each_by_its_currency),
        cmocka_unit_test(too_large_is_never_none),
        cmocka_unit_test(what_is_sent_is_what_was_meant),
        cmocka_unit_test(a_plan_has_amounts_that_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
