/* Zuora: its callouts, and every answer that any of its states may get.
 *
 * The input is a header line, a newline, and a body. The body is taken twice: as a callout (nothing unsigned is believed, for
 * the secrets are in no seed; what is an event has its names ended), and as the answer to each state of each operation,
 * with the status that the header's first bytes say. What must hold then: a step ends in one of the five outcomes with what
 * belongs to it, a stage is JSON that can be stored, and no secret is in a stage, result or reason. */
#include "adapters/billing/zuora.h"
#include "tests/fuzz/webhook_input.h"

#define NOW INT64_C(1793000000000)

static char base[] = "https://rest.example.com", secret[] = "a-secret-that-is-in-no-seed", user[] = "user", header_name[] = "X-Signature",
            profile[] = "prof-muted", codes[] = "51=S, 54=N";

static const struct zuora_config config = {.base = {.driver = &zuora_driver, .name = "zuora"}, .base_url = base, .client_id = user, .client_secret = secret,
                                           .muted_profile = profile, .decline_codes = codes, .cpr_url = base, .cpr_user = user, .cpr_token = secret,
                                           .webhook_user = user, .webhook_password = secret, .webhook_secret = secret, .webhook_header = header_name};

static void callout(const struct webhook *hook)
{
    struct billing_event ev;
    webhook_judge(&zuora_driver, &config, hook, NOW, secret, false);
    webhook_event(&zuora_driver, &config, hook, &ev);
}

static void check_step(const struct step *s)
{
    assert(s->outcome == STEP_HTTP || s->outcome == STEP_DONE || s->outcome == STEP_RETRY || s->outcome == STEP_REFUSED || s->outcome == STEP_UNKNOWN);
    assert((s->outcome == STEP_HTTP) == (s->request.url != NULL));
    assert(s->outcome != STEP_DONE || s->result);
    assert((s->outcome != STEP_REFUSED && s->outcome != STEP_RETRY) || s->reason[0]);
    AUTO_STR stage = json_text(s->stage);
    AUTO_STR result = json_text(s->result);
    assert(!strstr(stage, secret) && !strstr(result, secret) && !strstr(s->reason, secret));
    assert(!strstr(stage, "token-of-no-seed"));
}

static void answer_one(const char *op, const char *at, int status, struct span body)
{
    static const char text[] = "{\"customer\":\"acc-1\",\"invoice\":\"inv-1\",\"invoices\":[\"inv-1\"],\"currency\":\"USD\",\"id\":\"DW-1\",\"plan\":\"A-5\","
                               "\"prior\":{\"account\":{\"profile\":\"prof-usual\",\"auto_pay\":true,\"cycles\":[{\"invoice\":\"inv-1\"}]}},"
                               "\"instalments\":[{\"n\":1,\"date\":\"2029-01-05\",\"amount\":6005}]}";
    static const char kept[] = "{\"i\":0,\"id\":\"acc-1\",\"list\":[{\"id\":\"inv-1\",\"open\":true,\"cycle\":true}],\"invoices\":[{\"id\":\"inv-1\",\"status\":\"open\"}],"
                               "\"payments\":[],\"methods\":[],\"account\":{},\"prior\":{\"profile\":\"prof-usual\"},\"currency\":\"USD\",\"amount\":100,\"left\":100,"
                               "\"number\":\"DW-1\",\"payment\":\"p\",\"invoice\":\"inv-1\",\"method\":\"pm-1\"}";
    json_auto_t *args = json_read(span_of(text), NULL), *stage = json_read(span_of(kept), NULL);
    struct http_response answer;
    struct step s;
    json_put(stage, "at", at);
    http_response_init(&answer);
    answer.status = status;
    buf_add(&answer.body, body.p, body.n);
    struct job job = {.id = 1, .driver = "zuora", .op = op, .key = "k", .args = args, .stage = stage, .now_ms = NOW, .random = 3};
    step_init(&s);
    zuora_step(&config, &job, &answer, &s);
    check_step(&s);
    step_fini(&s);
    json_put_new(stage, "mint", json_true());
    zuora_step(&config, &job, &answer, &s);
    check_step(&s);
    step_fini(&s);
    http_response_fini(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct zuora_op *const ops[] = {&zuora_read, &zuora_hold,   &zuora_release,   &zuora_plan, &zuora_unplan,   &zuora_collect, &zuora_link,
                                                 &zuora_check, &zuora_credit, &zuora_write_off, &zuora_note, &zuora_catch_up, &zuora_overdue, &zuora_defer};
    static const int statuses[] = {200, 200, 200, 400, 404, 422, 500, 401};
    struct webhook hook;
    AUTO_STR header = webhook_read(&hook, data, size);
    int status = statuses[(unsigned char)header[0] % DW_ARRAY_LEN(statuses)];
    callout(&hook);
    for (size_t i = 0; i < DW_ARRAY_LEN(ops) && size < 20000; i++)
        for (int more = 0; more < 2; more++)
            for (const struct zuora_state *s = more ? ops[i]->more : ops[i]->states; s && s->name; s++)
                answer_one(ops[i]->name, s->name, status, hook.body);
    return 0;
}
