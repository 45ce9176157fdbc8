/* The world moves between the asking, each vote and the doing. Here a request is held against what is known now: the facts it is
 * bound to, the outer bounds of policy, and the rights of those who voted. */
#include <stdio.h>
#include <string.h>

#include "engine/effect.h"
#include "engine/hold.h"
#include "engine/journal.h"
#include "engine/proposal_internal.h"
#include "engine/proposal_money.h"
#include "engine/settlement.h"
#include "engine/sm.h"
#include "engine/timer.h"

static const struct actor POLICY = {.name = "policy"};

/* ---- asked again ---- */

/* A request as it would be made today. */
struct again {
    json_t *terms; /* NULL: it cannot be made */
    struct money amount;
    enum bound bound;
    char why[300];
};

static json_t *hold_again(const struct recovery *r, const struct proposal *p)
{
    json_t *terms = hold_terms(r, json_i64(p->terms, "end_ms", 0), json_i64(p->terms, "ask_ms", 0), json_str(p->terms, "at_end", "resume"),
                               json_str(p->terms, "reason", ""));
    json_put(terms, "zone", json_str(p->terms, "zone", ""));
    if (json_object_get(p->terms, "hold"))
        json_object_set(terms, "hold", json_object_get(p->terms, "hold"));
    return terms;
}

/* What names its amount and no other is the same again as long as that is still due. */
static json_t *money_again(const struct recovery *r, const struct proposal *p)
{
    char why[300];
    json_t *terms = money_terms_again(r, p);
    return terms || p->verb == VERB_SETTLE || !money_parts_fit(r, p, why, sizeof why) ? terms : json_deep_copy(p->terms);
}

/* The same wish on what is due now; NULL when it cannot be made. */
static json_t *terms_again(const struct engine *e, const struct recovery *r, const struct proposal *p)
{
    if (p->verb == VERB_PLAN)
        return plan_terms_make(e->policy, r, (int)json_i64(p->terms, "count", 1), json_i64(p->terms, "first_ms", 0), json_str(p->terms, "zone", ""));
    if (p->verb == VERB_HOLD || p->verb == VERB_EXTEND)
        return hold_again(r, p);
    return verb_has_parts(p->verb) ? money_again(r, p) : json_deep_copy(p->terms);
}

/* One more attempt was asked for one card, and for no more than its network allows by now. */
static enum bound retry_now(const struct engine *e, const struct recovery *r, const json_t *terms, char *why, size_t size)
{
    const char *card = facts_str(&r->facts, "method.id"), *asked = json_str(terms, "method", "");
    if (str_eq(card, asked) || !asked[0])
        return policy_retry(e->policy, &r->facts, e->now_ms, why, size);
    snprintf(why, size, "payments come by another card now than the one that was to be tried");
    return BOUND_REFUSED;
}

/* What policy says to these terms today, its outer bound first of all. */
static enum bound bound_now(struct engine *e, const struct recovery *r, const struct proposal *p, const json_t *terms, char *why, size_t size)
{
    str_copy(why, size, p->bound);
    if (p->verb == VERB_PLAN)
        return plan_bound(e, r, terms, why, size);
    if (verb_has_parts(p->verb))
        return money_bound(e, r, p->verb, terms, why, size);
    if (p->verb == VERB_RETRY)
        return retry_now(e, r, terms, why, size);
    if (p->verb != VERB_HOLD && p->verb != VERB_EXTEND)
        return BOUND_MANAGER;
    int64_t end = json_i64(terms, "end_ms", 0);
    struct hold *h = hold_of_case(e, r->id);
    enum bound b = policy_hold(e->policy, hold_counts(h) ? h->start_ms : p->created_ms, end, json_str(terms, "zone", ""), why, size);
    hold_free(h);
    if (end > e->now_ms)
        return proposal_breaks_word(e, r, end, why, size) ? BOUND_REFUSED : b;
    snprintf(why, size, "the hold would have ended by now");
    return BOUND_REFUSED;
}

static void again_of(struct engine *e, const struct recovery *r, const struct proposal *p, struct again *out)
{
    *out = (struct again){.terms = terms_again(e, r, p), .amount = r->due, .bound = BOUND_REFUSED};
    if (!out->terms)
        return;
    if (verb_has_parts(p->verb))
        out->amount = money_given_up(r, p->verb, out->terms);
    out->bound = bound_now(e, r, p, out->terms, out->why, sizeof out->why);
}

static void ask_again(struct engine *e, struct recovery *r, const struct proposal *p, const char *changed)
{
    struct again a;
    again_of(e, r, p, &a);
    AUTO_JSON terms = a.terms;
    bool kept = p->verb == VERB_SETTLE && settle_ready(p); /* by the customer: what was agreed with them is asked for, whoever offered it */
    struct draft d = {.verb = p->verb, .requester = kept && p->replaces ? p->decider : p->requester, .reason = p->reason, .bound = a.why, .amount = a.amount};
    if ((p->replaces && !kept) || a.bound == BOUND_REFUSED || str_eq(p->requester, "policy") || proposal_possible(e, r, &d, NULL) != 0)
        return; /* a counter-offer was a person's word for that amount: more was never offered */
    d.take_terms = json_incref(terms);
    struct proposal *fresh = proposal_draft(e, r, &d);
    if (fresh)
        proposal_ask(e, r, fresh, &POLICY, p->id, changed);
    proposal_free(fresh);
}

static void void_it(struct engine *e, struct recovery *r, struct proposal *p, const char *why, bool again)
{
    timer_cancel(e, "expire", p->case_id, p->id);
    free(p->outcome);
    p->outcome = str_dup(why);
    proposal_move(e, r, p, &POLICY, PROPOSAL_VOIDED, NULL, "%s", why);
    if (again)
        ask_again(e, r, p, why);
}

/* ---- the facts ---- */

static struct money due_then(const struct proposal *p)
{
    const json_t *facts = json_object_get(p->basis, "facts");
    return facts ? money_of(json_i64(facts, "due", 0), json_str(facts, "currency", "")) : p->amount;
}

/* Less is due: the request stays, for that. Votes given stay too; nobody objects to less. */
static void lower(struct engine *e, struct recovery *r, struct proposal *p, const struct again *a)
{
    char was[MONEY_TEXT_SIZE], is[MONEY_TEXT_SIZE];
    struct subject s;
    struct approval needs;
    money_text(was, due_then(p));
    json_decref(p->terms);
    p->terms = json_incref(a->terms);
    p->amount = a->amount;
    proposal_subject(e, r, p, &s);
    proposal_approval(e, &s, p, &needs);
    proposal_bind(e, r, p, &needs, json_i64(p->basis, "instead_of", 0), json_str(p->basis, "changed", ""));
    approval_fini(&needs);
    proposal_move(e, r, p, &POLICY, PROPOSAL_ASKED, NULL, "less is due now, %s instead of %s; the request stays, for that", money_text(is, r->due), was);
}

bool proposal_recheck(struct engine *e, struct recovery *r, struct proposal *p, char *words, size_t size)
{
    enum basis b = proposal_compare(r, p, words, size);
    struct again a = {.terms = NULL};
    if (b == BASIS_SAME)
        return true;
    if (b == BASIS_BETTER)
        again_of(e, r, p, &a);
    AUTO_JSON terms = a.terms;
    /* Of less that is due, the same credit is a larger share: what policy refuses now is void, whatever got better. */
    if (terms && (!verb_has_parts(p->verb) || a.bound != BOUND_REFUSED))
        lower(e, r, p, &a);
    else
        void_it(e, r, p, words, true);
    return false;
}

/* ---- the votes ---- */

static void decided_by(struct proposal *p, const struct vote *v)
{
    free(p->decider);
    free(p->right);
    free(p->decision_reason);
    p->decider = str_dup(v->person);
    p->right = str_dup(v->right);
    p->decision_reason = str_dup(v->reason);
    p->decided_ms = v->at_ms;
}

static void count(struct engine *e, const struct recovery *r, const struct proposal *p, struct tally *t)
{
    struct subject s;
    struct approval a;
    proposal_subject(e, r, p, &s);
    proposal_approval(e, &s, p, &a);
    approval_tally(e, &s, &a, t);
    approval_fini(&a);
}

enum settled proposal_settle(struct engine *e, struct recovery *r, struct proposal *p, struct tally *t)
{
    char why[300];
    count(e, r, p, t);
    if (!t->complete)
        return SETTLED_OPEN;
    if (bound_now(e, r, p, p->terms, why, sizeof why) == BOUND_REFUSED) {
        void_it(e, r, p, why, false);
        return SETTLED_VOID;
    }
    if (!e->shadow && !proposal_facts_fresh(e, r)) {
        recovery_ask_facts(e, r, NULL);
        return SETTLED_READING;
    }
    const struct vote *last = tally_last(t);
    const struct actor who = {.person = people_by_key(e->people, last->person), .name = last->person};
    timer_cancel(e, "expire", p->case_id, p->id);
    decided_by(p, last);
    proposal_queue(e, r, p, &who);
    return SETTLED_QUEUED;
}

void proposals_recheck(struct engine *e, struct recovery *r)
{
    int64_t ids[16];
    size_t n = proposal_live(e, r->id, ids, DW_ARRAY_LEN(ids));
    for (size_t i = 0; i < n; i++) {
        char words[300];
        struct tally t;
        struct proposal *p = proposal_load(e, ids[i]);
        if (p && p->state == PROPOSAL_ASKED)
            proposal_recheck(e, r, p, words, sizeof words);
        if (p && p->state == PROPOSAL_ASKED)
            proposal_settle(e, r, p, &t);
        proposal_free(p);
    }
}

void proposals_disputed(struct engine *e, struct recovery *r)
{
    int64_t ids[16];
    size_t n = proposal_live(e, r->id, ids, DW_ARRAY_LEN(ids));
    for (size_t i = 0; i < n; i++) {
        struct proposal *p = proposal_load(e, ids[i]);
        bool waits = p && p->verb == VERB_PLAN && p->state == PROPOSAL_QUEUED && !json_flag(p->basis, "facts.disputed", false);
        if (waits) {
            timer_cancel(e, "run", p->case_id, p->id);
            effects_cancel_proposal(e, p->id);
            void_it(e, r, p, "the customer disputes the invoice now", false);
        }
        proposal_free(p);
    }
    proposals_recheck(e, r);
}

/* ---- about to leave ---- */

/* The customer has done their part; what comes next is said on the case, and the hold that keeps it quiet goes on. */
static void settle_asked_again(struct engine *e, struct recovery *r)
{
    int64_t id = store_i64(e->store, 0, "SELECT id FROM proposals WHERE case_id = ?1 AND is_live = 1 AND verb = ?2 AND state = ?3 ORDER BY id DESC LIMIT 1", "iii", r->id,
                           SM_ID(VERB_SETTLE), SM_ID(PROPOSAL_ASKED));
    AUTO_STR next = id ? str_fmt("The customer has paid what was agreed; giving up the rest waits for another approval (A-%lld)", (long long)id)
                       : str_dup("The customer has paid what was agreed, and nobody can approve that the rest is given up: agree on it with finance");
    if (r->state == RECOVERY_PROMISED)
        recovery_move(e, r, &POLICY, id ? RECOVERY_PROMISED : RECOVERY_QUEUED, next, 0);
}

bool proposal_may_run(struct engine *e, int64_t id)
{
    struct tally t;
    struct proposal *p = proposal_load(e, id);
    struct recovery *r = p && p->state == PROPOSAL_QUEUED && p->decided_ms ? recovery_load(e, p->case_id) : NULL;
    if (r)
        count(e, r, p, &t);
    bool may = !r || t.complete;
    if (!may) {
        AUTO_STR why = str_fmt("the approval does not hold any more: ");
        for (size_t i = 0; i < t.n; i++)
            if (!t.votes[i].counts) {
                free(why);
                why = str_fmt("the approval of %s does not hold any more: %s", person_name_of(e->people, t.votes[i].person), t.votes[i].why_not);
            }
        effects_cancel_proposal(e, id);
        if (p->verb == VERB_HOLD)
            hold_failed(e, r, json_i64(p->terms, "hold", 0), why);
        void_it(e, r, p, why, true);
        if (p->verb == VERB_SETTLE)
            settle_asked_again(e, r);
    }
    recovery_free(r);
    proposal_free(p);
    return may;
}
