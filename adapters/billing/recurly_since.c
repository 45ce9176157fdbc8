/* What happened at Recurly since a moment, and which invoices are overdue.
 *
 * Recurly lists no events, so what happened is read from the transactions of the whole site: one that was declined is the event
 * payment.failed, one that went through payment.succeeded. Such an event is written down as the webhook has it and read by the
 * driver's own reader, so it has the id of its webhook, should that come later. Transactions are found by when they were changed,
 * because a bank debit ends days after it was made. The last minutes are left for the next time.
 *
 * Recurly's lists come in pages, each naming the address of the next; such an address is followed only where it is of the same list.
 * The end of the first page's window goes along with it, or what happens while pages are read would be skipped. */
#include <stdlib.h>
#include <string.h>

#include "adapters/billing/recurly.h"
#include "adapters/billing/rest_lists.h"
#include "engine/when.h"

enum { CURSOR_MAX = 1000 };

#define LAG_MS (5 * MS_MINUTE)

static bool is_page(const char *address, const char *list)
{
    return strncmp(address, list, strlen(list)) == 0 && strnlen(address, CURSOR_MAX) < CURSOR_MAX;
}

/* The address of the next page of this list; "" after the last one. */
static const char *next_page(const struct rest_call *c, const char *list)
{
    const char *next = json_flag(c->body, "has_more", false) ? json_str(c->body, "next", "") : "";
    return is_page(next, list) ? next : "";
}

/* --- catch_up ---------------------------------------------------------------------------------------------------------- */

/* A cursor is "UNTIL:ADDRESS". */
static void catch_up_begin(struct rest_call *c)
{
    const char *cursor = json_str(c->args, "cursor", "");
    int64_t since_ms = json_i64(c->args, "since_ms", 0), until_ms = c->job->now_ms - LAG_MS;
    char *end = NULL;
    if (*cursor)
        until_ms = strtoll(cursor, &end, 10);
    json_put_i64(c->stage, "until", until_ms);
    if (since_ms <= 0)
        rest_refuse(c, "a time to begin at is needed");
    else if (*cursor && (*end != ':' || !is_page(end + 1, "/transactions?")))
        rest_refuse(c, "this is no page of Recurly's list of transactions");
    else if (since_ms >= until_ms)
        rest_done(c, json_pack("{s:[], s:I}", "events", "until_ms", (json_int_t)since_ms));
}

static void transactions_send(struct rest_call *c)
{
    const char *next = strchr(json_str(c->args, "cursor", ""), '/');
    char text[WHEN_TEXT_SIZE];
    AUTO_BUF path = BUF(512);
    if (next) {
        rest_get(c, next + 1);
        return;
    }
    buf_adds(&path, "transactions?type=payment&sort=updated_at&order=asc&limit=100&begin_time=");
    buf_add_url(&path, when_rfc3339(text, json_i64(c->args, "since_ms", 0)));
    buf_adds(&path, "&end_time=");
    buf_add_url(&path, when_rfc3339(text, json_i64(c->stage, "until", 0)));
    rest_get(c, buf_text(&path));
}

static void add_transaction(const struct rest_call *c, json_t *events, const json_t *row)
{
    const char *status = json_str(row, "status", ""), *type = json_str(row, "type", "");
    const char *what = str_eq(status, "success") ? "succeeded" : str_eq(status, "declined") || str_eq(status, "error") ? "failed" : NULL;
    struct billing_event event;
    if (!what || (!str_eq(type, "purchase") && !str_eq(type, "capture")) || !*json_str(row, "uuid", ""))
        return;
    json_auto_t *webhook = json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", json_str(row, "id", ""), "object_type", "payment", "event_type", what, "event_time",
                                     json_str(row, "updated_at", ""), "uuid", json_str(row, "uuid", ""));
    rest_put_text(webhook, "account_code", json_str(row, "account.code", NULL));
    rest_put_text(webhook, "invoice_number", json_str(row, "invoice.number", NULL));
    AUTO_STR body = json_text(webhook);
    if (recurly_driver.event(c->config, span_of(body), &event, NULL) == 0)
        lists_add_event(events, &event);
}

static void transactions_take(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "data"), *row;
    int64_t until_ms = json_i64(c->stage, "until", 0);
    const char *next = next_page(c, "/transactions?");
    json_t *events = json_array();
    size_t i;
    json_array_foreach(list, i, row)
        add_transaction(c, events, row);
    AUTO_STR cursor = *next ? str_fmt("%lld:%s", (long long)until_ms, next) : str_dup("");
    json_t *result = lists_result("events", events, cursor);
    json_put_i64(result, "until_ms", until_ms);
    rest_done(c, result);
}

static const struct rest_state catch_up_states[] = {
    {"transactions", transactions_send, transactions_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* --- overdue ----------------------------------------------------------------------------------------------------------- */

static void overdue_begin(struct rest_call *c)
{
    const char *cursor = json_str(c->args, "cursor", "");
    if (*cursor && !is_page(cursor, "/invoices?"))
        rest_refuse(c, "this is no page of Recurly's list of invoices");
}

static void overdue_send(struct rest_call *c)
{
    const char *cursor = json_str(c->args, "cursor", "");
    rest_get(c, *cursor ? cursor + 1 : "invoices?state=past_due&limit=50&sort=created_at&order=asc");
}

static void overdue_take(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "data"), *row;
    json_t *invoices = json_array();
    size_t i;
    json_array_foreach(list, i, row) {
        const char *currency = json_str(row, "currency", "");
        AUTO_STR id = str_fmt("number-%s", json_str(row, "number", ""));
        int64_t left = 0;
        if (recurly_minor(&left, row, "balance", currency) == 0)
            lists_add_overdue(invoices, c->args, json_str(row, "account.code", ""), id, left, currency, recurly_ms(row, "due_at"));
    }
    rest_done(c, lists_result("invoices", invoices, next_page(c, "/invoices?")));
}

static const struct rest_state overdue_states[] = {
    {"invoices", overdue_send, overdue_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op recurly_catch_up = {"catch_up", catch_up_begin, catch_up_states}, recurly_overdue = {"overdue", overdue_begin, overdue_states};
