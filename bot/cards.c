/* Keeping messages equal to the state: one message a case, one a request, edited in place.
 *
 * The table `messages` remembers for each reference (N-12, A-17) where its card was sent, under which id, and the
 * hash of what it says. A dirty case has its cards built anew; only a different hash makes an effect. A change
 * that overtakes one still queued replaces it; one that comes while the first post is out waits for its id. So a
 * person sees the newest card, not a film.
 *
 * channel is where a card was sent to (a person's id for a direct message); message is "CHANNEL ID" as the
 * platform answered, because later edits need the channel it really became. state: posting -> posted;
 * "fallback:CHANNEL" when the person there could not be reached and collections got the card instead; "lost" when
 * the platform refused it, so that the next change posts anew. */
#include "bot/cards.h"

#include <stdio.h>
#include <string.h>

#include "bot/card_replies.h"
#include "bot/words.h"
#include "engine/effect.h"
#include "engine/receipt.h"

enum { REF_SIZE = 32, REQUESTS_MOST = 16 };

struct message {
    char ref[REF_SIZE];
    int64_t case_id, revision;
    char *channel, *message, *hash, *state; /* message NULL: not posted yet */
};

static void message_fini(struct message *m)
{
    free(m->channel);
    free(m->message);
    free(m->hash);
    free(m->state);
    *m = (struct message){0};
}

static bool message_load(struct engine *e, const char *ref, struct message *m)
{
    *m = (struct message){0};
    struct query *q =
        store_query(e->store, "SELECT case_id, revision, channel, message, hash, state FROM messages WHERE ref = ?1",
                    "t", ref);
    if (!query_next(q))
        return false;
    m->case_id = query_i64(q, 0);
    m->revision = query_i64(q, 1);
    m->channel = str_dup(query_text(q, 2));
    m->message = str_dup(query_text(q, 3));
    m->hash = str_dup(query_text(q, 4));
    m->state = str_dup(query_text(q, 5));
    query_end(q);
    str_copy(m->ref, sizeof m->ref, ref);
    return true;
}

static void message_save(struct engine *e, const struct message *m)
{
    store_run(
        e->store,
        "INSERT INTO messages (case_id, ref, platform, channel, message, revision, hash, state) VALUES "
        "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (ref) DO UPDATE SET channel = excluded.channel, "
        "message = excluded.message, revision = excluded.revision, hash = excluded.hash, state = excluded.state",
        "ittttitt", m->case_id, m->ref, e->chat, m->channel, m->message, m->revision, m->hash, m->state);
}

static void message_set(char **slot, const char *text)
{
    char *before = *slot; /* text may be the same string */
    *slot = str_dup(text);
    free(before);
}

/* ---- effects ---- */

/* An effect that has not left yet can still be replaced. False when it has; *wait_ms keeps a delay the platform
 * asked for. */
static bool effect_replace(struct engine *e, const char *key, int64_t *wait_ms)
{
    struct query *q =
        store_query(e->store,
                    "SELECT id, not_before_ms FROM effects WHERE dedupe = ?1 AND is_live = 1 AND state = ?2", "ti",
                    key, (int64_t)EFFECT_QUEUED);
    if (!query_next(q))
        return false;
    int64_t id = query_i64(q, 0);
    *wait_ms = query_i64(q, 1);
    query_end(q);
    effect_cancel(e, id);
    return true;
}

static void send(struct engine *e, const struct message *m, const char *op, const char *key, const char *purpose,
                 json_t *take_args, int64_t not_before_ms)
{
    AUTO_STR lane = str_fmt("%s:%s", e->chat, m->channel);
    effect_add(e, &(struct effect_spec){.lane = lane,
                                        .driver = e->chat,
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

static void send_post(struct engine *e, const struct message *m, json_t *card, const char *mention, int64_t wait_ms)
{
    json_auto_t *first = json_copy(card);
    json_put(first, "mention", mention);
    json_t *args = json_object();
    json_put(args, "ref", m->ref);
    json_put(args, "channel", m->channel);
    json_put_new(args, "card", json_incref(first));
    AUTO_STR key = str_fmt("card-%s-%lld", m->ref, (long long)m->revision);
    send(e, m, "post", key, "card", args, wait_ms);
}

static void send_update(struct engine *e, const struct message *m, json_t *card, const char *key, const char *purpose,
                        int64_t wait_ms)
{
    json_t *args = json_object();
    json_put(args, "ref", m->ref);
    json_put(args, "sent_to", m->channel);
    put_message(args, m->message, "message");
    json_put_new(args, "card", json_incref(card));
    send(e, m, "update", key, purpose, args, wait_ms);
}

/* ---- one card ---- */

struct place {
    const char *channel, *mention;
};

static bool is_fallback(const struct message *m)
{
    return m->state && strncmp(m->state, "fallback:", strlen("fallback:")) == 0;
}

/* Sent elsewhere because this very channel refused it. */
static bool is_fallback_of(const struct message *m, const char *channel)
{
    return is_fallback(m) && str_eq(m->state + strlen("fallback:"), channel);
}

static void card_post(struct engine *e, struct message *m, const struct place *to, json_t *card, const char *hash,
                      int64_t wait_ms)
{
    m->revision++;
    message_set(&m->channel, to->channel);
    message_set(&m->message, NULL);
    message_set(&m->hash, hash);
    if (!is_fallback(m))
        message_set(&m->state, "posting");
    message_save(e, m);
    send_post(e, m, card, to->mention, wait_ms);
}

/* The card belongs to somebody elsewhere now: what stands there says so, and a new one is posted. */
static void card_move(struct engine *e, struct message *m, const struct recovery *r, const struct place *to,
                      json_t *card, const char *hash)
{
    int64_t wait_ms = 0;
    if (m->message) {
        AUTO_STR queued = str_fmt("card-%s-r%lld", m->ref, (long long)m->revision);
        effect_replace(e, queued, &wait_ms);
        json_auto_t *left = card_handed_on(e, r);
        AUTO_STR key = str_fmt("card-%s-void-%lld", m->ref, (long long)m->revision);
        send_update(e, m, left, key, "", wait_ms);
    } else {
        AUTO_STR key = str_fmt("card-%s-%lld", m->ref, (long long)m->revision);
        effect_replace(e, key, &wait_ms);
    }
    message_set(&m->state, "posting");
    card_post(e, m, to, card, hash, 0);
}

static void card_change(struct engine *e, struct message *m, const struct place *to, json_t *card, const char *hash)
{
    int64_t wait_ms = 0;
    if (!m->message) {
        AUTO_STR key = str_fmt("card-%s-%lld", m->ref, (long long)m->revision);
        if (str_eq(m->state, "lost") || effect_replace(e, key, &wait_ms))
            card_post(e, m, to, card, hash, wait_ms);
        return; /* it is out: cards_posted comes back here with the message's id */
    }
    AUTO_STR queued = str_fmt("card-%s-r%lld", m->ref, (long long)m->revision);
    effect_replace(e, queued, &wait_ms);
    m->revision++;
    message_set(&m->hash, hash);
    message_save(e, m);
    AUTO_STR key = str_fmt("card-%s-r%lld", m->ref, (long long)m->revision);
    send_update(e, m, card, key, "card", wait_ms);
}

static void card_sync(struct engine *e, const struct recovery *r, const char *ref, const struct place *to,
                      json_t *take_card)
{
    json_auto_t *card = take_card;
    AUTO_STR text = json_text(card);
    char hash[65];
    struct message m;
    text_sha256(hash, text);
    bool known = message_load(e, ref, &m);
    if (ref[0] == 'A' && (!known || !str_eq(m.hash, hash)))
        shown_keep(e, ref, hash, text);
    bool stays = known && (is_fallback_of(&m, to->channel) || str_eq(m.channel, to->channel));
    if (!known) {
        m.case_id = r->id;
        str_copy(m.ref, sizeof m.ref, ref);
        card_post(e, &m, to, card, hash, 0);
    } else if (!stays) {
        card_move(e, &m, r, to, card, hash);
    } else if (!str_eq(m.hash, hash) || str_eq(m.state, "lost")) {
        struct place same = {.channel = m.channel, .mention = ""};
        card_change(e, &m, is_fallback(&m) ? &same : to, card, hash);
    }
    message_fini(&m);
}

/* ---- replies ---- */

/* "reply-A-17" in the thread of the request's own card, "reply-N-12-A-17" in that of its case. */
static char *reply_key(const struct message *m, const struct proposal *p, const char *what)
{
    return m->ref[0] == 'A' ? str_fmt("reply-%s-%s", m->ref, what)
                            : str_fmt("reply-%s-A-%lld-%s", m->ref, (long long)p->id, what);
}

/* One line in the thread of a card, once for ever by its key. */
static void reply(struct engine *e, const struct message *m, const char *key, const char *text)
{
    if (!m->message)
        return;
    json_t *args = json_object();
    put_message(args, m->message, "thread");
    json_put(args, "text", text);
    send(e, m, "post", key, "reply", args, 0);
}

static bool is_decision(enum proposal_state s)
{
    return s == PROPOSAL_DECLINED || s == PROPOSAL_COUNTERED || s == PROPOSAL_PARKED || s == PROPOSAL_VOIDED ||
           s == PROPOSAL_WITHDRAWN || s == PROPOSAL_CONFIRMED || s == PROPOSAL_FAILED || s == PROPOSAL_UNKNOWN;
}

static void reply_approved(struct engine *e, const struct message *m, const struct proposal *p, const char *what)
{
    char reason[512];
    AUTO_BUF out = BUF(WORDS_SIZE);
    AUTO_STR key = reply_key(m, p, "approved");
    buf_addf(&out, "A-%lld approved by %s (%s): %s", (long long)p->id, words_person(e, p->decider), p->right, what);
    if (p->decision_reason && p->decision_reason[0])
        buf_addf(&out, ". \"%s\"", words_plain(reason, sizeof reason, p->decision_reason));
    words_receipt(&out, e, p);
    reply(e, m, key, buf_text(&out));
}

/* What became of a request, in the thread of its own card and in that of the case, where whoever asked looks. */
static void reply_proposal(struct engine *e, const struct message *m, const struct proposal *p)
{
    char what[256];
    bool decided_yes = p->decided_ms > 0 && p->decider && p->decider[0] && p->state >= PROPOSAL_QUEUED;
    if (!m->message || (!decided_yes && !is_decision(p->state)))
        return;
    proposal_words(p, what, sizeof what);
    if (decided_yes && !str_eq(p->decider, p->requester))
        reply_approved(e, m, p, what);
    if (!is_decision(p->state))
        return;
    AUTO_BUF out = BUF(WORDS_SIZE);
    AUTO_STR key = reply_key(m, p, proposal_state_name(p->state));
    words_proposal(&out, e, p);
    if (p->state == PROPOSAL_DECLINED || p->state == PROPOSAL_COUNTERED)
        words_receipt(&out, e, p);
    reply(e, m, key, buf_text(&out));
}

static void reply_closed(struct engine *e, const struct recovery *r, const struct message *m)
{
    char outcome[WORDS_NAME];
    if (r->state != RECOVERY_CLOSED)
        return;
    AUTO_STR key = str_fmt("reply-%s-closed", m->ref);
    AUTO_STR text = str_fmt("Closed: %s.", words_plain(outcome, sizeof outcome, r->outcome));
    reply(e, m, key, text);
}

/* An edit notifies nobody: what needs the owner's word now is said in the thread as well. */
static void reply_owner_asked(struct engine *e, const struct recovery *r, const struct message *m)
{
    struct hold *h = hold_of_case(e, r->id);
    if (h && h->state == HOLD_ACTIVE && r->state == RECOVERY_HELD && e->now_ms >= h->ask_ms) {
        AUTO_STR key = str_fmt("reply-%s-ask-H-%lld-%lld", m->ref, (long long)h->id, (long long)h->end_ms);
        AUTO_STR text = str_fmt("%s, the hold ends on {ms:%lld}. Extend it, offer a plan, or do nothing: then notices and retries resume by themselves.",
                                words_person(e, r->owner[0] ? r->owner : "Collections"), (long long)h->end_ms);
        reply(e, m, key, text);
    }
    hold_free(h);
    int64_t broken = store_i64(e->store, 0, "SELECT id FROM promises WHERE case_id = ?1 AND state = 'broken' ORDER BY id DESC LIMIT 1", "i", r->id);
    if (broken && r->state == RECOVERY_QUEUED) {
        AUTO_STR key = str_fmt("reply-%s-promise-%lld", m->ref, (long long)broken);
        reply(e, m, key, "The promised payment has not come. Call the customer, or agree on something else.");
    }
}

/* ---- a case ---- */

static const char *first_set(const char *a, const char *b)
{
    return a && a[0] ? a : b;
}

static struct place place_of_case(const struct engine *e, const struct recovery *r)
{
    const struct person *owner = r->owner[0] ? people_by_key(e->people, r->owner) : NULL;
    const char *id = owner ? person_chat_id(owner, e->chat) : NULL;
    if (e->shadow)
        return (struct place){.channel = first_set(e->channel_shadow, e->channel_collections), .mention = ""};
    if (id)
        return (struct place){.channel = id, .mention = id};
    return (struct place){.channel = e->channel_collections, .mention = ""};
}

static struct place place_of_request(const struct engine *e)
{
    const char *live = first_set(e->channel_approvals, e->channel_collections);
    return (struct place){.channel = e->shadow ? first_set(e->channel_shadow, live) : live, .mention = ""};
}

/* What people asked, wait for or must hear of; what was ever asked comes first, however much the machine did
 * since. */
static size_t requests_of_case(struct engine *e, int64_t case_id, int64_t ids[REQUESTS_MOST])
{
    size_t n = 0;
    struct query *q = store_query(
        e->store,
        "SELECT id FROM proposals WHERE case_id = ?1 AND (asked = 1 OR is_live = 1 OR requester <> 'policy' OR "
        "state = ?2) ORDER BY asked DESC, id DESC LIMIT ?3",
        "iii", case_id, (int64_t)PROPOSAL_FAILED, (int64_t)REQUESTS_MOST);
    while (query_next(q))
        ids[n++] = query_i64(q, 0);
    return n;
}

struct thread {
    struct engine *e;
    const struct message *m;
    const struct proposal *p;
};

static void say_in_thread(void *ctx, const char *what, const char *text)
{
    const struct thread *t = ctx;
    AUTO_STR key = reply_key(t->m, t->p, what);
    reply(t->e, t->m, key, text);
}

static void reply_all(struct engine *e, const struct recovery *r, const struct message *m, const struct proposal *p)
{
    struct thread t = {.e = e, .m = m, .p = p};
    reply_proposal(e, m, p);
    card_replies(e, r, p, m->ref[0] == 'A', say_in_thread, &t);
}

static void refresh_request(struct engine *e, const struct recovery *r, const struct message *of_case,
                            const struct proposal *p)
{
    char ref[REF_SIZE];
    struct message m;
    struct place to = place_of_request(e);
    snprintf(ref, sizeof ref, "A-%lld", (long long)p->id);
    bool shown = message_load(e, ref, &m);
    message_fini(&m);
    if ((shown || p->state == PROPOSAL_ASKED) && to.channel && to.channel[0])
        card_sync(e, r, ref, &to, card_approval(e, r, p));
    if (message_load(e, ref, &m))
        reply_all(e, r, &m, p);
    message_fini(&m);
    bool by_machine = str_eq(p->requester, "policy");
    if (of_case && (!by_machine || p->state == PROPOSAL_FAILED || p->state == PROPOSAL_UNKNOWN))
        reply_all(e, r, of_case, p);
}

static void refresh_case(struct engine *e, const struct recovery *r)
{
    char ref[REF_SIZE];
    struct message m;
    int64_t ids[REQUESTS_MOST];
    struct place to = place_of_case(e, r);
    snprintf(ref, sizeof ref, "N-%lld", (long long)r->id);
    bool shown = message_load(e, ref, &m);
    message_fini(&m);
    if ((shown || card_wanted(e, r)) && to.channel && to.channel[0])
        card_sync(e, r, ref, &to, card_case(e, r));
    bool posted = message_load(e, ref, &m);
    size_t n = requests_of_case(e, r->id, ids);
    for (size_t i = n; i-- > 0;) {
        struct proposal *p = proposal_load(e, ids[i]);
        if (p)
            refresh_request(e, r, posted ? &m : NULL, p);
        proposal_free(p);
    }
    if (posted) {
        reply_owner_asked(e, r, &m);
        reply_closed(e, r, &m);
    }
    message_fini(&m);
}

void cards_refresh(struct engine *e)
{
    for (size_t i = 0; e->chat && i < e->n_dirty; i++) {
        struct recovery *r = recovery_load(e, e->dirty[i]);
        if (r)
            refresh_case(e, r);
        recovery_free(r);
    }
    e->n_dirty = 0;
}

/* ---- what came back ---- */

/* A person who cannot be written to is replaced by collections, once. */
static void card_fall_back(struct engine *e, struct message *m)
{
    const struct place to = {.channel = e->channel_collections, .mention = ""};
    struct recovery *r = recovery_load(e, m->case_id);
    json_auto_t *card = r ? card_case(e, r) : NULL;
    AUTO_STR state = str_fmt("fallback:%s", m->channel);
    message_set(&m->state, state);
    if (card)
        card_post(e, m, &to, card, m->hash, 0);
    recovery_free(r);
}

/* The platform refused. A refused edit means that the message is gone: it is posted anew at once. A refused post
 * is tried again with the next change only, or it would be tried for ever. */
static void card_refused(struct engine *e, struct message *m, bool update)
{
    bool to_person = m->ref[0] == 'N' && e->channel_collections && !str_eq(m->channel, e->channel_collections);
    if (!update && to_person && !is_fallback(m)) {
        card_fall_back(e, m);
        return;
    }
    message_set(&m->message, NULL);
    message_set(&m->state, "lost");
    message_save(e, m);
    if (update)
        engine_dirty(e, m->case_id);
}

/* Posted where the card does not belong any more: it moved on while the post was out. */
static void card_overtaken(struct engine *e, const struct message *m, int64_t effect_id, const char *packed,
                           const char *sent_to)
{
    struct recovery *r = recovery_load(e, m->case_id);
    struct message old = {.case_id = m->case_id};
    str_copy(old.ref, sizeof old.ref, m->ref);
    old.channel = str_dup(sent_to);
    old.message = str_dup(packed);
    json_auto_t *left = r ? card_handed_on(e, r) : NULL;
    AUTO_STR key = str_fmt("card-%s-void-e%lld", m->ref, (long long)effect_id);
    if (left)
        send_update(e, &old, left, key, "", 0);
    message_fini(&old);
    recovery_free(r);
}

void cards_posted(struct engine *e, int64_t effect_id, const json_t *args, const json_t *result)
{
    struct message m;
    bool update = json_str(args, "message", NULL) != NULL;
    const char *sent_to = json_str(args, update ? "sent_to" : "channel", "");
    if (!message_load(e, json_str(args, "ref", ""), &m))
        return;
    bool here = str_eq(m.channel, sent_to);
    if (!result) {
        if (here)
            card_refused(e, &m, update);
        message_fini(&m);
        return;
    }
    AUTO_STR packed = str_fmt("%s %s", json_str(result, "channel", sent_to), json_str(result, "message", ""));
    if (!here) {
        card_overtaken(e, &m, effect_id, packed, sent_to);
    } else if (!m.message || !str_eq(m.message, packed)) {
        message_set(&m.message, packed);
        if (!is_fallback(&m))
            message_set(&m.state, "posted");
        message_save(e, &m);
        engine_dirty(e, m.case_id); /* what changed while it was out, and replies that waited for it */
    }
    message_fini(&m);
}
