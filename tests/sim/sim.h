/* What the simulator's files share. */
#ifndef DW_TESTS_SIM_H
#define DW_TESTS_SIM_H

#include "bot/turn.h"

enum fate { FATE_GOOD, FATE_NOT_SENT, FATE_LOST_BEFORE, FATE_LOST_AFTER, FATE_BUSY, FATE_TWICE };

struct flight {
    int64_t effect_id, executes_ms, answers_ms;
    char driver[32];
    enum fate fate;
    bool executed;
    struct http_request request;
    struct http_response response;
};

struct sim {
    uint64_t seed, rng;
    int64_t now_ms;
    char *folder;
    struct config *config;
    struct store *store;
    struct turn *turn;
    void *sandbox, *console;
    struct flight flights[2048];
    size_t n_flights;
    int clicks;
    int64_t acknowledged; /* webhooks answered 200 */
    bool calm;            /* no more faults */
    json_t *lost_writes;  /* effect id -> true while a lost write has not been looked at */
    json_t *events;       /* event id -> times delivered */
    json_t *posts;        /* key -> times a message was posted */
};

uint64_t sim_random(struct sim *s);
void sim_check(struct sim *s, bool holds, const char *what); /* prints the seed and exits when it does not */
void sim_execute(struct sim *s, struct flight *f);
void flight_fini(struct flight *f);

/* invariants.c */
void invariant_on_call(struct sim *s, const struct flight *f);
void invariant_on_answer(struct sim *s, const struct flight *f);
void invariant_on_webhook(struct sim *s, const char *event_id);
void invariants_after_turn(struct sim *s);
void invariants_at_rest(struct sim *s); /* nothing is in flight, nothing is due */
void invariants_of_waiting(struct sim *s); /* waiting.c, at rest */
void invariants_of_seals(struct sim *s);   /* at the end */
void invariants_at_end(struct sim *s);
void invariants_fini(struct sim *s);

#endif
