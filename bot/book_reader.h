/* The account book, read again beside the turns: a hundred thousand accounts take a second, which no click and no webhook should
 * wait for. One job at a time. Engine thread. */
#ifndef DW_BOT_BOOK_READER_H
#define DW_BOT_BOOK_READER_H

#include <pthread.h>
#include <stdatomic.h>

#include "engine/book.h"
#include "engine/doc.h"

struct book_reader {
    pthread_t thread;
    bool running;      /* a thread is there, at work or to be joined */
    atomic_bool done;  /* it has nothing more to do */
    const char *path;  /* what to read; NULL: nothing */
    int64_t now_ms;
    struct book *book; /* what was read, or is to be let go of */
    struct problems problems;
};

/* Zeroed memory is a reader at rest. */
bool book_reader_busy(const struct book_reader *r); /* at work, or with a book that nobody took yet */
void book_reader_read(struct book_reader *r, const char *path, int64_t now_ms); /* not while it is busy; path is borrowed until it is taken */
/* True once after each reading, when it is through: *book (NULL: not to be read) and the problems are the caller's. */
bool book_reader_take(struct book_reader *r, struct book **book, struct problems *p);
/* Frees a book that nobody looks at any more, and gives its memory back to the system. Not while it is busy; NULL is fine. */
void book_reader_drop(struct book_reader *r, struct book *book);
void book_reader_end(struct book_reader *r); /* waits for what it is at; frees what nobody took */

#endif
