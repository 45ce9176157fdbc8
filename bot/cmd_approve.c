/* approve: yes to a request. Whose word counts, and up to which amount, is the engine's to say; a click brings the
 * revision of the card it stood on, so nobody approves what they have not seen. */
#include "bot/commands.h"
#include "engine/policy_request.h"

int cmd_approve(struct request *rq, struct err *e)
{
    int64_t id = 0;
    const char *reason = "";
    char said[SAID_SIZE] = "";
    if (request_policy(rq, &id, &reason))
        return request_policy_decide(rq, policy_request_approve, id, reason, e);
    int rc = request_approval(rq, &id, &reason, e);
    if (!rc)
        rc = proposal_approve(rq->engine, id, &rq->who, rq->revision, reason, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    return rc;
}
