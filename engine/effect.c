/* The outbox.
 *
 * A lane is a queue: only its oldest live effect may run. An effect runs by being stepped: its driver says what to send, the
 * stage is stored in this turn, the request leaves after the commit, and the answer comes back into a later turn. So a crash
 * at any point finds either an effect that never left, or one whose stage says what may have left; that one is stepped as
 * LOST, and a driver that was about to change something looks first. Whoever waits for the end (a proposal, the facts of a
 * case, a card) is told in the same transaction that stores it.
 *
 * One kind never ends: the poll of a chat without a socket. What people did comes with its answer and is handled in the
 * transaction that stores from where to go on; after a crash it goes on from there, and nothing is lost or done twice. */
#include "engine/effect.h"

#include <string.h>

#include "engine/billing_note.h"
#include "engine/catch_up.h"
#include "engine/inbox.h"
#include "engine/journal.h"
#include "engine/link_mail.h"
#include "engine/proposal.h"
#include "engine/readings.h"
#include "engine/saga.h"
#include "engine/session.h"
#include "engine/when.h"

enum { OUT_MOST = 512, CANCEL_AT_ONCE = 64 };
enum wrote { WROTE_NOTHING, WROTE_OUT /* the first write is out */, WROTE_PERHAPS /* one may have been done, or was */ };
#define GIVE_UP_MS MS_DAY
#define POLL_PAUSE_MS MS_MINUTE /* after a refusal: a wrong password is not tried again and again */

struct effect {
    int64_t id, case_id, proposal_id, attempts, deadline_ms, created_ms;
    enum effect_state state;
    enum wrote wrote;
    char *driver, *op, *key, *purpose;
    json_t *args, *stage;
};

/* What waits is another from now on: it is asked anew when somebody wants to know. */
static void changed(struct engine *e)
{
    e->memo.due_known = e->memo.effects_known = false;
}

static void effect_fini(struct effect *f)
{
    free(f->driver);
    free(f->op);
    free(f->key);
    free(f->purpose);
    json_decref(f->args);
    json_decref(f->stage);
}

static bool effect_load(struct engine *e, int64_t id, struct effect *f)
{
    struct query *q = store_query(e->store,
                                  "SELECT id, case_id, proposal_id, attempts, deadline_ms, state, driver, op, dedupe, purpose, args, "
                                  "stage, created_ms, wrote FROM effects WHERE id = ?1 AND is_live = 1",
                                  "i", id);
    if (!query_next(q))
        return false;
    *f = (struct effect){.id = query_i64(q, 0), .case_id = query_i64(q, 1), .proposal_id = query_i64(q, 2),
                         .attempts = query_i64(q, 3), .deadline_ms = query_i64(q, 4), .state = (enum effect_state)query_i64(q, 5),
                         .driver = str_dup(query_text(q, 6)), .op = str_dup(query_text(q, 7)), .key = str_dup(query_text(q, 8)),
                         .purpose = str_dup(query_text(q, 9)), .args = query_json(q, 10), .stage = query_json(q, 11),
                         .created_ms = query_i64(q, 12), .wrote = (enum wrote)query_i64(q, 13)};
    query_end(q);
    return true;
}

#define IS_FIRST "CASE WHEN EXISTS (SELECT 1 FROM effects AS ahead WHERE ahead.lane = ?1 AND ahead.is_live = 1) THEN 0 ELSE 1 END"

int64_t effect_add(struct engine *e, const struct effect_spec *spec)
{
    AUTO_JSON args = spec->take_args ? spec->take_args : json_object();
    changed(e);
    int64_t added = store_run(e->store,
                              "INSERT INTO effects (lane, driver, op, dedupe, state, is_live, is_head, case_id, proposal_id, purpose, args, "
                              "attempts, not_before_ms, deadline_ms, created_ms, finished_ms, reason) "
                              "VALUES (?1,?2,?3,?4,0,1," IS_FIRST ",?5,?6,?7,?8,0,?9,?10,?11,0,'') ON CONFLICT DO NOTHING",
                              "ttttiitjiii", spec->lane, spec->driver, spec->op, spec->key, spec->case_id, spec->proposal_id,
                              spec->purpose ? spec->purpose : "", args, spec->not_before_ms, spec->deadline_ms, e->now_ms);
    return added == 1 ? store_last_id(e->store) : 0;
}

/* One has ended: whoever waited longest behind it in its lane is next. */
static void lane_advance(struct engine *e, int64_t ended)
{
    store_run(e->store,
              "UPDATE effects SET is_head = 1 WHERE is_head = 0 AND id = (SELECT behind.id FROM effects AS behind WHERE behind.is_live = 1 AND "
              "behind.lane = (SELECT lane FROM effects WHERE id = ?1) ORDER BY behind.id LIMIT 1)",
              "i", ended);
}

void effect_cancel(struct engine *e, int64_t id)
{
    changed(e);
    if (store_run(e->store, "UPDATE effects SET state = ?2, is_live = 0, is_head = 0, finished_ms = ?3 WHERE id = ?1 AND state = 0", "iii", id,
                  (int64_t)EFFECT_CANCELLED, e->now_ms) == 1)
        lane_advance(e, id);
}

/* What a query names, a few at a time: the rows that it reads are changed in between. */
static size_t some_ids(struct query *q, int64_t ids[CANCEL_AT_ONCE])
{
    size_t n = 0;
    while (n < CANCEL_AT_ONCE && query_next(q))
        ids[n++] = query_i64(q, 0);
    if (n == CANCEL_AT_ONCE)
        query_end(q);
    return n;
}

static void cancel_all(struct engine *e, const int64_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        effect_cancel(e, ids[i]);
}

void effect_hurry(struct engine *e, int64_t id)
{
    changed(e);
    store_run(e->store, "UPDATE effects SET not_before_ms = ?2 WHERE id = ?1 AND state = 0 AND not_before_ms > ?2", "ii", id, e->now_ms);
}

void effects_cancel_proposal(struct engine *e, int64_t proposal_id)
{
    int64_t ids[CANCEL_AT_ONCE];
    size_t n;
    do {
        n = some_ids(store_query(e->store, "SELECT id FROM effects WHERE proposal_id = ?1 AND proposal_id > 0 AND is_live = 1 AND state = 0 AND attempts = 0", "i", proposal_id), ids);
        cancel_all(e, ids, n);
    } while (n == CANCEL_AT_ONCE);
}

void effects_cancel_case(struct engine *e, int64_t case_id)
{
    int64_t ids[CANCEL_AT_ONCE];
    size_t n;
    do {
        n = some_ids(store_query(e->store,
                                 "SELECT id FROM effects WHERE case_id = ?1 AND case_id > 0 AND is_live = 1 AND state = 0 AND attempts = 0 AND "
                                 "op NOT IN ('release', 'unplan', 'credit', 'write_off') AND (proposal_id > 0 OR purpose = 'mail')",
                                 "i", case_id),
                     ids);
        cancel_all(e, ids, n);
    } while (n == CANCEL_AT_ONCE);
}

void calls_free(struct calls *c)
{
    for (size_t i = 0; i < c->n; i++)
        http_request_fini(&c->list[i].request);
    free(c->list);
    *c = (struct calls){0};
}

static void calls_add(struct calls *c, const struct effect *f, struct http_request *take)
{
    if (c->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 16;
        c->list = mem_grow(c->list, c->cap * sizeof *c->list);
    }
    struct call *call = &c->list[c->n++];
    *call = (struct call){.effect_id = f->id, .request = *take};
    str_copy(call->driver, sizeof call->driver, f->driver);
    http_request_init(take);
}

/* The end of an effect, told to whoever waits for it. */
static void effect_end(struct engine *e, const struct effect *f, bool done, const json_t *result, const char *reason)
{
    bool secret = str_eq(f->op, "link") || str_eq(f->op, "mail"); /* links to pay are not kept longer than they are needed */
    changed(e);
    store_run(e->store,
              "UPDATE effects SET state = ?2, is_live = 0, is_head = 0, finished_ms = ?3, result = ?4, reason = ?5, stage = NULL, args = ?6 WHERE id = ?1",
              "iiijtj", f->id, (int64_t)(done ? EFFECT_DONE : EFFECT_REFUSED), e->now_ms, secret ? NULL : result, reason,
              secret ? json_null() : f->args);
    lane_advance(e, f->id);
    if (f->proposal_id) {
        saga_leg_ended(e, f->proposal_id, &(struct leg_end){f->driver, json_str(f->args, "customer", ""), done, result, reason});
    } else if (str_eq(f->purpose, "facts")) {
        reading_ended(e, f->case_id, f->driver, f->args, done ? result : NULL, reason);
    } else if (str_eq(f->purpose, "resolve")) {
        inbox_resolved(e, f->args, done ? result : NULL, reason);
    } else if (str_eq(f->purpose, "catch_up")) {
        catch_up_ended(e, f->id, f->args, done ? result : NULL, reason);
    } else if (str_eq(f->purpose, "overdue")) {
        overdue_ended(e, f->id, f->args, done ? result : NULL, reason);
    } else if (str_eq(f->purpose, "note")) {
        billing_note_ended(e, f->case_id, f->driver, f->args, done, reason);
    } else if (str_eq(f->purpose, "mail")) {
        link_mail_ended(e, f->case_id, done, reason);
    } else if (e->world.chat_ended) {
        const struct chat_end end = {.platform = f->driver, .purpose = f->purpose, .key = f->key, .effect_id = f->id, .args = f->args,
                                     .result = done ? result : NULL, .reason = reason};
        e->world.chat_ended(e->world.ctx, e, &end);
    }
}

static void effect_wait(struct engine *e, const struct effect *f, enum effect_state state, const struct step *s)
{
    int64_t at = s->retry_at_ms > e->now_ms ? s->retry_at_ms : e->now_ms + MS_SECOND;
    store_run(e->store, "UPDATE effects SET state = ?2, not_before_ms = ?3, stage = ?4, reason = ?5, attempts = ?6, wrote = ?7 WHERE id = ?1",
              "iiijtii", f->id, (int64_t)state, at, s->stage ? s->stage : f->stage, s->reason, f->attempts, (int64_t)f->wrote);
    if (state == EFFECT_UNKNOWN && f->proposal_id)
        proposal_unknown(e, f->proposal_id, s->reason);
}

/* A write left, and this is what came of it. Only where nobody took it was nothing written. */
static void wrote_settle(struct effect *f, const struct http_response *previous)
{
    bool untaken = previous && (previous->transport == TRANSPORT_NOT_SENT || (previous->transport == TRANSPORT_OK && previous->status == 429));
    if (f->wrote == WROTE_OUT)
        f->wrote = untaken ? WROTE_NOTHING : WROTE_PERHAPS;
}

/* It did not happen, says the driver, and may be tried again: within the lifetime of idempotency keys, for after that the world has
 * moved on. But what billing may have done in part is never given up as if nothing had happened: a hold of three invoices that
 * has one, a payment that "is still running" there. It goes on until it is known how it ends. */
static void effect_retry(struct engine *e, struct effect *f, const struct step *s)
{
    bool begun = f->wrote == WROTE_PERHAPS && !engine_chat(e, f->driver) && !str_eq(f->op, "mail") && !str_eq(f->op, "link");
    bool old = e->now_ms - f->created_ms > GIVE_UP_MS;
    AUTO_STR why = str_fmt("given up after 24 hours: %s", s->reason);
    if (old && !begun)
        effect_end(e, f, false, NULL, why);
    else
        effect_wait(e, f, old ? EFFECT_UNKNOWN : EFFECT_QUEUED, s);
}

static bool is_poll(const struct effect *f)
{
    return str_eq(f->op, "poll");
}

static void poll_said(struct engine *e, const struct effect *f, const char *reason)
{
    if (e->world.poll_state)
        e->world.poll_state(e->world.ctx, f->driver, reason);
}

/* A poll that found nothing writes nothing: its row says already that it is out, and from where it goes on. */
static void poll_asks(struct engine *e, const struct effect *f, const struct http_response *previous, struct step *s, struct calls *out)
{
    bool heard = previous && previous->transport == TRANSPORT_OK && previous->status == 200;
    int64_t failures = heard ? 0 : f->attempts;
    bool moved = s->stage && !(f->stage && json_equal(s->stage, f->stage));
    if (f->state != EFFECT_OUT || failures != f->attempts || moved)
        store_run(e->store, "UPDATE effects SET state = ?2, attempts = ?3, stage = ?4 WHERE id = ?1", "iiij", f->id, (int64_t)EFFECT_OUT,
                  failures, s->stage ? s->stage : f->stage);
    if (heard)
        poll_said(e, f, "");
    calls_add(out, f, &s->request);
    out->list[out->n - 1].waits = true;
}

/* Whatever else a poll comes to, it goes on after a pause: it is how people reach us. */
static void poll_pauses(struct engine *e, struct effect *f, const struct step *s)
{
    struct step wait = {.stage = s->stage, .retry_at_ms = s->retry_at_ms};
    bool refused = s->outcome == STEP_REFUSED || s->outcome == STEP_DONE;
    if (refused)
        wait.retry_at_ms = e->now_ms + POLL_PAUSE_MS;
    str_copy(wait.reason, sizeof wait.reason, s->reason[0] ? s->reason : "the poll ended without a reason");
    f->attempts++;
    effect_wait(e, f, EFFECT_QUEUED, &wait);
    if (f->state != EFFECT_LOST) /* our own stop is nobody's trouble */
        poll_said(e, f, wait.reason);
}

void effect_inputs(struct engine *e, const char *driver, struct step *s)
{
    if (s->keep)
        session_keep(e, driver, s->keep);
    for (size_t i = 0; i < s->n_inputs && e->world.chat_input; i++) {
        struct chat_input *in = &s->inputs[i];
        free(in->platform); /* whose it is, we know better than what came over the wire */
        in->platform = str_dup(driver);
        e->world.chat_input(e->world.ctx, e, in);
    }
}

/* One step of the driver, and what it leads to. */
static void effect_step(struct engine *e, struct effect *f, const struct http_response *previous, struct calls *out)
{
    struct step s;
    step_init(&s);
    struct job job = {.id = f->id, .driver = f->driver, .op = f->op, .key = f->key, .args = f->args, .stage = f->stage,
                      .kept = session_kept(e, f->driver), .attempts = (int)f->attempts, .now_ms = e->now_ms,
                      .random = e->world.random(e->world.ctx)};
    e->world.step(e->world.ctx, &job, previous, &s);
    changed(e);
    effect_inputs(e, f->driver, &s);
    wrote_settle(f, previous);
    if (is_poll(f)) {
        if (s.outcome == STEP_HTTP)
            poll_asks(e, f, previous, &s, out);
        else
            poll_pauses(e, f, &s);
        step_fini(&s);
        return;
    }
    switch (s.outcome) {
    case STEP_HTTP:
        if (s.request.write && f->wrote == WROTE_NOTHING)
            f->wrote = WROTE_OUT;
        store_run(e->store, "UPDATE effects SET state = ?2, attempts = ?3, stage = ?4, wrote = ?5 WHERE id = ?1", "iiiji", f->id,
                  (int64_t)EFFECT_OUT, f->attempts + 1, s.stage ? s.stage : f->stage, (int64_t)f->wrote);
        if (f->proposal_id)
            proposal_executing(e, f->proposal_id);
        calls_add(out, f, &s.request);
        break;
    case STEP_DONE:
        effect_end(e, f, true, s.result, "");
        break;
    case STEP_REFUSED:
        effect_end(e, f, false, s.result, s.reason[0] ? s.reason : "refused without a reason");
        break;
    case STEP_RETRY:
        effect_retry(e, f, &s);
        break;
    case STEP_UNKNOWN:
        effect_wait(e, f, EFFECT_UNKNOWN, &s);
        break;
    }
    step_fini(&s);
}

/* The heads of their lanes that wait. One SELECT a state, because each then follows the index and the whole is merged: the
 * cost does not grow with what is queued behind, as it does with "state IN (...)", which sorts all of it. In shadow mode (?3)
 * what a time of live mode left behind stays where it is: not even looked at, for a look may lead on to a write. */
#define HEADS(state)                                                                                                        \
    "SELECT id, not_before_ms FROM effects WHERE is_head = 1 AND state = " state " AND not_before_ms <= ?1 AND "            \
    "(?3 = 0 OR (proposal_id = 0 AND purpose NOT IN ('mail', 'note')))"
#define WAITING_HEADS HEADS("0") " UNION ALL " HEADS("2") " UNION ALL " HEADS("3") " ORDER BY not_before_ms, id LIMIT ?2"

/* Those that are due, longest first. */
static size_t effects_due(struct engine *e, int64_t *ids, size_t most)
{
    size_t n = 0;
    struct query *q = store_query(e->store, WAITING_HEADS, "iii", e->now_ms, (int64_t)most, (int64_t)e->shadow);
    while (query_next(q))
        ids[n++] = query_i64(q, 0);
    return n;
}

void effects_start(struct engine *e, struct calls *out, size_t most)
{
    int64_t ids[64];
    if (most > DW_ARRAY_LEN(ids))
        most = DW_ARRAY_LEN(ids);
    if (effects_next_due_ms(e) > e->now_ms)
        return;
    size_t n = effects_due(e, ids, most);
    for (size_t i = 0; i < n; i++) {
        struct effect f;
        if (!effect_load(e, ids[i], &f))
            continue;
        struct http_response lost;
        http_response_init(&lost);
        lost.transport = TRANSPORT_LOST;
        str_copy(lost.problem, sizeof lost.problem, "the program stopped while the call was out");
        if (f.proposal_id && f.attempts == 0 && !proposal_may_run(e, f.proposal_id))
            changed(e); /* the agreement is gone, and this call with it */
        else if (f.deadline_ms && f.deadline_ms < e->now_ms)
            effect_end(e, &f, false, NULL, "too late: nobody waits for this any more");
        else
            effect_step(e, &f, f.state == EFFECT_LOST ? &lost : NULL, out);
        http_response_fini(&lost);
        effect_fini(&f);
    }
}

void effect_answered(struct engine *e, int64_t effect_id, const struct http_response *response, struct calls *out)
{
    struct effect f;
    if (!effect_load(e, effect_id, &f))
        return; /* an answer that comes twice finds the effect finished */
    if (f.state == EFFECT_OUT)
        effect_step(e, &f, response, out);
    effect_fini(&f);
}

static int64_t next_due_ms(struct engine *e)
{
    if (store_i64(e->store, 0, "SELECT count(*) FROM effects WHERE is_head = 1 AND state = 1", "") >= OUT_MOST)
        return INT64_MAX; /* enough is out; the answers wake us */
    struct query *q = store_query(e->store, WAITING_HEADS, "iii", INT64_MAX, (int64_t)1, (int64_t)e->shadow);
    int64_t due = INT64_MAX;
    if (query_next(q)) {
        due = query_i64(q, 1);
        query_end(q);
    }
    return due;
}

int64_t effects_next_due_ms(struct engine *e)
{
    if (!e->memo.effects_known) {
        e->memo.effects_due_ms = next_due_ms(e);
        e->memo.effects_known = true;
    }
    return e->memo.effects_due_ms;
}
