/* Resolving a name blocks for as long as the name server likes, and libwebsockets 4.1.6 would do it inside the loop that
 * also answers pings and webhooks. So a short-lived thread asks, one at a time. It cannot be cancelled while it waits,
 * so it is detached, and what it shares with the asker lives until the last of the two lets go. */
#include "bot/lookup.h"

#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct lookup {
    atomic_int holders;
    atomic_bool done;
    int wake_fd;
    char host[256];
    char addresses[LOOKUP_MAX][LOOKUP_ADDRESS];
    unsigned n;
};

static void let_go(struct lookup *l)
{
    if (atomic_fetch_sub(&l->holders, 1) == 1)
        free(l);
}

static void *lookup_main(void *arg)
{
    struct lookup *l = arg;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    if (getaddrinfo(l->host, NULL, &hints, &list) == 0) {
        for (struct addrinfo *a = list; a && l->n < LOOKUP_MAX; a = a->ai_next)
            if (getnameinfo(a->ai_addr, a->ai_addrlen, l->addresses[l->n], LOOKUP_ADDRESS, NULL, 0, NI_NUMERICHOST) == 0)
                l->n++;
        freeaddrinfo(list);
    }
    atomic_store(&l->done, true);
    uint64_t one = 1;
    ssize_t n = write(l->wake_fd, &one, sizeof one);
    (void)n; /* full means it is awake anyway */
    close(l->wake_fd);
    let_go(l);
    return NULL;
}

struct lookup *lookup_start(const char *host, int take_wake_fd)
{
    struct lookup *l = mem_alloc(sizeof *l);
    pthread_attr_t detached;
    pthread_t thread;
    atomic_store(&l->holders, 2);
    l->wake_fd = take_wake_fd;
    str_copy(l->host, sizeof l->host, host);
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    if (pthread_create(&thread, &detached, lookup_main, l))
        abort(); /* no thread is as fatal as no memory */
    pthread_attr_destroy(&detached);
    return l;
}

bool lookup_done(const struct lookup *l)
{
    return atomic_load(&l->done);
}

const char *lookup_address(const struct lookup *l, unsigned i)
{
    return l->n ? l->addresses[i % l->n] : NULL;
}

void lookup_free(struct lookup *l)
{
    if (l)
        let_go(l);
}
