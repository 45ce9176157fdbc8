/* How much a billing system lets us ask of it: what it says lowers it at once, silence raises it one by one, and it never stands still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "bot/room.h"

#define NOW 1000000

static void hear(struct room *r, int64_t limit, int64_t remaining, size_t calls, int64_t now_ms)
{
    struct room_word w = {.limit = limit, .remaining = remaining};
    room_hear(r, &w, calls, now_ms);
}

/* How many would be under way if all that may begin began. */
static size_t fills(struct room *r, size_t calls, int64_t now_ms)
{
    while (calls < 100 && room_is_there(r, calls, now_ms))
        calls++;
    return calls;
}

static void what_is_said_holds(void **state)
{
    (void)state;
    static const struct {
        int64_t limit, remaining;
        size_t calls, most;
    } rows[] = {{-1, -1, 0, 8}, {40, 39, 0, 8}, {40, 39, 7, 8}, {40, 2, 3, 5}, {40, 2, 0, 2}, {40, 0, 3, 3}, {40, 0, 0, 0}, {4, 30, 1, 4}, {4, -1, 0, 4},
                {40, -1, 0, 8}, {-1, 1, 2, 3}, {40, 7, 7, 8}, {999999999, 999999999, 7, 8}, {0, 0, 0, 0}};
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        struct room r;
        room_init(&r);
        hear(&r, rows[i].limit, rows[i].remaining, rows[i].calls, NOW);
        if (fills(&r, rows[i].calls, NOW + 999) != rows[i].most)
            fail_msg("row %zu: %zu", i, fills(&r, rows[i].calls, NOW + 999));
    }
}

static void one_that_ends_makes_room(void **state)
{
    (void)state;
    struct room r;
    room_init(&r);
    hear(&r, 40, 0, 3, NOW);
    assert_false(room_is_there(&r, 3, NOW));
    assert_true(room_is_there(&r, 2, NOW)); /* one has ended, and said nothing */
    assert_int_equal(fills(&r, 2, NOW), 3);
}

static void silence_gives_room_one_by_one(void **state)
{
    (void)state;
    struct room r;
    room_init(&r);
    hear(&r, 40, 0, 0, NOW);
    assert_int_equal(room_look_ms(&r), NOW + 1000);
    assert_int_equal(fills(&r, 0, NOW + 999), 0);
    for (size_t s = 1; s <= 8; s++)
        assert_int_equal(fills(&r, s - 1, NOW + (int64_t)s * 1000), s); /* a call a second */
    assert_int_equal(fills(&r, 0, NOW + 9000), 8);                      /* as much as any other */
    assert_int_equal(room_look_ms(&r), 0);
    hear(&r, 40, 0, 0, NOW);
    assert_int_equal(fills(&r, 0, NOW + 3600000), 1); /* after an hour too it is tried with one */
    hear(&r, 40, 40, 0, NOW + 3600000);
    assert_int_equal(fills(&r, 0, NOW + 3600000), 8); /* a word outranks all guesses */
}

static void who_wants_to_be_left_alone_is(void **state)
{
    (void)state;
    struct room r;
    struct room_word w = {.pause_ms = 5000, .limit = -1, .remaining = -1}, shorter = {.pause_ms = 100, .limit = -1, .remaining = -1},
                     forever = {.pause_ms = 7200000, .limit = -1, .remaining = -1};
    room_init(&r);
    room_hear(&r, &w, 0, NOW);
    room_hear(&r, &shorter, 0, NOW);
    assert_false(room_is_there(&r, 0, NOW + 4999));
    assert_int_equal(room_look_ms(&r), NOW + 5000);
    assert_int_equal(fills(&r, 0, NOW + 5000), 8);
    room_hear(&r, &forever, 0, NOW + 5000);
    assert_false(room_is_there(&r, 0, NOW + 64999));
    assert_true(room_is_there(&r, 0, NOW + 65000)); /* a minute at most */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_holds),
        cmocka_unit_test(one_that_ends_makes_room),
        cmocka_unit_test(silence_gives_room_one_by_one),
        cmocka_unit_test(who_wants_to_be_left_alone_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
