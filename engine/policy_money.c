/* How far money may be given up, and the own schedule of billing be changed: credits, write-offs, settlements, deferrals; and a
 * retry beyond the policy's own limits.
 *
 * What is given up is gone, so nothing of it is ever "inside": the policy only says how much a person entitled may agree to. What
 * the policy does not name is not allowed, and the refusal names the key that an operator would set. A currency without an amount
 * has none. Every answer is a sentence that says by which number. */
#include <stdio.h>
#include <string.h>

#include "engine/limits.h"
#include "engine/policy_parts.h"
#include "engine/when.h"

enum { PERCENT = 100 };

/* ---- reading ---- */

static void read_share(const struct policy_reader *r, const json_t *map, const char *where, json_t *out)
{
    if (json_object_get(map, "share"))
        json_put_i64(out, "share", policy_integer(r, map, "share", where, 1, PERCENT, PERCENT));
}

/* {manager: {USD: 5000}, share: 20}: `manager` is what makes it possible at all. */
static json_t *read_given_up(const struct policy_reader *r, const json_t *root, const char *key)
{
    static const char *const known[] = {"manager", "share", NULL};
    const json_t *map = policy_section(r, root, key, key, known);
    AUTO_STR where = str_fmt("%s.manager", key);
    if (!map)
        return NULL;
    json_t *out = json_object(), *limits = limits_read_json(r->d, map, "manager", where, r->p);
    if (limits)
        json_put_new(out, "manager", limits);
    else
        problems_add(r->p, doc_name(r->d), doc_line(r->d, root, key), "%s needs manager: write amounts by currency, such as {USD: 500}", key);
    read_share(r, map, key, out);
    return out;
}

static json_t *read_settlements(const struct policy_reader *r, const json_t *root)
{
    static const char *const known[] = {"at_least_share", "within_days", NULL};
    const json_t *map = policy_section(r, root, "settlements", "settlements", known);
    if (!map)
        return NULL;
    for (size_t i = 0; known[i]; i++)
        if (!json_object_get(map, known[i]))
            problems_add(r->p, doc_name(r->d), doc_line(r->d, root, "settlements"), "settlements needs %s: write a whole number", known[i]);
    json_t *out = json_object();
    json_put_i64(out, "at_least_share", policy_integer(r, map, "at_least_share", "settlements", 1, PERCENT - 1, PERCENT - 1));
    json_put_i64(out, "within_days", policy_integer(r, map, "within_days", "settlements", 1, 365, 1));
    return out;
}

void policy_read_money(const struct policy_reader *r, const json_t *root, json_t *out)
{
    json_t *credits = read_given_up(r, root, "credits"), *write_offs = read_given_up(r, root, "write_offs");
    json_t *settlements = read_settlements(r, root);
    if (credits)
        json_put_new(out, "credits", credits);
    if (write_offs)
        json_put_new(out, "write_offs", write_offs);
    if (settlements)
        json_put_new(out, "settlements", settlements);
    json_put_new(out, "defers", policy_read_days(r, root, "defers"));
}

/* ---- bounds ---- */

static enum bound answer(enum bound b, char *why, size_t size, const char *text)
{
    str_copy(why, size, text);
    return b;
}

/* share percent of an amount, rounded down; never overflows. */
static int64_t share_of(int64_t minor, int64_t share)
{
    return minor / PERCENT * share + minor % PERCENT * share / PERCENT;
}

/* "The policy allows no credits..." */
static enum bound not_allowed(const char *key, const char *what, const char *example, char *why, size_t size)
{
    AUTO_STR text = str_fmt("The policy allows no %s. An operator allows them with \"%s: %s\" in policy.yaml.", what, key, example);
    return answer(BOUND_REFUSED, why, size, text);
}

/* Amount and share of a credit or write-off against section `key`. */
static enum bound given_up(const struct policy *p, const char *key, const char *what, struct money amount, struct money due, char *why, size_t size)
{
    const json_t *section = json_object_get(p->root, key);
    char text[MONEY_TEXT_SIZE], most_text[MONEY_TEXT_SIZE];
    struct money most;
    if (!section)
        return not_allowed(key, what, "{manager: {USD: 500}}", why, size);
    if (amount.minor <= 0 || !str_eq(amount.currency, due.currency) || amount.minor > due.minor)
        return answer(BOUND_REFUSED, why, size, "The amount is more than nothing and at most what is due.");
    if (!limits_get(json_object_get(section, "manager"), amount.currency, &most)) {
        AUTO_STR none = str_fmt("The policy sets no amount in %s for %s: %s.manager in policy.yaml.", amount.currency, what, key);
        return answer(BOUND_REFUSED, why, size, none);
    }
    int64_t share = json_i64(section, "share", PERCENT);
    bool by_share = share_of(due.minor, share) < most.minor;
    if (by_share)
        most.minor = share_of(due.minor, share);
    money_text(text, amount);
    money_text(most_text, most);
    AUTO_STR limit = by_share ? str_fmt("%s, %lld percent of what is due", most_text, (long long)share) : str_dup(most_text);
    AUTO_STR over = str_fmt("%s is more than the most that may be approved, %s.", text, limit);
    AUTO_STR fits = str_fmt("Money given up always needs somebody's approval; at most %s.", limit);
    return amount.minor > most.minor ? answer(BOUND_REFUSED, why, size, over) : answer(BOUND_MANAGER, why, size, fits);
}

enum bound policy_credit(const struct policy *p, struct money amount, struct money due, char *why, size_t size)
{
    return given_up(p, "credits", "credits", amount, due, why, size);
}

enum bound policy_write_off(const struct policy *p, struct money amount, struct money due, char *why, size_t size)
{
    return given_up(p, "write_offs", "write-offs", amount, due, why, size);
}

enum bound policy_settle(const struct policy *p, struct money pays, struct money due, int64_t by_ms, int64_t now_ms, const char *zone,
                         char *why, size_t size)
{
    const json_t *section = json_object_get(p->root, "settlements");
    int64_t share = json_i64(section, "at_least_share", PERCENT), days = json_i64(section, "within_days", 0);
    struct money least = money_of(share_of(due.minor, share), due.currency);
    char a[MONEY_TEXT_SIZE], b[MONEY_TEXT_SIZE], day[WHEN_TEXT_SIZE];
    if (!section)
        return not_allowed("settlements", "settlements", "{at_least_share: 50, within_days: 60}", why, size);
    if (pays.minor <= 0 || !str_eq(pays.currency, due.currency) || pays.minor >= due.minor)
        return answer(BOUND_REFUSED, why, size, "In a settlement the customer pays something, and less than what is due.");
    if (by_ms <= now_ms)
        return answer(BOUND_REFUSED, why, size, "The day by which the customer pays has passed.");
    bool late = when_days_between(now_ms, by_ms, zone) > days;
    AUTO_STR text = pays.minor < least.minor
                        ? str_fmt("%s is less than the least the customer must pay, %s (%lld percent of what is due).", money_text(a, pays), money_text(b, least), (long long)share)
                    : late
                        ? str_fmt("%s is more than %lld days away; that is the longest a settlement may stay open.", when_day(day, by_ms, zone), (long long)days)
                        : str_fmt("Money given up always needs somebody's approval; the customer pays at least %s, within %lld days.", money_text(b, least), (long long)days);
    return answer(pays.minor < least.minor || late ? BOUND_REFUSED : BOUND_MANAGER, why, size, text);
}

enum bound policy_defer(const struct policy *p, int64_t until_ms, int64_t now_ms, const char *zone, char *why, size_t size)
{
    int64_t inside = json_i64(p->root, "defers.inside.days", 0), manager = json_i64(p->root, "defers.manager.days", 0);
    int64_t most = manager > inside ? manager : inside, days = when_days_between(now_ms, until_ms, zone);
    char day[WHEN_TEXT_SIZE];
    if (!most)
        return not_allowed("defers", "deferrals", "{inside: {days: 7}}", why, size);
    if (until_ms <= now_ms)
        return answer(BOUND_REFUSED, why, size, "The next attempt moves to a day to come.");
    AUTO_STR text = days > most     ? str_fmt("Billing's next attempt may move by %lld days, to %s at most.", (long long)most, when_day(day, when_add_days(now_ms, (int)most, zone), zone))
                    : days > inside ? str_fmt("Longer than the %lld days that need no approval.", (long long)inside)
                                             : str_fmt("Not longer than %lld days.", (long long)inside);
    return answer(days > most ? BOUND_REFUSED : days > inside ? BOUND_MANAGER : BOUND_INSIDE, why, size, text);
}
