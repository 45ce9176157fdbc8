/* Between the files of the Chargebee driver: chargebee.c (table, webhooks), chargebee_ops.c (how it speaks; link, check),
 * chargebee_read.c, chargebee_hold.c (hold, release, defer, plan), chargebee_collect.c, chargebee_settle.c (credit, write_off, note,
 * catch_up, overdue). */
#ifndef DW_ADAPTERS_BILLING_CHARGEBEE_H
#define DW_ADAPTERS_BILLING_CHARGEBEE_H

#include "adapters/billing/rest.h"
#include "adapters/billing/units.h"

struct chargebee_config {
    struct driver_config base;
    char *site, *base_url, *api_key, *webhook_user, *webhook_password, *return_url, *declines;
};

extern const struct rest_vendor chargebee_vendor;
extern const struct rest_op chargebee_read, chargebee_hold, chargebee_release, chargebee_defer, chargebee_plan, chargebee_collect, chargebee_catch_up, chargebee_overdue;
extern const struct rest_settle chargebee_settle;
extern const struct units chargebee_units[];

int64_t chargebee_ms(const json_t *owner, const char *path);           /* epoch seconds to ms; 0 when absent */
const char *chargebee_status(const char *theirs);                      /* an invoice's status in our words */
/* Until when dunning is paused; 0 when it is not, or no longer. */
int64_t chargebee_paused_ms(const json_t *invoice, int64_t now_ms);
/* Is Chargebee retrying and reminding by itself, or would it, were it not for a pause? */
bool chargebee_in_dunning(const json_t *invoice);
bool chargebee_of_invoice(const json_t *transaction, const char *invoice);
/* The card that a transaction was charged to, by its own word; "" where it tells none. */
struct chargebee_card {
    char brand[40], last4[8];
};
void chargebee_card_of(const json_t *transaction, struct chargebee_card *out);
/* What a refused transaction means: fills {code, class, advice, network_code, text, wait_ms}. brand: of its source; NULL: the transaction tells. */
void chargebee_put_decline(const struct rest_call *c, json_t *out, const json_t *transaction, const char *brand);
/* Refuses when the body's invoice is not `id` or not the customer of the arguments. False then. */
bool chargebee_is_invoice(struct rest_call *c, const char *id);

#endif
