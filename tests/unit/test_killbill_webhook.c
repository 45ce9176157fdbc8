/* Kill Bill's push notifications: which are believed, how one is told from another, and what is read from the body. The bodies are
 * those a server sends, of version 0.22 as of 0.24. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "adapters/billing/killbill.h"

#define ACCOUNT "ed404393-8861-4438-957b-3889a4e284ff"
#define INVOICE "cf31ebba-e400-4824-a0c8-dcaf6634a6b1"
#define BODY(type, object_type, object, meta)                                                                                            \
    "{\"eventType\":\"" type "\",\"accountId\":\"" ACCOUNT "\",\"objectType\":\"" object_type "\",\"objectId\":\"" object "\",\"metaData\":" meta "}"
#define ATTEMPT(id, type)                                                                                                                \
    "\"{\\\"paymentId\\\":null,\\\"paymentAttemptId\\\":\\\"" id "\\\",\\\"invoicePaymentType\\\":\\\"" type                              \
    "\\\",\\\"paymentDate\\\":\\\"2026-11-22T01:56:15.000Z\\\",\\\"amount\\\":0,\\\"currency\\\":\\\"USD\\\"}\""
#define ENDED(type, status)                                                                                             \
    "\"{\\\"paymentTransactionId\\\":\\\"80dc83dc\\\",\\\"status\\\":\\\"" status "\\\",\\\"transactionType\\\":\\\"" type                            \
    "\\\",\\\"effectiveDate\\\":\\\"2026-11-22T01:56:15.000Z\\\"}\""
#define TRANSACTION(type) "\"{\\\"transactionType\\\":\\\"" type "\\\",\\\"effectiveDate\\\":\\\"2026-11-22T01:56:15.000Z\\\"}\""

static const struct killbill_config config = {.webhook_secret = (char[]){"fakeCallbackSecret"}};

static const char *no_header(const void *ctx, const char *name)
{
    (void)ctx;
    (void)name;
    return NULL;
}

static const char *one_query(const void *ctx, const char *name)
{
    return strcmp(name, "secret") == 0 ? ctx : NULL;
}

static void assert_denied(const struct killbill_config *c, const char *given, const char *words)
{
    struct err e = {.code = 0};
    struct webhook hook = {.header = no_header, .query = one_query, .ctx = given, .body = span_of("{}")};
    assert_int_equal(killbill_driver.verify(c, &hook, 1, &e), ERR_DENIED);
    if (!strstr(e.text, words))
        fail_msg("\"%s\" does not say \"%s\"", e.text, words);
    assert_null(strstr(e.text, "fakeCallbackSecret"));
}

static void only_the_secret_is_believed(void **state)
{
    (void)state;
    char long_one[2048];
    struct webhook hook = {.header = no_header, .query = one_query, .ctx = "fakeCallbackSecret", .body = span_of("{}")};
    const struct killbill_config empty = {.webhook_secret = (char[]){""}}, none = {.webhook_secret = NULL};
    assert_int_equal(killbill_driver.verify(&config, &hook, 1, NULL), 0);
    assert_denied(&config, NULL, "no ?secret=");
    assert_denied(&config, "", "no ?secret=");
    assert_denied(&config, "fakeCallbackSecre", "is not webhook_secret");
    assert_denied(&config, "fakeCallbackSecretX", "is not webhook_secret");
    assert_denied(&config, "FAKECALLBACKSECRET", "is not webhook_secret");
    memset(long_one, 'a', sizeof long_one);
    long_one[sizeof long_one - 1] = '\0';
    assert_denied(&config, long_one, "is not webhook_secret");
    assert_denied(&empty, "", "webhook_secret is empty");
    assert_denied(&none, "x", "webhook_secret is empty");
    struct err e;
    hook.query = NULL; /* a server that gives no query */
    assert_int_equal(killbill_driver.verify(&config, &hook, 1, &e), ERR_DENIED);
}

static struct billing_event event_on(const char *body, int64_t now_ms)
{
    struct billing_event ev;
    struct err e = {.code = 0};
    struct webhook hook = {.header = no_header, .query = one_query, .ctx = NULL, .body = span_of(body), .now_ms = now_ms};
    if (killbill_driver.event_of(&config, &hook, &ev, &e) != 0)
        fail_msg("%s: %s", body, e.text);
    return ev;
}

static struct billing_event event_of(const char *body)
{
    return event_on(body, INT64_C(1793000000000));
}

static void a_failed_payment(void **state)
{
    (void)state;
    struct billing_event ev = event_of(BODY("INVOICE_PAYMENT_FAILED", "INVOICE", INVOICE, ATTEMPT("3d19", "ATTEMPT")));
    assert_int_equal(ev.kind, EVENT_PAYMENT_FAILED);
    assert_string_equal(ev.type, "INVOICE_PAYMENT_FAILED");
    assert_string_equal(ev.customer, ACCOUNT);
    assert_string_equal(ev.invoice, INVOICE);
    assert_int_equal(ev.created_ms, INT64_C(1795312575000));
    assert_int_equal(strlen(ev.id), 64);
    ev = event_of(BODY("PAYMENT_FAILED", "PAYMENT", "a3abc947", TRANSACTION("PURCHASE")));
    assert_int_equal(ev.kind, EVENT_PAYMENT_FAILED);
    assert_string_equal(ev.invoice, ""); /* the object is the payment */
    assert_int_equal(ev.created_ms, INT64_C(1795312575000));
    ev = event_of(BODY("PAYMENT_FAILED", "PAYMENT", "a3abc947", ENDED("PURCHASE", "PAYMENT_FAILURE")));
    assert_string_equal(ev.id, "PAYMENT_FAILURE/80dc83dc"); /* whoever tells of it, and when, it is the same event */
    assert_int_equal(ev.created_ms, 0);
    ev = event_of(BODY("PAYMENT_SUCCESS", "PAYMENT", "a3abc947", ENDED("CHARGEBACK", "SUCCESS")));
    assert_int_equal(strlen(ev.id), 64); /* but money that goes back is another matter */
}

static void what_each_kind_means(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int kind;
    } rows[] = {
        {BODY("INVOICE_PAYMENT_SUCCESS", "INVOICE", INVOICE, ATTEMPT("1", "ATTEMPT")), EVENT_PAID},
        {BODY("INVOICE_PAYMENT_SUCCESS", "INVOICE", INVOICE, ATTEMPT("1", "CHARGED_BACK")), EVENT_CHANGED},
        {BODY("INVOICE_PAYMENT_SUCCESS", "INVOICE", INVOICE, ATTEMPT("1", "REFUND")), EVENT_CHANGED},
        {BODY("PAYMENT_SUCCESS", "PAYMENT", "1", TRANSACTION("PURCHASE")), EVENT_PAID},
        {BODY("PAYMENT_SUCCESS", "PAYMENT", "1", TRANSACTION("CHARGEBACK")), EVENT_CHANGED},
        {BODY("OVERDUE_CHANGE", "ACCOUNT", ACCOUNT, "null"), EVENT_PAYMENT_FAILED},
        {BODY("TAG_CREATION", "TAG", "1", "\"WRITTEN_OFF\""), EVENT_CHANGED},
        {BODY("INVOICE_ADJUSTMENT", "INVOICE", INVOICE, "null"), EVENT_CHANGED},
        {BODY("SUBSCRIPTION_CANCEL", "SUBSCRIPTION", "1", "null"), EVENT_CHANGED},
        {BODY("INVOICE_CREATION", "INVOICE", INVOICE, "null"), EVENT_OTHER},
        {BODY("BLOCKING_STATE", "ACCOUNT", ACCOUNT, "\"{}\""), EVENT_OTHER},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++)
        if (event_of(rows[i].body).kind != (__typeof__(((struct billing_event *)0)->kind))rows[i].kind)
            fail_msg("%s", rows[i].body);
}

static bool same(struct billing_event a, struct billing_event b)
{
    return strcmp(a.id, b.id) == 0 && a.created_ms == b.created_ms;
}

static void one_event_from_another(void **state)
{
    (void)state;
    const char *first = BODY("INVOICE_PAYMENT_FAILED", "INVOICE", INVOICE, ATTEMPT("1", "ATTEMPT"));
    assert_true(same(event_on(first, 1), event_on(first, INT64_C(1795312575000)))); /* a redelivery, whenever it comes */
    assert_false(same(event_of(first), event_of(BODY("INVOICE_PAYMENT_FAILED", "INVOICE", INVOICE, ATTEMPT("2", "ATTEMPT")))));
    assert_false(same(event_of(first), event_of(BODY("INVOICE_PAYMENT_SUCCESS", "INVOICE", INVOICE, ATTEMPT("1", "ATTEMPT")))));
    assert_false(same(event_of(first), event_of(BODY("INVOICE_PAYMENT_FAILED", "INVOICE", "other", ATTEMPT("1", "ATTEMPT")))));
    /* parts do not run into each other */
    assert_false(same(event_of("{\"eventType\":\"A\",\"objectId\":\"BC\",\"metaData\":\"D\"}"),
                      event_of("{\"eventType\":\"AB\",\"objectId\":\"C\",\"metaData\":\"D\"}")));
    /* without metadata the same may happen again on another day */
    const char *plain = BODY("OVERDUE_CHANGE", "ACCOUNT", ACCOUNT, "null");
    assert_true(same(event_on(plain, INT64_C(1793000000000)), event_on(plain, INT64_C(1793000900000))));
    assert_false(same(event_on(plain, INT64_C(1793000000000)), event_on(plain, INT64_C(1793086400000))));
}

static void odd_bodies(void **state)
{
    (void)state;
    struct billing_event ev, untouched;
    struct err e;
    char long_type[512];
    memset(&untouched, 0x5a, sizeof untouched);
    static const char *const bad[] = {"", "x", "[]", "{}", "{\"eventType\":1}", "{\"eventType\":\"\"}", "{\"eventType\":\"A\",\"eventType\":\"B\"}",
                                      "{\"eventType\":\"A\",\"accountId\":\"\\u0000\"}"};
    for (size_t i = 0; i < DW_ARRAY_LEN(bad); i++) {
        ev = untouched;
        e = (struct err){.code = 0};
        if (killbill_driver.event(&config, span_of(bad[i]), &ev, &e) == 0)
            fail_msg("%s", bad[i]);
        assert_true(e.text[0] != '\0');
        assert_memory_equal(&ev, &untouched, sizeof ev);
    }
    /* of the tenant: no account; metadata that is a mere word, or no JSON, says nothing */
    ev = event_of("{\"eventType\":\"TENANT_CONFIG_CHANGE\",\"accountId\":null,\"objectType\":\"TENANT_KVS\",\"objectId\":\"1\",\"metaData\":\"PUSH_NOTIFICATION_CB\"}");
    assert_int_equal(ev.kind, EVENT_OTHER);
    assert_string_equal(ev.customer, "");
    assert_int_equal(ev.created_ms, 0);
    assert_int_equal(event_of(BODY("PAYMENT_FAILED", "PAYMENT", "1", "\"{\\\"effectiveDate\\\":\\\"soon\\\"}\"")).created_ms, 0);
    assert_int_equal(event_of(BODY("PAYMENT_FAILED", "PAYMENT", "1", "\"{\"")).kind, EVENT_PAYMENT_FAILED);
    snprintf(long_type, sizeof long_type, "{\"eventType\":\"%0300d\"}", 7);
    assert_string_equal(event_of(long_type).type, "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_secret_is_believed), cmocka_unit_test(a_failed_payment), cmocka_unit_test(what_each_kind_means),
        cmocka_unit_test(one_event_from_another),      cmocka_unit_test(odd_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
