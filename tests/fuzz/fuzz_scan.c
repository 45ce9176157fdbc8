/* The scanner against the parser: two readings of the same grammar, written apart, must give the same verdict and the
 * same values. The one difference allowed is the one scan.h documents: duplicate keys nobody wanted. */
#include <string.h>

#include "engine/json.h"
#include "engine/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const paths[] = {"id", "data", "data.object.customer", "a.b", "a.b.c", "created", "n"};
enum { PATHS = DW_ARRAY_LEN(paths) };

static void same_value(const struct scan_field *f, const json_t *root)
{
    /* An element of an array is reached by json_at ("a.0") but never by the scanner; no path here ends in a
     * number. */
    const json_t *v = json_at(root, f->path);
    assert((v != NULL) == (f->value.p != NULL));
    if (!v)
        return;
    assert(json_is_string(v) == f->is_string);
    if (json_is_string(v)) {
        size_t size = f->value.n + 1;
        char *copy = mem_alloc(size);
        int rc = scan_copy(f, copy, size);
        assert(rc == 0 && strcmp(copy, json_string_value(v)) == 0);
        assert(f->has_escape || span_is(f->value, copy));
        free(copy);
        return;
    }
    int64_t number = 0;
    assert(scan_int(f, &number) == json_is_integer(v));
    assert(!json_is_integer(v) || number == json_integer_value(v));
    json_t *part = json_read(f->value, NULL);
    assert(part && json_equal(part, v));
    json_decref(part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {.p = (const char *)data, .n = size};
    struct scan_field fields[PATHS] = {{0}};
    for (size_t i = 0; i < PATHS; i++)
        fields[i].path = paths[i];
    int scanned = scan_json(text, fields, PATHS);
    struct err e;
    json_t *root = json_read(text, &e);
    if (root) {
        assert(scanned == 0);
        for (size_t i = 0; i < PATHS; i++)
            same_value(&fields[i], root);
        json_decref(root);
    } else if (scanned == 0) {
        json_t *loose = json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL);
        assert(loose && "accepted by the scanner, refused by the parser");
        json_decref(loose);
    }
    return 0;
}
