/* Reading an account at Zuora.
 *
 * The customer may be named by id or by account number; the account is asked first, and its id is what the rest is asked
 * with. Open invoices come from an object query, which filters only by indexed fields on some tenants: where the filter is
 * refused, all invoices of the account are asked for and filtered here. Payments are asked for with their applications,
 * because a payment itself does not say which invoice it was for; a refused payment often has none, and is then given to
 * the open invoice it must have been for (the only one, or the only one of that amount), or to none.
 *
 * Attempts and the next attempt come from Configurable Payment Retry where it is used; if that cannot be asked, the read
 * fails, for an invoice that is retried behind our back would look as if nobody tried. A refused list of methods does not
 * make the read fail: the rest is worth having. */
#include <string.h>
#include <strings.h>

#include "adapters/billing/attempts.h"
#include "adapters/billing/zuora.h"
#include "engine/when.h"

enum { INVOICES_MAX = 200, PAYMENTS_MAX = 200, PAGES_MAX = 5, CYCLES_MAX = 10, CURSOR_MAX = 512 };

static json_t *part(const struct zuora_call *c, const char *name)
{
    return json_object_get(c->stage, name);
}

static void read_begin(struct zuora_call *c)
{
    static const char *const lists[] = {"invoices", "payments", "methods"};
    for (size_t i = 0; i < DW_ARRAY_LEN(lists); i++)
        json_put_new(c->stage, lists[i], json_array());
    if (!*zuora_arg(c, "customer"))
        zuora_refuse(c, "a read needs a customer");
}

/* --- account --- */

static const char *email_of(const json_t *account)
{
    const char *work = json_str(account, "billToContact.workEmail", "");
    return *work ? work : json_str(account, "billToContact.personalEmail", "");
}

static void account_take(struct zuora_call *c)
{
    char currency[4];
    const char *id = json_str(c->body, "basicInfo.id", "");
    json_t *account = json_object();
    zuora_put_text(account, "id", zuora_arg(c, "customer"));
    zuora_put_text(account, "name", json_str(c->body, "basicInfo.name", ""));
    zuora_put_text(account, "email", email_of(c->body));
    zuora_put_text(account, "currency", zuora_currency(currency, c->body, "billingAndPayment.currency"));
    zuora_put_text(account, "default_method", json_str(c->body, "billingAndPayment.defaultPaymentMethodId", ""));
    json_put_new(c->stage, "account", account);
    json_put(c->stage, "id", id);
    json_put_new(c->stage, "auto_pay", json_boolean(json_flag(c->body, "billingAndPayment.autoPay", false)));
    zuora_go(c, "invoices");
    if (!*id)
        zuora_refuse(c, "Zuora shows an account without an id");
}

/* --- invoices --- */

static const char *status_of(const json_t *invoice, int64_t due)
{
    const char *status = json_str(invoice, "status", "");
    if (json_flag(invoice, "reversed", false))
        return "void";
    if (str_eq(status, "Posted"))
        return due > 0 ? "open" : "paid";
    return str_eq(status, "Draft") ? "draft" : "void";
}

static bool has_invoice(const struct zuora_call *c, const char *id)
{
    const json_t *row;
    size_t i;
    json_array_foreach(part(c, "invoices"), i, row)
        if (str_eq(json_str(row, "id", ""), id) || str_eq(json_str(row, "number", ""), id))
            return true;
    return false;
}

static void add_invoice(struct zuora_call *c, const json_t *theirs)
{
    char currency[4];
    const char *id = json_str(theirs, "id", ""), *zone = json_str(c->args, "zone", NULL);
    const char *own = json_str(theirs, "currency", json_str(part(c, "account"), "currency", ""));
    struct money m = money_of(0, own);
    memcpy(currency, m.currency, sizeof currency);
    int64_t due = zuora_amount(theirs, "balance", currency);
    bool automatic = json_flag(c->stage, "auto_pay", false) && json_flag(theirs, "autoPay", true);
    json_t *invoice = json_object();
    zuora_put_text(invoice, "id", id);
    zuora_put_text(invoice, "number", json_str(theirs, "invoiceNumber", ""));
    zuora_put_text(invoice, "currency", currency);
    json_put_i64(invoice, "total", zuora_amount(theirs, "amount", currency));
    json_put_i64(invoice, "due", due);
    json_put_i64(invoice, "due_at_ms", zuora_ms(json_str(theirs, "dueDate", ""), zone));
    json_put_i64(invoice, "created_ms", zuora_ms(json_str(theirs, "createdDate", json_str(theirs, "invoiceDate", "")), zone));
    json_put(invoice, "status", status_of(theirs, due));
    json_put_i64(invoice, "attempts", 0);
    json_put_i64(invoice, "next_attempt_ms", 0);
    json_put_new(invoice, "auto_advance", json_boolean(automatic));
    json_put(invoice, "collection", *json_str(part(c, "account"), "default_method", "") ? "auto" : "manual");
    json_put(invoice, "url", json_str(theirs, "paymentLink", ""));
    json_put(invoice, "subscription", "");
    json_array_append_new(part(c, "invoices"), invoice);
}

static void query_send(struct zuora_call *c, const char *what, const char *filters, const char *sort)
{
    const char *cursor = json_str(c->stage, "cursor", "");
    AUTO_BUF path = BUF(4096);
    AUTO_STR owner = str_fmt("accountId.EQ:%s", json_str(c->stage, "id", ""));
    bool plain = json_flag(c->stage, "plain", false);
    buf_addf(&path, "object-query/%s?pageSize=50&filter%%5B%%5D=", what);
    buf_add_url(&path, owner);
    if (!plain)
        buf_addf(&path, "%s&sort%%5B%%5D=%s", filters, sort);
    if (*cursor) {
        buf_adds(&path, "&cursor=");
        buf_add_url(&path, cursor);
    }
    zuora_get(c, buf_text(&path), NULL, "");
}

/* Another page, or `next` with the cursor forgotten. */
static bool next_page(struct zuora_call *c, const char *next)
{
    const char *cursor = json_str(c->body, "nextPage", "");
    int64_t page = json_i64(c->stage, "page", 0) + 1;
    bool more = *cursor && strnlen(cursor, CURSOR_MAX) < CURSOR_MAX && page < PAGES_MAX;
    json_put(c->stage, "cursor", more ? cursor : "");
    json_put_i64(c->stage, "page", more ? page : 0);
    if (more)
        return true;
    json_object_del(c->stage, "plain");
    zuora_go(c, next);
    return false;
}

/* The tenant does not filter or sort by these fields: once more without. */
static bool query_trouble(struct zuora_call *c)
{
    if (json_flag(c->stage, "plain", false) || c->answer->status == 403 || c->code % 100 == 10)
        return false;
    json_put_new(c->stage, "plain", json_true());
    return true;
}

static void invoices_send(struct zuora_call *c)
{
    query_send(c, "invoices", "&filter%5B%5D=balance.GT%3A0&filter%5B%5D=status.EQ%3APosted", "dueDate.ASC");
}

static void after_invoices(struct zuora_call *c)
{
    const char *named = zuora_arg(c, "invoice");
    if (*named && !has_invoice(c, named))
        zuora_go(c, "named");
}

static void invoices_take(struct zuora_call *c)
{
    const json_t *row;
    size_t i;
    json_array_foreach(json_object_get(c->body, "data"), i, row) {
        char currency[4];
        const char *id = json_str(row, "id", "");
        struct money m = money_of(0, json_str(row, "currency", json_str(part(c, "account"), "currency", "")));
        memcpy(currency, m.currency, sizeof currency);
        bool open = str_eq(status_of(row, zuora_amount(row, "balance", currency)), "open");
        if (*id && open && !has_invoice(c, id) && json_array_size(part(c, "invoices")) < INVOICES_MAX)
            add_invoice(c, row);
    }
    if (!next_page(c, "payments"))
        after_invoices(c);
}

static void named_send(struct zuora_call *c)
{
    zuora_get(c, "v1/invoices/", zuora_arg(c, "invoice"), "");
}

static void named_take(struct zuora_call *c)
{
    if (str_eq(json_str(c->body, "accountId", ""), json_str(c->stage, "id", "")) && !has_invoice(c, json_str(c->body, "id", "")))
        add_invoice(c, c->body);
    zuora_go(c, "payments");
}

static bool named_trouble(struct zuora_call *c)
{
    if (!zuora_not_found(c))
        return false;
    zuora_go(c, "payments");
    return true;
}

/* --- payments --- */

static void payments_send(struct zuora_call *c)
{
    query_send(c, "payments", "&expand%5B%5D=paymentapplications", "createdDate.DESC");
}

/* The one open invoice this can have been for, "" when there are several or none. */
static const char *invoice_for(const struct zuora_call *c, const json_t *payment, int64_t amount, const char *currency)
{
    const char *applied = json_str(payment, "paymentApplications.0.invoiceId", ""), *only = "";
    const json_t *row;
    size_t i, fits = 0;
    if (*applied)
        return applied;
    if (json_array_size(part(c, "invoices")) == 1)
        return json_str(part(c, "invoices"), "0.id", "");
    json_array_foreach(part(c, "invoices"), i, row)
        if ((json_i64(row, "due", 0) == amount || json_i64(row, "total", 0) == amount) && str_eq(json_str(row, "currency", ""), currency)) {
            only = json_str(row, "id", "");
            fits++;
        }
    return fits == 1 ? only : "";
}

static const char *payment_status(const char *theirs)
{
    if (str_eq(theirs, "Error"))
        return "failed";
    if (str_eq(theirs, "Processed"))
        return "succeeded";
    return str_eq(theirs, "Canceled") || str_eq(theirs, "Voided") ? NULL : "pending";
}

static void add_payment(struct zuora_call *c, const json_t *theirs)
{
    char currency[4];
    const char *status = payment_status(json_str(theirs, "status", "")), *said = json_str(theirs, "gatewayResponse", "");
    struct money m = money_of(0, json_str(theirs, "currency", json_str(part(c, "account"), "currency", "")));
    if (!status || json_array_size(part(c, "payments")) >= PAYMENTS_MAX)
        return;
    memcpy(currency, m.currency, sizeof currency);
    int64_t amount = zuora_amount(theirs, "amount", currency);
    bool failed = str_eq(status, "failed");
    AUTO_JSON decline = zuora_decline(c->config, json_str(theirs, "gatewayId", NULL), json_str(theirs, "gatewayResponseCode", ""), said);
    json_t *payment = json_object();
    zuora_put_text(payment, "id", json_str(theirs, "id", ""));
    zuora_put_text(payment, "invoice", invoice_for(c, theirs, amount, currency));
    json_put_i64(payment, "amount", amount);
    zuora_put_text(payment, "currency", currency);
    json_put(payment, "status", status);
    json_put_i64(payment, "at_ms", zuora_ms(json_str(theirs, "createdDate", json_str(theirs, "effectiveDate", "")), NULL));
    json_put(payment, "code", failed ? json_str(decline, "code", "") : "");
    json_put(payment, "network_code", NULL);
    json_put(payment, "advice", NULL);
    json_put(payment, "class", failed ? json_str(decline, "class", "?") : NULL);
    zuora_put_text(payment, "method", json_str(theirs, "paymentMethodId", ""));
    json_put(payment, "text", failed ? json_str(decline, "text", "") : "");
    json_put_new(payment, "electronic", json_boolean(str_eq(json_str(theirs, "type", "Electronic"), "Electronic")));
    json_array_append_new(part(c, "payments"), payment);
}

static void payments_take(struct zuora_call *c)
{
    const json_t *row;
    size_t i;
    json_array_foreach(json_object_get(c->body, "data"), i, row)
        add_payment(c, row);
    next_page(c, "methods");
}

/* --- methods --- */

static void methods_send(struct zuora_call *c)
{
    zuora_get(c, "v1/accounts/", json_str(c->stage, "id", ""), "/payment-methods?isActiveOnly=true");
}

static void last_four(char out[5], const char *masked)
{
    size_t n = strlen(masked);
    str_copy(out, 5, n >= 4 ? masked + n - 4 : "");
}

static void lower(char *out, size_t size, const char *text)
{
    str_copy(out, size, text);
    for (char *p = out; *p; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
}

static void add_method(struct zuora_call *c, const json_t *theirs)
{
    static const char *const masks[] = {"creditCardMaskNumber", "cardNumber", "accountNumber", "IBAN"};
    char last4[5] = "", brand[40];
    for (size_t i = 0; i < DW_ARRAY_LEN(masks) && !last4[0]; i++)
        last_four(last4, json_str(theirs, masks[i], ""));
    lower(brand, sizeof brand, json_str(theirs, "creditCardType", json_str(theirs, "type", "")));
    json_t *method = json_object();
    zuora_put_text(method, "id", json_str(theirs, "id", ""));
    zuora_put_text(method, "brand", brand);
    zuora_put_text(method, "last4", last4);
    json_put_i64(method, "exp_month", json_i64(theirs, "expirationMonth", 0));
    json_put_i64(method, "exp_year", json_i64(theirs, "expirationYear", 0));
    json_array_append_new(part(c, "methods"), method);
}

static void after_methods(struct zuora_call *c);

/* One list for each type ("creditcard", "ach", ...), whatever it is called. */
static void methods_take(struct zuora_call *c)
{
    const char *key;
    json_t *list, *row;
    size_t i;
    union {
        const json_t *borrowed;
        json_t *plain;
    } body = {.borrowed = c->body};
    json_object_foreach(body.plain, key, list)
        json_array_foreach(list, i, row) {
            const char *status = json_str(row, "status", "Active");
            if (*json_str(row, "id", "") && str_eq(status, "Active") && json_array_size(part(c, "methods")) < INVOICES_MAX)
                add_method(c, row);
        }
    after_methods(c);
}

static bool methods_trouble(struct zuora_call *c)
{
    after_methods(c);
    return true;
}

/* --- the retry cycle --- */

static void read_finish(struct zuora_call *c);

static json_t *invoice_in_work(const struct zuora_call *c)
{
    return json_array_get(part(c, "invoices"), (size_t)json_i64(c->stage, "i", 0));
}

static void cycle_next(struct zuora_call *c, int64_t i)
{
    json_put_i64(c->stage, "i", i);
    json_put_i64(c->stage, "tries", 0);
    while (i < CYCLES_MAX && invoice_in_work(c) && !str_eq(json_str(invoice_in_work(c), "status", ""), "open"))
        json_put_i64(c->stage, "i", ++i);
    if (i >= CYCLES_MAX || !invoice_in_work(c))
        read_finish(c);
}

static void after_methods(struct zuora_call *c)
{
    zuora_go(c, "cpr_cycle");
    if (zuora_has_cpr(c))
        cycle_next(c, 0);
    else
        read_finish(c);
}

static void cycle_send(struct zuora_call *c)
{
    zuora_cpr(c, "GET", "api/v1/payments/active_invoice_cycle_information/", json_str(invoice_in_work(c), "id", ""), NULL);
}

static void cycle_take(struct zuora_call *c)
{
    json_t *invoice = invoice_in_work(c);
    const json_t *cycle = json_at(c->body, "cycles.0");
    if (cycle) {
        json_put_i64(invoice, "attempts", json_i64(cycle, "current_attempt_number", 0));
        json_put_i64(invoice, "next_attempt_ms", zuora_ms(json_str(cycle, "next_attempt", ""), NULL));
        json_put_new(invoice, "auto_advance", json_true()); /* though autoPay is off: that is retry's own doing */
    }
    cycle_next(c, json_i64(c->stage, "i", 0) + 1);
}

static bool cycle_trouble(struct zuora_call *c)
{
    if (!zuora_not_found(c))
        return false;
    cycle_next(c, json_i64(c->stage, "i", 0) + 1);
    return true;
}

/* --- the result --- */

/* Refused attempts by payments, where no cycle has counted them. */
static void count_attempts(struct zuora_call *c)
{
    json_t *invoice, *payment;
    size_t i, k;
    json_array_foreach(part(c, "invoices"), i, invoice) {
        int64_t failed = 0;
        json_array_foreach(part(c, "payments"), k, payment)
            failed += str_eq(json_str(payment, "invoice", ""), json_str(invoice, "id", "")) && str_eq(json_str(payment, "status", ""), "failed");
        if (failed > json_i64(invoice, "attempts", 0))
            json_put_i64(invoice, "attempts", failed);
    }
}

/* Refusals at the gateway; what people paid by cheque or transfer is no attempt on a card. */
static json_t *network(const struct zuora_call *c)
{
    json_auto_t *attempts = json_array();
    const json_t *payment;
    size_t i;
    json_array_foreach(part(c, "payments"), i, payment)
        if (str_eq(json_str(payment, "status", ""), "failed") && json_flag(payment, "electronic", true))
            attempts_add(attempts, json_i64(payment, "at_ms", 0), json_str(payment, "method", ""));
    return attempts_count(attempts, part(c, "methods"), c->job->now_ms);
}

static void read_finish(struct zuora_call *c)
{
    static const char *const parts[] = {"account", "invoices", "payments", "methods"};
    count_attempts(c);
    json_t *result = json_object();
    json_put_new(result, "network", network(c));
    for (size_t i = 0; i < DW_ARRAY_LEN(parts); i++)
        json_put_new(result, parts[i], json_incref(part(c, parts[i])));
    json_put_new(result, "subscription", json_null());
    zuora_done(c, result);
}

static const struct zuora_state states[] = {
    {"account", zuora_account_send, account_take, zuora_account_trouble, NULL},
    {"invoices", invoices_send, invoices_take, query_trouble, NULL},
    {"named", named_send, named_take, named_trouble, NULL},
    {"payments", payments_send, payments_take, query_trouble, NULL},
    {"methods", methods_send, methods_take, methods_trouble, NULL},
    {"cpr_cycle", cycle_send, cycle_take, cycle_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct zuora_op zuora_read = {"read", read_begin, states, NULL};
