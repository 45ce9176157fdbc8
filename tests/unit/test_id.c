/* Identifiers: repeatable, sortable by time, and the short ones people type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/id.h"

static void ulids_follow_the_specification(void **state)
{
    (void)state;
    char a[ULID_SIZE], b[ULID_SIZE];
    id_ulid(a, INT64_C(1469918176385), 0, 0);
    assert_string_equal(a, "01ARYZ6S410000000000000000");
    id_ulid(a, (INT64_C(1) << 48) - 1, UINT64_MAX, UINT64_MAX);
    assert_string_equal(a, "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
    id_ulid(a, 0, 1, 2);
    assert_string_equal(a, "00000000000000000100000002");
    id_ulid(a, INT64_C(1790000000000), 7, 9);
    id_ulid(b, INT64_C(1790000000000), 7, 9);
    assert_string_equal(a, b);
    id_ulid(b, INT64_C(1790000000001), 0, 0);
    assert_true(strcmp(a, b) < 0);
    id_ulid(b, -5, 0, 0);
    assert_string_equal(b, "00000000000000000000000000");
}

static void numbers_are_read_as_typed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t number;
    } cases[] = {{"A-17", 17},
                 {"a17", 17},
                 {"17", 17},
                 {"a-17", 17},
                 {"A-", 0},
                 {"", 0},
                 {"B-17", 0},
                 {"A--17", 0},
                 {"A-17x", 0},
                 {"-17", 0},
                 {"A 17", 0},
                 {"0", 0},
                 {"A-0017", 17},
                 {" 17", 0},
                 {"17 ", 0},
                 {"A", 0},
                 {NULL, 0},
                 {"AA-1", 0},
                 {"999999999999999999", INT64_C(999999999999999999)},
                 {"9999999999999999999", 0}};
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++)
        assert_int_equal(id_number(cases[i].text, 'A'), cases[i].number);
    assert_int_equal(id_number("N-3", 'n'), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ulids_follow_the_specification),
        cmocka_unit_test(numbers_are_read_as_typed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
