/* Timers are rows; due ones are taken oldest first, removed, and given to the module they are about. */
#include "engine/timer.h"

#include "engine/follow_up.h"

void timer_add(struct engine *e, const char *kind, int64_t case_id, int64_t ref, int64_t due_ms)
{
    e->memo.due_known = false;
    store_run(e->store, "INSERT INTO timers (kind, case_id, ref, due_ms) VALUES (?1,?2,?3,?4)", "tiii", kind, case_id, ref, due_ms);
}

void timer_cancel(struct engine *e, const char *kind, int64_t case_id, int64_t ref)
{
    e->memo.due_known = false;
    store_run(e->store, "DELETE FROM timers WHERE case_id = ?1 AND kind = ?2 AND ref = ?3", "iti", case_id, kind, ref);
}

void timers_cancel_case(struct engine *e, int64_t case_id)
{
    e->memo.due_known = false;
    store_run(e->store, "DELETE FROM timers WHERE case_id = ?1 AND kind NOT IN ('release', 'unplan')", "i", case_id);
}

void timers_hasten(struct engine *e, const char *kind)
{
    e->memo.due_known = false;
    store_run(e->store, "UPDATE timers SET due_ms = ?1 WHERE kind = ?2 AND due_ms > ?1", "it", e->now_ms, kind);
}

static bool timer_take(struct engine *e, char kind[32], int64_t *case_id, int64_t *ref)
{
    struct query *q = store_query(e->store, "SELECT id, kind, case_id, ref FROM timers WHERE due_ms <= ?1 ORDER BY due_ms, id LIMIT 1", "i",
                                  e->now_ms);
    if (!query_next(q))
        return false;
    int64_t id = query_i64(q, 0);
    str_copy(kind, 32, query_text(q, 1));
    *case_id = query_i64(q, 2);
    *ref = query_i64(q, 3);
    query_end(q);
    store_run(e->store, "DELETE FROM timers WHERE id = ?1", "i", id);
    e->memo.due_known = false;
    return true;
}

bool timers_work(struct engine *e, int budget)
{
    char kind[32];
    int64_t case_id, ref;
    if (e->memo.due_known && e->memo.next_due_ms > e->now_ms)
        return false;
    for (int i = 0; i < budget; i++) {
        if (!timer_take(e, kind, &case_id, &ref))
            return false;
        follow_up(e, kind, case_id, ref);
    }
    return true;
}

int64_t timers_next_due_ms(struct engine *e)
{
    return store_i64(e->store, INT64_MAX, "SELECT due_ms FROM timers ORDER BY due_ms LIMIT 1", "");
}
