/* Will this configuration work? Asked by `dunwell check`, which has no session of its own and changes nothing.
 *
 * With a password it logs in as another device and out again, so that the running program's session stays as it is. Each room of
 * the configuration is read: is Dunwell in it, is it encrypted, may Dunwell write there? And what the server says of itself:
 * one that encrypts every new private room would leave no way to answer a person in private. All problems are told at once.
 *
 * stage: {"phase", "room": index of the one being read, "problems": [..], "warnings": [..]} */
#include "adapters/chat/matrix.h"

#include <stdlib.h>
#include <string.h>

#define CHECK_DEVICE "DUNWELL-CHECK"
static const char *const room_names[] = {"approvals", "collections", "shadow"};

/* The log-in of this check; never the running program's. */
static const char *own_token(const struct matrix_work *w)
{
    const char *configured = w->c->token ? w->c->token : w->c->as_token;
    return configured ? configured : json_str(matrix_kept(w), "check", NULL);
}

static void note(struct matrix_work *w, const char *list, char *take_text)
{
    if (!json_object_get(w->stage, list))
        json_put_new(w->stage, list, json_array());
    json_array_append_new(json_object_get(w->stage, list), json_text_safe(take_text));
    free(take_text);
}

static char *joined(const json_t *list)
{
    AUTO_BUF out = BUF(1000);
    for (size_t i = 0; i < json_array_size(list); i++)
        buf_addf(&out, "%s%s", i ? "; " : "", json_string_value(json_array_get(list, i)));
    return str_dup(buf_text(&out));
}

static void finish(struct matrix_work *w)
{
    AUTO_STR problems = joined(json_object_get(w->stage, "problems"));
    AUTO_STR warnings = joined(json_object_get(w->stage, "warnings"));
    if (*problems) {
        step_refused(w->out, "%s", problems);
        return;
    }
    AUTO_STR who = str_fmt("%s%s%s", matrix_me(w), *warnings ? ", but " : "", warnings);
    json_t *result = json_object();
    json_put(result, "who", who);
    json_put(result, "user", matrix_me(w));
    step_done(w->out, result);
}

/* The next room that is configured, or the end. */
static void next_room(struct matrix_work *w, int64_t i)
{
    const char *room = NULL;
    while (i < (int64_t)DW_ARRAY_LEN(room_names) && !(room = json_str(w->c->rooms, room_names[i], NULL)))
        i++;
    json_put_i64(w->stage, "room", i);
    if (!room && (w->c->token || w->c->as_token))
        finish(w);
    else if (!room)
        matrix_call(w, "logout", "POST", matrix_path("v3/logout"), own_token(w), NULL);
    else if (!matrix_is_room(room)) {
        note(w, "problems", str_fmt("rooms.%s is not the id of a Matrix room: it begins with ! and stands in the room's settings", room_names[i]));
        next_room(w, i + 1);
    } else {
        matrix_call(w, "room", "GET", matrix_path("v3/rooms/%/state", room), own_token(w), NULL);
    }
}

/* Numbers, or in old rooms texts. */
static int64_t level(const json_t *value, int64_t otherwise)
{
    if (json_is_integer(value))
        return (int64_t)json_integer_value(value);
    return json_is_string(value) ? (int64_t)strtoll(json_string_value(value), NULL, 10) : otherwise;
}

static bool may_write(const struct matrix_work *w, const json_t *levels)
{
    const json_t *needed = json_object_get(json_object_get(levels, "events"), "m.room.message");
    const json_t *own = json_object_get(json_object_get(levels, "users"), matrix_me(w));
    int64_t need = level(needed ? needed : json_object_get(levels, "events_default"), 0);
    return level(own ? own : json_object_get(levels, "users_default"), 0) >= need;
}

static void judge_room(struct matrix_work *w, const json_t *state, const char *name)
{
    const json_t *levels = NULL;
    bool encrypted = false, made_it = false;
    for (size_t i = 0; i < json_array_size(state); i++) {
        const json_t *event = json_array_get(state, i);
        const char *type = json_str(event, "type", "");
        encrypted |= str_eq(type, "m.room.encryption");
        made_it |= str_eq(type, "m.room.create") && str_eq(json_str(event, "sender", NULL), matrix_me(w));
        if (str_eq(type, "m.room.power_levels"))
            levels = json_object_get(event, "content");
    }
    if (encrypted)
        note(w, "problems", str_fmt("the room of rooms.%s is encrypted: use one without encryption", name));
    else if (!made_it && !may_write(w, levels))
        note(w, "problems", str_fmt("Dunwell may not write in the room of rooms.%s: raise its power level there", name));
}

static void on_room(struct matrix_work *w, const struct http_response *previous, const struct matrix_answer *a)
{
    int64_t i = json_i64(w->stage, "room", 0);
    const char *name = room_names[i >= 0 && i < (int64_t)DW_ARRAY_LEN(room_names) ? i : 0];
    size_t unread;
    json_auto_t *state = matrix_json_read((struct span){.p = buf_text(&previous->body), .n = previous->body.n}, 1, &unread);
    if (a->status == 200 && json_is_array(state))
        judge_room(w, state, name);
    else if (a->said == MATRIX_NO)
        note(w, "problems", str_fmt("Dunwell is not in the room of rooms.%s: invite it there, and when it runs it joins a room without encryption", name));
    else if (a->said == MATRIX_LATER && !matrix_settle(w, a))
        return;
    else
        note(w, "warnings", str_fmt("the room of rooms.%s could not be read (%s)", name, a->why));
    next_room(w, i + 1);
}

static void ask_login(struct matrix_work *w)
{
    json_auto_t *body = json_pack("{s:s, s:{s:s, s:s}, s:s, s:s}", "type", "m.login.password", "identifier", "type", "m.id.user", "user", w->c->user,
                                  "password", w->c->password, "device_id", CHECK_DEVICE);
    matrix_call(w, "login", "POST", matrix_path("v3/login"), NULL, body);
}

static void on_versions(struct matrix_work *w, const struct matrix_answer *a)
{
    const json_t *flags = json_object_get(a->body, "unstable_features");
    if (a->said != MATRIX_OK || !json_is_array(json_object_get(a->body, "versions"))) {
        if (a->said == MATRIX_OK || a->said == MATRIX_NO)
            step_refused(w->out, "there is no Matrix server at chat.matrix.homeserver");
        else
            matrix_settle(w, a);
        return;
    }
    if (json_is_true(json_object_get(flags, "io.element.e2ee_forced.private")))
        note(w, "warnings", str_dup("this server encrypts every new private room, so Dunwell cannot open one to answer a person in private"));
    if (own_token(w))
        matrix_call(w, "whoami", "GET", matrix_path("v3/account/whoami"), own_token(w), NULL);
    else if (w->c->password)
        ask_login(w);
    else
        step_refused(w->out, "chat.matrix needs a password or a token");
}

static void on_whoami(struct matrix_work *w, const struct matrix_answer *a)
{
    if (!matrix_session_is_ours(w, a))
        return;
    if (w->c->token && !*json_str(a->body, "device_id", ""))
        note(w, "warnings", str_dup("the token has no device: a message may appear twice if the server restarts at the wrong moment; a password is better"));
    if (!own_token(w))
        json_put(matrix_keep(w), "check", json_str(a->body, "access_token", ""));
    next_room(w, 0);
}

void matrix_check(struct matrix_work *w, const struct http_response *previous)
{
    AUTO_STR phase = str_dup(json_str(w->stage, "phase", ""));
    if (!previous) {
        matrix_call(w, "versions", "GET", matrix_path("versions"), NULL, NULL);
        return;
    }
    struct matrix_answer a;
    matrix_answer_read(&a, w->job, previous, 1);
    if (str_eq(phase, "versions"))
        on_versions(w, &a);
    else if (str_eq(phase, "room"))
        on_room(w, previous, &a);
    else if (str_eq(phase, "logout"))
        finish(w);
    else
        on_whoami(w, &a);
    matrix_answer_fini(&a);
}
