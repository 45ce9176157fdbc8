/* whoami: who I think you are, what you may decide, and how I reach you. The first thing to try when a right is
 * missing. */
#include "bot/commands.h"
#include "engine/buf.h"

static void add_limits(struct buf *out, const struct person *p)
{
    char text[MONEY_TEXT_SIZE];
    if (!person_has(p, ROLE_MANAGER | ROLE_FINANCE))
        return;
    if (p->n_limits == 0)
        buf_adds(out, "\nYou have no limit yet, so you cannot approve amounts: an operator sets it in people.yaml.");
    for (size_t i = 0; i < p->n_limits; i++)
        buf_addf(out, "%s%s", i ? ", " : "\nYou may approve up to ", money_text(text, p->limits[i]));
}

int cmd_whoami(struct request *rq, struct err *e)
{
    const struct person *p = rq->who.person;
    char roles[128];
    AUTO_BUF out = BUF(PARSE_MAX);
    (void)e;
    buf_addf(&out, "You are %.100s (%.60s).\nRoles: %s.", p->name, p->key,
             p->roles ? role_names(p->roles, roles, sizeof roles) : "none");
    add_limits(&out, p);
    buf_addf(&out, "\nDates that you type are read in %s.", request_zone(rq));
    request_say(rq, "%s", buf_text(&out));
    return 0;
}
