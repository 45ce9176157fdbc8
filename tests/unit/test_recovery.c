/* Cases: one open case an account, a decision only when something that matters has changed, and always a next step. */
#include "tests/unit/cases.h"

static void one_open_case_an_account(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    office_event_of(&o, 1);
    office_is(&o, "SELECT count(*) FROM recoveries", 1, "one");
    office_event(&o, "cus_2", "", false);
    office_is(&o, "SELECT count(*) FROM recoveries", 1, "an event that opens nothing");
    office_paid(&o, 1);
    office_is(&o, "SELECT count(*) FROM recoveries WHERE is_open = 0 AND outcome = 'paid'", 1, "closed");
    office_rebill(&o, 1, 100000, "S");
    office_event_of(&o, 1);
    office_is(&o, "SELECT count(*) FROM recoveries", 2, "the next failure is another episode");
    office_close(&o);
}

static void a_stranger_becomes_known_in_the_same_case(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    struct book *before = book_new("accounts.csv", OFFICE_NOW);
    book_seal(before);
    o.e.book = before; /* the book does not know them yet */
    office_event_of(&o, 2);
    office_is(&o, "SELECT count(*) FROM recoveries WHERE account = 'stripe:cus_2'", 1, "under billing's id");
    o.e.book = o.book;
    office_event_of(&o, 2);
    office_is(&o, "SELECT count(*) FROM recoveries", 1, "still one case");
    office_is(&o, "SELECT count(*) FROM recoveries WHERE account = 'acme-corp' AND name = 'Acme Corp'", 1, "under its name");
    office_proves(&o);
    book_free(before);
    office_close(&o);
}

static void nothing_new_decides_nothing(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 2);
    int64_t decisions = office_i64(&o, "SELECT count(*) FROM decisions"), timers = office_i64(&o, "SELECT count(*) FROM timers");
    office_event_of(&o, 2);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM decisions"), decisions);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM timers"), timers);
    office_rebill(&o, 2, 120000, "H"); /* the card is dead now */
    office_event_of(&o, 2);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM decisions"), decisions + 1);
    office_close(&o);
}

static void the_decision_keeps_what_it_rests_on(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    office_is(&o, "SELECT count(*) FROM decisions WHERE rule = 'strategic-hold' AND mode = 'live' AND policy <> '' AND inputs LIKE '%invoice.due%' AND reasons LIKE "
                  "'%41%'",
              1, "rule, policy, inputs and reasons");
    office_is(&o, "SELECT count(*) FROM recoveries WHERE next_step <> '' AND next_ms > 0", 1, "what is next, and when");
    office_close(&o);
}

static void a_retry_runs_once_at_its_time(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 2);
    int64_t at = office_i64(&o, "SELECT due_ms FROM timers WHERE kind = 'retry'");
    assert_true(at > o.now_ms);
    o.now_ms = at - 1;
    office_later(&o, 0);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect'", 0, "not before");
    office_later(&o, 1);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect' AND args LIKE '%pm_1%'", 1, "with the card that was looked at");
    office_later(&o, MS_HOUR);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect'", 1, "once");
    office_close(&o);
}

/* The first week is in shadow mode; then somebody writes mode: live, and what is open is not left as it stood on paper. */
static void what_shadow_decided_is_decided_again_when_live(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, true);
    struct policy *before = office_policy_with(&o, "do: [{retry: {after_days: 2, hour: 9}}]", "do: [{retry: {after_days: 2, hour: 9}}, {link: {purpose: pay}}]");
    office_event_of(&o, 1); /* held */
    office_event_of(&o, 2); /* tried again, with a link */
    for (int i = 0; i < 2; i++)
        office_later(&o, MS_DAY);
    office_is(&o, "SELECT count(*) FROM holds", 0, "nothing is held");
    office_is(&o, "SELECT count(*) FROM decisions", 2, "decided once each, not every hour");
    office_is(&o, "SELECT count(*) FROM recoveries WHERE next_step LIKE 'Shadow:%'", 2, "it is only said");
    o.e.shadow = false;
    engine_forget(&o.e);
    office_later(&o, 2 * MS_HOUR);
    office_is(&o, "SELECT count(*) FROM recoveries WHERE next_step LIKE 'Shadow:%'", 0, "live, it is done");
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 1", 2, "held");
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'retry'", 1, "with a moment for the attempt");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'link'", 1, "and the link that was only recorded");
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'live'", 0, "once");
    office_policy_back(&o, before);
    office_close(&o);
}

/* A person held it when billing could not be read yet, so no rule stands in it; that is no decision of shadow mode's. */
static void a_hold_on_what_was_never_read_is_not_decided_over(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    office_begin(&o);
    store_run(o.store, "UPDATE recoveries SET rule = '', next_step = 'they call back'", "");
    store_run(o.store, "DELETE FROM decisions", "");
    office_commit(&o);
    office_event_of(&o, 1);
    office_is(&o, "SELECT count(*) FROM decisions", 0, "nothing is decided");
    office_is(&o, "SELECT count(*) FROM recoveries WHERE next_step = 'they call back'", 1, "their word stands");
    office_close(&o);
}

static void a_retry_waits_out_a_time_in_shadow(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 2);
    o.e.shadow = true;
    engine_forget(&o.e);
    for (int i = 0; i < 4; i++)
        office_later(&o, MS_DAY);
    office_is(&o, "SELECT count(*) FROM effects WHERE op IN ('collect', 'release')", 0, "nothing is executed");
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 4", 0, "nor recorded as if it were decided now");
    o.e.shadow = false;
    engine_forget(&o.e);
    office_later(&o, 2 * MS_HOUR);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect'", 1, "live again, it runs");
    office_close(&o);
}

/* Soft, then the customer has to confirm: the policy that only mails a link says what is next, not an attempt that nobody makes. */
static void an_attempt_that_is_wanted_no_more_is_not_waited_for(void **state)
{
    static const char *const actions[] = {"{link: {purpose: pay}}", "{alert: {}}"};
    (void)state;
    for (size_t i = 0; i < DW_ARRAY_LEN(actions); i++) {
        struct office o;
        struct doc *d = NULL;
        struct problems p = {0};
        const char *last = strstr(office_policy, "  - {name: otherwise");
        office_open(&o, false);
        AUTO_STR text = str_fmt("%.*s  - {name: confirm, why: The customer must confirm, when: {fact: payment.class, is: A}, do: [%s]}\n%s",
                                (int)(last - office_policy), office_policy, actions[i], last);
        assert_int_equal(doc_parse(&d, span_of(text), "policy.yaml", NULL), 0);
        struct policy *policy = policy_parse(d, &p);
        doc_free(d);
        assert_non_null(policy);
        o.e.policy = policy;
        office_event_of(&o, 2);
        office_is(&o, "SELECT count(*) FROM recoveries r JOIN timers t ON t.case_id = r.id AND t.kind = 'retry' WHERE r.state = 2", 1, "a retry ahead");
        office_rebill(&o, 2, 120000, "A");
        office_event_of(&o, 2);
        office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'retry'", 0, "no retry any more");
        office_is(&o, i == 0 ? "SELECT count(*) FROM recoveries WHERE state = 3" : "SELECT count(*) FROM recoveries WHERE state = 4", 1, "somebody has it");
        office_is(&o, "SELECT count(*) FROM recoveries WHERE next_step LIKE '%collector takes it%'", 1, "and its next step says so");
        office_close(&o);
        policy_free(policy);
    }
}

static void a_dispute_stops_the_retry(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 2);
    o.now_ms = office_i64(&o, "SELECT due_ms FROM timers WHERE kind = 'retry'");
    office_begin(&o);
    engine_tick(&o.e, 10); /* the retry waits for fresh facts; nothing has left */
    office_commit(&o);
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 4 AND state = 8", 1, "queued");
    struct actor who = office_actor(&o, "col1");
    char said[300];
    office_begin(&o);
    struct recovery *r = office_case(&o, "acme-corp");
    assert_int_equal(recovery_dispute(&o.e, r, &who, "wrong amount", said, sizeof said, NULL), 0);
    recovery_free(r);
    office_commit(&o);
    for (int i = 0; i < 5; i++)
        office_later(&o, MS_DAY);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect'", 0, "nothing was collected");
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_DISPUTED, "disputed");
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 1", 1, "and quiet");
    office_close(&o);
}

static void a_dispute_whose_hold_ends_says_so(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    free(office_say(&o, "U0AE1", "dispute northwind wrong"));
    o.now_ms = office_i64(&o, "SELECT ask_ms FROM holds WHERE is_live = 1");
    office_later(&o, 0);
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'hold.asks'", 1, "the owner is asked");
    o.now_ms = office_i64(&o, "SELECT end_ms FROM holds WHERE is_live = 1");
    office_later(&o, 0);
    office_is(&o, "SELECT count(*) FROM recoveries WHERE state = 7 AND next_step LIKE '%retries again%'", 1, "no word that retries are stopped");
    office_close(&o);
}

static void a_promise_that_passes_comes_back(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    free(office_say(&o, "U0AE1", "promise northwind 1000 by 2026-12-28"));
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_PROMISED, "promised");
    office_later(&o, 3 * MS_DAY);
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_PROMISED, "still");
    office_later(&o, 4 * MS_DAY);
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_QUEUED, "somebody calls");
    office_is(&o, "SELECT count(*) FROM promises WHERE state = 'broken'", 1, "broken");
    office_close(&o);
}

static void a_promise_that_was_replaced_breaks_nothing(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    free(office_say(&o, "U0AE1", "promise northwind 1000 by 2026-12-26"));
    free(office_say(&o, "U0AE1", "promise northwind 1000 by 2026-12-29"));
    office_later(&o, 5 * MS_DAY);
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_PROMISED, "the later one counts");
    office_close(&o);
}

static void payment_ends_everything(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    assert_int_equal(office_plan(&o, "ae1", "northwind", 6, "renewal").rc, 0);
    free(office_say(&o, "U0AE1", "promise northwind 1000 by 2026-12-28"));
    office_paid(&o, 1);
    office_is(&o, "SELECT count(*) FROM recoveries WHERE is_open = 0 AND outcome = 'paid' AND closed_ms > 0", 1, "closed");
    office_is(&o, "SELECT count(*) FROM proposals WHERE is_live = 1", 0, "nothing pending");
    office_is(&o, "SELECT count(*) FROM proposals WHERE state = 7", 1, "the approval is withdrawn");
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "nothing held");
    office_is(&o, "SELECT count(*) FROM timers", 0, "no timer");
    office_is(&o, "SELECT count(*) FROM promises WHERE state = 'kept'", 1, "the promise was kept");
    AUTO_STR late = office_say(&o, "U0MAN1", "approve A-2");
    assert_says(late, "Nothing was changed");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'plan'", 0, "a late click runs nothing");
    office_proves(&o);
    office_close(&o);
}

static void a_read_that_fails_is_read_again(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_begin(&o);
    recovery_touch(&o.e, &(struct touch){.biller = "stripe", .customer = "cus_2", .invoice = "", .event = "evt_9", .why = "x", .opens = true});
    struct recovery *r = office_case(&o, "acme-corp");
    store_run(o.store, "UPDATE effects SET is_live = 0, state = 5", "");
    recovery_facts_failed(&o.e, r, r->biller, "no such customer");
    office_commit(&o);
    recovery_free(r);
    office_is(&o, "SELECT count(*) FROM recoveries WHERE state = 4 AND next_step LIKE '%no such customer%'", 1, "a person is told");
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'reread'", 1, "and it is tried again");
    office_later(&o, 16 * MS_MINUTE);
    office_is(&o, "SELECT count(*) FROM decisions", 1, "then it is decided");
    office_close(&o);
}

/* The engine comes to rest: nothing is due in the past, for each of the office's cases, for half a year. */
static void nothing_spins(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    for (int i = 1; i <= 4; i++)
        office_event_of(&o, i);
    o.biller_says_no = true;
    for (int day = 0; day < 180; day++) {
        office_later(&o, MS_DAY);
        if (engine_next_due_ms(&o.e) <= o.now_ms)
            fail_msg("something is due again and again on day %d", day);
        office_is(&o, "SELECT count(*) FROM recoveries WHERE is_open = 1 AND next_step = ''", 0, "a next step");
    }
    office_proves(&o);
    office_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_open_case_an_account),
        cmocka_unit_test(a_stranger_becomes_known_in_the_same_case),
        cmocka_unit_test(nothing_new_decides_nothing),
        cmocka_unit_test(the_decision_keeps_what_it_rests_on),
        cmocka_unit_test(a_retry_runs_once_at_its_time),
        cmocka_unit_test(what_shadow_decided_is_decided_again_when_live),
        cmocka_unit_test(a_hold_on_what_was_never_read_is_not_decided_over),
        cmocka_unit_test(a_retry_waits_out_a_time_in_shadow),
        cmocka_unit_test(an_attempt_that_is_wanted_no_more_is_not_waited_for),
        cmocka_unit_test(a_dispute_stops_the_retry),
        cmocka_unit_test(a_dispute_whose_hold_ends_says_so),
        cmocka_unit_test(a_promise_that_passes_comes_back),
        cmocka_unit_test(a_promise_that_was_replaced_breaks_nothing),
        cmocka_unit_test(payment_ends_everything),
        cmocka_unit_test(a_read_that_fails_is_read_again),
        cmocka_unit_test(nothing_spins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
