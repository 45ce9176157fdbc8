/* dunwell.yaml, read once at start. Read-only afterwards, so every thread may look at it. Owned by main. */
#ifndef DW_BOT_CONFIG_H
#define DW_BOT_CONFIG_H

#include "adapters/adapter.h"

struct config {
    char *path;
    char *listen_host;
    int listen_port;
    char *store; /* "sqlite:var/dunwell.db" */
    bool shadow;
    int64_t failover_ms; /* a card that a chat has not taken for so long goes to another */
    int64_t catch_up_ms; /* how often billing is asked for what no webhook told */
    char *accounts_file, *people_file, *policy_file; /* relative paths are relative to the configuration's folder */
    char *codes_file; /* secrets of one-time codes, beside the store (engine/enrolled.h) */
    char *ca_file;                                   /* NULL: the system's */
    struct driver_config *
        *drivers; /* chat, billing, notify in the order of the file; each is its driver's own struct */
    size_t n_drivers;
    struct problems
        warnings; /* worth a look, not worth stopping for; same form as problems, "FILE:LINE: warning: ..." */
};

/* Adds every problem with its line; NULL only if the file could not be parsed. Secrets are read from {env: NAME} or
 * {file: PATH}; a plain value where a secret belongs is a problem. Plain http/ws/smtp base URLs only for loopback. */
struct config *config_load(const char *path, struct problems *p);
/* The same from text; `path` is what messages say and whose folder relative paths start from. */
struct config *config_parse(struct span text, const char *path, struct problems *p);
void config_free(struct config *c);                                                  /* wipes secrets */
const struct driver_config *config_driver(const struct config *c, const char *name); /* NULL when not configured */
const struct driver_config *config_first(const struct config *c, enum driver_kind kind);
/* "approvals", "collections" or "shadow" of a chat; NULL when it has none. */
const char *config_channel(const struct driver_config *d, const char *name);
/* Are all required options there, and none refused? Of another driver nothing may be used: an option may be missing that has
 * a default, and the token would go to an address that is not encrypted. */
bool config_complete(const struct driver_config *d);
/* The value of a text, URL or secret option; NULL when it has none. */
const char *config_option(const struct driver_config *d, const char *name);
bool config_url_is_here(const char *url);              /* does it lead to this machine for certain? */
const char *config_store_path(const struct config *c); /* the file of "sqlite:FILE" */

#endif
