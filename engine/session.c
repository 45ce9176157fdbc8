/* Sessions: one row a driver, read once and then known. The row is written only when it changes, because a driver may give the
 * same again with each answer. */
#include "engine/session.h"

#include <string.h>

struct session {
    struct session *next;
    json_t *kept; /* NULL: the store has none */
    char driver[32];
};

static struct session *session_of(struct engine *e, const char *driver)
{
    for (struct session *s = e->sessions; s; s = s->next)
        if (str_eq(s->driver, driver))
            return s;
    struct session *s = mem_alloc(sizeof *s);
    *s = (struct session){.next = e->sessions};
    str_copy(s->driver, sizeof s->driver, driver);
    struct query *q = store_query(e->store, "SELECT kept FROM sessions WHERE driver = ?1", "t", driver);
    if (query_next(q)) {
        s->kept = query_json(q, 0);
        query_end(q);
    }
    e->sessions = s;
    return s;
}

const json_t *session_kept(struct engine *e, const char *driver)
{
    return session_of(e, driver)->kept;
}

void session_keep(struct engine *e, const char *driver, const json_t *kept)
{
    struct session *s = session_of(e, driver);
    if (s->kept && json_equal(s->kept, kept))
        return;
    json_decref(s->kept);
    s->kept = json_deep_copy(kept);
    store_run(e->store, "INSERT INTO sessions (driver, kept) VALUES (?1, ?2) ON CONFLICT (driver) DO UPDATE SET kept = excluded.kept", "tj",
              driver, kept);
}

void session_forget(struct engine *e)
{
    for (struct session *s = e->sessions, *next; s; s = next) {
        next = s->next;
        json_decref(s->kept);
        free(s);
    }
    e->sessions = NULL;
}
