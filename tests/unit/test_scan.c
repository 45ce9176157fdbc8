/* The hot path's scanner: finds what is wanted, refuses what the parser refuses, never reads past the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/json.h"
#include "engine/scan.h"

static const char EVENT[] = "{\n  \"id\": \"evt_1\",\n  \"created\": 1790000000,\n  \"livemode\": false,\n  "
                            "\"list\": [{\"id\": \"no\"}, [\"id\"]],\n"
                            "  \"data\": {\"id\": \"inner\", \"object\": {\"customer\": "
                            "\"cus_\\u00e9\\ud83d\\ude00\", \"lines\": {\"data\": []}}},\n"
                            "  \"type\": \"invoice.payment_failed\"\n}\n";

static void wanted_values_are_found(void **state)
{
    (void)state;
    struct scan_field f[] = {{.path = "id"},       {.path = "data.object.customer"},
                             {.path = "created"},  {.path = "data.object.lines"},
                             {.path = "type"},     {.path = "absent"},
                             {.path = "livemode"}, {.path = "list.id"},
                             {.path = "id.x"}};
    assert_int_equal(scan_json(span_of(EVENT), f, DW_ARRAY_LEN(f)), 0);
    assert_true(f[0].is_string && !f[0].has_escape && span_is(f[0].value, "evt_1"));
    assert_true(f[1].is_string && f[1].has_escape);
    char out[32];
    assert_int_equal(scan_copy(&f[1], out, sizeof(out)), 0);
    assert_string_equal(out, "cus_é😀");
    int64_t created = 0;
    assert_true(scan_int(&f[2], &created));
    assert_int_equal(created, 1790000000);
    assert_true(!f[3].is_string && span_is(f[3].value, "{\"data\": []}"));
    assert_true(span_is(f[4].value, "invoice.payment_failed"));
    assert_null(f[5].value.p);
    assert_true(span_is(f[6].value, "false") && !f[6].is_string);
    assert_null(f[7].value.p); /* inside an array */
    assert_null(f[8].value.p); /* inside a string */
    assert_int_equal(scan_copy(&f[5], out, sizeof(out)), ERR_INVALID);
    assert_int_equal(scan_copy(&f[2], out, sizeof(out)), ERR_INVALID);
    assert_false(scan_int(&f[0], &created));
    assert_false(scan_int(&f[6], &created));
    assert_false(scan_int(&f[5], &created));
}

static void copies_unescape_and_fit(void **state)
{
    (void)state;
    struct scan_field f = {.path = "a"};
    assert_int_equal(scan_json(span_of("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u20ac\"}"), &f, 1), 0);
    char out[13];
    assert_int_equal(scan_copy(&f, out, sizeof(out)), 0);
    assert_string_equal(out, "\"\\/\b\f\n\r\tA€");
    assert_int_equal(scan_copy(&f, out, sizeof(out) - 1), ERR_LIMIT);
    assert_int_equal(scan_copy(&f, out, 0), ERR_LIMIT);
    struct scan_field broken = {.path = "a", .value = span_of("\\ud800"), .is_string = true};
    assert_int_equal(scan_copy(&broken, out, sizeof(out)), ERR_INVALID);
    broken.value = span_of("x\\u0000");
    assert_int_equal(scan_copy(&broken, out, sizeof(out)), ERR_INVALID);
}

static void nobody_smuggles_a_second_value(void **state)
{
    (void)state;
    static const char *const doubled[] = {
        "{\"id\":\"x\",\"id\":\"y\"}",
        "{\"id\":\"x\",\"\\u0069d\":\"y\"}",
        "{\"data\":{\"object\":{\"customer\":\"a\"}},\"data\":1}",
        "{\"data\":1,\"data\":{\"object\":{\"customer\":\"a\"}}}",
        "{\"data\":{\"object\":1,\"obj\\u0065ct\":{\"customer\":\"a\"}}}",
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(doubled); i++) {
        struct scan_field f[] = {{.path = "id"}, {.path = "data.object.customer"}};
        assert_int_equal(scan_json(span_of(doubled[i]), f, 2), ERR_INVALID);
        assert_null(json_read(span_of(doubled[i]), NULL));
    }
    struct scan_field f[] = {{.path = "id"}, {.path = "a.b"}};
    assert_int_equal(scan_json(span_of("{\"\\u0069\\u0064\":1,\"a.b\":2,\"idx\":3,\"i\":4,\"\":5}"), f, 2), 0);
    assert_true(span_is(f[0].value, "1"));
    assert_null(f[1].value.p); /* "a.b" is one key, not a path */
    assert_int_equal(scan_json(span_of("{\"z\":1,\"z\":2,\"id\":3}"), f, 2), 0); /* left to json_read */
}

static void verdicts_are_those_of_the_parser(void **state)
{
    (void)state;
    static const struct {
        struct span text;
        bool good;
    } cases[] = {
#define TEXT(t) {(t), sizeof(t) - 1}
        {TEXT("1"), true},
        {TEXT(" null "), true},
        {TEXT("\"\""), true},
        {TEXT("[]"), true},
        {TEXT("{}"), true},
        {TEXT("[1,-0,2.5e-3,1E+2]"), true},
        {TEXT("9223372036854775807"), true},
        {TEXT("-9223372036854775808"), true},
        {TEXT("1e-999"), true},
        {TEXT("0e999"), true},
        {TEXT("1.7976931348623157e308"), true},
        {TEXT("\"\x7f\""), true},
        {TEXT("17976931348623157.0e292"), true},
        {TEXT("0.00017976931348623157e312"), true},
        {TEXT(""), false},
        {TEXT(" "), false},
        {TEXT("{} 1"), false},
        {TEXT("01"), false},
        {TEXT("-"), false},
        {TEXT("1."), false},
        {TEXT(".5"), false},
        {TEXT("1e"), false},
        {TEXT("1e+"), false},
        {TEXT("+1"), false},
        {TEXT("nul"), false},
        {TEXT("nulll"), false},
        {TEXT("9223372036854775808"), false},
        {TEXT("-9223372036854775809"), false},
        {TEXT("99999999999999999999999"), false},
        {TEXT("1e309"), false},
        {TEXT("-1e999"), false},
        {TEXT("1.7976931348623159e308"), false},
        {TEXT("0.0001e400"), false},
        {TEXT("[1,]"), false},
        {TEXT("[,1]"), false},
        {TEXT("{\"a\"}"), false},
        {TEXT("{\"a\":}"), false},
        {TEXT("{\"a\":1,}"), false},
        {TEXT("{1:2}"), false},
        {TEXT("[1 2]"), false},
        {TEXT("\"\t\""), false},
        {TEXT("\"\\x\""), false},
        {TEXT("\"\\u12\""), false},
        {TEXT("\"\\ud800\""), false},
        {TEXT("\"\\udc00\""), false},
        {TEXT("\"\\ud800\\u0041\""), false},
        {TEXT("\"\\u0000\""), false},
        {TEXT("\"\xC0\xAF\""), false},
        {TEXT("\"\xED\xA0\x80\""), false},
        {TEXT("\"\xE2\x82\""), false},
        {TEXT("\"abc"), false},
        {TEXT("\xEF\xBB\xBF{}"), false},
        {TEXT("1\0"), false},
        {TEXT("\"a\0\""), false},
        {TEXT("\0"), false},
        {TEXT("[1}"), false},
        {TEXT("\v1"), false},
        {TEXT("True"), false},
        {TEXT("NaN"), false},
#undef TEXT
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        AUTO_JSON parsed = json_read(cases[i].text, NULL);
        if ((scan_json(cases[i].text, NULL, 0) == 0) != cases[i].good || (parsed != NULL) != cases[i].good)
            fail_msg("case %zu: %.*s", i, (int)cases[i].text.n, cases[i].text.p);
    }
}

static void depth_and_size_are_bounded(void **state)
{
    (void)state;
    AUTO_STR text = mem_alloc(20001);
    for (size_t depth = JSON_MAX_DEPTH; depth <= 10000;
         depth = depth == JSON_MAX_DEPTH ? depth + 1 : 10000 + (depth == 10000)) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(scan_json((struct span){text, 2 * depth}, NULL, 0), depth > JSON_MAX_DEPTH ? ERR_LIMIT : 0);
    }
    AUTO_STR large = mem_alloc(JSON_MAX_BYTES + 1);
    memset(large, ' ', JSON_MAX_BYTES + 1);
    large[0] = '1';
    assert_int_equal(scan_json((struct span){large, JSON_MAX_BYTES + 1}, NULL, 0), ERR_LIMIT);
    assert_int_equal(scan_json((struct span){large, JSON_MAX_BYTES}, NULL, 0), 0);
}

/* Every beginning of a good text is bad, and in memory that ends where the text ends (a sanitizer sees one byte
 * more). */
static void a_cut_text_is_refused(void **state)
{
    (void)state;
    size_t whole = strlen(EVENT) - 1; /* without the last line feed */
    for (size_t n = 0; n < whole; n++) {
        char *part = mem_alloc(n);
        memcpy(part, EVENT, n);
        struct scan_field f[] = {{.path = "id"}, {.path = "data.object.customer"}};
        assert_int_equal(scan_json((struct span){part, n}, f, 2), ERR_INVALID);
        free(part);
    }
    assert_int_equal(scan_json((struct span){EVENT, whole}, NULL, 0), 0);
}

static void integers_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is;
        int64_t value;
    } cases[] = {{"0", true, 0},
                 {"-0", true, 0},
                 {"9223372036854775807", true, INT64_MAX},
                 {"-9223372036854775808", true, INT64_MIN},
                 {"1.0", false, 0},
                 {"1e2", false, 0},
                 {"true", false, 0},
                 {"\"5\"", false, 0},
                 {"{}", false, 0}};
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        AUTO_STR text = str_fmt("{\"n\":%s}", cases[i].text);
        struct scan_field f = {.path = "n"};
        int64_t value = 0;
        assert_int_equal(scan_json(span_of(text), &f, 1), 0);
        assert_int_equal(scan_int(&f, &value), cases[i].is);
        assert_int_equal(value, cases[i].value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wanted_values_are_found),          cmocka_unit_test(copies_unescape_and_fit),
        cmocka_unit_test(nobody_smuggles_a_second_value),   cmocka_unit_test(verdicts_are_those_of_the_parser),
        cmocka_unit_test(depth_and_size_are_bounded),       cmocka_unit_test(a_cut_text_is_refused),
        cmocka_unit_test(integers_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
