/* The README's table of what each billing system does is the one that `dunwell drivers` prints. And the table itself: each system has a
 * word for each operation that the engine asks for, and a sentence for people behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "adapters/adapter.h"
#include "bot/cmdline.h"

static void the_readme_has_it(void **state)
{
    (void)state;
    enum { README_MAX = 256 << 10 };
    AUTO_STR readme = mem_alloc(README_MAX);
    AUTO_BUF table = BUF(16 << 10);
    FILE *f = fopen("README.md", "r");
    assert_non_null(f);
    size_t n = fread(readme, 1, README_MAX - 1, f);
    fclose(f);
    readme[n] = '\0';
    drivers_print_table(&table);
    if (!strstr(readme, buf_text(&table)))
        fail_msg("put this into README.md, as `dunwell drivers` prints it:\n%s", buf_text(&table));
}

static void each_system_has_a_word_for_each_operation(void **state)
{
    (void)state;
    static const char *const wanted[] = {"read", "hold", "release", "plan", "collect", "link", "credit", "write_off", "defer", "note", "catch_up", "overdue"};
    static const char *const hows[] = {"native", "emulated", "manual", "none"};
    for (const struct driver *const *d = drivers_all; *d; d++)
        for (size_t i = 0; (*d)->kind == DRIVER_BILLING && !(*d)->serve && i < DW_ARRAY_LEN(wanted); i++) {
            const struct capability *c = (*d)->capabilities;
            while (c->op && !str_eq(c->op, wanted[i]))
                c++;
            if (!c->op)
                fail_msg("%s says nothing about %s", (*d)->name, wanted[i]);
            size_t how = 0;
            while (how < DW_ARRAY_LEN(hows) && !str_eq(hows[how], c->how))
                how++;
            assert_true(how < DW_ARRAY_LEN(hows));
            assert_true(c->note && strlen(c->note) > 20 && c->note[strlen(c->note) - 1] == '.');
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_readme_has_it), cmocka_unit_test(each_system_has_a_word_for_each_operation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
