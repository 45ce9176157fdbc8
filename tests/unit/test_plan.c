/* Plans: the rows add up to the minor unit, each instalment is collected once and only while the plan runs, and a plan that
 * ends in any way says what is next. */
#include "tests/unit/cases.h"

static json_t *invoice(const char *id, int64_t due, const char *currency)
{
    return json_pack("{s:s, s:I, s:s}", "id", id, "due", (json_int_t)due, "currency", currency);
}

/* ---- terms ---- */

/* 23 Dec 2026 + 2 days is a holiday, a Friday; then a weekend: the first instalment is due on the Monday. */
static void instalments_fall_on_business_days(void **state)
{
    (void)state;
    struct problems p = {0};
    struct doc *d = NULL;
    AUTO_STR text = str_fmt("%scalendar: {holidays: [\"2026-12-25\"]}\n", office_policy);
    assert_int_equal(doc_parse(&d, span_of(text), "policy.yaml", NULL), 0);
    struct policy *policy = policy_parse(d, &p);
    assert_non_null(policy);
    doc_free(d);
    json_auto_t *invoices = json_pack("[{s:s, s:i, s:s}]", "id", "in_1", "due", 300, "currency", "USD");
    struct recovery r = {.due = money_of(300, "USD"), .invoices = invoices};
    json_auto_t *terms = plan_terms_make(policy, &r, 3, OFFICE_NOW + 2 * MS_DAY, "UTC");
    assert_string_equal(json_str(terms, "instalments.0.date", ""), "2026-12-28");
    assert_string_equal(json_str(terms, "instalments.1.date", ""), "2027-01-25"); /* a Monday */
    assert_string_equal(json_str(terms, "instalments.2.date", ""), "2027-02-25");
    assert_true(json_i64(terms, "first_ms", 0) == OFFICE_NOW + 2 * MS_DAY); /* as it was asked: asked again it is the same */
    assert_false(policy_business_day(policy, OFFICE_NOW + 2 * MS_DAY, "UTC"));
    assert_true(policy_business_day(policy, OFFICE_NOW, "UTC"));
    assert_true(policy_business_day(NULL, OFFICE_NOW + 3 * MS_DAY, "UTC"));
    policy_free(policy);
    problems_free(&p);
}

/* Friday evening in London is Saturday morning in Tokyo: the day is the account's. */
static void dates_are_those_of_the_accounts_zone(void **state)
{
    (void)state;
    struct problems p = {0};
    struct doc *d = NULL;
    AUTO_STR text = str_fmt("%scalendar: {holidays: [\"2026-12-25\"]}\n", office_policy);
    assert_int_equal(doc_parse(&d, span_of(text), "policy.yaml", NULL), 0);
    struct policy *policy = policy_parse(d, &p);
    assert_non_null(policy);
    doc_free(d);
    json_auto_t *invoices = json_pack("[{s:s, s:i, s:s}]", "id", "in_1", "due", 300, "currency", "USD");
    struct recovery r = {.due = money_of(300, "USD"), .invoices = invoices};
    int64_t friday = INT64_C(1799438400000); /* 2027-01-08 20:00 UTC */
    json_auto_t *here = plan_terms_make(policy, &r, 2, friday, "UTC"), *there = plan_terms_make(policy, &r, 2, friday, "Asia/Tokyo");
    assert_string_equal(json_str(here, "instalments.0.date", ""), "2027-01-08");
    assert_string_equal(json_str(there, "instalments.0.date", ""), "2027-01-11");
    assert_string_equal(json_str(here, "instalments.1.date", ""), "2027-02-08");
    assert_string_equal(json_str(there, "instalments.1.date", ""), "2027-02-09");
    policy_free(policy);
    problems_free(&p);
}

static void check_terms(const json_t *invoices, int64_t due, const char *currency, int n)
{
    struct recovery r = {.due = money_of(due, currency), .invoices = json_deep_copy(invoices)};
    AUTO_JSON terms = plan_terms_make(NULL, &r, n, OFFICE_NOW, "Europe/Berlin");
    assert_non_null(terms);
    int64_t total = 0, parts[64] = {0}, last_ms = 0, least = INT64_MAX, most = 0;
    size_t i;
    json_t *row, *one;
    json_array_foreach(json_at(terms, "instalments"), i, row) {
        int64_t amount = json_i64(row, "amount", 0), k = json_i64(row, "n", 0), at = json_i64(row, "date_ms", 0);
        assert_true(amount > 0 && k >= 1 && k <= n && at >= last_ms);
        last_ms = at;
        total += amount;
        parts[k] += amount;
    }
    assert_int_equal(total, due);
    for (int k = 1; k <= n; k++) {
        least = parts[k] < least ? parts[k] : least;
        most = parts[k] > most ? parts[k] : most;
    }
    assert_true(most - least <= 1); /* equal, but for the last unit */
    json_array_foreach(invoices, i, one) {
        int64_t taken = 0;
        size_t k;
        json_array_foreach(json_at(terms, "instalments"), k, row)
            if (str_eq(json_str(row, "invoice", ""), json_str(one, "id", "")))
                taken += json_i64(row, "amount", 0);
        assert_int_equal(taken, str_eq(json_str(one, "currency", ""), currency) ? json_i64(one, "due", 0) : 0);
    }
    json_decref(r.invoices);
}

static void the_rows_add_up(void **state)
{
    (void)state;
    static const int64_t totals[] = {12, 13, 100, 101, 99999, 4820000, 1000000007};
    for (size_t t = 0; t < DW_ARRAY_LEN(totals); t++)
        for (int n = 1; n <= 12; n++)
            for (int split = 1; split <= 4; split++) {
                AUTO_JSON list = json_array();
                int64_t parts[4];
                json_array_append_new(list, invoice("in_other", 777, "EUR"));
                money_split(totals[t], split, parts);
                for (int i = 0; i < split; i++) {
                    char id[16];
                    snprintf(id, sizeof id, "in_%d", i);
                    json_array_append_new(list, invoice(id, parts[i], t % 2 ? "JPY" : "USD"));
                }
                check_terms(list, totals[t], t % 2 ? "JPY" : "USD", n);
            }
}

/* A hundred dinars in three: cards know no third decimal, so no instalment has one; and Stripe takes whole ariary only. */
static void what_is_collected_can_be_charged(void **state)
{
    (void)state;
    static const struct {
        const char *currency;
        int64_t due;
        int n;
        int64_t first, last;
    } rows[] = {{"KWD", 100000, 3, 33340, 33330}, {"KWD", 50, 5, 10, 10}, {"KWD", 100001, 2, 50001, 50000}, {"MGA", 1000000, 3, 333400, 333300},
                {"MGA", 300, 3, 100, 100},        {"MGA", 1020, 3, 340, 340}, {"ISK", 1000, 3, 334, 333},       {"UGX", 1000, 3, 334, 333},
                {"JPY", 1000, 3, 334, 333},       {"USD", 100000, 3, 33334, 33333}};
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        AUTO_JSON one = json_array();
        json_array_append_new(one, invoice("in_1", rows[i].due, rows[i].currency));
        struct recovery r = {.due = money_of(rows[i].due, rows[i].currency), .invoices = one};
        AUTO_JSON terms = plan_terms_make(NULL, &r, rows[i].n, OFFICE_NOW, "");
        const json_t *instalments = json_at(terms, "instalments");
        assert_int_equal(json_array_size(instalments), rows[i].n);
        assert_int_equal(json_i64(json_array_get(instalments, 0), "amount", 0), rows[i].first);
        assert_int_equal(json_i64(json_array_get(instalments, (size_t)rows[i].n - 1), "amount", 0), rows[i].last);
    }
    static const struct money small[] = {{50, "KWD"}, {500, "MGA"}, {5, "ISK"}, {5, "USD"}}; /* not in six */
    for (size_t i = 0; i < DW_ARRAY_LEN(small); i++) {
        AUTO_JSON one = json_array();
        json_array_append_new(one, invoice("in_1", small[i].minor, small[i].currency));
        struct recovery r = {.due = small[i], .invoices = one};
        assert_null(plan_terms_make(NULL, &r, 6, OFFICE_NOW, ""));
    }
}

static void what_cannot_be_split_is_refused(void **state)
{
    (void)state;
    static const struct {
        int64_t due;
        int n;
    } bad[] = {{100, 0}, {100, -1}, {100, 61}, {5, 6}, {0, 1}};
    AUTO_JSON one = json_array();
    json_array_append_new(one, invoice("in_1", 100, "USD"));
    for (size_t i = 0; i < DW_ARRAY_LEN(bad); i++) {
        struct recovery r = {.due = money_of(bad[i].due, "USD"), .invoices = one};
        assert_null(plan_terms_make(NULL, &r, bad[i].n, OFFICE_NOW, ""));
    }
    AUTO_JSON none = json_array();
    struct recovery r = {.due = money_of(100, "USD"), .invoices = none};
    assert_null(plan_terms_make(NULL, &r, 2, OFFICE_NOW, ""));
}

/* ---- a plan that runs: acme-corp owes $1,200.00 ---- */

static void start(struct office *o)
{
    office_open(o, false);
    office_event_of(o, 2);
    struct done d = office_plan(o, "ae2", "acme-corp", 3, "");
    if (d.rc != 0)
        fail_msg("%s", d.err.text);
    office_turn(o, NULL, NULL);
    office_is(o, "SELECT count(*) FROM plans WHERE state = 'running'", 1, "the plan runs");
    office_is(o, "SELECT state FROM recoveries", RECOVERY_PLANNED, "and the case says so");
}

static void to_instalment(struct office *o, int n)
{
    o->now_ms = store_i64(o->store, 0, "SELECT due_ms FROM instalments WHERE n = ?1", "i", (int64_t)n);
    office_later(o, 0);
}

static void the_instalments_are_collected_and_paid_closes(void **state)
{
    (void)state;
    struct office o;
    start(&o);
    office_is(&o, "SELECT sum(amount) FROM instalments", 120000, "all of it");
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'retry'", 0, "no retry beside a plan");
    office_is(&o, "SELECT count(*) FROM holds h WHERE state = 1 AND end_ms > (SELECT max(due_ms) FROM instalments)", 1, "quiet until after the last");
    o.now_ms = office_i64(&o, "SELECT min(due_ms) FROM instalments") - 1;
    office_later(&o, 0);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect'", 0, "nothing before the day");
    for (int n = 1; n <= 3; n++) {
        to_instalment(&o, n);
        assert_int_equal(store_i64(o.store, 0, "SELECT count(*) FROM instalments WHERE state = 'paid'", ""), n);
        assert_int_equal(store_i64(o.store, 0, "SELECT count(*) FROM effects WHERE op = 'collect' AND args LIKE '%\"amount\":40000%'", ""), n);
    }
    office_paid(&o, 2);
    office_is(&o, "SELECT is_open FROM recoveries", 0, "closed");
    office_is(&o, "SELECT count(*) FROM plans WHERE state = 'kept'", 1, "the plan was kept");
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'plan.kept' AND text LIKE '%instalment _ of 3 is paid'", 3, "in the journal, each time");
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'plan.broken'", 0, "and never broken");
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 7", 0, "billing kept no schedule that would have to end");
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "nothing is held");
    office_is(&o, "SELECT count(*) FROM timers", 0, "nothing waits");
    office_proves(&o);
    office_close(&o);
}

static void paid_early_cancels_the_rest(void **state)
{
    (void)state;
    struct office o;
    start(&o);
    to_instalment(&o, 1);
    office_paid(&o, 2);
    office_is(&o, "SELECT count(*) FROM instalments WHERE state = 'cancelled'", 2, "the rest is cancelled");
    o.now_ms += 90 * MS_DAY;
    office_later(&o, 0);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect'", 1, "and never collected");
    office_close(&o);
}

static void an_instalment_that_fails_breaks_the_plan(void **state)
{
    (void)state;
    struct office o;
    start(&o);
    o.biller_says_no = true;
    to_instalment(&o, 1);
    office_is(&o, "SELECT count(*) FROM plans WHERE state = 'broken'", 1, "broken");
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_QUEUED, "a person is next");
    office_is(&o, "SELECT count(*) FROM recoveries WHERE next_step LIKE '%the invoice is gone%'", 1, "who reads why");
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'plan.broken' AND text LIKE '%instalment 1 of 3 was not paid'", 1, "in the journal");
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 7", 0, "billing kept no schedule that would have to end");
    o.biller_says_no = false;
    o.now_ms += 40 * MS_DAY;
    office_later(&o, 0);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect'", 1, "the other instalments are not collected");
    office_close(&o);
}

static void an_unknown_instalment_is_asked_once(void **state)
{
    (void)state;
    struct office o;
    start(&o);
    o.biller_silent = true;
    to_instalment(&o, 1);
    for (int i = 0; i < 5; i++)
        office_later(&o, MS_HOUR);
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 6 AND state = 10", 1, "one, and unknown");
    o.biller_silent = false;
    office_later(&o, MS_HOUR);
    office_is(&o, "SELECT count(*) FROM instalments WHERE state = 'paid'", 1, "then known");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect'", 1, "by the one effect");
    office_close(&o);
}

static void two_rows_of_one_instalment_break_once(void **state)
{
    (void)state;
    struct office o;
    start(&o);
    struct recovery *r = office_case(&o, "acme-corp");
    AUTO_JSON first = json_pack("{s:I, s:I, s:i, s:I, s:s}", "plan", (json_int_t)1, "instalment", (json_int_t)1, "n", 1, "amount", (json_int_t)40000, "currency", "USD");
    AUTO_JSON second = json_pack("{s:I, s:I, s:i, s:I, s:s}", "plan", (json_int_t)1, "instalment", (json_int_t)2, "n", 1, "amount", (json_int_t)40000, "currency", "USD");
    office_begin(&o);
    instalment_ended(&o.e, r, first, false, "declined");
    instalment_ended(&o.e, r, second, true, "");
    office_commit(&o);
    recovery_free(r);
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_QUEUED, "a broken plan is not planned again by a late payment");
    office_is(&o, "SELECT count(*) FROM recoveries WHERE next_step LIKE '%agree on new dates%'", 1, "and the next step stays true");
    office_close(&o);
}

static void a_pending_payment_is_followed_to_its_end(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        bool comes = how & 1, ours = how & 2; /* not ours: a payment that was under way before; billing tells no id of it */
        struct office o;
        start(&o);
        to_instalment(&o, 1);
        o.outcome = "pending"; /* the bank takes some days */
        o.under_way_ms = ours ? 0 : OFFICE_NOW;
        to_instalment(&o, 2);
        json_t *payment = json_pack("{s:s, s:s, s:s, s:I}", "id", "hold_5", "invoice", "in_1002", "status", "pending", "at_ms", (json_int_t)OFFICE_NOW + 1);
        json_array_append_new(json_at(o.read[1], "payments"), payment);
        json_array_append_new(json_at(o.read[1], "payments"), json_pack("{s:s, s:s, s:s, s:I}", "id", "another", "invoice", "in_1002", "status",
                                                                       "failed", "at_ms", (json_int_t)OFFICE_NOW + 2));
        office_event_of(&o, 2);
        office_is(&o, "SELECT state FROM recoveries", RECOVERY_PLANNED, "the plan runs");
        office_is(&o, "SELECT count(*) FROM instalments WHERE state = 'pending'", 1, "nothing is known yet");
        json_put(payment, "status", comes ? "succeeded" : "failed");
        json_put_i64(payment, "at_ms", o.now_ms);
        office_event_of(&o, 2);
        office_is(&o, "SELECT count(*) FROM instalments WHERE n = 1 AND state = 'paid'", 1, "what was paid is paid");
        office_is(&o, comes ? "SELECT count(*) FROM instalments WHERE n = 2 AND state = 'paid'" : "SELECT count(*) FROM instalments WHERE n = 2 AND state = 'failed'", 1, "settled");
        office_is(&o, "SELECT state FROM recoveries", comes ? RECOVERY_PLANNED : RECOVERY_QUEUED, "and somebody is next");
        office_close(&o);
    }
}

/* Billing's list lags behind its own word: what is shown had ended before we asked, for better or worse. */
static void a_payment_that_had_ended_is_not_the_one_under_way(void **state)
{
    (void)state;
    for (int paid = 0; paid < 2; paid++) {
        struct office o;
        start(&o);
        o.under_way_ms = OFFICE_NOW;
        json_array_append_new(json_at(o.read[1], "payments"), json_pack("{s:s, s:s, s:s, s:I}", "id", "old", "invoice", "in_1002", "status",
                                                                       paid ? "succeeded" : "failed", "at_ms", (json_int_t)OFFICE_NOW));
        to_instalment(&o, 1);
        office_event_of(&o, 2);
        office_is(&o, "SELECT count(*) FROM instalments WHERE n = 1 AND state = 'pending'", 1, "nothing is known yet");
        json_array_append_new(json_at(o.read[1], "payments"), json_pack("{s:s, s:s, s:s, s:I}", "id", "new", "invoice", "in_1002", "status",
                                                                       "succeeded", "at_ms", (json_int_t)OFFICE_NOW + 1));
        office_event_of(&o, 2);
        office_is(&o, "SELECT count(*) FROM instalments WHERE n = 1 AND state = 'paid'", 1, "this was it");
        office_close(&o);
    }
}

/* More than the last one: nothing is left of that, its day included, and the one before gives the rest. */
static void a_credit_larger_than_an_instalment_takes_from_two(void **state)
{
    (void)state;
    struct office o;
    start(&o);
    struct policy *before = office_policy_with(&o, "share: 20", "share: 50");
    free(office_say(&o, "U0AE2", "credit acme-corp 500 why downtime"));
    json_put_i64(json_at(o.read[1], "invoices.0"), "due", 70000);
    assert_int_equal(office_approve(&o, "manager1", office_last(&o), 0).rc, 0);
    office_turn(&o, NULL, NULL);
    office_is(&o, "SELECT sum(amount) FROM instalments WHERE state = 'waiting'", 70000, "so much is asked for");
    office_is(&o, "SELECT count(*) FROM instalments WHERE n = 3 AND state = 'cancelled'", 1, "nothing is left of the last");
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'instalment'", 2, "nor of its day");
    office_policy_back(&o, before);
    office_close(&o);
}

/* What is given up of one invoice is not taken from the instalments of another. */
static void a_credit_lowers_its_own_invoice_only(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    json_t *second = json_deep_copy(json_at(o.read[1], "invoices.0"));
    json_put(second, "id", "in_2002");
    json_put(second, "number", "2002");
    json_put_i64(second, "due", 60000);
    json_array_append_new(json_at(o.read[1], "invoices"), second);
    office_event_of(&o, 2);
    assert_int_equal(office_plan(&o, "ae2", "acme-corp", 3, "").rc, 0);
    office_turn(&o, NULL, NULL);
    office_is(&o, "SELECT sum(amount) FROM instalments WHERE invoice = 'in_2002'", 60000, "both are in the plan");
    free(office_say(&o, "U0AE2", "credit acme-corp 100 invoice 1002 why downtime"));
    assert_int_equal(office_approve(&o, "manager1", office_last(&o), 0).rc, 0);
    json_put_i64(json_at(o.read[1], "invoices.0"), "due", 110000);
    office_turn(&o, NULL, NULL);
    office_is(&o, "SELECT sum(amount) FROM instalments WHERE invoice = 'in_1002' AND state = 'waiting'", 110000, "less is asked of the one");
    office_is(&o, "SELECT sum(amount) FROM instalments WHERE invoice = 'in_2002' AND state = 'waiting'", 60000, "and as much of the other");
    office_close(&o);
}

static void a_payment_that_the_customer_must_confirm_is_not_paid(void **state)
{
    (void)state;
    struct office o;
    start(&o);
    o.outcome = "needs_action";
    to_instalment(&o, 1);
    office_is(&o, "SELECT count(*) FROM instalments WHERE state = 'failed'", 1, "not paid");
    office_is(&o, "SELECT count(*) FROM plans WHERE state = 'broken'", 1, "broken");
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_QUEUED, "a person is next");
    office_is(&o, "SELECT count(*) FROM recoveries WHERE next_step LIKE '%the customer must confirm the payment%'", 1, "who reads why");
    office_close(&o);
}

/* The instalment is about to be told to billing when the customer disputes the invoice. */
static void an_instalment_that_waits_its_turn_stops_with_the_plan(void **state)
{
    (void)state;
    struct office o;
    start(&o);
    o.now_ms = office_i64(&o, "SELECT min(due_ms) FROM instalments");
    office_begin(&o);
    engine_tick(&o.e, 10);
    office_commit(&o);
    office_is(&o, "SELECT count(*) FROM instalments WHERE state = 'executing'", 1, "its turn has come");
    free(office_say(&o, "U0AE2", "dispute acme-corp half of it never came"));
    office_is(&o, "SELECT count(*) FROM instalments WHERE state = 'cancelled'", 3, "none is to come");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect' AND state <> 6", 0, "nothing was collected");
    office_close(&o);
}

static void when_the_dates_have_passed_a_person_is_next(void **state)
{
    (void)state;
    struct office o;
    start(&o);
    for (int n = 1; n <= 3; n++)
        to_instalment(&o, n); /* paid, but billing goes on saying that something is due */
    o.now_ms = office_i64(&o, "SELECT end_ms FROM holds");
    office_later(&o, 0);
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 3", 1, "the hold has ended");
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_QUEUED, "somebody has it");
    office_close(&o);
}

/* ---- a plan and everything else ---- */

static void an_agreed_plan_is_not_overtaken(void **state)
{
    (void)state;
    struct office o;
    start(&o);
    AUTO_STR retry = office_say(&o, "U0AE2", "retry acme-corp");
    assert_says(retry, "a plan is agreed");
    AUTO_STR resume = office_say(&o, "U0AE2", "resume acme-corp");
    assert_says(resume, "A plan runs");
    AUTO_STR again = office_say(&o, "U0AE2", "plan acme-corp 2x from 2027-01-05");
    assert_says(again, "already runs");
    office_is(&o, "SELECT count(*) FROM effects WHERE op IN ('collect', 'release')", 0, "nothing left");
    office_close(&o);
}

static void no_retry_while_a_plan_is_on_its_way(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 2);
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'retry'", 1, "a retry is scheduled");
    o.now_ms = office_i64(&o, "SELECT due_ms FROM timers WHERE kind = 'retry'") - MS_MINUTE;
    office_event_of(&o, 2);
    o.now_ms = office_i64(&o, "SELECT due_ms FROM timers WHERE kind = 'retry'") - MS_MINUTE;
    office_event_of(&o, 2);
    o.biller_silent = true;
    assert_int_equal(office_plan(&o, "ae2", "acme-corp", 3, "").rc, 0);
    office_turn(&o, NULL, NULL);
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 3 AND state = 10", 1, "nobody knows whether it happened");
    office_later(&o, 5 * MS_MINUTE);
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 4", 0, "no retry beside it");
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'retry'", 1, "but it is not forgotten");
    o.biller_silent = false;
    office_later(&o, MS_HOUR);
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'retry'", 0, "the plan has taken its place");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect'", 0, "nothing was collected");
    office_close(&o);
}

static void a_dispute_stops_the_plan(void **state)
{
    (void)state;
    struct office o;
    start(&o);
    free(office_say(&o, "U0AE2", "dispute acme-corp wrong amount"));
    office_is(&o, "SELECT count(*) FROM plans WHERE state = 'stopped'", 1, "stopped");
    to_instalment(&o, 1);
    to_instalment(&o, 2);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect'", 0, "nothing is taken from a disputed invoice");
    AUTO_STR retry = office_say(&o, "U0AE2", "retry acme-corp");
    assert_not_says(retry, "Inside policy");
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 4", 0, "no retry either");
    office_close(&o);
}

/* ---- the closest terms that need nobody ---- */

static void closest_is(const char *account, int count, int days, const char *want)
{
    struct office o;
    char found[160] = "", why[300];
    office_open(&o, false);
    office_event_of(&o, 1);
    office_event_of(&o, 2);
    struct recovery *r = office_case(&o, account);
    json_auto_t *terms = plan_terms_make(o.e.policy, r, count, o.now_ms + days * MS_DAY + INT64_C(16400000), "UTC"); /* at 09:00, as people say it */
    bool any = plan_closest(&o.e, r, terms, found, sizeof found);
    if (any != (want != NULL) || (any && !str_eq(found, want)))
        fail_msg("%s %dx in %d days: \"%s\", not \"%s\"", account, count, days, found, want ? want : "(none)");
    if (any) { /* what is offered is what the policy then allows */
        int n = (int)strtol(found, NULL, 10);
        const char *from = strstr(found, "from ") + 5;
        int64_t first = 0;
        AUTO_STR date = str_ndup(from, strcspn(from, "("));
        assert_int_equal(when_parse(&first, date, "UTC", 9, o.now_ms, NULL), 0);
        json_auto_t *again = plan_terms_make(o.e.policy, r, n, first, "UTC");
        assert_int_equal(plan_bound(&o.e, r, again, why, sizeof why), BOUND_INSIDE);
    }
    recovery_free(r);
    office_close(&o);
}

static void the_closest_terms_that_need_nobody(void **state)
{
    (void)state;
    closest_is("acme-corp", 6, 10, "3x from 2 Jan 2027 (first $400.00)"); /* fewer, at the same date */
    closest_is("acme-corp", 3, 60, "3x from 28 Jan 2027 (first $400.00)"); /* as many, a little earlier */
    closest_is("acme-corp", 2, 90, "2x from 28 Feb 2027 (first $600.00)");
    closest_is("northwind", 6, 10, NULL); /* too much for any */
}

static void the_first_instalment_is_named_whole(void **state)
{
    (void)state;
    struct office o;
    char found[160] = "";
    office_open(&o, false);
    office_event_of(&o, 2);
    struct recovery *r = office_case(&o, "acme-corp");
    json_auto_t *small = json_read(span_of("[{\"id\": \"in_1\", \"due\": 20000, \"currency\": \"USD\"}, {\"id\": \"in_2\", \"due\": 100000, \"currency\": \"USD\"}]"), NULL);
    json_decref(r->invoices);
    r->invoices = json_incref(small);
    json_auto_t *terms = plan_terms_make(o.e.policy, r, 6, o.now_ms + 10 * MS_DAY, "UTC");
    assert_true(plan_closest(&o.e, r, terms, found, sizeof found));
    assert_says(found, "first $400.00"); /* over two invoices */
    recovery_free(r);
    office_close(&o);
}

/* Nobody had stopped the dunning when the plan was agreed: the plan does, until two days after its last instalment. */
static void a_plan_holds_what_nothing_held(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    AUTO_STR resumed = office_say(&o, "U0AE1", "resume northwind");
    assert_says(resumed, "resume");
    office_later(&o, MS_MINUTE);
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "no hold");
    assert_int_equal(office_plan(&o, "ae1", "northwind", 2, "renewal in flight").rc, 0);
    assert_int_equal(office_approve(&o, "manager1", office_last(&o), 0).rc, 0);
    office_later(&o, MS_SECOND);
    office_is(&o, "SELECT count(*) FROM plans WHERE state = 'running'", 1, "it runs");
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1 AND state = 1 AND invoices = '[\"in_1001\"]'", 1, "and holds");
    assert_int_equal(office_i64(&o, "SELECT end_ms FROM holds WHERE is_live = 1"), office_i64(&o, "SELECT max(due_ms) FROM instalments") + 2 * MS_DAY);
    assert_int_equal(office_i64(&o, "SELECT due_ms FROM timers WHERE kind = 'hold_end'"), office_i64(&o, "SELECT end_ms FROM holds WHERE is_live = 1"));
    assert_int_equal(office_i64(&o, "SELECT due_ms FROM timers WHERE kind = 'hold_ask'"), office_i64(&o, "SELECT max(due_ms) FROM instalments") + MS_DAY);
    office_proves(&o);
    office_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instalments_fall_on_business_days),
        cmocka_unit_test(dates_are_those_of_the_accounts_zone),
        cmocka_unit_test(the_rows_add_up),
        cmocka_unit_test(what_is_collected_can_be_charged),
        cmocka_unit_test(what_cannot_be_split_is_refused),
        cmocka_unit_test(the_instalments_are_collected_and_paid_closes),
        cmocka_unit_test(paid_early_cancels_the_rest),
        cmocka_unit_test(an_instalment_that_fails_breaks_the_plan),
        cmocka_unit_test(an_unknown_instalment_is_asked_once),
        cmocka_unit_test(two_rows_of_one_instalment_break_once),
        cmocka_unit_test(a_pending_payment_is_followed_to_its_end),
        cmocka_unit_test(a_payment_that_had_ended_is_not_the_one_under_way),
        cmocka_unit_test(a_credit_larger_than_an_instalment_takes_from_two),
        cmocka_unit_test(a_credit_lowers_its_own_invoice_only),
        cmocka_unit_test(a_payment_that_the_customer_must_confirm_is_not_paid),
        cmocka_unit_test(an_instalment_that_waits_its_turn_stops_with_the_plan),
        cmocka_unit_test(when_the_dates_have_passed_a_person_is_next),
        cmocka_unit_test(an_agreed_plan_is_not_overtaken),
        cmocka_unit_test(no_retry_while_a_plan_is_on_its_way),
        cmocka_unit_test(a_dispute_stops_the_plan),
        cmocka_unit_test(the_closest_terms_that_need_nobody),
        cmocka_unit_test(the_first_instalment_is_named_whole),
        cmocka_unit_test(a_plan_holds_what_nothing_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
