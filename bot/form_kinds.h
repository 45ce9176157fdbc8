/* The forms there are, each with what its submission does (form_submit.c); how one is opened and kept up to date is form_handle.c's,
 * what it shows forms*.c's. bot/ only; engine thread. */
#ifndef DW_BOT_FORM_KINDS_H
#define DW_BOT_FORM_KINDS_H

#include "bot/cards.h"
#include "bot/commands.h"

struct form_kind {
    const char *verb, *title;
    bool of_request;         /* about A-17 or P-3, not about a case */
    const char *first_input; /* where an error goes that names no input */
    const char *typed;       /* what to type where forms cannot be opened; %s: the reference */
    bool offer;              /* one of the terms that a customer can be offered: `offer` in the form chooses among them */
    int (*submit)(struct request *rq, struct recovery *r, const char *ref, struct err *e);
};
const struct form_kind *form_kind_of(const char *verb); /* NULL when there is none */

/* Says at an input what is wrong; the form stays open. Returns 0. */
int form_at_input(struct request *rq, const char *input, const char *text);
/* The engine's answer: done, or at an input when other values could mend it, or instead of the form. */
int form_answered(struct request *rq, int rc, const char *said, const char *input, struct err *e);
const char *form_filled(const struct request *rq, const char *id); /* trimmed; "" when empty */
/* What stands in the field for a one-time code, also as "123 456". False when it is none. */
bool form_code(const struct request *rq, char code[PARSE_CODE]);

/* Of changes of the policy, P-3 (form_policy.c): a no with its reason, and a yes with a one-time code. */
bool form_policy_wanted(const struct engine *e, const char *action);
int form_policy_may_open(struct request *rq, const char *verb, const char *ref, struct err *e);
json_t *form_policy(struct engine *e, const char *verb, const char *ref);
int form_policy_submit(struct request *rq, const char *verb, const char *ref, struct err *e);

#endif
