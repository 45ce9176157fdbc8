/* Kill Bill's notification, from the secret of its address and its body as they come to the names that are kept.
 *
 * The input is a secret, a newline, and the body. What must hold: no secret but the right one is believed; where
 * there is an event it has a hash and the same body the same one, without a look at the time when it has metadata; the tree parser, if
 * it reads the body at all, sees the same type; a refusal has words. */
#include <assert.h>
#include <string.h>

#include "adapters/billing/killbill.h"

static const char *one_query(const void *ctx, const char *name)
{
    (void)name;
    return ctx;
}

static bool ends(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static void check_event(const struct killbill_config *config, struct webhook hook)
{
    struct billing_event ev, again;
    struct err e = {.code = 0};
    memset(&ev, 0x5a, sizeof ev);
    hook.now_ms = 1;
    if (killbill_driver.event_of(config, &hook, &ev, &e) != 0) {
        assert(e.text[0]);
        return;
    }
    assert(ends(ev.id, sizeof ev.id) && ends(ev.type, sizeof ev.type) && ends(ev.customer, sizeof ev.customer) &&
           ends(ev.invoice, sizeof ev.invoice));
    assert(strlen(ev.id) == 64 && ev.type[0] && ev.created_ms >= 0);
    json_auto_t *tree = json_read(hook.body, NULL);
    assert(!tree || str_eq(ev.type, "unknown") || str_eq(json_str(tree, "eventType", ""), ev.type));
    hook.now_ms = INT64_C(1793000000000);
    int rc = killbill_driver.event_of(config, &hook, &again, &e);
    assert(rc == 0 && (!tree || str_eq(ev.id, again.id) == (json_str(tree, "metaData", NULL) != NULL)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char secret[] = "aSecretOfOurOwn";
    const struct killbill_config config = {.webhook_secret = secret};
    const char *text = (const char *)data, *line = size ? memchr(text, '\n', size) : NULL;
    size_t n = line ? (size_t)(line - text) : 0;
    char *given = str_ndup(n ? text : "", n);
    struct span body = {.p = line ? line + 1 : text, .n = line ? size - n - 1 : size};
    struct webhook hook = {.query = one_query, .ctx = given, .body = body};
    struct err e = {.code = 0};
    int rc = killbill_driver.verify(&config, &hook, 1, &e);
    assert(rc == (str_eq(given, secret) ? 0 : ERR_DENIED)); /* a fuzzer learns it from the comparison */
    assert(rc == 0 || (e.text[0] && !strstr(e.text, secret)));
    check_event(&config, hook);
    free(given);
    return 0;
}
