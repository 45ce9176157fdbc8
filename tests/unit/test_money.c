/* Money: read from people and vendors, written back, added and split without losing a minor unit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/money.h"

static void people_write_amounts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *otherwise;
        int64_t minor;
        const char *currency;
    } cases[] = {
        {"1234.50", "USD", 123450, "USD"},
        {"1,234.50", "usd", 123450, "USD"},
        {"1,234,567", "USD", 123456700, "USD"},
        {"10k", "USD", 1000000, "USD"},
        {"1.5m", "USD", 150000000, "USD"},
        {"1.5M", "JPY", 1500000, "JPY"},
        {"$10k", "USD", 1000000, "USD"},
        {"USD 10", "EUR", 1000, "USD"},
        {"10 eur", "USD", 1000, "EUR"},
        {"10kusd", "EUR", 1000000, "USD"},
        {"10k usd", "EUR", 1000000, "USD"},
        {"10mxn", "USD", 1000, "MXN"},
        {"10kes", "USD", 1000, "KES"},
        {"€5", "USD", 500, "EUR"},
        {"5 zł", "USD", 500, "PLN"},
        {"$10", "CAD", 1000, "CAD"},
        {"$10", "EUR", 1000, "USD"},
        {"$10 CAD", "USD", 1000, "CAD"},
        {"US$10", "CAD", 1000, "USD"},
        {"5 kr", "SEK", 500, "SEK"},
        {"NOK 5 kr", "SEK", 500, "NOK"},
        {"¥1,000", "USD", 1000, "JPY"},
        {"¥10", "CNY", 1000, "CNY"},
        {"1.234", "KWD", 1234, "KWD"},
        {"1.2345", "CLF", 12345, "CLF"},
        {"1.2345k", "USD", 123450, "USD"},
        {"0", "USD", 0, "USD"},
        {"10", "JPY", 10, "JPY"},
        {"USD 5 usd", "", 500, "USD"},
        {" 7 ", "USD", 700, "USD"},
        {"92233720368547758.07", "USD", INT64_MAX, "USD"},
        {"krw 500", "USD", 500, "KRW"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        struct money m = {0};
        struct err e = {0};
        assert_int_equal(money_parse(&m, cases[i].text, cases[i].otherwise, &e), 0);
        assert_int_equal(m.minor, cases[i].minor);
        assert_string_equal(m.currency, cases[i].currency);
    }
}

static void what_is_unclear_is_refused_with_words(void **state)
{
    (void)state;
    static const struct {
        const char *text, *otherwise;
        int code;
        const char *says;
    } cases[] = {
        {"-5", "USD", ERR_INVALID, "negative"},
        {"$-5", "USD", ERR_INVALID, "negative"},
        {"−5", "USD", ERR_INVALID, "negative"},
        {"1,50", "USD", ERR_INVALID, "two ways"},
        {"1.234,50", "EUR", ERR_INVALID, "two ways"},
        {"1,2345.00", "USD", ERR_INVALID, "two ways"},
        {"1000,000", "USD", ERR_INVALID, "two ways"},
        {"1,23.00", "USD", ERR_INVALID, "two ways"},
        {"1.2.3", "USD", ERR_INVALID, "two ways"},
        {"5.", "USD", ERR_INVALID, "two ways"},
        {"1.234", "USD", ERR_INVALID, "2 decimals"},
        {"10.5", "JPY", ERR_INVALID, "no decimals"},
        {"1.0", "JPY", ERR_INVALID, "no decimals"},
        {"1.234567k", "USD", ERR_INVALID, "2 decimals"},
        {"€5 USD", "USD", ERR_INVALID, "two currencies"},
        {"USD 5 EUR", "USD", ERR_INVALID, "two currencies"},
        {"$5€", "USD", ERR_INVALID, "two currencies"},
        {"5 abc", "USD", ERR_INVALID, "abc is not a currency"},
        {"kr 5", "USD", ERR_INVALID, "several"},
        {"5", "", ERR_INVALID, "needs a currency"},
        {"5", NULL, ERR_INVALID, "needs a currency"},
        {"5", "XYZ", ERR_INVALID, "needs a currency"},
        {"", "USD", ERR_INVALID, "not an amount"},
        {"ten", "USD", ERR_INVALID, "not a currency"},
        {"1e3", "USD", ERR_INVALID, "not an amount"},
        {".5", "USD", ERR_INVALID, "not an amount"},
        {"+5", "USD", ERR_INVALID, "not an amount"},
        {"10 k", "USD", ERR_INVALID, "not an amount"},
        {"1 000", "USD", ERR_INVALID, "not an amount"},
        {"5;x", "USD", ERR_INVALID, "not an amount"},
        {"99999999999999999999", "USD", ERR_LIMIT, "too large"},
        {"92233720368547758.08", "USD", ERR_LIMIT, "too large"},
        {"99999999999m", "USD", ERR_LIMIT, "too large"},
        {"00000000000000000000000000000000000000000000000000000000000000001", "USD", ERR_INVALID, "not an amount"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        struct money m = {.minor = -7};
        struct err e = {0};
        if (money_parse(&m, cases[i].text, cases[i].otherwise, &e) != cases[i].code)
            fail_msg("%s", cases[i].text);
        assert_non_null(strstr(e.text, cases[i].says));
        assert_int_equal(m.minor, -7);
    }
    struct money m;
    assert_int_equal(money_parse(&m, NULL, "USD", NULL), ERR_INVALID);
}

static void vendors_write_decimals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *currency;
        int rc;
        int64_t minor;
    } cases[] = {
        {"120.50", "USD", 0, 12050},
        {"-3", "USD", 0, -300},
        {"120.5000", "USD", 0, 12050},
        {"120.5", "usd", 0, 12050},
        {"7", "JPY", 0, 7},
        {"7.00", "JPY", 0, 7},
        {"1.234", "BHD", 0, 1234},
        {"-92233720368547758.08", "USD", 0, INT64_MIN},
        {"-92233720368547758.09", "USD", ERR_LIMIT, 0},
        {"92233720368547758.08", "USD", ERR_LIMIT, 0},
        {"120.505", "USD", ERR_INVALID, 0},
        {"7.5", "JPY", ERR_INVALID, 0},
        {"1e3", "USD", ERR_INVALID, 0},
        {"", "USD", ERR_INVALID, 0},
        {"-", "USD", ERR_INVALID, 0},
        {".5", "USD", ERR_INVALID, 0},
        {"5.", "USD", ERR_INVALID, 0},
        {"1,000", "USD", ERR_INVALID, 0},
        {" 1", "USD", ERR_INVALID, 0},
        {"+1", "USD", ERR_INVALID, 0},
        {"1.2.3", "USD", ERR_INVALID, 0},
        {"1", "XXX", ERR_INVALID, 0},
        {"1.00.", "USD", ERR_INVALID, 0},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        int64_t minor = 0;
        struct err e = {0};
        assert_int_equal(money_parse_decimal(&minor, cases[i].text, cases[i].currency, &e), cases[i].rc);
        assert_int_equal(minor, cases[i].minor);
        assert_int_equal(e.code, cases[i].rc);
    }
}

static void is_written_for_people_and_machines(void **state)
{
    (void)state;
    static const struct {
        int64_t minor;
        const char *currency, *text, *decimal;
    } cases[] = {
        {4820000, "USD", "$48,200.00", "48200.00"},
        {123450, "EUR", "€1,234.50", "1234.50"},
        {1200, "CHF", "CHF 12.00", "12.00"},
        {500, "JPY", "¥500", "500"},
        {1000, "JPY", "¥1,000", "1000"},
        {5, "USD", "$0.05", "0.05"},
        {0, "USD", "$0.00", "0.00"},
        {-123456, "USD", "-$1,234.56", "-1234.56"},
        {100, "GBP", "£1.00", "1.00"},
        {1234567, "KWD", "KWD 1,234.567", "1234.567"},
        {12345, "CLF", "CLF 1.2345", "1.2345"},
        {99999, "USD", "$999.99", "999.99"},
        {1234567, "", "1,234,567", "1234567"},
        {INT64_MAX, "USD", "$92,233,720,368,547,758.07", "92233720368547758.07"},
        {INT64_MIN, "CHF", "-CHF 92,233,720,368,547,758.08", "-92233720368547758.08"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        char out[MONEY_TEXT_SIZE];
        struct money m = money_of(cases[i].minor, cases[i].currency);
        assert_string_equal(money_text(out, m), cases[i].text);
        assert_string_equal(money_decimal(out, m), cases[i].decimal);
    }
}

static void knows_iso_4217(void **state)
{
    (void)state;
    static const char zero[] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
    static const char three[] = "BHD IQD JOD KWD LYD OMR TND";
    for (const char *p = zero; p < zero + sizeof(zero); p += 4)
        assert_int_equal(money_exponent((const char[]){p[0], p[1], p[2], '\0'}), 0);
    for (const char *p = three; p < three + sizeof(three); p += 4)
        assert_int_equal(money_exponent((const char[]){p[0], p[1], p[2], '\0'}), 3);
    assert_int_equal(money_exponent("usd"), 2);
    assert_int_equal(money_exponent("AED"), 2);
    assert_int_equal(money_exponent("ZWG"), 2);
    assert_int_equal(money_exponent("UYW"), 4);
    assert_int_equal(money_exponent("XXX"), -1);
    assert_int_equal(money_exponent("XAU"), -1);
    assert_int_equal(money_exponent("US"), -1);
    assert_int_equal(money_exponent("USDX"), -1);
    assert_int_equal(money_exponent(""), -1);
    assert_int_equal(money_exponent(NULL), -1);
    assert_string_equal(money_of(1, "eur").currency, "EUR");
    assert_string_equal(money_of(1, "nope").currency, "");
}

static void adds_and_splits_exactly(void **state)
{
    (void)state;
    int64_t sum = 5, parts[12];
    assert_int_equal(money_add(&sum, INT64_MAX, 1), ERR_LIMIT);
    assert_int_equal(money_add(&sum, INT64_MIN, -1), ERR_LIMIT);
    assert_int_equal(sum, 5);
    assert_int_equal(money_add(&sum, 2, -3), 0);
    assert_int_equal(sum, -1);
    money_split(1000, 3, parts);
    assert_int_equal(parts[0], 334);
    assert_int_equal(parts[1], 333);
    assert_int_equal(parts[2], 333);
    money_split(-1000, 3, parts);
    assert_int_equal(parts[0], -334);
    assert_int_equal(parts[2], -333);
    money_split(2, 3, parts);
    assert_int_equal(parts[1], 1);
    assert_int_equal(parts[2], 0);
    money_split(INT64_MAX, 1, parts);
    assert_int_equal(parts[0], INT64_MAX);
    money_split_paid(money_of(100000, "KWD"), 3, parts); /* a hundred dinars: none of the parts needs the third decimal */
    assert_int_equal(parts[0], 33340);
    assert_int_equal(parts[2], 33330);
    money_split_paid(money_of(100001, "KWD"), 2, parts); /* the total does */
    assert_int_equal(parts[0], 50001);
    assert_int_equal(parts[1], 50000);
    money_split_paid(money_of(100000, "MGA"), 3, parts); /* a thousand ariary: whole ones */
    assert_int_equal(parts[0], 33400);
    assert_int_equal(parts[2], 33300);
    assert_int_equal(money_step_paid(money_of(100020, "MGA")), 1);
    assert_int_equal(money_step_paid(money_of(1000, "ISK")), 1);
    money_split_paid(money_of(1000, "USD"), 3, parts);
    assert_int_equal(parts[0], 334);
    for (int n = 1; n <= 12; n++) {
        int64_t total = 0;
        money_split(4820001, n, parts);
        for (int i = 0; i < n; i++)
            total += parts[i];
        assert_int_equal(total, 4820001);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(people_write_amounts),
        cmocka_unit_test(what_is_unclear_is_refused_with_words),
        cmocka_unit_test(vendors_write_decimals),
        cmocka_unit_test(is_written_for_people_and_machines),
        cmocka_unit_test(knows_iso_4217),
        cmocka_unit_test(adds_and_splits_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
