/* One WebSocket to the chat platform. Embedded in its owner's table; io thread only. See link.c. */
#ifndef DW_BOT_LINK_H
#define DW_BOT_LINK_H

#include "bot/io.h"
#include "engine/buf.h"
#include "engine/json.h"

#define LINK_MAX_MESSAGE (1u << 20)

enum link_state {
    LINK_FREE,
    LINK_OPENING,  /* TCP, TLS, handshake, waiting for the platform's hello */
    LINK_LIVE,
    LINK_REPLACED, /* a newer one serves; the platform is to end it */
    LINK_DRAINING, /* only waits for its acknowledgements to leave */
    LINK_CLOSING,  /* the close frame is on its way */
};

struct link;

struct link_hooks {
    void *ctx;
    bool (*full)(void *ctx); /* no room for another message: it is kept, and reading stops until link_resume */
    void (*text)(void *ctx, struct link *l, struct span message);
    /* It has ended, whoever wanted it; the link is free again. why: a few words without secrets */
    void (*gone)(void *ctx, struct link *l, enum link_state was, const char *why);
};

struct link_target {
    char host[256], address[46];
    int port;
    bool tls;
    char *path;      /* secret; with the query; owned by the dialler */
    json_t *headers; /* {"Name": "value"}; borrowed */
};

struct link {
    const struct link_hooks *hooks;
    struct io *io;
    uint32_t slot, generation; /* the generation changes when the link ends */
    enum link_state state;
    bool retiring, told;       /* the platform or the clock wants it replaced; the platform has said so */
    int64_t live_ms, heard_ms, pinged_ms, refresh_ms, ends_ms, limit_ms; /* monotonic; ends: its announced life; limit: of the state */
    size_t unacked;
    struct lws *wsi;
    struct buf in;
    bool skipping, parked, ping, close;
    const struct link_target *target; /* while opening */
    struct buf *out;                  /* frames from out_at to n_out */
    size_t n_out, cap_out, out_at, out_bytes;
    unsigned char *scratch; /* the frame being written, with lws's head room */
    size_t cap_scratch;
};

extern const struct lws_protocols link_protocols[];

void link_init(struct link *l, struct io *io, uint32_t slot, const struct link_hooks *hooks);
/* Begins to connect. How it ends, if it does, is told by hooks->gone, perhaps before this returns. */
void link_open(struct link *l, struct lws_vhost *vhost, const struct link_target *t);
void link_send(struct link *l, struct buf *take); /* after the last one of a batch: link_flush */
void link_flush(struct link *l);
void link_ping(struct link *l);
void link_close(struct link *l);                  /* 1000, after what is waiting to be sent */
void link_drop(struct link *l, const char *why);  /* at once, with a reset; calls hooks->gone */
void link_resume(struct link *l);                 /* there is room again */
void link_fini(struct link *l);                   /* at once, without a hook */

#endif
