/* Asks a driver whether it believes webhooks. Compiled once for each driver (-DDRIVER=stripe_driver; build_drive in lib.sh), with
 * that driver's objects only.
 *
 *   NAME_verify CONFIG        CONFIG: options as JSON; a required one that is not there is fake
 *
 * Each line of stdin is a webhook: {"now_ms": 1793000000000, "headers": {"stripe-signature": HEX}, "query": {"secret": HEX}, "body": HEX}, bytes
 * in hexadecimal, because what was damaged on the way is no UTF-8. For each a line comes back: "good", or "denied WHY". */
#include <stdio.h>
#include <strings.h>

#include "tests/peers/options.h"

static struct buf bytes_of(const char *hex)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    for (unsigned byte; sscanf(hex, "%2x", &byte) == 1; hex += 2)
        buf_add(&out, (const char[]){(char)byte}, 1);
    return out;
}

/* Of the object in ctx, without case. What it holds is bytes by now, kept as text until the next line. */
static const char *value_of(const void *ctx, const char *name)
{
    static struct buf text;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)ctx, key, value) {
        if (strcasecmp(key, name) != 0)
            continue;
        buf_fini(&text);
        text = bytes_of(json_string_value(value));
        return buf_text(&text);
    }
    return NULL;
}

static const char *header_of(const void *ctx, const char *name)
{
    return value_of(json_object_get(ctx, "headers"), name);
}

static const char *query_of(const void *ctx, const char *name)
{
    return value_of(json_object_get(ctx, "query"), name);
}

static bool answer(const void *config, const char *line)
{
    struct err e;
    AUTO_JSON one = json_read(span_of(line), &e);
    if (!one) {
        fprintf(stderr, "%s\n", e.text);
        return false;
    }
    struct buf body = bytes_of(json_str(one, "body", ""));
    struct webhook hook = {.header = header_of, .query = query_of, .ctx = one, .body = {.p = buf_text(&body), .n = body.n},
                           .now_ms = json_i64(one, "now_ms", 0)};
    if (DRIVER.verify(config, &hook, hook.now_ms, &e) == 0)
        puts("good");
    else
        printf("denied %s\n", e.text);
    buf_fini(&body);
    return true;
}

int main(int argc, char **argv)
{
    struct err e;
    json_t *options = argc == 2 ? json_read(span_of(argv[1]), &e) : NULL;
    if (!options) {
        fprintf(stderr, "usage: %s CONFIG <WEBHOOKS\n", argv[0]);
        return 2;
    }
    void *config = config_new(options, "");
    char *line = NULL;
    size_t size = 0;
    bool ok = true;
    while (ok && getline(&line, &size, stdin) > 0)
        ok = answer(config, line);
    free(line);
    config_free(config);
    json_decref(options);
    return ok ? 0 : 1;
}
