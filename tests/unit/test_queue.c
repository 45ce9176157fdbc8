/* The bounded queue, and the engine thread that empties it: bounds, order, group, what a failed turn gives back. */
#include "tests/unit/loop_rig.h"

#include "bot/queue.h"
#include "bot/turner.h"

static struct input webhook(uint32_t slot, size_t bytes)
{
    struct input in = {.kind = INPUT_WEBHOOK, .from = {.slot = slot, .generation = 1}};
    buf_init(&in.body, 1 << 20);
    for (size_t i = 0; i < bytes; i++)
        buf_addc(&in.body, 'x');
    return in;
}

static struct input response(int64_t id)
{
    struct input in = {.kind = INPUT_RESPONSE, .effect_id = id};
    http_response_init(&in.response);
    return in;
}

static bool push(struct queue *q, struct input in)
{
    bool fits = queue_push(q, &in);
    queue_wake(q);
    return fits;
}

static void finish(struct input *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        input_fini(&list[i]);
}

static void test_order_and_exchange(void **state)
{
    (void)state;
    struct queue *q = queue_new(1000, 1 << 20);
    struct input *list = NULL;
    size_t cap = 0;
    bool away = true;
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 200; i++)
            assert_true(push(q, webhook(i, 10)));
        assert_int_equal(queue_take(q, &list, &cap, &away), 200);
        assert_false(away);
        for (uint32_t i = 0; i < 200; i++)
            assert_int_equal(list[i].from.slot, i);
        finish(list, 200);
        assert_true(queue_empty(q));
    }
    free(list);
    queue_free(q);
}

static void test_bound_by_count(void **state)
{
    (void)state;
    struct queue *q = queue_new(4, 1 << 20);
    struct input *list = NULL;
    size_t cap = 0;
    bool away = false;
    for (uint32_t i = 0; i < 4; i++) {
        assert_false(queue_full(q));
        assert_true(push(q, webhook(i, 1)));
    }
    assert_true(queue_full(q));
    assert_false(push(q, webhook(9, 1)));
    assert_true(push(q, response(1))); /* never turned away */
    assert_int_equal(queue_take(q, &list, &cap, &away), 5);
    assert_true(away); /* so that whoever waits is told */
    finish(list, 5);
    assert_false(queue_full(q));
    assert_int_equal(queue_take(q, &list, &cap, &away), 0);
    assert_false(away);
    free(list);
    queue_free(q);
}

static void test_bound_by_bytes(void **state)
{
    (void)state;
    struct queue *q = queue_new(4096, 100000);
    assert_true(push(q, webhook(0, 60000)));
    assert_false(push(q, webhook(1, 60000)));
    assert_true(push(q, webhook(2, 1000)));
    queue_free(q); /* with what is in it */
}

static void test_one_that_is_larger_than_all(void **state)
{
    (void)state;
    struct queue *q = queue_new(4096, 1000);
    assert_true(push(q, webhook(0, 60000))); /* alone it is let in: else it could never be */
    assert_false(push(q, webhook(1, 1)));
    queue_free(q);
}

static void test_closed(void **state)
{
    (void)state;
    struct queue *q = queue_new(10, 1 << 20);
    queue_close(q);
    assert_true(queue_closed(q));
    assert_false(push(q, webhook(0, 1)));
    assert_true(push(q, response(1)));
    queue_wait(q, 5000); /* returns at once */
    queue_free(q);
}

/* One thing at a time, each as soon as the last one was taken: the taker looks out for it instead of sleeping, and misses none. */
static void *one_by_one(void *arg)
{
    struct queue *q = arg;
    for (uint32_t i = 0; i < 2000; i++) {
        while (!queue_empty(q))
            sched_yield();
        assert_true(push(q, webhook(i, 1)));
        queue_wake(q);
    }
    return NULL;
}

static void test_one_by_one(void **state)
{
    (void)state;
    struct queue *q = queue_new(10, 1 << 20);
    struct input *list = NULL;
    size_t cap = 0;
    bool away = false;
    pthread_t pusher;
    assert_int_equal(pthread_create(&pusher, NULL, one_by_one, q), 0);
    for (uint32_t next = 0; next < 2000;) {
        queue_wait(q, 1000);
        size_t n = queue_take(q, &list, &cap, &away);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(list[i].from.slot, next++);
        finish(list, n);
    }
    pthread_join(pusher, NULL);
    queue_wait(q, 1); /* nothing comes any more: the time is over */
    assert_int_equal(queue_take(q, &list, &cap, &away), 0);
    queue_close(q);
    queue_wait(q, 5000); /* returns at once */
    free(list);
    queue_free(q);
}

/* --- the engine thread --- */

struct stage {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct queue *queue;
    bool hold;              /* the turn stands still until this is false */
    int failures;           /* turns that are still to fail */
    int turns;              /* begun */
    size_t sizes[64];       /* inputs of each turn */
    int64_t last_effect;    /* of the last response in a turn that went well */
    uint32_t answered[256]; /* slots */
    int statuses[256];
    size_t n_answered;
    char said[256]; /* in place of what was asked for */
    bool room, owed;
    int64_t due_ms;
};

static void stage_wait(struct stage *s, bool (*until)(struct stage *s))
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += RIG_PATIENCE_MS / 1000;
    pthread_mutex_lock(&s->lock);
    while (!until(s))
        if (pthread_cond_timedwait(&s->changed, &s->lock, &limit))
            break;
    bool met = until(s);
    pthread_mutex_unlock(&s->lock);
    assert_true(met);
}

static int stage_turn(void *turn, struct input *inputs, size_t n, struct outputs *out, struct err *e)
{
    struct stage *s = turn;
    int rc = 0;
    pthread_mutex_lock(&s->lock);
    s->sizes[s->turns++ % 64] = n;
    pthread_cond_broadcast(&s->changed);
    while (s->hold)
        pthread_cond_wait(&s->changed, &s->lock);
    if (s->failures > 0) {
        s->failures--;
        rc = err_set(e, ERR_IO, "the disk is full");
    }
    for (size_t i = 0; i < n && !rc; i++)
        if (inputs[i].kind == INPUT_RESPONSE)
            s->last_effect = inputs[i].effect_id;
    pthread_mutex_unlock(&s->lock);
    out->list = mem_grow(out->list, (n + 1) * sizeof *out->list);
    out->cap = n + 1;
    for (size_t i = 0; i < n; i++) /* also in a turn that fails afterwards: none of it may leave */
        if (inputs[i].kind == INPUT_WEBHOOK)
            out->list[out->n++] = (struct output){.kind = OUTPUT_ANSWER, .to = inputs[i].from, .status = 200};
    return rc;
}

static int64_t stage_due(void *turn)
{
    struct stage *s = turn;
    pthread_mutex_lock(&s->lock);
    int64_t due = s->due_ms;
    s->due_ms = due <= rig_wall_ms(NULL) ? INT64_MAX : due;
    pthread_mutex_unlock(&s->lock);
    return due;
}

static void stage_deliver(void *ctx, struct outputs *take, bool room)
{
    struct stage *s = ctx;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < take->n && s->n_answered < 256; i++) {
        if (take->list[i].kind == OUTPUT_ACK)
            str_copy(s->said, sizeof s->said, buf_text(&take->list[i].text));
        s->answered[s->n_answered] = take->list[i].to.slot;
        s->statuses[s->n_answered++] = take->list[i].status;
    }
    s->room = s->room || room;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static bool stage_owed(void *ctx)
{
    struct stage *s = ctx;
    pthread_mutex_lock(&s->lock);
    bool owed = s->owed;
    pthread_mutex_unlock(&s->lock);
    return owed;
}

static struct turner *stage_open(struct stage *s)
{
    *s = (struct stage){.due_ms = INT64_MAX};
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    s->queue = queue_new(100, 1 << 20);
    struct turner_hooks hooks = {.turn = s, .run = stage_turn, .due_ms = stage_due, .ctx = s, .now_ms = rig_wall_ms, .owed = stage_owed,
                                 .deliver = stage_deliver};
    return turner_start(s->queue, &hooks);
}

static void stage_close(struct stage *s, struct turner *t)
{
    queue_close(s->queue);
    assert_true(turner_join(t, RIG_PATIENCE_MS));
    assert_true(turner_done(t));
    turner_free(t);
    queue_free(s->queue);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
}

static void set_hold(struct stage *s, bool hold)
{
    pthread_mutex_lock(&s->lock);
    s->hold = hold;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static bool first_turn(struct stage *s)
{
    return s->turns >= 1;
}

static bool second_turn(struct stage *s)
{
    return s->turns >= 2;
}

static bool eleven_answers(struct stage *s)
{
    return s->n_answered >= 11;
}

static void test_group_commit(void **state)
{
    (void)state;
    struct stage s;
    struct turner *t = stage_open(&s);
    stage_wait(&s, first_turn); /* the one at the start, with nothing */
    assert_int_equal(s.sizes[0], 0);
    set_hold(&s, true);
    assert_true(push(s.queue, webhook(0, 1)));
    stage_wait(&s, second_turn);
    for (uint32_t i = 1; i <= 10; i++)
        assert_true(push(s.queue, webhook(i, 1)));
    set_hold(&s, false);
    stage_wait(&s, eleven_answers);
    stage_close(&s, t);
    assert_int_equal(s.sizes[1], 1);
    assert_int_equal(s.sizes[2], 10); /* all that came while the second was being written */
    for (uint32_t i = 0; i <= 10; i++)
        assert_int_equal(s.answered[i], i);
}

static bool one_answer(struct stage *s)
{
    return s->n_answered >= 1;
}

static bool response_kept(struct stage *s)
{
    return s->last_effect == 77;
}

static void test_failed_turn(void **state)
{
    (void)state;
    struct stage s;
    char why[300];
    struct turner *t = stage_open(&s);
    stage_wait(&s, first_turn);
    pthread_mutex_lock(&s.lock);
    s.failures = 2;
    pthread_mutex_unlock(&s.lock);
    struct input in = webhook(5, 1), r = response(77);
    assert_true(queue_push(s.queue, &in));
    assert_true(queue_push(s.queue, &r));
    queue_wake(s.queue);
    stage_wait(&s, one_answer);
    assert_int_equal(s.answered[0], 5);
    assert_int_equal(s.statuses[0], 503); /* not the 200 of the turn that failed */
    assert_true(turner_problem(t, why, sizeof why));
    assert_non_null(strstr(why, "disk is full"));
    stage_wait(&s, response_kept); /* given again until it went well */
    while (turner_problem(t, why, sizeof why))
        rig_sleep(1);
    stage_close(&s, t);
    assert_int_equal(s.n_answered, 1);
}

static void plain_ack(const void *config, const struct chat_input *in, const struct chat_answer *answer, struct buf *out)
{
    (void)config;
    const char *error = json_object_iter_key(json_object_iter(answer->form_errors));
    buf_addf(out, "%s %s: %s", in->envelope, error ? error : "text", error ? json_str(answer->form_errors, error, "") : answer->text);
}

static const struct driver plain_driver = {.name = "plain", .ack = plain_ack};
static const struct driver_config plain = {.driver = &plain_driver, .name = "plain"};

/* What a person who asked for something reads when the turn failed; "" when nothing but silence says it. */
static void when_it_fails(char said[256], enum chat_kind kind, bool takes_answer, json_t *values)
{
    struct stage s;
    struct turner *t = stage_open(&s);
    stage_wait(&s, first_turn);
    pthread_mutex_lock(&s.lock);
    s.failures = 1;
    pthread_mutex_unlock(&s.lock);
    struct input in = {.kind = INPUT_CHAT, .from = {.slot = 3, .generation = 1}, .chat_driver = &plain}, last = webhook(4, 1);
    chat_input_init(&in.chat);
    in.chat.kind = kind;
    in.chat.envelope = str_dup("e1");
    in.chat.takes_answer = takes_answer;
    in.chat.values = values;
    assert_true(queue_push(s.queue, &in));
    assert_true(queue_push(s.queue, &last));
    queue_wake(s.queue);
    stage_wait(&s, one_answer);
    stage_close(&s, t);
    str_copy(said, 256, s.said);
}

static void test_a_person_is_told(void **state)
{
    (void)state;
    char said[256];
    when_it_fails(said, CHAT_COMMAND, true, NULL);
    assert_non_null(strstr(said, "e1 text: I cannot write anything down at the moment, so nothing was done."));
    when_it_fails(said, CHAT_FORM_SUBMIT, true, json_pack("{s:s}", "why", "x"));
    assert_non_null(strstr(said, "e1 why: I cannot write anything down at the moment"));
    when_it_fails(said, CHAT_FORM_SUBMIT, true, json_object()); /* "got it" would close the form */
    assert_string_equal(said, "");
    when_it_fails(said, CHAT_ACTION, false, NULL); /* the platform shows that it went wrong */
    assert_string_equal(said, "");
}

/* The thread does not end while answers are to come, and what comes is in a turn. */
static void test_answers_after_the_close(void **state)
{
    (void)state;
    struct stage s;
    struct turner *t = stage_open(&s);
    stage_wait(&s, first_turn);
    s.owed = true;
    queue_close(s.queue);
    rig_sleep(100);
    assert_false(turner_done(t));
    struct input r = response(77);
    queue_push_surely(s.queue, &r);
    pthread_mutex_lock(&s.lock);
    s.owed = false;
    pthread_mutex_unlock(&s.lock);
    queue_wake(s.queue);
    int64_t began = rig_wall_ms(NULL);
    stage_close(&s, t);
    assert_true(rig_wall_ms(NULL) - began < 2000); /* not by its limit */
    assert_int_equal(s.last_effect, 77);
}

/* A peer that never answers does not keep it for ever. */
static void test_waits_for_answers_with_an_end(void **state)
{
    (void)state;
    struct stage s;
    struct turner *t = stage_open(&s);
    s.owed = true;
    stage_close(&s, t);
}

static void test_due_without_input(void **state)
{
    (void)state;
    struct stage s;
    struct turner *t = stage_open(&s);
    stage_wait(&s, first_turn);
    pthread_mutex_lock(&s.lock);
    s.due_ms = rig_wall_ms(NULL) + 50;
    pthread_mutex_unlock(&s.lock);
    stage_wait(&s, second_turn);
    stage_close(&s, t);
}

static void test_accepted_before_close(void **state)
{
    (void)state;
    struct stage s;
    struct turner *t = stage_open(&s);
    stage_wait(&s, first_turn);
    set_hold(&s, true);
    assert_true(push(s.queue, webhook(1, 1)));
    stage_wait(&s, second_turn);
    assert_true(push(s.queue, webhook(2, 1)));
    queue_close(s.queue);
    assert_false(turner_join(t, 50)); /* stuck: the caller must not wait for ever */
    set_hold(&s, false);
    stage_close(&s, t);
    assert_int_equal(s.n_answered, 2);
    assert_int_equal(s.answered[1], 2);
}

static bool room_again(struct stage *s)
{
    return s->room;
}

static void test_room_is_told(void **state)
{
    (void)state;
    struct stage s;
    struct turner *t = stage_open(&s);
    stage_wait(&s, first_turn);
    set_hold(&s, true);
    assert_true(push(s.queue, webhook(0, 1)));
    stage_wait(&s, second_turn);
    for (uint32_t i = 0; i < 100; i++)
        assert_true(push(s.queue, webhook(i, 1)));
    assert_true(queue_full(s.queue));
    set_hold(&s, false);
    stage_wait(&s, room_again);
    stage_close(&s, t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_exchange), cmocka_unit_test(test_bound_by_count), cmocka_unit_test(test_bound_by_bytes),
        cmocka_unit_test(test_one_that_is_larger_than_all), cmocka_unit_test(test_closed), cmocka_unit_test(test_one_by_one), cmocka_unit_test(test_group_commit),
        cmocka_unit_test(test_failed_turn), cmocka_unit_test(test_a_person_is_told), cmocka_unit_test(test_due_without_input), cmocka_unit_test(test_accepted_before_close),
        cmocka_unit_test(test_room_is_told), cmocka_unit_test(test_answers_after_the_close), cmocka_unit_test(test_waits_for_answers_with_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
