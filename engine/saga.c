/* One decision, several billing systems: a saga. Each gets the part that is about its own invoices, as an effect of its own with
 * a key of its own, so each part is run once, looked up when its fate is unknown, and read back, like any other effect. A part
 * that a system has no API for is a person's task (by_hand.c). People see one proposal: it is confirmed when every part is, and
 * failed when one is refused, by a system or by a person.
 *
 * A part that was done when another was refused is not left behind: what was held is put back by the hold's own rule
 * (hold_partly), by hand where it was done by hand, and the journal says for each part what became of it. What the machines have
 * done while a task is still open is in force: a hold answers for it, and ends in time whether or not anybody does the rest.
 * Only what can be undone is shared out: money moves, and is written off, one invoice after the other where each of them is billed
 * (proposal_money.c). A plan over several is kept by Dunwell, which holds the invoices everywhere and collects each instalment
 * where its invoice is. */
#include "engine/saga.h"

#include <stdio.h>
#include <string.h>

#include "engine/by_hand.h"
#include "engine/effect.h"
#include "engine/hands.h"
#include "engine/hold.h"
#include "engine/journal.h"
#include "engine/proposal_internal.h"
#include "engine/proposal_money.h"
#include "engine/readings.h"
#include "engine/receipt.h"
#include "engine/sm.h"
#include "engine/timer.h"
#include "engine/when.h"

static const struct actor POLICY = {.name = "policy"};

/* ---- sharing out ---- */

static void leg(struct engine *e, const struct recovery *r, const struct proposal *p, const char *op, const struct billed *part, json_t *take_args, size_t nth)
{
    AUTO_STR lane = str_fmt("%s:%s", part->biller, part->customer);
    AUTO_STR key = nth ? str_fmt("dunwell-p%lld-%zu", (long long)p->id, nth + 1) : str_fmt("dunwell-p%lld", (long long)p->id);
    json_put(take_args, "customer", part->customer);
    effect_add(e, &(struct effect_spec){.lane = lane, .driver = part->biller, .op = op, .key = key, .take_args = take_args, .case_id = r->id, .proposal_id = p->id,
                                        .purpose = "proposal"});
}

/* Long enough for the last instalment to be settled. */
static int64_t plan_end_ms(const struct proposal *p)
{
    const json_t *rows = json_object_get(p->terms, "instalments");
    return json_i64(json_array_get(rows, json_array_size(rows) - 1), "date_ms", 0) + 30 * MS_DAY;
}

/* Until when a task makes sense; 0: it has to be done some day. A hold in force ends by itself before that. */
static int64_t task_until_ms(const struct proposal *p)
{
    if (p->verb == VERB_PLAN)
        return json_i64(p->terms, "instalments.0.date_ms", 0);
    return p->verb == VERB_HOLD || p->verb == VERB_EXTEND ? json_i64(p->terms, "end_ms", 0) + MS_MINUTE : 0;
}

/* Nobody is asked for what the hold in force has seen done, or what somebody is asked for already; to move its end is our own
 * timer's business. */
static json_t *still_loud(struct engine *e, const struct recovery *r, json_t *take_invoices)
{
    AUTO_JSON all = take_invoices;
    json_auto_t *known = saga_awaited(e, r->id);
    struct hold *h = hold_of_case(e, r->id);
    json_t *rest = json_array(), *id;
    size_t i;
    if (h && h->state == HOLD_ACTIVE)
        json_array_extend(known, h->invoices);
    hold_free(h);
    json_array_foreach(all, i, id)
        if (!json_has_text(known, json_string_value(id)))
            json_array_append(rest, id);
    return rest;
}

static bool any_open(const struct recovery *r, const json_t *ids)
{
    size_t i;
    json_t *invoice;
    json_array_foreach(r->invoices, i, invoice)
        if (json_has_text(ids, json_str(invoice, "id", "")))
            return true;
    return false;
}

static void task(struct engine *e, const struct recovery *r, struct proposal *p, const struct billed *part, json_t *take_invoices, const char *note)
{
    bool release = p->verb == VERB_RELEASE;
    json_t *ids = release ? take_invoices : still_loud(e, r, take_invoices);
    bool over = release && (r->state == RECOVERY_CLOSED || !any_open(r, ids));
    const char *needless = over ? "nothing is open there any more" : json_array_size(ids) == 0 ? "it is quiet there already" : NULL;
    by_hand_add(r, p, part, ids, note, needless);
    json_put_new(p->terms, "joins", json_true()); /* what is in force is added to, part by part */
}

/* What is a person's part: true when nothing of it is left for the machine. */
static bool part_by_hand(struct engine *e, const struct recovery *r, struct proposal *p, const struct billed *part, bool alone)
{
    const char *note = "";
    bool held_by_us = p->verb == VERB_PLAN && str_eq(e->world.capability(e->world.ctx, part->biller, verb_op(VERB_PLAN), &note), "emulated");
    if (p->verb == VERB_PLAN && alone && !held_by_us)
        return false; /* its own schedule needs no hold */
    if (!saga_by_hand(e, part, p->verb == VERB_PLAN ? VERB_HOLD : p->verb, &note))
        return false;
    task(e, r, p, part, saga_invoices_of(r, p->terms, part), note);
    return p->verb != VERB_PLAN || !alone;
}

static void say_tasks(struct engine *e, const struct recovery *r, struct proposal *p)
{
    int64_t until = task_until_ms(p);
    AUTO_BUF words = BUF(4096);
    if (!by_hand_has(p))
        return;
    bool open = by_hand_words(&words, p);
    free(p->outcome);
    p->outcome = str_dup(buf_text(&words));
    proposal_move(e, r, p, &POLICY, p->state, NULL, "%s", open ? p->outcome : "nothing has to be done by hand for it");
    if (open)
        hands_begin(e, p);
    if (open && until)
        timer_add(e, "by_hand", r->id, p->id, until);
}

void saga_start(struct engine *e, struct recovery *r, struct proposal *p, const json_t *args)
{
    struct billed parts[BILLERS_MOST];
    size_t n = saga_parts(r, p->terms, parts, BILLERS_MOST), legs = 0;
    bool plan = p->verb == VERB_PLAN && n > 1;
    AUTO_STR instead = str_fmt("the plan A-%lld asks for it now", (long long)p->id);
    if (p->verb == VERB_PLAN)
        saga_call_off(e, r, SM_BIT(VERB_HOLD) | SM_BIT(VERB_EXTEND), instead);
    for (size_t i = 0; i < n; i++) {
        if (part_by_hand(e, r, p, &parts[i], n == 1))
            continue;
        json_t *own = json_copy((json_t *)(uintptr_t)args);
        if (n > 1)
            json_put_new(own, "invoices", saga_invoices_of(r, p->terms, &parts[i]));
        if (plan)
            json_put_i64(own, "until_ms", plan_end_ms(p));
        leg(e, r, p, plan ? "hold" : verb_op(p->verb), &parts[i], own, i);
        legs++;
    }
    say_tasks(e, r, p);
    if (legs == 0 && by_hand_open(p, NULL) == 0) { /* each of them was needless */
        json_auto_t *result = json_pack("{s:s, s:b}", "mode", "by hand", "needless", 1);
        proposal_end(e, r, p, result);
    }
}

/* ---- the end ---- */

static void extend(json_t *to, const char *list, const json_t *result)
{
    const json_t *more = json_object_get(result, list);
    if (!json_is_array(more))
        return;
    if (!json_object_get(to, list))
        json_put_new(to, list, json_array());
    json_array_extend(json_object_get(to, list), (json_t *)(uintptr_t)more);
}

/* What was found before, with whose invoice it is: by then it may be paid, and no reading knows it any more. */
static void prior_add(json_t *to, const json_t *result, const char *biller, const char *customer)
{
    const char *invoice;
    json_t *found, *prior = json_object_get(to, "prior");
    prior = prior ? json_copy(prior) : json_object(); /* what was there may be borrowed */
    json_put_new(to, "prior", prior);
    json_object_foreach(json_object_get(result, "prior"), invoice, found) {
        json_t *kept = json_is_object(found) ? json_copy(found) : json_object();
        json_put(kept, "biller", biller);
        json_put(kept, "customer", customer);
        json_object_set_new(prior, invoice, kept);
    }
}

static void id_add(json_t *to, const json_t *result)
{
    const char *id = json_str(result, "id", ""), *before = json_str(to, "id", "");
    if (id[0]) {
        AUTO_STR both = str_fmt("%s%s%s", before, before[0] ? ", " : "", id);
        json_put(to, "id", both);
    }
}

/* A part that was tried again has several effects, one after the other. */
#define NEWEST "NOT EXISTS (SELECT 1 FROM effects AS later WHERE later.proposal_id = part.proposal_id AND later.lane = part.lane AND later.id > part.id)"

/* All parts' answers as one; `refused` gets what was not done, "" when all was that has ended. */
static json_t *together(struct engine *e, const struct proposal *p, struct buf *refused)
{
    json_t *all = json_object();
    size_t effects = 0;
    struct query *q = store_query(e->store, "SELECT driver, args, state, result, reason FROM effects AS part WHERE proposal_id = ?1 AND proposal_id > 0 AND " NEWEST " ORDER BY id", "i", p->id);
    for (; query_next(q); effects++) {
        AUTO_JSON args = query_json(q, 1);
        AUTO_JSON result = query_json(q, 3);
        const char *why = query_text(q, 4);
        extend(all, "held", result);
        extend(all, "released", result);
        prior_add(all, result, query_text(q, 0), json_str(args, "customer", ""));
        id_add(all, result);
        if (query_i64(q, 2) != EFFECT_DONE)
            buf_addf(refused, "%s%s: %s", refused->n ? "; " : "", query_text(q, 0), why[0] ? why : "not begun");
    }
    by_hand_result(p, p->verb == VERB_RELEASE ? "released" : "held", all, refused);
    json_put(all, "mode", effects ? "held_by_dunwell" : "by hand");
    return all;
}

static bool is_out(struct engine *e, const struct proposal *p)
{
    return store_i64(e->store, 0, "SELECT count(*) FROM effects WHERE proposal_id = ?1 AND proposal_id > 0 AND is_live = 1", "i", p->id) > 0;
}

/* What is done is in force from now on, with an owner and an end, whoever does the rest. */
static void in_force(struct engine *e, struct recovery *r, struct proposal *p, const json_t *done)
{
    if (p->verb == VERB_PLAN) {
        struct hold *h = hold_of_case(e, r->id);
        int64_t end = task_until_ms(p);
        AUTO_STR why = str_fmt("payment plan A-%lld begins when all of it is quiet", (long long)p->id);
        json_auto_t *terms = hold_terms(r, end, end - MS_DAY, "resume", why);
        json_put_new(terms, "keeps_end", json_true());
        json_put_new(terms, "joins", json_true());
        if (!hold_counts(h))
            json_put_new(p->terms, "own_hold", json_true());
        hold_confirmed(e, r, h ? h->id : 0, terms, done);
        hold_free(h);
    } else if (p->verb != VERB_RELEASE) {
        hold_confirmed(e, r, json_i64(p->terms, "hold", 0), p->terms, done);
        json_put_new(p->terms, "keeps_end", json_true()); /* what is ticked off later moves nothing */
    }
}

static void waits(struct engine *e, struct recovery *r, struct proposal *p, const json_t *done)
{
    AUTO_BUF words = BUF(4096);
    bool begun = json_array_size(json_at(done, "held")) > 0 || json_array_size(json_at(done, "released")) > 0;
    if (json_array_size(json_at(done, "held")) > 0)
        in_force(e, r, p, done);
    by_hand_words(&words, p);
    free(p->outcome);
    p->outcome = str_dup(buf_text(&words));
    proposal_move(e, r, p, &POLICY, begun || p->state == PROPOSAL_UNKNOWN ? PROPOSAL_EXECUTING : p->state, done, "%s", p->outcome);
}

/* A release has to come about some day, so what a person has done of it stays done, and what they have not is not asked for anew,
 * however often the machine's part of it has to be tried. */
static void again_later(struct engine *e, struct recovery *r, struct proposal *p, const json_t *done, const char *refused)
{
    int64_t hold = json_i64(p->terms, "hold", 0);
    AUTO_BUF words = BUF(4096);
    bool open = by_hand_words(&words, p);
    free(p->outcome);
    p->outcome = str_fmt("%s%s%s, asked again within the hour", buf_text(&words), open ? ". Besides, " : "", refused);
    proposal_move(e, r, p, &POLICY, PROPOSAL_EXECUTING, done, "%s", p->outcome);
    hold_release_later(e, r, hold);
    release_goes_on(e, r, refused);
}

/* Has it ended, or for whom does it wait? */
void saga_look(struct engine *e, struct recovery *r, struct proposal *p)
{
    AUTO_BUF refused = BUF(2048);
    if (is_out(e, p))
        return;
    json_auto_t *all = together(e, p, &refused);
    if (refused.n && by_hand_counts(p) && p->verb == VERB_RELEASE) {
        again_later(e, r, p, all, buf_text(&refused));
        return;
    }
    if (refused.n && by_hand_open(p, NULL)) {
        by_hand_off(p, "not needed any more, another part failed", false);
        proposal_move(e, r, p, &POLICY, p->state, NULL, "nothing has to be done by hand any more: %s", buf_text(&refused));
    }
    if (refused.n)
        proposal_failed(e, p->id, buf_text(&refused), all);
    else if (by_hand_open(p, NULL))
        waits(e, r, p, all);
    else
        proposal_confirmed(e, p->id, all);
}

static void part_ended(struct engine *e, struct recovery *r, struct proposal *p, const struct leg_end *end)
{
    char seal[65];
    AUTO_STR ref = str_fmt("A-%lld", (long long)p->id);
    json_auto_t *detail = json_pack("{s:O?}", "result", end->result);
    if (seal_of(e->store, ref, seal)) /* what billing answered is part of what is sealed */
        json_put(detail, "seal", seal);
    journal_add(e, &(struct actor){.name = end->biller}, end->done ? "part.confirmed" : "part.failed", r->id, r->account, ref, detail, "The part of %s at %s %s%s",
                ref, end->biller, end->done ? "is confirmed" : "failed: ", end->done ? "" : end->reason);
    saga_look(e, r, p);
}

void saga_leg_ended(struct engine *e, int64_t proposal_id, const struct leg_end *end)
{
    struct proposal *p = proposal_load(e, proposal_id);
    struct recovery *r = p ? recovery_load(e, p->case_id) : NULL;
    struct billed all[BILLERS_MOST];
    json_auto_t *result = end->result ? json_copy((json_t *)(uintptr_t)end->result) : NULL;
    bool elsewhere = r && recovery_billed(e, r, all) > 1;
    bool parts = r && !verb_has_parts(p->verb) &&
                 (by_hand_has(p) || store_i64(e->store, 0, "SELECT count(*) FROM effects WHERE proposal_id = ?1 AND proposal_id > 0", "i", proposal_id) > 1);
    if (elsewhere && !parts && json_object_get(result, "prior"))
        prior_add(result, end->result, end->biller, end->customer);
    if (parts)
        part_ended(e, r, p, end);
    else if (end->done)
        proposal_confirmed(e, proposal_id, result);
    else
        proposal_failed(e, proposal_id, end->reason, result);
    recovery_free(r);
    proposal_free(p);
}

static void run_again(struct engine *e, const struct recovery *r, int64_t proposal_id)
{
    struct {
        char *lane, *driver;
        json_t *args;
        int64_t id;
    } rows[BILLERS_MOST];
    size_t n = 0;
    struct query *q = store_query(e->store, "SELECT lane, driver, args, id FROM effects AS part WHERE proposal_id = ?1 AND proposal_id > 0 AND state <> ?2 AND " NEWEST " LIMIT ?3", "iii",
                                  proposal_id, SM_ID(EFFECT_DONE), (int64_t)BILLERS_MOST);
    for (; query_next(q); n++) {
        rows[n].lane = str_dup(query_text(q, 0));
        rows[n].driver = str_dup(query_text(q, 1));
        rows[n].args = query_json(q, 2);
        rows[n].id = query_i64(q, 3);
    }
    for (size_t i = 0; i < n; i++) {
        AUTO_STR key = str_fmt("dunwell-p%lld-again-%lld", (long long)proposal_id, (long long)rows[i].id);
        effect_add(e, &(struct effect_spec){.lane = rows[i].lane, .driver = rows[i].driver, .op = verb_op(VERB_RELEASE), .key = key, .take_args = rows[i].args, .case_id = r->id,
                                            .proposal_id = proposal_id, .purpose = "proposal"});
        free(rows[i].lane);
        free(rows[i].driver);
    }
}

bool saga_release_again(struct engine *e, const struct recovery *r, int64_t hold_id)
{
    int64_t ids[64];
    bool found = false;
    size_t n = proposal_live(e, r->id, ids, DW_ARRAY_LEN(ids));
    for (size_t i = 0; i < n; i++) {
        struct proposal *p = proposal_load(e, ids[i]);
        bool of_it = p && p->verb == VERB_RELEASE && json_i64(p->terms, "hold", 0) == hold_id;
        if (of_it && !is_out(e, p))
            run_again(e, r, p->id);
        found = found || of_it;
        proposal_free(p);
    }
    return found;
}

bool saga_done_places(struct buf *out, const struct engine *e, const struct proposal *p)
{
    size_t n = 0;
    struct query *q = store_query(e->store, "SELECT DISTINCT driver FROM effects WHERE proposal_id = ?1 AND proposal_id > 0 AND state = ?2 ORDER BY driver", "ii", p->id, SM_ID(EFFECT_DONE));
    for (; query_next(q); n++)
        buf_addf(out, "%s%s", n ? " and " : "", query_text(q, 0));
    return n > 0;
}

/* ---- called off ---- */

static void call_off(struct engine *e, struct recovery *r, struct proposal *p, const char *why)
{
    AUTO_BUF refused = BUF(2048);
    bool release = p->verb == VERB_RELEASE;
    if (is_out(e, p)) { /* what comes back later is put back then */
        by_hand_off(p, why, !release);
        proposal_move(e, r, p, &POLICY, p->state, NULL, "nothing has to be done by hand any more: %s", why);
        return;
    }
    by_hand_off(p, why, false);
    json_auto_t *all = together(e, p, &refused);
    free(p->outcome);
    p->outcome = str_dup(why);
    if (release && refused.n) { /* what nobody has to do any more is not asked for again; the rest is */
        proposal_move(e, r, p, &POLICY, p->state, NULL, "nothing has to be done by hand any more: %s", why);
        proposal_failed(e, p->id, buf_text(&refused), all);
        return;
    }
    if (release) {
        proposal_end(e, r, p, all);
        return;
    }
    proposal_move(e, r, p, &POLICY, PROPOSAL_WITHDRAWN, all, "%s", why);
    struct hold *h = hold_of_case(e, r->id);
    if (json_array_size(json_at(all, "held")) > 0 && !(h && h->state == HOLD_ACTIVE && json_has_all(h->invoices, json_at(all, "held"))))
        hold_partly(e, r, h ? h->id : 0, why, all);
    else if (p->verb == VERB_HOLD)
        hold_failed(e, r, json_i64(p->terms, "hold", 0), why); /* unless it is in force without this part */
    hold_free(h);
}

void saga_call_off(struct engine *e, struct recovery *r, unsigned verbs, const char *why)
{
    int64_t ids[64];
    size_t n = proposal_live(e, r->id, ids, DW_ARRAY_LEN(ids));
    for (size_t i = 0; i < n; i++) {
        struct proposal *p = proposal_load(e, ids[i]);
        bool begun = p && (p->state == PROPOSAL_QUEUED || p->state == PROPOSAL_EXECUTING || p->state == PROPOSAL_UNKNOWN);
        bool stuck = begun && p->state != PROPOSAL_QUEUED && !is_out(e, p);
        if (begun && (verbs & SM_BIT(p->verb)) && (stuck || by_hand_open(p, NULL)))
            call_off(e, r, p, why);
        proposal_free(p);
    }
}

bool saga_waits_for_hands(struct engine *e, int64_t case_id, enum verb verb)
{
    int64_t id = store_i64(e->store, 0, "SELECT id FROM proposals WHERE case_id = ?1 AND is_live = 1 AND verb = ?2 AND state IN (?3, ?4) ORDER BY id DESC LIMIT 1", "iiii", case_id,
                           SM_ID(verb), SM_ID(PROPOSAL_QUEUED), SM_ID(PROPOSAL_EXECUTING));
    struct proposal *p = id ? proposal_load(e, id) : NULL;
    bool waits = p && by_hand_open(p, NULL) && !is_out(e, p);
    proposal_free(p);
    return waits;
}

json_t *saga_awaited(struct engine *e, int64_t case_id)
{
    json_t *ids = json_array();
    struct query *q = store_query(e->store, "SELECT terms FROM proposals WHERE case_id = ?1 AND is_live = 1 AND verb IN (?2, ?3, ?4) AND state IN (?5, ?6, ?7)", "iiiiiii", case_id,
                                  SM_ID(VERB_HOLD), SM_ID(VERB_EXTEND), SM_ID(VERB_PLAN), SM_ID(PROPOSAL_QUEUED), SM_ID(PROPOSAL_EXECUTING), SM_ID(PROPOSAL_UNKNOWN));
    while (query_next(q)) {
        AUTO_JSON terms = query_json(q, 0);
        size_t i;
        json_t *task;
        json_array_foreach(json_at(terms, "tasks"), i, task)
            if (str_eq(json_str(task, "state", ""), "open"))
                json_array_extend(ids, json_object_get(task, "invoices"));
    }
    return ids;
}
