/* resume: a hold ends now instead of at its end.
 *
 * Notices and retries start again, so it is a proposal like the others: executed at the billing system and read
 * back. */
#include "bot/commands.h"

int cmd_resume(struct request *rq, struct err *e)
{
    return request_step(rq, "resume Northwind", proposal_resume, e);
}
