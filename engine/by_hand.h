/* What a billing system's API has no way for is a person's work: a task, kept in the terms of its proposal and ticked off by
 * `done A-n`. See by_hand.c. Engine thread, inside a turn.
 *
 * terms.tasks: [{biller, customer, invoices: [id], what: "$1,200.00 on 1002", note, state, by, why}] */
#ifndef DW_ENGINE_BY_HAND_H
#define DW_ENGINE_BY_HAND_H

#include "engine/buf.h"
#include "engine/proposal.h"
#include "engine/readings.h"

/* note: what to do there; needless: why nobody has to, or NULL. */
void by_hand_add(const struct recovery *r, struct proposal *p, const struct billed *at, json_t *take_invoices, const char *note, const char *needless);
/* How many are open; place: only those at that system, "" or NULL for all. */
size_t by_hand_open(const struct proposal *p, const char *place);
bool by_hand_has(const struct proposal *p); /* any, whatever became of them */
bool by_hand_counts(const struct proposal *p); /* any that is open or done: somebody's time */
/* Whoever says so has done the open ones there. */
void by_hand_tick(struct proposal *p, const char *place, const char *by);
/* The open ones are not done any more, and why; needed: the proposal cannot do without them. */
void by_hand_off(struct proposal *p, const char *why, bool needed);
/* What was done by hand goes into the list of that name, and what was not into `missing`, in words. */
void by_hand_result(const struct proposal *p, const char *list, json_t *all, struct buf *missing);
/* "by hand at zuora ($1,200.00 on 1002): Stop the dunning there. When it is done: done A-1"; false: nothing is open. */
bool by_hand_words(struct buf *out, const struct proposal *p);
/* "zuora and recurly": where it was done by hand. False: nowhere. */
bool by_hand_places(struct buf *out, const struct proposal *p);

#endif
