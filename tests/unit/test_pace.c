/* The engine's time: the wall clock's, never backwards, and never at a stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "bot/pace.h"

#define HOUR INT64_C(3600000)
#define NOON INT64_C(1798000000000)

static void it_is_the_wall_clock(void **state)
{
    (void)state;
    struct pace p = {0};
    assert_int_equal(pace_now_ms(&p, NOON, 5), NOON);
    assert_int_equal(pace_now_ms(&p, NOON + 1000, 1005), NOON + 1000);
    assert_int_equal(pace_now_ms(&p, NOON + HOUR, 1006), NOON + HOUR); /* set forwards, or asleep */
    assert_int_equal(pace_now_ms(&p, NOON + HOUR, 1006), NOON + HOUR);
}

static void set_back_it_goes_on_slowly(void **state)
{
    (void)state;
    struct pace p = {0};
    assert_int_equal(pace_now_ms(&p, NOON + HOUR, 100), NOON + HOUR);
    assert_int_equal(pace_now_ms(&p, NOON, 100), NOON + HOUR);
    assert_int_equal(pace_now_ms(&p, NOON + 2000, 2100), NOON + HOUR + 1000);
    for (int64_t i = 1; i <= 1000; i++) /* also when it is asked each millisecond */
        pace_now_ms(&p, NOON + 2000 + i, 2100 + i);
    assert_int_equal(p.told_ms, NOON + HOUR + 1500);
    assert_int_equal(pace_now_ms(&p, NOON + 2 * HOUR, 100 + 2 * HOUR), NOON + 2 * HOUR); /* caught up */
    assert_int_equal(pace_now_ms(&p, NOON + 2 * HOUR + 10, 110 + 2 * HOUR), NOON + 2 * HOUR + 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_wall_clock),
        cmocka_unit_test(set_back_it_goes_on_slowly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
