/* What a request needs, who was asked, who has said yes by which right, and what is still missing: for its card, and for the
 * replies that tell of the decision. */
#include <stdio.h>

#include "bot/words.h"
#include "engine/approval.h"
#include "engine/delegation.h"
#include "engine/proposal_money.h"
#include "engine/settlement.h"
#include "engine/when.h"

enum { NAMES_MOST = 5 };

static void names(struct buf *out, const struct engine *e, const json_t *keys)
{
    size_t n = json_array_size(keys);
    for (size_t i = 0; i < n && i < NAMES_MOST; i++)
        buf_addf(out, "%s%s", i ? ", " : "", words_person(e, json_string_value(json_array_get(keys, i))));
    if (n > NAMES_MOST)
        buf_addf(out, " and %zu more", n - NAMES_MOST);
}

static void needs(struct buf *out, struct engine *e, const struct subject *s, const struct approval *a)
{
    char amount[MONEY_TEXT_SIZE], words[300];
    approval_words(a, words, sizeof words);
    buf_adds(out, "Needs:");
    if (s->acceptor[0])
        buf_addf(out, " %s, who asked first, to accept it; or", words_person(e, s->acceptor));
    buf_addf(out, " %s", words);
    if (s->amount.currency[0])
        buf_addf(out, " with a limit of %s or more", money_text(amount, s->amount));
    buf_addf(out, ", and not %s", words_person(e, s->requester));
    for (size_t i = 0; i < json_array_size(a->rules); i++)
        buf_addf(out, "%s%s", i ? ", " : " (rule ", json_string_value(json_array_get(a->rules, i)));
    buf_adds(out, json_array_size(a->rules) ? ")" : "");
}

static void vote_words(struct buf *out, const struct engine *e, const struct vote *v)
{
    char reason[400];
    buf_addf(out, "%s (%s) on {ms:%lld}", words_person(e, v->person), v->right, (long long)v->at_ms);
    if (v->reason[0])
        buf_addf(out, ": \"%s\"", words_plain(reason, sizeof reason, v->reason));
}

/* "1 of 2, needs Finance. Yes so far: ..." */
static void so_far(struct buf *out, const struct engine *e, const struct tally *t)
{
    char why[320];
    if (t->n == 0)
        return;
    buf_addf(out, "\n%d of %d", t->have, t->want);
    buf_addf(out, t->complete ? ": all have agreed; billing is read once more, then it goes on by itself" : ", needs %s", t->missing);
    for (size_t i = 0; i < t->n; i++) {
        buf_adds(out, "\nYes: ");
        vote_words(out, e, &t->votes[i]);
        if (!t->votes[i].counts)
            buf_addf(out, ". It counts no more: %s", words_plain(why, sizeof why, t->votes[i].why_not));
    }
}

static void asked(struct buf *out, struct engine *e, const struct subject *s, const struct approval *a)
{
    json_t *by_name, *others;
    approval_people(e, s, a, &by_name, &others);
    if (json_array_size(by_name)) {
        buf_adds(out, "\nAsked: ");
        names(out, e, by_name);
    }
    if (json_array_size(by_name) && json_array_size(others)) {
        buf_adds(out, ". May decide too: ");
        names(out, e, others);
    }
    for (size_t i = 0; i < json_array_size(others); i++) {
        char deputy[APPROVAL_WORD];
        const char *key = json_string_value(json_array_get(others, i));
        int64_t until_ms = away_until(e, key, deputy);
        if (until_ms)
            buf_addf(out, "\n%s is away until {ms:%lld}%s%s", words_person(e, key), (long long)until_ms, deputy[0] ? "; asked instead: " : "",
                     deputy[0] ? words_person(e, deputy) : "");
    }
    json_decref(by_name);
    json_decref(others);
}

void words_needs(struct buf *out, struct engine *e, const struct recovery *r, const struct proposal *p)
{
    struct subject s;
    struct approval a;
    struct tally t;
    proposal_subject(e, r, p, &s);
    proposal_approval(e, &s, p, &a);
    approval_tally(e, &s, &a, &t);
    needs(out, e, &s, &a);
    asked(out, e, &s, &a);
    so_far(out, e, &t);
    approval_fini(&a);
}

void words_deciders(struct buf *out, struct engine *e, const struct proposal *p)
{
    struct tally t;
    AUTO_STR ref = str_fmt("A-%lld", (long long)p->id);
    votes_of(e, ref, &t);
    size_t one = 0; /* whose word it was alone, though others may have said yes as well while facts were being read */
    while (one < t.n && !(str_eq(t.votes[one].word, "emergency") && str_eq(t.votes[one].person, p->decider)))
        one++;
    bool alone = one < t.n;
    buf_adds(out, alone ? "EMERGENCY: decided alone by " : "Approved by ");
    if (alone)
        vote_words(out, e, &t.votes[one]);
    for (size_t i = 0; !alone && i < t.n; i++) {
        buf_adds(out, i ? "\nand by " : "");
        vote_words(out, e, &t.votes[i]);
    }
    if (t.n == 0)
        buf_addf(out, "%s (%s) on {ms:%lld}", words_person(e, p->decider), p->right, (long long)p->decided_ms);
    if (alone)
        buf_adds(out, "\nEvery approver was told; the journal keeps it as a break-glass decision");
}

void words_after_yes(struct buf *out, struct engine *e, const struct recovery *r, const struct proposal *p)
{
    struct subject s;
    struct approval a;
    struct tally t;
    proposal_subject(e, r, p, &s);
    proposal_approval(e, &s, p, &a);
    approval_tally(e, &s, &a, &t);
    approval_fini(&a);
    if (t.want - t.have > 1)
        buf_addf(out, "It takes %d of them, %d so far. When all have agreed: ", t.want, t.have);
    words_runs(out, e, r, p);
}
