/* One mutex, one condition, two arrays that change places: the taker gets everything by exchanging its empty array for the
 * full one, so a turn costs one lock however much arrived, and the pushers never wait for a turn. The entries are values,
 * not pointers: no allocation per input, and the arrays are only as large as the largest burst was.
 *
 * A taker whose last input was a lone one looks out for the next before it sleeps (lookout.h); where much happens it does not
 * wait at all. */
#include "bot/queue.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "bot/lookout.h"

#define CHAT_MARGIN 64
#define SOON_NS 100000

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct input *list;
    size_t n, cap, bytes, max_inputs, max_bytes;
    bool closed, close_told, turned_away;
    bool idle, asleep; /* the taker */
    struct lookout lookout; /* called: there is something, and all that came with it is there too */
    size_t taken;      /* the taker's own: how much it took last */
};

struct queue *queue_new(size_t max_inputs, size_t max_bytes)
{
    struct queue *q = mem_alloc(sizeof *q);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->arrived, &monotonic);
    pthread_condattr_destroy(&monotonic);
    lookout_init(&q->lookout, SOON_NS);
    q->max_inputs = max_inputs;
    q->max_bytes = max_bytes;
    return q;
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    for (size_t i = 0; i < q->n; i++)
        input_fini(&q->list[i]);
    free(q->list);
    pthread_cond_destroy(&q->arrived);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

static size_t input_bytes(const struct input *in)
{
    size_t text = in->chat.text ? strlen(in->chat.text) : 0;
    return sizeof *in + in->body.n + in->response.body.n + text;
}

static bool has_room(const struct queue *q, size_t bytes)
{
    return !q->closed && q->n < q->max_inputs && (q->bytes + bytes <= q->max_bytes || q->n == 0);
}

/* A chat message cannot be turned away once it is read; its reader asked queue_full before, but others push meanwhile. */
static bool has_place(const struct queue *q, const struct input *in, size_t bytes)
{
    if (in->kind == INPUT_RESPONSE)
        return true;
    if (in->kind == INPUT_CHAT)
        return !q->closed && q->n < q->max_inputs + CHAT_MARGIN;
    return has_room(q, bytes);
}

static void append(struct queue *q, const struct input *in, size_t bytes)
{
    if (q->n == q->cap) {
        q->cap = q->cap ? q->cap * 2 : 64;
        q->list = mem_grow(q->list, q->cap * sizeof *q->list);
    }
    q->list[q->n++] = *in;
    q->bytes += bytes;
}

static bool push(struct queue *q, struct input *take, bool surely)
{
    size_t bytes = input_bytes(take);
    pthread_mutex_lock(&q->lock);
    bool fits = surely || has_place(q, take, bytes);
    if (fits)
        append(q, take, bytes);
    else
        q->turned_away = true;
    pthread_mutex_unlock(&q->lock);
    if (!fits)
        input_fini(take);
    return fits;
}

bool queue_push(struct queue *q, struct input *take)
{
    return push(q, take, false);
}

void queue_push_surely(struct queue *q, struct input *take)
{
    push(q, take, true);
}

bool queue_wake(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool wake = q->asleep && q->n > 0, lone = q->idle && q->n == 1;
    lookout_call(&q->lookout, q->n > 0);
    pthread_mutex_unlock(&q->lock);
    if (wake)
        pthread_cond_signal(&q->arrived);
    return lone;
}

bool queue_full(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool full = !has_room(q, 0);
    if (full)
        q->turned_away = true;
    pthread_mutex_unlock(&q->lock);
    return full;
}

void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    lookout_call(&q->lookout, true);
    pthread_mutex_unlock(&q->lock);
    pthread_cond_signal(&q->arrived);
}

bool queue_closed(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool closed = q->closed;
    pthread_mutex_unlock(&q->lock);
    return closed;
}

bool queue_empty(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool empty = q->n == 0;
    pthread_mutex_unlock(&q->lock);
    return empty;
}

static void sleep_until_called(struct queue *q, int64_t until_ns)
{
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000), .tv_nsec = (long)(until_ns % 1000000000)};
    pthread_mutex_lock(&q->lock);
    q->asleep = true;
    while (q->n == 0 && (!q->closed || q->close_told))
        if (pthread_cond_timedwait(&q->arrived, &q->lock, &until))
            break;
    q->close_told = q->closed;
    q->asleep = false;
    pthread_mutex_unlock(&q->lock);
}

static void now_idle(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->idle = true;
    pthread_mutex_unlock(&q->lock);
}

void queue_wait(struct queue *q, int64_t wait_ms)
{
    int64_t began_ns = lookout_now_ns();
    bool lone = q->taken == 1;
    now_idle(q);
    if (!lone || !lookout_pays(&q->lookout) || !lookout_look(&q->lookout, began_ns))
        sleep_until_called(q, began_ns + wait_ms * 1000000);
    lookout_learn(&q->lookout, lookout_now_ns() - began_ns);
}

size_t queue_take(struct queue *q, struct input **list, size_t *cap, bool *turned_away)
{
    pthread_mutex_lock(&q->lock);
    struct input *full = q->list;
    size_t n = q->n, full_cap = q->cap;
    q->list = *list;
    q->cap = *cap;
    q->n = q->bytes = 0;
    *turned_away = q->turned_away;
    q->turned_away = false;
    lookout_call(&q->lookout, false);
    q->taken = n;
    q->idle = false;
    pthread_mutex_unlock(&q->lock);
    *list = full;
    *cap = full_cap;
    return n;
}
