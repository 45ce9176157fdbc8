/* The sandbox's other end: a billing system behind "sandbox:///", answering requests from the book in this process.
 *
 * It is as strict as a vendor: unknown paths are 404, a write without an idempotency key is 400, the same key with
 * another body is 409, the same key with the same body gives the first answer again and does nothing. And it can
 * misbehave on request (sandbox.h): losing an answer after the effect is what the engine's "unknown" is for, so it
 * can be seen here. */
#include "adapters/billing/sandbox.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "engine/when.h"

#define MAX_KEYS 5000
#define MAX_AMOUNT INT64_C(100000000000)

struct exchange {
    struct sandbox *s;
    const json_t *body;
    const char *key; /* idempotency key; "" when none */
    char id[128];    /* the path's ID */
    char *query;     /* the query's value */
    int status;
    json_t *answer; /* owned */
};

static void reply(struct exchange *x, int status, json_t *take_answer)
{
    x->status = status;
    json_decref(x->answer);
    x->answer = take_answer;
}

static void reply_error(struct exchange *x, int status, const char *words)
{
    reply(x, status, json_pack("{s:s}", "error", words));
}

static bool id_fits(const char *id)
{
    size_t n = strlen(id);
    return n > 0 && n < 120 && strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:") == n;
}

/* ---- /v1 ---- */

static void get_check(struct exchange *x)
{
    char who[80];
    snprintf(who, sizeof who, "sandbox in this process, %zu customers",
             json_object_size(book_part(x->s, "customers")));
    reply(x, 200, json_pack("{s:s}", "who", who));
}

static void get_customer(struct exchange *x)
{
    json_t *read = book_read(x->s, x->id, x->query);
    if (read)
        reply(x, 200, read);
    else
        reply_error(x, 507, "the sandbox's book is full");
}

static void get_invoices(struct exchange *x)
{
    json_t *found = json_array();
    for (const char *p = x->query; *p; p += strspn(p, ",")) {
        size_t n = strcspn(p, ",");
        AUTO_STR id = str_ndup(p, n);
        const json_t *invoice = json_object_get(book_part(x->s, "invoices"), id);
        if (invoice)
            json_array_append_new(found, json_deep_copy(invoice));
        p += n;
    }
    reply(x, 200, json_pack("{s:o}", "invoices", found));
}

static json_t *invoice_of(struct exchange *x)
{
    json_t *invoice = json_object_get(book_part(x->s, "invoices"), x->id);
    if (!invoice)
        reply_error(x, 404, "no such invoice");
    return invoice;
}

static void post_invoice(struct exchange *x)
{
    json_t *invoice = invoice_of(x), *wanted = json_object_get(x->body, "auto_advance");
    if (!invoice)
        return;
    if (!str_eq(json_str(invoice, "status", ""), "open")) {
        reply_error(x, 400, "the invoice is not open any more");
        return;
    }
    if (!json_is_boolean(wanted)) {
        reply_error(x, 400, "auto_advance must be true or false");
        return;
    }
    bool on = json_is_true(wanted), soft = json_i64(invoice, "attempts", 0) < 4;
    json_put_new(invoice, "auto_advance", json_boolean(on));
    if (on && soft)
        json_put_i64(invoice, "next_attempt_ms", x->s->now_ms + MS_DAY);
    else
        json_put(invoice, "next_attempt_ms", NULL);
    x->s->changed = true;
    book_event(x->s, "invoice.updated", invoice);
    reply(x, 200, json_deep_copy(invoice));
}

static void reply_payment(struct exchange *x, const json_t *payment, const json_t *invoice)
{
    json_t *both = json_pack("{s:o, s:o}", "payment", json_deep_copy(payment), "invoice", json_deep_copy(invoice));
    bool declined = str_eq(json_str(payment, "status", ""), "failed");
    if (declined)
        json_put(both, "error", json_str(payment, "text", "declined"));
    reply(x, declined ? 402 : 200, both);
}

static void post_pay(struct exchange *x)
{
    json_t *invoice = invoice_of(x);
    if (!invoice)
        return;
    int64_t due = json_i64(invoice, "due", 0), amount = json_i64(x->body, "amount", due);
    if (!str_eq(json_str(invoice, "status", ""), "open"))
        reply_error(x, 400, "the invoice is already paid or void");
    else if (amount <= 0 || amount > due)
        reply_error(x, 400, "the amount must be more than nothing and at most what is due");
    else
        reply_payment(x, book_attempt(x->s, invoice, amount, json_str(x->body, "method", NULL), x->key), invoice);
}

static void get_payment(struct exchange *x)
{
    json_t *p, *payment = json_null(), *invoice = json_null();
    size_t i;
    json_array_foreach (book_part(x->s, "payments"), i, p)
        if (*x->query && str_eq(json_str(p, "key", ""), x->query)) {
            payment = p;
            invoice = json_object_get(book_part(x->s, "invoices"), json_str(p, "invoice", ""));
        }
    reply(x, 200, json_pack("{s:o, s:o}", "payment", json_deep_copy(payment), "invoice", json_deep_copy(invoice)));
}

static json_t *open_invoice(struct exchange *x, const json_t *id)
{
    json_t *invoice = json_is_string(id) ? json_object_get(book_part(x->s, "invoices"), json_string_value(id)) : NULL;
    return invoice && str_eq(json_str(invoice, "status", ""), "open") ? invoice : NULL;
}

static bool plan_fits(struct exchange *x, const json_t *ids)
{
    size_t i;
    json_t *id;
    json_array_foreach (ids, i, id)
        if (!open_invoice(x, id))
            return false;
    return json_array_size(ids) > 0 && json_array_size(json_object_get(x->body, "instalments")) > 0;
}

static void post_plan(struct exchange *x)
{
    json_t *ids = json_object_get(x->body, "invoices"), *one;
    if (!plan_fits(x, ids)) {
        reply_error(x, 400, "a plan needs open invoices and instalments");
        return;
    }
    size_t i;
    json_t *prior = json_object();
    json_array_foreach (ids, i, one) {
        json_t *invoice = open_invoice(x, one);
        json_put_new(prior, json_string_value(one), json_pack("{s:b}", "auto_advance", json_flag(invoice, "auto_advance", true)));
        json_put_new(invoice, "auto_advance", json_false());
        json_put(invoice, "next_attempt_ms", NULL);
    }
    AUTO_STR id = str_fmt("plan_%05lld", (long long)book_number(x->s));
    json_t *plan = json_deep_copy(x->body);
    json_put(plan, "id", id);
    json_put(plan, "key", x->key);
    json_put_new(plan, "prior", prior);
    json_put_new(book_part(x->s, "plans"), id, plan);
    reply(x, 200, json_deep_copy(plan));
}

static void get_plan(struct exchange *x)
{
    const char *id;
    json_t *plan, *found = json_null();
    json_object_foreach (book_part(x->s, "plans"), id, plan)
        if (*x->query && str_eq(json_str(plan, "key", ""), x->query))
            found = plan;
    reply(x, 200, json_pack("{s:o}", "plan", json_deep_copy(found)));
}

static void reply_entry(struct exchange *x, const json_t *entry)
{
    const json_t *invoice = json_object_get(book_part(x->s, "invoices"), json_str(entry, "invoice", ""));
    reply(x, 200,
          json_pack("{s:o, s:o}", "entry", entry ? json_deep_copy(entry) : json_null(), "invoice",
                    invoice ? json_deep_copy(invoice) : json_null()));
}

static void post_entry(struct exchange *x)
{
    const char *refused;
    const json_t *entry = book_entry(x->s, x->body, x->key, &refused);
    if (entry)
        reply_entry(x, entry);
    else
        reply_error(x, 400, refused);
}

static void get_entry(struct exchange *x)
{
    reply_entry(x, json_object_get(book_part(x->s, "entries"), x->query));
}

static void post_link(struct exchange *x)
{
    const char *invoice = json_str(x->body, "invoice", ""), *purpose = json_str(x->body, "purpose", "pay");
    if (*invoice && !json_object_get(book_part(x->s, "invoices"), invoice)) {
        reply_error(x, 404, "no such invoice");
        return;
    }
    AUTO_STR url = str_fmt("https://pay.sandbox.invalid/%s/%s", str_eq(purpose, "pay") ? "i" : "card",
                           *invoice ? invoice : json_str(x->body, "customer", ""));
    reply(x, 200, json_pack("{s:s, s:I}", "url", url, "expires_at_ms", (json_int_t)(x->s->now_ms + 7 * MS_DAY)));
}

/* ---- /_control ---- */

static json_t *failing_invoice(struct exchange *x, const char *customer)
{
    const char *id = json_str(x->body, "invoice", NULL);
    if (id) {
        json_t *invoice = json_object_get(book_part(x->s, "invoices"), id);
        return invoice && str_eq(json_str(invoice, "status", ""), "open") ? invoice : NULL;
    }
    int64_t amount = json_i64(x->body, "amount", book_amount_of(customer));
    const char *currency = json_str(x->body, "currency", NULL);
    if (amount <= 0 || amount > MAX_AMOUNT || (currency && money_exponent(currency) < 0) ||
        !book_customer(x->s, customer, currency))
        return NULL;
    return book_invoice_new(x->s, customer, amount, currency);
}

static void control_fail(struct exchange *x)
{
    const char *customer = json_str(x->body, "customer", ""), *code = json_str(x->body, "code", "insufficient_funds");
    if (!id_fits(customer) || !book_code_known(code)) {
        reply_error(x, 400, "fail needs a customer and a known decline code");
        return;
    }
    json_t *invoice = failing_invoice(x, customer);
    if (!invoice) {
        reply_error(x, 400, "no such open invoice, or an amount or a currency that cannot be");
        return;
    }
    json_t *who = book_customer(x->s, json_str(invoice, "customer", customer), NULL);
    bool soft = *book_code_class(code) == 'S';
    json_put_new(
        who, "decline",
        json_pack("{s:s, s:I}", "code", code, "times", (json_int_t)json_i64(x->body, "again", soft ? 0 : -1)));
    book_decline(x->s, invoice, json_i64(invoice, "due", 0), json_str(who, "methods.0.id", ""), code, NULL);
    reply(x, 200, json_deep_copy(invoice));
}

static void control_pay(struct exchange *x)
{
    const char *customer = json_str(x->body, "customer", ""), *id;
    int64_t left = json_i64(x->body, "amount", INT64_MAX);
    json_t *invoice, *paid = json_array();
    json_object_foreach (book_part(x->s, "invoices"), id, invoice)
        if (str_eq(json_str(invoice, "customer", ""), customer) && str_eq(json_str(invoice, "status", ""), "open") && left > 0) {
            int64_t due = json_i64(invoice, "due", 0), amount = left < due ? left : due;
            book_pay(x->s, invoice, amount, "", NULL);
            left -= amount;
            json_array_append_new(paid, json_string(id));
        }
    json_t *who = json_object_get(book_part(x->s, "customers"), customer);
    if (who)
        json_put_new(who, "decline", json_pack("{s:s, s:i}", "code", "", "times", 0));
    reply(x, 200, json_pack("{s:o}", "paid", paid));
}

static void control_time(struct exchange *x)
{
    int64_t forward = json_i64(x->body, "forward_ms", 0);
    if (forward < 0 || forward > 3660 * MS_DAY) {
        reply_error(x, 400, "forward_ms must be between 0 and ten years");
        return;
    }
    x->s->now_ms += forward;
    json_put_i64(x->s->book, "offset_ms", json_i64(x->s->book, "offset_ms", 0) + forward);
    x->s->changed = true;
    book_advance(x->s);
    reply(x, 200, json_pack("{s:I}", "now_ms", (json_int_t)x->s->now_ms));
}

static bool fault_known(const char *kind)
{
    static const char *const kinds[] = {"lose", "cut", "busy", "error", "decline"};
    for (size_t i = 0; i < DW_ARRAY_LEN(kinds); i++)
        if (str_eq(kinds[i], kind))
            return true;
    return false;
}

static void control_fault(struct exchange *x)
{
    const char *kind = json_str(x->body, "kind", "");
    if (!fault_known(kind)) {
        reply_error(x, 400, "kind must be lose, cut, busy, error or decline");
        return;
    }
    book_fault_add(x->s, kind, json_i64(x->body, "times", 1), json_str(x->body, "code", ""));
    reply(x, 200, json_object());
}

static const struct route {
    const char *method, *before, *after; /* the ID stands between; after NULL: no ID */
    void (*run)(struct exchange *x);
} routes[] = {
    {"GET", "/v1/check", NULL, get_check},
    {"GET", "/v1/customers/", "", get_customer},
    {"GET", "/v1/invoices", NULL, get_invoices},
    {"POST", "/v1/invoices/", "/pay", post_pay},
    {"POST", "/v1/invoices/", "", post_invoice},
    {"GET", "/v1/payments", NULL, get_payment},
    {"POST", "/v1/plans", NULL, post_plan},
    {"GET", "/v1/plans", NULL, get_plan},
    {"POST", "/v1/entries", NULL, post_entry},
    {"GET", "/v1/entries", NULL, get_entry},
    {"POST", "/v1/links", NULL, post_link},
    {"POST", "/_control/fail", NULL, control_fail},
    {"POST", "/_control/pay", NULL, control_pay},
    {"POST", "/_control/time", NULL, control_time},
    {"POST", "/_control/fault", NULL, control_fault},
};

/* ---- one exchange ---- */

static bool route_fits(const struct route *r, const char *method, const char *path, struct exchange *x)
{
    size_t before = strlen(r->before), n = strlen(path), after = r->after ? strlen(r->after) : 0;
    if (strcmp(r->method, method) != 0)
        return false;
    if (!r->after)
        return strcmp(path, r->before) == 0;
    if (n <= before + after || n - before - after >= sizeof x->id || strncmp(path, r->before, before) != 0 ||
        strcmp(path + n - after, r->after) != 0)
        return false;
    memcpy(x->id, path + before, n - before - after);
    x->id[n - before - after] = '\0';
    return id_fits(x->id);
}

/* "?invoice=in_1" or "?key=K": one value, percent-encoded. */
static char *query_value(const char *query)
{
    const char *p = strchr(query, '=');
    AUTO_BUF value = BUF(128 << 10);
    for (p = p ? p + 1 : ""; *p; p++) {
        unsigned code;
        if (*p == '%' && sscanf(p, "%%%2x", &code) == 1 && code > 0 && code < 128) {
            buf_addc(&value, (char)code);
            p += 2;
        } else {
            buf_addc(&value, *p);
        }
    }
    return str_dup(buf_text(&value));
}

static char *header_of(const struct http_request *request, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = buf_text(&request->headers); *line;) {
        size_t length = strcspn(line, "\n");
        if (length > n + 1 && strncasecmp(line, name, n) == 0 && line[n] == ':')
            return str_ndup(line + n + 1 + strspn(line + n + 1, " "), length - n - 1 - strspn(line + n + 1, " "));
        line += length + (line[length] == '\n');
    }
    return str_dup("");
}

/* True when the same write was answered before: that answer is given again. */
static bool replayed(struct exchange *x, const char *path)
{
    json_t *old = json_object_get(book_part(x->s, "keys"), x->key);
    if (!old)
        return false;
    AUTO_STR body = json_text(x->body);
    if (str_eq(json_str(old, "path", ""), path) && str_eq(json_str(old, "body", ""), body))
        reply(x, (int)json_i64(old, "status", 500), json_deep_copy(json_object_get(old, "answer")));
    else
        reply_error(x, 409, "this idempotency key was used for something else");
    return true;
}

static void remember(struct exchange *x, const char *path)
{
    json_t *keys = book_part(x->s, "keys");
    while (json_object_size(keys) >= MAX_KEYS)
        json_object_del(keys, json_object_iter_key(json_object_iter(keys)));
    AUTO_STR body = json_text(x->body);
    json_put_new(
        keys, x->key,
        json_pack("{s:s, s:s, s:i, s:O}", "path", path, "body", body, "status", x->status, "answer", x->answer));
    x->s->changed = true;
}

/* A write below /v1. `lost` says that the answer is not to arrive. Returns false when the request itself does not. */
static bool write_once(struct exchange *x, const struct route *r, const char *path, bool *lost)
{
    char code[64];
    if (!*x->key || strlen(x->key) > 255) {
        reply_error(x, 400, "a write needs an Idempotency-Key of at most 255 characters");
    } else if (book_fault_take(x->s, "cut", code, sizeof code)) {
        return false;
    } else if (book_fault_take(x->s, "busy", code, sizeof code)) {
        reply_error(x, 429, "too many requests");
    } else if (book_fault_take(x->s, "error", code, sizeof code)) {
        reply_error(x, 500, "something broke");
    } else {
        if (!replayed(x, path)) {
            r->run(x);
            remember(x, path);
        }
        *lost = book_fault_take(x->s, "lose", code, sizeof code);
    }
    return true;
}

static bool exchange_run(struct exchange *x, const char *method, const char *path, bool *lost)
{
    for (size_t i = 0; i < DW_ARRAY_LEN(routes); i++) {
        if (!route_fits(&routes[i], method, path, x))
            continue;
        if (strcmp(method, "POST") == 0 && strncmp(path, "/v1/", 4) == 0)
            return write_once(x, &routes[i], path, lost);
        routes[i].run(x);
        return true;
    }
    reply_error(x, 404, "no such address");
    return true;
}

static void answer_write(struct exchange *x, bool arrived, bool lost, struct http_response *out)
{
    out->retry_after_ms = x->status == 429 ? MS_SECOND : -1;
    if (!arrived || lost) {
        out->transport = arrived ? TRANSPORT_LOST : TRANSPORT_NOT_SENT;
        str_copy(out->problem, sizeof out->problem,
                 arrived ? "the answer did not arrive" : "the sandbox could not be reached");
        return;
    }
    out->transport = TRANSPORT_OK;
    out->status = x->status;
    AUTO_STR text = json_text(x->answer);
    buf_adds(&out->body, text);
    snprintf(out->request_id, sizeof out->request_id, "req_sandbox_%lld", (long long)json_i64(x->s->book, "next", 0));
}

static void answer_unreadable(struct http_response *out)
{
    out->transport = TRANSPORT_OK;
    out->status = 503;
    out->retry_after_ms = -1;
    buf_adds(&out->body, "{\"error\":\"the sandbox's file is no sandbox book; move it away and start again\"}");
}

void sandbox_serve(void *memory, const struct http_request *request, int64_t now_ms, struct http_response *out)
{
    struct sandbox *s = memory;
    if (s->unreadable) {
        answer_unreadable(out);
        return;
    }
    s->now_ms = now_ms + json_i64(s->book, "offset_ms", 0);
    book_advance(s);
    const char *path = strncmp(request->url, "sandbox://", 10) == 0 ? request->url + 10 : request->url;
    AUTO_STR bare = str_ndup(path, strcspn(path, "?"));
    AUTO_STR key = header_of(request, "Idempotency-Key");
    AUTO_JSON body =
        request->body.n ? json_read((struct span){request->body.p, request->body.n}, NULL) : json_object();
    AUTO_STR query = query_value(path + strlen(bare));
    struct exchange x = {.s = s, .body = body, .key = key, .query = query};
    bool lost = false, arrived = true;
    if (json_is_object(body))
        arrived = exchange_run(&x, request->method, bare, &lost);
    else
        reply_error(&x, 400, "the body is not a JSON object");
    answer_write(&x, arrived, lost, out);
    json_decref(x.answer);
    book_save(s);
}

/* Option `faults`: "lose:1,decline:2". What cannot be read is left out: `check` shows the option as it stands. */
static void faults_from_option(struct sandbox *s, const char *text)
{
    char kind[16];
    long times;
    for (int used = 0; text && sscanf(text, " %15[a-z]:%ld%n", kind, &times, &used) == 2; used = 0) {
        if (fault_known(kind) && times > 0 && times <= 1000)
            book_fault_add(s, kind, times, "");
        text += used;
        text = *text == ',' ? text + 1 : NULL;
    }
}

void *sandbox_open(const void *config)
{
    const struct sandbox_config *c = config;
    struct sandbox *s = mem_alloc(sizeof *s);
    s->file = str_dup(c->file && *c->file ? c->file : NULL);
    s->currency = str_dup(c->currency && money_exponent(c->currency) >= 0 ? c->currency : "USD");
    book_open(s);
    if (!s->unreadable)
        faults_from_option(s, c->faults);
    return s;
}

void sandbox_close(void *memory)
{
    struct sandbox *s = memory;
    if (!s)
        return;
    json_decref(s->book);
    free(s->file);
    free(s->currency);
    free(s);
}

bool sandbox_next_event(void *memory, struct buf *body)
{
    struct sandbox *s = memory;
    json_t *events = s->unreadable ? NULL : book_part(s, "events");
    if (json_array_size(events) == 0)
        return false;
    AUTO_STR text = json_text(json_array_get(events, 0));
    buf_adds(body, text);
    json_array_remove(events, 0);
    s->changed = true;
    book_save(s);
    return true;
}
