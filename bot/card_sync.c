/* Keeping one message equal to the state: posted once, edited in place, moved when it belongs elsewhere.
 *
 * Only a different hash makes an effect. A change that overtakes one still queued replaces it; one that comes while the first
 * post is out waits for its id. So a person sees the newest card, not a film. Where a platform's edits are seen by nobody or
 * doubted by all (TRAIT_STATUS_EDITS), what is asked is never changed by one: the old message says that it is void, and
 * the new question is a new message. */
#include <stdlib.h>
#include <string.h>

#include "bot/card_sync.h"
#include "engine/ping.h"
#include "engine/receipt.h"
#include "engine/timer.h"
#include "engine/when.h"

#define AGAIN_FIRST_MS MS_MINUTE
#define AGAIN_MOST_MS MS_HOUR

static bool is_fallback(const struct message *m)
{
    return m->state && strncmp(m->state, "fallback:", strlen("fallback:")) == 0;
}

/* Sent elsewhere because this very channel refused it. */
static bool is_fallback_of(const struct message *m, const char *channel)
{
    return is_fallback(m) && str_eq(m->state + strlen("fallback:"), channel);
}

/* The first card of a case calls its owner once, unless it is night there or they were called enough this hour: then it is posted
 * silently, and the call goes out later (ping.h). */
static const char *mention_now(struct engine *e, const struct message *m, const struct place *to)
{
    const struct person *who = to->mention[0] ? people_by_chat(e->people, to->site->name, to->mention) : NULL;
    if (!who)
        return to->mention;
    int64_t before = store_i64(e->store, -1, "SELECT state FROM pings WHERE ref = ?1 AND person = ?2 ORDER BY id DESC LIMIT 1", "tt", m->ref, who->key);
    bool now = before >= 0 ? before != 0 : ping_take(e, &(struct ping){.case_id = m->case_id, .person = who->key, .ref = m->ref, .why = "you own this case"});
    return now ? to->mention : "";
}

static void card_post(struct engine *e, struct message *m, const struct showing *s, const struct place *to, const char *hash,
                      int64_t wait_ms)
{
    m->revision++;
    m->shown = s->revision;
    message_set(&m->channel, to->channel);
    message_set(&m->message, NULL);
    message_set(&m->hash, hash);
    message_set(&m->substance, s->substance);
    if (!is_fallback(m))
        message_set(&m->state, "posting");
    message_waits(e, m);
    message_save(e, m);
    message_post(e, m, s->card, mention_now(e, m, to), wait_ms);
}

/* What stands is replaced by a last word; what has not left yet never will. */
static void card_void(struct engine *e, struct message *m, json_t *take_last_word)
{
    json_auto_t *last = take_last_word;
    int64_t wait_ms = 0;
    AUTO_STR queued = message_key(m, m->message ? "r" : "", m->revision);
    message_unsend(e, queued, &wait_ms);
    if (!m->message)
        return;
    AUTO_STR key = message_key(m, "void-", m->revision);
    message_edit(e, m, last, key, "", wait_ms);
}

/* The card belongs to somebody elsewhere now: what stands there says so, and a new one is posted. */
static void card_move(struct engine *e, struct message *m, const struct recovery *r, const struct showing *s, const struct place *to,
                      const char *hash)
{
    if (r && !message_left(m))
        card_void(e, m, card_handed_on(e, r));
    message_taken(m); /* the wait was for something else */
    message_set(&m->state, "posting");
    card_post(e, m, s, to, hash, 0);
}

/* Another question than the one people have seen there. */
static bool asks_anew(const struct message *m, const struct showing *s, const struct place *to)
{
    return (to->site->traits & TRAIT_STATUS_EDITS) && s->substance[0] && m->substance && m->substance[0] &&
           !str_eq(m->substance, s->substance);
}

static void card_change(struct engine *e, struct message *m, const struct recovery *r, const struct showing *s, const struct place *to,
                        const char *hash)
{
    int64_t wait_ms = 0;
    if (!m->message) {
        AUTO_STR key = message_key(m, "", m->revision);
        if (str_eq(m->state, "lost") || message_unsend(e, key, &wait_ms))
            card_post(e, m, s, to, hash, wait_ms);
        return; /* it is out: cards_posted comes back here with the message's id */
    }
    if (asks_anew(m, s, to)) {
        card_void(e, m, card_replaced(e, r, s->ref));
        card_post(e, m, s, to, hash, 0);
        return;
    }
    AUTO_STR queued = message_key(m, "r", m->revision);
    message_unsend(e, queued, &wait_ms);
    m->revision++;
    m->shown = s->revision;
    message_set(&m->hash, hash);
    message_waits(e, m);
    message_save(e, m);
    AUTO_STR key = message_key(m, "r", m->revision);
    message_edit(e, m, s->card, key, "card", wait_ms);
}

void card_sync(struct engine *e, const struct recovery *r, const struct showing *s, const struct place *to)
{
    AUTO_STR text = json_text(s->card);
    char hash[65];
    struct message m;
    text_sha256(hash, text);
    bool known = message_load(e, s->ref, to->site->name, &m);
    if ((s->ref[0] == 'A' || s->ref[0] == 'P') && (!known || !str_eq(m.hash, hash)))
        shown_keep(e, s->ref, hash, text);
    bool stays = known && !message_left(&m) && (is_fallback_of(&m, to->channel) || str_eq(m.channel, to->channel));
    if (!known) {
        m.case_id = r ? r->id : 0;
        str_copy(m.ref, sizeof m.ref, s->ref);
        str_copy(m.platform, sizeof m.platform, to->site->name);
        card_post(e, &m, s, to, hash, 0);
    } else if (!stays) {
        card_move(e, &m, r, s, to, hash);
    } else if (!str_eq(m.hash, hash) || str_eq(m.state, "lost")) {
        struct place same = {.site = to->site, .channel = m.channel, .mention = ""};
        card_change(e, &m, r, s, is_fallback(&m) ? &same : to, hash);
    }
    message_fini(&m);
}

void card_leave(struct engine *e, const struct recovery *r, const char *ref, const struct chat_site *site)
{
    struct message list[MESSAGES_MOST];
    size_t n = messages_of(e, ref, list);
    for (size_t i = 0; i < n; i++) {
        if (str_eq(list[i].platform, site->name) || message_left(&list[i]))
            continue;
        card_void(e, &list[i], card_handed_on(e, r));
        message_set(&list[i].state, "left");
        message_save(e, &list[i]);
    }
    messages_free(list, n);
}

/* ---- what came back ---- */

/* A person who cannot be written to is replaced by collections, once. */
static void card_fall_back(struct engine *e, struct message *m, const struct chat_site *site)
{
    const struct place to = {.site = site, .channel = site->collections, .mention = ""};
    struct recovery *r = recovery_load(e, m->case_id);
    json_auto_t *card = r ? card_case(e, r) : NULL;
    const struct showing s = {.ref = m->ref, .card = card, .substance = ""};
    AUTO_STR state = str_fmt("fallback:%s", m->channel);
    AUTO_STR hash = str_dup(m->hash);
    message_set(&m->state, state);
    if (card)
        card_post(e, m, &s, &to, hash, 0);
    recovery_free(r);
}

/* Does anybody still need to see it? Changes of the policy are of no case. */
static bool is_needed(struct engine *e, const struct message *m)
{
    if (!m->case_id)
        return store_i64(e->store, 0, "SELECT 1 FROM policy_requests WHERE id = ?1 AND state = 'asked'", "i", strtoll(m->ref + strlen("P-"), NULL, 10)) == 1;
    return store_i64(e->store, 0, "SELECT is_open FROM recoveries WHERE id = ?1", "i", m->case_id) == 1;
}

/* The bot is invited again, or its token renewed, and the case need not change for that: each time it has waited for twice as long. */
static void card_again(struct engine *e, struct message *m)
{
    if (!m->since_ms)
        m->since_ms = e->now_ms;
    int64_t waited = e->now_ms - m->since_ms;
    int64_t wait = waited < AGAIN_FIRST_MS ? AGAIN_FIRST_MS : waited > AGAIN_MOST_MS ? AGAIN_MOST_MS : waited;
    timer_cancel(e, TIMER_UNPOSTED, m->case_id, 0);
    if (is_needed(e, m))
        timer_add(e, TIMER_UNPOSTED, m->case_id, 0, e->now_ms + wait);
}

/* The platform refused. A refused edit means that the message is gone: it is posted anew at once. A refused post
 * is tried again with the next change, after a while, and after a start. */
static void card_refused(struct engine *e, struct message *m, bool update)
{
    const struct chat_site *site = engine_chat(e, m->platform);
    bool to_person = m->ref[0] == 'N' && site && site->collections && !str_eq(m->channel, site->collections);
    if (!update && to_person && !is_fallback(m)) {
        card_fall_back(e, m, site);
        return;
    }
    message_set(&m->message, NULL);
    message_set(&m->state, "lost");
    if (update)
        engine_dirty(e, m->case_id);
    else
        card_again(e, m);
    message_save(e, m);
}

/* Posted where the card does not belong any more: it moved on while the post was out. */
static void card_overtaken(struct engine *e, const struct message *m, int64_t effect_id, const char *packed, const char *sent_to)
{
    struct recovery *r = recovery_load(e, m->case_id);
    struct message old = {.case_id = m->case_id};
    str_copy(old.ref, sizeof old.ref, m->ref);
    str_copy(old.platform, sizeof old.platform, m->platform);
    old.channel = str_dup(sent_to);
    old.message = str_dup(packed);
    json_auto_t *left = r ? card_handed_on(e, r) : NULL;
    AUTO_STR key = message_key(m, "void-e", effect_id);
    if (left)
        message_edit(e, &old, left, key, "", 0);
    message_fini(&old);
    recovery_free(r);
}

static void card_accepted(struct engine *e, struct message *m, const char *packed)
{
    message_set(&m->message, packed);
    message_taken(m);
    if (!is_fallback(m))
        message_set(&m->state, "posted");
    message_save(e, m);
    engine_dirty(e, m->case_id); /* what changed while it was out, and replies that waited for it */
}

/* Is this the post that the row waits for? One that was overtaken has another number. */
static bool is_awaited(const struct message *m, const char *key)
{
    AUTO_STR own = message_key(m, "", m->revision);
    size_t bare = strcspn(own, "@"); /* a store of version 1 may have one out whose key names no platform */
    return !m->message && !message_left(m) && (str_eq(key, own) || (strlen(key) == bare && strncmp(key, own, bare) == 0));
}

static void post_ended(struct engine *e, struct message *m, const struct chat_end *end)
{
    const char *sent_to = json_str(end->args, "channel", "");
    bool awaited = is_awaited(m, end->key);
    AUTO_STR packed = str_fmt("%s %s", json_str(end->result, "channel", sent_to), json_str(end->result, "message", ""));
    if (!end->result && awaited)
        card_refused(e, m, false);
    else if (end->result && awaited)
        card_accepted(e, m, packed);
    else if (end->result && !str_eq(m->message, packed))
        card_overtaken(e, m, end->effect_id, packed, sent_to);
}

/* An edit of what stands there now; of what stood there before nobody needs to hear. */
static void edit_ended(struct engine *e, struct message *m, const struct chat_end *end)
{
    AUTO_STR packed = str_fmt("%s %s", json_str(end->args, "channel", ""), json_str(end->args, "message", ""));
    if (!str_eq(m->message, packed) || message_left(m))
        return;
    AUTO_STR newest = message_key(m, "r", m->revision);
    if (!end->result) {
        card_refused(e, m, true);
    } else if (m->since_ms && str_eq(end->key, newest)) {
        message_taken(m);
        message_save(e, m);
    }
}

void cards_posted(struct engine *e, const struct chat_end *end)
{
    struct message m;
    if (!message_load(e, json_str(end->args, "ref", ""), end->platform, &m))
        return;
    if (json_str(end->args, "message", NULL))
        edit_ended(e, &m, end);
    else
        post_ended(e, &m, end);
    message_fini(&m);
}
