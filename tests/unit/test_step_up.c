/* One-time codes for large approvals, as people meet them: by command and by form, wrong, spent, locked, without one; and
 * that no code is ever written down. Northwind owes $48,200.00; codes are wanted from $25,000.00 on. */
#include "engine/enrolled.h"
#include "engine/step_up.h"
#include "tests/unit/cases.h"

static struct office office;
static struct enrolled *enrolled;
static struct policy *policy;
static char codes_path[96];

static void enrol(const char *key, int64_t at_ms)
{
    struct enrolment row = {.at_ms = at_ms};
    struct problems p = {0};
    struct err e = {0};
    str_copy(row.person, sizeof row.person, key);
    memcpy(row.secret, "12345678901234567890", sizeof row.secret);
    if (enrolled_add(codes_path, &row, &e) != 0)
        fail_msg("%s", e.text);
    enrolled_free(enrolled);
    office.e.enrolled = enrolled = enrolled_load(codes_path, &p);
    assert_non_null(enrolled);
}

static void sync_codes(void)
{
    office_begin(&office);
    step_up_sync(&office.e);
    office_commit(&office);
}

static void policy_with(const char *approvals)
{
    struct problems p = {0};
    struct doc *d = NULL;
    const char *at = strstr(office_policy, "approvals:");
    AUTO_STR text = str_fmt("%.*s%s\n", (int)(at - office_policy), office_policy, approvals);
    assert_int_equal(doc_parse(&d, span_of(text), "policy.yaml", NULL), 0);
    policy_free(policy);
    office.e.policy = policy = policy_parse(d, &p);
    doc_free(d);
    for (size_t i = 0; i < p.n; i++)
        fail_msg("%s", p.lines[i]);
}

/* A-N: a plan for Northwind that needs a manager. */
static int setup(void **state)
{
    (void)state;
    office_open(&office, false);
    snprintf(codes_path, sizeof codes_path, "%s/codes", office.dir);
    policy_with("approvals: {expire_hours: 48, step_up: {USD: 25000}}");
    office_event_of(&office, 1);
    assert_int_equal(office_plan(&office, "ae1", "northwind", 6, "renewal in flight").rc, 0);
    office_turn(&office, NULL, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(codes_path);
    enrolled_free(STEAL(enrolled));
    office_proves(&office);
    office_close(&office);
    policy_free(STEAL(policy));
    return 0;
}

static const char *code_now(int64_t later_ms)
{
    static char code[9];
    totp_code(code, TOTP_SHA1, span_of("12345678901234567890"), totp_step(office.now_ms + later_ms), TOTP_DIGITS);
    return code;
}

static void says(const char *user, const char *piece, const char *fmt, const char *code)
{
    AUTO_STR text = str_fmt("%.*s%s%s", (int)strcspn(fmt, "%"), fmt, code, strchr(fmt, '%') ? strchr(fmt, '%') + 1 : "");
    AUTO_STR said = office_say(&office, user, text);
    assert_says(said, piece);
}

static void nothing_written(const char *code)
{
    static const char *const places[] = {
        "SELECT count(*) FROM journal WHERE instr(text, ?1) + instr(ifnull(detail, ''), ?1) > 0",
        "SELECT count(*) FROM effects WHERE instr(args, ?1) + instr(ifnull(result, ''), ?1) + instr(reason, ?1) + instr(dedupe, ?1) > 0",
        "SELECT count(*) FROM votes WHERE instr(reason, ?1) + instr(right_used, ?1) > 0",
        "SELECT count(*) FROM proposals WHERE instr(decision_reason, ?1) + instr(outcome, ?1) > 0",
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(places); i++)
        if (store_i64(office.store, -1, places[i], "t", code) != 0)
            fail_msg("the code is written down: %s", places[i]);
}

#define ASKED assert_int_equal(office_state(&office, office_i64(&office, "SELECT max(id) FROM proposals WHERE verb = 3")), PROPOSAL_ASKED)
#define YES_COUNT office_i64(&office, "SELECT count(*) FROM votes")

static void a_yes_takes_a_code(void **state)
{
    (void)state;
    enrol("manager1", office.now_ms - MS_HOUR);
    says("U0MAN1", "takes a one-time code. Type it behind: code 123456", "approve A-2", "");
    says("U0MAN1", "not the code of this moment (try 1 of 5)", "approve A-2 code %", "918273");
    ASKED;
    AUTO_STR code = str_dup(code_now(0));
    says("U0MAN1", "Approved: A-2", "approve A-2 code % why fine by me", code);
    assert_int_equal(YES_COUNT, 1);
    office_is(&office, "SELECT count(*) FROM votes WHERE reason = 'fine by me'", 1, "the reason without the code");
    office_is(&office, "SELECT count(*) FROM journal WHERE verb = 'step_up.given'", 1, "what was given");
    office_is(&office, "SELECT failures FROM step_up", 0, "failures after the right one");
    nothing_written(code);
    nothing_written("918273");
}

static void the_code_stands_where_people_put_it(void **state)
{
    (void)state;
    enrol("manager1", office.now_ms - MS_HOUR);
    AUTO_STR code = str_dup(code_now(0));
    AUTO_STR typed = str_fmt("%.3s %s", code, code + 3);
    says("U0MAN1", "Approved: A-2", "approve A-2 why they pay CODE: %", typed);
    nothing_written(code);
    nothing_written(typed);
}

static void what_was_used_for_one_does_not_count_for_another(void **state)
{
    (void)state;
    enrol("manager1", office.now_ms - MS_HOUR);
    AUTO_STR code = str_dup(code_now(0));
    office_begin(&office);
    struct actor who = office_actor(&office, "manager1");
    struct err e = {0};
    struct step_up one = {.ref = "A-9", .account = "", .amount = money_of(2500000, "USD"), .facts_hash = "x"};
    who.code = code;
    assert_int_equal(step_up_take(&office.e, &who, &one, &e), 0);
    office_commit(&office);
    says("U0MAN1", "was used already", "approve A-2 code %", code);
    ASKED;
    office_is(&office, "SELECT failures FROM step_up", 0, "a spent code is no guess");
    office.now_ms += 30 * MS_SECOND;
    says("U0MAN1", "Approved: A-2", "approve A-2 code %", code_now(0));
}

/* 2 of manager, so that a first yes leaves the request open. */
static void who_has_said_yes_is_told_before_a_code_is_spent(void **state)
{
    (void)state;
    policy_with("approvals: {expire_hours: 48, step_up: {USD: 25000}, rules: [{name: two, need: [{count: 2, of: approver}]}]}");
    struct person *milo = (struct person *)(uintptr_t)people_by_key(office.people, "manager2");
    milo->limits[0].minor = 10000000;
    office_turn(&office, NULL, NULL);
    enrol("manager1", office.now_ms - MS_HOUR);
    AUTO_STR code = str_dup(code_now(0));
    says("U0MAN1", "1 of 2", "approve A-2 code %", code);
    says("U0MAN1", "said yes to A-2 already; it is 1 of 2", "approve A-2", "");
    AUTO_STR next = str_dup(code_now(30 * MS_SECOND));
    office.now_ms += 30 * MS_SECOND;
    says("U0MAN1", "said yes to A-2 already; it is 1 of 2", "approve A-2 code %", next);
    office_is(&office, "SELECT count(*) FROM journal WHERE verb = 'step_up.given'", 1, "the second code was not looked at");
    AUTO_STR button = str_fmt("A-2@%lld", (long long)office_i64(&office, "SELECT max(revision) FROM proposals WHERE id = 2"));
    AUTO_STR click = office_click(&office, "U0MAN1", "approve", button);
    assert_says(click, "said yes to A-2 already"); /* and no form asks for a code */
    assert_null(office_sent(&office, "form-"));
    ASKED;
}

/* A wrong code leaves the ordinary yes that was there where it is. */
static void an_emergency_with_a_wrong_code_takes_nothing_away(void **state)
{
    (void)state;
    policy_with("approvals: {expire_hours: 48, step_up: {USD: 25000}, rules: [{name: two, need: [{count: 2, of: approver}]}]}");
    struct person *mara = (struct person *)(uintptr_t)people_by_key(office.people, "manager1");
    mara->break_glass = true;
    enrol("manager1", office.now_ms - MS_HOUR);
    AUTO_STR code = str_dup(code_now(0));
    says("U0MAN1", "1 of 2", "approve A-2 code %", code);
    says("U0MAN1", "not the code of this moment", "emergency A-2 code % why the bank closes", "918273");
    assert_int_equal(YES_COUNT, 1);
    office.now_ms += 30 * MS_SECOND;
    says("U0MAN1", "Approved: A-2", "emergency A-2 code % why the bank closes", code_now(0));
    office_is(&office, "SELECT count(*) FROM votes WHERE vote = 'emergency'", 1, "one vote, the emergency's");
    assert_int_equal(YES_COUNT, 1);
}

static void five_wrong_ones_lock(void **state)
{
    (void)state;
    enrol("manager1", office.now_ms - MS_HOUR);
    for (int i = 0; i < 4; i++)
        says("U0MAN1", "not the code of this moment", "approve A-2 code %", "123123");
    says("U0MAN1", "locked until", "approve A-2 code %", "123123");
    says("U0MAN1", "locked until", "approve A-2 code %", code_now(0)); /* also the right one */
    ASKED;
    office_is(&office, "SELECT count(*) FROM journal WHERE verb = 'step_up.locked'", 1, "the lock");
    office.now_ms += 15 * MS_MINUTE - 1;
    says("U0MAN1", "locked until", "approve A-2 code %", code_now(0));
    office.now_ms += 1;
    says("U0MAN1", "Approved: A-2", "approve A-2 code %", code_now(0));
    nothing_written("123123");
}

static void only_what_is_below_needs_none(void **state)
{
    (void)state;
    policy_with("approvals: {expire_hours: 48, step_up: {USD: 48200.01}}");
    says("U0MAN1", "Approved: A-2", "approve A-2", "");
}

static void at_the_limit_it_is_wanted(void **state)
{
    (void)state;
    policy_with("approvals: {expire_hours: 48, step_up: {USD: 48200}}");
    says("U0MAN1", "ask an operator to run \"dunwell people enroll manager1\"", "approve A-2", "");
    policy_with("approvals: {expire_hours: 48, step_up: {EUR: 1000000}}"); /* no amount in dollars: always */
    says("U0MAN1", "ask an operator", "approve A-2 code %", "123456");
    ASKED;
    policy_with("approvals: {expire_hours: 48}");
    says("U0MAN1", "Approved", "approve A-2", "");
}

static void no_and_own_requests_come_first(void **state)
{
    (void)state;
    enrol("manager1", office.now_ms - MS_HOUR);
    says("U0AE1", "your own request", "approve A-2 code %", code_now(0));
    says("U0MAN2", "your limit is $100.00", "approve A-2 code %", code_now(0));
    office_is(&office, "SELECT count(*) FROM step_up", 0, "nobody's code was looked at");
    says("U0MAN1", "Declined: A-2", "decline A-2 too long", "");
}

static void by_button_it_is_a_form(void **state)
{
    (void)state;
    enrol("manager1", office.now_ms - MS_HOUR);
    const json_t *row = office_sent(&office, "card-");
    AUTO_STR card = office_read_card(json_at(row, "args.card"));
    assert_says(card, "takes a one-time code");
    AUTO_STR said = office_click(&office, "U0MAN1", "approve", "A-2@2");
    assert_string_equal(said, "");
    ASKED;
    const json_t *form = json_at(office_sent(&office, "view-"), "args.form");
    assert_string_equal(json_str(form, "ref", ""), "A-2@2");
    assert_string_equal(json_str(form, "inputs.0.id", ""), "code");
    assert_string_equal(json_str(form, "inputs.0.value", "x"), "");
    AUTO_STR code = str_dup(code_now(0));
    AUTO_STR empty = office_form(&office, CHAT_FORM_SUBMIT, "U0MAN1", "approve", "A-2@2", "{\"code\":\"12\"}");
    assert_says(empty, "code: Type the six digits");
    AUTO_STR bad = office_form(&office, CHAT_FORM_SUBMIT, "U0MAN1", "approve", "A-2@2", "{\"code\":\"123123\"}");
    assert_says(bad, "code: That is not the code");
    AUTO_STR values = str_fmt("{\"code\":\" %.3s %s \",\"why\":\"they pay\"}", code, code + 3);
    AUTO_STR old = office_form(&office, CHAT_FORM_SUBMIT, "U0MAN1", "approve", "A-2@1", values);
    assert_says(old, "older than the request");
    AUTO_STR good = office_form(&office, CHAT_FORM_SUBMIT, "U0MAN1", "approve", "A-2@2", values);
    assert_says(good, "Approved: A-2");
    AUTO_STR again = office_form(&office, CHAT_FORM_SUBMIT, "U0MAN1", "approve", "A-2@2", values);
    assert_says(again, "already decided by Mara Manager");
    assert_int_equal(YES_COUNT, 1);
    nothing_written(code);
}

static void the_form_is_not_opened_for_nothing(void **state)
{
    (void)state;
    AUTO_STR own = office_click(&office, "U0AE1", "approve", "A-2@2");
    assert_says(own, "your own request");
    AUTO_STR not_enrolled = office_click(&office, "U0MAN1", "approve", "A-2@2");
    assert_says(not_enrolled, "dunwell people enroll manager1");
    assert_null(office_sent(&office, "form-"));
}

static void a_counter_by_form_takes_one_too(void **state)
{
    (void)state;
    enrol("manager1", office.now_ms - MS_HOUR);
    AUTO_STR said = office_click(&office, "U0MAN1", "counter", "A-2@2");
    assert_string_equal(said, "");
    AUTO_STR none = office_form(&office, CHAT_FORM_SUBMIT, "U0MAN1", "counter", "A-2@2",
                                "{\"instalments\":\"4\",\"first\":\"2027-01-05\",\"why\":\"\",\"code\":\"\"}");
    assert_says(none, "code: A-2 is about $48,200.00");
    AUTO_STR values = str_fmt("{\"instalments\":\"4\",\"first\":\"2027-01-05\",\"why\":\"\",\"code\":\"%s\"}", code_now(0));
    AUTO_STR change = office_form(&office, CHAT_FORM_CHANGE, "U0MAN1", "counter", "A-2@2", values);
    nothing_written(code_now(0));
    AUTO_STR good = office_form(&office, CHAT_FORM_SUBMIT, "U0MAN1", "counter", "A-2@2", values);
    assert_says(good, "Counter-offer A-3");
    says("U0AE1", "Approved: A-3", "accept A-3", ""); /* that was the manager's word, and the manager's code */
}

/* Whoever takes the offer was never enrolled: the button must not open a form that asks for a code. */
static void an_offer_is_taken_by_a_click(void **state)
{
    (void)state;
    enrol("manager1", office.now_ms - MS_HOUR);
    says("U0MAN1", "Counter-offer A-3", "counter A-2 4x code %", code_now(0));
    AUTO_STR said = office_click(&office, "U0AE1", "approve", "A-3@2");
    assert_says(said, "Approved: A-3");
    assert_null(office_sent(&office, "form-"));
}

static void who_comes_and_goes_is_journaled(void **state)
{
    (void)state;
    enrol("manager1", office.now_ms - MS_HOUR);
    sync_codes();
    sync_codes();
    office_is(&office, "SELECT count(*) FROM journal WHERE verb = 'step_up.enrolled' AND ref = 'manager1'", 1, "enrolled, once");
    office.now_ms += MS_MINUTE;
    assert_int_equal(enrolled_remove(codes_path, "manager1", NULL), 0);
    enrol("manager1", office.now_ms);
    sync_codes();
    office_is(&office, "SELECT count(*) FROM journal WHERE verb = 'step_up.enrolled'", 2, "enrolled anew");
    says("U0MAN1", "was used already", "approve A-2 code %", code_now(0)); /* it was valid while enrolling */
    assert_int_equal(enrolled_remove(codes_path, "manager1", NULL), 0);
    enrol("manager2", office.now_ms);
    sync_codes();
    office_is(&office, "SELECT count(*) FROM journal WHERE verb = 'step_up.revoked' AND ref = 'manager1'", 1, "revoked");
    office_is(&office, "SELECT count(*) FROM step_up WHERE person = 'manager1'", 0, "what is left of it");
    says("U0MAN1", "dunwell people enroll manager1", "approve A-2 code %", code_now(30000));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_yes_takes_a_code),
        T(the_code_stands_where_people_put_it),
        T(what_was_used_for_one_does_not_count_for_another),
        T(who_has_said_yes_is_told_before_a_code_is_spent),
        T(an_emergency_with_a_wrong_code_takes_nothing_away),
        T(five_wrong_ones_lock),
        T(only_what_is_below_needs_none),
        T(at_the_limit_it_is_wanted),
        T(no_and_own_requests_come_first),
        T(by_button_it_is_a_form),
        T(the_form_is_not_opened_for_nothing),
        T(a_counter_by_form_takes_one_too),
        T(an_offer_is_taken_by_a_click),
        T(who_comes_and_goes_is_journaled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
