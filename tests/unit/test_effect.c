/* The outbox: lanes, keys, deadlines, and what becomes of a call that was out when the process died. */
#include "tests/unit/bench.h"

static void a_lane_is_a_queue(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    int64_t first = bench_add(&b, "lane", "k1"), second = bench_add(&b, "lane", "k2"), other = bench_add(&b, "side", "k3");
    b.next = STEP_HTTP;
    assert_int_equal(bench_run(&b), 2); /* the head of each lane */
    assert_int_equal(bench_state(&b, first), EFFECT_OUT);
    assert_int_equal(bench_state(&b, second), EFFECT_QUEUED);
    assert_int_equal(bench_state(&b, other), EFFECT_OUT);
    assert_int_equal(engine_next_due_ms(&b.e), INT64_MAX); /* nothing to do but to wait */
    assert_int_equal(bench_run(&b), 0);
    b.next = STEP_DONE;
    assert_int_equal(bench_answer(&b, first, TRANSPORT_OK, 200), 0);
    b.next = STEP_HTTP;
    assert_int_equal(bench_run(&b), 1);
    assert_string_equal(b.last_key, "k2");
    bench_close(&b);
}

static void a_head_that_waits_holds_its_lane(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    int64_t first = bench_add(&b, "lane", "k1"), second = bench_add(&b, "lane", "k2");
    static const enum outcome waits[] = {STEP_RETRY, STEP_UNKNOWN};
    for (size_t i = 0; i < DW_ARRAY_LEN(waits); i++) {
        b.next = waits[i];
        b.retry_at_ms = b.now_ms + MS_MINUTE;
        bench_run(&b);
        assert_int_equal(bench_state(&b, first), waits[i] == STEP_RETRY ? EFFECT_QUEUED : EFFECT_UNKNOWN);
        assert_int_equal(engine_next_due_ms(&b.e), b.now_ms + MS_MINUTE);
        assert_int_equal(bench_run(&b), 0);
        assert_int_equal(bench_state(&b, second), EFFECT_QUEUED);
        b.now_ms += MS_MINUTE;
    }
    bench_close(&b);
}

/* However many wait in a lane, and whichever of them is cancelled, the oldest that is left runs next. */
static void whoever_is_oldest_is_next(void **state)
{
    (void)state;
    struct bench b;
    int64_t ids[140];
    bench_open(&b);
    for (size_t i = 0; i < DW_ARRAY_LEN(ids); i++) {
        AUTO_STR key = str_fmt("k%zu", i);
        bench_begin(&b);
        ids[i] = effect_add(&b.e, &(struct effect_spec){.lane = "lane", .driver = "peer", .op = "collect", .key = key, .case_id = 1,
                                                        .proposal_id = i < 2 ? 3 : i < 138 ? 4 : 0});
        bench_commit(&b);
    }
    bench_begin(&b);
    effects_cancel_proposal(&b.e, 3); /* the head and the one behind it */
    effect_cancel(&b.e, ids[3]);
    bench_commit(&b);
    bench_run(&b);
    assert_string_equal(b.last_key, "k2");
    bench_run(&b);
    assert_string_equal(b.last_key, "k4");
    bench_begin(&b);
    effects_cancel_case(&b.e, 1); /* more than are cancelled at a time */
    bench_commit(&b);
    for (size_t i = 5; i < 138; i++)
        assert_int_equal(bench_state(&b, ids[i]), EFFECT_CANCELLED);
    bench_run(&b);
    assert_string_equal(b.last_key, "k138");
    bench_close(&b);
}

static void a_key_is_asked_once(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    int64_t id = bench_add(&b, "lane", "k");
    assert_true(id > 0);
    assert_int_equal(bench_add(&b, "other", "k"), 0);
    bench_run(&b);
    assert_int_equal(bench_state(&b, id), EFFECT_DONE);
    assert_int_equal(bench_add(&b, "lane", "k"), 0); /* for ever */
    assert_int_equal(b.steps, 1);
    bench_close(&b);
}

static void cancelled_is_what_was_not_out(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    int64_t out = bench_add(&b, "a", "k1"), queued = bench_add(&b, "a", "k2");
    b.next = STEP_HTTP;
    bench_run(&b);
    bench_begin(&b);
    effect_cancel(&b.e, out);
    effect_cancel(&b.e, queued);
    bench_commit(&b);
    assert_int_equal(bench_state(&b, out), EFFECT_OUT);
    assert_int_equal(bench_state(&b, queued), EFFECT_CANCELLED);
    bench_close(&b);
}

static void past_its_deadline_nobody_waits(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    bench_begin(&b);
    int64_t id = effect_add(&b.e, &(struct effect_spec){.lane = "l", .driver = "peer", .op = "post", .key = "k", .deadline_ms = b.now_ms + MS_SECOND});
    bench_commit(&b);
    b.now_ms += 2 * MS_SECOND;
    bench_run(&b);
    assert_int_equal(b.steps, 0);
    assert_int_equal(bench_state(&b, id), EFFECT_REFUSED);
    assert_int_equal(b.told, 1);
    assert_false(b.ended_well);
    bench_close(&b);
}

static void after_a_crash_what_was_out_is_lost(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    int64_t id = bench_add(&b, "l", "k");
    b.next = STEP_HTTP;
    assert_int_equal(bench_run(&b), 1);
    bench_stop(&b);
    bench_start(&b);
    assert_int_equal(bench_run(&b), 0); /* still out, as far as anybody knows */
    bench_begin(&b);
    engine_recover(&b.e);
    bench_commit(&b);
    assert_int_equal(bench_state(&b, id), EFFECT_LOST);
    assert_int_equal(bench_run(&b), 1);
    assert_int_equal(b.lost_seen, 1); /* the driver was told that the answer is lost */
    assert_int_equal(store_i64(b.store, 0, "SELECT attempts FROM effects WHERE id = ?1", "i", id), 2);
    bench_close(&b);
}

static void a_stage_survives(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    int64_t id = bench_add(&b, "l", "k");
    b.next = STEP_HTTP;
    bench_run(&b);
    bench_answer(&b, id, TRANSPORT_OK, 200);
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM effects WHERE id = ?1 AND stage = '{\"step\":2}'", "i", id), 1);
    bench_close(&b);
}

static void an_answer_counts_once_and_only_while_it_is_awaited(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    int64_t id = bench_add(&b, "l", "k");
    assert_int_equal(bench_answer(&b, id, TRANSPORT_OK, 200), 0); /* not out yet */
    assert_int_equal(b.steps, 0);
    b.next = STEP_HTTP;
    bench_run(&b);
    b.next = STEP_UNKNOWN;
    b.retry_at_ms = b.now_ms + MS_MINUTE;
    bench_answer(&b, id, TRANSPORT_LOST, 0);
    assert_int_equal(bench_answer(&b, id, TRANSPORT_OK, 200), 0); /* comes after it was given up */
    assert_int_equal(b.steps, 2);
    assert_int_equal(bench_state(&b, id), EFFECT_UNKNOWN);
    b.now_ms += MS_MINUTE;
    b.next = STEP_DONE;
    bench_run(&b);
    bench_answer(&b, id, TRANSPORT_OK, 200);
    bench_answer(&b, 999, TRANSPORT_OK, 200);
    assert_int_equal(b.steps, 3);
    assert_int_equal(b.told, 1);
    bench_close(&b);
}

static void after_a_day_a_retry_is_given_up_but_not_the_unknown(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    int64_t retry = bench_add(&b, "a", "k1"), unknown = bench_add(&b, "b", "k2");
    b.next = STEP_UNKNOWN;
    b.retry_at_ms = b.now_ms + MS_MINUTE;
    bench_run(&b);
    b.now_ms += MS_DAY + MS_HOUR;
    bench_run(&b);
    assert_int_equal(bench_state(&b, unknown), EFFECT_UNKNOWN);
    b.next = STEP_RETRY;
    b.now_ms += MS_HOUR;
    bench_run(&b);
    assert_int_equal(bench_state(&b, retry), EFFECT_REFUSED);
    assert_non_null(strstr(b.ended, "24 hours"));
    bench_close(&b);
}

/* A write that leaves, its answer, and a driver that a day later still says: it did not happen, I try again. */
static enum effect_state a_day_after(enum transport transport, int status)
{
    struct bench b;
    bench_open(&b);
    int64_t id = bench_add(&b, "a", "k1");
    b.next = STEP_HTTP;
    b.writes = true;
    bench_run(&b);
    b.next = STEP_RETRY;
    b.retry_at_ms = b.now_ms + MS_DAY + MS_HOUR;
    bench_answer(&b, id, transport, status);
    b.now_ms += MS_DAY + MS_HOUR;
    b.retry_at_ms = b.now_ms + MS_MINUTE;
    bench_run(&b);
    enum effect_state state = (enum effect_state)bench_state(&b, id);
    b.now_ms += MS_MINUTE;
    b.next = STEP_DONE;
    bench_run(&b);
    assert_int_equal(bench_state(&b, id), state == EFFECT_UNKNOWN ? EFFECT_DONE : state);
    bench_close(&b);
    return state;
}

static void after_a_day_what_may_be_done_in_part_is_not_given_up(void **state)
{
    (void)state;
    assert_int_equal(a_day_after(TRANSPORT_OK, 409), EFFECT_UNKNOWN); /* the first request may have done it */
    assert_int_equal(a_day_after(TRANSPORT_OK, 200), EFFECT_UNKNOWN); /* and something else of it is missing */
    assert_int_equal(a_day_after(TRANSPORT_LOST, 0), EFFECT_UNKNOWN);
    assert_int_equal(a_day_after(TRANSPORT_NOT_SENT, 0), EFFECT_REFUSED);
    assert_int_equal(a_day_after(TRANSPORT_OK, 429), EFFECT_REFUSED);
}

static void a_driver_that_names_no_time_does_not_spin(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    bench_add(&b, "a", "k1");
    b.next = STEP_RETRY;
    b.retry_at_ms = 0;
    bench_run(&b);
    assert_true(engine_next_due_ms(&b.e) > b.now_ms);
    bench_close(&b);
}

static void in_shadow_mode_what_live_left_behind_stays(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    bench_begin(&b);
    effect_add(&b.e, &(struct effect_spec){.lane = "l", .driver = "peer", .op = "collect", .key = "k1", .case_id = 1, .proposal_id = 9});
    effect_add(&b.e, &(struct effect_spec){.lane = "m", .driver = "peer", .op = "mail", .key = "k2", .case_id = 1, .purpose = "mail"});
    bench_commit(&b);
    b.e.shadow = true;
    engine_forget(&b.e);
    assert_int_equal(engine_next_due_ms(&b.e), INT64_MAX);
    b.next = STEP_HTTP;
    assert_int_equal(bench_run(&b), 0);
    assert_int_equal(b.steps, 0);
    bench_add(&b, "c", "k3"); /* a card is still posted */
    assert_int_equal(bench_run(&b), 1);
    bench_close(&b);
}

static void a_closing_case_cancels_what_has_not_left_but_not_a_release(void **state)
{
    (void)state;
    static const struct effect_spec specs[] = {
        {.lane = "a", .driver = "peer", .op = "collect", .key = "k1", .case_id = 1, .proposal_id = 5},
        {.lane = "b", .driver = "peer", .op = "mail", .key = "k2", .case_id = 1, .purpose = "mail"},
        {.lane = "c", .driver = "peer", .op = "release", .key = "k3", .case_id = 1, .proposal_id = 6},
        {.lane = "d", .driver = "peer", .op = "post", .key = "k4", .case_id = 1, .purpose = "card"},
        {.lane = "e", .driver = "peer", .op = "collect", .key = "k5", .case_id = 2, .proposal_id = 7},
    };
    static const enum effect_state then[] = {EFFECT_CANCELLED, EFFECT_CANCELLED, EFFECT_QUEUED, EFFECT_QUEUED, EFFECT_QUEUED};
    struct bench b;
    bench_open(&b);
    bench_begin(&b);
    for (size_t i = 0; i < DW_ARRAY_LEN(specs); i++)
        effect_add(&b.e, &specs[i]);
    effects_cancel_case(&b.e, 1);
    bench_commit(&b);
    for (size_t i = 0; i < DW_ARRAY_LEN(specs); i++)
        assert_int_equal(bench_state(&b, (int64_t)i + 1), then[i]);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lane_is_a_queue),
        cmocka_unit_test(a_head_that_waits_holds_its_lane),
        cmocka_unit_test(whoever_is_oldest_is_next),
        cmocka_unit_test(a_key_is_asked_once),
        cmocka_unit_test(cancelled_is_what_was_not_out),
        cmocka_unit_test(past_its_deadline_nobody_waits),
        cmocka_unit_test(after_a_crash_what_was_out_is_lost),
        cmocka_unit_test(a_stage_survives),
        cmocka_unit_test(an_answer_counts_once_and_only_while_it_is_awaited),
        cmocka_unit_test(after_a_day_a_retry_is_given_up_but_not_the_unknown),
        cmocka_unit_test(after_a_day_what_may_be_done_in_part_is_not_given_up),
        cmocka_unit_test(a_driver_that_names_no_time_does_not_spin),
        cmocka_unit_test(in_shadow_mode_what_live_left_behind_stays),
        cmocka_unit_test(a_closing_case_cancels_what_has_not_left_but_not_a_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
