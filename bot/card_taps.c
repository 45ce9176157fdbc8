/* Reactions of ours: the two keys under a card that one tap decides (platforms without buttons). They are put there when the card
 * stands and its request may be decided by a tap, and taken away when it is over, so that nobody taps on what is decided.
 *
 * The table `reactions` holds what we put (person '') and what people put as a vote (chat_tap.c). */
#include <string.h>

#include "bot/card_sync.h"

static const char *const taps[][2] = {{"yes", "\xE2\x9C\x85"}, {"no", "\xE2\x9D\x8C"}};

/* What can be taken back when it was a slip. */
static bool can_be_undone(enum verb v)
{
    static const char *const names[] = {"hold", "extend", "release", "plan", "defer"};
    for (size_t i = 0; i < DW_ARRAY_LEN(names); i++)
        if (str_eq(verb_name(v), names[i]))
            return true;
    return false;
}

bool tap_enough(struct engine *e, const struct proposal *p)
{
    return !e->shadow && p->state == PROPOSAL_ASKED && can_be_undone(p->verb) && policy_reaction_enough(e->policy, p->amount);
}

static void put_place(json_t *args, const struct message *m, const char *id)
{
    AUTO_STR channel = str_ndup(m->message, strcspn(m->message, " "));
    json_put(args, "channel", channel);
    json_put(args, "message", id ? id : m->message + strcspn(m->message, " ") + 1);
}

static void tap_effect(struct engine *e, const struct message *m, const char *op, const char *key, json_t *take_args)
{
    AUTO_STR lane = str_fmt("%s:taps", m->platform); /* cards and answers go before them */
    effect_add(e, &(struct effect_spec){.lane = lane, .driver = m->platform, .op = op, .key = key, .take_args = take_args,
                                        .case_id = m->case_id, .purpose = str_eq(op, "react") ? "tap" : "untap"});
}

static void tap_put(struct engine *e, const struct message *m, size_t which)
{
    AUTO_STR key = str_fmt("tap-%s-%s@%s %s", m->ref, taps[which][0], m->platform, m->message);
    json_t *args = json_object();
    put_place(args, m, NULL);
    json_put(args, "ref", m->ref);
    json_put(args, "key", taps[which][1]);
    tap_effect(e, m, "react", key, args);
}

static void tap_take_back(struct engine *e, const struct message *m, const char *reaction)
{
    AUTO_STR key = str_fmt("untap-%s@%s", reaction, m->platform);
    json_t *args = json_object();
    put_place(args, m, reaction);
    tap_effect(e, m, "unreact", key, args);
}

/* What has not left yet never will; what stands is taken back, once. */
static void taps_take_back(struct engine *e, const struct message *m)
{
    int64_t wait_ms = 0;
    for (size_t i = 0; i < DW_ARRAY_LEN(taps); i++) {
        AUTO_STR key = str_fmt("tap-%s-%s@%s %s", m->ref, taps[i][0], m->platform, m->message);
        message_unsend(e, key, &wait_ms);
    }
    struct query *q = store_query(e->store, "SELECT reaction FROM reactions WHERE ref = ?1 AND platform = ?2 AND person = ''", "tt", m->ref,
                                  m->platform);
    while (query_next(q))
        tap_take_back(e, m, query_text(q, 0));
    store_run(e->store, "DELETE FROM reactions WHERE ref = ?1 AND platform = ?2 AND person = ''", "tt", m->ref, m->platform);
}

void taps_refresh(struct engine *e, const struct message *m, const struct proposal *p)
{
    const struct chat_site *site = engine_chat(e, m->platform);
    if (!site || !(site->traits & TRAIT_REACTIONS) || !m->message || message_left(m))
        return;
    if (!tap_enough(e, p)) {
        taps_take_back(e, m);
        return;
    }
    for (size_t i = 0; i < DW_ARRAY_LEN(taps); i++)
        tap_put(e, m, i);
}

void taps_posted(struct engine *e, const struct chat_end *end)
{
    const char *reaction = json_str(end->result, "message", ""), *ref = json_str(end->args, "ref", "");
    struct message m;
    if (!reaction[0])
        return;
    AUTO_STR packed = str_fmt("%s %s", json_str(end->args, "channel", ""), json_str(end->args, "message", ""));
    store_run(e->store,
              "INSERT INTO reactions (platform, reaction, message, ref, person, at_ms) VALUES (?1,?2,?3,?4,'',?5) ON CONFLICT DO NOTHING",
              "tttti", end->platform, reaction, packed, ref, e->now_ms);
    if (message_load(e, ref, end->platform, &m))
        engine_dirty(e, m.case_id); /* it may be over by now */
    message_fini(&m);
}
