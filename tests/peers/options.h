/* A driver's configuration from options given as JSON, for the programs of this folder (compiled with -DDRIVER=NAME_driver). A
 * required option that nobody gave is plainly fake. */
#ifndef DW_TESTS_PEERS_OPTIONS_H
#define DW_TESTS_PEERS_OPTIONS_H

#include <string.h>

#include "adapters/adapter.h"

/* What a required option is when nobody gives it: what the fakes expect, and plainly no secret. */
static const char *fake_value(const struct option *o)
{
    static const char *const known[][2] = {{"secret_key", "sk_test_fake"}, {"webhook_secret", "whsec_fake"}, {"api_key", "key_fake"},
                                           {"site", "acme-test"}};
    for (size_t i = 0; i < DW_ARRAY_LEN(known); i++)
        if (strcmp(known[i][0], o->name) == 0)
            return known[i][1];
    return o->required ? "fake" : NULL;
}

static char **option_at(void *config, const struct option *o)
{
    return (char **)(void *)((char *)config + o->offset);
}

static void *config_new(const json_t *options, const char *base_url)
{
    struct driver_config *config = mem_alloc(DRIVER.config_size);
    *config = (struct driver_config){.driver = &DRIVER, .name = DRIVER.name};
    for (const struct option *o = DRIVER.options; o->name; o++) {
        const char *value = json_str(options, o->name, o->otherwise ? o->otherwise : fake_value(o));
        bool address = strcmp(o->name, "base_url") == 0 || strcmp(o->name, "homeserver") == 0;
        json_t *list = o->type == OPTION_CHANNELS ? json_deep_copy(json_object_get(options, o->name)) : NULL;
        if (o->type == OPTION_CHANNELS)
            memcpy((char *)config + o->offset, &list, sizeof list);
        else
            *option_at(config, o) = str_dup(address ? base_url : value);
    }
    if (DRIVER.open_session)
        config->session = DRIVER.open_session(config);
    return config;
}

static void config_free(void *config)
{
    struct driver_config *base = config;
    if (base->session)
        DRIVER.close_session(base->session);
    for (const struct option *o = DRIVER.options; o->name; o++) {
        if (o->type == OPTION_CHANNELS)
            json_decref(*(json_t **)(void *)option_at(config, o));
        else
            free(*option_at(config, o));
    }
    free(config);
}

#endif
