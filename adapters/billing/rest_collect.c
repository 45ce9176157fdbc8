/* The parts of `collect` that are the same for every driver that steps by rest.h: what it must be given, what it says in the end, and
 * the words for an invoice that is not there. What lies between differs from vendor to vendor more than it looks: how a payment
 * is found again whose answer was lost is each one's own. */
#include "adapters/billing/rest.h"

void rest_collect_begin(struct rest_call *c)
{
    const json_t *amount = json_object_get(c->args, "amount");
    if (!*rest_invoice(c) || !*json_str(c->args, "customer", ""))
        rest_refuse(c, "an invoice and a customer are needed");
    else if (amount && !json_is_null(amount) && json_i64(c->args, "amount", 0) <= 0)
        rest_refuse(c, "the amount must be a positive number of minor units");
}

static json_t *result_of(const struct rest_call *c, const char *outcome, int64_t due, const char *note)
{
    json_t *result = json_object();
    json_put(result, "outcome", outcome);
    json_put(result, "payment", json_str(c->stage, "payment", ""));
    json_put_i64(result, "due", due);
    json_put(result, "status", json_str(c->stage, "status", ""));
    if (note)
        json_put_new(result, "note", json_text_safe(note));
    return result;
}

void rest_collect_done(struct rest_call *c, const char *outcome, int64_t due, const char *note)
{
    rest_done(c, result_of(c, outcome, due, note));
}

void rest_collect_under_way(struct rest_call *c, int64_t due, const char *payment, int64_t ended_ms)
{
    json_put(c->stage, "payment", payment ? payment : "");
    json_t *result = result_of(c, "pending", due, "a payment of this invoice is already under way");
    if (!payment || !*payment)
        json_put_i64(result, "after_ms", ended_ms);
    rest_done(c, result);
}

bool rest_no_invoice(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    rest_refuse(c, "%s does not know invoice %.80s", c->vendor->title, rest_invoice(c));
    return true;
}
