/* A strict one-pass JSON scanner for the hot path: checks the whole text, copies nothing but the few fields
 * asked for. No allocation; any thread. Accepts and refuses exactly what json_read does (fuzzed against it),
 * duplicate keys apart: here no key on the way to a wanted path may be there twice (compared unescaped), other
 * duplicates are json_read's to refuse when the event is worked on. At most 16 fields, 8 keys deep. */
#ifndef DW_ENGINE_SCAN_H
#define DW_ENGINE_SCAN_H

#include "engine/err.h"

struct scan_field {
    const char *path;  /* "id", "data.object.customer", "payload.user_id": object keys only */
    struct span value; /* out: the raw value; for strings without the quotes and still escaped; p NULL when absent */
    bool is_string;    /* out */
    bool has_escape;   /* out: a string that must be unescaped before use (scan_unescape) */
};

/* 0, or ERR_INVALID / ERR_LIMIT (depth over JSON_MAX_DEPTH, longer than JSON_MAX_BYTES). On failure the fields
 * mean nothing. */
int scan_json(struct span text, struct scan_field *fields, size_t n) DW_MUST_CHECK;
/* Copies a string value, unescaping; ERR_LIMIT when it does not fit, ERR_INVALID when it is absent or no string. */
int scan_copy(const struct scan_field *f, char *out, size_t size) DW_MUST_CHECK;
bool scan_int(const struct scan_field *f, int64_t *out);

#endif
