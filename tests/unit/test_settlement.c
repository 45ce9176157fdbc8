/* Settlements: the rest is written off when the payment has come, and not a cent before, nor without it, nor more than was approved.
 * Acme Corp owes $1,200.00; $600.00 by 15 January is agreed. */
#include "engine/proposal_money.h"
#include "engine/settlement.h"
#include "tests/unit/cases.h"

#define BY_MS INT64_C(1800032400000) /* Fri 15 Jan 2027 17:00 UTC */

static int64_t agreed(struct office *o)
{
    office_open(o, false);
    office_event_of(o, 2);
    AUTO_STR said = office_say(o, "U0AE2", "settle acme-corp 600 by 2027-01-15 why they are closing down");
    assert_says(said, "Asked for approval");
    int64_t id = office_last(o);
    assert_int_equal(office_approve(o, "manager1", id, 0).rc, 0);
    office_turn(o, NULL, NULL);
    return store_i64(o->store, 0, "SELECT max(id) FROM proposals WHERE verb = ?1", "i", (int64_t)VERB_SETTLE);
}

static void pays(struct office *o, int64_t amount, int64_t due)
{
    json_t *invoice = json_array_get(json_at(o->read[1], "invoices"), 0);
    json_put_i64(invoice, "due", due);
    if (due == 0)
        json_put(invoice, "status", "paid");
    if (amount)
        json_array_append_new(json_at(o->read[1], "payments"),
                              json_pack("{s:s, s:s, s:I, s:s, s:s, s:I}", "id", "ch_new", "invoice", "in_1002", "amount", (json_int_t)amount, "currency",
                                        "USD", "status", "succeeded", "at_ms", (json_int_t)o->now_ms));
    office_event_of(o, 2);
}

static int64_t write_offs(struct office *o)
{
    return office_i64(o, "SELECT count(*) FROM effects WHERE op = 'write_off'");
}

static void until_the_payment_nothing_is_written_off_and_nothing_collected(void **state)
{
    (void)state;
    struct office o;
    int64_t id = agreed(&o);
    assert_int_equal(office_state(&o, id), PROPOSAL_QUEUED);
    assert_int_equal(write_offs(&o), 0);
    struct recovery *r = office_case(&o, "acme-corp");
    assert_int_equal(r->state, RECOVERY_PROMISED);
    assert_says(r->next_step, "The customer pays $600.00 by 15 Jan 2027; then the rest, $600.00, is written off (A-");
    struct hold *h = hold_of_case(&o.e, r->id);
    assert_non_null(h);
    assert_true(h->end_ms > BY_MS + MS_DAY);
    hold_free(h);
    recovery_free(r);
    static const char *const refused[] = {"retry acme-corp", "plan acme-corp 2x from 2027-01-05", "resume acme-corp", "credit acme-corp 10 why x"};
    for (size_t i = 0; i < DW_ARRAY_LEN(refused); i++) {
        AUTO_STR said = office_say(&o, "U0AE2", refused[i]);
        assert_says(said, i < 3 ? "settlement is agreed" : "is under way");
    }
    AUTO_STR status = office_say(&o, "U0AE2", "status acme-corp");
    assert_says(status, "waits for their payment of $600.00 by 15 Jan 2027");
    office_close(&o);
}

static void the_rest_is_written_off_when_the_payment_has_come(void **state)
{
    (void)state;
    struct office o;
    int64_t id = agreed(&o);
    pays(&o, 60000, 60000);
    assert_int_equal(write_offs(&o), 1);
    assert_int_equal(store_i64(o.store, 0, "SELECT count(*) FROM effects WHERE op = 'write_off' AND args LIKE '%\"amount\":60000%'", ""), 1);
    assert_int_equal(office_state(&o, id), PROPOSAL_CONFIRMED);
    json_put(json_array_get(json_at(o.read[1], "invoices"), 0), "status", "uncollectible");
    office_event_of(&o, 2);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM timers WHERE kind = 'settle'"), 0);
    office_proves(&o);
    office_close(&o);
}

static void who_pays_more_is_forgiven_less(void **state)
{
    (void)state;
    struct office o;
    int64_t id = agreed(&o);
    pays(&o, 70000, 50000);
    assert_int_equal(store_i64(o.store, 0, "SELECT count(*) FROM effects WHERE op = 'write_off' AND args LIKE '%\"amount\":50000%'", ""), 1);
    assert_int_equal(office_state(&o, id), PROPOSAL_CONFIRMED);
    office_close(&o);
}

static void a_part_is_not_enough_and_two_parts_are(void **state)
{
    (void)state;
    struct office o;
    agreed(&o);
    pays(&o, 30000, 90000);
    assert_int_equal(write_offs(&o), 0);
    o.now_ms += MS_DAY;
    pays(&o, 30000, 60000);
    assert_int_equal(write_offs(&o), 1);
    office_close(&o);
}

static void a_credit_given_elsewhere_is_no_payment(void **state)
{
    (void)state;
    struct office o;
    agreed(&o);
    pays(&o, 0, 60000);
    assert_int_equal(write_offs(&o), 0);
    office_close(&o);
}

static void money_that_lowered_nothing_is_no_payment(void **state)
{
    (void)state;
    struct office o;
    agreed(&o);
    pays(&o, 60000, 120000); /* a refund, or another charge on the same invoice */
    assert_int_equal(write_offs(&o), 0);
    office_close(&o);
}

static void never_more_than_was_approved(void **state)
{
    (void)state;
    struct office o;
    int64_t id = agreed(&o);
    office_begin(&o);
    store_run(o.store, "UPDATE proposals SET amount = 59999 WHERE id = ?1", "i", id);
    office_commit(&o);
    pays(&o, 60000, 60000);
    assert_int_equal(write_offs(&o), 0);
    office_close(&o);
}

static void not_paid_by_the_day_it_is_broken_and_says_so(void **state)
{
    (void)state;
    struct office o;
    int64_t id = agreed(&o);
    office_later(&o, BY_MS - o.now_ms + MS_HOUR);
    assert_int_equal(office_state(&o, id), PROPOSAL_QUEUED); /* the day is not over everywhere */
    office_later(&o, MS_DAY);
    office_later(&o, MS_HOUR);
    assert_int_equal(office_state(&o, id), PROPOSAL_VOIDED);
    assert_int_equal(write_offs(&o), 0);
    struct recovery *r = office_case(&o, "acme-corp");
    assert_int_equal(r->state, RECOVERY_QUEUED);
    assert_says(r->next_step, "has not come: nothing was written off");
    recovery_free(r);
    const json_t *reply = office_sent(&o, "reply-A-");
    assert_says(json_str(reply, "args.text", ""), "broken: their payment of $600.00 by 15 Jan 2027 has not come");
    pays(&o, 60000, 60000); /* too late: somebody has to agree again */
    assert_int_equal(write_offs(&o), 0);
    office_proves(&o);
    office_close(&o);
}

static void a_payment_that_nobody_told_us_about_is_looked_for_first(void **state)
{
    (void)state;
    struct office o;
    int64_t id = agreed(&o);
    o.now_ms = BY_MS - MS_HOUR;
    json_put_i64(json_array_get(json_at(o.read[1], "invoices"), 0), "due", 60000);
    json_array_append_new(json_at(o.read[1], "payments"), json_pack("{s:s, s:s, s:i, s:s, s:s, s:I}", "id", "ch_new", "invoice", "in_1002", "amount", 60000,
                                                                    "currency", "USD", "status", "succeeded", "at_ms", (json_int_t)o.now_ms));
    office_later(&o, MS_DAY + 2 * MS_HOUR);
    assert_int_equal(write_offs(&o), 1);
    assert_int_equal(office_state(&o, id), PROPOSAL_CONFIRMED);
    office_close(&o);
}

static void who_pays_everything_is_forgiven_nothing(void **state)
{
    (void)state;
    struct office o;
    int64_t id = agreed(&o);
    pays(&o, 120000, 0);
    assert_int_equal(office_state(&o, id), PROPOSAL_WITHDRAWN);
    assert_int_equal(write_offs(&o), 0);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM recoveries WHERE outcome = 'paid'"), 1);
    office_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(until_the_payment_nothing_is_written_off_and_nothing_collected),
        cmocka_unit_test(the_rest_is_written_off_when_the_payment_has_come),
        cmocka_unit_test(who_pays_more_is_forgiven_less),
        cmocka_unit_test(a_part_is_not_enough_and_two_parts_are),
        cmocka_unit_test(a_credit_given_elsewhere_is_no_payment),
        cmocka_unit_test(money_that_lowered_nothing_is_no_payment),
        cmocka_unit_test(never_more_than_was_approved),
        cmocka_unit_test(not_paid_by_the_day_it_is_broken_and_says_so),
        cmocka_unit_test(a_payment_that_nobody_told_us_about_is_looked_for_first),
        cmocka_unit_test(who_pays_everything_is_forgiven_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
