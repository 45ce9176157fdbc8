/* A growing byte buffer with a maximum given at birth. Owned by whoever initialised it; one thread at a time.
 *
 * Past the maximum nothing is added any more and `over` is set: callers append freely and look once at the end.
 * The bytes are always followed by a NUL that is not counted. */
#ifndef DW_ENGINE_BUF_H
#define DW_ENGINE_BUF_H

#include "engine/base.h"

struct buf {
    char *p;
    size_t n, cap, max;
    bool over;
};

#define BUF(maximum) {.p = NULL, .n = 0, .cap = 0, .max = (maximum), .over = false}
#define AUTO_BUF __attribute__((cleanup(buf_fini))) struct buf

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *text);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) DW_PRINTF(2, 3);
void buf_add_url(struct buf *b, const char *text); /* percent-encoded, for form bodies and queries */
const char *buf_text(const struct buf *b);         /* "" when empty */
char *buf_take(struct buf *b);                     /* the caller owns the string; the buffer is empty again */

#endif
