/* Getting a fresh chat connection: address, name, handshake; one attempt at a time. io thread only. See dial.c. */
#ifndef DW_BOT_DIAL_H
#define DW_BOT_DIAL_H

#include "adapters/adapter.h"
#include "bot/link.h"
#include "bot/log.h"
#include "bot/lookup.h"

struct dial_hooks {
    void *ctx;
    int64_t (*now_ms)(void *ctx); /* wall clock */
    uint64_t (*random)(void *ctx);
    /* Sends the driver's request; the answer comes back by dial_response with the same attempt. */
    void (*ask)(void *ctx, const char *driver, int64_t attempt, struct http_request *take);
    /* The address is known: open a link to it. Ends in dial_live or dial_failed. */
    void (*open)(void *ctx, const struct link_target *t);
};

struct dial_limits { /* milliseconds */
    int64_t live, first, most, disabled;
};

enum dial_phase { DIAL_REST, DIAL_ASK, DIAL_LOOKUP, DIAL_OPEN };

struct dial {
    struct io *io;
    const struct driver_config *driver;
    struct dial_hooks hooks;
    struct dial_limits limits;
    enum dial_phase phase;
    int64_t attempt;       /* the number of the current one */
    int64_t not_before_ms; /* monotonic */
    int64_t deadline_ms;   /* monotonic: live by then, or failed */
    int failures;          /* in a row; also lives that were too short */
    int steps;
    json_t *stage, *result;
    struct lookup *lookup;
    struct link_target target;
    char problem[300]; /* of the last failure; "" once live */
};

void dial_init(struct dial *d, struct io *io, const struct driver_config *driver, const struct dial_hooks *hooks,
               const struct dial_limits *limits);
void dial_fini(struct dial *d);
void dial_want(struct dial *d); /* begins an attempt if none is under way and the pause is over */
void dial_response(struct dial *d, int64_t attempt, struct http_response *take);
void dial_poll(struct dial *d); /* now and then, and when woken: lookups, the deadline */
void dial_live(struct dial *d);
/* The attempt came to nothing, or a link broke. No new one before pause_ms and the backoff have passed. */
void dial_failed(struct dial *d, enum log_level level, int64_t pause_ms, const char *fmt, ...) DW_PRINTF(4, 5);
void dial_steady(struct dial *d); /* a link has lived long enough: the next failure is a first one */

#endif
