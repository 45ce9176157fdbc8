/* Deciding on what was asked. Every way in (command, button, form, a second click, a late one, a redelivered frame) comes
 * through here, and the state of the row alone says whether there is still something to decide: so one decision, whatever is
 * clicked by whomever how often. Nobody decides on their own request; a counter-offer is accepted by whoever asked first,
 * because a person with the right has offered it. */
#include <stdio.h>
#include <string.h>

#include "engine/journal.h"
#include "engine/proposal_internal.h"
#include "engine/receipt.h"
#include "engine/sm.h"
#include "engine/timer.h"
#include "engine/when.h"

struct decision {
    struct proposal *p;
    struct recovery *r;
    char right[160];
};

static void decision_fini(struct decision *d)
{
    proposal_free(d->p);
    recovery_free(d->r);
}

static int not_open(struct engine *e, const struct proposal *p, struct err *err)
{
    char when[WHEN_TEXT_SIZE];
    if (p->decider[0])
        return err_set(err, ERR_CONFLICT, "A-%lld was already decided by %s on %s (now %s). Nothing was changed.", (long long)p->id, person_name_of(e->people, p->decider),
                       when_text(when, p->decided_ms, NULL), proposal_state_name(p->state));
    const char *why = p->state == PROPOSAL_CONFIRMED ? "" : p->outcome; /* of a confirmed one it is a word for machines */
    return err_set(err, ERR_CONFLICT, "A-%lld is not open for a decision any more: it is %s%s%s. Nothing was changed.", (long long)p->id,
                   proposal_state_name(p->state), why[0] ? ", " : "", why);
}

/* The limit a person has in a currency; minor -1 when none. */
static struct money limit_of(const struct person *p, const char *currency)
{
    for (size_t i = 0; i < p->n_limits; i++)
        if (str_eq(p->limits[i].currency, currency))
            return p->limits[i];
    return (struct money){.minor = -1};
}

/* Whoever asked first accepts what was offered instead, if it was offered by a person who could have approved it. */
static bool accepts_counter(struct engine *e, const struct proposal *p, const struct person *who)
{
    struct proposal *first = p->replaces ? proposal_load(e, p->replaces) : NULL;
    const struct person *offers = people_by_key(e->people, p->requester);
    bool yes = first && str_eq(first->requester, who->key) && offers && person_may_decide(offers, p->amount);
    proposal_free(first);
    return yes;
}

/* By which right may this person decide? */
static int right_of(struct engine *e, struct decision *d, const struct person *who, struct err *err)
{
    char roles[64], amount[MONEY_TEXT_SIZE], limit_text[MONEY_TEXT_SIZE];
    struct money limit = limit_of(who, d->p->amount.currency);
    if (str_eq(d->p->requester, who->key))
        return err_set(err, ERR_DENIED, "A-%lld is your own request; somebody else has to decide on it. Nothing was changed.", (long long)d->p->id);
    if (accepts_counter(e, d->p, who)) {
        snprintf(d->right, sizeof d->right, "accepts the counter-offer of %s", person_name_of(e->people, d->p->requester));
        return 0;
    }
    if (!person_has(who, ROLE_MANAGER | ROLE_FINANCE))
        return err_set(err, ERR_DENIED, "Deciding on A-%lld is for a manager or finance; your roles are: %s.", (long long)d->p->id,
                       role_names(who->roles, roles, sizeof roles));
    if (!person_may_decide(who, d->p->amount))
        return err_set(err, ERR_DENIED, "A-%lld is about %s; your limit is %s. Somebody with a higher limit has to decide.", (long long)d->p->id,
                       money_text(amount, d->p->amount), limit.minor < 0 ? "not set in that currency" : money_text(limit_text, limit));
    snprintf(d->right, sizeof d->right, "%s, up to %s", role_names(who->roles & (ROLE_MANAGER | ROLE_FINANCE), roles, sizeof roles),
             money_text(limit_text, limit));
    return 0;
}

static int decision_begin(struct engine *e, struct decision *d, int64_t id, const struct actor *who, int64_t revision, struct err *err)
{
    *d = (struct decision){.p = proposal_load(e, id)};
    d->r = d->p ? recovery_load(e, d->p->case_id) : NULL;
    if (!d->r)
        return err_set(err, ERR_NOT_FOUND, "There is no request A-%lld. The approvals channel shows the open ones.", (long long)id);
    if (d->p->state != PROPOSAL_ASKED)
        return not_open(e, d->p, err);
    int rc = right_of(e, d, who->person, err);
    if (rc == 0 && revision && revision != d->p->revision)
        rc = err_set(err, ERR_STALE, "That card is older than the request: look at the newest card of A-%lld and decide there. Nothing was changed.",
                     (long long)id);
    return rc;
}

static void decided(struct engine *e, struct decision *d, const struct actor *who, const char *vote, const char *reason, int64_t revision)
{
    struct proposal *p = d->p;
    free(p->decider);
    free(p->right);
    free(p->decision_reason);
    p->decider = str_dup(who->person->key);
    p->right = str_dup(d->right);
    p->decision_reason = str_dup(reason ? reason : "");
    p->decided_ms = e->now_ms;
    timer_cancel(e, "expire", p->case_id, p->id);
    store_run(e->store, "INSERT INTO votes (proposal_id, person, vote, right_used, reason, revision, at_ms) VALUES (?1,?2,?3,?4,?5,?6,?7)", "itttt" "ii",
              p->id, who->person->key, vote, d->right, p->decision_reason, revision ? revision : p->revision, e->now_ms);
    AUTO_STR ref = str_fmt("A-%lld", (long long)p->id);
    AUTO_STR verb = str_fmt("decision.%s", vote);
    json_auto_t *detail = json_pack("{s:s, s:I, s:s, s:s}", "right", d->right, "revision", (json_int_t)(revision ? revision : p->revision), "facts_hash",
                                    p->facts_hash, "reason", p->decision_reason);
    receipt_detail(e, ref, who, revision ? revision : p->revision, detail);
    journal_add(e, who, verb, d->r->id, d->r->account, ref, detail, "%s said %s to %s by right: %s%s%s", actor_name(who), vote, ref, d->right,
                p->decision_reason[0] ? "; " : "", p->decision_reason);
    receipt_add(e, ref, detail);
}

static void void_it(struct engine *e, struct decision *d, const struct actor *who, const char *why)
{
    timer_cancel(e, "expire", d->r->id, d->p->id);
    free(d->p->outcome);
    d->p->outcome = str_dup(why);
    proposal_move(e, d->r, d->p, who, PROPOSAL_VOIDED, NULL, "%s", why);
}

int proposal_approve(struct engine *e, int64_t id, const struct actor *who, int64_t revision, const char *reason, char *said, size_t size, struct err *err)
{
    struct decision d;
    char why[300], words[300];
    int rc = decision_begin(e, &d, id, who, revision, err);
    if (rc == 0 && !proposal_fits(d.r, d.p, why, sizeof why)) {
        void_it(e, &d, who, why);
        snprintf(said, size, "A-%lld was not approved but is void: %s.", (long long)id, why);
    } else if (rc == 0) {
        decided(e, &d, who, "yes", reason, revision);
        proposal_words(d.p, words, sizeof words);
        proposal_queue(e, d.r, d.p, who);
        snprintf(said, size, "Approved: A-%lld, %s. %s", (long long)id, words,
                 e->shadow ? "Shadow mode: nothing is executed." : "It is being executed; the card says when billing has confirmed it.");
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
        decided(e, &d, who, "no", reason, revision);
        proposal_move(e, d.r, d.p, who, PROPOSAL_DECLINED, NULL, "declined by %s: %s", actor_name(who), reason);
        snprintf(said, size, "Declined: A-%lld. %s is told why.", (long long)id, person_name_of(e->people, d.p->requester));
    }
    decision_fini(&d);
    return rc;
}

/* The counter-offer is a new request with other terms, for the first asker to accept. */
static int counter_draft(struct engine *e, struct decision *d, const struct actor *who, int instalments, int64_t first_ms, const char *reason, char *said,
                         size_t size, struct err *err)
{
    char why[300], words[300];
    json_t *terms = plan_terms_make(d->r, instalments, first_ms ? first_ms : json_i64(d->p->terms, "first_ms", 0), facts_str(&d->r->facts, "account.timezone"));
    if (!terms)
        return err_set(err, ERR_INVALID, "%d instalments cannot be made of what is due; say how many, such as 3x.", instalments);
    if (plan_bound(e, d->r, terms, why, sizeof why) == BOUND_REFUSED) {
        json_decref(terms);
        return err_set(err, ERR_INVALID, "Not allowed: %s", why);
    }
    struct proposal *offer = proposal_draft(e, d->r, &(struct draft){.verb = VERB_PLAN, .take_terms = terms, .requester = who->person->key, .reason = reason,
                                                                      .bound = why, .amount = d->r->due, .replaces = d->p->id});
    if (!offer)
        return err_set(err, ERR_IO, "The counter-offer could not be stored.");
    proposal_words(offer, words, sizeof words);
    decided(e, d, who, "counter", reason, 0);
    free(d->p->outcome);
    d->p->outcome = str_fmt("countered with A-%lld", (long long)offer->id);
    proposal_move(e, d->r, d->p, who, PROPOSAL_COUNTERED, NULL, "%s offers instead A-%lld, %s", actor_name(who), (long long)offer->id, words);
    proposal_ask(e, d->r, offer, who);
    snprintf(said, size, "Counter-offer A-%lld, %s. %s can accept it with: approve A-%lld", (long long)offer->id, words, person_name_of(e->people, d->p->requester),
             (long long)offer->id);
    proposal_free(offer);
    return 0;
}

int proposal_counter(struct engine *e, int64_t id, const struct actor *who, int instalments, int64_t first_ms, const char *reason, char *said, size_t size,
                     struct err *err)
{
    struct decision d;
    char why[300];
    int rc = decision_begin(e, &d, id, who, 0, err);
    if (rc == 0 && d.p->verb != VERB_PLAN)
        rc = err_set(err, ERR_INVALID, "Only a payment plan can be countered; approve or decline A-%lld.", (long long)id);
    if (rc == 0 && !proposal_fits(d.r, d.p, why, sizeof why)) { /* the right that was looked at is for another amount */
        void_it(e, &d, who, why);
        snprintf(said, size, "A-%lld was not countered but is void: %s.", (long long)id, why);
    } else if (rc == 0)
        rc = counter_draft(e, &d, who, instalments, first_ms, reason, said, size, err);
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
    else if (d.p->state != PROPOSAL_ASKED)
        rc = not_open(e, d.p, err);
    else if (!str_eq(d.p->requester, who->person->key))
        rc = err_set(err, ERR_DENIED, "A-%lld was asked by %s; only they can withdraw it.", (long long)id, person_name_of(e->people, d.p->requester));
    else
        timer_cancel(e, "expire", d.r->id, id);
    if (rc == 0) {
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
