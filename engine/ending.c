/* Whoever said yes deserves to hear how it went, and whoever reads a report must not count a yes as a success. A plan is kept
 * or broken, a hold ends with the money or without it, and whatever else was agreed is followed by what became of the case. */
#include "engine/ending.h"

#include <stdio.h>
#include <string.h>

#include "engine/hold.h"
#include "engine/link_mail.h"

static void set(struct ending *out, enum ending_kind kind, const char *mark)
{
    out->kind = kind;
    str_copy(out->mark, sizeof out->mark, mark);
}

static void of_plan(struct engine *e, const struct recovery *r, const struct proposal *p, struct ending *out)
{
    char state[24] = "", mark[24];
    int64_t plan = 0, paid = 0, all = 0;
    struct query *q = store_query(e->store, "SELECT id, state FROM plans WHERE case_id = ?1 AND proposal_id = ?2", "ii", r->id, p->id);
    if (query_next(q)) {
        plan = query_i64(q, 0);
        str_copy(state, sizeof state, query_text(q, 1));
        query_end(q);
    }
    q = store_query(e->store, "SELECT n, min(CASE state WHEN 'paid' THEN 1 ELSE 0 END) FROM instalments WHERE plan_id = ?1 GROUP BY n", "i", plan);
    for (; query_next(q); all++)
        paid += query_i64(q, 1);
    if (plan == 0)
        return;
    snprintf(mark, sizeof mark, "kept-%lld", (long long)paid);
    if (str_eq(state, "running") && paid > 0) {
        set(out, ENDING_UNDER_WAY, mark);
        snprintf(out->text, sizeof out->text, "plan kept so far: %lld of %lld instalments paid", (long long)paid, (long long)all);
    } else if (str_eq(state, "kept")) {
        set(out, ENDING_GOOD, "kept");
        if (paid == 0)
            str_copy(out->text, sizeof out->text, "everything was paid before the first instalment");
        else
            snprintf(out->text, sizeof out->text, "plan kept: %lld of %lld instalments paid%s", (long long)paid, (long long)all,
                     paid == all ? "" : " by it, and the rest before");
    } else if (str_eq(state, "broken")) {
        set(out, ENDING_BAD, "broken");
        snprintf(out->text, sizeof out->text, "plan broken: %lld of %lld instalments were paid", (long long)paid, (long long)all);
    } else if (!str_eq(state, "running")) {
        set(out, ENDING_BAD, "stopped");
        snprintf(out->text, sizeof out->text, "plan stopped: %lld of %lld instalments were paid", (long long)paid, (long long)all);
    }
}

static void of_case(const struct recovery *r, struct ending *out)
{
    if (r->state != RECOVERY_CLOSED)
        return;
    bool paid = str_eq(r->outcome, "paid");
    set(out, paid ? ENDING_GOOD : ENDING_BAD, paid ? "paid" : "closed");
    snprintf(out->text, sizeof out->text, paid ? "done, and then the customer paid" : "done, and the case ended: %.200s", r->outcome);
}

static void of_hold(struct engine *e, const struct recovery *r, const struct proposal *p, struct ending *out)
{
    char due[MONEY_TEXT_SIZE];
    struct hold *h = hold_load(e, json_i64(p->terms, "hold", 0));
    bool ended = h && (h->state == HOLD_RELEASED || h->state == HOLD_RELEASING);
    hold_free(h);
    if (r->state == RECOVERY_CLOSED) {
        of_case(r, out);
        if (out->kind == ENDING_GOOD)
            snprintf(out->text, sizeof out->text, "the customer has paid, and the hold has ended");
    } else if (ended) {
        set(out, ENDING_BAD, "hold-over");
        snprintf(out->text, sizeof out->text, "the hold has ended, and %s is still unpaid", money_text(due, r->due));
    }
}

static void of_link(struct engine *e, const struct recovery *r, const struct proposal *p, struct ending *out)
{
    char why[200];
    of_case(r, out);
    if (out->kind != ENDING_NONE || link_mail_state(e, p, why, sizeof why) != LINK_MAIL_FAILED)
        return;
    set(out, ENDING_BAD, "mail-failed");
    snprintf(out->text, sizeof out->text, "the customer did not get it. %s. Please reach them another way", why);
}

void ending_of(struct engine *e, const struct recovery *r, const struct proposal *p, struct ending *out)
{
    *out = (struct ending){.kind = ENDING_NONE};
    if (p->state != PROPOSAL_CONFIRMED)
        return;
    if (p->verb == VERB_PLAN)
        of_plan(e, r, p, out);
    else if (p->verb == VERB_HOLD || p->verb == VERB_EXTEND)
        of_hold(e, r, p, out);
    else if (p->verb == VERB_LINK)
        of_link(e, r, p, out);
    else
        of_case(r, out);
}
