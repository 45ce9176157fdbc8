/* Cards as plain text in a box.
 *
 * What stands on a card comes from outside, and a terminal obeys control characters: so nothing reaches it that was
 * not cleaned, character by character, by console_clean. Width is counted in columns (wide and combining characters
 * are not one column each), because a box with a ragged edge is the first thing a newcomer sees. A card is first a
 * list of logical lines; the same list, compared with the one shown before, tells what an update changed. */
#include "adapters/chat/console.h"

#include <stdio.h>
#include <string.h>
#include <unictype.h>
#include <uniwidth.h>

#include "engine/when.h"

#define INNER (CONSOLE_WIDTH - 4) /* without "| " and " |" */
#define LEAST 56
#define LABEL_MOST 48
#define REPLACEMENT "\xEF\xBF\xBD"
#define MAX_TEXT (64u << 10)

/* ---- characters ---- */

static ucs4_t code_at(const char *p, size_t n)
{
    const unsigned char *u = (const unsigned char *)p;
    if (n == 1)
        return u[0];
    if (n == 2)
        return (ucs4_t)((u[0] & 0x1Fu) << 6 | (u[1] & 0x3Fu));
    if (n == 3)
        return (ucs4_t)((u[0] & 0x0Fu) << 12 | (u[1] & 0x3Fu) << 6 | (u[2] & 0x3Fu));
    return (ucs4_t)((u[0] & 0x07u) << 18 | (u[1] & 0x3Fu) << 12 | (u[2] & 0x3Fu) << 6 | (u[3] & 0x3Fu));
}

/* Controls, unassigned and private characters, surrogates, and format characters that turn the reading order around.
 */
static bool harmful(ucs4_t c)
{
    const uint32_t kinds = UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf | UC_CATEGORY_MASK_Cn | UC_CATEGORY_MASK_Co | UC_CATEGORY_MASK_Cs |
                           UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp;
    return uc_is_general_category_withtable(c, kinds);
}

static int columns_of(ucs4_t c)
{
    if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Mn | UC_CATEGORY_MASK_Me))
        return 0;
    return uc_width(c, "UTF-8") == 2 ? 2 : 1;
}

int console_columns(const char *clean, size_t n)
{
    int columns = 0;
    for (size_t i = 0, step; i < n; i += step) {
        step = utf8_length(clean + i, n - i);
        if (step)
            columns += columns_of(code_at(clean + i, step));
        else
            step = 1;
    }
    return columns;
}

/* "{ms:1793...}" or "{ago:1793...}" at p: adds what it means and returns its length; 0 when there is none. */
static size_t add_token(struct buf *out, const char *p, int64_t now_ms)
{
    char kind[4], text[WHEN_TEXT_SIZE];
    long long at_ms;
    int n = 0;
    if (sscanf(p, "{%3[a-z]:%15lld}%n", kind, &at_ms, &n) != 2 || n == 0)
        return 0;
    if (strcmp(kind, "ms") == 0)
        buf_adds(out, when_text(text, at_ms, "UTC"));
    else if (strcmp(kind, "ago") == 0 && at_ms > now_ms)
        buf_addf(out, "in %s", when_age(text, at_ms - now_ms));
    else if (strcmp(kind, "ago") == 0)
        buf_adds(out, when_ago(text, now_ms - at_ms));
    else
        return 0;
    return (size_t)n;
}

char *console_clean(const char *text, int64_t now_ms)
{
    AUTO_BUF out = BUF(MAX_TEXT);
    size_t left = strlen(text), n;
    for (const char *p = text; left > 0; p += n, left -= n) {
        n = *p == '{' ? add_token(&out, p, now_ms) : 0;
        if (n)
            continue;
        n = utf8_length(p, left);
        if (*p == '\n')
            buf_addc(&out, '\n');
        else if (*p == '\t' || *p == '\r')
            buf_addc(&out, ' ');
        else if (n == 0 || harmful(code_at(p, n)))
            buf_adds(&out, REPLACEMENT);
        else
            buf_add(&out, p, n);
        n = n ? n : 1;
    }
    return str_dup(buf_text(&out));
}

/* ---- lines ---- */

void console_lines_add(struct console_lines *l, enum console_style style, int indent, const char *key,
                       char *take_text)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 16;
        l->list = mem_grow(l->list, l->cap * sizeof *l->list);
    }
    l->list[l->n++] = (struct console_line){str_dup(key ? key : take_text), take_text, style, indent};
}

void console_lines_fini(struct console_lines *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->list[i].key);
        free(l->list[i].text);
    }
    free(l->list);
    *l = (struct console_lines){.list = NULL};
}

const char *console_card_ref(const json_t *card, char out[32])
{
    const char *value = json_str(card, "ref", json_str(card, "actions.0.value", json_str(card, "more.0.value", "")));
    str_copy(out, 32, value);
    out[strcspn(out, "@")] = '\0';
    return out;
}

static void add_title(struct console_lines *l, const json_t *card)
{
    static const struct {
        const char *severity, *mark;
        enum console_style style;
    } marks[] = {{"alert", "\xE2\x96\xB2", CONSOLE_ALERT},
                 {"warn", "!", CONSOLE_ALERT},
                 {"good", "\xE2\x9C\x93", CONSOLE_TITLE}};
    const char *severity = json_str(card, "severity", "info"), *mark = "\xE2\x80\xA2",
               *tag = json_str(card, "tag", "");
    enum console_style style = CONSOLE_TITLE;
    for (size_t i = 0; i < DW_ARRAY_LEN(marks); i++)
        if (str_eq(marks[i].severity, severity)) {
            mark = marks[i].mark;
            style = marks[i].style;
        }
    console_lines_add(
        l, style, 2, NULL,
        str_fmt("%s %s%s%s%s", mark, *tag ? "[" : "", tag, *tag ? "] " : "", json_str(card, "title", "(untitled)")));
    if (*json_str(card, "mention", ""))
        console_lines_add(l, CONSOLE_PLAIN, 0, NULL, str_fmt("@%s", json_str(card, "mention", "")));
}

static int label_width(const json_t *list, const char *label)
{
    int widest = 0;
    size_t i;
    json_t *one;
    json_array_foreach (list, i, one) {
        AUTO_STR clean = console_clean(json_str(one, label, ""), 0);
        int n = console_columns(clean, strlen(clean));
        widest = n > widest ? n : widest;
    }
    return widest < LABEL_MOST ? widest : LABEL_MOST;
}

/* "Label     value", the values in one column. */
static char *labelled(const char *label, int width, const char *value)
{
    AUTO_STR clean = console_clean(label, 0);
    int pad = width - console_columns(clean, strlen(clean));
    return str_fmt("%s%*s  %s", label, pad > 0 ? pad : 0, "", value);
}

/* An empty line before a block that is not empty. */
static void add_gap(struct console_lines *l, const json_t *list)
{
    if (l->n && json_array_size(list))
        console_lines_add(l, CONSOLE_PLAIN, 0, NULL, str_dup(""));
}

static void add_fields(struct console_lines *l, const json_t *card)
{
    const json_t *fields = json_object_get(card, "fields");
    int width = label_width(fields, "label");
    size_t i;
    json_t *f;
    add_gap(l, fields);
    json_array_foreach (fields, i, f)
        console_lines_add(l, CONSOLE_PLAIN, width + 2, NULL,
                          labelled(json_str(f, "label", ""), width, json_str(f, "value", "")));
}

static bool same_origin(const json_t *a, const json_t *b)
{
    return str_eq(json_str(a, "source", "?"), json_str(b, "source", "?")) &&
           json_i64(a, "as_of_ms", 0) == json_i64(b, "as_of_ms", 0) &&
           json_flag(a, "stale", false) == json_flag(b, "stale", false);
}

/* "Unpaid $48,200.00 · Payment attempts 2  (stripe, 2 min ago)": all facts of one reading, its source and age once.
 * Empty when an earlier fact has said it. */
static char *facts_of_one_origin(const json_t *facts, size_t first)
{
    const json_t *head = json_array_get(facts, first);
    AUTO_BUF out = BUF(MAX_TEXT);
    for (size_t i = 0; i < first; i++)
        if (same_origin(json_array_get(facts, i), head))
            return str_dup("");
    for (size_t i = first; i < json_array_size(facts); i++) {
        const json_t *f = json_array_get(facts, i);
        if (same_origin(f, head))
            buf_addf(&out, "%s%s %s", i > first ? " \xC2\xB7 " : "", json_str(f, "name", ""), json_str(f, "value", ""));
    }
    return str_dup(buf_text(&out));
}

static void add_facts(struct console_lines *l, const json_t *card)
{
    const json_t *facts = json_object_get(card, "facts");
    size_t i;
    json_t *f;
    add_gap(l, facts);
    json_array_foreach (facts, i, f) {
        AUTO_STR key = facts_of_one_origin(facts, i);
        if (!*key)
            continue;
        char *text = str_fmt("%s  (%s, {ago:%lld}%s)", key, json_str(f, "source", "?"),
                             (long long)json_i64(f, "as_of_ms", 0), json_flag(f, "stale", false) ? ", STALE" : "");
        console_lines_add(l, CONSOLE_DIM, 2, key, text);
    }
}

static void add_actions(struct console_lines *l, const json_t *actions, int width)
{
    size_t i;
    json_t *a;
    json_array_foreach (actions, i, a) {
        AUTO_STR label = labelled(json_str(a, "label", ""), width, "");
        console_lines_add(l, CONSOLE_ACTION, width + 9, NULL,
                          str_fmt("\xE2\x80\xBA %stype: %s", label, json_str(a, "command", "-")));
    }
}

/* Each line of a text is a line of the card, so that a change of one does not show the others again. */
static void add_paragraphs(struct console_lines *l, const json_t *card)
{
    size_t i;
    json_t *paragraph;
    json_array_foreach (json_object_get(card, "paragraphs"), i, paragraph) {
        const char *text = json_is_string(paragraph) ? json_string_value(paragraph) : "";
        for (size_t n; *text; text += n + (text[n] == '\n')) {
            n = strcspn(text, "\n");
            console_lines_add(l, CONSOLE_PLAIN, 0, NULL, str_ndup(text, n));
        }
    }
}

void console_lines_of_card(struct console_lines *l, const json_t *card)
{
    const json_t *actions = json_object_get(card, "actions"), *more = json_object_get(card, "more");
    int width = label_width(actions, "label"), wide = label_width(more, "label");
    add_title(l, card);
    add_paragraphs(l, card);
    add_fields(l, card);
    add_facts(l, card);
    add_gap(l, actions);
    add_actions(l, actions, wide > width ? wide : width);
    add_actions(l, more, wide > width ? wide : width);
    if (*json_str(card, "footer", ""))
        console_lines_add(l, CONSOLE_DIM, 0, NULL, str_dup(json_str(card, "footer", "")));
}

static void add_commands(struct buf *out, const json_t *actions)
{
    size_t i;
    json_t *a;
    json_array_foreach (actions, i, a)
        buf_addf(out, "%s%s", out->n ? " \xC2\xB7 " : "\xE2\x80\xBA type: ", json_str(a, "command", "-"));
}

void console_lines_of_commands(struct console_lines *l, const json_t *card)
{
    AUTO_BUF out = BUF(MAX_TEXT);
    add_commands(&out, json_object_get(card, "actions"));
    add_commands(&out, json_object_get(card, "more"));
    if (out.n)
        console_lines_add(l, CONSOLE_ACTION, 2, NULL, str_dup(buf_text(&out)));
}

/* ---- boxes ---- */

struct page {
    struct buf rows; /* cleaned and broken, each "S" (the style's digit), the text, '\n' */
    int widest;
};

static void page_row(struct page *p, enum console_style style, int indent, const char *text, size_t n)
{
    int columns = indent + console_columns(text, n);
    buf_addf(&p->rows, "%d%*s", (int)style, indent, "");
    buf_add(&p->rows, text, n);
    buf_addc(&p->rows, '\n');
    p->widest = columns > p->widest ? columns : p->widest;
}

/* How many bytes of one line of text fit into `room` columns: to the last blank if there is one, else as many as fit.
 */
static size_t bytes_that_fit(const char *text, size_t n, int room)
{
    size_t at = 0, blank = 0;
    int used = 0;
    while (at < n) {
        size_t step = utf8_length(text + at, n - at);
        step = step ? step : 1;
        used += console_columns(text + at, step);
        if (used > room && at > 0)
            return blank ? blank : at;
        at += step;
        if (at < n && text[at] == ' ')
            blank = at;
    }
    return n;
}

static void page_line(struct page *p, const struct console_line *line, const char *text, size_t n)
{
    int indent = 0, hanging = line->indent < INNER / 2 ? line->indent : INNER / 2;
    do {
        size_t fit = bytes_that_fit(text, n, INNER - indent);
        page_row(p, line->style, indent, text, fit);
        text += fit;
        n -= fit;
        while (n > 0 && *text == ' ') {
            text++;
            n--;
        }
        indent = hanging;
    } while (n > 0);
}

static void page_make(struct page *p, const struct console_lines *l, int64_t now_ms)
{
    for (size_t i = 0; i < l->n; i++) {
        AUTO_STR clean = console_clean(l->list[i].text, now_ms);
        for (const char *text = clean;; text++) {
            size_t n = strcspn(text, "\n");
            page_line(p, &l->list[i], text, n);
            text += n;
            if (!*text || !text[1])
                break;
        }
    }
}

static void repeat(struct buf *out, const char *text, int times)
{
    for (int i = 0; i < times; i++)
        buf_adds(out, text);
}

static const char *colour_of(char style, bool colour)
{
    static const char *const colours[] = {"", "\033[1m", "\033[2m", "\033[36m", "\033[1;33m"};
    return colour ? colours[style - '0'] : "";
}

static void box_row(struct buf *out, const char *row, size_t n, int width, bool colour)
{
    const char *on = colour_of(*row, colour);
    int pad = width - console_columns(row + 1, n - 1);
    buf_adds(out, width ? "\xE2\x94\x82 " : "    ");
    buf_adds(out, on);
    buf_add(out, row + 1, n - 1);
    buf_adds(out, *on ? "\033[0m" : "");
    if (width) {
        repeat(out, " ", pad);
        buf_adds(out, " \xE2\x94\x82");
    }
    buf_addc(out, '\n');
}

static char *heading_that_fits(const char *heading, int64_t now_ms)
{
    char *clean = console_clean(heading, now_ms);
    clean[strcspn(clean, "\n")] = '\0';
    size_t n = strlen(clean), fit = bytes_that_fit(clean, n, INNER - 4);
    clean[fit] = '\0';
    return clean;
}

void console_box(struct buf *out, const char *heading, const struct console_lines *l, int64_t now_ms, bool colour)
{
    struct page page = {.rows = BUF(4 * MAX_TEXT), .widest = LEAST};
    AUTO_STR title = heading ? heading_that_fits(heading, now_ms) : NULL;
    int head = title ? console_columns(title, strlen(title)) : 0;
    page_make(&page, l, now_ms);
    int width = heading ? (page.widest > head + 3 ? page.widest : head + 3) : 0;
    if (heading) {
        buf_addf(out, "\xE2\x95\xAD\xE2\x94\x80 %s ", title);
        repeat(out, "\xE2\x94\x80", width - head - 1);
        buf_adds(out, "\xE2\x95\xAE\n");
    }
    for (const char *row = buf_text(&page.rows); *row;) {
        size_t n = strcspn(row, "\n");
        box_row(out, row, n, width, colour);
        row += n + 1;
    }
    if (heading) {
        buf_adds(out, "\xE2\x95\xB0");
        repeat(out, "\xE2\x94\x80", width + 2);
        buf_adds(out, "\xE2\x95\xAF\n");
    }
    buf_fini(&page.rows);
}
