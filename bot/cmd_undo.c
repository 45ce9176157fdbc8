/* undo: what was started a moment ago, before it has run. Afterwards the answer says how to reverse it, or that nobody can. */
#include "bot/commands.h"

int cmd_undo(struct request *rq, struct err *e)
{
    int64_t id = 0;
    const char *rest = "";
    char said[SAID_SIZE] = "";
    int rc = request_approval(rq, &id, &rest, e);
    if (!rc)
        rc = proposal_undo(rq->engine, id, &rq->who, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    return rc;
}
