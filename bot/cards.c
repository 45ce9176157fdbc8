/* Which cards a case has, and that they and what is said beneath them equal its state.
 *
 * A dirty case has its cards built anew, from the state alone; where they belong is said by card_places.c, and what has to
 * happen for them to stand there by card_sync.c. Nothing here knows a platform by name. */
#include "bot/cards.h"

#include <stdio.h>

#include "bot/card_sync.h"

enum { REQUESTS_MOST = 16 };

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

/* What is being asked, as a hash: whose, what, how much. Not who has said what to it. */
static void substance_of(char hash[65], const struct recovery *r, const struct proposal *p)
{
    AUTO_STR terms = json_text(p->terms);
    AUTO_STR all = str_fmt("%s\n%s\n%s\n%lld %s\n%s", r->account, r->biller, verb_name(p->verb), (long long)p->amount.minor,
                           p->amount.currency, terms);
    text_sha256(hash, all);
}

/* On every platform: it can be decided on each. */
static void show_request(struct engine *e, const struct recovery *r, const char *ref, const struct proposal *p)
{
    char substance[65] = "";
    json_auto_t *card = NULL;
    if (p->state == PROPOSAL_ASKED)
        substance_of(substance, r, p);
    for (size_t i = 0; i < e->n_chats; i++) {
        struct place to = place_of_request(e, &e->chats[i]);
        struct message m;
        bool shown = message_load(e, ref, e->chats[i].name, &m);
        message_fini(&m);
        if (!to.site || (!shown && p->state != PROPOSAL_ASKED))
            continue;
        if (!card)
            card = card_approval(e, r, p);
        json_auto_t *here = json_copy(card);
        if ((e->chats[i].traits & TRAIT_REACTIONS) && tap_enough(e, p))
            json_put_new(here, "one_tap", json_true());
        card_sync(e, r, &(struct showing){.ref = ref, .card = here, .substance = substance, .revision = p->revision}, &to);
    }
}

static void refresh_request(struct engine *e, const struct recovery *r, const struct message *of_case, size_t n_of_case,
                            const struct proposal *p)
{
    char ref[REF_SIZE];
    struct message list[MESSAGES_MOST];
    snprintf(ref, sizeof ref, "A-%lld", (long long)p->id);
    show_request(e, r, ref, p);
    size_t n = messages_of(e, ref, list);
    for (size_t i = 0; i < n; i++) {
        reply_all(e, r, &list[i], p);
        taps_refresh(e, &list[i], p);
        for (size_t j = 0; j < n; j++)
            if (j != i && message_stuck(e, &list[j]))
                reply_unreachable(e, &list[i], &list[j], p);
    }
    messages_free(list, n);
    bool by_machine = str_eq(p->requester, "policy");
    if (by_machine && p->state != PROPOSAL_FAILED && p->state != PROPOSAL_UNKNOWN)
        return;
    for (size_t i = 0; i < n_of_case; i++)
        reply_all(e, r, &of_case[i], p);
}

/* Where its owner is; elsewhere it says where it went. */
static void show_case(struct engine *e, const struct recovery *r, const char *ref, bool shown)
{
    struct place to = place_of_case(e, r);
    if (!to.site || (!shown && !card_wanted(e, r)))
        return;
    json_auto_t *card = card_case(e, r);
    if (to.instead) {
        char title[PLATFORM_SIZE];
        AUTO_STR why = str_fmt("%s could not be reached since {ms:%lld}, so this stands here.", site_title(to.instead, title), (long long)to.since_ms);
        card_paragraph(card, why);
    }
    if (shown && e->n_chats > 1)
        card_leave(e, r, ref, to.site);
    card_sync(e, r, &(struct showing){.ref = ref, .card = card, .substance = ""}, &to);
}

static void refresh_case(struct engine *e, const struct recovery *r)
{
    char ref[REF_SIZE];
    int64_t ids[REQUESTS_MOST];
    struct message list[MESSAGES_MOST];
    snprintf(ref, sizeof ref, "N-%lld", (long long)r->id);
    size_t n = messages_of(e, ref, list);
    messages_free(list, n);
    show_case(e, r, ref, n > 0);
    n = messages_of(e, ref, list);
    for (size_t i = requests_of_case(e, r->id, ids); i-- > 0;) {
        struct proposal *p = proposal_load(e, ids[i]);
        if (p)
            refresh_request(e, r, list, n, p);
        proposal_free(p);
    }
    for (size_t i = 0; i < n; i++) {
        reply_owner_asked(e, r, &list[i]);
        reply_hands(e, r, &list[i]);
        reply_chargebacks(e, r, &list[i]);
        reply_closed(e, r, &list[i]);
    }
    messages_free(list, n);
}

void cards_refresh(struct engine *e)
{
    for (size_t i = 0; e->n_chats > 0 && i < e->n_dirty; i++) {
        struct recovery *r = e->dirty[i] ? recovery_load(e, e->dirty[i]) : NULL;
        if (r)
            refresh_case(e, r);
        else if (e->dirty[i] == 0)
            cards_refresh_policy(e);
        recovery_free(r);
    }
    e->n_dirty = 0;
}
