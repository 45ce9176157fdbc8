/* Which of the chats can be reached, and take our token. The engine thread tells, any thread may ask. */
#ifndef DW_BOT_HEALTH_H
#define DW_BOT_HEALTH_H

#include "engine/base.h"

struct health;

struct health_chat {
    const char *name; /* borrowed */
    bool polled;
};

/* Each that is polled counts as heard of at now_ms. */
struct health *health_new(const struct health_chat *chats, size_t n, int64_t now_ms);
void health_free(struct health *h);
/* reason "": it answered; else why it did not. Logs when that changes. */
void health_note(struct health *h, const char *name, const char *reason, int64_t now_ms);
/* reason "": what was asked of it was done; else why it refuses whatever we ask. Logs when that changes. Names of no chat: nothing. */
void health_denied(struct health *h, const char *name, const char *reason);
/* A sentence for /readyz when one refuses us, or is polled and has not answered for 2 minutes. */
bool health_problem(struct health *h, int64_t now_ms, char *out, size_t size);

#endif
