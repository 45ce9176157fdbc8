/* What the files of the model share (model.c says what it is). */
#ifndef DW_TESTS_MODEL_H
#define DW_TESTS_MODEL_H

#define OFFICE_DIR "/dev/shm/dunwell-model-XXXXXX" /* memory: what a disk does is store_walk's and the crash tests' matter */
#include "tests/model/expect.h"
#include "tests/unit/cases.h"

#define MODEL_SECRET "12345678901234567890"
#define MODEL_ACCOUNT "acme-east"
enum { CUSTOMER = 3, STRANGER = PEOPLE, BOTH = 6, DEPUTY = 8, HOURS_MOST = 300, OPEN_HOURS = 48, REMIND_HOURS = 6, ESCALATE_HOURS = 12 };
enum { TABLES_MOST = 64, RULES = 10, PAYMENTS_MOST = 16, WRITES_MOST = 64 };
enum mood { PLAIN, CODES, LENDING, PATIENCE, WINDOWS, MONEY, MOODS }; /* what a schedule is mostly about */

struct model {
    uint64_t seed, rng;
    struct office o;
    struct expect x;
    struct enrolled *enrolled;
    struct policy *policies[RULES][2][2][2]; /* by rule, codes, window, patience; read when first drawn */
    struct policy *office_policy;            /* what the office began with */
    char template_db[96];
    bool attached; /* the template, to the connection that is open now */
    char *clear[TABLES_MOST], *fill[TABLES_MOST];
    size_t n_tables;
    enum mood mood;
    int favourite; /* who acts more than others */
    int inputs, hours, tickets;
    int asker;    /* whose new request this event may make */
    bool facts_moved;
    bool word_agreed; /* at the last look: was a plan or a settlement agreed, */
    int64_t word_ran; /* which plan (negative) ran or which settlement waited, */
    int64_t hold_ended_ms; /* and when the hold was to end */
    int64_t case_id;
    bool closed; /* nothing is due any more: the schedule ends */
    struct {
        int64_t amount, at_ms;
    } payments[PAYMENTS_MOST]; /* that billing shows */
    int n_payments;
    char written[WRITES_MOST][48]; /* keys of what the peer has done about money */
    int n_written;
    int64_t written_off; /* by the peer, the last time */
    long ended[STAGES]; /* over all schedules: how requests stood at the end */
};

extern const struct someone crowd[PEOPLE];
extern bool tracing;
int pick(struct model *m, int n); /* 0 to n - 1, by the seed */
void must(const struct model *m, bool holds, const char *what, int64_t id); /* prints the seed and exits when it does not */

/* rig.c */
void model_open(struct model *m);
void model_close(struct model *m);
void model_begin(struct model *m);   /* people, a policy, a store for a schedule */
void model_restart(struct model *m); /* the program starts anew on what is on disk */

/* voice.c */
enum way { BY_COMMAND, BY_BUTTON, BY_FORM };
struct spoken {
    int who;
    enum way way;
    const char *verb, *text; /* a command's text; else the action or form, and the reference it is about */
    json_t *values;          /* of a form; borrowed */
    bool once;               /* a second click would count a second time */
};
void says(struct model *m, const struct spoken *said);
void command(struct model *m, int who, const char *text);
struct code {
    char text[16]; /* "": none is given */
    bool good, wrong;
};
struct code code_for(struct model *m, int who); /* of this moment, or a wrong one, or none */
/* Is a code wanted, and was a good one given? What it does to the person's codes is kept. */
bool code_passes(struct model *m, const struct wish *w, int who, const struct code *c);

/* money.c: what gives money up */
void money_asked(struct model *m);                                /* somebody asks for a credit, a write-off or a settlement */
void money_adopted(struct model *m, struct wish *w, const struct proposal *p); /* a new request: within bounds, and the only one? */
void money_agreed(struct model *m, struct wish *w);
bool money_countered(struct model *m, const struct wish *w, char text[32]); /* what a counter-offer says instead; false: it is none */
void money_paid(struct model *m);                                 /* the customer pays towards a settlement */
void money_closed(struct model *m);                               /* what has to be true when nothing is due any more */
void money_step(void *ctx, const struct job *job, const struct http_response *previous, struct step *out); /* the peer */

/* deeds.c, world.c */
void model_event(struct model *m); /* one thing happens, to the engine and to what is expected */
void agreed(struct model *m, struct wish *w); /* enough have said yes */
void world_moves(struct model *m);
void due_fell(struct model *m); /* to x.due: what is asked is lowered or void, and a right that did not reach may reach now */

#endif
