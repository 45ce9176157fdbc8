/* Lending a right, as people meet it: given, used, printed, revoked, over; and every way in which it must not be used. Mara
 * (manager1) decides up to $100,000.00, Milo (manager2) up to $100.00; Northwind owes $48,200.00 and its AE ana asks. */
#include "engine/delegation.h"
#include "engine/ping.h"
#include "tests/unit/cases.h"

static struct office office;

/* a plan for Northwind, asked by ae1. */
static int setup(void **state)
{
    *state = &office;
    office_open(&office, false);
    office_event_of(&office, 1);
    assert_int_equal(office_plan(&office, "ae1", "northwind", 6, "renewal in flight").rc, 0);
    office_turn(&office, NULL, NULL);
    return 0;
}

#define ASKED assert_int_equal(office_state(&office, 2), PROPOSAL_ASKED)
#define LIVE(n) office_is(&office, "SELECT count(*) FROM delegations WHERE is_live = 1", n, "in force")

static void given_used_and_printed(void **state)
{
    (void)state;
    office_says(&office, "U0MAN2", "approve A-2", "your limit is $100.00");
    office_says(&office, "U0MAN1", "delegate <@U0MAN2|milo> up to 50k until fri 09:00", "D-1: Milo Manager may decide for you, up to $50,000.00, until");
    office_says(&office, "U0MAN2", "approve A-2 why agreed by phone", "Approved: A-2");
    office_is(&office, "SELECT count(*) FROM votes WHERE person = 'manager2' AND holder = 'manager1' AND right_used = 'Milo Manager for Mara Manager (manager), up to $50,000.00, D-1'",
              1, "the right on the vote");
    office_is(&office, "SELECT count(*) FROM journal WHERE verb = 'decision.yes' AND text LIKE '%Milo Manager for Mara Manager%D-1%'", 1, "the right in the journal");
    office_is(&office, "SELECT count(*) FROM journal WHERE verb = 'delegation.given' AND ref = 'D-1'", 1, "the gift in the journal");
    AUTO_STR card = office_read_card(json_at(office_sent(&office, "card-"), "args.card"));
    (void)card;
    size_t seen = 0;
    for (size_t i = 0; i < json_array_size(office.sent); i++) {
        AUTO_STR text = json_text(json_array_get(office.sent, i));
        seen += strstr(text, "Milo Manager for Mara Manager (manager), up to $50,000.00, D-1") != NULL;
    }
    assert_true(seen > 0);
}

static void never_more_than_ones_own(void **state)
{
    (void)state;
    office_says(&office, "U0MAN2", "delegate @manager1 up to 101 until fri", "no more than your own right, and your limit is $100.00");
    office_says(&office, "U0MAN1", "delegate @manager2 up to 100000.01 until fri", "no more than your own right");
    office_says(&office, "U0MAN1", "delegate @manager2 up to 10 EUR until fri", "no limit in the currency");
    office_says(&office, "U0MAN1", "delegate @manager2 up to 0 until fri", "More than nothing");
    office_says(&office, "U0AE1", "delegate @manager2 up to 10 until fri", "is for these roles");
    LIVE(0);
    office_says(&office, "U0MAN1", "delegate @manager2 up to 48199.99 until fri", "D-1");
    office_says(&office, "U0MAN2", "approve A-2", "your limit is $100.00");
    ASKED;
    office_says(&office, "U0MAN1", "delegate @manager2 up to USD 48200 until fri", "D-2");
    office_says(&office, "U0MAN2", "approve A-2", "Approved");
}

/* The lender's right is looked at when it is used, not when it was lent. */
/* Whoever got here without the command: no right is lent by those who have none. */
static void who_has_no_right_lends_none(void **state)
{
    (void)state;
    static const char *const without[] = {"ae1", "col1", "op1"};
    for (size_t i = 0; i < DW_ARRAY_LEN(without); i++) {
        char said[300] = "";
        struct err err = {0};
        struct actor who = office_actor(&office, without[i]);
        office_begin(&office);
        int rc = delegation_give(&office.e, &who, &(struct delegation_order){.to = people_by_key(office.people, "manager2"), .amount = "50k", .until_ms = office.now_ms + MS_DAY, .kind = ""},
                                 said, sizeof said, &err);
        office_commit(&office);
        assert_int_equal(rc, ERR_DENIED);
        assert_says(err.text, "You have no right of your own to lend");
    }
    LIVE(0);
    office_says(&office, "U0MAN2", "approve A-2", "your limit is $100.00");
}

static void what_the_lender_lost_is_not_lent(void **state)
{
    (void)state;
    office_says(&office, "U0MAN1", "delegate @ae2 up to 50k until fri", "D-1");
    struct problems p = {0};
    struct doc *d = NULL;
    static const char *const later[] = {"roles: [manager], limit: {USD: 48199}", "roles: [ae]", "roles: [manager], limit: {USD: 48200}"};
    for (size_t i = 0; i < DW_ARRAY_LEN(later); i++) {
        AUTO_STR text = str_fmt("people:\n  ae1: {name: Ana, slack: U0AE1, roles: [ae]}\n  ae2: {name: Otto, slack: U0AE2, roles: [ae]}\n"
                                "  manager1: {name: Mara Manager, slack: U0MAN1, %s}\n", later[i]);
        assert_int_equal(doc_parse(&d, span_of(text), "people.yaml", NULL), 0);
        struct people *fresh = people_parse(d, &p);
        doc_free(d);
        assert_int_equal(p.n, 0);
        office.e.people = fresh;
        people_free(office.people);
        office.people = fresh;
        office_says(&office, "U0AE2", "approve A-2", i == 0 ? "the right that was lent to you goes up to $48,199.00" : i == 1 ? "for a manager or finance" : "Approved: A-2");
    }
}

static void not_on_the_lenders_own_request(void **state)
{
    (void)state;
    office_says(&office, "U0AE1", "withdraw A-2", "Withdrawn");
    assert_int_equal(office_plan(&office, "manager1", "northwind", 6, "mine").rc, ERR_DENIED); /* nobody else could: not asked */
    struct problems p = {0};
    struct doc *d = NULL;
    AUTO_STR text = str_fmt("%s  fin1: {name: Fin, slack: U0FIN1, roles: [finance], limit: {USD: 100000}}\n", office_people);
    assert_int_equal(doc_parse(&d, span_of(text), "people.yaml", NULL), 0);
    struct people *fresh = people_parse(d, &p);
    doc_free(d);
    office.e.people = fresh;
    people_free(office.people);
    office.people = fresh;
    assert_int_equal(office_plan(&office, "manager1", "northwind", 6, "mine").rc, 0);
    AUTO_STR approve = str_fmt("approve A-%lld", (long long)office_last(&office));
    office_says(&office, "U0MAN1", "delegate @ae2 up to 50k until fri", "D-1");
    office_says(&office, "U0AE2", approve, "was asked by Mara Manager, whose right you would be using");
    office_says(&office, "U0MAN1", approve, "your own request");
    office_says(&office, "U0FIN1", "delegate Otto up to 50k until fri", "D-2");
    office_says(&office, "U0AE2", approve, "Approved");
    office_is(&office, "SELECT count(*) FROM votes WHERE holder = 'fin1' AND right_used LIKE '%D-2'", 1, "the other right");
}

static void not_on_the_deputys_own_request(void **state)
{
    (void)state;
    office_says(&office, "U0MAN1", "delegate @ae1 up to 50k until fri", "D-1");
    office_says(&office, "U0AE1", "approve A-2", "your own request");
    ASKED;
}

static void not_in_a_circle_nor_on(void **state)
{
    (void)state;
    office_says(&office, "U0MAN1", "delegate @manager1 up to 10 until fri", "That is yourself");
    office_says(&office, "U0MAN1", "delegate @manager2 up to 10 until fri", "D-1");
    office_says(&office, "U0MAN2", "delegate @manager1 up to 10 until fri", "in a circle");
    office_says(&office, "U0MAN2", "delegate @ae2 up to 10k until fri", "no more than your own right"); /* what was lent is not lent on */
    office_says(&office, "U0MAN2", "delegate @ae2 up to 100 until fri", "D-2");
    office_says(&office, "U0AE2", "approve A-2", "the right that was lent to you goes up to $100.00");
    office_says(&office, "U0MAN1", "revoke D-1", "Revoked: D-1");
    office_says(&office, "U0MAN2", "delegate @manager1 up to 10 until fri", "D-3");
}

static void a_circle_of_three(void **state)
{
    (void)state;
    office_says(&office, "U0MAN1", "delegate @manager2 up to 10 until fri", "D-1");
    store_begin(office.store);
    store_run(office.store, "INSERT INTO delegations (from_person, to_person, kind, limits, created_ms, until_ms, is_live, ended_ms, ended_by) "
                            "VALUES ('op1','manager1','','{}',0,?1,1,0,'')", "i", office.now_ms + MS_DAY);
    assert_int_equal(store_commit(office.store, NULL), 0);
    office_says(&office, "U0MAN2", "delegate @op1 up to 10 until fri", "in a circle");
}

static void over_at_its_time(void **state)
{
    (void)state;
    office_says(&office, "U0MAN1", "delegate @ae2 up to 50k until 2026-12-24 09:00", "D-1");
    office_says(&office, "U0AE2", "delegations", "D-1: Otto Executive for Mara Manager, up to $50,000.00, until");
    office_says(&office, "U0AE1", "delegations", "Nobody has lent a right to you");
    office_says(&office, "U0OP1", "delegations", "D-1:");
    office.now_ms = OFFICE_NOW + 28 * MS_HOUR + 33 * MS_MINUTE + 20 * MS_SECOND - 1; /* 2026-12-24 08:59:59.999 UTC; nothing is due yet */
    office_turn(&office, NULL, NULL);
    LIVE(1);
    office_later(&office, 1);
    LIVE(0);
    office_says(&office, "U0AE2", "approve A-2", "for a manager or finance");
    office_is(&office, "SELECT count(*) FROM journal WHERE verb = 'delegation.ended'", 1, "its end in the journal");
    ASKED;
}

/* Also between its end and the timer's turn it counts no more. */
static void over_before_the_timer_is_seen(void **state)
{
    (void)state;
    office_says(&office, "U0MAN1", "delegate @ae2 up to 50k until 2026-12-24 09:00", "D-1");
    store_begin(office.store);
    store_run(office.store, "DELETE FROM timers WHERE kind = 'delegation'", "");
    assert_int_equal(store_commit(office.store, NULL), 0);
    office.now_ms += 30 * MS_HOUR;
    office_says(&office, "U0AE2", "approve A-2", "for a manager or finance");
    ASKED;
}

static void revoked_at_once(void **state)
{
    (void)state;
    office_says(&office, "U0MAN1", "delegate @ae2 up to 50k until fri", "D-1");
    office_says(&office, "U0COL1", "revoke D-1", "between others");
    office_says(&office, "U0MAN1", "revoke", "Which one?");
    office_says(&office, "U0MAN1", "revoke D-9", "No delegation D-9");
    office_says(&office, "U0MAN1", "revoke D-1", "at once");
    office_says(&office, "U0AE2", "approve A-2", "for a manager or finance");
    office_says(&office, "U0MAN1", "revoke D-1", "No delegation D-1");
    ASKED;
    office_says(&office, "U0MAN1", "delegate @ae2 up to 50k until fri", "D-2");
    office_says(&office, "U0AE2", "revoke D-2", "Revoked: D-2"); /* nobody is made to decide */
}

static void only_for_the_kind(void **state)
{
    (void)state;
    office_says(&office, "U0MAN1", "delegate @ae2 up to 50k until fri for holds", "D-1: Otto Executive may decide for you on requests of the kind hold");
    office_says(&office, "U0AE2", "approve A-2", "not of the kind that Mara Manager lent you");
    ASKED;
    office_says(&office, "U0MAN1", "delegate @ae2 for plans until fri up to 50k", "D-2");
    office_says(&office, "U0AE2", "approve A-2", "Approved");
    office_says(&office, "U0MAN1", "delegate @ae2 up to 1 until fri for lunch", "no kind of request");
}

static void how_it_is_typed(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"delegate", "For example: delegate @manager2"},
        {"delegate @manager2", "Up to how much?"},
        {"delegate @manager2 up to 10", "Until when?"},
        {"delegate @nobody up to 10 until fri", "nobody called \"nobody\""},
        {"delegate <@U0GHOST> up to 10 until fri", "not in people.yaml"},
        {"delegate Milo up to ten until fri", "Ten is not"},
        {"delegate Milo up to 10 until someday", "not a day"},
        {"delegate Milo up to 10 until 2026-12-01", "in the past"},
        {"delegate Milo up to 10 until 2027-02-01", "within 30 days"},
        {"delegate Milo up to 10 up to 20 until fri", "two of"},
        {"delegate to milo manager UP TO $10 till in 3 days", "D-1: Milo Manager"},
        {"delegate up to 10 until fri to manager2", "D-2: Milo Manager"},
        {"delegate manager2 up to 10 for 3 days", "D-3: Milo Manager"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++)
        office_says(&office, "U0MAN1", rows[i][0], rows[i][1]);
}

/* ---- out of office ---- */

static void asked_for(const char *person, const char *instead)
{
    char out[APPROVAL_WORD];
    office_begin(&office);
    away_asks(&office.e, person, out);
    office_commit(&office);
    assert_string_equal(out, instead);
}

static void away_and_back(void **state)
{
    (void)state;
    asked_for("manager1", "manager1");
    office_says(&office, "U0MAN1", "back", "You were not away");
    office_says(&office, "U0MAN1", "away", "Until when?");
    office_says(&office, "U0MAN1", "away until fri deputy @manager1", "your own deputy");
    office_says(&office, "U0MAN1", "away until fri deputy @manager2", "Milo Manager is asked instead");
    LIVE(0); /* being asked is no right */
    asked_for("manager1", "manager2");
    office_says(&office, "U0MAN2", "away until sat", "You are away");
    asked_for("manager1", "");
    office_says(&office, "U0MAN2", "away until sat deputy @manager1", "You are away");
    asked_for("manager1", ""); /* in a circle: nobody is there */
    office_says(&office, "U0MAN2", "back", "Welcome back");
    asked_for("manager1", "manager2");
    office.now_ms += 10 * MS_DAY;
    asked_for("manager1", "manager1");
    office_is(&office, "SELECT count(*) FROM journal WHERE verb = 'away.begin'", 3, "away in the journal");
    office_is(&office, "SELECT count(*) FROM journal WHERE verb = 'away.end' AND ref = 'manager2'", 1, "in the journal");
}

static void nobody_is_away_for_ever(void **state)
{
    (void)state;
    static const int64_t days[] = {-1, 0, 90, 91};
    for (size_t i = 0; i < DW_ARRAY_LEN(days); i++) {
        char said[300] = "";
        struct err err = {0};
        struct actor who = office_actor(&office, "manager1");
        office_begin(&office);
        int rc = away_begin(&office.e, &who, office.now_ms + days[i] * MS_DAY, NULL, said, sizeof said, &err);
        office_commit(&office);
        assert_int_equal(rc, days[i] == 90 ? 0 : ERR_INVALID);
    }
    office_is(&office, "SELECT count(*) FROM absences", 1, "one of these was possible");
}

static bool pinged(bool emergency)
{
    office_begin(&office);
    bool now = ping_take(&office.e, &(struct ping){.case_id = 1, .person = "manager1", .ref = "A-2", .why = "asked", .emergency = emergency});
    office_commit(&office);
    return now;
}

static void nobody_away_is_pinged(void **state)
{
    (void)state;
    assert_true(pinged(false));
    office_says(&office, "U0MAN1", "away until fri", "nothing pings you");
    assert_false(pinged(false));
    assert_true(pinged(true)); /* an emergency never waits */
    office_is(&office, "SELECT count(*) FROM pings WHERE state = 0", 1, "what waits");
    office_says(&office, "U0MAN1", "back", "Welcome back");
    office_turn(&office, NULL, NULL);
    office_is(&office, "SELECT count(*) FROM pings WHERE state = 0", 0, "what still waits after the return");
    assert_true(pinged(false));
}

static void away_with_a_right(void **state)
{
    (void)state;
    office_says(&office, "U0MAN1", "away until fri up to 10k", "Who may decide up to");
    office_says(&office, "U0MAN1", "away until fri deputy @ae2 up to 200k", "no more than your own right");
    asked_for("manager1", "manager1");
    office_says(&office, "U0MAN1", "away until fri deputy @ae2 up to 50k", "D-1: Otto Executive may decide for you");
    asked_for("manager1", "ae2");
    office_says(&office, "U0AE2", "approve A-2", "Approved");
}

/* Whom the card names as asked, when policy asks managers by name. */
static void the_card_names_the_deputy(void **state)
{
    (void)state;
    struct problems p = {0};
    struct doc *d = NULL;
    const char *at = strstr(office_policy, "approvals:");
    AUTO_STR text = str_fmt("%.*sapprovals: {expire_hours: 48, rules: [{name: all, need: [{count: 1, of: manager}], ask: [manager]}]}\n", (int)(at - office_policy), office_policy);
    assert_int_equal(doc_parse(&d, span_of(text), "policy.yaml", NULL), 0);
    struct policy *policy = policy_parse(d, &p);
    doc_free(d);
    assert_non_null(policy);
    office.e.policy = policy;
    office_says(&office, "U0AE1", "withdraw A-2", "Withdrawn");
    office_says(&office, "U0MAN1", "away until fri deputy @ae2 up to 50k", "You are away");
    assert_int_equal(office_plan(&office, "ae1", "northwind", 6, "again").rc, 0);
    office_turn(&office, NULL, NULL);
    AUTO_STR ref = str_fmt("A-%lld", (long long)office_last(&office));
    const json_t *shown = NULL;
    for (size_t i = 0; i < json_array_size(office.sent); i++) {
        const json_t *card = json_at(json_array_get(office.sent, i), "args.card");
        if (str_eq(json_str(card, "ref", ""), ref))
            shown = card;
    }
    AUTO_STR card = office_read_card(shown);
    assert_says(card, "Asked: Otto Executive");
    assert_says(card, "Mara Manager is away until");
    assert_says(card, "asked instead: Otto Executive");
    office.e.policy = office.policy;
    policy_free(policy);
}

static void lend_often(int times)
{
    office_begin(&office);
    for (int i = 0; i < times; i++)
        store_run(office.store,
                  "INSERT INTO delegations (from_person, to_person, kind, limits, created_ms, until_ms, is_live, ended_ms, ended_by) VALUES ('manager1', 'manager2', '', "
                  "'{\"USD\":5000000}', ?1, ?2, 1, 0, '')",
                  "ii", office.now_ms, office.now_ms + MS_DAY);
    office_commit(&office);
}

/* So that a list of them can be looked at. */
static void twenty_at_a_time(void **state)
{
    (void)state;
    lend_often(19);
    office_says(&office, "U0MAN1", "delegate @ae2 up to 1k until tomorrow", "D-20");
    office_says(&office, "U0MAN1", "delegate @ae2 up to 1k until tomorrow", "You have 20 delegations in force, and no more fit. Revoke one first.");
    office_says(&office, "U0MAN1", "revoke D-3", "D-3");
    office_says(&office, "U0MAN1", "delegate @ae2 up to 1k until tomorrow", "D-21");
}

/* Whatever somebody is lent, what is looked at has an end: no more than there is room for, the oldest first. */
static void many_rights_at_once(void **state)
{
    (void)state;
    struct right rights[RIGHTS_MOST + 1];
    const struct person *who = people_by_key(office.people, "manager2");
    lend_often(RIGHTS_MOST + 4);
    memset(&rights[RIGHTS_MOST], 7, sizeof rights[RIGHTS_MOST]);
    struct right untouched = rights[RIGHTS_MOST];
    assert_int_equal(approval_rights(&office.e, who, "USD", rights), RIGHTS_MOST);
    assert_memory_equal(&untouched, &rights[RIGHTS_MOST], sizeof untouched);
    office_says(&office, "U0MAN2", "approve A-2", "Approved: A-2");
}

/* A number without a currency is lent in each currency of the lender that reaches as far, and in none where none does. */
static void a_plain_number_is_lent_where_it_reaches(void **state)
{
    (void)state;
    struct problems p = {0};
    struct doc *d = NULL;
    AUTO_STR text = str_fmt("%s  fin1: {name: Fin, slack: U0FIN1, roles: [finance], limit: {USD: 100000, EUR: 200}}\n", office_people);
    assert_int_equal(doc_parse(&d, span_of(text), "people.yaml", NULL), 0);
    struct people *fresh = people_parse(d, &p);
    doc_free(d);
    assert_int_equal(p.n, 0);
    office.e.people = fresh;
    people_free(office.people);
    office.people = fresh;
    office_says(&office, "U0FIN1", "delegate @manager2 up to 100001 until fri", "You can lend no more than your own right; that is less in each of your currencies");
    office_says(&office, "U0FIN1", "delegate @manager2 up to 0 until fri", "You can lend no more than your own right; that is less in each of your currencies");
    LIVE(0);
    office_says(&office, "U0MAN2", "approve A-2", "your limit is $100.00");
    office_says(&office, "U0FIN1", "delegate @manager2 up to 100k until fri", "D-1");
    office_is(&office, "SELECT count(*) FROM delegations WHERE limits = '{\"USD\":10000000}'", 1, "not in the currency in which it is too much");
    office_says(&office, "U0MAN2", "approve A-2", "Approved");
}

/* A limit in dollars says nothing about euros, however small the amount; and the right of somebody who is gone cannot be taken. */
static void a_limit_is_of_its_own_currency(void **state)
{
    (void)state;
    struct right right;
    struct err err = {0};
    struct approval a;
    const struct person *mara = people_by_key(office.people, "manager1");
    struct subject s = {.ref = "A-2", .kind = "plan", .tier = "", .region = "", .account = "northwind", .requester = "ae1", .owner = "ae1", .executive = "ae1", .acceptor = ""};
    s.amount.minor = 100;
    str_copy(s.amount.currency, sizeof s.amount.currency, "EUR");
    approval_init(&a);
    assert_int_equal(approval_may(&office.e, &s, &a, mara, &right, &err), ERR_DENIED);
    assert_says(err.text, "your limit is not set in that currency");
    str_copy(s.amount.currency, sizeof s.amount.currency, "USD");
    assert_int_equal(approval_may(&office.e, &s, &a, mara, &right, &err), 0);
    s.requester = "gone"; /* who made a counter-offer, and is not in people.yaml any more */
    s.acceptor = "ae1";
    err = (struct err){0};
    assert_int_equal(approval_may(&office.e, &s, &a, people_by_key(office.people, "ae1"), &right, &err), ERR_DENIED);
    assert_says(err.text, "for a manager or finance");
    approval_fini(&a);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, office_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(given_used_and_printed),
        T(never_more_than_ones_own),
        T(who_has_no_right_lends_none),
        T(what_the_lender_lost_is_not_lent),
        T(not_on_the_lenders_own_request),
        T(not_on_the_deputys_own_request),
        T(not_in_a_circle_nor_on),
        T(a_circle_of_three),
        T(over_at_its_time),
        T(over_before_the_timer_is_seen),
        T(revoked_at_once),
        T(only_for_the_kind),
        T(how_it_is_typed),
        T(away_and_back),
        T(nobody_is_away_for_ever),
        T(nobody_away_is_pinged),
        T(away_with_a_right),
        T(the_card_names_the_deputy),
        T(many_rights_at_once),
        T(twenty_at_a_time),
        T(a_plain_number_is_lent_where_it_reaches),
        T(a_limit_is_of_its_own_currency),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
