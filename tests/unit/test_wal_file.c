/* The log's file: a commit is one write however many pages it changed, what SQLite spills in the middle is read back as it was,
 * and another process sees a commit at once, and nothing before it. Dying and failing at each write: tests/crash/store_walk.c. */
#include "tests/unit/bench.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include "engine/wal_file.h"

enum { PAGES = 20, MANY = 3000, LONG = 4000 };

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int writes;

static ssize_t counting_pwrite(int fd, const void *p, size_t n, off_t at)
{
    writes++;
    return real_pwrite(fd, p, n, at);
}

static void count_writes(const char *name)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    sqlite3_syscall_ptr was = vfs->xGetSystemCall(vfs, name);
    if (!was)
        return; /* this SQLite does without that one */
    memcpy(&real_pwrite, &was, sizeof was);
    assert_int_equal(vfs->xSetSystemCall(vfs, name, (sqlite3_syscall_ptr)counting_pwrite), SQLITE_OK);
}

static void notes_add(struct bench *b, int n, char letter)
{
    AUTO_STR text = mem_alloc(LONG + 1);
    memset(text, letter, LONG);
    for (int i = 0; i < n; i++)
        store_run(b->store, "INSERT INTO notes (account, person, at_ms, text) VALUES ('a', 'p', 1, ?1)", "t", text);
}

static int64_t notes_of(struct store *s, const char *letter)
{
    return store_i64(s, -1, "SELECT count(*) FROM notes WHERE length(text) = 4000 AND replace(text, ?1, '') = ''", "t", letter);
}

static void a_commit_is_one_write(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    count_writes("pwrite");
    count_writes("pwrite64");
    for (int i = 0; i < 3; i++) {
        store_begin(b.store);
        notes_add(&b, PAGES, 'x');
        writes = 0;
        bench_commit(&b);
        assert_int_equal(writes, 1);
    }
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    vfs->xSetSystemCall(vfs, NULL, NULL);
    bench_close(&b);
}

static void more_than_memory_holds(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    store_begin(b.store);
    notes_add(&b, MANY, 'x');
    assert_int_equal(notes_of(b.store, "x"), MANY);
    store_run(b.store, "UPDATE notes SET text = replace(text, 'x', 'y') WHERE id % 2 = 0", "");
    assert_int_equal(notes_of(b.store, "x"), MANY / 2);
    bench_commit(&b);
    assert_int_equal(notes_of(b.store, "y"), MANY / 2);
    store_begin(b.store);
    notes_add(&b, MANY, 'z');
    store_rollback(b.store);
    bench_stop(&b);
    bench_start(&b);
    assert_int_equal(notes_of(b.store, "y"), MANY / 2);
    assert_int_equal(notes_of(b.store, "x"), MANY / 2);
    assert_int_equal(store_i64(b.store, 0, "SELECT count(*) FROM notes", ""), MANY);
    bench_close(&b);
}

static void another_reader_sees_commits_and_nothing_else(void **state)
{
    (void)state;
    struct bench b;
    struct err e = {0};
    struct store *reader = NULL;
    bench_open(&b);
    AUTO_STR url = str_fmt("sqlite:%s/bench.db", b.dir);
    assert_int_equal(store_open(&reader, url, true, &e), 0);
    for (int i = 1; i <= 3; i++) {
        store_begin(b.store);
        notes_add(&b, PAGES, 'x');
        assert_int_equal(notes_of(reader, "x"), (i - 1) * PAGES);
        bench_commit(&b);
        assert_int_equal(notes_of(reader, "x"), i * PAGES);
    }
    store_close(reader);
    bench_close(&b);
}

/* The usual file keeps 17 bits of a length: 128 KiB in one call would be nothing, and look like a full disk. */
static void nothing_is_gathered_that_is_too_long(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    AUTO_STR main_file = str_fmt("%s/other", b.dir); /* whose owner and mode the log's will be */
    AUTO_STR name = str_fmt("%s-wal", main_file);
    AUTO_STR path = mem_alloc(strlen(name) + 2); /* SQLite's names end twice */
    str_copy(path, strlen(name) + 1, name);
    assert_int_equal(close(creat(main_file, 0600)), 0);
    sqlite3_vfs *vfs = sqlite3_vfs_find(wal_file_vfs());
    sqlite3_file *f = mem_alloc((size_t)vfs->szOsFile);
    static const char page[4096] = {'x'};
    sqlite3_int64 size = 0;
    assert_int_equal(vfs->xOpen(vfs, path, f, SQLITE_OPEN_WAL | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), SQLITE_OK);
    for (int i = 0; i < 100; i++)
        assert_int_equal(f->pMethods->xWrite(f, page, sizeof page, i * (int)sizeof page), SQLITE_OK);
    assert_int_equal(f->pMethods->xFileSize(f, &size), SQLITE_OK);
    assert_int_equal(size, 100 * sizeof page);
    assert_int_equal(f->pMethods->xClose(f), SQLITE_OK);
    free(f);
    unlink(path);
    unlink(main_file);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_is_one_write),
        cmocka_unit_test(more_than_memory_holds),
        cmocka_unit_test(another_reader_sees_commits_and_nothing_else),
        cmocka_unit_test(nothing_is_gathered_that_is_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
