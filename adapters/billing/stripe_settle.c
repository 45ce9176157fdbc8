/* What Stripe has for lowering what is owed, and for remarks. The order of it is rest_settle.c's.
 *
 * A credit is a credit note over an amount: on an open invoice it lowers what is due. Our key in its metadata finds it again; the
 * reason goes there as well and not into `memo`, which is printed for the customer. Giving up is mark_uncollectible, which can be
 * taken back: the invoice's page still takes the money when it comes after all. Voiding is final and says that nothing was ever
 * owed, so it is never done here. Stripe has no remarks; metadata of the invoice or the customer carries them, newest first, as far
 * as its 500 characters reach. */
#include <string.h>

#include "adapters/billing/rest_settle.h"
#include "adapters/billing/stripe.h"

enum { METADATA_MAX = 500 };

static void invoice_send(struct rest_call *c)
{
    stripe_get(c, "invoices", rest_invoice(c), "");
}

static int invoice(struct rest_call *c, struct rest_invoice *out)
{
    const char *status = json_str(c->body, "status", "");
    *out = (struct rest_invoice){.customer = stripe_id(c->body, "customer"),
                                 .status = status,
                                 .currency = json_str(c->body, "currency", ""),
                                 .left = stripe_left(c->body),
                                 .is_it = str_eq(json_str(c->body, "id", ""), rest_invoice(c)),
                                 .open = str_eq(status, "open"),
                                 .given_up = str_eq(status, "uncollectible") || str_eq(status, "void")};
    return 0;
}

static void add_metadata(struct rest_call *c, const char *name, const char *text)
{
    char cut[METADATA_MAX + 1];
    AUTO_STR field = str_fmt("metadata[%s]", name);
    str_copy(cut, sizeof cut, text);
    if (*cut)
        form_add(&c->out->request, field, cut);
}

static void credits_send(struct rest_call *c)
{
    AUTO_BUF query = BUF(1024);
    buf_adds(&query, "?invoice=");
    buf_add_url(&query, rest_invoice(c));
    buf_adds(&query, "&limit=100");
    stripe_get(c, "credit_notes", NULL, buf_text(&query));
}

static const char *credit_id(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "data"), *row;
    size_t i;
    json_array_foreach(list, i, row)
        if (str_eq(json_str(row, "metadata.dunwell_key", ""), c->job->key) && !str_eq(json_str(row, "status", ""), "void"))
            return json_str(row, "id", "");
    return NULL;
}

static void credit_send(struct rest_call *c)
{
    const char *currency = json_str(c->args, "currency", "");
    int64_t amount = json_i64(c->args, "amount", 0);
    if (!units_fit(c, currency, amount, units_step(stripe_units, currency)))
        return;
    stripe_post(c, "credit_notes", NULL, "", "");
    form_add(&c->out->request, "invoice", rest_invoice(c));
    form_add_i64(&c->out->request, "amount", units_write(stripe_units, currency, amount));
    add_metadata(c, "dunwell_key", c->job->key);
    add_metadata(c, "dunwell_case", json_str(c->args, "case", ""));
    add_metadata(c, "dunwell_reason", json_str(c->args, "reason", ""));
}

static void write_off_send(struct rest_call *c)
{
    stripe_post(c, "invoices", rest_invoice(c), "/mark_uncollectible", "");
}

/* --- note ------------------------------------------------------------------------------------------------------------ */

static const char *note_collection(const struct rest_call *c)
{
    return *rest_invoice(c) ? "invoices" : "customers";
}

static const char *note_owner(const struct rest_call *c)
{
    return *rest_invoice(c) ? rest_invoice(c) : json_str(c->args, "customer", "");
}

static void noted_send(struct rest_call *c)
{
    stripe_get(c, note_collection(c), note_owner(c), "");
}

/* What is written must stay the same under one key, so what stood there before is kept from the first look. */
static const char *noted_id(struct rest_call *c)
{
    if (str_eq(json_str(c->body, "metadata.dunwell_note_key", ""), c->job->key))
        return note_owner(c);
    if (!json_at(c->stage, "before"))
        json_put_new(c->stage, "before", json_text_safe(json_str(c->body, "metadata.dunwell_note", "")));
    return NULL;
}

static void note_send(struct rest_call *c)
{
    const char *before = json_str(c->stage, "before", "");
    AUTO_STR text = str_fmt("%s%s%s", json_str(c->args, "text", ""), *before ? " | " : "", before);
    stripe_post(c, note_collection(c), note_owner(c), "", "");
    add_metadata(c, "dunwell_note", text);
    add_metadata(c, "dunwell_note_key", c->job->key);
    add_metadata(c, "dunwell_case", json_str(c->args, "case", ""));
}

const struct rest_settle stripe_settle = {
    .invoice_send = invoice_send,
    .invoice = invoice,
    .credit = {credits_send, credit_id, credit_send},
    .note = {noted_send, noted_id, note_send},
    .write_off_send = write_off_send,
};
