/* Rooms: who may bring us into one, and what happens when one becomes encrypted.
 *
 * We follow people we know, and only into rooms whose words we may read and write in the clear. A room that turns encrypted
 * would show a card's content to nobody but the server it was meant to be kept from: nothing is posted there any more, what
 * stands there decides nothing, and the cards go elsewhere. Whoever sits there and waits hears why, in one sentence that holds nothing of
 * any customer; whoever asked us into such a room hears it in a room of their own, in the clear and by name. */
#include <string.h>

#include "bot/card_sync.h"
#include "bot/commands.h"
#include "bot/log.h"
#include "engine/when.h"

#define TELL_MS (10 * MS_MINUTE)

/* What stands beside our "no" in the room's list of members; anybody there may read it. */
static const char *no_thanks(const struct chat_input *in, bool known)
{
    if (in->encrypted)
        return "Dunwell can neither read nor write encrypted messages. Invite it into a room without encryption.";
    return known ? "Dunwell does not work in such a room." : "Dunwell goes only where people invite it whom its operator has named.";
}

/* A "no" is easily missed. */
static void tell_inviter(struct engine *e, const struct chat_input *in)
{
    json_t *args = json_object();
    json_put(args, "channel", in->user);
    json_put(args, "text", "You asked me into an encrypted room, and I did not come: I can neither read nor write encrypted messages. Write to me here instead, or make a room "
                           "without encryption and invite me there. An encrypted room stays encrypted for ever, so it has to be a new one.");
    AUTO_STR lane = str_fmt("whisper:%s:%s", in->platform, in->user);
    AUTO_STR key = str_fmt("no-room-%s-%s", in->platform, in->channel);
    effect_add(e, &(struct effect_spec){.lane = lane, .driver = in->platform, .op = "post", .key = key, .take_args = args, .purpose = "whisper",
                                        .deadline_ms = e->now_ms + TELL_MS});
}

void chat_invited(struct engine *e, const struct chat_input *in)
{
    const struct person *who = in->user ? people_by_chat(e->people, in->platform, in->user) : NULL;
    const char *why = in->text ? in->text : in->encrypted ? "the room is encrypted" : who ? NULL : "nobody in people.yaml has that id";
    if (!in->channel || !in->dedupe)
        return;
    log_line(LOG_INFO, "chat.invited", "%s: %s was asked into %s by %s: %s%s", in->platform, "Dunwell", in->channel, in->user ? in->user : "?",
             why ? "turned down, " : "accepted", why ? why : "");
    json_t *args = json_object();
    json_put(args, "channel", in->channel);
    if (why)
        json_put(args, "reason", no_thanks(in, who != NULL));
    AUTO_STR lane = str_fmt("%s:%s", in->platform, in->channel);
    AUTO_STR key = str_fmt("room-%s@%s", in->dedupe, in->platform);
    effect_add(e, &(struct effect_spec){.lane = lane, .driver = in->platform, .op = why ? "leave" : "join", .key = key, .take_args = args, .purpose = "room"});
    if (who && in->encrypted && !in->text)
        tell_inviter(e, in);
}

/* What stands or was to stand there. The row stays: a reaction there must not be taken for one elsewhere. */
static void void_cards(struct engine *e, const char *platform, const char *channel)
{
    AUTO_STR here = str_fmt("%s ", channel);
    struct query *q = store_query(e->store, "SELECT case_id FROM messages WHERE platform = ?1 AND (channel = ?2 OR substr(message, 1, ?3) = ?4)",
                                  "ttit", platform, channel, (int64_t)strlen(here), here);
    while (query_next(q))
        engine_dirty(e, query_i64(q, 0));
    store_run(e->store, "UPDATE messages SET state = 'left' WHERE platform = ?1 AND (channel = ?2 OR substr(message, 1, ?3) = ?4)", "ttit",
              platform, channel, (int64_t)strlen(here), here);
    AUTO_STR lane = str_fmt("%s:%s", platform, channel);
    store_run(e->store, "UPDATE effects SET state = ?2, is_live = 0, is_head = 0, finished_ms = ?3 WHERE lane = ?1 AND is_live = 1 AND state = ?4", "tiii", lane,
              (int64_t)EFFECT_CANCELLED, e->now_ms, (int64_t)EFFECT_QUEUED);
}

/* The driver's own sentence, which takes nothing from us. */
static void explain(struct engine *e, const struct chat_input *in)
{
    json_t *args = json_object();
    json_put(args, "channel", in->channel);
    AUTO_STR lane = str_fmt("%s:%s", in->platform, in->channel);
    AUTO_STR key = str_fmt("explain-%s@%s", in->channel, in->platform);
    effect_add(e, &(struct effect_spec){.lane = lane, .driver = in->platform, .op = "explain", .key = key, .take_args = args, .purpose = "notice"});
}

/* The managers of the other platforms hear of it. */
static void tell_others(struct engine *e, const struct chat_input *in)
{
    char title[PLATFORM_SIZE];
    const struct chat_site *closed = engine_chat(e, in->platform);
    for (size_t i = 0; closed && i < e->n_chats; i++) {
        struct place to = place_of_request(e, &e->chats[i]);
        if (&e->chats[i] == closed || !to.site)
            continue;
        json_t *args = json_object();
        json_put(args, "channel", to.channel);
        json_put_new(args, "text", json_sprintf("A room on %s became encrypted (%s). Dunwell posts nothing there any more; what stood there is void, and open "
                                                "requests are decided here.", site_title(closed, title), in->channel));
        AUTO_STR lane = str_fmt("%s:%s", to.site->name, to.channel);
        AUTO_STR key = str_fmt("closed-%s-%s@%s", in->platform, in->channel, to.site->name);
        effect_add(e, &(struct effect_spec){.lane = lane, .driver = to.site->name, .op = "post", .key = key, .take_args = args, .purpose = "notice"});
    }
}

void chat_encrypted(struct engine *e, const struct chat_input *in)
{
    if (!in->channel || store_run(e->store, "INSERT INTO closed_rooms (platform, channel, at_ms) VALUES (?1,?2,?3) ON CONFLICT DO NOTHING", "tti",
                                  in->platform, in->channel, e->now_ms) != 1)
        return;
    log_line(LOG_ERROR, "chat.encrypted", "%s: the room %s became encrypted; nothing is posted there any more. Make a room without encryption and write "
             "its id into the configuration", in->platform, in->channel);
    void_cards(e, in->platform, in->channel);
    explain(e, in);
    tell_others(e, in);
}
