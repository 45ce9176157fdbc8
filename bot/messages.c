/* The store of what was posted: for each reference (N-12, A-17) and platform where its card was sent, under which id, and
 * the hash of what it says. A card is compared with this row, so only a different one makes an effect. */
#include "bot/messages.h"

#include <string.h>

#include "engine/timer.h"

#define COLUMNS "ref, platform, case_id, revision, channel, message, hash, state, substance, shown, since_ms"

void message_fini(struct message *m)
{
    free(m->channel);
    free(m->message);
    free(m->hash);
    free(m->state);
    free(m->substance);
    *m = (struct message){0};
}

static void message_read(struct query *q, struct message *m)
{
    *m = (struct message){.case_id = query_i64(q, 2), .revision = query_i64(q, 3), .shown = query_i64(q, 9), .since_ms = query_i64(q, 10)};
    str_copy(m->ref, sizeof m->ref, query_text(q, 0));
    str_copy(m->platform, sizeof m->platform, query_text(q, 1));
    m->channel = str_dup(query_text(q, 4));
    m->message = str_dup(query_text(q, 5));
    m->hash = str_dup(query_text(q, 6));
    m->state = str_dup(query_text(q, 7));
    m->substance = str_dup(query_text(q, 8));
}

bool message_load(struct engine *e, const char *ref, const char *platform, struct message *m)
{
    *m = (struct message){0};
    struct query *q = store_query(e->store, "SELECT " COLUMNS " FROM messages WHERE ref = ?1 AND platform = ?2", "tt", ref, platform);
    if (!query_next(q))
        return false;
    message_read(q, m);
    query_end(q);
    return true;
}

size_t messages_of(struct engine *e, const char *ref, struct message list[MESSAGES_MOST])
{
    size_t n = 0;
    struct query *q = store_query(e->store, "SELECT " COLUMNS " FROM messages WHERE ref = ?1 ORDER BY id LIMIT ?2", "ti", ref,
                                  (int64_t)MESSAGES_MOST);
    while (query_next(q))
        message_read(q, &list[n++]);
    return n;
}

bool message_find(struct engine *e, const char *platform, const char *channel, const char *message, struct message *m)
{
    AUTO_STR packed = str_fmt("%s %s", channel, message);
    *m = (struct message){0};
    struct query *q = store_query(e->store, "SELECT " COLUMNS " FROM messages WHERE platform = ?1 AND message = ?2 AND state <> 'left'", "tt",
                                  platform, packed);
    if (!query_next(q))
        return false;
    message_read(q, m);
    query_end(q);
    return true;
}

void messages_free(struct message *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        message_fini(&list[i]);
}

void message_save(struct engine *e, const struct message *m)
{
    store_run(e->store,
              "INSERT INTO messages (ref, platform, case_id, revision, channel, message, hash, state, substance, shown, since_ms) VALUES "
              "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (ref, platform) DO UPDATE SET channel = excluded.channel, "
              "message = excluded.message, revision = excluded.revision, hash = excluded.hash, state = excluded.state, "
              "substance = excluded.substance, shown = excluded.shown, since_ms = excluded.since_ms",
              "ttiitttttii", m->ref, m->platform, m->case_id, m->revision, m->channel, m->message, m->hash, m->state,
              m->substance ? m->substance : "", m->shown, m->since_ms);
}

void message_set(char **slot, const char *text)
{
    char *before = *slot;
    *slot = str_dup(text);
    free(before);
}

/* With one platform there is nowhere else to go, and nothing is watched. */
void message_waits(struct engine *e, struct message *m)
{
    if (m->since_ms || e->n_chats < 2 || e->failover_ms <= 0)
        return;
    m->since_ms = e->now_ms;
    timer_add(e, "cards", m->case_id, 0, e->now_ms + e->failover_ms);
}

void message_taken(struct message *m)
{
    m->since_ms = 0;
}

bool message_stuck(const struct engine *e, const struct message *m)
{
    return m->since_ms > 0 && e->failover_ms > 0 && e->now_ms - m->since_ms >= e->failover_ms;
}

bool message_left(const struct message *m)
{
    return str_eq(m->state, "left");
}
