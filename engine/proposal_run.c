/* Running a proposal: it becomes an effect at billing. What billing answers is in proposal_end.c. */
#include <stdio.h>
#include <string.h>

#include "engine/by_hand.h"
#include "engine/effect.h"
#include "engine/hands.h"
#include "engine/hold.h"
#include "engine/journal.h"
#include "engine/plan.h"
#include "engine/proposal_internal.h"
#include "engine/proposal_money.h"
#include "engine/readings.h"
#include "engine/saga.h"
#include "engine/settlement.h"
#include "engine/sm.h"
#include "engine/timer.h"
#include "engine/when.h"

static const struct actor POLICY = {.name = "policy"};

/* The terms are what people see; the arguments are what the driver needs (adapters/adapter.h). */
static json_t *arguments(const struct recovery *r, const struct proposal *p, size_t part)
{
    json_t *args = verb_has_parts(p->verb) ? money_arguments(p, part) : json_copy(p->terms);
    json_put_new(args, "case", json_sprintf("N-%lld", (long long)r->id));
    json_put(args, "currency", p->amount.currency);
    if (p->verb == VERB_HOLD || p->verb == VERB_EXTEND)
        json_put_i64(args, "until_ms", json_i64(p->terms, "end_ms", 0));
    if (p->verb == VERB_PLAN)
        json_put_new(args, "plan", json_sprintf("A-%lld", (long long)p->id));
    return args;
}

/* What gives money up is done by hand as a whole; the rest, where it has to be. */
static bool money_by_hand(struct engine *e, const struct recovery *r, const struct proposal *p, const char **note)
{
    if (!verb_has_parts(p->verb) || (p->verb == VERB_SETTLE && !settle_ready(p)) || proposal_undoable(e, p))
        return false; /* nobody's hand has anything to do yet */
    return str_eq(money_capability(e, r, p->verb, p->terms, note), "manual");
}

bool proposal_by_hand(struct engine *e, const struct recovery *r, const struct proposal *p)
{
    const char *note;
    return by_hand_open(p, NULL) > 0 || money_by_hand(e, r, p, &note);
}

void proposal_call(struct engine *e, struct recovery *r, struct proposal *p, size_t part)
{
    json_t *args = arguments(r, p, part);
    if (!verb_has_parts(p->verb)) {
        saga_start(e, r, p, args);
        json_decref(args);
        return;
    }
    struct billed at = recovery_billed_of(r, json_str(args, "invoice", "")); /* one invoice, and then the next */
    AUTO_STR lane = str_fmt("%s:%s", at.biller, at.customer);
    AUTO_STR key = part ? str_fmt("dunwell-p%lld-%zu", (long long)p->id, part + 1) : str_fmt("dunwell-p%lld", (long long)p->id);
    json_put(args, "customer", at.customer);
    effect_add(e, &(struct effect_spec){.lane = lane, .driver = at.biller, .op = verb_op(p->verb), .key = key, .take_args = args, .case_id = r->id,
                                        .proposal_id = p->id, .purpose = "proposal"});
}

bool proposal_fits(const struct engine *e, const struct recovery *r, const struct proposal *p, char *why, size_t size)
{
    char was[MONEY_TEXT_SIZE], is[MONEY_TEXT_SIZE];
    if (verb_has_parts(p->verb))
        return money_fits(e, r, p, why, size);
    if (p->verb != VERB_PLAN || (r->due.minor == p->amount.minor && str_eq(r->due.currency, p->amount.currency)))
        return true;
    snprintf(why, size, "the amount due changed from %s to %s since it was asked", money_text(was, p->amount),
             money_text(is, r->due));
    return false;
}

static bool moves_end(const struct proposal *p)
{
    return (p->verb == VERB_HOLD || p->verb == VERB_EXTEND) && !json_flag(p->terms, "keeps_end", false);
}

/* What may not run after all is void, and says why. */
static bool may_begin(struct engine *e, struct recovery *r, struct proposal *p)
{
    char why[300] = "";
    if (verb_gives_up(p->verb) && !p->decider[0])
        str_copy(why, sizeof why, "money is given up only when somebody entitled has approved it");
    else if (moves_end(p) && proposal_breaks_word(e, r, json_i64(p->terms, "end_ms", 0), why, sizeof why))
        ; /* agreed since it was asked */
    else if (proposal_fits(e, r, p, why, sizeof why))
        return true;
    free(p->outcome);
    p->outcome = str_dup(why);
    proposal_move(e, r, p, &POLICY, PROPOSAL_VOIDED, NULL, "%s", why);
    return false;
}

void proposal_begin(struct engine *e, struct recovery *r, struct proposal *p)
{
    if (p->verb == VERB_SETTLE && !settle_ready(p))
        return; /* it waits for the customer's payment */
    if (p->verb == VERB_REASSIGN) {
        recovery_handed_on(e, r, p->requester);
        proposal_move(e, r, p, &POLICY, PROPOSAL_CONFIRMED, NULL, "the case is with collections");
        return;
    }
    if (proposal_by_hand(e, r, p)) {
        hands_begin(e, p);
        return; /* the card says what to do, `done A-n` ends it; and what was done shows in what is due before anybody says so */
    }
    if (may_begin(e, r, p))
        proposal_call(e, r, p, 0);
}

/* What the card says of one that waits: for somebody's hand, or for the customer. */
static void say_waits(struct engine *e, const struct recovery *r, struct proposal *p)
{
    const char *note;
    bool by_hand = money_by_hand(e, r, p, &note);
    if (!by_hand && (p->verb != VERB_SETTLE || settle_ready(p)))
        return;
    free(p->outcome);
    p->outcome = by_hand ? str_fmt("by hand: %s When it is done: done A-%lld", note, (long long)p->id) : settle_waits_words(p);
}

bool proposal_facts_fresh(const struct engine *e, const struct recovery *r)
{
    return e->now_ms - r->read_ms <= FACTS_FRESH_MS;
}

int64_t proposal_undo_ms(const struct engine *e, enum verb verb)
{
    static const unsigned undoable = SM_BIT(VERB_HOLD) | SM_BIT(VERB_EXTEND) | SM_BIT(VERB_PLAN) | SM_BIT(VERB_LINK) | SM_BIT(VERB_DEFER) | SM_BIT(VERB_REASSIGN);
    return undoable & SM_BIT(verb) ? policy_undo_ms(e->policy) : 0;
}

/* Until when this can be undone; 0: it runs at once. The machine's own steps are not anybody's click. */
static int64_t undo_until(const struct engine *e, const struct proposal *p)
{
    bool by_person = !str_eq(p->requester, "policy") || p->decider[0];
    return by_person && proposal_undo_ms(e, p->verb) ? e->now_ms + proposal_undo_ms(e, p->verb) : 0;
}

static void prepare(struct engine *e, struct recovery *r, struct proposal *p)
{
    if (p->verb == VERB_HOLD) {
        struct hold *h = hold_of_case(e, r->id); /* one may have begun while this was being asked: there is one hold a case */
        if (!hold_counts(h))
            json_put_new(p->terms, "own_hold", json_true()); /* if a part fails, nothing of it stays */
        json_put_i64(p->terms, "hold", hold_counts(h) ? h->id : hold_start(e, r, p->terms));
        hold_free(h);
    }
    say_waits(e, r, p);
}

static void start(struct engine *e, struct recovery *r, struct proposal *p)
{
    if (p->verb == VERB_SETTLE && !settle_ready(p))
        settle_begin(e, r, p);
    else if (p->verb == VERB_RELEASE || p->verb == VERB_UNPLAN || p->verb == VERB_INSTALMENT || p->verb == VERB_REASSIGN || proposal_facts_fresh(e, r))
        proposal_begin(e, r, p); /* a release undoes our own doing, and a collect reads the invoice first */
    else
        recovery_ask_facts(e, r, NULL);
}

/* Nobody took it back in time. */
static void window_over(struct engine *e, struct recovery *r, struct proposal *p)
{
    timer_cancel(e, "run", p->case_id, p->id);
    p->expires_ms = 0;
    prepare(e, r, p);
    proposal_move(e, r, p, &POLICY, PROPOSAL_QUEUED, NULL, "the time to undo it is over");
    start(e, r, p);
}

void proposal_queue(struct engine *e, struct recovery *r, struct proposal *p, const struct actor *who)
{
    if (e->shadow) {
        proposal_move(e, r, p, who, PROPOSAL_SHADOW, NULL, "recorded in shadow mode, not executed");
        return;
    }
    AUTO_STR where = saga_names(r, p->terms);
    p->expires_ms = undo_until(e, p);
    if (!p->expires_ms)
        prepare(e, r, p);
    bool unsaid = !p->decider[0] && p->reason[0] && !str_eq(p->reason, p->bound); /* a request told its reason when it was asked */
    proposal_move(e, r, p, who, PROPOSAL_QUEUED, NULL, "queued for %s (%s)%s%s", p->verb == VERB_REASSIGN ? "collections" : where, p->decider[0] ? p->right : p->bound, unsaid ? ": " : "",
                  unsaid ? p->reason : "");
    if (p->expires_ms)
        timer_add(e, "run", r->id, p->id, p->expires_ms);
    else
        start(e, r, p);
}

void proposal_window_over(struct engine *e, int64_t id)
{
    struct proposal *p = proposal_load(e, id);
    struct recovery *r = p ? recovery_load(e, p->case_id) : NULL;
    if (r && p->state == PROPOSAL_QUEUED && p->expires_ms)
        window_over(e, r, p);
    recovery_free(r);
    proposal_free(p);
}

static void start_one(struct engine *e, struct recovery *r, int64_t id)
{
    struct proposal *p = proposal_load(e, id);
    bool begun = store_i64(e->store, 0, "SELECT count(*) FROM effects WHERE proposal_id = ?1 AND proposal_id > 0", "i", id) > 0;
    bool queued = p && p->state == PROPOSAL_QUEUED && !begun;
    if (queued && p->expires_ms && p->expires_ms <= e->now_ms)
        window_over(e, r, p);
    else if (queued && !p->expires_ms)
        proposal_begin(e, r, p);
    proposal_free(p);
}

void proposals_start_waiting(struct engine *e, struct recovery *r)
{
    int64_t ids[16];
    size_t n = proposal_live(e, r->id, ids, DW_ARRAY_LEN(ids));
    for (size_t i = n; r->state != RECOVERY_CLOSED && i-- > 0;) /* oldest first */
        start_one(e, r, ids[i]);
}

int64_t proposal_by(struct engine *e, struct recovery *r, const struct actor *who, enum verb verb, json_t *take_terms, const char *why)
{
    struct money amount = r->due;
    if (verb == VERB_INSTALMENT)
        amount = money_of(json_i64(take_terms, "amount", 0), json_str(take_terms, "currency", ""));
    struct proposal *p = proposal_draft(
        e, r, &(struct draft){.verb = verb, .take_terms = take_terms, .requester = actor_key(who), .bound = why, .amount = amount});
    if (!p)
        return 0;
    int64_t id = p->id;
    proposal_queue(e, r, p, who);
    proposal_free(p);
    return id;
}

int64_t proposal_auto(struct engine *e, struct recovery *r, enum verb verb, json_t *take_terms, const char *why)
{
    return proposal_by(e, r, &POLICY, verb, take_terms, why);
}
