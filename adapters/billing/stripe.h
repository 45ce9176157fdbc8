/* Between the files of the Stripe driver: stripe.c (table, webhooks), stripe_ops.c (how it speaks; link, check), stripe_read.c
 * and stripe_payments.c, stripe_hold.c (hold, release, defer, plan), stripe_collect.c, stripe_settle.c (credit,
 * write_off, note), stripe_since.c (catch_up, overdue), stripe_resolve.c. How an operation steps: rest.h. */
#ifndef DW_ADAPTERS_BILLING_STRIPE_H
#define DW_ADAPTERS_BILLING_STRIPE_H

#include "adapters/billing/rest.h"
#include "adapters/billing/units.h"

struct stripe_config {
    struct driver_config base;
    char *base_url, *secret_key, *webhook_secret, *api_version, *return_url;
};

extern const struct rest_op stripe_read, stripe_hold, stripe_release, stripe_defer, stripe_plan, stripe_collect, stripe_catch_up, stripe_overdue, stripe_resolve;
extern const struct rest_settle stripe_settle;
extern const struct units stripe_units[];
int64_t stripe_step_of(const char *currency); /* what a payment has to be a multiple of, in minor units: cards know no third decimal */

void stripe_step(const void *config, const struct job *job, const struct http_response *previous, struct step *out);

/* --- for states --------------------------------------------------------------------------------------------------- */

/* "v1/invoices/<id><rest>", the id percent-encoded */
void stripe_get(struct rest_call *c, const char *collection, const char *id, const char *rest);
/* The key is the job's with "-suffix"; fields are added to c->out->request. */
void stripe_post(struct rest_call *c, const char *collection, const char *id, const char *rest, const char *suffix);
/* For `trouble` of a write: a 400 or 404 keeps Stripe's words as the stage's "why" and goes on to `next`, which reads back. */
bool stripe_refused_so(struct rest_call *c, const char *next);
/* Refuses with {decline:{...}} from an error object. */
void stripe_refuse_declined(struct rest_call *c, const json_t *error);
/* An id that may stand as text or as an expanded object; "" when there is none. */
const char *stripe_id(const json_t *owner, const char *path);
int64_t stripe_ms(const json_t *owner, const char *path); /* epoch seconds to ms; 0 when absent */
int64_t stripe_left(const json_t *invoice);               /* what is still to be paid */
const char *stripe_event_type(size_t i);                  /* the i-th type of event that matters; NULL: no more */

#endif
