/* The parts of people.yaml that are lists: groups of people, the regions and accounts somebody decides for, working hours. */
#include <stdio.h>
#include <string.h>

#include "engine/nearest.h"
#include "engine/people_parts.h"

json_t *people_read_list(const struct people_reader *r, const char *field, const char *example)
{
    const json_t *list = json_object_get(r->row, field);
    json_t *out = json_array();
    bool fine = !list || (json_is_array(list) && json_array_size(list) > 0 && json_array_size(list) <= PEOPLE_LIST_MAX);
    for (size_t i = 0; fine && i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        fine = json_is_string(v) && json_string_length(v) > 0 && json_string_length(v) <= 128;
        if (fine)
            json_array_append(out, json_array_get(list, i));
    }
    AUTO_STR text = str_fmt("must be a list such as %s; quote what looks like a number", example);
    if (!fine)
        people_complain(r, field, text);
    return out;
}

/* ---- hours ---- */

static const char *const weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static int weekday_of(const char *text, size_t n)
{
    for (int i = 0; weekdays[i]; i++)
        if (n == 3 && strncmp(weekdays[i], text, 3) == 0)
            return i;
    return -1;
}

/* "mon-fri", "mon,wed,fri", "sun-thu" as bits, Sunday the first; 0 when it is no such list. */
static unsigned days_of(const char *text)
{
    unsigned days = 0;
    while (text && text[0]) {
        size_t n = strcspn(text, ",");
        const char *dash = memchr(text, '-', n);
        int first = weekday_of(text, dash ? (size_t)(dash - text) : n);
        int last = dash ? weekday_of(dash + 1, n - (size_t)(dash + 1 - text)) : first;
        if (first < 0 || last < 0)
            return 0;
        for (int i = first;; i = (i + 1) % 7) {
            days |= 1u << i;
            if (i == last)
                break;
        }
        text += text[n] == ',' ? n + 1 : n;
    }
    return days;
}

/* "09:00" as minutes of the day, "24:00" its end; -1 when it is none. */
static int minutes_of(const char *text)
{
    if (!text || strlen(text) != 5 || text[2] != ':' || strspn(text, "0123456789:") != 5)
        return -1;
    int hour = (text[0] - '0') * 10 + text[1] - '0', minute = (text[3] - '0') * 10 + text[4] - '0';
    return minute < 60 && hour * 60 + minute <= 24 * 60 ? hour * 60 + minute : -1;
}

void people_read_hours(const struct people_reader *r, struct person *who)
{
    static const char *const known[] = {"days", "from", "to", NULL};
    const json_t *map = json_object_get(r->row, "hours");
    if (!map)
        return;
    struct work_hours h = {.days = days_of(json_str(map, "days", "")), .from = minutes_of(json_str(map, "from", "")),
                           .to = minutes_of(json_str(map, "to", ""))};
    if (!json_is_object(map) || h.days == 0 || h.from < 0 || h.to <= h.from) {
        people_complain(r, "hours", "must say days and times, such as {days: mon-fri, from: \"09:00\", to: \"17:30\"}");
        return;
    }
    doc_known_keys(r->d, map, "hours", known, r->p);
    who->hours = h;
}

/* ---- groups ---- */

static void read_group(const struct doc *d, const json_t *map, const char *name, struct people *all, struct problems *p)
{
    const json_t *list = json_object_get(map, name);
    bool taken = role_of(name) || str_eq(name, "approver") || people_by_key(all, name);
    if (!people_key_well_formed(name) || taken) {
        problems_add(p, doc_name(d), doc_line(d, map, name), "groups.%.40s: %s; use up to 40 of a-z, 0-9, dot, dash and underscore", name,
                     taken ? "this name is a role or a person already" : "a group cannot be named so");
        return;
    }
    json_t *out = json_array();
    if (!json_is_array(list) || json_array_size(list) == 0 || json_array_size(list) > PEOPLE_LIST_MAX)
        problems_add(p, doc_name(d), doc_line(d, map, name), "groups.%s must be a list of people, such as [manager1, manager2]", name);
    for (size_t i = 0; json_is_array(list) && i < json_array_size(list) && i < PEOPLE_LIST_MAX; i++) {
        const char *key = json_string_value(json_array_get(list, i));
        if (key && people_by_key(all, key))
            json_array_append_new(out, json_string(key));
        else
            problems_add(p, doc_name(d), doc_line(d, map, name), "groups.%s: \"%.40s\" is nobody in this file; list the keys of people", name,
                         key ? key : "?");
    }
    json_put_new(all->groups, name, out);
}

void people_read_groups(const struct doc *d, const json_t *root, struct people *all, struct problems *p)
{
    const json_t *map = json_object_get(root, "groups");
    all->groups = json_object();
    if (map && (!json_is_object(map) || json_object_size(map) > PEOPLE_LIST_MAX)) {
        problems_add(p, doc_name(d), doc_line(d, root, "groups"), "groups must be a map such as {eu-managers: [manager1, manager2]}");
        return;
    }
    json_t *walk = json_object_get(root, "groups");
    for (void *it = walk ? json_object_iter(walk) : NULL; it; it = json_object_iter_next(walk, it))
        read_group(d, map, json_object_iter_key(it), all, p);
}
