/* One call to a homeserver and the meaning of its answer.
 *
 * Errors are JSON with an errcode, which counts; a proxy in between answers with HTML, and then only the status does. Kept apart is
 * what matters to what follows: it did not happen and may be tried again (LATER), it was refused for good (NO), nobody knows
 * (LOST), and our token is not taken any more (SIGNED_OUT), which is the poll's to mend and everybody else's to wait for. A 429
 * is no failure: it names its pause. The token travels in a header, never in an address; what a server says in words is not
 * repeated to people, only its name of the error. Source: Matrix client-server API, "Standard error response". */
#include "adapters/chat/matrix.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/when.h"

enum { PAUSE_DEFAULT_S = 5, SEND_TIMEOUT_MS = 30000 };
#define PAUSE_MOST_MS MS_HOUR
#define AWAY_MOST_MS (15 * MS_SECOND) /* people wait: who is back is found soon, and one call each few seconds is no burden */

static const struct {
    const char *code, *sentence;
} sentences[] = {
    {"M_FORBIDDEN", "the bot may not do that in this Matrix room: invite it there, or raise its power level"},
    {"M_NOT_FOUND", "Matrix does not know this room or message: check the room's id"},
    {"M_UNRECOGNIZED", "this Matrix server does not know such a call: check homeserver"},
    {"M_TOO_LARGE", "the message is too large for Matrix"},
    {"M_USER_LOCKED", "the bot's Matrix account is locked: ask the server's administrator"},
    {"M_USER_SUSPENDED", "the bot's Matrix account is suspended: ask the server's administrator"},
    {"M_USER_DEACTIVATED", "the bot's Matrix account is closed: ask the server's administrator"},
    {"M_RESOURCE_LIMIT_EXCEEDED", "the Matrix server is over its limits: ask its administrator"},
    {"M_USER_LIMIT_EXCEEDED", "the bot's Matrix account is over its limits: ask the server's administrator"},
};

void matrix_begin(struct matrix_work *w, const struct matrix_config *c, const struct job *job, struct step *out)
{
    bool ours = str_eq(json_str(job->kept, "at", NULL), c->homeserver) && str_eq(json_str(job->kept, "as", NULL), c->user);
    *w = (struct matrix_work){.c = c, .job = job, .out = out, .was = ours ? job->kept : NULL};
    w->stage = json_is_object(job->stage) ? json_deep_copy(job->stage) : json_object();
}

void matrix_end(struct matrix_work *w)
{
    json_decref(w->out->stage);
    w->out->stage = STEAL(w->stage);
    w->out->keep = STEAL(w->kept);
}

const json_t *matrix_kept(const struct matrix_work *w)
{
    return w->kept ? w->kept : w->was;
}

json_t *matrix_keep(struct matrix_work *w)
{
    if (w->kept)
        return w->kept;
    w->kept = w->was ? json_deep_copy(w->was) : json_object();
    json_put(w->kept, "at", w->c->homeserver);
    json_put(w->kept, "as", w->c->user);
    return w->kept;
}

char *matrix_path(const char *pattern, ...)
{
    va_list ap;
    AUTO_BUF out = BUF(8 << 10);
    buf_adds(&out, "_matrix/client/");
    va_start(ap, pattern);
    for (const char *p = pattern; *p; p++) {
        if (*p == '%')
            buf_add_url(&out, va_arg(ap, const char *));
        else
            buf_addc(&out, *p);
    }
    va_end(ap);
    return buf_take(&out);
}

void matrix_call(struct matrix_work *w, const char *phase, const char *method, char *take_path, const char *token, const json_t *body)
{
    AUTO_STR text = body ? json_text(body) : NULL;
    json_put(w->stage, "phase", phase);
    step_json(w->out, method, w->c->homeserver, take_path, text);
    w->out->request.timeout_ms = SEND_TIMEOUT_MS;
    if (token) {
        AUTO_STR bearer = str_fmt("Bearer %s", token);
        http_request_header(&w->out->request, "Authorization", bearer);
    }
    free(take_path);
}

/* Names are [A-Z_0-9.]; anything else is not repeated. */
static void copy_code(char *out, size_t size, const char *code)
{
    size_t n = strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789.");
    str_copy(out, size, code[n] == '\0' ? code : "");
}

static void explain(struct matrix_answer *a)
{
    for (size_t i = 0; i < DW_ARRAY_LEN(sentences); i++)
        if (str_eq(a->code, sentences[i].code)) {
            snprintf(a->why, sizeof a->why, "%s (%s)", sentences[i].sentence, a->code);
            return;
        }
    snprintf(a->why, sizeof a->why, "Matrix answered HTTP %d%s%s", a->status, *a->code ? ", " : "", a->code);
}

static void read_pause(struct matrix_answer *a, const struct http_response *previous)
{
    int64_t header = previous->retry_after_ms, body = json_i64(a->body, "retry_after_ms", -1), longest = header > body ? header : body;
    a->said = MATRIX_LATER;
    a->wait_ms = longest >= 0 ? longest : PAUSE_DEFAULT_S * MS_SECOND;
    if (a->wait_ms > PAUSE_MOST_MS)
        a->wait_ms = PAUSE_MOST_MS;
    snprintf(a->why, sizeof a->why, "Matrix asks for a pause of %lld s", (long long)((a->wait_ms + 999) / 1000));
}

static void read_refusal(struct matrix_answer *a, const struct http_response *previous)
{
    copy_code(a->code, sizeof a->code, json_str(a->body, "errcode", ""));
    if (a->status == 429 || str_eq(a->code, "M_LIMIT_EXCEEDED")) {
        read_pause(a, previous);
        return;
    }
    bool token = str_eq(a->code, "M_UNKNOWN_TOKEN") || str_eq(a->code, "M_MISSING_TOKEN");
    a->said = token ? MATRIX_SIGNED_OUT : MATRIX_NO;
    a->soft = json_flag(a->body, "soft_logout", false);
    explain(a);
}

void matrix_answer_read(struct matrix_answer *a, const struct job *job, const struct http_response *previous, int depth)
{
    *a = (struct matrix_answer){.said = MATRIX_LOST, .status = previous->status, .too_large = previous->too_large,
                                .wait_ms = backoff_ms(job, MS_SECOND, AWAY_MOST_MS)};
    if (previous->transport == TRANSPORT_NOT_SENT) {
        a->said = MATRIX_LATER;
        snprintf(a->why, sizeof a->why, "Matrix cannot be reached: %s", previous->problem);
        return;
    }
    if (previous->transport == TRANSPORT_LOST) {
        snprintf(a->why, sizeof a->why, "no answer came from Matrix: %s", previous->problem);
        return;
    }
    a->body = matrix_json_read((struct span){.p = buf_text(&previous->body), .n = previous->body.n}, depth, &a->unread);
    if (a->status >= 500 || a->status < 200 || a->status == 408) {
        snprintf(a->why, sizeof a->why, "Matrix answered HTTP %d", a->status);
    } else if (a->status >= 300) {
        read_refusal(a, previous);
    } else if (json_is_object(a->body)) {
        a->said = MATRIX_OK;
    } else {
        snprintf(a->why, sizeof a->why, "Matrix's answer cannot be read");
    }
}

void matrix_answer_fini(struct matrix_answer *a)
{
    json_decref(a->body);
    a->body = NULL;
}

bool matrix_settle(struct matrix_work *w, const struct matrix_answer *a)
{
    if (a->said == MATRIX_OK)
        return true;
    if (a->said == MATRIX_NO)
        step_refused(w->out, "%s", a->why);
    else if (a->said == MATRIX_SIGNED_OUT)
        step_retry(w->out, w->job->now_ms + 3 * MS_SECOND, "Dunwell is signing in to Matrix again");
    else
        step_retry(w->out, w->job->now_ms + a->wait_ms, "%s", a->why);
    return false;
}
