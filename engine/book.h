/* The account book: what is known of each account outside billing (name, tier, AE, value, sentiment, ...). Rows come from
 * a CRM driver (adapters/crm/file.c fills one from accounts.csv). Read-only once built; the engine thread owns the
 * current one and swaps in a newer one between turns. */
#ifndef DW_ENGINE_BOOK_H
#define DW_ENGINE_BOOK_H

#include "engine/json.h"
#include "engine/money.h"

/* An account's name at one billing system. */
struct identity {
    char *billing, *id;
    int line; /* where the file says so; 0 when no file does */
};

struct account {
    char *key, *name, *tier; /* tier may be ""; book_add turns every NULL text into "" */
    struct money value;      /* annual value; without a currency it is not known */
    char *ae, *billing, *billing_id, *email, *zone, *language, *region, *plan;
    int64_t renewal_ms;  /* 0 when unknown */
    int line;            /* of its row in the file; 0 when it is of none */
    struct identity *also; /* the same customer at further billing systems; book_link adds to it */
    size_t n_also;
    json_t *facts;       /* every column without a field above: {"sentiment": "-0.4", "anything_else": "..."} as text */
};

struct book;

struct book *book_new(const char *source, int64_t as_of_ms); /* source: shown with each fact, e.g. "accounts.csv" */
void book_free(struct book *b);
/* Takes the row. ERR_CONFLICT when the key or (billing, billing_id) is there already. */
int book_add(struct book *b, struct account *take_row, struct err *e) DW_MUST_CHECK;
/* The account `key`, which is there, is also known as `id` at `billing`. ERR_NOT_FOUND, or ERR_CONFLICT when that is another's. */
int book_link(struct book *b, const char *key, const char *billing, const char *id, int line, struct err *e) DW_MUST_CHECK;
void account_free(struct account *a);
void book_seal(struct book *b); /* after the last row: builds the indexes */

size_t book_count(const struct book *b);
const struct account *book_at(const struct book *b, size_t i); /* in file order */
const char *book_source(const struct book *b);
int64_t book_as_of_ms(const struct book *b);
const struct account *book_by_key(const struct book *b, const char *key);
const struct account *book_by_billing(const struct book *b, const char *billing, const char *billing_id);

/* By what a person types: key, billing id, exact name, then a unique prefix, then a unique word of the name (case-folded).
 * ERR_NOT_FOUND with the nearest names, ERR_AMBIGUOUS with a list of up to five: never a guess. */
int book_find(const struct account **out, const struct book *b, const char *text, struct err *e) DW_MUST_CHECK;

#endif
