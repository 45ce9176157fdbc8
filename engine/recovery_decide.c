/* From facts to a decision: what billing says now, what the policy makes of it, and what is therefore begun.
 *
 * A decision is written whole (inputs, rule, reasons, policy version, mode) before anything follows from it. It is made anew
 * only when something that matters has changed; what people agreed (a plan, a promise, a dispute, a hold) is not decided over. */
#include <stdio.h>
#include <string.h>

#include "engine/chargeback.h"
#include "engine/effect.h"
#include "engine/hold.h"
#include "engine/journal.h"
#include "engine/plan.h"
#include "engine/proposal_money.h"
#include "engine/saga.h"
#include "engine/settlement.h"
#include "engine/sm.h"
#include "engine/timer.h"
#include "engine/waiting.h"
#include "engine/when.h"

static const struct actor POLICY = {.name = "policy"};

static const char *zone_of(const struct recovery *r)
{
    return facts_str(&r->facts, "account.timezone");
}

static const char *ref_of(const struct recovery *r, char ref[32])
{
    snprintf(ref, 32, "N-%lld", (long long)r->id);
    return ref;
}

/* ---- what was read ---- */

static json_t *open_invoices(const json_t *read)
{
    json_t *open = json_array();
    size_t i;
    json_t *invoice;
    json_array_foreach(json_object_get(read, "invoices"), i, invoice)
        if (str_eq(json_str(invoice, "status", ""), "open"))
            json_array_append(open, invoice);
    return open;
}

static const char *outcome_of(const json_t *read)
{
    const char *outcome = "nothing is due any more";
    size_t i;
    json_t *invoice;
    json_array_foreach(json_object_get(read, "invoices"), i, invoice) {
        const char *status = json_str(invoice, "status", "");
        if (str_eq(status, "paid"))
            return "paid";
        if (str_eq(status, "void"))
            outcome = "voided at billing";
        if (str_eq(status, "uncollectible"))
            outcome = "written off at billing";
    }
    return outcome;
}

/* Has anything changed that a decision rests on? */
static bool is_news(const struct facts *before, const struct facts *now)
{
    static const char *const matters[] = {"invoice.attempts", "payment.at_ms", "payment.class", "payment.decline_code", "invoice.due",
                                          "invoice.count",    "invoice.id",    "method.id",     "tier",                 "fragile",
                                          "account.sentiment", "account.top_priority"};
    for (size_t i = 0; i < DW_ARRAY_LEN(matters); i++) {
        const json_t *a = facts_get(before, matters[i]), *b = facts_get(now, matters[i]);
        if ((a || b) && !(a && b && json_equal(a, b)))
            return true;
    }
    return false;
}

static void facts_take(struct engine *e, struct recovery *r, const json_t *read)
{
    facts_fini(&r->facts);
    facts_init(&r->facts);
    facts_add_account(&r->facts, book_by_key(e->book, r->account), e->book);
    facts_add_billing(&r->facts, read, r->biller, e->now_ms);
    json_decref(r->invoices);
    r->invoices = open_invoices(read);
    r->read_ms = e->now_ms;
    r->due = money_of(facts_i64(&r->facts, "invoice.due", 0), facts_str(&r->facts, "invoice.currency"));
    const char *name = json_str(read, "account.name", "");
    if (!book_by_key(e->book, r->account) && name[0]) {
        free(r->name);
        r->name = str_dup(name);
    }
}

/* ---- what follows ---- */

static json_t *invoice_ids(const struct recovery *r)
{
    json_t *ids = json_array();
    size_t i;
    json_t *invoice;
    json_array_foreach(r->invoices, i, invoice)
        json_array_append_new(ids, json_string(json_str(invoice, "id", "")));
    return ids;
}

json_t *hold_terms(const struct recovery *r, int64_t end_ms, int64_t ask_ms, const char *at_end, const char *reason)
{
    json_t *terms = json_object();
    json_put_new(terms, "invoices", invoice_ids(r));
    json_put_i64(terms, "end_ms", end_ms);
    json_put_i64(terms, "ask_ms", ask_ms);
    json_put(terms, "at_end", at_end);
    json_put(terms, "reason", reason);
    json_put(terms, "zone", zone_of(r));
    return terms;
}

static void act_hold(struct engine *e, struct recovery *r, const json_t *args, const char *why)
{
    int64_t end = when_business_hour(when_add_days(e->now_ms, (int)json_i64(args, "days", 7), zone_of(r)), 9, zone_of(r));
    int64_t ask = end - json_i64(args, "ask_before_hours", 24) * MS_HOUR;
    const char *at_end = json_str(args, "at_end", "resume");
    hold_until(e, r, end, ask > e->now_ms ? ask : e->now_ms, at_end, why);
    AUTO_STR next = str_fmt("%sNotices and retries %s by themselves on {ms:%lld} unless somebody decides before", e->shadow ? "Shadow: " : "",
                            e->shadow ? "would be held, and resume" : "resume", (long long)end);
    recovery_move(e, r, &POLICY, RECOVERY_HELD, next, end);
}

static void act_queue(struct engine *e, struct recovery *r, const char *why)
{
    AUTO_STR next = str_fmt("%sA collector takes it from the queue: %s", e->shadow ? "Shadow: " : "", why);
    recovery_move(e, r, &POLICY, RECOVERY_QUEUED, next, 0);
}

/* A retry at a moment we choose means that billing must not choose its own: the invoices are held until just after it. */
static void act_retry(struct engine *e, struct recovery *r, const json_t *args)
{
    char left[200];
    int64_t from = when_add_days(e->now_ms, (int)json_i64(args, "after_days", 2), zone_of(r)), allowed = policy_retry_from_ms(&r->facts);
    int64_t at = when_business_hour(from > allowed ? from : allowed, (int)json_i64(args, "hour", 9), zone_of(r));
    if (!policy_may_retry_at(e->policy, &r->facts, at, left, sizeof left)) {
        act_queue(e, r, left);
        return;
    }
    hold_until(e, r, at + 2 * MS_DAY, at + 2 * MS_DAY, "resume", "so that the retry runs at the chosen time and only then");
    if (!e->shadow) {
        timer_cancel(e, "retry", r->id, r->id);
        timer_add(e, "retry", r->id, r->id, at);
    }
    left[strlen(left) - (*left && left[strlen(left) - 1] == '.')] = '\0'; /* it goes into parentheses */
    AUTO_STR next = str_fmt("%sThe payment is tried again on {ms:%lld} (%s)", e->shadow ? "Shadow: " : "", (long long)at, left);
    recovery_move(e, r, &POLICY, RECOVERY_RETRYING, next, at);
}

static void act_link(struct engine *e, struct recovery *r, const json_t *args, const char *why)
{
    const char *purpose = json_str(args, "purpose", "pay");
    bool lately = store_i64(e->store, 0,
                            "SELECT count(*) FROM proposals WHERE case_id = ?1 AND verb = ?2 AND state NOT IN (?3, ?4, ?5) AND created_ms > ?6", "iiiiii",
                            r->id, SM_ID(VERB_LINK), SM_ID(PROPOSAL_FAILED), SM_ID(PROPOSAL_WITHDRAWN),
                            SM_ID(e->shadow ? PROPOSAL_FAILED : PROPOSAL_SHADOW), e->now_ms - 3 * MS_DAY) > 0;
    if (!lately) {
        json_t *terms = json_object();
        json_put(terms, "purpose", purpose);
        json_put(terms, "invoice", recovery_invoice(r));
        proposal_auto(e, r, VERB_LINK, terms, why);
    }
    if (str_eq(purpose, "update_method")) /* billing's own schedule would try the dead card again */
        hold_until(e, r, e->now_ms + 30 * MS_DAY, e->now_ms + 30 * MS_DAY, "queue", "this card will not work again, so nobody tries it");
    if (r->state == RECOVERY_READING || r->state == RECOVERY_WAITING || r->state == RECOVERY_QUEUED) {
        int64_t look = e->now_ms + 5 * MS_DAY;
        AUTO_STR next = str_fmt("%sThe customer has the link; if nothing is paid by {ms:%lld} a collector takes it", e->shadow ? "Shadow: " : "",
                                (long long)look);
        recovery_move(e, r, &POLICY, RECOVERY_WAITING, next, look);
        timer_cancel(e, "link_over", r->id, r->id);
        timer_add(e, "link_over", r->id, r->id, look);
    }
}

static bool has_action(const struct verdict *v, const char *name)
{
    size_t i;
    json_t *action;
    json_array_foreach(v->actions, i, action)
        if (json_object_get(action, name))
            return true;
    return false;
}

static void act(struct engine *e, struct recovery *r, const struct verdict *v)
{
    const char *why = json_str(v->reasons, "0", "by policy");
    if (r->state == RECOVERY_RETRYING && !has_action(v, "retry")) { /* else the case would wait for an attempt that nobody makes */
        timer_cancel(e, "retry", r->id, r->id);
        recovery_move(e, r, &POLICY, RECOVERY_READING, "Another attempt is not the next step any more; the policy says what is", 0);
    }
    static const char *const order[] = {"hold", "retry", "queue", "link", "alert"}; /* a link comes after what sets the state */
    for (size_t k = 0; k < DW_ARRAY_LEN(order); k++) {
        size_t i;
        json_t *action;
        json_array_foreach(v->actions, i, action) {
            const json_t *args = json_object_get(action, order[k]);
            if (!args)
                continue;
            if (str_eq(order[k], "hold"))
                act_hold(e, r, args, why);
            else if (str_eq(order[k], "retry"))
                act_retry(e, r, args);
            else if (str_eq(order[k], "queue"))
                act_queue(e, r, why);
            else if (str_eq(order[k], "link"))
                act_link(e, r, args, why);
            else
                journal_add(e, &POLICY, "alert", r->id, r->account, r->owner, NULL, "%s is told: %s", r->owner[0] ? person_name_of(e->people, r->owner) : "The collections channel",
                            why);
        }
    }
    if (r->state == RECOVERY_READING) /* a rule that does nothing still leaves somebody in charge */
        act_queue(e, r, why);
}

static void decide(struct engine *e, struct recovery *r, struct verdict *v)
{
    char ref[32];
    free(r->tier);
    free(r->rule);
    json_decref(r->reasons);
    r->tier = str_dup(v->tier);
    r->rule = str_dup(v->rule);
    r->fragile = v->fragile;
    r->reasons = json_incref(v->reasons);
    store_run(e->store,
              "INSERT INTO decisions (case_id, at_ms, mode, policy, tier, fragile, rule, actions, reasons, inputs) VALUES "
              "(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
              "iitttitjjj", r->id, e->now_ms, e->shadow ? "shadow" : "live", policy_version(e->policy), v->tier, SM_ID(v->fragile), v->rule,
              v->actions, v->reasons, r->facts.set);
    json_auto_t *detail = json_pack("{s:s, s:s, s:s, s:b, s:O, s:O, s:O, s:s}", "rule", v->rule, "policy", policy_version(e->policy), "tier", v->tier,
                                    "fragile", v->fragile, "actions", v->actions, "reasons", v->reasons, "facts", r->facts.set, "mode",
                                    e->shadow ? "shadow" : "live");
    journal_add(e, &POLICY, "decided", r->id, r->account, ref_of(r, ref), detail, "%sRule %s: %s", e->shadow ? "SHADOW: " : "", v->rule,
                json_str(v->reasons, "0", ""));
    act(e, r, v);
    chargeback_hold_over(e, r);
    if (e->shadow) {
        timer_cancel(e, "live", r->id, r->id);
        timer_add(e, "live", r->id, r->id, e->now_ms + MS_HOUR);
    }
}

static bool decided_in_shadow(struct engine *e, const struct recovery *r)
{
    struct query *q = store_query(e->store, "SELECT mode FROM decisions WHERE case_id = ?1 ORDER BY id DESC LIMIT 1", "i", r->id);
    bool shadow = query_next(q) && str_eq(query_text(q, 0), "shadow");
    query_end(q);
    return shadow;
}

/* Nothing of what was decided in shadow mode was done. Live by now, policy decides once more, on fresh facts; what a person said
 * meanwhile (a plan, a promise, a dispute) stays. */
void recovery_goes_live(struct engine *e, struct recovery *r)
{
    bool machine = r->state == RECOVERY_HELD || r->state == RECOVERY_RETRYING || r->state == RECOVERY_WAITING || r->state == RECOVERY_QUEUED;
    if (!machine || !decided_in_shadow(e, r))
        return;
    free(r->rule);
    r->rule = str_dup("");
    recovery_save(e, r);
    recovery_ask_facts(e, r, NULL);
}

/* New open invoices under a hold belong under it too. */
static void cover_new_invoices(struct engine *e, struct recovery *r)
{
    struct hold *h = hold_of_case(e, r->id);
    json_auto_t *ids = invoice_ids(r);
    bool by_hand = h && h->state == HOLD_STARTING && saga_waits_for_hands(e, r->id, VERB_HOLD);
    bool uncovered = h && (h->state == HOLD_ACTIVE || by_hand) && !json_has_all(h->invoices, ids);
    if (uncovered) { /* what a person is to do there is asked of them once */
        json_auto_t *known = saga_awaited(e, r->id);
        json_array_extend(known, h->invoices);
        uncovered = !json_has_all(known, ids);
    }
    /* Billing refused that a moment ago? Then not again before the next look. */
    bool refused = store_i64(e->store, 0, "SELECT count(*) FROM proposals WHERE case_id = ?1 AND verb = ?2 AND state = ?3 AND created_ms > ?4", "iiii", r->id,
                             SM_ID(VERB_EXTEND), SM_ID(PROPOSAL_FAILED), e->now_ms - MS_HOUR) > 0;
    if (uncovered && proposal_under_way(e, r->id, VERB_EXTEND)) {
        /* that is being done */
    } else if (uncovered && refused) {
        timer_cancel(e, "reread", r->id, r->id);
        timer_add(e, "reread", r->id, r->id, e->now_ms + MS_HOUR + MS_MINUTE);
    } else if (uncovered) {
        json_t *terms = hold_terms(r, h->end_ms, h->ask_ms, h->at_end, h->reason);
        json_put_i64(terms, "hold", h->id);
        json_put_new(terms, "keeps_end", json_true()); /* whoever moves the end meanwhile has the last word */
        proposal_auto(e, r, VERB_EXTEND, terms, "a new invoice failed under the hold");
    }
    hold_free(h);
}

/* The card that was declined for good has been replaced: the new one is tried at once. */
static bool card_renewed(struct engine *e, struct recovery *r, const struct facts *before)
{
    char why[200];
    const char *declined = facts_str(&r->facts, "payment.method"), *card = facts_str(&r->facts, "method.id");
    bool replaced = declined[0] && card[0] && !str_eq(declined, card) && !str_eq(facts_str(before, "method.id"), card);
    if (r->state != RECOVERY_WAITING || !replaced || e->shadow || !policy_may_retry_at(e->policy, &r->facts, e->now_ms, why, sizeof why))
        return false;
    timer_cancel(e, "link_over", r->id, r->id);
    timer_cancel(e, "retry", r->id, r->id);
    timer_add(e, "retry", r->id, r->id, e->now_ms);
    recovery_move(e, r, &POLICY, RECOVERY_RETRYING, "The customer gave another card; it is charged now", e->now_ms);
    return true;
}

static void apply(struct engine *e, struct recovery *r, const struct facts *before)
{
    struct verdict v;
    policy_decide(e->policy, &r->facts, e->now_ms, &v);
    /* without a rule: it could not be read before, or was decided in shadow mode only */
    bool first = r->state == RECOVERY_READING ||
                 (!r->rule[0] && (r->state == RECOVERY_QUEUED || ((r->state == RECOVERY_HELD || r->state == RECOVERY_RETRYING || r->state == RECOVERY_WAITING) && decided_in_shadow(e, r))));
    bool machine = first || r->state == RECOVERY_RETRYING || r->state == RECOVERY_WAITING;
    if (card_renewed(e, r, before))
        cover_new_invoices(e, r);
    else if (first || (machine && is_news(before, &r->facts)))
        decide(e, r, &v);
    else
        cover_new_invoices(e, r);
    verdict_fini(&v);
}

void recovery_facts_arrived(struct engine *e, struct recovery *r, const json_t *read)
{
    const struct actor billing = {.name = r->biller};
    bool again = recovery_read_over(e, r);
    const char *given_up = money_outcome(e, r);
    struct facts before = r->facts;
    facts_init(&r->facts);
    facts_take(e, r, read);
    if (r->state != RECOVERY_CLOSED && json_array_size(r->invoices) == 0)
        recovery_close(e, r, &billing, given_up ? given_up : outcome_of(read));
    else if (r->state != RECOVERY_CLOSED) {
        plan_settle(e, r, read);
        apply(e, r, &before);
    }
    if (r->state != RECOVERY_CLOSED) {
        settle_look(e, r, read);
        proposals_recheck(e, r);
    }
    proposals_start_waiting(e, r);
    proposals_reopen_waiting(e, r);
    facts_fini(&before);
    recovery_save(e, r);
    if (again)
        recovery_ask_facts(e, r, NULL);
}

void recovery_facts_failed(struct engine *e, struct recovery *r, const char *biller, const char *reason)
{
    char ref[32];
    const struct actor billing = {.name = biller};
    recovery_read_over(e, r);
    journal_add(e, &billing, "read.failed", r->id, r->account, ref_of(r, ref), NULL, "%s could not be read: %s", biller, reason);
    if (r->state == RECOVERY_CLOSED)
        return;
    int64_t again = e->now_ms + 15 * MS_MINUTE;
    timer_cancel(e, "reread", r->id, r->id);
    timer_add(e, "reread", r->id, r->id, again);
    if (r->state == RECOVERY_READING || !r->rule[0]) {
        AUTO_STR next = str_fmt("%s could not be read (%s); it is read again on {ms:%lld}. Until then a person must look there", biller, reason,
                                (long long)again);
        recovery_move(e, r, &billing, RECOVERY_QUEUED, next, again);
    } else {
        recovery_save(e, r);
    }
}
