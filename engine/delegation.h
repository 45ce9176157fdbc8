/* Rights lent for a while: "Deputy One for Manager One, up to $10,000.00, D-3"; and who is away. Engine thread, inside a turn.
 * Without a store (a policy that is only looked at) nothing is lent and nobody is away.
 *
 * What is lent is never more than what the lender has at the moment it is used, whatever was said when it was given; it is
 * never lent on; it ends by itself. Nothing of a delegation is copied into anybody's rights: every look asks the table. */
#ifndef DW_ENGINE_DELEGATION_H
#define DW_ENGINE_DELEGATION_H

#include "engine/approval.h"

struct delegation {
    int64_t id; /* D-3 */
    char from[APPROVAL_WORD], to[APPROVAL_WORD];
    char kind[16]; /* a word of approval_kinds; "" all */
    json_t *limits; /* owned: {"USD": 1000000} */
    int64_t created_ms, until_ms;
};

struct delegation_order { /* what somebody wants to lend */
    const struct person *to;
    const char *amount; /* as typed; without a currency it holds in each that the lender has */
    const char *kind;   /* "" all */
    int64_t until_ms;
};

int delegation_give(struct engine *e, const struct actor *who, const struct delegation_order *o, char *said, size_t size, struct err *err);
/* By whoever gave it, or whoever has it (nobody is made to decide). At once: votes that are not complete yet count no more. */
int delegation_revoke(struct engine *e, int64_t id, const struct actor *who, char *said, size_t size, struct err *err);
void delegation_end(struct engine *e, int64_t id); /* the timer `delegation` */
/* Those in force from or to this person (NULL: all), the next to end first. */
void delegations_each(struct engine *e, const char *person, void (*each)(void *ctx, const struct delegation *d), void *ctx);
void delegation_limits_text(const struct delegation *d, char *out, size_t size); /* "$10,000.00 or €10,000.00" */

/* For approval_rights: rights that `who` may use for an amount in this currency. How many, at most n. */
size_t delegation_rights(const struct engine *e, const struct person *who, const char *currency, struct right *out, size_t n);

/* ---- out of office ---- */
int away_begin(struct engine *e, const struct actor *who, int64_t until_ms, const struct person *deputy, char *said, size_t size, struct err *err);
int away_end(struct engine *e, const struct actor *who, char *said, size_t size, struct err *err);
/* Until when somebody is away; 0: here. *deputy (APPROVAL_WORD bytes): who is asked instead, "" when nobody was named. */
int64_t away_until(const struct engine *e, const char *person, char deputy[APPROVAL_WORD]);
/* Whoever is asked when this person is: themselves, while away the deputy (who may be away too), or "" for nobody. */
void away_asks(const struct engine *e, const char *person, char out[APPROVAL_WORD]);

#endif
