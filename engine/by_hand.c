/* A part that is done by hand, like any other part of a decision: it is open, it ends, and the proposal waits for it. What differs
 * is whose word ends it. It is a person's, so it is written down whose; and since nobody can be made to do it, it is not waited
 * for longer than the decision makes sense (saga.c). It is kept with the proposal, so what is shown, what is asked for by `done`
 * and what is put back in the end are one thing, also after a restart. */
#include "engine/by_hand.h"

#include <string.h>

enum { NUMBERS_MOST = 4 };

static const json_t *tasks_of(const struct proposal *p)
{
    return json_object_get(p->terms, "tasks");
}

static bool is(const json_t *task, const char *state)
{
    return str_eq(json_str(task, "state", ""), state);
}

static bool is_at(const json_t *task, const char *place)
{
    return !place || !place[0] || strcasecmp(json_str(task, "biller", ""), place) == 0;
}

/* "$1,200.00 on 1002, 1003": what lies there, as it was when the task was set. */
static void what_words(struct buf *out, const struct recovery *r, const struct billed *at, const json_t *ids)
{
    size_t n = 0;
    recovery_owed_words(out, r, at, ids);
    for (size_t i = 0; i < json_array_size(r->invoices); i++) {
        const json_t *invoice = json_array_get(r->invoices, i);
        if (!json_has_text(ids, json_str(invoice, "id", "")))
            continue;
        if (n < NUMBERS_MOST)
            buf_addf(out, "%s%.60s", n ? ", " : out->n ? " on " : "", json_str(invoice, "number", json_str(invoice, "id", "")));
        n++;
    }
    if (n > NUMBERS_MOST)
        buf_addf(out, " and %zu more", n - NUMBERS_MOST);
}

void by_hand_add(const struct recovery *r, struct proposal *p, const struct billed *at, json_t *take_invoices, const char *note, const char *needless)
{
    AUTO_BUF what = BUF(1024);
    what_words(&what, r, at, take_invoices);
    if (!tasks_of(p))
        json_put_new(p->terms, "tasks", json_array());
    json_t *task = json_object();
    json_put(task, "biller", at->biller);
    json_put(task, "customer", at->customer);
    json_put_new(task, "invoices", take_invoices);
    json_put(task, "what", buf_text(&what));
    json_put(task, "note", note);
    json_put(task, "state", needless ? "needless" : "open");
    if (needless)
        json_put(task, "why", needless);
    json_array_append_new(json_object_get(p->terms, "tasks"), task);
}

bool by_hand_has(const struct proposal *p)
{
    return json_array_size(tasks_of(p)) > 0;
}

size_t by_hand_open(const struct proposal *p, const char *place)
{
    size_t i, n = 0;
    json_t *task;
    json_array_foreach(tasks_of(p), i, task)
        n += is(task, "open") && is_at(task, place);
    return n;
}

bool by_hand_counts(const struct proposal *p)
{
    size_t i;
    json_t *task;
    json_array_foreach(tasks_of(p), i, task)
        if (is(task, "open") || is(task, "done"))
            return true;
    return false;
}

void by_hand_tick(struct proposal *p, const char *place, const char *by)
{
    size_t i;
    json_t *task;
    json_array_foreach(tasks_of(p), i, task) {
        if (!is(task, "open") || !is_at(task, place))
            continue;
        json_put(task, "state", "done");
        json_put(task, "by", by);
    }
}

void by_hand_off(struct proposal *p, const char *why, bool needed)
{
    size_t i;
    json_t *task;
    json_array_foreach(tasks_of(p), i, task) {
        if (!is(task, "open"))
            continue;
        json_put(task, "state", needed ? "not done" : "needless");
        json_put(task, "why", why);
    }
}

/* Whose an invoice is: by the time that it is put back it may be paid, and no reading knows it any more. */
static void remember(json_t *all, const json_t *task)
{
    size_t i;
    json_t *id, *prior = json_object_get(all, "prior");
    prior = prior ? json_copy(prior) : json_object(); /* what was there may be borrowed */
    json_array_foreach(json_object_get(task, "invoices"), i, id)
        json_put_new(prior, json_string_value(id), json_pack("{s:s, s:s}", "biller", json_str(task, "biller", ""), "customer", json_str(task, "customer", "")));
    json_put_new(all, "prior", prior);
}

void by_hand_result(const struct proposal *p, const char *list, json_t *all, struct buf *missing)
{
    size_t i;
    json_t *task;
    json_array_foreach(tasks_of(p), i, task) {
        if (is(task, "not done"))
            buf_addf(missing, "%s%s: %s", missing->n ? "; " : "", json_str(task, "biller", ""), json_str(task, "why", ""));
        if (!is(task, "done"))
            continue;
        if (!json_object_get(all, list))
            json_put_new(all, list, json_array());
        json_array_extend(json_object_get(all, list), json_object_get(task, "invoices"));
        json_put(all, "by", json_str(task, "by", ""));
        remember(all, task);
    }
}

bool by_hand_words(struct buf *out, const struct proposal *p)
{
    size_t i, n = by_hand_open(p, NULL), said = 0;
    const char *place = "";
    json_t *task;
    json_array_foreach(tasks_of(p), i, task) {
        if (!is(task, "open"))
            continue;
        const char *what = json_str(task, "what", "");
        place = json_str(task, "biller", "");
        buf_addf(out, "%s hand at %s%s%s%s: %s", said++ ? " By" : "by", place, what[0] ? " (" : "", what, what[0] ? ")" : "", json_str(task, "note", ""));
    }
    if (n == 1)
        buf_addf(out, " When it is done: done A-%lld", (long long)p->id);
    else if (n > 1)
        buf_addf(out, " When all of it is done: done A-%lld; when only one is: done A-%lld %s", (long long)p->id, (long long)p->id, place);
    return n > 0;
}

bool by_hand_places(struct buf *out, const struct proposal *p)
{
    size_t i, n = 0;
    json_t *task;
    json_array_foreach(tasks_of(p), i, task)
        if (is(task, "done"))
            buf_addf(out, "%s%s", n++ ? " and " : "", json_str(task, "biller", ""));
    return n > 0;
}
