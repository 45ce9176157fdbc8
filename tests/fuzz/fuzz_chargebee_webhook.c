/* Chargebee's webhook, from the header and body as they come to the names that are kept.
 *
 * The input is a header line, a newline, and the body. What must hold: nobody without the password is believed (it is in no
 * seed, so no input may verify); where the scanner finds an event and the tree parser reads the body too, both see the same
 * id; a refusal has words. */
#include <assert.h>
#include <string.h>

#include "adapters/billing/chargebee.h"

static char user[] = "hook", secret[] = "a_password_that_is_in_no_seed";

static const char *one_header(const void *ctx, const char *name)
{
    (void)name;
    return ctx;
}

static bool ends(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static void check_event(const struct chargebee_config *config, struct span body)
{
    struct billing_event ev;
    struct err e = {.code = 0};
    memset(&ev, 0x5a, sizeof ev);
    if (chargebee_driver.event(config, body, &ev, &e) != 0) {
        assert(e.text[0]);
        return;
    }
    assert(ends(ev.id, sizeof ev.id) && ends(ev.type, sizeof ev.type) && ends(ev.customer, sizeof ev.customer) &&
           ends(ev.invoice, sizeof ev.invoice));
    assert(ev.id[0] && ev.created_ms > 0);
    json_auto_t *tree = json_read(body, NULL);
    assert(!tree || str_eq(json_str(tree, "id", ""), ev.id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct chargebee_config config = {.webhook_user = user, .webhook_password = secret};
    const char *text = (const char *)data, *line = size ? memchr(text, '\n', size) : NULL;
    size_t n = line ? (size_t)(line - text) : 0;
    char *header = str_ndup(n ? text : "", n);
    struct span body = {.p = line ? line + 1 : text, .n = line ? size - n - 1 : size};
    struct webhook hook = {.header = one_header, .ctx = header, .body = body};
    struct err e = {.code = 0};
    assert(chargebee_driver.verify(&config, &hook, 0, &e) == ERR_DENIED);
    assert(e.text[0] && !strstr(e.text, secret));
    check_event(&config, body);
    free(header);
    return 0;
}
