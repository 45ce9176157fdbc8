/* The chat session.
 *
 * What people do must never fall between two connections. So a link that is to be replaced (the platform says so, or nine
 * tenths of its announced life are over) stays in use until the new one has said hello, and after that it is the platform
 * that ends it: whatever the platform has sent on it would be lost with our close, and a command is not sent twice. Only a
 * link that the platform leaves open (15 s after it was told to go, or after its announced life) is closed from here, with
 * 1000 once the acknowledgements it owes are out (at most 3 s), and cut at most 5 s later. An acknowledgement goes out on the
 * link its message came by, or not at all.
 *
 * Death is noticed by silence: we ping every 5 s. A link from which nothing at all came for 11 s gets a successor, as if it
 * had been told to go, and is reset after 25 s: slow is not dead, but nobody should have to wait to find out.
 * Whether we are connected is told by hellos, not by sockets.
 *
 * Reasons of a disconnect: "warning" and "refresh_requested" mean replace me (at once, but for links that
 * hardly live: from the fourth in a row with a pause that grows); "too_many_websockets" means stay away for half
 * a minute or more, because hurrying back is what makes it worse; "link_disabled" means a person has to switch it on again. */
#include "bot/socket.h"

#include <stdio.h>
#include <string.h>

#include "bot/dial.h"
#include "bot/link.h"
#include "bot/log.h"
#include "bot/metrics.h"

#define MAX_LINKS 6 /* two live, two being replaced, one opening, one to spare */
#define BRIEF_MOST 4

struct socket {
    struct io *io;
    const struct config *config;
    const struct driver_config *driver;
    struct socket_hooks hooks;
    struct socket_limits limits;
    struct link_hooks link_hooks;
    struct lws_vhost *vhost; /* made at the first link */
    struct dial dial;
    struct link links[MAX_LINKS];
    struct link *opening; /* the attempt's; NULL when none */
    int brief;            /* links in a row that were told to go as soon as they had come */
    struct io_timer tick;
    bool stopping;
};

static int count(const struct socket *s, enum link_state state, bool retiring_too)
{
    int n = 0;
    for (size_t i = 0; i < MAX_LINKS; i++)
        n += s->links[i].state == state && (retiring_too || !s->links[i].retiring);
    return n;
}

int socket_live(const struct socket *s)
{
    return count(s, LINK_LIVE, true);
}

static void report_live(struct socket *s)
{
    metric_set(METRIC_CHAT_LINKS, socket_live(s));
}

/* One attempt whenever fewer links than wanted are live and staying. */
static void supervise(struct socket *s)
{
    if (!s->stopping && !s->opening && count(s, LINK_LIVE, false) < s->limits.connections)
        dial_want(&s->dial);
}

/* Closes as soon as what is owed has left. */
static void drain(struct socket *s, struct link *l)
{
    int64_t now = io_now_ms();
    if (l->unacked == 0 || (l->state == LINK_DRAINING && now > l->limit_ms)) {
        link_close(l);
        l->limit_ms = now + s->limits.shut;
    } else if (l->state != LINK_DRAINING) {
        l->state = LINK_DRAINING;
        l->limit_ms = now + s->limits.drain;
    }
}

/* The new link serves: the platform may end the old one when it likes, and until then messages may still come by it. */
static void let_go_of_replaced(struct socket *s)
{
    int64_t now = io_now_ms();
    for (size_t i = 0; i < MAX_LINKS; i++) {
        struct link *l = &s->links[i];
        if (l->state != LINK_LIVE || !l->retiring)
            continue;
        l->state = LINK_REPLACED;
        l->limit_ms = (l->told || l->ends_ms < now ? now : l->ends_ms) + s->limits.linger;
    }
}

/* --- what links tell --- */

static void on_hello(struct socket *s, struct link *l, const struct chat_input *in)
{
    int64_t now = io_now_ms();
    if (l->state != LINK_OPENING)
        return;
    l->state = LINK_LIVE;
    l->live_ms = now;
    l->target = NULL;
    bool known = in->seconds_left > 0 && in->seconds_left < INT64_MAX / 10000;
    l->refresh_ms = known ? now + in->seconds_left * 900 : INT64_MAX;
    l->ends_ms = known ? now + in->seconds_left * 1000 : now;
    if (s->opening == l) {
        s->opening = NULL;
        dial_live(&s->dial);
    }
    let_go_of_replaced(s);
    report_live(s);
    log_line(LOG_INFO, "chat.hello", "%s is connected", s->driver->name);
    int ours = 0;
    for (size_t i = 0; i < MAX_LINKS; i++)
        ours += s->links[i].state != LINK_FREE;
    if (in->connections > ours)
        log_line(LOG_WARN, "chat.ghosts", "%s believes that %d connections are open, here are %d: another process may use the same "
                 "token and take a share of the clicks", s->driver->name, in->connections, ours);
    supervise(s);
}

/* Drops a link that nobody needs to hear of any more. */
static void discard(struct socket *s, struct link *l)
{
    if (s->opening == l)
        s->opening = NULL;
    l->state = LINK_CLOSING;
    link_drop(l, "");
}

/* An attempt that is under way is of no use any more. */
static void abandon(struct socket *s)
{
    if (s->opening)
        discard(s, s->opening);
}

/* A platform that tells each new link to go at once is not asked for the next in a tight loop: it would refuse us all. */
static void count_life(struct socket *s, const struct link *l)
{
    s->brief = io_now_ms() - l->live_ms < s->limits.brief ? s->brief + 1 : 0;
    if (s->brief >= BRIEF_MOST && s->dial.phase == DIAL_REST)
        dial_failed(&s->dial, LOG_WARN, s->limits.first, "the platform tells each connection to go as soon as it has come");
}

static void on_disconnect(struct socket *s, struct link *l, const char *reason)
{
    bool first = s->opening == l;
    if (str_eq(reason, "too_many_websockets")) {
        int64_t pause = s->limits.crowded + (int64_t)(s->hooks.random(s->hooks.ctx) % (uint64_t)s->limits.crowded);
        discard(s, l);
        abandon(s);
        dial_failed(&s->dial, LOG_ERROR, pause, "the platform says that too many connections are open for this app");
    } else if (str_eq(reason, "link_disabled")) {
        discard(s, l);
        abandon(s);
        dial_failed(&s->dial, LOG_ERROR, s->limits.disabled, "the platform has switched these connections off for this app; switch "
                    "Socket Mode on again");
    } else if (first) {
        link_drop(l, "refused before its hello");
    } else if (!l->told) {
        log_line(LOG_INFO, "chat.refresh", "%s asks for a new connection", s->driver->name);
        l->retiring = l->told = true;
        count_life(s, l);
        supervise(s);
    }
}

static void push_input(struct socket *s, struct link *l, struct chat_input *take)
{
    struct input in = {.kind = INPUT_CHAT, .chat_driver = s->driver, .chat = *take, .arrived_us = io_now_ms() * 1000};
    in.from = (struct handle){.slot = l->slot, .generation = l->generation};
    if (take->envelope)
        l->unacked++;
    s->hooks.push(s->hooks.ctx, &in); /* there is room: asked before */
}

static void on_text(void *ctx, struct link *l, struct span message)
{
    struct socket *s = ctx;
    struct chat_input in;
    struct err e = {0};
    if (s->stopping || l->state == LINK_CLOSING)
        return; /* not acknowledged: it comes again elsewhere */
    chat_input_init(&in);
    if (s->driver->driver->frame(s->driver, message, &in, &e)) {
        log_line(LOG_WARN, "chat.bad_frame", "%s", e.text);
        chat_input_fini(&in);
        return;
    }
    if (in.kind == CHAT_HELLO)
        on_hello(s, l, &in);
    else if (in.kind == CHAT_DISCONNECT)
        on_disconnect(s, l, in.text);
    else if (in.kind != CHAT_IGNORE || in.envelope) {
        push_input(s, l, &in);
        return;
    }
    chat_input_fini(&in);
}

static bool on_full(void *ctx)
{
    struct socket *s = ctx;
    return !s->stopping && s->hooks.full(s->hooks.ctx);
}

static void on_gone(void *ctx, struct link *l, enum link_state was, const char *why)
{
    struct socket *s = ctx;
    report_live(s);
    if (s->opening == l) {
        s->opening = NULL;
        if (s->dial.phase == DIAL_OPEN)
            dial_failed(&s->dial, LOG_WARN, 0, "the connection failed: %s", why);
        return;
    }
    if (was != LINK_LIVE || s->stopping)
        return;
    log_line(LOG_WARN, "chat.lost", "%s: a connection was lost: %s", s->driver->name, why);
    if (s->dial.phase == DIAL_REST && io_now_ms() >= s->dial.not_before_ms)
        dial_failed(&s->dial, LOG_INFO, 0, "a connection was lost");
}

/* --- what the dialler asks for --- */

static struct lws_vhost *make_vhost(struct socket *s, bool tls)
{
    struct lws_context_creation_info info;
    memset(&info, 0, sizeof info);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = link_protocols;
    info.vhost_name = "chat";
    info.timeout_secs = 20;
    if (tls) {
        info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        if (s->config->ca_file) { /* instead of the system's store, as for every other call */
            info.client_ssl_ca_filepath = s->config->ca_file;
            info.options |= LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
        }
    }
    return lws_create_vhost(io_context(s->io), &info);
}

/* A free place; a replaced link gives way when there is none, the one that has waited longest first. */
static struct link *free_link(struct socket *s)
{
    struct link *oldest = NULL;
    for (size_t i = 0; i < MAX_LINKS; i++) {
        struct link *l = &s->links[i];
        if (l->state == LINK_FREE)
            return l;
        if (l->state == LINK_REPLACED && (!oldest || l->live_ms < oldest->live_ms))
            oldest = l;
    }
    if (oldest)
        link_drop(oldest, "replaced");
    return oldest;
}

static void on_open(void *ctx, const struct link_target *t)
{
    struct socket *s = ctx;
    if (!s->vhost)
        s->vhost = make_vhost(s, t->tls);
    s->opening = s->vhost ? free_link(s) : NULL;
    if (s->opening)
        link_open(s->opening, s->vhost, t);
    else
        dial_failed(&s->dial, LOG_ERROR, 0, s->vhost ? "all links are still being closed" : "TLS could not be set up; is the CA file right?");
}

/* --- time --- */

static void tick_live(struct socket *s, struct link *l, int64_t now)
{
    if (now - l->live_ms > s->limits.steady && !l->retiring)
        dial_steady(&s->dial);
    if (now > l->refresh_ms || (now - l->heard_ms > s->limits.quiet && !l->parked))
        l->retiring = true;
}

static void tick_link(struct socket *s, struct link *l, int64_t now)
{
    if (l->state == LINK_FREE || l->state == LINK_OPENING)
        return; /* the attempt's deadline covers the second */
    if (l->state == LINK_LIVE)
        tick_live(s, l, now);
    if (l->state == LINK_DRAINING || (l->state == LINK_REPLACED && now > l->limit_ms))
        drain(s, l);
    if (l->state == LINK_CLOSING && now > l->limit_ms)
        link_drop(l, "did not close");
    else if (now - l->heard_ms > s->limits.dead && !l->parked)
        link_drop(l, "silent for too long");
    else if (now - l->pinged_ms >= s->limits.ping)
        link_ping(l);
}

static void check_attempt(struct socket *s)
{
    dial_poll(&s->dial);
    if (s->dial.phase != DIAL_OPEN) /* its deadline is over */
        abandon(s);
}

static void on_tick(void *ctx)
{
    struct socket *s = ctx;
    int64_t now = io_now_ms();
    for (size_t i = 0; i < MAX_LINKS; i++)
        tick_link(s, &s->links[i], now);
    check_attempt(s);
    supervise(s);
    io_timer_set(s->io, &s->tick, s->limits.tick * 1000);
}

static void on_woken(void *ctx)
{
    check_attempt(ctx);
}

/* --- from outside --- */

void socket_response(struct socket *s, int64_t attempt, struct http_response *take)
{
    dial_response(&s->dial, attempt, take);
}

void socket_ack(struct socket *s, struct handle to, struct buf *take)
{
    struct link *l = to.slot < MAX_LINKS ? &s->links[to.slot] : NULL;
    if (!l || l->generation != to.generation || l->state == LINK_FREE || l->state == LINK_CLOSING) {
        buf_fini(take);
        return;
    }
    if (l->unacked)
        l->unacked--;
    link_send(l, take);
}

void socket_flush(struct socket *s)
{
    for (size_t i = 0; i < MAX_LINKS; i++) {
        struct link *l = &s->links[i];
        link_flush(l);
        if (l->state == LINK_DRAINING && l->unacked == 0)
            drain(s, l);
    }
}

void socket_room(struct socket *s)
{
    for (size_t i = 0; i < MAX_LINKS; i++)
        link_resume(&s->links[i]);
}

bool socket_problem(const struct socket *s, char *out, size_t size)
{
    if (socket_live(s))
        return false;
    snprintf(out, size, "%s: %s", s->driver->name, s->dial.problem[0] ? s->dial.problem : "connecting");
    return true;
}

static int64_t dial_now(void *ctx)
{
    struct socket *s = ctx;
    return s->hooks.now_ms(s->hooks.ctx);
}

static uint64_t dial_random(void *ctx)
{
    struct socket *s = ctx;
    return s->hooks.random(s->hooks.ctx);
}

static void dial_ask(void *ctx, const char *driver, int64_t attempt, struct http_request *take)
{
    struct socket *s = ctx;
    s->hooks.ask(s->hooks.ctx, driver, attempt, take);
}

static int64_t or_else(int64_t value, int64_t otherwise)
{
    return value ? value : otherwise;
}

static struct socket_limits filled(const struct socket_limits *given)
{
    struct socket_limits l = given ? *given : (struct socket_limits){0};
    l.live = or_else(l.live, 20000);
    l.ping = or_else(l.ping, 5000);
    l.quiet = or_else(l.quiet, 11000);
    l.dead = or_else(l.dead, 25000);
    l.linger = or_else(l.linger, 15000);
    l.drain = or_else(l.drain, 3000);
    l.shut = or_else(l.shut, 5000);
    l.first = or_else(l.first, 500);
    l.most = or_else(l.most, 30000);
    l.disabled = or_else(l.disabled, 300000);
    l.crowded = or_else(l.crowded, 30000);
    l.steady = or_else(l.steady, 60000);
    l.brief = or_else(l.brief, 500);
    l.tick = or_else(l.tick, 250);
    l.connections = l.connections == 2 ? 2 : 1;
    return l;
}

struct socket *socket_open(struct io *io, const struct config *c, const struct driver_config *driver, const struct socket_hooks *hooks,
                           const struct socket_limits *limits)
{
    struct socket *s = mem_alloc(sizeof *s);
    s->io = io;
    s->config = c;
    s->driver = driver;
    s->hooks = *hooks;
    s->limits = filled(limits);
    s->link_hooks = (struct link_hooks){.ctx = s, .full = on_full, .text = on_text, .gone = on_gone};
    for (uint32_t i = 0; i < MAX_LINKS; i++)
        link_init(&s->links[i], io, i, &s->link_hooks);
    struct dial_hooks dial = {.ctx = s, .now_ms = dial_now, .random = dial_random, .ask = dial_ask, .open = on_open};
    struct dial_limits waits = {.live = s->limits.live, .first = s->limits.first, .most = s->limits.most, .disabled = s->limits.disabled};
    dial_init(&s->dial, io, driver, &dial, &waits);
    s->tick = (struct io_timer){.fire = on_tick, .ctx = s};
    io_on_wake(io, on_woken, s);
    io_timer_set(io, &s->tick, 1);
    return s;
}

void socket_stop(struct socket *s)
{
    s->stopping = true;
    dial_fini(&s->dial);
    for (size_t i = 0; i < MAX_LINKS; i++) {
        struct link *l = &s->links[i];
        if (l->state == LINK_LIVE || l->state == LINK_REPLACED)
            drain(s, l);
        else if (l->state == LINK_OPENING)
            link_drop(l, "stopping");
    }
}

bool socket_stopped(const struct socket *s)
{
    return count(s, LINK_FREE, true) == MAX_LINKS;
}

void socket_close(struct socket *s)
{
    if (!s)
        return;
    io_timer_cancel(&s->tick);
    for (size_t i = 0; i < MAX_LINKS; i++)
        link_fini(&s->links[i]);
    dial_fini(&s->dial);
    free(s);
}
