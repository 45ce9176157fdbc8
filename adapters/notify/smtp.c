/* Mail through an SMTP server.
 *
 * A mail is a request with the method MAIL: the body is the complete message (RFC 5322, MIME, quoted-printable
 * UTF-8), and what the envelope needs stands in header lines that the transport takes out: X-Mail-From, X-Mail-To,
 * X-Mail-User, X-Mail-Password, X-Mail-Tls.
 *
 * Injection is refused here, because libcurl passes line breaks in an address or a header on to the server: an
 * address must fit an allow-list, a subject with a control character is no subject. There is one recipient a mail, so
 * one answer says what became of it.
 *
 * SMTP cannot be asked afterwards whether a message arrived. So when the connection broke after the message left, the
 * mail is first unknown and then refused with the words "may have been sent": a customer who gets the same mail twice
 * is the worse outcome, and a person reads the reason and can send it again. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "adapters/adapter.h"
#include "adapters/notify/smtp.h"
#include "engine/when.h"

#define MAX_SUBJECT 500
#define MAX_TEXT (256u << 10)
#define MAX_LINE 76
#define MAX_ATTEMPTS 12 /* of a server that keeps saying "later": about a day */

struct smtp_config {
    struct driver_config base;
    char *url, *from, *username, *password, *tls;
};

/* ---- what may stand in an envelope or a header ---- */

#define ATOM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+/=?^_`{|}~-"

/* Atoms with single dots between them. */
static bool dot_atom(const char *p, size_t n, size_t most)
{
    bool dotted = true;
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '.' ? dotted : !strchr(ATOM, p[i]))
            return false;
        dotted = p[i] == '.';
    }
    return n > 0 && n <= most && !dotted;
}

static bool domain_fits(const char *p)
{
    size_t n = strlen(p), label = 0;
    for (size_t i = 0; i < n; i++) {
        bool word = (p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z') || (p[i] >= '0' && p[i] <= '9');
        bool edge = label == 0 || i + 1 == n || p[i + 1] == '.';
        if (p[i] == '.' ? label == 0 : !(word || (p[i] == '-' && !edge)))
            return false;
        label = p[i] == '.' ? 0 : label + 1;
        if (label > 63)
            return false;
    }
    return n > 0 && n <= 253 && label > 0;
}

bool smtp_address_fits(const char *text)
{
    const char *at = text ? strrchr(text, '@') : NULL;
    return at && strlen(text) <= 254 && dot_atom(text, (size_t)(at - text), 64) && domain_fits(at + 1);
}

static bool has_control(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return true;
    return false;
}

/* "<left@right>", also when it was given without the brackets; NULL when it is no message id. */
static char *message_id(const char *text)
{
    size_t n = text ? strlen(text) : 0;
    bool brackets = n > 2 && text[0] == '<' && text[n - 1] == '>';
    AUTO_STR bare = brackets ? str_ndup(text + 1, n - 2) : str_dup(text ? text : "");
    const char *at = strchr(bare, '@');
    if (!at || !dot_atom(bare, (size_t)(at - bare), 200) || !domain_fits(at + 1))
        return NULL;
    return str_fmt("<%s>", bare);
}

/* What the job gives, made whole with the sender's domain where it has none. A job without one gets it from its key,
 * so that trying again is the same message. */
static char *message_id_of(const struct smtp_config *c, const struct job *job)
{
    const char *given = json_str(job->args, "message_id", NULL);
    if (given && strchr(given, '@'))
        return message_id(given);
    AUTO_STR left = str_dup(given ? given : job->key);
    for (char *p = left; *p && !given; p++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", *p))
            *p = '-';
    AUTO_STR id = str_fmt("%s%s", left, strrchr(c->from, '@'));
    return message_id(id);
}

/* ---- the message ---- */

static void add_base64(struct buf *out, const char *p, size_t n)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        unsigned left = n - i < 3 ? (unsigned)(n - i) : 3, v = (unsigned)(unsigned char)p[i] << 16;
        v |= left > 1 ? (unsigned)(unsigned char)p[i + 1] << 8 : 0;
        v |= left > 2 ? (unsigned)(unsigned char)p[i + 2] : 0;
        buf_addc(out, letters[v >> 18 & 63]);
        buf_addc(out, letters[v >> 12 & 63]);
        buf_addc(out, left > 1 ? letters[v >> 6 & 63] : '=');
        buf_addc(out, left > 2 ? letters[v & 63] : '=');
    }
}

static bool plain_ascii(const char *text)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p > 126)
            return false;
    return strlen(text) <= 60 && !strstr(text, "=?");
}

/* RFC 2047: words of at most 75 characters, no character of the text cut in two. */
static void add_subject(struct buf *out, const char *text)
{
    buf_adds(out, "Subject: ");
    if (plain_ascii(text)) {
        buf_addf(out, "%s\r\n", text);
        return;
    }
    size_t left = strlen(text);
    for (bool first = true; left > 0; first = false) {
        size_t n = 0, step;
        while (n < left && (step = utf8_length(text + n, left - n)) > 0 && n + step <= 42)
            n += step;
        n = n ? n : 1;
        buf_adds(out, first ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
        add_base64(out, text, n);
        buf_adds(out, "?=");
        text += n;
        left -= n;
    }
    buf_adds(out, "\r\n");
}

static void add_date(struct buf *out, int64_t at_ms)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t at = (time_t)(at_ms / MS_SECOND);
    struct tm t;
    gmtime_r(&at, &t);
    buf_addf(out, "Date: %s, %02d %s %d %02d:%02d:%02d +0000\r\n", days[t.tm_wday], t.tm_mday, months[t.tm_mon],
             t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

/* One line of text in quoted-printable, with soft breaks. */
static void add_quoted_line(struct buf *out, const char *p, size_t n)
{
    int column = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        bool blank = (c == ' ' || c == '\t') && i + 1 < n;
        bool plain = (c > 32 && c < 127 && c != '=') || blank;
        int need = plain ? 1 : 3;
        if (column + need > MAX_LINE - 1) {
            buf_adds(out, "=\r\n");
            column = 0;
        }
        if (plain)
            buf_addc(out, (char)c);
        else
            buf_addf(out, "=%02X", (unsigned)c);
        column += need;
    }
    buf_adds(out, "\r\n");
}

static void add_text(struct buf *out, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        add_quoted_line(out, text, n > 0 && text[n - 1] == '\r' ? n - 1 : n);
        text += n + (text[n] == '\n');
    }
}

static void add_message(struct buf *out, const struct smtp_config *c, const struct job *job, const char *id)
{
    buf_addf(out, "From: <%s>\r\nTo: <%s>\r\n", c->from, json_str(job->args, "to", ""));
    add_subject(out, json_str(job->args, "subject", ""));
    add_date(out, job->now_ms);
    buf_addf(out, "Message-ID: %s\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n", id);
    buf_adds(out, "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
    add_text(out, json_str(job->args, "text", ""));
}

/* ---- the step ---- */

/* Says what is wrong with the job; NULL when nothing is. Never quotes an address: reasons are read in channels. */
static const char *fault_of(const struct smtp_config *c, const struct job *job)
{
    const char *subject = json_str(job->args, "subject", ""), *text = json_str(job->args, "text", "");
    if (!smtp_address_fits(c->from))
        return "the sender in smtp.from is not an e-mail address";
    if (!smtp_address_fits(json_str(job->args, "to", NULL)))
        return "the customer's e-mail address is missing or malformed; correct it in the account book";
    if (!*subject || strlen(subject) > MAX_SUBJECT || has_control(subject))
        return "the subject is empty, too long or holds a control character";
    if (!*text || strlen(text) > MAX_TEXT)
        return "the text is empty or too long";
    return NULL;
}

/* Without the option: TLS, but for a server on this machine, where a test server has none and nobody listens in
 * between. */
static bool tls_off(const struct smtp_config *c)
{
    static const char *const local[] = {"smtp://127.", "smtp://localhost:", "smtp://localhost/", "smtp://[::1]"};
    if (c->tls && *c->tls)
        return str_eq(c->tls, "off");
    for (size_t i = 0; i < DW_ARRAY_LEN(local); i++)
        if (strncmp(c->url, local[i], strlen(local[i])) == 0)
            return true;
    return false;
}

static void send_mail(const struct smtp_config *c, const struct job *job, struct step *out)
{
    const char *fault = fault_of(c, job);
    AUTO_STR id = fault ? NULL : message_id_of(c, job);
    if (!id) {
        step_refused(out, "not sent: %s", fault ? fault : "its message id is malformed");
        return;
    }
    struct http_request *r = &out->request;
    out->outcome = STEP_HTTP;
    str_copy(r->method, sizeof r->method, "MAIL");
    free(r->url);
    r->url = str_dup(c->url);
    r->write = true;
    r->timeout_ms = 60000;
    http_request_header(r, "X-Mail-From", c->from);
    http_request_header(r, "X-Mail-To", json_str(job->args, "to", ""));
    http_request_header(r, "X-Mail-Tls", tls_off(c) ? "off" : "required");
    if (c->username && *c->username) {
        http_request_header(r, "X-Mail-User", c->username);
        http_request_header(r, "X-Mail-Password", c->password ? c->password : "");
    }
    add_message(&r->body, c, job, id);
    json_decref(out->stage);
    out->stage = json_pack("{s:s}", "at", "sent");
    if (r->body.over)
        step_refused(out, "not sent: the message is too long");
}

/* The server's last line, cut and without control characters. */
static void last_words(const struct http_response *r, char *out, size_t size)
{
    const char *text = buf_text(&r->body);
    size_t n = strlen(text);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == ' '))
        n--;
    size_t from = n;
    while (from > 0 && text[from - 1] != '\n')
        from--;
    AUTO_STR line = str_ndup(text + from, n - from);
    AUTO_JSON clean = json_text_safe(line);
    str_copy(out, size, *line ? json_string_value(clean) : r->problem);
}

static void later(const struct job *job, const char *words, struct step *out)
{
    if (job->attempts >= MAX_ATTEMPTS) {
        step_refused(out, "not sent after %d attempts: %s", job->attempts, words);
        return;
    }
    json_decref(out->stage);
    out->stage = json_pack("{s:s}", "at", "again");
    step_retry(out, job->now_ms + 30 * MS_SECOND + backoff_ms(job, MS_MINUTE, 4 * MS_HOUR), "%s", words);
}

/* The server's line begins with the code. */
static void refused(int code, const char *words, struct step *out)
{
    if (*words)
        step_refused(out, "the mail server refused it: %s", words);
    else
        step_refused(out, "the mail server refused it with %d", code);
}

/* A 4xx or 5xx is the server's word, however the connection ended afterwards; a 2xx counts only when the whole call
 * went well, because it may be the answer to an earlier command. */
static void answered(const struct job *job, const struct http_response *r, struct step *out)
{
    char words[120];
    last_words(r, words, sizeof words);
    if (r->status >= 500)
        refused(r->status, words, out);
    else if (r->status >= 400)
        later(job, *words ? words : "the mail server asks to try again later", out);
    else if (r->transport == TRANSPORT_NOT_SENT)
        later(job, *words ? words : "the mail server could not be reached", out);
    else if (r->transport == TRANSPORT_OK && r->status >= 200 && r->status < 300)
        step_done(out, json_pack("{s:s}", "queued", words));
    else
        step_unknown(out, job->now_ms, json_pack("{s:s}", "at", "lost"), "the mail server's answer did not arrive");
}

static void smtp_step(const void *config, const struct job *job, const struct http_response *previous,
                      struct step *out)
{
    const struct smtp_config *c = config;
    if (!str_eq(job->op, "mail"))
        step_refused(out, "mail cannot do \"%s\"", job->op);
    else if (previous)
        answered(job, previous, out);
    else if (str_eq(json_str(job->stage, "at", ""), "lost"))
        step_refused(out, "may have been sent; not sent again: the mail server's answer was lost and SMTP cannot be "
                          "asked afterwards");
    else
        send_mail(c, job, out);
}

static const struct option options[] = {
    {"url", OPTION_URL, offsetof(struct smtp_config, url), NULL, true,
     "The server: smtp://host:587 (STARTTLS) or smtps://host:465; the path, if any, is the name given in EHLO."},
    {"from", OPTION_EMAIL, offsetof(struct smtp_config, from), NULL, true,
     "The sender's address, for bounces and answers."},
    {"username", OPTION_TEXT, offsetof(struct smtp_config, username), NULL, false, "Name to log in with."},
    {"password", OPTION_SECRET, offsetof(struct smtp_config, password), NULL, false, "Password to log in with."},
    {"tls", OPTION_TEXT, offsetof(struct smtp_config, tls), NULL, false,
     "required or off; without it TLS is required of every server but one on this machine."},
    {.name = NULL},
};

const struct driver smtp_driver = {
    .name = "smtp",
    .kind = DRIVER_NOTIFY,
    .summary = "Mail to customers through an SMTP server",
    .options = options,
    .config_size = sizeof(struct smtp_config),
    .step = smtp_step,
};
