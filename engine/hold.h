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
struct hold *hold_of_case(struct engine *e, int64_t case_id); /* the newest not released or failed, or NULL */
bool hold_counts(const struct hold *h); /* starting or in force: one that is being released (or NULL) is over for people */
void hold_free(struct hold *h);

/* The terms of a hold over all open invoices, with the customer's zone: a person who names the end puts theirs there. New. */
json_t *hold_terms(const struct recovery *r, int64_t end_ms, int64_t ask_ms, const char *at_end, const char *reason);
int64_t hold_start(struct engine *e, const struct recovery *r, const json_t *terms); /* a row in STARTING; its id */
void hold_confirmed(struct engine *e, struct recovery *r, int64_t id, const json_t *terms, const json_t *result);
void hold_failed(struct engine *e, struct recovery *r, int64_t id, const char *why);
/* Billing held some invoices before it refused the rest: hold `id` answers for them, or they are released again. */
void hold_partly(struct engine *e, struct recovery *r, int64_t id, const char *why, const json_t *result);
/* For one that counts (hold_counts). */
void hold_set_end(struct engine *e, struct recovery *r, struct hold *h, int64_t end_ms, const char *at_end, const char *reason);
/* Starts a hold, or moves the end of the one in force. */
void hold_until(struct engine *e, struct recovery *r, int64_t end_ms, int64_t ask_ms, const char *at_end, const char *reason);
/* Asks billing to put back what was; a hold that is still starting is released once it has started. No hold: nothing. */
void hold_release(struct engine *e, struct recovery *r, const char *why);
void hold_release_later(struct engine *e, const struct recovery *r, int64_t id); /* a release of it failed: again within the hour */
void hold_release_again(struct engine *e, struct recovery *r, int64_t id);       /* its timer, after that */
void hold_released(struct engine *e, struct recovery *r, int64_t id, const json_t *terms); /* terms of the release */

#endif
