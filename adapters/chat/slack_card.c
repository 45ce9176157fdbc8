/* A card as Slack's blocks.
 *
 * The order is that of reading: a header with the severity, the one sentence that says it all, the figures, the
 * paragraphs, where each fact comes from and how old it is, and only then the buttons, so that nobody decides before
 * having read. Every limit of Block Kit is kept here by construction, because one block too many or one empty text
 * makes Slack refuse the whole card: at most 50 blocks come out whatever goes in, and what is left out is said. */
#include "adapters/chat/slack.h"

#include <stdio.h>
#include <string.h>

enum {
    HEADER_LIMIT = 150,
    FIELDS_A_BLOCK = 10,
    FIELDS_MAX = 20,
    LABEL_LIMIT = 200,
    FIELD_LIMIT = 2000,
    PARAGRAPHS_MAX = 25,
    FACT_GROUPS_MAX = 10, /* elements of a context block */
    CONTEXT_LIMIT = 1900,
    BUTTONS_MAX = 3,
    MORE_MAX = 5,
    BUTTON_LIMIT = 75,
    VALUE_LIMIT = 2000,
    ID_LIMIT = 255,
    OPTION_VALUE_LIMIT = 75,
    CONFIRM_TITLE = 100,
    CONFIRM_TEXT = 300,
    CONFIRM_BUTTON = 30,
    ANSWER_PIECE = 2000, /* bytes: room for markup in a section of 3000 */
    ANSWER_PIECES_MAX = 20,
};

static json_t *block(const char *type)
{
    json_t *b = json_object();
    json_put(b, "type", type);
    return b;
}

static void push(json_t *list, json_t *take)
{
    json_array_append_new(list, take);
}

static bool is_empty(const char *text)
{
    return !text || !*text;
}

json_t *slack_section(const char *text)
{
    json_t *b = block("section");
    json_put_new(b, "text", slack_object(text, SLACK_TEXT_LIMIT));
    return b;
}

static json_t *context(json_t *take_element)
{
    json_t *b = block("context"), *elements = json_array();
    push(elements, take_element);
    json_put_new(b, "elements", elements);
    return b;
}

/* What does not fit is counted, never dropped in silence. */
static void add_left_out(json_t *blocks, size_t n, size_t most)
{
    if (n <= most)
        return;
    char text[64];
    snprintf(text, sizeof text, "%zu more are not shown here.", n - most);
    push(blocks, context(slack_plain(text, CONTEXT_LIMIT)));
}

static const char *severity_symbol(const char *severity)
{
    if (str_eq(severity, "alert"))
        return "\xF0\x9F\x94\xB6 "; /* large orange diamond */
    if (str_eq(severity, "warn"))
        return "\xF0\x9F\x9F\xA1 "; /* yellow circle */
    if (str_eq(severity, "good"))
        return "\xE2\x9C\x85 ";
    return "\xF0\x9F\x94\xB5 "; /* blue circle */
}

/* "[SHADOW] " stands in front of everything: nobody may take a rehearsal for the real thing. */
static json_t *header(const json_t *card)
{
    const char *tag = json_str(card, "tag", "");
    struct slack_text t;
    slack_text_init(&t, HEADER_LIMIT);
    if (*tag) {
        slack_text_plain(&t, "[", true);
        slack_text_plain(&t, tag, true);
        slack_text_plain(&t, "] ", true);
    }
    slack_text_plain(&t, severity_symbol(json_str(card, "severity", "")), true);
    slack_text_plain(&t, json_str(card, "title", ""), true);
    AUTO_STR text = slack_text_take(&t);
    json_t *o = block("plain_text"), *b = block("header");
    json_put(o, "text", text);
    json_put_new(o, "emoji", json_true());
    json_put_new(b, "text", o);
    return b;
}

/* The summary stands alone in a notification; under the head it need not say the same again. New string. */
static char *summary_text(const json_t *card)
{
    const char *text = json_str(card, "summary", ""), *title = json_str(card, "title", "");
    size_t n = strlen(title);
    if (n == 0 || strncmp(text, title, n) != 0 || !text[n] || !strchr(";:,.", text[n]))
        return str_dup(text);
    char *rest = str_dup(text + n + strspn(text + n, ";:,. "));
    if (*rest >= 'a' && *rest <= 'z')
        *rest = (char)(*rest - 'a' + 'A');
    return rest;
}

/* NULL when there is nothing left to say. */
static json_t *summary(const json_t *card)
{
    const char *mention = json_str(card, "mention", "");
    AUTO_STR text = summary_text(card);
    if (!slack_is_user(mention)) /* only what is shaped like an id becomes a mention: never "!channel" */
        return is_empty(text) && !is_empty(json_str(card, "title", "")) ? NULL : slack_section(text);
    struct slack_text t;
    slack_text_init(&t, SLACK_TEXT_LIMIT);
    slack_text_raw(&t, "<@");
    slack_text_raw(&t, mention);
    slack_text_raw(&t, "> ");
    slack_text_markup(&t, text);
    t.visible = true;
    json_t *b = block("section");
    json_put_new(b, "text", slack_mrkdwn(&t));
    return b;
}

static json_t *field(const json_t *f)
{
    struct slack_text label, t;
    slack_text_init(&label, LABEL_LIMIT);
    slack_text_markup(&label, json_str(f, "label", ""));
    AUTO_STR name = slack_text_take(&label);
    struct slack_text value;
    slack_text_init(&value, FIELD_LIMIT - LABEL_LIMIT - 3);
    slack_text_markup(&value, json_str(f, "value", ""));
    AUTO_STR content = slack_text_take(&value);
    slack_text_init(&t, FIELD_LIMIT);
    buf_addf(&t.out, "*%s*\n%s", name, content);
    t.visible = true;
    return slack_mrkdwn(&t);
}

static void add_fields(json_t *blocks, const json_t *card)
{
    const json_t *all = json_at(card, "fields");
    json_t *in = NULL;
    for (size_t i = 0; i < json_array_size(all) && i < FIELDS_MAX; i++) {
        if (i % FIELDS_A_BLOCK == 0) {
            json_t *b = block("section");
            in = json_array();
            json_put_new(b, "fields", in);
            push(blocks, b);
        }
        push(in, field(json_array_get(all, i)));
    }
    add_left_out(blocks, json_array_size(all), FIELDS_MAX);
}

static void add_paragraphs(json_t *blocks, const json_t *list, size_t most)
{
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n && i < most; i++)
        push(blocks, slack_section(json_string_value(json_array_get(list, i))));
    add_left_out(blocks, n, most);
}

static bool same_origin(const json_t *a, const json_t *b)
{
    return str_eq(json_str(a, "source", ""), json_str(b, "source", "")) &&
           json_i64(a, "as_of_ms", 0) == json_i64(b, "as_of_ms", 0) &&
           json_flag(a, "stale", false) == json_flag(b, "stale", false);
}

/* "⚠ stale · *stripe* 2 minutes ago · balance: $48,200 · attempts: 2": all facts of one reading together, its age
 * once. */
static json_t *fact_group(const json_t *facts, size_t first)
{
    const json_t *head = json_array_get(facts, first);
    struct slack_text t;
    slack_text_init(&t, CONTEXT_LIMIT);
    if (json_flag(head, "stale", false))
        slack_text_markup(&t, "\xE2\x9A\xA0 stale \xC2\xB7 ");
    slack_text_raw(&t, "*");
    slack_text_markup(&t, is_empty(json_str(head, "source", "")) ? "unknown source" : json_str(head, "source", ""));
    slack_text_raw(&t, "*");
    int64_t as_of = json_i64(head, "as_of_ms", 0);
    if (as_of > 0) {
        char age[40];
        snprintf(age, sizeof age, " {ago:%lld}", (long long)as_of);
        slack_text_markup(&t, age);
    }
    for (size_t i = first; i < json_array_size(facts); i++) {
        const json_t *f = json_array_get(facts, i);
        if (!same_origin(head, f))
            continue;
        slack_text_markup(&t, " \xC2\xB7 ");
        slack_text_markup(&t, json_str(f, "name", ""));
        slack_text_markup(&t, ": ");
        slack_text_markup(&t, json_str(f, "value", ""));
    }
    return slack_mrkdwn(&t);
}

static bool seen_before(const json_t *facts, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (same_origin(json_array_get(facts, j), json_array_get(facts, i)))
            return true;
    return false;
}

static void add_facts(json_t *blocks, const json_t *card)
{
    const json_t *facts = json_at(card, "facts");
    json_t *elements = json_array();
    size_t groups = 0;
    for (size_t i = 0; i < json_array_size(facts); i++) {
        if (seen_before(facts, i))
            continue;
        if (groups++ < FACT_GROUPS_MAX)
            push(elements, fact_group(facts, i));
    }
    if (groups == 0) {
        json_decref(elements);
        return;
    }
    json_t *b = block("context");
    json_put_new(b, "elements", elements);
    push(blocks, b);
    add_left_out(blocks, groups, FACT_GROUPS_MAX);
}

static json_t *confirm_of(const json_t *c)
{
    json_t *o = json_object();
    json_put_new(o, "title", slack_plain(json_str(c, "title", ""), CONFIRM_TITLE));
    json_put_new(o, "text", slack_object(json_str(c, "text", ""), CONFIRM_TEXT));
    json_put_new(o, "confirm", slack_plain(json_str(c, "yes", "Yes"), CONFIRM_BUTTON));
    json_put_new(o, "deny", slack_plain("Cancel", CONFIRM_BUTTON));
    return o;
}

static json_t *button(const json_t *a)
{
    json_t *b = block("button");
    json_put(b, "action_id", json_str(a, "id", ""));
    json_put_new(b, "text", slack_plain(json_str(a, "label", ""), BUTTON_LIMIT));
    const char *value = json_str(a, "value", ""), *style = json_str(a, "style", "");
    if (!slack_is_blank(value) && strlen(value) <= VALUE_LIMIT)
        json_put(b, "value", value);
    if (str_eq(style, "primary") || str_eq(style, "danger"))
        json_put(b, "style", style);
    if (json_is_object(json_at(a, "confirm")))
        json_put_new(b, "confirm", confirm_of(json_at(a, "confirm")));
    return b;
}

/* An id that Slack would refuse, or that stands there already, would cost the whole card. */
static bool id_is_new(const json_t *elements, const char *id)
{
    for (size_t i = 0; i < json_array_size(elements); i++)
        if (str_eq(json_str(json_array_get(elements, i), "action_id", ""), id))
            return false;
    return !slack_is_blank(id) && strlen(id) <= ID_LIMIT && !str_eq(id, SLACK_MENU_ID);
}

/* An entry says "ACTION|VALUE". One whose value would not fit is left out: half a value would mean something else. */
static json_t *menu_options(const json_t *more)
{
    json_t *options = json_array();
    for (size_t i = 0; i < json_array_size(more) && json_array_size(options) < MORE_MAX; i++) {
        const json_t *m = json_array_get(more, i);
        AUTO_STR value = str_fmt("%s|%s", json_str(m, "id", ""), json_str(m, "value", ""));
        if (*value == '|' || strlen(value) > OPTION_VALUE_LIMIT)
            continue;
        json_t *o = json_object();
        json_put_new(o, "text", slack_plain(json_str(m, "label", ""), BUTTON_LIMIT));
        json_put(o, "value", value);
        push(options, o);
    }
    return options;
}

/* Slack wants two entries in a menu at least, so a single one becomes a button with the same meaning. */
static void add_menu(json_t *elements, const json_t *more)
{
    json_auto_t *options = menu_options(more);
    if (json_array_size(options) == 0)
        return;
    bool single = json_array_size(options) == 1;
    json_t *b = block(single ? "button" : "overflow");
    json_put(b, "action_id", SLACK_MENU_ID);
    if (single) {
        json_put_new(b, "text", json_incref(json_at(options, "0.text")));
        json_put(b, "value", json_str(options, "0.value", ""));
    } else {
        json_put_new(b, "options", json_incref(options));
    }
    push(elements, b);
}

static void add_actions(json_t *blocks, const json_t *card)
{
    const json_t *actions = json_at(card, "actions");
    json_t *elements = json_array();
    for (size_t i = 0; i < json_array_size(actions) && i < BUTTONS_MAX; i++) {
        const json_t *a = json_array_get(actions, i);
        if (id_is_new(elements, json_str(a, "id", "")))
            push(elements, button(a));
    }
    add_menu(elements, json_at(card, "more"));
    if (json_array_size(elements) == 0) {
        json_decref(elements);
        return;
    }
    json_t *b = block("actions");
    json_put_new(b, "elements", elements);
    push(blocks, b);
}

json_t *slack_card_blocks(const json_t *card, bool with_actions)
{
    json_t *blocks = json_array();
    push(blocks, header(card));
    json_t *sentence = summary(card);
    if (sentence)
        push(blocks, sentence);
    add_fields(blocks, card);
    add_paragraphs(blocks, json_at(card, "paragraphs"), PARAGRAPHS_MAX);
    add_facts(blocks, card);
    if (with_actions)
        add_actions(blocks, card);
    const char *footer = json_str(card, "footer", "");
    if (*footer)
        push(blocks, context(slack_object(footer, CONTEXT_LIMIT)));
    return blocks;
}

char *slack_card_text(const json_t *card)
{
    const char *tag = json_str(card, "tag", ""), *text = json_str(card, "summary", "");
    struct slack_text t;
    slack_text_init(&t, SLACK_FALLBACK_LIMIT);
    if (*tag) {
        slack_text_escaped(&t, "[");
        slack_text_escaped(&t, tag);
        slack_text_escaped(&t, "] ");
    }
    slack_text_escaped(&t, *text ? text : json_str(card, "title", ""));
    return slack_text_take(&t);
}

/* How much of a long text goes into the next section: whole lines if possible, else whole characters. */
static size_t piece_of(const char *text)
{
    size_t n = strlen(text);
    if (n <= ANSWER_PIECE)
        return n;
    const char *line = memrchr(text, '\n', ANSWER_PIECE);
    n = line && line > text ? (size_t)(line - text) : ANSWER_PIECE;
    while (n > 1 && ((unsigned char)text[n] & 0xC0) == 0x80)
        n--;
    return n;
}

json_t *slack_text_blocks(const char *text)
{
    json_t *blocks = json_array();
    const char *p = text ? text : "";
    for (int i = 0; (*p || i == 0) && i < ANSWER_PIECES_MAX; i++) {
        size_t n = piece_of(p);
        AUTO_STR piece = str_ndup(p, n);
        push(blocks, slack_section(piece));
        p += n;
        while (*p == '\n')
            p++;
    }
    if (*p)
        push(blocks, context(slack_plain("The rest is too long for Slack.", CONTEXT_LIMIT)));
    return blocks;
}

json_t *slack_message(const json_t *card, const char *text, bool with_actions)
{
    json_t *m = json_object();
    struct slack_text t;
    slack_text_init(&t, SLACK_FALLBACK_LIMIT);
    if (!json_is_object(card))
        slack_text_escaped(&t, text);
    AUTO_STR said = slack_text_take(&t);
    AUTO_STR summed = json_is_object(card) ? slack_card_text(card) : NULL;
    json_put(m, "text", summed ? summed : said);
    json_put_new(m, "blocks", json_is_object(card) ? slack_card_blocks(card, with_actions) : slack_text_blocks(text));
    return m;
}
