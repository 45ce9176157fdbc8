/* Sentences that cards and answers share, so that both say the same about the same thing. Each appends to a buffer
 * or fills one; texts may hold {ms:..} and {ago:..} (engine/chat.h). Engine thread, inside a turn. */
#ifndef DW_BOT_WORDS_H
#define DW_BOT_WORDS_H

#include "engine/buf.h"
#include "engine/hold.h"
#include "engine/plan.h"
#include "engine/proposal.h"

enum { WORDS_NAME = 160, WORDS_SIZE = 4000 };

/* Foreign text in one line: no breaks, no markers that would be read as a moment. Returns out. */
const char *words_plain(char *out, size_t size, const char *text);
/* A person by key: the name, the key itself for "policy" and people who left, "nobody" for "". Borrowed. */
const char *words_person(const struct engine *e, const char *key);
/* "Northwind Ltd", made safe. Returns out. */
const char *words_name(char out[WORDS_NAME], const struct recovery *r);
/* "stripe, 14 s ago": where a fact comes from and how old it is; "not read yet" when never. */
void words_source(struct buf *out, const struct engine *e, const struct recovery *r, const char *fact);

void words_unpaid(struct buf *out, const struct recovery *r);   /* "$48,200.00 unpaid on 2 invoices" */
/* "The last payment failed: insufficient funds (soft: ...)"; false and nothing when no decline is known. */
bool words_decline(struct buf *out, const struct recovery *r);
/* "On hold until {ms:..}, then notices and retries resume"; also while it starts or ends. False when there is no
 * hold. */
bool words_hold(struct buf *out, struct engine *e, const struct recovery *r);
/* Of several billing systems ". Owed: $48,200.00 at stripe, $1,200.00 at zuora", else nothing (words_billers.c). */
void words_owed(struct buf *out, const struct recovery *r);
/* ", and besides 300.00 EUR": what is due in other currencies than the one that is spoken of, else nothing. */
void words_other_currencies(struct buf *out, const struct recovery *r);
/* "1. 2 Jan 2027: $24,700.00", a line each, and where, if one is collected at several; past `most` the last alone. False: no plan. */
bool words_schedule(struct buf *out, const struct recovery *r, const json_t *terms, const char *currency, size_t most);
/* "How it is carried out: ...": by whom and how, at each billing system that it concerns, on a line of its own. */
void words_carried_out(struct buf *out, struct engine *e, const struct recovery *r, const struct proposal *p);
/* "confirmed by stripe, done by hand at zuora" of a hold in force. */
void words_hold_at(struct buf *out, struct engine *e, const struct recovery *r, const struct hold *h);
void words_next(struct buf *out, const struct recovery *r);     /* "Notices resume on Friday", with its moment */
/* "A-17 waits for approval: 4 x $12,050.00 ..., asked by AE Li" */
void words_proposal(struct buf *out, const struct engine *e, const struct proposal *p);
/* "asked", "approved by Maria (manager, up to $50,000.00)", "unknown, reconciling: ..." : exactly what the state
 * says. */
void words_state(struct buf *out, const struct engine *e, const struct proposal *p);
/* "Needs: one manager and one finance ... 1 of 2, needs Finance. Yes: ..." of an open request (card_votes.c). */
void words_needs(struct buf *out, struct engine *e, const struct recovery *r, const struct proposal *p);
/* What the last yes sets going, when, and whether that can be undone. words_after_yes: for the question before a yes, which may not be
 * the last. */
void words_runs(struct buf *out, struct engine *e, const struct recovery *r, const struct proposal *p);
void words_after_yes(struct buf *out, struct engine *e, const struct recovery *r, const struct proposal *p);
/* "Approved by Mara (manager, up to $50,000.00) on {ms:..}: "why", and by ..." of one that was approved. */
void words_deciders(struct buf *out, struct engine *e, const struct proposal *p);
bool words_plan(struct buf *out, struct engine *e, const struct recovery *r);    /* the running plan, and what is paid of it */
bool words_promise(struct buf *out, struct engine *e, const struct recovery *r); /* what the customer promised last */
/* "At the bank, as of {ms:..}: a payment of $50.00 is disputed ...", a line each; false when nothing of this account is or was disputed there. */
bool words_chargebacks(struct buf *out, struct engine *e, const struct recovery *r);
/* ". Receipt R-7K3M9QXZ", when somebody has decided. */
void words_receipt(struct buf *out, struct engine *e, const struct proposal *p);
/* "Nobody had decided after 24 h, so these are asked as well: Fatima Iyer" (a step of struct waiting); card_replies.c. */
void words_escalation(struct buf *out, const struct engine *e, const json_t *step);
/* Is anything of this case on its way to the billing system with an outcome nobody knows? */
bool case_unknown(struct engine *e, int64_t case_id);

#endif
