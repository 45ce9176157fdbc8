/* Posting a message, exactly once as far as Slack lets us.
 *
 * chat.postMessage has no idempotency key, so each message carries ours in its metadata. When a call's fate is
 * unknown - a time-out, a broken connection, a 5xx, a crash of ours - the step says so and, when it is called again,
 * looks through the channel's history (or the thread's replies) for that key. A message that is found is adopted;
 * only when the whole history since the first attempt has been read, and the last attempt is old enough that no
 * request of it can still be under way, is it sent again. While we are looking, nothing that goes wrong turns unknown
 * into failed.
 *
 * A message to a person goes through conversations.open once: the id of the direct channel is what a later edit
 * needs.
 *
 * stage: {"phase": "open" | "send" | "look", "channel", "since": first attempt, "sent": last attempt, "pages"} */
#include "adapters/chat/slack.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/when.h"

#define EVENT_TYPE "dunwell_case"

enum { PAGE = 200, PAGES_MAX = 100 };
static const int64_t clock_slack_ms = 2 * MS_MINUTE; /* how far Slack's clock and ours may differ */
static const int64_t first_look_ms = 2 * MS_SECOND;
static const int64_t settled_ms = 30 * MS_SECOND; /* after this no request of ours is still on its way */

static json_t *stage_copy(const struct job *job, const char *phase)
{
    json_t *stage = json_is_object(job->stage) ? json_deep_copy(job->stage) : json_object();
    json_put(stage, "phase", phase);
    return stage;
}

static void open_direct(const struct slack_config *c, const struct job *job, struct step *out)
{
    slack_call(out, c, "conversations.open", c->bot_token);
    form_add(&out->request, "users", json_str(job->args, "channel", ""));
    out->stage = stage_copy(job, "open");
}

static void send_message(const struct slack_config *c, const struct job *job, const char *channel, struct step *out)
{
    json_t *stage = stage_copy(job, "send");
    json_put(stage, "channel", channel);
    json_put_i64(stage, "since", json_i64(stage, "since", job->now_ms));
    json_put_i64(stage, "sent", job->now_ms);
    out->stage = stage;
    const char *thread = json_str(job->args, "thread", "");
    json_auto_t *metadata =
        json_pack("{s:s,s:{s:s}}", "event_type", EVENT_TYPE, "event_payload", "idempotency_key", job->key);
    slack_call(out, c, "chat.postMessage", c->bot_token);
    struct http_request *r = &out->request;
    form_add(r, "channel", channel);
    slack_form_message(r, job->args);
    slack_form_json(r, "metadata", metadata);
    form_add(r, "unfurl_links", "false");
    form_add(r, "unfurl_media", "false");
    if (*thread)
        form_add(r, "thread_ts", thread);
}

static void look(const struct slack_config *c, const struct job *job, const char *cursor, int64_t pages,
                 struct step *out)
{
    const char *thread = json_str(job->args, "thread", "");
    int64_t since_ms = json_i64(job->stage, "since", job->now_ms) - clock_slack_ms;
    char oldest[40];
    snprintf(oldest, sizeof oldest, "%" PRId64 ".000000", since_ms / MS_SECOND);
    out->stage = stage_copy(job, "look");
    json_put_i64(out->stage, "pages", pages);
    slack_call(out, c, *thread ? "conversations.replies" : "conversations.history", c->bot_token);
    struct http_request *r = &out->request;
    r->write = false;
    form_add(r, "channel", json_str(job->stage, "channel", ""));
    if (*thread)
        form_add(r, "ts", thread);
    form_add(r, "oldest", oldest);
    form_add(r, "inclusive", "true");
    form_add(r, "include_all_metadata", "true");
    form_add_i64(r, "limit", PAGE);
    if (*cursor)
        form_add(r, "cursor", cursor);
}

static void still_unknown(const struct job *job, int64_t wait_ms, const char *why, struct step *out)
{
    step_unknown(out, job->now_ms + wait_ms, stage_copy(job, "look"), "%s", why);
}

static void posted(const char *channel, const char *message, struct step *out)
{
    json_t *result = json_object();
    json_put(result, "channel", channel);
    json_put(result, "message", message);
    step_done(out, result);
}

static void on_opened(const struct slack_config *c, const struct job *job, const struct slack_answer *a,
                      struct step *out)
{
    if (!slack_settle(a, job, out))
        return;
    const char *channel = json_str(a->body, "channel.id", NULL);
    if (channel)
        send_message(c, job, channel, out);
    else
        step_refused(out, "Slack opened no direct conversation with this person");
}

static void on_sent(const struct job *job, const struct slack_answer *a, struct step *out)
{
    if (a->said == SLACK_LOST) {
        still_unknown(job, first_look_ms, a->why, out);
        return;
    }
    if (!slack_settle(a, job, out))
        return;
    const char *channel = json_str(a->body, "channel", json_str(job->stage, "channel", NULL));
    const char *ts = json_str(a->body, "ts", NULL);
    if (ts)
        posted(channel, ts, out);
    else
        still_unknown(job, first_look_ms, "Slack accepted the message without naming it", out);
}

static const char *find_key(const json_t *body, const char *key)
{
    const json_t *messages = json_at(body, "messages");
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *m = json_array_get(messages, i);
        if (str_eq(json_str(m, "metadata.event_type", NULL), EVENT_TYPE) &&
            str_eq(json_str(m, "metadata.event_payload.idempotency_key", NULL), key))
            return json_str(m, "ts", NULL);
    }
    return NULL;
}

/* Errors after which there is no place left where the message could be seen or edited. */
static bool place_is_gone(const char *error)
{
    return str_eq(error, "channel_not_found") || str_eq(error, "thread_not_found") || str_eq(error, "is_archived");
}

static void on_looked(const struct slack_config *c, const struct job *job, const struct slack_answer *a,
                      struct step *out)
{
    if (a->said == SLACK_NO && place_is_gone(a->error)) {
        step_refused(out, "%s", a->why);
        return;
    }
    if (a->said != SLACK_OK) {
        still_unknown(job, a->wait_ms, a->why, out);
        return;
    }
    const char *channel = json_str(job->stage, "channel", ""), *ts = find_key(a->body, job->key);
    const char *cursor = json_str(a->body, "response_metadata.next_cursor", "");
    int64_t pages = json_i64(job->stage, "pages", 0) + 1, since_sent = job->now_ms - json_i64(job->stage, "sent", 0);
    bool more = *cursor || json_flag(a->body, "has_more", false);
    if (ts)
        posted(channel, ts, out);
    else if (more && *cursor && pages < PAGES_MAX)
        look(c, job, cursor, pages, out);
    else if (more)
        still_unknown(job, 10 * MS_MINUTE, "the channel's history is too long to find the message in it", out);
    else if (since_sent < settled_ms)
        still_unknown(job, settled_ms - since_sent, "the message is not in the channel yet", out);
    else
        send_message(c, job, channel, out);
}

static void on_answer(const struct slack_config *c, const struct job *job, const struct http_response *previous,
                      const char *phase, struct step *out)
{
    struct slack_answer a;
    slack_answer_read(&a, job, previous);
    if (str_eq(phase, "open"))
        on_opened(c, job, &a, out);
    else if (str_eq(phase, "send"))
        on_sent(job, &a, out);
    else
        on_looked(c, job, &a, out);
    slack_answer_fini(&a);
}

void slack_post(const struct slack_config *c, const struct job *job, const struct http_response *previous,
                struct step *out)
{
    const char *phase = json_str(job->stage, "phase", ""), *to = json_str(job->args, "channel", "");
    if (previous && *phase)
        on_answer(c, job, previous, phase, out);
    else if (str_eq(phase, "look"))
        look(c, job, "", 0, out);
    else if (str_eq(phase, "send"))
        send_message(c, job, json_str(job->stage, "channel", ""), out);
    else if (!*to)
        step_refused(out, "there is no channel to post to");
    else if (slack_is_user(to))
        open_direct(c, job, out);
    else
        send_message(c, job, to, out);
}
