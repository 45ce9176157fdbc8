/* Settlements: a promise with a consequence that a person has agreed to in advance.
 *
 * From the approval on the invoices are quiet, so that billing does not collect the whole meanwhile. Each reading of billing is
 * compared with what was agreed: the payment has come when what is due went down by at least that much and payments of at least
 * that much are seen; what somebody credits meanwhile is no payment. Then, and only then, the rest is written off, at most what was
 * approved. The day after the last day, with facts read after it, the settlement is broken: nothing was written off, and it says so.
 * An agreement with a customer is kept even if the policy has changed since. */
#include "engine/settlement.h"

#include <stdio.h>
#include <string.h>

#include "engine/hold.h"
#include "engine/plan.h"
#include "engine/proposal_internal.h"
#include "engine/proposal_money.h"
#include "engine/sm.h"
#include "engine/timer.h"
#include "engine/when.h"

#define LOOK_AGAIN_MS (10 * MS_MINUTE)

static const struct actor POLICY = {.name = "policy"};

bool settle_ready(const struct proposal *p)
{
    return json_flag(p->terms, "ready", false);
}

int64_t settle_waits(struct engine *e, int64_t case_id)
{
    return store_i64(e->store, 0, "SELECT id FROM proposals WHERE case_id = ?1 AND is_live = 1 AND verb = ?2 AND state <> ?3 LIMIT 1", "iii", case_id,
                     SM_ID(VERB_SETTLE), SM_ID(PROPOSAL_ASKED));
}

static const char *pays_words(const struct proposal *p, char out[MONEY_TEXT_SIZE])
{
    return money_text(out, money_of(json_i64(p->terms, "pays", 0), p->amount.currency));
}

static const char *day_words(const struct proposal *p, char out[WHEN_TEXT_SIZE])
{
    return when_day(out, json_i64(p->terms, "by_ms", 0), json_str(p->terms, "zone", ""));
}

char *settle_waits_words(const struct proposal *p)
{
    char pays[MONEY_TEXT_SIZE], day[WHEN_TEXT_SIZE];
    return str_fmt("agreed, and waits for their payment of %s by %s", pays_words(p, pays), day_words(p, day));
}

void settle_begin(struct engine *e, struct recovery *r, const struct proposal *p)
{
    char pays[MONEY_TEXT_SIZE], rest[MONEY_TEXT_SIZE], day[WHEN_TEXT_SIZE];
    int64_t look = json_i64(p->terms, "by_ms", 0) + MS_DAY;
    AUTO_STR reason = str_fmt("settlement A-%lld was agreed", (long long)p->id);
    timer_cancel(e, "retry", r->id, r->id);
    timer_cancel(e, "link_over", r->id, r->id);
    plan_stop(e, r, reason);
    proposals_withdraw(e, r, SM_BIT(VERB_RETRY) | SM_BIT(VERB_INSTALMENT) | SM_BIT(VERB_PLAN), reason);
    store_run(e->store, "UPDATE promises SET state = 'replaced' WHERE case_id = ?1 AND state = 'open'", "i", r->id);
    hold_until(e, r, look + MS_DAY, look + MS_DAY, "queue", reason);
    timer_add(e, "settle", r->id, p->id, look);
    AUTO_STR next = str_fmt("The customer pays %s by %s; then the rest, %s, is written off (A-%lld). If it has not come by {ms:%lld}, nothing is written off and a "
                            "collector takes it", pays_words(p, pays), day_words(p, day), money_text(rest, p->amount), (long long)p->id, (long long)look);
    recovery_move(e, r, &POLICY, RECOVERY_PROMISED, next, look);
}

static int64_t due_now(const struct recovery *r, const char *id)
{
    size_t i;
    json_t *invoice;
    json_array_foreach(r->invoices, i, invoice)
        if (str_eq(json_str(invoice, "id", ""), id) && str_eq(json_str(invoice, "currency", ""), r->due.currency))
            return json_i64(invoice, "due", 0);
    return 0;
}

static bool is_part(const struct proposal *p, const char *invoice)
{
    size_t i;
    json_t *part;
    json_array_foreach(json_at(p->terms, "parts"), i, part)
        if (str_eq(json_str(part, "invoice", ""), invoice))
            return true;
    return false;
}

/* What came in for these invoices since it was asked. */
static int64_t received(const struct proposal *p, const json_t *read)
{
    int64_t sum = 0;
    size_t i;
    json_t *payment;
    json_array_foreach(json_at(read, "payments"), i, payment)
        if (str_eq(json_str(payment, "status", ""), "succeeded") && json_i64(payment, "at_ms", 0) >= p->created_ms &&
            str_eq(json_str(payment, "currency", ""), p->amount.currency) && is_part(p, json_str(payment, "invoice", "")) &&
            money_add(&sum, sum, json_i64(payment, "amount", 0)) != 0)
            return 0;
    return sum;
}

/* The rest of the invoices that were agreed on: new parts. */
static json_t *rest_of(const struct recovery *r, const struct proposal *p)
{
    json_t *rest = json_array(), *part;
    size_t i;
    json_array_foreach(json_at(p->terms, "parts"), i, part) {
        int64_t due = due_now(r, json_str(part, "invoice", ""));
        if (due > 0)
            json_array_append_new(rest, json_pack("{s:s, s:s, s:I}", "invoice", json_str(part, "invoice", ""), "number", json_str(part, "number", ""), "amount",
                                                  (json_int_t)due));
    }
    return rest;
}

json_t *settle_rest_terms(const struct recovery *r, const struct proposal *p)
{
    json_t *terms = json_deep_copy(p->terms);
    json_put_new(terms, "parts", rest_of(r, p));
    int64_t left = money_parts_sum(terms);
    if (left > 0 && left <= p->amount.minor)
        return terms;
    json_decref(terms);
    return NULL;
}

/* They have done their part: what is next is ours. */
static void say_rest(struct engine *e, struct recovery *r, const struct proposal *p)
{
    char pays[MONEY_TEXT_SIZE], rest[MONEY_TEXT_SIZE];
    if (r->state != RECOVERY_PROMISED || p->state != PROPOSAL_QUEUED)
        return;
    pays_words(p, pays);
    money_text(rest, money_of(money_parts_sum(p->terms), p->amount.currency));
    AUTO_STR next = proposal_by_hand(e, r, p) ? str_fmt("They have paid the %s that was agreed; somebody writes the rest, %s, off by hand and says so: done A-%lld", pays, rest, (long long)p->id)
                                              : str_fmt("They have paid the %s that was agreed; the rest, %s, is being written off (A-%lld)", pays, rest, (long long)p->id);
    recovery_move(e, r, &POLICY, RECOVERY_PROMISED, next, 0);
}

static void write_off_rest(struct engine *e, struct recovery *r, struct proposal *p, json_t *take_rest)
{
    char pays[MONEY_TEXT_SIZE];
    bool nothing = json_array_size(take_rest) == 0;
    json_put_new(p->terms, "agreed", json_deep_copy(json_at(p->terms, "parts")));
    json_put_new(p->terms, "parts", take_rest);
    json_put_new(p->terms, "ready", json_true());
    timer_cancel(e, "settle", p->case_id, p->id);
    free(p->outcome);
    p->outcome = str_dup("");
    proposal_move(e, r, p, &(struct actor){.name = r->biller}, nothing ? PROPOSAL_CONFIRMED : PROPOSAL_QUEUED, NULL, "they paid %s; %s", pays_words(p, pays),
                  nothing ? "nothing is left to write off" : "the rest is written off, as agreed");
    if (nothing)
        return;
    proposal_begin(e, r, p);
    say_rest(e, r, p);
}

static void look_at(struct engine *e, struct recovery *r, struct proposal *p, const json_t *read)
{
    int64_t pays = json_i64(p->terms, "pays", 0), agreed = money_parts_sum(p->terms);
    json_t *rest = rest_of(r, p);
    json_auto_t *terms = json_pack("{s:O}", "parts", rest);
    int64_t left = money_parts_sum(terms);
    if (agreed - left >= pays && received(p, read) >= pays && left <= p->amount.minor)
        write_off_rest(e, r, p, rest);
    else
        json_decref(rest);
}

static struct proposal *waiting(struct engine *e, int64_t id)
{
    struct proposal *p = id ? proposal_load(e, id) : NULL;
    if (p && p->verb == VERB_SETTLE && p->state == PROPOSAL_QUEUED && !settle_ready(p))
        return p;
    proposal_free(p);
    return NULL;
}

void settle_look(struct engine *e, struct recovery *r, const json_t *read)
{
    struct proposal *p = waiting(e, settle_waits(e, r->id));
    if (p)
        look_at(e, r, p, read);
    proposal_free(p);
}

static void broken(struct engine *e, struct recovery *r, struct proposal *p)
{
    char pays[MONEY_TEXT_SIZE], day[WHEN_TEXT_SIZE];
    free(p->outcome);
    p->outcome = str_fmt("their payment of %s by %s has not come: nothing was written off", pays_words(p, pays), day_words(p, day));
    proposal_move(e, r, p, &POLICY, PROPOSAL_VOIDED, NULL, "%s", p->outcome);
    AUTO_STR next = str_fmt("The settlement is broken: %s. Call the customer, or agree on something else", p->outcome);
    if (r->state == RECOVERY_PROMISED)
        recovery_move(e, r, &POLICY, RECOVERY_QUEUED, next, 0);
}

void settle_passed(struct engine *e, struct recovery *r, int64_t id)
{
    struct proposal *p = waiting(e, id);
    if (p && r->read_ms < json_i64(p->terms, "by_ms", 0) + MS_DAY) { /* perhaps it came and nobody told us: look first */
        recovery_ask_facts(e, r, NULL);
        timer_add(e, "settle", r->id, id, e->now_ms + LOOK_AGAIN_MS);
    } else if (p) {
        broken(e, r, p);
    }
    proposal_free(p);
}
