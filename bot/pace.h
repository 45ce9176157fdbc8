/* The engine's time: the wall clock's, as long as that goes forwards. See pace.c. One thread. */
#ifndef DW_BOT_PACE_H
#define DW_BOT_PACE_H

#include <stdint.h>

struct pace {
    int64_t told_ms;  /* the newest; 0 at the beginning */
    int64_t spent_ms; /* on the steady clock, what has gone into told_ms */
};

/* wall_ms: UTC, may be set back; steady_ms: since whenever, never is. Never less than it said before. */
int64_t pace_now_ms(struct pace *p, int64_t wall_ms, int64_t steady_ms);

#endif
