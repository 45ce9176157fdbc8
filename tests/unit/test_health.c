/* What /readyz says of the chats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "bot/health.h"

#define NOW INT64_C(1798000000000)
#define MINUTE INT64_C(60000)

static const struct health_chat chats[] = {{.name = "slack"}, {.name = "matrix", .polled = true}};

static void only_the_polled_may_be_silent_too_long(void **state)
{
    (void)state;
    char why[300] = "";
    struct health *h = health_new(chats, 2, NOW);
    assert_false(health_problem(h, NOW + 2 * MINUTE, why, sizeof why));
    assert_true(health_problem(h, NOW + 3 * MINUTE, why, sizeof why));
    assert_string_equal(why, "matrix has not answered for 3 minutes");
    health_note(h, "matrix", "connection refused", NOW + 3 * MINUTE);
    assert_true(health_problem(h, NOW + 4 * MINUTE, why, sizeof why));
    assert_string_equal(why, "matrix has not answered for 4 minutes: connection refused");
    health_note(h, "matrix", "", NOW + 4 * MINUTE);
    assert_false(health_problem(h, NOW + 5 * MINUTE, why, sizeof why));
    health_free(h);
}

static void who_refuses_us_is_named_until_it_takes_us_again(void **state)
{
    (void)state;
    char why[300] = "";
    struct health *h = health_new(chats, 2, NOW);
    health_denied(h, "stripe", "no chat");
    health_denied(h, "slack", "");
    assert_false(health_problem(h, NOW, why, sizeof why));
    health_denied(h, "slack", "the token has been revoked (token_revoked)");
    assert_true(health_problem(h, NOW, why, sizeof why));
    assert_string_equal(why, "slack: the token has been revoked (token_revoked)");
    health_denied(h, "matrix", "");
    assert_true(health_problem(h, NOW, why, sizeof why));
    health_denied(h, "slack", "");
    assert_false(health_problem(h, NOW, why, sizeof why));
    health_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_polled_may_be_silent_too_long),
        cmocka_unit_test(who_refuses_us_is_named_until_it_takes_us_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
