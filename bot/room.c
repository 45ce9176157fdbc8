/* What a billing system lets us ask of it. Two kinds of limits, and both are said in headers (transfer.c).
 *
 * Of calls in a stretch of time: "too many" (429), or "nothing is left". Then it is left alone until the moment that it names, a minute
 * at most: after that one call finds out.
 *
 * Of calls at the same time (Zuora: 40 a tenant, whoever makes them). Each answer says how many more would be taken, so no more are
 * begun than that; where none would, the next begins when one of ours has ended. Others may need the same room, and what is said is a
 * second old. So whoever has heard nothing for a second tries one call more, and a system that says nothing any more is soon asked as
 * much as any other: there is no dead stop, and no rush into what is full. */
#include "bot/room.h"

#include "engine/when.h"

#define PAUSE_MOST_MS 60000
#define WORD_LASTS_MS MS_SECOND

void room_init(struct room *r)
{
    *r = (struct room){.most = ROOM_MOST};
}

static size_t smaller(size_t a, int64_t b)
{
    return b >= 0 && (uint64_t)b < a ? (size_t)b : a;
}

void room_hear(struct room *r, const struct room_word *w, size_t calls, int64_t now_ms)
{
    int64_t until = now_ms + (w->pause_ms < PAUSE_MOST_MS ? w->pause_ms : PAUSE_MOST_MS);
    if (w->pause_ms > 0 && until > r->paused_ms)
        r->paused_ms = until;
    if (w->limit < 0 && w->remaining < 0)
        return;
    r->most = w->remaining < 0 ? ROOM_MOST : calls + smaller(ROOM_MOST, w->remaining);
    r->most = smaller(smaller(r->most, w->limit), ROOM_MOST);
    r->said_ms = now_ms;
}

bool room_is_there(struct room *r, size_t calls, int64_t now_ms)
{
    if (r->paused_ms > now_ms)
        return false;
    if (r->most < ROOM_MOST && now_ms >= r->said_ms + WORD_LASTS_MS) {
        r->most = r->most > calls ? r->most + 1 : calls + 1;
        r->said_ms = now_ms;
    }
    return calls < r->most;
}

int64_t room_look_ms(const struct room *r)
{
    int64_t more = r->most < ROOM_MOST ? r->said_ms + WORD_LASTS_MS : 0;
    return r->paused_ms > more ? r->paused_ms : more;
}
