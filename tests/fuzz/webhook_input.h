/* A webhook from a fuzzer's bytes: what it shows for itself (a header, or the secret of an address) up to the first newline, and the
 * body after it. And what holds for every system: whoever does not know the secret, which is in no seed, is not believed, and the
 * words for that do not hold it; an event is whole, or refused in words. */
#ifndef DW_FUZZ_WEBHOOK_INPUT_H
#define DW_FUZZ_WEBHOOK_INPUT_H

#include <assert.h>
#include <string.h>

#include "adapters/adapter.h"

/* Whatever it is asked for: the one thing there is. */
static const char *webhook_shows(const void *ctx, const char *name)
{
    (void)name;
    return ctx;
}

/* hook->ctx is the caller's to free. */
static char *webhook_read(struct webhook *hook, const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *line = size ? memchr(text, '\n', size) : NULL;
    size_t n = line ? (size_t)(line - text) : 0;
    char *shown = str_ndup(n ? text : "", n);
    *hook = (struct webhook){.header = webhook_shows, .query = webhook_shows, .ctx = shown,
                             .body = {.p = line ? line + 1 : text, .n = line ? size - n - 1 : size}};
    return shown;
}

static void webhook_judge(const struct driver *driver, const void *config, const struct webhook *hook, int64_t now_ms, const char *secret, bool knows)
{
    struct err e = {.code = 0};
    int rc = driver->verify(config, hook, now_ms, &e);
    assert(rc == (knows ? 0 : ERR_DENIED));
    assert(rc == 0 || (e.text[0] && !strstr(e.text, secret)));
}

static bool webhook_ends(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

/* False: refused, in words. */
static bool webhook_event(const struct driver *driver, const void *config, const struct webhook *hook, struct billing_event *ev)
{
    struct err e = {.code = 0};
    memset(ev, 0x5a, sizeof *ev);
    if ((driver->event_of ? driver->event_of(config, hook, ev, &e) : driver->event(config, hook->body, ev, &e)) != 0) {
        assert(e.text[0]);
        return false;
    }
    assert(webhook_ends(ev->id, sizeof ev->id) && webhook_ends(ev->type, sizeof ev->type) && webhook_ends(ev->customer, sizeof ev->customer) &&
           webhook_ends(ev->invoice, sizeof ev->invoice));
    assert(ev->id[0] && ev->type[0] && ev->created_ms >= 0);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
