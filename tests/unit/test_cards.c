/* Cards: their text equals the state, one message a case edited in place, replies once, and nothing is lost when
 * the platform is slow, refuses, or the owner changes while a post is out. */
#include "tests/unit/cases.h"

static struct office office;

static int setup(void **state)
{
    *state = &office;
    office_open(&office, false);
    return 0;
}

static int setup_shadow(void **state)
{
    *state = &office;
    office_open(&office, true);
    return 0;
}

/* The card now standing under a reference, as text. The caller frees. */
static char *standing(const char *ref)
{
    const json_t *last = NULL;
    for (size_t i = 0; i < json_array_size(office.sent); i++) {
        const json_t *row = json_array_get(office.sent, i);
        if (str_eq(json_str(row, "args.ref", ""), ref) && !strstr(json_str(row, "key", ""), "-void-"))
            last = row;
    }
    return last ? office_read_card(json_at(last, "args.card")) : str_dup("");
}

static void stands(const char *ref, const char *piece)
{
    AUTO_STR text = standing(ref);
    assert_says(text, piece);
}

static void stands_not(const char *ref, const char *piece)
{
    AUTO_STR text = standing(ref);
    assert_not_says(text, piece);
}

/* What is standing is exactly what would be built from the state now. */
static void card_equals_state(int64_t id)
{
    store_begin(office.store);
    struct recovery *r = recovery_load(&office.e, id);
    AUTO_STR ref = str_fmt("N-%lld", (long long)id);
    json_auto_t *card = card_case(&office.e, r);
    AUTO_STR now = office_read_card(card);
    AUTO_STR shown = standing(ref);
    const char *mention = strchr(shown, '[');
    assert_string_equal(mention, now);
    recovery_free(r);
    assert_int_equal(store_commit(office.store, NULL), 0);
}

static void does(const char *user, const char *text)
{
    AUTO_STR said = office_say(&office, user, text);
    assert_true(said[0]);
}

static void an_alert_has_everything(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    static const char *const pieces[] = {
        "Northwind Ltd: $48,200.00 unpaid",
        "Why you: you are the account executive",
        "A person speaks with this customer first",
        "Invoice 1001 was due {ago:",
        "insufficient funds (soft",
        "Visa ending in 4242",
        "6 of 8 attempts are left",
        "On hold until {ms:",
        "If nobody acts: ",
        "Suggested: ",
        "Renewal: ",
        "Sentiment: -0.4",
        "Open tickets: 3",
        "(stripe)",
        "(accounts.csv)",
        "claim N-1",
        "plan N-1 3x from <date>",
        "hold N-1 until <date>",
        "promise N-1",
        "dispute N-1",
        "link N-1",
        "notmine N-1",
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(pieces); i++)
        stands("N-1", pieces[i]);
    const json_t *first = office_sent(&office, "card-N-1-1");
    assert_string_equal(json_str(first, "args.channel", ""), "U0AE1");
    assert_string_equal(json_str(first, "args.card.mention", ""), "U0AE1");
    assert_string_equal(json_str(office_sent(&office, "card-N-1-r"), "args.card.mention", "none"), "");
    assert_string_equal(json_str(office_sent(&office, "card-N-1-r"), "args.channel", ""), "D0AE1");
    assert_string_equal(json_str(office_sent(&office, "card-N-1-r"), "args.message", ""), "m1");
    assert_true(json_array_size(json_at(first, "args.card.actions")) <= 3);
    assert_true(json_array_size(json_at(first, "args.card.more")) <= 5);
    card_equals_state(1);
}

static void a_waiting_retry_bothers_nobody(void **state)
{
    (void)state;
    office_event(&office, "cus_2", "in_1002", true);
    assert_int_equal(office_count(&office, "card-"), 0);
    does("U0AE2", "claim acme-corp");
    assert_int_equal(office_count(&office, "card-N-1-1"), 1);
}

static void one_message_edited_in_place(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    does("U0AE1", "claim northwind");
    does("U0AE1", "note northwind does not change the card");
    size_t before = office_count(&office, "card-N-1-");
    store_begin(office.store);
    engine_dirty(&office.e, 1);
    assert_int_equal(store_commit(office.store, NULL), 0);
    office_turn(&office, NULL, NULL);
    assert_int_equal(office_count(&office, "card-N-1-"), before);
    assert_int_equal(office_count(&office, "card-N-1-1"), 1);
    for (size_t i = 0; i < json_array_size(office.sent); i++)
        assert_true(!str_eq(json_str(json_array_get(office.sent, i), "op", ""), "post") ||
                    str_eq(json_str(json_array_get(office.sent, i), "key", ""), "card-N-1-1@slack"));
    stands("N-1", "Ana Executive handles it");
    stands_not("N-1", "[I'll handle it");
    card_equals_state(1);
}

static void an_approval_from_asked_to_confirmed(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    does("U0AE1", "plan northwind 4x from 2027-01-05 why renewal in flight");
    static const char *const pieces[] = {
        "Approval needed: Northwind Ltd, 4 x $12,050.00 from 5 Jan 2027",
        "Ana Executive asked",
        "\"renewal in flight\"",
        "1. 5 Jan 2027: $12,050.00",
        "4. 5 Apr 2027: $12,050.00",
        "4 instalments are more than 3",
        "Dunwell keeps the dates",
        "first time a payment",
        "limit of $48,200.00 or more, and not Ana Executive",
        "If nobody decides, nothing is changed",
        "approve A-2 (A-2@2)",
        "counter A-2 3x",
        "decline A-2 <reason>",
        "Unpaid: $48,200.00",
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(pieces); i++)
        stands("A-2", pieces[i]);
    assert_string_equal(json_str(office_sent(&office, "card-A-2-1"), "args.channel", ""), "C0APPROVALS");
    assert_string_equal(json_str(office_sent(&office, "card-A-2-1"), "args.card.actions.0.confirm.yes", ""),
                        "Approve");
    stands("N-1", "A-2, 4 x $12,050.00 from 5 Jan 2027: waiting for approval");
    stands_not("N-1", "Offer a plan");
    office.biller_silent = true;
    does("U0MAN1", "approve 2 why good customer");
    stands("A-2", "Unknown, reconciling");
    stands("A-2", "Approved by Mara Manager (manager, up to $100,000.00)");
    stands("A-2", "\"good customer\"");
    stands("N-1", "unknown, reconciling: no answer came");
    stands_not("A-2", "confirmed");
    stands_not("A-2", "approve A-2 (");
    office.biller_silent = false;
    office.now_ms += 2 * MS_MINUTE;
    office_turn(&office, NULL, NULL);
    stands("A-2", "[good] Confirmed");
    stands("A-2", "confirmed (plan_77)");
    stands("N-1", "Plan: 0 of 4 instalments paid, next $12,050.00 on {ms:");
    static const char *const replies[] = {"reply-A-2-approved", "reply-A-2-unknown", "reply-A-2-confirmed",
                                          "reply-N-1-A-2-approved", "reply-N-1-A-2-confirmed"};
    for (size_t i = 0; i < DW_ARRAY_LEN(replies); i++)
        assert_int_equal(office_count(&office, replies[i]), 1);
    assert_string_equal(json_str(office_sent(&office, "reply-A-2-confirmed"), "args.channel", ""), "C0APPROVALS");
    assert_true(json_str(office_sent(&office, "reply-A-2-confirmed"), "args.thread", "")[0] == 'm');
    card_equals_state(1);
}

static void refusals_are_told(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    does("U0AE1", "plan northwind 4x from 2027-01-05 why renewal");
    does("U0MAN1", "decline 2 too long for this account");
    stands("A-2", "[info] Declined");
    stands("A-2", "declined by Mara Manager");
    stands("A-2", "too long for this account");
    stands_not("A-2", "approve A-2");
    assert_says(json_str(office_sent(&office, "reply-N-1-A-2-declined"), "args.text", ""),
                "too long for this account");
    does("U0AE1", "plan northwind 5x from 2027-01-05 why renewal");
    office.biller_says_no = true;
    does("U0MAN1", "approve 3");
    stands("A-3", "Failed");
    stands("A-3", "the invoice is gone");
    stands("N-1", "failed: the invoice is gone");
    assert_int_equal(office_count(&office, "reply-A-3-failed"), 1);
    does("U0AE1", "plan northwind 6x from 2027-01-05 why renewal");
    office.now_ms += 49 * MS_HOUR;
    office_turn(&office, NULL, NULL);
    stands("A-4", "Expired, nothing changed");
    card_equals_state(1);
}

static void a_counter_offer_reaches_the_asker(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    does("U0AE1", "plan northwind 4x from 2027-01-05 why renewal");
    does("U0MAN1", "counter 2 3x why shorter");
    stands("A-2", "countered with A-3 by Mara Manager");
    stands("A-3", "Needs: Ana Executive, who asked first, to accept it");
    stands("N-1", "[Accept 3 x about");
    AUTO_STR said = office_click(&office, "U0AE1", "approve", "A-3@2");
    assert_says(said, "Approved");
    stands_not("N-1", "Accept 3 x");
}

static void a_payment_closes_everything(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    does("U0AE1", "plan northwind 4x from 2027-01-05 why renewal");
    json_put(json_at(office.read[0], "invoices.0"), "status", "paid");
    office_event(&office, "cus_1", "in_1001", false);
    stands("N-1", "[good] Northwind Ltd: closed, paid");
    stands_not("N-1", "claim N-1");
    stands("A-2", "Withdrawn");
    stands_not("A-2", "approve A-2");
    assert_int_equal(office_count(&office, "reply-N-1-closed"), 1);
    assert_int_equal(office_count(&office, "reply-A-2-withdrawn"), 1);
    card_equals_state(1);
}

static void a_new_owner_gets_a_new_card(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    does("U0COL1", "claim northwind");
    const json_t *voided = office_sent(&office, "card-N-1-void-");
    assert_string_equal(json_str(voided, "args.channel", ""), "D0AE1");
    assert_says(json_str(voided, "args.card.title", ""), "handed to Cleo Collector");
    assert_int_equal(json_array_size(json_at(voided, "args.card.actions")), 0);
    const json_t *latest = office_sent(&office, "card-N-1-");
    assert_string_equal(json_str(latest, "op", ""), "post");
    assert_string_equal(json_str(latest, "args.channel", ""), "U0COL1");
    does("U0COL1", "notmine northwind");
    assert_string_equal(json_str(office_sent(&office, "card-N-1-"), "args.channel", ""), "C0COLLECT");
    card_equals_state(1);
}

static void a_slow_platform_gets_the_newest_only(void **state)
{
    (void)state;
    office.chat_waits = true;
    office_event(&office, "cus_1", "in_1001", true);
    does("U0AE1", "claim northwind");
    office.chat_waits = false;
    office.now_ms += 5 * MS_SECOND;
    office_turn(&office, NULL, NULL);
    assert_int_equal(office_count(&office, "card-N-1-"), 1);
    stands("N-1", "Ana Executive handles it");
    office.chat_waits = true;
    does("U0AE1", "plan northwind 4x from 2027-01-05 why renewal");
    does("U0AE1", "withdraw 2");
    does("U0AE1", "hold northwind until 2027-01-05");
    size_t before = office_count(&office, "card-N-1-");
    office.chat_waits = false;
    office.now_ms += 5 * MS_SECOND;
    office_turn(&office, NULL, NULL);
    assert_int_equal(office_count(&office, "card-N-1-"), before + 1);
    stands("A-2", "Withdrawn");
    card_equals_state(1);
}

/* The post is out (its answer has not come) when the case changes, and again when it moves to somebody else. */
static void changes_while_a_post_is_out(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    store_begin(office.store);
    store_run(office.store, "UPDATE messages SET message = NULL, state = 'posting' WHERE ref = 'N-1'", "");
    AUTO_STR key = str_fmt("card-N-1-%lld@slack", (long long)store_i64(office.store, 0, "SELECT revision FROM messages WHERE ref = 'N-1'", ""));
    assert_int_equal(store_commit(office.store, NULL), 0);
    does("U0AE1", "claim northwind");
    stands_not("N-1", "Ana Executive handles it");
    json_auto_t *args = json_pack("{s:s, s:s}", "ref", "N-1", "channel", "U0AE1");
    json_auto_t *result = json_pack("{s:s, s:s}", "channel", "D0AE1", "message", "m50");
    store_begin(office.store);
    cards_posted(&office.e, &(struct chat_end){.platform = "slack", .key = key, .effect_id = 999, .args = args, .result = result});
    assert_int_equal(store_commit(office.store, NULL), 0);
    office_turn(&office, NULL, NULL);
    stands("N-1", "Ana Executive handles it");
    assert_string_equal(json_str(office_sent(&office, "card-N-1-r"), "args.message", ""), "m50");
    does("U0AE1", "notmine northwind");
    store_begin(office.store);
    cards_posted(&office.e, &(struct chat_end){.platform = "slack", .key = key, .effect_id = 1000, .args = args, .result = result}); /* the first owner's post comes back late */
    assert_int_equal(store_commit(office.store, NULL), 0);
    office_turn(&office, NULL, NULL);
    assert_int_equal(office_count(&office, "card-N-1-void-e1000"), 1);
    card_equals_state(1);
}

static void who_cannot_be_reached_is_replaced(void **state)
{
    (void)state;
    office.people_deaf = true;
    office_event(&office, "cus_1", "in_1001", true);
    const json_t *latest = office_sent(&office, "card-N-1-");
    assert_string_equal(json_str(latest, "args.channel", ""), "C0COLLECT");
    does("U0AE1", "hold northwind until 2027-01-05");
    assert_string_equal(json_str(office_sent(&office, "card-N-1-"), "args.channel", ""), "C0COLLECT");
    card_equals_state(1);
    office.people_deaf = false;
    does("U0COL1", "claim northwind");
    assert_string_equal(json_str(office_sent(&office, "card-N-1-"), "args.channel", ""), "U0COL1");
    card_equals_state(1);
}

static void a_lost_message_is_posted_anew(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    office.edits_refused = true;
    does("U0AE1", "claim northwind");
    assert_string_equal(json_str(office_sent(&office, "card-N-1-"), "op", ""), "post");
    office.edits_refused = false;
    card_equals_state(1);
    does("U0AE1", "hold northwind until 2027-01-05");
    assert_string_equal(json_str(office_sent(&office, "card-N-1-"), "op", ""), "update");
    card_equals_state(1);
}

static size_t tried(const char *ref)
{
    AUTO_STR key = str_fmt("card-%s-", ref);
    return office_count(&office, key);
}

static void later(int64_t ms)
{
    office.now_ms += ms;
    office_turn(&office, NULL, NULL);
}

/* The bot is invited again, its token renewed: the case need not change for its cards to come after all. */
static void a_refused_card_comes_by_itself_in_the_end(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    office.posts_refused = true;
    does("U0AE1", "plan northwind 4x from 2027-01-05 why renewal");
    size_t first = tried("A-2");
    assert_int_equal(first, 1);
    later(MS_MINUTE - 1);
    assert_int_equal(tried("A-2"), first);
    later(1);
    assert_int_equal(tried("A-2"), first + 1);
    later(MS_MINUTE);
    assert_int_equal(tried("A-2"), first + 2);
    later(MS_MINUTE); /* it has waited for three minutes, and two between the last ones */
    assert_int_equal(tried("A-2"), first + 2);
    for (int i = 0; i < 24; i++)
        later(MS_HOUR);
    assert_in_range(tried("A-2"), first + 20, first + 30);
    office.posts_refused = false;
    later(MS_HOUR);
    stands("A-2", "Needs: ");
    assert_int_equal(store_i64(office.store, -1, "SELECT count(*) FROM messages WHERE ref = 'A-2' AND state = 'posted' AND since_ms = 0", ""), 1);
    size_t last = tried("A-2");
    later(MS_HOUR);
    assert_int_equal(tried("A-2"), last);
}

/* What nobody needs to see any more is not tried for ever. */
static void a_refused_card_of_a_closed_case_rests(void **state)
{
    (void)state;
    office.posts_refused = true;
    office_event(&office, "cus_1", "in_1001", true);
    assert_int_equal(store_i64(office.store, -1, "SELECT count(*) FROM timers WHERE kind = 'unposted'", ""), 1);
    json_put_new(office.read[0], "invoices", json_array());
    office_event(&office, "cus_1", "in_1001", false);
    assert_int_equal(store_i64(office.store, -1, "SELECT is_open FROM recoveries", ""), 0);
    assert_int_equal(store_i64(office.store, -1, "SELECT count(*) FROM timers WHERE kind = 'unposted'", ""), 0);
}

/* That billing has made the link is not yet that the customer got it. */
static void what_became_of_the_mail_is_told(void **state)
{
    (void)state;
    office.makes_links = office.mail_refused = true;
    office_event(&office, "cus_1", "in_1001", true);
    does("U0AE1", "link northwind");
    stands("N-1", "send a link to pay: not delivered: ");
    stands("N-1", "A collector reaches the customer another way: the mail failed (");
    assert_int_equal(office_count(&office, "reply-N-1-A-2-outcome-mail-failed"), 1);
    does("U0AE1", "link northwind");
    static const char twice[] = "SELECT count(*) FROM recoveries WHERE next_step LIKE '%mail failed%mail failed%' OR next_step LIKE '%by hand%by hand%'";
    assert_int_equal(store_i64(office.store, -1, twice, ""), 0);
    office.mail_refused = false;
    does("U0AE1", "link northwind");
    stands("N-1", "A-4, send a link to pay: mailed");
    stands_not("N-1", "the mail failed (");
    stands("N-1", "If nobody acts: Notices and retries resume");
    office.e.mail = NULL;
    does("U0AE1", "link northwind");
    does("U0AE1", "link northwind");
    stands("N-1", "send a link to pay: to be sent by hand");
    assert_int_equal(store_i64(office.store, -1, twice, ""), 0);
    card_equals_state(1);
}

/* A click after which nothing happens is the worst answer there is. */
static void a_form_that_does_not_open_is_told(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    office.forms_refused = true;
    AUTO_STR said = office_click(&office, "U0AE1", "plan", "N-1");
    assert_says(said, "The form did not open, and nothing was changed.");
    assert_says(said, "plan N-1 3x");
    const json_t *whisper = office_sent(&office, "whisper-");
    assert_string_equal(json_str(whisper, "args.user", ""), "U0AE1");
    assert_string_equal(json_str(whisper, "args.channel", ""), "C0ROOM");
    office.forms_refused = false;
    AUTO_STR quiet = office_click(&office, "U0AE1", "plan", "N-1");
    assert_string_equal(quiet, "");
    assert_int_equal(office_count(&office, "whisper-"), 1);
}

/* Nor may it stay at "One moment" for ever. */
static void a_form_that_cannot_be_filled_says_so(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    office.fillings_refused = true;
    AUTO_STR quiet = office_click(&office, "U0AE1", "plan", "N-1");
    assert_string_equal(quiet, "");
    assert_int_equal(office_count(&office, "view-V1-"), 2);
    assert_says(json_str(office_sent(&office, "view-V1-view-V1-opened"), "args.form.notes.0", ""), "The form cannot be shown, and nothing was changed.");
    assert_says(json_str(office_sent(&office, "view-V1-view-V1-opened"), "args.form.notes.0", ""), "plan N-1 3x");
    assert_int_equal(office_count(&office, "whisper-"), 0);
}

static void a_form_that_shows_nothing_is_told_beside_it(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    office.all_fillings_refused = true;
    AUTO_STR said = office_click(&office, "U0AE1", "hold", "N-1");
    assert_says(said, "The form cannot be shown");
    assert_says(said, "hold N-1 until");
    assert_string_equal(json_str(office_sent(&office, "whisper-"), "args.channel", ""), "C0ROOM");
    assert_int_equal(office_count(&office, "whisper-"), 1);
    assert_int_equal(office_count(&office, "view-V1-"), 2);
}

static void shadow_goes_to_one_channel(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    assert_true(office_count(&office, "card-") > 0);
    for (size_t i = 0; i < json_array_size(office.sent); i++) {
        const json_t *row = json_array_get(office.sent, i);
        assert_string_equal(json_str(row, "args.channel", ""), "C0SHADOW");
        assert_string_equal(json_str(row, "args.card.tag", ""), "SHADOW");
        assert_int_equal(json_array_size(json_at(row, "args.card.actions")), 0);
        assert_string_equal(json_str(row, "args.card.mention", ""), "");
        assert_says(json_str(row, "args.card.summary", ""), "would be held");
    }
    does("U0AE1", "plan northwind 9x from 2027-01-05 why renewal in flight");
    stands("A-2", "It is recorded and not executed: this is shadow mode.");
}

static void foreign_text_is_only_text(void **state)
{
    (void)state;
    office_event(&office, "cus_1", "in_1001", true);
    store_begin(office.store);
    struct recovery *r = recovery_load(&office.e, 1);
    free(r->name);
    r->name = str_dup(
        "Evil\n{ms:0} <!channel> \xFF Ltd aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    json_auto_t *card = card_case(&office.e, r);
    const char *title = json_str(card, "title", "");
    assert_not_says(title, "\n");
    assert_not_says(title, "{ms:0}");
    assert_says(title, "<!channel>"); /* the driver escapes; a card is plain text */
    assert_says(title, "$48,200.00");
    assert_true(strlen(title) < 150);
    recovery_free(r);
    assert_int_equal(store_commit(office.store, NULL), 0);
}

#define WITH(setup, test) cmocka_unit_test_setup_teardown(test, setup, office_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(setup, an_alert_has_everything),
        WITH(setup, a_waiting_retry_bothers_nobody),
        WITH(setup, one_message_edited_in_place),
        WITH(setup, an_approval_from_asked_to_confirmed),
        WITH(setup, refusals_are_told),
        WITH(setup, a_counter_offer_reaches_the_asker),
        WITH(setup, a_payment_closes_everything),
        WITH(setup, a_new_owner_gets_a_new_card),
        WITH(setup, a_slow_platform_gets_the_newest_only),
        WITH(setup, changes_while_a_post_is_out),
        WITH(setup, who_cannot_be_reached_is_replaced),
        WITH(setup, a_lost_message_is_posted_anew),
        WITH(setup, a_refused_card_comes_by_itself_in_the_end),
        WITH(setup, a_refused_card_of_a_closed_case_rests),
        WITH(setup, what_became_of_the_mail_is_told),
        WITH(setup, a_form_that_does_not_open_is_told),
        WITH(setup, a_form_that_cannot_be_filled_says_so),
        WITH(setup, a_form_that_shows_nothing_is_told_beside_it),
        WITH(setup_shadow, shadow_goes_to_one_channel),
        WITH(setup, foreign_text_is_only_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
