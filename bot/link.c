/* One WebSocket to the chat platform, on libwebsockets 4.1.6.
 *
 * The link outlives lws's object: every way in which a connection can end (a NULL at the start, CONNECTION_ERROR, CLOSED,
 * sometimes only WSI_DESTROY) comes down to link_gone, once, and after that the lws object has no way back to the link.
 *
 * Messages are gathered until their last fragment, up to 1 MiB; beyond that the message is dropped and the link kept. When
 * the queue to the engine is full, the message that did not fit is parked and reading stops: the peer's window fills, and
 * nobody's memory does.
 *
 * Acknowledgements of one turn go out together: the socket is corked while lws writes frame after frame, so that they share
 * packets, until lws says that the pipe is full. */
#include "bot/link.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "bot/log.h"

#define MAX_OUT_FRAMES 16384
#define MAX_OUT_BYTES (64u << 20)

static void link_reset(struct link *l)
{
    for (size_t i = l->out_at; i < l->n_out; i++)
        buf_fini(&l->out[i]);
    free(l->out);
    free(l->scratch);
    buf_fini(&l->in);
    uint32_t next = l->generation + 1;
    *l = (struct link){.hooks = l->hooks, .io = l->io, .slot = l->slot, .generation = next ? next : 1};
    buf_init(&l->in, LINK_MAX_MESSAGE);
}

void link_init(struct link *l, struct io *io, uint32_t slot, const struct link_hooks *hooks)
{
    *l = (struct link){.hooks = hooks, .io = io, .slot = slot};
    buf_init(&l->in, LINK_MAX_MESSAGE);
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

static void on_receive(struct link *l, const char *p, size_t n)
{
    struct lws *wsi = l->wsi;
    uint32_t generation = l->generation;
    bool first = lws_is_first_fragment(wsi) != 0, final = lws_is_final_fragment(wsi) != 0;
    l->heard_ms = io_now_ms();
    if (first) {
        buf_clear(&l->in);
        l->skipping = lws_frame_is_binary(wsi) != 0;
    }
    if (!l->skipping && l->in.n + n > LINK_MAX_MESSAGE) {
        log_line(LOG_WARN, "chat.message_too_large", "a message of more than 1 MiB was dropped");
        l->skipping = true;
    }
    if (l->skipping) {
        buf_clear(&l->in);
    } else if (first && final) {
        deliver(l, (struct span){.p = p, .n = n});
        return;
    } else {
        buf_add(&l->in, p, n);
    }
    if (!final || l->skipping)
        return;
    deliver(l, (struct span){.p = buf_text(&l->in), .n = l->in.n});
    if (l->generation == generation && !l->parked)
        buf_clear(&l->in);
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
    lws_rx_flow_control(l->wsi, 1);
}

/* --- writing --- */

static void cork(struct lws *wsi, int on)
{
    setsockopt(lws_get_socket_fd(wsi), IPPROTO_TCP, TCP_CORK, &on, sizeof on);
}

static int write_frame(struct link *l, const void *p, size_t n, enum lws_write_protocol how)
{
    /* lws wants room in front of the bytes, and masks them in place */
    if (l->cap_scratch < LWS_PRE + n) {
        l->cap_scratch = LWS_PRE + n + 1024;
        l->scratch = mem_grow(l->scratch, l->cap_scratch);
    }
    if (n)
        memcpy(l->scratch + LWS_PRE, p, n);
    return lws_write(l->wsi, l->scratch + LWS_PRE, n, how) < 0 ? -1 : 0;
}

static int write_frames(struct link *l)
{
    int rc = 0;
    if (l->ping) {
        l->ping = false;
        rc = write_frame(l, NULL, 0, LWS_WRITE_PING);
    }
    while (!rc && l->out_at < l->n_out && !lws_send_pipe_choked(l->wsi)) {
        struct buf *b = &l->out[l->out_at++];
        rc = write_frame(l, b->p, b->n, LWS_WRITE_TEXT);
        l->out_bytes -= b->n;
        buf_fini(b);
    }
    if (l->out_at == l->n_out)
        l->out_at = l->n_out = 0;
    return rc;
}

static int on_writable(struct link *l)
{
    bool several = l->n_out - l->out_at > 1;
    if (several)
        cork(l->wsi, 1);
    int rc = write_frames(l);
    if (several)
        cork(l->wsi, 0);
    if (rc)
        return -1;
    if (l->n_out)
        lws_callback_on_writable(l->wsi);
    else if (l->close && l->state == LINK_CLOSING) {
        lws_close_reason(l->wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
        return -1;
    }
    return 0;
}

void link_send(struct link *l, struct buf *take)
{
    if (l->n_out - l->out_at >= MAX_OUT_FRAMES || l->out_bytes + take->n > MAX_OUT_BYTES) {
        buf_fini(take);
        link_drop(l, "the peer does not read");
        return;
    }
    if (l->n_out == l->cap_out) {
        l->cap_out = l->cap_out ? l->cap_out * 2 : 64;
        l->out = mem_grow(l->out, l->cap_out * sizeof *l->out);
    }
    l->out_bytes += take->n;
    l->out[l->n_out++] = *take;
    buf_init(take, 0);
}

void link_flush(struct link *l)
{
    if (l->wsi && l->state != LINK_OPENING && l->n_out)
        lws_callback_on_writable(l->wsi);
}

void link_ping(struct link *l)
{
    if (!l->wsi)
        return;
    l->ping = true;
    l->pinged_ms = io_now_ms();
    lws_callback_on_writable(l->wsi);
}

/* --- life --- */

static int append_headers(const struct link *l, unsigned char **at, size_t room)
{
    const char *name;
    json_t *value;
    json_t *headers = l->target ? l->target->headers : NULL;
    if (!json_is_object(headers))
        return 0;
    json_object_foreach(headers, name, value) {
        char line[1024];
        int n = snprintf(line, sizeof line, "%s: %s\r\n", name, json_is_string(value) ? json_string_value(value) : "");
        if (n < 0 || (size_t)n >= sizeof line || (size_t)n > room)
            return -1;
        memcpy(*at, line, (size_t)n);
        *at += n;
        room -= (size_t)n;
    }
    return 0;
}

static int on_link(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    (void)user;
    struct link *l = lws_get_opaque_user_data(wsi);
    if (!l || l->state == LINK_FREE || (l->wsi && l->wsi != wsi))
        return reason == LWS_CALLBACK_CLIENT_RECEIVE || reason == LWS_CALLBACK_CLIENT_WRITEABLE ? -1 : 0;
    switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        return append_headers(l, in, len);
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        l->heard_ms = l->pinged_ms = io_now_ms();
        return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        on_receive(l, in, len);
        return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
        l->heard_ms = io_now_ms();
        return 0;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return on_writable(l);
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR: {
        AUTO_STR why = in ? str_ndup(in, len < 100 ? len : 100) : str_dup("could not connect");
        bool tls = strstr(why, "SSL") != NULL; /* OpenSSL's own words name no cause here */
        link_gone(l, tls ? "the certificate was not accepted (issuer, host name or date), or TLS failed; see tls.ca_file" : why);
        return 0;
    }
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_WSI_DESTROY:
        link_gone(l, "closed");
        return 0;
    default:
        return 0;
    }
}

/* No extensions: permessage-deflate of 4.1.6 can deliver one message for ever. */
const struct lws_protocols link_protocols[] = {
    {.name = "dunwell-chat", .callback = on_link, .rx_buffer_size = 256u << 10},
    {.name = NULL},
};

void link_open(struct link *l, struct lws_vhost *vhost, const struct link_target *t)
{
    char host[300];
    bool usual = t->port == (t->tls ? 443 : 80);
    snprintf(host, sizeof host, usual ? "%s" : "%s:%d", t->host, t->port);
    l->state = LINK_OPENING;
    l->target = t;
    l->heard_ms = io_now_ms();
    struct lws_client_connect_info how;
    memset(&how, 0, sizeof how);
    how.context = io_context(l->io);
    how.vhost = vhost;
    how.address = t->address; /* resolved already; the name below is what TLS is checked against */
    how.host = host;
    how.port = t->port;
    how.path = t->path;
    how.ssl_connection = t->tls ? LCCSCF_USE_SSL : 0;
    how.local_protocol_name = link_protocols[0].name;
    how.alpn = "http/1.1";
    how.ietf_version_or_minus_one = -1;
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
    buf_fini(&l->in);
}
