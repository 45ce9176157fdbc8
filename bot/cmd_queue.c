/* queue: what waits for a collector, the largest amount first; and what waits for somebody's hand at a billing system, whose case
 * may be anywhere, the longest waiting first.
 *
 * The first ten come off the index in order, and the count of the rest stops at a thousand: a queue of a hundred
 * thousand is answered as fast as an empty one. */
#include "bot/commands.h"
#include "bot/words.h"
#include "engine/hands.h"
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

static bool hand_row(struct buf *out, struct engine *e, int64_t id)
{
    char name[WORDS_NAME], age[WHEN_TEXT_SIZE], plain[WORDS_SIZE];
    struct hands w;
    struct proposal *p = proposal_load(e, id);
    struct recovery *r = p ? recovery_load(e, p->case_id) : NULL;
    AUTO_STR what = r && hands_load(e, id, &w) ? hands_words(e, r, p) : NULL;
    if (what)
        buf_addf(out, "\nA-%lld %s, %s, for %s: %s", (long long)id, words_name(name, r), words_person(e, r->owner), when_age(age, e->now_ms - w.since_ms),
                 words_plain(plain, sizeof plain, what));
    recovery_free(r);
    proposal_free(p);
    return what != NULL;
}

static void queue_hands(struct buf *out, struct engine *e)
{
    int64_t ids[ROWS_MOST + 1];
    size_t n = 0, said = 0;
    AUTO_BUF rows = BUF(4 * WORDS_SIZE);
    struct query *q = store_query(e->store, "SELECT proposal_id FROM hands ORDER BY since_ms LIMIT ?1", "i", (int64_t)DW_ARRAY_LEN(ids));
    for (; query_next(q); n++)
        ids[n] = query_i64(q, 0);
    for (size_t i = 0; i < n && i < ROWS_MOST; i++)
        said += hand_row(&rows, e, ids[i]);
    if (said)
        buf_addf(out, "\n\nTo be done by hand at billing, the longest waiting first:%s%s", buf_text(&rows), n > ROWS_MOST ? "\n... and more." : "");
}

int cmd_queue(struct request *rq, struct err *err)
{
    struct engine *e = rq->engine;
    AUTO_BUF out = BUF(6 * WORDS_SIZE);
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
    if (shown == 0) {
        buf_clear(&out);
        buf_adds(&out, "The collectors' queue is empty.");
    }
    queue_hands(&out, e);
    request_say(rq, "%s", buf_text(&out));
    return 0;
}
