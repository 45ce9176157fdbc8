/* queue: what waits for a collector, the largest amount first.
 *
 * The first ten come off the index in order, and the count of the rest stops at a thousand: a queue of a hundred
 * thousand is answered as fast as an empty one. */
#include "bot/commands.h"
#include "bot/words.h"
#include "engine/when.h"

enum { ROWS_MOST = 10, COUNT_MOST = 1000 };

static void queue_row(struct buf *out, struct engine *e, struct query *q)
{
    char name[WORDS_NAME], due[MONEY_TEXT_SIZE], next[WORDS_NAME], age[WHEN_TEXT_SIZE];
    struct money m = money_of(query_i64(q, 3), query_text(q, 4));
    buf_addf(out, "\nN-%lld %s: %s", (long long)query_i64(q, 0), words_plain(name, sizeof name, query_text(q, 2)),
             m.currency[0] ? money_text(due, m) : "amount not read yet");
    if (query_i64(q, 7) > 0)
        buf_addf(out, " (%s, %s)", query_text(q, 8), when_ago(age, e->now_ms - query_i64(q, 7)));
    str_copy(next, sizeof next, query_text(q, 6));
    buf_addf(out, ", %s. %s", query_text(q, 5)[0] ? words_person(e, query_text(q, 5)) : "nobody has claimed it",
             next);
}

static int64_t queue_count(struct engine *e)
{
    return store_i64(
        e->store, 0,
        "SELECT COUNT(*) FROM (SELECT 1 FROM recoveries WHERE is_open = 1 AND state = ?1 LIMIT ?2) AS waiting", "ii",
        (int64_t)RECOVERY_QUEUED, (int64_t)COUNT_MOST);
}

int cmd_queue(struct request *rq, struct err *err)
{
    struct engine *e = rq->engine;
    AUTO_BUF out = BUF(2 * WORDS_SIZE);
    int64_t all = queue_count(e), shown = 0;
    (void)err;
    buf_adds(&out, "The collectors' queue, largest first:");
    struct query *q =
        store_query(e->store,
                    "SELECT id, account, name, due, currency, owner, next_step, read_ms, biller FROM recoveries "
                    "WHERE is_open = 1 AND state = ?1 ORDER BY due DESC LIMIT ?2",
                    "ii", (int64_t)RECOVERY_QUEUED, (int64_t)ROWS_MOST);
    for (; query_next(q); shown++)
        queue_row(&out, e, q);
    if (all > shown)
        buf_addf(&out, "\n... and %lld%s more.", (long long)(all - shown), all == COUNT_MOST ? " or" : "");
    if (shown == 0)
        request_say(rq, "The collectors' queue is empty.");
    else
        request_say(rq, "%s", buf_text(&out));
    return 0;
}
