/* The cards people see, built from the state of a case (format: engine/chat.h). Engine thread, inside a turn.
 *
 * One message a case, edited in place, on the owner's platform; one a request on every platform, so that it can be decided on
 * each and the others follow. cards_refresh compares each dirty case's cards with what was last posted
 * and adds post/update effects where they differ; a decision also gets one reply in its thread, and the owner is
 * mentioned once. Their effects have the purposes "card" (its end goes to cards_posted), "form" (to forms_opened),
 * "view" (to forms_filled) and others that nobody needs to be told of. */
#ifndef DW_BOT_CARDS_H
#define DW_BOT_CARDS_H

#include "engine/hold.h"
#include "engine/plan.h"
#include "engine/proposal.h"

json_t *card_case(struct engine *e, const struct recovery *r);                            /* the AE's alert card */
json_t *card_approval(struct engine *e, const struct recovery *r, const struct proposal *p); /* the managers' card */
/* "Are you sure": what is agreed to, when it runs, and whether it can be undone. word: "Approve", "Accept". */
void card_confirm_yes(json_t *action, struct engine *e, const struct recovery *r, const struct proposal *p, const char *word);
json_t *card_handed_on(struct engine *e, const struct recovery *r); /* what is left where a case card moved away */
json_t *card_replaced(struct engine *e, const struct recovery *r, const char *ref); /* what is left of a request that now asks something else */
/* Does this case need a person's eyes? A retry that waits for its day does not. */
bool card_wanted(struct engine *e, const struct recovery *r);

json_t *form_plan(struct engine *e, const struct recovery *r, const json_t *values);      /* values NULL: first filling */
json_t *form_credit(struct engine *e, const struct recovery *r, const json_t *values);
json_t *form_settle(struct engine *e, const struct recovery *r, const json_t *values);
bool plan_possible(struct engine *e, const struct recovery *r); /* none runs or is being asked for */
json_t *form_loading(const char *form, const char *ref, const char *title);               /* opened before anything is read */
json_t *form_hold(struct engine *e, const struct recovery *r);
json_t *form_promise(struct engine *e, const struct recovery *r);
json_t *form_reason(const char *form, const char *ref, const char *title, const char *label); /* decline, dispute */
json_t *form_counter(struct engine *e, const struct recovery *r, const struct proposal *p, const json_t *values);
json_t *form_counter_amount(struct engine *e, const struct recovery *r, const struct proposal *p, const json_t *values); /* of a credit or a settlement */
/* An input for a one-time code, where the amount takes one. */
void form_wants_code(json_t *form, const struct engine *e, const struct proposal *p);
json_t *form_approve(struct engine *e, const struct recovery *r, const struct proposal *p); /* a yes with a one-time code */
/* An open_form effect ended: fills the form. result NULL (it could not be opened): whoever clicked is told. */
void forms_opened(struct engine *e, const struct chat_end *end);
/* An update_form effect ended (purpose "view"). result NULL: a sentence stands in the form instead, or, if that was refused too, beside it. */
void forms_filled(struct engine *e, const struct chat_end *end);

void cards_refresh(struct engine *e); /* before the commit */
void cards_refresh_policy(struct engine *e); /* those of changes of the policy: "case 0" */
/* A finished post/update effect: remembers the platform's message id. Refused: the card goes elsewhere, or again. */
void cards_posted(struct engine *e, const struct chat_end *end);
/* A reaction of ours stands (purpose "tap"): it is remembered, to be taken back when its request is over. */
void taps_posted(struct engine *e, const struct chat_end *end);

/* Pieces of cards (card_parts.c). Texts are copied. */
json_t *card_new(const struct engine *e, const char *title, const char *severity, const char *summary);
void card_paragraph(json_t *card, const char *text);                     /* nothing for "" */
void card_field(json_t *card, const char *label, const char *value);
void card_fact(json_t *card, const struct engine *e, const struct facts *f, const char *name);
/* ref "N-12", revision 4; id is the command's verb. style "primary", "danger" or "". Returns the action, borrowed. */
json_t *card_action(json_t *card, const char *id, const char *label, const char *style, const char *ref, int64_t revision);
void card_more(json_t *card, const char *id, const char *label, const char *ref, int64_t revision);
void card_footer(json_t *card, const char *text);

#endif
