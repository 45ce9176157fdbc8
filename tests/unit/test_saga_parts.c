/* What a decision concerns at which billing system, by whom it would be carried out there, and what of it waits for a hand: the questions
 * that cards, requests and the hold itself ask of it. */
#include "engine/saga.h"
#include "engine/sm.h"
#include "tests/unit/by_hand.h"

/* A customer may have two accounts at one system, and be known by one name to two. */
static void the_same_name_elsewhere_is_another_part(void **state)
{
    (void)state;
    struct office o;
    struct billed parts[BILLERS_MOST] = {{0}};
    open_two(&o);
    office_event_of(&o, 1);
    struct recovery *r = office_case(&o, "northwind");
    json_auto_t *terms = json_pack("{s:[s,s,s,s], s:{s:{s:s,s:s}, s:{s:s,s:s}, s:{s:s,s:s}, s:{s:s,s:s}}}", "invoices", "a", "b", "c", "d", "prior", "a",
                                   "biller", "stripe", "customer", "cus_1", "b", "biller", "stripe", "customer", "cus_9", "c", "biller", "zuora", "customer",
                                   "cus_1", "d", "biller", "stripe", "customer", "cus_1");
    assert_int_equal(saga_parts(r, terms, parts, 2), 2);
    assert_null(parts[2].biller); /* no more than there is room for */
    assert_int_equal(saga_parts(r, terms, parts, BILLERS_MOST), 3);
    static const char *const invoices[] = {"[\"a\",\"d\"]", "[\"b\"]", "[\"c\"]"};
    for (size_t i = 0; i < DW_ARRAY_LEN(invoices); i++) {
        json_auto_t *own = saga_invoices_of(r, terms, &parts[i]);
        AUTO_STR text = json_text(own);
        assert_string_equal(text, invoices[i]);
    }
    recovery_free(r);
    close_two(&o);
}

static const char *at_stripe_credits, *at_zuora_credits; /* how */

static const char *credits(void *ctx, const char *biller, const char *op, const char **note)
{
    if (!str_eq(op, "credit"))
        return capability(ctx, biller, op, note);
    *note = str_eq(biller, "zuora") ? "Credit it there." : "";
    return str_eq(biller, "zuora") ? at_zuora_credits : at_stripe_credits;
}

/* Of money that is given up one person does all, or no person anything. */
static void how_money_is_given_up_at_both(void **state)
{
    (void)state;
    static const struct {
        const char *stripe, *zuora, *how, *note; /* at stripe, as it comes out */
    } all[] = {
        {"native", "native", "native", ""},
        {"native", "manual", "manual", "By hand here too, so that one person does all of it."},
        {"none", "manual", "none", ""},
        {"manual", "manual", "manual", ""},
    };
    struct office o;
    open_two(&o);
    o.e.world.capability = credits;
    office_event_of(&o, 1);
    struct recovery *r = office_case(&o, "northwind");
    json_auto_t *terms = json_pack("{s:[{s:s},{s:s}]}", "parts", "invoice", "in_1001", "invoice", "in_1002");
    for (size_t i = 0; i < DW_ARRAY_LEN(all); i++) {
        struct carried out[BILLERS_MOST];
        at_stripe_credits = all[i].stripe;
        at_zuora_credits = all[i].zuora;
        assert_int_equal(saga_carried(&o.e, r, VERB_CREDIT, terms, out), 2);
        assert_string_equal(out[0].how, all[i].how);
        assert_string_equal(out[0].note, all[i].note);
        assert_string_equal(out[1].how, all[i].zuora);
        assert_string_equal(out[1].note, "Credit it there.");
    }
    recovery_free(r);
    close_two(&o);
}

/* Over two systems a plan is a hold at each; at one it is what that system makes of it. */
static void a_plan_at_one_is_not_a_hold(void **state)
{
    (void)state;
    struct office o;
    struct carried out[BILLERS_MOST];
    open_two(&o);
    office_event_of(&o, 1);
    struct recovery *r = office_case(&o, "northwind");
    json_auto_t *one = json_pack("{s:[s]}", "invoices", "in_1001"), *both = json_pack("{s:[s,s]}", "invoices", "in_1001", "in_1002");
    assert_int_equal(saga_carried(&o.e, r, VERB_PLAN, one, out), 1);
    assert_says(out[0].note, "Dunwell keeps the dates");
    assert_int_equal(saga_carried(&o.e, r, VERB_PLAN, both, out), 2);
    assert_string_equal(out[0].note, "");
    recovery_free(r);
    close_two(&o);
}

static void call_off(struct office *o, enum verb verb)
{
    struct recovery *r = office_case(o, "northwind");
    office_begin(o);
    saga_call_off(&o->e, r, SM_BIT(verb), "nobody wants it any more");
    office_commit(o);
    recovery_free(r);
}

static void what_is_not_named_is_not_called_off(void **state)
{
    (void)state;
    struct office o;
    open_by_hand(&o, AT_ZUORA);
    call_off(&o, VERB_RELEASE);
    assert_int_equal(office_state(&o, 1), PROPOSAL_EXECUTING);
    office_is(&o, "SELECT count(*) FROM hands", 1, "that hand is waited for");
    call_off(&o, VERB_HOLD);
    assert_int_equal(office_state(&o, 1), PROPOSAL_WITHDRAWN);
    office_is(&o, "SELECT count(*) FROM hands", 0, "nobody's any more");
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 1 AND invoices = '[\"in_1001\"]'", 1, "what the machine did is in force");
    office_is(&o, "SELECT count(*) FROM journal WHERE text LIKE '%before it refused%'", 0, "and nothing was refused");
    close_two(&o);
}

/* What waits for its Undo waits for no hand, is no release, and is its asker's to take back. */
static void what_has_not_begun_waits_for_nobody(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    struct policy *before = office_policy_with(&o, "expire_hours: 48", "expire_hours: 48, undo_seconds: 20");
    office_event_of(&o, 1);
    say(&o, "U0AE1", "hold northwind until 2027-01-05", "It runs in 20 seconds");
    int64_t id = office_last(&o), hold = office_i64(&o, "SELECT max(id) FROM holds");
    assert_int_equal(office_i64(&o, "SELECT json_extract(terms, '$.hold') FROM proposals ORDER BY id DESC LIMIT 1"), hold);
    struct recovery *r = office_case(&o, "northwind");
    assert_false(saga_waits_for_hands(&o.e, r->id, VERB_EXTEND));
    office_begin(&o);
    assert_false(saga_release_again(&o.e, r, hold));
    office_commit(&o);
    recovery_free(r);
    call_off(&o, VERB_EXTEND);
    assert_int_equal(office_state(&o, id), PROPOSAL_QUEUED);
    office_policy_back(&o, before);
    close_two(&o);
}

static void another_holds_release_is_another_matter(void **state)
{
    (void)state;
    struct office o;
    open_ticked(&o, AT_BOTH);
    say(&o, "U0AE1", "resume northwind", "resume");
    struct recovery *r = office_case(&o, "northwind");
    int64_t hold = office_i64(&o, "SELECT max(id) FROM holds");
    office_begin(&o);
    assert_true(saga_release_again(&o.e, r, hold));
    assert_false(saga_release_again(&o.e, r, hold + 1));
    office_commit(&o);
    recovery_free(r);
    say(&o, "U0AE1", "done A-2 zuora", "That part of A-2 is done");
    assert_int_equal(office_state(&o, 2), PROPOSAL_EXECUTING); /* begun */
    close_two(&o);
}

static void what_is_ticked_is_not_awaited(void **state)
{
    (void)state;
    struct office o;
    open_by_hand(&o, AT_BOTH);
    say(&o, "U0AE1", "done A-1 zuora", "That part of A-1 is done");
    json_auto_t *left = saga_awaited(&o.e, office_i64(&o, "SELECT id FROM recoveries"));
    AUTO_STR text = json_text(left);
    assert_string_equal(text, "[\"in_1001\"]");
    close_two(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_name_elsewhere_is_another_part),
        cmocka_unit_test(how_money_is_given_up_at_both),
        cmocka_unit_test(a_plan_at_one_is_not_a_hold),
        cmocka_unit_test(what_is_not_named_is_not_called_off),
        cmocka_unit_test(what_has_not_begun_waits_for_nobody),
        cmocka_unit_test(another_holds_release_is_another_matter),
        cmocka_unit_test(what_is_ticked_is_not_awaited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
