/* One row a chat, for ever: what the driver keeps of where to go on is its stage, which is stored in the same transaction as
 * what people did (effect.c). So the row neither ends nor multiplies; it rests while nobody wants it. */
#include "engine/poll.h"

#include <string.h>

#include "engine/effect.h"

static bool is_wanted(const char *driver, const char *const *drivers, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(drivers[i], driver))
            return true;
    return false;
}

static void poll_start(struct engine *e, const char *driver)
{
    AUTO_STR key = str_fmt("poll-%s", driver);
    AUTO_STR lane = str_fmt("%s:poll", driver);
    store_run(e->store, "UPDATE effects SET is_live = 1, is_head = 1, state = ?2, not_before_ms = 0 WHERE dedupe = ?1 AND is_live = 0", "ti", key,
              (int64_t)EFFECT_QUEUED);
    effect_add(e, &(struct effect_spec){.lane = lane, .driver = driver, .op = "poll", .key = key, .purpose = "poll"});
}

void polls_set(struct engine *e, const char *const *drivers, size_t n)
{
    struct query *q = store_query(e->store, "SELECT id, driver FROM effects WHERE is_live = 1 AND op = 'poll'", "");
    while (query_next(q))
        if (!is_wanted(query_text(q, 1), drivers, n))
            store_run(e->store, "UPDATE effects SET is_live = 0, is_head = 0, state = ?2 WHERE id = ?1", "ii", query_i64(q, 0), (int64_t)EFFECT_CANCELLED);
    for (size_t i = 0; i < n; i++)
        poll_start(e, drivers[i]);
}

/* One row a chat, begun anew at each start: only the newest matters. */
void chat_awaken(struct engine *e, const char *driver)
{
    AUTO_STR key = str_fmt("ping-%s", driver);
    AUTO_STR lane = str_fmt("%s:ping", driver);
    if (store_run(e->store,
                  "UPDATE effects SET is_live = 1, is_head = 1, state = ?2, not_before_ms = 0, attempts = 0, stage = NULL, created_ms = ?3 WHERE dedupe = ?1",
                  "tii", key, (int64_t)EFFECT_QUEUED, e->now_ms) == 0)
        effect_add(e, &(struct effect_spec){.lane = lane, .driver = driver, .op = "ping", .key = key, .purpose = "awaken"});
    e->memo.due_known = e->memo.effects_known = false;
}
