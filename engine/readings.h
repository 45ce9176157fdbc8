/* Reading a customer at every billing system that bills them, into one set of facts. See readings.c. Engine thread. */
#ifndef DW_ENGINE_READINGS_H
#define DW_ENGINE_READINGS_H

#include "engine/buf.h"
#include "engine/recovery.h"

enum { BILLERS_MOST = 8 };

/* A customer at a billing system; borrowed. */
struct billed {
    const char *biller, *customer;
};

/* Where the customer of a case is billed: first where the case was opened, then what the account book links. */
size_t recovery_billed(const struct engine *e, const struct recovery *r, struct billed out[BILLERS_MOST]);
/* Whose an open invoice of the case is: the reading says it; of one that is not known, where the case was opened. */
struct billed recovery_billed_of(const struct recovery *r, const char *invoice);
/* "stripe", "stripe and zuora", "stripe, zuora and recurly", each once. New string. */
char *billers_names(const struct billed *list, size_t n);
/* What is open there, each currency by itself: "$1,200.00", "$1,200.00 and 300.00 EUR". at NULL: anywhere; ids: only those invoices,
 * NULL all. False: nothing. */
bool recovery_owed_words(struct buf *out, const struct recovery *r, const struct billed *at, const json_t *ids);
/* Asks for facts because of an invoice at one of them; `at` NULL: whose it is, is known or does not matter. */
void recovery_ask_facts_at(struct engine *e, struct recovery *r, const struct billed *at, const char *invoice);
/* A read ended. result NULL: it could not be read, reason says why. */
void reading_ended(struct engine *e, int64_t case_id, const char *biller, const json_t *args, const json_t *result, const char *reason);

#endif
