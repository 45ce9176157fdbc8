/* The sandbox's memory: customers, invoices, payments and events as one JSON document.
 *
 * It is small on purpose and slow without shame: a linear walk per question, the whole file written per change. What
 * it promises is what a real biller promises: a payment either happened or did not, the biller's own retries run only
 * while auto_advance is true, and everything that changes an invoice says so in an event. Customers come into being
 * the first time somebody names them, with cards and amounts that follow from the id, so that a demo needs no second
 * list of accounts and two runs look alike. Every list has a bound; the oldest rows of history go first. */
#include "adapters/billing/sandbox.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/when.h"

#define MAX_CUSTOMERS 10000
#define MAX_HISTORY 5000 /* payments, keys, events */
#define MAX_VENDOR_TRIES 4

static const struct code {
    const char *code, *network, *advice, *kind, *text;
} codes[] = {
    {"insufficient_funds", "51", "", "S", "The card has insufficient funds."},
    {"do_not_honor", "05", "", "S", "The bank declined the payment without a reason."},
    {"try_again_later", "19", "try_again_later", "S", "The bank asks to try again later."},
    {"issuer_not_available", "91", "", "S", "The bank could not be reached."},
    {"generic_decline", "05", "", "S", "The bank declined the payment."},
    {"expired_card", "54", "confirm_card_data", "N", "The card has expired."},
    {"incorrect_number", "14", "confirm_card_data", "N", "The card number is wrong."},
    {"authentication_required", "1A", "", "A", "The bank asks the cardholder to confirm the payment."},
    {"lost_card", "41", "do_not_try_again", "H", "The card was reported lost."},
    {"stolen_card", "43", "do_not_try_again", "H", "The card was reported stolen."},
    {"pickup_card", "04", "do_not_try_again", "H", "The bank withdrew the card."},
    {"fraudulent", "59", "do_not_try_again", "H", "The bank suspects fraud."},
};

static const struct code *code_of(const char *code)
{
    for (size_t i = 0; i < DW_ARRAY_LEN(codes); i++)
        if (str_eq(codes[i].code, code))
            return &codes[i];
    return &codes[4];
}

bool book_code_known(const char *code)
{
    return str_eq(code_of(code)->code, code);
}

const char *book_code_class(const char *code)
{
    return code_of(code)->kind;
}

static uint64_t hash_of(const char *text)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return h ^ (h >> 29);
}

int64_t book_amount_of(const char *customer)
{
    return (int64_t)(hash_of(customer) % 961 + 18) * 1000; /* 180.00 to 9,780.00 */
}

json_t *book_part(struct sandbox *s, const char *name)
{
    return json_object_get(s->book, name);
}

int64_t book_number(struct sandbox *s)
{
    int64_t n = json_i64(s->book, "next", 1);
    json_put_i64(s->book, "next", n + 1);
    s->changed = true;
    return n;
}

static void bound_list(json_t *list)
{
    while (json_array_size(list) > MAX_HISTORY)
        json_array_remove(list, 0);
}

/* ---- the file ---- */

static void ensure(json_t *book, const char *name, json_t *take_empty)
{
    if (json_object_get(book, name))
        json_decref(take_empty);
    else
        json_put_new(book, name, take_empty);
}

static void read_file(struct sandbox *s)
{
    if (access(s->file, F_OK) != 0)
        return;
    s->book = json_load_file(s->file, JSON_REJECT_DUPLICATES, NULL);
    s->unreadable = !json_is_object(s->book) || !json_is_object(json_object_get(s->book, "customers")) ||
                    !json_is_object(json_object_get(s->book, "invoices")) ||
                    !json_is_array(json_object_get(s->book, "payments"));
}

void book_open(struct sandbox *s)
{
    if (s->file)
        read_file(s);
    if (s->unreadable)
        return;
    if (!s->book)
        s->book = json_object();
    static const char *const objects[] = {"customers", "invoices", "plans", "keys", "entries"};
    static const char *const arrays[] = {"payments", "events", "faults"};
    for (size_t i = 0; i < DW_ARRAY_LEN(objects); i++)
        ensure(s->book, objects[i], json_object());
    for (size_t i = 0; i < DW_ARRAY_LEN(arrays); i++)
        ensure(s->book, arrays[i], json_array());
}

static bool write_whole(const char *path, const char *text)
{
    size_t n = strlen(text), at = 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    while (at < n) {
        ssize_t wrote = write(fd, text + at, n - at);
        if (wrote <= 0)
            break;
        at += (size_t)wrote;
    }
    bool ok = at == n && fsync(fd) == 0;
    return (close(fd) == 0) && ok;
}

/* A new file takes the old one's place in one step. A book that cannot be written lives on in memory and is tried
 * again at the next change: it is a sandbox, and the disk's trouble is the store's to report. */
void book_save(struct sandbox *s)
{
    if (!s->changed || !s->file)
        return;
    AUTO_STR text = json_dumps(s->book, JSON_INDENT(1));
    AUTO_STR temporary = str_fmt("%s.new", s->file);
    if (write_whole(temporary, text) && rename(temporary, s->file) == 0)
        s->changed = false;
}

/* ---- customers and invoices ---- */

static json_t *card_new(const char *customer, int n, int64_t now_ms)
{
    AUTO_STR seed = str_fmt("%s/%d", customer, n);
    uint64_t h = hash_of(seed);
    char day[WHEN_TEXT_SIZE];
    when_iso_day(day, now_ms, "UTC");
    AUTO_STR id = str_fmt("pm_%08llx", (unsigned long long)(h & 0xffffffffu));
    AUTO_STR last4 = str_fmt("%04llu", (unsigned long long)(h / 7 % 10000));
    return json_pack("{s:s, s:s, s:s, s:I, s:I}", "id", id, "brand", h % 3 ? "visa" : "mastercard", "last4", last4,
                     "exp_month", (json_int_t)(h / 11 % 12 + 1), "exp_year",
                     (json_int_t)strtol(day, NULL, 10) + 1 + (json_int_t)(h / 13 % 3));
}

static json_t *customer_new(struct sandbox *s, const char *id, const char *currency)
{
    json_t *methods = json_array();
    json_array_append_new(methods, card_new(id, 1, s->now_ms));
    if (hash_of(id) % 3 == 0)
        json_array_append_new(methods, card_new(id, 2, s->now_ms));
    AUTO_STR name = str_fmt("Customer %s", id);
    AUTO_STR email = str_fmt("billing+%016llx@customers.example", (unsigned long long)hash_of(id));
    AUTO_STR subscription = str_fmt("sub_%08llx", (unsigned long long)(hash_of(id) >> 32));
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:{s:s, s:s}, s:{s:s, s:i}}", "id", id, "name", name, "email", email,
                     "currency", currency ? currency : s->currency, "methods", methods, "subscription", "id",
                     subscription, "status", "active", "decline", "code", "", "times", 0);
}

json_t *book_customer(struct sandbox *s, const char *id, const char *currency)
{
    json_t *all = book_part(s, "customers"), *found = json_object_get(all, id);
    if (found || json_object_size(all) >= MAX_CUSTOMERS)
        return found;
    found = customer_new(s, id, currency);
    json_put_new(all, id, found);
    s->changed = true;
    return found;
}

json_t *book_invoice_new(struct sandbox *s, const char *customer, int64_t amount, const char *currency)
{
    json_t *who = book_customer(s, customer, currency);
    long long n = (long long)book_number(s);
    AUTO_STR id = str_fmt("in_%05lld%04llx", n, (unsigned long long)(hash_of(customer) & 0xffff));
    AUTO_STR number = str_fmt("INV-%05lld", n);
    AUTO_STR url = str_fmt("https://pay.sandbox.invalid/i/%s", id);
    json_t *invoice = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:s, s:i, s:n, s:b, s:s, s:s, s:s}", "id", id, "number", number,
        "customer", customer, "currency", currency ? currency : json_str(who, "currency", s->currency), "total",
        (json_int_t)amount, "due", (json_int_t)amount, "due_at_ms", (json_int_t)s->now_ms, "created_ms",
        (json_int_t)s->now_ms, "status", "open", "attempts", 0, "next_attempt_ms", "auto_advance", 1, "collection",
        "auto", "url", url, "subscription", json_str(who, "subscription.id", ""));
    json_put_new(book_part(s, "invoices"), id, invoice);
    return invoice;
}

void book_event(struct sandbox *s, const char *type, const json_t *invoice)
{
    AUTO_STR id = str_fmt("evt_%lld_%lld", (long long)s->now_ms, (long long)book_number(s));
    json_t *events = book_part(s, "events");
    json_array_append_new(events, json_pack("{s:s, s:I, s:s, s:s, s:s}", "id", id, "created", (json_int_t)s->now_ms,
                                            "type", type, "customer", json_str(invoice, "customer", ""), "invoice",
                                            json_str(invoice, "id", "")));
    bound_list(events);
}

/* ---- payments ---- */

static json_t *payment_add(struct sandbox *s, json_t *invoice, int64_t amount, const char *method,
                           const struct code *c, const char *key)
{
    AUTO_STR id = str_fmt("pay_%05lld", (long long)book_number(s));
    json_t *p =
        json_pack("{s:s, s:s, s:s, s:I, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "id", id, "invoice",
                  json_str(invoice, "id", ""), "customer", json_str(invoice, "customer", ""), "amount",
                  (json_int_t)amount, "currency", json_str(invoice, "currency", ""), "status",
                  c ? "failed" : "succeeded", "at_ms", (json_int_t)s->now_ms, "code", c ? c->code : "",
                  "network_code", c ? c->network : "", "advice", c ? c->advice : "", "class", c ? c->kind : "",
                  "text", c ? c->text : "", "method", method ? method : "", "key", key ? key : "");
    json_array_append_new(book_part(s, "payments"), p);
    bound_list(book_part(s, "payments"));
    s->changed = true;
    return p;
}

static void plan_next_attempt(struct sandbox *s, json_t *invoice, bool worthwhile)
{
    if (worthwhile && json_flag(invoice, "auto_advance", false) &&
        json_i64(invoice, "attempts", 0) < MAX_VENDOR_TRIES)
        json_put_i64(invoice, "next_attempt_ms", s->now_ms + 3 * MS_DAY);
    else
        json_put(invoice, "next_attempt_ms", NULL);
}

json_t *book_pay(struct sandbox *s, json_t *invoice, int64_t amount, const char *method, const char *key)
{
    int64_t due = json_i64(invoice, "due", 0) - amount;
    assert(due >= 0);
    json_put_i64(invoice, "due", due);
    if (due == 0) {
        json_put(invoice, "status", "paid");
        json_put(invoice, "next_attempt_ms", NULL);
    }
    json_t *payment = payment_add(s, invoice, amount, method, NULL, key);
    book_event(s, due == 0 ? "invoice.paid" : "invoice.updated", invoice);
    return payment;
}

json_t *book_decline(struct sandbox *s, json_t *invoice, int64_t amount, const char *method, const char *code,
                     const char *key)
{
    const struct code *c = code_of(code);
    json_put_i64(invoice, "attempts", json_i64(invoice, "attempts", 0) + 1);
    plan_next_attempt(s, invoice, *c->kind == 'S');
    json_t *payment = payment_add(s, invoice, amount, method, c, key);
    book_event(s, "payment.failed", invoice);
    return payment;
}

json_t *book_attempt(struct sandbox *s, json_t *invoice, int64_t amount, const char *method, const char *key)
{
    json_t *who = book_customer(s, json_str(invoice, "customer", ""), NULL);
    const char *card = method && *method ? method : json_str(who, "methods.0.id", "");
    int64_t times = json_i64(who, "decline.times", 0);
    char code[64];
    if (book_fault_take(s, "decline", code, sizeof code))
        return book_decline(s, invoice, amount, card, *code ? code : "insufficient_funds", key);
    if (times == 0)
        return book_pay(s, invoice, amount, card, key);
    if (times > 0)
        json_put_i64(json_object_get(who, "decline"), "times", times - 1);
    return book_decline(s, invoice, amount, card, json_str(who, "decline.code", ""), key);
}

void book_advance(struct sandbox *s)
{
    const char *id;
    json_t *invoice;
    json_object_foreach (book_part(s, "invoices"), id, invoice) {
        int64_t at = json_i64(invoice, "next_attempt_ms", 0);
        bool open = str_eq(json_str(invoice, "status", ""), "open") && json_flag(invoice, "auto_advance", false);
        if (open && at > 0 && at <= s->now_ms)
            book_attempt(s, invoice, json_i64(invoice, "due", 0), NULL, NULL);
    }
}

/* ---- faults: asked for by option or control request, used up one by one ---- */

void book_fault_add(struct sandbox *s, const char *kind, int64_t times, const char *code)
{
    json_array_append_new(book_part(s, "faults"), json_pack("{s:s, s:I, s:s}", "kind", kind, "times",
                                                            (json_int_t)times, "code", code ? code : ""));
    bound_list(book_part(s, "faults"));
    s->changed = true;
}

bool book_fault_take(struct sandbox *s, const char *kind, char *code, size_t size)
{
    json_t *faults = book_part(s, "faults"), *f;
    size_t i;
    json_array_foreach (faults, i, f) {
        if (!str_eq(json_str(f, "kind", ""), kind))
            continue;
        int64_t left = json_i64(f, "times", 1) - 1;
        str_copy(code, size, json_str(f, "code", ""));
        json_put_i64(f, "times", left);
        if (left <= 0)
            json_array_remove(faults, i);
        s->changed = true;
        return true;
    }
    return false;
}

/* ---- what "read" gives ---- */

static json_t *invoices_of(struct sandbox *s, const char *customer, const char *wanted)
{
    json_t *list = json_array(), *invoice;
    const char *id;
    json_object_foreach (book_part(s, "invoices"), id, invoice)
        if (str_eq(json_str(invoice, "customer", ""), customer) &&
            (str_eq(json_str(invoice, "status", ""), "open") || str_eq(id, wanted)))
            json_array_append_new(list, json_deep_copy(invoice));
    return list;
}

static json_t *payments_of(struct sandbox *s, const char *customer, int64_t *window, int64_t *day)
{
    json_t *list = json_array(), *p;
    size_t i;
    json_array_foreach (book_part(s, "payments"), i, p) {
        if (!str_eq(json_str(p, "customer", ""), customer))
            continue;
        int64_t age = s->now_ms - json_i64(p, "at_ms", 0);
        bool failed = str_eq(json_str(p, "status", ""), "failed");
        *window += failed && age < 30 * MS_DAY;
        *day += failed && age < MS_DAY;
        json_array_append_new(list, json_deep_copy(p));
    }
    while (json_array_size(list) > 50)
        json_array_remove(list, 0);
    return list;
}

json_t *book_read(struct sandbox *s, const char *customer, const char *invoice)
{
    json_t *who = book_customer(s, customer, NULL);
    if (!who)
        return NULL;
    int64_t window = 0, day = 0;
    json_t *payments = payments_of(s, customer, &window, &day);
    return json_pack("{s:{s:s, s:s, s:s, s:s, s:s}, s:o, s:o, s:O, s:O, s:{s:I, s:I}}", "account", "id", customer,
                     "name", json_str(who, "name", ""), "email", json_str(who, "email", ""), "currency",
                     json_str(who, "currency", ""), "default_method", json_str(who, "methods.0.id", ""), "invoices",
                     invoices_of(s, customer, invoice), "payments", payments, "methods",
                     json_object_get(who, "methods"), "subscription", json_object_get(who, "subscription"), "network",
                     "attempts_window", (json_int_t)window, "attempts_day", (json_int_t)day);
}
