/* Whose charge an event named. An event about a dispute tells neither the customer nor anything that could be believed; so the charge
 * is read, and what Stripe says there counts: whose it is, what was taken, and whether it is disputed. */
#include <string.h>

#include "adapters/billing/stripe.h"

/* Charges of cards, and of banks. Anything else an event may name without a customer is told by other events as well. */
static void resolve_begin(struct rest_call *c)
{
    const char *id = rest_invoice(c);
    if (strncmp(id, "ch_", 3) != 0 && strncmp(id, "py_", 3) != 0)
        rest_refuse(c, "%.80s is no charge", id);
}

static void charge_send(struct rest_call *c)
{
    stripe_get(c, "charges", rest_invoice(c), "");
}

static void charge_take(struct rest_call *c)
{
    const char *customer = stripe_id(c->body, "customer");
    if (!*customer) {
        rest_refuse(c, "the charge %.80s is of no customer", rest_invoice(c));
        return;
    }
    json_t *result = json_object();
    rest_put_text(result, "customer", customer);
    if (json_flag(c->body, "disputed", false)) {
        json_t *taken_back = json_object();
        rest_put_text(taken_back, "payment", rest_invoice(c));
        json_put_i64(taken_back, "amount", json_i64(c->body, "amount", 0));
        rest_put_currency(taken_back, json_str(c->body, "currency", ""));
        json_put_new(result, "disputed", taken_back);
    }
    rest_done(c, result);
}

static bool charge_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    rest_refuse(c, "Stripe does not know the charge %.80s", rest_invoice(c));
    return true;
}

static const struct rest_state states[] = {
    {"charge", charge_send, charge_take, charge_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op stripe_resolve = {"resolve", resolve_begin, states};
