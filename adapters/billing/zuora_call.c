/* How an operation of Zuora steps.
 *
 * HTTP 200 says nothing at Zuora: {"success":false,"reasons":[{"code":53100320}]} comes with it, and the last two digits of
 * the code are what happened. So every answer is judged first: good; a clear no (it did not happen and asking again is
 * pointless); later (it did not happen: a lock, a limit, the same key still running); or open (the answer was lost, a 5xx,
 * a "temporary" or "integration" error, after which the gateway may well have taken the money). What is open is looked at
 * by the state named `look` before anything else is done.
 *
 * Zuora keeps an answer for 24 hours under its Idempotency-Key. A job that was told "later" by such a code asks under a
 * fresh key ("-2"): the old one might only repeat the refusal, and nothing has happened under it. PUT and GET take no key;
 * a PUT here always sets a state, is read back, and may be repeated.
 *
 * When a write has waited for so long that its key may be forgotten over there ("409: your first request still runs", and then a
 * night without a network), its look comes first, as it does for the other systems (rest.c). */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "adapters/billing/idempotency.h"
#include "adapters/billing/zuora.h"
#include "engine/when.h"

enum { SAID_MAX = 160, GARBLED_MAX = ZUORA_GARBLED_MAX };

#define BACKOFF_FIRST_MS (2 * MS_SECOND)
#define BACKOFF_MOST_MS (60 * MS_SECOND)
#define LOOK_MS (2 * MS_SECOND)
#define CALL_TIMEOUT_MS 60000 /* a gateway answers through Zuora */

/* --- what every state needs --- */

void zuora_go(struct zuora_call *c, const char *state)
{
    json_put(c->stage, "at", state);
}

bool zuora_at(const struct zuora_call *c, const char *state)
{
    return str_eq(json_str(c->stage, "at", ""), state);
}

const char *zuora_arg(const struct zuora_call *c, const char *name)
{
    return json_str(c->args, name, "");
}

bool zuora_has_cpr(const struct zuora_call *c)
{
    return c->config->cpr_url && *c->config->cpr_url;
}

static char *path_of(const char *before, const char *id, const char *after)
{
    AUTO_BUF path = BUF(4096);
    buf_adds(&path, before);
    if (id)
        buf_add_url(&path, id);
    buf_adds(&path, after);
    return buf_take(&path);
}

static void add_headers(struct zuora_call *c)
{
    struct http_request *r = &c->out->request;
    AUTO_STR bearer = str_fmt("Bearer %s", zuora_token(c));
    http_request_header(r, "Authorization", bearer);
    OPENSSL_cleanse(bearer, strlen(bearer));
    if (c->config->api_version && *c->config->api_version)
        http_request_header(r, "Zuora-Version", c->config->api_version);
    r->timeout_ms = CALL_TIMEOUT_MS;
}

void zuora_get(struct zuora_call *c, const char *before, const char *id, const char *after)
{
    AUTO_STR path = path_of(before, id, after);
    step_get(c->out, c->config->base_url, path);
    add_headers(c);
}

void zuora_put(struct zuora_call *c, const char *before, const char *id, const char *after, const char *body)
{
    AUTO_STR path = path_of(before, id, after);
    step_json(c->out, "PUT", c->config->base_url, path, body);
    add_headers(c);
}

/* A later round asks under a fresh key: the old one might only repeat the refusal. */
static void add_key(struct zuora_call *c, const char *suffix)
{
    int64_t round = json_i64(c->stage, "round", 1);
    char count[24] = "";
    if (round > 1)
        snprintf(count, sizeof count, "%s%lld", *suffix ? "-" : "", (long long)round);
    AUTO_STR whole = str_fmt("%s%s", suffix, count);
    idempotency_add(idempotency_of("zuora"), &c->out->request, c->job->key, whole);
}

void zuora_post(struct zuora_call *c, const char *path, const char *suffix, const char *body)
{
    step_json(c->out, "POST", c->config->base_url, path, body);
    add_headers(c);
    add_key(c, suffix);
}

void zuora_cpr(struct zuora_call *c, const char *method, const char *before, const char *id, const char *body)
{
    const struct zuora_config *f = c->config;
    AUTO_STR path = path_of(before, id, "");
    AUTO_STR pair = str_fmt("%s:%s", f->cpr_user ? f->cpr_user : "", f->cpr_token ? f->cpr_token : "");
    size_t n = strlen(pair);
    AUTO_STR encoded = mem_alloc(n / 3 * 4 + 8);
    EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)pair, (int)n);
    AUTO_STR basic = str_fmt("Basic %s", encoded);
    step_json(c->out, method, f->cpr_url, path, body);
    http_request_header(&c->out->request, "Authorization", basic);
    c->out->request.timeout_ms = CALL_TIMEOUT_MS;
}

void zuora_done(struct zuora_call *c, json_t *take_result)
{
    step_done(c->out, take_result);
    c->ended = true;
}

void zuora_refuse(struct zuora_call *c, const char *fmt, ...)
{
    char text[sizeof c->out->reason];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    step_refused(c->out, "%s", text);
    c->ended = true;
}

void zuora_wait(struct zuora_call *c, int64_t at_ms, const char *text)
{
    if (json_flag(c->stage, "open", false))
        step_unknown(c->out, at_ms, NULL, "%s", text);
    else
        step_retry(c->out, at_ms, "%s", text);
    c->ended = true;
}

void zuora_again(struct zuora_call *c, const char *fmt, ...)
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
    zuora_wait(c, c->job->now_ms + wait, text);
}

void zuora_unknown(struct zuora_call *c, const char *look, int64_t wait_ms, const char *fmt, ...)
{
    char text[sizeof c->out->reason];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    zuora_go(c, look);
    json_put_new(c->stage, "open", json_true());
    zuora_wait(c, c->job->now_ms + wait_ms, text);
}

static bool holds(const char *text, const char *secret)
{
    return secret && *secret && strstr(text, secret);
}

const char *zuora_said(const struct zuora_call *c, char *out, size_t size)
{
    const struct zuora_config *f = c->config;
    const char *text = json_str(c->body, "reasons.0.message", json_str(c->body, "message", json_str(c->body, "error_description", "")));
    bool leaks = holds(text, f->client_secret) || holds(text, f->cpr_token) || holds(text, f->webhook_password) ||
                 holds(text, f->webhook_secret) || holds(text, zuora_token(c));
    str_copy(out, size, leaks ? "(a message that repeats a secret)" : text);
    return out;
}

/* --- judging an answer --- */

enum verdict { GOOD, NO, LATER, OPEN };

/* reasons[0].code as a number, whether it came as one or as text. */
static int reason_code(const json_t *body)
{
    const json_t *v = json_at(body, "reasons.0.code");
    if (json_is_integer(v))
        return (int)(json_integer_value(v) % 100000000);
    const char *text = json_is_string(v) ? json_string_value(v) : "";
    long code = strtol(text, NULL, 10);
    return code > 0 ? (int)(code % 100000000) : 0;
}

/* The last two digits. What Zuora calls temporary or internal says nothing about what happened before it gave up. */
static enum verdict judge_code(int code)
{
    switch (code % 100) {
    case 50: /* a lock that another request holds */
    case 70: /* a limit */
        return LATER;
    case 0:  /* unknown */
    case 60: /* internal */
    case 61: /* temporary */
    case 99: /* the other side of Zuora */
        return OPEN;
    default:
        return NO;
    }
}

static enum verdict judge(const struct zuora_call *c, const struct zuora_state *s)
{
    const struct http_response *a = c->answer;
    if (a->transport == TRANSPORT_NOT_SENT)
        return LATER;
    if (a->transport == TRANSPORT_LOST || a->status == 0 || a->status >= 500)
        return OPEN;
    if (a->status == 429 || a->status == 409)
        return LATER;
    bool says_no = c->body && json_is_false(json_at(c->body, "success"));
    if (says_no) /* retry's own answers have no reasons: only yes or no */
        return json_at(c->body, "reasons") ? judge_code(c->code) : NO;
    if (a->status == 422 && s->look && !json_at(c->body, "reasons"))
        return OPEN; /* this key was given another answer before: only a look tells which */
    if (a->status < 200 || a->status >= 300)
        return NO;
    return c->body ? GOOD : OPEN;
}

bool zuora_not_found(const struct zuora_call *c)
{
    return c->answer && (c->answer->status == 404 || (c->code && c->code % 100 == 40));
}

void zuora_usual_trouble(struct zuora_call *c)
{
    char said[SAID_MAX];
    const char *name = c->config->base.name ? c->config->base.name : "zuora";
    bool cpr = strncmp(json_str(c->stage, "at", ""), "cpr_", 4) == 0;
    zuora_said(c, said, sizeof said);
    if (cpr && (c->answer->status == 401 || c->answer->status == 403))
        zuora_refuse(c, "Configurable Payment Retry does not accept billing.%s.cpr_user and cpr_token", name);
    else if (c->answer->status == 403 || (c->code && c->code % 100 == 10))
        zuora_refuse(c, "the API user of billing.%s.client_id may not do this at Zuora: %s", name, *said ? said : "no reason given");
    else if (zuora_not_found(c))
        zuora_refuse(c, "Zuora does not know this: %s", *said ? said : "is billing.base_url right?");
    else if (c->code)
        zuora_refuse(c, "Zuora refuses (%d): %s", c->code, *said ? said : "no reason given");
    else
        zuora_refuse(c, "Zuora refuses (HTTP %d): %s", c->answer->status, *said ? said : "no reason given; is base_url right?");
}

static bool refuse_unknown(struct zuora_call *c, const char *what, const char *id)
{
    if (!zuora_not_found(c))
        return false;
    zuora_refuse(c, "Zuora does not know %s %.80s", what, id);
    return true;
}

void zuora_account_send(struct zuora_call *c)
{
    zuora_get(c, "v1/accounts/", zuora_arg(c, "customer"), "");
}

bool zuora_account_trouble(struct zuora_call *c)
{
    return refuse_unknown(c, "account", zuora_arg(c, "customer"));
}

void zuora_invoice_send(struct zuora_call *c)
{
    zuora_get(c, "v1/invoices/", zuora_arg(c, "invoice"), "");
}

bool zuora_invoice_trouble(struct zuora_call *c)
{
    return refuse_unknown(c, "invoice", zuora_arg(c, "invoice"));
}

/* --- one step --- */

static const struct zuora_state *state_in(const struct zuora_state *list, const struct zuora_call *c)
{
    for (const struct zuora_state *s = list; s && s->name; s++)
        if (zuora_at(c, s->name))
            return s;
    return NULL;
}

static const struct zuora_state *state_of(const struct zuora_op *op, const struct zuora_call *c)
{
    const struct zuora_state *s = state_in(op->states, c);
    return s ? s : state_in(op->more, c);
}

static bool is_cpr(const struct zuora_state *s)
{
    return strncmp(s->name, "cpr_", 4) == 0;
}

static void not_good(struct zuora_call *c, const struct zuora_state *s, enum verdict v)
{
    const struct http_response *a = c->answer;
    bool garbled = a->transport == TRANSPORT_OK && a->status >= 200 && a->status < 300 && !c->body;
    if (v == OPEN && s->look) {
        zuora_unknown(c, s->look, LOOK_MS, "no clear answer from Zuora (%s); looking what happened",
                      a->transport == TRANSPORT_LOST ? "lost" : garbled ? "garbled" : c->code ? "temporary error" : "server error");
    } else if (v == OPEN && garbled && json_i64(c->stage, "tries", 0) >= GARBLED_MAX && !json_flag(c->stage, "open", false)) {
        zuora_refuse(c, "what answers there does not speak Zuora's API: look at base_url");
    } else if (v == OPEN) {
        zuora_again(c, "Zuora gave no usable answer (%d)", c->code ? c->code : a->status);
    } else if (a->transport == TRANSPORT_NOT_SENT) {
        zuora_again(c, "Zuora cannot be reached: %s", *a->problem ? a->problem : "no connection");
    } else if (v == LATER) {
        if (c->code)
            json_put_i64(c->stage, "round", json_i64(c->stage, "round", 1) + 1);
        zuora_again(c, a->status == 429 || c->code % 100 == 70 ? "Zuora asks to slow down" : "Zuora is still busy with the same thing");
    }
}

static void answered(struct zuora_call *c, const struct zuora_state *s)
{
    enum verdict v = judge(c, s);
    bool denied = c->answer->transport == TRANSPORT_OK && (c->answer->status == 401 || (c->code && c->code % 100 == 11));
    if (denied && !is_cpr(s)) {
        zuora_token_refused(c);
    } else if (v == GOOD) {
        json_put_i64(c->stage, "tries", 0);
        json_object_del(c->stage, "renewed");
        s->take(c);
    } else if (v != NO) {
        not_good(c, s, v);
    } else if (!s->trouble || !s->trouble(c)) {
        zuora_usual_trouble(c);
    }
}

/* The state to send, which is another than the one in work when that is a write whose key may be forgotten by now. The moment it
 * first went out is kept as long as the state lasts. */
static const struct zuora_state *state_to_send(struct zuora_call *c, const struct zuora_op *op)
{
    const struct zuora_state *s = state_of(op, c);
    assert(s);
    bool same = str_eq(json_str(c->stage, "sending", ""), s->name);
    int64_t first_ms = same ? json_i64(c->stage, "sending_ms", 0) : c->job->now_ms;
    if (!s->look) {
        json_object_del(c->stage, "sending");
    } else if (same && idempotency_over(idempotency_of("zuora"), first_ms, c->job->now_ms)) {
        json_object_del(c->stage, "sending");
        zuora_go(c, s->look);
        s = state_of(op, c);
    } else {
        json_put(c->stage, "sending", s->name);
        json_put_i64(c->stage, "sending_ms", first_ms);
    }
    return s;
}

static void send(struct zuora_call *c, const struct zuora_state *s)
{
    if (!is_cpr(s) && !zuora_token(c)) {
        zuora_mint(c);
        return;
    }
    if (!is_cpr(s))
        zuora_token_note(c);
    json_object_del(c->stage, "mint");
    s->send(c);
}

static void take_answer(struct zuora_call *c, const struct zuora_op *op)
{
    AUTO_JSON body = NULL;
    if (c->answer->transport == TRANSPORT_OK)
        body = json_read_decimals((struct span){.p = buf_text(&c->answer->body), .n = c->answer->body.n}, NULL);
    c->body = json_is_object(body) ? body : NULL;
    if (c->body && json_is_false(json_at(c->body, "success")))
        c->code = reason_code(c->body);
    if (json_flag(c->stage, "mint", false))
        zuora_minted(c);
    else
        answered(c, state_of(op, c));
    c->body = NULL;
    c->code = 0;
}

static const struct zuora_op *op_find(const char *name)
{
    static const struct zuora_op *const all[] = {&zuora_read,   &zuora_hold,    &zuora_release, &zuora_plan,
                                                 &zuora_unplan, &zuora_collect, &zuora_link,    &zuora_check,
                                                 &zuora_credit, &zuora_write_off, &zuora_note,  &zuora_catch_up,
                                                 &zuora_overdue, &zuora_defer};
    for (size_t i = 0; i < DW_ARRAY_LEN(all); i++)
        if (str_eq(all[i]->name, name))
            return all[i];
    return NULL;
}

void zuora_step(const void *config, const struct job *job, const struct http_response *previous, struct step *out)
{
    struct zuora_call c = {.config = config, .job = job, .args = job->args, .answer = previous, .out = out};
    const struct zuora_op *op = op_find(job->op);
    if (!op) {
        step_refused(out, "Zuora: there is no operation %s", job->op);
        return;
    }
    c.stage = job->stage ? json_deep_copy(job->stage) : json_pack("{s:s}", "at", op->states[0].name);
    if (!job->stage)
        op->begin(&c);
    if (!state_of(op, &c) && !c.ended)
        zuora_refuse(&c, "this was begun by another version of Dunwell and cannot go on");
    if (previous && job->stage && !c.ended)
        take_answer(&c, op);
    if (!c.ended)
        send(&c, state_to_send(&c, op));
    if (c.own_token)
        OPENSSL_cleanse(c.own_token, strlen(c.own_token));
    free(c.own_token);
    json_decref(out->stage);
    out->stage = c.stage;
}
