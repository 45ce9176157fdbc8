/* The chats of the configuration, as the engine and the turn need them. Engine thread. */
#ifndef DW_BOT_SITES_H
#define DW_BOT_SITES_H

#include "bot/config.h"
#include "bot/health.h"
#include "engine/engine.h"

struct sites {
    struct chat_site *chats; /* in the order of the file */
    size_t n_chats;
    const char **polled; /* names of those that bring nothing by themselves */
    size_t n_polled;
    struct health *health; /* of all of them */
    const char **pushed; /* names of those that bring it by HTTP */
    size_t n_pushed;
};

void sites_open(struct sites *s, const struct config *c, int64_t now_ms); /* the configuration outlives it */
void sites_close(struct sites *s);

#endif
