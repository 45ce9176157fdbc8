/* What no webhook told: billing is asked, at the start and every few minutes, what happened since it was asked last, and
 * once a day which invoices are overdue. See catch_up.c. Engine thread, inside a turn. */
#ifndef DW_ENGINE_CATCH_UP_H
#define DW_ENGINE_CATCH_UP_H

#include "engine/engine.h"

/* After a start: each biller that can tell (capability `catch_up`, `overdue`) is asked now. */
void catch_up_start(struct engine *e);
/* A page of events, or of overdue invoices, came; result NULL: it was refused, reason says why. */
void catch_up_ended(struct engine *e, int64_t effect_id, const json_t *args, const json_t *result, const char *reason);
void overdue_ended(struct engine *e, int64_t effect_id, const json_t *args, const json_t *result, const char *reason);

#endif
