/* What no webhook told: asked for at the start and every few minutes, page by page, and never handled twice. */
#include "engine/catch_up.h"
#include "engine/people.h"
#include "tests/unit/bench.h"

/* What the biller answers to the two questions; NULL: it refuses. */
static const char *events, *more_events, *overdue;
static int asked;
static int64_t since_asked;
static int64_t told_missed;

static void biller_step(void *ctx, const struct job *job, const struct http_response *previous, struct step *out)
{
    (void)ctx;
    (void)previous;
    const char *text = str_eq(job->op, "catch_up") ? (json_str(job->args, "cursor", NULL) ? more_events : events) : overdue;
    if (str_eq(job->op, "read")) {
        out->outcome = STEP_HTTP;
        return;
    }
    asked++;
    since_asked = json_i64(job->args, "since_ms", since_asked);
    out->outcome = text ? STEP_DONE : STEP_REFUSED;
    out->result = text ? json_read(span_of(text), NULL) : NULL;
    str_copy(out->reason, sizeof out->reason, "not today");
}

static void missed(void *ctx, const char *biller, int64_t n)
{
    (void)ctx;
    assert_string_equal(biller, "stripe");
    told_missed += n;
}

struct office_of_one {
    struct bench b;
    struct book *book;
    struct people *people;
};

static void use(struct office_of_one *o)
{
    static const char *const billers[] = {"stripe"};
    o->b.e.world.step = biller_step;
    o->b.e.world.missed = missed;
    o->b.e.book = o->book;
    o->b.e.people = o->people;
    o->b.e.billers = billers;
    o->b.e.n_billers = 1;
}

static void start(struct office_of_one *o)
{
    bench_begin(&o->b);
    engine_recover(&o->b.e);
    bench_commit(&o->b);
}

static void open_one(struct office_of_one *o)
{
    struct problems p = {0};
    struct doc *d = NULL;
    *o = (struct office_of_one){.book = book_new("accounts.csv", BENCH_NOW)};
    book_seal(o->book);
    assert_int_equal(doc_parse(&d, span_of("people: {op: {roles: [operator]}}"), "people.yaml", NULL), 0);
    o->people = people_parse(d, &p);
    doc_free(d);
    events = "{\"events\": []}";
    more_events = NULL;
    overdue = "{\"invoices\": []}";
    asked = 0;
    told_missed = 0;
    bench_open(&o->b);
    use(o);
    start(o);
}

static void close_one(struct office_of_one *o)
{
    bench_close(&o->b);
    book_free(o->book);
    people_free(o->people);
}

/* Turns until nothing is due at this moment. */
static void turns(struct office_of_one *o)
{
    for (int i = 0; i < 6; i++) {
        struct calls calls = {0};
        bench_begin(&o->b);
        engine_tick(&o->b.e, 50);
        effects_start(&o->b.e, &calls, 16);
        bench_commit(&o->b);
        calls_free(&calls);
    }
}

static void later(struct office_of_one *o, int64_t ms)
{
    o->b.now_ms += ms;
    turns(o);
}

static int64_t count(struct office_of_one *o, const char *sql)
{
    return store_i64(o->b.store, -1, sql, "");
}

#define EVENT(id, kind, customer, at) "{\"id\":\"" id "\",\"type\":\"t\",\"kind\":\"" kind "\",\"customer\":\"" customer "\",\"invoice\":\"in_1\",\"created_ms\":" at "}"

static void what_was_missed_is_handled_once(void **state)
{
    (void)state;
    struct office_of_one o;
    open_one(&o);
    turns(&o);
    assert_int_equal(since_asked, BENCH_NOW); /* nothing that happened before */
    bench_begin(&o.b);
    assert_true(inbox_put(&o.b.e, "stripe", "evt_1", BENCH_NOW + 1000, "t", INBOX_PAYMENT_FAILED, "cus_1", "in_1", span_of("{}")));
    bench_commit(&o.b);
    events = "{\"events\": [" EVENT("evt_1", "failed", "cus_1", "1798000001000") "," EVENT("evt_2", "failed", "cus_2", "1798000002000") "]}";
    later(&o, 15 * MS_MINUTE);
    assert_int_equal(count(&o, "SELECT count(*) FROM inbox"), 2);
    assert_int_equal(count(&o, "SELECT count(*) FROM recoveries"), 2);
    assert_int_equal(told_missed, 1); /* evt_1 had come */
    assert_int_equal(count(&o, "SELECT count(*) FROM journal WHERE verb = 'catch_up' AND text LIKE '1 event of stripe%'"), 1);
    later(&o, 15 * MS_MINUTE); /* the same list again */
    assert_int_equal(count(&o, "SELECT count(*) FROM inbox"), 2);
    assert_int_equal(told_missed, 1);
    assert_true(since_asked > BENCH_NOW);
    bench_begin(&o.b); /* and its webhook, late */
    assert_false(inbox_put(&o.b.e, "stripe", "evt_2", BENCH_NOW + 2000, "t", INBOX_PAYMENT_FAILED, "cus_2", "in_1", span_of("{}")));
    bench_commit(&o.b);
    assert_true(count(&o, "SELECT count(*) FROM effects WHERE op = 'catch_up'") == 1); /* asked questions are not kept */
    close_one(&o);
}

static void what_may_still_come_is_not_called_missed(void **state)
{
    (void)state;
    struct office_of_one o;
    open_one(&o);
    turns(&o);
    o.b.now_ms += 15 * MS_MINUTE;
    AUTO_STR fresh = str_fmt("{\"events\": [{\"id\":\"evt_9\",\"kind\":\"failed\",\"customer\":\"cus_9\",\"created_ms\":%lld}]}", (long long)(o.b.now_ms - 30 * MS_SECOND));
    events = fresh;
    turns(&o);
    assert_int_equal(count(&o, "SELECT count(*) FROM inbox"), 0);
    assert_int_equal(told_missed, 0);
    later(&o, 15 * MS_MINUTE);
    assert_true(since_asked <= o.b.now_ms - 15 * MS_MINUTE - 30 * MS_SECOND); /* it is in the next span */
    assert_int_equal(told_missed, 1);
    close_one(&o);
}

static void pages_are_read_to_the_end(void **state)
{
    (void)state;
    struct office_of_one o;
    open_one(&o);
    turns(&o);
    events = "{\"cursor\": \"p2\", \"events\": [" EVENT("evt_1", "failed", "cus_1", "1798000001000") "]}";
    more_events = "{\"events\": [" EVENT("evt_2", "changed", "cus_1", "1798000002000") "]}";
    int before = asked;
    later(&o, 15 * MS_MINUTE);
    assert_int_equal(asked, before + 2);
    assert_int_equal(told_missed, 2);
    assert_int_equal(count(&o, "SELECT count(*) FROM journal WHERE verb = 'catch_up'"), 1); /* said once, of all pages */
    close_one(&o);
}

static void a_refusal_is_written_down_and_asked_again(void **state)
{
    (void)state;
    struct office_of_one o;
    open_one(&o);
    turns(&o);
    events = NULL;
    later(&o, 15 * MS_MINUTE);
    assert_int_equal(count(&o, "SELECT count(*) FROM journal WHERE verb = 'catch_up.failed'"), 1);
    int64_t since = since_asked;
    events = "{\"events\": [" EVENT("evt_2", "failed", "cus_2", "1798000002000") "]}";
    later(&o, 15 * MS_MINUTE);
    assert_int_equal(since_asked, since); /* the gap is not forgotten */
    assert_int_equal(told_missed, 1);
    close_one(&o);
}

static void a_start_asks_at_once(void **state)
{
    (void)state;
    struct office_of_one o;
    open_one(&o);
    turns(&o);
    int before = asked;
    o.b.now_ms += 4 * MS_MINUTE;
    bench_stop(&o.b);
    bench_start(&o.b);
    use(&o);
    start(&o);
    turns(&o);
    assert_int_equal(asked, before + 1);
    close_one(&o);
}

/* Stops and starts again, with or without the biller in the configuration. */
static void restart(struct office_of_one *o, size_t billers)
{
    bench_stop(&o->b);
    bench_start(&o->b);
    use(o);
    o->b.e.n_billers = billers;
    start(o);
    turns(o);
}

static void who_left_the_configuration_is_not_asked_for_ever(void **state)
{
    (void)state;
    struct office_of_one o;
    open_one(&o);
    turns(&o);
    int64_t left = o.b.now_ms;
    events = overdue = NULL; /* as the turn answers for a biller that it does not know */
    restart(&o, 0);
    for (int i = 0; i < 100; i++) /* both questions come up within a day */
        later(&o, 20 * MS_MINUTE);
    assert_int_equal(count(&o, "SELECT count(*) FROM effects WHERE is_live = 1"), 0);
    assert_int_equal(count(&o, "SELECT count(*) FROM journal WHERE verb = 'catch_up.stopped' AND text LIKE 'stripe is not configured any more%'"), 1);
    assert_int_equal(count(&o, "SELECT count(*) FROM journal WHERE verb = 'overdue.stopped'"), 1);
    assert_int_equal(count(&o, "SELECT count(*) FROM journal WHERE verb LIKE '%.failed'"), 0);
    events = "{\"events\": [" EVENT("evt_2", "failed", "cus_2", "1798000002000") "]}";
    overdue = "{\"invoices\": []}";
    restart(&o, 1);
    assert_int_equal(since_asked, left); /* from where it stopped */
    assert_int_equal(told_missed, 1);
    assert_int_equal(count(&o, "SELECT count(*) FROM effects WHERE is_live = 1 AND op IN ('catch_up', 'overdue')"), 2); /* and goes on */
    close_one(&o);
}

static void overdue_invoices_open_cases_once(void **state)
{
    (void)state;
    struct office_of_one o;
    open_one(&o);
    overdue = "{\"invoices\": [{\"customer\":\"cus_3\",\"invoice\":\"in_3\",\"due\":500,\"currency\":\"USD\",\"due_at_ms\":1},"
              "{\"customer\":\"cus_3\",\"invoice\":\"in_4\",\"due\":700,\"currency\":\"USD\",\"due_at_ms\":1},"
              "{\"customer\":\"cus_4\",\"invoice\":\"in_5\",\"due\":0,\"currency\":\"USD\",\"due_at_ms\":1}]}";
    turns(&o);
    assert_int_equal(count(&o, "SELECT count(*) FROM recoveries WHERE account = 'stripe:cus_3'"), 1);
    assert_int_equal(count(&o, "SELECT count(*) FROM recoveries"), 1); /* nothing is due from the other */
    assert_int_equal(count(&o, "SELECT count(*) FROM journal WHERE verb = 'overdue' AND text LIKE '1 account of stripe%'"), 1);
    later(&o, MS_HOUR);
    assert_int_equal(count(&o, "SELECT count(*) FROM effects WHERE op = 'overdue' AND is_live = 1"), 1);
    later(&o, 24 * MS_HOUR);
    assert_int_equal(count(&o, "SELECT count(*) FROM journal WHERE verb = 'overdue'"), 1); /* the case is open: nothing new */
    close_one(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_missed_is_handled_once), cmocka_unit_test(what_may_still_come_is_not_called_missed),
        cmocka_unit_test(pages_are_read_to_the_end),       cmocka_unit_test(a_refusal_is_written_down_and_asked_again),
        cmocka_unit_test(a_start_asks_at_once),            cmocka_unit_test(who_left_the_configuration_is_not_asked_for_ever),
        cmocka_unit_test(overdue_invoices_open_cases_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
