/* Facts: what is known of an account now, each with its source and the time it was read. Engine thread only.
 *
 * A set is a JSON object {name: {"v": value, "s": source, "t": as_of_ms}}; it is stored with the case and with each
 * decision. Names are fixed (the table in facts.c), but for account.*: a column of the book that Dunwell does not know is a
 * fact as well. Money is integer minor units in the currency of the fact "invoice.currency" or "account.currency"; names
 * that end in _ms are times. The names:
 *   tier fragile                                          (source "policy")
 *   account.known .key .name .tier .annual_value .currency .renewal_ms .region .plan .ae .sentiment .open_tickets
 *     .top_priority .csat .billing .billing_id .email .timezone .language, and .ANY_OTHER_COLUMN
 *   customer.id .name .email .currency                    (billing's own words for the account)
 *   invoice.due .count .currency .other_currencies .id .number .attempts .next_attempt_ms .auto_advance .collection
 *     .oldest_due_ms
 *   payment.id .method .decline_code .class .advice .network_advice .network_code .at_ms .text
 *   method.id .brand .last4 .exp .others    subscription.id .status    network.attempts_window .attempts_day
 *   account.renewal_in_days invoice.overdue_days          (reckoned when asked for, never stored) */
#ifndef DW_ENGINE_FACTS_H
#define DW_ENGINE_FACTS_H

#include "engine/book.h"

struct facts {
    json_t *set; /* owned */
    const struct json_member *unread; /* borrowed; NULL but for a set that is only looked at: what is asked for is read then */
    size_t n_unread;
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
/* For people. fact_label: "Annual value"; for a column of the book that Dunwell does not know, the column's name (borrowed
 * from `name`). fact_words: "$412,000.00", "12 Mar 2027", "-0.4"; "not known" when it is not. The caller frees. */
const char *fact_label(const char *name);
char *fact_words(const struct facts *f, const char *name);
/* Older than one may rely on: what billing said for 1 hour, the account book for 7 days. What is not known is stale;
 * what policy said is not. */
bool fact_stale(const struct facts *f, const char *name, int64_t now_ms);

enum fact_kind { FACT_TEXT, FACT_CLASS, FACT_FLAG, FACT_INTEGER, FACT_NUMBER, FACT_MONEY, FACT_TIME, FACT_DAY, FACT_SUMS, FACT_COLUMN };
/* Which kind a name is of; false when there is no such fact. FACT_COLUMN: an account.* column that Dunwell does not know. */
bool fact_kind_of(const char *name, enum fact_kind *kind);
const char *fact_nearest(const char *name); /* the known name that looks most like it, or NULL */
bool fact_money(const struct facts *f, const char *name, struct money *out); /* false when it or its currency is not known */
/* A new value, also of the facts that are reckoned from others and the time; NULL when not known. */
json_t *fact_at(const struct facts *f, const char *name, int64_t now_ms);

void text_sha256(char out[65], const char *text); /* lower-case hex */
/* sha256 (hex) of names and values without sources and times: what an approval is bound to. The caller frees. */
char *facts_hash(const struct facts *f);

#endif
