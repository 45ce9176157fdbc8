/* A tap that never arrived is a decision that nobody knows of, and one that was taken back unheard a decision that nobody wants.
 *
 * So on platforms with reactions the cards of open requests are read again: a moment after each start, every ten minutes, and as soon as
 * the driver says that something could not be read. Only the newest ones, and nothing at all where nothing is open. What stands
 * there comes in as it would have come at once, each once for ever by its own id. A vote whose reaction is gone is withdrawn, if it was
 * there before the question was asked: what came in between is no news. */
#include "bot/card_reread.h"

#include <string.h>

#include "bot/commands.h"
#include "bot/messages.h"
#include "engine/when.h"

enum { CARDS_MOST = 50, GONE_MOST = 64 };
#define FIRST_MS (5 * MS_SECOND)
#define EVERY_MS (10 * MS_MINUTE)

/* [{"ref", "channel", "message"}] of what is open there. */
static json_t *open_cards(struct engine *e, const char *platform)
{
    json_t *cards = json_array();
    struct query *q = store_query(e->store,
                                  "SELECT m.ref, m.message FROM proposals p JOIN messages m ON m.ref = 'A-' || CAST(p.id AS TEXT) AND m.platform = ?1 WHERE p.state = 2 AND "
                                  "m.message IS NOT NULL AND m.state <> 'left' ORDER BY p.id DESC LIMIT ?2",
                                  "ti", platform, (int64_t)CARDS_MOST);
    while (query_next(q)) {
        const char *message = query_text(q, 1), *space = strchr(message, ' ');
        json_t *card = json_object();
        assert(space);
        AUTO_STR channel = str_ndup(message, (size_t)(space - message));
        json_put(card, "ref", query_text(q, 0));
        json_put(card, "channel", channel);
        json_put(card, "message", space + 1);
        json_array_append_new(cards, card);
    }
    return cards;
}

static void ask(struct engine *e, const char *platform)
{
    AUTO_STR lane = str_fmt("%s:reread", platform);
    if (store_i64(e->store, 0, "SELECT 1 FROM effects WHERE lane = ?1 AND is_live = 1 LIMIT 1", "t", lane))
        return;
    json_t *args = json_object(), *cards = open_cards(e, platform);
    bool any = json_array_size(cards) > 0;
    json_put_new(args, "cards", cards);
    json_put_i64(args, "asked_ms", e->now_ms);
    if (!any) {
        json_decref(args);
        return;
    }
    AUTO_STR key = str_fmt("reread-%s-%lld", platform, (long long)e->now_ms);
    effect_add(e, &(struct effect_spec){.lane = lane, .driver = platform, .op = "reread", .key = key, .take_args = args, .purpose = "reread"});
}

void cards_reread_soon(struct engine *e)
{
    e->reread_ms = e->now_ms;
}

void cards_reread(struct engine *e)
{
    if (e->reread_ms == 0)
        e->reread_ms = e->now_ms + FIRST_MS;
    if (e->now_ms < e->reread_ms)
        return;
    e->reread_ms = e->now_ms + EVERY_MS;
    for (size_t i = 0; i < e->n_chats; i++)
        if (e->chats[i].traits & TRAIT_REACTIONS)
            ask(e, e->chats[i].name);
}

/* --- what came back --- */

static bool stands(const json_t *reactions, const char *id)
{
    for (size_t i = 0; i < json_array_size(reactions); i++)
        if (str_eq(json_string_value(json_array_get(reactions, i)), id))
            return true;
    return false;
}

static void take_back(struct engine *e, const char *platform, const char *reaction, const char *person)
{
    const struct person *who = people_by_key(e->people, person);
    const char *user = who ? person_chat_id(who, platform) : NULL;
    struct chat_input in;
    if (!user)
        return;
    chat_input_init(&in);
    in.kind = CHAT_UNREACT;
    in.platform = str_dup(platform);
    in.user = str_dup(user);
    in.message = str_dup(reaction);
    in.dedupe = str_fmt("gone %s", reaction);
    chat_arrived(e, &in);
    chat_input_fini(&in);
}

static void take_back_gone(struct engine *e, const char *platform, const json_t *card, int64_t asked_ms)
{
    json_auto_t *gone = json_array();
    struct query *q = store_query(e->store, "SELECT reaction, person FROM reactions WHERE ref = ?1 AND platform = ?2 AND person <> '' AND at_ms < ?3", "tti",
                                  json_str(card, "ref", ""), platform, asked_ms);
    while (query_next(q))
        if (!stands(json_object_get(card, "reactions"), query_text(q, 0)) && json_array_size(gone) < GONE_MOST)
            json_array_append_new(gone, json_pack("[s, s]", query_text(q, 0), query_text(q, 1)));
    for (size_t i = 0; i < json_array_size(gone); i++) {
        const json_t *one = json_array_get(gone, i);
        take_back(e, platform, json_string_value(json_array_get(one, 0)), json_string_value(json_array_get(one, 1)));
    }
}

void cards_reread_ended(struct engine *e, const struct chat_end *end)
{
    const json_t *cards = json_object_get(end->result, "cards");
    for (size_t i = 0; i < json_array_size(cards); i++) {
        const json_t *card = json_array_get(cards, i);
        if (json_flag(card, "whole", false))
            take_back_gone(e, end->platform, card, json_i64(end->args, "asked_ms", 0));
    }
    store_run(e->store, "DELETE FROM effects WHERE id = ?1 AND is_live = 0", "i", end->effect_id);
}
