/* Kill points, in test builds only: DUNWELL_KILL=name:n makes the process die, without any clean-up, when it passes the point
 * `name` for the n-th time. DUNWELL_KILL_LOG=file writes the name of each point that is passed, one a line: so the walk in
 * test_kill_points.py knows which there are and how often each is passed. Points are passed by three threads. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base.h"

static char wanted[64];
static atomic_int left; /* 0: none is wanted */
static int log_fd = -1;

__attribute__((constructor)) static void kill_point_read(void)
{
    const char *text = getenv("DUNWELL_KILL"), *path = getenv("DUNWELL_KILL_LOG");
    const char *colon = text ? strchr(text, ':') : NULL;
    if (colon && (size_t)(colon - text) < sizeof wanted) {
        memcpy(wanted, text, (size_t)(colon - text));
        left = (int)strtol(colon + 1, NULL, 10);
    }
    if (path)
        log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

void kill_point(const char *name)
{
    if (log_fd >= 0)
        dprintf(log_fd, "%s\n", name);
    if (left > 0 && strcmp(name, wanted) == 0 && atomic_fetch_sub(&left, 1) == 1)
        _exit(137);
}
