/* One customer, perhaps several billing systems, one case. Each is read at the same time; only when all have answered is there
 * something to decide on, because half of what is owed is not what is owed. Each invoice, payment and card says whose it is,
 * so that what is decided goes back to the right one. Most customers have one biller: then its answer goes straight on and
 * nothing is kept in between. */
#include "engine/readings.h"

#include <string.h>

#include "engine/effect.h"

size_t recovery_billed(const struct engine *e, const struct recovery *r, struct billed out[BILLERS_MOST])
{
    const struct account *a = book_by_key(e->book, r->account);
    size_t n = 0;
    out[n++] = (struct billed){r->biller, r->customer};
    for (size_t i = 0; a && i <= a->n_also && n < BILLERS_MOST; i++) {
        struct billed b = i ? (struct billed){a->also[i - 1].billing, a->also[i - 1].id} : (struct billed){a->billing, a->billing_id};
        bool first = str_eq(b.biller, r->biller) && str_eq(b.customer, r->customer);
        if (!first && b.customer[0])
            out[n++] = b;
    }
    return n;
}

struct billed recovery_billed_of(const struct recovery *r, const char *invoice)
{
    size_t i;
    json_t *open;
    json_array_foreach(r->invoices, i, open)
        if (str_eq(json_str(open, "id", ""), invoice) && json_str(open, "biller", "")[0])
            return (struct billed){json_str(open, "biller", ""), json_str(open, "customer", "")};
    return (struct billed){r->biller, r->customer};
}

char *billers_names(const struct billed *list, size_t n)
{
    const char *names[BILLERS_MOST];
    size_t known = 0;
    for (size_t i = 0; i < n; i++) {
        bool again = known == BILLERS_MOST;
        for (size_t k = 0; k < known; k++)
            again = again || str_eq(names[k], list[i].biller);
        if (!again)
            names[known++] = list[i].biller;
    }
    AUTO_BUF out = BUF(1024);
    for (size_t k = 0; k < known; k++)
        buf_addf(&out, "%s%s", k == 0 ? "" : k + 1 == known ? " and " : ", ", names[k]);
    return str_dup(buf_text(&out));
}

static bool counts(const struct recovery *r, const json_t *invoice, const struct billed *at, const json_t *ids)
{
    const char *id = json_str(invoice, "id", "");
    struct billed whose = recovery_billed_of(r, id);
    bool there = !at || (str_eq(whose.biller, at->biller) && (!at->customer || str_eq(whose.customer, at->customer)));
    return there && (!ids || json_has_text(ids, id)) && json_i64(invoice, "due", 0) > 0;
}

/* The sum of those in one currency. */
static struct money sum_of(const struct recovery *r, const char *currency, const struct billed *at, const json_t *ids)
{
    struct money sum = money_of(0, currency);
    size_t i;
    json_t *invoice;
    json_array_foreach(r->invoices, i, invoice)
        if (counts(r, invoice, at, ids) && str_eq(json_str(invoice, "currency", ""), currency) && money_add(&sum.minor, sum.minor, json_i64(invoice, "due", 0)) != 0)
            break;
    return sum;
}

bool recovery_owed_words(struct buf *out, const struct recovery *r, const struct billed *at, const json_t *ids)
{
    enum { CURRENCIES_MOST = 6 };
    const char *said[CURRENCIES_MOST];
    size_t n = 0, i;
    json_t *invoice;
    json_array_foreach(r->invoices, i, invoice) {
        const char *currency = json_str(invoice, "currency", "");
        char amount[MONEY_TEXT_SIZE];
        bool again = n == CURRENCIES_MOST || !counts(r, invoice, at, ids);
        for (size_t k = 0; k < n; k++)
            again = again || str_eq(said[k], currency);
        if (again)
            continue;
        buf_addf(out, "%s%s", n ? " and " : "", money_text(amount, sum_of(r, currency, at, ids)));
        said[n++] = currency;
    }
    return n > 0;
}

/* ---- asking ---- */

static void ask(struct engine *e, const struct recovery *r, const struct billed *who, const char *invoice, int64_t reads, size_t nth)
{
    json_t *args = json_object();
    json_put(args, "customer", who->customer);
    if (invoice[0])
        json_put(args, "invoice", invoice);
    AUTO_STR key = nth ? str_fmt("read-N-%lld-%lld-%zu", (long long)r->id, (long long)reads, nth) : str_fmt("read-N-%lld-%lld", (long long)r->id, (long long)reads);
    AUTO_STR lane = str_fmt("read:%s:%s", who->biller, who->customer);
    effect_add(e, &(struct effect_spec){.lane = lane, .driver = who->biller, .op = "read", .key = key, .take_args = args, .case_id = r->id, .purpose = "facts"});
}

static bool same(const struct billed *b, const char *biller, const char *customer)
{
    return str_eq(b->biller, biller) && str_eq(b->customer, customer);
}

/* One read at a time; what arrives meanwhile asks for one more, not for one each. */
void recovery_ask_facts_at(struct engine *e, struct recovery *r, const struct billed *at, const char *invoice)
{
    struct billed all[BILLERS_MOST];
    store_run(e->store, "UPDATE recoveries SET read_wanted = read_wanted + 1 WHERE id = ?1 AND read_wanted < 2", "i", r->id);
    if (r->read_wanted)
        return;
    r->read_wanted = true;
    store_run(e->store, "UPDATE recoveries SET reads = reads + 1 WHERE id = ?1", "i", r->id);
    int64_t reads = store_i64(e->store, 0, "SELECT reads FROM recoveries WHERE id = ?1", "i", r->id);
    bool named = invoice && invoice[0];
    if (!named) /* whoever said something: the invoice that we know may be another's */
        invoice = recovery_invoice(r);
    struct billed of = at && named ? *at : recovery_billed_of(r, invoice);
    size_t n = recovery_billed(e, r, all);
    for (size_t i = 0; i < n; i++) {
        if (n > 1)
            store_run(e->store, "INSERT INTO readings (case_id, biller, customer) VALUES (?1, ?2, ?3) ON CONFLICT (case_id, biller, customer) DO UPDATE SET answer = NULL",
                      "itt", r->id, all[i].biller, all[i].customer);
        ask(e, r, &all[i], same(&all[i], of.biller, of.customer) ? invoice : "", reads, i);
    }
}

void recovery_ask_facts(struct engine *e, struct recovery *r, const char *invoice)
{
    recovery_ask_facts_at(e, r, NULL, invoice);
}

/* ---- putting together ---- */

/* Each row of a list, with whose it is. */
static void append_all(json_t *to, const json_t *read, const char *list, const struct billed *whose)
{
    const json_t *rows = json_object_get(read, list);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_t *row = json_copy(json_array_get(rows, i));
        json_put(row, "biller", whose->biller);
        json_put(row, "customer", whose->customer);
        json_array_append_new(json_object_get(to, list), row);
    }
}

/* Which card is charged first is known at each biller by itself. */
static void mark_default(json_t *to, const json_t *read, size_t first)
{
    const char *standard = json_str(read, "account.default_method", "");
    json_t *methods = json_object_get(to, "methods");
    for (size_t i = first; i < json_array_size(methods); i++)
        if (str_eq(json_str(json_array_get(methods, i), "id", ""), standard))
            json_put_new(json_array_get(methods, i), "default", json_true());
}

/* Cards are tried within one network's limits: the fuller count is the safe one. */
static void network_most(json_t *to, const json_t *read)
{
    static const char *const counts[] = {"attempts_window", "attempts_day"};
    for (size_t i = 0; i < DW_ARRAY_LEN(counts); i++) {
        int64_t here = json_i64(json_object_get(read, "network"), counts[i], -1);
        if (here > json_i64(json_object_get(to, "network"), counts[i], -1))
            json_put_i64(json_object_get(to, "network"), counts[i], here);
    }
}

static json_t *merged(struct engine *e, const struct recovery *r)
{
    json_t *all = json_pack("{s:[], s:[], s:[], s:{}}", "invoices", "payments", "methods", "network");
    struct query *q = store_query(e->store, "SELECT biller, customer, answer FROM readings WHERE case_id = ?1 ORDER BY biller, customer", "i", r->id);
    while (query_next(q)) {
        AUTO_STR biller = str_dup(query_text(q, 0));
        AUTO_STR customer = str_dup(query_text(q, 1));
        AUTO_JSON read = query_json(q, 2);
        struct billed whose = {biller, customer};
        append_all(all, read, "invoices", &whose);
        append_all(all, read, "payments", &whose);
        size_t before = json_array_size(json_object_get(all, "methods"));
        append_all(all, read, "methods", &whose);
        mark_default(all, read, before);
        network_most(all, read);
        if (same(&whose, r->biller, r->customer)) { /* where the case was opened speaks for the account */
            json_object_set(all, "account", json_object_get(read, "account"));
            json_object_set(all, "subscription", json_object_get(read, "subscription"));
        }
    }
    return all;
}

static void forget(struct engine *e, int64_t case_id)
{
    store_run(e->store, "DELETE FROM readings WHERE case_id = ?1", "i", case_id);
}

/* One of several answered: the last one to come brings the whole. */
static void one_of_several(struct engine *e, struct recovery *r, const char *biller, const char *customer, const json_t *result)
{
    int64_t kept = store_run(e->store, "UPDATE readings SET answer = ?4 WHERE case_id = ?1 AND biller = ?2 AND customer = ?3", "ittj", r->id, biller, customer, result);
    bool whole = store_i64(e->store, 1, "SELECT count(*) FROM readings WHERE case_id = ?1 AND answer IS NULL", "i", r->id) == 0;
    if (kept != 1 || !whole)
        return;
    json_auto_t *all = merged(e, r);
    forget(e, r->id);
    recovery_facts_arrived(e, r, all);
}

void reading_ended(struct engine *e, int64_t case_id, const char *biller, const json_t *args, const json_t *result, const char *reason)
{
    struct recovery *r = recovery_load(e, case_id);
    if (!r)
        return;
    bool several = store_i64(e->store, 0, "SELECT count(*) FROM readings WHERE case_id = ?1", "i", case_id) > 0;
    if (result && several) {
        one_of_several(e, r, biller, json_str(args, "customer", ""), result);
    } else if (result && r->read_wanted) {
        recovery_facts_arrived(e, r, result);
    } else if (r->read_wanted) {
        forget(e, case_id); /* what the others answer comes too late: all are asked again */
        recovery_facts_failed(e, r, biller, reason);
    }
    recovery_free(r);
}
