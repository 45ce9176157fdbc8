/* Chargebee: the driver's table, and its webhooks.
 *
 * Chargebee does not sign what it posts. A webhook is believed for the user name and password that were set on its endpoint and
 * that come as HTTP Basic authentication with each call; both are needed, and they are compared by their hashes, in constant
 * time. Whoever reads the traffic could repeat a call, but a repeated event (same id, same time) is stored once, and an event
 * is only ever a hint: of the body just the names are taken (which event, which customer, which invoice), and what is true is
 * read back from the API. */
#include "adapters/billing/chargebee.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <strings.h>

#include "engine/scan.h"
#include "engine/when.h"

enum { HEADER_MAX = 2048, DIGEST_SIZE = 32 };

static bool digest_of(const char *text, unsigned char out[DIGEST_SIZE])
{
    return EVP_Digest(text, strlen(text), out, NULL, EVP_sha256(), NULL) == 1;
}

static bool same_secret(const char *a, const char *b)
{
    unsigned char x[DIGEST_SIZE], y[DIGEST_SIZE];
    return digest_of(a, x) && digest_of(b, y) && CRYPTO_memcmp(x, y, DIGEST_SIZE) == 0;
}

static int chargebee_verify(const void *config, const struct webhook *hook, int64_t now_ms, struct err *e)
{
    (void)now_ms;
    const struct chargebee_config *c = config;
    const char *header = hook->header(hook->ctx, "Authorization");
    if (!c->webhook_user || !*c->webhook_user || !c->webhook_password || !*c->webhook_password)
        return err_set(e, ERR_DENIED, "no webhook can be checked: webhook_user or webhook_password is empty");
    if (!header || !*header)
        return err_set(e, ERR_DENIED, "the Authorization header is missing: set the user name and password on Chargebee's webhook");
    if (strnlen(header, HEADER_MAX + 1) > HEADER_MAX)
        return err_set(e, ERR_DENIED, "the Authorization header is longer than %d bytes", HEADER_MAX);
    if (strncasecmp(header, "Basic ", 6) != 0)
        return err_set(e, ERR_DENIED, "the Authorization header is not Basic authentication");
    const char *given = header + 6 + strspn(header + 6, " ");
    AUTO_STR expected = rest_basic(c->webhook_user, c->webhook_password);
    bool good = same_secret(given, expected + 6);
    OPENSSL_cleanse(expected, strlen(expected));
    if (!good)
        return err_set(e, ERR_DENIED, "the user name or password is wrong: they must be those set on this very webhook in Chargebee");
    return 0;
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *type;
    int kind;
} kinds[] = {
    {"payment_failed", EVENT_PAYMENT_FAILED},
    {"payment_due_reminder", EVENT_PAYMENT_FAILED}, /* how an invoice without automatic collection becomes known as overdue */
    {"payment_succeeded", EVENT_PAID},
    {"invoice_updated", EVENT_CHANGED},
    {"invoice_deleted", EVENT_CHANGED},
    {"dunning_updated", EVENT_CHANGED},
    {"transaction_updated", EVENT_CHANGED},
    {"payment_refunded", EVENT_CHANGED},
    {"payment_source_added", EVENT_CHANGED},
    {"payment_source_updated", EVENT_CHANGED},
    {"payment_source_deleted", EVENT_CHANGED},
    {"payment_source_expiring", EVENT_CHANGED},
    {"payment_source_expired", EVENT_CHANGED},
    {"card_added", EVENT_CHANGED},
    {"card_updated", EVENT_CHANGED},
    {"card_expired", EVENT_CHANGED},
    {"card_expiry_reminder", EVENT_CHANGED},
    {"customer_changed", EVENT_CHANGED},
    {"customer_deleted", EVENT_CHANGED},
    {"subscription_changed", EVENT_CHANGED},
    {"subscription_cancelled", EVENT_CHANGED},
};

enum field { F_ID, F_TYPE, F_TIME, F_INVOICE, F_STATUS, F_CUSTOMER, F_COUNT = F_CUSTOMER + 6 };

static int copy_customer(const struct scan_field *f, struct billing_event *out)
{
    for (size_t i = F_CUSTOMER; i < F_COUNT && !out->customer[0]; i++)
        if (f[i].is_string && scan_copy(&f[i], out->customer, sizeof out->customer))
            return ERR_INVALID;
    return 0;
}

static int copy_names(const struct scan_field *f, struct billing_event *out, struct err *e)
{
    int64_t at = 0;
    if (!f[F_ID].is_string || scan_copy(&f[F_ID], out->id, sizeof out->id) || !out->id[0])
        return err_set(e, ERR_INVALID, "the event has no id");
    if (!scan_int(&f[F_TIME], &at) || at <= 0 || at > INT64_MAX / MS_SECOND)
        return err_set(e, ERR_INVALID, "the event has no time (occurred_at)");
    out->created_ms = at * MS_SECOND;
    if (!f[F_TYPE].is_string)
        return err_set(e, ERR_INVALID, "the event has no event_type");
    /* A type longer than any we know is only ever recorded, so its name may be left out. */
    if (scan_copy(&f[F_TYPE], out->type, sizeof out->type))
        str_copy(out->type, sizeof out->type, "unknown");
    if (copy_customer(f, out) || (f[F_INVOICE].is_string && scan_copy(&f[F_INVOICE], out->invoice, sizeof out->invoice)))
        return err_set(e, ERR_INVALID, "a customer or invoice id of the event is not one");
    return 0;
}

static int chargebee_event(const void *config, struct span body, struct billing_event *out, struct err *e)
{
    (void)config;
    struct scan_field f[F_COUNT] = {
        [F_ID] = {.path = "id"},
        [F_TYPE] = {.path = "event_type"},
        [F_TIME] = {.path = "occurred_at"},
        [F_INVOICE] = {.path = "content.invoice.id"},
        [F_STATUS] = {.path = "content.invoice.status"},
        [F_CUSTOMER] = {.path = "content.invoice.customer_id"},
        [F_CUSTOMER + 1] = {.path = "content.customer.id"},
        [F_CUSTOMER + 2] = {.path = "content.transaction.customer_id"},
        [F_CUSTOMER + 3] = {.path = "content.payment_source.customer_id"},
        [F_CUSTOMER + 4] = {.path = "content.subscription.customer_id"},
        [F_CUSTOMER + 5] = {.path = "content.card.customer_id"},
    };
    struct billing_event ev = {.kind = EVENT_OTHER};
    int rc = scan_json(body, f, F_COUNT);
    if (rc)
        return err_set(e, rc, rc == ERR_LIMIT ? "the body is too large or too deep" : "the body is not JSON that can be used");
    rc = copy_names(f, &ev, e);
    if (rc)
        return rc;
    for (size_t i = 0; i < DW_ARRAY_LEN(kinds); i++)
        if (str_eq(kinds[i].type, ev.type))
            ev.kind = (__typeof__(ev.kind))kinds[i].kind;
    bool paid = f[F_STATUS].is_string && span_is(f[F_STATUS].value, "paid");
    if (paid && str_eq(ev.type, "invoice_updated"))
        ev.kind = EVENT_PAID;
    *out = ev;
    return 0;
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static void chargebee_step(const void *config, const struct job *job, const struct http_response *previous, struct step *out)
{
    rest_step(&chargebee_vendor, config, job, previous, out);
}

#define AT(member) offsetof(struct chargebee_config, member)

static const struct option options[] = {
    {"site", OPTION_TEXT, AT(site), NULL, true, "Name of the site: acme or acme-test, as in acme-test.chargebee.com."},
    {"base_url", OPTION_URL, AT(base_url), NULL, false, "Where the API is, with /api/v2; made of the site when absent."},
    {"api_key", OPTION_SECRET, AT(api_key), NULL, true,
     "API key: read customers, invoices, transactions, payment sources and subscriptions; write invoices and hosted pages."},
    {"webhook_user", OPTION_TEXT, AT(webhook_user), NULL, true, "User name set on the webhook in Chargebee."},
    {"webhook_password", OPTION_SECRET, AT(webhook_password), NULL, true, "Password set on the webhook in Chargebee."},
    {"return_url", OPTION_URL, AT(return_url), NULL, false, "Where Chargebee's hosted pages send people back to."},
    {"declines", OPTION_DECLINES, AT(declines), NULL, false,
     "What the gateways' own codes mean, as \"3001=S\" or, of one gateway, \"braintree/2001=S\": H never again, N new data, A authenticate, S later, M our side."},
    {NULL, OPTION_TEXT, 0, NULL, false, NULL},
};

static const struct capability capabilities[] = {
    {"read", "native",
     "Customer, overdue invoices, payments with decline details, payment sources and subscription are read back; "
     "Chargebee names no card, so attempts are counted by brand and last four digits."},
    {"hold", "native",
     "Dunning of each overdue invoice is paused until the date; on it Chargebee itself tries to collect, and its final action follows "
     "where the dunning period is over by then."},
    {"release", "native", "Dunning is resumed where it ran before; a pause that a person had made is put back."},
    {"plan", "emulated", "Dunning is paused until two days after the last instalment, and Dunwell collects each part on its date."},
    {"collect", "native", "The invoice, or a part of it, is charged to the payment source and read back."},
    {"link", "native", "Chargebee's hosted page to pay what is due, or to change the payment source."},
    {"credit", "native", "An adjustment credit note lowers what is due; the reason goes into a comment, which the customer does not read."},
    {"write_off", "native", "The rest of the invoice is written off; Chargebee shows it as paid, with the amount that was written off."},
    {"defer", "native", "Dunning of the invoice is paused until the date; on it Chargebee itself tries to collect."},
    {"note", "native", "A comment on the invoice or the customer."},
    {"catch_up", "native", "Chargebee's events are listed since a moment, with the ids their webhooks have."},
    {"overdue", "native", "Invoices with something due, past their due date."},
    {NULL, NULL, NULL},
};

const struct driver chargebee_driver = {
    .name = "chargebee",
    .kind = DRIVER_BILLING,
    .summary = "Chargebee Billing: invoices, dunning, payments, webhooks",
    .options = options,
    .config_size = sizeof(struct chargebee_config),
    .capabilities = capabilities,
    .webhook_hint = "Authorization",
    .step = chargebee_step,
    .verify = chargebee_verify,
    .event = chargebee_event,
};
