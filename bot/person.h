/* Which person is meant by what somebody typed. Engine thread, inside a turn. */
#ifndef DW_BOT_PERSON_H
#define DW_BOT_PERSON_H

#include "bot/commands.h"

/* "<@U0MAN1|mara>", "@manager1", "manager1", "Mara Manager", or the beginning of a name that only one person has. Never a
 * guess: several get a list, nobody a sentence. Borrowed from the engine's people. */
int request_person(struct request *rq, const char *text, const struct person **out, struct err *e) DW_MUST_CHECK;

#endif
