/* Who may ask for what, and when: whoever does not work a case changes nothing of it, and of a case that is being read, is disputed or
 * has ended nothing is asked that does not fit it. */
#include "engine/proposal_internal.h"
#include "tests/unit/cases.h"

static struct office o;

static int setup(void **state)
{
    *state = &o;
    office_open(&o, false);
    office_event_of(&o, 1); /* held, and Ana's */
    office_event_of(&o, 2); /* Otto's */
    return 0;
}

static int64_t proposals(void)
{
    return office_i64(&o, "SELECT count(*) FROM proposals");
}

/* What can be asked of a case: the verb, and what stands behind the account. */
static const char *const asks[][2] = {{"plan", "3x from 2027-01-05"},
                                      {"hold", "until 2026-12-28"},
                                      {"retry", ""},
                                      {"credit", "100 why downtime"},
                                      {"writeoff", "all why bankrupt"},
                                      {"settle", "1000 by 2027-01-15 why they close down"},
                                      {"defer", "until 2026-12-28"}};

static void who_does_not_work_the_case_asks_for_nothing(void **state)
{
    (void)state;
    int64_t before = proposals(), held = office_i64(&o, "SELECT count(*) FROM holds WHERE state = 1");
    for (size_t i = 0; i < DW_ARRAY_LEN(asks); i++) {
        AUTO_STR text = str_fmt("%s northwind %s", asks[i][0], asks[i][1]);
        office_says(&o, "U0AE2", text, "This is for the account's AE, a collector or a manager. Ask Ana Executive.");
    }
    office_says(&o, "U0AE2", "resume northwind", "This is for the account's AE, a collector or a manager.");
    assert_int_equal(proposals(), before);
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 1", held, "and what is held is held");
}

/* Terms are bound to facts: while these come, there are none. */
static void nothing_is_asked_of_facts_that_are_being_read(void **state)
{
    (void)state;
    int64_t before = proposals();
    for (size_t i = 0; i < DW_ARRAY_LEN(asks); i++) {
        office_begin(&o);
        struct recovery *r = office_case(&o, "acme-corp");
        store_run(o.store, "UPDATE recoveries SET state = ?2 WHERE id = ?1", "ii", r->id, (int64_t)RECOVERY_READING);
        recovery_free(r);
        office_commit(&o);
        AUTO_STR text = str_fmt("%s acme-corp %s", asks[i][0], asks[i][1]);
        office_says(&o, "U0AE2", text, "are still being read");
    }
    assert_int_equal(proposals(), before);
    office_begin(&o);
    store_run(o.store, "UPDATE recoveries SET state = ?1 WHERE account = 'acme-corp'", "i", (int64_t)RECOVERY_RETRYING); /* as the journal has it */
    office_commit(&o);
}

static void nothing_is_asked_of_what_has_ended(void **state)
{
    (void)state;
    struct err err = {0};
    struct actor who = office_actor(&o, "ae2");
    struct recovery *r = office_case(&o, "acme-corp");
    assert_int_equal(proposal_may_ask(&o.e, r, &who, &err), 0);
    r->state = RECOVERY_CLOSED;
    assert_int_equal(proposal_may_ask(&o.e, r, &who, &err), ERR_CONFLICT);
    assert_says(err.text, "there is nothing to do");
    recovery_free(r);
}

static void what_is_disputed_is_not_tried_again(void **state)
{
    (void)state;
    office_says(&o, "U0AE2", "dispute acme-corp half of it never came", "dispute");
    office_says(&o, "U0MAN1", "retry acme-corp", "No retry: Acme Corp disputes the invoice. Settle that first.");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect'", 0, "nothing is collected");
}

static void a_hold_ends_in_the_future(void **state)
{
    (void)state;
    int64_t before = proposals();
    for (int days = -1; days <= 0; days++) {
        struct done d = office_hold(&o, "ae2", "acme-corp", days);
        assert_int_equal(d.rc, ERR_INVALID);
        assert_says(d.err.text, "A hold ends in the future");
    }
    assert_int_equal(proposals(), before);
}

/* More is due than anybody here may agree to: that matters only where somebody has to. */
static void what_is_inside_policy_needs_nobody_who_could_agree(void **state)
{
    (void)state;
    int64_t before = proposals();
    office_rebill(&o, 1, 20000000, "S");
    office_event_of(&o, 1);
    office_says(&o, "U0AE1", "hold northwind until 2027-01-20 why they asked for time", "Nobody");
    assert_int_equal(proposals(), before);
    office_says(&o, "U0AE1", "hold northwind until 2026-12-28", "Inside policy");
}

/* A hold that is being put back is none that could be. */
static void what_resumes_already_is_not_resumed(void **state)
{
    (void)state;
    o.biller_silent = true;
    office_says(&o, "U0AE1", "resume northwind", "resume; the card says when");
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 2", 1, "on its way");
    office_says(&o, "U0AE1", "resume northwind", "No hold is in force for Northwind Ltd.");
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'hold.resume'", 1, "said once");
}

/* As when the disk is full: the turn is taken back, and nobody is told that it was asked. */
static void what_cannot_be_stored_is_not_asked(void **state)
{
    (void)state;
    int64_t before = proposals();
    char said[600] = "";
    struct err err = {0};
    struct actor who = office_actor(&o, "ae2");
    office_begin(&o);
    struct recovery *r = office_case(&o, "acme-corp");
    store_run(o.store, "INSERT INTO proposals (id) VALUES (77)", ""); /* refused: the store says so at the end */
    assert_int_equal(proposal_hold(&o.e, r, &who, o.now_ms + 3 * MS_DAY, "x", said, sizeof said, &err), ERR_IO);
    assert_says(err.text, "could not be stored");
    assert_int_not_equal(store_commit(o.store, &err), 0);
    recovery_free(r);
    assert_int_equal(proposals(), before);
}

/* Whoever promised to pay is waited for; that billing was told meanwhile to try later changes nothing of that. */
static void a_deferral_that_comes_through_late_leaves_a_promise_one(void **state)
{
    (void)state;
    office_event_of(&o, 3);
    o.biller_silent = true;
    office_says(&o, "U0COL1", "defer acme-east until 2026-12-28", "Inside policy");
    office_says(&o, "U0COL1", "promise acme-east 900 by 2026-12-30", "");
    office_is(&o, "SELECT state FROM recoveries WHERE account = 'acme-east'", RECOVERY_PROMISED, "promised");
    o.biller_silent = false;
    for (int i = 0; i < 3; i++)
        office_later(&o, MS_MINUTE);
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 11 AND state = 11", 1, "the deferral is confirmed");
    office_is(&o, "SELECT state FROM recoveries WHERE account = 'acme-east'", RECOVERY_PROMISED, "and the promise is what is next");
    office_is(&o, "SELECT count(*) FROM recoveries WHERE account = 'acme-east' AND next_step LIKE 'Nothing is tried%'", 0, "in words too");
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, office_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(who_does_not_work_the_case_asks_for_nothing),
        WITH(nothing_is_asked_of_facts_that_are_being_read),
        WITH(nothing_is_asked_of_what_has_ended),
        WITH(what_is_disputed_is_not_tried_again),
        WITH(a_hold_ends_in_the_future),
        WITH(what_is_inside_policy_needs_nobody_who_could_agree),
        WITH(what_resumes_already_is_not_resumed),
        WITH(what_cannot_be_stored_is_not_asked),
        WITH(a_deferral_that_comes_through_late_leaves_a_promise_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
