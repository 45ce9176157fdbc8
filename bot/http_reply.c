/* One table of every fixed answer. The responses are built once and shared by all connections (the library counts
 * references), so answering allocates nothing. "close" stands where the rest of the request will not be read. */
#include "bot/http_reply.h"

#include <string.h>

struct row {
    unsigned status;
    const char *reason, *text, *header, *value;
    bool close;
};

static const struct row rows[REPLY_COUNT] = {
    [REPLY_OK] = {200, "OK", "ok\n", NULL, NULL, false},
    [REPLY_NO_PATH] = {404, "Not Found", "Nothing is here. Webhooks go to /hooks/NAME.\n", NULL, NULL, false},
    [REPLY_NO_HOOK] = {404, "Not Found", "No billing system of this name is configured.\n", NULL, NULL, false},
    [REPLY_ONLY_POST] = {405, "Method Not Allowed", "Webhooks are sent with POST.\n", "Allow", "POST", false},
    [REPLY_ONLY_GET] = {405, "Method Not Allowed", "This page is read with GET.\n", "Allow", "GET, HEAD", false},
    [REPLY_TIMEOUT] = {408, "Request Timeout", "The request took too long to arrive.\n", NULL, NULL, true},
    [REPLY_NO_LENGTH] = {411, "Length Required", "Send Content-Length or a chunked body.\n", NULL, NULL, true},
    [REPLY_TOO_LARGE] = {413, "Content Too Large", "A webhook may have at most 1 MiB.\n", NULL, NULL, true},
    [REPLY_TWO_LENGTHS] = {400, "Bad Request", "The length of the body is given more than once.\n", NULL, NULL, true},
    [REPLY_CODING] = {501, "Not Implemented", "The only transfer encoding known here is chunked.\n", NULL, NULL, true},
    [REPLY_BUSY] = {503, "Service Unavailable", "Too much is waiting. Send it again later.\n", "Retry-After", "2", false},
    [REPLY_NOT_STORED] = {503, "Service Unavailable", "It could not be stored. Send it again later.\n", "Retry-After", "5", false},
    [REPLY_STOPPING] = {503, "Service Unavailable", "Shutting down. Send it again later.\n", "Retry-After", "5", true},
    [REPLY_EMPTY] = {200, "OK", "{}", "Content-Type", "application/json", false},
    [REPLY_FORBIDDEN] = {403, "Forbidden", "{\"errcode\":\"M_FORBIDDEN\",\"error\":\"This is not the hs_token of the registration.\"}",
                         "Content-Type", "application/json", false},
    [REPLY_UNRECOGNIZED] = {405, "Method Not Allowed", "{\"errcode\":\"M_UNRECOGNIZED\",\"error\":\"This address is used with another method.\"}",
                            "Content-Type", "application/json", false},
    [REPLY_NOT_FOUND] = {404, "Not Found", "{\"errcode\":\"M_NOT_FOUND\",\"error\":\"There are no users or rooms to be made here.\"}",
                         "Content-Type", "application/json", false},
};

static struct MHD_Response *make(const struct row *r)
{
    /* the library takes void *, but does not write to persistent memory */
    union {
        const char *text;
        void *bytes;
    } body = {.text = r->text};
    struct MHD_Response *m = MHD_create_response_from_buffer(strlen(r->text), body.bytes, MHD_RESPMEM_PERSISTENT);
    if (!r->header || strcmp(r->header, "Content-Type") != 0)
        MHD_add_response_header(m, "Content-Type", "text/plain; charset=utf-8");
    if (r->header)
        MHD_add_response_header(m, r->header, r->value);
    if (r->close)
        MHD_add_response_header(m, "Connection", "close");
    return m;
}

void replies_init(struct replies *r)
{
    r->made[REPLY_NONE] = NULL;
    for (size_t i = REPLY_NONE + 1; i < REPLY_COUNT; i++)
        r->made[i] = make(&rows[i]);
}

void replies_fini(struct replies *r)
{
    for (size_t i = REPLY_NONE + 1; i < REPLY_COUNT; i++)
        MHD_destroy_response(r->made[i]);
}

enum MHD_Result reply_send(const struct replies *r, struct MHD_Connection *c, enum reply what)
{
    assert(what > REPLY_NONE && what < REPLY_COUNT);
    return MHD_queue_response(c, rows[what].status, r->made[what]);
}

enum MHD_Result reply_send_text(struct MHD_Connection *c, int status, const char *text, const char *type)
{
    AUTO_STR copy = str_dup(text);
    struct MHD_Response *m = MHD_create_response_from_buffer(strlen(copy), copy, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(m, "Content-Type", type);
    enum MHD_Result done = MHD_queue_response(c, (unsigned)status, m);
    MHD_destroy_response(m);
    return done;
}

enum MHD_Result reply_send_challenge(struct MHD_Connection *c, const char *text, const char *ask)
{
    AUTO_STR copy = str_dup(text);
    struct MHD_Response *m = MHD_create_response_from_buffer(strlen(copy), copy, MHD_RESPMEM_MUST_COPY);
    MHD_add_response_header(m, "Content-Type", "text/plain; charset=utf-8");
    MHD_add_response_header(m, "WWW-Authenticate", ask);
    enum MHD_Result done = MHD_queue_response(c, 401, m);
    MHD_destroy_response(m);
    return done;
}

void reply_raw(struct buf *out, enum reply what)
{
    const struct row *r = &rows[what];
    buf_addf(out, "HTTP/1.1 %u %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
             r->status, r->reason, strlen(r->text), r->text);
}
