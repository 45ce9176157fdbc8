/* What is known of an account, and where from. Every number that a card shows and every comparison that a policy
 * makes is a row of this set, so that "says who, as of when?" always has an answer, and so that a decision can be
 * stored with all it was based on.
 *
 * Each reading replaces everything its source said before: a fact that billing no longer reports must not outlive
 * the report. Amounts are summed in one currency only - the one with the largest open invoice - and what is owed
 * in others is listed beside it, never added. Values are foreign text: bounded here, escaped where they are shown. */
#include "engine/facts.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "engine/buf.h"
#include "engine/nearest.h"
#include "engine/when.h"

enum { VALUE_MAX = 512, COLUMN_MAX = 64 };

static const struct fact_row {
    const char *name, *label;
    enum fact_kind kind;
} rows[] = {
    {"tier", "Tier", FACT_TEXT},
    {"fragile", "Fragile", FACT_FLAG},
    {"account.known", "In the account book", FACT_FLAG},
    {"account.key", "Account", FACT_TEXT},
    {"account.name", "Name", FACT_TEXT},
    {"account.tier", "Tier in the book", FACT_TEXT},
    {"account.annual_value", "Annual value", FACT_MONEY},
    {"account.currency", "Contract currency", FACT_TEXT},
    {"account.renewal_ms", "Renewal", FACT_DAY},
    {"account.renewal_in_days", "Days to renewal", FACT_INTEGER},
    {"account.region", "Region", FACT_TEXT},
    {"account.plan", "Plan", FACT_TEXT},
    {"account.ae", "Account executive", FACT_TEXT},
    {"account.sentiment", "Sentiment", FACT_NUMBER},
    {"account.open_tickets", "Open tickets", FACT_INTEGER},
    {"account.top_priority", "Top-priority tickets", FACT_INTEGER},
    {"account.csat", "Satisfaction (CSAT)", FACT_NUMBER},
    {"account.billing", "Billing system", FACT_TEXT},
    {"account.billing_id", "Billing id", FACT_TEXT},
    {"account.email", "E-mail", FACT_TEXT},
    {"account.timezone", "Time zone", FACT_TEXT},
    {"account.language", "Language", FACT_TEXT},
    {"customer.id", "Customer in billing", FACT_TEXT},
    {"customer.name", "Name in billing", FACT_TEXT},
    {"customer.email", "E-mail in billing", FACT_TEXT},
    {"customer.currency", "Billing currency", FACT_TEXT},
    {"invoice.due", "Unpaid", FACT_MONEY},
    {"invoice.count", "Open invoices", FACT_INTEGER},
    {"invoice.currency", "Invoice currency", FACT_TEXT},
    {"invoice.other_currencies", "Also due, in other currencies", FACT_SUMS},
    {"invoice.id", "Invoice id", FACT_TEXT},
    {"invoice.number", "Invoice", FACT_TEXT},
    {"invoice.attempts", "Payment attempts", FACT_INTEGER},
    {"invoice.next_attempt_ms", "Billing's next attempt", FACT_TIME},
    {"invoice.auto_advance", "Billing retries by itself", FACT_FLAG},
    {"invoice.collection", "Collection", FACT_TEXT},
    {"invoice.oldest_due_ms", "Oldest due date", FACT_DAY},
    {"invoice.overdue_days", "Days overdue", FACT_INTEGER},
    {"payment.id", "Failed payment", FACT_TEXT},
    {"payment.method", "Method that failed", FACT_TEXT},
    {"payment.decline_code", "Decline code", FACT_TEXT},
    {"payment.class", "Last decline", FACT_CLASS},
    {"payment.advice", "Advice with the decline", FACT_TEXT},
    {"payment.network_advice", "Network's advice", FACT_TEXT},
    {"payment.network_code", "Network's code", FACT_TEXT},
    {"payment.at_ms", "Payment failed", FACT_TIME},
    {"payment.text", "Billing's words", FACT_TEXT},
    {"method.id", "Payment method", FACT_TEXT},
    {"method.brand", "Card", FACT_TEXT},
    {"method.last4", "Card ends in", FACT_TEXT},
    {"method.exp", "Card expires", FACT_TEXT},
    {"method.others", "Other usable methods", FACT_INTEGER},
    {"subscription.id", "Subscription", FACT_TEXT},
    {"subscription.status", "Subscription status", FACT_TEXT},
    {"network.attempts_window", "Attempts on this card in 30 days", FACT_INTEGER},
    {"network.attempts_day", "Attempts on this card in 24 hours", FACT_INTEGER},
};

/* --- the set --- */

void facts_init(struct facts *f)
{
    *f = (struct facts){.set = json_object()};
}

void facts_fini(struct facts *f)
{
    json_decref(f->set);
    f->set = NULL;
}

void facts_put(struct facts *f, const char *name, json_t *take_value, const char *source, int64_t as_of_ms)
{
    if (!take_value || json_is_null(take_value)) {
        json_decref(take_value);
        json_object_del(f->set, name);
        return;
    }
    json_t *fact = json_object();
    json_put_new(fact, "v", take_value);
    json_put(fact, "s", source);
    json_put_i64(fact, "t", as_of_ms);
    json_put_new(f->set, name, fact);
}

static const json_t *fact_of(const struct facts *f, const char *name)
{
    const json_t *known = json_object_get(f->set, name);
    for (size_t i = 0; !known && i < f->n_unread; i++)
        if (span_is(f->unread[i].key, name)) {
            json_put_new(f->set, name, json_read(f->unread[i].value, NULL));
            known = json_object_get(f->set, name);
        }
    return known;
}

const json_t *facts_get(const struct facts *f, const char *name)
{
    return json_object_get(fact_of(f, name), "v");
}

const char *facts_str(const struct facts *f, const char *name)
{
    const char *text = json_string_value(facts_get(f, name));
    return text ? text : "";
}

int64_t facts_i64(const struct facts *f, const char *name, int64_t otherwise)
{
    const json_t *v = facts_get(f, name);
    return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

const char *facts_source(const struct facts *f, const char *name)
{
    const char *text = json_string_value(json_object_get(fact_of(f, name), "s"));
    return text ? text : "";
}

int64_t facts_as_of(const struct facts *f, const char *name)
{
    return json_integer_value(json_object_get(fact_of(f, name), "t"));
}

static void put_text(struct facts *f, const char *name, const char *text, const char *source, int64_t t)
{
    char cut[VALUE_MAX];
    if (!text || !text[0]) {
        facts_put(f, name, NULL, source, t);
        return;
    }
    str_copy(cut, sizeof(cut), text);
    facts_put(f, name, json_text_safe(cut), source, t);
}

static bool starts_with(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Forgets what a source said earlier. */
static void drop_group(struct facts *f, const char *prefix)
{
    void *it = json_object_iter(f->set);
    while (it) {
        AUTO_STR name = str_dup(json_object_iter_key(it));
        it = json_object_iter_next(f->set, it);
        if (starts_with(name, prefix))
            json_object_del(f->set, name);
    }
}

/* --- from the account book --- */

/* A number only if it is written as one would write it: "007" and "1e5" are texts, and stay as they are. */
static json_t *number_or_text(const char *text)
{
    const char *p = text + (*text == '-');
    size_t whole = strspn(p, "0123456789");
    bool padded = whole > 1 && p[0] == '0';
    if (whole == 0 || whole > 15 || padded)
        return NULL;
    if (p[whole] == '\0')
        return json_integer(strtoll(text, NULL, 10));
    size_t decimals = p[whole] == '.' ? strspn(p + whole + 1, "0123456789") : 0;
    if (decimals == 0 || decimals > 9 || p[whole + 1 + decimals] != '\0')
        return NULL;
    return json_real(strtod(text, NULL));
}

static void put_column(struct facts *f, const char *column, const char *text, const char *source, int64_t t)
{
    char name[COLUMN_MAX + 16];
    snprintf(name, sizeof(name), "account.%.*s", COLUMN_MAX, column);
    json_t *number = text && text[0] ? number_or_text(text) : NULL;
    if (number)
        facts_put(f, name, number, source, t);
    else
        put_text(f, name, text, source, t);
}

void facts_add_account(struct facts *f, const struct account *a, const struct book *b)
{
    const char *source = b ? book_source(b) : "account book";
    int64_t t = b ? book_as_of_ms(b) : 0;
    drop_group(f, "account.");
    for (void *it = a ? json_object_iter(a->facts) : NULL; it; it = json_object_iter_next(a->facts, it))
        put_column(f, json_object_iter_key(it), json_string_value(json_object_iter_value(it)), source, t);
    facts_put(f, "account.known", json_boolean(a != NULL), source, t);
    if (!a)
        return;
    const struct {
        const char *name, *text;
    } texts[] = {
        {"account.key", a->key},       {"account.name", a->name},       {"account.tier", a->tier},
        {"account.ae", a->ae},         {"account.billing", a->billing}, {"account.billing_id", a->billing_id},
        {"account.email", a->email},   {"account.timezone", a->zone},   {"account.language", a->language},
        {"account.region", a->region}, {"account.plan", a->plan},       {"account.currency", a->value.currency},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(texts); i++)
        put_text(f, texts[i].name, texts[i].text, source, t);
    facts_put(f, "account.annual_value", a->value.currency[0] ? json_integer(a->value.minor) : NULL, source, t);
    facts_put(f, "account.renewal_ms", a->renewal_ms ? json_integer(a->renewal_ms) : NULL, source, t);
}

/* --- names and words --- */

static const struct fact_row *row_of(const char *name)
{
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++)
        if (str_eq(rows[i].name, name))
            return &rows[i];
    return NULL;
}

static bool column_well_formed(const char *name)
{
    const char *column = name + strlen("account.");
    size_t n = strlen(column);
    return n > 0 && n <= COLUMN_MAX && strspn(column, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

bool fact_kind_of(const char *name, enum fact_kind *kind)
{
    const struct fact_row *row = row_of(name);
    if (!row && !(starts_with(name, "account.") && column_well_formed(name)))
        return false;
    *kind = row ? row->kind : FACT_COLUMN;
    return true;
}

const char *fact_nearest(const char *name)
{
    const char *names[DW_ARRAY_LEN(rows) + 1] = {NULL};
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++)
        names[i] = rows[i].name;
    return text_nearest(name, names);
}

const char *fact_label(const char *name)
{
    const struct fact_row *row = row_of(name);
    if (row)
        return row->label;
    return starts_with(name, "account.") ? name + strlen("account.") : name;
}

bool fact_money(const struct facts *f, const char *name, struct money *out)
{
    const json_t *v = facts_get(f, name);
    const char *currency = facts_str(f, starts_with(name, "account.") ? "account.currency" : "invoice.currency");
    if (!json_is_integer(v) || money_exponent(currency) < 0)
        return false;
    *out = money_of(json_integer_value(v), currency);
    return true;
}

/* Whole days from one moment to another, rounded towards the past. */
static json_t *days_between(const json_t *from, const json_t *to)
{
    if (!json_is_integer(from) || !json_is_integer(to))
        return NULL;
    int64_t span = json_integer_value(to) - json_integer_value(from);
    return json_integer(span >= 0 ? span / MS_DAY : -((-span + MS_DAY - 1) / MS_DAY));
}

json_t *fact_at(const struct facts *f, const char *name, int64_t now_ms)
{
    json_t *now = json_integer(now_ms), *value;
    if (str_eq(name, "account.renewal_in_days"))
        value = days_between(now, facts_get(f, "account.renewal_ms"));
    else if (str_eq(name, "invoice.overdue_days"))
        value = days_between(facts_get(f, "invoice.oldest_due_ms"), now);
    else
        value = json_deep_copy(facts_get(f, name));
    json_decref(now);
    return value;
}

static char *class_words(const char *class)
{
    static const char *const words[][2] = {
        {"H", "hard: never again with this card"}, {"N", "needs new card data from the customer"},
        {"A", "the customer must authenticate"},   {"S", "soft: may be tried again later"},
        {"M", "a fault on the merchant's side"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(words); i++)
        if (str_eq(class, words[i][0]))
            return str_dup(words[i][1]);
    return str_dup("of a kind nobody has classified");
}

static char *sums_words(const json_t *sums)
{
    AUTO_BUF out = BUF(VALUE_MAX);
    char text[MONEY_TEXT_SIZE];
    const char *currency;
    json_t *minor, *walk = json_copy((json_t *)(uintptr_t)sums);
    json_object_foreach(walk, currency, minor)
        buf_addf(&out, "%s%s", out.n ? ", " : "", money_text(text, money_of(json_integer_value(minor), currency)));
    json_decref(walk);
    return str_dup(buf_text(&out));
}

static char *plain_words(const json_t *v)
{
    if (json_is_string(v))
        return str_dup(json_string_value(v));
    if (json_is_boolean(v))
        return str_dup(json_is_true(v) ? "yes" : "no");
    if (json_is_real(v))
        return str_fmt("%.10g", json_real_value(v));
    if (json_is_integer(v))
        return str_fmt("%lld", (long long)json_integer_value(v));
    return json_text(v);
}

char *fact_words(const struct facts *f, const char *name)
{
    const json_t *v = facts_get(f, name);
    const struct fact_row *row = row_of(name);
    enum fact_kind kind = row ? row->kind : FACT_COLUMN;
    char text[WHEN_TEXT_SIZE > MONEY_TEXT_SIZE ? WHEN_TEXT_SIZE : MONEY_TEXT_SIZE];
    struct money m;
    if (!v)
        return str_dup("not known");
    if (kind == FACT_MONEY && fact_money(f, name, &m))
        return str_dup(money_text(text, m));
    if (kind == FACT_TIME && json_is_integer(v))
        return str_dup(when_text(text, json_integer_value(v), NULL));
    if (kind == FACT_DAY && json_is_integer(v))
        return str_dup(when_day(text, json_integer_value(v), NULL));
    if (kind == FACT_CLASS && json_is_string(v))
        return class_words(json_string_value(v));
    return kind == FACT_SUMS && json_is_object(v) ? sums_words(v) : plain_words(v);
}

bool fact_stale(const struct facts *f, const char *name, int64_t now_ms)
{
    if (!facts_get(f, name))
        return true;
    int64_t age = now_ms - facts_as_of(f, name);
    if (starts_with(name, "account."))
        return age > 7 * MS_DAY;
    return strchr(name, '.') && age > MS_HOUR;
}

/* --- the hash --- */

void text_sha256(char out[65], const char *text)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    int ok = EVP_Digest(text, strlen(text), digest, &n, EVP_sha256(), NULL);
    assert(ok == 1 && n == 32);
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[64] = '\0';
}

char *facts_hash(const struct facts *f)
{
    AUTO_JSON values = json_object();
    const char *name;
    json_t *fact;
    json_object_foreach(f->set, name, fact) json_object_set(values, name, json_object_get(fact, "v"));
    AUTO_STR text = json_text(values);
    char hex[65];
    text_sha256(hex, text);
    return str_dup(hex);
}
