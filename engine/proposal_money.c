/* Giving money up, and moving billing's own next attempt: credit, write-off, settlement, deferral.
 *
 * Terms name each invoice with its amount (`parts`), because an approval is bound to what was shown: they are checked against what
 * is due and against the policy when they are asked, again when somebody approves, and again before billing is told. What is given
 * up cannot be had back, so it never runs without somebody's yes, by no timer and by no policy. A settlement waits, once it is
 * agreed, for the customer's payment (settlement.c). */
#include "engine/proposal_money.h"

#include <stdio.h>
#include <string.h>

#include "engine/effect.h"
#include "engine/hold.h"
#include "engine/plan.h"
#include "engine/proposal_internal.h"
#include "engine/readings.h"
#include "engine/settlement.h"
#include "engine/saga.h"
#include "engine/sm.h"
#include "engine/when.h"

bool verb_gives_up(enum verb v)
{
    return v == VERB_CREDIT || v == VERB_WRITE_OFF || v == VERB_SETTLE;
}

bool verb_has_parts(enum verb v)
{
    return verb_gives_up(v) || v == VERB_DEFER;
}

/* ---- terms ---- */

static const json_t *open_invoice(const struct recovery *r, const char *id)
{
    size_t i;
    json_t *invoice;
    json_array_foreach(r->invoices, i, invoice)
        if (str_eq(json_str(invoice, "id", ""), id))
            return invoice;
    return NULL;
}

static int64_t due_of(const struct recovery *r, const json_t *invoice)
{
    return str_eq(json_str(invoice, "currency", ""), r->due.currency) ? json_i64(invoice, "due", 0) : 0; /* others are never added */
}

static void part_add(json_t *parts, const json_t *invoice, int64_t amount)
{
    json_array_append_new(parts, json_pack("{s:s, s:s, s:I}", "invoice", json_str(invoice, "id", ""), "number",
                                           json_str(invoice, "number", json_str(invoice, "id", "")), "amount", (json_int_t)amount));
}

/* By its number or id, in any letter case; NULL when no open invoice is called so. */
static const json_t *invoice_named(const struct recovery *r, const char *name)
{
    size_t i;
    json_t *invoice;
    json_array_foreach(r->invoices, i, invoice)
        if (strcasecmp(json_str(invoice, "number", ""), name) == 0 || strcasecmp(json_str(invoice, "id", ""), name) == 0)
            return invoice;
    return NULL;
}

/* "INV-1 ($500.00), INV-2 ($20.00)" */
static const char *invoices_words(const struct recovery *r, char *out, size_t size)
{
    char text[MONEY_TEXT_SIZE];
    size_t i, at = 0;
    json_t *invoice;
    out[0] = '\0';
    json_array_foreach(r->invoices, i, invoice)
        if (at < size)
            at += (size_t)snprintf(out + at, size - at, "%s%s (%s)", i ? ", " : "", json_str(invoice, "number", json_str(invoice, "id", "")),
                                   money_text(text, money_of(json_i64(invoice, "due", 0), json_str(invoice, "currency", ""))));
    return out;
}

/* One invoice takes a credit: the one that is named, else the one that failed, else the first that is large enough. */
static int credit_terms(const struct recovery *r, struct money amount, const char *invoice, json_t **out, struct err *err)
{
    char list[400], text[MONEY_TEXT_SIZE];
    const json_t *of = invoice[0] ? invoice_named(r, invoice) : open_invoice(r, recovery_invoice(r));
    if (invoice[0] && !of)
        return err_set(err, ERR_NOT_FOUND, "\"%.60s\" is no open invoice of %s. Open are: %s.", invoice, r->name, invoices_words(r, list, sizeof list));
    for (size_t i = 0; !invoice[0] && due_of(r, of) < amount.minor && i < json_array_size(r->invoices); i++)
        of = json_array_get(r->invoices, i);
    if (due_of(r, of) < amount.minor)
        return err_set(err, ERR_INVALID, "No invoice has %s due; credit each by itself. Open are: %s.", money_text(text, amount), invoices_words(r, list, sizeof list));
    json_t *parts = json_array();
    part_add(parts, of, amount.minor);
    *out = json_pack("{s:o}", "parts", parts);
    return 0;
}

static json_t *parts_of_all(const struct recovery *r)
{
    json_t *parts = json_array(), *invoice;
    size_t i;
    json_array_foreach(r->invoices, i, invoice)
        if (due_of(r, invoice) > 0)
            part_add(parts, invoice, due_of(r, invoice));
    return parts;
}

/* A write-off gives up the whole rest of invoices: of all, or of the one that is named by its number or by exactly its amount. */
static int write_off_terms(const struct recovery *r, struct money amount, const char *invoice, json_t **out, struct err *err)
{
    char list[400], text[MONEY_TEXT_SIZE];
    const json_t *of = invoice[0] ? invoice_named(r, invoice) : NULL;
    bool all = !invoice[0] && (amount.minor == 0 || amount.minor == r->due.minor);
    for (size_t i = 0; !all && !invoice[0] && !of && i < json_array_size(r->invoices); i++)
        if (due_of(r, json_array_get(r->invoices, i)) == amount.minor)
            of = json_array_get(r->invoices, i);
    if (invoice[0] && !of)
        return err_set(err, ERR_NOT_FOUND, "\"%.60s\" is no open invoice of %s. Open are: %s.", invoice, r->name, invoices_words(r, list, sizeof list));
    if (!all && (!of || (amount.minor && amount.minor != due_of(r, of))))
        return err_set(err, ERR_INVALID, "A write-off gives up the whole rest of an invoice; %s is not that. For a part of it: credit. Open are: %s.",
                       money_text(text, amount), invoices_words(r, list, sizeof list));
    json_t *parts = all ? parts_of_all(r) : json_array();
    if (!all)
        part_add(parts, of, due_of(r, of));
    *out = json_pack("{s:o, s:b}", "parts", parts, "all", all);
    return 0;
}

static json_t *settle_terms(const struct recovery *r, int64_t pays, int64_t by_ms)
{
    return json_pack("{s:o, s:I, s:I, s:s}", "parts", parts_of_all(r), "pays", (json_int_t)pays, "by_ms", (json_int_t)by_ms, "zone",
                     facts_str(&r->facts, "account.timezone"));
}

static json_t *defer_terms(const struct recovery *r, int64_t until_ms)
{
    return json_pack("{s:o, s:I, s:s}", "parts", parts_of_all(r), "until_ms", (json_int_t)until_ms, "zone", facts_str(&r->facts, "account.timezone"));
}

int money_terms(const struct recovery *r, enum verb verb, struct money amount, const char *invoice, int64_t by_ms, json_t **out, struct err *err)
{
    if (verb == VERB_CREDIT && (amount.minor <= 0 || !str_eq(amount.currency, r->due.currency)))
        return err_set(err, ERR_INVALID, "A credit is an amount above zero in %s.", r->due.currency);
    if (verb == VERB_CREDIT)
        return credit_terms(r, amount, invoice, out, err);
    if (!str_eq(amount.currency, r->due.currency))
        return err_set(err, ERR_INVALID, "%s owes in %s; say the settlement in %s.", r->name, r->due.currency, r->due.currency);
    *out = settle_terms(r, amount.minor, by_ms);
    return 0;
}

int64_t money_parts_sum(const json_t *terms)
{
    int64_t sum = 0;
    size_t i;
    json_t *part;
    json_array_foreach(json_at(terms, "parts"), i, part)
        if (money_add(&sum, sum, json_i64(part, "amount", 0)) != 0)
            return INT64_MAX; /* no bound allows that */
    return sum;
}

struct money money_given_up(const struct recovery *r, enum verb verb, const json_t *terms)
{
    if (verb == VERB_DEFER)
        return r->due;
    bool paid = json_flag(terms, "ready", false); /* of a settlement: then its parts are the rest alone */
    return money_of(money_parts_sum(terms) - (verb == VERB_SETTLE && !paid ? json_i64(terms, "pays", 0) : 0), r->due.currency);
}

/* ---- bounds ---- */

static enum bound answer(enum bound b, char *why, size_t size, const char *text)
{
    str_copy(why, size, text);
    return b;
}

/* The customer has kept a settlement; only whose yes it takes can have changed. */
static enum bound rest_bound(const struct recovery *r, const json_t *terms, struct money rest, char *why, size_t size)
{
    char pays[MONEY_TEXT_SIZE], text[MONEY_TEXT_SIZE];
    bool fits = rest.minor > 0 && rest.minor <= r->due.minor;
    money_text(pays, money_of(json_i64(terms, "pays", 0), r->due.currency));
    AUTO_STR words = fits ? str_fmt("They have paid the %s that was agreed; giving up the rest, %s, still needs somebody's approval.", pays, money_text(text, rest))
                          : str_dup("Nothing is left of what was to be given up.");
    return answer(fits ? BOUND_MANAGER : BOUND_REFUSED, why, size, words);
}

enum bound money_bound(const struct engine *e, const struct recovery *r, enum verb verb, const json_t *terms, char *why, size_t size)
{
    struct money amount = money_given_up(r, verb, terms);
    if (verb == VERB_CREDIT)
        return policy_credit(e->policy, amount, r->due, why, size);
    if (verb == VERB_WRITE_OFF)
        return policy_write_off(e->policy, amount, r->due, why, size);
    if (verb == VERB_DEFER)
        return policy_defer(e->policy, json_i64(terms, "until_ms", 0), e->now_ms, json_str(terms, "zone", ""), why, size);
    if (json_flag(terms, "ready", false))
        return rest_bound(r, terms, amount, why, size);
    return policy_settle(e->policy, money_of(json_i64(terms, "pays", 0), r->due.currency), r->due, json_i64(terms, "by_ms", 0), e->now_ms,
                         json_str(terms, "zone", ""), why, size);
}

bool money_parts_fit(const struct recovery *r, const struct proposal *p, char *why, size_t size)
{
    char is[MONEY_TEXT_SIZE], was[MONEY_TEXT_SIZE];
    size_t i;
    json_t *part;
    json_array_foreach(json_at(p->terms, "parts"), i, part) {
        const json_t *invoice = open_invoice(r, json_str(part, "invoice", ""));
        int64_t due = due_of(r, invoice), amount = json_i64(part, "amount", 0);
        bool fits = p->verb == VERB_CREDIT ? due >= amount : p->verb == VERB_DEFER ? invoice != NULL : due == amount;
        if (fits)
            continue;
        if (!invoice)
            snprintf(why, size, "invoice %s is not open any more", json_str(part, "number", ""));
        else
            snprintf(why, size, "the amount due on invoice %s changed: it is %s now, and %s was asked", json_str(part, "number", ""),
                     money_text(is, money_of(due, r->due.currency)), money_text(was, money_of(amount, r->due.currency)));
        return false;
    }
    return true;
}

bool money_fits(const struct engine *e, const struct recovery *r, const struct proposal *p, char *why, size_t size)
{
    char bound[300];
    if (!str_eq(p->amount.currency, r->due.currency)) {
        snprintf(why, size, "what is due is in another currency now");
        return false;
    }
    if (!money_parts_fit(r, p, why, size))
        return false;
    if (p->verb == VERB_SETTLE && p->state == PROPOSAL_QUEUED) { /* the payment has come; the rest is at most what was approved */
        snprintf(why, size, "more is left than was approved to be written off");
        return money_parts_sum(p->terms) <= p->amount.minor;
    }
    if (money_bound(e, r, p->verb, p->terms, bound, sizeof bound) != BOUND_REFUSED)
        return true;
    snprintf(why, size, "the policy does not allow it any more: %s", bound);
    return false;
}

json_t *money_terms_again(const struct recovery *r, const struct proposal *p)
{
    if (p->verb == VERB_WRITE_OFF && json_flag(p->terms, "all", false))
        return json_pack("{s:o, s:b}", "parts", parts_of_all(r), "all", 1);
    if (p->verb == VERB_SETTLE && settle_ready(p))
        return settle_rest_terms(r, p);
    if (p->verb == VERB_SETTLE && json_i64(p->terms, "pays", 0) < r->due.minor)
        return settle_terms(r, json_i64(p->terms, "pays", 0), json_i64(p->terms, "by_ms", 0));
    if (p->verb == VERB_DEFER)
        return defer_terms(r, json_i64(p->terms, "until_ms", 0));
    return NULL; /* a credit, or a write-off of one invoice, was asked for that amount and no other */
}

int money_counter_terms(const struct recovery *r, const struct proposal *p, struct money amount, json_t **out, struct err *err)
{
    char asked[MONEY_TEXT_SIZE];
    struct money pays = money_of(json_i64(p->terms, "pays", 0), p->amount.currency);
    if (settle_ready(p))
        return err_set(err, ERR_INVALID, "They have paid what was agreed, so there is nothing to offer any more; approve or decline A-%lld.", (long long)p->id);
    if (!str_eq(amount.currency, p->amount.currency))
        return err_set(err, ERR_INVALID, "A-%lld is in %s, not in %s.", (long long)p->id, p->amount.currency, amount.currency);
    if (p->verb == VERB_CREDIT && (amount.minor <= 0 || amount.minor >= p->amount.minor))
        return err_set(err, ERR_INVALID, "A counter-offer is less than the %s that was asked. For that, approve it; for more, let it be asked anew.",
                       money_text(asked, p->amount));
    if (p->verb == VERB_SETTLE && (amount.minor <= pays.minor || amount.minor >= r->due.minor))
        return err_set(err, ERR_INVALID, "In a counter-offer they pay more than the %s that was asked, and less than all that is due.", money_text(asked, pays));
    *out = p->verb == VERB_CREDIT ? json_deep_copy(p->terms) : settle_terms(r, amount.minor, json_i64(p->terms, "by_ms", 0));
    if (p->verb == VERB_CREDIT)
        json_put_i64(json_array_get(json_at(*out, "parts"), 0), "amount", amount.minor);
    return 0;
}

json_t *money_arguments(const struct proposal *p, size_t part)
{
    const json_t *row = json_array_get(json_at(p->terms, "parts"), part);
    json_t *args = json_pack("{s:s}", "invoice", json_str(row, "invoice", ""));
    if (p->verb == VERB_DEFER) {
        json_put_i64(args, "until_ms", json_i64(p->terms, "until_ms", 0));
        json_put(args, "zone", json_str(p->terms, "zone", ""));
    } else {
        json_put_i64(args, "amount", json_i64(row, "amount", 0));
    }
    json_put(args, "reason", p->reason);
    return args;
}

/* ---- the end ---- */

size_t money_parts_done(struct engine *e, const struct proposal *p)
{
    return (size_t)store_i64(e->store, 0, "SELECT count(*) FROM effects WHERE proposal_id = ?1 AND proposal_id > 0 AND state = ?2", "ii", p->id, SM_ID(EFFECT_DONE));
}

void money_part_ended(struct engine *e, struct recovery *r, const struct proposal *p, size_t part)
{
    const json_t *row = json_array_get(json_at(p->terms, "parts"), part);
    if (verb_gives_up(p->verb) && r->state != RECOVERY_CLOSED)
        plan_lower(e, r, json_str(row, "invoice", ""), json_i64(row, "amount", 0));
}

/* Did it lower what is due after billing was last read, or is it about to? */
static bool is_recent(struct engine *e, const struct recovery *r, const struct proposal *p)
{
    if (p->state == PROPOSAL_CONFIRMED)
        return json_i64(p->terms, "done_ms", 0) >= r->read_ms;
    return p->state == PROPOSAL_EXECUTING || p->state == PROPOSAL_UNKNOWN || (p->state == PROPOSAL_QUEUED && proposal_by_hand(e, r, p));
}

const char *money_outcome(struct engine *e, const struct recovery *r)
{
    int64_t id = store_i64(e->store, 0, "SELECT id FROM proposals WHERE case_id = ?1 AND verb IN (?2, ?3, ?4) AND state IN (?5, ?6, ?7, ?8) ORDER BY id DESC LIMIT 1",
                           "iiiiiiii", r->id, SM_ID(VERB_CREDIT), SM_ID(VERB_WRITE_OFF), SM_ID(VERB_SETTLE), SM_ID(PROPOSAL_QUEUED), SM_ID(PROPOSAL_EXECUTING),
                           SM_ID(PROPOSAL_UNKNOWN), SM_ID(PROPOSAL_CONFIRMED));
    struct proposal *p = id ? proposal_load(e, id) : NULL;
    const char *outcome = NULL;
    if (p && is_recent(e, r, p) && money_parts_sum(p->terms) >= r->due.minor)
        outcome = p->verb == VERB_CREDIT ? "credited" : p->verb == VERB_SETTLE ? "settled" : "written off";
    proposal_free(p);
    return outcome;
}

/* ---- words ---- */

void money_words(const struct proposal *p, char *out, size_t size)
{
    char amount[MONEY_TEXT_SIZE], pays[MONEY_TEXT_SIZE], day[WHEN_TEXT_SIZE];
    const json_t *parts = json_at(p->terms, "parts");
    const char *number = json_str(json_array_get(parts, 0), "number", "");
    size_t n = json_array_size(parts);
    money_text(amount, p->amount);
    if (p->verb == VERB_CREDIT)
        snprintf(out, size, "credit %s on invoice %.60s", amount, number);
    else if (p->verb == VERB_WRITE_OFF && n > 1)
        snprintf(out, size, "write off %s, the rest of %zu invoices", amount, n);
    else if (p->verb == VERB_WRITE_OFF)
        snprintf(out, size, "write off %s, the rest of invoice %.60s", amount, number);
    else if (p->verb == VERB_SETTLE && settle_ready(p))
        snprintf(out, size, "settle: they have paid %s, and the rest, %s, is written off", money_text(pays, money_of(json_i64(p->terms, "pays", 0), p->amount.currency)), amount);
    else if (p->verb == VERB_SETTLE)
        snprintf(out, size, "settle: they pay %s by %s, then %s is written off", money_text(pays, money_of(json_i64(p->terms, "pays", 0), p->amount.currency)),
                 when_day(day, json_i64(p->terms, "by_ms", 0), json_str(p->terms, "zone", "")), amount);
    else if (n > 1)
        snprintf(out, size, "no attempt by billing on %zu invoices before %s", n, when_day(day, json_i64(p->terms, "until_ms", 0), json_str(p->terms, "zone", "")));
    else
        snprintf(out, size, "no attempt by billing on invoice %.60s before %s", number, when_day(day, json_i64(p->terms, "until_ms", 0), json_str(p->terms, "zone", "")));
}

/* ---- asking ---- */

int money_nothing_else_runs(struct engine *e, const struct recovery *r, struct err *err)
{
    int64_t other = store_i64(e->store, 0, "SELECT id FROM proposals WHERE case_id = ?1 AND is_live = 1 AND verb IN (?2, ?3, ?4) LIMIT 1", "iiii", r->id,
                              SM_ID(VERB_CREDIT), SM_ID(VERB_WRITE_OFF), SM_ID(VERB_SETTLE));
    if (other)
        return err_set(err, ERR_CONFLICT, "A-%lld is under way for %s already, and it is about money too. Withdraw it or wait for its end.", (long long)other, r->name);
    if (proposal_under_way(e, r->id, VERB_PLAN))
        return err_set(err, ERR_CONFLICT, "A plan for %s is on its way to billing. Wait until the card says that it is confirmed.", r->name);
    return 0;
}

/* The weakest of the billing systems that the terms concern decides: what one of them cannot do is not asked for, and what one of them
 * needs a hand for is a person's work as a whole. */
const char *money_capability(struct engine *e, const struct recovery *r, enum verb verb, const json_t *terms, const char **note)
{
    const char *weakest = "native";
    size_t i;
    json_t *part;
    *note = "";
    json_array_foreach(json_at(terms, "parts"), i, part) {
        const char *its = "", *how = e->world.capability(e->world.ctx, recovery_billed_of(r, json_str(part, "invoice", "")).biller, verb_op(verb), &its);
        if (i > 0 && !str_eq(how, "none") && (!str_eq(how, "manual") || str_eq(weakest, "none")))
            continue;
        weakest = how;
        *note = its;
    }
    return weakest;
}

static int billing_can(struct engine *e, const struct recovery *r, enum verb verb, const json_t *terms, struct err *err)
{
    struct carried parts[BILLERS_MOST];
    size_t n = saga_carried(e, r, verb, terms, parts), at = 0;
    while (at < n && !str_eq(parts[at].how, "none"))
        at++;
    if (at == n)
        return 0;
    const char *note = parts[at].note;
    return err_set(err, ERR_INVALID, "%s has no %s that Dunwell could use. %s", parts[at].at.biller, verb == VERB_CREDIT ? "credit" : verb == VERB_DEFER ? "way to move its next attempt" : "write-off",
                   note[0] ? note : "Do it there by hand; the account is read again when it changes.");
}

static int ask(struct engine *e, struct recovery *r, const struct actor *who, enum verb verb, json_t *take_terms, const char *reason, char *said, size_t size,
               struct err *err)
{
    char why[300];
    AUTO_JSON terms = take_terms;
    int rc = billing_can(e, r, verb, terms, err);
    if (rc != 0)
        return rc;
    enum bound bound = money_bound(e, r, verb, terms, why, sizeof why);
    if (bound == BOUND_REFUSED)
        return err_set(err, ERR_INVALID, "Not allowed: %s", why);
    return proposal_put(e, r, who,
                        &(struct draft){.verb = verb, .take_terms = json_incref(terms), .requester = who->person->key, .reason = reason, .bound = why,
                                        .amount = money_given_up(r, verb, terms)},
                        bound, said, size, err);
}

static int may_begin(struct engine *e, struct recovery *r, const struct actor *who, enum verb verb, struct err *err)
{
    int rc = proposal_may_ask(e, r, who, err);
    if (rc == 0)
        rc = verb == VERB_DEFER ? proposal_none_pending(e, r, verb, err) : money_nothing_else_runs(e, r, err);
    return rc;
}

int proposal_credit(struct engine *e, struct recovery *r, const struct actor *who, struct money amount, const char *invoice, const char *reason, char *said,
                    size_t size, struct err *err)
{
    json_t *terms = NULL;
    int rc = may_begin(e, r, who, VERB_CREDIT, err);
    if (rc == 0)
        rc = money_terms(r, VERB_CREDIT, amount, invoice, 0, &terms, err);
    return rc == 0 ? ask(e, r, who, VERB_CREDIT, terms, reason, said, size, err) : rc;
}

int proposal_write_off(struct engine *e, struct recovery *r, const struct actor *who, struct money amount, const char *invoice, const char *reason, char *said,
                       size_t size, struct err *err)
{
    json_t *terms = NULL;
    int rc = may_begin(e, r, who, VERB_WRITE_OFF, err);
    if (rc == 0)
        rc = write_off_terms(r, amount, invoice, &terms, err);
    return rc == 0 ? ask(e, r, who, VERB_WRITE_OFF, terms, reason, said, size, err) : rc;
}

int proposal_settlement(struct engine *e, struct recovery *r, const struct actor *who, struct money pays, int64_t by_ms, const char *reason, char *said, size_t size,
                    struct err *err)
{
    json_t *terms = NULL;
    int rc = may_begin(e, r, who, VERB_SETTLE, err);
    if (rc == 0)
        rc = money_terms(r, VERB_SETTLE, pays, "", by_ms, &terms, err);
    return rc == 0 ? ask(e, r, who, VERB_SETTLE, terms, reason, said, size, err) : rc;
}

int proposal_defer(struct engine *e, struct recovery *r, const struct actor *who, int64_t until_ms, const char *reason, char *said, size_t size, struct err *err)
{
    int rc = may_begin(e, r, who, VERB_DEFER, err);
    struct hold *h = hold_of_case(e, r->id);
    if (rc == 0 && hold_counts(h)) /* nothing is tried under a hold: its end is what there is to move */
        rc = err_set(err, ERR_CONFLICT, "Billing tries nothing for %s: it is on hold. To move the end of that: hold %s until <date>", r->name, r->account);
    hold_free(h);
    return rc == 0 ? ask(e, r, who, VERB_DEFER, defer_terms(r, until_ms), reason, said, size, err) : rc;
}
