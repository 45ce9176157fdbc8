/* The out thread with two far drivers and one inside this process, and what it brought back. */
#ifndef DW_TESTS_OUT_RIG_H
#define DW_TESTS_OUT_RIG_H

#include "tests/unit/loop_rig.h"

#include "bot/out.h"

static inline int listen_somewhere(int *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(fd, 64), 0);
    getsockname(fd, (struct sockaddr *)&a, &n);
    *port = ntohs(a.sin_port);
    return fd;
}

/* --- the thread under test --- */

static inline void inside_serve(void *memory, const struct http_request *request, int64_t now_ms, struct http_response *out)
{
    int *events = memory;
    assert_true(now_ms > 0);
    out->status = 207;
    buf_add(&out->body, buf_text(&request->body), request->body.n);
    *events = 2;
}

static inline bool inside_next(void *memory, struct buf *body)
{
    int *events = memory;
    if (*events == 0)
        return false;
    buf_addf(body, "event %d", (*events)--);
    return true;
}

static inline void *inside_open(const void *config)
{
    (void)config;
    return mem_alloc(sizeof(int));
}

static const struct driver far_driver = {.name = "far", .kind = DRIVER_BILLING};
static const struct driver inside_driver = {.name = "inside", .kind = DRIVER_BILLING, .serve = inside_serve,
                                            .open_memory = inside_open, .close_memory = free, .next_event = inside_next};
static const struct driver talk_driver = {.name = "talk", .kind = DRIVER_CHAT};
static struct driver_config far_away = {.driver = &far_driver, .name = "far"}, other = {.driver = &far_driver, .name = "other"},
                            inside = {.driver = &inside_driver, .name = "inside"}, talk = {.driver = &talk_driver, .name = "talk"};
static struct driver_config *configured[] = {&far_away, &other, &inside, &talk};
static const struct config config = {.drivers = configured, .n_drivers = 4};

struct site {
    struct out *out;
    pthread_mutex_t lock;
    pthread_cond_t came;
    struct http_response responses[64];
    int64_t ids[64];
    size_t n;
    int64_t link;
    char events[200];
};

static inline void on_response(void *ctx, int64_t id, struct http_response *take)
{
    struct site *s = ctx;
    pthread_mutex_lock(&s->lock);
    assert(s->n < 64);
    s->ids[s->n] = id;
    s->responses[s->n++] = *take;
    pthread_cond_broadcast(&s->came);
    pthread_mutex_unlock(&s->lock);
}

static inline void on_link(void *ctx, int64_t attempt, struct http_response *take)
{
    struct site *s = ctx;
    pthread_mutex_lock(&s->lock);
    s->link = attempt;
    pthread_cond_broadcast(&s->came);
    pthread_mutex_unlock(&s->lock);
    http_response_fini(take);
}

static inline void on_event(void *ctx, const struct driver_config *from, struct buf *take_body)
{
    struct site *s = ctx;
    pthread_mutex_lock(&s->lock);
    snprintf(s->events + strlen(s->events), sizeof s->events - strlen(s->events), "%s: %s; ", from->name, buf_text(take_body));
    pthread_mutex_unlock(&s->lock);
    buf_fini(take_body);
}

static inline void site_open(struct site *s)
{
    memset(s, 0, sizeof *s);
    signal(SIGPIPE, SIG_IGN);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->came, NULL);
    struct out_hooks hooks = {.ctx = s, .now_ms = rig_wall_ms, .response = on_response, .link_response = on_link, .event = on_event};
    s->out = out_start(&config, &hooks);
}

static inline void site_close(struct site *s)
{
    out_stop(s->out);
    out_free(s->out);
    for (size_t i = 0; i < s->n; i++)
        http_response_fini(&s->responses[i]);
    pthread_cond_destroy(&s->came);
    pthread_mutex_destroy(&s->lock);
}

static inline void site_wait(struct site *s, size_t n)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 2 * RIG_PATIENCE_MS / 1000;
    pthread_mutex_lock(&s->lock);
    while (s->n < n && !pthread_cond_timedwait(&s->came, &s->lock, &limit))
        continue;
    size_t have = s->n;
    pthread_mutex_unlock(&s->lock);
    assert_int_equal(have, n);
}

/* Until that one is answered. */
static inline void site_wait_for(struct site *s, int64_t id)
{
    struct timespec limit;
    bool found = false;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 2 * RIG_PATIENCE_MS / 1000;
    pthread_mutex_lock(&s->lock);
    for (int late = 0; !found && !late;) {
        for (size_t i = 0; i < s->n; i++)
            found |= s->ids[i] == id;
        late = found ? 0 : pthread_cond_timedwait(&s->came, &s->lock, &limit);
    }
    pthread_mutex_unlock(&s->lock);
    assert_true(found);
}

static inline struct call call_of(const char *driver, int64_t id, const char *method, char *take_url, const char *body)
{
    struct call c = {.effect_id = id};
    http_request_init(&c.request);
    str_copy(c.driver, sizeof c.driver, driver);
    str_copy(c.request.method, sizeof c.request.method, method);
    c.request.url = take_url;
    buf_adds(&c.request.body, body ? body : "");
    c.request.write = strcmp(method, "GET") != 0;
    c.request.timeout_ms = 3000;
    return c;
}

static inline const struct http_response *one(struct site *s, struct call c)
{
    size_t n = s->n + 1;
    out_submit(s->out, &c, 1);
    site_wait(s, n);
    return &s->responses[n - 1];
}

#endif
