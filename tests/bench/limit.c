/* The limit of the machine: a bare loop of grouped INSERTs, durable, with rows like our inbox's. limit DB ROWS_A_COMMIT SECONDS */
#include <sqlite3.h>
#include <unistd.h>

#include "measure.h"

enum { BODY = 1500 };

static sqlite3 *db;

static void fail(const char *doing)
{
    fprintf(stderr, "limit: %s: %s\n", doing, sqlite3_errmsg(db));
    exit(1);
}

static void run(const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail(sql);
}

static void open_fresh(const char *path)
{
    char other[4096];
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        snprintf(other, sizeof other, "%s%s", path, ends[i]);
        unlink(other);
    }
    if (sqlite3_open(path, &db) != SQLITE_OK)
        fail(path);
    run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "CREATE TABLE e (seq INTEGER PRIMARY KEY, created INTEGER NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, body BLOB NOT NULL);"
        "CREATE UNIQUE INDEX e_once ON e (created, id);");
}

static void insert(sqlite3_stmt *s, uint64_t n, const char *body)
{
    char id[40];
    snprintf(id, sizeof id, "evt_%016llx", (unsigned long long)scatter(n));
    sqlite3_bind_int64(s, 1, (sqlite3_int64)(1700000000 + n / 2000));
    sqlite3_bind_text(s, 2, id, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 3, "invoice.payment_failed", -1, SQLITE_STATIC);
    sqlite3_bind_blob(s, 4, body, BODY, SQLITE_STATIC);
    if (sqlite3_step(s) != SQLITE_DONE)
        fail("insert");
    sqlite3_reset(s);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return 2;
    unsigned long group = strtoul(argv[2], NULL, 10);
    int64_t seconds = strtol(argv[3], NULL, 10);
    static char body[BODY];
    memset(body, 'x', sizeof body);
    open_fresh(argv[1]);
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(db, "INSERT INTO e (created, id, type, body) VALUES (?,?,?,?)", -1, &s, NULL) != SQLITE_OK)
        fail("prepare");
    struct samples took = {0};
    uint64_t n = 0;
    int64_t began = clock_us(), now = began;
    while (now - began < seconds * 1000000) {
        int64_t at = now;
        run("BEGIN IMMEDIATE");
        for (unsigned long i = 0; i < group; i++)
            insert(s, n++, body);
        run("COMMIT");
        now = clock_us();
        samples_add(&took, now - at);
    }
    double rate = (double)n * 1e6 / (double)(now - began);
    printf("rate=%.0f p50_us=%u p99_us=%u\n", rate, samples_at(&took, 50), samples_at(&took, 99));
    sqlite3_finalize(s);
    sqlite3_close(db);
    return 0;
}
