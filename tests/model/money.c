/* Requests that give money up: credits, write-offs and settlements. What they may amount to, that the peer is never told more than was
 * agreed or is due, that there is one at a time, that a write-off is of the whole rest and ends the case, and that a settlement waits
 * for the customer's payment and for nothing else. */
#include <stddef.h>

#include "tests/model/model.h"

#define BY_MS (OFFICE_NOW + 30 * MS_DAY)

static const char *decimal(char out[32], int64_t cents)
{
    snprintf(out, 32, "%lld.%02lld", (long long)(cents / 100), (long long)(cents % 100));
    return out;
}

/* Around every bound, and in between. */
static int64_t draw_credit(struct model *m)
{
    const int64_t share = m->x.due * CREDIT_SHARE / 100, drawn[] = {50000, 900000, 2700000, 3500000, CREDIT_MOST, CREDIT_MOST + 1, share, share + 1, m->x.due, m->x.due + 1, 0};
    return drawn[pick(m, DW_ARRAY_LEN(drawn))];
}

static int64_t draw_pays(struct model *m)
{
    const int64_t least = m->x.due * SETTLE_SHARE / 100, drawn[] = {least, least - 1, least + 1, m->x.due * 6 / 10, m->x.due * 9 / 10, m->x.due - 1, m->x.due};
    return drawn[pick(m, DW_ARRAY_LEN(drawn))];
}

/* All that is due, said in every way; or an amount that no invoice has. */
static void ask_write_off(struct model *m)
{
    char amount[32];
    const char *number = json_str(json_array_get(json_at(m->o.read[CUSTOMER - 1], "invoices"), 0), "number", "");
    int how = pick(m, 7);
    decimal(amount, m->x.due - (how > 4));
    AUTO_STR invoice = str_fmt(" invoice %s", number);
    AUTO_STR what = str_fmt("%s%s", how < 2 ? "all" : how < 4 ? "" : amount, how == 2 || how == 3 || how == 6 ? invoice : "");
    AUTO_STR text = str_fmt("writeoff %s %s why they are bankrupt", MODEL_ACCOUNT, what);
    command(m, m->asker, text);
}

void money_asked(struct model *m)
{
    char amount[32], day[WHEN_TEXT_SIZE];
    bool credit = pick(m, 2) == 0;
    if (pick(m, 3) == 0) {
        ask_write_off(m);
        return;
    }
    decimal(amount, credit ? draw_credit(m) : draw_pays(m));
    when_iso_day(day, BY_MS, NULL);
    if (pick(m, 3)) {
        AUTO_STR text = credit ? str_fmt("credit %s %s why downtime", MODEL_ACCOUNT, amount) : str_fmt("settle %s %s by %s why they close down", MODEL_ACCOUNT, amount, day);
        command(m, m->asker, text);
        return;
    }
    AUTO_STR ref = str_fmt("N-%lld@0", (long long)m->case_id);
    json_auto_t *values = json_pack("{s:s, s:s}", "why", "downtime", credit ? "amount" : "pays", amount);
    if (!credit)
        json_put(values, "by", day);
    says(m, &(struct spoken){.who = m->asker, .way = BY_FORM, .verb = credit ? "credit" : "settle", .text = ref, .values = values});
}

/* Half of a credit; half of what is left of a settlement paid as well. Of a cent there is no half, and of a write-off no part. */
bool money_countered(struct model *m, const struct wish *w, char text[32])
{
    bool credit = strcmp(w->kind, "credit") == 0;
    int64_t offer = credit ? w->amount / 2 : (w->pays + m->x.due) / 2;
    decimal(text, offer);
    return !w->ready && strcmp(w->kind, "write_off") != 0 && (credit ? offer > 0 && offer < w->amount : offer > w->pays && offer < m->x.due);
}

void money_adopted(struct model *m, struct wish *w, const struct proposal *p)
{
    w->pays = json_i64(p->terms, "pays", 0);
    w->ready = json_flag(p->terms, "ready", false);
    w->whole = json_flag(p->terms, "all", false);
    must(m, expect_allowed(&m->x, w), "what is given up is within bounds when it is asked", w->id);
    for (int i = 0; i < m->x.n_wishes; i++) {
        const struct wish *other = &m->x.wishes[i];
        must(m, other == w || !expect_gives_up(other) || (other->stage != ASKED && other->stage != WAITS), "there is one agreement about money at a time", w->id);
        must(m, other->id != p->replaces || w->amount < other->amount, "a counter-offer gives up less", w->id);
    }
}

/* A settlement ends what would collect the whole meanwhile; a credit and a write-off are done at once, and never by a timer. */
void money_agreed(struct model *m, struct wish *w)
{
    if (strcmp(w->kind, "credit") == 0) {
        w->stage = DONE;
        m->x.due -= w->amount;
        due_fell(m);
    } else if (w->ready || strcmp(w->kind, "write_off") == 0) {
        w->stage = DONE;
        m->x.due -= w->amount;
        m->closed = true;
    } else {
        w->stage = WAITS;
        for (int i = 0; i < m->x.n_wishes; i++)
            if (m->x.wishes[i].is_plan && (m->x.wishes[i].stage == ASKED || m->x.wishes[i].stage == WINDOW))
                m->x.wishes[i].stage = WITHDRAWN;
    }
}

/* ---- the customer ---- */

static void show_payment(struct model *m, int64_t amount)
{
    json_t *read = m->o.read[CUSTOMER - 1], *invoice = json_array_get(json_at(read, "invoices"), 0);
    json_put_i64(invoice, "due", json_i64(invoice, "due", 0) - amount);
    json_array_append_new(json_at(read, "payments"), json_pack("{s:s, s:s, s:I, s:s, s:s, s:I}", "id", "ch_paid", "invoice", json_str(invoice, "id", ""), "amount", (json_int_t)amount,
                                                               "currency", "USD", "status", "succeeded", "at_ms", (json_int_t)m->x.now_ms));
    m->payments[m->n_payments].amount = amount;
    m->payments[m->n_payments++].at_ms = m->x.now_ms;
}

/* As much as was agreed, and what is due went down by as much since: then the rest is written off, if those who agreed still may. */
static void settlement_looks(struct model *m, struct wish *w)
{
    int64_t received = 0, agreed = w->amount + w->pays;
    for (int i = 0; i < m->n_payments; i++)
        received += m->payments[i].at_ms >= w->created_ms ? m->payments[i].amount : 0;
    if (received < w->pays || agreed - m->x.due < w->pays || m->x.due > w->amount)
        return;
    if (!expect_complete(&m->x, w)) {
        w->stage = VOID;
        m->facts_moved = true; /* asked again: they have paid */
        return;
    }
    w->stage = DONE;
    m->x.due = 0;
    m->closed = true;
}

void money_paid(struct model *m)
{
    struct wish *w = NULL;
    for (int i = 0; i < m->x.n_wishes; i++)
        w = m->x.wishes[i].stage == WAITS ? &m->x.wishes[i] : w;
    if (!w || m->n_payments == PAYMENTS_MOST)
        return;
    const int64_t drawn[] = {w->pays, w->pays, w->pays / 2, w->pays - w->pays / 2, w->pays - 1, w->pays + 1};
    int64_t amount = drawn[pick(m, DW_ARRAY_LEN(drawn))];
    if (amount >= m->x.due)
        return; /* then all is paid */
    if (tracing)
        printf("      the customer pays %lld\n", (long long)amount);
    show_payment(m, amount);
    m->x.due -= amount;
    due_fell(m);
    settlement_looks(m, w);
    office_event_of(&m->o, CUSTOMER);
}

/* ---- the peer ---- */

/* What is written off or credited is gone there too; never twice for one key, and never more than is due. */
static void peer_writes(struct model *m, const struct job *job)
{
    json_t *invoice = json_array_get(json_at(m->o.read[CUSTOMER - 1], "invoices"), 0);
    int64_t due = json_i64(invoice, "due", 0), amount = json_i64(job->args, "amount", 0);
    for (int i = 0; i < m->n_written; i++)
        must(m, strcmp(m->written[i], job->key) != 0, "nothing is given up twice", 0);
    must(m, m->n_written < WRITES_MOST, "a schedule gives money up a few times", 0);
    str_copy(m->written[m->n_written++], sizeof m->written[0], job->key);
    must(m, amount > 0 && amount <= due, "no more is given up than is due", 0);
    must(m, strcmp(job->op, "credit") == 0 || amount == due, "a write-off is of the whole rest", 0);
    json_put_i64(invoice, "due", due - amount);
    if (due == amount)
        json_put(invoice, "status", "uncollectible");
    m->written_off = strcmp(job->op, "write_off") == 0 ? amount : m->written_off;
}

void money_step(void *ctx, const struct job *job, const struct http_response *previous, struct step *out)
{
    struct model *m = (struct model *)(void *)((char *)ctx - offsetof(struct model, o)); /* the office's own context */
    office_step(&m->o, job, previous, out);
    if (out->outcome == STEP_DONE && (strcmp(job->op, "credit") == 0 || strcmp(job->op, "write_off") == 0))
        peer_writes(m, job);
}

void money_closed(struct model *m)
{
    const struct wish *w = NULL;
    for (int i = 0; i < m->x.n_wishes; i++)
        w = expect_gives_up(&m->x.wishes[i]) && m->x.wishes[i].stage == DONE ? &m->x.wishes[i] : w;
    must(m, w != NULL && m->written_off > 0 && m->written_off <= w->amount, "at most what was approved is written off", w ? w->id : 0);
    bool settled = strcmp(w->kind, "settlement") == 0;
    must(m, settled || m->written_off == w->amount, "a write-off is of what was approved", w->id);
    must(m, store_i64(m->o.store, 0, "SELECT count(*) FROM recoveries WHERE id = ?1 AND outcome = ?2", "it", m->case_id, settled ? "settled" : "written off") == 1,
         "the case says what ended it", w->id);
    must(m, office_i64(&m->o, "SELECT count(*) FROM recoveries WHERE is_open = 1 AND account = '" MODEL_ACCOUNT "'") == 0, "what is settled is closed", w->id);
    must(m, store_i64(m->o.store, 1, "SELECT count(*) FROM proposals WHERE state = ?1", "i", (int64_t)PROPOSAL_ASKED) == 0, "of a closed case nothing is asked", w->id);
    must(m, store_i64(m->o.store, 0, "SELECT count(*) FROM proposals WHERE id = ?1 AND state = ?2", "ii", w->id, (int64_t)PROPOSAL_CONFIRMED) == 1, "what ended it is confirmed", w->id);
    must(m, store_i64(m->o.store, 1, "SELECT count(*) FROM proposals WHERE is_live = 1 AND verb <> ?1", "i", (int64_t)VERB_RELEASE) == 0,
         "of a closed case nothing is done but that its hold ends", w->id);
}
