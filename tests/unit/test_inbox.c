/* The inbox: stored once, worked on in order, and a row that is of no use says so. */
#include "engine/people.h"
#include "tests/unit/bench.h"

static bool put(struct bench *b, const char *id, int64_t created_ms, int kind, const char *customer)
{
    bench_begin(b);
    bool fresh = inbox_put(&b->e, "stripe", id, created_ms, "some.type", kind, customer, "in_1", span_of("{\"raw\": true}"));
    bench_commit(b);
    return fresh;
}

static bool work(struct bench *b, int budget)
{
    bench_begin(b);
    bool more = inbox_work(&b->e, budget);
    bench_commit(b);
    return more;
}

static void open_with_book(struct bench *b, struct book **book)
{
    bench_open(b);
    *book = book_new("accounts.csv", BENCH_NOW);
    book_seal(*book);
    b->e.book = *book;
}

static void an_event_is_stored_once(void **state)
{
    (void)state;
    struct bench b;
    struct book *book;
    open_with_book(&b, &book);
    assert_true(put(&b, "evt_1", 5, INBOX_OTHER, "cus_1"));
    assert_false(put(&b, "evt_1", 5, INBOX_OTHER, "cus_1"));
    assert_true(put(&b, "evt_2", 5, INBOX_OTHER, "cus_1"));
    assert_int_equal(engine_next_due_ms(&b.e), b.now_ms);
    bench_stop(&b);
    bench_start(&b); /* and after a restart */
    b.e.book = book;
    assert_false(put(&b, "evt_2", 5, INBOX_OTHER, "cus_1"));
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM inbox", ""), 2);
    assert_int_equal(engine_next_due_ms(&b.e), b.now_ms);
    book_free(book);
    bench_close(&b);
}

static void rows_are_worked_on_in_order_and_once(void **state)
{
    (void)state;
    struct bench b;
    struct book *book;
    open_with_book(&b, &book);
    put(&b, "evt_1", 1, INBOX_OTHER, "cus_1");
    put(&b, "evt_2", 2, INBOX_CHANGED, "");
    put(&b, "evt_3", 3, INBOX_CHANGED, "cus_9"); /* no case */
    put(&b, "evt_4", 4, INBOX_PAYMENT_FAILED, "cus_9");
    put(&b, "evt_5", 5, INBOX_PAYMENT_FAILED, "cus_9");
    assert_true(work(&b, 2));
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM journal WHERE verb = 'event.ignored'", ""), 2);
    bench_begin(&b); /* a turn that is rolled back takes its rows again */
    inbox_work(&b.e, 1);
    store_rollback(b.store);
    engine_forget(&b.e);
    assert_true(work(&b, 2));
    bench_stop(&b);
    bench_start(&b);
    b.e.book = book;
    assert_false(work(&b, 10));
    assert_false(work(&b, 10));
    assert_true(engine_next_due_ms(&b.e) <= b.now_ms); /* the read of the case */
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM journal WHERE verb = 'event.ignored'", ""), 3);
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM journal WHERE verb = 'case.opened'", ""), 1);
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM journal WHERE verb = 'event.seen'", ""), 1);
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM effects WHERE op = 'read'", ""), 1); /* one read for both */
    book_free(book);
    bench_close(&b);
}

static void a_click_is_seen_once_for_two_days(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    bench_begin(&b);
    assert_true(chat_first_time(&b.e, "slack", "t1"));
    assert_false(chat_first_time(&b.e, "slack", "t1"));
    assert_true(chat_first_time(&b.e, "console", "t1"));
    bench_commit(&b);
    b.now_ms += MS_DAY;
    bench_begin(&b);
    engine_tick(&b.e, 1);
    assert_false(chat_first_time(&b.e, "slack", "t1"));
    bench_commit(&b);
    b.now_ms += 2 * MS_DAY;
    bench_begin(&b);
    engine_tick(&b.e, 1);
    bench_commit(&b);
    assert_int_equal(store_i64(b.store, -1, "SELECT count(*) FROM chat_seen", ""), 0); /* does not grow for ever */
    bench_begin(&b);
    for (int i = 0; i < 1500; i++) {
        AUTO_STR key = str_fmt("t%d", i);
        assert_true(chat_first_time(&b.e, "slack", key));
    }
    bench_commit(&b);
    b.now_ms += 3 * MS_DAY;
    for (int left = 500; left >= 0; left -= 500) { /* some a turn, so that none takes long */
        bench_begin(&b);
        engine_tick(&b.e, 1);
        bench_commit(&b);
        assert_int_equal(store_i64(b.store, -1, "SELECT count(*) FROM chat_seen", ""), left);
    }
    bench_close(&b);
}

/* An event without a customer: the biller is asked whose invoice it is, and only then there is a case. */
static void whose_invoice_is_asked(void **state)
{
    (void)state;
    struct bench b;
    struct book *book;
    open_with_book(&b, &book);
    bench_begin(&b);
    assert_true(inbox_put(&b.e, "thin", "evt_1", 1, "payment.failed", INBOX_PAYMENT_FAILED, "", "number-7", span_of("{}")));
    inbox_work(&b.e, 10);
    bench_commit(&b);
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM effects WHERE op = 'resolve' AND purpose = 'resolve'", ""), 1);
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM recoveries", ""), 0);
    json_auto_t *args = json_pack("{s:s, s:s, s:s, s:b, s:s}", "invoice", "number-7", "event", "evt_1", "why", "payment.failed", "opens", 1, "biller", "thin");
    json_auto_t *result = json_pack("{s:s, s:s}", "customer", "acme", "invoice", "number-7");
    bench_begin(&b);
    inbox_resolved(&b.e, args, NULL, "no such invoice");
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM journal WHERE verb = 'event.ignored'", ""), 1);
    inbox_resolved(&b.e, args, result, "");
    bench_commit(&b);
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM recoveries WHERE account = 'thin:acme'", ""), 1);
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM notes", ""), 0);
    book_free(book);
    bench_close(&b);
}

/* An event that told of a dispute opens no case, and without one only a note is left: what counts is what billing said when it was asked. */
static void a_dispute_is_what_was_read_back(void **state)
{
    (void)state;
    struct bench b;
    struct book *book;
    open_with_book(&b, &book);
    json_auto_t *args = json_pack("{s:s, s:s, s:s, s:b, s:s}", "invoice", "ch_1", "event", "evt_1", "why", "charge.dispute.created", "opens", 0, "biller", "thin");
    json_auto_t *fine = json_pack("{s:s}", "customer", "acme");
    json_auto_t *taken = json_pack("{s:s, s:{s:s, s:i, s:s}}", "customer", "acme", "disputed", "payment", "ch_1", "amount", 5000, "currency", "USD");
    json_auto_t *nobody = json_pack("{s:{s:s, s:i, s:s}}", "disputed", "payment", "ch_1", "amount", 5000, "currency", "USD");
    bench_begin(&b);
    inbox_resolved(&b.e, args, fine, "");
    inbox_resolved(&b.e, args, nobody, "");
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM notes", ""), 0);
    inbox_resolved(&b.e, args, taken, "");
    bench_commit(&b);
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM notes WHERE account = 'thin:acme' AND person = 'thin' AND text LIKE '%$50.00 is disputed at the customer''s bank (ch_1)'", ""), 1);
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM recoveries", ""), 0);
    book_free(book);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_stored_once),
        cmocka_unit_test(rows_are_worked_on_in_order_and_once),
        cmocka_unit_test(a_click_is_seen_once_for_two_days),
        cmocka_unit_test(whose_invoice_is_asked),
        cmocka_unit_test(a_dispute_is_what_was_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
