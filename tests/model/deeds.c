/* What people do. Each deed says it to the engine as people do, and writes down what has to come of it. */
#include "tests/model/model.h"

static const char *about(char out[48], const struct wish *w, int64_t revision)
{
    snprintf(out, 48, "A-%lld@%lld", (long long)w->id, (long long)revision);
    return out;
}

/* The revision on the card that is in front of somebody: now and then an older one. */
static int64_t seen(struct model *m, const struct wish *w)
{
    return pick(m, 4) == 0 ? w->revision - 1 : w->revision;
}

static json_t *form_of(const char *why, const struct code *c)
{
    json_t *values = json_object();
    json_put(values, "why", why);
    if (c)
        json_put(values, "code", c->text);
    return values;
}

static void ask(struct model *m)
{
    static const char *const counts[] = {"4", "5", "6", "7"};
    char day[WHEN_TEXT_SIZE];
    bool plan = pick(m, 2) == 0;
    const char *count = counts[pick(m, 4)];
    when_iso_day(day, OFFICE_NOW + 30 * MS_DAY, NULL);
    m->asker = pick(m, PEOPLE);
    if (pick(m, m->mood == MONEY ? 2 : 6) == 0) {
        money_asked(m);
        return;
    }
    if (pick(m, 3)) {
        AUTO_STR text = plan ? str_fmt("plan %s %sx from %s why renewal in flight", MODEL_ACCOUNT, count, day)
                             : str_fmt("hold %s until %s why they asked for time", MODEL_ACCOUNT, day);
        command(m, m->asker, text);
        return;
    }
    AUTO_STR ref = str_fmt("N-%lld@0", (long long)m->case_id);
    json_auto_t *values = form_of("renewal in flight", NULL);
    json_put(values, "instalments", count);
    json_put(values, plan ? "first" : "until", day);
    says(m, &(struct spoken){.who = m->asker, .way = BY_FORM, .verb = plan ? "plan" : "hold", .text = ref, .values = values});
}

void agreed(struct model *m, struct wish *w)
{
    if (expect_gives_up(w)) {
        money_agreed(m, w);
        return;
    }
    w->stage = m->x.undo_ms ? WINDOW : DONE;
    w->runs_ms = m->x.undo_ms ? m->x.now_ms + m->x.undo_ms : 0;
}

static void said_yes(struct model *m, struct wish *w, int who, bool alone)
{
    w->yes |= 1u << who;
    w->alone = w->alone || alone;
    if (expect_complete(&m->x, w))
        agreed(m, w);
}

static bool may_decide(struct model *m, const struct wish *w, int who)
{
    return who != STRANGER && w->stage == ASKED && expect_right(&m->x, w, who) != NOBODY;
}

static void approve(struct model *m, struct wish *w, int who)
{
    char ref[48];
    enum way way = (enum way)pick(m, 3);
    struct code c = code_for(m, who);
    int64_t revision = way == BY_COMMAND ? w->revision : seen(m, w);
    bool counts = may_decide(m, w, who) && revision == w->revision;
    if (way == BY_BUTTON && counts && expect_code(&m->x, w, who))
        counts = false; /* a form is opened for the code */
    if (way == BY_FORM && !c.text[0])
        counts = false;
    if (counts && !(w->yes >> who & 1) && code_passes(m, w, who, &c)) /* no code is spent on a second yes */
        said_yes(m, w, who, false);
    AUTO_STR text = way == BY_COMMAND ? str_fmt("approve A-%lld%s%s", (long long)w->id, c.text[0] ? " code " : "", c.text) : str_dup(about(ref, w, revision));
    json_auto_t *values = form_of("", &c);
    says(m, &(struct spoken){.who = who, .way = way, .verb = "approve", .text = text, .values = values, .once = c.wrong});
}

static void emergency(struct model *m, struct wish *w, int who)
{
    char ref[48];
    bool silent = pick(m, 4) == 0;
    enum way way = (enum way)pick(m, 3);
    struct code c = code_for(m, who);
    int64_t revision = way == BY_COMMAND ? w->revision : seen(m, w);
    bool may = who != STRANGER && w->stage == ASKED && who != w->requester && m->x.people[who].emergency && !silent && revision == w->revision;
    if (may && way != BY_BUTTON && code_passes(m, w, who, &c)) /* the button opens a form */
        said_yes(m, w, who, true);
    AUTO_STR text = way == BY_COMMAND ? str_fmt("emergency A-%lld%s%s%s", (long long)w->id, silent ? "" : " why it cannot wait", c.text[0] ? " code " : "", c.text)
                                      : str_dup(about(ref, w, revision));
    json_auto_t *values = form_of(silent ? "" : "it cannot wait", &c);
    says(m, &(struct spoken){.who = who, .way = way, .verb = "emergency", .text = text, .values = values, .once = c.wrong});
}

static void refuse(struct model *m, struct wish *w, int who)
{
    char ref[48];
    enum way way = (enum way)pick(m, 3);
    int64_t revision = way == BY_COMMAND ? w->revision : seen(m, w);
    if (may_decide(m, w, who) && way != BY_BUTTON && revision == w->revision) {
        w->stage = DECLINED;
        w->yes &= ~(1u << who);
    }
    AUTO_STR text = way == BY_COMMAND ? str_fmt("decline A-%lld not now", (long long)w->id) : str_dup(about(ref, w, revision));
    json_auto_t *values = form_of("not now", NULL);
    says(m, &(struct spoken){.who = who, .way = way, .verb = "decline", .text = text, .values = values});
}

/* Other terms, as an offer of theirs would say them. */
static char *other_terms(struct model *m, const struct wish *w, json_t *values, bool *offers)
{
    char day[WHEN_TEXT_SIZE], amount[32];
    int count = 2 + pick(m, 2);
    if (expect_gives_up(w)) {
        *offers = money_countered(m, w, amount);
        json_put(values, "amount", amount);
        return str_dup(amount);
    }
    *offers = w->is_plan;
    json_put(values, "first", when_iso_day(day, OFFICE_NOW + 30 * MS_DAY, NULL));
    json_put(values, "instalments", count == 2 ? "2" : "3");
    return str_fmt("%dx", count);
}

static void counter(struct model *m, struct wish *w, int who)
{
    char ref[48];
    enum way way = (enum way)pick(m, 3);
    struct code c = code_for(m, who);
    json_auto_t *values = form_of("sooner", &c);
    bool offers;
    AUTO_STR terms = other_terms(m, w, values, &offers);
    int64_t revision = way == BY_COMMAND ? w->revision : seen(m, w);
    bool may = may_decide(m, w, who) && offers && m->x.people[who].roles & DECIDES && revision == w->revision && way != BY_BUTTON;
    if (may && code_passes(m, w, who, &c)) {
        w->stage = COUNTERED;
        w->yes &= ~(1u << who);
        m->asker = who;
    }
    AUTO_STR text = way == BY_COMMAND ? str_fmt("counter A-%lld %s why sooner%s%s", (long long)w->id, terms, c.text[0] ? " code " : "", c.text)
                                      : str_dup(about(ref, w, revision));
    says(m, &(struct spoken){.who = who, .way = way, .verb = "counter", .text = text, .values = values, .once = c.wrong});
}

/* A verb with nothing behind it, typed or clicked. */
static void plain(struct model *m, const struct wish *w, int who, const char *verb)
{
    char ref[48];
    AUTO_STR text = str_fmt("%s A-%lld", verb, (long long)w->id);
    if (pick(m, 2))
        command(m, who, text);
    else
        says(m, &(struct spoken){.who = who, .way = BY_BUTTON, .verb = verb, .text = about(ref, w, w->revision)});
}

static void take_back(struct model *m, struct wish *w, int who)
{
    bool vote = pick(m, 2), knows = who != STRANGER && w->stage == ASKED;
    if (knows && vote)
        w->yes &= ~(1u << who);
    else if (knows && who == w->requester && m->x.people[who].roles & (AE | DECIDES))
        w->stage = WITHDRAWN;
    plain(m, w, who, vote ? "unvote" : "withdraw");
}

static void undo(struct model *m, struct wish *w, int who)
{
    if (who != STRANGER && w->stage == WINDOW && w->runs_ms > m->x.now_ms && (who == w->requester || w->yes >> who & 1))
        w->stage = WITHDRAWN;
    plain(m, w, who, "undo");
}

static void reopen(struct model *m, struct wish *w, int who)
{
    if (who != STRANGER && w->stage == PARKED && !w->was_reopened && m->x.people[who].roles & (AE | DECIDES) && expect_may_reopen(&m->x, w, who))
        m->asker = w->requester;
    plain(m, w, who, "reopen");
}

static void lend(struct model *m)
{
    static const struct { const char *words; int64_t limit; } amounts[] = {{"1k", 100000}, {"45k", 4500000}, {"100k", 10000000}};
    static const char *const kinds[] = {"", "", "plan", "hold", "credit", "write_off", "settlement"};
    int from = pick(m, PEOPLE), to = pick(m, 3) ? DEPUTY : pick(m, PEOPLE), how = pick(m, 3);
    if (m->x.n_lent > 0 && pick(m, 4) == 0) { /* back to whoever lent */
        from = m->x.lent[0].to;
        to = m->x.lent[0].from;
    } else if (pick(m, 2)) {
        from = 1 + pick(m, BOTH); /* most of these decide */
    }
    const char *kind = kinds[pick(m, DW_ARRAY_LEN(kinds))];
    if (m->x.n_lent == LENT_MOST)
        return;
    AUTO_STR text = str_fmt("delegate @%s up to %s for 2 days%s%s", crowd[to].key, amounts[how].words, kind[0] ? " for " : "", kind);
    bool may = expect_may_lend(&m->x, from, to, amounts[how].limit);
    int64_t before = office_i64(&m->o, "SELECT count(*) FROM delegations");
    says(m, &(struct spoken){.who = from, .text = text, .once = true});
    int64_t after = office_i64(&m->o, "SELECT count(*) FROM delegations");
    must(m, after - before == may, "only a right that one has is lent, and never in a circle", 0);
    if (may)
        m->x.lent[m->x.n_lent++] = (struct lent){from, to, kind, amounts[how].limit, office_i64(&m->o, "SELECT until_ms FROM delegations ORDER BY id DESC LIMIT 1"), true};
}

static void give_back(struct model *m, int who)
{
    if (m->x.n_lent == 0)
        return;
    int n = pick(m, m->x.n_lent);
    if (pick(m, 2))
        who = pick(m, 2) ? m->x.lent[n].from : m->x.lent[n].to;
    AUTO_STR text = str_fmt("revoke D-%d", n + 1);
    if (who == m->x.lent[n].from || who == m->x.lent[n].to)
        m->x.lent[n].live = false;
    command(m, who, text);
}

static void lose_right(struct model *m, int who)
{
    struct person *p = who == STRANGER ? NULL : (struct person *)(uintptr_t)people_by_key(m->o.people, crowd[who].key);
    if (!p || !(m->x.people[who].roles & DECIDES))
        return;
    if (tracing)
        printf("      %s loses the right\n", crowd[who].key);
    if (pick(m, 2)) {
        p->roles = ROLE_AE;
        m->x.people[who].roles = AE;
    } else {
        p->limits[0].minor = 10000;
        m->x.people[who].limit = 10000;
    }
}

/* Being away takes no right and gives none; only who is called changes (model.c looks at that). */
static void leave(struct model *m, int who)
{
    char day[WHEN_TEXT_SIZE];
    struct someone *p = &m->x.people[who];
    bool back = p->away_until_ms ? pick(m, 2) : pick(m, 6) == 0;
    when_iso_day(day, m->o.now_ms + (1 + pick(m, 6)) * MS_DAY, NULL);
    AUTO_STR text = back ? str_dup("back") : str_fmt("away until %s deputy @%s", day, crowd[pick(m, PEOPLE)].key);
    says(m, &(struct spoken){.who = who, .text = text, .once = true});
    p->away_until_ms = store_i64(m->o.store, 0, "SELECT until_ms FROM absences WHERE person = ?1", "t", p->key);
    p->calls_before = office_i64(&m->o, "SELECT max(id) FROM pings");
}

/* ---- what is next ---- */

enum deed { ASK, APPROVE, REFUSE, COUNTER, TAKE_BACK, EMERGENCY, REOPEN, UNDO, LEND, GIVE_BACK, LOSE_RIGHT, LEAVE, WORLD, DEEDS };

/* How often, by the mood of a schedule: what is rare in one is common in another. */
static const int deeds[MOODS][DEEDS] = {
    [PLAIN] = {8, 34, 4, 6, 8, 5, 2, 3, 5, 3, 1, 2, 19},
    [CODES] = {6, 52, 2, 8, 2, 8, 0, 1, 2, 0, 1, 0, 18},
    [LENDING] = {8, 40, 3, 3, 8, 1, 1, 1, 16, 6, 2, 3, 8},
    [PATIENCE] = {12, 14, 2, 3, 3, 1, 16, 1, 3, 1, 1, 6, 37},
    [WINDOWS] = {10, 34, 2, 4, 3, 4, 1, 14, 4, 3, 4, 1, 16},
    [MONEY] = {14, 30, 2, 6, 3, 4, 4, 3, 3, 1, 3, 1, 26},
};

static enum deed draw_deed(struct model *m)
{
    int all = 0, deed = 0;
    for (int i = 0; i < DEEDS; i++)
        all += deeds[m->mood][i];
    for (int left = pick(m, all); left >= deeds[m->mood][deed]; deed++)
        left -= deeds[m->mood][deed];
    return (enum deed)deed;
}

/* Mostly one that the deed could change something of. */
static struct wish *wish_for(struct model *m, enum deed deed)
{
    enum stage fits = deed == REOPEN ? PARKED : deed == UNDO ? (m->mood == MONEY ? DONE : WINDOW) : ASKED;
    int n = m->x.n_wishes;
    for (int i = n - 1; i >= 0 && pick(m, 5); i--)
        if (m->x.wishes[i].stage == fits)
            return &m->x.wishes[i];
    return &m->x.wishes[n - 1 - pick(m, n < 3 ? n : 3)];
}

/* Mostly somebody whose word could count, or counted. In some schedules the same one again and again. */
static int somebody(struct model *m, const struct wish *w)
{
    int who[PEOPLE], n = 0;
    bool voter = pick(m, 4) == 0;
    if (m->mood == CODES && pick(m, 2))
        return m->favourite;
    for (int i = 0; i < PEOPLE; i++)
        if (voter ? (int)(w->yes >> i & 1) : expect_right(&m->x, w, i) != NOBODY)
            who[n++] = i;
    return n > 0 && pick(m, 2) ? who[pick(m, n)] : pick(m, PEOPLE + 1);
}

void model_event(struct model *m)
{
    enum deed deed = m->x.n_wishes ? draw_deed(m) : ASK;
    struct wish *w = m->x.n_wishes ? wish_for(m, deed) : NULL;
    int who = w ? somebody(m, w) : 0;
    switch (deed) {
    case ASK: ask(m); break;
    case APPROVE: approve(m, w, who); break;
    case REFUSE: refuse(m, w, who); break;
    case COUNTER: counter(m, w, who); break;
    case TAKE_BACK: take_back(m, w, pick(m, 2) ? w->requester : who); break;
    case EMERGENCY: emergency(m, w, pick(m, 2) ? BOTH : who); break;
    case REOPEN: reopen(m, w, who); break;
    case UNDO: undo(m, w, pick(m, 2) ? w->requester : who); break;
    case LEND: lend(m); break;
    case GIVE_BACK: give_back(m, pick(m, PEOPLE)); break;
    case LOSE_RIGHT: lose_right(m, who); break;
    case LEAVE: leave(m, pick(m, PEOPLE)); break;
    case WORLD:
    case DEEDS: world_moves(m); break;
    }
}
