/* Between the files of the walk: walk.c (which faults, at which requests, and what must come of it), rig.c (the real store, outbox and
 * driver, stepped by a clock that is set by hand, with a fault at a request), books.c (the server's books, made comparable). */
#ifndef DW_TESTS_WALK_H
#define DW_TESTS_WALK_H

#include <curl/curl.h>

#include "adapters/adapter.h"
#include "engine/effect.h"
#include "engine/when.h"

/* What happens to one request. */
struct fault {
    const char *name;
    bool done;        /* the server gets it and does it */
    bool late;        /* it does, but only after the next request, which is often the look */
    bool lag;         /* from here on the server's reads lag behind its writes */
    bool dies;        /* the program ends: the answer is never seen, the stage is what was committed */
    bool day;         /* and a day goes by before anything goes on */
    enum transport transport;
    int status;       /* the answer that the driver sees; 0: the true one, or none */
    bool busy;        /* the answer is the vendor's word for: your first request still runs */
    bool writes_only; /* makes sense for a write alone */
    bool may_refuse;  /* it may end in "it did not happen", when it did not */
    bool often;       /* walked over reads as well, unless all is asked for */
};

struct planned {
    int at; /* the number of the request, from 1 */
    const struct fault *fault;
};

enum { PLAN_MAX = 4, REQUESTS_MAX = 160, LATER_MAX = 400 };

/* How one run went. */
struct run {
    bool ended, done;
    json_t *result; /* of either end; NULL when there was none */
    char reason[300];
    char *before, *after; /* the server's books, comparable (books.c) */
    int requests;
    bool write[REQUESTS_MAX + 1];
    char path[REQUESTS_MAX + 1][80];
    char *violations;
};
void run_fini(struct run *r);

struct rig;
/* system: one of the scenes (scenes.py). folder: where the store may be. */
struct rig *rig_new(const char *base_url, const json_t *system, const char *folder);
void rig_free(struct rig *rig);
/* One operation of the system, from a fresh scene on, with these faults. */
void rig_run(struct rig *rig, const json_t *operation, const struct planned *plan, size_t n, struct run *out);

/* The books as text without what differs from run to run: times of writing, counters, generated ids. The caller frees. */
char *books_text(const json_t *state);

#endif
