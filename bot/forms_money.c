/* The forms about money that is given up: a credit, a settlement, and other terms for either.
 *
 * As with plans, the line that says what becomes of it is computed by the functions that will judge the submission (money_terms,
 * money_bound), anew at every change, so it cannot promise what the button then refuses. It also says whose yes it takes, and
 * that it cannot be had back. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "bot/cards.h"
#include "bot/form_parts.h"
#include "bot/parse.h"
#include "bot/words.h"
#include "engine/proposal_money.h"
#include "engine/when.h"

enum { PAID_HOUR = 17, PAID_DAYS = 14, INVOICES_MOST = 50 };

static const char *zone_of(const struct recovery *r)
{
    return facts_str(&r->facts, "account.timezone");
}

/* A part of a sentence becomes "Not allowed: A whole one." */
static void note_refused(json_t *form, const char *why)
{
    AUTO_STR text = str_dup(why);
    size_t n = strlen(text);
    text[0] = (char)toupper((unsigned char)text[0]);
    AUTO_STR line = str_fmt("Not allowed: %s%s", text, n && isalnum((unsigned char)text[n - 1]) ? "." : "");
    form_note(form, line);
}

static void note_given_up(json_t *form, struct engine *e, const struct recovery *r, enum verb verb, const json_t *terms)
{
    char why[300] = "", needs[300], amount[MONEY_TEXT_SIZE];
    enum bound b = money_bound(e, r, verb, terms, why, sizeof why);
    if (b == BOUND_REFUSED) {
        note_refused(form, why);
        return;
    }
    struct money given_up = money_given_up(r, verb, terms);
    proposal_needs(e, r, verb, given_up, needs, sizeof needs);
    AUTO_STR line = str_fmt("Needs a manager: %s", why);
    AUTO_STR what = str_fmt("%s is given up%s, and cannot be had back. It takes %s.", money_text(amount, given_up),
                            verb == VERB_SETTLE ? " once their payment has come" : "", needs);
    form_note(form, line);
    form_note(form, what);
}

/* The amount that stands in an input. False: what the line says instead is noted. */
static bool amount_of(json_t *form, const char *text, const char *currency, const char *empty, struct money *out)
{
    struct err err = {0};
    if (text[0] == '\0') {
        form_note(form, empty);
        return false;
    }
    if (money_parse(out, text, currency, &err) == 0)
        return true;
    note_refused(form, err.text);
    return false;
}

static void line_of(json_t *form, struct engine *e, const struct recovery *r, enum verb verb, struct money amount, const char *invoice, int64_t by_ms)
{
    struct err err = {0};
    json_t *terms = NULL;
    if (money_terms(r, verb, amount, invoice, by_ms, &terms, &err) != 0)
        note_refused(form, err.text);
    else
        note_given_up(form, e, r, verb, terms);
    json_decref(terms);
}

static json_t *live_text(json_t *form, const char *id, const char *label, const char *value)
{
    json_t *input = form_input(form, id, "text", label, value);
    json_put_new(input, "live", json_true());
    return input;
}

static void input_invoice(json_t *form, const struct recovery *r, const char *chosen)
{
    char amount[MONEY_TEXT_SIZE];
    if (json_array_size(r->invoices) < 2)
        return;
    json_t *input = form_input(form, "invoice", "select", "On which invoice?", chosen);
    json_put_new(input, "live", json_true());
    for (size_t i = 0; i < json_array_size(r->invoices) && i < INVOICES_MOST; i++) {
        const json_t *row = json_array_get(r->invoices, i);
        AUTO_STR label = str_fmt("%.40s, %s open", json_str(row, "number", json_str(row, "id", "")),
                                 money_text(amount, money_of(json_i64(row, "due", 0), json_str(row, "currency", ""))));
        form_option(input, json_str(row, "id", ""), label);
    }
}

json_t *form_credit(struct engine *e, const struct recovery *r, const json_t *values)
{
    struct money amount;
    const char *typed = form_value(values, "amount", ""), *invoice = form_value(values, "invoice", recovery_invoice(r));
    AUTO_STR ref = form_ref_of_case(r);
    json_t *f = form_new("credit", ref, "Give a credit", "Send");
    form_note_unpaid(f, e, r);
    if (amount_of(f, typed, r->due.currency, "Type how much less they are to owe, such as 500. Money that is given up always needs somebody's approval.", &amount))
        line_of(f, e, r, VERB_CREDIT, amount, json_array_size(r->invoices) < 2 ? "" : invoice, 0);
    form_input_offer(f, e, r, "credit");
    live_text(f, "amount", "How much less do they owe?", typed);
    input_invoice(f, r, invoice);
    form_input_why(f, "Why? Whoever approves it will read it.", form_value(values, "why", ""), false);
    return f;
}

json_t *form_settle(struct engine *e, const struct recovery *r, const json_t *values)
{
    char day[WHEN_TEXT_SIZE];
    struct money pays;
    const char *typed = form_value(values, "pays", "");
    int64_t by_ms = when_business_hour(when_add_days(e->now_ms, PAID_DAYS, zone_of(r)), PAID_HOUR, zone_of(r)), chosen_ms;
    AUTO_STR ref = form_ref_of_case(r);
    json_t *f = form_new("settle", ref, "Offer a settlement", "Send");
    if (form_value(values, "by", NULL) && when_parse(&chosen_ms, form_value(values, "by", ""), zone_of(r), PAID_HOUR, e->now_ms, NULL) == 0)
        by_ms = chosen_ms;
    form_note_unpaid(f, e, r);
    if (amount_of(f, typed, r->due.currency, "Type how much they pay. Once it has come, the rest is written off; that always needs somebody's approval.", &pays))
        line_of(f, e, r, VERB_SETTLE, pays, "", by_ms);
    form_input_offer(f, e, r, "settle");
    live_text(f, "pays", "How much do they pay?", typed);
    json_put_new(form_input(f, "by", "date", "By when?", when_iso_day(day, by_ms, zone_of(r))), "live", json_true());
    form_input_why(f, "Why? Whoever approves it will read it.", form_value(values, "why", ""), false);
    return f;
}

json_t *form_counter_amount(struct engine *e, const struct recovery *r, const struct proposal *p, const json_t *values)
{
    char what[300], decimal[MONEY_TEXT_SIZE];
    struct err err = {0};
    struct money amount;
    bool credit = p->verb == VERB_CREDIT;
    struct money asked = credit ? p->amount : money_of(json_i64(p->terms, "pays", 0), p->amount.currency);
    const char *typed = form_value(values, "amount", "");
    json_t *terms = NULL;
    AUTO_STR ref = str_fmt("A-%lld@%lld", (long long)p->id, (long long)p->revision);
    AUTO_STR title = str_fmt("Counter A-%lld", (long long)p->id);
    AUTO_STR empty = str_fmt(credit ? "Type the amount to give instead, less than %s." : "Type what they are to pay instead, more than %s.", money_text(decimal, asked));
    proposal_words(p, what, sizeof what);
    AUTO_STR line = str_fmt("Asked: %s", what);
    json_t *f = form_new("counter", ref, title, "Send");
    form_note_unpaid(f, e, r);
    form_note(f, line);
    if (amount_of(f, typed, p->amount.currency, empty, &amount) && money_counter_terms(r, p, amount, &terms, &err) != 0)
        note_refused(f, err.text);
    else if (terms)
        note_given_up(f, e, r, p->verb, terms);
    json_decref(terms);
    live_text(f, "amount", credit ? "How much less do they owe?" : "How much do they pay?", typed);
    form_input_why(f, "Why? (optional)", form_value(values, "why", ""), true);
    form_wants_code(f, e, p);
    return f;
}
