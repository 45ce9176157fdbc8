/* Credits, write-offs, deferrals and notes at the sandbox: each once under its key, and nonsense refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/billing/sandbox.h"
#include "engine/when.h"
#include "tests/unit/serve_drive.h"

static struct sandbox_config config = {.base = {.driver = &sandbox_driver, .name = "sandbox"}};

static int set_up(void **state)
{
    struct drive *d = mem_alloc(sizeof *d);
    *d = (struct drive){.driver = &sandbox_driver, .config = &config, .now_ms = DRIVE_NOW};
    d->memory = sandbox_driver.open_memory(&config);
    *state = d;
    return 0;
}

static int tear_down(void **state)
{
    struct drive *d = *state;
    sandbox_driver.close_memory(d->memory);
    json_decref(d->stage);
    free(d);
    return 0;
}

static void payment_fails(struct drive *d, char id[64])
{
    AUTO_JSON invoice = drive_post(d, "sandbox:///_control/fail", json_pack("{s:s, s:i}", "customer", "cus_1", "amount", 90000), NULL);
    str_copy(id, 64, json_str(invoice, "id", ""));
    assert_true(*id);
}

static void fault(struct drive *d, const char *kind)
{
    int status;
    json_decref(drive_post(d, "sandbox:///_control/fault", json_pack("{s:s}", "kind", kind), &status));
    assert_int_equal(status, 200);
}

/* The invoice as "read" shows it. */
static json_t *invoice_now(struct drive *d, const char *id)
{
    struct step s;
    step_init(&s);
    AUTO_JSON args = json_pack("{s:s, s:s}", "customer", "cus_1", "invoice", id);
    drive_run(d, "read", "r", args, false, &s);
    assert_int_equal(s.outcome, STEP_DONE);
    json_t *invoice = json_incref(json_at(s.result, "invoices.0"));
    step_fini(&s);
    return invoice;
}

static void due_is(struct drive *d, const char *id, int64_t due, const char *status)
{
    AUTO_JSON invoice = invoice_now(d, id);
    assert_int_equal(json_i64(invoice, "due", -1), due);
    assert_string_equal(json_str(invoice, "status", ""), status);
}

static void amount_of(struct drive *d, const char *op, const char *key, const char *id, int64_t amount, bool resume, struct step *s)
{
    AUTO_JSON args = json_pack("{s:s, s:s, s:I, s:s, s:s}", "customer", "cus_1", "invoice", id, "amount", (json_int_t)amount, "currency", "USD",
                               "reason", "goodwill");
    drive_run(d, op, key, args, resume, s);
}

static void a_credit_lowers_what_is_due_and_the_last_one_settles_it(void **state)
{
    struct drive *d = *state;
    char id[64];
    struct step s;
    step_init(&s);
    payment_fails(d, id);
    amount_of(d, "credit", "k1", id, 20000, false, &s);
    assert_int_equal(s.outcome, STEP_DONE);
    assert_int_equal(json_i64(s.result, "due", -1), 70000);
    assert_true(*json_str(s.result, "id", ""));
    due_is(d, id, 70000, "open");
    amount_of(d, "credit", "k2", id, 70000, false, &s);
    assert_int_equal(s.outcome, STEP_DONE);
    due_is(d, id, 0, "paid");
    step_fini(&s);
}

static void nonsense_is_refused_and_changes_nothing(void **state)
{
    struct drive *d = *state;
    char id[64];
    struct step s;
    static const struct {
        const char *op;
        int64_t amount;
    } wrong[] = {{"credit", 0}, {"credit", -1}, {"credit", 90001}, {"write_off", 89999}, {"write_off", 90001}, {"write_off", 0}};
    step_init(&s);
    payment_fails(d, id);
    for (size_t i = 0; i < DW_ARRAY_LEN(wrong); i++) {
        AUTO_STR key = str_fmt("w%zu", i);
        amount_of(d, wrong[i].op, key, id, wrong[i].amount, false, &s);
        assert_int_equal(s.outcome, STEP_REFUSED);
        due_is(d, id, 90000, "open");
    }
    amount_of(d, "credit", "other", "in_none", 100, false, &s);
    assert_int_equal(s.outcome, STEP_REFUSED);
    assert_non_null(strstr(s.reason, "no such open invoice"));
    step_fini(&s);
}

static void a_write_off_gives_up_the_whole_rest_once(void **state)
{
    struct drive *d = *state;
    char id[64];
    struct step s;
    step_init(&s);
    payment_fails(d, id);
    fault(d, "lose");
    amount_of(d, "write_off", "k1", id, 90000, false, &s);
    assert_int_equal(s.outcome, STEP_UNKNOWN);
    d->writes = 0;
    amount_of(d, "write_off", "k1", id, 90000, true, &s);
    assert_int_equal(s.outcome, STEP_DONE);
    assert_int_equal(d->writes, 0);
    assert_string_equal(json_str(s.result, "status", ""), "uncollectible");
    due_is(d, id, 0, "uncollectible");
    amount_of(d, "write_off", "k2", id, 0, false, &s);
    assert_int_equal(s.outcome, STEP_REFUSED);
    step_fini(&s);
}

static void a_credit_whose_answer_is_lost_is_found_and_one_without_effect_is_done_once(void **state)
{
    struct drive *d = *state;
    static const char *const faults[] = {"lose", "error", "cut", "busy"};
    char id[64];
    struct step s;
    step_init(&s);
    payment_fails(d, id);
    for (size_t i = 0; i < DW_ARRAY_LEN(faults); i++) {
        AUTO_STR key = str_fmt("k%zu", i);
        fault(d, faults[i]);
        amount_of(d, "credit", key, id, 10000, false, &s);
        assert_int_equal(s.outcome, i < 2 ? STEP_UNKNOWN : STEP_RETRY);
        amount_of(d, "credit", key, id, 10000, true, &s);
        assert_int_equal(s.outcome, STEP_DONE);
        due_is(d, id, 90000 - 10000 * (int64_t)(i + 1), "open");
    }
    step_fini(&s);
}

static void defer_to(struct drive *d, const char *key, const char *id, int64_t until_ms, struct step *s)
{
    AUTO_JSON args = json_pack("{s:s, s:s, s:I}", "customer", "cus_1", "invoice", id, "until_ms", (json_int_t)until_ms);
    drive_run(d, "defer", key, args, false, s);
}

static void the_next_attempt_moves_to_a_day_to_come(void **state)
{
    struct drive *d = *state;
    char id[64];
    struct step s;
    step_init(&s);
    payment_fails(d, id);
    defer_to(d, "k1", id, DRIVE_NOW + 9 * MS_DAY, &s);
    assert_int_equal(s.outcome, STEP_DONE);
    assert_int_equal(json_i64(s.result, "until_ms", 0), DRIVE_NOW + 9 * MS_DAY);
    AUTO_JSON invoice = invoice_now(d, id);
    assert_int_equal(json_i64(invoice, "next_attempt_ms", 0), DRIVE_NOW + 9 * MS_DAY);
    defer_to(d, "k2", id, DRIVE_NOW, &s);
    assert_int_equal(s.outcome, STEP_REFUSED);
    defer_to(d, "k3", id, DRIVE_NOW + 400 * MS_DAY, &s);
    assert_int_equal(s.outcome, STEP_REFUSED);
    AUTO_JSON hold = json_pack("{s:[s]}", "invoices", id);
    drive_run(d, "hold", "h1", hold, false, &s);
    assert_int_equal(s.outcome, STEP_DONE);
    defer_to(d, "k4", id, DRIVE_NOW + 9 * MS_DAY, &s);
    assert_int_equal(s.outcome, STEP_REFUSED);
    step_fini(&s);
}

static void a_note_is_kept(void **state)
{
    struct drive *d = *state;
    struct step s;
    step_init(&s);
    AUTO_JSON args = json_pack("{s:s, s:s}", "customer", "cus_1", "text", "plan agreed");
    drive_run(d, "note", "n1", args, false, &s);
    assert_int_equal(s.outcome, STEP_DONE);
    AUTO_JSON empty = json_pack("{s:s, s:s}", "customer", "cus_1", "text", "");
    drive_run(d, "note", "n2", empty, false, &s);
    assert_int_equal(s.outcome, STEP_REFUSED);
    const struct sandbox *book = d->memory;
    assert_string_equal(json_str(book->book, "entries.n1.text", ""), "plan agreed");
    assert_int_equal(json_object_size(json_at(book->book, "entries")), 1);
    step_fini(&s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_credit_lowers_what_is_due_and_the_last_one_settles_it),
        TEST(nonsense_is_refused_and_changes_nothing),
        TEST(a_write_off_gives_up_the_whole_rest_once),
        TEST(a_credit_whose_answer_is_lost_is_found_and_one_without_effect_is_done_once),
        TEST(the_next_attempt_moves_to_a_day_to_come),
        TEST(a_note_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
