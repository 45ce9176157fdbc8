/* What the other threads leave for the io thread: the engine's answers and acknowledgements, in one piece a turn and only after
 * its commit, and what the chat platform said when it was asked for a link. See outbox.c. */
#ifndef DW_BOT_OUTBOX_H
#define DW_BOT_OUTBOX_H

#include "bot/io.h"
#include "bot/turn.h"

#define OUTBOX_MOST_LINKS 4

struct link_response {
    int64_t attempt;
    struct http_response response;
};

/* What was there. The taker frees outputs and responses. */
struct left {
    struct outputs outputs;
    bool room; /* the queue, which somebody found full, has room again */
    struct link_response links[OUTBOX_MOST_LINKS];
    size_t n_links;
};

struct outbox;

struct outbox *outbox_new(struct io *io); /* io is woken by it and must outlive its last use */
void outbox_free(struct outbox *o);       /* with what is in it; NULL is fine */

/* Engine thread. Takes all but the calls, which stay in *from. */
void outbox_put(struct outbox *o, struct outputs *from, bool room);
/* Any thread. */
void outbox_put_link(struct outbox *o, int64_t attempt, struct http_response *take);

/* io thread. */
void outbox_expect(struct outbox *o); /* a lone input went to an idle engine: its answer may come soon */
bool outbox_look(struct outbox *o);   /* looks out for that answer; true: something is there */
void outbox_take(struct outbox *o, struct left *out);

#endif
