/* Amounts by currency. Every amount of the two files that people write (people.yaml, policy.yaml) has this one
 * form, so it is read in one place: an amount is only ever compared with one of its own currency, and a currency
 * that is not listed has no limit to be inside of.
 *
 * YAML gives 22500.50 as a double. It is printed with the currency's own decimals and accepted only if that is the
 * same double again, so nothing is rounded in silence; from there on it is an integer. */
#include "engine/limits.h"

#include <stdio.h>
#include <string.h>

enum { LIMITS_MAX = 64 };

/* The decimal text of a YAML scalar, "" when it is not an amount in this currency. */
static void amount_text(char out[64], const json_t *value, const char *currency)
{
    out[0] = '\0';
    if (json_is_string(value) && json_string_length(value) < 64)
        str_copy(out, 64, json_string_value(value));
    else if (json_is_integer(value))
        snprintf(out, 64, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value) && json_real_value(value) < 1e15 && json_real_value(value) >= 0) {
        snprintf(out, 64, "%.*f", money_exponent(currency), json_real_value(value));
        double again = strtod(out, NULL), was = json_real_value(value);
        if (again < was || again > was)
            out[0] = '\0';
    }
}

static bool limit_read(const struct doc *d, const json_t *map, const char *currency, const char *where,
                       struct money *out, struct problems *p)
{
    int line = doc_line(d, map, currency);
    struct money m = money_of(0, currency);
    if (money_exponent(currency) < 0 || !str_eq(m.currency, currency)) {
        problems_add(p, doc_name(d), line, "%s: \"%.20s\" is not a currency; write an ISO 4217 code such as USD",
                     where, currency);
        return false;
    }
    char text[64];
    amount_text(text, json_object_get(map, currency), currency);
    struct err e = {0};
    if (!text[0] || money_parse(&m, text, currency, &e) < 0) {
        problems_add(p, doc_name(d), line,
                     "%s.%s is not an amount%s%s; write it in whole units, such as 25000 or \"25000.50\"", where,
                     currency, e.text[0] ? ": " : "", e.text);
        return false;
    }
    *out = m;
    return true;
}

size_t limits_read(const struct doc *d, const json_t *object, const char *key, const char *where, struct money **out,
                   struct problems *p)
{
    *out = NULL;
    const json_t *map = json_object_get(object, key);
    if (!map)
        return 0;
    if (!json_is_object(map) || json_object_size(map) == 0 || json_object_size(map) > LIMITS_MAX) {
        problems_add(p, doc_name(d), doc_line(d, object, key),
                     "%s must give amounts by currency, such as {USD: 25000}", where);
        return 0;
    }
    struct money *all = mem_alloc(json_object_size(map) * sizeof(*all));
    size_t n = 0;
    for (void *it = json_object_iter((json_t *)(uintptr_t)map); it;
         it = json_object_iter_next((json_t *)(uintptr_t)map, it))
        n += limit_read(d, map, json_object_iter_key(it), where, &all[n], p);
    *out = all;
    return n;
}

json_t *limits_read_json(const struct doc *d, const json_t *object, const char *key, const char *where,
                         struct problems *p)
{
    if (!json_object_get(object, key))
        return NULL;
    struct money *all;
    size_t n = limits_read(d, object, key, where, &all, p);
    json_t *map = json_object();
    for (size_t i = 0; i < n; i++)
        json_put_i64(map, all[i].currency, all[i].minor);
    free(all);
    return map;
}

bool limits_get(const json_t *limits, const char *currency, struct money *out)
{
    const json_t *minor = currency[0] ? json_object_get(limits, currency) : NULL;
    if (!json_is_integer(minor))
        return false;
    *out = money_of(json_integer_value(minor), currency);
    return true;
}
