/* The policy in force, and the file that may be a draft of the next. Used by the turn; engine thread. See policy_file.c. */
#ifndef DW_BOT_POLICY_FILE_H
#define DW_BOT_POLICY_FILE_H

#include "engine/engine.h"

/* The whole file; NULL when it cannot be read or is larger than a policy can be. The caller frees. */
char *policy_file_read(const char *path);
/* What is in force at a start: what was agreed, where changes are asked, else what the file says. NULL with problems. */
struct policy *policy_at_start(struct store *s, const char *path, struct problems *p);
/* The file changed: the new policy, or NULL when what is in force stays (it is only a draft, or has problems, which the log says). */
struct policy *policy_file_changed(const struct policy *in_force, const char *path);
/* A policy was agreed on: written to the file, so that both say the same, and given back. NULL never happens to a text that was checked.
 * why: "" or why the file could not be written. */
struct policy *policy_file_agreed(const char *path, const char *text, char *why, size_t size);
/* The file could not be written, and nobody has edited it since: tries once more. True when it is written now. */
bool policy_file_catch_up(struct store *s, const char *path);
/* Inside a transaction: where changes are asked, what is in force is written down. */
void policy_file_record(struct engine *e, const char *path);

#endif
