/* The turn: what arrived, one transaction, then what may leave.
 *
 * Here the engine, the drivers, the commands and the cards meet; each knows the others only through this file's world. The
 * order inside a turn is the order people would expect: first what came from outside, then what became due, then the cards
 * that changed by it, then the calls that are to go out. Everything that leaves is in `out`, and `out` is filled for good only
 * when the commit has returned. */
#include "bot/turn.h"

#include <string.h>
#include <time.h>

#include "bot/card_reread.h"
#include "bot/cards.h"
#include "bot/commands.h"
#include "bot/embedded.h"
#include "bot/files.h"
#include "bot/log.h"
#include "bot/metrics.h"
#include "bot/chat_person.h"
#include "bot/pace.h"
#include "bot/policy_file.h"
#include "bot/sites.h"
#include "engine/inbox.h"
#include "engine/journal.h"
#include "engine/poll.h"
#include "engine/session.h"
#include "engine/step_up.h"
#include "engine/timer.h"
#include "engine/when.h"

/* What a stored webhook leads to (its case, the calls of it) can wait for the answers of those who came in a crowd: then it
 * is done a few times a second only, some thousand rows a second, and when the crowd has gone a good deal more a turn.
 * A person's click or command is no crowd: what it leads to is begun in its own turn. */
enum { CROWD = 8, TICK_BUSY = 4, TICK_CROWD = 64, TICK_IDLE = 128, CALLS_CROWD = 4, CALLS_MOST = 64 };
#define CROWD_WAITS_MS 50
#define CROWD_GONE_MS 20

struct turn {
    const struct config *config;
    struct world clock; /* now and random, from outside */
    struct pace pace;
    struct engine engine;
    struct files files; /* people, accounts, policy */
    struct sites sites;
    int64_t worked_ms; /* when what can wait was last done */
    int64_t crowd_ms;  /* when a crowd was last here */
    bool started;
    struct calls calls;
    const char **billers; /* their configured names, for the engine */
};

/* ---- the engine's world ---- */

static int64_t monotonic_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t world_now(void *ctx)
{
    struct turn *t = ctx;
    return pace_now_ms(&t->pace, t->clock.now_ms(t->clock.ctx), monotonic_us() / 1000);
}

int64_t turn_now_ms(struct turn *t)
{
    return world_now(t);
}

static uint64_t world_random(void *ctx)
{
    struct turn *t = ctx;
    return t->clock.random(t->clock.ctx);
}

static void world_step(void *ctx, const struct job *job, const struct http_response *previous, struct step *out)
{
    struct turn *t = ctx;
    const struct driver_config *d = config_driver(t->config, job->driver);
    if (!d) {
        step_refused(out, "%s is not configured any more", job->driver);
        return;
    }
    d->driver->step(d, job, previous, out);
    if (out->denied || (previous && out->outcome == STEP_DONE))
        health_denied(t->sites.health, job->driver, out->denied ? out->reason : "");
}

static const char *world_capability(void *ctx, const char *biller, const char *op, const char **note)
{
    struct turn *t = ctx;
    const struct driver_config *d = config_driver(t->config, biller);
    for (const struct capability *c = d ? d->driver->capabilities : NULL; c && c->op; c++) {
        if (!str_eq(c->op, op))
            continue;
        *note = c->note;
        return c->how;
    }
    *note = "";
    return "none";
}

static const char *embedded_text(const char *path)
{
    for (const struct embedded *f = embedded_all; f->name; f++)
        if (str_eq(f->name, path))
            return (const char *)f->p;
    return NULL;
}

/* In the customer's language where we have it, else in English. */
static const char *world_text(void *ctx, const char *name, const char *language)
{
    (void)ctx;
    AUTO_STR own = str_fmt("mail/%.2s/%s.txt", language && language[0] ? language : "en", name);
    AUTO_STR english = str_fmt("mail/en/%s.txt", name);
    const char *text = embedded_text(own);
    return text ? text : embedded_text(english);
}

static void world_chat_ended(void *ctx, struct engine *e, const struct chat_end *end)
{
    (void)ctx;
    if (str_eq(end->purpose, "card"))
        cards_posted(e, end);
    else if (str_eq(end->purpose, "form"))
        forms_opened(e, end);
    else if (str_eq(end->purpose, "view"))
        forms_filled(e, end);
    else if (str_eq(end->purpose, "tap"))
        taps_posted(e, end);
    else if (str_eq(end->purpose, "whois"))
        chat_person_found(e, end);
    else if (str_eq(end->purpose, "reread"))
        cards_reread_ended(e, end);
    if (!end->result)
        log_line(LOG_WARN, "chat.refused", "%s: %s: %s", end->platform, end->purpose[0] ? end->purpose : "message", end->reason);
}

static void world_chat_input(void *ctx, struct engine *e, const struct chat_input *in)
{
    (void)ctx;
    chat_arrived(e, in);
}

static void world_poll_state(void *ctx, const char *platform, const char *reason)
{
    struct turn *t = ctx;
    health_note(t->sites.health, platform, reason, world_now(t));
}

static void world_missed(void *ctx, const char *biller, int64_t events)
{
    (void)ctx;
    metric_add(METRIC_WEBHOOKS_MISSED, events);
    log_line(LOG_WARN, "webhooks.missed", "%lld of %s had not arrived and were asked for: is its webhook address set, and reachable?", (long long)events,
             biller);
}

static char *world_policy_file(void *ctx)
{
    struct turn *t = ctx;
    return policy_file_read(t->config->policy_file);
}

static void world_policy_agreed(void *ctx, const char *text)
{
    struct turn *t = ctx;
    files_policy_agreed(&t->files, text);
}

/* ---- life ---- */

/* A session belongs to the configuration's driver, but lives only as long as one turn does. */
static void sessions_open(const struct config *c)
{
    for (size_t i = 0; i < c->n_drivers; i++)
        if (c->drivers[i]->driver->open_session && !c->drivers[i]->session)
            c->drivers[i]->session = c->drivers[i]->driver->open_session(c->drivers[i]);
}

static void sessions_close(const struct config *c)
{
    for (size_t i = 0; i < c->n_drivers; i++) {
        if (c->drivers[i]->session)
            c->drivers[i]->driver->close_session(c->drivers[i]->session);
        c->drivers[i]->session = NULL;
    }
}

static void name_billers(struct turn *t)
{
    const struct config *c = t->config;
    t->billers = mem_alloc((c->n_drivers + 1) * sizeof *t->billers);
    t->engine.billers = t->billers;
    for (size_t i = 0; i < c->n_drivers; i++)
        if (c->drivers[i]->driver->kind == DRIVER_BILLING)
            t->billers[t->engine.n_billers++] = c->drivers[i]->name;
}

struct turn *turn_new(const struct config *c, struct store *store, struct world *world_clock, struct problems *p)
{
    struct turn *t = mem_alloc(sizeof *t);
    *t = (struct turn){.config = c, .clock = *world_clock};
    bool usable = files_open(&t->files, c, store, world_now(t), p);
    const struct driver_config *mail = config_first(c, DRIVER_NOTIFY);
    struct world world = {.ctx = t, .now_ms = world_now, .random = world_random, .step = world_step, .capability = world_capability, .text = world_text,
                          .chat_ended = world_chat_ended, .chat_input = world_chat_input, .poll_state = world_poll_state, .missed = world_missed,
                          .policy_file = world_policy_file, .policy_agreed = world_policy_agreed};
    engine_init(&t->engine, store, &world);
    files_give(&t->files, &t->engine);
    t->engine.shadow = c->shadow;
    t->engine.mail = mail ? mail->name : NULL;
    t->engine.catch_up_ms = c->catch_up_ms;
    t->engine.failover_ms = c->failover_ms;
    name_billers(t);
    sites_open(&t->sites, c, world_now(t));
    t->engine.chats = t->sites.chats;
    t->engine.n_chats = t->sites.n_chats;
    if (!usable) {
        turn_free(t);
        return NULL;
    }
    sessions_open(c);
    return t;
}

void turn_free(struct turn *t)
{
    if (!t)
        return;
    engine_fini(&t->engine);
    files_close(&t->files);
    sites_close(&t->sites);
    calls_free(&t->calls);
    sessions_close(t->config);
    free(t->billers);
    free(t);
}

struct engine *turn_engine(struct turn *t)
{
    return &t->engine;
}

/* ---- outputs ---- */

static struct output *output_add(struct outputs *o, enum output_kind kind, struct handle to)
{
    if (o->n == o->cap) {
        o->cap = o->cap ? o->cap * 2 : 64;
        o->list = mem_grow(o->list, o->cap * sizeof *o->list);
    }
    struct output *out = &o->list[o->n++];
    *out = (struct output){.kind = kind, .to = to};
    buf_init(&out->text, JSON_MAX_BYTES);
    return out;
}

void outputs_clear(struct outputs *o)
{
    for (size_t i = 0; i < o->n; i++) {
        buf_fini(&o->list[i].text);
        if (o->list[i].kind == OUTPUT_CALL)
            http_request_fini(&o->list[i].call.request);
    }
    o->n = 0;
}

void outputs_free(struct outputs *o)
{
    outputs_clear(o);
    free(o->list);
    *o = (struct outputs){0};
}

void input_fini(struct input *in)
{
    buf_fini(&in->body);
    chat_input_fini(&in->chat);
    http_response_fini(&in->response);
}

/* ---- a turn ---- */

static void take_webhook(struct turn *t, struct input *in, struct outputs *out)
{
    const struct billing_event *ev = &in->event;
    struct span body = {.p = in->body.p, .n = in->body.n};
    bool fresh = inbox_put(&t->engine, in->biller->name, ev->id, ev->created_ms, ev->type, (int)ev->kind, ev->customer, ev->invoice, body);
    metric_add(fresh ? METRIC_WEBHOOKS_STORED : METRIC_WEBHOOKS_DUPLICATE, 1);
    output_add(out, OUTPUT_ANSWER, in->from)->status = 200;
}

/* A redelivered frame is acknowledged and does nothing. */
static void take_chat(struct turn *t, struct input *in, struct outputs *out)
{
    struct chat_answer answer;
    chat_answer_init(&answer);
    metric_add(METRIC_CHAT_INPUTS, 1);
    if (in->chat.kind != CHAT_IGNORE) {
        if (!in->chat.dedupe || chat_first_time(&t->engine, in->chat.platform, in->chat.dedupe))
            chat_handle(&t->engine, &in->chat, &answer);
        else
            metric_add(METRIC_CHAT_DUPLICATES, 1);
    }
    if (in->chat.envelope && in->chat_driver->driver->ack)
        in->chat_driver->driver->ack(in->chat_driver, &in->chat, &answer, &output_add(out, OUTPUT_ACK, in->from)->text);
    chat_answer_fini(&answer);
}

/* Events, each once for ever by its own id: the platform may put them into another delivery. What cannot be read at all is taken
 * too, for it would be sent again and again and hold up all that follows. */
static void take_push(struct turn *t, struct input *in, struct outputs *out)
{
    struct step s;
    struct err e = {0};
    const char *name = in->chat_driver->name;
    step_init(&s);
    struct span body = {.p = buf_text(&in->body), .n = in->body.n};
    if (in->chat_driver->driver->push(in->chat_driver, session_kept(&t->engine, name), body, t->engine.now_ms, &s, &e)) {
        size_t kept = chat_quarantine(&t->engine, name, body);
        metric_add(METRIC_CHAT_WARNINGS, 1);
        log_line(LOG_ERROR, "chat.unreadable", "%s sent %zu bytes that cannot be read and are passed over: %s. The first %zu are kept in the store (table "
                 "\"unreadable\"); whoever got no answer should ask again", name, in->body.n, e.text, kept);
    }
    effect_inputs(&t->engine, name, &s);
    step_fini(&s);
    output_add(out, OUTPUT_ANSWER, in->from)->status = 200;
}

static void take(struct turn *t, struct input *in, struct outputs *out)
{
    switch (in->kind) {
    case INPUT_WEBHOOK:
        take_webhook(t, in, out);
        break;
    case INPUT_CHAT:
        take_chat(t, in, out);
        break;
    case INPUT_PUSH:
        take_push(t, in, out);
        break;
    case INPUT_RESPONSE:
        effect_answered(&t->engine, in->effect_id, &in->response, &t->calls);
        break;
    }
}

static void first_time(struct turn *t)
{
    engine_recover(&t->engine);
    timers_hasten(&t->engine, TIMER_UNPOSTED); /* what was refused may have been mended for this start */
    polls_set(&t->engine, t->sites.polled, t->sites.n_polled);
    for (size_t i = 0; i < t->sites.n_pushed; i++)
        chat_awaken(&t->engine, t->sites.pushed[i]);
    journal_add(&t->engine, &(struct actor){.name = "dunwell"}, "started", 0, "", "", NULL, "Dunwell started in %s mode under policy %s",
                t->config->shadow ? "shadow" : "live", policy_version(t->engine.policy));
}

/* Between its waves a crowd is away for a moment only. */
static bool is_crowd(struct turn *t, const struct input *inputs, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (inputs[i].kind == INPUT_CHAT)
            return false;
    if (n >= CROWD)
        t->crowd_ms = t->engine.now_ms;
    return t->engine.now_ms - t->crowd_ms < CROWD_GONE_MS;
}

/* What became due, and the calls that may begin. All of it stands in the store, so a later turn may as well do it. */
static void work(struct turn *t, const struct input *inputs, size_t n)
{
    struct engine *engine = &t->engine;
    bool crowd = is_crowd(t, inputs, n);
    if (!crowd || engine->now_ms - t->worked_ms >= CROWD_WAITS_MS) {
        engine_tick(engine, crowd ? TICK_CROWD : n ? TICK_BUSY : TICK_IDLE);
        cards_reread(engine);
        cards_refresh(engine);
        effects_start(engine, &t->calls, crowd ? CALLS_CROWD : CALLS_MOST);
        t->worked_ms = engine->now_ms;
    }
    cards_refresh(engine); /* a case that changed has its card in the same transaction */
}

static void hand_over_calls(struct turn *t, struct outputs *out)
{
    for (size_t i = 0; i < t->calls.n; i++)
        output_add(out, OUTPUT_CALL, (struct handle){0})->call = t->calls.list[i]; /* owned by the output from now on */
    t->calls.n = 0;
}

int turn_run(struct turn *t, struct input *inputs, size_t n, struct outputs *out, struct err *e)
{
    struct engine *engine = &t->engine;
    files_look(&t->files, engine->store, world_now(t));
    files_give(&t->files, engine);
    engine_begin(engine);
    store_begin(engine->store);
    if (!t->started)
        first_time(t);
    if (t->files.codes_fresh)
        step_up_sync(engine);
    files_record_policy(&t->files, engine);
    for (size_t i = 0; i < n; i++)
        take(t, &inputs[i], out);
    work(t, inputs, n);
    metric_add(METRIC_TURNS, 1);
    bool wrote = store_wrote(engine->store);
    int64_t began_us = monotonic_us();
    int rc = store_commit(engine->store, e);
    if (rc != 0) {
        metric_add(METRIC_COMMIT_FAILURES, 1);
        engine_forget(engine);
        calls_free(&t->calls);
        outputs_clear(out);
        files_rolled_back(&t->files);
        return rc;
    }
    files_committed(&t->files, engine);
    metric_add(METRIC_COMMITS, wrote);
    metric_add(METRIC_COMMIT_US, wrote ? monotonic_us() - began_us : 0);
    t->started = true;
    t->files.codes_fresh = false;
    if (t->crowd_ms == engine->now_ms)
        t->crowd_ms = world_now(t); /* a slow commit is no sign that it has gone */
    hand_over_calls(t, out);
    return 0;
}

int64_t turn_next_due_ms(struct turn *t)
{
    if (!t->started)
        return t->engine.now_ms;
    if (t->engine.now_ms - t->crowd_ms < CROWD_GONE_MS)
        return t->crowd_ms + CROWD_GONE_MS;
    int64_t due = engine_next_due_ms(&t->engine), look = files_next_look_ms(&t->files);
    return due < look ? due : look;
}

bool turn_problem(struct turn *t, int64_t now_ms, char *out, size_t size)
{
    return health_problem(t->sites.health, now_ms, out, size);
}
