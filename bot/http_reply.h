/* The fixed answers of the HTTP server, made once. io thread. */
#ifndef DW_BOT_HTTP_REPLY_H
#define DW_BOT_HTTP_REPLY_H

#include <microhttpd.h>

#include "engine/buf.h"

enum reply {
    REPLY_NONE, /* no verdict yet */
    REPLY_OK,
    REPLY_NO_PATH,
    REPLY_NO_HOOK,
    REPLY_ONLY_POST,
    REPLY_ONLY_GET,
    REPLY_TIMEOUT,
    REPLY_NO_LENGTH,
    REPLY_TOO_LARGE,
    REPLY_TWO_LENGTHS,
    REPLY_CODING,
    REPLY_BUSY,
    REPLY_NOT_STORED,
    REPLY_STOPPING,
    REPLY_EMPTY,        /* to a chat platform, in its own terms: {} */
    REPLY_FORBIDDEN,
    REPLY_UNRECOGNIZED,
    REPLY_NOT_FOUND,
    REPLY_COUNT
};

struct replies {
    struct MHD_Response *made[REPLY_COUNT];
};

void replies_init(struct replies *r);
void replies_fini(struct replies *r);
enum MHD_Result reply_send(const struct replies *r, struct MHD_Connection *c, enum reply what);
/* A sentence of its own, as text/plain or the type given. */
/* 401 with this WWW-Authenticate. */
enum MHD_Result reply_send_challenge(struct MHD_Connection *c, const char *text, const char *ask);
enum MHD_Result reply_send_text(struct MHD_Connection *c, int status, const char *text, const char *type);
/* For a request that can no longer be answered through the library: the whole answer as bytes, connection: close. */
void reply_raw(struct buf *out, enum reply what);

#endif
