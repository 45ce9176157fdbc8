/* How patient Dunwell is with people who do not answer. A list of hours must rise and end before the request is parked:
 * a reminder that could never be sent is a mistake in the file and is named as one. */
#include "engine/policy_attention.h"

#include <stdio.h>
#include <string.h>

#include "engine/limits.h"

static const int64_t remind_usual[] = {4, 12, 24};

/* The usual reminders, as far as the request lives. */
static json_t *remind_default(int64_t expire_hours)
{
    json_t *list = json_array();
    for (size_t i = 0; i < DW_ARRAY_LEN(remind_usual); i++)
        if (remind_usual[i] < expire_hours)
            json_array_append_new(list, json_integer((json_int_t)remind_usual[i]));
    return list;
}

static json_t *read_remind(const struct policy_reader *r, const json_t *approvals, int64_t expire_hours)
{
    const json_t *list = json_object_get(approvals, "remind_hours");
    json_t *out = json_array();
    int64_t before = 0;
    bool fine = json_is_array(list) && json_array_size(list) <= REMIND_MOST;
    if (!list) {
        json_decref(out);
        return remind_default(expire_hours);
    }
    for (size_t i = 0; fine && i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        int64_t hours = json_is_integer(v) ? json_integer_value(v) : 0;
        fine = hours > before && hours < expire_hours;
        json_array_append_new(out, json_integer((json_int_t)hours));
        before = hours;
    }
    if (!fine)
        problems_add(r->p, doc_name(r->d), doc_line(r->d, approvals, "remind_hours"),
                     "approvals.remind_hours must be a list of up to %d rising whole hours, each below approvals.expire_hours (%lld), such as [4, 12, 24]",
                     REMIND_MOST, (long long)expire_hours);
    return out;
}

static bool read_names(const json_t *list, json_t *out)
{
    size_t n = json_array_size(list);
    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name || !name[0] || strlen(name) > 40)
            return false;
        json_array_append_new(out, json_string(name));
    }
    return json_is_array(list) && n > 0 && n <= 16;
}

/* One step; its hours, or -1 when it is wrong. */
static int64_t read_step(const struct policy_reader *r, const json_t *list, size_t i, int64_t before, int64_t expire_hours, json_t *out)
{
    static const char *const known[] = {"after_hours", "ask", NULL};
    const json_t *map = json_array_get(list, i), *hours = json_object_get(map, "after_hours");
    json_t *names = json_array(), *step = json_object();
    if (json_is_object(map))
        doc_known_keys(r->d, map, "approvals.escalate", known, r->p);
    bool fine = json_is_integer(hours) && json_integer_value(hours) > before && json_integer_value(hours) < expire_hours &&
                read_names(json_object_get(map, "ask"), names);
    json_put_i64(step, "after_hours", fine ? json_integer_value(hours) : 0);
    json_put_new(step, "ask", names);
    json_array_append_new(out, step);
    if (fine)
        return json_integer_value(hours);
    problems_add(r->p, doc_name(r->d), doc_item_line(r->d, list, i),
                 "approvals.escalate: write {after_hours: 24, ask: [finance]}, with hours that rise and stay below approvals.expire_hours (%lld), and roles or people's keys",
                 (long long)expire_hours);
    return before;
}

static json_t *read_escalate(const struct policy_reader *r, const json_t *approvals, int64_t expire_hours)
{
    const json_t *list = json_object_get(approvals, "escalate");
    json_t *out = json_array();
    int64_t before = 0;
    if (list && (!json_is_array(list) || json_array_size(list) > ESCALATE_MOST))
        problems_add(r->p, doc_name(r->d), doc_line(r->d, approvals, "escalate"),
                     "approvals.escalate must be a list of up to %d steps, such as [{after_hours: 24, ask: [finance]}]", ESCALATE_MOST);
    for (size_t i = 0; i < json_array_size(list) && i < ESCALATE_MOST; i++)
        before = read_step(r, list, i, before, expire_hours, out);
    return out;
}

void policy_read_patience(const struct policy_reader *r, const json_t *approvals, json_t *out)
{
    int64_t expire_hours = json_i64(out, "expire_hours", 0);
    json_put_new(out, "remind_hours", read_remind(r, approvals, expire_hours));
    json_put_new(out, "escalate", read_escalate(r, approvals, expire_hours));
}

/* "20:00" as minutes; -1 when it is none. */
static int64_t minutes_of(const char *text)
{
    int hour = 0, minute = 0;
    char rest = 0;
    bool fine = text && strlen(text) == 5 && sscanf(text, "%2d:%2d%c", &hour, &minute, &rest) == 2 && hour >= 0 && hour < 24 && minute >= 0 && minute < 60;
    return fine ? hour * 60 + minute : -1;
}

static void read_quiet(const struct policy_reader *r, const json_t *map, json_t *out)
{
    static const char *const known[] = {"from", "to", NULL};
    const json_t *quiet = json_object_get(map, "quiet");
    int64_t from = minutes_of(json_str(quiet, "from", NULL)), to = minutes_of(json_str(quiet, "to", NULL));
    if (!quiet)
        return;
    if (json_is_object(quiet))
        doc_known_keys(r->d, quiet, "attention.quiet", known, r->p);
    if (from < 0 || to < 0 || from == to)
        problems_add(r->p, doc_name(r->d), doc_line(r->d, map, "quiet"), "attention.quiet must be two different times in quotes, such as {from: \"20:00\", to: \"07:00\"}");
    json_put_new(out, "quiet", json_pack("{s:I, s:I}", "from", (json_int_t)from, "to", (json_int_t)to));
}

json_t *policy_read_attention(const struct policy_reader *r, const json_t *root)
{
    static const char *const known[] = {"pings_per_hour", "quiet", "small", NULL};
    const json_t *map = json_object_get(root, "attention");
    json_t *out = json_object();
    if (map && !json_is_object(map))
        problems_add(r->p, doc_name(r->d), doc_line(r->d, root, "attention"), "attention must be a map of names and values");
    if (json_is_object(map))
        doc_known_keys(r->d, map, "attention", known, r->p);
    json_put_i64(out, "pings_per_hour", policy_integer(r, map, "pings_per_hour", "attention", 1, 1000, 6));
    read_quiet(r, map, out);
    json_t *small = limits_read_json(r->d, map, "small", "attention.small", r->p);
    json_put_new(out, "small", small ? small : json_pack("{s:i}", "USD", 100000));
    return out;
}

static int weekday_of(const char *text)
{
    static const char *const days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
    for (int i = 0; i < 7; i++)
        if (strncmp(text, days[i], 3) == 0 && text[3] == ' ')
            return i;
    return -1;
}

json_t *policy_read_reports(const struct policy_reader *r, const json_t *root)
{
    static const char *const known[] = {"weekly", NULL};
    const json_t *map = json_object_get(root, "reports");
    const char *weekly = json_str(map, "weekly", NULL);
    json_t *out = json_object();
    if (json_is_object(map))
        doc_known_keys(r->d, map, "reports", known, r->p);
    int64_t minutes = weekly && strlen(weekly) > 4 ? minutes_of(weekly + 4) : -1, day = weekly ? weekday_of(weekly) : -1;
    if (map && (!json_is_object(map) || (json_object_get(map, "weekly") && (minutes < 0 || day < 0))))
        problems_add(r->p, doc_name(r->d), doc_line(r->d, root, "reports"), "reports must be a day and a time in quotes, such as {weekly: \"mon 09:00\"}");
    if (weekly) {
        json_put_i64(out, "weekday", day);
        json_put_i64(out, "minutes", minutes);
    }
    return out;
}

bool policy_weekly(const struct policy *p, int *weekday, int *minutes)
{
    *weekday = (int)json_i64(p->root, "reports.weekday", -1);
    *minutes = (int)json_i64(p->root, "reports.minutes", -1);
    return *weekday >= 0;
}

int policy_pings_per_hour(const struct policy *p)
{
    return (int)json_i64(p->root, "attention.pings_per_hour", 6);
}

bool policy_quiet(const struct policy *p, int *from, int *to)
{
    *from = (int)json_i64(p->root, "attention.quiet.from", -1);
    *to = (int)json_i64(p->root, "attention.quiet.to", -1);
    return *from >= 0;
}

bool policy_small(const struct policy *p, const char *currency, struct money *out)
{
    return limits_get(json_at(p->root, "attention.small"), currency, out);
}

int policy_remind_hours(const struct policy *p, size_t step)
{
    const json_t *v = json_array_get(json_at(p->root, "approvals.remind_hours"), step);
    return v ? (int)json_integer_value(v) : -1;
}

int policy_escalate_hours(const struct policy *p, size_t step)
{
    return (int)json_i64(json_array_get(json_at(p->root, "approvals.escalate"), step), "after_hours", -1);
}

const json_t *policy_escalate_ask(const struct policy *p, size_t step)
{
    return json_object_get(json_array_get(json_at(p->root, "approvals.escalate"), step), "ask");
}
