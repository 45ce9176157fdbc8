/* What must become of a request, said a second time and as plainly as possible: sets of votes, who may, how many. It knows
 * nothing of the engine; model.c holds the engine against it after every event. */
#ifndef DW_TESTS_EXPECT_H
#define DW_TESTS_EXPECT_H

#include <stdbool.h>
#include <stdint.h>

enum { PEOPLE = 10, NOBODY = -1, REQUESTS_MOST = 64, LENT_MOST = 7, TRIES = 5 };
enum { AE = 1, MANAGER = 2, FINANCE = 4, OPERATOR = 8, DECIDES = MANAGER | FINANCE };
/* WINDOW: agreed, and can still be undone; WAITS: a settlement that was agreed, until the customer has paid */
enum stage { ASKED, DONE, DECLINED, COUNTERED, PARKED, VOID, WITHDRAWN, WINDOW, WAITS, STAGES };
/* Beyond these nobody may give money up: cents, and percent of what is due. */
enum { CREDIT_MOST = 4000000, CREDIT_SHARE = 80, WRITE_OFF_MOST = 4820000, SETTLE_SHARE = 50 };

struct someone {
    const char *key, *chat_id;
    unsigned roles;
    int64_t limit; /* cents */
    bool senior, emergency;
    bool elsewhere; /* decides for another account only */
    bool no_codes;  /* was never enrolled */
    int64_t last_step; /* of the last code that was taken */
    int failures;      /* wrong codes since then */
    int64_t locked_until_ms;
    int64_t away_until_ms, calls_before; /* the last call from before */
};

struct lent {
    int from, to;
    const char *kind; /* "plan"; "" for all */
    int64_t limit, until_ms;
    bool live;
};

struct wish {
    int64_t id, revision, created_ms, expires_ms, amount;
    int64_t runs_ms; /* in its window: until when it can be undone */
    enum stage stage;
    const char *kind; /* "plan", "hold", "extend", "credit", "write_off", "settlement" */
    int64_t pays;     /* of a settlement; amount is the rest, which is given up */
    bool ready;       /* they have paid it: the rest alone is asked for */
    bool whole;       /* a write-off of all that is due, however much that is; else of one invoice as it was */
    bool is_plan, was_reopened, disputed, reminded, escalated;
    int requester, acceptor; /* acceptor: of a counter-offer, whoever asked first */
    unsigned yes;            /* a bit for each person who said so */
    bool alone;              /* by the emergency right */
    bool card_looked_at;
    enum stage card_stage;   /* at the last look */
};

struct expect {
    struct someone people[PEOPLE];
    struct lent lent[LENT_MOST];
    int n_lent;
    struct wish wishes[REQUESTS_MOST];
    int n_wishes;
    const char *seats[2]; /* "approver", "manager", "finance", "seniors"; the second may be NULL */
    bool separate, same_person;
    int64_t code_from; /* cents; 0: never */
    int64_t undo_ms;   /* 0: what is agreed runs at once */
    bool patient;      /* reminds, and asks others after a while */
    int64_t due, now_ms;
    bool disputed;
    int owner, executive;
};

/* By whose right could this person say yes now? NOBODY: by none. */
int expect_right(const struct expect *x, const struct wish *w, int who);
bool expect_complete(const struct expect *x, const struct wish *w); /* are there enough votes that count? */
bool expect_code(const struct expect *x, const struct wish *w, int who); /* does their yes take a code? */
bool expect_gives_up(const struct wish *w); /* money that cannot be had back */
bool expect_allowed(const struct expect *x, const struct wish *w); /* is what is given up within bounds now? */
bool expect_may_lend(const struct expect *x, int from, int to, int64_t limit);
bool expect_may_work(const struct expect *x, int who); /* on the case */
bool expect_may_reopen(const struct expect *x, const struct wish *w, int who);

#endif
