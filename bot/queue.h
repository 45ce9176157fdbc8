/* The bounded queue in front of the engine thread. Any thread pushes, one thread takes.
 *
 * Past the bound the pusher is told, and turns its own source away (503, a read that stops): never memory. Responses of
 * outgoing calls are always accepted: their number is bounded where the calls are made, and losing one would turn a known
 * result into an unknown one. */
#ifndef DW_BOT_QUEUE_H
#define DW_BOT_QUEUE_H

#include "bot/turn.h"

#define QUEUE_MAX_INPUTS 4096
#define QUEUE_MAX_BYTES (16u << 20)

struct queue;

struct queue *queue_new(size_t max_inputs, size_t max_bytes);
void queue_free(struct queue *q); /* with what is in it; NULL is fine */

/* Does not wake the taker: push all that came at once, then queue_wake, so that they share one turn. false when full or
 * closed: the input is freed. */
bool queue_push(struct queue *q, struct input *take);
bool queue_wake(struct queue *q); /* true: it is one input, and the taker had nothing to do */
void queue_push_surely(struct queue *q, struct input *take); /* for what cannot come again; its number is bounded elsewhere */
/* Is there no room? Then the taker will say so when there is (queue_take: *turned_away). */
bool queue_full(struct queue *q);
void queue_close(struct queue *q); /* only responses are accepted from now on; wakes the taker */
bool queue_closed(struct queue *q);

/* Waits until there is something, at most wait_ms; a close ends one wait. */
void queue_wait(struct queue *q, int64_t wait_ms);
bool queue_empty(struct queue *q);
/* Moves everything out. *list is the taker's: an array of *cap entries, grown or exchanged here; the old contents must be
 * finished. *turned_away: since the last time somebody found the queue full. */
size_t queue_take(struct queue *q, struct input **list, size_t *cap, bool *turned_away);

#endif
