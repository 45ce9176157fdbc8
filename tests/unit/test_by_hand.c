/* What an API has no way for, at one biller of two or at both: one request, a task that is ticked off, waited for no longer than it
 * makes sense, and put back like any other part. */
#include "tests/unit/by_hand.h"

static void nothing_of_the_machines_is_one_request_too(void **state)
{
    (void)state;
    struct office o;
    open_by_hand(&o, AT_BOTH); /* strategic: held by policy */
    read_again(&o);
    restart(&o);
    read_again(&o);
    office_is(&o, "SELECT count(*) FROM proposals", 1, "one request, however often billing is read");
    office_is(&o, "SELECT count(*) FROM effects WHERE proposal_id > 0", 0, "nothing for the machines");
    office_is(&o, "SELECT state FROM proposals", PROPOSAL_QUEUED, "it waits");
    office_is(&o, "SELECT count(*) FROM proposals WHERE outcome LIKE 'by hand at stripe ($48,200.00 on 1001): Stop the dunning there. By hand at zuora ($1,200.00 on 1002): %'", 1, "both are said");
    holds(&o, HOLD_STARTING, "[\"in_1001\",\"in_1002\"]");
    say(&o, "U0AE1", "done A-1 recurly", "A-1 has nothing to be done by hand at \"recurly\"");
    say(&o, "U0AE1", "done A-1 zuora", "That part of A-1 is done, by your word. Still by hand at stripe");
    office_is(&o, "SELECT count(*) FROM hands", 1, "and that is reminded of still");
    office_is(&o, "SELECT state FROM proposals", PROPOSAL_EXECUTING, "no longer to be withdrawn as if nothing was done");
    holds(&o, HOLD_ACTIVE, "[\"in_1002\"]"); /* no word that all is quiet, but what is has an end */
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'hold_end'", 1, "an end");
    read_again(&o);
    restart(&o);
    say(&o, "U0AE1", "done A-1", "A-1 is done, by your word.");
    office_is(&o, "SELECT state FROM proposals WHERE id = 1", PROPOSAL_CONFIRMED, "confirmed by people");
    holds(&o, HOLD_ACTIVE, "[\"in_1002\",\"in_1001\"]");
    read_again(&o);
    office_is(&o, "SELECT count(*) FROM proposals", 1, "and no more");
    office_later(&o, 8 * MS_DAY); /* its end: that is a person's work too */
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 2 AND outcome LIKE 'by hand at %' AND outcome LIKE '%Begin the dunning there.%'", 1, "put back by hand");
    office_later(&o, 30 * MS_DAY);
    read_again(&o);
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 2 AND state = 8", 1, "asked once, and not forgotten");
    say(&o, "U0AE1", "withdraw A-2", "cannot be taken back");
    say(&o, "U0AE1", "done A-2", "A-2 is done, by your word.");
    holds(&o, HOLD_RELEASED, "[\"in_1002\",\"in_1001\"]");
    office_is(&o, "SELECT count(*) FROM effects WHERE proposal_id > 0", 0, "the machines were never asked");
    close_two(&o);
}

static void one_part_each(void **state)
{
    (void)state;
    struct office o;
    open_by_hand(&o, AT_ZUORA);
    read_again(&o);
    restart(&o);
    read_again(&o);
    office_is(&o, "SELECT count(*) FROM proposals", 1, "one request");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'hold' AND driver = 'stripe'", 1, "one call");
    office_is(&o, "SELECT state FROM proposals", PROPOSAL_EXECUTING, "not confirmed before all is done");
    holds(&o, HOLD_ACTIVE, "[\"in_1001\"]");
    int64_t end = office_i64(&o, "SELECT end_ms FROM holds");
    say(&o, "U0AE1", "hold northwind until 2027-01-03", "A-2"); /* who moves the end meanwhile has the last word */
    office_later(&o, MS_MINUTE);
    int64_t moved = office_i64(&o, "SELECT end_ms FROM holds");
    assert_true(moved != end);
    say(&o, "U0AE1", "done A-1", "A-1 is done, by your word.");
    office_is(&o, "SELECT state FROM proposals WHERE id = 1", PROPOSAL_CONFIRMED, "confirmed");
    assert_int_equal(office_i64(&o, "SELECT end_ms FROM holds"), moved);
    holds(&o, HOLD_ACTIVE, "[\"in_1001\",\"in_1002\"]");
    office_is(&o, "SELECT count(*) FROM journal WHERE ref = 'A-1' AND text LIKE '%confirmed by stripe, read back: hold_5; done by hand at zuora'", 1, "whose word it is");
    close_two(&o);
}

/* Whoever moves the end of the hold gives the task as much longer. */
static void a_task_waits_for_as_long_as_the_hold(void **state)
{
    (void)state;
    struct office o;
    open_by_hand(&o, AT_ZUORA);
    int64_t end = office_i64(&o, "SELECT end_ms FROM holds");
    say(&o, "U0AE1", "hold northwind until 2027-01-04", "Inside policy");
    assert_true(office_i64(&o, "SELECT end_ms FROM holds") > end + MS_DAY);
    o.now_ms = end + MS_HOUR;
    office_later(&o, 0);
    office_is(&o, "SELECT state FROM proposals WHERE id = 1", PROPOSAL_EXECUTING, "it waits for that hand still");
    say(&o, "U0AE1", "done A-1", "A-1 is done, by your word.");
    close_two(&o);
}

static const char *writes_by_hand(void *ctx, const char *biller, const char *op, const char **note)
{
    if (!str_eq(biller, "zuora") || !str_eq(op, "write_off"))
        return capability(ctx, biller, op, note);
    *note = "Write it off there.";
    return "manual";
}

/* Of money that is given up one person does all: half of it by the machine would be half of it twice. */
static void what_is_given_up_by_hand_in_part_is_so_as_a_whole(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    o.e.world.capability = writes_by_hand;
    office_event_of(&o, 1);
    say(&o, "U0AE1", "writeoff northwind all why they are bankrupt", "Asked for approval");
    int64_t id = office_last(&o);
    AUTO_STR done = str_fmt("done A-%lld", (long long)id);
    AUTO_STR card = office_read_card(json_at(office_sent(&o, "card-A-"), "args.card"));
    assert_says(card, "so that one person does all of it");
    say(&o, "U0AE1", done, "does not wait for anybody's hand: it is asked"); /* nobody has agreed to it */
    assert_int_equal(office_approve(&o, "manager1", id, 0).rc, 0);
    office_later(&o, MS_HOUR);
    assert_null(write_of("stripe", "write_off"));
    say(&o, "U0AE2", done, "This is for the account's AE, a collector or a manager.");
    say(&o, "U0AE1", done, "is done, by your word.");
    assert_int_equal(office_state(&o, id), PROPOSAL_CONFIRMED);
    office_later(&o, MS_HOUR);
    assert_null(write_of("stripe", "write_off"));
    assert_null(write_of("zuora", "write_off"));
    say(&o, "U0AE1", done, "does not wait for anybody's hand: it is confirmed");
    close_two(&o);
}

/* A plan of Northwind's, agreed and out of its moment to undo. */
static int64_t plan(struct office *o)
{
    struct done d = office_plan(o, "ae1", "northwind", 2, "renewal in flight");
    assert_int_equal(d.rc, 0);
    int64_t id = office_last(o);
    assert_int_equal(office_approve(o, "manager1", id, 0).rc, 0);
    office_later(o, MS_SECOND);
    return id;
}

static void a_plan_begins_when_all_of_it_is_quiet(void **state)
{
    (void)state;
    struct office o;
    open_by_hand(&o, AT_ZUORA);
    int64_t id = plan(&o);
    AUTO_STR done = str_fmt("done A-%lld", (long long)id);
    read_again(&o);
    restart(&o);
    office_is(&o, "SELECT count(*) FROM proposals WHERE id = 1 AND state = 7 AND outcome LIKE 'the plan A-2 asks for it now'", 1, "one task, not two");
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 3 AND state = 9 AND requester = 'ae1' AND outcome LIKE 'by hand at zuora ($1,200.00 on 1002): Stop%'", 1,
              "a task of the request of whoever asked");
    office_is(&o, "SELECT count(*) FROM proposals", 2, "and no other");
    office_is(&o, "SELECT count(*) FROM plans", 0, "it has not begun");
    say(&o, "U0AE1", "retry northwind", "a plan is agreed for Northwind Ltd");
    say(&o, "U0AE1", "resume northwind", "A plan runs for Northwind Ltd");
    holds(&o, HOLD_ACTIVE, "[\"in_1001\"]");
    say(&o, "U0AE1", done, "is done, by your word.");
    office_is(&o, "SELECT count(*) FROM plans WHERE state = 'running' AND mode = 'held_by_dunwell'", 1, "now it has");
    holds(&o, HOLD_ACTIVE, "[\"in_1001\",\"in_1002\"]");
    assert_true(office_i64(&o, "SELECT end_ms FROM holds") > office_i64(&o, "SELECT max(due_ms) FROM instalments"));
    close_two(&o);
}

static void a_plan_nobody_makes_quiet_does_not_begin(void **state)
{
    (void)state;
    struct office o;
    open_by_hand(&o, AT_ZUORA);
    plan(&o);
    office_later(&o, 9 * MS_DAY);
    holds(&o, HOLD_ACTIVE, "[\"in_1001\"]"); /* what was agreed comes before the clock */
    office_later(&o, 2 * MS_DAY);
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 3 AND state = 12 AND outcome = 'zuora: nobody said in time that it was done by hand'", 1, "it says why");
    office_later(&o, MS_DAY);
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "what was held is put back");
    assert_non_null(write_of("stripe", "release"));
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'collect'", 0, "nothing was collected");
    the_books_are_sealed(&o);
    close_two(&o);
}

static void a_task_that_nobody_does_ends_with_the_hold(void **state)
{
    (void)state;
    struct office o;
    open_by_hand(&o, AT_ZUORA);
    office_later(&o, 10 * MS_DAY);
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 0 AND state = 7 AND outcome = 'the hold has ended, as agreed'", 1, "over");
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 2", 1, "what was held is released");
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 2 AND terms LIKE '%tasks%'", 0, "nobody has to begin what was never stopped");
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "no hold is left");
    close_two(&o);
}

static void nothing_was_ever_stopped(void **state)
{
    (void)state;
    struct office o;
    open_by_hand(&o, AT_BOTH);
    office_later(&o, 10 * MS_DAY);
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 0 AND state = 12 AND outcome LIKE 'stripe: nobody said in time %; zuora: nobody said in time %'", 1, "it is said");
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 4", 1, "no hold");
    office_is(&o, "SELECT count(*) FROM recoveries WHERE state = 4 AND next_step LIKE '%a person decides what to do instead'", 1, "somebody is next");
    the_books_are_sealed(&o);
    close_two(&o);
}

static void who_cannot_do_it_says_so(void **state)
{
    (void)state;
    struct office o;
    open_by_hand(&o, AT_ZUORA);
    say(&o, "U0AE2", "withdraw A-1", "This is for the account's AE");
    say(&o, "U0AE1", "withdraw A-1 why nobody has access", "Taken back: A-1. What was done of it is put back");
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 0 AND state = 12 AND outcome LIKE 'zuora: % says that it is not done by hand: nobody has access'", 1, "why");
    assert_non_null(write_of("stripe", "release"));
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "nothing of it stays");
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'hold_end'", 0, "and nothing is waited for");
    the_books_are_sealed(&o);
    close_two(&o);
}

static void what_was_done_by_hand_is_put_back_by_hand(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    zuora_by_hand = true;
    at_stripe = SILENT;
    office_event_of(&o, 1);
    office_is(&o, "SELECT state FROM proposals", PROPOSAL_UNKNOWN, "nobody knows what stripe did");
    say(&o, "U0AE1", "done A-1", "is done, by your word.");
    office_is(&o, "SELECT state FROM proposals", PROPOSAL_UNKNOWN, "still");
    restart(&o);
    at_stripe = REFUSES;
    office_later(&o, 2 * MS_MINUTE);
    office_is(&o, "SELECT count(*) FROM proposals WHERE id = 1 AND state = 12 AND outcome = 'stripe: the invoice is gone'", 1, "failed");
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 2 AND state = 8 AND outcome = 'by hand at zuora ($1,200.00 on 1002): Begin the dunning there. When it is done: done A-2'", 1,
              "what was done by hand is put back by hand");
    assert_null(write_of("stripe", "release")); /* nothing was held there */
    read_again(&o);
    say(&o, "U0AE1", "done A-2", "is done, by your word.");
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "and no hold is left");
    close_two(&o);
}

static void a_refusal_calls_the_task_off(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    zuora_by_hand = true;
    at_stripe = REFUSES;
    office_event_of(&o, 1);
    office_is(&o, "SELECT state FROM proposals WHERE id = 1", PROPOSAL_FAILED, "failed");
    office_is(&o, "SELECT count(*) FROM journal WHERE ref = 'A-1' AND text LIKE '%nothing has to be done by hand any more: stripe: the invoice is gone'", 1, "said");
    say(&o, "U0AE1", "done A-1", "does not wait for anybody's hand: it is failed");
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "no hold");
    close_two(&o);
}

static void zuora_bills_more(struct office *o, const char *id, int64_t due)
{
    json_t *more = owes_more(o, 1, id);
    json_put(more, "number", id + 3);
    json_put_i64(more, "due", due);
}

static void a_new_invoice_is_one_task_and_an_old_one_none(void **state)
{
    (void)state;
    struct office o;
    open_ticked(&o, AT_ZUORA);
    say(&o, "U0AE1", "hold northwind until 2027-01-03", "A-2"); /* at zuora there is nothing to do for that */
    office_later(&o, MS_MINUTE);
    office_is(&o, "SELECT state FROM proposals WHERE id = 2", PROPOSAL_CONFIRMED, "nobody's hand is needed");
    holds(&o, HOLD_ACTIVE, "[\"in_1001\",\"in_1002\"]");
    zuora_bills_more(&o, "in_2002", 5000);
    read_again(&o);
    restart(&o);
    read_again(&o);
    office_is(&o, "SELECT count(*) FROM proposals WHERE id > 2", 1, "one request, however often billing is read");
    office_is(&o, "SELECT count(*) FROM proposals WHERE id = 3 AND outcome LIKE 'by hand at zuora ($50.00 on 2002): %'", 1, "a task");
    holds(&o, HOLD_ACTIVE, "[\"in_1001\",\"in_1002\"]"); /* nothing is forgotten meanwhile, and nothing claimed */
    say(&o, "U0AE1", "done A-3", "is done");
    holds(&o, HOLD_ACTIVE, "[\"in_1001\",\"in_1002\",\"in_2002\"]");
    read_again(&o);
    office_is(&o, "SELECT count(*) FROM proposals WHERE id > 3", 0, "and no more");
    close_two(&o);
}

static void what_a_machine_can_hold_does_not_wait_for_a_hand(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    zuora_by_hand = true;
    json_object_set_new(json_array_get(json_at(o.read[0], "invoices"), 0), "status", json_string("paid"));
    office_event_of(&o, 1); /* only zuora's is open: its hold is a task */
    holds(&o, HOLD_STARTING, "[\"in_1002\"]");
    json_object_set_new(json_array_get(json_at(o.read[0], "invoices"), 0), "status", json_string("open"));
    read_again(&o);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'hold' AND driver = 'stripe'", 1, "held at once, and once");
    holds(&o, HOLD_ACTIVE, "[\"in_1001\"]");
    office_is(&o, "SELECT count(*) FROM proposals WHERE is_live = 1", 1, "the task");
    say(&o, "U0AE1", "done A-1", "is done");
    holds(&o, HOLD_ACTIVE, "[\"in_1001\",\"in_1002\"]");
    close_two(&o);
}

static void paid(struct office *o)
{
    json_object_set_new(json_array_get(json_at(o->read[1], "invoices"), 0), "status", json_string("paid"));
    office_paid(o, 1);
    office_is(o, "SELECT count(*) FROM recoveries WHERE outcome = 'paid'", 1, "closed");
    office_is(o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "no hold is left");
    office_is(o, "SELECT count(*) FROM proposals WHERE is_live = 1", 0, "nobody has anything to do any more");
    the_books_are_sealed(o);
}

static void who_has_paid_leaves_nobody_a_task(void **state)
{
    (void)state;
    struct office o;
    for (int i = 0; i < 4; i++) { /* hold or plan, before the hand or after it */
        open_by_hand(&o, AT_ZUORA);
        if (i % 2)
            plan(&o);
        if (i / 2)
            say(&o, "U0AE1", i % 2 ? "done A-2" : "done A-1", "is done");
        paid(&o);
        assert_non_null(write_of("stripe", "release"));
        close_two(&o);
    }
}

static void who_has_paid_leaves_nobody_a_task_at_either(void **state)
{
    (void)state;
    struct office o;
    for (int done = 0; done < 2; done++) {
        open_by_hand(&o, AT_BOTH);
        if (done)
            say(&o, "U0AE1", "done A-1", "is done");
        paid(&o);
        office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 2", done, "what was never stopped is not begun again");
        office_is(&o, "SELECT count(*) FROM effects WHERE proposal_id > 0", 0, "the machines were never asked");
        close_two(&o);
    }
}

static void who_has_paid_has_nothing_begun_again(void **state)
{
    (void)state;
    struct office o;
    open_ticked(&o, AT_ZUORA);
    say(&o, "U0AE1", "resume northwind", "resume");
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 2 AND state = 9 AND outcome LIKE 'by hand at zuora %'", 1, "half released");
    office_is(&o, "SELECT count(*) FROM journal WHERE text LIKE 'Billing was still holding%'", 0, "and not held late");
    paid(&o);
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 2 AND state = 11", 1, "the rest is needless");
    close_two(&o);
}

static void what_is_paid_is_nobodys_task_and_nobody_elses_invoice(void **state)
{
    (void)state;
    struct office o;
    open_ticked(&o, AT_ZUORA);
    json_object_set_new(json_array_get(json_at(o.read[1], "invoices"), 0), "status", json_string("paid"));
    office_event_of(&o, 1);
    say(&o, "U0AE1", "resume northwind", "resume");
    assert_int_equal(json_array_size(json_at(write_of("stripe", "release"), "args.invoices")), 1);
    assert_string_equal(json_str(write_of("stripe", "release"), "args.invoices.0", ""), "in_1001");
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 2 AND state = 11", 1, "nobody has anything to do at zuora");
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "no hold is left");
    close_two(&o);
}

static void a_plan_taken_back_leaves_no_hold_of_its_own(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    office_event_of(&o, 1);
    say(&o, "U0AE1", "resume northwind", "resume");
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "no hold");
    zuora_by_hand = true;
    int64_t id = plan(&o);
    holds(&o, HOLD_ACTIVE, "[\"in_1001\"]");
    AUTO_STR back = str_fmt("withdraw A-%lld why they pay by card", (long long)id);
    say(&o, "U0AE1", back, "Taken back");
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "and none is left");
    close_two(&o);
}

static void a_part_that_never_left_does_not_keep_the_rest(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    at_zuora = BUSY;
    office_event_of(&o, 1);
    office_is(&o, "SELECT state FROM proposals", PROPOSAL_EXECUTING, "one of two has done its part");
    the_books_are_sealed(&o);
    paid(&o);
    assert_non_null(write_of("stripe", "release"));
    assert_null(write_of("zuora", "hold"));
    close_two(&o);
}

/* The newest card of that name, as people read it. */
static void reads(struct office *o, const char *key, const char *const *pieces)
{
    AUTO_STR card = office_read_card(json_at(office_sent(o, key), "args.card"));
    for (; *pieces; pieces++)
        assert_says(card, *pieces);
}

static void each_place_is_named_with_its_own(void **state)
{
    static const char *const first[] = {"$49,400.00 unpaid on 2 invoices, and besides €300.00", "Owed: $48,200.00 at stripe, $1,200.00 and €300.00 at zuora",
                                        "On hold until {ms:1798621200000} ({ago:1798621200000}), confirmed by stripe (H-1)",
                                        "confirmed by stripe; by hand at zuora ($1,200.00 on 1002): Stop the dunning there. When it is done: done A-1",
                                        "by hand at zuora (€300.00 on 2002)", "Unpaid: $49,400.00 (stripe and zuora)", "[A-1 is done by hand = done A-1 (", NULL};
    static const char *const request[] = {"2. 2 Feb 2027: $24,700.00 ($23,500.00 at stripe, $1,200.00 at zuora)\n", "Dunwell collects each instalment where its invoice is.",
                                        "\n- at stripe ($48,200.00): Dunwell does it.\n- at zuora ($1,200.00 and €300.00): a person does it by hand. Stop the dunning there.", NULL};
    static const char *const waits[] = {"Now: confirmed by stripe; by hand at zuora ($1,200.00 and €300.00 on 1002, 2002)", "[It is done by hand = done A-3 (", NULL};
    static const char *const after[] = {"confirmed by stripe, done by hand at zuora (H-1", NULL};
    (void)state;
    struct office o;
    open_by_hand(&o, AT_ZUORA);
    zuora_bills_more(&o, "in_2002", 30000);
    json_put(json_array_get(json_at(o.read[1], "invoices"), 1), "currency", "EUR");
    office_event_of(&o, 1);
    reads(&o, "card-N-1", first);
    say(&o, "U0AE1", "status northwind", "$49,400.00 unpaid on 2 invoices, and besides €300.00 (stripe and zuora, just now)");
    assert_int_equal(office_plan(&o, "ae1", "northwind", 2, "renewal in flight").rc, 0);
    office_later(&o, MS_SECOND);
    reads(&o, "card-A-3", request);
    assert_string_equal(json_str(office_sent(&o, "card-A-3"), "args.card.actions.0.confirm.text", ""),
                        "Northwind Ltd: 2 x $24,700.00 from 2 Jan 2027. It is executed at stripe right away, without a time to undo it. At zuora a person does it by hand; it "
                        "counts as done when that is done too.");
    assert_int_equal(office_approve(&o, "manager1", 3, 0).rc, 0);
    office_later(&o, MS_SECOND);
    reads(&o, "card-A-3", waits);
    AUTO_STR said = office_click(&o, "U0AE1", "done", "A-3@5");
    assert_says(said, "A-3 is done, by your word.");
    reads(&o, "card-N-1", after);
    close_two(&o);
}

/* The hold was there before the plan: a plan that is taken back leaves it as it was. */
static void a_plan_taken_back_leaves_the_hold_that_was_there(void **state)
{
    (void)state;
    struct office o;
    open_by_hand(&o, AT_ZUORA);
    int64_t end = office_i64(&o, "SELECT end_ms FROM holds");
    int64_t id = plan(&o);
    AUTO_STR back = str_fmt("withdraw A-%lld why they pay by card", (long long)id);
    say(&o, "U0AE1", back, "Taken back");
    office_is(&o, "SELECT count(*) FROM holds", 1, "one hold");
    holds(&o, HOLD_ACTIVE, "[\"in_1001\"]");
    assert_int_equal(office_i64(&o, "SELECT end_ms FROM holds"), end);
    assert_null(write_of("stripe", "release"));
    close_two(&o);
}

/* Owed at zuora alone, where holds are a person's work. */
static int64_t plan_at_zuora(struct office *o, bool native)
{
    open_two(o);
    zuora_by_hand = true;
    zuora_plans = native;
    json_object_set_new(json_array_get(json_at(o->read[0], "invoices"), 0), "status", json_string("paid"));
    office_event_of(o, 1);
    office_is(o, "SELECT count(*) FROM proposals WHERE id = 1 AND outcome LIKE 'by hand at zuora %'", 1, "the hold is a task");
    assert_int_equal(office_plan(o, "ae1", "northwind", 2, "renewal in flight").rc, 0);
    office_later(o, MS_SECOND);
    assert_non_null(write_of("zuora", "plan"));
    return office_last(o);
}

static void its_own_schedule_needs_no_hand(void **state)
{
    (void)state;
    struct office o;
    int64_t id = plan_at_zuora(&o, true);
    office_is(&o, "SELECT count(*) FROM plans WHERE state = 'running' AND mode = 'native'", 1, "it runs at once");
    assert_int_equal(office_state(&o, id), PROPOSAL_CONFIRMED);
    office_is(&o, "SELECT count(*) FROM hands", 0, "nobody is asked for anything");
    close_two(&o);
}

static void a_plan_that_dunwell_keeps_waits_for_the_hand(void **state)
{
    (void)state;
    struct office o;
    int64_t id = plan_at_zuora(&o, false);
    AUTO_STR done = str_fmt("done A-%lld", (long long)id);
    office_is(&o, "SELECT count(*) FROM plans", 0, "billing would collect all of it meanwhile");
    assert_int_equal(office_state(&o, id), PROPOSAL_EXECUTING);
    say(&o, "U0AE1", done, "is done, by your word.");
    office_is(&o, "SELECT count(*) FROM plans WHERE state = 'running'", 1, "now it runs");
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'plan'", 1, "told once");
    holds(&o, HOLD_ACTIVE, "[\"in_1002\"]");
    close_two(&o);
}

/* More time for what needs a hand as well: asked for no longer than it makes sense. */
static void a_task_of_more_time_has_an_end_too(void **state)
{
    (void)state;
    struct office o;
    open_ticked(&o, AT_ZUORA);
    zuora_bills_more(&o, "in_2002", 5000);
    office_event_of(&o, 1);
    office_is(&o, "SELECT count(*) FROM proposals WHERE id = 2 AND verb = 1 AND outcome LIKE 'by hand at zuora ($50.00 on 2002): %'", 1, "a task");
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'by_hand' AND ref = 2 AND due_ms = (SELECT end_ms + 60000 FROM holds)", 1, "until the hold ends");
    close_two(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_waits_for_as_long_as_the_hold),
        cmocka_unit_test(what_is_given_up_by_hand_in_part_is_so_as_a_whole),
        cmocka_unit_test(nothing_of_the_machines_is_one_request_too),
        cmocka_unit_test(one_part_each),
        cmocka_unit_test(a_plan_begins_when_all_of_it_is_quiet),
        cmocka_unit_test(a_plan_nobody_makes_quiet_does_not_begin),
        cmocka_unit_test(a_task_that_nobody_does_ends_with_the_hold),
        cmocka_unit_test(nothing_was_ever_stopped),
        cmocka_unit_test(who_cannot_do_it_says_so),
        cmocka_unit_test(what_was_done_by_hand_is_put_back_by_hand),
        cmocka_unit_test(a_refusal_calls_the_task_off),
        cmocka_unit_test(a_new_invoice_is_one_task_and_an_old_one_none),
        cmocka_unit_test(what_a_machine_can_hold_does_not_wait_for_a_hand),
        cmocka_unit_test(who_has_paid_leaves_nobody_a_task),
        cmocka_unit_test(who_has_paid_leaves_nobody_a_task_at_either),
        cmocka_unit_test(each_place_is_named_with_its_own),
        cmocka_unit_test(who_has_paid_has_nothing_begun_again),
        cmocka_unit_test(what_is_paid_is_nobodys_task_and_nobody_elses_invoice),
        cmocka_unit_test(a_plan_taken_back_leaves_no_hold_of_its_own),
        cmocka_unit_test(a_part_that_never_left_does_not_keep_the_rest),
        cmocka_unit_test(a_plan_taken_back_leaves_the_hold_that_was_there),
        cmocka_unit_test(its_own_schedule_needs_no_hand),
        cmocka_unit_test(a_plan_that_dunwell_keeps_waits_for_the_hand),
        cmocka_unit_test(a_task_of_more_time_has_an_end_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
