/* The io loop: libwebsockets' service loop with a wake-up, watched file descriptors and timers. Belongs to the thread that
 * runs it; only io_wake may be called from elsewhere. */
#ifndef DW_BOT_IO_H
#define DW_BOT_IO_H

#include <libwebsockets.h>

#include "engine/err.h"

struct io;

/* Embedded in what it serves. Cancel it before that is freed. */
struct io_timer {
    lws_sorted_usec_list_t sul;
    void (*fire)(void *ctx);
    void *ctx;
};

int io_open(struct io **out, struct err *e) DW_MUST_CHECK;
void io_close(struct io *io);          /* closes what is watched; no callback of ours runs after it; NULL is fine */
void io_turn(struct io *io);           /* waits for the next event and handles it */
void io_wake(struct io *io);           /* any thread, and async-signal-safe: the wake callbacks run soon */
int io_wake_fd(const struct io *io);   /* a duplicate for threads that may outlive the loop: write 8 bytes; caller closes */
void io_on_wake(struct io *io, void (*woken)(void *ctx), void *ctx); /* at most 4 */

/* Calls back whenever fd is readable (level-triggered). The descriptor is duplicated; the caller keeps its own. */
int io_watch(struct io *io, int fd, void (*readable)(void *ctx), void *ctx, struct err *e) DW_MUST_CHECK;

void io_timer_set(struct io *io, struct io_timer *t, int64_t after_us); /* once; set again to move it */
void io_timer_cancel(struct io_timer *t);

struct lws_context *io_context(struct io *io);
int64_t io_now_ms(void); /* monotonic */

#endif
