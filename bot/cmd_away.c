/* away and back: out of office. "away until fri deputy @manager2" ; with "up to 10k" the deputy gets that right too. */
#include "bot/commands.h"
#include "bot/person.h"
#include "engine/delegation.h"

enum { END_HOUR = 17 };

/* Being away, and lending if an amount was said: both or neither. */
static int begin(struct request *rq, const struct lend *o, const struct person *deputy, int64_t until_ms, struct err *e)
{
    char said[SAID_SIZE] = "", lent[SAID_SIZE] = "";
    const struct delegation_order order = {.to = deputy, .amount = o->amount, .kind = "", .until_ms = until_ms};
    int rc = o->amount[0] ? delegation_give(rq->engine, &rq->who, &order, lent, sizeof lent, e) : 0;
    if (!rc)
        rc = away_begin(rq->engine, &rq->who, until_ms, deputy, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s%s%s", said, lent[0] ? "\n" : "", lent);
    return rc;
}

int cmd_away(struct request *rq, struct err *e)
{
    struct lend o;
    const struct person *deputy = NULL;
    int64_t until_ms = 0;
    int rc = parse_lend(&o, rq->args, e);
    if (!rc && !o.date[0])
        return err_set(e, ERR_INVALID, "Until when? For example: away until fri deputy @manager2");
    if (!rc && o.kind[0])
        rc = err_set(e, ERR_INVALID, "I do not understand \"for %.40s\" here. For example: away until fri deputy @manager2 up to 10k", o.kind);
    if (!rc && o.amount[0] && !o.person[0])
        rc = err_set(e, ERR_INVALID, "Who may decide up to %.20s? For example: away until fri deputy @manager2 up to 10k", o.amount);
    if (!rc && o.person[0])
        rc = request_person(rq, o.person, &deputy, e);
    if (!rc)
        rc = request_day(rq, o.date, request_zone(rq), END_HOUR, &until_ms, e);
    return rc ? rc : begin(rq, &o, deputy, until_ms, e);
}

int cmd_back(struct request *rq, struct err *e)
{
    char said[SAID_SIZE] = "";
    int rc = rq->args[0] ? err_set(e, ERR_INVALID, "Just: back") : away_end(rq->engine, &rq->who, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    return rc;
}
