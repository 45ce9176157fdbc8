/* One decision, several billing systems: a saga. Each gets the part that is about its own invoices, as an effect of its own with
 * a key of its own, so each part is run once, looked up when its fate is unknown, and read back, like any other effect. People
 * see one proposal: it is confirmed when every part is, and failed when one is refused.
 *
 * A part that was done when another was refused is not left behind: what was held is put back by the hold's own rule
 * (hold_partly), and the journal says for each part what became of it. Only what can be undone is shared out: money moves, and
 * is written off, one invoice after the other where each of them is billed (proposal_money.c). A plan over several is kept by Dunwell,
 * which holds the invoices everywhere and collects each instalment where its invoice is. */
#include "engine/saga.h"

#include <stdio.h>
#include <string.h>

#include "engine/effect.h"
#include "engine/journal.h"
#include "engine/proposal_money.h"
#include "engine/readings.h"
#include "engine/when.h"

/* ---- sharing out ---- */

/* The reading knows whose an open invoice is; of one that is not open any more, the hold remembers. */
static struct billed whose(const struct recovery *r, const json_t *terms, const char *invoice)
{
    const json_t *prior = json_object_get(json_object_get(terms, "prior"), invoice);
    if (json_str(prior, "biller", "")[0])
        return (struct billed){json_str(prior, "biller", ""), json_str(prior, "customer", "")};
    return recovery_billed_of(r, invoice);
}

static bool same(const struct billed *a, const struct billed *b)
{
    return str_eq(a->biller, b->biller) && str_eq(a->customer, b->customer);
}

size_t saga_parts(const struct recovery *r, const struct proposal *p, struct billed *out, size_t most)
{
    const json_t *invoices = json_object_get(p->terms, "invoices");
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(invoices); i++) {
        struct billed b = whose(r, p->terms, json_string_value(json_array_get(invoices, i)));
        bool known = false;
        for (size_t k = 0; k < n; k++)
            known = known || same(&out[k], &b);
        if (!known && n < most)
            out[n++] = b;
    }
    if (n == 0)
        out[n++] = recovery_billed_of(r, json_str(p->terms, "invoice", ""));
    return n;
}

static json_t *invoices_of(const struct recovery *r, const json_t *terms, const struct billed *part)
{
    const json_t *invoices = json_object_get(terms, "invoices");
    json_t *own = json_array();
    for (size_t i = 0; i < json_array_size(invoices); i++) {
        json_t *id = json_array_get(invoices, i);
        struct billed b = whose(r, terms, json_string_value(id));
        if (same(&b, part))
            json_array_append(own, id);
    }
    return own;
}

static void leg(struct engine *e, const struct recovery *r, const struct proposal *p, const char *op, const struct billed *part, json_t *take_args, size_t nth)
{
    AUTO_STR lane = str_fmt("%s:%s", part->biller, part->customer);
    AUTO_STR key = nth ? str_fmt("dunwell-p%lld-%zu", (long long)p->id, nth + 1) : str_fmt("dunwell-p%lld", (long long)p->id);
    json_put(take_args, "customer", part->customer);
    effect_add(e, &(struct effect_spec){.lane = lane, .driver = part->biller, .op = op, .key = key, .take_args = take_args, .case_id = r->id, .proposal_id = p->id,
                                        .purpose = "proposal"});
}

bool saga_by_hand(struct engine *e, const struct billed *part, enum verb verb, const char **note)
{
    return str_eq(e->world.capability(e->world.ctx, part->biller, verb_op(verb), note), "manual");
}

/* One billing system of several has no way: its part becomes a task of its own, and the others need not wait for it. */
static void part_by_hand(struct engine *e, struct recovery *r, const struct proposal *p, const struct billed *part)
{
    json_t *terms = json_copy(p->terms);
    json_put_new(terms, "invoices", invoices_of(r, p->terms, part));
    AUTO_STR why = str_fmt("the part of A-%lld at %s", (long long)p->id, part->biller);
    proposal_auto(e, r, p->verb == VERB_PLAN ? VERB_HOLD : p->verb, terms, why);
}

/* Long enough for the last instalment to be settled. */
static int64_t plan_end_ms(const struct proposal *p)
{
    const json_t *rows = json_object_get(p->terms, "instalments");
    return json_i64(json_array_get(rows, json_array_size(rows) - 1), "date_ms", 0) + 30 * MS_DAY;
}

void saga_start(struct engine *e, struct recovery *r, const struct proposal *p, const json_t *args)
{
    struct billed parts[BILLERS_MOST];
    const char *note;
    size_t n = saga_parts(r, p, parts, BILLERS_MOST);
    bool plan = p->verb == VERB_PLAN && n > 1;
    for (size_t i = 0; i < n; i++) {
        if (n > 1 && saga_by_hand(e, &parts[i], plan ? VERB_HOLD : p->verb, &note)) {
            part_by_hand(e, r, p, &parts[i]);
            continue;
        }
        json_t *own = json_copy((json_t *)(uintptr_t)args);
        if (n > 1)
            json_put_new(own, "invoices", invoices_of(r, p->terms, &parts[i]));
        if (plan)
            json_put_i64(own, "until_ms", plan_end_ms(p));
        leg(e, r, p, plan ? "hold" : verb_op(p->verb), &parts[i], own, i);
    }
}

/* ---- the end ---- */

static void extend(json_t *to, const char *list, const json_t *result)
{
    const json_t *more = json_object_get(result, list);
    if (!json_is_array(more))
        return;
    if (!json_object_get(to, list))
        json_put_new(to, list, json_array());
    json_array_extend(json_object_get(to, list), (json_t *)(uintptr_t)more);
}

/* What was found before, with whose invoice it is: by then it may be paid, and no reading knows it any more. */
static void prior_add(json_t *to, const json_t *result, const char *biller, const char *customer)
{
    const char *invoice;
    json_t *found, *prior = json_object_get(to, "prior");
    prior = prior ? json_copy(prior) : json_object(); /* what was there may be borrowed */
    json_put_new(to, "prior", prior);
    json_object_foreach(json_object_get(result, "prior"), invoice, found) {
        json_t *kept = json_is_object(found) ? json_copy(found) : json_object();
        json_put(kept, "biller", biller);
        json_put(kept, "customer", customer);
        json_object_set_new(prior, invoice, kept);
    }
}

static void id_add(json_t *to, const json_t *result)
{
    const char *id = json_str(result, "id", ""), *before = json_str(to, "id", "");
    if (id[0]) {
        AUTO_STR both = str_fmt("%s%s%s", before, before[0] ? ", " : "", id);
        json_put(to, "id", both);
    }
}

/* All parts' answers as one; `refused` gets what was not done, "" when all was. */
static json_t *together(struct engine *e, int64_t proposal_id, struct buf *refused)
{
    json_t *all = json_pack("{s:s}", "mode", "held_by_dunwell");
    struct query *q = store_query(e->store, "SELECT driver, args, state, result, reason FROM effects WHERE proposal_id = ?1 AND proposal_id > 0 ORDER BY id", "i", proposal_id);
    while (query_next(q)) {
        AUTO_JSON args = query_json(q, 1);
        AUTO_JSON result = query_json(q, 3);
        extend(all, "held", result);
        extend(all, "released", result);
        prior_add(all, result, query_text(q, 0), json_str(args, "customer", ""));
        id_add(all, result);
        if (query_i64(q, 2) != EFFECT_DONE)
            buf_addf(refused, "%s%s: %s", refused->n ? "; " : "", query_text(q, 0), query_text(q, 4));
    }
    return all;
}

static void all_ended(struct engine *e, int64_t proposal_id)
{
    AUTO_BUF refused = BUF(1024);
    json_auto_t *all = together(e, proposal_id, &refused);
    if (refused.n)
        proposal_failed(e, proposal_id, buf_text(&refused), all);
    else
        proposal_confirmed(e, proposal_id, all);
}

static int64_t count(struct engine *e, const char *sql, int64_t proposal_id)
{
    return store_i64(e->store, 0, sql, "i", proposal_id);
}

static void part_ended(struct engine *e, const struct recovery *r, int64_t proposal_id, const struct leg_end *end)
{
    AUTO_STR ref = str_fmt("A-%lld", (long long)proposal_id);
    journal_add(e, &(struct actor){.name = end->biller}, end->done ? "part.confirmed" : "part.failed", r->id, r->account, ref, end->result, "The part of %s at %s %s%s",
                ref, end->biller, end->done ? "is confirmed" : "failed: ", end->done ? "" : end->reason);
    if (count(e, "SELECT count(*) FROM effects WHERE proposal_id = ?1 AND proposal_id > 0 AND is_live = 1", proposal_id) == 0)
        all_ended(e, proposal_id);
}

void saga_leg_ended(struct engine *e, int64_t proposal_id, const struct leg_end *end)
{
    struct proposal *p = proposal_load(e, proposal_id);
    struct recovery *r = p ? recovery_load(e, p->case_id) : NULL;
    struct billed all[BILLERS_MOST];
    json_auto_t *result = end->result ? json_copy((json_t *)(uintptr_t)end->result) : NULL;
    bool elsewhere = r && recovery_billed(e, r, all) > 1;
    bool parts = r && !verb_has_parts(p->verb) && count(e, "SELECT count(*) FROM effects WHERE proposal_id = ?1 AND proposal_id > 0", proposal_id) > 1;
    if (elsewhere && !parts && json_object_get(result, "prior"))
        prior_add(result, end->result, end->biller, end->customer);
    if (parts)
        part_ended(e, r, proposal_id, end);
    else if (end->done)
        proposal_confirmed(e, proposal_id, result);
    else
        proposal_failed(e, proposal_id, end->reason, result);
    recovery_free(r);
    proposal_free(p);
}
