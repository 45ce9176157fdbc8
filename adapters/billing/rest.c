/* Stepping through a table of states.
 *
 * How a call went decides what may be done next, and there are only three answers to that. "It did not happen": the call
 * never left, or the vendor said so before acting (429, a lock, the same key still running); it is asked again later. "It is
 * refused": 4xx. "Nobody knows": the answer was lost, a 5xx came after a write, or a key was taken for another request; then
 * the state named by `look` reads back before anything else is done. A look is a read, so a state that has none may simply
 * be asked again. What a vendor words in its own way (which 4xx is a decline, which one means "later") comes from struct
 * rest_vendor. */
#include "adapters/billing/rest.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/when.h"

enum { SAID_MAX = 160, TEXT_MAX = 200, GARBLED_MAX = 5, SOFT_TRIES = 3, TRIES_MAX = 1000 };

#define BACKOFF_FIRST_MS (2 * MS_SECOND)
#define BACKOFF_MOST_MS (60 * MS_SECOND)
#define LOOK_MS (2 * MS_SECOND)
#define CALL_TIMEOUT_MS 30000

/* --- what every state needs --------------------------------------------------------------------------------------- */

const char *rest_customer(const struct rest_call *c)
{
    return json_str(c->args, "customer", "");
}

const char *rest_invoice(const struct rest_call *c)
{
    return json_str(c->args, "invoice", "");
}

json_t *rest_part(const struct rest_call *c, const char *name)
{
    return json_object_get(c->stage, name);
}

void rest_go(struct rest_call *c, const char *state)
{
    json_put(c->stage, "at", state);
}

bool rest_at(const struct rest_call *c, const char *state)
{
    return str_eq(json_str(c->stage, "at", ""), state);
}

char *rest_path(const char *format, const char *first, const char *second)
{
    AUTO_BUF path = BUF(4096);
    const char *next = first;
    for (; *format; format++) {
        if (*format != '%') {
            buf_addc(&path, *format);
            continue;
        }
        buf_add_url(&path, next ? next : "");
        next = second;
    }
    return buf_take(&path);
}

char *rest_basic(const char *user, const char *password)
{
    AUTO_STR pair = str_fmt("%s:%s", user ? user : "", password ? password : "");
    size_t n = strlen(pair);
    char *text = mem_alloc(6 + 4 * ((n + 2) / 3) + 1);
    memcpy(text, "Basic ", 6);
    EVP_EncodeBlock((unsigned char *)text + 6, (const unsigned char *)pair, (int)n);
    return text;
}

void rest_put_text(json_t *object, const char *key, const char *text)
{
    char cut[TEXT_MAX];
    str_copy(cut, sizeof cut, text ? text : "");
    json_put_new(object, key, text ? json_text_safe(cut) : json_null());
}

void rest_put_currency(json_t *object, const char *code)
{
    json_put(object, "currency", money_of(0, code).currency);
}

/* The vendor's own headers go on every request; the base address may be made of other options. */
static void finish_request(struct rest_call *c)
{
    c->vendor->headers(c, &c->out->request);
    c->out->request.timeout_ms = CALL_TIMEOUT_MS;
}

void rest_get(struct rest_call *c, const char *path)
{
    AUTO_BUF room = BUF(2048);
    step_get(c->out, c->vendor->base_url(c, &room), path);
    finish_request(c);
}

static void add_key(struct rest_call *c, const char *suffix)
{
    idempotency_add(idempotency_of(c->vendor->idempotency), &c->out->request, c->job->key, suffix);
}

void rest_post(struct rest_call *c, const char *path, const char *suffix)
{
    AUTO_BUF room = BUF(2048);
    step_post(c->out, c->vendor->base_url(c, &room), path);
    finish_request(c);
    add_key(c, suffix);
}

void rest_put(struct rest_call *c, const char *path, const json_t *body, const char *suffix)
{
    AUTO_BUF room = BUF(2048);
    step_get(c->out, c->vendor->base_url(c, &room), path);
    struct http_request *r = &c->out->request;
    str_copy(r->method, sizeof r->method, "PUT");
    r->write = true;
    finish_request(c);
    add_key(c, suffix);
    http_request_header(r, "Content-Type", "application/json");
    AUTO_STR text = json_text(body);
    buf_adds(&r->body, body ? text : "{}");
}

void rest_done(struct rest_call *c, json_t *take_result)
{
    step_done(c->out, take_result);
    c->ended = true;
}

#define FORMATTED(text, fmt)                                                                                           \
    char text[sizeof c->out->reason];                                                                                  \
    va_list ap;                                                                                                        \
    va_start(ap, fmt);                                                                                                 \
    vsnprintf(text, sizeof text, fmt, ap);                                                                             \
    va_end(ap)

void rest_refuse(struct rest_call *c, const char *fmt, ...)
{
    FORMATTED(text, fmt);
    step_refused(c->out, "%s", text);
    c->ended = true;
}

void rest_refuse_with(struct rest_call *c, json_t *take_result, const char *fmt, ...)
{
    FORMATTED(text, fmt);
    json_decref(c->out->result);
    c->out->result = take_result;
    step_refused(c->out, "%s", text);
    c->ended = true;
}

void rest_again(struct rest_call *c, const char *fmt, ...)
{
    FORMATTED(text, fmt);
    struct job paced = *c->job;
    paced.attempts = (int)json_i64(c->stage, "tries", 0);
    json_put_i64(c->stage, "tries", paced.attempts < TRIES_MAX ? paced.attempts + 1 : paced.attempts);
    int64_t wait = backoff_ms(&paced, BACKOFF_FIRST_MS, BACKOFF_MOST_MS);
    if (c->answer && c->answer->retry_after_ms > wait)
        wait = c->answer->retry_after_ms;
    step_retry(c->out, c->job->now_ms + wait, "%s", text);
    c->ended = true;
}

void rest_unknown(struct rest_call *c, const char *look, int64_t wait_ms, const char *fmt, ...)
{
    FORMATTED(text, fmt);
    rest_go(c, look);
    step_unknown(c->out, c->job->now_ms + wait_ms, NULL, "%s", text);
    c->ended = true;
}

const char *rest_said(const struct rest_call *c, char *out, size_t size)
{
    const char *text = json_str(c->body, c->vendor->said, "");
    str_copy(out, size, c->vendor->leaks(c, text) ? "(a message that repeats a secret)" : text);
    return out;
}

bool rest_go_on_without(struct rest_call *c, const char *next)
{
    int status = c->answer->status;
    bool refused = status >= 400 && status < 500 && status != 409 && status != 429;
    bool tired = status >= 500 && json_i64(c->stage, "tries", 0) >= SOFT_TRIES;
    if (!refused && !tired)
        return false;
    json_put_i64(c->stage, "tries", 0);
    rest_go(c, next);
    return true;
}

/* --- one step ----------------------------------------------------------------------------------------------------- */

static const struct rest_op *op_find(const struct rest_vendor *vendor, const char *name)
{
    for (const struct rest_op *const *op = vendor->ops; *op; op++)
        if (str_eq((*op)->name, name))
            return *op;
    return NULL;
}

static const struct rest_state *state_of(const struct rest_op *op, const struct rest_call *c)
{
    for (const struct rest_state *s = op->states; s->name; s++)
        if (rest_at(c, s->name))
            return s;
    return NULL;
}

/* 4xx and oddities that no state has taken for itself. */
static void usual_trouble(struct rest_call *c)
{
    char said[SAID_MAX];
    const struct driver_config *base = c->config;
    const char *title = c->vendor->title, *section = base->name ? base->name : base->driver->name;
    int status = c->answer->status;
    rest_said(c, said, sizeof said);
    if (status == 401 || status == 403)
        rest_refuse(c, "%s %s: look at billing.%s.%s", title, status == 401 ? "does not accept the key" : "does not let this key do that",
                    section, c->vendor->key_hint);
    else if (c->vendor->is_decline(c))
        c->vendor->declined(c);
    else if (status == 404)
        rest_refuse(c, "%s does not know this: %s%s", title, *said ? said : "is the address right? look under billing.", *said ? "" : section);
    else
        rest_refuse(c, "%s refuses (%d): %s", title, status, *said ? said : "no reason given; is the address right?");
}

/* Answers that leave open what happened, and answers that say that nothing did. True when the step is over. */
static bool uncertain(struct rest_call *c, const struct rest_state *s)
{
    const struct http_response *a = c->answer;
    const char *title = c->vendor->title;
    if (a->transport == TRANSPORT_NOT_SENT) {
        rest_again(c, "%s cannot be reached: %s", title, *a->problem ? a->problem : "no connection");
        return true;
    }
    bool ok = a->transport == TRANSPORT_OK;
    bool garbled = ok && a->status >= 200 && a->status < 300 && !c->body;
    bool client = ok && a->status >= 400 && a->status < 500;
    bool open = !ok || a->status >= 500 || a->status < 200 || (a->status >= 300 && a->status < 400) || garbled;
    if (a->never_retry)
        json_put_new(c->stage, "final", json_true());
    if ((open || (client && c->vendor->reused(c))) && s->look)
        rest_unknown(c, s->look, LOOK_MS, "no clear answer from %s (%s); looking what happened", title,
                     !ok ? "lost" : garbled ? "garbled" : client ? "the key was used before" : "server error");
    else if (garbled && json_i64(c->stage, "tries", 0) >= GARBLED_MAX)
        rest_refuse(c, "what answers there does not speak %s's API: look at the address", title);
    else if (open)
        rest_again(c, "%s gave no usable answer (%d)", title, a->status);
    else if (client && (a->status == 429 || c->vendor->later(c)))
        rest_again(c, a->status == 429 ? "%s asks to slow down" : "%s is still busy with the same thing", title);
    else
        return false;
    return true;
}

static void answered(struct rest_call *c, const struct rest_state *s)
{
    const struct http_response *a = c->answer;
    int status = a->status;
    /* A state may take any 4xx for itself, but for those that say: later, or: the key is wrong. A read takes 5xx as well. */
    bool refusal = a->transport == TRANSPORT_OK && status >= 400 && status != 429 && status != 401;
    bool mine = refusal && (status < 500 ? !c->vendor->later(c) && !c->vendor->reused(c) : !s->look);
    if (mine && s->trouble && s->trouble(c))
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

/* A write goes out, perhaps not for the first time: every earlier time nothing happened, as far as anyone could tell. Once its
 * key may have been forgotten, that is looked at again first. The moment of the first time is kept as long as the state lasts. */
static void send_state(struct rest_call *c, const struct rest_state *s)
{
    const struct rest_op *op = op_find(c->vendor, c->job->op);
    bool same = str_eq(json_str(c->stage, "sending", ""), s->name);
    int64_t first_ms = same ? json_i64(c->stage, "sending_ms", 0) : c->job->now_ms;
    if (s->look && same && idempotency_over(idempotency_of(c->vendor->idempotency), first_ms, c->job->now_ms)) {
        json_object_del(c->stage, "sending");
        rest_go(c, s->look);
        s = state_of(op, c);
    } else if (s->look) {
        json_put(c->stage, "sending", s->name);
        json_put_i64(c->stage, "sending_ms", first_ms);
    } else {
        json_object_del(c->stage, "sending");
    }
    s->send(c);
}

void rest_step(const struct rest_vendor *vendor, const void *config, const struct job *job, const struct http_response *previous,
               struct step *out)
{
    struct rest_call c = {.vendor = vendor, .config = config, .job = job, .args = job->args, .answer = previous, .out = out};
    const struct rest_op *op = op_find(vendor, job->op);
    AUTO_JSON body = NULL;
    if (!op) {
        step_refused(out, "%s: there is no operation %s", vendor->title, job->op);
        return;
    }
    c.stage = job->stage ? json_deep_copy(job->stage) : json_pack("{s:s}", "at", op->states[0].name);
    if (!job->stage && op->begin)
        op->begin(&c);
    const struct rest_state *s = state_of(op, &c);
    if (!s && !c.ended)
        rest_refuse(&c, "this was begun by another version of Dunwell and cannot go on");
    if (previous && job->stage && !c.ended && s->take) {
        if (previous->transport == TRANSPORT_OK)
            body = vendor->read((struct span){.p = buf_text(&previous->body), .n = previous->body.n});
        c.body = json_is_object(body) ? body : NULL;
        answered(&c, s);
        s = state_of(op, &c);
    }
    if (!c.ended) {
        assert(s);
        send_state(&c, s);
    }
    json_decref(out->stage);
    out->stage = c.stage;
}
