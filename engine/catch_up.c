/* Webhooks are missed: a proxy was down, a secret was wrong for an hour, the sender gave up. So billing is read in the gap.
 *
 * Each biller has one standing question in the outbox, asked again some minutes after its answer; because it is an effect, it
 * survives a crash like everything that leaves. An event that the answer names goes into the inbox under the same key as its
 * webhook would: what had arrived is found to be there, and a webhook that comes late finds its event done. Events of the last
 * two minutes are left for the next time, since their webhooks may still be on the way and nobody should be told that they
 * were missed.
 *
 * Once a day the overdue invoices are listed as well: what failed before Dunwell was there, or by a way that makes no event,
 * opens its case too. */
#include "engine/catch_up.h"

#include <string.h>

#include "engine/effect.h"
#include "engine/inbox.h"
#include "engine/journal.h"
#include "engine/recovery.h"
#include "engine/when.h"

#define ON_THE_WAY_MS (2 * MS_MINUTE)
#define OVERDUE_EVERY_MS MS_DAY

/* One of the two questions. */
struct question {
    const char *op; /* also its purpose and the name of its mark in meta */
    const char *arg;
    int64_t (*every_ms)(const struct engine *e);
};

static int64_t gap_every_ms(const struct engine *e)
{
    return e->catch_up_ms > 0 ? e->catch_up_ms : 15 * MS_MINUTE;
}

static int64_t overdue_every_ms(const struct engine *e)
{
    (void)e;
    return OVERDUE_EVERY_MS;
}

static const struct question GAP = {"catch_up", "since_ms", gap_every_ms};
static const struct question OVERDUE = {"overdue", "before_ms", overdue_every_ms};

/* ---- where we are ---- */

static int64_t mark_of(struct engine *e, const struct question *q, const char *biller, int64_t otherwise)
{
    AUTO_STR name = str_fmt("%s:%s", q->op, biller);
    return store_i64(e->store, otherwise, "SELECT CAST(value AS INTEGER) FROM meta WHERE name = ?1", "t", name);
}

static void mark_set(struct engine *e, const struct question *q, const char *biller, int64_t at_ms)
{
    AUTO_STR name = str_fmt("%s:%s", q->op, biller);
    AUTO_STR value = str_fmt("%lld", (long long)at_ms);
    store_run(e->store, "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", "tt", name, value);
}

/* ---- asking ---- */

/* Asks at at_ms; `page` and `found` go on from one page to the next. The finished page before it is not kept. */
static void ask(struct engine *e, const struct question *q, const char *biller, int64_t at_ms, const json_t *before, const char *cursor, int64_t found)
{
    json_t *args = json_object();
    int64_t page = cursor ? json_i64(before, "page", 0) + 1 : 0;
    int64_t point = cursor ? json_i64(before, q->arg, 0) : str_eq(q->op, GAP.op) ? mark_of(e, q, biller, e->now_ms) : at_ms;
    json_put(args, "biller", biller);
    json_put_i64(args, q->arg, point);
    json_put_i64(args, "page", page);
    json_put_i64(args, "found", found);
    if (cursor)
        json_put(args, "cursor", cursor);
    AUTO_STR lane = str_fmt("%s:%s", q->op, biller);
    AUTO_STR key = str_fmt("%s-%s-%lld-%lld", q->op, biller, (long long)e->now_ms, (long long)page);
    effect_add(e, &(struct effect_spec){.lane = lane, .driver = biller, .op = q->op, .key = key, .take_args = args, .purpose = q->op, .not_before_ms = at_ms});
}

static void start(struct engine *e, const struct question *q, const char *biller)
{
    const char *note;
    AUTO_STR lane = str_fmt("%s:%s", q->op, biller);
    if (str_eq(e->world.capability(e->world.ctx, biller, q->op, &note), "none"))
        return;
    if (mark_of(e, q, biller, 0) == 0 && str_eq(q->op, GAP.op))
        mark_set(e, q, biller, e->now_ms); /* what happened before Dunwell was there was never ours to miss */
    int64_t waiting = store_i64(e->store, 0, "SELECT id FROM effects WHERE lane = ?1 AND is_live = 1 LIMIT 1", "t", lane);
    if (waiting && str_eq(q->op, GAP.op))
        effect_hurry(e, waiting); /* the time we were away is just when events are missed */
    else if (!waiting)
        ask(e, q, biller, e->now_ms, NULL, NULL, 0);
}

void catch_up_start(struct engine *e)
{
    for (size_t i = 0; i < e->n_billers; i++) {
        start(e, &GAP, e->billers[i]);
        start(e, &OVERDUE, e->billers[i]);
    }
}

static void forget_page(struct engine *e, int64_t effect_id)
{
    store_run(e->store, "DELETE FROM effects WHERE id = ?1 AND is_live = 0", "i", effect_id);
}

/* The next page at once, or the same question again when it is time. */
static void ask_next(struct engine *e, const struct question *q, const char *biller, const json_t *args, const char *cursor, int64_t found)
{
    if (cursor)
        ask(e, q, biller, e->now_ms, args, cursor, found);
    else
        ask(e, q, biller, e->now_ms + q->every_ms(e), NULL, NULL, 0);
}

static bool is_configured(const struct engine *e, const char *biller)
{
    for (size_t i = 0; i < e->n_billers; i++)
        if (str_eq(e->billers[i], biller))
            return true;
    return false;
}

/* One that was taken out of the configuration is not asked for ever; the mark stays, so that its return reads the gap. */
static void failed(struct engine *e, const struct question *q, const char *biller, const char *reason)
{
    if (!is_configured(e, biller)) {
        journal_add(e, &(struct actor){.name = biller}, str_eq(q->op, GAP.op) ? "catch_up.stopped" : "overdue.stopped", 0, "", "", NULL,
                    "%s is not configured any more, so it is not asked any more %s", biller,
                    str_eq(q->op, GAP.op) ? "what happened; if it comes back, it is asked from where this stopped" : "what is overdue");
        return;
    }
    journal_add(e, &(struct actor){.name = biller}, str_eq(q->op, GAP.op) ? "catch_up.failed" : "overdue.failed", 0, "", "", NULL,
                "%s could not say %s (%s); it is asked again", biller, str_eq(q->op, GAP.op) ? "what happened since" : "what is overdue", reason);
    ask(e, q, biller, e->now_ms + gap_every_ms(e), NULL, NULL, 0);
}

/* ---- the gap ---- */

static int kind_of(const char *word)
{
    return str_eq(word, "failed") ? INBOX_PAYMENT_FAILED : str_eq(word, "paid") ? INBOX_PAID : str_eq(word, "changed") ? INBOX_CHANGED : INBOX_OTHER;
}

/* True when its webhook had not come. */
static bool event_put(struct engine *e, const char *biller, const json_t *event)
{
    AUTO_STR body = json_text(event);
    return inbox_put(e, biller, json_str(event, "id", ""), json_i64(event, "created_ms", 0), json_str(event, "type", ""), kind_of(json_str(event, "kind", "")),
                     json_str(event, "customer", ""), json_str(event, "invoice", ""), span_of(body));
}

static int64_t events_put(struct engine *e, const char *biller, const json_t *events)
{
    int64_t missed = 0;
    size_t i;
    json_t *event;
    json_array_foreach((json_t *)(uintptr_t)events, i, event) {
        bool settled = json_i64(event, "created_ms", 0) <= e->now_ms - ON_THE_WAY_MS;
        if (settled && json_str(event, "id", "")[0])
            missed += event_put(e, biller, event);
    }
    return missed;
}

static void gap_over(struct engine *e, const char *biller, const json_t *args, const json_t *result, int64_t missed)
{
    int64_t until = json_i64(result, "until_ms", 0), most = e->now_ms - ON_THE_WAY_MS, since = json_i64(args, GAP.arg, 0);
    until = until > 0 && until < most ? until : most;
    if (until > since)
        mark_set(e, &GAP, biller, until);
    if (missed == 0)
        return;
    AUTO_STR text = str_fmt("%lld event%s of %s had not arrived as webhooks since {ms:%lld}; they are handled now", (long long)missed, missed == 1 ? "" : "s",
                            biller, (long long)since);
    journal_add(e, &(struct actor){.name = biller}, "catch_up", 0, "", "", NULL, "%s", text);
    if (e->world.missed)
        e->world.missed(e->world.ctx, biller, missed);
}

void catch_up_ended(struct engine *e, int64_t effect_id, const json_t *args, const json_t *result, const char *reason)
{
    const char *biller = json_str(args, "biller", ""), *cursor = json_str(result, "cursor", NULL);
    forget_page(e, effect_id);
    if (!result) {
        failed(e, &GAP, biller, reason);
        return;
    }
    int64_t missed = json_i64(args, "found", 0) + events_put(e, biller, json_at(result, "events"));
    if (!cursor)
        gap_over(e, biller, args, result, missed);
    ask_next(e, &GAP, biller, args, cursor, missed);
}

/* ---- what is overdue ---- */

/* A case that is open is read by itself; this look is for what nobody told. */
static bool invoice_open_case(struct engine *e, const char *biller, const json_t *invoice)
{
    const char *customer = json_str(invoice, "customer", ""), *id = json_str(invoice, "invoice", "");
    const struct account *a = book_by_billing(e->book, biller, customer);
    AUTO_STR stranger = str_fmt("%s:%s", biller, customer);
    const char *account = a ? a->key : stranger;
    if (!customer[0] || json_i64(invoice, "due", 0) <= 0 ||
        store_i64(e->store, 0, "SELECT count(*) FROM recoveries WHERE account = ?1 AND is_open = 1", "t", account) > 0)
        return false;
    recovery_touch(e, &(struct touch){.biller = biller, .customer = customer, .invoice = id, .event = id, .why = "an invoice is overdue, and no webhook had said so", .opens = true});
    return true;
}

void overdue_ended(struct engine *e, int64_t effect_id, const json_t *args, const json_t *result, const char *reason)
{
    const char *biller = json_str(args, "biller", ""), *cursor = json_str(result, "cursor", NULL);
    const json_t *invoices = json_at(result, "invoices");
    forget_page(e, effect_id);
    if (!result) {
        failed(e, &OVERDUE, biller, reason);
        return;
    }
    int64_t opened = json_i64(args, "found", 0);
    for (size_t i = 0; i < json_array_size(invoices); i++)
        opened += invoice_open_case(e, biller, json_array_get(invoices, i));
    if (!cursor && opened > 0)
        journal_add(e, &(struct actor){.name = biller}, "overdue", 0, "", "", NULL, "%lld account%s of %s had overdue invoices that no webhook announced; their cases are open now",
                    (long long)opened, opened == 1 ? "" : "s", biller);
    ask_next(e, &OVERDUE, biller, args, cursor, opened);
}
