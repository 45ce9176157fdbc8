/* One customer at several billing systems: what is owed at each, and who does what where. Amounts of different currencies stand
 * beside each other and are never added; what a system has no API for is said to be somebody's work before anybody agrees to it. */
#include "bot/words.h"

#include <string.h>

#include "engine/proposal_money.h"
#include "engine/saga.h"
#include "engine/settlement.h"
#include "engine/when.h"

void words_owed(struct buf *out, const struct recovery *r)
{
    struct billed shown[BILLERS_MOST];
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(r->invoices); i++) {
        struct billed at = recovery_billed_of(r, json_str(json_array_get(r->invoices, i), "id", ""));
        bool known = n == BILLERS_MOST;
        for (size_t k = 0; k < n; k++)
            known = known || str_eq(shown[k].biller, at.biller);
        if (!known)
            shown[n++] = (struct billed){.biller = at.biller};
    }
    for (size_t k = 0; n > 1 && k < n; k++) {
        buf_adds(out, k ? ", " : ". Owed: ");
        recovery_owed_words(out, r, &shown[k], NULL);
        buf_addf(out, " at %s", shown[k].biller);
    }
}

void words_other_currencies(struct buf *out, const struct recovery *r)
{
    const char *currency;
    char amount[MONEY_TEXT_SIZE];
    json_t *due;
    size_t n = 0;
    json_object_foreach((json_t *)(uintptr_t)facts_get(&r->facts, "invoice.other_currencies"), currency, due)
        buf_addf(out, "%s%s", n++ ? " and " : ", and besides ", money_text(amount, money_of(json_integer_value(due), currency)));
}

/* What lies at one of them, of what the terms name. */
static void amount_words(struct buf *out, const struct recovery *r, const struct proposal *p, const struct billed *at)
{
    struct money sum = money_of(0, p->amount.currency);
    char amount[MONEY_TEXT_SIZE];
    size_t i;
    json_t *part;
    if (!verb_has_parts(p->verb)) {
        recovery_owed_words(out, r, at, json_object_get(p->terms, "invoices"));
        return;
    }
    json_array_foreach(json_object_get(p->terms, "parts"), i, part) {
        struct billed whose = recovery_billed_of(r, json_str(part, "invoice", ""));
        if (str_eq(whose.biller, at->biller) && str_eq(whose.customer, at->customer) && money_add(&sum.minor, sum.minor, json_i64(part, "amount", 0)) != 0)
            break;
    }
    buf_adds(out, money_text(amount, sum));
}

void words_carried_out(struct buf *out, struct engine *e, const struct recovery *r, const struct proposal *p)
{
    struct carried parts[BILLERS_MOST];
    size_t n = saga_carried(e, r, p->verb, p->terms, parts);
    if (n == 1) {
        if (parts[0].note[0])
            buf_addf(out, "\nHow it is carried out: %s (%s)", parts[0].note, parts[0].how);
        return;
    }
    buf_adds(out, p->verb == VERB_PLAN ? "\nHow it is carried out: Dunwell collects each instalment where its invoice is. Until the last one, all of it is quiet:"
                                       : "\nHow it is carried out:");
    for (size_t i = 0; i < n; i++) {
        bool by_hand = str_eq(parts[i].how, "manual");
        AUTO_BUF amount = BUF(WORDS_SIZE);
        amount_words(&amount, r, p, &parts[i].at);
        buf_addf(out, "\n- at %s%s%s%s: %s%s", parts[i].at.biller, amount.n ? " (" : "", buf_text(&amount), amount.n ? ")" : "", by_hand ? "a person does it by hand. " : "",
                 parts[i].note[0] ? parts[i].note : by_hand ? "" : "Dunwell does it.");
    }
}

/* The rows of one instalment from row i on: its sum, and what of it lies where. How many rows it has. */
static size_t instalment_at(const struct recovery *r, const json_t *rows, size_t i, const char *currency, int64_t *sum, struct buf *where)
{
    char amount[MONEY_TEXT_SIZE];
    int64_t n = json_i64(json_array_get(rows, i), "n", 0);
    const char *first = recovery_billed_of(r, json_str(json_array_get(rows, i), "invoice", "")).biller;
    bool several = false;
    size_t k = i;
    for (*sum = 0; k < json_array_size(rows) && json_i64(json_array_get(rows, k), "n", 0) == n; k++) {
        const json_t *row = json_array_get(rows, k);
        const char *at = recovery_billed_of(r, json_str(row, "invoice", "")).biller;
        several = several || !str_eq(at, first);
        *sum += json_i64(row, "amount", 0); /* parts of one checked sum (plan_terms_make) */
        buf_addf(where, "%s%s at %s", k > i ? ", " : "", money_text(amount, money_of(json_i64(row, "amount", 0), currency)), at);
    }
    if (!several)
        buf_clear(where);
    return k - i;
}

bool words_schedule(struct buf *out, const struct recovery *r, const json_t *terms, const char *currency, size_t most)
{
    char day[WHEN_TEXT_SIZE], amount[MONEY_TEXT_SIZE];
    const json_t *rows = json_at(terms, "instalments");
    const char *zone = facts_str(&r->facts, "account.timezone");
    size_t all = json_array_size(rows), count = 0, last = (size_t)json_i64(json_array_get(rows, all ? all - 1 : 0), "n", 0), n = 0;
    for (size_t i = 0; i < all; i += n, count++) {
        int64_t sum;
        AUTO_BUF where = BUF(1024);
        n = instalment_at(r, rows, i, currency, &sum, &where);
        if (count + 1 >= most && count + 1 < last)
            continue;
        if (count + 1 == last && last > most)
            buf_addf(out, "\n... %zu more, and at last", last - most);
        buf_addf(out, "%s%zu. %s: %s%s%s%s", count ? "\n" : "", count + 1, when_day(day, json_i64(json_array_get(rows, i), "date_ms", 0), zone),
                 money_text(amount, money_of(sum, currency)), where.n ? " (" : "", buf_text(&where), where.n ? ")" : "");
    }
    return all > 0;
}

/* Where a machine does it, and where a person has to. */
static void places(struct engine *e, const struct recovery *r, const struct proposal *p, char **machines, char **hands)
{
    struct carried parts[BILLERS_MOST];
    struct billed by_machine[BILLERS_MOST], by_hand[BILLERS_MOST];
    size_t n = saga_carried(e, r, p->verb, p->terms, parts), m = 0, h = 0;
    for (size_t i = 0; i < n; i++) {
        if (str_eq(parts[i].how, "manual"))
            by_hand[h++] = parts[i].at;
        else
            by_machine[m++] = parts[i].at;
    }
    *machines = billers_names(by_machine, m);
    *hands = billers_names(by_hand, h);
}

void words_runs(struct buf *out, struct engine *e, const struct recovery *r, const struct proposal *p)
{
    AUTO_STR at = NULL;
    AUTO_STR hands = NULL;
    int64_t window_ms = proposal_undo_ms(e, p->verb);
    if (e->shadow) {
        buf_adds(out, "It is recorded and not executed: this is shadow mode.");
        return;
    }
    places(e, r, p, &at, &hands);
    if (p->verb == VERB_SETTLE && !settle_ready(p)) {
        buf_adds(out, "Once their payment has come, the rest is given up by itself. That cannot be undone.");
        return;
    }
    if (!at[0]) {
        buf_addf(out, "Then a person does it at %s by hand%s", hands, verb_gives_up(p->verb) ? "; that cannot be undone." : ".");
        return;
    }
    if (verb_gives_up(p->verb))
        buf_addf(out, "It is done at %s right away and cannot be undone.", at);
    else if (p->verb == VERB_RETRY)
        buf_addf(out, "It is tried at %s right away; an attempt cannot be undone.", at);
    else if (window_ms)
        buf_addf(out, "It runs at %s %lld seconds later, and can be undone until then.", at, (long long)(window_ms / MS_SECOND));
    else
        buf_addf(out, "It is executed at %s right away, without a time to undo it.", at);
    if (hands[0])
        buf_addf(out, " At %s a person does it by hand; it counts as done when that is done too.", hands);
}

void words_hold_at(struct buf *out, struct engine *e, const struct recovery *r, const struct hold *h)
{
    AUTO_STR at = NULL;
    AUTO_STR hands = NULL;
    json_auto_t *terms = json_pack("{s:O, s:O}", "invoices", h->invoices, "prior", h->prior);
    const struct proposal p = {.verb = VERB_HOLD, .terms = terms};
    places(e, r, &p, &at, &hands);
    buf_addf(out, "%s%s%s%s%s", at[0] ? "confirmed by " : "", at, at[0] && hands[0] ? ", " : "", hands[0] ? "done by hand at " : "", hands);
}
