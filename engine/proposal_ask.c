/* What people ask for: a plan, a hold or its extension, to resume, to retry. Inside policy it runs at once, because the policy
 * is the agreement; outside it is asked of somebody who may decide, never of the asker; beyond the outer bound it is refused
 * with the nearest terms that are allowed. */
#include <stdio.h>
#include <string.h>

#include "engine/buf.h"
#include "engine/hold.h"
#include "engine/journal.h"
#include "engine/ping.h"
#include "engine/plan.h"
#include "engine/proposal_internal.h"
#include "engine/proposal_money.h"
#include "engine/saga.h"
#include "engine/settlement.h"
#include "engine/sm.h"
#include "engine/timer.h"
#include "engine/waiting.h"
#include "engine/when.h"

/* Those whom the rules name are told one by one; everybody else finds the card in the approvals channel. */
static void call_asked(struct engine *e, const struct recovery *r, const struct subject *s, const struct approval *a)
{
    json_t *asked, *others;
    AUTO_BUF why = BUF(300);
    for (size_t i = 0; i < json_array_size(a->rules); i++)
        buf_addf(&why, "%s%s", i ? ", " : "the rule ", json_string_value(json_array_get(a->rules, i)));
    buf_adds(&why, " asks you");
    approval_people(e, s, a, &asked, &others);
    for (size_t i = 0; i < json_array_size(asked); i++)
        ping_send(e, &(struct ping){.case_id = r->id, .person = json_string_value(json_array_get(asked, i)), .ref = s->ref, .why = buf_text(&why)});
    json_decref(asked);
    json_decref(others);
}

void proposal_ask(struct engine *e, struct recovery *r, struct proposal *p, const struct actor *who, int64_t instead_of, const char *changed)
{
    struct subject s;
    struct approval a;
    char needs[300];
    proposal_subject(e, r, p, &s);
    policy_approval(e->policy, &s, &a);
    approval_words(&a, needs, sizeof needs);
    proposal_bind(e, r, p, &a, instead_of, changed);
    p->expires_ms = e->now_ms + policy_approval_hours(e->policy) * MS_HOUR;
    AUTO_JSON detail = approval_pack(&a);
    proposal_move(e, r, p, who, PROPOSAL_ASKED, detail, "asked for approval: %s; it needs %s%s%s", p->reason[0] ? p->reason : p->bound, needs,
                  instead_of ? "; asked again because " : "", instead_of ? changed : "");
    timer_add(e, "expire", r->id, p->id, p->expires_ms);
    waiting_begin(e, p);
    call_asked(e, r, &s, &a);
    approval_fini(&a);
}

int proposal_may_ask(struct engine *e, struct recovery *r, const struct actor *who, struct err *err)
{
    if (r->state == RECOVERY_CLOSED)
        return err_set(err, ERR_CONFLICT, "The case of %s is closed (%s); there is nothing to do.", r->name, r->outcome);
    if (!recovery_may_work(e, r, who->person))
        return err_set(err, ERR_DENIED, "This is for the account's AE, a collector or a manager. Ask %s.", r->owner[0] ? person_name_of(e->people, r->owner) : "the collections channel");
    if (r->state == RECOVERY_READING)
        return err_set(err, ERR_STALE, "The facts of %s are still being read; please repeat that in a few seconds.", r->name);
    if (e->now_ms - r->read_ms > FACTS_FRESH_MS) {
        char age[WHEN_TEXT_SIZE];
        recovery_ask_facts(e, r, NULL);
        return err_set(err, ERR_STALE, "The facts of %s are %s old. They are being read again now; please repeat that in a few seconds.", r->name,
                       when_age(age, e->now_ms - r->read_ms));
    }
    return 0;
}

static bool hold_is_active(struct engine *e, int64_t case_id)
{
    struct hold *h = hold_of_case(e, case_id);
    bool active = h && h->state == HOLD_ACTIVE;
    hold_free(h);
    return active;
}

int proposal_none_pending(struct engine *e, const struct recovery *r, enum verb verb, struct err *err)
{
    int64_t other = store_i64(e->store, 0, "SELECT id FROM proposals WHERE case_id = ?1 AND verb = ?2 AND is_live = 1 LIMIT 1", "ii", r->id, SM_ID(verb));
    /* What is in force, but for somebody's hand, can be moved meanwhile; no other verb waits so (a plan's hand keeps it under way). */
    if (!other || (!proposal_under_way(e, r->id, verb) && saga_waits_for_hands(e, r->id, verb) && hold_is_active(e, r->id)))
        return 0;
    return err_set(err, ERR_CONFLICT, "A %s is already under way for %s: A-%lld. Withdraw it or wait for its end.", verb_name(verb), r->name,
                   (long long)other);
}

bool proposal_breaks_word(struct engine *e, const struct recovery *r, int64_t end_ms, char *why, size_t size)
{
    struct instalment running;
    struct hold *h = hold_of_case(e, r->id);
    bool sooner = hold_counts(h) && end_ms < h->end_ms;
    bool plan = (sooner && plan_of_case(e, r->id, &running, 1)) || proposal_under_way(e, r->id, VERB_PLAN); /* which sets an end of its own */
    int64_t settlement = sooner ? settle_waits(e, r->id) : 0;
    hold_free(h);
    if (plan)
        snprintf(why, size, "A plan is agreed for %s: if the hold ended sooner, billing would collect all of it at once. It ends by itself after the last instalment.", r->name);
    else if (settlement)
        snprintf(why, size, "A settlement is agreed for %s (A-%lld): if the hold ended sooner, billing would collect all of it.", r->name, (long long)settlement);
    return plan || settlement;
}

int proposal_put(struct engine *e, struct recovery *r, const struct actor *who, struct draft *d, enum bound bound, char *said, size_t size,
                 struct err *err)
{
    char words[300], runs[160], closest[160];
    AUTO_JSON terms = d->take_terms;
    d->take_terms = NULL;
    if (bound == BOUND_MANAGER && !d->reason[0])
        return err_set(err, ERR_INVALID, "This needs a manager: %s Add the reason: ... why <reason>", d->bound);
    if (bound == BOUND_MANAGER && proposal_possible(e, r, d, err) != 0)
        return err->code;
    d->take_terms = json_incref(terms);
    struct proposal *p = proposal_draft(e, r, d);
    if (!p)
        return err_set(err, ERR_IO, "The request could not be stored.");
    proposal_words(p, words, sizeof words);
    if (bound == BOUND_MANAGER) {
        proposal_ask(e, r, p, who, 0, NULL);
        bool closer = p->verb == VERB_PLAN && plan_closest(e, r, p->terms, closest, sizeof closest);
        snprintf(said, size, "Asked for approval: A-%lld, %s. %s Nothing changes until somebody entitled approves.%s%s", (long long)p->id, words, d->bound,
                 closer ? " Closest terms that need no approval: " : "", closer ? closest : "");
    } else {
        AUTO_STR where = saga_names(r, p->terms);
        proposal_queue(e, r, p, who);
        if (proposal_undoable(e, p))
            snprintf(said, size, "Inside policy: A-%lld, %s. %s.", (long long)p->id, words, proposal_runs_words(e, p, runs, sizeof runs));
        else
            snprintf(said, size, e->shadow ? "Shadow mode: A-%lld, %s, is recorded and not executed." : "Inside policy, so it runs now: A-%lld, %s. The card says when it is confirmed at %s.",
                     (long long)p->id, words, where);
    }
    proposal_free(p);
    return 0;
}

int proposal_plan(struct engine *e, struct recovery *r, const struct actor *who, int instalments, int64_t first_ms, const char *reason, char *said,
                  size_t size, struct err *err)
{
    char why[300];
    struct instalment running;
    int rc = proposal_may_ask(e, r, who, err);
    if (rc == 0)
        rc = proposal_none_pending(e, r, VERB_PLAN, err);
    if (rc != 0)
        return rc;
    if (settle_waits(e, r->id))
        return err_set(err, ERR_CONFLICT, "A settlement is agreed for %s (A-%lld); a plan would ask for all of it.", r->name, (long long)settle_waits(e, r->id));
    if (plan_of_case(e, r->id, &running, 1))
        return err_set(err, ERR_CONFLICT, "A plan already runs for %s; \"status\" shows it.", r->name);
    json_t *terms = plan_terms_make(e->policy, r, instalments, first_ms, facts_str(&r->facts, "account.timezone"));
    if (!terms)
        return err_set(err, ERR_INVALID, "%d instalments cannot be made of what is due; say how many, such as 3x.", instalments);
    enum bound bound = plan_bound(e, r, terms, why, sizeof why);
    if (bound == BOUND_REFUSED) {
        json_decref(terms);
        return err_set(err, ERR_INVALID, "Not allowed: %s", why);
    }
    return proposal_put(e, r, who, &(struct draft){.verb = VERB_PLAN, .take_terms = terms, .requester = who->person->key, .reason = reason, .bound = why, .amount = r->due},
               bound, said, size, err);
}

int proposal_hold(struct engine *e, struct recovery *r, const struct actor *who, int64_t end_ms, const char *reason, char *said, size_t size,
                  struct err *err)
{
    char why[300];
    int rc = proposal_may_ask(e, r, who, err);
    if (rc == 0)
        rc = proposal_none_pending(e, r, VERB_HOLD, err);
    if (rc == 0)
        rc = proposal_none_pending(e, r, VERB_EXTEND, err);
    if (rc != 0)
        return rc;
    if (end_ms <= e->now_ms)
        return err_set(err, ERR_INVALID, "A hold ends in the future; say until when, such as: until fri 17:00.");
    if (proposal_breaks_word(e, r, end_ms, why, sizeof why))
        return err_set(err, ERR_CONFLICT, "%s", why);
    struct hold *h = hold_of_case(e, r->id);
    bool extends = hold_counts(h);
    int64_t from = extends ? h->start_ms : e->now_ms, lead = MS_DAY;
    json_t *terms = hold_terms(r, end_ms, end_ms - lead > e->now_ms ? end_ms - lead : e->now_ms, "resume", reason[0] ? reason : extends ? h->reason : "asked by a person");
    if (extends)
        json_put_i64(terms, "hold", h->id);
    enum verb verb = extends ? VERB_EXTEND : VERB_HOLD;
    hold_free(h);
    json_put(terms, "zone", who->person->zone); /* theirs, in whose days the end was typed */
    enum bound bound = policy_hold(e->policy, from, end_ms, who->person->zone, why, sizeof why);
    if (bound == BOUND_REFUSED) {
        json_decref(terms);
        return err_set(err, ERR_INVALID, "Not allowed: %s", why);
    }
    return proposal_put(e, r, who, &(struct draft){.verb = verb, .take_terms = terms, .requester = who->person->key, .reason = reason, .bound = why, .amount = r->due},
               bound, said, size, err);
}

int proposal_resume(struct engine *e, struct recovery *r, const struct actor *who, char *said, size_t size, struct err *err)
{
    if (!recovery_may_work(e, r, who->person))
        return err_set(err, ERR_DENIED, "This is for the account's AE, a collector or a manager.");
    struct hold *h = hold_of_case(e, r->id);
    bool active = h && h->state == HOLD_ACTIVE;
    hold_free(h);
    if (!active)
        return err_set(err, ERR_CONFLICT, "No hold is in force for %s.", r->name);
    struct instalment running;
    if (plan_of_case(e, r->id, &running, 1) || proposal_under_way(e, r->id, VERB_PLAN))
        return err_set(err, ERR_CONFLICT, "A plan runs for %s: if billing resumed, it would collect all of it at once. Its hold ends by itself after the last instalment.",
                       r->name);
    if (settle_waits(e, r->id))
        return err_set(err, ERR_CONFLICT, "A settlement is agreed for %s (A-%lld): if billing resumed, it would collect all of it.", r->name, (long long)settle_waits(e, r->id));
    AUTO_STR why = str_fmt("%s let it resume", actor_name(who));
    AUTO_STR ref = str_fmt("N-%lld", (long long)r->id);
    journal_add(e, who, "hold.resume", r->id, r->account, ref, NULL, "%s lets notices and retries resume", actor_name(who));
    hold_release(e, r, why);
    proposals_withdraw(e, r, SM_BIT(VERB_HOLD) | SM_BIT(VERB_EXTEND), why); /* what has not begun does not hold it again after this word */
    snprintf(said, size, e->shadow ? "Shadow mode: that %s resumes is recorded and not executed." : "Notices and retries of %s resume; the card says when that is confirmed.",
             r->name);
    return 0;
}

int proposal_retry(struct engine *e, struct recovery *r, const struct actor *who, const char *reason, char *said, size_t size, struct err *err)
{
    char why[300];
    int rc = proposal_may_ask(e, r, who, err);
    if (rc == 0)
        rc = proposal_none_pending(e, r, VERB_RETRY, err);
    if (rc != 0)
        return rc;
    struct instalment running;
    if (plan_of_case(e, r->id, &running, 1) || proposal_under_way(e, r->id, VERB_PLAN))
        return err_set(err, ERR_CONFLICT, "No retry: a plan is agreed for %s, and a retry would collect all of it at once.", r->name);
    if (settle_waits(e, r->id))
        return err_set(err, ERR_CONFLICT, "No retry: a settlement is agreed for %s (A-%lld), and a retry would collect all of it.", r->name, (long long)settle_waits(e, r->id));
    if (r->state == RECOVERY_DISPUTED)
        return err_set(err, ERR_CONFLICT, "No retry: %s disputes the invoice. Settle that first.", r->name);
    enum bound bound = policy_retry(e->policy, &r->facts, e->now_ms, why, sizeof why);
    if (bound == BOUND_REFUSED)
        return err_set(err, ERR_DENIED, "No retry: %s", why);
    json_t *terms = json_object();
    json_put(terms, "invoice", recovery_invoice(r));
    json_put(terms, "currency", r->due.currency);
    if (bound == BOUND_MANAGER && facts_str(&r->facts, "method.id")[0]) /* what is approved is one more attempt on this card */
        json_put(terms, "method", facts_str(&r->facts, "method.id"));
    return proposal_put(e, r, who, &(struct draft){.verb = VERB_RETRY, .take_terms = terms, .requester = who->person->key, .reason = reason, .bound = why, .amount = r->due},
               bound, said, size, err);
}
