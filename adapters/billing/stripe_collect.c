/* Taking money at Stripe: a whole invoice, or a part of it.
 *
 * All of it: the invoice is paid (POST /pay) off-session. A part: a payment intent over exactly that amount is confirmed
 * off-session and attached to the invoice, which stays open until enough of them cover it. Either way the invoice is read
 * first (paid already: done; less left than asked: refused) and read last; what is reported is what the last look said.
 *
 * No request that moves money is ever sent a second time after an answer that leaves open what happened. Then there is
 * only looking: at the invoice and its payments, or for the payment intent that carries this job's key in its metadata. A
 * look that finds nothing is repeated once, some seconds later, because the first call may still be running over there;
 * only then it counts as "did not happen".
 *
 * A part that was charged but cannot be put on the invoice (it was paid or voided in between) is reported as taken, with a
 * note: the money moved, and a person has to attach or refund it. Attaching is a state, so it may be tried again. */
#include "adapters/billing/stripe.h"

#include <string.h>
#include <strings.h>

#include "engine/when.h"

enum { LOOKS_MAX = 2, WRITES_MAX = 3, PAGES_MAX = 10 };

#define MONEY_TIMEOUT_MS 80000 /* Stripe's own libraries wait this long: banks answer slowly */
#define LOOK_AGAIN_MS (12 * MS_SECOND)
#define CLOCKS_APART_MS (5 * MS_SECOND)

static int64_t amount_wanted(const struct rest_call *c)
{
    return json_i64(c->args, "amount", 0);
}

/* A look found nothing: once more a little later, then it did not happen. */
static void not_found(struct rest_call *c, const char *look)
{
    const char *why = json_str(c->stage, "why", NULL);
    int64_t looks = json_i64(c->stage, "looks", 0) + 1;
    json_put_i64(c->stage, "looks", looks);
    if (why)
        rest_refuse(c, "Stripe refuses: %s", why);
    else if (looks < LOOKS_MAX)
        rest_unknown(c, look, LOOK_AGAIN_MS, "not seen at Stripe so far; looking once more");
    else
        rest_refuse(c, "read back: it did not happen");
}

/* --- before ------------------------------------------------------------------------------------------------------- */

static void invoice_send(struct rest_call *c)
{
    stripe_get(c, "invoices", rest_invoice(c), "");
}

/* False, and refused, when this is not the invoice that was approved. */
static bool invoice_fits(struct rest_call *c)
{
    const char *currency = json_str(c->args, "currency", ""), *theirs = json_str(c->body, "currency", "");
    const char *status = json_str(c->body, "status", "");
    if (!str_eq(json_str(c->body, "id", ""), rest_invoice(c)))
        rest_refuse(c, "Stripe answered with another invoice than %.80s", rest_invoice(c));
    else if (!str_eq(stripe_id(c->body, "customer"), json_str(c->args, "customer", "")))
        rest_refuse(c, "invoice %.80s belongs to another customer", rest_invoice(c));
    else if (*currency && strcasecmp(currency, theirs) != 0)
        rest_refuse(c, "invoice %.80s is in %.3s, not in %.3s", rest_invoice(c), theirs, currency);
    else if (!str_eq(status, "open") && !str_eq(status, "paid"))
        rest_refuse(c, "invoice %.80s is %.20s, not open", rest_invoice(c), *status ? status : "of unknown status");
    return !c->ended;
}

static void begin_part(struct rest_call *c, int64_t left)
{
    char wanted[MONEY_TEXT_SIZE], rest[MONEY_TEXT_SIZE];
    const char *currency = json_str(c->body, "currency", "");
    const char *method = json_str(c->args, "method", "");
    if (amount_wanted(c) > left) {
        rest_refuse(c, "%s is more than the %s that is left of invoice %.80s",
                      money_text(wanted, money_of(amount_wanted(c), currency)), money_text(rest, money_of(left, currency)), rest_invoice(c));
        return;
    }
    if (!units_fit(c, currency, amount_wanted(c), stripe_step_of(currency)))
        return;
    json_put(c->stage, "currency", currency);
    json_put(c->stage, "method", *method ? method : stripe_id(c->body, "default_payment_method"));
    rest_go(c, *json_str(c->stage, "method", "") ? "intent" : "customer");
}

static void before_take(struct rest_call *c)
{
    if (!invoice_fits(c))
        return;
    int64_t left = stripe_left(c->body);
    json_put(c->stage, "status", json_str(c->body, "status", ""));
    json_put_i64(c->stage, "left", left);
    json_put_i64(c->stage, "started_ms", c->job->now_ms);
    if (str_eq(json_str(c->body, "status", ""), "paid"))
        rest_collect_done(c, "paid", 0, NULL);
    else if (amount_wanted(c) > 0)
        begin_part(c, left);
    else if (units_fit(c, json_str(c->body, "currency", ""), left, stripe_step_of(json_str(c->body, "currency", ""))))
        rest_go(c, "pay");
}

static void customer_send(struct rest_call *c)
{
    stripe_get(c, "customers", json_str(c->args, "customer", ""), "");
}

static void customer_take(struct rest_call *c)
{
    const char *method = stripe_id(c->body, "invoice_settings.default_payment_method");
    if (!*method)
        method = stripe_id(c->body, "default_source");
    json_put(c->stage, "method", method);
    rest_go(c, "intent");
    if (!*method)
        rest_refuse(c, "the customer has no payment method that could be charged");
}

/* --- all of it ---------------------------------------------------------------------------------------------------- */

static void pay_send(struct rest_call *c)
{
    const char *method = json_str(c->args, "method", "");
    stripe_post(c, "invoices", rest_invoice(c), "/pay", "");
    c->out->request.timeout_ms = MONEY_TIMEOUT_MS;
    form_add(&c->out->request, "off_session", "true");
    if (*method)
        form_add(&c->out->request, "payment_method", method);
}

static void pay_take(struct rest_call *c)
{
    json_put_new(c->stage, "answered", json_true());
    rest_go(c, "paid");
}

static bool pay_trouble(struct rest_call *c)
{
    return stripe_refused_so(c, "paid");
}

/* What is said of another invoice proves nothing, and money may have moved: look again. */
static bool other_invoice(struct rest_call *c, const char *look)
{
    if (str_eq(json_str(c->body, "id", ""), rest_invoice(c)))
        return false;
    rest_unknown(c, look, LOOK_AGAIN_MS, "Stripe answered with another invoice than %.80s", rest_invoice(c));
    return true;
}

/* Older API versions name the payment intent on the invoice itself; newer ones have a list of payments. */
static void paid_take(struct rest_call *c)
{
    const char *intent = stripe_id(c->body, "payment_intent");
    bool paid = str_eq(json_str(c->body, "status", ""), "paid");
    if (other_invoice(c, "paid"))
        return;
    json_put(c->stage, "status", json_str(c->body, "status", ""));
    json_put_i64(c->stage, "left", stripe_left(c->body));
    json_put(c->stage, "payment", *intent ? intent : stripe_id(c->body, "charge"));
    if (paid && *json_str(c->stage, "payment", ""))
        rest_collect_done(c, "paid", 0, NULL);
    else
        rest_go(c, "evidence");
}

static void evidence_send(struct rest_call *c)
{
    const char *intent = json_str(c->stage, "payment", "");
    if (strncmp(intent, "pi_", 3) == 0) {
        stripe_get(c, "payment_intents", intent, "");
        return;
    }
    AUTO_BUF query = BUF(1024);
    buf_adds(&query, "?invoice=");
    buf_add_url(&query, rest_invoice(c));
    buf_adds(&query, "&limit=100&expand%5B%5D=data.payment.payment_intent.latest_charge");
    stripe_get(c, "invoice_payments", NULL, buf_text(&query));
}

static void evidence_end(struct rest_call *c)
{
    int64_t left = json_i64(c->stage, "left", 0);
    if (left == 0 && str_eq(json_str(c->stage, "status", ""), "paid"))
        rest_collect_done(c, "paid", 0, NULL);
    else if (json_flag(c->stage, "answered", false))
        rest_collect_done(c, "pending", left, NULL);
    else
        not_found(c, "paid");
}

static int64_t payment_time(const json_t *row)
{
    return json_i64(row, "status_transitions.paid_at", json_i64(row, "created", 0));
}

/* The payment that speaks for this attempt: paid when the invoice is, else open. /pay uses the invoice's default payment;
 * where none is marked so, it is the newest. */
static const json_t *payment_made(const struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "data"), *row, *newest = NULL;
    const char *wanted = str_eq(json_str(c->stage, "status", ""), "paid") ? "paid" : "open";
    size_t i;
    json_array_foreach(list, i, row) {
        if (!str_eq(json_str(row, "status", ""), wanted))
            continue;
        if (json_flag(row, "is_default", false))
            return row;
        if (!newest || payment_time(row) > payment_time(newest))
            newest = row;
    }
    return newest;
}

/* Was the last charge of this intent made by our call, or is it the failure before it? One that looks a little older may be ours by a
 * clock behind our own, or another's while ours is still running over there: that is not believed at the first look. */
static bool tried_now(const struct rest_call *c, const json_t *intent)
{
    if (json_flag(c->stage, "answered", false))
        return true;
    int64_t apart_ms = json_i64(c->stage, "looks", 0) > 0 ? CLOCKS_APART_MS : 0;
    return stripe_ms(intent, "latest_charge.created") >= json_i64(c->stage, "started_ms", 0) - apart_ms;
}

static void evidence_take(struct rest_call *c)
{
    const json_t *row = json_is_array(json_object_get(c->body, "data")) ? payment_made(c) : NULL;
    const json_t *intent = row ? json_at(row, "payment.payment_intent") : c->body;
    const char *id = row ? stripe_id(row, "payment.payment_intent") : json_str(c->body, "id", ""), *status = json_str(intent, "status", "");
    if (*id)
        json_put(c->stage, "payment", id);
    if (str_eq(json_str(c->stage, "status", ""), "paid"))
        rest_collect_done(c, "paid", 0, NULL);
    else if (str_eq(status, "processing"))
        rest_collect_done(c, "pending", json_i64(c->stage, "left", 0), NULL);
    else if (str_eq(status, "requires_action"))
        rest_collect_done(c, "needs_action", json_i64(c->stage, "left", 0), NULL);
    else if (json_is_object(json_at(intent, "last_payment_error")) && tried_now(c, intent))
        stripe_refuse_declined(c, json_at(intent, "last_payment_error"));
    else
        evidence_end(c);
}

/* A server without that list: the invoice alone has to do. */
static bool evidence_trouble(struct rest_call *c)
{
    if (c->answer->status != 400 && c->answer->status != 404 && c->answer->status != 403)
        return false;
    evidence_end(c);
    return true;
}

/* --- a part of it ------------------------------------------------------------------------------------------------- */

static void intent_send(struct rest_call *c)
{
    AUTO_STR text = str_fmt("Part payment of invoice %.80s", rest_invoice(c));
    stripe_post(c, "payment_intents", NULL, "", "intent");
    struct http_request *r = &c->out->request;
    r->timeout_ms = MONEY_TIMEOUT_MS;
    form_add_i64(r, "amount", units_write(stripe_units, json_str(c->stage, "currency", ""), amount_wanted(c)));
    form_add(r, "currency", json_str(c->stage, "currency", ""));
    form_add(r, "customer", json_str(c->args, "customer", ""));
    form_add(r, "payment_method", json_str(c->stage, "method", ""));
    form_add(r, "off_session", "true");
    form_add(r, "confirm", "true");
    /* Without this, methods that redirect are possible and Stripe wants a page to return to. */
    form_add(r, "automatic_payment_methods[enabled]", "true");
    form_add(r, "automatic_payment_methods[allow_redirects]", "never");
    form_add(r, "description", text);
    form_add(r, "metadata[dunwell_key]", c->job->key);
    form_add(r, "metadata[dunwell_invoice]", rest_invoice(c));
}

/* What the payment intent says decides; it is never confirmed again. */
static void intent_decides(struct rest_call *c, const json_t *intent)
{
    const char *id = json_str(intent, "id", ""), *status = json_str(intent, "status", "");
    json_put(c->stage, "payment", id);
    json_put(c->stage, "flow", status);
    if (str_eq(status, "succeeded") || str_eq(status, "processing"))
        rest_go(c, "attach");
    else if (str_eq(status, "requires_action"))
        rest_collect_done(c, "needs_action", json_i64(c->stage, "left", 0), NULL);
    else if (json_is_object(json_at(intent, "last_payment_error")))
        stripe_refuse_declined(c, json_at(intent, "last_payment_error"));
    else
        rest_refuse(c, "payment %.80s is %.40s: nothing was charged", id, status);
}

static void intent_take(struct rest_call *c)
{
    intent_decides(c, c->body);
}

static void find_send(struct rest_call *c)
{
    const char *after = json_str(c->stage, "after", "");
    AUTO_BUF query = BUF(1024);
    buf_adds(&query, "?customer=");
    buf_add_url(&query, json_str(c->args, "customer", ""));
    buf_addf(&query, "&created%%5Bgt%%5D=%lld&limit=100",
             (long long)((json_i64(c->stage, "started_ms", 0) - MS_DAY) / MS_SECOND));
    if (*after) {
        buf_adds(&query, "&starting_after=");
        buf_add_url(&query, after);
    }
    stripe_get(c, "payment_intents", NULL, buf_text(&query));
}

static void find_take(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "data"), *intent;
    int64_t page = json_i64(c->stage, "page", 0) + 1;
    const char *last = "";
    size_t i;
    json_array_foreach(list, i, intent) {
        if (str_eq(json_str(intent, "metadata.dunwell_key", ""), c->job->key)) {
            intent_decides(c, intent);
            return;
        }
        last = json_str(intent, "id", "");
    }
    bool more = json_flag(c->body, "has_more", false) && *last && page < PAGES_MAX;
    json_put(c->stage, "after", more ? last : "");
    json_put_i64(c->stage, "page", more ? page : 0);
    if (!more)
        not_found(c, "find");
}

static void attach_send(struct rest_call *c)
{
    stripe_post(c, "invoices", rest_invoice(c), "/attach_payment", "attach");
    form_add(&c->out->request, "payment_intent", json_str(c->stage, "payment", ""));
}

static void attach_take(struct rest_call *c)
{
    json_put_new(c->stage, "attached", json_true());
    rest_go(c, "attached");
}

static bool attach_trouble(struct rest_call *c)
{
    return stripe_refused_so(c, "listed");
}

static void listed_send(struct rest_call *c)
{
    AUTO_BUF query = BUF(1024);
    buf_adds(&query, "?invoice=");
    buf_add_url(&query, rest_invoice(c));
    buf_adds(&query, "&payment%5Btype%5D=payment_intent&payment%5Bpayment_intent%5D=");
    buf_add_url(&query, json_str(c->stage, "payment", ""));
    stripe_get(c, "invoice_payments", NULL, buf_text(&query));
}

static void listed_take(struct rest_call *c)
{
    int64_t writes = json_i64(c->stage, "writes", 0) + 1;
    bool there = json_array_size(json_object_get(c->body, "data")) > 0;
    bool last = json_str(c->stage, "why", NULL) || json_flag(c->stage, "final", false) || writes >= WRITES_MAX;
    json_put_i64(c->stage, "writes", writes);
    json_put_new(c->stage, "attached", json_boolean(there));
    rest_go(c, there || last ? "attached" : "attach");
}

static bool listed_trouble(struct rest_call *c)
{
    if (c->answer->status != 400 && c->answer->status != 404 && c->answer->status != 403)
        return false;
    rest_go(c, "attached");
    return true;
}

/* The money moved; only how the invoice shows it is open. */
static void taken_but_loose(struct rest_call *c, int64_t due)
{
    AUTO_STR note = str_fmt("payment %.80s was taken but is not on invoice %.80s: attach or refund it by hand. %.160s",
                            json_str(c->stage, "payment", ""), rest_invoice(c), json_str(c->stage, "why", ""));
    rest_collect_done(c, "partially_paid", due, note);
}

static void attached_take(struct rest_call *c)
{
    bool paid = str_eq(json_str(c->body, "status", ""), "paid"), attached = json_flag(c->stage, "attached", false);
    bool processing = str_eq(json_str(c->stage, "flow", ""), "processing");
    int64_t left = stripe_left(c->body), looks = json_i64(c->stage, "looks", 0) + 1;
    bool counted = left <= json_i64(c->stage, "left", 0) - amount_wanted(c);
    if (other_invoice(c, "attached"))
        return;
    json_put(c->stage, "status", json_str(c->body, "status", ""));
    if (!attached)
        taken_but_loose(c, left);
    else if (processing)
        rest_collect_done(c, "pending", left, NULL);
    else if (counted)
        rest_collect_done(c, paid ? "paid" : "partially_paid", left, NULL);
    else if (looks < WRITES_MAX) {
        json_put_i64(c->stage, "looks", looks);
        rest_unknown(c, "attached", 3 * MS_SECOND, "the payment is attached, but the invoice does not show it yet");
    } else
        taken_but_loose(c, left);
}

static bool attached_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    taken_but_loose(c, json_i64(c->stage, "left", 0));
    return true;
}

static const struct rest_state states[] = {
    {"before", invoice_send, before_take, rest_no_invoice, NULL},
    {"customer", customer_send, customer_take, NULL, NULL},
    {"pay", pay_send, pay_take, pay_trouble, "paid"},
    {"paid", invoice_send, paid_take, rest_no_invoice, NULL},
    {"evidence", evidence_send, evidence_take, evidence_trouble, NULL},
    {"intent", intent_send, intent_take, NULL, "find"},
    {"find", find_send, find_take, NULL, NULL},
    {"attach", attach_send, attach_take, attach_trouble, "listed"},
    {"listed", listed_send, listed_take, listed_trouble, NULL},
    {"attached", invoice_send, attached_take, attached_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op stripe_collect = {"collect", rest_collect_begin, states};
