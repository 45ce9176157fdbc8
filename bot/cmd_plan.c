/* plan: instalments instead of one payment.
 *
 * Inside policy it is done at once, outside it becomes a request to a manager; which of the two is the engine's
 * answer. Here the words become numbers, and every absurd one is refused with the reason before anything is asked
 * of anybody. */
#include "bot/commands.h"

static const char example[] = "plan Northwind 3x from 2027-01-05 why renewal in flight";

enum { INSTALMENTS_MOST = 120, DUE_HOUR = 9 };

int cmd_plan(struct request *rq, struct err *e)
{
    struct order o;
    struct recovery *r = NULL;
    char said[SAID_SIZE] = "";
    int64_t first_ms = 0;
    int rc = parse_order(&o, rq->args, WANT_COUNT | WANT_FROM | WANT_WHY, e);
    if (rc)
        return rc;
    if (!o.account[0])
        return err_set(e, ERR_INVALID, "Which account? For example: %s", example);
    rc = request_case(rq, o.account, &r, e);
    if (!rc && (o.count <= 0 || o.count > INSTALMENTS_MOST))
        rc = err_set(e, ERR_INVALID, "How many instalments? Write 3x, at most %dx. For example: %s", INSTALMENTS_MOST,
                     example);
    if (!rc && !o.date[0])
        rc = err_set(e, ERR_INVALID, "From when? Add the first date. For example: %s", example);
    if (!rc)
        rc = request_day(rq, o.date, case_zone(r), DUE_HOUR, &first_ms, e);
    if (!rc)
        rc = proposal_plan(rq->engine, r, &rq->who, o.count, first_ms, o.why, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    recovery_free(r);
    return rc;
}
