/* Open requests are read again where people may have answered without our hearing it. Engine thread, inside a turn. */
#ifndef DW_BOT_CARD_REREAD_H
#define DW_BOT_CARD_REREAD_H

#include "engine/effect.h"

void cards_reread(struct engine *e);      /* each turn; does something when it is time */
void cards_reread_soon(struct engine *e); /* something may have been missed */
/* An effect of purpose "reread" ended: votes that do not stand any more are taken back. */
void cards_reread_ended(struct engine *e, const struct chat_end *end);

#endif
