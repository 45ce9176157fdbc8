/* `dunwell policy propose FILE`. Main thread; gives the exit code. */
#ifndef DW_BOT_POLICY_PROPOSE_CLI_H
#define DW_BOT_POLICY_PROPOSE_CLI_H

int policy_propose(const char *config_path, const char *file);

#endif
