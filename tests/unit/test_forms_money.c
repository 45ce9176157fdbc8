/* The forms for credits, settlements and other terms for either: the line that says what becomes of it is what the submission does,
 * choosing another offer changes the form, and money is never asked for without a reason or for what was not shown. */
#include "tests/unit/cases.h"

static struct office o;

static int setup(void **state)
{
    *state = &o;
    office_open(&o, false);
    office_event_of(&o, 1); /* Northwind is held and owes $48,200.00 */
    office_event_of(&o, 2); /* Acme owes $1,200.00 */
    return 0;
}

static char *of_case(int64_t id)
{
    return str_fmt("N-%lld@%lld", (long long)id, (long long)store_i64(o.store, 0, "SELECT revision FROM recoveries WHERE id = ?1", "i", id));
}

/* The form as it stands after these values: all its notes and inputs as text. */
static char *shows(const char *user, const char *form, const char *ref, const char *values)
{
    AUTO_STR said = office_form(&o, CHAT_FORM_CHANGE, user, form, ref, values);
    assert_string_equal(said, "");
    return json_text(json_at(office_sent(&o, "view-V1-"), "args.form"));
}

static void shown(const char *form, const char *ref, const char *values, const char *piece)
{
    AUTO_STR text = shows("U0AE2", form, ref, values);
    assert_says(text, piece);
}

static void submits(const char *user, const char *form, const char *ref, const char *values, const char *piece)
{
    AUTO_STR said = office_form(&o, CHAT_FORM_SUBMIT, user, form, ref, values);
    assert_says(said, piece);
}

/* Paid while they filled it in: that is said, not that what they typed is wrong. */
static void a_form_whose_case_is_over(void **state)
{
    (void)state;
    AUTO_STR ref = of_case(1);
    office_paid(&o, 1);
    submits("U0AE1", "plan", ref, "{\"offer\": \"plan\", \"instalments\": \"3\", \"first\": \"2026-12-28\"}", "is closed (paid): there is nothing to do any more");
    submits("U0AE1", "credit", ref, "{\"offer\": \"credit\", \"amount\": \"\"}", "is closed (paid)");
}

static void the_offer_chooses_the_form(void **state)
{
    (void)state;
    AUTO_STR ref = of_case(1);
    AUTO_STR opened = office_click(&o, "U0AE1", "plan", ref);
    assert_string_equal(opened, "");
    AUTO_STR plan = json_text(json_at(office_sent(&o, "view-V1-opened"), "args.form"));
    assert_says(plan, "What do you offer?");
    assert_says(plan, "\"id\":\"plan\"");
    AUTO_STR credit = shows("U0AE1", "plan", ref, "{\"offer\": \"credit\", \"instalments\": \"3\"}");
    assert_says(credit, "\"id\":\"credit\"");
    assert_says(credit, "How much less do they owe?");
    AUTO_STR settle = shows("U0AE1", "credit", ref, "{\"offer\": \"settle\"}");
    assert_says(settle, "\"id\":\"settle\"");
    AUTO_STR back = shows("U0AE1", "settle", ref, "{\"offer\": \"plan\"}");
    assert_says(back, "\"id\":\"plan\"");
    AUTO_STR odd = shows("U0AE1", "settle", ref, "{\"offer\": \"approve\"}");
    assert_says(odd, "\"id\":\"settle\"");
}

static void what_is_sent_is_what_was_shown(void **state)
{
    (void)state;
    AUTO_STR ref = of_case(1);
    submits("U0AE1", "plan", ref, "{\"offer\": \"credit\", \"instalments\": \"3\", \"first\": \"2027-01-05\", \"why\": \"x\"}", "offer: The form is still changing");
    office_is(&o, "SELECT count(*) FROM proposals WHERE requester = 'ae1'", 0, "nothing was asked");
}

static void the_line_of_a_credit_is_what_becomes_of_it(void **state)
{
    (void)state;
    AUTO_STR ref = of_case(2);
    shown("credit", ref, "{}", "Type how much less they are to owe");
    shown("credit", ref, "{\"amount\": \"abc\"}", "Not allowed: ");
    shown("credit", ref, "{\"amount\": \"240.01\"}", "Not allowed: $240.01 is more than the most that may be approved, $240.00, 20 percent");
    shown("credit", ref, "{\"amount\": \"240\"}", "Needs a manager: Money given up always needs somebody's approval; at most $240.00");
    shown("credit", ref, "{\"amount\": \"240\"}", "$240.00 is given up, and cannot be had back. It takes one manager or finance.");
    shown("credit", ref, "{\"amount\": \"100 EUR\"}", "Not allowed: A credit is an amount above zero in USD.");
    shown("credit", ref, "{\"amount\": \"-5\"}", "Not allowed: ");
    submits("U0AE2", "credit", ref, "{\"amount\": \"\", \"why\": \"x\"}", "amount: How much?");
    submits("U0AE2", "credit", ref, "{\"amount\": \"240.01\", \"why\": \"x\"}", "amount: Not allowed: $240.01");
    submits("U0AE2", "credit", ref, "{\"amount\": \"240\"}", "why: Say why");
    submits("U0AE1", "credit", ref, "{\"amount\": \"240\", \"why\": \"x\"}", "for the account's AE");
    submits("U0AE2", "credit", ref, "{\"amount\": \"240\", \"why\": \"two days of downtime\"}", "Asked for approval: A-");
    office_is(&o, "SELECT amount FROM proposals ORDER BY id DESC LIMIT 1", 24000, "what was typed");
    submits("U0AE2", "credit", ref, "{\"amount\": \"100\", \"why\": \"x\"}", "is under way");
}

static void a_credit_is_on_the_invoice_that_is_chosen(void **state)
{
    (void)state;
    json_t *invoices = json_at(o.read[1], "invoices"), *second = json_deep_copy(json_array_get(invoices, 0));
    json_put(second, "id", "in_2002");
    json_put(second, "number", "2002");
    json_put_i64(second, "due", 20000);
    json_array_append_new(invoices, second);
    office_event_of(&o, 2);
    AUTO_STR ref = of_case(2);
    shown("credit", ref, "{\"amount\": \"201\", \"invoice\": \"in_2002\"}", "Not allowed: No invoice has $201.00 due");
    shown("credit", ref, "{\"amount\": \"200\", \"invoice\": \"in_2002\"}", "Needs a manager");
    shown("credit", ref, "{\"amount\": \"200\"}", "2002, $200.00 open");
    submits("U0AE2", "credit", ref, "{\"amount\": \"200\", \"invoice\": \"in_2002\", \"why\": \"x\"}", "credit $200.00 on invoice 2002");
}

static void the_line_of_a_settlement_is_what_becomes_of_it(void **state)
{
    (void)state;
    AUTO_STR ref = of_case(2);
    shown("settle", ref, "{}", "Type how much they pay");
    shown("settle", ref, "{\"pays\": \"599\", \"by\": \"2027-01-05\"}", "Not allowed: $599.00 is less than the least the customer must pay, $600.00");
    shown("settle", ref, "{\"pays\": \"800\", \"by\": \"2027-01-05\"}", "$400.00 is given up once their payment has come, and cannot be had back.");
    shown("settle", ref, "{\"pays\": \"800\", \"by\": \"2027-04-05\"}", "Not allowed: 5 Apr 2027 is more than 60 days away");
    shown("settle", ref, "{\"pays\": \"800 EUR\", \"by\": \"2027-01-05\"}", "Not allowed: Acme Corp owes in USD; say the settlement in USD.");
    submits("U0AE2", "settle", ref, "{\"pays\": \"800 EUR\", \"by\": \"2027-01-05\", \"why\": \"x\"}", "pays: Acme Corp owes in USD");
    shown("settle", ref, "{\"pays\": \"1200\", \"by\": \"2027-01-05\"}", "Not allowed: In a settlement the customer pays something, and less than what is due.");
    submits("U0AE2", "settle", ref, "{\"pays\": \"599\", \"by\": \"2027-01-05\", \"why\": \"x\"}", "pays: Not allowed");
    submits("U0AE2", "settle", ref, "{\"pays\": \"800\", \"by\": \"2026-01-05\", \"why\": \"x\"}", "by: ");
    submits("U0AE2", "settle", ref, "{\"pays\": \"800\", \"by\": \"2027-01-05\"}", "why: Say why");
    submits("U0AE2", "settle", ref, "{\"pays\": \"800\", \"by\": \"2027-01-05\", \"why\": \"closing down\"}", "they pay $800.00 by 5 Jan 2027, then $400.00 is written off");
}

static char *asked(const char *text)
{
    AUTO_STR said = office_say(&o, "U0AE2", text);
    assert_says(said, "Asked for approval");
    int64_t id = office_last(&o);
    return str_fmt("A-%lld@%lld", (long long)id, (long long)store_i64(o.store, 0, "SELECT revision FROM proposals WHERE id = ?1", "i", id));
}

static void a_credit_is_countered_by_its_form(void **state)
{
    (void)state;
    AUTO_STR ref = asked("credit acme-corp 200 why x");
    AUTO_STR card = office_read_card(json_at(office_sent(&o, "card-A-"), "args.card"));
    assert_says(card, "Counter... = counter A-");
    assert_says(card, " <amount>");
    AUTO_STR opened = office_click(&o, "U0MAN1", "counter", ref);
    assert_string_equal(opened, "");
    AUTO_STR form = json_text(json_at(office_sent(&o, "view-V1-opened"), "args.form"));
    assert_says(form, "Asked: credit $200.00 on invoice 1002");
    assert_says(form, "Type the amount to give instead, less than $200.00.");
    AUTO_STR more = shows("U0MAN1", "counter", ref, "{\"amount\": \"200\"}");
    assert_says(more, "Not allowed: A counter-offer is less than the $200.00 that was asked");
    AUTO_STR less = shows("U0MAN1", "counter", ref, "{\"amount\": \"150\"}");
    assert_says(less, "$150.00 is given up, and cannot be had back.");
    submits("U0MAN1", "counter", ref, "{\"amount\": \"200\"}", "amount: A counter-offer is less");
    submits("U0MAN1", "counter", ref, "{\"amount\": \"\"}", "amount: How much?");
    submits("U0AE2", "counter", ref, "{\"amount\": \"150\"}", "for these roles: manager, finance");
    AUTO_STR old = str_fmt("A-%lld@99", (long long)office_last(&o));
    submits("U0MAN1", "counter", old, "{\"amount\": \"150\"}", "has changed since you opened this");
    submits("U0MAN1", "counter", ref, "{\"amount\": \"150\", \"why\": \"half\"}", "Counter-offer A-");
    office_is(&o, "SELECT amount FROM proposals ORDER BY id DESC LIMIT 1", 15000, "what was offered");
}

static void a_settlement_is_countered_by_its_form(void **state)
{
    (void)state;
    AUTO_STR ref = asked("settle acme-corp 700 by 2027-01-05 why x");
    AUTO_STR opened = office_click(&o, "U0MAN1", "counter", ref);
    assert_string_equal(opened, "");
    AUTO_STR form = json_text(json_at(office_sent(&o, "view-V1-opened"), "args.form"));
    assert_says(form, "Type what they are to pay instead, more than $700.00.");
    AUTO_STR less = shows("U0MAN1", "counter", ref, "{\"amount\": \"700\"}");
    assert_says(less, "Not allowed: In a counter-offer they pay more than the $700.00");
    AUTO_STR more = shows("U0MAN1", "counter", ref, "{\"amount\": \"900\"}");
    assert_says(more, "$300.00 is given up once their payment has come");
    submits("U0MAN1", "counter", ref, "{\"amount\": \"900\"}", "they pay $900.00 by 5 Jan 2027");
}

/* More became due, and nobody has rechecked yet: an offer for what was shown is none for what is. */
static void a_counter_to_what_has_changed_is_void(void **state)
{
    (void)state;
    struct err e = {0};
    char said[600];
    const struct actor who = office_actor(&o, "manager1");
    AUTO_STR asked = office_say(&o, "U0AE2", "credit acme-corp 200 why downtime");
    assert_says(asked, "Asked for approval");
    int64_t id = office_last(&o), before = office_i64(&o, "SELECT due FROM recoveries WHERE account = 'acme-corp'");
    office_begin(&o);
    store_run(o.store, "UPDATE recoveries SET due = due + 1 WHERE account = 'acme-corp'", "");
    assert_int_equal(proposal_counter_amount(&o.e, id, &who, money_of(10000, "USD"), "less", said, sizeof said, &e), 0);
    assert_says(said, "was not countered but is void");
    assert_int_equal(store_i64(o.store, -1, "SELECT count(*) FROM proposals WHERE replaces > 0", ""), 0);
    store_run(o.store, "UPDATE recoveries SET due = ?1 WHERE account = 'acme-corp'", "i", before);
    office_commit(&o);
    assert_int_equal(office_state(&o, id), PROPOSAL_VOIDED);
}

/* What a plan is about to ask for is not lowered under it. */
static void none_while_a_plan_is_on_its_way(void **state)
{
    (void)state;
    o.biller_silent = true;
    AUTO_STR plan = office_say(&o, "U0AE2", "plan acme-corp 2x from 2027-01-05");
    assert_says(plan, "Inside policy");
    AUTO_STR credit = office_say(&o, "U0AE2", "credit acme-corp 100 why downtime");
    assert_says(credit, "is on its way to billing. Wait until the card says that it is confirmed.");
    AUTO_STR settle = office_say(&o, "U0AE2", "settle acme-corp 600 by 2027-01-15 why closing");
    assert_says(settle, "is on its way to billing");
    o.biller_silent = false;
}

static void where_there_are_no_forms_it_says_what_to_type(void **state)
{
    (void)state;
    AUTO_STR ref = asked("credit acme-corp 200 why x");
    struct chat_input in;
    struct chat_answer answer;
    chat_input_init(&in);
    chat_answer_init(&answer);
    in.kind = CHAT_ACTION;
    in.platform = str_dup("slack");
    in.user = str_dup("U0MAN1");
    in.action = str_dup("counter");
    in.value = str_dup(ref);
    in.takes_answer = true;
    office_turn(&o, &in, &answer);
    assert_says(answer.text, "Type it instead, for example: counter A-");
    assert_says(answer.text, " 500");
    chat_answer_fini(&answer);
    chat_input_fini(&in);
}

/* Northwind has a card of its own: an offer made to its executive leaves room for no other button. */
static void an_offer_stands_on_the_card_of_the_case(void **state)
{
    (void)state;
    AUTO_STR said = office_say(&o, "U0AE1", "credit northwind 500 why downtime");
    assert_says(said, "Asked for approval");
    AUTO_STR counter = str_fmt("counter A-%lld 300", (long long)office_last(&o));
    AUTO_STR offered = office_say(&o, "U0MAN1", counter);
    assert_says(offered, "Counter-offer");
    const json_t *card = json_at(office_sent(&o, "card-N-1"), "args.card");
    AUTO_STR text = office_read_card(card);
    assert_says(text, "Accept credit $300.00");
    assert_says(json_str(card, "actions.0.confirm.text", ""), "It is done at stripe right away and cannot be undone.");
    AUTO_STR yes = office_click(&o, "U0AE1", "approve", json_str(card, "actions.0.value", ""));
    assert_says(yes, "Approved");
}

static void with_a_plan_asked_other_terms_are_offered(void **state)
{
    (void)state;
    AUTO_STR said = office_say(&o, "U0AE1", "plan northwind 6x from 2027-01-05 why renewal");
    assert_says(said, "Asked for approval");
    AUTO_STR text = office_read_card(json_at(office_sent(&o, "card-N-1"), "args.card"));
    assert_says(text, "Offer other terms...");
    AUTO_STR ref = of_case(1);
    AUTO_STR opened = office_click(&o, "U0AE1", "settle", ref);
    assert_string_equal(opened, "");
    AUTO_STR form = json_text(json_at(office_sent(&o, "view-V1-opened"), "args.form"));
    assert_says(form, "\"id\":\"settle\"");
    assert_not_says(form, "Instalments: they pay all of it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_form_whose_case_is_over, setup, office_teardown),
        cmocka_unit_test_setup_teardown(the_offer_chooses_the_form, setup, office_teardown),
        cmocka_unit_test_setup_teardown(what_is_sent_is_what_was_shown, setup, office_teardown),
        cmocka_unit_test_setup_teardown(the_line_of_a_credit_is_what_becomes_of_it, setup, office_teardown),
        cmocka_unit_test_setup_teardown(a_credit_is_on_the_invoice_that_is_chosen, setup, office_teardown),
        cmocka_unit_test_setup_teardown(the_line_of_a_settlement_is_what_becomes_of_it, setup, office_teardown),
        cmocka_unit_test_setup_teardown(a_credit_is_countered_by_its_form, setup, office_teardown),
        cmocka_unit_test_setup_teardown(a_settlement_is_countered_by_its_form, setup, office_teardown),
        cmocka_unit_test_setup_teardown(a_counter_to_what_has_changed_is_void, setup, office_teardown),
        cmocka_unit_test_setup_teardown(none_while_a_plan_is_on_its_way, setup, office_teardown),
        cmocka_unit_test_setup_teardown(where_there_are_no_forms_it_says_what_to_type, setup, office_teardown),
        cmocka_unit_test_setup_teardown(an_offer_stands_on_the_card_of_the_case, setup, office_teardown),
        cmocka_unit_test_setup_teardown(with_a_plan_asked_other_terms_are_offered, setup, office_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
