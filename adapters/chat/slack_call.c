/* One Web API call and the meaning of its answer.
 *
 * Every call is form-encoded: some methods drop a JSON body without a word, none drops a form. Slack reports failures
 * as HTTP 200 with ok:false; only 429 and 5xx use the status line. Three things are kept apart, because what follows
 * differs: it certainly did not happen and may be tried again (LATER), it was refused for good (NO, with a sentence
 * that says what to do), and nobody can know (LOST). Only the caller knows whether repeating a LOST call is harmless.
 *
 * Names of errors: Slack's method pages. "service_unavailable", "internal_error" and "fatal_error" may come after a
 * part of the work was done, so they count as LOST. */
#include "adapters/chat/slack.h"

#include <stdio.h>
#include <string.h>

#include "engine/when.h"

enum { RATE_DEFAULT_S = 30 };

/* What a person is told, by Slack's name of the error. */
static const struct {
    const char *error, *sentence;
} sentences[] = {
    {"channel_not_found",
     "Slack does not know this channel, or the bot is not in it: invite the bot there, or correct the channel's id"},
    {"not_in_channel", "the bot is not in this channel: invite it there"},
    {"is_archived", "the channel is archived"},
    {"invalid_auth", "Slack refuses the token: check it in the app's settings"},
    {"not_authed", "Slack got no token: check the configuration"},
    {"account_inactive", "the token belongs to a deleted user or workspace"},
    {"token_revoked", "the token has been revoked: install the app again"},
    {"token_expired", "the token has expired: install the app again"},
    {"not_allowed_token_type",
     "this kind of token may not do that: app_token is the xapp- one, bot_token the xoxb- one"},
    {"missing_scope",
     "the Slack app lacks a permission: compare it with templates/slack-manifest.json and install it again"},
    {"expired_trigger_id", "opening the form took longer than the 3 seconds Slack allows: please click again"},
    {"exchanged_trigger_id", "this click has already opened a form: please click again"},
    {"invalid_trigger_id", "Slack no longer knows this click: please click again"},
    {"message_not_found", "the message is gone from Slack"},
    {"cant_update_message", "Slack does not let the bot edit this message"},
    {"edit_window_closed", "Slack no longer lets this message be edited"},
    {"not_found", "the form has been closed"},
    {"hash_conflict", "the form has changed in the meantime"},
    {"user_not_found", "Slack does not know this person: correct the id in people.yaml"},
    {"users_not_found", "Slack does not know this person: correct the id in people.yaml"},
    {"user_not_visible", "the bot may not see this person"},
    {"user_disabled", "this person's Slack account is deactivated"},
    {"messages_tab_disabled", "direct messages to the app are switched off: enable its messages tab"},
};

static const char *const transient[] = {"request_timeout", "team_added_to_org", "ratelimited", "rate_limited"};
static const char *const half_done[] = {"internal_error", "fatal_error", "service_unavailable"};

static bool among(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(name, list[i]))
            return true;
    return false;
}

bool slack_is_user(const char *id)
{
    size_t n = id ? strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") : 0;
    return n > 1 && n < 40 && id[n] == '\0' && (*id == 'U' || *id == 'W');
}

void slack_call(struct step *out, const struct slack_config *c, const char *method, const char *token)
{
    AUTO_STR bearer = str_fmt("Bearer %s", token);
    step_post(out, c->api_url, method);
    http_request_header(&out->request, "Authorization", bearer);
}

void slack_form_json(struct http_request *r, const char *name, const json_t *value)
{
    AUTO_STR text = json_text(value);
    form_add(r, name, text);
}

void slack_form_message(struct http_request *r, const json_t *args)
{
    json_auto_t *m = slack_message(json_at(args, "card"), json_str(args, "text", ""), true);
    form_add(r, "text", json_str(m, "text", ""));
    slack_form_json(r, "blocks", json_at(m, "blocks"));
}

/* "invalid_blocks" alone helps nobody: Slack's first detail names the place. */
static void explain(struct slack_answer *a)
{
    for (size_t i = 0; i < DW_ARRAY_LEN(sentences); i++)
        if (str_eq(a->error, sentences[i].error)) {
            snprintf(a->why, sizeof a->why, "%s (%s)", sentences[i].sentence, a->error);
            return;
        }
    const char *detail = json_str(a->body, "response_metadata.messages.0", NULL);
    snprintf(a->why, sizeof a->why, "Slack says %s%s%.180s", *a->error ? a->error : "no, without a reason",
             detail ? ": " : "", detail ? detail : "");
}

/* Slack's names are [a-z_]; anything else is not repeated to people. */
static void copy_error(char *out, size_t size, const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789");
    str_copy(out, size, name[n] == '\0' ? name : "something unreadable");
}

static void read_body(struct slack_answer *a, const struct http_response *previous)
{
    a->body = json_read((struct span){previous->body.p, previous->body.n}, NULL);
    if (!json_is_object(a->body)) {
        a->said = SLACK_LOST;
        snprintf(a->why, sizeof a->why, "Slack's answer cannot be read");
        return;
    }
    if (json_flag(a->body, "ok", false)) {
        a->said = SLACK_OK;
        return;
    }
    copy_error(a->error, sizeof a->error, json_str(a->body, "error", ""));
    explain(a);
    a->said = SLACK_NO;
    if (among(a->error, half_done, DW_ARRAY_LEN(half_done)))
        a->said = SLACK_LOST;
    if (among(a->error, transient, DW_ARRAY_LEN(transient)))
        a->said = SLACK_LATER;
    if (strcmp(a->error, "ratelimited") == 0 || strcmp(a->error, "rate_limited") == 0)
        a->wait_ms = previous->retry_after_ms >= 0 ? previous->retry_after_ms : RATE_DEFAULT_S * MS_SECOND;
}

void slack_answer_read(struct slack_answer *a, const struct job *job, const struct http_response *previous)
{
    *a = (struct slack_answer){.said = SLACK_LOST, .wait_ms = backoff_ms(job, MS_SECOND, MS_MINUTE)};
    int status = previous->status;
    if (previous->transport == TRANSPORT_NOT_SENT) {
        a->said = SLACK_LATER;
        snprintf(a->why, sizeof a->why, "Slack cannot be reached: %s", previous->problem);
    } else if (previous->transport == TRANSPORT_LOST) {
        snprintf(a->why, sizeof a->why, "no answer came from Slack: %s", previous->problem);
    } else if (status == 429) {
        a->said = SLACK_LATER;
        a->wait_ms = previous->retry_after_ms >= 0 ? previous->retry_after_ms : RATE_DEFAULT_S * MS_SECOND;
        str_copy(a->error, sizeof a->error, "ratelimited");
        snprintf(a->why, sizeof a->why, "Slack asks for a pause of %lld s", (long long)((a->wait_ms + 999) / 1000));
    } else if (status >= 500 || status < 200) {
        snprintf(a->why, sizeof a->why, "Slack answered HTTP %d", status);
    } else if (status != 200) {
        a->said = SLACK_NO;
        snprintf(a->why, sizeof a->why, "Slack answered HTTP %d: check api_url", status);
    } else {
        read_body(a, previous);
    }
}

void slack_answer_fini(struct slack_answer *a)
{
    json_decref(a->body);
    a->body = NULL;
}

bool slack_denies(const struct slack_answer *a)
{
    static const char *const errors[] = {"not_authed",    "invalid_auth",           "account_inactive", "user_removed_from_team",
                                         "team_disabled", "not_allowed_token_type", "token_revoked",    "token_expired"};
    return a->said == SLACK_NO && among(a->error, errors, DW_ARRAY_LEN(errors));
}

bool slack_settle(const struct slack_answer *a, const struct job *job, struct step *out)
{
    switch (a->said) {
    case SLACK_OK:
        return true;
    case SLACK_NO:
        step_refused(out, "%s", a->why);
        out->denied = slack_denies(a);
        return false;
    case SLACK_LATER:
    case SLACK_LOST:
        break;
    }
    step_retry(out, job->now_ms + a->wait_ms, "%s", a->why);
    return false;
}
