/* The engine: all state and its rules, called by a turn inside one transaction. Engine thread only.
 *
 * It reaches the world through `struct world` alone, so the same code runs under a virtual clock. Nothing here sends: what
 * is to leave is an effect (effect.h), handed out after the commit. */
#ifndef DW_ENGINE_ENGINE_H
#define DW_ENGINE_ENGINE_H

#include "engine/book.h"
#include "engine/chat.h"
#include "engine/job.h"
#include "engine/people.h"
#include "engine/policy.h"
#include "engine/store.h"

struct engine;
struct enrolled;

struct chat_end;

struct world {
    void *ctx;
    int64_t (*now_ms)(void *ctx);
    uint64_t (*random)(void *ctx);
    /* runs the named driver's pure step; an unknown driver is STEP_REFUSED */
    void (*step)(void *ctx, const struct job *job, const struct http_response *previous, struct step *out);
    /* "native", "emulated", "manual", "none" for a biller's operation, and its note */
    const char *(*capability)(void *ctx, const char *biller, const char *op, const char **note);
    /* a text for customers by name ("link_pay") and language, with {{names}} (template.h); NULL when there is none */
    const char *(*text)(void *ctx, const char *name, const char *language);
    /* a chat effect ended (purpose "card", "form", ...): result NULL when it was refused, reason says why */
    void (*chat_ended)(void *ctx, struct engine *e, const struct chat_end *end);
    /* somebody did something on a chat that is polled; borrowed. In the transaction that moves the poll on */
    void (*chat_input)(void *ctx, struct engine *e, const struct chat_input *in);
    /* a poll was refused or has to wait: reason says why; "" when it goes on again. May be NULL */
    void (*poll_state)(void *ctx, const char *platform, const char *reason);
    /* so many events of a biller had to be asked for, because their webhooks did not come; may be NULL */
    void (*missed)(void *ctx, const char *biller, int64_t events);
    /* the policy file as it is on the disk now; the caller frees. NULL: it cannot be read */
    char *(*policy_file)(void *ctx);
    /* another policy came into force: the engine's is to be that one from the next turn on, if this one is committed */
    void (*policy_agreed)(void *ctx, const char *text);
};

/* A chat platform that is configured. Names and channels are its own; shadow falls back to collections. */
struct chat_site {
    const char *name; /* "slack", "matrix", "console" */
    const char *approvals, *collections, *shadow;
    unsigned traits; /* enum chat_trait */
};

struct chat_end {
    const char *platform, *purpose, *key;
    int64_t effect_id;
    const json_t *args, *result;
    const char *reason;
};

struct engine {
    struct store *store;
    struct world world;
    const struct people *people; /* borrowed; swapped between turns */
    const struct book *book;
    const struct policy *policy;
    const struct enrolled *enrolled; /* who can give one-time codes; NULL: nobody */
    bool shadow;       /* decide and record, execute nothing */
    const struct chat_site *chats; /* where cards go, in the order of the configuration; borrowed */
    size_t n_chats;
    int64_t failover_ms; /* a card that a chat has not taken for so long goes to another; 0: never */
    int64_t reread_ms; /* when open requests are next read again in chats with reactions; 0: not known yet */
    const char *mail;  /* "smtp", or NULL: links are then a collector's task */
    const char *const *billers; /* names of the configured billing systems; borrowed */
    size_t n_billers;
    int64_t catch_up_ms; /* how often billing is asked for what no webhook told; 0: the default */
    int64_t now_ms;    /* of this turn */
    int64_t *dirty;    /* cases whose cards must be looked at before the commit */
    size_t n_dirty, cap_dirty;
    /* memory of what the store says; dropped by engine_forget when a turn is rolled back */
    struct {
        bool head_known, due_known, effects_known, inbox_known;
        int64_t head_seq, next_due_ms;
        int64_t effects_due_ms;
        int64_t inbox_last, inbox_done; /* the newest row, and the last that was worked on */
        unsigned char head[32];
        int64_t pruned_ms;
    } memo;
    void *digest; /* the journal's hash context */
    struct session *sessions; /* what is known of the drivers' (session.h) */
};

/* people, book, policy and the names are set by the caller afterwards; they and the store stay the caller's. */
void engine_init(struct engine *e, struct store *store, const struct world *world);
void engine_fini(struct engine *e);
/* After a rollback: nothing in memory may claim what the store no longer holds. */
void engine_forget(struct engine *e);
/* The start of each turn: takes the time. */
void engine_begin(struct engine *e);

const struct chat_site *engine_chat(const struct engine *e, const char *name); /* NULL when it is not configured */

const struct chat_site *engine_chat_of(const struct engine *e, const struct person *p); /* the first that knows them; NULL: none */

/* Who does something: a person in a chat, or the machine (person NULL, name says which part: "policy", "timer", "billing"). */
struct actor {
    const struct person *person;
    const char *name;
    const char *platform, *channel;
    const char *code; /* a one-time code given with it (step_up.h); NULL or "" when none. Never written down */
};

const char *actor_key(const struct actor *a);  /* "manager1", "policy" */
const char *actor_name(const struct actor *a); /* "Manager One", "policy" */

void engine_dirty(struct engine *e, int64_t case_id); /* 0: the changes of the policy */
/* Everything whose time has come: inbox rows, timers. At most `budget` of each; true when more is waiting. */
bool engine_tick(struct engine *e, int budget);
int64_t engine_next_due_ms(struct engine *e); /* INT64_MAX when nothing waits; inside or outside a transaction */
/* After a start: effects that were out when we stopped are looked at, reads are asked again. */
void engine_recover(struct engine *e);

#endif
