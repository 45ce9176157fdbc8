/* What is known of the rooms we are in, and whose room is whose.
 *
 * It is learnt from the history as it passes by, and kept with the session, so that a restart need not ask for it again: who is
 * in a room decides whether every word there is meant for us, and encryption whether anything may be said at all. It is
 * a hint where privacy depends on it: before something private is posted the members are read (matrix_send.c). The number of
 * rooms is bounded; of one too many nothing is known, so its history counts as read before we came and nothing runs there. */
#include "adapters/chat/matrix.h"

#include <string.h>

enum { ID_MAX = 255, ROOMS_MAX = 2000 };

static bool plain_id(const char *id, char sigil)
{
    size_t n = id ? strlen(id) : 0;
    if (n < 2 || n > ID_MAX || *id != sigil)
        return false;
    for (const char *p = id; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return false;
    return true;
}

bool matrix_is_room(const char *id)
{
    return plain_id(id, '!');
}

bool matrix_is_person(const char *id)
{
    const char *colon = plain_id(id, '@') ? strchr(id, ':') : NULL;
    return colon && colon > id + 1 && colon[1];
}

/* Ids hold dots, so they are never part of a path. */
static const json_t *among(const struct matrix_work *w, const char *list, const char *id)
{
    return json_object_get(json_object_get(matrix_kept(w), list), id);
}

static json_t *list_to_change(struct matrix_work *w, const char *list)
{
    json_t *all = json_object_get(matrix_keep(w), list);
    if (json_is_object(all))
        return all;
    all = json_object();
    json_put_new(matrix_keep(w), list, all);
    return all;
}

const json_t *matrix_room(const struct matrix_work *w, const char *room)
{
    return among(w, "rooms", room);
}

json_t *matrix_room_change(struct matrix_work *w, const char *room)
{
    json_t *rooms = list_to_change(w, "rooms"), *known = json_object_get(rooms, room);
    if (json_is_object(known))
        return known;
    if (!matrix_is_room(room) || json_object_size(rooms) >= ROOMS_MAX)
        return NULL;
    json_put_new(rooms, room, json_object());
    return json_object_get(rooms, room);
}

void matrix_room_set(struct matrix_work *w, const char *room, const char *what, int64_t value)
{
    const json_t *known = matrix_room(w, room);
    if (known && json_i64(known, what, 0) == value)
        return;
    json_t *entry = matrix_room_change(w, room);
    if (entry)
        json_put_i64(entry, what, value);
}

void matrix_room_left(struct matrix_work *w, const char *room)
{
    if (matrix_room(w, room))
        json_object_del(list_to_change(w, "rooms"), room);
}

bool matrix_room_encrypted(const struct matrix_work *w, const char *room)
{
    return json_i64(matrix_room(w, room), "enc", 0) != 0;
}

bool matrix_room_is_ours(const struct matrix_work *w, const char *room)
{
    static const char *const names[] = {"approvals", "collections", "shadow"};
    for (size_t i = 0; i < DW_ARRAY_LEN(names); i++)
        if (str_eq(json_str(w->c->rooms, names[i], NULL), room))
            return true;
    return false;
}

bool matrix_room_is_private(const struct matrix_work *w, const char *room)
{
    return json_i64(matrix_room(w, room), "n", 0) == 2 && !matrix_room_is_ours(w, room);
}

const char *matrix_direct(const struct matrix_work *w, const char *user)
{
    const char *room = json_string_value(among(w, "direct", user));
    bool usable = room && matrix_is_room(room) && !matrix_room_encrypted(w, room) && !matrix_room_is_ours(w, room);
    return usable ? room : NULL;
}

void matrix_direct_set(struct matrix_work *w, const char *user, const char *room, bool replace)
{
    const char *now = json_string_value(among(w, "direct", user));
    if (!matrix_is_person(user) || !matrix_is_room(room) || str_eq(now, room) || (now && !replace))
        return;
    json_t *all = list_to_change(w, "direct");
    if (now || json_object_size(all) < ROOMS_MAX)
        json_put(all, user, room);
}

/* "dunwell.test, partner.example"; nothing configured: our own server. */
bool matrix_server_allowed(const struct matrix_work *w, const char *user)
{
    const char *me = matrix_me(w), *own = strchr(me, ':'), *server = strchr(user, ':');
    if (!server)
        return false;
    server++;
    if (!w->c->allowed_servers)
        return own && str_eq(own + 1, server);
    for (const char *p = w->c->allowed_servers; *(p += strspn(p, ", ")); p += strcspn(p, ", "))
        if (strcspn(p, ", ") == strlen(server) && strncmp(p, server, strlen(server)) == 0)
            return true;
    return false;
}
