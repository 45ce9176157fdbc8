/* Kill points, in test builds only: DUNWELL_KILL=name:n makes the process die, without any clean-up, when it passes the point
 * `name` for the n-th time. The walk in test_kill_points.py visits every name and hit. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base.h"

void kill_point(const char *name)
{
    static atomic_int left = -1; /* -1: not read yet; 0: none wanted */
    static char wanted[64];
    if (left == -1) {
        const char *text = getenv("DUNWELL_KILL");
        const char *colon = text ? strchr(text, ':') : NULL;
        if (colon && (size_t)(colon - text) < sizeof wanted)
            memcpy(wanted, text, (size_t)(colon - text));
        left = colon ? (int)strtol(colon + 1, NULL, 10) : 0;
    }
    if (left > 0 && strcmp(name, wanted) == 0 && atomic_fetch_sub(&left, 1) == 1)
        _exit(137);
}
