/* The running process: three threads joined by bounded queues (design: io, engine, out). main owns it.
 *
 * io: every socket others open or that chat keeps open (libwebsockets' loop, the HTTP server). engine: the store and all
 * state, one turn after the other. out: one curl multi handle, and peers that live in this process (driver->serve). */
#ifndef DW_BOT_RUN_H
#define DW_BOT_RUN_H

#include "bot/turn.h"

struct bot;

/* Opens the store, loads the files, starts the engine and out threads, listens. On failure nothing is left running. */
int bot_start(struct bot **out, const struct config *c, struct err *e) DW_MUST_CHECK;
/* Runs the io loop on the calling thread until bot_stop (main installs the signal handlers that call it); then: no more input,
 * the turn in progress ends, sockets close; returns within 5 s. 0 for a clean end, 1 when the store did not answer. */
int bot_loop(struct bot *b);
void bot_stop(struct bot *b);  /* any thread, and async-signal-safe */
void bot_free(struct bot *b);

int bot_port(const struct bot *b); /* where it listens: of use when the configuration says port 0 */

/* Chat inputs that come from this process itself (the demo's keyboard) carry from.slot BOT_LOCAL; their acknowledgements are
 * handed to this function on the io thread, after the commit. The frame (what driver->ack wrote) is borrowed for the call.
 * Set it before the first bot_push; without it they are dropped. */
#define BOT_LOCAL UINT32_MAX
typedef void (*bot_ack_fn)(void *ctx, struct span frame);
void bot_on_ack(struct bot *b, bot_ack_fn on_ack, void *ctx);

/* Any thread. Takes the input; false when the queue is full (the input is freed). */
bool bot_push(struct bot *b, struct input *take);
/* Any thread: a request for a peer inside this process, outside of any effect (the demo's "a card fails now"). Copied. */
void bot_serve(struct bot *b, const char *driver, const struct http_request *request);
void *bot_memory(struct bot *b, const char *driver); /* of a serving driver; opened by bot_start; for tests and the demo */

#endif
