/* Facts: from the book, from billing, and in words. The billing readings are made like adapters/adapter.h says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "engine/facts.h"
#include "engine/when.h"

#define NOW INT64_C(1795300000000) /* 21 Nov 2026 */

static json_t *json(const char *text)
{
    struct err e = {0};
    json_t *v = json_read(span_of(text), &e);
    if (!v)
        fail_msg("%s", e.text);
    return v;
}

static struct facts reading(const char *text)
{
    struct facts f;
    facts_init(&f);
    AUTO_JSON read = json(text);
    facts_add_billing(&f, read, "stripe", NOW);
    return f;
}

static void words_are(const struct facts *f, const char *name, const char *words)
{
    AUTO_STR got = fact_words(f, name);
    assert_string_equal(got, words);
}

static struct account *account(void)
{
    struct account *a = mem_alloc(sizeof(*a));
    a->key = str_dup("northwind");
    a->name = str_dup("Northwind Traders Ltd");
    a->value = money_of(41200000, "USD");
    a->billing = str_dup("stripe");
    a->billing_id = str_dup("cus_9");
    a->renewal_ms = INT64_C(1804809600000); /* 12 Mar 2027 */
    a->facts = json("{\"sentiment\":\"-0.4\",\"open_tickets\":\"2\",\"csat\":\"4.50\",\"code\":\"007\",\"minus\":\"-"
                    "\",\"exp\":\"1e5\",\"known\":\"7\"}");
    return a;
}

static void from_the_book(void **state)
{
    (void)state;
    struct book *b = book_new("accounts.csv", NOW);
    assert_int_equal(book_add(b, account(), NULL), 0);
    book_seal(b);
    struct facts f;
    facts_init(&f);
    facts_put(&f, "account.gone", json_string("old column"), "accounts.csv", 1);
    facts_add_account(&f, book_by_key(b, "northwind"), b);
    assert_null(facts_get(&f, "account.gone"));
    assert_true(json_is_true(facts_get(&f, "account.known")));
    assert_string_equal(facts_str(&f, "account.name"), "Northwind Traders Ltd");
    assert_int_equal(facts_i64(&f, "account.annual_value", 0), 41200000);
    assert_string_equal(facts_source(&f, "account.annual_value"), "accounts.csv");
    assert_int_equal(facts_as_of(&f, "account.annual_value"), NOW);
    assert_true(json_is_real(facts_get(&f, "account.sentiment")));
    assert_true(json_is_integer(facts_get(&f, "account.open_tickets")));
    assert_string_equal(facts_str(&f, "account.code"), "007");
    assert_string_equal(facts_str(&f, "account.exp"), "1e5");
    assert_string_equal(facts_str(&f, "account.minus"), "-");
    assert_null(facts_get(&f, "account.tier"));
    words_are(&f, "account.annual_value", "$412,000.00");
    words_are(&f, "account.renewal_ms", "12 Mar 2027");
    words_are(&f, "account.sentiment", "-0.4");
    words_are(&f, "account.csat", "4.5");
    words_are(&f, "account.known", "yes");
    words_are(&f, "account.ae", "not known");
    facts_add_account(&f, NULL, b);
    assert_true(json_is_false(facts_get(&f, "account.known")));
    assert_int_equal(json_object_size(f.set), 1);
    facts_fini(&f);
    book_free(b);
}

#define INVOICE(id, cur, due, status, more)                                                                          \
    "{\"id\":\"" id "\",\"currency\":\"" cur "\",\"due\":" due ",\"status\":\"" status "\"" more "}"

static void one_failed_invoice(void **state)
{
    (void)state;
    struct facts
        f = reading("{\"account\":{\"id\":\"cus_9\",\"name\":\"N\",\"email\":\"n@example.com\",\"currency\":\"usd\","
                    "\"default_method\":\"pm_2\"},"
                    "\"invoices\":[" INVOICE("in_1", "USD", "12050", "open",
                                             ",\"number\":\"N-1\",\"attempts\":3,\"next_attempt_ms\":1795560022000,"
                                             "\"auto_advance\":true,\"collection\":\"auto\",\"due_at_ms\":"
                                             "1795100000000") "],"
                                                              "\"payments\":[{\"id\":\"p1\",\"invoice\":\"in_1\","
                                                              "\"status\":\"failed\",\"at_ms\":5,\"code\":\"old\","
                                                              "\"class\":\"H\"},"
                                                              "{\"id\":\"p2\",\"invoice\":\"in_1\",\"status\":"
                                                              "\"failed\",\"at_ms\":9,\"code\":\"insufficient_"
                                                              "funds\",\"class\":\"S\",\"network_code\":\"51\","
                                                              "\"advice\":\"try_again_later\",\"method\":\"pm_1\","
                                                              "\"text\":\"Not enough\"},"
                                                              "{\"id\":\"p0\",\"invoice\":\"in_1\",\"status\":\"failed\",\"at_ms\":7,\"code\":\"older\",\"class\":\"N\"},"
        "{\"id\":\"p4\",\"invoice\":\"in_1\",\"status\":\"succeeded\",\"at_ms\":11},"
        "{\"id\":\"p3\",\"invoice\":\"in_0\",\"status\":"
                                                              "\"failed\",\"at_ms\":99,\"code\":\"other\",\"class\":"
                                                              "\"H\"}],"
                                                              "\"methods\":[{\"id\":\"pm_2\",\"brand\":\"visa\","
                                                              "\"last4\":\"1\",\"exp_month\":1,\"exp_year\":2030},"
                                                              "{\"id\":\"pm_1\",\"brand\":\"mastercard\",\"last4\":"
                                                              "\"4444\",\"exp_month\":4,\"exp_year\":2027},"
                                                              "{\"id\":\"pm_3\",\"brand\":\"visa\",\"last4\":\"2\","
                                                              "\"exp_month\":10,\"exp_year\":2026}],"
                                                              "\"subscription\":{\"id\":\"sub_4\",\"status\":\"past_"
                                                              "due\"},\"network\":{\"attempts_window\":3,\"attempts_"
                                                              "day\":1}}");
    words_are(&f, "invoice.due", "$120.50");
    assert_int_equal(facts_i64(&f, "invoice.due", 0), 12050);
    assert_int_equal(facts_i64(&f, "invoice.count", 0), 1);
    assert_string_equal(facts_str(&f, "invoice.id"), "in_1");
    assert_string_equal(facts_str(&f, "invoice.number"), "N-1");
    assert_int_equal(facts_i64(&f, "invoice.attempts", 0), 3);
    assert_int_equal(facts_i64(&f, "invoice.next_attempt_ms", 0), INT64_C(1795560022000));
    assert_true(json_is_true(facts_get(&f, "invoice.auto_advance")));
    assert_null(facts_get(&f, "invoice.other_currencies"));
    assert_string_equal(facts_str(&f, "payment.id"), "p2");
    assert_string_equal(facts_str(&f, "payment.decline_code"), "insufficient_funds");
    assert_string_equal(facts_str(&f, "payment.class"), "S");
    assert_string_equal(facts_str(&f, "payment.network_code"), "51");
    assert_int_equal(facts_i64(&f, "payment.at_ms", 0), 9);
    assert_string_equal(facts_str(&f, "method.id"), "pm_1");
    assert_string_equal(facts_str(&f, "method.exp"), "04/2027");
    assert_int_equal(facts_i64(&f, "method.others", -1), 1); /* pm_3 has expired */
    assert_string_equal(facts_str(&f, "subscription.status"), "past_due");
    assert_int_equal(facts_i64(&f, "network.attempts_window", -1), 3);
    assert_int_equal(facts_i64(&f, "network.attempts_day", -1), 1);
    assert_string_equal(facts_source(&f, "invoice.due"), "stripe");
    words_are(&f, "payment.class", "soft: may be tried again later");
    words_are(&f, "invoice.next_attempt_ms", "Tue 24 Nov 2026 22:40 UTC");
    facts_fini(&f);
}

#define FAILED_ON(method, class) "\"payments\":[{\"id\":\"p\",\"invoice\":\"in_1\",\"status\":\"failed\",\"at_ms\":9,\"class\":\"" class "\",\"method\":\"" method "\"}],"
#define CARD(id, brand, last4, window, more) \
    "{\"id\":\"" id "\",\"brand\":\"" brand "\",\"last4\":\"" last4 "\",\"attempts_window\":" window ",\"attempts_day\":0" more "}"

/* The card that failed is not the one that would be charged: it is the other one's count that matters. */
static void attempts_are_of_the_card_that_would_be_charged(void **state)
{
    (void)state;
    static const char *const classes[] = {"H", "S"};
    for (size_t i = 0; i < DW_ARRAY_LEN(classes); i++) {
        AUTO_STR text = str_fmt("{\"account\":{\"default_method\":\"pm_2\"},\"invoices\":[" INVOICE("in_1", "USD", "100", "open", "") "],"
                                "\"payments\":[{\"id\":\"p\",\"invoice\":\"in_1\",\"status\":\"failed\",\"at_ms\":9,\"class\":\"%s\",\"method\":\"pm_1\"}],"
                                "\"methods\":[" CARD("pm_1", "visa", "1", "3", "") "," CARD("pm_2", "MasterCard", "2", "34", "") "],"
                                "\"network\":{\"attempts_window\":3,\"attempts_day\":0}}", classes[i]);
        struct facts f = reading(text);
        assert_string_equal(facts_str(&f, "method.brand"), i == 0 ? "mastercard" : "visa");
        assert_int_equal(facts_i64(&f, "network.attempts_window", -1), i == 0 ? 34 : 3);
        facts_fini(&f);
    }
}

/* Two billing systems charge one card, each under its own name for it. */
static void one_card_at_two_systems_has_the_fuller_count(void **state)
{
    (void)state;
    struct facts f = reading("{\"account\":{\"default_method\":\"pm_1\"},\"invoices\":[" INVOICE("in_1", "USD", "100", "open", "") "],"
                             FAILED_ON("pm_1", "S") "\"methods\":[" CARD("pm_1", "amex", "1005", "2", "") "," CARD("b", "American_Express", "1005", "9", "") ","
                             CARD("c", "visa", "1005", "14", "") "],\"network\":{\"attempts_window\":14,\"attempts_day\":0}}");
    assert_string_equal(facts_str(&f, "method.brand"), "amex");
    assert_int_equal(facts_i64(&f, "network.attempts_window", -1), 9);
    facts_fini(&f);
}

static void currencies_are_never_added(void **state)
{
    (void)state;
    /* clang-format off */
    struct facts f = reading("{\"invoices\":["
        INVOICE("in_1", "JPY", "90000", "open", ",\"due_at_ms\":1,\"attempts\":7") ","
        INVOICE("in_2", "KWD", "100000001", "open", ",\"due_at_ms\":30,\"attempts\":2") ","
        INVOICE("in_3", "KWD", "5", "open", ",\"due_at_ms\":20") ","
        INVOICE("in_4", "KWD", "7", "paid", "") ","
        INVOICE("in_5", "KWD", "0", "open", "") ","
        INVOICE("in_6", "EUR", "100", "open", "") ","
        INVOICE("in_7", "EUR", "23", "open", "") "]}");
    /* clang-format on */
    assert_string_equal(facts_str(&f, "invoice.currency"), "KWD");
    assert_int_equal(facts_i64(&f, "invoice.due", 0), 100000006);
    assert_int_equal(facts_i64(&f, "invoice.count", 0), 5);
    assert_int_equal(facts_i64(&f, "invoice.attempts", 0), 7);
    assert_string_equal(facts_str(&f, "invoice.id"), "in_3"); /* the oldest of the main currency */
    assert_int_equal(facts_i64(&f, "invoice.oldest_due_ms", 0), 1);
    AUTO_STR others = json_text(facts_get(&f, "invoice.other_currencies"));
    assert_string_equal(others, "{\"EUR\":123,\"JPY\":90000}");
    AUTO_STR words = fact_words(&f, "invoice.other_currencies");
    assert_non_null(strstr(words, "\xe2\x82\xac"
                                  "1.23"));
    facts_fini(&f);
}

static void the_main_currency_is_that_of_the_largest_invoice(void **state)
{
    (void)state;
    static const struct {
        const char *text, *currency;
    } cases[] = {
        {"{\"invoices\":[" INVOICE("a", "USD", "100", "open", "") "," INVOICE("b", "EUR", "200", "open", "") "]}", "EUR"},
        {"{\"invoices\":[" INVOICE("a", "EUR", "200", "open", "") "," INVOICE("b", "USD", "100", "open", "") "]}", "EUR"},
        {"{\"invoices\":[" INVOICE("a", "KWD", "5000", "open", "") "," INVOICE("b", "USD", "4000", "open", "") "]}", "USD"},
        {"{\"invoices\":[" INVOICE("a", "USD", "4000", "open", "") "," INVOICE("b", "JPY", "41", "open", "") "]}", "JPY"},
        {"{\"invoices\":[" INVOICE("a", "XXQ", "4000", "open", "") "," INVOICE("b", "JPY", "1", "open", "") "]}", "JPY"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        struct facts f = reading(cases[i].text);
        assert_string_equal(facts_str(&f, "invoice.currency"), cases[i].currency);
        facts_fini(&f);
    }
}

static void a_sum_that_does_not_fit_is_not_known(void **state)
{
    (void)state;
    struct facts f = reading("{\"invoices\":[" INVOICE("a", "USD", "9223372036854775807", "open", "") "," INVOICE(
        "b", "USD", "1", "open", "") "," INVOICE("c", "USD", "1", "open", "") "]}");
    assert_null(facts_get(&f, "invoice.due"));
    assert_int_equal(facts_i64(&f, "invoice.count", 0), 3);
    facts_fini(&f);
}

static void a_renewed_card_takes_the_place_of_a_dead_one(void **state)
{
    (void)state;
#define RENEWED(class, def, exp_year)                                                                                \
    "{\"account\":{\"default_method\":\"" def                                                                        \
    "\"},\"invoices\":[" INVOICE("in_1", "USD", "5", "open",                                                         \
                                 "") "],"                                                                            \
                                     "\"payments\":[{\"id\":\"p\",\"invoice\":\"in_1\",\"status\":\"failed\",\"at_"  \
                                     "ms\":9,\"class\":\"" class "\",\"method\":\"pm_1\"}],"                         \
                                                                 "\"methods\":[{\"id\":\"pm_1\"},{\"id\":\"pm_2\","  \
                                                                 "\"exp_month\":1,\"exp_year\":" exp_year "}]}"
    static const struct {
        const char *text, *method;
    } cases[] = {
        {RENEWED("H", "pm_2", "2030"), "pm_2"}, {RENEWED("N", "pm_2", "2030"), "pm_2"},
        {RENEWED("S", "pm_2", "2030"), "pm_1"}, {RENEWED("H", "pm_1", "2030"), "pm_1"},
        {RENEWED("H", "pm_2", "2020"), "pm_1"}, {RENEWED("H", "pm_9", "2030"), "pm_1"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        struct facts f = reading(cases[i].text);
        assert_string_equal(facts_str(&f, "method.id"), cases[i].method);
        assert_string_equal(facts_str(&f, "payment.method"), "pm_1");
        facts_fini(&f);
    }
}

static void nothing_open_and_nothing_said(void **state)
{
    (void)state;
    struct facts f =
        reading("{\"account\":{\"currency\":\"usd\"},\"invoices\":[" INVOICE("in_1", "USD", "500", "paid", "") "]}");
    assert_int_equal(facts_i64(&f, "invoice.due", -1), 0);
    assert_int_equal(facts_i64(&f, "invoice.count", -1), 0);
    assert_string_equal(facts_str(&f, "invoice.currency"), "USD");
    assert_null(facts_get(&f, "invoice.id"));
    assert_null(facts_get(&f, "network.attempts_window"));
    facts_fini(&f);
    static const char *const odd[] = {"{}", "[]", "null",
                                      "{\"invoices\":5,\"payments\":{},\"methods\":\"x\",\"network\":[]}",
                                      "{\"invoices\":[null,5,[],{}],\"payments\":[null,{}],\"methods\":[null]}"};
    for (size_t i = 0; i < DW_ARRAY_LEN(odd); i++) {
        f = reading(odd[i]);
        assert_int_equal(facts_i64(&f, "invoice.count", -1), 0);
        facts_fini(&f);
    }
}

static void a_new_reading_replaces_the_old_one(void **state)
{
    (void)state;
    struct facts f = reading("{\"invoices\":[" INVOICE("in_1", "USD", "5", "open",
                                                       ",\"number\":\"N-1\"") "],\"subscription\":{\"id\":\"s\"}}");
    facts_put(&f, "account.name", json_string("N"), "accounts.csv", NOW);
    facts_put(&f, "payment.class", json_string("H"), "stripe", NOW);
    AUTO_JSON read = json("{\"invoices\":[]}");
    facts_add_billing(&f, read, "stripe", NOW + 1);
    assert_null(facts_get(&f, "invoice.number"));
    assert_null(facts_get(&f, "subscription.id"));
    assert_null(facts_get(&f, "payment.class"));
    assert_string_equal(facts_str(&f, "account.name"), "N");
    facts_fini(&f);
}

static void foreign_text_is_bounded(void **state)
{
    (void)state;
    AUTO_STR longer = mem_alloc(100001);
    memset(longer, 'x', 100000);
    AUTO_STR text = str_fmt("{\"account\":{\"name\":\"%s\"}}", longer);
    struct facts f = reading(text);
    assert_true(strlen(facts_str(&f, "customer.name")) < 600);
    facts_fini(&f);
}

static void staleness(void **state)
{
    (void)state;
    struct facts f;
    facts_init(&f);
    facts_put(&f, "invoice.due", json_integer(1), "stripe", NOW);
    facts_put(&f, "account.name", json_string("N"), "accounts.csv", NOW);
    facts_put(&f, "tier", json_string("low"), "policy", NOW);
    assert_false(fact_stale(&f, "invoice.due", NOW + MS_HOUR));
    assert_true(fact_stale(&f, "invoice.due", NOW + MS_HOUR + 1));
    assert_false(fact_stale(&f, "account.name", NOW + 7 * MS_DAY));
    assert_true(fact_stale(&f, "account.name", NOW + 7 * MS_DAY + 1));
    assert_false(fact_stale(&f, "tier", NOW + 100 * MS_DAY));
    assert_true(fact_stale(&f, "payment.class", NOW));
    facts_fini(&f);
}

static void names(void **state)
{
    (void)state;
    enum fact_kind kind;
    assert_string_equal(fact_label("account.annual_value"), "Annual value");
    assert_string_equal(fact_label("account.favourite"), "favourite");
    assert_true(fact_kind_of("invoice.due", &kind));
    assert_int_equal(kind, FACT_MONEY);
    assert_true(fact_kind_of("account.favourite", &kind));
    assert_int_equal(kind, FACT_COLUMN);
    assert_false(fact_kind_of("account.", &kind));
    assert_false(fact_kind_of("account.Fav", &kind));
    assert_false(fact_kind_of("invoice.favourite", &kind));
    assert_string_equal(fact_nearest("invoice.atempts"), "invoice.attempts");
    assert_null(fact_nearest("zzzzzzzzzzzz"));
}

static void reckoned(void **state)
{
    (void)state;
    struct facts f;
    facts_init(&f);
    assert_null(fact_at(&f, "account.renewal_in_days", NOW));
    facts_put(&f, "account.renewal_ms", json_integer(NOW + 10 * MS_DAY + 5), "b", 1);
    facts_put(&f, "invoice.oldest_due_ms", json_integer(NOW - 3 * MS_DAY - 5), "b", 1);
    AUTO_JSON renewal = fact_at(&f, "account.renewal_in_days", NOW);
    AUTO_JSON overdue = fact_at(&f, "invoice.overdue_days", NOW);
    AUTO_JSON past = fact_at(&f, "account.renewal_in_days", NOW + 10 * MS_DAY + 6);
    assert_int_equal(json_integer_value(renewal), 10);
    assert_int_equal(json_integer_value(overdue), 3);
    assert_int_equal(json_integer_value(past), -1);
    facts_fini(&f);
}

static void the_hash_is_of_names_and_values(void **state)
{
    (void)state;
    struct facts a, b;
    facts_init(&a);
    facts_init(&b);
    facts_put(&a, "invoice.due", json_integer(5), "stripe", 1);
    facts_put(&a, "tier", json_string("low"), "policy", 1);
    facts_put(&b, "tier", json_string("low"), "elsewhere", 7);
    facts_put(&b, "invoice.due", json_integer(5), "stripe", 2);
    AUTO_STR ha = facts_hash(&a);
    AUTO_STR hb = facts_hash(&b);
    assert_string_equal(ha, hb);
    assert_int_equal(strlen(ha), 64);
    facts_put(&b, "invoice.due", json_integer(6), "stripe", 2);
    AUTO_STR hc = facts_hash(&b);
    assert_string_not_equal(ha, hc);
    char hex[65];
    text_sha256(hex, "abc");
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    facts_put(&b, "invoice.due", json_null(), "stripe", 2);
    assert_null(facts_get(&b, "invoice.due"));
    assert_int_equal(facts_as_of(&b, "invoice.due"), 0);
    facts_fini(&a);
    facts_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_the_book),
        cmocka_unit_test(one_failed_invoice),
        cmocka_unit_test(attempts_are_of_the_card_that_would_be_charged),
        cmocka_unit_test(one_card_at_two_systems_has_the_fuller_count),
        cmocka_unit_test(currencies_are_never_added),
        cmocka_unit_test(the_main_currency_is_that_of_the_largest_invoice),
        cmocka_unit_test(a_sum_that_does_not_fit_is_not_known),
        cmocka_unit_test(a_renewed_card_takes_the_place_of_a_dead_one),
        cmocka_unit_test(nothing_open_and_nothing_said),
        cmocka_unit_test(a_new_reading_replaces_the_old_one),
        cmocka_unit_test(foreign_text_is_bounded),
        cmocka_unit_test(staleness),
        cmocka_unit_test(names),
        cmocka_unit_test(reckoned),
        cmocka_unit_test(the_hash_is_of_names_and_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
