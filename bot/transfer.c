/* One HTTP call under libcurl, and above all what its end means.
 *
 * Money depends on the difference between "certainly not sent" and "may have been sent". NOT_SENT is claimed only for the
 * errors of resolving, connecting and the TLS handshake, and only while libcurl has not yet begun to transfer
 * (PRETRANSFER_TIME is still 0); a time-out counts by the same clock. Everything else is LOST. An answer of any status is
 * OK: what it means is the driver's business.
 *
 * libcurl silently repeats a request when a kept connection turns out to be dead before the first byte of the answer. For
 * a request that changes something this would be a second attempt that nobody recorded. So the body of a write is given
 * through a read callback that cannot be rewound: once any of it has left, libcurl reports an error instead. A write
 * without a body gets a connection of its own. */
#include "bot/transfer.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_TIMEOUT_MS 10000
#define CONNECT_TIMEOUT_MS 5000L
#define PAUSE_UNSAID_MS 1000
#define LONGEST_RETRY_AFTER_S (7 * 86400)
#define EPOCH_FROM 1000000000

int transfer_refuse(struct transfer *t, const char *why)
{
    t->response.transport = TRANSPORT_NOT_SENT;
    str_copy(t->response.problem, sizeof t->response.problem, why);
    return ERR_INVALID;
}

bool transfer_nothing_left(CURL *easy, CURLcode code)
{
    static const CURLcode early[] = {
        CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_RESOLVE_HOST,
        CURLE_COULDNT_CONNECT, CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE,
        CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR, CURLE_USE_SSL_FAILED, CURLE_PROXY,
        CURLE_OPERATION_TIMEDOUT,
    };
    curl_off_t began = 1;
    if (curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &began) != CURLE_OK || began > 0)
        return false;
    for (size_t i = 0; i < DW_ARRAY_LEN(early); i++)
        if (early[i] == code)
            return true;
    return false;
}

/* --- receiving --- */

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    buf_add(&t->response.body, p, size * n);
    t->too_large = t->response.body.over;
    return t->too_large ? 0 : size * n;
}

/* "Name: value\r\n" -> the value without surrounding blanks, when the name fits. */
static bool header_value(const char *line, size_t n, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);
    if (n <= len || line[len] != ':' || strncasecmp(line, name, len) != 0)
        return false;
    const char *p = line + len + 1, *end = line + n;
    while (p < end && (*p == ' ' || *p == '\t'))
        p++;
    while (end > p && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t'))
        end--;
    size_t used = 0;
    for (; p < end && used + 1 < size; p++)
        out[used++] = *p >= 0x20 && *p < 0x7f ? *p : '?';
    out[used] = '\0';
    return true;
}

/* Seconds or an HTTP date, as a span; -1 when it is neither. */
static int64_t retry_after_ms(const char *text, int64_t now_s)
{
    char *end = NULL;
    long long s = strtoll(text, &end, 10);
    if (end == text || *end) {
        time_t at = curl_getdate(text, NULL);
        if (at < 0)
            return -1;
        s = (long long)at - now_s;
    }
    if (s < 0)
        s = 0;
    return (s < LONGEST_RETRY_AFTER_S ? s : LONGEST_RETRY_AFTER_S) * 1000;
}

/* Recurly names the moment, in seconds of the epoch, and on each answer: it counts on a 429 alone. A small number is a span, of others. */
static int64_t reset_ms(const char *text)
{
    struct timespec now;
    char *end = NULL;
    long long at = strtoll(text, &end, 10);
    clock_gettime(CLOCK_REALTIME, &now);
    if (end == text || *end || at < EPOCH_FROM)
        return -1;
    long long s = at > now.tv_sec ? at - now.tv_sec : 0;
    return (s < LONGEST_RETRY_AFTER_S ? s : LONGEST_RETRY_AFTER_S) * 1000;
}

/* A number, of at most nine digits; -1: it is none. */
static int64_t count_of(const char *text)
{
    size_t n = strspn(text, "0123456789");
    return n && n < 10 && !text[n] ? strtoll(text, NULL, 10) : -1;
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    struct http_response *r = &t->response;
    char value[128];
    size_t len = size * n;
    if (len > 5 && strncmp(p, "HTTP/", 5) == 0) { /* what came before was a 1xx */
        r->retry_after_ms = -1;
        r->never_retry = t->spent = t->left = t->told = false;
        t->in_reset_ms = t->word.limit = t->word.remaining = -1;
        r->request_id[0] = '\0';
        const char *space = memchr(p, ' ', len);
        r->status = space ? (int)strtol(space, NULL, 10) : 0;
    } else if (header_value(p, len, "Retry-After", value, sizeof value)) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        r->retry_after_ms = retry_after_ms(value, now.tv_sec);
        t->told = r->retry_after_ms >= 0;
    } else if (header_value(p, len, "ratelimit-reset", value, sizeof value)) { /* seconds; Retry-After outranks it */
        t->in_reset_ms = retry_after_ms(value, INT64_MAX);
        r->retry_after_ms = r->retry_after_ms < 0 ? t->in_reset_ms : r->retry_after_ms;
    } else if (header_value(p, len, "X-RateLimit-Reset", value, sizeof value)) {
        t->in_reset_ms = reset_ms(value);
        r->retry_after_ms = r->retry_after_ms < 0 && r->status == 429 ? t->in_reset_ms : r->retry_after_ms;
    } else if (header_value(p, len, "ratelimit-remaining", value, sizeof value)) {
        t->spent = count_of(value) == 0;
        t->left = count_of(value) > 0;
    } else if (header_value(p, len, "X-RateLimit-Remaining", value, sizeof value)) {
        t->spent = count_of(value) == 0;
    } else if (header_value(p, len, "Concurrency-Limit-Limit", value, sizeof value)) { /* Zuora's, of calls at the same time */
        t->word.limit = count_of(value);
    } else if (header_value(p, len, "Concurrency-Limit-Remaining", value, sizeof value)) {
        t->word.remaining = count_of(value);
    } else if (header_value(p, len, "Stripe-Should-Retry", value, sizeof value) || header_value(p, len, "Recurly-Should-Retry", value, sizeof value)) {
        r->never_retry = strcasecmp(value, "false") == 0;
    } else if (header_value(p, len, "Request-Id", value, sizeof value) || header_value(p, len, "x-slack-req-id", value, sizeof value) ||
               header_value(p, len, "Zuora-Request-Id", value, sizeof value)) {
        str_copy(r->request_id, sizeof r->request_id, value);
    }
    return len;
}

/* Too many at the same time, not in a minute or an hour: Zuora says with it when that begins anew, which is no reason to wait for it. */
static bool too_many_at_once(const struct transfer *t)
{
    return t->response.status == 429 && !t->told && !t->spent && (t->left || t->word.remaining == 0);
}

struct room_word transfer_word(const struct transfer *t)
{
    const struct http_response *r = &t->response;
    struct room_word w = {.limit = -1, .remaining = -1};
    if (r->transport != TRANSPORT_OK)
        return w;
    w = t->word;
    w.pause_ms = r->status == 429 ? r->retry_after_ms : t->spent ? t->in_reset_ms : 0;
    if (w.pause_ms < 0)
        w.pause_ms = PAUSE_UNSAID_MS;
    return w;
}

/* --- sending --- */

static size_t on_read(char *p, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    size_t left = t->request.body.n - t->uploaded, give = size * n < left ? size * n : left;
    if (give)
        memcpy(p, t->request.body.p + t->uploaded, give);
    t->uploaded += give;
    return give;
}

static void set_common(struct transfer *t, const char *ca_file)
{
    CURL *easy = t->easy;
    int timeout = t->request.timeout_ms > 0 ? t->request.timeout_ms : DEFAULT_TIMEOUT_MS;
    curl_easy_setopt(easy, CURLOPT_URL, t->request.url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https,smtp,smtps");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a name server that is silent must not stop the thread */
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L); /* a dead line under a long wait is noticed */
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 20L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 10L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    if (ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "Dunwell/1.0");
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->problem);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, t);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, t);
}

static void set_headers(struct transfer *t)
{
    const char *p = buf_text(&t->request.headers);
    while (*p) {
        size_t n = strcspn(p, "\n");
        AUTO_STR line = str_ndup(p, n);
        if (n)
            t->headers = curl_slist_append(t->headers, line);
        p += n + (p[n] == '\n');
    }
    t->headers = curl_slist_append(t->headers, "Expect:");
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
}

static void set_write_body(struct transfer *t)
{
    if (t->request.body.n == 0) {
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, "");
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
        curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L);
        return;
    }
    curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->request.body.n);
    curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
}

/* The body first decides how the request is built; the method's name is then put over it. */
static void set_method(struct transfer *t)
{
    const struct http_request *r = &t->request;
    bool get = strcmp(r->method, "GET") == 0;
    if (r->write && !get) {
        set_write_body(t);
    } else if (r->body.n || strcmp(r->method, "POST") == 0) {
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, buf_text(&r->body));
        curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n);
    } else {
        curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, r->method);
}

int transfer_begin(struct transfer *t, CURL *easy, struct http_request *take, const char *ca_file)
{
    *t = (struct transfer){.easy = easy, .request = *take};
    http_request_init(take);
    http_response_init(&t->response);
    if (t->request.answer_most)
        buf_init(&t->response.body, t->request.answer_most);
    if (!t->request.url || t->request.headers.over || t->request.body.over)
        return transfer_refuse(t, "the request is larger than the limit, or incomplete");
    set_common(t, ca_file);
    if (strcmp(t->request.method, "MAIL") == 0)
        return transfer_mail_begin(t);
    if (strncasecmp(t->request.url, "http", 4) != 0)
        return transfer_refuse(t, "the address is not http or https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    set_headers(t);
    set_method(t);
    return 0;
}

/* --- the end --- */

void transfer_end(struct transfer *t, CURLcode code)
{
    struct http_response *r = &t->response;
    long status = 0;
    if (strcmp(t->request.method, "MAIL") == 0) {
        transfer_mail_end(t, code);
        return;
    }
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK) {
        r->transport = TRANSPORT_OK;
        r->status = (int)status;
        if (too_many_at_once(t))
            r->retry_after_ms = PAUSE_UNSAID_MS;
        return;
    }
    buf_clear(&r->body);
    r->transport = transfer_nothing_left(t->easy, code) ? TRANSPORT_NOT_SENT : TRANSPORT_LOST;
    r->too_large = t->too_large;
    if (t->too_large)
        snprintf(r->problem, sizeof r->problem, "the answer is larger than %zu MiB", (t->request.answer_most ? t->request.answer_most : 4 << 20) >> 20);
    else
        str_copy(r->problem, sizeof r->problem, curl_easy_strerror(code));
}

void transfer_take_response(struct transfer *t, struct http_response *out)
{
    *out = t->response;
    http_response_init(&t->response);
}

void transfer_fini(struct transfer *t)
{
    curl_slist_free_all(t->headers);
    buf_fini(&t->upload);
    http_request_fini(&t->request);
    http_response_fini(&t->response);
}
