/* Facts: what is known of an account now, each with its source and the time it was read. Engine thread only.
 *
 * A set is a JSON object {name: {"v": value, "s": source, "t": as_of_ms}}; it is stored with the case and with each
 * decision. Names are fixed (see facts.c for the list); money is integer minor units in the fact "invoice.currency" or
 * "account.currency". */
#ifndef DW_ENGINE_FACTS_H
#define DW_ENGINE_FACTS_H

#include "engine/book.h"

struct facts {
    json_t *set; /* owned */
};

void facts_init(struct facts *f);
void facts_fini(struct facts *f);
void facts_put(struct facts *f, const char *name, json_t *take_value, const char *source, int64_t as_of_ms);
const json_t *facts_get(const struct facts *f, const char *name); /* the value; NULL when not known */
const char *facts_str(const struct facts *f, const char *name);   /* "" when not known */
int64_t facts_i64(const struct facts *f, const char *name, int64_t otherwise);
const char *facts_source(const struct facts *f, const char *name);
int64_t facts_as_of(const struct facts *f, const char *name); /* 0 when not known */

/* Everything the account book knows: "account.name", "account.annual_value", "account.sentiment" (a number where the
 * text is one), ... account may be NULL: then only what can be said of a stranger. */
void facts_add_account(struct facts *f, const struct account *a, const struct book *b);
/* A billing driver's "read" result (adapters/adapter.h): "invoice.due", "invoice.currency", "invoice.id", "invoice.attempts",
 * "payment.decline_code", "payment.class", "method.id", "network.attempts", ... Source is the biller's name. */
void facts_add_billing(struct facts *f, const json_t *read, const char *biller, int64_t as_of_ms);
/* sha256 (hex) of names and values without sources and times: what an approval is bound to. The caller frees. */
char *facts_hash(const struct facts *f);

#endif
