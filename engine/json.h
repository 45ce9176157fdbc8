/* Typed access to jansson values by dotted path ("data.object.id", "invoices.0.id"). Any thread, as jansson allows.
 *
 * Getters never fail: a missing or mistyped value gives the default. What is returned is borrowed from the document. */
#ifndef DW_ENGINE_JSON_H
#define DW_ENGINE_JSON_H

#include <jansson.h>

#include "engine/err.h"

#define JSON_MAX_BYTES (2u << 20)
#define JSON_MAX_DEPTH 64

/* Strict: one value, no duplicate keys, no NUL, depth and size bounded. NULL and *e on failure; the caller owns the result. */
json_t *json_read(struct span text, struct err *e);
/* The same, but a number with a fraction or an exponent becomes a string that holds its text as it was sent ("120.10"), so
 * that no amount of money ever passes through a double. Whole numbers stay numbers. */
json_t *json_read_decimals(struct span text, struct err *e);

/* The quick reading of JSON that is plain, as json_text writes it: NULL when it is not, or is no JSON; then ask json_read or jansson.
 * No key stands twice in what it gives, and it is no deeper than the limit. The caller owns it. */
json_t *json_quick(struct span text);
/* The members of an object, unread, for whoever wants few of many: borrowed from the text, and each value is only known to end where it
 * does. False when it is not plain or has more than `most`. */
struct json_member {
    struct span key, value;
};
bool json_quick_members(struct span text, struct json_member *out, size_t most, size_t *n) DW_MUST_CHECK;

/* Borrowed, NULL when there is none; the path "" is root itself. */
json_t *json_at(const json_t *root, const char *path);
const char *json_str(const json_t *root, const char *path, const char *otherwise);
int64_t json_i64(const json_t *root, const char *path, int64_t otherwise);
bool json_flag(const json_t *root, const char *path, bool otherwise);

/* Is it in the list? Is each of `wanted` in `set`? An empty or missing `wanted` always is. */
bool json_has_text(const json_t *list, const char *text);
bool json_has_all(const json_t *set, const json_t *wanted);

/* Compact text with sorted keys: the canonical form that hashes are taken of. The caller frees. NULL root gives "null". */
char *json_text(const json_t *root);

/* Sets a value and owns it from now on; json_put with a NULL text sets null. Text or keys that are not UTF-8 are made
 * safe as below. */
void json_put(json_t *object, const char *key, const char *text);
void json_put_i64(json_t *object, const char *key, int64_t value);
void json_put_new(json_t *object, const char *key, json_t *take_value);

/* Text made safe to be a JSON string: invalid UTF-8 and control characters (but \n and \t) become U+FFFD. New string. */
json_t *json_text_safe(const char *text);

#endif
