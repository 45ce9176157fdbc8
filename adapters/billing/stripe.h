/* Between the files of the Stripe driver: stripe.c (table, webhooks), stripe_ops.c (how an operation steps; link, check),
 * stripe_read.c, stripe_hold.c (hold, release, plan), stripe_collect.c.
 *
 * An operation is a table of states. Each state sends one request and takes its answer; the stage, a small JSON object with
 * the state's name in "at", is stored by the engine before the request leaves, so a restart goes on in the same state. */
#ifndef DW_ADAPTERS_BILLING_STRIPE_H
#define DW_ADAPTERS_BILLING_STRIPE_H

#include "adapters/adapter.h"

struct stripe_config {
    struct driver_config base;
    char *base_url, *secret_key, *webhook_secret, *api_version, *return_url;
};

/* One step in progress. Everything borrowed but `stage`. */
struct stripe_call {
    const struct stripe_config *config;
    const struct job *job;
    const json_t *args;
    json_t *stage;                      /* owned; handed to out at the end */
    const struct http_response *answer; /* NULL: nothing came */
    const json_t *body;                 /* the answer's object, or NULL */
    struct step *out;
    bool ended; /* out holds the outcome of this step */
};

struct stripe_state {
    const char *name;
    void (*send)(struct stripe_call *c);
    void (*take)(struct stripe_call *c); /* an answer with 2xx and a JSON object */
    /* Another answer: true when it was dealt with (by going on, or ending); NULL: the usual words. */
    bool (*trouble)(struct stripe_call *c);
    const char *look; /* the state that finds out, after an answer that left everything open; NULL: just ask again */
};

struct stripe_op {
    const char *name;
    void (*begin)(struct stripe_call *c); /* checks the arguments; may end */
    const struct stripe_state *states;    /* the first one is where it starts; ends with a row without name */
};

extern const struct stripe_op stripe_read, stripe_hold, stripe_release, stripe_plan, stripe_collect;

void stripe_step(const void *config, const struct job *job, const struct http_response *previous, struct step *out);

/* --- for states --------------------------------------------------------------------------------------------------- */

void stripe_go(struct stripe_call *c, const char *state);
bool stripe_at(const struct stripe_call *c, const char *state);
/* "v1/invoices/<id><rest>", the id percent-encoded */
void stripe_get(struct stripe_call *c, const char *collection, const char *id, const char *rest);
/* The key is the job's with "-suffix"; fields are added to c->out->request. */
void stripe_post(struct stripe_call *c, const char *collection, const char *id, const char *rest, const char *suffix);
void stripe_done(struct stripe_call *c, json_t *take_result);
void stripe_refuse(struct stripe_call *c, const char *fmt, ...) DW_PRINTF(2, 3);
/* It did not happen and may be asked again later: `fmt` says why. */
void stripe_again(struct stripe_call *c, const char *fmt, ...) DW_PRINTF(2, 3);
/* Nobody knows: state `look` is stepped after wait_ms. */
void stripe_unknown(struct stripe_call *c, const char *look, int64_t wait_ms, const char *fmt, ...) DW_PRINTF(4, 5);
/* What Stripe said of the trouble: bounded, never a key; "" when it said nothing. */
const char *stripe_said(const struct stripe_call *c, char *out, size_t size);
/* Refuses with {decline:{...}} from an error object. */
void stripe_refuse_declined(struct stripe_call *c, const json_t *error);
/* An id that may stand as text or as an expanded object; "" when there is none. */
const char *stripe_id(const json_t *owner, const char *path);
int64_t stripe_ms(const json_t *owner, const char *path); /* epoch seconds to ms; 0 when absent */
int64_t stripe_left(const json_t *invoice);               /* what is still to be paid */

#endif
