/* Money that is given up: refused beyond the policy, never without somebody's yes, checked when it is asked, approved and done, done
 * once for each invoice, and the case closed for what it was. Northwind owes $48,200.00; Acme Corp $1,200.00 and is not on hold. */
#include "engine/proposal_money.h"
#include "tests/unit/cases.h"

static void says(struct office *o, const char *user, const char *text, const char *answer)
{
    AUTO_STR said = office_say(o, user, text);
    assert_says(said, answer);
}

/* The n-th call of a proposal as it left; NULL when there is none. New. */
static json_t *effect_args(struct office *o, const char *key)
{
    struct query *q = store_query(o->store, "SELECT op, args FROM effects WHERE dedupe = ?1", "t", key);
    if (!query_next(q))
        return NULL;
    json_t *args = query_json(q, 1);
    json_put(args, "op", query_text(q, 0));
    query_end(q);
    return args;
}

static void second_invoice(struct office *o, int customer, int64_t due)
{
    json_t *list = json_at(o->read[customer - 1], "invoices"), *copy = json_deep_copy(json_array_get(list, 0));
    json_put(copy, "id", "in_second");
    json_put(copy, "number", "2002");
    json_put_i64(copy, "due", due);
    json_array_append_new(list, copy);
}

static void due_becomes(struct office *o, int customer, size_t n, int64_t due, const char *status)
{
    json_t *invoice = json_array_get(json_at(o->read[customer - 1], "invoices"), n);
    json_put_i64(invoice, "due", due);
    json_put(invoice, "status", status);
}

static void asking_is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *user, *text, *answer;
    } asked[] = {
        {"U0AE1", "credit northwind 500", "Add the reason"},
        {"U0AE1", "credit northwind 500 why downtime", "Asked for approval: A-"},
        {"U0AE1", "credit northwind 5001 why downtime", "Not allowed: $5,001.00 is more than the most that may be approved, $5,000.00"},
        {"U0AE2", "credit acme-corp 241 why downtime", "$240.00, 20 percent of what is due"},
        {"U0AE2", "credit acme-corp 240 why downtime", "Asked for approval"},
        {"U0AE2", "credit acme-corp why downtime", "How much?"},
        {"U0AE2", "credit acme-corp 1201 why downtime", "more than what is unpaid"},
        {"U0AE2", "credit acme-corp 10 eur why downtime", "is in USD, not in EUR"},
        {"U0AE2", "credit acme-corp 100 invoice 77 why downtime", "no open invoice of Acme Corp. Open are: 1002 ($1,200.00)"},
        {"U0AE1", "credit acme-corp 100 why downtime", "This is for the account's AE"},
        {"U0OP1", "credit acme-corp 100 why downtime", "is for these roles"},
        {"U0AE2", "writeoff acme-corp 100 why bankrupt", "gives up the whole rest of an invoice"},
        {"U0AE2", "writeoff acme-corp all why bankrupt", "write off $1,200.00, the rest of invoice 1002"},
        {"U0AE2", "writeoff acme-corp invoice 1002 why bankrupt", "write off $1,200.00"},
        {"U0AE2", "writeoff acme-corp 1200 why bankrupt", "write off $1,200.00"},
        {"U0AE2", "settle acme-corp 599 by 2027-01-15 why closing", "Not allowed: $599.00 is less than the least the customer must pay, $600.00 (50 percent"},
        {"U0AE2", "settle acme-corp 1200 by 2027-01-15 why closing", "less than what is due"},
        {"U0AE2", "settle acme-corp 600 by 2027-03-15 why closing", "Not allowed: 15 Mar 2027 is more than 60 days away"},
        {"U0AE2", "settle acme-corp 600 by 2027-01-15 why closing", "they pay $600.00 by 15 Jan 2027, then $600.00 is written off"},
        {"U0AE2", "defer acme-corp until 2026-12-28", "it is on hold"},
        {"U0COL1", "defer acme-east until 2027-01-31 why vacation", "by 30 days, to 22 Jan 2027 at most"},
        {"U0COL1", "defer acme-east until 2027-01-20", "Add the reason"},
        {"U0COL1", "defer acme-east until 2027-01-20 why vacation", "Asked for approval"},
        {"U0COL1", "defer acme-east until 2026-12-28", "Inside policy, so it runs now"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(asked); i++) {
        struct office o;
        office_open(&o, false);
        for (int customer = 1; customer <= 3; customer++)
            office_event_of(&o, customer);
        says(&o, asked[i].user, asked[i].text, asked[i].answer);
        bool runs = strstr(asked[i].answer, "runs now") != NULL;
        assert_int_equal(office_i64(&o, "SELECT count(*) FROM effects WHERE op IN ('credit', 'write_off', 'defer')"), runs);
        office_close(&o);
    }
}

static void what_the_policy_does_not_name_is_not_allowed(void **state)
{
    (void)state;
    static const struct {
        const char *key, *text, *answer;
    } absent[] = {
        {"credits: {manager: {USD: 5000}, share: 20}\n", "credit acme-corp 10 why x", "no credits. An operator allows them with \"credits: "},
        {"write_offs: {manager: {USD: 50000}}\n", "writeoff acme-corp why x", "no write-offs. An operator allows them with \"write_offs: "},
        {"settlements: {at_least_share: 50, within_days: 60}\n", "settle acme-corp 600 by 2027-01-15 why x", "no settlements. An operator allows"},
        {"defers: {inside: {days: 7}, manager: {days: 30}}\n", "defer acme-east until 2026-12-28", "no deferrals. An operator allows"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(absent); i++) {
        struct office o;
        office_open(&o, false);
        struct policy *before = office_policy_with(&o, absent[i].key, "");
        office_event_of(&o, 2);
        office_event_of(&o, 3);
        says(&o, "U0COL1", absent[i].text, absent[i].answer);
        office_policy_back(&o, before);
        office_close(&o);
    }
}

static const char *biller_without(void *ctx, const char *biller, const char *op, const char **note)
{
    (void)ctx;
    (void)biller;
    *note = "Credit it in the dashboard.";
    return str_eq(op, "credit") ? "manual" : str_eq(op, "write_off") ? "none" : "native";
}

static void what_billing_cannot_do_is_refused_or_a_persons_work(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    o.e.world.capability = biller_without;
    office_event_of(&o, 2);
    says(&o, "U0AE2", "writeoff acme-corp why x", "Stripe has no write-off that Dunwell could use. Credit it in the dashboard.");
    says(&o, "U0AE2", "settle acme-corp 600 by 2027-01-15 why x", "Stripe has no write-off");
    says(&o, "U0AE2", "credit acme-corp 100 why x", "Asked for approval");
    int64_t id = office_last(&o);
    assert_int_equal(office_approve(&o, "manager1", id, 0).rc, 0);
    office_turn(&o, NULL, NULL);
    assert_int_equal(office_state(&o, id), PROPOSAL_QUEUED);
    AUTO_STR waits = str_fmt("A-%lld Acme Corp, Otto Executive, for 4 h: by hand: Credit it in the dashboard. When it is done: done A-%lld", (long long)id, (long long)id);
    office_later(&o, 4 * MS_HOUR);
    says(&o, "U0COL1", "queue", waits);
    assert_int_equal(office_i64(&o, "SELECT said FROM hands"), 1);
    AUTO_STR key = str_fmt("reply-N-1-A-%lld-hand-1", (long long)id);
    assert_says(json_str(office_sent(&o, key), "args.text", ""), "Otto Executive, this has waited for 4 h: by hand: Credit it in the dashboard. When it is done: done A-");
    due_becomes(&o, 2, 0, 110000, "open"); /* the hand was quicker than the word */
    office_event_of(&o, 2);
    assert_int_equal(office_state(&o, id), PROPOSAL_QUEUED);
    AUTO_STR done = str_fmt("done A-%lld", (long long)id);
    says(&o, "U0COL1", done, "is done, by your word");
    assert_int_equal(office_state(&o, id), PROPOSAL_CONFIRMED);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM effects WHERE op = 'credit'"), 0);
    office_close(&o);
}

static int64_t asked(struct office *o, const char *text)
{
    office_event_of(o, 2);
    says(o, "U0AE2", text, "Asked for approval");
    return office_last(o);
}

static void an_approved_credit_is_done_once_and_what_is_left_goes_on(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    int64_t id = asked(&o, "credit acme-corp 100 why two days of downtime");
    assert_int_equal(office_approve(&o, "manager1", id, 0).rc, 0);
    due_becomes(&o, 2, 0, 110000, "open");
    office_turn(&o, NULL, NULL);
    AUTO_STR key = str_fmt("dunwell-p%lld", (long long)id);
    AUTO_JSON call = effect_args(&o, key);
    assert_string_equal(json_str(call, "op", ""), "credit");
    assert_string_equal(json_str(call, "invoice", ""), "in_1002");
    assert_int_equal(json_i64(call, "amount", 0), 10000);
    assert_string_equal(json_str(call, "reason", ""), "two days of downtime");
    assert_string_equal(json_str(call, "customer", ""), "cus_2");
    assert_int_equal(office_state(&o, id), PROPOSAL_CONFIRMED);
    struct recovery *r = office_case(&o, "acme-corp");
    assert_int_equal(r->due.minor, 110000);
    recovery_free(r);
    office_paid(&o, 2); /* the rest is paid: that is what closes it */
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM recoveries WHERE account = 'acme-corp' AND outcome = 'paid'"), 1);
    office_proves(&o);
    office_close(&o);
}

static void a_smaller_policy_voids_what_is_approved_after_it(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    int64_t id = asked(&o, "credit acme-corp 200 why downtime");
    struct policy *before = office_policy_with(&o, "share: 20", "share: 10");
    struct done d = office_approve(&o, "manager1", id, 0);
    assert_says(d.said, "is void: $200.00 is more than the most that may be approved, $120.00, 10 percent of what is due.");
    assert_not_says(d.said, "..");
    assert_int_equal(office_state(&o, id), PROPOSAL_VOIDED);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM effects WHERE op = 'credit'"), 0);
    office_policy_back(&o, before);
    office_close(&o);
}

/* Approved on old facts: they are read again before it goes to billing, and everything is checked once more. */
static int64_t approved_on_old_facts(struct office *o, const char *text)
{
    int64_t id = asked(o, text);
    o->now_ms += 2 * MS_HOUR;
    office_begin(o);
    engine_begin(&o->e);
    office_commit(o);
    assert_int_equal(office_approve(o, "manager1", id, 0).rc, 0);
    assert_int_equal(office_state(o, id), PROPOSAL_ASKED);
    assert_int_equal(office_i64(o, "SELECT count(*) FROM effects WHERE op IN ('credit', 'write_off')"), 0);
    return id;
}

static void what_no_longer_fits_is_not_executed(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    int64_t id = approved_on_old_facts(&o, "credit acme-corp 200 why downtime");
    struct policy *before = office_policy_with(&o, "share: 20", "share: 10");
    office_turn(&o, NULL, NULL);
    assert_int_equal(office_state(&o, id), PROPOSAL_VOIDED);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM effects WHERE op = 'credit'"), 0);
    office_policy_back(&o, before);
    office_close(&o);
    office_open(&o, false);
    id = approved_on_old_facts(&o, "writeoff acme-corp why bankrupt");
    due_becomes(&o, 2, 0, 130000, "open");
    office_turn(&o, NULL, NULL);
    assert_int_equal(office_state(&o, id), PROPOSAL_VOIDED);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM effects WHERE op = 'write_off'"), 0);
    office_close(&o);
}

/* Less is due: the same credit stands for the same amount, as long as it is not a larger share than policy allows. */
static void less_due_keeps_a_credit_within_its_share(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    int64_t id = asked(&o, "credit acme-corp 200 why downtime");
    due_becomes(&o, 2, 0, 110000, "open");
    office_event_of(&o, 2);
    assert_int_equal(office_state(&o, id), PROPOSAL_ASKED);
    assert_int_equal(store_i64(o.store, 0, "SELECT amount FROM proposals WHERE id = ?1", "i", id), 20000);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM journal WHERE text LIKE '%less is due now, $1,100.00 instead of $1,200.00%'"), 1);
    due_becomes(&o, 2, 0, 90000, "open");
    office_event_of(&o, 2);
    assert_int_equal(office_state(&o, id), PROPOSAL_VOIDED);
    assert_int_equal(office_last(&o), id);
    office_proves(&o);
    office_close(&o);
}

static void what_was_parked_is_asked_again_as_it_was(void **state)
{
    (void)state;
    static const char *const texts[] = {"credit acme-corp 200 why downtime", "settle acme-corp 600 by 2027-01-15 why closing", "writeoff acme-corp why bankrupt"};
    static const int64_t amounts[] = {20000, 60000, 120000};
    for (size_t i = 0; i < DW_ARRAY_LEN(texts); i++) {
        struct office o;
        office_open(&o, false);
        int64_t id = asked(&o, texts[i]);
        office_later(&o, 49 * MS_HOUR);
        assert_int_equal(office_state(&o, id), PROPOSAL_PARKED);
        office_event_of(&o, 2);
        AUTO_STR text = str_fmt("reopen A-%lld", (long long)id);
        AUTO_STR said = office_say(&o, "U0AE2", text);
        int64_t again = office_last(&o);
        if (again == id)
            fail_msg("%s: %s", texts[i], said);
        assert_int_equal(office_state(&o, again), PROPOSAL_ASKED);
        assert_int_equal(store_i64(o.store, 0, "SELECT amount FROM proposals WHERE id = ?1", "i", again), amounts[i]);
        assert_int_equal(office_approve(&o, "ae2", again, 0).rc, ERR_DENIED);
        assert_int_equal(office_approve(&o, "manager1", again, 0).rc, 0);
        assert_int_equal(office_i64(&o, "SELECT count(*) FROM effects WHERE op IN ('credit', 'write_off')"), i == 1 ? 0 : 1);
        office_proves(&o);
        office_close(&o);
    }
}

/* A rule for one kind of request holds for that kind: here it asks for somebody whom nobody is, so the request is refused. */
static void rules_know_each_kind(void **state)
{
    (void)state;
    static const char *const kinds[] = {"credit", "write_off", "settlement", "schedule"};
    static const char *const texts[] = {"credit acme-corp 200 why downtime", "writeoff acme-corp why bankrupt", "settle acme-corp 600 by 2027-01-15 why closing",
                                        "defer acme-east until 2027-01-05 why payday"};
    for (size_t i = 0; i < DW_ARRAY_LEN(kinds) * DW_ARRAY_LEN(texts); i++) {
        struct office o;
        size_t kind = i / DW_ARRAY_LEN(texts), text = i % DW_ARRAY_LEN(texts);
        office_open(&o, false);
        AUTO_STR rule = str_fmt("approvals: {rules: [{name: board, when: {kinds: [%s]}, need: [{count: 1, of: finance}]}], ", kinds[kind]);
        struct policy *before = office_policy_with(&o, "approvals: {", rule);
        office_event_of(&o, 2);
        office_event_of(&o, 3);
        AUTO_STR said = office_say(&o, "U0COL1", texts[text]);
        bool refused = !strstr(said, "Asked for approval");
        if (refused != (kind == text))
            fail_msg("a rule for %s, and \"%s\": %s", kinds[kind], texts[text], said);
        office_policy_back(&o, before);
        office_close(&o);
    }
}

/* ---- counter-offers ---- */

static void a_counter_offer_gives_up_less(void **state)
{
    (void)state;
    static const struct {
        const char *ask, *user, *counter, *answer;
    } offers[] = {
        {"credit acme-corp 200 why downtime", "U0MAN1", "counter A-# 120 why one day only", "Counter-offer A-"},
        {"credit acme-corp 200 why downtime", "U0MAN1", "counter A-# 200", "less than the $200.00 that was asked"},
        {"credit acme-corp 200 why downtime", "U0MAN1", "counter A-# 201", "less than the $200.00 that was asked"},
        {"credit acme-corp 200 why downtime", "U0MAN1", "counter A-# 0", "less than the $200.00"},
        {"credit acme-corp 200 why downtime", "U0MAN1", "counter A-# 100 eur", "is in USD, not in EUR"},
        {"credit acme-corp 200 why downtime", "U0MAN1", "counter A-#", "With which amount?"},
        {"credit acme-corp 200 why downtime", "U0MAN1", "counter A-# 3x", "not an amount"},
        {"credit acme-corp 200 why downtime", "U0AE2", "counter A-# 100", "is for these roles"},
        {"credit acme-corp 200 why downtime", "U0MAN2", "counter A-# 100", "your limit is $100.00"},
        {"settle acme-corp 600 by 2027-01-15 why closing", "U0MAN1", "counter A-# 900 why they can", "they pay $900.00 by 15 Jan 2027, then $300.00"},
        {"settle acme-corp 600 by 2027-01-15 why closing", "U0MAN1", "counter A-# 600", "more than the $600.00"},
        {"settle acme-corp 600 by 2027-01-15 why closing", "U0MAN1", "counter A-# 1200", "less than all that is due"},
        {"writeoff acme-corp why bankrupt", "U0MAN1", "counter A-# 3x", "can be countered"},
        {"plan acme-corp 6x from 2027-01-05 why renewal", "U0MAN1", "counter A-# 500", "how many instalments"},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(offers); i++) {
        struct office o;
        office_open(&o, false);
        int64_t id = asked(&o, offers[i].ask);
        const char *rest = strchr(offers[i].counter, '#') + 1;
        AUTO_STR text = str_fmt("counter A-%lld%s", (long long)id, rest);
        says(&o, offers[i].user, text, offers[i].answer);
        bool offered = office_last(&o) > id;
        assert_int_equal(office_state(&o, id), offered ? PROPOSAL_COUNTERED : PROPOSAL_ASKED);
        assert_int_equal(office_i64(&o, "SELECT count(*) FROM effects WHERE op IN ('credit', 'write_off')"), 0);
        office_close(&o);
    }
}

static void whoever_asked_takes_the_smaller_credit(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    int64_t id = asked(&o, "credit acme-corp 200 why downtime");
    AUTO_STR text = str_fmt("counter A-%lld 120 why one day only", (long long)id);
    says(&o, "U0MAN1", text, "Counter-offer A-");
    int64_t offer = office_last(&o);
    assert_int_equal(office_approve(&o, "manager1", offer, 0).rc, ERR_DENIED);
    assert_int_equal(office_approve(&o, "ae1", offer, 0).rc, ERR_DENIED);
    assert_int_equal(office_approve(&o, "ae2", offer, 0).rc, 0);
    AUTO_STR key = str_fmt("dunwell-p%lld", (long long)offer);
    AUTO_JSON args = effect_args(&o, key);
    assert_int_equal(json_i64(args, "amount", 0), 12000);
    assert_string_equal(json_str(args, "invoice", ""), "in_1002");
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM effects WHERE op = 'credit'"), 1);
    office_proves(&o);
    office_close(&o);
}

/* What policy would refuse when it is asked is refused as an offer too. */
static void a_counter_offer_stays_inside_policy(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    int64_t id = asked(&o, "credit acme-corp 200 why downtime");
    struct policy *before = office_policy_with(&o, "share: 20", "share: 5");
    AUTO_STR text = str_fmt("counter A-%lld 61", (long long)id);
    says(&o, "U0MAN1", text, "Not allowed: $61.00 is more than the most that may be approved, $60.00");
    assert_int_equal(office_state(&o, id), PROPOSAL_ASKED);
    office_policy_back(&o, before);
    office_close(&o);
}

static void nothing_is_given_up_without_a_yes(void **state)
{
    (void)state;
    static const enum verb verbs[] = {VERB_CREDIT, VERB_WRITE_OFF};
    for (size_t i = 0; i < DW_ARRAY_LEN(verbs); i++) {
        struct office o;
        office_open(&o, false);
        office_event_of(&o, 2);
        office_begin(&o);
        struct recovery *r = office_case(&o, "acme-corp");
        json_t *terms = json_pack("{s:[{s:s, s:s, s:i}]}", "parts", "invoice", "in_1002", "number", "1002", "amount", verbs[i] == VERB_CREDIT ? 100 : 120000);
        int64_t id = proposal_auto(&o.e, r, verbs[i], terms, "a timer says so");
        recovery_free(r);
        office_commit(&o);
        office_turn(&o, NULL, NULL);
        assert_int_equal(office_state(&o, id), PROPOSAL_VOIDED);
        assert_int_equal(office_i64(&o, "SELECT count(*) FROM effects WHERE op IN ('credit', 'write_off')"), 0);
        office_close(&o);
    }
}

static void less_due_keeps_a_write_off_and_more_asks_again(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    int64_t id = asked(&o, "writeoff acme-corp why bankrupt");
    due_becomes(&o, 2, 0, 100000, "open");
    office_event_of(&o, 2);
    assert_int_equal(office_state(&o, id), PROPOSAL_ASKED);
    assert_int_equal(store_i64(o.store, 0, "SELECT amount FROM proposals WHERE id = ?1", "i", id), 100000);
    due_becomes(&o, 2, 0, 140000, "open");
    office_event_of(&o, 2);
    assert_int_equal(office_state(&o, id), PROPOSAL_VOIDED);
    int64_t fresh = office_last(&o);
    assert_int_equal(office_state(&o, fresh), PROPOSAL_ASKED);
    assert_int_equal(store_i64(o.store, 0, "SELECT amount FROM proposals WHERE id = ?1", "i", fresh), 140000);
    assert_int_equal(store_i64(o.store, 0, "SELECT verb FROM proposals WHERE id = ?1", "i", fresh), VERB_WRITE_OFF);
    office_close(&o);
}

static void a_credit_larger_than_what_is_left_is_void(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    int64_t id = asked(&o, "credit acme-corp 200 why downtime");
    due_becomes(&o, 2, 0, 10000, "open");
    office_event_of(&o, 2);
    assert_int_equal(office_state(&o, id), PROPOSAL_VOIDED);
    assert_int_equal(office_last(&o), id);
    office_close(&o);
}

static void each_invoice_is_written_off_once_and_the_case_closes_so(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    second_invoice(&o, 2, 30000);
    int64_t id = asked(&o, "writeoff acme-corp all why bankrupt");
    assert_int_equal(store_i64(o.store, 0, "SELECT amount FROM proposals WHERE id = ?1", "i", id), 150000);
    assert_int_equal(office_approve(&o, "manager1", id, 0).rc, 0);
    due_becomes(&o, 2, 0, 120000, "uncollectible");
    due_becomes(&o, 2, 1, 30000, "paid"); /* what a vendor may call it */
    office_turn(&o, NULL, NULL);
    AUTO_STR first = str_fmt("dunwell-p%lld", (long long)id);
    AUTO_STR second = str_fmt("dunwell-p%lld-2", (long long)id);
    AUTO_JSON one = effect_args(&o, first);
    AUTO_JSON two = effect_args(&o, second);
    assert_string_equal(json_str(one, "invoice", ""), "in_1002");
    assert_int_equal(json_i64(one, "amount", 0), 120000);
    assert_string_equal(json_str(two, "invoice", ""), "in_second");
    assert_int_equal(json_i64(two, "amount", 0), 30000);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM effects WHERE op = 'write_off'"), 2);
    assert_int_equal(office_state(&o, id), PROPOSAL_CONFIRMED);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM recoveries WHERE account = 'acme-corp' AND outcome = 'written off'"), 1);
    office_proves(&o);
    office_close(&o);
}

static void a_write_off_that_fails_half_way_says_how_far_it_came(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    second_invoice(&o, 2, 30000);
    int64_t id = asked(&o, "writeoff acme-corp all why bankrupt");
    assert_int_equal(office_approve(&o, "manager1", id, 0).rc, 0);
    for (int i = 0; i < 4 && office_state(&o, id) != PROPOSAL_FAILED; i++) {
        struct calls calls = {0};
        office_begin(&o);
        effects_start(&o.e, &calls, 10);
        office_commit(&o);
        office_answers(&o, &calls);
        calls_free(&calls);
        o.biller_says_no = true;
    }
    assert_int_equal(office_state(&o, id), PROPOSAL_FAILED);
    struct proposal *p = proposal_load(&o.e, id);
    assert_says(p->outcome, "1 of 2 invoices were done, then: the invoice is gone");
    proposal_free(p);
    office_close(&o);
}

static void a_credit_lowers_the_last_instalments_of_a_running_plan(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 2);
    assert_int_equal(office_plan(&o, "ae2", "acme-corp", 3, "").rc, 0);
    office_turn(&o, NULL, NULL);
    says(&o, "U0AE2", "credit acme-corp 240 why downtime", "Asked for approval");
    int64_t id = office_last(&o);
    assert_int_equal(office_approve(&o, "manager1", id, 0).rc, 0);
    due_becomes(&o, 2, 0, 96000, "open");
    office_turn(&o, NULL, NULL);
    assert_int_equal(office_i64(&o, "SELECT sum(amount) FROM instalments WHERE state = 'waiting'"), 96000);
    assert_int_equal(office_i64(&o, "SELECT amount FROM instalments ORDER BY id DESC LIMIT 1"), 16000);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM plans WHERE state = 'running'"), 1);
    office_proves(&o);
    office_close(&o);
}

static void one_agreement_about_money_at_a_time(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    asked(&o, "credit acme-corp 100 why downtime");
    says(&o, "U0AE2", "credit acme-corp 100 why downtime", "is under way for Acme Corp already");
    says(&o, "U0AE2", "writeoff acme-corp why downtime", "is under way for Acme Corp already");
    says(&o, "U0AE2", "settle acme-corp 600 by 2027-01-15 why x", "is under way for Acme Corp already");
    office_close(&o);
}

static void a_deferral_inside_policy_is_told_and_becomes_the_next_step(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 3);
    says(&o, "U0COL1", "defer acme-east until 2026-12-28", "Inside policy");
    AUTO_STR key = str_fmt("dunwell-p%lld", (long long)office_last(&o));
    AUTO_JSON call = effect_args(&o, key);
    assert_string_equal(json_str(call, "op", ""), "defer");
    assert_int_equal(json_i64(call, "until_ms", 0), INT64_C(1798448400000)); /* Mon 28 Dec 2026 09:00 UTC */
    assert_null(json_object_get(call, "amount"));
    struct recovery *r = office_case(&o, "acme-east");
    assert_int_equal(r->state, RECOVERY_WAITING);
    assert_says(r->next_step, "Nothing is tried at stripe before {ms:1798448400000}");
    recovery_free(r);
    office_close(&o);
}

static void the_card_says_that_it_cannot_be_undone(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    asked(&o, "credit acme-corp 100 why downtime");
    const json_t *sent = office_sent(&o, "card-A-");
    assert_non_null(sent);
    assert_says(json_str(sent, "args.card.actions.0.confirm.text", ""), "cannot be undone");
    AUTO_STR card = office_read_card(json_at(sent, "args.card"));
    assert_says(card, "credit $100.00 on invoice 1002");
    office_close(&o);
}

/* Nine in the morning of that day in Auckland is the day before in Greenwich. */
static void a_deferral_says_what_is_deferred(void **state)
{
    (void)state;
    struct office o;
    office_zone = "Pacific/Auckland";
    office_open(&o, false);
    office_zone = "UTC";
    json_t *invoices = json_at(o.read[2], "invoices"), *second = json_deep_copy(json_array_get(invoices, 0));
    json_put(second, "id", "in_2002");
    json_put(second, "number", "2002");
    json_put_i64(second, "due", 2500);
    json_array_append_new(invoices, second);
    json_put_i64(json_array_get(invoices, 0), "next_attempt_ms", o.now_ms + MS_DAY);
    office_event_of(&o, 3);
    AUTO_STR asked = office_say(&o, "U0COL1", "defer acme-east until 2027-01-10 why x");
    assert_says(asked, "no attempt by billing on 2 invoices before 10 Jan 2027");
    AUTO_STR card = office_read_card(json_at(office_sent(&o, "card-A-"), "args.card"));
    assert_says(card, "Invoices: 1003 ($900.00), 2002 ($25.00)");
    AUTO_STR next = str_fmt("Billing would try next on {ms:%lld}. Notices go on.", (long long)(o.now_ms + MS_DAY));
    assert_says(card, next);
    office_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asking_is_bounded),
        cmocka_unit_test(what_the_policy_does_not_name_is_not_allowed),
        cmocka_unit_test(what_billing_cannot_do_is_refused_or_a_persons_work),
        cmocka_unit_test(an_approved_credit_is_done_once_and_what_is_left_goes_on),
        cmocka_unit_test(a_smaller_policy_voids_what_is_approved_after_it),
        cmocka_unit_test(what_no_longer_fits_is_not_executed),
        cmocka_unit_test(less_due_keeps_a_credit_within_its_share),
        cmocka_unit_test(what_was_parked_is_asked_again_as_it_was),
        cmocka_unit_test(rules_know_each_kind),
        cmocka_unit_test(a_counter_offer_gives_up_less),
        cmocka_unit_test(whoever_asked_takes_the_smaller_credit),
        cmocka_unit_test(a_counter_offer_stays_inside_policy),
        cmocka_unit_test(nothing_is_given_up_without_a_yes),
        cmocka_unit_test(less_due_keeps_a_write_off_and_more_asks_again),
        cmocka_unit_test(a_credit_larger_than_what_is_left_is_void),
        cmocka_unit_test(each_invoice_is_written_off_once_and_the_case_closes_so),
        cmocka_unit_test(a_write_off_that_fails_half_way_says_how_far_it_came),
        cmocka_unit_test(a_credit_lowers_the_last_instalments_of_a_running_plan),
        cmocka_unit_test(one_agreement_about_money_at_a_time),
        cmocka_unit_test(a_deferral_inside_policy_is_told_and_becomes_the_next_step),
        cmocka_unit_test(the_card_says_that_it_cannot_be_undone),
        cmocka_unit_test(a_deferral_says_what_is_deferred),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
