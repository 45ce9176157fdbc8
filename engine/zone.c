/* Time zones, from the files of the tz database (RFC 8536).
 *
 * Why our own reader: one question is asked here, how far a zone is from UTC at a moment, for many zones in one process
 * and from several threads. The C library knows one zone a process; ICU answers, at four megabytes of resident memory,
 * a fifth of all we use; GLib 2.74 takes two, and is an hour off for Dublin in summers after 2037, whose winter is the
 * file's "daylight saving time".
 *
 * A file lists the moments at which the offset changes, up to some year, and a rule for all years after. A zone is read
 * once, when it is first named, and never changes or goes away, so threads share it without a lock; there are no more of
 * them than the database has names. Files are the system's, but are read as if they were foreign: every count is checked
 * against the file's size. */
#include "engine/zone.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 48, FILE_MOST = 64 << 10, HEADER = 44, RULE_MOST = 64, HOURS_MOST = 167, YEAR_DAYS = 366 };
#define DATABASE "/usr/share/zoneinfo/"
#define DAY_S INT64_C(86400)

/* "The 5th Sunday of March at 01:00", as seconds of a clock that shows the time before the change. */
struct change {
    char kind; /* 'M': month, week (5 is the last), weekday; 'J': day 1 to 365, never 29 February; 'n': day 0 to 365 */
    int month, week, day;
    int64_t time_s;
};

struct rule {
    bool exists, has_dst;
    int64_t std_s, dst_s;
    struct change begins, ends;
};

struct zone {
    struct zone *next;
    char name[NAME_SIZE];
    size_t n;
    int64_t *at_s;      /* n moments, ascending */
    int32_t *offset_s;  /* n + 1: [0] before the first, [i + 1] from the i-th on */
    struct rule rule;   /* from the last moment on */
};

static _Atomic(struct zone *) zones;

/* --- the rule for the years to come, a POSIX TZ string: "CET-1CEST,M3.5.0,M10.5.0/3" --- */

static bool take(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

static bool take_number(const char **p, int most, int *out)
{
    int n = 0;
    const char *began = *p;
    while (**p >= '0' && **p <= '9' && *p - began < 4)
        n = n * 10 + (*(*p)++ - '0');
    *out = n;
    return *p > began && n <= most;
}

static bool take_name(const char **p)
{
    const char *began = *p;
    if (take(p, '<')) {
        while (**p && **p != '>')
            (*p)++;
        return take(p, '>');
    }
    while ((**p >= 'A' && **p <= 'Z') || (**p >= 'a' && **p <= 'z'))
        (*p)++;
    return *p - began >= 3;
}

static bool take_time(const char **p, int64_t *seconds)
{
    int part = 0;
    bool negative = take(p, '-');
    if (!negative)
        take(p, '+');
    if (!take_number(p, HOURS_MOST, &part))
        return false;
    *seconds = part * INT64_C(3600);
    for (int64_t unit = 60; unit >= 1 && take(p, ':'); unit /= 60) {
        if (!take_number(p, 59, &part))
            return false;
        *seconds += part * unit;
    }
    *seconds = negative ? -*seconds : *seconds;
    return true;
}

static bool take_change(const char **p, struct change *c)
{
    *c = (struct change){.kind = take(p, 'M') ? 'M' : take(p, 'J') ? 'J' : 'n', .time_s = 7200};
    if (c->kind != 'M' && !take_number(p, YEAR_DAYS, &c->day))
        return false;
    if (c->kind == 'M' && (!take_number(p, 12, &c->month) || !take(p, '.') || !take_number(p, 5, &c->week) || !take(p, '.') ||
                           !take_number(p, 6, &c->day) || c->month < 1 || c->week < 1))
        return false;
    return !take(p, '/') || take_time(p, &c->time_s);
}

static bool rule_read(struct rule *r, const char *text)
{
    const char *p = text;
    *r = (struct rule){.exists = *text != '\0'};
    if (!r->exists)
        return true;
    if (!take_name(&p) || !take_time(&p, &r->std_s))
        return false;
    r->std_s = -r->std_s; /* POSIX counts westwards */
    r->has_dst = *p != '\0';
    if (!r->has_dst)
        return true;
    r->dst_s = r->std_s + 3600;
    if (!take_name(&p))
        return false;
    if (*p != ',') {
        if (!take_time(&p, &r->dst_s))
            return false;
        r->dst_s = -r->dst_s;
    }
    return take(&p, ',') && take_change(&p, &r->begins) && take(&p, ',') && take_change(&p, &r->ends) && !*p;
}

/* --- the calendar --- */

/* Eras of 400 years keep it exact; years that begin in March put the leap day last. */
int64_t zone_days_of(int year, int month, int day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int year_of(int64_t at_s)
{
    int64_t days = floor_div(at_s, DAY_S);
    int year = (int)(1970 + floor_div(days, 366)); /* at most some years too early or late */
    while (zone_days_of(year, 1, 1) > days)
        year--;
    while (zone_days_of(year + 1, 1, 1) <= days)
        year++;
    return year;
}

static int64_t change_day(const struct change *c, int year)
{
    int64_t first = zone_days_of(year, 1, 1);
    bool leap = zone_days_of(year + 1, 1, 1) - first == YEAR_DAYS;
    if (c->kind == 'n')
        return first + c->day;
    if (c->kind == 'J')
        return first + c->day - 1 + (leap && c->day >= 60);
    int64_t month = zone_days_of(year, c->month, 1), next = c->month == 12 ? zone_days_of(year + 1, 1, 1) : zone_days_of(year, c->month + 1, 1);
    int64_t weekday = ((month + 4) % 7 + 7) % 7; /* of the month's first; 0 is Sunday */
    int64_t day = month + (c->day - weekday + 7) % 7 + (c->week - 1) * INT64_C(7);
    return day < next ? day : day - 7;
}

static int64_t rule_offset(const struct rule *r, int64_t at_s)
{
    if (!r->has_dst)
        return r->std_s;
    int year = year_of(at_s + r->std_s);
    int64_t begins = change_day(&r->begins, year) * DAY_S + r->begins.time_s - r->std_s;
    int64_t ends = change_day(&r->ends, year) * DAY_S + r->ends.time_s - r->dst_s;
    bool dst = begins < ends ? at_s >= begins && at_s < ends : at_s >= begins || at_s < ends;
    return dst ? r->dst_s : r->std_s;
}

/* --- the file --- */

static int64_t big_endian(const unsigned char *p, size_t bytes)
{
    uint64_t n = p[0] & 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < bytes; i++)
        n = n << 8 | p[i];
    return (int64_t)n;
}

/* One of a file's two parts: the first has times of 4 bytes and is passed over, the second of 8. */
struct part {
    size_t isuts, isstds, leaps, times, types, chars;
    const unsigned char *data, *end;
};

static bool part_read(struct part *p, const unsigned char *from, const unsigned char *file_end, size_t time_size)
{
    size_t left = (size_t)(file_end - from), n[6];
    if (left < HEADER || memcmp(from, "TZif", 4) != 0 || from[4] < '2')
        return false;
    for (size_t i = 0; i < 6; i++) {
        int64_t count = big_endian(from + 20 + 4 * i, 4);
        if (count < 0 || count > FILE_MOST)
            return false;
        n[i] = (size_t)count;
    }
    *p = (struct part){.isuts = n[0], .isstds = n[1], .leaps = n[2], .times = n[3], .types = n[4], .chars = n[5], .data = from + HEADER};
    size_t size = p->times * (time_size + 1) + p->types * 6 + p->chars + p->leaps * (time_size + 4) + p->isstds + p->isuts;
    p->end = p->data + size;
    return p->types > 0 && size <= left - HEADER;
}

/* Leap seconds would make ours differ from everybody's milliseconds: no such file is read. */
static bool zone_read(struct zone *z, const unsigned char *file, size_t n)
{
    struct part p;
    if (!part_read(&p, file, file + n, 4) || !part_read(&p, p.end, file + n, 8) || p.leaps > 0)
        return false;
    const unsigned char *which = p.data + 8 * p.times, *types = which + p.times;
    z->n = p.times;
    z->at_s = mem_alloc((p.times + 1) * sizeof *z->at_s);
    z->offset_s = mem_alloc((p.times + 1) * sizeof *z->offset_s);
    z->offset_s[0] = (int32_t)big_endian(types, 4);
    for (size_t i = 0; i < p.times; i++) {
        if (which[i] >= p.types)
            return false;
        z->at_s[i] = big_endian(p.data + 8 * i, 8);
        z->offset_s[i + 1] = (int32_t)big_endian(types + 6 * which[i], 4);
        if (i > 0 && z->at_s[i] <= z->at_s[i - 1])
            return false;
    }
    char rule[RULE_MOST];
    size_t left = (size_t)(file + n - p.end), used = 0;
    while (used + 1 < left && used < RULE_MOST && p.end[1 + used] != '\n')
        used++;
    if (left < 2 || p.end[0] != '\n' || used == RULE_MOST || used + 1 == left)
        return false;
    memcpy(rule, p.end + 1, used);
    rule[used] = '\0';
    return rule_read(&z->rule, rule);
}

/* Beside the zones the database's folder holds two copies of itself, one with leap seconds; and a name is a path there. */
static bool name_fits(const char *name)
{
    size_t n = strnlen(name, NAME_SIZE);
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && (i == 0 || !strchr("_+-/", c)))
            return false;
    }
    return n > 0 && n < NAME_SIZE && strncmp(name, "right/", 6) != 0 && strncmp(name, "posix/", 6) != 0;
}

static void zone_free(struct zone *z)
{
    free(z->at_s);
    free(z->offset_s);
    free(z);
}

static struct zone *zone_open(const char *name)
{
    AUTO_STR path = str_fmt(DATABASE "%s", name);
    FILE *f = fopen(path, "re");
    if (!f)
        return NULL;
    unsigned char *file = mem_alloc(FILE_MOST);
    size_t n = fread(file, 1, FILE_MOST, f);
    fclose(f);
    struct zone *z = mem_alloc(sizeof *z);
    str_copy(z->name, sizeof z->name, name);
    bool fine = n < FILE_MOST && zone_read(z, file, n);
    free(file);
    if (fine)
        return z;
    zone_free(z);
    return NULL;
}

static const struct zone *listed(const struct zone *from, const char *name)
{
    while (from && strcmp(from->name, name) != 0)
        from = from->next;
    return from;
}

static const struct zone *zone_find(const char *name)
{
    struct zone *head = atomic_load(&zones);
    const struct zone *known = listed(head, name);
    if (known || !name_fits(name))
        return known;
    struct zone *fresh = zone_open(name);
    if (!fresh)
        return NULL;
    do {
        known = listed(head, name);
        fresh->next = head;
    } while (!known && !atomic_compare_exchange_weak(&zones, &head, fresh));
    if (!known)
        return fresh;
    zone_free(fresh); /* another thread was quicker */
    return known;
}

bool zone_known(const char *name)
{
    return zone_find(name) != NULL;
}

int64_t zone_offset_ms(const char *name, int64_t at_ms)
{
    const struct zone *z = zone_find(name);
    if (!z)
        return 0;
    int64_t at_s = floor_div(at_ms, 1000);
    size_t low = 0, high = z->n; /* how many of the moments have passed */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (z->at_s[mid] <= at_s)
            low = mid + 1;
        else
            high = mid;
    }
    int64_t seconds = low == z->n && z->rule.exists ? rule_offset(&z->rule, at_s) : z->offset_s[low];
    return seconds * 1000;
}
