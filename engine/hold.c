/* Holds: the contract "we are quiet until then, this person answers for it, and afterwards this happens". The row is written
 * before billing is asked; it counts as active only after billing was read back. */
#include "engine/hold.h"

#include <stdio.h>
#include <string.h>

#include "engine/journal.h"
#include "engine/proposal.h"
#include "engine/saga.h"
#include "engine/sm.h"
#include "engine/timer.h"
#include "engine/when.h"

static const struct sm_state states[] = {
    [HOLD_STARTING] = {"starting", SM_BIT(HOLD_ACTIVE) | SM_BIT(HOLD_FAILED) | SM_BIT(HOLD_RELEASED)},
    [HOLD_ACTIVE] = {"active", SM_BIT(HOLD_RELEASING)},
    [HOLD_RELEASING] = {"releasing", SM_BIT(HOLD_RELEASED)},
    [HOLD_RELEASED] = {"released", 0},
    [HOLD_FAILED] = {"failed", 0},
};

static const struct actor TIMER = {.name = "policy"};

const char *hold_state_name(enum hold_state s)
{
    return states[s].name;
}

static struct hold *row_read(struct query *q)
{
    if (!query_next(q))
        return NULL;
    struct hold *h = mem_alloc(sizeof *h);
    *h = (struct hold){.id = query_i64(q, 0), .case_id = query_i64(q, 1), .state = (enum hold_state)query_i64(q, 2),
                       .reason = str_dup(query_text(q, 3)), .owner = str_dup(query_text(q, 4)), .at_end = str_dup(query_text(q, 5)),
                       .start_ms = query_i64(q, 6), .end_ms = query_i64(q, 7), .ask_ms = query_i64(q, 8), .invoices = query_json(q, 9),
                       .prior = query_json(q, 10)};
    query_end(q);
    return h;
}

#define COLUMNS "id, case_id, state, reason, owner, at_end, start_ms, end_ms, ask_ms, invoices, prior"

struct hold *hold_load(struct engine *e, int64_t id)
{
    return row_read(store_query(e->store, "SELECT " COLUMNS " FROM holds WHERE id = ?1", "i", id));
}

struct hold *hold_of_case(struct engine *e, int64_t case_id)
{
    return row_read(store_query(e->store, "SELECT " COLUMNS " FROM holds WHERE case_id = ?1 AND is_live = 1 ORDER BY id DESC LIMIT 1", "i", case_id));
}

void hold_free(struct hold *h)
{
    if (!h)
        return;
    free(h->reason);
    free(h->owner);
    free(h->at_end);
    json_decref(h->invoices);
    json_decref(h->prior);
    free(h);
}

static void hold_move(struct engine *e, const struct recovery *r, struct hold *h, enum hold_state to, const char *text)
{
    assert(sm_allows(states, h->state, to));
    h->state = to;
    AUTO_STR ref = str_fmt("H-%lld", (long long)h->id);
    AUTO_STR verb = str_fmt("hold.%s", states[to].name);
    json_auto_t *detail = json_pack("{s:O, s:O, s:I, s:s, s:s}", "invoices", h->invoices, "prior", h->prior, "end_ms", (json_int_t)h->end_ms,
                                    "owner", h->owner, "at_end", h->at_end);
    store_run(e->store, "UPDATE holds SET state = ?2, is_live = ?3, invoices = ?4, prior = ?5, end_ms = ?6, ask_ms = ?7, at_end = ?8, reason = ?9 WHERE id = ?1",
              "iiijjiitt", h->id, SM_ID(to), SM_ID(to != HOLD_RELEASED && to != HOLD_FAILED), h->invoices, h->prior, h->end_ms, h->ask_ms,
              h->at_end, h->reason);
    journal_add(e, &TIMER, verb, r->id, r->account, ref, detail, "%s", text);
    engine_dirty(e, r->id);
}

bool hold_counts(const struct hold *h)
{
    return h && (h->state == HOLD_STARTING || h->state == HOLD_ACTIVE);
}

/* A hold that is still being released leaves us what it found: that is what must be put back in the end. */
int64_t hold_start(struct engine *e, const struct recovery *r, const json_t *terms)
{
    struct hold *before = hold_of_case(e, r->id);
    json_auto_t *prior = before ? json_incref(before->prior) : json_object();
    hold_free(before);
    store_run(e->store,
              "INSERT INTO holds (case_id, state, is_live, reason, owner, at_end, start_ms, end_ms, ask_ms, invoices, prior) VALUES "
              "(?1,0,1,?2,?3,?4,?5,?6,?7,?8,?9)",
              "itttiiijj", r->id, json_str(terms, "reason", ""), r->owner[0] ? r->owner : "collections", json_str(terms, "at_end", "resume"), e->now_ms,
              json_i64(terms, "end_ms", 0), json_i64(terms, "ask_ms", 0), json_at(terms, "invoices"), prior);
    return store_last_id(e->store);
}

static void timers_set(struct engine *e, const struct hold *h)
{
    timer_cancel(e, "hold_ask", h->case_id, h->id);
    timer_cancel(e, "hold_end", h->case_id, h->id);
    if (h->ask_ms < h->end_ms)
        timer_add(e, "hold_ask", h->case_id, h->id, h->ask_ms > e->now_ms ? h->ask_ms : e->now_ms);
    timer_add(e, "hold_end", h->case_id, h->id, h->end_ms);
}

/* What was so before the first hold stays what is put back, however often the hold is renewed; what is under this hold already
 * was quietened by us, and how it is now says nothing about before. */
static void prior_merge(struct hold *h, const json_t *result)
{
    const char *id;
    json_t *before;
    json_object_foreach(json_at(result, "prior"), id, before)
        if (!json_object_get(h->prior, id) && (h->state == HOLD_STARTING || !json_has_text(h->invoices, id)))
            json_object_set(h->prior, id, before);
}

/* Those of `ids` that are not among `others`. New. */
static json_t *ids_without(const json_t *ids, const json_t *others)
{
    json_t *left = json_array(), *id;
    size_t i;
    json_array_foreach(ids, i, id)
        if (json_is_string(id) && !json_has_text(others, json_string_value(id)))
            json_array_append(left, id);
    return left;
}

static void invoices_merge(struct hold *h, const json_t *held)
{
    json_auto_t *more = ids_without(held, h->invoices);
    json_t *all = json_copy(h->invoices);
    json_array_extend(all, more);
    json_decref(h->invoices);
    h->invoices = all;
}

static void in_force(struct engine *e, struct recovery *r, struct hold *h, const json_t *terms, const json_t *result)
{
    char until[WHEN_TEXT_SIZE];
    bool moves = h->state == HOLD_ACTIVE && !json_flag(terms, "keeps_end", false); /* of one that starts, the row knows best */
    bool by_hand = str_eq(json_str(result, "mode", ""), "by hand");
    json_t *held = json_at(result, "held") ? json_at(result, "held") : json_at(terms, "invoices");
    if (h->state == HOLD_ACTIVE && json_flag(terms, "joins", false)) {
        invoices_merge(h, held);
    } else {
        json_decref(h->invoices);
        h->invoices = json_incref(held);
    }
    if (moves) {
        h->end_ms = json_i64(terms, "end_ms", h->end_ms);
        h->ask_ms = json_i64(terms, "ask_ms", h->ask_ms);
        char *reason = str_dup(json_str(terms, "reason", h->reason));
        free(h->reason);
        h->reason = reason;
    }
    AUTO_STR text = str_fmt("Notices and retries are stopped until %s, %s", when_text(until, h->end_ms, NULL), by_hand ? "by hand" : "read back");
    hold_move(e, r, h, HOLD_ACTIVE, text);
    timers_set(e, h);
}

/* The row to answer for what billing holds, whatever became of the one that it was asked for. */
static struct hold *row_for(struct engine *e, const struct recovery *r, int64_t id, const json_t *terms)
{
    struct hold *h = hold_load(e, id);
    if (h && h->state != HOLD_RELEASED && h->state != HOLD_FAILED)
        return h;
    hold_free(h);
    return hold_load(e, hold_start(e, r, terms));
}

static void release_ask(struct engine *e, struct recovery *r, const struct hold *h, json_t *take_invoices, const char *why)
{
    json_t *terms = json_object();
    json_put_i64(terms, "hold", h->id);
    json_put_new(terms, "invoices", take_invoices);
    json_put_new(terms, "prior", json_incref(h->prior));
    proposal_auto(e, r, VERB_RELEASE, terms, why);
}

/* Billing held it while a release was already on its way, which does not name what is new here: that is released at once too, for the
 * other may wait for somebody's hand. */
static void held_late(struct engine *e, struct recovery *r, struct hold *h, const json_t *held)
{
    json_t *more = ids_without(held, h->invoices);
    json_array_extend(h->invoices, more);
    hold_move(e, r, h, HOLD_RELEASING, "Billing was still holding while the release was on its way; all of it is released");
    if (json_array_size(more))
        release_ask(e, r, h, more, "billing held more while the release was on its way");
    else
        json_decref(more);
}

void hold_confirmed(struct engine *e, struct recovery *r, int64_t id, const json_t *terms, const json_t *result)
{
    struct hold *h = row_for(e, r, id, terms);
    if (!h)
        return;
    prior_merge(h, result);
    if (hold_counts(h))
        in_force(e, r, h, terms, result);
    else
        held_late(e, r, h, json_at(result, "held"));
    hold_free(h);
    if (r->state == RECOVERY_CLOSED)
        hold_release(e, r, "the case was closed meanwhile");
}

void hold_failed(struct engine *e, struct recovery *r, int64_t id, const char *why)
{
    struct hold *h = hold_load(e, id);
    if (h && h->state == HOLD_STARTING) {
        AUTO_STR text = str_fmt("The hold did not come about: %s. Notices and retries go on", why);
        hold_move(e, r, h, HOLD_FAILED, text);
    }
    hold_free(h);
}

void hold_partly(struct engine *e, struct recovery *r, int64_t id, const char *why, const json_t *result)
{
    json_auto_t *terms = hold_terms(r, e->now_ms + MS_HOUR, e->now_ms + MS_HOUR, "resume", why);
    json_put_new(terms, "invoices", json_array());
    struct hold *h = row_for(e, r, id, terms);
    if (!h)
        return;
    bool was_in_force = h->state != HOLD_STARTING;
    prior_merge(h, result);
    if (was_in_force) {
        invoices_merge(h, json_at(result, "held"));
    } else {
        json_decref(h->invoices);
        h->invoices = json_incref(json_at(result, "held"));
    }
    AUTO_STR text = str_fmt("Billing held some of the invoices before it refused (%s); %s", why,
                            was_in_force ? "they belong to this hold" : "they are released again");
    hold_move(e, r, h, was_in_force ? h->state : HOLD_ACTIVE, text);
    hold_free(h);
    if (!was_in_force)
        hold_release(e, r, "the hold came about only in part");
}

void hold_set_end(struct engine *e, struct recovery *r, struct hold *h, int64_t end_ms, const char *at_end, const char *reason)
{
    assert(hold_counts(h));
    char until[WHEN_TEXT_SIZE];
    int64_t lead = h->end_ms - h->ask_ms;
    h->end_ms = end_ms;
    h->ask_ms = end_ms - (lead > 0 ? lead : MS_DAY);
    free(h->at_end);
    free(h->reason);
    h->at_end = str_dup(at_end);
    h->reason = str_dup(reason);
    AUTO_STR text = str_fmt("The hold now ends on %s: %s", when_text(until, end_ms, NULL), reason);
    hold_move(e, r, h, h->state, text);
    timers_set(e, h);
}

void hold_until(struct engine *e, struct recovery *r, int64_t end_ms, int64_t ask_ms, const char *at_end, const char *reason)
{
    struct hold *h = hold_of_case(e, r->id);
    if (hold_counts(h))
        hold_set_end(e, r, h, end_ms, at_end, reason);
    else
        proposal_auto(e, r, VERB_HOLD, hold_terms(r, end_ms, ask_ms, at_end, reason), reason);
    hold_free(h);
}

void hold_release(struct engine *e, struct recovery *r, const char *why)
{
    saga_call_off(e, r, SM_BIT(VERB_HOLD) | SM_BIT(VERB_EXTEND), why);
    struct hold *h = hold_of_case(e, r->id);
    if (h && h->state == HOLD_ACTIVE) {
        timer_cancel(e, "hold_ask", h->case_id, h->id);
        timer_cancel(e, "hold_end", h->case_id, h->id);
    }
    if (h && h->state == HOLD_ACTIVE && e->shadow) {
        timer_add(e, "hold_end", h->case_id, h->id, e->now_ms + MS_HOUR); /* from a time when we were live: it ends when we are again */
    } else if (h && h->state == HOLD_ACTIVE) {
        hold_move(e, r, h, HOLD_RELEASING, "Billing is asked to resume notices and retries");
        release_ask(e, r, h, json_incref(h->invoices), why);
    } else if (h && h->state == HOLD_STARTING) {
        int64_t running = store_i64(e->store, 0, "SELECT count(*) FROM proposals WHERE case_id = ?1 AND verb = ?2 AND is_live = 1 AND state <> ?3", "iii",
                                    r->id, SM_ID(VERB_HOLD), SM_ID(PROPOSAL_ASKED));
        if (!running)
            hold_move(e, r, h, HOLD_RELEASED, "The hold was withdrawn before billing was asked");
    }
    hold_free(h);
}

void hold_release_later(struct engine *e, const struct recovery *r, int64_t id)
{
    timer_cancel(e, "release", r->id, id);
    timer_add(e, "release", r->id, id, e->now_ms + MS_HOUR);
}

/* What no release under way names. New. */
static json_t *not_asked(struct engine *e, const struct hold *h)
{
    json_t *left = json_incref(h->invoices);
    struct query *q = store_query(e->store, "SELECT terms FROM proposals WHERE case_id = ?1 AND verb = ?2 AND is_live = 1", "ii", h->case_id, SM_ID(VERB_RELEASE));
    while (query_next(q)) {
        AUTO_JSON terms = query_json(q, 0);
        if (json_i64(terms, "hold", 0) != h->id)
            continue;
        json_t *fewer = ids_without(left, json_at(terms, "invoices"));
        json_decref(left);
        left = fewer;
    }
    return left;
}

static void rest_ask(struct engine *e, struct recovery *r, const struct hold *h, bool even_nothing, const char *why)
{
    json_t *rest = not_asked(e, h);
    if (even_nothing || json_array_size(rest))
        release_ask(e, r, h, rest, why);
    else
        json_decref(rest);
}

/* A newer hold took what this one found with it, so there is nothing left for this one to put back. A release that waits for a hand stands
 * in the way of no other. */
void hold_release_again(struct engine *e, struct recovery *r, int64_t id)
{
    struct hold *h = hold_load(e, id), *newest = hold_of_case(e, r->id);
    if (h && h->state == HOLD_RELEASING && hold_counts(newest)) {
        hold_move(e, r, h, HOLD_RELEASED, "A newer hold has taken its place");
        saga_call_off(e, r, SM_BIT(VERB_RELEASE), "a newer hold has taken its place");
        AUTO_STR next = str_fmt("Notices and retries resume by themselves on {ms:%lld} unless somebody decides before", (long long)newest->end_ms);
        if (r->state == RECOVERY_HELD)
            recovery_move(e, r, &TIMER, RECOVERY_HELD, next, newest->end_ms);
    } else if (h && h->state == HOLD_RELEASING) {
        bool under_way = saga_release_again(e, r, id);
        rest_ask(e, r, h, !under_way, "the release failed before and is tried again");
    }
    hold_free(newest);
    hold_free(h);
}

static void released_in_part(struct engine *e, struct recovery *r, struct hold *h, json_t *take_left)
{
    json_decref(h->invoices);
    h->invoices = take_left;
    hold_move(e, r, h, HOLD_RELEASING, "Some of it is released; the rest follows");
    rest_ask(e, r, h, false, "billing held more while the release was on its way");
}

void hold_released(struct engine *e, struct recovery *r, int64_t id, const json_t *terms)
{
    struct hold *h = hold_load(e, id);
    if (h && h->state == HOLD_RELEASING) {
        json_t *left = ids_without(h->invoices, json_at(terms, "invoices"));
        if (json_array_size(left)) {
            released_in_part(e, r, h, left);
        } else {
            json_decref(left);
            hold_move(e, r, h, HOLD_RELEASED, "Notices and retries run again as before, read back");
        }
    }
    hold_free(h);
}
