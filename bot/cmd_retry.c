/* retry: try the payment again now.
 *
 * The card networks count attempts, and policy counts with them. Beyond policy's counts somebody entitled has to agree to one more;
 * beyond the network's own nobody can, and the refusal says which limit stands in the way. */
#include "bot/commands.h"

static const char example[] = "retry Northwind why they raised the limit of the card";

int cmd_retry(struct request *rq, struct err *e)
{
    struct order o;
    struct recovery *r = NULL;
    char said[SAID_SIZE] = "";
    int rc = parse_order(&o, rq->args, WANT_WHY, e);
    if (!rc && !o.account[0])
        return err_set(e, ERR_INVALID, "Which account? For example: %s", example);
    if (!rc)
        rc = request_case(rq, o.account, &r, e);
    if (!rc)
        rc = proposal_retry(rq->engine, r, &rq->who, o.why, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    recovery_free(r);
    return rc;
}
