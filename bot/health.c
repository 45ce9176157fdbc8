/* A poll that hangs looks just like one that waits, so it is not asked whether it runs but when it last brought an answer. Each
 * answer counts, also one without news: the platform gives one at least every half minute. */
#include "bot/health.h"

#include <pthread.h>
#include <string.h>

#include "bot/log.h"
#include "bot/metrics.h"

#define SILENT_MS 120000

struct chat_health {
    const char *name;
    int64_t heard_ms;
    char reason[200]; /* "": it answers */
};

struct health {
    pthread_mutex_t lock;
    size_t n;
    struct chat_health chats[];
};

struct health *health_new(const char *const *names, size_t n, int64_t now_ms)
{
    struct health *h = mem_alloc(sizeof *h + n * sizeof *h->chats);
    pthread_mutex_init(&h->lock, NULL);
    h->n = n;
    for (size_t i = 0; i < n; i++)
        h->chats[i] = (struct chat_health){.name = names[i], .heard_ms = now_ms};
    return h;
}

void health_free(struct health *h)
{
    if (!h)
        return;
    pthread_mutex_destroy(&h->lock);
    free(h);
}

static void note(struct chat_health *c, const char *reason, int64_t now_ms)
{
    bool failed = reason[0] != '\0', was = c->reason[0] != '\0';
    metric_add(failed ? METRIC_POLLS_FAILED : METRIC_POLLS_ANSWERED, 1);
    if (failed && !str_eq(c->reason, reason))
        log_line(LOG_ERROR, "chat.unreachable", "%s: %s; trying again", c->name, reason);
    else if (!failed && was)
        log_line(LOG_INFO, "chat.reachable", "%s answers again", c->name);
    str_copy(c->reason, sizeof c->reason, reason);
    if (!failed)
        c->heard_ms = now_ms;
}

void health_note(struct health *h, const char *name, const char *reason, int64_t now_ms)
{
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < h->n; i++)
        if (str_eq(h->chats[i].name, name))
            note(&h->chats[i], reason, now_ms);
    pthread_mutex_unlock(&h->lock);
}

bool health_problem(struct health *h, int64_t now_ms, char *out, size_t size)
{
    bool found = false;
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < h->n && !found; i++) {
        const struct chat_health *c = &h->chats[i];
        int64_t silent = now_ms - c->heard_ms;
        found = silent > SILENT_MS;
        if (!found)
            continue;
        AUTO_STR text = str_fmt("%s has not answered for %lld minutes%s%s", c->name, (long long)(silent / 60000), c->reason[0] ? ": " : "", c->reason);
        str_copy(out, size, text);
    }
    pthread_mutex_unlock(&h->lock);
    return found;
}
