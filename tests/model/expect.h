/* What must become of a request, said a second time and as plainly as possible: sets of votes, who may, how many. It knows
 * nothing of the engine; model.c holds the engine against it after every event. */
#ifndef DW_TESTS_EXPECT_H
#define DW_TESTS_EXPECT_H

#include <stdbool.h>
#include <stdint.h>

enum { PEOPLE = 9, NOBODY = -1, REQUESTS_MOST = 64, LENT_MOST = 16 };
enum { AE = 1, MANAGER = 2, FINANCE = 4, OPERATOR = 8, DECIDES = MANAGER | FINANCE };
enum stage { ASKED, DONE, DECLINED, COUNTERED, PARKED, VOID, WITHDRAWN, STAGES };

struct someone {
    const char *key, *chat_id;
    unsigned roles;
    int64_t limit; /* cents */
    bool senior, emergency;
    int64_t last_step; /* of the last code that was taken */
    int failures;
};

struct lent {
    int from, to;
    int64_t limit, until_ms;
    bool live;
};

struct wish {
    int64_t id, revision, expires_ms;
    enum stage stage;
    bool is_plan, was_reopened;
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
    bool separate;
    int64_t code_from; /* cents; 0: never */
    int64_t due, now_ms;
    int owner, executive;
};

/* By whose right could this person say yes now? NOBODY: by none. */
int expect_right(const struct expect *x, const struct wish *w, int who);
bool expect_complete(const struct expect *x, const struct wish *w); /* are there enough votes that count? */
bool expect_code(const struct expect *x, const struct wish *w, int who); /* does their yes take a code? */
bool expect_may_reopen(const struct expect *x, const struct wish *w, int who);

#endif
