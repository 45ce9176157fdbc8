/* The policy: what is refused with which words, what is decided and with which reasons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "engine/buf.h"
#include "engine/policy.h"
#include "engine/when.h"

#define NOW INT64_C(1795300000000) /* 21 Nov 2026, 22:26 UTC */

static struct policy *parse(const char *text, struct problems *p)
{
    struct doc *d;
    struct err e = {0};
    *p = (struct problems){0};
    if (doc_parse(&d, span_of(text), "conf/policy.yaml", &e) != 0)
        fail_msg("%s", e.text);
    struct policy *policy = policy_parse(d, p);
    doc_free(d);
    return policy;
}

#define TIERS                                                                                                        \
    "tiers: [{tier: strategic, annual_value: {USD: 100000, EUR: 90000}}, {tier: standard, annual_value: {USD: "      \
    "10000}}, {tier: low}]\n"
#define REST "rules: [{name: otherwise, do: [{queue: {}}]}]\n"

static struct policy *good(const char *text)
{
    struct problems p;
    struct policy *policy = parse(text, &p);
    if (!policy)
        fail_msg("%s", p.n ? p.lines[0] : "no policy and no problem");
    assert_int_equal(p.n, 0);
    return policy;
}

static struct policy *template(void)
{
    struct problems p = {0};
    struct policy *policy = policy_load("templates/policy.yaml", &p);
    if (!policy)
        fail_msg("%s", p.lines[0]);
    return policy;
}

static void bad(const char *text, const char *line, const char *words)
{
    struct problems p;
    struct policy *policy = parse(text, &p);
    if (policy || p.n == 0 || strncmp(p.lines[0], line, strlen(line)) != 0 || !strstr(p.lines[0], words))
        fail_msg("wanted %s .. %s; got %zu problems: %s", line, words, p.n, p.n ? p.lines[0] : "-");
    problems_free(&p);
}

/* A rule on line 2 with this condition is refused. */
static void bad_when(const char *condition, const char *words)
{
    AUTO_STR text =
        str_fmt(TIERS "rules: [{name: a, when: %s, do: [{queue: {}}]}, {name: b, do: [{queue: {}}]}]\n", condition);
    bad(text, "conf/policy.yaml:2: ", words);
}

static void bad_do(const char *actions, const char *words)
{
    AUTO_STR text = str_fmt(
        TIERS "rules: [{name: a, when: {fact: tier, is: low}, do: %s}, {name: b, do: [{queue: {}}]}]\n", actions);
    bad(text, "conf/policy.yaml:2: ", words);
}

static void bad_conditions(void **state)
{
    (void)state;
    bad_when("{fact: teir, is: low}", "there is no fact \"teir\"; did you mean tier?");
    bad_when("{fact: sentiment, below: 0}", "there is no fact");
    bad_when("{fact: tier, is: lwo}", "name of a tier");
    bad_when("{fact: tier, in: [low, gold]}", "name of a tier");
    bad_when("{fact: tier, in: low}", "needs a list");
    bad_when("{fact: tier, below: 3}", "has no order");
    bad_when("{fact: tier}", "write {fact: NAME");
    bad_when("{fact: tier, is: low, in: [low]}", "write {fact: NAME");
    bad_when("{fact: [tier], is: low}", "write {fact: NAME");
    bad_when("{fact: tier, equals: low}", "write {fact: NAME");
    bad_when("{all: []}", "needs a list of conditions");
    bad_when("{all: [{fact: tier, is: low}], any: [{fact: tier, is: low}]}", "write {fact: NAME");
    bad_when("low", "write {fact: NAME");
    bad_when("{not: low}", "write {fact: NAME");
    bad_when("{fact: invoice.due, below: 1000}", "{USD: 1000}");
    bad_when("{fact: invoice.due, below: {USX: 1000}}", "ISO 4217");
    bad_when("{fact: invoice.due, is: 1000}", "{USD: 1000}");
    bad_when("{fact: account.sentiment, below: low}", "write a number");
    bad_when("{fact: account.sentiment, is: low}", "is a number");
    bad_when("{fact: payment.class, is: X}", "is one of H, N, A, S, M");
    bad_when("{fact: fragile, is: \"true\"}", "true or false");
    bad_when("{fact: fragile, known: 1}", "true or false");
    bad_when("{fact: account.renewal_ms, below: 1}", "account.renewal_in_days");
    bad_when("{fact: account.renewal_ms, is: 1}", "account.renewal_in_days");
    bad_when("{fact: invoice.number, is: 17}", "quote the value");
    bad_when("{not: {not: {not: {not: {not: {not: {not: {not: {not: {not: {not: {not: {not: {fact: tier, is: "
             "low}}}}}}}}}}}}}}",
             "nested");
    bad(TIERS "fragile: {fact: fragile, is: true}\n" REST, "conf/policy.yaml:2: ", "condition of itself");
}

static void bad_actions(void **state)
{
    (void)state;
    bad_do("[{hodl: {}}]", "did you mean hold");
    bad_do("[queue]", "is not an action");
    bad_do("[]", "list of actions");
    bad_do("{queue: {}}", "list of actions");
    bad_do("[{queue: {}, alert: {}}]", "is not an action");
    bad_do("[{queue: {}}, {queue: {}}]", "there twice");
    bad_do("[{hold: {}}, {retry: {}}]", "hold or retry");
    bad_do("[{hold: {days: 0}}]", "from 1 to 365");
    bad_do("[{hold: {days: 1.5}}]", "from 1 to 365");
    bad_do("[{hold: {at_end: forget}}]", "resume or queue");
    bad_do("[{hold: {until: 5}}]", "until");
    bad_do("[{retry: {hour: 24}}]", "from 0 to 23");
    bad_do("[{link: {purpose: phish}}]", "pay or update_method");
    bad_do("[{queue: 5}]", "is not an action");
}

static void bad_sections(void **state)
{
    (void)state;
    bad("[]\n", "conf/policy.yaml", "a policy is a map");
    bad(REST, "conf/policy.yaml", "tiers must be a list");
    bad(TIERS, "conf/policy.yaml", "rules must be a list");
    bad("tiers: [{tier: low, annual_value: {USD: 1}}]\n" REST,
        "conf/policy.yaml:1: ", "last tier must have no annual_value");
    bad("tiers: [{tier: a}, {tier: b}]\n" REST, "conf/policy.yaml:1: ", "never used");
    bad("tiers: [{tier: a, annual_value: {USD: 1}}, {tier: a}]\n" REST, "conf/policy.yaml:1: ", "name of its own");
    bad("tiers: [{tier: much_too_long_name}]\n" REST, "conf/policy.yaml:1: ", "up to 15");
    bad(TIERS "rules:\n  - {name: a, do: [{queue: {}}]}\n  - {name: b, do: [{queue: {}}]}\n",
        "conf/policy.yaml:3: ", "never reached");
    bad(TIERS "rules:\n  - {name: a, when: {fact: tier, is: low}, do: [{queue: {}}]}\n",
        "conf/policy.yaml:3: ", "last rule must have no");
    bad(TIERS "rules:\n  - {name: a, do: [{retry: {}}]}\n", "conf/policy.yaml:3: ", "must not retry");
    bad(TIERS "rules:\n  - {name: A b, do: [{queue: {}}]}\n", "conf/policy.yaml:3: ", "name of its own");
    bad(TIERS "rules:\n  - {name: a, why: 5, do: [{queue: {}}]}\n", "conf/policy.yaml:3: ", "why must be a sentence");
    bad(TIERS "rules:\n  - {name: a, wen: {}, do: [{queue: {}}]}\n", "conf/policy.yaml:3: ", "wen");
    bad(TIERS REST "ruels: []\n", "conf/policy.yaml:3: ", "ruels");
    bad(TIERS REST "plans: 3\n", "conf/policy.yaml:3: ", "must be a map");
    bad(TIERS REST "plans: {inside: {instalments: 3}}\n", "conf/policy.yaml:3: ", "plans.inside needs days");
    bad(TIERS REST "plans: {inside: {instalments: -1, days: 5}}\n", "conf/policy.yaml:3: ", "from 1 to 60");
    bad(TIERS REST "plans: {inside: {instalments: 3, days: 5, amount: 7}}\n", "conf/policy.yaml:3: ", "{USD: 25000}");
    bad(TIERS REST "plans: {inside: {instalments: 3, days: 5}, manager: {instalments: 2, days: 5}}\n",
        "conf/policy.yaml:3: ", "less than");
    bad(TIERS REST "plans: {inside: {instalments: 3, days: 5}, manager: {instalments: 3, days: 4}}\n",
        "conf/policy.yaml:3: ", "less than");
    bad(TIERS REST "holds: {inside: {}}\n", "conf/policy.yaml:3: ", "holds.inside needs days");
    bad(TIERS REST "holds: {inside: {days: 9}, manager: {days: 8}}\n", "conf/policy.yaml:3: ", "less than");
    bad(TIERS REST "retries: {visa: {days: 60}}\n", "conf/policy.yaml:3: ", "from 1 to 30");
    bad(TIERS REST "retries: {vissa: {attempts: 1}}\n", "conf/policy.yaml:3: ", "vissa");
    bad(TIERS REST "approvals: {expire_hours: 0}\n", "conf/policy.yaml:3: ", "from 1 to 720");
    struct problems p = {0};
    assert_null(policy_load("no/such/policy.yaml", &p));
    assert_int_equal(p.n, 1);
    problems_free(&p);
}

/* A line below `approvals:` is line 4, the one below that 5, and so on. */
static void bad_approvals(const char *text, const char *line, const char *words)
{
    AUTO_STR whole = str_fmt(TIERS REST "approvals:\n%s", text);
    AUTO_STR where = str_fmt("conf/policy.yaml:%s: ", line);
    bad(whole, where, words);
}

static void bad_rules_of_approvals(void **state)
{
    (void)state;
    bad_approvals("  expire_hours: 48\n  rules: 5\n", "5", "approvals.rules must be a list");
    bad_approvals("  rules:\n    - {need: [{count: 1, of: manager}]}\n", "5", "each needs a name of its own");
    bad_approvals("  rules:\n    - {name: a, need: [{of: manager}]}\n    - {name: a, need: [{of: manager}]}\n", "6", "each needs a name of its own");
    bad_approvals("  rules:\n    - name: a\n      need: [{of: manager}]\n      whne: {}\n", "7", "whne");
    bad_approvals("  rules:\n    - name: a\n      need: [{of: manager}]\n      when:\n        kinds: [plam]\n", "8", "did you mean plan");
    bad_approvals("  rules:\n    - name: a\n      need: [{of: manager}]\n      when:\n        tiers: [gold]\n", "8", "\"gold\" is not known");
    bad_approvals("  rules:\n    - name: a\n      need: [{of: manager}]\n      when:\n        at_least: {USB: 5}\n", "8", "ISO 4217");
    bad_approvals("  rules:\n    - name: a\n      need: [{of: manager}]\n      when:\n        regions: []\n", "8", "must be a list of words");
    bad_approvals("  rules:\n    - name: a\n      need: [{of: manager}]\n      when: 5\n", "7", "must be a map");
    bad_approvals("  rules:\n    - name: a\n      need:\n        - {count: 1, of: Manager One}\n", "7", "write {count: 1, of: manager}");
    bad_approvals("  rules:\n    - name: a\n      need:\n        - {count: 9, of: manager}\n", "7", "from 1 to 5");
    bad_approvals("  rules:\n    - name: a\n      need: [{of: manager}]\n      ask: manager\n", "7", "must be a list of groups, roles or people");
    bad_approvals("  rules:\n    - name: a\n      need: [{of: manager}]\n      separate: maybe\n", "7", "separate");
    bad_approvals("  rules:\n    - name: a\n      need: [{of: manager}]\n      same_person: 3\n", "7", "same_person");
}

static void bad_patience(void **state)
{
    (void)state;
    bad_approvals("  expire_hours: 48\n  separate: 5\n", "5", "{USD: 25000}");
    bad_approvals("  expire_hours: 48\n  step_up: {USD: many}\n", "5", "approvals.step_up");
    bad_approvals("  expire_hours: 48\n  reactions_below: {USB: 5}\n", "5", "ISO 4217");
    bad_approvals("  expire_hours: 12\n  remind_hours: [4, 12]\n", "5", "each below approvals.expire_hours (12)");
    bad_approvals("  expire_hours: 48\n  remind_hours: [12, 4]\n", "5", "rising whole hours");
    bad_approvals("  expire_hours: 48\n  remind_hours: 4\n", "5", "rising whole hours");
    bad_approvals("  expire_hours: 48\n  escalate: [finance]\n", "5", "write {after_hours: 24, ask: [finance]}");
    bad_approvals("  expire_hours: 48\n  escalate:\n    - {after_hours: 24, ask: [finance]}\n    - {after_hours: 12, ask: [finance]}\n", "7", "hours that rise");
    bad_approvals("  expire_hours: 48\n  remind: [4]\n", "5", "remind_hours");
    bad(TIERS REST "attention:\n  pings_per_hour: none\n", "conf/policy.yaml:4: ", "from 1 to 1000");
    bad(TIERS REST "attention:\n  pings_per_hour: 3\n  quiet: {from: \"20:00\"}\n", "conf/policy.yaml:5: ", "two different times");
    bad(TIERS REST "attention:\n  pings_per_hour: 3\n  small: 5\n", "conf/policy.yaml:5: ", "{USD: 25000}");
    bad(TIERS REST "attention:\n  pings_per_hour: 3\n  silent: 5\n", "conf/policy.yaml:5: ", "silent");
    bad(TIERS REST "reports: {weekly: monday}\n", "conf/policy.yaml:3: ", "such as {weekly: \"mon 09:00\"}");
    bad(TIERS REST "reports: {weekly: \"mon 24:00\"}\n", "conf/policy.yaml:3: ", "such as {weekly: \"mon 09:00\"}");
    bad(TIERS REST "reports: {weekly: 9}\n", "conf/policy.yaml:3: ", "such as {weekly: \"mon 09:00\"}");
    bad(TIERS REST "reports:\n  daily: \"09:00\"\n", "conf/policy.yaml:4: ", "daily");
}

/* What the template shows behind a # below `approvals:` is read when the # is taken away. */
static void what_the_template_suggests_is_valid(void **state)
{
    (void)state;
    char line[400];
    AUTO_BUF text = BUF(1u << 20);
    bool inside = false;
    FILE *f = fopen("templates/policy.yaml", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        inside = strcmp(line, "approvals:\n") == 0 || (inside && line[0] == ' ');
        const char *key = inside && strncmp(line, "  # ", 4) == 0 ? line + 4 : NULL;
        size_t n = key ? strspn(key, "abcdefghijklmnopqrstuvwxyz_") : 0;
        bool value = key && (key[0] == ' ' || (n > 0 && key[n] == ':'));
        buf_addf(&text, "%s%s", value ? "  " : "", value ? key : line);
    }
    fclose(f);
    struct policy *p = good(buf_text(&text));
    assert_int_equal(json_array_size(policy_approval_rules(p)), 2);
    assert_non_null(policy_separate(p));
    struct money least;
    assert_true(policy_step_up(p, money_of(2500000, "USD"), &least) && policy_reaction_enough(p, money_of(1, "EUR")));
    policy_free(p);
}

static void versions(void **state)
{
    (void)state;
    struct policy *a = good(TIERS REST), *b = good("# other words\n" REST TIERS
                                                   "retries: {visa: {attempts: 20, days: 30}, per_invoice: 8}\n");
    struct policy *c = good(TIERS REST "approvals: {expire_hours: 47}\n");
    assert_int_equal(strlen(policy_version(a)), 12);
    assert_string_equal(policy_version(a), policy_version(b));
    assert_string_not_equal(policy_version(a), policy_version(c));
    assert_int_equal(policy_approval_hours(a), 48);
    assert_int_equal(policy_approval_hours(c), 47);
    policy_free(a);
    policy_free(b);
    policy_free(c);
}

/* --- deciding --- */

static void put(struct facts *f, const char *name, json_t *value)
{
    const char *source = strncmp(name, "account.", 8) == 0 ? "accounts.csv" : "stripe";
    facts_put(f, name, value, source, NOW);
}

/* A known low account with a soft decline on its first attempt. */
static struct facts soft(void)
{
    struct facts f;
    facts_init(&f);
    put(&f, "account.known", json_true());
    put(&f, "account.annual_value", json_integer(500000));
    put(&f, "account.currency", json_string("USD"));
    put(&f, "account.sentiment", json_real(0.5));
    put(&f, "account.top_priority", json_integer(0));
    put(&f, "invoice.currency", json_string("USD"));
    put(&f, "invoice.due", json_integer(12050));
    put(&f, "invoice.attempts", json_integer(1));
    put(&f, "payment.class", json_string("S"));
    put(&f, "payment.at_ms", json_integer(NOW - MS_HOUR));
    put(&f, "method.brand", json_string("visa"));
    put(&f, "network.attempts_window", json_integer(1));
    put(&f, "network.attempts_day", json_integer(1));
    return f;
}

/* Decides, checks tier and rule, and frees; `reasons` must be exactly these, one a line. */
static void decides(const struct policy *p, struct facts *f, const char *tier, const char *rule, const char *reasons)
{
    struct verdict v;
    policy_decide(p, f, NOW, &v);
    AUTO_STR got = str_dup("");
    for (size_t i = 0; i < json_array_size(v.reasons); i++) {
        char *more = str_fmt("%s%s\n", got, json_string_value(json_array_get(v.reasons, i)));
        free(got);
        got = more;
    }
    assert_string_equal(v.tier, tier);
    assert_string_equal(v.rule, rule);
    assert_string_equal(facts_str(f, "tier"), tier);
    assert_string_equal(facts_source(f, "tier"), "policy");
    assert_int_equal(json_is_true(facts_get(f, "fragile")), v.fragile);
    if (reasons)
        assert_string_equal(got, reasons);
    verdict_fini(&v);
}

static void the_default_policy_decides(void **state)
{
    (void)state;
    struct policy *p = template();
    struct facts f = soft();
    decides(p, &f, "low", "soft-decline",
            "The card may work later, and the customer can pay in the meantime\n"
            "Last decline: soft: may be tried again later (stripe)\n"
            "Worth $5,000.00 a year: low, as standard is from $10,000.00\n");
    put(&f, "account.annual_value", json_integer(999999));
    decides(p, &f, "low", "soft-decline", NULL);
    put(&f, "account.annual_value", json_integer(1000000));
    decides(p, &f, "standard", "soft-decline-standard", NULL);
    put(&f, "payment.class", json_string("H"));
    decides(p, &f, "standard", "hard-decline", NULL);
    put(&f, "payment.class", json_string("N"));
    decides(p, &f, "standard", "hard-decline", NULL);
    put(&f, "payment.class", json_string("A"));
    decides(p, &f, "standard", "authentication", NULL);
    put(&f, "payment.class", json_string("?"));
    decides(p, &f, "standard", "otherwise", "No rule fits, so a collector looks at it\n");
    put(&f, "invoice.attempts", json_integer(4));
    decides(p, &f, "standard", "too-many-failures",
            "Four failed attempts or more need a collector\nPayment attempts: 4 (stripe)\n");
    put(&f, "account.annual_value", json_integer(41200000));
    decides(p, &f, "strategic", "strategic-hold",
            "A person speaks with this customer first\nWorth $412,000.00 a year: strategic from $100,000.00\n");
    put(&f, "account.sentiment", json_real(-0.4));
    put(&f, "account.top_priority", json_integer(1));
    decides(p, &f, "strategic", "strategic-hold",
            "A person speaks with this customer first\nWorth $412,000.00 a year: strategic from $100,000.00\n"
            "Sentiment -0.4 is below -0.3 (accounts.csv)\nTop-priority tickets: 1 (accounts.csv)\n");
    facts_fini(&f);
    policy_free(p);
}

static void fragile_is_strict_at_its_bounds(void **state)
{
    (void)state;
    struct policy *p = template();
    struct facts f = soft();
    put(&f, "account.sentiment", json_real(-0.3));
    decides(p, &f, "low", "soft-decline", NULL);
    put(&f, "account.sentiment", json_real(-0.31));
    decides(p, &f, "low", "strategic-hold",
            "A person speaks with this customer first\nSentiment -0.31 is below -0.3 (accounts.csv)\n");
    facts_fini(&f);
    policy_free(p);
}

static void the_book_wins_over_tiers(void **state)
{
    (void)state;
    struct policy *p = template();
    struct facts f = soft();
    put(&f, "account.tier", json_string("strategic"));
    decides(p, &f, "strategic", "strategic-hold",
            "A person speaks with this customer first\nTier strategic (accounts.csv)\n");
    put(&f, "account.tier", json_string("gold"));
    decides(p, &f, "gold", "soft-decline-standard", NULL);
    facts_fini(&f);
    policy_free(p);
}

static void what_is_not_known_is_said(void **state)
{
    (void)state;
    struct policy *p = template();
    struct facts f;
    facts_init(&f);
    put(&f, "account.known", json_false());
    decides(p, &f, "low", "unknown-account",
            "This customer is not in the account book, so nobody knows how to treat them\nIn the account book: no "
            "(accounts.csv)\n"
            "Sentiment is not known\nTop-priority tickets is not known\n");
    put(&f, "account.known", json_true());
    decides(p, &f, "low", "otherwise", NULL);
    put(&f, "account.annual_value", json_integer(99999999));
    put(&f, "account.currency", json_string("CHF"));
    decides(p, &f, "low", "otherwise", NULL);
    facts_fini(&f);
    policy_free(p);
    p = good(TIERS
             "rules: [{name: a, when: {fact: tier, is: low}, do: [{queue: {}}]}, {name: b, do: [{queue: {}}]}]\n");
    f = soft();
    put(&f, "account.currency", json_string("CHF"));
    decides(p, &f, "low", "a",
            "Rule a\nWorth CHF 5,000.00 a year: low, as policy.yaml sets no tier amounts in CHF\n");
    put(&f, "account.annual_value", NULL);
    decides(p, &f, "low", "a", "Rule a\nAnnual value is not known: low\n");
    facts_fini(&f);
    policy_free(p);
}

static void conditions_hold_and_explain(void **state)
{
    (void)state;
    static const struct {
        const char *when;
        bool fits;
        const char *reasons;
    } cases[] = {
        {"{fact: invoice.due, at_least: {USD: 120.50}}", true, "Unpaid: $120.50 (stripe)\n"},
        {"{fact: invoice.due, below: {USD: 120.50}}", false, ""},
        {"{not: {fact: invoice.due, below: {USD: 120.50}}}", true, "Unpaid: $120.50 (stripe)\n"},
        {"{fact: invoice.due, below: {EUR: 999999}}", false, "policy.yaml sets no amount in USD for Unpaid\n"},
        {"{fact: account.renewal_in_days, below: 61}", true, "Days to renewal 60 is below 61 (accounts.csv)\n"},
        {"{fact: account.renewal_in_days, below: 60}", false, ""},
        {"{fact: account.health, at_least: 2.5}", true, "health: 2.5 (accounts.csv)\n"},
        {"{fact: account.segment, is: gov}", true, "segment: gov (accounts.csv)\n"},
        {"{fact: account.segment, below: 3}", false, "segment is not a number\n"},
        {"{fact: account.nothing, known: false}", true, "nothing is not known\n"},
        {"{fact: account.nothing, known: true}", false, ""},
        {"{fact: account.nothing, is: x}", false, "nothing is not known\n"},
        {"{not: {fact: account.nothing, is: x}}", true, "nothing is not known\n"},
        {"{fact: invoice.attempts, in: [0, 1]}", true, "Payment attempts: 1 (stripe)\n"},
        {"{fact: invoice.attempts, is: 1.0}", true, "Payment attempts: 1 (stripe)\n"},
        {"{fact: fragile, is: false}", true, "Not fragile\n"},
        {"{all: [{fact: method.brand, is: visa}, {not: {fact: payment.class, in: [H, N]}}]}", true,
         "Card: visa (stripe)\nLast decline: soft: may be tried again later (stripe)\n"},
        {"{any: [{fact: method.brand, is: amex}, {fact: account.segment, in: [gov]}]}", true,
         "segment: gov (accounts.csv)\n"},
        {"{not: {any: [{fact: method.brand, is: amex}, {fact: account.segment, is: edu}]}}", true,
         "Card: visa (stripe)\nsegment: gov (accounts.csv)\n"},
        {"{not: {all: [{fact: method.brand, is: visa}, {fact: account.segment, is: edu}]}}", true,
         "segment: gov (accounts.csv)\n"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        AUTO_STR text = str_fmt(
            TIERS
            "rules: [{name: a, why: Why, when: %s, do: [{alert: {}}]}, {name: b, why: Why, do: [{queue: {}}]}]\n",
            cases[i].when);
        AUTO_STR reasons = str_fmt("Why\n%s", cases[i].reasons);
        struct policy *p = good(text);
        struct facts f = soft();
        put(&f, "account.renewal_ms", json_integer(NOW + 60 * MS_DAY + MS_HOUR));
        put(&f, "account.health", json_real(2.5));
        put(&f, "account.segment", json_string("gov"));
        decides(p, &f, "low", cases[i].fits ? "a" : "b", reasons);
        facts_fini(&f);
        policy_free(p);
    }
}

static void no_retry_for_a_reason_nobody_understands(void **state)
{
    (void)state;
    struct policy *p = good(TIERS "rules: [{name: again, when: {fact: tier, is: low}, do: [{retry: {}}]}, {name: b, "
                                  "why: B, do: [{queue: {}}]}]\n");
    struct facts f = soft();
    decides(p, &f, "low", "again", NULL);
    const char *const classes[] = {"?", "H", "N", "A", "M"};
    for (size_t i = 0; i < DW_ARRAY_LEN(classes); i++) {
        put(&f, "payment.class", json_string(classes[i]));
        decides(p, &f, "low", "b",
                "B\nRule again would try the card again, but the last decline is not known to be soft\n");
    }
    put(&f, "payment.class", NULL);
    decides(p, &f, "low", "b", NULL);
    facts_fini(&f);
    policy_free(p);
}

static void actions_have_their_defaults(void **state)
{
    (void)state;
    struct policy *p =
        good(TIERS
             "rules: [{name: r, when: {fact: payment.class, is: S}, do: [{retry: {hour: 7}}, {link: {}}, {alert: }]},"
             " {name: h, do: [{hold: {days: 3}}]}]\n");
    struct facts f = soft();
    struct verdict v;
    policy_decide(p, &f, NOW, &v);
    AUTO_STR actions = json_text(v.actions);
    assert_string_equal(
        actions, "[{\"retry\":{\"after_days\":2,\"hour\":7}},{\"link\":{\"purpose\":\"pay\"}},{\"alert\":{}}]");
    verdict_fini(&v);
    put(&f, "payment.class", json_string("M"));
    policy_decide(p, &f, NOW, &v);
    AUTO_STR hold = json_text(v.actions);
    assert_string_equal(hold, "[{\"hold\":{\"ask_before_hours\":24,\"at_end\":\"resume\",\"days\":3}}]");
    verdict_fini(&v);
    facts_fini(&f);
    policy_free(p);
    assert_string_equal(action_name(ACT_HOLD), "hold");
    assert_string_equal(action_name(ACT_QUEUE), "queue");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_conditions),
        cmocka_unit_test(bad_actions),
        cmocka_unit_test(bad_sections),
        cmocka_unit_test(bad_rules_of_approvals),
        cmocka_unit_test(bad_patience),
        cmocka_unit_test(what_the_template_suggests_is_valid),
        cmocka_unit_test(versions),
        cmocka_unit_test(the_default_policy_decides),
        cmocka_unit_test(fragile_is_strict_at_its_bounds),
        cmocka_unit_test(the_book_wins_over_tiers),
        cmocka_unit_test(what_is_not_known_is_said),
        cmocka_unit_test(conditions_hold_and_explain),
        cmocka_unit_test(no_retry_for_a_reason_nobody_understands),
        cmocka_unit_test(actions_have_their_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
