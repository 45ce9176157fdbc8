/* reopen: asks again what was parked because nobody decided. A new request with a card of its own, on the facts of now; of a change of
 * the policy, against the policy of now. */
#include "bot/commands.h"
#include "engine/policy_request.h"
#include "engine/waiting.h"

int cmd_reopen(struct request *rq, struct err *e)
{
    int64_t id = 0;
    const char *rest = "";
    char said[SAID_SIZE] = "";
    if (request_policy(rq, &id, &rest))
        return request_policy_decide(rq, policy_request_reopen, id, rest, e);
    int rc = request_approval(rq, &id, &rest, e);
    if (!rc)
        rc = proposal_reopen(rq->engine, id, &rq->who, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    return rc;
}
