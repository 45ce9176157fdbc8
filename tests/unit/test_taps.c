/* A platform without buttons: reactions on a card, words in its thread, invitations, a room that becomes encrypted, and a
 * platform that cannot be reached. */
#include "tests/unit/cases.h"

#include "bot/card_reread.h"
#include "bot/card_sync.h"

#define YES "\xE2\x9C\x85"
#define NO "\xE2\x9D\x8C"
#define ROOM "!approvals"
#define MARA "@mara:dunwell.test"

static struct office office;

static const struct chat_site both[] = {
    {.name = "slack", .approvals = "C0APPROVALS", .collections = "C0COLLECT", .shadow = "C0SHADOW", .traits = TRAIT_FORMS},
    {.name = "matrix", .approvals = ROOM, .collections = "!collect", .traits = TRAIT_REACTIONS | TRAIT_STATUS_EDITS | TRAIT_POLLS},
};

/* The policy of the office, with taps enough below so many dollars; 0: never. */
static void taps_below(int dollars)
{
    struct problems p = {0};
    struct doc *d = NULL;
    AUTO_STR before = str_ndup(office_policy, (size_t)(strstr(office_policy, "approvals:") - office_policy));
    AUTO_STR text = str_fmt("%sapprovals: {reactions_below: {USD: %d}}\n", before, dollars);
    assert_int_equal(doc_parse(&d, dollars ? span_of(text) : span_of(office_policy), "policy.yaml", NULL), 0);
    policy_free(office.policy);
    office.policy = policy_parse(d, &p);
    doc_free(d);
    for (size_t i = 0; i < p.n; i++)
        fail_msg("%s", p.lines[i]);
    problems_free(&p);
    office.e.policy = office.policy;
}

static int setup(void **state)
{
    *state = &office;
    office_open(&office, false);
    office.e.chats = both;
    office.e.n_chats = 2;
    office.e.failover_ms = 5 * MS_MINUTE;
    taps_below(50000);
    return 0;
}

struct act {
    enum chat_kind kind;
    const char *user, *channel, *message, *thread, *text;
    bool late, encrypted;
};

/* Something done on Matrix. What was answered in private; "" for nothing. The caller frees. */
static char *act(struct act a)
{
    struct chat_input in;
    chat_input_init(&in);
    in.kind = a.kind;
    in.platform = str_dup("matrix");
    in.dedupe = str_fmt("$e%d", ++office.inputs);
    in.user = str_dup(a.user);
    in.channel = str_dup(a.channel ? a.channel : ROOM);
    in.message = str_dup(a.message);
    in.thread = str_dup(a.thread);
    in.text = str_dup(a.text);
    in.late = a.late;
    in.encrypted = a.encrypted;
    size_t before = json_array_size(office.sent);
    struct chat_answer answer;
    chat_answer_init(&answer);
    office_turn(&office, &in, &answer);
    assert_null(answer.text); /* there is no acknowledgement that could carry it */
    char *said = str_dup("");
    for (size_t i = before; i < json_array_size(office.sent); i++)
        if (str_eq(json_str(json_array_get(office.sent, i), "op", ""), "whisper")) {
            free(said);
            said = str_dup(json_str(json_array_get(office.sent, i), "args.text", ""));
        }
    chat_answer_fini(&answer);
    chat_input_fini(&in);
    return said;
}

#define ACT(...) act((struct act){__VA_ARGS__})

static void asked(void)
{
    office_event(&office, "cus_1", "in_1001", true);
    AUTO_STR said = office_say(&office, "U0AE1", "plan northwind 4x from 2027-01-05 why renewal in flight");
    assert_says(said, "A-2");
}

/* The id under which A-2's card stands on Matrix. The caller frees. */
static char *card_id(void)
{
    struct query *q = store_query(office.store, "SELECT message FROM messages WHERE ref = 'A-2' AND platform = 'matrix'", "");
    assert_true(query_next(q));
    char *id = str_dup(strchr(query_text(q, 0), ' ') + 1);
    query_end(q);
    return id;
}

static int64_t state_of_request(void)
{
    return store_i64(office.store, -1, "SELECT state FROM proposals WHERE id = 2", "");
}

static void a_tap_approves(void **state)
{
    (void)state;
    asked();
    AUTO_STR id = card_id();
    AUTO_STR said = ACT(.kind = CHAT_REACTION, .user = MARA, .message = id, .text = YES);
    assert_says(said, "Approved");
    assert_int_equal(state_of_request(), PROPOSAL_CONFIRMED);
    assert_int_equal(office_count(&office, "reply-A-2-approved@slack"), 1); /* the other card follows */
}

static void a_no_wants_words(void **state)
{
    (void)state;
    asked();
    AUTO_STR id = card_id();
    AUTO_STR said = ACT(.kind = CHAT_REACTION, .user = MARA, .message = id, .text = NO);
    assert_says(said, "!dunwell decline A-2 <reason>");
    assert_int_equal(state_of_request(), PROPOSAL_ASKED);
}

static void a_tap_is_not_enough_for_much(void **state)
{
    (void)state;
    taps_below(48200); /* below means below */
    asked();
    AUTO_STR id = card_id();
    AUTO_STR said = ACT(.kind = CHAT_REACTION, .user = MARA, .message = id, .text = YES);
    assert_says(said, "!dunwell approve A-2");
    assert_int_equal(state_of_request(), PROPOSAL_ASKED);
    assert_int_equal(office_count(&office, "tap-"), 0);
    taps_below(0);
    AUTO_STR never = ACT(.kind = CHAT_REACTION, .user = MARA, .message = id, .text = YES);
    assert_says(never, "A tap is not enough");
    assert_int_equal(state_of_request(), PROPOSAL_ASKED);
}

static void only_the_card_in_its_room_counts(void **state)
{
    (void)state;
    asked();
    AUTO_STR id = card_id();
    AUTO_STR elsewhere = ACT(.kind = CHAT_REACTION, .user = MARA, .channel = "!other", .message = id, .text = YES);
    AUTO_STR another = ACT(.kind = CHAT_REACTION, .user = MARA, .message = "$chatter", .text = YES);
    AUTO_STR smile = ACT(.kind = CHAT_REACTION, .user = MARA, .message = id, .text = "\xF0\x9F\x98\x80");
    assert_string_equal(elsewhere, "");
    assert_string_equal(another, "");
    assert_string_equal(smile, "");
    assert_int_equal(state_of_request(), PROPOSAL_ASKED);
}

static void rights_are_looked_at(void **state)
{
    (void)state;
    asked();
    AUTO_STR id = card_id();
    AUTO_STR stranger = ACT(.kind = CHAT_REACTION, .user = "@eve:elsewhere.test", .message = id, .text = YES);
    assert_says(stranger, "I do not know you yet");
    AUTO_STR executive = ACT(.kind = CHAT_REACTION, .user = "@mia:dunwell.test", .message = id, .text = YES);
    assert_true(executive[0]);
    AUTO_STR late = ACT(.kind = CHAT_REACTION, .user = MARA, .message = id, .text = YES, .late = true);
    assert_says(late, "send it again");
    assert_int_equal(state_of_request(), PROPOSAL_ASKED);
}

/* What was moved on since the message was sent is looked at first. */
static void a_tap_answers_what_was_shown(void **state)
{
    (void)state;
    asked();
    AUTO_STR id = card_id();
    store_begin(office.store);
    store_run(office.store, "UPDATE messages SET shown = shown - 1 WHERE platform = 'matrix'", "");
    assert_int_equal(store_commit(office.store, NULL), 0);
    AUTO_STR said = ACT(.kind = CHAT_REACTION, .user = MARA, .message = id, .text = YES);
    assert_true(said[0]);
    assert_int_equal(state_of_request(), PROPOSAL_ASKED);
}

static void what_cannot_be_undone_takes_words(void **state)
{
    (void)state;
    struct proposal p = {.state = PROPOSAL_ASKED, .verb = VERB_PLAN, .amount = money_of(100, "USD")};
    assert_true(tap_enough(&office.e, &p));
    p.verb = VERB_RETRY;
    assert_false(tap_enough(&office.e, &p));
    p.verb = VERB_HOLD;
    p.amount = money_of(100, "EUR"); /* nothing was said of euros */
    assert_false(tap_enough(&office.e, &p));
}

/* The card of an older question is void: a tap on it is a tap on nothing. */
static void an_old_question_takes_no_answer(void **state)
{
    (void)state;
    asked();
    AUTO_STR old = card_id();
    json_put_new(json_at(office.read[0], "invoices.0"), "due", json_integer(4000000));
    office_event(&office, "cus_1", "in_1001", false);
    AUTO_STR new = card_id();
    assert_string_not_equal(old, new);
    AUTO_STR nothing = ACT(.kind = CHAT_REACTION, .user = MARA, .message = old, .text = YES);
    assert_string_equal(nothing, "");
    assert_int_equal(state_of_request(), PROPOSAL_ASKED);
    AUTO_STR said = ACT(.kind = CHAT_REACTION, .user = MARA, .message = new, .text = YES);
    assert_says(said, "Approved");
}

static void taps_are_offered_and_taken_away(void **state)
{
    (void)state;
    asked();
    AUTO_STR id = card_id();
    assert_int_equal(office_count(&office, "tap-A-2-yes@matrix"), 1);
    assert_int_equal(office_count(&office, "tap-A-2-no@matrix"), 1);
    assert_string_equal(json_str(office_sent(&office, "tap-A-2-yes"), "args.message", ""), id);
    assert_true(json_flag(office_sent(&office, "card-A-2-1@matrix"), "args.card.one_tap", false));
    assert_false(json_flag(office_sent(&office, "card-A-2-1@slack"), "args.card.one_tap", false));
    AUTO_STR said = office_say(&office, "U0MAN1", "approve A-2");
    assert_says(said, "Approved");
    assert_int_equal(office_count(&office, "untap-"), 2);
    assert_int_equal(store_i64(office.store, -1, "SELECT count(*) FROM reactions", ""), 0);
    office.now_ms += MS_HOUR;
    store_begin(office.store);
    engine_dirty(&office.e, 1);
    assert_int_equal(store_commit(office.store, NULL), 0);
    office_turn(&office, NULL, NULL);
    assert_int_equal(office_count(&office, "tap-"), 2); /* not offered again */
    assert_int_equal(office_count(&office, "untap-"), 2);
}

static void taking_a_vote_back_too_late_is_said(void **state)
{
    (void)state;
    asked();
    AUTO_STR id = card_id();
    AUTO_STR said = ACT(.kind = CHAT_REACTION, .user = MARA, .message = id, .text = YES);
    AUTO_STR reaction = str_fmt("$e%d", office.inputs);
    AUTO_STR moderator = ACT(.kind = CHAT_UNREACT, .user = "@mia:dunwell.test", .message = reaction);
    assert_string_equal(moderator, "");
    AUTO_STR back = ACT(.kind = CHAT_UNREACT, .user = MARA, .message = reaction);
    assert_says(back, "decided already");
    AUTO_STR twice = ACT(.kind = CHAT_UNREACT, .user = MARA, .message = reaction);
    assert_string_equal(twice, "");
}

static void words_in_the_thread_of_a_card(void **state)
{
    (void)state;
    asked();
    AUTO_STR id = card_id();
    AUTO_STR chatter = ACT(.kind = CHAT_COMMAND, .user = MARA, .message = "$root", .thread = "$root", .text = "approve");
    assert_string_equal(chatter, "");
    AUTO_STR said = ACT(.kind = CHAT_COMMAND, .user = MARA, .message = id, .thread = id, .text = "approve good customer");
    assert_says(said, "Approved");
    assert_int_equal(state_of_request(), PROPOSAL_CONFIRMED);
}

/* The id under which the card of the only case stands on Matrix, in the collections room. The caller frees. */
static char *case_card_id(void)
{
    AUTO_STR said = office_say(&office, "U0AE1", "notmine northwind");
    struct query *q = store_query(office.store, "SELECT message FROM messages WHERE ref = 'N-1' AND platform = 'matrix'", "");
    assert_true(query_next(q));
    char *id = str_dup(strchr(query_text(q, 0), ' ') + 1);
    query_end(q);
    return id;
}

static const char *owner(void)
{
    static char out[32];
    struct query *q = store_query(office.store, "SELECT owner FROM recoveries WHERE id = 1", "");
    assert_true(query_next(q));
    str_copy(out, sizeof out, query_text(q, 0));
    query_end(q);
    return out;
}

/* In the thread of a case's card its account is meant, and some words need no name of ours; money and dates do. */
static void words_in_the_thread_of_a_case(void **state)
{
    (void)state;
    office.e.chats = &both[1];
    office.e.n_chats = 1;
    office_event(&office, "cus_1", "in_1001", true);
    AUTO_STR id = case_card_id();
#define UNDER(words) ACT(.kind = CHAT_COMMAND, .user = "@mia:dunwell.test", .channel = "!collect", .message = id, .thread = id, .text = words)
#define NAMED(words) ACT(.kind = CHAT_COMMAND, .user = "@mia:dunwell.test", .channel = "!collect", .message = "$w", .thread = id, .text = words)
    AUTO_STR money = UNDER("hold until 2027-01-05 why moving banks");
    AUTO_STR yes = UNDER("approve");
    assert_string_equal(money, "");
    assert_string_equal(yes, ""); /* there is no request on this card */
    AUTO_STR status = UNDER("status");
    assert_says(status, "Northwind");
    AUTO_STR note = UNDER("note Studio pays after the 5th"); /* begins with somebody's name, but stands under this card */
    assert_says(note, "Noted for Northwind");
    AUTO_STR hold = ACT(.kind = CHAT_COMMAND, .user = MARA, .channel = "!collect", .message = "$w", .thread = id, .text = "hold until 2027-01-05 why moving banks");
    assert_says(hold, "A-"); /* the account is that of the card */
    assert_int_equal(store_i64(office.store, -1, "SELECT count(*) FROM holds WHERE case_id = 1 AND reason = 'moving banks'", ""), 1);
    AUTO_STR other = NAMED("note studio says hello");
    assert_says(other, "Noted for Studio"); /* a name that is said wins */
    AUTO_STR plain = NAMED("note says hello");
    assert_says(plain, "Noted for Northwind");
    AUTO_STR elsewhere = ACT(.kind = CHAT_COMMAND, .user = "@mia:dunwell.test", .channel = "!collect", .message = "$x", .thread = "$x", .text = "claim");
    assert_string_equal(elsewhere, "");
    assert_string_equal(owner(), "");
    AUTO_STR claim = UNDER("claim");
    assert_true(claim[0]);
    assert_string_equal(owner(), "ae3");
}

static void a_number_that_is_said_wins(void **state)
{
    (void)state;
    asked();
    AUTO_STR id = card_id();
    AUTO_STR said = ACT(.kind = CHAT_COMMAND, .user = MARA, .message = "$x", .thread = id, .text = "approve A-99");
    assert_says(said, "A-99");
    assert_int_equal(state_of_request(), PROPOSAL_ASKED);
}

static void we_follow_whom_we_know(void **state)
{
    (void)state;
    free(ACT(.kind = CHAT_INVITE, .user = MARA, .channel = "!a"));
    assert_string_equal(json_str(office_sent(&office, "room-"), "op", ""), "join");
    free(ACT(.kind = CHAT_INVITE, .user = MARA, .channel = "!b", .encrypted = true));
    assert_string_equal(json_str(office_sent(&office, "room-"), "op", ""), "leave");
    assert_says(json_str(office_sent(&office, "room-"), "args.reason", ""), "encrypted");
    const json_t *told = office_sent(&office, "no-room-matrix-!b");
    assert_string_equal(json_str(told, "args.channel", ""), MARA);
    assert_says(json_str(told, "args.text", ""), "Write to me here instead");
    free(ACT(.kind = CHAT_INVITE, .user = "@eve:elsewhere.test", .channel = "!b2", .encrypted = true));
    assert_int_equal(office_count(&office, "no-room-"), 1); /* a stranger is not written to */
    free(ACT(.kind = CHAT_INVITE, .user = "@eve:elsewhere.test", .channel = "!c"));
    assert_string_equal(json_str(office_sent(&office, "room-"), "op", ""), "leave");
    free(ACT(.kind = CHAT_INVITE, .user = MARA, .channel = "!d", .text = "a space is no room"));
    assert_string_equal(json_str(office_sent(&office, "room-"), "op", ""), "leave");
    assert_int_equal(office_count(&office, "room-"), 5);
}

static void an_encrypted_room_gets_nothing(void **state)
{
    (void)state;
    asked();
    AUTO_STR id = card_id();
    for (int i = 0; i < 2; i++)
        free(ACT(.kind = CHAT_ENCRYPTED, .user = MARA, .channel = ROOM));
    assert_int_equal(office_count(&office, "closed-matrix-"), 1);
    assert_string_equal(json_str(office_sent(&office, "closed-matrix-"), "args.channel", ""), "C0APPROVALS");
    const json_t *explained = office_sent(&office, "explain-");
    assert_string_equal(json_str(explained, "op", ""), "explain");
    assert_string_equal(json_str(explained, "args.channel", ""), ROOM);
    assert_int_equal(json_object_size(json_at(explained, "args")), 1); /* nothing of ours goes with it */
    assert_int_equal(office_count(&office, "explain-"), 1);
    AUTO_STR said = ACT(.kind = CHAT_REACTION, .user = MARA, .message = id, .text = YES);
    assert_string_equal(said, "");
    assert_int_equal(state_of_request(), PROPOSAL_ASKED);
    assert_string_equal(json_str(office_sent(&office, "card-A-2-2@matrix"), "args.channel", ""), "!collect"); /* asked again where it can be read */
    size_t before = json_array_size(office.sent);
    AUTO_STR done = office_say(&office, "U0MAN1", "approve A-2");
    assert_says(done, "Approved");
    for (size_t i = before; i < json_array_size(office.sent); i++)
        assert_string_not_equal(json_str(json_array_get(office.sent, i), "args.channel", ""), ROOM);
}

static const json_t *reread(void)
{
    store_begin(office.store);
    cards_reread(&office.e);
    assert_int_equal(store_commit(office.store, NULL), 0);
    office_turn(&office, NULL, NULL);
    return office_sent(&office, "reread-");
}

/* The answer of the platform: these reactions stand on A-2. */
static void reread_says(const json_t *asked, const char *reaction, bool whole)
{
    json_auto_t *result = json_pack("{s:[{s:s, s:[s], s:b}]}", "cards", "ref", "A-2", "reactions", reaction, "whole", whole);
    const struct chat_end end = {.platform = "matrix", .purpose = "reread", .key = "k", .args = json_at(asked, "args"), .result = result, .reason = ""};
    engine_begin(&office.e);
    store_begin(office.store);
    cards_reread_ended(&office.e, &end);
    assert_int_equal(store_commit(office.store, NULL), 0);
}

/* A vote whose reaction is gone was taken back, though nobody told us; one that came in after the question is no news. */
static void what_is_gone_is_taken_back(void **state)
{
    (void)state;
    asked();
    AUTO_STR id = card_id();
    assert_int_equal(office_count(&office, "reread-"), 0);
    reread();
    assert_int_equal(office_count(&office, "reread-"), 0); /* a moment after the start */
    office.now_ms += 5 * MS_SECOND;
    office_turn(&office, NULL, NULL);
    const json_t *first = reread();
    assert_string_equal(json_str(first, "platform", ""), "matrix");
    assert_string_equal(json_str(first, "args.cards.0.message", ""), id);
    assert_string_equal(json_str(first, "args.cards.0.channel", ""), ROOM);
    store_begin(office.store);
    store_run(office.store, "INSERT INTO reactions (platform, reaction, message, ref, person, at_ms) VALUES ('matrix', '$v', 'm', 'A-2', 'manager1', ?1)", "i",
              office.now_ms);
    assert_int_equal(store_commit(office.store, NULL), 0);
#define VOTES store_i64(office.store, -1, "SELECT count(*) FROM reactions WHERE person = 'manager1'", "")
    reread_says(first, "$other", true);
    assert_int_equal(VOTES, 1); /* it came while the question was out */
    office.now_ms += 10 * MS_MINUTE;
    office_turn(&office, NULL, NULL);
    const json_t *second = reread();
    reread_says(second, "$v", true);
    assert_int_equal(VOTES, 1);
    reread_says(second, "$other", false);
    assert_int_equal(VOTES, 1); /* not all of them are named */
    reread_says(second, "$other", true);
    assert_int_equal(VOTES, 0);
    AUTO_STR said = office_say(&office, "U0MAN1", "approve A-2");
    size_t before = office_count(&office, "reread-");
    office.now_ms += 10 * MS_MINUTE;
    office_turn(&office, NULL, NULL);
    reread();
    assert_int_equal(office_count(&office, "reread-"), before); /* nothing is open */
}

static void who_cannot_be_reached_is_passed_over(void **state)
{
    (void)state;
    office.platform_down = "slack";
    asked();
    assert_int_equal(office_count(&office, "card-N-1-"), 0);
    office.now_ms += 4 * MS_MINUTE;
    office_turn(&office, NULL, NULL);
    assert_int_equal(office_count(&office, "card-N-1-"), 0); /* a short trouble is waited for */
    office.now_ms += MS_MINUTE;
    office_turn(&office, NULL, NULL);
    const json_t *card = office_sent(&office, "card-N-1-1@matrix");
    assert_string_equal(json_str(card, "args.channel", ""), "!collect");
    AUTO_STR text = office_read_card(json_at(card, "args.card"));
    assert_says(text, "Slack could not be reached since {ms:");
    assert_says(json_str(office_sent(&office, "reply-A-2-away-slack-"), "args.text", ""), "Please decide here");
    assert_string_equal(json_str(office_sent(&office, "reply-A-2-away-slack-"), "platform", ""), "matrix");
    office.platform_down = NULL;
    office.now_ms += MS_MINUTE;
    office_turn(&office, NULL, NULL);
    assert_int_equal(office_count(&office, "card-N-1-1@slack"), 0); /* it is elsewhere now, and stays there */
    assert_int_equal(office_count(&office, "card-A-2-1@slack"), 1);
    AUTO_STR claimed = office_say(&office, "U0COL1", "claim northwind");
    assert_string_equal(json_str(office_sent(&office, "card-N-1-"), "platform", ""), "slack"); /* somebody else's, somewhere else */
    assert_int_equal(store_i64(office.store, -1, "SELECT count(*) FROM messages WHERE since_ms > 0 AND state <> 'left'", ""), 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, office_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_tap_approves), TEST(a_no_wants_words), TEST(a_tap_is_not_enough_for_much), TEST(only_the_card_in_its_room_counts),
        TEST(rights_are_looked_at), TEST(a_tap_answers_what_was_shown), TEST(what_cannot_be_undone_takes_words), TEST(an_old_question_takes_no_answer), TEST(taps_are_offered_and_taken_away),
        TEST(taking_a_vote_back_too_late_is_said), TEST(words_in_the_thread_of_a_card), TEST(words_in_the_thread_of_a_case), TEST(a_number_that_is_said_wins),
        TEST(we_follow_whom_we_know), TEST(an_encrypted_room_gets_nothing), TEST(what_is_gone_is_taken_back), TEST(who_cannot_be_reached_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
