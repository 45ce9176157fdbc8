/* The console: what a person reads, and that nothing foreign can speak to the terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/chat/console.h"
#include "engine/when.h"
#include "tests/unit/serve_drive.h"

static struct console_config config = {.base = {.driver = &console_driver, .name = "console"}};
static struct buf seen = BUF(1 << 20);

static void keep(void *ctx, struct span text)
{
    (void)ctx;
    buf_add(&seen, text.p, text.n);
}

static int set_up(void **state)
{
    struct drive *d = mem_alloc(sizeof *d);
    config.channels = json_pack("{s:s}", "approvals", "approvals");
    *d = (struct drive){.driver = &console_driver, .config = &config, .now_ms = DRIVE_NOW};
    d->memory = console_driver.open_memory(&config);
    console_output(keep, NULL);
    buf_clear(&seen);
    *state = d;
    return 0;
}

static int tear_down(void **state)
{
    struct drive *d = *state;
    console_driver.close_memory(d->memory);
    json_decref(config.channels);
    json_decref(d->stage);
    free(d);
    buf_fini(&seen);
    buf_init(&seen, 1 << 20);
    return 0;
}

static json_t *card(const char *title, const char *paragraph, const char *hold)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:[s], s:[{s:s, s:s}, {s:s, s:s}], s:[{s:s, s:s, s:s, s:I, s:b}], "
                     "s:[{s:s, s:s, s:s, s:s}], s:[], s:s}",
                     "title", title, "severity", "alert", "tag", "", "mention", "ae1", "paragraphs", paragraph,
                     "fields", "label", "Unpaid", "value", "$48,200.00", "label", "Hold", "value", hold, "facts",
                     "name", "Sentiment", "value", "-0.4", "source", "accounts.csv", "as_of_ms",
                     (json_int_t)(DRIVE_NOW - 2 * MS_MINUTE), "stale", 0, "actions", "id", "claim", "label",
                     "I'll handle it", "value", "N-12@4", "command", "claim N-12", "more", "footer", "journal 17");
}

/* Takes the card. */
static void post(struct drive *d, const char *key, const char *channel, json_t *take_card, struct step *s)
{
    AUTO_JSON args = json_pack("{s:s, s:o}", "channel", channel, "card", take_card);
    drive_run(d, "post", key, args, false, s);
    assert_int_equal(s->outcome, STEP_DONE);
}

static int widest_line(const char *text)
{
    int widest = 0;
    for (size_t n; *text; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        int columns = console_columns(text, n);
        widest = columns > widest ? columns : widest;
    }
    return widest;
}

static void a_card_is_a_box_with_everything_on_it(void **state)
{
    struct drive *d = *state;
    struct step s;
    step_init(&s);
    post(d, "case:12", "ae1", card("Northwind: payment failed", "It is unpaid.", "until {ms:1793491200000}"), &s);
    const char *text = buf_text(&seen);
    assert_string_equal(json_str(s.result, "message", ""), "case:12");
    assert_non_null(strstr(text, "to ae1 (direct message)"));
    assert_non_null(strstr(text, "Northwind: payment failed"));
    assert_non_null(strstr(text, "@ae1"));
    assert_non_null(strstr(text, "Unpaid  $48,200.00"));
    char day[WHEN_TEXT_SIZE];
    when_text(day, INT64_C(1793491200000), "UTC");
    assert_non_null(strstr(text, day));
    assert_non_null(strstr(text, "(accounts.csv, 2 min ago)"));
    assert_non_null(strstr(text, "type: claim N-12"));
    assert_non_null(strstr(text, "journal 17"));
    step_fini(&s);
}

static void boxes_are_straight_whatever_is_in_them(void **state)
{
    struct drive *d = *state;
    struct step s;
    step_init(&s);
    AUTO_BUF long_words = BUF(4096);
    for (int i = 0; i < 40; i++)
        buf_adds(&long_words, "\u6771\u4eac caf\u00e9 e\u0301 W\u00f6rter ");
    for (int i = 0; i < 300; i++)
        buf_addc(&long_words, 'x');
    post(d, "case:1", "approvals", card("\u65e5\u672c\u682a\u5f0f\u4f1a\u793e", buf_text(&long_words), "none"), &s);
    const char *text = buf_text(&seen);
    int width = widest_line(text);
    assert_true(width <= CONSOLE_WIDTH);
    assert_true(strncmp(text, "\u256d", 3) == 0);
    assert_non_null(strstr(text, "#approvals"));
    for (size_t n; *text; text += n + 1) {
        n = strcspn(text, "\n");
        assert_int_equal(console_columns(text, n), width);
    }
    step_fini(&s);
}

static void foreign_text_cannot_command_the_terminal(void **state)
{
    struct drive *d = *state;
    struct step s;
    step_init(&s);
    post(d, "case:2", "ae1",
         card("\x1b]0;owned\x07 \x1b[2J", "right \u202e left \xC2\x85 \u200b\rback", "{ms:oops} {ago:}"), &s);
    const char *text = buf_text(&seen);
    for (const char *p = text; *p; p++)
        assert_true((unsigned char)*p >= ' ' || *p == '\n');
    assert_null(strstr(text, "\u202e"));
    assert_null(strstr(text, "\xC2\x85"));
    assert_null(strstr(text, "\u200b"));
    assert_non_null(strstr(text, "{ms:oops} {ago:}"));
    AUTO_STR broken = console_clean("a\xff\xc3", 0);
    assert_string_equal(broken, "a\xEF\xBF\xBD\xEF\xBF\xBD");
    step_fini(&s);
}

static void an_update_prints_what_changed_and_new_commands(void **state)
{
    struct drive *d = *state;
    struct step s;
    step_init(&s);
    post(d, "case:12", "ae1", card("Northwind: payment failed", "It is unpaid.", "starting"), &s);
    buf_clear(&seen);
    json_t *now = card("Northwind: payment failed", "It is unpaid.", "active until Friday");
    json_put_i64(json_array_get(json_object_get(now, "facts"), 0), "as_of_ms", DRIVE_NOW); /* an age is no change */
    AUTO_JSON args = json_pack("{s:s, s:s, s:o}", "channel", "ae1", "message", "case:12", "card", now);
    drive_run(d, "update", "u1", args, false, &s);
    assert_int_equal(s.outcome, STEP_DONE);
    const char *text = buf_text(&seen);
    assert_non_null(strstr(text, "card N-12 changed:"));
    assert_non_null(strstr(text, "active until Friday"));
    assert_null(strstr(text, "type: ")); /* what can be done is as before */
    assert_null(strstr(text, "Unpaid"));
    assert_null(strstr(text, "Sentiment"));

    buf_clear(&seen);
    drive_run(d, "update", "u2", args, false, &s);
    assert_int_equal(seen.n, 0);
    json_put(json_array_get(json_object_get(now, "actions"), 0), "command", "hold N-12 until <date>");
    json_put(now, "title", "Northwind: claimed");
    drive_run(d, "update", "u3", args, false, &s);
    assert_non_null(strstr(buf_text(&seen), "type: hold N-12 until <date>"));
    buf_clear(&seen);
    json_array_clear(json_object_get(now, "actions"));
    json_put(now, "title", "Northwind: paid");
    drive_run(d, "update", "u4", args, false, &s);
    assert_null(strstr(buf_text(&seen), "type: "));
    assert_non_null(strstr(buf_text(&seen), "card N-12 changed:"));
    assert_non_null(strstr(buf_text(&seen), "Northwind: paid"));
    step_fini(&s);
}

static void an_update_of_a_card_from_before_a_restart_shows_it_whole(void **state)
{
    struct drive *d = *state;
    struct step s;
    step_init(&s);
    AUTO_JSON args =
        json_pack("{s:s, s:s, s:o}", "channel", "ae1", "message", "case:9", "card", card("Old", "Text", "none"));
    drive_run(d, "update", "u1", args, false, &s);
    assert_int_equal(s.outcome, STEP_DONE);
    assert_non_null(strstr(buf_text(&seen), "Unpaid"));
    step_fini(&s);
}

static void a_reply_names_its_card_and_a_whisper_its_reader(void **state)
{
    struct drive *d = *state;
    struct step s;
    step_init(&s);
    post(d, "case:12", "ae1", card("Northwind", "It is unpaid.", "none"), &s);
    AUTO_JSON reply =
        json_pack("{s:s, s:s, s:s}", "channel", "ae1", "text", "The hold is active.", "thread", "case:12");
    drive_run(d, "post", "reply:1", reply, false, &s);
    assert_non_null(strstr(buf_text(&seen), "to ae1 (direct message), on N-12: The hold is active."));
    AUTO_JSON whisper =
        json_pack("{s:s, s:s, s:s}", "channel", "approvals", "user", "ae1", "text", "You cannot approve your own.");
    drive_run(d, "whisper", "w:1", whisper, false, &s);
    assert_int_equal(s.outcome, STEP_DONE);
    assert_non_null(strstr(buf_text(&seen), "only ae1 sees this: You cannot approve your own."));
    step_fini(&s);
}

static void a_post_whose_answer_was_lost_is_found_by_its_key(void **state)
{
    struct drive *d = *state;
    struct step s;
    struct http_response lost;
    step_init(&s);
    http_response_init(&lost);
    post(d, "case:12 a/b", "ae1", card("Northwind", "It is unpaid.", "none"), &s);
    AUTO_JSON args = json_pack("{s:s, s:s}", "channel", "ae1", "text", "again");
    struct job job = {.driver = "console", .op = "post", .key = "case:12 a/b", .args = args, .now_ms = DRIVE_NOW};
    lost.transport = TRANSPORT_LOST;
    step_fini(&s);
    console_driver.step(&config, &job, &lost, &s);
    assert_int_equal(s.outcome, STEP_UNKNOWN);
    d->stage = json_incref(s.stage);
    d->writes = 0;
    drive_run(d, "post", "case:12 a/b", args, true, &s);
    assert_int_equal(s.outcome, STEP_DONE);
    assert_int_equal(d->writes, 0);
    assert_string_equal(json_str(s.result, "message", ""), "case:12 a/b");
    json_decref(d->stage);
    d->stage = json_pack("{s:b}", "look", 1);
    drive_run(d, "post", "never seen", args, true, &s);
    assert_int_equal(s.outcome, STEP_DONE);
    assert_int_equal(d->writes, 1);
    http_response_fini(&lost);
    step_fini(&s);
}

static void a_line_becomes_a_command_and_its_answer_readable(void **state)
{
    (void)state;
    struct chat_input in;
    struct err e;
    chat_input_init(&in);
    assert_int_equal(console_driver.frame(
                         &config, span_of("{\"id\":\"7\",\"user\":\"manager1\",\"text\":\"approve A-1\"}"), &in, &e),
                     0);
    assert_int_equal(in.kind, CHAT_COMMAND);
    assert_string_equal(in.user, "manager1");
    assert_string_equal(in.text, "approve A-1");
    assert_string_equal(in.dedupe, "7");
    struct chat_answer a = {.text = str_dup("Done at {ms:1793491200000}.\n\x1b[31mred")};
    AUTO_BUF frame = BUF(4096), text = BUF(8192);
    console_driver.ack(&config, &in, &a, &frame);
    console_answer_text((struct span){frame.p, frame.n}, DRIVE_NOW, &text);
    assert_non_null(strstr(buf_text(&text), "UTC.\n"));
    assert_null(strchr(buf_text(&text), '\x1b'));
    chat_answer_fini(&a);
    chat_input_fini(&in);
    assert_int_equal(console_driver.frame(&config, span_of("nonsense"), &in, &e), ERR_INVALID);
    assert_int_equal(console_driver.frame(&config, span_of("{\"user\":\"x\",\"text\":\"y\"}"), &in, &e), ERR_INVALID);
    chat_input_fini(&in);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_card_is_a_box_with_everything_on_it),
        TEST(boxes_are_straight_whatever_is_in_them),
        TEST(foreign_text_cannot_command_the_terminal),
        TEST(an_update_prints_what_changed_and_new_commands),
        TEST(an_update_of_a_card_from_before_a_restart_shows_it_whole),
        TEST(a_reply_names_its_card_and_a_whisper_its_reader),
        TEST(a_post_whose_answer_was_lost_is_found_by_its_key),
        TEST(a_line_becomes_a_command_and_its_answer_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
