/* One mail over SMTP under libcurl. The body of the request is the complete message; what the envelope needs stands in
 * X-Mail-* header lines, which are not part of the message.
 *
 * The server's last code decides, not libcurl's error: a refused recipient is CURLE_SEND_ERROR with code 550. A code of 400
 * or more is an answer (the driver tells 4xx from 5xx). No code, or a good one before the connection broke: before the
 * envelope was begun nothing has happened, afterwards nobody knows. libcurl passes line breaks in addresses on to the
 * server as commands, so addresses with control characters are refused here once more. */
#include <string.h>
#include <strings.h>

#include "bot/transfer.h"

#define MAX_MESSAGE (8u << 20)
#define MAX_REPLY 1000u

/* The value of a header line, as a new string; NULL when there is none. */
static char *mail_header(const struct transfer *t, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = buf_text(&t->request.headers); *p;) {
        size_t n = strcspn(p, "\n");
        if (n > len && p[len] == ':' && strncasecmp(p, name, len) == 0) {
            size_t skip = len + 1;
            while (skip < n && p[skip] == ' ')
                skip++;
            return str_ndup(p + skip, n - skip);
        }
        p += n + (p[n] == '\n');
    }
    return NULL;
}

static bool address_clean(const char *text)
{
    if (!text || !*text)
        return false;
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p <= 0x20 || *p == 0x7f || *p == '<' || *p == '>')
            return false;
    return true;
}

/* Lines end with CRLF on the wire whatever they ended with before. */
static void prepare_message(struct transfer *t)
{
    const char *p = buf_text(&t->request.body);
    buf_init(&t->upload, MAX_MESSAGE);
    for (size_t i = 0; i < t->request.body.n; i++) {
        if (p[i] == '\n' && (i == 0 || p[i - 1] != '\r'))
            buf_addc(&t->upload, '\r');
        buf_addc(&t->upload, p[i]);
    }
}

static size_t on_read(char *p, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    size_t left = t->upload.n - t->uploaded, give = size * n < left ? size * n : left;
    if (give)
        memcpy(p, t->upload.p + t->uploaded, give);
    t->uploaded += give;
    return give;
}

/* The server's last line, which says why it refused; its goodbye does not count. */
static size_t on_reply(char *p, size_t size, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    if (size * n >= 3 && strncmp(p, "221", 3) == 0)
        return size * n;
    buf_clear(&t->response.body);
    buf_add(&t->response.body, p, size * n < MAX_REPLY ? size * n : MAX_REPLY);
    return size * n;
}

int transfer_mail_begin(struct transfer *t)
{
    AUTO_STR from = mail_header(t, "X-Mail-From");
    AUTO_STR to = mail_header(t, "X-Mail-To");
    AUTO_STR user = mail_header(t, "X-Mail-User");
    AUTO_STR password = mail_header(t, "X-Mail-Password");
    AUTO_STR tls = mail_header(t, "X-Mail-Tls");
    if (!address_clean(from) || !address_clean(to))
        return transfer_refuse(t, "the sender's or the recipient's address is not one");
    if (strncasecmp(t->request.url, "smtp", 4) != 0)
        return transfer_refuse(t, "the mail server's address is not smtp or smtps");
    prepare_message(t);
    if (t->upload.over)
        return transfer_refuse(t, "the message is too large");
    AUTO_STR sender = str_fmt("<%s>", from);
    AUTO_STR recipient = str_fmt("<%s>", to);
    t->headers = curl_slist_append(NULL, recipient);
    curl_easy_setopt(t->easy, CURLOPT_MAIL_FROM, sender);
    curl_easy_setopt(t->easy, CURLOPT_MAIL_RCPT, t->headers);
    curl_easy_setopt(t->easy, CURLOPT_USE_SSL, tls && strcmp(tls, "off") == 0 ? (long)CURLUSESSL_NONE : (long)CURLUSESSL_ALL);
    if (user)
        curl_easy_setopt(t->easy, CURLOPT_USERNAME, user);
    if (user && password)
        curl_easy_setopt(t->easy, CURLOPT_PASSWORD, password);
    curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_reply);
    curl_easy_setopt(t->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(t->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)t->upload.n);
    curl_easy_setopt(t->easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(t->easy, CURLOPT_READDATA, t);
    return 0;
}

void transfer_mail_end(struct transfer *t, CURLcode code)
{
    struct http_response *r = &t->response;
    long status = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK || status >= 400) {
        r->transport = TRANSPORT_OK;
        r->status = (int)status;
        return;
    }
    buf_clear(&r->body); /* what it said before is no answer */
    r->transport = transfer_nothing_left(t->easy, code) || t->uploaded == 0 ? TRANSPORT_NOT_SENT : TRANSPORT_LOST;
    str_copy(r->problem, sizeof r->problem,
             code == CURLE_USE_SSL_FAILED ? "the mail server offers no encryption (STARTTLS)" : curl_easy_strerror(code));
}
