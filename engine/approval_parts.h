/* Inside the approval module: approval.c who may, approval_value.c the value and its words, approval_votes.c counting. */
#ifndef DW_ENGINE_APPROVAL_PARTS_H
#define DW_ENGINE_APPROVAL_PARTS_H

#include "engine/approval.h"

/* People to be put on seats. A holder is whose right is used; borrowed. */
struct seating {
    const struct engine *e;
    const char *seats[APPROVAL_SEATS];
    size_t n_seats;
    const struct person **holders;
    size_t n;
};
size_t approval_seats(const struct approval *a, const char *seats[APPROVAL_SEATS]); /* "manager", "finance": one entry a person */
bool approval_seat_fits(const struct engine *e, const struct person *holder, const char *of);
/* Fills as many seats as these people can, each taking one (same_person: one of each word). Returns how many. */
size_t approval_seat(const struct seating *m, bool same_person, bool filled[APPROVAL_SEATS]);
char *seats_missing(const struct seating *m, const bool filled[APPROVAL_SEATS]); /* "Finance, 2 of Manager"; new */

#endif
