/* Whose charge an event named. An event about a dispute tells neither the customer nor anything that could be believed; so the charge
 * is read, and what Stripe says there counts: whose it is, and whether it is disputed. A charge stays "disputed" for ever, though, so
 * its disputes are read too: only those say whether it is still open, and who won. Where they cannot be read (a restricted key without
 * that right) the dispute counts as open, which stops more than it need, and never less. */
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

/* `of`: a charge or a dispute, each has an amount and its currency. New. */
static json_t *taken_back(const struct rest_call *c, const json_t *of, const char *state)
{
    json_t *out = json_object();
    rest_put_text(out, "payment", rest_invoice(c));
    json_put_i64(out, "amount", json_i64(of, "amount", 0));
    rest_put_currency(out, json_str(of, "currency", ""));
    json_put(out, "state", state);
    return out;
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
    if (!json_flag(c->body, "disputed", false)) {
        rest_done(c, result);
        return;
    }
    json_put_new(result, "disputed", taken_back(c, c->body, "open"));
    json_put_new(c->stage, "result", result);
    rest_go(c, "disputes");
}

static bool charge_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    rest_refuse(c, "Stripe does not know the charge %.80s", rest_invoice(c));
    return true;
}

/* --- how it stands ------------------------------------------------------------------------------------------------ */

static void disputes_send(struct rest_call *c)
{
    AUTO_BUF query = BUF(512);
    buf_adds(&query, "?limit=10&charge=");
    buf_add_url(&query, rest_invoice(c));
    stripe_get(c, "disputes", NULL, buf_text(&query));
}

/* What else there is, or will be (needs_response, under_review, ...), is open. */
static const char *state_of(const json_t *dispute)
{
    static const char *const ended[][2] = {{"won", "won"}, {"lost", "lost"}, {"warning_closed", "dropped"}};
    for (size_t i = 0; i < DW_ARRAY_LEN(ended); i++)
        if (str_eq(json_str(dispute, "status", ""), ended[i][0]))
            return ended[i][1];
    return "open";
}

/* A charge may be disputed twice. What is open counts before what is lost, and that before the rest; else the newest, which is first. */
static int weight_of(const char *state)
{
    return str_eq(state, "open") ? 2 : str_eq(state, "lost") ? 1 : 0;
}

static void disputes_take(struct rest_call *c)
{
    const json_t *weightiest = NULL;
    size_t i;
    json_t *dispute;
    json_array_foreach(json_at(c->body, "data"), i, dispute)
        if (json_is_object(dispute) && (!weightiest || weight_of(state_of(dispute)) > weight_of(state_of(weightiest))))
            weightiest = dispute;
    json_t *result = json_incref(rest_part(c, "result"));
    if (weightiest) /* else the list is behind the charge */
        json_put_new(result, "disputed", taken_back(c, weightiest, state_of(weightiest)));
    rest_done(c, result);
}

static bool disputes_trouble(struct rest_call *c)
{
    if (c->answer->status >= 500) /* asked again */
        return false;
    rest_done(c, json_incref(rest_part(c, "result")));
    return true;
}

static const struct rest_state states[] = {
    {"charge", charge_send, charge_take, charge_trouble, NULL},
    {"disputes", disputes_send, disputes_take, disputes_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op stripe_resolve = {"resolve", resolve_begin, states};
