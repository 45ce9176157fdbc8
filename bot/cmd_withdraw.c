/* withdraw: whoever asked takes the request back. Nothing has happened at the billing system, and nothing will. */
#include "bot/commands.h"
#include "engine/policy_request.h"

int cmd_withdraw(struct request *rq, struct err *e)
{
    int64_t id = 0;
    const char *why = "";
    char said[SAID_SIZE] = "";
    if (request_policy(rq, &id, &why))
        return request_policy_decide(rq, policy_request_withdraw, id, why, e);
    int rc = request_approval(rq, &id, &why, e);
    if (!rc)
        rc = proposal_withdraw(rq->engine, id, &rq->who, why, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    return rc;
}
