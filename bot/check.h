/* dunwell check, in two halves: what can be seen in the files (check.c, check_policy.c), and who answers (check_peers.c). Main
 * thread. */
#ifndef DW_BOT_CHECK_H
#define DW_BOT_CHECK_H

#include "bot/config.h"
#include "engine/people.h"
#include "engine/policy.h"

struct check_tally {
    int fine, failed, skipped;
};
/* Prints "ok   NAME: words", "FAIL NAME: words" or "skip NAME: words". */
enum check_result { CHECK_OK, CHECK_FAIL, CHECK_SKIP };
void check_say(struct check_tally *t, enum check_result result, const char *name, const char *fmt, ...)
    DW_PRINTF(4, 5);

/* Do the rules and the people fit (check_policy.c)? Adds a warning for each thing that does not, with its line in `file`. */
void check_policy(const char *file, const struct people *people, const struct policy *policy, struct problems *warnings);
/* Runs each configured driver's "check" (and a chat's "connect") against the real peer, one call after the other. */
void check_peers(const struct config *c, struct check_tally *t);
/* One billing system: its credentials, and what they may read. False when none of that name is configured. */
bool check_biller(const struct config *c, const char *name, struct check_tally *t);

#endif
