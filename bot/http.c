/* The HTTP server.
 *
 * Why libmicrohttpd and not libwebsockets, which is here anyway: the server of lws 4.1.6 (Debian 12) never answers a chunked
 * request body, a POST without a length, the second of two requests that arrive in one segment, or a header whose name is
 * a mere prefix of a known one (tried, each just hangs). A billing system that is not answered sends again and again and
 * finally switches the webhook off. libmicrohttpd 0.9.75 answers all of these, gives every header by name, can suspend a
 * request until its event is committed, and lends us its epoll descriptor, so that it runs in the same loop and thread.
 *
 * A connection is a slot with a generation. A verified webhook is pushed to the engine with that pair as its address and
 * the connection is suspended; when the answer comes, after the commit, the pair is looked up again, and if the peer has
 * gone meanwhile it no longer fits and the answer is dropped: the sender comes again and is told 200 then.
 *
 * Everything is bounded: connections, header bytes (the library answers 431), one body (413), all bodies together (503), and
 * time. The library knows only idle time, which a sender of one byte a second never reaches; so a sweep each second ends
 * whatever is past its absolute deadline, with 408, or 503 while it waits for a commit. Bodies that will be refused are
 * read to their end if they are not absurd, because closing on unread bytes makes the kernel send a reset, which can
 * destroy the answer before the peer has read it. */
#include "bot/http.h"

#include <microhttpd.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bot/http_push.h"
#include "bot/http_target.h"
#include "bot/listen.h"
#include "bot/log.h"
#include "bot/metrics.h"

#define CONNECTION_MEMORY (16u << 10) /* request line and headers must fit */
#define MAX_ALL_BODIES (32u << 20)
#define MAX_DRAIN (16u << 20)
#define SLOTS (HTTP_MAX_CONNECTIONS + 64) /* a few are still being cleaned up */
#define SWEEP_US 1000000
#define PUMPS 8

enum phase {
    CONN_FREE,
    CONN_FRESH,    /* connected, no request line yet */
    CONN_IDLE,     /* between two requests */
    CONN_HEADERS,  /* the request line is there */
    CONN_BODY,
    CONN_WAITING,  /* suspended until the engine's answer */
    CONN_RESUMED,  /* the answer is known, the library will ask for it */
    CONN_ANSWERED, /* the library is sending it */
    CONN_CUT,      /* told to go; its socket is shut */
};

struct conn {
    struct http *http;
    struct MHD_Connection *mhd;
    uint32_t generation; /* never 0 once used */
    enum phase phase;
    bool cut; /* the path was more than what the library gives */
    enum reply verdict;
    int status; /* the engine's */
    int64_t since_ms;
    const struct driver_config *biller, *chat; /* whose it is: a webhook, or a chat platform's delivery */
    size_t most;                               /* bytes of a body */
    struct buf body;
    size_t received;
};

struct http {
    struct io *io;
    const struct config *config;
    struct http_hooks hooks;
    struct http_limits limits;
    struct MHD_Daemon *daemon;
    struct io_timer sweep, soon;
    struct replies replies;
    int port;
    int64_t now_ms; /* monotonic, read once a round */
    bool stopping, answered; /* since the last flush */
    size_t waiting, body_bytes;
    struct conn *free_list[SLOTS];
    size_t n_free;
    struct conn conns[SLOTS];
};

/* --- connections --- */

static void conn_enter(struct conn *c, enum phase phase)
{
    if ((c->phase == CONN_WAITING) != (phase == CONN_WAITING))
        c->http->waiting += phase == CONN_WAITING ? 1 : (size_t)-1;
    c->phase = phase;
    c->since_ms = c->http->now_ms;
}

static void conn_drop_body(struct conn *c)
{
    c->http->body_bytes -= c->body.n;
    buf_fini(&c->body);
    buf_init(&c->body, HTTP_MAX_BODY);
}

static void conn_forget_request(struct conn *c)
{
    conn_drop_body(c);
    c->verdict = REPLY_NONE;
    c->status = 0;
    c->received = 0;
    c->biller = c->chat = NULL;
    if (++c->generation == 0)
        c->generation = 1;
}

static struct conn *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return i ? i->socket_context : NULL;
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context, enum MHD_ConnectionNotificationCode what)
{
    struct http *h = cls;
    struct conn *c;
    switch (what) {
    case MHD_CONNECTION_NOTIFY_STARTED:
        c = h->n_free ? h->free_list[--h->n_free] : NULL;
        *socket_context = c;
        if (!c)
            return;
        c->mhd = mhd;
        conn_forget_request(c);
        conn_enter(c, CONN_FRESH);
        return;
    case MHD_CONNECTION_NOTIFY_CLOSED:
        c = *socket_context;
        if (!c)
            return;
        conn_forget_request(c);
        conn_enter(c, CONN_FREE);
        c->mhd = NULL;
        h->free_list[h->n_free++] = c;
        *socket_context = NULL;
        return;
    }
}

/* The request line has been read. */
static void *on_request_line(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    (void)cls;
    struct conn *c = conn_of(mhd);
    if (c)
        c->cut = target_is_cut(uri);
    if (c && (c->phase == CONN_FRESH || c->phase == CONN_IDLE))
        conn_enter(c, CONN_HEADERS);
    return NULL;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **request, enum MHD_RequestTerminationCode how)
{
    (void)cls;
    (void)request;
    (void)how;
    struct conn *c = conn_of(mhd);
    if (!c)
        return;
    conn_forget_request(c);
    if (c->phase != CONN_CUT)
        conn_enter(c, CONN_IDLE);
}

/* Answers what the library cannot answer any more, and shuts the socket; the library sees the end and cleans up. */
static void conn_cut(struct conn *c, enum reply what)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (!i)
        return;
    int fd = i->connect_fd;
    if (what != REPLY_NONE) {
        AUTO_BUF raw = BUF(1024);
        reply_raw(&raw, what);
        ssize_t n = send(fd, raw.p, raw.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)n; /* a peer that does not even read 200 bytes goes without */
    }
    shutdown(fd, SHUT_RDWR);
    conn_enter(c, CONN_CUT);
}

/* --- requests --- */

static const char *header_of(const void *ctx, const char *name)
{
    union {
        const void *p;
        struct MHD_Connection *mhd;
    } c = {.p = ctx};
    return MHD_lookup_connection_value(c.mhd, MHD_HEADER_KIND, name);
}

static const char *query_of(const void *ctx, const char *name)
{
    union {
        const void *p;
        struct MHD_Connection *mhd;
    } c = {.p = ctx};
    return MHD_lookup_connection_value(c.mhd, MHD_GET_ARGUMENT_KIND, name);
}

static bool is_get(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static bool is_page(const char *url)
{
    return strcmp(url, "/healthz") == 0 || strcmp(url, "/readyz") == 0 || strcmp(url, "/metrics") == 0;
}

/* REPLY_NONE: the body is wanted, or a page that is written at the end. */
static enum reply route(struct conn *c, const char *url, const char *method)
{
    static const char hooks[] = "/hooks/";
    enum push_path push = push_path_of(url);
    if (c->cut)
        return REPLY_NO_PATH;
    if (is_page(url))
        return is_get(method) ? REPLY_NONE : REPLY_ONLY_GET;
    if (push != PUSH_NO) {
        const struct driver_config *chat = push_owner(c->http->config, header_of(c->mhd, "Authorization"), query_of(c->mhd, "access_token"));
        enum reply verdict = push_verdict(push, method, chat != NULL);
        c->chat = verdict == REPLY_NONE ? chat : NULL;
        c->most = c->chat ? PUSH_MAX_BODY : HTTP_MAX_BODY;
        return verdict == REPLY_NONE && c->http->stopping ? REPLY_STOPPING : verdict;
    }
    if (strncmp(url, hooks, sizeof hooks - 1) != 0)
        return REPLY_NO_PATH;
    c->biller = config_driver(c->http->config, url + sizeof hooks - 1);
    if (!c->biller || c->biller->driver->kind != DRIVER_BILLING || !c->biller->driver->verify || !c->biller->driver->event) {
        c->biller = NULL;
        return REPLY_NO_HOOK;
    }
    if (c->http->stopping)
        return REPLY_STOPPING;
    return strcmp(method, "POST") == 0 ? REPLY_NONE : REPLY_ONLY_POST;
}

/* Counts in the closure. */
static enum MHD_Result count_lengths(void *n, enum MHD_ValueKind kind, const char *name, const char *value)
{
    (void)kind;
    (void)value;
    *(int *)n += strcasecmp(name, "Content-Length") == 0;
    return MHD_YES;
}

/* What the header says of the body. *at_once: its end cannot or will not be awaited. */
static enum reply framing(struct MHD_Connection *mhd, const char *method, size_t most, bool *at_once)
{
    const char *length = header_of(mhd, "Content-Length"), *coding = header_of(mhd, "Transfer-Encoding");
    bool takes_body = strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
    int lengths = 0;
    *at_once = true;
    MHD_get_connection_values(mhd, MHD_HEADER_KIND, count_lengths, &lengths);
    if (lengths > 1 || (length && coding))
        return REPLY_TWO_LENGTHS;
    if (coding && strcasecmp(coding, "chunked") != 0)
        return REPLY_CODING;
    if (!length && !coding && takes_body)
        return REPLY_NO_LENGTH;
    unsigned long long n = length ? strtoull(length, NULL, 10) : 0; /* the library has checked that it is a number */
    *at_once = n > MAX_DRAIN || (n > most && header_of(mhd, "Expect"));
    return n > most ? REPLY_TOO_LARGE : REPLY_NONE;
}

static enum MHD_Result answer_now(struct conn *c, enum reply what)
{
    conn_enter(c, CONN_ANSWERED);
    return reply_send(&c->http->replies, c->mhd, what);
}

/* The header is complete. What is wrong already is remembered and said after the body, so that the connection lives on. */
static enum MHD_Result request_begin(struct conn *c, const char *url, const char *method)
{
    bool at_once = false;
    c->phase = CONN_BODY; /* the deadline keeps counting from the request line */
    c->most = HTTP_MAX_BODY;
    c->verdict = route(c, url, method);
    buf_init(&c->body, c->most);
    enum reply bad_body = framing(c->mhd, method, c->most, &at_once);
    if (bad_body != REPLY_NONE)
        c->verdict = bad_body;
    if (c->verdict != REPLY_NONE && at_once)
        return answer_now(c, c->verdict);
    return MHD_YES;
}

static enum MHD_Result request_body(struct conn *c, const char *data, size_t n)
{
    struct http *h = c->http;
    c->received += n;
    if (c->received > MAX_DRAIN) {
        conn_cut(c, REPLY_TOO_LARGE);
        return MHD_NO;
    }
    if (c->received > c->most)
        c->verdict = REPLY_TOO_LARGE;
    else if (c->verdict == REPLY_NONE && h->body_bytes + n > MAX_ALL_BODIES)
        c->verdict = REPLY_BUSY;
    if (c->verdict != REPLY_NONE || (!c->biller && !c->chat)) {
        conn_drop_body(c);
        return MHD_YES;
    }
    buf_add(&c->body, data, n);
    h->body_bytes += n;
    return MHD_YES;
}

/* Hands the verified event (or a chat's delivery: event NULL) over and suspends the connection until http_answer. */
static enum MHD_Result hand_over(struct conn *c, const struct billing_event *event)
{
    struct http *h = c->http;
    struct input in = {.kind = c->chat ? INPUT_PUSH : INPUT_WEBHOOK, .biller = c->biller, .chat_driver = c->chat, .body = c->body};
    if (event)
        in.event = *event;
    in.from = (struct handle){.slot = (uint32_t)(c - h->conns), .generation = c->generation};
    in.arrived_us = h->now_ms * 1000;
    h->body_bytes -= c->body.n;
    buf_init(&c->body, HTTP_MAX_BODY); /* the bytes belong to the input now */
    if (!h->hooks.push(h->hooks.ctx, &in))
        return answer_now(c, h->stopping ? REPLY_STOPPING : REPLY_BUSY);
    conn_enter(c, CONN_WAITING);
    MHD_suspend_connection(c->mhd);
    return MHD_YES;
}

static enum MHD_Result answer_sentence(struct conn *c, int status, const char *text)
{
    conn_enter(c, CONN_ANSWERED);
    AUTO_STR line = str_fmt("%s\n", text);
    return reply_send_text(c->mhd, status, line, "text/plain; charset=utf-8");
}

/* 401, and what the sender should show: some only send their password when they are asked for it. */
static enum MHD_Result answer_challenge(struct conn *c, const char *text, const char *ask)
{
    conn_enter(c, CONN_ANSWERED);
    AUTO_STR line = str_fmt("%s\n", text);
    return reply_send_challenge(c->mhd, line, ask);
}

static enum MHD_Result webhook(struct conn *c)
{
    struct http *h = c->http;
    const struct driver *d = c->biller->driver;
    struct webhook hook = {.header = header_of, .query = query_of, .ctx = c->mhd, .body = {.p = buf_text(&c->body), .n = c->body.n},
                           .now_ms = h->hooks.now_ms(h->hooks.ctx)};
    struct billing_event event;
    struct err e = {0};
    memset(&event, 0, sizeof event);
    int status = 401, rc = d->verify(c->biller, &hook, hook.now_ms, &e);
    if (rc == 0) {
        status = 400;
        rc = d->event_of ? d->event_of(c->biller, &hook, &event, &e) : d->event(c->biller, hook.body, &event, &e);
    } else if (rc != ERR_DENIED) {
        status = 400;
    }
    if (rc == 0)
        return hand_over(c, &event);
    metric_add(METRIC_WEBHOOKS_REFUSED, 1);
    const char *ask = status == 401 && d->challenge ? d->challenge(c->biller) : NULL;
    return ask ? answer_challenge(c, e.text, ask) : answer_sentence(c, status, e.text);
}

static enum MHD_Result page(struct conn *c, const char *url)
{
    struct http *h = c->http;
    char why[300];
    if (strcmp(url, "/metrics") == 0) {
        AUTO_BUF text = BUF(64u << 10);
        metrics_print(&text);
        conn_enter(c, CONN_ANSWERED);
        return reply_send_text(c->mhd, 200, buf_text(&text), "text/plain; version=0.0.4; charset=utf-8");
    }
    if (strcmp(url, "/readyz") == 0 && (h->stopping || h->hooks.not_ready(h->hooks.ctx, why, sizeof why)))
        return answer_sentence(c, 503, h->stopping ? "shutting down" : why);
    return answer_now(c, REPLY_OK);
}

/* After a suspension: the engine's word. */
static enum MHD_Result answer_engine(struct conn *c)
{
    if (c->status == 200)
        return answer_now(c, c->chat ? REPLY_EMPTY : REPLY_OK);
    if (c->status == 503)
        return answer_now(c, c->http->stopping ? REPLY_STOPPING : REPLY_NOT_STORED);
    return answer_sentence(c, c->status, "this event was not accepted");
}

/* libmicrohttpd calls this once when the header is complete, once per piece of body, once at the end (or after resume). */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *target, const char *method, const char *version,
                                  const char *data, size_t *size, void **request)
{
    (void)cls;
    (void)version;
    const char *url = target_path(target);
    struct conn *c = conn_of(mhd);
    if (!c || c->phase == CONN_CUT)
        return MHD_NO;
    if (!*request) {
        *request = c;
        return request_begin(c, url, method);
    }
    if (*size) {
        size_t n = *size;
        *size = 0;
        return request_body(c, data, n);
    }
    if (c->phase == CONN_RESUMED)
        return answer_engine(c);
    if (c->verdict != REPLY_NONE)
        return answer_now(c, c->verdict);
    if (c->chat)
        return hand_over(c, NULL);
    return c->biller ? webhook(c) : page(c, url);
}

/* --- the loop --- */

/* The descriptor is edge-triggered inside, so the library must be run until it says that nothing is pending. */
static void pump(void *ctx)
{
    struct http *h = ctx;
    MHD_UNSIGNED_LONG_LONG ms = 0;
    bool more = true;
    h->now_ms = io_now_ms();
    for (int i = 0; more && i < PUMPS; i++) {
        MHD_run(h->daemon);
        more = MHD_get_timeout(h->daemon, &ms) == MHD_YES && ms == 0;
    }
    h->hooks.pushed(h->hooks.ctx);
    if (more)
        io_timer_set(h->io, &h->soon, 1);
}

static void conn_sweep(struct http *h, struct conn *c)
{
    int64_t age = h->now_ms - c->since_ms;
    switch (c->phase) {
    case CONN_FREE:
    case CONN_RESUMED:
        return;
    case CONN_FRESH:
    case CONN_HEADERS:
    case CONN_BODY:
        if (age > h->limits.request_ms)
            conn_cut(c, REPLY_TIMEOUT);
        return;
    case CONN_IDLE:
        if (age > h->limits.idle_ms)
            conn_cut(c, REPLY_NONE);
        return;
    case CONN_ANSWERED:
        if (age > h->limits.request_ms)
            conn_cut(c, REPLY_NONE);
        return;
    case CONN_WAITING:
        if (age > h->limits.wait_ms)
            http_answer(h, (struct handle){.slot = (uint32_t)(c - h->conns), .generation = c->generation}, 503);
        return;
    case CONN_CUT:
        conn_cut(c, REPLY_NONE);
        return;
    }
}

static void on_sweep(void *ctx)
{
    struct http *h = ctx;
    h->now_ms = io_now_ms();
    for (size_t i = 0; i < SLOTS; i++)
        conn_sweep(h, &h->conns[i]);
    pump(h);
    io_timer_set(h->io, &h->sweep, SWEEP_US);
}

void http_answer(struct http *h, struct handle to, int status)
{
    if (to.slot >= SLOTS || h->conns[to.slot].generation != to.generation || h->conns[to.slot].phase != CONN_WAITING)
        return;
    struct conn *c = &h->conns[to.slot];
    c->status = status;
    conn_enter(c, CONN_RESUMED);
    MHD_resume_connection(c->mhd);
    h->answered = true;
}

void http_flush(struct http *h)
{
    if (h->answered)
        pump(h);
    h->answered = false;
}

size_t http_waiting(const struct http *h)
{
    return h->waiting;
}

int http_port(const struct http *h)
{
    return h->port;
}

/* --- opening and closing --- */

static struct MHD_Daemon *start_daemon(struct http *h, int fd)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME;
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)HTTP_MAX_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)(h->limits.idle_ms / 1000 + 1), MHD_OPTION_NOTIFY_COMPLETED,
                            on_completed, h, MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_URI_LOG_CALLBACK,
                            on_request_line, h, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
}

static struct http *http_new(struct io *io, const struct config *c, const struct http_hooks *hooks, const struct http_limits *l)
{
    struct http *h = mem_alloc(sizeof *h);
    h->io = io;
    h->now_ms = io_now_ms();
    h->config = c;
    h->hooks = *hooks;
    h->limits.request_ms = l && l->request_ms ? l->request_ms : 20000;
    h->limits.wait_ms = l && l->wait_ms ? l->wait_ms : 25000;
    h->limits.idle_ms = l && l->idle_ms ? l->idle_ms : 75000;
    for (size_t i = SLOTS; i-- > 0;) {
        h->conns[i].http = h;
        h->conns[i].generation = 1;
        buf_init(&h->conns[i].body, HTTP_MAX_BODY);
        h->free_list[h->n_free++] = &h->conns[i];
    }
    replies_init(&h->replies);
    h->sweep = (struct io_timer){.fire = on_sweep, .ctx = h};
    h->soon = (struct io_timer){.fire = pump, .ctx = h};
    return h;
}

int http_open(struct http **out, struct io *io, const struct config *c, const struct http_hooks *hooks, const struct http_limits *limits,
              struct err *e)
{
    int fd = -1;
    int rc = listen_open(&fd, c->listen_host, c->listen_port, e);
    if (rc)
        return rc;
    struct http *h = http_new(io, c, hooks, limits);
    h->port = listen_port(fd);
    h->daemon = start_daemon(h, fd);
    const union MHD_DaemonInfo *ep = h->daemon ? MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!h->daemon)
        close(fd);
    rc = ep ? io_watch(io, ep->epoll_fd, pump, h, e) : err_set(e, ERR_IO, "the HTTP server could not be started");
    if (rc) {
        http_close(h);
        return rc;
    }
    io_timer_set(io, &h->sweep, SWEEP_US);
    *out = h;
    return 0;
}

void http_stop(struct http *h)
{
    if (h->stopping)
        return;
    h->stopping = true;
    MHD_socket fd = MHD_quiesce_daemon(h->daemon);
    if (fd != MHD_INVALID_SOCKET)
        close(fd);
}

/* The library aborts the process when it is stopped with suspended connections, so they are all resumed first. */
void http_close(struct http *h)
{
    if (!h)
        return;
    if (h->daemon) {
        http_stop(h);
        for (uint32_t i = 0; i < SLOTS; i++)
            http_answer(h, (struct handle){.slot = i, .generation = h->conns[i].generation}, 503);
        pump(h);
        MHD_stop_daemon(h->daemon);
    }
    io_timer_cancel(&h->sweep);
    io_timer_cancel(&h->soon);
    replies_fini(&h->replies);
    for (size_t i = 0; i < SLOTS; i++)
        buf_fini(&h->conns[i].body);
    free(h);
}
