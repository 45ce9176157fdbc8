/* Nobody can be made to do a thing by hand, so it is said again: at the hours at which the policy reminds of requests, then after
 * twice as long each time, a week at most; and a last time before the hold ends or the plan begins. One durable timer each; the row
 * counts what was said, so neither a restart nor a timer that comes late says anything twice, and of several that were missed one is
 * said. It moves the thread up for whoever follows it, it is counted as a call for the owner's attention, and waits for their morning. */
#include "engine/hands.h"

#include <string.h>

#include "engine/by_hand.h"
#include "engine/hold.h"
#include "engine/journal.h"
#include "engine/ping.h"
#include "engine/policy_attention.h"
#include "engine/proposal_internal.h"
#include "engine/timer.h"
#include "engine/when.h"

enum { WEEK_HOURS = 7 * 24 };

static const struct actor TIMER = {.name = "policy"};

bool hands_load(struct engine *e, int64_t proposal_id, struct hands *out)
{
    *out = (struct hands){0};
    struct query *q = store_query(e->store, "SELECT since_ms, marks, said, called_ms FROM hands WHERE proposal_id = ?1", "i", proposal_id);
    if (!query_next(q))
        return false;
    *out = (struct hands){.since_ms = query_i64(q, 0), .marks = query_i64(q, 1), .said = query_i64(q, 2), .called_ms = query_i64(q, 3)};
    query_end(q);
    return true;
}

/* Hours from the beginning to the nth mark, from 0; -1: there are none. */
static int64_t mark_hours(const struct engine *e, int64_t n)
{
    int64_t hours = -1;
    for (int64_t i = 0; i <= n; i++) {
        int listed = policy_remind_hours(e->policy, (size_t)i);
        if (listed < 0 && hours < 0)
            return -1;
        hours = listed >= 0 ? listed : hours + (hours < WEEK_HOURS ? hours : WEEK_HOURS);
    }
    return hours;
}

int64_t hands_until_ms(struct engine *e, const struct proposal *p)
{
    if (p->verb == VERB_PLAN)
        return json_i64(p->terms, "instalments.0.date_ms", 0);
    if (p->verb != VERB_HOLD && p->verb != VERB_EXTEND)
        return 0;
    struct hold *h = hold_of_case(e, p->case_id); /* whoever moved the end of the hold moved this with it */
    int64_t end = hold_counts(h) ? h->end_ms : json_i64(p->terms, "end_ms", 0);
    hold_free(h);
    return end;
}

/* When to call for the last time; 0: never, or it was. What was asked for just before needs no second word. */
static int64_t last_call_ms(struct engine *e, const struct proposal *p, const struct hands *w)
{
    int64_t until = hands_until_ms(e, p), at = until - MS_DAY;
    return until && w->called_ms != until && at > w->since_ms + MS_HOUR ? at : 0;
}

static void next_look(struct engine *e, const struct proposal *p, const struct hands *w)
{
    int64_t hours = mark_hours(e, w->marks), last = last_call_ms(e, p, w), at = hours < 0 ? 0 : w->since_ms + hours * MS_HOUR;
    if (last && (!at || last < at))
        at = last;
    timer_cancel(e, "hand", p->case_id, p->id);
    if (at)
        timer_add(e, "hand", p->case_id, p->id, at > e->now_ms ? at : e->now_ms + 1);
}

void hands_begin(struct engine *e, const struct proposal *p)
{
    struct hands w;
    if (hands_load(e, p->id, &w))
        return;
    w = (struct hands){.since_ms = e->now_ms};
    store_run(e->store, "INSERT INTO hands (proposal_id, case_id, since_ms, marks, said, called_ms) VALUES (?1,?2,?3,0,0,0)", "iii", p->id, p->case_id, w.since_ms);
    next_look(e, p, &w);
}

void hands_end(struct engine *e, int64_t proposal_id)
{
    store_run(e->store, "DELETE FROM hands WHERE proposal_id = ?1", "i", proposal_id);
}

static void remind(struct engine *e, struct recovery *r, const struct proposal *p, struct hands *w)
{
    AUTO_STR ref = str_fmt("A-%lld", (long long)p->id);
    w->said++;
    store_run(e->store, "UPDATE hands SET marks = ?2, said = ?3, called_ms = ?4 WHERE proposal_id = ?1", "iiii", p->id, w->marks, w->said, w->called_ms);
    journal_add(e, &TIMER, "hand.reminded", r->id, r->account, ref, NULL, "%s still waits for somebody's hand: said in the thread of the case", ref);
    if (r->owner[0]) /* the line in the thread is the call itself; it is counted like every other */
        ping_take(e, &(struct ping){.case_id = r->id, .person = r->owner, .ref = ref, .why = "you own the account, and this waits for somebody's hand", .emergency = true});
    engine_dirty(e, r->id);
}

/* In the owner's morning, unless that is too late. */
static bool later(struct engine *e, const struct recovery *r, const struct proposal *p)
{
    const struct person *owner = r->owner[0] ? people_by_key(e->people, r->owner) : NULL;
    int64_t morning = owner ? ping_quiet_until(e, owner) : 0, until = hands_until_ms(e, p);
    if (!morning || (until && morning >= until))
        return false;
    timer_add(e, "hand", p->case_id, p->id, morning);
    return true;
}

static void look(struct engine *e, struct recovery *r, const struct proposal *p, struct hands *w)
{
    int64_t last = last_call_ms(e, p, w), hours, marks = w->marks;
    bool calls = last && last <= e->now_ms;
    while ((hours = mark_hours(e, marks)) >= 0 && w->since_ms + hours * MS_HOUR <= e->now_ms)
        marks++;
    if ((calls || marks > w->marks) && later(e, r, p))
        return;
    if (calls)
        w->called_ms = hands_until_ms(e, p);
    if (calls || marks > w->marks) {
        w->marks = marks;
        remind(e, r, p, w);
    }
    next_look(e, p, w);
}

void hands_look(struct engine *e, struct recovery *r, int64_t proposal_id)
{
    struct hands w;
    struct proposal *p = proposal_load(e, proposal_id);
    AUTO_STR words = p ? hands_words(e, r, p) : NULL;
    if (words && hands_load(e, proposal_id, &w))
        look(e, r, p, &w);
    else
        hands_end(e, proposal_id);
    proposal_free(p);
}

char *hands_words(struct engine *e, const struct recovery *r, const struct proposal *p)
{
    AUTO_BUF out = BUF(4096);
    if (r->state == RECOVERY_CLOSED || !proposal_by_hand(e, r, p))
        return NULL;
    if (!by_hand_words(&out, p)) /* money that is given up by hand has no list of tasks */
        buf_adds(&out, p->outcome);
    return buf_take(&out);
}
