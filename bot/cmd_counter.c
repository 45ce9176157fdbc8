/* counter: not this, but that. "counter A-17 3x", with another first date if wanted; else the date stays as asked. */
#include <string.h>

#include "bot/commands.h"

enum { INSTALMENTS_MOST = 120, DUE_HOUR = 9 };

/* The first date is reckoned in the customer's zone, as it was when the plan was asked for. */
static int counter_first(struct request *rq, int64_t id, const char *date, int64_t *first_ms, struct err *e)
{
    *first_ms = 0;
    if (!date[0])
        return 0;
    struct proposal *p = proposal_load(rq->engine, id);
    struct recovery *r = p ? recovery_load(rq->engine, p->case_id) : NULL;
    int rc = r ? request_day(rq, date, case_zone(r), DUE_HOUR, first_ms, e)
               : err_set(e, ERR_NOT_FOUND, "There is no request A-%lld.", (long long)id);
    recovery_free(r);
    proposal_free(p);
    return rc;
}

int cmd_counter(struct request *rq, struct err *e)
{
    int64_t id = 0, first_ms = 0;
    const char *rest = "";
    struct order o;
    char said[SAID_SIZE] = "";
    int rc = request_approval(rq, &id, &rest, e);
    if (!rc)
        rc = parse_order(&o, rq->args, WANT_COUNT | WANT_FROM | WANT_WHY, e);
    if (!rc && (o.count <= 0 || o.count > INSTALMENTS_MOST))
        rc = err_set(e, ERR_INVALID, "With how many instalments? For example: counter A-%lld 3x", (long long)id);
    if (!rc && parse_ref(span_of(o.account), 'A') != id)
        rc = err_set(e, ERR_INVALID, "I do not understand \"%.60s\". For example: counter A-%lld 3x from 2027-01-05",
                     o.account, (long long)id);
    if (!rc)
        rc = counter_first(rq, id, o.date, &first_ms, e);
    if (!rc)
        rc = proposal_counter(rq->engine, id, &rq->who, o.count, first_ms, o.why, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    return rc;
}
