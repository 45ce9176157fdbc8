/* Reading an account at Chargebee: customer, invoices with something to pay, methods, transactions with their declines,
 * subscription.
 *
 * The customer and the invoices are what a decision cannot do without; methods, transactions and the subscription make it a
 * better one and are left out where the key may not read them. Methods come before transactions, because a network's code can
 * only be read by the card's brand. Amounts are minor units and times epoch seconds on this wire. */
#include "adapters/billing/attempts.h"
#include "adapters/billing/chargebee.h"
#include "adapters/billing/rest_read.h"

#include "engine/when.h"

enum { INVOICES_MAX = 200, PAGES_MAX = 10, TRANSACTION_PAGES_MAX = 3 };

#define LISTED_MS (180 * MS_DAY) /* how far back payments are told; the newest come first */

/* --- customer ----------------------------------------------------------------------------------------------------- */

static void customer_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("customers/%", rest_customer(c), NULL);
    rest_get(c, path);
}

static void customer_take(struct rest_call *c)
{
    const json_t *theirs = json_object_get(c->body, "customer");
    const char *company = json_str(theirs, "company", ""), *last = json_str(theirs, "last_name", "");
    if (json_flag(theirs, "deleted", false) || !str_eq(json_str(theirs, "id", ""), rest_customer(c))) {
        rest_refuse(c, "customer %.80s is deleted at Chargebee, or another one answered", rest_customer(c));
        return;
    }
    AUTO_STR person = str_fmt("%s%s%s", json_str(theirs, "first_name", ""), *last ? " " : "", last);
    json_t *account = json_object();
    rest_put_text(account, "id", rest_customer(c));
    rest_put_text(account, "name", *company ? company : person);
    rest_put_text(account, "email", json_str(theirs, "email", ""));
    rest_put_currency(account, json_str(theirs, "preferred_currency_code", ""));
    rest_put_text(account, "default_method", json_str(theirs, "primary_payment_source_id", ""));
    json_put_new(c->stage, "account", account);
    json_put_new(c->stage, "auto", json_boolean(str_eq(json_str(theirs, "auto_collection", "on"), "on")));
    rest_go(c, "invoices");
}

static bool customer_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    rest_refuse(c, "Chargebee does not know customer %.80s", rest_customer(c));
    return true;
}

/* --- invoices ----------------------------------------------------------------------------------------------------- */

static void add_invoice(struct rest_call *c, const json_t *theirs)
{
    bool runs = chargebee_in_dunning(theirs) && !chargebee_paused_ms(theirs, c->job->now_ms);
    json_t *invoice = json_object();
    rest_put_text(invoice, "id", json_str(theirs, "id", ""));
    rest_put_text(invoice, "number", json_str(theirs, "id", "")); /* an invoice's id is its number here */
    rest_put_currency(invoice, json_str(theirs, "currency_code", ""));
    json_put_i64(invoice, "total", json_i64(theirs, "total", 0));
    json_put_i64(invoice, "due", json_i64(theirs, "amount_due", 0));
    json_put_i64(invoice, "due_at_ms", chargebee_ms(theirs, "due_date"));
    json_put_i64(invoice, "created_ms", chargebee_ms(theirs, "date"));
    json_put(invoice, "status", chargebee_status(json_str(theirs, "status", "")));
    json_put_i64(invoice, "attempts", (int64_t)json_array_size(json_object_get(theirs, "dunning_attempts")));
    json_put_i64(invoice, "next_attempt_ms", runs ? chargebee_ms(theirs, "next_retry_at") : 0);
    json_put_new(invoice, "auto_advance", json_boolean(runs));
    json_put(invoice, "collection", json_flag(c->stage, "auto", true) ? "auto" : "manual");
    json_put(invoice, "url", "");
    rest_put_text(invoice, "subscription", json_str(theirs, "subscription_id", ""));
    json_array_append_new(rest_part(c, "invoices"), invoice);
}

static void invoices_send(struct rest_call *c)
{
    const char *offset = json_str(c->stage, "offset", "");
    AUTO_BUF path = BUF(4096);
    buf_adds(&path, "invoices?customer_id%5Bis%5D=");
    buf_add_url(&path, rest_customer(c));
    buf_adds(&path, "&amount_due%5Bgt%5D=0&limit=50");
    if (*offset) {
        buf_adds(&path, "&offset=");
        buf_add_url(&path, offset);
    }
    rest_get(c, buf_text(&path));
}

/* The next page, or `next`. Pages are counted, for an offset may lead round in circles. */
static void turn_page(struct rest_call *c, int64_t pages_max, const char *next)
{
    const char *offset = json_str(c->body, "next_offset", "");
    int64_t page = json_i64(c->stage, "page", 0) + 1;
    bool more = *offset && page < pages_max;
    json_put(c->stage, "offset", more ? offset : "");
    json_put_i64(c->stage, "page", more ? page : 0);
    if (!more)
        rest_go(c, next);
}

static void invoices_take(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "list"), *row;
    size_t i;
    json_array_foreach(list, i, row) {
        const json_t *invoice = json_object_get(row, "invoice");
        const char *id = json_str(invoice, "id", "");
        bool open = str_eq(chargebee_status(json_str(invoice, "status", "")), "open");
        bool theirs = str_eq(json_str(invoice, "customer_id", ""), rest_customer(c));
        if (*id && open && theirs && !rest_read_invoice(c, id) && json_array_size(rest_part(c, "invoices")) < INVOICES_MAX)
            add_invoice(c, invoice);
    }
    turn_page(c, PAGES_MAX, "methods");
    if (rest_at(c, "methods") && *rest_invoice(c) && !rest_read_invoice(c, rest_invoice(c)))
        rest_go(c, "named");
}

static void named_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("invoices/%", rest_invoice(c), NULL);
    rest_get(c, path);
}

static void named_take(struct rest_call *c)
{
    if (str_eq(json_str(c->body, "invoice.customer_id", ""), rest_customer(c)))
        add_invoice(c, json_object_get(c->body, "invoice"));
    rest_go(c, "methods");
}

static bool named_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    rest_go(c, "methods");
    return true;
}

/* --- methods ------------------------------------------------------------------------------------------------------ */

static void methods_send(struct rest_call *c)
{
    AUTO_BUF whole = BUF(4096);
    buf_adds(&whole, "payment_sources?customer_id%5Bis%5D=");
    buf_add_url(&whole, rest_customer(c));
    buf_adds(&whole, "&limit=100");
    rest_get(c, buf_text(&whole));
}

static void methods_take(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "list"), *row;
    size_t i;
    json_array_foreach(list, i, row) {
        const json_t *theirs = json_object_get(row, "payment_source");
        const json_t *card = json_object_get(theirs, "card");
        const char *status = json_str(theirs, "status", "");
        if (json_flag(theirs, "deleted", false) || str_eq(status, "invalid") || str_eq(status, "pending_verification"))
            continue;
        json_t *method = json_object();
        rest_put_text(method, "id", json_str(theirs, "id", ""));
        rest_put_text(method, "brand", json_str(card, "brand", json_str(theirs, "type", "")));
        rest_put_text(method, "last4", json_str(card, "last4", json_str(theirs, "bank_account.last4", "")));
        json_put_i64(method, "exp_month", json_i64(card, "expiry_month", 0));
        json_put_i64(method, "exp_year", json_i64(card, "expiry_year", 0));
        json_array_append_new(rest_part(c, "methods"), method);
    }
    rest_go(c, "transactions");
}

static bool methods_trouble(struct rest_call *c)
{
    return rest_go_on_without(c, "transactions");
}

static const char *brand_of(const struct rest_call *c, const char *method)
{
    const json_t *list = rest_part(c, "methods"), *row;
    size_t i;
    json_array_foreach(list, i, row)
        if (str_eq(json_str(row, "id", ""), method))
            return json_str(row, "brand", NULL);
    return NULL;
}

/* --- transactions ------------------------------------------------------------------------------------------------- */

static void transactions_send(struct rest_call *c)
{
    const char *offset = json_str(c->stage, "offset", "");
    AUTO_BUF path = BUF(4096);
    buf_adds(&path, "transactions?customer_id%5Bis%5D=");
    buf_add_url(&path, rest_customer(c));
    buf_addf(&path, "&type%%5Bis%%5D=payment&date%%5Bafter%%5D=%010lld&sort_by%%5Bdesc%%5D=date&limit=100",
             (long long)((c->job->now_ms - LISTED_MS) / MS_SECOND));
    if (*offset) {
        buf_adds(&path, "&offset=");
        buf_add_url(&path, offset);
    }
    rest_get(c, buf_text(&path));
}

static const char *status_of(const json_t *transaction)
{
    static const char *const words[][2] = {{"success", "succeeded"},  {"failure", "failed"},        {"late_failure", "failed"},
                                           {"timeout", "failed"},     {"in_progress", "pending"}, {"needs_attention", "pending"}};
    for (size_t i = 0; i < DW_ARRAY_LEN(words); i++)
        if (str_eq(words[i][0], json_str(transaction, "status", "")))
            return words[i][1];
    return "";
}

static void add_payment(struct rest_call *c, const json_t *theirs, const char *invoice)
{
    const char *method = json_str(theirs, "payment_source_id", "");
    json_t *payment = json_object();
    rest_put_text(payment, "id", json_str(theirs, "id", ""));
    rest_put_text(payment, "invoice", invoice);
    json_put_i64(payment, "amount", json_i64(theirs, "amount", 0));
    rest_put_currency(payment, json_str(theirs, "currency_code", ""));
    json_put(payment, "status", status_of(theirs));
    json_put_i64(payment, "at_ms", chargebee_ms(theirs, "date"));
    rest_put_text(payment, "method", method);
    if (str_eq(status_of(theirs), "failed"))
        chargebee_put_decline(c, payment, theirs, brand_of(c, method));
    json_array_append_new(rest_part(c, "payments"), payment);
}

/* A source that was deleted, or added once more, is still the same card: then its brand and last digits name it (attempts.c). */
static void add_attempt(struct rest_call *c, const json_t *theirs)
{
    const char *source = json_str(theirs, "payment_source_id", "");
    struct chargebee_card card;
    chargebee_card_of(theirs, &card);
    AUTO_STR name = *card.brand && *card.last4 && !brand_of(c, source) ? str_fmt("%s %s", card.brand, card.last4) : str_dup(source);
    attempts_add(rest_part(c, "attempts"), chargebee_ms(theirs, "date"), name);
}

static void transactions_take(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "list"), *row, *linked;
    size_t i, k;
    json_array_foreach(list, i, row) {
        const json_t *theirs = json_object_get(row, "transaction");
        if (!*status_of(theirs) || !str_eq(json_str(theirs, "customer_id", rest_customer(c)), rest_customer(c)))
            continue;
        json_array_foreach(json_object_get(theirs, "linked_invoices"), k, linked) {
            const char *invoice = json_str(linked, "invoice_id", "");
            if (rest_read_invoice(c, invoice))
                add_payment(c, theirs, invoice);
        }
        if (str_eq(status_of(theirs), "failed"))
            add_attempt(c, theirs);
    }
    turn_page(c, TRANSACTION_PAGES_MAX, "subscription");
}

static bool transactions_trouble(struct rest_call *c)
{
    return rest_go_on_without(c, "subscription");
}

/* --- subscription, and the result ---------------------------------------------------------------------------------- */

static void read_finish(struct rest_call *c)
{
    rest_read_done(c, NULL);
}

/* No invoice is of a subscription: then this state only ends the read. */
static void subscription_send(struct rest_call *c)
{
    if (!*rest_read_subscription(c)) {
        read_finish(c);
        return;
    }
    AUTO_STR path = rest_path("subscriptions/%", rest_read_subscription(c), NULL);
    rest_get(c, path);
}

static void subscription_take(struct rest_call *c)
{
    json_t *subscription = json_object();
    rest_put_text(subscription, "id", json_str(c->body, "subscription.id", ""));
    rest_put_text(subscription, "status", json_str(c->body, "subscription.status", ""));
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
    {"methods", methods_send, methods_take, methods_trouble, NULL},
    {"transactions", transactions_send, transactions_take, transactions_trouble, NULL},
    {"subscription", subscription_send, subscription_take, subscription_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op chargebee_read = {"read", rest_read_begin, states};
