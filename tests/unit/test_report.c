/* The report on approvals, by hand-made days whose figures are known; and the weekly summary. */
#include "engine/report.h"
#include "engine/timer.h"
#include "tests/unit/patient.h"

static const char WEEKLY[] = "approvals: {expire_hours: 48, remind_hours: [], escalate: [{after_hours: 2, ask: [finance1]}]}\nreports: {weekly: \"mon 09:00\"}";

static int64_t ask(struct office *o, const char *who, const char *account, int customer)
{
    office_event_of(o, customer);
    struct done d = office_hold(o, who, account, 20);
    if (d.rc != 0)
        fail_msg("%s", d.err.text);
    office_turn(o, NULL, NULL);
    return office_last(o);
}

static void says(struct office *o, const char *user, const char *fmt, int64_t id)
{
    AUTO_STR text = str_dup(fmt);
    char *hash = strchr(text, '#');
    *hash = '\0';
    AUTO_STR command = str_fmt("%s%lld%s", text, (long long)id, hash + 1);
    AUTO_STR said = office_say(o, user, command);
    if (!said[0])
        fail_msg("no answer to %s", command);
}

/* Mara: yes after 3 s unread, yes after 3 s having read, no after 10 min; Fay: asked once, yes after 20 min to what fails. One is parked. */
static void a_known_day(struct office *o)
{
    office_patient(o, WEEKLY);
    int64_t first = ask(o, "ae1", "northwind", 1);
    office_later(o, 3 * MS_SECOND);
    says(o, "U0MAN1", "approve A-#", first);
    int64_t second = ask(o, "ae2", "acme-corp", 2);
    office_later(o, MS_SECOND);
    says(o, "U0MAN1", "history A-#", second);
    office_later(o, 2 * MS_SECOND);
    says(o, "U0MAN1", "approve A-#", second);
    int64_t third = ask(o, "ae2", "acme-east", 3);
    office_later(o, 10 * MS_MINUTE);
    says(o, "U0MAN1", "decline A-# not again", third);
    int64_t fourth = ask(o, "ae2", "studio", 4);
    office_later(o, 2 * MS_HOUR);
    office_later(o, 20 * MS_MINUTE);
    o->biller_says_no = true;
    says(o, "U0FIN1", "approve A-#", fourth);
    office_turn(o, NULL, NULL);
    o->biller_says_no = false;
    ask(o, "ae2", "acme-east", 3);
    office_later(o, 50 * MS_HOUR);
}

static const json_t *row(const json_t *report, const char *person, const char *kind)
{
    const json_t *rows = json_object_get(report, "rows");
    for (size_t i = 0; i < json_array_size(rows); i++)
        if (str_eq(json_str(json_array_get(rows, i), "person", ""), person) && str_eq(json_str(json_array_get(rows, i), "kind", ""), kind))
            return json_array_get(rows, i);
    fail_msg("no row of %s", person);
    return NULL;
}

static void is(const json_t *of, const char *figure, int64_t want)
{
    int64_t have = json_i64(of, figure, -1);
    if (have != want)
        fail_msg("%s is %lld, not %lld", figure, (long long)have, (long long)want);
}

static void figures_of_a_known_day(void **state)
{
    struct office o;
    (void)state;
    a_known_day(&o);
    json_auto_t *report = report_approvals(o.store, OFFICE_NOW, o.now_ms + 1);
    const json_t *longer = row(report, "manager1", "extend"), *mara = row(report, "manager1", "hold"), *fay = row(report, "finance1", "hold");
    is(longer, "decided", 2);
    is(longer, "approved", 2);
    is(longer, "hasty", 1); /* the other was read before */
    is(longer, "overturned", 0);
    is(longer, "asked", 0);
    is(longer, "median_ms", 3 * MS_SECOND);
    is(mara, "decided", 1);
    is(mara, "declined", 1);
    is(mara, "hasty", 0);
    is(mara, "p90_ms", 10 * MS_MINUTE);
    is(fay, "asked", 1);
    is(fay, "decided", 1);
    is(fay, "overturned", 1);
    is(fay, "hasty", 0);
    is(fay, "median_ms", 20 * MS_MINUTE); /* from when Fay was asked, not from when it was asked first */
    const json_t *kind = json_array_get(json_object_get(report, "kinds"), 0);
    assert_string_equal(json_str(kind, "kind", ""), "hold");
    is(kind, "asked", 3);
    is(kind, "parked", 1);
    json_auto_t *before = report_approvals(o.store, 0, OFFICE_NOW);
    assert_int_equal(json_array_size(json_object_get(before, "rows")), 0);
    office_close(&o);
}

static void once_a_week_and_no_more(void **state)
{
    struct office o;
    (void)state;
    a_known_day(&o); /* until Friday */
    assert_int_equal(office_count(&o, "weekly-"), 0);
    office_later(&o, MS_HOUR);
    int64_t due = office_i64(&o, "SELECT due_ms FROM timers WHERE kind = 'weekly'");
    struct civil c = when_civil(due, "UTC");
    assert_int_equal(c.weekday, 1);
    assert_int_equal(c.hour, 9);
    office_later(&o, due - o.now_ms - 1);
    assert_int_equal(office_count(&o, "weekly-"), 0);
    engine_forget(&o.e); /* started again */
    o.e.memo.pruned_ms = 0;
    office_later(&o, 1);
    assert_int_equal(office_count(&o, "weekly-"), 1);
    assert_string_equal(json_str(office_sent(&o, "weekly-"), "args.channel", ""), "C0APPROVALS");
    const char *text = office_text_of(&o, "weekly-");
    assert_says(text, "5 asked, 4 decisions (3 yes, 1 no, 0 with another offer), 1 parked");
    assert_says(text, "Approved and then failed, void or withdrawn: 1. Decided within 5 seconds with the details unopened: 1.");
    assert_says(text, "The emergency right was not used.");
    o.now_ms -= 2 * MS_HOUR; /* the clock is set back over the moment */
    o.e.now_ms = o.now_ms;
    office_later(&o, 3 * MS_HOUR);
    assert_int_equal(office_count(&o, "weekly-"), 1);
    office_later(&o, 7 * MS_DAY);
    assert_int_equal(office_count(&o, "weekly-"), 2);
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'weekly'", 1, "the next one");
    office_close(&o);
}

static void without_the_line_there_is_none(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, "approvals: {}");
    for (int i = 0; i < 9; i++)
        office_later(&o, MS_DAY);
    assert_int_equal(office_count(&o, "weekly-"), 0);
    office_close(&o);
}

static void mistakes_in_the_policy_are_named(void **state)
{
    static const char *const wrong[] = {"{weekly: monday}", "{weekly: \"mon 9:00\"}", "{weekly: \"foo 09:00\"}", "{weekly: 9}", "[]"};
    (void)state;
    for (size_t i = 0; i < DW_ARRAY_LEN(wrong); i++) {
        struct problems p = {0};
        struct doc *d = NULL;
        AUTO_STR whole = str_fmt("%sreports: %s\n", office_policy, wrong[i]);
        assert_int_equal(doc_parse(&d, span_of(whole), "policy.yaml", NULL), 0);
        assert_null(policy_parse(d, &p));
        assert_int_not_equal(p.n, 0);
        assert_says(p.lines[0], "reports must be a day and a time");
        problems_free(&p);
        doc_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_of_a_known_day),
        cmocka_unit_test(once_a_week_and_no_more),
        cmocka_unit_test(without_the_line_there_is_none),
        cmocka_unit_test(mistakes_in_the_policy_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
