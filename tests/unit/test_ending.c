/* A decision's outcome returns to its thread, to the history and to whoever asks what somebody decided. */
#include "engine/ending.h"
#include "engine/receipt.h"
#include "tests/unit/patient.h"

static int64_t approved_plan(struct office *o, int instalments)
{
    office_patient(o, "approvals: {}");
    office_event_of(o, 1);
    struct done d = office_plan(o, "ae1", "northwind", instalments, "renewal in flight");
    if (d.rc != 0)
        fail_msg("%s", d.err.text);
    office_turn(o, NULL, NULL);
    int64_t id = office_last(o);
    AUTO_STR command = str_fmt("approve A-%lld", (long long)id);
    AUTO_STR said = office_say(o, "U0MAN1", command);
    assert_says(said, "Approved");
    office_turn(o, NULL, NULL);
    return id;
}

static void a_plan_is_kept(void **state)
{
    struct office o;
    (void)state;
    int64_t id = approved_plan(&o, 4);
    AUTO_STR first = str_fmt("reply-A-%lld-outcome-kept-1", (long long)id);
    AUTO_STR of_case = str_fmt("reply-N-1-A-%lld-outcome-kept-1", (long long)id);
    AUTO_STR end = str_fmt("reply-A-%lld-outcome-kept", (long long)id);
    assert_int_equal(office_count(&o, first), 0);
    office_later(&o, 11 * MS_DAY);
    assert_says(office_text_of(&o, first), "approved by Mara Manager: plan kept so far: 1 of 4 instalments paid.");
    assert_says(office_text_of(&o, of_case), "1 of 4");
    office_later(&o, 31 * MS_DAY);
    office_later(&o, MS_DAY); /* said once */
    assert_int_equal(office_count(&o, first), 1);
    AUTO_STR list = office_say(&o, "U0AE1", "approvals @manager1");
    assert_says(list, "What Mara Manager decided");
    assert_says(list, "Now: plan kept so far: 2 of 4 instalments paid");
    AUTO_STR history = office_say(&o, "U0AE1", "history northwind");
    assert_says(history, "is kept so far: instalment 2 of 4 is paid");
    office_paid(&o, 1); /* the rest at once */
    assert_says(office_text_of(&o, end), "plan kept: 2 of 4 instalments paid by it, and the rest before");
    office_close(&o);
}

static void a_plan_is_broken(void **state)
{
    struct office o;
    (void)state;
    int64_t id = approved_plan(&o, 4);
    AUTO_STR broken = str_fmt("reply-A-%lld-outcome-broken", (long long)id);
    office_later(&o, 11 * MS_DAY);
    o.biller_says_no = true;
    office_later(&o, 31 * MS_DAY);
    assert_says(office_text_of(&o, broken), "plan broken: 1 of 4 instalments were paid");
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'plan.broken'", 1, "in the journal");
    AUTO_STR list = office_say(&o, "U0AE1", "approvals Mara");
    assert_says(list, "Now: plan broken: 1 of 4");
    office_close(&o);
}

static void a_name_that_fits_several_is_asked_back(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, "approvals: {}");
    struct person *other = (struct person *)(uintptr_t)people_by_key(o.people, "finance1");
    free(other->name);
    other->name = str_dup("Mara Miller");
    AUTO_STR several = office_say(&o, "U0AE1", "approvals Mara");
    assert_says(several, "Several people fit \"Mara\": Mara Manager (manager1), Mara Miller (finance1). Use the key in brackets.");
    AUTO_STR one = office_say(&o, "U0AE1", "approvals mara mil");
    assert_says(one, "I know nobody called");
    AUTO_STR whole = office_say(&o, "U0AE1", "approvals mara miller");
    assert_says(whole, "Mara Miller has not decided anything yet.");
    AUTO_STR mention = office_say(&o, "U0AE1", "approvals <@U0MAN1|mara>");
    assert_says(mention, "Mara Manager has not decided anything yet.");
    office_close(&o);
}

static void of_a_long_plan_not_every_instalment_is_news(void **state)
{
    struct office o;
    (void)state;
    int64_t id = approved_plan(&o, 12);
    AUTO_STR any = str_fmt("reply-A-%lld-outcome-kept-", (long long)id);
    for (int i = 0; i < 9; i++)
        office_later(&o, 31 * MS_DAY);
    assert_int_equal(office_count(&o, any), 7); /* 1 to 6, and 9 */
    office_close(&o);
}

static void a_hold_ends_with_the_money_or_without(void **state)
{
    (void)state;
    for (int paid = 0; paid < 2; paid++) {
        struct office o;
        office_patient(&o, "approvals: {}");
        office_event_of(&o, 1);
        assert_int_equal(office_hold(&o, "ae1", "northwind", 20).rc, 0);
        office_turn(&o, NULL, NULL);
        int64_t id = office_last(&o);
        assert_int_equal(office_approve(&o, "manager1", id, 0).rc, 0);
        office_turn(&o, NULL, NULL);
        AUTO_STR any = str_fmt("reply-A-%lld-outcome", (long long)id);
        assert_int_equal(office_count(&o, any), 0);
        if (paid)
            office_paid(&o, 1);
        else
            office_later(&o, 21 * MS_DAY);
        assert_says(office_text_of(&o, any), paid ? "the customer has paid, and the hold has ended" : "the hold has ended, and $48,200.00 is still unpaid");
        office_close(&o);
    }
}

static void open_requests_and_strangers(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, "approvals: {}");
    AUTO_STR none = office_say(&o, "U0AE1", "approvals");
    assert_says(none, "No request is open");
    office_event_of(&o, 1);
    assert_int_equal(office_hold(&o, "ae1", "northwind", 20).rc, 0);
    AUTO_STR open = office_say(&o, "U0AE1", "approvals");
    assert_says(open, "Open requests, the next to be parked first:\nA-");
    static const char *const names[] = {"manager1", "@manager1", "<@U0MAN1>", "<@U0MAN1|mara>", "Mara Manager", "mara", "U0MAN1"};
    for (size_t i = 0; i < DW_ARRAY_LEN(names); i++) {
        AUTO_STR command = str_fmt("approvals %s", names[i]);
        AUTO_STR said = office_say(&o, "U0AE1", command);
        assert_string_equal(said, "Mara Manager has not decided anything yet.");
    }
    AUTO_STR who = office_say(&o, "U0AE1", "approvals @nobody");
    assert_says(who, "I know nobody called \"nobody\"");
    office_close(&o);
}

static void looking_at_the_details_is_remembered(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, "approvals: {}");
    office_event_of(&o, 1);
    assert_int_equal(office_hold(&o, "ae1", "northwind", 20).rc, 0);
    AUTO_STR a = office_say(&o, "U0AE1", "status northwind");
    office_is(&o, "SELECT count(*) FROM opened", 0, "an AE decides nothing");
    AUTO_STR id = str_fmt("A-%lld", (long long)office_last(&o));
    AUTO_STR click = office_click(&o, "U0MAN1", "history", id);
    AUTO_STR again = office_say(&o, "U0MAN1", "status northwind");
    office_is(&o, "SELECT count(*) FROM opened WHERE person = 'manager1' AND ref LIKE 'A-%'", 1, "once");
    office_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_kept),
        cmocka_unit_test(a_plan_is_broken), cmocka_unit_test(a_name_that_fits_several_is_asked_back),
        cmocka_unit_test(of_a_long_plan_not_every_instalment_is_news),
        cmocka_unit_test(a_hold_ends_with_the_money_or_without),
        cmocka_unit_test(open_requests_and_strangers),
        cmocka_unit_test(looking_at_the_details_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
