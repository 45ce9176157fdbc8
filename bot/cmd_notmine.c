/* notmine: the card came to the wrong person.
 *
 * The case goes on to the collections channel, and the card follows it; nobody has to explain themselves. */
#include "bot/commands.h"

int cmd_notmine(struct request *rq, struct err *e)
{
    return request_step(rq, "notmine Northwind", recovery_not_mine, e);
}
