/* What a sync left out.
 *
 * A sync brings only the newest events of a room, and says when there were more. Then none of them is taken from it: the room's
 * history is read from where we were to where the sync was, forwards and a page at a time, each page handled and the place in
 * it stored in one transaction. So nothing is skipped, nothing is run out of order, and no page need be held while another is
 * fetched. The sync waits meanwhile. A page that is too large for us, or cannot be read, is asked for with fewer events in it; a
 * single event like that ends the gap with a warning, because there is no way to name what comes after it. */
#include "adapters/chat/matrix.h"

#include "engine/when.h"

enum { PAGE = 100, PAGES_MAX = 500, GAPS_MAX = 2000, GAP_TRIES = 4 };

static json_t *gaps(const struct matrix_work *w)
{
    return json_object_get(w->stage, "gaps");
}

void matrix_gap_add(struct matrix_work *w, const char *room, const char *from, const char *to, bool in)
{
    if (!gaps(w))
        json_put_new(w->stage, "gaps", json_array());
    if (json_array_size(gaps(w)) >= GAPS_MAX)
        return;
    json_t *gap = json_object();
    json_put(gap, "room", room);
    json_put(gap, "from", from);
    json_put(gap, "to", to);
    json_put_new(gap, "in", json_boolean(in));
    json_array_append_new(gaps(w), gap);
}

bool matrix_gap_ask(struct matrix_work *w)
{
    const json_t *gap = json_array_get(gaps(w), 0);
    int64_t limit = json_i64(w->stage, "limit", PAGE);
    if (!gap)
        return false;
    AUTO_STR many = str_fmt("%d", (int)(limit > 0 && limit < PAGE ? limit : PAGE));
    char *path = matrix_path("v3/rooms/%/messages?dir=f&from=%&to=%&limit=%&filter=%", json_str(gap, "room", ""), json_str(gap, "from", ""),
                             json_str(gap, "to", ""), many,
                             "{\"lazy_load_members\":true,\"types\":[\"m.room.member\",\"m.room.encryption\",\"m.room.tombstone\",\"m.room.message\","
                             "\"m.reaction\",\"m.room.redaction\",\"m.room.encrypted\"]}");
    matrix_call(w, "gap", "GET", path, matrix_token(w), NULL);
    return true;
}

static void gap_end(struct matrix_work *w, const char *why)
{
    const json_t *gap = json_array_get(gaps(w), 0);
    const char *room = json_str(gap, "room", "");
    if (why) {
        AUTO_STR once = str_fmt("gap %s %s", room, json_str(gap, "from", ""));
        matrix_warn(w, room, once, "some older messages of the Matrix room %s could not be read (%s): whoever got no answer there should ask again", room, why);
    }
    json_array_remove(gaps(w), 0);
    if (json_array_size(gaps(w)) == 0)
        json_object_del(w->stage, "gaps");
    json_object_del(w->stage, "limit");
    json_object_del(w->stage, "fails");
}

static void take_page(struct matrix_work *w, const struct matrix_answer *a)
{
    json_t *gap = json_array_get(gaps(w), 0);
    AUTO_STR room = str_dup(json_str(gap, "room", ""));
    const json_t *chunk = json_object_get(a->body, "chunk");
    const char *end = json_str(a->body, "end", NULL);
    bool in = json_flag(gap, "in", true), moved = end && !str_eq(end, json_str(gap, "from", ""));
    int64_t pages = json_i64(gap, "pages", 0) + 1;
    for (size_t i = 0; i < json_array_size(chunk); i++)
        in = matrix_event(w, room, json_array_get(chunk, i), in, true);
    json_put_new(gap, "in", json_boolean(in));
    json_put_i64(gap, "pages", pages);
    if (moved)
        json_put(gap, "from", end);
    json_object_del(w->stage, "limit");
    json_object_del(w->stage, "fails");
    if (!moved || str_eq(end, json_str(gap, "to", "")))
        gap_end(w, NULL);
    else if (pages >= PAGES_MAX)
        gap_end(w, "there are too many");
}

/* Smaller pages while there is something to make smaller; then the gap is given up. */
static void page_failed(struct matrix_work *w, const struct matrix_answer *a)
{
    int64_t limit = json_i64(w->stage, "limit", PAGE), fails = json_i64(w->stage, "fails", 0);
    bool unreadable = a->too_large || (a->said == MATRIX_LOST && a->status == 200);
    if (a->said == MATRIX_NO)
        gap_end(w, matrix_room(w, json_str(json_array_get(gaps(w), 0), "room", "")) ? a->why : NULL);
    else if (unreadable && limit > 1)
        json_put_i64(w->stage, "limit", limit / 2);
    else if (unreadable && fails >= GAP_TRIES)
        gap_end(w, "the server's answer is unreadable");
    else {
        matrix_poll_failed(w, a);
        return;
    }
    matrix_poll_next(w);
}

void matrix_gap_answer(struct matrix_work *w, const struct matrix_answer *a)
{
    if (a->said == MATRIX_OK) {
        AUTO_STR once = str_fmt("unread %s", json_str(json_array_get(gaps(w), 0), "from", ""));
        if (a->unread)
            matrix_warn(w, NULL, once, "%zu messages of Matrix could not be read and were passed over", a->unread);
        take_page(w, a);
        matrix_poll_next(w);
    } else if (a->said == MATRIX_SIGNED_OUT) {
        matrix_session_lost(w, a);
    } else {
        page_failed(w, a);
    }
}
