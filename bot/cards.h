/* The cards people see, built from the state of a case (format: engine/chat.h). Engine thread, inside a turn.
 *
 * One message a case, edited in place: cards_refresh compares each dirty case's cards with what was last posted and adds
 * post/update effects where they differ; a decision also gets one reply in its thread, and the owner is mentioned once. */
#ifndef DW_BOT_CARDS_H
#define DW_BOT_CARDS_H

#include "engine/hold.h"
#include "engine/plan.h"
#include "engine/proposal.h"

json_t *card_case(struct engine *e, const struct recovery *r);                            /* the AE's alert card */
json_t *card_approval(struct engine *e, const struct recovery *r, const struct proposal *p); /* the managers' card */
json_t *form_plan(struct engine *e, const struct recovery *r, const json_t *values);      /* values NULL: first filling */
json_t *form_loading(const char *form, const char *ref, const char *title);               /* opened before anything is read */
json_t *form_hold(struct engine *e, const struct recovery *r);
json_t *form_promise(struct engine *e, const struct recovery *r);
json_t *form_reason(const char *form, const char *ref, const char *title, const char *label); /* decline, dispute */
json_t *form_counter(struct engine *e, const struct recovery *r, const struct proposal *p, const json_t *values);

void cards_refresh(struct engine *e); /* before the commit */
/* A finished post/update effect: remembers the platform's message id. */
void cards_posted(struct engine *e, int64_t effect_id, const json_t *args, const json_t *result);

#endif
