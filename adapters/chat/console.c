/* The console as a chat platform: for the demo, for tests, and for a first look without an account anywhere.
 *
 * The driver half is as pure as Slack's: it asks "console:///..." and reads the answer. The other half prints. What
 * was posted is remembered (a bounded number of cards) so that an update can show what changed instead of the whole
 * card, and so that a post whose answer was lost is found again by its key. A button is shown as the command that
 * does the same. */
#include "adapters/chat/console.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/when.h"

#define MAX_CARDS 2000
#define MAX_OUTPUT (512u << 10)

struct console {
    json_t *posts;    /* message -> {channel, card, ref}, oldest first */
    json_t *channels; /* borrowed from the configuration */
    int64_t forms;
};

static struct {
    void (*print)(void *ctx, struct span text);
    void *ctx;
} output;

void console_output(void (*print)(void *ctx, struct span text), void *ctx)
{
    output.print = print;
    output.ctx = ctx;
}

static bool colour_wanted(void)
{
    return isatty(STDOUT_FILENO) == 1 && !getenv("NO_COLOR");
}

static void print(const struct buf *text)
{
    if (output.print) {
        output.print(output.ctx, (struct span){buf_text(text), text->n});
        return;
    }
    fwrite(buf_text(text), 1, text->n, stdout);
    fflush(stdout);
}

/* ---- the driver ---- */

static const char *path_of(const char *op)
{
    static const char *const paths[][2] = {{"post", "post"},
                                           {"update", "update"},
                                           {"whisper", "whisper"},
                                           {"open_form", "form"},
                                           {"update_form", "form"}};
    for (size_t i = 0; i < DW_ARRAY_LEN(paths); i++)
        if (str_eq(paths[i][0], op))
            return paths[i][1];
    return NULL;
}

static void ask(const struct job *job, const char *path, struct step *out)
{
    AUTO_JSON body = json_deep_copy(job->args);
    json_put(body, "key", job->key);
    json_object_del(body, "response_url");
    AUTO_STR text = json_text(body);
    step_get(out, "console:///v1", path);
    str_copy(out->request.method, sizeof out->request.method, "POST");
    out->request.write = true;
    http_request_header(&out->request, "Content-Type", "application/json");
    buf_adds(&out->request.body, text);
}

static void look(const struct job *job, struct step *out)
{
    AUTO_BUF path = BUF(4096);
    buf_adds(&path, "posts?key=");
    buf_add_url(&path, job->key);
    step_get(out, "console:///v1", buf_text(&path));
}

static void answered(const struct job *job, const struct http_response *r, struct step *out)
{
    bool looking = json_flag(job->stage, "look", false);
    json_t *body = r->transport == TRANSPORT_OK ? json_read((struct span){r->body.p, r->body.n}, NULL) : NULL;
    if (r->transport == TRANSPORT_OK && r->status == 200 && body && (!looking || json_str(body, "message", NULL))) {
        step_done(out, body);
        return;
    }
    if (looking && body && r->status == 200)
        ask(job, "post", out);
    else if (r->transport == TRANSPORT_OK && r->status >= 400 && r->status < 500)
        step_refused(out, "the console cannot show it: %s", json_str(body, "error", "no reason given"));
    else if (r->transport == TRANSPORT_LOST && str_eq(job->op, "post"))
        step_unknown(out, job->now_ms + MS_SECOND, json_pack("{s:b}", "look", 1), "the console did not answer");
    else
        step_retry(out, job->now_ms + backoff_ms(job, MS_SECOND, MS_MINUTE), "the console did not answer");
    if (out->outcome == STEP_HTTP)
        out->stage = json_pack("{s:b}", "look", 0);
    json_decref(body);
}

static void console_step(const void *config, const struct job *job, const struct http_response *previous,
                         struct step *out)
{
    (void)config;
    const char *path = path_of(job->op);
    if (str_eq(job->op, "check"))
        step_done(out, json_pack("{s:s}", "who", "this terminal"));
    else if (!path)
        step_refused(out, "the console cannot do \"%s\"", job->op);
    else if (previous)
        answered(job, previous, out);
    else if (json_flag(job->stage, "look", false))
        look(job, out);
    else
        ask(job, path, out);
}

static int console_frame(const void *config, struct span text, struct chat_input *out, struct err *e)
{
    const struct console_config *c = config;
    AUTO_JSON line = json_read(text, e);
    if (!line)
        return ERR_INVALID;
    const char *id = json_str(line, "id", ""), *user = json_str(line, "user", ""),
               *words = json_str(line, "text", NULL);
    if (!*id || !*user || !words)
        return err_set(e, ERR_INVALID, "a console line needs id, user and text");
    out->kind = CHAT_COMMAND;
    out->platform = str_dup(c->base.name);
    out->envelope = str_dup(id);
    out->dedupe = str_dup(id);
    out->user = str_dup(user);
    out->channel = str_dup(json_str(line, "channel", user));
    out->text = str_dup(words);
    out->takes_answer = true;
    return 0;
}

static void console_ack(const void *config, const struct chat_input *in, const struct chat_answer *answer,
                        struct buf *out)
{
    (void)config;
    AUTO_JSON frame = json_object();
    json_put(frame, "id", in->envelope);
    json_put(frame, "user", in->user);
    if (answer && answer->text)
        json_put_new(frame, "text", json_text_safe(answer->text));
    if (answer && answer->card)
        json_put_new(frame, "card", json_incref(answer->card));
    AUTO_STR text = json_text(frame);
    buf_adds(out, text);
}

void console_answer_text(struct span frame, int64_t now_ms, struct buf *out)
{
    AUTO_JSON answer = json_read(frame, NULL);
    struct console_lines lines = {.list = NULL};
    if (json_str(answer, "text", NULL))
        console_lines_add(&lines, CONSOLE_PLAIN, 2, NULL, str_dup(json_str(answer, "text", "")));
    if (lines.n)
        console_box(out, NULL, &lines, now_ms, colour_wanted());
    console_lines_fini(&lines);
    if (!json_object_get(answer, "card"))
        return;
    AUTO_STR heading = str_fmt("only %s sees this", json_str(answer, "user", "?"));
    console_lines_of_card(&lines, json_object_get(answer, "card"));
    console_box(out, heading, &lines, now_ms, colour_wanted());
    console_lines_fini(&lines);
}

/* ---- the peer: prints ---- */

struct show {
    struct console *memory;
    const json_t *body;
    int64_t now_ms;
    struct buf out;
    json_t *answer; /* owned */
};

/* "#approvals" or "to ae1 (direct message)" */
static char *place_of(const struct show *s)
{
    const char *channel = json_str(s->body, "channel", "?"), *name;
    json_t *id;
    json_object_foreach (s->memory->channels, name, id)
        if (str_eq(json_string_value(id), channel))
            return str_fmt("#%s", channel);
    return str_fmt("to %s (direct message)", channel);
}

static json_t *posted(const struct show *s, const char *message)
{
    return json_object_get(s->memory->posts, message);
}

static void remember(struct show *s, const char *message, json_t *card)
{
    char ref[32];
    json_t *posts = s->memory->posts, *old = posted(s, message);
    console_card_ref(card, ref);
    if (!*ref && old)
        str_copy(ref, sizeof ref, json_str(old, "ref", ""));
    while (json_object_size(posts) >= MAX_CARDS)
        json_object_del(posts, json_object_iter_key(json_object_iter(posts)));
    json_t *post = json_pack("{s:s, s:s}", "channel", json_str(s->body, "channel", ""), "ref", ref);
    if (card)
        json_put_new(post, "card", json_incref(card));
    json_put_new(posts, message, post);
}

static void show_card(struct show *s, const char *heading, const json_t *card)
{
    struct console_lines lines = {.list = NULL};
    console_lines_of_card(&lines, card);
    console_box(&s->out, heading, &lines, s->now_ms, colour_wanted());
    console_lines_fini(&lines);
}

static void show_text(struct show *s, const char *heading, const char *text)
{
    struct console_lines lines = {.list = NULL};
    console_lines_add(&lines, CONSOLE_PLAIN, 2, NULL, str_fmt("%s: %s", heading, text));
    console_box(&s->out, NULL, &lines, s->now_ms, colour_wanted());
    console_lines_fini(&lines);
}

static void show_either(struct show *s, const char *heading)
{
    json_t *card = json_object_get(s->body, "card");
    if (json_is_object(card))
        show_card(s, heading, card);
    else
        show_text(s, heading, json_str(s->body, "text", ""));
}

static void do_post(struct show *s)
{
    const char *key = json_str(s->body, "key", ""), *thread = json_str(s->body, "thread", "");
    AUTO_STR place = place_of(s);
    AUTO_STR heading = str_fmt("%s%s%s", place, *json_str(posted(s, thread), "ref", "") ? ", on " : "",
                               json_str(posted(s, thread), "ref", ""));
    show_either(s, heading);
    remember(s, key, json_object_get(s->body, "card"));
    s->answer = json_pack("{s:s, s:s}", "channel", json_str(s->body, "channel", ""), "message", key);
}

static bool was_shown(const struct console_lines *old, const char *key)
{
    for (size_t i = 0; i < old->n; i++)
        if (str_eq(old->list[i].key, key))
            return true;
    return false;
}

static bool same_commands(const json_t *before, const json_t *card)
{
    struct console_lines old = {.list = NULL}, now = {.list = NULL};
    console_lines_of_commands(&old, before);
    console_lines_of_commands(&now, card);
    bool same = old.n == now.n && (old.n == 0 || str_eq(old.list[0].text, now.list[0].text));
    console_lines_fini(&old);
    console_lines_fini(&now);
    return same;
}

/* The lines that are new, then what can be done now if that is new too. Nothing when the card reads as before. */
static void show_change(struct show *s, const json_t *before, const json_t *card, const char *ref)
{
    struct console_lines old = {.list = NULL}, now = {.list = NULL}, news = {.list = NULL};
    console_lines_of_card(&old, before);
    console_lines_of_card(&now, card);
    for (size_t i = 0; i < now.n; i++)
        if (now.list[i].style != CONSOLE_ACTION && !was_shown(&old, now.list[i].key))
            console_lines_add(&news, now.list[i].style, now.list[i].indent, NULL, str_dup(now.list[i].text));
    if (news.n) {
        AUTO_STR place = place_of(s);
        AUTO_STR heading = str_fmt("card %s changed: (%s)", *ref ? ref : "?", place);
        AUTO_STR clean = console_clean(heading, s->now_ms);
        if (!same_commands(before, card))
            console_lines_of_commands(&news, card);
        buf_addf(&s->out, "~ %s\n", clean);
        console_box(&s->out, NULL, &news, s->now_ms, colour_wanted());
    }
    console_lines_fini(&old);
    console_lines_fini(&now);
    console_lines_fini(&news);
}

static void do_update(struct show *s)
{
    const char *message = json_str(s->body, "message", "");
    json_t *card = json_object_get(s->body, "card"), *before = json_object_get(posted(s, message), "card");
    char ref[32];
    str_copy(ref, sizeof ref, json_str(posted(s, message), "ref", ""));
    if (!*ref)
        console_card_ref(card, ref);
    AUTO_STR place = place_of(s);
    if (before)
        show_change(s, before, card, ref);
    else
        show_card(s, place, card);
    remember(s, message, card);
    s->answer = json_pack("{s:s, s:s}", "channel", json_str(s->body, "channel", ""), "message", message);
}

static void do_whisper(struct show *s)
{
    AUTO_STR heading = str_fmt("only %s sees this", json_str(s->body, "user", "?"));
    show_either(s, heading);
    s->answer = json_object();
}

static void do_form(struct show *s)
{
    const json_t *form = json_object_get(s->body, "form");
    struct console_lines lines = {.list = NULL};
    size_t i;
    json_t *one;
    console_lines_add(&lines, CONSOLE_TITLE, 2, NULL, str_dup(json_str(form, "title", "(untitled)")));
    json_array_foreach (json_object_get(form, "notes"), i, one)
        if (json_is_string(one))
            console_lines_add(&lines, CONSOLE_PLAIN, 0, NULL, str_dup(json_string_value(one)));
    json_array_foreach (json_object_get(form, "inputs"), i, one)
        console_lines_add(&lines, CONSOLE_PLAIN, 4, NULL,
                          str_fmt("%s: %s", json_str(one, "label", ""), json_str(one, "value", "")));
    console_box(&s->out, "a form", &lines, s->now_ms, colour_wanted());
    console_lines_fini(&lines);
    AUTO_STR view = str_fmt("view-%lld", (long long)++s->memory->forms);
    s->answer = json_pack("{s:s}", "view", view);
}

/* The path's query is the key, percent-encoded by buf_add_url: encoding each key we know finds it without a decoder.
 */
static void do_look(struct show *s, const char *query)
{
    const char *message;
    json_t *post;
    s->answer = json_object();
    json_object_foreach (s->memory->posts, message, post) {
        AUTO_BUF encoded = BUF(4096);
        buf_adds(&encoded, "?key=");
        buf_add_url(&encoded, message);
        if (strcmp(buf_text(&encoded), query) != 0)
            continue;
        json_put(s->answer, "channel", json_str(post, "channel", ""));
        json_put(s->answer, "message", message);
    }
}

static const struct {
    const char *path;
    void (*run)(struct show *s);
} paths[] = {{"/v1/post", do_post}, {"/v1/update", do_update}, {"/v1/whisper", do_whisper}, {"/v1/form", do_form}};

static void console_serve(void *memory, const struct http_request *request, int64_t now_ms, struct http_response *out)
{
    AUTO_JSON body =
        request->body.n ? json_read((struct span){request->body.p, request->body.n}, NULL) : json_object();
    struct show s = {.memory = memory, .body = body, .now_ms = now_ms, .out = BUF(MAX_OUTPUT)};
    const char *path = strncmp(request->url, "console://", 10) == 0 ? request->url + 10 : request->url;
    for (size_t i = 0; i < DW_ARRAY_LEN(paths) && json_is_object(body); i++)
        if (str_eq(paths[i].path, path))
            paths[i].run(&s);
    if (strncmp(path, "/v1/posts?", 10) == 0)
        do_look(&s, path + 9);
    out->transport = TRANSPORT_OK;
    out->status = s.answer ? 200 : 400;
    AUTO_STR text = s.answer ? json_text(s.answer) : str_dup("{\"error\":\"no such address, or no JSON object\"}");
    buf_adds(&out->body, text);
    if (s.out.n)
        print(&s.out);
    json_decref(s.answer);
    buf_fini(&s.out);
}

static void *console_open(const void *config)
{
    const struct console_config *c = config;
    struct console *memory = mem_alloc(sizeof *memory);
    memory->posts = json_object();
    memory->channels = c->channels;
    return memory;
}

static void console_close(void *memory)
{
    struct console *c = memory;
    if (!c)
        return;
    json_decref(c->posts);
    free(c);
}

static const struct option options[] = {
    {"channels", OPTION_CHANNELS, offsetof(struct console_config, channels), NULL, false,
     "Names shown for the approvals and collections channels."},
    {.name = NULL},
};

const struct driver console_driver = {
    .name = "console",
    .kind = DRIVER_CHAT,
    .summary = "Cards printed in the terminal, for trying Dunwell out",
    .options = options,
    .config_size = sizeof(struct console_config),
    .step = console_step,
    .frame = console_frame,
    .traits = TRAIT_FORMS,
    .ack = console_ack,
    .serve = console_serve,
    .open_memory = console_open,
    .close_memory = console_close,
};
