/* Cards, forms and answers as Slack sees them: limits in UTF-16 units, escaping, never an empty text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "adapters/chat/slack.h"

#define ELLIPSIS "\xE2\x80\xA6"
#define DASH "\xE2\x80\x93"
#define GRIN "\xF0\x9F\x98\x80"

static size_t units(const char *text)
{
    size_t n = 0;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        n += (*p & 0xC0) != 0x80 ? (*p >= 0xF0 ? 2 : 1) : 0;
    return n;
}

static char *plain(const char *text, size_t limit)
{
    struct slack_text t;
    slack_text_init(&t, limit);
    slack_text_plain(&t, text, true);
    return slack_text_take(&t);
}

static char *markup(const char *text, size_t limit)
{
    struct slack_text t;
    slack_text_init(&t, limit);
    slack_text_markup(&t, text);
    return slack_text_take(&t);
}

#define assert_text(call, want)                                                                                      \
    do {                                                                                                             \
        AUTO_STR got_ = (call);                                                                                      \
        assert_string_equal(got_, want);                                                                             \
    } while (0)

static void text_is_cut_between_characters(void **state)
{
    (void)state;
    assert_text(plain("abcde", 5), "abcde");
    assert_text(plain("abcdef", 5), "abcd" ELLIPSIS);
    assert_text(plain("abc" GRIN, 5), "abc" GRIN);
    assert_text(plain("abcd" GRIN, 5), "abcd" ELLIPSIS);
    assert_text(plain("abc" GRIN "x", 5), "abc" ELLIPSIS);
    assert_text(markup("abc&&", 8), "abc" ELLIPSIS); /* an entity is whole or not there */
    assert_text(markup("abc&", 8), "abc&amp;");
    assert_text(markup("{ms:1793000000000} or so", 30), ELLIPSIS);
}

static void text_is_never_empty(void **state)
{
    (void)state;
    assert_text(plain("", 10), DASH);
    assert_text(plain(NULL, 10), DASH);
    assert_text(plain(" \n\t ", 10), DASH);
    assert_text(markup("", 10), DASH);
    assert_text(plain(".", 10), ".");
}

static void foreign_text_has_no_power(void **state)
{
    (void)state;
    assert_text(markup("<!channel> & <@U1|x>", 99), "&lt;!channel&gt; &amp; &lt;@U1|x&gt;");
    assert_text(markup("*b* `c` ~s~", 99), "\xE2\x88\x97"
                                           "b"
                                           "\xE2\x88\x97 \xCB\x8B"
                                           "c"
                                           "\xCB\x8B \xE2\x88\xBC"
                                           "s"
                                           "\xE2\x88\xBC");
    assert_text(markup("_x_ in_1abc_2", 99), "\xCB\x8D"
                                             "x"
                                             "\xCB\x8D in_1abc_2");
    assert_text(plain("<!channel> *b* &", 99), "<!channel> *b* &"); /* plain_text: nothing has a meaning */
    assert_text(plain("a\x01"
                      "b\x7F"
                      "c\nd",
                      99),
                "a b c d");
    assert_text(plain("1\xE2\x80\xAE"
                      "2",
                      99),
                "1\xEF\xBF\xBD"
                "2"); /* would turn the digits around */
    assert_text(plain("x\xC3(", 99), "x\xEF\xBF\xBD(");
}

static void moments_become_dates(void **state)
{
    (void)state;
    assert_text(markup("on {ms:1793000000000}.", 200),
                "on <!date^1793000000^{date_short_pretty} {time}|Mon 26 Oct 2026 07:33 UTC>.");
    assert_text(markup("{ago:1793000000000}", 200), "<!date^1793000000^{ago}|Mon 26 Oct 2026 07:33 UTC>");
    assert_text(plain("on {ms:1793000000000}.", 200), "on Mon 26 Oct 2026 07:33 UTC.");
    assert_text(markup("{ms:} {ms:12x} {ms {", 200), "{ms:} {ms:12x} {ms {");
    assert_text(plain("{ms:99999999999999999999}", 200), "{ms:99999999999999999999}");
    assert_true(slack_has_moment("a {x} {ago:1} b"));
    assert_false(slack_has_moment("a {ago:} b"));
    assert_false(slack_has_moment(NULL));
}

/* A date that is too long for its text ends it before, never inside. */
static void long_texts_fit_exactly(void **state)
{
    (void)state;
    for (size_t limit = 1; limit < 120; limit++) {
        AUTO_STR a =
            markup("x & " GRIN " {ms:1793000000000} <tail> & more and more and more of it, endlessly & on", limit);
        assert_true(units(a) <= limit && *a);
        for (const char *p = a; (p = strchr(p, '&')); p++)
            assert_true(strncmp(p, "&amp;", 5) == 0 || strncmp(p, "&lt;", 4) == 0 || strncmp(p, "&gt;", 4) == 0);
        const char *open = strchr(a, '<');
        assert_true(!open || strchr(open, '>'));
    }
}

/* ---- a checker of what Slack refuses, walked over everything that is rendered ---- */

static void check_text(const json_t *o, size_t most)
{
    const char *text = json_str(o, "text", NULL), *type = json_str(o, "type", "");
    assert_non_null(text);
    assert_true(*text && strspn(text, " \n") < strlen(text));
    if (units(text) > most)
        fail_msg("%zu units, at most %zu: %.80s", units(text), most, text);
    if (strcmp(type, "mrkdwn") == 0)
        assert_true(json_flag(o, "verbatim", false) && !strstr(text, "<!channel") && !strstr(text, "<!here"));
    else
        assert_string_equal(type, "plain_text");
}

static void check_options(const json_t *options, size_t least, size_t most)
{
    assert_true(json_array_size(options) >= least && json_array_size(options) <= most);
    for (size_t i = 0; i < json_array_size(options); i++) {
        const json_t *o = json_array_get(options, i);
        check_text(json_at(o, "text"), 75);
        assert_true(units(json_str(o, "value", "")) > 0 && units(json_str(o, "value", "")) <= 75);
    }
}

static void check_element(const json_t *e)
{
    const char *type = json_str(e, "type", "");
    if (strcmp(type, "button") == 0) {
        check_text(json_at(e, "text"), 75);
        assert_true(units(json_str(e, "value", "x")) > 0);
        if (json_at(e, "confirm")) {
            check_text(json_at(e, "confirm.title"), 100);
            check_text(json_at(e, "confirm.text"), 300);
            check_text(json_at(e, "confirm.confirm"), 30);
            check_text(json_at(e, "confirm.deny"), 30);
        }
    } else if (strcmp(type, "overflow") == 0) {
        check_options(json_at(e, "options"), 2, 5);
    } else if (strcmp(type, "static_select") == 0) {
        check_options(json_at(e, "options"), 1, 100);
    } else if (strcmp(type, "plain_text_input") == 0) {
        assert_true(units(json_str(e, "initial_value", "x")) <= 3000);
    } else if (strcmp(type, "datepicker") == 0) {
        assert_int_equal(strlen(json_str(e, "initial_date", "2027-01-05")), 10);
    } else {
        check_text(e, 2000); /* of a context */
    }
}

static void check_blocks(const json_t *blocks, size_t most)
{
    assert_true(json_array_size(blocks) > 0 && json_array_size(blocks) <= most);
    for (size_t i = 0; i < json_array_size(blocks); i++) {
        const json_t *b = json_array_get(blocks, i), *fields = json_at(b, "fields"),
                     *elements = json_at(b, "elements");
        bool header = str_eq(json_str(b, "type", ""), "header");
        if (json_at(b, "text"))
            check_text(json_at(b, "text"), header ? 150 : 3000);
        assert_true(json_array_size(fields) <= 10 && json_array_size(elements) <= 10);
        for (size_t j = 0; j < json_array_size(fields); j++)
            check_text(json_array_get(fields, j), 2000);
        for (size_t j = 0; j < json_array_size(elements); j++)
            check_element(json_array_get(elements, j));
        if (json_at(b, "label")) {
            check_text(json_at(b, "label"), 2000);
            check_element(json_at(b, "element"));
        }
    }
}

/* A small generator of bad luck: long, empty, astral, marked up, with moments. */
static uint64_t seed = 1;
static uint64_t roll(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % n;
}

static json_t *odd_text(void)
{
    static const char *const bits[] = {"",  " ",  "<!channel>", "&",        GRIN,      "{ms:1793000000000}",
                                       "*", "\n", "word ",      "\xC3\xBC", "{ago:1}", "```"};
    AUTO_BUF b = BUF(1 << 20);
    for (uint64_t i = roll(5) == 0 ? roll(6000) : roll(12); i > 0; i--)
        buf_adds(&b, bits[roll(DW_ARRAY_LEN(bits))]);
    return json_string(buf_text(&b));
}

static json_t *odd_list(const char *const *keys, size_t n_keys)
{
    json_t *list = json_array();
    for (uint64_t i = roll(40); i > 0; i--) {
        json_t *o = json_object();
        for (size_t k = 0; k < n_keys; k++)
            if (roll(8))
                json_object_set_new(o, keys[k], odd_text());
        json_object_set_new(o, "as_of_ms", json_integer((json_int_t)roll(3) * 1000));
        json_object_set_new(o, "stale", json_boolean(roll(2)));
        json_array_append_new(list, n_keys ? o : odd_text());
        if (!n_keys)
            json_decref(o);
    }
    return list;
}

static json_t *odd_card(void)
{
    static const char *const fields[] = {"label", "value"}, *const facts[] = {"name", "value", "source"};
    static const char *const actions[] = {"id", "label", "value", "style"};
    json_t *c = json_object();
    static const char *const texts[] = {"title", "severity", "tag", "mention", "summary", "footer"};
    for (size_t i = 0; i < DW_ARRAY_LEN(texts); i++)
        if (roll(6))
            json_object_set_new(c, texts[i], odd_text());
    json_object_set_new(c, "paragraphs", odd_list(NULL, 0));
    json_object_set_new(c, "fields", odd_list(fields, 2));
    json_object_set_new(c, "facts", odd_list(facts, 3));
    json_object_set_new(c, "actions", odd_list(actions, 4));
    json_object_set_new(c, "more", odd_list(actions, 3));
    return c;
}

static void any_card_is_within_the_limits(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        json_auto_t *card = odd_card(), *m = slack_message(card, NULL, true), *v = slack_answer_view(card, NULL);
        check_blocks(json_at(m, "blocks"), 50);
        check_blocks(json_at(v, "blocks"), 50);
        assert_true(units(json_str(m, "text", "")) > 0 && units(json_str(m, "text", "")) <= 4000);
        assert_null(strstr(json_str(m, "text", ""), "<!"));
    }
}

static void any_answer_is_within_the_limits(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        json_auto_t *text = odd_text(), *m = slack_message(NULL, json_string_value(text), true);
        check_blocks(json_at(m, "blocks"), 50);
        assert_true(units(json_str(m, "text", "")) <= 4000);
    }
    AUTO_STR huge = mem_alloc(200001);
    memset(huge, 'x', 200000);
    json_auto_t *m = slack_message(NULL, huge, true);
    check_blocks(json_at(m, "blocks"), 50);
    assert_string_equal(json_str(m, "blocks.20.elements.0.text", ""), "The rest is too long for Slack.");
}

/* A long answer is split at its lines and nothing of it is lost. */
static void long_answer_keeps_every_line(void **state)
{
    (void)state;
    AUTO_BUF all = BUF(1 << 20);
    for (int i = 0; i < 400; i++)
        buf_addf(&all, "%sline %d of the queue", i ? "\n" : "", i);
    json_auto_t *blocks = slack_text_blocks(buf_text(&all));
    AUTO_BUF back = BUF(1 << 20);
    for (size_t i = 0; i < json_array_size(blocks); i++)
        buf_addf(&back, "%s%s", i ? "\n" : "", json_str(json_array_get(blocks, i), "text.text", ""));
    assert_true(json_array_size(blocks) > 1);
    assert_string_equal(buf_text(&back), buf_text(&all));
}

static void any_form_is_within_the_limits(void **state)
{
    (void)state;
    static const char *const kinds[] = {"select", "date", "text", "odd"};
    static const char *const option[] = {"value", "label"};
    for (int i = 0; i < 300; i++) {
        json_auto_t *f = json_object();
        static const char *const texts[] = {"id", "ref", "title", "submit"};
        for (size_t k = 0; k < DW_ARRAY_LEN(texts); k++)
            if (roll(4))
                json_object_set_new(f, texts[k], odd_text());
        json_object_set_new(f, "notes", odd_list(NULL, 0));
        json_t *inputs = json_array();
        for (uint64_t k = roll(6); k > 0; k--) {
            json_t *in = json_pack("{s:s,s:o,s:o,s:o}", "kind", kinds[roll(4)], "label", odd_text(), "value",
                                   odd_text(), "options", odd_list(option, 2));
            char id[8];
            snprintf(id, sizeof id, "i%d", (int)k);
            json_object_set_new(in, "id", json_string(id));
            json_array_append_new(inputs, in);
        }
        json_object_set_new(f, "inputs", inputs);
        json_auto_t *v = slack_view(f);
        check_blocks(json_at(v, "blocks"), 100);
        check_text(json_at(v, "title"), 24);
        check_text(json_at(v, "close"), 24);
        if (json_at(v, "submit"))
            check_text(json_at(v, "submit"), 24);
        assert_true(strlen(json_str(v, "private_metadata", "")) <= 3000 &&
                    strlen(json_str(v, "callback_id", "")) <= 255);
    }
}

static json_t *sample_card(void)
{
    return json_pack("{s:s,s:s,s:s,s:s,s:s}", "title", "Northwind", "severity", "alert", "tag", "SHADOW", "mention",
                     "U0AE1", "summary", "Northwind owes $48,200.");
}

static void the_head_is_not_said_twice(void **state)
{
    (void)state;
    AUTO_JSON first = json_pack("{s:s, s:s}", "title", "Acme: $5 unpaid", "summary", "Acme: $5 unpaid; it waits for a collector.");
    AUTO_JSON blocks = slack_card_blocks(first, false);
    assert_string_equal(json_str(blocks, "1.text.text", ""), "It waits for a collector.");
    AUTO_JSON bare = json_pack("{s:s, s:s}", "title", "Acme: paid", "summary", "Acme: paid.");
    AUTO_JSON alone = slack_card_blocks(bare, false);
    assert_int_equal(json_array_size(alone), 1);
}

static void shadow_and_mention_stand_first(void **state)
{
    (void)state;
    json_auto_t *card = sample_card(), *m = slack_message(card, NULL, true);
    assert_string_equal(json_str(m, "text", ""), "[SHADOW] Northwind owes $48,200.");
    assert_string_equal(json_str(m, "blocks.0.text.text", ""), "[SHADOW] \xF0\x9F\x94\xB6 Northwind");
    assert_string_equal(json_str(m, "blocks.1.text.text", ""), "<@U0AE1> Northwind owes $48,200.");
    json_put(card, "mention", "!channel");
    json_auto_t *plainer = slack_message(card, NULL, true);
    assert_string_equal(json_str(plainer, "blocks.1.text.text", ""), "Northwind owes $48,200.");
}

static void actions_become_buttons_and_a_menu(void **state)
{
    (void)state;
    json_auto_t *card = sample_card();
    json_object_set_new(
        card, "actions",
        json_pack("[{s:s,s:s,s:s,s:s}]", "id", "claim", "label", "Claim", "value", "N-12@4", "style", "odd"));
    json_object_set_new(card, "more",
                        json_pack("[{s:s,s:s,s:s},{s:s,s:s,s:s}]", "id", "dispute", "label", "Disputed", "value",
                                  "N-12@4", "id", "why", "label", "Why?", "value", "N-12@4"));
    json_auto_t *blocks = slack_card_blocks(card, true), *without = slack_card_blocks(card, false);
    const json_t *elements = json_at(blocks, "2.elements");
    assert_int_equal(json_array_size(elements), 2);
    assert_string_equal(json_str(elements, "0.action_id", ""), "claim");
    assert_string_equal(json_str(elements, "0.value", ""), "N-12@4");
    assert_null(json_at(elements, "0.style"));
    assert_string_equal(json_str(elements, "1.options.0.value", ""), "dispute|N-12@4");
    assert_int_equal(json_array_size(without), 2);
    json_array_remove(json_object_get(card, "more"), 1);
    json_auto_t *single = slack_card_blocks(card, true);
    assert_string_equal(json_str(single, "2.elements.1.type", ""), "button"); /* Slack wants two entries in a menu */
    assert_string_equal(json_str(single, "2.elements.1.value", ""), "dispute|N-12@4");
}

static void what_is_left_out_is_counted(void **state)
{
    (void)state;
    json_auto_t *card = sample_card();
    json_t *list = json_array();
    for (int i = 0; i < 31; i++)
        json_array_append_new(list, json_string("a paragraph"));
    json_object_set_new(card, "paragraphs", list);
    json_auto_t *blocks = slack_card_blocks(card, true);
    assert_int_equal(json_array_size(blocks), 2 + 25 + 1);
    assert_string_equal(json_str(blocks, "27.elements.0.text", ""), "6 more are not shown here.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_cut_between_characters),
        cmocka_unit_test(text_is_never_empty),
        cmocka_unit_test(foreign_text_has_no_power),
        cmocka_unit_test(moments_become_dates),
        cmocka_unit_test(long_texts_fit_exactly),
        cmocka_unit_test(any_card_is_within_the_limits),
        cmocka_unit_test(any_answer_is_within_the_limits),
        cmocka_unit_test(long_answer_keeps_every_line),
        cmocka_unit_test(any_form_is_within_the_limits),
        cmocka_unit_test(the_head_is_not_said_twice), cmocka_unit_test(shadow_and_mention_stand_first),
        cmocka_unit_test(actions_become_buttons_and_a_menu),
        cmocka_unit_test(what_is_left_out_is_counted),
    };
    return cmocka_run_group_tests_name("slack_render", tests, NULL, NULL);
}
