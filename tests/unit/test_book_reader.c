/* The account book, read beside the turns: the one in force can be asked meanwhile, each reading is taken once, and nothing is
 * left behind when the program ends in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "adapters/adapter.h"
#include "bot/book_reader.h"

enum { ASKED = 200, PATIENCE = 60000 };
#define ACCOUNTS "templates/demo/accounts.csv"

static struct book *in_force(void)
{
    struct problems p = {0};
    struct book *b = accounts_file_load(ACCOUNTS, 1000, &p);
    assert_int_equal(p.n, 0);
    return b;
}

static void await(const struct book_reader *r)
{
    const struct timespec a_moment = {.tv_nsec = 1000000};
    for (int i = 0; i < PATIENCE && !atomic_load(&r->done); i++)
        nanosleep(&a_moment, NULL);
    assert_true(atomic_load(&r->done));
}

static void the_one_in_force_is_asked_meanwhile(void **state)
{
    (void)state;
    struct book_reader r = {0};
    struct problems p = {0};
    struct book *old = in_force(), *fresh = NULL;
    assert_false(book_reader_busy(&r));
    assert_false(book_reader_take(&r, &fresh, &p));
    book_reader_read(&r, ACCOUNTS, 7000);
    assert_true(book_reader_busy(&r));
    for (int i = 0; i < ASKED; i++)
        assert_ptr_equal(book_by_key(old, book_at(old, 0)->key), book_at(old, 0));
    await(&r);
    assert_true(book_reader_busy(&r)); /* until it is taken */
    assert_true(book_reader_take(&r, &fresh, &p));
    assert_false(book_reader_busy(&r));
    assert_int_equal(book_count(fresh), book_count(old));
    assert_int_equal(book_as_of_ms(fresh), 7000);
    assert_false(book_reader_take(&r, &fresh, &p));
    book_reader_drop(&r, old);
    for (int i = 0; i < ASKED; i++)
        assert_non_null(book_at(fresh, 0)->name);
    await(&r);
    assert_false(book_reader_busy(&r));
    assert_false(book_reader_take(&r, &old, &p));
    book_reader_end(&r);
    book_free(fresh);
}

static void a_file_that_is_not_there_is_a_problem(void **state)
{
    (void)state;
    struct book_reader r = {0};
    struct problems p = {0};
    struct book *fresh = NULL;
    book_reader_read(&r, "no/such/accounts.csv", 7000);
    await(&r);
    assert_true(book_reader_take(&r, &fresh, &p));
    assert_null(fresh);
    assert_int_equal(p.n, 1);
    assert_non_null(strstr(p.lines[0], "no/such/accounts.csv"));
    problems_free(&p);
    book_reader_read(&r, ACCOUNTS, 8000); /* put back */
    await(&r);
    assert_true(book_reader_take(&r, &fresh, &p));
    assert_int_equal(p.n, 0);
    book_reader_drop(&r, fresh);
    book_reader_drop(&r, NULL);
    book_reader_end(&r);
}

static void it_can_end_at_any_moment(void **state)
{
    (void)state;
    struct book_reader r = {0};
    book_reader_end(&r);
    book_reader_read(&r, ACCOUNTS, 7000);
    book_reader_end(&r);
    book_reader_read(&r, "no/such/accounts.csv", 7000);
    await(&r);
    book_reader_end(&r);
    book_reader_drop(&r, in_force());
    book_reader_end(&r);
    assert_false(book_reader_busy(&r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_in_force_is_asked_meanwhile),
        cmocka_unit_test(a_file_that_is_not_there_is_a_problem),
        cmocka_unit_test(it_can_end_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
