/* settle: the customer pays a part by a day, and the rest is written off once it has come. Always asked of somebody entitled. */
#include "bot/commands.h"

static const char example[] = "settle Northwind 800 by 2027-01-15 why they are closing down";

enum { PAID_HOUR = 17 };

int cmd_settle(struct request *rq, struct err *e)
{
    struct order o;
    struct recovery *r = NULL;
    struct money pays;
    char said[SAID_SIZE] = "";
    int64_t by_ms = 0;
    int rc = parse_order(&o, rq->args, WANT_AMOUNT | WANT_BY | WANT_WHY, e);
    if (rc)
        return rc;
    if (!o.account[0] || !o.date[0])
        return err_set(e, ERR_INVALID, "Who pays, how much and by when? For example: %s", example);
    rc = request_case_amount(rq, &o, &r, &pays, e);
    if (!rc && pays.minor == 0)
        rc = err_set(e, ERR_INVALID, "How much do they pay? For example: %s", example);
    if (!rc)
        rc = request_day(rq, o.date, case_zone(r), PAID_HOUR, &by_ms, e);
    if (!rc)
        rc = proposal_settlement(rq->engine, r, &rq->who, pays, by_ms, o.why, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    recovery_free(r);
    return rc;
}
