/* One lock, one array that changes hands, one wake-up a turn. With a single command in flight the wake-up would be a good part of
 * the time to its acknowledgement, so io looks out for that answer (lookout.h) and is not woken while it looks: it says that it
 * looks before it looks, the engine says that something is there before it asks whether io looks, and io asks once more
 * after it has said that it looks no longer. Whatever the order, one of the two sees the other. */
#include "bot/outbox.h"

#include <pthread.h>
#include <string.h>

#include "bot/lookout.h"

#define SOON_NS 300000 /* a turn and its commit, on a quick disk */

struct outbox {
    struct io *io;
    struct lookout lookout;
    atomic_bool looking;
    int64_t asked_ns; /* io thread; 0: nothing is expected */
    pthread_mutex_t lock;
    struct left left;
};

struct outbox *outbox_new(struct io *io)
{
    struct outbox *o = mem_alloc(sizeof *o);
    o->io = io;
    lookout_init(&o->lookout, SOON_NS);
    atomic_init(&o->looking, false);
    pthread_mutex_init(&o->lock, NULL);
    return o;
}

void outbox_free(struct outbox *o)
{
    if (!o)
        return;
    outputs_free(&o->left.outputs);
    for (size_t i = 0; i < o->left.n_links; i++)
        http_response_fini(&o->left.links[i].response);
    pthread_mutex_destroy(&o->lock);
    free(o);
}

/* What is in there belongs to io from then on. */
static void append(struct outputs *to, struct output *take)
{
    if (to->n == to->cap) {
        to->cap = to->cap ? to->cap * 2 : 64;
        to->list = mem_grow(to->list, to->cap * sizeof *to->list);
    }
    to->list[to->n++] = *take;
    *take = (struct output){.kind = OUTPUT_ANSWER};
}

static void call(struct outbox *o)
{
    lookout_call(&o->lookout, true);
    if (!atomic_load(&o->looking))
        io_wake(o->io);
}

void outbox_put(struct outbox *o, struct outputs *from, bool room)
{
    pthread_mutex_lock(&o->lock);
    for (size_t i = 0; i < from->n; i++)
        if (from->list[i].kind != OUTPUT_CALL)
            append(&o->left.outputs, &from->list[i]);
    o->left.room = o->left.room || room;
    pthread_mutex_unlock(&o->lock);
    call(o);
}

void outbox_put_link(struct outbox *o, int64_t attempt, struct http_response *take)
{
    pthread_mutex_lock(&o->lock);
    bool fits = o->left.n_links < OUTBOX_MOST_LINKS;
    if (fits)
        o->left.links[o->left.n_links++] = (struct link_response){.attempt = attempt, .response = *take};
    pthread_mutex_unlock(&o->lock);
    if (!fits)
        http_response_fini(take); /* io has not looked for four attempts: they are all too late */
    call(o);
}

void outbox_expect(struct outbox *o)
{
    o->asked_ns = lookout_now_ns();
}

bool outbox_look(struct outbox *o)
{
    if (!o->asked_ns || !lookout_pays(&o->lookout))
        return false;
    atomic_store(&o->looking, true);
    if (!lookout_look(&o->lookout, o->asked_ns))
        o->asked_ns = 0; /* looked for once */
    atomic_store(&o->looking, false);
    return lookout_called(&o->lookout);
}

void outbox_take(struct outbox *o, struct left *out)
{
    if (o->asked_ns)
        lookout_learn(&o->lookout, lookout_now_ns() - o->asked_ns);
    o->asked_ns = 0;
    lookout_call(&o->lookout, false);
    pthread_mutex_lock(&o->lock);
    *out = o->left;
    o->left = (struct left){.room = false};
    pthread_mutex_unlock(&o->lock);
}
