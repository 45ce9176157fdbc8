/* unvote: takes one's own yes back, as long as others are missing. */
#include "bot/commands.h"
#include "engine/policy_request.h"

int cmd_unvote(struct request *rq, struct err *e)
{
    int64_t id = 0;
    const char *rest = "";
    char said[SAID_SIZE] = "";
    if (request_policy(rq, &id, &rest))
        return request_policy_decide(rq, policy_request_unvote, id, rest, e);
    int rc = request_approval(rq, &id, &rest, e);
    if (!rc)
        rc = proposal_unvote(rq->engine, id, &rq->who, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    return rc;
}
