/* approvals: what is being asked now; of a person: what they decided, and how it ended.
 *
 * Both come off an index, newest or most urgent first, ten at most. The ending is what became of it, not what was hoped for
 * when it was said yes to. */
#include <stdlib.h>
#include <string.h>

#include "bot/person.h"
#include "bot/words.h"
#include "engine/ending.h"
#include "engine/ping.h"
#include "engine/policy_request.h"

enum { SHOWN_MOST = 10 };

static const char *verb_words(const char *verb)
{
    static const char *const words[][2] = {{"decision.yes", "yes"}, {"decision.no", "no"}, {"decision.counter", "another offer"}, {"decision.undo", "undone"}, {"decision.break_glass", "yes, by the EMERGENCY right"}};
    for (size_t i = 0; i < DW_ARRAY_LEN(words); i++)
        if (str_eq(words[i][0], verb))
            return words[i][1];
    return verb;
}

struct row {
    char id[16], ref[32], verb[40];
    int64_t at_ms;
};

static void policy_line(struct engine *e, struct buf *out, const struct row *row)
{
    char plain[320];
    struct policy_request *p = policy_request_load(e, strtoll(row->ref + 2, NULL, 10));
    if (p)
        buf_addf(out, "\n{ms:%lld} %s, change of policy to %s: %s (%s). Now: %s", (long long)row->at_ms, row->ref, p->version, verb_words(row->verb), row->id,
                 str_eq(p->state, "asked") ? "open" : words_plain(plain, sizeof plain, p->outcome));
    policy_request_free(p);
}

static void decision_line(struct engine *e, struct buf *out, const struct row *row)
{
    char words[256], name[WORDS_NAME], plain[320];
    struct proposal *p = proposal_load(e, strtoll(row->ref + 2, NULL, 10));
    struct recovery *r = p ? recovery_load(e, p->case_id) : NULL;
    if (r) {
        struct ending end;
        ending_of(e, r, p, &end);
        proposal_words(p, words, sizeof words);
        buf_addf(out, "\n{ms:%lld} %s, %s, %s: %s (%s). Now: ", (long long)row->at_ms, row->ref, words_name(name, r), words, verb_words(row->verb), row->id);
        if (end.kind == ENDING_NONE)
            words_state(out, e, p);
        else
            buf_adds(out, words_plain(plain, sizeof plain, end.text));
    }
    recovery_free(r);
    proposal_free(p);
}

static void of_person(struct request *rq, const struct person *who)
{
    struct row rows[SHOWN_MOST];
    size_t n = 0;
    AUTO_BUF out = BUF(4 * WORDS_SIZE);
    struct query *q = store_query(rq->engine->store,
                                  "SELECT r.id, r.ref, r.at_ms, j.verb FROM receipts r JOIN journal j ON j.seq = r.seq WHERE r.person = ?1 ORDER BY r.seq DESC LIMIT ?2", "ti",
                                  who->key, (int64_t)SHOWN_MOST);
    for (; query_next(q); n++) {
        rows[n].at_ms = query_i64(q, 2);
        str_copy(rows[n].id, sizeof rows[n].id, query_text(q, 0));
        str_copy(rows[n].ref, sizeof rows[n].ref, query_text(q, 1));
        str_copy(rows[n].verb, sizeof rows[n].verb, query_text(q, 3));
    }
    for (size_t i = 0; i < n; i++)
        (rows[i].ref[0] == 'P' ? policy_line : decision_line)(rq->engine, &out, &rows[i]);
    if (n == 0)
        request_say(rq, "%s has not decided anything yet.", who->name);
    else
        request_say(rq, "What %s decided, and how it went, newest first:%s", who->name, buf_text(&out));
}

/* There is one at a time. */
static bool open_policy(struct engine *e, struct buf *out)
{
    int64_t id = 0;
    struct policy_request *p = policy_requests_open(e, &id, 1) ? policy_request_load(e, id) : NULL;
    char line[300];
    if (p) {
        ping_policy_line(e, p, line, sizeof line);
        buf_addf(out, "\n%s", line);
    }
    bool open = p != NULL;
    policy_request_free(p);
    return open;
}

static void open_ones(struct request *rq)
{
    struct engine *e = rq->engine;
    int64_t ids[SHOWN_MOST];
    size_t n = 0;
    AUTO_BUF out = BUF(4 * WORDS_SIZE);
    bool policy = open_policy(e, &out);
    struct query *q = store_query(e->store, "SELECT id FROM proposals WHERE state = 2 ORDER BY expires_ms, id LIMIT ?1", "i", (int64_t)SHOWN_MOST);
    while (query_next(q))
        ids[n++] = query_i64(q, 0);
    int64_t all = store_i64(e->store, 0, "SELECT count(*) FROM (SELECT 1 FROM proposals WHERE state = 2 LIMIT 1000) AS waiting", "");
    for (size_t i = 0; i < n; i++) {
        char line[700];
        struct proposal *p = proposal_load(e, ids[i]);
        struct recovery *r = p ? recovery_load(e, p->case_id) : NULL;
        if (r) {
            ping_line(e, r, p, line, sizeof line);
            buf_addf(&out, "\n%s", line);
        }
        recovery_free(r);
        proposal_free(p);
    }
    if (all > (int64_t)n)
        buf_addf(&out, "\n... and %lld%s more", (long long)(all - (int64_t)n), all == 1000 ? " or" : "");
    if (n == 0 && !policy)
        request_say(rq, "No request is open. \"approvals @name\" lists what somebody decided.");
    else
        request_say(rq, "Open requests, the next to be parked first:%s", buf_text(&out));
}

int cmd_approvals(struct request *rq, struct err *e)
{
    const char *text = parse_trim(rq->args);
    if (!text[0]) {
        open_ones(rq);
        return 0;
    }
    const struct person *who = NULL;
    int rc = request_person(rq, text, &who, e);
    if (rc == 0)
        of_person(rq, who);
    return rc;
}
