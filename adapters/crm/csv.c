/* RFC 4180, with what spreadsheets really write: a byte order mark, any of the three line ends, line breaks inside
 * quotes.
 *
 * The danger of this format is one stray quote, which turns the rest of the file into one field. So a record is
 * bounded, and a bad record ends at the end of its first line: reading goes on with the line below it. */
#include "adapters/crm/csv.h"

#include <string.h>

#define NUL_PROBLEM "the row holds a NUL byte; save the file as UTF-8"

void csv_init(struct csv *c, struct span text)
{
    *c = (struct csv){.text = text, .line = 1};
    buf_init(&c->bytes, CSV_RECORD_MAX);
    if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
        c->at = 3;
}

void csv_fini(struct csv *c)
{
    buf_fini(&c->bytes);
}

/* The character at the reading point, -1 at the end. */
static int peek(const struct csv *c)
{
    return c->at < c->text.n ? (unsigned char)c->text.p[c->at] : -1;
}

static bool at_line_end(const struct csv *c)
{
    int ch = peek(c);
    return ch == -1 || ch == '\n' || ch == '\r';
}

static void skip_line_end(struct csv *c)
{
    if (peek(c) == '\r')
        c->at++;
    else if (peek(c) == '\n') {
        c->at++;
        c->line++;
        return;
    } else
        return;
    if (peek(c) == '\n')
        c->at++;
    c->line++;
}

/* Copies one character of a quoted field and counts the lines it spans. */
static void take_quoted(struct csv *c)
{
    char ch = c->text.p[c->at++];
    buf_addc(&c->bytes, ch);
    c->line += ch == '\n' || (ch == '\r' && peek(c) != '\n');
}

static const char *read_quoted(struct csv *c)
{
    c->at++;
    for (;;) {
        if (peek(c) == -1)
            return "a quoted field does not end; close it with \" or write \"\" for a quote inside it";
        if (c->bytes.over)
            return "the row is longer than 64 KiB; a quote may be missing";
        if (peek(c) == '\0')
            return NUL_PROBLEM;
        if (peek(c) != '"') {
            take_quoted(c);
            continue;
        }
        c->at++;
        if (peek(c) != '"')
            break;
        take_quoted(c);
    }
    if (peek(c) != ',' && !at_line_end(c))
        return "there is text after a closing quote; write \"\" for a quote inside a quoted field";
    return NULL;
}

static const char *read_plain(struct csv *c)
{
    for (; peek(c) != ',' && !at_line_end(c); c->at++) {
        if (peek(c) == '\0')
            return NUL_PROBLEM;
        if (peek(c) == '"')
            return "there is a quote inside a field without quotes; quote the whole field and double the quotes in "
                   "it";
        buf_addc(&c->bytes, c->text.p[c->at]);
    }
    return c->bytes.over ? "the row is longer than 64 KiB" : NULL;
}

static const char *read_record(struct csv *c)
{
    size_t starts[CSV_FIELDS_MAX];
    for (c->n = 0;;) {
        if (c->n == CSV_FIELDS_MAX)
            return "the row has more than 128 fields";
        starts[c->n++] = c->bytes.n;
        const char *problem = peek(c) == '"' ? read_quoted(c) : read_plain(c);
        if (problem)
            return problem;
        buf_addc(&c->bytes, '\0');
        if (peek(c) != ',')
            break;
        c->at++;
    }
    if (c->bytes.over)
        return "the row is longer than 64 KiB";
    skip_line_end(c);
    for (size_t i = 0; i < c->n; i++)
        c->fields[i] = c->bytes.p + starts[i];
    return NULL;
}

enum csv_result csv_next(struct csv *c, const char **problem)
{
    while (c->at < c->text.n && at_line_end(c))
        skip_line_end(c);
    if (c->at >= c->text.n)
        return CSV_END;
    size_t start = c->at;
    c->record_line = c->line;
    buf_clear(&c->bytes);
    *problem = read_record(c);
    if (!*problem)
        return CSV_RECORD;
    c->at = start;
    c->line = c->record_line;
    while (!at_line_end(c))
        c->at++;
    skip_line_end(c);
    return CSV_BAD;
}
