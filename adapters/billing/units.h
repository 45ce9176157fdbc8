/* Billing systems that count some currencies otherwise than ISO 4217 does: their amounts and ours. See units.c. */
#ifndef DW_ADAPTERS_BILLING_UNITS_H
#define DW_ADAPTERS_BILLING_UNITS_H

#include "adapters/billing/rest.h"

/* One row a currency that is counted otherwise; a table ends with an empty row. */
struct units {
    char currency[4];
    int exponent; /* of their whole numbers */
};

/* Every amount in an answer, to our minor units; `member` is where an object says its currency. What is less than one of ours is cut. */
void units_read(const struct units *t, const char *member, json_t *answer);
/* Minor units of ours in one of theirs; 1 where theirs are as fine. */
int64_t units_step(const struct units *t, const char *currency);
/* An amount of ours in theirs; for one that is a multiple of units_step. */
int64_t units_write(const struct units *t, const char *currency, int64_t minor);
/* False, and refused in words for people, when an amount is no multiple of the step. */
bool units_fit(struct rest_call *c, const char *currency, int64_t minor, int64_t step);

#endif
