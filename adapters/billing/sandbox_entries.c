/* What the sandbox's book keeps beside payments: credits, write-offs, deferred attempts and remarks, one list, each under the
 * idempotency key that asked for it, so that it can be found again.
 *
 * It refuses nonsense as a vendor does: an invoice that is not open, more credit than is due, a write-off of anything but the
 * whole rest, a moment that has passed. What lowers what is due says so in an event, like everything else in the book. */
#include "adapters/billing/sandbox.h"

#include <string.h>

#include "engine/when.h"

#define MAX_DEFER_MS (366 * MS_DAY)
#define MAX_REMARK 4000
#define MAX_ENTRIES 5000

static const char *credit(struct sandbox *s, json_t *invoice, const json_t *body)
{
    int64_t due = json_i64(invoice, "due", 0), amount = json_i64(body, "amount", 0);
    if (amount <= 0 || amount > due)
        return "a credit is more than nothing and at most what is due";
    json_put_i64(invoice, "due", due - amount);
    if (due == amount) {
        json_put(invoice, "status", "paid");
        json_put(invoice, "next_attempt_ms", NULL);
    }
    book_event(s, "invoice.updated", invoice);
    return NULL;
}

static const char *write_off(struct sandbox *s, json_t *invoice, const json_t *body)
{
    if (json_i64(body, "amount", 0) != json_i64(invoice, "due", 0))
        return "a write-off gives up the whole rest of the invoice, and that is another amount";
    json_put_i64(invoice, "due", 0);
    json_put(invoice, "status", "uncollectible");
    json_put(invoice, "next_attempt_ms", NULL);
    book_event(s, "invoice.updated", invoice);
    return NULL;
}

static const char *defer(struct sandbox *s, json_t *invoice, const json_t *body)
{
    int64_t until = json_i64(body, "until_ms", 0);
    if (until <= s->now_ms || until > s->now_ms + MAX_DEFER_MS)
        return "the next attempt is moved to a day to come, at most a year away";
    if (!json_flag(invoice, "auto_advance", false))
        return "this invoice is held: there is no attempt to move";
    json_put_i64(invoice, "next_attempt_ms", until);
    book_event(s, "invoice.updated", invoice);
    return NULL;
}

static const char *note(struct sandbox *s, json_t *invoice, const json_t *body)
{
    const char *text = json_str(body, "text", "");
    (void)s;
    (void)invoice;
    return *text && strlen(text) <= MAX_REMARK ? NULL : "a note has a text, of at most 4000 characters";
}

static const struct {
    const char *kind;
    const char *(*run)(struct sandbox *s, json_t *invoice, const json_t *body);
    bool of_invoice; /* which must be open */
} kinds[] = {{"credit", credit, true}, {"write_off", write_off, true}, {"defer", defer, true}, {"note", note, false}};

json_t *book_entry(struct sandbox *s, const json_t *body, const char *key, const char **refused)
{
    json_t *invoice = json_object_get(book_part(s, "invoices"), json_str(body, "invoice", ""));
    bool open = str_eq(json_str(invoice, "status", ""), "open");
    *refused = "kind must be credit, write_off, defer or note";
    for (size_t i = 0; i < DW_ARRAY_LEN(kinds); i++)
        if (str_eq(kinds[i].kind, json_str(body, "kind", "")))
            *refused = kinds[i].of_invoice && !open ? "no such open invoice" : kinds[i].run(s, invoice, body);
    if (*refused)
        return NULL;
    json_t *entry = json_deep_copy(body), *all = book_part(s, "entries");
    while (json_object_size(all) >= MAX_ENTRIES)
        json_object_del(all, json_object_iter_key(json_object_iter(all)));
    json_put_new(entry, "id", json_sprintf("ent_%05lld", (long long)book_number(s)));
    json_put(entry, "key", key);
    json_put_i64(entry, "at_ms", s->now_ms);
    json_put_new(all, key, entry);
    return entry;
}
