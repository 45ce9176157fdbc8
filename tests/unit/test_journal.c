/* The journal: whatever is done to its rows by another hand, verify finds it and names the first row that does not fit. */
#include "tests/unit/bench.h"

enum { ROWS = 6 };

static const struct actor WHO = {.name = "policy"};

static void write_rows(struct bench *b, int n)
{
    bench_begin(b);
    for (int i = 0; i < n; i++) {
        AUTO_JSON detail = i % 2 ? json_pack("{s:i}", "amount", 100 + i) : NULL;
        AUTO_STR ref = str_fmt("A-%d", i);
        journal_add(&b->e, &WHO, "plan.queued", i + 1, "acme", ref, detail, "Row %d was written", i);
    }
    bench_commit(b);
}

static void check_bad(struct bench *b, int64_t row, const char *doing)
{
    struct journal_report report;
    struct err e = {0};
    if (journal_verify(b->store, &report, &e) != ERR_INVALID || report.first_bad != row)
        fail_msg("%s: row %lld is named, not %lld (%s)", doing, (long long)report.first_bad, (long long)row, e.text);
    assert_non_null(strstr(e.text, "row "));
}

static void a_good_chain_holds(void **state)
{
    (void)state;
    struct bench b;
    struct journal_report report;
    bench_open(&b);
    assert_int_equal(journal_verify(b.store, &report, NULL), 0);
    assert_int_equal(report.rows, 0);
    write_rows(&b, ROWS);
    assert_int_equal(journal_verify(b.store, &report, NULL), 0);
    assert_int_equal(report.rows, ROWS);
    assert_int_equal(strlen(report.head), 64);
    bench_stop(&b);
    bench_start(&b);
    b.now_ms += MS_DAY;
    write_rows(&b, 1); /* goes on where the last process stopped */
    assert_int_equal(journal_verify(b.store, &report, NULL), 0);
    assert_int_equal(report.rows, ROWS + 1);
    bench_close(&b);
}

/* Every column of every row, one byte (or one bit of a number) at a time. */
static void any_change_is_found(void **state)
{
    (void)state;
    static const char *const numbers[] = {"at_ms", "case_id"};
    static const char *const texts[] = {"actor", "verb", "account", "ref", "text", "detail"};
    static const char *const sizes[] = {/* literals: the store keeps statements by their address */
                                        "SELECT coalesce(length(actor), 0) FROM journal WHERE seq = ?1",
                                        "SELECT coalesce(length(verb), 0) FROM journal WHERE seq = ?1",
                                        "SELECT coalesce(length(account), 0) FROM journal WHERE seq = ?1",
                                        "SELECT coalesce(length(ref), 0) FROM journal WHERE seq = ?1",
                                        "SELECT coalesce(length(text), 0) FROM journal WHERE seq = ?1",
                                        "SELECT coalesce(length(detail), 0) FROM journal WHERE seq = ?1"};
    struct bench b;
    bench_open(&b);
    write_rows(&b, ROWS);
    for (int row = 1; row <= ROWS; row++) {
        for (size_t c = 0; c < DW_ARRAY_LEN(numbers); c++) {
            AUTO_STR doing = str_fmt("UPDATE journal SET %s = %s + 1 WHERE seq = %d", numbers[c], numbers[c], row);
            AUTO_STR undo = str_fmt("UPDATE journal SET %s = %s - 1 WHERE seq = %d", numbers[c], numbers[c], row);
            bench_sql(&b, doing);
            check_bad(&b, row, doing);
            bench_sql(&b, undo);
        }
        for (size_t c = 0; c < DW_ARRAY_LEN(texts); c++) {
            int64_t n = store_i64(b.store, -1, sizes[c], "i", (int64_t)row);
            assert_true(n >= 0);
            AUTO_STR save = str_fmt("CREATE TABLE was AS SELECT * FROM journal WHERE seq = %d", row);
            bench_sql(&b, save);
            for (int64_t at = 1; at <= n; at++) {
                AUTO_STR doing = str_fmt("UPDATE journal SET %s = substr(%s, 1, %lld) || '~' || substr(%s, %lld) WHERE seq = %d", texts[c], texts[c],
                                         (long long)at - 1, texts[c], (long long)at + 1, row);
                AUTO_STR undo = str_fmt("UPDATE journal SET %s = (SELECT %s FROM was) WHERE seq = %d", texts[c], texts[c], row);
                bench_sql(&b, doing);
                check_bad(&b, row, doing);
                bench_sql(&b, undo);
            }
            bench_sql(&b, "DROP TABLE was");
        }
        AUTO_STR doing = str_fmt("UPDATE journal SET hash = zeroblob(32) WHERE seq = %d", row);
        AUTO_STR save = str_fmt("CREATE TABLE was AS SELECT hash FROM journal WHERE seq = %d", row);
        AUTO_STR undo = str_fmt("UPDATE journal SET hash = (SELECT hash FROM was) WHERE seq = %d; DROP TABLE was", row);
        bench_sql(&b, save);
        bench_sql(&b, doing);
        check_bad(&b, row, doing);
        bench_sql(&b, undo);
    }
    assert_int_equal(journal_verify(b.store, &(struct journal_report){0}, NULL), 0); /* all was put back */
    bench_close(&b);
}

static void text_may_not_move_between_columns(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    write_rows(&b, ROWS);
    bench_sql(&b, "UPDATE journal SET actor = 'polic', verb = 'yplan.queued' WHERE seq = 3");
    check_bad(&b, 3, "a letter moved to the next column");
    bench_close(&b);
}

static void rows_do_not_go_move_or_come(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        int row;
    } deeds[] = {
        {"DELETE FROM journal WHERE seq = 1", 1},
        {"DELETE FROM journal WHERE seq = 4", 4},
        {"DELETE FROM journal WHERE seq = 4; UPDATE journal SET seq = seq - 1 WHERE seq > 4", 4},
        {"UPDATE journal SET seq = 100 WHERE seq = 2; UPDATE journal SET seq = 2 WHERE seq = 3; UPDATE journal SET seq = 3 WHERE seq = 100", 2},
        {"INSERT INTO journal SELECT 7, at_ms, actor, verb, case_id, account, ref, text, detail, hash FROM journal WHERE seq = 6", 7},
        {"INSERT INTO journal SELECT 7, at_ms, actor, verb, case_id, account, ref, text, detail, randomblob(32) FROM journal WHERE seq = 6", 7},
        {"INSERT INTO journal SELECT 7, at_ms, actor, verb, case_id, account, ref, text, detail, x'00' FROM journal WHERE seq = 6", 7},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(deeds); i++) {
        struct bench b;
        bench_open(&b);
        write_rows(&b, ROWS);
        bench_sql(&b, deeds[i].sql);
        struct journal_report report;
        check_bad(&b, deeds[i].row, deeds[i].sql);
        journal_verify(b.store, &report, NULL);
        if (i < 2)
            assert_non_null(strstr(report.problem, "is missing"));
        bench_close(&b);
    }
}

/* Who knows how rows are hashed can make one that fits those before it; those after it give it away. */
static void a_forged_row_does_not_fit_what_follows(void **state)
{
    (void)state;
    struct bench b, forger;
    bench_open(&b);
    bench_open(&forger);
    write_rows(&b, ROWS);
    write_rows(&forger, 2);
    bench_begin(&forger);
    journal_add(&forger.e, &WHO, "plan.queued", 3, "acme", "A-2", NULL, "Row 2 was never like this");
    bench_commit(&forger);
    assert_int_equal(journal_verify(forger.store, &(struct journal_report){0}, NULL), 0);
    AUTO_STR sql = str_fmt("ATTACH '%s/bench.db' AS f; UPDATE journal SET text = (SELECT text FROM f.journal WHERE seq = 3), hash = (SELECT hash FROM f.journal "
                           "WHERE seq = 3) WHERE seq = 3",
                           forger.dir);
    bench_sql(&b, sql);
    check_bad(&b, 4, "row 3 was forged");
    bench_close(&forger);
    bench_close(&b);
}

static void what_stands_behind_a_nul_is_found(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b);
    write_rows(&b, ROWS);
    bench_begin(&b);
    store_run(b.store, "UPDATE journal SET text = text || char(0) || 'and more' WHERE seq = 3", "");
    bench_commit(&b);
    check_bad(&b, 3, "words behind a NUL");
    bench_close(&b);
}

/* A disk that gives back half of the rows is no journal that holds. */
static void what_cannot_be_read_does_not_hold(void **state)
{
    (void)state;
    struct bench b;
    struct journal_report report;
    struct err e = {0};
    bench_open(&b);
    write_rows(&b, ROWS);
    bench_begin(&b);
    store_run(b.store, "ALTER TABLE journal RENAME TO elsewhere", "");
    bench_commit(&b);
    assert_int_equal(journal_verify(b.store, &report, &e), ERR_IO);
    assert_non_null(strstr(e.text, "the store failed"));
    bench_close(&b);
}

static void a_rolled_back_turn_leaves_no_gap(void **state)
{
    (void)state;
    struct bench b;
    struct journal_report report;
    bench_open(&b);
    write_rows(&b, 2);
    bench_begin(&b);
    journal_add(&b.e, &WHO, "x", 0, "", "", NULL, "never happened");
    store_rollback(b.store);
    engine_forget(&b.e);
    write_rows(&b, 2);
    assert_int_equal(journal_verify(b.store, &report, NULL), 0);
    assert_int_equal(report.rows, 4);
    bench_close(&b);
}

static void foreign_words_are_made_safe(void **state)
{
    (void)state;
    struct bench b;
    struct journal_report report;
    bench_open(&b);
    AUTO_STR large = mem_alloc(20001);
    memset(large, 'x', 20000);
    large[3998] = (char)0xc3; /* half a character at the cut */
    large[3999] = (char)0xb6;
    bench_begin(&b);
    journal_add(&b.e, &WHO, "note", 0, NULL, NULL, NULL, "bell \a, escape \x1b[31m, line\nand %s", "100% <!channel>");
    journal_add(&b.e, &WHO, "note", 0, "acme", "", NULL, "%s", large);
    bench_commit(&b);
    struct query *q = store_query(b.store, "SELECT text FROM journal ORDER BY seq", "");
    assert_true(query_next(q));
    assert_string_equal(query_text(q, 0), "bell  , escape  [31m, line and 100% <!channel>");
    assert_true(query_next(q));
    assert_int_equal(strlen(query_text(q, 0)), 3998);
    query_end(q);
    assert_int_equal(journal_verify(b.store, &report, NULL), 0);
    bench_close(&b);
}

static void seen(void *ctx, const struct entry *row)
{
    buf_addf(ctx, "%lld:%s%s ", (long long)row->seq, row->ref, row->detail ? "+" : "");
}

static void the_last_rows_of_an_account_oldest_first(void **state)
{
    (void)state;
    struct bench b;
    AUTO_BUF out = BUF(1000);
    bench_open(&b);
    write_rows(&b, 4);
    bench_begin(&b);
    journal_add(&b.e, &WHO, "x", 0, "other", "B-1", NULL, "of another");
    bench_commit(&b);
    journal_each(b.store, "acme", 2, seen, &out);
    journal_each(b.store, NULL, 1, seen, &out);
    journal_each(b.store, "", 5, seen, &out);
    assert_string_equal(buf_text(&out), "3:A-2 4:A-3+ 5:B-1 ");
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_chain_holds),
        cmocka_unit_test(any_change_is_found),
        cmocka_unit_test(text_may_not_move_between_columns),
        cmocka_unit_test(rows_do_not_go_move_or_come),
        cmocka_unit_test(a_forged_row_does_not_fit_what_follows),
        cmocka_unit_test(what_stands_behind_a_nul_is_found),
        cmocka_unit_test(what_cannot_be_read_does_not_hold),
        cmocka_unit_test(a_rolled_back_turn_leaves_no_gap),
        cmocka_unit_test(foreign_words_are_made_safe),
        cmocka_unit_test(the_last_rows_of_an_account_oldest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
