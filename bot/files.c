/* People, accounts and policy are files that people edit while the program runs; each is read again when it has changed. A file with
 * problems changes nothing: half a policy is worse than yesterday's. Nor does one that was written to within the last second: a list
 * of accounts that is still coming in is without fault at the end of each line, and without the customers who are yet to come. */
#include "bot/files.h"

#include <sys/stat.h>

#include "bot/log.h"
#include "bot/policy_file.h"
#include "engine/enrolled.h"
#include "engine/policy_request.h"
#include "engine/when.h"

enum { WRITE_AGAIN_MS = 10 * MS_SECOND, RESTS_MS = MS_SECOND, LOOK_MS = 5 * MS_SECOND, MISSED_TOLD = 2 };
enum { FILE_PEOPLE, FILE_ACCOUNTS, FILE_POLICY, FILE_CODES };

static void as_it_is(struct watched *w, const struct stat *st)
{
    w->mtime = st->st_mtim;
    w->size = st->st_size;
    w->missed = 0;
}

/* What stands there now is known: just read, or written by us. */
static void known(struct watched *w)
{
    struct stat st;
    if (w->path && stat(w->path, &st) == 0)
        as_it_is(w, &st);
}

/* At the first look it may be on its way to being replaced. One that never was there need not be. */
static void missing(struct watched *w)
{
    if (w->mtime.tv_sec && w->missed < MISSED_TOLD && ++w->missed == MISSED_TOLD)
        log_line(LOG_ERROR, "file.gone", "%s is not there any more: put it back (what was read from it stays in force, until the next start)", w->path);
}

static bool changed(struct files *f, struct watched *w, int64_t now)
{
    struct stat st;
    if (!w->path)
        return false;
    if (stat(w->path, &st) != 0) {
        missing(w);
        return false;
    }
    bool differs = st.st_mtim.tv_sec != w->mtime.tv_sec || st.st_mtim.tv_nsec != w->mtime.tv_nsec || st.st_size != w->size;
    int64_t age = now - (st.st_mtim.tv_sec * MS_SECOND + st.st_mtim.tv_nsec / 1000000);
    if (differs && age >= 0 && age < RESTS_MS) {
        f->unrested = true;
        return false;
    }
    as_it_is(w, &st);
    return differs;
}

/* A file with problems changes nothing: the last good one stays in force, and the log says why. */
static bool usable(const struct problems *p, const char *path)
{
    for (size_t i = 0; i < p->n; i++)
        log_line(LOG_ERROR, "file.refused", "%s (the version before stays in force)", p->lines[i]);
    if (!p->n)
        log_line(LOG_INFO, "file.reloaded", "%s was read again", path);
    return p->n == 0;
}

static void reload_people(struct files *f)
{
    struct problems p = {0};
    struct people *fresh = people_load(f->watched[FILE_PEOPLE].path, &p);
    if (usable(&p, f->watched[FILE_PEOPLE].path) && fresh) {
        people_free(f->people);
        f->people = fresh;
    } else {
        people_free(fresh);
    }
    problems_free(&p);
}

static void use_policy(struct files *f, struct policy *take)
{
    if (!take)
        return;
    policy_free(f->policy);
    f->policy = take;
    f->policy_unrecorded = true;
}

static void reload_policy(struct files *f)
{
    use_policy(f, policy_file_changed(f->policy, f->watched[FILE_POLICY].path));
}

/* What was read beside the turns takes the place of what was in force. */
static void adopt_accounts(struct files *f)
{
    struct problems p;
    struct book *fresh;
    if (!book_reader_take(&f->reader, &fresh, &p))
        return;
    struct book *of_no_use = fresh;
    if (usable(&p, f->watched[FILE_ACCOUNTS].path) && fresh) {
        of_no_use = f->book;
        f->book = fresh;
    }
    book_reader_drop(&f->reader, of_no_use);
    problems_free(&p);
}

static void look_at_accounts(struct files *f, int64_t now)
{
    struct watched *w = &f->watched[FILE_ACCOUNTS];
    bool old = now - f->accounts_ms > MS_DAY; /* what it says is looked up daily, changed or not */
    adopt_accounts(f);
    if (!book_reader_busy(&f->reader) && (changed(f, w, now) || old)) {
        f->accounts_ms = now; /* of a file with problems too, or it would be read at each look */
        book_reader_read(&f->reader, w->path, now);
    }
    f->unrested |= book_reader_busy(&f->reader);
}

static void reload_codes(struct files *f)
{
    struct problems p = {0};
    struct enrolled *fresh = enrolled_load(f->watched[FILE_CODES].path, &p);
    if (usable(&p, f->watched[FILE_CODES].path) && fresh) {
        enrolled_free(f->enrolled);
        f->enrolled = fresh;
        f->codes_fresh = true;
    } else {
        enrolled_free(fresh);
    }
    problems_free(&p);
}

/* What was agreed on is in force and not in the file yet: tried until it is, or somebody edits the file. */
static void write_again(struct files *f, struct store *s, int64_t now)
{
    if (!f->unwritten[0] || now < f->write_again_ms)
        return;
    f->write_again_ms = now + WRITE_AGAIN_MS;
    if (!policy_file_catch_up(s, f->watched[FILE_POLICY].path))
        return;
    f->unwritten[0] = '\0';
    f->written_untold = true;
    known(&f->watched[FILE_POLICY]); /* that was us */
}

void files_look(struct files *f, struct store *s, int64_t now)
{
    if (now - f->looked_ms < MS_SECOND && now >= f->looked_ms)
        return;
    f->looked_ms = now;
    f->unrested = false;
    if (changed(f, &f->watched[FILE_PEOPLE], now))
        reload_people(f);
    look_at_accounts(f, now);
    write_again(f, s, now);
    if (changed(f, &f->watched[FILE_POLICY], now)) {
        f->unwritten[0] = '\0'; /* somebody is at it */
        reload_policy(f);
    }
    if (changed(f, &f->watched[FILE_CODES], now))
        reload_codes(f);
}

bool files_open(struct files *f, const struct config *c, struct store *s, int64_t now, struct problems *p)
{
    char before[16];
    *f = (struct files){.watched = {{.path = c->people_file}, {.path = c->accounts_file}, {.path = c->policy_file}, {.path = c->codes_file}}};
    for (size_t i = 0; i < DW_ARRAY_LEN(f->watched); i++)
        known(&f->watched[i]);
    f->people = people_load(c->people_file, p);
    f->book = accounts_file_load(c->accounts_file, now, p);
    f->accounts_ms = now;
    f->policy = policy_at_start(s, c->policy_file, p);
    f->policy_unrecorded = true;
    str_copy(f->unwritten, sizeof f->unwritten, policy_unwritten(s, before) ? "not yet" : "");
    f->enrolled = enrolled_load(c->codes_file, p);
    f->codes_fresh = true;
    return p->n == 0 && f->people && f->book && f->policy;
}

void files_close(struct files *f)
{
    book_reader_end(&f->reader);
    people_free(f->people);
    book_free(f->book);
    free(f->agreed);
    policy_free(f->policy);
    enrolled_free(f->enrolled);
    *f = (struct files){0};
}

void files_give(const struct files *f, struct engine *e)
{
    e->people = f->people;
    e->book = f->book;
    e->policy = f->policy;
    e->enrolled = f->enrolled;
}

int64_t files_next_look_ms(const struct files *f)
{
    return f->looked_ms + (f->unrested ? RESTS_MS : LOOK_MS);
}

void files_policy_agreed(struct files *f, const char *text)
{
    free(f->agreed);
    f->agreed = str_dup(text);
}

void files_record_policy(struct files *f, struct engine *e)
{
    if (f->policy_unrecorded)
        policy_file_record(e, f->watched[FILE_POLICY].path);
    if (f->unwritten_untold)
        policy_request_file_failed(e, f->watched[FILE_POLICY].path, f->unwritten);
    if (f->written_untold)
        policy_request_file_written(e, f->watched[FILE_POLICY].path);
}

void files_committed(struct files *f, struct engine *e)
{
    f->policy_unrecorded = f->unwritten_untold = f->written_untold = false;
    if (!f->agreed)
        return;
    use_policy(f, policy_file_agreed(f->watched[FILE_POLICY].path, f->agreed, f->unwritten, sizeof f->unwritten));
    f->unwritten_untold = f->unwritten[0] != '\0';
    f->write_again_ms = f->looked_ms + WRITE_AGAIN_MS;
    known(&f->watched[FILE_POLICY]); /* that was us */
    free(STEAL(f->agreed));
    files_give(f, e);
}

void files_rolled_back(struct files *f)
{
    free(STEAL(f->agreed));
}
