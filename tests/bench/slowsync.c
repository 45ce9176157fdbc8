/* LD_PRELOAD: each sync takes SYNC_US microseconds at least, as on a disk behind a network. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int slowly(const char *name, int fd)
{
    union {
        void *symbol;
        int (*call)(int fd);
    } real = {.symbol = dlsym(RTLD_NEXT, name)};
    const char *us = getenv("SYNC_US");
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int rc = real.call(fd);
    until.tv_nsec += (us ? strtol(us, NULL, 10) : 0) * 1000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    return rc;
}

int fsync(int fd)
{
    return slowly("fsync", fd);
}

int fdatasync(int fd)
{
    return slowly("fdatasync", fd);
}
