/* The engine's own bookkeeping: its memory, its clock of this turn, and the round of what has become due. */
#include "engine/engine.h"

#include <openssl/evp.h>
#include <string.h>

#include "engine/catch_up.h"
#include "engine/effect.h"
#include "engine/inbox.h"
#include "engine/report.h"
#include "engine/session.h"
#include "engine/timer.h"
#include "engine/when.h"

enum { FORGET_AT_ONCE = 1000 };

void engine_init(struct engine *e, struct store *store, const struct world *world)
{
    *e = (struct engine){.store = store, .world = *world, .digest = EVP_MD_CTX_new()};
    engine_begin(e);
}

void engine_fini(struct engine *e)
{
    EVP_MD_CTX_free(e->digest);
    session_forget(e);
    free(e->dirty);
    *e = (struct engine){0};
}

void engine_begin(struct engine *e)
{
    int64_t now = e->world.now_ms(e->world.ctx);
    if (now > e->now_ms) /* a clock set back never makes our rows run backwards */
        e->now_ms = now;
}

void engine_forget(struct engine *e)
{
    e->memo.head_known = e->memo.due_known = e->memo.effects_known = e->memo.inbox_known = false;
    e->n_dirty = 0;
    session_forget(e);
}

const struct chat_site *engine_chat(const struct engine *e, const char *name)
{
    for (size_t i = 0; i < e->n_chats; i++)
        if (str_eq(e->chats[i].name, name))
            return &e->chats[i];
    return NULL;
}

const struct chat_site *engine_chat_of(const struct engine *e, const struct person *p)
{
    for (size_t i = 0; i < e->n_chats; i++)
        if (person_chat_id(p, e->chats[i].name))
            return &e->chats[i];
    return NULL;
}

const char *actor_key(const struct actor *a)
{
    return a->person ? a->person->key : a->name;
}

const char *actor_name(const struct actor *a)
{
    return a->person ? a->person->name : a->name;
}

void engine_dirty(struct engine *e, int64_t case_id)
{
    for (size_t i = 0; i < e->n_dirty; i++)
        if (e->dirty[i] == case_id)
            return;
    if (e->n_dirty == e->cap_dirty) {
        e->cap_dirty = e->cap_dirty ? e->cap_dirty * 2 : 16;
        e->dirty = mem_grow(e->dirty, e->cap_dirty * sizeof *e->dirty);
    }
    e->dirty[e->n_dirty++] = case_id;
}

/* Once an hour; what was seen is forgotten some rows a turn until none is left that is old. */
static void hourly(struct engine *e)
{
    if (e->now_ms - e->memo.pruned_ms <= MS_HOUR)
        return;
    int64_t gone = store_run(e->store, "DELETE FROM chat_seen WHERE at_ms < ?1 AND seq IN (SELECT seq FROM chat_seen ORDER BY seq LIMIT ?2)", "ii",
                             e->now_ms - 2 * MS_DAY, (int64_t)FORGET_AT_ONCE);
    if (gone >= FORGET_AT_ONCE)
        return;
    report_look(e);
    e->memo.pruned_ms = e->now_ms;
}

bool engine_tick(struct engine *e, int budget)
{
    bool more = timers_work(e, budget);
    more |= inbox_work(e, budget);
    hourly(e);
    if (more)
        e->memo.due_known = false;
    return more;
}

int64_t engine_next_due_ms(struct engine *e)
{
    if (!e->memo.due_known) {
        int64_t timer = timers_next_due_ms(e), effect = effects_next_due_ms(e), inbox = inbox_next_due_ms(e);
        e->memo.next_due_ms = timer < effect ? timer : effect;
        if (inbox < e->memo.next_due_ms)
            e->memo.next_due_ms = inbox;
        e->memo.due_known = true;
    }
    return e->memo.next_due_ms;
}

void engine_recover(struct engine *e)
{
    store_run(e->store, "UPDATE effects SET state = ?1 WHERE is_head = 1 AND state = ?2", "ii", (int64_t)EFFECT_LOST,
              (int64_t)EFFECT_OUT);
    e->memo.due_known = e->memo.effects_known = false;
    catch_up_start(e);
}
