/* One recovery: a case, an account's episode of unpaid invoices. One open case an account. Shown as N-12. */
#ifndef DW_ENGINE_RECOVERY_H
#define DW_ENGINE_RECOVERY_H

#include "engine/engine.h"
#include "engine/facts.h"

enum recovery_state {
    RECOVERY_READING,  /* facts are asked from billing */
    RECOVERY_HELD,     /* notices and retries are stopped until a date; a person is asked */
    RECOVERY_RETRYING, /* a retry is scheduled */
    RECOVERY_WAITING,  /* a link was sent; the customer's turn */
    RECOVERY_QUEUED,   /* in the collectors' queue */
    RECOVERY_PLANNED,  /* an instalment plan runs */
    RECOVERY_PROMISED, /* the customer promised a date */
    RECOVERY_DISPUTED, /* the invoice is disputed, or a payment at the bank; a person works it */
    RECOVERY_CLOSED,
};
const char *recovery_state_name(enum recovery_state s); /* "held" */

struct recovery {
    int64_t id;
    char *account;  /* the book's key, or "stripe:cus_9" for an account the book does not know */
    char *name;     /* for people; foreign text */
    char *biller, *customer;
    enum recovery_state state;
    int64_t opened_ms, closed_ms;
    char *owner;    /* the AE or whoever claimed it; a people key or "" */
    bool claimed;   /* the owner said "I'll handle it" */
    struct facts facts;
    int64_t read_ms; /* when billing was last read; 0 never */
    bool read_wanted;
    char *tier, *rule;
    bool fragile;
    json_t *reasons;   /* of the decision in force */
    struct money due;  /* sum of open invoices in the main currency */
    json_t *invoices;  /* open ones, as "read" gave them */
    char *next_step;   /* what happens next if nobody acts, one sentence; never "" while open */
    int64_t next_ms;   /* when; 0: no date */
    int64_t revision;  /* grows with each change shown on the card */
    char *outcome;     /* closed: "paid", "void", ... */
};

struct recovery *recovery_load(struct engine *e, int64_t id); /* NULL when there is none; the caller frees */
struct recovery *recovery_open_for(struct engine *e, const char *account); /* the open case of an account, or NULL */
void recovery_free(struct recovery *r);
void recovery_save(struct engine *e, struct recovery *r); /* writes, raises the revision, marks the card dirty */
/* Moves by the table (an assert guards it), writes the journal row. next_step is copied. */
void recovery_move(struct engine *e, struct recovery *r, const struct actor *who, enum recovery_state to,
                   const char *next_step, int64_t next_ms);

/* A billing event: finds the case (or opens one, if it is an event that does) and asks for facts. */
struct touch {
    const char *biller, *customer, *invoice, *event, *why;
    bool opens;
};
void recovery_touch(struct engine *e, const struct touch *t);
/* invoice: the one an event named, or NULL for the ones we know. One read at a time. */
void recovery_ask_facts(struct engine *e, struct recovery *r, const char *invoice);
bool recovery_read_over(struct engine *e, struct recovery *r); /* true when another read was asked for meanwhile */
const char *recovery_invoice(const struct recovery *r); /* the id of the open invoice that failed, else of the first; "" */
void recovery_say_next(struct recovery *r, const char *next_step, int64_t next_ms); /* without saving */
/* A finished read: facts, then close (nothing is due) or decide. */
void recovery_facts_arrived(struct engine *e, struct recovery *r, const json_t *read);
void recovery_goes_live(struct engine *e, struct recovery *r); /* decided in shadow mode, which is over: decided again */
void recovery_facts_failed(struct engine *e, struct recovery *r, const char *biller, const char *reason); /* biller: which of several */
void recovery_close(struct engine *e, struct recovery *r, const struct actor *who, const char *outcome);

/* What a person can do to a case; each checks that it makes sense now, writes, and says what was done in `said`. Rights are
 * checked here too (owner or AE of the account, collector, manager, finance). 0 or ERR_* with a sentence for that person. */
int recovery_claim(struct engine *e, struct recovery *r, const struct actor *who, char *said, size_t size, struct err *err);
int recovery_not_mine(struct engine *e, struct recovery *r, const struct actor *who, char *said, size_t size, struct err *err);
int recovery_promise(struct engine *e, struct recovery *r, const struct actor *who, struct money amount, int64_t date_ms,
                     char *said, size_t size, struct err *err);
int recovery_dispute(struct engine *e, struct recovery *r, const struct actor *who, const char *why, char *said, size_t size,
                     struct err *err);
/* What a dispute stops, whoever says that there is one: `now` is what a person does about it. */
void recovery_dispute_begin(struct engine *e, struct recovery *r, const struct actor *who, const char *because, const char *now);
int recovery_send_link(struct engine *e, struct recovery *r, const struct actor *who, char *said, size_t size, struct err *err);
void recovery_handed_on(struct engine *e, struct recovery *r, const char *by); /* to collections, by that people key */
bool recovery_may_work(const struct engine *e, const struct recovery *r, const struct person *p); /* may act on this case */

/* Notes are of the account, with or without a case. */
void note_add(struct engine *e, const struct actor *who, const char *account, const char *text);

#endif
