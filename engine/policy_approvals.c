/* The section `approvals` of policy.yaml: how long a request stays open, and which rules say whose yes it takes.
 *
 * Every rule that fits applies, and the strictest wins in everything: needs are united, of two counts of one group the larger
 * holds. A rule that speaks of amounts and does not name the currency at hand applies: an amount nobody thought of must not
 * be the way around it. Without any rule one manager or finance with the limit is enough. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "engine/approval.h"
#include "engine/limits.h"
#include "engine/nearest.h"
#include "engine/policy_attention.h"
#include "engine/policy_parts.h"

enum { RULES_MOST = 100, LIST_MOST = 50, COUNT_MOST = 5, RULE_NAME_MAX = 64 };

const char *const approval_kinds[] = {"plan", "hold", "extend", "retry", "credit", "settlement", "write_off", "schedule", "policy", NULL};

/* One rule being read. */
struct rule_reader {
    const struct policy_reader *r;
    const json_t *map;
    int line;
    char where[RULE_NAME_MAX + 24];
};

static void complain(const struct rule_reader *x, const json_t *parent, const char *key, const char *sentence)
{
    int line = parent ? doc_line(x->r->d, parent, key) : 0;
    problems_add(x->r->p, doc_name(x->r->d), line ? line : x->line, "%s.%s %s", x->where, key, sentence);
}

static bool word_well_formed(const char *text)
{
    size_t n = text ? strlen(text) : 0;
    return n > 0 && n < APPROVAL_WORD && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

/* ---- when ---- */

static bool kind_known(const char *text)
{
    for (const char *const *k = approval_kinds; *k; k++)
        if (str_eq(*k, text))
            return true;
    return false;
}

static void wrong_entry(const struct rule_reader *x, const json_t *when, const char *key, const char *text)
{
    bool kind = str_eq(key, "kinds");
    const char *near = kind ? text_nearest(text, approval_kinds) : NULL;
    AUTO_STR list = str_fmt("kinds are plan, hold, extend, retry, credit, settlement, write_off, schedule, policy%s%s", near ? "; did you mean " : "",
                            near ? near : "");
    problems_add(x->r->p, doc_name(x->r->d), doc_line(x->r->d, when, key), "%s.when.%s: \"%.40s\" is not known; %s", x->where, key, text,
                 kind ? list : "write one of the tiers above");
}

/* A list of words; NULL when it is absent or wrong. */
static json_t *read_words(const struct rule_reader *x, const json_t *map, const char *key, const char *example)
{
    const json_t *list = json_object_get(map, key);
    json_t *out = json_array();
    bool fine = json_is_array(list) && json_array_size(list) > 0 && json_array_size(list) <= LIST_MOST;
    for (size_t i = 0; fine && i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        fine = text && text[0] && strlen(text) <= 64;
        if (fine)
            json_array_append_new(out, json_string(text));
    }
    if (list && !fine)
        complain(x, map, key, example);
    if (fine)
        return out;
    json_decref(out);
    return NULL;
}

static json_t *read_when(const struct rule_reader *x)
{
    static const char *const known[] = {"kinds", "at_least", "tiers", "regions", NULL};
    static const char *const lists[] = {"kinds", "tiers", "regions"};
    const json_t *when = json_object_get(x->map, "when");
    json_t *out = json_object();
    if (when && !json_is_object(when)) {
        complain(x, x->map, "when", "must be a map such as {kinds: [plan], at_least: {USD: 50000}, tiers: [strategic], regions: [emea]}");
        return out;
    }
    AUTO_STR where = str_fmt("%s.when", x->where);
    doc_known_keys(x->r->d, when, where, known, x->r->p);
    for (size_t i = 0; i < DW_ARRAY_LEN(lists); i++) {
        json_t *words = read_words(x, when, lists[i], "must be a list of words, such as [plan, hold] or [emea]");
        for (size_t k = 0; k < json_array_size(words); k++) {
            const char *text = json_string_value(json_array_get(words, k));
            if ((i == 0 && !kind_known(text)) || (i == 1 && !policy_tier_known(x->r->tiers, text)))
                wrong_entry(x, when, lists[i], text);
        }
        if (words)
            json_put_new(out, lists[i], words);
    }
    AUTO_STR amounts = str_fmt("%s.when.at_least", x->where);
    json_t *least = limits_read_json(x->r->d, when, "at_least", amounts, x->r->p);
    if (least)
        json_put_new(out, "at_least", least);
    return out;
}

/* ---- what it takes ---- */

static json_t *read_need(const struct rule_reader *x, const json_t *list, size_t i)
{
    static const char *const known[] = {"count", "of", NULL};
    const json_t *map = json_array_get(list, i);
    const char *of = json_str(map, "of", "");
    if (!json_is_object(map) || !word_well_formed(of)) {
        problems_add(x->r->p, doc_name(x->r->d), doc_item_line(x->r->d, list, i),
                     "%s.need: write {count: 1, of: manager}; of is manager, finance, approver (either) or a group of people.yaml", x->where);
        return NULL;
    }
    doc_known_keys(x->r->d, map, "need", known, x->r->p);
    json_t *need = json_object();
    json_put_i64(need, "count", policy_integer(x->r, map, "count", "need", 1, COUNT_MOST, 1));
    json_put(need, "of", of);
    return need;
}

static json_t *read_needs(const struct rule_reader *x)
{
    const json_t *list = json_object_get(x->map, "need");
    json_t *out = json_array();
    if (list && (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > 4)) {
        complain(x, x->map, "need", "must be a list of one to four, such as [{count: 1, of: manager}, {count: 1, of: finance}]");
        return out;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *need = read_need(x, list, i);
        if (need)
            json_array_append_new(out, need);
    }
    return out;
}

static bool read_flag(const struct rule_reader *x, const char *key)
{
    const json_t *v = json_object_get(x->map, key);
    if (v && !json_is_boolean(v))
        complain(x, x->map, key, "must be true or false");
    return json_is_true(v);
}

static bool name_taken(const json_t *rules, const char *name)
{
    for (size_t i = 0; i < json_array_size(rules); i++)
        if (str_eq(json_str(json_array_get(rules, i), "name", ""), name))
            return true;
    return false;
}

static void read_rule(const struct policy_reader *r, const json_t *list, size_t i, json_t *out)
{
    static const char *const known[] = {"name", "when", "need", "ask", "separate", "same_person", NULL};
    struct rule_reader x = {.r = r, .map = json_array_get(list, i), .line = doc_item_line(r->d, list, i)};
    const char *name = json_str(x.map, "name", "");
    if (!json_is_object(x.map) || !word_well_formed(name) || name_taken(out, name)) {
        problems_add(r->p, doc_name(r->d), x.line, "approvals.rules: each needs a name of its own, of up to 40 of a-z, 0-9, dot, dash and underscore");
        return;
    }
    snprintf(x.where, sizeof x.where, "approvals.rules.%s", name);
    doc_known_keys(r->d, x.map, x.where, known, r->p);
    json_t *rule = json_object();
    json_put(rule, "name", name);
    json_put_new(rule, "when", read_when(&x));
    json_put_new(rule, "need", read_needs(&x));
    json_t *ask = read_words(&x, x.map, "ask", "must be a list of groups, roles or people, such as [eu-managers]");
    json_put_new(rule, "ask", ask ? ask : json_array());
    json_put_new(rule, "separate", json_boolean(read_flag(&x, "separate")));
    json_put_new(rule, "same_person", json_boolean(read_flag(&x, "same_person")));
    json_array_append_new(out, rule);
}

/* All rules together must fit into one approval, or the strictest could not be kept. */
static void check_size(const struct policy_reader *r, const json_t *map, const json_t *rules)
{
    json_auto_t *most = json_object();
    int64_t seats = 0;
    size_t i, k;
    json_t *rule, *need;
    json_array_foreach(rules, i, rule) {
        json_array_foreach(json_object_get(rule, "need"), k, need) {
            const char *of = json_str(need, "of", "");
            int64_t before = json_i64(json_object_get(most, of), "", 0), now = json_i64(need, "count", 1);
            if (now > before)
                json_put_i64(most, of, now);
            seats += now > before ? now - before : 0;
        }
    }
    if (json_object_size(most) > APPROVAL_NEEDS / 2 || seats > APPROVAL_SEATS / 2)
        problems_add(r->p, doc_name(r->d), doc_line(r->d, map, "rules"), "approvals.rules: together they name more than %d groups or ask for more than %d people",
                     APPROVAL_NEEDS / 2, APPROVAL_SEATS / 2);
}

static json_t *read_rules(const struct policy_reader *r, const json_t *map)
{
    const json_t *list = json_object_get(map, "rules");
    json_t *out = json_array();
    if (list && (!json_is_array(list) || json_array_size(list) > RULES_MOST)) {
        problems_add(r->p, doc_name(r->d), doc_line(r->d, map, "rules"),
                     "approvals.rules must be a list such as [{name: large, when: {at_least: {USD: 50000}}, need: [{count: 2, of: manager}]}]");
        return out;
    }
    for (size_t i = 0; i < json_array_size(list); i++)
        read_rule(r, list, i, out);
    check_size(r, map, out);
    return out;
}

json_t *policy_read_approvals(const struct policy_reader *r, const json_t *root)
{
    static const char *const known[] = {"expire_hours", "remind_hours", "escalate", "reactions_below", "undo_seconds", "step_up", "separate", "rules", NULL};
    const json_t *map = policy_section(r, root, "approvals", "approvals", known);
    json_t *out = json_object();
    json_put_i64(out, "expire_hours", policy_integer(r, map, "expire_hours", "approvals", 1, 720, 48));
    json_put_i64(out, "undo_seconds", policy_integer(r, map, "undo_seconds", "approvals", 0, 3600, 0));
    policy_read_patience(r, map, out);
    policy_read_reactions(r, map, out);
    json_t *step_up = limits_read_json(r->d, map, "step_up", "approvals.step_up", r->p);
    if (step_up)
        json_put_new(out, "step_up", step_up);
    json_t *separate = limits_read_json(r->d, map, "separate", "approvals.separate", r->p);
    if (separate)
        json_put_new(out, "separate", separate);
    json_put_new(out, "rules", read_rules(r, map));
    return out;
}

/* ---- which rules apply ---- */

static bool list_fits(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (text && strcasecmp(json_string_value(json_array_get(list, i)), text) == 0)
            return true;
    return !list;
}

/* At least so much? Yes also when nobody has said how much that is in this currency. */
static bool amount_reaches(const json_t *least, struct money amount)
{
    struct money limit;
    return !least || !limits_get(least, amount.currency, &limit) || amount.minor >= limit.minor;
}

static bool rule_applies(const json_t *rule, const struct subject *s)
{
    const json_t *when = json_object_get(rule, "when");
    return list_fits(json_object_get(when, "kinds"), s->kind) && list_fits(json_object_get(when, "tiers"), s->tier) &&
           list_fits(json_object_get(when, "regions"), s->region) && amount_reaches(json_object_get(when, "at_least"), s->amount);
}

static void rule_approval(const json_t *rule, struct approval *out)
{
    const json_t *needs = json_object_get(rule, "need");
    approval_init(out);
    for (size_t i = 0; i < json_array_size(needs) && out->n_needs < APPROVAL_NEEDS; i++) {
        struct requirement *n = &out->needs[out->n_needs++];
        n->count = (int)json_i64(json_array_get(needs, i), "count", 1);
        str_copy(n->of, sizeof n->of, json_str(json_array_get(needs, i), "of", ""));
    }
    json_array_extend(out->ask, json_object_get(rule, "ask"));
    json_array_append_new(out->rules, json_string(json_str(rule, "name", "")));
    out->separate = json_flag(rule, "separate", false);
    out->same_person = json_flag(rule, "same_person", false);
}

void policy_approval(const struct policy *p, const struct subject *s, struct approval *out)
{
    const json_t *rules = json_at(p->root, "approvals.rules"), *separate = json_at(p->root, "approvals.separate");
    approval_init(out);
    for (size_t i = 0; i < json_array_size(rules); i++) {
        struct approval one;
        if (!rule_applies(json_array_get(rules, i), s))
            continue;
        rule_approval(json_array_get(rules, i), &one);
        approval_merge(out, &one);
        approval_fini(&one);
    }
    out->separate = out->separate || (separate && amount_reaches(separate, s->amount));
}

const json_t *policy_approval_rules(const struct policy *p)
{
    return json_at(p->root, "approvals.rules");
}

const json_t *policy_separate(const struct policy *p)
{
    return json_at(p->root, "approvals.separate");
}

int policy_approval_hours(const struct policy *p)
{
    return (int)json_i64(p->root, "approvals.expire_hours", 48);
}

bool policy_step_up(const struct policy *p, struct money amount, struct money *least)
{
    const json_t *limits = json_at(p->root, "approvals.step_up");
    *least = money_of(0, amount.currency);
    if (!limits)
        return false;
    return !limits_get(limits, amount.currency, least) || amount.minor >= least->minor;
}
