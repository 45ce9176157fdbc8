/* emergency: decides alone, by the right that people.yaml calls break_glass. Never without a reason, and every approver is
 * told. */
#include "bot/commands.h"

int cmd_emergency(struct request *rq, struct err *e)
{
    int64_t id = 0;
    const char *reason = "";
    char said[SAID_SIZE] = "";
    int rc = request_approval(rq, &id, &reason, e);
    if (!rc)
        rc = proposal_emergency(rq->engine, id, &rq->who, rq->revision, reason, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    return rc;
}
