/* The forms of a change of the policy: a no with its reason, and a yes where it takes a one-time code. What is agreed to stands above
 * the code, so that nobody types one for something they have not read. */
#include <string.h>

#include "bot/form_kinds.h"
#include "bot/form_parts.h"
#include "engine/policy_request.h"
#include "engine/step_up.h"

enum { REF_SIZE = 32, CHANGES_MOST = 1500 };

bool form_policy_wanted(const struct engine *e, const char *action)
{
    return str_eq(action, "decline") || (str_eq(action, "approve") && step_up_wanted(e, (struct money){0}));
}

static int64_t id_of(const char *ref)
{
    char letter, plain[REF_SIZE];
    parse_revision(plain, sizeof plain, ref);
    return parse_any_ref(span_of(plain), "P", &letter);
}

int form_policy_may_open(struct request *rq, const char *verb, const char *ref, struct err *e)
{
    return policy_request_may(rq->engine, id_of(ref), &rq->who, rq->revision, str_eq(verb, "approve"), e);
}

static json_t *form_yes(const struct policy_request *p, const char *ref)
{
    AUTO_STR title = str_fmt("Approve P-%lld", (long long)p->id);
    AUTO_STR what = str_fmt("What changes:\n%.*s", CHANGES_MOST, p->difference);
    json_t *f = form_new("approve", ref, title, "Approve");
    form_note(f, what);
    form_note(f, "The new policy is in force at once, for every case from then on. A yes to that takes a one-time code beside the click.");
    form_input_code(f);
    form_input_why(f, "Why? (optional)", "", true);
    return f;
}

json_t *form_policy(struct engine *e, const char *verb, const char *ref)
{
    struct policy_request *p = policy_request_load(e, id_of(ref));
    json_t *f;
    if (!p || !str_eq(p->state, "asked")) {
        f = form_new(verb, ref, "Change of policy", NULL);
        form_note(f, "This has been settled meanwhile: there is nothing left to do here.");
    } else if (str_eq(verb, "approve")) {
        f = form_yes(p, ref);
    } else {
        f = form_reason("decline", ref, "Decline", "Why not? Whoever proposed it will read it.");
    }
    policy_request_free(p);
    return f;
}

int form_policy_submit(struct request *rq, const char *verb, const char *ref, struct err *e)
{
    char said[SAID_SIZE] = "", code[PARSE_CODE] = "";
    bool yes = str_eq(verb, "approve");
    const char *why = form_filled(rq, "why");
    if (parse_check(why, e) != 0)
        return form_at_input(rq, "why", e->text);
    if (!yes && !why[0])
        return form_at_input(rq, "why", "Say why not: whoever proposed it will want to know.");
    if (yes && !form_code(rq, code))
        return form_at_input(rq, "code", "Type the six digits your authenticator shows now.");
    rq->who.code = code;
    int rc = (yes ? policy_request_approve : policy_request_decline)(rq->engine, id_of(ref), &rq->who, rq->revision, why, said, sizeof said, e);
    rq->who.code = NULL;
    return form_answered(rq, rc, said, yes ? "code" : "why", e);
}
