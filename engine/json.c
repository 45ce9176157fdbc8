/* JSON that came from outside, read strictly and reached by path.
 *
 * jansson does the parsing; what it would let through is refused before it sees the text: bodies over the limit,
 * nesting deep enough to cost a stack, and NUL bytes, some of which its lexer drops without a word. Both checks
 * are one pass of a few instructions a byte. The scanner of the hot path (scan.c) is a second, independent
 * reading of the same grammar, and the fuzzer holds the two against each other, so none of this is shared with
 * it. */
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
    if (memchr(text.p, '\0', text.n)) {
        err_set(e, ERR_INVALID, "not JSON: it holds a NUL byte");
        return NULL;
    }
    if (json_depth(text) > JSON_MAX_DEPTH) {
        err_set(e, ERR_LIMIT, "the JSON is nested deeper than %d levels", JSON_MAX_DEPTH);
        return NULL;
    }
    json_error_t why;
    json_t *root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!root) {
        /* jansson quotes the place ("... near '...'"); foreign text stays out of errors, so only the position is
         * told. */
        err_set(e, ERR_INVALID, "not JSON: line %d, column %d (%s)", why.line, why.column,
                json_error_code(&why) == json_error_duplicate_key ? "a key stands there twice" : "it does not parse");
    }
    return root;
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

char *json_text(const json_t *root)
{
    char *text = root ? json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : str_dup("null");
    if (!text)
        abort();
    return text;
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
