/* The approval card: everything a manager needs to say yes or no without opening anything else.
 *
 * What is asked, which bound it passes, who asked and why, what the customer is like, who may decide, and what
 * happens when nobody does: nothing. After the decision the card says who decided, by which right, when and why,
 * and then follows the truth: executing, confirmed with billing's id, unknown, failed. Once it has ended it is
 * built from the request alone, so that later news of the case do not rewrite what was decided. */
#include <stdio.h>
#include <string.h>

#include "bot/cards.h"
#include "bot/words.h"
#include "engine/approval.h"
#include "engine/by_hand.h"
#include "engine/proposal_money.h"
#include "engine/receipt.h"
#include "engine/settlement.h"
#include "engine/step_up.h"
#include "engine/waiting.h"
#include "engine/when.h"

enum { SCHEDULE_MOST = 6, PARTS_MOST = 12, WHAT_SIZE = 200, LABEL_SIZE = 72, NAME_BRIEF = 61 };

static bool is_over(const struct proposal *p)
{
    return p->state == PROPOSAL_DECLINED || p->state == PROPOSAL_COUNTERED || p->state == PROPOSAL_PARKED ||
           p->state == PROPOSAL_VOIDED || p->state == PROPOSAL_WITHDRAWN || p->state == PROPOSAL_CONFIRMED ||
           p->state == PROPOSAL_FAILED || p->state == PROPOSAL_SHADOW;
}

static const char *approval_severity(const struct proposal *p)
{
    switch (p->state) {
    case PROPOSAL_ASKED: return "alert";
    case PROPOSAL_CONFIRMED: return "good";
    case PROPOSAL_UNKNOWN:
    case PROPOSAL_FAILED:
    case PROPOSAL_VOIDED: return "warn";
    case PROPOSAL_DRAFTED:
    case PROPOSAL_SHADOW:
    case PROPOSAL_DECLINED:
    case PROPOSAL_COUNTERED:
    case PROPOSAL_PARKED:
    case PROPOSAL_WITHDRAWN:
    case PROPOSAL_QUEUED:
    case PROPOSAL_EXECUTING: break;
    }
    return "info";
}

static const char *state_head(const struct proposal *p)
{
    switch (p->state) {
    case PROPOSAL_DRAFTED:
    case PROPOSAL_ASKED: return p->replaces ? "Counter-offer" : "Approval needed";
    case PROPOSAL_SHADOW: return "Would be asked";
    case PROPOSAL_DECLINED: return "Declined";
    case PROPOSAL_COUNTERED: return "Countered";
    case PROPOSAL_PARKED: return "Expired, nothing changed";
    case PROPOSAL_VOIDED: return "Void";
    case PROPOSAL_WITHDRAWN: return "Withdrawn";
    case PROPOSAL_QUEUED:
        return p->expires_ms ? "Approved, runs in a moment" : p->verb == VERB_SETTLE && !settle_ready(p) ? "Approved, waits for their payment" : "Approved, queued";
    case PROPOSAL_EXECUTING: return "Approved, executing";
    case PROPOSAL_UNKNOWN: return "Unknown, reconciling";
    case PROPOSAL_CONFIRMED: return "Confirmed";
    case PROPOSAL_FAILED: return "Failed";
    }
    return "";
}

static void say_asked(json_t *card, const struct engine *e, const struct proposal *p, const struct waiting *w)
{
    char reason[600];
    AUTO_BUF out = BUF(WORDS_SIZE);
    buf_addf(&out, "%s %s on {ms:%lld}", words_person(e, p->requester),
             p->replaces ? "offers this instead" : "asked for this", (long long)p->created_ms);
    if (p->reason && p->reason[0])
        buf_addf(&out, ": \"%s\"", words_plain(reason, sizeof reason, p->reason));
    if (p->replaces)
        buf_addf(&out, ". It answers A-%lld", (long long)p->replaces);
    if (w->reopens)
        buf_addf(&out, ". It asks A-%lld again, which nobody decided", (long long)w->reopens);
    int64_t before = json_i64(p->basis, "instead_of", 0);
    if (before)
        buf_addf(&out, "\nAsked again instead of A-%lld, because %s", (long long)before,
                 words_plain(reason, sizeof reason, json_str(p->basis, "changed", "the facts changed")));
    card_paragraph(card, buf_text(&out));
}

static void say_schedule(json_t *card, const struct recovery *r, const struct proposal *p)
{
    AUTO_BUF out = BUF(WORDS_SIZE);
    buf_adds(&out, "Schedule:\n");
    if (words_schedule(&out, r, p->terms, p->amount.currency, SCHEDULE_MOST))
        card_paragraph(card, buf_text(&out));
}

/* Which invoices it is about, each with its amount; of a deferral also when billing would try by itself. */
static void say_parts(json_t *card, const struct recovery *r, const struct proposal *p)
{
    char amount[MONEY_TEXT_SIZE], number[80];
    const json_t *parts = json_at(p->terms, "parts");
    size_t n = json_array_size(parts);
    int64_t next_ms = facts_i64(&r->facts, "invoice.next_attempt_ms", 0);
    AUTO_BUF out = BUF(WORDS_SIZE);
    if (n < 2 && p->verb != VERB_DEFER)
        return;
    for (size_t i = 0; i < n && i < PARTS_MOST; i++) {
        const json_t *part = json_array_get(parts, i);
        buf_addf(&out, "%s%s (%s)", i ? ", " : "Invoices: ", words_plain(number, sizeof number, json_str(part, "number", "")),
                 money_text(amount, money_of(json_i64(part, "amount", 0), p->amount.currency)));
    }
    if (n > PARTS_MOST)
        buf_addf(&out, " and %zu more", n - PARTS_MOST);
    if (p->verb == VERB_DEFER && next_ms > 0 && p->state == PROPOSAL_ASKED)
        buf_addf(&out, "\nBilling would try next on {ms:%lld}. Notices go on.", (long long)next_ms);
    card_paragraph(card, buf_text(&out));
}

/* Which bound is passed, and who would carry it out: the billing system itself, or Dunwell step by step. */
static void say_policy(json_t *card, struct engine *e, const struct recovery *r, const struct proposal *p)
{
    AUTO_BUF out = BUF(WORDS_SIZE);
    char closest[160];
    buf_addf(&out, "Policy: %s", p->bound && p->bound[0] ? p->bound : "needs a manager");
    if (p->state == PROPOSAL_ASKED && p->verb == VERB_PLAN && plan_closest(e, r, p->terms, closest, sizeof closest))
        buf_addf(&out, "\nClosest terms that need no approval: %s", closest);
    words_carried_out(&out, e, r, p);
    card_paragraph(card, buf_text(&out));
}

static void say_history(json_t *card, struct engine *e, const struct recovery *r)
{
    AUTO_BUF out = BUF(WORDS_SIZE);
    int64_t before = store_i64(e->store, 0, "SELECT COUNT(*) FROM recoveries WHERE account = ?1 AND id < ?2", "ti",
                               r->account, r->id);
    int64_t paid =
        store_i64(e->store, 0, "SELECT COUNT(*) FROM recoveries WHERE account = ?1 AND id < ?2 AND outcome = 'paid'",
                  "ti", r->account, r->id);
    if (before == 0)
        buf_adds(&out, "History: the first time a payment of theirs fails");
    else
        buf_addf(&out, "History: %lld case%s before this one, %lld paid", (long long)before, before == 1 ? "" : "s",
                 (long long)paid);
    buf_adds(&out, ". ");
    words_decline(&out, r);
    card_paragraph(card, buf_text(&out));
}

static void say_needs(json_t *card, struct engine *e, const struct recovery *r, const struct proposal *p)
{
    AUTO_BUF out = BUF(WORDS_SIZE);
    words_needs(&out, e, r, p);
    if (step_up_wanted(e, p->amount))
        buf_adds(&out, ". A yes to this amount takes a one-time code");
    buf_adds(&out, "\nWhen approved: ");
    words_runs(&out, e, r, p);
    card_paragraph(card, buf_text(&out));
    buf_clear(&out);
    buf_addf(
        &out,
        "Open until {ms:%lld} ({ago:%lld}). If nobody decides, nothing is changed: the request is parked and can be asked again. "
        "Meanwhile: ",
        (long long)p->expires_ms, (long long)p->expires_ms);
    words_next(&out, r);
    card_paragraph(card, buf_text(&out));
}

static void say_escalated(json_t *card, const struct engine *e, const struct waiting *w)
{
    for (size_t i = 0; i < json_array_size(w->asked); i++) {
        AUTO_BUF out = BUF(WORDS_SIZE);
        words_escalation(&out, e, json_array_get(w->asked, i));
        card_paragraph(card, buf_text(&out));
    }
}

/* Parked is neither yes nor no: what goes on meanwhile, and how to ask again. */
static void say_parked(json_t *card, struct engine *e, const struct recovery *r, const struct proposal *p, const struct waiting *w)
{
    char ref[32];
    AUTO_BUF out = BUF(WORDS_SIZE);
    if (w->reopened_as) {
        buf_addf(&out, "It is asked again as A-%lld", (long long)w->reopened_as);
        card_paragraph(card, buf_text(&out));
        return;
    }
    if (r->state == RECOVERY_CLOSED)
        return;
    if (words_hold(&out, e, r))
        buf_addc(&out, '\n');
    buf_addf(&out, "Meanwhile: ");
    words_next(&out, r);
    card_paragraph(card, buf_text(&out));
    snprintf(ref, sizeof ref, "A-%lld", (long long)p->id);
    if (!e->shadow)
        card_action(card, "reopen", "Ask again", "primary", ref, p->revision);
}

static void say_decision(json_t *card, struct engine *e, const struct proposal *p)
{
    AUTO_BUF out = BUF(WORDS_SIZE);
    bool yes = p->state == PROPOSAL_QUEUED || p->state == PROPOSAL_EXECUTING || p->state == PROPOSAL_UNKNOWN ||
               p->state == PROPOSAL_CONFIRMED || p->state == PROPOSAL_FAILED;
    if (yes && p->decider && p->decider[0]) {
        words_deciders(&out, e, p);
        buf_addc(&out, '\n');
    }
    buf_adds(&out, "Now: ");
    words_state(&out, e, p);
    card_paragraph(card, buf_text(&out));
}

static void approval_facts(json_t *card, const struct engine *e, const struct recovery *r)
{
    static const char *const names[] = {"invoice.due",          "payment.decline_code", "invoice.attempts",
                                        "account.annual_value", "account.renewal_ms",   "account.sentiment",
                                        "account.open_tickets"};
    card_field(card, "Tier", r->tier);
    for (size_t i = 0; i < DW_ARRAY_LEN(names); i++)
        card_fact(card, e, &r->facts, names[i]);
}

void card_confirm_yes(json_t *action, struct engine *e, const struct recovery *r, const struct proposal *p, const char *word)
{
    char what[WHAT_SIZE], name[WORDS_NAME];
    AUTO_BUF after = BUF(WORDS_SIZE);
    json_t *confirm = json_object();
    proposal_words(p, what, sizeof what);
    words_after_yes(&after, e, r, p);
    AUTO_STR title = str_fmt("%s A-%lld?", word, (long long)p->id);
    AUTO_STR text = str_fmt("%.100s: %s. %s", words_name(name, r), what, buf_text(&after));
    json_put(confirm, "title", title);
    json_put(confirm, "text", text);
    json_put(confirm, "yes", word);
    json_put_new(action, "confirm", confirm);
}

/* One click more is asked for before a yes: a form for the one-time code, or a plain "are you sure". */
static void approve_button(json_t *card, struct engine *e, const struct recovery *r, const struct proposal *p, const char *what)
{
    char ref[32], label[LABEL_SIZE];
    bool coded = step_up_wanted(e, p->amount);
    snprintf(ref, sizeof ref, "A-%lld", (long long)p->id);
    AUTO_STR wide = str_fmt("Approve %s%s", coded ? "with a code: " : "", what);
    str_copy(label, sizeof label, wide);
    json_t *yes = card_action(card, "approve", label, "primary", ref, p->revision);
    AUTO_STR typed = str_fmt("approve %s code 123456", ref);
    if (coded) {
        json_put(yes, "command", typed);
        return;
    }
    card_confirm_yes(yes, e, r, p, "Approve");
}

static void approval_buttons(json_t *card, struct engine *e, const struct recovery *r, const struct proposal *p, const char *what)
{
    char ref[32];
    snprintf(ref, sizeof ref, "A-%lld", (long long)p->id);
    approve_button(card, e, r, p, what);
    if (p->verb == VERB_PLAN)
        card_action(card, "counter", "Counter...", "", ref, p->revision);
    if (p->verb == VERB_CREDIT || (p->verb == VERB_SETTLE && !settle_ready(p))) {
        AUTO_STR typed = str_fmt("counter %s <amount>", ref);
        json_put(card_action(card, "counter", "Counter...", "", ref, p->revision), "command", typed);
    }
    card_action(card, "decline", "Decline...", "danger", ref, p->revision);
    card_more(card, "history", "What happened so far", ref, p->revision);
    card_more(card, "withdraw", "Take the request back", ref, p->revision);
}

/* What only some of those who look at the card can use, and only now. */
static void vote_buttons(json_t *card, struct engine *e, const struct proposal *p)
{
    struct tally t;
    bool emergency = false;
    AUTO_STR ref = str_fmt("A-%lld", (long long)p->id);
    votes_of(e, ref, &t);
    for (size_t i = 0; i < people_count(e->people); i++)
        emergency |= people_at(e->people, i)->break_glass;
    if (t.n)
        card_more(card, "unvote", "Take my yes back", ref, p->revision);
    if (emergency)
        card_more(card, "emergency", "Emergency: decide alone...", ref, p->revision);
}

json_t *card_approval(struct engine *e, const struct recovery *r, const struct proposal *p)
{
    char what[WHAT_SIZE], whole[WORDS_NAME], name[NAME_BRIEF];
    proposal_words(p, what, sizeof what);
    str_copy(name, sizeof name, words_name(whole, r));
    AUTO_STR title = str_fmt("%s: %s, %s", state_head(p), name, what);
    AUTO_STR summary = str_fmt("%s; A-%lld, %s by %s.", title, (long long)p->id, p->replaces ? "offered" : "asked",
                               words_person(e, p->requester));
    json_t *card = card_new(e, title, approval_severity(p), summary);
    json_put_new(card, "ref", json_sprintf("A-%lld", (long long)p->id));
    char receipt[RECEIPT_SIZE], ref[32];
    snprintf(ref, sizeof ref, "A-%lld", (long long)p->id);
    receipt_of(e, ref, receipt);
    AUTO_STR footer = str_fmt("Request %s of case N-%lld, policy %s%s%s", ref, (long long)r->id, p->policy_version ? p->policy_version : "",
                              receipt[0] ? ", receipt " : "", receipt);
    card_footer(card, footer);
    struct waiting w;
    waiting_load(e, p->id, &w);
    say_asked(card, e, p, &w);
    say_schedule(card, r, p);
    say_parts(card, r, p);
    say_policy(card, e, r, p);
    if (p->state == PROPOSAL_ASKED) {
        say_history(card, e, r);
        say_needs(card, e, r, p);
        say_escalated(card, e, &w);
    } else {
        say_decision(card, e, p);
    }
    if (p->state == PROPOSAL_PARKED)
        say_parked(card, e, r, p, &w);
    if (!is_over(p))
        approval_facts(card, e, r);
    if (p->state == PROPOSAL_ASKED && !e->shadow) {
        approval_buttons(card, e, r, p, what);
        vote_buttons(card, e, p);
    } else if (proposal_undoable(e, p)) {
        card_action(card, "undo", "Undo", "danger", ref, p->revision);
    } else if (!is_over(p) && by_hand_open(p, NULL)) {
        card_action(card, "done", "It is done by hand", "primary", ref, p->revision);
    }
    waiting_fini(&w);
    return card;
}
