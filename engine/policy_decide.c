/* Applying the policy to facts: tier, fragility, and the first rule that fits - with the reasons, in sentences
 * that a person can check against the sources. A decision nobody can explain is not made here.
 *
 * A condition is evaluated to true or false first; then it is explained: for `all` that held, each part; for
 * `any`, the parts that held; for `not`, what did not hold. A fact that is not known makes its comparison false,
 * and says so among the reasons, because "the sentiment is fine" and "nobody has told us the sentiment" must not
 * look alike. */
#include <stdio.h>
#include <string.h>

#include "engine/limits.h"
#include "engine/policy_parts.h"

struct deciding {
    const struct policy *p;
    struct facts *f;
    int64_t now_ms;
    json_t *notes; /* what was not known or not configured */
    char *tier_why;
    bool fragile;
};

static void sentence_add(json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (str_eq(json_string_value(json_array_get(list, i)), text))
            return;
    json_array_append_new(list, json_text_safe(text));
}

/* --- comparing --- */

static const char *leaf_op(const json_t *c)
{
    static const char *const ops[] = {"is", "in", "below", "at_least", "known"};
    for (size_t i = 0; i < DW_ARRAY_LEN(ops); i++)
        if (json_object_get(c, ops[i]))
            return ops[i];
    return "known";
}

static bool same_value(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return !(json_number_value(a) < json_number_value(b)) && !(json_number_value(a) > json_number_value(b));
    return json_equal(a, b);
}

static bool among(const json_t *list, const json_t *value)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (same_value(json_array_get(list, i), value))
            return true;
    return false;
}

static void note_unknown(const struct deciding *d, const char *name)
{
    AUTO_STR text = str_fmt("%s is not known", fact_label(name));
    sentence_add(d->notes, text);
}

/* below and at_least: false, with a note, when there is nothing to compare. */
static bool compare_money(const struct deciding *d, const char *name, const json_t *limits, bool below)
{
    struct money m, limit;
    if (!fact_money(d->f, name, &m)) {
        note_unknown(d, name);
        return false;
    }
    if (!limits_get(limits, m.currency, &limit)) {
        AUTO_STR text = str_fmt("%s sets no amount in %s for %s", d->p->file, m.currency, fact_label(name));
        sentence_add(d->notes, text);
        return false;
    }
    return below ? m.minor < limit.minor : m.minor >= limit.minor;
}

static bool compare_number(const struct deciding *d, const char *name, const json_t *value, const json_t *limit,
                           bool below)
{
    if (!json_is_number(value)) {
        AUTO_STR text = str_fmt("%s is not a number", fact_label(name));
        sentence_add(d->notes, text);
        return false;
    }
    double v = json_number_value(value), l = json_number_value(limit);
    return below ? v < l : v >= l;
}

static bool leaf_holds(const struct deciding *d, const json_t *c)
{
    const char *name = json_str(c, "fact", ""), *op = leaf_op(c);
    const json_t *want = json_object_get(c, op);
    AUTO_JSON value = fact_at(d->f, name, d->now_ms);
    if (str_eq(op, "known"))
        return json_is_true(want) == (value != NULL);
    if (!value) {
        note_unknown(d, name);
        return false;
    }
    if (str_eq(op, "is"))
        return same_value(want, value);
    if (str_eq(op, "in"))
        return among(want, value);
    bool below = str_eq(op, "below");
    return json_is_object(want) ? compare_money(d, name, want, below) : compare_number(d, name, value, want, below);
}

/* Every part is looked at, also when the result is clear already: so the notes name everything that was missing. */
static bool holds(const struct deciding *d, const json_t *c)
{
    const json_t *all = json_object_get(c, "all"), *any = json_object_get(c, "any"), *negated = json_object_get(c, "not");
    if (negated)
        return !holds(d, negated);
    if (!all && !any)
        return leaf_holds(d, c);
    const json_t *list = all ? all : any;
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(list); i++)
        n += holds(d, json_array_get(list, i));
    return all ? n == json_array_size(list) : n > 0;
}

/* --- explaining --- */

static char *limit_words(const struct deciding *d, const char *name, const json_t *limit)
{
    char text[MONEY_TEXT_SIZE];
    struct money value, m;
    if (json_is_object(limit))
        return str_dup(fact_money(d->f, name, &value) && limits_get(limit, value.currency, &m) ? money_text(text, m)
                                                                                               : "the limit");
    return str_fmt("%.10g", json_number_value(limit));
}

static char *value_words(const struct deciding *d, const char *name)
{
    AUTO_JSON value = facts_get(d->f, name) ? NULL : fact_at(d->f, name, d->now_ms);
    return value ? json_text(value) : fact_words(d->f, name);
}

/* " (accounts.csv)"; a reckoned fact has the source of what it was reckoned from. */
static char *source_words(const struct deciding *d, const char *name)
{
    const char *of = str_eq(name, "account.renewal_in_days") ? "account.renewal_ms"
                     : str_eq(name, "invoice.overdue_days")  ? "invoice.oldest_due_ms"
                                                             : name;
    const char *source = facts_source(d->f, of);
    return source[0] && !str_eq(source, "policy") ? str_fmt(" (%s)", source) : str_dup("");
}

static void explain(const struct deciding *d, const json_t *c, bool held, json_t *reasons);

static void explain_fragile(const struct deciding *d, json_t *reasons)
{
    const json_t *condition = json_object_get(d->p->root, "fragile");
    if (condition && d->fragile)
        explain(d, condition, true, reasons);
    else
        sentence_add(reasons, "Not fragile");
}

static void explain_leaf(const struct deciding *d, const json_t *c, bool held, json_t *reasons)
{
    const char *name = json_str(c, "fact", ""), *op = leaf_op(c);
    if (str_eq(name, "tier") && d->tier_why)
        sentence_add(reasons, d->tier_why);
    else if (str_eq(name, "fragile"))
        explain_fragile(d, reasons);
    if (str_eq(name, "tier") || str_eq(name, "fragile"))
        return;
    AUTO_JSON value = fact_at(d->f, name, d->now_ms);
    if (!value) {
        AUTO_STR unknown = str_fmt("%s is not known", fact_label(name));
        sentence_add(reasons, unknown);
        return;
    }
    AUTO_STR words = value_words(d, name);
    AUTO_STR source = source_words(d, name);
    AUTO_STR limit = NULL;
    AUTO_STR text = NULL;
    if (str_eq(op, "below") || str_eq(op, "at_least")) {
        limit = limit_words(d, name, json_object_get(c, op));
    }
    if (limit && !str_eq(limit, words)) /* "1 is at least 1" would say nothing */
        text = str_fmt("%s %s is %s %s%s", fact_label(name), words,
                       str_eq(op, "below") == held ? "below" : "at least", limit, source);
    else
        text = str_fmt("%s: %s%s", fact_label(name), words, source);
    sentence_add(reasons, text);
}

/* Why `c` came out as `held`. */
static void explain(const struct deciding *d, const json_t *c, bool held, json_t *reasons)
{
    const json_t *all = json_object_get(c, "all"), *any = json_object_get(c, "any"), *negated = json_object_get(c, "not");
    if (negated) {
        explain(d, negated, !held, reasons);
        return;
    }
    if (!all && !any) {
        explain_leaf(d, c, held, reasons);
        return;
    }
    const json_t *list = all ? all : any;
    for (size_t i = 0; i < json_array_size(list); i++)
        if (holds(d, json_array_get(list, i)) == held)
            explain(d, json_array_get(list, i), held, reasons);
}

/* --- tiers --- */

static char *tier_by_value_words(const struct deciding *d, size_t i, struct money value)
{
    const json_t *tiers = json_object_get(d->p->root, "tiers");
    char worth[MONEY_TEXT_SIZE], from[MONEY_TEXT_SIZE];
    const char *name = json_str(json_array_get(tiers, i), "tier", "");
    struct money limit;
    money_text(worth, value);
    if (limits_get(json_object_get(json_array_get(tiers, i), "annual_value"), value.currency, &limit))
        return str_fmt("Worth %s a year: %s from %s", worth, name, money_text(from, limit));
    const json_t *above = i > 0 ? json_array_get(tiers, i - 1) : NULL;
    if (limits_get(json_object_get(above, "annual_value"), value.currency, &limit))
        return str_fmt("Worth %s a year: %s, as %s is from %s", worth, name, json_str(above, "tier", ""),
                       money_text(from, limit));
    return str_fmt("Worth %s a year: %s, as %s sets no tier amounts in %s", worth, name, d->p->file, value.currency);
}

static bool tier_fits(const json_t *tier, bool known, struct money value)
{
    const json_t *limits = json_object_get(tier, "annual_value");
    struct money limit;
    return !limits || (known && limits_get(limits, value.currency, &limit) && value.minor >= limit.minor);
}

static const char *tier_by_value(struct deciding *d)
{
    const json_t *tiers = json_object_get(d->p->root, "tiers");
    struct money value = {0};
    bool known = fact_money(d->f, "account.annual_value", &value);
    size_t i = 0;
    while (i + 1 < json_array_size(tiers) && !tier_fits(json_array_get(tiers, i), known, value))
        i++;
    const char *name = json_str(json_array_get(tiers, i), "tier", "");
    d->tier_why = known ? tier_by_value_words(d, i, value) : str_fmt("Annual value is not known: %s", name);
    return name;
}

static const char *decide_tier(struct deciding *d)
{
    const char *book = facts_str(d->f, "account.tier");
    if (!book[0])
        return tier_by_value(d);
    d->tier_why = str_fmt("Tier %s (%s)", book, facts_source(d->f, "account.tier"));
    const json_t *tiers = json_object_get(d->p->root, "tiers");
    for (size_t i = 0; i < json_array_size(tiers); i++)
        if (str_eq(json_str(json_array_get(tiers, i), "tier", ""), book))
            return book;
    AUTO_STR text = str_fmt("Tier %s is not a tier of %s", book, d->p->file);
    sentence_add(d->notes, text);
    return book;
}

/* --- rules --- */

static bool rule_retries(const json_t *rule)
{
    const json_t *actions = json_object_get(rule, "do");
    for (size_t i = 0; i < json_array_size(actions); i++)
        if (json_object_get(json_array_get(actions, i), action_name(ACT_RETRY)))
            return true;
    return false;
}

static bool rule_fits(const struct deciding *d, const json_t *rule)
{
    const json_t *when = json_object_get(rule, "when");
    if (when && !holds(d, when))
        return false;
    if (!rule_retries(rule) || str_eq(facts_str(d->f, "payment.class"), "S"))
        return true;
    AUTO_STR text = str_fmt("Rule %s would try the card again, but the last decline is not known to be soft",
                            json_str(rule, "name", ""));
    sentence_add(d->notes, text);
    return false;
}

static void conclude(const struct deciding *d, const json_t *rule, struct verdict *out)
{
    const json_t *when = json_object_get(rule, "when");
    out->rule = json_str(rule, "name", "");
    out->actions = json_object_get(rule, "do");
    out->reasons = json_array();
    sentence_add(out->reasons, json_str(rule, "why", ""));
    if (when)
        explain(d, when, true, out->reasons);
    for (size_t i = 0; i < json_array_size(d->notes); i++)
        sentence_add(out->reasons, json_string_value(json_array_get(d->notes, i)));
}

void policy_decide(const struct policy *p, struct facts *f, int64_t now_ms, struct verdict *out)
{
    struct deciding d = {.p = p, .f = f, .now_ms = now_ms, .notes = json_array()};
    const json_t *fragile = json_object_get(p->root, "fragile"), *rules = json_object_get(p->root, "rules");
    *out = (struct verdict){.rule = ""};
    str_copy(out->tier, sizeof(out->tier), decide_tier(&d));
    facts_put(f, "tier", json_string(out->tier), "policy", now_ms);
    out->fragile = d.fragile = fragile && holds(&d, fragile);
    facts_put(f, "fragile", json_boolean(d.fragile), "policy", now_ms);
    size_t i = 0;
    while (i + 1 < json_array_size(rules) && !rule_fits(&d, json_array_get(rules, i)))
        i++;
    conclude(&d, json_array_get(rules, i), out);
    json_decref(d.notes);
    free(d.tier_why);
}

void verdict_fini(struct verdict *v)
{
    json_decref(v->reasons);
    v->reasons = NULL;
}
