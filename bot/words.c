/* How Dunwell speaks about money, holds, plans and requests.
 *
 * A card and a status answer about the same case must not differ, so each sentence is made here once, from the
 * state itself: what is waiting is called waiting, what nobody knows is called unknown, and "confirmed" is only
 * said of what billing has confirmed. Names and reasons come from outside and are flattened to one line; the chat
 * driver escapes the rest. */
#include "bot/words.h"

#include <string.h>

#include "engine/by_hand.h"
#include "engine/chargeback.h"
#include "engine/link_mail.h"
#include "engine/receipt.h"
#include "engine/saga.h"
#include "engine/settlement.h"
#include "engine/when.h"

enum { PLAN_ROWS = 36 };

const char *words_plain(char *out, size_t size, const char *text)
{
    str_copy(out, size, text ? text : "");
    for (char *p = out; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            *p = ' ';
        if (*p == '{' && (strncmp(p, "{ms:", 4) == 0 || strncmp(p, "{ago:", 5) == 0))
            *p = '(';
    }
    return out;
}

const char *words_person(const struct engine *e, const char *key)
{
    const struct person *p = key && key[0] ? people_by_key(e->people, key) : NULL;
    return p ? p->name : key && key[0] ? key : "nobody";
}

const char *words_name(char out[WORDS_NAME], const struct recovery *r)
{
    words_plain(out, WORDS_NAME, r->name && r->name[0] ? r->name : r->account);
    return out;
}

void words_source(struct buf *out, const struct engine *e, const struct recovery *r, const char *fact)
{
    char age[WHEN_TEXT_SIZE];
    int64_t as_of = facts_as_of(&r->facts, fact);
    if (as_of <= 0) {
        buf_adds(out, "not read yet");
        return;
    }
    buf_addf(out, "%s, %s%s", facts_source(&r->facts, fact), when_ago(age, e->now_ms - as_of),
             fact_stale(&r->facts, fact, e->now_ms) ? ", stale" : "");
}

/* Those whose amounts are added. */
static size_t main_invoices(const struct recovery *r)
{
    size_t i, n = 0;
    json_t *invoice;
    json_array_foreach(r->invoices, i, invoice)
        n += str_eq(json_str(invoice, "currency", r->due.currency), r->due.currency);
    return n;
}

void words_unpaid(struct buf *out, const struct recovery *r)
{
    char due[MONEY_TEXT_SIZE];
    size_t n = json_array_size(r->invoices);
    if (r->read_ms == 0)
        buf_adds(out, "unpaid amount not read yet");
    else if (n == 0)
        buf_adds(out, "nothing unpaid");
    else
        buf_addf(out, "%s unpaid on %zu invoice%s", money_text(due, r->due), main_invoices(r), main_invoices(r) == 1 ? "" : "s");
    if (n > main_invoices(r))
        words_other_currencies(out, r);
}

/* The networks' names as they are written. */
static const char *brand_words(const char *brand)
{
    static const char *const names[][2] = {{"visa", "Visa"},         {"mastercard", "Mastercard"},
                                           {"amex", "American Express"}, {"discover", "Discover"},
                                           {"diners", "Diners Club"}, {"jcb", "JCB"},
                                           {"unionpay", "UnionPay"}, {"sepa_debit", "SEPA debit account"},
                                           {"us_bank_account", "bank account"}};
    for (size_t i = 0; i < DW_ARRAY_LEN(names); i++)
        if (str_eq(names[i][0], brand))
            return names[i][1];
    return brand;
}

/* What a class of decline means for whoever reads it. */
static const char *class_words(const char *class)
{
    switch (class[0]) {
    case 'H': return "hard: this card will not work again";
    case 'N': return "the customer has to give new card details";
    case 'A': return "the customer has to confirm it with the bank";
    case 'S': return "soft: it may work later";
    case 'M': return "something on our side of the payment";
    default: return "";
    }
}

bool words_decline(struct buf *out, const struct recovery *r)
{
    char code[WORDS_NAME];
    const char *raw = facts_str(&r->facts, "payment.decline_code");
    int64_t attempts = facts_i64(&r->facts, "invoice.attempts", 0);
    if (!raw[0])
        raw = facts_str(&r->facts, "payment.text");
    if (!raw[0])
        return false;
    words_plain(code, sizeof code, raw);
    for (char *p = code; *p; p++)
        *p = *p == '_' ? ' ' : *p;
    buf_addf(out, "The last payment failed: %s", code);
    const char *meaning = class_words(facts_str(&r->facts, "payment.class"));
    if (meaning[0])
        buf_addf(out, " (%s)", meaning);
    if (facts_str(&r->facts, "method.last4")[0])
        buf_addf(out, ", %s ending in %s", brand_words(facts_str(&r->facts, "method.brand")),
                 facts_str(&r->facts, "method.last4"));
    if (attempts > 0)
        buf_addf(out, ", %lld attempt%s so far", (long long)attempts, attempts == 1 ? "" : "s");
    return true;
}

/* Did a call that starts, moves or ends the hold leave without an answer that anybody could believe? */
static bool hold_unknown(struct engine *e, int64_t case_id)
{
    return store_i64(
               e->store, 0,
               "SELECT COUNT(*) FROM proposals WHERE case_id = ?1 AND is_live = 1 AND state = ?2 AND verb IN (?3, ?4, ?5)",
               "iiiii", case_id, (int64_t)PROPOSAL_UNKNOWN, (int64_t)VERB_HOLD, (int64_t)VERB_EXTEND,
               (int64_t)VERB_RELEASE) > 0;
}

/* What billing itself calls the hold; "" before it has confirmed one. New string. */
static char *hold_vendor_id(struct engine *e, int64_t case_id)
{
    struct query *q = store_query(
        e->store,
        "SELECT vendor_id FROM proposals WHERE case_id = ?1 AND state = ?2 AND verb IN (?3, ?4) ORDER BY id DESC LIMIT 1",
        "iiii", case_id, (int64_t)PROPOSAL_CONFIRMED, (int64_t)VERB_HOLD, (int64_t)VERB_EXTEND);
    char *id = str_dup(query_next(q) ? query_text(q, 0) : "");
    query_end(q);
    return id;
}

bool words_hold(struct buf *out, struct engine *e, const struct recovery *r)
{
    struct hold *h = hold_of_case(e, r->id);
    if (!h)
        return false;
    long long id = (long long)h->id, end = (long long)h->end_ms;
    AUTO_STR vendor = hold_vendor_id(e, r->id);
    const char *then = r->next_ms == h->end_ms ? "" /* what happens then is the next step, and is said there */
                       : str_eq(h->at_end, "queue") ? ". Then a collector takes over"
                                                    : ". Then notices and retries resume";
    json_auto_t *terms = json_pack("{s:O, s:O}", "invoices", h->invoices, "prior", h->prior);
    AUTO_STR where = saga_names(r, terms);
    AUTO_BUF done = BUF(WORDS_SIZE);
    words_hold_at(&done, e, r, h);
    if (hold_unknown(e, r->id))
        buf_addf(out, "H-%lld: unknown, reconciling. Billing is read back at %s before anything else is done", id, where);
    else if (h->state == HOLD_ACTIVE)
        buf_addf(out, "On hold until {ms:%lld} ({ago:%lld}), %s (H-%lld%s%s)%s", end, end,
                 buf_text(&done), id, vendor[0] ? ", " : "", vendor, then);
    else if (h->state == HOLD_RELEASING)
        buf_addf(out, "H-%lld is being ended at %s", id, where);
    else
        buf_addf(out, "A hold until {ms:%lld} is being set up at %s, not confirmed yet (H-%lld)", end, where, id);
    hold_free(h);
    return true;
}

/* The countdown stands right behind its moment, or at the end of the first sentence, which is what it is about. */
void words_next(struct buf *out, const struct recovery *r)
{
    const char *step = r->next_step && r->next_step[0] ? r->next_step : "nothing is planned";
    const char *moment = strstr(step, "{ms:"), *rest = moment ? strchr(moment, '}') : strstr(step, ". ");
    rest = !rest ? step + strlen(step) : moment ? rest + 1 : rest;
    buf_add(out, step, (size_t)(rest - step));
    if (r->next_ms > 0 && r->next_step && !moment)
        buf_addf(out, " on {ms:%lld}", (long long)r->next_ms);
    if (r->next_ms > 0)
        buf_addf(out, " ({ago:%lld})", (long long)r->next_ms);
    buf_adds(out, rest);
}

static void words_decided(struct buf *out, const struct engine *e, const struct proposal *p, const char *what)
{
    char reason[512];
    buf_addf(out, "%s by %s", what, words_person(e, p->decider));
    if (p->right && p->right[0])
        buf_addf(out, " (%s)", p->right);
    if (p->decided_ms > 0)
        buf_addf(out, " on {ms:%lld}", (long long)p->decided_ms);
    if (p->decision_reason && p->decision_reason[0])
        buf_addf(out, ": %s", words_plain(reason, sizeof reason, p->decision_reason));
}

static void words_outcome(struct buf *out, const struct proposal *p, const char *what)
{
    char why[512];
    buf_adds(out, what);
    if (p->outcome && p->outcome[0])
        buf_addf(out, ": %s", words_plain(why, sizeof why, p->outcome));
}

/* The machines' part and the people's, and how to end it. */
static void words_hands(struct buf *out, const struct engine *e, const struct proposal *p)
{
    AUTO_BUF done = BUF(WORDS_SIZE);
    AUTO_BUF hands = BUF(WORDS_SIZE);
    char plain[WORDS_SIZE];
    if (saga_done_places(&done, e, p))
        buf_addf(out, "confirmed by %s; ", buf_text(&done));
    by_hand_words(&hands, p);
    buf_adds(out, words_plain(plain, sizeof plain, buf_text(&hands)));
}

/* That billing has made a link is not yet that the customer got it. */
static void words_link(struct buf *out, const struct engine *e, const struct proposal *p)
{
    char why[200], plain[320];
    switch (link_mail_state(e, p, why, sizeof why)) {
    case LINK_MAIL_NONE: buf_adds(out, "to be sent by hand"); break;
    case LINK_MAIL_UNDER_WAY: buf_adds(out, "the mail is on its way"); break;
    case LINK_MAIL_SENT: buf_adds(out, "mailed"); break;
    case LINK_MAIL_FAILED: buf_addf(out, "not delivered: %s", words_plain(plain, sizeof plain, why)); break;
    }
}

static void words_confirmed(struct buf *out, const struct engine *e, const struct proposal *p)
{
    if (p->outcome && str_eq(p->outcome, "by hand"))
        buf_adds(out, "done by hand");
    else if (p->verb == VERB_LINK)
        words_link(out, e, p);
    else
        buf_adds(out, "confirmed");
}

void words_state(struct buf *out, const struct engine *e, const struct proposal *p)
{
    char plain[512];
    switch (p->state) {
    case PROPOSAL_DRAFTED: buf_adds(out, "being prepared"); break;
    case PROPOSAL_SHADOW: buf_adds(out, "SHADOW: recorded only, nothing is executed"); break;
    case PROPOSAL_ASKED: buf_adds(out, "waiting for approval"); break;
    case PROPOSAL_DECLINED: words_decided(out, e, p, "declined"); break;
    case PROPOSAL_COUNTERED: words_decided(out, e, p, p->outcome && p->outcome[0] ? p->outcome : "countered"); break;
    case PROPOSAL_PARKED:
        buf_adds(out, "expired and parked: nobody decided in time, and nothing was changed. If it is still wanted: ");
        buf_addf(out, "reopen A-%lld", (long long)p->id);
        break;
    case PROPOSAL_VOIDED: words_outcome(out, p, p->verb == VERB_SETTLE && p->decider[0] && !settle_ready(p) ? "broken" : "void, the facts have changed"); break;
    case PROPOSAL_WITHDRAWN: words_outcome(out, p, by_hand_has(p) ? "withdrawn" : "withdrawn, nothing was changed"); break;
    case PROPOSAL_QUEUED:
        if (proposal_undoable(e, p))
            buf_addf(out, "runs {ago:%lld}; until then \"undo A-%lld\" takes it back", (long long)p->expires_ms, (long long)p->id);
        else if (p->outcome[0]) /* a person's work */
            buf_addf(out, "%s", words_plain(plain, sizeof plain, p->outcome));
        else
            buf_adds(out, "queued, not executed yet");
        break;
    case PROPOSAL_EXECUTING:
        if (by_hand_open(p, NULL))
            words_hands(out, e, p);
        else
            buf_adds(out, "executing");
        break;
    case PROPOSAL_UNKNOWN: words_outcome(out, p, "unknown, reconciling"); break;
    case PROPOSAL_CONFIRMED: words_confirmed(out, e, p); break;
    case PROPOSAL_FAILED: words_outcome(out, p, "failed"); break;
    }
    if (p->state == PROPOSAL_CONFIRMED && p->vendor_id && p->vendor_id[0])
        buf_addf(out, " (%s)", p->vendor_id);
}

void words_proposal(struct buf *out, const struct engine *e, const struct proposal *p)
{
    char what[256];
    proposal_words(p, what, sizeof what);
    if (!str_eq(p->requester, "policy")) /* only what a person asked for has a number that people use */
        buf_addf(out, "A-%lld, ", (long long)p->id);
    buf_addf(out, "%s: ", what);
    words_state(out, e, p);
    if (p->state == PROPOSAL_ASKED)
        buf_addf(out, ", asked by %s, open until {ms:%lld}", words_person(e, p->requester), (long long)p->expires_ms);
}

void words_receipt(struct buf *out, struct engine *e, const struct proposal *p)
{
    char id[RECEIPT_SIZE];
    AUTO_STR ref = str_fmt("A-%lld", (long long)p->id);
    if (receipt_of(e, ref, id)[0])
        buf_addf(out, ". Receipt %s", id);
}

bool words_plan(struct buf *out, struct engine *e, const struct recovery *r)
{
    struct instalment rows[PLAN_ROWS];
    char amount[MONEY_TEXT_SIZE];
    size_t n = plan_of_case(e, r->id, rows, PLAN_ROWS), paid = 0;
    const struct instalment *next = NULL;
    for (size_t i = 0; i < n; i++) {
        paid += str_eq(rows[i].state, "paid");
        if (!next && !str_eq(rows[i].state, "paid") && !str_eq(rows[i].state, "cancelled"))
            next = &rows[i];
    }
    if (n == 0)
        return false;
    buf_addf(out, "Plan: %zu of %zu instalments paid", paid, n);
    if (next && str_eq(next->state, "waiting"))
        buf_addf(out, ", next %s on {ms:%lld}", money_text(amount, next->amount), (long long)next->due_ms);
    else if (next)
        buf_addf(out, ", instalment %d of %s: %s", next->n, money_text(amount, next->amount),
                 str_eq(next->state, "unknown") ? "unknown, reconciling" : next->state);
    return true;
}

bool words_promise(struct buf *out, struct engine *e, const struct recovery *r)
{
    char amount[MONEY_TEXT_SIZE];
    struct query *q = store_query(
        e->store,
        "SELECT amount, currency, date_ms, person, state FROM promises WHERE case_id = ?1 ORDER BY id DESC "
        "LIMIT 1",
        "i", r->id);
    if (!query_next(q))
        return false;
    struct money m = money_of(query_i64(q, 0), query_text(q, 1));
    buf_addf(out, "Promised: %s by {ms:%lld} (%s, noted by %s)", money_text(amount, m), (long long)query_i64(q, 2),
             query_text(q, 4), words_person(e, query_text(q, 3)));
    query_end(q);
    return true;
}

bool words_chargebacks(struct buf *out, struct engine *e, const struct recovery *r)
{
    struct chargeback list[CHARGEBACKS_SHOWN];
    size_t n = chargebacks_of(e, r, list);
    for (size_t i = 0; i < n; i++) {
        char plain[300];
        buf_addf(out, "%s as of {ms:%lld}: %s", i ? "\n-" : n > 1 ? "At the bank:\n-" : "At the bank,", (long long)list[i].at_ms,
                 words_plain(plain, sizeof plain, list[i].words));
    }
    chargebacks_free(list, n);
    return n > 0;
}

bool case_unknown(struct engine *e, int64_t case_id)
{
    return store_i64(e->store, 0, "SELECT COUNT(*) FROM proposals WHERE case_id = ?1 AND is_live = 1 AND state = ?2",
                     "ii", case_id, (int64_t)PROPOSAL_UNKNOWN) > 0;
}
