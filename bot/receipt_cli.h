/* Printing a receipt from a store, offline. Main thread only. */
#ifndef DW_BOT_RECEIPT_CLI_H
#define DW_BOT_RECEIPT_CLI_H

#include "engine/store.h"

/* What the approver saw, who decided by which right, what was executed and answered, and the proof; to stdout. The exit
 * code: EXIT_PROBLEMS when there is no such receipt or the proof does not hold. */
int receipt_print(struct store *s, const char *id);

#endif
