/* How far people may go: plans and holds, inside the policy, with a manager, or not at all; and how often a card
 * may be tried. Every answer is a sentence that says by which number, and a refusal says what the nearest allowed
 * thing is. Days are counted as people count them: by the calendar of whoever named the date, to its end.
 *
 * A currency without a configured amount is never inside. The card networks count attempts over all sources; what
 * is not known about that is not guessed: then no further attempt is made by us. */
#include <stdio.h>
#include <string.h>

#include "engine/limits.h"
#include "engine/policy_parts.h"
#include "engine/when.h"

const char *bound_text(enum bound b)
{
    static const char *const texts[] = {"inside policy", "needs a manager", "not allowed"};
    return texts[b];
}

static enum bound answer(enum bound b, char *why, size_t size, const char *text)
{
    str_copy(why, size, text);
    return b;
}

/* --- plans --- */

/* The first thing in which the terms pass a bound: a new clause, or NULL when they are within it. */
static char *plan_exceeds(const json_t *bound, const struct plan_terms *t, int64_t now_ms, bool amount_required)
{
    const json_t *amounts = json_object_get(bound, "amount");
    int64_t days = json_i64(bound, "days", 0);
    int most = (int)json_i64(bound, "instalments", 0);
    char text[WHEN_TEXT_SIZE], total[MONEY_TEXT_SIZE], allowed[MONEY_TEXT_SIZE];
    struct money limit;
    if (t->instalments > most)
        return str_fmt("%d instalments are more than %d", t->instalments, most);
    if (when_days_between(now_ms, t->last_ms, t->zone) > days)
        return str_fmt("the last date, %s, is more than %lld days away", when_day(text, t->last_ms, t->zone),
                       (long long)days);
    if (!amounts && !amount_required)
        return NULL;
    if (!limits_get(amounts, t->total.currency, &limit))
        return str_fmt("no amount in %s is set for it", t->total.currency);
    if (t->total.minor > limit.minor)
        return str_fmt("%s is more than %s", money_text(total, t->total), money_text(allowed, limit));
    return NULL;
}

/* What is wrong with terms at any level: a new sentence, or NULL. */
static char *plan_impossible(const struct policy *p, const struct plan_terms *t, int64_t now_ms)
{
    char text[MONEY_TEXT_SIZE], least[MONEY_TEXT_SIZE], day[WHEN_TEXT_SIZE], today[WHEN_TEXT_SIZE];
    struct money limit;
    if (t->total.minor <= 0 || !t->total.currency[0])
        return str_dup("Nothing is due, so there is nothing to pay in instalments.");
    if (t->instalments < 1 || t->last_ms < t->first_ms || t->smallest_minor <= 0)
        return str_dup("A plan needs at least one instalment, each of some amount, from the first date on.");
    if (t->first_ms < now_ms && strcmp(when_iso_day(day, t->first_ms, t->zone), when_iso_day(today, now_ms, t->zone)) != 0)
        return str_fmt("The first date, %s, has passed. The earliest is today.", when_day(day, t->first_ms, t->zone));
    if (!limits_get(json_at(p->root, "plans.min_instalment"), t->total.currency, &limit) ||
        t->smallest_minor >= limit.minor)
        return NULL;
    int64_t most = limit.minor > 0 ? t->total.minor / limit.minor : t->instalments;
    return str_fmt("An instalment of %s is less than the least one, %s. At most %lld %s possible.",
                   money_text(text, money_of(t->smallest_minor, t->total.currency)), money_text(least, limit),
                   (long long)(most > 1 ? most : 1), most > 1 ? "instalments are" : "instalment is");
}

/* "12 instalments, 370 days, $250,000.00" */
static char *bound_words(const json_t *bound, const char *currency)
{
    char text[MONEY_TEXT_SIZE];
    struct money limit;
    bool amount = limits_get(json_object_get(bound, "amount"), currency, &limit);
    return str_fmt("%lld instalments, %lld days%s%s", (long long)json_i64(bound, "instalments", 0),
                   (long long)json_i64(bound, "days", 0), amount ? ", " : "", amount ? money_text(text, limit) : "");
}

static char *capital(char *take_text)
{
    if (take_text[0] >= 'a' && take_text[0] <= 'z')
        take_text[0] = (char)(take_text[0] - 'a' + 'A');
    return take_text;
}

static enum bound plan_beyond(const json_t *inside, const json_t *manager, const struct plan_terms *t,
                              const char *over, char *why, size_t size)
{
    const json_t *most = manager ? manager : inside;
    AUTO_STR start = capital(str_dup(over));
    AUTO_STR words = most ? bound_words(most, t->total.currency) : str_dup("");
    AUTO_STR text = most
                        ? str_fmt("%s. %s: %s.", start,
                                  manager ? "The most that a manager may approve" : "The most that is allowed", words)
                        : str_dup("The policy allows no plans.");
    return answer(BOUND_REFUSED, why, size, text);
}

enum bound policy_plan(const struct policy *p, const struct plan_terms *t, int64_t now_ms, char *why, size_t size)
{
    const json_t *inside = json_at(p->root, "plans.inside"), *manager = json_at(p->root, "plans.manager");
    AUTO_STR impossible = plan_impossible(p, t, now_ms);
    if (impossible)
        return answer(BOUND_REFUSED, why, size, impossible);
    AUTO_STR over_inside = inside ? plan_exceeds(inside, t, now_ms, true) : str_dup("every plan needs a manager");
    if (!over_inside) {
        AUTO_STR words = bound_words(inside, t->total.currency);
        AUTO_STR text = str_fmt("Within %s.", words);
        return answer(BOUND_INSIDE, why, size, text);
    }
    AUTO_STR over_manager = manager ? plan_exceeds(manager, t, now_ms, false) : str_dup(over_inside);
    if (over_manager)
        return plan_beyond(inside, manager, t, over_manager, why, size);
    AUTO_STR start = capital(STEAL(over_inside));
    AUTO_STR words = inside ? bound_words(inside, t->total.currency) : str_dup("no plan");
    AUTO_STR text = str_fmt("%s. Without approval: %s.", start, words);
    return answer(BOUND_MANAGER, why, size, text);
}

/* --- holds --- */

enum bound policy_hold(const struct policy *p, int64_t from_ms, int64_t end_ms, const char *zone, char *why, size_t size)
{
    int64_t inside = json_i64(p->root, "holds.inside.days", 0), manager = json_i64(p->root, "holds.manager.days", 0);
    int64_t most = manager > inside ? manager : inside, days = when_days_between(from_ms, end_ms, zone);
    int64_t last_ms = when_add_days(from_ms, (int)most, zone);
    char until[WHEN_TEXT_SIZE];
    AUTO_STR text = NULL;
    enum bound b = BOUND_REFUSED;
    if (end_ms <= from_ms)
        text = str_fmt("The hold would end before it starts; name a later date, up to %s.",
                       when_day(until, last_ms, zone));
    else if (inside && days <= inside) {
        b = BOUND_INSIDE;
        text = str_fmt("Not longer than %lld days.", (long long)inside);
    } else if (manager && days <= manager) {
        b = BOUND_MANAGER;
        text = str_fmt("Longer than the %lld days that need no approval.", (long long)inside);
    } else if (most)
        text = str_fmt("Longer than %lld days. A hold may last until %s%s.", (long long)most,
                       when_day(until, last_ms, zone), manager ? ", with a manager's approval" : "");
    else
        text = str_dup("The policy allows no holds.");
    return answer(b, why, size, text);
}

/* --- retries --- */

/* Mastercard's merchant advice codes that say how long to wait. For other brands the same digits mean something
 * else. */
static const struct {
    const char *code;
    int hours;
} waits[] = {{"24", 1}, {"25", 24}, {"26", 48}, {"27", 96}, {"28", 144}, {"29", 192}, {"30", 240}};

/* The last decline says nothing about a card that has taken the place of the declined one. */
static bool other_card(const struct facts *f)
{
    const char *declined = facts_str(f, "payment.method"), *card = facts_str(f, "method.id");
    return declined[0] && card[0] && !str_eq(declined, card);
}

static bool advice_is(const struct facts *f, const char *code)
{
    return str_eq(facts_str(f, "payment.network_advice"), code) || str_eq(facts_str(f, "payment.advice"), code);
}

static bool mastercard_says(const struct facts *f, const char *code)
{
    return str_eq(facts_str(f, "method.brand"), "mastercard") && advice_is(f, code);
}

int64_t policy_retry_from_ms(const struct facts *f)
{
    for (size_t i = 0; i < DW_ARRAY_LEN(waits) && !other_card(f); i++)
        if (mastercard_says(f, waits[i].code))
            return facts_i64(f, "payment.at_ms", facts_as_of(f, "payment.class")) + waits[i].hours * MS_HOUR;
    return 0;
}

/* Whether the decline itself rules out this card: a sentence, or NULL. */
static const char *decline_forbids(const struct facts *f)
{
    const char *class = facts_str(f, "payment.class");
    if (other_card(f))
        return NULL;
    if (str_eq(class, "H") || advice_is(f, "do_not_try_again") || mastercard_says(f, "03") ||
        mastercard_says(f, "21"))
        return "The bank says never again with this card. Use another method, or send a link.";
    if (str_eq(class, "N") || advice_is(f, "confirm_card_data") || mastercard_says(f, "01") ||
        mastercard_says(f, "04"))
        return "The card data must be renewed by the customer first. Send a link to update the method.";
    if (str_eq(class, "A"))
        return "The customer must authenticate the payment. Send a payment link.";
    return NULL;
}

static const json_t *network_limit(const struct policy *p, const char *brand)
{
    const json_t *retries = json_object_get(p->root, "retries"), *its = json_object_get(retries, brand);
    return json_is_object(its) ? its : json_object_get(retries, "other");
}

struct counts {
    int64_t per_invoice, attempts, days, per_day; /* per_day 0: no such limit */
    const char *who;                              /* "the policy" */
};

static struct counts counts_of_policy(const struct policy *p, const char *brand)
{
    const json_t *network = network_limit(p, brand);
    return (struct counts){.per_invoice = json_i64(p->root, "retries.per_invoice", 0), .attempts = json_i64(network, "attempts", 0),
                           .days = json_i64(network, "days", 30), .per_day = json_i64(network, "per_day", 0), .who = "the policy"};
}

static struct counts counts_of_network(const char *brand)
{
    const struct network_limit *its = policy_network_limit(brand);
    return (struct counts){.per_invoice = INT64_MAX, .attempts = its->attempts, .days = 30, .per_day = its->per_day, .who = "the card network"};
}

/* Whether the counts rule it out: a new sentence, or NULL. The day's count is of no use a day later. */
static char *counts_forbid(const struct counts *most, const struct facts *f, int64_t at_ms)
{
    const char *brand = facts_str(f, "method.brand");
    int64_t invoice = facts_i64(f, "invoice.attempts", -1), window = facts_i64(f, "network.attempts_window", -1);
    int64_t day = facts_i64(f, "network.attempts_day", -1);
    bool today = at_ms - facts_as_of(f, "network.attempts_window") < MS_DAY;
    const char *card = brand[0] ? brand : "card";
    if (invoice < 0 || window < 0 || (most->per_day && today && day < 0))
        return str_dup("How often this card was tried is not known. Ask for a fresh reading, or send a link.");
    if (invoice >= most->per_invoice)
        return str_fmt("This invoice was tried %lld times; %s allows %lld.", (long long)invoice, most->who, (long long)most->per_invoice);
    if (window >= most->attempts)
        return str_fmt("This %.20s was tried %lld times in %lld days; %s allows %lld.", card, (long long)window, (long long)most->days, most->who,
                       (long long)most->attempts);
    if (most->per_day && today && day >= most->per_day)
        return str_fmt("This %.20s was tried %lld times in 24 hours; %s allows %lld. Try tomorrow.", card, (long long)day, most->who, (long long)most->per_day);
    return NULL;
}

bool policy_may_retry_at(const struct policy *p, const struct facts *f, int64_t at_ms, char *why, size_t size)
{
    const char *forbidden = decline_forbids(f);
    int64_t from_ms = policy_retry_from_ms(f);
    char moment[WHEN_TEXT_SIZE];
    struct counts most = counts_of_policy(p, facts_str(f, "method.brand"));
    AUTO_STR text = forbidden ? str_dup(forbidden) : counts_forbid(&most, f, at_ms);
    if (!text && at_ms < from_ms)
        text = str_fmt("The network asks to wait until %s.", when_text(moment, from_ms, NULL));
    bool may = !text;
    if (may) {
        text = str_fmt("%lld of %lld attempts are left for this invoice, %lld of %lld for this card in %lld days.",
                       (long long)(most.per_invoice - facts_i64(f, "invoice.attempts", 0)), (long long)most.per_invoice,
                       (long long)(most.attempts - facts_i64(f, "network.attempts_window", 0)), (long long)most.attempts, (long long)most.days);
    }
    str_copy(why, size, text);
    return may;
}

enum bound policy_retry(const struct policy *p, const struct facts *f, int64_t at_ms, char *why, size_t size)
{
    struct counts most = counts_of_network(facts_str(f, "method.brand"));
    if (policy_may_retry_at(p, f, at_ms, why, size))
        return BOUND_INSIDE;
    AUTO_STR never = counts_forbid(&most, f, at_ms);
    if (!never && !decline_forbids(f) && at_ms >= policy_retry_from_ms(f))
        return BOUND_MANAGER;
    if (never)
        str_copy(why, size, never);
    return BOUND_REFUSED;
}

bool policy_may_retry(const struct policy *p, const struct facts *f, char *why, size_t size)
{
    int64_t read_ms = facts_as_of(f, "network.attempts_window");
    return policy_may_retry_at(p, f, read_ms ? read_ms : facts_as_of(f, "payment.class"), why, size);
}
