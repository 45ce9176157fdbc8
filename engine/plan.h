/* An instalment plan that Dunwell keeps: rows with dates, each collected by a timer. */
#ifndef DW_ENGINE_PLAN_H
#define DW_ENGINE_PLAN_H

#include "engine/proposal.h"

struct instalment {
    int64_t id, plan_id, due_ms;
    int n;
    char invoice[128];
    struct money amount;
    char state[16]; /* waiting, executing, unknown, paid, failed, cancelled */
};

/* The running plan of a case: fills rows (at most n) in order, returns how many; 0 when there is none. */
size_t plan_of_case(struct engine *e, int64_t case_id, struct instalment *rows, size_t n);

/* "3x from 5 Jan 2027 (first $400.00)": the closest terms that need nobody's approval: as many instalments as possible, then the date that
 * was asked or the nearest before it. False when there are none. */
bool plan_closest(struct engine *e, const struct recovery *r, const json_t *asked, char *out, size_t size);

/* Billing confirmed the plan: rows, timers, the hold moved to its end, the case planned. */
void plan_start(struct engine *e, struct recovery *r, const struct proposal *p, const json_t *result);
void instalment_due(struct engine *e, struct recovery *r, int64_t id); /* its timer */
void instalment_ended(struct engine *e, struct recovery *r, const json_t *terms, bool paid, const char *why);
void plan_look(struct engine *e, struct recovery *r, int64_t id); /* the timer of an instalment that billing itself collects */
/* Payments that were on their way: have they arrived, or come back? */
void plan_settle(struct engine *e, struct recovery *r, const json_t *read);
/* Ends the running plan as "kept", "cancelled", "broken" or "stopped", at billing too. False when none runs. */
bool plan_end(struct engine *e, struct recovery *r, const char *state);
void plan_stop(struct engine *e, struct recovery *r, const char *why); /* nothing more is collected by it */
/* Less is due on an invoice: the running plan asks for so much less, the last instalments first. Billing's own schedule cannot be
 * changed, so such a plan ends. */
void plan_lower(struct engine *e, struct recovery *r, const char *invoice, int64_t amount);
void instalment_mark(struct engine *e, struct recovery *r, int64_t id, const char *state);

#endif
