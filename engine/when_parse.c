/* Days and hours as people type them. What can be meant in two ways is refused with the form that is wanted:
 * "05/01" is May to some readers and January to others, and "next friday" two different Fridays.
 *
 * The text is cut into a few lower-case words. A time of day is taken off the end first; what is left names the
 * day. */
#include <string.h>

#include "engine/when.h"

enum { MOST_WORDS = 6, WORD = 24, MOST_COUNT = 3660, FIRST_YEAR = 1970, LAST_YEAR = 9999 };

struct words {
    char w[MOST_WORDS][WORD];
    size_t n;
};

struct clock { /* the reader's now, and what was said about the hour */
    int64_t now_ms;
    const char *zone;
    int hour, minute;
    bool said;
};

static int refuse(struct err *e)
{
    return err_set(
        e, ERR_INVALID,
        "that is not a day I can read (write 2027-01-05, 2027-01-05 17:00, tomorrow, friday or in 3 days)");
}

static bool split(struct words *out, const char *text)
{
    out->n = 0;
    const char *p = text;
    for (;;) {
        p += strspn(p, " \t,");
        size_t n = strcspn(p, " \t,");
        if (n == 0)
            return out->n > 0;
        if (n >= WORD || out->n == MOST_WORDS)
            return false;
        for (size_t i = 0; i < n; i++) {
            /* "2027-01-05T17:00" is the same as with a space. */
            if (p[i] == 'T' && i == 10 && p[4] == '-') {
                n = i;
                break;
            }
            out->w[out->n][i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] - 'A' + 'a' : p[i]);
        }
        out->w[out->n++][n] = '\0';
        p += n + (p[n] == 'T');
    }
}

/* Digits at *p, at least `least` and at most `most` of them; -1 when there are not. */
static int number(const char **p, int least, int most)
{
    int value = 0, n = 0;
    for (; n < most && **p >= '0' && **p <= '9'; n++)
        value = value * 10 + (*(*p)++ - '0');
    return n >= least ? value : -1;
}

/* "17:00", "9:30", "5pm", "9:30am". */
static bool read_time(const char *word, int *hour, int *minute)
{
    const char *p = word;
    int h = number(&p, 1, 2), m = 0;
    bool colon = *p == ':';
    if (colon) {
        p++;
        m = number(&p, 2, 2);
    }
    bool pm = strcmp(p, "pm") == 0, half = pm || strcmp(p, "am") == 0;
    if ((*p && !half) || (!colon && !half) || h < 0 || m < 0 || m > 59 || h > (half ? 12 : 23) || (half && h == 0))
        return false;
    *hour = half ? h % 12 + (pm ? 12 : 0) : h;
    *minute = m;
    return true;
}

/* Which of the names begins with this word of three letters or more; -1 for none. */
static int name_index(const char *word, const char *const *names, size_t n)
{
    size_t length = strlen(word);
    for (size_t i = 0; length >= 3 && i < n; i++) {
        if (strncmp(word, names[i], length) == 0)
            return (int)i;
    }
    return -1;
}

static int month_named(const char *word)
{
    static const char *const names[] = {"january", "february", "march",     "april",   "may",      "june",
                                        "july",    "august",   "september", "october", "november", "december"};
    return name_index(word, names, DW_ARRAY_LEN(names)) + 1;
}

static int weekday_named(const char *word)
{
    static const char *const names[] = {"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"};
    return name_index(word, names, DW_ARRAY_LEN(names));
}

/* A whole word that is a number: "3", or with ordinals "3rd". -1 when it is none. */
static int word_number(const char *word, int digits, bool ordinal)
{
    const char *p = word;
    int value = number(&p, 1, digits);
    bool suffix = ordinal && (!strcmp(p, "st") || !strcmp(p, "nd") || !strcmp(p, "rd") || !strcmp(p, "th"));
    return *p == '\0' || suffix ? value : -1;
}

static int check_day(int year, int month, int day, struct err *e)
{
    if (year < FIRST_YEAR || year > LAST_YEAR)
        return err_set(e, ERR_INVALID, "the year %d is out of range", year);
    if (month < 1 || month > 12 || day < 1 || day > when_month_days(year, month))
        return err_set(e, ERR_INVALID, "%04d-%02d-%02d is not a day of the calendar", year, month, day);
    return 0;
}

/* "2027-01-05" and nothing more. ERR_NOT_FOUND when the word has another form. */
static int read_iso(struct civil *out, const char *word, struct err *e)
{
    const char *p = word;
    int year = number(&p, 4, 4);
    if (year < 0 || *p++ != '-')
        return ERR_NOT_FOUND;
    int month = number(&p, 2, 2);
    if (month < 0 || *p++ != '-')
        return ERR_NOT_FOUND;
    int day = number(&p, 2, 2);
    if (day < 0 || *p)
        return ERR_NOT_FOUND;
    int rc = check_day(year, month, day, e);
    if (rc == 0)
        *out = (struct civil){.year = year, .month = month, .day = day};
    return rc;
}

int when_parse_day(int64_t *at_ms, const char *text, const char *zone, struct err *e)
{
    struct civil day;
    int rc = read_iso(&day, text ? text : "", e);
    if (rc == ERR_NOT_FOUND)
        return err_set(e, ERR_INVALID, "that is not a day (write it like 2027-01-05)");
    if (rc == 0)
        *at_ms = when_of_civil(day, zone);
    return rc;
}

static int64_t day_at(struct civil day, const struct clock *k)
{
    day.hour = k->hour;
    day.minute = k->minute;
    return when_of_civil(day, k->zone);
}

static int64_t days_ahead(const struct clock *k, int days)
{
    struct civil noon = when_civil(k->now_ms, k->zone);
    noon.hour = 12; /* which every day has */
    return day_at(when_civil(when_add_days(when_of_civil(noon, k->zone), days, k->zone), k->zone), k);
}

static int one_word(int64_t *out, const char *word, const struct clock *k, struct err *e)
{
    int weekday = weekday_named(word);
    if (strcmp(word, "today") == 0 || strcmp(word, "tomorrow") == 0) {
        *out = days_ahead(k, word[2] == 'm');
        return 0;
    }
    if (weekday >= 0) {
        int ahead = (weekday - when_civil(k->now_ms, k->zone).weekday + 7) % 7;
        int64_t at_ms = days_ahead(k, ahead);
        *out = at_ms > k->now_ms ? at_ms : days_ahead(k, ahead + 7);
        return 0;
    }
    struct civil day;
    int rc = read_iso(&day, word, e);
    if (rc == 0)
        *out = day_at(day, k);
    return rc == ERR_NOT_FOUND ? refuse(e) : rc;
}

static bool unit_is(const char *word, const char *one, const char *many)
{
    return strcmp(word, one) == 0 || strcmp(word, many) == 0;
}

/* "3 days": a day, with the hour said or the usual one; "2 hours": from now, so an hour said makes no sense. */
static int count_ahead(int64_t *out, const char *count, const char *unit, const struct clock *k, struct err *e)
{
    int n = strcmp(count, "a") == 0 || strcmp(count, "an") == 0 ? 1 : word_number(count, 4, false);
    if (n < 0)
        return refuse(e);
    if (n > MOST_COUNT)
        return err_set(e, ERR_INVALID, "%d is too far ahead (at most %d)", n, MOST_COUNT);
    bool hours = unit_is(unit, "hour", "hours"), minutes = unit_is(unit, "minute", "minutes") || !strcmp(unit, "min");
    if ((hours || minutes) && k->said)
        return refuse(e);
    if (hours || minutes)
        *out = k->now_ms + n * (hours ? MS_HOUR : MS_MINUTE);
    else if (unit_is(unit, "day", "days"))
        *out = days_ahead(k, n);
    else if (unit_is(unit, "week", "weeks"))
        *out = days_ahead(k, 7 * n);
    else if (unit_is(unit, "month", "months"))
        *out = day_at(when_civil(when_add_months(k->now_ms, n, k->zone), k->zone), k);
    else
        return refuse(e);
    return 0;
}

/* "5 jan", "jan 5", either with a year. Without one: the next such day, today included. */
static int month_day(int64_t *out, const struct words *w, const struct clock *k, struct err *e)
{
    int month = month_named(w->w[1]), day = word_number(w->w[0], 2, true);
    if (month == 0) {
        month = month_named(w->w[0]);
        day = word_number(w->w[1], 2, true);
    }
    if (month == 0 || day < 0)
        return refuse(e);
    struct civil now = when_civil(k->now_ms, k->zone);
    int year = now.year + (month < now.month || (month == now.month && day < now.day));
    if (w->n == 3 && (strlen(w->w[2]) != 4 || (year = word_number(w->w[2], 4, false)) < 0))
        return refuse(e);
    /* 29 February without a year waits for the next leap year. */
    for (int i = 0; w->n == 2 && month == 2 && day == 29 && i < 8 && when_month_days(year, 2) < 29; i++)
        year++;
    int rc = check_day(year, month, day, e);
    if (rc == 0)
        *out = day_at((struct civil){.year = year, .month = month, .day = day}, k);
    return rc;
}

int when_parse(int64_t *at_ms, const char *text, const char *zone, int default_hour, int64_t now_ms, struct err *e)
{
    struct words w;
    struct clock k = {.now_ms = now_ms, .zone = zone, .hour = default_hour};
    if (!text || !split(&w, text))
        return refuse(e);
    if (read_time(w.w[w.n - 1], &k.hour, &k.minute)) {
        k.said = true;
        w.n--;
        if (w.n > 1 && strcmp(w.w[w.n - 1], "at") == 0)
            w.n--;
    }
    if (w.n == 0)
        return one_word(at_ms, "today", &k, e);
    if (w.n == 1)
        return one_word(at_ms, w.w[0], &k, e);
    if (w.n == 3 && strcmp(w.w[0], "in") == 0)
        return count_ahead(at_ms, w.w[1], w.w[2], &k, e);
    return w.n <= 3 ? month_day(at_ms, &w, &k, e) : refuse(e);
}

/* --- for programs --- */

static bool two_digits(const char *p, int most, int64_t *out)
{
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
        return false;
    *out = (p[0] - '0') * 10 + (p[1] - '0');
    return *out <= most;
}

/* "Z", "+02:00" or nothing, after seconds and their fraction. */
static bool read_offset(const char *p, int64_t *ms)
{
    int64_t hours = 0, minutes = 0;
    *ms = 0;
    if (*p == '.')
        p += 1 + strspn(p + 1, "0123456789");
    if (*p == '\0' || strcmp(p, "Z") == 0)
        return true;
    if ((*p != '+' && *p != '-') || strlen(p) != 6 || p[3] != ':' || !two_digits(p + 1, 14, &hours) || !two_digits(p + 4, 59, &minutes))
        return false;
    *ms = (hours * MS_HOUR + minutes * MS_MINUTE) * (*p == '-' ? -1 : 1);
    return true;
}

int64_t when_of_rfc3339(const char *text)
{
    char day[11];
    int64_t at = 0, hours = 0, minutes = 0, seconds = 0, offset = 0;
    if (strlen(text) < 19 || strlen(text) > 40 || text[10] != 'T' || text[13] != ':' || text[16] != ':')
        return 0;
    str_copy(day, sizeof day, text);
    if (!two_digits(text + 11, 23, &hours) || !two_digits(text + 14, 59, &minutes) || !two_digits(text + 17, 60, &seconds) ||
        !read_offset(text + 19, &offset) || when_parse_day(&at, day, NULL, NULL) < 0)
        return 0;
    return at + hours * MS_HOUR + minutes * MS_MINUTE + seconds * MS_SECOND - offset;
}
