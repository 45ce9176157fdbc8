/* Taking money at Chargebee: all that is left of an invoice, or a part of it, from one payment source.
 *
 * The amount and the source are always sent, so what is taken is what was read and approved, whatever happens in between. The
 * invoice is read first (paid already: done; a payment under way: pending; less left than asked: refused) and read last.
 *
 * Chargebee gives no field that would carry our key into the transaction, and forgets idempotency keys after half an hour. So a
 * payment whose answer was lost is found by elimination: a transaction of this invoice, over this amount, that was not
 * in the list read just before. No request that moves money is sent a second time after an answer that leaves open what
 * happened; a look that finds nothing is repeated, because the first call may still be running over there, and only then it
 * counts as "did not happen". A decline says in the error only that it was one; why stands in the transaction. */
#include "adapters/billing/chargebee.h"

#include <string.h>
#include <strings.h>

#include "engine/when.h"

enum { SAID_MAX = 160, LOOKS_MAX = 3, COMMENT_MAX = 300 };

#define MONEY_TIMEOUT_MS 80000 /* banks answer slowly */
#define LOOK_AGAIN_MS (12 * MS_SECOND)
#define SHOWN_AGAIN_MS (4 * MS_SECOND)

static int64_t amount_wanted(const struct rest_call *c)
{
    return json_i64(c->args, "amount", 0);
}

/* --- before ------------------------------------------------------------------------------------------------------- */

static void invoice_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("invoices/%", rest_invoice(c), NULL);
    rest_get(c, path);
}

/* False, and refused, when this is not the invoice that was approved. */
static bool invoice_fits(struct rest_call *c)
{
    const char *currency = json_str(c->args, "currency", ""), *theirs = json_str(c->body, "invoice.currency_code", "");
    const char *status = json_str(c->body, "invoice.status", "");
    if (!chargebee_is_invoice(c, rest_invoice(c)))
        return false;
    if (*currency && strcasecmp(currency, theirs) != 0)
        rest_refuse(c, "invoice %.80s is in %.3s, not in %.3s", rest_invoice(c), theirs, currency);
    else if (!str_eq(status, "paid") && !str_eq(status, "payment_due") && !str_eq(status, "not_paid") && !str_eq(status, "posted"))
        rest_refuse(c, "invoice %.80s is %.20s, not open", rest_invoice(c), *status ? status : "of unknown status");
    return !c->ended;
}

static void note_amount(struct rest_call *c, int64_t left)
{
    char wanted[MONEY_TEXT_SIZE], rest[MONEY_TEXT_SIZE];
    const char *currency = json_str(c->body, "invoice.currency_code", ""), *method = json_str(c->args, "method", "");
    if (amount_wanted(c) > left) {
        rest_refuse(c, "%s is more than the %s that can be collected of invoice %.80s", money_text(wanted, money_of(amount_wanted(c), currency)),
                    money_text(rest, money_of(left, currency)), rest_invoice(c));
        return;
    }
    if (!units_fit(c, currency, amount_wanted(c), units_step(chargebee_units, currency)))
        return;
    json_put(c->stage, "currency", currency);
    json_put_i64(c->stage, "want", amount_wanted(c) ? amount_wanted(c) : left);
    json_put(c->stage, "method", method);
    rest_go(c, *method ? "known" : "customer");
}

/* The invoice lists its payments, those that failed too. */
static void under_way(struct rest_call *c, int64_t due)
{
    const json_t *list = json_at(c->body, "invoice.linked_payments"), *row;
    const char *payment = NULL;
    int64_t ended_ms = 0;
    size_t i;
    json_array_foreach(list, i, row) {
        const char *status = json_str(row, "txn_status", "");
        int64_t at_ms = chargebee_ms(row, "txn_date");
        if (str_eq(status, "in_progress") || str_eq(status, "needs_attention"))
            payment = json_str(row, "txn_id", "");
        else if (at_ms > ended_ms)
            ended_ms = at_ms;
    }
    rest_collect_under_way(c, due, payment, ended_ms);
}

static void before_take(struct rest_call *c)
{
    if (!invoice_fits(c))
        return;
    int64_t due = json_i64(c->body, "invoice.amount_due", 0), left = json_i64(c->body, "invoice.amount_to_collect", due);
    json_put(c->stage, "status", json_str(c->body, "invoice.status", ""));
    json_put_i64(c->stage, "due", due);
    json_put_i64(c->stage, "started_ms", c->job->now_ms);
    if (str_eq(json_str(c->body, "invoice.status", ""), "paid"))
        rest_collect_done(c, "paid", 0, NULL);
    else if (left <= 0)
        under_way(c, due);
    else
        note_amount(c, left);
}

static void customer_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("customers/%", json_str(c->args, "customer", ""), NULL);
    rest_get(c, path);
}

static void customer_take(struct rest_call *c)
{
    const char *method = json_str(c->body, "customer.primary_payment_source_id", "");
    json_put(c->stage, "method", method);
    rest_go(c, "known");
    if (!*method)
        rest_refuse(c, "the customer has no payment source that could be charged");
}

/* --- what is there already ------------------------------------------------------------------------------------------ */

static void list_send(struct rest_call *c)
{
    AUTO_BUF path = BUF(4096);
    buf_adds(&path, "transactions?customer_id%5Bis%5D=");
    buf_add_url(&path, json_str(c->args, "customer", ""));
    buf_addf(&path, "&type%%5Bis%%5D=payment&date%%5Bafter%%5D=%010lld&sort_by%%5Bdesc%%5D=date&limit=100",
             (long long)((json_i64(c->stage, "started_ms", 0) - MS_DAY) / MS_SECOND));
    rest_get(c, buf_text(&path));
}

static void known_take(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "list"), *row;
    json_t *known = json_object();
    size_t i;
    json_array_foreach(list, i, row)
        json_put_new(known, json_str(row, "transaction.id", ""), json_true());
    json_put_new(c->stage, "known", known);
    rest_go(c, "pay");
}

/* --- the call ----------------------------------------------------------------------------------------------------- */

static void pay_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("invoices/%/collect_payment", rest_invoice(c), NULL);
    rest_post(c, path, "");
    struct http_request *r = &c->out->request;
    AUTO_STR comment = str_fmt("Dunwell %.40s %.100s", json_str(c->args, "case", ""), c->job->key);
    r->timeout_ms = MONEY_TIMEOUT_MS;
    form_add_i64(r, "amount", units_write(chargebee_units, json_str(c->stage, "currency", ""), json_i64(c->stage, "want", 0)));
    form_add(r, "payment_source_id", json_str(c->stage, "method", ""));
    form_add(r, "payment_initiator", "merchant");
    form_add(r, "comment", comment);
}

static void refuse_declined(struct rest_call *c, const json_t *transaction)
{
    json_t *decline = json_object();
    const char *why = json_str(c->stage, "why", "");
    chargebee_put_decline(c, decline, transaction, NULL);
    if (!*json_str(decline, "text", "") && *why)
        json_put_new(decline, "text", json_text_safe(why));
    const char *code = json_str(decline, "code", json_str(c->stage, "code", "")), *text = json_str(decline, "text", "");
    AUTO_STR words = str_fmt("declined (%.60s): %.160s", *code ? code : "no code", *text ? text : "no words were given for it");
    rest_refuse_with(c, json_pack("{s:o}", "decline", decline), "%s", words);
}

/* What a transaction says decides; it is never made again. */
static void transaction_decides(struct rest_call *c, const json_t *transaction)
{
    const char *status = json_str(transaction, "status", "");
    json_put(c->stage, "payment", json_str(transaction, "id", ""));
    json_put(c->stage, "flow", status);
    json_put_i64(c->stage, "looks", 0);
    if (str_eq(status, "failure") || str_eq(status, "late_failure") || str_eq(status, "timeout") || str_eq(status, "voided"))
        refuse_declined(c, transaction);
    else
        rest_go(c, "after");
}

static void pay_take(struct rest_call *c)
{
    const json_t *transaction = json_object_get(c->body, "transaction");
    if (*json_str(transaction, "id", ""))
        transaction_decides(c, transaction);
    else
        rest_go(c, "find");
}

/* A decline: its transaction tells why. Any other refusal: perhaps the invoice was paid a moment ago; reading it tells. */
static bool pay_trouble(struct rest_call *c)
{
    char said[SAID_MAX];
    int status = c->answer->status;
    if (status != 400 && status != 404 && status != 409)
        return false;
    rest_said(c, said, sizeof said);
    json_put_new(c->stage, "why", json_text_safe(*said ? said : "refused without a reason"));
    json_put(c->stage, "code", json_str(c->body, "api_error_code", ""));
    rest_go(c, c->vendor->is_decline(c) ? "find" : "refused");
    return true;
}

static void refused_take(struct rest_call *c)
{
    if (!chargebee_is_invoice(c, rest_invoice(c)))
        return;
    json_put(c->stage, "status", json_str(c->body, "invoice.status", ""));
    if (str_eq(json_str(c->body, "invoice.status", ""), "paid"))
        rest_collect_done(c, "paid", 0, NULL);
    else
        rest_refuse(c, "Chargebee refuses: %s", json_str(c->stage, "why", ""));
}

/* --- finding out what happened --------------------------------------------------------------------------------------- */

static bool is_ours(const struct rest_call *c, const json_t *transaction)
{
    const json_t *known = json_object_get(c->stage, "known");
    return chargebee_of_invoice(transaction, rest_invoice(c)) && !json_object_get(known, json_str(transaction, "id", "")) &&
           json_i64(transaction, "amount", 0) == json_i64(c->stage, "want", -1);
}

static void not_found(struct rest_call *c)
{
    int64_t looks = json_i64(c->stage, "looks", 0) + 1;
    bool declined = json_str(c->stage, "why", NULL);
    json_put_i64(c->stage, "looks", looks);
    if (declined)
        refuse_declined(c, NULL);
    else if (looks < LOOKS_MAX)
        rest_unknown(c, "find", LOOK_AGAIN_MS, "not seen at Chargebee so far; looking once more");
    else
        rest_refuse(c, "read back: it did not happen");
}

static void find_take(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "list"), *row, *found = NULL;
    size_t i;
    json_array_foreach(list, i, row) {
        const json_t *transaction = json_object_get(row, "transaction");
        if (is_ours(c, transaction) && (!found || chargebee_ms(transaction, "date") > chargebee_ms(found, "date")))
            found = transaction;
    }
    if (found)
        transaction_decides(c, found);
    else
        not_found(c);
}

/* The answer was a clear decline; only its details cannot be read. Otherwise nothing is known without this list. */
static bool find_trouble(struct rest_call *c)
{
    if (!json_str(c->stage, "why", NULL) || c->answer->status >= 500)
        return false;
    refuse_declined(c, NULL);
    return true;
}

/* --- after -------------------------------------------------------------------------------------------------------- */

static void after_take(struct rest_call *c)
{
    if (!chargebee_is_invoice(c, rest_invoice(c)))
        return;
    const char *status = json_str(c->body, "invoice.status", "");
    int64_t left = json_i64(c->body, "invoice.amount_due", 0), looks = json_i64(c->stage, "looks", 0) + 1;
    bool counted = left <= json_i64(c->stage, "due", 0) - json_i64(c->stage, "want", 0);
    json_put(c->stage, "status", status);
    if (str_eq(status, "paid"))
        rest_collect_done(c, "paid", 0, NULL);
    else if (!str_eq(json_str(c->stage, "flow", ""), "success"))
        rest_collect_done(c, "pending", left, NULL);
    else if (counted)
        rest_collect_done(c, "partially_paid", left, NULL);
    else if (looks < LOOKS_MAX) {
        json_put_i64(c->stage, "looks", looks);
        rest_unknown(c, "after", SHOWN_AGAIN_MS, "the payment was taken, but the invoice does not show it yet");
    } else {
        AUTO_STR note = str_fmt("payment %.80s was taken but invoice %.80s does not show it: look at it in Chargebee",
                                json_str(c->stage, "payment", ""), rest_invoice(c));
        rest_collect_done(c, "partially_paid", left, note);
    }
}

static bool after_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    AUTO_STR note = str_fmt("payment %.80s was taken, but invoice %.80s is gone: refund or assign it by hand", json_str(c->stage, "payment", ""),
                            rest_invoice(c));
    rest_collect_done(c, "partially_paid", 0, note);
    return true;
}

static const struct rest_state states[] = {
    {"before", invoice_send, before_take, rest_no_invoice, NULL},
    {"customer", customer_send, customer_take, NULL, NULL},
    {"known", list_send, known_take, NULL, NULL},
    {"pay", pay_send, pay_take, pay_trouble, "find"},
    {"refused", invoice_send, refused_take, rest_no_invoice, NULL},
    {"find", list_send, find_take, find_trouble, NULL},
    {"after", invoice_send, after_take, after_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op chargebee_collect = {"collect", rest_collect_begin, states};
