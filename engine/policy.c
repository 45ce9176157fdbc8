/* Reading policy.yaml. A policy decides over money and over people's patience, so it is used whole or not at all:
 * every unknown word, missing end of a list and impossible number is a problem that names its line and what to
 * write instead, and with one problem there is no policy.
 *
 * What was read becomes one canonical JSON value with all defaults written out and amounts in minor units. The
 * version is the hash of that value: two files that mean the same have the same version, and no change of meaning
 * goes unseen. */
#include "engine/policy.h"

#include <stdio.h>
#include <string.h>

#include "engine/limits.h"
#include "engine/policy_attention.h"
#include "engine/policy_parts.h"

int64_t policy_integer(const struct policy_reader *r, const json_t *object, const char *key, const char *where,
                       int64_t low, int64_t high, int64_t otherwise)
{
    const json_t *v = json_object_get(object, key);
    if (!v)
        return otherwise;
    if (json_is_integer(v) && json_integer_value(v) >= low && json_integer_value(v) <= high)
        return json_integer_value(v);
    problems_add(r->p, doc_name(r->d), doc_line(r->d, object, key), "%s.%s must be a whole number from %lld to %lld",
                 where, key, (long long)low, (long long)high);
    return otherwise;
}

const json_t *policy_section(const struct policy_reader *r, const json_t *object, const char *key, const char *where,
                             const char *const *known)
{
    const json_t *map = json_object_get(object, key);
    if (!map)
        return NULL;
    if (!json_is_object(map)) {
        problems_add(r->p, doc_name(r->d), doc_line(r->d, object, key), "%s must be a map of names and values",
                     where);
        return NULL;
    }
    doc_known_keys(r->d, map, where, known, r->p);
    return map;
}

/* Something a bound cannot do without. */
static bool wanted(const struct policy_reader *r, const json_t *parent, const char *key, const json_t *map,
                   const char *name, const char *where)
{
    if (json_object_get(map, name))
        return true;
    problems_add(r->p, doc_name(r->d), doc_line(r->d, parent, key), "%s needs %s: write a whole number", where, name);
    return false;
}

static void read_plan_bound(const struct policy_reader *r, const json_t *plans, const char *key, json_t *out)
{
    static const char *const known[] = {"instalments", "days", "amount", NULL};
    char where[40], amount[48];
    snprintf(where, sizeof(where), "plans.%s", key);
    snprintf(amount, sizeof(amount), "%s.amount", where);
    const json_t *map = policy_section(r, plans, key, where, known);
    if (!map || !wanted(r, plans, key, map, "instalments", where) || !wanted(r, plans, key, map, "days", where))
        return;
    json_t *bound = json_object();
    json_put_i64(bound, "instalments", policy_integer(r, map, "instalments", where, 1, 60, 1));
    json_put_i64(bound, "days", policy_integer(r, map, "days", where, 1, 3650, 1));
    json_t *limits = limits_read_json(r->d, map, "amount", amount, r->p);
    if (limits)
        json_put_new(bound, "amount", limits);
    json_put_new(out, key, bound);
}

/* What a manager may do is never less than what needs none. */
static void check_order(const struct policy_reader *r, const json_t *doc_map, const json_t *out, const char *where,
                        const char *field)
{
    const json_t *inside = json_object_get(json_object_get(out, "inside"), field);
    const json_t *manager = json_object_get(json_object_get(out, "manager"), field);
    if (inside && manager && json_integer_value(manager) < json_integer_value(inside))
        problems_add(r->p, doc_name(r->d), doc_line(r->d, doc_map, "manager"),
                     "%s.manager.%s is less than %s.inside.%s; a manager may do at least what needs no manager",
                     where, field, where, field);
}

static json_t *read_plans(const struct policy_reader *r, const json_t *root)
{
    static const char *const known[] = {"inside", "manager", "min_instalment", NULL};
    const json_t *map = policy_section(r, root, "plans", "plans", known);
    json_t *out = json_object();
    read_plan_bound(r, map, "inside", out);
    read_plan_bound(r, map, "manager", out);
    json_t *least = limits_read_json(r->d, map, "min_instalment", "plans.min_instalment", r->p);
    if (least)
        json_put_new(out, "min_instalment", least);
    check_order(r, map, out, "plans", "instalments");
    check_order(r, map, out, "plans", "days");
    return out;
}

json_t *policy_read_days(const struct policy_reader *r, const json_t *root, const char *key)
{
    static const char *const known[] = {"inside", "manager", NULL}, *const bound[] = {"days", NULL};
    const json_t *map = policy_section(r, root, key, key, known);
    json_t *out = json_object();
    for (size_t i = 0; i < 2; i++) {
        char where[24];
        snprintf(where, sizeof(where), "%s.%s", key, known[i]);
        const json_t *in = policy_section(r, map, known[i], where, bound);
        if (!in || !wanted(r, map, known[i], in, "days", where))
            continue;
        json_t *days = json_object();
        json_put_i64(days, "days", policy_integer(r, in, "days", where, 1, 365, 1));
        json_put_new(out, known[i], days);
    }
    check_order(r, map, out, key, "days");
    return out;
}

/* The networks' own limits (Visa Core Rules 2026-04-18 table 7-2; Mastercard through processors): the defaults, and what nobody's
 * approval goes beyond. Of the others the least that is known of any. */
static const struct network_limit networks[] = {{"visa", 20, 0}, {"mastercard", 35, 10}, {"other", 15, 0}};

const struct network_limit *policy_network_limit(const char *brand)
{
    for (size_t i = 0; i < DW_ARRAY_LEN(networks); i++)
        if (str_eq(networks[i].brand, brand))
            return &networks[i];
    return &networks[DW_ARRAY_LEN(networks) - 1];
}

static void read_network(const struct policy_reader *r, const json_t *map, const char *brand,
                         const struct network_limit *otherwise, json_t *out)
{
    static const char *const known[] = {"attempts", "days", "per_day", NULL};
    char where[40];
    snprintf(where, sizeof(where), "retries.%s", brand);
    const json_t *in = policy_section(r, map, brand, where, known);
    json_t *limit = json_object();
    json_put_i64(limit, "attempts", policy_integer(r, in, "attempts", where, 0, 1000, otherwise->attempts));
    json_put_i64(limit, "days", policy_integer(r, in, "days", where, 1, 30, 30));
    int64_t per_day = policy_integer(r, in, "per_day", where, 1, 1000, otherwise->per_day);
    if (per_day)
        json_put_i64(limit, "per_day", per_day);
    json_put_new(out, brand, limit);
}

static json_t *read_retries(const struct policy_reader *r, const json_t *root)
{
    static const char *const known[] = {"per_invoice", "visa", "mastercard", "amex",  "discover",
                                        "diners",      "jcb",  "unionpay",   "other", NULL};
    const json_t *map = policy_section(r, root, "retries", "retries", known);
    json_t *out = json_object();
    json_put_i64(out, "per_invoice", policy_integer(r, map, "per_invoice", "retries", 0, 1000, 8));
    for (size_t i = 0; i < DW_ARRAY_LEN(networks); i++)
        read_network(r, map, networks[i].brand, &networks[i], out);
    for (const char *const *brand = known + 1; *brand; brand++)
        if (json_object_get(map, *brand) && !json_object_get(out, *brand))
            read_network(r, map, *brand, policy_network_limit(*brand), out);
    return out;
}

/* May whoever can write the file change the policy, or is that asked like everything else? */
static json_t *read_changes(const struct policy_reader *r, const json_t *root)
{
    const json_t *value = json_object_get(root, "changes");
    const char *word = json_string_value(value);
    if (!word || (!str_eq(word, "direct") && !str_eq(word, "asked")))
        problems_add(r->p, doc_name(r->d), doc_line(r->d, root, "changes"), "changes: write asked (others approve a changed policy) or direct (the file counts)");
    return json_string(word ? word : "direct");
}

static void read_flag(const struct policy_reader *r, const json_t *root, const char *key, json_t *out)
{
    const json_t *value = json_object_get(root, key);
    if (value && !json_is_boolean(value))
        problems_add(r->p, doc_name(r->d), doc_line(r->d, root, key), "%s must be true or false", key);
    else if (value)
        json_put_new(out, key, json_boolean(json_is_true(value)));
}

static json_t *read_root(struct policy_reader *r, const json_t *root)
{
    static const char *const known[] = {"tiers", "fragile", "rules", "plans", "holds", "retries", "approvals", "attention", "reports",
                                        "credits", "write_offs", "settlements", "defers", "notes_to_billing", "calendar", "changes", NULL};
    json_t *out = json_object();
    doc_known_keys(r->d, root, "", known, r->p);
    json_t *tiers = policy_read_tiers(r, root);
    r->tiers = tiers;
    json_put_new(out, "tiers", tiers);
    if (json_object_get(root, "fragile"))
        json_put_new(out, "fragile", policy_read_condition(r, root, "fragile", "fragile"));
    json_put_new(out, "rules", policy_read_rules(r, root));
    json_put_new(out, "plans", read_plans(r, root));
    json_put_new(out, "holds", policy_read_days(r, root, "holds"));
    json_put_new(out, "retries", read_retries(r, root));
    json_put_new(out, "approvals", policy_read_approvals(r, root));
    json_put_new(out, "attention", policy_read_attention(r, root));
    json_put_new(out, "reports", policy_read_reports(r, root));
    policy_read_money(r, root, out);
    read_flag(r, root, "notes_to_billing", out);
    if (json_object_get(root, "calendar"))
        json_put_new(out, "calendar", policy_read_calendar(r, root));
    if (json_object_get(root, "changes"))
        json_put_new(out, "changes", read_changes(r, root));
    return out;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

struct policy *policy_parse(const struct doc *d, struct problems *p)
{
    size_t before = p->n;
    if (!json_is_object(doc_root(d))) {
        problems_add(p, doc_name(d), 1,
                     "a policy is a map with tiers, rules, plans, holds; see templates/policy.yaml");
        return NULL;
    }
    struct policy_reader r = {.d = d, .p = p};
    struct policy *policy = mem_alloc(sizeof(*policy));
    policy->root = read_root(&r, doc_root(d));
    policy->file = str_dup(base_name(doc_name(d)));
    AUTO_STR text = json_text(policy->root);
    char hex[65];
    text_sha256(hex, text);
    str_copy(policy->version, sizeof(policy->version), hex);
    if (p->n == before)
        return policy;
    policy_free(policy);
    return NULL;
}

struct policy *policy_load(const char *path, struct problems *p)
{
    struct doc *d;
    struct err e = {0};
    if (doc_load(&d, path, &e) < 0) {
        problems_add(p, NULL, 0, "%s", e.text);
        return NULL;
    }
    struct policy *policy = policy_parse(d, p);
    doc_free(d);
    return policy;
}

void policy_free(struct policy *p)
{
    if (!p)
        return;
    json_decref(p->root);
    free(p->file);
    free(p);
}

const char *policy_version(const struct policy *p)
{
    return p->version;
}

bool policy_notes_to_billing(const struct policy *p)
{
    return json_flag(p->root, "notes_to_billing", false);
}

int64_t policy_undo_ms(const struct policy *p)
{
    return json_i64(p->root, "approvals.undo_seconds", 0) * 1000;
}

bool policy_changes_asked(const struct policy *p)
{
    return str_eq(json_str(p->root, "changes", ""), "asked");
}
