/* A hold: notices and retries of open invoices are stopped, with an owner and an end. Shown as H-3. */
#ifndef DW_ENGINE_HOLD_H
#define DW_ENGINE_HOLD_H

#include "engine/recovery.h"

enum hold_state { HOLD_STARTING, HOLD_ACTIVE, HOLD_RELEASING, HOLD_RELEASED, HOLD_FAILED };
const char *hold_state_name(enum hold_state s);

struct hold {
    int64_t id, case_id, start_ms, end_ms, ask_ms;
    enum hold_state state;
    char *reason, *owner, *at_end; /* at_end: "resume" | "queue" */
    json_t *invoices, *prior;      /* ids held; what to put back */
};

struct hold *hold_load(struct engine *e, int64_t id);
struct hold *hold_of_case(struct engine *e, int64_t case_id); /* the one not released or failed, or NULL */
void hold_free(struct hold *h);

#endif
