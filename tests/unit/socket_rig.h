/* A chat session on a loop of its own, with a driver that is easy to please and a WebSocket peer made of raw sockets. */
#ifndef DW_TESTS_SOCKET_RIG_H
#define DW_TESTS_SOCKET_RIG_H

#include "tests/unit/loop_rig.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include "bot/queue.h"
#include "bot/socket.h"

/* --- a chat driver: {"type":"hello"|"disconnect"|anything, "id":..., "reason":..., "seconds":N, "open":N} ------------- */

static atomic_int peer_port, connects;
static _Atomic(const char *) refusal; /* the next "connect" steps are refused with it */
static atomic_bool ask_first;         /* "connect" asks by HTTP first */

static void fake_step(const void *config, const struct job *job, const struct http_response *previous, struct step *out)
{
    (void)config;
    assert_string_equal(job->op, "connect");
    const char *no = atomic_load(&refusal);
    if (no) {
        out->outcome = STEP_REFUSED;
        str_copy(out->reason, sizeof out->reason, no);
        return;
    }
    if (atomic_load(&ask_first) && !previous) {
        out->outcome = STEP_HTTP;
        str_copy(out->request.method, sizeof out->request.method, "POST");
        out->stage = json_pack("{s:i}", "asked", 1);
        return;
    }
    if (previous)
        assert_int_equal(json_i64(job->stage, "asked", 0), 1);
    out->outcome = STEP_DONE;
    AUTO_STR url = str_fmt("ws://localhost:%d/link/?ticket=%d", atomic_load(&peer_port), atomic_fetch_add(&connects, 1) + 1);
    out->result = json_pack("{s:s, s:{s:s}}", "url", url, "headers", "X-Link", "yes");
}

static int fake_frame(const void *config, struct span text, struct chat_input *out, struct err *e)
{
    (void)config;
    AUTO_JSON frame = json_read(text, e);
    if (!frame)
        return ERR_INVALID;
    const char *type = json_str(frame, "type", "");
    out->kind = strcmp(type, "hello") == 0 ? CHAT_HELLO : strcmp(type, "disconnect") == 0 ? CHAT_DISCONNECT : CHAT_COMMAND;
    out->seconds_left = json_i64(frame, "seconds", 0);
    out->connections = (int)json_i64(frame, "open", 1);
    out->envelope = str_dup(json_str(frame, "id", NULL));
    out->text = str_dup(out->kind == CHAT_DISCONNECT ? json_str(frame, "reason", "") : json_str(frame, "text", ""));
    return 0;
}

static const struct driver fake_driver = {.name = "fake", .kind = DRIVER_CHAT, .step = fake_step, .frame = fake_frame};
static const struct driver_config talk = {.driver = &fake_driver, .name = "talk"};

/* --- the session under test --- */

struct site {
    struct rig rig;
    struct config config;
    struct socket *socket;
    struct queue *queue;
    int listener;
    struct input *list;
    size_t cap;
    atomic_int asked;
};

static uint64_t no_chance(void *ctx)
{
    (void)ctx;
    return 20; /* of a backoff: 20 ms */
}

static bool site_push(void *ctx, struct input *take)
{
    struct site *s = ctx;
    bool fits = queue_push(s->queue, take);
    queue_wake(s->queue);
    return fits;
}

static bool site_full(void *ctx)
{
    struct site *s = ctx;
    return queue_full(s->queue);
}

static void site_ask(void *ctx, const char *driver, int64_t attempt, struct http_request *take)
{
    struct site *s = ctx;
    assert_string_equal(driver, "talk");
    http_request_fini(take);
    atomic_store(&s->asked, (int)attempt);
}

static void site_reply(void *ctx)
{
    struct site *s = ctx;
    struct http_response r;
    http_response_init(&r);
    socket_response(s->socket, atomic_load(&s->asked), &r);
}

static struct socket_limits quick(void)
{
    return (struct socket_limits){.live = 1000, .ping = 60000, .quiet = 60000, .dead = 60000, .linger = 400, .drain = 400, .shut = 400, .first = 100, .most = 400,
                                  .disabled = 400, .crowded = 400, .steady = 60000, .brief = 1, .tick = 10, .connections = 1};
}

static void site_open(struct site *s, size_t queue_max, struct socket_limits limits)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval patience = {.tv_sec = RIG_PATIENCE_MS / 1000};
    socklen_t n = sizeof a;
    memset(s, 0, sizeof *s);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(s->listener, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(bind(s->listener, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(s->listener, 16), 0);
    getsockname(s->listener, (struct sockaddr *)&a, &n);
    atomic_store(&peer_port, ntohs(a.sin_port));
    atomic_store(&connects, 0);
    atomic_store(&refusal, NULL);
    atomic_store(&ask_first, false);
    s->queue = queue_new(queue_max, 1 << 24);
    rig_open(&s->rig);
    struct socket_hooks hooks = {.ctx = s, .now_ms = rig_wall_ms, .random = no_chance, .push = site_push, .full = site_full, .ask = site_ask};
    s->socket = socket_open(s->rig.io, &s->config, &talk, &hooks, &limits);
    rig_run(&s->rig);
}

static void site_close(struct site *s)
{
    rig_stop(&s->rig);
    socket_close(s->socket);
    rig_close(&s->rig);
    queue_free(s->queue);
    free(s->list);
    close(s->listener);
}

/* --- the peer --- */

static bool quiet(const struct site *s, int ms)
{
    struct pollfd p = {.fd = s->listener, .events = POLLIN};
    return poll(&p, 1, ms) == 0;
}

/* Accepts a connection and does the handshake. The ticket's number goes to *ticket. */
static int peer_accept(struct site *s, int *ticket)
{
    char head[4096], key[64], accept[64], answer[256];
    unsigned char digest[SHA_DIGEST_LENGTH];
    struct timeval patience = {.tv_sec = RIG_PATIENCE_MS / 1000};
    size_t n = 0;
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    memset(head, 0, sizeof head);
    while (!strstr(head, "\r\n\r\n"))
        assert_true(n + 1 < sizeof head && rig_read(fd, head + n++, 1));
    assert_int_equal(sscanf(head, "GET /link/?ticket=%d HTTP/1.1", ticket), 1);
    assert_non_null(strcasestr(head, "x-link: yes\r\n"));
    assert_null(strcasestr(head, "sec-websocket-extensions"));
    assert_int_equal(sscanf(strcasestr(head, "sec-websocket-key:") + 18, " %40s", key), 1);
    char whole[128];
    snprintf(whole, sizeof whole, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    SHA1((const unsigned char *)whole, strlen(whole), digest);
    EVP_EncodeBlock((unsigned char *)accept, digest, sizeof digest);
    snprintf(answer, sizeof answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
    rig_sends(fd, answer);
    return fd;
}

static void peer_frame(int fd, unsigned first, const void *p, size_t n)
{
    unsigned char h[10] = {(unsigned char)first, (unsigned char)n};
    size_t size = 2;
    if (n >= 126) {
        h[1] = n < 65536 ? 126 : 127;
        size = n < 65536 ? 4 : 10;
        for (size_t i = 2; i < size; i++)
            h[i] = (unsigned char)(n >> (8 * (size - 1 - i)));
    }
    rig_send(fd, h, size);
    rig_send(fd, p, n);
}

static void peer_text(int fd, const char *text)
{
    peer_frame(fd, 0x81, text, strlen(text));
}

/* The next frame of a kind (opcode), pings answered; -1 when the connection ends. Returns the payload's length. */
static int peer_read(int fd, unsigned opcode, char *out, size_t size)
{
    for (;;) {
        unsigned char h[4], mask[4];
        if (!rig_read(fd, h, 2))
            return -1;
        assert_true(h[1] & 0x80); /* clients mask */
        size_t n = h[1] & 0x7f;
        if (n == 126) {
            assert_true(rig_read(fd, h + 2, 2));
            n = (size_t)h[2] << 8 | h[3];
        }
        assert_true(n + 1 < size && rig_read(fd, mask, 4) && (n == 0 || rig_read(fd, out, n)));
        for (size_t i = 0; i < n; i++)
            out[i] = (char)(out[i] ^ mask[i % 4]);
        out[n] = '\0';
        if ((h[0] & 0xfu) == opcode)
            return (int)n;
        if ((h[0] & 0xfu) == 9)
            peer_frame(fd, 0x8a, out, n);
    }
}

static int peer_hello(struct site *s, int *ticket)
{
    int fd = peer_accept(s, ticket);
    peer_text(fd, "{\"type\":\"hello\"}");
    return fd;
}

/* Takes exactly n inputs off the queue into s->list (they stay there until the next take). */
static void take(struct site *s, size_t n)
{
    struct input *got = NULL;
    size_t cap = 0, have = 0;
    bool away;
    s->list = mem_grow(s->list, n * sizeof *s->list);
    for (int64_t end = io_now_ms() + RIG_PATIENCE_MS; have < n && io_now_ms() < end;) {
        queue_wait(s->queue, 50);
        size_t more = queue_take(s->queue, &got, &cap, &away);
        assert_true(have + more <= n);
        if (more)
            memcpy(s->list + have, got, more * sizeof *got);
        have += more;
    }
    free(got);
    assert_int_equal(have, n);
}

static void drop(struct site *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        input_fini(&s->list[i]);
}

struct acks {
    struct site *site;
    size_t n;
};

static void give_acks(void *ctx)
{
    struct acks *a = ctx;
    for (size_t i = 0; i < a->n; i++) {
        struct buf b;
        buf_init(&b, 1000);
        buf_addf(&b, "{\"ack\":\"%s\"}", a->site->list[i].chat.envelope);
        socket_ack(a->site->socket, a->site->list[i].from, &b);
    }
    socket_flush(a->site->socket);
}

static void ack(struct site *s, size_t n)
{
    struct acks a = {.site = s, .n = n};
    rig_do(&s->rig, give_acks, &a);
    drop(s, n);
}

static void get_live(void *ctx)
{
    struct site *s = ctx;
    s->cap = (size_t)socket_live(s->socket);
}

static void wait_live(struct site *s, size_t n)
{
    for (int i = 0; i < 500; i++) {
        rig_do(&s->rig, get_live, s);
        if (s->cap == n)
            return;
        rig_sleep(10);
    }
    assert_int_equal(s->cap, n);
}

static char frame[70000];

#endif
