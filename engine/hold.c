/* Holds: the contract "we are quiet until then, this person answers for it, and afterwards this happens". The row is written
 * before billing is asked; it counts as active only after billing was read back. */
#include "engine/hold.h"

#include <stdio.h>
#include <string.h>

#include "engine/journal.h"
#include "engine/proposal.h"
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

int64_t hold_start(struct engine *e, const struct recovery *r, const json_t *terms)
{
    store_run(e->store,
              "INSERT INTO holds (case_id, state, is_live, reason, owner, at_end, start_ms, end_ms, ask_ms, invoices, prior) VALUES "
              "(?1,0,1,?2,?3,?4,?5,?6,?7,?8,'{}')",
              "itttiiij", r->id, json_str(terms, "reason", ""), r->owner[0] ? r->owner : "collections", json_str(terms, "at_end", "resume"), e->now_ms,
              json_i64(terms, "end_ms", 0), json_i64(terms, "ask_ms", 0), json_at(terms, "invoices"));
    return store_last_id(e->store);
}

static void timers_set(struct engine *e, const struct hold *h)
{
    timer_cancel(e, "hold_ask", h->id);
    timer_cancel(e, "hold_end", h->id);
    if (h->ask_ms < h->end_ms)
        timer_add(e, "hold_ask", h->case_id, h->id, h->ask_ms > e->now_ms ? h->ask_ms : e->now_ms);
    timer_add(e, "hold_end", h->case_id, h->id, h->end_ms);
}

/* What was so before the first hold stays what is put back, however often the hold is renewed. */
static void prior_merge(struct hold *h, const json_t *result)
{
    const char *id;
    json_t *before;
    json_object_foreach(json_at(result, "prior"), id, before)
        if (!json_object_get(h->prior, id))
            json_object_set(h->prior, id, before);
}

void hold_confirmed(struct engine *e, struct recovery *r, int64_t id, const json_t *terms, const json_t *result)
{
    struct hold *h = hold_load(e, id);
    if (!h)
        return;
    char until[WHEN_TEXT_SIZE];
    prior_merge(h, result);
    json_decref(h->invoices);
    h->invoices = json_incref(json_at(result, "held") ? json_at(result, "held") : json_at(terms, "invoices"));
    if (h->state == HOLD_STARTING || h->state == HOLD_ACTIVE) {
        h->end_ms = json_i64(terms, "end_ms", h->end_ms);
        h->ask_ms = json_i64(terms, "ask_ms", h->ask_ms);
        const char *reason = json_str(terms, "reason", h->reason);
        if (reason != h->reason) {
            free(h->reason);
            h->reason = str_dup(reason);
        }
        AUTO_STR text = str_fmt("Notices and retries are stopped until %s, read back", when_text(until, h->end_ms, NULL));
        hold_move(e, r, h, HOLD_ACTIVE, text);
        timers_set(e, h);
    }
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

void hold_set_end(struct engine *e, struct recovery *r, struct hold *h, int64_t end_ms, const char *at_end, const char *reason)
{
    if (h->state != HOLD_STARTING && h->state != HOLD_ACTIVE)
        return;
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

void hold_release(struct engine *e, struct recovery *r, const char *why)
{
    struct hold *h = hold_of_case(e, r->id);
    if (h && h->state == HOLD_ACTIVE) {
        timer_cancel(e, "hold_ask", h->id);
        timer_cancel(e, "hold_end", h->id);
        hold_move(e, r, h, HOLD_RELEASING, "Billing is asked to resume notices and retries");
        json_t *terms = json_object();
        json_put_i64(terms, "hold", h->id);
        json_put_new(terms, "invoices", json_incref(h->invoices));
        json_put_new(terms, "prior", json_incref(h->prior));
        proposal_auto(e, r, VERB_RELEASE, terms, why);
    } else if (h && h->state == HOLD_STARTING) {
        int64_t running = store_i64(e->store, 0, "SELECT count(*) FROM proposals WHERE case_id = ?1 AND verb = ?2 AND is_live = 1 AND state <> ?3", "iii",
                                    r->id, SM_ID(VERB_HOLD), SM_ID(PROPOSAL_ASKED));
        if (!running)
            hold_move(e, r, h, HOLD_RELEASED, "The hold was withdrawn before billing was asked");
    }
    hold_free(h);
}

void hold_released(struct engine *e, struct recovery *r, int64_t id)
{
    struct hold *h = hold_load(e, id);
    if (h && h->state == HOLD_RELEASING)
        hold_move(e, r, h, HOLD_RELEASED, "Notices and retries run again as before, read back");
    hold_free(h);
}
