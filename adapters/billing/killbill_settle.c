/* What Kill Bill has for lowering what is owed, and remarks. The order of it is rest_settle.c's.
 *
 * A credit is an adjustment of one of the invoice's items, because an account's credit would go to whichever invoice comes first. An
 * adjustment is of one item, so the item with the most left is taken; where none has enough, a person has to divide it. Giving up is
 * the tag WRITTEN_OFF, which can be taken off again. A remark is a custom field of 255 characters; Kill Bill takes the same one
 * twice, so it is sought first, as everything here is: there are no idempotency keys. What is adjusted carries our mark in its
 * description. */
#include <string.h>

#include "adapters/billing/killbill.h"
#include "adapters/billing/rest_settle.h"

enum { DESCRIPTION_MAX = 255, FIELD_MAX = 255 };

#define TAG_WRITTEN_OFF "00000000-0000-0000-0000-000000000004"
#define NOTE_NAME "dunwell_note"

static void invoice_send(struct rest_call *c)
{
    killbill_get(c, "invoices", rest_invoice(c), "");
}

static int invoice(struct rest_call *c, struct rest_invoice *out)
{
    const char *status = json_str(c->body, "status", "COMMITTED"), *currency = json_str(c->body, "currency", "");
    int64_t left = 0;
    if (money_at(&left, c->body, "balance", currency, NULL) < 0)
        return ERR_INVALID;
    bool committed = str_eq(status, "COMMITTED");
    *out = (struct rest_invoice){.customer = json_str(c->body, "accountId", ""),
                                 .status = !committed ? status : left > 0 ? "open" : "paid",
                                 .currency = currency,
                                 .left = left,
                                 .is_it = str_eq(json_str(c->body, "invoiceId", ""), rest_invoice(c)),
                                 .open = committed && left > 0};
    return 0;
}

/* --- credit ------------------------------------------------------------------------------------------------------------ */

/* What of this item was not taken back yet: adjustments are items of their own, negative, that name it. */
static int64_t item_left(const json_t *items, const json_t *item, const char *currency)
{
    int64_t left = killbill_money(item, "amount", currency);
    const char *id = json_str(item, "invoiceItemId", "");
    const json_t *row;
    size_t i;
    json_array_foreach(items, i, row)
        if (str_eq(json_str(row, "linkedInvoiceItemId", ""), id))
            left += killbill_money(row, "amount", currency);
    return left;
}

static const char *credit_id(struct rest_call *c)
{
    const json_t *items = json_object_get(c->body, "items"), *row;
    const char *currency = json_str(c->body, "currency", ""), *best = "";
    int64_t most = 0;
    size_t i;
    json_array_foreach(items, i, row) {
        if (str_eq(json_str(row, "itemType", ""), "ITEM_ADJ") && idempotency_marked(c->job, json_str(row, "description", "")))
            return json_str(row, "invoiceItemId", "");
        int64_t left = item_left(items, row, currency);
        if (left > most) {
            most = left;
            best = json_str(row, "invoiceItemId", "");
        }
    }
    json_put(c->stage, "item", best);
    json_put_i64(c->stage, "most", most);
    return NULL;
}

static void credit_send(struct rest_call *c)
{
    char description[DESCRIPTION_MAX + 1], amount[MONEY_TEXT_SIZE];
    if (json_i64(c->stage, "most", 0) < json_i64(c->args, "amount", 0)) {
        rest_refuse(c, "no single item of invoice %.80s has that much left: adjust several of them in Kill Bill by hand", rest_invoice(c));
        return;
    }
    json_auto_t *texts = json_pack("{s:s, s:s, s:s, s:s}", "accountId", rest_customer(c), "invoiceItemId", json_str(c->stage, "item", ""), "currency",
                                   json_str(c->args, "currency", ""), "description", idempotency_mark(c->job, "reason", description, sizeof description));
    AUTO_STR rest = json_text(texts);
    AUTO_STR body = str_fmt("{\"amount\":%s,%s", rest_amount(c, amount), rest + 1); /* a number, exactly as it is meant */
    killbill_write(c, "POST", "invoices", rest_invoice(c), "", body);
}

/* --- write_off --------------------------------------------------------------------------------------------------------- */

static void tags_send(struct rest_call *c)
{
    killbill_get(c, "invoices", rest_invoice(c), "/tags");
}

static const char *written_off_id(struct rest_call *c)
{
    const json_t *tag = killbill_row(killbill_list(c), "tagDefinitionId", TAG_WRITTEN_OFF);
    return tag ? json_str(tag, "tagId", TAG_WRITTEN_OFF) : NULL;
}

static void tag_send(struct rest_call *c)
{
    killbill_write(c, "POST", "invoices", rest_invoice(c), "/tags", "[\"" TAG_WRITTEN_OFF "\"]");
}

/* --- note -------------------------------------------------------------------------------------------------------------- */

static const char *collection(const struct rest_call *c)
{
    return *rest_invoice(c) ? "invoices" : "accounts";
}

static const char *owner(const struct rest_call *c)
{
    return *rest_invoice(c) ? rest_invoice(c) : rest_customer(c);
}

static void fields_send(struct rest_call *c)
{
    killbill_get(c, collection(c), owner(c), "/customFields");
}

static const char *field_id(struct rest_call *c)
{
    const json_t *list = killbill_list(c), *row;
    size_t i;
    json_array_foreach(list, i, row)
        if (str_eq(json_str(row, "name", ""), NOTE_NAME) && idempotency_marked(c->job, json_str(row, "value", "")))
            return json_str(row, "customFieldId", "");
    return NULL;
}

static void field_send(struct rest_call *c)
{
    char value[FIELD_MAX + 1];
    json_auto_t *fields = json_pack("[{s:s, s:s, s:s}]", "objectType", *rest_invoice(c) ? "INVOICE" : "ACCOUNT", "name", NOTE_NAME, "value",
                                    idempotency_mark(c->job, "text", value, sizeof value));
    AUTO_STR body = json_text(fields);
    killbill_write(c, "POST", collection(c), owner(c), "/customFields", body);
}

const struct rest_settle killbill_settle = {
    .invoice_send = invoice_send,
    .invoice = invoice,
    .credit = {invoice_send, credit_id, credit_send},
    .note = {fields_send, field_id, field_send},
    .write_off = {tags_send, written_off_id, tag_send},
};
