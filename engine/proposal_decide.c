/* Deciding on what was asked. Every way in (command, button, form, a second click, a late one, a redelivered frame) comes
 * through here, and the state of the row alone says whether there is still something to decide: so one decision, whatever is
 * clicked by whomever how often. Who may, and how many it takes, is approval.h's to say. A yes is a vote and changes nothing of
 * what is decided, so cards that others have open stay good; a no ends it at once. */
#include <stdio.h>
#include <string.h>

#include "engine/by_hand.h"
#include "engine/journal.h"
#include "engine/notice.h"
#include "engine/proposal_internal.h"
#include "engine/proposal_money.h"
#include "engine/receipt.h"
#include "engine/sm.h"
#include "engine/step_up.h"
#include "engine/timer.h"
#include "engine/when.h"

struct decision {
    struct proposal *p;
    struct recovery *r;
    struct subject subject;
    struct approval approval;
    struct right right; /* by which the person decides */
    bool voted;
};

static void decision_fini(struct decision *d)
{
    approval_fini(&d->approval);
    proposal_free(d->p);
    recovery_free(d->r);
}

static int not_open(struct engine *e, const struct proposal *p, struct err *err)
{
    char when[WHEN_TEXT_SIZE];
    if (p->decider[0])
        return err_set(err, ERR_CONFLICT, "A-%lld was already decided by %s on %s (now %s). Nothing was changed.", (long long)p->id, person_name_of(e->people, p->decider),
                       when_text(when, p->decided_ms, NULL), proposal_state_name(p->state));
    if (p->state == PROPOSAL_SHADOW)
        return err_set(err, ERR_CONFLICT, "A-%lld was recorded in shadow mode: there is nothing to decide, and nothing is executed.", (long long)p->id);
    const char *why = p->state == PROPOSAL_CONFIRMED ? "" : p->outcome; /* of a confirmed one it is a word for machines */
    return err_set(err, ERR_CONFLICT, "A-%lld is not open for a decision any more: it is %s%s%s. Nothing was changed.", (long long)p->id,
                   proposal_state_name(p->state), why[0] ? ", " : "", why);
}

/* The request, still open, and what it needs; who asks is not looked at yet. */
static int decision_open(struct engine *e, struct decision *d, int64_t id, struct err *err)
{
    *d = (struct decision){.p = proposal_load(e, id)};
    d->r = d->p ? recovery_load(e, d->p->case_id) : NULL;
    if (!d->r)
        return err_set(err, ERR_NOT_FOUND, "There is no request A-%lld. The approvals channel shows the open ones.", (long long)id);
    if (d->p->state != PROPOSAL_ASKED)
        return not_open(e, d->p, err);
    proposal_subject(e, d->r, d->p, &d->subject);
    proposal_approval(e, &d->subject, d->p, &d->approval);
    return 0;
}

static int not_stale(const struct decision *d, int64_t revision, struct err *err)
{
    if (!revision || revision == d->p->revision)
        return 0;
    return err_set(err, ERR_STALE, "That card is older than the request: look at the newest card of A-%lld and decide there. Nothing was changed.",
                   (long long)d->p->id);
}

static int decision_begin(struct engine *e, struct decision *d, int64_t id, const struct actor *who, int64_t revision, struct err *err)
{
    int rc = decision_open(e, d, id, err);
    if (rc == 0)
        rc = approval_may(e, &d->subject, &d->approval, who->person, &d->right, err);
    return rc ? rc : not_stale(d, revision, err);
}

/* From a limit on, a yes takes something that the person carries. Taking a counter-offer does not: the offer was the word of
 * somebody with the right, and took a code itself. `take` false: could they give one? */
static int code_taken(struct engine *e, const struct decision *d, const struct actor *who, bool take, struct err *err)
{
    const struct step_up what = {.ref = d->subject.ref, .case_id = d->r->id, .account = d->r->account, .amount = d->p->amount, .facts_hash = d->p->facts_hash};
    if (!proposal_takes_code(e, d->p, who->person))
        return 0;
    return take ? step_up_take(e, who, &what, err) : step_up_ready(e, who, &what, err);
}

static int already_voted(struct engine *e, const struct decision *d, struct err *err)
{
    struct tally t;
    approval_tally(e, &d->subject, &d->approval, &t);
    return err_set(err, ERR_CONFLICT, "You have said yes to %s already; it is %d of %d%s%s. Nothing was changed.", d->subject.ref, t.have, t.want,
                   t.complete ? ", and billing is being read again" : ", needs ", t.missing);
}

int proposal_may_approve(struct engine *e, int64_t id, const struct actor *who, int64_t revision, struct err *err)
{
    struct decision d;
    int rc = decision_begin(e, &d, id, who, revision, err);
    if (rc == 0 && vote_given(e, &d.subject, who->person->key, "yes"))
        rc = already_voted(e, &d, err);
    if (rc == 0)
        rc = code_taken(e, &d, who, false, err);
    decision_fini(&d);
    return rc;
}

/* One row a person and request, and one in the journal. False when this person has voted already. */
static bool vote(struct engine *e, struct decision *d, const struct actor *who, const char *word, const char *reason, int64_t revision)
{
    struct vote v;
    vote_fill(&v, e, who, &d->right, word, reason, revision);
    if (!vote_add(e, &d->subject, &v))
        return false;
    AUTO_STR verb = str_fmt("decision.%s", str_eq(word, "emergency") ? "break_glass" : word);
    json_auto_t *detail = json_pack("{s:s, s:s, s:I, s:s, s:s}", "right", v.right, "holder", v.holder, "revision", (json_int_t)revision, "facts_hash",
                                    d->p->facts_hash, "reason", v.reason);
    receipt_detail(e, d->subject.ref, who, revision, detail);
    journal_add(e, who, verb, d->r->id, d->r->account, d->subject.ref, detail, "%s said %s to %s by right: %s%s%s", actor_name(who), word,
                d->subject.ref, v.right, v.reason[0] ? "; " : "", v.reason);
    receipt_add(e, d->subject.ref, detail);
    engine_dirty(e, d->r->id);
    return true;
}

/* A word that ends it: no, or another offer. It stands in for the yes its giver may have given before. */
static void ended(struct engine *e, struct decision *d, const struct actor *who, const char *word, const char *reason, int64_t revision)
{
    struct proposal *p = d->p;
    free(p->decider);
    free(p->right);
    free(p->decision_reason);
    p->decider = str_dup(who->person->key);
    p->right = str_dup(d->right.words);
    p->decision_reason = str_dup(reason ? reason : "");
    p->decided_ms = e->now_ms;
    timer_cancel(e, "expire", p->case_id, p->id);
    vote_remove(e, &d->subject, who->person->key);
    vote(e, d, who, word, reason, revision);
}

/* What a yes led to, for whoever gave it. */
static void say_settled(struct engine *e, const struct decision *d, enum settled how, const struct tally *t, char *said, size_t size)
{
    char words[300], runs[160];
    proposal_words(d->p, words, sizeof words);
    switch (how) {
    case SETTLED_OPEN:
        snprintf(said, size, "Your yes to %s counts: %d of %d, needs %s. You can take it back until then: unvote %s", d->subject.ref, t->have, t->want,
                 t->missing, d->subject.ref);
        break;
    case SETTLED_READING:
        snprintf(said, size, "Your yes to %s counts, and it has all it needs. What is known is too old to act on, so it is read again first; if nothing got "
                 "worse it goes on by itself.", d->subject.ref);
        break;
    case SETTLED_QUEUED:
        snprintf(said, size, "Approved: %s, %s. %s", d->subject.ref, words,
                 e->shadow ? "Shadow mode: nothing is executed." : proposal_runs_words(e, d->p, runs, sizeof runs));
        break;
    case SETTLED_VOID: {
        size_t n = strlen(d->p->outcome);
        snprintf(said, size, "%s was not approved but is void: %s%s", d->subject.ref, d->p->outcome, n && d->p->outcome[n - 1] == '.' ? "" : ".");
        break;
    }
    }
}

/* Still as it was shown? Else it is not voted on: 1, and `said` tells why. */
static bool moved_on(struct engine *e, struct decision *d, const char *what, char *said, size_t size)
{
    char why[300];
    if (proposal_recheck(e, d->r, d->p, why, sizeof why))
        return false;
    snprintf(said, size, d->p->state == PROPOSAL_ASKED ? "A-%lld was not %s: %s. Please look at its newest card." : "A-%lld was not %s but is void: %s.",
             (long long)d->p->id, what, why);
    return true;
}

static int cast(struct engine *e, struct decision *d, const struct actor *who, const char *word, int64_t revision, const char *reason, char *said,
                size_t size, struct err *err)
{
    struct tally t;
    if (moved_on(e, d, "approved", said, size))
        return 0;
    if (vote_given(e, &d->subject, who->person->key, word)) /* told before a one-time code is spent on it */
        return already_voted(e, d, err);
    int rc = code_taken(e, d, who, true, err);
    if (rc)
        return rc;
    vote_remove(e, &d->subject, who->person->key); /* an ordinary yes given before is part of one in an emergency */
    d->voted = vote(e, d, who, word, reason, revision);
    say_settled(e, d, proposal_settle(e, d->r, d->p, &t), &t, said, size);
    return 0;
}

int proposal_approve(struct engine *e, int64_t id, const struct actor *who, int64_t revision, const char *reason, char *said, size_t size, struct err *err)
{
    struct decision d;
    int rc = decision_begin(e, &d, id, who, revision, err);
    if (rc == 0)
        rc = cast(e, &d, who, "yes", revision, reason, said, size, err);
    decision_fini(&d);
    return rc;
}

/* Told one by one: whoever could have decided, but for the one who did. */
static void tell_approvers(struct engine *e, const struct decision *d, const struct actor *who, const char *text)
{
    AUTO_STR key = str_fmt("emergency-%s", d->subject.ref);
    for (size_t i = 0; i < people_count(e->people); i++) {
        const struct person *p = people_at(e->people, i);
        struct right right;
        if (p != who->person && approval_may(e, &d->subject, &d->approval, p, &right, NULL) == 0)
            notice_send(e, p, &(struct notice){.key = key, .case_id = d->r->id, .text = text});
    }
}

static int emergency_allowed(const struct decision *d, const struct actor *who, const char *reason, struct err *err)
{
    const char *ref = d->subject.ref;
    if (str_eq(d->p->requester, who->person->key))
        return err_set(err, ERR_DENIED, "%s is your own request; somebody else has to decide on it, also in an emergency. Nothing was changed.", ref);
    if (!who->person->break_glass)
        return err_set(err, ERR_DENIED, "Deciding alone is for those whom people.yaml gives the emergency right (break_glass). Nothing was changed.");
    if (!reason || !reason[0])
        return err_set(err, ERR_INVALID, "Say why it cannot wait; every approver will read it: emergency %s why <reason>", ref);
    return 0;
}

int proposal_emergency(struct engine *e, int64_t id, const struct actor *who, int64_t revision, const char *reason, char *said, size_t size, struct err *err)
{
    struct decision d;
    int rc = decision_open(e, &d, id, err);
    if (rc == 0)
        rc = emergency_allowed(&d, who, reason, err);
    if (rc == 0)
        rc = not_stale(&d, revision, err);
    if (rc == 0) {
        char words[300];
        d.right = (struct right){.holder = who->person, .words = "emergency right"};
        rc = cast(e, &d, who, "emergency", revision, reason, said, size, err);
        proposal_words(d.p, words, sizeof words);
        AUTO_STR text = str_fmt("EMERGENCY: %s approved %s for %s alone, by the emergency right: %s. Reason: \"%s\". You could have decided on it; the journal keeps it.",
                                actor_name(who), d.subject.ref, d.r->name, words, reason);
        if (d.voted && d.p->state != PROPOSAL_VOIDED)
            tell_approvers(e, &d, who, text);
    }
    decision_fini(&d);
    return rc;
}

int proposal_unvote(struct engine *e, int64_t id, const struct actor *who, char *said, size_t size, struct err *err)
{
    struct decision d;
    int rc = decision_open(e, &d, id, err);
    if (rc == 0 && !vote_remove(e, &d.subject, who->person->key))
        rc = err_set(err, ERR_CONFLICT, "You have not voted on %s, so there is nothing to take back.", d.subject.ref);
    if (rc == 0) {
        struct tally t;
        approval_tally(e, &d.subject, &d.approval, &t);
        journal_add(e, who, "decision.unvote", d.r->id, d.r->account, d.subject.ref, NULL, "%s took the yes to %s back", actor_name(who), d.subject.ref);
        engine_dirty(e, d.r->id);
        snprintf(said, size, "Your yes to %s is taken back: %d of %d, needs %s.", d.subject.ref, t.have, t.want, t.missing);
    }
    decision_fini(&d);
    return rc;
}

int proposal_decline(struct engine *e, int64_t id, const struct actor *who, int64_t revision, const char *reason, char *said, size_t size, struct err *err)
{
    struct decision d;
    int rc = decision_begin(e, &d, id, who, revision, err);
    if (rc == 0 && (!reason || !reason[0]))
        rc = err_set(err, ERR_INVALID, "Say why, so that %s knows what to do next: decline A-%lld <reason>", person_name_of(e->people, d.p->requester), (long long)id);
    if (rc == 0) {
        ended(e, &d, who, "no", reason, revision);
        proposal_move(e, d.r, d.p, who, PROPOSAL_DECLINED, NULL, "declined by %s: %s", actor_name(who), reason);
        snprintf(said, size, "Declined: A-%lld. %s is told why.", (long long)id, person_name_of(e->people, d.p->requester));
    }
    decision_fini(&d);
    return rc;
}

/* The counter-offer is a new request with other terms, for the first asker to accept. Takes the terms. */
static int counter_with(struct engine *e, struct decision *d, const struct actor *who, struct draft *offered, enum bound bound, char *said, size_t size,
                        struct err *err)
{
    char words[300];
    AUTO_JSON terms = offered->take_terms;
    if (bound == BOUND_REFUSED)
        return err_set(err, ERR_INVALID, "Not allowed: %s", offered->bound);
    int rc = code_taken(e, d, who, true, err);
    if (rc)
        return rc;
    offered->take_terms = json_incref(terms);
    struct proposal *offer = proposal_draft(e, d->r, offered);
    if (!offer)
        return err_set(err, ERR_IO, "The counter-offer could not be stored.");
    proposal_words(offer, words, sizeof words);
    ended(e, d, who, "counter", offered->reason, 0);
    free(d->p->outcome);
    d->p->outcome = str_fmt("countered with A-%lld", (long long)offer->id);
    proposal_move(e, d->r, d->p, who, PROPOSAL_COUNTERED, NULL, "%s offers instead A-%lld, %s", actor_name(who), (long long)offer->id, words);
    proposal_ask(e, d->r, offer, who, 0, NULL);
    snprintf(said, size, "Counter-offer A-%lld, %s. %s can accept it with: approve A-%lld", (long long)offer->id, words, person_name_of(e->people, d->p->requester),
             (long long)offer->id);
    proposal_free(offer);
    return 0;
}

static int counter_plan(struct engine *e, struct decision *d, const struct actor *who, int instalments, int64_t first_ms, const char *reason, char *said,
                        size_t size, struct err *err)
{
    char why[300];
    json_t *terms = plan_terms_make(e->policy, d->r, instalments, first_ms ? first_ms : json_i64(d->p->terms, "first_ms", 0), facts_str(&d->r->facts, "account.timezone"));
    if (!terms)
        return err_set(err, ERR_INVALID, "%d instalments cannot be made of what is due; say how many, such as 3x.", instalments);
    enum bound bound = plan_bound(e, d->r, terms, why, sizeof why);
    return counter_with(e, d, who,
                        &(struct draft){.verb = VERB_PLAN, .take_terms = terms, .requester = who->person->key, .reason = reason, .bound = why,
                                        .amount = d->r->due, .replaces = d->p->id},
                        bound, said, size, err);
}

/* Less is given up than was asked: the right that was looked at reaches that far and no further. */
static int counter_amount(struct engine *e, struct decision *d, const struct actor *who, struct money amount, const char *reason, char *said, size_t size,
                          struct err *err)
{
    char why[300];
    json_t *terms = NULL;
    int rc = money_counter_terms(d->r, d->p, amount, &terms, err);
    if (rc != 0)
        return rc;
    enum bound bound = money_bound(e, d->r, d->p->verb, terms, why, sizeof why);
    return counter_with(e, d, who,
                        &(struct draft){.verb = d->p->verb, .take_terms = terms, .requester = who->person->key, .reason = reason, .bound = why,
                                        .amount = money_given_up(d->r, d->p->verb, terms), .replaces = d->p->id},
                        bound, said, size, err);
}

int proposal_counter(struct engine *e, int64_t id, const struct actor *who, int instalments, int64_t first_ms, const char *reason, char *said, size_t size,
                     struct err *err)
{
    struct decision d;
    int rc = decision_begin(e, &d, id, who, 0, err);
    if (rc == 0 && (d.p->verb == VERB_CREDIT || d.p->verb == VERB_SETTLE))
        rc = err_set(err, ERR_INVALID, "A-%lld is about an amount, not about instalments; counter it with one: counter A-%lld 500", (long long)id, (long long)id);
    else if (rc == 0 && d.p->verb != VERB_PLAN)
        rc = err_set(err, ERR_INVALID, "Only a payment plan, a credit and a settlement can be countered; approve or decline A-%lld.", (long long)id);
    if (rc == 0 && !moved_on(e, &d, "countered", said, size)) /* the right that was looked at is for another amount */
        rc = counter_plan(e, &d, who, instalments, first_ms, reason, said, size, err);
    decision_fini(&d);
    return rc;
}

int proposal_counter_amount(struct engine *e, int64_t id, const struct actor *who, struct money amount, const char *reason, char *said, size_t size,
                            struct err *err)
{
    struct decision d;
    int rc = decision_begin(e, &d, id, who, 0, err);
    if (rc == 0 && d.p->verb != VERB_CREDIT && d.p->verb != VERB_SETTLE)
        rc = err_set(err, ERR_INVALID, "Only a credit or a settlement is countered with an amount; a payment plan with instalments: counter A-%lld 3x",
                     (long long)id);
    if (rc == 0 && !moved_on(e, &d, "countered", said, size))
        rc = counter_amount(e, &d, who, amount, reason, said, size, err);
    decision_fini(&d);
    return rc;
}

int proposal_withdraw(struct engine *e, int64_t id, const struct actor *who, const char *why, char *said, size_t size, struct err *err)
{
    struct decision d = {.p = proposal_load(e, id)};
    int rc = 0;
    d.r = d.p ? recovery_load(e, d.p->case_id) : NULL;
    if (!d.r)
        rc = err_set(err, ERR_NOT_FOUND, "There is no request A-%lld.", (long long)id);
    else if (by_hand_has(d.p) && proposal_by_hand(e, d.r, d.p))
        rc = proposal_not_by_hand(e, d.r, d.p, who, why, said, size, err);
    else if (d.p->state != PROPOSAL_ASKED)
        rc = not_open(e, d.p, err);
    else if (!str_eq(d.p->requester, who->person->key))
        rc = err_set(err, ERR_DENIED, "A-%lld was asked by %s; only they can withdraw it.", (long long)id, person_name_of(e->people, d.p->requester));
    else
        timer_cancel(e, "expire", d.r->id, id);
    if (rc == 0 && d.p->state == PROPOSAL_ASKED) {
        free(d.p->outcome);
        d.p->outcome = str_fmt("withdrawn by %s%s%s", actor_name(who), why && why[0] ? ": " : "", why ? why : "");
        proposal_move(e, d.r, d.p, who, PROPOSAL_WITHDRAWN, NULL, "%s", d.p->outcome);
        snprintf(said, size, "Withdrawn: A-%lld. Nothing was changed at billing.", (long long)id);
    }
    decision_fini(&d);
    return rc;
}

void proposal_expire(struct engine *e, int64_t id)
{
    struct decision d = {.p = proposal_load(e, id)};
    d.r = d.p ? recovery_load(e, d.p->case_id) : NULL;
    if (d.r && d.p->state == PROPOSAL_ASKED) {
        free(d.p->outcome);
        d.p->outcome = str_dup("nobody decided in time; nothing was changed");
        proposal_move(e, d.r, d.p, &(struct actor){.name = "policy"}, PROPOSAL_PARKED, NULL, "%s", d.p->outcome);
    }
    decision_fini(&d);
}
