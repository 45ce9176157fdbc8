/* The outbox: everything that leaves Dunwell is first a row here. One call in flight per lane, so posts to one channel and
 * writes to one invoice keep their order.
 *
 * queued -> out (a request has been handed over) -> done | refused | unknown -> done | refused. Before each request the
 * driver's stage is committed; after a crash an effect that was out is stepped with TRANSPORT_LOST. */
#ifndef DW_ENGINE_EFFECT_H
#define DW_ENGINE_EFFECT_H

#include "engine/engine.h"

enum effect_state { EFFECT_QUEUED, EFFECT_OUT, EFFECT_UNKNOWN, EFFECT_LOST /* out when we stopped */, EFFECT_DONE, EFFECT_REFUSED, EFFECT_CANCELLED };

struct effect_spec {
    const char *lane, *driver, *op, *key; /* key unique for ever: asking twice is asking once */
    json_t *take_args;
    int64_t case_id;
    int64_t proposal_id; /* whose execution this is; 0 none */
    int64_t not_before_ms;
    const char *purpose; /* who is told of the end: "", "facts", "card", "form", "mail", ... */
    int64_t deadline_ms; /* past it a queued one is dropped as refused (forms, whispers); 0 none */
};
int64_t effect_add(struct engine *e, const struct effect_spec *spec); /* 0 when the key is there already */
void effect_cancel(struct engine *e, int64_t id); /* only while queued */
void effect_hurry(struct engine *e, int64_t id);  /* one that is queued for later is due now */

/* One request to hand over after the commit. Owned by the list. */
struct call {
    int64_t effect_id;
    char driver[32];
    bool waits; /* most of its time it waits for something to happen: it takes nobody's place */
    struct http_request request;
};
struct calls {
    struct call *list;
    size_t n, cap;
};
void calls_free(struct calls *c);

/* What a step brought of people's doings and of what its driver keeps; inside the transaction that stores the rest. */
void effect_inputs(struct engine *e, const char *driver, struct step *s);

/* Steps effects that are due; appends what must be sent. most: bound of this turn. */
void effects_start(struct engine *e, struct calls *out, size_t most);
/* An answer came. Appends the next request if the driver wants one. Unknown ids are ignored (already finished). */
void effect_answered(struct engine *e, int64_t effect_id, const struct http_response *response, struct calls *out);
int64_t effects_next_due_ms(struct engine *e);
void effects_cancel_proposal(struct engine *e, int64_t proposal_id); /* only while nothing has left */
void effects_cancel_case(struct engine *e, int64_t case_id); /* queued calls to billing and mail, not cards; a release is still owed, and the rest of a credit or write-off gets its answer */

#endif
