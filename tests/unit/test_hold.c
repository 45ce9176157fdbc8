/* Holds: each has an end and an owner, what was before is put back, and nothing stays quiet at billing without a row that
 * answers for it - in whatever order answers, timers and people come. */
#include "tests/unit/cases.h"

static struct hold *held(struct office *o)
{
    struct recovery *r = recovery_open_for(&o->e, "northwind");
    struct hold *h = r ? hold_of_case(&o->e, r->id) : NULL;
    recovery_free(r);
    return h;
}

static void check_held(struct office *o, enum hold_state state, int64_t end_ms)
{
    struct hold *h = held(o);
    if (!h || h->state != state || (end_ms && h->end_ms != end_ms))
        fail_msg("the hold is %s until %lld", h ? hold_state_name(h->state) : "not there", h ? (long long)h->end_ms : 0);
    hold_free(h);
}

static int64_t end_of(struct office *o)
{
    return office_i64(o, "SELECT end_ms FROM holds ORDER BY id DESC LIMIT 1");
}

static void release_done(struct office *o, const char *invoice)
{
    AUTO_STR like = str_fmt("%%%s%%", invoice);
    if (store_i64(o->store, 0, "SELECT count(*) FROM effects WHERE op = 'release' AND state = 4 AND args LIKE ?1", "t", like) < 1)
        fail_msg("%s was not released", invoice);
}

static void a_hold_asks_ends_and_resumes(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    check_held(&o, HOLD_ACTIVE, 0);
    office_is(&o, "SELECT count(*) FROM holds WHERE owner = 'ae1' AND end_ms > start_ms", 1, "an owner and an end");
    office_is(&o, "SELECT count(*) FROM effects, holds WHERE op = 'hold' AND json_extract(args, '$.until_ms') = end_ms", 1, "which billing is told");
    int64_t end = end_of(&o), ask = office_i64(&o, "SELECT ask_ms FROM holds");
    assert_true(ask < end);
    o.now_ms = ask - 1;
    office_later(&o, 0);
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'hold.asks'", 0, "nobody is asked before the time");
    office_later(&o, 1);
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'hold.asks'", 1, "the owner is asked once");
    o.now_ms = end - 1;
    office_later(&o, 0);
    check_held(&o, HOLD_ACTIVE, end);
    office_later(&o, 1);
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 3", 1, "released at its end");
    release_done(&o, "in_1001");
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_WAITING, "billing's own schedule is next");
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'link_over'", 1, "and somebody looks");
    office_later(&o, 6 * MS_DAY);
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_QUEUED, "a collector has it in the end");
    office_close(&o);
}

static void a_hold_that_fails_says_so(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    o.biller_says_no = true;
    office_event_of(&o, 1);
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 4", 1, "failed");
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_QUEUED, "a person decides");
    office_is(&o, "SELECT count(*) FROM recoveries WHERE next_step LIKE '%the invoice is gone%'", 1, "and reads why");
    office_is(&o, "SELECT count(*) FROM timers WHERE kind IN ('hold_end', 'hold_ask')", 0, "no timer is left");
    office_close(&o);
}

static void an_extension_moves_the_end(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    int64_t first = end_of(&o);
    assert_int_equal(office_hold(&o, "ae1", "northwind", 13).rc, 0);
    office_turn(&o, NULL, NULL);
    check_held(&o, HOLD_ACTIVE, OFFICE_NOW + 13 * MS_DAY);
    office_is(&o, "SELECT count(*) FROM effects, holds WHERE op = 'hold' AND json_extract(args, '$.until_ms') = end_ms", 1, "which billing is told");
    o.now_ms = first;
    office_later(&o, MS_MINUTE);
    check_held(&o, HOLD_ACTIVE, OFFICE_NOW + 13 * MS_DAY); /* the old timer ends nothing */
    o.now_ms = OFFICE_NOW + 13 * MS_DAY;
    office_later(&o, 0);
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 3", 1, "released at the new end");
    office_close(&o);
}

static void an_extension_on_its_way_comes_before_the_end(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    int64_t end = end_of(&o);
    o.now_ms = end - MS_HOUR / 2;
    office_event_of(&o, 1); /* fresh facts */
    o.biller_silent = true;
    assert_int_equal(office_hold(&o, "ae1", "northwind", 5).rc, 0);
    office_turn(&o, NULL, NULL);
    int64_t until = o.now_ms + 5 * MS_DAY;
    assert_int_equal(office_state(&o, office_last(&o)), PROPOSAL_UNKNOWN);
    o.now_ms = end;
    for (int i = 0; i < 3; i++)
        office_later(&o, 10 * MS_MINUTE);
    check_held(&o, HOLD_ACTIVE, end);
    o.biller_silent = false;
    office_later(&o, MS_HOUR);
    check_held(&o, HOLD_ACTIVE, until);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'release'", 0, "nothing was released in between");
    office_close(&o);
}

/* Asked on Friday, ended on Saturday, approved on Monday: what is held then has an end again. */
static void an_extension_of_a_hold_that_is_over_is_a_new_hold(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    o.now_ms = end_of(&o) - 12 * MS_HOUR;
    office_event_of(&o, 1);
    assert_int_equal(office_hold(&o, "ae1", "northwind", 30).rc, 0);
    int64_t id = office_last(&o), until = o.now_ms + 30 * MS_DAY;
    assert_int_equal(office_state(&o, id), PROPOSAL_ASKED);
    o.now_ms = end_of(&o);
    office_later(&o, 0);
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 3", 1, "the hold has ended");
    assert_int_equal(office_approve(&o, "manager1", id, 0).rc, 0);
    office_turn(&o, NULL, NULL);
    assert_int_equal(office_state(&o, id), PROPOSAL_CONFIRMED);
    check_held(&o, HOLD_ACTIVE, until);
    office_is(&o, "SELECT count(*) FROM timers t JOIN holds h ON h.id = t.ref WHERE t.kind = 'hold_end' AND t.due_ms = h.end_ms AND h.state = 1", 1,
              "with a timer for its end");
    office_close(&o);
}

static void resumed_while_it_is_extended_all_of_it_is_released(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    json_t *invoices = json_at(o.read[0], "invoices"), *second = json_deep_copy(json_array_get(invoices, 0));
    json_put(second, "id", "in_2002");
    json_array_append_new(invoices, second);
    o.biller_silent = true;
    office_event_of(&o, 1); /* a second invoice: the hold is extended to it, and no answer comes */
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 1 AND state = 10", 1, "unknown");
    office_event_of(&o, 1);
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 1", 1, "asked once, though the account was read twice");
    free(office_say(&o, "U0AE1", "resume northwind"));
    check_held(&o, HOLD_RELEASING, 0);
    o.biller_silent = false;
    for (int i = 0; i < 3; i++)
        office_later(&o, MS_HOUR);
    release_done(&o, "in_1001");
    release_done(&o, "in_2002");
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "nothing is held");
    office_close(&o);
}

static void paid_while_it_starts_it_is_released(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    o.biller_silent = true;
    office_event_of(&o, 1);
    check_held(&o, HOLD_STARTING, 0);
    office_paid(&o, 1);
    office_is(&o, "SELECT is_open FROM recoveries", 0, "closed");
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 0", 1, "billing has not answered yet");
    o.biller_silent = false;
    for (int i = 0; i < 3; i++)
        office_later(&o, MS_HOUR);
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 3", 1, "released when it had started");
    office_close(&o);
}

static void a_release_that_fails_is_tried_again(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    o.now_ms = end_of(&o);
    o.biller_says_no = true;
    office_later(&o, 0);
    check_held(&o, HOLD_RELEASING, 0);
    office_is(&o, "SELECT count(*) FROM recoveries WHERE next_step LIKE '%asked again%'", 1, "the case says so");
    office_later(&o, MS_HOUR);
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 2 AND state = 12", 2, "tried twice");
    o.biller_says_no = false;
    office_later(&o, MS_HOUR);
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 3", 1, "released in the end");
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'release'", 0, "and no more");
    office_close(&o);
}

/* Billing found all of it paid when it was to hold it, and says no when it is asked to resume nothing. */
static void a_hold_of_nothing_comes_to_an_end_too(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    store_begin(o.store);
    store_run(o.store, "UPDATE holds SET invoices = '[]'", "");
    assert_int_equal(store_commit(o.store, NULL), 0);
    o.now_ms = end_of(&o);
    o.biller_says_no = true;
    office_later(&o, 0);
    check_held(&o, HOLD_RELEASING, 0);
    o.biller_says_no = false;
    office_later(&o, MS_HOUR);
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 3", 1, "over");
    office_close(&o);
}

/* A hold whose end has come, and billing, which can be reached again, has refused to release it. */
static void office_refused_release(struct office *o)
{
    office_open(o, false);
    office_event_of(o, 1);
    o->now_ms = end_of(o);
    o->biller_says_no = true;
    office_later(o, 0);
    check_held(o, HOLD_RELEASING, 0);
    o->biller_says_no = false;
}

static void a_release_that_failed_does_not_end_a_newer_hold(void **state)
{
    (void)state;
    struct office o;
    office_refused_release(&o);
    assert_int_equal(office_hold(&o, "ae1", "northwind", 5).rc, 0);
    office_turn(&o, NULL, NULL);
    check_held(&o, HOLD_ACTIVE, o.now_ms + 5 * MS_DAY);
    office_later(&o, 2 * MS_HOUR);
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 1", 1, "the newer one is in force");
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 3", 1, "the older one is over");
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 2 AND state = 11", 0, "and nothing was released");
    office_close(&o);
}

/* The release is on its way and not out when the payment comes: it is still owed. */
static void a_closing_case_still_releases(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    o.biller_silent = true;
    assert_int_equal(office_hold(&o, "ae1", "northwind", 10).rc, 0); /* fills the lane */
    office_turn(&o, NULL, NULL);
    free(office_say(&o, "U0AE1", "resume northwind"));
    office_paid(&o, 1);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'release' AND state = 0", 1, "it waits behind");
    o.biller_silent = false;
    for (int i = 0; i < 3; i++)
        office_later(&o, MS_HOUR);
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "nothing is held");
    office_is(&o, "SELECT count(*) FROM proposals WHERE is_live = 1", 0, "and nothing waits");
    office_close(&o);
}

static void what_was_first_is_put_back(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    AUTO_JSON was = json_pack("{s:{s:{s:b}}, s:[s]}", "prior", "in_1001", "auto_advance", 1, "held", "in_1001");
    AUTO_JSON again = json_pack("{s:{s:{s:b}, s:{s:b}}, s:[s, s]}", "prior", "in_1001", "auto_advance", 0, "in_9", "auto_advance", 1, "held", "in_1001", "in_9");
    struct recovery *r = office_case(&o, "northwind");
    struct hold *h = held(&o);
    office_begin(&o);
    json_object_clear(h->prior);
    store_run(o.store, "UPDATE holds SET state = 0, prior = '{}' WHERE id = ?1", "i", h->id);
    AUTO_JSON terms = hold_terms(r, o.now_ms + MS_DAY, o.now_ms, "resume", "x");
    hold_confirmed(&o.e, r, h->id, terms, was);
    hold_confirmed(&o.e, r, h->id, terms, again);
    office_commit(&o);
    hold_free(h);
    h = held(&o);
    assert_true(json_flag(h->prior, "in_1001.auto_advance", false)); /* not what our own hold had made of it */
    assert_true(json_flag(h->prior, "in_9.auto_advance", false));
    hold_free(h);
    office_begin(&o);
    store_run(o.store, "UPDATE holds SET state = 2", "");
    int64_t next = hold_start(&o.e, r, terms);
    office_commit(&o);
    h = hold_load(&o.e, next);
    assert_true(json_flag(h->prior, "in_1001.auto_advance", false)); /* a hold that follows inherits it */
    AUTO_JSON quiet = json_pack("{s:{s:{s:b}}, s:[s]}", "prior", "in_1001", "auto_advance", 0, "held", "in_1001");
    hold_free(h);
    office_begin(&o);
    hold_confirmed(&o.e, r, next, terms, quiet);
    office_commit(&o);
    h = hold_load(&o.e, next);
    assert_true(json_flag(h->prior, "in_1001.auto_advance", false)); /* and keeps it, though it found the invoice quiet */
    hold_free(h);
    office_begin(&o);
    store_run(o.store, "UPDATE holds SET prior = '{}'", ""); /* as a biller leaves it that quietens with the plan itself */
    hold_confirmed(&o.e, r, next, terms, quiet);
    office_commit(&o);
    h = hold_load(&o.e, next);
    assert_null(json_object_get(h->prior, "in_1001")); /* our own quiet is not what was before */
    hold_free(h);
    recovery_free(r);
    office_close(&o);
}

static void a_hold_in_part_is_nobodys_secret(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 2); /* a retry is scheduled; its hold is in force */
    struct recovery *r = office_case(&o, "acme-corp");
    AUTO_JSON result = json_pack("{s:[s], s:{s:{s:b}}}", "held", "in_7", "prior", "in_7", "auto_advance", 1);
    struct hold *h = hold_of_case(&o.e, r->id);
    office_begin(&o);
    hold_partly(&o.e, r, h->id, "in_8 is gone", result);
    office_commit(&o);
    hold_free(h);
    h = hold_of_case(&o.e, r->id);
    assert_int_equal(json_array_size(h->invoices), 2); /* the hold in force answers for it */
    assert_int_equal(h->state, HOLD_ACTIVE);            /* and stays in force */
    assert_true(json_flag(h->prior, "in_7.auto_advance", false));
    office_begin(&o);
    store_run(o.store, "UPDATE holds SET state = 4, is_live = 0", "");
    hold_partly(&o.e, r, h->id, "in_8 is gone", result);
    office_commit(&o);
    hold_free(h);
    office_turn(&o, NULL, NULL);
    release_done(&o, "in_7"); /* with none in force it is released again */
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "nothing is held");
    recovery_free(r);
    office_close(&o);
}

/* A hold that only keeps billing still until our own retry ends by itself: nobody is asked, and a later rule moves the same hold. */
static void a_hold_for_a_retry_asks_nobody_and_is_moved(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 2);
    struct recovery *r = office_case(&o, "acme-corp");
    struct hold *h = hold_of_case(&o.e, r->id);
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'hold_end'", 1, "it ends");
    office_is(&o, "SELECT count(*) FROM timers WHERE kind = 'hold_ask'", 0, "and nobody is asked before");
    int64_t asked = office_i64(&o, "SELECT count(*) FROM proposals WHERE verb = 0"), end = h->end_ms + 5 * MS_DAY;
    office_begin(&o);
    hold_until(&o.e, r, end, end, "queue", "the card will not work again");
    office_commit(&o);
    assert_int_equal(office_i64(&o, "SELECT count(*) FROM proposals WHERE verb = 0"), asked); /* billing holds it already */
    hold_free(h);
    h = hold_of_case(&o.e, r->id);
    assert_true(h->state == HOLD_ACTIVE && h->end_ms == end);
    hold_free(h);
    recovery_free(r);
    office_close(&o);
}

/* What an extension names is what is held from then on; what a plan holds besides joins it. */
static void an_extension_names_what_is_held(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    struct recovery *r = office_case(&o, "northwind");
    struct hold *h = hold_of_case(&o.e, r->id);
    AUTO_JSON joins = json_pack("{s:b, s:b}", "joins", 1, "keeps_end", 1);
    AUTO_JSON more = json_pack("{s:[s]}", "held", "in_9");
    AUTO_JSON terms = json_pack("{s:I, s:I, s:[s]}", "end_ms", (json_int_t)h->end_ms, "ask_ms", (json_int_t)h->ask_ms, "invoices", "in_9");
    office_begin(&o);
    hold_confirmed(&o.e, r, h->id, joins, more);
    office_commit(&o);
    struct hold *joined = hold_of_case(&o.e, r->id);
    assert_int_equal(json_array_size(joined->invoices), 2);
    office_begin(&o);
    hold_confirmed(&o.e, r, h->id, terms, more);
    office_commit(&o);
    struct hold *named = hold_of_case(&o.e, r->id);
    assert_int_equal(json_array_size(named->invoices), 1);
    assert_true(json_has_text(named->invoices, "in_9"));
    office_begin(&o);
    hold_release(&o.e, r, "resumed");
    hold_confirmed(&o.e, r, h->id, terms, more); /* the answer to it once more */
    office_commit(&o);
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 2", 1, "nothing more to release, nothing more is asked");
    hold_free(h);
    hold_free(joined);
    hold_free(named);
    recovery_free(r);
    office_close(&o);
}

/* An answer that comes when nothing waits for it. */
static void late_words_end_nothing(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    struct recovery *r = office_case(&o, "northwind");
    struct hold *h = hold_of_case(&o.e, r->id);
    AUTO_JSON terms = json_pack("{s:[s]}", "invoices", "in_1001");
    office_begin(&o);
    hold_released(&o.e, r, h->id, terms);
    hold_release_again(&o.e, r, h->id);
    hold_failed(&o.e, r, h->id, "the invoice is gone");
    office_commit(&o);
    check_held(&o, HOLD_ACTIVE, h->end_ms);
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 2", 0, "and nothing is released");
    hold_free(h);
    recovery_free(r);
    office_close(&o);
}

static void one_withdrawn_before_billing_was_asked_is_over(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    struct recovery *r = office_case(&o, "northwind");
    office_begin(&o);
    store_run(o.store, "UPDATE holds SET state = 4, is_live = 0", "");
    AUTO_JSON terms = hold_terms(r, o.now_ms + MS_DAY, o.now_ms + MS_HOUR, "resume", "somebody's word");
    hold_start(&o.e, r, terms);
    office_commit(&o);
    check_held(&o, HOLD_STARTING, 0);
    office_begin(&o);
    hold_release(&o.e, r, "not any more");
    office_commit(&o);
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 3", 1, "over");
    office_is(&o, "SELECT count(*) FROM proposals WHERE verb = 2", 0, "with nothing to release");
    recovery_free(r);
    office_close(&o);
}

static void a_newer_hold_of_a_dispute_leaves_it_one(void **state)
{
    (void)state;
    struct office o;
    office_refused_release(&o);
    free(office_say(&o, "U0AE1", "dispute northwind half of it never came"));
    office_turn(&o, NULL, NULL);
    check_held(&o, HOLD_ACTIVE, 0);
    office_later(&o, 2 * MS_HOUR);
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 3", 1, "the older one is over");
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_DISPUTED, "and the dispute is not");
    office_close(&o);
}

static void a_hold_that_a_person_asked_for_is_what_is_next(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 3);
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_QUEUED, "queued");
    assert_int_equal(office_hold(&o, "col1", "acme-east", 5).rc, 0);
    office_turn(&o, NULL, NULL);
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_HELD, "held");
    office_is(&o, "SELECT count(*) FROM recoveries WHERE next_step LIKE 'Notices and retries resume by themselves on %' AND next_ms = (SELECT end_ms FROM holds)", 1, "until its end");
    office_close(&o);
}

/* The end of its hold has come, and billing refuses: somebody settles the dispute still. */
static void a_release_that_failed_leaves_a_dispute_one(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    free(office_say(&o, "U0AE1", "dispute northwind half of it never came"));
    o.now_ms = end_of(&o);
    o.biller_says_no = true;
    office_later(&o, 0);
    check_held(&o, HOLD_RELEASING, 0);
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_DISPUTED, "disputed");
    o.biller_says_no = false;
    office_later(&o, 2 * MS_HOUR);
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 0, "released in the end");
    office_is(&o, "SELECT state FROM recoveries", RECOVERY_DISPUTED, "and disputed all the while");
    office_close(&o);
}

static void one_hold_a_case(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 4); /* a hard decline of a small account: queued, no hold */
    assert_int_equal(office_hold(&o, "col1", "studio", 30).rc, 0);
    int64_t asked = office_last(&o);
    if (office_state(&o, asked) != PROPOSAL_ASKED)
        fail_msg("30 days need a manager");
    assert_int_equal(office_hold(&o, "ae2", "studio", 3).rc, ERR_CONFLICT);
    free(office_say(&o, "U0COL1", "dispute studio wrong amount")); /* starts a hold by itself */
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 1", 1, "a hold is in force");
    assert_int_equal(office_state(&o, asked), PROPOSAL_VOIDED); /* and asked again, under the dispute */
    asked = office_i64(&o, "SELECT id FROM proposals WHERE state = 2");
    assert_int_equal(office_approve(&o, "manager1", asked, 0).rc, 0);
    office_turn(&o, NULL, NULL);
    office_is(&o, "SELECT count(*) FROM holds WHERE is_live = 1", 1, "still one");
    office_is(&o, "SELECT count(DISTINCT ref) FROM timers WHERE kind = 'hold_end'", 1, "with one end");
    office_close(&o);
}

static void shadow_after_live_ends_nothing_and_forgets_nothing(void **state)
{
    (void)state;
    struct office o;
    office_open(&o, false);
    office_event_of(&o, 1);
    o.e.shadow = true;
    engine_forget(&o.e);
    o.now_ms = end_of(&o);
    office_later(&o, 0);
    free(office_say(&o, "U0AE1", "resume northwind"));
    office_later(&o, MS_DAY);
    check_held(&o, HOLD_ACTIVE, 0);
    office_is(&o, "SELECT count(*) FROM effects WHERE op = 'release'", 0, "nothing is executed");
    o.e.shadow = false;
    engine_forget(&o.e);
    office_later(&o, 2 * MS_HOUR);
    office_is(&o, "SELECT count(*) FROM holds WHERE state = 3", 1, "live again, it ends");
    office_close(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hold_asks_ends_and_resumes),
        cmocka_unit_test(a_hold_that_fails_says_so),
        cmocka_unit_test(an_extension_moves_the_end),
        cmocka_unit_test(an_extension_on_its_way_comes_before_the_end),
        cmocka_unit_test(an_extension_of_a_hold_that_is_over_is_a_new_hold),
        cmocka_unit_test(resumed_while_it_is_extended_all_of_it_is_released),
        cmocka_unit_test(paid_while_it_starts_it_is_released),
        cmocka_unit_test(a_release_that_fails_is_tried_again),
        cmocka_unit_test(a_hold_of_nothing_comes_to_an_end_too),
        cmocka_unit_test(a_release_that_failed_does_not_end_a_newer_hold),
        cmocka_unit_test(a_closing_case_still_releases),
        cmocka_unit_test(what_was_first_is_put_back),
        cmocka_unit_test(a_hold_in_part_is_nobodys_secret),
        cmocka_unit_test(a_hold_for_a_retry_asks_nobody_and_is_moved),
        cmocka_unit_test(an_extension_names_what_is_held),
        cmocka_unit_test(late_words_end_nothing),
        cmocka_unit_test(one_withdrawn_before_billing_was_asked_is_over),
        cmocka_unit_test(a_newer_hold_of_a_dispute_leaves_it_one),
        cmocka_unit_test(a_hold_that_a_person_asked_for_is_what_is_next),
        cmocka_unit_test(a_release_that_failed_leaves_a_dispute_one),
        cmocka_unit_test(one_hold_a_case),
        cmocka_unit_test(shadow_after_live_ends_nothing_and_forgets_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
