/* The HTTP server: webhooks in, /healthz, /readyz, /metrics. io thread only. See http.c. */
#ifndef DW_BOT_HTTP_H
#define DW_BOT_HTTP_H

#include "bot/io.h"
#include "bot/turn.h"

#define HTTP_MAX_BODY (1u << 20)
#define HTTP_MAX_CONNECTIONS 1024

struct http_hooks {
    void *ctx;
    int64_t (*now_ms)(void *ctx);
    bool (*push)(void *ctx, struct input *take);          /* a verified webhook; false: the queue is full */
    void (*pushed)(void *ctx);                            /* all that could be read has been: let the engine have it */
    bool (*not_ready)(void *ctx, char *why, size_t size); /* for /readyz */
};

/* Times after which a connection is answered or cut; zeros mean the defaults of http.c. */
struct http_limits {
    int64_t request_ms; /* from its first line to its last byte */
    int64_t wait_ms;    /* for the commit */
    int64_t idle_ms;    /* between requests */
};

struct http;

/* Binds c->listen_host and c->listen_port; port 0 takes a free one. ERR_CONFLICT when the port is taken. */
int http_open(struct http **out, struct io *io, const struct config *c, const struct http_hooks *hooks,
              const struct http_limits *limits, struct err *e) DW_MUST_CHECK;
int http_port(const struct http *h);
void http_answer(struct http *h, struct handle to, int status); /* a handle that is gone is ignored */
void http_flush(struct http *h);                                /* after the last http_answer of a batch */
void http_stop(struct http *h);                                 /* no more input; what waits may still be answered */
size_t http_waiting(const struct http *h);
void http_close(struct http *h); /* what still waits gets 503; NULL is fine. Before io_close */

#endif
