/* An attempt beyond the policy's own counts is asked of somebody entitled; beyond the card network's, or against the bank's word, nobody
 * can agree to it, neither when it is asked nor when it is approved. */
#include "tests/unit/cases.h"

static struct office o;

/* Acme's invoice was tried so often, its card so often within the network's window. */
static void tried(int attempts, int window)
{
    json_put_i64(json_at(o.read[1], "invoices.0"), "attempts", attempts);
    json_put_i64(json_at(o.read[1], "network"), "attempts_window", window);
    office_event_of(&o, 2);
}

static int setup(void **state)
{
    *state = &o;
    office_open(&o, false);
    tried(8, 8); /* the policy has 8 an invoice, Visa 20 a card */
    return 0;
}

static void beyond_the_policy_is_asked(void **state)
{
    (void)state;
    office_says(&o, "U0AE2", "retry acme-corp", "This needs a manager: This invoice was tried 8 times; the policy allows 8. Add the reason");
    office_says(&o, "U0AE2", "retry acme-corp why they raised the limit", "Asked for approval: A-");
    int64_t id = office_last(&o);
    AUTO_STR approve = str_fmt("approve A-%lld", (long long)id);
    AUTO_STR card = office_read_card(json_at(office_sent(&o, "card-A-"), "args.card"));
    assert_says(card, "try the payment of $1,200.00 again");
    assert_says(card, "the policy allows 8");
    office_says(&o, "U0AE2", approve, "your own request");
    assert_null(office_sent(&o, "dunwell-p"));
    office_says(&o, "U0MAN1", approve, "Approved");
    assert_int_equal(office_state(&o, id), PROPOSAL_CONFIRMED);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM effects WHERE op = 'collect' AND args LIKE '%pm_1%'"), 1);
}

static void within_the_policy_it_runs(void **state)
{
    (void)state;
    tried(7, 8);
    office_says(&o, "U0AE2", "retry acme-corp", "Inside policy");
    office_is(&o, "SELECT count(*) FROM proposals WHERE asked = 1", 0, "nobody is asked");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect'", 1, "it is tried");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect' AND args LIKE '%\"method\"%'", 0, "by whatever billing tries it with");
}

/* What is approved is one more attempt on that card; where none is known there is none to bind it to. */
static void without_a_card_it_is_for_no_card(void **state)
{
    (void)state;
    json_array_clear(json_at(o.read[1], "methods"));
    json_put(json_at(o.read[1], "account"), "default_method", "");
    json_put(json_at(o.read[1], "payments.0"), "method", "");
    office_event_of(&o, 2);
    office_says(&o, "U0AE2", "retry acme-corp why x", "Asked for approval");
    office_is(&o, "SELECT count(*) FROM proposals WHERE asked = 1 AND terms LIKE '%\"method\"%'", 0, "no card");
}

static void beyond_the_network_nobody_can(void **state)
{
    (void)state;
    tried(8, 20);
    office_says(&o, "U0AE2", "retry acme-corp why x", "No retry: This visa was tried 20 times in 30 days; the card network allows 20.");
    tried(8, 19);
    office_says(&o, "U0AE2", "retry acme-corp why x", "Asked for approval");
}

static void against_the_banks_word_nobody_can(void **state)
{
    (void)state;
    office_event_of(&o, 3); /* class H, never again */
    json_put_i64(json_at(o.read[2], "invoices.0"), "attempts", 9);
    office_event_of(&o, 3);
    office_says(&o, "U0AE2", "retry acme-east why x", "No retry: The bank says never again");
}

static void the_network_counts_again_at_the_approval(void **state)
{
    (void)state;
    office_says(&o, "U0AE2", "retry acme-corp why x", "Asked for approval");
    AUTO_STR approve = str_fmt("approve A-%lld", (long long)office_last(&o));
    tried(9, 20);
    office_says(&o, "U0MAN1", approve, "is void: This visa was tried 20 times");
    assert_int_equal(office_state(&o, office_last(&o)), PROPOSAL_VOIDED);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect'", 0, "nothing was tried");
}

static void it_is_for_the_card_that_was_shown(void **state)
{
    (void)state;
    office_says(&o, "U0AE2", "retry acme-corp why x", "Asked for approval");
    AUTO_STR approve = str_fmt("approve A-%lld", (long long)office_last(&o));
    json_put(json_at(o.read[1], "methods.0"), "id", "pm_2");
    json_put(json_at(o.read[1], "account"), "default_method", "pm_2");
    office_event_of(&o, 2);
    office_says(&o, "U0MAN1", approve, "another card now");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect' AND args LIKE '%pm_1%'", 0, "not by the old card");
}

static void parked_it_is_asked_again(void **state)
{
    (void)state;
    office_says(&o, "U0AE2", "retry acme-corp why x", "Asked for approval");
    AUTO_STR reopen = str_fmt("reopen A-%lld", (long long)office_last(&o));
    office_later(&o, 49 * MS_HOUR);
    assert_int_equal(office_state(&o, office_last(&o)), PROPOSAL_PARKED);
    office_event_of(&o, 2);
    office_says(&o, "U0AE2", reopen, "A-");
    assert_int_equal(office_state(&o, office_last(&o)), PROPOSAL_ASKED);
}

/* What is on its way, or waits for the customer, is neither paid nor tried again at once. */
static void an_attempt_that_is_not_through_yet_is_waited_for(void **state)
{
    (void)state;
    static const struct {
        const char *outcome, *next;
    } ends[] = {{"pending", "The payment is on its way; billing says when it arrived"}, {"needs_action", "The customer must confirm the payment with the bank"}};
    tried(2, 2);
    for (size_t i = 0; i < DW_ARRAY_LEN(ends); i++) {
        o.outcome = ends[i].outcome;
        office_says(&o, "U0AE2", "retry acme-corp", "Inside policy");
        struct recovery *r = office_case(&o, "acme-corp");
        assert_int_equal(r->state, RECOVERY_WAITING);
        assert_string_equal(r->next_step, ends[i].next);
        recovery_free(r);
        office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect'", (int64_t)i + 1, "tried once each");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(beyond_the_policy_is_asked, setup, office_teardown),
        cmocka_unit_test_setup_teardown(within_the_policy_it_runs, setup, office_teardown),
        cmocka_unit_test_setup_teardown(without_a_card_it_is_for_no_card, setup, office_teardown),
        cmocka_unit_test_setup_teardown(beyond_the_network_nobody_can, setup, office_teardown),
        cmocka_unit_test_setup_teardown(against_the_banks_word_nobody_can, setup, office_teardown),
        cmocka_unit_test_setup_teardown(the_network_counts_again_at_the_approval, setup, office_teardown),
        cmocka_unit_test_setup_teardown(it_is_for_the_card_that_was_shown, setup, office_teardown),
        cmocka_unit_test_setup_teardown(parked_it_is_asked_again, setup, office_teardown),
        cmocka_unit_test_setup_teardown(an_attempt_that_is_not_through_yet_is_waited_for, setup, office_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
