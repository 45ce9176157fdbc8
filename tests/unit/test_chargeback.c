/* What a customer's bank takes back: it stops what waits, is said once, and its end lets the case go on: won, by the policy; lost, by a
 * person; and never over what somebody else disputes. */
#include "engine/chargeback.h"
#include "tests/unit/cases.h"

/* What the AE's message says in the end. The caller frees. */
static char *card_of(struct office *o)
{
    struct recovery *r = office_case(o, "acme-corp");
    store_begin(o->store);
    json_auto_t *card = card_case(&o->e, r);
    assert_int_equal(store_commit(o->store, NULL), 0);
    recovery_free(r);
    return office_read_card(card);
}

static void card_says(struct office *o, const char *piece)
{
    AUTO_STR text = card_of(o);
    assert_says(text, piece);
}

static void card_says_not(struct office *o, const char *piece)
{
    AUTO_STR text = card_of(o);
    assert_not_says(text, piece);
}

static size_t replies(struct office *o, const char *piece)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(o->sent); i++)
        n += strstr(json_str(json_array_get(o->sent, i), "key", ""), "-bank-") &&
             strstr(json_str(json_array_get(o->sent, i), "args.text", ""), piece);
    return n;
}

static void bank_says_only(struct office *o, const char *payment, const char *state)
{
    json_auto_t *disputed = json_pack("{s:s, s:i, s:s, s:s}", "payment", payment, "amount", 5000, "currency", "USD", "state", state);
    office_begin(o);
    chargeback_read(&o->e, "stripe", "cus_2", disputed);
    office_commit(o);
}

/* Billing says how a payment of acme-corp stands; then it is read, as after every event. */
static void bank_says(struct office *o, const char *payment, const char *state)
{
    bank_says_only(o, payment, state);
    office_event(o, "cus_2", "", false);
}

static void opened(struct office *o)
{
    office_open(o, false);
    office_event_of(o, 2);
    office_is(o, "SELECT state FROM recoveries", RECOVERY_RETRYING, "it is retried");
    bank_says(o, "ch_1", "open");
    office_is(o, "SELECT state FROM recoveries", RECOVERY_DISPUTED, "disputed");
}

/* A retry that waits is withdrawn, and telling it twice changes nothing. */
static void it_stops_what_waits(void **state)
{
    (void)state;
    struct office o;
    opened(&o);
    bank_says(&o, "ch_1", "open");
    bank_says(&o, "ch_1", "waiting for the moon"); /* a word that nobody knows is not the end of it */
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_DISPUTED, "disputed");
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'retry'", 0, "no retry waits");
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 1", 1, "and quiet");
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'dispute' AND text LIKE '%$50.00 is disputed at the customer%'", 1, "said once on the case");
    office_is(&o, "SELECT count(*) FROM notes", 1, "noted once");
    card_says(&o, "}: a payment of $50.00 is disputed at the customer's bank (ch_1)\n");
    assert_int_equal(replies(&o, "is disputed"), 0); /* the card was posted for it */
    for (int i = 0; i < 5; i++)
        office_later(&o, MS_DAY);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect'", 0, "nothing was collected");
    office_close(&o);
}

static void won_or_dropped_the_policy_goes_on(void **state)
{
    static const char *const words[][2] = {{"won", "has decided for us: the payment of $50.00 (ch_1) stays with us"},
                                           {"dropped", "asks no more about the payment of $50.00 (ch_1): nothing is taken back"}};
    (void)state;
    for (size_t i = 0; i < DW_ARRAY_LEN(words); i++) {
        struct office o;
        opened(&o);
        bank_says(&o, "ch_1", words[i][0]);
        office_is(&o, "SELECT state FROM recoveries", RECOVERY_RETRYING, "what the policy says");
        office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'retry'", 1, "the retry waits again");
        office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1 AND reason LIKE 'so that the retry runs%'", 1, "under the hold of the retry");
        card_says(&o, words[i][1]);
        card_says_not(&o, "is disputed");
        assert_int_equal(replies(&o, words[i][1]), 1);
        assert_int_equal(replies(&o, "Next: The dispute at the bank is over"), 1);
        bank_says(&o, "ch_1", words[i][0]);
        office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'dispute.over'", 1, "said once");
        office_later(&o, 3 * MS_DAY);
        office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect'", 1, "and runs");
        office_proves(&o);
        office_close(&o);
    }
}

static void it_goes_on_though_billing_could_not_be_read_at_once(void **state)
{
    (void)state;
    struct office o;
    opened(&o);
    bank_says_only(&o, "ch_1", "won");
    office_begin(&o);
    struct recovery *r = office_case(&o, "acme-corp");
    recovery_facts_failed(&o.e, r, "stripe", "it is down");
    recovery_free(r);
    office_commit(&o);
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_QUEUED, "a person looks meanwhile");
    office_event(&o, "cus_2", "", false);
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_RETRYING, "what the policy says");
    office_close(&o);
}

/* The policy wants no hold by now: the one that only the dispute wanted is released. */
static void its_hold_ends_with_it(void **state)
{
    (void)state;
    struct office o;
    opened(&o);
    office_rebill(&o, 2, 120000, "X");
    bank_says(&o, "ch_1", "won");
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_QUEUED, "a collector");
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "nothing is held");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'release'", 1, "billing was told");
    office_close(&o);
}

static void a_hold_of_a_person_stays(void **state)
{
    (void)state;
    struct office o;
    opened(&o);
    assert_int_equal(office_hold(&o, "ae2", "acme-corp", 13).rc, 0);
    office_turn(&o, NULL, NULL);
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_HELD, "a person holds it");
    bank_says(&o, "ch_1", "won");
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_HELD, "and still does");
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 1", 1, "in force");
    card_says(&o, "stays with us");
    office_close(&o);
}

static void lost_a_person_goes_on(void **state)
{
    (void)state;
    struct office o;
    opened(&o);
    bank_says(&o, "ch_1", "lost");
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_HELD, "held while somebody decides");
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'retry'", 0, "nothing is tried by itself");
    card_says(&o, "has decided for the customer: the payment of $50.00 (ch_1) is taken back for good\n");
    card_says(&o, "If nobody acts: Somebody agrees with the customer how the $50.00 that the bank took back (ch_1) is paid; stripe does not ask for it "
                  "again by itself. Notices and retries of what is open resume by themselves on ");
    assert_int_equal(replies(&o, "is taken back for good. Next: Somebody agrees"), 1);
    office_later(&o, 16 * MS_DAY);
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_WAITING, "as was said");
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "and nothing is held");
    office_close(&o);
}

static void lost_without_a_hold_is_a_collectors(void **state)
{
    (void)state;
    struct office o;
    opened(&o);
    free(office_say(&o, "U0AE2", "resume acme-corp"));
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "nothing is held");
    bank_says(&o, "ch_1", "lost");
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_QUEUED, "in the queue");
    card_says(&o, "does not ask for it again by itself");
    office_close(&o);
}

static void another_dispute_goes_on(void **state)
{
    (void)state;
    struct office o;
    opened(&o);
    bank_says(&o, "ch_2", "open");
    bank_says(&o, "ch_1", "won");
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_DISPUTED, "the other one is open");
    card_says(&o, "At the bank:\n- as of {ms:");
    card_says(&o, "Somebody settles with the customer what else is disputed; no notice and no retry runs until ");
    bank_says(&o, "ch_2", "won");
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_RETRYING, "none is");
    bank_says(&o, "ch_2", "open"); /* once more: banks may */
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_DISPUTED, "again");
    office_close(&o);
}

static void what_a_person_wrote_down_is_theirs(void **state)
{
    (void)state;
    for (int before = 0; before < 2; before++) {
        struct office o;
        office_open(&o, false);
        office_event_of(&o, 2);
        if (before)
            free(office_say(&o, "U0AE2", "dispute acme-corp half of it never came"));
        bank_says(&o, "ch_1", "open");
        card_says(&o, before ? "If nobody acts: Somebody settles the dispute with the customer" : "If nobody acts: Somebody settles with the customer that a payment");
        if (!before)
            free(office_say(&o, "U0AE2", "dispute acme-corp half of it never came"));
        bank_says(&o, "ch_1", "won");
        office_is(&o, "SELECT state FROM recoveries", RECOVERY_DISPUTED, "settled by a person");
        card_says(&o, "stays with us");
        card_says(&o, "what else is disputed");
        office_close(&o);
    }
}

/* Told only when it was over, or in an order of its own: nothing stops, and the people know. */
static void an_end_without_a_beginning(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 2);
    bank_says(&o, "ch_1", "won");
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_RETRYING, "it is retried");
    card_says(&o, "stays with us");
    office_is(&o, "SELECT count(*) FROM notes", 1, "noted");
    office_close(&o);
}

/* The next case knows what is open still, and not what was decided before it. */
static void the_next_case(void **state)
{
    (void)state;
    struct office o;
    opened(&o);
    bank_says(&o, "ch_2", "lost");
    office_paid(&o, 2);
    office_is(&o, "SELECT count(*) FROM recoveries WHERE is_open = 1", 0, "closed");
    office_later(&o, MS_DAY);
    office_rebill(&o, 2, 120000, "S");
    office_event_of(&o, 2);
    card_says(&o, "}: a payment of $50.00 is disputed at the customer's bank (ch_1)\n");
    card_says_not(&o, "ch_2");
    office_close(&o);
}

static void shadow_mode_holds_nothing(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, true);
    office_event_of(&o, 2);
    bank_says(&o, "ch_1", "open");
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_DISPUTED, "disputed");
    bank_says(&o, "ch_1", "won");
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_RETRYING, "decided");
    office_is(&o, "SELECT count(*) FROM effects WHERE op IN ('hold', 'release', 'collect')", 0, "and nothing done");
    office_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_stops_what_waits), cmocka_unit_test(won_or_dropped_the_policy_goes_on), cmocka_unit_test(its_hold_ends_with_it),
        cmocka_unit_test(it_goes_on_though_billing_could_not_be_read_at_once),
        cmocka_unit_test(a_hold_of_a_person_stays), cmocka_unit_test(lost_a_person_goes_on), cmocka_unit_test(lost_without_a_hold_is_a_collectors),
        cmocka_unit_test(another_dispute_goes_on), cmocka_unit_test(what_a_person_wrote_down_is_theirs),
        cmocka_unit_test(an_end_without_a_beginning), cmocka_unit_test(the_next_case), cmocka_unit_test(shadow_mode_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
