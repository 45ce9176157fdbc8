/* Whether policy.yaml and people.yaml fit each other. Each file may be in order by itself and still name a group that the other
 * lacks, or demand what nobody can give: then a request is refused when somebody makes it, which is too late to find out. These
 * are warnings, because people come and go, and a rule may be written before they do. */
#include "bot/check.h"

#include "bot/policy_look.h"
#include "engine/policy_attention.h"

struct fit {
    const struct people *people;
    const struct policy *policy;
    struct problems *warnings;
    const char *file;
    struct doc *doc; /* for lines; NULL when it cannot be read again */
};

static int line_of(const struct fit *f, const char *key, size_t i)
{
    const json_t *list = f->doc ? json_at(doc_root(f->doc), key) : NULL;
    return json_array_size(list) > i ? doc_item_line(f->doc, list, i) : 0;
}

static bool known(const struct fit *f, const char *word, bool people_too)
{
    return str_eq(word, "approver") || role_of(word) || people_group_known(f->people, word) || (people_too && people_by_key(f->people, word));
}

static void unknown(const struct fit *f, int line, const char *where, const char *word)
{
    problems_add(f->warnings, f->file, line, "warning: %s names \"%.60s\", which people.yaml does not have", where, word);
}

/* True when it names only what there is. */
static bool needs_fit(const struct fit *f, const json_t *rule, int line)
{
    const json_t *needs = json_object_get(rule, "need");
    AUTO_STR where = str_fmt("approvals.rules.%s.need", json_str(rule, "name", ""));
    bool all = true;
    for (size_t i = 0; i < json_array_size(needs); i++) {
        const char *of = json_str(json_array_get(needs, i), "of", "");
        bool fits = known(f, of, false);
        if (!fits)
            unknown(f, line, where, of);
        all = all && fits;
    }
    return all;
}

static void asked_fit(const struct fit *f, const json_t *names, int line, const char *where)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *word = json_string_value(json_array_get(names, i));
        if (!known(f, word, true))
            unknown(f, line, where, word);
    }
}

static void rule_fits(const struct fit *f, const json_t *rule, int line)
{
    const char *name = json_str(rule, "name", "");
    AUTO_STR ask = str_fmt("approvals.rules.%s.ask", name);
    asked_fit(f, json_object_get(rule, "ask"), line, ask);
    if (needs_fit(f, rule, line) && !policy_look_rule(f->people, f->policy, rule))
        problems_add(f->warnings, f->file, line,
                     "warning: approvals.rules.%s: nobody could fulfil it at any amount, so what it applies to is refused; \"dunwell policy check\" shows it in full", name);
}

void check_policy(const char *file, const struct people *people, const struct policy *policy, struct problems *warnings)
{
    struct fit f = {.people = people, .policy = policy, .warnings = warnings, .file = file};
    const json_t *rules = policy_approval_rules(policy);
    if (doc_load(&f.doc, file, NULL) != 0)
        f.doc = NULL;
    for (size_t i = 0; i < json_array_size(rules); i++)
        rule_fits(&f, json_array_get(rules, i), line_of(&f, "approvals.rules", i));
    for (size_t i = 0; policy_escalate_hours(policy, i) >= 0; i++)
        asked_fit(&f, policy_escalate_ask(policy, i), line_of(&f, "approvals.escalate", i), "approvals.escalate.ask");
    doc_free(f.doc);
}
