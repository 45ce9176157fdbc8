/* Between the files of the Recurly driver: recurly.c (table, webhooks), recurly_ops.c (how it speaks; link, check, resolve and what is
 * a person's work), recurly_values.c (amounts, times, declines), recurly_read.c, recurly_collect.c, recurly_settle.c (credit,
 * write_off, note, defer), recurly_since.c (catch_up, overdue).
 *
 * Names: a customer is the account's code as people see it ("acme"; code-acme in addresses), an invoice is "number-1031", a
 * payment that an event names is "uuid-..." until it is resolved. */
#ifndef DW_ADAPTERS_BILLING_RECURLY_H
#define DW_ADAPTERS_BILLING_RECURLY_H

#include "adapters/billing/rest.h"

struct recurly_config {
    struct driver_config base;
    char *base_url, *api_key, *webhook_secret, *subdomain;
};

extern const struct rest_vendor recurly_vendor;
extern const struct rest_op recurly_read, recurly_collect, recurly_defer, recurly_catch_up, recurly_overdue;
extern const struct rest_settle recurly_settle;

/* --- recurly_values.c --- */
/* Reads a body so that no amount ever becomes a double: numbers with a fraction or an exponent become strings. New, or NULL. */
json_t *recurly_json(struct span body);
/* An amount in minor units. ERR_NOT_FOUND when there is none, ERR_INVALID when it cannot be read. */
int recurly_minor(int64_t *out, const json_t *owner, const char *path, const char *currency) DW_MUST_CHECK;
/* "2022-07-27T00:17:45Z", also with a fraction or an offset; 0 for anything else. */
int64_t recurly_ms(const json_t *owner, const char *path);
const char *recurly_status(const char *state); /* an invoice's state in our words */
/* The class of a refused payment. Any of them may be NULL. */
const char *recurly_class(const char *decline_code, const char *code, const char *category);

/* --- recurly_ops.c --- */
char *recurly_account_path(const struct rest_call *c, const char *rest); /* "accounts/code-<customer><rest>" */
/* Refuses when the body is not this invoice, or not of the customer of the arguments. False then. */
bool recurly_is_invoice(struct rest_call *c, const char *id);

#endif
