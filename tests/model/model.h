/* What the files of the model share (model.c says what it is). */
#ifndef DW_TESTS_MODEL_H
#define DW_TESTS_MODEL_H

#define OFFICE_DIR "/dev/shm/dunwell-model-XXXXXX" /* memory: what a disk does is store_walk's and the crash tests' matter */
#include "tests/model/expect.h"
#include "tests/unit/cases.h"

#define MODEL_SECRET "12345678901234567890"
#define MODEL_ACCOUNT "acme-east"
enum { CUSTOMER = 3, STRANGER = PEOPLE, BOTH = 6, HOURS_MOST = 300, OPEN_HOURS = 48 };

struct model {
    uint64_t seed, rng;
    struct office o;
    struct expect x;
    struct enrolled *enrolled;
    char template_db[96];
    int inputs, hours, tickets;
    int asker;    /* whose new request this event may make */
    bool facts_moved;
    long ended[STAGES]; /* over all schedules: how requests stood at the end */
};

extern const struct someone crowd[PEOPLE];
extern bool tracing;
int pick(struct model *m, int n); /* 0 to n - 1, by the seed */
void must(const struct model *m, bool holds, const char *what, int64_t id); /* prints the seed and exits when it does not */

/* rig.c */
void model_open(struct model *m);
void model_close(struct model *m);
void model_begin(struct model *m);                      /* people, a policy, a store for a schedule */
void model_restart(struct model *m, bool from_template); /* the program starts anew on what is on disk */

/* deeds.c */
void model_event(struct model *m); /* one thing happens, to the engine and to what is expected */

#endif
