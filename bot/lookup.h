/* A host name into addresses, off the io thread. See lookup.c. */
#ifndef DW_BOT_LOOKUP_H
#define DW_BOT_LOOKUP_H

#include "engine/base.h"

#define LOOKUP_MAX 4
#define LOOKUP_ADDRESS 46

struct lookup;

/* Starts; take_wake_fd gets 8 bytes when it is done, and is closed. */
struct lookup *lookup_start(const char *host, int take_wake_fd);
bool lookup_done(const struct lookup *l);
/* The i-th address as text, counted round; NULL when there is none. Only when done; borrowed. */
const char *lookup_address(const struct lookup *l, unsigned i);
void lookup_free(struct lookup *l); /* also before it is done; NULL is fine */

#endif
