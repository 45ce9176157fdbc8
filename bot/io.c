/* The io loop. libwebsockets' own poll loop is its main path and the one that works best in 4.1.6, so it carries the
 * WebSocket clients directly and everything else as adopted "raw files": an eventfd by which other threads and signal
 * handlers wake it, and libmicrohttpd's epoll descriptor. lws_service ignores its time-out since 3.2; time comes from its
 * sorted timers (lws_sul) alone.
 *
 * One eventfd instead of lws_cancel_service, because bot_stop is called from signal handlers, and write(2) is all that
 * is allowed there. */
#include "bot/io.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define MAX_WATCHES 8
#define MAX_FDS 64 /* lws itself holds few: wake, HTTP's epoll, chat links */

struct watch {
    void (*readable)(void *ctx);
    void *ctx;
    struct lws *wsi;
};

struct io {
    struct lws_context *context;
    struct lws_vhost *vhost;
    int wake_fd;
    struct watch watches[MAX_WATCHES];
    size_t n_watches;
    struct {
        void (*woken)(void *ctx);
        void *ctx;
    } wakes[4];
    size_t n_wakes;
};

static int on_watch(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
    (void)user;
    (void)in;
    (void)len;
    if (reason != LWS_CALLBACK_RAW_RX_FILE)
        return 0;
    const struct watch *w = lws_get_opaque_user_data(wsi);
    if (w)
        w->readable(w->ctx);
    return 0;
}

static const struct lws_protocols watch_protocols[] = {
    {.name = "dunwell-watch", .callback = on_watch},
    {.name = NULL},
};

static void on_woken(void *ctx)
{
    struct io *io = ctx;
    uint64_t count;
    if (read(io->wake_fd, &count, sizeof count) < 0)
        return; /* somebody else's event was faster */
    for (size_t i = 0; i < io->n_wakes; i++)
        io->wakes[i].woken(io->wakes[i].ctx);
}

/* lws logs URLs and headers at some levels, so it says nothing; we log what its callbacks tell us. */
static int open_context(struct io *io, struct err *e)
{
    lws_set_log_level(0, NULL);
    struct lws_context_creation_info info;
    memset(&info, 0, sizeof info);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.fd_limit_per_thread = MAX_FDS;
    info.pt_serv_buf_size = 256u << 10; /* one read takes what a busy link has */
    info.gid = -1;
    info.uid = -1;
    io->context = lws_create_context(&info);
    if (!io->context)
        return err_set(e, ERR_IO, "the event loop could not be created");
    info.options = 0;
    info.protocols = watch_protocols;
    info.vhost_name = "watch";
    io->vhost = lws_create_vhost(io->context, &info);
    return io->vhost ? 0 : err_set(e, ERR_IO, "the event loop could not be created");
}

int io_open(struct io **out, struct err *e)
{
    struct io *io = mem_alloc(sizeof *io);
    io->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int rc = io->wake_fd < 0 ? err_set(e, ERR_IO, "eventfd: %s", strerror(errno)) : open_context(io, e);
    if (!rc)
        rc = io_watch(io, io->wake_fd, on_woken, io, e);
    if (rc) {
        io_close(io);
        return rc;
    }
    *out = io;
    return 0;
}

void io_close(struct io *io)
{
    if (!io)
        return;
    for (size_t i = 0; i < io->n_watches; i++)
        lws_set_opaque_user_data(io->watches[i].wsi, NULL);
    if (io->context)
        lws_context_destroy(io->context);
    if (io->wake_fd >= 0)
        close(io->wake_fd);
    free(io);
}

void io_turn(struct io *io)
{
    lws_service(io->context, 0);
}

void io_wake(struct io *io)
{
    uint64_t one = 1;
    int saved = errno;
    ssize_t n = write(io->wake_fd, &one, sizeof one);
    (void)n; /* full means it is awake anyway */
    errno = saved;
}

int io_wake_fd(const struct io *io)
{
    return dup(io->wake_fd);
}

void io_on_wake(struct io *io, void (*woken)(void *ctx), void *ctx)
{
    assert(io->n_wakes < DW_ARRAY_LEN(io->wakes));
    io->wakes[io->n_wakes].woken = woken;
    io->wakes[io->n_wakes++].ctx = ctx;
}

int io_watch(struct io *io, int fd, void (*readable)(void *ctx), void *ctx, struct err *e)
{
    assert(io->n_watches < MAX_WATCHES);
    struct watch *w = &io->watches[io->n_watches];
    lws_sock_file_fd_type own = {.filefd = dup(fd)};
    if (own.filefd < 0)
        return err_set(e, ERR_IO, "dup: %s", strerror(errno));
    *w = (struct watch){.readable = readable, .ctx = ctx};
    lws_adopt_desc_t how = {.vh = io->vhost, .type = LWS_ADOPT_RAW_FILE_DESC, .fd = own, .vh_prot_name = "dunwell-watch", .opaque = w};
    w->wsi = lws_adopt_descriptor_vhost_via_info(&how);
    if (!w->wsi)
        return err_set(e, ERR_IO, "a descriptor could not be watched");
    io->n_watches++;
    return 0;
}

static void on_sul(lws_sorted_usec_list_t *sul)
{
    struct io_timer *t = lws_container_of(sul, struct io_timer, sul);
    t->fire(t->ctx);
}

void io_timer_set(struct io *io, struct io_timer *t, int64_t after_us)
{
    lws_sul_schedule(io->context, 0, &t->sul, on_sul, after_us > 0 ? after_us : 1);
}

void io_timer_cancel(struct io_timer *t)
{
    lws_sul_cancel(&t->sul);
}

struct lws_context *io_context(struct io *io)
{
    return io->context;
}

int64_t io_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
