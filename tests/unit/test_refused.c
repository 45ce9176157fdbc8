/* What people ask for and may not have: said with its reason, and nothing is changed by it, at any of the doors (plan, hold,
 * resume, retry). */
#include "tests/unit/cases.h"

static struct office office;

/* Northwind is held by policy; its AE is ae1. */
static int setup(void **state)
{
    *state = &office;
    office_open(&office, false);
    office_event_of(&office, 1);
    return 0;
}

typedef int door(struct recovery *r, struct actor *who, char *said, struct err *err);
enum { SAID = 600 };

static int plan(struct recovery *r, struct actor *who, char *said, struct err *err)
{
    return proposal_plan(&office.e, r, who, 2, office.now_ms + 10 * MS_DAY, "renewal in flight", said, SAID, err);
}

static int hold(struct recovery *r, struct actor *who, char *said, struct err *err)
{
    return proposal_hold(&office.e, r, who, office.now_ms + 10 * MS_DAY, "they asked for time", said, SAID, err);
}

static int hold_of_yesterday(struct recovery *r, struct actor *who, char *said, struct err *err)
{
    return proposal_hold(&office.e, r, who, office.now_ms, "they asked for time", said, SAID, err);
}

static int hold_for_ever(struct recovery *r, struct actor *who, char *said, struct err *err)
{
    return proposal_hold(&office.e, r, who, office.now_ms + 400 * MS_DAY, "they asked for time", said, SAID, err);
}

static int resume(struct recovery *r, struct actor *who, char *said, struct err *err)
{
    return proposal_resume(&office.e, r, who, said, SAID, err);
}

static int retry(struct recovery *r, struct actor *who, char *said, struct err *err)
{
    return proposal_retry(&office.e, r, who, "they said so", said, SAID, err);
}

/* Refused so, and no request, no effect and no hold is other than before. */
static void refuses(door *d, const char *who, int rc, const char *why)
{
    char said[SAID];
    struct err err = {0};
    struct actor a = office_actor(&office, who);
    static const char counts[] = "SELECT (SELECT count(*) FROM proposals) * 10000 + (SELECT count(*) FROM effects WHERE proposal_id > 0) * 100 + (SELECT sum(state) FROM holds)";
    int64_t before = office_i64(&office, counts);
    struct recovery *r = office_case(&office, "northwind");
    office_begin(&office);
    assert_int_equal(d(r, &a, said, &err), rc);
    office_commit(&office);
    recovery_free(r);
    assert_says(err.text, why);
    assert_int_equal(office_i64(&office, counts), before);
}

static void strangers_at_each_door(void **state)
{
    (void)state;
    static door *const doors[] = {plan, hold, resume, retry};
    for (size_t i = 0; i < DW_ARRAY_LEN(doors); i++)
        refuses(doors[i], "ae2", ERR_DENIED, "This is for the account's AE, a collector or a manager.");
}

static void a_hold_has_an_end_that_policy_allows(void **state)
{
    (void)state;
    refuses(hold_of_yesterday, "ae1", ERR_INVALID, "A hold ends in the future");
    refuses(hold_for_ever, "ae1", ERR_INVALID, "Not allowed: ");
}

static void what_is_not_held_does_not_resume(void **state)
{
    (void)state;
    office_says(&office, "U0AE1", "resume northwind", "resume");
    refuses(resume, "ae1", ERR_CONFLICT, "No hold is in force for Northwind Ltd.");
}

static void what_is_under_way_is_not_asked_again(void **state)
{
    (void)state;
    office.biller_silent = true;
    assert_int_equal(office_hold(&office, "ae1", "northwind", 10).rc, 0);
    office_is(&office, "SELECT verb FROM proposals ORDER BY id DESC LIMIT 1", VERB_EXTEND, "of the hold in force");
    refuses(hold, "ae1", ERR_CONFLICT, "already under way for Northwind Ltd: A-2");
    office_says(&office, "U0AE1", "retry northwind", "A-3");
    refuses(retry, "ae1", ERR_CONFLICT, "already under way for Northwind Ltd: A-3");
}

static void what_is_disputed_is_not_tried(void **state)
{
    (void)state;
    office_says(&office, "U0AE1", "dispute northwind why billed twice", "Noted");
    refuses(retry, "ae1", ERR_CONFLICT, "No retry: Northwind Ltd disputes the invoice.");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, office_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(strangers_at_each_door), T(a_hold_has_an_end_that_policy_allows), T(what_is_not_held_does_not_resume),
        T(what_is_under_way_is_not_asked_again), T(what_is_disputed_is_not_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
