/* Stripe's webhooks: which signatures are believed, and what is read from the body.
 *
 * The signatures are made here with OpenSSL's one-shot HMAC and checked against one fixed vector made with Python, so the
 * driver is not tested against itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "adapters/billing/stripe.h"

#define NOW INT64_C(1793000000000)
#define SECRET "whsec_fake"
#define BODY "{\"id\":\"evt_1\"}"
#define VECTOR "3e257697fa0f55712955f6b4772d99f20d643b0bc991206a699bdbfa3b09691e"

static char secret[] = SECRET;
static const struct stripe_config config = {.webhook_secret = secret};

static const char *one_header(const void *ctx, const char *name)
{
    return strcasecmp(name, "stripe-signature") == 0 ? ctx : NULL;
}

/* Hex of the signature over "time.body". */
static const char *sign(char out[65], const char *key, const char *time, const char *body)
{
    unsigned char mac[32];
    unsigned n = 0;
    char text[512];
    snprintf(text, sizeof text, "%s.%s", time, body);
    HMAC(EVP_sha256(), key, (int)strlen(key), (const unsigned char *)text, strlen(text), mac, &n);
    for (unsigned i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", mac[i]);
    return out;
}

static int verify(const char *header, const char *body, int64_t now_ms, struct err *e)
{
    struct webhook hook = {.header = one_header, .ctx = header, .body = span_of(body)};
    *e = (struct err){.code = 0};
    return stripe_driver.verify(&config, &hook, now_ms, e);
}

static void assert_denied(const char *header, const char *words)
{
    struct err e;
    assert_int_equal(verify(header, BODY, NOW, &e), ERR_DENIED);
    if (!strstr(e.text, words))
        fail_msg("\"%s\" does not say \"%s\"", e.text, words);
    assert_null(strstr(e.text, SECRET));
}

static void a_good_signature(void **state)
{
    (void)state;
    struct err e;
    char hex[65], header[512];
    assert_string_equal(sign(hex, SECRET, "1793000000", BODY), VECTOR);
    assert_int_equal(verify("t=1793000000,v1=" VECTOR, BODY, NOW, &e), 0);
    assert_int_equal(verify("t=1793000000, v1=" VECTOR, BODY, NOW, &e), 0);
    assert_int_equal(verify("v1=" VECTOR ",t=1793000000", BODY, NOW, &e), 0);
    snprintf(header, sizeof header, "t=1793000000,v1=%s", sign(hex, SECRET, "1793000000", ""));
    assert_int_equal(verify(header, "", NOW, &e), 0);
}

static void several_values_and_schemes(void **state)
{
    (void)state;
    struct err e;
    char other[65], header[2048];
    sign(other, "whsec_other", "1793000000", BODY);
    snprintf(header, sizeof header, "t=1793000000,v1=%s,v1=%s,v0=%s", other, VECTOR, other);
    assert_int_equal(verify(header, BODY, NOW, &e), 0);
    snprintf(header, sizeof header, "t=1793000000,v1=%s,v1=short,v1=%s,what,=,v2=1", other, VECTOR);
    assert_int_equal(verify(header, BODY, NOW, &e), 0);
    snprintf(header, sizeof header, "t=1793000000,v1=%s,v1=%s", VECTOR, other); /* the good one need not be the last */
    assert_int_equal(verify(header, BODY, NOW, &e), 0);
    assert_denied("t=1793000000,v0=" VECTOR, "no usable v1");
    assert_denied("t=1793000000,v11=" VECTOR, "no usable v1");
    snprintf(header, sizeof header, "t=1793000000,v1=%s", other);
    assert_denied(header, "no v1 signature fits");
    /* more values than anybody sends: those after the sixteenth are not looked at */
    int n = snprintf(header, sizeof header, "t=1793000000");
    for (int i = 0; i < 16; i++)
        n += snprintf(header + n, sizeof header - (size_t)n, ",v1=%s", other);
    snprintf(header + n, sizeof header - (size_t)n, ",v1=%s", VECTOR);
    assert_denied(header, "no v1 signature fits");
}

static void what_was_signed_must_be_what_came(void **state)
{
    (void)state;
    struct err e;
    char hex[65], header[256];
    assert_int_equal(verify("t=1793000000,v1=" VECTOR, "{\"id\":\"evt_2\"}", NOW, &e), ERR_DENIED);
    assert_int_equal(verify("t=1793000000,v1=" VECTOR, BODY " ", NOW, &e), ERR_DENIED);
    assert_int_equal(verify("t=1793000001,v1=" VECTOR, BODY, NOW, &e), ERR_DENIED);
    sign(hex, "", "1793000000", BODY); /* an empty secret is not a secret */
    snprintf(header, sizeof header, "t=1793000000,v1=%s", hex);
    struct stripe_config empty = {.webhook_secret = (char[]){""}};
    struct webhook hook = {.header = one_header, .ctx = header, .body = span_of(BODY)};
    assert_int_equal(stripe_driver.verify(&empty, &hook, NOW, &e), ERR_DENIED);
    assert_non_null(strstr(e.text, "webhook_secret is empty"));
}

static void every_digit_of_a_signature_counts(void **state)
{
    (void)state;
    struct err e;
    char header[] = "t=1793000000,v1=" VECTOR;
    for (char *c = header + strlen("t=1793000000,v1="); *c; c++) {
        char was = *c;
        *c = was == '0' ? '1' : '0';
        assert_int_equal(verify(header, BODY, NOW, &e), ERR_DENIED);
        *c = was;
    }
    assert_int_equal(verify(header, BODY, NOW, &e), 0);
}

static void the_time_counts_both_ways(void **state)
{
    (void)state;
    struct err e;
    const char *good = "t=1793000000,v1=" VECTOR;
    assert_int_equal(verify(good, BODY, NOW + 300000, &e), 0);
    assert_int_equal(verify(good, BODY, NOW + 300001, &e), ERR_DENIED);
    assert_non_null(strstr(e.text, "more than 300 s ago"));
    assert_int_equal(verify(good, BODY, NOW - 300000, &e), 0);
    assert_int_equal(verify(good, BODY, NOW - 300001, &e), ERR_DENIED);
    assert_non_null(strstr(e.text, "in the future"));
}

static void broken_headers(void **state)
{
    (void)state;
    char header[4096];
    assert_denied(NULL, "header is missing");
    assert_denied("", "header is missing");
    assert_denied(",,,", "has no time");
    assert_denied("v1=" VECTOR, "has no time");
    assert_denied("t=,v1=" VECTOR, "not one number");
    assert_denied("t=-1793000000,v1=" VECTOR, "not one number");
    assert_denied("t=1793000000x,v1=" VECTOR, "not one number");
    assert_denied("t=17930000000000000000,v1=" VECTOR, "not one number");
    assert_denied("t=1793000000,t=1793000000,v1=" VECTOR, "not one number");
    assert_denied("t=1793000000", "no usable v1");
    assert_denied("t=1793000000,v1=", "no usable v1");
    assert_denied("t=1793000000,v1=" VECTOR "00", "no usable v1");
    memset(header, 'a', sizeof header);
    memcpy(header, "t=1793000000,v1=" VECTOR ",v0=", strlen("t=1793000000,v1=" VECTOR ",v0="));
    header[sizeof header - 1] = '\0';
    assert_denied(header, "longer than 2048");
    str_copy(header, sizeof header, "t=1793000000,v1=" VECTOR);
    for (char *c = header + 16; *c; c++)
        if (*c >= 'a' && *c <= 'f') {
            *c = (char)(*c - 'a' + 'A'); /* Stripe writes small letters; anything else is not Stripe */
            break;
        }
    assert_denied(header, "no usable v1");
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static struct billing_event event_of(const char *body)
{
    struct billing_event ev;
    struct err e;
    memset(&ev, 0x5a, sizeof ev);
    if (stripe_driver.event(&config, span_of(body), &ev, &e) != 0)
        fail_msg("%s: %s", body, e.text);
    return ev;
}

static void assert_no_event(const char *body, const char *words)
{
    struct billing_event ev = {.id = "untouched"};
    struct err e;
    assert_true(stripe_driver.event(&config, span_of(body), &ev, &e) < 0);
    if (!strstr(e.text, words))
        fail_msg("\"%s\" does not say \"%s\"", e.text, words);
    assert_string_equal(ev.id, "untouched");
}

static void kinds_of_events(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        int kind;
    } rows[] = {
        {"invoice.payment_failed", EVENT_PAYMENT_FAILED}, {"invoice.payment_action_required", EVENT_PAYMENT_FAILED},
        {"payment_intent.payment_failed", EVENT_PAYMENT_FAILED}, {"charge.failed", EVENT_PAYMENT_FAILED},
        {"invoice.overdue", EVENT_PAYMENT_FAILED}, {"invoice.paid", EVENT_PAID}, {"invoice.payment_succeeded", EVENT_PAID},
        {"invoice_payment.paid", EVENT_PAID}, {"invoice.voided", EVENT_PAID}, {"invoice.marked_uncollectible", EVENT_PAID},
        {"customer.updated", EVENT_CHANGED}, {"payment_method.attached", EVENT_CHANGED}, {"payment_method.updated", EVENT_CHANGED},
        {"payment_method.automatically_updated", EVENT_CHANGED}, {"customer.subscription.deleted", EVENT_CHANGED},
        {"customer.subscription.updated", EVENT_CHANGED}, {"charge.dispute.created", EVENT_CHANGED}, {"invoice.updated", EVENT_CHANGED},
        {"invoice.created", EVENT_OTHER}, {"invoice.payment_failed2", EVENT_OTHER}, {"", EVENT_OTHER},
        {"a.type.that.is.much.longer.than.any.that.there.is.at.this.time.of.writing", EVENT_OTHER},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        char body[256];
        snprintf(body, sizeof body, "{\"id\":\"evt_1\",\"created\":1793000000,\"type\":\"%s\",\"data\":{\"object\":{}}}", rows[i].type);
        struct billing_event ev = event_of(body);
        assert_int_equal(ev.kind, rows[i].kind);
        assert_string_equal(ev.type, strlen(rows[i].type) < sizeof ev.type ? rows[i].type : "unknown");
    }
}

static void names_in_events(void **state)
{
    (void)state;
#define EVENT(object) "{\"object\":\"event\",\"type\":\"t\",\"id\":\"evt_1\",\"created\":1793000000,\"data\":{\"object\":" object "}}"
    static const struct {
        const char *body, *customer, *invoice;
    } rows[] = {
        {EVENT("{\"id\":\"in_1\",\"object\":\"invoice\",\"customer\":\"cus_9\"}"), "cus_9", "in_1"},
        {EVENT("{\"customer\":{\"object\":\"customer\",\"id\":\"cus_9\"},\"object\":\"invoice\",\"id\":\"in_1\"}"), "cus_9", "in_1"},
        {EVENT("{\"id\":\"ch_1\",\"object\":\"charge\",\"customer\":\"cus_9\",\"invoice\":\"in_2\"}"), "cus_9", "in_2"},
        {EVENT("{\"id\":\"pi_1\",\"object\":\"payment_intent\",\"customer\":\"cus_9\",\"invoice\":null}"), "cus_9", ""},
        {EVENT("{\"id\":\"inpay_1\",\"object\":\"invoice_payment\",\"invoice\":{\"id\":\"in_3\"}}"), "", ""},
        {EVENT("{\"id\":\"cus_9\",\"object\":\"customer\"}"), "cus_9", ""},
        {EVENT("{\"id\":\"sub_1\",\"object\":\"subscription\",\"customer\":\"cus_9\"}"), "cus_9", ""},
        {EVENT("{\"id\":\"dp_1\",\"object\":\"dispute\",\"charge\":\"ch_1\",\"payment_intent\":\"pi_1\"}"), "", "ch_1"},
        {EVENT("{\"id\":\"dp_1\",\"object\":\"dispute\",\"charge\":{\"id\":\"ch_1\",\"customer\":\"cus_9\"}}"), "", "ch_1"},
        {EVENT("{\"id\":\"dp_1\",\"object\":\"dispute\",\"charge\":null,\"customer\":\"cus_9\",\"invoice\":\"in_1\"}"), "", ""},
        {EVENT("{\"id\":\"ch_1\",\"object\":\"charge\",\"customer\":\"cus_9\",\"charge\":\"ch_2\"}"), "cus_9", ""},
        {EVENT("{\"id\":\"in_\\u0031\",\"object\":\"invoice\",\"customer\":\"cus\\u005f9\"}"), "cus_9", "in_1"},
        {EVENT("{\"id\":7,\"object\":\"invoice\",\"customer\":9}"), "", ""},
        {EVENT("null"), "", ""},
        {EVENT("[]"), "", ""},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        struct billing_event ev = event_of(rows[i].body);
        assert_string_equal(ev.id, "evt_1");
        assert_string_equal(ev.customer, rows[i].customer);
        assert_string_equal(ev.invoice, rows[i].invoice);
        assert_int_equal(ev.created_ms, NOW);
    }
}

/* What an endpoint of the second API is told: stored and ignored like any type we do not know. */
static void a_thin_event_is_one(void **state)
{
    (void)state;
    struct billing_event ev = event_of("{\"id\":\"evt_test_65\",\"object\":\"v2.core.event\",\"type\":\"v2.core.account.updated\",\"created\":\"2026-10-26T07:33:20.246Z\","
                                       "\"livemode\":false,\"related_object\":{\"id\":\"acct_1\",\"type\":\"v2.core.account\",\"url\":\"/v2/core/accounts/acct_1\"}}");
    assert_string_equal(ev.id, "evt_test_65");
    assert_int_equal(ev.kind, EVENT_OTHER);
    assert_int_equal(ev.created_ms, NOW);
}

static void bodies_that_are_no_events(void **state)
{
    (void)state;
    assert_no_event("", "not JSON");
    assert_no_event("hello", "not JSON");
    assert_no_event("{\"id\":\"evt_1\",\"created\":1793000000,\"type\":\"x\"", "not JSON");
    assert_no_event("{\"id\":\"evt\\u0000\",\"created\":1793000000,\"type\":\"x\"}", "not JSON");
    assert_no_event("[]", "no id");
    assert_no_event("{\"created\":1793000000,\"type\":\"x\"}", "no id");
    assert_no_event("{\"id\":\"\",\"created\":1793000000,\"type\":\"x\"}", "no id");
    assert_no_event("{\"id\":5,\"created\":1793000000,\"type\":\"x\"}", "no id");
    assert_no_event("{\"id\":\"a\",\"id\":\"b\",\"created\":1793000000,\"type\":\"x\"}", "not JSON");
    assert_no_event("{\"id\":\"evt_1\",\"type\":\"x\"}", "no time");
    assert_no_event("{\"id\":\"evt_1\",\"created\":\"1793000000\",\"type\":\"x\"}", "no time");
    assert_no_event("{\"id\":\"evt_1\",\"created\":0,\"type\":\"x\"}", "no time");
    assert_no_event("{\"id\":\"evt_1\",\"created\":9223372036854775807,\"type\":\"x\"}", "no time");
    assert_no_event("{\"id\":\"evt_1\",\"created\":1793000000}", "no type");
    char body[512] = "{\"created\":1793000000,\"type\":\"x\",\"id\":\"";
    size_t n = strlen(body);
    memset(body + n, 'e', 200);
    str_copy(body + n + 200, sizeof body - n - 200, "\"}");
    assert_no_event(body, "no id");
    char *deep = mem_alloc(20001);
    memset(deep, '[', 20000);
    assert_no_event(deep, "too deep");
    free(deep);
    char *large = mem_alloc(JSON_MAX_BYTES + 2);
    memset(large, ' ', JSON_MAX_BYTES + 1);
    assert_no_event(large, "too large");
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_signature),          cmocka_unit_test(several_values_and_schemes),
        cmocka_unit_test(what_was_signed_must_be_what_came), cmocka_unit_test(every_digit_of_a_signature_counts), cmocka_unit_test(the_time_counts_both_ways),
        cmocka_unit_test(broken_headers),            cmocka_unit_test(kinds_of_events),
        cmocka_unit_test(names_in_events),           cmocka_unit_test(bodies_that_are_no_events),
        cmocka_unit_test(a_thin_event_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
