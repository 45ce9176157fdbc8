/* For hold, release, defer and plan where a vendor knows them by invoice: the stage's list of invoices, one in work at a time.
 *
 * The list is [{id, todo, done, gone, prior}]: todo, it is to be written; done, it counts as held or released; gone, the vendor does not
 * know it; prior, how it was before: as the operation's result has it, or a mere flag, did it advance by itself. "i" is the one in work.
 * Engine thread. */
#ifndef DW_ADAPTERS_BILLING_REST_ITEMS_H
#define DW_ADAPTERS_BILLING_REST_ITEMS_H

#include "adapters/billing/rest.h"

/* Is this the operation under way? */
bool rest_is(const struct rest_call *c, const char *op);
/* The list, of `invoices` or for a defer of `invoice`. False: refused. */
bool rest_items_begin(struct rest_call *c);
json_t *rest_item(const struct rest_call *c); /* the one in work */
const char *rest_item_id(const struct rest_call *c);
/* Goes to the one after it; false after the last. */
bool rest_items_on(struct rest_call *c);
/* Goes to the first that is to be written, and begins its count of writes and looks anew; false when none is left. */
bool rest_items_todo(struct rest_call *c);
/* {held, prior} or {released, missing}: what was reached so far. Said also when the rest is refused, so that nothing held is forgotten. New. */
json_t *rest_items_result(const struct rest_call *c);
/* "3x from 2027-01-05: 2027-01-05 401.67 USD, ...": the instalments of the arguments, as far as there is room. */
void rest_instalments(const struct rest_call *c, struct buf *out);

#endif
