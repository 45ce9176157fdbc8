/* One WebSocket to the chat platform. libwebsockets 4.1.6 connects and carries bytes; TLS is tls.c's and the frames are frame.c's.
 *
 * The link outlives lws's object: every way in which a connection can end (a NULL at the start, CONNECTION_ERROR, CLOSE,
 * sometimes only WSI_DESTROY) comes down to link_gone, once, and after that the lws object has no way back to the link.
 *
 * Messages are gathered until their last fragment, up to 1 MiB; beyond that the message is dropped and the link kept. When
 * the queue to the engine is full, the message that did not fit is parked with what was read behind it, and reading stops: the
 * peer's window fills, and nobody's memory does.
 *
 * Acknowledgements of one turn go out in one write, and at once: a person waits for them, and going round the loop to ask whether
 * the socket can be written would only tell what the write says anyway. */
#include "bot/link.h"

#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "bot/log.h"

#define MAX_OUT_BYTES (64u << 20)
#define MAX_WRITE (64u << 10)
#define MAX_HEAD (16u << 10) /* of the handshake's answer */
#define KEPT_BYTES (1u << 20)

static void link_empty(struct link *l)
{
    buf_fini(&l->in);
    buf_fini(&l->rest);
    buf_fini(&l->wire);
    buf_fini(&l->sealed);
    tls_free(l->tls);
    l->tls = NULL;
}

static void link_reset(struct link *l)
{
    link_empty(l);
    uint32_t next = l->generation + 1;
    *l = (struct link){.hooks = l->hooks, .io = l->io, .slot = l->slot, .generation = next ? next : 1};
    buf_init(&l->in, LINK_MAX_MESSAGE);
    buf_init(&l->rest, 2 * LINK_MAX_MESSAGE);
    buf_init(&l->wire, MAX_OUT_BYTES + 2 * KEPT_BYTES);
    buf_init(&l->sealed, KEPT_BYTES);
}

void link_init(struct link *l, struct io *io, uint32_t slot, const struct link_hooks *hooks)
{
    *l = (struct link){.hooks = hooks, .io = io, .slot = slot};
    link_reset(l);
}

static void link_gone(struct link *l, const char *why)
{
    enum link_state was = l->state;
    if (was == LINK_FREE)
        return;
    if (l->wsi)
        lws_set_opaque_user_data(l->wsi, NULL);
    link_reset(l);
    l->hooks->gone(l->hooks->ctx, l, was, why);
}

/* The library closes it when it next comes round, and tells. */
static void link_kill(struct link *l)
{
    if (l->wsi)
        lws_set_timeout(l->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
}

/* --- writing --- */

static int bytes_write(struct link *l, struct buf *b, size_t at, size_t n)
{
    return n && lws_write(l->wsi, (unsigned char *)b->p + at, n, LWS_WRITE_RAW) < 0 ? -1 : 0;
}

/* What TLS has to say, which is bounded by what it was given. */
static int sealed_write(struct link *l)
{
    int rc = l->sealed.over ? -1 : bytes_write(l, &l->sealed, 0, l->sealed.n);
    buf_clear(&l->sealed);
    return rc;
}

static int piece_write(struct link *l, size_t n)
{
    struct err e = {0};
    if (!l->tls)
        return bytes_write(l, &l->wire, l->wire_at, n);
    return tls_send(l->tls, (struct span){.p = l->wire.p + l->wire_at, .n = n}, &l->sealed, &e) ? -1 : sealed_write(l);
}

/* What lies on the wire's buffer, as far as the library does not hold some of it back already. */
static int wire_write(struct link *l)
{
    if (l->tls && !tls_ready(l->tls))
        return 0; /* nothing is said before it is known to whom */
    while (l->wire_at < l->wire.n && !lws_partial_buffered(l->wsi)) {
        size_t rest = l->wire.n - l->wire_at, n = rest < MAX_WRITE ? rest : MAX_WRITE;
        if (piece_write(l, n))
            return -1;
        l->wire_at += n;
    }
    if (l->wire_at == l->wire.n || l->wire_at >= KEPT_BYTES) {
        if (l->wire.p)
            memmove(l->wire.p, l->wire.p + l->wire_at, l->wire.n - l->wire_at);
        l->wire.n -= l->wire_at;
        l->wire_at = 0;
    }
    if (l->wire.n)
        lws_callback_on_writable(l->wsi);
    else if (l->wire.cap > KEPT_BYTES)
        buf_fini(&l->wire);
    return 0;
}

static void random_bytes(void *to, size_t n)
{
    if (getrandom(to, n, 0) != (ssize_t)n)
        abort(); /* the kernel always has some once it is up */
}

/* False when the peer has not read for so long that there is no room. */
static bool wire_add(struct link *l, enum frame_kind kind, struct span payload)
{
    if (l->wire.n - l->wire_at + payload.n > MAX_OUT_BYTES)
        return false;
    if (l->n_masks == 0) {
        random_bytes(l->masks, sizeof l->masks);
        l->n_masks = DW_ARRAY_LEN(l->masks);
    }
    frame_write(&l->wire, kind, payload, l->masks[--l->n_masks]);
    return true;
}

/* The end is said behind all the rest. */
static int on_writable(struct link *l)
{
    static const char normal[] = {(char)(LWS_CLOSE_STATUS_NORMAL >> 8), (char)(LWS_CLOSE_STATUS_NORMAL & 0xff)};
    int rc = wire_write(l);
    if (rc || l->wire.n || !l->close || l->close_sent || !l->upgraded)
        return rc;
    l->close_sent = true;
    wire_add(l, FRAME_CLOSE, (struct span){.p = normal, .n = sizeof normal});
    return wire_write(l);
}

void link_send(struct link *l, struct buf *take)
{
    bool fits = wire_add(l, FRAME_TEXT, (struct span){.p = buf_text(take), .n = take->n});
    buf_fini(take);
    if (!fits)
        link_drop(l, "the peer does not read");
}

void link_flush(struct link *l)
{
    if (l->wsi && l->upgraded && l->wire.n && wire_write(l))
        link_kill(l);
}

void link_ping(struct link *l)
{
    if (!l->wsi || !l->upgraded)
        return;
    l->pinged_ms = io_now_ms();
    wire_add(l, FRAME_PING, (struct span){0});
    link_flush(l);
}

/* --- reading --- */

static void deliver(struct link *l, struct span message)
{
    if (!l->hooks->full(l->hooks->ctx)) {
        l->hooks->text(l->hooks->ctx, l, message);
        return;
    }
    if (message.p != l->in.p)
        buf_add(&l->in, message.p, message.n);
    l->parked = true;
    lws_rx_flow_control(l->wsi, 0);
}

static void on_message(struct link *l, const struct frame_piece *piece)
{
    uint32_t generation = l->generation;
    if (piece->first) {
        buf_clear(&l->in);
        l->skipping = piece->kind != FRAME_TEXT;
    }
    if (!l->skipping && l->in.n + piece->bytes.n > LINK_MAX_MESSAGE) {
        log_line(LOG_WARN, "chat.message_too_large", "a message of more than 1 MiB was dropped");
        l->skipping = true;
    }
    if (l->skipping) {
        buf_clear(&l->in);
    } else if (piece->first && piece->last) {
        deliver(l, piece->bytes);
        return;
    } else {
        buf_add(&l->in, piece->bytes.p, piece->bytes.n);
    }
    if (!piece->last || l->skipping)
        return;
    deliver(l, (struct span){.p = buf_text(&l->in), .n = l->in.n});
    if (l->generation == generation && !l->parked)
        buf_clear(&l->in);
}

/* The peer ends it: that is answered, unless it is the answer. */
static int on_close(struct link *l, struct span why)
{
    if (!l->close_sent)
        wire_add(l, FRAME_CLOSE, (struct span){.p = why.p, .n = why.n < 2 ? 0 : 2});
    l->close_sent = true;
    (void)!wire_write(l);
    return -1;
}

static int on_piece(struct link *l, const struct frame_piece *piece)
{
    switch (piece->kind) {
    case FRAME_TEXT:
    case FRAME_BINARY:
        on_message(l, piece);
        return 0;
    case FRAME_PING:
        return wire_add(l, FRAME_PONG, piece->bytes) ? wire_write(l) : -1;
    case FRAME_PONG:
        return 0; /* that it was heard is noted already */
    case FRAME_CLOSE:
        return on_close(l, piece->bytes);
    }
    return -1;
}

/* All pieces, or until one is parked: then the rest waits with it. -1: the connection is to end. */
static int on_frames(struct link *l, struct span bytes)
{
    uint32_t generation = l->generation;
    while (!l->parked) {
        struct frame_piece piece;
        struct err e = {0};
        bool found = false;
        if (frame_read(&l->reader, &bytes, &piece, &found, &e)) {
            log_line(LOG_WARN, "chat.protocol", "the platform's bytes are not WebSocket: %s", e.text);
            return -1;
        }
        if (!found)
            return 0;
        int rc = on_piece(l, &piece);
        if (l->generation != generation)
            return 0; /* it has ended, and is told */
        if (rc)
            return rc;
    }
    buf_add(&l->rest, bytes.p, bytes.n);
    return l->rest.over ? -1 : 0;
}

static int on_rest(struct link *l)
{
    AUTO_BUF rest = l->rest;
    buf_init(&l->rest, rest.max);
    return on_frames(l, (struct span){.p = buf_text(&rest), .n = rest.n});
}

void link_resume(struct link *l)
{
    if (!l->parked || !l->wsi)
        return;
    uint32_t generation = l->generation;
    l->parked = false;
    deliver(l, (struct span){.p = buf_text(&l->in), .n = l->in.n});
    if (l->generation != generation || l->parked)
        return;
    buf_clear(&l->in);
    int rc = on_rest(l);
    if (l->generation != generation || l->parked)
        return;
    lws_rx_flow_control(l->wsi, 1);
    if (rc)
        link_kill(l);
}

/* --- the handshake --- */

/* What would end its line early is nobody's header. */
static bool is_one_line(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static bool add_headers(struct link *l)
{
    const char *name;
    json_t *value;
    json_t *headers = l->target->headers;
    if (!json_is_object(headers))
        return true;
    json_object_foreach(headers, name, value) {
        const char *text = json_is_string(value) ? json_string_value(value) : "";
        if (!is_one_line(name) || !is_one_line(text))
            return false;
        buf_addf(&l->wire, "%s: %s\r\n", name, text);
    }
    return true;
}

static bool request_add(struct link *l)
{
    const struct link_target *t = l->target;
    unsigned char random[FRAME_KEY_BYTES];
    char port[8] = "";
    if (!is_one_line(t->path) || strchr(t->path, ' '))
        return false;
    random_bytes(random, sizeof random);
    frame_key(l->key, random);
    if (t->port != (t->tls ? 443 : 80))
        snprintf(port, sizeof port, ":%d", t->port);
    bool v6 = strchr(t->host, ':') != NULL;
    buf_addf(&l->wire, "GET %s HTTP/1.1\r\nHost: %s%s%s%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"
             "Sec-WebSocket-Version: 13\r\n", t->path, v6 ? "[" : "", t->host, v6 ? "]" : "", port, l->key);
    bool fine = add_headers(l);
    buf_adds(&l->wire, "\r\n");
    return fine;
}

static int on_connected(struct link *l)
{
    struct err e = {0};
    lws_set_timeout(l->wsi, NO_PENDING_TIMEOUT, 0); /* the attempt has a deadline of its own */
    if (!l->target || !request_add(l))
        return -1;
    if (!l->tls)
        return wire_write(l);
    return tls_begin(l->tls, &l->sealed, &e) ? -1 : sealed_write(l);
}

static int on_answer(struct link *l, struct span bytes)
{
    buf_add(&l->in, bytes.p, bytes.n);
    const char *end = memmem(buf_text(&l->in), l->in.n, "\r\n\r\n", 4);
    size_t n = end ? (size_t)(end - l->in.p) + 4 : l->in.n;
    if (!end && n <= MAX_HEAD)
        return 0;
    const char *refusal = end ? frame_refusal((struct span){.p = l->in.p, .n = n}, l->key) : "the server does not speak WebSocket here";
    if (refusal) {
        link_gone(l, refusal);
        return -1;
    }
    l->upgraded = true;
    l->pinged_ms = l->heard_ms;
    buf_add(&l->rest, l->in.p + n, l->in.n - n);
    buf_clear(&l->in);
    return on_rest(l);
}

static int on_plain(struct link *l, struct span bytes)
{
    if (!bytes.n)
        return 0;
    return l->upgraded ? on_frames(l, bytes) : on_answer(l, bytes);
}

static int on_sealed(struct link *l, struct span bytes)
{
    AUTO_BUF plain = BUF(2 * LINK_MAX_MESSAGE);
    struct err e = {0};
    bool ended = false, was_ready = tls_ready(l->tls);
    uint32_t generation = l->generation;
    int rc = tls_receive(l->tls, bytes, &plain, &l->sealed, &ended, &e);
    if (sealed_write(l) || plain.over || (!rc && !was_ready && wire_write(l)))
        return -1;
    if (rc) {
        link_gone(l, e.text);
        return -1;
    }
    rc = on_plain(l, (struct span){.p = buf_text(&plain), .n = plain.n});
    return l->generation == generation && ended ? -1 : rc;
}

static int on_receive(struct link *l, struct span bytes)
{
    l->heard_ms = io_now_ms();
    return l->tls ? on_sealed(l, bytes) : on_plain(l, bytes);
}

/* --- life --- */

static int on_link(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    (void)user;
    struct link *l = lws_get_opaque_user_data(wsi);
    if (!l || l->state == LINK_FREE || (l->wsi && l->wsi != wsi))
        return reason == LWS_CALLBACK_RAW_RX || reason == LWS_CALLBACK_RAW_WRITEABLE || reason == LWS_CALLBACK_RAW_CONNECTED ? -1 : 0;
    switch ((int)reason) {
    case LWS_CALLBACK_RAW_CONNECTED:
        l->wsi = wsi;
        return on_connected(l);
    case LWS_CALLBACK_RAW_RX:
        return on_receive(l, (struct span){.p = in, .n = len});
    case LWS_CALLBACK_RAW_WRITEABLE:
        return on_writable(l);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR: {
        AUTO_STR why = in ? str_ndup(in, len < 100 ? len : 100) : str_dup("could not connect");
        link_gone(l, why);
        return 0;
    }
    case LWS_CALLBACK_RAW_CLOSE:
    case LWS_CALLBACK_WSI_DESTROY:
        link_gone(l, "closed");
        return 0;
    default:
        return 0;
    }
}

const struct lws_protocols link_protocols[] = {
    {.name = "dunwell-chat", .callback = on_link, .rx_buffer_size = 256u << 10},
    {.name = NULL},
};

void link_open(struct link *l, struct lws_vhost *vhost, struct tls_site *tls, const struct link_target *t)
{
    l->state = LINK_OPENING;
    l->target = t;
    l->tls = t->tls ? tls_new(tls, t->host) : NULL;
    l->heard_ms = io_now_ms();
    struct lws_client_connect_info how;
    memset(&how, 0, sizeof how);
    how.context = io_context(l->io);
    how.vhost = vhost;
    how.address = t->address; /* resolved already */
    how.host = t->address;
    how.port = t->port;
    how.method = "RAW";
    how.local_protocol_name = link_protocols[0].name;
    how.opaque_user_data = l;
    how.pwsi = &l->wsi;
    uint32_t generation = l->generation;
    struct lws *wsi = lws_client_connect_via_info(&how);
    if (l->generation != generation)
        return; /* ended meanwhile, and told */
    l->wsi = wsi;
    if (!wsi)
        link_gone(l, "could not connect");
}

void link_close(struct link *l)
{
    l->state = LINK_CLOSING;
    l->close = true;
    if (l->wsi)
        lws_callback_on_writable(l->wsi);
}

static void cut(struct link *l)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    if (!l->wsi)
        return;
    lws_set_opaque_user_data(l->wsi, NULL);
    setsockopt(lws_get_socket_fd(l->wsi), SOL_SOCKET, SO_LINGER, &none, sizeof none);
    lws_set_timeout(l->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
    l->wsi = NULL;
}

void link_drop(struct link *l, const char *why)
{
    cut(l);
    link_gone(l, why);
}

void link_fini(struct link *l)
{
    cut(l);
    link_reset(l);
    link_empty(l);
}
