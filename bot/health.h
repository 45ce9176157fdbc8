/* Which of the chats that are polled can be reached. The engine thread tells, any thread may ask. */
#ifndef DW_BOT_HEALTH_H
#define DW_BOT_HEALTH_H

#include "engine/base.h"

struct health;

/* names are borrowed; each counts as heard of at now_ms. */
struct health *health_new(const char *const *names, size_t n, int64_t now_ms);
void health_free(struct health *h);
/* reason "": it answered; else why it did not. Logs when that changes. */
void health_note(struct health *h, const char *name, const char *reason, int64_t now_ms);
/* A sentence for /readyz when one has not answered for 2 minutes. */
bool health_problem(struct health *h, int64_t now_ms, char *out, size_t size);

#endif
