/* What waits for somebody's hand, because a billing system has no way for it by its API, is not forgotten: whoever answers for the
 * account is reminded in the case's thread, ever more seldom, and once more before it is too late. Engine thread, inside a turn. */
#ifndef DW_ENGINE_HANDS_H
#define DW_ENGINE_HANDS_H

#include "engine/proposal.h"

struct hands {
    int64_t since_ms;
    int64_t marks, said; /* hours of the policy that have passed; reminders so far */
    int64_t called_ms;   /* the end before which it was called out for the last time, or 0 */
};

/* It waits from now on; said again of one that waits already, it changes nothing. */
void hands_begin(struct engine *e, const struct proposal *p);
void hands_end(struct engine *e, int64_t proposal_id);
/* False: it does not wait. */
bool hands_load(struct engine *e, int64_t proposal_id, struct hands *out);
/* The timer `hand`: reminds, or notes that nothing waits any more, and sets the next look. */
void hands_look(struct engine *e, struct recovery *r, int64_t proposal_id);
/* Until when it makes sense to do it; 0: it has to be done some day. */
int64_t hands_until_ms(struct engine *e, const struct proposal *p);
/* "by hand at zuora ($1,200.00 on 1002): Stop the dunning there. When it is done: done A-1". New; NULL: nothing waits. */
char *hands_words(struct engine *e, const struct recovery *r, const struct proposal *p);

#endif
