/* What Recurly has for giving up, putting off and remarks. The order of write_off and note is rest_settle.c's.
 *
 * Giving up is mark_failed: the invoice is closed as bad debt and cannot be opened again, which is why nothing else may ever call
 * it. A remark is a note of the account, found again by our mark. Putting off is done by the payment terms: with more days the
 * invoice is due later, and one that was past due may be pending again; they are counted from the day it was made.
 *
 * A credit is the account's: a purchase of nothing but a credit line makes a credit invoice at once (a pending line would wait for the
 * next bill, and billing it would bill whatever else is pending), and a second call puts what the account has to give on the
 * invoice. The line's description is printed for the customer, so it holds our mark alone, and not the reason. */
#include <string.h>

#include "adapters/billing/recurly.h"
#include "adapters/billing/rest_settle.h"
#include "engine/when.h"

enum { NOTE_MAX = 1000, DESCRIPTION_MAX = 255, TERMS_MAX = 999, WRITES_MAX = 3 };

static void invoice_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("invoices/%", rest_invoice(c), NULL);
    rest_get(c, path);
}

static bool is_it(const struct rest_call *c)
{
    AUTO_STR theirs = str_fmt("number-%s", json_str(c->body, "number", ""));
    return str_eq(theirs, rest_invoice(c));
}

static int invoice(struct rest_call *c, struct rest_invoice *out)
{
    const char *state = json_str(c->body, "state", ""), *currency = json_str(c->body, "currency", "");
    int64_t left = 0;
    bool failed = str_eq(state, "failed");
    if (recurly_minor(&left, c->body, "balance", currency) != 0 && !failed)
        return ERR_INVALID;
    *out = (struct rest_invoice){.customer = json_str(c->body, "account.code", ""),
                                 .status = failed ? "uncollectible" : state,
                                 .currency = currency,
                                 .left = left,
                                 .is_it = is_it(c),
                                 .open = str_eq(recurly_status(state), "open"),
                                 .given_up = failed || str_eq(state, "voided")};
    return 0;
}

static void write_off_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("invoices/%/mark_failed", rest_invoice(c), NULL);
    rest_put(c, path, NULL, "");
    buf_clear(&c->out->request.body); /* this address takes none */
}

/* --- note -------------------------------------------------------------------------------------------------------------- */

static void notes_send(struct rest_call *c)
{
    AUTO_STR path = recurly_account_path(c, "/notes");
    rest_get(c, path);
}

static const char *note_id(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "data"), *row;
    size_t i;
    json_array_foreach(list, i, row)
        if (idempotency_marked(c->job, json_str(row, "message", "")))
            return json_str(row, "id", "");
    return NULL;
}

static void note_send(struct rest_call *c)
{
    char message[NOTE_MAX + 1];
    AUTO_STR path = recurly_account_path(c, "/notes");
    AUTO_STR text = str_fmt("%.80s%s%s", rest_invoice(c), *rest_invoice(c) ? ": " : "", idempotency_mark(c->job, "text", message, sizeof message));
    json_t *body = json_object();
    json_put_new(body, "message", json_text_safe(text));
    rest_put(c, path, body, "");
    str_copy(c->out->request.method, sizeof c->out->request.method, "POST");
    json_decref(body);
}

/* --- credit ------------------------------------------------------------------------------------------------------------ */

static void lines_send(struct rest_call *c)
{
    AUTO_STR path = recurly_account_path(c, "/line_items?type=credit&state=invoiced&sort=created_at&order=desc&limit=50");
    rest_get(c, path);
}

static const char *line_id(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "data"), *row;
    size_t i;
    json_array_foreach(list, i, row)
        if (idempotency_marked(c->job, json_str(row, "description", "")))
            return json_str(row, "id", "");
    return NULL;
}

/* The amount is written as it is meant: a number of JSON that never was a double. */
static void credit_send(struct rest_call *c)
{
    char amount[MONEY_TEXT_SIZE], description[DESCRIPTION_MAX + 1];
    const char *currency = json_str(c->args, "currency", "");
    json_auto_t *account = json_pack("{s:s}", "code", json_str(c->args, "customer", ""));
    json_auto_t *line = json_pack("{s:s, s:s, s:i, s:s, s:s}", "type", "credit", "currency", currency, "quantity", 1, "credit_reason_code", "general",
                                  "description", idempotency_mark(c->job, "", description, sizeof description));
    AUTO_STR account_text = json_text(account);
    AUTO_STR line_text = json_text(line);
    rest_put(c, "purchases", NULL, "");
    str_copy(c->out->request.method, sizeof c->out->request.method, "POST");
    buf_clear(&c->out->request.body);
    buf_addf(&c->out->request.body, "{\"currency\":\"%.3s\",\"account\":%s,\"collection_method\":\"manual\",\"line_items\":[{\"unit_amount\":%s,%s]}", currency,
             account_text, rest_amount(c, amount), line_text + 1);
}

static void balance_send(struct rest_call *c)
{
    AUTO_STR path = recurly_account_path(c, "/balance");
    rest_get(c, path);
}

/* Nothing in a currency that is not there. */
static int balance(struct rest_call *c, int64_t *minor)
{
    const json_t *list = json_object_get(c->body, "balances"), *row;
    const char *currency = json_str(c->args, "currency", "");
    size_t i;
    *minor = 0;
    json_array_foreach(list, i, row)
        if (str_eq(json_str(row, "currency", ""), currency))
            return recurly_minor(minor, row, "available_credit_amount", currency);
    return json_is_array(list) ? 0 : ERR_INVALID;
}

static void apply_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("invoices/%/apply_credit_balance", rest_invoice(c), NULL);
    rest_put(c, path, NULL, "apply");
    buf_clear(&c->out->request.body); /* this address takes none */
}

const struct rest_settle recurly_settle = {
    .invoice_send = invoice_send,
    .invoice = invoice,
    .credit = {lines_send, line_id, credit_send},
    .purse_send = balance_send,
    .purse = balance,
    .apply_send = apply_send,
    .note = {notes_send, note_id, note_send},
    .write_off_send = write_off_send,
};

/* --- defer ------------------------------------------------------------------------------------------------------------- */

static void defer_begin(struct rest_call *c)
{
    if (!*rest_invoice(c) || json_i64(c->args, "until_ms", 0) <= c->job->now_ms)
        rest_refuse(c, "an invoice and a moment to come are needed");
}

static void defer_done(struct rest_call *c)
{
    json_t *result = json_object();
    json_put(result, "invoice", rest_invoice(c));
    json_put_i64(result, "until_ms", json_i64(c->args, "until_ms", 0));
    json_put(result, "mode", "due_date_moved");
    json_put_new(result, "prior", json_pack("{s:I}", "net_terms", (json_int_t)json_i64(c->stage, "was", 0)));
    rest_done(c, result);
}

static bool is_late_enough(const struct rest_call *c)
{
    return recurly_ms(c->body, "due_at") >= json_i64(c->args, "until_ms", 0);
}

/* One that is pending is not due yet; it is owed all the same. */
static bool is_owed(const char *state)
{
    return str_eq(recurly_status(state), "open") || str_eq(state, "pending") || str_eq(state, "open");
}

static void before_take(struct rest_call *c)
{
    int64_t made_ms = recurly_ms(c->body, "created_at"), until_ms = json_i64(c->args, "until_ms", 0);
    int64_t days = (until_ms - made_ms + MS_DAY - 1) / MS_DAY;
    if (!recurly_is_invoice(c, rest_invoice(c)))
        return;
    json_put_i64(c->stage, "was", json_i64(c->body, "net_terms", 0));
    json_put_i64(c->stage, "days", days);
    rest_go(c, "terms");
    if (!is_owed(json_str(c->body, "state", "")))
        rest_refuse(c, "nothing is open of invoice %.80s any more", rest_invoice(c));
    else if (is_late_enough(c))
        defer_done(c);
    else if (made_ms <= 0 || days > TERMS_MAX)
        rest_refuse(c, "Recurly puts an invoice off for %d days at most", TERMS_MAX);
}

static void terms_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("invoices/%", rest_invoice(c), NULL);
    json_auto_t *body = json_pack("{s:I}", "net_terms", (json_int_t)json_i64(c->stage, "days", 0));
    rest_put(c, path, body, "");
}

static void terms_take(struct rest_call *c)
{
    rest_go(c, "moved");
}

/* Setting the terms twice is as good as once. */
static void moved_take(struct rest_call *c)
{
    int64_t writes = json_i64(c->stage, "writes", 0) + 1;
    json_put_i64(c->stage, "writes", writes);
    if (!recurly_is_invoice(c, rest_invoice(c)))
        return;
    if (is_late_enough(c))
        defer_done(c);
    else if (writes < WRITES_MAX)
        rest_go(c, "terms");
    else
        rest_refuse(c, "read back: the due date of invoice %.80s was not moved", rest_invoice(c));
}

static const struct rest_state defer_states[] = {
    {"before", invoice_send, before_take, rest_no_invoice, NULL},
    {"terms", terms_send, terms_take, NULL, "moved"},
    {"moved", invoice_send, moved_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op recurly_defer = {"defer", defer_begin, defer_states};
