/* How the driver speaks to Chargebee: addresses, keys, errors, what a decline looks like; and the two small operations, link
 * and check.
 *
 * Chargebee keeps an idempotency key for thirty minutes only. That is enough for asking again at once (429, a connection that
 * never came about), and too short to find out what happened after an outage, so nothing is ever sent again blindly: each
 * write names a state that reads back. Keys are at most 100 characters. A decline is a 400 whose type is "payment"; its
 * details are not in the error but in the transaction that was made. */
#include "adapters/billing/chargebee.h"

#include <string.h>

#include "adapters/billing/declines.h"
#include "adapters/billing/rest_settle.h"
#include "engine/when.h"

enum { DETAILS_MAX = 4096, SAID_MAX = 160 };

static const struct chargebee_config *config_of(const struct rest_call *c)
{
    return c->config;
}

static void add_headers(const struct rest_call *c, struct http_request *r)
{
    AUTO_STR basic = rest_basic(config_of(c)->api_key, "");
    http_request_header(r, "Authorization", basic);
}

static const char *base_url(const struct rest_call *c, struct buf *room)
{
    const struct chargebee_config *config = config_of(c);
    if (config->base_url && *config->base_url)
        return config->base_url;
    buf_adds(room, "https://");
    buf_add_url(room, config->site ? config->site : "");
    buf_adds(room, ".chargebee.com/api/v2");
    return buf_text(room);
}

/* Chargebee knows hundredths, or none: a dinar too has a hundred parts there. */
const struct units chargebee_units[] = {{"BHD", 2}, {"IQD", 2}, {"JOD", 2}, {"KWD", 2}, {"LYD", 2}, {"OMR", 2}, {"TND", 2}, {"", 0}};

static json_t *read_body(struct span body)
{
    json_t *answer = json_read(body, NULL);
    units_read(chargebee_units, "currency_code", answer);
    return answer;
}

static bool error_is(const struct rest_call *c, const char *code)
{
    return str_eq(json_str(c->body, "api_error_code", ""), code);
}

static bool means_later(const struct rest_call *c)
{
    return error_is(c, "lock_timeout") || error_is(c, "api_request_limit_exceeded");
}

static bool key_reused(const struct rest_call *c)
{
    return c->answer->status == 422;
}

static bool is_decline(const struct rest_call *c)
{
    return c->answer->status == 400 && str_eq(json_str(c->body, "type", ""), "payment");
}

static void refuse_decline(struct rest_call *c)
{
    char said[SAID_MAX];
    rest_refuse(c, "Chargebee could not take the payment: %s", rest_said(c, said, sizeof said));
}

static bool holds(const char *text, const char *secret)
{
    return secret && *secret && strstr(text, secret);
}

static bool leaks(const struct rest_call *c, const char *text)
{
    return holds(text, config_of(c)->api_key) || holds(text, config_of(c)->webhook_password);
}

/* --- what invoices and transactions say --------------------------------------------------------------------------- */

int64_t chargebee_ms(const json_t *owner, const char *path)
{
    int64_t seconds = json_i64(owner, path, 0);
    return seconds > 0 && seconds < INT64_MAX / MS_SECOND ? seconds * MS_SECOND : 0;
}

/* "posted" is an invoice whose day has not come: nobody owes anything yet, so it is no more than a draft to us. */
const char *chargebee_status(const char *theirs)
{
    static const char *const words[][2] = {{"payment_due", "open"}, {"not_paid", "open"},  {"paid", "paid"},
                                           {"voided", "void"},      {"posted", "draft"}, {"pending", "draft"}};
    for (size_t i = 0; i < DW_ARRAY_LEN(words); i++)
        if (str_eq(words[i][0], theirs))
            return words[i][1];
    return "draft";
}

int64_t chargebee_paused_ms(const json_t *invoice, int64_t now_ms)
{
    int64_t until = chargebee_ms(invoice, "expected_payment_date");
    return until > now_ms ? until : 0;
}

bool chargebee_in_dunning(const json_t *invoice)
{
    return str_eq(json_str(invoice, "status", ""), "payment_due") && str_eq(json_str(invoice, "dunning_status", ""), "in_progress");
}

bool chargebee_of_invoice(const json_t *transaction, const char *invoice)
{
    const json_t *list = json_object_get(transaction, "linked_invoices"), *row;
    size_t i;
    json_array_foreach(list, i, row)
        if (str_eq(json_str(row, "invoice_id", ""), invoice))
            return true;
    return false;
}

/* A transaction has a copy of what was charged, as JSON in a text: the card by which it is known when its source is deleted or not read. */
void chargebee_card_of(const json_t *transaction, struct chargebee_card *out)
{
    const char *text = json_str(transaction, "payment_method_details", "");
    json_auto_t *details = strnlen(text, DETAILS_MAX) < DETAILS_MAX ? json_read(span_of(text), NULL) : NULL;
    const json_t *card = json_object_get(details, "card");
    str_copy(out->brand, sizeof out->brand, json_str(card, "brand", ""));
    str_copy(out->last4, sizeof out->last4, json_str(card, "last4", ""));
}

/* Chargebee passes on what the gateway said. Codes that no table knows stay "?": a person decides. A network's "never again" always
 * counts; then what the configuration says of this gateway's code, or of any's. */
static const char *class_of(const struct rest_call *c, const json_t *transaction, const struct decline *d)
{
    const struct decline network = {.brand = d->brand, .network_code = d->network_code, .network_advice = d->network_advice};
    const char *map = config_of(c)->declines, *gateway = json_str(transaction, "gateway", NULL);
    const char *mapped = decline_mapped(map, gateway, d->code ? d->code : "");
    if (*mapped == '?')
        mapped = decline_mapped(map, gateway, json_str(transaction, "error_code", ""));
    return *mapped == '?' || *decline_class(&network) == 'H' ? decline_class(d) : mapped;
}

void chargebee_put_decline(const struct rest_call *c, json_t *out, const json_t *transaction, const char *brand)
{
    const json_t *detail = json_object_get(transaction, "error_detail");
    const char *code = json_str(detail, "decline_code", json_str(transaction, "error_code", json_str(detail, "error_code", NULL)));
    const char *text = json_str(transaction, "error_text", json_str(detail, "decline_message", json_str(detail, "error_message", "")));
    struct chargebee_card card;
    chargebee_card_of(transaction, &card);
    struct decline d = {.code = code,
                        .brand = brand ? brand : card.brand,
                        .network_code = json_str(detail, "network_error_code", NULL),
                        .network_advice = json_str(detail, "processor_advice_code", NULL)};
    rest_put_text(out, "code", d.code);
    rest_put_text(out, "network_code", d.network_code);
    rest_put_text(out, "advice", json_str(detail, "recommendation_code", NULL));
    rest_put_text(out, "network_advice", d.network_advice);
    json_put(out, "class", class_of(c, transaction, &d));
    rest_put_text(out, "text", text);
    if (decline_wait_ms(&d))
        json_put_i64(out, "wait_ms", decline_wait_ms(&d));
}

bool chargebee_is_invoice(struct rest_call *c, const char *id)
{
    const char *customer = json_str(c->args, "customer", "");
    if (!str_eq(json_str(c->body, "invoice.id", ""), id))
        rest_refuse(c, "Chargebee answered with another invoice than %.80s", id);
    else if (*customer && !str_eq(json_str(c->body, "invoice.customer_id", ""), customer))
        rest_refuse(c, "invoice %.80s belongs to another customer", id);
    return !c->ended;
}

/* --- link --------------------------------------------------------------------------------------------------------- */

static const char *argument(const struct rest_call *c, const char *name)
{
    return json_str(c->args, name, "");
}

static void link_begin(struct rest_call *c)
{
    bool update = str_eq(argument(c, "purpose"), "update_method");
    rest_go(c, update ? "sources" : *argument(c, "invoice") ? "invoice" : "collect_now");
    if (!*argument(c, "customer"))
        rest_refuse(c, "a link needs a customer");
}

static void link_invoice_send(struct rest_call *c)
{
    AUTO_STR path = rest_path("invoices/%", argument(c, "invoice"), NULL);
    rest_get(c, path);
}

static void link_invoice_take(struct rest_call *c)
{
    if (!chargebee_is_invoice(c, argument(c, "invoice")))
        return;
    json_put(c->stage, "currency", json_str(c->body, "invoice.currency_code", ""));
    rest_go(c, "collect_now");
    if (json_i64(c->body, "invoice.amount_due", 0) <= 0)
        rest_refuse(c, "invoice %.80s is %.20s: there is nothing to pay", argument(c, "invoice"), json_str(c->body, "invoice.status", ""));
}

static bool link_invoice_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    rest_refuse(c, "Chargebee does not know invoice %.80s", argument(c, "invoice"));
    return true;
}

static void add_page_fields(struct rest_call *c)
{
    struct http_request *r = &c->out->request;
    const char *back = config_of(c)->return_url;
    form_add(r, "customer[id]", argument(c, "customer"));
    if (back && *back)
        form_add(r, "redirect_url", back);
}

static void collect_now_send(struct rest_call *c)
{
    const char *currency = json_str(c->stage, "currency", argument(c, "currency"));
    rest_post(c, "hosted_pages/collect_now", "");
    add_page_fields(c);
    if (*currency)
        form_add(&c->out->request, "currency_code", currency);
}

static void sources_send(struct rest_call *c)
{
    rest_post(c, "hosted_pages/manage_payment_sources", "");
    add_page_fields(c);
}

static void page_take(struct rest_call *c)
{
    const char *url = json_str(c->body, "hosted_page.url", "");
    int64_t expires = chargebee_ms(c->body, "hosted_page.expires_at");
    if (!*url) {
        rest_refuse(c, "Chargebee made a hosted page without an address");
        return;
    }
    json_t *result = json_pack("{s:s}", "url", url);
    if (expires)
        json_put_i64(result, "expires_at_ms", expires);
    rest_done(c, result);
}

static bool page_trouble(struct rest_call *c)
{
    if (c->answer->status != 404)
        return false;
    rest_refuse(c, "Chargebee does not know customer %.80s", argument(c, "customer"));
    return true;
}

static const struct rest_state link_states[] = {
    {"invoice", link_invoice_send, link_invoice_take, link_invoice_trouble, NULL},
    {"collect_now", collect_now_send, page_take, page_trouble, NULL},
    {"sources", sources_send, page_take, page_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* --- check -------------------------------------------------------------------------------------------------------- */

static void check_send(struct rest_call *c)
{
    rest_get(c, "invoices?limit=1");
}

static void check_take(struct rest_call *c)
{
    AUTO_STR who = str_fmt("site %.120s", config_of(c)->site ? config_of(c)->site : "");
    json_t *result = json_object();
    json_put_new(result, "who", json_text_safe(who));
    rest_done(c, result);
}

static const struct rest_state check_states[] = {
    {"invoices", check_send, check_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* ------------------------------------------------------------------------------------------------------------------ */

static const struct rest_op chargebee_link = {"link", link_begin, link_states}, chargebee_check = {"check", NULL, check_states};

static const struct rest_op *const ops[] = {&chargebee_read, &chargebee_hold, &chargebee_release,  &chargebee_defer,   &chargebee_plan, &chargebee_collect, &rest_credit,
                                            &rest_write_off, &rest_note,      &chargebee_catch_up, &chargebee_overdue, &chargebee_link, &chargebee_check,   NULL};

const struct rest_vendor chargebee_vendor = {
    .title = "Chargebee",
    .ops = ops,
    .said = "message",
    .key_hint = "api_key",
    .idempotency = "chargebee",
    .headers = add_headers,
    .base_url = base_url,
    .read = read_body,
    .later = means_later,
    .reused = key_reused,
    .declined = refuse_decline,
    .is_decline = is_decline,
    .leaks = leaks,
    .settle = &chargebee_settle,
};
