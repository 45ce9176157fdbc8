/* The part of dunwell.yaml that belongs to a driver: its option table, read generically. Used by bot/config.c only.
 */
#ifndef DW_BOT_CONFIG_DRIVER_H
#define DW_BOT_CONFIG_DRIVER_H

#include "bot/config.h"

struct config_reader {
    const struct doc *doc;
    char *folder; /* of the configuration; "" for the working directory */
    struct config *config;
    struct problems *problems;
};

/* Problems and warnings at the line of `key` in `parent`. */
void config_problem(struct config_reader *r, const json_t *parent, const char *key, const char *fmt, ...)
    DW_PRINTF(4, 5);
void config_warning(struct config_reader *r, const json_t *parent, const char *key, const char *fmt, ...)
    DW_PRINTF(4, 5);
char *config_resolve(const struct config_reader *r, const char *path); /* new string */
bool config_loopback(const char *host);

/* One driver section, the mapping at parent[name]; `where` is "billing.stripe". Always appended to the configuration,
 * also when it is incomplete. */
void config_add_driver(struct config_reader *r, const struct driver *driver, const char *where, const json_t *parent,
                       const char *name, bool kind_allowed);
void config_free_driver(struct driver_config *d);

#endif
