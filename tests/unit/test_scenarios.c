/* Runs every tests/data/<driver>/<name>.test against the real driver: the format is in tests/data/README.md.
 *
 * Each step is taken twice and must say the same both times, because a driver is a pure function; and between two
 * steps the stage goes through text, as it does when the process is restarted. No secret of the configuration may
 * show up in what is stored or shown. Arguments are files to run instead of all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/scenario_failures.h"

/* ---- stepping ---- */

static void no_secret(const struct scenario *s, const char *what, const char *text)
{
    for (const struct option *o = s->driver->options; o && o->name; o++) {
        char *value;
        if (o->type != OPTION_SECRET)
            continue;
        memcpy(&value, (const char *)s->config + o->offset, sizeof value);
        if (value && *value && text && strstr(text, value))
            wrong(s, "the secret %s is in the %s", o->name, what);
    }
    if (s->token && text && strstr(text, s->token))
        wrong(s, "the access token is in the %s", what);
}

static void take_step(struct scenario *s, struct step *out)
{
    step_init(out);
    s->job.stage = s->stage;
    s->job.kept = s->kept;
    s->driver->step(s->config, &s->job, s->answered ? &s->response : NULL, out);
}

static void same_twice(struct scenario *s)
{
    struct step again;
    take_step(s, &again);
    if (again.outcome != s->step.outcome || !str_eq(again.request.url, s->step.request.url) ||
        strcmp(buf_text(&again.request.body), buf_text(&s->step.request.body)) != 0 ||
        again.retry_at_ms != s->step.retry_at_ms || again.n_inputs != s->step.n_inputs || !json_equal(again.keep ? again.keep : json_null(), s->step.keep ? s->step.keep : json_null()) ||
        !json_equal(again.stage ? again.stage : json_null(), s->step.stage ? s->step.stage : json_null()))
        wrong(s, "the same step taken twice differs: it depends on something hidden");
    step_fini(&again);
}

static void keep_stage(struct scenario *s)
{
    if (!s->step.stage)
        return;
    AUTO_STR text = json_text(s->step.stage);
    no_secret(s, "stage", text);
    json_decref(s->stage);
    s->stage = json_of(s, text);
}

/* What is kept may hold secrets; it too comes back from a text. */
static void keep_kept(struct scenario *s)
{
    if (!s->step.keep)
        return;
    AUTO_STR text = json_text(s->step.keep);
    json_decref(s->kept);
    s->kept = json_of(s, text);
}

static const char *outcome_name(enum outcome o)
{
    static const char *const names[] = {[STEP_HTTP] = "a request",
                                        [STEP_DONE] = "done",
                                        [STEP_RETRY] = "retry",
                                        [STEP_REFUSED] = "refused",
                                        [STEP_UNKNOWN] = "unknown"};
    return names[o];
}

static void advance(struct scenario *s, enum outcome want)
{
    step_fini(&s->step);
    take_step(s, &s->step);
    same_twice(s);
    if (s->step.outcome != want)
        wrong(s, "expected %s, it is %s: %s", outcome_name(want), outcome_name(s->step.outcome), s->step.reason);
    no_secret(s, "reason", s->step.reason);
    no_secret(s, "url", s->step.request.url);
    AUTO_STR result = json_text(s->step.result);
    no_secret(s, "result", result);
    keep_stage(s);
    keep_kept(s);
    s->answered = s->goes_on = false;
    s->input = 0;
}

/* ---- requests ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "b=2&a=1" -> "a=1 b=2", decoded and sorted. */
static char *canonical_query(const struct scenario *s, const char *query)
{
    struct pairs p;
    char *texts[PAIRS_MAX];
    pairs_read(s, &p, query);
    for (size_t i = 0; i < p.n; i++)
        texts[i] = str_fmt("%s=%s", p.list[i].name, p.list[i].value);
    qsort(texts, p.n, sizeof texts[0], by_text);
    AUTO_BUF all = BUF(FILE_MAX);
    for (size_t i = 0; i < p.n; i++) {
        buf_addf(&all, "%s ", texts[i]);
        free(texts[i]);
    }
    pairs_free(&p);
    return buf_take(&all);
}

static void check_url(const struct scenario *s, const char *want)
{
    const char *have = s->step.request.url ? s->step.request.url : "";
    size_t n = strcspn(want, "?"), m = strcspn(have, "?");
    if (n != m || strncmp(want, have, n) != 0)
        wrong(s, "the address is %s", have);
    AUTO_STR a = canonical_query(s, want[n] ? want + n + 1 : "");
    AUTO_STR b = canonical_query(s, have[m] ? have + m + 1 : "");
    if (strcmp(a, b) != 0)
        wrong(s, "the query is %s", b);
}

static void expect_request(struct scenario *s, const char *rest)
{
    size_t n = strcspn(rest, " ");
    advance(s, STEP_HTTP);
    if (strlen(s->step.request.method) != n || strncmp(s->step.request.method, rest, n) != 0)
        wrong(s, "the method is %s", s->step.request.method);
    check_url(s, rest + n + strspn(rest + n, " "));
}

/* The value of a header, NULL when it is not there. The caller frees. */
static char *header_value(const struct scenario *s, const char *name, size_t n)
{
    const char *p = buf_text(&s->step.request.headers);
    while (*p) {
        size_t line = strcspn(p, "\n");
        if (line > n && strncasecmp(p, name, n) == 0 && p[n] == ':') {
            const char *value = p + n + 1 + strspn(p + n + 1, " ");
            return str_ndup(value, line - (size_t)(value - p));
        }
        p += p[line] ? line + 1 : line;
    }
    return NULL;
}

static void expect_header(const struct scenario *s, const char *rest)
{
    size_t n = strcspn(rest, ":");
    if (!rest[n])
        wrong(s, "write it as \"> header Name: value\"");
    AUTO_STR have = header_value(s, rest, n);
    if (!have || !text_fits(s, rest + n + 1 + strspn(rest + n + 1, " "), have))
        wrong(s, "the header is %s", have ? have : "missing");
}

static void expect_pair(const struct scenario *s, const char *rest, bool as_json)
{
    struct pairs p;
    size_t n = strcspn(rest, "=");
    const char *want = rest[n] ? rest + n + 1 : "";
    AUTO_BUF seen = BUF(FILE_MAX);
    bool fits = false;
    pairs_read(s, &p, buf_text(&s->step.request.body));
    for (size_t i = 0; i < p.n && !fits; i++) {
        if (strlen(p.list[i].name) != n || strncmp(p.list[i].name, rest, n) != 0)
            continue;
        buf_addf(&seen, " %s", p.list[i].value);
        fits = as_json || text_fits(s, want, p.list[i].value);
        if (as_json) {
            json_auto_t *a = json_of(s, want), *b = json_of(s, p.list[i].value);
            contains(s, p.list[i].name, a, b);
        }
    }
    if (!fits)
        wrong(s, "%.*s is%s", (int)n, rest, seen.n ? buf_text(&seen) : " missing");
    pairs_free(&p);
}

static void expect_count(const struct scenario *s, const char *rest, bool none)
{
    struct pairs p;
    size_t n = 0;
    pairs_read(s, &p, buf_text(&s->step.request.body));
    for (size_t i = 0; i < p.n; i++)
        n += !none || strcmp(p.list[i].name, rest) == 0;
    pairs_free(&p);
    if (none ? n != 0 : n != strtoul(rest, NULL, 10))
        wrong(s, "there are %zu", n);
}

static void expect_body(const struct scenario *s, const char *rest)
{
    const char *body = buf_text(&s->step.request.body);
    if (is_regex(rest) ? !text_fits(s, rest, body) : !strstr(body, rest))
        wrong(s, "the body is %.1500s", body);
}

static const char *after(const char *line, const char *word)
{
    size_t n = strlen(word);
    if (strncmp(line, word, n) != 0 || (line[n] && line[n] != ' '))
        return NULL;
    return line + n + strspn(line + n, " ");
}

static void expect_of_request(struct scenario *s, const char *line)
{
    const char *rest;
    if (s->step.outcome != STEP_HTTP)
        wrong(s, "there is no request yet");
    if ((rest = after(line, "header"))) {
        expect_header(s, rest);
    } else if ((rest = after(line, "no-header"))) {
        AUTO_STR have = header_value(s, rest, strlen(rest));
        if (have)
            wrong(s, "it is there: %s", have);
    } else if ((rest = after(line, "form"))) {
        expect_pair(s, rest, false);
    } else if ((rest = after(line, "form-json"))) {
        expect_pair(s, rest, true);
    } else if ((rest = after(line, "form-count"))) {
        expect_count(s, rest, false);
    } else if ((rest = after(line, "no-form"))) {
        expect_count(s, rest, true);
    } else if ((rest = after(line, "json"))) {
        json_auto_t *want = json_of(s, rest), *have = json_of(s, buf_text(&s->step.request.body));
        contains(s, "body", want, have);
    } else if ((rest = after(line, "body"))) {
        expect_body(s, rest);
    } else if (after(line, "no-body")) {
        if (s->step.request.body.n)
            wrong(s, "the body is %.1500s", buf_text(&s->step.request.body));
    } else if (after(line, "write") || after(line, "read")) {
        if (s->step.request.write != (*line == 'w'))
            wrong(s, "it is a %s", s->step.request.write ? "write" : "read");
    } else {
        wrong(s, "unknown expectation");
    }
}

/* ---- answers ---- */

static bool is_body_line(const char *line)
{
    return !strchr("><=", line[0]) && strcmp(line, "end") != 0;
}

static void read_answer_body(struct scenario *s)
{
    while (s->at + 1 < s->n && (s->lines[s->at + 1][0] == '\0' || is_body_line(s->lines[s->at + 1]))) {
        const char *line = s->lines[++s->at];
        if (line[0] == '#')
            continue;
        if (s->response.body.n)
            buf_addc(&s->response.body, '\n');
        buf_adds(&s->response.body, line[0] == '\\' ? line + 1 : line);
    }
    while (s->response.body.n && s->response.body.p[s->response.body.n - 1] == '\n')
        s->response.body.p[--s->response.body.n] = '\0';
}

static void read_options(struct scenario *s, const char *p)
{
    while (*(p += strspn(p, " "))) {
        size_t n = strcspn(p, " ");
        AUTO_STR word = str_ndup(p, n);
        if (strncmp(word, "retry-after=", 12) == 0)
            s->response.retry_after_ms = 1000 * (int64_t)strtoll(word + 12, NULL, 10);
        else if (strcmp(word, "never-retry") == 0)
            s->response.never_retry = true;
        else if (strncmp(word, "request-id=", 11) == 0)
            str_copy(s->response.request_id, sizeof s->response.request_id, word + 11);
        else
            wrong(s, "unknown option \"%s\"", word);
        p += n;
    }
}

/* A token that was just given is a secret as well. */
static void remember_token(struct scenario *s)
{
    json_auto_t *body = json_read((struct span){.p = buf_text(&s->response.body), .n = s->response.body.n}, NULL);
    const char *token = json_str(body, "access_token", NULL);
    if (!token)
        return;
    free(s->token);
    s->token = str_dup(token);
}

static void give_answer(struct scenario *s, const char *line)
{
    if (s->step.outcome != STEP_HTTP || s->answered)
        wrong(s, "nothing was asked that could be answered");
    failures_try(s);
    http_response_fini(&s->response);
    http_response_init(&s->response);
    if (after(line, "lost")) {
        s->response.transport = TRANSPORT_LOST;
        s->response.too_large = str_eq(after(line, "lost"), "too-large");
        str_copy(s->response.problem, sizeof s->response.problem, "no answer within 10 s");
    } else if (after(line, "not-sent")) {
        s->response.transport = TRANSPORT_NOT_SENT;
        str_copy(s->response.problem, sizeof s->response.problem, "connection refused");
    } else {
        char *rest;
        s->response.status = (int)strtol(line, &rest, 10);
        if (s->response.status < 100)
            wrong(s, "not a status");
        read_options(s, rest);
        read_answer_body(s);
        remember_token(s);
    }
    s->answered = true;
    s->job.attempts++;
}

/* ---- outcomes ---- */

static void check_wait(struct scenario *s, const char *rest)
{
    int64_t wait = s->step.retry_at_ms - s->job.now_ms;
    if (wait < 0)
        wrong(s, "it wants to be called again in the past");
    if (*rest) {
        char *end;
        long long least = strtoll(rest, &end, 10),
                  most = strncmp(end, "..", 2) == 0 ? strtoll(end + 2, NULL, 10) : least;
        if (wait < least || wait > most)
            wrong(s, "it is after %lld ms: %s", (long long)wait, s->step.reason);
    }
    s->job.now_ms = s->step.retry_at_ms;
}

static void expect_result(struct scenario *s, const char *rest)
{
    if (!*rest)
        return;
    json_auto_t *want = json_of(s, rest);
    contains(s, "result", want, s->step.result ? s->step.result : json_null());
}

/* The next of what people did. */
static void expect_input(struct scenario *s, const char *rest)
{
    if (s->input >= s->step.n_inputs)
        wrong(s, "there are only %zu inputs", s->step.n_inputs);
    json_auto_t *want = json_of(s, rest), *have = input_json(&s->step.inputs[s->input++]);
    contains(s, "input", want, have);
}

static void expect_inputs(const struct scenario *s, const char *rest)
{
    if (s->step.n_inputs != strtoul(rest, NULL, 10))
        wrong(s, "there are %zu", s->step.n_inputs);
}

static void expect_outcome(struct scenario *s, const char *line)
{
    const char *rest;
    if ((rest = after(line, "done"))) {
        advance(s, STEP_DONE);
        expect_result(s, rest);
    } else if ((rest = after(line, "refused"))) {
        advance(s, STEP_REFUSED);
        if (!s->step.reason[0] || !strstr(s->step.reason, rest))
            wrong(s, "the reason is \"%s\"", s->step.reason);
    } else if ((rest = after(line, "retry"))) {
        advance(s, STEP_RETRY);
        check_wait(s, rest);
    } else if ((rest = after(line, "unknown"))) {
        advance(s, STEP_UNKNOWN);
        check_wait(s, rest);
    } else if ((rest = after(line, "result"))) {
        expect_result(s, rest);
    } else if ((rest = after(line, "stage"))) {
        json_auto_t *want = json_of(s, rest);
        contains(s, "stage", want, s->stage ? s->stage : json_null());
    } else if ((rest = after(line, "kept"))) {
        json_auto_t *want = json_of(s, rest);
        contains(s, "kept", want, s->kept ? s->kept : json_null());
    } else if (after(line, "goes-on")) {
        s->goes_on = true;
    } else if ((rest = after(line, "inputs"))) {
        expect_inputs(s, rest);
    } else if ((rest = after(line, "input"))) {
        expect_input(s, rest);
    } else {
        wrong(s, "unknown outcome");
    }
}

/* ---- files ---- */

static void read_lines(struct scenario *s)
{
    FILE *f = fopen(s->path, "r");
    assert_non_null(f);
    AUTO_STR text = mem_alloc(FILE_MAX + 1);
    size_t n = fread(text, 1, FILE_MAX, f);
    fclose(f);
    assert_true(n > 0 && n < FILE_MAX);
    for (char *p = text; *p;) {
        size_t line = strcspn(p, "\n");
        s->lines = mem_grow(s->lines, sizeof s->lines[0] * (size_t)(s->n + 1));
        s->lines[s->n++] = str_ndup(p, line);
        p += p[line] ? line + 1 : line;
    }
}

static const struct driver *driver_named(const char *name)
{
    for (const struct driver *const *d = drivers_all; *d; d++)
        if (str_eq((*d)->name, name))
            return *d;
    return NULL;
}

static void set_config(struct scenario *s, const json_t *values)
{
    struct driver_config *base = mem_alloc(s->driver->config_size);
    s->config = base;
    base->driver = s->driver;
    base->name = s->driver->name;
    json_auto_t *all = json_is_object(values) ? json_deep_copy(values) : json_object();
    for (const struct option *o = s->driver->options; o && o->name; o++) {
        json_t *v = json_object_get(all, o->name);
        const char *text = json_is_string(v) ? json_string_value(v) : o->otherwise;
        char *at = (char *)s->config + o->offset;
        json_t *list = o->type == OPTION_CHANNELS ? json_incref(v) : NULL;
        char *value = o->type == OPTION_CHANNELS ? NULL : str_dup(text);
        if (o->required && !list && !value)
            wrong(s, "config: the required option %s is missing", o->name);
        if (o->type == OPTION_CHANNELS)
            memcpy(at, &list, sizeof list);
        else
            memcpy(at, &value, sizeof value);
        json_object_del(all, o->name);
    }
    if (s->driver->open_session)
        base->session = s->driver->open_session(base);
    if (json_object_size(all))
        wrong(s, "config: the driver has no option %s", json_object_iter_key(json_object_iter(all)));
}

static void free_config(struct scenario *s)
{
    struct driver_config *base = s->config;
    if (base && base->session)
        s->driver->close_session(base->session);
    for (const struct option *o = s->driver->options; s->config && o && o->name; o++) {
        void *value;
        memcpy(&value, (char *)s->config + o->offset, sizeof value);
        if (o->type == OPTION_CHANNELS)
            json_decref(value);
        else
            free(value);
    }
    free(s->config);
}

static void read_header(struct scenario *s)
{
    json_t *config = NULL;
    s->job = (struct job){.id = 1, .now_ms = INT64_C(1793000000000), .random = 7};
    for (; s->at < s->n && !strchr("><=", s->lines[s->at][0] ? s->lines[s->at][0] : ' '); s->at++) {
        const char *line = s->lines[s->at], *colon = strchr(line, ':');
        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (!colon)
            wrong(s, "expected \"name: value\"");
        const char *v = colon + 1 + strspn(colon + 1, " ");
        AUTO_STR name = str_ndup(line, (size_t)(colon - line));
        if (str_eq(name, "driver"))
            s->driver = driver_named(v);
        else if (str_eq(name, "op"))
            s->op = str_dup(v);
        else if (str_eq(name, "key"))
            s->key = str_dup(v);
        else if (str_eq(name, "now"))
            s->job.now_ms = strtoll(v, NULL, 10);
        else if (str_eq(name, "attempts"))
            s->job.attempts = (int)strtol(v, NULL, 10);
        else if (str_eq(name, "random"))
            s->job.random = strtoull(v, NULL, 10);
        else if (str_eq(name, "config"))
            config = json_of(s, v);
        else if (str_eq(name, "args"))
            s->args = json_of(s, v);
        else if (str_eq(name, "stage"))
            s->stage = json_of(s, v);
        else if (str_eq(name, "kept"))
            s->kept = json_of(s, v);
        else
            wrong(s, "unknown name");
    }
    if (!s->driver || !s->op)
        wrong(s, "driver (a known one) and op must stand in the head");
    if (!s->args)
        s->args = json_object();
    set_config(s, config);
    json_decref(config);
    s->job.driver = s->driver->name;
    s->job.op = s->op;
    s->job.key = s->key ? s->key : "key-1";
    s->job.args = s->args;
}

static void run_line(struct scenario *s, const char *line)
{
    const char *rest = line + 1 + strspn(line + 1, " ");
    if (line[0] == '>' && rest[0] >= 'A' && rest[0] <= 'Z')
        expect_request(s, rest);
    else if (line[0] == '>')
        expect_of_request(s, rest);
    else if (line[0] == '<')
        give_answer(s, rest);
    else if (line[0] == '=')
        expect_outcome(s, rest);
    else
        wrong(s, "expected a line that starts with > < or =");
}

static void scenario_runs(void **state)
{
    struct scenario s = {.path = *state};
    bool ended = false;
    step_init(&s.step);
    http_response_init(&s.response);
    read_lines(&s);
    read_header(&s);
    for (; s.at < s.n && !ended; s.at++) {
        const char *line = s.lines[s.at];
        ended = strcmp(line, "end") == 0;
        if (!ended && line[0] != '#' && line[0] != '\0')
            run_line(&s, line);
    }
    if (!ended || s.answered || (s.step.outcome == STEP_HTTP && !s.goes_on))
        wrong(&s, "the file must say how it ends, then `end`");
    step_fini(&s.step);
    http_response_fini(&s.response);
    free_config(&s);
    json_decref(s.args);
    json_decref(s.stage);
    json_decref(s.kept);
    free(s.op);
    free(s.key);
    free(s.token);
    for (int i = 0; i < s.n; i++)
        free(s.lines[i]);
    free(s.lines);
}

int main(int argc, char **argv)
{
    glob_t found = {0};
    if (argc < 2 && glob("tests/data/*/*.test", 0, NULL, &found) != 0) {
        fprintf(stderr, "no tests/data/*/*.test here: run it from the top of the repository\n");
        return 1;
    }
    size_t n = argc < 2 ? found.gl_pathc : (size_t)argc - 1;
    struct CMUnitTest *tests = mem_alloc(n * sizeof *tests);
    for (size_t i = 0; i < n; i++) {
        char *path = argc < 2 ? found.gl_pathv[i] : argv[i + 1];
        tests[i] = (struct CMUnitTest){.name = path, .test_func = scenario_runs, .initial_state = path};
    }
    int failed = _cmocka_run_group_tests("scenarios", tests, n, NULL, NULL);
    free(tests);
    globfree(&found);
    return failed;
}
