/* Payments that a customer's bank takes back. While that is open, whoever is dunned for something else by a machine is lost as a customer
 * and wins at the bank: so the case is disputed, as if a person had said so. The end is what many forget: a case that was disputed for
 * this alone goes on. Won, or only asked about, the policy decides anew on what billing says then; lost, a person does, for what was
 * taken back is not asked for again by itself. What a person wrote down as disputed is never ended here: that is theirs to settle. */
#include "engine/chargeback.h"

#include "engine/hold.h"
#include "engine/journal.h"

#define BECAUSE "a payment is disputed at the bank"

static const char *const states[] = {"open", "won", "lost", "dropped"};

static const char *state_known(const char *state)
{
    for (size_t i = 0; i < DW_ARRAY_LEN(states); i++)
        if (str_eq(states[i], state))
            return states[i];
    return "open";
}

/* New. */
static char *words_of(const char *state, struct money amount, const char *payment)
{
    char text[MONEY_TEXT_SIZE];
    money_text(text, amount);
    if (str_eq(state, "won"))
        return str_fmt("the customer's bank has decided for us: the payment of %s (%.80s) stays with us", text, payment);
    if (str_eq(state, "lost"))
        return str_fmt("the customer's bank has decided for the customer: the payment of %s (%.80s) is taken back for good", text, payment);
    if (str_eq(state, "dropped"))
        return str_fmt("the customer's bank asks no more about the payment of %s (%.80s): nothing is taken back", text, payment);
    return str_fmt("a payment of %s is disputed at the customer's bank (%.80s)", text, payment);
}

/* ---- the case ---- */

static void write_down(struct engine *e, const struct recovery *r, const struct actor *billing, const char *verb, const char *what)
{
    AUTO_STR ref = str_fmt("N-%lld", (long long)r->id);
    journal_add(e, billing, verb, r->id, r->account, ref, NULL, "%s says that %s", billing->name, what);
}

static void begins(struct engine *e, struct recovery *r, const struct actor *billing, const char *what)
{
    write_down(e, r, billing, "dispute", what);
    if (r->state == RECOVERY_DISPUTED)
        return;
    AUTO_STR now = str_fmt("Somebody settles with the customer that %s, and answers it at %s", what, billing->name);
    recovery_dispute_begin(e, r, billing, BECAUSE, now);
}

/* Another payment that is still disputed, or something that a person wrote down. */
static bool other_dispute(struct engine *e, const struct recovery *r)
{
    return store_i64(e->store, 0, "SELECT count(*) FROM chargebacks WHERE account = ?1 AND state = 'open'", "t", r->account) > 0 ||
           store_i64(e->store, 0,
                     "SELECT count(*) FROM journal WHERE account = ?1 AND case_id = ?2 AND verb = 'dispute' AND actor NOT IN "
                     "(SELECT biller FROM chargebacks WHERE account = ?1)",
                     "ti", r->account, r->id) > 0;
}

/* 0: nothing is held. */
static int64_t held_until(struct engine *e, const struct recovery *r)
{
    struct hold *h = hold_of_case(e, r->id);
    int64_t end = hold_counts(h) ? h->end_ms : 0;
    hold_free(h);
    return end;
}

static void another_goes_on(struct engine *e, struct recovery *r, const struct actor *billing)
{
    int64_t end = held_until(e, r);
    AUTO_STR quiet = end ? str_fmt("; no notice and no retry runs until {ms:%lld}", (long long)end) : str_dup("");
    AUTO_STR next = str_fmt("Somebody settles with the customer what else is disputed%s", quiet);
    recovery_move(e, r, billing, RECOVERY_DISPUTED, next, end);
}

static void goes_to_a_person(struct engine *e, struct recovery *r, const struct actor *billing, struct money amount, const char *payment)
{
    char text[MONEY_TEXT_SIZE];
    int64_t end = held_until(e, r);
    AUTO_STR rest = end ? str_fmt(". Notices and retries of what is open resume by themselves on {ms:%lld}", (long long)end) : str_dup("");
    AUTO_STR next = str_fmt("Somebody agrees with the customer how the %s that the bank took back (%.80s) is paid; %s does not ask for it again by itself%s",
                            money_text(text, amount), payment, billing->name, rest);
    recovery_move(e, r, billing, end ? RECOVERY_HELD : RECOVERY_QUEUED, next, end);
}

/* Without its rule, so that the policy decides even if billing cannot be read at once. */
static void goes_on_by_policy(struct engine *e, struct recovery *r, const struct actor *billing)
{
    free(r->rule);
    r->rule = str_dup("");
    recovery_move(e, r, billing, RECOVERY_READING, "The dispute at the bank is over: billing is read, and the policy says what is next", 0);
}

static void ends(struct engine *e, struct recovery *r, const struct actor *billing, const char *state, struct money amount, const char *payment)
{
    AUTO_STR what = words_of(state, amount, payment);
    write_down(e, r, billing, "dispute.over", what);
    engine_dirty(e, r->id);
    if (r->state != RECOVERY_DISPUTED)
        return;
    if (other_dispute(e, r))
        another_goes_on(e, r, billing);
    else if (str_eq(state, "lost"))
        goes_to_a_person(e, r, billing, amount, payment);
    else
        goes_on_by_policy(e, r, billing);
}

/* ---- what billing says ---- */

void chargeback_read(struct engine *e, const char *biller, const char *customer, const json_t *disputed)
{
    const struct actor billing = {.name = biller};
    const struct account *a = book_by_billing(e->book, biller, customer);
    const char *payment = json_str(disputed, "payment", ""), *state = state_known(json_str(disputed, "state", ""));
    struct money amount = money_of(json_i64(disputed, "amount", 0), json_str(disputed, "currency", ""));
    AUTO_STR key = a ? str_dup(a->key) : str_fmt("%s:%s", biller, customer);
    int64_t news = store_run(e->store,
                             "INSERT INTO chargebacks (biller, payment, account, amount, currency, state, at_ms) VALUES (?1,?2,?3,?4,?5,?6,?7) "
                             "ON CONFLICT (biller, payment) DO UPDATE SET account = excluded.account, amount = excluded.amount, "
                             "currency = excluded.currency, state = excluded.state, at_ms = excluded.at_ms WHERE state <> excluded.state",
                             "tttitti", biller, payment, key, amount.minor, amount.currency, state, e->now_ms);
    if (news != 1)
        return;
    AUTO_STR what = words_of(state, amount, payment);
    note_add(e, &billing, key, what);
    struct recovery *r = recovery_open_for(e, key);
    if (r && str_eq(state, "open"))
        begins(e, r, &billing, what);
    else if (r)
        ends(e, r, &billing, state, amount, payment);
    recovery_free(r);
}

void chargeback_hold_over(struct engine *e, struct recovery *r)
{
    struct hold *h = hold_of_case(e, r->id);
    bool over = hold_counts(h) && str_eq(h->reason, BECAUSE);
    hold_free(h);
    if (over)
        hold_release(e, r, "the dispute at the bank is over");
}

/* ---- for people ---- */

size_t chargebacks_of(struct engine *e, const struct recovery *r, struct chargeback out[CHARGEBACKS_SHOWN])
{
    size_t n = 0;
    struct query *q = store_query(e->store,
                                  "SELECT payment, state, at_ms, amount, currency FROM chargebacks WHERE account = ?1 AND (state = 'open' OR at_ms >= ?2) "
                                  "ORDER BY at_ms DESC LIMIT ?3",
                                  "tii", r->account, r->opened_ms, (int64_t)CHARGEBACKS_SHOWN);
    while (query_next(q)) {
        struct chargeback *c = &out[n++];
        *c = (struct chargeback){.at_ms = query_i64(q, 2)};
        str_copy(c->payment, sizeof c->payment, query_text(q, 0));
        str_copy(c->state, sizeof c->state, query_text(q, 1));
        c->words = words_of(c->state, money_of(query_i64(q, 3), query_text(q, 4)), query_text(q, 0));
    }
    return n;
}

void chargebacks_free(struct chargeback *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(list[i].words);
}
