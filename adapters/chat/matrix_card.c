/* A card as a Matrix message.
 *
 * It is written twice: as plain text that stands by itself, for notifications, screen readers and clients without HTML, and as HTML
 * of the few tags that every client shows; tables and folding parts are not among them. There are no buttons, so what can be done
 * is spelled out as commands, and where one tap may decide, the two reactions are named. A card is `m.text`, because a notice
 * never notifies anybody; a plain answer in a room is a notice. Each message carries its job's key, by which it is found again, and
 * of a card what it is about: data to compare, never an authority. An edit shows a new state of the same card.
 * Source: Matrix client-server API, "m.room.message" and "Event replacements". */
#include "adapters/chat/matrix.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

enum { PARAGRAPHS_MAX = 30, FIELDS_MAX = 30, FACTS_MAX = 40, ACTIONS_MAX = 8, INPUTS_MAX = 20, OPTIONS_MAX = 30 };

/* The same text in both forms. */
struct twin {
    struct matrix_text plain, html;
    bool in_block; /* something stands in the paragraph already */
};

static void twin_init(struct twin *t)
{
    *t = (struct twin){.in_block = false};
    matrix_text_init(&t->plain, MATRIX_PLAIN_MAX, false);
    matrix_text_init(&t->html, MATRIX_HTML_MAX, true);
}

static void both(struct twin *t, const char *foreign, bool one_line)
{
    matrix_text_add(&t->plain, foreign, one_line);
    matrix_text_add(&t->html, foreign, one_line);
}

static void styled(struct twin *t, const char *tag, const char *foreign)
{
    AUTO_STR open = str_fmt("<%s>", tag);
    AUTO_STR shut = str_fmt("</%s>", tag);
    matrix_text_raw(&t->html, open);
    both(t, foreign, true);
    matrix_text_raw(&t->html, shut);
}

static void line(struct twin *t)
{
    if (t->in_block) {
        both(t, "\n", false);
    } else {
        matrix_text_add(&t->plain, t->plain.out.n ? "\n\n" : "", false);
        matrix_text_raw(&t->html, "<p>");
    }
    t->in_block = true;
}

static void block_end(struct twin *t)
{
    if (t->in_block)
        matrix_text_raw(&t->html, "</p>");
    t->in_block = false;
}

static const char *severity_symbol(const char *severity)
{
    if (str_eq(severity, "alert"))
        return "\xF0\x9F\x94\xB6 ";
    if (str_eq(severity, "warn"))
        return "\xF0\x9F\x9F\xA1 ";
    return str_eq(severity, "good") ? "\xE2\x9C\x85 " : "\xF0\x9F\x94\xB5 ";
}

static void add_mention(struct twin *t, const char *user)
{
    if (!matrix_is_person(user))
        return;
    matrix_text_raw(&t->html, "<a href=\"https://matrix.to/#/");
    matrix_text_add(&t->html, user, true);
    matrix_text_raw(&t->html, "\">");
    both(t, user, true);
    matrix_text_raw(&t->html, "</a>");
    both(t, " ", true);
}

/* What the summary adds to the title, so that one does not say the other again. */
static const char *rest_of_summary(const json_t *card)
{
    const char *text = json_str(card, "summary", ""), *title = json_str(card, "title", "");
    size_t n = strlen(title);
    if (n == 0 || strncmp(text, title, n) != 0)
        return text;
    return text[n] && strchr(";:,. ", text[n]) ? text + n + strspn(text + n, ";:,. ") : text[n] ? text : "";
}

static void add_head(struct twin *t, const json_t *card)
{
    const char *tag = json_str(card, "tag", ""), *mention = json_str(card, "mention", ""), *rest = rest_of_summary(card);
    AUTO_STR title = str_fmt("%s%s%s%s%s", *tag ? "[" : "", tag, *tag ? "] " : "", severity_symbol(json_str(card, "severity", "")),
                             json_str(card, "title", ""));
    line(t);
    styled(t, "b", title);
    if (*rest || matrix_is_person(mention)) {
        line(t);
        add_mention(t, mention);
        both(t, rest, false);
    }
    block_end(t);
}

static void add_fields(struct twin *t, const json_t *card)
{
    const json_t *fields = json_object_get(card, "fields");
    for (size_t i = 0; i < json_array_size(fields) && i < FIELDS_MAX; i++) {
        const json_t *f = json_array_get(fields, i);
        AUTO_STR label = str_fmt("%s:", json_str(f, "label", ""));
        line(t);
        styled(t, "b", label);
        both(t, " ", true);
        both(t, json_str(f, "value", ""), true);
    }
    block_end(t);
}

static void add_paragraphs(struct twin *t, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list) && i < PARAGRAPHS_MAX; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (!text || !*text)
            continue;
        line(t);
        both(t, text, false);
        block_end(t);
    }
}

static bool same_origin(const json_t *a, const json_t *b)
{
    return str_eq(json_str(a, "source", ""), json_str(b, "source", "")) && json_i64(a, "as_of_ms", 0) == json_i64(b, "as_of_ms", 0) &&
           json_flag(a, "stale", false) == json_flag(b, "stale", false);
}

static bool seen_before(const json_t *facts, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (same_origin(json_array_get(facts, j), json_array_get(facts, i)))
            return true;
    return false;
}

/* "stripe, Tue 5 Jan 2027 09:00 UTC: unpaid $48,200.00 · attempts 2": all facts of one reading in a line. */
static void add_facts(struct twin *t, const json_t *card)
{
    const json_t *facts = json_object_get(card, "facts");
    size_t n = json_array_size(facts) < FACTS_MAX ? json_array_size(facts) : FACTS_MAX;
    for (size_t i = 0; i < n; i++) {
        const json_t *head = json_array_get(facts, i);
        if (seen_before(facts, i))
            continue;
        AUTO_STR origin = str_fmt("%s%s, {ms:%lld}:", json_flag(head, "stale", false) ? "\xE2\x9A\xA0 STALE " : "", json_str(head, "source", "?"),
                                  (long long)json_i64(head, "as_of_ms", 0));
        line(t);
        styled(t, "i", origin);
        for (size_t j = i; j < n; j++) {
            const json_t *f = json_array_get(facts, j);
            if (!same_origin(head, f))
                continue;
            AUTO_STR said = str_fmt("%s%s %s", j > i ? " \xC2\xB7 " : " ", json_str(f, "name", ""), json_str(f, "value", ""));
            both(t, said, true);
        }
    }
    block_end(t);
}

static const char *reaction_of(const char *id)
{
    return str_eq(id, "approve") ? "\xE2\x9C\x85" : str_eq(id, "decline") ? "\xE2\x9D\x8C" : NULL;
}

static void add_actions(struct twin *t, const json_t *list, bool one_tap)
{
    for (size_t i = 0; i < json_array_size(list) && i < ACTIONS_MAX; i++) {
        const json_t *a = json_array_get(list, i);
        const char *reaction = one_tap ? reaction_of(json_str(a, "id", "")) : NULL;
        AUTO_STR label = str_fmt("%s: %s%s%s", json_str(a, "label", ""), reaction ? "tap " : "", reaction ? reaction : "",
                                 reaction ? " below, or write " : "");
        AUTO_STR command = str_fmt("!dunwell %s", json_str(a, "command", "help"));
        line(t);
        both(t, label, true);
        styled(t, "code", command);
    }
}

static json_t *finish(struct twin *t, const char *msgtype)
{
    json_t *content = json_object();
    block_end(t);
    AUTO_STR plain = matrix_text_take(&t->plain);
    AUTO_STR html = matrix_text_take(&t->html);
    json_put(content, "msgtype", msgtype);
    json_put(content, "body", plain ? plain : "");
    json_put(content, "format", "org.matrix.custom.html");
    json_put(content, "formatted_body", html ? html : "");
    json_put_new(content, "m.mentions", json_object());
    return content;
}

/* {"id": "A-17", "rev": 1, "sha256": of the card as it was given to us} */
static json_t *card_mark(const json_t *card)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    char hex[2 * EVP_MAX_MD_SIZE + 1];
    AUTO_STR text = json_text(card);
    const char *at = strchr(json_str(card, "actions.0.value", ""), '@');
    int ok = EVP_Digest(text, strlen(text), sum, &n, EVP_sha256(), NULL);
    assert(ok == 1);
    (void)ok;
    for (unsigned int i = 0; i < n; i++) {
        hex[2 * i] = digits[sum[i] >> 4];
        hex[2 * i + 1] = digits[sum[i] & 15];
    }
    hex[2 * n] = '\0';
    json_t *mark = json_object();
    json_put(mark, "id", json_str(card, "ref", ""));
    json_put_i64(mark, "rev", at ? (int64_t)strtoll(at + 1, NULL, 10) : 0);
    json_put(mark, "sha256", hex);
    return mark;
}

static json_t *card_content(const json_t *card)
{
    struct twin t;
    bool one_tap = json_flag(card, "one_tap", false);
    const char *mention = json_str(card, "mention", ""), *footer = json_str(card, "footer", "");
    twin_init(&t);
    add_head(&t, card);
    add_fields(&t, card);
    add_paragraphs(&t, json_object_get(card, "paragraphs"));
    add_facts(&t, card);
    add_actions(&t, json_object_get(card, "actions"), one_tap);
    add_actions(&t, json_object_get(card, "more"), false);
    block_end(&t);
    if (*footer) {
        line(&t);
        styled(&t, "i", footer);
    }
    json_t *content = finish(&t, "m.text");
    if (matrix_is_person(mention))
        json_put_new(content, "m.mentions", json_pack("{s:[s]}", "user_ids", mention));
    json_put_new(content, "io.dunwell.card", card_mark(card));
    return content;
}

static json_t *text_content(const char *text, bool notice)
{
    struct twin t;
    twin_init(&t);
    line(&t);
    both(&t, text && *text ? text : "\xE2\x80\x93", false);
    json_t *content = finish(&t, notice ? "m.notice" : "m.text");
    json_object_del(content, "format"); /* nothing in it is formatted */
    json_object_del(content, "formatted_body");
    return content;
}

json_t *matrix_form_content(const json_t *form)
{
    struct twin t;
    const json_t *inputs = json_object_get(form, "inputs");
    const char *id = json_str(form, "id", ""), *ref = json_str(form, "ref", "");
    AUTO_STR command = str_fmt("!dunwell help %s", id);
    AUTO_STR about = str_fmt("%s%s%.*s", json_str(form, "title", ""), *ref ? " " : "", (int)strcspn(ref, "@"), ref);
    twin_init(&t);
    line(&t);
    styled(&t, "b", about);
    block_end(&t);
    add_paragraphs(&t, json_object_get(form, "notes"));
    for (size_t i = 0; i < json_array_size(inputs) && i < INPUTS_MAX; i++) {
        const json_t *input = json_array_get(inputs, i), *options = json_object_get(input, "options");
        AUTO_STR label = str_fmt("%s: ", json_str(input, "label", ""));
        line(&t);
        styled(&t, "b", label);
        both(&t, json_str(input, "value", ""), true);
        for (size_t j = 0; j < json_array_size(options) && j < OPTIONS_MAX; j++) {
            both(&t, j ? ", " : " \xE2\x80\x93 ", true);
            both(&t, json_str(json_array_get(options, j), "label", ""), true);
        }
    }
    block_end(&t);
    line(&t);
    both(&t, "Matrix has no forms. How to write it: ", true);
    styled(&t, "code", command);
    return finish(&t, "m.text");
}

json_t *matrix_content(const struct job *job)
{
    const json_t *card = json_object_get(job->args, "card"), *form = json_object_get(job->args, "form");
    json_t *content = json_is_object(card)   ? card_content(card)
                      : json_is_object(form) ? matrix_form_content(form)
                                             : text_content(json_str(job->args, "text", ""), str_eq(job->op, "post"));
    json_put(content, "io.dunwell.key", job->key);
    return content;
}

json_t *matrix_edit(const struct job *job)
{
    json_t *inner = matrix_content(job), *content = json_object();
    AUTO_STR body = str_fmt("* %s", json_str(inner, "body", ""));
    json_put(content, "msgtype", json_str(inner, "msgtype", "m.text"));
    json_put(content, "body", body);
    json_put_new(content, "m.mentions", json_object());
    json_put(content, "io.dunwell.key", job->key);
    json_object_del(inner, "io.dunwell.key");
    json_put_new(content, "m.new_content", inner);
    json_put_new(content, "m.relates_to", json_pack("{s:s, s:s}", "rel_type", "m.replace", "event_id", json_str(job->args, "message", "")));
    return content;
}
