/* The moment in which what was started can be taken back: it waits in the store, runs once, and money never waits for a clock. */
#include "engine/proposal_money.h"
#include "engine/report.h"
#include "tests/unit/patient.h"

#define WINDOW_MS (20 * MS_SECOND)

static struct policy *open_with_window(struct office *o)
{
    office_open(o, false);
    struct policy *before = office_policy_with(o, "expire_hours: 48", "expire_hours: 48, undo_seconds: 20");
    office_event_of(o, 1);
    office_event_of(o, 2);
    office_event_of(o, 3);
    return before;
}

static void close_with_window(struct office *o, struct policy *before)
{
    office_policy_back(o, before);
    office_proves(o);
    office_close(o);
}

static int64_t receipts_of_undo(struct office *o)
{
    return office_i64(o, "SELECT count(*) FROM receipts r JOIN journal j ON j.seq = r.seq WHERE j.verb = 'decision.undo'");
}

static void undo_says(struct office *o, const char *user, int64_t id, const char *answer)
{
    AUTO_STR text = str_fmt("undo A-%lld", (long long)id);
    AUTO_STR said = office_say(o, user, text);
    assert_says(said, answer);
}

static int64_t writes(struct office *o, int64_t id)
{
    return store_i64(o->store, -1, "SELECT count(*) FROM effects WHERE proposal_id = ?1", "i", id);
}

static const struct {
    const char *user, *text;
    int64_t verb;
} started[] = {
    {"U0COL1", "hold acme-east until 2026-12-30 why they call back", VERB_HOLD},
    {"U0AE1", "hold northwind until 2027-01-05 why they call back", VERB_EXTEND},
    {"U0AE2", "plan acme-corp 2x from 2027-01-05", VERB_PLAN},
    {"U0COL1", "link acme-corp", VERB_LINK},
    {"U0COL1", "defer acme-east until 2026-12-28", VERB_DEFER},
    {"U0AE1", "notmine northwind", VERB_REASSIGN},
};

static int64_t start(struct office *o, size_t i)
{
    AUTO_STR said = office_say(o, started[i].user, started[i].text);
    int64_t id = store_i64(o->store, 0, "SELECT max(id) FROM proposals WHERE verb = ?1", "i", started[i].verb);
    AUTO_STR undo = str_fmt("It runs in 20 seconds; until then: undo A-%lld", (long long)id);
    assert_says(said, undo);
    assert_int_equal(office_state(o, id), PROPOSAL_QUEUED);
    assert_int_equal(writes(o, id), 0);
    return id;
}

/* The question before a yes says when it runs and whether it can be undone; and so it is. */
static const struct {
    const char *user, *text, *says;
    bool waits; /* for the time to undo it */
} confirmed[] = {
    {"U0AE1", "plan northwind 6x from 2027-01-05 why x", "It runs at stripe 20 seconds later, and can be undone until then.", true},
    {"U0AE1", "hold northwind until 2027-01-20 why x", "It runs at stripe 20 seconds later, and can be undone until then.", true},
    {"U0COL1", "defer acme-east until 2027-01-10 why x", "It runs at stripe 20 seconds later, and can be undone until then.", true},
    {"U0AE2", "credit acme-corp 100 why x", "It is done at stripe right away and cannot be undone.", false},
    {"U0AE2", "writeoff acme-corp all why x", "It is done at stripe right away and cannot be undone.", false},
    {"U0AE2", "retry acme-corp why x", "It is tried at stripe right away; an attempt cannot be undone.", false},
};

static void the_question_before_a_yes_says_the_truth(void **state)
{
    (void)state;
    for (size_t i = 0; i < DW_ARRAY_LEN(confirmed); i++) {
        struct office o;
        struct policy *before = open_with_window(&o);
        json_put_i64(json_at(o.read[1], "invoices.0"), "attempts", 8);
        office_event_of(&o, 2);
        AUTO_STR asked = office_say(&o, confirmed[i].user, confirmed[i].text);
        assert_says(asked, "Asked for approval");
        int64_t id = store_i64(o.store, 0, "SELECT max(id) FROM proposals WHERE state = 2", "");
        AUTO_STR card = str_fmt("card-A-%lld", (long long)id);
        const json_t *yes = json_at(office_sent(&o, card), "args.card.actions.0");
        assert_says(json_str(yes, "confirm.text", ""), confirmed[i].says);
        AUTO_STR read = office_read_card(json_at(office_sent(&o, card), "args.card")); /* where there are no buttons there is no question */
        AUTO_STR line = str_fmt("When approved: %s", confirmed[i].says);
        assert_says(read, line);
        AUTO_STR said = office_click(&o, "U0MAN1", "approve", json_str(yes, "value", ""));
        assert_says(said, confirmed[i].waits ? "It runs in 20 seconds" : "It is being executed");
        assert_int_equal(writes(&o, id), confirmed[i].waits ? 0 : 1);
        close_with_window(&o, before);
    }
}

static void one_of_two_is_told_what_comes_first(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    struct policy *before = office_policy_with(&o, "expire_hours: 48", "expire_hours: 48, undo_seconds: 0, rules: [{name: two, when: {kinds: [plan]}, need: [{count: 2, of: approver}]}]");
    office_event_of(&o, 2);
    AUTO_STR few = office_say(&o, "U0AE2", "plan acme-corp 6x from 2027-01-05 why x"); /* Milo may only decide up to $100.00 */
    assert_says(few, "There are not enough people");
    office_policy_back(&o, before);
    before = office_policy_with(&o, "expire_hours: 48", "expire_hours: 48, rules: [{name: two, when: {kinds: [credit]}, need: [{count: 2, of: approver}]}]");
    AUTO_STR asked = office_say(&o, "U0AE2", "credit acme-corp 50 why x");
    assert_says(asked, "Asked for approval");
    int64_t id = office_last(&o);
    AUTO_STR card = str_fmt("card-A-%lld", (long long)id);
    const json_t *yes = json_at(office_sent(&o, card), "args.card.actions.0");
    assert_says(json_str(yes, "confirm.text", ""), "It takes 2 of them, 0 so far. When all have agreed: It is done at stripe right away and cannot be undone.");
    assert_int_equal(office_approve(&o, "manager1", id, 0).rc, 0);
    office_turn(&o, NULL, NULL);
    const json_t *last = json_at(office_sent(&o, card), "args.card.actions.0");
    assert_not_says(json_str(last, "confirm.text", ""), "It takes 2");
    close_with_window(&o, before);
}

static void what_is_taken_back_in_time_never_happens(void **state)
{
    (void)state;
    for (size_t i = 0; i < DW_ARRAY_LEN(started); i++) {
        struct office o;
        struct policy *before = open_with_window(&o);
        int64_t id = start(&o, i);
        o.now_ms += WINDOW_MS - 1;
        undo_says(&o, "U0MAN1", id, "only they can undo it");
        undo_says(&o, started[i].user, id, "Nothing has happened");
        assert_int_equal(office_state(&o, id), PROPOSAL_WITHDRAWN);
        office_later(&o, MS_MINUTE);
        assert_int_equal(writes(&o, id), 0);
        assert_int_equal(office_state(&o, id), PROPOSAL_WITHDRAWN);
        undo_says(&o, started[i].user, id, "nothing to undo");
        assert_int_equal(receipts_of_undo(&o), 1);
        struct recovery *r = office_case(&o, "northwind");
        assert_string_equal(r->owner, "ae1");
        recovery_free(r);
        close_with_window(&o, before);
    }
}

static void restart(struct office *o)
{
    struct engine was = o->e;
    engine_init(&o->e, o->store, &was.world);
    o->e.people = was.people;
    o->e.book = was.book;
    o->e.policy = was.policy;
    o->e.chats = was.chats;
    o->e.n_chats = was.n_chats;
    o->e.mail = was.mail;
    engine_fini(&was);
    store_begin(o->store);
    engine_recover(&o->e);
    office_commit(o);
}

static void what_is_left_alone_runs_once_also_after_a_restart(void **state)
{
    (void)state;
    static const char *const reverse[] = {"resume", "move the end", "is undone", "cannot be called back", "move billing's next attempt", "claim"};
    for (size_t i = 0; i < DW_ARRAY_LEN(started) * 2; i++) {
        struct office o;
        size_t k = i / 2;
        struct policy *before = open_with_window(&o);
        int64_t id = start(&o, k);
        o.now_ms += 5 * MS_SECOND;
        office_event_of(&o, 1); /* facts that come meanwhile do not start it */
        office_event_of(&o, 2);
        office_event_of(&o, 3);
        assert_int_equal(writes(&o, id), 0);
        if (i % 2)
            restart(&o);
        office_later(&o, WINDOW_MS);
        assert_int_equal(office_state(&o, id), PROPOSAL_CONFIRMED);
        assert_int_equal(writes(&o, id), started[k].verb == VERB_REASSIGN ? 0 : 1);
        assert_int_equal(office_i64(&o, "SELECT count(*) FROM timers WHERE kind = 'run'"), 0);
        undo_says(&o, started[k].user, id, reverse[k]);
        office_later(&o, MS_MINUTE);
        assert_int_equal(writes(&o, id), started[k].verb == VERB_REASSIGN ? 0 : 1);
        close_with_window(&o, before);
    }
}

static void an_approved_plan_can_be_taken_back_by_who_decided(void **state)
{
    (void)state;
    struct office o;
    struct policy *before = open_with_window(&o);
    assert_int_equal(office_plan(&o, "ae1", "northwind", 6, "renewal").rc, 0);
    int64_t id = office_last(&o);
    office_turn(&o, NULL, NULL);
    struct done d = office_approve(&o, "manager1", id, 0);
    assert_says(d.said, "It runs in 20 seconds; until then: undo A-");
    office_turn(&o, NULL, NULL);
    const json_t *sent = office_sent(&o, "card-A-");
    assert_string_equal(json_str(sent, "args.card.actions.0.id", ""), "undo");
    AUTO_STR card = office_read_card(json_at(sent, "args.card"));
    assert_says(card, "Approved, runs in a moment");
    assert_says(card, "runs {ago:");
    AUTO_STR value = str_dup(json_str(sent, "args.card.actions.0.value", ""));
    AUTO_STR said = office_click(&o, "U0MAN1", "undo", value);
    assert_says(said, "Nothing has happened");
    office_later(&o, MS_MINUTE);
    assert_int_equal(writes(&o, id), 0);
    close_with_window(&o, before);
}

static void each_of_those_whose_yes_it_took_can_undo(void **state)
{
    (void)state;
    static const char *const users[] = {"U0MAN1", "U0FIN1", "U0AE1"};
    for (size_t i = 0; i < DW_ARRAY_LEN(users); i++) {
        struct office o;
        office_patient(&o, "approvals: {expire_hours: 48, undo_seconds: 20, rules: [{name: two, need: [{count: 1, of: manager}, {count: 1, of: finance}]}]}");
        office_event_of(&o, 1);
        assert_int_equal(office_plan(&o, "ae1", "northwind", 6, "renewal").rc, 0);
        int64_t id = office_last(&o);
        assert_int_equal(office_approve(&o, "manager1", id, 0).rc, 0);
        assert_int_equal(office_i64(&o, "SELECT count(*) FROM timers WHERE kind = 'run'"), 0);
        assert_int_equal(office_approve(&o, "finance1", id, 0).rc, 0);
        assert_int_equal(office_i64(&o, "SELECT count(*) FROM timers WHERE kind = 'run'"), 1);
        undo_says(&o, "U0AE2", id, "only they can undo it");
        undo_says(&o, users[i], id, "Nothing has happened");
        office_later(&o, MS_MINUTE);
        assert_int_equal(writes(&o, id), 0);
        office_proves(&o);
        office_close(&o);
    }
}

static void what_was_undone_was_overturned_and_to_undo_is_no_vote(void **state)
{
    (void)state;
    struct office o;
    struct policy *before = open_with_window(&o);
    assert_int_equal(office_plan(&o, "ae1", "northwind", 6, "renewal").rc, 0);
    int64_t id = office_last(&o);
    assert_int_equal(office_approve(&o, "manager1", id, 0).rc, 0);
    office_later(&o, WINDOW_MS);
    assert_int_equal(office_state(&o, id), PROPOSAL_CONFIRMED);
    undo_says(&o, "U0MAN1", id, "is undone");
    json_auto_t *report = report_approvals(o.store, 0, o.now_ms + 1);
    const json_t *row = json_array_get(json_at(report, "rows"), 0);
    assert_int_equal(json_array_size(json_at(report, "rows")), 1);
    assert_string_equal(json_str(row, "person", ""), "manager1");
    assert_int_equal(json_i64(row, "decided", 0), 1);
    assert_int_equal(json_i64(row, "overturned", 0), 1);
    close_with_window(&o, before);
}

static void a_plan_is_ended_until_its_first_instalment(void **state)
{
    (void)state;
    struct office o;
    struct policy *before = open_with_window(&o);
    int64_t id = start(&o, 2);
    office_later(&o, WINDOW_MS);
    o.now_ms += 30 * MS_DAY; /* the first date is past */
    undo_says(&o, "U0AE2", id, "first instalment has begun");
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM plans WHERE state = 'running'"), 1);
    close_with_window(&o, before);
}

static void money_never_waits_for_a_clock(void **state)
{
    (void)state;
    static const char *const texts[] = {"credit acme-corp 100 why downtime", "writeoff acme-corp why bankrupt", "settle acme-corp 600 by 2027-01-15 why closing"};
    for (size_t i = 0; i < DW_ARRAY_LEN(texts); i++) {
        struct office o;
        struct policy *before = open_with_window(&o);
        AUTO_STR said = office_say(&o, "U0AE2", texts[i]);
        assert_says(said, "Asked for approval");
        int64_t id = office_last(&o);
        assert_int_equal(office_approve(&o, "manager1", id, 0).rc, 0);
        assert_int_equal(office_i64(&o, "SELECT count(*) FROM timers WHERE kind = 'run'"), 0);
        assert_int_equal(writes(&o, id), i < 2 ? 1 : 0);
        undo_says(&o, "U0AE2", id, "annot be undone");
        close_with_window(&o, before);
    }
}

static void the_machine_does_not_wait(void **state)
{
    (void)state;
    struct office o;
    struct policy *before = open_with_window(&o);
    office_is(&o, "SELECT count(*) FROM proposals WHERE requester = 'policy' AND verb = 0 AND state = 11", 2, "policy's own holds are confirmed at once");
    close_with_window(&o, before);
}

static void payment_in_between_takes_it_back(void **state)
{
    (void)state;
    struct office o;
    struct policy *before = open_with_window(&o);
    int64_t id = start(&o, 2);
    office_paid(&o, 2);
    assert_int_equal(office_state(&o, id), PROPOSAL_WITHDRAWN);
    office_later(&o, MS_MINUTE);
    assert_int_equal(writes(&o, id), 0);
    close_with_window(&o, before);
}

static void a_plan_that_waits_does_not_begin_on_a_dispute(void **state)
{
    (void)state;
    struct office o;
    struct policy *before = open_with_window(&o);
    int64_t id = start(&o, 2);
    free(office_say(&o, "U0AE2", "dispute acme-corp billed twice"));
    assert_int_equal(office_state(&o, id), PROPOSAL_VOIDED);
    office_later(&o, MS_MINUTE);
    assert_int_equal(writes(&o, id), 0);
    office_is(&o, "SELECT count(*) FROM recoveries WHERE account = 'acme-corp' AND state = 7", 1, "disputed");
    close_with_window(&o, before);
}

/* The word comes before the timer that is due in the same moment. */
static void when_its_time_is_over_it_is_too_late(void **state)
{
    (void)state;
    struct office o;
    struct policy *before = open_with_window(&o);
    int64_t id = start(&o, 0);
    o.now_ms += WINDOW_MS;
    undo_says(&o, started[0].user, id, "too late");
    assert_int_equal(office_state(&o, id), PROPOSAL_CONFIRMED);
    close_with_window(&o, before);
}

/* While it waits for its moment, more falls due, or in a currency nobody agreed to: what was agreed is not what would run. */
static void what_no_longer_fits_does_not_run_at_its_moment(void **state)
{
    (void)state;
    for (int changed = 0; changed < 3; changed++) {
        struct office o;
        struct policy *before = open_with_window(&o);
        int64_t id = start(&o, 2);
        office_begin(&o);
        if (changed == 1)
            store_run(o.store, "UPDATE recoveries SET due = due + 1 WHERE account = 'acme-corp'", "");
        if (changed == 2)
            store_run(o.store, "UPDATE recoveries SET currency = 'EUR' WHERE account = 'acme-corp'", "");
        office_commit(&o);
        office_later(&o, WINDOW_MS);
        assert_int_equal(office_state(&o, id), changed ? PROPOSAL_VOIDED : PROPOSAL_CONFIRMED);
        assert_int_equal(office_i64(&o, "SELECT count(*) FROM effects WHERE op = 'plan'"), !changed);
        close_with_window(&o, before);
    }
}

/* Who lets notices resume has the last word: what was to hold them longer, or is still asked of a manager, does not begin after it. */
static void who_resumes_takes_back_what_waits(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } longer[] = {
        {"hold northwind until 2027-01-05", "It runs in 20 seconds"},
        {"hold northwind until 2027-01-20 why they asked for time", "Asked for approval"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(longer); i++) {
        struct office o;
        struct policy *before = open_with_window(&o);
        office_says(&o, "U0AE1", longer[i].text, longer[i].says);
        int64_t id = office_last(&o);
        office_says(&o, "U0AE1", "resume northwind", "resume");
        assert_int_equal(office_state(&o, id), PROPOSAL_WITHDRAWN);
        office_is(&o, "SELECT count(*) FROM timers WHERE kind IN ('run', 'expire')", 0, "and no clock runs for it");
        for (int n = 0; n < 3; n++)
            office_later(&o, WINDOW_MS);
        assert_int_equal(writes(&o, id), 0);
        office_is(&o, "SELECT count(*) FROM holds WHERE case_id = 1 AND is_live = 1", 0, "nothing is held");
        close_with_window(&o, before);
    }
}

/* But a hold that ends by itself in these seconds does not take its extension with it. */
static void what_extends_a_hold_at_its_end_is_not_lost(void **state)
{
    (void)state;
    struct office o;
    struct policy *before = open_with_window(&o);
    o.now_ms = office_i64(&o, "SELECT end_ms FROM holds") - 10 * MS_SECOND;
    office_event_of(&o, 1);
    int64_t id = start(&o, 1);
    office_later(&o, 11 * MS_SECOND);
    assert_int_equal(office_state(&o, id), PROPOSAL_QUEUED);
    office_later(&o, WINDOW_MS);
    assert_int_equal(office_state(&o, id), PROPOSAL_CONFIRMED);
    office_is(&o, "SELECT count(*) FROM holds WHERE case_id = 1 AND state = 1", 1, "held");
    close_with_window(&o, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_question_before_a_yes_says_the_truth), cmocka_unit_test(one_of_two_is_told_what_comes_first),
        cmocka_unit_test(what_is_taken_back_in_time_never_happens),
        cmocka_unit_test(what_no_longer_fits_does_not_run_at_its_moment),
        cmocka_unit_test(what_is_left_alone_runs_once_also_after_a_restart),
        cmocka_unit_test(an_approved_plan_can_be_taken_back_by_who_decided),
        cmocka_unit_test(each_of_those_whose_yes_it_took_can_undo),
        cmocka_unit_test(what_was_undone_was_overturned_and_to_undo_is_no_vote),
        cmocka_unit_test(a_plan_is_ended_until_its_first_instalment),
        cmocka_unit_test(money_never_waits_for_a_clock),
        cmocka_unit_test(the_machine_does_not_wait),
        cmocka_unit_test(payment_in_between_takes_it_back),
        cmocka_unit_test(who_resumes_takes_back_what_waits),
        cmocka_unit_test(what_extends_a_hold_at_its_end_is_not_lost),
        cmocka_unit_test(a_plan_that_waits_does_not_begin_on_a_dispute),
        cmocka_unit_test(when_its_time_is_over_it_is_too_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
