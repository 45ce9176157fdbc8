/* From who wrote in a chat to a person of people.yaml (chat_person.c). Engine thread, inside a turn. */
#ifndef DW_BOT_CHAT_PERSON_H
#define DW_BOT_CHAT_PERSON_H

#include "engine/chat.h"
#include "engine/engine.h"

const struct person *chat_person(struct engine *e, const struct chat_input *in); /* NULL: a stranger */
/* Is the platform asked for this one's address now? Then the answer comes by itself, and the next thing they do is understood. */
bool chat_person_sought(struct engine *e, const struct chat_input *in);
void chat_person_found(struct engine *e, const struct chat_end *end); /* an effect with the purpose "whois" has ended */

#endif
