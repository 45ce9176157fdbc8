/* What people say about the work that no API can do: it is done, it will not be done, or nobody has said anything for too long.
 * Each ends the task, and the proposal goes on from there as it does after any other part. */
#include <stdio.h>
#include <string.h>

#include "engine/by_hand.h"
#include "engine/hands.h"
#include "engine/hold.h"
#include "engine/journal.h"
#include "engine/proposal_internal.h"
#include "engine/proposal_money.h"
#include "engine/saga.h"
#include "engine/sm.h"
#include "engine/timer.h"
#include "engine/when.h"

static const struct actor POLICY = {.name = "policy"};

static bool is_begun(const struct proposal *p)
{
    return p->state == PROPOSAL_QUEUED || p->state == PROPOSAL_EXECUTING || p->state == PROPOSAL_UNKNOWN;
}

static int may(struct engine *e, const struct recovery *r, const struct proposal *p, const struct actor *who, struct err *err)
{
    if (!recovery_may_work(e, r, who->person))
        return err_set(err, ERR_DENIED, "This is for the account's AE, a collector or a manager.");
    if (!is_begun(p) || !proposal_by_hand(e, r, p))
        return err_set(err, ERR_CONFLICT, "A-%lld does not wait for anybody's hand: it is %s. Nothing was changed.", (long long)p->id, proposal_state_name(p->state));
    return 0;
}

/* Money that was given up by hand, all of it at once. */
static void money_done(struct engine *e, const struct recovery *r, const struct proposal *p, const struct actor *who)
{
    AUTO_STR ref = str_fmt("A-%lld", (long long)p->id);
    AUTO_STR where = saga_names(r, p->terms);
    AUTO_JSON result = json_pack("{s:s, s:s, s:s}", "mode", "by hand", "by", actor_key(who), "outcome", "paid");
    journal_add(e, who, "done.by_hand", r->id, r->account, ref, NULL, "%s says it was done by hand at %s", actor_name(who), where);
    proposal_confirmed(e, p->id, result);
}

static void task_done(struct engine *e, struct recovery *r, struct proposal *p, const struct actor *who, const char *place)
{
    AUTO_BUF words = BUF(4096);
    AUTO_STR ref = str_fmt("A-%lld", (long long)p->id);
    by_hand_tick(p, place, actor_key(who));
    by_hand_places(&words, p);
    journal_add(e, who, "done.by_hand", r->id, r->account, ref, NULL, "%s says it was done by hand at %s", actor_name(who), place[0] ? place : buf_text(&words));
    buf_clear(&words);
    if (!by_hand_words(&words, p))
        hands_end(e, p->id);
    free(p->outcome);
    p->outcome = str_dup(buf_text(&words));
    proposal_move(e, r, p, who, p->state, NULL, "%s", words.n ? buf_text(&words) : "all that is done by hand is done");
    saga_look(e, r, p);
}

static int done(struct engine *e, struct recovery *r, struct proposal *p, const struct actor *who, const char *place, char *said, size_t size, struct err *err)
{
    AUTO_BUF words = BUF(4096);
    int rc = may(e, r, p, who, err);
    if (rc != 0)
        return rc;
    if (!by_hand_has(p)) {
        money_done(e, r, p, who);
        snprintf(said, size, "Thank you. A-%lld is done, by your word.", (long long)p->id);
        return 0;
    }
    if (!by_hand_open(p, place)) {
        by_hand_words(&words, p);
        return err_set(err, ERR_INVALID, "A-%lld has nothing to be done by hand at \"%.40s\". It waits: %s", (long long)p->id, place, buf_text(&words));
    }
    task_done(e, r, p, who, place);
    if (by_hand_open(p, NULL))
        snprintf(said, size, "Thank you. That part of A-%lld is done, by your word. Still %s", (long long)p->id, p->outcome);
    else if (store_i64(e->store, 0, "SELECT is_live FROM proposals WHERE id = ?1", "i", p->id))
        snprintf(said, size, "Thank you. What is done by hand of A-%lld is done, by your word. The rest goes on by itself; the card shows how.", (long long)p->id);
    else
        snprintf(said, size, "Thank you. A-%lld is done, by your word.", (long long)p->id);
    return 0;
}

int proposal_done_by_hand(struct engine *e, int64_t id, const struct actor *who, const char *place, char *said, size_t size, struct err *err)
{
    struct proposal *p = proposal_load(e, id);
    struct recovery *r = p ? recovery_load(e, p->case_id) : NULL;
    int rc = r ? done(e, r, p, who, place, said, size, err) : err_set(err, ERR_NOT_FOUND, "There is no A-%lld.", (long long)id);
    recovery_free(r);
    proposal_free(p);
    return rc;
}

static void not_done(struct engine *e, struct recovery *r, struct proposal *p, const struct actor *who, const char *why)
{
    by_hand_off(p, why, true);
    proposal_move(e, r, p, who, p->state, NULL, "what was to be done by hand is not: %s", why);
    saga_look(e, r, p);
}

int proposal_not_by_hand(struct engine *e, struct recovery *r, struct proposal *p, const struct actor *who, const char *why, char *said, size_t size, struct err *err)
{
    int rc = may(e, r, p, who, err);
    if (rc == 0 && p->verb == VERB_RELEASE)
        rc = err_set(err, ERR_CONFLICT, "The hold has ended, so A-%lld cannot be taken back: somebody has to do this by hand. Then: done A-%lld", (long long)p->id, (long long)p->id);
    if (rc != 0)
        return rc;
    AUTO_STR words = str_fmt("%s says that it is not done by hand%s%s", actor_name(who), why && why[0] ? ": " : "", why ? why : "");
    not_done(e, r, p, who, words);
    snprintf(said, size, "Taken back: A-%lld. What was done of it is put back; the card says what is next.", (long long)p->id);
    return 0;
}

/* Whoever moved the end of the hold moved this with it. */
static bool goes_on(struct engine *e, const struct recovery *r, const struct proposal *p)
{
    struct hold *h = hold_of_case(e, r->id);
    int64_t end = p->verb != VERB_PLAN && hold_counts(h) ? h->end_ms : 0;
    hold_free(h);
    if (end > e->now_ms)
        timer_add(e, "by_hand", r->id, p->id, end + MS_MINUTE);
    return end > e->now_ms;
}

void proposal_hand_passed(struct engine *e, struct recovery *r, int64_t id)
{
    struct proposal *p = proposal_load(e, id);
    if (p && is_begun(p) && by_hand_open(p, NULL) && !goes_on(e, r, p))
        not_done(e, r, p, &POLICY, "nobody said in time that it was done by hand");
    proposal_free(p);
}
