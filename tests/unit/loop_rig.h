/* Runs an io loop on a thread of its own and lets the test do things there, so that the test's own thread may use plain
 * blocking sockets as the peer. All helpers fail the test when something takes longer than 5 s. */
#ifndef DW_TESTS_LOOP_RIG_H
#define DW_TESTS_LOOP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bot/io.h"
#include "engine/buf.h"

#define RIG_PATIENCE_MS 20000

struct rig {
    struct io *io;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void (*todo)(void *ctx);
    void *todo_ctx;
    bool stop;
};

static inline void rig_woken(void *arg)
{
    struct rig *r = arg;
    pthread_mutex_lock(&r->lock);
    if (r->todo)
        r->todo(r->todo_ctx);
    r->todo = NULL;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

static inline void *rig_main(void *arg)
{
    struct rig *r = arg;
    bool stop = false;
    while (!stop) {
        io_turn(r->io);
        pthread_mutex_lock(&r->lock);
        stop = r->stop;
        pthread_mutex_unlock(&r->lock);
    }
    return NULL;
}

/* Does it on the loop's thread and waits for its end. */
static inline void rig_do(struct rig *r, void (*what)(void *ctx), void *ctx)
{
    pthread_mutex_lock(&r->lock);
    r->todo = what;
    r->todo_ctx = ctx;
    io_wake(r->io);
    while (r->todo)
        pthread_cond_wait(&r->changed, &r->lock);
    pthread_mutex_unlock(&r->lock);
}

static inline void rig_open(struct rig *r)
{
    struct err e = {0};
    signal(SIGPIPE, SIG_IGN);
    memset(r, 0, sizeof *r);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    assert_int_equal(io_open(&r->io, &e), 0);
    io_on_wake(r->io, rig_woken, r);
}

static inline void rig_run(struct rig *r)
{
    assert_int_equal(pthread_create(&r->thread, NULL, rig_main, r), 0);
}

static inline void rig_stop(struct rig *r)
{
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_mutex_unlock(&r->lock);
    io_wake(r->io);
    pthread_join(r->thread, NULL);
}

static inline void rig_close(struct rig *r)
{
    io_close(r->io);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
}

static inline void rig_sleep(int ms)
{
    poll(NULL, 0, ms);
}

static inline int64_t rig_wall_ms(void *ctx)
{
    (void)ctx;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline int rig_connect(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval t = {.tv_sec = RIG_PATIENCE_MS / 1000};
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

/* Sends all it can; a peer that stops reading is part of the tests. */
static inline void rig_send(int fd, const void *p, size_t n)
{
    const char *at = p;
    while (n) {
        ssize_t sent = send(fd, at, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        at += sent;
        n -= (size_t)sent;
    }
}

static inline void rig_sends(int fd, const char *text)
{
    rig_send(fd, text, strlen(text));
}

/* Exactly n bytes; false at the end or after the patience. */
static inline bool rig_read(int fd, void *p, size_t n)
{
    char *at = p;
    while (n) {
        ssize_t got = recv(fd, at, n, 0);
        if (got <= 0)
            return false;
        at += got;
        n -= (size_t)got;
    }
    return true;
}

#endif
