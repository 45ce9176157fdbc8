/* decline: no to a request, always with a reason: the person who asked has a customer to tell. */
#include "bot/commands.h"
#include "engine/policy_request.h"

int cmd_decline(struct request *rq, struct err *e)
{
    int64_t id = 0;
    const char *reason = "";
    char said[SAID_SIZE] = "";
    if (request_policy(rq, &id, &reason))
        return request_policy_decide(rq, policy_request_decline, id, reason, e);
    int rc = request_approval(rq, &id, &reason, e);
    if (!rc && !reason[0])
        rc =
            err_set(e, ERR_INVALID,
                    "Why not? Whoever asked will want to know. For example: decline A-%lld too long for this account",
                    (long long)id);
    if (!rc)
        rc = proposal_decline(rq->engine, id, &rq->who, rq->revision, reason, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    return rc;
}
