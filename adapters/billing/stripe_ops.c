/* How the driver speaks to Stripe, how Stripe's answers are understood, and the two small operations, link and check. How an
 * operation steps: rest.h.
 *
 * "It did not happen" is said by a 429, a 409 (the same key still running) and a lock_timeout; a decline is a 402. Stripe's word
 * that a 5xx should not be retried says nothing about what happened, so it is looked at as well, only without another try
 * afterwards. */
#include "adapters/billing/stripe.h"

#include <string.h>

#include "adapters/billing/declines.h"
#include "adapters/billing/rest_settle.h"
#include "engine/when.h"

enum { SAID_MAX = 160 };

#define PORTAL_LIFE_MS (5 * MS_MINUTE)

static const struct stripe_config *config_of(const struct rest_call *c)
{
    return c->config;
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static char *path_of(const char *collection, const char *id, const char *rest)
{
    AUTO_BUF path = BUF(4096);
    buf_addf(&path, "v1/%s", collection);
    if (id) {
        buf_addc(&path, '/');
        buf_add_url(&path, id);
    }
    buf_adds(&path, rest);
    return buf_take(&path);
}

static void add_headers(const struct rest_call *c, struct http_request *r)
{
    AUTO_STR bearer = str_fmt("Bearer %s", config_of(c)->secret_key);
    http_request_header(r, "Authorization", bearer);
    if (config_of(c)->api_version && *config_of(c)->api_version)
        http_request_header(r, "Stripe-Version", config_of(c)->api_version);
}

static const char *base_url(const struct rest_call *c, struct buf *room)
{
    (void)room;
    return config_of(c)->base_url;
}

void stripe_get(struct rest_call *c, const char *collection, const char *id, const char *rest)
{
    AUTO_STR path = path_of(collection, id, rest);
    rest_get(c, path);
}

void stripe_post(struct rest_call *c, const char *collection, const char *id, const char *rest, const char *suffix)
{
    AUTO_STR path = path_of(collection, id, rest);
    rest_post(c, path, suffix);
}

bool stripe_refused_so(struct rest_call *c, const char *next)
{
    char said[SAID_MAX];
    if ((c->answer->status != 400 && c->answer->status != 404) ||
        str_eq(json_str(c->body, "error.type", ""), "idempotency_error") ||
        str_eq(json_str(c->body, "error.code", ""), "lock_timeout"))
        return false;
    rest_said(c, said, sizeof said);
    json_put_new(c->stage, "why", json_text_safe(*said ? said : "no reason given"));
    rest_go(c, next);
    return true;
}

/* --- values ------------------------------------------------------------------------------------------------------- */

const char *stripe_id(const json_t *owner, const char *path)
{
    const json_t *v = json_at(owner, path);
    return json_is_object(v) ? json_str(v, "id", "") : json_is_string(v) ? json_string_value(v) : "";
}

int64_t stripe_ms(const json_t *owner, const char *path)
{
    int64_t seconds = json_i64(owner, path, 0);
    return seconds > 0 && seconds < INT64_MAX / MS_SECOND ? seconds * MS_SECOND : 0;
}

int64_t stripe_left(const json_t *invoice)
{
    if (str_eq(json_str(invoice, "status", ""), "paid"))
        return 0;
    return json_i64(invoice, "amount_remaining", json_i64(invoice, "amount_due", 0) - json_i64(invoice, "amount_paid", 0));
}

void stripe_refuse_declined(struct rest_call *c, const json_t *error)
{
    const char *code = json_str(error, "decline_code", json_str(error, "code", ""));
    struct decline d = {.code = code,
                        .advice = json_str(error, "advice_code", NULL),
                        .brand = json_str(error, "payment_method.card.brand", json_str(error, "source.brand", NULL)),
                        .network_code = json_str(error, "network_decline_code", NULL),
                        .network_advice = json_str(error, "network_advice_code", NULL)};
    char said[SAID_MAX];
    str_copy(said, sizeof said, json_str(error, "message", ""));
    json_t *decline = json_object();
    json_put(decline, "code", code);
    json_put(decline, "class", decline_class(&d));
    json_put(decline, "advice", d.advice);
    json_put(decline, "network_code", d.network_code);
    json_put_new(decline, "text", json_text_safe(said));
    json_put_i64(decline, "wait_ms", decline_wait_ms(&d));
    rest_refuse_with(c, json_pack("{s:o}", "decline", decline), "declined (%s): %s", *code ? code : "no code",
                     *said ? said : "Stripe gave no words for it");
}

/* --- link --------------------------------------------------------------------------------------------------------- */

static void link_begin(struct rest_call *c)
{
    bool update = str_eq(json_str(c->args, "purpose", "pay"), "update_method");
    rest_go(c, update ? "portal" : "invoice");
    if (!*json_str(c->args, update ? "customer" : "invoice", ""))
        rest_refuse(c, "a link needs %s", update ? "a customer" : "an invoice");
}

static void portal_send(struct rest_call *c)
{
    stripe_post(c, "billing_portal/sessions", NULL, "", "");
    struct http_request *r = &c->out->request;
    form_add(r, "customer", json_str(c->args, "customer", ""));
    if (config_of(c)->return_url && *config_of(c)->return_url)
        form_add(r, "return_url", config_of(c)->return_url);
    form_add(r, "flow_data[type]", "payment_method_update");
}

static void portal_take(struct rest_call *c)
{
    const char *url = json_str(c->body, "url", "");
    if (!*url) {
        rest_refuse(c, "Stripe made a portal session without an address");
        return;
    }
    int64_t made_ms = stripe_ms(c->body, "created");
    json_t *result = json_object();
    json_put(result, "url", url);
    json_put_i64(result, "expires_at_ms", (made_ms ? made_ms : c->job->now_ms) + PORTAL_LIFE_MS);
    rest_done(c, result);
}

/* No portal set up (or none on this server): the invoice's page takes a new card as well. */
static bool portal_trouble(struct rest_call *c)
{
    if ((c->answer->status != 400 && c->answer->status != 404) || !*json_str(c->args, "invoice", ""))
        return false;
    rest_go(c, "invoice");
    return true;
}

static void link_send(struct rest_call *c)
{
    stripe_get(c, "invoices", json_str(c->args, "invoice", ""), "");
}

static void link_take(struct rest_call *c)
{
    const char *url = json_str(c->body, "hosted_invoice_url", ""), *status = json_str(c->body, "status", "");
    const char *customer = json_str(c->args, "customer", "");
    if (*customer && !str_eq(stripe_id(c->body, "customer"), customer))
        rest_refuse(c, "invoice %.80s belongs to another customer", json_str(c->args, "invoice", ""));
    else if (!str_eq(status, "open") && !str_eq(status, "uncollectible"))
        rest_refuse(c, "invoice %.80s is %.20s: there is nothing to pay", json_str(c->args, "invoice", ""), status);
    else if (!*url)
        rest_refuse(c, "Stripe has no page for invoice %.80s", json_str(c->args, "invoice", ""));
    else
        rest_done(c, json_pack("{s:s}", "url", url));
}

static const struct rest_state link_states[] = {
    {"portal", portal_send, portal_take, portal_trouble, NULL},
    {"invoice", link_send, link_take, rest_no_invoice, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* --- check -------------------------------------------------------------------------------------------------------- */

static void check_done(struct rest_call *c, const char *name)
{
    const char *key = config_of(c)->secret_key;
    bool test = strncmp(key, "sk_test_", 8) == 0 || strncmp(key, "rk_test_", 8) == 0;
    json_t *result = json_object();
    AUTO_STR who = str_fmt("%.120s%s", name, test ? " (test mode)" : "");
    json_put_new(result, "who", json_text_safe(who));
    rest_done(c, result);
}

static void account_send(struct rest_call *c)
{
    stripe_get(c, "account", NULL, "");
}

static void account_take(struct rest_call *c)
{
    const char *name = json_str(c->body, "settings.dashboard.display_name", json_str(c->body, "business_profile.name", ""));
    check_done(c, *name ? name : json_str(c->body, "id", "an account without a name"));
}

/* A restricted key need not be allowed to read the account; reading invoices is what matters. */
static bool account_trouble(struct rest_call *c)
{
    if (c->answer->status != 403 && c->answer->status != 404)
        return false;
    rest_go(c, "invoices");
    return true;
}

static void check_send(struct rest_call *c)
{
    stripe_get(c, "invoices", NULL, "?limit=1");
}

static void check_take(struct rest_call *c)
{
    check_done(c, "an account that may read invoices");
}

static const struct rest_state check_states[] = {
    {"account", account_send, account_take, account_trouble, NULL},
    {"invoices", check_send, check_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* --- the vendor --------------------------------------------------------------------------------------------------- */

/* Stripe counts the krona and the shilling in hundredths that must be none, and the ariary whole. */
const struct units stripe_units[] = {{"ISK", 2}, {"UGX", 2}, {"MGA", 0}, {"", 0}};

static json_t *read_body(struct span body)
{
    json_t *answer = json_read(body, NULL);
    units_read(stripe_units, "currency", answer);
    return answer;
}

int64_t stripe_step_of(const char *currency)
{
    return money_exponent(currency) == 3 ? 10 : units_step(stripe_units, currency);
}

static bool means_later(const struct rest_call *c)
{
    return c->answer->status == 409 || str_eq(json_str(c->body, "error.code", ""), "lock_timeout");
}

static bool key_reused(const struct rest_call *c)
{
    return c->answer->status == 400 && str_eq(json_str(c->body, "error.type", ""), "idempotency_error");
}

static bool is_decline(const struct rest_call *c)
{
    return c->answer->status == 402;
}

static void refuse_decline(struct rest_call *c)
{
    stripe_refuse_declined(c, json_at(c->body, "error"));
}

static bool holds(const char *text, const char *secret)
{
    return secret && *secret && strstr(text, secret);
}

static bool leaks(const struct rest_call *c, const char *text)
{
    return holds(text, config_of(c)->secret_key) || holds(text, config_of(c)->webhook_secret);
}

static const struct rest_op stripe_link = {"link", link_begin, link_states}, stripe_check = {"check", NULL, check_states};

static const struct rest_op *const ops[] = {&stripe_read,   &stripe_hold,    &stripe_release, &stripe_defer,    &stripe_plan,    &stripe_collect, &rest_credit,
                                            &rest_write_off, &rest_note,     &stripe_catch_up, &stripe_overdue, &stripe_link,    &stripe_check,   &stripe_resolve, NULL};

static const struct rest_vendor vendor = {
    .title = "Stripe",
    .ops = ops,
    .said = "error.message",
    .key_hint = "secret_key",
    .idempotency = "stripe",
    .headers = add_headers,
    .base_url = base_url,
    .read = read_body,
    .later = means_later,
    .reused = key_reused,
    .declined = refuse_decline,
    .is_decline = is_decline,
    .leaks = leaks,
    .settle = &stripe_settle,
};

void stripe_step(const void *config, const struct job *job, const struct http_response *previous, struct step *out)
{
    rest_step(&vendor, config, job, previous, out);
}
