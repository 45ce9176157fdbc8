/* revoke: a lent right ends now. */
#include "bot/commands.h"
#include "engine/delegation.h"

int cmd_revoke(struct request *rq, struct err *e)
{
    const char *rest = rq->args;
    char said[SAID_SIZE] = "";
    int64_t id = parse_ref(parse_word(&rest), 'D');
    if (id <= 0)
        return err_set(e, ERR_INVALID, "Which one? They have numbers like D-3; \"delegations\" shows them.");
    int rc = delegation_revoke(rq->engine, id, &rq->who, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    return rc;
}
