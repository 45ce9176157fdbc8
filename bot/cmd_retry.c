/* retry: try the payment again now.
 *
 * The card networks count attempts, and policy counts with them; a refusal says which limit stands in the way. */
#include "bot/commands.h"

int cmd_retry(struct request *rq, struct err *e)
{
    return request_step(rq, "retry Northwind", proposal_retry, e);
}
