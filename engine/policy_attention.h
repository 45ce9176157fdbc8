/* What the policy says about asking people again: reminders, whom else is asked after a while, and how it is read from
 * policy.yaml. The engine thread; everything returned is borrowed from the policy.
 *
 *   approvals:
 *     remind_hours: [4, 12, 24]                     # in the request's thread, without tagging anybody; [] for none
 *     escalate: [{after_hours: 24, ask: [finance]}] # who is asked as well when nobody has decided by then
 *   attention:
 *     pings_per_hour: 6                             # per person; what is more is bundled into one message
 *     quiet: {from: "20:00", to: "07:00"}           # in each person's zone: nobody is pinged then, it waits for the morning
 *     small: {USD: 1000, EUR: 900}                  # "3 under $1,000.00" in a bundle
 *   reports: {weekly: "mon 09:00"}                    # a summary in the approvals channel, in the first operator's zone
 * Hours count from the moment the request was asked. `ask` names roles (manager, finance) or people by their key. */
#ifndef DW_ENGINE_POLICY_ATTENTION_H
#define DW_ENGINE_POLICY_ATTENTION_H

#include "engine/policy_parts.h"

enum { REMIND_MOST = 12, ESCALATE_MOST = 4 };

/* Reads both lists of the section `approvals` into its canonical form, which already has expire_hours. */
void policy_read_patience(const struct policy_reader *r, const json_t *approvals, json_t *out);

/* Steps by their number, from 0; hours after the asking, or -1 when there are no more. */
int policy_remind_hours(const struct policy *p, size_t step);
int policy_escalate_hours(const struct policy *p, size_t step);
const json_t *policy_escalate_ask(const struct policy *p, size_t step); /* ["finance", "manager2"]; NULL when there is none */

/* The section `attention`, canonical; new. */
json_t *policy_read_attention(const struct policy_reader *r, const json_t *root);
json_t *policy_read_reports(const struct policy_reader *r, const json_t *root);
bool policy_weekly(const struct policy *p, int *weekday, int *minutes); /* 0 is Sunday; false when there is none */
int policy_pings_per_hour(const struct policy *p);
/* Minutes of the day; false when there are no quiet hours. from > to: over midnight. */
bool policy_quiet(const struct policy *p, int *from, int *to);
bool policy_small(const struct policy *p, const char *currency, struct money *out);

#endif
