/* What must hold whatever happens (design, section 5). Checked after every turn where it is cheap, at rest where it is not. */
#include <stdio.h>
#include <string.h>

#include "adapters/billing/sandbox.h"
#include "engine/hold.h"
#include "engine/journal.h"
#include "engine/proposal.h"
#include "tests/sim/sim.h"

void sim_check(struct sim *s, bool holds, const char *what)
{
    if (holds)
        return;
    fflush(stdout);
    fprintf(stderr, "sim: seed %llu: violated: %s\nreplay: sim --seed %llu --trace\n", (unsigned long long)s->seed, what, (unsigned long long)s->seed);
    exit(1);
}

static json_t *bag(json_t **b)
{
    if (!*b)
        *b = json_object();
    return *b;
}

static void none(struct sim *s, const char *sql, const char *what)
{
    int64_t n = store_i64(s->store, -1, sql, "");
    sim_check(s, n == 0, what);
}

/* Unknown is never retried unreconciled: after a write whose answer was lost, the same effect must look first. */
void invariant_on_call(struct sim *s, const struct flight *f)
{
    char id[32];
    snprintf(id, sizeof id, "%lld", (long long)f->effect_id);
    if (f->request.write)
        sim_check(s, !json_object_get(bag(&s->lost_writes), id), "a write whose answer was lost is looked at before it is written again");
    else
        json_object_del(bag(&s->lost_writes), id);
}

void invariant_on_answer(struct sim *s, const struct flight *f)
{
    char id[32];
    snprintf(id, sizeof id, "%lld", (long long)f->effect_id);
    if (f->request.write && (f->fate == FATE_LOST_AFTER || f->fate == FATE_LOST_BEFORE) && str_eq(f->driver, "sandbox"))
        json_object_set_new(bag(&s->lost_writes), id, json_true());
}

void invariant_on_webhook(struct sim *s, const char *event_id)
{
    json_object_set_new(bag(&s->events), event_id, json_integer(json_i64(bag(&s->events), event_id, 0) + 1));
}

void invariants_after_turn(struct sim *s)
{
    none(s, "SELECT count(*) FROM recoveries WHERE is_open = 1 AND next_step = ''", "every open case has a next step");
    none(s, "SELECT count(*) FROM holds WHERE is_live = 1 AND (end_ms <= start_ms OR owner = '')", "every hold has an end and an owner");
    none(s, "SELECT count(*) FROM (SELECT lane FROM effects WHERE is_live = 1 AND state = 1 GROUP BY lane HAVING count(*) > 1) AS twice",
         "one call in flight per lane");
    none(s,
         "SELECT count(*) FROM effects AS e WHERE is_head <> CASE WHEN is_live = 0 OR EXISTS (SELECT 1 FROM effects AS ahead WHERE "
         "ahead.lane = e.lane AND ahead.is_live = 1 AND ahead.id < e.id) THEN 0 ELSE 1 END",
         "the oldest of each lane is its head, and nobody else");
    none(s, "SELECT count(*) FROM (SELECT ext_id FROM inbox GROUP BY source, ext_id HAVING count(*) > 1) AS twice", "an event is stored once");
    none(s,
         "SELECT count(*) FROM proposals p JOIN recoveries r ON r.id = p.case_id WHERE r.is_open = 0 AND p.state = 2",
         "a closed case has no pending approval");
    none(s, "SELECT count(*) FROM timers t JOIN proposals p ON p.id = t.ref WHERE t.kind = 'run' AND p.verb IN (4, 6, 8, 9, 10)",
         "what cannot be undone never waits for a timer");
    none(s, "SELECT count(*) FROM timers t JOIN recoveries r ON r.id = t.case_id WHERE r.is_open = 0 AND t.kind NOT IN ('release', 'unplan', 'hold_end', 'hold_ask')",
         "a closed case waits for nothing");
}

/* As many yeses as it takes, of those it takes: "1 of manager and 1 of finance" in the rule that the simulator's policy has, else one. */
static void quorum(struct sim *s, int64_t id, const json_t *needs)
{
    struct engine *e = turn_engine(s->turn);
    int64_t votes = 0, wanted = 0, of_need[4] = {0};
    AUTO_STR ref = str_fmt("A-%lld", (long long)id);
    struct query *q = store_query(s->store, "SELECT person FROM votes WHERE subject = ?1 AND vote = 'yes'", "t", ref);
    for (; query_next(q); votes++) {
        const struct person *who = people_by_key(e->people, query_text(q, 0));
        for (size_t i = 0; i < json_array_size(needs) && i < DW_ARRAY_LEN(of_need); i++)
            of_need[i] += who && person_has(who, role_of(json_str(json_array_get(needs, i), "of", "")));
    }
    for (size_t i = 0; i < json_array_size(needs) && i < DW_ARRAY_LEN(of_need); i++) {
        int64_t count = json_i64(json_array_get(needs, i), "count", 0);
        wanted += count;
        sim_check(s, of_need[i] >= count, "what ran has the yes of each role that it takes");
    }
    sim_check(s, votes >= (wanted ? wanted : 1), "what was asked and ran has as many yeses as it takes"); /* more may come while the account is read again */
}

/* No money without an agreement: a plan ran inside policy, or with a yes by somebody entitled who had not asked. */
static void agreements(struct sim *s)
{
    struct engine *e = turn_engine(s->turn);
    struct query *q = store_query(s->store,
                                  "SELECT p.id, p.requester, p.decider, p.asked, p.amount, p.currency, p.replaces, (SELECT requester FROM proposals f WHERE f.id "
                                  "= p.replaces), p.basis FROM proposals p WHERE p.verb IN (0, 1, 3, 8, 9, 10, 11) AND "
                                  "p.state IN (8, 9, 10, 11, 12)",
                                  "");
    while (query_next(q)) {
        if (!query_i64(q, 3))
            continue; /* inside policy: never asked */
        json_auto_t *basis = query_json(q, 8);
        quorum(s, query_i64(q, 0), json_at(basis, "approval.needs"));
        sim_check(s, !str_eq(query_text(q, 1), query_text(q, 2)), "nobody decides on their own request");
        const struct person *decider = people_by_key(e->people, query_text(q, 2));
        struct money amount = money_of(query_i64(q, 4), query_text(q, 5));
        bool accepted = query_i64(q, 6) && str_eq(query_text(q, 7), query_text(q, 2));
        sim_check(s, decider && (accepted || person_may_decide(decider, amount)), "who decided had the right");
    }
}

/* The peer's book: one successful payment per idempotency key, and never more than an invoice was about. */
static void money(struct sim *s)
{
    const struct sandbox *peer = s->sandbox;
    json_t *by_key = json_object(), *payments = json_object_get(peer->book, "payments"), *payment;
    size_t i;
    json_array_foreach(payments, i, payment) {
        const char *key = json_str(payment, "key", "");
        if (!key[0] || !str_eq(json_str(payment, "status", ""), "succeeded"))
            continue;
        sim_check(s, !json_object_get(by_key, key), "one key, one payment");
        json_object_set_new(by_key, key, json_true());
        long long id = 0;
        sim_check(s, sscanf(key, "dunwell-p%lld", &id) == 1, "a payment carries the key of a proposal");
        int64_t state = store_i64(s->store, -1, "SELECT state FROM proposals WHERE id = ?1 AND verb IN (4, 6)", "i", (int64_t)id);
        sim_check(s, state == PROPOSAL_CONFIRMED || state == PROPOSAL_EXECUTING || state == PROPOSAL_UNKNOWN, "a payment at the peer is never called failed here");
    }
    json_decref(by_key);
    const char *name;
    json_t *invoice;
    json_object_foreach(json_object_get(peer->book, "invoices"), name, invoice)
        sim_check(s, json_i64(invoice, "due", 0) >= 0, "nothing was collected twice");
}

/* One proposal's credits and write-offs at the peer: how many, and how much. */
static int entries_of(const struct sandbox *peer, int64_t id, int64_t *sum)
{
    int n = 0;
    const char *key;
    json_t *entry;
    *sum = 0;
    json_object_foreach(json_object_get(peer->book, "entries"), key, entry) {
        long long of = 0;
        const char *kind = json_str(entry, "kind", "");
        if (sscanf(key, "dunwell-p%lld", &of) != 1 || of != id || (!str_eq(kind, "credit") && !str_eq(kind, "write_off")))
            continue;
        *sum += json_i64(entry, "amount", 0);
        n++;
    }
    return n;
}

/* Money given up: only what was asked and agreed, each invoice once, never more than was agreed; nothing else is in the peer's book. */
static void given_up(struct sim *s)
{
    int known = 0;
    none(s, "SELECT count(*) FROM proposals WHERE verb IN (8, 9, 10) AND state IN (8, 9, 10, 11, 12) AND (asked = 0 OR decider = '' OR decider = requester)",
         "money is given up only by somebody else's yes");
    struct query *q = store_query(s->store, "SELECT id, state, amount, terms FROM proposals WHERE verb IN (8, 9, 10)", "");
    while (query_next(q)) {
        int64_t sum;
        json_auto_t *terms = query_json(q, 3);
        int n = entries_of(s->sandbox, query_i64(q, 0), &sum), parts = (int)json_array_size(json_at(terms, "parts"));
        known += n;
        sim_check(s, n == 0 || (query_i64(q, 1) >= PROPOSAL_EXECUTING), "what is in the peer's book was executed");
        sim_check(s, n <= parts && sum <= query_i64(q, 2), "never more was given up than was agreed");
        sim_check(s, query_i64(q, 1) != PROPOSAL_CONFIRMED || n == parts, "what is confirmed happened, each invoice once");
    }
    const struct sandbox *peer = s->sandbox;
    const char *key;
    json_t *entry;
    json_object_foreach(json_object_get(peer->book, "entries"), key, entry)
        known -= str_eq(json_str(entry, "kind", ""), "credit") || str_eq(json_str(entry, "kind", ""), "write_off");
    sim_check(s, known == 0, "every credit and write-off at the peer belongs to a proposal");
}

static void holds_are_real(struct sim *s)
{
    const struct sandbox *peer = s->sandbox;
    struct query *q = store_query(s->store, "SELECT invoices FROM holds WHERE state = ?1", "i", (int64_t)HOLD_ACTIVE);
    while (query_next(q)) {
        json_auto_t *ids = query_json(q, 0);
        size_t i;
        json_t *id;
        json_array_foreach(ids, i, id) {
            const json_t *invoice = json_object_get(json_object_get(peer->book, "invoices"), json_string_value(id));
            if (str_eq(json_str(invoice, "status", ""), "open"))
                sim_check(s, !json_flag(invoice, "auto_advance", true), "what an active hold covers is quiet at billing");
        }
    }
}

static bool held_by_us(struct sim *s, const char *invoice)
{
    bool found = false;
    struct query *q = store_query(s->store, "SELECT invoices FROM holds WHERE is_live = 1", "");
    while (query_next(q)) {
        json_auto_t *ids = query_json(q, 0);
        size_t i;
        json_t *id;
        json_array_foreach(ids, i, id)
            found |= str_eq(json_string_value(id), invoice);
    }
    return found;
}

/* Nothing stays quiet at billing without a row that ends it: every open invoice that does not advance is in a live hold. */
static void quiet_is_owned(struct sim *s)
{
    const struct sandbox *peer = s->sandbox;
    const char *name;
    json_t *invoice;
    json_object_foreach(json_object_get(peer->book, "invoices"), name, invoice)
        if (str_eq(json_str(invoice, "status", ""), "open") && !json_flag(invoice, "auto_advance", true))
            sim_check(s, held_by_us(s, name), "what is quiet at billing is in a hold of ours");
}

/* Nothing waits for a moment that never comes. */
static void somebody_moves(struct sim *s)
{
    none(s, "SELECT count(*) FROM holds h WHERE state = 1 AND NOT EXISTS (SELECT 1 FROM timers t WHERE t.kind = 'hold_end' AND t.ref = h.id)",
         "a hold in force has its end timer");
    none(s,
         "SELECT count(*) FROM holds h WHERE state = 2 AND NOT EXISTS (SELECT 1 FROM timers t WHERE t.kind = 'release' AND t.ref = h.id) AND NOT "
         "EXISTS (SELECT 1 FROM proposals p WHERE p.case_id = h.case_id AND p.verb = 2 AND p.is_live = 1)",
         "a hold that is being released is on its way, or tried again");
    none(s, "SELECT count(*) FROM (SELECT case_id FROM holds WHERE state IN (0, 1) GROUP BY case_id HAVING count(*) > 1) AS twice", "one hold a case");
    none(s,
         "SELECT count(*) FROM recoveries r WHERE state = 2 AND NOT EXISTS (SELECT 1 FROM timers t WHERE t.kind = 'retry' AND t.case_id = r.id) AND NOT "
         "EXISTS (SELECT 1 FROM proposals p WHERE p.case_id = r.id AND p.verb = 4 AND p.is_live = 1)",
         "a case that is being retried has its retry ahead");
    none(s,
         "SELECT count(*) FROM recoveries r WHERE state = 5 AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.case_id = r.id AND h.is_live = 1) AND NOT "
         "EXISTS (SELECT 1 FROM instalments i JOIN plans p ON p.id = i.plan_id WHERE p.case_id = r.id AND i.state IN ('waiting', 'executing', 'pending'))",
         "a case with a plan waits for an instalment or for the end of its hold");
    none(s,
         "SELECT count(*) FROM instalments i JOIN plans p ON p.id = i.plan_id WHERE p.state = 'running' AND i.state = 'waiting' AND NOT EXISTS (SELECT 1 "
         "FROM timers t WHERE t.kind = 'instalment' AND t.ref = i.id)",
         "an instalment that waits has its timer");
}

void invariants_at_rest(struct sim *s)
{
    none(s,
         "SELECT count(*) FROM proposals p WHERE p.state = 8 AND p.expires_ms > 0 AND NOT EXISTS (SELECT 1 FROM timers t WHERE t.kind = 'run' AND t.ref = p.id)",
         "what can still be undone has its moment to run");
    quiet_is_owned(s);
    somebody_moves(s);
    none(s, "SELECT count(*) FROM effects WHERE is_live = 1 AND state IN (1, 2, 3)", "at rest nothing is out or unknown");
    none(s, "SELECT count(*) FROM proposals WHERE state IN (9, 10)", "at rest no proposal is executing or unknown");
    none(s, "SELECT count(*) FROM recoveries WHERE is_open = 1 AND read_wanted > 0", "at rest nothing waits for facts");
    agreements(s);
    money(s);
    given_up(s);
    holds_are_real(s);
    invariants_of_waiting(s);
}

void invariants_at_end(struct sim *s)
{
    struct err e;
    struct journal_report report;
    sim_check(s, journal_verify(s->store, &report, &e) == 0, report.problem);
    sim_check(s, report.rows > 0, "there is a journal");
    sim_check(s, journal_end_verify(s->store, &e) == 0, e.text);
    invariants_of_seals(s);
    const char *id;
    json_t *times;
    json_object_foreach(bag(&s->events), id, times)
        sim_check(s, store_i64(s->store, 0, "SELECT count(*) FROM inbox WHERE ext_id = ?1", "t", id) == 1, "an acknowledged event is stored once");
}

void invariants_fini(struct sim *s)
{
    json_decref(s->lost_writes);
    json_decref(s->events);
    json_decref(s->posts);
}
