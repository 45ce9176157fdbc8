/* Proposals about money that is given up, and about billing's own next attempt: what they have in common.
 *
 * Terms: {parts: [{invoice, number, amount}]} and, by verb: write_off {all}, settle {pays, by_ms, zone}, defer {until_ms, zone}. Each part is
 * one call at billing; a settlement's parts are the invoices as they were agreed, and become the rest once the payment has come. */
#ifndef DW_ENGINE_PROPOSAL_MONEY_H
#define DW_ENGINE_PROPOSAL_MONEY_H

#include "engine/proposal.h"

bool verb_gives_up(enum verb v);  /* credit, write-off, settlement: cannot be undone, never without somebody's yes */
bool verb_has_parts(enum verb v); /* those, and a deferral */

/* What a credit or a settlement of `amount` would say, as proposal_credit and proposal_settlement judge it: new terms. */
int money_terms(const struct recovery *r, enum verb verb, struct money amount, const char *invoice, int64_t by_ms, json_t **out, struct err *err) DW_MUST_CHECK;
int64_t money_parts_sum(const json_t *terms);
/* What is at stake: the amount that is given up; of a deferral all that is due. */
struct money money_given_up(const struct recovery *r, enum verb verb, const json_t *terms);
enum bound money_bound(const struct engine *e, const struct recovery *r, enum verb verb, const json_t *terms, char *why, size_t size);
/* Do the terms still add up to what is due, and does the policy still allow them? */
bool money_fits(const struct engine *e, const struct recovery *r, const struct proposal *p, char *why, size_t size);
bool money_parts_fit(const struct recovery *r, const struct proposal *p, char *why, size_t size); /* the first half of that alone */
json_t *money_terms_again(const struct recovery *r, const struct proposal *p); /* for what is due now; NULL: they cannot be */
/* Terms that give up less than p does: a smaller credit on the same invoice, a settlement with more paid by the same day. */
int money_counter_terms(const struct recovery *r, const struct proposal *p, struct money amount, json_t **out, struct err *err);
json_t *money_arguments(const struct proposal *p, size_t part);                /* for the driver; new */
/* One agreement about money at a time, and none over a plan that is on its way. */
int money_nothing_else_runs(struct engine *e, const struct recovery *r, struct err *err);
/* native, emulated, manual or none: of the weakest billing system that the terms concern. */
const char *money_capability(struct engine *e, const struct recovery *r, enum verb verb, const json_t *terms, const char **note);
size_t money_parts_done(struct engine *e, const struct proposal *p); /* how many calls billing has confirmed */
void money_part_ended(struct engine *e, struct recovery *r, const struct proposal *p, size_t part);
/* "written off", "credited", "settled": what closed the case, when before this reading all that was due is what we gave up; else NULL.
 * Static text. */
const char *money_outcome(struct engine *e, const struct recovery *r);
void money_words(const struct proposal *p, char *out, size_t size);

#endif
