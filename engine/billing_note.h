/* What people decided, left as a remark at billing, for those who look there (policy: notes_to_billing). */
#ifndef DW_ENGINE_BILLING_NOTE_H
#define DW_ENGINE_BILLING_NOTE_H

#include "engine/proposal.h"

/* It is done: the remark goes out, if the policy wants one, somebody decided it, and billing can take one. */
void billing_note(struct engine *e, const struct recovery *r, const struct proposal *p);
/* Its end is written down and nothing else: what was decided is done, with or without a remark about it. */
void billing_note_ended(struct engine *e, int64_t case_id, const char *biller, const json_t *args, bool done, const char *reason);

#endif
