/* The out thread. One curl multi handle carries every call: all of them on one thread use less processor time than a pool of
 * blocking threads, and the kept connections are shared. At most 8 calls of one driver are under way, and places for five
 * such drivers, so that slow vendors do not starve the others; what is more waits in the order it came, and the metrics say
 * how much. A call that only waits for
 * something to happen (a chat's long poll) has a place of its own and counts for nobody. What a billing
 * system says of its limits holds for all its calls (room.c). A chat's limits are of one method or room, so there each call waits for
 * itself (the engine's business).
 *
 * A driver with `serve` is a peer inside this process (sandbox, console). Its requests are answered right here, one after
 * the other, by the one thread that ever touches its memory; what it wants to tell us then comes in as a webhook whose
 * signature nobody needs to check. Everything else is the same for it: its requests leave after the commit, its answers are
 * inputs of a later turn.
 *
 * Before the thread stops it finishes: what has not begun is answered as not sent, what is under way may end, because a
 * mail that is cut off here can never be looked up. Calls that are still under way at the stop are abandoned. Their effects
 * stand in the store as "out", and the next start takes them for lost and looks. */
#include "bot/out.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "bot/log.h"
#include "bot/metrics.h"
#include "bot/transfer.h"
#include "engine/when.h"

#define IDLE_POLL_MS 60000
#define KEPT_CONNECTIONS 32
#define MAX_WAITING_CALLS 4 /* chats that are polled */
#define MAX_PLACES (OUT_MAX_CALLS + MAX_WAITING_CALLS)

enum asker {
    ASKED_BY_ENGINE,
    ASKED_BY_POLL, /* the engine's call that waits for something to happen */
    ASKED_BY_LINK,
    ASKED_BY_NOBODY,
};

struct task {
    struct task *next;
    enum asker asker;
    int64_t id; /* of the effect, or the link's attempt */
    const struct driver_config *driver;
    size_t lane; /* the driver's index in the configuration */
    struct http_request request;
};

struct place {
    bool used;
    enum asker asker;
    int64_t id;
    size_t lane;
    CURL *easy;
    struct transfer transfer;
};

struct out {
    const struct config *config;
    struct out_hooks hooks;
    pthread_t thread;
    CURLM *multi;
    atomic_bool finishing, stopping;
    atomic_size_t open; /* the engine's calls that have no answer yet, polls apart */
    void **memories; /* by lane */
    pthread_mutex_t lock;
    struct task *inbox, **inbox_end; /* guarded */
    struct task *waiting;            /* out thread */
    struct place places[MAX_PLACES]; /* the last ones for calls that wait */
    size_t *per_lane;
    struct room *rooms; /* by lane */
};

/* --- handing over --- */

static bool lane_of(const struct out *o, const char *driver, size_t *lane)
{
    for (size_t i = 0; i < o->config->n_drivers; i++)
        if (str_eq(o->config->drivers[i]->name, driver)) {
            *lane = i;
            return true;
        }
    return false;
}

static struct task *task_new(const struct out *o, enum asker asker, int64_t id, const char *driver, struct http_request *take)
{
    struct task *t = mem_alloc(sizeof *t);
    t->asker = asker;
    t->id = id;
    t->request = *take;
    http_request_init(take);
    if (lane_of(o, driver, &t->lane))
        t->driver = o->config->drivers[t->lane];
    return t;
}

static void task_free(struct task *t)
{
    http_request_fini(&t->request);
    free(t);
}

static void tasks_free(struct task *t)
{
    while (t) {
        struct task *next = t->next;
        task_free(t);
        t = next;
    }
}

static void hand_over(struct out *o, struct task *first, struct task **end, bool ahead)
{
    pthread_mutex_lock(&o->lock);
    if (ahead) {
        *end = o->inbox;
        if (!o->inbox)
            o->inbox_end = end;
        o->inbox = first;
    } else {
        *o->inbox_end = first;
        o->inbox_end = end;
    }
    pthread_mutex_unlock(&o->lock);
    curl_multi_wakeup(o->multi);
}

void out_submit(struct out *o, struct call *take, size_t n)
{
    struct task *first = NULL, **end = &first;
    for (size_t i = 0; i < n; i++) {
        enum asker asker = take[i].waits ? ASKED_BY_POLL : ASKED_BY_ENGINE;
        if (asker == ASKED_BY_ENGINE)
            atomic_fetch_add(&o->open, 1);
        *end = task_new(o, asker, take[i].effect_id, take[i].driver, &take[i].request);
        end = &(*end)->next;
    }
    if (first)
        hand_over(o, first, end, false);
}

void out_submit_link(struct out *o, const char *driver, int64_t attempt, struct http_request *take)
{
    struct task *t = task_new(o, ASKED_BY_LINK, attempt, driver, take);
    hand_over(o, t, &t->next, true);
}

void out_serve(struct out *o, const char *driver, const struct http_request *request)
{
    struct http_request copy;
    http_request_init(&copy);
    memcpy(copy.method, request->method, sizeof copy.method);
    copy.url = str_dup(request->url);
    copy.timeout_ms = request->timeout_ms;
    copy.write = request->write;
    buf_add(&copy.headers, buf_text(&request->headers), request->headers.n);
    buf_add(&copy.body, buf_text(&request->body), request->body.n);
    struct task *t = task_new(o, ASKED_BY_NOBODY, 0, driver, &copy);
    hand_over(o, t, &t->next, false);
}

void *out_memory(struct out *o, const char *driver)
{
    size_t lane;
    return lane_of(o, driver, &lane) ? o->memories[lane] : NULL;
}

/* --- answers --- */

static void answer(struct out *o, enum asker asker, int64_t id, struct http_response *take)
{
    metric_add(METRIC_CALLS, 1);
    if (take->transport == TRANSPORT_LOST)
        metric_add(METRIC_CALLS_LOST, 1);
    switch (asker) {
    case ASKED_BY_POLL:
        o->hooks.response(o->hooks.ctx, id, take);
        return;
    case ASKED_BY_ENGINE:
        o->hooks.response(o->hooks.ctx, id, take);
        atomic_fetch_sub(&o->open, 1);
        return;
    case ASKED_BY_LINK:
        o->hooks.link_response(o->hooks.ctx, id, take);
        return;
    case ASKED_BY_NOBODY:
        http_response_fini(take);
        return;
    }
}

static void serve(struct out *o, struct task *t)
{
    void *memory = o->memories[t->lane];
    struct http_response response;
    http_response_init(&response);
    t->driver->driver->serve(memory, &t->request, o->hooks.now_ms(o->hooks.ctx), &response);
    answer(o, t->asker, t->id, &response);
    if (!t->driver->driver->next_event)
        return;
    struct buf body;
    buf_init(&body, JSON_MAX_BYTES);
    while (t->driver->driver->next_event(memory, &body)) {
        o->hooks.event(o->hooks.ctx, t->driver, &body);
        buf_init(&body, JSON_MAX_BYTES);
    }
    buf_fini(&body);
}

static void refuse(struct out *o, struct task *t, const char *why)
{
    struct http_response response;
    http_response_init(&response);
    response.transport = TRANSPORT_NOT_SENT;
    str_copy(response.problem, sizeof response.problem, why);
    answer(o, t->asker, t->id, &response);
}

/* --- limits --- */

static int64_t clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * MS_SECOND + now.tv_nsec / 1000000;
}

static void listen_to(struct out *o, const struct place *p)
{
    struct room_word w = transfer_word(&p->transfer);
    size_t others = o->per_lane[p->lane] - (p < o->places + OUT_MAX_CALLS);
    if (o->config->drivers[p->lane]->driver->kind == DRIVER_BILLING)
        room_hear(&o->rooms[p->lane], &w, others, clock_ms());
}

static bool has_room(struct out *o, const struct task *t)
{
    return t->asker != ASKED_BY_ENGINE || room_is_there(&o->rooms[t->lane], o->per_lane[t->lane], clock_ms());
}

/* Until somebody wakes us, or until what waits for a limit may go. */
static int poll_ms(const struct out *o)
{
    int64_t wait = IDLE_POLL_MS, now = clock_ms();
    for (const struct task *t = o->waiting; t; t = t->next) {
        int64_t left = t->driver ? room_look_ms(&o->rooms[t->lane]) - now : 0;
        if (left > 0 && left < wait)
            wait = left;
    }
    return (int)wait;
}

/* --- calls --- */

static struct place *free_place(struct out *o, bool waits)
{
    for (size_t i = waits ? OUT_MAX_CALLS : 0; i < (waits ? MAX_PLACES : OUT_MAX_CALLS); i++)
        if (!o->places[i].used)
            return &o->places[i];
    return NULL;
}

static void place_clear(struct out *o, struct place *p)
{
    transfer_fini(&p->transfer);
    curl_easy_reset(p->easy);
    p->used = false;
    if (p < o->places + OUT_MAX_CALLS)
        o->per_lane[p->lane]--;
}

static void place_answer(struct out *o, struct place *p)
{
    struct http_response response;
    listen_to(o, p);
    transfer_take_response(&p->transfer, &response);
    enum asker asker = p->asker;
    int64_t id = p->id;
    place_clear(o, p);
    answer(o, asker, id, &response);
}

static void call_begin(struct out *o, struct place *p, struct task *t)
{
    if (!p->easy)
        p->easy = curl_easy_init();
    assert(p->easy);
    p->used = true;
    p->asker = t->asker;
    p->id = t->id;
    p->lane = t->lane;
    if (t->asker != ASKED_BY_POLL)
        o->per_lane[p->lane]++;
    DW_KILLPOINT("out.send");
    if (transfer_begin(&p->transfer, p->easy, &t->request, o->config->ca_file))
        place_answer(o, p);
    else
        curl_multi_add_handle(o->multi, p->easy);
}

static void calls_end(struct out *o)
{
    int left;
    for (CURLMsg *m; (m = curl_multi_info_read(o->multi, &left));) {
        if (m->msg != CURLMSG_DONE)
            continue;
        CURL *easy = m->easy_handle;
        CURLcode code = m->data.result; /* m is gone after the handle is removed */
        for (size_t i = 0; i < MAX_PLACES; i++) {
            struct place *p = &o->places[i];
            if (!p->used || p->easy != easy)
                continue;
            DW_KILLPOINT("out.answer");
            transfer_end(&p->transfer, code);
            curl_multi_remove_handle(o->multi, easy);
            place_answer(o, p);
            break;
        }
    }
}

/* Starts what may start now, in order; a driver that has its share is passed over, not waited for. */
static void start_waiting(struct out *o)
{
    int64_t left = 0;
    for (struct task **at = &o->waiting; *at && !atomic_load(&o->stopping);) {
        struct task *t = *at;
        struct place *p = NULL;
        bool finishing = atomic_load(&o->finishing), inside = t->driver && t->driver->driver->serve;
        if (t->driver && !inside && !finishing) {
            p = free_place(o, t->asker == ASKED_BY_POLL);
            if (!p || !has_room(o, t)) {
                at = &t->next;
                left++;
                continue;
            }
        }
        *at = t->next;
        if (!t->driver)
            refuse(o, t, "no system of this name is configured");
        else if (finishing)
            refuse(o, t, "Dunwell is being stopped");
        else if (inside)
            serve(o, t);
        else
            call_begin(o, p, t);
        task_free(t);
    }
    metric_set(METRIC_CALLS_WAITING, left);
}

static void take_inbox(struct out *o)
{
    pthread_mutex_lock(&o->lock);
    struct task *t = o->inbox;
    o->inbox = NULL;
    o->inbox_end = &o->inbox;
    pthread_mutex_unlock(&o->lock);
    while (t && t->asker == ASKED_BY_LINK) {
        struct task *next = t->next;
        t->next = o->waiting;
        o->waiting = t;
        t = next;
    }
    struct task **end = &o->waiting;
    while (*end)
        end = &(*end)->next;
    *end = t;
}

static void *out_main(void *arg)
{
    struct out *o = arg;
    while (!atomic_load(&o->stopping)) {
        int running = 0;
        take_inbox(o);
        start_waiting(o);
        curl_multi_perform(o->multi, &running);
        calls_end(o);
        start_waiting(o); /* places are free again */
        curl_multi_poll(o->multi, NULL, 0, poll_ms(o), NULL);
    }
    return NULL;
}

/* --- life --- */

struct out *out_start(const struct config *c, const struct out_hooks *hooks)
{
    struct out *o = mem_alloc(sizeof *o);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    o->config = c;
    o->hooks = *hooks;
    o->inbox_end = &o->inbox;
    o->multi = curl_multi_init();
    assert(o->multi);
    curl_multi_setopt(o->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
    pthread_mutex_init(&o->lock, NULL);
    o->memories = mem_alloc((c->n_drivers + 1) * sizeof *o->memories);
    o->per_lane = mem_alloc((c->n_drivers + 1) * sizeof *o->per_lane);
    o->rooms = mem_alloc((c->n_drivers + 1) * sizeof *o->rooms);
    for (size_t i = 0; i < c->n_drivers; i++)
        room_init(&o->rooms[i]);
    for (size_t i = 0; i < c->n_drivers; i++)
        if (c->drivers[i]->driver->serve && c->drivers[i]->driver->open_memory)
            o->memories[i] = c->drivers[i]->driver->open_memory(c->drivers[i]);
    if (pthread_create(&o->thread, NULL, out_main, o))
        abort(); /* no thread is as fatal as no memory */
    return o;
}

void out_finish(struct out *o)
{
    atomic_store(&o->finishing, true);
    curl_multi_wakeup(o->multi);
}

bool out_quiet(struct out *o)
{
    return atomic_load(&o->open) == 0;
}

void out_stop(struct out *o)
{
    atomic_store(&o->stopping, true);
    curl_multi_wakeup(o->multi);
}

void out_free(struct out *o)
{
    if (!o)
        return;
    pthread_join(o->thread, NULL);
    for (size_t i = 0; i < MAX_PLACES; i++) {
        struct place *p = &o->places[i];
        if (p->used) {
            curl_multi_remove_handle(o->multi, p->easy);
            place_clear(o, p);
        }
        if (p->easy)
            curl_easy_cleanup(p->easy);
    }
    curl_multi_cleanup(o->multi);
    curl_global_cleanup();
    tasks_free(o->waiting);
    tasks_free(o->inbox);
    for (size_t i = 0; i < o->config->n_drivers; i++)
        if (o->memories[i] && o->config->drivers[i]->driver->close_memory)
            o->config->drivers[i]->driver->close_memory(o->memories[i]);
    free(o->memories);
    free(o->per_lane);
    free(o->rooms);
    pthread_mutex_destroy(&o->lock);
    free(o);
}
