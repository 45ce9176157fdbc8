/* What happened at Kill Bill since a moment, and which invoices are overdue.
 *
 * Kill Bill lists nothing by time, but the payments of a tenant in the order in which they were made. So the first one that is young
 * enough is sought, by doubling and then halving (some forty small questions for a million payments), and all after it are read. A
 * payment's transactions name what its notification names, so the one is told by the same id as the other. What is not found this way
 * is another try of an older payment: an account with an open case is read by itself, and for the rest there is the daily look at
 * what is overdue. The last minutes are left for the next time.
 *
 * What is overdue is found account by account: a page of accounts with their balances, and the unpaid invoices of those that owe
 * something. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/billing/killbill.h"
#include "adapters/billing/rest_lists.h"
#include "engine/when.h"

enum { ACCOUNTS_PAGE = 50, PAYMENTS_PAGE = 100 };

#define LAG_MS (5 * MS_MINUTE)
#define LAST_OFFSET (INT64_C(1) << 40)

/* Where in a list to go on. */
static int64_t offset_of(const char *cursor)
{
    int64_t offset = strtoll(cursor, NULL, 10);
    return offset > 0 && offset < LAST_OFFSET ? offset : 0;
}

/* --- catch_up ---------------------------------------------------------------------------------------------------------- */

/* A cursor is "UNTIL:OFFSET". While the beginning is sought, everything before `low` is too old, and `high` is not (0: not known). */
static void catch_up_begin(struct rest_call *c)
{
    const char *cursor = json_str(c->args, "cursor", ""), *colon = strchr(cursor, ':');
    int64_t since_ms = json_i64(c->args, "since_ms", 0), until_ms = c->job->now_ms - LAG_MS;
    if (*cursor)
        until_ms = strtoll(cursor, NULL, 10);
    json_put_i64(c->stage, "until", until_ms);
    json_put_i64(c->stage, "low", colon ? offset_of(colon + 1) : 0);
    json_put_i64(c->stage, "high", 0);
    if (since_ms <= 0 || (*cursor && !colon))
        rest_refuse(c, "a time to begin at is needed");
    else if (since_ms >= until_ms)
        rest_done(c, json_pack("{s:[], s:I}", "events", "until_ms", (json_int_t)since_ms));
    else
        rest_go(c, colon ? "payments" : "seek");
}

/* Doubling until one is young enough or there are no more; then the middle. */
static int64_t seek_offset(const struct rest_call *c)
{
    int64_t low = json_i64(c->stage, "low", 0), high = json_i64(c->stage, "high", 0);
    return high ? low + (high - low) / 2 : low * 2;
}

static void list_send(struct rest_call *c, int64_t offset, int limit)
{
    AUTO_STR query = str_fmt("?offset=%" PRId64 "&limit=%d", offset, limit);
    killbill_get(c, "payments/pagination", NULL, query);
}

static void seek_send(struct rest_call *c)
{
    list_send(c, seek_offset(c), 1);
}

/* When it was made: its later transactions are later tries. */
static int64_t made_ms(const json_t *payment)
{
    return killbill_ms(json_str(payment, "transactions.0.effectiveDate", ""), NULL);
}

static void seek_take(struct rest_call *c)
{
    const json_t *payment = json_array_get(killbill_list(c), 0);
    int64_t offset = seek_offset(c), low = json_i64(c->stage, "low", 0), high = json_i64(c->stage, "high", 0);
    if (payment && made_ms(payment) < json_i64(c->args, "since_ms", 0))
        low = offset + 1;
    else
        high = offset;
    json_put_i64(c->stage, "low", low);
    json_put_i64(c->stage, "high", high);
    if (high == low || low >= LAST_OFFSET)
        rest_go(c, "payments");
}

static void payments_send(struct rest_call *c)
{
    list_send(c, json_i64(c->stage, "low", 0), PAYMENTS_PAGE);
}

/* Written down as its notification has it, and read by the driver's own reader. */
static void add_transaction(const struct rest_call *c, json_t *events, const json_t *payment, const json_t *row)
{
    const char *status = json_str(row, "status", ""), *type = json_str(row, "transactionType", "");
    bool failed = str_eq(status, "PAYMENT_FAILURE") || str_eq(status, "PLUGIN_FAILURE");
    int64_t at_ms = killbill_ms(json_str(row, "effectiveDate", ""), NULL);
    struct billing_event event;
    if ((!failed && !str_eq(status, "SUCCESS")) || (!str_eq(type, "PURCHASE") && !str_eq(type, "CAPTURE")) ||
        at_ms < json_i64(c->args, "since_ms", 0) || at_ms >= json_i64(c->stage, "until", 0))
        return;
    json_auto_t *meta = json_pack("{s:s, s:s, s:s}", "paymentTransactionId", json_str(row, "transactionId", ""), "transactionType", type, "status", status);
    AUTO_STR meta_text = json_text(meta);
    json_auto_t *push = json_pack("{s:s, s:s, s:s, s:s, s:s}", "eventType", failed ? "PAYMENT_FAILED" : "PAYMENT_SUCCESS", "accountId",
                                  json_str(payment, "accountId", ""), "objectType", "PAYMENT", "objectId", json_str(payment, "paymentId", ""), "metaData",
                                  meta_text);
    AUTO_STR body = json_text(push);
    if (killbill_driver.event(c->config, span_of(body), &event, NULL) == 0)
        lists_add_event(events, &event);
}

static void payments_take(struct rest_call *c)
{
    const json_t *list = killbill_list(c), *payment, *row;
    int64_t until_ms = json_i64(c->stage, "until", 0);
    json_t *events = json_array();
    size_t i, j;
    json_array_foreach(list, i, payment) {
        const json_t *rows = json_object_get(payment, "transactions");
        json_array_foreach(rows, j, row)
            add_transaction(c, events, payment, row);
    }
    AUTO_STR next = str_fmt("%" PRId64 ":%" PRId64, until_ms, json_i64(c->stage, "low", 0) + PAYMENTS_PAGE);
    json_t *result = lists_result("events", events, json_array_size(list) < PAYMENTS_PAGE ? "" : next);
    json_put_i64(result, "until_ms", until_ms);
    rest_done(c, result);
}

static const struct rest_state catch_up_states[] = {
    {"seek", seek_send, seek_take, NULL, NULL},
    {"payments", payments_send, payments_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* --- overdue ----------------------------------------------------------------------------------------------------------- */

static void accounts_send(struct rest_call *c)
{
    AUTO_STR query = str_fmt("?offset=%" PRId64 "&limit=%d&accountWithBalance=true", offset_of(json_str(c->args, "cursor", "")), ACCOUNTS_PAGE);
    killbill_get(c, "accounts/pagination", NULL, query);
}

static void next_debtor(struct rest_call *c)
{
    if (json_array_size(json_object_get(c->stage, "debtors")) > 0) {
        rest_go(c, "unpaid");
        return;
    }
    AUTO_STR cursor = str_fmt("%" PRId64, offset_of(json_str(c->args, "cursor", "")) + ACCOUNTS_PAGE);
    rest_done(c, lists_result("invoices", json_incref(json_object_get(c->stage, "invoices")), json_flag(c->stage, "more", false) ? cursor : ""));
}

static void accounts_take(struct rest_call *c)
{
    const json_t *list = killbill_list(c), *row;
    json_t *debtors = json_array();
    size_t i;
    json_array_foreach(list, i, row)
        if (killbill_money(row, "accountBalance", json_str(row, "currency", "")) > 0)
            json_array_append_new(debtors, json_pack("{s:s, s:s}", "id", json_str(row, "accountId", ""), "zone", json_str(row, "timeZone", "")));
    json_put_new(c->stage, "debtors", debtors);
    json_put_new(c->stage, "invoices", json_array());
    json_put_new(c->stage, "more", json_boolean(json_array_size(list) >= ACCOUNTS_PAGE));
    next_debtor(c);
}

static void unpaid_send(struct rest_call *c)
{
    killbill_get(c, "accounts", json_str(c->stage, "debtors.0.id", ""), "/invoices?unpaidInvoicesOnly=true");
}

static void unpaid_take(struct rest_call *c)
{
    const json_t *list = killbill_list(c), *row;
    size_t i;
    json_array_foreach(list, i, row) {
        const char *currency = json_str(row, "currency", "");
        lists_add_overdue(json_object_get(c->stage, "invoices"), c->args, json_str(row, "accountId", ""), json_str(row, "invoiceId", ""),
                          killbill_money(row, "balance", currency), currency,
                          killbill_ms(json_str(row, "invoiceDate", ""), json_str(c->stage, "debtors.0.zone", "")));
    }
    json_array_remove(json_object_get(c->stage, "debtors"), 0);
    next_debtor(c);
}

/* An account that is gone meanwhile owes nothing. */
static bool unpaid_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    json_array_remove(json_object_get(c->stage, "debtors"), 0);
    next_debtor(c);
    return true;
}

static const struct rest_state overdue_states[] = {
    {"accounts", accounts_send, accounts_take, NULL, NULL},
    {"unpaid", unpaid_send, unpaid_take, unpaid_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct rest_op killbill_catch_up = {"catch_up", catch_up_begin, catch_up_states}, killbill_overdue = {"overdue", NULL, overdue_states};
