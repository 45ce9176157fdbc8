/* What a rule may do, and with which terms: one row of the table for each action and each term, defaults included,
 * so that a canonical rule says everything and whoever carries it out needs no defaults of its own. */
#include <stdio.h>
#include <string.h>

#include "engine/nearest.h"
#include "engine/policy_parts.h"

static const char *const action_names[] = {"hold", "alert", "retry", "link", "queue", NULL};

/* A term is a whole number, or a word out of two (then `words` is set and the default is the first). */
static const struct term {
    enum action action;
    const char *name;
    int64_t low, high, otherwise;
    const char *words[2];
} terms[] = {
    {ACT_HOLD, "days", 1, 365, 7, {NULL, NULL}},
    {ACT_HOLD, "at_end", 0, 0, 0, {"resume", "queue"}},
    {ACT_HOLD, "ask_before_hours", 0, 720, 24, {NULL, NULL}},
    {ACT_RETRY, "after_days", 0, 30, 2, {NULL, NULL}},
    {ACT_RETRY, "hour", 0, 23, 9, {NULL, NULL}},
    {ACT_LINK, "purpose", 0, 0, 0, {"pay", "update_method"}},
};

const char *action_name(enum action a)
{
    return action_names[a];
}

enum action policy_action_of(const char *name, bool *known)
{
    for (int i = 0; action_names[i]; i++)
        if (str_eq(action_names[i], name)) {
            *known = true;
            return (enum action)i;
        }
    *known = false;
    return ACT_QUEUE;
}

static void read_word(const struct policy_reader *r, const json_t *given, const struct term *t, const char *where,
                      json_t *out)
{
    const json_t *v = json_object_get(given, t->name);
    const char *word = v ? json_string_value(v) : t->words[0];
    if (!word || (!str_eq(word, t->words[0]) && !str_eq(word, t->words[1]))) {
        problems_add(r->p, doc_name(r->d), doc_line(r->d, given, t->name), "%s.%s must be %s or %s", where, t->name,
                     t->words[0], t->words[1]);
        word = t->words[0];
    }
    json_put(out, t->name, word);
}

static json_t *read_terms(const struct policy_reader *r, enum action a, const json_t *given, const char *where)
{
    const char *known[DW_ARRAY_LEN(terms) + 1] = {NULL};
    size_t n = 0;
    json_t *out = json_object();
    for (size_t i = 0; i < DW_ARRAY_LEN(terms); i++) {
        if (terms[i].action != a)
            continue;
        known[n++] = terms[i].name;
        if (terms[i].words[0])
            read_word(r, given, &terms[i], where, out);
        else
            json_put_i64(
                out, terms[i].name,
                policy_integer(r, given, terms[i].name, where, terms[i].low, terms[i].high, terms[i].otherwise));
    }
    if (json_is_object(given))
        doc_known_keys(r->d, given, where, known, r->p);
    return out;
}

/* One {name: {terms}} of the list; its action, or -1. */
static int read_action(const struct policy_reader *r, const json_t *list, size_t i, const char *rule, json_t *out)
{
    const json_t *map = json_array_get(list, i);
    int line = doc_item_line(r->d, list, i);
    bool known = false;
    void *it = json_object_size(map) == 1 ? json_object_iter((json_t *)(uintptr_t)map) : NULL;
    const char *name = it ? json_object_iter_key(it) : "?";
    const json_t *given = it ? json_object_iter_value(it) : NULL;
    enum action a = policy_action_of(name, &known);
    if (!known || (!json_is_object(given) && !json_is_null(given))) {
        const char *near = text_nearest(name, action_names);
        problems_add(r->p, doc_name(r->d), line,
                     "rule %s: \"%.40s\" is not an action%s%s; write {hold: {days: 7}}, {alert: {}}, %s", rule, name,
                     near ? "; did you mean " : "", near ? near : "",
                     "{retry: {after_days: 2}}, {link: {purpose: pay}} or {queue: {}}");
        return -1;
    }
    char where[128];
    snprintf(where, sizeof(where), "rule %.64s: %s", rule, name);
    json_t *action = json_object();
    json_put_new(action, name, read_terms(r, a, given, where));
    json_array_append_new(out, action);
    return (int)a;
}

json_t *policy_read_actions(const struct policy_reader *r, const json_t *rule, const char *name)
{
    const json_t *list = json_object_get(rule, "do");
    json_t *out = json_array();
    int seen[DW_ARRAY_LEN(action_names)] = {0};
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > DW_ARRAY_LEN(action_names)) {
        problems_add(r->p, doc_name(r->d), doc_line(r->d, rule, "do"),
                     "rule %s: do must be a list of actions, such as [{queue: {}}]", name);
        return out;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        int a = read_action(r, list, i, name, out);
        if (a >= 0 && seen[a]++)
            problems_add(r->p, doc_name(r->d), doc_item_line(r->d, list, i), "rule %s: %s is there twice", name,
                         action_names[a]);
    }
    if (seen[ACT_HOLD] && seen[ACT_RETRY])
        problems_add(r->p, doc_name(r->d), doc_line(r->d, rule, "do"),
                     "rule %s: a hold stops retries; use hold or retry, not both", name);
    return out;
}
