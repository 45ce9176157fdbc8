/* Stripe's driver against a peer that answers anything.
 *
 * It must come to an end or wait, never loop; what it calls done was seen in an answer to a question, not only in the answer
 * to a write; and a request that moves money never leaves a second time once nobody knows what became of the first. */
#include "adapters/billing/stripe.h"
#include "tests/fuzz/step_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct stripe_watcher {
    struct watcher base;
    const char *op;
    bool money_open, money_moved; /* a request for money left and may have worked; was answered well */
    bool paid, succeeded, action, any;
    json_t *quiet; /* {"invoice": true}: read back as open and not advancing */
};

static bool moves_money(const struct http_request *r)
{
    const char *path = strchr(r->url + 8, '/');
    return str_eq(r->method, "POST") && path && (strstr(path, "/pay") == path + strlen(path) - 4 || str_eq(path, "/v1/payment_intents"));
}

static void sent(struct watcher *base, const struct http_request *r)
{
    struct stripe_watcher *w = (struct stripe_watcher *)base;
    assert(r->write == str_eq(r->method, "POST"));
    if (r->write)
        assert(strstr(buf_text(&r->headers), "Idempotency-Key: "));
    assert(!moves_money(r) || (!w->money_open && !w->money_moved));
    assert(!moves_money(r) || str_eq(w->op, "collect"));
}

static void heard(struct watcher *base, const struct http_request *asked, const struct http_response *r, const json_t *body)
{
    struct stripe_watcher *w = (struct stripe_watcher *)base;
    bool good = r->transport == TRANSPORT_OK && r->status >= 200 && r->status < 300 && json_is_object(body);
    if (moves_money(asked)) {
        bool refused = r->transport == TRANSPORT_NOT_SENT || (r->transport == TRANSPORT_OK && r->status >= 300 && r->status < 500);
        w->money_moved |= good;
        w->money_open |= !good && !refused;
    }
    if (!good)
        return;
    w->any = true;
    AUTO_STR text = json_text(body);
    w->succeeded |= strstr(text, "succeeded") != NULL || strstr(text, "processing") != NULL;
    w->action |= strstr(text, "requires_action") != NULL;
    if (asked->write)
        return;
    const char *id = json_str(body, "id", "");
    w->paid |= str_eq(json_str(body, "status", ""), "paid") && str_eq(id, "in_1");
    if (id[0] && str_eq(json_str(body, "status", ""), "open") && json_is_false(json_object_get(body, "auto_advance")))
        json_object_set_new(w->quiet, id, json_true());
}

static void check_held(const struct stripe_watcher *w, const json_t *held)
{
    size_t i;
    json_t *id;
    assert(json_array_size(held) > 0);
    json_array_foreach(held, i, id)
        assert(json_object_get(w->quiet, json_string_value(id)));
}

static void ended(struct watcher *base, const struct step *s)
{
    struct stripe_watcher *w = (struct stripe_watcher *)base;
    const char *outcome = json_str(s->result, "outcome", "");
    if (s->outcome != STEP_DONE)
        return;
    assert(w->any || str_eq(w->op, "release"));
    if (str_eq(w->op, "hold") || str_eq(w->op, "plan"))
        check_held(w, json_at(s->result, "held"));
    if (str_eq(w->op, "link"))
        assert(json_str(s->result, "url", "")[0]);
    if (!str_eq(w->op, "collect"))
        return;
    assert(outcome[0]);
    assert(!str_eq(outcome, "paid") || w->paid);
    assert(!str_eq(outcome, "partially_paid") || w->succeeded);
    assert(!str_eq(outcome, "needs_action") || w->action);
    assert(!str_eq(outcome, "pending") || w->succeeded || w->money_moved);
}

static json_t *arguments(const char *op)
{
    json_t *args = json_pack("{s:s, s:s, s:[s, s], s:s, s:s, s:s, s:s, s:{s:{s:b}, s:{s:b}}}", "customer", "cus_1", "invoice", "in_1", "invoices", "in_1",
                             "in_2", "currency", "USD", "case", "N-1", "plan", "A-1", "purpose", "pay", "prior", "in_1", "auto_advance", 1, "in_2",
                             "auto_advance", 0);
    json_put_new(args, "instalments", json_pack("[{s:i, s:s, s:i}]", "n", 1, "date", "2027-01-05", "amount", 100));
    if (strchr(op, '+')) /* collect+: a part of it */
        json_put_i64(args, "amount", 100);
    return args;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char url[] = "https://api.stripe.test", key[] = "sk_test_fake", secret[] = "whsec_fake", version[] = "2024-06-20";
    const struct stripe_config config = {.base = {.driver = &stripe_driver, .name = "stripe"}, .base_url = url, .secret_key = key, .webhook_secret = secret, .api_version = version};
    struct answers answers;
    AUTO_STR op = answers_begin(&answers, data, size);
    AUTO_JSON args = arguments(op);
    op[strcspn(op, "+")] = '\0';
    struct stripe_watcher w = {.base = {.sent = sent, .heard = heard, .ended = ended}, .op = op, .quiet = json_object()};
    struct job job = {.id = 1, .driver = "stripe", .op = op, .key = "dunwell-p1", .args = args, .now_ms = INT64_C(1793000000000), .random = 7};
    run_steps(&stripe_driver, &config, &job, &answers, &w.base);
    json_decref(w.quiet);
    return 0;
}
