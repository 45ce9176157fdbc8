/* A TCP socket that listens. Any thread. */
#ifndef DW_BOT_LISTEN_H
#define DW_BOT_LISTEN_H

#include "engine/err.h"

/* Non-blocking; the caller owns the descriptor. port 0 takes a free one. ERR_CONFLICT when the port is taken. */
int listen_open(int *out, const char *host, int port, struct err *e) DW_MUST_CHECK;
int listen_port(int fd); /* the port it really has */

#endif
