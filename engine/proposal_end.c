/* The end of a proposal: what billing says (or a person who did it by hand) becomes its state. The case's next step follows in
 * the same transaction, so a card never shows one without the other. */
#include <stdio.h>
#include <string.h>

#include "engine/billing_note.h"
#include "engine/by_hand.h"
#include "engine/effect.h"
#include "engine/hold.h"
#include "engine/journal.h"
#include "engine/link_mail.h"
#include "engine/plan.h"
#include "engine/proposal_internal.h"
#include "engine/proposal_money.h"
#include "engine/saga.h"
#include "engine/sm.h"
#include "engine/timer.h"
#include "engine/when.h"

static const struct actor POLICY = {.name = "policy"};

void proposal_executing(struct engine *e, int64_t id)
{
    struct proposal *p = proposal_load(e, id);
    struct recovery *r = p ? recovery_load(e, p->case_id) : NULL;
    AUTO_STR where = r ? saga_names(r, p->terms) : NULL;
    if (r && p->state == PROPOSAL_QUEUED)
        proposal_move(e, r, p, &POLICY, PROPOSAL_EXECUTING, NULL, "billing is being told, at %s", where);
    recovery_free(r);
    proposal_free(p);
}

void proposal_unknown(struct engine *e, int64_t id, const char *why)
{
    struct proposal *p = proposal_load(e, id);
    struct recovery *r = p ? recovery_load(e, p->case_id) : NULL;
    if (r && p->state == PROPOSAL_EXECUTING) {
        free(p->outcome);
        p->outcome = str_dup(why);
        proposal_move(e, r, p, &(struct actor){.name = r->biller}, PROPOSAL_UNKNOWN, NULL, "nobody knows yet whether it happened (%s); billing is read back",
                      why);
    }
    recovery_free(r);
    proposal_free(p);
}

/* Notices run again: billing's own schedule is the next step, and in five days a person looks. */
static void after_release(struct engine *e, struct recovery *r)
{
    struct hold *h = hold_of_case(e, r->id);
    bool quiet = h != NULL; /* another hold, or the rest of this one */
    hold_free(h);
    if (!quiet && r->state == RECOVERY_PLANNED)
        recovery_move(e, r, &POLICY, RECOVERY_QUEUED, "The plan's dates have passed and not everything is paid: agree with the customer on the rest", 0);
    if (!quiet && r->state == RECOVERY_DISPUTED)
        recovery_move(e, r, &POLICY, RECOVERY_DISPUTED, "Billing reminds and retries again though the dispute is open: settle it, or hold again", 0);
    if (quiet || r->state != RECOVERY_HELD)
        return;
    int64_t look = e->now_ms + 5 * MS_DAY;
    timer_cancel(e, "link_over", r->id, r->id);
    AUTO_STR next = str_fmt("Billing reminds and retries by its own schedule again; a collector looks on {ms:%lld}", (long long)look);
    recovery_move(e, r, &POLICY, RECOVERY_WAITING, next, look);
    timer_add(e, "link_over", r->id, r->id, look);
}

static void after_collect(struct engine *e, struct recovery *r, const struct proposal *p, const json_t *result)
{
    const char *outcome = json_str(result, "outcome", "");
    bool paid = str_eq(outcome, "paid") || str_eq(outcome, "partially_paid");
    if (p->verb == VERB_INSTALMENT && str_eq(outcome, "pending"))
        instalment_mark(e, r, json_i64(p->terms, "instalment", 0), "pending");
    else if (p->verb == VERB_INSTALMENT)
        instalment_ended(e, r, p->terms, paid, paid ? "" : "the customer must confirm the payment");
    else if (!paid && r->state != RECOVERY_CLOSED)
        recovery_move(e, r, &POLICY, RECOVERY_WAITING, str_eq(outcome, "pending") ? "The payment is on its way; billing says when it arrived" : "The customer must confirm the payment with the bank", 0);
    if (r->state != RECOVERY_CLOSED)
        recovery_ask_facts(e, r, json_str(p->terms, "invoice", NULL));
}

static void after_hold(struct engine *e, struct recovery *r, const struct proposal *p, const json_t *result)
{
    int64_t end = json_i64(p->terms, "end_ms", 0);
    hold_confirmed(e, r, json_i64(p->terms, "hold", 0), p->terms, result);
    struct hold *h = hold_of_case(e, r->id);
    bool in_force = hold_counts(h);
    hold_free(h);
    if (str_eq(p->requester, "policy") || r->state == RECOVERY_CLOSED || !in_force)
        return; /* the decision that asked for it has said what is next */
    AUTO_STR next = str_fmt("Notices and retries resume by themselves on {ms:%lld} unless somebody decides before", (long long)end);
    recovery_move(e, r, &POLICY, RECOVERY_HELD, next, end);
}

/* Billing's own schedule is the next step, and a day after it a person looks; what people agreed stays what is next. */
static void after_defer(struct engine *e, struct recovery *r, const struct proposal *p)
{
    int64_t look = json_i64(p->terms, "until_ms", 0) + 2 * MS_DAY;
    if (r->state != RECOVERY_QUEUED && r->state != RECOVERY_WAITING)
        return;
    timer_cancel(e, "link_over", r->id, r->id);
    AUTO_STR where = saga_names(r, p->terms);
    AUTO_STR next = str_fmt("Nothing is tried at %s before {ms:%lld}; two days later a collector looks", where, (long long)json_i64(p->terms, "until_ms", 0));
    recovery_move(e, r, &POLICY, RECOVERY_WAITING, next, look);
    timer_add(e, "link_over", r->id, r->id, look);
}

/* The terms may name several invoices, one call each: the next one, if there is one. */
static bool goes_on(struct engine *e, struct recovery *r, struct proposal *p, const json_t *result)
{
    size_t all = json_array_size(json_at(p->terms, "parts")), done = money_parts_done(e, p);
    bool by_hand = str_eq(json_str(result, "mode", ""), "by hand");
    if (!verb_has_parts(p->verb))
        return false;
    for (size_t i = 0; by_hand && i < all; i++)
        money_part_ended(e, r, p, i);
    if (!by_hand && done > 0)
        money_part_ended(e, r, p, done - 1);
    if (by_hand || done >= all) {
        json_put_i64(p->terms, "done_ms", e->now_ms);
        return false;
    }
    proposal_move(e, r, p, &(struct actor){.name = r->biller}, PROPOSAL_EXECUTING, result, "%zu of %zu confirmed, the last by %s", done, all,
                  done ? recovery_billed_of(r, json_str(json_array_get(json_at(p->terms, "parts"), done - 1), "invoice", "")).biller : r->biller);
    proposal_call(e, r, p, done);
    return true;
}

/* Whose word it is, for each part. */
static void confirmed_words(struct buf *out, struct engine *e, const struct recovery *r, const struct proposal *p, const char *vendor)
{
    AUTO_BUF machines = BUF(1024);
    AUTO_BUF hands = BUF(1024);
    AUTO_STR where = saga_names(r, p->terms);
    bool by_hand = str_eq(p->outcome, "by hand");
    if (by_hand_has(p) && !by_hand_places(&hands, p))
        by_hand = false; /* nobody had to do anything */
    if (saga_done_places(&machines, e, p))
        buf_addf(out, "confirmed by %s, read back%s%s", buf_text(&machines), vendor[0] ? ": " : "", vendor);
    if (hands.n || by_hand)
        buf_addf(out, "%sdone by hand at %s", out->n ? "; " : "", hands.n ? buf_text(&hands) : where);
    if (!out->n)
        buf_adds(out, "nothing has to be changed at billing for it");
}

void proposal_end(struct engine *e, struct recovery *r, struct proposal *p, const json_t *result)
{
    const char *vendor = json_str(result, "id", json_str(result, "payment", ""));
    AUTO_JSON told = p->verb == VERB_LINK ? NULL : json_deep_copy(result); /* a link is a secret */
    free(p->vendor_id);
    free(p->outcome);
    p->vendor_id = str_dup(vendor);
    p->outcome = str_dup(json_str(result, "note", json_str(result, "mode", json_str(result, "outcome", ""))));
    if (json_object_get(result, "after_ms"))
        json_put_i64(p->terms, "after_ms", json_i64(result, "after_ms", 0)); /* for plan_settle */
    AUTO_BUF words = BUF(1024);
    confirmed_words(&words, e, r, p, vendor);
    proposal_move(e, r, p, &(struct actor){.name = str_eq(p->outcome, "by hand") ? json_str(result, "by", "policy") : r->biller}, PROPOSAL_CONFIRMED, told, "%s", buf_text(&words));
    switch (p->verb) {
    case VERB_CREDIT:
    case VERB_WRITE_OFF:
    case VERB_SETTLE:
        if (r->state != RECOVERY_CLOSED)
            recovery_ask_facts(e, r, NULL);
        break;
    case VERB_DEFER:
        after_defer(e, r, p);
        break;
    case VERB_HOLD:
    case VERB_EXTEND:
        after_hold(e, r, p, result);
        break;
    case VERB_RELEASE:
        hold_released(e, r, json_i64(p->terms, "hold", 0), p->terms);
        after_release(e, r);
        break;
    case VERB_PLAN:
        plan_start(e, r, p, result);
        break;
    case VERB_LINK:
        if (r->state != RECOVERY_CLOSED && json_str(result, "url", "")[0]) /* done by hand: sent by hand */
            link_mail_send(e, r, p, json_str(result, "url", ""));
        break;
    case VERB_UNPLAN:
    case VERB_REASSIGN:
        break;
    case VERB_RETRY:
    case VERB_INSTALMENT:
        after_collect(e, r, p, result);
        break;
    }
    billing_note(e, r, p);
}

void proposal_confirmed(struct engine *e, int64_t id, const json_t *result)
{
    struct proposal *p = proposal_load(e, id);
    struct recovery *r = p ? recovery_load(e, p->case_id) : NULL;
    if (r && !goes_on(e, r, p, result))
        proposal_end(e, r, p, result);
    recovery_free(r);
    proposal_free(p);
}

void release_goes_on(struct engine *e, struct recovery *r, const char *why)
{
    if (r->state != RECOVERY_HELD)
        return;
    int64_t again = e->now_ms + MS_HOUR;
    AUTO_STR next = str_fmt("Billing has not resumed notices and retries (%s); it is asked again on {ms:%lld}", why, (long long)again);
    recovery_move(e, r, &POLICY, RECOVERY_HELD, next, again);
}

static bool is_releasing(struct engine *e, const struct proposal *p)
{
    struct hold *h = hold_load(e, json_i64(p->terms, "hold", 0));
    bool releasing = h && h->state == HOLD_RELEASING;
    hold_free(h);
    return releasing;
}

/* A failure never ends a case: it names what was not done and who is next. Of any other verb the hold in force, or what was before, still
 * says what is next. */
static void case_goes_on(struct engine *e, struct recovery *r, const struct proposal *p, const char *why)
{
    char words[300];
    proposal_words(p, words, sizeof words);
    AUTO_STR next = str_fmt("%s: failed (%s); a person decides what to do instead", words, why);
    next[0] = (char)(next[0] >= 'a' && next[0] <= 'z' ? next[0] - 'a' + 'A' : next[0]);
    if (p->verb == VERB_RETRY)
        recovery_move(e, r, &POLICY, r->state == RECOVERY_RETRYING ? RECOVERY_READING : r->state, next, 0);
    else if (p->verb == VERB_HOLD || (p->verb == VERB_LINK && r->state == RECOVERY_WAITING))
        recovery_move(e, r, &POLICY, r->state == RECOVERY_HELD || r->state == RECOVERY_WAITING ? RECOVERY_QUEUED : r->state, next, 0);
    else if (p->verb == VERB_RELEASE && is_releasing(e, p))
        release_goes_on(e, r, why);
    else if (p->verb == VERB_UNPLAN || p->verb == VERB_SETTLE)
        recovery_move(e, r, &POLICY, RECOVERY_QUEUED, next, 0);
}

/* What billing held before it refused the rest is somebody's: of the hold in force, or it is released again. */
static void hold_ended(struct engine *e, struct recovery *r, const struct proposal *p, const char *why, const json_t *result)
{
    bool some = json_array_size(json_at(result, "held")) > 0;
    if (some && p->verb == VERB_PLAN) {
        struct hold *h = hold_of_case(e, r->id);
        hold_partly(e, r, h ? h->id : 0, why, result);
        hold_free(h);
    } else if (some) {
        hold_partly(e, r, json_i64(p->terms, "hold", 0), why, result);
    } else if (p->verb == VERB_HOLD) {
        hold_failed(e, r, json_i64(p->terms, "hold", 0), why);
    }
    struct hold *h = hold_of_case(e, r->id);
    bool part = some && json_flag(p->terms, "own_hold", false) && h && h->state == HOLD_ACTIVE; /* while it waited for a hand, the rest was in force */
    hold_free(h);
    if (part)
        hold_release(e, r, "it came about only in part");
}

void proposal_failed(struct engine *e, int64_t id, const char *why, const json_t *result)
{
    struct proposal *p = proposal_load(e, id);
    struct recovery *r = p ? recovery_load(e, p->case_id) : NULL;
    if (r) {
        size_t done = verb_has_parts(p->verb) ? money_parts_done(e, p) : 0;
        free(p->outcome);
        p->outcome = done ? str_fmt("%zu of %zu invoices were done, then: %s", done, json_array_size(json_at(p->terms, "parts")), why) : str_dup(why);
        proposal_move(e, r, p, &(struct actor){.name = r->biller}, PROPOSAL_FAILED, result, "failed: %s", why);
        hold_ended(e, r, p, why, result);
        if (p->verb == VERB_INSTALMENT)
            instalment_ended(e, r, p->terms, false, why);
        else if (r->state != RECOVERY_CLOSED)
            case_goes_on(e, r, p, why);
        if (p->verb == VERB_UNPLAN) /* or billing's own schedule would go on collecting */
            timer_add(e, "unplan", r->id, p->id, e->now_ms + MS_HOUR);
        if (p->verb == VERB_RELEASE && is_releasing(e, p))
            hold_release_later(e, r, json_i64(p->terms, "hold", 0));
        if (r->state != RECOVERY_CLOSED)
            recovery_ask_facts(e, r, NULL);
    }
    recovery_free(r);
    proposal_free(p);
}

void proposals_withdraw(struct engine *e, struct recovery *r, unsigned verbs, const char *why)
{
    int64_t ids[64];
    size_t n = proposal_live(e, r->id, ids, DW_ARRAY_LEN(ids));
    for (size_t i = 0; i < n; i++) {
        struct proposal *p = proposal_load(e, ids[i]);
        bool waits = p && (verbs & SM_BIT(p->verb)) && (p->state == PROPOSAL_ASKED || p->state == PROPOSAL_QUEUED);
        if (waits) {
            timer_cancel(e, "expire", p->case_id, p->id);
            timer_cancel(e, "run", p->case_id, p->id);
            effects_cancel_proposal(e, p->id);
            free(p->outcome);
            p->outcome = str_dup(why);
            proposal_move(e, r, p, &POLICY, PROPOSAL_WITHDRAWN, NULL, "%s", why);
            if (p->verb == VERB_INSTALMENT)
                instalment_mark(e, r, json_i64(p->terms, "instalment", 0), "cancelled");
        }
        proposal_free(p);
    }
}
