/* Between the files of the Kill Bill driver: killbill.c (table, webhooks), killbill_ops.c (how it speaks; check and link),
 * killbill_read.c, killbill_hold.c (hold, release, defer, plan), killbill_collect.c, killbill_settle.c (credit, write_off, note),
 * killbill_since.c (catch_up, overdue).
 * How an operation steps: rest.h.
 *
 * Kill Bill answers with objects, lists or nothing at all. A list is seen as {"list": [...]}, nothing as {}. */
#ifndef DW_ADAPTERS_BILLING_KILLBILL_H
#define DW_ADAPTERS_BILLING_KILLBILL_H

#include "adapters/billing/rest.h"

struct killbill_config {
    struct driver_config base;
    char *base_url, *username, *password, *api_key, *api_secret, *webhook_secret, *declines;
};

extern const struct rest_op killbill_read, killbill_hold, killbill_release, killbill_defer, killbill_plan, killbill_collect, killbill_catch_up, killbill_overdue;
extern const struct rest_settle killbill_settle;

void killbill_step(const void *config, const struct job *job, const struct http_response *previous, struct step *out);

/* --- for states --- */

/* "1.0/kb/<collection>/<id><rest>", the id percent-encoded; id NULL: none */
void killbill_get(struct rest_call *c, const char *collection, const char *id, const char *rest);
/* A write: carries who, which case and which approval, as Kill Bill's audit log keeps them. The body, JSON, may be NULL. */
void killbill_write(struct rest_call *c, const char *method, const char *collection, const char *id, const char *rest, const char *body);
const json_t *killbill_list(const struct rest_call *c);
/* The row of a list whose text at `path` is this; borrowed, NULL when there is none. */
const json_t *killbill_row(const json_t *list, const char *path, const char *text);

/* --- values --- */

/* A decimal to minor units; 0 when there is none. */
int64_t killbill_money(const json_t *owner, const char *path, const char *currency);
int64_t killbill_ms(const char *iso, const char *zone); /* "2026-11-22T01:56:15.000Z", or "2026-11-22" in a zone; 0 when it is neither */
/* {code, class, text} of a transaction that failed, into `out`. */
void killbill_put_decline(const struct rest_call *c, json_t *out, const json_t *transaction);
/* What the map says of a code of one payment plugin (NULL: whichever it is); and does it name any plugin? */
const char *killbill_class(const struct rest_call *c, const char *plugin, const char *code);
bool killbill_asks_plugin(const struct rest_call *c);

#endif
