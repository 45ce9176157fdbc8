/* A clock that is set back: a machine that starts on local time and learns of UTC a minute later is hours ahead of itself. Rows never
 * run backwards, so our time must not; but were it to stand still until the wall clock has caught up, everything that waits for a
 * second - a call to be tried again, a request to expire - would wait for those hours. So it goes on at half its pace, and is right again after
 * twice the difference. */
#include "bot/pace.h"

int64_t pace_now_ms(struct pace *p, int64_t wall_ms, int64_t steady_ms)
{
    int64_t half = (steady_ms - p->spent_ms) / 2;
    if (wall_ms >= p->told_ms) {
        p->told_ms = wall_ms;
        p->spent_ms = steady_ms;
    } else {
        p->told_ms += half;
        p->spent_ms += 2 * half; /* an odd millisecond counts the next time */
    }
    return p->told_ms;
}
