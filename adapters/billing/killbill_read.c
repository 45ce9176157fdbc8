/* Reading an account at Kill Bill: account, unpaid invoices, payments with their attempts, methods, tags, overdue state.
 *
 * An invoice has no attempts of its own: each payment tells by its attempts which invoice it is for (IPCD_INVOICE_ID), what
 * was tried and, as an attempt that is SCHEDULED, when Kill Bill will try again; but not while the account is tagged AUTO_PAY_OFF. A
 * balance of nothing means paid, unless the invoice is tagged WRITTEN_OFF. Payments are read for the whole account in one answer,
 * because Kill Bill pages them only by tenant. The gateway's codes mean what the configured map says, for
 * the plugin of the payment's method or for all; others are "?". */
#include "adapters/billing/attempts.h"
#include "adapters/billing/killbill.h"
#include "adapters/billing/rest_read.h"

#include <string.h>

#include "engine/when.h"

enum { INVOICES_MAX = 200, PAYMENTS_MAX = 200 };

#define WINDOW_MS (30 * MS_DAY)
#define TAG_AUTO_PAY_OFF "00000000-0000-0000-0000-000000000001"
#define TAG_WRITTEN_OFF "00000000-0000-0000-0000-000000000004"
#define TAG_MANUAL_PAY "00000000-0000-0000-0000-000000000005"

/* --- account, tags, overdue --- */

static void account_send(struct rest_call *c)
{
    killbill_get(c, "accounts", rest_customer(c), "?accountWithBalanceAndCBA=true");
}

static void account_take(struct rest_call *c)
{
    json_t *account = json_object();
    rest_put_text(account, "id", rest_customer(c));
    rest_put_text(account, "name", json_str(c->body, "name", json_str(c->body, "company", "")));
    rest_put_text(account, "email", json_str(c->body, "email", ""));
    rest_put_currency(account, json_str(c->body, "currency", ""));
    rest_put_text(account, "default_method", json_str(c->body, "paymentMethodId", ""));
    json_put_new(c->stage, "account", account);
    rest_put_text(c->stage, "zone", json_str(c->body, "timeZone", ""));
    rest_go(c, "tags");
}

static bool account_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    rest_refuse(c, "Kill Bill does not know account %.80s", rest_customer(c));
    return true;
}

static void tags_send(struct rest_call *c)
{
    killbill_get(c, "accounts", rest_customer(c), "/tags");
}

static void tags_take(struct rest_call *c)
{
    bool off = killbill_row(killbill_list(c), "tagDefinitionId", TAG_AUTO_PAY_OFF) != NULL;
    bool manual = killbill_row(killbill_list(c), "tagDefinitionId", TAG_MANUAL_PAY) != NULL;
    json_put_new(c->stage, "auto_pay", json_boolean(!off && !manual));
    json_put_new(c->stage, "manual", json_boolean(manual));
    rest_go(c, "overdue");
}

static void overdue_send(struct rest_call *c)
{
    killbill_get(c, "accounts", rest_customer(c), "/overdue");
}

static void overdue_take(struct rest_call *c)
{
    rest_put_text(rest_part(c, "account"), "overdue", json_flag(c->body, "isClearState", true) ? "" : json_str(c->body, "name", ""));
    rest_go(c, "invoices");
}

static bool overdue_trouble(struct rest_call *c)
{
    return rest_go_on_without(c, "invoices");
}

/* --- invoices --- */

static void invoices_send(struct rest_call *c)
{
    killbill_get(c, "accounts", rest_customer(c), "/invoices?unpaidInvoicesOnly=true");
}

static const char *subscription_of(const json_t *theirs)
{
    const json_t *items = json_object_get(theirs, "items"), *item;
    size_t i;
    json_array_foreach(items, i, item)
        if (*json_str(item, "subscriptionId", ""))
            return json_str(item, "subscriptionId", "");
    return "";
}

static const char *status_of(const json_t *theirs, int64_t due)
{
    const char *status = json_str(theirs, "status", "COMMITTED");
    if (str_eq(status, "VOID"))
        return "void";
    return str_eq(status, "DRAFT") ? "draft" : due > 0 ? "open" : "paid";
}

/* Kill Bill's invoices are due on their day. */
static void add_invoice(struct rest_call *c, const json_t *theirs)
{
    const char *currency = money_of(0, json_str(theirs, "currency", "")).currency;
    int64_t due = killbill_money(theirs, "balance", currency), day_ms = killbill_ms(json_str(theirs, "invoiceDate", ""), json_str(c->stage, "zone", ""));
    json_t *invoice = json_object();
    rest_put_text(invoice, "id", json_str(theirs, "invoiceId", ""));
    rest_put_text(invoice, "number", json_str(theirs, "invoiceNumber", ""));
    json_put(invoice, "currency", currency);
    json_put_i64(invoice, "total", killbill_money(theirs, "amount", currency));
    json_put_i64(invoice, "due", due > 0 ? due : 0);
    json_put_i64(invoice, "due_at_ms", day_ms);
    json_put_i64(invoice, "created_ms", day_ms);
    json_put(invoice, "status", status_of(theirs, due));
    json_put_i64(invoice, "attempts", 0);
    json_put_i64(invoice, "next_attempt_ms", 0);
    json_put_new(invoice, "auto_advance", json_boolean(json_flag(c->stage, "auto_pay", false)));
    json_put(invoice, "collection", json_flag(c->stage, "manual", false) ? "manual" : "auto");
    json_put(invoice, "url", "");
    rest_put_text(invoice, "subscription", subscription_of(theirs));
    json_array_append_new(rest_part(c, "invoices"), invoice);
}

static void invoices_take(struct rest_call *c)
{
    const json_t *list = killbill_list(c), *row;
    size_t i;
    json_array_foreach(list, i, row)
        if (json_array_size(rest_part(c, "invoices")) < INVOICES_MAX || str_eq(json_str(row, "invoiceId", ""), rest_invoice(c)))
            add_invoice(c, row);
    rest_go(c, *rest_invoice(c) && !rest_read_invoice(c, rest_invoice(c)) ? "named" : "payments");
}

static void named_send(struct rest_call *c)
{
    killbill_get(c, "invoices", rest_invoice(c), "");
}

static void named_take(struct rest_call *c)
{
    rest_go(c, "payments");
    if (!str_eq(json_str(c->body, "accountId", ""), rest_customer(c)) || !str_eq(json_str(c->body, "invoiceId", ""), rest_invoice(c)))
        return;
    add_invoice(c, c->body);
    if (str_eq(json_str(rest_read_invoice(c, rest_invoice(c)), "status", ""), "paid"))
        rest_go(c, "written_off");
}

static bool named_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    rest_go(c, "payments");
    return true;
}

static void written_off_send(struct rest_call *c)
{
    killbill_get(c, "invoices", rest_invoice(c), "/tags");
}

static void written_off_take(struct rest_call *c)
{
    if (killbill_row(killbill_list(c), "tagDefinitionId", TAG_WRITTEN_OFF))
        json_put(rest_read_invoice(c, rest_invoice(c)), "status", "uncollectible");
    rest_go(c, "payments");
}

/* --- payments --- */

static void payments_send(struct rest_call *c)
{
    killbill_get(c, "accounts", rest_customer(c), "/payments?withAttempts=true");
}

static const char *invoice_of(const json_t *payment)
{
    const json_t *attempts = json_object_get(payment, "paymentAttempts"), *attempt;
    size_t i;
    json_array_foreach(attempts, i, attempt) {
        const json_t *property = killbill_row(json_object_get(attempt, "pluginProperties"), "key", "IPCD_INVOICE_ID");
        if (property)
            return json_str(property, "value", "");
    }
    return "";
}

/* UNKNOWN is pending: money may have moved, so nobody should be asked to pay again. */
static const char *word_of(const char *status)
{
    if (str_eq(status, "SUCCESS"))
        return "succeeded";
    return str_eq(status, "PENDING") || str_eq(status, "UNKNOWN") ? "pending" : "failed";
}

static void add_transaction(struct rest_call *c, const json_t *payment, const json_t *theirs, json_t *invoice)
{
    const char *currency = money_of(0, json_str(theirs, "currency", "")).currency, *word = word_of(json_str(theirs, "status", ""));
    const char *method = json_str(payment, "paymentMethodId", "");
    int64_t at_ms = killbill_ms(json_str(theirs, "effectiveDate", ""), NULL);
    json_put_i64(invoice, "attempts", json_i64(invoice, "attempts", 0) + 1);
    json_t *row = json_object();
    rest_put_text(row, "id", json_str(theirs, "transactionId", ""));
    rest_put_text(row, "payment", json_str(payment, "paymentId", ""));
    rest_put_text(row, "invoice", json_str(invoice, "id", ""));
    json_put_i64(row, "amount", killbill_money(theirs, "amount", currency));
    json_put(row, "currency", currency);
    json_put(row, "status", word);
    json_put_i64(row, "at_ms", at_ms);
    rest_put_text(row, "method", method);
    if (str_eq(word, "failed"))
        killbill_put_decline(c, row, theirs);
    json_array_append_new(rest_part(c, "payments"), row);
}

/* A failure at a gateway counts for the card networks, whichever invoice it was for. */
static void count_failure(struct rest_call *c, const json_t *payment, const json_t *theirs)
{
    int64_t at_ms = killbill_ms(json_str(theirs, "effectiveDate", ""), NULL);
    if (str_eq(json_str(theirs, "status", ""), "PAYMENT_FAILURE") && at_ms > c->job->now_ms - WINDOW_MS)
        attempts_add(rest_part(c, "attempts"), at_ms, json_str(payment, "paymentMethodId", ""));
}

/* When Kill Bill means to try again, as long as it may. */
static void note_schedule(struct rest_call *c, const json_t *payment, json_t *invoice)
{
    const json_t *attempts = json_object_get(payment, "paymentAttempts"), *attempt;
    size_t i;
    if (!json_flag(c->stage, "auto_pay", false) || !str_eq(json_str(invoice, "status", ""), "open"))
        return;
    json_array_foreach(attempts, i, attempt) {
        int64_t at_ms = killbill_ms(json_str(attempt, "effectiveDate", ""), NULL), next = json_i64(invoice, "next_attempt_ms", 0);
        if (str_eq(json_str(attempt, "stateName", ""), "SCHEDULED") && at_ms > 0 && (!next || at_ms < next))
            json_put_i64(invoice, "next_attempt_ms", at_ms);
    }
}

static void payments_take(struct rest_call *c)
{
    const json_t *list = killbill_list(c), *payment, *theirs;
    size_t i, k;
    json_array_foreach(list, i, payment) {
        json_t *invoice = rest_read_invoice(c, invoice_of(payment));
        const json_t *transactions = json_object_get(payment, "transactions");
        json_array_foreach(transactions, k, theirs) {
            if (!str_eq(json_str(theirs, "transactionType", ""), "PURCHASE"))
                continue;
            count_failure(c, payment, theirs);
            if (invoice && json_array_size(rest_part(c, "payments")) < PAYMENTS_MAX)
                add_transaction(c, payment, theirs, invoice);
        }
        if (invoice)
            note_schedule(c, payment, invoice);
    }
    rest_go(c, "methods");
}

/* --- methods, subscription --- */

static void methods_send(struct rest_call *c)
{
    killbill_get(c, "accounts", rest_customer(c), "/paymentMethods?withPluginInfo=true");
}

/* Plugins name a card's properties in two ways, by their framework's names or by the gateway's. */
static const char *property(const json_t *method, const char *one, const char *other)
{
    const json_t *list = json_at(method, "pluginInfo.properties"), *row = killbill_row(list, "key", one);
    return json_str(row ? row : killbill_row(list, "key", other), "value", "");
}

static int64_t small_number(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);
    return *text && !*end && n > 0 && n <= 9999 ? n : 0;
}

/* What the codes of the payments by this method mean at its gateway. */
static void put_classes(struct rest_call *c, const json_t *method)
{
    json_t *list = rest_part(c, "payments"), *row;
    size_t i;
    json_array_foreach(list, i, row)
        if (str_eq(json_str(row, "status", ""), "failed") && str_eq(json_str(row, "method", ""), json_str(method, "paymentMethodId", "")))
            json_put(row, "class", killbill_class(c, json_str(method, "pluginName", NULL), json_str(row, "code", "")));
}

static void methods_take(struct rest_call *c)
{
    const json_t *list = killbill_list(c), *row;
    size_t i;
    json_array_foreach(list, i, row) {
        const char *brand = property(row, "ccType", "card_brand");
        json_t *method = json_object();
        rest_put_text(method, "id", json_str(row, "paymentMethodId", ""));
        rest_put_text(method, "brand", *brand ? brand : json_str(row, "pluginName", ""));
        rest_put_text(method, "last4", property(row, "ccLast4", "card_last4"));
        json_put_i64(method, "exp_month", small_number(property(row, "ccExpirationMonth", "card_exp_month")));
        json_put_i64(method, "exp_year", small_number(property(row, "ccExpirationYear", "card_exp_year")));
        json_array_append_new(rest_part(c, "methods"), method);
        put_classes(c, row);
    }
    rest_go(c, "subscription");
}

static bool methods_trouble(struct rest_call *c)
{
    return rest_go_on_without(c, "subscription");
}

static void subscription_send(struct rest_call *c)
{
    if (*rest_read_subscription(c))
        killbill_get(c, "subscriptions", rest_read_subscription(c), "");
    else
        rest_read_done(c, json_null());
}

static void subscription_take(struct rest_call *c)
{
    json_t *subscription = json_object();
    rest_put_text(subscription, "id", json_str(c->body, "subscriptionId", ""));
    rest_put_text(subscription, "status", json_str(c->body, "state", ""));
    rest_read_done(c, subscription);
}

static bool subscription_trouble(struct rest_call *c)
{
    if (!rest_go_on_without(c, "subscription"))
        return false;
    rest_read_done(c, json_null());
    return true;
}

static const struct rest_state states[] = {
    {"account", account_send, account_take, account_trouble, NULL},
    {"tags", tags_send, tags_take, NULL, NULL},
    {"overdue", overdue_send, overdue_take, overdue_trouble, NULL},
    {"invoices", invoices_send, invoices_take, NULL, NULL},
    {"named", named_send, named_take, named_trouble, NULL},
    {"written_off", written_off_send, written_off_take, NULL, NULL},
    {"payments", payments_send, payments_take, NULL, NULL},
    {"methods", methods_send, methods_take, methods_trouble, NULL},
    {"subscription", subscription_send, subscription_take, subscription_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op killbill_read = {"read", rest_read_begin, states};
