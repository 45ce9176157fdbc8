/* A webhook that was missed is found by catch_up, and may still come later: both must be the same event, or it is handled twice. For
 * each driver that can list what happened, the body of a webhook goes through the driver's reader of webhooks, and the vendor's
 * list of the same thing through catch_up; id, time, type, kind and names must be equal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "adapters/adapter.h"

struct twin {
    const struct driver *driver;
    const char *options; /* JSON */
    const char *webhook, *header, *header_value; /* as it would have come */
    const char *list;                            /* the vendor's answer that names the same */
    int rounds;                                  /* answers until the list is asked for; a token comes first */
};

static const struct twin twins[] = {
    {&stripe_driver, "{\"secret_key\":\"sk_test_fake\"}",
     "{\"id\":\"evt_1\",\"object\":\"event\",\"type\":\"invoice.payment_failed\",\"created\":1792990000,\"data\":{\"object\":{\"object\":\"invoice\",\"id\":\"in_1\","
     "\"customer\":\"cus_9\"}}}",
     NULL, NULL,
     "{\"has_more\":false,\"data\":[{\"created\":1792990000,\"type\":\"invoice.payment_failed\",\"id\":\"evt_1\",\"data\":{\"object\":{\"id\":\"in_1\",\"object\":"
     "\"invoice\",\"customer\":{\"id\":\"cus_9\",\"object\":\"customer\"}}}}]}",
     0},
    {&chargebee_driver, "{\"site\":\"acme-test\",\"api_key\":\"key_fake\"}",
     "{\"id\":\"ev_1\",\"occurred_at\":1792990000,\"object\":\"event\",\"event_type\":\"payment_failed\",\"content\":{\"invoice\":{\"id\":\"7\",\"customer_id\":"
     "\"cus_9\"}}}",
     NULL, NULL,
     "{\"list\":[{\"event\":{\"content\":{\"invoice\":{\"customer_id\":\"cus_9\",\"id\":\"7\"}},\"event_type\":\"payment_failed\",\"id\":\"ev_1\",\"occurred_at\":"
     "1792990000}}]}",
     0},
    {&zuora_driver, "{\"client_id\":\"client-fake\",\"client_secret\":\"secret-fake\"}",
     "{\n \"event\": \"PaymentDeclined\",\n \"accountId\": \"acc-1\",\n \"invoiceId\": \"\",\n \"paymentId\": \"pay-1\"\n}", "Zuora-Notification-Id", "n-77",
     "{\"data\":[{\"id\":\"pay-1\",\"accountId\":\"acc-1\",\"status\":\"Error\",\"type\":\"Electronic\"}]}", 1},
};

static char **option_at(struct driver_config *config, const struct option *o)
{
    return (char **)(void *)((char *)config + o->offset);
}

static struct driver_config *config_new(const struct twin *t)
{
    json_auto_t *options = json_read(span_of(t->options), NULL);
    struct driver_config *config = mem_alloc(t->driver->config_size);
    *config = (struct driver_config){.driver = t->driver, .name = t->driver->name};
    for (const struct option *o = t->driver->options; o->name; o++)
        *option_at(config, o) = str_dup(json_str(options, o->name, o->otherwise ? o->otherwise : ""));
    return config;
}

static void config_free(const struct twin *t, struct driver_config *config)
{
    for (const struct option *o = t->driver->options; o->name; o++)
        free(*option_at(config, o));
    free(config);
}

static const char *header_of(const void *ctx, const char *name)
{
    const struct twin *t = ctx;
    return t->header && str_eq(t->header, name) ? t->header_value : NULL;
}

static void by_webhook(const struct twin *t, const struct driver_config *config, struct billing_event *out)
{
    struct webhook hook = {.header = header_of, .ctx = t, .body = span_of(t->webhook), .now_ms = INT64_C(1792990001000)};
    int rc = t->driver->event_of ? t->driver->event_of(config, &hook, out, NULL) : t->driver->event(config, hook.body, out, NULL);
    assert_int_equal(rc, 0);
}

static json_t *by_catch_up(const struct twin *t, const struct driver_config *config)
{
    json_auto_t *args = json_pack("{s:I}", "since_ms", (json_int_t)INT64_C(1792980000000));
    struct job job = {.id = 1, .driver = t->driver->name, .op = "catch_up", .key = "k", .args = args, .now_ms = INT64_C(1793000000000)};
    json_t *stage = NULL, *result = NULL;
    struct step step;
    step_init(&step);
    t->driver->step(config, &job, NULL, &step);
    for (int round = 0; step.outcome == STEP_HTTP && round < 5; round++) {
        struct http_response answer;
        http_response_init(&answer);
        answer.status = 200;
        buf_adds(&answer.body, round < t->rounds ? "{\"access_token\":\"tok-fake\",\"expires_in\":3600}" : t->list);
        json_decref(stage);
        job.stage = stage = STEAL(step.stage);
        step_fini(&step);
        step_init(&step);
        t->driver->step(config, &job, &answer, &step);
        http_response_fini(&answer);
    }
    assert_int_equal(step.outcome, STEP_DONE);
    result = json_incref(step.result);
    step_fini(&step);
    json_decref(stage);
    return result;
}

static void both_ways_are_one_event(void **state)
{
    (void)state;
    static const char *const kinds[] = {[EVENT_OTHER] = "other", [EVENT_PAYMENT_FAILED] = "failed", [EVENT_PAID] = "paid", [EVENT_CHANGED] = "changed"};
    for (size_t i = 0; i < DW_ARRAY_LEN(twins); i++) {
        struct billing_event ev;
        struct driver_config *config = config_new(&twins[i]);
        by_webhook(&twins[i], config, &ev);
        json_auto_t *result = by_catch_up(&twins[i], config);
        const json_t *row = json_at(result, "events.0");
        assert_int_equal(json_array_size(json_at(result, "events")), 1);
        assert_string_equal(json_str(row, "id", ""), ev.id);
        assert_int_equal(json_i64(row, "created_ms", -1), ev.created_ms);
        assert_string_equal(json_str(row, "type", ""), ev.type);
        assert_string_equal(json_str(row, "kind", ""), kinds[ev.kind]);
        assert_string_equal(json_str(row, "customer", ""), ev.customer);
        assert_string_equal(json_str(row, "invoice", ""), ev.invoice);
        config_free(&twins[i], config);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_ways_are_one_event)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
