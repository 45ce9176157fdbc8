/* The kill-point walk at the level of system calls: every write, sync and truncation that SQLite does for a handful of turns
 * is a point to die at, before it, in its middle (a torn write), or to be told that the disk is broken or full; each sync is
 * also one to fail at and die after, with what was refused still in the kernel's hands.
 *
 * A child runs the turns and says on a pipe which of them were acknowledged; the parent opens what is left of the store.
 * What must hold at each point: every acknowledged turn is there whole, each other is there whole or not at all, the journal
 * verifies, and the store goes on. After an error that the child survived, nothing was acknowledged that is not there; and
 * what was refused just before a death is not there. */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/inbox.h"
#include "engine/journal.h"

enum { TURNS = 5, ROWS_A_TURN = 3, POINTS_LEAST = 200, FAULTS_IN_A_ROW = 3 };
enum mode { DIE_BEFORE, DIE_TORN, SAY_EIO, SAY_FULL, REFUSE_AND_DIE, MODES };
static const char *const mode_names[] = {"death before the call", "death in the middle of it", "EIO", "ENOSPC", "a failed sync, then death"};

/* ---- the system calls, wrapped ---- */

static enum mode mode;
static int countdown, faults_left;
static bool counting, faulted;

static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);

/* True when the call is to fail; does not return when the process is to die. */
static bool point(int fd, const void *p, size_t n, off_t at)
{
    if (!counting || (mode == REFUSE_AND_DIE && p))
        return false;
    if (countdown > 1) {
        countdown--;
        return false;
    }
    if (faults_left <= 0)
        return false;
    if (mode == DIE_TORN && n > 1 && real_pwrite(fd, p, n / 2, at) < 0)
        _exit(98);
    if (mode == DIE_BEFORE || mode == DIE_TORN)
        _exit(137);
    faults_left--;
    faulted = true;
    errno = mode == SAY_FULL ? ENOSPC : EIO;
    return true;
}

static ssize_t walk_pwrite(int fd, const void *p, size_t n, off_t at)
{
    return point(fd, p, n, at) ? -1 : real_pwrite(fd, p, n, at);
}

/* SQLite has no slot for this one: it calls it by name, and the linker gives it ours. */
int fdatasync(int fd)
{
    return point(fd, NULL, 0, 0) ? -1 : fsync(fd);
}

static int walk_ftruncate(int fd, off_t size)
{
    return point(fd, NULL, 0, 0) ? -1 : real_ftruncate(fd, size);
}

static void wrap(const char *name, void *real, sqlite3_syscall_ptr ours)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    sqlite3_syscall_ptr was = vfs->xGetSystemCall(vfs, name);
    if (!was)
        return; /* this SQLite does without that one */
    memcpy(real, &was, sizeof was);
    if (vfs->xSetSystemCall(vfs, name, ours) != SQLITE_OK)
        abort();
}

static void wrap_all(void)
{
    wrap("pwrite", &real_pwrite, (sqlite3_syscall_ptr)walk_pwrite);
    wrap("pwrite64", &real_pwrite, (sqlite3_syscall_ptr)walk_pwrite);
    wrap("ftruncate", &real_ftruncate, (sqlite3_syscall_ptr)walk_ftruncate);
}

/* ---- what the child does ---- */

static int64_t clock_now(void *ctx)
{
    return 1798000000000 + *(int *)ctx * 1000;
}

static int turn(struct engine *e, struct store *s, int n, struct err *err)
{
    AUTO_STR id = str_fmt("evt_%d", n);
    AUTO_STR body = mem_alloc(6001); /* some pages, so that a turn is several writes */
    memset(body, 'a' + n % 26, 6000);
    store_begin(s);
    engine_begin(e);
    inbox_put(e, "stripe", id, n, "x", INBOX_OTHER, "cus_1", "", span_of(body));
    for (int i = 0; i < ROWS_A_TURN; i++)
        journal_add(e, &(struct actor){.name = "walk"}, "turn", n, "acme", id, NULL, "Row %d of turn %d", i, n);
    store_run(s, "INSERT INTO meta (name, value) VALUES ('turn', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value", "t", id);
    int rc = store_commit(s, err);
    if (rc != 0)
        engine_forget(e);
    return rc;
}

enum said { UNHEARD, ACKNOWLEDGED, REFUSED };

static void say(int pipe_fd, int n, enum said v)
{
    char c = (char)((int)v * (TURNS + 1) + n);
    if (write(pipe_fd, &c, 1) != 1)
        _exit(97);
}

enum { PASSED = 0, SURVIVED = 3, NO_WORDS = 95 };

/* Never returns. */
static void child(const char *url, int pipe_fd)
{
    int n = 0;
    struct store *s;
    struct engine e;
    struct err err = {0};
    const struct world world = {.ctx = &n, .now_ms = clock_now};
    counting = true;
    if (store_open(&s, url, false, &err) != 0)
        _exit(err.text[0] ? SURVIVED : NO_WORDS);
    engine_init(&e, s, &world);
    for (n = 1; n <= TURNS; n++) {
        err.text[0] = '\0';
        if (turn(&e, s, n, &err) == 0)
            say(pipe_fd, n, ACKNOWLEDGED);
        else if (!err.text[0])
            _exit(NO_WORDS);
        else if (mode == REFUSE_AND_DIE) {
            say(pipe_fd, n, REFUSED);
            _exit(137);
        }
    }
    engine_fini(&e);
    store_close(s);
    _exit(faulted ? SURVIVED : PASSED);
}

/* ---- what must be left ---- */

static void fail_at(int at, const char *what)
{
    fprintf(stderr, "store_walk: %s at call %d: %s\n", mode_names[mode], at, what);
    exit(1);
}

static void check_turn(struct store *s, int at, int n, enum said said)
{
    AUTO_STR id = str_fmt("evt_%d", n);
    int64_t events = store_i64(s, -1, "SELECT count(*) FROM inbox WHERE ext_id = ?1 AND length(body) = 6000", "t", id);
    int64_t rows = store_i64(s, -1, "SELECT count(*) FROM journal WHERE ref = ?1", "t", id);
    if (said == ACKNOWLEDGED && events != 1)
        fail_at(at, "an acknowledged event is not there");
    if (said == REFUSED && events != 0)
        fail_at(at, "a refused event is there");
    if (!(events == 0 && rows == 0) && !(events == 1 && rows == ROWS_A_TURN))
        fail_at(at, "half a turn is there");
}

static void check_store(const char *url, int at, const enum said said[TURNS + 1])
{
    int n = TURNS + 1;
    struct store *s;
    struct engine e;
    struct err err = {0};
    struct journal_report report;
    const struct world world = {.ctx = &n, .now_ms = clock_now};
    if (store_open(&s, url, false, &err) != 0)
        fail_at(at, err.text);
    for (int i = 1; i <= TURNS; i++)
        check_turn(s, at, i, said[i]);
    if (store_i64(s, 0, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'", "") != 0)
        fail_at(at, "the database is damaged");
    if (journal_verify(s, &report, &err) != 0)
        fail_at(at, err.text);
    engine_init(&e, s, &world);
    if (turn(&e, s, n, &err) != 0)
        fail_at(at, err.text);
    if (journal_verify(s, &report, &err) != 0)
        fail_at(at, "the journal does not go on");
    engine_fini(&e);
    store_close(s);
}

/* One point: a child that dies or is lied to at call `at`. False when it made fewer calls than that. */
static bool walk_one(const char *folder, int at)
{
    AUTO_STR remove = str_fmt("rm -f %s/walk.db*", folder);
    AUTO_STR url = str_fmt("sqlite:%s/walk.db", folder);
    int fds[2], status = 0;
    enum said said[TURNS + 1] = {UNHEARD};
    if (system(remove) != 0 || pipe(fds) != 0)
        abort();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        countdown = at;
        faults_left = mode == REFUSE_AND_DIE ? 1 : FAULTS_IN_A_ROW;
        child(url, fds[1]);
    }
    close(fds[1]);
    for (char c; read(fds[0], &c, 1) == 1;)
        said[c % (TURNS + 1)] = (enum said)(c / (TURNS + 1));
    close(fds[0]);
    waitpid(pid, &status, 0);
    int rc = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (rc != PASSED && rc != SURVIVED && rc != 137)
        fail_at(at, rc == NO_WORDS ? "a failure had no words" : "the child came to an end of its own");
    check_store(url, at, said);
    return rc != PASSED;
}

int main(void)
{
    /* In memory where we can: a process that dies loses nothing that the kernel has, and a sync costs nothing. */
    char memory[] = "/dev/shm/dunwell-walk-XXXXXX", disk[] = "/tmp/dunwell-walk-XXXXXX";
    char *folder = mkdtemp(memory) ? memory : mkdtemp(disk);
    int points = 0;
    wrap_all();
    if (!folder)
        abort();
    for (mode = 0; mode < MODES; mode++) {
        int walked = 0, stride = mode == DIE_BEFORE || mode == REFUSE_AND_DIE ? 1 : 3, at = 1 + (int)mode % stride;
        for (; walk_one(folder, at); at += stride)
            walked++;
        points += walked;
        printf("store_walk: %s: %d points up to call %d\n", mode_names[mode], walked, at - stride);
    }
    AUTO_STR remove = str_fmt("rm -rf %s", folder);
    if (system(remove) != 0 || points < POINTS_LEAST)
        return fprintf(stderr, "store_walk: only %d points\n", points), 1;
    printf("store_walk: %d points: nothing acknowledged was lost, nothing was half done\n", points);
    return 0;
}
