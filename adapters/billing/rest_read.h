/* For reads: parts of the stage that every vendor's read has: invoices, payments, methods (as in the result), attempts, account,
 * subscription. Engine thread. */
#ifndef DW_ADAPTERS_BILLING_REST_READ_H
#define DW_ADAPTERS_BILLING_REST_READ_H

#include "adapters/billing/rest.h"

/* The empty lists. Refuses without a customer. */
void rest_read_begin(struct rest_call *c);
/* An invoice that was read already; borrowed, NULL: not yet. */
json_t *rest_read_invoice(const struct rest_call *c, const char *id);
/* The subscription to read: the asked invoice's, else the last one's; "": none of them is of one. */
const char *rest_read_subscription(const struct rest_call *c);
/* The end: the result of the stage's parts, with the attempts counted. subscription NULL: the stage's, or none. */
void rest_read_done(struct rest_call *c, json_t *take_subscription);

#endif
