/* What each form shows: the frozen facts, the inputs, and for plans the line that says at every change whether
 * this is inside policy, needs a manager or is not allowed, with the schedule it would make.
 *
 * A form is built from the state and from what the person has chosen so far, by the same functions that will judge
 * the submission (plan_terms_make, plan_bound), so the line cannot promise what the button then refuses. */
#include <stdio.h>
#include <string.h>

#include "bot/cards.h"
#include "bot/form_parts.h"
#include "bot/parse.h"
#include "bot/words.h"
#include "engine/step_up.h"
#include "engine/when.h"

enum {
    SCHEDULE_MOST = 60,
    INSTALMENTS_LEAST = 2,
    INSTALMENTS_OFFERED = 12,
    INSTALMENTS_USUAL = 3,
    DUE_HOUR = 9,
    FIRST_DAYS = 7,
    HOLD_DAYS = 7
};

json_t *form_loading(const char *form, const char *ref, const char *title)
{
    json_t *f = form_new(form, ref, title, NULL);
    form_note(f, "One moment, I am looking at the account...");
    return f;
}

static const char *zone_of(const struct recovery *r)
{
    return facts_str(&r->facts, "account.timezone");
}

/* "N-12@4" */
char *form_ref_of_case(const struct recovery *r)
{
    return str_fmt("N-%lld@%lld", (long long)r->id, (long long)r->revision);
}

void form_note_unpaid(json_t *form, const struct engine *e, const struct recovery *r)
{
    char name[WORDS_NAME];
    AUTO_BUF out = BUF(WORDS_SIZE);
    buf_addf(&out, "%s: ", words_name(name, r));
    words_unpaid(&out, r);
    buf_adds(&out, " (");
    words_source(&out, e, r, "invoice.due");
    buf_addc(&out, ')');
    form_note(form, buf_text(&out));
}

static void input_instalments(json_t *form, int chosen)
{
    char value[16], label[32];
    snprintf(value, sizeof value, "%d", chosen);
    json_t *input = form_input(form, "instalments", "select", "How many instalments?", value);
    json_put_new(input, "live", json_true());
    for (int n = INSTALMENTS_LEAST; n <= INSTALMENTS_OFFERED || n <= chosen; n++) {
        if (n > INSTALMENTS_OFFERED && n != chosen)
            continue;
        snprintf(value, sizeof value, "%d", n);
        snprintf(label, sizeof label, "%d instalments", n);
        form_option(input, value, label);
    }
}

static void input_first(json_t *form, int64_t first_ms, const char *zone)
{
    char day[WHEN_TEXT_SIZE];
    json_t *input =
        form_input(form, "first", "date", "When is the first one due?", when_iso_day(day, first_ms, zone));
    json_put_new(input, "live", json_true());
}

void form_input_why(json_t *form, const char *label, const char *value, bool optional)
{
    json_t *input = form_input(form, "why", "text", label, value);
    json_put_new(input, "optional", json_boolean(optional));
}

void form_input_offer(json_t *form, struct engine *e, const struct recovery *r, const char *chosen)
{
    json_t *input = form_input(form, "offer", "select", "What do you offer?", chosen);
    json_put_new(input, "live", json_true());
    if (plan_possible(e, r))
        form_option(input, "plan", "Instalments: they pay all of it, in parts");
    form_option(input, "settle", "Settlement: they pay a part, the rest is written off");
    form_option(input, "credit", "Credit: they owe so much less");
}

/* Always empty: what was typed there is shown nowhere again. */
void form_input_code(json_t *form)
{
    form_input(form, "code", "text", "One-time code (the six digits your authenticator shows now)", "");
}

static void note_schedule(json_t *form, const struct recovery *r, const json_t *terms)
{
    AUTO_BUF out = BUF(WORDS_SIZE);
    if (words_schedule(&out, r, terms, r->due.currency, SCHEDULE_MOST))
        form_note(form, buf_text(&out));
}

/* "Inside policy: ...", and the schedule; or why there is none. */
static void note_bound(json_t *form, struct engine *e, const struct recovery *r, int count, int64_t first_ms)
{
    char why[300] = "";
    if (first_ms < e->now_ms - MS_DAY) {
        form_note(form, "Not allowed: the first date is in the past.");
        return;
    }
    json_auto_t *terms = plan_terms_make(e->policy, r, count, first_ms, zone_of(r));
    if (!terms) {
        form_note(form, "Not allowed: what is unpaid cannot be split like this.");
        return;
    }
    enum bound b = plan_bound(e, r, terms, why, sizeof why);
    static const char *const heads[] = {
        [BOUND_INSIDE] = "Inside policy", [BOUND_MANAGER] = "Needs a manager", [BOUND_REFUSED] = "Not allowed"};
    char closest[160], needs[300];
    bool closer = b != BOUND_INSIDE && plan_closest(e, r, terms, closest, sizeof closest);
    proposal_needs(e, r, VERB_PLAN, r->due, needs, sizeof needs);
    AUTO_STR takes = b == BOUND_MANAGER ? str_fmt(" It takes %s.", needs) : str_dup("");
    AUTO_STR line = str_fmt("%s: %s%s%s%s", heads[b], why, takes, closer ? " Closest terms that need no approval: " : "", closer ? closest : "");
    form_note(form, line);
    note_schedule(form, r, terms);
}

struct choice {
    int count;
    int64_t first_ms;
    const char *why;
};

/* What the person has chosen so far, over what the form begins with. */
static struct choice choice_of(const struct engine *e, const struct recovery *r, const json_t *values, int count,
                               int64_t first_ms)
{
    struct choice c = {.count = count, .first_ms = first_ms, .why = form_value(values, "why", "")};
    int chosen = parse_count(form_value(values, "instalments", ""));
    if (chosen > 0)
        c.count = chosen;
    if (form_value(values, "first", NULL) &&
        when_parse(&first_ms, form_value(values, "first", ""), zone_of(r), DUE_HOUR, e->now_ms, NULL) == 0)
        c.first_ms = first_ms;
    return c;
}

static json_t *plan_like(struct engine *e, const struct recovery *r, const char *form, const char *ref,
                         const char *title, const struct choice *c)
{
    json_t *f = form_new(form, ref, title, "Send");
    form_note_unpaid(f, e, r);
    note_bound(f, e, r, c->count, c->first_ms);
    if (str_eq(form, "plan"))
        form_input_offer(f, e, r, form);
    input_instalments(f, c->count);
    input_first(f, c->first_ms, zone_of(r));
    form_input_why(f, "Why? (required outside policy)", c->why, true);
    return f;
}

json_t *form_plan(struct engine *e, const struct recovery *r, const json_t *values)
{
    int64_t usual = when_business_hour(when_add_days(e->now_ms, FIRST_DAYS, zone_of(r)), DUE_HOUR, zone_of(r));
    struct choice c = choice_of(e, r, values, INSTALMENTS_USUAL, usual);
    AUTO_STR ref = form_ref_of_case(r);
    return plan_like(e, r, "plan", ref, "Offer terms", &c);
}

json_t *form_counter(struct engine *e, const struct recovery *r, const struct proposal *p, const json_t *values)
{
    if (p->verb != VERB_PLAN)
        return form_counter_amount(e, r, p, values);
    int asked = (int)json_i64(p->terms, "count", INSTALMENTS_USUAL);
    struct choice c = choice_of(e, r, values, asked > INSTALMENTS_LEAST ? asked - 1 : asked,
                                json_i64(p->terms, "first_ms", e->now_ms + FIRST_DAYS * MS_DAY));
    AUTO_STR ref = str_fmt("A-%lld@%lld", (long long)p->id, (long long)p->revision);
    AUTO_STR title = str_fmt("Counter A-%lld", (long long)p->id);
    json_t *f = plan_like(e, r, "counter", ref, title, &c);
    form_wants_code(f, e, p);
    return f;
}

json_t *form_hold(struct engine *e, const struct recovery *r)
{
    char day[WHEN_TEXT_SIZE];
    AUTO_STR ref = form_ref_of_case(r);
    struct hold *h = hold_of_case(e, r->id);
    int64_t from = h && h->end_ms > e->now_ms ? h->end_ms : e->now_ms;
    json_t *f = form_new("hold", ref, h ? "Extend the hold" : "Hold notices", "Hold");
    AUTO_BUF now = BUF(WORDS_SIZE);
    form_note_unpaid(f, e, r);
    if (words_hold(&now, e, r))
        form_note(f, buf_text(&now));
    form_note(
        f,
        "Notices and retries stop until then. Every hold has an end; before it, you are asked what should happen.");
    form_input(f, "until", "date", "Until when?",
               when_iso_day(day, when_add_days(from, HOLD_DAYS, zone_of(r)), zone_of(r)));
    form_input_why(f, "Why?", "", true);
    hold_free(h);
    return f;
}

json_t *form_promise(struct engine *e, const struct recovery *r)
{
    char day[WHEN_TEXT_SIZE], amount[MONEY_TEXT_SIZE];
    AUTO_STR ref = form_ref_of_case(r);
    int64_t usual = when_business_hour(when_add_days(e->now_ms, FIRST_DAYS, zone_of(r)), DUE_HOUR, zone_of(r));
    json_t *f = form_new("promise", ref, "Promise to pay", "Record");
    form_note_unpaid(f, e, r);
    form_input(f, "amount", "text", "How much will they pay?", money_decimal(amount, r->due));
    form_input(f, "by", "date", "By when?", when_iso_day(day, usual, zone_of(r)));
    return f;
}

json_t *form_reason(const char *form, const char *ref, const char *title, const char *label)
{
    json_t *f = form_new(form, ref, title, "Send");
    form_input_why(f, label, "", false);
    return f;
}

/* What is agreed to stands above the code, so that nobody types one for something they have not read. */
json_t *form_approve(struct engine *e, const struct recovery *r, const struct proposal *p)
{
    char name[WORDS_NAME], what[300];
    AUTO_STR ref = str_fmt("A-%lld@%lld", (long long)p->id, (long long)p->revision);
    AUTO_STR title = str_fmt("Approve A-%lld", (long long)p->id);
    json_t *f = form_new("approve", ref, title, "Approve");
    proposal_words(p, what, sizeof what);
    AUTO_BUF after = BUF(WORDS_SIZE);
    words_after_yes(&after, e, r, p);
    AUTO_STR line = str_fmt("%s: %s. %s", words_name(name, r), what, buf_text(&after));
    form_note(f, line);
    form_note(f, "An amount like this takes a one-time code beside the click.");
    form_input_code(f);
    form_input_why(f, "Why? (optional)", "", true);
    return f;
}

void form_wants_code(json_t *form, const struct engine *e, const struct proposal *p)
{
    if (step_up_wanted(e, p->amount))
        form_input_code(form);
}
