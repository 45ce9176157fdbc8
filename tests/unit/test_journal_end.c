/* The newest rows of the journal are cut off, as by a hand with a SQL shell: the chain holds all the same, and the rest of the store tells.
 * Each story ends with the row that is cut, so that nothing else can tell. */
#include "engine/journal.h"
#include "tests/unit/cases.h"

static struct office o;

static int setup(void **state)
{
    *state = &o;
    office_open(&o, false);
    office_event_of(&o, 2);
    return 0;
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, office_teardown)

/* Without the newest n rows: 0, or ERR_INVALID with `why`. All is put back. */
static int without(int64_t n, struct err *why)
{
    struct journal_report report;
    store_begin(o.store);
    store_run(o.store, "DELETE FROM journal WHERE seq > (SELECT max(seq) FROM journal) - ?1", "i", n);
    assert_int_equal(journal_verify(o.store, &report, NULL), 0); /* it says nothing */
    int rc = journal_end_verify(o.store, why);
    store_rollback(o.store);
    engine_forget(&o.e);
    return rc;
}

static void is_found(int64_t n, const char *verb, const char *piece)
{
    struct err why = {0};
    struct query *q = store_query(o.store, "SELECT verb FROM journal ORDER BY seq DESC LIMIT 1 OFFSET ?1", "i", n - 1);
    assert_true(query_next(q));
    assert_string_equal(query_text(q, 0), verb);
    query_end(q);
    if (without(n, &why) != ERR_INVALID)
        fail_msg("not found: %s", verb);
    assert_says(why.text, piece);
}

static int64_t rows(void)
{
    return office_i64(&o, "SELECT count(*) FROM journal");
}

static void a_note(void **state)
{
    (void)state;
    free(office_say(&o, "U0AE2", "note acme-corp they call back"));
    is_found(1, "note", "there are 1 notes, and it tells of 0: rows at its end are missing");
}

static void comes(const char *id, const char *customer, const char *invoice)
{
    office_begin(&o);
    assert_true(inbox_put(&o.e, "stripe", id, 1, "invoice.updated", INBOX_CHANGED, customer, invoice, span_of("{}")));
    inbox_work(&o.e, 10);
    office_commit(&o);
}

static void an_event(void **state)
{
    (void)state;
    comes("evt_2", "cus_2", "");
    is_found(1, "event.seen", "the event evt_2 was handled, and it does not tell of that: rows at its end are missing");
    comes("evt_3", "cus_9", "");
    is_found(1, "event.ignored", "the event evt_3 ");
    office_begin(&o);
    assert_true(inbox_put(&o.e, "stripe", "evt_4", 1, "invoice.payment_failed", INBOX_PAYMENT_FAILED, "cus_1", "", span_of("{}")));
    inbox_work(&o.e, 10);
    office_commit(&o);
    is_found(1, "case.opened", "there are 2 cases");
    comes("evt\n5", "cus_9", ""); /* cannot be looked for in a sentence */
    struct err why = {0};
    assert_int_equal(without(1, &why), 0);
}

static void an_event_whose_customer_is_asked_for_is_not_missed(void **state)
{
    (void)state;
    struct err why = {0};
    comes("evt_2", "", "ch_1");
    office_is(&o, "SELECT count(*) FROM effects WHERE purpose = 'resolve' AND is_live = 1", 1, "it is asked for");
    assert_int_equal(journal_end_verify(o.store, &why), 0);
    office_turn(&o, NULL, NULL);
    office_turn(&o, NULL, NULL);
    office_is(&o, "SELECT count(*) FROM effects WHERE purpose = 'resolve' AND is_live = 1", 0, "it was");
    is_found(1, "event.ignored", "the event evt_2 ");
}

static void a_case(void **state)
{
    (void)state;
    office_begin(&o);
    recovery_touch(&o.e, &(struct touch){.biller = "stripe", .customer = "cus_1", .invoice = "", .event = "", .why = "overdue", .opens = true});
    office_commit(&o);
    is_found(1, "case.opened", "there are 2 cases, and it tells of 1");
}

static void a_promise(void **state)
{
    (void)state;
    free(office_say(&o, "U0AE2", "promise acme-corp 1000 by 2026-12-28"));
    is_found(1, "case.moved", "case N-1 is promised, and the last that it tells is retrying: ");
    free(office_say(&o, "U0AE2", "promise acme-corp 900 by 2026-12-28"));
    is_found(1, "promise", "there are 2 promises, and it tells of 1");
}

static void a_decision(void **state)
{
    (void)state;
    int64_t before = rows(), decided = office_i64(&o, "SELECT count(*) FROM decisions");
    office_rebill(&o, 2, 130000, "S");
    office_event(&o, "cus_2", "", false);
    office_is(&o, "SELECT count(*) FROM decisions", decided + 1, "decided anew");
    is_found(rows() - before - 1, "decided", "decisions, and it tells of ");
}

static void a_hold(void **state)
{
    (void)state;
    office_is(&o, "SELECT state FROM holds", HOLD_ACTIVE, "in force");
    int64_t newest = office_i64(&o, "SELECT max(seq) FROM journal WHERE verb = 'hold.active'");
    free(office_say(&o, "U0AE2", "claim acme-corp"));
    is_found(rows() - newest + 1, "hold.active", "hold H-1 is active, and the last that it tells is ");
}

static void what_is_said_of_a_hold_is_no_state(void **state)
{
    (void)state;
    struct err why = {0};
    free(office_say(&o, "U0AE2", "dispute acme-corp half of it never came"));
    o.now_ms = office_i64(&o, "SELECT ask_ms FROM holds WHERE is_live = 1");
    office_later(&o, 0);
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'hold.asks'", 1, "the owner is asked");
    assert_int_equal(journal_end_verify(o.store, &why), 0);
    free(office_say(&o, "U0AE2", "resume acme-corp"));
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'hold.resume'", 1, "and lets it end");
    assert_int_equal(journal_end_verify(o.store, &why), 0);
}

/* What nothing else remembers is not found: the manual says so. */
static void a_claim_is_not_found(void **state)
{
    (void)state;
    struct err why = {0};
    free(office_say(&o, "U0AE2", "claim acme-corp"));
    assert_int_equal(without(1, &why), 0);
}

static void a_state_that_was_put_there(void **state)
{
    (void)state;
    struct err why = {0};
    office_begin(&o);
    store_run(o.store, "UPDATE recoveries SET state = 77", "");
    assert_int_equal(journal_end_verify(o.store, &why), ERR_INVALID);
    assert_says(why.text, "case N-1 is in no state, ");
    store_rollback(o.store);
    engine_forget(&o.e);
}

static void a_store_that_cannot_be_read(void **state)
{
    (void)state;
    struct err why = {0};
    office_begin(&o);
    store_run(o.store, "ALTER TABLE promises RENAME TO elsewhere", "");
    assert_int_equal(journal_end_verify(o.store, &why), ERR_IO);
    store_rollback(o.store);
    engine_forget(&o.e);
}

/* ---- what was kept elsewhere ---- */

static void kept_is(const char *head, int64_t n, const char *piece)
{
    struct err why = {0};
    int rc = journal_kept_verify(o.store, head, n, &why);
    if (!piece && rc != 0)
        fail_msg("%s", why.text);
    if (piece) {
        assert_int_equal(rc, ERR_INVALID);
        assert_says(why.text, piece);
    }
}

static void what_was_kept_is_there(void **state)
{
    (void)state;
    struct journal_report then, now;
    assert_int_equal(journal_verify(o.store, &then, NULL), 0);
    free(office_say(&o, "U0AE2", "claim acme-corp"));
    assert_int_equal(journal_verify(o.store, &now, NULL), 0);
    assert_int_equal(now.rows, then.rows + 1);
    kept_is(then.head, then.rows, NULL);
    kept_is(then.head, 0, NULL);
    kept_is(NULL, then.rows, NULL);
    kept_is(now.head, now.rows, NULL);
    kept_is(NULL, now.rows + 1, "rows at its end are missing");
    kept_is(now.head, then.rows, "was written anew");
    then.head[0] = then.head[0] == '0' ? '1' : '0';
    kept_is(then.head, 0, "no row has the hash ");
    kept_is(then.head, then.rows, "no row has the hash ");
    kept_is("12ab", 0, "12ab is no hash");
    store_begin(o.store);
    store_run(o.store, "DELETE FROM journal WHERE seq = (SELECT max(seq) FROM journal)", "");
    kept_is(now.head, 0, "is missing");
    kept_is(NULL, now.rows, "rows at its end are missing");
    store_rollback(o.store);
    engine_forget(&o.e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(a_note), WITH(an_event), WITH(an_event_whose_customer_is_asked_for_is_not_missed), WITH(a_case), WITH(a_promise), WITH(a_decision),
        WITH(a_hold), WITH(what_is_said_of_a_hold_is_no_state), WITH(a_claim_is_not_found), WITH(a_state_that_was_put_there), WITH(a_store_that_cannot_be_read),
        WITH(what_was_kept_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
