/* A change of the policy that nobody decides is reminded of, others are asked, it is parked and may be asked again; and whoever is
 * concerned is told what became of it, also that its file could not be written. */
#include "tests/unit/policy_office.h"

#define PATIENCE "approvals: {expire_hours: 48, remind_hours: [4, 12, 24], escalate: [{after_hours: 24, ask: [finance, ae2]}], rules: [{name: whom, when: {kinds: [policy]}, ask: [manager1]}]}"

static void open_patient(struct office *o)
{
    struct problems p = {0};
    struct doc *d = NULL;
    open_asked(o);
    AUTO_STR text = policy_with("approvals: {expire_hours: 48}", PATIENCE);
    use(o, text);
    people_free(o->people);
    assert_int_equal(doc_parse(&d, span_of(patient_people), "people.yaml", NULL), 0);
    o->e.people = o->people = people_parse(d, &p);
    doc_free(d);
    assert_int_equal(p.n, 0);
    free(draft);
    const char *at = strstr(text, "instalments: 3, days: 95");
    draft = str_fmt("%.*sinstalments: 4%s", (int)(at - text), text, at + strlen("instalments: 3"));
    says(o, "U0OP1", "policy propose why renewals need four", "Proposed: P-1.");
}

static int64_t rows(struct office *o, const char *verb)
{
    return store_i64(o->store, -1, "SELECT count(*) FROM journal WHERE ref = 'P-1' AND verb = ?1", "t", verb);
}

static void reminded_then_escalated_then_parked(void **state)
{
    (void)state;
    struct office o;
    open_patient(&o);
    office_later(&o, 4 * MS_HOUR - MS_SECOND);
    assert_int_equal(office_count(&o, "reply-P-1-remind"), 0);
    office_later(&o, MS_SECOND);
    assert_says(office_text_of(&o, "reply-P-1-remind-1"), "P-1 has waited for 4 h: change of policy to");
    assert_says(office_text_of(&o, "reply-P-1-remind-1"), "proposed by Olga Operator");
    assert_says(office_text_of(&o, "reply-P-1-remind-1"), "if nobody decides by then it is parked, and nothing changes");
    assert_not_says(office_text_of(&o, "reply-P-1-remind-1"), "U0"); /* tags nobody */
    assert_int_equal(rows(&o, "request.reminded"), 1);
    office_later(&o, 20 * MS_HOUR);
    assert_int_equal(office_count(&o, "reply-P-1-remind-2"), 0); /* of two that were missed the newest is said */
    assert_int_equal(office_count(&o, "reply-P-1-remind-3"), 1);
    assert_says(office_text_of(&o, "reply-P-1-escalated-1"), "Nobody had decided after 24 h, so these are asked as well: Fay Finance, Finn Finance.");
    office_is(&o, "SELECT count(*) FROM pings WHERE ref = 'P-1' AND person IN ('finance1', 'finance2') AND why LIKE '%nobody decided for 24 h%'", 2, "called, with the reason");
    AUTO_STR card = office_read_card(json_at(office_sent(&o, "card-P-1"), "args.card"));
    assert_says(card, "these are asked as well: Fay Finance, Finn Finance");
    office_later(&o, 24 * MS_HOUR);
    office_is(&o, "SELECT count(*) FROM policy_requests WHERE state = 'parked'", 1, "parked");
    assert_int_equal(rows(&o, "request.reminded"), 2);
    assert_int_equal(rows(&o, "request.escalated"), 1);
    assert_says(office_text_of(&o, "reply-P-1-parked"), "P-1: nobody decided in time; nothing was changed, and it can be asked again.");
    assert_says(office_text_of(&o, "policy-P-1-parked-op1"), "Ask again: reopen P-1");
    AUTO_STR parked = office_read_card(json_at(office_sent(&o, "card-P-1"), "args.card"));
    assert_says(parked, "Ask again");
    assert_not_says(parked, "Approve");
    assert_null(agreed);
    close_asked(&o);
}

static void stopped_all_the_while_it_is_only_parked(void **state)
{
    (void)state;
    struct office o;
    open_patient(&o);
    office_later(&o, 60 * MS_HOUR);
    office_is(&o, "SELECT count(*) FROM policy_requests WHERE state = 'parked'", 1, "parked");
    assert_int_equal(rows(&o, "request.reminded") + rows(&o, "request.escalated"), 0);
    close_asked(&o);
}

static void what_is_decided_is_left_alone(void **state)
{
    (void)state;
    struct office o;
    open_patient(&o);
    says(&o, "U0MAN1", "decline P-1 too generous.", "Declined: P-1");
    assert_says(office_text_of(&o, "reply-P-1-declined"), "P-1: declined by Mara Manager: too generous.");
    assert_says(office_text_of(&o, "policy-P-1-declined-op1"), "Your change of policy P-1: declined by Mara Manager: too generous. The policy stays as it is; change the file");
    assert_int_equal(office_count(&o, "policy-P-1-declined"), 1);
    office_later(&o, 30 * MS_HOUR);
    assert_int_equal(rows(&o, "request.reminded") + rows(&o, "request.escalated"), 0);
    says(&o, "U0OP1", "reopen P-1", "Only a parked change can be asked again; P-1 is declined.");
    says(&o, "U0OP1", "reopen P-7", "there is no P-7");
    close_asked(&o);
}

static void a_parked_one_is_asked_again(void **state)
{
    (void)state;
    struct office o;
    open_patient(&o);
    says(&o, "U0MAN1", "reopen P-1", "Only a parked change can be asked again; P-1 is asked.");
    office_later(&o, 48 * MS_HOUR);
    says(&o, "U0AE1", "reopen P-1", "by Olga Operator, who proposed it, or by anybody who may decide on it");
    office_is(&o, "SELECT count(*) FROM policy_requests", 1, "nothing is asked");
    AUTO_STR value = str_fmt("P-1@%lld", (long long)office_i64(&o, "SELECT revision FROM policy_requests"));
    AUTO_STR click = office_click(&o, "U0MAN1", "reopen", value);
    assert_says(click, "Proposed: P-2.");
    office_is(&o, "SELECT count(*) FROM policy_requests WHERE id = 2 AND state = 'asked' AND requester = 'op1' AND reason = 'renewals need four'", 1, "by whoever proposed it first");
    office_is(&o, "SELECT count(*) FROM policy_requests WHERE id = 1 AND state = 'reopened' AND outcome LIKE '%Mara Manager asks it again, as P-2'", 1, "and it says so");
    says(&o, "U0MAN1", "reopen P-1", "Only a parked change");
    says(&o, "U0OP1", "approve P-2", "own request");
    says(&o, "U0MAN1", "approve P-2", "is in force"); /* asking again took no right away, and gave none */
    assert_string_equal(agreed, draft);
    assert_says(office_text_of(&o, "policy-P-2-in_force-op1"), "in force by the word of Mara Manager. It counts for every case from now on.");
    close_asked(&o);
}

/* Where the file counts as it is, a change that was parked before would ask people for nothing. */
static void what_takes_nobodys_yes_is_not_asked_again(void **state)
{
    (void)state;
    struct office o;
    open_patient(&o);
    office_later(&o, 48 * MS_HOUR);
    use(&o, office_policy);
    says(&o, "U0OP1", "reopen P-1", "a change needs nobody's yes");
    office_is(&o, "SELECT count(*) FROM policy_requests", 1, "nothing is asked");
    office_is(&o, "SELECT count(*) FROM policy_requests WHERE state = 'parked'", 1, "and it is parked still");
    AUTO_STR asks = policy_with("days: 95", "days: 95");
    use(&o, asks);
    says(&o, "U0MAN1", "policy propose why mine", "Proposed: P-2.");
    says(&o, "U0OP1", "reopen P-1", "P-2 is still open");
    office_is(&o, "SELECT count(*) FROM policy_requests WHERE id = 1 AND state = 'parked'", 1, "it can be asked again later");
    says(&o, "U0MAN1", "withdraw P-2", "Withdrawn");
    says(&o, "U0OP1", "reopen P-1", "Proposed: P-3."); /* who proposed it may, without deciding on it */
    office_begin(&o);
    policy_request_file_written(&o.e, "policy.yaml"); /* by an operator: no request is in force that this would be told of */
    office_commit(&o);
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'policy.written'", 0, "nobody is told");
    close_asked(&o);
}

/* The proposer who asks again gains no right by it. */
static void asking_again_is_no_way_to_decide_on_ones_own(void **state)
{
    (void)state;
    struct office o;
    open_patient(&o);
    says(&o, "U0OP1", "withdraw P-1", "Withdrawn");
    says(&o, "U0MAN1", "policy propose why mine", "Proposed: P-2.");
    office_later(&o, 48 * MS_HOUR);
    says(&o, "U0FIN1", "reopen P-2", "Proposed: P-3.");
    says(&o, "U0MAN1", "approve P-3", "own request");
    says(&o, "U0FIN1", "approve P-3", "is in force");
    close_asked(&o);
}

static void fails(struct office *o, const char *why)
{
    office_begin(o);
    if (why)
        policy_request_file_failed(&o->e, "/srv/policy.yaml", why);
    else
        policy_request_file_written(&o->e, "/srv/policy.yaml");
    office_commit(o);
    office_turn(o, NULL, NULL);
}

static void an_unwritten_file_is_told_to_those_concerned(void **state)
{
    (void)state;
    struct office o;
    char before[16];
    open_patient(&o);
    fails(&o, "nobody");
    assert_int_equal(office_count(&o, "policy-unwritten"), 0); /* nothing has come into force */
    says(&o, "U0MAN1", "approve P-1", "is in force");
    assert_false(policy_unwritten(o.store, before));
    use(&o, agreed);
    fails(&o, "Permission denied");
    fails(&o, "Permission denied");
    assert_true(policy_unwritten(o.store, before));
    assert_says(office_text_of(&o, "policy-unwritten-P-1-op1"), "P-1 is in force, but its file could not be written: /srv/policy.yaml (Permission denied). Dunwell goes by what was agreed, also after a restart");
    assert_says(office_text_of(&o, "policy-unwritten-P-1-manager1"), "Next: an operator lets Dunwell write there");
    assert_int_equal(office_count(&o, "policy-unwritten"), 2); /* each once */
    fails(&o, NULL);
    assert_false(policy_unwritten(o.store, before));
    assert_int_equal(office_count(&o, "policy-written-P-1"), 2);
    assert_int_equal(rows(&o, "policy.not_written"), 2);
    assert_int_equal(rows(&o, "policy.written"), 1);
    close_asked(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reminded_then_escalated_then_parked), cmocka_unit_test(stopped_all_the_while_it_is_only_parked), cmocka_unit_test(what_is_decided_is_left_alone),
        cmocka_unit_test(a_parked_one_is_asked_again), cmocka_unit_test(what_takes_nobodys_yes_is_not_asked_again), cmocka_unit_test(asking_again_is_no_way_to_decide_on_ones_own), cmocka_unit_test(an_unwritten_file_is_told_to_those_concerned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
