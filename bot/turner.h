/* The engine thread: takes what has arrived, runs one turn, lets the outputs leave. See turner.c. */
#ifndef DW_BOT_TURNER_H
#define DW_BOT_TURNER_H

#include "bot/queue.h"

/* What the thread drives: the real turn, or a test's. */
struct turner_hooks {
    void *turn;
    int (*run)(void *turn, struct input *inputs, size_t n, struct outputs *out, struct err *e);
    int64_t (*due_ms)(void *turn);
    void *ctx;
    int64_t (*now_ms)(void *ctx);
    bool (*owed)(void *ctx); /* are answers of outgoing calls still to come? */
    /* Engine thread. Takes the outputs' contents; `room`: somebody was turned away before, and there is room again. */
    void (*deliver)(void *ctx, struct outputs *take, bool room);
};

struct turner;

struct turner *turner_start(struct queue *q, const struct turner_hooks *hooks);
/* Any thread: the sentence why the last turn failed, or that one takes too long; false when all is well. */
bool turner_problem(struct turner *t, char *out, size_t size);
bool turner_done(struct turner *t); /* any thread: the thread has ended (after queue_close) */
/* After queue_close: waits for the thread, at most wait_ms. false: it is stuck (a dead disk) and must be left alone. */
bool turner_join(struct turner *t, int64_t wait_ms);
void turner_free(struct turner *t); /* joined only */

#endif
