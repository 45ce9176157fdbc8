/* The out thread: outgoing calls, and peers that live in this process (driver->serve). See out.c. */
#ifndef DW_BOT_OUT_H
#define DW_BOT_OUT_H

#include "bot/room.h"
#include "bot/turn.h"

#define OUT_MAX_CALLS (5 * ROOM_MOST)

/* Called on the out thread. */
struct out_hooks {
    void *ctx;
    int64_t (*now_ms)(void *ctx);
    void (*response)(void *ctx, int64_t effect_id, struct http_response *take);        /* of out_submit */
    void (*link_response)(void *ctx, int64_t attempt, struct http_response *take);     /* of out_submit_link */
    void (*event)(void *ctx, const struct driver_config *from, struct buf *take_body); /* an inside peer's webhook */
};

struct out;

/* Opens the memories of the serving drivers and starts the thread. */
struct out *out_start(const struct config *c, const struct out_hooks *hooks);
/* Any thread. Takes the contents of the calls (not the array); each gets exactly one response, unless the thread stops first. */
void out_submit(struct out *o, struct call *take, size_t n);
/* The same for the io thread's own call (the address of a chat link): it goes ahead of the others. */
void out_submit_link(struct out *o, const char *driver, int64_t attempt, struct http_request *take);
void out_serve(struct out *o, const char *driver, const struct http_request *request); /* copied; nobody waits for the answer */
void *out_memory(struct out *o, const char *driver);
/* From now on nothing is sent: calls that have not begun are answered as not sent. Those under way may end. */
void out_finish(struct out *o);
bool out_quiet(struct out *o); /* after out_finish, any thread: every call of the engine has its answer (polls apart) */
void out_stop(struct out *o); /* calls under way are given up: whoever asked must take them for lost */
void out_free(struct out *o); /* after out_stop: joins the thread, closes the memories; NULL is fine */

#endif
