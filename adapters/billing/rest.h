/* How a billing driver steps that is a table of states: what the Stripe, Chargebee, Recurly and Kill Bill drivers share.
 *
 * An operation is a list of states. Each state sends one request and takes its answer; the stage, a small JSON object with
 * the state's name in "at", is stored by the engine before the request leaves, so a restart goes on in the same state. When a write
 * has waited for so long that its idempotency key may be forgotten over there, its look comes first (idempotency.h).
 * Nothing here knows a vendor: what differs between them is one constant struct rest_vendor. */
#ifndef DW_ADAPTERS_BILLING_REST_H
#define DW_ADAPTERS_BILLING_REST_H

#include "adapters/adapter.h"
#include "adapters/billing/idempotency.h"

struct rest_settle;
struct rest_vendor;

/* One step in progress. Everything borrowed but `stage`. */
struct rest_call {
    const struct rest_vendor *vendor;
    const void *config;
    const struct job *job;
    const json_t *args;
    json_t *stage;                      /* owned; handed to out at the end */
    const struct http_response *answer; /* NULL: nothing came */
    const json_t *body;                 /* the answer's object, or NULL */
    struct step *out;
    bool ended; /* out holds the outcome of this step */
};

struct rest_state {
    const char *name;
    void (*send)(struct rest_call *c);
    void (*take)(struct rest_call *c); /* an answer with 2xx and a JSON object; NULL: send ends the operation itself */
    /* A 4xx: true when it was dealt with (by going on, or ending); NULL: the usual words. */
    bool (*trouble)(struct rest_call *c);
    const char *look; /* the state that finds out, after an answer that left everything open; NULL: just ask again */
};

struct rest_op {
    const char *name;
    void (*begin)(struct rest_call *c);  /* checks the arguments; may end; NULL: nothing to check */
    const struct rest_state *states;     /* the first one is where it starts; ends with a row without name */
};

struct rest_vendor {
    const char *title;                   /* "Chargebee", for people */
    const struct rest_op *const *ops;    /* ends with NULL */
    const char *said;                    /* where an error body has its words: "message", "error.message" */
    const char *key_hint;                /* the option to look at when the key is refused: "api_key" */
    const char *idempotency;             /* its row in idempotency.c: the driver's name */
    void (*headers)(const struct rest_call *c, struct http_request *r); /* of every request */
    const char *(*base_url)(const struct rest_call *c, struct buf *room);
    json_t *(*read)(struct span body);                /* new; NULL when it is not JSON */
    bool (*later)(const struct rest_call *c);         /* a 4xx that says: nothing happened, ask again */
    bool (*reused)(const struct rest_call *c);        /* a 4xx that says: this key was used for something else */
    void (*declined)(struct rest_call *c);            /* a 4xx that is a decline and that no state took: refuses; NULL: none */
    bool (*is_decline)(const struct rest_call *c);
    bool (*leaks)(const struct rest_call *c, const char *text); /* does it repeat a secret of the configuration? */
    const struct rest_settle *settle;                 /* for the operations of rest_settle.h; NULL: none of them is in ops */
};

void rest_step(const struct rest_vendor *vendor, const void *config, const struct job *job, const struct http_response *previous,
               struct step *out);

/* --- for states --------------------------------------------------------------------------------------------------- */

/* What the operation is about: the arguments `customer` and `invoice`; "" when it is not said. */
const char *rest_customer(const struct rest_call *c);
const char *rest_invoice(const struct rest_call *c);
json_t *rest_part(const struct rest_call *c, const char *name); /* of the stage; borrowed */
void rest_go(struct rest_call *c, const char *state);
bool rest_at(const struct rest_call *c, const char *state);
/* `path` is joined to the base address as it is: ids in it are percent-encoded already (rest_path). */
void rest_get(struct rest_call *c, const char *path);
/* A form-encoded POST; fields are added to c->out->request. The key is the job's with "-suffix" ("" for none). */
void rest_post(struct rest_call *c, const char *path, const char *suffix);
/* PUT with a JSON body; NULL for an empty one. Same key as above. */
void rest_put(struct rest_call *c, const char *path, const json_t *body, const char *suffix);
/* "invoices/<id>/payments": each "%" of the format is one id, percent-encoded, in order. The caller frees. */
char *rest_path(const char *format, const char *first, const char *second);
void rest_done(struct rest_call *c, json_t *take_result);
void rest_refuse(struct rest_call *c, const char *fmt, ...) DW_PRINTF(2, 3);
/* Refuses with what was reached, or with details of a decline, as the result. */
void rest_refuse_with(struct rest_call *c, json_t *take_result, const char *fmt, ...) DW_PRINTF(3, 4);
/* It did not happen and may be asked again later: `fmt` says why. */
void rest_again(struct rest_call *c, const char *fmt, ...) DW_PRINTF(2, 3);
/* Nobody knows: state `look` is stepped after wait_ms. */
void rest_unknown(struct rest_call *c, const char *look, int64_t wait_ms, const char *fmt, ...) DW_PRINTF(4, 5);
/* What the vendor said of the trouble: bounded, never a secret; "" when it said nothing. */
const char *rest_said(const struct rest_call *c, char *out, size_t size);
/* For reads of what may be missing: goes on to `next` when the server does not know it, or is in trouble for too long. */
bool rest_go_on_without(struct rest_call *c, const char *next);
/* --- the ends of collect, alike everywhere (rest_collect.c) --- */
void rest_collect_begin(struct rest_call *c);
/* {outcome, payment, due, status, note?}: payment and status are the stage's. */
void rest_collect_done(struct rest_call *c, const char *outcome, int64_t due, const char *note);
/* A payment that was begun before we came is on its way: `payment` where the invoice names it; where it does not ("" or NULL), only that
 * it is none of those which the invoice shows, the newest of them of ended_ms. */
void rest_collect_under_way(struct rest_call *c, int64_t due, const char *payment, int64_t ended_ms);
/* `trouble` of a state that asks for the invoice of the arguments: says that there is none. */
bool rest_no_invoice(struct rest_call *c);
/* --- */
/* "Basic ..." of user and password. The caller frees. */
char *rest_basic(const char *user, const char *password);
/* Foreign text into a result, bounded and made safe; NULL: null. */
void rest_put_text(json_t *object, const char *key, const char *text);
void rest_put_currency(json_t *object, const char *code); /* as `currency`, in capitals; "" for what is none */

#endif
