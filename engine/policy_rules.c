/* Tiers, conditions and rules of policy.yaml, read into their canonical form.
 *
 * A condition that can never be true is worse than a syntax error: nobody notices. So fact names are checked
 * against the table of facts (account.* columns of the book apart), operators against the kind of the fact, tier
 * names against the tiers, and the lists must end with an entry that takes everything that is left: no account
 * without a tier, no failed payment without a rule, no rule that can never be reached. */
#include <stdio.h>
#include <string.h>

#include "engine/limits.h"
#include "engine/nearest.h"
#include "engine/policy_parts.h"

enum { DEPTH_MAX = 12, RULES_MAX = 200, TIER_MAX = 15, NAME_MAX_BYTES = 64, WHY_MAX = 300, LIST_MAX = 100 };

static bool name_well_formed(const char *name, size_t max)
{
    size_t n = strlen(name);
    return n > 0 && n <= max && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
}

/* --- tiers --- */

bool policy_tier_known(const json_t *tiers, const char *name)
{
    for (size_t i = 0; i < json_array_size(tiers); i++)
        if (str_eq(json_str(json_array_get(tiers, i), "tier", ""), name))
            return true;
    return false;
}

static void read_tier(const struct policy_reader *r, const json_t *list, size_t i, json_t *out)
{
    static const char *const known[] = {"tier", "annual_value", NULL};
    const json_t *map = json_array_get(list, i);
    const char *name = json_str(map, "tier", "");
    int line = doc_item_line(r->d, list, i);
    bool last = i + 1 == json_array_size(list);
    if (!json_is_object(map) || !name_well_formed(name, TIER_MAX) || policy_tier_known(out, name)) {
        problems_add(r->p, doc_name(r->d), line,
                     "a tier needs a name of its own, of up to 15 of a-z, 0-9, - and _; write {tier: standard, "
                     "annual_value: {USD: 10000}}");
        return;
    }
    doc_known_keys(r->d, map, "tiers", known, r->p);
    json_t *tier = json_object();
    json_put(tier, "tier", name);
    json_t *value = limits_read_json(r->d, map, "annual_value", "tiers.annual_value", r->p);
    if (value)
        json_put_new(tier, "annual_value", value);
    json_array_append_new(out, tier);
    if (last && value)
        problems_add(r->p, doc_name(r->d), line,
                     "the last tier must have no annual_value, so that every account has a tier; add {tier: low}");
    if (!last && !value)
        problems_add(r->p, doc_name(r->d), line,
                     "tier %s takes every account, so the tiers after it are never used; give it an annual_value",
                     name);
}

json_t *policy_read_tiers(struct policy_reader *r, const json_t *root)
{
    const json_t *list = json_object_get(root, "tiers");
    json_t *out = json_array();
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > LIST_MAX) {
        problems_add(r->p, doc_name(r->d), doc_line(r->d, root, "tiers"),
                     "tiers must be a list such as [{tier: strategic, annual_value: {USD: 100000}}, {tier: low}]");
        return out;
    }
    for (size_t i = 0; i < json_array_size(list); i++)
        read_tier(r, list, i, out);
    return out;
}

/* --- conditions --- */

static const char *const operators[] = {"is", "in", "below", "at_least", "known", NULL};

/* One condition being read: where it stands, and its fact. */
struct leaf {
    const struct policy_reader *r;
    const json_t *map;
    int line;
    const char *where, *name, *op;
    enum fact_kind kind;
};

static json_t *leaf_wrong(const struct leaf *l, const char *sentence)
{
    problems_add(l->r->p, doc_name(l->r->d), l->line, "%s: %s %s", l->where, l->name, sentence);
    return NULL;
}

static bool is_ordered(enum fact_kind kind)
{
    return kind == FACT_INTEGER || kind == FACT_NUMBER || kind == FACT_COLUMN;
}

/* A value that the fact could have. */
static bool scalar_fits(const struct leaf *l, const json_t *v)
{
    static const char *const classes[] = {"H", "N", "A", "S", "M", "?"};
    const char *text = json_string_value(v);
    if (str_eq(l->name, "tier"))
        return text && policy_tier_known(l->r->tiers, text);
    switch (l->kind) {
    case FACT_TEXT:
        return text != NULL;
    case FACT_CLASS:
        for (size_t i = 0; i < DW_ARRAY_LEN(classes); i++)
            if (text && str_eq(text, classes[i]))
                return true;
        return false;
    case FACT_FLAG:
        return json_is_boolean(v);
    case FACT_INTEGER:
    case FACT_NUMBER:
        return json_is_number(v);
    case FACT_COLUMN:
        return text || json_is_number(v);
    case FACT_MONEY:
    case FACT_TIME:
    case FACT_DAY:
    case FACT_SUMS:
        break;
    }
    return false;
}

static const char *scalar_hint(const struct leaf *l)
{
    if (str_eq(l->name, "tier"))
        return "must be compared with the name of a tier above";
    switch (l->kind) {
    case FACT_CLASS:
        return "is one of H, N, A, S, M or \"?\"";
    case FACT_FLAG:
        return "is true or false";
    case FACT_INTEGER:
    case FACT_NUMBER:
        return "is a number";
    case FACT_MONEY:
        return "is an amount: use below or at_least with a map such as {USD: 1000}";
    case FACT_TIME:
    case FACT_DAY:
        return "is a time: use account.renewal_in_days or invoice.overdue_days, or known: true";
    case FACT_TEXT:
    case FACT_COLUMN:
        return "is a text: quote the value if it looks like something else";
    case FACT_SUMS:
        break;
    }
    return "can only be asked with known: true";
}

static json_t *read_in(const struct leaf *l, const json_t *v)
{
    if (!json_is_array(v) || json_array_size(v) == 0 || json_array_size(v) > LIST_MAX)
        return leaf_wrong(l, "in: needs a list, such as in: [a, b]");
    for (size_t i = 0; i < json_array_size(v); i++)
        if (!scalar_fits(l, json_array_get(v, i)))
            return leaf_wrong(l, scalar_hint(l));
    return json_deep_copy(v);
}

static json_t *read_limit(const struct leaf *l, const json_t *v)
{
    if (l->kind == FACT_MONEY) {
        if (!json_is_object(v))
            return leaf_wrong(l, scalar_hint(l));
        return limits_read_json(l->r->d, l->map, l->op, l->name, l->r->p);
    }
    if (!is_ordered(l->kind))
        return leaf_wrong(l, l->kind == FACT_TIME || l->kind == FACT_DAY ? scalar_hint(l)
                                                                         : "has no order: use is or in");
    return json_is_number(v) ? json_deep_copy(v)
                             : leaf_wrong(l, "is compared with below or at_least: write a number");
}

static json_t *read_value(const struct leaf *l)
{
    const json_t *v = json_object_get(l->map, l->op);
    if (str_eq(l->op, "known"))
        return json_is_boolean(v) ? json_deep_copy(v) : leaf_wrong(l, "known: needs true or false");
    if (str_eq(l->op, "is"))
        return scalar_fits(l, v) ? json_deep_copy(v) : leaf_wrong(l, scalar_hint(l));
    return str_eq(l->op, "in") ? read_in(l, v) : read_limit(l, v);
}

static json_t *read_leaf(const struct policy_reader *r, const json_t *map, int line, const char *where)
{
    struct leaf l = {.r = r, .map = map, .line = line, .where = where, .name = json_str(map, "fact", "?")};
    for (const char *const *op = operators; *op; op++)
        if (json_object_get(map, *op))
            l.op = *op;
    if (json_object_size(map) != 2 || !l.op || !json_is_string(json_object_get(map, "fact"))) {
        problems_add(
            r->p, doc_name(r->d), line,
            "%s: write {fact: NAME, is|in|below|at_least|known: VALUE}, {all: [..]}, {any: [..]} or {not: ..}",
            where);
        return NULL;
    }
    if (!fact_kind_of(l.name, &l.kind)) {
        const char *near = fact_nearest(l.name);
        problems_add(r->p, doc_name(r->d), line, "%s: there is no fact \"%.60s\"%s%s%s", where, l.name,
                     near ? "; did you mean " : "; a column of accounts.csv is account.COLUMN", near ? near : "",
                     near ? "?" : "");
        return NULL;
    }
    if (str_eq(l.name, "fragile") && str_eq(where, "fragile"))
        return leaf_wrong(&l, "cannot be a condition of itself");
    json_t *value = read_value(&l);
    if (!value)
        return NULL;
    json_t *out = json_object();
    json_put(out, "fact", l.name);
    json_put_new(out, l.op, value);
    return out;
}

static json_t *read_any_condition(const struct policy_reader *r, const json_t *map, int line, const char *where,
                                  int depth);

static json_t *read_branch(const struct policy_reader *r, const json_t *map, const char *key, const char *where,
                           int depth)
{
    const json_t *list = json_object_get(map, key);
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > LIST_MAX) {
        problems_add(r->p, doc_name(r->d), doc_line(r->d, map, key),
                     "%s: %s needs a list of conditions, such as %s: [{..}, {..}]", where, key, key);
        return NULL;
    }
    json_t *conditions = json_array(), *out = json_object();
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *c = read_any_condition(r, json_array_get(list, i), doc_item_line(r->d, list, i), where, depth + 1);
        json_array_append_new(conditions, c ? c : json_object());
    }
    json_put_new(out, key, conditions);
    return out;
}

static json_t *read_any_condition(const struct policy_reader *r, const json_t *map, int line, const char *where,
                                  int depth)
{
    if (depth > DEPTH_MAX) {
        problems_add(r->p, doc_name(r->d), line, "%s: conditions are nested more than %d deep; split the rule", where,
                     DEPTH_MAX);
        return NULL;
    }
    if (json_object_size(map) == 1 && json_object_get(map, "all"))
        return read_branch(r, map, "all", where, depth);
    if (json_object_size(map) == 1 && json_object_get(map, "any"))
        return read_branch(r, map, "any", where, depth);
    if (json_object_size(map) != 1 || !json_object_get(map, "not"))
        return read_leaf(r, map, line, where);
    json_t *inner = read_any_condition(r, json_object_get(map, "not"), doc_line(r->d, map, "not"), where, depth + 1);
    json_t *out = json_object();
    json_put_new(out, "not", inner ? inner : json_object());
    return out;
}

/* Never NULL: what is wrong is a problem, and the policy is then not used. */
json_t *policy_read_condition(const struct policy_reader *r, const json_t *parent, const char *key, const char *where)
{
    json_t *c = read_any_condition(r, json_object_get(parent, key), doc_line(r->d, parent, key), where, 0);
    return c ? c : json_object();
}

/* --- rules --- */

static bool rule_name_taken(const json_t *rules, const char *name)
{
    for (size_t i = 0; i < json_array_size(rules); i++)
        if (str_eq(json_str(json_array_get(rules, i), "name", ""), name))
            return true;
    return false;
}

static bool retries(const json_t *actions)
{
    for (size_t i = 0; i < json_array_size(actions); i++)
        if (json_object_get(json_array_get(actions, i), "retry"))
            return true;
    return false;
}

static void check_reach(const struct policy_reader *r, const json_t *list, size_t i, const json_t *rule)
{
    const char *name = json_str(rule, "name", "");
    bool has_when = json_object_get(rule, "when") != NULL;
    bool last = i + 1 == json_array_size(list);
    int line = doc_item_line(r->d, list, i);
    if (last && has_when)
        problems_add(r->p, doc_name(r->d), line,
                     "the last rule must have no `when`, so that every failed payment leads to something; add {name: "
                     "otherwise, do: [{queue: {}}]}");
    if (last && retries(json_object_get(rule, "do")))
        problems_add(
            r->p, doc_name(r->d), line,
            "the last rule also takes declines that nobody understands, so it must not retry; use [{queue: {}}]");
    if (!last && !has_when)
        problems_add(r->p, doc_name(r->d), line,
                     "rule %s has no `when`, so the rules after it are never reached; move it to the end", name);
}

static const char *read_why(const struct policy_reader *r, const json_t *map, const char *name)
{
    const json_t *why = json_object_get(map, "why");
    const char *text = json_string_value(why);
    if (why && (!text || !text[0] || strlen(text) > WHY_MAX))
        problems_add(r->p, doc_name(r->d), doc_line(r->d, map, "why"),
                     "rule %s: why must be a sentence of up to %d bytes", name, WHY_MAX);
    return text;
}

static void read_rule(const struct policy_reader *r, const json_t *list, size_t i, json_t *out)
{
    static const char *const known[] = {"name", "why", "when", "do", NULL};
    const json_t *map = json_array_get(list, i);
    const char *name = json_str(map, "name", "");
    char where[NAME_MAX_BYTES + 8];
    if (!json_is_object(map) || !name_well_formed(name, NAME_MAX_BYTES) || rule_name_taken(out, name)) {
        problems_add(
            r->p, doc_name(r->d), doc_item_line(r->d, list, i),
            "a rule needs a name of its own, of a-z, 0-9, - and _; write {name: soft-decline, when: {..}, do: [..]}");
        return;
    }
    snprintf(where, sizeof(where), "rule %s", name);
    doc_known_keys(r->d, map, "rules", known, r->p);
    json_t *rule = json_object();
    AUTO_STR otherwise = str_fmt("Rule %s", name);
    const char *why = read_why(r, map, name);
    json_put(rule, "name", name);
    json_put_new(rule, "why", json_text_safe(why ? why : otherwise));
    if (json_object_get(map, "when"))
        json_put_new(rule, "when", policy_read_condition(r, map, "when", where));
    json_put_new(rule, "do", policy_read_actions(r, map, name));
    check_reach(r, list, i, rule);
    json_array_append_new(out, rule);
}

json_t *policy_read_rules(const struct policy_reader *r, const json_t *root)
{
    const json_t *list = json_object_get(root, "rules");
    json_t *out = json_array();
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > RULES_MAX) {
        problems_add(r->p, doc_name(r->d), doc_line(r->d, root, "rules"),
                     "rules must be a list that ends with {name: otherwise, do: [{queue: {}}]}");
        return out;
    }
    for (size_t i = 0; i < json_array_size(list); i++)
        read_rule(r, list, i, out);
    return out;
}
