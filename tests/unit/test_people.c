/* People and rights: what is granted, and every way in which people.yaml can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "engine/people.h"

static struct people *parse(const char *text, struct problems *p)
{
    struct doc *d;
    struct err e;
    *p = (struct problems){0};
    assert_int_equal(doc_parse(&d, span_of(text), "people.yaml", &e), 0);
    struct people *all = people_parse(d, p);
    doc_free(d);
    return all;
}

static void only_problem(const char *text, const char *line, const char *words)
{
    struct problems p;
    struct people *all = parse(text, &p);
    if (p.n != 1 || strncmp(p.lines[0], line, strlen(line)) != 0 || !strstr(p.lines[0], words))
        fail_msg("%zu problems, the first: %s; wanted %s .. %s", p.n, p.n ? p.lines[0] : "-", line, words);
    people_free(all);
    problems_free(&p);
}

static void template_is_valid(void **state)
{
    (void)state;
    struct problems p = {0};
    struct people *all = people_load("templates/people.yaml", &p);
    assert_int_equal(p.n, 0);
    assert_non_null(all);
    const char *const keys[] = {"ae1", "ae2", "collector1", "manager1", "manager2", "finance1", "operator1"};
    assert_int_equal(people_count(all), DW_ARRAY_LEN(keys));
    for (size_t i = 0; i < DW_ARRAY_LEN(keys); i++) {
        const struct person *who = people_by_key(all, keys[i]);
        assert_non_null(who);
        assert_ptr_equal(people_by_chat(all, "console", keys[i]), who);
        assert_ptr_equal(people_by_chat(all, "slack", person_chat_id(who, "slack")), who);
    }
    assert_ptr_equal(people_at(all, 0), people_by_key(all, "ae1"));
    assert_null(people_at(all, people_count(all)));
    people_free(all);
}

static void rights(void **state)
{
    (void)state;
    struct problems p;
    struct people *all = parse("people:\n"
                               "  m: {name: M, slack: U0M, roles: [manager, ae], limit: {USD: 500.50, JPY: 1000}}\n"
                               "  f: {roles: [finance], limit: {EUR: \"10k\"}}\n"
                               "  o: {roles: [operator], console: ops}\n",
                               &p);
    assert_int_equal(p.n, 0);
    const struct person *m = people_by_key(all, "m"), *f = people_by_key(all, "f"), *o = people_by_key(all, "o");
    assert_true(person_may_decide(m, money_of(50050, "USD")));
    assert_false(person_may_decide(m, money_of(50051, "USD")));
    assert_true(person_may_decide(m, money_of(1000, "JPY")));
    assert_false(person_may_decide(m, money_of(1, "EUR")));
    assert_false(person_may_decide(m, money_of(-1, "USD")));
    assert_false(person_may_decide(m, (struct money){.minor = 1}));
    assert_true(person_may_decide(f, money_of(1000000, "EUR")));
    assert_false(person_may_decide(o, money_of(1, "USD")));
    assert_true(person_has(m, ROLE_AE | ROLE_FINANCE));
    assert_false(person_has(o, ROLE_AE | ROLE_FINANCE));
    assert_string_equal(m->name, "M");
    assert_string_equal(f->name, "f");
    assert_string_equal(f->zone, "UTC");
    char text[40];
    assert_string_equal(role_names(m->roles, text, sizeof(text)), "ae, manager");
    people_free(all);
}

static void a_limit_without_the_role_is_worth_nothing(void **state)
{
    (void)state;
    struct problems p;
    struct people *all = parse("people:\n  a: {roles: [ae, operator], limit: {USD: 500}}\n", &p);
    assert_int_equal(p.n, 1);
    assert_false(person_may_decide(people_by_key(all, "a"), money_of(1, "USD")));
    people_free(all);
    problems_free(&p);
}

static void chat_ids(void **state)
{
    (void)state;
    struct problems p;
    struct people *all = parse(
        "people:\n  a: {slack: U1, roles: [ae]}\n  b: {console: bee, roles: [ae], email: u1@example.com}\n", &p);
    assert_string_equal(people_by_chat(all, "slack", "U1")->key, "a");
    assert_null(people_by_chat(all, "slack", "u1"));
    assert_null(people_by_chat(all, "slack", "a"));
    assert_null(people_by_chat(all, "slack", "u1@example.com"));
    assert_null(people_by_chat(all, "slack", ""));
    assert_null(people_by_chat(all, "matrix", "U1"));
    assert_string_equal(people_by_chat(all, "console", "a")->key, "a");
    assert_string_equal(people_by_chat(all, "console", "bee")->key, "b");
    assert_null(people_by_chat(all, "console", "b"));
    assert_null(person_chat_id(people_by_key(all, "b"), "slack"));
    people_free(all);
}

static void problems_name_their_line(void **state)
{
    (void)state;
    only_problem("people:\n  a:\n    roles: [ae]\n    naem: A\n", "people.yaml:4:", "name");
    only_problem("people:\n  a:\n    roles: [manger]\n", "people.yaml:3:", "did you mean manager");
    only_problem("people:\n  a: {roles: [ae]}\n  b: {name: B}\n", "people.yaml:3:", "roles");
    only_problem("people:\n  a: {roles: [ae]}\n  b: {roles: []}\n", "people.yaml:3:", "roles");
    only_problem("people:\n  a: {roles: [ae], slack: U1}\n  b: {roles: [ae], slack: U1}\n",
                 "people.yaml:3:", "already the id of a");
    only_problem("people:\n  a: {roles: [ae]}\n  b: {roles: [ae], console: a}\n",
                 "people.yaml:3:", "already the id of a");
    only_problem("people:\n  b: {roles: [ae], console: a}\n  a: {roles: [ae]}\n", "people.yaml:3:", "console id");
    only_problem("people:\n  a:\n    roles: [manager]\n    limit: {USB: 5}\n", "people.yaml:4:", "ISO 4217");
    only_problem("people:\n  a:\n    roles: [manager]\n    limit: {USD: -5}\n", "people.yaml:4:", "USD");
    only_problem("people:\n  a:\n    roles: [manager]\n    limit: {JPY: 5.5}\n", "people.yaml:4:", "JPY");
    only_problem("people:\n  a:\n    roles: [manager]\n    limit: {USD: 5.005}\n", "people.yaml:4:", "USD");
    only_problem("people:\n  a:\n    roles: [manager]\n    limit: 5000\n", "people.yaml:4:", "{USD: 25000}");
    only_problem("people:\n  a:\n    roles: [ae]\n    limit: {USD: 5}\n", "people.yaml:4:", "no effect");
    only_problem("people:\n  a:\n    roles: [ae]\n    timezone: Mars/Base\n", "people.yaml:4:", "Europe/Berlin");
    only_problem("people:\n  a:\n    roles: [ae]\n    email: nobody\n", "people.yaml:4:", "e-mail");
    only_problem("people:\n  a:\n    roles: [ae]\n    slack: 5\n", "people.yaml:4:", "quote");
    only_problem("people:\n  \"a b\": {roles: [ae]}\n", "people.yaml:2:", "cannot name a person");
    only_problem("people:\n  a: manager\n", "people.yaml:2:", "must be a map");
    only_problem("people: {}\n", "people.yaml:1:", "no people");
    only_problem("persons: {a: {roles: [ae]}}\n", "people.yaml", "no people");
}

#define M "people:\n  a:\n    roles: [manager]\n"

static void problems_of_territory_and_time(void **state)
{
    (void)state;
    only_problem(M "    regions: emea\n", "people.yaml:4:", "people.a.regions must be a list such as");
    only_problem(M "    accounts: []\n", "people.yaml:4:", "people.a.accounts must be a list such as");
    only_problem(M "    accounts: [4711]\n", "people.yaml:4:", "quote what looks like a number");
    only_problem(M "    break_glass: sometimes\n", "people.yaml:4:", "break_glass");
    only_problem(M "    hours: 9-17\n", "people.yaml:4:", "{days: mon-fri, from: \"09:00\", to: \"17:30\"}");
    only_problem(M "    hours: {days: mon-fri, from: \"09:00\"}\n", "people.yaml:4:", "must say days and times");
    only_problem(M "    hours: {days: mon-fri, from: \"17:00\", to: \"09:00\"}\n", "people.yaml:4:", "must say days and times");
    only_problem(M "    hours: {days: mon-fri, from: \"09:00\", to: \"24:01\"}\n", "people.yaml:4:", "must say days and times");
    only_problem(M "    hours: {days: workdays, from: \"09:00\", to: \"17:00\"}\n", "people.yaml:4:", "must say days and times");
    only_problem(M "    hours: {days: mon-fri, from: \"9:00\", to: \"17:00\"}\n", "people.yaml:4:", "must say days and times");
    only_problem(M "    hours:\n      days: mon-fri\n      from: \"09:00\"\n      to: \"17:00\"\n      lunch: 1\n", "people.yaml:8:", "lunch");
}

static void problems_of_groups(void **state)
{
    (void)state;
    only_problem(M "groups: [a]\n", "people.yaml:4:", "groups must be a map such as");
    only_problem(M "groups:\n  emea: a\n", "people.yaml:5:", "groups.emea must be a list of people");
    only_problem(M "groups:\n  emea: []\n", "people.yaml:5:", "groups.emea must be a list of people");
    only_problem(M "groups:\n  emea: [a, ghost]\n", "people.yaml:5:", "\"ghost\" is nobody in this file");
    only_problem(M "groups:\n  finance: [a]\n", "people.yaml:5:", "is a role or a person already");
    only_problem(M "groups:\n  a: [a]\n", "people.yaml:5:", "is a role or a person already");
    only_problem(M "groups:\n  EU Managers: [a]\n", "people.yaml:5:", "a group cannot be named so");
}

static void hours_are_kept(void **state)
{
    static const struct {
        const char *days;
        unsigned bits;
    } cases[] = {{"mon-fri", 0x3e}, {"sun-thu", 0x1f}, {"fri-mon", 0x63}, {"mon,wed,fri", 0x2a}, {"sat", 0x40}, {"sun-sat", 0x7f}};
    (void)state;
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        struct problems p;
        AUTO_STR text = str_fmt(M "    hours: {days: \"%s\", from: \"09:00\", to: \"24:00\"}\ngroups: {emea: [a]}\n", cases[i].days);
        struct people *all = parse(text, &p);
        assert_int_equal(p.n, 0);
        const struct person *a = people_by_key(all, "a");
        assert_int_equal(a->hours.days, cases[i].bits);
        assert_int_equal(a->hours.from, 540);
        assert_int_equal(a->hours.to, 1440);
        assert_true(people_group_known(all, "emea") && people_in_group(all, "emea", "a") && !people_group_known(all, "apac"));
        people_free(all);
    }
}

static void a_missing_file_is_one_problem(void **state)
{
    (void)state;
    struct problems p = {0};
    assert_null(people_load("no/such/people.yaml", &p));
    assert_int_equal(p.n, 1);
    assert_non_null(strstr(p.lines[0], "people.yaml"));
    problems_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(template_is_valid),
        cmocka_unit_test(rights),
        cmocka_unit_test(chat_ids),
        cmocka_unit_test(a_limit_without_the_role_is_worth_nothing),
        cmocka_unit_test(problems_name_their_line),
        cmocka_unit_test(problems_of_territory_and_time),
        cmocka_unit_test(problems_of_groups),
        cmocka_unit_test(hours_are_kept),
        cmocka_unit_test(a_missing_file_is_one_problem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
