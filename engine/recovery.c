/* A recovery is an account's episode of unpaid invoices: opened by the first failure, closed by payment. Everything else in
 * the engine hangs on it. This file keeps the row and its state machine; what is decided lies in recovery_decide.c, what
 * people do to it in recovery_act.c. */
#include "engine/recovery.h"

#include <stdio.h>
#include <string.h>

#include "engine/effect.h"
#include "engine/hold.h"
#include "engine/journal.h"
#include "engine/plan.h"
#include "engine/proposal.h"
#include "engine/readings.h"
#include "engine/saga.h"
#include "engine/sm.h"
#include "engine/timer.h"

#define ANY_OPEN                                                                                                                   \
    (SM_BIT(RECOVERY_HELD) | SM_BIT(RECOVERY_RETRYING) | SM_BIT(RECOVERY_WAITING) | SM_BIT(RECOVERY_QUEUED) |                      \
     SM_BIT(RECOVERY_PLANNED) | SM_BIT(RECOVERY_PROMISED) | SM_BIT(RECOVERY_DISPUTED))
#define END SM_BIT(RECOVERY_CLOSED)

/* A plan, a promise and a dispute are people's words: the machine does not go back to retrying over them. A dispute at a bank ends by
 * itself, though (chargeback.c): then billing is read, and decided anew. */
static const struct sm_state states[] = {
    [RECOVERY_READING] = {"reading", ANY_OPEN | END},
    [RECOVERY_HELD] = {"held", ANY_OPEN | END},
    [RECOVERY_RETRYING] = {"retrying", SM_BIT(RECOVERY_READING) | ANY_OPEN | END},
    [RECOVERY_WAITING] = {"waiting", ANY_OPEN | END},
    [RECOVERY_QUEUED] = {"queued", ANY_OPEN | END},
    [RECOVERY_PLANNED] = {"planned", (ANY_OPEN & ~SM_BIT(RECOVERY_RETRYING)) | END},
    [RECOVERY_PROMISED] = {"promised", (ANY_OPEN & ~SM_BIT(RECOVERY_RETRYING)) | END},
    [RECOVERY_DISPUTED] = {"disputed", SM_BIT(RECOVERY_READING) | (ANY_OPEN & ~SM_BIT(RECOVERY_RETRYING)) | END},
    [RECOVERY_CLOSED] = {"closed", 0},
};

const char *recovery_state_name(enum recovery_state s)
{
    return states[s].name;
}

#define COLUMNS                                                                                                                    \
    "id, account, name, biller, customer, state, owner, claimed, opened_ms, closed_ms, facts, read_ms, read_wanted, tier, rule, "  \
    "fragile, reasons, due, currency, invoices, next_step, next_ms, revision, outcome"

static struct recovery *row_read(struct query *q)
{
    if (!query_next(q))
        return NULL;
    struct recovery *r = mem_alloc(sizeof *r);
    *r = (struct recovery){.id = query_i64(q, 0), .account = str_dup(query_text(q, 1)), .name = str_dup(query_text(q, 2)),
                           .biller = str_dup(query_text(q, 3)), .customer = str_dup(query_text(q, 4)),
                           .state = (enum recovery_state)query_i64(q, 5), .owner = str_dup(query_text(q, 6)),
                           .claimed = query_i64(q, 7) != 0, .opened_ms = query_i64(q, 8), .closed_ms = query_i64(q, 9),
                           .read_ms = query_i64(q, 11), .read_wanted = query_i64(q, 12) != 0, .tier = str_dup(query_text(q, 13)),
                           .rule = str_dup(query_text(q, 14)), .fragile = query_i64(q, 15) != 0, .reasons = query_json(q, 16),
                           .due = money_of(query_i64(q, 17), query_text(q, 18)), .invoices = query_json(q, 19),
                           .next_step = str_dup(query_text(q, 20)), .next_ms = query_i64(q, 21), .revision = query_i64(q, 22),
                           .outcome = str_dup(query_text(q, 23))};
    facts_init(&r->facts);
    json_decref(r->facts.set);
    r->facts.set = query_json(q, 10);
    query_end(q);
    return r;
}

struct recovery *recovery_load(struct engine *e, int64_t id)
{
    return row_read(store_query(e->store, "SELECT " COLUMNS " FROM recoveries WHERE id = ?1", "i", id));
}

struct recovery *recovery_open_for(struct engine *e, const char *account)
{
    return row_read(store_query(e->store, "SELECT " COLUMNS " FROM recoveries WHERE account = ?1 AND is_open = 1", "t", account));
}

void recovery_free(struct recovery *r)
{
    if (!r)
        return;
    char *texts[] = {r->account, r->name, r->biller, r->customer, r->owner, r->tier, r->rule, r->next_step, r->outcome};
    for (size_t i = 0; i < DW_ARRAY_LEN(texts); i++)
        free(texts[i]);
    facts_fini(&r->facts);
    json_decref(r->reasons);
    json_decref(r->invoices);
    free(r);
}

void recovery_save(struct engine *e, struct recovery *r)
{
    assert(r->state == RECOVERY_CLOSED || r->next_step[0]);
    r->revision++;
    store_run(e->store,
              "UPDATE recoveries SET name = ?2, state = ?3, is_open = ?4, owner = ?5, claimed = ?6, closed_ms = ?7, facts = ?8, read_ms = ?9, "
              "tier = ?10, rule = ?11, fragile = ?12, reasons = ?13, due = ?14, currency = ?15, invoices = ?16, next_step = ?17, "
              "next_ms = ?18, revision = ?19, outcome = ?20 WHERE id = ?1",
              "itiitiijittijitjtiit" /* checked against the statement by bind_all */, r->id, r->name, SM_ID(r->state),
              SM_ID(r->state != RECOVERY_CLOSED), r->owner, SM_ID(r->claimed), r->closed_ms, r->facts.set, r->read_ms, r->tier, r->rule,
              SM_ID(r->fragile), r->reasons, r->due.minor, r->due.currency, r->invoices, r->next_step, r->next_ms, r->revision,
              r->outcome);
    engine_dirty(e, r->id);
}

const char *recovery_invoice(const struct recovery *r)
{
    const char *failed = facts_str(&r->facts, "invoice.id");
    size_t i;
    json_t *invoice;
    json_array_foreach(r->invoices, i, invoice)
        if (str_eq(json_str(invoice, "id", ""), failed))
            return failed;
    return json_str(r->invoices, "0.id", "");
}

void recovery_say_next(struct recovery *r, const char *next_step, int64_t next_ms)
{
    free(r->next_step);
    r->next_step = str_dup(next_step);
    r->next_ms = next_ms;
}

void recovery_move(struct engine *e, struct recovery *r, const struct actor *who, enum recovery_state to, const char *next_step,
                   int64_t next_ms)
{
    assert(sm_allows(states, r->state, to));
    char ref[32];
    snprintf(ref, sizeof ref, "N-%lld", (long long)r->id);
    bool moved = r->state != to;
    enum recovery_state from = r->state;
    r->state = to;
    recovery_say_next(r, next_step, next_ms);
    if (moved)
        journal_add(e, who, "case.moved", r->id, r->account, ref, NULL, "Case %s went from %s to %s", ref, states[from].name,
                    states[to].name);
    recovery_save(e, r);
}

/* A case of an account the book may not know: then the biller's id stands for the name until billing tells it. */
static struct recovery *recovery_create(struct engine *e, const struct touch *t, const struct account *a)
{
    AUTO_STR key = a ? str_dup(a->key) : str_fmt("%s:%s", t->biller, t->customer);
    const char *owner = a && a->ae && people_by_key(e->people, a->ae) ? a->ae : "";
    store_run(e->store,
              "INSERT INTO recoveries (account, name, biller, customer, state, is_open, owner, claimed, opened_ms, closed_ms, facts, read_ms, "
              "read_wanted, reads, tier, rule, fragile, reasons, due, currency, invoices, next_step, next_ms, revision, outcome) VALUES "
              "(?1,?2,?3,?4,0,1,?5,0,?6,0,'{}',0,0,0,'','',0,'[]',0,'','[]',?7,0,1,'')",
              "tttttit", key, a ? a->name : t->customer, t->biller, t->customer, owner, e->now_ms, "Facts are being read from billing");
    struct recovery *r = recovery_open_for(e, key);
    if (r) {
        AUTO_STR ref = str_fmt("N-%lld", (long long)r->id);
        journal_add(e, &(struct actor){.name = t->biller}, "case.opened", r->id, r->account, ref, NULL, "Case %s opened for %s: %s (%s)", ref,
                    r->name, t->why, t->event);
    }
    return r;
}

/* The book has come to know an account whose case was opened under billing's id: that stays its one open case. */
static struct recovery *stranger_known(struct engine *e, const struct touch *t, const struct account *a)
{
    AUTO_STR key = str_fmt("%s:%s", t->biller, t->customer);
    struct recovery *r = recovery_open_for(e, key);
    if (!r)
        return NULL;
    AUTO_STR ref = str_fmt("N-%lld", (long long)r->id);
    store_run(e->store, "UPDATE recoveries SET account = ?2, name = ?3 WHERE id = ?1", "itt", r->id, a->key, a->name);
    journal_add(e, &(struct actor){.name = "policy"}, "case.known", r->id, a->key, ref, NULL, "Case %s of %s is of %s: the account book knows it now", ref,
                key, a->name);
    recovery_free(r);
    return recovery_open_for(e, a->key);
}

/* In a flood of events most find a read under way already: that it is to be repeated needs no more of the case than its id. */
static bool touch_again(struct engine *e, const struct touch *t, const char *account)
{
    const struct actor billing = {.name = t->biller};
    struct query *q = store_query(e->store, "SELECT id, read_wanted FROM recoveries WHERE account = ?1 AND is_open = 1 AND read_wanted > 0", "t", account);
    if (!query_next(q))
        return false;
    int64_t id = query_i64(q, 0), wanted = query_i64(q, 1);
    query_end(q);
    if (wanted < 2)
        store_run(e->store, "UPDATE recoveries SET read_wanted = 2 WHERE id = ?1", "i", id);
    journal_add(e, &billing, "event.seen", id, account, t->event, NULL, "%s: billing is read again", t->why);
    return true;
}

void recovery_touch(struct engine *e, const struct touch *t)
{
    const struct actor billing = {.name = t->biller};
    const struct account *a = book_by_billing(e->book, t->biller, t->customer);
    AUTO_STR key = a ? str_dup(a->key) : str_fmt("%s:%s", t->biller, t->customer);
    if (touch_again(e, t, key))
        return;
    struct recovery *r = recovery_open_for(e, key);
    if (!r && a)
        r = stranger_known(e, t, a);
    if (!r && t->opens)
        r = recovery_create(e, t, a);
    else
        journal_add(e, &billing, r ? "event.seen" : "event.ignored", r ? r->id : 0, key, t->event, NULL,
                    r ? "%s: billing is read again" : "Ignored %s: the account has no open case", t->why);
    if (r)
        recovery_ask_facts_at(e, r, &(struct billed){t->biller, t->customer}, t->invoice);
    recovery_free(r);
}

bool recovery_read_over(struct engine *e, struct recovery *r)
{
    int64_t wanted = store_i64(e->store, 0, "SELECT read_wanted FROM recoveries WHERE id = ?1", "i", r->id);
    store_run(e->store, "UPDATE recoveries SET read_wanted = 0 WHERE id = ?1", "i", r->id);
    r->read_wanted = false;
    return wanted > 1;
}

void recovery_close(struct engine *e, struct recovery *r, const struct actor *who, const char *outcome)
{
    AUTO_STR ref = str_fmt("N-%lld", (long long)r->id);
    AUTO_STR why = str_fmt("the case is closed: %s", outcome);
    proposals_withdraw(e, r, ~(SM_BIT(VERB_RELEASE) | SM_BIT(VERB_UNPLAN)), why); /* what we set up at billing is still undone */
    timers_cancel_case(e, r->id);
    effects_cancel_case(e, r->id);
    saga_call_off(e, r, ~(SM_BIT(VERB_RELEASE) | SM_BIT(VERB_UNPLAN)), why);
    plan_end(e, r, str_eq(outcome, "paid") ? "kept" : "cancelled");
    store_run(e->store, "UPDATE promises SET state = ?2 WHERE case_id = ?1 AND state = 'open'", "it", r->id,
              str_eq(outcome, "paid") ? "kept" : "over");
    free(r->outcome);
    r->outcome = str_dup(outcome);
    r->closed_ms = e->now_ms;
    journal_add(e, who, "case.closed", r->id, r->account, ref, NULL, "Case %s closed: %s", ref, outcome);
    recovery_move(e, r, who, RECOVERY_CLOSED, "", 0);
    hold_release(e, r, why);
    saga_call_off(e, r, SM_BIT(VERB_RELEASE), "nothing is open there any more"); /* what nobody has to begin again */
}

void note_add(struct engine *e, const struct actor *who, const char *account, const char *text)
{
    store_run(e->store, "INSERT INTO notes (account, person, at_ms, text) VALUES (?1,?2,?3,?4)", "ttit", account, actor_key(who), e->now_ms,
              text);
    journal_add(e, who, "note", 0, account, "", NULL, "Note: %s", text);
}
