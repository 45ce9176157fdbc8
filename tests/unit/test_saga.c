/* One customer billed by two systems: one case, one card, one decision, and what is done at one when the other refuses. */
#include "tests/unit/two_billers.h"

static void both_are_one_case(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    office_event_of(&o, 1);
    office_is(&o, "SELECT count(*) FROM recoveries", 1, "one case");
    office_is(&o, "SELECT due FROM recoveries", 4820000 + 120000, "what is owed at both");
    office_is(&o, "SELECT count(*) FROM readings", 0, "nothing is kept in between");
    AUTO_STR card = json_text(json_at(office_sent(&o, "card-N-1"), "args.card"));
    assert_non_null(strstr(card, "Owed: $48,200.00 at stripe, $1,200.00 at zuora"));
    office_event(&o, "cus_2", "", true); /* stripe does not know cus_2: a stranger */
    office_is(&o, "SELECT count(*) FROM recoveries", 2, "its own");
    close_two(&o);
}

static void a_hold_is_held_at_both(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    office_event_of(&o, 1); /* strategic: held by policy */
    const json_t *stripe = write_of("stripe", "hold"), *other = write_of("zuora", "hold");
    assert_non_null(stripe);
    assert_non_null(other);
    assert_string_equal(json_str(stripe, "args.invoices.0", ""), "in_1001");
    assert_string_equal(json_str(other, "args.invoices.0", ""), "in_1002");
    assert_int_equal(json_array_size(json_at(other, "args.invoices")), 1);
    assert_string_equal(json_str(other, "args.customer", ""), "cus_2");
    assert_string_not_equal(json_str(stripe, "key", ""), json_str(other, "key", ""));
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 1", 1, "one hold in force");
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 0 AND state = 11", 1, "confirmed once, when both were");
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'part.confirmed'", 2, "each part is written down");
    office_is(&o, "SELECT count(*) FROM journal WHERE text LIKE '%by hand%'", 0, "and nothing of anybody's hand");
    office_later(&o, 8 * MS_DAY); /* it ends, by then one of the invoices may be paid: whose it was is remembered */
    assert_string_equal(json_str(write_of("zuora", "release"), "args.invoices.0", ""), "in_1002");
    assert_string_equal(json_str(write_of("stripe", "release"), "args.invoices.0", ""), "in_1001");
    close_two(&o);
}

static void what_one_refuses_is_put_back_at_the_other(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    at_zuora = REFUSES;
    office_event_of(&o, 1);
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 0 AND state = 12 AND outcome LIKE '%zuora%'", 1, "failed, and it says where");
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'part.failed'", 1, "that part");
    office_is(&o, "SELECT count(*) FROM journal WHERE text LIKE '%by hand%'", 0, "and it was nobody's task");
    const json_t *back = write_of("stripe", "release");
    assert_non_null(back);
    assert_string_equal(json_str(back, "args.invoices.0", ""), "in_1001");
    assert_null(write_of("zuora", "release")); /* nothing was held there */
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "no hold is left behind");
    close_two(&o);
}

static void nobody_knows_until_both_are_known(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    at_zuora = SILENT;
    office_event_of(&o, 1);
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 0 AND state = 10", 1, "unknown");
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 1", 0, "no word that it holds");
    at_zuora = FINE;
    office_later(&o, 2 * MS_MINUTE);
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 0 AND state = 11", 1, "confirmed");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'hold' AND driver = 'stripe'", 1, "once");
    close_two(&o);
}

static void a_plan_over_both_is_kept_by_dunwell(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    office_event_of(&o, 1);
    struct done d = office_plan(&o, "ae1", "northwind", 2, "renewal in flight");
    assert_int_equal(d.rc, 0);
    int64_t plan = office_last(&o);
    assert_int_equal(office_approve(&o, "manager1", plan, 0).rc, 0);
    office_later(&o, MS_SECOND);
    office_is(&o, "SELECT count(*) FROM plans WHERE state = 'running' AND mode = 'held_by_dunwell'", 1, "running");
    assert_null(write_of("zuora", "plan"));
    int64_t last = office_i64(&o, "SELECT max(due_ms) FROM instalments");
    assert_int_equal(store_i64(o.store, 0, "SELECT min(json_extract(args, '$.until_ms')) FROM effects WHERE op = 'hold' AND proposal_id = ?1", "i", plan), last + 30 * MS_DAY);
    assert_int_equal(store_i64(o.store, 0, "SELECT count(*) FROM effects WHERE op = 'hold' AND proposal_id = ?1", "i", plan), 2);
    office_later(&o, 11 * MS_DAY);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect' AND driver = 'stripe' AND args LIKE '%in_1001%'", 1, "the first is of the first invoice");
    office_later(&o, 32 * MS_DAY);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect' AND driver = 'zuora' AND args LIKE '%in_1002%' AND args LIKE '%cus_2%'", 1, "collected where it is owed");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect' AND driver = 'stripe' AND args LIKE '%in_1002%'", 0, "and nowhere else");
    close_two(&o);
}

static void a_part_without_an_api_is_somebodys_task(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    zuora_by_hand = true;
    office_event_of(&o, 1);
    assert_null(write_of("zuora", "hold"));
    assert_non_null(write_of("stripe", "hold"));
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 0", 1, "one request");
    office_is(&o, "SELECT count(*) FROM proposals WHERE state = 9 AND outcome = 'by hand at zuora ($1,200.00 on 1002): Stop the dunning there. When it is done: done A-1'", 1, "a task");
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 1", 1, "the other part is in force");
    close_two(&o);
}

static void only_who_works_the_case_says_done(void **state)
{
    static const struct {
        const char *user, *says;
        int confirmed;
    } tries[] = {{"U0AE2", "This is for the account's AE, a collector or a manager.", 0},
                 {"U0OP1", "is for these roles", 0},
                 {"U0AE1", "is done, by your word.", 1},
                 {"U0MAN1", "does not wait for anybody's hand: it is confirmed", 1}};
    (void)state;
    struct office o;
    open_two(&o);
    zuora_by_hand = true;
    office_event_of(&o, 1);
    int64_t task = office_i64(&o, "SELECT max(id) FROM proposals WHERE verb = 0 AND outcome LIKE 'by hand at zuora %'");
    AUTO_STR done = str_fmt("done A-%lld", (long long)task);
    for (size_t i = 0; i < DW_ARRAY_LEN(tries); i++) {
        AUTO_STR said = office_say(&o, tries[i].user, done);
        assert_says(said, tries[i].says);
        assert_int_equal(office_state(&o, task) == PROPOSAL_CONFIRMED, tries[i].confirmed);
        office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'done.by_hand'", tries[i].confirmed, "in the journal, once");
    }
    close_two(&o);
}

static void half_an_answer_decides_nothing(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    at_zuora = UNREADABLE;
    office_event_of(&o, 1);
    office_is(&o, "SELECT count(*) FROM decisions", 0, "no decision on half of what is owed");
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'read.failed' AND text LIKE 'zuora could not be read: the account is closed%'", 1, "said");
    office_is(&o, "SELECT count(*) FROM readings", 0, "nothing left");
    at_zuora = FINE;
    office_later(&o, 16 * MS_MINUTE);
    office_is(&o, "SELECT count(*) FROM decisions", 1, "then it is decided");
    close_two(&o);
}

static void paid_at_one_is_not_paid(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    office_event_of(&o, 1);
    office_paid(&o, 1);
    office_is(&o, "SELECT count(*) FROM recoveries WHERE is_open = 1 AND due = 120000", 1, "the other is still owed");
    json_object_set_new(json_array_get(json_at(o.read[1], "invoices"), 0), "status", json_string("paid"));
    office_event_of(&o, 1);
    office_is(&o, "SELECT count(*) FROM recoveries WHERE outcome = 'paid'", 1, "now it is");
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "released");
    assert_string_equal(json_str(write_of("zuora", "release"), "args.customer", ""), "cus_2");
    close_two(&o);
}

/* Said by one, without a name of an invoice: the one that is known is asked for where it is. */
static void nobody_is_asked_for_anothers_invoice(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    office_event_of(&o, 1);
    office_begin(&o);
    recovery_touch(&o.e, &(struct touch){.biller = "zuora", .customer = "cus_2", .invoice = "", .event = "evt_2", .why = "the customer changed"});
    office_commit(&o);
    office_turn(&o, NULL, NULL);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'read' AND driver = 'zuora' AND args LIKE '%in_1001%'", 0, "zuora does not know it");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'read' AND driver = 'stripe' AND args LIKE '%in_1001%'", 1, "stripe does");
    close_two(&o);
}

/* Its own schedule, of the time when only zuora was owed something. */
static void a_schedule_is_cancelled_where_it_was_made(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    zuora_plans = true;
    json_t *first = json_array_get(json_at(o.read[0], "invoices"), 0);
    json_object_set_new(first, "status", json_string("paid"));
    office_event_of(&o, 1);
    assert_int_equal(office_plan(&o, "ae1", "northwind", 2, "renewal in flight").rc, 0);
    office_later(&o, MS_SECOND);
    office_is(&o, "SELECT count(*) FROM plans WHERE state = 'running' AND mode = 'native'", 1, "zuora keeps it");
    json_object_set_new(first, "status", json_string("open"));
    office_event_of(&o, 1);
    AUTO_STR said = office_say(&o, "U0AE1", "dispute northwind why not delivered");
    assert_says(said, "Noted");
    office_later(&o, MS_SECOND);
    assert_null(write_of("stripe", "unplan"));
    const json_t *unplan = write_of("zuora", "unplan");
    assert_non_null(unplan);
    assert_string_equal(json_str(unplan, "args.customer", ""), "cus_2");
    assert_int_equal(json_array_size(json_at(unplan, "args.invoices")), 1);
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 7 AND state = 11", 1, "confirmed");
    close_two(&o);
}

/* A release that one of them refuses is asked for again, and nobody waits for a hand that there is not. */
static void a_release_that_one_refuses_is_asked_for_again(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    office_event_of(&o, 1);
    at_stripe = REFUSES;
    AUTO_STR said = office_say(&o, "U0AE1", "resume northwind");
    assert_says(said, "resume");
    office_is(&o, "SELECT count(*) FROM proposals WHERE id = 2 AND state = 12 AND is_live = 0 AND outcome = 'stripe: the invoice is gone'", 1, "it failed, and says where");
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 2", 1, "on its way");
    at_stripe = FINE;
    office_later(&o, MS_HOUR);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'release' AND driver = 'stripe' AND state = 4", 1, "released there too");
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "nothing is held");
    close_two(&o);
}

/* Held at zuora alone, and paid since: whose the invoice was is remembered, or stripe would be asked to release it. */
static void what_is_held_at_one_is_released_there(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    json_object_set_new(json_array_get(json_at(o.read[0], "invoices"), 0), "status", json_string("paid"));
    office_event_of(&o, 1);
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 1 AND json_extract(prior, '$.in_1002.biller') = 'zuora' AND json_extract(prior, '$.in_1002.customer') = 'cus_2'", 1, "it is known whose");
    json_array_clear(json_at(o.read[1], "invoices"));
    office_event_of(&o, 1);
    office_later(&o, 9 * MS_DAY);
    assert_null(write_of("stripe", "release"));
    assert_string_equal(json_str(write_of("zuora", "release"), "args.customer", ""), "cus_2");
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "nothing is held");
    close_two(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_are_one_case),
        cmocka_unit_test(a_hold_is_held_at_both),
        cmocka_unit_test(what_one_refuses_is_put_back_at_the_other),
        cmocka_unit_test(nobody_knows_until_both_are_known),
        cmocka_unit_test(a_plan_over_both_is_kept_by_dunwell),
        cmocka_unit_test(a_part_without_an_api_is_somebodys_task),
        cmocka_unit_test(only_who_works_the_case_says_done),
        cmocka_unit_test(half_an_answer_decides_nothing),
        cmocka_unit_test(paid_at_one_is_not_paid),
        cmocka_unit_test(nobody_is_asked_for_anothers_invoice),
        cmocka_unit_test(a_schedule_is_cancelled_where_it_was_made),
        cmocka_unit_test(a_release_that_one_refuses_is_asked_for_again),
        cmocka_unit_test(what_is_held_at_one_is_released_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
