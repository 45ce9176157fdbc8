/* What people did on cards, read once more.
 *
 * A sync may leave out what no gap names, a gap may have been given up, and a server that was set back does not know what it had told.
 * So the answers to cards that still wait for one are listed now and then, card by card: reactions and what was written in their threads.
 * They go the same way as what a sync brings, where the event's own id says what was there before. That is remembered for two days,
 * so nothing older than one is brought again. The result names the reactions that stand, for the caller to see which votes were taken
 * back. A card that cannot be read is left out. Source: Matrix client-server API, "GET /relations".
 *
 * stage: {"phase", "at": index of the card, "from", "pages", "ids": [its reactions], "read": [{"ref", "reactions", "whole"}]} */
#include "adapters/chat/matrix.h"

#include "engine/when.h"

enum { PAGES_MOST = 5 };
#define OLDEST_MS MS_DAY

static const json_t *card(const struct matrix_work *w)
{
    return json_array_get(json_object_get(w->job->args, "cards"), (size_t)json_i64(w->stage, "at", 0));
}

static json_t *list(struct matrix_work *w, const char *name)
{
    if (!json_object_get(w->stage, name))
        json_put_new(w->stage, name, json_array());
    return json_object_get(w->stage, name);
}

static void ask(struct matrix_work *w)
{
    const char *room = json_str(card(w), "channel", ""), *message = json_str(card(w), "message", ""), *from = json_str(w->stage, "from", NULL);
    json_t *result;
    if (card(w)) {
        char *path = from ? matrix_path("v1/rooms/%/relations/%?dir=f&limit=100&from=%", room, message, from)
                          : matrix_path("v1/rooms/%/relations/%?dir=f&limit=100", room, message);
        matrix_call(w, "relations", "GET", path, matrix_token(w), NULL);
        return;
    }
    result = json_object();
    json_put_new(result, "cards", json_incref(list(w, "read")));
    step_done(w->out, result);
}

static void next_card(struct matrix_work *w)
{
    static const char *const of_one[] = {"from", "pages", "ids"};
    for (size_t i = 0; i < DW_ARRAY_LEN(of_one); i++)
        json_object_del(w->stage, of_one[i]);
    json_put_i64(w->stage, "at", json_i64(w->stage, "at", 0) + 1);
    ask(w);
}

static void take(struct matrix_work *w, const json_t *event)
{
    AUTO_STR room = str_dup(json_str(card(w), "channel", ""));
    int64_t written_ms = json_i64(event, "origin_server_ts", 0);
    if (str_eq(json_str(event, "type", NULL), "m.reaction") && !str_eq(json_str(event, "sender", NULL), matrix_me(w)))
        json_array_append_new(list(w, "ids"), json_text_safe(json_str(event, "event_id", "")));
    if (w->job->now_ms - written_ms < OLDEST_MS)
        matrix_event(w, room, event, true, true);
}

static void on_page(struct matrix_work *w, const struct matrix_answer *a)
{
    const json_t *chunk = json_object_get(a->body, "chunk");
    const char *next = json_str(a->body, "next_batch", NULL);
    int64_t pages = json_i64(w->stage, "pages", 0) + 1;
    for (size_t i = 0; i < json_array_size(chunk); i++)
        take(w, json_array_get(chunk, i));
    if (next && *next && pages < PAGES_MOST) {
        json_put(w->stage, "from", next);
        json_put_i64(w->stage, "pages", pages);
        ask(w);
        return;
    }
    json_array_append_new(list(w, "read"), json_pack("{s:s, s:O, s:b}", "ref", json_str(card(w), "ref", ""), "reactions", list(w, "ids"), "whole",
                                                     !(next && *next) && a->unread == 0 && json_is_array(chunk)));
    next_card(w);
}

void matrix_reread(struct matrix_work *w, const struct http_response *previous)
{
    if (!matrix_token(w)) {
        step_retry(w->out, w->job->now_ms + MS_SECOND, "Dunwell is not signed in to Matrix yet");
    } else if (!previous) {
        ask(w);
    } else {
        struct matrix_answer a;
        matrix_answer_read(&a, w->job, previous, 2);
        if (a.said == MATRIX_NO)
            next_card(w);
        else if (matrix_settle(w, &a))
            on_page(w, &a);
        matrix_answer_fini(&a);
    }
}
