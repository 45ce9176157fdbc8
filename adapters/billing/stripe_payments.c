/* The payments part of reading an account at Stripe: invoice payments, payment intents, charges.
 *
 * Charges are the most exact source, one for each attempt, with the network's own codes; a payment intent only remembers
 * its last error. So payments come from charges, and from intents where no charge is known. The card networks count
 * attempts by card and merchant: counted are refused charges that went to the network, on the card that failed last. */
#include "adapters/billing/attempts.h"
#include "adapters/billing/stripe_read.h"

#include <string.h>

#include "adapters/billing/declines.h"
#include "engine/when.h"

enum { CHARGE_PAGES_MAX = 3 };

#define WINDOW_MS (30 * MS_DAY)

static const char *status_of_intent(const json_t *intent)
{
    const char *status = json_str(intent, "status", "");
    if (str_eq(status, "succeeded"))
        return "succeeded";
    if (str_eq(status, "processing") || str_eq(status, "requires_capture"))
        return "pending";
    if (str_eq(status, "requires_action"))
        return "needs_action";
    const json_t *error = json_at(intent, "last_payment_error");
    return json_str(error, "code", json_str(error, "message", NULL)) ? "failed" : "";
}

static void put_decline(json_t *payment, const struct decline *d, const char *text)
{
    rest_put_text(payment, "code", d->code);
    rest_put_text(payment, "network_code", d->network_code);
    rest_put_text(payment, "advice", d->advice);
    rest_put_text(payment, "network_advice", d->network_advice);
    json_put(payment, "class", decline_class(d));
    rest_put_text(payment, "text", text);
    if (decline_wait_ms(d))
        json_put_i64(payment, "wait_ms", decline_wait_ms(d));
}

/* What an intent alone tells; kept until a charge tells it better. */
static void note_intent(struct rest_call *c, const json_t *intent, const char *invoice)
{
    const char *id = json_str(intent, "id", ""), *status = status_of_intent(intent);
    const json_t *error = json_at(intent, "last_payment_error");
    if (!*id || !*status)
        return;
    const char *method = stripe_id(error, "payment_method");
    int64_t at_ms = stripe_ms(intent, "latest_charge.created");
    struct decline d = {.code = json_str(error, "decline_code", json_str(error, "code", NULL)),
                        .advice = json_str(error, "advice_code", NULL),
                        .brand = json_str(error, "payment_method.card.brand", NULL),
                        .network_code = json_str(error, "network_decline_code", NULL),
                        .network_advice = json_str(error, "network_advice_code", NULL)};
    json_t *payment = json_object();
    rest_put_text(payment, "id", id);
    rest_put_text(payment, "invoice", invoice);
    json_put_i64(payment, "amount", json_i64(intent, "amount", 0));
    rest_put_currency(payment, json_str(intent, "currency", ""));
    json_put(payment, "status", status);
    json_put_i64(payment, "at_ms", at_ms ? at_ms : stripe_ms(intent, "created"));
    rest_put_text(payment, "method", *method ? method : stripe_id(intent, "payment_method"));
    if (str_eq(status, "failed") || str_eq(status, "needs_action"))
        put_decline(payment, &d, json_str(error, "message", NULL));
    rest_put_text(payment, "charge", json_str(error, "charge", stripe_id(intent, "latest_charge")));
    json_put_new(rest_part(c, "errors"), id, payment);
}

/* Invoice payments of one invoice after the other, then intents not seen by then, then charges. */
void read_next_detail(struct rest_call *c)
{
    if (json_array_size(rest_part(c, "todo")) && !json_flag(c->stage, "old", false))
        rest_go(c, "payments");
    else if (json_array_size(rest_part(c, "intents")))
        rest_go(c, "intent");
    else
        rest_go(c, "charges");
}

static const char *first_of(const struct rest_call *c, const char *list)
{
    const char *id = json_string_value(json_array_get(rest_part(c, list), 0));
    return id ? id : "";
}

void read_payments_send(struct rest_call *c)
{
    AUTO_BUF query = BUF(1024);
    buf_adds(&query, "?invoice=");
    buf_add_url(&query, first_of(c, "todo"));
    buf_adds(&query, "&limit=20&expand%5B%5D=data.payment.payment_intent.latest_charge");
    stripe_get(c, "invoice_payments", NULL, buf_text(&query));
}

void read_payments_take(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "data"), *row;
    size_t i;
    json_array_foreach(list, i, row) {
        const json_t *intent = json_at(row, "payment.payment_intent");
        read_link(c, stripe_id(row, "payment.payment_intent"), first_of(c, "todo"));
        read_link(c, stripe_id(row, "payment.charge"), first_of(c, "todo"));
        if (json_is_object(intent))
            note_intent(c, intent, first_of(c, "todo"));
        else
            read_want_intent(c, stripe_id(row, "payment.payment_intent"));
    }
    json_array_remove(rest_part(c, "todo"), 0);
    read_next_detail(c);
}

bool read_payments_trouble(struct rest_call *c)
{
    if (!rest_go_on_without(c, "charges"))
        return false;
    json_put_new(c->stage, "old", json_true());
    read_next_detail(c);
    return true;
}

void read_intent_send(struct rest_call *c)
{
    stripe_get(c, "payment_intents", first_of(c, "intents"), "");
}

void read_intent_take(struct rest_call *c)
{
    note_intent(c, c->body, json_str(rest_part(c, "links"), first_of(c, "intents"), ""));
    json_array_remove(rest_part(c, "intents"), 0);
    read_next_detail(c);
}

bool read_intent_trouble(struct rest_call *c)
{
    if (!rest_go_on_without(c, "charges"))
        return false;
    json_array_remove(rest_part(c, "intents"), 0);
    read_next_detail(c);
    return true;
}

void read_charges_send(struct rest_call *c)
{
    const char *after = json_str(c->stage, "after", "");
    AUTO_BUF query = BUF(1024);
    buf_adds(&query, "?customer=");
    buf_add_url(&query, rest_customer(c));
    buf_addf(&query, "&created%%5Bgt%%5D=%lld&limit=100", (long long)((c->job->now_ms - WINDOW_MS) / MS_SECOND));
    if (*after) {
        buf_adds(&query, "&starting_after=");
        buf_add_url(&query, after);
    }
    stripe_get(c, "charges", NULL, buf_text(&query));
}

static const char *invoice_of_charge(const struct rest_call *c, const json_t *charge)
{
    const json_t *links = rest_part(c, "links");
    const char *invoice = stripe_id(charge, "invoice"), *intent = stripe_id(charge, "payment_intent");
    const char *linked = json_string_value(json_object_get(links, *intent ? intent : json_str(charge, "id", "")));
    return *invoice ? invoice : linked ? linked : "";
}

static const char *code_of_charge(const struct rest_call *c, const json_t *charge)
{
    const json_t *known = json_object_get(rest_part(c, "errors"), stripe_id(charge, "payment_intent"));
    const char *code = json_str(known, "code", NULL);
    if (code && str_eq(json_str(known, "charge", ""), json_str(charge, "id", "")))
        return code;
    code = json_str(charge, "outcome.reason", NULL);
    return code ? code : json_str(charge, "failure_code", NULL);
}

static void add_charge(struct rest_call *c, const json_t *charge, const char *invoice)
{
    const char *status = json_str(charge, "status", ""), *intent = stripe_id(charge, "payment_intent");
    struct decline d = {.code = code_of_charge(c, charge),
                        .advice = json_str(charge, "outcome.advice_code", NULL),
                        .brand = json_str(charge, "payment_method_details.card.brand", NULL),
                        .network_code = json_str(charge, "outcome.network_decline_code", NULL),
                        .network_advice = json_str(charge, "outcome.network_advice_code", NULL)};
    json_t *payment = json_object();
    rest_put_text(payment, "id", json_str(charge, "id", ""));
    rest_put_text(payment, "intent", intent);
    rest_put_text(payment, "invoice", invoice);
    json_put_i64(payment, "amount", json_i64(charge, "amount", 0));
    rest_put_currency(payment, json_str(charge, "currency", ""));
    json_put(payment, "status", str_eq(status, "succeeded") || str_eq(status, "pending") ? status : "failed");
    json_put_i64(payment, "at_ms", stripe_ms(charge, "created"));
    rest_put_text(payment, "method", stripe_id(charge, "payment_method"));
    if (str_eq(status, "failed"))
        put_decline(payment, &d, json_str(charge, "failure_message", NULL));
    json_array_append_new(rest_part(c, "payments"), payment);
    if (*intent)
        json_object_del(rest_part(c, "errors"), intent);
}

/* A refused charge that went out to the network, for the count: {at_ms, card}. */
static void count_charge(struct rest_call *c, const json_t *charge)
{
    if (!str_eq(json_str(charge, "status", ""), "failed") || str_eq(json_str(charge, "outcome.type", ""), "blocked"))
        return;
    const char *card = json_str(charge, "payment_method_details.card.fingerprint", stripe_id(charge, "payment_method"));
    attempts_add(rest_part(c, "attempts"), stripe_ms(charge, "created"), card);
}

void read_charges_take(struct rest_call *c)
{
    const json_t *list = json_object_get(c->body, "data"), *charge;
    const char *last = "";
    int64_t page = json_i64(c->stage, "charge_page", 0) + 1;
    size_t i;
    json_array_foreach(list, i, charge) {
        const char *invoice = invoice_of_charge(c, charge);
        last = json_str(charge, "id", "");
        count_charge(c, charge);
        if (*invoice && rest_read_invoice(c, invoice))
            add_charge(c, charge, invoice);
    }
    bool more = json_flag(c->body, "has_more", false) && *last && page < CHARGE_PAGES_MAX;
    json_put_i64(c->stage, "charge_page", page);
    json_put(c->stage, "after", more ? last : "");
    json_put_new(c->stage, "counted", json_true());
    if (!more)
        rest_go(c, "methods");
}

bool read_charges_trouble(struct rest_call *c)
{
    return rest_go_on_without(c, "methods");
}

/* Without charges, the failures the intents tell of are the attempts that are known. */
void read_count_intents(struct rest_call *c)
{
    const char *id;
    json_t *payment;
    json_object_foreach(rest_part(c, "errors"), id, payment) {
        if (!json_flag(c->stage, "counted", false) && str_eq(json_str(payment, "status", ""), "failed"))
            attempts_add(rest_part(c, "attempts"), json_i64(payment, "at_ms", 0), json_str(payment, "method", ""));
        json_object_del(payment, "charge");
        json_array_append(rest_part(c, "payments"), payment);
    }
}
