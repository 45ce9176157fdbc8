/* The week's summary in the approvals channel, for those who read nothing else. Its timer is a durable row like every other: it
 * is set once, the moment it fires it sets the next, and its message has the day in its key; so neither a restart nor a clock
 * that was set posts a week twice. Taken out of the policy, it ends with the next look. */
#include <stdio.h>
#include <string.h>

#include "engine/buf.h"
#include "engine/effect.h"
#include "engine/policy_attention.h"
#include "engine/report.h"
#include "engine/timer.h"
#include "engine/when.h"

/* The clock of whoever runs Dunwell. */
static const char *zone_of(const struct engine *e)
{
    for (size_t i = 0; i < people_count(e->people); i++) {
        const struct person *p = people_at(e->people, i);
        if (person_has(p, ROLE_OPERATOR) && p->zone && p->zone[0])
            return p->zone;
    }
    return "UTC";
}

static int64_t next_ms(const struct engine *e, int weekday, int minutes)
{
    for (int day = 0; day <= 7; day++) {
        struct civil c = when_civil(when_add_days(e->now_ms, day, zone_of(e)), zone_of(e));
        bool that_day = c.weekday == weekday;
        c.hour = minutes / 60;
        c.minute = minutes % 60;
        int64_t at = when_of_civil(c, zone_of(e));
        if (that_day && at > e->now_ms)
            return at;
    }
    return e->now_ms + 7 * MS_DAY;
}

/* The first chat that has an approvals channel; NULL: none. */
static const struct chat_site *site_of(const struct engine *e)
{
    for (size_t i = 0; i < e->n_chats; i++)
        if (e->chats[i].approvals && e->chats[i].approvals[0])
            return &e->chats[i];
    return NULL;
}

void report_look(struct engine *e)
{
    int weekday, minutes;
    bool wanted = e->policy && policy_weekly(e->policy, &weekday, &minutes) && !e->shadow && site_of(e);
    bool set = store_i64(e->store, 0, "SELECT count(*) FROM timers WHERE case_id = 0 AND kind = 'weekly'", "") > 0;
    if (wanted && !set)
        timer_add(e, "weekly", 0, 0, next_ms(e, weekday, minutes));
    else if (!wanted && set)
        timer_cancel(e, "weekly", 0, 0);
}

static int64_t sum_of(const json_t *rows, const char *figure)
{
    int64_t sum = 0;
    for (size_t i = 0; i < json_array_size(rows); i++)
        sum += json_i64(json_array_get(rows, i), figure, 0);
    return sum;
}

static void say_emergencies(const struct engine *e, const json_t *list, struct buf *out)
{
    buf_adds(out, json_array_size(list) ? "\nThe emergency right was used:" : "\nThe emergency right was not used.");
    for (size_t i = 0; i < json_array_size(list) && i < 20; i++) {
        const json_t *row = json_array_get(list, i);
        buf_addf(out, "\n- %s on %s, {ms:%lld}: \"%.200s\" (%s)", person_name_of(e->people, json_str(row, "person", "")), json_str(row, "ref", ""),
                 (long long)json_i64(row, "at_ms", 0), json_str(row, "reason", ""), json_str(row, "receipt", ""));
    }
}

static void summary(const struct engine *e, const json_t *report, struct buf *out)
{
    const json_t *rows = json_object_get(report, "rows"), *kinds = json_object_get(report, "kinds");
    int64_t decided = sum_of(rows, "decided");
    buf_addf(out, "Approvals of the last 7 days: %lld asked, %lld decision%s (%lld yes, %lld no, %lld with another offer), %lld parked because nobody decided.",
             (long long)sum_of(kinds, "asked"), (long long)decided, decided == 1 ? "" : "s", (long long)sum_of(rows, "approved"), (long long)sum_of(rows, "declined"),
             (long long)sum_of(rows, "countered"), (long long)sum_of(kinds, "parked"));
    buf_addf(out, "\nApproved and then failed, void or withdrawn: %lld. Decided within 5 seconds with the details unopened: %lld. Plans approved that have ended: %lld kept, %lld broken.",
             (long long)sum_of(rows, "overturned"), (long long)sum_of(rows, "hasty"), (long long)sum_of(rows, "kept"), (long long)sum_of(rows, "broken"));
    say_emergencies(e, json_object_get(report, "emergencies"), out);
    buf_adds(out, "\nBy person: dunwell report approvals --since 7d");
}

void report_weekly(struct engine *e)
{
    char day[WHEN_TEXT_SIZE];
    AUTO_BUF text = BUF(16 << 10);
    report_look(e); /* the next one */
    const struct chat_site *site = site_of(e);
    if (!site)
        return;
    json_auto_t *report = report_approvals(e->store, e->now_ms - 7 * MS_DAY, e->now_ms);
    summary(e, report, &text);
    json_t *args = json_object();
    json_put(args, "channel", site->approvals);
    json_put(args, "text", buf_text(&text));
    AUTO_STR lane = str_fmt("%s:%s", site->name, site->approvals);
    AUTO_STR key = str_fmt("weekly-%s", when_iso_day(day, e->now_ms, zone_of(e)));
    effect_add(e, &(struct effect_spec){.lane = lane, .driver = site->name, .op = "post", .key = key, .take_args = args, .purpose = "report"});
}
