/* Kill Bill: the driver's table, and its webhooks ("push notifications").
 *
 * Kill Bill signs nothing and gives an event no id. So the callback is registered with a secret of our own in its address
 * (/hooks/NAME?secret=...), compared in constant time, and it belongs on a private network or behind TLS. An event is told from
 * another by a hash over what it says: type, object and metadata. Payment events name the attempt in their metadata, so each has
 * its own hash and a redelivery has the same; one that names its transaction is known by that. Where there is no metadata (an overdue change, an account change) the same may truly
 * happen again, so there the day of its arrival joins the hash; a redelivery past midnight costs one reading more. The body is
 * only a hint anyway: names are taken from it, and what is true is read back. */
#include "adapters/billing/killbill.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "engine/scan.h"
#include "engine/when.h"

enum { DIGEST_SIZE = 32, SECRET_MAX = 512, META_MAX = 4096 };

/* Hashes are compared, so the length of the secret does not show either. */
static bool same_secret(const char *a, const char *b)
{
    unsigned char x[DIGEST_SIZE], y[DIGEST_SIZE];
    return EVP_Digest(a, strlen(a), x, NULL, EVP_sha256(), NULL) == 1 && EVP_Digest(b, strlen(b), y, NULL, EVP_sha256(), NULL) == 1 &&
           CRYPTO_memcmp(x, y, DIGEST_SIZE) == 0;
}

static int killbill_verify(const void *config, const struct webhook *hook, int64_t now_ms, struct err *e)
{
    (void)now_ms;
    const struct killbill_config *c = config;
    const char *given = hook->query ? hook->query(hook->ctx, "secret") : NULL;
    if (!c->webhook_secret || !*c->webhook_secret)
        return err_set(e, ERR_DENIED, "no callback can be believed: webhook_secret is empty");
    if (!given || !*given)
        return err_set(e, ERR_DENIED, "the address has no ?secret=: register the callback in Kill Bill with webhook_secret in it");
    if (strnlen(given, SECRET_MAX + 1) > SECRET_MAX || !same_secret(given, c->webhook_secret))
        return err_set(e, ERR_DENIED, "the secret in the address is not webhook_secret");
    return 0;
}

/* --- events --- */

static const struct {
    const char *type;
    int kind;
} kinds[] = {
    {"INVOICE_PAYMENT_FAILED", EVENT_PAYMENT_FAILED},
    {"PAYMENT_FAILED", EVENT_PAYMENT_FAILED},
    {"OVERDUE_CHANGE", EVENT_PAYMENT_FAILED}, /* how an account without automatic payment becomes known; it does not say which way */
    {"INVOICE_PAYMENT_SUCCESS", EVENT_PAID},  /* unless it is a chargeback or a refund */
    {"PAYMENT_SUCCESS", EVENT_PAID},
    {"INVOICE_ADJUSTMENT", EVENT_CHANGED},
    {"TAG_CREATION", EVENT_CHANGED},
    {"TAG_DELETION", EVENT_CHANGED},
    {"ACCOUNT_CHANGE", EVENT_CHANGED},
    {"SUBSCRIPTION_CANCEL", EVENT_CHANGED},
};

enum field { F_TYPE, F_ACCOUNT, F_OBJECT_TYPE, F_OBJECT, F_META, F_COUNT };
enum meta { M_PAYMENT_DATE, M_EFFECTIVE_DATE, M_PAYMENT_TYPE, M_TRANSACTION_TYPE, M_TRANSACTION, M_STATUS, M_COUNT };

static bool field_is(const struct scan_field *f, const char *text)
{
    return f->is_string && !f->has_escape && span_is(f->value, text);
}

/* Each part by its bytes as they came, a separator between them. */
static int hash_of(const struct scan_field *f, int64_t day, char out[DIGEST_SIZE * 2 + 1])
{
    static const enum field parts[] = {F_TYPE, F_ACCOUNT, F_OBJECT, F_META};
    unsigned char digest[DIGEST_SIZE];
    unsigned n = 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; ok && i < DW_ARRAY_LEN(parts); i++) {
        const struct scan_field *part = &f[parts[i]];
        ok = (!part->is_string || EVP_DigestUpdate(ctx, part->value.p, part->value.n) == 1) && EVP_DigestUpdate(ctx, "\n", 1) == 1;
    }
    char came[24];
    int length = snprintf(came, sizeof came, "%" PRId64, f[F_META].is_string ? 0 : day);
    ok = ok && length > 0 && EVP_DigestUpdate(ctx, came, (size_t)length) == 1;
    ok = ok && EVP_DigestFinal_ex(ctx, digest, &n) == 1 && n == DIGEST_SIZE;
    EVP_MD_CTX_free(ctx);
    for (size_t i = 0; ok && i < DIGEST_SIZE; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    return ok ? 0 : ERR_IO;
}

/* The metadata is JSON inside a JSON string, or a mere word, or nothing: what cannot be read says nothing. */
static void read_meta(const struct scan_field *f, struct scan_field *meta, char text[META_MAX])
{
    if (!f->is_string || scan_copy(f, text, META_MAX) || scan_json(span_of(text), meta, M_COUNT))
        for (size_t i = 0; i < M_COUNT; i++)
            meta[i] = (struct scan_field){.path = meta[i].path};
}

static int kind_of(const char *type, const struct scan_field *meta)
{
    int kind = EVENT_OTHER;
    for (size_t i = 0; i < DW_ARRAY_LEN(kinds); i++)
        if (str_eq(kinds[i].type, type))
            kind = kinds[i].kind;
    bool back = field_is(&meta[M_PAYMENT_TYPE], "CHARGED_BACK") || field_is(&meta[M_PAYMENT_TYPE], "REFUND") ||
                field_is(&meta[M_TRANSACTION_TYPE], "CHARGEBACK") || field_is(&meta[M_TRANSACTION_TYPE], "REFUND");
    return kind == EVENT_PAID && back ? EVENT_CHANGED : kind;
}

static int64_t time_of(const struct scan_field *meta)
{
    char text[40];
    const struct scan_field *f = meta[M_PAYMENT_DATE].is_string ? &meta[M_PAYMENT_DATE] : &meta[M_EFFECTIVE_DATE];
    return f->is_string && scan_copy(f, text, sizeof text) == 0 ? killbill_ms(text, NULL) : 0;
}

/* A transaction comes to its end once, whoever tells of it, a notification or a reading of what was missed: the same event, by its name
 * and how it ended. */
static void name_transaction(const struct scan_field *meta, struct billing_event *ev)
{
    char id[48], status[24];
    if (strncmp(ev->type, "PAYMENT_", 8) != 0 || (ev->kind != EVENT_PAYMENT_FAILED && ev->kind != EVENT_PAID) || !meta[M_TRANSACTION].is_string ||
        !meta[M_STATUS].is_string || scan_copy(&meta[M_TRANSACTION], id, sizeof id) || !id[0] || scan_copy(&meta[M_STATUS], status, sizeof status))
        return;
    snprintf(ev->id, sizeof ev->id, "%s/%s", status, id);
    ev->created_ms = 0;
}

static int copy_or_nothing(const struct scan_field *f, char *out, size_t size)
{
    return f->is_string ? scan_copy(f, out, size) : 0; /* null: an event of the tenant has no account */
}

static int read_event(struct span body, int64_t day, struct billing_event *out, struct err *e)
{
    char text[META_MAX];
    struct scan_field f[F_COUNT] = {[F_TYPE] = {.path = "eventType"},   [F_ACCOUNT] = {.path = "accountId"}, [F_OBJECT_TYPE] = {.path = "objectType"},
                                    [F_OBJECT] = {.path = "objectId"}, [F_META] = {.path = "metaData"}};
    struct scan_field meta[M_COUNT] = {[M_PAYMENT_DATE] = {.path = "paymentDate"},
                                       [M_EFFECTIVE_DATE] = {.path = "effectiveDate"},
                                       [M_PAYMENT_TYPE] = {.path = "invoicePaymentType"},
                                       [M_TRANSACTION_TYPE] = {.path = "transactionType"},
                                       [M_TRANSACTION] = {.path = "paymentTransactionId"},
                                       [M_STATUS] = {.path = "status"}};
    struct billing_event ev = {.kind = EVENT_OTHER};
    int rc = scan_json(body, f, F_COUNT);
    if (rc)
        return err_set(e, rc, rc == ERR_LIMIT ? "the body is too large or too deep" : "the body is not JSON that can be used");
    if (!f[F_TYPE].is_string || f[F_TYPE].value.n == 0)
        return err_set(e, ERR_INVALID, "the event has no type (eventType)");
    /* A type longer than any we know is only ever recorded, so its name may be left out. */
    if (scan_copy(&f[F_TYPE], ev.type, sizeof ev.type))
        str_copy(ev.type, sizeof ev.type, "unknown");
    if (copy_or_nothing(&f[F_ACCOUNT], ev.customer, sizeof ev.customer) ||
        (field_is(&f[F_OBJECT_TYPE], "INVOICE") && copy_or_nothing(&f[F_OBJECT], ev.invoice, sizeof ev.invoice)))
        return err_set(e, ERR_INVALID, "an account or invoice id of the event is not one");
    if (hash_of(f, day, ev.id))
        return err_set(e, ERR_IO, "the event's hash could not be made");
    read_meta(&f[F_META], meta, text);
    ev.kind = (__typeof__(ev.kind))kind_of(ev.type, meta);
    ev.created_ms = time_of(meta);
    name_transaction(meta, &ev);
    *out = ev;
    return 0;
}

static int killbill_event(const void *config, struct span body, struct billing_event *out, struct err *e)
{
    (void)config;
    return read_event(body, 0, out, e);
}

static int killbill_event_of(const void *config, const struct webhook *hook, struct billing_event *out, struct err *e)
{
    (void)config;
    return read_event(hook->body, hook->now_ms / MS_DAY, out, e);
}

/* --- the table --- */

#define AT(member) offsetof(struct killbill_config, member)

static const struct option options[] = {
    {"base_url", OPTION_URL, AT(base_url), "http://127.0.0.1:8080", false, "Where Kill Bill is, without /1.0/kb."},
    {"username", OPTION_TEXT, AT(username), NULL, true,
     "Kill Bill user: read accounts, invoices, payments and tags; add and remove tags and custom fields; trigger payments."},
    {"password", OPTION_SECRET, AT(password), NULL, true, "Its password."},
    {"api_key", OPTION_TEXT, AT(api_key), NULL, true, "The tenant's API key."},
    {"api_secret", OPTION_SECRET, AT(api_secret), NULL, true, "The tenant's API secret."},
    {"webhook_secret", OPTION_SECRET, AT(webhook_secret), NULL, true,
     "A long random word of letters and digits; register the callback as .../hooks/NAME?secret=WORD."},
    {"declines", OPTION_DECLINES, AT(declines), "", false,
     "What the gateways' codes mean, as \"51=S, 54=N\" or, of one payment plugin, \"killbill-stripe/51=S\": H never again, N new data, A authenticate, S later, M our "
     "side; for others a person decides."},
    {NULL, OPTION_TEXT, 0, NULL, false, NULL},
};

static const struct capability capabilities[] = {
    {"read", "native",
     "Account, unpaid invoices, payments with attempts, methods, tags and overdue state are read back; "
     "attempts are counted by brand and last four digits where the plugin tells them, else by method."},
    {"hold", "native", "The whole account goes quiet (tags OVERDUE_ENFORCEMENT_OFF and AUTO_PAY_OFF); Dunwell's timer ends it."},
    {"release", "native", "Only the tags the hold set are taken off; Kill Bill then charges what is open at once."},
    {"plan", "emulated", "Kill Bill has no instalments: the account is held, a custom field says why, and Dunwell collects each part on its date."},
    {"collect", "native", "The invoice's balance or a part of it is charged, also while the account is held."},
    {"credit", "native", "An item of the invoice is adjusted; one item must have that much left."},
    {"write_off", "native", "The invoice is tagged WRITTEN_OFF, which a person can take off again."},
    {"defer", "emulated", "Kill Bill cannot put off one invoice: the whole account goes quiet, and Dunwell's timer ends it."},
    {"note", "native", "A custom field of the invoice or the account; 255 characters, what does not fit is cut."},
    {"catch_up", "native", "New payments that were declined or went through since a moment; another try of an older one shows when its account is read."},
    {"overdue", "native", "Unpaid invoices of each account that owes something; all accounts are gone through."},
    {"link", "native", "Only where the payment plugin has a page that opens by a link; otherwise it is refused in words."},
    {NULL, NULL, NULL},
};

const struct driver killbill_driver = {
    .name = "killbill",
    .kind = DRIVER_BILLING,
    .summary = "Kill Bill: tags, payments, push notifications",
    .options = options,
    .config_size = sizeof(struct killbill_config),
    .capabilities = capabilities,
    .webhook_hint = "?secret= of the callback's address",
    .step = killbill_step,
    .verify = killbill_verify,
    .event = killbill_event,
    .event_of = killbill_event_of,
};
