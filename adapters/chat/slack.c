/* The Slack driver: its table, and every operation but posting (slack_post.c), which alone must not be repeated
 * blindly.
 *
 * Editing a message or a form, opening a socket and asking who we are may all be repeated, so a lost answer is simply
 * tried again. A whisper may too: it is an answer to one person who waits, and seeing it twice is better than never.
 * It goes to the response_url of the click while that lives, else as an ephemeral message, else - the person is not
 * in that channel, or there is none - as a direct message. A form is tied to a click that Slack forgets after three
 * seconds, so it is tried again quickly or not at all. Source: Slack's Web API method pages. */
#include "adapters/chat/slack.h"

#include <string.h>

#include "engine/when.h"

enum { FORM_TIMEOUT_MS = 3000 };

static void call_update(const struct slack_config *c, const struct job *job, struct step *out)
{
    slack_call(out, c, "chat.update", c->bot_token);
    form_add(&out->request, "channel", json_str(job->args, "channel", ""));
    form_add(&out->request, "ts", json_str(job->args, "message", ""));
    slack_form_message(&out->request, job->args);
}

static void on_updated(const struct job *job, const struct slack_answer *a, struct step *out)
{
    if (!slack_settle(a, job, out))
        return;
    json_t *result = json_object();
    json_put(result, "channel", json_str(a->body, "channel", json_str(job->args, "channel", NULL)));
    json_put(result, "message", json_str(a->body, "ts", json_str(job->args, "message", NULL)));
    step_done(out, result);
}

static json_t *via(const char *way)
{
    json_t *stage = json_object();
    json_put(stage, "via", way);
    return stage;
}

static bool is_http(const char *url)
{
    return strncmp(url, "https://", 8) == 0 || strncmp(url, "http://", 7) == 0;
}

static void whisper_by_url(const struct job *job, const char *url, struct step *out)
{
    json_auto_t *m = slack_message(json_at(job->args, "card"), json_str(job->args, "text", ""), true);
    json_put(m, "response_type", "ephemeral");
    json_put_new(m, "replace_original", json_false());
    AUTO_STR body = json_text(m);
    out->outcome = STEP_HTTP;
    str_copy(out->request.method, sizeof out->request.method, "POST");
    out->request.url = str_dup(url);
    out->request.write = true;
    http_request_header(&out->request, "Content-Type", "application/json; charset=utf-8");
    buf_adds(&out->request.body, body);
    out->stage = via("url");
}

static void whisper_in_channel(const struct slack_config *c, const struct job *job, struct step *out)
{
    slack_call(out, c, "chat.postEphemeral", c->bot_token);
    form_add(&out->request, "channel", json_str(job->args, "channel", ""));
    form_add(&out->request, "user", json_str(job->args, "user", ""));
    slack_form_message(&out->request, job->args);
    out->stage = via("channel");
}

static void whisper_directly(const struct slack_config *c, const struct job *job, struct step *out)
{
    slack_call(out, c, "chat.postMessage", c->bot_token);
    form_add(&out->request, "channel", json_str(job->args, "user", ""));
    slack_form_message(&out->request, job->args);
    form_add(&out->request, "unfurl_links", "false");
    form_add(&out->request, "unfurl_media", "false");
    out->stage = via("direct");
}

static void whisper_without_url(const struct slack_config *c, const struct job *job, struct step *out)
{
    if (!slack_is_user(json_str(job->args, "user", "")))
        step_refused(out, "there is nobody to answer");
    else if (*json_str(job->args, "channel", ""))
        whisper_in_channel(c, job, out);
    else
        whisper_directly(c, job, out);
}

/* A response_url answers "ok" or {"ok":true}; used up or expired, it answers 404 or ok:false, and there are other
 * ways. */
static void on_url_answer(const struct slack_config *c, const struct job *job, const struct http_response *previous,
                          struct step *out)
{
    struct slack_answer a;
    slack_answer_read(&a, job, previous);
    bool spoken = previous->transport == TRANSPORT_OK && previous->status == 200;
    if (spoken && a.said != SLACK_NO && a.said != SLACK_LATER)
        step_done(out, json_object());
    else if (a.said == SLACK_NO)
        whisper_without_url(c, job, out);
    else
        slack_settle(&a, job, out);
    slack_answer_fini(&a);
}

static void on_whispered(const struct slack_config *c, const struct job *job, const struct slack_answer *a,
                         struct step *out)
{
    bool elsewhere = str_eq(a->error, "user_not_in_channel") || str_eq(a->error, "channel_not_found") ||
                     str_eq(a->error, "not_in_channel") || str_eq(a->error, "is_archived");
    if (a->said == SLACK_NO && elsewhere && str_eq(json_str(job->stage, "via", ""), "channel"))
        whisper_directly(c, job, out);
    else if (slack_settle(a, job, out))
        step_done(out, json_object());
}

static void whisper(const struct slack_config *c, const struct job *job, struct step *out)
{
    const char *stage = json_str(job->stage, "via", ""), *url = json_str(job->args, "response_url", "");
    if (str_eq(stage, "direct"))
        whisper_directly(c, job, out);
    else if (is_http(url) && !str_eq(stage, "channel"))
        whisper_by_url(job, url, out);
    else
        whisper_without_url(c, job, out);
}

static void call_view(const struct slack_config *c, const struct job *job, bool open, struct step *out)
{
    json_auto_t *view = slack_view(json_at(job->args, "form"));
    const char *hash = json_str(job->args, "hash", "");
    slack_call(out, c, open ? "views.open" : "views.update", c->bot_token);
    out->request.timeout_ms = FORM_TIMEOUT_MS;
    if (open)
        form_add(&out->request, "trigger_id", json_str(job->args, "trigger", ""));
    else
        form_add(&out->request, "view_id", json_str(job->args, "view", ""));
    slack_form_json(&out->request, "view", view);
    if (!open && *hash)
        form_add(&out->request, "hash", hash);
}

static void on_view(const struct job *job, struct slack_answer *a, struct step *out)
{
    if (a->said == SLACK_LATER || a->said == SLACK_LOST) {
        int64_t soon = backoff_ms(job, 200, MS_SECOND);
        a->wait_ms = str_eq(a->error, "ratelimited") ? a->wait_ms : soon;
    }
    bool closed = str_eq(job->op, "update_form") && a->said == SLACK_NO && str_eq(a->error, "not_found"); /* nobody looks at it any more */
    if (!closed && !slack_settle(a, job, out))
        return;
    json_t *result = json_object();
    json_put(result, "view", json_str(a->body, "view.id", json_str(job->args, "view", NULL)));
    json_put(result, "hash", json_str(a->body, "view.hash", NULL));
    step_done(out, result);
}

static void call_connect(const struct slack_config *c, struct step *out)
{
    slack_call(out, c, "apps.connections.open", c->app_token);
    out->request.write = false;
}

/* A token must not travel in the clear: ws:// is taken only from an address that is itself plain (a loopback peer).
 */
static bool socket_allowed(const struct slack_config *c, const char *url)
{
    return strncmp(url, "wss://", 6) == 0 ||
           (strncmp(url, "ws://", 5) == 0 && strncmp(c->api_url, "http://", 7) == 0);
}

static void on_connect(const struct slack_config *c, const struct job *job, struct slack_answer *a, struct step *out)
{
    bool stop = slack_denies(a) || str_eq(a->error, "missing_scope");
    if (a->said == SLACK_NO && !stop)
        a->said = SLACK_LATER;
    if (a->said != SLACK_OK && !str_eq(a->error, "ratelimited"))
        a->wait_ms = backoff_ms(job, MS_SECOND / 2, 30 * MS_SECOND);
    if (!slack_settle(a, job, out))
        return;
    const char *url = json_str(a->body, "url", "");
    if (!socket_allowed(c, url)) {
        step_refused(out, "Slack offered a socket address that is not encrypted");
        return;
    }
    json_t *result = json_object();
    json_put(result, "url", url);
    step_done(out, result);
}

/* Tokens in each other's place are the commonest mistake, and Slack's error for it is hard to read. */
static void call_check(const struct slack_config *c, struct step *out)
{
    if (strncmp(c->bot_token, "xapp-", 5) == 0 || strncmp(c->app_token, "xoxb-", 5) == 0) {
        step_refused(out,
                     "the tokens are in each other's place: app_token is the xapp- one, bot_token the xoxb- one");
        return;
    }
    slack_call(out, c, "auth.test", c->bot_token);
    out->request.write = false;
}

/* A bot that nobody invited is found out when the first card is lost, unless it looks: one message of each channel is read,
 * which needs what looking for a lost post needs, and none is shown. Takes the stage. */
static const char *const places[] = {"approvals", "collections", "shadow"};

static void check_place(const struct slack_config *c, json_t *stage, size_t place, struct step *out)
{
    while (place < DW_ARRAY_LEN(places) && !json_str(c->channels, places[place], NULL))
        place++;
    if (place == DW_ARRAY_LEN(places)) {
        step_done(out, stage);
        return;
    }
    slack_call(out, c, "conversations.history", c->bot_token);
    out->request.write = false;
    form_add(&out->request, "channel", json_str(c->channels, places[place], ""));
    form_add(&out->request, "limit", "1");
    json_put_i64(stage, "place", (int64_t)place);
    out->stage = stage;
}

static void on_place(const struct slack_config *c, const struct job *job, const struct slack_answer *a, struct step *out)
{
    size_t place = (size_t)json_i64(job->stage, "place", 0) % DW_ARRAY_LEN(places);
    if (a->said == SLACK_NO && a->error[0] && !str_eq(a->error, "unknown_method"))
        step_refused(out, "channels.%s, %.40s: %s", places[place], json_str(c->channels, places[place], ""), a->why);
    else /* what says nothing of the channel is no fault of the configuration */
        check_place(c, json_deep_copy(job->stage), place + 1, out);
}

static void on_checked(const struct slack_config *c, const struct job *job, const struct slack_answer *a, struct step *out)
{
    if (!slack_settle(a, job, out))
        return;
    AUTO_STR who = str_fmt("%s / %s", json_str(a->body, "team", "?"), json_str(a->body, "user", "?"));
    json_t *result = json_object();
    json_put(result, "who", who);
    json_put(result, "user", json_str(a->body, "user_id", NULL));
    check_place(c, result, 0, out);
}

static void call_whois(const struct slack_config *c, const struct job *job, struct step *out)
{
    slack_call(out, c, "users.info", c->bot_token);
    out->request.write = false;
    form_add(&out->request, "user", json_str(job->args, "user", ""));
}

/* An address says who somebody is only if Slack has confirmed it, for a full member of this workspace who is a person. */
static bool is_member(const json_t *user)
{
    static const char *const barred[] = {"deleted", "is_bot", "is_restricted", "is_ultra_restricted", "is_stranger"};
    for (size_t i = 0; i < DW_ARRAY_LEN(barred); i++)
        if (json_flag(user, barred[i], false))
            return false;
    return json_flag(user, "is_email_confirmed", false);
}

static void on_whois(const struct job *job, const struct slack_answer *a, struct step *out)
{
    if (!slack_settle(a, job, out))
        return;
    const json_t *user = json_at(a->body, "user");
    bool same = str_eq(json_str(user, "id", ""), json_str(job->args, "user", ""));
    json_t *result = json_object();
    json_put(result, "email", same && is_member(user) ? json_str(user, "profile.email", "") : "");
    step_done(out, result);
}

static void first_call(const struct slack_config *c, const struct job *job, struct step *out)
{
    if (str_eq(job->op, "update"))
        call_update(c, job, out);
    else if (str_eq(job->op, "whisper"))
        whisper(c, job, out);
    else if (str_eq(job->op, "open_form") || str_eq(job->op, "update_form"))
        call_view(c, job, str_eq(job->op, "open_form"), out);
    else if (str_eq(job->op, "connect"))
        call_connect(c, out);
    else if (str_eq(job->op, "check"))
        call_check(c, out);
    else if (str_eq(job->op, "whois"))
        call_whois(c, job, out);
    else
        step_refused(out, "Slack has no operation \"%s\"", job->op);
}

static void answered(const struct slack_config *c, const struct job *job, const struct http_response *previous,
                     struct step *out)
{
    if (str_eq(job->op, "whisper") && str_eq(json_str(job->stage, "via", ""), "url")) {
        on_url_answer(c, job, previous, out);
        return;
    }
    struct slack_answer a;
    slack_answer_read(&a, job, previous);
    if (str_eq(job->op, "update"))
        on_updated(job, &a, out);
    else if (str_eq(job->op, "whisper"))
        on_whispered(c, job, &a, out);
    else if (str_eq(job->op, "open_form") || str_eq(job->op, "update_form"))
        on_view(job, &a, out);
    else if (str_eq(job->op, "connect"))
        on_connect(c, job, &a, out);
    else if (str_eq(job->op, "whois"))
        on_whois(job, &a, out);
    else if (json_at(job->stage, "place"))
        on_place(c, job, &a, out);
    else
        on_checked(c, job, &a, out);
    slack_answer_fini(&a);
}

static void slack_step(const void *config, const struct job *job, const struct http_response *previous,
                       struct step *out)
{
    const struct slack_config *c = config;
    if (str_eq(job->op, "post"))
        slack_post(c, job, previous, out);
    else if (previous)
        answered(c, job, previous, out);
    else
        first_call(c, job, out);
}

static const struct option options[] = {
    {"api_url", OPTION_URL, offsetof(struct slack_config, api_url), "https://slack.com/api/", false,
     "Where Slack's Web API is; plain http only for loopback."},
    {"app_token", OPTION_SECRET, offsetof(struct slack_config, app_token), NULL, true,
     "The app-level token (xapp-...) with connections:write, which opens the socket."},
    {"bot_token", OPTION_SECRET, offsetof(struct slack_config, bot_token), NULL, true,
     "The bot token (xoxb-...) of the installed app, which posts and edits."},
    {"channels", OPTION_CHANNELS, offsetof(struct slack_config, channels), NULL, true,
     "Ids of the channels for approvals and collections; the bot must be invited to both."},
    {NULL, OPTION_TEXT, 0, NULL, false, NULL},
};

const struct driver slack_driver = {
    .name = "slack",
    .kind = DRIVER_CHAT,
    .summary = "Slack over Socket Mode: cards, buttons, forms, /dunwell, direct messages.",
    .options = options,
    .config_size = sizeof(struct slack_config),
    .step = slack_step,
    .frame = slack_frame,
    .traits = TRAIT_FORMS | TRAIT_EMAILS,
    .ack = slack_ack,
};
