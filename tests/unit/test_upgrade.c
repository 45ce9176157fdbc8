/* A store of version 1 (tests/data/store/version-1.sql, made by the schema of that time) becomes one of this version: with its
 * rows, with the same tables and indices as a new one, whole or not at all. */
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/unit/bench.h"

static char dir[64];

static char *path_of(const char *name)
{
    return str_fmt("%s/%s", dir, name);
}

static char *read_all(const char *path)
{
    AUTO_BUF text = BUF(1 << 20);
    char piece[4096];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0;)
        buf_add(&text, piece, n);
    fclose(f);
    return buf_take(&text);
}

static void plain(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void make_old(const char *path)
{
    AUTO_STR sql = read_all("tests/data/store/version-1.sql");
    plain(path, sql);
}

/* "name type notnull pk" of each column and each index, in an order that does not depend on how they came to be. */
static char *shape_of(struct store *s)
{
    AUTO_BUF out = BUF(1 << 20);
    struct query *q = store_query(s,
                                  "SELECT m.name, c.name, c.type, c.\"notnull\", c.pk FROM sqlite_master AS m, "
                                  "pragma_table_info(m.name) AS c WHERE m.type = 'table' ORDER BY m.name, c.name",
                                  "");
    while (query_next(q))
        buf_addf(&out, "%s.%s %s %lld %lld\n", query_text(q, 0), query_text(q, 1), query_text(q, 2), (long long)query_i64(q, 3),
                 (long long)query_i64(q, 4));
    q = store_query(s, "SELECT name, tbl_name, coalesce(sql, '') FROM sqlite_master WHERE type <> 'table' ORDER BY name", "");
    while (query_next(q))
        buf_addf(&out, "%s on %s: %s\n", query_text(q, 0), query_text(q, 1), query_text(q, 2));
    return buf_take(&out);
}

static struct store *opened(const char *path)
{
    struct store *s = NULL;
    struct err e = {0};
    AUTO_STR url = str_fmt("sqlite:%s", path);
    if (store_open(&s, url, false, &e) != 0)
        fail_msg("%s", e.text);
    return s;
}

static int make_dir(void **state)
{
    (void)state;
    str_copy(dir, sizeof dir, "/tmp/dunwell-upgrade-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int drop_dir(void **state)
{
    (void)state;
    static const char *const names[] = {"old.db", "old.db-wal", "old.db-shm", "old.db.lock", "new.db", "new.db-wal", "new.db-shm", "new.db.lock"};
    for (size_t i = 0; i < DW_ARRAY_LEN(names); i++) {
        AUTO_STR path = path_of(names[i]);
        remove(path);
    }
    return rmdir(dir);
}

static void an_upgraded_store_is_like_a_new_one(void **state)
{
    (void)state;
    AUTO_STR old = path_of("old.db");
    AUTO_STR new = path_of("new.db");
    make_old(old);
    struct store *a = opened(old), *b = opened(new);
    AUTO_STR shape_a = shape_of(a);
    AUTO_STR shape_b = shape_of(b);
    assert_string_equal(shape_a, shape_b);
    assert_int_equal(store_i64(a, 0, "PRAGMA user_version", ""), store_i64(b, 0, "PRAGMA user_version", ""));
    assert_true(store_i64(a, 0, "PRAGMA user_version", "") > 1);
    store_close(a);
    store_close(b);
}

static void nothing_is_lost(void **state)
{
    (void)state;
    AUTO_STR old = path_of("old.db");
    make_old(old);
    for (int i = 0; i < 2; i++) { /* the second time there is nothing to do */
        struct store *s = opened(old);
        assert_int_equal(store_i64(s, 0, "SELECT count(*) FROM messages", ""), 2);
        assert_int_equal(store_i64(s, 0, "SELECT revision FROM messages WHERE ref = 'N-1' AND platform = 'slack' AND message = 'D0AE1 1700000000.000100'", ""), 3);
        assert_int_equal(store_i64(s, 0, "SELECT count(*) FROM journal", ""), 1);
        assert_int_equal(store_i64(s, 0, "SELECT count(*) FROM effects WHERE dedupe IN ('card-N-1-1@slack', 'card-N-1-r3@slack', 'card-A-2-1', 'reply-N-1-closed', 'P-1')", ""), 5);
        store_close(s);
    }
}

/* Somebody's own table of a name that we need is in the way: nothing has changed afterwards. */
static void an_upgrade_that_fails_changes_nothing(void **state)
{
    (void)state;
    struct store *s = NULL;
    struct err e = {0};
    AUTO_STR old = path_of("old.db");
    AUTO_STR url = str_fmt("sqlite:%s", old);
    make_old(old);
    plain(old, "CREATE TABLE reactions (mine TEXT)");
    assert_int_equal(store_open(&s, url, false, &e), ERR_IO);
    assert_non_null(strstr(e.text, "reactions"));
    plain(old, "DROP TABLE reactions");
    s = opened(old);
    assert_int_equal(store_i64(s, 0, "SELECT count(*) FROM messages", ""), 2);
    store_close(s);
}

static void only_its_owner_reads_it(void **state)
{
    (void)state;
    struct stat st;
    AUTO_STR new = path_of("new.db");
    mode_t before = umask(0);
    for (int i = 0; i < 2; i++) { /* made, and found with a mode that is too wide */
        store_close(opened(new));
        assert_int_equal(stat(new, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(chmod(new, 0644), 0);
    }
    umask(before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_upgraded_store_is_like_a_new_one, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(nothing_is_lost, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(an_upgrade_that_fails_changes_nothing, make_dir, drop_dir),
        cmocka_unit_test_setup_teardown(only_its_owner_reads_it, make_dir, drop_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
