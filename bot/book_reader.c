/* A thread for each job, joined at the next look: these are seconds of work, once a day or when somebody changed the file. The
 * two sides hand a book to each other whole, and `done` is what orders their looks at it. */
#include "bot/book_reader.h"

#include <malloc.h>
#include <stdlib.h>

#include "adapters/adapter.h"

static void *reader_main(void *arg)
{
    struct book_reader *r = arg;
    if (r->path) {
        r->book = accounts_file_load(r->path, r->now_ms, &r->problems);
    } else {
        book_free(STEAL(r->book));
        malloc_trim(0); /* the library would keep a book's worth of holes for ever */
    }
    atomic_store(&r->done, true);
    return NULL;
}

static void start(struct book_reader *r)
{
    atomic_store(&r->done, false);
    r->running = true;
    if (pthread_create(&r->thread, NULL, reader_main, r))
        abort(); /* no thread is as fatal as no memory */
}

static void join(struct book_reader *r)
{
    if (r->running)
        pthread_join(r->thread, NULL);
    r->running = false;
}

bool book_reader_busy(const struct book_reader *r)
{
    return r->running && (r->path || !atomic_load(&r->done));
}

void book_reader_read(struct book_reader *r, const char *path, int64_t now_ms)
{
    join(r);
    r->path = path;
    r->now_ms = now_ms;
    start(r);
}

bool book_reader_take(struct book_reader *r, struct book **book, struct problems *p)
{
    if (!r->running || !r->path || !atomic_load(&r->done))
        return false;
    join(r);
    r->path = NULL;
    *book = STEAL(r->book);
    *p = r->problems;
    r->problems = (struct problems){0};
    return true;
}

void book_reader_drop(struct book_reader *r, struct book *book)
{
    if (!book)
        return;
    join(r);
    r->book = book;
    start(r);
}

void book_reader_end(struct book_reader *r)
{
    join(r);
    book_free(STEAL(r->book));
    problems_free(&r->problems);
    r->path = NULL;
}
