/* The sandbox as a driver: a billing system for trying things out, asked exactly as a real one is.
 *
 * Nothing here knows that the other end lives in the same process: requests go to "sandbox:///..." and may be
 * refused, cut or answered into the void. So the rules are those of money: every write carries the job's key, a write
 * whose answer was lost is unknown, and unknown is answered by reading back, not by asking again. A hold and a
 * release are states to reach, so both are one loop: read, set the first invoice that is not yet as wanted, read
 * again, until the read-back agrees. A plan, a payment, a credit and the like are deeds: done once under their key, then looked for under
 * that key; only when the sandbox says that it never saw the key is it asked again.
 *
 * Stage: {"at": "look|write", "wrote": bool, "rounds": n, "prior": {invoice: {auto_advance}}}. */
#include "adapters/billing/sandbox.h"

#include <string.h>

#include "engine/scan.h"
#include "engine/when.h"

#define BASE "sandbox:///v1"
#define MAX_WRITES 3 /* of one deed that leaves no trace */

struct call_of {
    const struct job *job;
    const struct http_response *previous;
    struct step *out;
    bool wrote; /* a write may have had an effect: what cannot be read is then unknown, not undone */
};

/* ---- requests ---- */

static void ask(struct call_of *c, const char *path, const char *query, const char *value, json_t *take_stage)
{
    step_get(c->out, BASE, path);
    if (query && value && *value) {
        AUTO_BUF url = BUF(128 << 10);
        buf_addf(&url, "%s?%s=", c->out->request.url, query);
        buf_add_url(&url, value);
        free(c->out->request.url);
        c->out->request.url = buf_take(&url);
    }
    json_decref(c->out->stage);
    c->out->stage = take_stage;
}

static void tell(struct call_of *c, const char *path, const char *part, json_t *take_body, json_t *take_stage)
{
    AUTO_JSON body = take_body;
    AUTO_STR text = json_text(body);
    AUTO_STR key = str_fmt("%s%s%s", c->job->key, *part ? ":" : "", part);
    step_get(c->out, BASE, path);
    str_copy(c->out->request.method, sizeof c->out->request.method, "POST");
    c->out->request.write = true;
    http_request_header(&c->out->request, "Content-Type", "application/json");
    http_request_header(&c->out->request, "Idempotency-Key", key);
    buf_adds(&c->out->request.body, text);
    json_decref(c->out->stage);
    c->out->stage = take_stage;
}

static json_t *stage_at(const struct call_of *c, const char *at, bool wrote)
{
    json_t *stage = json_is_object(c->job->stage) ? json_deep_copy(c->job->stage) : json_object();
    json_put(stage, "at", at);
    json_put_new(stage, "wrote", json_boolean(wrote));
    return stage;
}

/* ---- answers ---- */

static void again_later(struct call_of *c, const char *words)
{
    int64_t at_ms = c->job->now_ms + backoff_ms(c->job, MS_SECOND, 5 * MS_MINUTE);
    if (c->previous && c->previous->retry_after_ms > 0)
        at_ms = c->job->now_ms + c->previous->retry_after_ms;
    if (c->wrote)
        step_unknown(c->out, at_ms, stage_at(c, "look", true), "%s", words);
    else
        step_retry(c->out, at_ms, "%s", words);
}

/* The answer's JSON when it is a success (or a 402, which the caller knows how to read); else the step's end is said.
 */
static json_t *answer_of(struct call_of *c, bool write)
{
    const struct http_response *r = c->previous;
    if (r->transport == TRANSPORT_NOT_SENT) {
        again_later(c, "the sandbox could not be reached");
        return NULL;
    }
    json_t *body = r->transport == TRANSPORT_OK ? json_read((struct span){r->body.p, r->body.n}, NULL) : NULL;
    bool refusal = r->transport == TRANSPORT_OK && r->status >= 400 && r->status < 500 && r->status != 429;
    if (body && ((r->status >= 200 && r->status < 300) || r->status == 402))
        return body;
    if (refusal) {
        step_refused(c->out, "the sandbox refused it: %s", json_str(body, "error", "no reason given"));
    } else {
        bool certain = r->transport == TRANSPORT_OK && (r->status == 429 || r->status == 503);
        c->wrote = c->wrote || (write && !certain);
        again_later(c, certain ? "the sandbox is busy" : "the sandbox gave no usable answer");
    }
    json_decref(body);
    return NULL;
}

/* ---- hold and release: a state to reach ---- */

static const json_t *invoice_in(const json_t *read, const char *id)
{
    size_t i;
    json_t *one;
    json_array_foreach (json_object_get(read, "invoices"), i, one)
        if (str_eq(json_str(one, "id", ""), id) && str_eq(json_str(one, "status", ""), "open"))
            return one;
    return NULL;
}

/* What was before the first write; kept in the stage, so that no second reading mistakes our own work for the past.
 */
static json_t *prior_of(const struct call_of *c, const json_t *read)
{
    json_t *kept = json_object_get(c->job->stage, "prior"), *id;
    if (kept)
        return json_incref(kept);
    json_t *prior = json_object();
    size_t i;
    json_array_foreach (json_object_get(c->job->args, "invoices"), i, id) {
        const json_t *invoice = invoice_in(read, json_string_value(id));
        if (invoice)
            json_put_new(prior, json_string_value(id),
                         json_pack("{s:b}", "auto_advance", json_flag(invoice, "auto_advance", true)));
    }
    return prior;
}

static bool wanted_of(const struct call_of *c, bool hold, const char *invoice)
{
    json_t *was = json_object_get(json_object_get(c->job->args, "prior"), invoice);
    return !hold && json_flag(was, "auto_advance", true);
}

/* The first invoice that is open and not yet as wanted; NULL when all are. */
static const char *first_wrong(const struct call_of *c, bool hold, const json_t *read)
{
    size_t i;
    json_t *id;
    json_array_foreach (json_object_get(c->job->args, "invoices"), i, id) {
        const json_t *invoice = invoice_in(read, json_string_value(id));
        if (invoice && json_flag(invoice, "auto_advance", true) != wanted_of(c, hold, json_string_value(id)))
            return json_string_value(id);
    }
    return NULL;
}

static void reached(struct call_of *c, bool hold, const json_t *read, json_t *prior)
{
    json_t *held = json_array(), *id;
    size_t i;
    json_array_foreach (json_object_get(c->job->args, "invoices"), i, id)
        if (!hold || invoice_in(read, json_string_value(id)))
            json_array_append(held, id);
    if (hold && json_array_size(held) == 0) {
        json_decref(held);
        step_refused(c->out, "none of these invoices is open any more, so there is nothing to hold");
    } else if (hold) {
        step_done(c->out, json_pack("{s:s, s:o, s:O}", "id", c->job->key, "held", held, "prior", prior));
    } else {
        step_done(c->out, json_pack("{s:o}", "released", held));
    }
}

static void write_first_wrong(struct call_of *c, bool hold, const char *invoice, json_t *prior)
{
    int64_t rounds = json_i64(c->job->stage, "rounds", 0) + 1;
    if (rounds > MAX_WRITES * (int64_t)json_array_size(json_object_get(c->job->args, "invoices"))) {
        step_refused(c->out, "the sandbox takes the setting of %s but does not keep it", invoice);
        return;
    }
    AUTO_STR path = str_fmt("invoices/%s", invoice);
    AUTO_STR part = str_fmt("%s:%lld", invoice, (long long)rounds);
    json_t *stage = stage_at(c, "write", c->wrote);
    json_put_i64(stage, "rounds", rounds);
    json_put_new(stage, "prior", json_incref(prior));
    tell(c, path, part,
         json_pack("{s:b, s:s}", "auto_advance", wanted_of(c, hold, invoice), "reason",
                   json_str(c->job->args, "reason", "")),
         stage);
}

static void look_at_invoices(struct call_of *c)
{
    AUTO_BUF ids = BUF(64 << 10);
    size_t i;
    json_t *id;
    json_array_foreach (json_object_get(c->job->args, "invoices"), i, id) {
        buf_adds(&ids, i ? "," : "");
        buf_adds(&ids, json_is_string(id) ? json_string_value(id) : "");
    }
    ask(c, "invoices", "ids", buf_text(&ids), stage_at(c, "look", c->wrote));
}

/* An answered write, also a refusal, is judged by reading back: an invoice that was paid meanwhile is no failure. */
static void converge(struct call_of *c, bool hold)
{
    const struct http_response *r = c->previous;
    bool writing = str_eq(json_str(c->job->stage, "at", "look"), "write");
    if (!r || (writing && r->transport == TRANSPORT_OK && r->status < 500 && r->status != 429)) {
        c->wrote = c->wrote || (writing && r);
        look_at_invoices(c);
        return;
    }
    AUTO_JSON read = answer_of(c, writing);
    if (!read)
        return;
    AUTO_JSON prior = prior_of(c, read);
    const char *wrong = first_wrong(c, hold, read);
    if (wrong)
        write_first_wrong(c, hold, wrong, prior);
    else
        reached(c, hold, read, prior);
}

static void op_hold(struct call_of *c)
{
    converge(c, true);
}

static void op_release(struct call_of *c)
{
    converge(c, false);
}

/* ---- deeds: a payment, a plan ---- */

struct deed {
    void (*write)(struct call_of *c, json_t *take_stage);
    const char *list; /* where a deed is looked for by its key, and under which name it comes back */
    const char *found;
    void (*finish)(struct call_of *c, const json_t *answer);
};

static void deed_write(struct call_of *c, const struct deed *d)
{
    int64_t rounds = json_i64(c->job->stage, "rounds", 0);
    json_t *stage = stage_at(c, "write", c->wrote);
    if (!str_eq(json_str(c->job->stage, "at", ""), "write"))
        rounds++;
    if (rounds > MAX_WRITES) {
        json_decref(stage);
        step_refused(c->out, "the sandbox was asked %d times and shows no trace of it", MAX_WRITES);
        return;
    }
    json_put_i64(stage, "rounds", rounds);
    d->write(c, stage);
}

static void deed_run(struct call_of *c, const struct deed *d)
{
    bool looking = str_eq(json_str(c->job->stage, "at", "write"), "look");
    if (!c->previous) {
        if (looking)
            ask(c, d->list, "key", c->job->key, stage_at(c, "look", true));
        else
            deed_write(c, d);
        return;
    }
    AUTO_JSON answer = answer_of(c, !looking);
    if (!answer)
        return;
    if (!looking && c->previous->status == 402) {
        d->finish(c, answer);
    } else if (!looking) {
        ask(c, d->list, "key", c->job->key, stage_at(c, "look", true));
    } else if (json_is_object(json_object_get(answer, d->found))) {
        d->finish(c, answer);
    } else {
        c->wrote = false;
        deed_write(c, d);
    }
}

static void collect_write(struct call_of *c, json_t *take_stage)
{
    AUTO_STR path = str_fmt("invoices/%s/pay", json_str(c->job->args, "invoice", ""));
    json_t *body = json_object(), *amount = json_object_get(c->job->args, "amount");
    if (json_is_integer(amount))
        json_object_set(body, "amount", amount);
    if (json_str(c->job->args, "method", NULL))
        json_put(body, "method", json_str(c->job->args, "method", NULL));
    tell(c, path, "", body, take_stage);
}

static void collect_finish(struct call_of *c, const json_t *answer)
{
    const json_t *payment = json_object_get(answer, "payment"), *invoice = json_object_get(answer, "invoice");
    if (str_eq(json_str(payment, "status", ""), "failed")) {
        step_refused(c->out, "declined: %s", json_str(payment, "text", "no reason given"));
        json_decref(c->out->result);
        c->out->result = json_pack("{s:{s:s, s:s, s:s, s:s}}", "decline", "code", json_str(payment, "code", ""),
                                   "class", json_str(payment, "class", "?"), "advice",
                                   json_str(payment, "advice", ""), "text", json_str(payment, "text", ""));
        return;
    }
    int64_t due = json_i64(invoice, "due", 0);
    step_done(c->out, json_pack("{s:s, s:s, s:I, s:s}", "outcome", due == 0 ? "paid" : "partially_paid", "payment",
                                json_str(payment, "id", ""), "due", (json_int_t)due, "status",
                                json_str(invoice, "status", "")));
}

static void plan_write(struct call_of *c, json_t *take_stage)
{
    static const char *const keys[] = {"customer", "plan", "currency", "invoices", "instalments"};
    json_t *body = json_object();
    for (size_t i = 0; i < DW_ARRAY_LEN(keys); i++)
        if (json_object_get(c->job->args, keys[i]))
            json_object_set(body, keys[i], json_object_get(c->job->args, keys[i]));
    tell(c, "plans", "", body, take_stage);
}

/* The plan made its invoices quiet, so whoever releases them has to know how they were before it. */
static void plan_finish(struct call_of *c, const json_t *answer)
{
    step_done(c->out, json_pack("{s:s, s:s, s:O, s:O*}", "id", json_str(answer, "plan.id", ""), "mode", "held_by_dunwell", "held", json_object_get(c->job->args, "invoices"), "prior",
                                json_at(answer, "plan.prior")));
}

/* A credit, a write-off, a deferral and a note are entries in the sandbox's book; the operation is their kind. */
static void entry_write(struct call_of *c, json_t *take_stage)
{
    static const char *const keys[] = {"customer", "invoice", "amount", "currency", "until_ms", "reason", "text", "case"};
    json_t *body = json_object();
    json_put(body, "kind", c->job->op);
    for (size_t i = 0; i < DW_ARRAY_LEN(keys); i++)
        if (json_object_get(c->job->args, keys[i]))
            json_object_set(body, keys[i], json_object_get(c->job->args, keys[i]));
    tell(c, "entries", "", body, take_stage);
}

static void entry_finish(struct call_of *c, const json_t *answer)
{
    json_t *result = json_pack("{s:s}", "id", json_str(answer, "entry.id", ""));
    if (str_eq(c->job->op, "credit"))
        json_put_i64(result, "due", json_i64(answer, "invoice.due", 0));
    else if (str_eq(c->job->op, "write_off"))
        json_put(result, "status", json_str(answer, "invoice.status", ""));
    else if (str_eq(c->job->op, "defer")) {
        json_put(result, "invoice", json_str(answer, "invoice.id", ""));
        json_put_i64(result, "until_ms", json_i64(answer, "invoice.next_attempt_ms", 0));
    }
    step_done(c->out, result);
}

static void op_entry(struct call_of *c)
{
    static const struct deed deed = {entry_write, "entries", "entry", entry_finish};
    deed_run(c, &deed);
}

static void op_collect(struct call_of *c)
{
    static const struct deed deed = {collect_write, "payments", "payment", collect_finish};
    deed_run(c, &deed);
}

static void op_plan(struct call_of *c)
{
    static const struct deed deed = {plan_write, "plans", "plan", plan_finish};
    deed_run(c, &deed);
}

/* ---- questions ---- */

static void op_read(struct call_of *c)
{
    AUTO_STR path = str_fmt("customers/%s", json_str(c->job->args, "customer", ""));
    if (!c->previous) {
        ask(c, path, "invoice", json_str(c->job->args, "invoice", NULL), NULL);
        return;
    }
    json_t *read = answer_of(c, false);
    if (read)
        step_done(c->out, read);
}

/* Making a link twice harms nobody, so a lost answer is simply asked for again under the same key. */
static void op_link(struct call_of *c)
{
    if (!c->previous) {
        tell(c, "links", "", json_deep_copy(c->job->args), NULL);
        c->out->request.write = false;
        return;
    }
    AUTO_JSON answer = answer_of(c, false);
    if (answer)
        step_done(c->out, json_pack("{s:s, s:I}", "url", json_str(answer, "url", ""), "expires_at_ms",
                                    (json_int_t)json_i64(answer, "expires_at_ms", 0)));
}

static void op_check(struct call_of *c)
{
    if (!c->previous) {
        ask(c, "check", NULL, NULL, NULL);
        return;
    }
    json_t *answer = answer_of(c, false);
    if (answer)
        step_done(c->out, answer);
}

static const struct {
    const char *name;
    void (*run)(struct call_of *c);
} ops[] = {
    {"read", op_read},       {"hold", op_hold}, {"release", op_release}, {"plan", op_plan},
    {"collect", op_collect}, {"link", op_link}, {"check", op_check},     {"credit", op_entry},
    {"write_off", op_entry}, {"defer", op_entry}, {"note", op_entry},
};

static void sandbox_step(const void *config, const struct job *job, const struct http_response *previous,
                         struct step *out)
{
    (void)config;
    struct call_of c = {job, previous, out, json_flag(job->stage, "wrote", false)};
    for (size_t i = 0; i < DW_ARRAY_LEN(ops); i++)
        if (str_eq(ops[i].name, job->op)) {
            ops[i].run(&c);
            return;
        }
    step_refused(out, "the sandbox cannot do \"%s\"", job->op);
}

/* ---- events ---- */

/* Events come from this process. One that somebody posts from outside can only make us read the book again. */
static int sandbox_verify(const void *config, const struct webhook *hook, int64_t now_ms, struct err *e)
{
    (void)config;
    (void)now_ms;
    return hook->body.n ? 0 : err_set(e, ERR_DENIED, "an event without a body");
}

static int sandbox_event(const void *config, struct span body, struct billing_event *out, struct err *e)
{
    (void)config;
    struct scan_field f[] = {
        {.path = "id"}, {.path = "created"}, {.path = "type"}, {.path = "customer"}, {.path = "invoice"}};
    struct billing_event event = {.kind = EVENT_OTHER};
    int64_t created = 0;
    if (scan_json(body, f, DW_ARRAY_LEN(f)) != 0)
        return err_set(e, ERR_INVALID, "the event is not JSON");
    if (scan_copy(&f[0], event.id, sizeof event.id) != 0 || scan_copy(&f[2], event.type, sizeof event.type) != 0 ||
        !*event.id)
        return err_set(e, ERR_INVALID, "the event has no id or no type");
    if ((f[3].value.p && scan_copy(&f[3], event.customer, sizeof event.customer) != 0) ||
        (f[4].value.p && scan_copy(&f[4], event.invoice, sizeof event.invoice) != 0))
        return err_set(e, ERR_INVALID, "the event's customer or invoice is no id");
    event.created_ms = f[1].value.p && scan_int(&f[1], &created) && created > 0 ? created : 0;
    if (strcmp(event.type, "payment.failed") == 0)
        event.kind = EVENT_PAYMENT_FAILED;
    else if (strcmp(event.type, "invoice.paid") == 0)
        event.kind = EVENT_PAID;
    else if (strncmp(event.type, "invoice.", 8) == 0)
        event.kind = EVENT_CHANGED;
    *out = event;
    return 0;
}

static const struct option options[] = {
    {"file", OPTION_TEXT, offsetof(struct sandbox_config, file), NULL, false,
     "Where the sandbox keeps its book between starts; without it the book is forgotten at the end."},
    {"currency", OPTION_TEXT, offsetof(struct sandbox_config, currency), "USD", false,
     "Currency of customers the sandbox meets for the first time."},
    {"faults", OPTION_TEXT, offsetof(struct sandbox_config, faults), NULL, false,
     "Misbehaviour to begin with, such as \"lose:1,decline:2\"; kinds are lose, cut, busy, error and decline."},
    {.name = NULL},
};

static const struct capability capabilities[] = {
    {"hold", "native", "Notices and retries of the held invoices stop in the sandbox."},
    {"release", "native", "What was before the hold is put back."},
    {"plan", "emulated", "The sandbox notes the plan; Dunwell keeps the dates and collects each instalment."},
    {"collect", "native", "Charges the card on file, in whole or in part."},
    {"link", "native", "A page that leads nowhere, shaped like a payment link."},
    {"credit", "native", "A credit lowers what is due on one invoice."},
    {"write_off", "native", "The rest of the invoice is marked as uncollectible."},
    {"defer", "native", "The sandbox's next own attempt moves to that day."},
    {"note", "native", "A remark in the sandbox's book."},
    {.op = NULL},
};

const struct driver sandbox_driver = {
    .name = "sandbox",
    .kind = DRIVER_BILLING,
    .summary = "A billing system in this process, to try Dunwell without one",
    .options = options,
    .config_size = sizeof(struct sandbox_config),
    .capabilities = capabilities,
    .webhook_hint = "none: events come from this process",
    .step = sandbox_step,
    .verify = sandbox_verify,
    .event = sandbox_event,
    .serve = sandbox_serve,
    .open_memory = sandbox_open,
    .close_memory = sandbox_close,
    .next_event = sandbox_next_event,
};
