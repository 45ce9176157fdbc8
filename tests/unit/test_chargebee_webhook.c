/* Chargebee's webhooks: which user and password are believed, and what is read from the body.
 *
 * The header's text was made with `printf %s hook:hook_fake | base64`, so the driver is not tested against itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "adapters/billing/chargebee.h"

#define GOOD "aG9vazpob29rX2Zha2U="
#define PASSWORD "hook_fake"

static char user[] = "hook", password[] = PASSWORD, none[] = "";

static const char *one_header(const void *ctx, const char *name)
{
    return strcasecmp(name, "authorization") == 0 ? ctx : NULL;
}

static int verify_as(char *u, char *p, const char *header, struct err *e)
{
    struct chargebee_config config = {.webhook_user = u, .webhook_password = p};
    struct webhook hook = {.header = one_header, .ctx = header, .body = span_of("{}")};
    *e = (struct err){.code = 0};
    return chargebee_driver.verify(&config, &hook, 0, e);
}

static void assert_denied(char *u, char *p, const char *header, const char *words)
{
    struct err e;
    assert_int_equal(verify_as(u, p, header, &e), ERR_DENIED);
    if (!strstr(e.text, words))
        fail_msg("\"%s\" does not say \"%s\"", e.text, words);
    assert_null(strstr(e.text, PASSWORD));
    assert_null(strstr(e.text, GOOD));
}

static void good_credentials(void **state)
{
    (void)state;
    struct err e;
    assert_int_equal(verify_as(user, password, "Basic " GOOD, &e), 0);
    assert_int_equal(verify_as(user, password, "basic " GOOD, &e), 0);
    assert_int_equal(verify_as(user, password, "Basic   " GOOD, &e), 0);
}

static void bad_credentials(void **state)
{
    (void)state;
    static char long_header[4000];
    memset(long_header, 'a', sizeof long_header - 1);
    memcpy(long_header, "Basic ", 6);
    assert_denied(user, password, NULL, "is missing");
    assert_denied(user, password, "", "is missing");
    assert_denied(user, password, "Bearer " GOOD, "not Basic");
    assert_denied(user, password, "Basic", "not Basic");
    assert_denied(user, password, "Basic ", "wrong");
    assert_denied(user, password, GOOD, "not Basic");
    assert_denied(user, password, "Basic aG9vazpob29rX2Zha2UK", "wrong");      /* a line feed more */
    assert_denied(user, password, "Basic aG9vazpob29rX2Zha2", "wrong");        /* one letter less */
    assert_denied(user, password, "Basic SG9vazpob29rX2Zha2U=", "wrong");      /* Hook:hook_fake */
    assert_denied(user, password, "Basic " GOOD " ", "wrong");
    assert_denied(user, password, "Basic " GOOD "," GOOD, "wrong");
    assert_denied(user, password, "Basic Og==", "wrong"); /* ":" */
    assert_denied(user, password, long_header, "longer than");
}

/* An endpoint without a password would believe anyone. */
static void nothing_configured(void **state)
{
    (void)state;
    assert_denied(none, none, "Basic Og==", "is empty");
    assert_denied(user, none, "Basic aG9vazo=", "is empty");
    assert_denied(none, password, "Basic Omhvb2tfZmFrZQ==", "is empty");
    assert_denied(NULL, NULL, "Basic Og==", "is empty");
}

static struct billing_event parsed(const char *body)
{
    struct billing_event ev;
    struct err e = {.code = 0};
    memset(&ev, 0x5a, sizeof ev);
    if (chargebee_driver.event(NULL, span_of(body), &ev, &e) != 0)
        fail_msg("%s: %s", body, e.text);
    return ev;
}

#define HEAD "{\"id\":\"ev_1\",\"occurred_at\":1793000000,\"api_version\":\"v2\",\"event_type\":"

static void a_payment_that_failed(void **state)
{
    (void)state;
    struct billing_event ev = parsed(HEAD "\"payment_failed\",\"content\":{\"transaction\":{\"id\":\"txn_1\",\"customer_id\":\"cus_9\"},"
                                          "\"invoice\":{\"id\":\"6\",\"customer_id\":\"cus_9\",\"status\":\"payment_due\"},\"customer\":{\"id\":\"cus_9\"}}}");
    assert_string_equal(ev.id, "ev_1");
    assert_string_equal(ev.type, "payment_failed");
    assert_string_equal(ev.customer, "cus_9");
    assert_string_equal(ev.invoice, "6");
    assert_int_equal(ev.created_ms, INT64_C(1793000000000));
    assert_int_equal(ev.kind, EVENT_PAYMENT_FAILED);
}

static void kinds(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        int kind;
    } rows[] = {
        {"payment_succeeded", EVENT_PAID},          {"payment_due_reminder", EVENT_PAYMENT_FAILED}, {"dunning_updated", EVENT_CHANGED},
        {"invoice_updated", EVENT_CHANGED},         {"payment_source_added", EVENT_CHANGED},        {"payment_source_expiring", EVENT_CHANGED},
        {"payment_source_expired", EVENT_CHANGED},  {"card_expiry_reminder", EVENT_CHANGED},        {"customer_changed", EVENT_CHANGED},
        {"subscription_cancelled", EVENT_CHANGED},  {"transaction_updated", EVENT_CHANGED},         {"payment_source_updated", EVENT_CHANGED},
        {"subscription_created", EVENT_OTHER},      {"payment_faile", EVENT_OTHER},                 {"PAYMENT_FAILED", EVENT_OTHER},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        AUTO_STR body = str_fmt(HEAD "\"%s\",\"content\":{}}", rows[i].type);
        assert_int_equal(parsed(body).kind, rows[i].kind);
    }
    assert_int_equal(parsed(HEAD "\"invoice_updated\",\"content\":{\"invoice\":{\"id\":\"6\",\"status\":\"paid\"}}}").kind, EVENT_PAID);
    assert_int_equal(parsed(HEAD "\"dunning_updated\",\"content\":{\"invoice\":{\"id\":\"6\",\"status\":\"paid\"}}}").kind, EVENT_CHANGED);
    assert_string_equal(parsed(HEAD "\"a_type_that_is_much_longer_than_any_type_that_chargebee_has_ever_sent_to_anyone\",\"content\":{}}").type, "unknown");
}

/* The customer stands in another place in each kind of event. */
static void where_the_customer_stands(void **state)
{
    (void)state;
    static const char *const contents[] = {
        "\"customer\":{\"id\":\"cus_9\"}", "\"transaction\":{\"customer_id\":\"cus_9\"}", "\"payment_source\":{\"customer_id\":\"cus_9\"}",
        "\"subscription\":{\"customer_id\":\"cus_9\"}", "\"card\":{\"customer_id\":\"cus_9\"}", "\"invoice\":{\"customer_id\":\"cus_9\"}"};
    for (size_t i = 0; i < DW_ARRAY_LEN(contents); i++) {
        AUTO_STR body = str_fmt(HEAD "\"customer_changed\",\"content\":{%s}}", contents[i]);
        assert_string_equal(parsed(body).customer, "cus_9");
    }
    assert_string_equal(parsed(HEAD "\"plan_created\",\"content\":{\"plan\":{\"id\":\"p\"}}}").customer, "");
}

static void bodies_that_are_refused(void **state)
{
    (void)state;
    AUTO_BUF wide = BUF(1000);
    buf_adds(&wide, HEAD "\"payment_failed\",\"content\":{\"customer\":{\"id\":\"");
    for (int i = 0; i < 200; i++)
        buf_addc(&wide, 'c');
    buf_adds(&wide, "\"}}}");
    const char *const bodies[] = {
        "",
        "<html>",
        "[]",
        "{\"event_type\":\"payment_failed\",\"occurred_at\":1793000000}",
        "{\"id\":\"\",\"event_type\":\"payment_failed\",\"occurred_at\":1793000000}",
        "{\"id\":7,\"event_type\":\"payment_failed\",\"occurred_at\":1793000000}",
        "{\"id\":\"ev_1\",\"event_type\":\"payment_failed\"}",
        "{\"id\":\"ev_1\",\"event_type\":\"payment_failed\",\"occurred_at\":\"1793000000\"}",
        "{\"id\":\"ev_1\",\"event_type\":\"payment_failed\",\"occurred_at\":0}",
        "{\"id\":\"ev_1\",\"event_type\":\"payment_failed\",\"occurred_at\":9223372036854775807}",
        "{\"id\":\"ev_1\",\"occurred_at\":1793000000}",
        buf_text(&wide),
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(bodies); i++) {
        struct billing_event ev;
        struct err e = {.code = 0};
        if (chargebee_driver.event(NULL, span_of(bodies[i]), &ev, &e) >= 0 || !e.text[0])
            fail_msg("taken, or refused without a word: %s", bodies[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_credentials),  cmocka_unit_test(bad_credentials),           cmocka_unit_test(nothing_configured),
        cmocka_unit_test(a_payment_that_failed), cmocka_unit_test(kinds),                 cmocka_unit_test(where_the_customer_stands),
        cmocka_unit_test(bodies_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
