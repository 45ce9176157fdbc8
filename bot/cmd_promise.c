/* promise: the customer said what they will pay and when.
 *
 * An account's name may end in a number ("Studio 54"), which looks like an amount. If the whole text names an
 * account it is one, and the promise is about all that is due; a wrong guess here would be a promise nobody made. */
#include "bot/commands.h"
#include "engine/money.h"

static const char example[] = "promise Northwind 500 by friday";

enum { PAID_HOUR = 17 };

static int promise_amount(const struct recovery *r, const char *text, struct money *out, struct err *e)
{
    char due[MONEY_TEXT_SIZE];
    *out = r->due;
    if (!text[0])
        return 0;
    int rc = money_parse(out, text, r->due.currency, e);
    if (rc)
        return rc;
    if (!str_eq(out->currency, r->due.currency))
        return err_set(e, ERR_INVALID, "What is unpaid is in %s, not in %s.", r->due.currency, out->currency);
    if (out->minor <= 0)
        return err_set(e, ERR_INVALID, "A promise needs an amount above zero.");
    if (out->minor > r->due.minor)
        return err_set(e, ERR_INVALID, "That is more than what is unpaid: %s.", money_text(due, r->due));
    return 0;
}

int cmd_promise(struct request *rq, struct err *e)
{
    struct order o;
    struct recovery *r = NULL;
    const struct account *whole = NULL;
    struct money amount;
    char said[SAID_SIZE] = "";
    int64_t date_ms = 0;
    int rc = parse_order(&o, rq->args, WANT_AMOUNT | WANT_BY | WANT_WHY, e);
    if (rc)
        return rc;
    if (!o.account[0] || !o.date[0])
        return err_set(e, ERR_INVALID, "Who pays, how much and by when? For example: %s", example);
    bool is_name = o.amount[0] && book_find(&whole, rq->engine->book, o.subject, NULL) == 0;
    rc = request_case(rq, is_name ? whole->key : o.account, &r, e);
    if (!rc)
        rc = promise_amount(r, is_name ? "" : o.amount, &amount, e);
    if (!rc)
        rc = request_day(rq, o.date, case_zone(r), PAID_HOUR, &date_ms, e);
    if (!rc)
        rc = recovery_promise(rq->engine, r, &rq->who, amount, date_ms, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    recovery_free(r);
    return rc;
}
