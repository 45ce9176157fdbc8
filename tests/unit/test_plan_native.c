/* A plan that billing keeps: nothing is collected here, the account is read a day after each date, and what is still due
 * tells whether billing has collected. */
#include "tests/unit/cases.h"

static struct office office;
static int collects, reads, unplans;
static bool refuses; /* billing does not cancel its schedule */

/* The office's biller, but plans are its own. */
static void step(void *ctx, const struct job *job, const struct http_response *previous, struct step *out)
{
    office_step(ctx, job, previous, out);
    collects += str_eq(job->op, "collect");
    reads += str_eq(job->op, "read");
    if (str_eq(job->op, "unplan")) {
        assert_string_equal(json_str(job->args, "id", ""), "DW-7");
        unplans++;
        step_fini(out);
        step_init(out);
        out->outcome = refuses ? STEP_REFUSED : STEP_DONE;
        out->result = refuses ? NULL : json_object();
        str_copy(out->reason, sizeof out->reason, refuses ? "the schedule is locked" : "");
    }
    if (str_eq(job->op, "plan") && out->outcome == STEP_DONE) {
        assert_string_equal(json_str(job->args, "plan", ""), "A-2"); /* by which it is found there again */
        json_put(out->result, "mode", "native");
        json_put(out->result, "id", "DW-7");
    }
}

static int setup(void **state)
{
    *state = &office;
    office_open(&office, false);
    office.e.world.step = step;
    collects = reads = unplans = 0;
    refuses = false;
    office_event(&office, "cus_1", "in_1001", true);
    AUTO_STR asked = office_say(&office, "U0AE1", "plan northwind 4x from 2027-01-05 why renewal");
    assert_says(asked, "A-2");
    AUTO_STR approved = office_say(&office, "U0MAN1", "approve 2");
    assert_true(approved[0]);
    return 0;
}

static int64_t count(const char *sql)
{
    store_begin(office.store);
    int64_t n = store_i64(office.store, -1, sql, "");
    assert_int_equal(store_commit(office.store, NULL), 0);
    return n;
}

static int64_t in_state(const char *state)
{
    store_begin(office.store);
    int64_t n = store_i64(office.store, -1, "SELECT count(*) FROM instalments WHERE state = ?1", "t", state);
    assert_int_equal(store_commit(office.store, NULL), 0);
    return n;
}

static int64_t case_state(void)
{
    return count("SELECT state FROM recoveries WHERE id = 1");
}

/* To the look after instalment n (counted from 0): a day after its date, and an hour more for summer time. */
static void pass(int n)
{
    int64_t first = 0;
    assert_int_equal(when_parse_day(&first, "2027-01-05", NULL, NULL), 0);
    office.now_ms = when_add_months(first, n, NULL) + 2 * MS_DAY;
    office_turn(&office, NULL, NULL);
}

static void owes(int64_t due)
{
    json_put_i64(json_at(office.read[0], "invoices.0"), "due", due);
}

static void rows_without_collecting(void **state)
{
    (void)state;
    assert_int_equal(count("SELECT count(*) FROM plans WHERE mode = 'native' AND vendor_id = 'DW-7' AND state = 'running'"), 1);
    assert_int_equal(in_state("waiting"), 4);
    assert_int_equal(count("SELECT count(*) FROM timers WHERE kind = 'instalment'"), 0);
    assert_int_equal(count("SELECT count(*) FROM timers WHERE kind = 'plan_look'"), 4);
    assert_int_equal(case_state(), RECOVERY_PLANNED);
}

static void paid_by_billing(void **state)
{
    (void)state;
    int before = reads;
    owes(4820000 - 1205000);
    pass(0);
    assert_true(reads > before);
    assert_int_equal(collects, 0);
    assert_int_equal(in_state("paid"), 1);
    assert_int_equal(in_state("waiting"), 3);
    assert_int_equal(case_state(), RECOVERY_PLANNED);
    owes(4820000 - 2 * 1205000);
    pass(1);
    assert_int_equal(in_state("paid"), 2);
    assert_int_equal(collects, 0);
}

static void not_paid_by_billing(void **state)
{
    (void)state;
    pass(0);
    assert_int_equal(collects, 0);
    assert_int_equal(in_state("failed"), 1);
    assert_int_equal(in_state("cancelled"), 3);
    assert_int_equal(count("SELECT count(*) FROM plans WHERE state = 'broken'"), 1);
    assert_int_equal(case_state(), RECOVERY_QUEUED);
}

static json_t *shows_payment(const char *status, int64_t amount, const char *currency)
{
    json_t *payment = json_pack("{s:s, s:s, s:s, s:I, s:s, s:I}", "id", "py_9", "invoice", "in_1001", "status", status, "amount",
                                (json_int_t)amount, "currency", currency, "at_ms", (json_int_t)office.now_ms);
    json_array_append_new(json_at(office.read[0], "payments"), payment);
    return payment;
}

static void what_else_is_on_its_way_is_not_it(void **state)
{
    (void)state;
    shows_payment("failed", 1205000, "USD");
    shows_payment("pending", 1205001, "USD");
    shows_payment("pending", 1205000, "EUR");
    not_paid_by_billing(state);
}

static void still_on_its_way(void **state)
{
    (void)state;
    json_t *payment = shows_payment("pending", 1205000, "USD");
    pass(0);
    assert_int_equal(in_state("executing"), 1);
    assert_int_equal(case_state(), RECOVERY_PLANNED);
    json_put(payment, "status", "succeeded");
    owes(4820000 - 1205000);
    office.now_ms += 2 * MS_DAY;
    office_turn(&office, NULL, NULL);
    assert_int_equal(in_state("paid"), 1);
    assert_int_equal(in_state("executing"), 0);
}

/* Billing's own schedule asks for amounts that were agreed before: of less it would collect too much. */
static void less_due_ends_it(void **state)
{
    (void)state;
    free(office_say(&office, "U0AE1", "credit northwind 1000 why two days of downtime"));
    owes(4820000 - 100000);
    AUTO_STR approve = str_fmt("approve A-%lld", (long long)count("SELECT max(id) FROM proposals"));
    AUTO_STR approved = office_say(&office, "U0MAN1", approve);
    assert_says(approved, "Approved");
    office_turn(&office, NULL, NULL);
    assert_int_equal(count("SELECT count(*) FROM effects WHERE op = 'credit'"), 1);
    assert_int_equal(count("SELECT count(*) FROM plans WHERE state = 'stopped'"), 1);
    assert_int_equal(in_state("cancelled"), 4);
    assert_int_equal(unplans, 1);
    assert_int_equal(case_state(), RECOVERY_QUEUED);
    assert_int_equal(count("SELECT count(*) FROM recoveries WHERE next_step LIKE 'Less is due now: agree with the customer on a new plan%'"), 1);
}

/* A plan that has ended is ended at billing too, or billing would go on collecting. */
static void ended_at_billing(void **state)
{
    (void)state;
    AUTO_STR said = office_say(&office, "U0AE1", "dispute northwind why wrong amount");
    assert_true(said[0]);
    office_turn(&office, NULL, NULL);
    assert_int_equal(unplans, 1);
    assert_int_equal(count("SELECT count(*) FROM proposals WHERE verb = 7 AND state = 11"), 1);
    assert_int_equal(in_state("cancelled"), 4);
}

static void ended_at_billing_in_the_end(void **state)
{
    (void)state;
    refuses = true;
    AUTO_STR said = office_say(&office, "U0AE1", "dispute northwind why wrong amount");
    assert_true(said[0]);
    office_turn(&office, NULL, NULL);
    assert_int_equal(count("SELECT count(*) FROM proposals WHERE verb = 7 AND state = 12"), 1);
    assert_int_equal(case_state(), RECOVERY_QUEUED); /* a person is told */
    refuses = false;
    office.now_ms += MS_HOUR + MS_SECOND;
    office_turn(&office, NULL, NULL);
    office_turn(&office, NULL, NULL);
    assert_int_equal(unplans, 2);
    assert_int_equal(count("SELECT count(*) FROM timers WHERE kind = 'unplan'"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_without_collecting, setup, office_teardown),
        cmocka_unit_test_setup_teardown(paid_by_billing, setup, office_teardown),
        cmocka_unit_test_setup_teardown(not_paid_by_billing, setup, office_teardown),
        cmocka_unit_test_setup_teardown(what_else_is_on_its_way_is_not_it, setup, office_teardown),
        cmocka_unit_test_setup_teardown(still_on_its_way, setup, office_teardown),
        cmocka_unit_test_setup_teardown(less_due_ends_it, setup, office_teardown),
        cmocka_unit_test_setup_teardown(ended_at_billing, setup, office_teardown),
        cmocka_unit_test_setup_teardown(ended_at_billing_in_the_end, setup, office_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
