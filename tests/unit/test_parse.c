/* The command grammar: what people type on phones is understood, what is doubtful is refused with an example. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bot/parse.h"

#define PLAN (WANT_COUNT | WANT_FROM | WANT_WHY)
#define HOLD (WANT_UNTIL | WANT_WHY)
#define PROMISE (WANT_AMOUNT | WANT_BY | WANT_WHY)

static struct order parsed(const char *args, unsigned wants)
{
    struct order o;
    struct err e = {0};
    if (parse_order(&o, args, wants, &e) != 0)
        fail_msg("%s: %s", args, e.text);
    return o;
}

static void plans_are_understood(void **state)
{
    static const struct {
        const char *text, *account;
        int count;
        const char *date, *why;
    } rows[] = {
        {"Northwind 3x from 2027-01-05 why renewal in flight", "Northwind", 3, "2027-01-05", "renewal in flight"},
        {"Northwind Ltd 3 x from 5 jan because cash is late", "Northwind Ltd", 3, "5 jan", "cash is late"},
        {"northwind 3 from friday", "northwind", 3, "friday", ""},
        {"northwind 3", "northwind", 3, "", ""},
        {"northwind X4 FROM tomorrow WHY: because", "northwind", 4, "tomorrow", "because"},
        {"Area 51 3x from jan 5", "Area 51", 3, "jan 5", ""},
        {"Area 51 Labs 6 instalments from in 3 days", "Area 51 Labs", 6, "in 3 days", ""},
        {"\"3x from Berlin\" 2x from 2027-01-05", "3x from Berlin", 2, "2027-01-05", ""},
        {"\xE2\x80\x9CNorth\xC2\xA0wind\xE2\x80\x9D 3\xC3\x97 from friday", "North\xC2\xA0wind", 3, "friday", ""},
        {"Away from Home 3x from friday", "Away from Home", 3, "friday", ""},
        {"northwind\n3x\nfrom\tfriday", "northwind", 3, "friday", ""},
        {"northwind from friday 3x", "northwind", 3, "friday", ""},
        {"N-12 3x from friday", "N-12", 3, "friday", ""},
        {"", "", 0, "", ""},
        {"northwind", "northwind", 0, "", ""},
    };
    (void)state;
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        struct order o = parsed(rows[i].text, PLAN);
        assert_string_equal(o.account, rows[i].account);
        assert_int_equal(o.count, rows[i].count);
        assert_string_equal(o.date, rows[i].date);
        assert_string_equal(o.why, rows[i].why);
    }
}

static void holds_have_an_end(void **state)
{
    (void)state;
    struct order o = parsed("Care for Kids until friday why new card", HOLD);
    assert_string_equal(o.account, "Care for Kids");
    assert_string_equal(o.date, "friday");
    assert_string_equal(o.why, "new card");
    o = parsed("Care for Kids for 7 days", HOLD);
    assert_string_equal(o.account, "Care for Kids");
    assert_string_equal(o.date, "in 7 days");
    struct err e = {0};
    assert_int_equal(parse_order(&o, "Northwind until", HOLD, &e), ERR_INVALID);
    assert_non_null(strstr(e.text, "2027-01-05"));
}

static void promises_have_an_amount(void **state)
{
    static const struct {
        const char *text, *account, *amount, *date;
    } rows[] = {
        {"Northwind 500 by friday", "Northwind", "500", "friday"},
        {"Northwind Ltd $1,200.50 by friday", "Northwind Ltd", "$1,200.50", "friday"},
        {"Northwind USD 500 by friday", "Northwind", "USD 500", "friday"},
        {"Northwind 500 eur by friday", "Northwind", "500 eur", "friday"},
        {"Northwind \xE2\x82\xAC"
         "500 by friday",
         "Northwind",
         "\xE2\x82\xAC"
         "500",
         "friday"},
        {"Northwind -500 by friday", "Northwind", "-500", "friday"},
        {"Northwind by friday", "Northwind", "", "friday"},
        {"Ride by Night 10k by in 3 days", "Ride by Night", "10k", "in 3 days"},
        {"\"Studio 54\" by friday", "Studio 54", "", "friday"},
        {"54 by friday", "54", "", "friday"},
    };
    (void)state;
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        struct order o = parsed(rows[i].text, PROMISE);
        assert_string_equal(o.account, rows[i].account);
        assert_string_equal(o.amount, rows[i].amount);
        assert_string_equal(o.date, rows[i].date);
    }
    assert_string_equal(parsed("Studio 54 by friday", PROMISE).subject, "Studio 54");
}

static int64_t ref(const char *text, char letter)
{
    return parse_ref(span_of(text), letter);
}

static void references_are_read_leniently(void **state)
{
    char letter = 0, out[32];
    (void)state;
    assert_int_equal(ref("A-17", 'A'), 17);
    assert_int_equal(ref("a17", 'A'), 17);
    assert_int_equal(ref("17", 'A'), 17);
    assert_int_equal(ref("#17", 'A'), 17);
    assert_int_equal(ref("A\xE2\x80\x93"
                         "17",
                         'A'),
                     17);
    assert_int_equal(ref("A-17.", 'A'), 17);
    assert_int_equal(ref("N-17", 'A'), 0);
    assert_int_equal(ref("", 'A'), 0);
    assert_int_equal(ref("A-99999999999999999999999999", 'A'), 0);
    assert_int_equal(ref("A-17-17-17-17-17-17-17-17-17-17-17-17", 'A'), 0);
    assert_int_equal(parse_any_ref(span_of("n12"), "NAH", &letter), 12);
    assert_int_equal(letter, 'N');
    assert_int_equal(parse_any_ref(span_of("12"), "NAH", &letter), 0);
    assert_int_equal(parse_revision(out, sizeof out, "A-17@30000"), 30000);
    assert_string_equal(out, "A-17");
    assert_int_equal(parse_revision(out, sizeof out, "A-17"), 0);
    assert_string_equal(out, "A-17");
    assert_int_equal(parse_revision(out, sizeof out, NULL), 0);
    assert_string_equal(out, "");
    assert_int_equal(parse_revision(out, sizeof out, "@"), 0);
    assert_string_equal(out, "");
}

static void counts_are_bounded(void **state)
{
    (void)state;
    assert_int_equal(parse_count("3x"), 3);
    assert_int_equal(parse_count(" 12 "), 12);
    assert_int_equal(parse_count("x"), 0);
    assert_int_equal(parse_count(""), 0);
    assert_int_equal(parse_count("-3"), 0);
    assert_int_equal(parse_count("99999999999"), 0);
    static const char *const absurd[] = {"northwind 0x from friday", "northwind -3x from friday", "northwind 99999x"};
    for (size_t i = 0; i < DW_ARRAY_LEN(absurd); i++) {
        struct order o;
        struct err e;
        assert_int_equal(parse_order(&o, absurd[i], PLAN, &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "Instalments are written 2x"));
    }
    assert_string_equal(parsed("Studio 54x 3x from friday", PLAN).account, "Studio 54x");
}

static void bad_input_is_refused(void **state)
{
    struct err e = {0};
    struct order o;
    char *huge = mem_alloc(50001);
    (void)state;
    memset(huge, 'a', 50000);
    assert_int_equal(parse_check(huge, &e), ERR_LIMIT);
    assert_non_null(strstr(e.text, "too long"));
    huge[PARSE_MAX] = '\0';
    assert_int_equal(parse_check(huge, &e), 0);
    assert_int_equal(parse_order(&o, huge, PLAN, &e), ERR_LIMIT);
    for (int i = 0; i < PARSE_MAX; i++)
        huge[i] = i % 2 ? ' ' : 'a';
    assert_int_equal(parse_order(&o, huge, PLAN, &e), ERR_LIMIT);
    free(huge);
    assert_int_equal(parse_check("note northwind \x1b[31mred", &e), ERR_INVALID);
    assert_int_equal(parse_check("note \x7f", &e), ERR_INVALID);
    assert_int_equal(parse_check("note \xC3\x28", &e), ERR_INVALID);
    assert_int_equal(parse_check("note \xED\xA0\x80", &e), ERR_INVALID);
    assert_int_equal(parse_check("line one\nline two\tx \xE2\x9C\x85", &e), 0);
    assert_int_equal(parse_order(&o, "\"Northwind\" what 3x", PLAN, &e), ERR_INVALID);
    assert_non_null(strstr(e.text, "what"));
}

static void words_and_reasons(void **state)
{
    const char *rest = "  \"two words\" then  rest";
    (void)state;
    assert_true(span_is(parse_word(&rest), "two words"));
    assert_true(span_is(parse_word(&rest), "then"));
    assert_string_equal(parse_trim(rest), "rest");
    assert_true(span_is(parse_word(&rest), "rest"));
    assert_int_equal(parse_word(&rest).n, 0);
    assert_string_equal(parse_skip_why(" because of x"), "of x");
    assert_string_equal(parse_skip_why(" too long"), "too long");
    assert_string_equal(parse_skip_why("why"), "");
    assert_string_equal(parse_skip_why(""), "");
}

static void codes_are_taken_out(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"A-17 code 123456", "A-17 ", "123456"},
        {"A-17 CODE: 123 456 why fine", "A-17  why fine", "123456"},
        {"A-17 123456 why fine", "A-17  why fine", "123456"},
        {"A-17 why fine code 123-456", "A-17 why fine ", "123456"},
        {"A-17 code 123456 code 654321", "A-17  ", "123456"},
        {"A-17 code123456", "A-17 ", "123456"},
        {"A-17 why invoice 123456 is wrong", "A-17 why invoice 123456 is wrong", ""},
        {"A-17 code 1234567", "A-17 code 1234567", ""},
        {"A-17 code 12345", "A-17 code 12345", ""},
        {"A-17 code 12 3456", "A-17 code 12 3456", ""},
        {"A-17 code", "A-17 code", ""},
        {"123456", "123456", ""},
        {"", "", ""},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        char code[PARSE_CODE];
        AUTO_STR text = str_dup(rows[i][0]);
        parse_take_code(text, code);
        assert_string_equal(text, rows[i][1]);
        assert_string_equal(code, rows[i][2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_are_understood),    cmocka_unit_test(holds_have_an_end),
        cmocka_unit_test(promises_have_an_amount), cmocka_unit_test(references_are_read_leniently),
        cmocka_unit_test(counts_are_bounded),      cmocka_unit_test(bad_input_is_refused),
        cmocka_unit_test(words_and_reasons),       cmocka_unit_test(codes_are_taken_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
