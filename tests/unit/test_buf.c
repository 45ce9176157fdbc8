/* Buffers, and the ground under them: spans, strings cut between characters, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/buf.h"
#include "engine/err.h"

static void grows_and_stays_terminated(void **state)
{
    (void)state;
    AUTO_BUF b = BUF(1000);
    assert_string_equal(buf_text(&b), "");
    for (int i = 0; i < 100; i++)
        buf_addf(&b, "%02d", i);
    assert_int_equal(b.n, 200);
    assert_int_equal(b.p[200], '\0');
    assert_memory_equal(b.p + 196, "9899", 4);
    buf_clear(&b);
    assert_string_equal(buf_text(&b), "");
    buf_adds(&b, NULL);
    buf_add(&b, "a\0b", 3);
    assert_int_equal(b.n, 3);
}

static void past_the_maximum_nothing_is_added(void **state)
{
    (void)state;
    AUTO_BUF b = BUF(5);
    buf_adds(&b, "12345");
    assert_false(b.over);
    buf_addc(&b, '6');
    assert_true(b.over);
    assert_string_equal(buf_text(&b), "12345");
    buf_clear(&b);
    buf_adds(&b, "123456");
    assert_true(b.over);
    buf_addc(&b, '7'); /* would fit, but there would be a hole before it */
    assert_string_equal(buf_text(&b), "");
    struct buf none = {0};
    buf_addc(&none, 'x');
    assert_true(none.over);
    buf_fini(&none);
}

static void formats_long_pieces(void **state)
{
    (void)state;
    AUTO_BUF b = BUF(2000);
    buf_addf(&b, "<%*d>", 1000, 7);
    assert_int_equal(b.n, 1002);
    assert_string_equal(b.p + 999, " 7>");
    AUTO_BUF tight = BUF(1001);
    buf_addf(&tight, "<%*d>", 1000, 7);
    assert_true(tight.over);
    assert_int_equal(tight.n, 0);
}

static void encodes_urls(void **state)
{
    (void)state;
    AUTO_BUF b = BUF(100);
    buf_add_url(&b, "a b&c=d/é~.-_%");
    assert_string_equal(buf_text(&b), "a%20b%26c%3Dd%2F%C3%A9~.-_%25");
}

static void is_taken_whole(void **state)
{
    (void)state;
    AUTO_BUF b = BUF(100);
    AUTO_STR empty = buf_take(&b);
    assert_string_equal(empty, "");
    buf_adds(&b, "text");
    AUTO_STR text = buf_take(&b);
    assert_string_equal(text, "text");
    assert_int_equal(b.n, 0);
    buf_adds(&b, "again");
    assert_string_equal(buf_text(&b), "again");
}

static void strings_are_cut_between_characters(void **state)
{
    (void)state;
    char out[6];
    str_copy(out, sizeof(out), "12345");
    assert_string_equal(out, "12345");
    str_copy(out, sizeof(out), "1234é");
    assert_string_equal(out, "1234");
    str_copy(out, sizeof(out), "12€€");
    assert_string_equal(out, "12€");
    str_copy(out, sizeof(out), "12😀");
    assert_string_equal(out, "12");
    str_copy(out, 1, "x");
    assert_string_equal(out, "");
    str_copy(out, sizeof(out), NULL);
    assert_string_equal(out, "");
}

static void utf8_is_told_from_other_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {{"a", 1},
                 {"é", 2},
                 {"€", 3},
                 {"😀", 4},
                 {"\x80", 0},
                 {"\xC0\xAF", 0},
                 {"\xC1\xBF", 0},
                 {"\xC3(", 0},
                 {"\xC3", 0},
                 {"\xE2\x82", 0},
                 {"\xFF", 0},
                 {"\xE0\x9F\xBF", 0},
                 {"\xED\x9F\xBF", 3},
                 {"\xED\xA0\x80", 0},
                 {"\xF0\x8F\xBF\xBF", 0},
                 {"\xF4\x8F\xBF\xBF", 4},
                 {"\xF4\x90\x80\x80", 0},
                 {"\xF5\x80\x80\x80", 0}};
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++)
        assert_int_equal(utf8_length(cases[i].text, strlen(cases[i].text)), cases[i].length);
    assert_int_equal(utf8_length("", 0), 0);
}

static void spans_and_strings_compare(void **state)
{
    (void)state;
    assert_true(span_is(span_of("abc"), "abc"));
    assert_false(span_is(span_of("abc"), "ab"));
    assert_false(span_is(span_of("ab"), "abc"));
    assert_true(span_is(span_of(NULL), ""));
    assert_false(span_is(span_of("x"), NULL));
    assert_true(str_eq(NULL, NULL));
    assert_false(str_eq(NULL, ""));
    assert_true(str_eq("a", "a"));
    assert_null(str_dup(NULL));
    AUTO_STR made = str_fmt("%s-%d", "x", 3);
    assert_string_equal(made, "x-3");
    char *stolen = STEAL(made);
    assert_null(made);
    free(stolen);
}

static void errors_gather_context(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(err_set(&e, ERR_LIMIT, "%d is too many", 7), ERR_LIMIT);
    assert_int_equal(err_wrap(&e, ERR_INVALID, "%s:%d", "a.yaml", 3), ERR_INVALID);
    assert_int_equal(e.code, ERR_INVALID);
    assert_string_equal(e.text, "a.yaml:3: 7 is too many");
    err_set(&e, ERR_IO, "again: %s", e.text); /* its own text as an argument */
    assert_string_equal(e.text, "again: a.yaml:3: 7 is too many");
    assert_int_equal(err_set(NULL, ERR_IO, "x"), ERR_IO);
    assert_int_equal(err_wrap(NULL, ERR_IO, "x"), ERR_IO);
    AUTO_STR lots = mem_alloc(2000);
    memset(lots, 'x', 1999);
    memcpy(lots + 509, "€", 3); /* bytes 509 to 511: one too many for the 511 that fit */
    err_set(&e, ERR_IO, "%s", lots);
    assert_int_equal(strlen(e.text), 509);
    err_wrap(&e, ERR_IO, "%s", "c");
    assert_int_equal(strlen(e.text), 511);
    for (int code = 0; code >= ERR_UNSUPPORTED; code--)
        assert_string_not_equal(err_name(code), "unknown");
    assert_string_equal(err_name(-999), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_stays_terminated),
        cmocka_unit_test(past_the_maximum_nothing_is_added),
        cmocka_unit_test(formats_long_pieces),
        cmocka_unit_test(encodes_urls),
        cmocka_unit_test(is_taken_whole),
        cmocka_unit_test(strings_are_cut_between_characters),
        cmocka_unit_test(utf8_is_told_from_other_bytes),
        cmocka_unit_test(spans_and_strings_compare),
        cmocka_unit_test(errors_gather_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
