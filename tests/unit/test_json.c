/* JSON from outside, read strictly and reached by path; and the plain values that carry it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/chat.h"
#include "engine/job.h"

static void refuses_what_is_not_strict(void **state)
{
    (void)state;
    static const struct {
        struct span text;
        int code;
    } cases[] = {
        {{"", 0}, ERR_INVALID},
        {{"{", 1}, ERR_INVALID},
        {{"{} {}", 5}, ERR_INVALID},
        {{"{\"a\":1,\"a\":2}", 13}, ERR_INVALID},
        {{"1\0", 2}, ERR_INVALID}, /* jansson alone would take it for 1 */
        {{"\"a\0b\"", 5}, ERR_INVALID},
        {{"\"\\u0000\"", 8}, ERR_INVALID},
        {{"\"\\ud800\"", 8}, ERR_INVALID},
        {{"\"\xC0\xAF\"", 4}, ERR_INVALID},
        {{"9223372036854775808", 19}, ERR_INVALID},
        {{"1e999", 5}, ERR_INVALID},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        struct err e = {0};
        assert_null(json_read(cases[i].text, &e));
        assert_int_equal(e.code, cases[i].code);
        assert_null(json_read(cases[i].text, NULL));
        assert_null(json_quick(cases[i].text));
    }
    struct err e;
    assert_null(json_read(span_of("{\"secret-token\":1,\"secret-token\":2}"), &e));
    assert_null(strstr(e.text, "secret-token"));
    assert_non_null(strstr(e.text, "twice"));
}

static void bounds_depth_and_size(void **state)
{
    (void)state;
    struct err e = {0};
    char deep[2 * JSON_MAX_DEPTH + 3] = {0};
    memset(deep, '[', JSON_MAX_DEPTH);
    memset(deep + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
    AUTO_JSON fits = json_read(span_of(deep), &e);
    assert_non_null(fits);
    memset(deep, '[', JSON_MAX_DEPTH + 1);
    memset(deep + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
    assert_null(json_read(span_of(deep), &e));
    assert_int_equal(e.code, ERR_LIMIT);
    AUTO_JSON quoted =
        json_read(span_of("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\""), &e);
    assert_non_null(quoted);
    AUTO_STR large = mem_alloc(JSON_MAX_BYTES + 2);
    memset(large, ' ', JSON_MAX_BYTES + 1);
    large[0] = '1';
    assert_null(json_read(span_of(large), &e));
    assert_int_equal(e.code, ERR_LIMIT);
    large[JSON_MAX_BYTES] = '\0';
    AUTO_JSON just = json_read(span_of(large), &e);
    assert_int_equal(json_integer_value(just), 1);
}

static void paths_reach_values(void **state)
{
    (void)state;
    AUTO_JSON j =
        json_read(span_of("{\"a\":{\"b\":[{\"id\":\"x\"},7,true]},\"n\":null,\"r\":1.5,\"1\":\"one\"}"), NULL);
    assert_string_equal(json_str(j, "a.b.0.id", "-"), "x");
    assert_int_equal(json_i64(j, "a.b.1", -1), 7);
    assert_true(json_flag(j, "a.b.2", false));
    assert_string_equal(json_str(j, "1", "-"), "one");
    assert_ptr_equal(json_at(j, ""), j);
    assert_null(json_at(j, "a.b.3"));
    assert_null(json_at(j, "a.b.-1"));
    assert_null(json_at(j, "a.b.99999999999999999999"));
    assert_null(json_at(j, "a.b."));
    assert_null(json_at(j, "a..b"));
    assert_null(json_at(j, "n.x"));
    assert_null(json_at(NULL, "a"));
    assert_true(json_is_null(json_at(j, "n")));
    assert_string_equal(json_str(j, "n", "-"), "-");
    assert_int_equal(json_i64(j, "r", -1), -1);
    assert_int_equal(json_i64(j, "1", -1), -1);
    assert_true(json_flag(j, "a.b.1", true));
    assert_null(json_str(NULL, "a", NULL));
}

static void text_is_canonical(void **state)
{
    (void)state;
    AUTO_JSON a = json_read(span_of("{\"b\": [1, 2.5, null], \"a\": \"é\"}"), NULL);
    AUTO_JSON b = json_read(span_of("{\"a\":\"\\u00e9\",\"b\":[1,2.5,null]}"), NULL);
    AUTO_STR ta = json_text(a);
    AUTO_STR tb = json_text(b);
    assert_string_equal(ta, "{\"a\":\"é\",\"b\":[1,2.5,null]}");
    assert_string_equal(ta, tb);
    AUTO_STR none = json_text(NULL);
    assert_string_equal(none, "null");
    AUTO_JSON word = json_string("x");
    AUTO_STR scalar = json_text(word);
    assert_string_equal(scalar, "\"x\"");
}

static void putting_never_loses_a_value(void **state)
{
    (void)state;
    AUTO_JSON j = json_object();
    json_put(j, "text", "a");
    json_put(j, "none", NULL);
    json_put_i64(j, "n", INT64_MIN);
    json_put_new(j, "missing", NULL);
    json_put(j, "broken", "a\xFF" "b");
    json_put(j, "k\xFFy", "v");
    AUTO_STR text = json_text(j);
    assert_string_equal(text, "{\"broken\":\"a\xEF\xBF\xBD" "b\",\"k\xEF\xBF\xBDy\":\"v\",\"missing\":null,"
                              "\"n\":-9223372036854775808,\"none\":null,\"text\":\"a\"}");
}

static void foreign_text_is_made_safe(void **state)
{
    (void)state;
    AUTO_JSON safe = json_text_safe("tab\tline\nbell\x07 esc\x1b[0m del\x7f bad\xC3( good é");
    assert_string_equal(json_string_value(safe),
                        "tab\tline\nbell\xEF\xBF\xBD esc\xEF\xBF\xBD[0m del\xEF\xBF\xBD bad\xEF\xBF\xBD( good é");
    AUTO_JSON empty = json_text_safe("");
    assert_string_equal(json_string_value(empty), "");
}

static void headers_cannot_be_split(void **state)
{
    (void)state;
    struct http_request r;
    http_request_init(&r);
    http_request_header(&r, "X-One", "a\r\nX-Two: b\x7f");
    http_request_header(&r, "X-Three", NULL);
    assert_string_equal(buf_text(&r.headers), "X-One: a??X-Two: b?\nX-Three: \n");
    r.url = str_dup("https://example.com/");
    http_request_fini(&r);
    http_request_fini(&r);
    assert_null(r.url);
}

static void values_are_freed_whole_and_twice(void **state)
{
    (void)state;
    struct step s;
    step_init(&s);
    s.stage = json_object();
    s.result = json_object();
    s.request.url = str_dup("https://example.com/");
    buf_adds(&s.request.body, "a=1");
    step_fini(&s);
    step_fini(&s);
    struct http_response r;
    http_response_init(&r);
    assert_int_equal(r.retry_after_ms, -1);
    buf_adds(&r.body, "x");
    http_response_fini(&r);
    struct chat_input in;
    chat_input_init(&in);
    in.platform = str_dup("slack");
    in.user = str_dup("U0TEST");
    in.view_hash = str_dup("1");
    in.response_url = str_dup("https://example.com/");
    in.values = json_object();
    chat_input_fini(&in);
    chat_input_fini(&in);
    assert_null(in.user);
    struct chat_answer a;
    chat_answer_init(&a);
    a.card = json_object();
    a.text = str_dup("x");
    a.form_errors = json_object();
    chat_answer_fini(&a);
    assert_null(a.text);
}

/* The same bytes as jansson's own printer, which other programs that check a journal would use. */
static void text_is_what_jansson_prints(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}", "[]", "{\"b\":1,\"a\":{\"z\":[],\"y\":{}},\"ab\":null,\"\":true,\"aa\":false}",
        "[1,-2,9223372036854775807,0.5,1e300,-1.25e-7,100.0]", "\"word\"", "17", "null",
        "{\"esc\\\"aped\\\\key\\n\":\"\\u0001\\b\\f\\n\\r\\t\\u001f\\u007f/\\\"\\\\ \\u00e9 \\u20ac \\ud83d\\ude00\"}",
        ("{\"q\":0,\"p\":1,\"o\":2,\"n\":3,\"m\":4,\"l\":5,\"k\":6,\"j\":7,\"i\":8,\"h\":9,\"g\":10,\"f\":11,\"e\":12,"
         "\"d\":13,\"c\":14,\"b\":15,\"a\":16,\"Z\":[[[{\"x\":[1,[2,{\"y\":3}]]}]]]}")};
    for (size_t i = 0; i < DW_ARRAY_LEN(texts); i++) {
        json_auto_t *j = json_loads(texts[i], JSON_DECODE_ANY, NULL);
        assert_non_null(j);
        AUTO_STR ours = json_text(j);
        AUTO_STR theirs = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
        assert_string_equal(ours, theirs);
    }
}

/* What we write ourselves is plain, whatever people's words hold; what is not plain is left to jansson. */
static void plain_json_is_read_quickly(void **state)
{
    (void)state;
    static const char written[] = "{\"a\":[1,-2,{\"b\":\"Zo\xC3\xAB said \\\"no\\\"\\n\"}],\"c\":true,\"d\":null,\"e\":{},\"f\":[],\"g\":false,\"h\":1798000000000,\"i\":-0.40999999999999998}";
    AUTO_JSON plain = json_quick(span_of(written));
    assert_non_null(plain);
    assert_string_equal(json_str(plain, "a.2.b", ""), "Zo\xC3\xAB said \"no\"\n");
    AUTO_STR again = json_text(plain);
    assert_string_equal(again, written);
    static const char *const others[] = {"1.", "[1e3]", "1.5e3", "1.5.5", "\"\\u00e9\"", "1234567890123456789", "{\"a\":1,\"a\":1}", "[1,]", "{\"a\"}", "[1 2]", "01", "tru", "\"a", ""};
    for (size_t i = 0; i < DW_ARRAY_LEN(others); i++)
        assert_null(json_quick(span_of(others[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_what_jansson_prints), cmocka_unit_test(plain_json_is_read_quickly),
        cmocka_unit_test(refuses_what_is_not_strict), cmocka_unit_test(bounds_depth_and_size),
        cmocka_unit_test(paths_reach_values),         cmocka_unit_test(text_is_canonical),
        cmocka_unit_test(putting_never_loses_a_value), cmocka_unit_test(foreign_text_is_made_safe),
        cmocka_unit_test(headers_cannot_be_split),    cmocka_unit_test(values_are_freed_whole_and_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
