/* Two platforms at once: one case, one request, one state, wherever it is shown. Slack has buttons; the other one has reactions
 * and edits that show a new state only, as Matrix. */
#include "tests/unit/cases.h"

static struct office office;

static const struct chat_site both[] = {
    {.name = "slack", .approvals = "C0APPROVALS", .collections = "C0COLLECT", .shadow = "C0SHADOW", .traits = TRAIT_FORMS},
    {.name = "matrix", .approvals = "!approvals", .collections = "!collect", .traits = TRAIT_REACTIONS | TRAIT_STATUS_EDITS | TRAIT_POLLS},
};

static int setup(void **state)
{
    *state = &office;
    office_open(&office, false);
    office.e.chats = both;
    office.e.n_chats = 2;
    return 0;
}

static char *says_on(const char *platform, const char *user, const char *text)
{
    office.platform = platform;
    char *said = office_say(&office, user, text);
    office.platform = NULL;
    return said;
}

static void does(const char *user, const char *text)
{
    AUTO_STR said = says_on(user[0] == '@' ? "matrix" : "slack", user, text);
    assert_true(said[0]);
}

/* The card standing under a reference on a platform now. The caller frees. */
static char *standing(const char *ref, const char *platform)
{
    const json_t *last = NULL;
    for (size_t i = 0; i < json_array_size(office.sent); i++) {
        const json_t *row = json_array_get(office.sent, i);
        if (str_eq(json_str(row, "args.ref", ""), ref) && str_eq(json_str(row, "platform", ""), platform) && json_at(row, "args.card"))
            last = row;
    }
    return last ? office_read_card(json_at(last, "args.card")) : str_dup("");
}

static void stands(const char *ref, const char *platform, const char *piece)
{
    AUTO_STR text = standing(ref, platform);
    assert_says(text, piece);
}

static void asked(void)
{
    office_event(&office, "cus_1", "in_1001", true);
    does("U0AE1", "plan northwind 4x from 2027-01-05 why renewal in flight");
}

static void a_request_stands_on_both_and_either_decides(void **state)
{
    (void)state;
    asked();
    assert_string_equal(json_str(office_sent(&office, "card-A-2-1@slack"), "args.channel", ""), "C0APPROVALS");
    assert_string_equal(json_str(office_sent(&office, "card-A-2-1@matrix"), "args.channel", ""), "!approvals");
    stands("A-2", "slack", "Approval needed");
    stands("A-2", "matrix", "Approval needed");
    does("@mara:dunwell.test", "approve A-2");
    stands("A-2", "slack", "Approved by Mara Manager");
    stands("A-2", "matrix", "Approved by Mara Manager");
    stands("A-2", "slack", "confirmed (plan_77)");
    stands("A-2", "matrix", "confirmed (plan_77)");
    assert_int_equal(office_count(&office, "reply-A-2-approved@slack"), 1);
    assert_int_equal(office_count(&office, "reply-A-2-approved@matrix"), 1);
    assert_int_equal(office_count(&office, "reply-N-1-A-2-approved"), 1);
    office.platform = "slack";
    AUTO_STR late = office_click(&office, "U0MAN1", "approve", "A-2@2");
    assert_says(late, "already");
}

static void nobody_is_two_people(void **state)
{
    (void)state;
    asked();
    AUTO_STR stranger = says_on("matrix", "U0MAN1", "approve A-2"); /* the id of another platform means nothing here */
    assert_says(stranger, "I do not know you yet");
    stands("A-2", "matrix", "Approval needed");
}

static void a_case_stands_where_its_owner_is(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    assert_int_equal(office_count(&office, "card-N-1-1@slack"), 1);
    assert_int_equal(office_count(&office, "card-N-1-1@matrix"), 0);
    does("@mia:dunwell.test", "claim northwind");
    stands("N-1", "slack", "handed to Mia Executive");
    stands("N-1", "matrix", "Mia Executive handles it");
    assert_string_equal(json_str(office_sent(&office, "card-N-1-1@matrix"), "args.channel", ""), "@mia:dunwell.test");
    does("@mia:dunwell.test", "notmine northwind");
    stands("N-1", "matrix", "handed to collections");
    assert_string_equal(json_str(office_sent(&office, "card-N-1-"), "args.channel", ""), "C0COLLECT");
    does("U0COL1", "claim northwind");
    stands("N-1", "slack", "Cleo Collector handles it");
    assert_string_equal(json_str(office_sent(&office, "card-N-1-"), "platform", ""), "slack");
}

/* The question on a platform with status edits is another message when the terms change. */
static void another_question_is_another_message(void **state)
{
    (void)state;
    asked();
    json_t *invoice = json_at(office.read[0], "invoices.0");
    json_put_new(invoice, "due", json_integer(4000000));
    office_event(&office, "cus_1", "in_1001", false);
    stands("A-2", "matrix", "$40,000.00");
    stands("A-2", "slack", "$40,000.00");
    assert_string_equal(json_str(office_sent(&office, "card-A-2-void-1@matrix"), "op", ""), "update");
    assert_says(json_str(office_sent(&office, "card-A-2-void-1@matrix"), "args.card.title", ""), "void");
    assert_int_equal(json_array_size(json_at(office_sent(&office, "card-A-2-void-1@matrix"), "args.card.actions")), 0);
    assert_string_equal(json_str(office_sent(&office, "card-A-2-2@matrix"), "op", ""), "post");
    assert_int_equal(office_count(&office, "card-A-2-2@slack"), 0); /* Slack edits in place */
    does("U0MAN1", "approve A-2");
    assert_string_equal(json_str(office_sent(&office, "card-A-2-r3@matrix"), "op", ""), "update"); /* a new state is an edit */
    stands("A-2", "matrix", "Approved by Mara Manager");
}

static void one_platform_down_does_not_hold_the_other(void **state)
{
    (void)state;
    office.platform_down = "slack";
    office_event(&office, "cus_1", "in_1001", true);
    does("U0AE1", "plan northwind 4x from 2027-01-05 why renewal in flight");
    stands("A-2", "matrix", "Approval needed");
    does("U0MAN1", "approve A-2");
    stands("A-2", "matrix", "confirmed (plan_77)");
    office.platform_down = NULL;
    office.now_ms += 5 * MS_SECOND;
    office_turn(&office, NULL, NULL);
    stands("A-2", "slack", "confirmed (plan_77)");
    size_t posts = 0;
    for (size_t i = 0; i < json_array_size(office.sent); i++) {
        const json_t *row = json_array_get(office.sent, i);
        posts += str_eq(json_str(row, "args.ref", ""), "A-2") && str_eq(json_str(row, "op", ""), "post") && str_eq(json_str(row, "platform", ""), "slack");
    }
    assert_int_equal(posts, 1); /* the newest only, not a film */
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, office_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_stands_on_both_and_either_decides), TEST(nobody_is_two_people), TEST(a_case_stands_where_its_owner_is),
        TEST(another_question_is_another_message), TEST(one_platform_down_does_not_hold_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
