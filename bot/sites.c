/* Which chats there are, where their cards go, and which of them have to be asked what people do. */
#include "bot/sites.h"

static struct chat_site site_of(const struct driver_config *d)
{
    const char *shadow = config_channel(d, "shadow"), *collections = config_channel(d, "collections");
    return (struct chat_site){.name = d->name,
                              .approvals = config_channel(d, "approvals"),
                              .collections = collections,
                              .shadow = shadow ? shadow : collections,
                              .traits = d->driver->traits};
}

/* Is what people do brought by HTTP? Then it does not have to be asked for. */
static bool is_pushed(const struct driver_config *d)
{
    return d->driver->push && d->driver->push_secret && d->driver->push_secret(d);
}

void sites_open(struct sites *s, const struct config *c, int64_t now_ms)
{
    *s = (struct sites){.chats = mem_alloc((c->n_drivers + 1) * sizeof *s->chats), .polled = mem_alloc((c->n_drivers + 1) * sizeof *s->polled),
                         .pushed = mem_alloc((c->n_drivers + 1) * sizeof *s->pushed)};
    struct health_chat *watched = mem_alloc((c->n_drivers + 1) * sizeof *watched);
    for (size_t i = 0; i < c->n_drivers; i++) {
        if (c->drivers[i]->driver->kind != DRIVER_CHAT)
            continue;
        bool pushed = is_pushed(c->drivers[i]), polled = !pushed && (c->drivers[i]->driver->traits & TRAIT_POLLS);
        watched[s->n_chats] = (struct health_chat){.name = c->drivers[i]->name, .polled = polled};
        s->chats[s->n_chats++] = site_of(c->drivers[i]);
        if (pushed)
            s->pushed[s->n_pushed++] = c->drivers[i]->name;
        else if (polled)
            s->polled[s->n_polled++] = c->drivers[i]->name;
    }
    s->health = health_new(watched, s->n_chats, now_ms);
    free(watched);
}

void sites_close(struct sites *s)
{
    health_free(s->health);
    free(s->chats);
    free(s->polled);
    free(s->pushed);
    *s = (struct sites){0};
}
