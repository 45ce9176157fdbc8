/* Recurly's webhook, from the header and body as they come (webhook_input.h) to the names that are kept. Where the scanner finds an
 * event and the tree parser reads the body too, the object's id is part of the event's id, or for a payment's end its uuid; only
 * such a one has no time of its own. The reader of decimals takes any body. */
#include "adapters/billing/recurly.h"
#include "tests/fuzz/webhook_input.h"

static char secret[] = "a_key_that_is_in_no_seed";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct recurly_config config = {.webhook_secret = secret};
    struct webhook hook;
    struct billing_event ev;
    AUTO_STR shown = webhook_read(&hook, data, size);
    assert(shown);
    json_auto_t *exact = recurly_json(hook.body);
    int64_t minor = 0;
    assert(recurly_minor(&minor, exact, "balance", "USD") <= 0);
    webhook_judge(&recurly_driver, &config, &hook, 0, secret, false);
    if (webhook_event(&recurly_driver, &config, &hook, &ev)) {
        json_auto_t *tree = json_read(hook.body, NULL);
        assert(!tree || strstr(ev.id, json_str(tree, ev.created_ms ? "id" : "uuid", "-")));
        assert(ev.created_ms || str_eq(ev.type, "payment.failed") || str_eq(ev.type, "payment.succeeded"));
    }
    return 0;
}
