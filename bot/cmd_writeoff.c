/* writeoff: what is unpaid is given up, all of it or the rest of one invoice. Always asked of somebody entitled.
 *
 * "all" and an amount are both understood; an amount must be all that is due, or all of one invoice. */
#include <string.h>
#include <strings.h>

#include "bot/commands.h"

static const char example[] = "writeoff Northwind all why they are bankrupt";

/* "Northwind all": the last word says what, not who. */
static void drop_all(char *account)
{
    size_t n = strlen(account);
    if (n > 4 && strcasecmp(account + n - 4, " all") == 0)
        account[n - 4] = '\0';
}

int cmd_writeoff(struct request *rq, struct err *e)
{
    struct order o;
    struct recovery *r = NULL;
    struct money amount;
    char said[SAID_SIZE] = "";
    int rc = parse_order(&o, rq->args, WANT_AMOUNT | WANT_INVOICE | WANT_WHY, e);
    if (rc)
        return rc;
    drop_all(o.account);
    if (!o.account[0])
        return err_set(e, ERR_INVALID, "Which account? For example: %s", example);
    rc = request_case_amount(rq, &o, &r, &amount, e);
    if (!rc)
        rc = proposal_write_off(rq->engine, r, &rq->who, amount, o.invoice, o.why, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    recovery_free(r);
    return rc;
}
