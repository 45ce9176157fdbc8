/* What a driver must know again after a restart and nobody may read elsewhere: the token of its session. Stored in the transaction
 * of the step that gave it; never in the journal, a log or an answer. */
#ifndef DW_ENGINE_SESSION_H
#define DW_ENGINE_SESSION_H

#include "engine/engine.h"

const json_t *session_kept(struct engine *e, const char *driver); /* borrowed until the next session_keep; NULL: nothing */
void session_keep(struct engine *e, const char *driver, const json_t *kept);
void session_forget(struct engine *e); /* after a rollback, and at the end */

#endif
