/* Days and hours as typed, in zones with awkward clocks: what is accepted lies in the calendar, is the same when
 * its own text is read again, and moving about never overflows or stands still. */
#include <string.h>

#include "engine/when.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const zones[] = {"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Africa/Cairo",
                                    "Australia/Lord_Howe", "Pacific/Apia", "No/Such", NULL, ""};

static void day_reads_back(int64_t at_ms, const char *zone)
{
    char day[WHEN_TEXT_SIZE], text[WHEN_TEXT_SIZE];
    int64_t midnight = 0;
    struct civil c = when_civil(at_ms, zone);
    assert(c.month >= 1 && c.month <= 12 && c.day >= 1 && c.day <= when_month_days(c.year, c.month));
    assert(c.weekday >= 0 && c.weekday <= 6 && c.hour >= 0 && c.hour < 24 && c.minute >= 0 && c.minute < 60);
    if (c.year < 1970 || c.year > 9998) /* what lies outside the calendar was moved to its edge */
        return;
    int rc = when_parse_day(&midnight, when_iso_day(day, at_ms, zone), zone, NULL);
    assert(rc == 0 && midnight <= at_ms && at_ms - midnight < 26 * MS_HOUR);
    assert(strlen(when_text(text, at_ms, zone)) >= 20 && strlen(when_day(text, at_ms, zone)) >= 10);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t now_ms, at_ms = -7;
    if (size < 10)
        return 0;
    memcpy(&now_ms, data, sizeof(now_ms));
    const char *zone = zones[data[8] % DW_ARRAY_LEN(zones)];
    int hour = data[9] % 24;
    AUTO_STR text = str_ndup((const char *)data + 10, size - 10);
    char out[WHEN_TEXT_SIZE];
    assert(strlen(when_rfc3339(out, now_ms)) == 24 && when_age(out, now_ms)[0]);
    day_reads_back(now_ms, zone);
    /* From here on a clock that could be: 1970 to 2200. */
    now_ms = (int64_t)((uint64_t)now_ms % (uint64_t)(84006 * MS_DAY));
    day_reads_back(now_ms, zone);
    int64_t work = when_business_hour(now_ms, hour, zone);
    assert(work >= now_ms && work - now_ms < 5 * MS_DAY);
    /* A day at least: in an hour that comes twice, the same wall clock may be an hour earlier. */
    assert(when_add_days(now_ms, hour + 1, zone) > now_ms && when_add_months(now_ms, hour + 1, zone) > now_ms);
    struct err e = {0};
    int rc = when_parse(&at_ms, text, zone, hour, now_ms, &e);
    assert(rc == 0 ? at_ms != -7 : at_ms == -7 && e.code == rc && e.text[0]);
    if (rc == 0)
        day_reads_back(at_ms, zone);
    at_ms = -7;
    rc = when_parse_day(&at_ms, text, zone, &e);
    assert(rc == 0 || at_ms == -7);
    return 0;
}
