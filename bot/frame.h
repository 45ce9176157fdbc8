/* WebSocket framing as a client needs it (RFC 6455), without a socket: bytes in, pieces of messages out, and the other way
 * round. No allocation when reading; any thread, one reader a connection. See frame.c. */
#ifndef DW_BOT_FRAME_H
#define DW_BOT_FRAME_H

#include "engine/buf.h"
#include "engine/err.h"

enum frame_kind { FRAME_TEXT = 1, FRAME_BINARY = 2, FRAME_CLOSE = 8, FRAME_PING = 9, FRAME_PONG = 10 };
enum { FRAME_CONTROL_MOST = 125, FRAME_MASK = 4, FRAME_KEY = 25, FRAME_KEY_BYTES = 16 };

struct frame_reader { /* zeroed at first */
    unsigned char head[10];
    size_t n_head;
    bool inside; /* the head is complete: `left` bytes of this frame are to come */
    bool final;
    unsigned kind;    /* of this frame; 0: it goes on with the message that is open */
    unsigned message; /* the kind of the message that is open, 0: none */
    bool begun;       /* a piece of that message was given out */
    uint64_t left;
    char control[FRAME_CONTROL_MOST];
    size_t n_control;
};

/* A piece of a message; control frames come whole (first and last). The bytes are the caller's own or the reader's, until the next call. */
struct frame_piece {
    enum frame_kind kind;
    bool first, last;
    struct span bytes;
};

/* Takes the next piece off the front of *bytes: true and *out; false when more bytes are needed. ERR_INVALID: the peer breaks the
 * protocol, and the connection is of no use any more. */
int frame_read(struct frame_reader *r, struct span *bytes, struct frame_piece *out, bool *found, struct err *e) DW_MUST_CHECK;

/* Appends one whole frame, masked. The mask must be one that nobody could guess. */
void frame_write(struct buf *out, enum frame_kind kind, struct span payload, const unsigned char mask[FRAME_MASK]);

/* The opening handshake: the request's key, and what is wrong with the answer's head (it ends with an empty line); NULL: nothing. */
void frame_key(char out[FRAME_KEY], const unsigned char random[FRAME_KEY_BYTES]);
const char *frame_refusal(struct span head, const char *key);

#endif
