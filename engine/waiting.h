/* A request that waits for people: reminders, then others are asked as well, then it is parked, and may be asked again.
 * Nothing of this decides anything: it never means yes, and it is never a silent no. Engine thread, inside a turn. */
#ifndef DW_ENGINE_WAITING_H
#define DW_ENGINE_WAITING_H

#include "engine/proposal.h"

/* What it went through so far; all 0 and empty for a request that nobody had to be reminded of. */
struct waiting {
    int64_t reminded, escalated; /* how many of each */
    json_t *asked;               /* owned: [{"after_hours", "at_ms", "ask": [names], "people": [keys]}], what escalation did */
    int64_t reopens;             /* the parked request that this one asks again, or 0 */
    int64_t reopened_as;         /* the request that asks this one again, or 0 */
    char *reopen_by;             /* somebody wants it asked again and the facts are being read; "" when not */
    char *note;                  /* why it could not be asked again; "" when it could */
};

void waiting_load(struct engine *e, int64_t proposal_id, struct waiting *out);
void waiting_fini(struct waiting *w);

/* What waits, of either kind: a request about money, or a change of the policy (of no case). All borrowed. */
struct waits {
    const char *ref, *account; /* account "": of none */
    int64_t case_id, created_ms, expires_ms;
    const struct subject *subject;
    const struct approval *approval;
};
/* When to look next: the earlier of the next reminder and the next escalation; 0: there is none before it is parked. */
int64_t waits_next_ms(const struct engine *e, const struct waits *on, const struct waiting *w);
/* Every mark that has passed: others are asked and called, and `w` counts. Of several reminders that were missed one is said. */
void waits_look(struct engine *e, const struct waits *on, struct waiting *w);

/* Asked just now: the first look is set. */
void waiting_begin(struct engine *e, const struct proposal *p);
/* The timer `remind`: says in the thread that it waits, asks the next group, sets the next look. */
void waiting_look(struct engine *e, int64_t proposal_id);

/* A parked request is asked anew, on fresh facts and the policy of today, as a new request that names the old one. By whoever
 * asked, the account's owner, or anybody who may decide; the first asker stays the asker, so nobody gains a right by it. With
 * stale facts it is remembered and done as soon as billing has answered. */
int proposal_reopen(struct engine *e, int64_t id, const struct actor *who, char *said, size_t size, struct err *err);
void proposals_reopen_waiting(struct engine *e, struct recovery *r); /* fresh facts came */

#endif
