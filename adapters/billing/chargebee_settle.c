/* What Chargebee has for lowering what is owed, remarks, what happened since, and what is overdue. The order of the first three is
 * rest_settle.c's.
 *
 * A credit is an adjustment credit note over an amount. It has no field for our key that the customer does not read, so ours is
 * found by elimination: a note of this invoice over this amount that was not in the list read just before. Giving up is Chargebee's
 * write-off: the invoice becomes paid, and its write_off_amount tells that nobody paid. Remarks are comments; our mark is in them.
 *
 * Events are listed oldest first and are, one by one, what the webhook carried, so the driver's own reader of webhooks reads them. The
 * last minute is left for the next time; where the list ends stays the same over all its pages, so it is part of the cursor. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "adapters/billing/chargebee.h"
#include "adapters/billing/rest_lists.h"
#include "adapters/billing/rest_settle.h"
#include "engine/when.h"

enum { COMMENT_MAX = 300, NOTES_MAX = 1000 };

#define LAG_MS MS_MINUTE

static void invoice_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("invoices/%", rest_invoice(c), NULL);
    rest_get(c, path);
}

static int invoice(struct rest_call *c, struct rest_invoice *out)
{
    const json_t *inv = json_object_get(c->body, "invoice");
    const char *status = json_str(inv, "status", "");
    bool open = str_eq(status, "payment_due") || str_eq(status, "not_paid") || str_eq(status, "posted");
    bool written_off = !open && json_i64(inv, "write_off_amount", 0) > 0;
    *out = (struct rest_invoice){.customer = json_str(inv, "customer_id", ""),
                                 .status = written_off ? "uncollectible" : status,
                                 .currency = json_str(inv, "currency_code", ""),
                                 .left = json_i64(inv, "amount_due", 0),
                                 .is_it = str_eq(json_str(inv, "id", ""), rest_invoice(c)),
                                 .open = open,
                                 .given_up = written_off || str_eq(status, "voided")};
    return 0;
}

/* --- credit ------------------------------------------------------------------------------------------------------------ */

static void credits_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("credit_notes?reference_invoice_id[is]=%&limit=100", rest_invoice(c), NULL);
    rest_get(c, path);
}

static const char *credit_id(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "list"), *row, *known = json_object_get(c->stage, "known");
    json_auto_t *now = json_object();
    const char *ours = NULL;
    size_t i;
    json_array_foreach(list, i, row) {
        const char *id = json_str(row, "credit_note.id", "");
        json_put_new(now, id, json_true());
        if (known && !json_object_get(known, id) && json_i64(row, "credit_note.total", 0) == json_i64(c->args, "amount", 0) &&
            !str_eq(json_str(row, "credit_note.status", ""), "voided"))
            ours = id;
    }
    if (!known)
        json_put_new(c->stage, "known", json_incref(now));
    return ours;
}

static void credit_send(struct rest_call *c)
{
    char comment[COMMENT_MAX + 1];
    const char *currency = json_str(c->args, "currency", "");
    int64_t amount = json_i64(c->args, "amount", 0);
    if (!units_fit(c, currency, amount, units_step(chargebee_units, currency)))
        return;
    rest_post(c, "credit_notes", "");
    form_add(&c->out->request, "reference_invoice_id", rest_invoice(c));
    form_add(&c->out->request, "type", "adjustment");
    form_add_i64(&c->out->request, "total", units_write(chargebee_units, currency, amount));
    form_add(&c->out->request, "reason_code", "waiver");
    form_add(&c->out->request, "comment", idempotency_mark(c->job, "reason", comment, sizeof comment));
}

static void write_off_send(struct rest_call *c)
{
    char comment[COMMENT_MAX + 1];
    AUTO_STR path = rest_path("invoices/%/write_off", rest_invoice(c), NULL);
    rest_post(c, path, "");
    form_add(&c->out->request, "comment", idempotency_mark(c->job, "reason", comment, sizeof comment));
}

/* --- note -------------------------------------------------------------------------------------------------------------- */

static const char *entity(const struct rest_call *c)
{
    return *rest_invoice(c) ? "invoice" : "customer";
}

static const char *entity_id(const struct rest_call *c)
{
    return *rest_invoice(c) ? rest_invoice(c) : json_str(c->args, "customer", "");
}

static void comments_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("comments?entity_type=%&entity_id=%&sort_by[desc]=created_at&limit=100", entity(c), entity_id(c));
    rest_get(c, path);
}

static const char *comment_id(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "list"), *row;
    size_t i;
    json_array_foreach(list, i, row)
        if (idempotency_marked(c->job, json_str(row, "comment.notes", "")))
            return json_str(row, "comment.id", "");
    return NULL;
}

static void comment_send(struct rest_call *c)
{
    char notes[NOTES_MAX + 1];
    rest_post(c, "comments", "");
    form_add(&c->out->request, "entity_type", entity(c));
    form_add(&c->out->request, "entity_id", entity_id(c));
    form_add(&c->out->request, "notes", idempotency_mark(c->job, "text", notes, sizeof notes));
    form_add(&c->out->request, "added_by", "Dunwell");
}

const struct rest_settle chargebee_settle = {
    .invoice_send = invoice_send,
    .invoice = invoice,
    .credit = {credits_send, credit_id, credit_send},
    .note = {comments_send, comment_id, comment_send},
    .write_off_send = write_off_send,
};

/* --- catch_up ---------------------------------------------------------------------------------------------------------- */

/* The cursor is "<end in seconds>:<Chargebee's offset>". */
static void catch_up_begin(struct rest_call *c)
{
    const char *cursor = json_str(c->args, "cursor", "");
    int64_t since_ms = json_i64(c->args, "since_ms", 0), end_ms = c->job->now_ms - LAG_MS;
    if (*cursor) {
        char *rest = NULL;
        end_ms = strtoll(cursor, &rest, 10) * MS_SECOND;
        json_put(c->stage, "offset", rest && *rest == ':' ? rest + 1 : "");
    }
    json_put_i64(c->stage, "end", end_ms / MS_SECOND * MS_SECOND);
    if (since_ms <= 0 || end_ms <= 0)
        rest_refuse(c, "a time to begin at is needed");
    else if (since_ms >= end_ms)
        rest_done(c, json_pack("{s:[], s:I}", "events", "until_ms", (json_int_t)since_ms));
}

static void events_send(struct rest_call *c)
{
    const char *offset = json_str(c->stage, "offset", "");
    AUTO_BUF path = BUF(4096);
    /* "after" and "before" leave out the second itself */
    buf_addf(&path, "events?occurred_at[after]=%" PRId64 "&occurred_at[before]=%" PRId64 "&sort_by[asc]=occurred_at&limit=50",
             json_i64(c->args, "since_ms", 0) / MS_SECOND - 1, json_i64(c->stage, "end", 0) / MS_SECOND);
    if (*offset) {
        buf_adds(&path, "&offset=");
        buf_add_url(&path, offset);
    }
    rest_get(c, buf_text(&path));
}

static void events_take(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "list"), *row;
    const char *offset = json_str(c->body, "next_offset", "");
    int64_t end_ms = json_i64(c->stage, "end", 0);
    json_t *events = json_array();
    size_t i;
    json_array_foreach(list, i, row) {
        struct billing_event event;
        AUTO_STR text = json_text(json_object_get(row, "event"));
        if (chargebee_driver.event(c->config, span_of(text), &event, NULL) == 0 && event.kind != EVENT_OTHER)
            lists_add_event(events, &event);
    }
    AUTO_STR cursor = str_fmt("%" PRId64 ":%s", end_ms / MS_SECOND, offset);
    json_t *result = lists_result("events", events, *offset ? cursor : "");
    json_put_i64(result, "until_ms", end_ms);
    rest_done(c, result);
}

static const struct rest_state catch_up_states[] = {
    {"events", events_send, events_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* --- overdue ----------------------------------------------------------------------------------------------------------- */

static void overdue_send(struct rest_call *c)
{
    const char *offset = json_str(c->args, "cursor", "");
    AUTO_BUF path = BUF(4096);
    buf_addf(&path, "invoices?amount_due[gt]=0&date[before]=%" PRId64 "&sort_by[asc]=date&limit=50", json_i64(c->args, "before_ms", 0) / MS_SECOND);
    if (*offset) {
        buf_adds(&path, "&offset=");
        buf_add_url(&path, offset);
    }
    rest_get(c, buf_text(&path));
}

static void overdue_take(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "list"), *row;
    json_t *invoices = json_array();
    size_t i;
    json_array_foreach(list, i, row) {
        int64_t due_ms = chargebee_ms(row, "invoice.due_date");
        if (str_eq(chargebee_status(json_str(row, "invoice.status", "")), "open"))
            lists_add_overdue(invoices, c->args, json_str(row, "invoice.customer_id", ""), json_str(row, "invoice.id", ""), json_i64(row, "invoice.amount_due", 0),
                              json_str(row, "invoice.currency_code", ""), due_ms ? due_ms : chargebee_ms(row, "invoice.date"));
    }
    rest_done(c, lists_result("invoices", invoices, json_str(c->body, "next_offset", "")));
}

static const struct rest_state overdue_states[] = {
    {"invoices", overdue_send, overdue_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op chargebee_catch_up = {"catch_up", catch_up_begin, catch_up_states}, chargebee_overdue = {"overdue", NULL, overdue_states};
