/* inbox: the requests that wait for this person's decision, the next to be parked first.
 *
 * They come off an index in that order and reading stops after a few hundred, so a hundred thousand open requests are
 * answered as fast as ten. */
#include "bot/commands.h"
#include "bot/words.h"
#include "engine/approval.h"
#include "engine/ping.h"
#include "engine/policy_request.h"

enum { SHOWN_MOST = 10, LOOKED_MOST = 300 };

static bool waits_for(const struct request *rq, const struct proposal *p)
{
    struct engine *e = rq->engine;
    const struct person *who = rq->who.person;
    struct subject s;
    struct approval a;
    struct right right;
    struct recovery *r = recovery_load(e, p->case_id);
    if (!r)
        return false;
    proposal_subject(e, r, p, &s);
    proposal_approval(e, &s, p, &a);
    bool voted = store_i64(e->store, 0, "SELECT count(*) FROM votes WHERE subject = ?1 AND person = ?2", "tt", s.ref, who->key) > 0;
    bool waits = !voted && approval_may(e, &s, &a, who, &right, NULL) == 0;
    approval_fini(&a);
    recovery_free(r);
    return waits;
}

static void add_line(struct request *rq, struct buf *out, const struct proposal *p)
{
    char line[700], plain[700];
    struct recovery *r = recovery_load(rq->engine, p->case_id);
    AUTO_STR ref = str_fmt("A-%lld", (long long)p->id);
    AUTO_STR why = ping_why(rq->engine, rq->who.person->key, ref);
    if (r)
        ping_line(rq->engine, r, p, line, sizeof line);
    buf_addf(out, "\n%s%s%s", r ? line : ref, why[0] ? ". Why you: " : "", why[0] ? words_plain(plain, sizeof plain, why) : "");
    recovery_free(r);
}

/* A change of the policy waits like everything else. */
static bool policy_waits(struct request *rq, struct buf *out)
{
    struct engine *e = rq->engine;
    int64_t id = 0;
    struct approval a;
    struct right right;
    struct policy_request *p = policy_requests_open(e, &id, 1) ? policy_request_load(e, id) : NULL;
    if (!p)
        return false;
    struct subject s = policy_request_subject(p);
    policy_approval(e->policy, &s, &a);
    bool waits = !vote_given(e, &s, rq->who.person->key, "yes") && approval_may(e, &s, &a, rq->who.person, &right, NULL) == 0;
    if (waits) {
        char line[300], plain[400];
        AUTO_STR why = ping_why(e, rq->who.person->key, s.ref);
        ping_policy_line(e, p, line, sizeof line);
        buf_addf(out, "\n%s%s%s", line, why[0] ? ". Why you: " : "", why[0] ? words_plain(plain, sizeof plain, why) : "");
    }
    approval_fini(&a);
    policy_request_free(p);
    return waits;
}

int cmd_inbox(struct request *rq, struct err *e)
{
    char head[160];
    int64_t ids[LOOKED_MOST];
    size_t n = 0;
    int shown = 0;
    struct ping_sum sum = {0};
    AUTO_BUF out = BUF(2 * WORDS_SIZE);
    (void)e;
    struct query *q = store_query(rq->engine->store, "SELECT id FROM proposals WHERE state = 2 ORDER BY expires_ms, id LIMIT ?1", "i", (int64_t)LOOKED_MOST);
    while (query_next(q))
        ids[n++] = query_i64(q, 0);
    for (size_t i = 0; i < n; i++) {
        struct proposal *p = proposal_load(rq->engine, ids[i]);
        if (p && waits_for(rq, p)) {
            ping_sum_add(rq->engine, &sum, p->amount);
            if (shown++ < SHOWN_MOST)
                add_line(rq, &out, p);
        }
        proposal_free(p);
    }
    if (policy_waits(rq, &out))
        sum.requests++;
    if (sum.requests == 0) {
        request_say(rq, "Nothing waits for your decision.");
        return 0;
    }
    ping_sum_words(&sum, head, sizeof head);
    AUTO_STR more = shown > SHOWN_MOST ? str_fmt("\n... and %d more", shown - SHOWN_MOST) : str_dup("");
    request_say(rq, "%s%s, the next to be parked first:%s%s", head, n == LOOKED_MOST ? " at least" : "", buf_text(&out), more);
    return 0;
}
