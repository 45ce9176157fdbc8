/* Between stripe_read.c (customer, invoices, methods, subscription) and stripe_payments.c (payments, attempts): the parts
 * of the stage of a read. All of it belongs to the step in progress.
 *
 * invoices, payments, methods, account, subscription: as in the result. todo: invoices whose payments are to be read.
 * intents: payment intents to be read. links: {payment intent or charge: invoice}. errors: {payment intent: the payment
 * it tells of}. attempts: [{at_ms, card}]. */
#ifndef DW_ADAPTERS_BILLING_STRIPE_READ_H
#define DW_ADAPTERS_BILLING_STRIPE_READ_H

#include "adapters/billing/stripe.h"

json_t *read_part(const struct stripe_call *c, const char *name);                /* borrowed */
void read_put(json_t *object, const char *key, const char *text);                /* foreign text, bounded; NULL: null */
void read_put_currency(json_t *object, const char *code);                        /* "USD" */
bool read_has_invoice(const struct stripe_call *c, const char *id);
void read_link(struct stripe_call *c, const char *payment, const char *invoice); /* this payment is of that invoice */
void read_want_intent(struct stripe_call *c, const char *id);
/* For what may be missing: goes on to `next` when the server does not know it, or is in trouble for too long. */
bool read_go_on_without(struct stripe_call *c, const char *next);

/* Invoice payments of one invoice after the other, then intents not seen by then, then charges. */
void read_next_detail(struct stripe_call *c);
void read_payments_send(struct stripe_call *c);
void read_payments_take(struct stripe_call *c);
bool read_payments_trouble(struct stripe_call *c);
void read_intent_send(struct stripe_call *c);
void read_intent_take(struct stripe_call *c);
bool read_intent_trouble(struct stripe_call *c);
void read_charges_send(struct stripe_call *c);
void read_charges_take(struct stripe_call *c);
bool read_charges_trouble(struct stripe_call *c);
/* At the end: payments and attempts that only intents tell of; then the counts. */
void read_count_intents(struct stripe_call *c);
json_t *read_network(const struct stripe_call *c);

#endif
