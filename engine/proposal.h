/* A proposal: one thing to do at a billing system, from idea to proof. Shown as A-17 when somebody is asked.
 *
 * drafted -> shadow | queued (policy allows, or a person entitled did it) | asked -> queued (approved) | declined | countered |
 * parked (expired: nothing changed) | voided (facts got worse) | withdrawn (paid) ; queued -> executing -> confirmed | failed |
 * unknown -> confirmed | failed. Each move is one journal row. */
#ifndef DW_ENGINE_PROPOSAL_H
#define DW_ENGINE_PROPOSAL_H

#include "engine/recovery.h"

enum proposal_state {
    PROPOSAL_DRAFTED, PROPOSAL_SHADOW, PROPOSAL_ASKED, PROPOSAL_DECLINED, PROPOSAL_COUNTERED, PROPOSAL_PARKED, PROPOSAL_VOIDED,
    PROPOSAL_WITHDRAWN, PROPOSAL_QUEUED, PROPOSAL_EXECUTING, PROPOSAL_UNKNOWN, PROPOSAL_CONFIRMED, PROPOSAL_FAILED,
};
const char *proposal_state_name(enum proposal_state s);

enum verb { VERB_HOLD, VERB_EXTEND, VERB_RELEASE, VERB_PLAN, VERB_RETRY, VERB_LINK, VERB_INSTALMENT, VERB_UNPLAN,
            VERB_CREDIT, VERB_WRITE_OFF, VERB_SETTLE, VERB_DEFER, VERB_REASSIGN };
const char *verb_name(enum verb v);
const char *verb_op(enum verb v); /* what a billing driver calls it (adapters/adapter.h) */

/* terms by verb: hold/extend {hold, invoices, end_ms, reason}; release {hold}; plan {instalments:[{n,date_ms,amount,invoice}],
 * count, total, currency, first_ms}; retry {invoice, method, at_ms}; link {purpose, invoice}; instalment {plan, n, invoice, amount}; unplan {id, invoices}:
 * billing's own schedule of a plan that has ended is cancelled; credit, write_off, settle, defer: engine/proposal_money.h; reassign {}: ours alone, the case goes to collections */
struct proposal {
    int64_t id, case_id, created_ms;
    int64_t expires_ms; /* asked: until when; queued: when it runs, while it can still be undone; else 0 */
    enum verb verb;
    enum proposal_state state;
    char *requester;   /* people key, or "policy" */
    char *reason;      /* why it was asked; "" when inside policy */
    char *bound;       /* policy's sentence: why it is inside or needs a manager */
    json_t *terms;
    json_t *basis;     /* once asked: what it was asked on (proposal_basis.c) */
    struct money amount; /* what is at stake */
    char *facts_hash, *policy_version;
    char *decider, *right, *decision_reason; /* of the last vote; "" until decided; right: "manager, up to $50,000.00" */
    int64_t decided_ms;
    char *vendor_id;   /* billing's id once confirmed */
    char *outcome;     /* failed, unknown, voided: why, in words */
    int64_t replaces;  /* a counter-offer: the request it answers; else 0 */
    int64_t revision;  /* grows when the substance changes; votes do not change what is decided on */
};

struct proposal *proposal_load(struct engine *e, int64_t id);
void proposal_free(struct proposal *p);
/* Every pending or running one of a case, newest first. ids[] filled, returns how many (at most n). */
size_t proposal_live(struct engine *e, int64_t case_id, int64_t *ids, size_t n);

/* "4 x $12,050.00 from 5 Jan 2027", "hold until Fri 29 Jan 2027 09:00 UTC": for cards, answers and the journal. */
void proposal_words(const struct proposal *p, char *out, size_t size);

/* What people ask for. said: a sentence for the asker ("Done: ...", "Asked for approval: A-17 ..."). */
int proposal_plan(struct engine *e, struct recovery *r, const struct actor *who, int instalments, int64_t first_ms,
                  const char *reason, char *said, size_t size, struct err *err);
int proposal_hold(struct engine *e, struct recovery *r, const struct actor *who, int64_t end_ms, const char *reason, char *said,
                  size_t size, struct err *err); /* starts one or moves the end of the one in force */
int proposal_resume(struct engine *e, struct recovery *r, const struct actor *who, char *said, size_t size, struct err *err);
/* The payment now: within the counts of the policy at once, beyond them with an approval, never beyond those of the card's network. */
int proposal_retry(struct engine *e, struct recovery *r, const struct actor *who, const char *reason, char *said, size_t size, struct err *err);
/* Money given up: always asked, whatever the policy says. invoice: its number or id, or "". */
int proposal_credit(struct engine *e, struct recovery *r, const struct actor *who, struct money amount, const char *invoice, const char *reason,
                    char *said, size_t size, struct err *err); /* on one invoice; "": the one that failed */
int proposal_write_off(struct engine *e, struct recovery *r, const struct actor *who, struct money amount, const char *invoice, const char *reason,
                       char *said, size_t size, struct err *err); /* the rest of one invoice, or of all: amount 0 and "" */
int proposal_settlement(struct engine *e, struct recovery *r, const struct actor *who, struct money pays, int64_t by_ms, const char *reason, char *said,
                    size_t size, struct err *err); /* they pay so much by then, and the rest is written off (settlement.h) */
/* Billing's own next attempt is not before that moment. */
int proposal_defer(struct engine *e, struct recovery *r, const struct actor *who, int64_t until_ms, const char *reason, char *said, size_t size,
                   struct err *err);

/* Deciding (approval.h says who may). revision 0: a command (what is meant is the present one); else the card revision the click
 * saw: ERR_STALE if the card has moved. ERR_DENIED: own request, no role, limit too low (says which). ERR_CONFLICT: already
 * decided, says by whom; already voted. A yes that is not the last is kept and counted. */
int proposal_approve(struct engine *e, int64_t id, const struct actor *who, int64_t revision, const char *reason, char *said,
                     size_t size, struct err *err);
/* Takes one's yes back, as long as others are missing. */
int proposal_unvote(struct engine *e, int64_t id, const struct actor *who, char *said, size_t size, struct err *err);
/* Decides alone by the emergency right (break_glass in people.yaml); a reason is required, and every approver is told. */
int proposal_emergency(struct engine *e, int64_t id, const struct actor *who, int64_t revision, const char *reason, char *said,
                       size_t size, struct err *err);
/* Does this person's yes take a one-time code? Taking a counter-offer does not: the offer was made with one. */
bool proposal_takes_code(const struct engine *e, const struct proposal *p, const struct person *who);
/* Would a yes count, but for the code that may be wanted (step_up.h)? For what is asked before a form is opened. */
int proposal_may_approve(struct engine *e, int64_t id, const struct actor *who, int64_t revision, struct err *err) DW_MUST_CHECK;
int proposal_decline(struct engine *e, int64_t id, const struct actor *who, int64_t revision, const char *reason, char *said,
                     size_t size, struct err *err); /* a reason is required */
int proposal_counter(struct engine *e, int64_t id, const struct actor *who, int instalments, int64_t first_ms, const char *reason,
                     char *said, size_t size, struct err *err); /* first_ms 0: as asked */
/* Of a credit the amount to give instead, of a settlement what they are to pay instead; either gives up less than was asked. */
int proposal_counter_amount(struct engine *e, int64_t id, const struct actor *who, struct money amount, const char *reason, char *said,
                            size_t size, struct err *err);
int proposal_withdraw(struct engine *e, int64_t id, const struct actor *who, const char *why, char *said, size_t size,
                      struct err *err);

/* What people start and what can be undone waits a moment first (policy approvals.undo_seconds); never what gives money up or takes it. */
bool proposal_undoable(const struct engine *e, const struct proposal *p); /* now, by a click */
int64_t proposal_undo_ms(const struct engine *e, enum verb verb); /* how long one like it waits once it is agreed; 0: it runs at once */
int proposal_undo(struct engine *e, int64_t id, const struct actor *who, char *said, size_t size, struct err *err);
/* "It runs in 20 seconds; until then: undo A-17", or that it is being executed. */
const char *proposal_runs_words(const struct engine *e, const struct proposal *p, char *out, size_t size);

/* What billing's API cannot do is a person's work (capability `manual`); this is that person's word that it was done. place: at
 * that billing system; "": wherever it is a person's work. */
int proposal_done_by_hand(struct engine *e, int64_t id, const struct actor *who, const char *place, char *said, size_t size, struct err *err);
void proposal_hand_passed(struct engine *e, struct recovery *r, int64_t id); /* its timer: it is not waited for any longer */

/* Instalments for a total over open invoices, oldest first, monthly from first_ms. New terms object; NULL when they cannot be
 * made (nothing due, too many). On business days of the policy. Used by the modal's preview and by proposal_plan alike. */
json_t *plan_terms_make(const struct policy *policy, const struct recovery *r, int instalments, int64_t first_ms, const char *zone);
/* What policy says to these terms; why is a sentence for people. */
enum bound plan_bound(struct engine *e, const struct recovery *r, const json_t *terms, char *why, size_t size);

#define FACTS_FRESH_MS (60 * INT64_C(60000)) /* older ones are stale and block what would leave */

/* The request as something to be voted on, what policy demands of it (as it was asked, and stricter if policy is stricter by
 * now), and how far the votes are. Both are filled here; the subject borrows from r and p. */
struct subject;
struct approval;
void proposal_subject(struct engine *e, const struct recovery *r, const struct proposal *p, struct subject *out);
/* "1 manager and 1 finance": whose yes a request like this would take. */
void proposal_needs(struct engine *e, const struct recovery *r, enum verb verb, struct money amount, char *out, size_t size);
void proposal_approval(struct engine *e, const struct subject *s, const struct proposal *p, struct approval *out);

/* Machine side. */
int64_t proposal_by(struct engine *e, struct recovery *r, const struct actor *who, enum verb verb, json_t *take_terms, const char *why); /* a person's click */
void proposal_window_over(struct engine *e, int64_t id); /* its timer */
int64_t proposal_auto(struct engine *e, struct recovery *r, enum verb verb, json_t *take_terms, const char *why); /* by policy */
void proposal_executing(struct engine *e, int64_t id);
void proposal_unknown(struct engine *e, int64_t id, const char *why);
void proposal_confirmed(struct engine *e, int64_t id, const json_t *result);
void proposal_failed(struct engine *e, int64_t id, const char *why, const json_t *result);
void proposal_expire(struct engine *e, int64_t id);
/* Fresh facts came: what was queued and waited for them goes to billing, or is voided if it no longer adds up. */
void proposals_start_waiting(struct engine *e, struct recovery *r);
/* Fresh facts against what is being asked: better ones keep the request and lower the amount; worse ones (more due, another
 * invoice, a dispute, a top-priority ticket) void it and ask again, with the difference said. What has all its votes and waited
 * for this reading goes on. */
void proposals_recheck(struct engine *e, struct recovery *r);
/* A dispute became known: what is asked is void and asked again under it, and a plan that was agreed and has not begun does not begin. */
void proposals_disputed(struct engine *e, struct recovery *r);
/* Those of these verbs (SM_BIT, or-ed) of which nothing has left yet. */
void proposals_withdraw(struct engine *e, struct recovery *r, unsigned verbs, const char *why);
/* Before anything leaves: do the votes still count by today's rights? If not it is void, asked again, and false. */
bool proposal_may_run(struct engine *e, int64_t id);
/* Is one agreed and on its way to billing? What waits for somebody's hand is not, but for a plan. */
bool proposal_under_way(struct engine *e, int64_t case_id, enum verb verb);

#endif
