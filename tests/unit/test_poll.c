/* The endless poll of a chat without a socket: what people did and from where to go on are one transaction, an idle poll writes
 * nothing, and nothing ends it. The platform here is a river of numbered events; an answer says up to which number it goes. */
#include <stdlib.h>

#include "engine/poll.h"
#include "engine/session.h"
#include "tests/unit/bench.h"

static struct bench b;
static int taken[64], n_taken, lost_since, asks;
static char state[300];

static void river_step(void *ctx, const struct job *job, const struct http_response *previous, struct step *out)
{
    (void)ctx;
    int64_t since = json_i64(job->stage, "since", 0);
    if (previous && previous->transport == TRANSPORT_LOST)
        lost_since = (int)since;
    if (previous && previous->transport == TRANSPORT_OK && previous->status == 401) {
        step_fini(out);
        out->outcome = STEP_REFUSED;
        str_copy(out->reason, sizeof out->reason, "the password is wrong");
        return;
    }
    if (previous && previous->transport == TRANSPORT_OK && previous->status == 500) {
        out->outcome = STEP_RETRY;
        out->retry_at_ms = job->now_ms + MS_MINUTE;
        str_copy(out->reason, sizeof out->reason, "it is down");
        return;
    }
    if (previous && previous->transport == TRANSPORT_OK) {
        int64_t until = strtoll(buf_text(&previous->body), NULL, 10);
        for (int64_t i = since; i < until; i++) {
            struct chat_input *in = step_input_add(out);
            in->kind = CHAT_COMMAND;
            in->platform = str_dup("forged");
            in->dedupe = str_fmt("e%lld", (long long)i);
        }
        since = until;
        out->keep = json_object();
        json_put(out->keep, "token", "s3cret");
    }
    asks++;
    out->outcome = STEP_HTTP;
    out->stage = json_object();
    json_put_i64(out->stage, "since", since);
}

static void river_input(void *ctx, struct engine *e, const struct chat_input *in)
{
    (void)ctx;
    assert_string_equal(in->platform, "river");
    if (chat_first_time(e, in->platform, in->dedupe))
        taken[n_taken++] = (int)strtol(in->dedupe + 1, NULL, 10);
}

static void river_state(void *ctx, const char *platform, const char *reason)
{
    (void)ctx;
    assert_string_equal(platform, "river");
    str_copy(state, sizeof state, reason);
}

static void connect_world(void)
{
    b.e.world.step = river_step;
    b.e.world.chat_input = river_input;
    b.e.world.poll_state = river_state;
}

static void polls(const char *name)
{
    const char *names[] = {name};
    bench_begin(&b);
    engine_recover(&b.e);
    polls_set(&b.e, names, name ? 1 : 0);
    bench_commit(&b);
}

static int setup(void **unused)
{
    (void)unused;
    n_taken = asks = 0;
    lost_since = -1;
    state[0] = '\0';
    bench_open(&b);
    connect_world();
    polls("river");
    assert_int_equal(bench_run(&b), 1);
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    bench_close(&b);
    return 0;
}

/* The process is gone and comes again. */
static void restart(void)
{
    bench_stop(&b);
    bench_start(&b);
    connect_world();
    polls("river");
}

static int64_t poll_id(void)
{
    return store_i64(b.store, 0, "SELECT id FROM effects WHERE op = 'poll'", "");
}

/* An answer, inside a transaction that the caller ends. How many calls follow. */
static size_t hear(int status, const char *body)
{
    struct calls calls = {0};
    struct http_response r;
    http_response_init(&r);
    r.status = status;
    buf_adds(&r.body, body);
    effect_answered(&b.e, poll_id(), &r, &calls);
    size_t n = calls.n;
    assert_true(n == 0 || calls.list[0].waits);
    calls_free(&calls);
    http_response_fini(&r);
    return n;
}

static size_t answered(int status, const char *body)
{
    bench_begin(&b);
    size_t n = hear(status, body);
    bench_commit(&b);
    return n;
}

static int64_t since(void)
{
    struct query *q = store_query(b.store, "SELECT stage FROM effects WHERE op = 'poll'", "");
    assert_true(query_next(q));
    AUTO_JSON stage = query_json(q, 0);
    query_end(q);
    return json_i64(stage, "since", -1);
}

static void what_people_did_is_taken_in_order(void **unused)
{
    (void)unused;
    assert_int_equal(answered(200, "3"), 1);
    assert_int_equal(n_taken, 3);
    assert_int_equal(taken[0], 0);
    assert_int_equal(taken[2], 2);
    assert_int_equal(since(), 3);
}

/* The commit fails after the commands were handled: none of it happened, and the same answer is worked on again. */
static void inputs_and_since_are_one_transaction(void **unused)
{
    (void)unused;
    bench_begin(&b);
    hear(200, "2");
    assert_int_equal(n_taken, 2);
    store_run(b.store, "INSERT INTO nowhere VALUES (1)", "");
    assert_int_not_equal(store_commit(b.store, NULL), 0);
    engine_forget(&b.e);
    assert_int_equal(since(), 0);
    assert_null(session_kept(&b.e, "river"));
    n_taken = 0;
    assert_int_equal(answered(200, "2"), 1);
    assert_int_equal(n_taken, 2); /* not taken for known: what was remembered of them was undone too */
    assert_int_equal(since(), 2);
}

static void a_crash_goes_on_from_where_it_was(void **unused)
{
    (void)unused;
    answered(200, "2");
    restart(); /* the next answer never came */
    assert_int_equal(bench_run(&b), 1);
    assert_int_equal(lost_since, 2);
    answered(200, "4");
    assert_int_equal(n_taken, 4);
    restart();
    bench_begin(&b);
    hear(200, "9"); /* nobody asked yet: the row is not out */
    bench_commit(&b);
    assert_int_equal(n_taken, 4);
}

static void what_comes_again_is_done_once(void **unused)
{
    (void)unused;
    answered(200, "2");
    bench_sql(&b, "UPDATE effects SET stage = '{\"since\":0}' WHERE op = 'poll'");
    answered(200, "3");
    assert_int_equal(n_taken, 3);
}

static void an_idle_poll_writes_nothing(void **unused)
{
    (void)unused;
    answered(200, "2");
    int64_t rows = store_i64(b.store, 0, "SELECT count(*) FROM effects", "");
    for (int i = 0; i < 500; i++) {
        b.now_ms += 30 * MS_SECOND;
        bench_begin(&b);
        assert_int_equal(hear(200, "2"), 1);
        assert_false(store_wrote(b.store));
        bench_commit(&b);
    }
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM effects", ""), rows);
    assert_int_equal(asks, 502);
}

static void nothing_ends_it(void **unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(answered(i == 1 ? 401 : 500, ""), 0);
        assert_string_equal(state, i == 1 ? "the password is wrong" : "it is down");
        assert_int_equal(bench_run(&b), 0); /* not at once */
        b.now_ms += 2 * MS_DAY;             /* longer than any other effect is tried */
        assert_int_equal(bench_run(&b), 1);
        assert_int_equal(store_i64(b.store, 0, "SELECT attempts FROM effects WHERE op = 'poll'", ""), i + 1);
    }
    assert_int_equal(answered(200, "1"), 1);
    assert_string_equal(state, "");
    assert_int_equal(store_i64(b.store, 0, "SELECT attempts FROM effects WHERE op = 'poll'", ""), 0);
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM effects", ""), 1);
    assert_int_equal(n_taken, 1);
}

static void one_that_is_not_wanted_rests(void **unused)
{
    (void)unused;
    answered(200, "2");
    polls(NULL);
    assert_int_equal(bench_run(&b), 0);
    polls("river");
    assert_int_equal(bench_run(&b), 1);
    assert_int_equal(since(), 2); /* it goes on where it was */
}

static void what_a_driver_keeps_is_there_again(void **unused)
{
    (void)unused;
    answered(200, "1");
    assert_string_equal(json_str(session_kept(&b.e, "river"), "token", ""), "s3cret");
    assert_null(session_kept(&b.e, "other"));
    restart();
    assert_string_equal(json_str(session_kept(&b.e, "river"), "token", ""), "s3cret");
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM effects WHERE stage LIKE '%s3cret%' OR args LIKE '%s3cret%' OR result LIKE '%s3cret%'", ""), 0);
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM journal WHERE text LIKE '%s3cret%' OR detail LIKE '%s3cret%'", ""), 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_people_did_is_taken_in_order), TEST(inputs_and_since_are_one_transaction), TEST(a_crash_goes_on_from_where_it_was),
        TEST(what_comes_again_is_done_once), TEST(an_idle_poll_writes_nothing), TEST(nothing_ends_it),
        TEST(one_that_is_not_wanted_rests), TEST(what_a_driver_keeps_is_there_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
