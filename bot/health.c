/* A poll that hangs looks just like one that waits, so it is not asked whether it runs but when it last brought an answer. Each
 * answer counts, also one without news: the platform gives one at least every half minute. A chat may also answer and refuse
 * everything: then its token was revoked, and neither cards nor answers reach anybody. */
#include "bot/health.h"

#include <pthread.h>
#include <string.h>

#include "bot/log.h"
#include "bot/metrics.h"

#define SILENT_MS 120000

struct chat_health {
    struct health_chat chat;
    int64_t heard_ms;
    char reason[200]; /* "": it answers */
    char denied[300]; /* "": it takes what we send */
};

struct health {
    pthread_mutex_t lock;
    size_t n;
    struct chat_health chats[];
};

struct health *health_new(const struct health_chat *chats, size_t n, int64_t now_ms)
{
    struct health *h = mem_alloc(sizeof *h + n * sizeof *h->chats);
    pthread_mutex_init(&h->lock, NULL);
    h->n = n;
    for (size_t i = 0; i < n; i++)
        h->chats[i] = (struct chat_health){.chat = chats[i], .heard_ms = now_ms};
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
        log_line(LOG_ERROR, "chat.unreachable", "%s: %s; trying again", c->chat.name, reason);
    else if (!failed && was)
        log_line(LOG_INFO, "chat.reachable", "%s answers again", c->chat.name);
    str_copy(c->reason, sizeof c->reason, reason);
    if (!failed)
        c->heard_ms = now_ms;
}

void health_note(struct health *h, const char *name, const char *reason, int64_t now_ms)
{
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < h->n; i++)
        if (str_eq(h->chats[i].chat.name, name))
            note(&h->chats[i], reason, now_ms);
    pthread_mutex_unlock(&h->lock);
}

void health_denied(struct health *h, const char *name, const char *reason)
{
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < h->n; i++) {
        struct chat_health *c = &h->chats[i];
        if (!str_eq(c->chat.name, name) || str_eq(c->denied, reason))
            continue;
        if (reason[0])
            log_line(LOG_ERROR, "chat.denied", "%s: %s; until then nobody is told anything there", name, reason);
        else
            log_line(LOG_INFO, "chat.accepted", "%s takes what it is sent again", name);
        str_copy(c->denied, sizeof c->denied, reason);
    }
    pthread_mutex_unlock(&h->lock);
}

static char *problem_of(const struct chat_health *c, int64_t now_ms)
{
    int64_t silent = now_ms - c->heard_ms;
    if (c->denied[0])
        return str_fmt("%s: %s", c->chat.name, c->denied);
    if (!c->chat.polled || silent <= SILENT_MS)
        return NULL;
    return str_fmt("%s has not answered for %lld minutes%s%s", c->chat.name, (long long)(silent / 60000), c->reason[0] ? ": " : "", c->reason);
}

bool health_problem(struct health *h, int64_t now_ms, char *out, size_t size)
{
    bool found = false;
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < h->n && !found; i++) {
        AUTO_STR text = problem_of(&h->chats[i], now_ms);
        found = text != NULL;
        if (found)
            str_copy(out, size, text);
    }
    pthread_mutex_unlock(&h->lock);
    return found;
}
