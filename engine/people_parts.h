/* Inside the people module: people_read.c reads one person, people_groups.c groups, hours and territories, people.c the file
 * and the questions others ask. Nobody else includes this. */
#ifndef DW_ENGINE_PEOPLE_PARTS_H
#define DW_ENGINE_PEOPLE_PARTS_H

#include "engine/people.h"

enum { PEOPLE_KEY_MAX = 40, PEOPLE_LIST_MAX = 200 };

struct people {
    struct person *rows;
    size_t n;
    bool match_by_email;
    json_t *groups; /* {"eu-managers": ["manager1", ...]} */
};

/* Where we are in the file. */
struct people_reader {
    const struct doc *d;
    struct problems *p;
    const json_t *map; /* everybody */
    const json_t *row; /* this person's map */
    const char *key;
};

bool people_key_well_formed(const char *key);
void people_complain(const struct people_reader *r, const char *field, const char *sentence);
void people_read_one(const struct doc *d, const json_t *map, const char *key, struct people *all, struct problems *p);
/* A list of short texts: new, an empty array when it is absent or wrong. */
json_t *people_read_list(const struct people_reader *r, const char *field, const char *example);
void people_read_hours(const struct people_reader *r, struct person *who);
void people_read_groups(const struct doc *d, const json_t *root, struct people *all, struct problems *p);

#endif
