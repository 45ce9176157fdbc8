/* What people type and click, end to end through the engine: rights, unhappy paths, and that a button, a form and
 * a command mean the same. */
#include "tests/unit/cases.h"

static struct office office;

static int setup(void **state)
{
    *state = &office;
    office_open(&office, false);
    return 0;
}

/* Clicks it and checks that the answer holds `piece`. */
static void clicks(const char *user, const char *action, const char *value, const char *piece)
{
    AUTO_STR said = office_click(&office, user, action, value);
    assert_says(said, piece);
}

static void submits(const char *user, const char *form, const char *ref, const char *values, const char *piece)
{
    AUTO_STR said = office_form(&office, CHAT_FORM_SUBMIT, user, form, ref, values);
    assert_says(said, piece);
}

static int64_t count(const char *what)
{
    return str_eq(what, "notes")
               ? store_i64(office.store, -1, "SELECT COUNT(*) FROM notes", "")
               : store_i64(office.store, -1, "SELECT COUNT(*) FROM proposals WHERE requester <> 'policy'", "");
}

static void strangers_get_nothing(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    static const char *const tries[] = {"help", "status northwind", "note northwind x", "approve A-1", ""};
    for (size_t i = 0; i < DW_ARRAY_LEN(tries); i++) {
        AUTO_STR said = office_say(&office, "U0NOBODY", tries[i]);
        assert_says(said, "I do not know you");
        assert_says(said, "U0NOBODY");
        assert_not_says(said, "48,200");
    }
    clicks("U0NOBODY", "claim", "N-1@3", "I do not know you");
    submits("U0NOBODY", "plan", "N-1@3", "{\"instalments\":\"3\",\"first\":\"2027-01-05\",\"why\":\"x\"}",
            "I do not know you");
    assert_int_equal(count("notes"), 0);
    assert_int_equal(count("proposals"), 0);
}

static void help_shows_what_one_may_do(void **state)
{
    (void)state;
    AUTO_STR ae = office_say(&office, "U0AE1", "");
    assert_says(ae, "plan <account>");
    assert_not_says(ae, "approve <");
    AUTO_STR manager = office_say(&office, "U0MAN1", "help");
    assert_says(manager, "approve <");
    AUTO_STR operator= office_say(&office, "U0OP1", "/dunwell HELP");
    assert_says(operator, "status <account>");
    assert_not_says(operator, "plan <");
    office_says(&office, "U0AE1", "help plan", "from <date>");
    office_says(&office, "U0OP1", "help plan", "not open to you");
    office_says(&office, "U0OP1", "plan northwind 3x from friday", "Yours: operator");
    office_says(&office, "U0AE1", "statsu northwind", "Did you mean \"status\"");
    office_says(&office, "U0AE1", "frobnicate", "I do not know \"frobnicate\"");
    office_says(&office, "U0MAN1", "whoami", "$100,000.00");
}

static void accounts_are_never_guessed(void **state)
{
    (void)state;
    office_says(&office, "U0AE1", "status acme", "Acme Corp");
    office_says(&office, "U0AE1", "status acme", "Acme East");
    office_says(&office, "U0AE1", "status nortwind", "Northwind Ltd");
    office_says(&office, "U0AE1", "status", "which account");
}

static void notes_find_their_account(void **state)
{
    static const struct {
        const char *said, *account, *text;
    } rows[] = {
        {"note northwind Priya pays", "northwind", "Priya pays"},
        {"NOTE Northwind Ltd Priya pays", "northwind", "Priya pays"},
        {"note Northwind Ltd: Priya pays", "northwind", "Priya pays"},
        {"note \"Acme East\" called", "acme-east", "called"},
        {"note Acme Corp called", "acme-corp", "called"},
        {"note cus_4 two\nlines", "studio", "two\nlines"},
    };
    (void)state;
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        office_says(&office, "U0AE1", rows[i].said, "Noted for");
        struct query *q =
            store_query(office.store, "SELECT account, text, person FROM notes ORDER BY id DESC LIMIT 1", "");
        assert_true(query_next(q));
        assert_string_equal(query_text(q, 0), rows[i].account);
        assert_string_equal(query_text(q, 1), rows[i].text);
        assert_string_equal(query_text(q, 2), "ae1");
        query_end(q);
    }
    int64_t before = count("notes");
    office_says(&office, "U0AE1", "note", "about whom");
    office_says(&office, "U0AE1", "note northwind", "What shall I note");
    office_says(&office, "U0AE1", "note acme called", "several accounts");
    office_says(&office, "U0AE1", "note nobody called", "No account");
    assert_int_equal(count("notes"), before);
    office_says(&office, "U0COL1", "status cus_4", "two lines");
}

static void bad_input_changes_nothing(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    char *huge = mem_alloc(50101);
    memset(huge, 'x', 50100);
    memcpy(huge, "note northwind ", 15);
    office_says(&office, "U0AE1", huge, "too long");
    free(huge);
    office_says(&office, "U0AE1", "note northwind \x01\x02", "cannot read");
    office_says(&office, "U0AE1", "plan northwind 3x from 2020-01-05 why x", "past");
    office_says(&office, "U0AE1", "plan northwind 3x", "From when");
    office_says(&office, "U0AE1", "plan northwind from friday", "How many");
    office_says(&office, "U0AE1", "plan northwind 9999x from friday", "How many");
    office_says(&office, "U0AE1", "plan northwind 100x from friday why x", "100 instalments");
    office_says(&office, "U0AE1", "plan northwind 3x from 2027-02-31", "2027-02-31");
    office_says(&office, "U0AE1", "plan", "For example");
    office_says(&office, "U0AE1", "promise northwind -5 by friday", "negative");
    office_says(&office, "U0AE1", "promise northwind 5 by 2020-01-01", "past");
    office_says(&office, "U0AE1", "promise northwind 99999999 by friday", "more than what is unpaid");
    office_says(&office, "U0AE1", "promise northwind 5 eur by friday", "USD");
    office_says(&office, "U0AE1", "promise northwind 0 by friday", "above zero");
    office_says(&office, "U0AE1", "hold northwind", "Until when");
    office_says(&office, "U0AE1", "hold northwind until 2020-01-01", "past");
    office_says(&office, "U0AE1", "dispute northwind", "What do they dispute");
    office_says(&office, "U0AE1", "claim studio", "no open case");
    office_says(&office, "U0MAN1", "approve", "Which request");
    office_says(&office, "U0MAN1", "approve 99", "no request A-99");
    office_says(&office, "U0MAN1", "decline A-1", "Why not");
    office_says(&office, "U0MAN1", "counter A-1", "how many instalments");
    office_says(&office, "U0AE2", "plan northwind 3x from friday why x", "AE");
    assert_int_equal(count("notes"), 0);
    assert_int_equal(count("proposals"), 0);
    assert_int_equal(store_i64(office.store, -1, "SELECT COUNT(*) FROM promises", ""), 0);
    assert_int_equal(store_i64(office.store, -1, "SELECT claimed FROM recoveries WHERE id = 1", ""), 0);
}

static void a_plan_by_command(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    office_says(&office, "U0AE1", "plan Northwind Ltd 4 x from 2027-01-05", "why");
    office_says(&office, "U0AE1", "plan Northwind Ltd 4 x from 2027-01-05 why renewal in flight", "Asked for approval: A-2");
    office_says(&office, "U0AE1", "plan northwind 3x from friday why again", "already under way");
    office_says(&office, "U0AE1", "approve A-2", "own request");
    office_says(&office, "U0MAN2", "approve a2", "limit");
    office_says(&office, "U0OP1", "approve 2", "manager or finance");
    office_says(&office, "U0MAN1", "approve 2 why good customer", "Approved: A-2");
    office_says(&office, "U0MAN1", "approve 2", "already decided");
    office_says(&office, "U0COL1", "status northwind", "Plan: 0 of 4 instalments paid");
    office_says(&office, "U0COL1", "history northwind", "good customer");
}

static void a_counter_offer_is_accepted(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    office_says(&office, "U0AE1", "plan northwind 4x from 2027-01-05 why renewal", "A-2");
    office_says(&office, "U0AE1", "counter A-2 2x", "these roles");
    office_says(&office, "U0MAN1", "counter A-2 Acme 2x", "do not understand");
    office_says(&office, "U0MAN1", "counter A-2 3x from 2027-01-12 why shorter", "A-3");
    office_says(&office, "U0AE2", "accept A-3", "manager or finance");
    office_says(&office, "U0AE1", "accept A-3", "Approved");
    assert_int_equal(store_i64(office.store, -1, "SELECT state FROM proposals WHERE id = 3", ""), PROPOSAL_CONFIRMED);
}

static void a_promise_and_a_number_in_a_name(void **state)
{
    (void)state;
    office_event(&office, "cus_4", "in_1004", true);
    office_says(&office, "U0AE2", "promise Studio 54 by in 5 days", "$54.00");
    office_says(&office, "U0AE2", "promise Studio 54 $20 by in 5 days", "$20.00");
    office_says(&office, "U0AE2", "status studio", "Promised: $20.00");
}

static void buttons_mean_the_same(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    clicks("U0AE2", "plan", "N-1@3", "AE");
    clicks("U0AE1", "claim", "N-1@1", "is yours");
    clicks("U0AE1", "claim", "N-1@1", "already");
    clicks("U0COL1", "claim", "N-1@1", "has it already");
    clicks("U0AE1", "frobnicate", "N-1@1", "older version");
    clicks("U0AE1", "claim", "N-99@1", "N-99");
    clicks("U0AE1", "history", "A-1@1", "Case N-1 opened");
    office_says(&office, "U0AE1", "plan northwind 4x from 2027-01-05 why renewal", "A-2");
    clicks("U0MAN1", "approve", "A-2@1", "older than the request");
    clicks("U0MAN1", "decline", "A-2@1", "has changed");
    clicks("U0MAN1", "approve", "A-2@2", "Approved");
    clicks("U0MAN1", "decline", "A-2@2", "not open any more");
    clicks("U0AE1", "withdraw", "A-2@2", "already decided");
    json_put(json_at(office.read[0], "invoices.0"), "status", "paid");
    office_event(&office, "cus_1", "in_1001", false);
    clicks("U0AE1", "claim", "N-1@9", "closed");
    clicks("U0AE1", "plan", "N-1@9", "closed");
    clicks("U0AE1", "link", "N-1@9", "closed");
}

static void the_plan_form(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    clicks("U0AE1", "plan", "N-1@3", "");
    const json_t *opened = office_sent(&office, "form-slack");
    assert_string_equal(json_str(opened, "op", ""), "open_form");
    assert_true(json_is_null(json_at(opened, "args.form.submit")));
    const json_t *filled = office_sent(&office, "view-V1-opened");
    assert_string_equal(json_str(filled, "args.form.ref", ""), "N-1@3");
    assert_says(json_str(filled, "args.form.notes.0", ""), "$48,200.00");
    assert_says(json_str(filled, "args.form.notes.1", ""), "Needs a manager");
    assert_says(json_str(filled, "args.form.notes.1", ""), "It takes one manager or finance.");
    AUTO_STR changed = office_form(&office, CHAT_FORM_CHANGE, "U0AE1", "plan", "N-1@3",
                                   "{\"instalments\":\"12\",\"first\":\"2027-06-05\",\"why\":\"\"}");
    assert_string_equal(changed, "");
    const json_t *newer = office_sent(&office, "view-V1-t");
    assert_says(json_str(newer, "args.form.notes.1", ""), "Not allowed");
    assert_string_equal(json_str(newer, "args.form.inputs.1.value", ""), "12");
    submits("U0AE1", "plan", "N-1@3", "{\"instalments\":\"4\",\"first\":\"2027-01-05\",\"why\":\"\"}",
            "why: This needs a manager");
    submits("U0AE1", "plan", "N-1@3", "{\"instalments\":\"4\",\"first\":\"2020-01-05\",\"why\":\"x\"}",
            "first: 5 Jan 2020 is in the past");
    submits("U0AE1", "plan", "N-1@3", "{\"instalments\":\"\",\"first\":\"\",\"why\":\"\"}", "instalments: Choose");
    submits("U0AE1", "plan", "N-1@3", "{\"instalments\":\"12\",\"first\":\"2027-06-05\",\"why\":\"x\"}",
            "instalments: Not allowed");
    submits("U0AE2", "plan", "N-1@3", "{\"instalments\":\"4\",\"first\":\"2027-01-05\",\"why\":\"x\"}", "AE");
    submits("U0AE1", "plan", "N-1@3", "{}", "instalments: Choose");
    submits("U0AE1", "plan", "N-77@3", "{}", "do not find");
    assert_int_equal(count("proposals"), 0);
    submits("U0AE1", "plan", "N-1@3", "{\"instalments\":\"4\",\"first\":\"2027-01-05\",\"why\":\"renewal\"}",
            "Asked for approval: A-2");
    assert_int_equal(count("proposals"), 1);
}

static void the_newest_change_of_a_form_wins(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    office.chat_waits = true;
    for (int i = 0; i < 5; i++) {
        AUTO_STR values = str_fmt("{\"instalments\":\"%d\",\"first\":\"2027-01-05\",\"why\":\"\"}", i + 2);
        AUTO_STR said = office_form(&office, CHAT_FORM_CHANGE, "U0AE1", "plan", "N-1@3", values);
        assert_string_equal(said, "");
    }
    office.chat_waits = false;
    office.now_ms += 5 * MS_SECOND;
    office_turn(&office, NULL, NULL);
    assert_int_equal(office_count(&office, "view-V1-"), 1);
    assert_string_equal(json_str(office_sent(&office, "view-V1-"), "args.form.inputs.1.value", ""), "6");
}

static void the_other_forms(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    clicks("U0AE1", "hold", "N-1@3", "");
    assert_says(json_str(office_sent(&office, "view-V1-opened"), "args.form.title", ""), "Extend");
    submits("U0AE1", "hold", "N-1@3", "{\"until\":\"2026-12-01\",\"why\":\"\"}", "until: 1 Dec 2026 is in the past");
    submits("U0AE1", "hold", "N-1@3", "{\"until\":\"2027-01-20\",\"why\":\"\"}", "why: This needs a manager");
    submits("U0AE1", "hold", "N-1@3", "{\"until\":\"2027-12-20\",\"why\":\"x\"}", "until: Not allowed");
    submits("U0AE1", "hold", "N-1@3", "{\"until\":\"2027-01-05\",\"why\":\"\"}", "Inside policy");
    submits("U0AE1", "promise", "N-1@3", "{\"amount\":\"abc\",\"by\":\"2027-01-05\"}", "amount: ");
    submits("U0AE1", "promise", "N-1@3", "{\"amount\":\"999999\",\"by\":\"2027-01-05\"}", "amount: ");
    submits("U0AE1", "promise", "N-1@3", "{\"amount\":\"500\",\"by\":\"2027-01-05\"}", "$500.00");
    submits("U0AE1", "dispute", "N-1@3", "{\"why\":\"  \"}", "why: Say what");
    submits("U0AE1", "dispute", "N-1@3", "{\"why\":\"billed twice\"}", "disputes");
    office_says(&office, "U0AE1", "plan northwind 4x from 2027-01-05 why renewal", "A-3");
    submits("U0MAN1", "decline", "A-3@1", "{\"why\":\"no\"}", "older than the request");
    submits("U0MAN1", "counter", "A-3@1", "{\"instalments\":\"3\",\"first\":\"2027-01-05\",\"why\":\"x\"}",
            "has changed");
    submits("U0MAN1", "decline", "A-3@2", "{\"why\":\"\"}", "why: Say why");
    submits("U0MAN1", "decline", "A-3@2", "{\"why\":\"too long\"}", "Declined");
    submits("U0AE1", "frobnicate", "N-1@1", "{}", "do not know this form");
}

static void questions_name_source_and_age(void **state)
{
    (void)state;
    office_says(&office, "U0COL1", "queue", "empty");
    office_says(&office, "U0COL1", "holds", "Nothing is on hold");
    office_says(&office, "U0COL1", "history northwind", "nothing has happened");
    office_event(&office, "cus_1", "in_1001", true);
    office_event(&office, "cus_3", "in_1003", true);
    office_event(&office, "cus_4", "in_1004", true);
    office.now_ms += 14 * MS_SECOND;
    office_says(&office, "U0COL1", "status Northwind", "$48,200.00 unpaid on 1 invoice (stripe, 14 s ago)");
    office_says(&office, "U0COL1", "status n-1", "insufficient funds");
    office_says(&office, "U0COL1", "status northwind", "(accounts.csv, 2 min ago)");
    office_says(&office, "U0COL1", "status northwind", "On hold until {ms:");
    office_says(&office, "U0COL1", "status northwind", "Next: ");
    AUTO_STR queue = office_say(&office, "U0COL1", "queue");
    assert_says(queue, "$900.00 (stripe, 14 s ago)");
    assert_true(strstr(queue, "Acme East") < strstr(queue, "Studio 54"));
    office_says(&office, "U0COL1", "holds", "Northwind Ltd (N-1): $48,200.00, until {ms:");
    office.now_ms += 2 * MS_HOUR;
    office_says(&office, "U0COL1", "status northwind", "2 h ago, stale");
}

static void a_file_is_not_kept_and_that_is_said(void **state)
{
    (void)state;
    office_says(&office, "U0COL1", "queue", "empty");
    office.with_files = true;
    office_says(&office, "U0COL1", "", "I cannot read files, and keep none. Please write what it says");
    office_says(&office, "U0COL1", "note northwind their mail is beside", "\nThe file beside it was not read and is not kept.");
    office_says(&office, "U0COL1", "nite northwind", "I do not know");
    office_says(&office, "U0COL1", "nite northwind", "The file beside it");
    office.with_files = false;
    office_says(&office, "U0COL1", "history northwind", "their mail is beside");
    AUTO_STR plain = office_say(&office, "U0COL1", "queue");
    assert_not_says(plain, "file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(strangers_get_nothing, setup, office_teardown),
        cmocka_unit_test_setup_teardown(help_shows_what_one_may_do, setup, office_teardown),
        cmocka_unit_test_setup_teardown(accounts_are_never_guessed, setup, office_teardown),
        cmocka_unit_test_setup_teardown(notes_find_their_account, setup, office_teardown),
        cmocka_unit_test_setup_teardown(bad_input_changes_nothing, setup, office_teardown),
        cmocka_unit_test_setup_teardown(a_plan_by_command, setup, office_teardown),
        cmocka_unit_test_setup_teardown(a_counter_offer_is_accepted, setup, office_teardown),
        cmocka_unit_test_setup_teardown(a_promise_and_a_number_in_a_name, setup, office_teardown),
        cmocka_unit_test_setup_teardown(buttons_mean_the_same, setup, office_teardown),
        cmocka_unit_test_setup_teardown(the_plan_form, setup, office_teardown),
        cmocka_unit_test_setup_teardown(the_newest_change_of_a_form_wins, setup, office_teardown),
        cmocka_unit_test_setup_teardown(the_other_forms, setup, office_teardown),
        cmocka_unit_test_setup_teardown(a_file_is_not_kept_and_that_is_said, setup, office_teardown),
        cmocka_unit_test_setup_teardown(questions_name_source_and_age, setup, office_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
