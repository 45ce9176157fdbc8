/* What is done once and may be done again: reactions of ours, taking them back, entering rooms and leaving them, and the one sentence that
 * an encrypted room gets.
 *
 * That sentence is this file's own and takes nothing from outside, so nothing about anybody's customer can stand in it: it is the only
 * thing that is ever written in the clear where people encrypt. Who declines an invitation may say why; that is a part of the room's list of
 * members, which is never encrypted, and it too holds no data. A second reaction with the same key is refused by the server, which is what we want; the first one is then found among those of
 * the message, because taking it back needs its name. */
#include "adapters/chat/matrix.h"

#include "engine/when.h"

#define ENCRYPTED "Dunwell can neither read nor write encrypted messages: it posts nothing here any more, and a reaction or an answer to what it posted here " \
                  "decides nothing. "

static void ask_explain(struct matrix_work *w, const char *room, const char *txn)
{
    const char *text = matrix_room_is_ours(w, room)
                           ? "This room is encrypted. " ENCRYPTED "Please make a room without encryption, invite Dunwell there, and ask its operator to write the "
                             "new room's id into the configuration (chat.matrix.rooms). Until then write to Dunwell alone, in a room without encryption: "
                             "\"inbox\" lists what waits for your decision."
                           : "This room is encrypted. " ENCRYPTED "Please write to Dunwell in a room without encryption: it answers you there.";
    json_auto_t *body = json_pack("{s:s, s:s, s:{}, s:s}", "msgtype", "m.notice", "body", text, "m.mentions", "io.dunwell.key", w->job->key);
    matrix_call(w, "explain", "PUT", matrix_path("v3/rooms/%/send/m.room.message/%", room, txn), matrix_token(w), body);
}

static void ask(struct matrix_work *w)
{
    const json_t *args = w->job->args;
    const char *room = json_str(args, "channel", ""), *message = json_str(args, "message", ""), *op = w->job->op, *token = matrix_token(w);
    AUTO_STR txn = matrix_txn(w->job);
    json_auto_t *body = json_object();
    if (str_eq(op, "react")) {
        json_put_new(body, "m.relates_to", json_pack("{s:s, s:s, s:s}", "rel_type", "m.annotation", "event_id", message, "key", json_str(args, "key", "")));
        matrix_call(w, "react", "PUT", matrix_path("v3/rooms/%/send/m.reaction/%", room, txn), token, body);
    } else if (str_eq(op, "unreact")) {
        matrix_call(w, "unreact", "PUT", matrix_path("v3/rooms/%/redact/%/%", room, message, txn), token, body);
    } else if (str_eq(op, "explain")) {
        ask_explain(w, room, txn);
    } else {
        bool join = str_eq(op, "join");
        if (!join && *json_str(args, "reason", ""))
            json_put(body, "reason", json_str(args, "reason", ""));
        matrix_call(w, op, "POST", matrix_path(join ? "v3/rooms/%/join" : "v3/rooms/%/leave", room), token, body);
    }
}

static void done(struct matrix_work *w, const char *message)
{
    json_t *result = json_object();
    if (message)
        json_put(result, "message", message);
    step_done(w->out, result);
}

static void ask_reactions(struct matrix_work *w)
{
    const json_t *args = w->job->args;
    matrix_call(w, "reactions", "GET",
                matrix_path("v1/rooms/%/relations/%/m.annotation/m.reaction?limit=100", json_str(args, "channel", ""), json_str(args, "message", "")),
                matrix_token(w), NULL);
}

static void on_reactions(struct matrix_work *w, const struct matrix_answer *a)
{
    const json_t *chunk = json_object_get(a->body, "chunk");
    if (!matrix_settle(w, a))
        return;
    for (size_t i = 0; i < json_array_size(chunk); i++) {
        const json_t *event = json_array_get(chunk, i), *relates = json_object_get(json_object_get(event, "content"), "m.relates_to");
        if (str_eq(json_str(event, "sender", NULL), matrix_me(w)) &&
            str_eq(json_string_value(json_object_get(relates, "key")), json_str(w->job->args, "key", ""))) {
            done(w, json_str(event, "event_id", NULL));
            return;
        }
    }
    done(w, NULL);
}

static void on_answer(struct matrix_work *w, const struct matrix_answer *a)
{
    const char *op = w->job->op;
    if (a->said == MATRIX_NO && str_eq(a->code, "M_DUPLICATE_ANNOTATION"))
        ask_reactions(w);
    else if (a->said == MATRIX_NO && str_eq(op, "unreact") && a->status == 404)
        done(w, NULL);
    else if (matrix_settle(w, a))
        done(w, str_eq(op, "react") ? json_str(a->body, "event_id", NULL) : NULL);
}

void matrix_small(struct matrix_work *w, const struct http_response *previous)
{
    const char *phase = json_str(w->stage, "phase", ""), *room = json_str(w->job->args, "channel", "");
    if (!matrix_is_room(room)) {
        step_refused(w->out, "there is no Matrix room to do that in");
    } else if (!matrix_token(w)) {
        step_retry(w->out, w->job->now_ms + MS_SECOND, "Dunwell is not signed in to Matrix yet");
    } else if (!previous) {
        ask(w);
    } else {
        struct matrix_answer a;
        bool listing = str_eq(phase, "reactions");
        matrix_answer_read(&a, w->job, previous, 2);
        if (listing)
            on_reactions(w, &a);
        else
            on_answer(w, &a);
        matrix_answer_fini(&a);
    }
}
