/* done: a person's word that something billing has no API for was done there by hand; of several places, at the one they name. */
#include "bot/commands.h"

int cmd_done(struct request *rq, struct err *e)
{
    int64_t id = 0;
    const char *rest = "";
    char said[SAID_SIZE] = "";
    int rc = request_approval(rq, &id, &rest, e);
    if (!rc)
        rc = proposal_done_by_hand(rq->engine, id, &rq->who, rest, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    return rc;
}
