/* Durable timers: something to look at when its time has come, whatever happens to the process in between. */
#ifndef DW_ENGINE_TIMER_H
#define DW_ENGINE_TIMER_H

#include "engine/engine.h"

/* kinds: hold_ask, hold_end, retry, instalment, promise, expire, remind, ping, weekly, reread, link_over, release, delegation, cards, unposted, settle, run, by_hand, hand, live. ref: the id the kind is about. */
#define TIMER_UNPOSTED "unposted" /* a card that its platform refused */

void timer_add(struct engine *e, const char *kind, int64_t case_id, int64_t ref, int64_t due_ms);
void timer_cancel(struct engine *e, const char *kind, int64_t case_id, int64_t ref);
void timers_cancel_case(struct engine *e, int64_t case_id); /* all but `release` and `unplan` */
bool timers_work(struct engine *e, int budget);             /* true when more is due */
void timers_hasten(struct engine *e, const char *kind); /* all of this kind are due now */
int64_t timers_next_due_ms(struct engine *e);

#endif
