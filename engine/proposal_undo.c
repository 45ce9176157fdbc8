/* Taking back what was started a moment ago.
 *
 * What people start and what could be reversed waits some seconds before it runs (policy approvals.undo_seconds): a timer in the
 * store, so it survives a restart and runs once. Until then whoever asked, or whoever decided, takes it back and nothing has happened.
 * What gives money up, or takes it, never waits for a timer: it runs when somebody entitled has said yes, and cannot be undone.
 * Afterwards an undo says how to reverse it, and a plan that has not begun is still ended. */
#include <stdio.h>
#include <string.h>

#include "engine/buf.h"
#include "engine/journal.h"
#include "engine/plan.h"
#include "engine/proposal_internal.h"
#include "engine/proposal_money.h"
#include "engine/receipt.h"
#include "engine/settlement.h"
#include "engine/timer.h"
#include "engine/when.h"

bool proposal_undoable(const struct engine *e, const struct proposal *p)
{
    return p->state == PROPOSAL_QUEUED && p->expires_ms > e->now_ms;
}

const char *proposal_runs_words(const struct engine *e, const struct proposal *p, char *out, size_t size)
{
    if (proposal_undoable(e, p))
        snprintf(out, size, "It runs in %lld seconds; until then: undo A-%lld", (long long)((p->expires_ms - e->now_ms + 999) / 1000), (long long)p->id);
    else if (p->verb == VERB_SETTLE && p->state == PROPOSAL_QUEUED && !settle_ready(p))
        snprintf(out, size, "Nothing is written off before their payment has come.");
    else
        snprintf(out, size, "It is being executed; the card says when billing has confirmed it.");
    return out;
}

/* What reverses it now that it has run. */
static const char *how_to_reverse(const struct proposal *p)
{
    switch (p->verb) {
    case VERB_HOLD: return "To end the hold: resume";
    case VERB_EXTEND: return "To move the end of the hold again: hold ... until <date>";
    case VERB_RELEASE: return "To stop notices and retries again: hold ... until <date>";
    case VERB_DEFER: return "To move billing's next attempt again: defer ... until <date>";
    case VERB_REASSIGN: return "To take the case: claim";
    case VERB_LINK: return "A mail that was sent cannot be called back";
    case VERB_PLAN: return "Its first instalment has begun; agree on other terms with the customer";
    case VERB_RETRY:
    case VERB_INSTALMENT: return "A payment is given back at billing, by hand";
    case VERB_CREDIT:
    case VERB_WRITE_OFF:
    case VERB_SETTLE:
    case VERB_UNPLAN: break;
    }
    return "It cannot be undone";
}

static int too_late(const struct proposal *p, struct err *err)
{
    if (p->state == PROPOSAL_ASKED)
        return err_set(err, ERR_CONFLICT, "A-%lld waits for approval; nothing has run. To take it back: withdraw A-%lld", (long long)p->id, (long long)p->id);
    if (verb_gives_up(p->verb) && p->state == PROPOSAL_QUEUED)
        return err_set(err, ERR_CONFLICT, "A-%lld was approved: money given up cannot be undone.", (long long)p->id);
    if (p->state != PROPOSAL_QUEUED && p->state != PROPOSAL_EXECUTING && p->state != PROPOSAL_UNKNOWN && p->state != PROPOSAL_CONFIRMED)
        return err_set(err, ERR_CONFLICT, "A-%lld has not run: it is %s. There is nothing to undo.", (long long)p->id, proposal_state_name(p->state));
    return err_set(err, ERR_CONFLICT, "A-%lld is %s: it is too late to take it back. %s.", (long long)p->id, proposal_state_name(p->state), how_to_reverse(p));
}

/* A plan of which nothing has begun is ended. */
static bool end_plan(struct engine *e, struct recovery *r, const struct proposal *p, const struct actor *who)
{
    int64_t begun = store_i64(e->store, 1,
                              "SELECT count(*) FROM instalments i JOIN plans l ON l.id = i.plan_id WHERE l.case_id = ?3 AND l.proposal_id = ?1 AND (i.state <> 'waiting' OR "
                              "i.due_ms <= ?2 OR l.state <> 'running')",
                              "iii", p->id, e->now_ms, r->id);
    if (p->verb != VERB_PLAN || p->state != PROPOSAL_CONFIRMED || begun || r->state == RECOVERY_CLOSED)
        return false;
    AUTO_STR why = str_fmt("%s has undone it before the first instalment", actor_name(who));
    plan_stop(e, r, why);
    if (r->state == RECOVERY_PLANNED)
        recovery_move(e, r, who, RECOVERY_QUEUED, "The plan was taken back before its first instalment: agree with the customer on what is next", 0);
    return true;
}

static bool said_yes(const struct tally *t, const struct actor *who)
{
    for (size_t i = 0; i < t->n; i++)
        if (str_eq(t->votes[i].person, who->person->key))
            return true;
    return false;
}

/* Whoever asked, and each of those whose yes it took. */
static int may_undo(struct engine *e, const struct proposal *p, const struct actor *who, struct err *err)
{
    char ref[32];
    struct tally t;
    AUTO_BUF names = BUF(1000);
    snprintf(ref, sizeof ref, "A-%lld", (long long)p->id);
    votes_of(e, ref, &t);
    if (str_eq(p->requester, who->person->key) || said_yes(&t, who))
        return 0;
    for (size_t i = 0; i < t.n; i++)
        buf_addf(&names, "%s%s", i ? ", " : " and approved by ", person_name_of(e->people, t.votes[i].person));
    return err_set(err, ERR_DENIED, "%s was asked by %s%s; only they can undo it.", ref, person_name_of(e->people, p->requester), buf_text(&names));
}

/* To take something back is a decision too, with a receipt. */
static void write_down(struct engine *e, const struct recovery *r, const struct proposal *p, const struct actor *who, const char *words)
{
    char ref[32];
    snprintf(ref, sizeof ref, "A-%lld", (long long)p->id);
    json_auto_t *detail = json_pack("{s:s}", "facts_hash", p->facts_hash);
    receipt_detail(e, ref, who, 0, detail);
    journal_add(e, who, "decision.undo", r->id, r->account, ref, detail, "%s has undone %s: %s", actor_name(who), ref, words);
    receipt_add(e, ref, detail);
}

static int undo(struct engine *e, struct recovery *r, struct proposal *p, const struct actor *who, char *said, size_t size, struct err *err)
{
    char words[300];
    int rc = may_undo(e, p, who, err);
    if (rc != 0)
        return rc;
    proposal_words(p, words, sizeof words);
    if (proposal_undoable(e, p)) {
        timer_cancel(e, "run", p->case_id, p->id);
        free(p->outcome);
        p->outcome = str_fmt("undone by %s before anything happened", actor_name(who));
        proposal_move(e, r, p, who, PROPOSAL_WITHDRAWN, NULL, "%s", p->outcome);
        snprintf(said, size, "Undone: A-%lld, %s. Nothing has happened.", (long long)p->id, words);
    } else if (end_plan(e, r, p, who)) {
        snprintf(said, size, "A-%lld is undone: no instalment is collected. The hold stays until its end; to end it now: resume %s", (long long)p->id, r->account);
    } else {
        return too_late(p, err);
    }
    write_down(e, r, p, who, words);
    return 0;
}

int proposal_undo(struct engine *e, int64_t id, const struct actor *who, char *said, size_t size, struct err *err)
{
    struct proposal *p = proposal_load(e, id);
    struct recovery *r = p ? recovery_load(e, p->case_id) : NULL;
    int rc = r ? undo(e, r, p, who, said, size, err) : err_set(err, ERR_NOT_FOUND, "There is no A-%lld.", (long long)id);
    recovery_free(r);
    proposal_free(p);
    return rc;
}
