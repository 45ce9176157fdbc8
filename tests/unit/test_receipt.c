/* Receipts: the card that was decided on is kept, the decision names it, and an edit of anything that decides is found. */
#include "engine/receipt.h"
#include "tests/unit/cases.h"

static int64_t decided(struct office *o)
{
    office_open(o, false);
    office_event_of(o, 1);
    struct done d = office_plan(o, "ae1", "northwind", 6, "renewal in flight");
    if (d.rc != 0)
        fail_msg("%s", d.err.text);
    office_turn(o, NULL, NULL);
    int64_t id = office_last(o);
    AUTO_STR value = str_fmt("A-%lld@2", (long long)id);
    AUTO_STR said = office_click(o, "U0MAN1", "approve", value);
    office_turn(o, NULL, NULL);
    assert_int_equal(office_state(o, id), PROPOSAL_CONFIRMED);
    return id;
}

static void holds(struct office *o)
{
    struct err e = {0};
    office_proves(o);
    if (seals_verify(o->store, &e) != 0)
        fail_msg("%s", e.text);
}

static void the_card_that_was_seen_is_kept(void **state)
{
    struct office o;
    char id[RECEIPT_SIZE];
    (void)state;
    int64_t a = decided(&o);
    AUTO_STR of = str_fmt("A-%lld", (long long)a);
    AUTO_STR key = str_fmt("card-A-%lld-1", (long long)a);
    assert_int_equal(strlen(receipt_of(&o.e, of, id)), 10);
    assert_int_equal(strncmp(id, "R-", 2), 0);
    struct receipt one, by_ref[4];
    assert_int_equal(receipts_find(o.store, id, &one, 1), 1);
    assert_int_equal(receipts_find(o.store, of, by_ref, DW_ARRAY_LEN(by_ref)), 1);
    assert_string_equal(by_ref[0].id, id);
    int64_t seq = by_ref[0].seq;
    assert_int_equal(seq, one.seq);
    office_is(&o, "SELECT count(*) FROM shown", 1, "one card is left: the one that was decided on");
    json_auto_t *posted = json_deep_copy(json_at(office_sent(&o, key), "args.card"));
    AUTO_STR text = json_text(posted);
    char hash[65];
    text_sha256(hash, text); /* byte for byte what was sent */
    int64_t same = store_i64(o.store, 0, "SELECT count(*) FROM shown WHERE hash = ?1 AND card = ?2", "tt", hash, text);
    assert_int_equal(same, 1);
    AUTO_STR named = str_fmt("%%\"card\":\"%s\"%%", hash);
    assert_int_equal(store_i64(o.store, 0, "SELECT count(*) FROM journal WHERE seq = ?1 AND detail LIKE ?2", "it", seq, named), 1);
    AUTO_STR card = str_fmt("card-A-%lld", (long long)a);
    AUTO_STR now = office_read_card(json_at(office_sent(&o, card), "args.card"));
    assert_says(now, id);
    AUTO_STR thread = str_fmt("reply-A-%lld-approved", (long long)a);
    assert_says(json_str(office_sent(&o, thread), "args.text", ""), id);
    holds(&o);
    office_close(&o);
}

static void what_nobody_decided_on_is_dropped(void **state)
{
    struct office o;
    (void)state;
    office_open(&o, false);
    office_event_of(&o, 1);
    assert_int_equal(office_plan(&o, "ae1", "northwind", 6, "renewal in flight").rc, 0);
    office_turn(&o, NULL, NULL);
    office_rebill(&o, 1, 4000000, "S"); /* less is due: the same request, another card */
    office_event_of(&o, 1);
    office_turn(&o, NULL, NULL);
    assert_true(office_i64(&o, "SELECT count(*) FROM shown") >= 2);
    assert_int_equal(office_approve(&o, "manager1", office_last(&o), 0).rc, 0);
    office_is(&o, "SELECT count(*) FROM shown", 1, "the card that was decided on is left");
    holds(&o);
    office_close(&o);
}

static void every_decision_has_its_own(void **state)
{
    struct office o;
    char yes[RECEIPT_SIZE], no[RECEIPT_SIZE];
    (void)state;
    int64_t a = decided(&o);
    office_event_of(&o, 2);
    AUTO_STR first = str_fmt("A-%lld", (long long)a);
    receipt_of(&o.e, first, yes);
    assert_int_equal(office_plan(&o, "ae2", "acme-corp", 9, "slow season").rc, 0);
    office_turn(&o, NULL, NULL);
    AUTO_STR second = str_fmt("A-%lld", (long long)office_last(&o));
    AUTO_STR command = str_fmt("decline %s too long", second);
    AUTO_STR said = office_say(&o, "U0MAN1", command);
    assert_says(said, "Declined");
    receipt_of(&o.e, second, no);
    assert_int_equal(strlen(no), 10);
    assert_string_not_equal(yes, no);
    AUTO_STR thread = str_fmt("reply-%s-declined", second);
    assert_says(json_str(office_sent(&o, thread), "args.text", ""), no);
    holds(&o);
    office_close(&o);
}

/* Each edit that somebody with the file could make, undone again afterwards; the piece is what the sentence names. */
static const struct {
    const char *edit, *undo, *piece;
} edits[] = {
    {"UPDATE proposals SET amount = amount + 1", "UPDATE proposals SET amount = amount - 1", "request A-"},
    {"UPDATE proposals SET terms = replace(terms, '\"count\":6', '\"count\":7')", "UPDATE proposals SET terms = replace(terms, '\"count\":7', '\"count\":6')", "request A-"},
    {"UPDATE proposals SET requester = 'manager1' WHERE requester = 'ae1'", "UPDATE proposals SET requester = 'ae1' WHERE requester = 'manager1'", "request A-"},
    {"UPDATE proposals SET decider = 'manager2' WHERE decider = 'manager1'", "UPDATE proposals SET decider = 'manager1' WHERE decider = 'manager2'", "request A-"},
    {"UPDATE votes SET reason = 'x' WHERE reason = ''", "UPDATE votes SET reason = '' WHERE reason = 'x'", "the vote on A-"},
    {"UPDATE votes SET person = 'manager2'", "UPDATE votes SET person = 'manager1'", "the vote on A-"},
    {"UPDATE votes SET holder = 'manager2'", "UPDATE votes SET holder = 'manager1'", "the vote on A-"},
    {"UPDATE proposals SET basis = replace(basis, '\"due\":4820000', '\"due\":4820001')", "UPDATE proposals SET basis = replace(basis, '\"due\":4820001', '\"due\":4820000')",
     "request A-"},
    {"UPDATE votes SET revision = revision + 1", "UPDATE votes SET revision = revision - 1", "the vote on A-"},
    {"UPDATE shown SET card = replace(card, 'Northwind', 'Southwind')", "UPDATE shown SET card = replace(card, 'Southwind', 'Northwind')", "a card that was shown of A-"},
    {"UPDATE shown SET hash = '00' || hash", "UPDATE shown SET hash = substr(hash, 3)", "a card that was shown of A-"},
    {"UPDATE effects SET result = replace(result, 'plan_77', 'plan_78')", "UPDATE effects SET result = replace(result, 'plan_78', 'plan_77')", "billing answered"},
    {"UPDATE receipts SET seq = seq - 1", "UPDATE receipts SET seq = seq + 1", "receipt R-"},
    {"UPDATE receipts SET card = 'x' || card", "UPDATE receipts SET card = substr(card, 2)", "receipt R-"},
    {"UPDATE receipts SET person = 'x' || person", "UPDATE receipts SET person = substr(person, 2)", "receipt R-"},
    {"UPDATE receipts SET at_ms = at_ms + 1", "UPDATE receipts SET at_ms = at_ms - 1", "receipt R-"},
    {"UPDATE proposals SET id = id + 100", "UPDATE proposals SET id = id - 100", "is gone from the store"},
    {"INSERT INTO votes SELECT 'A-1', 'manager2', vote, holder, right_used, reason, revision, at_ms FROM votes", "DELETE FROM votes WHERE person = 'manager2'", "the vote on A-1 manager2"},
};

static void run(struct office *o, const char *sql)
{
    AUTO_BUF quoted = BUF(8000);
    buf_addf(&quoted, "sqlite3 %s/office.db <<'END'\n%s;\nEND", o->dir, sql);
    assert_int_equal(system(buf_text(&quoted)), 0);
}

static void an_edit_of_anything_that_decides_is_found(void **state)
{
    struct office o;
    (void)state;
    decided(&o);
    holds(&o);
    for (size_t i = 0; i < DW_ARRAY_LEN(edits); i++) {
        struct err e = {0};
        run(&o, edits[i].edit);
        office_proves(&o); /* the chain itself says nothing of other tables */
        if (seals_verify(o.store, &e) != ERR_INVALID)
            fail_msg("not found: %s", edits[i].edit);
        assert_says(e.text, edits[i].piece);
        run(&o, edits[i].undo);
        holds(&o);
    }
    run(&o, "DELETE FROM shown");
    struct err e = {0};
    assert_int_equal(seals_verify(o.store, &e), ERR_INVALID);
    assert_says(e.text, "the card that was decided on of A-");
    run(&o, "ALTER TABLE votes RENAME TO elsewhere");
    assert_int_equal(seals_verify(o.store, &e), ERR_IO); /* what cannot be read agrees with nothing */
    office_close(&o);
}

static void the_journal_itself_is_chained(void **state)
{
    static const char *const columns[] = {"at_ms = at_ms + 1", "actor = 'x'", "verb = 'x'", "case_id = 9", "account = 'x'", "ref = 'x'", "text = text || '.'", "detail = '{}'", "hash = x'00'"};
    (void)state;
    for (size_t i = 0; i < DW_ARRAY_LEN(columns); i++) {
        struct office o;
        struct journal_report report;
        decided(&o);
        AUTO_STR sql = str_fmt("UPDATE journal SET %s WHERE verb = 'decision.yes'", columns[i]);
        run(&o, sql);
        if (journal_verify(o.store, &report, NULL) != ERR_INVALID)
            fail_msg("not found: %s", sql);
        office_close(&o);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_card_that_was_seen_is_kept),
        cmocka_unit_test(what_nobody_decided_on_is_dropped),
        cmocka_unit_test(every_decision_has_its_own),
        cmocka_unit_test(an_edit_of_anything_that_decides_is_found),
        cmocka_unit_test(the_journal_itself_is_chained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
