/* A settlement that was agreed: the customer pays so much by a day, then the rest is written off by that same approval. */
#ifndef DW_ENGINE_SETTLEMENT_H
#define DW_ENGINE_SETTLEMENT_H

#include "engine/proposal.h"

void settle_begin(struct engine *e, struct recovery *r, const struct proposal *p); /* it was approved: quiet until the day, then a look */
void settle_look(struct engine *e, struct recovery *r, const json_t *read);        /* fresh facts: has the payment come? */
void settle_passed(struct engine *e, struct recovery *r, int64_t id);              /* its timer */
bool settle_ready(const struct proposal *p);                                       /* the payment has come; the rest may be written off */
/* The same agreement on what is left of it now; NULL when nothing is, or more than was approved. New. */
json_t *settle_rest_terms(const struct recovery *r, const struct proposal *p);
int64_t settle_waits(struct engine *e, int64_t case_id);                           /* the settlement in force, by its number; 0 none */
char *settle_waits_words(const struct proposal *p);                                /* "waits for their payment of $500.00 by 5 Jan 2027" */

#endif
