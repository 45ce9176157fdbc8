/* delegations: which rights are lent, mine and those lent to me; for managers, finance and operators all of them. */
#include "bot/commands.h"
#include "bot/words.h"
#include "engine/delegation.h"

struct listing {
    struct engine *e;
    struct buf out;
    int n;
};

static void one(void *ctx, const struct delegation *d)
{
    struct listing *l = ctx;
    char limits[160];
    delegation_limits_text(d, limits, sizeof limits);
    l->n++;
    buf_addf(&l->out, "\nD-%lld: %s for %s, up to %s%s%s, until {ms:%lld} ({ago:%lld})", (long long)d->id, words_person(l->e, d->to),
             words_person(l->e, d->from), limits, d->kind[0] ? ", only requests of the kind " : "", d->kind, (long long)d->until_ms, (long long)d->until_ms);
}

int cmd_delegations(struct request *rq, struct err *e)
{
    const struct person *me = rq->who.person;
    bool all = person_has(me, ROLE_MANAGER | ROLE_FINANCE | ROLE_OPERATOR);
    struct listing l = {.e = rq->engine, .out = BUF(2 * WORDS_SIZE)};
    (void)e;
    buf_adds(&l.out, all ? "Rights that are lent, the next to end first:" : "Rights lent by you or to you, the next to end first:");
    delegations_each(rq->engine, all ? NULL : me->key, one, &l);
    if (l.n)
        request_say(rq, "%s\nEnd one with: revoke D-%s", buf_text(&l.out), "3");
    else
        request_say(rq, "Nobody has lent a right%s at the moment.", all ? "" : " to you, nor you to anybody,");
    buf_fini(&l.out);
    return 0;
}
