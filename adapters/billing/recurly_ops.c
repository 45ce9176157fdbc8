/* How the driver speaks to Recurly: addresses, keys, errors; and the operations that are short: link, check, resolve, plan, and hold
 * and release, which are a person's work.
 *
 * Recurly keeps an idempotency key for one hour, and answers 409 while the first request under it still runs. The version of the
 * API is in the Accept header; without it every call is refused (406). Dunning can be stopped in Recurly's console only; the
 * one call that looks like it (mark_failed) writes the debt off and is never made. An invoice is charged as a whole, so a
 * plan is possible only where each instalment is one whole invoice. */
#include "adapters/billing/recurly.h"
#include "adapters/billing/rest_settle.h"

#include <string.h>

enum { SAID_MAX = 160, INVOICES_MAX = 100, LIST_MAX = 120 };

static const struct recurly_config *config_of(const struct rest_call *c)
{
    return c->config;
}

static void add_headers(const struct rest_call *c, struct http_request *r)
{
    AUTO_STR basic = rest_basic(config_of(c)->api_key, "");
    http_request_header(r, "Authorization", basic);
    http_request_header(r, "Accept", "application/vnd.recurly.v2021-02-25+json");
}

static const char *base_url(const struct rest_call *c, struct buf *room)
{
    (void)room;
    return config_of(c)->base_url ? config_of(c)->base_url : "";
}

static bool means_later(const struct rest_call *c)
{
    const char *type = json_str(c->body, "error.type", "");
    return (c->answer->status == 409 && !c->answer->never_retry) || str_eq(type, "simultaneous_request") || str_eq(type, "rate_limited");
}

/* A key that is not to be asked with again: whatever it was used for, only looking tells. */
static bool key_reused(const struct rest_call *c)
{
    return c->answer->status == 409 && c->answer->never_retry;
}

static bool is_decline(const struct rest_call *c)
{
    return c->answer->status == 422 && json_is_object(json_at(c->body, "error.transaction_error"));
}

static void refuse_decline(struct rest_call *c)
{
    const json_t *error = json_at(c->body, "error.transaction_error");
    const char *exact = json_str(error, "decline_code", NULL), *code = json_str(error, "code", NULL);
    const char *text = json_str(error, "merchant_advice", json_str(error, "message", ""));
    json_t *decline = json_object();
    rest_put_text(decline, "code", exact ? exact : code);
    json_put(decline, "class", recurly_class(exact, code, json_str(error, "category", NULL)));
    rest_put_text(decline, "advice", json_str(error, "category", NULL));
    rest_put_text(decline, "text", text);
    AUTO_STR words = str_fmt("declined (%.60s): %.160s", exact ? exact : code ? code : "no code", *text ? text : "no words were given for it");
    rest_refuse_with(c, json_pack("{s:o}", "decline", decline), "%s", words);
}

static bool holds(const char *text, const char *secret)
{
    return secret && *secret && strstr(text, secret);
}

static bool leaks(const struct rest_call *c, const char *text)
{
    return holds(text, config_of(c)->api_key) || holds(text, config_of(c)->webhook_secret);
}

char *recurly_account_path(const struct rest_call *c, const char *rest)
{
    AUTO_STR account = rest_path("accounts/code-%", json_str(c->args, "customer", ""), NULL);
    return str_fmt("%s%s", account, rest);
}

bool recurly_is_invoice(struct rest_call *c, const char *id)
{
    const char *customer = json_str(c->args, "customer", "");
    AUTO_STR theirs = str_fmt("number-%s", json_str(c->body, "number", ""));
    if (!str_eq(theirs, id))
        rest_refuse(c, "Recurly answered with another invoice than %.80s", id);
    else if (*customer && !str_eq(json_str(c->body, "account.code", ""), customer))
        rest_refuse(c, "invoice %.80s belongs to another account", id);
    return !c->ended;
}

/* --- a person's work ------------------------------------------------------------------------------------------------ */

/* "1031, 1032": the invoices as people know them. */
static void invoice_numbers(const struct rest_call *c, char *out, size_t size)
{
    const json_t *ids = json_at(c->args, "invoices"), *id;
    AUTO_BUF text = BUF(LIST_MAX);
    size_t i;
    json_array_foreach(ids, i, id) {
        const char *name = json_is_string(id) ? json_string_value(id) : "";
        AUTO_STR one = str_fmt("%s%.40s", i ? ", " : "", strncmp(name, "number-", 7) == 0 ? name + 7 : name);
        if (text.n + strlen(one) + 4 > text.max) {
            buf_adds(&text, " ..");
            break;
        }
        buf_adds(&text, one);
    }
    str_copy(out, size, text.n ? buf_text(&text) : "(which one?)");
}

static void hold_by_hand(struct rest_call *c)
{
    char numbers[LIST_MAX];
    invoice_numbers(c, numbers, sizeof numbers);
    rest_refuse(c, "Recurly has no way to stop dunning by API: press Stop Dunning for invoice %s in the Recurly console, then confirm it here with: done", numbers);
}

static void release_by_hand(struct rest_call *c)
{
    char numbers[LIST_MAX];
    invoice_numbers(c, numbers, sizeof numbers);
    rest_refuse(c, "Recurly has no way to begin dunning again by API: decide in the Recurly console what is to happen with invoice %s, then confirm it here "
                   "with: done",
                numbers);
}

static const struct rest_state hold_states[] = {
    {"by hand", hold_by_hand, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static const struct rest_state release_states[] = {
    {"by hand", release_by_hand, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* --- plan --------------------------------------------------------------------------------------------------------- */

static const char *plan_invoice(const struct rest_call *c)
{
    const char *id = json_string_value(json_array_get(json_at(c->args, "invoices"), (size_t)json_i64(c->stage, "i", 0)));
    return id ? id : "";
}

static void plan_begin(struct rest_call *c)
{
    size_t n = json_array_size(json_at(c->args, "invoices"));
    json_put_i64(c->stage, "i", 0);
    json_put_new(c->stage, "held", json_array());
    if (n == 0 || n > INVOICES_MAX)
        rest_refuse(c, "between 1 and %d invoice ids are needed", INVOICES_MAX);
}

static void plan_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("invoices/%", plan_invoice(c), NULL);
    rest_get(c, path);
}

/* How many instalments take from this invoice, and how much in all. */
static size_t parts_of(const struct rest_call *c, const char *invoice, int64_t *sum)
{
    const json_t *rows = json_at(c->args, "instalments"), *row;
    bool only = json_array_size(json_at(c->args, "invoices")) == 1;
    size_t i, n = 0;
    *sum = 0;
    json_array_foreach(rows, i, row) {
        if (!str_eq(json_str(row, "invoice", only ? invoice : ""), invoice))
            continue;
        n++;
        if (money_add(sum, *sum, json_i64(row, "amount", 0)) != 0)
            *sum = -1;
    }
    return n;
}

static void plan_finish(struct rest_call *c)
{
    char numbers[LIST_MAX];
    json_t *held = json_object_get(c->stage, "held");
    invoice_numbers(c, numbers, sizeof numbers);
    if (json_array_size(held) == 0) {
        rest_refuse(c, "nothing is open any more");
        return;
    }
    json_t *result = json_pack("{s:O, s:s, s:O, s:{}}", "id", json_array_get(held, 0), "mode", "held_by_dunwell", "held", held, "prior");
    json_put_new(result, "note", json_sprintf("Recurly has no way to stop dunning by API: press Stop Dunning for invoice %s in the Recurly console", numbers));
    rest_done(c, result);
}

static void plan_take(struct rest_call *c)
{
    const char *id = plan_invoice(c), *state = json_str(c->body, "state", "");
    int64_t balance = 0, sum = 0, next = json_i64(c->stage, "i", 0) + 1;
    if (!recurly_is_invoice(c, id))
        return;
    bool open = str_eq(recurly_status(state), "open");
    if (open && recurly_minor(&balance, c->body, "balance", json_str(c->body, "currency", "")) != 0)
        rest_refuse(c, "the balance of invoice %.80s cannot be read", id);
    else if (open && (parts_of(c, id, &sum) != 1 || sum != balance))
        rest_refuse(c, "Recurly charges an invoice only as a whole, so %.80s cannot be paid in parts: make one invoice for each part in the Recurly console", id);
    if (c->ended)
        return;
    if (open)
        json_array_append_new(json_object_get(c->stage, "held"), json_string(id));
    json_put_i64(c->stage, "i", next);
    if ((size_t)next >= json_array_size(json_at(c->args, "invoices")))
        plan_finish(c);
}

static bool plan_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    rest_refuse(c, "Recurly does not know invoice %.80s", plan_invoice(c));
    return true;
}

static const struct rest_state plan_states[] = {
    {"learn", plan_send, plan_take, plan_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* --- resolve ------------------------------------------------------------------------------------------------------ */

static void resolve_begin(struct rest_call *c)
{
    bool payment = strncmp(rest_invoice(c), "uuid-", 5) == 0;
    rest_go(c, payment ? "payment" : "invoice");
    if (!payment && strncmp(rest_invoice(c), "number-", 7) != 0)
        rest_refuse(c, "an invoice (number-...) or a payment (uuid-...) is needed");
}

static void resolve_invoice_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("invoices/%", rest_invoice(c), NULL);
    rest_get(c, path);
}

static void resolve_payment_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("transactions/%", rest_invoice(c), NULL);
    rest_get(c, path);
}

static void resolved(struct rest_call *c, const char *number)
{
    const char *customer = json_str(c->body, "account.code", "");
    if (!*customer) {
        rest_refuse(c, "%.80s is of no account", rest_invoice(c));
        return;
    }
    json_t *result = json_object();
    rest_put_text(result, "customer", customer);
    AUTO_STR invoice = *number ? str_fmt("number-%s", number) : str_dup("");
    rest_put_text(result, "invoice", invoice);
    rest_done(c, result);
}

static void resolve_invoice_take(struct rest_call *c)
{
    resolved(c, json_str(c->body, "number", ""));
}

static void resolve_payment_take(struct rest_call *c)
{
    resolved(c, json_str(c->body, "invoice.number", ""));
}

static bool resolve_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    rest_refuse(c, "Recurly does not know %.80s", rest_invoice(c));
    return true;
}

static const struct rest_state resolve_states[] = {
    {"invoice", resolve_invoice_send, resolve_invoice_take, resolve_trouble, NULL},
    {"payment", resolve_payment_send, resolve_payment_take, resolve_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* --- link, check ---------------------------------------------------------------------------------------------------- */

static void link_begin(struct rest_call *c)
{
    if (!*json_str(c->args, "customer", ""))
        rest_refuse(c, "a link needs a customer");
}

static void link_send(struct rest_call *c)
{
    AUTO_STR path = recurly_account_path(c, "");
    rest_get(c, path);
}

/* The token opens the account's pages to whoever holds it, for as long as nobody resets it: it goes into the result alone. */
static void link_take(struct rest_call *c)
{
    const char *token = json_str(c->body, "hosted_login_token", "");
    if (!str_eq(json_str(c->body, "code", ""), json_str(c->args, "customer", "")) || !*token) {
        rest_refuse(c, "Recurly gives no hosted page for account %.80s: are hosted account pages switched on?", json_str(c->args, "customer", ""));
        return;
    }
    AUTO_BUF url = BUF(1024);
    buf_adds(&url, "https://");
    buf_add_url(&url, config_of(c)->subdomain ? config_of(c)->subdomain : "");
    buf_adds(&url, ".recurly.com/account/");
    buf_add_url(&url, token);
    rest_done(c, json_pack("{s:s}", "url", buf_text(&url)));
}

static bool link_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    rest_refuse(c, "Recurly does not know account %.80s", json_str(c->args, "customer", ""));
    return true;
}

static const struct rest_state link_states[] = {
    {"account", link_send, link_take, link_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static void check_send(struct rest_call *c)
{
    rest_get(c, "dunning_campaigns");
}

static void check_take(struct rest_call *c)
{
    AUTO_STR who = str_fmt("site %.120s", config_of(c)->subdomain ? config_of(c)->subdomain : "");
    json_t *result = json_object();
    json_put_new(result, "who", json_text_safe(who));
    rest_done(c, result);
}

/* A site without dunning campaigns knows the key all the same. */
static bool check_trouble(struct rest_call *c)
{
    if (c->answer->status != 404 || !json_at(c->body, "error"))
        return false;
    check_take(c);
    return true;
}

static const struct rest_state check_states[] = {
    {"campaigns", check_send, check_take, check_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* ------------------------------------------------------------------------------------------------------------------ */

static const struct rest_op recurly_hold = {"hold", NULL, hold_states}, recurly_release = {"release", NULL, release_states},
                            recurly_plan = {"plan", plan_begin, plan_states}, recurly_link = {"link", link_begin, link_states},
                            recurly_resolve = {"resolve", resolve_begin, resolve_states}, recurly_check = {"check", NULL, check_states};

static const struct rest_op *const ops[] = {&recurly_read, &recurly_hold,    &recurly_release, &recurly_plan, &recurly_collect,
                                            &recurly_link, &recurly_resolve, &recurly_check,   &rest_credit, &rest_write_off,
                                            &rest_note,    &recurly_defer,   &recurly_catch_up, &recurly_overdue, NULL};

const struct rest_vendor recurly_vendor = {
    .title = "Recurly",
    .ops = ops,
    .said = "error.message",
    .key_hint = "api_key",
    .idempotency = "recurly",
    .headers = add_headers,
    .base_url = base_url,
    .read = recurly_json,
    .later = means_later,
    .reused = key_reused,
    .declined = refuse_decline,
    .is_decline = is_decline,
    .leaks = leaks,
    .settle = &recurly_settle,
};
