/* What happened at Zuora since a moment, what is overdue, and putting off an invoice: catch_up, overdue and defer.
 *
 * Zuora's list of callouts that failed names no object, so what happened is read from the payments: one that was refused is the event
 * PaymentDeclined, one that went through PaymentProcessed. Such an event is written down as our callout template would write it
 * and read by the driver's own reader, so it has the id that its callout has, should that come later. Payments are found by when
 * they were changed, because a bank debit ends days after it was made. The last minutes are left for the next time.
 *
 * Nothing can be told to be tried again on a day. What can be moved is the invoice's due date, which payment runs go by; the day
 * before is kept in the result. An invoice in a retry cycle does not go by it, so there a hold is what helps. */
#include <stdio.h>
#include <string.h>

#include "adapters/billing/rest_lists.h"
#include "adapters/billing/zuora.h"
#include "engine/when.h"

enum { CURSOR_MAX = 500, WRITES_MAX = 3 };

#define LAG_MS (5 * MS_MINUTE)

/* --- lists ------------------------------------------------------------------------------------------------------------ */

static void query_send(struct zuora_call *c, const char *what, const char *const *filters, const char *sort)
{
    const char *cursor = zuora_arg(c, "cursor");
    AUTO_BUF path = BUF(4096);
    buf_addf(&path, "object-query/%s?pageSize=50", what);
    for (; *filters; filters++) {
        buf_adds(&path, "&filter%5B%5D=");
        buf_add_url(&path, *filters);
    }
    buf_addf(&path, "&sort%%5B%%5D=%s", sort);
    if (*cursor) {
        buf_adds(&path, "&cursor=");
        buf_add_url(&path, cursor);
    }
    zuora_get(c, buf_text(&path), NULL, "");
}

/* "" where there is none, or one that cannot be meant. */
static const char *next_cursor(const struct zuora_call *c)
{
    const char *cursor = json_str(c->body, "nextPage", "");
    return strnlen(cursor, CURSOR_MAX) < CURSOR_MAX ? cursor : "";
}

static bool list_trouble(struct zuora_call *c)
{
    if (c->answer->status == 403 || c->code % 100 == 10)
        return false;
    zuora_refuse(c, "this Zuora tenant does not list that by time; a person has to look there");
    return true;
}

static void stamp(char out[40], int64_t at_ms)
{
    char day[WHEN_TEXT_SIZE];
    int64_t s = at_ms / MS_SECOND % 86400;
    snprintf(out, 40, "%.10sT%02d:%02d:%02dZ", when_iso_day(day, at_ms, NULL), (int)(s / 3600), (int)(s / 60 % 60), (int)(s % 60));
}

/* --- catch_up ---------------------------------------------------------------------------------------------------------- */

static void catch_up_begin(struct zuora_call *c)
{
    int64_t since_ms = json_i64(c->args, "since_ms", 0);
    if (since_ms <= 0)
        zuora_refuse(c, "a time to begin at is needed");
    else if (since_ms >= c->job->now_ms - LAG_MS)
        zuora_done(c, json_pack("{s:[], s:I}", "events", "until_ms", (json_int_t)since_ms));
    json_put_i64(c->stage, "until", c->job->now_ms - LAG_MS);
}

static void payments_send(struct zuora_call *c)
{
    char from[40], to[40];
    stamp(from, json_i64(c->args, "since_ms", 0));
    stamp(to, json_i64(c->stage, "until", 0));
    AUTO_STR after = str_fmt("updatedDate.GE:%s", from);
    AUTO_STR before = str_fmt("updatedDate.LT:%s", to);
    query_send(c, "payments", (const char *const[]){after, before, NULL}, "updatedDate.ASC");
}

static void add_payment(const struct zuora_call *c, json_t *events, const json_t *payment)
{
    struct billing_event event;
    const char *status = json_str(payment, "status", "");
    const char *what = str_eq(status, "Error") ? "PaymentDeclined" : str_eq(status, "Processed") ? "PaymentProcessed" : NULL;
    if (!what || !*json_str(payment, "id", "") || !str_eq(json_str(payment, "type", "Electronic"), "Electronic"))
        return;
    json_auto_t *callout = json_pack("{s:s, s:s, s:s, s:s}", "event", what, "accountId", json_str(payment, "accountId", ""), "invoiceId", "",
                                     "paymentId", json_str(payment, "id", ""));
    AUTO_STR body = json_text(callout);
    if (zuora_driver.event(c->config, span_of(body), &event, NULL) == 0)
        lists_add_event(events, &event);
}

static void payments_take(struct zuora_call *c)
{
    const json_t *list = json_object_get(c->body, "data"), *row;
    json_t *events = json_array();
    size_t i;
    json_array_foreach(list, i, row)
        add_payment(c, events, row);
    json_t *result = lists_result("events", events, next_cursor(c));
    json_put_i64(result, "until_ms", json_i64(c->stage, "until", 0));
    zuora_done(c, result);
}

static const struct zuora_state catch_up_states[] = {
    {"payments", payments_send, payments_take, list_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* --- overdue ----------------------------------------------------------------------------------------------------------- */

static void overdue_begin(struct zuora_call *c)
{
    (void)c;
}

static void overdue_send(struct zuora_call *c)
{
    char day[WHEN_TEXT_SIZE];
    AUTO_STR before = str_fmt("dueDate.LT:%.10s", when_iso_day(day, json_i64(c->args, "before_ms", 0), NULL));
    query_send(c, "invoices", (const char *const[]){"balance.GT:0", "status.EQ:Posted", before, NULL}, "dueDate.ASC");
}

static void overdue_take(struct zuora_call *c)
{
    const json_t *list = json_object_get(c->body, "data"), *row;
    json_t *invoices = json_array();
    size_t i;
    json_array_foreach(list, i, row) {
        char currency[4];
        zuora_currency(currency, row, "currency");
        lists_add_overdue(invoices, c->args, json_str(row, "accountId", ""), json_str(row, "id", ""), zuora_amount(row, "balance", currency), currency,
                          zuora_ms(json_str(row, "dueDate", ""), NULL));
    }
    zuora_done(c, lists_result("invoices", invoices, next_cursor(c)));
}

static const struct zuora_state overdue_states[] = {
    {"invoices", overdue_send, overdue_take, list_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* --- defer ------------------------------------------------------------------------------------------------------------- */

static void defer_begin(struct zuora_call *c)
{
    char day[WHEN_TEXT_SIZE];
    int64_t until_ms = json_i64(c->args, "until_ms", 0);
    if (!*zuora_arg(c, "invoice") || until_ms <= c->job->now_ms) {
        zuora_refuse(c, "an invoice and a moment to come are needed");
        return;
    }
    when_iso_day(day, until_ms + MS_DAY - 1, NULL); /* a payment run may come early on its day */
    day[10] = '\0';
    json_put(c->stage, "day", day);
    zuora_go(c, zuora_has_cpr(c) ? "cpr_cycle" : "invoice");
}

static void cycle_send(struct zuora_call *c)
{
    zuora_cpr(c, "GET", "api/v1/payments/active_invoice_cycle_information/", zuora_arg(c, "invoice"), NULL);
}

static void cycle_take(struct zuora_call *c)
{
    zuora_go(c, "invoice");
    if (json_array_size(json_object_get(c->body, "cycles")) > 0)
        zuora_refuse(c, "invoice %.80s is in a retry cycle, which does not go by its due date: hold it instead", zuora_arg(c, "invoice"));
}

static void defer_done(struct zuora_call *c)
{
    json_t *result = json_object();
    json_put(result, "invoice", zuora_arg(c, "invoice"));
    json_put_i64(result, "until_ms", json_i64(c->args, "until_ms", 0));
    json_put(result, "mode", "due_date_moved");
    json_put_new(result, "prior", json_pack("{s:s}", "due_date", json_str(c->stage, "was", "")));
    zuora_done(c, result);
}

/* Days as ISO text are in order as text. */
static bool is_late_enough(const struct zuora_call *c)
{
    return strcmp(json_str(c->body, "dueDate", ""), json_str(c->stage, "day", "")) >= 0;
}

static void invoice_take(struct zuora_call *c)
{
    json_put(c->stage, "was", json_str(c->body, "dueDate", ""));
    if (!str_eq(json_str(c->body, "status", ""), "Posted") || zuora_amount(c->body, "balance", json_str(c->body, "currency", "")) <= 0)
        zuora_refuse(c, "nothing is open of invoice %.80s any more", zuora_arg(c, "invoice"));
    else if (is_late_enough(c))
        defer_done(c);
    else
        zuora_go(c, "move");
}

static void move_send(struct zuora_call *c)
{
    AUTO_STR body = str_fmt("{\"dueDate\":\"%s\"}", json_str(c->stage, "day", ""));
    zuora_put(c, "v1/invoices/", zuora_arg(c, "invoice"), "", body);
}

static void move_take(struct zuora_call *c)
{
    zuora_go(c, "moved");
}

/* Setting a day twice is as good as once. */
static void moved_take(struct zuora_call *c)
{
    int64_t writes = json_i64(c->stage, "writes", 0) + 1;
    json_put_i64(c->stage, "writes", writes);
    if (is_late_enough(c))
        defer_done(c);
    else if (writes < WRITES_MAX)
        zuora_go(c, "move");
    else
        zuora_refuse(c, "read back: the due date of invoice %.80s was not moved", zuora_arg(c, "invoice"));
}

static const struct zuora_state defer_states[] = {
    {"cpr_cycle", cycle_send, cycle_take, NULL, NULL},
    {"invoice", zuora_invoice_send, invoice_take, zuora_invoice_trouble, NULL},
    {"move", move_send, move_take, NULL, "moved"},
    {"moved", zuora_invoice_send, moved_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct zuora_op zuora_catch_up = {"catch_up", catch_up_begin, catch_up_states, NULL}, zuora_overdue = {"overdue", overdue_begin, overdue_states, NULL},
                      zuora_defer = {"defer", defer_begin, defer_states, NULL};
