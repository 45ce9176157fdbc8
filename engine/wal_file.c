/* The write-ahead log's file, with one write a commit.
 *
 * SQLite writes each changed page to its log in two calls, 24 bytes of head and the page: a note of six pages is twelve calls, a
 * group of webhooks a hundred, and each costs more than the bytes it carries. So between SQLite and its usual files stands
 * this: writes to the log that follow on each other are gathered, and are written in one call when they no longer follow on,
 * when there are too many, or when SQLite wants to sync, read, measure or cut the file. Every other file is the usual one's own.
 *
 * What is promised is what was: nothing counts before the sync that ends a commit (synchronous=FULL), and that sync first
 * writes what is gathered; if the write fails, the sync fails, and SQLite takes the transaction back. Other processes look
 * at the log only as far as the shared index says, which is moved on after the sync. A process that dies before it loses bytes
 * that nobody was told of.
 *
 * And what was refused stays refused. When a sync fails, SQLite takes the transaction back, but its frames lie whole in the
 * kernel's copy of the log until the next commit writes over them, and a process killed before that would find them at its
 * next start and take them for a commit: an approval of which its manager was told that nothing was done. So the head of the
 * first of them is wiped out at once; no recovery reads past it. */
#include "engine/wal_file.h"

#include <sqlite3.h>
#include <string.h>

#include "engine/base.h"

enum {
    GATHER_MOST = 124 << 10, /* the usual file takes less than 128 KiB at once: of a length it keeps 17 bits */
    FRAME_HEAD = 24, /* sqlite.org/fileformat2.html#walformat */
    ALL_SYNCED = -1,
};

struct wal_file { /* what SQLite takes for its own; the usual file lies behind it */
    sqlite3_file base;
    char *bytes; /* NULL until the first write */
    int n;
    sqlite3_int64 at; /* where the first of them belongs */
    sqlite3_int64 unsynced; /* the lowest place written to since the last sync, or ALL_SYNCED; one process writes (store.c) */
    sqlite3_int64 usual[]; /* for its alignment */
};

static sqlite3_file *usual_of(struct wal_file *w)
{
    void *p = w->usual;
    return p;
}

static struct wal_file *wal_of(sqlite3_file *f)
{
    void *p = f;
    return p;
}

/* What failed is dropped: SQLite takes the transaction back and writes these places anew. */
static int flush(struct wal_file *w)
{
    int n = w->n;
    w->n = 0;
    sqlite3_file *f = usual_of(w);
    return n ? f->pMethods->xWrite(f, w->bytes, n, w->at) : SQLITE_OK;
}

static int wal_close(sqlite3_file *f)
{
    struct wal_file *w = wal_of(f);
    int flushed = flush(w), rc = usual_of(w)->pMethods->xClose(usual_of(w));
    free(w->bytes);
    w->bytes = NULL;
    return rc == SQLITE_OK ? flushed : rc;
}

static int wal_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    int rc = flush(wal_of(f));
    sqlite3_file *u = usual_of(wal_of(f));
    return rc == SQLITE_OK ? u->pMethods->xRead(u, to, n, at) : rc;
}

static int wal_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    struct wal_file *w = wal_of(f);
    int rc = w->n && (at != w->at + w->n || n > GATHER_MOST - w->n) ? flush(w) : SQLITE_OK;
    if (rc != SQLITE_OK)
        return rc;
    if (w->unsynced == ALL_SYNCED || at < w->unsynced)
        w->unsynced = at;
    if (n > GATHER_MOST)
        return usual_of(w)->pMethods->xWrite(usual_of(w), p, n, at);
    if (!w->bytes)
        w->bytes = mem_alloc(GATHER_MOST);
    if (w->n == 0)
        w->at = at;
    memcpy(w->bytes + w->n, p, (size_t)n);
    w->n += n;
    return SQLITE_OK;
}

static int wal_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int rc = flush(wal_of(f));
    sqlite3_file *u = usual_of(wal_of(f));
    return rc == SQLITE_OK ? u->pMethods->xTruncate(u, size) : rc;
}

/* As far as the disk lets us: what can be neither synced nor written over is in nobody's hand. */
static void wipe_unsynced(struct wal_file *w, int how)
{
    static const char nothing[FRAME_HEAD];
    sqlite3_file *u = usual_of(w);
    if (w->unsynced != ALL_SYNCED && u->pMethods->xWrite(u, nothing, FRAME_HEAD, w->unsynced) == SQLITE_OK)
        u->pMethods->xSync(u, how);
}

static int wal_sync(sqlite3_file *f, int how)
{
    struct wal_file *w = wal_of(f);
    sqlite3_file *u = usual_of(w);
    int rc = flush(w);
    if (rc == SQLITE_OK)
        rc = u->pMethods->xSync(u, how);
    if (rc != SQLITE_OK)
        wipe_unsynced(w, how);
    w->unsynced = ALL_SYNCED;
    return rc;
}

static int wal_size(sqlite3_file *f, sqlite3_int64 *size)
{
    int rc = flush(wal_of(f));
    sqlite3_file *u = usual_of(wal_of(f));
    return rc == SQLITE_OK ? u->pMethods->xFileSize(u, size) : rc;
}

static int wal_lock(sqlite3_file *f, int how)
{
    sqlite3_file *u = usual_of(wal_of(f));
    return u->pMethods->xLock(u, how);
}

static int wal_unlock(sqlite3_file *f, int how)
{
    sqlite3_file *u = usual_of(wal_of(f));
    return u->pMethods->xUnlock(u, how);
}

static int wal_check_lock(sqlite3_file *f, int *is)
{
    sqlite3_file *u = usual_of(wal_of(f));
    return u->pMethods->xCheckReservedLock(u, is);
}

static int wal_control(sqlite3_file *f, int what, void *with)
{
    sqlite3_file *u = usual_of(wal_of(f));
    return u->pMethods->xFileControl(u, what, with);
}

static int wal_sector(sqlite3_file *f)
{
    sqlite3_file *u = usual_of(wal_of(f));
    return u->pMethods->xSectorSize(u);
}

static int wal_device(sqlite3_file *f)
{
    sqlite3_file *u = usual_of(wal_of(f));
    return u->pMethods->xDeviceCharacteristics(u);
}

static const sqlite3_io_methods methods = {
    .iVersion = 1, /* shared memory belongs to the main file */
    .xClose = wal_close,
    .xRead = wal_read,
    .xWrite = wal_write,
    .xTruncate = wal_truncate,
    .xSync = wal_sync,
    .xFileSize = wal_size,
    .xLock = wal_lock,
    .xUnlock = wal_unlock,
    .xCheckReservedLock = wal_check_lock,
    .xFileControl = wal_control,
    .xSectorSize = wal_sector,
    .xDeviceCharacteristics = wal_device,
};

static sqlite3_vfs *below; /* the usual one */

static int file_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *got)
{
    (void)vfs;
    if (!(flags & SQLITE_OPEN_WAL))
        return below->xOpen(below, name, f, flags, got);
    struct wal_file *w = wal_of(f);
    memset(w, 0, sizeof *w);
    w->unsynced = ALL_SYNCED;
    int rc = below->xOpen(below, name, usual_of(w), flags, got);
    if (rc == SQLITE_OK)
        w->base.pMethods = &methods;
    else if (usual_of(w)->pMethods) /* SQLite would close it, and does not see it */
        usual_of(w)->pMethods->xClose(usual_of(w));
    return rc;
}

const char *wal_file_vfs(void)
{
    static sqlite3_vfs ours;
    static const char name[] = "dunwell";
    if (sqlite3_vfs_find(name))
        return name;
    below = sqlite3_vfs_find(NULL);
    if (!below)
        return NULL;
    ours = *below; /* names, locks, time, randomness: all as usual */
    ours.zName = name;
    ours.pNext = NULL;
    ours.xOpen = file_open;
    ours.szOsFile += (int)sizeof(struct wal_file);
    return sqlite3_vfs_register(&ours, 0) == SQLITE_OK ? name : NULL;
}
