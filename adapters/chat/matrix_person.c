/* The private room with a person: found, or made once.
 *
 * What is for one person's eyes goes to a room that holds only the two of us, and who is in it is read before it is said; in a row of answers
 * that is good for some seconds, unless a sync tells of somebody who comes. The server has no
 * transaction ids for making rooms, so that is done with a mark: what we are about to make is written down beside the session before
 * the request leaves, and the mark stands in the room's first event. While one job makes the room, others for the same person wait. When
 * the answer was lost, or we died meanwhile, the rooms we are in are searched for the mark before another is made; it is a number that
 * nobody else can know, so nobody can put a room of theirs in its place. A server may encrypt each room that we make: then there is no
 * private room to be had there, and we do not make one after the other; so others wait until the first has seen whether it may write there.
 *
 * stage: {"room", "asked": the room may have been made by this job, "made": it was, "look": [rooms still to be looked at]}
 * kept: {"making": {person: {"at": ms, "mark"}}, "forced_ms"} */
#include "adapters/chat/matrix.h"

#include "engine/when.h"

enum { LOOK_MOST = 100 };
#define MAKING_MS MS_MINUTE /* longer than a call may take */
#define FORCED_MS MS_DAY
#define READ_MS (10 * MS_SECOND)
#define MARK "io.dunwell.mark"

const char *matrix_person(const struct matrix_work *w)
{
    bool post = str_eq(w->job->op, "post");
    return json_str(w->job->args, post ? "channel" : "user", "");
}

/* --- making one --- */

static const json_t *making(const struct matrix_work *w)
{
    return json_object_get(json_object_get(matrix_kept(w), "making"), matrix_person(w));
}

static void making_set(struct matrix_work *w, const char *mark)
{
    json_t *kept = matrix_keep(w);
    if (!json_is_object(json_object_get(kept, "making")))
        json_put_new(kept, "making", json_object());
    json_put_new(json_object_get(kept, "making"), matrix_person(w), json_pack("{s:I, s:s}", "at", (json_int_t)w->job->now_ms, "mark", mark));
}

static void making_over(struct matrix_work *w)
{
    if (making(w))
        json_object_del(json_object_get(matrix_keep(w), "making"), matrix_person(w));
}

void matrix_person_done(struct matrix_work *w)
{
    if (json_flag(w->stage, "made", false))
        making_over(w);
}

static void create(struct matrix_work *w)
{
    AUTO_STR mark = str_fmt("%016llx", (unsigned long long)w->job->random);
    json_auto_t *body = json_pack("{s:b, s:[s], s:s, s:{s:s}}", "is_direct", 1, "invite", matrix_person(w), "preset", "private_chat", "creation_content",
                                  MARK, mark);
    making_set(w, mark);
    json_put_new(w->stage, "asked", json_true());
    json_object_del(w->stage, "look");
    matrix_call(w, "create", "POST", matrix_path("v3/createRoom"), matrix_token(w), body);
}

/* Is it there already, although nobody told us? */
static void make(struct matrix_work *w)
{
    const json_t *m = making(w);
    int64_t now_ms = w->job->now_ms, forced_ms = json_i64(matrix_kept(w), "forced_ms", 0);
    if (forced_ms && now_ms - forced_ms < FORCED_MS)
        step_refused(w->out, "this Matrix server encrypts every new private room, so Dunwell cannot open one with %.100s: ask the server's administrator to leave "
                             "that to those who make the room", matrix_person(w));
    else if (!m)
        create(w);
    else if (!json_flag(w->stage, "asked", false) && now_ms - json_i64(m, "at", 0) < MAKING_MS)
        step_retry(w->out, now_ms + MS_SECOND, "the private room with this person is being made");
    else
        matrix_call(w, "joined", "GET", matrix_path("v3/joined_rooms"), matrix_token(w), NULL);
}

static void ask_members(struct matrix_work *w, const char *room)
{
    json_put(w->stage, "room", room);
    matrix_call(w, "members", "GET", matrix_path("v3/rooms/%/members?not_membership=leave", room), matrix_token(w), NULL);
}

/* The next room that may be the one we made, or another is made. */
static void look_on(struct matrix_work *w)
{
    json_t *list = json_object_get(w->stage, "look");
    AUTO_STR room = str_dup(json_string_value(json_array_get(list, 0)));
    if (!room) {
        create(w);
        return;
    }
    json_array_remove(list, 0);
    json_put(w->stage, "room", room);
    matrix_call(w, "mark", "GET", matrix_path("v3/rooms/%/state/m.room.create/", room), matrix_token(w), NULL);
}

/* The newest stand last on no server in particular, so all are looked at, up to a number. */
static void on_joined(struct matrix_work *w, const struct matrix_answer *a)
{
    const json_t *rooms = json_object_get(a->body, "joined_rooms");
    if (!matrix_settle(w, a))
        return;
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(rooms) && json_array_size(list) < LOOK_MOST; i++) {
        const char *room = json_string_value(json_array_get(rooms, i));
        if (matrix_is_room(room) && !matrix_room_is_ours(w, room))
            json_array_append_new(list, json_string(room));
    }
    json_put_new(w->stage, "look", list);
    look_on(w);
}

static void ask_direct(struct matrix_work *w, const char *room)
{
    json_put(w->stage, "room", room);
    json_put_new(w->stage, "made", json_true());
    matrix_direct_set(w, matrix_person(w), room, true);
    matrix_call(w, "direct", "GET", matrix_path("v3/user/%/account_data/m.direct", matrix_me(w)), matrix_token(w), NULL);
}

static void on_mark(struct matrix_work *w, const struct matrix_answer *a)
{
    AUTO_STR room = str_dup(json_str(w->stage, "room", ""));
    const char *mark = json_string_value(json_object_get(a->body, MARK));
    if (a->said == MATRIX_OK && mark && str_eq(mark, json_str(making(w), "mark", NULL)))
        ask_direct(w, room);
    else if (a->said == MATRIX_OK || a->said == MATRIX_NO)
        look_on(w);
    else
        matrix_settle(w, a);
}

static void on_created(struct matrix_work *w, const struct matrix_answer *a)
{
    AUTO_STR room = str_dup(json_str(a->body, "room_id", NULL));
    if (a->said == MATRIX_LOST) {
        step_unknown(w->out, w->job->now_ms + 5 * MS_SECOND, NULL, "%s", a->why);
        return;
    }
    if (a->said == MATRIX_OK && matrix_is_room(room)) {
        ask_direct(w, room);
        return;
    }
    making_over(w);
    json_object_del(w->stage, "asked");
    if (a->said == MATRIX_NO)
        step_refused(w->out, "Dunwell cannot open a private Matrix room with %.100s: %s", matrix_person(w), a->why);
    else if (matrix_settle(w, a))
        step_refused(w->out, "Matrix made a room without naming it");
}

/* The account's own list of private rooms gets the new one; whether that works is no matter to the message. */
static void on_direct(struct matrix_work *w, const struct matrix_answer *a)
{
    AUTO_STR room = str_dup(json_str(w->stage, "room", ""));
    if (a->said != MATRIX_OK && !(a->said == MATRIX_NO && a->status == 404)) {
        matrix_send_into(w, room);
        return;
    }
    json_auto_t *all = a->said == MATRIX_OK ? json_deep_copy(a->body) : json_object();
    if (!json_is_array(json_object_get(all, matrix_person(w))))
        json_put_new(all, matrix_person(w), json_array());
    json_array_append_new(json_object_get(all, matrix_person(w)), json_string(room));
    matrix_call(w, "listed", "PUT", matrix_path("v3/user/%/account_data/m.direct", matrix_me(w)), matrix_token(w), all);
}

/* --- one that is known --- */

/* Were we alone with this very person a moment ago? */
static bool just_read(const struct matrix_work *w, const char *room)
{
    const json_t *known = matrix_room(w, room);
    int64_t age_ms = w->job->now_ms - json_i64(known, "with_ms", 0);
    return str_eq(json_string_value(json_object_get(known, "with")), matrix_person(w)) && age_ms >= 0 && age_ms < READ_MS;
}

static void note_read(struct matrix_work *w, const char *room)
{
    if (!matrix_room(w, room))
        return;
    json_t *known = matrix_room_change(w, room);
    json_put(known, "with", matrix_person(w));
    json_put_i64(known, "with_ms", w->job->now_ms);
}

void matrix_to_person(struct matrix_work *w)
{
    const char *room = matrix_direct(w, matrix_person(w));
    if (room && just_read(w, room))
        matrix_send_into(w, room);
    else if (room)
        ask_members(w, room);
    else
        make(w);
}

/* Only that person and we, joined or invited. */
static bool is_private(const struct matrix_work *w, const json_t *events)
{
    bool there = false;
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        const char *who = json_str(event, "state_key", ""), *membership = json_str(event, "content.membership", "");
        bool may_read = str_eq(membership, "join") || str_eq(membership, "invite");
        if (may_read && str_eq(who, matrix_person(w)))
            there = true;
        else if (may_read && !str_eq(who, matrix_me(w)))
            return false;
    }
    return there;
}

static void on_members(struct matrix_work *w, const struct matrix_answer *a)
{
    AUTO_STR room = str_dup(json_str(w->stage, "room", ""));
    if (a->said == MATRIX_OK && is_private(w, json_object_get(a->body, "chunk"))) {
        note_read(w, room);
        matrix_send_into(w, room);
    } else if (a->said == MATRIX_OK || a->said == MATRIX_NO) {
        make(w);
    } else {
        matrix_settle(w, a);
    }
}

bool matrix_person_phase(const char *phase)
{
    static const char *const phases[] = {"members", "create", "joined", "mark", "direct", "listed"};
    for (size_t i = 0; i < DW_ARRAY_LEN(phases); i++)
        if (str_eq(phase, phases[i]))
            return true;
    return false;
}

void matrix_person_answer(struct matrix_work *w, const struct matrix_answer *a, const char *phase)
{
    AUTO_STR room = str_dup(json_str(w->stage, "room", ""));
    if (str_eq(phase, "members"))
        on_members(w, a);
    else if (str_eq(phase, "create"))
        on_created(w, a);
    else if (str_eq(phase, "joined"))
        on_joined(w, a);
    else if (str_eq(phase, "mark"))
        on_mark(w, a);
    else if (str_eq(phase, "direct"))
        on_direct(w, a);
    else
        matrix_send_into(w, room);
}
