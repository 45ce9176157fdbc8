/* Shared by policy_request.c and policy_waiting.c only. */
#ifndef DW_ENGINE_POLICY_REQUEST_INTERNAL_H
#define DW_ENGINE_POLICY_REQUEST_INTERNAL_H

#include "engine/policy_request.h"

/* To another state: the row, the journal, the cards, and a word to whoever proposed it. */
void policy_request_move(struct engine *e, struct policy_request *p, const struct actor *who, const char *state, const char *outcome);
int policy_request_propose(struct engine *e, const struct actor *who, const struct policy *after, const char *text, const char *reason, char *said,
                           size_t size, struct err *err);
void policy_waiting_begin(struct engine *e, const struct policy_request *p); /* proposed just now: the first look is set */

#endif
