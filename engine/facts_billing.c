/* From what a billing driver read to facts. One episode may have several open invoices, several cards and several
 * currencies; a card has room for one line of each. So this file picks, always by the same rules: the main
 * currency is that of the largest open invoice; the invoice is the one whose payment failed last, else the oldest;
 * the payment is that failure; the method is the one that failed, unless it was replaced since.
 *
 * Currencies are compared by major units, as there are no exchange rates here: good enough to choose what is shown
 * first, and nothing is ever added across them. */
#include <stdio.h>
#include <string.h>

#include "engine/buf.h"
#include "engine/facts.h"
#include "engine/when.h"

enum { VALUE_MAX = 512 };

struct reading {
    struct facts *f;
    const json_t *read;
    const char *source;
    int64_t t;
    const char *currency;  /* the main one; "" when nothing is open */
    const json_t *invoice; /* the one that is spoken of */
    const json_t *payment; /* its last failure, or NULL */
    const json_t *method;
};

static void put(const struct reading *r, const char *name, json_t *take_value)
{
    facts_put(r->f, name, take_value, r->source, r->t);
}

static void put_text(const struct reading *r, const char *name, const json_t *object, const char *key)
{
    const char *text = json_str(object, key, "");
    char cut[VALUE_MAX];
    str_copy(cut, sizeof(cut), text);
    put(r, name, cut[0] ? json_text_safe(cut) : NULL);
}

static bool invoice_open(const json_t *invoice)
{
    return str_eq(json_str(invoice, "status", ""), "open") && json_i64(invoice, "due", 0) > 0;
}

/* Thousandths of the major unit, saturated: only ever compared. */
static int64_t comparable(int64_t minor, const char *currency)
{
    int64_t value = minor;
    for (int places = money_exponent(currency); places < 3; places++)
        value = value > INT64_MAX / 10 ? INT64_MAX : value * 10;
    return value;
}

static const char *main_currency(const json_t *invoices)
{
    const char *currency = "";
    int64_t largest = -1;
    for (size_t i = 0; i < json_array_size(invoices); i++) {
        const json_t *invoice = json_array_get(invoices, i);
        const char *its = json_str(invoice, "currency", "");
        if (!invoice_open(invoice) || money_exponent(its) < 0)
            continue;
        int64_t size = comparable(json_i64(invoice, "due", 0), its);
        if (size > largest) {
            largest = size;
            currency = its;
        }
    }
    return currency;
}

static const json_t *by_id(const json_t *list, const char *id)
{
    for (size_t i = 0; id[0] && i < json_array_size(list); i++)
        if (str_eq(json_str(json_array_get(list, i), "id", ""), id))
            return json_array_get(list, i);
    return NULL;
}

static bool in_main(const struct reading *r, const json_t *invoice)
{
    return invoice && invoice_open(invoice) && str_eq(json_str(invoice, "currency", ""), r->currency);
}

static bool payment_failed(const json_t *payment)
{
    const char *status = json_str(payment, "status", "");
    return str_eq(status, "failed") || str_eq(status, "needs_action");
}

/* The last failure of an open invoice in the main currency. */
static const json_t *last_failure(const struct reading *r)
{
    const json_t *invoices = json_object_get(r->read, "invoices"), *payments = json_object_get(r->read, "payments");
    const json_t *last = NULL;
    for (size_t i = 0; i < json_array_size(payments); i++) {
        const json_t *payment = json_array_get(payments, i);
        if (payment_failed(payment) && in_main(r, by_id(invoices, json_str(payment, "invoice", ""))) &&
            (!last || json_i64(payment, "at_ms", 0) > json_i64(last, "at_ms", 0)))
            last = payment;
    }
    return last;
}

static int64_t invoice_age_key(const json_t *invoice)
{
    int64_t due = json_i64(invoice, "due_at_ms", 0);
    return due ? due : json_i64(invoice, "created_ms", 0);
}

static const json_t *oldest_invoice(const struct reading *r)
{
    const json_t *invoices = json_object_get(r->read, "invoices"), *oldest = NULL;
    for (size_t i = 0; i < json_array_size(invoices); i++) {
        const json_t *invoice = json_array_get(invoices, i);
        if (in_main(r, invoice) && (!oldest || invoice_age_key(invoice) < invoice_age_key(oldest)))
            oldest = invoice;
    }
    return oldest;
}

/* What is open, over all invoices. */
struct sums {
    int64_t count, attempts, next_attempt_ms, oldest_due_ms;
    bool auto_advance;
    json_t *by_currency; /* {"USD": minor}; null where the sum would not fit */
};

/* Every attempt counts, ours included; the billing system's own count may leave out what somebody asked for (Stripe's does). */
static int64_t attempts_of(const struct reading *r, const json_t *invoice)
{
    const json_t *payments = json_object_get(r->read, "payments");
    int64_t told = json_i64(invoice, "attempts", 0), seen = 0;
    for (size_t i = 0; i < json_array_size(payments); i++) {
        const json_t *payment = json_array_get(payments, i);
        seen += str_eq(json_str(payment, "invoice", ""), json_str(invoice, "id", "?")) && str_eq(json_str(payment, "status", ""), "failed");
    }
    return told > seen ? told : seen;
}

static void sums_add(const struct reading *r, struct sums *s, const json_t *invoice)
{
    const char *currency = json_str(invoice, "currency", "");
    int64_t attempts = attempts_of(r, invoice), next = json_i64(invoice, "next_attempt_ms", 0);
    int64_t due_at = json_i64(invoice, "due_at_ms", 0), sum = 0;
    const json_t *before = json_object_get(s->by_currency, currency);
    bool fits =
        !json_is_null(before) && money_add(&sum, json_integer_value(before), json_i64(invoice, "due", 0)) == 0;
    json_put_new(s->by_currency, currency, fits ? json_integer(sum) : json_null());
    s->count++;
    s->attempts = attempts > s->attempts ? attempts : s->attempts;
    s->auto_advance = s->auto_advance || json_flag(invoice, "auto_advance", false);
    if (next > 0 && (!s->next_attempt_ms || next < s->next_attempt_ms))
        s->next_attempt_ms = next;
    if (due_at > 0 && (!s->oldest_due_ms || due_at < s->oldest_due_ms))
        s->oldest_due_ms = due_at;
}

static json_t *moment(int64_t at_ms)
{
    return at_ms > 0 ? json_integer(at_ms) : NULL;
}

static void put_sums(const struct reading *r)
{
    const json_t *invoices = json_object_get(r->read, "invoices");
    struct sums s = {.by_currency = json_object()};
    for (size_t i = 0; i < json_array_size(invoices); i++)
        if (invoice_open(json_array_get(invoices, i)))
            sums_add(r, &s, json_array_get(invoices, i));
    put(r, "invoice.count", json_integer(s.count));
    put(r, "invoice.due", s.count ? json_incref(json_object_get(s.by_currency, r->currency)) : json_integer(0));
    put(r, "invoice.attempts", s.count ? json_integer(s.attempts) : NULL);
    put(r, "invoice.auto_advance", s.count ? json_boolean(s.auto_advance) : NULL);
    put(r, "invoice.next_attempt_ms", moment(s.next_attempt_ms));
    put(r, "invoice.oldest_due_ms", moment(s.oldest_due_ms));
    json_object_del(s.by_currency, r->currency);
    put(r, "invoice.other_currencies", json_object_size(s.by_currency) ? json_incref(s.by_currency) : NULL);
    json_decref(s.by_currency);
}

/* Where a sum comes from: each billing system that has a share in it. */
static char *sources(const struct reading *r)
{
    const json_t *invoices = json_object_get(r->read, "invoices"), *invoice;
    json_auto_t *names = json_array();
    AUTO_BUF out = BUF(1024);
    for (size_t i = 0; i < json_array_size(invoices); i++) {
        invoice = json_array_get(invoices, i);
        const char *name = json_str(invoice, "biller", r->source);
        if (in_main(r, invoice) && !json_has_text(names, name))
            json_array_append_new(names, json_string(name));
    }
    for (size_t k = 0; k < json_array_size(names); k++)
        buf_addf(&out, "%s%s", k == 0 ? "" : k + 1 == json_array_size(names) ? " and " : ", ", json_string_value(json_array_get(names, k)));
    return str_dup(out.n ? buf_text(&out) : r->source);
}

static void put_invoice(const struct reading *r)
{
    const char *currency = r->currency[0] ? r->currency : json_str(r->read, "account.currency", "");
    struct money m = money_of(0, currency);
    put(r, "invoice.currency", m.currency[0] ? json_string(m.currency) : NULL);
    put_text(r, "invoice.id", r->invoice, "id");
    put_text(r, "invoice.number", r->invoice, "number");
    put_text(r, "invoice.collection", r->invoice, "collection");
}

static void put_payment(const struct reading *r)
{
    if (!r->payment)
        return;
    put_text(r, "payment.id", r->payment, "id");
    put_text(r, "payment.method", r->payment, "method");
    put_text(r, "payment.decline_code", r->payment, "code");
    put_text(r, "payment.class", r->payment, "class");
    put_text(r, "payment.advice", r->payment, "advice");
    put_text(r, "payment.network_advice", r->payment, "network_advice");
    put_text(r, "payment.network_code", r->payment, "network_code");
    put_text(r, "payment.text", r->payment, "text");
    put(r, "payment.at_ms", moment(json_i64(r->payment, "at_ms", 0)));
}

/* A card is good to the end of its month. Methods without an expiry (bank debits) always are. */
static bool method_usable(const json_t *method, int64_t now_ms)
{
    int64_t year = json_i64(method, "exp_year", 0), month = json_i64(method, "exp_month", 0);
    if (year < 2000 || year > 9999 || month < 1 || month > 12)
        return true;
    char first_after[16];
    int64_t ends;
    snprintf(first_after, sizeof(first_after), "%04d-%02d-01", (int)(month == 12 ? year + 1 : year),
             (int)(month % 12 + 1));
    return when_parse_day(&ends, first_after, NULL, NULL) < 0 || now_ms < ends;
}

/* "Visa", "MasterCard", "american_express", "AMEX": each network by one word, or its limits and advice would not be known again. */
static const char *brand_word(const char *theirs, char out[40])
{
    static const char *const names[][2] = {{"american express", "amex"}, {"master card", "mastercard"}, {"master", "mastercard"}, {"diners club", "diners"}};
    str_copy(out, 40, theirs);
    for (char *p = out; *p; p++)
        *p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
    for (size_t i = 0; i < DW_ARRAY_LEN(names); i++) {
        const char *a = out, *b = names[i][0];
        while (*a && (*a == *b || (*b == ' ' && (*a == '_' || *a == '-'))))
            a++, b++;
        if (!*a && !*b)
            str_copy(out, 40, names[i][1]);
    }
    return out;
}

/* How often the card that would be charged was tried. The same card may be known to several billing systems: the fullest count of
 * any of them is the safe one. */
static int64_t tried(const struct reading *r, const char *count)
{
    const json_t *methods = json_object_get(r->read, "methods"), *row;
    const char *last4 = json_str(r->method, "last4", "");
    int64_t most = json_i64(r->method, count, -1);
    char mine[40], its[40];
    size_t i;
    json_array_foreach(methods, i, row)
        if (*last4 && str_eq(json_str(row, "last4", ""), last4) && json_i64(row, count, -1) > most &&
            str_eq(brand_word(json_str(row, "brand", ""), its), brand_word(json_str(r->method, "brand", ""), mine)))
            most = json_i64(row, count, -1);
    return most;
}

static void put_method(const struct reading *r)
{
    const json_t *methods = json_object_get(r->read, "methods");
    int64_t others = 0;
    for (size_t i = 0; i < json_array_size(methods); i++)
        others += json_array_get(methods, i) != r->method && method_usable(json_array_get(methods, i), r->t);
    put(r, "method.others", json_integer(others));
    if (!r->method)
        return;
    put_text(r, "method.id", r->method, "id");
    char brand[40];
    put(r, "method.brand", *brand_word(json_str(r->method, "brand", ""), brand) ? json_text_safe(brand) : NULL);
    put_text(r, "method.last4", r->method, "last4");
    int64_t year = json_i64(r->method, "exp_year", 0), month = json_i64(r->method, "exp_month", 0);
    char exp[16];
    snprintf(exp, sizeof(exp), "%02d/%04d", (int)(month % 100), (int)(year % 10000));
    put(r, "method.exp", year > 0 && month > 0 ? json_string(exp) : NULL);
}

/* The method that failed. When that one cannot be tried again (H, N, A) or is gone, the default one, if it can: so
 * a card that the customer has renewed is seen as the other card it is. */
/* A card pays only where it is known: of several billing systems, at that of the invoice. */
static const json_t *method_there(const struct reading *r, bool standard)
{
    const json_t *methods = json_object_get(r->read, "methods");
    for (size_t i = 0; i < json_array_size(methods); i++) {
        const json_t *method = json_array_get(methods, i);
        if (str_eq(json_str(method, "biller", ""), json_str(r->invoice, "biller", "")) && (!standard || json_flag(method, "default", false)))
            return method;
    }
    return NULL;
}

static const json_t *pick_method(const struct reading *r)
{
    const json_t *methods = json_object_get(r->read, "methods");
    const json_t *failed = by_id(methods, json_str(r->payment, "method", ""));
    const json_t *standard = by_id(methods, json_str(r->read, "account.default_method", ""));
    const char *class = json_str(r->payment, "class", "?");
    if (json_str(r->invoice, "biller", "")[0])
        standard = method_there(r, true);
    if (failed && (!strpbrk(class, "HNA") || !standard || !method_usable(standard, r->t)))
        return failed;
    return standard ? standard : method_there(r, false);
}

/* Of the card that would be charged; where a biller does not count by card, of the one that failed last. */
static void put_count(const struct reading *r, const char *name, const char *count)
{
    const json_t *network = json_object_get(r->read, "network");
    int64_t n = r->method ? tried(r, count) : -1;
    if (n < 0)
        n = json_i64(network, count, -1);
    put(r, name, n >= 0 ? json_integer(n) : NULL);
}

static void forget_billing(struct facts *f)
{
    static const char *const groups[] = {"customer.", "invoice.", "payment.", "method.", "subscription.", "network."};
    void *it = json_object_iter(f->set);
    while (it) {
        AUTO_STR name = str_dup(json_object_iter_key(it));
        it = json_object_iter_next(f->set, it);
        for (size_t i = 0; i < DW_ARRAY_LEN(groups); i++)
            if (strncmp(name, groups[i], strlen(groups[i])) == 0)
                json_object_del(f->set, name);
    }
}

void facts_add_billing(struct facts *f, const json_t *read, const char *biller, int64_t as_of_ms)
{
    struct reading r = {.f = f, .read = read, .source = biller, .t = as_of_ms};
    forget_billing(f);
    r.currency = main_currency(json_object_get(read, "invoices"));
    r.payment = last_failure(&r);
    r.invoice =
        r.payment ? by_id(json_object_get(read, "invoices"), json_str(r.payment, "invoice", "")) : oldest_invoice(&r);
    r.method = pick_method(&r);
    r.source = json_str(r.invoice, "biller", biller);
    put_text(&r, "customer.id", read, "account.id");
    put_text(&r, "customer.name", read, "account.name");
    put_text(&r, "customer.email", read, "account.email");
    put_text(&r, "customer.currency", read, "account.currency");
    put_invoice(&r);
    AUTO_STR all = sources(&r);
    const char *of_invoice = r.source;
    r.source = all;
    put_sums(&r);
    r.source = of_invoice;
    put_payment(&r);
    put_method(&r);
    put_text(&r, "subscription.id", read, "subscription.id");
    put_text(&r, "subscription.status", read, "subscription.status");
    put_count(&r, "network.attempts_window", "attempts_window");
    put_count(&r, "network.attempts_day", "attempts_day");
}
