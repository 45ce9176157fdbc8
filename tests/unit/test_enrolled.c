/* Who is enrolled: the file of secrets, and every way in which it can be wrong. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "engine/enrolled.h"

static char dir[64], path[96];

static int setup(void **state)
{
    (void)state;
    str_copy(dir, sizeof dir, "/tmp/dunwell-enrolled-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/x.codes", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    assert_int_equal(rmdir(dir), 0); /* nothing else was left behind */
    return 0;
}

static struct enrolment person(const char *key, char fill)
{
    struct enrolment row = {.at_ms = 1798000000000};
    str_copy(row.person, sizeof row.person, key);
    memset(row.secret, fill, sizeof row.secret);
    return row;
}

static struct enrolled *load(void)
{
    struct problems p = {0};
    struct enrolled *all = enrolled_load(path, &p);
    for (size_t i = 0; i < p.n; i++)
        fail_msg("%s", p.lines[i]);
    problems_free(&p);
    return all;
}

static void added_and_removed(void **state)
{
    (void)state;
    struct err e = {0};
    struct stat st;
    struct enrolled *all = load();
    assert_int_equal(enrolled_count(all), 0);
    enrolled_free(all);
    for (char i = 0; i < 20; i++) {
        char key[8];
        snprintf(key, sizeof key, "p%d", i);
        struct enrolment row = person(key, i);
        assert_int_equal(enrolled_add(path, &row, &e), 0);
    }
    struct enrolment again = person("p7", 'x');
    assert_int_equal(enrolled_add(path, &again, &e), ERR_CONFLICT);
    assert_non_null(strstr(e.text, "revoke p7"));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(enrolled_remove(path, "p3", &e), 0);
    assert_int_equal(enrolled_remove(path, "p3", &e), ERR_NOT_FOUND);
    all = load();
    assert_int_equal(enrolled_count(all), 19);
    assert_null(enrolled_of(all, "p3"));
    assert_null(enrolled_of(all, "nobody"));
    assert_null(enrolled_at(all, 19));
    assert_int_equal(enrolled_of(all, "p7")->secret[19], 7);
    assert_int_equal(enrolled_of(all, "p19")->at_ms, 1798000000000);
    enrolled_free(all);
    assert_null(enrolled_of(NULL, "p7"));
}

static void refused(const char *text, mode_t mode, const char *words)
{
    struct problems p = {0};
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    assert_null(enrolled_load(path, &p));
    assert_int_equal(p.n, 1);
    if (!strstr(p.lines[0], words))
        fail_msg("%s", p.lines[0]);
    assert_null(strstr(p.lines[0], "AAAA")); /* never the line itself */
    struct enrolment row = person("new", 1);
    struct err e = {0};
    assert_int_equal(enrolled_add(path, &row, &e), ERR_INVALID); /* what is broken is not written over */
    problems_free(&p);
}

#define SECRET "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void what_is_wrong_is_named_by_its_line(void **state)
{
    (void)state;
    refused("a " SECRET " 5\n", 0640, "other users");
    refused("a " SECRET " 5\n", 0604, "other users");
    refused("a " SECRET " 5\nb " SECRET "\n", 0600, ":2: ");
    refused("a " SECRET " 5\na " SECRET " 5\n", 0600, ":2: ");
    refused("a AAAA 5\n", 0600, ":1: ");
    refused("a AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA1 5\n", 0600, ":1: ");
    refused("a " SECRET " 0\n", 0600, ":1: ");
    refused("a " SECRET " 5 x\n", 0600, ":1: ");
    refused("#\n\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa " SECRET " 5\n", 0600, ":3: ");
}

static void a_folder_that_is_not_there(void **state)
{
    (void)state;
    struct enrolment row = person("a", 1);
    struct err e = {0};
    assert_int_equal(enrolled_add("/tmp/dunwell-no-such-folder/x", &row, &e), ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(added_and_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_named_by_its_line, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_is_not_there, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
