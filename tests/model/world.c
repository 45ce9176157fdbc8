/* What the world does: billing, tickets, disputes, the clock, restarts, a chat that asks to wait. */
#include "tests/model/model.h"

/* Something got worse: whatever was asked before is void. */
static void worse(struct model *m)
{
    for (int i = 0; i < m->x.n_wishes; i++)
        if (m->x.wishes[i].stage == ASKED)
            m->x.wishes[i].stage = VOID;
    m->facts_moved = true;
}

void due_fell(struct model *m)
{
    for (int i = 0; i < m->x.n_wishes; i++) {
        struct wish *w = &m->x.wishes[i];
        if (w->stage != ASKED)
            continue;
        if (strcmp(w->kind, "credit") != 0 && (strcmp(w->kind, "write_off") != 0 || w->whole))
            w->amount = m->x.due - w->pays * !w->ready;
        if (expect_gives_up(w) && !expect_allowed(&m->x, w))
            w->stage = VOID; /* of less, the same would be too much */
        else if (expect_complete(&m->x, w))
            agreed(m, w); /* a vote whose right did not reach, reaches now */
    }
}

static void bill(struct model *m)
{
    static const int64_t dues[] = {2800000, 3200000, 3600000, 4000000, 4600000, 4820000, 6000000};
    int64_t due = dues[pick(m, DW_ARRAY_LEN(dues))], was = m->x.due;
    if (tracing)
        printf("      due is %lld now\n", (long long)due);
    m->x.due = due;
    if (due > was)
        worse(m);
    m->n_payments = 0; /* it shows the newest reading only */
    due_fell(m);
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
    worse(m);
    office_event_of(&m->o, CUSTOMER);
}

/* Whoever works the case writes down that the customer disputes it: what was asked before is void, and a plan that was agreed and has
 * not begun does not begin. */
static void dispute(struct model *m, int who)
{
    json_auto_t *values = json_pack("{s:s}", "why", "billed twice");
    AUTO_STR ref = str_fmt("N-%lld@0", (long long)m->case_id);
    for (int i = 0; expect_may_work(&m->x, who) && i < m->x.n_wishes; i++) {
        struct wish *w = &m->x.wishes[i];
        if (!w->disputed && (w->stage == ASKED || (w->stage == WINDOW && w->is_plan)))
            w->stage = VOID;
        m->facts_moved = true;
    }
    if (pick(m, 2))
        command(m, who, "dispute " MODEL_ACCOUNT " billed twice");
    else
        says(m, &(struct spoken){.who = who, .way = BY_FORM, .verb = "dispute", .text = ref, .values = values});
    bool disputed = office_i64(&m->o, "SELECT count(*) FROM recoveries WHERE state = 7") == 1; /* RECOVERY_DISPUTED */
    must(m, disputed || !expect_may_work(&m->x, who), "a dispute that was written down is known", 0);
}

/* ---- time ---- */

/* A program that runs never goes back in time; one that starts takes the clock as it is. */
static void clock_seen(struct model *m)
{
    m->x.now_ms = m->o.now_ms > m->x.now_ms ? m->o.now_ms : m->x.now_ms;
}

/* Nobody took it back in time: it runs, if what is due and the rights of those who agreed are still what they were. */
static void window_ends(struct model *m, struct wish *w)
{
    if (w->is_plan && w->amount != m->x.due) {
        w->stage = VOID;
    } else if (!expect_complete(&m->x, w)) {
        w->stage = VOID;
        m->facts_moved = true; /* it is asked again */
    } else {
        w->stage = DONE;
    }
}

static void wish_ages(struct model *m, struct wish *w)
{
    if (w->stage == WINDOW && w->runs_ms <= m->x.now_ms)
        window_ends(m, w);
    if (w->stage != ASKED)
        return;
    if (w->expires_ms <= m->x.now_ms) {
        w->stage = PARKED;
        return;
    }
    w->reminded = w->reminded || (m->x.patient && w->created_ms + REMIND_HOURS * MS_HOUR <= m->x.now_ms);
    w->escalated = w->escalated || (m->x.patient && w->created_ms + ESCALATE_HOURS * MS_HOUR <= m->x.now_ms);
}

static void time_passes(struct model *m)
{
    clock_seen(m);
    for (int i = 0; i < m->x.n_lent; i++)
        m->x.lent[i].live = m->x.lent[i].live && m->x.lent[i].until_ms > m->x.now_ms;
    for (int i = 0; i < m->x.n_wishes; i++)
        wish_ages(m, &m->x.wishes[i]);
    office_turn(&m->o, NULL, NULL);
}

static void hours_pass(struct model *m)
{
    int hours = pick(m, 4) == 0 ? -1 - pick(m, 5) : 1 + pick(m, pick(m, 2) ? 16 : 60);
    if (m->hours + hours > HOURS_MOST || m->hours + hours < 0)
        return;
    m->hours += hours;
    m->o.now_ms += hours * MS_HOUR;
    if (tracing)
        printf("      the clock moves %d h\n", hours);
    time_passes(m);
}

static void minutes_pass(struct model *m)
{
    int minutes = 1 + pick(m, 12);
    m->o.now_ms += minutes * MS_MINUTE; /* another code; perhaps the end of a window or of a lock */
    if (tracing)
        printf("      %d minutes pass\n", minutes);
    time_passes(m);
}

static void start_anew(struct model *m)
{
    if (tracing)
        printf("      restart\n");
    model_restart(m);
    time_passes(m);
}

void world_moves(struct model *m)
{
    int what = pick(m, 16);
    if (m->mood == PATIENCE && pick(m, 2))
        what = 15;
    if (m->mood == MONEY && pick(m, 3) == 0)
        what = 11;
    switch (what) {
    case 0:
    case 1: bill(m); break;
    case 2: tickets(m); break;
    case 3: dispute(m, pick(m, PEOPLE)); break;
    case 4: start_anew(m); break;
    case 5: m->o.chat_waits = !m->o.chat_waits; break;
    case 6: command(m, pick(m, PEOPLE), "claim " MODEL_ACCOUNT); break;
    case 7:
    case 8:
    case 9:
    case 10: minutes_pass(m); break;
    case 11: money_paid(m); break;
    default: hours_pass(m); break;
    }
}
