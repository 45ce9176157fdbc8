/* Reminders with back-off and escalation, from one durable timer a request. The row counts how many of each were done, and
 * the hours of the policy say which is next; so a restart, a clock that was set, a policy that changed meanwhile or a timer
 * that comes late never says a thing twice: of several that were missed only the newest is said. A request that is to be
 * parked in the same moment is not announced before. */
#include "engine/waiting.h"

#include <stdio.h>
#include <string.h>

#include "engine/approval.h"
#include "engine/journal.h"
#include "engine/ping.h"
#include "engine/policy_attention.h"
#include "engine/timer.h"
#include "engine/when.h"

static const struct actor TIMER = {.name = "policy"};

void waiting_load(struct engine *e, int64_t proposal_id, struct waiting *out)
{
    *out = (struct waiting){0};
    struct query *q = store_query(e->store, "SELECT reminded, escalated, asked, reopens, reopened_as, reopen_by, note FROM waiting WHERE proposal_id = ?1",
                                  "i", proposal_id);
    if (query_next(q)) {
        *out = (struct waiting){.reminded = query_i64(q, 0), .escalated = query_i64(q, 1), .asked = query_json(q, 2), .reopens = query_i64(q, 3),
                                .reopened_as = query_i64(q, 4), .reopen_by = str_dup(query_text(q, 5)), .note = str_dup(query_text(q, 6))};
        query_end(q);
    }
    if (!out->asked)
        out->asked = json_array();
    if (!out->reopen_by)
        out->reopen_by = str_dup("");
    if (!out->note)
        out->note = str_dup("");
}

void waiting_fini(struct waiting *w)
{
    json_decref(w->asked);
    free(w->reopen_by);
    free(w->note);
    *w = (struct waiting){0};
}

static void waiting_save(struct engine *e, const struct proposal *p, const struct waiting *w)
{
    store_run(e->store,
              "INSERT INTO waiting (proposal_id, case_id, reminded, escalated, asked, reopens, reopened_as, reopen_by, note) VALUES (?1,?2,?3,?4,?5,0,0,'','') "
              "ON CONFLICT (proposal_id) DO UPDATE SET reminded = excluded.reminded, escalated = excluded.escalated, asked = excluded.asked",
              "iiiij", p->id, p->case_id, w->reminded, w->escalated, w->asked);
}

/* ---- of either kind ---- */

int64_t waits_next_ms(const struct engine *e, const struct waits *on, const struct waiting *w)
{
    int remind = policy_remind_hours(e->policy, (size_t)w->reminded), escalate = policy_escalate_hours(e->policy, (size_t)w->escalated);
    int hours = remind < 0 || (escalate >= 0 && escalate < remind) ? escalate : remind;
    int64_t due = on->created_ms + hours * MS_HOUR;
    if (hours < 0 || due >= on->expires_ms)
        return 0;
    return due > e->now_ms ? due : e->now_ms + 1;
}

/* A name of approvals.escalate is a role, a group or a person's key. Who of them may decide on this: [keys], new. */
static json_t *people_of(struct engine *e, const struct waits *on, const json_t *names)
{
    json_t *keys = json_array();
    for (size_t i = 0; i < people_count(e->people); i++) {
        const struct person *who = people_at(e->people, i);
        struct right right;
        if (approval_named(e, names, who) && approval_may(e, on->subject, on->approval, who, &right, NULL) == 0)
            approval_ask(e, on->subject, on->approval, who, keys);
    }
    return keys;
}

static void names_in_words(const struct engine *e, const json_t *keys, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < json_array_size(keys) && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", i ? ", " : "", person_name_of(e->people, json_string_value(json_array_get(keys, i))));
}

static void escalate(struct engine *e, const struct waits *on, struct waiting *w)
{
    char names[300];
    int hours = policy_escalate_hours(e->policy, (size_t)w->escalated);
    const json_t *ask = policy_escalate_ask(e->policy, (size_t)w->escalated);
    AUTO_JSON people = people_of(e, on, ask);
    json_t *step = json_pack("{s:i, s:I, s:O, s:O}", "after_hours", hours, "at_ms", (json_int_t)e->now_ms, "ask", ask, "people", people);
    json_array_append_new(w->asked, step);
    w->escalated++;
    names_in_words(e, people, names, sizeof names);
    journal_add(e, &TIMER, "request.escalated", on->case_id, on->account, on->ref, step, names[0] ? "Nobody has decided on %s for %d h: asked as well: %s" : "Nobody has decided on %s for %d h, and nobody of the next group may decide on it%s",
                on->ref, hours, names);
    AUTO_STR why = str_fmt("you are asked as well because nobody decided for %d h", hours);
    for (size_t i = 0; i < json_array_size(people); i++)
        ping_send(e, &(struct ping){.case_id = on->case_id, .person = json_string_value(json_array_get(people, i)), .ref = on->ref, .why = why});
}

/* How many marks of a list have passed. */
static int64_t passed(const struct engine *e, const struct waits *on, int64_t done, int (*hours_of)(const struct policy *, size_t))
{
    int hours;
    while ((hours = hours_of(e->policy, (size_t)done)) >= 0 && on->created_ms + hours * MS_HOUR <= e->now_ms)
        done++;
    return done;
}

void waits_look(struct engine *e, const struct waits *on, struct waiting *w)
{
    int64_t reminders = passed(e, on, w->reminded, policy_remind_hours), steps = passed(e, on, w->escalated, policy_escalate_hours);
    while (w->escalated < steps)
        escalate(e, on, w);
    if (reminders > w->reminded) {
        w->reminded = reminders;
        journal_add(e, &TIMER, "request.reminded", on->case_id, on->account, on->ref, NULL, "%s still waits for a decision: said in its thread", on->ref);
    }
}

/* ---- a request about money ---- */

static void next_look(struct engine *e, const struct proposal *p, const struct waiting *w)
{
    const struct waits on = {.created_ms = p->created_ms, .expires_ms = p->expires_ms};
    int64_t due = waits_next_ms(e, &on, w);
    if (due)
        timer_add(e, "remind", p->case_id, p->id, due);
}

void waiting_begin(struct engine *e, const struct proposal *p)
{
    struct waiting none = {0};
    next_look(e, p, &none);
}

static void look(struct engine *e, const struct recovery *r, const struct proposal *p)
{
    struct waiting w;
    struct subject s;
    struct approval a;
    proposal_subject(e, r, p, &s);
    proposal_approval(e, &s, p, &a);
    const struct waits on = {.ref = s.ref, .account = r->account, .case_id = r->id, .created_ms = p->created_ms, .expires_ms = p->expires_ms, .subject = &s, .approval = &a};
    waiting_load(e, p->id, &w);
    waits_look(e, &on, &w);
    waiting_save(e, p, &w);
    next_look(e, p, &w);
    engine_dirty(e, r->id);
    waiting_fini(&w);
    approval_fini(&a);
}

void waiting_look(struct engine *e, int64_t proposal_id)
{
    struct proposal *p = proposal_load(e, proposal_id);
    struct recovery *r = p ? recovery_load(e, p->case_id) : NULL;
    if (r && p->state == PROPOSAL_ASKED && p->expires_ms > e->now_ms)
        look(e, r, p);
    recovery_free(r);
    proposal_free(p);
}
