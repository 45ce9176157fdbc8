/* link: the customer gets a payment link by e-mail.
 *
 * The link itself is a secret between the billing system and the customer: it is mailed, never shown here. */
#include "bot/commands.h"

int cmd_link(struct request *rq, struct err *e)
{
    return request_step(rq, "link Northwind", recovery_send_link, e);
}
