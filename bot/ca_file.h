/* The file of tls.ca_file: may it be trusted from the start, or would every call fail? Main thread. */
#ifndef DW_BOT_CA_FILE_H
#define DW_BOT_CA_FILE_H

#include "engine/err.h"

/* ERR_NOT_FOUND, ERR_INVALID: what is wrong with it, and what to write there instead. */
int ca_file_check(const char *path, struct err *e) DW_MUST_CHECK;

#endif
