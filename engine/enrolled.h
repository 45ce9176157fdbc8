/* Who can give one-time codes: the secrets that `dunwell people enroll` made, from one file beside the store.
 *
 * The file (FILE of the store + ".codes", mode 0600) has a line for each person: KEY SECRET ENROLLED_MS, the secret in base32.
 * Read-only after loading; the engine thread owns the current one, the command line rewrites the file. */
#ifndef DW_ENGINE_ENROLLED_H
#define DW_ENGINE_ENROLLED_H

#include "engine/doc.h"
#include "engine/totp.h"

struct enrolment {
    char person[41]; /* key of people.yaml */
    unsigned char secret[TOTP_SECRET];
    int64_t at_ms;
};

struct enrolled;

/* A file that is not there, or path NULL: nobody. Every other trouble is a problem (one that others may read is refused), and gives NULL. */
struct enrolled *enrolled_load(const char *path, struct problems *p);
void enrolled_free(struct enrolled *all); /* wipes the secrets; NULL is fine */
size_t enrolled_count(const struct enrolled *all); /* all may be NULL: nobody */
const struct enrolment *enrolled_at(const struct enrolled *all, size_t i);
const struct enrolment *enrolled_of(const struct enrolled *all, const char *person); /* NULL: not enrolled */

/* Rewrite the file whole, or leave it as it was. ERR_CONFLICT: is enrolled already; ERR_NOT_FOUND: is not. The new file belongs
 * to whom the folder belongs to, so that root may enrol people for a service that runs as another user. */
int enrolled_add(const char *path, const struct enrolment *who, struct err *e) DW_MUST_CHECK;
int enrolled_remove(const char *path, const char *person, struct err *e) DW_MUST_CHECK;

#endif
