/* What a policy would do with requests before there are any: whom it would call, who may decide, and up to which amount there is
 * anybody at all. Amounts are cut into bands where the answer can change: at the amounts that rules name and at people's
 * limits. Every band is asked of the same functions that will decide, with all rules that apply to it. */
#include "bot/policy_look.h"

#include "engine/approval.h"

enum { BANDS_MOST = 200, CURRENCIES_MOST = 32 };

struct look {
    struct engine e; /* only people and policy */
    const char *currencies[CURRENCIES_MOST];
    size_t n_currencies;
};

static void currency_add(struct look *l, const char *currency)
{
    for (size_t i = 0; i < l->n_currencies; i++)
        if (str_eq(l->currencies[i], currency))
            return;
    if (l->n_currencies < CURRENCIES_MOST)
        l->currencies[l->n_currencies++] = currency;
}

/* ---- bands ---- */

struct bands {
    int64_t from[BANDS_MOST];
    size_t n;
};

static void band_add(struct bands *b, int64_t from)
{
    size_t i = b->n;
    for (size_t k = 0; k < b->n; k++)
        if (b->from[k] == from)
            return;
    if (b->n == BANDS_MOST)
        return;
    for (; i > 0 && b->from[i - 1] > from; i--)
        b->from[i] = b->from[i - 1];
    b->from[i] = from;
    b->n++;
}

/* Where an answer can change in this currency, from `least` on. */
static void bands_of(const struct look *l, const char *currency, int64_t least, struct bands *b)
{
    const json_t *rules = policy_approval_rules(l->e.policy);
    const json_t *separate = json_object_get(policy_separate(l->e.policy), currency);
    *b = (struct bands){0};
    band_add(b, least);
    if (json_is_integer(separate) && json_integer_value(separate) > least)
        band_add(b, json_integer_value(separate));
    for (size_t i = 0; i < json_array_size(rules); i++) {
        const json_t *amount = json_object_get(json_at(json_array_get(rules, i), "when.at_least"), currency);
        if (json_is_integer(amount) && json_integer_value(amount) > least)
            band_add(b, json_integer_value(amount));
    }
    for (size_t i = 0; i < people_count(l->e.people); i++) {
        const struct person *p = people_at(l->e.people, i);
        for (size_t k = 0; k < p->n_limits; k++)
            if (str_eq(p->limits[k].currency, currency) && p->limits[k].minor >= least)
                band_add(b, p->limits[k].minor + 1);
    }
}

/* ---- one band ---- */

/* Names are other people's texts; the report is lines. */
static void add_plain(struct buf *out, const char *text)
{
    for (; *text; text++)
        buf_addc(out, (unsigned char)*text < 0x20 ? '?' : *text);
}

static void add_names(struct buf *out, const struct look *l, const char *head, const json_t *keys)
{
    if (json_array_size(keys))
        buf_addf(out, "; %s ", head);
    for (size_t i = 0; i < json_array_size(keys); i++) {
        buf_adds(out, i ? ", " : "");
        add_plain(out, person_name_of(l->e.people, json_string_value(json_array_get(keys, i))));
    }
}

/* What holds in a band, in words. True when it can be decided at all. */
static bool band_words(const struct look *l, const struct subject *s, struct buf *out)
{
    char needs[300];
    struct approval a;
    struct err why = {0};
    json_t *asked, *others;
    policy_approval(l->e.policy, s, &a);
    approval_words(&a, needs, sizeof needs);
    bool possible = approval_possible(&l->e, s, &a, &why) == 0;
    approval_people(&l->e, s, &a, &asked, &others);
    buf_addf(out, "%s%s", possible ? "" : "NOBODY COULD DECIDE: ", needs);
    add_names(out, l, "calls", asked);
    add_names(out, l, json_array_size(asked) ? "may decide too:" : "may decide:", others);
    json_decref(asked);
    json_decref(others);
    approval_fini(&a);
    return possible;
}

static void add_band(struct buf *out, struct money from, int64_t next, const char *words)
{
    char low[MONEY_TEXT_SIZE], high[MONEY_TEXT_SIZE];
    money_text(low, from);
    money_text(high, money_of(next, from.currency));
    if (next)
        buf_addf(out, "    %s up to below %s: %s\n", low, high, words);
    else
        buf_addf(out, "    %s and more: %s\n", low, words);
}

/* Adds the bands of one currency; neighbours that say the same are one. True when any of them can be decided. */
static bool look_at(const struct look *l, struct subject *s, const char *currency, int64_t least, struct buf *out)
{
    struct bands b;
    bool any = false;
    AUTO_STR before = NULL;
    int64_t start = least;
    bands_of(l, currency, least, &b);
    for (size_t i = 0; i < b.n; i++) {
        AUTO_BUF words = BUF(8000);
        s->amount = money_of(b.from[i], currency);
        any |= band_words(l, s, &words);
        if (before && !str_eq(before, buf_text(&words))) {
            add_band(out, money_of(start, currency), b.from[i], before);
            start = b.from[i];
        }
        free(before);
        before = buf_take(&words);
    }
    add_band(out, money_of(start, currency), 0, before);
    return any;
}

/* ---- a rule ---- */

static const char *word_at(const json_t *list, size_t i, const char *otherwise)
{
    return json_array_size(list) ? json_string_value(json_array_get(list, i)) : otherwise;
}

static size_t count_of(const json_t *list)
{
    return json_array_size(list) ? json_array_size(list) : 1;
}

static bool look_in_currencies(const struct look *l, struct subject *s, const json_t *least, struct buf *out)
{
    bool any = false;
    for (size_t i = 0; i < l->n_currencies; i++)
        any |= look_at(l, s, l->currencies[i], json_i64(json_object_get(least, l->currencies[i]), "", 1), out);
    return any;
}

/* Every kind, tier and region the rule names. True when it could be fulfilled in each of them. */
static bool look_at_rule(const struct look *l, const json_t *rule, struct buf *out)
{
    const json_t *when = json_object_get(rule, "when");
    const json_t *kinds = json_object_get(when, "kinds"), *tiers = json_object_get(when, "tiers"), *regions = json_object_get(when, "regions");
    bool all = true;
    for (size_t k = 0; k < count_of(kinds); k++)
        for (size_t t = 0; t < count_of(tiers); t++)
            for (size_t r = 0; r < count_of(regions); r++) {
                struct subject s = {.ref = "this", .kind = word_at(kinds, k, "plan"), .tier = word_at(tiers, t, ""), .region = word_at(regions, r, ""),
                                    .account = "", .requester = "", .owner = "", .executive = "", .acceptor = ""};
                buf_addf(out, "  %s, %s tier, %s region\n", json_array_size(kinds) ? s.kind : "any kind", json_array_size(tiers) ? s.tier : "any",
                       json_array_size(regions) ? s.region : "any");
                bool any = look_in_currencies(l, &s, json_object_get(when, "at_least"), out);
                if (!any)
                    buf_adds(out, "    PROBLEM: nobody could fulfil this at any amount\n");
                all = all && any;
            }
    return all;
}

static void look_init(struct look *l, const struct people *people, const struct policy *policy)
{
    *l = (struct look){.e = {.people = people, .policy = policy}};
    for (size_t i = 0; i < people_count(people); i++)
        for (size_t k = 0; k < people_at(people, i)->n_limits; k++)
            currency_add(l, people_at(people, i)->limits[k].currency);
}

bool policy_look_rule(const struct people *people, const struct policy *policy, const json_t *rule)
{
    struct look l;
    AUTO_BUF out = BUF(POLICY_LOOK_SIZE);
    look_init(&l, people, policy);
    return look_at_rule(&l, rule, &out);
}

bool policy_look(const struct people *people, const struct policy *policy, struct buf *out)
{
    struct look l;
    look_init(&l, people, policy);
    const json_t *rules = policy_approval_rules(policy);
    bool fine = true;
    buf_addf(out, "policy version %s, %zu people. Nobody decides on their own request: whoever asks is left out as well.\n", policy_version(policy),
             people_count(people));
    for (size_t i = 0; i < json_array_size(rules); i++) {
        buf_addf(out, "rule %s\n", json_str(json_array_get(rules, i), "name", ""));
        fine = look_at_rule(&l, json_array_get(rules, i), out) && fine;
    }
    buf_adds(out, "where no rule names the kind, tier or region\n");
    struct subject s = {.ref = "this", .kind = "", .tier = "", .region = "", .account = "", .requester = "", .owner = "", .executive = "", .acceptor = ""};
    fine = look_in_currencies(&l, &s, NULL, out) && fine;
    buf_adds(out, fine ? "every rule can be fulfilled\n" : "NOT every rule can be fulfilled: change people.yaml or the rule\n");
    return fine;
}
