/* Calls for attention: counted, capped, held back at night, bundled, and dropped when they are over. */
#include "engine/ping.h"
#include "tests/unit/patient.h"

/* Four requests that wait for finance after two hours: $48,200, $1,200, $900 and $54. */
static void four_asked(struct office *o)
{
    static const char *const who[] = {"ae1", "ae2", "ae2", "ae2"}, *const accounts[] = {"northwind", "acme-corp", "acme-east", "studio"};
    for (int i = 0; i < 4; i++) {
        office_event_of(o, i + 1);
        struct done d = office_hold(o, who[i], accounts[i], 20);
        if (d.rc != 0)
            fail_msg("%s", d.err.text);
        assert_says(d.said, "Asked for approval");
        office_turn(o, NULL, NULL);
    }
}

/* What went to this person as a message of its own: how many, and the newest. */
static size_t calls(struct office *o, const char *to, const char **text)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(o->sent); i++) {
        const json_t *row = json_array_get(o->sent, i);
        bool fits = strncmp(json_str(row, "key", ""), "ping-", 5) == 0 && str_eq(json_str(row, "args.channel", ""), to);
        if (fits)
            *text = json_str(row, "args.text", "");
        n += fits;
    }
    return n;
}

static size_t finance_called(struct office *o)
{
    const char *text;
    return calls(o, "U0FIN1", &text);
}

static const char *finance_told(struct office *o)
{
    const char *text = "";
    calls(o, "U0FIN1", &text);
    return text;
}

static void beyond_the_cap_they_are_bundled(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, "approvals: {expire_hours: 48, remind_hours: [], escalate: [{after_hours: 2, ask: [finance1]}]}\nattention: {pings_per_hour: 1, small: {USD: 1000}}");
    four_asked(&o);
    office_later(&o, 2 * MS_HOUR);
    assert_int_equal(finance_called(&o), 1);
    assert_says(finance_told(&o), "Northwind Ltd: hold until");
    assert_says(finance_told(&o), "Why you: you are asked as well because nobody decided for 2 h");
    office_later(&o, MS_HOUR - MS_MINUTE);
    assert_int_equal(finance_called(&o), 1);
    office_later(&o, MS_MINUTE);
    assert_int_equal(finance_called(&o), 2);
    assert_says(finance_told(&o), "3 requests wait for you, 2 under $1,000.00: review together.");
    assert_says(finance_told(&o), "Studio 54: hold until");
    assert_not_says(finance_told(&o), "Northwind");
    office_later(&o, 10 * MS_HOUR);
    assert_int_equal(finance_called(&o), 2);
    office_is(&o, "SELECT count(*) FROM pings WHERE state = 0", 0, "nothing waits");
    office_close(&o);
}

static void what_is_over_is_dropped(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, "approvals: {expire_hours: 48, remind_hours: [], escalate: [{after_hours: 2, ask: [finance1]}]}\nattention: {pings_per_hour: 1}");
    four_asked(&o);
    office_later(&o, 2 * MS_HOUR);
    office_paid(&o, 2); /* its case is closed, and its timers with it */
    office_paid(&o, 3);
    office_later(&o, MS_HOUR);
    assert_int_equal(finance_called(&o), 2);
    assert_says(finance_told(&o), "1 request waits for you, 1 under $1,000.00:\nA-");
    assert_says(finance_told(&o), "Studio 54");
    assert_not_says(finance_told(&o), "Acme");
    office_close(&o);
}

static void nobody_is_called_at_night(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, "approvals: {expire_hours: 48, remind_hours: [], escalate: [{after_hours: 2, ask: [finance1]}]}\nattention: {quiet: {from: \"20:00\", to: \"07:00\"}}");
    office_event_of(&o, 1); /* it is 04:26 */
    assert_int_equal(office_hold(&o, "ae1", "northwind", 20).rc, 0);
    office_later(&o, 2 * MS_HOUR);
    assert_int_equal(finance_called(&o), 0);
    office_later(&o, 33 * MS_MINUTE);
    assert_int_equal(finance_called(&o), 0);
    office_later(&o, MS_MINUTE); /* 07:00 */
    assert_int_equal(finance_called(&o), 1);
    office_is(&o, "SELECT count(*) FROM pings WHERE person = 'finance1' AND state = 1", 1, "counted once");
    office_close(&o);
}

static void what_waits_for_room_waits_for_the_morning_too(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, "approvals: {expire_hours: 48, remind_hours: [], escalate: [{after_hours: 2, ask: [finance1]}]}\nattention: {pings_per_hour: 1, quiet: {from: \"07:00\", to: \"09:00\"}}");
    four_asked(&o);
    office_later(&o, 2 * MS_HOUR); /* 06:26: one goes out, and the others have room at 07:26 */
    office_later(&o, MS_HOUR);
    assert_int_equal(finance_called(&o), 1);
    office_later(&o, 2 * MS_HOUR);
    assert_int_equal(finance_called(&o), 2);
    assert_says(finance_told(&o), "3 requests wait for you");
    office_close(&o);
}

static void a_card_at_night_is_posted_silently(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, "approvals: {}\nattention: {quiet: {from: \"20:00\", to: \"07:00\"}}");
    office_event_of(&o, 1);
    const json_t *card = json_at(office_sent(&o, "card-N-1"), "args.card");
    assert_non_null(card);
    assert_string_equal(json_str(card, "mention", "?"), "");
    assert_int_equal(office_count(&o, "ping-"), 0);
    office_later(&o, 3 * MS_HOUR);
    assert_int_equal(office_count(&o, "ping-"), 1);
    assert_string_equal(json_str(office_sent(&o, "ping-"), "args.channel", ""), "U0AE1");
    assert_says(office_text_of(&o, "ping-"), "1 of your cases asks for a word:\nN-1 Northwind Ltd: ");
    office_close(&o);
    office_patient(&o, "approvals: {}");
    office_event_of(&o, 1);
    office_is(&o, "SELECT count(*) FROM pings WHERE person = 'ae1' AND ref = 'N-1' AND state = 1", 1, "by day it is counted");
    office_close(&o);
}

static void quiet_hours_are_each_persons_own(void **state)
{
    static const struct {
        const char *from, *to;
        int64_t until; /* minutes after 04:26; 0: not quiet */
    } cases[] = {{"20:00", "07:00", 154}, {"00:00", "05:00", 34}, {"05:00", "06:00", 0}, {"04:26", "04:27", 1}, {"04:00", "04:26", 0}, {"04:26", "04:25", 1439}};
    (void)state;
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        struct office o;
        AUTO_STR policy = str_fmt("approvals: {}\nattention: {quiet: {from: \"%s\", to: \"%s\"}}", cases[i].from, cases[i].to);
        office_patient(&o, policy);
        int64_t until = ping_quiet_until(&o.e, people_by_key(o.people, "finance1"));
        int64_t start = o.now_ms - o.now_ms % MS_MINUTE;
        if (until != (cases[i].until ? start + cases[i].until * MS_MINUTE : 0))
            fail_msg("%s to %s: until %lld", cases[i].from, cases[i].to, (long long)(until - start));
        office_close(&o);
    }
}

static int64_t utc(const char *text)
{
    int64_t at = 0;
    assert_int_equal(when_parse(&at, text, "UTC", 0, OFFICE_NOW, NULL), 0);
    return at;
}

/* Weeks with the change of clocks in Berlin and New York in 2027; New Year's Day is a Friday. */
static void outside_of_ones_hours_is_quiet(void **state)
{
    static const struct {
        const char *zone, *now, *until; /* UTC; "" is not quiet */
    } cases[] = {{"Europe/Berlin", "2027-01-05 07:59", "2027-01-05 08:00"}, {"Europe/Berlin", "2027-01-05 08:00", ""},
                 {"Europe/Berlin", "2027-01-05 16:29", ""},                 {"Europe/Berlin", "2027-01-05 16:30", "2027-01-06 08:00"},
                 {"Europe/Berlin", "2027-01-08 16:30", "2027-01-11 08:00"}, {"Europe/Berlin", "2027-01-09 10:00", "2027-01-11 08:00"},
                 {"Europe/Berlin", "2027-03-26 17:00", "2027-03-29 07:00"}, {"Europe/Berlin", "2027-10-29 16:00", "2027-11-01 08:00"},
                 {"America/New_York", "2027-01-05 08:00", "2027-01-05 14:00"}, {"America/New_York", "2027-03-12 23:00", "2027-03-15 13:00"},
                 {"Asia/Tokyo", "2027-01-03 23:00", "2027-01-04 00:00"},    {"UTC", "2027-01-05 08:30", "2027-01-05 09:00"}};
    struct office o;
    (void)state;
    office_patient(&o, "approvals: {}\nattention: {quiet: {from: \"08:00\", to: \"18:00\"}}"); /* not for them */
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++) {
        AUTO_STR zone = str_dup(cases[i].zone);
        struct person who = {.zone = zone, .hours = {.days = 0x3e, .from = 9 * 60, .to = 17 * 60 + 30}};
        o.e.now_ms = utc(cases[i].now);
        int64_t until = ping_quiet_until(&o.e, &who);
        if (until != (cases[i].until[0] ? utc(cases[i].until) : 0))
            fail_msg("%s, %s: quiet until %lld", cases[i].zone, cases[i].now, (long long)until);
    }
    struct person sundays = {.hours = {.days = 1, .from = 600, .to = 660}};
    o.e.now_ms = utc("2027-01-03 11:00"); /* a Sunday, just over: a week to go */
    assert_int_equal(ping_quiet_until(&o.e, &sundays), utc("2027-01-10 10:00"));
    office_close(&o);
}

static void what_came_in_the_evening_goes_out_in_the_morning(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, "approvals: {expire_hours: 48, remind_hours: [], escalate: [{after_hours: 2, ask: [finance1]}]}");
    struct person *finance = (struct person *)(uintptr_t)people_by_key(o.people, "finance1");
    finance->hours = (struct work_hours){.days = 0x3e, .from = 9 * 60, .to = 17 * 60};
    four_asked(&o); /* 04:26 of a Wednesday */
    office_later(&o, 2 * MS_HOUR);
    assert_int_equal(finance_called(&o), 0);
    office_later(&o, 2 * MS_HOUR + 33 * MS_MINUTE);
    assert_int_equal(finance_called(&o), 0);
    office_later(&o, MS_MINUTE); /* 09:00 */
    assert_int_equal(finance_called(&o), 1);
    assert_says(finance_told(&o), "4 requests wait for you");
    office_close(&o);
}

static void an_emergency_never_waits(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, "approvals: {}\nattention: {pings_per_hour: 1, quiet: {from: \"20:00\", to: \"07:00\"}}");
    office_begin(&o);
    struct ping p = {.case_id = 1, .person = "finance1", .ref = "A-1", .why = "x"};
    assert_false(ping_take(&o.e, &p));
    p.emergency = true;
    assert_true(ping_take(&o.e, &p));
    assert_true(ping_take(&o.e, &p));
    office_commit(&o);
    office_close(&o);
}

static void the_owner_is_asked_in_the_morning(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, "approvals: {}\nattention: {quiet: {from: \"06:00\", to: \"15:00\"}}");
    office_event_of(&o, 1);
    office_turn(&o, NULL, NULL);
    int64_t ask = office_i64(&o, "SELECT ask_ms FROM holds"), end = office_i64(&o, "SELECT end_ms FROM holds");
    struct civil c = when_civil(ask, "UTC");
    assert_true(c.hour >= 6 && c.hour < 15); /* 24 hours before the end falls into their quiet hours */
    office_later(&o, ask - o.now_ms);
    assert_int_equal(office_count(&o, "reply-N-1-ask"), 0);
    int64_t later = office_i64(&o, "SELECT ask_ms FROM holds");
    assert_int_equal(when_civil(later, "UTC").hour, 15);
    assert_true(later < end);
    office_later(&o, later - o.now_ms);
    assert_int_equal(office_count(&o, "reply-N-1-ask"), 1);
    office_is(&o, "SELECT count(*) FROM pings WHERE person = 'ae1' AND ref LIKE 'H-%'", 1, "counted");
    office_close(&o);
}

static void the_inbox_lists_what_waits(void **state)
{
    struct office o;
    (void)state;
    office_patient(&o, "approvals: {expire_hours: 48, remind_hours: [], escalate: [{after_hours: 2, ask: [finance1]}]}");
    AUTO_STR none = office_say(&o, "U0FIN1", "inbox");
    assert_string_equal(none, "Nothing waits for your decision.");
    four_asked(&o);
    office_later(&o, 2 * MS_HOUR);
    AUTO_STR all = office_say(&o, "U0FIN1", "inbox");
    assert_says(all, "4 requests wait for you, 2 under $1,000.00, the next to be parked first:\nA-");
    assert_says(all, "Why you: you are asked as well because nobody decided for 2 h");
    AUTO_STR small = office_say(&o, "U0FIN2", "waiting"); /* may decide on $10 at most */
    assert_string_equal(small, "Nothing waits for your decision.");
    AUTO_STR ae = office_say(&o, "U0AE1", "inbox");
    assert_says(ae, "is for these roles");
    office_close(&o);
}

static void mistakes_in_the_policy_are_named(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"{pings_per_hour: 0}", "attention.pings_per_hour must be a whole number"},
        {"{quiet: {from: \"20:00\"}}", "attention.quiet must be two different times"},
        {"{quiet: {from: \"20:00\", to: \"24:00\"}}", "attention.quiet must be two different times"},
        {"{quiet: {from: \"8:00\", to: \"07:00\"}}", "attention.quiet must be two different times"},
        {"{silence: 3}", "silence"},
        {"[]", "attention must be a map"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(wrong); i++) {
        struct problems p = {0};
        struct doc *d = NULL;
        AUTO_STR whole = str_fmt("%sattention: %s\n", office_policy, wrong[i][0]);
        assert_int_equal(doc_parse(&d, span_of(whole), "policy.yaml", NULL), 0);
        assert_null(policy_parse(d, &p));
        assert_int_not_equal(p.n, 0);
        assert_says(p.lines[0], wrong[i][1]);
        problems_free(&p);
        doc_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beyond_the_cap_they_are_bundled), cmocka_unit_test(what_is_over_is_dropped),
        cmocka_unit_test(a_card_at_night_is_posted_silently),
        cmocka_unit_test(nobody_is_called_at_night),       cmocka_unit_test(what_waits_for_room_waits_for_the_morning_too),
        cmocka_unit_test(quiet_hours_are_each_persons_own),
        cmocka_unit_test(outside_of_ones_hours_is_quiet),  cmocka_unit_test(what_came_in_the_evening_goes_out_in_the_morning),
        cmocka_unit_test(an_emergency_never_waits),        cmocka_unit_test(the_owner_is_asked_in_the_morning),
        cmocka_unit_test(the_inbox_lists_what_waits),      cmocka_unit_test(mistakes_in_the_policy_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
