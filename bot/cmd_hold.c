/* hold: notices and retries stop until a date; on a case that is held already the end moves.
 *
 * A hold always has an end, so the date is never optional and never invented here. */
#include "bot/commands.h"

static const char example[] = "hold Northwind until friday why waiting for their new card";

enum { END_HOUR = 17 };

int cmd_hold(struct request *rq, struct err *e)
{
    struct order o;
    struct recovery *r = NULL;
    char said[SAID_SIZE] = "";
    int64_t end_ms = 0;
    int rc = parse_order(&o, rq->args, WANT_UNTIL | WANT_WHY, e);
    if (rc)
        return rc;
    if (!o.account[0])
        return err_set(e, ERR_INVALID, "Which account? For example: %s", example);
    rc = request_case(rq, o.account, &r, e);
    if (!rc && !o.date[0])
        rc = err_set(e, ERR_INVALID, "Until when? Every hold has an end. For example: %s", example);
    if (!rc)
        rc = request_day(rq, o.date, request_zone(rq), END_HOUR, &end_ms, e);
    if (!rc)
        rc = proposal_hold(rq->engine, r, &rq->who, end_ms, o.why, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    recovery_free(r);
    return rc;
}
