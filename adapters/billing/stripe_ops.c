/* Stripe's operations: how one steps; and the two small ones, link and check.
 *
 * How a call went decides what may be done next, and there are only three answers to that. "It did not happen": the call
 * never left, or Stripe said so before acting (429, a lock, the same key still running); it is asked again later. "It is
 * refused": 4xx. "Nobody knows": the answer was lost, or a 5xx came after a write; then the state named by `look` reads back
 * before anything else is done. Stripe's word that a 5xx should not be retried says nothing about what happened, so it is
 * looked at as well, only without another try afterwards. */
#include "adapters/billing/stripe.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "adapters/billing/declines.h"
#include "engine/when.h"

enum { KEY_MAX = 255, SAID_MAX = 160, GARBLED_MAX = 5 };

#define BACKOFF_FIRST_MS (2 * MS_SECOND)
#define BACKOFF_MOST_MS (60 * MS_SECOND)
#define LOOK_MS (2 * MS_SECOND)
#define CALL_TIMEOUT_MS 30000
#define PORTAL_LIFE_MS (5 * MS_MINUTE)

/* --- what every state needs --------------------------------------------------------------------------------------- */

void stripe_go(struct stripe_call *c, const char *state)
{
    json_put(c->stage, "at", state);
}

bool stripe_at(const struct stripe_call *c, const char *state)
{
    return str_eq(json_str(c->stage, "at", ""), state);
}

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

static void add_headers(struct stripe_call *c)
{
    struct http_request *r = &c->out->request;
    AUTO_STR bearer = str_fmt("Bearer %s", c->config->secret_key);
    http_request_header(r, "Authorization", bearer);
    if (c->config->api_version && *c->config->api_version)
        http_request_header(r, "Stripe-Version", c->config->api_version);
    r->timeout_ms = CALL_TIMEOUT_MS;
}

void stripe_get(struct stripe_call *c, const char *collection, const char *id, const char *rest)
{
    AUTO_STR path = path_of(collection, id, rest);
    step_get(c->out, c->config->base_url, path);
    add_headers(c);
}

/* Stripe takes 255 characters; a longer key is replaced by its hash, which is as unique and as stable. */
static void add_key(struct stripe_call *c, const char *suffix)
{
    AUTO_STR key = str_fmt("%s%s%s", c->job->key, suffix && *suffix ? "-" : "", suffix ? suffix : "");
    unsigned char digest[32];
    char hex[65];
    if (strlen(key) <= KEY_MAX) {
        http_request_header(&c->out->request, "Idempotency-Key", key);
        return;
    }
    int ok = EVP_Digest(key, strlen(key), digest, NULL, EVP_sha256(), NULL);
    assert(ok == 1);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    http_request_header(&c->out->request, "Idempotency-Key", hex);
}

void stripe_post(struct stripe_call *c, const char *collection, const char *id, const char *rest, const char *suffix)
{
    AUTO_STR path = path_of(collection, id, rest);
    step_post(c->out, c->config->base_url, path);
    add_headers(c);
    add_key(c, suffix);
}

void stripe_done(struct stripe_call *c, json_t *take_result)
{
    step_done(c->out, take_result);
    c->ended = true;
}

void stripe_refuse(struct stripe_call *c, const char *fmt, ...)
{
    char text[sizeof c->out->reason];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    step_refused(c->out, "%s", text);
    c->ended = true;
}

void stripe_again(struct stripe_call *c, const char *fmt, ...)
{
    char text[sizeof c->out->reason];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct job paced = *c->job;
    paced.attempts = (int)json_i64(c->stage, "tries", 0);
    json_put_i64(c->stage, "tries", paced.attempts < 1000 ? paced.attempts + 1 : paced.attempts);
    int64_t wait = backoff_ms(&paced, BACKOFF_FIRST_MS, BACKOFF_MOST_MS);
    if (c->answer && c->answer->retry_after_ms > wait)
        wait = c->answer->retry_after_ms;
    step_retry(c->out, c->job->now_ms + wait, "%s", text);
    c->ended = true;
}

void stripe_unknown(struct stripe_call *c, const char *look, int64_t wait_ms, const char *fmt, ...)
{
    char text[sizeof c->out->reason];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    stripe_go(c, look);
    step_unknown(c->out, c->job->now_ms + wait_ms, NULL, "%s", text);
    c->ended = true;
}

const char *stripe_said(const struct stripe_call *c, char *out, size_t size)
{
    const char *text = json_str(c->body, "error.message", "");
    bool leaks = (*c->config->secret_key && strstr(text, c->config->secret_key)) ||
                 (c->config->webhook_secret && *c->config->webhook_secret && strstr(text, c->config->webhook_secret));
    str_copy(out, size, leaks ? "(a message that repeats a secret)" : text);
    return out;
}

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

void stripe_refuse_declined(struct stripe_call *c, const json_t *error)
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
    json_decref(c->out->result);
    c->out->result = json_pack("{s:o}", "decline", decline);
    stripe_refuse(c, "declined (%s): %s", *code ? code : "no code", *said ? said : "Stripe gave no words for it");
}

/* --- one step ----------------------------------------------------------------------------------------------------- */

static const struct stripe_state *state_of(const struct stripe_op *op, const struct stripe_call *c)
{
    for (const struct stripe_state *s = op->states; s->name; s++)
        if (stripe_at(c, s->name))
            return s;
    return NULL;
}

/* 4xx and oddities that no state has taken for itself. */
static void usual_trouble(struct stripe_call *c)
{
    char said[SAID_MAX];
    const char *name = c->config->base.name ? c->config->base.name : "stripe";
    int status = c->answer->status;
    stripe_said(c, said, sizeof said);
    if (status == 401)
        stripe_refuse(c, "Stripe does not accept the key: look at billing.%s.secret_key", name);
    else if (status == 403)
        stripe_refuse(c, "the key may not do this: look at the permissions of billing.%s.secret_key", name);
    else if (status == 402)
        stripe_refuse_declined(c, json_at(c->body, "error"));
    else if (status == 404)
        stripe_refuse(c, "Stripe does not know this: %s", *said ? said : "is billing.base_url right?");
    else
        stripe_refuse(c, "Stripe refuses (%d): %s", status, *said ? said : "no reason given; is base_url right?");
}

/* Answers that leave open what happened, and answers that say that nothing did. True when the step is over. */
static bool uncertain(struct stripe_call *c, const struct stripe_state *s)
{
    const struct http_response *a = c->answer;
    if (a->transport == TRANSPORT_NOT_SENT) {
        stripe_again(c, "Stripe cannot be reached: %s", *a->problem ? a->problem : "no connection");
        return true;
    }
    bool garbled = a->transport == TRANSPORT_OK && a->status >= 200 && a->status < 300 && !c->body;
    /* Another answer was given to this key before: only a look tells which. */
    bool reused = a->status == 400 && str_eq(json_str(c->body, "error.type", ""), "idempotency_error");
    bool open = a->transport == TRANSPORT_LOST || a->status >= 500 || a->status == 0 || garbled;
    if ((open || reused) && s->look) {
        if (a->never_retry)
            json_put_new(c->stage, "final", json_true());
        stripe_unknown(c, s->look, LOOK_MS, "no clear answer from Stripe (%s); looking what happened",
                       a->transport == TRANSPORT_LOST ? "lost" : garbled ? "garbled" : "server error");
    } else if (garbled && json_i64(c->stage, "tries", 0) >= GARBLED_MAX) {
        stripe_refuse(c, "what answers there does not speak Stripe's API: look at base_url");
    } else if (open) {
        stripe_again(c, "Stripe gave no usable answer (%d)", a->status);
    } else if (a->status == 429 || a->status == 409 || str_eq(json_str(c->body, "error.code", ""), "lock_timeout")) {
        stripe_again(c, a->status == 429 ? "Stripe asks to slow down" : "Stripe is still busy with the same thing");
    } else {
        return false;
    }
    return true;
}

static void answered(struct stripe_call *c, const struct stripe_state *s)
{
    int status = c->answer->status;
    /* A state may take any answer for itself, but for those that say: later. */
    bool later = c->answer->transport != TRANSPORT_OK || status == 429 || status == 401;
    if (!later && (status < 200 || status >= 300) && s->trouble && s->trouble(c))
        return;
    if (uncertain(c, s))
        return;
    if (status >= 200 && status < 300) {
        json_put_i64(c->stage, "tries", 0);
        s->take(c);
    } else {
        usual_trouble(c);
    }
}

static const struct stripe_op *op_find(const char *name);

void stripe_step(const void *config, const struct job *job, const struct http_response *previous, struct step *out)
{
    struct stripe_call c = {.config = config, .job = job, .args = job->args, .answer = previous, .out = out};
    const struct stripe_op *op = op_find(job->op);
    AUTO_JSON body = NULL;
    if (!op) {
        step_refused(out, "Stripe: there is no operation %s", job->op);
        return;
    }
    c.stage = job->stage ? json_deep_copy(job->stage) : json_pack("{s:s}", "at", op->states[0].name);
    if (!job->stage)
        op->begin(&c);
    const struct stripe_state *s = state_of(op, &c);
    if (!s && !c.ended)
        stripe_refuse(&c, "this was begun by another version of Dunwell and cannot go on");
    if (previous && job->stage && !c.ended) {
        if (previous->transport == TRANSPORT_OK)
            body = json_read((struct span){.p = buf_text(&previous->body), .n = previous->body.n}, NULL);
        c.body = json_is_object(body) ? body : NULL;
        answered(&c, s);
        s = state_of(op, &c);
    }
    if (!c.ended) {
        assert(s);
        s->send(&c);
    }
    json_decref(out->stage);
    out->stage = c.stage;
}

/* --- link --------------------------------------------------------------------------------------------------------- */

static void link_begin(struct stripe_call *c)
{
    bool update = str_eq(json_str(c->args, "purpose", "pay"), "update_method");
    stripe_go(c, update ? "portal" : "invoice");
    if (!*json_str(c->args, update ? "customer" : "invoice", ""))
        stripe_refuse(c, "a link needs %s", update ? "a customer" : "an invoice");
}

static void portal_send(struct stripe_call *c)
{
    stripe_post(c, "billing_portal/sessions", NULL, "", "");
    struct http_request *r = &c->out->request;
    form_add(r, "customer", json_str(c->args, "customer", ""));
    if (c->config->return_url && *c->config->return_url)
        form_add(r, "return_url", c->config->return_url);
    form_add(r, "flow_data[type]", "payment_method_update");
}

static void portal_take(struct stripe_call *c)
{
    const char *url = json_str(c->body, "url", "");
    if (!*url) {
        stripe_refuse(c, "Stripe made a portal session without an address");
        return;
    }
    int64_t made_ms = stripe_ms(c->body, "created");
    json_t *result = json_object();
    json_put(result, "url", url);
    json_put_i64(result, "expires_at_ms", (made_ms ? made_ms : c->job->now_ms) + PORTAL_LIFE_MS);
    stripe_done(c, result);
}

/* No portal set up (or none on this server): the invoice's page takes a new card as well. */
static bool portal_trouble(struct stripe_call *c)
{
    if ((c->answer->status != 400 && c->answer->status != 404) || !*json_str(c->args, "invoice", ""))
        return false;
    stripe_go(c, "invoice");
    return true;
}

static void link_send(struct stripe_call *c)
{
    stripe_get(c, "invoices", json_str(c->args, "invoice", ""), "");
}

static void link_take(struct stripe_call *c)
{
    const char *url = json_str(c->body, "hosted_invoice_url", ""), *status = json_str(c->body, "status", "");
    const char *customer = json_str(c->args, "customer", "");
    if (*customer && !str_eq(stripe_id(c->body, "customer"), customer))
        stripe_refuse(c, "invoice %.80s belongs to another customer", json_str(c->args, "invoice", ""));
    else if (!str_eq(status, "open") && !str_eq(status, "uncollectible"))
        stripe_refuse(c, "invoice %.80s is %.20s: there is nothing to pay", json_str(c->args, "invoice", ""), status);
    else if (!*url)
        stripe_refuse(c, "Stripe has no page for invoice %.80s", json_str(c->args, "invoice", ""));
    else
        stripe_done(c, json_pack("{s:s}", "url", url));
}

static bool link_trouble(struct stripe_call *c)
{
    if (c->answer->status != 404)
        return false;
    stripe_refuse(c, "Stripe does not know invoice %.80s", json_str(c->args, "invoice", ""));
    return true;
}

static const struct stripe_state link_states[] = {
    {"portal", portal_send, portal_take, portal_trouble, NULL},
    {"invoice", link_send, link_take, link_trouble, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* --- check -------------------------------------------------------------------------------------------------------- */

static void check_begin(struct stripe_call *c)
{
    (void)c;
}

static void check_done(struct stripe_call *c, const char *name)
{
    const char *key = c->config->secret_key;
    bool test = strncmp(key, "sk_test_", 8) == 0 || strncmp(key, "rk_test_", 8) == 0;
    json_t *result = json_object();
    AUTO_STR who = str_fmt("%.120s%s", name, test ? " (test mode)" : "");
    json_put_new(result, "who", json_text_safe(who));
    stripe_done(c, result);
}

static void account_send(struct stripe_call *c)
{
    stripe_get(c, "account", NULL, "");
}

static void account_take(struct stripe_call *c)
{
    const char *name = json_str(c->body, "settings.dashboard.display_name", json_str(c->body, "business_profile.name", ""));
    check_done(c, *name ? name : json_str(c->body, "id", "an account without a name"));
}

/* A restricted key need not be allowed to read the account; reading invoices is what matters. */
static bool account_trouble(struct stripe_call *c)
{
    if (c->answer->status != 403 && c->answer->status != 404)
        return false;
    stripe_go(c, "invoices");
    return true;
}

static void check_send(struct stripe_call *c)
{
    stripe_get(c, "invoices", NULL, "?limit=1");
}

static void check_take(struct stripe_call *c)
{
    check_done(c, "an account that may read invoices");
}

static const struct stripe_state check_states[] = {
    {"account", account_send, account_take, account_trouble, NULL},
    {"invoices", check_send, check_take, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

/* ------------------------------------------------------------------------------------------------------------------ */

static const struct stripe_op stripe_link = {"link", link_begin, link_states}, stripe_check = {"check", check_begin, check_states};

static const struct stripe_op *op_find(const char *name)
{
    const struct stripe_op *all[] = {&stripe_read, &stripe_hold, &stripe_release, &stripe_plan,
                                     &stripe_collect, &stripe_link, &stripe_check};
    for (size_t i = 0; i < DW_ARRAY_LEN(all); i++)
        if (str_eq(all[i]->name, name))
            return all[i];
    return NULL;
}
