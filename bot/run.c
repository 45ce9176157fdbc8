/* The running process: three threads and what passes between them.
 *
 *   io  --- queue ---> engine --- outbox of io (answers, acknowledgements) ---> io
 *                        |  \---- calls ---> out --- queue (responses) ---> engine
 *
 * io never waits for the disk, the engine never waits for a socket, and out is the only one that waits for vendors. The
 * engine's outputs are handed to io in one piece a turn, with one wake-up, and only after the commit: that is the barrier on
 * which "acknowledged means stored" rests.
 *
 * Stopping goes the same way round: io takes no more input, the queue is closed, the engine runs a last turn over what was
 * accepted, io sends what that turn allows, and everything is closed. A disk that does not answer cannot hold it up for longer
 * than 5 s: then the engine thread is left behind and the process ends with an error. */
#include "bot/run.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

#include "bot/http.h"
#include "bot/io.h"
#include "bot/log.h"
#include "bot/metrics.h"
#include "bot/out.h"
#include "bot/outbox.h"
#include "bot/queue.h"
#include "bot/socket.h"
#include "bot/turner.h"

#define WANTED_FILES 4096
#define ENGINE_STOP_MS 3500
#define DRAIN_MS 1000
#define JOIN_MS 500
#define PULSE_US 50000

struct bot {
    const struct config *config;
    struct world world;
    struct store *store;
    struct turn *turn;
    struct queue *queue;
    struct turner *turner;
    struct out *out;
    struct io *io;
    struct outbox *outbox; /* what the other threads leave for io */
    struct http *http;
    struct socket *socket; /* NULL: the chat needs none */
    atomic_bool stop;
    struct io_timer pulse;
    bool pushed; /* and the engine has not been woken yet; io thread */
    bool stopped;
    bool stuck; /* the engine thread was left behind: what it uses is not freed */
    bot_ack_fn on_ack; /* set before the first push */
    void *on_ack_ctx;
};

/* --- the world --- */

static int64_t world_now_ms(void *ctx)
{
    (void)ctx;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint64_t world_random(void *ctx)
{
    (void)ctx;
    uint64_t r;
    if (getrandom(&r, sizeof r, 0) != sizeof r)
        abort(); /* the kernel always has 8 bytes once it is up */
    return r;
}

/* --- what the threads give each other --- */

static void ack_local(struct bot *b, struct buf *take)
{
    if (b->on_ack)
        b->on_ack(b->on_ack_ctx, (struct span){.p = buf_text(take), .n = take->n});
    buf_fini(take);
}

/* Engine thread, after the commit. */
static void on_deliver(void *ctx, struct outputs *take, bool room)
{
    struct bot *b = ctx;
    outbox_put(b->outbox, take, room);
    for (size_t i = 0; i < take->n; i++)
        if (take->list[i].kind == OUTPUT_CALL)
            out_submit(b->out, &take->list[i].call, 1);
}

/* Out thread. */
static void on_response(void *ctx, int64_t effect_id, struct http_response *take)
{
    struct bot *b = ctx;
    struct input in = {.kind = INPUT_RESPONSE, .effect_id = effect_id, .response = *take};
    queue_push(b->queue, &in);
    queue_wake(b->queue);
}

static void on_link_response(void *ctx, int64_t attempt, struct http_response *take)
{
    struct bot *b = ctx;
    outbox_put_link(b->outbox, attempt, take);
}

/* A webhook from inside the process: parsed like any other, but there is no signature to check and nobody to answer. */
static void on_inside_event(void *ctx, const struct driver_config *from, struct buf *take_body)
{
    struct bot *b = ctx;
    struct input in = {.kind = INPUT_WEBHOOK, .biller = from, .body = *take_body};
    struct err e = {0};
    struct span body = {.p = buf_text(take_body), .n = take_body->n};
    if (!from->driver->event || from->driver->event(from, body, &in.event, &e)) {
        log_line(LOG_WARN, "out.bad_event", "%s sent an event that cannot be read: %s", from->name, e.text);
        input_fini(&in);
        return;
    }
    queue_push_surely(b->queue, &in);
    queue_wake(b->queue);
}

static bool push(struct bot *b, struct input *take)
{
    bool fits = queue_push(b->queue, take);
    if (!fits)
        metric_add(METRIC_QUEUE_FULL, 1);
    return fits;
}

/* io thread: the engine is woken when all that was readable has been read (on_pushed). */
static bool on_push(void *ctx, struct input *take)
{
    struct bot *b = ctx;
    bool fits = push(b, take);
    b->pushed = b->pushed || fits;
    return fits;
}

static void on_pushed(void *ctx)
{
    struct bot *b = ctx;
    if (b->pushed && queue_wake(b->queue))
        outbox_expect(b->outbox);
    b->pushed = false;
}

static bool on_full(void *ctx)
{
    struct bot *b = ctx;
    bool full = queue_full(b->queue);
    if (full)
        metric_add(METRIC_QUEUE_FULL, 1);
    return full;
}

static void on_ask(void *ctx, const char *driver, int64_t attempt, struct http_request *take)
{
    struct bot *b = ctx;
    out_submit_link(b->out, driver, attempt, take);
}

static bool on_not_ready(void *ctx, char *why, size_t size)
{
    struct bot *b = ctx;
    return turner_problem(b->turner, why, size) || (b->socket && socket_problem(b->socket, why, size)) ||
           turn_problem(b->turn, world_now_ms(b), why, size);
}

/* --- io: what was left for it --- */

static void emit(struct bot *b, struct output *o)
{
    DW_KILLPOINT("io.answer");
    if (o->kind == OUTPUT_ANSWER) {
        if (b->http)
            http_answer(b->http, o->to, o->status);
        return;
    }
    struct buf frame = o->text;
    buf_init(&o->text, 0);
    if (o->to.slot == BOT_LOCAL)
        ack_local(b, &frame);
    else if (b->socket)
        socket_ack(b->socket, o->to, &frame);
    else
        buf_fini(&frame);
}

static void on_woken(void *ctx)
{
    struct bot *b = ctx;
    struct left left;
    outbox_take(b->outbox, &left);
    for (size_t i = 0; i < left.outputs.n; i++)
        emit(b, &left.outputs.list[i]);
    outputs_free(&left.outputs);
    for (size_t i = 0; i < left.n_links; i++) {
        if (b->socket)
            socket_response(b->socket, left.links[i].attempt, &left.links[i].response);
        else
            http_response_fini(&left.links[i].response);
    }
    if (b->http)
        http_flush(b->http);
    if (b->socket)
        socket_flush(b->socket);
    if (b->socket && left.room)
        socket_room(b->socket);
}

/* --- life --- */

/* 1024 connections need more descriptors than many systems hand out at first. */
static void raise_file_limit(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) || l.rlim_cur >= WANTED_FILES)
        return;
    l.rlim_cur = l.rlim_max < WANTED_FILES ? l.rlim_max : WANTED_FILES;
    setrlimit(RLIMIT_NOFILE, &l);
}

static int open_state(struct bot *b, struct err *e)
{
    struct problems p = {0};
    int rc = store_open(&b->store, b->config->store, false, e);
    if (rc)
        return rc;
    b->turn = turn_new(b->config, b->store, &b->world, &p);
    if (!b->turn)
        rc = err_set(e, ERR_INVALID, "%s", p.n ? p.lines[0] : "the files of the configuration cannot be used");
    for (size_t i = 0; b->turn && i < p.n; i++)
        log_line(LOG_WARN, "files", "%s", p.lines[i]);
    problems_free(&p);
    return rc;
}

static void open_socket(struct bot *b)
{
    const struct driver_config *chat = NULL;
    for (size_t i = 0; i < b->config->n_drivers && !chat; i++) {
        const struct driver *d = b->config->drivers[i]->driver;
        if (d->kind == DRIVER_CHAT && d->frame && !d->serve)
            chat = b->config->drivers[i];
    }
    if (!chat)
        return;
    struct socket_hooks hooks = {.ctx = b, .now_ms = world_now_ms, .random = world_random, .push = on_push, .full = on_full, .ask = on_ask};
    b->socket = socket_open(b->io, b->config, chat, &hooks, NULL);
}

static bool on_owed(void *ctx)
{
    struct bot *b = ctx;
    return !out_quiet(b->out);
}

static int run_turn(void *turn, struct input *inputs, size_t n, struct outputs *out, struct err *e)
{
    return turn_run(turn, inputs, n, out, e);
}

static int64_t turn_due(void *turn)
{
    return turn_next_due_ms(turn);
}

static int64_t turn_clock(void *ctx)
{
    struct bot *b = ctx;
    return turn_now_ms(b->turn);
}

/* Signals are for the thread that runs the loop. */
static void start_threads(struct bot *b)
{
    struct turner_hooks turner = {.turn = b->turn, .run = run_turn, .due_ms = turn_due, .ctx = b, .now_ms = turn_clock, .owed = on_owed, .deliver = on_deliver};
    struct out_hooks out = {.ctx = b, .now_ms = world_now_ms, .response = on_response, .link_response = on_link_response, .event = on_inside_event};
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    b->out = out_start(b->config, &out);
    b->turner = turner_start(b->queue, &turner);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int bot_start(struct bot **out, const struct config *c, struct err *e)
{
    struct bot *b = mem_alloc(sizeof *b);
    struct http_hooks hooks = {.ctx = b, .now_ms = world_now_ms, .push = on_push, .pushed = on_pushed, .not_ready = on_not_ready};
    b->config = c;
    b->world = (struct world){.ctx = b, .now_ms = world_now_ms, .random = world_random};
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    int rc = open_state(b, e);
    if (!rc)
        rc = io_open(&b->io, e);
    if (!rc)
        rc = http_open(&b->http, b->io, c, &hooks, NULL, e);
    if (rc) {
        bot_free(b);
        return rc;
    }
    b->queue = queue_new(QUEUE_MAX_INPUTS, QUEUE_MAX_BYTES);
    b->outbox = outbox_new(b->io);
    start_threads(b);
    io_on_wake(b->io, on_woken, b);
    open_socket(b);
    log_line(LOG_INFO, "start", "listening on %s port %d", c->listen_host, http_port(b->http));
    *out = b;
    return 0;
}

static void loop_turn(struct bot *b)
{
    io_turn(b->io);
    on_pushed(b); /* what came by WebSocket */
    if (outbox_look(b->outbox))
        on_woken(b);
}

/* While stopping, the loop must come round even when nothing happens. */
static void on_pulse(void *ctx)
{
    struct bot *b = ctx;
    io_timer_set(b->io, &b->pulse, PULSE_US);
}

/* Until everything that was accepted is answered, or the time is over. */
static void drain(struct bot *b)
{
    int64_t began = io_now_ms(), ended = 0;
    b->pulse = (struct io_timer){.fire = on_pulse, .ctx = b};
    on_pulse(b);
    for (;;) {
        int64_t now = io_now_ms();
        if (!ended && turner_done(b->turner))
            ended = now;
        bool quiet = http_waiting(b->http) == 0 && (!b->socket || socket_stopped(b->socket));
        if ((ended && (quiet || now - ended > DRAIN_MS)) || now - began > ENGINE_STOP_MS)
            break;
        loop_turn(b);
    }
    io_timer_cancel(&b->pulse);
}

/* Ends both other threads. Afterwards only a stuck engine thread may still be there. */
static void stop_threads(struct bot *b)
{
    if (b->stopped)
        return;
    b->stopped = true;
    queue_close(b->queue);
    out_stop(b->out);
    b->stuck = !turner_join(b->turner, JOIN_MS);
    if (b->stuck)
        log_line(LOG_ERROR, "stop", "the store does not answer; ending without it");
}

int bot_loop(struct bot *b)
{
    while (!atomic_load(&b->stop))
        loop_turn(b);
    log_line(LOG_INFO, "stop", "stopping: what was accepted is finished first");
    http_stop(b->http);
    if (b->socket)
        socket_stop(b->socket);
    out_finish(b->out);
    queue_close(b->queue);
    drain(b);
    stop_threads(b);
    return b->stuck ? 1 : 0;
}

void bot_stop(struct bot *b)
{
    atomic_store(&b->stop, true);
    io_wake(b->io);
}

void bot_free(struct bot *b)
{
    if (!b)
        return;
    if (b->turner)
        stop_threads(b);
    if (b->stuck)
        return; /* the process is about to end, and that thread still uses all this */
    http_close(b->http);
    socket_close(b->socket);
    out_free(b->out);
    io_close(b->io);
    if (b->turner)
        turner_free(b->turner);
    queue_free(b->queue);
    outbox_free(b->outbox);
    if (b->turn)
        turn_free(b->turn);
    store_close(b->store);
    free(b);
}

bool bot_push(struct bot *b, struct input *take)
{
    bool fits = push(b, take);
    queue_wake(b->queue);
    return fits;
}

void bot_on_ack(struct bot *b, bot_ack_fn on_ack, void *ctx)
{
    b->on_ack = on_ack;
    b->on_ack_ctx = ctx;
}

void bot_serve(struct bot *b, const char *driver, const struct http_request *request)
{
    out_serve(b->out, driver, request);
}

void *bot_memory(struct bot *b, const char *driver)
{
    return out_memory(b->out, driver);
}

int bot_port(const struct bot *b)
{
    return http_port(b->http);
}
