/* Approvals against a plain model, over many short lives of one or two requests.
 *
 * A schedule draws a policy (whose yes, how many, who is kept out, from which amount a code), then lets people who may and
 * people who may not say everything they can, by command and by button, on cards of now and of before, once, twice and
 * redelivered; between it the program starts anew, turns are rolled back, chat refuses, the clock jumps and what is known of
 * the customer changes. The engine, the commands, the forms and the cards are the real ones; peers answer at once. expect.c says after
 * each event what must be; a difference prints the seed.
 *
 *   model --schedules N [--first SEED]      model --seed SEED   (with a trace) */
#include "bot/log.h"
#include "tests/model/model.h"

bool tracing;

static uint64_t draw(struct model *m)
{
    m->rng ^= m->rng << 13; /* xorshift64 */
    m->rng ^= m->rng >> 7;
    m->rng ^= m->rng << 17;
    return m->rng;
}

int pick(struct model *m, int n)
{
    return (int)((draw(m) >> 11) % (uint64_t)n);
}

void must(const struct model *m, bool holds, const char *what, int64_t id)
{
    if (holds)
        return;
    fflush(stdout);
    fprintf(stderr, "model: seed %llu: A-%lld: violated: %s\nreplay: model --seed %llu\n", (unsigned long long)m->seed, (long long)id, what,
            (unsigned long long)m->seed);
    exit(1);
}

/* ---- the comparison ---- */

static const char *const heads[STAGES] = {"Approval needed", "Confirmed", "Declined", "Countered", "Expired, nothing changed", "Void", "Withdrawn",
                                          "Approved, runs in a moment", "Approved, waits for their payment"};
static const char *const states[STAGES] = {"asked", "confirmed", "declined", "countered", "parked", "voided", "withdrawn", "queued", "queued"};
static const char *const ends[STAGES] = {"asked", "confirmed", "declined", "countered", "parked", "voided", "withdrawn", "to be undone", "to be paid"};

static int person_of(const char *key)
{
    for (int i = 0; i < PEOPLE; i++)
        if (str_eq(crowd[i].key, key))
            return i;
    return NOBODY;
}

/* A request that was not there before: may it be? */
static void adopt(struct model *m, const struct proposal *p)
{
    static const char *const kinds[] = {[VERB_HOLD] = "hold", [VERB_EXTEND] = "extend", [VERB_PLAN] = "plan", [VERB_CREDIT] = "credit", [VERB_WRITE_OFF] = "write_off",
                                        [VERB_SETTLE] = "settlement"};
    struct expect *x = &m->x;
    int who = person_of(p->requester);
    must(m, who != NOBODY, "a request has an asker", p->id);
    must(m, who == m->asker || m->facts_moved, "a request is there because somebody asked", p->id);
    must(m, p->expires_ms == x->now_ms + OPEN_HOURS * MS_HOUR, "a request is open for as long as policy says", p->id);
    must(m, x->n_wishes < REQUESTS_MOST, "a schedule has few requests", p->id);
    struct wish *w = &x->wishes[x->n_wishes++];
    *w = (struct wish){.id = p->id, .created_ms = p->created_ms, .expires_ms = p->expires_ms, .amount = p->amount.minor, .kind = kinds[p->verb],
                       .is_plan = p->verb == VERB_PLAN, .disputed = x->disputed, .requester = who, .acceptor = NOBODY, .revision = p->revision};
    for (int i = 0; i < x->n_wishes; i++)
        if (x->wishes[i].id == p->replaces)
            w->acceptor = x->wishes[i].requester;
    must(m, !p->replaces || w->acceptor != NOBODY, "a counter-offer answers a request", p->id);
    if (expect_gives_up(w))
        money_adopted(m, w, p);
    else
        must(m, w->amount == x->due, "a request is about what is due", p->id);
    for (int i = 0; w->is_plan && i < x->n_wishes; i++)
        must(m, x->wishes[i].stage != WAITS, "no plan is asked for beside a settlement", p->id);
    if (tracing)
        printf("      A-%lld: %s asks for a %s\n", (long long)p->id, crowd[who].key, w->kind);
}

/* What the machine does by itself (a disputed invoice is held) is nobody's request. */
static void adopt_new(struct model *m)
{
    int64_t known = m->x.n_wishes ? m->x.wishes[m->x.n_wishes - 1].id : 0, id;
    while ((id = store_i64(m->o.store, 0, "SELECT min(id) FROM proposals WHERE id > ?1 AND verb IN (?2, ?3, ?4, ?5, ?6, ?7) AND requester <> 'policy'", "iiiiiii", known, (int64_t)VERB_HOLD, (int64_t)VERB_EXTEND,
                           (int64_t)VERB_PLAN, (int64_t)VERB_CREDIT, (int64_t)VERB_WRITE_OFF, (int64_t)VERB_SETTLE)) > 0) {
        struct proposal *p = proposal_load(&m->o.e, id);
        adopt(m, p);
        proposal_free(p);
        known = id;
    }
}

static unsigned votes_now(struct model *m, const char *ref)
{
    unsigned bits = 0;
    struct query *q = store_query(m->o.store, "SELECT person FROM votes WHERE subject = ?1 AND vote IN ('yes', 'emergency')", "t", ref);
    while (query_next(q))
        bits |= 1u << person_of(query_text(q, 0));
    return bits;
}

/* Does the card say so too? */
static void card_agrees(struct model *m, const struct wish *w)
{
    struct proposal *p = proposal_load(&m->o.e, w->id);
    struct recovery *r = recovery_load(&m->o.e, p->case_id);
    json_auto_t *card = card_approval(&m->o.e, r, p);
    const char *head = w->stage == ASKED && p->replaces ? "Counter-offer" : heads[w->stage], *title = json_str(card, "title", "");
    must(m, strncmp(title, head, strlen(head)) == 0, "the head of the card says the state", w->id);
    recovery_free(r);
    proposal_free(p);
}

/* An effect that was cancelled (6) never left. */
static void row_agrees(struct model *m, struct wish *w, struct query *q)
{
    const char *have = proposal_state_name((enum proposal_state)query_i64(q, 0));
    AUTO_STR what = str_fmt("it is %s, not %s", have, states[w->stage]);
    must(m, str_eq(have, states[w->stage]), what, w->id);
    must(m, query_i64(q, 1) >= w->revision, "a revision never goes back", w->id);
    must(m, query_i64(q, 2) == (w->stage == DONE), "one effect when it is agreed and its window is over, else none", w->id);
    must(m, query_i64(q, 3) == (w->stage == ASKED), "what is open ends some time, and nothing else does", w->id);
    must(m, query_i64(q, 4) == (w->stage == WINDOW), "what can be undone runs some time, and nothing else does", w->id);
    must(m, query_i64(q, 6) == w->amount || w->stage != ASKED, "what is asked is for what it would be today", w->id);
    w->revision = query_i64(q, 1);
    w->was_reopened = query_i64(q, 5) > 0;
}

static void looked_at(struct model *m, struct wish *w, const char *ref)
{
    AUTO_STR ending = str_fmt(".%s", states[w->stage]);
    int64_t rows = store_i64(m->o.store, 0, "SELECT count(*) FROM journal WHERE ref = ?1 AND substr(verb, instr(verb, '.')) = ?2", "tt", ref, ending);
    must(m, rows > 0, "its state is in the journal", w->id);
    card_agrees(m, w);
    w->card_looked_at = true;
    w->card_stage = w->stage;
}

static void agrees(struct model *m, struct wish *w)
{
    AUTO_STR ref = str_fmt("A-%lld", (long long)w->id);
    bool found = false;
    struct query *q = store_query(m->o.store,
                                  "SELECT state, revision, (SELECT count(*) FROM effects WHERE proposal_id = p.id AND op IN ('plan', 'hold', 'credit', 'write_off') AND state <> 6), (SELECT count(*) FROM "
                                  "timers WHERE kind = 'expire' AND ref = p.id), (SELECT count(*) FROM timers WHERE kind = 'run' AND ref = p.id), (SELECT "
                                  "reopened_as FROM waiting WHERE proposal_id = p.id), amount FROM proposals p WHERE id = ?1",
                                  "i", w->id);
    while (query_next(q)) {
        row_agrees(m, w, q);
        found = true;
    }
    must(m, found, "no request vanishes", w->id);
    must(m, votes_now(m, ref) == w->yes, "the votes are those that were given", w->id);
    if (!w->card_looked_at || w->card_stage != w->stage)
        looked_at(m, w, ref);
}

/* Votes are counted anew whenever facts come, and somebody may have been lent a right since they said yes: then it is agreed, if there are
 * enough that count now. */
static void recounted(struct model *m)
{
    for (int i = 0; i < m->x.n_wishes; i++) {
        struct wish *w = &m->x.wishes[i];
        if (w->stage == ASKED && expect_complete(&m->x, w) &&
            store_i64(m->o.store, 0, "SELECT count(*) FROM proposals WHERE id = ?1 AND state <> ?2 AND decided_ms > 0", "ii", w->id, (int64_t)PROPOSAL_ASKED) == 1)
            agreed(m, w);
    }
}

/* A hold that was asked for or agreed is void when a plan or a settlement has been agreed under which it would end too soon; and while one
 * and the same of these runs, the hold does not end sooner. A plan may be undone: then it stays agreed here, and runs no more. */
static void word_is_kept(struct model *m)
{
    struct instalment first;
    bool agreed = false;
    int64_t runs = plan_of_case(&m->o.e, m->case_id, &first, 1) > 0 ? -first.plan_id : 0;
    int64_t ends_ms = store_i64(m->o.store, 0, "SELECT max(end_ms) FROM holds WHERE case_id = ?1 AND state <= ?2", "ii", m->case_id, (int64_t)HOLD_ACTIVE);
    for (int i = 0; i < m->x.n_wishes; i++) {
        const struct wish *w = &m->x.wishes[i];
        runs = w->stage == WAITS ? w->id : runs;
        agreed = agreed || w->stage == WAITS || (w->is_plan && (w->stage == WINDOW || w->stage == DONE));
    }
    must(m, !runs || runs != m->word_ran || !ends_ms || ends_ms >= m->hold_ended_ms, "a hold under what was agreed does not end sooner", 0);
    m->word_ran = runs;
    m->hold_ended_ms = ends_ms;
    for (int i = 0; (agreed || m->word_agreed) && i < m->x.n_wishes; i++) {
        struct wish *w = &m->x.wishes[i];
        if (!w->is_plan && !expect_gives_up(w) && (w->stage == ASKED || w->stage == WINDOW || w->stage == DONE) &&
            store_i64(m->o.store, 0, "SELECT count(*) FROM proposals WHERE id = ?1 AND state = ?2", "ii", w->id, (int64_t)PROPOSAL_VOIDED) == 1)
            w->stage = VOID;
    }
    m->word_agreed = agreed; /* a plan that is void itself by the next look was agreed until then */
}

static void compare(struct model *m)
{
    char owner[41] = "";
    struct query *q = store_query(m->o.store, "SELECT owner, state FROM recoveries WHERE id = ?1", "i", m->case_id);
    while (query_next(q)) {
        str_copy(owner, sizeof owner, query_text(q, 0));
        m->x.disputed = query_i64(q, 1) == RECOVERY_DISPUTED;
    }
    m->x.owner = person_of(owner);
    recounted(m);
    word_is_kept(m);
    if (m->closed) {
        money_closed(m);
        return;
    }
    adopt_new(m);
    for (int i = 0; i < m->x.n_wishes; i++)
        agrees(m, &m->x.wishes[i]);
}

/* What took the whole schedule: nobody is reminded of what is over or twice, others are asked once and in time, and nobody is called while
 * away or asked in the name of a person. */
static void ends_well(struct model *m)
{
    for (int i = 0; i < m->x.n_wishes; i++) {
        const struct wish *w = &m->x.wishes[i];
        AUTO_STR ref = str_fmt("A-%lld", (long long)w->id);
        int64_t reminded = store_i64(m->o.store, 0, "SELECT count(*) FROM journal WHERE verb = 'request.reminded' AND ref = ?1", "t", ref);
        int64_t escalated = store_i64(m->o.store, 0, "SELECT count(*) FROM journal WHERE verb = 'request.escalated' AND ref = ?1", "t", ref);
        must(m, reminded == w->reminded, "a request is reminded of once, when it is time", w->id);
        must(m, escalated == w->escalated, "the next group is asked once, when it is time", w->id);
        m->ended[w->stage]++;
    }
    for (int i = 0; i < PEOPLE; i++)
        must(m,
             store_i64(m->o.store, 0, "SELECT count(*) FROM pings WHERE person = ?1 AND state = 1 AND id > ?2 AND at_ms < ?3 AND why NOT LIKE '%its hold ends'", "tii",
                       m->x.people[i].key, m->x.people[i].calls_before, m->x.people[i].away_until_ms) == 0,
             "nobody is called while away", 0);
    must(m, office_i64(&m->o, "SELECT count(*) FROM proposals WHERE requester = 'policy' AND asked = 1") == 0, "the machine asks nobody", 0);
    office_proves(&m->o);
}

/* ---- a schedule ---- */

static void schedule(struct model *m, uint64_t seed)
{
    m->seed = seed;
    m->rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    model_begin(m);
    for (int n = 5 + pick(m, 30); n > 0 && !m->closed; n--) {
        m->asker = NOBODY;
        m->facts_moved = false;
        model_event(m);
        compare(m);
    }
    ends_well(m);
}

static bool option_number(const char *arg, const char *value, const char *name, long *out)
{
    if (!value || strcmp(arg, name) != 0)
        return false;
    *out = strtol(value, NULL, 10);
    return true;
}

int main(int argc, char **argv)
{
    long schedules = 1000, first = 1, one = 0;
    struct model m = {0};
    log_level_set(LOG_ERROR);
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!option_number(argv[i], value, "--schedules", &schedules) && !option_number(argv[i], value, "--first", &first) &&
            !option_number(argv[i], value, "--seed", &one))
            return fprintf(stderr, "usage: model [--schedules N] [--first SEED] [--seed SEED]\n"), 2;
    }
    tracing = one > 0;
    if (one) {
        first = one;
        schedules = 1;
    }
    model_open(&m);
    for (long seed = first; seed < first + schedules; seed++)
        schedule(&m, (uint64_t)seed);
    model_close(&m);
    printf("model: %ld schedules from seed %ld: the engine and the model agree; requests ended", schedules, first);
    for (int i = 0; i < STAGES; i++)
        printf("%s %s %ld", i ? "," : "", ends[i], m.ended[i]);
    puts("");
    return 0;
}
