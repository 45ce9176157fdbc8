/* Texts with {{name}} in them. Nothing but replacement: no logic, so a text can be read and changed by anybody.
 *
 * A text is "Subject: ...\n\nbody". A name without a value becomes "" and is reported; values are foreign: control characters
 * but line breaks are dropped, so that nobody writes mail headers with an account's name. */
#ifndef DW_ENGINE_TEMPLATE_H
#define DW_ENGINE_TEMPLATE_H

#include "engine/buf.h"
#include "engine/json.h"

/* values: {"name": "text"}. 0, or ERR_INVALID naming the first unknown or unclosed {{...}}. */
int template_render(const char *text, const json_t *values, struct buf *out, struct err *e);

#endif
