/* The plain values that travel between the engine, a driver and the calls: made empty, freed whole.
 *
 * Their bounds are set here, once: what a peer sends is cut off at 4 MiB, and what we send has the same limit. A
 * header value comes from configuration or from foreign data, and a line break in it would be a second header;
 * it is made harmless at the only place where headers are written. */
#include "engine/job.h"

#include <string.h>

enum { HEADERS_MAX = 64 << 10, BODY_MAX = 4 << 20 };

void http_request_init(struct http_request *r)
{
    *r = (struct http_request){.url = NULL};
    buf_init(&r->headers, HEADERS_MAX);
    buf_init(&r->body, BODY_MAX);
}

void http_request_fini(struct http_request *r)
{
    free(r->url);
    buf_fini(&r->headers);
    buf_fini(&r->body);
    http_request_init(r);
}

void http_response_init(struct http_response *r)
{
    *r = (struct http_response){.transport = TRANSPORT_OK, .retry_after_ms = -1};
    buf_init(&r->body, BODY_MAX);
}

void http_response_fini(struct http_response *r)
{
    buf_fini(&r->body);
    http_response_init(r);
}

static void add_visible(struct buf *b, const char *text)
{
    for (const char *p = text ? text : ""; *p; p++) {
        unsigned char c = (unsigned char)*p;
        buf_addc(b, c < 0x20 || c == 0x7F ? '?' : *p);
    }
}

void http_request_header(struct http_request *r, const char *name, const char *value)
{
    add_visible(&r->headers, name);
    buf_adds(&r->headers, ": ");
    add_visible(&r->headers, value);
    buf_addc(&r->headers, '\n');
}

void step_init(struct step *s)
{
    *s = (struct step){.outcome = STEP_DONE};
    http_request_init(&s->request);
}

void step_fini(struct step *s)
{
    for (size_t i = 0; i < s->n_inputs; i++)
        chat_input_fini(&s->inputs[i]);
    free(s->inputs);
    json_decref(s->keep);
    http_request_fini(&s->request);
    json_decref(s->stage);
    json_decref(s->result);
    step_init(s);
}

struct chat_input *step_input_add(struct step *s)
{
    s->inputs = mem_grow(s->inputs, (s->n_inputs + 1) * sizeof *s->inputs);
    chat_input_init(&s->inputs[s->n_inputs]);
    return &s->inputs[s->n_inputs++];
}
