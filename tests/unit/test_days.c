/* Days are those of whoever named the date: the customer's of plans, settlements and deferrals, the asker's of holds. Each date here is
 * another day in Greenwich, and counted there it would be allowed where it is not, or the other way round. */
#include "engine/policy_change.h"
#include "tests/unit/cases.h"

static void open_in(struct office *o, const char *zone)
{
    office_zone = zone;
    office_open(o, false);
    office_zone = "UTC";
}

/* What people wanted, measured against the same policy again. */
static struct policy_replay replayed(struct office *o)
{
    struct policy_replay r;
    policy_replay(o->store, o->policy, 0, 1000, &r);
    policy_replay_fini(&r);
    return r;
}

/* It is the evening before in Los Angeles. */
static void a_plan_counts_the_customers_days(void **state)
{
    (void)state;
    struct office o;
    open_in(&o, "America/Los_Angeles");
    office_event_of(&o, 1);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'hold' AND args LIKE '%\"zone\":\"America/Los_Angeles\"%'", 1, "billing names the same day");
    office_event_of(&o, 2);
    office_says(&o, "U0AE2", "plan acme-corp 3x from 2027-01-28 why renewal in flight", "Closest terms that need no approval: 3x from 27 Jan 2027");
    struct policy_replay r = replayed(&o);
    assert_int_equal(r.requests, 1);
    assert_int_equal(r.refused + r.asked_less + r.asked_more, 0);
    office_close(&o);
}

/* It is the afternoon in Auckland, and half past four in the morning in Greenwich. */
static void a_settlement_and_a_deferral_count_the_customers_days(void **state)
{
    (void)state;
    struct office o;
    open_in(&o, "Pacific/Auckland");
    office_event_of(&o, 2);
    office_event_of(&o, 3);
    office_says(&o, "U0AE2", "settle acme-corp 600 by 2027-02-22 09:00 why x", "22 Feb 2027 is more than 60 days away");
    office_says(&o, "U0AE2", "settle acme-corp 600 by 2027-02-21 why x", "Asked for approval");
    office_says(&o, "U0COL1", "defer acme-east until 2027-01-23 why x", "may move by 30 days, to 22 Jan 2027 at most");
    office_says(&o, "U0COL1", "defer acme-east until 2026-12-30", "Inside policy");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'defer' AND args LIKE '%\"zone\":\"Pacific/Auckland\"%'", 1, "billing names the same day");
    office_close(&o);
}

/* Half an hour before midnight in Greenwich it is tomorrow in Berlin, where ae1 is: 60 days end a day later. */
static void a_hold_counts_the_askers_days(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    o.now_ms += MS_DAY - o.now_ms % MS_DAY - 30 * MS_MINUTE;
    office_event_of(&o, 1); /* strategic: held from now on */
    office_says(&o, "U0AE1", "hold northwind until 2027-02-23 why x", "Longer than 60 days. A hold may last until 22 Feb 2027, with a manager's approval.");
    AUTO_STR form = office_form(&o, CHAT_FORM_SUBMIT, "U0AE1", "hold", "N-1", "{\"until\": \"2027-02-22\"}");
    assert_says(form, "why: This needs a manager");
    office_says(&o, "U0AE1", "hold northwind until 2027-02-22 why they asked for time", "Asked for approval");
    int64_t first = office_last(&o);
    office_rebill(&o, 1, 5000000, "S");
    office_event_of(&o, 1);
    assert_int_equal(office_state(&o, first), PROPOSAL_VOIDED);
    int64_t again = office_last(&o);
    assert_int_equal(office_state(&o, again), PROPOSAL_ASKED); /* more is due: asked again, and still allowed */
    office_later(&o, 49 * MS_HOUR);
    assert_int_equal(office_state(&o, again), PROPOSAL_PARKED);
    AUTO_STR reopen = str_fmt("reopen A-%lld", (long long)again);
    office_says(&o, "U0AE1", reopen, "");
    int64_t reopened = office_last(&o);
    assert_true(reopened > again);
    assert_int_equal(office_state(&o, reopened), PROPOSAL_ASKED);
    office_rebill(&o, 1, 6000000, "S");
    office_event_of(&o, 1);
    assert_int_equal(office_state(&o, reopened), PROPOSAL_VOIDED);
    assert_int_equal(office_state(&o, office_last(&o)), PROPOSAL_ASKED);
    office_close(&o);
}

/* "In 60 days" is what it says, whatever the hour. */
static void a_hold_is_measured_again_by_the_same_days(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    o.now_ms += MS_DAY - o.now_ms % MS_DAY - 30 * MS_MINUTE;
    office_event_of(&o, 1);
    office_says(&o, "U0AE1", "resume northwind", "resume");
    office_says(&o, "U0AE1", "hold northwind until in 61 days why x", "Longer than 60 days");
    office_says(&o, "U0AE1", "hold northwind until in 60 days why x", "Asked for approval");
    struct policy_replay r = replayed(&o);
    assert_int_equal(r.requests, 1);
    assert_int_equal(r.refused + r.asked_less + r.asked_more, 0);
    office_close(&o);
}

/* Like the command, the form begins anew: what is released already is no part of it. */
static void a_form_does_not_count_what_is_released(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    office_later(&o, 5 * MS_DAY);
    office_event_of(&o, 1);
    o.biller_silent = true;
    office_says(&o, "U0AE1", "resume northwind", "resume");
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 2", 1, "on its way");
    AUTO_STR form = office_form(&o, CHAT_FORM_SUBMIT, "U0AE1", "hold", "N-1", "{\"until\": \"2027-01-11\"}");
    assert_says(form, "Inside policy");
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 0", 1, "fourteen days from now need nobody");
    office_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_counts_the_customers_days),
        cmocka_unit_test(a_settlement_and_a_deferral_count_the_customers_days),
        cmocka_unit_test(a_hold_counts_the_askers_days),
        cmocka_unit_test(a_hold_is_measured_again_by_the_same_days),
        cmocka_unit_test(a_form_does_not_count_what_is_released),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
