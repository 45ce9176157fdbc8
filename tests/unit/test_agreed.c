/* What rests on a hold: while a plan or a settlement is agreed, nobody lets billing collect all of it by ending the hold sooner, not by
 * another end either, whenever that was asked for. */
#include "tests/unit/cases.h"

#define SOONER "if the hold ended sooner, billing would collect all of it"

static void ten_days_later_it_is_held(struct office *o)
{
    for (int i = 0; i < 10; i++)
        office_later(o, MS_DAY);
    office_is(o, "SELECT count(*) FROM holds WHERE state = 1", 1, "held still");
    office_is(o, "SELECT count(*) FROM effects WHERE op = 'release'", 0, "and billing was not let go");
    office_proves(o);
    office_close(o);
}

static void a_plan_keeps_its_hold(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 2);
    office_says(&o, "U0AE2", "plan acme-corp 2x from 2027-01-05", "Inside policy");
    office_is(&o, "SELECT count(*) FROM plans WHERE state = 'running'", 1, "agreed");
    office_says(&o, "U0AE2", "hold acme-corp until 2026-12-28", SOONER);
    office_says(&o, "U0AE2", "hold acme-corp until 2027-02-10 why they asked for time", "Asked for approval"); /* later is no harm */
    ten_days_later_it_is_held(&o);
}

static void a_settlement_keeps_its_hold(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 2);
    office_says(&o, "U0AE2", "settle acme-corp 600 by 2027-01-15 why they close down", "Asked for approval");
    assert_int_equal(office_approve(&o, "manager1", office_last(&o), 0).rc, 0);
    office_later(&o, MS_MINUTE);
    office_says(&o, "U0AE2", "hold acme-corp until 2026-12-28", SOONER);
    office_says(&o, "U0AE2", "hold acme-corp until 2027-01-25 why they asked for time", "Asked for approval");
    ten_days_later_it_is_held(&o);
}

/* Asked before the plan was, approved after it. */
static void what_was_asked_before_the_plan_is_void(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 2);
    office_says(&o, "U0AE2", "hold acme-corp until 2027-01-20 why they asked for time", "Asked for approval");
    int64_t id = office_last(&o);
    office_says(&o, "U0AE2", "plan acme-corp 3x from 2027-01-05", "Inside policy");
    AUTO_STR approve = str_fmt("approve A-%lld", (long long)id);
    office_says(&o, "U0MAN1", approve, SOONER);
    assert_int_equal(office_state(&o, id), PROPOSAL_VOIDED);
    ten_days_later_it_is_held(&o);
}

/* And what waited for its Undo. */
static void what_waits_when_a_plan_is_agreed_is_void(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    struct policy *before = office_policy_with(&o, "expire_hours: 48", "expire_hours: 48, undo_seconds: 20");
    office_event_of(&o, 2);
    office_says(&o, "U0AE2", "hold acme-corp until 2026-12-28", "It runs in 20 seconds");
    int64_t id = office_last(&o);
    office_later(&o, 10 * MS_SECOND);
    office_says(&o, "U0AE2", "plan acme-corp 2x from 2027-01-05", "It runs in 20 seconds");
    office_later(&o, 11 * MS_SECOND);
    assert_int_equal(office_state(&o, id), PROPOSAL_VOIDED);
    office_later(&o, 11 * MS_SECOND);
    office_is(&o, "SELECT count(*) FROM plans WHERE state = 'running'", 1, "agreed");
    office_policy_back(&o, before);
    ten_days_later_it_is_held(&o);
}

/* Nobody knows yet whether billing has it: another end would come after it, and be the last word. */
static void a_plan_on_its_way_is_not_overtaken(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 2);
    o.biller_silent = true;
    office_says(&o, "U0AE2", "plan acme-corp 2x from 2027-01-05", "Inside policy");
    office_is(&o, "SELECT count(*) FROM plans", 0, "on its way");
    office_says(&o, "U0AE2", "hold acme-corp until 2027-01-03", SOONER);
    o.biller_silent = false;
    for (int i = 0; i < 3; i++)
        office_later(&o, MS_HOUR);
    office_is(&o, "SELECT count(*) FROM plans WHERE state = 'running'", 1, "agreed");
    ten_days_later_it_is_held(&o);
}

/* That moves no end: who fails to pay another invoice meanwhile is left in peace for that too. */
static void a_new_invoice_is_held_with_the_rest(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1); /* held by policy */
    assert_int_equal(office_plan(&o, "ae1", "northwind", 2, "renewal in flight").rc, 0);
    o.biller_silent = true;
    assert_int_equal(office_approve(&o, "manager1", office_last(&o), 0).rc, 0);
    office_later(&o, MS_SECOND);
    json_t *invoices = json_at(o.read[0], "invoices"), *more = json_deep_copy(json_array_get(invoices, 0));
    json_put(more, "id", "in_2002");
    json_array_append_new(invoices, more);
    office_event_of(&o, 1);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'hold' AND args LIKE '%in_2002%'", 1, "billing is asked");
    office_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_keeps_its_hold),
        cmocka_unit_test(a_settlement_keeps_its_hold),
        cmocka_unit_test(what_was_asked_before_the_plan_is_void),
        cmocka_unit_test(what_waits_when_a_plan_is_agreed_is_void),
        cmocka_unit_test(a_plan_on_its_way_is_not_overtaken),
        cmocka_unit_test(a_new_invoice_is_held_with_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
