/* Which days are business days. An instalment that falls on a weekend or a holiday is due on the next business day, where the
 * policy has a calendar: banks would not move the money before, and nobody would be there to see it fail. Days are days of the
 * customer's zone; holidays are written down one by one, because which ones count is the company's to say. */
#include <string.h>

#include "engine/policy_parts.h"
#include "engine/when.h"

enum { HOLIDAYS_MOST = 1000, MOVES_MOST = 30 };

static const char *const weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static int weekday_of(const char *word)
{
    for (int i = 0; word && i < 7; i++)
        if (str_eq(weekdays[i], word))
            return i;
    return -1;
}

static json_t *read_days(const struct policy_reader *r, const json_t *map, const char *key, bool holidays)
{
    const json_t *list = json_object_get(map, key);
    json_t *out = json_array();
    if (list && (!json_is_array(list) || json_array_size(list) > HOLIDAYS_MOST))
        problems_add(r->p, doc_name(r->d), doc_line(r->d, map, key), "calendar.%s: write a list, such as %s", key, holidays ? "[2026-12-25, 2027-01-01]" : "[sat, sun]");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        int64_t at;
        bool known = text && (holidays ? when_parse_day(&at, text, NULL, NULL) == 0 : weekday_of(text) >= 0);
        if (known)
            json_array_append_new(out, json_string(text));
        else
            problems_add(r->p, doc_name(r->d), doc_line(r->d, map, key), "calendar.%s: \"%.40s\" is not a %s", key, text ? text : "?",
                         holidays ? "day such as 2026-12-25" : "weekday; write sat, sun or the like");
    }
    return out;
}

json_t *policy_read_calendar(const struct policy_reader *r, const json_t *root)
{
    static const char *const known[] = {"holidays", "weekend", NULL};
    const json_t *map = policy_section(r, root, "calendar", "calendar", known);
    json_t *out = json_object();
    json_t *weekend = json_object_get(map, "weekend") ? read_days(r, map, "weekend", false) : json_pack("[s, s]", "sat", "sun");
    if (json_array_size(weekend) >= 7)
        problems_add(r->p, doc_name(r->d), doc_line(r->d, map, "weekend"), "calendar.weekend: a week needs a day that is none of it");
    json_put_new(out, "weekend", weekend);
    json_put_new(out, "holidays", read_days(r, map, "holidays", true));
    return out;
}

static bool listed(const json_t *days, const char *day)
{
    for (size_t i = 0; i < json_array_size(days); i++)
        if (str_eq(json_string_value(json_array_get(days, i)), day))
            return true;
    return false;
}

bool policy_business_day(const struct policy *p, int64_t at_ms, const char *zone)
{
    char day[WHEN_TEXT_SIZE];
    const json_t *calendar = p ? json_object_get(p->root, "calendar") : NULL;
    return !calendar || (!listed(json_object_get(calendar, "weekend"), weekdays[when_civil(at_ms, zone).weekday]) &&
                         !listed(json_object_get(calendar, "holidays"), when_iso_day(day, at_ms, zone)));
}

int64_t policy_next_business_day(const struct policy *p, int64_t at_ms, const char *zone)
{
    int64_t at = at_ms;
    for (int i = 1; i <= MOVES_MOST && !policy_business_day(p, at, zone); i++)
        at = when_add_days(at_ms, i, zone);
    return at;
}
