/* Waking a thread that sleeps takes longer than what a lone command needs on its way through one. So a thread to which things
 * have lately come soon keeps looking for a moment before it sleeps (measured with one command in flight: a third more a second).
 *
 * Looking burns a processor that somebody else may need more, so it must pay: what came soon, looked for or not, earns a credit,
 * and a look in vain costs two. Where little happens, or the machine is busy, or the disk is slow, the credit is soon gone and
 * nothing is spent. */
#include "bot/lookout.h"

#include <time.h>
#include <unistd.h>

#define MOST_CREDIT 4
#define COST 2

int64_t lookout_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void lookout_init(struct lookout *l, int64_t soon_ns)
{
    l->soon_ns = soon_ns;
    atomic_init(&l->called, false);
    l->several = sysconf(_SC_NPROCESSORS_ONLN) > 1;
    l->credit = 0;
}

void lookout_call(struct lookout *l, bool is_there)
{
    atomic_store(&l->called, is_there);
}

bool lookout_called(struct lookout *l)
{
    return atomic_load(&l->called);
}

bool lookout_pays(const struct lookout *l)
{
    return l->credit >= COST;
}

bool lookout_look(struct lookout *l, int64_t since_ns)
{
    do {
        if (atomic_load_explicit(&l->called, memory_order_acquire))
            return true;
    } while (lookout_now_ns() - since_ns < l->soon_ns);
    l->credit -= COST;
    return false;
}

void lookout_learn(struct lookout *l, int64_t took_ns)
{
    if (l->several && took_ns < l->soon_ns && l->credit < MOST_CREDIT)
        l->credit++;
}
