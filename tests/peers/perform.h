/* One call of a driver over real HTTP, by libcurl, as the out thread would make it. */
#ifndef DW_TESTS_PERFORM_H
#define DW_TESTS_PERFORM_H

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "engine/job.h"
#include "engine/when.h"

static inline size_t take_body(char *p, size_t size, size_t n, void *to)
{
    struct buf *body = to;
    buf_add(body, p, size * n);
    return body->over ? 0 : size * n;
}

static inline size_t take_header(char *p, size_t size, size_t n, void *to)
{
    struct http_response *r = to;
    char line[256];
    str_copy(line, sizeof line, "");
    size_t length = size * n < sizeof line ? size * n : sizeof line - 1;
    memcpy(line, p, length);
    line[length] = '\0';
    if (strncasecmp(line, "retry-after: ", 13) == 0)
        r->retry_after_ms = strtoll(line + 13, NULL, 10) * MS_SECOND;
    if (strncasecmp(line, "ratelimit-reset: ", 17) == 0 && r->retry_after_ms < 0)
        r->retry_after_ms = strtoll(line + 17, NULL, 10) * MS_SECOND;
    if (strncasecmp(line, "stripe-should-retry: false", 26) == 0)
        r->never_retry = true;
    return size * n;
}

static inline struct curl_slist *headers_of(const struct http_request *r)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (const char *line = buf_text(&r->headers); *line;) {
        size_t n = strcspn(line, "\n");
        AUTO_STR one = str_ndup(line, n);
        list = curl_slist_append(list, one);
        line += n + (line[n] == '\n');
    }
    return list;
}

static inline void perform(CURL *curl, const struct http_request *request, struct http_response *response)
{
    long status = 0;
    struct curl_slist *headers = headers_of(request);
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, request->url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    if (strcmp(request->method, "GET") != 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)request->body.n);
        curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, buf_text(&request->body));
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &response->body);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, response);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, request->timeout_ms > 30000 ? (long)request->timeout_ms : 5000L); /* a long poll is long */
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    /* On a connection that was used before libcurl sends a request again by itself when no answer came: not what a write may do. */
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, request->write ? 1L : 0L);
    CURLcode rc = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    response->status = (int)status;
    response->transport = rc == CURLE_OK                ? TRANSPORT_OK
                          : rc == CURLE_COULDNT_CONNECT ? TRANSPORT_NOT_SENT
                                                        : TRANSPORT_LOST;
    response->too_large = response->body.over;
    str_copy(response->problem, sizeof response->problem, rc == CURLE_OK ? "" : curl_easy_strerror(rc));
}

#endif
