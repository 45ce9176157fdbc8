/* promise: the customer said what they will pay and when.
 *
 * Without an amount the promise is about all that is due; a wrong guess here would be a promise nobody made. */
#include "bot/commands.h"

static const char example[] = "promise Northwind 500 by friday";

enum { PAID_HOUR = 17 };

int cmd_promise(struct request *rq, struct err *e)
{
    struct order o;
    struct recovery *r = NULL;
    struct money amount;
    char said[SAID_SIZE] = "";
    int64_t date_ms = 0;
    int rc = parse_order(&o, rq->args, WANT_AMOUNT | WANT_BY | WANT_WHY, e);
    if (rc)
        return rc;
    if (!o.account[0] || !o.date[0])
        return err_set(e, ERR_INVALID, "Who pays, how much and by when? For example: %s", example);
    rc = request_case_amount(rq, &o, &r, &amount, e);
    if (!rc && amount.minor == 0)
        amount = r->due;
    if (!rc)
        rc = request_day(rq, o.date, case_zone(r), PAID_HOUR, &date_ms, e);
    if (!rc)
        rc = recovery_promise(rq->engine, r, &rq->who, amount, date_ms, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    recovery_free(r);
    return rc;
}
