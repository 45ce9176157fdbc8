/* State machines as tables: a state has a name and a mask of the states that may follow it. */
#ifndef DW_ENGINE_SM_H
#define DW_ENGINE_SM_H

#include "engine/base.h"

#define SM_BIT(state) (1u << (state))
#define SM_ID(x) ((int64_t)(x))

struct sm_state {
    const char *name;
    unsigned next;
};

/* Staying is always allowed: it changes nothing. */
static inline bool sm_allows(const struct sm_state *table, unsigned from, unsigned to)
{
    return from == to || (table[from].next & SM_BIT(to)) != 0;
}

#endif
