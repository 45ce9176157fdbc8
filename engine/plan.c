/* Plans. Where billing has no instalment object that fits, Dunwell keeps the plan: each instalment is a row with a durable
 * timer that collects it, and the hold on the invoices lasts until the last one. Where billing keeps it ("native"), the rows
 * are there to be shown, nothing is collected by us, and the account is read again a day after each date: what is still due
 * tells whether billing has collected. One instalment over several invoices is several rows of the same number. */
#include "engine/plan.h"

#include <stdio.h>
#include <string.h>

#include "engine/hold.h"
#include "engine/journal.h"
#include "engine/proposal.h"
#include "engine/sm.h"
#include "engine/timer.h"
#include "engine/when.h"

enum {
    INSTALMENTS_MOST = 60,
    PLAN_SEARCH_DAYS = 62 /* further back is no longer what was asked */
};

static const struct actor POLICY = {.name = "policy"};

/* Adds rows for one instalment, taking from the invoices in order; left[] is what each still has to give. */
static void rows_add(json_t *rows, const json_t *invoices, int64_t *left, int n, int64_t date_ms, const char *date, int64_t amount)
{
    size_t i;
    json_t *invoice;
    json_array_foreach(invoices, i, invoice) {
        int64_t part = left[i] < amount ? left[i] : amount;
        if (part <= 0)
            continue;
        left[i] -= part;
        amount -= part;
        json_array_append_new(rows, json_pack("{s:i, s:I, s:s, s:I, s:s}", "n", n, "date_ms", (json_int_t)date_ms, "date", date, "amount",
                                              (json_int_t)part, "invoice", json_str(invoice, "id", "")));
    }
}

json_t *plan_terms_make(const struct policy *policy, const struct recovery *r, int instalments, int64_t first_ms, const char *zone)
{
    size_t count = json_array_size(r->invoices);
    if (instalments < 1 || instalments > INSTALMENTS_MOST || r->due.minor / money_step_paid(r->due) < instalments || count == 0)
        return NULL;
    int64_t parts[INSTALMENTS_MOST];
    int64_t *left = mem_alloc(count * sizeof *left);
    for (size_t i = 0; i < count; i++) {
        const json_t *invoice = json_array_get(r->invoices, i);
        struct money due = money_of(json_i64(invoice, "due", 0), json_str(invoice, "currency", ""));
        left[i] = str_eq(due.currency, r->due.currency) ? due.minor : 0; /* other currencies are never added */
    }
    money_split_paid(r->due, instalments, parts);
    json_t *rows = json_array();
    for (int n = 0; n < instalments; n++) {
        char date[WHEN_TEXT_SIZE];
        int64_t at = policy_next_business_day(policy, when_add_months(first_ms, n, zone), zone);
        rows_add(rows, r->invoices, left, n + 1, at, when_iso_day(date, at, zone), parts[n]);
    }
    free(left);
    json_t *terms = json_pack("{s:i, s:I, s:I, s:s, s:s, s:o}", "count", instalments, "total", (json_int_t)r->due.minor, "first_ms",
                              (json_int_t)first_ms, "currency", r->due.currency, "zone", zone ? zone : "", "instalments", rows);
    json_t *ids = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(ids, json_string(json_str(json_array_get(r->invoices, i), "id", "")));
    json_put_new(terms, "invoices", ids);
    return terms;
}

static enum bound outline_bound(struct engine *e, const struct recovery *r, int count, int64_t first_ms, int64_t last_ms, const char *zone, char *why,
                                size_t size)
{
    struct plan_terms t = {.total = r->due, .instalments = count, .first_ms = first_ms, .last_ms = last_ms, .smallest_minor = r->due.minor / (count > 0 ? count : 1), .zone = zone};
    return policy_plan(e->policy, &t, e->now_ms, why, size);
}

enum bound plan_bound(struct engine *e, const struct recovery *r, const json_t *terms, char *why, size_t size)
{
    const json_t *rows = json_at(terms, "instalments");
    const json_t *last = json_array_get(rows, json_array_size(rows) - 1);
    return outline_bound(e, r, (int)json_i64(terms, "count", 1), json_i64(terms, "first_ms", 0), json_i64(last, "date_ms", 0), json_str(terms, "zone", NULL), why, size);
}

static bool is_inside(struct engine *e, const struct recovery *r, int count, int64_t first_ms, const char *zone)
{
    char why[300];
    int64_t last = policy_next_business_day(e->policy, when_add_months(first_ms, count - 1, zone), zone);
    return outline_bound(e, r, count, first_ms, last, zone, why, sizeof why) == BOUND_INSIDE;
}

/* The latest first date, not after the one that was asked, with which so many instalments need nobody; 0: none. A plan that
 * begins earlier ends earlier, so days that are inside lie before those that are not, and halving finds the border. Cards
 * are built anew on every change: this is no place for trying each day. */
static int64_t inside_from(struct engine *e, const struct recovery *r, int count, int64_t first_ms, const char *zone)
{
    int64_t ahead = (first_ms - e->now_ms) / MS_DAY;
    int low = 0, high = ahead > PLAN_SEARCH_DAYS ? PLAN_SEARCH_DAYS : (int)ahead;
    if (high > 0 && when_add_days(first_ms, -high, zone) <= e->now_ms)
        high--; /* an hour of summer time */
    if (first_ms <= e->now_ms || !is_inside(e, r, count, when_add_days(first_ms, -high, zone), zone))
        return 0;
    while (low < high) {
        int middle = (low + high) / 2;
        if (is_inside(e, r, count, when_add_days(first_ms, -middle, zone), zone))
            high = middle;
        else
            low = middle + 1;
    }
    return when_add_days(first_ms, -low, zone);
}

bool plan_closest(struct engine *e, const struct recovery *r, const json_t *asked, char *out, size_t size)
{
    const char *zone = json_str(asked, "zone", "");
    char amount[MONEY_TEXT_SIZE], day[WHEN_TEXT_SIZE];
    int64_t parts[INSTALMENTS_MOST], most = json_i64(asked, "count", 0), first_ms = json_i64(asked, "first_ms", 0);
    for (int n = most > INSTALMENTS_MOST ? INSTALMENTS_MOST : (int)most; n > 1; n--) {
        int64_t from = r->due.minor / money_step_paid(r->due) >= n ? inside_from(e, r, n, first_ms, zone) : 0;
        if (!from)
            continue;
        money_split_paid(r->due, n, parts);
        money_text(amount, money_of(parts[0], r->due.currency));
        snprintf(out, size, "%dx from %s (first %s)", n, when_day(day, from, zone), amount);
        return true;
    }
    return false;
}

size_t plan_of_case(struct engine *e, int64_t case_id, struct instalment *rows, size_t n)
{
    size_t found = 0;
    struct query *q = store_query(e->store,
                                  "SELECT i.id, i.plan_id, i.due_ms, i.n, i.invoice, i.amount, i.currency, i.state FROM instalments i JOIN plans p ON "
                                  "p.id = i.plan_id WHERE p.case_id = ?1 AND p.state = 'running' ORDER BY i.id LIMIT ?2",
                                  "ii", case_id, (int64_t)n);
    while (query_next(q)) {
        struct instalment *row = &rows[found++];
        *row = (struct instalment){.id = query_i64(q, 0), .plan_id = query_i64(q, 1), .due_ms = query_i64(q, 2), .n = (int)query_i64(q, 3),
                                   .amount = money_of(query_i64(q, 5), query_text(q, 6))};
        str_copy(row->invoice, sizeof row->invoice, query_text(q, 4));
        str_copy(row->state, sizeof row->state, query_text(q, 7));
    }
    return found;
}

/* The next thing a plan waits for, in words. */
static void say_next(struct engine *e, struct recovery *r)
{
    struct instalment rows[INSTALMENTS_MOST * 4];
    size_t n = plan_of_case(e, r->id, rows, DW_ARRAY_LEN(rows));
    char amount[MONEY_TEXT_SIZE];
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(rows[i].state, "waiting"))
            continue;
        AUTO_STR next = str_fmt("Instalment %d of %d, %s, is collected on {ms:%lld}", rows[i].n, rows[n - 1].n, money_text(amount, rows[i].amount),
                                (long long)rows[i].due_ms);
        recovery_move(e, r, &POLICY, RECOVERY_PLANNED, next, rows[i].due_ms);
        return;
    }
    recovery_move(e, r, &POLICY, RECOVERY_PLANNED, "The last instalment is being settled; billing says when everything is paid", 0);
}

static void rows_store(struct engine *e, struct recovery *r, int64_t plan, const struct proposal *p, bool native)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_at(p->terms, "instalments"), i, row) {
        store_run(e->store, "INSERT INTO instalments (plan_id, n, invoice, due_ms, amount, currency, state) VALUES (?1,?2,?3,?4,?5,?6,'waiting')", "iitiit",
                  plan, json_i64(row, "n", 0), json_str(row, "invoice", ""), json_i64(row, "date_ms", 0), json_i64(row, "amount", 0),
                  p->amount.currency);
        int64_t date_ms = json_i64(row, "date_ms", 0);
        timer_add(e, native ? "plan_look" : "instalment", r->id, store_last_id(e->store), native ? date_ms + MS_DAY : date_ms);
    }
}

/* The invoices stay quiet until two days after the last instalment. */
static void hold_for_plan(struct engine *e, struct recovery *r, const struct proposal *p, const json_t *result)
{
    const json_t *rows = json_at(p->terms, "instalments");
    int64_t end = json_i64(json_array_get(rows, json_array_size(rows) - 1), "date_ms", e->now_ms) + 2 * MS_DAY;
    AUTO_STR reason = str_fmt("payment plan A-%lld runs", (long long)p->id);
    struct hold *h = hold_of_case(e, r->id);
    if (h && h->state == HOLD_ACTIVE && json_array_size(json_at(result, "held")) > 0) { /* it answers for these too */
        json_auto_t *terms = json_pack("{s:b, s:b}", "joins", 1, "keeps_end", 1);
        hold_confirmed(e, r, h->id, terms, result);
        hold_free(h);
        h = hold_of_case(e, r->id);
    }
    if (hold_counts(h)) {
        hold_set_end(e, r, h, end, "resume", reason);
    } else {
        json_auto_t *terms = hold_terms(r, end, end - MS_DAY, "resume", reason);
        hold_confirmed(e, r, hold_start(e, r, terms), terms, result);
    }
    hold_free(h);
}

void plan_start(struct engine *e, struct recovery *r, const struct proposal *p, const json_t *result)
{
    store_run(e->store, "INSERT INTO plans (case_id, proposal_id, state, mode, vendor_id) VALUES (?1,?2,'running',?3,?4)", "iitt", r->id, p->id,
              json_str(result, "mode", "held_by_dunwell"), json_str(result, "id", ""));
    rows_store(e, r, store_last_id(e->store), p, str_eq(json_str(result, "mode", ""), "native"));
    timer_cancel(e, "retry", r->id, r->id);
    timer_cancel(e, "link_over", r->id, r->id);
    proposals_withdraw(e, r, SM_BIT(VERB_RETRY), "a plan runs now");
    hold_for_plan(e, r, p, result);
    if (r->state != RECOVERY_CLOSED)
        say_next(e, r);
}

void instalment_mark(struct engine *e, struct recovery *r, int64_t id, const char *state)
{
    store_run(e->store, "UPDATE instalments SET state = ?2 WHERE id = ?1", "it", id, state);
    engine_dirty(e, r->id);
}

void instalment_due(struct engine *e, struct recovery *r, int64_t id)
{
    struct query *q = store_query(e->store,
                                  "SELECT i.plan_id, i.n, i.invoice, i.amount, i.currency FROM instalments i JOIN plans p ON p.id = i.plan_id WHERE "
                                  "i.id = ?1 AND i.state = 'waiting' AND p.state = 'running'",
                                  "i", id);
    if (!query_next(q))
        return;
    json_t *terms = json_pack("{s:I, s:I, s:I, s:s, s:I, s:s}", "plan", (json_int_t)query_i64(q, 0), "instalment", (json_int_t)id, "n",
                              (json_int_t)query_i64(q, 1), "invoice", query_text(q, 2), "amount", (json_int_t)query_i64(q, 3), "currency",
                              query_text(q, 4));
    query_end(q);
    instalment_mark(e, r, id, "executing");
    proposal_auto(e, r, VERB_INSTALMENT, terms, "an instalment of the agreed plan is due");
}

void plan_look(struct engine *e, struct recovery *r, int64_t id)
{
    int64_t due = store_run(e->store,
                            "UPDATE instalments SET state = 'executing' WHERE id = ?1 AND state IN ('waiting', 'executing') AND EXISTS "
                            "(SELECT 1 FROM plans WHERE plans.id = instalments.plan_id AND plans.state = 'running')",
                            "i", id);
    if (due == 1)
        recovery_ask_facts(e, r, NULL);
}

/* What billing would still collect by a schedule of its own has to end there too. */
static void unplan(struct engine *e, struct recovery *r, int64_t proposal_id, const char *vendor_id)
{
    json_t *terms = json_object(), *prior = json_object(), *id;
    size_t i;
    struct query *q = store_query(e->store, "SELECT driver, args FROM effects WHERE proposal_id = ?1 AND proposal_id > 0 AND op = 'plan' ORDER BY id LIMIT 1", "i", proposal_id);
    if (query_next(q)) { /* it is cancelled where it was made, and nowhere else, whatever is owed to whom by now */
        AUTO_JSON args = query_json(q, 1);
        json_array_foreach(json_at(args, "invoices"), i, id)
            json_put_new(prior, json_string_value(id), json_pack("{s:s, s:s}", "biller", query_text(q, 0), "customer", json_str(args, "customer", "")));
        json_put_new(terms, "invoices", json_deep_copy(json_at(args, "invoices")));
        query_end(q);
    }
    json_put_new(terms, "prior", prior);
    json_put(terms, "id", vendor_id);
    json_put(terms, "zone", facts_str(&r->facts, "account.timezone"));
    proposal_auto(e, r, VERB_UNPLAN, terms, "the plan has ended");
}

bool plan_end(struct engine *e, struct recovery *r, const char *state)
{
    struct query *q = store_query(e->store, "SELECT id, mode, vendor_id, proposal_id FROM plans WHERE case_id = ?1 AND state = 'running' ORDER BY id DESC LIMIT 1", "i", r->id);
    if (!query_next(q))
        return false;
    int64_t id = query_i64(q, 0), proposal_id = query_i64(q, 3);
    bool native = str_eq(query_text(q, 1), "native") && query_text(q, 2)[0];
    AUTO_STR vendor_id = str_dup(query_text(q, 2));
    query_end(q);
    store_run(e->store, "UPDATE plans SET state = ?2 WHERE id = ?1", "it", id, state);
    store_run(e->store, "UPDATE instalments SET state = 'cancelled' WHERE plan_id = ?1 AND state = 'waiting'", "i", id);
    if (native)
        unplan(e, r, proposal_id, vendor_id);
    return true;
}

/* What became of the agreement, under the agreement's own number. */
static void say_kept(struct engine *e, const struct recovery *r, int64_t plan, bool paid, int64_t instalment)
{
    int64_t request = store_i64(e->store, 0, "SELECT proposal_id FROM plans WHERE id = ?1", "i", plan);
    int64_t n = store_i64(e->store, 0, "SELECT n FROM instalments WHERE id = ?1", "i", instalment);
    int64_t all = store_i64(e->store, 0, "SELECT max(n) FROM instalments WHERE plan_id = ?1", "i", plan);
    int64_t open = store_i64(e->store, 0, "SELECT count(*) FROM instalments WHERE plan_id = ?1 AND n = ?2 AND state <> 'paid'", "ii", plan, n);
    AUTO_STR ref = str_fmt("A-%lld", (long long)request);
    if (paid && open == 0)
        journal_add(e, &POLICY, "plan.kept", r->id, r->account, ref, NULL, "Plan %s is kept so far: instalment %lld of %lld is paid", ref, (long long)n, (long long)all);
    else if (!paid)
        journal_add(e, &POLICY, "plan.broken", r->id, r->account, ref, NULL, "Plan %s is broken: instalment %lld of %lld was not paid", ref, (long long)n, (long long)all);
}

void instalment_ended(struct engine *e, struct recovery *r, const json_t *terms, bool paid, const char *why)
{
    char amount[MONEY_TEXT_SIZE];
    int64_t id = json_i64(terms, "instalment", 0), plan = json_i64(terms, "plan", 0);
    instalment_mark(e, r, id, paid ? "paid" : "failed");
    bool running = store_i64(e->store, 0, "SELECT count(*) FROM plans WHERE id = ?1 AND state = 'running'", "i", plan) > 0;
    if (r->state == RECOVERY_CLOSED || !running) /* of a plan that ended meanwhile: whoever ended it has said what is next */
        return;
    say_kept(e, r, plan, paid, id);
    if (paid) {
        say_next(e, r);
        return;
    }
    plan_end(e, r, "broken");
    struct money m = money_of(json_i64(terms, "amount", 0), json_str(terms, "currency", ""));
    AUTO_STR next = str_fmt("Instalment %lld, %s, was not paid (%s): agree on new dates with the customer; notices stay on hold meanwhile",
                            (long long)json_i64(terms, "n", 0), money_text(amount, m), why);
    recovery_move(e, r, &POLICY, RECOVERY_QUEUED, next, 0);
}

void plan_stop(struct engine *e, struct recovery *r, const char *why)
{
    AUTO_STR ref = str_fmt("N-%lld", (long long)r->id);
    if (plan_end(e, r, "stopped"))
        journal_add(e, &POLICY, "plan.stopped", r->id, r->account, ref, NULL, "The plan is stopped, no instalment is collected any more: %s", why);
}

/* Takes from one row what can be taken; what is left to take. */
static int64_t row_lower(struct engine *e, const struct recovery *r, const struct instalment *row, int64_t amount)
{
    int64_t less = row->amount.minor < amount ? row->amount.minor : amount;
    store_run(e->store, "UPDATE instalments SET amount = amount - ?2, state = CASE WHEN amount = ?2 THEN 'cancelled' ELSE state END WHERE id = ?1", "ii", row->id, less);
    if (less == row->amount.minor)
        timer_cancel(e, "instalment", r->id, row->id);
    return amount - less;
}

void plan_lower(struct engine *e, struct recovery *r, const char *invoice, int64_t amount)
{
    struct instalment rows[INSTALMENTS_MOST * 4];
    size_t n = plan_of_case(e, r->id, rows, DW_ARRAY_LEN(rows));
    int64_t left = amount;
    if (n == 0)
        return;
    if (store_i64(e->store, 0, "SELECT count(*) FROM plans WHERE id = ?1 AND mode = 'native'", "i", rows[0].plan_id)) {
        plan_stop(e, r, "less is due now, and billing's own schedule asks for all of it");
        recovery_move(e, r, &POLICY, RECOVERY_QUEUED, "Less is due now: agree with the customer on a new plan for the rest", 0);
        return;
    }
    for (size_t i = n; i-- > 0 && left > 0;)
        if (str_eq(rows[i].state, "waiting") && str_eq(rows[i].invoice, invoice))
            left = row_lower(e, r, &rows[i], left);
    AUTO_STR ref = str_fmt("N-%lld", (long long)r->id);
    journal_add(e, &POLICY, "plan.lowered", r->id, r->account, ref, NULL, "Less is due on invoice %s: the plan's last instalments ask for so much less", invoice);
    if (r->state == RECOVERY_PLANNED)
        say_next(e, r);
}

static bool on_its_way(const json_t *read, struct money amount)
{
    size_t i;
    json_t *payment;
    json_array_foreach(json_at(read, "payments"), i, payment)
        if (str_eq(json_str(payment, "status", ""), "pending") && json_i64(payment, "amount", 0) == amount.minor &&
            str_eq(json_str(payment, "currency", ""), amount.currency))
            return true;
    return false;
}

/* Billing keeps this plan: when no more is due than the dates to come will bring, what was due has been collected. */
static void settle_native(struct engine *e, struct recovery *r, const json_t *read)
{
    struct instalment rows[INSTALMENTS_MOST * 4];
    size_t n = plan_of_case(e, r->id, rows, DW_ARRAY_LEN(rows));
    int64_t to_come = 0;
    if (n == 0 || !store_i64(e->store, 0, "SELECT count(*) FROM plans WHERE id = ?1 AND mode = 'native'", "i", rows[0].plan_id))
        return;
    for (size_t i = 0; i < n; i++)
        to_come += str_eq(rows[i].state, "waiting") ? rows[i].amount.minor : 0;
    for (size_t i = 0; i < n; i++) {
        bool paid = r->due.minor <= to_come;
        if (!str_eq(rows[i].state, "executing"))
            continue;
        if (!paid && on_its_way(read, rows[i].amount)) {
            timer_add(e, "plan_look", r->id, rows[i].id, e->now_ms + MS_DAY);
            continue;
        }
        json_auto_t *terms = json_pack("{s:I, s:I, s:i, s:I, s:s}", "plan", (json_int_t)rows[i].plan_id, "instalment", (json_int_t)rows[i].id, "n",
                                       rows[i].n, "amount", (json_int_t)rows[i].amount.minor, "currency", rows[i].amount.currency);
        instalment_ended(e, r, terms, paid, "billing's own schedule has not collected it");
        if (!paid)
            return;
    }
}

/* The payment that an instalment waits for, by its id. Of one that was under way before we asked billing may tell none: then it is the
 * newest of that invoice, as soon as none is on its way any more, but never one that had ended when we asked: a list that lags
 * behind shows only those. */
static const json_t *awaited(const struct proposal *p, const json_t *payments)
{
    const json_t *found = NULL;
    size_t i;
    json_t *payment;
    json_array_foreach(payments, i, payment) {
        int64_t at_ms = json_i64(payment, "at_ms", 0);
        bool its = p->vendor_id[0] ? str_eq(json_str(payment, "id", ""), p->vendor_id)
                                   : str_eq(json_str(payment, "invoice", ""), json_str(p->terms, "invoice", "")) && at_ms > json_i64(p->terms, "after_ms", 0);
        if (its && str_eq(json_str(payment, "status", ""), "pending"))
            return NULL;
        if (its && (!found || at_ms >= json_i64(found, "at_ms", 0)))
            found = payment;
    }
    return found;
}

static void settle_one(struct engine *e, struct recovery *r, int64_t id, const json_t *payments)
{
    struct proposal *p = proposal_load(e, id);
    bool waits = p && store_i64(e->store, 0, "SELECT count(*) FROM instalments WHERE id = ?1 AND state = 'pending'", "i", json_i64(p->terms, "instalment", 0)) > 0;
    const char *status = waits ? json_str(awaited(p, payments), "status", "") : "";
    if (str_eq(status, "succeeded") || str_eq(status, "failed"))
        instalment_ended(e, r, p->terms, str_eq(status, "succeeded"), "the payment that was on its way came back");
    proposal_free(p);
}

void plan_settle(struct engine *e, struct recovery *r, const json_t *read)
{
    int64_t ids[INSTALMENTS_MOST * 4];
    size_t n = 0;
    settle_native(e, r, read);
    if (!store_i64(e->store, 0, "SELECT count(*) FROM instalments i JOIN plans p ON p.id = i.plan_id WHERE p.case_id = ?1 AND i.state = 'pending'", "i", r->id))
        return;
    struct query *q = store_query(e->store, "SELECT id FROM proposals WHERE case_id = ?1 AND verb = ?2 AND state = ?3 ORDER BY id DESC LIMIT ?4",
                                  "iiii", r->id, SM_ID(VERB_INSTALMENT), SM_ID(PROPOSAL_CONFIRMED), (int64_t)DW_ARRAY_LEN(ids));
    while (query_next(q))
        ids[n++] = query_i64(q, 0);
    while (n-- > 0)
        settle_one(e, r, ids[n], json_at(read, "payments"));
}
