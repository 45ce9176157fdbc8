/* Taking money at Recurly: an invoice as a whole, from one billing info.
 *
 * The invoice is read first: its balance must be what was approved, and its transactions are remembered. After an answer that
 * leaves open what happened nothing is sent again; the invoice is read, and a payment that was not there before is the one
 * that our call made. A look that finds nothing is repeated, because the first call may still be running over there, and only
 * then it counts as "did not happen". A decline (422) tells its category and code at once. */
#include "adapters/billing/recurly.h"

#include <string.h>
#include <strings.h>

#include "engine/when.h"

enum { SAID_MAX = 160, LOOKS_MAX = 3 };

#define MONEY_TIMEOUT_MS 80000 /* banks answer slowly */
#define LOOK_AGAIN_MS (12 * MS_SECOND)
#define SHOWN_AGAIN_MS (4 * MS_SECOND)

static bool is_payment(const json_t *transaction)
{
    const char *type = json_str(transaction, "type", "");
    return str_eq(type, "purchase") || str_eq(type, "capture");
}

static void invoice_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("invoices/%", rest_invoice(c), NULL);
    rest_get(c, path);
}

/* What is left to pay; -1, and refused, when that cannot be read. */
static int64_t balance_of(struct rest_call *c)
{
    int64_t balance = -1;
    if (recurly_minor(&balance, c->body, "balance", json_str(c->body, "currency", "")) != 0) {
        rest_refuse(c, "the balance of invoice %.80s cannot be read", rest_invoice(c));
        return -1;
    }
    return balance;
}

/* --- before ------------------------------------------------------------------------------------------------------- */

static json_t *known_now(const struct rest_call *c)
{
    const json_t *list = json_at(c->body, "transactions"), *row;
    json_t *known = json_object();
    size_t i;
    json_array_foreach(list, i, row)
        json_put_new(known, json_str(row, "id", ""), json_true());
    return known;
}

static void note_amount(struct rest_call *c, int64_t balance)
{
    char wanted[MONEY_TEXT_SIZE], whole[MONEY_TEXT_SIZE];
    const char *currency = json_str(c->body, "currency", "");
    int64_t amount = json_i64(c->args, "amount", balance);
    if (amount != balance) {
        rest_refuse(c, "Recurly charges an invoice only as a whole: %s was asked for, %s is left of invoice %.80s", money_text(wanted, money_of(amount, currency)),
                    money_text(whole, money_of(balance, currency)), rest_invoice(c));
        return;
    }
    json_put_i64(c->stage, "want", balance);
    json_put_new(c->stage, "known", known_now(c));
    rest_go(c, "collect");
}

static bool is_on_its_way(const char *status)
{
    return str_eq(status, "pending") || str_eq(status, "processing") || str_eq(status, "scheduled");
}

/* The invoice lists its payments, those that failed too. */
static void under_way(struct rest_call *c, int64_t balance)
{
    const json_t *list = json_at(c->body, "transactions"), *row;
    const char *payment = NULL;
    int64_t ended_ms = 0;
    size_t i;
    json_array_foreach(list, i, row) {
        int64_t at_ms = recurly_ms(row, "created_at");
        if (is_payment(row) && is_on_its_way(json_str(row, "status", "")))
            payment = json_str(row, "id", "");
        else if (is_payment(row) && at_ms > ended_ms)
            ended_ms = at_ms;
    }
    rest_collect_under_way(c, balance, payment, ended_ms);
}

static void before_take(struct rest_call *c)
{
    const char *currency = json_str(c->args, "currency", ""), *theirs = json_str(c->body, "currency", ""), *state = json_str(c->body, "state", "");
    if (!recurly_is_invoice(c, rest_invoice(c)))
        return;
    json_put(c->stage, "status", state);
    if (*currency && strcasecmp(currency, theirs) != 0) {
        rest_refuse(c, "invoice %.80s is in %.3s, not in %.3s", rest_invoice(c), theirs, currency);
        return;
    }
    if (str_eq(recurly_status(state), "paid")) {
        rest_collect_done(c, "paid", 0, NULL);
        return;
    }
    int64_t balance = balance_of(c);
    if (c->ended)
        return;
    if (str_eq(state, "processing"))
        under_way(c, balance);
    else if (!str_eq(state, "past_due") && !str_eq(state, "pending") && !str_eq(state, "open"))
        rest_refuse(c, "invoice %.80s is %.20s, not open", rest_invoice(c), *state ? state : "of unknown state");
    else
        note_amount(c, balance);
}

/* --- the call ----------------------------------------------------------------------------------------------------- */

static void collect_send(struct rest_call *c)
{
    const char *method = json_str(c->args, "method", "");
    AUTO_STR path = rest_path("invoices/%/collect", rest_invoice(c), NULL);
    AUTO_JSON body = json_object();
    if (*method)
        json_put(body, "billing_info_id", method);
    rest_put(c, path, body, "");
    c->out->request.timeout_ms = MONEY_TIMEOUT_MS;
}

static void collect_take(struct rest_call *c)
{
    json_put_new(c->stage, "answered", json_true());
    rest_go(c, "after");
}

/* A decline is final. Any other refusal: perhaps the invoice was paid a moment ago; reading it tells. */
static bool collect_trouble(struct rest_call *c)
{
    char said[SAID_MAX];
    int status = c->answer->status;
    if ((status != 400 && status != 404 && status != 422) || c->vendor->is_decline(c))
        return false;
    rest_said(c, said, sizeof said);
    json_put_new(c->stage, "why", json_text_safe(*said ? said : "refused without a reason"));
    rest_go(c, "after");
    return true;
}

/* --- after -------------------------------------------------------------------------------------------------------- */

/* The newest payment that was not there before we called. */
static const json_t *new_payment(const struct rest_call *c)
{
    const json_t *list = json_at(c->body, "transactions"), *known = json_object_get(c->stage, "known"), *row, *found = NULL;
    size_t i;
    json_array_foreach(list, i, row)
        if (is_payment(row) && !json_object_get(known, json_str(row, "id", "")) &&
            (!found || recurly_ms(row, "created_at") >= recurly_ms(found, "created_at")))
            found = row;
    return found;
}

static void refuse_failed(struct rest_call *c, const json_t *payment)
{
    const char *code = json_str(payment, "status_code", ""), *text = json_str(payment, "status_message", "");
    json_t *decline = json_object();
    rest_put_text(decline, "code", code);
    json_put(decline, "class", recurly_class(NULL, code, NULL));
    rest_put_text(decline, "network_code", json_str(payment, "gateway_response_code", NULL));
    rest_put_text(decline, "text", text);
    AUTO_STR words = str_fmt("declined (%.60s): %.160s", *code ? code : "no code", *text ? text : "no words were given for it");
    rest_refuse_with(c, json_pack("{s:o}", "decline", decline), "%s", words);
}

/* Neither paid nor a new payment: look again, and say at last what is known. */
static void nothing_yet(struct rest_call *c)
{
    const char *why = json_str(c->stage, "why", NULL);
    int64_t looks = json_i64(c->stage, "looks", 0) + 1;
    bool answered = json_flag(c->stage, "answered", false);
    json_put_i64(c->stage, "looks", looks);
    if (why)
        rest_refuse(c, "Recurly refuses: %s", why);
    else if (looks < LOOKS_MAX)
        rest_unknown(c, "after", answered ? SHOWN_AGAIN_MS : LOOK_AGAIN_MS, "not seen at Recurly so far; looking once more");
    else if (answered)
        rest_refuse(c, "Recurly took the request, but invoice %.80s shows no payment: look at it in the Recurly console before anything else is tried", rest_invoice(c));
    else
        rest_refuse(c, "read back: it did not happen");
}

static void after_take(struct rest_call *c)
{
    if (!recurly_is_invoice(c, rest_invoice(c)))
        return;
    const char *state = json_str(c->body, "state", "");
    const json_t *payment = new_payment(c);
    const char *status = json_str(payment, "status", "");
    json_put(c->stage, "status", state);
    json_put(c->stage, "payment", json_str(payment, "id", json_str(c->stage, "payment", "")));
    if (str_eq(recurly_status(state), "paid"))
        rest_collect_done(c, "paid", 0, NULL);
    else if (str_eq(status, "declined") || str_eq(status, "error") || str_eq(status, "void"))
        refuse_failed(c, payment);
    else if (is_on_its_way(status) || str_eq(state, "processing"))
        rest_collect_done(c, "pending", json_i64(c->stage, "want", 0), NULL);
    else if (str_eq(status, "success") && json_i64(c->stage, "looks", 0) + 1 >= LOOKS_MAX)
        rest_collect_done(c, "partially_paid", json_i64(c->stage, "want", 0), "the payment was taken, but the invoice is not closed: look at it in the Recurly console");
    else
        nothing_yet(c);
}

static const struct rest_state states[] = {
    {"before", invoice_send, before_take, rest_no_invoice, NULL},
    {"collect", collect_send, collect_take, collect_trouble, "after"},
    {"after", invoice_send, after_take, rest_no_invoice, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op recurly_collect = {"collect", rest_collect_begin, states};
