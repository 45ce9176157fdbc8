/* Socket Mode frames in, acknowledgements out. The frames are the vendor's samples, shortened. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "adapters/chat/slack.h"

static struct slack_config config = {.base = {.driver = &slack_driver, .name = "slack"}};

static struct chat_input read_frame(const char *text)
{
    struct chat_input in;
    chat_input_init(&in);
    struct err e = {0};
    if (slack_driver.frame(&config, span_of(text), &in, &e) != 0)
        fail_msg("%s", e.text);
    return in;
}

static char *ack_of(const struct chat_input *in, const struct chat_answer *a)
{
    struct buf out = BUF(1 << 20);
    slack_driver.ack(&config, in, a, &out);
    return buf_take(&out);
}

#define SLASH(text)                                                                                                  \
    "{\"envelope_id\":\"e-1\",\"payload\":{\"token\":\"bHKJ2n9AW6Ju3MjciOHfbA1b\",\"team_id\":\"T1\",\"channel_"     \
    "id\":\"C1\","                                                                                                   \
    "\"channel_name\":\"billing-alerts\",\"user_id\":\"U1\",\"user_name\":\"rainer\",\"command\":\"/"                \
    "dunwell\",\"text\":\"" text "\",\"is_enterprise_install\":\"false\",\"response_url\":\"https:\\/\\/"            \
                                 "hooks.slack.com\\/commands\\/T1\\/2\\/x\","                                        \
    "\"trigger_id\":\"37.26.44\"},\"type\":\"slash_commands\",\"accepts_response_payload\":true}"

static void slash_command(void **state)
{
    (void)state;
    struct chat_input in = read_frame(SLASH("  approve A-17 \\n"));
    assert_int_equal(in.kind, CHAT_COMMAND);
    assert_string_equal(in.platform, "slack");
    assert_string_equal(in.envelope, "e-1");
    assert_string_equal(in.text, "approve A-17");
    assert_string_equal(in.user, "U1");
    assert_string_equal(in.channel, "C1");
    assert_string_equal(in.dedupe, "37.26.44");
    assert_string_equal(in.trigger, "37.26.44");
    assert_string_equal(in.response_url, "https://hooks.slack.com/commands/T1/2/x");
    assert_true(in.takes_answer);
    chat_input_fini(&in);
}

static void what_is_no_character_is_marked(void **state)
{
    (void)state;
    static const struct {
        const char *frame, *text;
    } cases[] = {
        {SLASH("note globex a\\u0000b"), "note globex a\xef\xbf\xbd" "b"},
        {SLASH("\\u0000"), "\xef\xbf\xbd"},
        {SLASH("a\\ud800 \\uDC00"), "a\xef\xbf\xbd \xef\xbf\xbd"},
        {SLASH("\\ud83d\\ude00\\ud83d"), "\xf0\x9f\x98\x80\xef\xbf\xbd"},
        {SLASH("\\\\u0000\\u0000"), "\\u0000\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        struct chat_input in = read_frame(cases[i].frame);
        assert_true(in.garbled);
        assert_int_equal(in.kind, CHAT_COMMAND);
        assert_string_equal(in.text, cases[i].text);
        assert_string_equal(in.envelope, "e-1");
        assert_true(in.takes_answer);
        chat_input_fini(&in);
    }
    struct chat_input in = read_frame(SLASH("note globex \\\\u0000 \\ud83d\\ude00"));
    assert_false(in.garbled); /* a backslash that somebody wrote, and a whole pair */
    chat_input_fini(&in);
    in = read_frame("{\"envelope_id\":\"e-2\",\"payload\":{\"type\":\"view_submission\",\"user\":{\"id\":\"U1\"},\"trigger_id\":\"7\",\"view\":{"
                    "\"callback_id\":\"plan\",\"state\":{\"values\":{\"why\":{\"why\":{\"value\":\"a\\u0000\"}}}}}},\"type\":\"interactive\"}");
    assert_true(in.garbled && in.kind == CHAT_FORM_SUBMIT);
    assert_string_equal(in.envelope, "e-2");
    chat_input_fini(&in);
    struct err e = {0};
    static const char *const broken[] = {"{\"a\":\"\\u0000\"", "{\"a\":\"\\u00", "\\u0000", "\\", "{\"a\":\"\\u000g\\u0000\"}"};
    for (size_t i = 0; i < DW_ARRAY_LEN(broken); i++) /* still no JSON */
        assert_int_equal(slack_driver.frame(&config, span_of(broken[i]), &in, &e), ERR_INVALID);
}

static void slash_text_is_unescaped(void **state)
{
    (void)state;
    static const struct {
        const char *frame, *text;
    } all[] = {
        {SLASH("note a &lt;b&gt; &amp;amp; c"), "note a <b> &amp; c"},
        {SLASH("delegate <@U2|bob> and <@U3>"), "delegate U2 and U3"},
        {SLASH("note <#C1|general> <#C2> <!here> <!subteam^S1|@sales>"), "note #general #C2 here @sales"},
        {SLASH("note <https://x.example/a|label> <mailto:a@b.example|a@b.example>"),
         "note https://x.example/a a@b.example"},
        {SLASH("note <https://x.example/?a=1&amp;b=2&amp;amp;c> <https://x.example/?a=1&amp;b=2|x.example> <#C1|r&amp;d>"),
         "note https://x.example/?a=1&b=2&amp;c https://x.example/?a=1&b=2 #r&d"},
        {SLASH("\\u00fc \\ud83d\\ude00 \\\"q\\\" \\\\"), "\xC3\xBC \xF0\x9F\x98\x80 \"q\" \\"},
        {SLASH(""), ""},
        {SLASH("a < b <"), "a < b <"},
        {SLASH("<> <@> <|> &lt"), "<>   &lt"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(all); i++) {
        struct chat_input in = read_frame(all[i].frame);
        assert_string_equal(in.text, all[i].text);
        chat_input_fini(&in);
    }
}

static void hello_and_disconnect(void **state)
{
    (void)state;
    struct chat_input in = read_frame(
        "{\"type\":\"hello\",\"num_connections\":2,\"debug_info\":{\"host\":\"applink-7\",\"build_number\":10,"
        "\"approximate_connection_time\":18060},\"connection_info\":{\"app_id\":\"A1\"}}");
    assert_int_equal(in.kind, CHAT_HELLO);
    assert_int_equal(in.connections, 2);
    assert_int_equal(in.seconds_left, 18060);
    assert_null(in.envelope);
    assert_null(in.dedupe);
    chat_input_fini(&in);
    in = read_frame(
        "{\"type\":\"disconnect\",\"reason\":\"refresh_requested\",\"debug_info\":{\"host\":\"wss-111\"}}");
    assert_int_equal(in.kind, CHAT_DISCONNECT);
    assert_string_equal(in.text, "refresh_requested");
    chat_input_fini(&in);
    in = read_frame("{\"type\":\"hello\",\"num_connections\":-5}");
    assert_int_equal(in.connections, 0);
    chat_input_fini(&in);
}

#define CLICK(action)                                                                                                \
    "{\"envelope_id\":\"e-2\",\"type\":\"interactive\",\"accepts_response_payload\":false,\"payload\":{\"type\":"    \
    "\"block_actions\","                                                                                             \
    "\"user\":{\"id\":\"U1\",\"username\":\"bob\"},\"container\":{\"type\":\"message\",\"message_ts\":\"1605853634." \
    "000400\","                                                                                                      \
    "\"channel_id\":\"C1\",\"is_ephemeral\":false},\"trigger_id\":\"1.2.x\",\"channel\":{\"id\":\"C1\",\"name\":"    \
    "\"b\"},"                                                                                                        \
    "\"message\":{\"ts\":\"1605853634.000400\",\"blocks\":[]},\"state\":{\"values\":{}},"                            \
    "\"response_url\":\"https://hooks.slack.com/actions/T1/1/x\",\"actions\":[" action "]}}"

static void button_click(void **state)
{
    (void)state;
    struct chat_input in =
        read_frame(CLICK("{\"action_id\":\"approve\",\"block_id\":\"b\",\"value\":\"A-17@3\",\"type\":\"button\"}"));
    assert_int_equal(in.kind, CHAT_ACTION);
    assert_string_equal(in.action, "approve");
    assert_string_equal(in.value, "A-17@3");
    assert_string_equal(in.message, "1605853634.000400");
    assert_string_equal(in.channel, "C1");
    assert_string_equal(in.dedupe, "1.2.x");
    assert_string_equal(in.response_url, "https://hooks.slack.com/actions/T1/1/x");
    assert_false(in.takes_answer);
    chat_input_fini(&in);
}

static void menu_entry(void **state)
{
    (void)state;
    struct chat_input in = read_frame(
        CLICK("{\"action_id\":\"more\",\"type\":\"overflow\",\"selected_option\":{\"value\":\"dispute|N-12@4\"}}"));
    assert_int_equal(in.kind, CHAT_ACTION);
    assert_string_equal(in.action, "dispute");
    assert_string_equal(in.value, "N-12@4");
    chat_input_fini(&in);
    in = read_frame(
        CLICK("{\"action_id\":\"more\",\"type\":\"button\",\"value\":\"dispute|N-12@4\"}")); /* a menu of one */
    assert_string_equal(in.action, "dispute");
    assert_string_equal(in.value, "N-12@4");
    chat_input_fini(&in);
    in = read_frame(CLICK("{\"action_id\":\"more\",\"type\":\"overflow\",\"selected_option\":{\"value\":\"odd\"}}"));
    assert_string_equal(in.action, "odd");
    assert_string_equal(in.value, "");
    chat_input_fini(&in);
}

#define VIEW                                                                                                         \
    "\"view\":{\"id\":\"V1\",\"type\":\"modal\",\"private_metadata\":\"N-12@4\",\"callback_id\":\"plan\",\"hash\":"  \
    "\"156.cd\",\"state\":"                                                                                          \
    "{\"values\":{\"why\":{\"why\":{\"type\":\"plain_text_input\",\"value\":\"renewal & "                            \
    "more\"}},\"note\":{\"note\":{\"type\":"                                                                         \
    "\"plain_text_input\",\"value\":null}},\"instalments\":{\"instalments\":{\"type\":\"static_select\",\"selected_" \
    "option\":{\"text\":"                                                                                            \
    "{\"type\":\"plain_text\",\"text\":\"3\"},\"value\":\"3\"}}},\"none\":{\"none\":{\"type\":\"static_select\","    \
    "\"selected_option\":null}},"                                                                                    \
    "\"first\":{\"first\":{\"type\":\"datepicker\",\"selected_date\":\"2027-01-05\"}},\"tags\":{\"tags\":{\"type\":" \
    "\"checkboxes\","                                                                                                \
    "\"selected_options\":[{\"value\":\"a\"},{\"value\":\"b\"}]}}}}}"

static void check_form(const struct chat_input *in)
{
    assert_string_equal(in->form, "plan");
    assert_string_equal(in->ref, "N-12@4");
    assert_string_equal(in->view, "V1");
    assert_string_equal(in->view_hash, "156.cd");
    assert_int_equal(json_object_size(in->values), 6);
    assert_string_equal(json_str(in->values, "why", NULL), "renewal & more");
    assert_string_equal(json_str(in->values, "note", NULL), "");
    assert_string_equal(json_str(in->values, "instalments", NULL), "3");
    assert_string_equal(json_str(in->values, "none", NULL), "");
    assert_string_equal(json_str(in->values, "first", NULL), "2027-01-05");
    assert_string_equal(json_str(in->values, "tags", NULL), "a,b");
}

static void form_change(void **state)
{
    (void)state;
    struct chat_input in = read_frame(
        "{\"envelope_id\":\"e-3\",\"type\":\"interactive\",\"payload\":{\"type\":\"block_actions\",\"user\":{\"id\":"
        "\"U1\"},\"trigger_id\":\"1.2.y\",\"container\":{\"type\":\"view\",\"view_id\":\"V1\"}," VIEW
        ",\"actions\":[{\"type\":\"static_select\",\"action_id\":\"instalments\",\"block_id\":\"instalments\"}]}}");
    assert_int_equal(in.kind, CHAT_FORM_CHANGE);
    check_form(&in);
    assert_null(in.channel);
    assert_false(in.takes_answer);
    chat_input_fini(&in);
}

static struct chat_input submission(void)
{
    return read_frame(
        "{\"envelope_id\":\"e-4\",\"type\":\"interactive\",\"accepts_response_payload\":true,\"payload\":{\"type\":"
        "\"view_submission\",\"user\":{\"id\":\"U1\"},\"trigger_id\":\"1.2.z\"," VIEW ",\"response_urls\":[]}}");
}

static void form_submission(void **state)
{
    (void)state;
    struct chat_input in = submission();
    assert_int_equal(in.kind, CHAT_FORM_SUBMIT);
    check_form(&in);
    assert_true(in.takes_answer);
    assert_string_equal(in.dedupe, "1.2.z");
    chat_input_fini(&in);
}

#define EVENT(event)                                                                                                 \
    "{\"envelope_id\":\"e-5\",\"type\":\"events_api\",\"accepts_response_payload\":false,\"retry_attempt\":1,"       \
    "\"retry_reason\":\"timeout\","                                                                                  \
    "\"payload\":{\"type\":\"event_callback\",\"event_id\":\"Ev01\",\"event\":{" event                               \
    "},\"authorizations\":[{\"user_id\":\"U0BOT\"}]}}"

static void direct_message(void **state)
{
    (void)state;
    struct chat_input in =
        read_frame(EVENT("\"type\":\"message\",\"user\":\"U1\",\"text\":\"status &lt;x&gt;\",\"channel\":\"D1\","
                         "\"channel_type\":\"im\",\"ts\":\"1.2\""));
    assert_int_equal(in.kind, CHAT_COMMAND);
    assert_string_equal(in.text, "status <x>");
    assert_string_equal(in.dedupe, "Ev01"); /* the same for a redelivery, whose envelope is new */
    assert_string_equal(in.channel, "D1");
    assert_false(in.takes_answer);
    assert_null(in.trigger);
    chat_input_fini(&in);
}

static void mention_is_stripped(void **state)
{
    (void)state;
    static const struct {
        const char *frame, *text;
    } all[] = {
        {EVENT("\"type\":\"app_mention\",\"user\":\"U1\",\"text\":\"<@U0BOT> queue\",\"channel\":\"C1\""), "queue"},
        {EVENT("\"type\":\"app_mention\",\"user\":\"U1\",\"text\":\"<@U0BOT>: queue\",\"channel\":\"C1\""), "queue"},
        {EVENT("\"type\":\"app_mention\",\"user\":\"U1\",\"text\":\"<@U0BOT|dunwell>, queue\",\"channel\":\"C1\""), "queue"},
        {EVENT("\"type\":\"app_mention\",\"user\":\"U1\",\"text\":\"status x <@U0BOT|dunwell>\",\"channel\":\"C1\""),
         "status x"},
        {EVENT("\"type\":\"app_mention\",\"user\":\"U1\",\"text\":\"<@U0BOT2> <@U0BOT> queue\",\"channel\":\"C1\""),
         "U0BOT2  queue"},
        {EVENT("\"type\":\"message\",\"user\":\"U1\",\"text\":\"<@U0BOT> queue\",\"channel\":\"D1\",\"channel_type\":\"im\""), "queue"},
        {EVENT("\"type\":\"message\",\"user\":\"U1\",\"text\":\"<@U2> is away\",\"channel\":\"D1\",\"channel_type\":\"im\""), "U2 is away"},
        {"{\"envelope_id\":\"e\",\"type\":\"events_api\",\"payload\":{\"event_id\":\"Ev1\",\"event\":{\"type\":\"app_"
         "mention\",\"user\":\"U1\","
         "\"text\":\" <@U9> help\",\"channel\":\"C1\"}}}",
         "help"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(all); i++) {
        struct chat_input in = read_frame(all[i].frame);
        assert_int_equal(in.kind, CHAT_COMMAND);
        assert_string_equal(in.text, all[i].text);
        chat_input_fini(&in);
    }
}

/* With a file, or shown in the chat as well: a person wrote it. */
static void what_people_write_has_kinds(void **state)
{
    (void)state;
#define WRITTEN(more) EVENT("\"type\":\"message\",\"user\":\"U1\",\"text\":\"queue\",\"channel\":\"D1\",\"channel_type\":\"im\"" more)
    static const struct {
        const char *frame;
        bool file;
    } all[] = {
        {WRITTEN(",\"subtype\":\"file_share\",\"files\":[{\"id\":\"F1\",\"name\":\"a.pdf\"}]"), true},
        {WRITTEN(",\"subtype\":\"thread_broadcast\""), false},
        {WRITTEN(",\"files\":[]"), false},
        {EVENT("\"type\":\"app_mention\",\"user\":\"U1\",\"text\":\"<@U0BOT> queue\",\"channel\":\"C1\",\"files\":[{\"id\":\"F1\"}]"), true},
    };
#undef WRITTEN
    for (size_t i = 0; i < DW_ARRAY_LEN(all); i++) {
        struct chat_input in = read_frame(all[i].frame);
        assert_int_equal(in.kind, CHAT_COMMAND);
        assert_string_equal(in.text, "queue");
        assert_int_equal(in.file, all[i].file);
        chat_input_fini(&in);
    }
}

static void what_is_not_for_us_is_acknowledged_only(void **state)
{
    (void)state;
    static const char *const all[] = {
        EVENT("\"type\":\"message\",\"subtype\":\"file_share\",\"user\":\"U0BOT\",\"text\":\"x\",\"channel_type\":\"im\",\"files\":[{}]"),
        EVENT("\"type\":\"message\",\"subtype\":\"file_share\",\"user\":\"U1\",\"bot_id\":\"B1\",\"channel_type\":\"im\",\"files\":[{}]"),
        EVENT("\"type\":\"message\",\"user\":\"U1\",\"bot_id\":\"B1\",\"text\":\"x\",\"channel_type\":\"im\""),
        EVENT("\"type\":\"message\",\"user\":\"U0BOT\",\"text\":\"x\",\"channel_type\":\"im\""),
        EVENT("\"type\":\"message\",\"subtype\":\"message_changed\",\"user\":\"U1\",\"channel_type\":\"im\""),
        EVENT("\"type\":\"message\",\"user\":\"U1\",\"text\":\"x\",\"channel_type\":\"channel\""),
        EVENT("\"type\":\"message\",\"text\":\"x\",\"channel_type\":\"im\""),
        EVENT("\"type\":\"app_home_opened\",\"user\":\"U1\""),
        "{\"envelope_id\":\"e-5\",\"type\":\"interactive\",\"payload\":{\"type\":\"view_closed\",\"user\":{\"id\":"
        "\"U1\"}}}",
        "{\"envelope_id\":\"e-5\",\"type\":\"interactive\",\"payload\":{\"type\":\"block_actions\",\"user\":{},"
        "\"actions\":[{\"type\":\"button\"}]}}",
        "{\"envelope_id\":\"e-5\",\"type\":\"interactive\",\"payload\":{\"type\":\"block_actions\",\"user\":{\"id\":"
        "\"U1\"},\"actions\":[]}}",
        "{\"envelope_id\":\"e-5\",\"type\":\"interactive\",\"payload\":[1,2]}",
        "{\"envelope_id\":\"e-5\",\"type\":\"slash_commands\",\"payload\":{}}",
        "{\"envelope_id\":\"e-5\",\"type\":\"slash_commands\",\"payload\":{\"user_id\":7,\"text\":[]}}",
        "{\"envelope_id\":\"e-5\",\"type\":\"something_new\",\"payload\":{}}",
        "{\"envelope_id\":\"e-5\"}",
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(all); i++) {
        struct chat_input in = read_frame(all[i]);
        assert_int_equal(in.kind, CHAT_IGNORE);
        AUTO_STR ack = ack_of(&in, NULL);
        assert_string_equal(ack, "{\"envelope_id\":\"e-5\"}");
        chat_input_fini(&in);
    }
    struct chat_input in = read_frame("{\"type\":\"something_new\"}");
    assert_int_equal(in.kind, CHAT_IGNORE);
    assert_null(in.envelope);
    AUTO_STR nothing = ack_of(&in, NULL);
    assert_string_equal(nothing, "");
    chat_input_fini(&in);
}

static void what_is_not_json_is_an_error(void **state)
{
    (void)state;
    static const char *const all[] = {
        "", "hello", "{", "[1,2", "{\"type\":\"hello\"} x", "\x01\x02", "{\"type\":\"hello\",}"};
    for (size_t i = 0; i < DW_ARRAY_LEN(all); i++) {
        struct chat_input in;
        struct err e = {0};
        chat_input_init(&in);
        assert_int_equal(slack_driver.frame(&config, span_of(all[i]), &in, &e), ERR_INVALID);
        assert_true(e.text[0] != '\0' && !in.platform);
    }
}

static void command_of_50_kb(void **state)
{
    (void)state;
    AUTO_STR x = mem_alloc(50001);
    memset(x, 'x', 50000);
    AUTO_STR frame = str_fmt("{\"type\":\"slash_commands\",\"envelope_id\":\"e\",\"payload\":{\"user_id\":\"U1\","
                             "\"trigger_id\":\"t\",\"text\":\"%s\"}}",
                             x);
    struct chat_input in = read_frame(frame);
    assert_int_equal(strlen(in.text), 50000);
    chat_input_fini(&in);
}

/* ---- acknowledgements ---- */

static json_t *ack_json(const struct chat_input *in, const struct chat_answer *a)
{
    AUTO_STR text = ack_of(in, a);
    json_t *v = json_read(span_of(text), NULL);
    assert_non_null(v);
    return v;
}

static void slash_is_answered_in_the_ack(void **state)
{
    (void)state;
    struct chat_input in = read_frame(SLASH("status"));
    struct chat_answer a = {.text = str_dup("Northwind <!channel> owes {ms:1793000000000}")};
    json_auto_t *ack = ack_json(&in, &a);
    assert_string_equal(json_str(ack, "envelope_id", ""), "e-1");
    assert_string_equal(json_str(ack, "payload.response_type", ""), "ephemeral");
    assert_string_equal(json_str(ack, "payload.text", ""),
                        "Northwind &lt;!channel&gt; owes Mon 26 Oct 2026 07:33 UTC");
    assert_non_null(strstr(json_str(ack, "payload.blocks.0.text.text", ""), "owes <!date^1793000000^"));
    AUTO_STR bare = ack_of(&in, NULL);
    assert_string_equal(bare, "{\"envelope_id\":\"e-1\"}");
    chat_answer_fini(&a);
    chat_input_fini(&in);
}

/* The short way to an acknowledgement says what the long way says, and is not taken by text that needs care. */
static void sentences_are_acknowledged_as_any_text(void **state)
{
    (void)state;
    static const char *const texts[] = {"Noted for Northwind Traders Ltd.", "a *b* _c_ ~d~ `e` (f) [g] 100 % #h @i /j 'k' |", "!", " lead",
                                        "", " ", "say \"hi\"", "back\\slash", "Smith & Sons", "<!channel>", "{ms:1793000000000}",
                                        "two\nlines", "tab\there", "na\xC3\xAFve", "del\x7F"};
    struct chat_input in = read_frame(SLASH("status"));
    for (size_t i = 0; i < DW_ARRAY_LEN(texts); i++) {
        struct chat_answer a = {.text = str_dup(texts[i])};
        AUTO_STR ack = ack_of(&in, &a);
        json_auto_t *want = json_object();
        json_put(want, "envelope_id", "e-1");
        if (texts[i][0]) {
            json_t *payload = slack_message(NULL, texts[i], true);
            json_put(payload, "response_type", "ephemeral");
            json_put_new(want, "payload", payload);
        }
        AUTO_STR text = json_text(want);
        assert_string_equal(ack, text);
        chat_answer_fini(&a);
    }
    chat_input_fini(&in);
}

static void click_is_acknowledged_without_payload(void **state)
{
    (void)state;
    struct chat_input in = read_frame(CLICK("{\"action_id\":\"approve\",\"value\":\"A-17@3\",\"type\":\"button\"}"));
    struct chat_answer a = {.text = str_dup("done")};
    AUTO_STR ack = ack_of(&in, &a);
    assert_string_equal(ack, "{\"envelope_id\":\"e-2\"}");
    chat_answer_fini(&a);
    chat_input_fini(&in);
}

static void form_errors_stand_at_their_inputs(void **state)
{
    (void)state;
    struct chat_input in = submission();
    struct chat_answer a = {.form_errors = json_pack("{s:s,s:s}", "first", "must be in the future", "why", ""),
                            .text = str_dup("no")};
    json_auto_t *ack = ack_json(&in, &a);
    assert_string_equal(json_str(ack, "payload.response_action", ""), "errors");
    assert_string_equal(json_str(ack, "payload.errors.first", ""), "must be in the future");
    assert_string_equal(json_str(ack, "payload.errors.why", ""), "\xE2\x80\x93");
    chat_answer_fini(&a);
    chat_input_fini(&in);
}

static void form_closes_or_shows_the_answer(void **state)
{
    (void)state;
    struct chat_input in = submission();
    struct chat_answer a = {.text = NULL};
    AUTO_STR closes = ack_of(&in, &a);
    assert_string_equal(closes, "{\"envelope_id\":\"e-4\"}");
    a.text = str_dup("The plan is being set up.");
    json_auto_t *shows = ack_json(&in, &a);
    assert_string_equal(json_str(shows, "payload.response_action", ""), "update");
    assert_string_equal(json_str(shows, "payload.view.type", ""), "modal");
    assert_string_equal(json_str(shows, "payload.view.blocks.0.text.text", ""), "The plan is being set up.");
    assert_null(json_at(shows, "payload.view.submit"));
    chat_answer_fini(&a);
    chat_input_fini(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slash_command),
        cmocka_unit_test(what_is_no_character_is_marked), cmocka_unit_test(slash_text_is_unescaped),
        cmocka_unit_test(hello_and_disconnect),
        cmocka_unit_test(button_click),
        cmocka_unit_test(menu_entry),
        cmocka_unit_test(form_change),
        cmocka_unit_test(form_submission),
        cmocka_unit_test(direct_message),
        cmocka_unit_test(mention_is_stripped),
        cmocka_unit_test(what_people_write_has_kinds),
        cmocka_unit_test(what_is_not_for_us_is_acknowledged_only),
        cmocka_unit_test(what_is_not_json_is_an_error),
        cmocka_unit_test(command_of_50_kb),
        cmocka_unit_test(slash_is_answered_in_the_ack), cmocka_unit_test(sentences_are_acknowledged_as_any_text),
        cmocka_unit_test(click_is_acknowledged_without_payload),
        cmocka_unit_test(form_errors_stand_at_their_inputs),
        cmocka_unit_test(form_closes_or_shows_the_answer),
    };
    return cmocka_run_group_tests_name("slack_frame", tests, NULL, NULL);
}
