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
    json_auto_t *card = card_case(&o.e, r);
    AUTO_STR seen = office_read_card(card);
    AUTO_STR nobody = str_fmt("is written off (A-%lld). If it has not come by {ms:%lld} ({ago:%lld}), nothing is written off and a collector takes it", (long long)id,
                              (long long)(BY_MS + MS_DAY), (long long)(BY_MS + MS_DAY));
    assert_says(seen, nobody);
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
    AUTO_STR own = str_fmt("card-A-%lld", (long long)id);
    assert_says(json_str(office_sent(&o, own), "args.card.title", ""), "Approved, waits for their payment: Acme Corp");
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

static const char *nobody_writes_off(void *ctx, const char *biller, const char *op, const char **note)
{
    (void)ctx;
    (void)biller;
    *note = "Write it off in the dashboard.";
    return str_eq(op, "write_off") ? "manual" : "native";
}

/* What is next is never their payment once it has come. */
static void what_is_next_when_they_have_paid(void **state)
{
    (void)state;
    for (int by_hand = 0; by_hand < 2; by_hand++) {
        struct office o;
        int64_t id = agreed(&o);
        o.biller_silent = true;
        o.e.world.capability = by_hand ? nobody_writes_off : o.e.world.capability;
        pays(&o, 60000, 60000);
        struct recovery *r = office_case(&o, "acme-corp");
        AUTO_STR next = str_fmt(by_hand ? "They have paid the $600.00 that was agreed; somebody writes the rest, $600.00, off by hand and says so: done A-%lld"
                                        : "They have paid the $600.00 that was agreed; the rest, $600.00, is being written off (A-%lld)", (long long)id);
        assert_string_equal(r->next_step, next);
        assert_int_equal(r->next_ms, 0);
        recovery_free(r);
        office_close(&o);
    }
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

/* An offer was a person's word for that amount: when more is due it is void, and nobody asks for more in their name. */
static void an_offer_is_not_made_again_for_more(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 2);
    AUTO_STR asked = office_say(&o, "U0AE2", "settle acme-corp 600 by 2027-01-15 why they are closing down");
    assert_says(asked, "Asked for approval");
    AUTO_STR counter = str_fmt("counter A-%lld 900 why they can", (long long)office_last(&o));
    AUTO_STR offered = office_say(&o, "U0MAN1", counter);
    assert_says(offered, "Counter-offer A-");
    int64_t offer = office_last(&o);
    pays(&o, 0, 150000);
    assert_int_equal(office_state(&o, offer), PROPOSAL_VOIDED);
    assert_int_equal(office_last(&o), offer);
    office_close(&o);
}

/* What is due went down by as much as was agreed, and something stands among the payments that is none for this. */
static const struct {
    const char *status, *invoice, *currency;
    int64_t before_ms; /* it was asked */
} no_payment[] = {
    {"failed", "in_1002", "USD", 0},
    {"pending", "in_1002", "USD", 0},
    {"succeeded", "in_9999", "USD", 0},
    {"succeeded", "in_1002", "EUR", 0},
    {"succeeded", "in_1002", "USD", MS_HOUR},
};

static void what_is_no_payment_for_it_writes_nothing_off(void **state)
{
    (void)state;
    for (size_t i = 0; i < DW_ARRAY_LEN(no_payment); i++) {
        struct office o;
        int64_t id = agreed(&o);
        json_array_append_new(json_at(o.read[1], "payments"),
                              json_pack("{s:s, s:s, s:I, s:s, s:s, s:I}", "id", "ch_new", "invoice", no_payment[i].invoice, "amount", (json_int_t)60000, "currency",
                                        no_payment[i].currency, "status", no_payment[i].status, "at_ms", (json_int_t)(o.now_ms - no_payment[i].before_ms)));
        pays(&o, 0, 60000);
        if (write_offs(&o) != 0)
            fail_msg("row %zu", i);
        assert_int_equal(office_state(&o, id), PROPOSAL_QUEUED);
        pays(&o, 60000, 60000);
        assert_int_equal(write_offs(&o), 1); /* the real one */
        office_close(&o);
    }
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

static int64_t written_off(struct office *o)
{
    return store_i64(o->store, -1, "SELECT count(*) FROM effects WHERE op = 'write_off' AND state = ?1", "i", (int64_t)EFFECT_DONE);
}

/* Another people.yaml from now on; the caller frees what was before. */
static struct people *people_with(struct office *o, const char *was, const char *is)
{
    struct problems p = {0};
    struct doc *d = NULL;
    struct people *before = o->people;
    const char *at = strstr(office_people, was);
    assert_non_null(at);
    AUTO_STR text = str_fmt("%.*s%s%s", (int)(at - office_people), office_people, is, at + strlen(was));
    assert_int_equal(doc_parse(&d, span_of(text), "people.yaml", NULL), 0);
    o->e.people = o->people = people_parse(d, &p);
    doc_free(d);
    if (p.n)
        fail_msg("%s", p.lines[0]);
    return before;
}

#define MARA "slack: U0MAN1, matrix: '@mara:dunwell.test', roles: [manager], limit: {USD: 100000}}"
#define MILO "roles: [manager], limit: {USD: 100}}"

static void a_right_that_is_gone_is_asked_for_again(void **state)
{
    (void)state;
    struct office o;
    int64_t id = agreed(&o);
    people_free(people_with(&o, MARA, "slack: U0MAN1, roles: [manager], limit: {USD: 599}}"));
    people_free(people_with(&o, MARA, "slack: U0MAN1, roles: [ae]}\n  fin1: {name: Fay Finance, email: fay@example.com, slack: U0FIN1, roles: [finance], limit: {USD: 1000}}"));
    pays(&o, 60000, 60000);
    assert_int_equal(written_off(&o), 0);
    assert_int_equal(office_state(&o, id), PROPOSAL_VOIDED);
    int64_t again = office_last(&o);
    assert_int_not_equal(again, id);
    assert_int_equal(office_state(&o, again), PROPOSAL_ASKED);
    AUTO_STR name = str_fmt("card-A-%lld", (long long)again);
    AUTO_STR card = json_text(json_at(office_sent(&o, name), "args.card"));
    assert_says(card, "settle: they have paid $600.00, and the rest, $600.00, is written off");
    assert_says(card, "because the approval of Mara Manager does not hold any more");
    assert_says(card, "It is done at stripe right away and cannot be undone.");
    assert_not_says(card, "Counter...");
    struct recovery *r = office_case(&o, "acme-corp");
    AUTO_STR next = str_fmt("waits for another approval (A-%lld)", (long long)again);
    assert_says(r->next_step, next);
    recovery_free(r);
    AUTO_STR counter = str_fmt("counter A-%lld 700", (long long)again);
    AUTO_STR said = office_say(&o, "U0FIN1", counter);
    assert_says(said, "They have paid what was agreed");
    AUTO_STR own = str_fmt("approve A-%lld", (long long)again);
    AUTO_STR denied = office_say(&o, "U0AE2", own);
    assert_says(denied, "own request");
    office_event_of(&o, 2); /* read again: nothing has changed, and nothing is asked anew */
    assert_int_equal(office_last(&o), again);
    AUTO_STR yes = office_say(&o, "U0FIN1", own);
    assert_says(yes, "Approved");
    assert_int_equal(written_off(&o), 1);
    assert_int_equal(office_state(&o, again), PROPOSAL_CONFIRMED);
    office_proves(&o);
    office_close(&o);
}

static void less_that_is_left_lowers_what_is_asked_again(void **state)
{
    (void)state;
    struct office o;
    agreed(&o);
    people_free(people_with(&o, MILO, "roles: [manager], limit: {USD: 5000}}"));
    people_free(people_with(&o, MARA, "slack: U0MAN1, roles: [ae]}\n  fin1: {name: Fay Finance, email: fay@example.com, slack: U0FIN1, roles: [finance], limit: {USD: 1000}}"));
    pays(&o, 60000, 60000);
    int64_t again = office_last(&o);
    pays(&o, 20000, 40000);
    assert_int_equal(office_last(&o), again);
    office_is(&o, "SELECT amount FROM proposals ORDER BY id DESC LIMIT 1", 40000, "the rest of the rest");
    AUTO_STR own = str_fmt("approve A-%lld", (long long)again);
    AUTO_STR yes = office_say(&o, "U0FIN1", own);
    assert_says(yes, "Approved");
    assert_int_equal(store_i64(o.store, 0, "SELECT count(*) FROM effects WHERE op = 'write_off' AND args LIKE '%\"amount\":40000%'", ""), 1);
    office_close(&o);
}

static void when_nobody_can_agree_any_more_it_is_said(void **state)
{
    (void)state;
    struct office o;
    agreed(&o);
    people_free(people_with(&o, MARA, "slack: U0MAN1, roles: [ae]}"));
    pays(&o, 60000, 60000);
    assert_int_equal(written_off(&o), 0);
    struct recovery *r = office_case(&o, "acme-corp");
    assert_int_equal(r->state, RECOVERY_QUEUED);
    assert_says(r->next_step, "nobody can approve that the rest is given up");
    recovery_free(r);
    office_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(until_the_payment_nothing_is_written_off_and_nothing_collected),
        cmocka_unit_test(the_rest_is_written_off_when_the_payment_has_come),
        cmocka_unit_test(what_is_next_when_they_have_paid), cmocka_unit_test(an_offer_is_not_made_again_for_more), cmocka_unit_test(what_is_no_payment_for_it_writes_nothing_off), cmocka_unit_test(who_pays_more_is_forgiven_less),
        cmocka_unit_test(a_part_is_not_enough_and_two_parts_are),
        cmocka_unit_test(a_credit_given_elsewhere_is_no_payment),
        cmocka_unit_test(money_that_lowered_nothing_is_no_payment),
        cmocka_unit_test(never_more_than_was_approved),
        cmocka_unit_test(not_paid_by_the_day_it_is_broken_and_says_so),
        cmocka_unit_test(a_payment_that_nobody_told_us_about_is_looked_for_first),
        cmocka_unit_test(a_right_that_is_gone_is_asked_for_again),
        cmocka_unit_test(less_that_is_left_lowers_what_is_asked_again),
        cmocka_unit_test(when_nobody_can_agree_any_more_it_is_said),
        cmocka_unit_test(who_pays_everything_is_forgiven_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
