/* The appservice: the homeserver brings events by HTTP instead of being polled.
 *
 * For installations that own their server: no log-in, no rate limits, and the server itself keeps what happens while we are away. It
 * sends transactions again until they are taken, sometimes under new numbers and in new bundles, so what counts is the id of each
 * event, as with the poll. History from before our joining is never sent. Nothing is told of the rooms' members, so in a private
 * room too a command begins with !dunwell, and a room's encryption is read before each message. ping makes the account if it is
 * not there yet and asks the server to try again at once what it holds back. Source: Matrix application service API. */
#include "adapters/chat/matrix.h"

#include <string.h>

#include "engine/when.h"

#define SERVICE_ID "dunwell"

const char *matrix_push_secret(const void *config)
{
    const struct matrix_config *c = config;
    return c->as_token && c->hs_token ? c->hs_token : NULL;
}

static void own_membership(struct matrix_work *w, const char *room, json_t *event, const char *id)
{
    const char *membership = json_str(event, "content.membership", "");
    if (str_eq(membership, "invite")) {
        const json_t *shown = json_at(event, "unsigned.invite_room_state");
        json_auto_t *events = json_is_array(shown) ? json_deep_copy(shown) : json_array();
        json_array_append(events, event);
        matrix_invite(w, room, events, id);
    } else if (!str_eq(membership, "join")) {
        matrix_room_left(w, room);
        if (matrix_room_is_ours(w, room))
            matrix_warn(w, room, id, "Dunwell is no longer in the Matrix room %s of its configuration: invite it there again", room);
    }
}

static void take_event(struct matrix_work *w, json_t *event)
{
    const char *room = json_str(event, "room_id", NULL), *id = json_str(event, "event_id", NULL);
    bool member = str_eq(json_str(event, "type", NULL), "m.room.member");
    if (!matrix_is_room(room) || !id)
        return;
    if (member && str_eq(json_str(event, "state_key", NULL), matrix_me(w)))
        own_membership(w, room, event, id);
    else
        matrix_event(w, room, event, true, true);
}

int matrix_push(const void *config, const json_t *kept, struct span body, int64_t now_ms, struct step *out, struct err *e)
{
    const struct job job = {.op = "push", .key = "", .kept = kept, .now_ms = now_ms};
    struct matrix_work w;
    size_t unread;
    json_auto_t *all = matrix_json_read(body, 2, &unread);
    if (!json_is_object(all))
        return err_set(e, ERR_INVALID, "what the Matrix server sent is not JSON");
    matrix_begin(&w, config, &job, out);
    const json_t *events = json_object_get(all, "events");
    for (size_t i = 0; i < json_array_size(events); i++)
        take_event(&w, json_array_get(events, i));
    if (unread) {
        AUTO_STR once = str_fmt("unread %lld", (long long)now_ms);
        matrix_warn(&w, NULL, once, "%zu messages of Matrix could not be read and were passed over", unread);
    }
    matrix_end(&w);
    return 0;
}

/* --- ping --- */

static const char *localpart(const struct matrix_config *c, int *n)
{
    const char *name = *c->user == '@' ? c->user + 1 : c->user;
    *n = (int)strcspn(name, ":");
    return name;
}

static void ask_register(struct matrix_work *w)
{
    int n;
    const char *name = localpart(w->c, &n);
    AUTO_STR user = str_ndup(name, (size_t)n);
    json_auto_t *body = json_pack("{s:s, s:s, s:b}", "type", "m.login.application_service", "username", user, "inhibit_login", 1);
    matrix_call(w, "register", "POST", matrix_path("v3/register"), w->c->as_token, body);
}

static void ask_ping(struct matrix_work *w)
{
    json_auto_t *body = json_pack("{s:s}", "transaction_id", w->job->key);
    matrix_call(w, "ping", "POST", matrix_path("v1/appservice/%/ping", SERVICE_ID), w->c->as_token, body);
}

static void on_answer(struct matrix_work *w, const struct matrix_answer *a)
{
    const char *phase = json_str(w->stage, "phase", "");
    if (a->said == MATRIX_SIGNED_OUT || (a->said == MATRIX_NO && a->status == 403))
        step_refused(w->out, "the Matrix server does not know chat.matrix.as_token: install the registration file (dunwell matrix registration) and restart it");
    else if (str_eq(phase, "register") && (a->said == MATRIX_OK || str_eq(a->code, "M_USER_IN_USE")))
        matrix_call(w, "whoami", "GET", matrix_path("v3/account/whoami"), w->c->as_token, NULL);
    else if (str_eq(phase, "whoami") && matrix_session_is_ours(w, a))
        ask_ping(w);
    else if (str_eq(phase, "ping") && (a->said == MATRIX_OK || str_eq(a->code, "M_UNRECOGNIZED"))) /* an old server tries by itself */
        step_done(w->out, json_object());
    else if (w->out->reason[0] == '\0')
        matrix_settle(w, a);
}

void matrix_ping(struct matrix_work *w, const struct http_response *previous)
{
    if (!w->c->as_token) {
        step_refused(w->out, "chat.matrix has no as_token: it is not an appservice");
    } else if (!previous) {
        ask_register(w);
    } else {
        struct matrix_answer a;
        matrix_answer_read(&a, w->job, previous, 1);
        on_answer(w, &a);
        matrix_answer_fini(&a);
    }
}

/* Texts as JSON strings, which YAML reads too. */
int matrix_registration(const void *config, const char *url, struct buf *out, struct err *e)
{
    const struct matrix_config *c = config;
    int n;
    const char *name = localpart(c, &n);
    if (!matrix_push_secret(config))
        return err_set(e, ERR_INVALID, "chat.matrix needs as_token and hs_token first: two long random texts, such as `openssl rand -hex 32` prints");
    json_auto_t *texts = json_pack("[s, s, s, s%]", url, c->as_token, c->hs_token, name, (size_t)n);
    AUTO_STR address = json_text(json_array_get(texts, 0));
    AUTO_STR as_token = json_text(json_array_get(texts, 1));
    AUTO_STR hs_token = json_text(json_array_get(texts, 2));
    AUTO_STR user = json_text(json_array_get(texts, 3));
    buf_addf(out, "id: " SERVICE_ID "\nurl: %s\nas_token: %s\nhs_token: %s\nsender_localpart: %s\nrate_limited: false\n"
                  "namespaces:\n  users: [{exclusive: false, regex: \"@%.*s:.*\"}]\n  rooms: []\n  aliases: []\n",
             address, as_token, hs_token, user, n, name);
    return 0;
}
