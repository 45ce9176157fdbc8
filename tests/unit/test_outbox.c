/* What the other threads leave for io: it gets all of it, whether it looked out for it or slept. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "bot/lookout.h"
#include "bot/outbox.h"
#include "tests/unit/loop_rig.h"

enum { ROUNDS = 2000 };
#define PATIENCE_US 20000000

struct desk {
    struct io *io;
    struct outbox *outbox;
    struct io_timer patience;
    atomic_int asked;
    int got, links;
    bool room;
};

static void on_woken(void *ctx)
{
    struct desk *d = ctx;
    struct left left;
    outbox_take(d->outbox, &left);
    for (size_t i = 0; i < left.outputs.n; i++)
        assert_int_equal(left.outputs.list[i].to.slot, ++d->got);
    d->room = d->room || left.room;
    for (size_t i = 0; i < left.n_links; i++) {
        assert_int_equal(left.links[i].attempt, ++d->links);
        http_response_fini(&left.links[i].response);
    }
    outputs_free(&left.outputs);
}

static void on_patience(void *ctx)
{
    (void)ctx;
    fail_msg("io was not woken");
}

static void open_desk(struct desk *d)
{
    struct err e = {0};
    *d = (struct desk){.io = NULL};
    assert_int_equal(io_open(&d->io, &e), 0);
    d->outbox = outbox_new(d->io);
    io_on_wake(d->io, on_woken, d);
    d->patience = (struct io_timer){.fire = on_patience};
    io_timer_set(d->io, &d->patience, PATIENCE_US);
}

static void close_desk(struct desk *d)
{
    io_timer_cancel(&d->patience);
    outbox_free(d->outbox);
    io_close(d->io);
}

static void put(struct desk *d, int number, enum output_kind kind)
{
    struct output one = {.kind = kind, .to = {.slot = (uint32_t)number}};
    struct outputs outputs = {.list = &one, .n = 1, .cap = 1};
    outbox_put(d->outbox, &outputs, false);
}

/* One answer each time it is asked; now and then after a while, as a disk does. */
static void *engine(void *arg)
{
    struct desk *d = arg;
    for (int i = 1; i <= ROUNDS; i++) {
        while (atomic_load(&d->asked) < i)
            sched_yield();
        for (int64_t until = lookout_now_ns() + (i % 50 == 0 ? 2000000 : i % 7 * 10000); lookout_now_ns() < until;)
            sched_yield();
        put(d, i, OUTPUT_ANSWER);
    }
    return NULL;
}

static void test_no_answer_is_missed(void **state)
{
    (void)state;
    struct desk d;
    pthread_t thread;
    int looked = 0;
    open_desk(&d);
    assert_int_equal(pthread_create(&thread, NULL, engine, &d), 0);
    for (int i = 1; i <= ROUNDS; i++) {
        atomic_store(&d.asked, i);
        outbox_expect(d.outbox);
        if (outbox_look(d.outbox)) {
            on_woken(&d);
            looked++;
        }
        while (d.got < i)
            io_turn(d.io);
    }
    pthread_join(thread, NULL);
    assert_int_equal(d.got, ROUNDS);
    assert_true(looked < ROUNDS); /* the first was slept for, as there was no credit yet */
    close_desk(&d);
}

/* What nobody expects is not looked for; what was looked for in vain wakes the loop when it comes. */
static void test_late(void **state)
{
    (void)state;
    struct desk d;
    open_desk(&d);
    put(&d, 1, OUTPUT_ANSWER);
    assert_false(outbox_look(d.outbox));
    while (d.got < 1)
        io_turn(d.io);
    for (int i = 2; i < 6; i++) { /* soon enough for some credit */
        outbox_expect(d.outbox);
        put(&d, i, OUTPUT_ANSWER);
        on_woken(&d);
    }
    outbox_expect(d.outbox);
    outbox_look(d.outbox);
    put(&d, 6, OUTPUT_ANSWER);
    while (d.got < 6)
        io_turn(d.io);
    close_desk(&d);
}

static void test_what_is_left(void **state)
{
    (void)state;
    struct desk d;
    open_desk(&d);
    put(&d, 7, OUTPUT_CALL); /* goes another way */
    for (int i = 1; i <= OUTBOX_MOST_LINKS + 1; i++) {
        struct http_response r = {.status = 200};
        buf_init(&r.body, 100);
        buf_addc(&r.body, 'x');
        outbox_put_link(d.outbox, i, &r);
    }
    struct outputs none = {0};
    outbox_put(d.outbox, &none, true);
    on_woken(&d);
    assert_int_equal(d.got, 0);
    assert_int_equal(d.links, OUTBOX_MOST_LINKS);
    assert_true(d.room);
    put(&d, 1, OUTPUT_ACK); /* and what nobody took is freed */
    close_desk(&d);
}

static void test_looking_must_pay(void **state)
{
    (void)state;
    struct lookout l;
    lookout_init(&l, 1000000);
    l.several = true;
    assert_false(lookout_pays(&l));
    lookout_learn(&l, 2000000);
    assert_false(lookout_pays(&l));
    lookout_learn(&l, 999999);
    assert_false(lookout_pays(&l)); /* once is no habit */
    lookout_learn(&l, 999999);
    assert_true(lookout_pays(&l));
    assert_false(lookout_look(&l, lookout_now_ns()));
    assert_false(lookout_pays(&l)); /* once in vain */
    for (int i = 0; i < 100; i++)
        lookout_learn(&l, 1);
    lookout_call(&l, true);
    assert_true(lookout_look(&l, lookout_now_ns()));
    lookout_call(&l, false);
    int vain = 0;
    for (; lookout_pays(&l); vain++)
        assert_false(lookout_look(&l, lookout_now_ns() - 1000000));
    assert_int_equal(vain, 2); /* it has a bound */
    l.several = false;
    lookout_learn(&l, 1);
    lookout_learn(&l, 1);
    assert_false(lookout_pays(&l)); /* with one processor, looking keeps away what is looked for */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_answer_is_missed), cmocka_unit_test(test_late), cmocka_unit_test(test_what_is_left),
                                       cmocka_unit_test(test_looking_must_pay)};
    return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
