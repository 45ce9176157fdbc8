/* Remarks at billing about what people decided: one for each decision, none that nobody wants, and never in anybody's way. */
#include "engine/billing_note.h"
#include "engine/effect.h"
#include "tests/unit/cases.h"

static struct policy *open_with_notes(struct office *o)
{
    office_open(o, false);
    o->takes_notes = true;
    struct policy *before = office_policy_with(o, "approvals:", "notes_to_billing: true\napprovals:");
    office_event_of(o, 1);
    office_event_of(o, 2);
    return before;
}

static void close_with_notes(struct office *o, struct policy *before)
{
    office_policy_back(o, before);
    office_proves(o);
    office_close(o);
}

static int64_t notes(struct office *o)
{
    return office_i64(o, "SELECT count(*) FROM effects WHERE op = 'note'");
}

static int64_t approved(struct office *o, const char *user, const char *text)
{
    AUTO_STR said = office_say(o, user, text);
    int64_t id = office_last(o);
    if (office_state(o, id) == PROPOSAL_ASKED)
        assert_int_equal(office_approve(o, "manager1", id, 0).rc, 0);
    office_turn(o, NULL, NULL);
    office_turn(o, NULL, NULL);
    return id;
}

static void it_says_who_decided_what_and_why(void **state)
{
    (void)state;
    struct office o;
    struct policy *before = open_with_notes(&o);
    assert_int_equal(notes(&o), 0); /* policy's own hold is nobody's decision */
    int64_t id = approved(&o, "U0AE2", "credit acme-corp 200 why two days of downtime");
    assert_int_equal(office_state(&o, id), PROPOSAL_CONFIRMED);
    assert_int_equal(notes(&o), 1);
    AUTO_STR key = str_fmt("dunwell-note-p%lld", (long long)id);
    const json_t *args = NULL;
    struct query *q = store_query(o.store, "SELECT args, lane FROM effects WHERE dedupe = ?1", "t", key);
    assert_true(query_next(q));
    json_auto_t *got = query_json(q, 0);
    assert_string_equal(query_text(q, 1), "stripe:cus_2:note");
    query_end(q);
    args = got;
    assert_string_equal(json_str(args, "invoice", ""), "in_1002");
    assert_string_equal(json_str(args, "customer", ""), "cus_2");
    assert_says(json_str(args, "text", ""), "credit $200.00 on invoice 1002. Asked by Otto Executive: two days of downtime. Approved by Mara Manager.");
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM journal WHERE verb = 'note.left'"), 1);
    close_with_notes(&o, before);
}

static void each_decision_of_people_leaves_one(void **state)
{
    (void)state;
    static const struct {
        const char *user, *text;
        int64_t notes;
    } decisions[] = {
        {"U0AE2", "plan acme-corp 2x from 2027-01-05", 1},
        {"U0AE2", "plan acme-corp 6x from 2027-01-05 why renewal", 1},
        {"U0AE2", "hold acme-corp until 2027-01-05 why they call back", 1},
        {"U0AE1", "hold northwind until 2027-01-05 why they call back", 1}, /* the end of policy's hold is moved */
        {"U0AE2", "writeoff acme-corp why bankrupt", 1},
        {"U0AE2", "retry acme-corp", 0},
        {"U0COL1", "defer acme-east until 2026-12-28", 0},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(decisions); i++) {
        struct office o;
        struct policy *before = open_with_notes(&o);
        office_event_of(&o, 3);
        int64_t id = approved(&o, decisions[i].user, decisions[i].text);
        assert_int_equal(office_state(&o, id), PROPOSAL_CONFIRMED);
        if (notes(&o) != decisions[i].notes)
            fail_msg("%s: %lld remarks", decisions[i].text, (long long)notes(&o));
        close_with_notes(&o, before);
    }
}

static void nobody_gets_one_who_does_not_want_it(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false); /* the policy does not speak of remarks */
    o.takes_notes = true;
    office_event_of(&o, 2);
    approved(&o, "U0AE2", "credit acme-corp 200 why downtime");
    assert_int_equal(notes(&o), 0);
    office_close(&o);
    struct policy *before = open_with_notes(&o);
    o.takes_notes = false; /* billing has no place for them */
    approved(&o, "U0AE2", "credit acme-corp 200 why downtime");
    assert_int_equal(notes(&o), 0);
    close_with_notes(&o, before);
}

static void a_refused_one_changes_nothing(void **state)
{
    (void)state;
    struct office o;
    struct policy *before = open_with_notes(&o);
    o.notes_refused = true;
    struct recovery *r = office_case(&o, "acme-corp");
    AUTO_STR next = str_dup(r->next_step);
    recovery_free(r);
    int64_t id = approved(&o, "U0AE2", "credit acme-corp 200 why downtime");
    assert_int_equal(office_state(&o, id), PROPOSAL_CONFIRMED);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM journal WHERE verb = 'note.failed'"), 1);
    r = office_case(&o, "acme-corp");
    assert_string_equal(r->next_step, next);
    recovery_free(r);
    close_with_notes(&o, before);
}

static void none_leaves_in_shadow_mode(void **state)
{
    (void)state;
    struct office o;
    struct policy *before = open_with_notes(&o);
    o.e.shadow = true;
    office_begin(&o);
    json_t *args = json_pack("{s:s, s:s, s:s}", "customer", "cus_2", "text", "left over from live mode", "ref", "A-1");
    effect_add(&o.e, &(struct effect_spec){.lane = "stripe:cus_2:note", .driver = "stripe", .op = "note", .key = "dunwell-note-p1", .take_args = args, .case_id = 2,
                                           .purpose = "note"});
    office_commit(&o);
    office_turn(&o, NULL, NULL);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM effects WHERE op = 'note' AND state = 0 AND attempts = 0"), 1);
    o.e.shadow = false; /* as after a restart in live mode */
    engine_forget(&o.e);
    office_turn(&o, NULL, NULL);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM effects WHERE op = 'note' AND is_live = 0"), 1);
    close_with_notes(&o, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_who_decided_what_and_why),
        cmocka_unit_test(each_decision_of_people_leaves_one),
        cmocka_unit_test(nobody_gets_one_who_does_not_want_it),
        cmocka_unit_test(a_refused_one_changes_nothing),
        cmocka_unit_test(none_leaves_in_shadow_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
