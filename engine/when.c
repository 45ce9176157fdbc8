/* Times are one number, milliseconds UTC; calendars and zones appear only where people read or write them.
 *
 * The civil arithmetic is our own (days since 1970 and back, in the proleptic Gregorian calendar); zone.c answers a
 * single question: how far is this zone from UTC at this moment? TZ and localtime cannot answer it for many zones in one
 * process.
 *
 * Moments outside the years 1 to 9999 are moved to that edge, so text never grows and nothing overflows. A zone
 * that does not exist counts as UTC here; configuration refuses it first (when_zone_known). */
#include "engine/when.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/zone.h"

static const int64_t FIRST_MS = INT64_C(-62135596800000), LAST_MS = INT64_C(253402300799999);

static const char *const weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static bool zone_is_utc(const char *zone)
{
    return !zone || !zone[0] || strcmp(zone, "UTC") == 0 || strcmp(zone, "Etc/UTC") == 0;
}

bool when_zone_known(const char *zone)
{
    return zone_is_utc(zone) || zone_known(zone);
}

static int64_t zone_offset(int64_t at_ms, const char *zone)
{
    return zone_is_utc(zone) ? 0 : zone_offset_ms(zone, at_ms);
}

/* --- civil arithmetic
 * --------------------------------------------------------------------------------------------- */

static int64_t clamp(int64_t at_ms)
{
    return at_ms < FIRST_MS ? FIRST_MS : at_ms > LAST_MS ? LAST_MS : at_ms;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static struct civil civil_of(int64_t local_ms)
{
    int64_t days = floor_div(local_ms, MS_DAY), of_day = local_ms - days * MS_DAY;
    int64_t z = days + 719468, era = floor_div(z, 146097), of_era = z - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    struct civil c = {.day = (int)(of_year - (153 * m + 2) / 5 + 1), .month = (int)(m < 10 ? m + 3 : m - 9)};
    c.year = (int)(y + era * 400 + (c.month <= 2));
    c.hour = (int)(of_day / MS_HOUR);
    c.minute = (int)(of_day % MS_HOUR / MS_MINUTE);
    c.weekday = (int)(((days + 4) % 7 + 7) % 7);
    return c;
}

/* From a wall clock's milliseconds to the moment. The offsets a day before and after are the only candidates; the
 * earlier one wins when both fit (an hour that comes twice) and when neither does (an hour that is skipped). */
static int64_t from_local(int64_t local_ms, const char *zone)
{
    int64_t before = zone_offset(clamp(local_ms - MS_DAY), zone), after = zone_offset(clamp(local_ms + MS_DAY), zone);
    if (before != after && zone_offset(clamp(local_ms - before), zone) != before &&
        zone_offset(clamp(local_ms - after), zone) == after)
        return local_ms - after;
    return local_ms - before;
}

static int64_t to_local(int64_t at_ms, const char *zone)
{
    at_ms = clamp(at_ms);
    return at_ms + zone_offset(at_ms, zone);
}

struct civil when_civil(int64_t at_ms, const char *zone)
{
    return civil_of(to_local(at_ms, zone));
}

int64_t when_of_civil(struct civil c, const char *zone)
{
    return from_local(zone_days_of(c.year, c.month, c.day) * MS_DAY + c.hour * MS_HOUR + c.minute * MS_MINUTE, zone);
}

int when_month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

/* --- for people and files
 * ----------------------------------------------------------------------------------------- */

const char *when_rfc3339(char out[WHEN_TEXT_SIZE], int64_t at_ms)
{
    at_ms = clamp(at_ms);
    struct civil c = civil_of(at_ms);
    int64_t of_minute = at_ms - floor_div(at_ms, MS_MINUTE) * MS_MINUTE;
    snprintf(out, WHEN_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year, c.month, c.day, c.hour, c.minute,
             (int)(of_minute / MS_SECOND), (int)(of_minute % MS_SECOND));
    return out;
}

const char *when_day(char out[WHEN_TEXT_SIZE], int64_t at_ms, const char *zone)
{
    struct civil c = when_civil(at_ms, zone);
    snprintf(out, WHEN_TEXT_SIZE, "%d %s %d", c.day, months[c.month - 1], c.year);
    return out;
}

const char *when_text(char out[WHEN_TEXT_SIZE], int64_t at_ms, const char *zone)
{
    int64_t offset = to_local(at_ms, zone) - clamp(at_ms);
    int minutes = (int)((offset < 0 ? -offset : offset) / MS_MINUTE);
    struct civil c = when_civil(at_ms, zone);
    char distance[16] = "", part[8] = "";
    if (minutes % 60 != 0)
        snprintf(part, sizeof(part), ":%02d", minutes % 60);
    if (minutes != 0)
        snprintf(distance, sizeof(distance), "%c%d%s", offset < 0 ? '-' : '+', minutes / 60 % 100, part);
    snprintf(out, WHEN_TEXT_SIZE, "%s %d %s %d %02d:%02d UTC%s", weekdays[c.weekday], c.day, months[c.month - 1],
             c.year, c.hour, c.minute, distance);
    return out;
}

const char *when_age(char out[WHEN_TEXT_SIZE], int64_t span_ms)
{
    int64_t ms = span_ms < 0 ? 0 : span_ms;
    if (ms < MS_MINUTE)
        snprintf(out, WHEN_TEXT_SIZE, "%" PRId64 " s", ms / MS_SECOND);
    else if (ms < MS_HOUR)
        snprintf(out, WHEN_TEXT_SIZE, "%" PRId64 " min", ms / MS_MINUTE);
    else if (ms < 2 * MS_DAY)
        snprintf(out, WHEN_TEXT_SIZE, "%" PRId64 " h", ms / MS_HOUR);
    else
        snprintf(out, WHEN_TEXT_SIZE, "%" PRId64 " days", ms / MS_DAY);
    return out;
}

const char *when_ago(char out[WHEN_TEXT_SIZE], int64_t span_ms)
{
    char age[WHEN_TEXT_SIZE];
    bool now = span_ms < 5 * MS_SECOND;
    snprintf(out, WHEN_TEXT_SIZE, "%.40s%s", now ? "just now" : when_age(age, span_ms), now ? "" : " ago");
    return out;
}

const char *when_iso_day(char out[WHEN_TEXT_SIZE], int64_t at_ms, const char *zone)
{
    struct civil c = when_civil(at_ms, zone);
    snprintf(out, WHEN_TEXT_SIZE, "%04d-%02d-%02d", c.year, c.month, c.day);
    return out;
}

/* --- moving
 * ------------------------------------------------------------------------------------------------------- */

int64_t when_business_hour(int64_t from_ms, int hour, const char *zone)
{
    struct civil c = when_civil(from_ms, zone);
    int64_t day = zone_days_of(c.year, c.month, c.day);
    for (;; day++) {
        int64_t at_ms = from_local(day * MS_DAY + hour * MS_HOUR, zone);
        int weekday = civil_of(day * MS_DAY).weekday;
        if (at_ms >= clamp(from_ms) && weekday >= 1 && weekday <= 5)
            return at_ms;
    }
}

int64_t when_add_days(int64_t from_ms, int days, const char *zone)
{
    return from_local(to_local(from_ms, zone) + days * MS_DAY, zone);
}

int64_t when_add_months(int64_t from_ms, int count, const char *zone)
{
    int64_t local = to_local(from_ms, zone);
    struct civil c = civil_of(local);
    int64_t month = (int64_t)c.year * 12 + c.month - 1 + count;
    int year = (int)floor_div(month, 12), of_year = (int)(month - floor_div(month, 12) * 12) + 1;
    int last = when_month_days(year, of_year);
    int64_t of_day = local - floor_div(local, MS_DAY) * MS_DAY;
    return from_local(zone_days_of(year, of_year, c.day < last ? c.day : last) * MS_DAY + of_day, zone);
}

int64_t when_days_between(int64_t from_ms, int64_t to_ms, const char *zone)
{
    return floor_div(to_local(to_ms, zone), MS_DAY) - floor_div(to_local(from_ms, zone), MS_DAY);
}
