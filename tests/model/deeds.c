/* What people do and what the world does to them. Each deed says it to the engine as people do, by a command or a button, and
 * writes down what has to come of it. */
#include "engine/totp.h"
#include "tests/model/model.h"

static void handle(struct model *m, const struct chat_input *in, bool kept)
{
    struct chat_answer answer;
    chat_answer_init(&answer);
    if (kept) {
        office_turn(&m->o, in, &answer);
    } else {
        office_begin(&m->o);
        chat_handle(&m->o.e, in, &answer);
        store_rollback(m->o.store);
        engine_forget(&m->o.e);
    }
    if (tracing)
        printf("      %s%s\n", kept ? "" : "(rolled back) ", answer.text ? answer.text : "");
    chat_answer_fini(&answer);
}

/* One thing done by one person. Sometimes the turn is lost before it is kept, sometimes it is delivered again. */
static void says(struct model *m, int who, const char *action, const char *text)
{
    struct chat_input in;
    chat_input_init(&in);
    in.kind = action ? CHAT_ACTION : CHAT_COMMAND;
    in.platform = str_dup("slack");
    in.user = str_dup(who == STRANGER ? "U0NOBODY" : crowd[who].chat_id);
    in.channel = str_dup("C0ROOM");
    in.dedupe = str_fmt("t%d", ++m->inputs);
    if (action) {
        in.action = str_dup(action);
        in.value = str_dup(text);
        in.trigger = str_fmt("trigger%d", m->inputs);
    } else {
        in.text = str_dup(text);
        in.takes_answer = true;
    }
    if (tracing)
        printf("%7.1f h %s: %s%s %s\n", (double)(m->o.now_ms - OFFICE_NOW) / (double)MS_HOUR, who == STRANGER ? "stranger" : crowd[who].key, action ? "clicks " : "",
               action ? action : "", action ? text : text);
    if (pick(m, 20) == 0)
        handle(m, &in, false);
    handle(m, &in, true);
    if (pick(m, 8) == 0)
        handle(m, &in, true);
    chat_input_fini(&in);
}

static void ask(struct model *m)
{
    int who = pick(m, PEOPLE);
    char day[WHEN_TEXT_SIZE];
    bool plan = pick(m, 2) == 0;
    when_iso_day(day, OFFICE_NOW + 30 * MS_DAY, NULL);
    AUTO_STR text = plan ? str_fmt("plan %s %dx from %s why renewal in flight", MODEL_ACCOUNT, 4 + pick(m, 4), day)
                         : str_fmt("hold %s until %s why they asked for time", MODEL_ACCOUNT, day);
    m->asker = who;
    says(m, who, NULL, text);
}

/* " code 123456" where one is wanted and the person has it; good: is it one that must be taken? */
static void code_for(struct model *m, int who, char out[32], bool *good)
{
    char code[16];
    struct someone *p = who == STRANGER ? NULL : &m->x.people[who];
    int how = pick(m, 5);
    *good = false;
    out[0] = '\0';
    if (!p || !m->x.code_from || how == 0)
        return;
    totp_code(code, TOTP_SHA1, span_of(MODEL_SECRET), totp_step(m->x.now_ms), TOTP_DIGITS);
    *good = how > 1 && totp_step(m->x.now_ms) > p->last_step;
    if (how == 1)
        str_copy(code, sizeof code, str_eq(code, "918273") ? "918274" : "918273");
    if (how > 1 || p->failures < 3)
        snprintf(out, 32, " code %s", code);
}

/* Is a code wanted, and was a good one given? What it does to the person's codes is kept. */
static bool code_passes(struct model *m, const struct wish *w, int who, const char *code, bool good)
{
    struct someone *p = &m->x.people[who];
    if (!expect_code(&m->x, w, who))
        return true;
    if (good) {
        p->last_step = totp_step(m->x.now_ms);
        p->failures = 0;
    } else if (strstr(code, "91827")) {
        p->failures++;
    }
    return good;
}

static void said_yes(struct model *m, struct wish *w, int who, bool alone)
{
    w->yes |= 1u << who;
    w->alone = w->alone || alone;
    if (expect_complete(&m->x, w))
        w->stage = DONE;
}

static void approve(struct model *m, struct wish *w, int who)
{
    char code[32];
    bool good, click = pick(m, 2), coded = m->x.code_from && m->x.due >= m->x.code_from;
    int64_t revision = click && pick(m, 4) == 0 ? w->revision - 1 : w->revision;
    code_for(m, who, code, &good);
    AUTO_STR text = click ? str_fmt("A-%lld@%lld", (long long)w->id, (long long)revision) : str_fmt("approve A-%lld%s", (long long)w->id, code);
    bool counts = who != STRANGER && w->stage == ASKED && expect_right(&m->x, w, who) != NOBODY && (!click || revision == w->revision);
    if (click && coded && who != STRANGER && expect_code(&m->x, w, who))
        counts = false; /* a form is opened for the code */
    if (counts && !(w->yes >> who & 1) && (click || code_passes(m, w, who, code, good))) /* no code is spent on a second yes */
        said_yes(m, w, who, false);
    says(m, who, click ? "approve" : NULL, text);
}

static void emergency(struct model *m, struct wish *w, int who)
{
    char code[32];
    bool good, silent = pick(m, 4) == 0;
    code_for(m, who, code, &good);
    AUTO_STR text = str_fmt("emergency A-%lld%s%s", (long long)w->id, silent ? "" : " why it cannot wait", code);
    if (who != STRANGER && w->stage == ASKED && who != w->requester && m->x.people[who].emergency && !silent && code_passes(m, w, who, code, good))
        said_yes(m, w, who, true);
    says(m, who, NULL, text);
}

static void refuse(struct model *m, struct wish *w, int who)
{
    AUTO_STR text = str_fmt("decline A-%lld not now", (long long)w->id);
    if (who != STRANGER && w->stage == ASKED && expect_right(&m->x, w, who) != NOBODY) {
        w->stage = DECLINED;
        w->yes &= ~(1u << who);
    }
    says(m, who, NULL, text);
}

static void counter(struct model *m, struct wish *w, int who)
{
    char code[32];
    bool good;
    code_for(m, who, code, &good);
    AUTO_STR text = str_fmt("counter A-%lld %dx why sooner%s", (long long)w->id, 2 + pick(m, 2), code);
    bool may = who != STRANGER && w->stage == ASKED && w->is_plan && m->x.people[who].roles & DECIDES && expect_right(&m->x, w, who) != NOBODY;
    if (may && code_passes(m, w, who, code, good)) {
        w->stage = COUNTERED;
        w->yes &= ~(1u << who);
        m->asker = who;
    }
    says(m, who, NULL, text);
}

static void take_back(struct model *m, struct wish *w, int who)
{
    bool vote = pick(m, 2);
    AUTO_STR text = str_fmt("%s A-%lld", vote ? "unvote" : "withdraw", (long long)w->id);
    if (who != STRANGER && w->stage == ASKED && vote)
        w->yes &= ~(1u << who);
    else if (who != STRANGER && w->stage == ASKED && who == w->requester && m->x.people[who].roles & (AE | DECIDES))
        w->stage = WITHDRAWN;
    says(m, who, NULL, text);
}

static void reopen(struct model *m, struct wish *w, int who)
{
    AUTO_STR text = str_fmt("reopen A-%lld", (long long)w->id);
    if (who != STRANGER && w->stage == PARKED && !w->was_reopened && m->x.people[who].roles & (AE | DECIDES) && expect_may_reopen(&m->x, w, who))
        m->asker = w->requester;
    says(m, who, NULL, text);
}

static void lend(struct model *m)
{
    int from = pick(m, PEOPLE), to = pick(m, 3) ? PEOPLE - 1 : pick(m, PEOPLE);
    bool little = pick(m, 4) == 0;
    AUTO_STR text = str_fmt("delegate @%s up to %s for 2 days", crowd[to].key, little ? "1k" : "45k");
    int64_t before = office_i64(&m->o, "SELECT count(*) FROM delegations");
    says(m, from, NULL, text);
    int64_t after = office_i64(&m->o, "SELECT count(*) FROM delegations");
    const struct someone *p = &m->x.people[from];
    must(m, after == before || (from != to && p->roles & DECIDES && p->limit >= (little ? 100000 : 4500000)), "only a right that one has is lent", 0);
    if (after > before && m->x.n_lent < LENT_MOST)
        m->x.lent[m->x.n_lent++] = (struct lent){from, to, little ? 100000 : 4500000, office_i64(&m->o, "SELECT until_ms FROM delegations ORDER BY id DESC LIMIT 1"), true};
}

static void give_back(struct model *m, int who)
{
    if (m->x.n_lent == 0)
        return;
    int n = pick(m, m->x.n_lent);
    AUTO_STR text = str_fmt("revoke D-%d", n + 1);
    if (who == m->x.lent[n].from || who == m->x.lent[n].to)
        m->x.lent[n].live = false;
    says(m, who, NULL, text);
}

static void lose_right(struct model *m, int who)
{
    struct person *p = who == STRANGER ? NULL : (struct person *)(uintptr_t)people_by_key(m->o.people, crowd[who].key);
    if (!p || !(m->x.people[who].roles & DECIDES) || pick(m, 3))
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

/* ---- what the world does ---- */

static void bill(struct model *m)
{
    static const int64_t dues[] = {2800000, 3200000, 3600000, 4000000, 4600000, 4820000, 6000000};
    int64_t due = dues[pick(m, DW_ARRAY_LEN(dues))], was = m->x.due;
    if (tracing)
        printf("      due is %lld now\n", (long long)due);
    m->x.due = due;
    for (int i = 0; i < m->x.n_wishes; i++)
        if (m->x.wishes[i].stage == ASKED && due > was)
            m->x.wishes[i].stage = VOID;
        else if (m->x.wishes[i].stage == ASKED && expect_complete(&m->x, &m->x.wishes[i]))
            m->x.wishes[i].stage = DONE; /* a vote whose right did not reach, reaches now */
    m->facts_moved = due > was;
    office_rebill(&m->o, CUSTOMER, due, "H");
    office_event_of(&m->o, CUSTOMER);
}

static void tickets(struct model *m)
{
    struct account *a = (struct account *)(uintptr_t)book_by_key(m->o.book, MODEL_ACCOUNT);
    AUTO_STR n = str_fmt("%d", ++m->tickets);
    if (tracing)
        printf("      a top-priority ticket\n");
    json_put(a->facts, "top_priority", n);
    for (int i = 0; i < m->x.n_wishes; i++)
        if (m->x.wishes[i].stage == ASKED)
            m->x.wishes[i].stage = VOID;
    m->facts_moved = true;
    office_event_of(&m->o, CUSTOMER);
}

/* A program that runs never goes back in time; one that starts takes the clock as it is. */
static void clock_seen(struct model *m)
{
    m->x.now_ms = m->o.now_ms > m->x.now_ms ? m->o.now_ms : m->x.now_ms;
}

static void clock_moves(struct model *m)
{
    int hours = pick(m, 4) == 0 ? -1 - pick(m, 5) : 1 + pick(m, 60);
    if (m->hours + hours > HOURS_MOST || m->hours + hours < 0)
        return;
    m->hours += hours;
    m->o.now_ms += hours * MS_HOUR;
    clock_seen(m);
    if (tracing)
        printf("      the clock moves %d h\n", hours);
    for (int i = 0; i < m->x.n_wishes; i++)
        if (m->x.wishes[i].stage == ASKED && m->x.wishes[i].expires_ms <= m->x.now_ms)
            m->x.wishes[i].stage = PARKED;
    for (int i = 0; i < m->x.n_lent; i++)
        m->x.lent[i].live = m->x.lent[i].live && m->x.lent[i].until_ms > m->x.now_ms;
    office_turn(&m->o, NULL, NULL);
}

static void start_anew(struct model *m)
{
    if (tracing)
        printf("      restart\n");
    model_restart(m, false);
    office_turn(&m->o, NULL, NULL);
}

static void world_moves(struct model *m)
{
    switch (pick(m, 8)) {
    case 0: bill(m); break;
    case 1: tickets(m); break;
    case 2: start_anew(m); break;
    case 3: m->o.chat_waits = !m->o.chat_waits; break;
    case 4: says(m, pick(m, PEOPLE), NULL, "claim " MODEL_ACCOUNT); break;
    case 5: m->o.now_ms += MS_MINUTE; clock_seen(m); break; /* another code */
    default: clock_moves(m); break;
    }
}

void model_event(struct model *m)
{
    int who = pick(m, PEOPLE + 1), what = pick(m, 100);
    struct wish *w = m->x.n_wishes ? &m->x.wishes[m->x.n_wishes - 1 - pick(m, m->x.n_wishes < 3 ? m->x.n_wishes : 3)] : NULL;
    if (what < 8 || !w)
        ask(m);
    else if (what < 43)
        approve(m, w, who);
    else if (what < 47)
        refuse(m, w, who);
    else if (what < 52)
        counter(m, w, who);
    else if (what < 60)
        take_back(m, w, pick(m, 2) ? w->requester : who);
    else if (what < 65)
        emergency(m, w, pick(m, 2) ? BOTH : who);
    else if (what < 69)
        reopen(m, w, who);
    else if (what < 74)
        lend(m);
    else if (what < 77)
        give_back(m, who == STRANGER ? 0 : who);
    else if (what < 79)
        lose_right(m, who);
    else
        world_moves(m);
}
