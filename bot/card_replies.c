/* Lines in a thread that no decision makes. A reminder tags nobody: it moves the thread up for those who follow it, and
 * that is all. The number of the reminder is its name, so a line that was missed while the platform was away is said once,
 * as the newest of its kind. */
#include "bot/card_replies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bot/words.h"
#include "engine/ending.h"
#include "engine/waiting.h"
#include "engine/when.h"

static void say_reminder(struct engine *e, const struct proposal *p, const struct waiting *w, card_say say, void *ctx)
{
    char what[32], words[256], age[WHEN_TEXT_SIZE];
    if (w->reminded == 0 || p->state != PROPOSAL_ASKED)
        return;
    proposal_words(p, words, sizeof words);
    snprintf(what, sizeof what, "remind-%lld", (long long)w->reminded);
    AUTO_STR text = str_fmt("A-%lld has waited for %s: %s, asked by %s. It is open until {ms:%lld}; if nobody decides by then it is parked, and nothing changes.",
                            (long long)p->id, when_age(age, e->now_ms - p->created_ms), words, words_person(e, p->requester), (long long)p->expires_ms);
    say(ctx, what, text);
}

void words_escalation(struct buf *out, const struct engine *e, const json_t *step)
{
    size_t n = json_array_size(json_object_get(step, "people"));
    buf_addf(out, "Nobody had decided after %lld h", (long long)json_i64(step, "after_hours", 0));
    buf_adds(out, n ? ", so these are asked as well: " : ", and nobody of the next group (");
    for (size_t i = 0; i < n; i++)
        buf_addf(out, "%s%s", i ? ", " : "", words_person(e, json_string_value(json_array_get(json_object_get(step, "people"), i))));
    for (size_t i = 0; n == 0 && i < json_array_size(json_object_get(step, "ask")); i++)
        buf_addf(out, "%s%s", i ? ", " : "", json_string_value(json_array_get(json_object_get(step, "ask"), i)));
    if (n == 0)
        buf_adds(out, ") may decide on this");
}

static void say_escalations(struct engine *e, const struct proposal *p, const struct waiting *w, card_say say, void *ctx)
{
    for (size_t i = 0; p->state == PROPOSAL_ASKED && i < json_array_size(w->asked); i++) {
        char what[32];
        AUTO_BUF out = BUF(WORDS_SIZE);
        snprintf(what, sizeof what, "escalated-%zu", i + 1);
        words_escalation(&out, e, json_array_get(w->asked, i));
        buf_addc(&out, '.');
        say(ctx, what, buf_text(&out));
    }
}

static void say_reopened(const struct proposal *p, const struct waiting *w, card_say say, void *ctx)
{
    char plain[512], what[48], hash[65];
    if (p->state == PROPOSAL_PARKED && w->reopened_as) {
        AUTO_STR text = str_fmt("A-%lld is asked again, as A-%lld, on the facts of now.", (long long)p->id, (long long)w->reopened_as);
        say(ctx, "reopened", text);
    }
    if (p->state == PROPOSAL_PARKED && w->note[0]) {
        AUTO_STR text = str_fmt("A-%lld could not be asked again: %s", (long long)p->id, words_plain(plain, sizeof plain, w->note));
        text_sha256(hash, w->note);
        snprintf(what, sizeof what, "not-reopened-%.12s", hash);
        say(ctx, what, text);
    }
}

/* Of a long plan not every instalment is news. */
static bool is_news(const struct ending *o)
{
    int64_t paid = strncmp(o->mark, "kept-", 5) == 0 ? strtoll(o->mark + 5, NULL, 10) : 0;
    return o->kind != ENDING_NONE && (paid <= 6 || paid % 3 == 0);
}

/* What somebody decided comes back to them: in the thread of the decision, and in that of the case. */
static void say_outcome(struct engine *e, const struct recovery *r, const struct proposal *p, card_say say, void *ctx)
{
    struct ending o;
    char what[40], plain[320];
    ending_of(e, r, p, &o);
    const char *who = p->decider[0] || !str_eq(o.mark, "mail-failed") ? p->decider : p->requester; /* nobody has to decide on a link */
    if (!who[0] || !is_news(&o))
        return;
    snprintf(what, sizeof what, "outcome-%s", o.mark);
    AUTO_STR text = str_fmt("A-%lld, %s %s: %s.", (long long)p->id, str_eq(who, p->requester) ? "asked by" : "approved by", words_person(e, who),
                            words_plain(plain, sizeof plain, o.text));
    say(ctx, what, text);
}

void card_replies(struct engine *e, const struct recovery *r, const struct proposal *p, bool own, card_say say, void *ctx)
{
    struct waiting w;
    waiting_load(e, p->id, &w);
    if (own && r->state != RECOVERY_CLOSED) {
        say_reminder(e, p, &w, say, ctx);
        say_escalations(e, p, &w, say, ctx);
    }
    say_reopened(p, &w, say, ctx);
    say_outcome(e, r, p, say, ctx);
    waiting_fini(&w);
}
