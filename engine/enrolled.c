/* The secrets of one-time codes. Why a file of their own: people enrol while the process runs, and the store has one
 * writer; people.yaml is read by many eyes and kept in version control; the journal and every copy of the store are
 * there to be shown. So the secrets stand beside the store, where the service may write and its backup decides, and
 * the running process reads the file again when it changes, as it does with people.yaml.
 *
 * Nothing in here prints a line of the file: a problem names the line's number. A file that other users may read is
 * refused, because then somebody else can make the codes. It is replaced by renaming, so a reader sees the old one or
 * the new one; two writers are kept apart by a lock on the folder. */
#include "engine/enrolled.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/buf.h"

enum { ENROLLED_MAX = 10000, LINE_MOST = 128, FILE_MOST = ENROLLED_MAX * LINE_MOST };

struct enrolled {
    struct enrolment *rows;
    size_t n, cap;
};

size_t enrolled_count(const struct enrolled *all)
{
    return all ? all->n : 0;
}

const struct enrolment *enrolled_at(const struct enrolled *all, size_t i)
{
    return all && i < all->n ? &all->rows[i] : NULL;
}

const struct enrolment *enrolled_of(const struct enrolled *all, const char *person)
{
    for (size_t i = 0; i < enrolled_count(all); i++)
        if (str_eq(all->rows[i].person, person))
            return &all->rows[i];
    return NULL;
}

void enrolled_free(struct enrolled *all)
{
    if (!all)
        return;
    OPENSSL_cleanse(all->rows, all->cap * sizeof *all->rows);
    free(all->rows);
    free(all);
}

/* No memory with a secret in it is given back as it is. */
static struct enrolment *row_new(struct enrolled *all)
{
    if (all->n == all->cap) {
        size_t cap = all->cap ? 2 * all->cap : 8;
        struct enrolment *more = mem_alloc(cap * sizeof *more);
        if (all->n)
            memcpy(more, all->rows, all->n * sizeof *more);
        OPENSSL_cleanse(all->rows, all->cap * sizeof *all->rows);
        free(all->rows);
        all->rows = more;
        all->cap = cap;
    }
    return &all->rows[all->n];
}

static bool row_read(struct enrolment *out, const char *line)
{
    char person[41] = "", secret[TOTP_BASE32] = "";
    long long at_ms = 0;
    int end = 0;
    bool good = sscanf(line, "%40s %63s %18lld%n", person, secret, &at_ms, &end) == 3 && line[end] == '\0' && at_ms > 0 &&
                base32_bytes(out->secret, sizeof out->secret, secret) == TOTP_SECRET;
    str_copy(out->person, sizeof out->person, person);
    out->at_ms = at_ms;
    OPENSSL_cleanse(secret, sizeof secret);
    return good;
}

static void rows_read(struct enrolled *all, FILE *file, const char *path, struct problems *p)
{
    char line[LINE_MOST];
    for (int n = 1; fgets(line, sizeof line, file); n++) {
        line[strcspn(line, "\r\n")] = '\0';
        if (!line[0] || line[0] == '#')
            continue;
        struct enrolment *row = row_new(all);
        if (all->n == ENROLLED_MAX || !row_read(row, line) || enrolled_of(all, row->person))
            problems_add(p, path, n, "is not a line that `dunwell people enroll` writes; take the line out and enrol again");
        else
            all->n++;
    }
    OPENSSL_cleanse(line, sizeof line);
    if (ferror(file))
        problems_add(p, path, 0, "cannot be read: %s", strerror(errno));
}

struct enrolled *enrolled_load(const char *path, struct problems *p)
{
    size_t before = p->n;
    struct enrolled *all = mem_alloc(sizeof *all);
    FILE *file = path ? fopen(path, "re") : NULL;
    struct stat st = {0};
    if (path && !file && errno != ENOENT)
        problems_add(p, path, 0, "cannot be read: %s; it must belong to the user that dunwell runs as", strerror(errno));
    if (file && (fstat(fileno(file), &st) != 0 || (st.st_mode & 077) != 0))
        problems_add(p, path, 0, "may be read by other users, and it holds secrets: chmod 600, and enrol everybody anew");
    if (file && p->n == before) {
        setvbuf(file, NULL, _IONBF, 0); /* no copy in a buffer that nobody wipes */
        rows_read(all, file, path, p);
    }
    if (file)
        fclose(file);
    if (p->n == before)
        return all;
    enrolled_free(all);
    return NULL;
}

/* ---- writing ---- */

static void rows_text(struct buf *out, const struct enrolled *all)
{
    char secret[TOTP_BASE32];
    buf_adds(out, "# Secrets of one-time codes. Written by `dunwell people`; nobody else needs to read this.\n");
    for (size_t i = 0; i < all->n; i++) {
        base32_text(secret, (struct span){(const char *)all->rows[i].secret, TOTP_SECRET});
        buf_addf(out, "%s %s %" PRId64 "\n", all->rows[i].person, secret, all->rows[i].at_ms);
    }
    OPENSSL_cleanse(secret, sizeof secret);
}

/* Writes beside the file and renames. 0, or what errno says. */
static int replace(const char *path, int folder, const struct buf *text)
{
    AUTO_STR fresh = str_fmt("%s.new", path);
    struct stat st;
    unlink(fresh); /* left by one that was killed: the lock says that nobody is writing it now */
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno;
    bool good = write(fd, buf_text(text), text->n) == (ssize_t)text->n && fsync(fd) == 0;
    if (good && geteuid() == 0 && fstat(folder, &st) == 0)
        good = fchown(fd, st.st_uid, st.st_gid) == 0;
    good = close(fd) == 0 && good && rename(fresh, path) == 0 && fsync(folder) == 0;
    int rc = good ? 0 : errno ? errno : EIO;
    if (!good)
        unlink(fresh);
    return rc;
}

static int folder_lock(const char *path, struct err *e)
{
    AUTO_STR folder = str_dup(path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, ERR_IO, "the store's folder %s cannot be opened: %s", slash ? folder : ".", strerror(errno));
    flock(fd, LOCK_EX);
    return fd;
}

static int load_for_change(struct enrolled **all, const char *path, struct err *e)
{
    struct problems p = {0};
    *all = enrolled_load(path, &p);
    int rc = *all ? 0 : err_set(e, ERR_INVALID, "%s", p.n ? p.lines[0] : path);
    problems_free(&p);
    return rc;
}

static int save(const char *path, int folder, const struct enrolled *all, struct err *e)
{
    AUTO_BUF text = BUF(FILE_MOST);
    rows_text(&text, all);
    int rc = text.over ? EFBIG : replace(path, folder, &text);
    OPENSSL_cleanse(text.p, text.cap);
    return rc == 0 ? 0 : err_set(e, ERR_IO, "%s cannot be written: %s", path, strerror(rc));
}

int enrolled_add(const char *path, const struct enrolment *who, struct err *e)
{
    struct enrolled *all = NULL;
    int folder = folder_lock(path, e);
    int rc = folder < 0 ? folder : load_for_change(&all, path, e);
    if (rc == 0 && enrolled_of(all, who->person))
        rc = err_set(e, ERR_CONFLICT, "%s is enrolled already; `dunwell people revoke %s` first", who->person, who->person);
    if (rc == 0) {
        *row_new(all) = *who;
        all->n++;
        rc = save(path, folder, all, e);
    }
    enrolled_free(all);
    if (folder >= 0)
        close(folder);
    return rc;
}

int enrolled_remove(const char *path, const char *person, struct err *e)
{
    struct enrolled *all = NULL;
    int folder = folder_lock(path, e);
    int rc = folder < 0 ? folder : load_for_change(&all, path, e);
    const struct enrolment *row = rc == 0 ? enrolled_of(all, person) : NULL;
    if (rc == 0 && !row)
        rc = err_set(e, ERR_NOT_FOUND, "%s is not enrolled", person);
    if (rc == 0) {
        all->rows[row - all->rows] = all->rows[--all->n];
        rc = save(path, folder, all, e);
    }
    enrolled_free(all);
    if (folder >= 0)
        close(folder);
    return rc;
}
