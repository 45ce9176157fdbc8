/* The office (office.h) with another policy for approvals and attention, and with people in finance. */
#ifndef DW_TESTS_PATIENT_H
#define DW_TESTS_PATIENT_H

#include "tests/unit/cases.h"

static const char patient_people[] =
    "people:\n"
    "  ae1: {name: Ana Executive, slack: U0AE1, roles: [ae]}\n"
    "  ae2: {name: Otto Executive, slack: U0AE2, roles: [ae]}\n"
    "  col1: {name: Cleo Collector, slack: U0COL1, roles: [collector]}\n"
    "  manager1: {name: Mara Manager, slack: U0MAN1, roles: [manager], limit: {USD: 100000}}\n"
    "  finance1: {name: Fay Finance, slack: U0FIN1, roles: [finance], limit: {USD: 500000}}\n"
    "  finance2: {name: Finn Finance, slack: U0FIN2, roles: [finance], limit: {USD: 10}}\n"
    "  op1: {name: Olga Operator, slack: U0OP1, roles: [operator]}\n";

/* sections: what stands in policy.yaml from `approvals:` on. */
DW_UNUSED static void office_patient(struct office *o, const char *sections)
{
    struct problems p = {0};
    struct doc *d = NULL;
    office_open(o, false);
    AUTO_STR text = str_dup(office_policy);
    *strstr(text, "approvals:") = '\0';
    AUTO_STR whole = str_fmt("%s%s\n", text, sections);
    policy_free(o->policy);
    people_free(o->people);
    assert_int_equal(doc_parse(&d, span_of(whole), "policy.yaml", NULL), 0);
    o->policy = policy_parse(d, &p);
    doc_free(d);
    assert_int_equal(doc_parse(&d, span_of(patient_people), "people.yaml", NULL), 0);
    o->people = people_parse(d, &p);
    doc_free(d);
    for (size_t i = 0; i < p.n; i++)
        fail_msg("%s", p.lines[i]);
    problems_free(&p);
    o->e.policy = o->policy;
    o->e.people = o->people;
}

/* The text of the newest thing sent under a key that begins so; "" for none. */
DW_UNUSED static const char *office_text_of(struct office *o, const char *key)
{
    return json_str(office_sent(o, key), "args.text", "");
}

#endif
