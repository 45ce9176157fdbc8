/* dispute: the customer says the invoice is wrong. Everything outbound stops until a person has worked it, so a
 * reason is required: whoever works it must know what to look at.
 *
 * The reason may follow the account directly or behind "why". */
#include "bot/commands.h"

static const char example[] = "dispute Northwind why billed twice in November";

int cmd_dispute(struct request *rq, struct err *e)
{
    const struct account *a = NULL;
    struct recovery *r = NULL;
    const char *why = "";
    char key[PARSE_NAME], said[SAID_SIZE] = "";
    if (!rq->args[0])
        return err_set(e, ERR_INVALID, "Which account, and what is disputed? For example: %s", example);
    int rc = request_account_text(rq, &a, key, &why, e);
    why = rc ? "" : parse_skip_why(why);
    if (!rc && !why[0])
        rc = err_set(e, ERR_INVALID, "What do they dispute? For example: %s", example);
    if (!rc)
        rc = request_case(rq, key, &r, e);
    if (!rc)
        rc = recovery_dispute(rq->engine, r, &rq->who, why, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    recovery_free(r);
    return rc;
}
