/* A decision that is carried out at several billing systems: one effect at each, one end for people. See saga.c. Engine
 * thread, inside a turn. */
#ifndef DW_ENGINE_SAGA_H
#define DW_ENGINE_SAGA_H

#include "engine/proposal.h"
#include "engine/readings.h"

/* Hands a proposal to billing: args (adapters/adapter.h) are shared out by whose invoices they name. */
void saga_start(struct engine *e, struct recovery *r, struct proposal *p, const json_t *args);
/* The billing systems that terms concern, by the invoices they name; at least one. */
size_t saga_parts(const struct recovery *r, const json_t *terms, struct billed *out, size_t most);
/* Those of the terms' invoices that are there. New. */
json_t *saga_invoices_of(const struct recovery *r, const json_t *terms, const struct billed *part);
/* Is this a person's work there, because its API has no way? note: what to do. */
bool saga_by_hand(struct engine *e, const struct billed *part, enum verb verb, const char **note);
/* "stripe and zuora": where terms are carried out. New string. */
char *saga_names(const struct recovery *r, const json_t *terms);
/* By whom and how terms would be carried out, at each billing system that they concern. Borrowed from r, terms and the drivers. */
struct carried {
    struct billed at;
    const char *how, *note; /* adapters/adapter.h: "native", "emulated", "manual", "none" */
};
size_t saga_carried(struct engine *e, const struct recovery *r, enum verb verb, const json_t *terms, struct carried out[BILLERS_MOST]);

/* How one of its effects ended; borrowed. result NULL unless done, or some was done before the refusal. */
struct leg_end {
    const char *biller, *customer;
    bool done;
    const json_t *result;
    const char *reason;
};
/* The proposal is told when all its parts have ended: its effects, and the tasks of people. */
void saga_leg_ended(struct engine *e, int64_t proposal_id, const struct leg_end *end);
/* A task has ended: is there anything left to wait for? p is saved. */
void saga_look(struct engine *e, struct recovery *r, struct proposal *p);
/* Each release of a hold that is under way asks again for the part that was refused. False: none is. */
bool saga_release_again(struct engine *e, const struct recovery *r, int64_t hold_id);
/* "stripe and zuora": where its machines' parts are confirmed. False: nowhere. */
bool saga_done_places(struct buf *out, const struct engine *e, const struct proposal *p);
/* What still waits for somebody's hand is not wanted any more (verbs: SM_BIT, or-ed); what was done of it is put back. */
void saga_call_off(struct engine *e, struct recovery *r, unsigned verbs, const char *why);
/* Is nothing out for it, but a person's work? The case need not stand still for that. */
bool saga_waits_for_hands(struct engine *e, int64_t case_id, enum verb verb);
/* Invoices that somebody is to quieten by hand. New. */
json_t *saga_awaited(struct engine *e, int64_t case_id);

#endif
