/* Running a proposal: it becomes an effect at billing. What billing answers is in proposal_end.c. */
#include <stdio.h>
#include <string.h>

#include "engine/effect.h"
#include "engine/hold.h"
#include "engine/journal.h"
#include "engine/plan.h"
#include "engine/proposal_internal.h"
#include "engine/readings.h"
#include "engine/saga.h"
#include "engine/sm.h"
#include "engine/timer.h"
#include "engine/when.h"

static const struct actor POLICY = {.name = "policy"};

/* The terms are what people see; the arguments are what the driver needs (adapters/adapter.h). */
static json_t *arguments(const struct recovery *r, const struct proposal *p)
{
    json_t *args = json_copy(p->terms);
    json_put_new(args, "case", json_sprintf("N-%lld", (long long)r->id));
    json_put(args, "currency", p->amount.currency);
    if (p->verb == VERB_HOLD || p->verb == VERB_EXTEND)
        json_put_i64(args, "until_ms", json_i64(p->terms, "end_ms", 0));
    if (p->verb == VERB_PLAN)
        json_put_new(args, "plan", json_sprintf("A-%lld", (long long)p->id));
    return args;
}

/* Is this a person's work at this biller, because its API has no way? */
bool proposal_by_hand(struct engine *e, const struct recovery *r, const struct proposal *p, const char **note)
{
    struct billed parts[BILLERS_MOST];
    return saga_parts(r, p, parts, BILLERS_MOST) == 1 && saga_by_hand(e, &parts[0], p->verb, note);
}

static void effect_for(struct engine *e, struct recovery *r, struct proposal *p)
{
    const char *note;
    if (proposal_by_hand(e, r, p, &note))
        return; /* the card says what to do; `done A-n` ends it */
    json_auto_t *args = arguments(r, p);
    saga_start(e, r, p, args);
}

bool proposal_fits(const struct recovery *r, const struct proposal *p, char *why, size_t size)
{
    char was[MONEY_TEXT_SIZE], is[MONEY_TEXT_SIZE];
    if (p->verb != VERB_PLAN || (r->due.minor == p->amount.minor && str_eq(r->due.currency, p->amount.currency)))
        return true;
    snprintf(why, size, "the amount due changed from %s to %s since it was asked", money_text(was, p->amount),
             money_text(is, r->due));
    return false;
}

bool proposal_facts_fresh(const struct engine *e, const struct recovery *r)
{
    return e->now_ms - r->read_ms <= FACTS_FRESH_MS;
}

void proposal_queue(struct engine *e, struct recovery *r, struct proposal *p, const struct actor *who)
{
    if (e->shadow) {
        proposal_move(e, r, p, who, PROPOSAL_SHADOW, NULL, "recorded in shadow mode, not executed");
        return;
    }
    if (p->verb == VERB_HOLD) {
        struct hold *h = hold_of_case(e, r->id); /* one may have begun while this was being asked: there is one hold a case */
        json_put_i64(p->terms, "hold", hold_counts(h) ? h->id : hold_start(e, r, p->terms));
        hold_free(h);
    }
    const char *note;
    if (proposal_by_hand(e, r, p, &note)) {
        free(p->outcome);
        p->outcome = str_fmt("by hand: %s When it is done: done A-%lld", note, (long long)p->id);
    }
    bool unsaid = !p->decider[0] && p->reason[0] && !str_eq(p->reason, p->bound); /* a request told its reason when it was asked */
    proposal_move(e, r, p, who, PROPOSAL_QUEUED, NULL, "queued for %s (%s)%s%s", r->biller, p->decider[0] ? p->right : p->bound, unsaid ? ": " : "",
                  unsaid ? p->reason : "");
    if (p->verb == VERB_RELEASE || p->verb == VERB_UNPLAN || p->verb == VERB_INSTALMENT || proposal_facts_fresh(e, r))
        effect_for(e, r, p); /* a release undoes our own doing, and a collect reads the invoice first */
    else
        recovery_ask_facts(e, r, NULL);
}

static void start_one(struct engine *e, struct recovery *r, int64_t id)
{
    char why[300];
    struct proposal *p = proposal_load(e, id);
    bool begun = store_i64(e->store, 0, "SELECT count(*) FROM effects WHERE proposal_id = ?1 AND proposal_id > 0", "i", id) > 0;
    if (p && p->state == PROPOSAL_QUEUED && !begun) {
        if (proposal_fits(r, p, why, sizeof why)) {
            effect_for(e, r, p);
        } else {
            free(p->outcome);
            p->outcome = str_dup(why);
            proposal_move(e, r, p, &POLICY, PROPOSAL_VOIDED, NULL, "%s", why);
        }
    }
    proposal_free(p);
}

void proposals_start_waiting(struct engine *e, struct recovery *r)
{
    int64_t ids[16];
    size_t n = proposal_live(e, r->id, ids, DW_ARRAY_LEN(ids));
    for (size_t i = n; r->state != RECOVERY_CLOSED && i-- > 0;) /* oldest first */
        start_one(e, r, ids[i]);
}

int64_t proposal_auto(struct engine *e, struct recovery *r, enum verb verb, json_t *take_terms, const char *why)
{
    struct money amount = r->due;
    if (verb == VERB_INSTALMENT)
        amount = money_of(json_i64(take_terms, "amount", 0), json_str(take_terms, "currency", ""));
    struct proposal *p = proposal_draft(
        e, r, &(struct draft){.verb = verb, .take_terms = take_terms, .requester = "policy", .bound = why, .amount = amount});
    if (!p)
        return 0;
    int64_t id = p->id;
    proposal_queue(e, r, p, &POLICY);
    proposal_free(p);
    return id;
}
