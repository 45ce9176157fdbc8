/* The office (office.h) where a change of the policy takes somebody's yes: the file on the disk is `draft`, what comes into force is
 * `agreed`. */
#ifndef DW_TESTS_POLICY_OFFICE_H
#define DW_TESTS_POLICY_OFFICE_H

#include "engine/policy_request.h"
#include "tests/unit/patient.h"

static char *draft, *agreed;

static char *file_now(void *ctx)
{
    (void)ctx;
    return draft ? str_dup(draft) : NULL;
}

static void takes_over(void *ctx, const char *text)
{
    (void)ctx;
    free(agreed);
    agreed = str_dup(text);
}

DW_UNUSED static char *policy_with(const char *from, const char *to)
{
    const char *at = strstr(office_policy, from);
    assert_non_null(at);
    return str_fmt("changes: asked\n%.*s%s%s", (int)(at - office_policy), office_policy, to, at + strlen(from));
}

DW_UNUSED static void use(struct office *o, const char *text)
{
    struct problems p = {0};
    policy_free(o->policy);
    o->policy = policy_of_text(text, &p);
    if (!o->policy)
        fail_msg("%s", p.lines[0]);
    problems_free(&p);
    o->e.policy = o->policy;
}

DW_UNUSED static void open_asked(struct office *o)
{
    office_open(o, false);
    AUTO_STR first = policy_with("days: 95", "days: 95");
    use(o, first);
    o->e.world.policy_file = file_now;
    o->e.world.policy_agreed = takes_over;
    draft = policy_with("instalments: 3, days: 95", "instalments: 4, days: 95");
    agreed = NULL;
}

DW_UNUSED static void close_asked(struct office *o)
{
    office_proves(o);
    free(draft);
    free(agreed);
    draft = agreed = NULL;
    office_close(o);
}

DW_UNUSED static void says(struct office *o, const char *user, const char *text, const char *want)
{
    AUTO_STR said = office_say(o, user, text);
    if (!strstr(said, want))
        fail_msg("%s: \"%s\", wanted \"%s\"", text, said, want);
}

#endif
