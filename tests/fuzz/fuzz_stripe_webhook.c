/* Stripe's webhook, from the header and body as they come (webhook_input.h) to the names that are kept. Where the scanner finds an event and
 * the tree parser reads the body too, both see the same id, and the event has the sender's time. */
#include "adapters/billing/stripe.h"
#include "tests/fuzz/webhook_input.h"

static char secret[] = "whsec_a_secret_that_is_in_no_seed";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct stripe_config config = {.webhook_secret = secret};
    struct webhook hook;
    struct billing_event ev;
    AUTO_STR shown = webhook_read(&hook, data, size);
    assert(shown);
    webhook_judge(&stripe_driver, &config, &hook, INT64_C(1793000000000), secret, false);
    if (webhook_event(&stripe_driver, &config, &hook, &ev)) {
        json_auto_t *tree = json_read(hook.body, NULL);
        assert(ev.created_ms > 0 && (!tree || str_eq(json_str(tree, "id", ""), ev.id)));
    }
    return 0;
}
