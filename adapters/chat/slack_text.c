/* Text for Slack, and text from Slack.
 *
 * Nearly every word on a card comes from outside: customer names, invoice memos, what a colleague typed as a reason.
 * Slack's markup gives such words power - <!channel> calls everybody, a backtick swallows the rest of a paragraph -
 * so there are two ways out of here and no third: plain_text objects, in which nothing has a meaning, and mrkdwn in
 * which & < > are escaped and the characters that style text are replaced by ones that look alike. mrkdwn is used
 * only where a moment must be shown in the reader's own time zone, or where our own label stands in bold.
 *
 * A text is built atom by atom - a character, an entity, a whole date - and an atom that does not fit ends it, so no
 * cut ever leaves half an entity behind. */
#include "adapters/chat/slack.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "adapters/chat/text.h"
#include "engine/when.h"

#define ELLIPSIS "\xE2\x80\xA6"
#define DASH "\xE2\x80\x93"
#define REPLACEMENT "\xEF\xBF\xBD"
enum { TEXT_BYTES_MAX = 64 << 10 };

void slack_text_init(struct slack_text *t, size_t limit)
{
    *t = (struct slack_text){.limit = limit};
    buf_init(&t->out, TEXT_BYTES_MAX);
}

/* Adds one indivisible piece, or ends the text. */
static void atom(struct slack_text *t, const char *p, size_t n, size_t units)
{
    if (t->full)
        return;
    if (t->units + units > t->limit) {
        t->full = true;
        t->out.n = t->safe;
        buf_adds(&t->out, ELLIPSIS);
        return;
    }
    buf_add(&t->out, p, n);
    t->units += units;
    if (t->units < t->limit)
        t->safe = t->out.n;
}

static void atoms(struct slack_text *t, const char *text, size_t units)
{
    atom(t, text, strlen(text), units);
}

void slack_text_raw(struct slack_text *t, const char *ascii)
{
    atoms(t, ascii, strlen(ascii));
}

bool slack_is_blank(const char *text)
{
    return !text || text[strspn(text, " \t\r\n")] == '\0';
}

bool slack_has_moment(const char *text)
{
    int64_t at;
    bool ago;
    for (const char *p = text ? strchr(text, '{') : NULL; p; p = strchr(p + 1, '{'))
        if (chat_moment(p, &at, &ago))
            return true;
    return false;
}

static void add_moment(struct slack_text *t, int64_t at_ms, bool ago, bool live)
{
    char day[WHEN_TEXT_SIZE], text[160];
    when_text(day, at_ms, "UTC");
    if (live)
        snprintf(text, sizeof text, "<!date^%" PRId64 "^%s|%s>", at_ms / 1000,
                 ago ? "{ago}" : "{date_short_pretty} {time}", day);
    else
        snprintf(text, sizeof text, "%s", day);
    atoms(t, text, strlen(text));
    t->visible = true;
}

static bool wordish(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

enum style { STYLE_PLAIN, STYLE_ESCAPED, STYLE_MARKUP };

/* What stands for an ASCII character in this style; NULL: itself. `before` and `after` are its neighbours. */
static const char *replaced(char c, enum style style, char before, char after)
{
    if (style == STYLE_PLAIN)
        return NULL;
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    default:
        break;
    }
    if (style != STYLE_MARKUP)
        return NULL;
    switch (c) {
    case '*':
        return "\xE2\x88\x97";
    case '`':
        return "\xCB\x8B";
    case '~':
        return "\xE2\x88\xBC";
    case '_': /* inside a word it styles nothing, and ids must stay as they are */
        return wordish(before) && wordish(after) ? NULL : "\xCB\x8D";
    default:
        return NULL;
    }
}

static void add_character(struct slack_text *t, const char *p, size_t n, enum style style, bool one_line, char before)
{
    unsigned char c = (unsigned char)*p;
    if (n == 0 || chat_deceives(p, n)) {
        atoms(t, REPLACEMENT, 1);
    } else if (n > 1) {
        atom(t, p, n, n == 4 ? 2 : 1);
        t->visible = true;
    } else if (c == '\n' && !one_line) {
        atoms(t, "\n", 1);
    } else if (c < 0x20 || c == 0x7F) {
        atoms(t, " ", 1);
    } else {
        const char *other = replaced(*p, style, before, p[1]);
        if (other)
            atoms(t, other, *other == '&' ? strlen(other) : 1);
        else
            atom(t, p, 1, 1);
        t->visible |= c != ' ';
    }
}

static void add(struct slack_text *t, const char *text, enum style style, bool one_line)
{
    size_t left = text ? strlen(text) : 0;
    char before = ' ';
    while (left > 0 && !t->full) {
        int64_t at;
        bool ago;
        size_t n = *text == '{' ? chat_moment(text, &at, &ago) : 0;
        if (n) {
            add_moment(t, at, ago, style == STYLE_MARKUP);
        } else {
            n = utf8_length(text, left);
            add_character(t, text, n, style, one_line, before);
            n = n ? n : 1;
        }
        before = text[n - 1];
        text += n;
        left -= n;
    }
}

void slack_text_plain(struct slack_text *t, const char *text, bool one_line)
{
    add(t, text, STYLE_PLAIN, one_line);
}

void slack_text_markup(struct slack_text *t, const char *text)
{
    add(t, text, STYLE_MARKUP, false);
}

void slack_text_escaped(struct slack_text *t, const char *text)
{
    add(t, text, STYLE_ESCAPED, true);
}

char *slack_text_take(struct slack_text *t)
{
    if (!t->visible) {
        buf_clear(&t->out);
        buf_adds(&t->out, DASH);
    }
    return buf_take(&t->out);
}

static json_t *text_object(const char *type, struct slack_text *take)
{
    AUTO_STR text = slack_text_take(take);
    json_t *o = json_object();
    json_put(o, "type", type);
    json_put(o, "text", text);
    return o;
}

json_t *slack_plain(const char *text, size_t limit)
{
    struct slack_text t;
    slack_text_init(&t, limit);
    slack_text_plain(&t, text, true);
    return text_object("plain_text", &t);
}

json_t *slack_mrkdwn(struct slack_text *take)
{
    json_t *o = text_object("mrkdwn", take);
    json_put_new(o, "verbatim", json_true()); /* no names or addresses turned into links */
    return o;
}

json_t *slack_object(const char *text, size_t limit)
{
    struct slack_text t;
    slack_text_init(&t, limit);
    if (slack_has_moment(text)) {
        slack_text_markup(&t, text);
        return slack_mrkdwn(&t);
    }
    slack_text_plain(&t, text, false);
    return text_object("plain_text", &t);
}

/* Slack escapes these three and no others: how many bytes of `p` stand for *c. */
static size_t entity_at(const char *p, char *c)
{
    static const struct {
        const char *entity;
        char c;
    } entities[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}};
    for (size_t i = 0; i < DW_ARRAY_LEN(entities); i++)
        if (strncmp(p, entities[i].entity, strlen(entities[i].entity)) == 0) {
            *c = entities[i].c;
            return strlen(entities[i].entity);
        }
    *c = *p;
    return 1;
}

/* n bytes, entities taken out, to `to`, which may be before them in the same text. Returns the new end. */
static char *unescape_plain(char *to, const char *text, size_t n)
{
    for (const char *end = text + n; text < end; to++)
        text += entity_at(text, to);
    return to;
}

/* What stands for "<...>" (inner, n bytes), written to `to`, which is never longer. Returns the new end. */
static char *unescape_reference(char *to, const char *inner, size_t n)
{
    const char *bar = memchr(inner, '|', n);
    const char *label = bar ? bar + 1 : NULL;
    size_t n_id = bar ? (size_t)(bar - inner) : n, n_label = bar ? n - n_id - 1 : 0;
    const char *take = inner;
    size_t n_take = n_id;
    if (*inner == '@') {
        take++, n_take--;
    } else if (*inner == '#') {
        *to++ = '#';
        take = n_label ? label : inner + 1;
        n_take = n_label ? n_label : n_id - 1;
    } else if (*inner == '!') {
        take = n_label ? label : inner + 1;
        n_take = n_label ? n_label : n_id - 1;
    } else if (n_label && strncmp(inner, "mailto:", 7) == 0) {
        take = label, n_take = n_label;
    }
    return unescape_plain(to, take, n_take);
}

void slack_unescape(char *text)
{
    if (!strpbrk(text, "<&"))
        return; /* as most that people type */
    char *to = text;
    const char *p = text, *last = strrchr(text, '>');
    while (*p) {
        const char *end =
            *p == '<' && p < last ? strchr(p, '>') : NULL; /* asked only when there is one: stays linear */
        if (end && end > p + 1) {
            size_t n = (size_t)(end - p - 1);
            const char *inner = p + 1;
            p = end + 1;
            to = unescape_reference(to, inner, n);
            continue;
        }
        p += entity_at(p, to++);
    }
    *to = '\0';
}
