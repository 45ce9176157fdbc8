/* holds: everything that is quiet at the moment, the next to end first, because that is what needs a decision
 * next. */
#include "bot/commands.h"
#include "bot/words.h"

enum { ROWS_MOST = 10, COUNT_MOST = 1000 };

static void holds_row(struct buf *out, struct engine *e, struct query *q)
{
    char name[WORDS_NAME], due[MONEY_TEXT_SIZE], reason[WORDS_NAME];
    enum hold_state state = (enum hold_state)query_i64(q, 1);
    long long end = (long long)query_i64(q, 2);
    struct money m = money_of(query_i64(q, 6), query_text(q, 7));
    buf_addf(out, "\nH-%lld %s (N-%lld): %s", (long long)query_i64(q, 0),
             words_plain(name, sizeof name, query_text(q, 5)), (long long)query_i64(q, 8),
             m.currency[0] ? money_text(due, m) : "amount not read yet");
    buf_addf(out, ", until {ms:%lld} ({ago:%lld}), %s", end, end, words_person(e, query_text(q, 4)));
    if (state != HOLD_ACTIVE)
        buf_addf(out, ", %s: not confirmed yet", hold_state_name(state));
    if (query_text(q, 3)[0])
        buf_addf(out, ". Why: %s", words_plain(reason, sizeof reason, query_text(q, 3)));
}

int cmd_holds(struct request *rq, struct err *err)
{
    struct engine *e = rq->engine;
    AUTO_BUF out = BUF(2 * WORDS_SIZE);
    int64_t shown = 0;
    int64_t all =
        store_i64(e->store, 0, "SELECT COUNT(*) FROM (SELECT 1 FROM holds WHERE is_live = 1 LIMIT ?1) AS running",
                  "i", (int64_t)COUNT_MOST);
    (void)err;
    buf_adds(&out, "On hold, the next to end first:");
    struct query *q = store_query(
        e->store,
        "SELECT holds.id, holds.state, holds.end_ms, holds.reason, holds.owner, recoveries.name, recoveries.due, "
        "recoveries.currency, recoveries.id FROM holds JOIN recoveries ON recoveries.id = holds.case_id "
        "WHERE holds.is_live = 1 ORDER BY holds.end_ms LIMIT ?1",
        "i", (int64_t)ROWS_MOST);
    for (; query_next(q); shown++)
        holds_row(&out, e, q);
    if (all > shown)
        buf_addf(&out, "\n... and %lld%s more.", (long long)(all - shown), all == COUNT_MOST ? " or" : "");
    if (shown == 0)
        request_say(rq, "Nothing is on hold.");
    else
        request_say(rq, "%s", buf_text(&out));
    return 0;
}
