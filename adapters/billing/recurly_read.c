/* Reading an account at Recurly: account, invoices that are past due, billing infos, transactions with their declines.
 *
 * The account and the invoices are what a decision cannot do without; billing infos (a list only where the Wallet feature is
 * on, else the account's one) and transactions make it a better one. Pages are followed by the address that Recurly gives,
 * which must be one of the same server. A transaction does not name its billing info, so its card is matched by brand and
 * last digits. */
#include "adapters/billing/attempts.h"
#include "adapters/billing/recurly.h"
#include "adapters/billing/rest_read.h"

#include <string.h>

#include "engine/when.h"

enum { INVOICES_MAX = 200, PAGES_MAX = 5, NEXT_MAX = 1000 };

#define LISTED_MS (180 * MS_DAY) /* how far back payments are told; the newest come first */

/* --- account ------------------------------------------------------------------------------------------------------ */

static void add_method(struct rest_call *c, const json_t *theirs)
{
    const json_t *card = json_object_get(theirs, "payment_method");
    if (!*json_str(theirs, "id", "") || !json_flag(theirs, "valid", true))
        return;
    json_t *method = json_object();
    rest_put_text(method, "id", json_str(theirs, "id", ""));
    rest_put_text(method, "brand", json_str(card, "card_type", json_str(card, "object", "")));
    rest_put_text(method, "last4", json_str(card, "last_four", ""));
    json_put_i64(method, "exp_month", json_i64(card, "exp_month", 0));
    json_put_i64(method, "exp_year", json_i64(card, "exp_year", 0));
    json_array_append_new(rest_part(c, "methods"), method);
}

static const char *subscription_word(const json_t *account)
{
    if (json_flag(account, "has_active_subscription", false))
        return "active";
    if (json_flag(account, "has_paused_subscription", false))
        return "paused";
    return json_flag(account, "has_canceled_subscription", false) ? "canceled" : "";
}

static void account_send(struct rest_call *c)
{
    AUTO_STR path = recurly_account_path(c, "");
    rest_get(c, path);
}

static void account_take(struct rest_call *c)
{
    const char *company = json_str(c->body, "company", ""), *last = json_str(c->body, "last_name", "");
    if (!str_eq(json_str(c->body, "code", ""), rest_customer(c))) {
        rest_refuse(c, "Recurly answered with another account than %.80s", rest_customer(c));
        return;
    }
    AUTO_STR person = str_fmt("%s%s%s", json_str(c->body, "first_name", ""), *last ? " " : "", last);
    json_t *account = json_object();
    rest_put_text(account, "id", rest_customer(c));
    rest_put_text(account, "name", *company ? company : person);
    rest_put_text(account, "email", json_str(c->body, "email", ""));
    rest_put_currency(account, "");
    rest_put_text(account, "default_method", json_str(c->body, "billing_info.id", ""));
    json_put_new(c->stage, "account", account);
    json_put(c->stage, "subscriptions", subscription_word(c->body));
    json_put_new(c->stage, "one", json_deep_copy(json_at(c->body, "billing_info") ? json_at(c->body, "billing_info") : json_null()));
    rest_go(c, "invoices");
}

static bool account_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    rest_refuse(c, "Recurly does not know account %.80s", rest_customer(c));
    return true;
}

/* --- invoices ----------------------------------------------------------------------------------------------------- */

/* Refused rather than wrong: an invoice whose amounts cannot be read may not be left out either. */
static void add_invoice(struct rest_call *c, const json_t *theirs)
{
    const char *number = json_str(theirs, "number", ""), *currency = json_str(theirs, "currency", ""), *state = json_str(theirs, "state", "");
    bool automatic = str_eq(json_str(theirs, "collection_method", "automatic"), "automatic");
    int64_t total = 0, due = 0;
    if (recurly_minor(&total, theirs, "total", currency) != 0 || recurly_minor(&due, theirs, "balance", currency) != 0) {
        rest_refuse(c, "the amounts of invoice %.80s cannot be read", number);
        return;
    }
    AUTO_STR id = str_fmt("number-%s", number);
    json_t *invoice = json_object();
    rest_put_text(invoice, "id", id);
    rest_put_text(invoice, "number", number);
    rest_put_currency(invoice, currency);
    json_put_i64(invoice, "total", total);
    json_put_i64(invoice, "due", due);
    json_put_i64(invoice, "due_at_ms", recurly_ms(theirs, "due_at"));
    json_put_i64(invoice, "created_ms", recurly_ms(theirs, "created_at"));
    json_put(invoice, "status", recurly_status(state));
    json_put_i64(invoice, "attempts", 0); /* not told: the failed payments are counted */
    json_put_i64(invoice, "next_attempt_ms", 0);
    json_put_new(invoice, "auto_advance", json_boolean(str_eq(state, "past_due") && automatic && !json_flag(theirs, "final_dunning_event", false)));
    json_put(invoice, "collection", automatic ? "auto" : "manual");
    json_put(invoice, "url", "");
    rest_put_text(invoice, "subscription", json_str(theirs, "subscription_ids.0", ""));
    json_array_append_new(rest_part(c, "invoices"), invoice);
    json_t *account = rest_part(c, "account");
    if (!*json_str(account, "currency", ""))
        rest_put_currency(account, currency);
}

/* A page of a list: the first one, or the one Recurly named. */
static void page_send(struct rest_call *c, const char *first)
{
    const char *next = json_str(c->stage, "next", "");
    if (*next) {
        rest_get(c, next);
        return;
    }
    AUTO_STR path = recurly_account_path(c, first);
    rest_get(c, path);
}

/* Goes on to `then` after the last page. */
static void turn_page(struct rest_call *c, const char *then)
{
    const char *next = json_str(c->body, "next", "");
    int64_t page = json_i64(c->stage, "page", 0) + 1;
    bool more = json_flag(c->body, "has_more", false) && strncmp(next, "/accounts/", 10) == 0 && strlen(next) < NEXT_MAX && page < PAGES_MAX;
    json_put(c->stage, "next", more ? next : "");
    json_put_i64(c->stage, "page", more ? page : 0);
    if (!more)
        rest_go(c, then);
}

static void invoices_send(struct rest_call *c)
{
    page_send(c, "/invoices?state=past_due&limit=50");
}

static void invoices_take(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "data"), *row;
    size_t i;
    json_array_foreach(list, i, row) {
        AUTO_STR id = str_fmt("number-%s", json_str(row, "number", ""));
        bool open = str_eq(recurly_status(json_str(row, "state", "")), "open") && str_eq(json_str(row, "type", "charge"), "charge");
        if (open && !rest_read_invoice(c, id) && json_array_size(rest_part(c, "invoices")) < INVOICES_MAX)
            add_invoice(c, row);
        if (c->ended)
            return;
    }
    turn_page(c, "methods");
    if (rest_at(c, "methods") && strncmp(rest_invoice(c), "number-", 7) == 0 && !rest_read_invoice(c, rest_invoice(c)))
        rest_go(c, "named");
}

static void named_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("invoices/%", rest_invoice(c), NULL);
    rest_get(c, path);
}

static void named_take(struct rest_call *c)
{
    if (str_eq(json_str(c->body, "account.code", ""), rest_customer(c)))
        add_invoice(c, c->body);
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
    AUTO_STR path = recurly_account_path(c, "/billing_infos");
    rest_get(c, path);
}

static void methods_take(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "data"), *row;
    size_t i;
    json_array_foreach(list, i, row) {
        add_method(c, row);
        if (json_flag(row, "primary_payment_method", false))
            rest_put_text(rest_part(c, "account"), "default_method", json_str(row, "id", ""));
    }
    if (json_array_size(rest_part(c, "methods")) == 0)
        add_method(c, rest_part(c, "one"));
    rest_go(c, "transactions");
}

static bool methods_trouble(struct rest_call *c)
{
    if (!rest_go_on_without(c, "transactions"))
        return false;
    add_method(c, rest_part(c, "one"));
    return true;
}

static const char *method_of(const struct rest_call *c, const json_t *transaction)
{
    const json_t *methods = rest_part(c, "methods"), *card = json_object_get(transaction, "payment_method"), *row;
    const char *last4 = json_str(card, "last_four", "");
    size_t i;
    json_array_foreach(methods, i, row)
        if (*last4 && str_eq(json_str(row, "last4", ""), last4) && str_eq(json_str(row, "brand", ""), json_str(card, "card_type", "")))
            return json_str(row, "id", "");
    return "";
}

/* --- transactions ------------------------------------------------------------------------------------------------- */

static void transactions_send(struct rest_call *c)
{
    char since[WHEN_TEXT_SIZE];
    AUTO_BUF first = BUF(512);
    buf_adds(&first, "/transactions?sort=created_at&order=desc&limit=100&begin_time=");
    buf_add_url(&first, when_rfc3339(since, c->job->now_ms - LISTED_MS));
    page_send(c, buf_text(&first));
}

static const char *status_of(const json_t *transaction)
{
    static const char *const words[][2] = {{"success", "succeeded"},  {"declined", "failed"},   {"error", "failed"},
                                           {"pending", "pending"},    {"processing", "pending"}, {"scheduled", "pending"}};
    const char *type = json_str(transaction, "type", "");
    if (!str_eq(type, "purchase") && !str_eq(type, "capture"))
        return "";
    for (size_t i = 0; i < DW_ARRAY_LEN(words); i++)
        if (str_eq(words[i][0], json_str(transaction, "status", "")))
            return words[i][1];
    return "";
}

static void add_payment(struct rest_call *c, const json_t *theirs, const char *invoice)
{
    const char *currency = json_str(theirs, "currency", ""), *code = json_str(theirs, "status_code", NULL);
    int64_t amount = 0;
    if (recurly_minor(&amount, theirs, "amount", currency) != 0)
        return;
    json_t *payment = json_object();
    rest_put_text(payment, "id", json_str(theirs, "id", ""));
    rest_put_text(payment, "invoice", invoice);
    json_put_i64(payment, "amount", amount);
    rest_put_currency(payment, currency);
    json_put(payment, "status", status_of(theirs));
    json_put_i64(payment, "at_ms", recurly_ms(theirs, "created_at"));
    rest_put_text(payment, "method", method_of(c, theirs));
    if (str_eq(status_of(theirs), "failed")) {
        rest_put_text(payment, "code", code);
        rest_put_text(payment, "network_code", json_str(theirs, "gateway_response_code", NULL));
        json_put(payment, "class", recurly_class(NULL, code, NULL));
        rest_put_text(payment, "text", json_str(theirs, "status_message", json_str(theirs, "gateway_message", "")));
    }
    json_array_append_new(rest_part(c, "payments"), payment);
}

/* A card that is no method any more is known by the same words as one that is. */
static void count_failure(struct rest_call *c, const json_t *theirs)
{
    const char *method = method_of(c, theirs), *last4 = json_str(theirs, "payment_method.last_four", "");
    AUTO_STR card = str_fmt("%.60s %.20s", json_str(theirs, "payment_method.card_type", ""), last4);
    attempts_add(rest_part(c, "attempts"), recurly_ms(theirs, "created_at"), *method ? method : *last4 ? card : "");
}

static void transactions_take(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "data"), *row;
    size_t i;
    json_array_foreach(list, i, row) {
        AUTO_STR invoice = str_fmt("number-%s", json_str(row, "invoice.number", ""));
        if (!*status_of(row))
            continue;
        if (rest_read_invoice(c, invoice))
            add_payment(c, row, invoice);
        if (str_eq(status_of(row), "failed"))
            count_failure(c, row);
    }
    turn_page(c, "end");
}

static bool transactions_trouble(struct rest_call *c)
{
    return rest_go_on_without(c, "end");
}

/* --- the result --------------------------------------------------------------------------------------------------- */

static json_t *subscription(const struct rest_call *c)
{
    const json_t *list = rest_part(c, "invoices"), *row;
    size_t i;
    json_array_foreach(list, i, row)
        if (*json_str(row, "subscription", ""))
            return json_pack("{s:s, s:s}", "id", json_str(row, "subscription", ""), "status", json_str(c->stage, "subscriptions", ""));
    return json_null();
}

static void end_send(struct rest_call *c)
{
    rest_read_done(c, subscription(c));
}

static const struct rest_state states[] = {
    {"account", account_send, account_take, account_trouble, NULL},
    {"invoices", invoices_send, invoices_take, NULL, NULL},
    {"named", named_send, named_take, named_trouble, NULL},
    {"methods", methods_send, methods_take, methods_trouble, NULL},
    {"transactions", transactions_send, transactions_take, transactions_trouble, NULL},
    {"end", end_send, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op recurly_read = {"read", rest_read_begin, states};
