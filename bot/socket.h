/* The chat platform's WebSocket session: keeps links open, hands messages in, acknowledgements out. io thread only.
 * See socket.c. */
#ifndef DW_BOT_SOCKET_H
#define DW_BOT_SOCKET_H

#include "bot/io.h"
#include "bot/turn.h"

struct socket_hooks {
    void *ctx;
    int64_t (*now_ms)(void *ctx);
    uint64_t (*random)(void *ctx);
    bool (*push)(void *ctx, struct input *take); /* false: the queue is full */
    bool (*full)(void *ctx);                     /* when it says true, socket_room follows */
    void (*ask)(void *ctx, const char *driver, int64_t attempt, struct http_request *take); /* answer: socket_response */
};

/* All in milliseconds; a zero means the default of socket.c. */
struct socket_limits {
    int64_t live;        /* from the first step to the hello */
    int64_t ping;        /* between our pings */
    int64_t quiet, dead; /* without a sign of life: until another link is opened; until it is reset */
    int64_t linger;      /* a replaced link waits for the platform to end it */
    int64_t drain, shut; /* a link waits for acknowledgements to leave; a closing one for the close frame */
    int64_t first, most; /* backoff */
    int64_t disabled;    /* after a refusal that a person must mend */
    int64_t crowded;     /* after "too many": between this and twice this */
    int64_t steady;      /* a link this old resets the backoff */
    int64_t brief;       /* a link that is told to go before this age, the fourth in a row, is a failure */
    int64_t tick;
    int connections;     /* 1 or 2 */
};

struct socket;

/* The driver has frame() and no serve(). Begins to connect at once. */
struct socket *socket_open(struct io *io, const struct config *c, const struct driver_config *driver, const struct socket_hooks *hooks,
                           const struct socket_limits *limits);
void socket_response(struct socket *s, int64_t attempt, struct http_response *take);
/* To the link the input came by; if that is gone the frame is dropped, and the platform delivers again what it repeats. */
void socket_ack(struct socket *s, struct handle to, struct buf *take);
void socket_flush(struct socket *s);                             /* after the last socket_ack of a batch */
void socket_room(struct socket *s);                              /* the queue has room again */
int socket_live(const struct socket *s);                         /* live links */
bool socket_problem(const struct socket *s, char *out, size_t size); /* true: no live link; why */
void socket_stop(struct socket *s);                              /* no more input; links drain and close */
bool socket_stopped(const struct socket *s);                     /* no link is left */
void socket_close(struct socket *s);                             /* at once; NULL is fine. Before io_close */

#endif
