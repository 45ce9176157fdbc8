/* The poll: one endless conversation in which the server tells what happened.
 *
 * sync waits up to half a minute for something new after `since`. What an answer brings goes out as inputs in the very step that
 * stores the new `since` (and the gaps that are left to read), so a crash anywhere repeats an answer and loses none; the
 * events' ids tell the repetition. The very first sync only looks where we are: nobody's old words are run. Of a room that we just
 * entered only what came after our joining counts. An answer too large for us, or unreadable as a whole, is asked for again with
 * fewer events a room, and in the end without any: then each room's history is read by itself (matrix_gap.c), so that one room
 * cannot silence the others. Source: Matrix client-server API, "Syncing". */
#include "adapters/chat/matrix.h"

#include <string.h>

#include "engine/when.h"

enum { TIMELINE_LIMIT = 50, SYNC_WAIT_MS = 30000, SYNC_TIMEOUT_MS = 45000, INPUTS_MOST = 400, TRIES = 5, FAILS_MOST = 30 };

/* Nothing of any room: only where the server is now. */
static const char nothing[] = "{\"presence\":{\"not_types\":[\"*\"]},\"account_data\":{\"types\":[]},\"room\":{\"rooms\":[]}}";

void matrix_poll_failed(struct matrix_work *w, const struct matrix_answer *a)
{
    step_retry(w->out, w->job->now_ms + a->wait_ms, "%s", a->why);
}

/* A first look also when nothing is known of the rooms although it is known where we had read to. */
static bool looks_first(const struct matrix_work *w)
{
    return !json_str(w->stage, "since", NULL) || !json_object_get(matrix_kept(w), "rooms");
}

static void ask_sync(struct matrix_work *w)
{
    const char *since = json_str(w->stage, "since", NULL);
    int limit = (int)json_i64(w->stage, "limit", -1);
    bool first = looks_first(w), quick = first || limit == 0;
    AUTO_STR smaller = limit == 0 ? str_dup(nothing) : first || limit > 0 ? matrix_filter(first ? 1 : limit) : NULL;
    const char *filter = smaller ? smaller : json_str(matrix_kept(w), "filter", "");
    AUTO_STR wait = str_fmt("%d", quick ? 0 : SYNC_WAIT_MS);
    char *path = first ? matrix_path("v3/sync?timeout=%&filter=%&set_presence=offline", wait, filter)
                       : matrix_path("v3/sync?since=%&timeout=%&filter=%&set_presence=offline", since, wait, filter);
    matrix_call(w, first ? "first" : "sync", "GET", path, matrix_token(w), NULL);
    w->out->request.timeout_ms = SYNC_TIMEOUT_MS;
}

void matrix_poll_next(struct matrix_work *w)
{
    if (!matrix_session_renew(w) && !matrix_gap_ask(w))
        ask_sync(w);
}

/* --- what an answer holds --- */

static bool timeline_holds_join(const struct matrix_work *w, const json_t *events)
{
    for (size_t i = 0; i < json_array_size(events); i++)
        if (matrix_event_is_own_join(w, json_array_get(events, i)))
            return true;
    return false;
}

static bool walk(struct matrix_work *w, const char *room, const json_t *events, bool in, bool run)
{
    for (size_t i = 0; i < json_array_size(events); i++)
        in = matrix_event(w, room, json_array_get(events, i), in, run);
    return in;
}

static void count_people(struct matrix_work *w, const char *room, const json_t *data)
{
    const json_t *summary = json_object_get(data, "summary");
    const json_t *joined = json_object_get(summary, "m.joined_member_count"), *invited = json_object_get(summary, "m.invited_member_count");
    int64_t before = json_i64(matrix_room(w, room), "joined", 0), asked = json_i64(matrix_room(w, room), "invited", 0);
    int64_t n_joined = json_is_integer(joined) ? (int64_t)json_integer_value(joined) : before;
    int64_t n_invited = json_is_integer(invited) ? (int64_t)json_integer_value(invited) : asked;
    if (n_joined == before && n_invited == asked)
        return;
    matrix_room_set(w, room, "joined", n_joined);
    matrix_room_set(w, room, "invited", n_invited);
    matrix_room_set(w, room, "with_ms", 0);
    matrix_room_set(w, room, "n", n_joined + n_invited > 0 && n_joined + n_invited < 1000000 ? n_joined + n_invited : 0);
}

/* since NULL: a first look. */
static void on_joined(struct matrix_work *w, const char *room, const json_t *data, const char *since, const char *next)
{
    const json_t *timeline = json_object_get(data, "timeline"), *events = json_object_get(timeline, "events");
    bool known = matrix_room(w, room) != NULL, limited = json_flag(timeline, "limited", false);
    if (!known && !matrix_room_change(w, room))
        return;
    count_people(w, room, data);
    bool joins = !known && timeline_holds_join(w, events);
    bool later = since && ((limited && !joins) || (json_array_size(events) > 0 && w->out->n_inputs >= INPUTS_MOST));
    walk(w, room, json_at(data, "state.events"), true, false);
    if (later)
        matrix_gap_add(w, room, since, next, known);
    if (!walk(w, room, events, !joins, since && !later))
        matrix_room_left(w, room);
}

static void on_left(struct matrix_work *w, const char *room, const char *next)
{
    if (!matrix_room(w, room))
        return;
    AUTO_STR once = str_fmt("left %s %s", room, next);
    matrix_room_left(w, room);
    if (matrix_room_is_ours(w, room))
        matrix_warn(w, room, once, "Dunwell is no longer in the Matrix room %s of its configuration: invite it there again", room);
}

/* Our own list of private rooms, as any client of the account has written it: {person: [room...]}. */
static void on_direct(struct matrix_work *w, const json_t *events)
{
    for (size_t i = 0; i < json_array_size(events); i++) {
        json_t *event = json_array_get(events, i), *content = json_object_get(event, "content"), *rooms;
        const char *user;
        if (!str_eq(json_str(event, "type", NULL), "m.direct") || !json_is_object(content))
            continue;
        json_object_foreach (content, user, rooms) {
            const char *room = json_string_value(json_array_get(rooms, json_array_size(rooms) ? json_array_size(rooms) - 1 : 0));
            if (room)
                matrix_direct_set(w, user, room, false);
        }
    }
}

static void take_rooms(struct matrix_work *w, const json_t *body, const char *since, const char *next)
{
    json_t *rooms = json_object_get(body, "rooms"), *data;
    const char *room;
    json_object_foreach (json_object_get(rooms, "join"), room, data) {
        if (matrix_is_room(room))
            on_joined(w, room, data, since, next);
    }
    json_object_foreach (json_object_get(rooms, "invite"), room, data)
        matrix_invite(w, room, json_at(data, "invite_state.events"), next);
    json_object_foreach (json_object_get(rooms, "leave"), room, data)
        on_left(w, room, next);
}

/* Without any room's events in the answer, all rooms' histories are read from where we were. */
static void all_rooms_later(struct matrix_work *w, const char *since, const char *next)
{
    json_auto_t *rooms = json_incref(json_object_get(matrix_kept(w), "rooms"));
    const char *room;
    json_t *entry;
    json_object_foreach (rooms, room, entry)
        matrix_gap_add(w, room, since, next, true);
}

/* Also kept beside the session, whenever that is written: a place from before is better than none. */
static void keep_place(struct matrix_work *w)
{
    if (!w->kept && w->out->outcome != STEP_REFUSED)
        return;
    json_t *place = json_object();
    json_put(place, "since", json_str(w->stage, "since", NULL));
    if (json_object_get(w->stage, "gaps"))
        json_put_new(place, "gaps", json_deep_copy(json_object_get(w->stage, "gaps")));
    json_put_new(matrix_keep(w), "resume", place);
}

static void take_sync(struct matrix_work *w, const struct matrix_answer *a, const char *next)
{
    AUTO_STR since = str_dup(json_str(w->stage, "since", NULL));
    bool first = str_eq(json_str(w->stage, "phase", ""), "first");
    if (first && !json_object_get(matrix_kept(w), "rooms"))
        json_put_new(matrix_keep(w), "rooms", json_object());
    if (json_i64(w->stage, "limit", -1) == 0 && !first)
        all_rooms_later(w, since, next);
    else
        take_rooms(w, a->body, first ? NULL : since, next);
    on_direct(w, json_at(a->body, "account_data.events"));
    if (!first || !since)
        json_put(w->stage, "since", next);
    if (a->unread) {
        AUTO_STR once = str_fmt("unread %s", next);
        matrix_warn(w, NULL, once, "%zu messages of Matrix could not be read and were passed over", a->unread);
    }
    static const char *const over[] = {"limit", "fails", "again", "soft"};
    for (size_t i = 0; i < DW_ARRAY_LEN(over); i++)
        json_object_del(w->stage, over[i]);
}

/* --- what can go wrong --- */

/* The server does not know the place or the filter any more: it was set back, perhaps from a backup. Only its own word for that
 * counts, and only when it says so again and again; whatever else is refused may be mended by somebody, and nothing is given up. */
static void sync_refused(struct matrix_work *w, const struct matrix_answer *a)
{
    bool place = str_eq(a->code, "M_UNKNOWN_POS") || str_eq(a->code, "M_INVALID_PARAM") || str_eq(a->code, "M_UNKNOWN") || str_eq(a->code, "M_NOT_FOUND");
    if (place && json_i64(w->stage, "fails", 0) < TRIES) {
        json_object_del(matrix_keep(w), "filter");
    } else if (place && json_str(w->stage, "since", NULL)) {
        AUTO_STR once = str_fmt("place %s", json_str(w->stage, "since", ""));
        matrix_warn(w, NULL, once, "Matrix does not know any more how far Dunwell had read (%s): commands of the last minutes may be lost, whoever got no answer "
                                   "should ask again", a->why);
        json_object_del(w->stage, "since");
        json_object_del(w->stage, "gaps");
    }
    matrix_poll_failed(w, a);
}

static void sync_failed(struct matrix_work *w, const struct matrix_answer *a)
{
    int64_t limit = json_i64(w->stage, "limit", TIMELINE_LIMIT), fails = json_i64(w->stage, "fails", 0);
    bool unreadable = a->status == 200 && !a->too_large;
    if (a->said == MATRIX_SIGNED_OUT) {
        matrix_session_lost(w, a);
    } else if (a->said == MATRIX_NO) {
        sync_refused(w, a);
    } else if (limit > 0 && (a->too_large || (unreadable && fails >= TRIES))) {
        json_put_i64(w->stage, "limit", limit > 1 ? limit / 4 + (limit < 4) : 0);
        ask_sync(w);
    } else {
        matrix_poll_failed(w, a);
    }
}

static void on_answer(struct matrix_work *w, const struct matrix_answer *a)
{
    const char *phase = json_str(w->stage, "phase", ""), *next = json_str(a->body, "next_batch", NULL);
    if (str_eq(phase, "gap")) {
        matrix_gap_answer(w, a);
        return;
    }
    if (a->said == MATRIX_OK && next && *next && strlen(next) < 2000) {
        take_sync(w, a, next);
        matrix_poll_next(w);
        return;
    }
    struct matrix_answer bad = *a;
    if (bad.said == MATRIX_OK) {
        bad.said = MATRIX_LOST;
        str_copy(bad.why, sizeof bad.why, "Matrix's answer does not say how far it goes");
    }
    sync_failed(w, &bad);
}

static void resume_from(struct matrix_work *w, const json_t *place)
{
    json_put(w->stage, "since", json_str(place, "since", NULL));
    if (json_object_get(place, "gaps"))
        json_put_new(w->stage, "gaps", json_deep_copy(json_object_get(place, "gaps")));
}

/* The session stands. Whose place in which history is it that we have? */
static void begin(struct matrix_work *w)
{
    const char *me = matrix_me(w);
    const json_t *resume = json_object_get(matrix_kept(w), "resume");
    if (!str_eq(json_str(w->stage, "who", NULL), me)) {
        json_object_del(w->stage, "since");
        json_object_del(w->stage, "gaps");
        if (!json_str(w->stage, "who", NULL) && json_str(resume, "since", NULL))
            resume_from(w, resume);
    }
    json_put(w->stage, "who", me);
    matrix_poll_next(w);
}

void matrix_poll(struct matrix_work *w, const struct http_response *previous)
{
    AUTO_STR phase = str_dup(json_str(w->stage, "phase", ""));
    struct job job = *w->job; /* this job never ends: what counts for a pause is what failed in a row */
    job.attempts = (int)json_i64(w->stage, "fails", 0);
    w->job = &job;
    if (!previous) {
        matrix_session_open(w);
    } else {
        struct matrix_answer a;
        matrix_answer_read(&a, w->job, previous, str_eq(phase, "gap") ? 2 : 6);
        if (!matrix_session_phase(phase))
            on_answer(w, &a);
        else if (matrix_session_answer(w, &a))
            begin(w);
        matrix_answer_fini(&a);
    }
    keep_place(w);
    if (w->out->outcome == STEP_RETRY)
        json_put_i64(w->stage, "fails", job.attempts < FAILS_MOST ? job.attempts + 1 : FAILS_MOST);
}
