/* A short look-out, in place of a sleep, for what another thread is about to leave. See lookout.c.
 * One thread looks; lookout_call and lookout_called are for any thread. */
#ifndef DW_BOT_LOOKOUT_H
#define DW_BOT_LOOKOUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct lookout {
    int64_t soon_ns;
    atomic_bool called;
    bool several; /* processors: else looking keeps away what is looked for */
    int credit;   /* the looker's */
};

void lookout_init(struct lookout *l, int64_t soon_ns);
void lookout_call(struct lookout *l, bool is_there); /* after all that came with it has been left; false: it was taken */
bool lookout_called(struct lookout *l);
bool lookout_pays(const struct lookout *l); /* has looking paid lately? */
bool lookout_look(struct lookout *l, int64_t since_ns); /* true as soon as it is there; false soon_ns after since_ns */
void lookout_learn(struct lookout *l, int64_t took_ns); /* what was waited for, in either way, was there after this long */

int64_t lookout_now_ns(void); /* monotonic */

#endif
