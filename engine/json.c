/* JSON that came from outside, read strictly and reached by path.
 *
 * What is plain is read by json_quick.c, the rest by jansson. What jansson would let through is refused before it sees
 * the text: bodies over the limit, nesting deep enough to cost a stack, and NUL bytes, some of which its lexer drops
 * without a word. Both checks are one pass of a few instructions a byte. The scanner of the hot path (scan.c) is
 * another, independent reading of the same grammar, and the fuzzer holds the two against each other, so none of this
 * is shared with it. */
#include "engine/json.h"

#include <string.h>

#include "engine/buf.h"

/* The deepest nesting of brackets outside strings. On malformed text it may be anything: that is refused anyway. */
static int json_depth(struct span text)
{
    int depth = 0, deepest = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
            deepest = depth > deepest ? depth : deepest;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return deepest;
}

json_t *json_read(struct span text, struct err *e)
{
    if (text.n > JSON_MAX_BYTES) {
        err_set(e, ERR_LIMIT, "the JSON is %zu bytes long, at most %u are read", text.n, JSON_MAX_BYTES);
        return NULL;
    }
    if (text.n == 0) {
        err_set(e, ERR_INVALID, "not JSON: it is empty");
        return NULL;
    }
    json_t *root = json_quick(text);
    if (root)
        return root;
    if (memchr(text.p, '\0', text.n)) {
        err_set(e, ERR_INVALID, "not JSON: it holds a NUL byte");
        return NULL;
    }
    if (json_depth(text) > JSON_MAX_DEPTH) {
        err_set(e, ERR_LIMIT, "the JSON is nested deeper than %d levels", JSON_MAX_DEPTH);
        return NULL;
    }
    json_error_t why;
    root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!root) {
        /* jansson quotes the place ("... near '...'"); foreign text stays out of errors, so only the position is
         * told. */
        err_set(e, ERR_INVALID, "not JSON: line %d, column %d (%s)", why.line, why.column,
                json_error_code(&why) == json_error_duplicate_key ? "a key stands there twice" : "it does not parse");
    }
    return root;
}

static size_t digits(const char *p, const char *end)
{
    size_t n = 0;
    while (p + n < end && p[n] >= '0' && p[n] <= '9')
        n++;
    return n;
}

/* The length of the number at p, 0 when there is none by JSON's grammar; *real: it has a fraction or an exponent. */
static size_t number_length(const char *p, const char *end, bool *real)
{
    const char *at = p + (p < end && *p == '-');
    size_t n = digits(at, end);
    *real = false;
    if (n == 0 || (*at == '0' && n > 1))
        return 0;
    at += n;
    if (at < end && *at == '.') {
        n = digits(at + 1, end);
        *real = true;
        at += 1 + n;
    }
    if (n > 0 && at < end && (*at == 'e' || *at == 'E')) {
        bool sign = at + 1 < end && (at[1] == '+' || at[1] == '-');
        n = digits(at + 1 + sign, end);
        *real = true;
        at += 1 + (size_t)sign + n;
    }
    return n > 0 ? (size_t)(at - p) : 0;
}

/* The end of the string that begins at p, or of the text. */
static const char *string_end(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\' && p + 1 < end)
            p++;
    return p < end ? p + 1 : end;
}

/* Is what follows no more of the number, and not a colon, which would make a key of it? */
static bool number_stands_alone(const char *p, const char *end)
{
    if (p < end && strchr("0123456789.+-eE", *p))
        return false;
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p == end || *p != ':';
}

/* Numbers that are not whole are put in quotes where they stand; everything else, mistakes too, stays for the parser. */
json_t *json_read_decimals(struct span text, struct err *e)
{
    AUTO_BUF quoted = BUF((size_t)JSON_MAX_BYTES * 2);
    const char *p = text.p, *end = text.n ? text.p + text.n : text.p;
    if (text.n > JSON_MAX_BYTES)
        return json_read(text, e);
    while (p < end) {
        const char *next = p + 1;
        bool real = false;
        if (*p == '"') {
            next = string_end(p, end);
        } else if (*p == '-' || (*p >= '0' && *p <= '9')) {
            size_t n = number_length(p, end, &real);
            real = real && number_stands_alone(p + n, end);
            next = n > 0 ? p + n : next;
        }
        if (real)
            buf_addc(&quoted, '"');
        buf_add(&quoted, p, (size_t)(next - p));
        if (real)
            buf_addc(&quoted, '"');
        p = next;
    }
    return json_read((struct span){.p = buf_text(&quoted), .n = quoted.n}, e);
}

static const json_t *json_child(const json_t *parent, const char *key, size_t n)
{
    if (json_is_object(parent))
        return json_object_getn(parent, key, n);
    if (!json_is_array(parent) || n == 0 || n > 9)
        return NULL;
    size_t index = 0;
    for (size_t i = 0; i < n; i++) {
        if (key[i] < '0' || key[i] > '9')
            return NULL;
        index = index * 10 + (size_t)(key[i] - '0');
    }
    return json_array_get(parent, index);
}

json_t *json_at(const json_t *root, const char *path)
{
    const json_t *at = root;
    bool whole = !*path;
    while (at && !whole) {
        size_t n = strcspn(path, ".");
        at = json_child(at, path, n);
        if (path[n] == '\0')
            break;
        path += n + 1;
    }
    union {
        const json_t *borrowed;
        json_t *plain;
    } found = {.borrowed = at};
    return found.plain;
}

const char *json_str(const json_t *root, const char *path, const char *otherwise)
{
    const json_t *v = json_at(root, path);
    return json_is_string(v) ? json_string_value(v) : otherwise;
}

int64_t json_i64(const json_t *root, const char *path, int64_t otherwise)
{
    const json_t *v = json_at(root, path);
    return json_is_integer(v) ? (int64_t)json_integer_value(v) : otherwise;
}

bool json_flag(const json_t *root, const char *path, bool otherwise)
{
    const json_t *v = json_at(root, path);
    return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

/* The canonical text is written on every turn - journal, effects, acknowledgements - and jansson's printer, which hands on
 * one character at a time, was the largest single cost of a chat message. Same bytes, a third of the work. */
struct member {
    const char *key;
    size_t n;
    const json_t *value;
};

static int member_order(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int order = memcmp(x->key, y->key, n);
    return order ? order : (x->n > y->n) - (x->n < y->n);
}

static void write_escape(struct buf *out, unsigned char c)
{
    static const char short_for[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *at = c ? strchr(short_for, c) : NULL;
    if (at)
        buf_add(out, (const char[]){'\\', letters[at - short_for]}, 2);
    else
        buf_addf(out, "\\u%04X", c);
}

static void write_string(struct buf *out, const char *text, size_t n)
{
    size_t plain = 0;
    buf_addc(out, '"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(out, text + plain, i - plain);
        write_escape(out, c);
        plain = i + 1;
    }
    buf_add(out, text + plain, n - plain);
    buf_addc(out, '"');
}

static void write_value(struct buf *out, const json_t *v);

static void write_object(struct buf *out, const json_t *object)
{
    union {
        const json_t *borrowed;
        json_t *iterable;
    } from = {.borrowed = object};
    struct member few[16], *all = few;
    size_t n = 0;
    const char *key;
    json_t *value;
    if (json_object_size(object) > DW_ARRAY_LEN(few))
        all = mem_alloc(json_object_size(object) * sizeof *all);
    json_object_foreach (from.iterable, key, value)
        all[n++] = (struct member){.key = key, .n = strlen(key), .value = value};
    if (n > 1)
        qsort(all, n, sizeof *all, member_order);
    for (size_t i = 0; i < n; i++) {
        buf_addc(out, i ? ',' : '{');
        write_string(out, all[i].key, all[i].n);
        buf_addc(out, ':');
        write_value(out, all[i].value);
    }
    buf_adds(out, n ? "}" : "{}");
    if (all != few)
        free(all);
}

static void write_array(struct buf *out, const json_t *array)
{
    buf_addc(out, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i)
            buf_addc(out, ',');
        write_value(out, json_array_get(array, i));
    }
    buf_addc(out, ']');
}

static void write_integer(struct buf *out, json_int_t value)
{
    char digits[24], *at = digits + sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do
        *--at = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (value < 0)
        *--at = '-';
    buf_add(out, at, (size_t)(digits + sizeof digits - at));
}

static void write_real(struct buf *out, const json_t *v)
{
    AUTO_STR text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text)
        abort();
    buf_adds(out, text);
}

static void write_value(struct buf *out, const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT: write_object(out, v); break;
    case JSON_ARRAY: write_array(out, v); break;
    case JSON_STRING: write_string(out, json_string_value(v), json_string_length(v)); break;
    case JSON_INTEGER: write_integer(out, json_integer_value(v)); break;
    case JSON_REAL: write_real(out, v); break;
    case JSON_TRUE: buf_adds(out, "true"); break;
    case JSON_FALSE: buf_adds(out, "false"); break;
    case JSON_NULL: buf_adds(out, "null"); break;
    }
}

bool json_has_text(const json_t *list, const char *text)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
        if (json_is_string(one) && str_eq(json_string_value(one), text))
            return true;
    return false;
}

bool json_has_all(const json_t *set, const json_t *wanted)
{
    size_t i;
    json_t *one;
    json_array_foreach(wanted, i, one)
        if (!json_is_string(one) || !json_has_text(set, json_string_value(one)))
            return false;
    return true;
}

char *json_text(const json_t *root)
{
    struct buf out = BUF(SIZE_MAX / 2);
    if (root)
        write_value(&out, root);
    else
        buf_adds(&out, "null");
    return buf_take(&out);
}

static bool text_valid(const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t n = utf8_length(text, left);
        if (n == 0)
            return false;
        text += n;
        left -= n;
    }
    return true;
}

void json_put_new(json_t *object, const char *key, json_t *take_value)
{
    /* A key may come from a file (a column's name): made valid, for jansson would drop the pair without a sign. */
    json_auto_t *safe = text_valid(key) ? NULL : json_text_safe(key);
    int rc = json_object_set_new(object, safe ? json_string_value(safe) : key, take_value ? take_value : json_null());
    assert(rc == 0);
    (void)rc;
}

void json_put(json_t *object, const char *key, const char *text)
{
    json_t *value = text ? json_string(text) : json_null();
    json_put_new(object, key, value ? value : json_text_safe(text));
}

void json_put_i64(json_t *object, const char *key, int64_t value)
{
    json_put_new(object, key, json_integer(value));
}

json_t *json_text_safe(const char *text)
{
    if (!text)
        return json_null();
    AUTO_BUF safe = BUF(SIZE_MAX / 2);
    size_t left = strlen(text);
    while (left > 0) {
        size_t n = utf8_length(text, left);
        unsigned char c = (unsigned char)*text;
        bool control = (c < 0x20 && c != '\n' && c != '\t') || c == 0x7F;
        if (n == 0 || control)
            buf_adds(&safe, "\xEF\xBF\xBD");
        else
            buf_add(&safe, text, n);
        n = n ? n : 1;
        text += n;
        left -= n;
    }
    json_t *value = json_stringn(buf_text(&safe), safe.n);
    assert(value);
    return value;
}
