/* Where a card belongs.
 *
 * A request goes to the approvals channel of every platform: whoever may decide sees it where they are, and the other cards
 * follow. A case is one person's work, so its card goes to one place: to its owner on the first platform (in the order of the
 * configuration) where people.yaml knows them, else to the collections channel of the first. In shadow mode nobody is
 * addressed: everything goes to a channel of its own. */
#include "bot/card_sync.h"

static const char *first_set(const char *a, const char *b)
{
    return a && a[0] ? a : b;
}

static struct place nobody_there(const struct chat_site *site, const char *channel)
{
    return (struct place){.site = channel && channel[0] ? site : NULL, .channel = channel, .mention = ""};
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
            return (struct place){.site = &e->chats[i], .channel = id, .mention = id};
    }
    return nobody_there(&e->chats[0], e->chats[0].collections);
}

struct place place_of_request(struct engine *e, const struct chat_site *site)
{
    const char *live = first_set(site->approvals, site->collections);
    return nobody_there(site, e->shadow ? first_set(site->shadow, live) : live);
}
