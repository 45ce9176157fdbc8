/* The ground of test_scenarios.c: a scenario under way, how a mismatch is reported, and how values are compared. Only
 * that file includes this. */
#ifndef DW_TESTS_SCENARIO_VALUES_H
#define DW_TESTS_SCENARIO_VALUES_H

#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "adapters/adapter.h"

enum { PAIRS_MAX = 400, FILE_MAX = 1 << 20, STEPS_MAX = 200 };

struct scenario {
    const char *path;
    char **lines;
    int n, at; /* lines; the index of the one being worked on */
    const struct driver *driver;
    void *config;
    json_t *args, *stage, *kept;
    size_t input; /* the next one to look at */
    char *op, *key;
    char *token; /* the access token last given, if any */
    struct job job;
    struct step step;
    struct http_response response;
    bool answered, goes_on;
};

static void wrong(const struct scenario *s, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
static void wrong(const struct scenario *s, const char *fmt, ...)
{
    char text[8192];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    print_error("%s:%d: %s\n    %s\n", s->path, s->at + 1, s->at < s->n ? s->lines[s->at] : "(end of file)", text);
    if (s->step.outcome == STEP_HTTP && s->step.request.url)
        print_error("    the request was: %s %s\n    %s\n", s->step.request.method, s->step.request.url,
                    buf_text(&s->step.request.body));
    _fail(s->path, s->at + 1);
    abort();
}

/* ---- values ---- */

static bool is_regex(const char *text)
{
    size_t n = strlen(text);
    return n >= 2 && text[0] == '/' && text[n - 1] == '/';
}

static bool text_fits(const struct scenario *s, const char *want, const char *have)
{
    if (!is_regex(want))
        return strcmp(want, have) == 0;
    AUTO_STR pattern = str_ndup(want + 1, strlen(want) - 2);
    regex_t re;
    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        wrong(s, "not a regular expression: %s", pattern);
    int rc = regexec(&re, have, 0, NULL, 0);
    regfree(&re);
    return rc == 0;
}

static json_t *json_of(const struct scenario *s, const char *text)
{
    struct err e;
    json_t *v = json_read(span_of(text), &e);
    if (!v)
        wrong(s, "%s", e.text);
    return v;
}

static void contains(const struct scenario *s, const char *path, const json_t *want, const json_t *have)
{
    if (json_is_null(want) && (!have || json_is_null(have)))
        return;
    if (!have)
        wrong(s, "%s is missing", path);
    AUTO_STR seen = json_text(have);
    if (json_is_object(want) && json_is_object(have)) {
        json_auto_t *all = json_deep_copy(want);
        const char *key;
        json_t *value;
        json_object_foreach (all, key, value) {
            AUTO_STR inner = str_fmt("%s.%s", path, key);
            contains(s, inner, value, json_object_get(have, key));
        }
    } else if (json_is_array(want) && json_is_array(have)) {
        if (json_array_size(want) != json_array_size(have))
            wrong(s, "%s has %zu items, not %zu: %.1500s", path, json_array_size(have), json_array_size(want), seen);
        for (size_t i = 0; i < json_array_size(want); i++) {
            AUTO_STR inner = str_fmt("%s.%zu", path, i);
            contains(s, inner, json_array_get(want, i), json_array_get(have, i));
        }
    } else if (json_is_string(want) && json_is_string(have)) {
        if (!text_fits(s, json_string_value(want), json_string_value(have)))
            wrong(s, "%s is %.1500s", path, seen);
    } else if (!json_equal(want, have)) {
        wrong(s, "%s is %.1500s", path, seen);
    }
}

/* What a person did, with the fields that are set. */
static json_t *input_json(const struct chat_input *in)
{
    static const char *const kinds[] = {[CHAT_IGNORE] = "ignore",     [CHAT_HELLO] = "hello",         [CHAT_DISCONNECT] = "disconnect",
                                        [CHAT_COMMAND] = "command",   [CHAT_ACTION] = "action",       [CHAT_FORM_CHANGE] = "change",
                                        [CHAT_FORM_SUBMIT] = "submit", [CHAT_REACTION] = "reaction",  [CHAT_UNREACT] = "unreact",
                                        [CHAT_INVITE] = "invite",     [CHAT_ENCRYPTED] = "encrypted", [CHAT_WARNING] = "warning"};
    const struct {
        const char *name, *value;
    } texts[] = {{"platform", in->platform}, {"dedupe", in->dedupe},   {"user", in->user},     {"channel", in->channel},
                 {"text", in->text},         {"message", in->message}, {"thread", in->thread}};
    json_t *o = json_object();
    json_put(o, "kind", kinds[in->kind]);
    for (size_t i = 0; i < DW_ARRAY_LEN(texts); i++)
        if (texts[i].value)
            json_put(o, texts[i].name, texts[i].value);
    json_put_new(o, "late", json_boolean(in->late));
    json_put_new(o, "file", json_boolean(in->file));
    json_put_new(o, "encrypted", json_boolean(in->encrypted));
    return o;
}

struct pairs {
    size_t n;
    struct {
        char *name, *value;
    } list[PAIRS_MAX];
};

static void decode(char *text)
{
    char *to = text;
    for (const char *p = text; *p; p++) {
        unsigned int byte;
        if (*p == '+') {
            *to++ = ' ';
        } else if (*p == '%' && sscanf(p + 1, "%2x", &byte) == 1) {
            *to++ = (char)byte;
            p += 2;
        } else {
            *to++ = *p;
        }
    }
    *to = '\0';
}

static void pairs_read(const struct scenario *s, struct pairs *out, const char *text)
{
    out->n = 0;
    while (*text) {
        size_t n = strcspn(text, "&"), eq = strcspn(text, "=");
        if (out->n == PAIRS_MAX)
            wrong(s, "more than %d pairs", PAIRS_MAX);
        out->list[out->n].name = str_ndup(text, eq < n ? eq : n);
        out->list[out->n].value = eq < n ? str_ndup(text + eq + 1, n - eq - 1) : str_dup("");
        decode(out->list[out->n].name);
        decode(out->list[out->n].value);
        out->n++;
        text += text[n] ? n + 1 : n;
    }
}

static void pairs_free(struct pairs *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->list[i].name);
        free(p->list[i].value);
    }
    p->n = 0;
}

#endif
