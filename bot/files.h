/* The files a turn reads again when they change: people, accounts, policy, secrets of one-time codes. Engine thread. */
#ifndef DW_BOT_FILES_H
#define DW_BOT_FILES_H

#include <time.h>

#include "bot/book_reader.h"
#include "bot/config.h"
#include "engine/engine.h"

struct watched {
    const char *path; /* borrowed from the configuration */
    struct timespec mtime;
    off_t size;
    int missed; /* looks at which it was not there */
};

struct files {
    struct people *people;
    struct book *book;
    struct policy *policy;
    struct enrolled *enrolled;
    bool codes_fresh; /* read, and the journal does not know yet who came and went: the turn clears it after its commit */
    struct watched watched[4];
    struct book_reader reader;
    int64_t looked_ms, accounts_ms; /* when the accounts were last tried */
    bool unrested;                  /* somebody is writing to one of them, or the accounts are being read */
    bool policy_unrecorded; /* another one than before: is it one that was agreed on? */
    char *agreed;           /* the policy that comes into force with this turn's commit */
    char unwritten[80];     /* why its file could not be written; "" when it was */
    bool unwritten_untold, written_untold;
    int64_t write_again_ms;
};

/* Problems go to p; false if there are any, or a file cannot be used at all. files_close in either case. */
bool files_open(struct files *f, const struct config *c, struct store *s, int64_t now, struct problems *p);
void files_close(struct files *f);
void files_look(struct files *f, struct store *s, int64_t now); /* once a second at most; between turns */
void files_give(const struct files *f, struct engine *e); /* what the engine borrows until the next look */
int64_t files_next_look_ms(const struct files *f); /* files change though nothing happens */

/* A change of the policy that people agreed on (bot/policy_file.h): remembered, and in force once the turn is committed. */
void files_policy_agreed(struct files *f, const char *text);
void files_record_policy(struct files *f, struct engine *e); /* in the transaction */
void files_committed(struct files *f, struct engine *e);
void files_rolled_back(struct files *f);

#endif
