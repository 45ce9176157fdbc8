/* Step-up: from an amount that policy names on, a yes needs a one-time code beside the click (approvals.step_up of policy.yaml).
 * Engine thread, inside a turn.
 *
 * A code is looked at after everything else about the decision holds (right, revision, terms), as the last thing before the
 * vote, so it is given to exactly one person, request and state of facts; the step it belongs to is spent with it. Five wrong
 * ones in a row lock that person's codes for 15 minutes. The code itself is written down nowhere. */
#ifndef DW_ENGINE_STEP_UP_H
#define DW_ENGINE_STEP_UP_H

#include "engine/engine.h"

struct step_up {
    const char *ref; /* "A-17" */
    int64_t case_id;
    const char *account;
    struct money amount; /* without a currency: a code is wanted wherever codes are */
    const char *about;   /* "changes the policy"; NULL: it is about the amount */
    const char *facts_hash;
};

bool step_up_wanted(const struct engine *e, struct money amount);
/* Could this person give a code now? ERR_DENIED: not enrolled (says how), or locked (says until when). */
int step_up_ready(struct engine *e, const struct actor *who, const struct step_up *what, struct err *err) DW_MUST_CHECK;
/* Takes who->code for it. 0 also when none is wanted. ERR_DENIED: as above; ERR_INVALID: no code came, or not the right one.
 * A failure is counted and journaled, so the turn has to commit whatever becomes of the decision. */
int step_up_take(struct engine *e, const struct actor *who, const struct step_up *what, struct err *err) DW_MUST_CHECK;
/* The file of secrets was read: who was enrolled or revoked since is written into the journal. */
void step_up_sync(struct engine *e);

#endif
