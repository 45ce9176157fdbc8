/* claim: "I will handle it". The account's case gets an owner, and the machine stops suggesting others.
 *
 * Who may claim, and what a claim does to a hold or a queue, is the engine's to say; here it only gets its name. */
#include "bot/commands.h"

int cmd_claim(struct request *rq, struct err *e)
{
    return request_step(rq, "claim Northwind", recovery_claim, e);
}
