/* How often each card was tried: by card, not by method, over 30 days and over one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "adapters/billing/attempts.h"
#include "engine/when.h"

#define NOW INT64_C(1795300000000)

static json_t *json(const char *text)
{
    struct err e = {0};
    json_t *v = json_read(span_of(text), &e);
    if (!v)
        fail_msg("%s", e.text);
    return v;
}

static void counts_are(const json_t *of, int64_t window, int64_t day)
{
    assert_int_equal(json_i64(of, "attempts_window", -1), window);
    assert_int_equal(json_i64(of, "attempts_day", -1), day);
}

static void each_card_has_its_own_count(void **state)
{
    (void)state;
    AUTO_JSON methods = json("[{\"id\":\"a\",\"brand\":\"visa\",\"last4\":\"4242\"},{\"id\":\"b\",\"brand\":\"visa\",\"last4\":\"1881\"},"
                             "{\"id\":\"again\",\"brand\":\"visa\",\"last4\":\"4242\"},{\"id\":\"debit\",\"brand\":\"ach\",\"last4\":\"\"}]");
    AUTO_JSON list = json_array();
    attempts_add(list, NOW - MS_HOUR, "a");
    attempts_add(list, NOW - 2 * MS_DAY, "again"); /* the same card, stored a second time */
    attempts_add(list, NOW - 3 * MS_DAY, "b");
    attempts_add(list, NOW - 3 * MS_DAY, "visa 1881"); /* by a method that is gone */
    AUTO_JSON last = attempts_count(list, methods, NOW);
    counts_are(last, 2, 1);
    counts_are(json_at(methods, "0"), 2, 1);
    counts_are(json_at(methods, "1"), 2, 0);
    counts_are(json_at(methods, "2"), 2, 1);
    counts_are(json_at(methods, "3"), 0, 0);
}

static void a_fingerprint_is_the_card(void **state)
{
    (void)state;
    AUTO_JSON methods = json("[{\"id\":\"a\",\"brand\":\"visa\",\"last4\":\"4242\",\"fingerprint\":\"F1\"},"
                             "{\"id\":\"b\",\"brand\":\"visa\",\"last4\":\"4242\",\"fingerprint\":\"F2\"}]");
    AUTO_JSON list = json_array();
    attempts_add(list, NOW - 1, "F1");
    attempts_add(list, NOW - 2, "F1");
    attempts_add(list, NOW - 3, "b");
    AUTO_JSON last = attempts_count(list, methods, NOW);
    counts_are(last, 2, 2);
    counts_are(json_at(methods, "0"), 2, 2);
    counts_are(json_at(methods, "1"), 1, 1);
    assert_null(json_at(methods, "0.fingerprint")); /* nobody else needs to know it */
}

static void what_names_no_card_counts_for_all(void **state)
{
    (void)state;
    AUTO_JSON methods = json("[{\"id\":\"a\",\"brand\":\"visa\",\"last4\":\"4242\"},{\"id\":\"b\",\"brand\":\"jcb\",\"last4\":\"1\"}]");
    AUTO_JSON list = json_array();
    attempts_add(list, NOW - 1, "");
    attempts_add(list, NOW - 2, "b");
    json_decref(attempts_count(list, methods, NOW));
    counts_are(json_at(methods, "0"), 1, 1);
    counts_are(json_at(methods, "1"), 2, 2);
}

static void the_windows_end(void **state)
{
    (void)state;
    AUTO_JSON methods = json("[{\"id\":\"a\"}]");
    AUTO_JSON list = json_array();
    attempts_add(list, NOW - MS_DAY, "a");
    attempts_add(list, NOW - MS_DAY + 1, "a");
    attempts_add(list, NOW - 30 * MS_DAY, "a");
    attempts_add(list, NOW - 30 * MS_DAY + 1, "a");
    AUTO_JSON last = attempts_count(list, methods, NOW);
    counts_are(last, 3, 1);
    counts_are(json_at(methods, "0"), 3, 1);
    AUTO_JSON none = json_array();
    AUTO_JSON never = attempts_count(none, methods, NOW);
    counts_are(never, 0, 0);
    counts_are(json_at(methods, "0"), 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_card_has_its_own_count),
        cmocka_unit_test(a_fingerprint_is_the_card),
        cmocka_unit_test(what_names_no_card_counts_for_all),
        cmocka_unit_test(the_windows_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
