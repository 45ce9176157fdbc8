/* How far a reaction reaches. A tap is easily a slip of the thumb, so it decides only below an amount that the policy names; a
 * currency without one, or no section at all, means never. */
#include "engine/limits.h"
#include "engine/policy_parts.h"

void policy_read_reactions(const struct policy_reader *r, const json_t *approvals, json_t *out)
{
    json_t *limits = approvals ? limits_read_json(r->d, approvals, "reactions_below", "approvals.reactions_below", r->p) : NULL;
    if (limits)
        json_put_new(out, "reactions_below", limits);
}

bool policy_reaction_enough(const struct policy *p, struct money amount)
{
    struct money limit;
    return limits_get(json_at(p->root, "approvals.reactions_below"), amount.currency, &limit) && amount.minor < limit.minor;
}
