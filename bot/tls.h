/* TLS as a client, between buffers: no socket, no thread, no waiting. The io thread's. See tls.c. */
#ifndef DW_BOT_TLS_H
#define DW_BOT_TLS_H

#include "engine/buf.h"
#include "engine/err.h"

struct tls_site; /* what is trusted; made once, for it reads all certificates */
struct tls;      /* one connection */

/* ca_file NULL: what the system trusts. NULL and *e: it cannot be read. */
struct tls_site *tls_site_new(const char *ca_file, struct err *e);
void tls_site_free(struct tls_site *s); /* NULL is fine; connections of it may still be there */

/* host: the name or address that the peer's certificate must be for. */
struct tls *tls_new(struct tls_site *s, const char *host);
void tls_free(struct tls *t); /* NULL is fine */

/* Each appends to *wire what is to be sent. An error is the connection's end; *e says why, without secrets. */
int tls_begin(struct tls *t, struct buf *wire, struct err *e) DW_MUST_CHECK;
/* What came by the wire; what it says is appended to *plain. *ended: the peer says nothing more. */
int tls_receive(struct tls *t, struct span bytes, struct buf *plain, struct buf *wire, bool *ended, struct err *e) DW_MUST_CHECK;
bool tls_ready(const struct tls *t); /* the peer is who it should be: now there may be said something */
int tls_send(struct tls *t, struct span plain, struct buf *wire, struct err *e) DW_MUST_CHECK; /* once it is ready */

#endif
