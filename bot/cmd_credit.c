/* credit: the customer owes less from now on. It cannot be taken back, so it is always asked of somebody entitled. */
#include "bot/commands.h"

static const char example[] = "credit Northwind 500 invoice INV-1 why two days of downtime";

int cmd_credit(struct request *rq, struct err *e)
{
    struct order o;
    struct recovery *r = NULL;
    struct money amount;
    char said[SAID_SIZE] = "";
    int rc = parse_order(&o, rq->args, WANT_AMOUNT | WANT_INVOICE | WANT_WHY, e);
    if (rc)
        return rc;
    if (!o.account[0])
        return err_set(e, ERR_INVALID, "Which account, and how much? For example: %s", example);
    rc = request_case_amount(rq, &o, &r, &amount, e);
    if (!rc && amount.minor == 0)
        rc = err_set(e, ERR_INVALID, "How much? For example: %s", example);
    if (!rc)
        rc = proposal_credit(rq->engine, r, &rq->who, amount, o.invoice, o.why, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    recovery_free(r);
    return rc;
}
