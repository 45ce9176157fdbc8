/* Inside the policy module: policy.c reads the sections, policy_rules.c tiers, conditions and rules, policy_approvals.c who
 * decides, policy_decide.c applies rules, policy_bounds.c answers what plan, hold and retry may be, policy_money.c what may be
 * given up. Nobody else includes this.
 *
 * `root` is the canonical policy, defaults filled in, amounts in minor units:
 *   tiers  [{"tier", "annual_value": {"USD": minor}?}]     fragile  condition or absent
 *   rules  [{"name", "why", "when": condition?, "do": [{"retry": {"after_days": 2, "hour": 9}}, ...]}]
 *   plans  {"inside": {"instalments", "days", "amount": {..}?}?, "manager": the same?, "min_instalment": {..}?}
 *   holds  {"inside": {"days"}?, "manager": {"days"}?}
 *   approvals {"expire_hours", "undo_seconds", "separate": {"USD": minor}?, "rules": [{"name", "when": {"kinds", "at_least", "tiers", "regions", each ?},
 *              "need": [{"count", "of"}], "ask": [..], "separate": bool, "same_person": bool}]}
 *   credits, write_offs {"manager": {..}, "share"?} or absent   settlements {"at_least_share", "within_days"} or absent
 *   defers as holds
 *   retries {"per_invoice", "visa": {"attempts", "days", "per_day"?}, ...}
 * A condition: {"all": [..]} | {"any": [..]} | {"not": c} | {"fact": NAME, OP: value}, OP one of is in below at_least known. */
#ifndef DW_ENGINE_POLICY_PARTS_H
#define DW_ENGINE_POLICY_PARTS_H

#include "engine/policy.h"

struct policy {
    json_t *root;
    char *file;       /* "policy.yaml": for sentences */
    char version[13];
};

/* Where we are while reading. */
struct policy_reader {
    const struct doc *d;
    struct problems *p;
    const json_t *tiers; /* canonical, once read */
};

/* A whole number of object[key] between low and high; `otherwise` when absent. */
int64_t policy_integer(const struct policy_reader *r, const json_t *object, const char *key, const char *where, int64_t low,
                       int64_t high, int64_t otherwise);
/* object[key] as a map; NULL when it is absent, or wrong (which is a problem). */
json_t *policy_read_calendar(const struct policy_reader *r, const json_t *root); /* policy_calendar.c */
const json_t *policy_section(const struct policy_reader *r, const json_t *object, const char *key, const char *where,
                             const char *const *known);
json_t *policy_read_days(const struct policy_reader *r, const json_t *root, const char *key); /* {inside: {days}, manager: {days}} */
void policy_read_money(const struct policy_reader *r, const json_t *root, json_t *out);       /* policy_money.c's keys */
json_t *policy_read_tiers(struct policy_reader *r, const json_t *root);
json_t *policy_read_condition(const struct policy_reader *r, const json_t *parent, const char *key, const char *where);
json_t *policy_read_rules(const struct policy_reader *r, const json_t *root);
json_t *policy_read_actions(const struct policy_reader *r, const json_t *rule, const char *name); /* the list under `do` */
bool policy_tier_known(const json_t *tiers, const char *name);
json_t *policy_read_approvals(const struct policy_reader *r, const json_t *root); /* policy_approvals.c */
/* What a card network itself allows within 30 days, and within 24 hours (0: it does not say). */
struct network_limit {
    const char *brand;
    int64_t attempts, per_day;
};
const struct network_limit *policy_network_limit(const char *brand); /* of any other card: the least that is known */
enum action policy_action_of(const char *name, bool *known);

/* approvals.reactions_below (policy_reactions.c) */
void policy_read_reactions(const struct policy_reader *r, const json_t *approvals, json_t *out);

#endif
