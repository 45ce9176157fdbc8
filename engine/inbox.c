/* The inbox. Storing is all that happens before a sender hears 200; work on what was stored follows behind a cursor, a few
 * rows a turn, so a flood of webhooks delays decisions but never answers. Delivery order is nobody's promise: a row only
 * says "look at this account", and billing is read anew. */
#include "engine/inbox.h"

#include "engine/chargeback.h"
#include "engine/effect.h"
#include "engine/journal.h"
#include "engine/recovery.h"

enum { UNREADABLE_BYTES = 64 << 10, UNREADABLE_MOST = 32 };

bool inbox_put(struct engine *e, const char *source, const char *ext_id, int64_t created_ms, const char *type, int kind,
               const char *customer, const char *invoice, struct span body)
{
    int64_t added = store_run(e->store,
                              "INSERT INTO inbox (source, created_ms, ext_id, type, kind, customer, invoice, received_ms, body) VALUES "
                              "(?1,?2,?3,?4,?5,?6,?7,?8,?9) ON CONFLICT DO NOTHING",
                              "tittittib", source, created_ms, ext_id, type, (int64_t)kind, customer, invoice, e->now_ms, body);
    if (added == 1) {
        e->memo.due_known = false;
        if (e->memo.inbox_known)
            e->memo.inbox_last = store_last_id(e->store);
    }
    return added == 1;
}

static void ends_load(struct engine *e)
{
    if (e->memo.inbox_known)
        return;
    e->memo.inbox_last = store_i64(e->store, 0, "SELECT coalesce(max(seq), 0) FROM inbox", "");
    e->memo.inbox_done = store_i64(e->store, 0, "SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'inbox_done'", "");
    e->memo.inbox_known = true;
}

static bool waiting(struct engine *e)
{
    ends_load(e);
    return e->memo.inbox_last > e->memo.inbox_done;
}

int64_t inbox_next_due_ms(struct engine *e)
{
    return waiting(e) ? e->now_ms : INT64_MAX;
}

struct row { /* texts are the query's, until it goes on */
    int64_t seq;
    int kind;
    const char *source, *ext_id, *type, *customer, *invoice;
};

static bool row_next(struct query *q, struct row *r)
{
    if (!query_next(q))
        return false;
    *r = (struct row){.seq = query_i64(q, 0), .kind = (int)query_i64(q, 1), .source = query_text(q, 2), .ext_id = query_text(q, 3),
                      .type = query_text(q, 4), .customer = query_text(q, 5), .invoice = query_text(q, 6)};
    return true;
}

/* Some billers' events name an invoice only: whose it is has to be asked. */
static bool can_resolve(struct engine *e, const struct row *r)
{
    const char *note;
    return r->invoice[0] && !str_eq(e->world.capability(e->world.ctx, r->source, "resolve", &note), "none");
}

static void resolve(struct engine *e, const struct row *r)
{
    json_t *args = json_pack("{s:s, s:s, s:s, s:b, s:s}", "invoice", r->invoice, "event", r->ext_id, "why", r->type, "opens", r->kind == INBOX_PAYMENT_FAILED,
                             "biller", r->source);
    AUTO_STR key = str_fmt("resolve-%lld", (long long)r->seq);
    AUTO_STR lane = str_fmt("read:%s:%s", r->source, r->invoice);
    effect_add(e, &(struct effect_spec){.lane = lane, .driver = r->source, .op = "resolve", .key = key, .take_args = args, .purpose = "resolve"});
}

void inbox_resolved(struct engine *e, const json_t *args, const json_t *result, const char *reason)
{
    const struct actor billing = {.name = json_str(args, "biller", "billing")};
    const char *customer = json_str(result, "customer", "");
    const json_t *disputed = json_at(result, "disputed");
    if (customer[0] && json_is_object(disputed))
        chargeback_read(e, billing.name, customer, disputed);
    if (!customer[0])
        journal_add(e, &billing, "event.ignored", 0, "", json_str(args, "event", ""), NULL, "Ignored %s: whose invoice it is could not be found (%s)",
                    json_str(args, "why", ""), reason);
    else
        recovery_touch(e, &(struct touch){.biller = billing.name, .customer = customer, .invoice = json_str(result, "invoice", ""),
                                          .event = json_str(args, "event", ""), .why = json_str(args, "why", ""), .opens = json_flag(args, "opens", false)});
}

static void row_handle(struct engine *e, const struct row *r)
{
    const struct actor billing = {.name = r->source};
    if (r->kind != INBOX_OTHER && !r->customer[0] && can_resolve(e, r)) {
        resolve(e, r);
    } else if (r->kind == INBOX_OTHER) {
        journal_add(e, &billing, "event.ignored", 0, "", r->ext_id, NULL, "Ignored %s: not an event Dunwell acts on", r->type);
    } else if (!r->customer[0]) {
        journal_add(e, &billing, "event.ignored", 0, "", r->ext_id, NULL, "Ignored %s: it names no customer", r->type);
    } else {
        recovery_touch(e, &(struct touch){.biller = r->source, .customer = r->customer, .invoice = r->invoice, .event = r->ext_id,
                                          .why = r->type, .opens = r->kind == INBOX_PAYMENT_FAILED});
    }
}

bool inbox_work(struct engine *e, int budget)
{
    struct row r;
    if (!waiting(e))
        return false;
    int64_t first = e->memo.inbox_done;
    struct query *q = store_query(e->store, "SELECT seq, kind, source, ext_id, type, customer, invoice FROM inbox WHERE seq > ?1 ORDER BY seq LIMIT ?2",
                                  "ii", first, (int64_t)budget);
    while (row_next(q, &r)) {
        row_handle(e, &r);
        e->memo.inbox_done = r.seq;
    }
    if (e->memo.inbox_done != first) {
        AUTO_STR text = str_fmt("%lld", (long long)e->memo.inbox_done);
        store_run(e->store, "INSERT INTO meta (name, value) VALUES ('inbox_done', ?1) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                  "t", text);
    }
    return waiting(e);
}

bool chat_first_time(struct engine *e, const char *platform, const char *key)
{
    return store_run(e->store, "INSERT INTO chat_seen (at_ms, platform, dedupe) VALUES (?1,?2,?3) ON CONFLICT DO NOTHING", "itt", e->now_ms,
                     platform, key) == 1;
}

size_t chat_quarantine(struct engine *e, const char *platform, struct span body)
{
    struct span kept = {.p = body.p, .n = body.n < UNREADABLE_BYTES ? body.n : UNREADABLE_BYTES};
    store_run(e->store, "INSERT INTO unreadable (at_ms, platform, bytes, body) VALUES (?1,?2,?3,?4)", "itib", e->now_ms, platform, (int64_t)body.n, kept);
    store_run(e->store, "DELETE FROM unreadable WHERE id <= ?1", "i", store_last_id(e->store) - UNREADABLE_MOST);
    return kept.n;
}
