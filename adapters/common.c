/* What every HTTP driver needs to say its next word.
 *
 * A driver's step ends in exactly one of five outcomes; each has one function here, so that no driver fills struct step by
 * hand and forgets a field. Reasons are cut to the field's size and stripped of control characters, because they often
 * quote a peer. Base addresses may or may not end in a slash, paths may or may not begin with one: they are joined with
 * exactly one. Nothing here knows a vendor. */
#include "adapters/adapter.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Backoff doubles at most this often: 2^20 times any first delay is longer than any limit that makes sense. */
#define DOUBLINGS_MAX 20

static void begin(struct step *out, const char *method, const char *base, const char *path)
{
    size_t n = strlen(base);
    while (n > 0 && base[n - 1] == '/')
        n--;
    while (*path == '/')
        path++;
    http_request_fini(&out->request);
    http_request_init(&out->request);
    out->outcome = STEP_HTTP;
    str_copy(out->request.method, sizeof out->request.method, method);
    out->request.url = str_fmt("%.*s/%s", (int)n, base, path);
}

void step_get(struct step *out, const char *base, const char *path)
{
    begin(out, "GET", base, path);
}

void step_post(struct step *out, const char *base, const char *path)
{
    begin(out, "POST", base, path);
    out->request.write = true;
    http_request_header(&out->request, "Content-Type", "application/x-www-form-urlencoded");
}

void step_json(struct step *out, const char *method, const char *base, const char *path, const char *body)
{
    begin(out, method, base, path);
    out->request.write = !str_eq(method, "GET");
    if (!body)
        return;
    http_request_header(&out->request, "Content-Type", "application/json");
    buf_adds(&out->request.body, body);
}

void form_add(struct http_request *r, const char *name, const char *value)
{
    if (r->body.n)
        buf_addc(&r->body, '&');
    buf_add_url(&r->body, name);
    buf_addc(&r->body, '=');
    buf_add_url(&r->body, value);
}

void form_add_i64(struct http_request *r, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    form_add(r, name, text);
}

/* Cuts at a UTF-8 boundary and takes the control characters out: a reason is shown on cards and in terminals. */
static void set_reason(struct step *out, const char *fmt, va_list ap) DW_PRINTF(2, 0);
static void set_reason(struct step *out, const char *fmt, va_list ap)
{
    char whole[1024];
    vsnprintf(whole, sizeof whole, fmt, ap);
    for (char *c = whole; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    str_copy(out->reason, sizeof out->reason, whole);
}

enum { DECIMAL_MAX = 60, EXPONENT_MAX = 30 };

/* "1.205E+2" -> "120.5", by moving the point. False when it is no such number, or absurdly large or small. */
static bool decimal_plain(char *out, size_t size, const char *text)
{
    const char *e = strpbrk(text, "eE");
    size_t n = e ? (size_t)(e - text) : strlen(text), used = 0;
    const char *first_digit = text + (*text == '-');
    if (n >= DECIMAL_MAX || n + EXPONENT_MAX + 4 > size || *first_digit < '0' || *first_digit > '9')
        return false;
    char *end = NULL;
    long shift = e ? strtol(e + 1, &end, 10) : 0;
    if (e && (end == e + 1 || *end || shift > EXPONENT_MAX || shift < -EXPONENT_MAX))
        return false;
    char digits[DECIMAL_MAX + EXPONENT_MAX * 2 + 2];
    size_t count = 0, whole = 0;
    for (; count < EXPONENT_MAX; count++)
        digits[count] = '0';
    for (const char *p = first_digit; p < text + n; p++) {
        if (*p == '.')
            whole = count;
        else
            digits[count++] = *p;
    }
    whole = (size_t)((long)(memchr(text, '.', n) ? whole : count) + shift);
    while (count < whole)
        digits[count++] = '0';
    size_t first = 0;
    while (first + 1 < whole && digits[first] == '0')
        first++;
    out[used++] = '-';
    for (size_t i = first; i < count && used + 2 < size; i++) {
        if (i == whole)
            out[used++] = '.';
        out[used++] = digits[i];
    }
    out[used] = '\0';
    if (*text != '-')
        memmove(out, out + 1, used);
    return true;
}

int money_at(int64_t *minor, const json_t *root, const char *path, const char *currency, struct err *e)
{
    const json_t *v = json_at(root, path);
    char text[32], plain[DECIMAL_MAX * 3];
    if (json_is_integer(v)) {
        snprintf(text, sizeof text, "%" PRId64, (int64_t)json_integer_value(v));
        return money_parse_decimal(minor, text, currency, e);
    }
    const char *decimal = json_is_string(v) ? json_string_value(v) : "";
    if (strpbrk(decimal, "eE"))
        decimal = decimal_plain(plain, sizeof plain, decimal) ? plain : "";
    return money_parse_decimal(minor, decimal, currency, e);
}

void step_done(struct step *out, json_t *take_result)
{
    out->outcome = STEP_DONE;
    json_decref(out->result);
    out->result = take_result;
}

void step_refused(struct step *out, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    out->outcome = STEP_REFUSED;
    set_reason(out, fmt, ap);
    va_end(ap);
}

void step_retry(struct step *out, int64_t at_ms, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    out->outcome = STEP_RETRY;
    out->retry_at_ms = at_ms;
    set_reason(out, fmt, ap);
    va_end(ap);
}

void step_unknown(struct step *out, int64_t at_ms, json_t *take_stage, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    out->outcome = STEP_UNKNOWN;
    out->retry_at_ms = at_ms;
    json_decref(out->stage);
    out->stage = take_stage;
    set_reason(out, fmt, ap);
    va_end(ap);
}

int64_t backoff_ms(const struct job *job, int64_t first_ms, int64_t most_ms)
{
    assert(first_ms > 0 && most_ms > 0);
    int64_t top = first_ms;
    for (int i = 0; i < job->attempts && i < DOUBLINGS_MAX && top < most_ms; i++)
        top = top > most_ms / 2 ? most_ms : top * 2;
    if (top > most_ms)
        top = most_ms;
    return 1 + (int64_t)(job->random % (uint64_t)top);
}
