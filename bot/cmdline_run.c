/* dunwell run: the process as an operator sees it.
 *
 * Everything that can be wrong is said before anything starts, all of it at once, and each way to end has its exit
 * code: systemd should restart after a full disk (6) or a peer that is down (3), and should not after a wrong file
 * (1). SIGTERM, SIGINT and SIGHUP all mean the same: no more input, finish the turn, leave. SIGUSR1 and SIGUSR2, to
 * which others rotate their logs, mean nothing: they must not end us by the kernel's default. Under systemd readiness
 * is told when the store is open, the threads run and the port listens; the protocol is one datagram, so no library
 * is linked for it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bot/cmdline.h"
#include "bot/log.h"
#include "bot/run.h"

static struct bot *running; /* set before the signals are let in, cleared after they are shut out */

static void on_stop(int number DW_UNUSED)
{
    int kept = errno;
    bot_stop(running);
    errno = kept;
}

static void signals_install(void (*handler)(int))
{
    struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&sa.sa_mask);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGHUP, &sa, NULL);
}

/* sd_notify(3) by hand. Where nobody listens it does nothing; what fails here must not stop a service that works. */
static void tell_systemd(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t n = path != NULL ? strlen(path) : 0;
    if (n < 2 || n >= sizeof to.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(to.sun_path, path, n);
    if (path[0] == '@')
        to.sun_path[0] = '\0'; /* an abstract socket */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to, size) < 0)
        log_line(LOG_WARN, "systemd.notify", "cannot tell systemd: %s", strerror(errno));
    close(fd);
}

/* The store's own folder, one level: what is above it is the operator's to make. */
static void make_store_folder(const struct config *c)
{
    AUTO_STR folder = str_dup(config_store_path(c));
    char *slash = strrchr(folder, '/');
    if (slash == NULL || slash == folder)
        return;
    *slash = '\0';
    if (mkdir(folder, 0700) == 0)
        log_line(LOG_INFO, "store.folder", "made the folder %s", folder);
}

static void print_problems(const struct problems *p)
{
    for (size_t i = 0; i < p->n; i++)
        fprintf(stderr, "%s\n", p->lines[i]);
}

/* bot_start says one sentence; of files that are wrong people want every line. How many were printed. */
static size_t print_file_problems(const struct config *c)
{
    struct problems p = {0};
    people_free(people_load(c->people_file, &p));
    policy_free(policy_load(c->policy_file, &p));
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    book_free(accounts_file_load(c->accounts_file, (int64_t)now.tv_sec * 1000, &p));
    print_problems(&p);
    size_t n = p.n;
    problems_free(&p);
    return n;
}

static int run_until_stopped(const struct config *c)
{
    struct err e = {0};
    sigset_t stops, before;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGHUP);
    make_store_folder(c);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    sigprocmask(SIG_BLOCK, &stops, &before); /* one that comes while we start waits until there is something to stop */
    int rc = bot_start(&running, c, &e);
    if (rc != 0) {
        bool told = rc == ERR_INVALID && print_file_problems(c) > 0;
        fprintf(stderr, "dunwell: not started%s%s\n", told ? "" : ": ", told ? "" : e.text);
        return exit_for_error(rc);
    }
    signals_install(on_stop);
    sigprocmask(SIG_SETMASK, &before, NULL);
    tell_systemd("READY=1");
    log_line(LOG_INFO, "run.ready", "dunwell %s runs in %s mode, webhooks on %s:%d", DW_VERSION,
             c->shadow ? "shadow" : "live", c->listen_host, c->listen_port);
    rc = bot_loop(running);
    tell_systemd("STOPPING=1");
    signals_install(SIG_IGN);
    bot_free(STEAL(running));
    log_line(rc == 0 ? LOG_INFO : LOG_ERROR, "run.stopped", rc == 0 ? "stopped" : "stopped by an error");
    return rc == 0 ? EXIT_FINE : EXIT_STOPPED;
}

static int run_with(const char *path)
{
    struct problems p = {0};
    int code = EXIT_PROBLEMS;
    struct config *c = config_load(path, &p);
    if (c == NULL || p.n > 0) {
        print_problems(&p);
        fprintf(stderr, "dunwell: not started: %zu %s in the configuration; `dunwell check` says more\n", p.n,
                p.n == 1 ? "problem" : "problems");
    } else {
        for (size_t i = 0; i < c->warnings.n; i++)
            log_line(LOG_WARN, "config.warning", "%s", c->warnings.lines[i]);
        code = run_until_stopped(c);
    }
    config_free(c);
    problems_free(&p);
    return code;
}

int run_main(const struct subcommand *self, int argc, char **argv)
{
    const char *path = "dunwell.yaml";
    const struct flag flags[] = {{"config", 'c', &path, NULL}, {0}};
    int code = cmdline_read(self, argc, argv, flags, NULL, 0);
    return code == CMDLINE_GO_ON ? run_with(path) : code;
}
