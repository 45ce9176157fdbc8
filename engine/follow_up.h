/* What happens when a moment comes that a case was waiting for: a hold ends, a retry or an instalment is due, a promise date
 * passes, a request expires. */
#ifndef DW_ENGINE_FOLLOW_UP_H
#define DW_ENGINE_FOLLOW_UP_H

#include "engine/engine.h"

void follow_up(struct engine *e, const char *kind, int64_t case_id, int64_t ref);

#endif
