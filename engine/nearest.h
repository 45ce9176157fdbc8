/* How alike two short words are, for "did you mean". Plain functions, any thread. */
#ifndef DW_ENGINE_NEAREST_H
#define DW_ENGINE_NEAREST_H

#include "engine/base.h"

/* Edits (insert, remove, replace a byte) from a to b; `most` + 1 when there are more than `most`. Looks at 64
 * bytes. */
int text_distance(const char *a, const char *b, int most);
/* The entry of a NULL-terminated list that is at most a third of its length away from `text`; NULL when none is. */
const char *text_nearest(const char *text, const char *const *list);

#endif
