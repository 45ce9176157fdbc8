/* What billing refuses never ends a case, and never begins another: it says what was not done, who is next, and leaves behind neither a
 * hold that nobody has nor a promise that nobody keeps. */
#include "tests/unit/cases.h"

static void a_plan_that_is_refused_holds_nothing(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 3);
    int64_t reads = office_i64(&o, "SELECT count(*) FROM effects WHERE op = 'read'");
    o.biller_says_no = true;
    office_says(&o, "U0AE2", "plan acme-east 2x from 2027-01-05", "Inside policy");
    assert_int_equal(office_state(&o, office_last(&o)), PROPOSAL_FAILED);
    office_is(&o, "SELECT count(*) FROM holds", 0, "nothing was held, so nothing is");
    office_is(&o, "SELECT count(*) FROM proposals", 1, "nor released");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'read'", reads + 1, "what billing did show of it is read");
    office_close(&o);
}

static void a_settlement_that_cannot_be_written_off_is_a_persons(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 2);
    office_says(&o, "U0AE2", "settle acme-corp 600 by 2027-01-15 why they are closing down", "Asked for approval");
    assert_int_equal(office_approve(&o, "manager1", office_last(&o), 0).rc, 0);
    office_turn(&o, NULL, NULL);
    o.biller_says_no = true;
    json_put_i64(json_at(o.read[1], "invoices.0"), "due", 60000);
    json_array_append_new(json_at(o.read[1], "payments"), json_pack("{s:s, s:s, s:I, s:s, s:s, s:I}", "id", "ch_new", "invoice", "in_1002", "amount",
                                                                     (json_int_t)60000, "currency", "USD", "status", "succeeded", "at_ms", (json_int_t)o.now_ms));
    office_event_of(&o, 2);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'write_off' AND state = 5", 1, "refused");
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_QUEUED, "somebody takes it");
    office_is(&o, "SELECT count(*) FROM recoveries WHERE next_step LIKE 'Settle: %: failed (the invoice is gone); a person decides what to do instead'", 1, "and reads why");
    office_close(&o);
}

/* Paid while nobody knew what had become of the hold: that it was refused in the end is nobody's concern any more. */
static void what_fails_after_the_end_opens_nothing(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    o.biller_silent = true;
    office_event_of(&o, 1);
    office_is(&o, "SELECT state FROM proposals", PROPOSAL_UNKNOWN, "nobody knows");
    office_paid(&o, 1);
    int64_t reads = office_i64(&o, "SELECT count(*) FROM effects WHERE op = 'read'");
    o.biller_silent = false;
    o.biller_says_no = true;
    for (int i = 0; i < 3; i++)
        office_later(&o, MS_HOUR);
    office_is(&o, "SELECT state FROM proposals", PROPOSAL_FAILED, "refused");
    office_is(&o, "SELECT count(*) FROM recoveries WHERE state = 8 AND next_step = ''", 1, "closed, and nothing is next");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'read'", reads, "nor asked");
    office_close(&o);
}

/* Of a hold that is over a late refusal to release it says nothing: whoever holds by now has another. */
static void a_late_refusal_of_a_release_is_nothing(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    o.biller_silent = true;
    office_says(&o, "U0AE1", "resume northwind", "resume");
    int64_t id = office_last(&o);
    assert_int_equal(office_state(&o, id), PROPOSAL_UNKNOWN);
    office_begin(&o);
    store_run(o.store, "UPDATE holds SET state = ?1, is_live = 0", "i", (int64_t)HOLD_RELEASED);
    proposal_failed(&o.e, id, "the invoice is gone", NULL);
    office_commit(&o);
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_HELD, "held by another");
    office_is(&o, "SELECT count(*) FROM recoveries WHERE next_step LIKE 'Billing has not resumed%'", 0, "which is not what this says");
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'release'", 0, "and it is not asked for again");
    office_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_that_is_refused_holds_nothing),
        cmocka_unit_test(a_settlement_that_cannot_be_written_off_is_a_persons),
        cmocka_unit_test(what_fails_after_the_end_opens_nothing),
        cmocka_unit_test(a_late_refusal_of_a_release_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
