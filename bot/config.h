/* dunwell.yaml, read once at start. Read-only afterwards, so every thread may look at it. Owned by main. */
#ifndef DW_BOT_CONFIG_H
#define DW_BOT_CONFIG_H

#include "adapters/adapter.h"

struct config {
    char *path;
    char *listen_host;
    int listen_port;
    char *store;   /* "sqlite:var/dunwell.db" */
    bool shadow;
    char *accounts_file, *people_file, *policy_file; /* relative paths are relative to the configuration's folder */
    char *ca_file; /* NULL: the system's */
    struct driver_config **drivers; /* chat, billing, notify in the order of the file; each is its driver's own struct */
    size_t n_drivers;
};

/* Adds every problem with its line; NULL only if the file could not be parsed. Secrets are read from {env: NAME} or
 * {file: PATH}; a plain value where a secret belongs is a problem. Plain http/ws/smtp base URLs only for loopback. */
struct config *config_load(const char *path, struct problems *p);
void config_free(struct config *c); /* wipes secrets */
const struct driver_config *config_driver(const struct config *c, const char *name); /* NULL when not configured */
const struct driver_config *config_first(const struct config *c, enum driver_kind kind);

#endif
