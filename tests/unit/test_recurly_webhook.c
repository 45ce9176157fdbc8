/* Recurly's webhooks: which signatures are believed, what is read from the thin body; and its decimals and times.
 *
 * The vectors were made with `printf '%s.%s' TIME BODY | openssl dgst -sha256 -hmac whk_fake`, so the driver is not tested against
 * itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "adapters/billing/recurly.h"

#define NOW INT64_C(1793000000000)
#define SECRET "whk_fake"
#define BODY                                                                                                            \
    "{\"id\":\"ra93x2i8g69t\",\"object_type\":\"payment\",\"site_id\":\"qc326l1hl8k9\",\"event_type\":\"failed\","          \
    "\"event_time\":\"2022-07-27T00:17:45Z\",\"uuid\":\"63abcf806e29cbfb3ec9c84e658777be\"}"
#define IN_MS "16f606c1342e2e69b86be8a1a4663394f0daf0e5975f48d37b802e1ca5024bb8"      /* signed at 1793000000000 */
#define IN_SECONDS "f28cdcb9e7fcf6b93d53555e10ee7832199f461bade953e24417be8fea378ea1" /* signed at 1793000000 */
#define OTHER "0000000000000000000000000000000000000000000000000000000000000000"

static char secret[] = SECRET, none[] = "";

static const char *one_header(const void *ctx, const char *name)
{
    return strcasecmp(name, "recurly-signature") == 0 ? ctx : NULL;
}

static int verify_with(char *key, const char *header, const char *body, int64_t now_ms, struct err *e)
{
    struct recurly_config config = {.webhook_secret = key};
    struct webhook hook = {.header = one_header, .ctx = header, .body = span_of(body)};
    *e = (struct err){.code = 0};
    return recurly_driver.verify(&config, &hook, now_ms, e);
}

static void assert_good(const char *header, int64_t now_ms)
{
    struct err e;
    if (verify_with(secret, header, BODY, now_ms, &e) != 0)
        fail_msg("%s: %s", header, e.text);
}

static void assert_denied(char *key, const char *header, const char *body, int64_t now_ms, const char *words)
{
    struct err e;
    assert_int_equal(verify_with(key, header, body, now_ms, &e), ERR_DENIED);
    if (!strstr(e.text, words))
        fail_msg("\"%s\" does not say \"%s\"", e.text, words);
    assert_null(strstr(e.text, SECRET));
}

static void good_signatures(void **state)
{
    (void)state;
    assert_good("1793000000000," IN_MS, NOW);
    assert_good("1793000000000, " IN_MS, NOW);
    assert_good("1793000000000," OTHER "," IN_MS, NOW); /* two keys for a day after a change */
    assert_good("1793000000000," IN_MS "," OTHER, NOW);
    assert_good("1793000000," IN_SECONDS, NOW);
}

static void the_time_counts(void **state)
{
    (void)state;
    assert_good("1793000000000," IN_MS, NOW + 300000);
    assert_good("1793000000000," IN_MS, NOW - 300000);
    assert_denied(secret, "1793000000000," IN_MS, BODY, NOW + 300001, "more than 300 s ago");
    assert_denied(secret, "1793000000000," IN_MS, BODY, NOW - 300001, "in the future");
    assert_good("1793000000," IN_SECONDS, NOW + 300000);
    assert_denied(secret, "1793000000," IN_SECONDS, BODY, NOW + 300001, "more than 300 s ago");
    /* The time is signed as it was sent: nobody may say it in the other unit. */
    assert_denied(secret, "1793000000," IN_MS, BODY, NOW, "no signature fits");
    assert_denied(secret, "1793000000000," IN_SECONDS, BODY, NOW, "no signature fits");
    assert_denied(secret, "1793000000001," IN_MS, BODY, NOW, "no signature fits");
}

static void bad_signatures(void **state)
{
    (void)state;
    static char long_header[4000];
    memset(long_header, '1', sizeof long_header - 1);
    assert_denied(secret, NULL, BODY, NOW, "is missing");
    assert_denied(secret, "", BODY, NOW, "is missing");
    assert_denied(secret, IN_MS, BODY, NOW, "begin with a time");
    assert_denied(secret, ",", BODY, NOW, "begin with a time");
    assert_denied(secret, "-1793000000000," IN_MS, BODY, NOW, "begin with a time");
    assert_denied(secret, "17930000000000000000," IN_MS, BODY, NOW, "begin with a time");
    assert_denied(secret, "1793000000000", BODY, NOW, "no signature fits");
    assert_denied(secret, "1793000000000," OTHER, BODY, NOW, "no signature fits");
    assert_denied(secret, "1793000000000,16F606C1342E2E69B86BE8A1A4663394F0DAF0E5975F48D37B802E1CA5024BB8", BODY, NOW, "no signature fits");
    assert_denied(secret, "1793000000000,16f606c1", BODY, NOW, "no signature fits");
    assert_denied(secret, "1793000000000," IN_MS, BODY " ", NOW, "no signature fits");
    assert_denied(secret, "1793000000000," OTHER "," OTHER "," OTHER "," OTHER "," OTHER "," OTHER "," OTHER "," OTHER "," IN_MS, BODY, NOW,
                  "no signature fits"); /* only so many are looked at */
    assert_denied(none, "1793000000000," IN_MS, BODY, NOW, "is empty");
    assert_denied(NULL, "1793000000000," IN_MS, BODY, NOW, "is empty");
    assert_denied(secret, long_header, BODY, NOW, "longer than");
}

static struct billing_event parsed(const char *body)
{
    struct billing_event ev;
    struct err e = {.code = 0};
    memset(&ev, 0x5a, sizeof ev);
    if (recurly_driver.event(NULL, span_of(body), &ev, &e) != 0)
        fail_msg("%s: %s", body, e.text);
    return ev;
}

static void thin_bodies(void **state)
{
    (void)state;
    struct billing_event ev = parsed(BODY);
    assert_string_equal(ev.id, "payment.failed/uuid-63abcf806e29cbfb3ec9c84e658777be");
    assert_string_equal(ev.type, "payment.failed");
    assert_string_equal(ev.customer, "");
    assert_string_equal(ev.invoice, "uuid-63abcf806e29cbfb3ec9c84e658777be");
    assert_int_equal(ev.created_ms, 0); /* whoever tells of it, and when, it is the same event */
    assert_int_equal(ev.kind, EVENT_PAYMENT_FAILED);
    ev = parsed("{\"id\":\"radn\",\"object_type\":\"dunning_event\",\"event_type\":\"created\",\"event_time\":\"2022-07-27T15:34:35Z\",\"invoice_number\":1000}");
    assert_string_equal(ev.invoice, "number-1000");
    assert_string_equal(ev.id, "dunning_event.created/radn/2022-07-27T15:34:35Z");
    assert_int_equal(ev.kind, EVENT_PAYMENT_FAILED);
    ev = parsed("{\"id\":\"a\",\"object_type\":\"charge_invoice\",\"event_type\":\"past_due\",\"event_time\":\"2022-07-27T15:34:35.5+02:00\",\"invoice_number\":\"FR-7\","
                "\"account_code\":\"acme\"}");
    assert_string_equal(ev.invoice, "number-FR-7");
    assert_string_equal(ev.customer, "acme");
    assert_int_equal(ev.created_ms, INT64_C(1658928875000));
}

static void kinds(void **state)
{
    (void)state;
    static const struct {
        const char *object, *event;
        int kind;
    } rows[] = {
        {"payment", "succeeded", EVENT_PAID},         {"payment", "processing", EVENT_CHANGED},      {"charge_invoice", "paid", EVENT_PAID},
        {"charge_invoice", "failed", EVENT_PAID},     {"charge_invoice", "reopened", EVENT_CHANGED}, {"charge_invoice", "created", EVENT_OTHER},
        {"billing_info", "updated", EVENT_CHANGED},   {"account", "updated", EVENT_CHANGED},         {"account", "created", EVENT_OTHER},
        {"subscription", "canceled", EVENT_CHANGED},  {"credit_payment", "created", EVENT_OTHER},    {"", "", EVENT_OTHER},
        {"dunning_event", "something", EVENT_OTHER},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        AUTO_STR body = str_fmt("{\"id\":\"a\",\"object_type\":\"%s\",\"event_type\":\"%s\",\"event_time\":\"2022-07-27T15:34:35Z\"}", rows[i].object, rows[i].event);
        assert_int_equal(parsed(body).kind, rows[i].kind);
    }
}

static void bodies_that_are_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "<xml/>",
        "{\"object_type\":\"payment\",\"event_type\":\"failed\",\"event_time\":\"2022-07-27T00:17:45Z\"}",
        "{\"id\":\"a\",\"event_type\":\"failed\",\"event_time\":\"2022-07-27T00:17:45Z\"}",
        "{\"id\":\"a\",\"object_type\":\"payment\",\"event_type\":7,\"event_time\":\"2022-07-27T00:17:45Z\"}",
        "{\"id\":\"a\",\"object_type\":\"payment\",\"event_type\":\"failed\"}",
        "{\"id\":\"a\",\"object_type\":\"payment\",\"event_type\":\"failed\",\"event_time\":\"yesterday\"}",
        "{\"id\":\"a\",\"object_type\":\"payment\",\"event_type\":\"failed\",\"event_time\":\"2022-02-30T00:17:45Z\"}",
        "{\"id\":\"a\",\"object_type\":\"payment_with_a_name_longer_than_any\",\"event_type\":\"failed\",\"event_time\":\"2022-07-27T00:17:45Z\"}",
        "{\"id\":\"an_id_that_is_longer_than_forty_characters\",\"object_type\":\"payment\",\"event_type\":\"failed\",\"event_time\":\"2022-07-27T00:17:45Z\"}",
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(bodies); i++) {
        struct billing_event ev;
        struct err e = {.code = 0};
        if (recurly_driver.event(NULL, span_of(bodies[i]), &ev, &e) >= 0 || !e.text[0])
            fail_msg("taken, or refused without a word: %s", bodies[i]);
    }
}

static void decimals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *currency;
        int rc;
        int64_t minor;
    } rows[] = {
        {"120.5", "USD", 0, 12050},       {"120", "USD", 0, 12000},           {"\"7.07\"", "USD", 0, 707},    {"-3.10", "EUR", 0, -310},
        {"90071992547409.93", "USD", 0, INT64_C(9007199254740993)},           {"1000.0", "JPY", 0, 1000},     {"0.001", "KWD", 0, 1},
        {"0.001", "USD", ERR_INVALID, 0}, {"1e3", "USD", ERR_INVALID, 0},     {"1.2.3", "USD", ERR_INVALID, 0}, {"true", "USD", ERR_INVALID, 0},
        {"null", "USD", ERR_NOT_FOUND, 0}, {"1.5", "XXQ", ERR_INVALID, 0},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        AUTO_STR text = str_fmt("{\"a\\\"1.5\":\"b 2.5 \\\\\",\"v\":%s}", rows[i].text);
        json_auto_t *tree = recurly_json(span_of(text));
        int64_t minor = 0;
        assert_non_null(tree);
        assert_string_equal(json_string_value(json_object_get(tree, "a\"1.5")), "b 2.5 \\");
        assert_int_equal(recurly_minor(&minor, tree, "v", rows[i].currency), rows[i].rc);
        assert_int_equal(minor, rows[i].minor);
    }
    assert_null(recurly_json(span_of("{\"v\":1.5")));
    assert_null(recurly_json(span_of("\"1.5")));
}

static void classes(void **state)
{
    (void)state;
    assert_string_equal(recurly_class("insufficient_funds", "declined", "soft"), "S");
    assert_string_equal(recurly_class("do_not_honor", NULL, "hard"), "H"); /* never softened */
    assert_string_equal(recurly_class("expired_card", "expired_card", "hard"), "N");
    assert_string_equal(recurly_class(NULL, "fraud_stolen_card", NULL), "H");
    assert_string_equal(recurly_class(NULL, "something_new", "fraud"), "H");
    assert_string_equal(recurly_class(NULL, NULL, "three_d_secure_action_required"), "A");
    assert_string_equal(recurly_class(NULL, "something_new", "unknown"), "?");
    assert_string_equal(recurly_class(NULL, NULL, NULL), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_signatures), cmocka_unit_test(the_time_counts), cmocka_unit_test(bad_signatures), cmocka_unit_test(thin_bodies),
        cmocka_unit_test(kinds),           cmocka_unit_test(bodies_that_are_refused), cmocka_unit_test(decimals), cmocka_unit_test(classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
