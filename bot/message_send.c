/* The effects of messages: a post, an edit, a line in a thread. Each has a key that is unique for ever and names its
 * platform, so what was once asked for is sent once; and each platform's channel is a lane, so they keep their order. */
#include <string.h>

#include "bot/messages.h"

char *message_key(const struct message *m, const char *kind, int64_t n)
{
    return str_fmt("card-%s-%s%lld@%s", m->ref, kind, (long long)n, m->platform);
}

bool message_unsend(struct engine *e, const char *key, int64_t *wait_ms)
{
    struct query *q =
        store_query(e->store, "SELECT id, not_before_ms FROM effects WHERE dedupe = ?1 AND is_live = 1 AND state = ?2", "ti", key,
                    (int64_t)EFFECT_QUEUED);
    if (!query_next(q))
        return false;
    int64_t id = query_i64(q, 0);
    *wait_ms = query_i64(q, 1);
    query_end(q);
    effect_cancel(e, id);
    return true;
}

static void send(struct engine *e, const struct message *m, const char *op, const char *key, const char *purpose, json_t *take_args,
                 int64_t not_before_ms)
{
    AUTO_STR lane = str_fmt("%s:%s", m->platform, m->channel);
    effect_add(e, &(struct effect_spec){.lane = lane,
                                        .driver = m->platform,
                                        .op = op,
                                        .key = key,
                                        .take_args = take_args,
                                        .case_id = m->case_id,
                                        .purpose = purpose,
                                        .not_before_ms = not_before_ms});
}

/* "CHANNEL ID" into the two arguments that edits and replies need. */
static void put_message(json_t *args, const char *message, const char *id_name)
{
    const char *space = strchr(message, ' ');
    assert(space);
    AUTO_STR channel = str_ndup(message, (size_t)(space - message));
    json_put(args, "channel", channel);
    json_put(args, id_name, space + 1);
}

void message_post(struct engine *e, const struct message *m, json_t *card, const char *mention, int64_t wait_ms)
{
    json_auto_t *first = json_copy(card);
    json_put(first, "mention", mention);
    json_t *args = json_object();
    json_put(args, "ref", m->ref);
    json_put(args, "channel", m->channel);
    json_put_new(args, "card", json_incref(first));
    AUTO_STR key = message_key(m, "", m->revision);
    send(e, m, "post", key, "card", args, wait_ms);
}

void message_edit(struct engine *e, const struct message *m, json_t *card, const char *key, const char *purpose, int64_t wait_ms)
{
    json_t *args = json_object();
    json_put(args, "ref", m->ref);
    json_put(args, "sent_to", m->channel);
    put_message(args, m->message, "message");
    json_put_new(args, "card", json_incref(card));
    send(e, m, "update", key, purpose, args, wait_ms);
}

void message_reply(struct engine *e, const struct message *m, const char *key, const char *text)
{
    if (!m->message || message_left(m))
        return;
    json_t *args = json_object();
    put_message(args, m->message, "thread");
    json_put(args, "text", text);
    AUTO_STR here = m->ref[0] != 'N' ? str_fmt("%s@%s", key, m->platform) : str_dup(key);
    send(e, m, "post", here, "reply", args, 0);
}
