/* Stripe: the driver's table, and its webhooks.
 *
 * A webhook is believed for its signature alone: HMAC-SHA256 over "time.body" with the endpoint's secret, compared in
 * constant time, within 300 s of now in both directions. The header may carry several v1 values (two secrets live for a
 * day after a roll) and schemes of other kinds, which are ignored: v0 is Stripe's test scheme, and anyone can make one.
 *
 * The event itself is only a hint. Payloads are rendered in the endpoint's own API version, come late and out of order,
 * and hold no decline codes; so of the body only the names are taken (which event, which customer, which invoice), with the
 * scanner, and what is true is read back later. */
#include "adapters/billing/stripe.h"

#include <string.h>

#include "adapters/billing/signature.h"
#include "engine/scan.h"
#include "engine/when.h"

#define TOLERANCE_MS (300 * MS_SECOND)

enum { HEADER_MAX = 2048, SIGNATURES_MAX = 16, TIME_DIGITS_MAX = 12 };

struct signatures {
    struct span time; /* as sent: it is part of what was signed */
    int64_t signed_ms;
    unsigned char macs[SIGNATURES_MAX][SIGNATURE_SIZE];
    size_t n;
};

static bool read_time(struct span text, int64_t *ms)
{
    int64_t seconds = 0;
    if (text.n == 0 || text.n > TIME_DIGITS_MAX)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        seconds = seconds * 10 + (text.p[i] - '0');
    }
    *ms = seconds * MS_SECOND;
    return true;
}

/* One "name=value" of the header. False only when the header contradicts itself. */
static bool read_pair(struct span pair, struct signatures *s)
{
    const char *eq = memchr(pair.p, '=', pair.n);
    if (!eq)
        return true;
    struct span name = {.p = pair.p, .n = (size_t)(eq - pair.p)};
    struct span value = {.p = eq + 1, .n = pair.n - name.n - 1};
    if (span_is(name, "t")) {
        if (s->time.p)
            return false;
        s->time = value;
        return read_time(value, &s->signed_ms);
    }
    if (span_is(name, "v1") && s->n < SIGNATURES_MAX && signature_read(value, s->macs[s->n]))
        s->n++;
    return true;
}

static int read_header(const char *header, struct signatures *s, struct err *e)
{
    if (!header || !*header)
        return err_set(e, ERR_DENIED, "the Stripe-Signature header is missing: only Stripe posts here");
    size_t left = strnlen(header, HEADER_MAX + 1);
    if (left > HEADER_MAX)
        return err_set(e, ERR_DENIED, "the Stripe-Signature header is longer than %d bytes", HEADER_MAX);
    while (left > 0) {
        const char *comma = memchr(header, ',', left);
        struct span pair = {.p = header, .n = comma ? (size_t)(comma - header) : left};
        size_t used = pair.n + (comma ? 1 : 0);
        header += used;
        left -= used;
        while (pair.n > 0 && *pair.p == ' ') {
            pair.p++;
            pair.n--;
        }
        if (!read_pair(pair, s))
            return err_set(e, ERR_DENIED, "the Stripe-Signature header's time (t=) is not one number of seconds");
    }
    if (!s->time.p)
        return err_set(e, ERR_DENIED, "the Stripe-Signature header has no time (t=)");
    if (s->n == 0)
        return err_set(e, ERR_DENIED, "the Stripe-Signature header has no usable v1 signature");
    return 0;
}

static int stripe_verify(const void *config, const struct webhook *hook, int64_t now_ms, struct err *e)
{
    const struct stripe_config *c = config;
    struct signatures s = {.n = 0};
    int rc = read_header(hook->header(hook->ctx, "Stripe-Signature"), &s, e);
    if (rc)
        return rc;
    unsigned char expected[SIGNATURE_SIZE];
    if (!signature_of(c->webhook_secret, s.time, hook->body, expected))
        return err_set(e, ERR_DENIED, "no signature can be checked: webhook_secret is empty");
    bool good = false;
    for (size_t i = 0; i < s.n; i++)
        good |= signature_same(expected, s.macs[i]);
    if (!good)
        return err_set(e, ERR_DENIED, "no v1 signature fits: is webhook_secret the signing secret of this very endpoint?");
    if (s.signed_ms < now_ms - TOLERANCE_MS)
        return err_set(e, ERR_DENIED, "signed more than 300 s ago: an old delivery sent again, or this machine's clock is ahead");
    if (s.signed_ms > now_ms + TOLERANCE_MS)
        return err_set(e, ERR_DENIED, "signed more than 300 s in the future: this machine's clock is behind");
    return 0;
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *type;
    int kind;
} kinds[] = {
    {"invoice.payment_failed", EVENT_PAYMENT_FAILED},
    {"invoice.payment_action_required", EVENT_PAYMENT_FAILED},
    {"payment_intent.payment_failed", EVENT_PAYMENT_FAILED},
    {"charge.failed", EVENT_PAYMENT_FAILED},
    {"invoice.overdue", EVENT_PAYMENT_FAILED},
    {"invoice.paid", EVENT_PAID},
    {"invoice.payment_succeeded", EVENT_PAID},
    {"invoice_payment.paid", EVENT_PAID},
    {"invoice.voided", EVENT_PAID},
    {"invoice.marked_uncollectible", EVENT_PAID},
    {"invoice.updated", EVENT_CHANGED},
    {"customer.updated", EVENT_CHANGED},
    {"payment_method.attached", EVENT_CHANGED},
    {"payment_method.updated", EVENT_CHANGED},
    {"payment_method.automatically_updated", EVENT_CHANGED},
    {"customer.subscription.updated", EVENT_CHANGED},
    {"customer.subscription.deleted", EVENT_CHANGED},
    {"charge.dispute.created", EVENT_CHANGED},
    {"charge.dispute.closed", EVENT_CHANGED},
};

/* Stripe takes twenty of them in one question. */
static_assert(DW_ARRAY_LEN(kinds) <= 20, "too many types of events for one list of them");

const char *stripe_event_type(size_t i)
{
    return i < DW_ARRAY_LEN(kinds) ? kinds[i].type : NULL;
}

enum field { F_ID, F_TYPE, F_CREATED, F_OBJECT, F_OBJECT_ID, F_CUSTOMER, F_CUSTOMER_ID, F_INVOICE, F_INVOICE_ID, F_CHARGE, F_CHARGE_ID, F_COUNT };

static bool field_is(const struct scan_field *f, const char *text)
{
    return f->is_string && !f->has_escape && span_is(f->value, text);
}

/* An id as text, or as the id of an expanded object; left empty when it is neither. */
static int copy_id(const struct scan_field *plain, const struct scan_field *expanded, char *out, size_t size)
{
    const struct scan_field *f = plain->is_string ? plain : expanded;
    return f->is_string ? scan_copy(f, out, size) : 0;
}

/* A dispute names the charge, which stands in the place of the invoice: whose it is can be read (stripe_resolve.c). What else names no
 * customer is left alone, and an invoice's payment is one of those: the invoice's own events tell the same. */
static int copy_names(const struct scan_field *f, struct billing_event *out)
{
    if (field_is(&f[F_OBJECT], "dispute"))
        return copy_id(&f[F_CHARGE], &f[F_CHARGE_ID], out->invoice, sizeof out->invoice);
    if (field_is(&f[F_OBJECT], "invoice_payment"))
        return 0;
    bool is_customer = field_is(&f[F_OBJECT], "customer"), is_invoice = field_is(&f[F_OBJECT], "invoice");
    int rc = copy_id(&f[is_customer ? F_OBJECT_ID : F_CUSTOMER], &f[F_CUSTOMER_ID], out->customer, sizeof out->customer);
    return rc ? rc : copy_id(&f[is_invoice ? F_OBJECT_ID : F_INVOICE], &f[F_INVOICE_ID], out->invoice, sizeof out->invoice);
}

/* Seconds; in what is told of Stripe's second API ("v2.core...", which an endpoint may be set to as well) a text. 0: none. */
static int64_t created_ms(const struct scan_field *f)
{
    char text[WHEN_TEXT_SIZE];
    int64_t seconds = 0;
    if (f->is_string && f->value.p)
        return scan_copy(f, text, sizeof text) == 0 ? when_of_rfc3339(text) : 0;
    return scan_int(f, &seconds) && seconds > 0 && seconds <= INT64_MAX / MS_SECOND ? seconds * MS_SECOND : 0;
}

static int stripe_event(const void *config, struct span body, struct billing_event *out, struct err *e)
{
    (void)config;
    struct scan_field f[F_COUNT] = {
        [F_ID] = {.path = "id"},
        [F_TYPE] = {.path = "type"},
        [F_CREATED] = {.path = "created"},
        [F_OBJECT] = {.path = "data.object.object"},
        [F_OBJECT_ID] = {.path = "data.object.id"},
        [F_CUSTOMER] = {.path = "data.object.customer"},
        [F_CUSTOMER_ID] = {.path = "data.object.customer.id"},
        [F_INVOICE] = {.path = "data.object.invoice"},
        [F_INVOICE_ID] = {.path = "data.object.invoice.id"},
        [F_CHARGE] = {.path = "data.object.charge"},
        [F_CHARGE_ID] = {.path = "data.object.charge.id"},
    };
    struct billing_event ev = {.kind = EVENT_OTHER};
    int rc = scan_json(body, f, F_COUNT);
    if (rc)
        return err_set(e, rc, rc == ERR_LIMIT ? "the body is too large or too deep" : "the body is not JSON that can be used");
    if (scan_copy(&f[F_ID], ev.id, sizeof ev.id) || !ev.id[0])
        return err_set(e, ERR_INVALID, "the event has no id");
    ev.created_ms = created_ms(&f[F_CREATED]);
    if (ev.created_ms <= 0)
        return err_set(e, ERR_INVALID, "the event has no time (created)");
    if (!f[F_TYPE].is_string)
        return err_set(e, ERR_INVALID, "the event has no type");
    /* A type longer than any we know is only ever recorded, so its name may be left out. */
    if (scan_copy(&f[F_TYPE], ev.type, sizeof ev.type))
        str_copy(ev.type, sizeof ev.type, "unknown");
    if (copy_names(f, &ev))
        return err_set(e, ERR_INVALID, "a customer or invoice id of the event is not one");
    for (size_t i = 0; i < DW_ARRAY_LEN(kinds); i++)
        if (str_eq(kinds[i].type, ev.type))
            ev.kind = (__typeof__(ev.kind))kinds[i].kind;
    *out = ev;
    return 0;
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

#define AT(member) offsetof(struct stripe_config, member)

static const struct option options[] = {
    {"base_url", OPTION_URL, AT(base_url), "https://api.stripe.com", false, "Where the API is; another one only for tests."},
    {"secret_key", OPTION_SECRET, AT(secret_key), NULL, true,
     "Secret or restricted key: read customers, payments, disputes and subscriptions; write invoices, payment intents and portal sessions."},
    {"webhook_secret", OPTION_SECRET, AT(webhook_secret), NULL, true, "Signing secret of the webhook endpoint (whsec_...)."},
    {"api_version", OPTION_TEXT, AT(api_version), "2026-10-28.endive", false, "Sent as Stripe-Version with each call."},
    {"return_url", OPTION_URL, AT(return_url), NULL, false, "Where the customer portal sends people back to."},
    {NULL, OPTION_TEXT, 0, NULL, false, NULL},
};

static const struct capability capabilities[] = {
    {"read", "native",
     "Customer, open invoices, payments with decline details, cards and subscription are read back; "
     "attempts are counted by the card's fingerprint."},
    {"hold", "native", "Stripe's retries and reminders stop on each open invoice (auto_advance=false); Dunwell's timer ends it."},
    {"release", "native", "Invoices that advanced by themselves before do so again; the others stay as they were."},
    {"plan", "emulated", "Stripe has no instalments: the invoice stays open and Dunwell collects each part on its date."},
    {"collect", "native", "The invoice, or a part of it, is charged off-session and read back."},
    {"link", "native", "Stripe's invoice page or its customer portal."},
    {"credit", "native", "A credit note over the amount lowers what is due; the reason stays out of what the customer reads."},
    {"write_off", "native", "The invoice is marked uncollectible; its page still takes the money if it comes after all."},
    {"defer", "emulated", "Stripe's own retries and reminders of this invoice stop (auto_advance=false); Dunwell's timer ends that."},
    {"note", "native", "Metadata of the invoice or the customer, newest first; 500 characters, what does not fit is cut."},
    {"catch_up", "native", "Stripe keeps its events for 30 days; they are listed since a moment."},
    {"overdue", "native", "Open invoices past their due date, or made before, where they are charged automatically."},
    {"resolve", "native", "A dispute names a charge only: whose it is, and how its disputes stand, is read."},
    {NULL, NULL, NULL},
};

const struct driver stripe_driver = {
    .name = "stripe",
    .kind = DRIVER_BILLING,
    .summary = "Stripe Billing: invoices, off-session payments, webhooks",
    .options = options,
    .config_size = sizeof(struct stripe_config),
    .capabilities = capabilities,
    .webhook_hint = "Stripe-Signature",
    .step = stripe_step,
    .verify = stripe_verify,
    .event = stripe_event,
};
