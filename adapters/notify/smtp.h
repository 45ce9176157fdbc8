/* What others ask of the mail driver. Pure; any thread. */
#ifndef DW_ADAPTERS_NOTIFY_SMTP_H
#define DW_ADAPTERS_NOTIFY_SMTP_H

#include <stdbool.h>

/* An address that a mail may come from or go to: "name@host" alone, nothing that could begin another header. NULL: no. */
bool smtp_address_fits(const char *text);

#endif
