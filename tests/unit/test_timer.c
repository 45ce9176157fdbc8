/* Timers: due ones once, oldest first, and none is lost with a turn that did not come about. */
#include "engine/timer.h"
#include "tests/unit/bench.h"

static int64_t left(struct bench *b)
{
    return store_i64(b->store, -1, "SELECT count(*) FROM timers", "");
}

static void add(struct bench *b, const char *kind, int64_t case_id, int64_t ref, int64_t in_ms)
{
    bench_begin(b);
    timer_add(&b->e, kind, case_id, ref, b->now_ms + in_ms);
    bench_commit(b);
}

static void they_wait_and_go_once(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    assert_int_equal(engine_next_due_ms(&b.e), INT64_MAX);
    add(&b, "reread", 1, 1, MS_HOUR);
    assert_int_equal(engine_next_due_ms(&b.e), b.now_ms + MS_HOUR);
    add(&b, "reread", 2, 2, MS_MINUTE);
    assert_int_equal(engine_next_due_ms(&b.e), b.now_ms + MS_MINUTE); /* a nearer one is not overlooked */
    bench_begin(&b);
    assert_false(engine_tick(&b.e, 10));
    bench_commit(&b);
    assert_int_equal(left(&b), 2);
    b.now_ms += MS_MINUTE;
    bench_begin(&b);
    engine_tick(&b.e, 10);
    store_rollback(b.store);
    engine_forget(&b.e);
    assert_int_equal(left(&b), 2); /* taken back with the turn */
    bench_begin(&b);
    assert_false(engine_tick(&b.e, 10));
    bench_commit(&b);
    assert_int_equal(left(&b), 1);
    assert_int_equal(engine_next_due_ms(&b.e), BENCH_NOW + MS_HOUR);
    bench_close(&b);
}

static void a_flood_is_worked_off_in_portions(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    for (int i = 0; i < 5; i++)
        add(&b, "reread", i, i, 0);
    bench_begin(&b);
    assert_true(engine_tick(&b.e, 2));
    bench_commit(&b);
    assert_int_equal(left(&b), 3);
    assert_true(engine_next_due_ms(&b.e) <= b.now_ms);
    bench_close(&b);
}

static void they_are_cancelled_by_what_they_are_about(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    add(&b, "retry", 1, 1, 5);
    add(&b, "retry", 2, 2, 5);
    add(&b, "link_over", 1, 1, 5);
    add(&b, "release", 1, 7, 5);
    bench_begin(&b);
    timer_cancel(&b.e, "retry", 1, 1);
    bench_commit(&b);
    assert_int_equal(left(&b), 3);
    bench_begin(&b);
    timers_cancel_case(&b.e, 1);
    bench_commit(&b);
    assert_int_equal(left(&b), 2); /* another case's, and the release that is owed */
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM timers WHERE kind = 'release'", ""), 1);
    bench_close(&b);
}

static void a_clock_set_back_does_not_move_ours(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    b.now_ms -= MS_DAY;
    bench_begin(&b);
    assert_int_equal(b.e.now_ms, BENCH_NOW);
    bench_commit(&b);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_wait_and_go_once),
        cmocka_unit_test(a_flood_is_worked_off_in_portions),
        cmocka_unit_test(they_are_cancelled_by_what_they_are_about),
        cmocka_unit_test(a_clock_set_back_does_not_move_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
