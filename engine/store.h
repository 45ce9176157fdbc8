/* The store: SQLite behind prepared statements. SQL is portable (PostgreSQL will run the same statements). Owned by the
 * engine thread; nobody else touches it.
 *
 * Failure is sticky: the first error inside a transaction is kept, every later call does nothing, and store_commit fails
 * with it. So code in a turn does not check each statement; a turn whose commit failed reveals nothing and changed nothing.
 *
 * Parameter types in `types`: i int64_t, t const char * (NULL is NULL), b struct span (blob), j const json_t * (canonical text). */
#ifndef DW_ENGINE_STORE_H
#define DW_ENGINE_STORE_H

#include "engine/json.h"

struct store;
struct query;

/* "sqlite:PATH". Creates and migrates. ERR_CONFLICT: another process has it; ERR_VERSION: made by a newer Dunwell;
 * ERR_IO: missing folder, read-only, full disk. read_only: for journal and check: no lock, no migration, must exist. */
int store_open(struct store **out, const char *url, bool read_only, struct err *e) DW_MUST_CHECK;
void store_close(struct store *s); /* checkpoints; NULL is fine */

/* For who opened it to read only: all that is read until it is closed is of one moment. Without that, who compares two tables beside a
 * running Dunwell sees differences that there never were. */
int store_stand_still(struct store *s, struct err *e) DW_MUST_CHECK;

void store_begin(struct store *s);
int store_commit(struct store *s, struct err *e) DW_MUST_CHECK; /* on failure everything is rolled back */
void store_rollback(struct store *s);
/* For who reads outside of a transaction: 0, or the first failure since the last one ended; then rows are missing from what was read. */
int store_failed(const struct store *s, struct err *e) DW_MUST_CHECK;
bool store_wrote(const struct store *s); /* has this transaction changed anything? */

/* sql must be a string literal (the statement is cached by its address). Returns the number of rows changed. */
int64_t store_run(struct store *s, const char *sql, const char *types, ...);
int64_t store_last_id(struct store *s); /* of the last INSERT into a table with an integer key */

/* for (struct query *q = store_query(s, "SELECT ...", "i", id); query_next(q);) ...   query_next ends it by itself at the
 * last row; leave early with query_end. The same SQL may not run nested in itself. */
struct query *store_query(struct store *s, const char *sql, const char *types, ...);
bool query_next(struct query *q);
void query_end(struct query *q);
int64_t query_i64(struct query *q, int column);
const char *query_text(struct query *q, int column);  /* borrowed until the next row; NULL for NULL */
struct span query_blob(struct query *q, int column);  /* borrowed until the next row */
json_t *query_json(struct query *q, int column);      /* new; NULL for NULL */

/* One value of one row, or `otherwise`. */
int64_t store_i64(struct store *s, int64_t otherwise, const char *sql, const char *types, ...);

#endif
