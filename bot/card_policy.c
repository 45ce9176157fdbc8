/* The card of a change of the policy: what becomes different in words, what it would have decided differently, whose yes it
 * takes, and who has said it. The same card on every platform, in the approvals channel. */
#include <stdio.h>
#include <string.h>

#include "bot/card_sync.h"
#include "bot/words.h"
#include "engine/policy_request.h"
#include "engine/receipt.h"
#include "engine/step_up.h"
#include "engine/when.h"

enum { OPEN_MOST = 16, TEXT_MOST = 1800 };

static const char *head(const struct policy_request *p)
{
    return str_eq(p->state, "asked")      ? "Change of policy, approval needed"
           : str_eq(p->state, "in_force") ? "Change of policy, in force"
           : str_eq(p->state, "declined") ? "Change of policy, declined"
           : str_eq(p->state, "parked")   ? "Change of policy, expired, nothing changed"
           : str_eq(p->state, "reopened") ? "Change of policy, asked again"
                                          : "Change of policy, not made";
}

/* A long list is cut at a line; all of it is in the file. */
static void say_cut(json_t *card, const char *title, const char *text)
{
    size_t n = strlen(text), keep = n;
    if (n == 0)
        return;
    if (n > TEXT_MOST) {
        AUTO_STR front = str_ndup(text, TEXT_MOST);
        const char *line = strrchr(front, '\n');
        keep = line ? (size_t)(line - front) + 1 : TEXT_MOST;
    }
    AUTO_STR whole = str_fmt("%s\n%.*s%s", title, (int)keep, text, keep < n ? "... and more: the file has all of it" : "");
    card_paragraph(card, whole);
}

static void say_votes(json_t *card, const struct engine *e, const struct policy_request *p)
{
    struct subject s = policy_request_subject(p);
    struct approval a;
    struct tally t;
    char words[300];
    AUTO_BUF out = BUF(WORDS_SIZE);
    policy_approval(e->policy, &s, &a);
    approval_tally(e, &s, &a, &t);
    approval_words(&a, words, sizeof words);
    buf_addf(&out, "Needs: %s, and not %s", words, words_person(e, p->requester));
    if (t.n)
        buf_addf(&out, "\n%d of %d", t.have, t.want);
    for (size_t i = 0; i < t.n; i++)
        buf_addf(&out, "\nYes: %s (%s) on {ms:%lld}", words_person(e, t.votes[i].person), t.votes[i].right, (long long)t.votes[i].at_ms);
    buf_addf(&out, "\nOpen until {ms:%lld} ({ago:%lld}). Nothing changes until it is approved; if nobody decides it is parked, and can be asked again.",
             (long long)policy_request_until(e, p), (long long)policy_request_until(e, p));
    for (size_t i = 0; i < json_array_size(p->waiting.asked); i++) {
        buf_addc(&out, '\n');
        words_escalation(&out, e, json_array_get(p->waiting.asked, i));
    }
    if (step_up_wanted(e, s.amount))
        buf_addf(&out, "\nA yes to this takes a one-time code. Type: approve %s code 123456", s.ref);
    card_paragraph(card, buf_text(&out));
    approval_fini(&a);
}

static void approve_button(json_t *card, const struct policy_request *p, const char *ref)
{
    json_t *yes = card_action(card, "approve", "Approve the change", "primary", ref, p->revision);
    json_t *confirm = json_object();
    AUTO_STR title = str_fmt("Approve %s?", ref);
    json_put(confirm, "title", title);
    json_put(confirm, "text", "The new policy is in force at once, for every case from then on. It can be changed back the same way.");
    json_put(confirm, "yes", "Approve");
    json_put_new(yes, "confirm", confirm);
}

/* Where a code is wanted the click opens a form for it; the card says what to type where there are no forms. */
static void buttons(json_t *card, const struct engine *e, const struct policy_request *p, const char *ref)
{
    struct tally t;
    if (step_up_wanted(e, policy_request_subject(p).amount)) {
        AUTO_STR typed = str_fmt("approve %s code 123456", ref);
        json_put(card_action(card, "approve", "Approve with a code...", "primary", ref, p->revision), "command", typed);
    } else {
        approve_button(card, p, ref);
    }
    card_action(card, "decline", "Decline...", "danger", ref, p->revision);
    card_more(card, "withdraw", "Take the change back", ref, p->revision);
    votes_of(e, ref, &t);
    if (t.n)
        card_more(card, "unvote", "Take my yes back", ref, p->revision);
}

static json_t *card_policy(struct engine *e, const struct policy_request *p, const char *ref)
{
    char reason[600], receipt[RECEIPT_SIZE];
    bool asked = str_eq(p->state, "asked");
    AUTO_STR title = str_fmt("%s: %s", head(p), ref);
    AUTO_STR summary = str_fmt("%s, proposed by %s.", title, words_person(e, p->requester));
    json_t *card = card_new(e, title, asked ? "alert" : "info", summary);
    json_put(card, "ref", ref);
    AUTO_STR who = str_fmt("%s proposed this on {ms:%lld}%s%s", words_person(e, p->requester), (long long)p->created_ms, p->reason[0] ? ": " : "",
                           words_plain(reason, sizeof reason, p->reason));
    card_paragraph(card, who);
    say_cut(card, "What changes:", p->difference);
    say_cut(card, "In the last 90 days:", p->effect);
    if (asked)
        say_votes(card, e, p);
    else
        card_paragraph(card, p->outcome);
    receipt_of(e, ref, receipt);
    AUTO_STR footer = str_fmt("%s, policy %s instead of %s%s%s", ref, p->version, p->before, receipt[0] ? ", receipt " : "", receipt);
    card_footer(card, footer);
    if (asked && !e->shadow)
        buttons(card, e, p, ref);
    else if (str_eq(p->state, "parked") && !e->shadow)
        card_action(card, "reopen", "Ask again", "primary", ref, p->revision);
    return card;
}

/* ---- its thread: each line once for ever, and tagging nobody ---- */

static void reply_waits(struct engine *e, const struct message *m, const struct policy_request *p)
{
    char age[WHEN_TEXT_SIZE];
    if (p->waiting.reminded > 0) {
        AUTO_STR key = str_fmt("reply-%s-remind-%lld", m->ref, (long long)p->waiting.reminded);
        AUTO_STR text = str_fmt("%s has waited for %s: change of policy to %s, proposed by %s. It is open until {ms:%lld}; if nobody decides by then it is parked, and nothing "
                                "changes.", m->ref, when_age(age, e->now_ms - p->created_ms), p->version, words_person(e, p->requester), (long long)policy_request_until(e, p));
        message_reply(e, m, key, text);
    }
    for (size_t i = 0; i < json_array_size(p->waiting.asked); i++) {
        AUTO_BUF out = BUF(WORDS_SIZE);
        AUTO_STR key = str_fmt("reply-%s-escalated-%zu", m->ref, i + 1);
        words_escalation(&out, e, json_array_get(p->waiting.asked, i));
        buf_addc(&out, '.');
        message_reply(e, m, key, buf_text(&out));
    }
}

/* An edit of the card notifies nobody. */
static void reply_decided(struct engine *e, const struct message *m, const struct policy_request *p)
{
    char outcome[600];
    AUTO_STR key = str_fmt("reply-%s-%s", m->ref, p->state);
    size_t n = strlen(words_plain(outcome, sizeof outcome, p->outcome));
    AUTO_STR text = str_fmt("%s: %s%s", m->ref, outcome, n && outcome[n - 1] == '.' ? "" : ".");
    message_reply(e, m, key, text);
}

static void reply(struct engine *e, const struct policy_request *p, const char *ref, const struct chat_site *site)
{
    struct message m;
    if (!message_load(e, ref, site->name, &m))
        return;
    if (str_eq(p->state, "asked"))
        reply_waits(e, &m, p);
    else
        reply_decided(e, &m, p);
    message_fini(&m);
}

static void show(struct engine *e, const struct policy_request *p)
{
    char ref[REF_SIZE];
    snprintf(ref, sizeof ref, "P-%lld", (long long)p->id);
    json_auto_t *card = card_policy(e, p, ref);
    for (size_t i = 0; i < e->n_chats; i++) {
        struct place to = place_of_request(e, &e->chats[i]);
        if (!to.site)
            continue;
        card_sync(e, NULL, &(struct showing){.ref = ref, .card = card, .substance = "", .revision = p->revision}, &to);
        reply(e, p, ref, to.site);
    }
}

/* Those that are asked, and those that were until just now: their cards still stand. What was recorded without asking has none. */
void cards_refresh_policy(struct engine *e)
{
    int64_t ids[OPEN_MOST];
    size_t n = 0;
    struct query *q = store_query(e->store, "SELECT id FROM policy_requests WHERE difference <> '' ORDER BY id DESC LIMIT ?1", "i", (int64_t)OPEN_MOST);
    while (query_next(q))
        ids[n++] = query_i64(q, 0);
    while (n-- > 0) {
        struct policy_request *p = policy_request_load(e, ids[n]);
        if (p)
            show(e, p);
        policy_request_free(p);
    }
}
