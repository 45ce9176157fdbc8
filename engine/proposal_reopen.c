/* Asking again what nobody decided. The terms are looked at as if somebody asked today: what is due now, the policy of now,
 * dates that are still ahead. The new request is another row with a card and a clock of its own; the old one stays parked and
 * says where it went. Whoever asked first remains the asker: a manager who asks again may still decide, and nobody gains a
 * right by it. */
#include <stdio.h>
#include <string.h>

#include "engine/hold.h"
#include "engine/journal.h"
#include "engine/plan.h"
#include "engine/proposal_internal.h"
#include "engine/proposal_money.h"
#include "engine/waiting.h"
#include "engine/when.h"

static bool may_reopen(const struct engine *e, const struct recovery *r, const struct proposal *p, const struct person *who)
{
    const struct account *a = book_by_key(e->book, r->account);
    return str_eq(p->requester, who->key) || str_eq(r->owner, who->key) || (a && str_eq(a->ae, who->key)) || person_may_decide(who, p->amount);
}

static int first_date_passed(const struct recovery *r, const char *verb, const char *rest, struct err *err)
{
    return err_set(err, ERR_CONFLICT, "The date it was asked for has passed. Ask anew with another one: %s %s %s", verb, r->account, rest);
}

/* The same terms on today's facts; new, or NULL with the reason. */
static json_t *terms_of_today(struct engine *e, struct recovery *r, const struct proposal *p, enum bound *bound, char *why, size_t size, struct err *err)
{
    json_t *terms = NULL;
    if (p->verb == VERB_PLAN) {
        if (json_i64(p->terms, "first_ms", 0) <= e->now_ms)
            first_date_passed(r, "plan", "3x from <date> why <reason>", err);
        else if (!(terms = plan_terms_make(e->policy, r, (int)json_i64(p->terms, "count", 1), json_i64(p->terms, "first_ms", 0), json_str(p->terms, "zone", ""))))
            err_set(err, ERR_CONFLICT, "These instalments cannot be made of what is due now.");
        else
            *bound = plan_bound(e, r, terms, why, size);
    } else if (p->verb == VERB_HOLD || p->verb == VERB_EXTEND) {
        int64_t end = json_i64(p->terms, "end_ms", 0);
        struct hold *h = hold_of_case(e, r->id);
        if (end <= e->now_ms) {
            first_date_passed(r, "hold", "until <date> why <reason>", err);
        } else {
            int64_t ask = end - MS_DAY > e->now_ms ? end - MS_DAY : e->now_ms;
            terms = hold_terms(r, end, ask, json_str(p->terms, "at_end", "resume"), json_str(p->terms, "reason", ""));
            json_put(terms, "zone", json_str(p->terms, "zone", ""));
            if (hold_counts(h))
                json_put_i64(terms, "hold", h->id);
            *bound = policy_hold(e->policy, hold_counts(h) ? h->start_ms : e->now_ms, end, json_str(terms, "zone", ""), why, size);
        }
        hold_free(h);
    } else if (verb_has_parts(p->verb)) {
        terms = money_terms_again(r, p);
        terms = terms ? terms : json_deep_copy(p->terms);
        *bound = money_bound(e, r, p->verb, terms, why, size);
    } else if (p->verb == VERB_RETRY) {
        terms = json_deep_copy(p->terms);
        *bound = policy_retry(e->policy, &r->facts, e->now_ms, why, size);
    } else {
        err_set(err, ERR_CONFLICT, "Only a plan or a hold can be asked again like this; use the command \"%s\".", verb_name(p->verb));
    }
    return terms;
}

static int another_waits(struct engine *e, const struct recovery *r, const struct proposal *p, struct err *err)
{
    bool hold = p->verb == VERB_HOLD || p->verb == VERB_EXTEND;
    int64_t other = store_i64(e->store, 0, "SELECT id FROM proposals WHERE case_id = ?1 AND is_live = 1 AND verb IN (?2, ?3) LIMIT 1", "iii", r->id,
                              (int64_t)(hold ? VERB_HOLD : p->verb), (int64_t)(hold ? VERB_EXTEND : p->verb));
    struct instalment running;
    if (verb_gives_up(p->verb))
        return money_nothing_else_runs(e, r, err);
    if (other)
        return err_set(err, ERR_CONFLICT, "Another %s is already under way for %s: A-%lld.", verb_name(p->verb), r->name, (long long)other);
    if (p->verb == VERB_PLAN && plan_of_case(e, r->id, &running, 1))
        return err_set(err, ERR_CONFLICT, "A plan already runs for %s.", r->name);
    return 0;
}

/* There is one hold a case: what extends it is another verb than what begins one. */
static enum verb verb_of_today(const struct proposal *p, const json_t *terms)
{
    bool hold = p->verb == VERB_HOLD || p->verb == VERB_EXTEND;
    return !hold ? p->verb : json_i64(terms, "hold", 0) ? VERB_EXTEND : VERB_HOLD;
}

static void remember(struct engine *e, const struct recovery *r, const struct proposal *old, const struct proposal *fresh)
{
    store_run(e->store,
              "INSERT INTO waiting (proposal_id, case_id, reminded, escalated, asked, reopens, reopened_as, reopen_by, note) VALUES (?1,?2,0,0,'[]',0,?3,'','') "
              "ON CONFLICT (proposal_id) DO UPDATE SET reopened_as = excluded.reopened_as, reopen_by = '', note = ''",
              "iii", old->id, r->id, fresh->id);
    store_run(e->store,
              "INSERT INTO waiting (proposal_id, case_id, reminded, escalated, asked, reopens, reopened_as, reopen_by, note) VALUES (?1,?2,0,0,'[]',?3,0,'','')",
              "iii", fresh->id, r->id, old->id);
}

static int reopen_now(struct engine *e, struct recovery *r, struct proposal *p, const struct actor *who, char *said, size_t size, struct err *err)
{
    char why[300] = "", words[300];
    enum bound bound = BOUND_REFUSED;
    int rc = another_waits(e, r, p, err);
    AUTO_JSON terms = rc == 0 ? terms_of_today(e, r, p, &bound, why, sizeof why, err) : NULL;
    if (!terms)
        return rc ? rc : ERR_CONFLICT;
    const char *asker = people_by_key(e->people, p->requester) ? p->requester : who->person->key;
    if (bound == BOUND_REFUSED)
        return err_set(err, ERR_INVALID, "Not allowed any more: %s", why);
    struct money amount = verb_has_parts(p->verb) ? money_given_up(r, p->verb, terms) : r->due;
    struct draft d = {.verb = verb_of_today(p, terms), .requester = asker, .reason = p->reason, .bound = why, .amount = amount};
    if (bound == BOUND_MANAGER && proposal_possible(e, r, &d, err) != 0)
        return err->code;
    d.take_terms = json_incref(terms);
    struct proposal *fresh = proposal_draft(e, r, &d);
    if (!fresh)
        return err_set(err, ERR_IO, "The request could not be stored.");
    remember(e, r, p, fresh);
    AUTO_STR ref = str_fmt("A-%lld", (long long)p->id);
    journal_add(e, who, "request.reopened", r->id, r->account, ref, NULL, "%s asks %s again, as A-%lld", actor_name(who), ref, (long long)fresh->id);
    if (bound == BOUND_MANAGER)
        proposal_ask(e, r, fresh, who, 0, NULL);
    else
        proposal_queue(e, r, fresh, who);
    proposal_words(fresh, words, sizeof words);
    snprintf(said, size, bound == BOUND_MANAGER ? "Asked again: A-%lld, %s, on the facts of now. Nothing changes until somebody entitled approves." : "A-%lld, %s, is inside policy by now, so it runs.",
             (long long)fresh->id, words);
    proposal_free(fresh);
    engine_dirty(e, r->id);
    return 0;
}

/* With old facts: remembered, and done when billing has answered. */
static void reopen_later(struct engine *e, struct recovery *r, const struct proposal *p, const struct actor *who, char *said, size_t size)
{
    store_run(e->store,
              "INSERT INTO waiting (proposal_id, case_id, reminded, escalated, asked, reopens, reopened_as, reopen_by, note) VALUES (?1,?2,0,0,'[]',0,0,?3,'') "
              "ON CONFLICT (proposal_id) DO UPDATE SET reopen_by = excluded.reopen_by, note = ''",
              "iit", p->id, r->id, who->person->key);
    recovery_ask_facts(e, r, NULL);
    snprintf(said, size, "The facts of %s are being read again first. Then A-%lld is asked again, and its thread says so.", r->name, (long long)p->id);
}

static int check(struct engine *e, const struct recovery *r, const struct proposal *p, const struct actor *who, struct err *err)
{
    struct waiting w;
    if (p->state != PROPOSAL_PARKED)
        return err_set(err, ERR_CONFLICT, "Only a parked request can be asked again; A-%lld is %s.", (long long)p->id, proposal_state_name(p->state));
    if (!may_reopen(e, r, p, who->person))
        return err_set(err, ERR_DENIED, "A-%lld can be asked again by %s, who asked first, by the account's owner, or by anybody who may decide on it.",
                       (long long)p->id, person_name_of(e->people, p->requester));
    if (r->state == RECOVERY_CLOSED)
        return err_set(err, ERR_CONFLICT, "The case of %s is closed (%s); there is nothing to ask any more.", r->name, r->outcome);
    waiting_load(e, p->id, &w);
    int64_t as = w.reopened_as;
    waiting_fini(&w);
    return as ? err_set(err, ERR_CONFLICT, "A-%lld was already asked again, as A-%lld.", (long long)p->id, (long long)as) : 0;
}

int proposal_reopen(struct engine *e, int64_t id, const struct actor *who, char *said, size_t size, struct err *err)
{
    struct proposal *p = proposal_load(e, id);
    struct recovery *r = p ? recovery_load(e, p->case_id) : NULL;
    int rc = r ? check(e, r, p, who, err) : err_set(err, ERR_NOT_FOUND, "There is no request A-%lld.", (long long)id);
    if (rc == 0 && (r->state == RECOVERY_READING || e->now_ms - r->read_ms > FACTS_FRESH_MS))
        reopen_later(e, r, p, who, said, size);
    else if (rc == 0)
        rc = reopen_now(e, r, p, who, said, size, err);
    recovery_free(r);
    proposal_free(p);
    return rc;
}

/* The rights are looked at again: people may have changed while billing was read. */
static void reopen_one(struct engine *e, struct recovery *r, int64_t id, const char *by)
{
    char said[400];
    struct err err = {0};
    struct proposal *p = proposal_load(e, id);
    const struct actor who = {.person = people_by_key(e->people, by)};
    store_run(e->store, "UPDATE waiting SET reopen_by = '' WHERE proposal_id = ?1", "i", id);
    int rc = !p || !who.person ? ERR_NOT_FOUND : check(e, r, p, &who, &err);
    if (rc == 0)
        rc = reopen_now(e, r, p, &who, said, sizeof said, &err);
    if (rc != 0 && who.person) {
        AUTO_STR ref = str_fmt("A-%lld", (long long)id);
        store_run(e->store, "UPDATE waiting SET note = ?2 WHERE proposal_id = ?1", "it", id, err.text);
        journal_add(e, &who, "request.not_reopened", r->id, r->account, ref, NULL, "%s could not be asked again: %s", ref, err.text);
        engine_dirty(e, r->id);
    }
    proposal_free(p);
}

void proposals_reopen_waiting(struct engine *e, struct recovery *r)
{
    int64_t ids[8];
    char *by[8];
    size_t n = 0;
    struct query *q = store_query(e->store, "SELECT proposal_id, reopen_by FROM waiting WHERE case_id = ?1 AND reopen_by <> '' ORDER BY proposal_id LIMIT ?2", "ii",
                                  r->id, (int64_t)DW_ARRAY_LEN(ids));
    while (query_next(q)) {
        ids[n] = query_i64(q, 0);
        by[n++] = str_dup(query_text(q, 1));
    }
    for (size_t i = 0; i < n; i++) {
        reopen_one(e, r, ids[i], by[i]);
        free(by[i]);
    }
}
