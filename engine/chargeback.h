/* Payments that a customer's bank takes back, as billing said when it was asked: one row a payment, in the state it was last read in. */
#ifndef DW_ENGINE_CHARGEBACK_H
#define DW_ENGINE_CHARGEBACK_H

#include "engine/recovery.h"

/* `disputed` is {payment, amount, currency, state: "open" | "won" | "lost" | "dropped"}, as the operation "resolve" gives it; a state that
 * is none of these is open. What was known already changes nothing. Else the account has a note, and its open case a line in its story:
 * an open one makes it a disputed case; the end of the last one gives a case that was disputed for that alone to the policy again, or
 * to a person where the money is lost. Whoever calls has billing read again afterwards. */
void chargeback_read(struct engine *e, const char *biller, const char *customer, const json_t *disputed);
/* A decision was made: a hold that only a dispute at the bank wanted ends with that, unless the decision has taken it over. */
void chargeback_hold_over(struct engine *e, struct recovery *r);

struct chargeback {
    char payment[96], state[16];
    int64_t at_ms; /* since when it stands so */
    char *words;   /* one sentence, without a full stop: "the bank has decided for us about ..." */
};
enum { CHARGEBACKS_SHOWN = 3 };
/* What matters to this case: those still open, and what changed since it was opened; the newest first. Returns how many. Owned by the
 * caller: chargebacks_free. */
size_t chargebacks_of(struct engine *e, const struct recovery *r, struct chargeback out[CHARGEBACKS_SHOWN]);
void chargebacks_free(struct chargeback *list, size_t n);

#endif
