/* JSON from a homeserver, which carries what strangers wrote.
 *
 * One message with \u0000 in it, half a surrogate pair or a number of a thousand digits makes a whole answer unreadable to a strict
 * parser, and the same answer comes again for ever: one person could stop everybody's commands. So what does not parse is read a
 * second time with such bytes made harmless, and a third time piece by piece: whatever still cannot be read becomes null and is
 * counted, down to a depth the caller gives. Above that depth stand only lists and maps of the server's own; at it an event
 * is lost whole, because half an event may say something else than was written (an edit without its "this is an edit").
 * Duplicate keys keep the last value. Nothing else is promised of what comes out: callers look at the type of every field. */
#include "adapters/chat/matrix.h"

#include <string.h>

enum { NUMBER_MAX = 18 };
#define REPLACEMENT "\\ufffd"

static json_t *parse(struct span text)
{
    return json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL);
}

static int hex4(const char *p, const char *end)
{
    int value = 0;
    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static int escaped_unit(const char *p, const char *end)
{
    return end - p >= 6 && p[0] == '\\' && p[1] == 'u' ? hex4(p + 2, end) : -1;
}

/* One escape at p, copied or replaced; how many bytes it was. */
static size_t clean_escape(struct buf *out, const char *p, const char *end)
{
    int unit = escaped_unit(p, end);
    if (end - p < 2)
        return 1;
    if (p[1] != 'u') {
        bool known = strchr("\"\\/bfnrt", p[1]) != NULL && p[1];
        buf_add(out, known ? p : REPLACEMENT, known ? 2 : strlen(REPLACEMENT));
        return 2;
    }
    int next = unit >= 0xD800 && unit <= 0xDBFF ? escaped_unit(p + 6, end) : -1;
    bool pair = next >= 0xDC00 && next <= 0xDFFF;
    if (pair)
        buf_add(out, p, 12);
    else if (unit <= 0 || (unit >= 0xD800 && unit <= 0xDFFF))
        buf_adds(out, REPLACEMENT);
    else
        buf_add(out, p, 6);
    return pair ? 12 : unit < 0 ? 2 : 6;
}

/* The string that begins at p; the end of it. */
static const char *clean_string(struct buf *out, const char *p, const char *end)
{
    buf_addc(out, '"');
    for (p++; p < end && *p != '"';) {
        size_t n = utf8_length(p, (size_t)(end - p));
        if (*p == '\\') {
            p += clean_escape(out, p, end);
        } else if (n == 0 || (unsigned char)*p < 0x20) {
            buf_adds(out, REPLACEMENT);
            p++;
        } else {
            buf_add(out, p, n);
            p += n;
        }
    }
    if (p < end)
        buf_addc(out, '"');
    return p < end ? p + 1 : end;
}

static void clean(struct buf *out, struct span text)
{
    const char *end = text.p + text.n;
    for (const char *p = text.p; p < end;) {
        size_t n = 0;
        while (p + n < end && p[n] && strchr("0123456789+-.eE", p[n]))
            n++;
        bool number = n > 0 && *p != 'e' && *p != 'E';
        if (*p == '"') {
            p = clean_string(out, p, end);
        } else if (number && (n > NUMBER_MAX || memchr(p, 'e', n) || memchr(p, 'E', n))) {
            buf_addc(out, '0');
            p += n;
        } else {
            n = number ? n : 1;
            buf_add(out, p, n);
            p += n;
        }
    }
}

/* --- piece by piece --- */

struct salvage {
    struct buf out;
    int deepest;
    size_t lost;
};

static const char *blanks(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

static const char *string_end(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\' && p + 1 < end)
            p++;
    return p < end ? p + 1 : NULL;
}

/* Where the value at p ends, by brackets and quotes alone; NULL when the text ends first. */
static const char *value_end(const char *p, const char *end)
{
    int open = 0;
    while (p && p < end) {
        if (open == 0 && strchr(",]}", *p))
            return p;
        if (*p == '"') {
            p = string_end(p, end);
        } else {
            open += *p == '{' || *p == '[';
            open -= *p == '}' || *p == ']';
            p++;
        }
        if (p && open == 0 && strchr("\"}]", p[-1]))
            return p;
    }
    return p && open == 0 ? p : NULL;
}

static bool readable(const char *p, const char *end)
{
    json_t *v = parse((struct span){.p = p, .n = (size_t)(end - p)});
    json_decref(v);
    return v != NULL;
}

static bool take_members(struct salvage *s, const char *p, const char *end, int level);

static void take_value(struct salvage *s, const char *p, const char *end, int level)
{
    size_t start = s->out.n;
    if (readable(p, end)) {
        buf_add(&s->out, p, (size_t)(end - p));
        return;
    }
    bool nested = end - p >= 2 && ((*p == '{' && end[-1] == '}') || (*p == '[' && end[-1] == ']'));
    if (nested && level < s->deepest && take_members(s, p, end, level))
        return;
    s->out.n = start;
    buf_adds(&s->out, "null");
    s->lost++;
}

/* False when the container's own shape is broken. */
static bool take_members(struct salvage *s, const char *p, const char *end, int level)
{
    bool object = *p == '{', written = false;
    buf_addc(&s->out, *p++);
    for (p = blanks(p, --end); p < end; p = blanks(p, end)) {
        const char *key = p, *key_end = object ? value_end(p, end) : p;
        if (object) {
            p = key_end ? blanks(key_end, end) : end;
            if (*key != '"' || p >= end || *p != ':')
                return false;
            p = blanks(p + 1, end);
        }
        const char *over = value_end(p, end);
        if (!over || over == p)
            return false;
        if (object && !readable(key, key_end)) {
            s->lost++;
        } else {
            buf_adds(&s->out, written ? "," : "");
            buf_add(&s->out, key, (size_t)(key_end - key));
            buf_adds(&s->out, object ? ":" : "");
            take_value(s, p, over, level + 1);
            written = true;
        }
        p = blanks(over, end);
        if (p < end && *p++ != ',')
            return false;
    }
    buf_addc(&s->out, object ? '}' : ']');
    return true;
}

json_t *matrix_json_read(struct span text, int depth, size_t *unread)
{
    *unread = 0;
    json_t *root = text.n ? parse(text) : NULL;
    if (root || !text.n)
        return root;
    AUTO_BUF harmless = BUF(text.n * 6 + 64);
    clean(&harmless, text);
    root = parse((struct span){.p = buf_text(&harmless), .n = harmless.n});
    if (root)
        return root;
    const char *p = buf_text(&harmless), *end = p + harmless.n;
    p = blanks(p, end);
    const char *over = value_end(p, end);
    struct salvage s = {.out = BUF(harmless.n * 4 + 64), .deepest = depth};
    if (over && blanks(over, end) == end)
        take_value(&s, p, over, 0);
    root = s.out.n ? parse((struct span){.p = buf_text(&s.out), .n = s.out.n}) : NULL;
    *unread = s.lost;
    buf_fini(&s.out);
    if (json_is_object(root))
        return root;
    *unread = 0;
    json_decref(root);
    return NULL;
}
