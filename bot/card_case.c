/* The alert card: why you, what is unpaid, what happens if nobody acts, and what to do about it, in ten seconds.
 *
 * It is built from the state alone, anew each time, so its text is the state: a hold that billing has not
 * confirmed is "being set up", a call without an answer is "unknown, reconciling", and when the case is closed
 * there is nothing left to press. Moments are markers that each platform shows in the reader's own zone, so the
 * card does not change by itself while time passes. */
#include <stdio.h>
#include <string.h>

#include "bot/cards.h"
#include "bot/words.h"
#include "engine/by_hand.h"
#include "engine/readings.h"
#include "engine/proposal_money.h"
#include "engine/when.h"

enum { TASKS_LOOKED = 8, REASONS_MOST = 4, DONE_MOST = 3, OFFER_MOST = 3, LEFT_SIZE = 240, NAME_BRIEF = 81, BUTTON_LABEL = 72 };

static const char *case_ref(char out[32], const struct recovery *r)
{
    snprintf(out, 32, "N-%lld", (long long)r->id);
    return out;
}

/* ---- what the head says ---- */

static const char *case_severity(struct engine *e, const struct recovery *r)
{
    if (r->state == RECOVERY_CLOSED)
        return str_eq(r->outcome, "paid") ? "good" : "info";
    if (case_unknown(e, r->id))
        return "warn";
    switch (r->state) {
    case RECOVERY_HELD:
    case RECOVERY_QUEUED: return r->claimed ? "warn" : "alert";
    case RECOVERY_DISPUTED: return "warn";
    case RECOVERY_READING:
    case RECOVERY_RETRYING:
    case RECOVERY_WAITING:
    case RECOVERY_PLANNED:
    case RECOVERY_PROMISED:
    case RECOVERY_CLOSED: break;
    }
    return "info";
}

static void case_title(struct buf *out, const struct recovery *r)
{
    char name[WORDS_NAME], brief[NAME_BRIEF], outcome[WORDS_NAME];
    str_copy(brief, sizeof brief, words_name(name, r)); /* leaves room for the amount in a head line */
    buf_addf(out, "%s: ", brief);
    if (r->state == RECOVERY_CLOSED)
        buf_addf(out, "closed, %s", words_plain(outcome, sizeof outcome, r->outcome));
    else
        words_unpaid(out, r);
}

/* In shadow mode what policy does by itself is not done; a hold from a time when it was live is on all the same. */
static const char *shadow_words(struct engine *e, const struct recovery *r)
{
    AUTO_BUF hold = BUF(WORDS_SIZE);
    if (r->state == RECOVERY_HELD && !words_hold(&hold, e, r))
        return "notices and retries would be held while somebody decides";
    if (r->state == RECOVERY_RETRYING)
        return "the payment would be tried again";
    return r->state == RECOVERY_WAITING ? "the customer would have a payment link" : NULL;
}

static const char *state_words(const struct recovery *r)
{
    switch (r->state) {
    case RECOVERY_READING: return "billing is being read";
    case RECOVERY_HELD: return "notices and retries are held while somebody decides";
    case RECOVERY_RETRYING: return "the payment is tried again";
    case RECOVERY_WAITING: return "the customer has a payment link";
    case RECOVERY_QUEUED: return "it waits for a collector";
    case RECOVERY_PLANNED: return "it is paid by instalments";
    case RECOVERY_PROMISED: return "the customer promised to pay";
    case RECOVERY_DISPUTED: return "the customer disputes it";
    case RECOVERY_CLOSED: break;
    }
    return "nothing is left to do";
}

/* One sentence that stands alone: a phone's lock screen shows nothing else. */
static void case_summary(struct buf *out, struct engine *e, const struct recovery *r)
{
    AUTO_BUF title = BUF(WORDS_SIZE);
    case_title(&title, r);
    const char *shadow = e->shadow ? shadow_words(e, r) : NULL;
    buf_addf(out, "%s; %s.", buf_text(&title), shadow ? shadow : state_words(r));
}

/* ---- paragraphs ---- */

static void say_why(json_t *card, const struct engine *e, const struct recovery *r)
{
    char reason[300];
    const struct account *a = book_by_key(e->book, r->account);
    AUTO_BUF out = BUF(WORDS_SIZE);
    if (!r->owner[0])
        buf_adds(&out, "Why here: nobody owns this account");
    else if (r->claimed)
        buf_addf(&out, "%s handles it", words_person(e, r->owner));
    else if (a && str_eq(a->ae, r->owner))
        buf_addf(&out, "Why you: you are the account executive (%s)", words_person(e, r->owner));
    else
        buf_adds(&out, "Why you: you own this case");
    for (size_t i = 0; i < json_array_size(r->reasons) && i < REASONS_MOST; i++) {
        const char *text = json_string_value(json_array_get(r->reasons, i));
        bool stopped = out.n > 0 && out.p[out.n - 1] == '.'; /* some reasons end with a full stop, some do not */
        buf_addf(&out, "%s %s", stopped ? "" : ".", words_plain(reason, sizeof reason, text));
    }
    card_paragraph(card, buf_text(&out));
}

/* The title says how much; this, for what and since when. */
static void say_unpaid(json_t *card, const struct engine *e, const struct recovery *r)
{
    char number[WORDS_NAME];
    AUTO_BUF out = BUF(WORDS_SIZE);
    int64_t oldest = facts_i64(&r->facts, "invoice.oldest_due_ms", 0);
    size_t n = json_array_size(r->invoices);
    if (n == 0)
        return;
    words_plain(number, sizeof number, facts_str(&r->facts, "invoice.number"));
    buf_addf(&out, "%s%s", number[0] ? "Invoice " : "Invoice", number);
    if (n > 1)
        buf_addf(&out, " and %zu other%s; the oldest", n - 1, n > 2 ? "s" : "");
    if (oldest > 0)
        buf_addf(&out, " %s due {ago:%lld}", oldest > e->now_ms ? "is" : "was", (long long)oldest);
    words_owed(&out, r);
    card_paragraph(card, buf_text(&out));
}

static void say_decline(json_t *card, const struct engine *e, const struct recovery *r)
{
    char left[LEFT_SIZE] = "";
    AUTO_BUF out = BUF(WORDS_SIZE);
    if (!words_decline(&out, r))
        return;
    bool may = policy_may_retry(e->policy, &r->facts, left, sizeof left);
    if (left[0])
        buf_addf(&out, ". %s: %s", may ? "It may be tried again" : "No retry now", left);
    card_paragraph(card, buf_text(&out));
}

/* A sentence of words.h on a line of its own. */
static void say(json_t *card, struct engine *e, const struct recovery *r,
                bool (*words)(struct buf *, struct engine *, const struct recovery *))
{
    AUTO_BUF out = BUF(WORDS_SIZE);
    if (words(&out, e, r))
        card_paragraph(card, buf_text(&out));
}

/* What waits for a decision or for somebody's hand, then what was done lately, the newest first, each with where it really
 * stands. The hold that policy itself sets has a sentence of its own, so it is only listed when there is more to say. */
static void say_proposals(json_t *card, struct engine *e, const struct recovery *r)
{
    int64_t ids[DONE_MOST];
    size_t n = 0;
    struct query *q = store_query(
        e->store,
        "SELECT id FROM proposals WHERE case_id = ?1 AND NOT (requester = 'policy' AND verb IN (?3, ?4) AND (state = ?7 OR "
        "(outcome = '' AND state IN (?5, ?6)))) ORDER BY CASE WHEN is_live = 1 AND (asked = 1 OR outcome <> '') THEN 0 ELSE 1 END, "
        "id DESC LIMIT ?2",
        "iiiiiii", r->id, (int64_t)DONE_MOST, (int64_t)VERB_HOLD, (int64_t)VERB_EXTEND, (int64_t)PROPOSAL_QUEUED,
        (int64_t)PROPOSAL_EXECUTING, (int64_t)PROPOSAL_CONFIRMED);
    while (query_next(q))
        ids[n++] = query_i64(q, 0);
    AUTO_BUF out = BUF(WORDS_SIZE);
    for (size_t i = 0; i < n; i++) {
        struct proposal *p = proposal_load(e, ids[i]);
        if (p) {
            buf_adds(&out, out.n ? "\n- " : "Lately:\n- ");
            words_proposal(&out, e, p);
        }
        proposal_free(p);
    }
    card_paragraph(card, buf_text(&out));
}

static void say_next(json_t *card, const struct recovery *r)
{
    AUTO_BUF out = BUF(WORDS_SIZE);
    buf_adds(&out, "If nobody acts: ");
    words_next(&out, r);
    card_paragraph(card, buf_text(&out));
}

/* The longest plan of up to three instalments that needs nobody's approval; false when there is none. */
static bool offer_inside(struct buf *out, struct engine *e, const struct recovery *r)
{
    char why[256], amount[MONEY_TEXT_SIZE];
    const char *zone = facts_str(&r->facts, "account.timezone");
    int64_t first = when_business_hour(when_add_days(e->now_ms, 7, zone), 9, zone);
    for (int n = OFFER_MOST; n > 1; n--) {
        json_auto_t *terms = plan_terms_make(e->policy, r, n, first, zone);
        if (!terms || plan_bound(e, r, terms, why, sizeof why) != BOUND_INSIDE)
            continue;
        struct money part = money_of(json_i64(terms, "instalments.0.amount", 0), r->due.currency);
        buf_addf(out, "a plan of %d instalments, the first about %s, needs no approval", n, money_text(amount, part));
        return true;
    }
    return false;
}

static void suggest_by_decline(struct buf *out, const struct recovery *r)
{
    switch (facts_str(&r->facts, "payment.class")[0]) {
    case 'H':
    case 'N': buf_adds(out, "ask for another card, or send the payment link"); break;
    case 'A': buf_adds(out, "send the payment link, so that they can confirm it with their bank"); break;
    default: buf_adds(out, "call and ask what stands in the way"); break;
    }
}

static void say_suggestion(json_t *card, struct engine *e, const struct recovery *r)
{
    AUTO_BUF out = BUF(WORDS_SIZE);
    buf_adds(&out, "Suggested: ");
    bool settled = r->state == RECOVERY_PROMISED || r->state == RECOVERY_PLANNED;
    if (!settled && facts_i64(&r->facts, "account.top_priority", 0) > 0)
        buf_adds(&out, "look at the top-priority ticket first, then ");
    if (r->state == RECOVERY_DISPUTED)
        buf_adds(&out, "settle what they dispute; nothing goes out to them until then");
    else if (settled)
        buf_adds(&out, "nothing for now, unless you hear from them");
    else
        suggest_by_decline(&out, r);
    AUTO_BUF offer = BUF(WORDS_SIZE);
    if ((r->state == RECOVERY_HELD || r->state == RECOVERY_QUEUED) && offer_inside(&offer, e, r))
        buf_addf(&out, "; %s", buf_text(&offer));
    card_paragraph(card, buf_text(&out));
}

static void say_closed(json_t *card, const struct recovery *r)
{
    AUTO_BUF out = BUF(WORDS_SIZE);
    buf_addf(&out, "Closed {ms:%lld}. Timers and open requests of this case have ended with it.",
             (long long)r->closed_ms);
    card_paragraph(card, buf_text(&out));
}

/* ---- facts, buttons ---- */

static void case_facts(json_t *card, const struct engine *e, const struct recovery *r)
{
    static const char *const facts[] = {"invoice.due",          "payment.decline_code",
                                        "invoice.attempts",     "account.annual_value",
                                        "account.renewal_ms",   "account.sentiment",
                                        "account.open_tickets", "account.top_priority"};
    for (size_t i = 0; i < DW_ARRAY_LEN(facts); i++)
        card_fact(card, e, &r->facts, facts[i]);
}

/* A counter-offer waits for whoever asked first, and that person looks at this card. */
static bool offer_buttons(json_t *card, struct engine *e, const struct recovery *r)
{
    int64_t id = store_i64(
        e->store, 0,
        "SELECT id FROM proposals WHERE case_id = ?1 AND is_live = 1 AND state = ?2 AND replaces > 0 ORDER BY id DESC "
        "LIMIT 1",
        "ii", r->id, (int64_t)PROPOSAL_ASKED);
    struct proposal *p = id ? proposal_load(e, id) : NULL;
    if (!p)
        return false;
    char what[256], label[BUTTON_LABEL], ref[32];
    proposal_words(p, what, sizeof what);
    AUTO_STR wide = str_fmt("Accept %s", what);
    str_copy(label, sizeof label, wide);
    snprintf(ref, sizeof ref, "A-%lld", (long long)p->id);
    card_confirm_yes(card_action(card, "approve", label, "primary", ref, p->revision), e, r, p, "Accept");
    card_action(card, "decline", "Decline the offer...", "", ref, p->revision);
    proposal_free(p);
    return true;
}

/* A plan that is asked for or on its way leaves no room for another. */
bool plan_possible(struct engine *e, const struct recovery *r)
{
    return r->state != RECOVERY_PLANNED &&
           store_i64(e->store, 0, "SELECT COUNT(*) FROM proposals WHERE case_id = ?1 AND is_live = 1 AND verb = ?2",
                     "ii", r->id, (int64_t)VERB_PLAN) == 0;
}

/* What was started a moment ago can be taken back. The newest only; NULL when nothing can. */
static struct proposal *undoable_of(struct engine *e, const struct recovery *r)
{
    int64_t id = store_i64(e->store, 0, "SELECT id FROM proposals WHERE case_id = ?1 AND is_live = 1 AND state = ?2 AND expires_ms > ?3 ORDER BY id DESC LIMIT 1", "iii",
                           r->id, (int64_t)PROPOSAL_QUEUED, e->now_ms);
    return id ? proposal_load(e, id) : NULL;
}

/* The oldest that waits for somebody's hand; NULL when none does. */
static struct proposal *task_of(struct engine *e, const struct recovery *r)
{
    int64_t ids[TASKS_LOOKED];
    size_t n = proposal_live(e, r->id, ids, TASKS_LOOKED);
    while (n-- > 0) {
        struct proposal *p = proposal_load(e, ids[n]);
        if (p && p->state != PROPOSAL_ASKED && by_hand_open(p, NULL))
            return p;
        proposal_free(p);
    }
    return NULL;
}

static void done_button(json_t *card, const struct proposal *p)
{
    AUTO_STR ref = str_fmt("A-%lld", (long long)p->id);
    AUTO_STR label = str_fmt("%s is done by hand", ref);
    card_action(card, "done", label, "", ref, p->revision);
}

static void case_buttons(json_t *card, struct engine *e, const struct recovery *r)
{
    char ref[32], undo[32];
    struct hold *h = hold_of_case(e, r->id);
    struct proposal *p = undoable_of(e, r), *task = task_of(e, r);
    case_ref(ref, r);
    bool offered = offer_buttons(card, e, r);
    if (p && !offered) {
        snprintf(undo, sizeof undo, "A-%lld", (long long)p->id);
        card_action(card, "undo", "Undo", "danger", undo, p->revision);
    } else if (!r->claimed && !offered) {
        card_action(card, "claim", "I'll handle it", "primary", ref, r->revision);
    }
    proposal_free(p);
    if (!offered && plan_possible(e, r))
        card_action(card, "plan", "Offer terms...", "", ref, r->revision);
    else if (!offered && money_nothing_else_runs(e, r, NULL) == 0)
        card_action(card, "settle", "Offer other terms...", "", ref, r->revision);
    if (task)
        done_button(card, task);
    else
        card_action(card, "hold", h ? "Extend the hold..." : "Hold notices...", "", ref, r->revision);
    proposal_free(task);
    card_more(card, "promise", "They promise to pay...", ref, r->revision);
    if (r->state != RECOVERY_DISPUTED)
        card_more(card, "dispute", "They dispute it...", ref, r->revision);
    card_more(card, "link", "Send the payment link", ref, r->revision);
    if (r->owner[0] && !r->claimed)
        card_more(card, "notmine", "Not my account", ref, r->revision);
    if (h && h->state == HOLD_ACTIVE)
        card_more(card, "resume", "End the hold now", ref, r->revision);
    hold_free(h);
}

static void case_footer(json_t *card, const struct recovery *r)
{
    char ref[32];
    AUTO_BUF out = BUF(WORDS_SIZE);
    buf_addf(&out, "Case %s, opened {ms:%lld}", case_ref(ref, r), (long long)r->opened_ms);
    if (r->rule[0])
        buf_addf(&out, ", rule %s", r->rule);
    buf_addf(&out, ". \"history %s\" tells the whole story.", ref);
    card_footer(card, buf_text(&out));
}

json_t *card_case(struct engine *e, const struct recovery *r)
{
    AUTO_BUF title = BUF(WORDS_SIZE);
    AUTO_BUF summary = BUF(WORDS_SIZE);
    case_title(&title, r);
    case_summary(&summary, e, r);
    json_t *card = card_new(e, buf_text(&title), case_severity(e, r), buf_text(&summary));
    char ref[32];
    json_put(card, "ref", case_ref(ref, r));
    case_footer(card, r);
    if (r->state == RECOVERY_CLOSED) {
        say_closed(card, r);
        say(card, e, r, words_hold); /* one that billing has not released yet */
        say_proposals(card, e, r);
        return card;
    }
    say_why(card, e, r);
    say_unpaid(card, e, r);
    say_decline(card, e, r);
    say(card, e, r, words_hold);
    say(card, e, r, words_plan);
    say(card, e, r, words_promise);
    say(card, e, r, words_chargebacks);
    say_proposals(card, e, r);
    say_next(card, r);
    say_suggestion(card, e, r);
    case_facts(card, e, r);
    if (!e->shadow) /* in shadow mode nothing is executed, so nothing is offered */
        case_buttons(card, e, r);
    return card;
}

json_t *card_handed_on(struct engine *e, const struct recovery *r)
{
    char name[WORDS_NAME], ref[32];
    words_name(name, r);
    AUTO_STR title = str_fmt("%.80s: handed to %s", name, r->owner[0] ? words_person(e, r->owner) : "collections");
    AUTO_STR summary = str_fmt("%s. There is nothing left to do here.", title);
    json_t *card = card_new(e, title, "info", summary);
    AUTO_STR footer = str_fmt("Case %s", case_ref(ref, r));
    card_footer(card, footer);
    return card;
}

json_t *card_replaced(struct engine *e, const struct recovery *r, const char *ref)
{
    char name[WORDS_NAME];
    AUTO_STR title = str_fmt("%s, %.80s: void, it was asked anew", ref, words_name(name, r));
    AUTO_STR summary = str_fmt("%s. What is asked has changed: please decide on its new card, below.", title);
    json_t *card = card_new(e, title, "info", summary);
    card_paragraph(card, "What is asked has changed. Please decide on its new card, below; nothing you do here counts.");
    AUTO_STR footer = str_fmt("Request %s", ref);
    card_footer(card, footer);
    return card;
}

/* Has the decision in force asked for a person to be told? */
static bool alert_asked(struct engine *e, int64_t case_id)
{
    struct query *q =
        store_query(e->store, "SELECT actions FROM decisions WHERE case_id = ?1 ORDER BY id DESC LIMIT 1", "i",
                    case_id);
    if (!query_next(q))
        return false;
    json_auto_t *actions = query_json(q, 0);
    query_end(q);
    size_t i;
    json_t *action;
    json_array_foreach(actions, i, action)
        if (json_object_get(action, action_name(ACT_ALERT)))
            return true;
    return false;
}

static bool last_failed(struct engine *e, int64_t case_id)
{
    return store_i64(e->store, -1, "SELECT state FROM proposals WHERE case_id = ?1 ORDER BY id DESC LIMIT 1", "i",
                     case_id) == PROPOSAL_FAILED;
}

static bool hand_asked(struct engine *e, int64_t case_id)
{
    return store_i64(e->store, 0, "SELECT count(*) FROM hands WHERE case_id = ?1", "i", case_id) > 0;
}

bool card_wanted(struct engine *e, const struct recovery *r)
{
    switch (r->state) {
    case RECOVERY_HELD:
    case RECOVERY_QUEUED:
    case RECOVERY_PLANNED:
    case RECOVERY_PROMISED:
    case RECOVERY_DISPUTED: return true;
    case RECOVERY_RETRYING:
    case RECOVERY_WAITING: return r->claimed || alert_asked(e, r->id) || last_failed(e, r->id) || hand_asked(e, r->id);
    case RECOVERY_READING:
    case RECOVERY_CLOSED: break;
    }
    return false;
}
