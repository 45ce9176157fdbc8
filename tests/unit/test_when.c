/* Times at the edges: zones with awkward clocks, days that do not exist, words people use. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/when.h"

/* Tuesday 5 January 2027, 09:00 UTC. */
static const int64_t TUESDAY = INT64_C(1799139600000);

static void is_written(void **state)
{
    (void)state;
    char out[WHEN_TEXT_SIZE];
    assert_string_equal(when_rfc3339(out, TUESDAY), "2027-01-05T09:00:00.000Z");
    assert_string_equal(when_rfc3339(out, -1), "1969-12-31T23:59:59.999Z");
    assert_string_equal(when_rfc3339(out, INT64_MAX), "9999-12-31T23:59:59.999Z");
    assert_string_equal(when_rfc3339(out, INT64_MIN), "0001-01-01T00:00:00.000Z");
    assert_string_equal(when_day(out, TUESDAY, NULL), "5 Jan 2027");
    assert_string_equal(when_text(out, TUESDAY, ""), "Tue 5 Jan 2027 09:00 UTC");
    assert_string_equal(when_text(out, TUESDAY, "Europe/Berlin"), "Tue 5 Jan 2027 10:00 UTC+1");
    assert_string_equal(when_text(out, TUESDAY, "Asia/Kathmandu"), "Tue 5 Jan 2027 14:45 UTC+5:45");
    assert_string_equal(when_text(out, TUESDAY, "America/New_York"), "Tue 5 Jan 2027 04:00 UTC-5");
    assert_string_equal(when_text(out, TUESDAY + 181 * MS_DAY, "America/New_York"), "Mon 5 Jul 2027 05:00 UTC-4");
    assert_string_equal(when_iso_day(out, TUESDAY + 15 * MS_HOUR, "Asia/Tokyo"), "2027-01-06");
    assert_string_equal(when_day(out, TUESDAY, "No/Such"), "5 Jan 2027");
}

static void ages_are_rounded_down(void **state)
{
    (void)state;
    static const struct {
        int64_t span_ms;
        const char *text;
    } cases[] = {{-5, "0 s"},          {14999, "14 s"},          {MS_MINUTE, "1 min"},       {119999, "1 min"},
                 {3 * MS_HOUR, "3 h"}, {2 * MS_DAY - 1, "47 h"}, {5 * MS_DAY + 7, "5 days"}, {MS_HOUR - 1, "59 min"}};
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        char out[WHEN_TEXT_SIZE];
        assert_string_equal(when_age(out, cases[i].span_ms), cases[i].text);
    }
}

static void days_begin_at_midnight_of_the_zone(void **state)
{
    (void)state;
    static const struct {
        const char *text, *zone, *begins;
    } cases[] = {
        {"2027-01-05", NULL, "2027-01-05T00:00:00.000Z"},
        {"2027-01-05", "Europe/Berlin", "2027-01-04T23:00:00.000Z"},
        {"2027-07-05", "Europe/Berlin", "2027-07-04T22:00:00.000Z"},
        {"2028-02-29", "Asia/Tokyo", "2028-02-28T15:00:00.000Z"},
        {"2024-04-26", "Africa/Cairo", "2024-04-25T22:00:00.000Z"}, /* midnight is skipped: the day begins at one */
        {"1970-01-01", "", "1970-01-01T00:00:00.000Z"},
        {"9999-12-31", "UTC", "9999-12-31T00:00:00.000Z"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        char out[WHEN_TEXT_SIZE];
        int64_t at_ms = 0;
        assert_int_equal(when_parse_day(&at_ms, cases[i].text, cases[i].zone, NULL), 0);
        assert_string_equal(when_rfc3339(out, at_ms), cases[i].begins);
    }
    static const char *const bad[] = {"2027-02-29", "2027-13-01", "2027-00-10",  "2027-01-00",  "2027-01-32",
                                      "2027-1-5",   "27-01-05",   "2027-01-05 ", "2027-01-05x", "2027/01/05",
                                      "",           "today",      "1969-12-31",  "0000-01-01"};
    for (size_t i = 0; i < DW_ARRAY_LEN(bad); i++) {
        struct err e = {0};
        int64_t at_ms = -7;
        assert_int_equal(when_parse_day(&at_ms, bad[i], NULL, &e), ERR_INVALID);
        assert_int_equal(at_ms, -7);
        assert_true(e.text[0] != '\0');
    }
    assert_int_equal(when_parse_day(&(int64_t){0}, NULL, NULL, NULL), ERR_INVALID);
}

static void people_say_when(void **state)
{
    (void)state;
    /* Now is Tuesday 10:00 in Berlin; the usual hour is 9. */
    static const struct {
        const char *text, *meant;
    } cases[] = {
        {"2027-01-08", "Fri 8 Jan 2027 09:00 UTC+1"},       {"2027-01-08 17:00", "Fri 8 Jan 2027 17:00 UTC+1"},
        {"2027-01-08T17:05", "Fri 8 Jan 2027 17:05 UTC+1"}, {"2027-07-08 5pm", "Thu 8 Jul 2027 17:00 UTC+2"},
        {"today", "Tue 5 Jan 2027 09:00 UTC+1"},            {"today 17:00", "Tue 5 Jan 2027 17:00 UTC+1"},
        {"Tomorrow", "Wed 6 Jan 2027 09:00 UTC+1"},         {"tomorrow at 9:30", "Wed 6 Jan 2027 09:30 UTC+1"},
        {"fri", "Fri 8 Jan 2027 09:00 UTC+1"},              {"monday 09:00", "Mon 11 Jan 2027 09:00 UTC+1"},
        {"tuesday", "Tue 12 Jan 2027 09:00 UTC+1"},         {"tue 17:00", "Tue 5 Jan 2027 17:00 UTC+1"},
        {"Thurs, 12am", "Thu 7 Jan 2027 00:00 UTC+1"},      {"sunday 12pm", "Sun 10 Jan 2027 12:00 UTC+1"},
        {"in 3 days", "Fri 8 Jan 2027 09:00 UTC+1"},        {"in a week 14:00", "Tue 12 Jan 2027 14:00 UTC+1"},
        {"in 2 weeks", "Tue 19 Jan 2027 09:00 UTC+1"},      {"in 2 months", "Fri 5 Mar 2027 09:00 UTC+1"},
        {"in 2 hours", "Tue 5 Jan 2027 12:00 UTC+1"},       {"in 90 min", "Tue 5 Jan 2027 11:30 UTC+1"},
        {"in 90 days", "Mon 5 Apr 2027 09:00 UTC+2"},       {"17:00", "Tue 5 Jan 2027 17:00 UTC+1"},
        {"5 jan", "Tue 5 Jan 2027 09:00 UTC+1"},            {"4 jan", "Tue 4 Jan 2028 09:00 UTC+1"},
        {"jan 6th", "Wed 6 Jan 2027 09:00 UTC+1"},          {"1st March, 2028 8:00", "Wed 1 Mar 2028 08:00 UTC+1"},
        {"sept 3", "Fri 3 Sep 2027 09:00 UTC+2"},           {"29 feb", "Tue 29 Feb 2028 09:00 UTC+1"},
        {"2027-03-28 02:30", "Sun 28 Mar 2027 03:30 UTC+2"}, /* the hour that is skipped */
        {"2027-10-31 02:30", "Sun 31 Oct 2027 02:30 UTC+2"}, /* the hour that comes twice: the first */
        {"2020-01-01", "Wed 1 Jan 2020 09:00 UTC+1"},        /* the past is the caller's to refuse */
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        char out[WHEN_TEXT_SIZE];
        int64_t at_ms = 0;
        if (when_parse(&at_ms, cases[i].text, "Europe/Berlin", 9, TUESDAY, NULL) != 0)
            fail_msg("%s", cases[i].text);
        assert_string_equal(when_text(out, at_ms, "Europe/Berlin"), cases[i].meant);
    }
}

static void what_is_unclear_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "05/01/2027",
                                      "5.1.2027",
                                      "next friday",
                                      "soon",
                                      "in 3",
                                      "in days",
                                      "in -3 days",
                                      "in 3 years",
                                      "in 99999 days",
                                      "in 3661 days",
                                      "in 2 hours 17:00",
                                      "2027-02-30",
                                      "2027-01-05 25:00",
                                      "2027-01-05 17:60",
                                      "2027-01-05 0am",
                                      "2027-01-05 13pm",
                                      "30 feb",
                                      "31 apr 2027",
                                      "29 feb 2027",
                                      "jan",
                                      "5",
                                      "5 jan 27",
                                      "5 jan 02027",
                                      "fr",
                                      "fridayx",
                                      "today tomorrow",
                                      "a b c d e f g h",
                                      "averyverylongword-indeed",
                                      "2027-01-05T17:00Z",
                                      "\xC3\xA9"};
    for (size_t i = 0; i < DW_ARRAY_LEN(bad); i++) {
        struct err e = {0};
        int64_t at_ms = -7;
        if (when_parse(&at_ms, bad[i], "Europe/Berlin", 9, TUESDAY, &e) != ERR_INVALID)
            fail_msg("%s", bad[i]);
        assert_int_equal(at_ms, -7);
        assert_true(e.text[0] != '\0');
    }
    assert_int_equal(when_parse(&(int64_t){0}, NULL, NULL, 9, TUESDAY, NULL), ERR_INVALID);
}

static void zones_are_known_by_name(void **state)
{
    (void)state;
    static const char *const good[] = {NULL,          "", "UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires",
                                       "Asia/Kolkata"};
    static const char *const bad[] = {
        "Mars/Olympus", "europe",        "GMT+99", "GMT+5:07",
        "right/UTC",    "posix/UTC",     "zone.tab", "Europe",
        "Etc/Unknown",  "../etc/passwd", "Zürich", "A-name-that-is-far-too-long-to-be-that-of-any-zone-there-is"};
    for (size_t i = 0; i < DW_ARRAY_LEN(good); i++)
        assert_true(when_zone_known(good[i]));
    for (size_t i = 0; i < DW_ARRAY_LEN(bad); i++)
        assert_false(when_zone_known(bad[i]));
}

/* Far ahead the database has only a rule; some rules are odd. */
static void zones_keep_their_odd_rules(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *at, *local;
    } cases[] = {
        {"Europe/Dublin", "2049-07-01T00:00:00.000Z", "01:00"},      /* winter is its daylight saving time, the other way round */
        {"Europe/Dublin", "2049-12-01T00:00:00.000Z", "00:00"},
        {"Australia/Lord_Howe", "2050-01-01T00:00:00.000Z", "11:00"}, /* half an hour */
        {"Australia/Lord_Howe", "2050-07-01T00:00:00.000Z", "10:30"},
        {"America/Santiago", "2060-07-01T12:00:00.000Z", "08:00"},   /* the south */
        {"America/Santiago", "2060-12-31T23:59:00.000Z", "20:59"},
        {"Asia/Jerusalem", "2044-03-24T23:59:00.000Z", "01:59"},     /* the Friday before a Sunday: 26 hours after Thursday began */
        {"Asia/Jerusalem", "2044-03-25T00:00:00.000Z", "03:00"},
        {"Etc/GMT+5", "2050-07-01T12:00:00.000Z", "07:00"},
        {"America/New_York", "1883-11-18T12:00:00.000Z", "07:03"},   /* before there were zones */
        {"Europe/Lisbon", "9999-07-01T12:00:00.000Z", "13:00"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        struct civil utc = {0};
        char local[8];
        assert_int_equal(sscanf(cases[i].at, "%d-%d-%dT%d:%d", &utc.year, &utc.month, &utc.day, &utc.hour, &utc.minute), 5);
        struct civil c = when_civil(when_of_civil(utc, NULL), cases[i].zone);
        snprintf(local, sizeof local, "%02d:%02d", c.hour, c.minute);
        if (strcmp(local, cases[i].local) != 0)
            fail_msg("%s at %s: %s", cases[i].zone, cases[i].at, local);
    }
}

static void business_hours_skip_the_weekend(void **state)
{
    (void)state;
    char out[WHEN_TEXT_SIZE];
    int64_t friday_evening = TUESDAY + 3 * MS_DAY + 9 * MS_HOUR;
    assert_string_equal(when_text(out, when_business_hour(friday_evening, 9, "Europe/Berlin"), "Europe/Berlin"),
                        "Mon 11 Jan 2027 09:00 UTC+1");
    assert_int_equal(when_business_hour(TUESDAY, 9, NULL), TUESDAY);
    assert_int_equal(when_business_hour(TUESDAY + 1, 9, NULL), TUESDAY + MS_DAY);
    assert_int_equal(when_business_hour(TUESDAY - MS_HOUR, 9, NULL), TUESDAY);
    /* Monday morning in Tokyo is Sunday evening in New York. */
    assert_string_equal(when_rfc3339(out, when_business_hour(friday_evening, 9, "Asia/Tokyo")),
                        "2027-01-11T00:00:00.000Z");
}

static void moving_keeps_the_wall_clock(void **state)
{
    (void)state;
    char out[WHEN_TEXT_SIZE];
    int64_t at_ms = 0;
    assert_int_equal(when_parse(&at_ms, "2027-03-27 09:00", "Europe/Berlin", 9, TUESDAY, NULL), 0);
    assert_string_equal(when_text(out, when_add_days(at_ms, 1, "Europe/Berlin"), "Europe/Berlin"),
                        "Sun 28 Mar 2027 09:00 UTC+2");
    assert_int_equal(when_add_days(at_ms, 1, "Europe/Berlin") - at_ms, 23 * MS_HOUR);
    assert_int_equal(when_add_days(at_ms + 123, -7, NULL), at_ms + 123 - 7 * MS_DAY);
    assert_int_equal(when_parse(&at_ms, "2027-01-31 09:00", "Europe/Berlin", 9, TUESDAY, NULL), 0);
    assert_string_equal(when_text(out, when_add_months(at_ms, 1, "Europe/Berlin"), "Europe/Berlin"),
                        "Sun 28 Feb 2027 09:00 UTC+1");
    assert_string_equal(when_text(out, when_add_months(at_ms, 13, "Europe/Berlin"), "Europe/Berlin"),
                        "Tue 29 Feb 2028 09:00 UTC+1");
    assert_string_equal(when_text(out, when_add_months(at_ms, 6, "Europe/Berlin"), "Europe/Berlin"),
                        "Sat 31 Jul 2027 09:00 UTC+2");
    assert_string_equal(when_text(out, when_add_months(at_ms, -2, "Europe/Berlin"), "Europe/Berlin"),
                        "Mon 30 Nov 2026 09:00 UTC+1");
    assert_int_equal(when_add_months(at_ms + 123, 12, NULL) % 1000, (at_ms + 123) % 1000);
}

static void civil_days_round_trip(void **state)
{
    (void)state;
    for (int64_t day = -800000; day < 2900000; day += 97) {
        struct civil c = when_civil(day * MS_DAY + 61 * MS_MINUTE, NULL);
        assert_int_equal(when_of_civil(c, NULL), (day < -719162 ? -719162 * MS_DAY : day * MS_DAY + 61 * MS_MINUTE));
        assert_true(c.hour == (day < -719162 ? 0 : 1) && c.month >= 1 && c.month <= 12);
    }
    assert_int_equal(when_month_days(2000, 2), 29);
    assert_int_equal(when_month_days(2100, 2), 28);
    assert_int_equal(when_month_days(2027, 12), 31);
}

static void *ask_many_times(void *arg)
{
    const char *const *zones = arg;
    char out[WHEN_TEXT_SIZE];
    for (int i = 0; i < 3000; i++) {
        const char *zone = zones[i % 4];
        int64_t at_ms = TUESDAY + i * 7 * MS_HOUR;
        if (when_of_civil(when_civil(at_ms, zone), zone) != at_ms && i % 4 != 0)
            return arg;
        when_text(out, at_ms, zone);
    }
    return NULL;
}

static void many_threads_may_ask(void **state)
{
    (void)state;
    static const char *zones[] = {"Europe/Berlin", "Asia/Tokyo", "Asia/Kathmandu", "Asia/Kolkata"};
    pthread_t threads[4];
    for (size_t i = 0; i < DW_ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_many_times, zones), 0);
    for (size_t i = 0; i < DW_ARRAY_LEN(threads); i++) {
        void *wrong = zones;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

static void what_programs_write(void **state)
{
    (void)state;
    static const char *const same[] = {"2026-11-22T01:56:15Z", "2026-11-22T01:56:15.246Z", "2026-11-22T03:56:15+02:00", "2026-11-21T18:26:15-07:30", "2026-11-22T01:56:15"};
    static const char *const bad[] = {"", "2026-11-22", "1793000000", "2026-11-31T01:56:15Z", "2026-11-22 01:56:15Z", "2026-11-22T24:56:15Z", "2026-11-22T01:60:15Z",
                                      "2026-11-22T01:56:15.Zx", "2026-11-22T01:56:15+2:00", "2026-11-22T01:56:15Z and more than a time has", "2026-11-22T0a:56:15Z"};
    for (size_t i = 0; i < DW_ARRAY_LEN(same); i++)
        assert_int_equal(when_of_rfc3339(same[i]), INT64_C(1795312575000));
    for (size_t i = 0; i < DW_ARRAY_LEN(bad); i++)
        assert_int_equal(when_of_rfc3339(bad[i]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_programs_write),
        cmocka_unit_test(is_written),
        cmocka_unit_test(ages_are_rounded_down),
        cmocka_unit_test(days_begin_at_midnight_of_the_zone),
        cmocka_unit_test(people_say_when),
        cmocka_unit_test(what_is_unclear_is_refused),
        cmocka_unit_test(zones_are_known_by_name),
        cmocka_unit_test(zones_keep_their_odd_rules),
        cmocka_unit_test(business_hours_skip_the_weekend),
        cmocka_unit_test(moving_keeps_the_wall_clock),
        cmocka_unit_test(civil_days_round_trip),
        cmocka_unit_test(many_threads_may_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
