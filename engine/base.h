/* The few words every file uses: attributes, ownership helpers, spans, allocation that aborts.
 *
 * Out of memory aborts (the store recovers); callers never check. Strings returned by str_dup and str_fmt belong to the
 * caller and are freed with free(). Any thread may call everything here. */
#ifndef DW_ENGINE_BASE_H
#define DW_ENGINE_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define DW_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define DW_MUST_CHECK __attribute__((warn_unused_result))
#define DW_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define DW_UNUSED __attribute__((unused))

#ifdef DW_TEST_POINTS
void kill_point(const char *name); /* tests/crash/kill_point.c: dies here when DUNWELL_KILL=name:n says so */
#define DW_KILLPOINT(name) kill_point(name)
#else
#define DW_KILLPOINT(name) ((void)0)
#endif

/* Borrowed bytes, not NUL-terminated. */
struct span {
    const char *p;
    size_t n;
};

struct span span_of(const char *text); /* NULL gives an empty span */
bool span_is(struct span s, const char *text);

void *mem_alloc(size_t n);  /* zeroed; aborts when there is none */
void *mem_grow(void *p, size_t n);
char *str_dup(const char *text); /* NULL gives NULL */
char *str_ndup(const char *p, size_t n);
char *str_fmt(const char *fmt, ...) DW_PRINTF(1, 2);
void str_copy(char *out, size_t size, const char *text); /* truncates at a UTF-8 boundary, always terminates */
bool str_eq(const char *a, const char *b);               /* NULL equals only NULL */
size_t utf8_length(const char *p, size_t n); /* bytes of the character at p, 1 to 4; 0 when it is not valid UTF-8 */

void auto_free(void *pp); /* frees *(void **)pp; use by AUTO_STR */
#define AUTO_STR __attribute__((cleanup(auto_free), unused)) char * /* clang does not count being freed as a use */
#define AUTO_JSON json_auto_t *
#define STEAL(p)                                                                                                       \
    __extension__({                                                                                                    \
        __typeof__(p) stolen_ = (p);                                                                                   \
        (p) = NULL;                                                                                                    \
        stolen_;                                                                                                       \
    })

#endif
