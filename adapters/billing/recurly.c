/* Recurly: the driver's table, and its webhooks.
 *
 * A webhook is believed for its signature alone: "recurly-signature: TIME,HEX[,HEX]", each HEX an HMAC-SHA256 over "TIME.body"
 * with the endpoint's secret (two of them for a day after the secret was changed), compared in constant time, within 300
 * seconds of now. TIME is in milliseconds by Recurly's text and in its client libraries; the sample on the same page shows
 * seconds. Both are taken: the time is signed as it was sent, so reading it in the unit that makes sense weakens nothing,
 * and no number is a likely time in both units (a present time in seconds, read as milliseconds, is in 1970).
 *
 * Bodies are thin: which kind of object, which event, and the number of the invoice or the uuid of the payment, mostly without
 * the account. The id in the body is the object's, not the event's (that one is in a header, which is not signed), so an
 * event is known by what happened to what and when; a payment's end by the payment alone. Without an account the event carries only the reference, and the
 * operation `resolve` finds whose it is. */
#include "adapters/billing/recurly.h"

#include <stdio.h>
#include <string.h>

#include "adapters/billing/signature.h"
#include "engine/scan.h"
#include "engine/when.h"

#define TOLERANCE_MS (300 * MS_SECOND)
#define SECONDS_END INT64_C(100000000000) /* a smaller number is seconds: as milliseconds it would be before March 1973 */

enum { HEADER_MAX = 2048, SIGNATURES_MAX = 8, TIME_DIGITS_MAX = 15 };

static struct span next_part(const char **p, size_t *left)
{
    const char *comma = memchr(*p, ',', *left);
    struct span part = {.p = *p, .n = comma ? (size_t)(comma - *p) : *left};
    size_t used = part.n + (comma ? 1 : 0);
    *p += used;
    *left -= used;
    while (part.n > 0 && *part.p == ' ') {
        part.p++;
        part.n--;
    }
    return part;
}

static bool read_time(struct span text, int64_t *ms)
{
    int64_t number = 0;
    if (text.n == 0 || text.n > TIME_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        number = number * 10 + (text.p[i] - '0');
    }
    *ms = number < SECONDS_END ? number * MS_SECOND : number;
    return true;
}

static int recurly_verify(const void *config, const struct webhook *hook, int64_t now_ms, struct err *e)
{
    const struct recurly_config *c = config;
    const char *p = hook->header(hook->ctx, "recurly-signature");
    unsigned char expected[SIGNATURE_SIZE], given[SIGNATURE_SIZE];
    int64_t signed_ms = 0;
    bool good = false;
    if (!p || !*p)
        return err_set(e, ERR_DENIED, "the recurly-signature header is missing: only Recurly posts here, and in JSON (XML is not signed)");
    size_t left = strnlen(p, HEADER_MAX + 1);
    if (left > HEADER_MAX)
        return err_set(e, ERR_DENIED, "the recurly-signature header is longer than %d bytes", HEADER_MAX);
    struct span time = next_part(&p, &left);
    if (!read_time(time, &signed_ms))
        return err_set(e, ERR_DENIED, "the recurly-signature header does not begin with a time");
    if (!signature_of(c->webhook_secret, time, hook->body, expected))
        return err_set(e, ERR_DENIED, "no signature can be checked: webhook_secret is empty");
    for (int i = 0; i < SIGNATURES_MAX && left > 0; i++)
        if (signature_read(next_part(&p, &left), given))
            good |= signature_same(expected, given);
    if (!good)
        return err_set(e, ERR_DENIED, "no signature fits: is webhook_secret the key of this very endpoint?");
    if (signed_ms < now_ms - TOLERANCE_MS)
        return err_set(e, ERR_DENIED, "signed more than 300 s ago: an old delivery sent again, or this machine's clock is ahead");
    if (signed_ms > now_ms + TOLERANCE_MS)
        return err_set(e, ERR_DENIED, "signed more than 300 s in the future: this machine's clock is behind");
    return 0;
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *object, *event; /* event NULL: every other one */
    int kind;
} kinds[] = {
    {"payment", "failed", EVENT_PAYMENT_FAILED},
    {"payment", "succeeded", EVENT_PAID},
    {"payment", NULL, EVENT_CHANGED},
    {"dunning_event", "created", EVENT_PAYMENT_FAILED},
    {"charge_invoice", "past_due", EVENT_PAYMENT_FAILED},
    {"charge_invoice", "paid", EVENT_PAID},
    {"charge_invoice", "voided", EVENT_PAID},
    {"charge_invoice", "failed", EVENT_PAID}, /* closed as bad debt: nothing is open any more */
    {"charge_invoice", "created", EVENT_OTHER},
    {"charge_invoice", NULL, EVENT_CHANGED},
    {"invoice", "past_due", EVENT_PAYMENT_FAILED},
    {"invoice", "closed", EVENT_PAID},
    {"billing_info", NULL, EVENT_CHANGED},
    {"account", "updated", EVENT_CHANGED},
    {"account", "closed", EVENT_CHANGED},
    {"subscription", "canceled", EVENT_CHANGED},
    {"subscription", "expired", EVENT_CHANGED},
};

static int kind_of(const char *object, const char *event)
{
    for (size_t i = 0; i < DW_ARRAY_LEN(kinds); i++)
        if (str_eq(kinds[i].object, object) && (!kinds[i].event || str_eq(kinds[i].event, event)))
            return kinds[i].kind;
    return EVENT_OTHER;
}

enum field { F_ID, F_OBJECT, F_EVENT, F_TIME, F_UUID, F_NUMBER, F_ACCOUNT, F_COUNT };

/* "payment.failed/ra93x2i8g69t/2022-07-27T00:17:45Z": the same on each redelivery, and of no other event. */
static int name_event(const struct scan_field *f, struct billing_event *out, struct err *e)
{
    char id[40], time[40], object[32], event[31];
    if (!f[F_ID].is_string || scan_copy(&f[F_ID], id, sizeof id) || !id[0])
        return err_set(e, ERR_INVALID, "the event has no id");
    if (!f[F_TIME].is_string || scan_copy(&f[F_TIME], time, sizeof time) || when_of_rfc3339(time) <= 0)
        return err_set(e, ERR_INVALID, "the event has no time (event_time)");
    if (!f[F_OBJECT].is_string || !f[F_EVENT].is_string || scan_copy(&f[F_OBJECT], object, sizeof object) || scan_copy(&f[F_EVENT], event, sizeof event))
        return err_set(e, ERR_INVALID, "the event has no object_type or event_type");
    snprintf(out->type, sizeof out->type, "%s.%s", object, event);
    int n = snprintf(out->id, sizeof out->id, "%.40s/%s/%s", out->type, id, time);
    if (n < 0 || (size_t)n >= sizeof out->id)
        return err_set(e, ERR_INVALID, "the event's names are too long");
    out->created_ms = when_of_rfc3339(time);
    out->kind = (__typeof__(out->kind))kind_of(object, event);
    return 0;
}

/* The invoice's number comes as a number or as text. A payment without one is named by its uuid, to be resolved. */
static int name_reference(const struct scan_field *f, struct billing_event *out, struct err *e)
{
    char text[100] = "";
    int64_t number = 0;
    if (f[F_ACCOUNT].is_string && scan_copy(&f[F_ACCOUNT], out->customer, sizeof out->customer))
        return err_set(e, ERR_INVALID, "the event's account is not one");
    if (scan_int(&f[F_NUMBER], &number) && number > 0)
        snprintf(text, sizeof text, "%lld", (long long)number);
    else if (f[F_NUMBER].is_string && scan_copy(&f[F_NUMBER], text, sizeof text))
        return err_set(e, ERR_INVALID, "the event's invoice number is not one");
    if (text[0]) {
        snprintf(out->invoice, sizeof out->invoice, "number-%s", text);
        return 0;
    }
    if (strncmp(out->type, "payment.", 8) != 0 || !f[F_UUID].is_string)
        return 0;
    if (scan_copy(&f[F_UUID], text, sizeof text) || !text[0])
        return err_set(e, ERR_INVALID, "the event's uuid is not one");
    snprintf(out->invoice, sizeof out->invoice, "uuid-%s", text);
    return 0;
}

/* A payment is declined, or goes through, once: whoever tells of it, a webhook or a reading of what was missed (whose times may
 * differ by a second), it is the same event. */
static int name_payment(const struct scan_field *f, struct billing_event *out, struct err *e)
{
    char uuid[48];
    if ((!str_eq(out->type, "payment.failed") && !str_eq(out->type, "payment.succeeded")) || !f[F_UUID].is_string)
        return 0;
    if (scan_copy(&f[F_UUID], uuid, sizeof uuid) || !uuid[0])
        return err_set(e, ERR_INVALID, "the event's uuid is not one");
    snprintf(out->id, sizeof out->id, "%s/uuid-%s", out->type, uuid);
    out->created_ms = 0;
    return 0;
}

static int recurly_event(const void *config, struct span body, struct billing_event *out, struct err *e)
{
    (void)config;
    struct scan_field f[F_COUNT] = {
        [F_ID] = {.path = "id"},           [F_OBJECT] = {.path = "object_type"},    [F_EVENT] = {.path = "event_type"},     [F_TIME] = {.path = "event_time"},
        [F_UUID] = {.path = "uuid"},       [F_NUMBER] = {.path = "invoice_number"}, [F_ACCOUNT] = {.path = "account_code"},
    };
    struct billing_event ev = {.kind = EVENT_OTHER};
    int rc = scan_json(body, f, F_COUNT);
    if (rc)
        return err_set(e, rc, rc == ERR_LIMIT ? "the body is too large or too deep" : "the body is not JSON that can be used");
    rc = name_event(f, &ev, e);
    if (rc == 0)
        rc = name_reference(f, &ev, e);
    if (rc == 0)
        rc = name_payment(f, &ev, e);
    if (rc == 0)
        *out = ev;
    return rc;
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

static void recurly_step(const void *config, const struct job *job, const struct http_response *previous, struct step *out)
{
    rest_step(&recurly_vendor, config, job, previous, out);
}

#define AT(member) offsetof(struct recurly_config, member)

static const struct option options[] = {
    {"base_url", OPTION_URL, AT(base_url), "https://v3.recurly.com", false, "Where the API is; https://v3.eu.recurly.com for sites in Europe."},
    {"api_key", OPTION_SECRET, AT(api_key), NULL, true, "Private API key of the site."},
    {"webhook_secret", OPTION_SECRET, AT(webhook_secret), NULL, true, "Key of the webhook endpoint, which must send JSON."},
    {"subdomain", OPTION_TEXT, AT(subdomain), NULL, true, "The site's name, as in NAME.recurly.com: where the hosted account pages are."},
    {NULL, OPTION_TEXT, 0, NULL, false, NULL},
};

static const struct capability capabilities[] = {
    {"read", "native",
     "Account, invoices past due, billing infos and transactions with decline codes are read back; "
     "Recurly names no card, so attempts are counted by brand and last four digits."},
    {"hold", "manual", "Recurly has no way to stop dunning by API: press Stop Dunning for these invoices in the Recurly console."},
    {"release", "manual", "Recurly has no way to begin dunning again by API: decide in the Recurly console what is to happen with these invoices."},
    {"plan", "emulated",
     "Only where each instalment is one whole invoice, which Dunwell collects on its day; Stop Dunning must be pressed in the Recurly console."},
    {"collect", "native", "The invoice as a whole is charged to the billing info and read back; Recurly charges no parts."},
    {"link", "native", "Recurly's hosted account page, where people pay and change their card."},
    {"credit", "native",
     "A credit invoice over the amount is made for the account and applied to the invoice; only while the account has no other credit. The reason stays out of what the "
     "customer reads."},
    {"write_off", "native", "The invoice is closed as bad debt (mark failed); Recurly cannot open it again."},
    {"defer", "native", "The invoice's payment terms are lengthened so that it is due on that day; 999 days at most."},
    {"note", "native", "A note of the account, with the invoice's number."},
    {"catch_up", "native", "Payments that were declined or went through since a moment; Recurly's other events are not listed by it."},
    {"overdue", "native", "Invoices past due, of all accounts."},
    {"resolve", "native", "Recurly's events name an invoice or a payment only; whose it is, is read."},
    {NULL, NULL, NULL},
};

const struct driver recurly_driver = {
    .name = "recurly",
    .kind = DRIVER_BILLING,
    .summary = "Recurly: invoices, payments, webhooks; stopping dunning stays a person's work",
    .options = options,
    .config_size = sizeof(struct recurly_config),
    .capabilities = capabilities,
    .webhook_hint = "recurly-signature",
    .step = recurly_step,
    .verify = recurly_verify,
    .event = recurly_event,
};
