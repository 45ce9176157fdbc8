/* Looks at a policy and the people together, without a store. Any thread. */
#ifndef DW_BOT_POLICY_LOOK_H
#define DW_BOT_POLICY_LOOK_H

#include "engine/buf.h"
#include "engine/people.h"
#include "engine/policy.h"

#define POLICY_LOOK_SIZE (4u << 20) /* bytes that a report may have */

/* The whole report, in lines for a terminal. True when every rule could be fulfilled at some amount. */
bool policy_look(const struct people *people, const struct policy *policy, struct buf *out);
/* One row of policy_approval_rules: could it be fulfilled at some amount, in each kind, tier and region it speaks of? */
bool policy_look_rule(const struct people *people, const struct policy *policy, const json_t *rule);

#endif
