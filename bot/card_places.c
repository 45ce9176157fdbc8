/* Where a card belongs.
 *
 * A request goes to the approvals channel of every platform: whoever may decide sees it where they are, and the other cards
 * follow. A case is one person's work, so its card goes to one place: to its owner on the first platform (in the order of the
 * configuration) where people.yaml knows them, else to the collections channel of the first. In shadow mode nobody is
 * addressed: everything goes to a channel of its own.
 *
 * A platform that has not taken a card for some minutes, or whose room became encrypted, is passed over: the card of a case goes
 * to the next one and says why it is there. It stays there until it belongs to somebody else, or it would jump to and fro. */
#include <ctype.h>
#include <stdio.h>

#include "bot/card_sync.h"

static const char *first_set(const char *a, const char *b)
{
    return a && a[0] ? a : b;
}

static struct place nobody_there(const struct chat_site *site, const char *channel)
{
    return (struct place){.site = channel && channel[0] ? site : NULL, .channel = channel, .mention = ""};
}

const char *site_title(const struct chat_site *site, char out[PLATFORM_SIZE])
{
    str_copy(out, PLATFORM_SIZE, site->name);
    out[0] = (char)toupper((unsigned char)out[0]);
    return out;
}

/* A room that became encrypted gets no card any more. */
static bool is_closed(struct engine *e, const struct place *p)
{
    return store_i64(e->store, 0, "SELECT 1 FROM closed_rooms WHERE platform = ?1 AND channel = ?2", "tt", p->site->name, p->channel) == 1;
}

static struct place owner_or_collections(const struct chat_site *site, const struct person *owner)
{
    const char *id = owner ? person_chat_id(owner, site->name) : NULL;
    if (id)
        return (struct place){.site = site, .channel = id, .mention = id};
    return nobody_there(site, site->collections);
}

/* Has this case's card waited there for too long? Then `since` says since when. */
static bool is_stuck(struct engine *e, const struct recovery *r, const struct place *p, int64_t *since_ms)
{
    char ref[REF_SIZE];
    struct message m;
    snprintf(ref, sizeof ref, "N-%lld", (long long)r->id);
    bool stuck = message_load(e, ref, p->site->name, &m) && str_eq(m.channel, p->channel) && message_stuck(e, &m);
    *since_ms = m.since_ms;
    message_fini(&m);
    return stuck;
}

/* Where it belongs, or the next platform that takes it. */
static struct place within_reach(struct engine *e, const struct recovery *r, const struct person *owner, struct place wanted)
{
    int64_t since_ms = 0;
    bool closed = wanted.site && is_closed(e, &wanted);
    if (!wanted.site || e->n_chats < 2 || (!closed && !is_stuck(e, r, &wanted, &since_ms)))
        return closed ? nobody_there(NULL, NULL) : wanted;
    for (size_t i = 0; i < e->n_chats; i++) {
        int64_t also_ms;
        struct place other = owner_or_collections(&e->chats[i], owner);
        if (!other.site || other.site == wanted.site || is_closed(e, &other) || is_stuck(e, r, &other, &also_ms))
            continue;
        other.instead = closed ? NULL : wanted.site;
        other.since_ms = since_ms;
        return other;
    }
    return closed ? nobody_there(NULL, NULL) : wanted;
}

struct place place_of_case(struct engine *e, const struct recovery *r)
{
    const struct person *owner = r->owner[0] ? people_by_key(e->people, r->owner) : NULL;
    if (e->n_chats == 0)
        return nobody_there(NULL, NULL);
    if (e->shadow)
        return nobody_there(&e->chats[0], first_set(e->chats[0].shadow, e->chats[0].collections));
    for (size_t i = 0; owner && i < e->n_chats; i++) {
        const char *id = person_chat_id(owner, e->chats[i].name);
        if (id)
            return within_reach(e, r, owner, owner_or_collections(&e->chats[i], owner));
    }
    return within_reach(e, r, owner, nobody_there(&e->chats[0], e->chats[0].collections));
}

struct place place_of_request(struct engine *e, const struct chat_site *site)
{
    const char *live = first_set(site->approvals, site->collections);
    struct place p = nobody_there(site, e->shadow ? first_set(site->shadow, live) : live);
    if (p.site && is_closed(e, &p) && !e->shadow)
        p = nobody_there(site, site->collections); /* rather than nowhere; who may decide does not depend on the room */
    return p.site && is_closed(e, &p) ? nobody_there(NULL, NULL) : p;
}
