/* What is said in the thread of a request besides its decision: that it still waits, who is asked as well, that it was asked
 * again. Built from the state alone; engine thread, inside a turn. */
#ifndef DW_BOT_CARD_REPLIES_H
#define DW_BOT_CARD_REPLIES_H

#include "engine/proposal.h"

/* what: short, names the line among those of this request, so that it is said once for ever. Both are borrowed. */
typedef void (*card_say)(void *ctx, const char *what, const char *text);
/* own: the thread of the request's own card; else that of its case, where only news for whoever asked is told. */
void card_replies(struct engine *e, const struct recovery *r, const struct proposal *p, bool own, card_say say, void *ctx);

#endif
