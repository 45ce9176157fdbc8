/* For tests of drivers whose peer lives in this process: steps an operation against its own serve() to the end. */
#ifndef DW_TESTS_SERVE_DRIVE_H
#define DW_TESTS_SERVE_DRIVE_H

#include "adapters/adapter.h"

#define DRIVE_NOW INT64_C(1793000000000)

struct drive {
    const struct driver *driver;
    const void *config;
    void *memory;
    int64_t now_ms;
    int writes, reads; /* requests that left, since the last reset by the test */
    json_t *stage;     /* of the job in hand; kept over unknown and retry, as the engine keeps it */
};

/* Steps until the driver says anything but "send this"; with resume the stage of the last job is taken up again. */
static void drive_run(struct drive *d, const char *op, const char *key, const json_t *args, bool resume,
                      struct step *out)
{
    struct http_response response;
    bool answered = false;
    http_response_init(&response);
    if (!resume) {
        json_decref(d->stage);
        d->stage = NULL;
    }
    for (int i = 0; i < 100; i++) {
        struct job job = {.id = 1,
                          .driver = d->driver->name,
                          .op = op,
                          .key = key,
                          .args = args,
                          .stage = d->stage,
                          .attempts = i,
                          .now_ms = d->now_ms,
                          .random = 7};
        step_fini(out);
        d->driver->step(d->config, &job, answered ? &response : NULL, out);
        if (out->stage) {
            json_decref(d->stage);
            d->stage = json_incref(out->stage);
        }
        if (out->outcome != STEP_HTTP)
            break;
        *(out->request.write ? &d->writes : &d->reads) += 1;
        http_response_fini(&response);
        http_response_init(&response);
        d->driver->serve(d->memory, &out->request, d->now_ms, &response);
        answered = true;
    }
    http_response_fini(&response);
}

/* A request outside of any job. New JSON of the answer; NULL when there is none. */
static DW_UNUSED json_t *drive_post(struct drive *d, const char *url, json_t *take_body, int *status)
{
    struct http_request request;
    struct http_response response;
    http_request_init(&request);
    http_response_init(&response);
    AUTO_STR text = json_text(take_body);
    json_decref(take_body);
    str_copy(request.method, sizeof request.method, "POST");
    request.url = str_dup(url);
    buf_adds(&request.body, text);
    d->driver->serve(d->memory, &request, d->now_ms, &response);
    if (status)
        *status = response.status;
    json_t *answer = json_read((struct span){buf_text(&response.body), response.body.n}, NULL);
    http_request_fini(&request);
    http_response_fini(&response);
    return answer;
}

#endif
