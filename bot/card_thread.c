/* What is said in the thread of a card: each decision once, and what an edit alone would tell nobody.
 *
 * A reply has a key that is unique for ever, so it does not matter how often its occasion is looked at; and where the card of
 * a request stands on several platforms, each thread gets it. */
#include "bot/card_replies.h"
#include "bot/card_sync.h"
#include "bot/words.h"
#include "engine/chargeback.h"
#include "engine/hands.h"
#include "engine/receipt.h"
#include "engine/when.h"

enum { HANDS_MOST = 8 };

/* "reply-A-17" in the thread of the request's own card, "reply-N-12-A-17" in that of its case. */
static char *reply_key(const struct message *m, const struct proposal *p, const char *what)
{
    return m->ref[0] == 'A' ? str_fmt("reply-%s-%s", m->ref, what)
                            : str_fmt("reply-%s-A-%lld-%s", m->ref, (long long)p->id, what);
}

static bool is_decision(enum proposal_state s)
{
    return s == PROPOSAL_DECLINED || s == PROPOSAL_COUNTERED || s == PROPOSAL_PARKED || s == PROPOSAL_VOIDED ||
           s == PROPOSAL_WITHDRAWN || s == PROPOSAL_CONFIRMED || s == PROPOSAL_FAILED || s == PROPOSAL_UNKNOWN;
}

static void reply_approved(struct engine *e, const struct message *m, const struct proposal *p, const char *what)
{
    AUTO_BUF out = BUF(WORDS_SIZE);
    AUTO_STR key = reply_key(m, p, "approved");
    buf_addf(&out, "A-%lld, %s. ", (long long)p->id, what);
    words_deciders(&out, e, p);
    words_receipt(&out, e, p);
    message_reply(e, m, key, buf_text(&out));
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
    message_reply(e, m, key, buf_text(&out));
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
    message_reply(t->e, t->m, key, text);
}

void reply_all(struct engine *e, const struct recovery *r, const struct message *m, const struct proposal *p)
{
    struct thread t = {.e = e, .m = m, .p = p};
    reply_proposal(e, m, p);
    card_replies(e, r, p, m->ref[0] == 'A', say_in_thread, &t);
}

/* Whoever is asked on a platform that cannot be reached does not see it: the others are told. */
void reply_unreachable(struct engine *e, const struct message *m, const struct message *stuck, const struct proposal *p)
{
    char title[PLATFORM_SIZE];
    const struct chat_site *site = engine_chat(e, stuck->platform);
    if (!site || p->state != PROPOSAL_ASKED)
        return;
    AUTO_STR key = str_fmt("reply-%s-away-%s-%lld", m->ref, stuck->platform, (long long)stuck->since_ms);
    AUTO_STR text = str_fmt("%s could not be reached since {ms:%lld}: nobody has seen %s there. Please decide here.", site_title(site, title),
                            (long long)stuck->since_ms, m->ref);
    message_reply(e, m, key, text);
}

void reply_closed(struct engine *e, const struct recovery *r, const struct message *m)
{
    char outcome[WORDS_NAME];
    if (r->state != RECOVERY_CLOSED)
        return;
    AUTO_STR key = str_fmt("reply-%s-closed", m->ref);
    AUTO_STR text = str_fmt("Closed: %s.", words_plain(outcome, sizeof outcome, r->outcome));
    message_reply(e, m, key, text);
}

/* "The plan's first date is ...": what becomes of it when nobody does it, once that is near. */
static void say_end(struct buf *out, struct engine *e, const struct proposal *p)
{
    int64_t until = hands_until_ms(e, p);
    if (p->verb == VERB_PLAN)
        buf_addf(out, ". The plan's first date is {ms:%lld}; if it is not done by then, the plan does not begin.", (long long)until);
    else if (until)
        buf_addf(out, ". The hold ends on {ms:%lld}; until it is done, reminders and retries go on there.", (long long)until);
    else
        buf_addc(out, '.');
    if (p->verb != VERB_RELEASE)
        buf_addf(out, " If it will not be done: withdraw A-%lld.", (long long)p->id);
}

static void reply_hand(struct engine *e, const struct recovery *r, const struct message *m, const struct proposal *p)
{
    struct hands w;
    char plain[WORDS_SIZE], age[WHEN_TEXT_SIZE];
    AUTO_STR what = hands_words(e, r, p);
    if (!what || !hands_load(e, p->id, &w) || !w.said)
        return;
    AUTO_BUF out = BUF(2 * WORDS_SIZE);
    AUTO_STR key = str_fmt("reply-%s-A-%lld-hand-%lld", m->ref, (long long)p->id, (long long)w.said);
    buf_addf(&out, "%s, this has waited for %s: %s", words_person(e, r->owner[0] ? r->owner : "Collections"), when_age(age, e->now_ms - w.since_ms), words_plain(plain, sizeof plain, what));
    say_end(&out, e, p);
    message_reply(e, m, key, buf_text(&out));
}

void reply_hands(struct engine *e, const struct recovery *r, const struct message *m)
{
    int64_t ids[HANDS_MOST];
    size_t n = 0;
    struct query *q = store_query(e->store, "SELECT proposal_id FROM hands WHERE case_id = ?1 AND said > 0 ORDER BY proposal_id LIMIT ?2", "ii", r->id, (int64_t)HANDS_MOST);
    for (; query_next(q); n++)
        ids[n] = query_i64(q, 0);
    for (size_t i = 0; i < n; i++) {
        struct proposal *p = proposal_load(e, ids[i]);
        if (p)
            reply_hand(e, r, m, p);
        proposal_free(p);
    }
}

/* Whoever waited for the bank's word hears it, and what follows from it at that moment. */
void reply_chargebacks(struct engine *e, const struct recovery *r, const struct message *m)
{
    struct chargeback list[CHARGEBACKS_SHOWN];
    size_t n = r->state == RECOVERY_CLOSED ? 0 : chargebacks_of(e, r, list);
    for (size_t i = 0; i < n; i++) {
        char plain[WORDS_SIZE];
        if (str_eq(list[i].state, "open"))
            continue; /* the card says it */
        AUTO_BUF out = BUF(2 * WORDS_SIZE);
        AUTO_STR key = str_fmt("reply-%s-bank-%s-%s-%lld", m->ref, list[i].payment, list[i].state, (long long)list[i].at_ms);
        buf_addf(&out, "%s, %s. Next: ", words_person(e, r->owner[0] ? r->owner : "Collections"), words_plain(plain, sizeof plain, list[i].words));
        words_next(&out, r);
        message_reply(e, m, key, buf_text(&out));
    }
    chargebacks_free(list, n);
}

/* An edit notifies nobody: what needs the owner's word now is said in the thread as well. */
void reply_owner_asked(struct engine *e, const struct recovery *r, const struct message *m)
{
    struct hold *h = hold_of_case(e, r->id);
    if (h && h->state == HOLD_ACTIVE && r->state == RECOVERY_HELD && e->now_ms >= h->ask_ms) {
        AUTO_STR key = str_fmt("reply-%s-ask-H-%lld-%lld", m->ref, (long long)h->id, (long long)h->end_ms);
        AUTO_STR text = str_fmt("%s, the hold ends on {ms:%lld}. Extend it, offer a plan, or do nothing: then notices and retries resume by themselves.",
                                words_person(e, r->owner[0] ? r->owner : "Collections"), (long long)h->end_ms);
        message_reply(e, m, key, text);
    }
    hold_free(h);
    int64_t broken = store_i64(e->store, 0, "SELECT id FROM promises WHERE case_id = ?1 AND state = 'broken' ORDER BY id DESC LIMIT 1", "i", r->id);
    if (broken && r->state == RECOVERY_QUEUED) {
        AUTO_STR key = str_fmt("reply-%s-promise-%lld", m->ref, (long long)broken);
        message_reply(e, m, key, "The promised payment has not come. Call the customer, or agree on something else.");
    }
}
