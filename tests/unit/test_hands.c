/* What waits for somebody's hand is said again, ever more seldom and before it is too late; and what is ticked off is not asked for
 * again when another system's part of it has to be tried again. */
#include "engine/hands.h"
#include "tests/unit/by_hand.h"

/* Held at both, by hand at zuora, and released; stripe refuses to. */
static void half_released(struct office *o)
{
    open_ticked(o, AT_ZUORA);
    at_stripe = REFUSES;
    say(o, "U0AE1", "resume northwind", "resume");
    office_is(o, "SELECT count(*) FROM proposals WHERE id = 2 AND state = 9 AND outcome LIKE 'by hand at zuora %done A-2. Besides, stripe: the invoice is gone, asked again within the hour'", 1,
              "the hand's part is not lost");
}

static void what_is_ticked_stays_ticked(void **state)
{
    (void)state;
    for (int ticked_late = 0; ticked_late < 2; ticked_late++) {
        struct office o;
        half_released(&o);
        if (!ticked_late)
            say(&o, "U0AE1", "done A-2", "What is done by hand of A-2 is done, by your word. The rest goes on by itself");
        office_is(&o, "SELECT count(*) FROM hands", ticked_late, "who has done it is not reminded");
        restart(&o);
        office_later(&o, MS_HOUR);
        office_later(&o, MS_HOUR);
        office_is(&o, "SELECT count(*) FROM effects WHERE op = 'release' AND driver = 'stripe'", 3, "asked again each hour");
        office_is(&o, "SELECT count(*) FROM proposals", 2, "under the same number");
        if (ticked_late)
            say(&o, "U0AE1", "done A-2", "is done, by your word.");
        say(&o, "U0AE1", "done A-2", "does not wait for anybody's hand");
        office_is(&o, "SELECT count(*) FROM holds WHERE state = 2", 1, "still on its way");
        at_stripe = FINE;
        office_later(&o, MS_HOUR);
        office_is(&o, "SELECT state FROM proposals WHERE id = 2", PROPOSAL_CONFIRMED, "both parts");
        holds(&o, HOLD_RELEASED, "[\"in_1001\",\"in_1002\"]");
        office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'release'", 0, "and nothing more is tried");
        the_books_are_sealed(&o);
        close_two(&o);
    }
}

static void who_pays_meanwhile_leaves_only_the_machines_part(void **state)
{
    (void)state;
    struct office o;
    half_released(&o);
    json_object_set_new(json_array_get(json_at(o.read[1], "invoices"), 0), "status", json_string("paid"));
    office_paid(&o, 1);
    office_is(&o, "SELECT count(*) FROM recoveries WHERE outcome = 'paid'", 1, "closed");
    office_is(&o, "SELECT count(*) FROM proposals WHERE id = 2 AND state = 12", 1, "nobody's task any more");
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 2", 1, "but stripe has not let go");
    at_stripe = FINE;
    office_later(&o, MS_HOUR);
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 3", 1, "now it has");
    office_is(&o, "SELECT count(*) FROM proposals WHERE is_live = 1", 0, "nothing waits");
    the_books_are_sealed(&o);
    close_two(&o);
}

static void a_newer_hold_ends_the_old_ones_release(void **state)
{
    (void)state;
    struct office o;
    half_released(&o);
    at_stripe = FINE;
    say(&o, "U0AE1", "hold northwind until 2027-01-03", "A-3");
    office_later(&o, MS_HOUR);
    office_is(&o, "SELECT count(*) FROM proposals WHERE id = 2 AND is_live = 1", 0, "nobody begins again what is to be quiet");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'release'", 1, "nor any machine");
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 1, "one hold");
    office_is(&o, "SELECT count(*) FROM recoveries WHERE next_step LIKE '%has not resumed%'", 0, "what is next is the hold's");
    the_books_are_sealed(&o);
    close_two(&o);
}

/* Stripe has not answered for a second invoice when the hold is resumed. */
static void resumed_before_stripe_has_answered(struct office *o)
{
    open_ticked(o, AT_ZUORA);
    owes_more(o, 0, "in_2002");
    at_stripe = SILENT;
    office_event_of(o, 1);
    office_is(o, "SELECT count(*) FROM proposals WHERE verb = 1 AND state = 10", 1, "the hold is extended to it, and nobody knows");
    say(o, "U0AE1", "resume northwind", "resume");
}

#define LATE "SELECT count(*) FROM effects WHERE op = 'release' AND driver = 'stripe' AND args LIKE '%in_2002%'"

/* Zuora's part of the release waits for a hand, stripe's for nobody. */
static void ends_by_that_hand_alone(struct office *o)
{
    office_is(o, LATE " AND state = 4", 1, "released as soon as it could be, once");
    holds(o, HOLD_RELEASING, "[\"in_1001\",\"in_1002\"]");
    int64_t task = office_i64(o, "SELECT id FROM proposals WHERE is_live = 1 AND outcome LIKE 'by hand at zuora %'");
    AUTO_STR done = str_fmt("done A-%lld", (long long)task);
    say(o, "U0AE1", done, "is done, by your word.");
    office_is(o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "nothing is held");
    office_is(o, "SELECT count(*) FROM proposals WHERE is_live = 1", 0, "and nobody is asked a second time");
    close_two(o);
}

static void what_is_held_late_waits_for_no_hand(void **state)
{
    (void)state;
    struct office o;
    resumed_before_stripe_has_answered(&o);
    at_stripe = FINE;
    restart(&o);
    for (int i = 0; i < 3; i++)
        office_later(&o, MS_HOUR);
    ends_by_that_hand_alone(&o);
}

/* Zuora's hand is waited for, and stripe refuses what it held late: it is asked for that again each hour, whoever waits for whom. */
static void what_is_refused_late_waits_for_no_hand(void **state)
{
    (void)state;
    struct office o;
    resumed_before_stripe_has_answered(&o);
    at_stripe = FINE;
    kept = "in_2002";
    restart(&o);
    for (int i = 0; i < 4; i++)
        office_later(&o, MS_HOUR);
    int64_t refused = office_i64(&o, LATE " AND state = 5");
    assert_in_range(refused, 2, 4); /* an hour apart, not at each look */
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'release'", 1, "one time for the next");
    office_is(&o, LATE " AND state = 4", 0, "held still");
    kept = NULL;
    restart(&o);
    office_later(&o, MS_HOUR);
    ends_by_that_hand_alone(&o);
}

/* Each waits for a hand at zuora, and stripe refuses its part of it. */
static void two_releases_are_refused(struct office *o)
{
    office_event_of(o, 1);
    owes_more(o, 0, "in_2002");
    owes_more(o, 1, "in_2003");
    at_stripe = at_zuora = SILENT;
    office_event_of(o, 1);
    zuora_by_hand = true; /* by now it has no way any more */
    say(o, "U0AE1", "resume northwind", "resume");
    at_stripe = at_zuora = FINE;
    kept = "in_";
    restart(o);
    for (int i = 0; i < 3; i++)
        office_later(o, MS_HOUR);
    office_is(o, "SELECT count(*) FROM proposals WHERE verb = 2 AND is_live = 1 AND outcome LIKE 'by hand at zuora %Besides, stripe: %'", 2, "each waits for a hand and for stripe");
    office_is(o, "SELECT count(*) FROM timers WHERE kind = 'release'", 1, "both at the same time");
}

/* The first that is found is not the only one that is asked for again. */
static void each_release_that_was_refused_is_asked_for_again(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    two_releases_are_refused(&o);
    kept = NULL;
    restart(&o);
    office_later(&o, MS_HOUR);
    office_later(&o, MS_HOUR);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'release' AND state = 4 AND args LIKE '%[\"in_1001\"]%'", 1, "the first is released");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'release' AND state = 4 AND args LIKE '%[\"in_2002\"]%'", 1, "and so is the other");
    say(&o, "U0AE1", "done A-3", "is done, by your word.");
    say(&o, "U0AE1", "done A-4", "is done, by your word.");
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "nothing is held");
    close_two(&o);
}

static void whoever_answers_is_reminded(void **state)
{
    (void)state;
    struct office o;
    open_by_hand(&o, AT_ZUORA); /* 04:26 UTC, 05:26 in Berlin */
    say(&o, "U0COL1", "queue", "The collectors' queue is empty.\n\nTo be done by hand at billing, the longest waiting first:\n"
                               "A-1 Northwind Ltd, Ana Executive, for 0 s: by hand at zuora ($1,200.00 on 1002): Stop the dunning there. When it is done: done A-1");
    office_later(&o, 3 * MS_HOUR);
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'hand.reminded'", 0, "not yet");
    office_later(&o, MS_HOUR);
    assert_string_equal(json_str(office_sent(&o, "reply-N-1-A-1-hand-1"), "args.text", ""),
                        "Ana Executive, this has waited for 4 h: by hand at zuora ($1,200.00 on 1002): Stop the dunning there. When it is done: done A-1. The hold ends on "
                        "{ms:1798621200000}; until it is done, reminders and retries go on there. If it will not be done: withdraw A-1.");
    office_is(&o, "SELECT count(*) FROM pings WHERE person = 'ae1' AND ref = 'A-1' AND state = 1", 1, "counted as a call");
    restart(&o);
    office_later(&o, MS_HOUR);
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'hand.reminded'", 1, "once");
    office_later(&o, 20 * MS_HOUR); /* 12 h and 24 h together */
    office_is(&o, "SELECT said FROM hands", 2, "of several that were missed the newest");
    office_later(&o, 23 * MS_HOUR);
    office_is(&o, "SELECT said FROM hands", 3, "after twice as long");
    office_later(&o, 47 * MS_HOUR);
    office_is(&o, "SELECT said FROM hands", 3, "and not before twice that");
    office_later(&o, MS_HOUR);
    office_is(&o, "SELECT said FROM hands", 4, "again");
    say(&o, "U0AE1", "status northwind", "confirmed by stripe; by hand at zuora ($1,200.00 on 1002): Stop the dunning there. When it is done: done A-1");
    while (office_i64(&o, "SELECT said FROM hands") == 4)
        office_later(&o, MS_HOUR);
    int64_t left = office_i64(&o, "SELECT end_ms FROM holds") - o.now_ms;
    assert_true(left > 23 * MS_HOUR && left <= 24 * MS_HOUR); /* before the hold's end, whatever the hours say */
    office_later(&o, 2 * MS_HOUR);
    office_is(&o, "SELECT said FROM hands", 5, "that once");
    say(&o, "U0AE1", "done A-1", "is done");
    office_is(&o, "SELECT count(*) FROM hands", 0, "nothing waits");
    office_later(&o, 20 * MS_HOUR);
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'hand.reminded'", 5, "and nobody is reminded of what is done");
    say(&o, "U0COL1", "queue", "The collectors' queue is empty.");
    close_two(&o);
}

static void of_what_will_not_be_done_nobody_is_reminded(void **state)
{
    (void)state;
    struct office o;
    open_by_hand(&o, AT_ZUORA);
    office_is(&o, "SELECT count(*) FROM hands", 1, "it waits");
    say(&o, "U0AE1", "withdraw A-1 why nobody has access", "Taken back");
    office_is(&o, "SELECT count(*) FROM hands", 0, "no more");
    close_two(&o);
}

static void what_has_no_end_is_said_ever_more_seldom(void **state)
{
    (void)state;
    struct office o;
    open_ticked(&o, AT_BOTH);
    say(&o, "U0AE1", "resume northwind", "resume");
    for (int i = 0; i < 60; i++)
        office_later(&o, MS_DAY);
    int64_t said = office_i64(&o, "SELECT said FROM hands");
    if (said < 9 || said > 14) /* 4, 12, 24, 48, 96, 192 h, then once a week */
        fail_msg("%lld reminders in 60 days", (long long)said);
    const json_t *last = office_sent(&o, "reply-N-1-A-2-hand-");
    assert_not_says(json_str(last, "args.text", ""), "withdraw");
    close_two(&o);
}

static void the_owner_is_left_alone_at_night(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    zuora_by_hand = true;
    AUTO_STR text = str_fmt("%sattention: {quiet: {from: \"05:00\", to: \"20:00\"}}\n", office_policy);
    struct doc *d = NULL;
    struct problems p = {0};
    assert_int_equal(doc_parse(&d, span_of(text), "policy.yaml", NULL), 0);
    policy_free(o.policy);
    o.e.policy = o.policy = policy_parse(d, &p);
    assert_non_null(o.policy);
    doc_free(d);
    office_event_of(&o, 1);
    office_later(&o, 5 * MS_HOUR);
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'hand.reminded'", 0, "it waits");
    while (office_i64(&o, "SELECT said FROM hands") == 0)
        office_later(&o, 10 * MS_MINUTE);
    struct civil c = when_civil(o.now_ms, "Europe/Berlin");
    assert_int_equal(c.hour, 20);
    close_two(&o);
}

/* The task is called off while nobody knows what stripe did: when it answers, what it held is put back, and nobody is waited for. */
static void what_is_called_off_while_a_machine_has_it_ends_by_its_answer(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    zuora_by_hand = true;
    at_stripe = SILENT;
    office_event_of(&o, 1);
    office_is(&o, "SELECT state FROM proposals", PROPOSAL_UNKNOWN, "nobody knows what stripe did");
    json_object_set_new(json_array_get(json_at(o.read[1], "invoices"), 0), "status", json_string("paid"));
    office_paid(&o, 1);
    office_is(&o, "SELECT count(*) FROM recoveries WHERE outcome = 'paid'", 1, "closed");
    office_is(&o, "SELECT count(*) FROM journal WHERE ref = 'A-1' AND text LIKE '%nothing has to be done by hand any more: %'", 1, "said at once");
    say(&o, "U0AE1", "done A-1", "does not wait for anybody's hand");
    office_is(&o, "SELECT state FROM proposals", PROPOSAL_UNKNOWN, "still nobody knows");
    at_stripe = FINE;
    restart(&o);
    office_later(&o, 2 * MS_MINUTE);
    office_is(&o, "SELECT count(*) FROM proposals WHERE id = 1 AND state = 12 AND outcome LIKE 'zuora: %'", 1, "it did not come about, and says why");
    assert_string_equal(json_str(write_of("stripe", "release"), "args.invoices.0", ""), "in_1001");
    assert_null(write_of("zuora", "release"));
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "nothing is held");
    office_is(&o, "SELECT count(*) FROM proposals WHERE is_live = 1", 0, "nobody is waited for");
    the_books_are_sealed(&o);
    close_two(&o);
}

/* What one has done stays done though the other says that theirs will not be: it is put back, where it was done. */
static void what_was_ticked_is_put_back_when_the_rest_is_not_done(void **state)
{
    (void)state;
    struct office o;
    open_by_hand(&o, AT_BOTH);
    say(&o, "U0AE1", "done A-1 zuora", "That part of A-1 is done, by your word.");
    say(&o, "U0AE1", "withdraw A-1 why nobody has access", "Taken back: A-1.");
    office_is(&o, "SELECT count(*) FROM proposals WHERE id = 1 AND state = 12 AND outcome LIKE 'stripe: %nobody has access' AND outcome NOT LIKE '%zuora%'", 1, "only that was not done");
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 2 AND outcome LIKE 'by hand at zuora %Begin the dunning there.%' AND outcome NOT LIKE '%stripe%'", 1, "what was done is begun again");
    say(&o, "U0AE1", "done A-2", "is done, by your word.");
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "no hold is left");
    close_two(&o);
}

/* A person asked for more time, and let it resume before stripe answered: a late answer does not bring the time back. */
static void what_is_held_late_is_not_what_is_next(void **state)
{
    (void)state;
    struct office o;
    open_ticked(&o, AT_ZUORA);
    at_stripe = SILENT;
    say(&o, "U0AE1", "hold northwind until 2027-01-03", "A-2");
    office_later(&o, MS_MINUTE);
    office_is(&o, "SELECT state FROM proposals WHERE id = 2", PROPOSAL_UNKNOWN, "nobody knows whether it is longer");
    at_stripe = BUSY; /* nothing is released yet */
    say(&o, "U0AE1", "resume northwind", "resume");
    holds(&o, HOLD_RELEASING, "[\"in_1001\",\"in_1002\"]");
    at_stripe = FINE;
    restart(&o);
    office_later(&o, 2 * MS_MINUTE);
    office_is(&o, "SELECT state FROM proposals WHERE id = 2", PROPOSAL_CONFIRMED, "it was held");
    holds(&o, HOLD_RELEASING, "[\"in_1001\",\"in_1002\"]");
    office_is(&o, "SELECT count(*) FROM journal WHERE ref LIKE 'N-%' AND at_ms > 1798000060000 AND text LIKE '%resume by themselves on%'", 0, "and is not said to be");
    say(&o, "U0AE1", "done A-3", "is done, by your word.");
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "no hold is left");
    close_two(&o);
}

/* Of many invoices the first are named, and the rest are counted. */
static void many_invoices_are_counted(void **state)
{
    (void)state;
    struct office o;
    for (int more = 3; more < 6; more++) {
        open_two(&o);
        zuora_by_hand = true;
        for (int i = 0; i < more; i++) {
            AUTO_STR id = str_fmt("in_200%d", i);
            owes_more(&o, 1, id);
            json_t *all = json_at(o.read[1], "invoices");
            json_put(json_array_get(all, json_array_size(all) - 1), "number", id + 3);
        }
        office_event_of(&o, 1);
        struct query *q = store_query(o.store, "SELECT outcome FROM proposals", "");
        assert_true(query_next(q));
        AUTO_STR said = str_dup(query_text(q, 0));
        query_end(q);
        assert_says(said, more == 3 ? " on 1002, 2000, 2001, 2002): Stop" : more == 4 ? " on 1002, 2000, 2001, 2002 and 1 more): Stop" : " on 1002, 2000, 2001, 2002 and 2 more): Stop");
        say(&o, "U0AE1", "done A-1", "is done");
        office_is(&o, "SELECT json_array_length(invoices) FROM holds", more + 2, "all of them are held");
        close_two(&o);
    }
}

/* Of two releases one is refused again and again, and nobody knows of the other: what is out is never sent twice. */
static void a_release_that_is_out_is_not_sent_twice(void **state)
{
#define FIRST "SELECT count(*) FROM effects WHERE op = 'release' AND driver = 'stripe' AND args LIKE '%[\"in_1001\"]%'"
    (void)state;
    struct office o;
    open_two(&o);
    two_releases_are_refused(&o);
    mute = "in_1001";
    kept = "in_2002";
    restart(&o);
    office_later(&o, MS_HOUR);
    office_is(&o, FIRST " AND is_live = 1", 1, "asked for again, and nobody knows");
    int64_t first = office_i64(&o, FIRST);
    for (int i = 0; i < 4; i++)
        office_later(&o, MS_HOUR);
    office_is(&o, FIRST, first, "it is looked up, and not sent again");
    kept = mute = NULL;
    for (int i = 0; i < 3; i++)
        office_later(&o, MS_HOUR);
    office_is(&o, FIRST, first, "nor later");
    office_is(&o, FIRST " AND state = 4", 1, "it was released");
    office_is(&o, LATE " AND state = 4", 1, "and so is the other");
    close_two(&o);
#undef FIRST
}

/* While a machine has its part of the extension, nobody asks it for another end: the two would overtake each other. */
static void what_a_machine_has_is_not_moved_meanwhile(void **state)
{
    (void)state;
    struct office o;
    open_ticked(&o, AT_ZUORA);
    owes_more(&o, 0, "in_2002");
    owes_more(&o, 1, "in_2003");
    at_stripe = BUSY;
    office_event_of(&o, 1);
    office_is(&o, "SELECT count(*) FROM proposals WHERE id = 2 AND verb = 1 AND outcome LIKE 'by hand at zuora %'", 1, "extended by a hand and by a machine");
    say(&o, "U0AE1", "hold northwind until 2027-01-03", "already under way");
    at_stripe = FINE;
    office_later(&o, 2 * MS_MINUTE);
    at_stripe = SILENT;
    say(&o, "U0AE1", "hold northwind until 2027-01-03", "A-3"); /* only the hand is waited for */
    office_is(&o, "SELECT state FROM proposals WHERE id = 3", PROPOSAL_UNKNOWN, "and nobody knows what became of that");
    say(&o, "U0AE1", "hold northwind until 2027-01-04", "already under way");
    close_two(&o);
}

/* A plan that waits for a hand is called for a last time a day before it would have to begin. */
static void a_plan_is_called_for_before_it_begins(void **state)
{
    (void)state;
    struct office o;
    open_by_hand(&o, AT_ZUORA);
    assert_int_equal(office_plan(&o, "ae1", "northwind", 2, "renewal in flight").rc, 0);
    int64_t id = office_last(&o), first = o.now_ms + 10 * MS_DAY;
    assert_int_equal(office_approve(&o, "manager1", id, 0).rc, 0);
    office_later(&o, MS_SECOND);
    while (office_i64(&o, "SELECT called_ms FROM hands") == 0 && o.now_ms < first)
        office_later(&o, MS_HOUR);
    int64_t begins = office_i64(&o, "SELECT json_extract(terms, '$.instalments[0].date_ms') FROM proposals WHERE verb = 3");
    assert_int_equal(office_i64(&o, "SELECT called_ms FROM hands"), begins);
    assert_true(begins - o.now_ms > 23 * MS_HOUR && begins - o.now_ms <= 24 * MS_HOUR);
    close_two(&o);
}

/* However seldom the policy reminds, what ends is called for before its end: a hold, and more time for one. */
static void whoever_is_never_reminded_is_called_before_the_end(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    struct policy *before = office_policy_with(&o, "approvals: {expire_hours: 48}", "approvals: {expire_hours: 48, remind_hours: []}");
    zuora_by_hand = true;
    office_event_of(&o, 1);
    int64_t end = office_i64(&o, "SELECT end_ms FROM holds");
    owes_more(&o, 1, "in_2003");
    say(&o, "U0AE1", "done A-1", "is done");
    office_event_of(&o, 1);
    office_is(&o, "SELECT count(*) FROM hands JOIN proposals ON proposals.id = proposal_id WHERE verb = 1", 1, "more time waits for a hand");
    office_later(&o, end - o.now_ms - 25 * MS_HOUR);
    office_is(&o, "SELECT said FROM hands", 0, "nobody is reminded");
    office_later(&o, 2 * MS_HOUR);
    assert_int_equal(office_i64(&o, "SELECT called_ms FROM hands"), end);
    struct recovery *r = office_case(&o, "northwind");
    office_begin(&o);
    hands_look(&o.e, r, 2); /* a timer that comes twice */
    office_commit(&o);
    recovery_free(r);
    office_is(&o, "SELECT said FROM hands", 1, "once");
    office_policy_back(&o, before);
    close_two(&o);
}

/* What is not in force yet, or waits for a yes, is not asked for a second time beside it. */
static void what_waits_is_not_overtaken(void **state)
{
    (void)state;
    struct office o;
    open_by_hand(&o, AT_BOTH);
    holds(&o, HOLD_STARTING, "[\"in_1001\",\"in_1002\"]");
    say(&o, "U0AE1", "hold northwind until 2027-01-03", "A hold is already under way for Northwind Ltd: A-1");
    say(&o, "U0AE1", "done A-1", "is done, by your word.");
    say(&o, "U0AE1", "hold northwind until 2027-02-01 why they asked for time", "Asked for approval: A-2");
    say(&o, "U0AE1", "hold northwind until 2027-01-03", "already under way for Northwind Ltd: A-2");
    office_is(&o, "SELECT count(*) FROM proposals", 2, "neither was asked for twice");
    close_two(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_ticked_stays_ticked),
        cmocka_unit_test(whoever_answers_is_reminded),
        cmocka_unit_test(of_what_will_not_be_done_nobody_is_reminded),
        cmocka_unit_test(what_is_held_late_waits_for_no_hand),
        cmocka_unit_test(what_is_refused_late_waits_for_no_hand),
        cmocka_unit_test(each_release_that_was_refused_is_asked_for_again),
        cmocka_unit_test(what_has_no_end_is_said_ever_more_seldom),
        cmocka_unit_test(the_owner_is_left_alone_at_night),
        cmocka_unit_test(who_pays_meanwhile_leaves_only_the_machines_part),
        cmocka_unit_test(a_newer_hold_ends_the_old_ones_release),
        cmocka_unit_test(what_is_called_off_while_a_machine_has_it_ends_by_its_answer),
        cmocka_unit_test(what_was_ticked_is_put_back_when_the_rest_is_not_done),
        cmocka_unit_test(what_is_held_late_is_not_what_is_next),
        cmocka_unit_test(many_invoices_are_counted),
        cmocka_unit_test(a_release_that_is_out_is_not_sent_twice),
        cmocka_unit_test(what_a_machine_has_is_not_moved_meanwhile),
        cmocka_unit_test(a_plan_is_called_for_before_it_begins),
        cmocka_unit_test(whoever_is_never_reminded_is_called_before_the_end),
        cmocka_unit_test(what_waits_is_not_overtaken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
