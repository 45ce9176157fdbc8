/* Posting so that a message appears once.
 *
 * Each message has one transaction id for ever, made of its job's key: however often it is sent, the server takes it once and
 * answers with the same event. So an answer that was lost is simply asked for again. That holds for a day, and only for a session
 * with a device: past it, or without one, our own message is first looked for in the room by the key that it carries.
 *
 * Nothing is posted into an encrypted room, where it would stand in the clear between people who trust in the opposite: a room
 * of which nothing is known yet is asked first. What is private to a person goes to a room that holds only the two of us (matrix_person.c).
 *
 * stage: {"phase", "room", "first": first attempt, "lost": bool, "plain": the thread was refused, "pages", "cursor"} and matrix_person.c's */
#include "adapters/chat/matrix.h"

#include <string.h>

#include "engine/when.h"

enum { LOOK_PAGES_MAX = 50 };
#define REMEMBERED_MS (20 * MS_HOUR)

char *matrix_txn(const struct job *job)
{
    return str_fmt("dw-%s", job->key);
}

/* Whoever knew of no encryption there hears of it by this. */
static void refuse_encrypted(struct matrix_work *w)
{
    const char *room = json_str(w->stage, "room", "");
    if (json_flag(w->stage, "made", false))
        json_put_i64(matrix_keep(w), "forced_ms", w->job->now_ms);
    matrix_person_done(w);
    if (!matrix_room_encrypted(w, room)) {
        AUTO_STR once = str_fmt("encrypted %s", room);
        matrix_room_set(w, room, "enc", 1);
        matrix_input(w, CHAT_ENCRYPTED, room, once)->encrypted = true;
    }
    step_refused(w->out, "this Matrix room is encrypted, and Dunwell neither reads nor writes encrypted rooms: use a room without encryption");
}

static void put_message(struct matrix_work *w)
{
    bool edit = str_eq(w->job->op, "update");
    matrix_person_done(w);
    json_auto_t *content = edit ? matrix_edit(w->job) : matrix_content(w->job);
    AUTO_STR txn = matrix_txn(w->job);
    AUTO_STR room = str_dup(json_str(w->stage, "room", ""));
    const char *thread = json_str(w->job->args, "thread", "");
    if (*thread && !edit) {
        bool plain = json_flag(w->stage, "plain", false);
        json_put_new(content, "m.relates_to", plain ? json_pack("{s:{s:s}}", "m.in_reply_to", "event_id", thread)
                                                    : json_pack("{s:s, s:s, s:b, s:{s:s}}", "rel_type", "m.thread", "event_id", thread,
                                                                "is_falling_back", 1, "m.in_reply_to", "event_id", thread));
    }
    if (!json_i64(w->stage, "first", 0))
        json_put_i64(w->stage, "first", w->job->now_ms);
    matrix_call(w, "send", "PUT", matrix_path("v3/rooms/%/send/m.room.message/%", room, txn), matrix_token(w), content);
}

void matrix_send_into(struct matrix_work *w, const char *room)
{
    json_put(w->stage, "room", room);
    room = json_str(w->stage, "room", "");
    if (matrix_room_encrypted(w, room))
        refuse_encrypted(w);
    else if (matrix_room(w, room))
        put_message(w);
    else
        matrix_call(w, "crypt", "GET", matrix_path("v3/rooms/%/state/m.room.encryption/", room), matrix_token(w), NULL);
}

static void on_crypt(struct matrix_work *w, const struct matrix_answer *a)
{
    if (a->said == MATRIX_OK)
        refuse_encrypted(w);
    else if (a->said == MATRIX_NO && str_eq(a->code, "M_NOT_FOUND"))
        put_message(w);
    else
        matrix_settle(w, a);
}

/* --- sent, and perhaps lost --- */

static void posted(struct matrix_work *w, const char *message)
{
    json_t *result = json_object();
    bool edit = str_eq(w->job->op, "update");
    json_put(result, "channel", json_str(w->stage, "room", NULL));
    json_put(result, "message", edit ? json_str(w->job->args, "message", NULL) : message);
    step_done(w->out, result);
}

static void on_sent(struct matrix_work *w, const struct matrix_answer *a)
{
    const char *message = json_str(a->body, "event_id", NULL);
    bool thread = *json_str(w->job->args, "thread", "") && !json_flag(w->stage, "plain", false);
    if (a->said == MATRIX_OK && message) {
        posted(w, message);
    } else if (a->said == MATRIX_LOST || a->said == MATRIX_OK) {
        json_put_new(w->stage, "lost", json_true());
        step_unknown(w->out, w->job->now_ms + 2 * MS_SECOND, NULL, "%s", *a->why ? a->why : "Matrix took the message without naming it");
    } else if (a->said == MATRIX_NO && a->status == 400 && thread) { /* a thread cannot begin at what is itself an answer */
        json_put_new(w->stage, "plain", json_true());
        put_message(w);
    } else {
        matrix_settle(w, a);
    }
}

static void look(struct matrix_work *w, const char *cursor)
{
    json_auto_t *filter = json_pack("{s:[s], s:[s]}", "types", "m.room.message", "senders", matrix_me(w));
    AUTO_STR text = json_text(filter);
    AUTO_STR room = str_dup(json_str(w->stage, "room", ""));
    char *path = *cursor ? matrix_path("v3/rooms/%/messages?dir=b&limit=100&filter=%&from=%", room, text, cursor)
                         : matrix_path("v3/rooms/%/messages?dir=b&limit=100&filter=%", room, text);
    matrix_call(w, "look", "GET", path, matrix_token(w), NULL);
}

static const char *find_key(const struct matrix_work *w, const json_t *chunk, int64_t *oldest_ms)
{
    for (size_t i = 0; i < json_array_size(chunk); i++) {
        const json_t *event = json_array_get(chunk, i), *content = json_object_get(event, "content");
        *oldest_ms = json_i64(event, "origin_server_ts", *oldest_ms);
        if (str_eq(json_str(event, "sender", NULL), matrix_me(w)) && str_eq(json_string_value(json_object_get(content, "io.dunwell.key")), w->job->key))
            return json_str(event, "event_id", NULL);
    }
    return NULL;
}

static void on_looked(struct matrix_work *w, const struct matrix_answer *a)
{
    int64_t first_ms = json_i64(w->stage, "first", 0), oldest_ms = w->job->now_ms, pages = json_i64(w->stage, "pages", 0) + 1;
    if (a->said != MATRIX_OK) {
        step_unknown(w->out, w->job->now_ms + a->wait_ms, NULL, "%s", a->why);
        return;
    }
    const char *message = find_key(w, json_object_get(a->body, "chunk"), &oldest_ms), *end = json_str(a->body, "end", "");
    json_put_i64(w->stage, "pages", pages);
    if (message) {
        posted(w, message);
    } else if (*end && oldest_ms > first_ms - MS_HOUR && pages < LOOK_PAGES_MAX) {
        look(w, end);
    } else if (*end && oldest_ms > first_ms - MS_HOUR) {
        json_object_del(w->stage, "pages");
        step_unknown(w->out, w->job->now_ms + 10 * MS_MINUTE, NULL, "the room's history is too long to find the message in it");
    } else {
        json_object_del(w->stage, "pages");
        json_object_del(w->stage, "lost");
        json_put_i64(w->stage, "first", w->job->now_ms);
        matrix_send_into(w, json_str(w->stage, "room", ""));
    }
}

static void again(struct matrix_work *w)
{
    bool remembered = w->job->now_ms - json_i64(w->stage, "first", 0) < REMEMBERED_MS && *json_str(matrix_kept(w), "device_id", "");
    if (json_flag(w->stage, "lost", false) && !remembered)
        look(w, "");
    else
        matrix_send_into(w, json_str(w->stage, "room", ""));
}

static void begin(struct matrix_work *w, const char *phase)
{
    bool post = str_eq(w->job->op, "post"), whisper = str_eq(w->job->op, "whisper") || str_eq(w->job->op, "open_form");
    const char *to = json_str(w->job->args, "channel", "");
    if (!matrix_token(w) || !*matrix_me(w))
        step_retry(w->out, w->job->now_ms + MS_SECOND, "Dunwell is not signed in to Matrix yet");
    else if (str_eq(phase, "send") || str_eq(phase, "look"))
        again(w);
    else if (whisper || (post && *to == '@')) {
        if (matrix_is_person(matrix_person(w)))
            matrix_to_person(w);
        else
            step_refused(w->out, whisper ? "there is nobody to answer" : "%.100s is not the id of a person in Matrix: write @name:server", to);
    } else if (matrix_is_room(to))
        matrix_send_into(w, to);
    else
        step_refused(w->out, "%.100s is not the id of a Matrix room: it begins with ! and stands in the room's settings", *to ? to : "Nothing");
}

void matrix_send(struct matrix_work *w, const struct http_response *previous)
{
    AUTO_STR phase = str_dup(json_str(w->stage, "phase", ""));
    if (!previous || !*phase) {
        begin(w, phase);
        return;
    }
    struct matrix_answer a;
    matrix_answer_read(&a, w->job, previous, 2);
    if (str_eq(phase, "crypt"))
        on_crypt(w, &a);
    else if (matrix_person_phase(phase))
        matrix_person_answer(w, &a, phase);
    else if (str_eq(phase, "look"))
        on_looked(w, &a);
    else
        on_sent(w, &a);
    matrix_answer_fini(&a);
}
