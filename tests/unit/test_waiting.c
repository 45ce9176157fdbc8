/* A request that nobody decides: reminders, then others are asked, then it is parked, and may be asked again. Each mark is
 * said once, through restarts, clock steps and missed timers. */
#include "engine/policy_attention.h"
#include "engine/waiting.h"
#include "tests/unit/patient.h"

static int64_t ask(struct office *o)
{
    office_event_of(o, 1);
    struct done d = office_plan(o, "ae1", "northwind", 6, "renewal in flight");
    if (d.rc != 0)
        fail_msg("%s", d.err.text);
    office_turn(o, NULL, NULL);
    return office_last(o);
}

static const char USUAL[] = "approvals: {expire_hours: 48, remind_hours: [4, 12, 24], escalate: [{after_hours: 24, ask: [finance]}]}";

static void reminded_then_escalated_then_parked(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, USUAL);
    int64_t id = ask(&o);
    AUTO_STR first = str_fmt("reply-A-%lld-remind-1", (long long)id);
    AUTO_STR third = str_fmt("reply-A-%lld-remind-3", (long long)id);
    AUTO_STR escalated = str_fmt("reply-A-%lld-escalated-1", (long long)id);
    AUTO_STR card = str_fmt("card-A-%lld", (long long)id);
    office_later(&o, 4 * MS_HOUR - MS_SECOND);
    assert_int_equal(office_count(&o, first), 0);
    office_later(&o, MS_SECOND);
    assert_says(office_text_of(&o, first), "has waited for 4 h");
    assert_says(office_text_of(&o, first), "nothing changes");
    assert_not_says(office_text_of(&o, first), "U0"); /* tags nobody */
    office_later(&o, 20 * MS_HOUR);
    assert_int_equal(office_count(&o, first), 1);
    assert_int_equal(office_count(&o, third), 1);
    assert_says(office_text_of(&o, escalated), "after 24 h, so these are asked as well: Fay Finance.");
    AUTO_STR text = office_read_card(json_at(office_sent(&o, card), "args.card"));
    assert_says(text, "these are asked as well: Fay Finance");
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'remind'", 0, "all was said: nothing is looked at any more");
    assert_int_equal(office_state(&o, id), PROPOSAL_ASKED);
    office_later(&o, 24 * MS_HOUR);
    assert_int_equal(office_state(&o, id), PROPOSAL_PARKED);
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'request.reminded'", 2, "12 h and 24 h came as one look each or together");
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'request.escalated'", 1, "escalated once");
    AUTO_STR parked = office_read_card(json_at(office_sent(&o, card), "args.card"));
    assert_says(parked, "Ask again = reopen A-");
    assert_says(parked, "On hold until"); /* the hold's end */
    assert_says(parked, "nothing was changed");
    assert_not_says(parked, "Approve");
    office_close(&o);
}

static void a_restart_or_a_clock_step_says_nothing_twice(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, USUAL);
    int64_t id = ask(&o);
    AUTO_STR any = str_fmt("reply-A-%lld-remind", (long long)id);
    office_later(&o, 5 * MS_HOUR);
    assert_int_equal(office_count(&o, any), 1);
    o.now_ms -= 3 * MS_HOUR; /* the clock is set back, then Dunwell is started again */
    o.e.now_ms = o.now_ms;
    engine_forget(&o.e);
    office_turn(&o, NULL, NULL);
    office_later(&o, 3 * MS_HOUR);
    assert_int_equal(office_count(&o, any), 1);
    office_later(&o, 21 * MS_HOUR); /* stopped over two marks: only the newest is said */
    assert_int_equal(office_count(&o, any), 2);
    office_later(&o, 100 * MS_HOUR);
    assert_int_equal(office_count(&o, any), 2);
    assert_int_equal(office_state(&o, id), PROPOSAL_PARKED);
    office_close(&o);
}

static void what_was_missed_whole_is_not_announced(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, USUAL);
    int64_t id = ask(&o);
    AUTO_STR any = str_fmt("reply-A-%lld-remind", (long long)id);
    office_later(&o, 60 * MS_HOUR); /* stopped from before the first mark to after the end */
    assert_int_equal(office_state(&o, id), PROPOSAL_PARKED);
    assert_int_equal(office_count(&o, any), 0);
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'request.escalated'", 0, "nobody is asked for what is parked");
    office_close(&o);
}

static void decided_requests_are_left_alone(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, USUAL);
    int64_t id = ask(&o);
    assert_int_equal(office_approve(&o, "manager1", id, 0).rc, 0);
    office_later(&o, 30 * MS_HOUR);
    office_is(&o, "SELECT count(*) FROM journal WHERE verb LIKE 'request.%'", 0, "no reminder of what is decided");
    office_close(&o);
}

static void a_step_between_reminders_is_no_reminder(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, "approvals: {expire_hours: 48, remind_hours: [4], escalate: [{after_hours: 6, ask: [finance]}]}");
    ask(&o);
    office_later(&o, 4 * MS_HOUR);
    office_later(&o, 2 * MS_HOUR);
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'request.escalated'", 1, "escalated");
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'request.reminded'", 1, "and not reminded again");
    office_close(&o);
}

static void nobody_to_escalate_to_is_said(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, "approvals: {expire_hours: 48, remind_hours: [], escalate: [{after_hours: 2, ask: [finance2, ae2]}]}");
    int64_t id = ask(&o);
    AUTO_STR escalated = str_fmt("reply-A-%lld-escalated-1", (long long)id);
    office_later(&o, 2 * MS_HOUR);
    assert_says(office_text_of(&o, escalated), "nobody of the next group (finance2, ae2) may decide on this");
    office_close(&o);
}

static struct done reopen(struct office *o, const char *who, int64_t id)
{
    struct done d = {0};
    struct actor a = office_actor(o, who);
    office_begin(o);
    d.rc = proposal_reopen(&o->e, id, &a, d.said, sizeof d.said, &d.err);
    office_commit(o);
    return d;
}

static void only_what_is_parked_is_asked_again(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, USUAL);
    int64_t id = ask(&o);
    AUTO_STR command = str_fmt("decline A-%lld not this time", (long long)id);
    AUTO_STR said = office_say(&o, "U0MAN1", command);
    assert_says(said, "Declined");
    struct done d = reopen(&o, "ae1", id);
    assert_int_equal(d.rc, ERR_CONFLICT);
    assert_says(d.err.text, "Only a parked request can be asked again");
    office_close(&o);
}

static void asked_again_as_a_new_request(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, USUAL);
    int64_t id = ask(&o);
    assert_int_equal(reopen(&o, "ae1", id).rc, ERR_CONFLICT); /* it is still open */
    office_later(&o, 49 * MS_HOUR);
    assert_int_equal(reopen(&o, "ae2", id).rc, ERR_DENIED);
    assert_int_equal(reopen(&o, "finance2", id).rc, ERR_DENIED); /* their limit is too low to decide, so to ask again too */
    struct done d = reopen(&o, "manager1", id);
    assert_int_equal(d.rc, 0);
    assert_says(d.said, "read again first"); /* two days old */
    office_turn(&o, NULL, NULL);
    int64_t fresh = office_last(&o);
    assert_int_not_equal(fresh, id);
    assert_int_equal(office_state(&o, fresh), PROPOSAL_ASKED);
    assert_int_equal(office_state(&o, id), PROPOSAL_PARKED);
    struct proposal *p = proposal_load(&o.e, fresh);
    assert_string_equal(p->requester, "ae1"); /* whoever asked first is the asker still */
    assert_int_equal(p->replaces, 0);         /* no counter-offer: nobody accepts it by having asked */
    proposal_free(p);
    AUTO_STR thread = str_fmt("reply-A-%lld-reopened", (long long)id);
    AUTO_STR card = str_fmt("card-A-%lld", (long long)fresh);
    AUTO_STR old = str_fmt("card-A-%lld", (long long)id);
    assert_says(office_text_of(&o, thread), "is asked again, as A-");
    AUTO_STR text = office_read_card(json_at(office_sent(&o, card), "args.card"));
    AUTO_STR names = str_fmt("It asks A-%lld again", (long long)id);
    assert_says(text, names);
    AUTO_STR before = office_read_card(json_at(office_sent(&o, old), "args.card"));
    assert_not_says(before, "[Ask again");
    assert_int_equal(reopen(&o, "ae1", id).rc, ERR_CONFLICT); /* once */
    assert_int_equal(office_approve(&o, "ae1", fresh, 0).rc, ERR_DENIED);
    assert_int_equal(office_approve(&o, "manager1", fresh, 0).rc, 0); /* asking again cost no right */
    office_close(&o);
}

static void terms_are_checked_again(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, USUAL);
    int64_t id = ask(&o);
    office_later(&o, 49 * MS_HOUR);
    office_rebill(&o, 1, 20000, "S"); /* six parts of it are less than the least part */
    assert_int_equal(reopen(&o, "ae1", id).rc, 0);
    office_turn(&o, NULL, NULL);
    assert_int_equal(office_last(&o), id);
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'request.not_reopened' AND text LIKE '%Not allowed any more%'", 1, "policy of now");
    office_close(&o);
}

static void a_date_that_has_passed_is_not_asked_again(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, USUAL);
    int64_t id = ask(&o);
    office_later(&o, 11 * MS_DAY);
    struct done d = reopen(&o, "ae1", id);
    assert_int_equal(d.rc, 0);
    office_turn(&o, NULL, NULL);
    assert_int_equal(office_last(&o) == id || office_state(&o, office_last(&o)) != PROPOSAL_ASKED, 1);
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'request.not_reopened' AND text LIKE '%has passed%plan northwind 3x from%'", 1, "says how");
    AUTO_STR thread = str_fmt("reply-A-%lld-not-reopened", (long long)id);
    assert_says(office_text_of(&o, thread), "could not be asked again: The date");
    office_close(&o);
}

static void buttons_and_commands_agree(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, USUAL);
    int64_t id = ask(&o);
    office_later(&o, 49 * MS_HOUR);
    AUTO_STR value = str_fmt("A-%lld@1", (long long)id);
    AUTO_STR stranger = office_click(&o, "U0COL1", "reopen", value);
    assert_says(stranger, "can be asked again by Ana Executive, who asked first");
    AUTO_STR click = office_click(&o, "U0AE1", "reopen", value);
    assert_says(click, "read again first");
    assert_int_equal(office_state(&o, office_last(&o)), PROPOSAL_ASKED);
    AUTO_STR command = str_fmt("reopen A-%lld", (long long)id);
    AUTO_STR late = office_say(&o, "U0AE1", command);
    assert_says(late, "was already asked again, as A-");
    AUTO_STR fresh = str_fmt("A-%lld@1", (long long)office_last(&o));
    AUTO_STR back = office_click(&o, "U0AE1", "withdraw", fresh);
    assert_says(back, "Withdrawn");
    office_close(&o);
}

static void mistakes_in_the_policy_are_named(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"{remind_hours: [4, 4]}", "approvals.remind_hours must be"},
        {"{expire_hours: 10, remind_hours: [4, 12]}", "approvals.remind_hours must be"},
        {"{remind_hours: 4}", "approvals.remind_hours must be"},
        {"{escalate: [{after_hours: 48, ask: [finance]}]}", "approvals.escalate: write"},
        {"{escalate: [{after_hours: 5}]}", "approvals.escalate: write"},
        {"{escalate: [{after_hours: 5, ask: [finance], who: x}]}", "who"},
        {"{escalate: {after_hours: 5}}", "approvals.escalate must be a list"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(wrong); i++) {
        struct problems p = {0};
        struct doc *d = NULL;
        AUTO_STR text = str_dup(office_policy);
        *strstr(text, "approvals:") = '\0';
        AUTO_STR whole = str_fmt("%sapprovals: %s\n", text, wrong[i][0]);
        assert_int_equal(doc_parse(&d, span_of(whole), "policy.yaml", NULL), 0);
        assert_null(policy_parse(d, &p));
        assert_int_not_equal(p.n, 0);
        assert_says(p.lines[0], wrong[i][1]);
        problems_free(&p);
        doc_free(d);
    }
}

static void what_is_decided_is_not_said_again(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, USUAL);
    int64_t id = ask(&o);
    assert_int_equal(office_approve(&o, "manager1", id, 0).rc, 0);
    office_turn(&o, NULL, NULL);
    for (int i = 0; i < 6; i++)
        office_later(&o, 4 * MS_HOUR);
    office_is(&o, "SELECT count(*) FROM journal WHERE verb IN ('request.reminded', 'request.escalated')", 0, "nobody is asked to decide what is decided");
    office_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reminded_then_escalated_then_parked),
        cmocka_unit_test(a_restart_or_a_clock_step_says_nothing_twice),
        cmocka_unit_test(what_was_missed_whole_is_not_announced),
        cmocka_unit_test(decided_requests_are_left_alone),
        cmocka_unit_test(a_step_between_reminders_is_no_reminder),
        cmocka_unit_test(nobody_to_escalate_to_is_said),
        cmocka_unit_test(only_what_is_parked_is_asked_again),
        cmocka_unit_test(asked_again_as_a_new_request),
        cmocka_unit_test(terms_are_checked_again),
        cmocka_unit_test(a_date_that_has_passed_is_not_asked_again),
        cmocka_unit_test(buttons_and_commands_agree),
        cmocka_unit_test(mistakes_in_the_policy_are_named),
        cmocka_unit_test(what_is_decided_is_not_said_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
