/* policy: which one is in force, and what is proposed. `policy propose` makes the changed file a request that others decide on. */
#include "bot/commands.h"
#include "engine/policy_request.h"

static int propose(struct request *rq, const char *reason, struct err *e)
{
    char said[SAID_SIZE] = "";
    struct engine *engine = rq->engine;
    if (!policy_changes_asked(engine->policy))
        return err_set(e, ERR_CONFLICT, "The policy in force takes its file as it is: a change needs nobody's yes. Write changes: asked into it to have that.");
    AUTO_STR text = engine->world.policy_file ? engine->world.policy_file(engine->world.ctx) : NULL;
    if (!text)
        return err_set(e, ERR_IO, "The policy file cannot be read. Please tell an operator.");
    int rc = policy_request_new(engine, &rq->who, text, reason, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    return rc;
}

/* Does the file say something else than what is in force? "" when not. */
static const char *draft_words(const struct engine *e)
{
    struct problems problems = {0};
    AUTO_STR text = e->world.policy_file ? e->world.policy_file(e->world.ctx) : NULL;
    struct policy *file = text ? policy_of_text(text, &problems) : NULL;
    bool usable = file && !problems.n, differs = usable && !str_eq(policy_version(file), policy_version(e->policy));
    policy_free(file);
    problems_free(&problems);
    return !usable ? " Its file cannot be used as it is; the log says why." : differs ? " Its file says something else, which is a draft." : "";
}

static int tell(struct request *rq)
{
    struct engine *e = rq->engine;
    int64_t open = 0;
    bool asked = policy_changes_asked(e->policy);
    if (policy_requests_open(e, &open, 1))
        request_say(rq, "Policy %s is in force. P-%lld is proposed: approve P-%lld, or decline P-%lld <reason>.", policy_version(e->policy), (long long)open, (long long)open,
                    (long long)open);
    else
        request_say(rq, "Policy %s is in force.%s %s", policy_version(e->policy), draft_words(e),
                    asked ? "A changed file is a draft: policy propose why <reason>." : "A changed file counts at once.");
    return 0;
}

int cmd_policy(struct request *rq, struct err *e)
{
    const char *at = rq->args;
    struct span word = parse_word(&at);
    if (word.n == 0)
        return tell(rq);
    if (!span_is(word, "propose"))
        return err_set(e, ERR_INVALID, "Type policy, or policy propose why <reason>.");
    return propose(rq, parse_skip_why(at), e);
}

bool request_policy(const struct request *rq, int64_t *id, const char **rest)
{
    const char *at = rq->args;
    char letter;
    *id = parse_any_ref(parse_word(&at), "P", &letter); /* a bare number is a request about a case */
    *rest = parse_skip_why(at);
    return *id > 0;
}

int request_policy_decide(struct request *rq, policy_decide_fn decide, int64_t id, const char *reason, struct err *e)
{
    char said[SAID_SIZE] = "";
    int rc = decide(rq->engine, id, &rq->who, rq->revision, reason, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    return rc;
}
