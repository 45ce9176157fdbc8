/* Answers for a driver, one after the other, from a fuzzer's bytes. The first line is the operation; after it come answers,
 * each led by a line with its status, or `lost`, or `not-sent`; lines of three dashes stand between them. The last answer is
 * given again and again: a peer that says the same for ever must not keep a driver busy. */
#ifndef DW_FUZZ_STEP_INPUT_H
#define DW_FUZZ_STEP_INPUT_H

#include <stdio.h>
#include <string.h>

#include "adapters/adapter.h"

enum { ANSWERS_MOST = 400, HTTP_IN_A_ROW = 300 };

struct answers {
    const char *at, *end, *last; /* last: where the answer that is repeated begins */
};

static size_t line_end(const char *at, const char *end)
{
    const char *nl = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    return (size_t)((nl ? nl : end) - at);
}

static char *answers_begin(struct answers *a, const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    size_t n = line_end(text, text + size);
    *a = (struct answers){.at = text + (n < size ? n + 1 : size), .end = text + size};
    a->last = a->at;
    return str_ndup(text, n < 32 ? n : 32);
}

static const char *answer_end(const char *at, const char *end)
{
    for (const char *p = at; p + 4 < end; p++)
        if (memcmp(p, "\n---", 4) == 0)
            return p;
    return end;
}

static void answers_next(struct answers *a, struct http_response *out)
{
    const char *from = a->at < a->end ? a->at : a->last, *end = answer_end(from, a->end);
    size_t n = line_end(from, end);
    AUTO_STR head = str_ndup(from, n < 20 ? n : 20);
    http_response_init(out);
    out->retry_after_ms = -1;
    if (strcmp(head, "lost") == 0)
        out->transport = TRANSPORT_LOST;
    else if (strcmp(head, "not-sent") == 0)
        out->transport = TRANSPORT_NOT_SENT;
    else
        out->status = (int)(strtol(head, NULL, 10) % 1000);
    if (from + n < end)
        buf_add(&out->body, from + n + 1, (size_t)(end - from) - n - 1);
    a->last = from;
    a->at = end < a->end ? end + 4 + line_end(end + 4, a->end) + 1 : a->end;
    if (a->at > a->end)
        a->at = a->end;
}

/* What a run of a driver tells to the target. */
struct watcher {
    void (*sent)(struct watcher *w, const struct http_request *r);
    void (*heard)(struct watcher *w, const struct http_request *asked, const struct http_response *r, const json_t *body);
    void (*ended)(struct watcher *w, const struct step *s);
};

/* Steps until the end, through restarts: the stage is text in between, as in the store. */
static void run_steps(const struct driver *driver, const void *config, struct job *job, struct answers *answers, struct watcher *w)
{
    struct http_request asked;
    struct http_response response, *previous = NULL;
    json_t *stage = NULL;
    int in_a_row = 0;
    http_request_init(&asked);
    http_response_init(&response);
    for (int i = 0; i < ANSWERS_MOST; i++) {
        struct step s;
        step_init(&s);
        job->stage = stage;
        driver->step(config, job, previous, &s);
        http_response_fini(&response);
        previous = NULL;
        if (s.stage) {
            AUTO_STR text = json_text(s.stage);
            json_decref(stage);
            stage = json_loads(text, 0, NULL);
            assert(stage);
        }
        in_a_row = s.outcome == STEP_HTTP ? in_a_row + 1 : 0;
        assert(in_a_row < HTTP_IN_A_ROW);
        bool over = s.outcome == STEP_DONE || s.outcome == STEP_REFUSED;
        if (s.outcome == STEP_HTTP) {
            assert(s.request.url && s.request.method[0]);
            w->sent(w, &s.request);
            http_request_fini(&asked);
            asked = s.request;
            http_request_init(&s.request);
            answers_next(answers, &response);
            json_t *body = response.transport == TRANSPORT_OK ? json_read((struct span){response.body.p, response.body.n}, NULL) : NULL;
            w->heard(w, &asked, &response, body);
            json_decref(body);
            previous = &response;
            job->attempts++;
        } else if (over) {
            assert(s.outcome == STEP_DONE || s.reason[0]);
            w->ended(w, &s);
        } else {
            assert(s.reason[0] && s.retry_at_ms >= job->now_ms);
            job->now_ms = s.retry_at_ms > job->now_ms ? s.retry_at_ms : job->now_ms + 1000;
        }
        step_fini(&s);
        if (over)
            break;
    }
    http_request_fini(&asked);
    http_response_fini(&response);
    json_decref(stage);
}

#endif
