/* The store: a transaction is whole or not there, the first failure sticks, and each way in which a file can be wrong has its
 * own sentence. */
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <signal.h>

#include "tests/unit/bench.h"

static int64_t notes(struct bench *b)
{
    return store_i64(b->store, -1, "SELECT count(*) FROM notes", "");
}

static void note(struct bench *b, const char *text)
{
    store_run(b->store, "INSERT INTO notes (account, person, at_ms, text) VALUES ('a', 'p', 1, ?1)", "t", text);
}

static void the_first_failure_sticks(void **state)
{
    (void)state;
    struct bench b;
    struct err e = {0};
    bench_open(&b);
    store_begin(b.store);
    note(&b, "before");
    assert_int_equal(store_run(b.store, "INSERT INTO notes (account, person, at_ms, text) VALUES (NULL, 'p', 1, 'x')", ""), -1);
    note(&b, "after");
    assert_int_equal(store_i64(b.store, 77, "SELECT 1", ""), 77); /* nothing is read any more */
    assert_false(query_next(store_query(b.store, "SELECT 2", "")));
    assert_int_equal(store_commit(b.store, &e), ERR_IO);
    assert_non_null(strstr(e.text, "NOT NULL"));
    assert_int_equal(notes(&b), 0);
    store_begin(b.store);
    note(&b, "the next one works");
    assert_int_equal(store_commit(b.store, &e), 0);
    assert_int_equal(notes(&b), 1);
    bench_close(&b);
}

static void a_statement_that_cannot_be_prepared_fails_the_turn(void **state)
{
    (void)state;
    struct bench b;
    struct err e = {0};
    bench_open(&b);
    for (int i = 0; i < 2; i++) {
        store_begin(b.store);
        store_run(b.store, "INSERT INTO nowhere VALUES (1)", "");
        assert_int_equal(store_commit(b.store, &e), ERR_IO);
        assert_non_null(strstr(e.text, "nowhere"));
    }
    bench_close(&b);
}

static void the_same_sql_runs_inside_itself(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    store_begin(b.store);
    note(&b, "one");
    note(&b, "two");
    int pairs = 0;
    for (struct query *outer = store_query(b.store, "SELECT id FROM notes", ""); query_next(outer);)
        for (struct query *inner = store_query(b.store, "SELECT id FROM notes", ""); query_next(inner);)
            pairs++;
    bench_commit(&b);
    assert_int_equal(pairs, 4);
    const char *again = "SELECT id FROM notes ORDER BY id";
    pairs = 0;
    for (int i = 0; i < 3; i++) {
        struct query *outer = store_query(b.store, again, "");
        assert_true(query_next(outer));
        struct query *inner = store_query(b.store, again, "");
        assert_true(query_next(inner));
        assert_true(query_next(inner));
        assert_int_equal(query_i64(inner, 0), 2);
        assert_int_equal(query_i64(outer, 0), 1); /* the inner one has not moved the outer one */
        query_end(inner);
        query_end(outer);
    }
    bench_close(&b);
}

static void a_rollback_leaves_nothing_and_no_cursor(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    store_begin(b.store);
    note(&b, "one");
    assert_true(store_wrote(b.store));
    struct query *left = store_query(b.store, "SELECT id FROM notes", "");
    assert_true(query_next(left));
    store_rollback(b.store); /* ends what was being read */
    assert_int_equal(notes(&b), 0);
    store_begin(b.store);
    assert_false(store_wrote(b.store));
    bench_commit(&b);
    bench_close(&b);
}

static void values_come_back_as_they_went(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    store_begin(b.store);
    AUTO_JSON j = json_pack("{s:s}", "k", "v");
    struct span blob = {.p = "a\0b", .n = 3};
    store_run(b.store, "INSERT INTO inbox (source, created_ms, ext_id, type, kind, customer, invoice, received_ms, body) VALUES (?1,?2,?3,'t',0,'','',0,?4)",
              "titb", "s", INT64_MIN, "ö", blob);
    store_run(b.store, "INSERT INTO meta (name, value) VALUES ('j', ?1)", "j", j);
    bench_commit(&b);
    struct query *q = store_query(b.store, "SELECT source, created_ms, ext_id, body FROM inbox", "");
    assert_true(query_next(q));
    assert_string_equal(query_text(q, 0), "s");
    assert_int_equal(query_i64(q, 1), INT64_MIN);
    assert_string_equal(query_text(q, 2), "ö");
    assert_int_equal(query_blob(q, 3).n, 3);
    assert_memory_equal(query_blob(q, 3).p, "a\0b", 3);
    query_end(q);
    q = store_query(b.store, "SELECT value, NULL FROM meta WHERE name = 'j'", "");
    assert_true(query_next(q));
    AUTO_JSON back = query_json(q, 0);
    assert_true(json_equal(back, j));
    assert_null(query_json(q, 1));
    query_end(q);
    bench_close(&b);
}

static void a_commit_is_on_the_disk(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    assert_int_equal(store_i64(b.store, -1, "PRAGMA synchronous", ""), 2); /* FULL */
    struct query *q = store_query(b.store, "PRAGMA journal_mode", "");
    assert_true(query_next(q));
    assert_string_equal(query_text(q, 0), "wal");
    query_end(q);
    bench_close(&b);
}

static void check_refused(const char *url, bool read_only, int code, const char *says)
{
    struct store *s = NULL;
    struct err e = {0};
    int rc = store_open(&s, url, read_only, &e);
    if (rc != code || !strstr(e.text, says))
        fail_msg("%s gave %d \"%s\", not %d \"%s\"", url, rc, e.text, code, says);
    assert_null(s);
    if (rc == 0)
        store_close(s);
}

static void one_engine_a_store(void **state)
{
    (void)state;
    struct bench b;
    struct store *reader;
    bench_open(&b);
    AUTO_STR url = str_fmt("sqlite:%s/bench.db", b.dir);
    check_refused(url, false, ERR_CONFLICT, "another dunwell");
    assert_int_equal(store_open(&reader, url, true, NULL), 0); /* who only reads may */
    store_begin(b.store);
    note(&b, "seen");
    bench_commit(&b);
    assert_int_equal(store_i64(reader, 0, "SELECT count(*) FROM notes", ""), 1);
    store_close(reader);
    bench_stop(&b);
    bench_start(&b); /* the lock goes with its holder */
    bench_close(&b);
}

/* Who compares two tables while another writes sees both of one moment. */
static void a_reader_stands_still(void **state)
{
    (void)state;
    struct bench b;
    struct store *reader;
    bench_open(&b);
    AUTO_STR url = str_fmt("sqlite:%s/bench.db", b.dir);
    assert_int_equal(store_open(&reader, url, true, NULL), 0);
    assert_int_equal(store_stand_still(reader, NULL), 0);
    assert_int_equal(store_i64(reader, -1, "SELECT count(*) FROM notes", ""), 0);
    store_begin(b.store);
    note(&b, "written meanwhile");
    bench_commit(&b);
    assert_int_equal(store_i64(reader, -1, "SELECT count(*) FROM notes", ""), 0);
    store_close(reader);
    assert_int_equal(store_open(&reader, url, true, NULL), 0);
    assert_int_equal(store_i64(reader, -1, "SELECT count(*) FROM notes", ""), 1);
    store_close(reader);
    bench_close(&b);
}

static void what_is_wrong_with_a_file_is_said(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    bench_sql(&b, "PRAGMA user_version = 99");
    bench_stop(&b);
    AUTO_STR url = str_fmt("sqlite:%s/bench.db", b.dir);
    check_refused(url, false, ERR_VERSION, "newer dunwell (store version 99");
    bench_sql(&b, "PRAGMA user_version = 1; PRAGMA application_id = 5;");
    check_refused(url, false, ERR_INVALID, "another program");
    AUTO_STR path = str_fmt("%s/bench.db", b.dir);
    FILE *f = fopen(path, "w");
    fputs("this is a diary, and long enough to be taken for a header of a database file by nobody at all, really not. "
          "this is a diary, and long enough to be taken for a header of a database file by nobody at all.",
          f);
    fclose(f);
    check_refused(url, false, ERR_IO, "not a database");
    check_refused(url, true, ERR_IO, "cannot");
    unlink(path);
    check_refused(url, true, ERR_IO, "cannot open the store");
    check_refused("sqlite:/nowhere/at/all/x.db", false, ERR_IO, "is the folder there");
    check_refused("sqlite:", false, ERR_INVALID, "sqlite:PATH");
    check_refused("postgres://x", false, ERR_INVALID, "sqlite:PATH");
    bench_remove(&b);
}

/* As nobody in particular, in a fork: root may write everywhere. */
static int as_nobody(int (*what)(const char *dir), const char *dir)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(geteuid() == 0 && setuid(65534) != 0 ? 99 : what(dir));
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int opens_not(const char *dir)
{
    struct store *s = NULL;
    struct err e = {0};
    AUTO_STR url = str_fmt("sqlite:%s/bench.db", dir);
    int rc = store_open(&s, url, false, &e);
    store_close(s);
    return rc == ERR_IO && (strstr(e.text, "writable") || strstr(e.text, "cannot write the store")) ? 0 : 1;
}

static int reads(const char *dir)
{
    struct store *s = NULL;
    AUTO_STR url = str_fmt("sqlite:%s/bench.db", dir);
    if (store_open(&s, url, true, NULL) != 0)
        return 1;
    int rc = store_i64(s, -1, "SELECT count(*) FROM notes", "") == 1 ? 0 : 2;
    store_close(s);
    return rc;
}

static void a_place_where_one_may_not_write(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    store_begin(b.store);
    note(&b, "kept");
    bench_commit(&b);
    bench_stop(&b);
    AUTO_STR path = str_fmt("%s/bench.db", b.dir);
    AUTO_STR lock = str_fmt("%s/bench.db.lock", b.dir);
    chmod(path, 0444);
    chmod(b.dir, 0555);
    assert_int_equal(as_nobody(opens_not, b.dir), 0);
    assert_int_equal(as_nobody(reads, b.dir), 0); /* `dunwell journal` on a copy that may only be read */
    unlink(lock);
    assert_int_equal(as_nobody(opens_not, b.dir), 0);
    chmod(b.dir, 0755);
    bench_remove(&b);
}

/* The disk is full: that transaction is not there, the one before is, and with room again everything goes on. */
static int fills_up(const char *dir)
{
    struct store *s = NULL;
    struct err e = {0};
    AUTO_STR url = str_fmt("sqlite:%s/bench.db", dir);
    signal(SIGXFSZ, SIG_IGN);
    if (store_open(&s, url, false, &e) != 0)
        return 10;
    struct rlimit was, small = {.rlim_cur = 1 << 20, .rlim_max = RLIM_INFINITY};
    getrlimit(RLIMIT_FSIZE, &was);
    small.rlim_max = was.rlim_max;
    setrlimit(RLIMIT_FSIZE, &small);
    AUTO_STR large = mem_alloc(64001);
    memset(large, 'x', 64000);
    int committed = 0, rc = 0;
    for (int i = 0; i < 40 && rc == 0; i++) {
        store_begin(s);
        store_run(s, "INSERT INTO notes (account, person, at_ms, text) VALUES ('a', 'p', 1, ?1)", "t", large);
        store_run(s, "INSERT INTO notes (account, person, at_ms, text) VALUES ('a', 'p', 2, ?1)", "t", large);
        rc = store_commit(s, &e);
        committed += rc == 0;
    }
    if (rc != ERR_IO || !committed || !strstr(e.text, "nothing was acknowledged"))
        return fprintf(stderr, "%d after %d: %s\n", rc, committed, e.text), 11;
    if (store_i64(s, -1, "SELECT count(*) FROM notes", "") != 2 * committed)
        return 12;
    setrlimit(RLIMIT_FSIZE, &was);
    store_begin(s);
    store_run(s, "INSERT INTO notes (account, person, at_ms, text) VALUES ('a', 'p', 3, 'room again')", "");
    if (store_commit(s, &e) != 0)
        return fprintf(stderr, "%s\n", e.text), 13;
    store_close(s);
    if (store_open(&s, url, false, &e) != 0)
        return 14;
    int ok = store_i64(s, -1, "SELECT count(*) FROM notes", "") == 2 * committed + 1;
    store_close(s);
    return ok ? 0 : 15;
}

static void a_full_disk(void **state)
{
    (void)state;
    char dir[] = "/tmp/dunwell-bench-XXXXXX";
    assert_non_null(mkdtemp(dir));
    chmod(dir, 0777);
    assert_int_equal(as_nobody(fills_up, dir), 0);
    struct bench b = {0};
    str_copy(b.dir, sizeof b.dir, dir);
    bench_remove(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_failure_sticks),
        cmocka_unit_test(a_statement_that_cannot_be_prepared_fails_the_turn),
        cmocka_unit_test(the_same_sql_runs_inside_itself),
        cmocka_unit_test(a_rollback_leaves_nothing_and_no_cursor),
        cmocka_unit_test(values_come_back_as_they_went),
        cmocka_unit_test(a_commit_is_on_the_disk),
        cmocka_unit_test(one_engine_a_store),
        cmocka_unit_test(a_reader_stands_still),
        cmocka_unit_test(what_is_wrong_with_a_file_is_said),
        cmocka_unit_test(a_place_where_one_may_not_write),
        cmocka_unit_test(a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
