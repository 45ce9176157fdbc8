/* defer: billing's own next attempt is not before a day. Notices go on; to stop those as well, hold. */
#include "bot/commands.h"

static const char example[] = "defer Northwind until friday why they get paid on thursday";

enum { FIRST_HOUR = 9 };

int cmd_defer(struct request *rq, struct err *e)
{
    struct order o;
    struct recovery *r = NULL;
    char said[SAID_SIZE] = "";
    int64_t until_ms = 0;
    int rc = parse_order(&o, rq->args, WANT_UNTIL | WANT_WHY, e);
    if (rc)
        return rc;
    if (!o.account[0] || !o.date[0])
        return err_set(e, ERR_INVALID, "Which account, and until when? For example: %s", example);
    rc = request_case(rq, o.account, &r, e);
    if (!rc)
        rc = request_day(rq, o.date, case_zone(r), FIRST_HOUR, &until_ms, e);
    if (!rc)
        rc = proposal_defer(rq->engine, r, &rq->who, until_ms, o.why, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    recovery_free(r);
    return rc;
}
