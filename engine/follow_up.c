/* Moments that a case was waiting for. Each handler looks at the state as it is now: a timer is a reason to look, never an
 * order. */
#include "engine/follow_up.h"

#include <stdio.h>

#include "engine/delegation.h"
#include "engine/hands.h"
#include "engine/hold.h"
#include "engine/journal.h"
#include "engine/ping.h"
#include "engine/policy_request.h"
#include "engine/plan.h"
#include "engine/proposal.h"
#include "engine/report.h"
#include "engine/settlement.h"
#include "engine/timer.h"
#include "engine/waiting.h"
#include "engine/when.h"

#define LOOK_AGAIN_MS (10 * MS_MINUTE)

static const struct actor TIMER = {.name = "policy"};

/* The owner's quiet hours end before the hold does: then they are asked in the morning. True when it was put off. */
static bool asked_later(struct engine *e, const struct recovery *r, const struct hold *h)
{
    const struct person *owner = r->owner[0] ? people_by_key(e->people, r->owner) : NULL;
    int64_t until = owner ? ping_quiet_until(e, owner) : 0;
    if (until == 0 || until >= h->end_ms)
        return false;
    store_run(e->store, "UPDATE holds SET ask_ms = ?2 WHERE id = ?1", "ii", h->id, until);
    timer_add(e, "hold_ask", r->id, h->id, until);
    return true;
}

static void hold_asks(struct engine *e, struct recovery *r, int64_t ref)
{
    struct hold *h = hold_load(e, ref);
    if (h && h->state == HOLD_ACTIVE && asked_later(e, r, h)) {
        hold_free(h);
        return;
    }
    if (h && h->state == HOLD_ACTIVE && (r->state == RECOVERY_HELD || r->state == RECOVERY_DISPUTED)) {
        AUTO_STR next = str_fmt("The hold ends on {ms:%lld}: extend it, offer a plan, or let it resume by itself then", (long long)h->end_ms);
        AUTO_STR id = str_fmt("H-%lld", (long long)h->id);
        journal_add(e, &TIMER, "hold.asks", r->id, r->account, id, NULL, "%s is asked: extend, plan, or let it resume",
                    h->owner[0] ? person_name_of(e->people, h->owner) : "The collections channel");
        recovery_move(e, r, &TIMER, r->state, next, h->end_ms);
        if (h->owner[0]) /* the line in the thread is the call itself; it is counted like every other */
            ping_take(e, &(struct ping){.case_id = r->id, .person = h->owner, .ref = id, .why = "you own the account, and its hold ends", .emergency = true});
    }
    hold_free(h);
}

/* What was agreed and is on its way to billing (a plan, another end) comes before the clock: look again when it is through. */
static void hold_ends(struct engine *e, struct recovery *r, int64_t ref)
{
    struct hold *h = hold_load(e, ref);
    bool wait = proposal_under_way(e, r->id, VERB_PLAN) || proposal_under_way(e, r->id, VERB_EXTEND) || proposal_under_way(e, r->id, VERB_HOLD);
    if (h && h->state == HOLD_ACTIVE && wait && r->state != RECOVERY_CLOSED) {
        timer_add(e, "hold_end", r->id, ref, e->now_ms + LOOK_AGAIN_MS);
    } else if (h && h->state == HOLD_ACTIVE) {
        hold_release(e, r, "the hold has ended, as agreed");
        if (str_eq(h->at_end, "queue") && r->state != RECOVERY_CLOSED)
            recovery_move(e, r, &TIMER, RECOVERY_QUEUED, "The hold has ended; a collector takes it from the queue", 0);
    }
    hold_free(h);
}

static void retry(struct engine *e, struct recovery *r)
{
    char why[200];
    if (r->state != RECOVERY_RETRYING)
        return;
    if (proposal_under_way(e, r->id, VERB_PLAN) || proposal_under_way(e, r->id, VERB_RETRY) || proposal_under_way(e, r->id, VERB_HOLD)) { /* an agreement, or an attempt, comes first */
        timer_add(e, "retry", r->id, r->id, e->now_ms + LOOK_AGAIN_MS);
        return;
    }
    if (!policy_may_retry_at(e->policy, &r->facts, e->now_ms, why, sizeof why)) {
        AUTO_STR next = str_fmt("A collector takes it from the queue: %s", why);
        recovery_move(e, r, &TIMER, RECOVERY_QUEUED, next, 0);
        return;
    }
    json_t *terms = json_object();
    json_put(terms, "invoice", recovery_invoice(r));
    if (facts_str(&r->facts, "method.id")[0]) /* the card these limits were counted for, not whatever is default by then */
        json_put(terms, "method", facts_str(&r->facts, "method.id"));
    proposal_auto(e, r, VERB_RETRY, terms, why);
    recovery_move(e, r, &TIMER, RECOVERY_RETRYING, "The payment is being tried again now", 0);
}

static void promise_passed(struct engine *e, struct recovery *r, int64_t ref)
{
    int64_t broken = store_run(e->store, "UPDATE promises SET state = 'broken' WHERE id = ?1 AND state = 'open'", "i", ref);
    if (broken != 1 || r->state != RECOVERY_PROMISED)
        return;
    AUTO_STR id = str_fmt("N-%lld", (long long)r->id);
    journal_add(e, &TIMER, "promise.broken", r->id, r->account, id, NULL, "The promised payment has not come");
    recovery_move(e, r, &TIMER, RECOVERY_QUEUED, "The promised payment has not come: call the customer", 0);
}

static void link_passed(struct engine *e, struct recovery *r)
{
    if (r->state == RECOVERY_WAITING)
        recovery_move(e, r, &TIMER, RECOVERY_QUEUED, "The customer has not paid by the link: a collector takes it from the queue", 0);
}

static void unplan_again(struct engine *e, struct recovery *r, int64_t ref)
{
    struct proposal *p = proposal_load(e, ref);
    if (p && p->state == PROPOSAL_FAILED)
        proposal_auto(e, r, VERB_UNPLAN, json_incref(p->terms), "cancelling the plan's schedule failed before and is tried again");
    proposal_free(p);
}

/* Does this lead to a call that changes something at billing? In shadow mode it waits for the day when we are live again. */
static bool executes(const char *kind)
{
    return str_eq(kind, "hold_end") || str_eq(kind, "release") || str_eq(kind, "retry") || str_eq(kind, "instalment") ||
           str_eq(kind, "unplan") || str_eq(kind, "run") || str_eq(kind, "by_hand") || str_eq(kind, "live");
}

/* What is of no case, or need not be: of people, of the policy, of the week, of cards. */
static bool of_no_case(struct engine *e, const char *kind, int64_t case_id, int64_t ref)
{
    if (str_eq(kind, "cards") || str_eq(kind, TIMER_UNPOSTED))
        engine_dirty(e, case_id);
    else if (str_eq(kind, "weekly"))
        report_weekly(e);
    else if (str_eq(kind, "delegation"))
        delegation_end(e, ref);
    else if (str_eq(kind, "policy")) /* a change of it that nobody decided */
        policy_request_expire(e, ref);
    else if (str_eq(kind, "policy_remind"))
        policy_waiting_look(e, ref);
    else if (str_eq(kind, "ping")) /* of a person, perhaps about a change of the policy */
        ping_due(e, ref);
    else
        return false;
    return true;
}

void follow_up(struct engine *e, const char *kind, int64_t case_id, int64_t ref)
{
    struct recovery *r = of_no_case(e, kind, case_id, ref) ? NULL : recovery_load(e, case_id);
    if (!r)
        return;
    if (e->shadow && executes(kind)) /* from a time when we were live */
        timer_add(e, kind, case_id, ref, e->now_ms + MS_HOUR);
    else if (str_eq(kind, "hold_ask"))
        hold_asks(e, r, ref);
    else if (str_eq(kind, "hold_end"))
        hold_ends(e, r, ref);
    else if (str_eq(kind, "release"))
        hold_release_again(e, r, ref);
    else if (str_eq(kind, "unplan"))
        unplan_again(e, r, ref);
    else if (str_eq(kind, "retry"))
        retry(e, r);
    else if (str_eq(kind, "instalment") && r->state != RECOVERY_CLOSED)
        instalment_due(e, r, ref);
    else if (str_eq(kind, "plan_look") && r->state != RECOVERY_CLOSED)
        plan_look(e, r, ref);
    else if (str_eq(kind, "promise"))
        promise_passed(e, r, ref);
    else if (str_eq(kind, "settle") && r->state != RECOVERY_CLOSED)
        settle_passed(e, r, ref);
    else if (str_eq(kind, "run"))
        proposal_window_over(e, ref);
    else if (str_eq(kind, "by_hand"))
        proposal_hand_passed(e, r, ref);
    else if (str_eq(kind, "expire"))
        proposal_expire(e, ref);
    else if (str_eq(kind, "remind"))
        waiting_look(e, ref);
    else if (str_eq(kind, "hand"))
        hands_look(e, r, ref);
    else if (str_eq(kind, "link_over"))
        link_passed(e, r);
    else if (str_eq(kind, "reread") && r->state != RECOVERY_CLOSED)
        recovery_ask_facts(e, r, NULL);
    else if (str_eq(kind, "live"))
        recovery_goes_live(e, r);
    recovery_free(r);
}
