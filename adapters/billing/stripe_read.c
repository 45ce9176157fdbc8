/* Reading an account at Stripe: customer, invoices, payments with their declines, methods, subscription, attempts.
 *
 * Where a payment's details stand depends on the API version. Since 2025-03-31 an invoice has a list of invoice payments,
 * each naming a payment intent; before, the invoice named one payment intent or charge itself. Both are followed, so a
 * pinned older version works as well, and what a server does not know (404, 400) is left out, not an error: the customer
 * and the invoices are what a decision cannot do without, the rest makes it a better one. */
#include "adapters/billing/stripe_read.h"

#include <string.h>

enum { INVOICES_MAX = 200, PAGES_MAX = 10, DETAILED_MAX = 20, INTENTS_MAX = 20 };

static void read_begin(struct rest_call *c)
{
    rest_read_begin(c);
    json_put_new(c->stage, "todo", json_array());
    json_put_new(c->stage, "intents", json_array());
    json_put_new(c->stage, "links", json_object()); /* payment intent or charge -> its invoice */
    json_put_new(c->stage, "errors", json_object()); /* payment intent -> the payment it tells of */
}

/* --- customer ----------------------------------------------------------------------------------------------------- */

static void customer_send(struct rest_call *c)
{
    stripe_get(c, "customers", rest_customer(c), "");
}

static void customer_take(struct rest_call *c)
{
    if (json_flag(c->body, "deleted", false)) {
        rest_refuse(c, "customer %.80s is deleted at Stripe", rest_customer(c));
        return;
    }
    json_t *account = json_object();
    const char *method = stripe_id(c->body, "invoice_settings.default_payment_method");
    rest_put_text(account, "id", rest_customer(c));
    rest_put_text(account, "name", json_str(c->body, "name", json_str(c->body, "description", "")));
    rest_put_text(account, "email", json_str(c->body, "email", ""));
    rest_put_currency(account, json_str(c->body, "currency", ""));
    rest_put_text(account, "default_method", *method ? method : stripe_id(c->body, "default_source"));
    json_put_new(c->stage, "account", account);
    rest_go(c, "invoices");
}

static bool customer_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    rest_refuse(c, "Stripe does not know customer %.80s", rest_customer(c));
    return true;
}

/* --- invoices ----------------------------------------------------------------------------------------------------- */

static const char *subscription_of(const json_t *invoice)
{
    const char *id = stripe_id(invoice, "parent.subscription_details.subscription");
    return *id ? id : stripe_id(invoice, "subscription");
}

void read_link(struct rest_call *c, const char *payment, const char *invoice)
{
    if (*payment)
        json_put(rest_part(c, "links"), payment, invoice);
}

void read_want_intent(struct rest_call *c, const char *id)
{
    json_t *intents = rest_part(c, "intents");
    if (strncmp(id, "pi_", 3) == 0 && json_array_size(intents) < INTENTS_MAX)
        json_array_append_new(intents, json_string(id));
}

static void add_invoice(struct rest_call *c, const json_t *theirs)
{
    const char *id = json_str(theirs, "id", ""), *intent = stripe_id(theirs, "payment_intent");
    bool automatic = str_eq(json_str(theirs, "collection_method", "charge_automatically"), "charge_automatically");
    json_t *invoice = json_object();
    rest_put_text(invoice, "id", id);
    rest_put_text(invoice, "number", json_str(theirs, "number", ""));
    rest_put_currency(invoice, json_str(theirs, "currency", ""));
    json_put_i64(invoice, "total", json_i64(theirs, "total", 0));
    json_put_i64(invoice, "due", stripe_left(theirs));
    json_put_i64(invoice, "due_at_ms", stripe_ms(theirs, "due_date"));
    json_put_i64(invoice, "created_ms", stripe_ms(theirs, "created"));
    rest_put_text(invoice, "status", json_str(theirs, "status", ""));
    json_put_i64(invoice, "attempts", json_i64(theirs, "attempt_count", 0));
    json_put_i64(invoice, "next_attempt_ms", stripe_ms(theirs, "next_payment_attempt"));
    json_put_new(invoice, "auto_advance", json_boolean(json_flag(theirs, "auto_advance", false)));
    json_put(invoice, "collection", automatic ? "auto" : "manual");
    json_put(invoice, "url", json_str(theirs, "hosted_invoice_url", ""));
    rest_put_text(invoice, "subscription", subscription_of(theirs));
    json_array_append_new(rest_part(c, "invoices"), invoice);
    read_link(c, intent, id);
    read_link(c, stripe_id(theirs, "charge"), id);
    read_want_intent(c, intent);
}

static void invoices_send(struct rest_call *c)
{
    const char *after = json_str(c->stage, "after", "");
    AUTO_BUF query = BUF(1024);
    buf_adds(&query, "?customer=");
    buf_add_url(&query, rest_customer(c));
    /* Twenty at a time: an invoice brings its first lines along, and an answer must stay small enough to be read. */
    buf_adds(&query, "&status=open&limit=20");
    if (*after) {
        buf_adds(&query, "&starting_after=");
        buf_add_url(&query, after);
    }
    stripe_get(c, "invoices", NULL, buf_text(&query));
}

/* The invoice the event named comes first: only so many are looked at closely. */
static void list_details(struct rest_call *c)
{
    const json_t *invoices = rest_part(c, "invoices"), *row;
    const char *named = json_str(c->args, "invoice", "");
    size_t i;
    if (rest_read_invoice(c, named))
        json_array_append_new(rest_part(c, "todo"), json_string(named));
    json_array_foreach(invoices, i, row)
        if (!str_eq(json_str(row, "id", ""), named) && json_array_size(rest_part(c, "todo")) < DETAILED_MAX)
            json_array_append(rest_part(c, "todo"), json_object_get(row, "id"));
    read_next_detail(c);
}

static void invoices_take(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "data"), *row;
    const char *last = "", *named = json_str(c->args, "invoice", "");
    int64_t page = json_i64(c->stage, "page", 0) + 1;
    size_t i;
    json_array_foreach(list, i, row) {
        last = json_str(row, "id", "");
        if (*last && !rest_read_invoice(c, last) && json_array_size(rest_part(c, "invoices")) < INVOICES_MAX)
            add_invoice(c, row);
    }
    json_put_i64(c->stage, "page", page);
    if (json_flag(c->body, "has_more", false) && *last && page < PAGES_MAX) {
        json_put(c->stage, "after", last);
        return;
    }
    json_put(c->stage, "after", "");
    if (*named && !rest_read_invoice(c, named))
        rest_go(c, "named");
    else
        list_details(c);
}

static void named_send(struct rest_call *c)
{
    stripe_get(c, "invoices", json_str(c->args, "invoice", ""), "");
}

static void named_take(struct rest_call *c)
{
    if (str_eq(stripe_id(c->body, "customer"), rest_customer(c)))
        add_invoice(c, c->body);
    list_details(c);
}

static bool named_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    list_details(c);
    return true;
}

/* --- methods, subscription ---------------------------------------------------------------------------------------- */

/* Servers pinned to an older version want a type; then only cards are seen. */
static void methods_send(struct rest_call *c)
{
    stripe_get(c, "customers", rest_customer(c),
               json_flag(c->stage, "cards_only", false) ? "/payment_methods?type=card&limit=100" : "/payment_methods?limit=100");
}

/* The last part is there: what only intents tell of comes in, and all is told. */
static void read_finish(struct rest_call *c)
{
    read_count_intents(c);
    rest_read_done(c, NULL);
}

static void methods_take(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "data"), *row;
    size_t i;
    json_array_foreach(list, i, row) {
        const char *type = json_str(row, "type", "card");
        const json_t *detail = json_object_get(row, type);
        json_t *method = json_object();
        rest_put_text(method, "id", json_str(row, "id", ""));
        rest_put_text(method, "brand", json_str(detail, "brand", type));
        rest_put_text(method, "last4", json_str(detail, "last4", ""));
        rest_put_text(method, "fingerprint", json_str(detail, "fingerprint", ""));
        json_put_i64(method, "exp_month", json_i64(detail, "exp_month", 0));
        json_put_i64(method, "exp_year", json_i64(detail, "exp_year", 0));
        json_array_append_new(rest_part(c, "methods"), method);
    }
    if (*rest_read_subscription(c))
        rest_go(c, "subscription");
    else
        read_finish(c);
}

static bool methods_trouble(struct rest_call *c)
{
    if (c->answer->status == 400 && !json_flag(c->stage, "cards_only", false)) {
        json_put_new(c->stage, "cards_only", json_true());
        return true;
    }
    if (!rest_go_on_without(c, "subscription"))
        return false;
    if (!*rest_read_subscription(c))
        read_finish(c);
    return true;
}

static void subscription_send(struct rest_call *c)
{
    stripe_get(c, "subscriptions", rest_read_subscription(c), "");
}

static void subscription_take(struct rest_call *c)
{
    json_t *subscription = json_object();
    rest_put_text(subscription, "id", json_str(c->body, "id", ""));
    rest_put_text(subscription, "status", json_str(c->body, "status", ""));
    json_put_new(c->stage, "subscription", subscription);
    read_finish(c);
}

static bool subscription_trouble(struct rest_call *c)
{
    if (!rest_go_on_without(c, "subscription"))
        return false;
    read_finish(c);
    return true;
}

static const struct rest_state states[] = {
    {"customer", customer_send, customer_take, customer_trouble, NULL},
    {"invoices", invoices_send, invoices_take, NULL, NULL},
    {"named", named_send, named_take, named_trouble, NULL},
    {"payments", read_payments_send, read_payments_take, read_payments_trouble, NULL},
    {"intent", read_intent_send, read_intent_take, read_intent_trouble, NULL},
    {"charges", read_charges_send, read_charges_take, read_charges_trouble, NULL},
    {"methods", methods_send, methods_take, methods_trouble, NULL},
    {"subscription", subscription_send, subscription_take, subscription_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op stripe_read = {"read", read_begin, states};
