/* The log: one line on stderr. Plain text on a terminal, else one JSON object a line with the <N> prefix under journald.
 * Any thread. Never give it a secret, a URL with a ticket, or a customer's data. */
#ifndef DW_BOT_LOG_H
#define DW_BOT_LOG_H

#include "engine/base.h"

enum log_level { LOG_ERROR = 3, LOG_WARN = 4, LOG_INFO = 6, LOG_DEBUG = 7 };
void log_level_set(enum log_level most);
/* event: a stable short name ("slack.hello"); the rest is a sentence. */
void log_line(enum log_level level, const char *event, const char *fmt, ...) DW_PRINTF(3, 4);

#endif
