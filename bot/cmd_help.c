/* help: what this person may do here, and nothing else. "help plan" shows one command with its example. */
#include "bot/commands.h"
#include "engine/buf.h"

static void help_all(struct request *rq, struct buf *out)
{
    buf_addf(out, "What you can do here, %.60s:", rq->who.person->name);
    for (const struct command *c = commands_all; c->verb; c++)
        if (command_listed(c, rq->who.person))
            buf_addf(out, "\n%s - %s", c->usage, c->help);
    buf_adds(
        out,
        "\nAn account is its name, number or case (N-12); put a tricky name in quotes. Dates: 2027-01-05, friday, in 3 days.");
}

int cmd_help(struct request *rq, struct err *e)
{
    const char *rest = rq->args;
    struct span verb = parse_word(&rest);
    AUTO_BUF out = BUF(PARSE_MAX);
    const struct command *c = verb.n ? command_find(verb) : NULL;
    (void)e;
    if (c && !command_allowed(c, rq->who.person))
        buf_addf(&out, "\"%s\" is not open to you: your roles do not include it. \"help\" lists what you may do.",
                 c->verb);
    else if (c)
        buf_addf(&out, "%s\n%s.", c->usage, c->help);
    else
        help_all(rq, &out);
    request_say(rq, "%s", buf_text(&out));
    return 0;
}
