/* Recurly's webhook, from the header and body as they come to the names that are kept.
 *
 * The input is a header line, a newline, and the body. What must hold: nothing unsigned is believed (the key is in no seed,
 * so no input may verify); where the scanner finds an event and the tree parser reads the body too, its id is part of the event's
 * id; a refusal has words; and the reader of decimals takes any body. */
#include <assert.h>
#include <string.h>

#include "adapters/billing/recurly.h"

static char secret[] = "a_key_that_is_in_no_seed";

static const char *one_header(const void *ctx, const char *name)
{
    (void)name;
    return ctx;
}

static bool ends(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static void check_event(const struct recurly_config *config, struct span body)
{
    struct billing_event ev;
    struct err e = {.code = 0};
    json_auto_t *exact = recurly_json(body);
    int64_t minor = 0;
    assert(recurly_minor(&minor, exact, "balance", "USD") <= 0);
    memset(&ev, 0x5a, sizeof ev);
    if (recurly_driver.event(config, body, &ev, &e) != 0) {
        assert(e.text[0]);
        return;
    }
    assert(ends(ev.id, sizeof ev.id) && ends(ev.type, sizeof ev.type) && ends(ev.customer, sizeof ev.customer) &&
           ends(ev.invoice, sizeof ev.invoice));
    bool timed = ev.created_ms > 0; /* a payment ends once, whoever tells when */
    assert(ev.id[0] && (timed || strncmp(ev.type, "payment.", 8) == 0));
    json_auto_t *tree = json_read(body, NULL);
    assert(!tree || strstr(ev.id, json_str(tree, timed ? "id" : "uuid", "-")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct recurly_config config = {.webhook_secret = secret};
    const char *text = (const char *)data, *line = size ? memchr(text, '\n', size) : NULL;
    size_t n = line ? (size_t)(line - text) : 0;
    char *header = str_ndup(n ? text : "", n);
    struct span body = {.p = line ? line + 1 : text, .n = line ? size - n - 1 : size};
    struct webhook hook = {.header = one_header, .ctx = header, .body = body};
    struct err e = {.code = 0};
    assert(recurly_driver.verify(&config, &hook, 0, &e) == ERR_DENIED);
    assert(e.text[0] && !strstr(e.text, secret));
    check_event(&config, body);
    free(header);
    return 0;
}
