/* Zuora's operations that lower what is owed, and remarks: credit, write_off and note.
 *
 * A credit is a credit memo made from the invoice's own items, posted and applied at once; giving up is Zuora's write-off, which is a
 * credit memo over the rest. Both carry the job's mark in their comment, which is for people here and not for the customer, and are
 * sought by it before they are made and found by it after: a PUT takes no idempotency key, and an invoice that is at zero could as
 * well have been paid. Both are part of Invoice Settlement; a tenant without it says so and is told what to do.
 *
 * A remark goes to the account's notes, newest first. They are one text that everybody writes to: it is read, put in front of, and
 * written whole, and never cut. The invoice's own comments hold 255 characters and may be printed, so they are left alone. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "adapters/billing/idempotency.h"
#include "adapters/billing/zuora.h"
#include "engine/when.h"

enum { SAID_MAX = 160, LOOKS_MAX = 3, COMMENT_MAX = 255, NOTE_MAX = 1000, NOTES_MAX = 60000, ITEMS_MAX = 40 };

#define LOOK_AGAIN_MS (12 * MS_SECOND)
#define SHOW_AGAIN_MS (3 * MS_SECOND)

static bool is_credit(const struct zuora_call *c)
{
    return str_eq(c->job->op, "credit");
}

static int64_t amount_of(const struct zuora_call *c)
{
    return json_i64(c->args, "amount", 0);
}

static void settle_begin(struct zuora_call *c)
{
    if (!*zuora_arg(c, "invoice") || !*zuora_arg(c, "customer"))
        zuora_refuse(c, "an invoice and a customer are needed");
    else if (amount_of(c) <= 0 || !*zuora_arg(c, "currency"))
        zuora_refuse(c, "the amount must be a positive number of minor units, with its currency");
}

/* --- before ---------------------------------------------------------------------------------------------------------- */

static void account_take(struct zuora_call *c)
{
    json_put(c->stage, "account", json_str(c->body, "basicInfo.id", ""));
    zuora_go(c, "invoice");
}

static void invoice_take(struct zuora_call *c)
{
    char currency[4];
    const char *id = json_str(c->body, "id", ""), *status = json_str(c->body, "status", "");
    int64_t left = 0;
    zuora_currency(currency, c->body, "currency");
    if (!*id || money_at(&left, c->body, "balance", currency, NULL) != 0)
        zuora_refuse(c, "the balance of invoice %.80s cannot be read", zuora_arg(c, "invoice"));
    else if (!str_eq(json_str(c->body, "accountId", ""), json_str(c->stage, "account", "")))
        zuora_refuse(c, "invoice %.80s belongs to another customer", zuora_arg(c, "invoice"));
    else if (strcasecmp(zuora_arg(c, "currency"), currency) != 0)
        zuora_refuse(c, "invoice %.80s is in %.3s, not in %.3s", zuora_arg(c, "invoice"), currency, zuora_arg(c, "currency"));
    else if (!str_eq(status, "Posted"))
        zuora_refuse(c, "invoice %.80s is %.20s, not open", zuora_arg(c, "invoice"), *status ? status : "of unknown status");
    json_put(c->stage, "invoice", id);
    json_put(c->stage, "currency", currency);
    json_put_i64(c->stage, "left", left);
    zuora_go(c, "seek");
}

/* --- ours, by its mark ------------------------------------------------------------------------------------------------ */

static void seek_send(struct zuora_call *c)
{
    zuora_get(c, "v1/credit-memos?pageSize=40&referredInvoiceId=", json_str(c->stage, "invoice", ""), "");
}

static const json_t *ours(const struct zuora_call *c)
{
    const json_t *list = json_object_get(c->body, "creditmemos"), *row;
    size_t i;
    json_array_foreach(list, i, row)
        if (idempotency_marked(c->job, json_str(row, "comment", "")) && !str_eq(json_str(row, "status", ""), "Canceled"))
            return row;
    return NULL;
}

static void found(struct zuora_call *c, const json_t *memo)
{
    json_put_new(c->stage, "open", json_true()); /* it did happen, whatever comes now */
    json_put(c->stage, "id", json_str(memo, "number", json_str(memo, "id", "")));
    zuora_go(c, "after");
}

/* Refused, or on to the write. */
static void not_there(struct zuora_call *c)
{
    char wanted[MONEY_TEXT_SIZE], rest[MONEY_TEXT_SIZE];
    const char *currency = json_str(c->stage, "currency", "");
    int64_t left = json_i64(c->stage, "left", 0);
    money_text(wanted, money_of(amount_of(c), currency));
    money_text(rest, money_of(left, currency));
    if (left <= 0)
        zuora_refuse(c, "nothing is left of invoice %.80s", zuora_arg(c, "invoice"));
    else if (is_credit(c) && amount_of(c) > left)
        zuora_refuse(c, "%s is more than the %s that is left of invoice %.80s", wanted, rest, zuora_arg(c, "invoice"));
    else if (!is_credit(c) && amount_of(c) != left)
        zuora_refuse(c, "%s is left of invoice %.80s, and %s was approved: look at it again", rest, zuora_arg(c, "invoice"), wanted);
    else
        zuora_go(c, is_credit(c) ? "items" : "write_off");
}

static void seek_take(struct zuora_call *c)
{
    const json_t *memo = ours(c);
    json_put_new(c->stage, "had", json_boolean(memo != NULL));
    if (memo)
        found(c, memo);
    else
        not_there(c);
}

/* --- the writes -------------------------------------------------------------------------------------------------------- */

static void items_send(struct zuora_call *c)
{
    zuora_get(c, "v1/invoices/", json_str(c->stage, "invoice", ""), "/items?pageSize=40");
}

/* The amount is taken from the items in their order, from each as much as may still be credited. */
static void items_take(struct zuora_call *c)
{
    const json_t *list = json_object_get(c->body, "invoiceItems"), *row;
    const char *currency = json_str(c->stage, "currency", "");
    int64_t rest = amount_of(c);
    json_t *items = json_array();
    size_t i;
    json_array_foreach(list, i, row) {
        const char *from = json_at(row, "availableToCreditAmount") ? "availableToCreditAmount" : "balance";
        int64_t there = zuora_amount(row, from, currency), part = there < rest ? there : rest;
        if (part <= 0 || json_array_size(items) >= ITEMS_MAX)
            continue;
        json_t *item = json_object();
        zuora_put_text(item, "id", json_str(row, "id", ""));
        zuora_put_text(item, "name", json_str(row, "chargeName", json_str(row, "sku", "")));
        json_put_i64(item, "part", part);
        json_array_append_new(items, item);
        rest -= part;
    }
    json_put_new(c->stage, "items", items);
    zuora_go(c, "credit");
    if (rest > 0)
        zuora_refuse(c, "the items of invoice %.80s do not have that much left to be credited", zuora_arg(c, "invoice"));
}

static void credit_send(struct zuora_call *c)
{
    char comment[COMMENT_MAX + 1], part[MONEY_TEXT_SIZE];
    const json_t *list = json_object_get(c->stage, "items"), *row;
    AUTO_BUF body = BUF(32768);
    AUTO_BUF path = BUF(1024);
    size_t i;
    buf_adds(&body, "{\"invoiceId\":");
    zuora_add_string(&body, json_str(c->stage, "invoice", ""));
    buf_adds(&body, ",\"autoPost\":true,\"autoApplyToInvoiceUponPosting\":true,\"comment\":");
    zuora_add_string(&body, idempotency_mark(c->job, "reason", comment, sizeof comment));
    buf_adds(&body, ",\"items\":[");
    json_array_foreach(list, i, row) {
        buf_adds(&body, i ? ",{\"invoiceItemId\":" : "{\"invoiceItemId\":");
        zuora_add_string(&body, json_str(row, "id", ""));
        buf_adds(&body, ",\"skuName\":");
        zuora_add_string(&body, json_str(row, "name", ""));
        buf_addf(&body, ",\"amount\":%s}", money_decimal(part, money_of(json_i64(row, "part", 0), json_str(c->stage, "currency", ""))));
    }
    buf_adds(&body, "]}");
    buf_adds(&path, "v1/credit-memos/invoice/");
    buf_add_url(&path, json_str(c->stage, "invoice", ""));
    zuora_post(c, buf_text(&path), "", buf_text(&body));
}

static void write_off_send(struct zuora_call *c)
{
    char comment[COMMENT_MAX + 1];
    AUTO_BUF body = BUF(2048);
    buf_adds(&body, "{\"comment\":");
    zuora_add_string(&body, idempotency_mark(c->job, "reason", comment, sizeof comment));
    buf_adds(&body, "}");
    zuora_put(c, "v1/invoices/", json_str(c->stage, "invoice", ""), "/write-off", buf_text(&body));
}

/* A write-off takes no key. What is refused may be the second of two requests, of which the first one did it: look before saying no. */
static bool write_off_trouble(struct zuora_call *c)
{
    char said[SAID_MAX];
    if (c->answer->status == 403 || c->code % 100 == 10)
        return false;
    zuora_said(c, said, sizeof said);
    AUTO_STR why = str_fmt("Zuora refuses (%d): %s", c->code ? c->code : c->answer->status, *said ? said : "no reason given");
    json_put_new(c->stage, "why", json_text_safe(why));
    zuora_go(c, "find");
    return true;
}

static void made_take(struct zuora_call *c)
{
    json_put_new(c->stage, "answered", json_true());
    zuora_go(c, "find");
}

/* --- after ------------------------------------------------------------------------------------------------------------- */

static void find_take(struct zuora_call *c)
{
    const json_t *memo = ours(c);
    int64_t looks = json_i64(c->stage, "looks", 0) + 1;
    json_put_i64(c->stage, "looks", looks);
    if (memo)
        found(c, memo);
    else if (json_str(c->stage, "why", NULL))
        zuora_refuse(c, "%s", json_str(c->stage, "why", ""));
    else if (looks < LOOKS_MAX)
        zuora_unknown(c, "find", json_flag(c->stage, "answered", false) ? SHOW_AGAIN_MS : LOOK_AGAIN_MS, "not seen at Zuora so far; looking once more");
    else
        zuora_refuse(c, "read back: it did not happen");
}

static void after_take(struct zuora_call *c)
{
    int64_t left = zuora_amount(c->body, "balance", json_str(c->stage, "currency", "")), shown = json_i64(c->stage, "shown", 0) + 1;
    int64_t less = json_flag(c->stage, "had", false) ? 0 : amount_of(c);
    bool there = left <= json_i64(c->stage, "left", 0) - less;
    json_put_i64(c->stage, "shown", shown);
    if (!str_eq(json_str(c->body, "id", ""), json_str(c->stage, "invoice", ""))) {
        zuora_unknown(c, "after", LOOK_AGAIN_MS, "Zuora answered with another invoice than %.80s", zuora_arg(c, "invoice"));
        return;
    }
    if (!there && shown < LOOKS_MAX) {
        zuora_unknown(c, "after", SHOW_AGAIN_MS, "the credit memo is made, but the invoice does not show it yet");
        return;
    }
    json_t *result = json_object();
    json_put(result, "id", json_str(c->stage, "id", ""));
    json_put_i64(result, "due", left);
    json_put(result, "status", left > 0 ? "open" : is_credit(c) ? "paid" : "uncollectible");
    if (!there)
        json_put(result, "note", "the credit memo is made, but the invoice does not show it: look whether it is posted and applied");
    zuora_done(c, result);
}

/* --- note --------------------------------------------------------------------------------------------------------------- */

static void note_begin(struct zuora_call *c)
{
    if (!*zuora_arg(c, "customer") || !*zuora_arg(c, "text"))
        zuora_refuse(c, "a customer and a text are needed");
}

static bool noted(struct zuora_call *c)
{
    if (!idempotency_marked(c->job, json_str(c->body, "basicInfo.notes", "")))
        return false;
    zuora_done(c, json_pack("{s:s}", "id", zuora_arg(c, "customer")));
    return true;
}

static void notes_take(struct zuora_call *c)
{
    char text[NOTE_MAX + 1];
    const char *before = json_str(c->body, "basicInfo.notes", ""), *invoice = zuora_arg(c, "invoice");
    if (noted(c))
        return;
    AUTO_STR all = str_fmt("%.80s%s%s%s%s", invoice, *invoice ? ": " : "", idempotency_mark(c->job, "text", text, sizeof text), *before ? "\n" : "", before);
    json_put_new(c->stage, "notes", json_text_safe(all));
    zuora_go(c, "note");
    if (strlen(all) > NOTES_MAX)
        zuora_refuse(c, "the notes of account %.80s are full: what is old there must be taken out by hand", zuora_arg(c, "customer"));
}

static void note_send(struct zuora_call *c)
{
    AUTO_BUF body = BUF(2 * NOTES_MAX + 1024);
    buf_adds(&body, "{\"notes\":");
    zuora_add_string(&body, json_str(c->stage, "notes", ""));
    buf_adds(&body, "}");
    zuora_put(c, "v1/accounts/", zuora_arg(c, "customer"), "", buf_text(&body));
}

static void note_take(struct zuora_call *c)
{
    zuora_go(c, "noted");
}

/* Writing the same text twice would be as good as once, but somebody else may have written in between: it is only looked for. */
static void noted_take(struct zuora_call *c)
{
    int64_t looks = json_i64(c->stage, "looks", 0) + 1;
    json_put_i64(c->stage, "looks", looks);
    if (noted(c))
        return;
    if (looks < LOOKS_MAX)
        zuora_unknown(c, "noted", LOOK_AGAIN_MS, "not seen at Zuora so far; looking once more");
    else
        zuora_refuse(c, "read back: it did not happen");
}

/* ------------------------------------------------------------------------------------------------------------------------ */

static const struct zuora_state settle_states[] = {
    {"account", zuora_account_send, account_take, zuora_account_trouble, NULL},
    {"invoice", zuora_invoice_send, invoice_take, zuora_invoice_trouble, NULL},
    {"seek", seek_send, seek_take, NULL, NULL},
    {"items", items_send, items_take, NULL, NULL},
    {"credit", credit_send, made_take, NULL, "find"},
    {"write_off", write_off_send, made_take, write_off_trouble, "find"},
    {"find", seek_send, find_take, NULL, NULL},
    {"after", zuora_invoice_send, after_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static const struct zuora_state note_states[] = {
    {"notes", zuora_account_send, notes_take, zuora_account_trouble, NULL},
    {"note", note_send, note_take, NULL, "noted"},
    {"noted", zuora_account_send, noted_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

const struct zuora_op zuora_credit = {"credit", settle_begin, settle_states, NULL}, zuora_write_off = {"write_off", settle_begin, settle_states, NULL},
                      zuora_note = {"note", note_begin, note_states, NULL};
