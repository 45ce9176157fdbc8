/* What the texts of all chat platforms have in common. Any thread. */
#ifndef DW_ADAPTERS_CHAT_TEXT_H
#define DW_ADAPTERS_CHAT_TEXT_H

#include "engine/base.h"

/* "{ms:1793000000000}" or "{ago:...}" at p (engine/chat.h). Returns its length, 0 when there is none. */
size_t chat_moment(const char *p, int64_t *at_ms, bool *ago);
/* Characters that would turn the reading order around, or that nobody sees: they can make an amount read backwards. */
bool chat_deceives(const char *p, size_t n);

#endif
