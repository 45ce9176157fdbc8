/* One run: the real outbox on a real store, the real driver, a real HTTP call to the strict fake, and a fault at a request.
 *
 * A turn is as the program's: the stage is committed before the request leaves, the answer comes into a later turn. To die is to
 * throw away everything in memory, open the store again and recover, as the next start does; a token that was in memory is gone.
 * The server's clock is set by ours, so a day goes by for both at once, and each run of a scene is the same as the last. */
#include "tests/walk/walk.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/peers/perform.h"

#define BEGIN_MS INT64_C(1800000000000) /* 2027-01-15 */

struct rig {
    const char *base, *folder;
    const json_t *system;
    const struct driver *driver;
    struct driver_config *config;
    struct store *store;
    struct engine engine;
    CURL *curl;
    int64_t now_ms;
    const struct planned *plan;
    size_t n_plan;
    struct http_request late; /* on its way, while we think it lost */
    bool has_late;
    struct run *run;
};

static _Noreturn void broken(const char *what, const char *more)
{
    printf("the walk itself is broken: %s %s\n", what, more);
    exit(2);
}

/* --- the server --- */

static json_t *control(struct rig *w, const char *name, const json_t *args)
{
    struct http_request q;
    struct http_response a;
    const char *root_end = strchr(strstr(w->base, "//") + 2, '/');
    http_request_init(&q);
    http_response_init(&a);
    str_copy(q.method, sizeof q.method, args ? "POST" : "GET");
    q.url = str_fmt("%.*s/_test/%s", (int)(root_end ? (size_t)(root_end - w->base) : strlen(w->base)), w->base, name);
    AUTO_STR text = args ? json_text(args) : str_dup("");
    buf_adds(&q.body, text);
    perform(w->curl, &q, &a);
    json_t *value = a.transport == TRANSPORT_OK && a.status == 200 ? json_loadb(buf_text(&a.body), a.body.n, JSON_DECODE_ANY, NULL) : NULL;
    if (!value)
        broken(name, *a.problem ? a.problem : buf_text(&a.body));
    http_request_fini(&q);
    http_response_fini(&a);
    return value;
}

static void tell(struct rig *w, const char *name, json_t *take_args)
{
    json_decref(control(w, name, take_args));
    json_decref(take_args);
}

static void clock_to(struct rig *w, int64_t now_ms)
{
    if (now_ms / MS_SECOND != w->now_ms / MS_SECOND)
        tell(w, "clock", json_pack("{s:I}", "now", (json_int_t)(now_ms / MS_SECOND)));
    w->now_ms = now_ms;
}

static char *books(struct rig *w)
{
    AUTO_JSON state = control(w, "state", NULL);
    const json_t *wrong = json_object_get(state, "violations");
    if (json_array_size(wrong) && w->run && !w->run->violations)
        w->run->violations = json_text(wrong);
    return books_text(state);
}

/* --- the engine's world --- */

static int64_t now_of(void *ctx)
{
    return ((struct rig *)ctx)->now_ms;
}

static uint64_t dice(void *ctx)
{
    (void)ctx;
    return 4242;
}

static void step(void *ctx, const struct job *job, const struct http_response *previous, struct step *out)
{
    struct rig *w = ctx;
    w->driver->step(w->config, job, previous, out);
    if (out->outcome == STEP_DONE || out->outcome == STEP_REFUSED) {
        json_decref(w->run->result);
        w->run->result = json_incref(out->result);
    }
}

static const char *capability(void *ctx, const char *biller, const char *op, const char **note)
{
    (void)ctx, (void)biller, (void)op;
    *note = "";
    return "native";
}

static void ended(void *ctx, struct engine *e, const struct chat_end *end)
{
    struct rig *w = ctx;
    (void)e;
    w->run->ended = true;
    w->run->done = end->result != NULL;
    str_copy(w->run->reason, sizeof w->run->reason, end->reason);
}

static void open_all(struct rig *w)
{
    const struct world world = {.ctx = w, .now_ms = now_of, .random = dice, .step = step, .capability = capability, .chat_ended = ended};
    struct err e = {0};
    AUTO_STR url = str_fmt("sqlite:%s/walk.db", w->folder);
    if (store_open(&w->store, url, false, &e) != 0)
        broken("the store", e.text);
    engine_init(&w->engine, w->store, &world);
    w->config->session = w->driver->open_session ? w->driver->open_session(w->config) : NULL;
}

static void close_all(struct rig *w)
{
    if (w->config->session)
        w->driver->close_session(w->config->session);
    w->config->session = NULL;
    engine_fini(&w->engine);
    store_close(w->store);
}

static void begin(struct rig *w)
{
    store_begin(w->store);
    engine_begin(&w->engine);
}

static void commit(struct rig *w)
{
    struct err e = {0};
    if (store_commit(w->store, &e) != 0)
        broken("a commit", e.text);
}

static void die(struct rig *w)
{
    close_all(w);
    open_all(w);
    begin(w);
    engine_recover(&w->engine);
    commit(w);
}

/* --- one request --- */

static const struct fault *fault_at(const struct rig *w, int request)
{
    for (size_t i = 0; i < w->n_plan; i++)
        if (w->plan[i].at == request)
            return w->plan[i].fault;
    return NULL;
}

static void request_copy(struct http_request *to, const struct http_request *from)
{
    http_request_init(to);
    memcpy(to->method, from->method, sizeof to->method);
    to->url = str_dup(from->url);
    buf_add(&to->headers, buf_text(&from->headers), from->headers.n);
    buf_add(&to->body, buf_text(&from->body), from->body.n);
    to->write = from->write;
    to->timeout_ms = from->timeout_ms;
}

static void deliver_late(struct rig *w)
{
    struct http_response nobody;
    if (!w->has_late)
        return;
    http_response_init(&nobody);
    perform(w->curl, &w->late, &nobody);
    http_response_fini(&nobody);
    http_request_fini(&w->late);
    w->has_late = false;
}

/* What the driver is told in place of the truth. */
static void lie(struct rig *w, const struct fault *f, struct http_response *a)
{
    http_response_fini(a);
    http_response_init(a);
    a->transport = f->transport;
    str_copy(a->problem, sizeof a->problem, f->transport == TRANSPORT_OK ? "" : "as the walk wants it");
    if (f->busy) {
        AUTO_STR body = json_text(json_at(w->system, "busy.body"));
        a->status = (int)json_i64(w->system, "busy.status", 409);
        buf_adds(&a->body, body);
        a->retry_after_ms = MS_SECOND;
    } else if (f->transport == TRANSPORT_OK) {
        a->status = f->status;
        buf_adds(&a->body, f->status == 429 ? "{}" : "<html>oops</html>");
        a->retry_after_ms = f->status == 429 ? 3 * MS_SECOND : -1;
    }
}

/* False: the program died before it saw the answer. */
static bool exchange(struct rig *w, const struct http_request *q, struct http_response *a)
{
    struct run *r = w->run;
    int n = ++r->requests;
    const struct fault *f = n <= REQUESTS_MAX ? fault_at(w, n) : NULL;
    bool was_late = w->has_late;
    if (n <= REQUESTS_MAX) {
        const char *path = strchr(strstr(q->url, "//") + 2, '/');
        r->write[n] = q->write;
        snprintf(r->path[n], sizeof r->path[n], "%s %.70s", q->method, path ? path : "/");
        r->path[n][strcspn(r->path[n], "?")] = '\0';
    }
    if (f && f->lag && q->write)
        tell(w, "lag", json_pack("{s:i}", "reads", 2));
    if (f && f->late && !w->has_late) {
        request_copy(&w->late, q);
        w->has_late = true;
    } else if (!f || f->done) {
        perform(w->curl, q, a);
    }
    if (was_late)
        deliver_late(w);
    if (f && f->day)
        clock_to(w, w->now_ms + 25 * MS_HOUR);
    if (f && !f->dies)
        lie(w, f, a);
    return !f || !f->dies;
}

/* --- turns --- */

static void answered(struct rig *w, int64_t effect, const struct http_response *a, struct calls *more)
{
    begin(w);
    effect_answered(&w->engine, effect, a, more);
    commit(w);
}

/* One call and its answer; what is to be called next comes into `calls`. */
static void one_call(struct rig *w, struct calls *calls)
{
    struct http_response a;
    struct calls now = *calls;
    *calls = (struct calls){0};
    if (now.n != 1)
        broken("more than one call at once", "");
    http_response_init(&a);
    if (exchange(w, &now.list[0].request, &a))
        answered(w, now.list[0].effect_id, &a, calls);
    else
        die(w);
    http_response_fini(&a);
    calls_free(&now);
}

/* The outbox until this one effect has ended, or for ever has passed. */
static void play(struct rig *w)
{
    struct calls calls = {0};
    for (int turns = 0; !w->run->ended && turns < LATER_MAX && w->run->requests < REQUESTS_MAX; turns++) {
        if (calls.n) {
            one_call(w, &calls);
            continue;
        }
        begin(w);
        int64_t due_ms = effects_next_due_ms(&w->engine);
        commit(w);
        if (due_ms == INT64_MAX)
            broken("nothing is due", w->run->reason);
        if (due_ms > w->now_ms)
            clock_to(w, due_ms);
        begin(w);
        effects_start(&w->engine, &calls, 64);
        commit(w);
    }
    calls_free(&calls);
    deliver_late(w);
}

static void ask(struct rig *w, const char *op, const char *key, json_t *take_args)
{
    begin(w);
    store_run(w->store, "DELETE FROM effects", "");
    effect_add(&w->engine, &(struct effect_spec){.lane = "walk", .driver = w->config->name, .op = op, .key = key, .take_args = take_args, .purpose = "walk"});
    commit(w);
}

/* --- a scene --- */

/* [[name, {...}], ...] to the server. */
static void prepare(struct rig *w, const json_t *list)
{
    const json_t *row;
    size_t i;
    json_array_foreach(list, i, row)
        tell(w, json_string_value(json_array_get(row, 0)), json_incref(json_array_get(row, 1)));
}

/* What is done before, without faults; what it gave is taken over where the operation wants it. */
static void done_before(struct rig *w, const json_t *operation, json_t *args)
{
    const json_t *list = json_object_get(operation, "first"), *row, *name;
    size_t i, k;
    json_array_foreach(list, i, row) {
        struct run before = {0};
        AUTO_STR key = str_fmt("first-%zu", i);
        w->run = &before;
        ask(w, json_str(row, "op", ""), key, json_deep_copy(json_object_get(row, "args")));
        play(w);
        if (!before.done)
            broken(json_str(operation, "name", ""), before.reason);
        json_array_foreach(json_object_get(row, "take"), k, name)
            json_object_set(args, json_string_value(name), json_object_get(before.result, json_string_value(name)));
        run_fini(&before);
    }
}

void rig_run(struct rig *w, const json_t *operation, const struct planned *plan, size_t n, struct run *out)
{
    AUTO_JSON args = json_deep_copy(json_object_get(operation, "args"));
    *out = (struct run){0};
    w->n_plan = 0;
    tell(w, "reset", json_object());
    w->now_ms = 0;
    clock_to(w, BEGIN_MS);
    close_all(w); /* nothing of the run before, no token either */
    open_all(w);
    prepare(w, json_object_get(w->system, "setup"));
    prepare(w, json_object_get(operation, "setup"));
    done_before(w, operation, args);
    w->run = out;
    w->plan = plan;
    w->n_plan = n;
    out->before = books(w);
    ask(w, json_str(operation, "op", ""), "walk", json_incref(args));
    play(w);
    out->after = books(w);
}

void run_fini(struct run *r)
{
    json_decref(r->result);
    free(r->before);
    free(r->after);
    free(r->violations);
    *r = (struct run){0};
}

/* --- the driver's configuration --- */

static char **option_at(struct driver_config *config, const struct option *o)
{
    return (char **)(void *)((char *)config + o->offset);
}

struct rig *rig_new(const char *base_url, const json_t *system, const char *folder)
{
    struct rig *w = mem_alloc(sizeof *w);
    *w = (struct rig){.base = base_url, .folder = folder, .system = system, .driver = driver_find(DRIVER_BILLING, json_str(system, "driver", "")),
                      .curl = curl_easy_init()};
    if (!w->driver)
        broken("no such driver", json_str(system, "driver", ""));
    w->config = mem_alloc(w->driver->config_size);
    *w->config = (struct driver_config){.driver = w->driver, .name = w->driver->name};
    for (const struct option *o = w->driver->options; o->name; o++) {
        const char *value = json_str(json_object_get(system, "options"), o->name, o->otherwise ? o->otherwise : o->required ? "fake" : NULL);
        bool address = str_eq(o->name, "base_url") || str_eq(value ? value : "", "base_url");
        *option_at(w->config, o) = str_dup(address ? base_url : value);
    }
    open_all(w);
    return w;
}

void rig_free(struct rig *w)
{
    close_all(w);
    for (const struct option *o = w->driver->options; o->name; o++)
        free(*option_at(w->config, o));
    free(w->config);
    curl_easy_cleanup(w->curl);
    free(w);
}
