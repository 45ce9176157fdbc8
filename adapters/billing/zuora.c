/* Zuora: the driver's table, and its webhooks ("callouts").
 *
 * A callout proves who sent it in either of two ways, and where both are configured both must hold. The password: Zuora
 * shows it only after a 401 that asks for it, so the first delivery of each callout is refused on purpose. The HMAC: the
 * callout's template puts HMAC-SHA256 over {{Request.Body}}, in HEX or BASE64, into a header whose name the template
 * chooses. Neither covers a time; a replay is told by its id and does nothing.
 *
 * The body is whatever the template says. Ours is templates/zuora-callout.json, one template for each event with its name in
 * it, and only says where to look. An event that names its payment is told from others by that: the same payment is declined or
 * processed once, whoever tells of it, a callout or a reading of what was missed. Others have the header Zuora-Notification-Id, the
 * same in each redelivery; a proxy that drops it leaves the hash of the body. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "adapters/billing/zuora.h"
#include "engine/scan.h"

enum { MAC_SIZE = 32, HEADER_MAX = 2048 };

static bool is_set(const char *option)
{
    return option && *option;
}

/* --- who sent it --- */

/* Compares without telling by its time where they differ. */
static bool same_secret(const char *a, const char *b)
{
    size_t n = strlen(b);
    return strnlen(a, HEADER_MAX) == n && CRYPTO_memcmp(a, b, n) == 0;
}

static int verify_password(const struct zuora_config *c, const struct webhook *hook, struct err *e)
{
    const char *header = hook->header(hook->ctx, "Authorization");
    if (!header || strncasecmp(header, "Basic ", 6) != 0)
        return err_set(e, ERR_DENIED, "a user and password are wanted here (HTTP Basic)");
    AUTO_STR pair = str_fmt("%s:%s", c->webhook_user, c->webhook_password);
    size_t n = strlen(pair);
    AUTO_STR wanted = mem_alloc(n / 3 * 4 + 8);
    EVP_EncodeBlock((unsigned char *)wanted, (const unsigned char *)pair, (int)n);
    header += 6 + strspn(header + 6, " ");
    if (!same_secret(header, wanted))
        return err_set(e, ERR_DENIED, "the user or the password is not the one in webhook_user and webhook_password");
    return 0;
}

static int verify_mac(const struct zuora_config *c, const struct webhook *hook, struct err *e)
{
    unsigned char mac[MAC_SIZE], base64[MAC_SIZE * 2];
    char hex[MAC_SIZE * 2 + 1], given[MAC_SIZE * 2 + 1];
    unsigned n = 0;
    const char *header = hook->header(hook->ctx, c->webhook_header);
    if (!is_set(header))
        return err_set(e, ERR_DENIED, "the header %.80s with the HMAC is missing", c->webhook_header);
    if (!HMAC(EVP_sha256(), c->webhook_secret, (int)strlen(c->webhook_secret), (const unsigned char *)hook->body.p, hook->body.n, mac, &n) ||
        n != MAC_SIZE)
        return err_set(e, ERR_DENIED, "the HMAC could not be computed");
    for (size_t i = 0; i < MAC_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", mac[i]);
    EVP_EncodeBlock(base64, mac, MAC_SIZE);
    str_copy(given, sizeof given, strnlen(header, HEADER_MAX) < sizeof given ? header : "");
    for (char *p = given; *p; p++)
        *p = (char)(*p >= 'A' && *p <= 'F' ? *p - 'A' + 'a' : *p);
    if (!same_secret(given, hex) && !same_secret(header, (const char *)base64))
        return err_set(e, ERR_DENIED, "the HMAC does not fit: is webhook_secret the template's key, and its data {{Request.Body}}?");
    return 0;
}

static int zuora_verify(const void *config, const struct webhook *hook, int64_t now_ms, struct err *e)
{
    (void)now_ms;
    const struct zuora_config *c = config;
    bool password = is_set(c->webhook_user) && is_set(c->webhook_password), mac = is_set(c->webhook_secret) && is_set(c->webhook_header);
    if ((is_set(c->webhook_user) || is_set(c->webhook_password)) && !password)
        return err_set(e, ERR_DENIED, "webhook_user and webhook_password belong together; one of them is empty");
    if (is_set(c->webhook_secret) && !mac)
        return err_set(e, ERR_DENIED, "webhook_secret needs webhook_header, the header that carries the HMAC");
    if (!password && !mac)
        return err_set(e, ERR_DENIED, "no callout can be checked: neither webhook_user and webhook_password nor webhook_secret are configured");
    int rc = password ? verify_password(c, hook, e) : 0;
    return rc == 0 && mac ? verify_mac(c, hook, e) : rc;
}

static const char *zuora_challenge(const void *config)
{
    const struct zuora_config *c = config;
    return is_set(c->webhook_user) && is_set(c->webhook_password) ? "Basic realm=\"dunwell\", charset=\"UTF-8\"" : NULL;
}

/* --- events --- */

/* Zuora's standard events by category code and by name, letters and digits only. */
static const struct {
    const char *code, *name;
    int kind;
} kinds[] = {
    {"2110", "paymentdeclined", EVENT_PAYMENT_FAILED},
    {"1140", "invoicedue", EVENT_PAYMENT_FAILED},
    {"1120", "invoicespastdueaccountsummary", EVENT_PAYMENT_FAILED},
    {"2120", "paymentprocessed", EVENT_PAID},
    {"2210", "paymentmethodexpiration", EVENT_CHANGED},
    {"2220", "paymentmethodupdated", EVENT_CHANGED},
    {"2230", "paymentmethodclosed", EVENT_CHANGED},
    {"1310", "amendmentprocessed", EVENT_CHANGED},
};

/* The row of kinds for this name or code; -1: none that matters. */
static int kind_at(const char *type)
{
    char plain[64];
    size_t n = 0;
    for (const char *p = type; *p && n + 1 < sizeof plain; p++) {
        char c = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            plain[n++] = c;
    }
    plain[n] = '\0';
    for (size_t i = 0; i < DW_ARRAY_LEN(kinds); i++)
        if (str_eq(kinds[i].code, plain) || str_eq(kinds[i].name, plain))
            return (int)i;
    return -1;
}

static void body_id(struct span body, char *out, size_t size)
{
    unsigned char digest[MAC_SIZE];
    char hex[MAC_SIZE * 2 + 1];
    int ok = EVP_Digest(body.p, body.n, digest, NULL, EVP_sha256(), NULL);
    assert(ok == 1);
    for (size_t i = 0; i < MAC_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    snprintf(out, size, "body-%s", hex);
}

/* A merge field that had nothing to say is empty, null or not there. */
static int copy_field(const struct scan_field *f, char *out, size_t size)
{
    out[0] = '\0';
    return f->is_string ? scan_copy(f, out, size) : 0;
}

enum field { F_EVENT, F_ACCOUNT, F_INVOICE, F_PAYMENT, F_COUNT };

/* "paymentdeclined-<payment>"; false when the event is not one of a payment's outcome. */
static bool payment_id(int kind, const struct scan_field *payment, char *out, size_t size)
{
    char id[80];
    if (kind < 0 || (kinds[kind].kind != EVENT_PAYMENT_FAILED && kinds[kind].kind != EVENT_PAID) || copy_field(payment, id, sizeof id) || !*id)
        return false;
    for (const char *p = id; *p; p++)
        if (*p <= ' ' || *p > '~')
            return false;
    snprintf(out, size, "%s-%s", kinds[kind].name, id);
    return true;
}

static int zuora_event(const void *config, struct span body, struct billing_event *out, struct err *e)
{
    (void)config;
    struct scan_field f[F_COUNT] = {[F_EVENT] = {.path = "event"}, [F_ACCOUNT] = {.path = "accountId"}, [F_INVOICE] = {.path = "invoiceId"},
                                    [F_PAYMENT] = {.path = "paymentId"}};
    struct billing_event ev = {.kind = EVENT_OTHER};
    int rc = scan_json(body, f, F_COUNT);
    if (rc)
        return err_set(e, rc, rc == ERR_LIMIT ? "the body is too large or too deep" : "the body is not JSON that can be used");
    if (!f[F_EVENT].is_string || f[F_EVENT].value.n == 0)
        return err_set(e, ERR_INVALID, "the callout names no \"event\": its template must have the body of templates/zuora-callout.json");
    /* A name longer than any we know is only ever recorded, so it may be left out. */
    if (scan_copy(&f[F_EVENT], ev.type, sizeof ev.type))
        str_copy(ev.type, sizeof ev.type, "unknown");
    if (copy_field(&f[F_ACCOUNT], ev.customer, sizeof ev.customer) || copy_field(&f[F_INVOICE], ev.invoice, sizeof ev.invoice))
        return err_set(e, ERR_INVALID, "an account or invoice id of the callout is not one");
    int kind = kind_at(ev.type);
    if (!payment_id(kind, &f[F_PAYMENT], ev.id, sizeof ev.id))
        body_id(body, ev.id, sizeof ev.id);
    if (kind >= 0)
        ev.kind = (__typeof__(ev.kind))kinds[kind].kind;
    *out = ev;
    return 0;
}

static int zuora_event_of(const void *config, const struct webhook *hook, struct billing_event *out, struct err *e)
{
    struct billing_event ev;
    const char *id = hook->header(hook->ctx, "Zuora-Notification-Id");
    int rc = zuora_event(config, hook->body, &ev, e);
    if (rc)
        return rc;
    if (is_set(id)) {
        if (strnlen(id, sizeof ev.id) >= sizeof ev.id)
            return err_set(e, ERR_INVALID, "the header Zuora-Notification-Id is not an id");
        for (const char *p = id; *p; p++)
            if (*p <= ' ' || *p > '~')
                return err_set(e, ERR_INVALID, "the header Zuora-Notification-Id is not an id");
        if (strncmp(ev.id, "body-", 5) == 0)
            str_copy(ev.id, sizeof ev.id, id);
    }
    *out = ev;
    return 0;
}

/* --- the table --- */

#define AT(member) offsetof(struct zuora_config, member)

static const struct option options[] = {
    {"base_url", OPTION_URL, AT(base_url), "https://rest.zuora.com", false, "The data centre's REST address; a sandbox has another."},
    {"client_id", OPTION_TEXT, AT(client_id), NULL, true, "OAuth client of an API user that may read accounts and write payments."},
    {"client_secret", OPTION_SECRET, AT(client_secret), NULL, true, "The OAuth client's secret."},
    {"api_version", OPTION_TEXT, AT(api_version), "2025-08-12", false, "Sent as Zuora-Version with each call."},
    {"muted_profile", OPTION_TEXT, AT(muted_profile), NULL, false,
     "Id of a communication profile that sends nothing, where a hold puts the account; without it there are no holds and plans."},
    {"decline_codes", OPTION_DECLINES, AT(decline_codes), NULL, false,
     "What the gateway's codes mean, as \"51=S, 54=N\" or, of one gateway, \"<its id>/51=S\": H never again, N new data, A authenticate, S later, M ours."},
    {"cpr_url", OPTION_URL, AT(cpr_url), NULL, false, "Configurable Payment Retry, if it is used: https://payment-retry.apps.zuora.com"},
    {"cpr_user", OPTION_TEXT, AT(cpr_user), NULL, false, "Its user: a login's e-mail address."},
    {"cpr_token", OPTION_SECRET, AT(cpr_token), NULL, false, "Its API token."},
    {"webhook_user", OPTION_TEXT, AT(webhook_user), NULL, false, "User that callouts show (HTTP Basic)."},
    {"webhook_password", OPTION_SECRET, AT(webhook_password), NULL, false, "Password that callouts show."},
    {"webhook_secret", OPTION_SECRET, AT(webhook_secret), NULL, false, "Key of the HMAC-SHA256 over the body, from the callout template."},
    {"webhook_header", OPTION_TEXT, AT(webhook_header), NULL, false, "Header in which the template puts the HMAC (HEX or BASE64)."},
    {NULL, OPTION_TEXT, 0, NULL, false, NULL},
};

static const struct capability capabilities[] = {
    {"read", "native",
     "Account, open invoices, payments with the gateway's answers, methods and the retry cycle are read back; "
     "Zuora names no card, so attempts are counted by brand and last four digits."},
    {"hold", "native", "The account goes to the muted profile, autoPay goes off and its retry cycle is left; Dunwell's timer ends it."},
    {"release", "native", "Profile, autoPay and retry cycle are put back as they were, unless somebody else has changed them since."},
    {"plan", "native", "Zuora's own payment schedule collects the instalments; Dunwell watches each date."},
    {"unplan", "native", "The payment schedule is cancelled."},
    {"collect", "native", "The invoice, or with Invoice Settlement a part of it, is charged and read back."},
    {"link", "native", "Zuora's payment link of the invoice, where that feature is on."},
    {"credit", "native", "A credit memo from the invoice's items, posted and applied; needs Invoice Settlement."},
    {"write_off", "native", "Zuora's write-off: a credit memo over the rest, which a person can reverse; needs Invoice Settlement."},
    {"defer", "native", "The invoice's due date moves, which payment runs go by; an invoice in a retry cycle is held instead."},
    {"note", "native", "The account's notes, newest first; nothing there is cut."},
    {"catch_up", "native", "Payments that were refused or went through since a moment; Zuora's other events are not listed by it."},
    {"overdue", "native", "Posted invoices with a balance, past their due date."},
    {NULL, NULL, NULL},
};

const struct driver zuora_driver = {
    .name = "zuora",
    .kind = DRIVER_BILLING,
    .summary = "Zuora Billing: invoices, payments, payment schedules, callouts",
    .options = options,
    .config_size = sizeof(struct zuora_config),
    .capabilities = capabilities,
    .webhook_hint = "Authorization (Basic), or the HMAC header of the callout template",
    .step = zuora_step,
    .verify = zuora_verify,
    .event = zuora_event,
    .event_of = zuora_event_of,
    .challenge = zuora_challenge,
    .open_session = zuora_open_session,
    .close_session = zuora_close_session,
};
