/* The store: one SQLite connection, prepared statements kept by the address of their SQL, one transaction a turn.
 *
 * WAL and synchronous=FULL: a commit that returned is on the disk. The first error of a transaction sticks, so a turn runs
 * straight through and learns at its commit that nothing counts; reads after an error give no rows, which is harmless
 * because nothing built on them is ever revealed. A store of an older version is brought up to date when it is opened for
 * writing, whole or not at all. A lock file keeps a second process away: two engines on one store would
 * both be right alone and wrong together. */
#include "engine/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/buf.h"
#include "engine/wal_file.h"
#include "schema.h"

enum { SCHEMA_VERSION = 2, APPLICATION_ID = 0x44574e4c, CACHE_SIZE = 512 };

struct query {
    struct store *store;
    sqlite3_stmt *stmt;
    const char *sql;
    bool busy, temporary;
};

struct store {
    sqlite3 *db;
    int lock_fd;
    bool in_tx, failed;
    int64_t changes_at_begin;
    struct err failure;
    struct query cache[CACHE_SIZE];
};

static void store_fail(struct store *s, const char *doing)
{
    if (s->failed)
        return;
    s->failed = true;
    int rc = sqlite3_extended_errcode(s->db);
    const char *hint = (rc & 0xff) == SQLITE_FULL       ? " (free space on the disk; nothing was acknowledged)"
                       : rc == SQLITE_IOERR_WRITE       ? " (is the disk full, or a quota reached? nothing was acknowledged)"
                       : (rc & 0xff) == SQLITE_READONLY ? " (the store or its folder is read-only)"
                                                        : "";
    err_set(&s->failure, ERR_IO, "the store failed (%s): %s%s", doing, sqlite3_errmsg(s->db), hint);
}

static int exec_plain(struct store *s, const char *sql, struct err *e)
{
    if (sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    return err_set(e, ERR_IO, "the store refuses: %s", sqlite3_errmsg(s->db));
}

static int64_t pragma_i64(struct store *s, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t value = -1;
    if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

static int lock_take(struct store *s, const char *path, struct err *e)
{
    AUTO_STR lock = str_fmt("%s.lock", path);
    s->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0)
        return err_set(e, ERR_IO, "cannot write beside the store %s: %s; is the folder there and writable?", path,
                       strerror(errno));
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(e, ERR_CONFLICT, "another dunwell is running on the store %s; stop it first", path);
    return 0;
}

/* All of it or nothing: a new store, or one of an older version brought to this one. */
static int schema_make(struct store *s, const char *sql, struct err *e)
{
    AUTO_STR stamp = str_fmt("PRAGMA application_id=%d; PRAGMA user_version=%d;", APPLICATION_ID, SCHEMA_VERSION);
    if (exec_plain(s, "BEGIN IMMEDIATE", e) != 0)
        return ERR_IO;
    if (exec_plain(s, sql, e) != 0 || exec_plain(s, stamp, e) != 0 || exec_plain(s, "COMMIT", e) != 0) {
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
        return ERR_IO;
    }
    return 0;
}

/* Is this our file, and of a version we know? Nothing may be changed before that is known. *empty: it holds nothing yet. */
static int schema_check(struct store *s, const char *path, bool *empty, struct err *e)
{
    int64_t tables = pragma_i64(s, "SELECT count(*) FROM sqlite_master");
    if (tables < 0)
        return err_set(e, ERR_IO, "%s cannot be read as a store: %s", path, sqlite3_errmsg(s->db));
    *empty = tables == 0;
    if (tables == 0)
        return 0;
    if (pragma_i64(s, "PRAGMA application_id") != APPLICATION_ID)
        return err_set(e, ERR_INVALID, "%s is a database of another program; choose another file for `store`", path);
    int64_t version = pragma_i64(s, "PRAGMA user_version");
    if (version > SCHEMA_VERSION)
        return err_set(e, ERR_VERSION, "%s was written by a newer dunwell (store version %lld, this program knows %d); install that one",
                       path, (long long)version, SCHEMA_VERSION);
    return 0;
}

static int make_ready(struct store *s, const char *path, bool empty, struct err *e)
{
    if (exec_plain(s, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA wal_autocheckpoint=1000;", e) != 0)
        return err_set(e, ERR_IO, "%s cannot be used as a store: %s", path, sqlite3_errmsg(s->db));
    if (empty)
        return schema_make(s, SCHEMA_SQL, e);
    return pragma_i64(s, "PRAGMA user_version") < SCHEMA_VERSION ? schema_make(s, UPGRADE_SQL, e) : 0;
}

static int open_reading(struct store *s, const char *path, struct err *e)
{
    if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
        pragma_i64(s, "SELECT count(*) FROM sqlite_master") >= 0)
        return 0;
    sqlite3_close(s->db); /* a WAL file in a folder we may not write to: nobody else can be writing either */
    AUTO_BUF uri = BUF(8192);
    buf_adds(&uri, "file:");
    for (const char *c = path; *c; c++)
        strchr("?#%", *c) ? buf_addf(&uri, "%%%02x", (unsigned char)*c) : buf_addc(&uri, *c);
    buf_adds(&uri, "?immutable=1");
    if (sqlite3_open_v2(buf_text(&uri), &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL) == SQLITE_OK)
        return 0;
    return err_set(e, ERR_IO, "cannot open the store %s: %s", path, sqlite3_errmsg(s->db));
}

static int open_writing(struct store *s, const char *path, struct err *e)
{
    if (lock_take(s, path, e) != 0)
        return e ? e->code : ERR_IO;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* only the owner reads it: it holds customers' data and tokens */
    if (fd < 0)
        return err_set(e, ERR_IO, "cannot write the store %s: %s", path, strerror(errno));
    struct stat st;
    if (fstat(fd, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        (void)!fchmod(fd, st.st_mode & (mode_t)~(S_IRWXG | S_IRWXO)); /* not ours: then its owner decides */
    close(fd);
    /* One thread owns the store (store.h), so the connection needs no lock of its own. */
    if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, wal_file_vfs()) != SQLITE_OK)
        return err_set(e, ERR_IO, "cannot open the store %s: %s", path, sqlite3_errmsg(s->db));
    sqlite3_busy_timeout(s->db, 2000); /* a reader that is just recovering the WAL */
    return 0;
}

int store_open(struct store **out, const char *url, bool read_only, struct err *e)
{
    if (!url || strncmp(url, "sqlite:", 7) != 0 || !url[7])
        return err_set(e, ERR_INVALID, "store: write sqlite:PATH");
    const char *path = url + 7;
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); /* nobody reads the count, and it would lock at each allocation; refused, and
                                                   harmless, when a store was open before */
    struct store *s = mem_alloc(sizeof *s);
    s->lock_fd = -1;
    struct err local;
    struct err *why = e ? e : &local;
    int rc = read_only ? open_reading(s, path, why) : open_writing(s, path, why);
    bool empty = false;
    if (rc == 0)
        rc = schema_check(s, path, &empty, why);
    if (rc == 0 && read_only && empty)
        rc = err_set(why, ERR_INVALID, "%s is empty: no dunwell has run on it yet", path);
    if (rc == 0 && !read_only)
        rc = make_ready(s, path, empty, why);
    if (rc != 0) {
        store_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    if (s->in_tx)
        store_rollback(s);
    for (size_t i = 0; i < CACHE_SIZE; i++)
        sqlite3_finalize(s->cache[i].stmt);
    if (s->db && s->lock_fd >= 0)
        sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_close(s->db);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s);
}

int store_stand_still(struct store *s, struct err *e)
{
    return exec_plain(s, "BEGIN", e);
}

void store_begin(struct store *s)
{
    assert(!s->in_tx);
    s->in_tx = true;
    s->failed = false;
    s->changes_at_begin = sqlite3_total_changes64(s->db);
    if (store_run(s, "BEGIN IMMEDIATE", "") < 0)
        store_fail(s, "begin");
}

int store_commit(struct store *s, struct err *e)
{
    assert(s->in_tx);
    if (!s->failed) {
        DW_KILLPOINT("store.commit.before");
        store_run(s, "COMMIT", "");
        DW_KILLPOINT("store.commit.after");
    }
    if (s->failed) {
        struct err failure = s->failure;
        store_rollback(s);
        return err_set(e, failure.code, "%s", failure.text);
    }
    s->in_tx = false;
    return 0;
}

void store_rollback(struct store *s)
{
    for (size_t i = 0; i < CACHE_SIZE; i++)
        if (s->cache[i].busy)
            query_end(&s->cache[i]);
    if (!sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->in_tx = s->failed = false;
}

int store_failed(const struct store *s, struct err *e)
{
    return s->failed ? err_set(e, s->failure.code, "%s", s->failure.text) : 0;
}

bool store_wrote(const struct store *s)
{
    return sqlite3_total_changes64(s->db) != s->changes_at_begin;
}

/* The cached statement for a literal, or a throw-away one when that is in use. NULL after an error. */
static struct query *statement(struct store *s, const char *sql)
{
    if (s->failed)
        return NULL;
    size_t at = ((uintptr_t)sql >> 3) % CACHE_SIZE, seen = 0;
    while (s->cache[at].sql && s->cache[at].sql != sql) {
        at = (at + 1) % CACHE_SIZE;
        seen++;
        assert(seen < CACHE_SIZE); /* more statements than the program has: some sql was not a literal */
    }
    struct query *q = &s->cache[at];
    if (q->sql && q->busy) {
        q = mem_alloc(sizeof *q);
        q->temporary = true;
    }
    if (!q->stmt) {
        if (sqlite3_prepare_v3(s->db, sql, -1, q->temporary ? 0 : SQLITE_PREPARE_PERSISTENT, &q->stmt, NULL) != SQLITE_OK) {
            store_fail(s, sql);
            if (q->temporary)
                free(q);
            return NULL;
        }
        q->store = s;
        q->sql = sql;
    }
    q->busy = true;
    return q;
}

/* Blobs stay the caller's until the statement is reset; JSON is made here. `text_is`: SQLITE_STATIC when the caller's texts
 * surely outlive the statement, because it is run and reset before the call returns; else SQLITE_TRANSIENT. */
static void bind_all(struct query *q, sqlite3_destructor_type text_is, const char *types, va_list args)
{
    int at = 0;
    for (const char *t = types; *t; t++) {
        at++;
        switch (*t) {
        case 'i':
            sqlite3_bind_int64(q->stmt, at, va_arg(args, int64_t));
            break;
        case 't': {
            const char *text = va_arg(args, const char *);
            sqlite3_bind_text(q->stmt, at, text, -1, text_is);
            break;
        }
        case 'b': {
            struct span b = va_arg(args, struct span);
            sqlite3_bind_blob64(q->stmt, at, b.p ? b.p : "", b.n, SQLITE_STATIC);
            break;
        }
        case 'j': {
            const json_t *j = va_arg(args, const json_t *);
            sqlite3_bind_text(q->stmt, at, j ? json_text(j) : NULL, -1, free);
            break;
        }
        default:
            assert(false && "a parameter type that store.h does not know");
        }
    }
    assert(at == sqlite3_bind_parameter_count(q->stmt));
}

int64_t store_run(struct store *s, const char *sql, const char *types, ...)
{
    struct query *q = statement(s, sql);
    if (!q)
        return -1;
    va_list args;
    va_start(args, types);
    bind_all(q, SQLITE_STATIC, types, args);
    va_end(args);
    int rc = sqlite3_step(q->stmt);
    int64_t changed = sqlite3_changes64(s->db);
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        store_fail(s, sql);
    query_end(q);
    return s->failed ? -1 : changed;
}

int64_t store_last_id(struct store *s)
{
    return sqlite3_last_insert_rowid(s->db);
}

struct query *store_query(struct store *s, const char *sql, const char *types, ...)
{
    struct query *q = statement(s, sql);
    if (!q)
        return NULL;
    va_list args;
    va_start(args, types);
    bind_all(q, SQLITE_TRANSIENT, types, args);
    va_end(args);
    return q;
}

bool query_next(struct query *q)
{
    if (!q)
        return false;
    int rc = sqlite3_step(q->stmt);
    if (rc == SQLITE_ROW)
        return true;
    if (rc != SQLITE_DONE)
        store_fail(q->store, q->sql);
    query_end(q);
    return false;
}

void query_end(struct query *q)
{
    if (!q)
        return;
    if (q->temporary) {
        sqlite3_finalize(q->stmt);
        free(q);
        return;
    }
    sqlite3_reset(q->stmt);
    sqlite3_clear_bindings(q->stmt);
    q->busy = false;
}

int64_t query_i64(struct query *q, int column)
{
    return sqlite3_column_int64(q->stmt, column);
}

const char *query_text(struct query *q, int column)
{
    return (const char *)sqlite3_column_text(q->stmt, column);
}

struct span query_blob(struct query *q, int column)
{
    const char *p = sqlite3_column_blob(q->stmt, column);
    return (struct span){.p = p, .n = (size_t)sqlite3_column_bytes(q->stmt, column)};
}

json_t *query_json(struct query *q, int column)
{
    const char *text = query_text(q, column);
    if (!text)
        return NULL;
    json_t *quick = json_quick((struct span){text, (size_t)sqlite3_column_bytes(q->stmt, column)});
    return quick ? quick : json_loads(text, JSON_DECODE_ANY, NULL);
}

int64_t store_i64(struct store *s, int64_t otherwise, const char *sql, const char *types, ...)
{
    struct query *q = statement(s, sql);
    if (!q)
        return otherwise;
    va_list args;
    va_start(args, types);
    bind_all(q, SQLITE_STATIC, types, args);
    va_end(args);
    if (!query_next(q))
        return otherwise;
    int64_t value = query_i64(q, 0);
    query_end(q);
    return value;
}
