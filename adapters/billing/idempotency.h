/* How each billing system keeps a write from happening twice: one table for the drivers, for `dunwell drivers NAME`, for whoever
 * adds a system. Plain constants; any thread. */
#ifndef DW_ADAPTERS_BILLING_IDEMPOTENCY_H
#define DW_ADAPTERS_BILLING_IDEMPOTENCY_H

#include "engine/job.h"

struct idempotency {
    const char *driver;  /* "stripe": as in struct driver */
    const char *header;  /* of the request; NULL: the system takes no keys */
    size_t key_max;      /* longest key; a longer one is replaced by its hash, which is as unique and as stable */
    int64_t lifetime_ms; /* how long an answer is kept under its key; past it the state is read before anything is sent again */
    const char *replay;  /* "Name: value" of an answer that was kept; NULL: it does not say */
    const char *busy;    /* what comes while the first request under the key still runs */
    const char *reused;  /* what comes when the key was used for another request */
    const char *instead; /* what finds a write again where a key cannot */
};

/* NULL for a driver that is not in the table (one in this process, a chat). */
const struct idempotency *idempotency_of(const char *driver);
/* Adds the header with "key-suffix" ("" or NULL: no suffix). Nothing for a system that takes no keys. */
void idempotency_add(const struct idempotency *how, struct http_request *r, const char *key, const char *suffix);
/* Was what left at sent_ms so long ago that its key protects nothing any more? A tenth of the lifetime is
 * kept as a margin. Never where there are no keys: nothing was protected. */
bool idempotency_over(const struct idempotency *how, int64_t sent_ms, int64_t now_ms);
/* What finds a write again where a key cannot: "text [case key]", the argument `name` of the job as text, cut so that it fits. */
const char *idempotency_mark(const struct job *job, const char *name, char *out, size_t size);
bool idempotency_marked(const struct job *job, const char *text);
/* For people, in a few lines. */
void idempotency_words(const struct idempotency *how, struct buf *out);

#endif
