/* A turn: everything that arrived, one transaction, and only after its commit anything leaves. Engine thread (or the
 * simulator) only. The turn owns the engine; it reads the account book, people and policy anew when their files change. */
#ifndef DW_BOT_TURN_H
#define DW_BOT_TURN_H

#include "bot/config.h"
#include "engine/effect.h"

/* A connection, named so that it may be gone: the slot's generation no longer fits then. */
struct handle {
    uint32_t slot, generation;
};

enum input_kind { INPUT_WEBHOOK, INPUT_CHAT, INPUT_RESPONSE, INPUT_PUSH /* a chat's delivery by HTTP: from, chat_driver, body */ };

struct input {
    enum input_kind kind;
    struct handle from; /* webhook: its HTTP connection; chat: its socket */
    int64_t arrived_us; /* monotonic, for metrics */
    /* webhook: verified */
    const struct driver_config *biller;
    struct billing_event event;
    struct buf body; /* owned */
    /* chat */
    const struct driver_config *chat_driver;
    struct chat_input chat; /* owned */
    /* response */
    int64_t effect_id;
    struct http_response response; /* owned */
};
void input_fini(struct input *in);

enum output_kind { OUTPUT_ANSWER, OUTPUT_ACK, OUTPUT_CALL };

struct output {
    enum output_kind kind;
    struct handle to;
    int status;       /* ANSWER: the HTTP status */
    struct buf text;  /* ACK: the frame, owned */
    struct call call; /* CALL: owned */
};

struct outputs {
    struct output *list;
    size_t n, cap;
};
void outputs_clear(struct outputs *o); /* frees what is in it, keeps the list */
void outputs_free(struct outputs *o);

struct turn;

/* Opens nothing but the files: `store` stays the caller's. Problems of people, policy and accounts go to p; NULL if any. */
struct turn *turn_new(const struct config *c, struct store *store, struct world *world_clock, struct problems *p);
void turn_free(struct turn *t);
/* Handles the inputs and whatever is due, commits, fills `out`. Inputs are consumed (fini'd by the caller) on 0. On an error
 * nothing happened: no acknowledgement may leave, webhooks are to be answered 503, responses are to be given again. */
int turn_run(struct turn *t, struct input *inputs, size_t n, struct outputs *out, struct err *e) DW_MUST_CHECK;
/* When a turn is due though nothing arrives; now or earlier: at once. INT64_MAX: not at all. */
int64_t turn_next_due_ms(struct turn *t);
int64_t turn_now_ms(struct turn *t); /* engine thread: what that is compared with: the wall clock, but never backwards (pace.h) */
/* Any thread: a sentence when a chat that is polled has not answered for long. */
bool turn_problem(struct turn *t, int64_t now_ms, char *out, size_t size);
struct engine *turn_engine(struct turn *t); /* for tests and the simulator */

#endif
