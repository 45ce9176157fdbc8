/* Taking money at Zuora.
 *
 * The account and the invoice are read first (paid already: done; less left than asked: refused), then a payment is made
 * that is applied to this invoice (POST /v1/payments; a feature called Invoice Settlement). A tenant without it has only
 * invoice-collect, which charges the default method with all of the invoice: then a part, or another method, is refused.
 *
 * How Zuora tells that a card was declined is not written anywhere: as success:false with the gateway's words, or as a
 * payment whose status is Error. Both are a decline here. The payment itself is read in either case: it has the gateway's
 * code. The payment carries the job's key in its comment, and is found by it after an answer that was lost.
 *
 * No request that moves money is sent again after an answer that leaves open what happened. Then there is only looking, and
 * a look that finds nothing is repeated some seconds later and after a minute, because the call may still be running, or
 * the list may lag; only then it counts as "did not happen". Zuora would repeat its first answer to the same key for 24 hours; that is the
 * second safeguard, not the first. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "adapters/billing/zuora.h"
#include "engine/when.h"

enum { LOOKS_MAX = 3, SHOWN_MAX = 4, PAGES_MAX = 5, SAID_MAX = 200, COMMENT_MAX = 255 };

#define MONEY_TIMEOUT_MS 90000 /* banks answer slowly */
#define LOOK_AGAIN_MS (12 * MS_SECOND)
#define LOOK_LAST_MS (60 * MS_SECOND)
#define SHOW_AGAIN_MS (3 * MS_SECOND)
#define CLOCKS_APART_MS (5 * MS_SECOND)

static const char *currency_of(const struct zuora_call *c)
{
    return json_str(c->stage, "currency", "");
}

static int64_t amount_of(const struct zuora_call *c)
{
    return json_i64(c->stage, "amount", 0);
}

static void collect_begin(struct zuora_call *c)
{
    const json_t *amount = json_object_get(c->args, "amount");
    if (!*zuora_arg(c, "invoice") || !*zuora_arg(c, "customer"))
        zuora_refuse(c, "an invoice and a customer are needed");
    else if (amount && !json_is_null(amount) && json_i64(c->args, "amount", 0) <= 0)
        zuora_refuse(c, "the amount must be a positive number of minor units");
}

static void finish(struct zuora_call *c, const char *outcome, int64_t due, const char *note)
{
    json_t *result = json_object();
    json_put(result, "outcome", outcome);
    json_put(result, "payment", json_str(c->stage, "number", json_str(c->stage, "payment", "")));
    json_put_i64(result, "due", due);
    json_put(result, "status", due == 0 ? "paid" : "open");
    if (note)
        json_put_new(result, "note", json_text_safe(note));
    zuora_done(c, result);
}

static void refuse_declined(struct zuora_call *c, const char *code, const char *said)
{
    json_t *decline = zuora_decline(c->config, json_str(c->body, "gatewayId", NULL), code, said);
    const char *word = json_str(decline, "code", "");
    char text[SAID_MAX];
    str_copy(text, sizeof text, json_str(decline, "text", ""));
    json_decref(c->out->result);
    c->out->result = json_pack("{s:o}", "decline", decline);
    zuora_refuse(c, "declined (%.60s): %s", *word ? word : "no code", *text ? text : "the gateway gave no words for it");
}

/* --- before --- */

static void account_take(struct zuora_call *c)
{
    const char *method = zuora_arg(c, "method"), *usual = json_str(c->body, "billingAndPayment.defaultPaymentMethodId", "");
    json_put(c->stage, "id", json_str(c->body, "basicInfo.id", ""));
    json_put(c->stage, "method", *method ? method : usual);
    json_put_new(c->stage, "usual", json_boolean(!*method || str_eq(method, usual)));
    zuora_go(c, "invoice");
    if (!*json_str(c->stage, "id", ""))
        zuora_refuse(c, "Zuora shows an account without an id");
    else if (!*json_str(c->stage, "method", ""))
        zuora_refuse(c, "the account has no payment method that could be charged");
}

/* What is left of the invoice in the answer. False, and refused, when that cannot be read. */
static bool read_left(struct zuora_call *c, const char *currency, int64_t *left)
{
    struct err e;
    if (money_at(left, c->body, "balance", currency, &e) == 0)
        return true;
    zuora_refuse(c, "the balance of invoice %.60s cannot be read: %.120s", zuora_arg(c, "invoice"), e.text);
    return false;
}

/* False, and refused, when this is not the invoice that was approved. */
static bool invoice_fits(struct zuora_call *c, const char *currency)
{
    const char *wanted = zuora_arg(c, "currency"), *status = json_str(c->body, "status", "");
    if (!str_eq(json_str(c->body, "accountId", ""), json_str(c->stage, "id", "")))
        zuora_refuse(c, "invoice %.80s belongs to another customer", zuora_arg(c, "invoice"));
    else if (*wanted && strcasecmp(wanted, currency) != 0)
        zuora_refuse(c, "invoice %.80s is in %.3s, not in %.3s", zuora_arg(c, "invoice"), currency, wanted);
    else if (!str_eq(status, "Posted"))
        zuora_refuse(c, "invoice %.80s is %.20s, not open", zuora_arg(c, "invoice"), *status ? status : "of unknown status");
    return !c->ended;
}

static void invoice_take(struct zuora_call *c)
{
    char currency[4], wanted[MONEY_TEXT_SIZE], rest[MONEY_TEXT_SIZE];
    int64_t left = 0, asked = json_i64(c->args, "amount", 0);
    zuora_currency(currency, c->body, "currency");
    if (!invoice_fits(c, currency) || !read_left(c, currency, &left))
        return;
    json_put(c->stage, "currency", currency);
    json_put(c->stage, "invoice", json_str(c->body, "id", zuora_arg(c, "invoice")));
    json_put_i64(c->stage, "left", left);
    json_put_i64(c->stage, "amount", asked > 0 ? asked : left);
    json_put_i64(c->stage, "started_ms", c->job->now_ms);
    zuora_go(c, "pay");
    if (left <= 0)
        finish(c, "paid", 0, NULL);
    else if (asked > left)
        zuora_refuse(c, "%s is more than the %s that is left of invoice %.80s", money_text(wanted, money_of(asked, currency)),
                     money_text(rest, money_of(left, currency)), zuora_arg(c, "invoice"));
}

/* --- the payment --- */

static void comment_of(const struct zuora_call *c, char out[COMMENT_MAX + 1])
{
    snprintf(out, COMMENT_MAX + 1, "Dunwell %.200s", c->job->key);
}

static void pay_send(struct zuora_call *c)
{
    char amount[MONEY_TEXT_SIZE], comment[COMMENT_MAX + 1];
    AUTO_BUF body = BUF(8192);
    money_decimal(amount, money_of(amount_of(c), currency_of(c)));
    comment_of(c, comment);
    buf_adds(&body, "{\"accountId\":");
    zuora_add_string(&body, json_str(c->stage, "id", ""));
    buf_addf(&body, ",\"amount\":%s,\"currency\":", amount);
    zuora_add_string(&body, currency_of(c));
    buf_adds(&body, ",\"type\":\"Electronic\",\"paymentMethodId\":");
    zuora_add_string(&body, json_str(c->stage, "method", ""));
    buf_adds(&body, ",\"invoices\":[{\"invoiceId\":");
    zuora_add_string(&body, json_str(c->stage, "invoice", ""));
    buf_addf(&body, ",\"amount\":%s}],\"comment\":", amount);
    zuora_add_string(&body, comment);
    buf_adds(&body, "}");
    zuora_post(c, "v1/payments", "", buf_text(&body));
    c->out->request.timeout_ms = MONEY_TIMEOUT_MS;
}

/* From here on it did happen, whatever comes: nothing may end in "it did not". */
static void payment_known(struct zuora_call *c, const char *id, const char *number)
{
    json_put_new(c->stage, "open", json_true());
    json_put_i64(c->stage, "looks", 0);
    json_put(c->stage, "payment", id);
    if (*number)
        json_put(c->stage, "number", number);
    zuora_go(c, "payment");
}

static void pay_take(struct zuora_call *c)
{
    const char *id = json_str(c->body, "id", "");
    if (*id)
        payment_known(c, id, json_str(c->body, "number", ""));
    else
        zuora_unknown(c, "find", SHOW_AGAIN_MS, "Zuora took the payment but did not say its id; looking");
}

/* Does the tenant say that it has no Invoice Settlement? */
static bool says_no_settlement(const struct zuora_call *c)
{
    char said[SAID_MAX];
    zuora_said(c, said, sizeof said);
    return strcasestr(said, "invoice settlement") || (c->code && c->code % 100 == 45);
}

static bool pay_trouble(struct zuora_call *c)
{
    char said[SAID_MAX];
    bool whole = amount_of(c) == json_i64(c->stage, "left", 0);
    if (says_no_settlement(c)) {
        if (!whole)
            zuora_refuse(c, "this tenant has no Invoice Settlement: only a whole invoice can be charged, not a part of it");
        else if (!json_flag(c->stage, "usual", false))
            zuora_refuse(c, "this tenant has no Invoice Settlement: only the default payment method can be charged");
        else
            zuora_go(c, "collect");
        return true;
    }
    zuora_said(c, said, sizeof said);
    json_put_new(c->stage, "why", json_text_safe(*said ? said : "no reason given"));
    zuora_go(c, "find");
    return true;
}

static void collect_send(struct zuora_call *c)
{
    AUTO_BUF body = BUF(4096);
    buf_adds(&body, "{\"accountKey\":");
    zuora_add_string(&body, json_str(c->stage, "id", ""));
    buf_adds(&body, ",\"invoiceId\":");
    zuora_add_string(&body, json_str(c->stage, "invoice", ""));
    buf_adds(&body, "}");
    json_put_new(c->stage, "by_time", json_true());
    zuora_post(c, "v1/operations/invoice-collect", "collect", buf_text(&body));
    c->out->request.timeout_ms = MONEY_TIMEOUT_MS;
}

static void collect_take(struct zuora_call *c)
{
    const char *id = json_str(c->body, "paymentId", "");
    if (*id)
        payment_known(c, id, "");
    else
        zuora_unknown(c, "find", SHOW_AGAIN_MS, "Zuora collected but did not say its payment; looking");
}

static bool collect_trouble(struct zuora_call *c)
{
    char said[SAID_MAX];
    zuora_said(c, said, sizeof said);
    json_put_new(c->stage, "why", json_text_safe(*said ? said : "no reason given"));
    zuora_go(c, "find");
    return true;
}

/* --- looking for it --- */

static void find_send(struct zuora_call *c)
{
    int64_t page = json_i64(c->stage, "page", 1);
    AUTO_BUF path = BUF(1024);
    buf_adds(&path, "v1/payments?accountId=");
    buf_add_url(&path, json_str(c->stage, "id", ""));
    buf_addf(&path, "&pageSize=40&page=%lld", (long long)page);
    zuora_get(c, buf_text(&path), NULL, "");
}

/* Ours: by the comment; what invoice-collect made has none, and is told by its time and amount. One that looks a little older may be
 * ours by a clock behind our own, or the one before while ours is still running: that is not believed at the first look, unless ours was
 * answered. */
static bool is_ours(const struct zuora_call *c, const json_t *row)
{
    char comment[COMMENT_MAX + 1];
    comment_of(c, comment);
    if (!json_flag(c->stage, "by_time", false))
        return str_eq(json_str(row, "comment", ""), comment);
    bool over = json_i64(c->stage, "looks", 0) > 0 || json_str(c->stage, "why", NULL);
    int64_t made = zuora_ms(json_str(row, "createdDate", ""), NULL);
    return made >= json_i64(c->stage, "started_ms", 0) - (over ? CLOCKS_APART_MS : 0) && str_eq(json_str(row, "type", ""), "Electronic") &&
           zuora_amount(row, "amount", currency_of(c)) == amount_of(c);
}

/* A look found nothing: twice more, the second time much later, then it did not happen. */
static void not_found(struct zuora_call *c)
{
    const char *why = json_str(c->stage, "why", NULL);
    int64_t looks = json_i64(c->stage, "looks", 0) + 1;
    json_put_i64(c->stage, "looks", looks);
    json_put_i64(c->stage, "page", 1);
    if (why && (strcasestr(why, "declin") || strchr(why, '[')))
        refuse_declined(c, "", why);
    else if (why)
        zuora_refuse(c, "Zuora refuses: %s", why);
    else if (looks < LOOKS_MAX)
        zuora_unknown(c, "find", looks == 1 ? LOOK_AGAIN_MS : LOOK_LAST_MS, "not seen at Zuora so far; looking once more");
    else
        zuora_refuse(c, "read back: it did not happen");
}

static void find_take(struct zuora_call *c)
{
    const json_t *row, *ours = NULL;
    size_t i;
    int64_t page = json_i64(c->stage, "page", 1);
    json_array_foreach(json_object_get(c->body, "payments"), i, row)
        if (*json_str(row, "id", "") && is_ours(c, row) && (!ours || strcmp(json_str(row, "createdDate", ""), json_str(ours, "createdDate", "")) > 0))
            ours = row;
    if (ours)
        payment_known(c, json_str(ours, "id", ""), json_str(ours, "number", ""));
    else if (*json_str(c->body, "nextPage", "") && page < PAGES_MAX)
        json_put_i64(c->stage, "page", page + 1);
    else
        not_found(c);
}

/* --- after --- */

static void payment_send(struct zuora_call *c)
{
    zuora_get(c, "v1/payments/", json_str(c->stage, "payment", ""), "");
}

static void payment_take(struct zuora_call *c)
{
    const char *status = json_str(c->body, "status", ""), *why = json_str(c->stage, "why", "");
    const char *said = json_str(c->body, "gatewayResponse", "");
    if (*json_str(c->body, "number", ""))
        json_put(c->stage, "number", json_str(c->body, "number", ""));
    json_put(c->stage, "flow", status);
    if (str_eq(status, "Error"))
        refuse_declined(c, json_str(c->body, "gatewayResponseCode", ""), *said ? said : why);
    else if (str_eq(status, "Canceled") || str_eq(status, "Voided"))
        zuora_refuse(c, "payment %.60s was cancelled at Zuora", json_str(c->stage, "number", ""));
    else
        zuora_go(c, "after");
}

/* A payment that was just made and cannot be seen yet. */
static bool payment_trouble(struct zuora_call *c)
{
    if (!zuora_not_found(c))
        return false;
    zuora_again(c, "Zuora does not show payment %.60s yet", json_str(c->stage, "number", json_str(c->stage, "payment", "")));
    return true;
}

static void after_take(struct zuora_call *c)
{
    int64_t left = 0, looks = json_i64(c->stage, "looks", 0) + 1;
    if (!read_left(c, currency_of(c), &left))
        return;
    bool processed = str_eq(json_str(c->stage, "flow", ""), "Processed");
    bool counted = left <= json_i64(c->stage, "left", 0) - amount_of(c);
    json_put_i64(c->stage, "looks", looks);
    if (!processed) {
        finish(c, "pending", left, NULL);
    } else if (counted) {
        finish(c, left > 0 ? "partially_paid" : "paid", left, NULL);
    } else if (looks < SHOWN_MAX) {
        zuora_unknown(c, "after", SHOW_AGAIN_MS, "the payment is processed, but the invoice does not show it yet");
    } else {
        AUTO_STR note = str_fmt("payment %.60s was taken but is not on invoice %.60s: apply or refund it in Zuora",
                                json_str(c->stage, "number", json_str(c->stage, "payment", "")), zuora_arg(c, "invoice"));
        finish(c, "partially_paid", left, note);
    }
}

static const struct zuora_state states[] = {
    {"account", zuora_account_send, account_take, zuora_account_trouble, NULL},
    {"invoice", zuora_invoice_send, invoice_take, zuora_invoice_trouble, NULL},
    {"pay", pay_send, pay_take, pay_trouble, "find"},
    {"collect", collect_send, collect_take, collect_trouble, "find"},
    {"find", find_send, find_take, NULL, NULL},
    {"payment", payment_send, payment_take, payment_trouble, NULL},
    {"after", zuora_invoice_send, after_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct zuora_op zuora_collect = {"collect", collect_begin, states, NULL};
