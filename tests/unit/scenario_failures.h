/* What else could have come, at each request of each scenario of a billing system: a line that is down, an answer that is lost, a limit,
 * trouble over there, a page that is no answer, a key that is not taken. A driver is a pure step, so each is tried and forgotten, and the
 * scenario goes on with its own answer. What must hold, whatever the operation: what may have been done is never taken for done,
 * undone, or sent again at once; what was not taken is asked for again, no sooner than was said; and a person is told why. */
#ifndef DW_TESTS_SCENARIO_FAILURES_H
#define DW_TESTS_SCENARIO_FAILURES_H

#include "tests/unit/scenario_values.h"

#define ZUORA_NO(code) "{\"success\":false,\"processId\":\"p\",\"reasons\":[{\"code\":532000" #code ",\"message\":\"no\"}],\"requestId\":\"r\"}"
#define KILLBILL_NO(code) "{\"className\":\"x\",\"code\":" #code ",\"message\":\"no\",\"stackTrace\":[]}"

/* Anybody's, and then what each system documents as its own. */
static const struct failure {
    const char *name;
    enum transport transport;
    int status;
    const char *body;
    int64_t retry_after_ms;
    bool open;          /* it may have been done */
    bool not_now;       /* it was not, and it may be asked for again */
    const char *driver; /* whose own word it is; NULL: anybody's */
    bool never_retry;
} failures[] = {
    {"the line is down", TRANSPORT_NOT_SENT, 0, "", -1, .not_now = true},
    {"the answer is lost", TRANSPORT_LOST, 0, "", -1, .open = true},
    {"too many requests", TRANSPORT_OK, 429, "{}", 9000, .not_now = true},
    {"500", TRANSPORT_OK, 500, "{}", -1, .open = true},
    {"502 with a page", TRANSPORT_OK, 502, "<html>bad gateway</html>", -1, .open = true},
    {"503", TRANSPORT_OK, 503, "{}", -1, .open = true},
    {"504", TRANSPORT_OK, 504, "", -1, .open = true},
    {"a page instead of an answer", TRANSPORT_OK, 200, "<html>log in</html>", -1, .open = true},
    {"the key is not taken", TRANSPORT_OK, 401, "{}", -1, .open = false},
    {"the same key still runs", TRANSPORT_OK, 409, "{\"error\":{\"type\":\"idempotency_error\",\"code\":\"idempotency_key_in_use\",\"message\":\"busy\"}}", -1, .not_now = true, .driver = "stripe"},
    {"another uses the object", TRANSPORT_OK, 429, "{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"lock_timeout\",\"message\":\"busy\"}}", -1, .not_now = true, .driver = "stripe"},
    {"the key was used otherwise", TRANSPORT_OK, 400, "{\"error\":{\"type\":\"idempotency_error\",\"message\":\"other parameters\"}}", -1, .open = true, .driver = "stripe"},
    {"500, and not again", TRANSPORT_OK, 500, "{\"error\":{\"type\":\"api_error\",\"message\":\"sorry\"}}", -1, .open = true, .driver = "stripe", .never_retry = true},
    {"no such object", TRANSPORT_OK, 404, "{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"resource_missing\",\"message\":\"no such thing\"}}", -1, .driver = "stripe"},
    {"a restricted key", TRANSPORT_OK, 403, "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"not this key\"}}", -1, .driver = "stripe"},
    {"code 20", TRANSPORT_OK, 200, ZUORA_NO(20), -1, .driver = "zuora"},
    {"code 22", TRANSPORT_OK, 200, ZUORA_NO(22), -1, .driver = "zuora"},
    {"code 30", TRANSPORT_OK, 200, ZUORA_NO(30), -1, .driver = "zuora"},
    {"code 40", TRANSPORT_OK, 200, ZUORA_NO(40), -1, .driver = "zuora"},
    {"code 50, a lock", TRANSPORT_OK, 200, ZUORA_NO(50), -1, .not_now = true, .driver = "zuora"},
    {"code 61, for now", TRANSPORT_OK, 200, ZUORA_NO(61), -1, .open = true, .driver = "zuora"},
    {"code 70, a limit", TRANSPORT_OK, 200, ZUORA_NO(70), -1, .not_now = true, .driver = "zuora"},
    {"code 99, the gateway", TRANSPORT_OK, 200, ZUORA_NO(99), -1, .open = true, .driver = "zuora"},
    {"the same key still runs", TRANSPORT_OK, 409, "{\"message\":\"busy\"}", -1, .not_now = true, .driver = "zuora"},
    {"the key was used otherwise", TRANSPORT_OK, 422, "{\"message\":\"used\"}", -1, .open = true, .driver = "zuora"},
    {"another uses the object", TRANSPORT_OK, 409, "{\"api_error_code\":\"lock_timeout\",\"type\":\"operation_failed\",\"message\":\"busy\"}", -1, .not_now = true, .driver = "chargebee"},
    {"the limit of the plan", TRANSPORT_OK, 429, "{\"api_error_code\":\"api_request_limit_exceeded\",\"message\":\"slow down\"}", -1, .not_now = true, .driver = "chargebee"},
    {"the key was used otherwise", TRANSPORT_OK, 422, "{\"api_error_code\":\"request_params_mismatch\",\"message\":\"used\"}", -1, .open = true, .driver = "chargebee"},
    {"it is in no state for that", TRANSPORT_OK, 409, "{\"api_error_code\":\"invalid_state_for_request\",\"type\":\"invalid_request\",\"message\":\"not now\"}", -1, .driver = "chargebee"},
    {"no such object", TRANSPORT_OK, 404, "{\"api_error_code\":\"resource_not_found\",\"message\":\"no such thing\"}", -1, .driver = "chargebee"},
    {"the same key still runs", TRANSPORT_OK, 409, "{\"error\":{\"type\":\"simultaneous_request\",\"message\":\"busy\"}}", 3000, .not_now = true, .driver = "recurly"},
    {"busy, without a word", TRANSPORT_OK, 409, "{}", 3000, .not_now = true, .driver = "recurly"},
    {"the key is used up", TRANSPORT_OK, 409, "{\"error\":{\"type\":\"simultaneous_request\",\"message\":\"used\"}}", -1, .open = true, .driver = "recurly", .never_retry = true},
    {"not valid", TRANSPORT_OK, 422, "{\"error\":{\"type\":\"validation\",\"message\":\"wrong\"}}", -1, .driver = "recurly"},
    {"another version", TRANSPORT_OK, 406, "{\"error\":{\"type\":\"invalid_api_version\",\"message\":\"version\"}}", -1, .driver = "recurly"},
    {"no such object", TRANSPORT_OK, 404, "{\"error\":{\"type\":\"not_found\",\"message\":\"no such thing\"}}", -1, .driver = "recurly"},
    {"aborted by a control plugin", TRANSPORT_OK, 422, KILLBILL_NO(7109), -1, .driver = "killbill"},
    {"the gateway", TRANSPORT_OK, 502, KILLBILL_NO(7200), -1, .open = true, .driver = "killbill"},
    {"no such object", TRANSPORT_OK, 404, KILLBILL_NO(3001), -1, .driver = "killbill"},
    {"not valid", TRANSPORT_OK, 400, KILLBILL_NO(4001), -1, .driver = "killbill"},
};

/* What a step may make of it; NULL, or what is wrong. */
static inline const char *failure_wrong(const struct failure *f, const struct scenario *s, bool write, const struct step *got)
{
    bool waits = got->outcome == STEP_RETRY || got->outcome == STEP_UNKNOWN;
    if (got->outcome == STEP_HTTP && got->request.write && f->open)
        return "it sends a write at once";
    if (write && got->outcome == STEP_DONE && !json_str(got->result, "note", NULL)) /* what a person has to do is said in a note */
        return "it is taken for done";
    if (write && f->open && !waits && !str_eq(s->op, "link")) /* no harm is in a page too many */
        return "it may have been done: that has to be found out";
    if (write && f->not_now && !waits) /* unknown: where an earlier call of it still is */
        return "it did not happen: it is asked for again";
    if (waits && f->retry_after_ms > 0 && got->retry_at_ms < s->job.now_ms + f->retry_after_ms)
        return "it is asked for sooner than was said";
    if (waits && got->retry_at_ms <= s->job.now_ms)
        return "it is asked for again without a pause";
    return got->outcome != STEP_HTTP && got->outcome != STEP_DONE && !got->reason[0] ? "nobody is told why" : NULL;
}

static inline void failures_try(struct scenario *s)
{
    struct driver_config *base = s->config;
    struct job job = s->job;
    void *session = base->session;
    bool write = s->step.request.write;
    job.stage = s->stage;
    job.kept = s->kept;
    job.attempts++;
    base->session = NULL; /* a token that is refused would be dropped from it */
    for (size_t i = 0; s->driver->kind == DRIVER_BILLING && i < DW_ARRAY_LEN(failures); i++) {
        const struct failure *f = &failures[i];
        struct http_response response;
        struct step got;
        if (f->driver && !str_eq(f->driver, s->driver->name))
            continue;
        http_response_init(&response);
        step_init(&got);
        response.transport = f->transport;
        response.status = f->status;
        response.retry_after_ms = f->retry_after_ms;
        response.never_retry = f->never_retry;
        str_copy(response.problem, sizeof response.problem, f->transport == TRANSPORT_OK ? "" : f->name);
        buf_adds(&response.body, f->body);
        s->driver->step(s->config, &job, &response, &got);
        const char *what = failure_wrong(f, s, write, &got);
        if (what)
            wrong(s, "if here %s came: %s (%d: %s)", f->name, what, (int)got.outcome, got.outcome == STEP_HTTP ? got.request.url : got.reason);
        step_fini(&got);
        http_response_fini(&response);
    }
    base->session = session;
}

#endif
