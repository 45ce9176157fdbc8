/* Receipts and seals, of requests and of changes of the policy (P-3): what an approver saw, what was decided, and that nobody has edited it since.
 *
 * The journal's chain proves its own rows. What decides but lives in other tables is tied to it by hashes that journal rows
 * hold: `seal` of a request's row and of what its effects brought back, `vote` of a vote, `card` of the card that was seen.
 * Engine thread for what writes; the rest works on a store that was opened for reading. */
#ifndef DW_ENGINE_RECEIPT_H
#define DW_ENGINE_RECEIPT_H

#include "engine/buf.h"
#include "engine/journal.h"

#define RECEIPT_SIZE 12 /* "R-7K3M9QXZ" and its end */

/* A card of an open request goes out: kept as it is, once for each different one. hash: of `card`, canonical JSON. */
void shown_keep(struct engine *e, const char *ref, const char *hash, const char *card);
/* The card of that revision that went out last (revision 0: the last of all); "" when none did. */
void shown_hash(struct engine *e, const char *ref, int64_t revision, char hash[65]);
/* Everything that was shown of it but what a decision was made on is dropped. */
void shown_settle(struct engine *e, const char *ref);

/* Puts the hashes of the card seen and of the vote into the detail of the journal row that is about to be written. */
void receipt_detail(struct engine *e, const char *ref, const struct actor *who, int64_t revision, json_t *detail);
/* The journal row just written is a decision on ref, with this detail: its id is made and kept. */
void receipt_add(struct engine *e, const char *ref, const json_t *detail);
/* This person looks at the details of what is being asked about this case. */
void opened_note(struct engine *e, const struct person *who, int64_t case_id);
/* The newest receipt of a request; "" when there is none. Returns out. */
const char *receipt_of(struct engine *e, const char *ref, char out[RECEIPT_SIZE]);
/* Is this the id that the hash of a journal row gives? */
bool receipt_fits(const char *id, struct span row_hash);
/* What the hash of a vote is taken of; the query's first columns are vote, holder:right_used, reason, revision, at_ms. */
void receipt_vote_text(struct query *q, struct buf *out);
/* The one of this id, or all decisions on a request by its reference, oldest first. Gives how many, at most `most`. */
struct receipt {
    char id[RECEIPT_SIZE];
    int64_t seq; /* its row in the journal */
};
size_t receipts_find(struct store *s, const char *id_or_ref, struct receipt *out, size_t most);

/* sha256 in hex of a request's row: of A-17 with all that its effects brought back, of P-3 with the whole text of the policy.
 * False when there is no such request. */
bool seal_of(struct store *s, const char *ref, char out[65]);
/* Are requests, votes, shown cards and results still what the journal says? 0, or ERR_INVALID naming the first that is not.
 * To be asked after journal_verify: it believes the journal. */
int seals_verify(struct store *s, struct err *e) DW_MUST_CHECK;

#endif
