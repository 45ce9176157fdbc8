/* Attempts as the card networks count them: by card and merchant, over 30 days and over one, whoever made them. For the read of
 * every billing driver. Pure; any thread. */
#ifndef DW_ADAPTERS_BILLING_ATTEMPTS_H
#define DW_ADAPTERS_BILLING_ATTEMPTS_H

#include "engine/json.h"

/* One refusal that reached a gateway. card: what the vendor knows the card by, a fingerprint or the id of a method; "": it does not say. */
void attempts_add(json_t *list, int64_t at_ms, const char *card);
/* Puts attempts_window (30 days) and attempts_day on each of methods [{id, brand, last4, fingerprint?}] and takes the fingerprint off.
 * Returns the same two numbers of the card that failed last, for whoever does not know by which method it will be: new.
 * Methods are one card when the vendor's fingerprints are equal; where it has none, brand and last four digits stand for the card,
 * so two cards that share them count as one: too many rather than too few. A refusal of no known card counts for every card. */
json_t *attempts_count(const json_t *list, json_t *methods, int64_t now_ms);

#endif
