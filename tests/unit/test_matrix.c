/* What the scenario files of the Matrix driver cannot show: reading JSON that no parser takes, and the size and harmlessness of
 * what is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "adapters/chat/matrix.h"

static json_t *read_text(const char *text, int depth, size_t *unread)
{
    return matrix_json_read(span_of(text), depth, unread);
}

/* The document as text, "-" when it could not be read. */
static void reads_as(const char *text, const char *want, size_t lost)
{
    size_t unread;
    json_auto_t *v = read_text(text, 2, &unread);
    AUTO_STR have = v ? json_text(v) : str_dup("-");
    assert_string_equal(have, want);
    assert_int_equal(unread, lost);
}

static void what_parses_is_left_alone(void **state)
{
    (void)state;
    reads_as("{\"a\":[1,\"x\",null,{\"b\":true}],\"a\":2}", "{\"a\":2}", 0); /* the last of two keys */
    reads_as(" {\"n\": 9007199254740991} ", "{\"n\":9007199254740991}", 0);
    reads_as("", "-", 0);
}

static void bytes_are_made_harmless(void **state)
{
    (void)state;
    reads_as("{\"a\":\"x\\u0000y\"}", "{\"a\":\"x\xEF\xBF\xBDy\"}", 0);
    reads_as("{\"a\":\"\\ud800\"}", "{\"a\":\"\xEF\xBF\xBD\"}", 0);
    reads_as("{\"a\":\"\\udc00\\ud83d\\ude00\\u0000\"}", "{\"a\":\"\xEF\xBF\xBD\xF0\x9F\x98\x80\xEF\xBF\xBD\"}", 0);
    reads_as("{\"a\":\"\\ud800\\ud83d\\ude00\"}", "{\"a\":\"\xEF\xBF\xBD\xF0\x9F\x98\x80\"}", 0); /* half a pair before a whole one */
    reads_as("{\"a\":\"\\x \xFF \t\"}", "{\"a\":\"\xEF\xBF\xBD \xEF\xBF\xBD \xEF\xBF\xBD\"}", 0);
    reads_as("{\"a\":123456789012345678901234567890,\"b\":1e999,\"c\":-5,\"d\":true}", "{\"a\":0,\"b\":0,\"c\":-5,\"d\":true}", 0);
    reads_as("{\"k\\u0000y\":1,\"z\":2}", "{\"k\xEF\xBF\xBDy\":1,\"z\":2}", 0);
}

/* Two levels down one value is lost whole, never a part of it. */
static void the_unreadable_is_cut_out(void **state)
{
    (void)state;
    reads_as("{\"chunk\":[{\"a\":1},{\"b\":{bad}},{\"c\":[1,2}]},{\"d\":4}],\"end\":\"t\"}", "-", 0); /* brackets that do not match break the list */
    reads_as("{\"chunk\":[{\"a\":1},{\"b\":{bad},\"keep\":1},{\"d\":4}],\"end\":\"t\"}", "{\"chunk\":[{\"a\":1},null,{\"d\":4}],\"end\":\"t\"}", 1);
    reads_as("{\"a\":nonsense,\"b\":[1,tru,3]}", "{\"a\":null,\"b\":[1,null,3]}", 2);
    reads_as("{\"a\":{\"b\":1 2},\"c\":3}", "{\"a\":{\"b\":null},\"c\":3}", 1);
    reads_as("{\"next\":\"s2\",\"rooms\":{\"x\":[{\"y\":", "-", 0);
    reads_as("{\"a\":1}}", "-", 0);
    reads_as("<html>", "-", 0);
    reads_as("[[[[x]]]]", "-", 0);
}

static void deep_nesting_costs_nothing(void **state)
{
    (void)state;
    AUTO_BUF text = BUF(4u << 20);
    size_t unread;
    buf_adds(&text, "{\"chunk\":[{\"ok\":1},");
    for (int i = 0; i < 200000; i++)
        buf_addc(&text, '[');
    for (int i = 0; i < 200000; i++)
        buf_addc(&text, ']');
    buf_adds(&text, "]}");
    json_auto_t *v = matrix_json_read((struct span){.p = buf_text(&text), .n = text.n}, 2, &unread);
    AUTO_STR have = json_text(v);
    assert_string_equal(have, "{\"chunk\":[{\"ok\":1},null]}");
    assert_int_equal(unread, 1);
}

static json_t *content_of(const char *args, const char *op)
{
    json_auto_t *all = json_loads(args, 0, NULL);
    assert_non_null(all);
    struct job job = {.op = op, .key = "k1", .args = all};
    return str_eq(op, "update") ? matrix_edit(&job) : matrix_content(&job);
}

static void foreign_text_cannot_mark_up(void **state)
{
    (void)state;
    json_auto_t *c = content_of("{\"card\":{\"title\":\"<img src=x> & \\\"'\",\"mention\":\"@room\",\"summary\":\"a\\u202Eb\\u0007c\",\"footer\":\"</i><script>\"}}", "post");
    const char *html = json_str(c, "formatted_body", "");
    assert_non_null(strstr(html, "&lt;img src=x&gt; &amp; &quot;&#39;"));
    assert_non_null(strstr(html, "<i>&lt;/i&gt;&lt;script&gt;</i>"));
    assert_non_null(strstr(html, "a\xEF\xBF\xBD" "b c"));
    assert_null(strstr(html, "matrix.to")); /* only what is shaped like a person is mentioned */
    assert_int_equal(json_object_size(json_object_get(c, "m.mentions")), 0);
}

/* A card of any size stays far below what an event may be, in both forms and as an edit, which holds it twice; and its tags are closed. */
static void a_message_is_bounded(void **state)
{
    (void)state;
    AUTO_BUF args = BUF(1u << 20);
    buf_adds(&args, "{\"message\":\"$m\",\"card\":{\"title\":\"T\",\"paragraphs\":[");
    for (int i = 0; i < 40; i++) {
        buf_adds(&args, i ? ",\"" : "\"");
        for (int j = 0; j < 2000; j++)
            buf_adds(&args, "<&");
        buf_addc(&args, '"');
    }
    buf_adds(&args, "],\"actions\":[{\"id\":\"approve\",\"label\":\"Approve\",\"command\":\"approve A-1\"}]}}");
    static const char *const ops[] = {"post", "update"};
    for (size_t i = 0; i < DW_ARRAY_LEN(ops); i++) {
        json_auto_t *c = content_of(buf_text(&args), ops[i]);
        AUTO_STR text = json_text(c);
        assert_true(strlen(text) < 60000);
        const json_t *inner = i ? json_object_get(c, "m.new_content") : c;
        const char *html = json_str(inner, "formatted_body", "");
        assert_true(strlen(html) < 32000 && strlen(json_str(inner, "body", "")) < 21000);
        size_t opened = 0, closed = 0;
        for (const char *p = html; (p = strstr(p, "<p>")); p++)
            opened++;
        for (const char *p = html; (p = strstr(p, "</p>")); p++)
            closed++;
        assert_true(opened > 2 && opened == closed);
        const char *last = strrchr(html, '&');
        assert_non_null(strchr(last, ';')); /* no entity is cut */
    }
}

static char server[] = "https://matrix.test", me[] = "@dunwell:dunwell.test", as_token[] = "as-fake", hs_token[] = "hs-fake";

static struct matrix_config service(void)
{
    return (struct matrix_config){.base = {.driver = &matrix_driver, .name = "matrix"}, .homeserver = server, .user = me, .as_token = as_token, .hs_token = hs_token};
}

/* One bundle of an appservice: an invitation, commands, an event that cannot be read, our leaving. */
static void a_delivery_is_read(void **state)
{
    (void)state;
    struct matrix_config c = service();
    struct step s;
    struct err e;
    static const char body[] =
        "{\"events\":[{\"type\":\"m.room.member\",\"room_id\":\"!new\",\"event_id\":\"$1\",\"sender\":\"@ana:dunwell.test\",\"state_key\":\"@dunwell:dunwell.test\","
        "\"content\":{\"membership\":\"invite\"},\"unsigned\":{\"invite_room_state\":[{\"type\":\"m.room.encryption\",\"state_key\":\"\",\"content\":{}}]}},"
        "{\"type\":\"m.room.message\",\"room_id\":\"!a\",\"event_id\":\"$2\",\"sender\":\"@ana:dunwell.test\",\"content\":{\"msgtype\":\"m.text\",\"body\":\"!dunwell queue\"}},"
        "{\"type\":\"m.room.message\",\"room_id\":7,\"event_id\":\"$3\"},{\"room_id\":\"!a\",\"x\":{bad}},"
        "{\"type\":\"m.room.message\",\"room_id\":\"!a\",\"event_id\":\"$4\",\"sender\":\"@mal:other\",\"content\":{\"msgtype\":\"m.text\",\"body\":\"!dunwell queue\"}}]}";
    step_init(&s);
    assert_int_equal(matrix_push(&c, NULL, span_of(body), 1793000000000, &s, &e), 0);
    assert_int_equal(s.n_inputs, 3);
    assert_true(s.inputs[0].kind == CHAT_INVITE && s.inputs[0].encrypted && str_eq(s.inputs[0].user, "@ana:dunwell.test"));
    assert_true(s.inputs[1].kind == CHAT_COMMAND && str_eq(s.inputs[1].text, "queue") && str_eq(s.inputs[1].dedupe, "$2") && str_eq(s.inputs[1].channel, "!a"));
    assert_int_equal(s.inputs[2].kind, CHAT_WARNING);
    step_fini(&s);
    step_init(&s);
    assert_int_equal(matrix_push(&c, NULL, span_of("{\"events\":["), 0, &s, &e), ERR_INVALID);
    assert_int_equal(s.n_inputs, 0);
    step_fini(&s);
}

static void a_registration_is_yaml(void **state)
{
    (void)state;
    struct matrix_config c = service();
    struct err e;
    AUTO_BUF out = BUF(4096);
    assert_int_equal(matrix_registration(&c, "http://127.0.0.1:8080", &out, &e), 0);
    assert_string_equal(buf_text(&out), "id: dunwell\nurl: \"http://127.0.0.1:8080\"\nas_token: \"as-fake\"\nhs_token: \"hs-fake\"\n"
                                        "sender_localpart: \"dunwell\"\nrate_limited: false\n"
                                        "namespaces:\n  users: [{exclusive: false, regex: \"@dunwell:.*\"}]\n  rooms: []\n  aliases: []\n");
    assert_string_equal(matrix_push_secret(&c), "hs-fake");
    c.hs_token = NULL;
    assert_null(matrix_push_secret(&c));
    assert_int_equal(matrix_registration(&c, "x", &out, &e), ERR_INVALID);
    assert_null(strstr(e.text, "as-fake"));
}

static void ids_are_looked_at(void **state)
{
    (void)state;
    assert_true(matrix_is_room("!kQpXbRzLrTnUoVwYaB:dunwell.test") && matrix_is_room("!x7eVnT5WfnH0Ao6z-5tjpbNlt3X2Q403RshkY1ls5Mc"));
    assert_false(matrix_is_room("#alias:dunwell.test") || matrix_is_room("!") || matrix_is_room("!a b") || matrix_is_room("") || matrix_is_room(NULL));
    assert_true(matrix_is_person("@ana:dunwell.test") && matrix_is_person("@a:[::1]:8448"));
    assert_false(matrix_is_person("@ana") || matrix_is_person("@:x") || matrix_is_person("@ana:") || matrix_is_person("ana:x") || matrix_is_person("@a\n:x"));
    char long_id[400];
    memset(long_id, 'a', sizeof long_id);
    long_id[0] = '!';
    long_id[256] = '\0';
    assert_false(matrix_is_room(long_id));
}

static void path_parts_are_escaped(void **state)
{
    (void)state;
    AUTO_STR path = matrix_path("v3/rooms/%/event/%?x=%", "!a:b/../c", "$A+/=", "1&y=2");
    assert_string_equal(path, "_matrix/client/v3/rooms/%21a%3Ab%2F..%2Fc/event/%24A%2B%2F%3D?x=1%26y%3D2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_parses_is_left_alone), cmocka_unit_test(bytes_are_made_harmless), cmocka_unit_test(the_unreadable_is_cut_out),
        cmocka_unit_test(deep_nesting_costs_nothing), cmocka_unit_test(foreign_text_cannot_mark_up), cmocka_unit_test(a_message_is_bounded),
        cmocka_unit_test(a_delivery_is_read), cmocka_unit_test(a_registration_is_yaml),
        cmocka_unit_test(ids_are_looked_at), cmocka_unit_test(path_parts_are_escaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
