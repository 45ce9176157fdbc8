/* Texts with {{names}}. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/template.h"

static void check(const char *text, const char *want)
{
    AUTO_BUF out = BUF(1000);
    AUTO_JSON values = json_pack("{s:s, s:s, s:s, s:i}", "name", "Acme", "evil", "a\r\nBcc: x@example.com\x1b\x7f{{name}}", "", "nothing", "number", 3);
    struct err e = {0};
    assert_int_equal(template_render(text, values, &out, &e), 0);
    assert_string_equal(buf_text(&out), want);
}

static void check_refused(const char *text, int code, const char *says)
{
    AUTO_BUF out = BUF(64);
    AUTO_JSON values = json_pack("{s:s, s:i}", "name", "Acme", "number", 3);
    struct err e = {0};
    if (template_render(text, values, &out, &e) != code || !strstr(e.text, says))
        fail_msg("%s: %s", text, e.text);
}

static void names_are_replaced(void **state)
{
    (void)state;
    check("", "");
    check("no names, one { and } and }}", "no names, one { and } and }}");
    check("{{name}}", "Acme");
    check("Dear {{name}}, {{name}}!", "Dear Acme, Acme!");
    check("{{}}", "nothing");
}

static void a_value_writes_no_header_and_is_not_read_again(void **state)
{
    (void)state;
    check("Subject: {{evil}}\n\nx", "Subject: aBcc: x@example.com{{name}}\n\nx");
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    check_refused("Dear {{nobody}}", ERR_INVALID, "{{nobody}}");
    check_refused("{{number}}", ERR_INVALID, "{{number}}");
    check_refused("Dear {{name", ERR_INVALID, "never closed");
    check_refused("{{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}}", ERR_INVALID, "never closed");
    check_refused("xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", ERR_LIMIT, "too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_replaced),
        cmocka_unit_test(a_value_writes_no_header_and_is_not_read_again),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
