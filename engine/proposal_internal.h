/* Shared by the proposal_*.c files only. */
#ifndef DW_ENGINE_PROPOSAL_INTERNAL_H
#define DW_ENGINE_PROPOSAL_INTERNAL_H

#include "engine/proposal.h"

struct draft {
    enum verb verb;
    json_t *take_terms;
    const char *requester, *reason, *bound;
    struct money amount;
    int64_t replaces;
};

/* A new row in state drafted. */
struct proposal *proposal_draft(struct engine *e, struct recovery *r, const struct draft *d);
/* Moves by the table, saves the row and writes the journal. detail is borrowed, may be NULL. */
void proposal_move(struct engine *e, const struct recovery *r, struct proposal *p, const struct actor *who, enum proposal_state to,
                   const json_t *detail, const char *fmt, ...) DW_PRINTF(7, 8);
/* Hands it to billing (in shadow mode: only records it). With stale facts it first waits for fresh ones. */
void proposal_queue(struct engine *e, struct recovery *r, struct proposal *p, const struct actor *who);
/* Asks people: state asked, expiry timer. */
void proposal_ask(struct engine *e, struct recovery *r, struct proposal *p, const struct actor *who);
bool proposal_anybody_may_decide(const struct engine *e, const char *requester, struct money amount);
/* Is this a person's work at this biller, because its API has no way? note: what to do. */
bool proposal_by_hand(struct engine *e, const struct recovery *r, const struct proposal *p, const char **note);
bool proposal_fits(const struct recovery *r, const struct proposal *p, char *why, size_t size); /* do the terms still add up? */

#endif
