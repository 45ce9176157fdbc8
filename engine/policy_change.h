/* What a change of policy would mean: the difference in words, and what would have been decided differently. Reads only: the
 * store, if one is given, may be open for reading. Any thread that owns what it passes. See policy_diff.c, policy_replay.c. */
#ifndef DW_ENGINE_POLICY_CHANGE_H
#define DW_ENGINE_POLICY_CHANGE_H

#include "engine/buf.h"
#include "engine/policy.h"
#include "engine/store.h"

/* One line a difference, "plans.inside.instalments: 3 becomes 4"; nothing when both say the same. Gives their number. */
size_t policy_diff(const struct policy *before, const struct policy *after, struct buf *out);

/* What the journaled decisions since a moment would have been. Counts, and lists of {"from", "to", "count", "accounts": [up to 3]}. */
struct policy_replay {
    int64_t decisions, different;
    json_t *changes; /* by rule: "strategic-hold" -> "otherwise"; the same rule with other terms counts too */
    int64_t requests, asked_less, asked_more, refused; /* plans and holds that people wanted */
    int64_t broken_would_pass; /* plans that broke, and would not even have been asked about */
};
/* At most `most` decisions, the newest; each costs some 30 us. */
void policy_replay(struct store *s, const struct policy *after, int64_t since_ms, int64_t most, struct policy_replay *out);
void policy_replay_fini(struct policy_replay *r);
/* "Of 812 decisions 41 would differ: ..." in lines for people. */
void policy_replay_words(const struct policy_replay *r, struct buf *out);

#endif
