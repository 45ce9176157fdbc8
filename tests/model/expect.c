/* The plain model (expect.h). Loops over everybody and everything instead of being clever. */
#include "tests/model/expect.h"

#include <string.h>

static bool fits(const struct someone *p, const char *seat)
{
    if (!(p->roles & DECIDES))
        return false;
    if (strcmp(seat, "manager") == 0)
        return p->roles & MANAGER;
    if (strcmp(seat, "finance") == 0)
        return p->roles & FINANCE;
    return strcmp(seat, "seniors") != 0 || p->senior;
}

/* May `who` decide by the right of `holder`, up to `limit`? `requester` is whoever may not. */
static bool holds(const struct expect *x, const struct wish *w, int requester, int who, int holder, int64_t limit)
{
    const struct someone *h = &x->people[holder];
    if (requester == who || requester == holder || !(h->roles & DECIDES) || h->elsewhere || limit < w->amount)
        return false;
    if (x->separate && (who == x->owner || who == x->executive || holder == x->owner || holder == x->executive))
        return false;
    return fits(h, x->seats[0]) || (x->seats[1] && fits(h, x->seats[1]));
}

/* One's own right first, then what was lent, the oldest first. */
static int right_of(const struct expect *x, const struct wish *w, int requester, int who)
{
    if (holds(x, w, requester, who, who, x->people[who].limit))
        return who;
    for (int i = 0; i < x->n_lent; i++) {
        const struct lent *l = &x->lent[i];
        int64_t limit = l->limit < x->people[l->from].limit ? l->limit : x->people[l->from].limit;
        bool kind = !l->kind[0] || strcmp(l->kind, w->kind) == 0;
        if (l->live && l->to == who && kind && l->until_ms > x->now_ms && holds(x, w, requester, who, l->from, limit))
            return l->from;
    }
    return NOBODY;
}

int expect_right(const struct expect *x, const struct wish *w, int who)
{
    if (who == NOBODY || who == w->requester)
        return NOBODY;
    int offered = who == w->acceptor ? right_of(x, w, w->acceptor, w->requester) : NOBODY;
    return offered != NOBODY ? offered : right_of(x, w, w->requester, who);
}

bool expect_complete(const struct expect *x, const struct wish *w)
{
    bool holders[PEOPLE] = {false};
    bool shared = x->same_person && x->seats[1] && strcmp(x->seats[0], x->seats[1]) != 0; /* one person may be both */
    if (w->alone)
        return true;
    for (int i = 0; i < PEOPLE; i++) {
        int holder = w->yes >> i & 1 ? expect_right(x, w, i) : NOBODY;
        if (holder != NOBODY)
            holders[holder] = true;
    }
    for (int a = 0; a < PEOPLE; a++)
        for (int b = 0; b < PEOPLE; b++)
            if (holders[a] && fits(&x->people[a], x->seats[0]) && (!x->seats[1] || ((a != b || shared) && holders[b] && fits(&x->people[b], x->seats[1]))))
                return true;
    return false;
}

bool expect_code(const struct expect *x, const struct wish *w, int who)
{
    return x->code_from && w->amount >= x->code_from && who != w->acceptor;
}

bool expect_gives_up(const struct wish *w)
{
    return strcmp(w->kind, "credit") == 0 || strcmp(w->kind, "write_off") == 0 || strcmp(w->kind, "settlement") == 0;
}

bool expect_allowed(const struct expect *x, const struct wish *w)
{
    if (w->ready)
        return w->amount > 0 && w->amount <= x->due;
    if (strcmp(w->kind, "settlement") == 0)
        return w->pays > 0 && w->pays < x->due && w->pays >= x->due * SETTLE_SHARE / 100 && w->amount == x->due - w->pays;
    if (strcmp(w->kind, "write_off") == 0)
        return w->amount > 0 && w->amount <= WRITE_OFF_MOST && w->amount == x->due;
    return w->amount > 0 && w->amount <= CREDIT_MOST && w->amount <= x->due * CREDIT_SHARE / 100;
}

static bool leads_to(const struct expect *x, int from, int to, int depth)
{
    if (from == to)
        return true;
    for (int i = 0; depth < PEOPLE && i < x->n_lent; i++)
        if (x->lent[i].live && x->lent[i].until_ms > x->now_ms && x->lent[i].from == from && leads_to(x, x->lent[i].to, to, depth + 1))
            return true;
    return false;
}

bool expect_may_lend(const struct expect *x, int from, int to, int64_t limit)
{
    return x->people[from].roles & DECIDES && x->people[from].limit >= limit && !leads_to(x, to, from, 0);
}

bool expect_may_work(const struct expect *x, int who)
{
    unsigned roles = x->people[who].roles;
    return roles & DECIDES || (roles & AE && (who == x->owner || who == x->executive));
}

bool expect_may_reopen(const struct expect *x, const struct wish *w, int who)
{
    const struct someone *p = &x->people[who];
    return who == w->requester || who == x->owner || who == x->executive || (p->roles & DECIDES && w->amount <= p->limit);
}
