/* What people can type, and the buttons and forms that mean the same. One command is one row in cmd_table.c and
 * one file. Engine thread, inside a turn. */
#ifndef DW_BOT_COMMANDS_H
#define DW_BOT_COMMANDS_H

#include "bot/parse.h"
#include "engine/chat.h"
#include "engine/proposal.h"

struct request {
    struct engine *engine;
    struct actor who;          /* person is never NULL here: strangers are answered before */
    const struct chat_input *in;
    const char *args;          /* after the verb, trimmed; "" when none */
    int64_t revision;          /* of the card the button stood on; 0 for a command */
    struct chat_answer *answer;
};

struct command {
    const char *verb, *usage, *help; /* usage: "plan <account> <N>x from <date> [why <reason>]" */
    unsigned roles;                  /* who may: enum role, or-ed; 0 everybody known */
    int (*run)(struct request *rq, struct err *e); /* fills rq->answer; on error the sentence goes privately to the person */
    bool judged; /* roles say who sees it in help; whether it may be done depends on the request, and run finds out */
};
extern const struct command commands_all[]; /* ends with a row without verb */
const struct command *command_find(struct span verb); /* in any case, by other names too ("reject"); NULL when unknown */
/* "ae, manager", "everybody", or who holds the emergency right. Returns out. */
const char *command_who(const struct command *c, char *out, size_t size);
bool command_listed(const struct command *c, const struct person *p);  /* help shows it */
bool command_allowed(const struct command *c, const struct person *p); /* may be tried */

/* A private message of its own, said once for ever by the name `once`; channel NULL: a direct message. It is dropped when it cannot be
 * delivered soon: it would only confuse. */
void chat_whisper(struct engine *e, const char *platform, const char *user, const char *channel, const char *once, const char *text);

/* A command, a button or a form: authorises, handles, fills `answer`. Never fails: what goes wrong becomes the
 * answer. */
void chat_handle(struct engine *e, const struct chat_input *in, struct chat_answer *answer);

/* What came by a poll, where nothing waits for an acknowledgement: once for ever by its `dedupe`, the answer as a message. */
void chat_arrived(struct engine *e, const struct chat_input *in);

/* A command by its name, as if it had been typed: rights are looked at here, for all ways in. */
int request_run(struct request *rq, struct span verb, const char *args, struct err *e) DW_MUST_CHECK;

/* Platforms without buttons (chat_tap.c): a reaction on a card, one that was taken back, and words in a card's thread. */
bool tap_concerns(struct engine *e, const struct chat_input *in); /* is it on a card of ours, and a key that means something? */
int tap_handle(struct request *rq, struct err *e) DW_MUST_CHECK;
int untap_handle(struct request *rq, struct err *e) DW_MUST_CHECK;
bool thread_concerns(struct engine *e, const struct chat_input *in);
char *thread_args(struct request *rq, const struct command *c, const char *rest); /* with the card's A-17 or N-12 in front where it is missing; new */
/* Rooms (chat_rooms.c). */
void chat_invited(struct engine *e, const struct chat_input *in);
void chat_encrypted(struct engine *e, const struct chat_input *in);

/* Helpers of the commands (cmd_common.c). */

enum { SAID_SIZE = 1024 }; /* what the engine says back in one go */

void request_say(struct request *rq, const char *fmt, ...) DW_PRINTF(2, 3); /* the private answer */
const char *request_zone(const struct request *rq);
/* The account that `text` names: name, number, id, "N-12". The answer is borrowed from the book, or NULL for one
 * that only billing knows; key (PARSE_NAME bytes) is always filled. */
int request_account(struct request *rq, const char *text, const struct account **out, char *key, struct err *e) DW_MUST_CHECK;
/* The same where free text follows the account without any mark: as few words as name one; *rest is what follows. */
int request_account_text(struct request *rq, const struct account **out, char *key, const char **rest,
                         struct err *e) DW_MUST_CHECK;
/* The open case of what `text` names. The caller frees. */
int request_case(struct request *rq, const char *text, struct recovery **out, struct err *e) DW_MUST_CHECK;
/* An approval by the first word of the arguments ("A-17 ..."); *rest is what follows, without a leading "why". */
int request_approval(struct request *rq, int64_t *id, const char **rest, struct err *e) DW_MUST_CHECK;
/* The case and the amount of "ACCOUNT [AMOUNT]", at most what is due and in its currency; minor 0 when none was given. An account's name
 * may end in a number ("Studio 54"): if the whole names an account it is one. The caller frees. */
int request_case_amount(struct request *rq, const struct order *o, struct recovery **out, struct money *amount, struct err *e) DW_MUST_CHECK;
/* The same of a change of policy, "P-3 ..."; false when it names none. */
bool request_policy(const struct request *rq, int64_t *id, const char **rest);
typedef int (*policy_decide_fn)(struct engine *e, int64_t id, const struct actor *who, int64_t revision, const char *reason, char *said, size_t size,
                                struct err *err);
int request_policy_decide(struct request *rq, policy_decide_fn decide, int64_t id, const char *reason, struct err *e);
/* A day people typed, at `hour` where it is to count; a day that is over is refused, today is now at the earliest. */
int request_day(struct request *rq, const char *text, const char *zone, int hour, int64_t *at_ms, struct err *e) DW_MUST_CHECK;
/* The zone of the customer of a case: instalments fall due there. */
const char *case_zone(const struct recovery *r);

/* One-step commands on a case: claim, notmine, resume, ... */
typedef int (*case_step)(struct engine *e, struct recovery *r, const struct actor *who, char *said, size_t size, struct err *err);
int request_step(struct request *rq, const char *example, case_step step, struct err *e);

/* Forms (form_handle.c). */
bool form_known(const char *action);
bool form_wanted(struct request *rq, const char *action, const char *ref); /* is this button answered by a form? */
int form_open(struct request *rq, const char *form, const char *ref, int64_t revision, struct err *e);
int form_change(struct request *rq, struct err *e); /* the live line and the preview again */
int form_submit(struct request *rq, struct err *e); /* may leave answer->form_errors */

int cmd_approvals(struct request *rq, struct err *e);
int cmd_approve(struct request *rq, struct err *e);
int cmd_claim(struct request *rq, struct err *e);
int cmd_counter(struct request *rq, struct err *e);
int cmd_credit(struct request *rq, struct err *e);
int cmd_decline(struct request *rq, struct err *e);
int cmd_away(struct request *rq, struct err *e);
int cmd_back(struct request *rq, struct err *e);
int cmd_delegate(struct request *rq, struct err *e);
int cmd_delegations(struct request *rq, struct err *e);
int cmd_defer(struct request *rq, struct err *e);
int cmd_dispute(struct request *rq, struct err *e);
int cmd_done(struct request *rq, struct err *e);
int cmd_emergency(struct request *rq, struct err *e);
int cmd_help(struct request *rq, struct err *e);
int cmd_history(struct request *rq, struct err *e);
int cmd_hold(struct request *rq, struct err *e);
int cmd_holds(struct request *rq, struct err *e);
int cmd_inbox(struct request *rq, struct err *e);
int cmd_link(struct request *rq, struct err *e);
int cmd_note(struct request *rq, struct err *e);
int cmd_notmine(struct request *rq, struct err *e);
int cmd_plan(struct request *rq, struct err *e);
int cmd_policy(struct request *rq, struct err *e);
int cmd_promise(struct request *rq, struct err *e);
int cmd_queue(struct request *rq, struct err *e);
int cmd_reopen(struct request *rq, struct err *e);
int cmd_resume(struct request *rq, struct err *e);
int cmd_retry(struct request *rq, struct err *e);
int cmd_revoke(struct request *rq, struct err *e);
int cmd_settle(struct request *rq, struct err *e);
int cmd_status(struct request *rq, struct err *e);
int cmd_undo(struct request *rq, struct err *e);
int cmd_unvote(struct request *rq, struct err *e);
int cmd_whoami(struct request *rq, struct err *e);
int cmd_withdraw(struct request *rq, struct err *e);
int cmd_writeoff(struct request *rq, struct err *e);

#endif
