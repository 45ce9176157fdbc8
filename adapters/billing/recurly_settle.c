/* What Recurly has for giving up, putting off and remarks. The order of write_off and note is rest_settle.c's.
 *
 * Giving up is mark_failed: the invoice is closed as bad debt and cannot be opened again, which is why nothing else may ever call
 * it. A remark is a note of the account, found again by our mark. Putting off is done by the payment terms: with more days the
 * invoice is due later, and one that was past due may be pending again; they are counted from the day it was made. A credit is of
 * the account at Recurly and takes three steps that cannot be undone together, so it is a person's work. */
#include <string.h>

#include "adapters/billing/recurly.h"
#include "adapters/billing/rest_settle.h"
#include "engine/when.h"

enum { NOTE_MAX = 1000, TERMS_MAX = 999, WRITES_MAX = 3 };

static const char *invoice_id(const struct rest_call *c)
{
    return json_str(c->args, "invoice", "");
}

static void invoice_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("invoices/%", invoice_id(c), NULL);
    rest_get(c, path);
}

static bool is_it(const struct rest_call *c)
{
    AUTO_STR theirs = str_fmt("number-%s", json_str(c->body, "number", ""));
    return str_eq(theirs, invoice_id(c));
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
    AUTO_STR path = rest_path("invoices/%/mark_failed", invoice_id(c), NULL);
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
    AUTO_STR text = str_fmt("%.80s%s%s", invoice_id(c), *invoice_id(c) ? ": " : "", idempotency_mark(c->job, "text", message, sizeof message));
    json_t *body = json_object();
    json_put_new(body, "message", json_text_safe(text));
    rest_put(c, path, body, "");
    str_copy(c->out->request.method, sizeof c->out->request.method, "POST");
    json_decref(body);
}

const struct rest_settle recurly_settle = {
    .invoice_send = invoice_send,
    .invoice = invoice,
    .note = {notes_send, note_id, note_send},
    .write_off_send = write_off_send,
};

/* --- credit: a person's work --------------------------------------------------------------------------------------------- */

static void credit_by_hand(struct rest_call *c)
{
    char text[MONEY_TEXT_SIZE];
    const char *id = invoice_id(c);
    money_text(text, money_of(json_i64(c->args, "amount", 0), json_str(c->args, "currency", "")));
    rest_refuse(c, "Recurly credits an account, not an invoice: in the Recurly console add a credit of %s to account %.80s and apply it to invoice %.60s, then confirm it "
                   "here with: done",
                text, json_str(c->args, "customer", ""), strncmp(id, "number-", 7) == 0 ? id + 7 : id);
}

static const struct rest_state credit_states[] = {
    {"by hand", credit_by_hand, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* --- defer ------------------------------------------------------------------------------------------------------------- */

static void defer_begin(struct rest_call *c)
{
    if (!*invoice_id(c) || json_i64(c->args, "until_ms", 0) <= c->job->now_ms)
        rest_refuse(c, "an invoice and a moment to come are needed");
}

static void defer_done(struct rest_call *c)
{
    json_t *result = json_object();
    json_put(result, "invoice", invoice_id(c));
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
    if (!recurly_is_invoice(c, invoice_id(c)))
        return;
    json_put_i64(c->stage, "was", json_i64(c->body, "net_terms", 0));
    json_put_i64(c->stage, "days", days);
    rest_go(c, "terms");
    if (!is_owed(json_str(c->body, "state", "")))
        rest_refuse(c, "nothing is open of invoice %.80s any more", invoice_id(c));
    else if (is_late_enough(c))
        defer_done(c);
    else if (made_ms <= 0 || days > TERMS_MAX)
        rest_refuse(c, "Recurly puts an invoice off for %d days at most", TERMS_MAX);
}

static void terms_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("invoices/%", invoice_id(c), NULL);
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
    if (!recurly_is_invoice(c, invoice_id(c)))
        return;
    if (is_late_enough(c))
        defer_done(c);
    else if (writes < WRITES_MAX)
        rest_go(c, "terms");
    else
        rest_refuse(c, "read back: the due date of invoice %.80s was not moved", invoice_id(c));
}

static const struct rest_state defer_states[] = {
    {"before", invoice_send, before_take, rest_no_invoice, NULL},
    {"terms", terms_send, terms_take, NULL, "moved"},
    {"moved", invoice_send, moved_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op recurly_credit = {"credit", NULL, credit_states}, recurly_defer = {"defer", defer_begin, defer_states};
