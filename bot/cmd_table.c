/* Every command, in the order people meet them in help. One row is the whole truth about a command: its name, what
 * is typed, what it does in one line, and who may.
 *
 * "approve" is listed for those who decide, but anybody may try it: a counter-offer is accepted by whoever asked
 * first, and the engine, which knows the request, gives the better refusal. */
#include <string.h>
#include <strings.h>

#include "bot/commands.h"

#define WORKERS (ROLE_AE | ROLE_COLLECTOR | ROLE_MANAGER | ROLE_FINANCE)
#define DECIDERS (ROLE_MANAGER | ROLE_FINANCE)
#define BREAK_GLASS (1u << 31) /* not a role: the emergency right of people.yaml */

const struct command commands_all[] = {
    {"status", "status <account>", "what is unpaid, why, what happens next", 0, cmd_status, false},
    {"history", "history <account>", "what happened, who did it and why", 0, cmd_history, false},
    {"queue", "queue", "the collectors' queue, and what is to be done by hand at billing", 0, cmd_queue, false},
    {"holds", "holds", "what is on hold, the next to end first", 0, cmd_holds, false},
    {"inbox", "inbox", "the requests that wait for your decision", DECIDERS, cmd_inbox, false},
    {"approvals", "approvals [@person]", "open requests; or what somebody decided and how it ended", WORKERS, cmd_approvals, false},
    {"note", "note <account> <text>", "remember something about an account", 0, cmd_note, false},
    {"claim", "claim <account>", "take the case: you handle it", WORKERS, cmd_claim, false},
    {"notmine", "notmine <account>", "hand the case on to collections", WORKERS, cmd_notmine, false},
    {"plan", "plan <account> <N>x from <date> [why <reason>]", "offer instalments", WORKERS, cmd_plan, false},
    {"hold", "hold <account> until <date> [why <reason>]", "stop notices and retries, or move the end of a hold",
     WORKERS, cmd_hold, false},
    {"resume", "resume <account>", "end a hold now", WORKERS, cmd_resume, false},
    {"promise", "promise <account> [<amount>] by <date>", "record what the customer promised to pay", WORKERS,
     cmd_promise, false},
    {"credit", "credit <account> <amount> [invoice <number>] why <reason>", "ask that the customer owes so much less", WORKERS,
     cmd_credit, false},
    {"settle", "settle <account> <amount> by <date> why <reason>", "they pay so much by then, and the rest is written off", WORKERS,
     cmd_settle, false},
    {"writeoff", "writeoff <account> [all | invoice <number>] why <reason>", "ask to give up what is unpaid", WORKERS, cmd_writeoff,
     false},
    {"defer", "defer <account> until <date> [why <reason>]", "billing's own next attempt is not before that day", WORKERS, cmd_defer,
     false},
    {"dispute", "dispute <account> why <reason>", "the customer says the invoice is wrong", WORKERS, cmd_dispute,
     false},
    {"link", "link <account>", "mail the customer a payment link", WORKERS, cmd_link, false},
    {"retry", "retry <account> [why <reason>]", "try the payment again now", WORKERS, cmd_retry, false},
    {"done", "done <A-17> [<where>]", "say that what billing cannot do by itself was done by hand; of several places, at that one", WORKERS, cmd_done, false},
    {"withdraw", "withdraw <A-17> [why <reason>]", "take back what you asked for", WORKERS | ROLE_OPERATOR, cmd_withdraw, false},
    {"reopen", "reopen <A-17>", "ask again what was parked because nobody decided", WORKERS | ROLE_OPERATOR, cmd_reopen, false},
    {"undo", "undo <A-17>", "take back what was started a moment ago", WORKERS | ROLE_OPERATOR, cmd_undo, false},
    {"accept", "accept <A-18>", "say yes to a counter-offer made to you", WORKERS, cmd_approve, false},
    {"approve", "approve <A-17> [why <reason>]", "say yes to a request", DECIDERS, cmd_approve, true},
    {"decline", "decline <A-17> <reason>", "say no to a request", DECIDERS, cmd_decline, true},
    {"unvote", "unvote <A-17>", "take your yes back, while others are missing", DECIDERS, cmd_unvote, true},
    {"emergency", "emergency <A-17> why <reason>", "decide alone when it cannot wait; every approver is told", BREAK_GLASS, cmd_emergency,
     true},
    {"counter", "counter <A-17> <N>x|<amount> [from <date>] [why <reason>]", "answer a request with other terms", DECIDERS,
     cmd_counter, false},
    {"delegate", "delegate <person> up to <amount> until <date> [for <kind>]", "let somebody decide by your right for a while", DECIDERS, cmd_delegate, false},
    {"delegations", "delegations", "which rights are lent, to whom and until when", 0, cmd_delegations, false},
    {"revoke", "revoke <D-3>", "end a lent right now", 0, cmd_revoke, false},
    {"away", "away until <date> [deputy <person> [up to <amount>]]", "out of office: somebody else is asked", WORKERS, cmd_away, false},
    {"back", "back", "you are asked again", WORKERS, cmd_back, false},
    {"policy", "policy [propose why <reason>]", "the policy in force; or ask for its changed file to be approved", ROLE_OPERATOR | DECIDERS, cmd_policy, false},
    {"whoami", "whoami", "who I think you are and what you may decide", 0, cmd_whoami, false},
    {"help", "help [command]", "this list", 0, cmd_help, false},
    {.verb = NULL},
};

/* What else people type for the same thing. */
static const struct {
    const char *alias, *verb;
} aliases[] = {
    {"extend", "hold"},      {"pause", "hold"},       {"release", "resume"},   {"unhold", "resume"},
    {"reject", "decline"},   {"deny", "decline"},     {"disputed", "dispute"}, {"offer", "plan"},
    {"not-mine", "notmine"}, {"promised", "promise"}, {"paylink", "link"},     {"show", "status"},
    {"log", "history"},      {"commands", "help"},    {"?", "help"},           {"hello", "help"},
    {"hi", "help"},          {"cancel", "withdraw"},  {"discount", "credit"},  {"write-off", "writeoff"},
    {"settlement", "settle"}, {"postpone", "defer"},  {"askagain", "reopen"},
    {"waiting", "inbox"},
};

static bool same(struct span s, const char *text)
{
    return s.n == strlen(text) && strncasecmp(s.p, text, s.n) == 0;
}

const struct command *command_find(struct span verb)
{
    for (size_t i = 0; i < DW_ARRAY_LEN(aliases); i++)
        if (same(verb, aliases[i].alias))
            verb = span_of(aliases[i].verb);
    for (const struct command *c = commands_all; c->verb; c++)
        if (same(verb, c->verb))
            return c;
    return NULL;
}

const char *command_who(const struct command *c, char *out, size_t size)
{
    if (c->roles && c->roles != BREAK_GLASS)
        return role_names(c->roles, out, size);
    str_copy(out, size, c->roles ? "whoever has break_glass in people.yaml" : "everybody");
    return out;
}

bool command_listed(const struct command *c, const struct person *p)
{
    if (c->roles == BREAK_GLASS)
        return p->break_glass;
    return c->roles == 0 || person_has(p, c->roles);
}

bool command_allowed(const struct command *c, const struct person *p)
{
    return c->judged || command_listed(c, p);
}
