/* Taking money at Kill Bill: the whole balance of an invoice, or a part of it. Partial payments are native there.
 *
 * The payment's external key is the job's key and the invoice. It is a name, not an idempotency key: Kill Bill refuses a second
 * payment under it only after one that succeeded, and charges again after one that failed (tried against 0.24.19). So exactly one
 * payment is ever posted for a job, and before and after it the payment is looked up by that name; what is found decides. A look
 * that finds nothing is repeated twice, some seconds later, because the call may still be running over there; then it did not happen.
 *
 * The status of the answer is not what decides. 201 comes for declined payments as well (0.22 and 0.24), 402 from other calls; a plugin that
 * threw gives 400 with a payment of unknown outcome; 204 means that Kill Bill did not even try: nothing left to pay, or an earlier
 * payment is still open. A payment whose status is UNKNOWN is settled by Kill Bill's own janitor within minutes or days, and is
 * looked at until then; it is never paid again meanwhile. */
#include "adapters/billing/killbill.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "engine/when.h"

enum { SAID_MAX = 160, LOOKS_MAX = 3, SOON_MAX = 2, SETTLE_MAX = 3, EXTERNAL_KEY_MAX = 255 };

#define MONEY_TIMEOUT_MS 80000
#define LOOK_AGAIN_MS (12 * MS_SECOND)
#define SETTLE_MS (3 * MS_SECOND)
#define JANITOR_MS (10 * MS_MINUTE)

static int64_t amount_wanted(const struct rest_call *c)
{
    return json_i64(c->args, "amount", 0);
}

static const char *currency_of(const struct rest_call *c)
{
    return json_str(c->stage, "currency", "");
}

/* The caller frees. A longer name than Kill Bill keeps is replaced by its hash, which is as unique and as stable. */
static char *external_key(const struct rest_call *c)
{
    unsigned char digest[32];
    char hex[65];
    char *key = str_fmt("%s-%s", c->job->key, rest_invoice(c));
    if (strlen(key) <= EXTERNAL_KEY_MAX)
        return key;
    int ok = EVP_Digest(key, strlen(key), digest, NULL, EVP_sha256(), NULL);
    assert(ok == 1);
    free(key);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    return str_dup(hex);
}

static void finish(struct rest_call *c, const char *outcome, int64_t due, const char *note)
{
    json_put(c->stage, "status", due > 0 ? "open" : "paid");
    rest_collect_done(c, outcome, due, note);
}

/* --- before --- */

static void invoice_send(struct rest_call *c)
{
    killbill_get(c, "invoices", rest_invoice(c), "");
}

/* False, and refused, when this is not the invoice that was approved. */
static bool invoice_fits(struct rest_call *c)
{
    const char *currency = json_str(c->args, "currency", ""), *theirs = json_str(c->body, "currency", "");
    const char *status = json_str(c->body, "status", "COMMITTED");
    int64_t balance;
    if (!str_eq(json_str(c->body, "invoiceId", ""), rest_invoice(c)))
        rest_refuse(c, "Kill Bill answered with another invoice than %.80s", rest_invoice(c));
    else if (!str_eq(json_str(c->body, "accountId", ""), json_str(c->args, "customer", "")))
        rest_refuse(c, "invoice %.80s belongs to another account", rest_invoice(c));
    else if (*currency && strcasecmp(currency, theirs) != 0)
        rest_refuse(c, "invoice %.80s is in %.3s, not in %.3s", rest_invoice(c), theirs, currency);
    else if (!str_eq(status, "COMMITTED"))
        rest_refuse(c, "invoice %.80s is %.20s, not open", rest_invoice(c), status);
    else if (money_at(&balance, c->body, "balance", theirs, NULL) < 0)
        rest_refuse(c, "the balance of invoice %.80s is not an amount of its currency", rest_invoice(c));
    return !c->ended;
}

static void before_take(struct rest_call *c)
{
    if (!invoice_fits(c))
        return;
    char wanted[MONEY_TEXT_SIZE], rest[MONEY_TEXT_SIZE];
    const char *currency = json_str(c->body, "currency", "");
    int64_t left = killbill_money(c->body, "balance", currency);
    json_put(c->stage, "currency", currency);
    json_put_i64(c->stage, "left", left);
    if (left > 0 && amount_wanted(c) > left)
        rest_refuse(c, "%s is more than the %s that is left of invoice %.80s", money_text(wanted, money_of(amount_wanted(c), currency)),
                    money_text(rest, money_of(left, currency)), rest_invoice(c));
    else
        rest_go(c, "first");
}

/* --- the payment under our name --- */

static void find_send(struct rest_call *c)
{
    AUTO_STR key = external_key(c);
    AUTO_BUF query = BUF(2048);
    buf_adds(&query, "?externalKey=");
    buf_add_url(&query, key);
    buf_adds(&query, "&withAttempts=true");
    killbill_get(c, "payments", NULL, buf_text(&query));
}

/* The last purchase is the one that speaks; a failed one may stand before it. */
static const json_t *last_purchase(const json_t *payment)
{
    const json_t *list = json_object_get(payment, "transactions"), *row, *last = NULL;
    size_t i;
    json_array_foreach(list, i, row)
        if (str_eq(json_str(row, "transactionType", ""), "PURCHASE"))
            last = row;
    return last;
}

static void refuse_failed(struct rest_call *c)
{
    json_t *decline = rest_part(c, "decline");
    AUTO_STR code = str_dup(json_str(decline, "code", "no code"));
    AUTO_STR text = str_dup(json_str(decline, "text", "the gateway gave no words for it"));
    rest_refuse_with(c, json_pack("{s:O}", "decline", decline), "declined (%s): %s", code, text);
}

/* What the code means may be another thing at each gateway; the method's plugin tells which it was. */
static void failed(struct rest_call *c, const json_t *payment)
{
    json_t *decline = json_object();
    killbill_put_decline(c, decline, last_purchase(payment));
    json_put_new(c->stage, "decline", decline);
    rest_put_text(c->stage, "method", json_str(payment, "paymentMethodId", ""));
    if (killbill_asks_plugin(c))
        rest_go(c, "plugin");
    else
        refuse_failed(c);
}

static void plugin_send(struct rest_call *c)
{
    killbill_get(c, "accounts", json_str(c->args, "customer", ""), "/paymentMethods?withPluginInfo=true");
}

static void plugin_take(struct rest_call *c)
{
    const json_t *method = killbill_row(killbill_list(c), "paymentMethodId", json_str(c->stage, "method", ""));
    json_t *decline = rest_part(c, "decline");
    AUTO_STR code = str_dup(json_str(decline, "code", ""));
    json_put(decline, "class", killbill_class(c, json_str(method, "pluginName", NULL), code));
    refuse_failed(c);
}

static bool plugin_trouble(struct rest_call *c)
{
    refuse_failed(c);
    return true;
}

static void wait_for_janitor(struct rest_call *c)
{
    int64_t looks = json_i64(c->stage, "settling", 0);
    json_put_i64(c->stage, "settling", looks + 1);
    rest_unknown(c, "found", looks < SOON_MAX ? LOOK_AGAIN_MS : JANITOR_MS,
                 "Kill Bill itself does not know yet what became of the payment; looking until it does");
}

static void payment_decides(struct rest_call *c)
{
    const json_t *purchase = last_purchase(c->body);
    const char *status = json_str(purchase, "status", "");
    json_put(c->stage, "payment", json_str(c->body, "paymentId", ""));
    if (!str_eq(json_str(c->body, "accountId", ""), json_str(c->args, "customer", "")))
        rest_refuse(c, "a payment with this name belongs to another account");
    else if (str_eq(status, "SUCCESS"))
        rest_go(c, "after");
    else if (str_eq(status, "PENDING"))
        finish(c, "pending", json_i64(c->stage, "left", 0), NULL);
    else if (str_eq(status, "PAYMENT_FAILURE") || str_eq(status, "PLUGIN_FAILURE"))
        failed(c, c->body);
    else if (str_eq(status, "PAYMENT_SYSTEM_OFF"))
        rest_refuse(c, "payments are switched off in Kill Bill; nothing was charged");
    else
        wait_for_janitor(c);
}

/* The payment is there before we began: a crash lost what we knew of it. It is not made again, and the invoice has just been
 * read, with it. */
static void first_take(struct rest_call *c)
{
    int64_t left = json_i64(c->stage, "left", 0);
    payment_decides(c);
    if (!c->ended && !rest_at(c, "plugin"))
        finish(c, left > 0 ? "partially_paid" : "paid", left > 0 ? left : 0, NULL);
}

static bool first_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    if (json_i64(c->stage, "left", 0) > 0)
        rest_go(c, "pay");
    else
        finish(c, "paid", 0, NULL);
    return true;
}

/* The amount is spliced in as its digits: no number on the way to the bank ever was a double. */
static void pay_send(struct rest_call *c)
{
    char amount[MONEY_TEXT_SIZE];
    const char *method = json_str(c->args, "method", "");
    int64_t minor = amount_wanted(c) > 0 ? amount_wanted(c) : json_i64(c->stage, "left", 0);
    AUTO_STR key = external_key(c);
    json_auto_t *fields = json_pack("{s:s, s:s, s:s}", "accountId", json_str(c->args, "customer", ""), "targetInvoiceId", rest_invoice(c),
                                    "paymentExternalKey", key);
    if (*method)
        json_put(fields, "paymentMethodId", method);
    AUTO_STR rest = json_text(fields);
    AUTO_STR body = str_fmt("{\"purchasedAmount\":%s,%s", money_decimal(amount, money_of(minor, currency_of(c))), rest + 1);
    killbill_write(c, "POST", "invoices", rest_invoice(c), "/payments", body);
    c->out->request.timeout_ms = MONEY_TIMEOUT_MS;
}

static void pay_take(struct rest_call *c)
{
    if (c->answer->status == 204)
        json_put(c->stage, "why", "Kill Bill did not try: nothing is left to pay, or an earlier payment is still open");
    rest_go(c, "found");
}

/* Any refusal: keep Kill Bill's words, and see whether there is a payment all the same. */
static bool pay_trouble(struct rest_call *c)
{
    char said[SAID_MAX];
    if (c->answer->status == 403)
        return false;
    rest_said(c, said, sizeof said);
    json_put_new(c->stage, "why", json_text_safe(*said ? said : "no reason given"));
    rest_go(c, "found");
    return true;
}

static void found_take(struct rest_call *c)
{
    payment_decides(c);
}

static bool found_trouble(struct rest_call *c)
{
    const char *why = json_str(c->stage, "why", NULL);
    int64_t looks = json_i64(c->stage, "looks", 0) + 1;
    if (c->answer->status != 404)
        return false;
    json_put_i64(c->stage, "looks", looks);
    if (why)
        rest_refuse(c, "not paid: %s", why);
    else if (looks < LOOKS_MAX)
        rest_unknown(c, "found", LOOK_AGAIN_MS, "not seen at Kill Bill so far; looking once more");
    else
        rest_refuse(c, "read back: it did not happen");
    return true;
}

/* --- after --- */

static void after_take(struct rest_call *c)
{
    int64_t left = killbill_money(c->body, "balance", currency_of(c)), before = json_i64(c->stage, "left", 0);
    int64_t paid = amount_wanted(c) > 0 ? amount_wanted(c) : before, looks = json_i64(c->stage, "settled", 0) + 1;
    json_put_i64(c->stage, "settled", looks);
    if (left <= before - paid)
        finish(c, left > 0 ? "partially_paid" : "paid", left > 0 ? left : 0, NULL);
    else if (looks < SETTLE_MAX)
        rest_unknown(c, "after", SETTLE_MS, "the payment succeeded, but the invoice does not show it yet");
    else
        finish(c, "partially_paid", left, "the payment succeeded, but the invoice does not show all of it: a person should look");
}

static const struct rest_state states[] = {
    {"before", invoice_send, before_take, rest_no_invoice, NULL},
    {"first", find_send, first_take, first_trouble, NULL},
    {"pay", pay_send, pay_take, pay_trouble, "found"},
    {"found", find_send, found_take, found_trouble, NULL},
    {"plugin", plugin_send, plugin_take, plugin_trouble, NULL},
    {"after", invoice_send, after_take, rest_no_invoice, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op killbill_collect = {"collect", rest_collect_begin, states};
