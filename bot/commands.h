/* What people can type, and the buttons and forms that mean the same. One command is one row in cmd_table.c and one file.
 * Engine thread, inside a turn. */
#ifndef DW_BOT_COMMANDS_H
#define DW_BOT_COMMANDS_H

#include "engine/chat.h"
#include "engine/proposal.h"

struct request {
    struct engine *engine;
    struct actor who;          /* person is never NULL here: strangers are answered before */
    const struct chat_input *in;
    const char *args;          /* after the verb, trimmed; "" when none */
    struct chat_answer *answer;
};

struct command {
    const char *verb, *usage, *help; /* usage: "plan <account> <N>x from <date> [why <reason>]" */
    unsigned roles;                  /* who may: enum role, or-ed; 0 everybody known */
    int (*run)(struct request *rq, struct err *e); /* fills rq->answer; on error the sentence goes privately to the person */
};
extern const struct command commands_all[]; /* ends with a row without verb */

/* A command, a button or a form: authorises, handles, fills `answer`. Never fails: what goes wrong becomes the answer. */
void chat_handle(struct engine *e, const struct chat_input *in, struct chat_answer *answer);

#endif
