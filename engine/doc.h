/* A YAML document (libfyaml, YAML 1.2) as jansson values that remember their line. Owned by the caller; one thread.
 *
 * Errors name FILE:LINE. Duplicate keys are refused. Scalars: true/false/null, integers, reals; all else strings; quoted
 * scalars are always strings. doc_line works for every value of the document, also for small integers and booleans,
 * through its parent (line of key K in object O, line of element I in array A). */
#ifndef DW_ENGINE_DOC_H
#define DW_ENGINE_DOC_H

#include "engine/json.h"

struct doc;

int doc_load(struct doc **out, const char *path, struct err *e) DW_MUST_CHECK; /* file up to 1 MiB */
int doc_parse(struct doc **out, struct span text, const char *name, struct err *e) DW_MUST_CHECK;
void doc_free(struct doc *d);
const json_t *doc_root(const struct doc *d); /* borrowed */
const char *doc_name(const struct doc *d);
int doc_line(const struct doc *d, const json_t *parent, const char *key); /* 0 when unknown */
int doc_item_line(const struct doc *d, const json_t *array, size_t index);

/* A list of problems found while reading one or several documents: "dunwell.yaml:12: ...". `check` prints them all. */
struct problems {
    char **lines;
    size_t n;
};
void problems_add(struct problems *p, const char *file, int line, const char *fmt, ...) DW_PRINTF(4, 5);
void problems_free(struct problems *p);

/* Refuses every key of `object` that is not in the NULL-terminated list, with its line and the nearest known name. */
void doc_known_keys(const struct doc *d, const json_t *object, const char *where, const char *const *known,
                    struct problems *p);

#endif
