/* Shared by the proposal_*.c files only. */
#ifndef DW_ENGINE_PROPOSAL_INTERNAL_H
#define DW_ENGINE_PROPOSAL_INTERNAL_H

#include "engine/approval.h"
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
/* What every request must meet before its terms are looked at: rights, fresh facts. */
int proposal_may_ask(struct engine *e, struct recovery *r, const struct actor *who, struct err *err);
int proposal_none_pending(struct engine *e, const struct recovery *r, enum verb verb, struct err *err);
/* Would a hold until then end before what was agreed (a plan, a settlement) has come in, so that billing collects all of it? why: a sentence. */
bool proposal_breaks_word(struct engine *e, const struct recovery *r, int64_t end_ms, char *why, size_t size);
/* Inside policy: to billing. With a manager's yes: asked. Takes d->take_terms. */
int proposal_put(struct engine *e, struct recovery *r, const struct actor *who, struct draft *d, enum bound bound, char *said, size_t size,
                 struct err *err);
/* Asks people: state asked, expiry timer; from now on it is bound to what is shown. instead_of: the request that this one takes
 * the place of because of `changed`, or 0 and NULL. */
void proposal_ask(struct engine *e, struct recovery *r, struct proposal *p, const struct actor *who, int64_t instead_of, const char *changed);
/* Could a draft like this ever be approved? ERR_DENIED says why not. */
int proposal_possible(struct engine *e, const struct recovery *r, const struct draft *d, struct err *err);
enum basis { BASIS_SAME, BASIS_BETTER, BASIS_WORSE };
/* What is known now against what was shown. words: the difference, for people. */
enum basis proposal_compare(const struct recovery *r, const struct proposal *p, char *words, size_t size);
/* Binds a request to the facts, terms and policy of now. */
void proposal_bind(struct engine *e, const struct recovery *r, struct proposal *p, const struct approval *a, int64_t instead_of, const char *changed);
/* Lowers it, or voids it and asks again, as the facts demand. True when it still stands as it was shown. */
bool proposal_recheck(struct engine *e, struct recovery *r, struct proposal *p, char *words, size_t size);
/* Enough votes, fresh facts: to billing. Enough votes, old facts: they are read again first. */
enum settled { SETTLED_OPEN, SETTLED_READING, SETTLED_QUEUED, SETTLED_VOID };
enum settled proposal_settle(struct engine *e, struct recovery *r, struct proposal *p, struct tally *t);
bool proposal_facts_fresh(const struct engine *e, const struct recovery *r);
/* Does it wait for somebody's hand, because an API has no way? */
bool proposal_by_hand(struct engine *e, const struct recovery *r, const struct proposal *p);
/* Nobody will do it by hand: the person's word, for `withdraw`. */
int proposal_not_by_hand(struct engine *e, struct recovery *r, struct proposal *p, const struct actor *who, const char *why, char *said, size_t size, struct err *err);
/* The case waits for a release that was refused. */
void release_goes_on(struct engine *e, struct recovery *r, const char *why);
/* It is confirmed, and what follows from that follows. */
void proposal_end(struct engine *e, struct recovery *r, struct proposal *p, const json_t *result);
/* Billing is told, unless it waits for a person or a payment, or may not run after all: then it is void. */
void proposal_begin(struct engine *e, struct recovery *r, struct proposal *p);
/* One call at billing: the n-th of those that the terms name, or the only one. */
void proposal_call(struct engine *e, struct recovery *r, struct proposal *p, size_t part);
bool proposal_fits(const struct engine *e, const struct recovery *r, const struct proposal *p, char *why, size_t size); /* do the terms still add up? */

#endif
