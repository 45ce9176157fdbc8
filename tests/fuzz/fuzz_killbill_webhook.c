/* Kill Bill's notification, from the secret of its address and its body as they come (webhook_input.h) to the names that are kept. A
 * fuzzer learns the secret from the comparison, so it may be known. An event has a hash, or the name of its transaction; the same
 * body has the same one, without a look at the time when it has metadata; the tree parser, if it reads the body at all, sees the same type. */
#include "adapters/billing/killbill.h"
#include "tests/fuzz/webhook_input.h"

static char secret[] = "aSecretOfOurOwn";

static bool is_transaction(const struct billing_event *ev)
{
    return strchr(ev->id, '/') && ev->created_ms == 0 && strncmp(ev->type, "PAYMENT_", 8) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct killbill_config config = {.webhook_secret = secret};
    struct webhook hook;
    struct billing_event ev, again;
    AUTO_STR shown = webhook_read(&hook, data, size);
    webhook_judge(&killbill_driver, &config, &hook, 1, secret, str_eq(shown, secret));
    hook.now_ms = 1;
    if (!webhook_event(&killbill_driver, &config, &hook, &ev))
        return 0;
    assert(strlen(ev.id) == 64 || is_transaction(&ev));
    json_auto_t *tree = json_read(hook.body, NULL);
    assert(!tree || str_eq(ev.type, "unknown") || str_eq(json_str(tree, "eventType", ""), ev.type));
    hook.now_ms = INT64_C(1793000000000);
    bool same = webhook_event(&killbill_driver, &config, &hook, &again) && str_eq(ev.id, again.id);
    assert(!tree || same == (json_str(tree, "metaData", NULL) != NULL));
    return 0;
}
