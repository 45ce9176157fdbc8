/* Times: int64 milliseconds since the epoch, UTC. Zones by IANA name, at the edges only. Any thread. */
#ifndef DW_ENGINE_WHEN_H
#define DW_ENGINE_WHEN_H

#include "engine/err.h"

#define MS_SECOND INT64_C(1000)
#define MS_MINUTE (60 * MS_SECOND)
#define MS_HOUR (60 * MS_MINUTE)
#define MS_DAY (24 * MS_HOUR)
#define WHEN_TEXT_SIZE 48

const char *when_rfc3339(char out[WHEN_TEXT_SIZE], int64_t at_ms);              /* 2027-01-05T09:00:00.000Z */
const char *when_day(char out[WHEN_TEXT_SIZE], int64_t at_ms, const char *zone);  /* 5 Jan 2027 */
const char *when_text(char out[WHEN_TEXT_SIZE], int64_t at_ms, const char *zone); /* Tue 5 Jan 2027 09:00 UTC+1 */
const char *when_iso_day(char out[WHEN_TEXT_SIZE], int64_t at_ms, const char *zone); /* 2027-01-05 */
/* "14 s", "2 min", "3 h", "5 days", rounded down; negatives as 0 s. */
const char *when_age(char out[WHEN_TEXT_SIZE], int64_t span_ms);
/* "just now", "14 s ago": how long ago something was, that span before now. */
const char *when_ago(char out[WHEN_TEXT_SIZE], int64_t span_ms);

/* A moment as a wall clock shows it. weekday: 0 is Sunday. month and day count from 1. */
struct civil {
    int year, month, day, hour, minute, weekday;
};
struct civil when_civil(int64_t at_ms, const char *zone);
/* The moment when the wall clock shows this (weekday unread, month and day in range). An hour that the clock skips is
 * taken as much later as it skips; of one that comes twice the first. */
int64_t when_of_civil(struct civil c, const char *zone);
int when_month_days(int year, int month);

/* Midnight at the start of a day in a zone (NULL or "" is UTC). "2027-01-05"; refuses days that do not exist. */
int when_parse_day(int64_t *at_ms, const char *text, const char *zone, struct err *e) DW_MUST_CHECK;
/* For people: "2027-01-05", "2027-01-05 17:00", "today", "tomorrow", "fri", "monday 09:00", "in 3 days", "5
 * jan". A weekday is the next one after now (today's counts while its hour is ahead). A day without a time gets
 * default_hour; a day without a year is the next such day, today included. "in 2 hours" counts from now. The
 * past is not refused. */
int when_parse(int64_t *at_ms, const char *text, const char *zone, int default_hour, int64_t now_ms,
               struct err *e) DW_MUST_CHECK;
/* As programs write it: "2026-11-22T01:56:15.246Z", whole seconds of it; with an offset, or without one (UTC). 0 when it is none. */
int64_t when_of_rfc3339(const char *text);
bool when_zone_known(const char *zone);
/* The next moment at or after from_ms that is `hour`:00 in the zone on a business day (Monday to Friday). */
int64_t when_business_hour(int64_t from_ms, int hour, const char *zone);
/* The same wall clock, days or months later (of two such moments the first); a 31st becomes the month's last day. */
int64_t when_add_days(int64_t from_ms, int days, const char *zone);
int64_t when_add_months(int64_t from_ms, int months, const char *zone);
/* How many days later, as a calendar there counts them: 0 on the same day, 1 from a minute before midnight to one after. */
int64_t when_days_between(int64_t from_ms, int64_t to_ms, const char *zone);

#endif
