/* The policy: who is strategic, what a failed payment leads to, what needs a manager. Read-only after loading.
 *
 * policy.yaml, by example (templates/policy.yaml is the commented one):
 *   tiers:                                # first that fits; account.tier in the book wins over all
 *     - {tier: strategic, annual_value: {USD: 100000, EUR: 90000}}     # at least
 *     - {tier: standard, annual_value: {USD: 10000, EUR: 9000}}
 *     - {tier: low}
 *   fragile: {any: [{fact: account.sentiment, below: -0.3}, {fact: account.top_priority, at_least: 1}]}
 *   rules:                                # first that fits
 *     - name: too-many-failures
 *       why: Four failed attempts or more need a collector
 *       when: {all: [{fact: tier, in: [low, standard]}, {fact: invoice.attempts, at_least: 4}]}
 *       do: [{queue: {}}]
 *     - name: strategic-hold
 *       when: {any: [{fact: tier, is: strategic}, {fact: fragile, is: true}]}
 *       do: [{hold: {days: 7, at_end: resume, ask_before_hours: 24}}, {alert: {}}]
 *     - name: hard-decline
 *       when: {fact: payment.class, in: [H, N]}
 *       do: [{link: {purpose: update_method}}]
 *     - name: soft-decline
 *       when: {fact: payment.class, in: [S]}
 *       do: [{retry: {after_days: 2, hour: 9}}, {link: {purpose: pay}}]
 *     - name: otherwise
 *       do: [{queue: {}}]
 *   plans:  {inside: {instalments: 3, days: 95, amount: {USD: 25000}}, manager: {instalments: 12, days: 370}, min_instalment: {USD: 50}}
 *   holds:  {inside: {days: 14}, manager: {days: 60}}
 *   retries: {per_invoice: 8, visa: {attempts: 20, days: 30}, mastercard: {attempts: 35, days: 30, per_day: 10},
 *             other: {attempts: 15, days: 30}}
 *   approvals:
 *     expire_hours: 48
 *     remind_hours: [4, 12, 24]
 *     escalate: [{after_hours: 24, ask: [finance]}]
 *     reactions_below: {USD: 5000}
 *     step_up: {USD: 25000}              # from this amount on a yes takes a one-time code
 *     undo_seconds: 20                    # what can be undone waits so long; 0: not at all
 *     separate: {USD: 20000}              # from this amount on, neither who asked nor the account's owner decides
 *     rules:                                # every one that fits applies; the strictest wins
 *       - {name: large, when: {kinds: [plan, credit], at_least: {USD: 50000}, tiers: [strategic], regions: [emea]},
 *          need: [{count: 1, of: manager}, {count: 1, of: finance}], ask: [eu-managers], separate: true, same_person: false}
 *   attention: {pings_per_hour: 6, quiet: {from: "20:00", to: "07:00"}, small: {USD: 1000}}      # policy_attention.h
 *   reports: {weekly: "mon 09:00"}
 *   credits:     {manager: {USD: 5000}, share: 20}            # most that may be approved, and percent of what is due
 *   write_offs:  {manager: {USD: 5000}}                       # absent: not allowed at all; the same for settlements
 *   settlements: {at_least_share: 50, within_days: 60}        # the customer pays at least this percent, within these days
 *   notes_to_billing: true                                    # what people decided is left as a remark at billing; absent: not
 *   defers:      {inside: {days: 7}, manager: {days: 30}}     # billing's own next attempt, moved
 *   calendar: {weekend: [sat, sun], holidays: ["2026-12-25", "2027-01-01"]}   # instalments fall due on business days
 *   changes: asked                          # a changed file is a draft until others approve it; direct: the file counts
 * Conditions: {all: [..]}, {any: [..]}, {not: c}, or {fact: NAME, is|in|below|at_least|known: ...}. A fact that is not known
 * makes every comparison false and is named in the reasons. Amounts are major units by currency; in plans.manager `amount`
 * is optional (the approver's own limit holds anyway). A rule that retries is passed over unless payment.class is S: no card
 * is tried again by itself for a reason nobody understands. The last tier and the last rule take everything that is left. */
#ifndef DW_ENGINE_POLICY_H
#define DW_ENGINE_POLICY_H

#include "engine/doc.h"
#include "engine/facts.h"

struct policy;

/* Both add every problem they find, and give NULL when there was one: a policy is used whole or not at all. */
struct policy *policy_load(const char *path, struct problems *p);
struct policy *policy_parse(const struct doc *d, struct problems *p);
void policy_free(struct policy *p);
bool policy_changes_asked(const struct policy *p); /* is a changed file only a draft, for others to approve? */
const char *policy_version(const struct policy *p); /* first 12 hex digits of the sha256 of the canonical policy */

enum action { ACT_HOLD, ACT_ALERT, ACT_RETRY, ACT_LINK, ACT_QUEUE };
const char *action_name(enum action a);

struct verdict {
    char tier[16];
    bool fragile;
    const char *rule;     /* borrowed from the policy */
    json_t *reasons;      /* owned: array of sentences for people, the rule's `why` first, then each fact that decided */
    const json_t *actions; /* borrowed: [{"hold": {...}}, {"alert": {}}] in canonical form, defaults filled in */
};

/* Applies tiers, fragility and rules. Also puts the facts "tier" and "fragile" (source "policy") into f. */
void policy_decide(const struct policy *p, struct facts *f, int64_t now_ms, struct verdict *out);
void verdict_fini(struct verdict *v);

enum bound { BOUND_INSIDE, BOUND_MANAGER, BOUND_REFUSED };
const char *bound_text(enum bound b); /* "inside policy", "needs a manager", "not allowed" */

struct plan_terms {
    struct money total;
    int instalments;
    int64_t first_ms, last_ms;
    int64_t smallest_minor;
    const char *zone; /* the customer's, borrowed: whose days the dates are; NULL or "": UTC */
};
/* why: a sentence for people, always filled; it does not repeat the bound itself. A refusal says what is possible. Days are counted
 * by the calendar of the zone in which the date was named, to the end of the last one. */
enum bound policy_plan(const struct policy *p, const struct plan_terms *t, int64_t now_ms, char *why, size_t size);
enum bound policy_hold(const struct policy *p, int64_t from_ms, int64_t end_ms, const char *zone, char *why, size_t size); /* from: hold start */
/* What is given up is never BOUND_INSIDE: somebody always says yes. due: all that is due now. Absent in the policy: refused, and
 * the sentence names the key. */
enum bound policy_credit(const struct policy *p, struct money amount, struct money due, char *why, size_t size);
enum bound policy_write_off(const struct policy *p, struct money amount, struct money due, char *why, size_t size);
enum bound policy_settle(const struct policy *p, struct money pays, struct money due, int64_t by_ms, int64_t now_ms, const char *zone,
                         char *why, size_t size);
enum bound policy_defer(const struct policy *p, int64_t until_ms, int64_t now_ms, const char *zone, char *why, size_t size);
bool policy_notes_to_billing(const struct policy *p); /* what people decided is remarked at billing */
int64_t policy_undo_ms(const struct policy *p); /* how long what people start waits, when it can be undone; 0: it runs at once */
/* Is it a day on which business is done, and the same wall clock on the first such day from then on? Without a calendar (or a
 * policy) every day is one. Instalments fall due on business days. */
bool policy_business_day(const struct policy *p, int64_t at_ms, const char *zone);
int64_t policy_next_business_day(const struct policy *p, int64_t at_ms, const char *zone);
int policy_approval_hours(const struct policy *p);
/* Is one tap (a reaction) enough of a yes for this amount? Never unless the policy says so for its currency. */
bool policy_reaction_enough(const struct policy *p, struct money amount);
/* Whose yes it takes (approval.h): the union of all rules that apply. out is initialised here; the caller finishes it. */
struct subject;
struct approval;
void policy_approval(const struct policy *p, const struct subject *s, struct approval *out);
const json_t *policy_separate(const struct policy *p);       /* {"USD": minor}, or NULL */
const json_t *policy_approval_rules(const struct policy *p); /* borrowed, canonical (policy_parts.h); for `policy check` */
/* Does a yes to this amount take a one-time code? *least: from where on, in its currency. When any amount is named, one in
 * a currency that is not takes one always. */
bool policy_step_up(const struct policy *p, struct money amount, struct money *least);

/* May this card be tried again, by the network's and our own limits? Facts: method.brand, network.attempts_window,
 * network.attempts_day, invoice.attempts, payment.class, payment.advice. why says how many are left, or why not. */
/* The first speaks of the moment the facts were read; the second of a moment in the future (a retry that is being scheduled):
 * a network's "wait two days" then need not stand in the way. policy_retry_from_ms: the earliest moment that the network's
 * advice allows; 0 when it says nothing. */
bool policy_may_retry_at(const struct policy *p, const struct facts *f, int64_t at_ms, char *why, size_t size);
int64_t policy_retry_from_ms(const struct facts *f);
/* What a person may ask for: beyond the policy's own counts somebody entitled may agree to an attempt, never to one that the network
 * or the bank forbids, nor to one of which nobody knows how many came before. */
enum bound policy_retry(const struct policy *p, const struct facts *f, int64_t at_ms, char *why, size_t size);
bool policy_may_retry(const struct policy *p, const struct facts *f, char *why, size_t size);

#endif
