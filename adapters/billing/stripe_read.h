/* Between stripe_read.c (customer, invoices, methods, subscription) and stripe_payments.c (payments, attempts): the parts
 * of the stage of a read. All of it belongs to the step in progress.
 *
 * invoices, payments, methods, account, subscription: as in the result. todo: invoices whose payments are to be read.
 * intents: payment intents to be read. links: {payment intent or charge: invoice}. errors: {payment intent: the payment
 * it tells of}. attempts: [{at_ms, card}]. */
#ifndef DW_ADAPTERS_BILLING_STRIPE_READ_H
#define DW_ADAPTERS_BILLING_STRIPE_READ_H

#include "adapters/billing/rest_read.h"
#include "adapters/billing/stripe.h"

void read_link(struct rest_call *c, const char *payment, const char *invoice); /* this payment is of that invoice */
void read_want_intent(struct rest_call *c, const char *id);

/* Invoice payments of one invoice after the other, then intents not seen by then, then charges. */
void read_next_detail(struct rest_call *c);
void read_payments_send(struct rest_call *c);
void read_payments_take(struct rest_call *c);
bool read_payments_trouble(struct rest_call *c);
void read_intent_send(struct rest_call *c);
void read_intent_take(struct rest_call *c);
bool read_intent_trouble(struct rest_call *c);
void read_charges_send(struct rest_call *c);
void read_charges_take(struct rest_call *c);
bool read_charges_trouble(struct rest_call *c);
/* At the end: payments and attempts that only intents tell of. */
void read_count_intents(struct rest_call *c);

#endif
