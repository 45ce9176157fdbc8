/* counter: not this, but that. "counter A-17 3x", with another first date if wanted; else the date stays as asked. A credit and a
 * settlement are countered with an amount: "counter A-17 500" gives so much, or has the customer pay so much. */
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

static int counter_plan(struct request *rq, int64_t id, char *said, size_t size, struct err *e)
{
    int64_t first_ms = 0;
    struct order o;
    int rc = parse_order(&o, rq->args, WANT_COUNT | WANT_FROM | WANT_WHY, e);
    if (!rc && (o.count <= 0 || o.count > INSTALMENTS_MOST))
        rc = err_set(e, ERR_INVALID, "With how many instalments? For example: counter A-%lld 3x", (long long)id);
    if (!rc && parse_ref(span_of(o.account), 'A') != id)
        rc = err_set(e, ERR_INVALID, "I do not understand \"%.60s\". For example: counter A-%lld 3x from 2027-01-05",
                     o.account, (long long)id);
    if (!rc)
        rc = counter_first(rq, id, o.date, &first_ms, e);
    return rc ? rc : proposal_counter(rq->engine, id, &rq->who, o.count, first_ms, o.why, said, size, e);
}

static int counter_amount(struct request *rq, int64_t id, struct money asked, char *said, size_t size, struct err *e)
{
    struct order o;
    struct money amount;
    int rc = parse_order(&o, rq->args, WANT_AMOUNT | WANT_WHY, e);
    if (!rc && (!o.amount[0] || parse_ref(span_of(o.account), 'A') != id))
        rc = err_set(e, ERR_INVALID, "With which amount? For example: counter A-%lld 500", (long long)id);
    if (!rc)
        rc = money_parse(&amount, o.amount, asked.currency, e);
    return rc ? rc : proposal_counter_amount(rq->engine, id, &rq->who, amount, o.why, said, size, e);
}

int cmd_counter(struct request *rq, struct err *e)
{
    int64_t id = 0;
    const char *rest = "";
    char said[SAID_SIZE] = "";
    int rc = request_approval(rq, &id, &rest, e);
    if (rc)
        return rc;
    struct proposal *p = proposal_load(rq->engine, id);
    if (p && (p->verb == VERB_CREDIT || p->verb == VERB_SETTLE))
        rc = counter_amount(rq, id, p->amount, said, sizeof said, e);
    else
        rc = counter_plan(rq, id, said, sizeof said, e);
    proposal_free(p);
    if (!rc)
        request_say(rq, "%s", said);
    return rc;
}
