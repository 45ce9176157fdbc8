/* Zuora outside of its scenario files: whose callouts are believed, what is read of them, the access token's life, and the
 * decimals.
 *
 * The HMAC is checked against a fixed vector made with Python, in both encodings, so the driver is not tested by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "adapters/billing/zuora.h"
#include "engine/when.h"

#define NOW INT64_C(1793000000000)
#define BODY "{\"event\":\"PaymentDeclined\",\"accountId\":\"acc-1\",\"invoiceId\":\"\",\"paymentId\":\"p-1\"}"
#define OTHER "{\"event\":\"InvoiceDue\",\"accountId\":\"acc-1\",\"invoiceId\":\"\"}"
#define HEX "851042a84c59d9da09b5b2b91340fb750a6499fdf7ed6c8ad285b54f3e9dd019"
#define BASE64 "hRBCqExZ2doJtbK5E0D7dQpkmf337WyK0oW1Tz6d0Bk="
#define GOOD_BASIC "Basic ZHVud2VsbDpob29rLWZha2U=" /* dunwell:hook-fake */

static char user[] = "dunwell", password[] = "hook-fake", secret[] = "hmac-fake", header_name[] = "X-Dunwell-Signature";

struct headers {
    const char *authorization, *signature, *id;
};

static const char *header(const void *ctx, const char *name)
{
    const struct headers *h = ctx;
    return strcasecmp(name, "authorization") == 0         ? h->authorization
           : strcasecmp(name, header_name) == 0           ? h->signature
           : strcasecmp(name, "zuora-notification-id") == 0 ? h->id
                                                            : NULL;
}

static int verify(const struct zuora_config *c, struct headers h, const char *body, struct err *e)
{
    struct webhook hook = {.header = header, .ctx = &h, .body = span_of(body)};
    *e = (struct err){.code = 0};
    return zuora_driver.verify(c, &hook, NOW, e);
}

static void assert_denied(const struct zuora_config *c, struct headers h, const char *words)
{
    struct err e;
    assert_int_equal(verify(c, h, BODY, &e), ERR_DENIED);
    if (!strstr(e.text, words))
        fail_msg("\"%s\" does not say \"%s\"", e.text, words);
    assert_null(strstr(e.text, password));
    assert_null(strstr(e.text, secret));
}

static void by_password(void **state)
{
    (void)state;
    struct err e;
    const struct zuora_config c = {.webhook_user = user, .webhook_password = password};
    assert_int_equal(verify(&c, (struct headers){.authorization = GOOD_BASIC}, BODY, &e), 0);
    assert_int_equal(verify(&c, (struct headers){.authorization = "basic  ZHVud2VsbDpob29rLWZha2U="}, BODY, &e), 0);
    assert_denied(&c, (struct headers){.authorization = NULL}, "wanted here");
    assert_denied(&c, (struct headers){.authorization = "Bearer ZHVud2VsbDpob29rLWZha2U="}, "wanted here");
    assert_denied(&c, (struct headers){.authorization = "Basic "}, "not the one");
    assert_denied(&c, (struct headers){.authorization = "Basic ZHVud2VsbDpob29rLWZha2V="}, "not the one");
    assert_denied(&c, (struct headers){.authorization = GOOD_BASIC "="}, "not the one");
    assert_denied(&c, (struct headers){.authorization = "Basic ZHVud2VsbDpob29rLWZha2U"}, "not the one");
    assert_non_null(strstr(zuora_driver.challenge(&c), "Basic realm="));
}

static void by_hmac(void **state)
{
    (void)state;
    struct err e;
    const struct zuora_config c = {.webhook_secret = secret, .webhook_header = header_name};
    assert_int_equal(verify(&c, (struct headers){.signature = HEX}, BODY, &e), 0);
    assert_int_equal(verify(&c, (struct headers){.signature = BASE64}, BODY, &e), 0);
    char upper[65];
    str_copy(upper, sizeof upper, HEX);
    for (char *p = upper; *p; p++)
        *p = (char)(*p >= 'a' && *p <= 'f' ? *p - 'a' + 'A' : *p);
    assert_int_equal(verify(&c, (struct headers){.signature = upper}, BODY, &e), 0);
    assert_denied(&c, (struct headers){.signature = NULL}, "is missing");
    assert_denied(&c, (struct headers){.signature = ""}, "is missing");
    assert_denied(&c, (struct headers){.signature = HEX "00"}, "does not fit");
    assert_denied(&c, (struct headers){.signature = "nonsense"}, "does not fit");
    assert_int_equal(verify(&c, (struct headers){.signature = HEX}, BODY " ", &e), ERR_DENIED);
    assert_int_equal(verify(&c, (struct headers){.signature = BASE64}, "", &e), ERR_DENIED);
    assert_null(zuora_driver.challenge(&c)); /* nobody has a password to show */
}

static void both_must_hold(void **state)
{
    (void)state;
    struct err e;
    const struct zuora_config c = {.webhook_user = user, .webhook_password = password, .webhook_secret = secret, .webhook_header = header_name};
    assert_int_equal(verify(&c, (struct headers){.authorization = GOOD_BASIC, .signature = HEX}, BODY, &e), 0);
    assert_denied(&c, (struct headers){.authorization = GOOD_BASIC}, "is missing");
    assert_denied(&c, (struct headers){.signature = HEX}, "wanted here");
}

static void nothing_is_believed_without_a_secret(void **state)
{
    (void)state;
    char empty[] = "";
    const struct headers all = {.authorization = GOOD_BASIC, .signature = HEX};
    assert_denied(&(const struct zuora_config){.base_url = NULL}, all, "no callout can be checked");
    assert_denied(&(const struct zuora_config){.webhook_user = user, .webhook_password = empty}, all, "belong together");
    assert_denied(&(const struct zuora_config){.webhook_password = password}, all, "belong together");
    assert_denied(&(const struct zuora_config){.webhook_secret = secret}, all, "needs webhook_header");
    assert_denied(&(const struct zuora_config){.webhook_user = user, .webhook_password = password, .webhook_secret = secret}, all, "needs webhook_header");
}

/* --- events --- */

static int event_of(const char *body, const char *id, struct billing_event *ev)
{
    struct headers h = {.id = id};
    struct webhook hook = {.header = header, .ctx = &h, .body = span_of(body)};
    struct err e = {.code = 0};
    memset(ev, 0x5a, sizeof *ev);
    int rc = zuora_driver.event_of(NULL, &hook, ev, &e);
    assert_true(rc == 0 || e.text[0]);
    return rc;
}

static void events(void **state)
{
    (void)state;
    static const struct {
        const char *event;
        int kind;
    } rows[] = {
        {"PaymentDeclined", EVENT_PAYMENT_FAILED}, {"Payment Declined", EVENT_PAYMENT_FAILED}, {"payment_declined", EVENT_PAYMENT_FAILED},
        {"2110", EVENT_PAYMENT_FAILED}, {"Invoice Due", EVENT_PAYMENT_FAILED}, {"1120", EVENT_PAYMENT_FAILED}, {"PaymentProcessed", EVENT_PAID},
        {"2120", EVENT_PAID}, {"PaymentMethodUpdated", EVENT_CHANGED}, {"2210", EVENT_CHANGED}, {"2230", EVENT_CHANGED},
        {"AmendmentProcessed", EVENT_CHANGED}, {"PaymentDeclined2", EVENT_OTHER}, {"21100", EVENT_OTHER}, {"x", EVENT_OTHER},
    };
    struct billing_event ev, again;
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        AUTO_STR body = str_fmt("{\"event\":\"%s\",\"accountId\":\"acc-1\",\"invoiceId\":\"inv-2\"}", rows[i].event);
        assert_int_equal(event_of(body, "n-1", &ev), 0);
        assert_int_equal(ev.kind, rows[i].kind);
        assert_string_equal(ev.type, rows[i].event);
        assert_string_equal(ev.id, "n-1");
        assert_string_equal(ev.customer, "acc-1");
        assert_string_equal(ev.invoice, "inv-2");
        assert_int_equal(ev.created_ms, 0);
    }
    /* an event of a payment is known by the payment, whichever callout tells of it */
    assert_int_equal(event_of(BODY, "n-1", &ev), 0);
    assert_string_equal(ev.id, "paymentdeclined-p-1");
    assert_int_equal(event_of("{\"event\":\"2110\",\"accountId\":\"acc-1\",\"paymentId\":\"p-1\"}", NULL, &again), 0);
    assert_string_equal(again.id, ev.id);
    assert_int_equal(event_of("{\"event\":\"PaymentProcessed\",\"paymentId\":\"p-1\"}", "n-1", &again), 0);
    assert_string_equal(again.id, "paymentprocessed-p-1");
    assert_int_equal(event_of("{\"event\":\"PaymentMethodUpdated\",\"paymentId\":\"p-1\"}", "n-7", &again), 0);
    assert_string_equal(again.id, "n-7");
    /* a proxy has dropped the header: the body is its own name, the same each time */
    assert_int_equal(event_of(OTHER, NULL, &ev), 0);
    assert_int_equal(event_of(OTHER, NULL, &again), 0);
    assert_string_equal(ev.id, again.id);
    assert_int_equal(strlen(ev.id), 5 + 64);
    assert_string_equal(ev.invoice, "");
    assert_int_equal(event_of(OTHER " ", NULL, &again), 0);
    assert_string_not_equal(ev.id, again.id);
}

static void bodies_that_are_no_events(void **state)
{
    (void)state;
    static const char *const bodies[] = {"",           "hello", "{\"accountId\":\"a\"}", "{\"event\":\"\"}", "{\"event\":7}", "[]",
                                         "{\"event\":\"x\"", "{\"event\":\"x\",\"accountId\":\"\\ud800\"}"};
    struct billing_event ev;
    for (size_t i = 0; i < DW_ARRAY_LEN(bodies); i++)
        if (event_of(bodies[i], "n-1", &ev) == 0)
            fail_msg("taken: %s", bodies[i]);
    char long_id[200];
    memset(long_id, 'n', sizeof long_id);
    long_id[sizeof long_id - 1] = '\0';
    assert_true(event_of(BODY, long_id, &ev) < 0);
    assert_true(event_of(BODY, "n 1", &ev) < 0);
    assert_true(event_of(BODY, "n\xff", &ev) < 0);
    AUTO_STR wide = str_fmt("{\"event\":\"x\",\"accountId\":\"%s\"}", long_id);
    assert_true(event_of(wide, "n-1", &ev) < 0);
    AUTO_STR named = str_fmt("{\"event\":\"%s\"}", long_id);
    assert_int_equal(event_of(named, "n-1", &ev), 0);
    assert_string_equal(ev.type, "unknown");
}

/* --- the token --- */

static struct zuora_config configured(char *base)
{
    static char client[] = "client-fake", client_secret[] = "secret-fake";
    return (struct zuora_config){.base = {.driver = &zuora_driver, .name = "zuora"}, .base_url = base, .client_id = client, .client_secret = client_secret};
}

static void take(const struct zuora_config *c, struct step *s, int64_t id, int64_t now_ms, json_t **stage, int status, const char *body)
{
    struct http_response answer;
    json_auto_t *args = json_pack("{s:s}", "customer", "acc-1");
    struct job job = {.id = id, .op = "read", .key = "k", .args = args, .stage = *stage, .now_ms = now_ms, .random = 5};
    http_response_init(&answer);
    answer.status = status;
    buf_adds(&answer.body, body);
    step_fini(s);
    zuora_step(c, &job, status ? &answer : NULL, s);
    http_response_fini(&answer);
    if (s->stage) {
        json_decref(*stage);
        *stage = json_deep_copy(s->stage);
    }
}

#define TOKEN "{\"access_token\":\"tok-fake\",\"expires_in\":600}"

static void one_job_mints_for_all(void **state)
{
    (void)state;
    char base[] = "https://rest.example.com";
    struct zuora_config c = configured(base);
    struct step s;
    json_t *one = NULL, *two = NULL, *three = NULL;
    step_init(&s);
    c.base.session = zuora_driver.open_session(&c);
    take(&c, &s, 1, NOW, &one, 0, "");
    assert_int_equal(s.outcome, STEP_HTTP);
    assert_non_null(strstr(s.request.url, "/oauth/token"));
    take(&c, &s, 2, NOW, &two, 0, "");
    assert_int_equal(s.outcome, STEP_RETRY);
    assert_int_equal(s.retry_at_ms, NOW + MS_SECOND);
    take(&c, &s, 1, NOW + 300, &one, 200, TOKEN);
    assert_non_null(strstr(s.request.url, "/v1/accounts/acc-1"));
    assert_non_null(strstr(buf_text(&s.request.headers), "Bearer tok-fake\n"));
    take(&c, &s, 2, NOW + MS_SECOND, &two, 0, "");
    assert_non_null(strstr(s.request.url, "/v1/accounts/acc-1"));
    take(&c, &s, 3, NOW + 539 * MS_SECOND, &three, 0, "");
    assert_non_null(strstr(s.request.url, "/v1/accounts/"));
    json_decref(three);
    three = NULL;
    take(&c, &s, 3, NOW + 541 * MS_SECOND, &three, 0, ""); /* a minute before it expires it counts as gone */
    assert_non_null(strstr(s.request.url, "/oauth/token"));
    zuora_driver.close_session(c.base.session);
    json_decref(one);
    json_decref(two);
    json_decref(three);
    step_fini(&s);
}

static void a_minter_that_is_gone_is_not_waited_for(void **state)
{
    (void)state;
    char base[] = "https://rest.example.com";
    struct zuora_config c = configured(base);
    struct step s;
    json_t *one = NULL, *two = NULL;
    step_init(&s);
    c.base.session = zuora_driver.open_session(&c);
    take(&c, &s, 1, NOW, &one, 0, "");
    take(&c, &s, 2, NOW + 44 * MS_SECOND, &two, 0, "");
    assert_int_equal(s.outcome, STEP_RETRY);
    take(&c, &s, 2, NOW + 46 * MS_SECOND, &two, 0, "");
    assert_int_equal(s.outcome, STEP_HTTP);
    assert_non_null(strstr(s.request.url, "/oauth/token"));
    zuora_driver.close_session(c.base.session);
    json_decref(one);
    json_decref(two);
    step_fini(&s);
}

/* A 401 for an old token must not throw away the one another job has fetched since. */
static void an_old_tokens_401_spares_the_new_one(void **state)
{
    (void)state;
    char base[] = "https://rest.example.com";
    struct zuora_config c = configured(base);
    struct step s;
    json_t *one = NULL, *two = NULL;
    step_init(&s);
    c.base.session = zuora_driver.open_session(&c);
    take(&c, &s, 1, NOW, &one, 0, "");
    take(&c, &s, 1, NOW, &one, 200, TOKEN);
    take(&c, &s, 2, NOW + 10, &two, 0, ""); /* both calls are out with the first token */
    take(&c, &s, 1, NOW + 20, &one, 401, "{}");
    take(&c, &s, 1, NOW + 30, &one, 200, "{\"access_token\":\"tok-second\",\"expires_in\":600}");
    take(&c, &s, 2, NOW + 40, &two, 401, "{}");
    assert_non_null(strstr(s.request.url, "/v1/accounts/"));
    assert_non_null(strstr(buf_text(&s.request.headers), "Bearer tok-second\n"));
    zuora_driver.close_session(c.base.session);
    json_decref(one);
    json_decref(two);
    step_fini(&s);
}

static void without_a_session_each_call_has_its_own(void **state)
{
    (void)state;
    char base[] = "https://rest.example.com";
    struct zuora_config c = configured(base);
    struct step s;
    json_t *one = NULL;
    step_init(&s);
    take(&c, &s, 1, NOW, &one, 0, "");
    take(&c, &s, 1, NOW, &one, 200, TOKEN);
    assert_non_null(strstr(buf_text(&s.request.headers), "Bearer tok-fake\n"));
    AUTO_STR kept = json_text(one);
    assert_null(strstr(kept, "tok-fake"));
    json_decref(one);
    step_fini(&s);
}

static void tokens_that_are_none(void **state)
{
    (void)state;
    static const char *const bodies[] = {"{\"access_token\":\"\"}", "{\"access_token\":\"a b\"}", "{\"access_token\":7}", "{\"access_token\":\"a\\nX: y\"}", "[]"};
    char base[] = "https://rest.example.com";
    struct zuora_config c = configured(base);
    for (size_t i = 0; i < DW_ARRAY_LEN(bodies); i++) {
        struct step s;
        json_t *one = NULL;
        step_init(&s);
        take(&c, &s, 1, NOW, &one, 0, "");
        take(&c, &s, 1, NOW, &one, 200, bodies[i]);
        assert_int_equal(s.outcome, STEP_RETRY);
        json_decref(one);
        step_fini(&s);
    }
}

/* --- times, declines, decimals --- */

static void times(void **state)
{
    (void)state;
    static const struct {
        const char *text, *zone;
        int64_t ms;
    } rows[] = {
        {"2026-10-26T07:33:20Z", NULL, NOW},       {"2026-10-26 07:33:20", NULL, NOW},      {"2026-10-26T07:33:20.000+00:00", NULL, NOW},
        {"2026-10-26T00:33:20.123-07:00", NULL, NOW}, {"2026-10-26 15:33:20 +0800", NULL, NOW}, {"2026-10-26", NULL, INT64_C(1792972800000)},
        {"2026-10-26", "Europe/Berlin", INT64_C(1792972800000) - MS_HOUR}, {"", NULL, 0}, {"2026-10-26T", NULL, INT64_C(1792972800000)},
        {"2026-13-26T00:00:00Z", NULL, 0}, {"soon", NULL, 0}, {"2026-10-26Taa:bb:cc", NULL, 0},
    };
    assert_int_equal(zuora_ms(NULL, NULL), 0);
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++)
        if (zuora_ms(rows[i].text, rows[i].zone) != rows[i].ms)
            fail_msg("%s is %lld", rows[i].text, (long long)zuora_ms(rows[i].text, rows[i].zone));
}

static void declines(void **state)
{
    (void)state;
    static const struct {
        const char *code, *said, *shown, *class;
    } rows[] = {
        {"51", "Insufficient", "51", "S"}, {"5", "x", "5", "?"}, {"511", "x", "511", "?"}, {"", "", "", "?"}, {"54", "", "54", "?"}, {"54x", "", "54x", "N"},
        {"402", "402 - [card_error/card_declined/lost_card] no", "lost_card", "H"}, {"402", "[card_error/expired_card/expired_card] x", "expired_card", "N"},
        {"402", "[x/y/do_not_honor]", "do_not_honor", "H"}, {"402", "[nothing]", "402", "?"}, {"402", "[a/B c]", "402", "?"}, {"402", "[a/]", "402", "?"},
    };
    char codes[] = "51=S,54x=N, do_not_honor=H 05=Q";
    const struct zuora_config c = {.decline_codes = codes};
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        json_auto_t *d = zuora_decline(&c, "gw", rows[i].code, rows[i].said);
        assert_string_equal(json_str(d, "code", "-"), rows[i].shown);
        assert_string_equal(json_str(d, "class", "-"), rows[i].class);
    }
}

static void decimals(void **state)
{
    (void)state;
    static const struct {
        const char *json, *currency;
        int64_t minor;
    } rows[] = {
        {"120.10", "USD", 12010}, {"120.1", "USD", 12010}, {"120", "USD", 12000}, {"0.29", "USD", 29}, {"1.005", "KWD", 1005}, {"-3.50", "USD", -350},
        {"90071992547409.93", "USD", INT64_C(9007199254740993)}, {"92233720368547758.07", "USD", INT64_MAX}, {"\"8.30\"", "USD", 830},
        {"1.205E+2", "USD", 12050}, {"12050e-2", "USD", 12050}, {"1E3", "JPY", 1000}, {"5e-1", "USD", 50}, {"-1.5e1", "USD", -1500}, {"0.0", "USD", 0},
        {"120.1000", "USD", 12010}, {"1e0", "JPY", 1},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        AUTO_STR text = str_fmt("{\"a\":[{\"v\":%s}]}", rows[i].json);
        struct err e = {.code = 0};
        json_auto_t *doc = json_read_decimals(span_of(text), &e);
        int64_t minor = -1;
        if (!doc || money_at(&minor, doc, "a.0.v", rows[i].currency, &e) != 0)
            fail_msg("%s: %s", rows[i].json, e.text);
        assert_int_equal(minor, rows[i].minor);
    }
    static const char *const bad[] = {"1.005", "1e-3", "1e99999999999", "1e31", "92233720368547758.08", "\"x\"", "\"\"", "null", "true", "\"1e\"", "\"e5\"", "\"--1e2\"", "{}"};
    for (size_t i = 0; i < DW_ARRAY_LEN(bad); i++) {
        AUTO_STR text = str_fmt("{\"v\":%s}", bad[i]);
        struct err e = {.code = 0};
        json_auto_t *doc = json_read_decimals(span_of(text), &e);
        int64_t minor = 7;
        assert_non_null(doc);
        if (money_at(&minor, doc, "v", "USD", &e) == 0)
            fail_msg("%s is taken for %lld", bad[i], (long long)minor);
        assert_int_equal(minor, 7);
    }
}

/* Everything but the quotes around decimals stays as it was, mistakes too. */
static void decimals_change_nothing_else(void **state)
{
    (void)state;
    static const char *const good[] = {"{\"a\":\"1.5\",\"1.5\":2}", "[1,-2,0,1.50,-0.5e3,\"\\\"1.5\\\\\",[2.5]]", "\"1.5\"", "1.5", "[]", "{\"x\":\"\\\\\\\"3.1\"}"};
    static const char *const bad[] = {"[01.5]", "[1.]", "[.5]", "[1.5.2]", "[1e]", "[-]", "[+1.5]", "[1.5", "{1.5:2}", "{1.5 :2}", "[1.5e+]", "[\"1.5]", "[1.5x]", "[1.5\"a\"]", "[1.5-1]", ""};
    for (size_t i = 0; i < DW_ARRAY_LEN(good); i++) {
        json_auto_t *plain = json_read(span_of(good[i]), NULL), *doc = json_read_decimals(span_of(good[i]), NULL);
        assert_non_null(plain);
        assert_non_null(doc);
        assert_true(json_typeof(plain) == json_typeof(doc) || json_is_real(plain));
    }
    json_auto_t *doc = json_read_decimals(span_of(good[1]), NULL);
    assert_string_equal(json_str(doc, "3", ""), "1.50");
    assert_string_equal(json_str(doc, "4", ""), "-0.5e3");
    assert_string_equal(json_str(doc, "5", ""), "\"1.5\\");
    assert_string_equal(json_str(doc, "6.0", ""), "2.5");
    assert_int_equal(json_i64(doc, "1", 0), -2);
    for (size_t i = 0; i < DW_ARRAY_LEN(bad); i++) {
        json_auto_t *none = json_read_decimals(span_of(bad[i]), NULL);
        if (none)
            fail_msg("taken: %s", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_password),
        cmocka_unit_test(by_hmac),
        cmocka_unit_test(both_must_hold),
        cmocka_unit_test(nothing_is_believed_without_a_secret),
        cmocka_unit_test(events),
        cmocka_unit_test(bodies_that_are_no_events),
        cmocka_unit_test(one_job_mints_for_all),
        cmocka_unit_test(a_minter_that_is_gone_is_not_waited_for),
        cmocka_unit_test(an_old_tokens_401_spares_the_new_one),
        cmocka_unit_test(without_a_session_each_call_has_its_own),
        cmocka_unit_test(tokens_that_are_none),
        cmocka_unit_test(times),
        cmocka_unit_test(declines),
        cmocka_unit_test(decimals),
        cmocka_unit_test(decimals_change_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
