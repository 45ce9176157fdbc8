/* What a decline means for the next step. Constant tables; any thread.
 *
 * Classes: H never again with this card - N the customer or new data is needed - A the customer must authenticate -
 * S soft, later - M the merchant's side - ? nobody knows: ask a person, never retry by itself. */
#ifndef DW_ADAPTERS_BILLING_DECLINES_H
#define DW_ADAPTERS_BILLING_DECLINES_H

#include "engine/base.h"
#include "engine/buf.h"

/* What a processor tells of one refused payment. Any of them may be NULL. */
struct decline {
    const char *code;           /* Stripe's decline_code (or code, or outcome.reason) */
    const char *advice;         /* Stripe's advice_code */
    const char *brand;          /* "visa", "mastercard": the network codes are read by it */
    const char *network_code;   /* the network's response code: "51" */
    const char *network_advice; /* Mastercard's merchant advice code: "03"; means nothing for other brands */
};

/* One letter of the above as text. A network's "never again" always counts, for breaking it costs fees; then the advice
 * outranks the code, and the network's code is asked when the code says nothing. */
const char *decline_class(const struct decline *d);
/* The code alone: a class, or "?". */
const char *decline_code_class(const char *code);
/* What the configuration says of a gateway's own code, which no table knows: "51=S, braintree/2001=S stolen=H"; a row that names the
 * gateway outranks one that does not. gateway may be NULL. "?": nothing. */
const char *decline_mapped(const char *map, const char *gateway, const char *code);
/* False: `wrong` is the first row that is none. */
bool decline_map_fits(const char *map, struct span *wrong);
/* Visa's category of a response code: 1 never, 2 not now, 3 fix the data first, 4 all others. 0 for an empty code. */
int decline_visa_category(const char *network_code);
/* How long the network wants us to wait before the next attempt (Mastercard's codes 24 to 30); 0 when it does not say. */
int64_t decline_wait_ms(const struct decline *d);

#endif
