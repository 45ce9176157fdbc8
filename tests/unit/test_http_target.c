/* What a request line may ask for: the path alone or behind a host, and what is neither. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "bot/http_target.h"
#include "engine/base.h"

static void test_paths(void **state)
{
    (void)state;
    static const struct {
        const char *url, *path;
    } cases[] = {
        {"/healthz", "/healthz"},
        {"http://127.0.0.1:8080/healthz", "/healthz"},
        {"HTTP://[::1]:8080/hooks/stripe", "/hooks/stripe"},
        {"https://x/hooks/a/b", "/hooks/a/b"},
        {"http://x//healthz", "//healthz"},
        {"http://x", "/"},
        {"http://x/", "/"},
        {"http:///healthz", "http:///healthz"}, /* a host must be named */
        {"http://", "http://"},
        {"http:/healthz", "http:/healthz"},
        {"http", "http"},
        {"ftp://x/healthz", "ftp://x/healthz"},
        {"httpx://x/healthz", "httpx://x/healthz"},
        {"//x/healthz", "//x/healthz"},
        {"*", "*"},
        {"x:443", "x:443"},
        {"", ""},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(cases); i++)
        assert_string_equal(target_path(cases[i].url), cases[i].path);
    static char long_one[20000];
    memset(long_one, 'x', sizeof long_one - 1);
    memcpy(long_one, "http://", 7);
    assert_string_equal(target_path(long_one), "/");
    memcpy(long_one + sizeof long_one - 9, "/healthz", 8);
    assert_string_equal(target_path(long_one), "/healthz");
}

static void test_zero_bytes(void **state)
{
    (void)state;
    assert_true(target_is_cut("/healthz%00"));
    assert_true(target_is_cut("http://x/hooks/stripe%00x?a=b"));
    assert_false(target_is_cut("/healthz"));
    assert_false(target_is_cut("/hooks/stripe?secret=a%00b"));
    assert_false(target_is_cut("/a%0"));
    assert_false(target_is_cut(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_paths), cmocka_unit_test(test_zero_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
