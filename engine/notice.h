/* One message to one person, directly: what they should know and nobody is asked about. Engine thread, inside a turn. */
#ifndef DW_ENGINE_NOTICE_H
#define DW_ENGINE_NOTICE_H

#include "engine/engine.h"

struct notice {
    const char *key;  /* once for ever a person: "emergency-A-17" */
    int64_t case_id;  /* 0: of none */
    const char *text;
};
/* By the first configured chat that knows the person; nothing to somebody whom none knows. */
void notice_send(struct engine *e, const struct person *to, const struct notice *n);

#endif
