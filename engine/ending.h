/* How a decision ended: what became of what was agreed. Derived from the state alone; engine thread. */
#ifndef DW_ENGINE_ENDING_H
#define DW_ENGINE_ENDING_H

#include "engine/proposal.h"

enum ending_kind { ENDING_NONE, ENDING_UNDER_WAY, ENDING_GOOD, ENDING_BAD };

struct ending {
    enum ending_kind kind;
    char mark[24];  /* names this point on the way: "kept-2", "broken", "paid", ... */
    char text[300]; /* "plan kept so far: 2 of 3 instalments paid" */
};

/* ENDING_NONE while there is nothing to tell beyond the request's own state. */
void ending_of(struct engine *e, const struct recovery *r, const struct proposal *p, struct ending *out);

#endif
