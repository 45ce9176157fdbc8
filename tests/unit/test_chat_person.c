/* An e-mail match grants nothing unless people.yaml says so; and where it does, only a confirmed address that is one person's, who has
 * no id of their own on that platform, for as long as both the platform and the file say so. */
#include "tests/unit/cases.h"

static struct office o;

/* Ana of the office without her Slack id; `more` is put in front of everybody. */
static void use_people(const char *more, const char *was, const char *is)
{
    struct problems p = {0};
    struct doc *d = NULL;
    const char *at = strstr(office_people, was);
    assert_non_null(at);
    AUTO_STR text = str_fmt("%s%.*s%s%s", more, (int)(at - office_people), office_people, is, at + strlen(was));
    assert_int_equal(doc_parse(&d, span_of(text), "people.yaml", NULL), 0);
    struct people *fresh = people_parse(d, &p);
    doc_free(d);
    if (p.n)
        fail_msg("%s", p.lines[0]);
    people_free(o.people);
    o.e.people = o.people = fresh;
}

#define ON "match_by_email: true\n"
#define ANA "email: ana@example.com, slack: U0AE1,"

static int setup(void **state)
{
    *state = &o;
    office_open(&o, false);
    o.email = "Ana@Example.com";
    use_people(ON, ANA, "email: ana@example.com,");
    return 0;
}

static int64_t looked_up(void)
{
    return office_i64(&o, "SELECT count(*) FROM effects WHERE op = 'whois'");
}

static void a_confirmed_address_is_its_person(void **state)
{
    (void)state;
    office_says(&o, "U0NEW", "whoami", "I am looking up who you are. Please repeat that");
    office_says(&o, "U0NEW", "whoami", "You are Ana Executive (ae1)");
    assert_int_equal(looked_up(), 1);
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'person.matched' AND actor = 'ae1'", 1, "in the journal");
    office_event_of(&o, 1);
    office_says(&o, "U0NEW", "plan northwind 6x from 2027-01-05 why x", "Asked for approval");
    AUTO_STR own = str_fmt("withdraw A-%lld", (long long)office_last(&o));
    office_says(&o, "U0NEW", own, "Withdrawn");
}

static void switched_off_it_grants_nothing(void **state)
{
    (void)state;
    use_people("", ANA, "email: ana@example.com,");
    office_says(&o, "U0NEW", "whoami", "I do not know you yet");
    office_says(&o, "U0NEW", "whoami", "I do not know you yet");
    assert_int_equal(looked_up(), 0);
    use_people(ON, ANA, "email: ana@example.com,");
    office_says(&o, "U0NEW", "whoami", "looking up");
    office_says(&o, "U0NEW", "whoami", "You are Ana");
    use_people("match_by_email: false\n", ANA, "email: ana@example.com,"); /* what was looked up counts no more */
    office_says(&o, "U0NEW", "whoami", "I do not know you yet");
}

static void the_id_that_is_written_down_wins(void **state)
{
    (void)state;
    use_people(ON, ANA, ANA);
    office_says(&o, "U0NEW", "whoami", "looking up");
    office_says(&o, "U0NEW", "whoami", "I do not know you yet"); /* Ana is U0AE1, whatever her address says */
    office_says(&o, "U0AE1", "whoami", "You are Ana");
    office_says(&o, "U0MAN1", "whoami", "You are Mara Manager"); /* by the id; nobody asks for the address */
    assert_int_equal(looked_up(), 1);
}

static void an_address_of_two_is_nobodys(void **state)
{
    (void)state;
    use_people(ON, ANA, "email: ana@example.com, roles: [ae]}\n  ae9: {name: Other Ana, email: ANA@example.com,");
    office_says(&o, "U0NEW", "whoami", "looking up");
    office_says(&o, "U0NEW", "whoami", "I do not know you yet");
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'person.matched'", 0, "nobody");
}

static void no_address_is_nobody(void **state)
{
    (void)state;
    o.email = "";
    use_people(ON, ANA, "");
    office_says(&o, "U0NEW", "whoami", "looking up");
    office_says(&o, "U0NEW", "whoami", "I do not know you yet");
    office_says(&o, "U0NEW", "whoami", "I do not know you yet");
    assert_int_equal(looked_up(), 1); /* not again at once */
    o.now_ms += 11 * MS_MINUTE;
    o.email = "otto@example.com";
    office_says(&o, "U0NEW", "whoami", "looking up");
    assert_int_equal(looked_up(), 2);
    office_says(&o, "U0NEW", "whoami", "I do not know you yet"); /* Otto has an id of his own */
}

static void what_was_looked_up_is_looked_up_again(void **state)
{
    (void)state;
    office_says(&o, "U0NEW", "whoami", "looking up");
    office_says(&o, "U0NEW", "whoami", "You are Ana");
    o.now_ms += MS_DAY / 2 + MS_MINUTE;
    o.email = ""; /* the account was taken from her */
    office_says(&o, "U0NEW", "whoami", "You are Ana");
    office_says(&o, "U0NEW", "whoami", "I do not know you yet");
    o.now_ms += 11 * MS_MINUTE;
    o.email = "ana@example.com";
    office_says(&o, "U0NEW", "whoami", "looking up");
    office_says(&o, "U0NEW", "whoami", "You are Ana");
    o.chat_waits = true; /* the platform cannot be asked for more than a day */
    o.now_ms += MS_DAY + MS_MINUTE;
    office_says(&o, "U0NEW", "whoami", "looking up");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_confirmed_address_is_its_person, setup, office_teardown),
        cmocka_unit_test_setup_teardown(switched_off_it_grants_nothing, setup, office_teardown),
        cmocka_unit_test_setup_teardown(the_id_that_is_written_down_wins, setup, office_teardown),
        cmocka_unit_test_setup_teardown(an_address_of_two_is_nobodys, setup, office_teardown),
        cmocka_unit_test_setup_teardown(no_address_is_nobody, setup, office_teardown),
        cmocka_unit_test_setup_teardown(what_was_looked_up_is_looked_up_again, setup, office_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
