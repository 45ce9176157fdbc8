/* The quick reading of plain JSON.
 *
 * A turn reads back what the engine wrote before: facts, terms, reasons, a dozen texts for one click. jansson's lexer takes one
 * character at a time through two calls, and was two fifths of a decision's work. This reader handles what is plain: objects
 * without a key twice, numbers of a few digits without an exponent, strings without \u. Everything else, mistakes above all, it leaves to
 * jansson by giving NULL, so what is JSON and what is not is said in one place only. What it does give is equal to what jansson
 * would have given: tests/fuzz/fuzz_json.c holds the two against each other. */
#include <string.h>

#include "engine/buf.h"
#include "engine/json.h"

enum { DIGITS_MOST = 18 }; /* fewer than INT64_MAX has */

struct reader {
    const char *p, *end;
    struct buf scratch; /* of strings with escapes; kept from one to the next */
};

static json_t *value_read(struct reader *r, int depth);

static void space_skip(struct reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r'))
        r->p++;
}

static bool char_is(struct reader *r, char c)
{
    space_skip(r);
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

/* The string that begins at a quote: its bytes, borrowed until the next one. False: not plain. *ascii: no byte over 0x7f. */
static bool string_read(struct reader *r, struct span *out, bool *ascii)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *plain = ++r->p;
    unsigned char all = 0;
    buf_clear(&r->scratch);
    for (; r->p < r->end && *r->p != '"'; r->p++) {
        unsigned char c = (unsigned char)*r->p;
        if (c < 0x20)
            return false;
        all |= c;
        if (c != '\\')
            continue;
        const char *letter = r->p + 1 < r->end && r->p[1] ? strchr(letters, r->p[1]) : NULL;
        if (!letter)
            return false;
        buf_add(&r->scratch, plain, (size_t)(r->p - plain));
        buf_addc(&r->scratch, meant[letter - letters]);
        plain = ++r->p + 1;
    }
    if (r->p == r->end || r->scratch.over)
        return false;
    *out = (struct span){plain, (size_t)(r->p - plain)};
    if (r->scratch.n > 0) {
        buf_add(&r->scratch, plain, out->n);
        *out = (struct span){buf_text(&r->scratch), r->scratch.n};
    }
    *ascii = all < 0x80;
    r->p++;
    return true;
}

static json_t *string_value(struct reader *r)
{
    struct span s;
    bool ascii;
    if (!string_read(r, &s, &ascii))
        return NULL;
    return ascii ? json_stringn_nocheck(s.p, s.n) : json_stringn(s.p, s.n); /* NULL for what is not UTF-8 */
}

static bool number_goes_on(const struct reader *r)
{
    return r->p < r->end && strchr("0123456789.eE", *r->p);
}

/* With a fraction: never money, which is whole everywhere. A locale with another decimal point leaves it to jansson. */
static json_t *real_read(struct reader *r, const char *first)
{
    char text[32], *end;
    for (r->p++; r->p < r->end && *r->p >= '0' && *r->p <= '9';)
        r->p++;
    size_t n = (size_t)(r->p - first);
    if (number_goes_on(r) || r->p[-1] == '.' || n >= sizeof text)
        return NULL;
    memcpy(text, first, n);
    text[n] = '\0';
    double value = strtod(text, &end);
    return end == text + n ? json_real(value) : NULL;
}

static json_t *number_read(struct reader *r)
{
    const char *first = r->p, *digits = r->p += *r->p == '-';
    int64_t n = 0;
    for (; r->p < r->end && *r->p >= '0' && *r->p <= '9' && r->p - digits < DIGITS_MOST; r->p++)
        n = n * 10 + (*r->p - '0');
    if (r->p == digits || (r->p - digits > 1 && *digits == '0'))
        return NULL;
    if (r->p < r->end && *r->p == '.')
        return real_read(r, first);
    return number_goes_on(r) ? NULL : json_integer(*first == '-' ? -n : n);
}

static bool member_read(struct reader *r, json_t *object, int depth)
{
    struct span key;
    bool ascii;
    char few[64];
    space_skip(r);
    if (r->p == r->end || *r->p != '"' || !string_read(r, &key, &ascii) || !ascii || key.n >= sizeof few)
        return false;
    memcpy(few, key.p, key.n); /* the scratch is used again by the value */
    json_t *value = char_is(r, ':') ? value_read(r, depth) : NULL;
    size_t before = json_object_size(object);
    if (!value || json_object_setn_new_nocheck(object, few, key.n, value) != 0)
        return false;
    return json_object_size(object) > before; /* else the key was there already */
}

static bool element_read(struct reader *r, json_t *array, int depth)
{
    json_t *value = value_read(r, depth);
    return value && json_array_append_new(array, value) == 0;
}

/* An object or an array, to its closing bracket. */
static json_t *group_read(struct reader *r, int depth)
{
    if (depth == JSON_MAX_DEPTH)
        return NULL;
    bool object = *r->p++ == '{';
    char close = object ? '}' : ']';
    json_auto_t *group = object ? json_object() : json_array();
    if (char_is(r, close))
        return json_incref(group);
    do {
        if (!(object ? member_read(r, group, depth + 1) : element_read(r, group, depth + 1)))
            return NULL;
    } while (char_is(r, ','));
    return char_is(r, close) ? json_incref(group) : NULL;
}

static json_t *word_read(struct reader *r, const char *word, json_t *value)
{
    size_t n = strlen(word);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
        return NULL;
    r->p += n;
    return value;
}

static json_t *value_read(struct reader *r, int depth)
{
    space_skip(r);
    if (r->p == r->end)
        return NULL;
    switch (*r->p) {
    case '{':
    case '[': return group_read(r, depth);
    case '"': return string_value(r);
    case 't': return word_read(r, "true", json_true());
    case 'f': return word_read(r, "false", json_false());
    case 'n': return word_read(r, "null", json_null());
    default: return number_read(r);
    }
}

json_t *json_quick(struct span text)
{
    struct reader r = {.p = text.p, .end = text.p ? text.p + text.n : NULL, .scratch = BUF(JSON_MAX_BYTES)};
    json_t *root = value_read(&r, 0);
    space_skip(&r);
    bool whole = r.p == r.end;
    buf_fini(&r.scratch);
    if (whole)
        return root;
    json_decref(root);
    return NULL;
}

/* ---- members, unread ---- */

static bool string_skip(struct reader *r)
{
    for (r->p++; r->p < r->end && *r->p != '"'; r->p++)
        if (*r->p == '\\' && r->p + 1 < r->end)
            r->p++;
    return r->p < r->end;
}

/* To the comma or bracket behind the value. */
static bool value_skip(struct reader *r)
{
    int depth = 0;
    for (; r->p < r->end; r->p++) {
        bool closes = *r->p == '}' || *r->p == ']';
        if (depth == 0 && (closes || *r->p == ','))
            return true;
        if (*r->p == '"' && !string_skip(r))
            return false;
        depth += (*r->p == '{' || *r->p == '[') - closes;
    }
    return false;
}

static bool member_skip(struct reader *r, struct json_member *m)
{
    bool ascii;
    space_skip(r);
    if (r->p == r->end || *r->p != '"' || !string_read(r, &m->key, &ascii) || r->scratch.n > 0 || !char_is(r, ':'))
        return false;
    const char *value = r->p;
    bool ends = value_skip(r);
    m->value = (struct span){value, (size_t)(r->p - value)};
    return ends;
}

bool json_quick_members(struct span text, struct json_member *out, size_t most, size_t *n)
{
    struct reader r = {.p = text.p, .end = text.p ? text.p + text.n : NULL, .scratch = BUF(JSON_MAX_BYTES)};
    bool fine = char_is(&r, '{');
    *n = 0;
    do {
        fine = fine && *n < most && member_skip(&r, &out[*n]);
        *n += fine;
    } while (fine && char_is(&r, ','));
    fine = fine && char_is(&r, '}');
    space_skip(&r);
    buf_fini(&r.scratch);
    return fine && r.p == r.end;
}
