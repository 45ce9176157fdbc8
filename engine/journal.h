/* The journal: append-only, each row holds the hash of the one before. Written in the turn's transaction. */
#ifndef DW_ENGINE_JOURNAL_H
#define DW_ENGINE_JOURNAL_H

#include "engine/engine.h"

struct entry {
    int64_t seq, at_ms, case_id;
    const char *actor, *verb, *account, *ref; /* ref: "A-17", "H-3", "evt_1", ... or "" */
    const char *text;                         /* one plain sentence, past tense */
    const json_t *detail;                     /* facts, terms, answers; NULL for none */
};

/* case_id 0 and NULL texts are allowed. `text` may be foreign: it is made safe. detail is borrowed. */
void journal_add(struct engine *e, const struct actor *who, const char *verb, int64_t case_id, const char *account,
                 const char *ref, const json_t *detail, const char *text_fmt, ...) DW_PRINTF(8, 9);

/* Calls back for each row of an account (NULL: all), oldest first, the last `most` of them. The entry is borrowed. */
void journal_each(struct store *s, const char *account, int most, void (*each)(void *ctx, const struct entry *row), void *ctx);

struct journal_report {
    int64_t rows, first_bad; /* first_bad 0: the chain holds */
    char head[65];           /* hash of the last row */
    char problem[200];
};
/* Offline: recomputes every hash. 0 when it holds, ERR_INVALID when it does not, ERR_IO when not all of it could be read. */
int journal_verify(struct store *s, struct journal_report *out, struct err *e);

/* Both after journal_verify, for they believe the chain. The end of it: is everything there of which decisions, notes, promises, cases, holds
 * and the event that was handled last tell? 0, or ERR_INVALID naming what the journal does not tell of. It finds rows that were cut off without care. */
int journal_end_verify(struct store *s, struct err *e) DW_MUST_CHECK;
/* Is a row with this hash (in hex; NULL: any) still there, and are there that many rows (0: any), it being the last of them? */
int journal_kept_verify(struct store *s, const char *head, int64_t rows, struct err *e) DW_MUST_CHECK;

#endif
