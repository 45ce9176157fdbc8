/* A decision that is carried out at several billing systems: one effect at each, one end for people. See saga.c. Engine
 * thread, inside a turn. */
#ifndef DW_ENGINE_SAGA_H
#define DW_ENGINE_SAGA_H

#include "engine/proposal.h"
#include "engine/readings.h"

/* Hands a proposal to billing: args (adapters/adapter.h) are shared out by whose invoices they name. */
void saga_start(struct engine *e, struct recovery *r, const struct proposal *p, const json_t *args);
/* The billing systems that a proposal concerns, at least one. */
size_t saga_parts(const struct recovery *r, const struct proposal *p, struct billed *out, size_t most);
/* Is this a person's work there, because its API has no way? note: what to do. */
bool saga_by_hand(struct engine *e, const struct billed *part, enum verb verb, const char **note);

/* How one of its effects ended; borrowed. result NULL unless done, or some was done before the refusal. */
struct leg_end {
    const char *biller, *customer;
    bool done;
    const json_t *result;
    const char *reason;
};
/* The proposal is told when all its effects have ended. */
void saga_leg_ended(struct engine *e, int64_t proposal_id, const struct leg_end *end);

#endif
