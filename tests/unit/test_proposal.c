/* Proposals: every state against everything that can come in, as a table; then who may decide on what, and what happens when
 * the world moves between the asking and the doing. */
#include "tests/unit/cases.h"

/* ---- every state, every input ---- */

static int64_t make_asked(struct office *o)
{
    office_event_of(o, 1);
    struct done d = office_plan(o, "ae1", "northwind", 6, "renewal in flight");
    if (d.rc != 0)
        fail_msg("%s", d.err.text);
    assert_int_equal(office_state(o, office_last(o)), PROPOSAL_ASKED);
    return office_last(o);
}

static int64_t make_approved(struct office *o)
{
    int64_t id = make_asked(o);
    assert_int_equal(office_approve(o, "manager1", id, 0).rc, 0);
    return id;
}

static int64_t make_executing(struct office *o)
{
    int64_t id = make_approved(o);
    office_out(o);
    return id;
}

static int64_t make_unknown(struct office *o)
{
    int64_t id = make_approved(o);
    o->biller_silent = true;
    office_turn(o, NULL, NULL);
    return id;
}

static int64_t make_confirmed(struct office *o)
{
    int64_t id = make_approved(o);
    office_turn(o, NULL, NULL);
    return id;
}

static int64_t make_failed(struct office *o)
{
    int64_t id = make_approved(o);
    o->biller_says_no = true;
    office_turn(o, NULL, NULL);
    return id;
}

static int64_t make_parked(struct office *o)
{
    int64_t id = make_asked(o);
    office_later(o, 49 * MS_HOUR);
    return id;
}

static int64_t make_voided(struct office *o)
{
    int64_t id = make_asked(o);
    office_rebill(o, 1, 9900000, "S");
    office_event_of(o, 1);
    return id;
}

static int64_t make_paid(struct office *o)
{
    int64_t id = make_asked(o);
    office_paid(o, 1);
    return id;
}

static struct done act(struct office *o, const char *input, int64_t id);

static int64_t make_declined(struct office *o)
{
    int64_t id = make_asked(o);
    act(o, "decline", id);
    return id;
}

static int64_t make_countered(struct office *o)
{
    int64_t id = make_asked(o);
    act(o, "counter", id);
    return id;
}

static int64_t make_withdrawn(struct office *o)
{
    int64_t id = make_asked(o);
    act(o, "withdraw", id);
    return id;
}

static int64_t make_after_restart(struct office *o)
{
    int64_t id = make_asked(o);
    struct engine was = o->e;
    engine_init(&o->e, o->store, &was.world); /* nothing is kept in memory that counts */
    o->e.people = was.people;
    o->e.book = was.book;
    o->e.policy = was.policy;
    o->e.chats = was.chats;
    o->e.n_chats = was.n_chats;
    o->e.mail = was.mail;
    engine_fini(&was);
    return id;
}

/* "approve by ae2", "approve at 1", "decline", ... */
static struct done act(struct office *o, const char *input, int64_t id)
{
    struct done d = {0};
    const char *by = strstr(input, " by "), *at = strstr(input, " at ");
    bool withdraws = strncmp(input, "withdraw", 8) == 0;
    struct actor a = office_actor(o, by ? by + 4 : withdraws ? "ae1" : "manager1");
    int64_t revision = at ? strtol(at + 4, NULL, 10) : 0;
    office_begin(o);
    if (strncmp(input, "approve", 7) == 0)
        d.rc = proposal_approve(&o->e, id, &a, revision, "", d.said, sizeof d.said, &d.err);
    else if (strncmp(input, "decline", 7) == 0)
        d.rc = proposal_decline(&o->e, id, &a, revision, strstr(input, "silently") ? "" : "not now", d.said, sizeof d.said, &d.err);
    else if (strncmp(input, "counter", 7) == 0)
        d.rc = proposal_counter(&o->e, id, &a, strstr(input, "x99") ? 99 : 3, 0, "faster", d.said, sizeof d.said, &d.err);
    else if (withdraws)
        d.rc = proposal_withdraw(&o->e, id, &a, "", d.said, sizeof d.said, &d.err);
    else
        proposal_expire(&o->e, id);
    office_commit(o);
    return d;
}

static const struct {
    const char *name;
    int64_t (*make)(struct office *o);
    enum proposal_state state;
    const char *says; /* of a decision that comes too late */
} ends[] = {
    {"queued", make_approved, PROPOSAL_QUEUED, "already decided by Mara Manager"},
    {"executing", make_executing, PROPOSAL_EXECUTING, "already decided by Mara Manager"},
    {"unknown", make_unknown, PROPOSAL_UNKNOWN, "already decided by Mara Manager"},
    {"confirmed", make_confirmed, PROPOSAL_CONFIRMED, "already decided by Mara Manager"},
    {"failed", make_failed, PROPOSAL_FAILED, "already decided by Mara Manager"},
    {"declined", make_declined, PROPOSAL_DECLINED, "already decided by Mara Manager"},
    {"countered", make_countered, PROPOSAL_COUNTERED, "already decided by Mara Manager"},
    {"parked", make_parked, PROPOSAL_PARKED, "nobody decided in time"},
    {"voided", make_voided, PROPOSAL_VOIDED, "not open for a decision"},
    {"withdrawn", make_withdrawn, PROPOSAL_WITHDRAWN, "withdrawn by Ana Executive"},
    {"paid", make_paid, PROPOSAL_WITHDRAWN, "the case is closed: paid"},
};

static const struct {
    const char *input;
    int rc;
    enum proposal_state then;
    const char *says;
} asked[] = {
    {"approve", 0, PROPOSAL_QUEUED, "Approved"},
    {"approve at 2", 0, PROPOSAL_QUEUED, "Approved"},
    {"approve at 1", ERR_STALE, PROPOSAL_ASKED, "older than the request"},
    {"approve at 3", ERR_STALE, PROPOSAL_ASKED, "older than the request"},
    {"approve by ae1", ERR_DENIED, PROPOSAL_ASKED, "your own request"},
    {"approve by ae2", ERR_DENIED, PROPOSAL_ASKED, "for a manager or finance"},
    {"approve by col1", ERR_DENIED, PROPOSAL_ASKED, "for a manager or finance"},
    {"approve by op1", ERR_DENIED, PROPOSAL_ASKED, "for a manager or finance"},
    {"approve by manager2", ERR_DENIED, PROPOSAL_ASKED, "your limit is $100.00"},
    {"decline", 0, PROPOSAL_DECLINED, "Declined"},
    {"decline silently", ERR_INVALID, PROPOSAL_ASKED, "Say why"},
    {"decline at 1", ERR_STALE, PROPOSAL_ASKED, "older than the request"},
    {"decline by ae1", ERR_DENIED, PROPOSAL_ASKED, "your own request"},
    {"decline by manager2", ERR_DENIED, PROPOSAL_ASKED, "your limit"},
    {"counter", 0, PROPOSAL_COUNTERED, "Counter-offer"},
    {"counter x99", ERR_INVALID, PROPOSAL_ASKED, "99"},
    {"counter by ae1", ERR_DENIED, PROPOSAL_ASKED, "your own request"},
    {"counter by manager2", ERR_DENIED, PROPOSAL_ASKED, "your limit"},
    {"withdraw", 0, PROPOSAL_WITHDRAWN, "Withdrawn"},
    {"withdraw by manager1", ERR_DENIED, PROPOSAL_ASKED, "only they can withdraw"},
    {"expire", 0, PROPOSAL_PARKED, ""},
};

static const char *const inputs[] = {"approve", "approve at 2", "decline", "counter", "withdraw", "expire"};

static void check(struct office *o, int64_t id, const char *name, const char *input, int rc, enum proposal_state then, const char *says)
{
    int64_t votes = office_i64(o, "SELECT count(*) FROM votes"), effects = office_i64(o, "SELECT count(*) FROM effects");
    struct done d = act(o, input, id);
    enum proposal_state now = office_state(o, id);
    const char *words = d.rc == 0 ? d.said : d.err.text;
    if (d.rc != rc || now != then || (says[0] && !strstr(words, says)))
        fail_msg("%s + %s: %d %s \"%s\", not %d %s \"%s\"", name, input, d.rc, proposal_state_name(now), words, rc, proposal_state_name(then), says);
    if (d.rc != 0) {
        assert_int_equal(office_i64(o, "SELECT count(*) FROM votes"), votes);
        assert_int_equal(office_i64(o, "SELECT count(*) FROM effects"), effects);
    }
    office_proves(o);
}

static void what_is_asked_takes_one_decision(void **state)
{
    (void)state;
    for (size_t i = 0; i < DW_ARRAY_LEN(asked) * 2; i++) {
        struct office o;
        office_open(&o, false);
        bool restarted = i >= DW_ARRAY_LEN(asked);
        size_t k = i % DW_ARRAY_LEN(asked);
        int64_t id = restarted ? make_after_restart(&o) : make_asked(&o);
        check(&o, id, restarted ? "asked, restarted" : "asked", asked[k].input, asked[k].rc, asked[k].then, asked[k].says);
        office_close(&o);
    }
}

static void what_has_ended_takes_no_decision(void **state)
{
    (void)state;
    for (size_t i = 0; i < DW_ARRAY_LEN(ends); i++) {
        struct office o;
        office_open(&o, false);
        int64_t id = ends[i].make(&o);
        assert_int_equal(office_state(&o, id), ends[i].state);
        for (size_t k = 0; k < DW_ARRAY_LEN(inputs); k++) {
            bool silent = strcmp(inputs[k], "expire") == 0;
            check(&o, id, ends[i].name, inputs[k], silent ? 0 : ERR_CONFLICT, ends[i].state, silent ? "" : ends[i].says);
        }
        office_close(&o);
    }
}

/* ---- rights ---- */

static void another_currency_is_another_right(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    int64_t id = make_asked(&o);
    office_begin(&o);
    store_run(o.store, "UPDATE proposals SET currency = 'EUR' WHERE id = ?1", "i", id);
    office_commit(&o);
    struct done d = office_approve(&o, "manager1", id, 0);
    assert_int_equal(d.rc, ERR_DENIED);
    assert_says(d.err.text, "not set in that currency");
    office_close(&o);
}

static void a_counter_is_accepted_by_whoever_asked(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    int64_t first = make_countered(&o), offer = office_last(&o);
    assert_int_equal(offer, first + 1);
    check(&o, offer, "offer", "approve by manager1", ERR_DENIED, PROPOSAL_ASKED, "your own request");
    check(&o, offer, "offer", "approve by ae2", ERR_DENIED, PROPOSAL_ASKED, "manager or finance");
    check(&o, offer, "offer", "approve by ae1", 0, PROPOSAL_QUEUED, "Approved");
    office_close(&o);
}

/* A counter-offer is only worth what the one who makes it could approve. */
static void a_counter_lends_no_right(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    int64_t first = make_countered(&o), offer = office_last(&o);
    check(&o, offer, "offer", "counter by ae1", 0, PROPOSAL_COUNTERED, "Counter-offer");
    int64_t back = office_last(&o);
    assert_true(back > offer && offer > first);
    office_begin(&o);
    store_run(o.store, "UPDATE proposals SET amount = 20000000 WHERE id = ?1", "i", back); /* beyond manager1's limit */
    office_commit(&o);
    check(&o, back, "offer back", "approve by manager1", ERR_DENIED, PROPOSAL_ASKED, "your limit is $100,000.00");
    office_close(&o);
}

static void a_counter_to_another_amount_is_void(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    int64_t id = make_asked(&o);
    office_begin(&o); /* more became due, and nobody has rechecked yet */
    store_run(o.store, "UPDATE recoveries SET due = due + 1", "");
    office_commit(&o);
    struct done d = act(&o, "counter", id);
    assert_int_equal(d.rc, 0);
    assert_says(d.said, "void");
    assert_int_equal(office_state(&o, id), PROPOSAL_VOIDED);
    assert_int_equal(office_state(&o, office_last(&o)), PROPOSAL_ASKED); /* again, for what is due now */
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM proposals WHERE replaces > 0"), 0);
    office_close(&o);
}

static void a_counter_is_not_offered_again_for_more(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    struct person *other = (struct person *)(uintptr_t)people_by_key(o.people, "manager2");
    other->limits[0].minor = 10000000; /* somebody who could decide on it */
    make_countered(&o);
    int64_t offer = office_last(&o);
    office_rebill(&o, 1, 5820000, "S");
    office_event_of(&o, 1);
    assert_int_equal(office_state(&o, offer), PROPOSAL_VOIDED);
    assert_int_equal(office_last(&o), offer); /* the manager never offered that */
    office_close(&o);
}

/* A request of a person's own is asked again, and the old card decides nothing. */
static void worse_facts_ask_again_and_better_ones_lower(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    int64_t id = make_asked(&o);
    office_rebill(&o, 1, 5820000, "S");
    office_event_of(&o, 1);
    assert_int_equal(office_state(&o, id), PROPOSAL_VOIDED);
    int64_t fresh = office_last(&o);
    assert_true(fresh > id);
    assert_int_equal(office_state(&o, fresh), PROPOSAL_ASKED);
    office_rebill(&o, 1, 5000000, "S");
    office_event_of(&o, 1);
    assert_int_equal(office_last(&o), fresh);
    struct done d = office_approve(&o, "manager1", fresh, 2);
    assert_int_equal(d.rc, ERR_STALE); /* the card showed another amount */
    assert_int_equal(office_approve(&o, "manager1", fresh, 3).rc, 0);
    office_turn(&o, NULL, NULL);
    office_is(&o, "SELECT sum(amount) FROM instalments", 5000000, "for what is due");
    office_close(&o);
}

static void nobody_else_could_approve(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    struct done d = office_plan(&o, "manager1", "northwind", 6, "renewal");
    assert_int_equal(d.rc, ERR_DENIED);
    assert_says(d.err.text, "Nobody but you");
    assert_int_equal(office_plan(&o, "ae2", "northwind", 6, "x").rc, ERR_DENIED); /* not their account */
    assert_int_equal(office_plan(&o, "ae1", "northwind", 6, "").rc, ERR_INVALID); /* a reason is needed */
    assert_int_equal(office_plan(&o, "ae1", "northwind", 40, "x").rc, ERR_INVALID);
    assert_int_equal(office_plan(&o, "ae1", "northwind", 6, "x").rc, 0);
    d = office_plan(&o, "ae1", "northwind", 3, "x");
    assert_int_equal(d.rc, ERR_CONFLICT); /* one at a time */
    assert_says(d.err.text, "already under way");
    office_close(&o);
}

/* ---- the world moves ---- */

static void a_changed_amount_voids_at_the_click(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    int64_t id = make_asked(&o);
    office_begin(&o);
    store_run(o.store, "UPDATE recoveries SET due = due + 100", "");
    office_commit(&o);
    struct done d = office_approve(&o, "manager1", id, 0);
    assert_int_equal(d.rc, 0);
    assert_says(d.said, "not approved but is void");
    assert_int_equal(office_state(&o, id), PROPOSAL_VOIDED);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM effects WHERE op = 'plan'"), 0);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM votes"), 0);
    office_close(&o);
}

static void stale_facts_are_read_before_anything_leaves(void **state)
{
    (void)state;
    for (int worse = 0; worse < 2; worse++) {
        struct office o;
        office_open(&o, false);
        int64_t id = make_asked(&o);
        o.now_ms += 2 * MS_HOUR;
        if (worse)
            office_rebill(&o, 1, 4820001, "S");
        struct done d = office_approve(&o, "manager1", id, 0);
        assert_int_equal(d.rc, 0);
        assert_says(d.said, "has all it needs");
        assert_int_equal(office_state(&o, id), PROPOSAL_ASKED); /* with its vote, for the reading */
        assert_int_equal(office_i64(&o, "SELECT count(*) FROM effects WHERE op = 'plan'"), 0);
        office_turn(&o, NULL, NULL);
        assert_int_equal(office_state(&o, id), worse ? PROPOSAL_VOIDED : PROPOSAL_CONFIRMED);
        assert_int_equal(office_i64(&o, "SELECT count(*) FROM effects WHERE op = 'plan'"), !worse);
        office_close(&o);
    }
}

static void asking_on_stale_facts_reads_them_first(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    o.now_ms += 2 * MS_HOUR;
    struct done d = office_plan(&o, "ae1", "northwind", 3, "x");
    assert_int_equal(d.rc, ERR_STALE);
    office_turn(&o, NULL, NULL);
    assert_int_equal(office_plan(&o, "ae1", "northwind", 3, "x").rc, 0);
    office_close(&o);
}

static void one_effect_under_one_key(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    int64_t id = make_confirmed(&o);
    char key[40];
    snprintf(key, sizeof key, "dunwell-p%lld", (long long)id);
    assert_int_equal(store_i64(o.store, 0, "SELECT count(*) FROM effects WHERE dedupe = ?1 AND proposal_id = ?2", "ti", key, id), 1);
    assert_int_equal(store_i64(o.store, 0, "SELECT count(*) FROM votes WHERE subject = 'A-' || ?1", "i", id), 1);
    struct proposal *p = proposal_load(&o.e, id);
    assert_string_equal(p->vendor_id, "plan_77");
    assert_string_equal(p->decider, "manager1");
    assert_says(p->right, "manager, up to $100,000.00");
    proposal_free(p);
    office_close(&o);
}

static void in_shadow_mode_nothing_is_ever_queued(void **state)
{
    (void)state;
    static const char *const says[] = {"plan northwind 3x from 2026-12-28", "plan acme-corp 2x from 2026-12-28", "hold acme-corp until 2026-12-30 why x",
                                       "link acme-corp", "retry acme-corp", "dispute acme-corp wrong", "plan northwind 8x from 2026-12-28 why renewal",
                                       "resume northwind", "promise studio 10 by 2026-12-29", "claim studio"};
    struct office o;
    office_open(&o, true);
    for (int i = 1; i <= 4; i++)
        office_event_of(&o, i);
    for (size_t i = 0; i < DW_ARRAY_LEN(says); i++)
        free(office_say(&o, "U0COL1", says[i]));
    int64_t asks = office_i64(&o, "SELECT coalesce(max(id), 0) FROM proposals WHERE state = 2");
    if (asks) {
        AUTO_STR yes = str_fmt("approve A-%lld", (long long)asks);
        free(office_say(&o, "U0MAN1", yes));
    }
    AUTO_STR recorded = office_say(&o, "U0MAN1", "approve A-1");
    assert_says(recorded, "A-1 was recorded in shadow mode: there is nothing to decide");
    for (int day = 0; day < 40; day++)
        office_later(&o, MS_DAY);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM effects WHERE proposal_id > 0 OR purpose = 'mail'"), 0);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM effects WHERE driver <> 'slack' AND op <> 'read'"), 0);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM proposals WHERE state NOT IN (1, 2, 5, 7)"), 0);
    assert_true(office_i64(&o, "SELECT count(*) FROM proposals WHERE state = 1") > 3);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM holds"), 0);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM timers WHERE kind IN ('retry', 'hold_end', 'instalment')"), 0);
    office_close(&o);
}

/* Terms that were inside the outer bound when they were asked, and policy has drawn it closer since. */
static void what_policy_refuses_by_now_is_void(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    assert_int_equal(office_plan(&o, "ae1", "northwind", 6, "renewal in flight").rc, 0);
    int64_t id = office_last(&o);
    struct policy *before = office_policy_with(&o, "manager: {instalments: 12", "manager: {instalments: 4");
    struct done d = office_approve(&o, "manager1", id, 0);
    assert_says(d.said, "is void");
    assert_int_equal(office_state(&o, id), PROPOSAL_VOIDED);
    office_policy_back(&o, before);
    office_close(&o);
}

/* Who has paid before billing answered with a link is not mailed it. */
static void a_link_that_comes_late_is_not_mailed(void **state)
{
    (void)state;
    for (int paid = 0; paid < 2; paid++) {
        struct office o;
        office_open(&o, false);
        o.makes_links = true;
        office_event_of(&o, 1);
        o.biller_silent = true;
        AUTO_STR said = office_say(&o, "U0AE1", "link northwind");
        assert_says(said, "The link goes to");
        office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 5 AND state = 10", 1, "nobody knows whether there is a link");
        if (paid)
            office_paid(&o, 1);
        o.biller_silent = false;
        office_later(&o, 2 * MS_MINUTE);
        office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 5 AND state = 11", 1, "there is");
        office_is(&o, "SELECT count(*) FROM effects WHERE op = 'mail'", !paid, paid ? "nobody is asked to pay again" : "mailed");
        office_proves(&o);
        office_close(&o);
    }
}

static void asked_of(struct office *o, struct recovery *r, int rc, const char *says)
{
    char said[600];
    struct actor ae = office_actor(o, "ae1");
    for (int i = 0; i < 3; i++) {
        struct err err = {0};
        int is = i == 0   ? proposal_plan(&o->e, r, &ae, 2, o->now_ms + 10 * MS_DAY, "renewal in flight", said, sizeof said, &err)
                 : i == 1 ? proposal_hold(&o->e, r, &ae, o->now_ms + 10 * MS_DAY, "renewal in flight", said, sizeof said, &err)
                          : proposal_retry(&o->e, r, &ae, "renewal in flight", said, sizeof said, &err);
        assert_int_equal(is, rc);
        assert_says(err.text, says);
    }
}

/* Of a case that is closed, or whose facts are being read at this moment, nothing is asked. */
static void nothing_is_asked_of_what_is_closed_or_not_read(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    int64_t last = office_last(&o);
    struct recovery *r = office_case(&o, "northwind");
    int64_t id = r->id;
    office_begin(&o);
    r->state = RECOVERY_READING;
    asked_of(&o, r, ERR_STALE, "are still being read; please repeat that in a few seconds");
    office_commit(&o);
    recovery_free(r);
    assert_int_equal(office_last(&o), last);
    office_paid(&o, 1);
    last = office_last(&o);
    office_begin(&o);
    r = recovery_load(&o.e, id);
    assert_int_equal(r->state, RECOVERY_CLOSED);
    asked_of(&o, r, ERR_CONFLICT, "is closed (paid); there is nothing to do");
    office_commit(&o);
    recovery_free(r);
    assert_int_equal(office_last(&o), last);
    office_proves(&o);
    office_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_takes_one_decision),
        cmocka_unit_test(what_has_ended_takes_no_decision),
        cmocka_unit_test(another_currency_is_another_right),
        cmocka_unit_test(a_counter_is_accepted_by_whoever_asked),
        cmocka_unit_test(a_counter_lends_no_right),
        cmocka_unit_test(a_counter_to_another_amount_is_void),
        cmocka_unit_test(a_counter_is_not_offered_again_for_more),
        cmocka_unit_test(worse_facts_ask_again_and_better_ones_lower),
        cmocka_unit_test(nobody_else_could_approve),
        cmocka_unit_test(a_changed_amount_voids_at_the_click),
        cmocka_unit_test(stale_facts_are_read_before_anything_leaves),
        cmocka_unit_test(asking_on_stale_facts_reads_them_first),
        cmocka_unit_test(one_effect_under_one_key),
        cmocka_unit_test(in_shadow_mode_nothing_is_ever_queued),
        cmocka_unit_test(what_policy_refuses_by_now_is_void),
        cmocka_unit_test(a_link_that_comes_late_is_not_mailed),
        cmocka_unit_test(nothing_is_asked_of_what_is_closed_or_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
