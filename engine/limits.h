/* Amounts by currency, as people write them in YAML: {USD: 25000, EUR: 22500.50}. Major units in the file, minor
 * in memory. */
#ifndef DW_ENGINE_LIMITS_H
#define DW_ENGINE_LIMITS_H

#include "engine/doc.h"
#include "engine/money.h"

/* Reads object[key] into a new array the caller frees; returns how many. Absent: 0. Each wrong entry is a problem. */
size_t limits_read(const struct doc *d, const json_t *object, const char *key, const char *where, struct money **out,
                   struct problems *p);
/* The same as a JSON object of minor units {"USD": 2500000}; NULL when absent. The caller owns it. */
json_t *limits_read_json(const struct doc *d, const json_t *object, const char *key, const char *where, struct problems *p);
/* The amount in a currency, or false. */
bool limits_get(const json_t *limits, const char *currency, struct money *out);

#endif
