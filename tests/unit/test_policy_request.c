/* A change of the policy takes two people: one proposes, another agrees; never the file alone, never alone. */
#include "engine/enrolled.h"
#include "engine/receipt.h"
#include "engine/report.h"
#include "engine/totp.h"
#include "tests/unit/policy_office.h"

static void a_change_takes_another_persons_yes(void **state)
{
    (void)state;
    struct office o;
    open_asked(&o);
    office_event_of(&o, 1);
    says(&o, "U0MAN1", "policy propose why renewals need four", "Proposed: P-1.");
    office_is(&o, "SELECT count(*) FROM policy_requests WHERE state = 'asked' AND difference LIKE 'plans.inside.instalments: 3 becomes 4%'", 1, "asked");
    const json_t *post = office_sent(&o, "card-P-1");
    assert_non_null(post);
    AUTO_STR card = json_text(json_at(post, "args.card"));
    assert_non_null(strstr(card, "plans.inside.instalments: 3 becomes 4"));
    assert_non_null(strstr(card, "Of 1 decisions 0 would differ"));
    says(&o, "U0MAN1", "approve P-1", "own request");
    says(&o, "U0AE1", "approve P-1", "for");
    says(&o, "U0OP1", "policy propose", "P-1 is still open");
    assert_null(agreed);
    says(&o, "U0MAN2", "approve P-1 why makes sense", "is in force");
    assert_string_equal(agreed, draft);
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'policy.in_force' AND actor = 'manager2'", 1, "who, in the journal");
    office_is(&o, "SELECT count(*) FROM votes WHERE subject = 'P-1'", 1, "one vote");
    use(&o, agreed);
    says(&o, "U0MAN2", "approve P-1", "not open any more");
    char version[16];
    AUTO_STR text = policy_text_in_force(o.store, version);
    assert_string_equal(text, draft);
    assert_string_equal(version, policy_version(o.policy));
    close_asked(&o);
}

static void its_card_comes_though_it_was_refused_first(void **state)
{
    (void)state;
    struct office o;
    open_asked(&o);
    o.posts_refused = true;
    says(&o, "U0OP1", "policy propose why x", "Proposed: P-1.");
    o.posts_refused = false;
    o.now_ms += MS_MINUTE;
    office_turn(&o, NULL, NULL);
    office_is(&o, "SELECT count(*) FROM messages WHERE ref = 'P-1' AND state = 'posted'", 1, "it stands");
    close_asked(&o);
}

static void a_click_decides_as_a_command_does(void **state)
{
    (void)state;
    struct office o;
    open_asked(&o);
    says(&o, "U0OP1", "policy propose why x", "Proposed: P-1.");
    int64_t revision = office_i64(&o, "SELECT revision FROM policy_requests");
    AUTO_STR old = str_fmt("P-1@%lld", (long long)revision + 1);
    AUTO_STR value = str_fmt("P-1@%lld", (long long)revision);
    AUTO_STR stale = office_click(&o, "U0MAN1", "approve", old);
    assert_non_null(strstr(stale, "older than the change"));
    AUTO_STR old_no = office_click(&o, "U0MAN1", "decline", old);
    assert_says(old_no, "older than the change");
    AUTO_STR stranger = office_click(&o, "U0AE1", "decline", value);
    assert_says(stranger, "for a manager or finance");
    assert_null(office_sent(&o, "form-slack"));
    AUTO_STR opens = office_click(&o, "U0MAN1", "decline", value);
    assert_string_equal(opens, "");
    const json_t *filled = office_sent(&o, "view-V1-opened");
    assert_string_equal(json_str(filled, "args.form.ref", ""), value);
    assert_says(json_str(filled, "args.form.inputs.0.label", ""), "Why not?");
    AUTO_STR empty = office_form(&o, CHAT_FORM_SUBMIT, "U0MAN1", "decline", value, "{\"why\": \" \"}");
    assert_says(empty, "why: Say why not");
    assert_null(agreed);
    AUTO_STR said = office_click(&o, "U0MAN1", "approve", value);
    assert_non_null(strstr(said, "in force"));
    assert_non_null(agreed);
    close_asked(&o);
}

#define TWO "approvals: {expire_hours: 48, rules: [{name: two, when: {kinds: [policy]}, need: [{count: 2, of: manager}]}]}"

static void open_two(struct office *o)
{
    open_asked(o);
    AUTO_STR two = policy_with("approvals: {expire_hours: 48}", TWO);
    use(o, two);
    says(o, "U0OP1", "policy propose why x", "Proposed: P-1.");
}

static void a_yes_is_taken_back_while_others_are_missing(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    says(&o, "U0MAN1", "unvote P-1", "You have not voted on P-1");
    says(&o, "U0MAN1", "inbox", "P-1 change of policy");
    says(&o, "U0OP1", "unvote P-1", "not voted");
    says(&o, "U0MAN1", "approve P-1", "1 of 2, needs Manager. You can take it back until then: unvote P-1");
    says(&o, "U0MAN1", "inbox", "Nothing waits");
    says(&o, "U0MAN1", "unvote P-1", "taken back: 0 of 2");
    says(&o, "U0MAN2", "approve P-1", "1 of 2");
    assert_null(agreed);
    int64_t revision = office_i64(&o, "SELECT revision FROM policy_requests");
    AUTO_STR value = str_fmt("P-1@%lld", (long long)revision);
    AUTO_STR by_click = office_click(&o, "U0MAN2", "unvote", value);
    assert_says(by_click, "taken back: 0 of 2");
    says(&o, "U0MAN2", "approve P-1", "1 of 2");
    says(&o, "U0MAN1", "approve P-1", "is in force");
    assert_string_equal(agreed, draft);
    says(&o, "U0MAN1", "unvote P-1", "not open");
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'decision.unvote' AND ref = 'P-1'", 2, "both times");
    close_asked(&o);
}

static void nobody_decides_and_it_is_parked(void **state)
{
    (void)state;
    struct office o;
    open_asked(&o);
    says(&o, "U0OP1", "policy propose why x", "Proposed: P-1.");
    AUTO_STR card = json_text(json_at(office_sent(&o, "card-P-1"), "args.card"));
    assert_says(card, "if nobody decides it is parked");
    office_later(&o, 48 * MS_HOUR - MS_SECOND);
    office_is(&o, "SELECT count(*) FROM policy_requests WHERE state = 'asked'", 1, "not yet");
    office_later(&o, MS_SECOND);
    office_is(&o, "SELECT count(*) FROM policy_requests WHERE state = 'parked'", 1, "parked");
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'policy.parked' AND ref = 'P-1'", 1, "in the journal");
    AUTO_STR now = json_text(json_at(office_sent(&o, "card-P-1"), "args.card"));
    assert_says(now, "expired, nothing changed");
    says(&o, "U0MAN1", "approve P-1", "not open any more");
    assert_null(agreed);
    says(&o, "U0OP1", "policy propose why x", "Proposed: P-2.");
    says(&o, "U0MAN1", "approve P-2", "is in force");
    office_later(&o, 72 * MS_HOUR);
    office_is(&o, "SELECT count(*) FROM policy_requests WHERE state = 'in_force'", 1, "its timer is gone");
    close_asked(&o);
}

static void the_report_counts_it(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    o.now_ms += 2 * MS_MINUTE;
    says(&o, "U0MAN1", "approve P-1", "1 of 2");
    says(&o, "U0MAN2", "decline P-1 too generous", "Declined");
    says(&o, "U0OP1", "policy propose why y", "Proposed: P-2.");
    office_later(&o, 49 * MS_HOUR);
    json_auto_t *report = report_approvals(o.store, OFFICE_NOW - MS_DAY, o.now_ms + 1);
    AUTO_STR text = json_text(report);
    assert_says(text, "{\"asked\":2,\"kind\":\"policy\",\"parked\":1,\"reopened\":0,\"withdrawn\":0}");
    AUTO_STR yes = json_text(json_at(report, "rows.0"));
    assert_says(yes, "\"person\":\"manager1\"");
    assert_says(yes, "\"kind\":\"policy\"");
    assert_int_equal(json_i64(json_at(report, "rows.0"), "approved", 0), 1);
    assert_int_equal(json_i64(json_at(report, "rows.0"), "median_ms", 0), 2 * MS_MINUTE);
    assert_int_equal(json_i64(json_at(report, "rows.0"), "overturned", 9), 0);
    assert_int_equal(json_i64(json_at(report, "rows.1"), "declined", 0), 1);
    close_asked(&o);
}

static void whom_the_rule_asks_is_called(void **state)
{
    (void)state;
    struct office o;
    open_asked(&o);
    AUTO_STR asks = policy_with("approvals: {expire_hours: 48}",
                                "approvals: {expire_hours: 48, rules: [{name: whom, when: {kinds: [policy]}, need: [{count: 1, of: manager}], ask: [manager2]}]}");
    use(&o, asks);
    says(&o, "U0OP1", "policy propose why x", "Proposed: P-1.");
    const json_t *ping = office_sent(&o, "ping-");
    assert_non_null(ping);
    assert_string_equal(json_str(ping, "args.channel", ""), "U0MAN2");
    assert_says(json_str(ping, "args.text", ""), "P-1 waits for you: P-1 change of policy to");
    assert_says(json_str(ping, "args.text", ""), "Why you: the rule whom asks you");
    office_is(&o, "SELECT count(*) FROM pings", 1, "nobody else");
    says(&o, "U0MAN2", "inbox", "Why you: the rule whom asks you");
    close_asked(&o);
}

static void what_nobody_decided_on_is_dropped(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    says(&o, "U0MAN1", "approve P-1", "1 of 2");
    office_is(&o, "SELECT count(*) FROM shown WHERE ref = 'P-1'", 2, "as it was asked, and with one yes");
    says(&o, "U0OP1", "withdraw P-1", "Withdrawn");
    office_is(&o, "SELECT count(*) FROM shown WHERE ref = 'P-1'", 1, "the one that was said yes to");
    office_is(&o, "SELECT count(*) FROM shown JOIN receipts ON receipts.card = shown.hash", 1, "that one");
    close_asked(&o);
}

static void what_nobody_could_approve_is_not_asked(void **state)
{
    (void)state;
    struct office o;
    open_asked(&o);
    AUTO_STR none = policy_with("approvals: {expire_hours: 48}", "approvals: {expire_hours: 48, rules: [{name: f, when: {kinds: [policy]}, need: [{count: 1, of: finance}]}]}");
    use(&o, none);
    says(&o, "U0OP1", "policy propose why x", "Nobody could approve this");
    office_is(&o, "SELECT count(*) FROM policy_requests WHERE state = 'asked'", 0, "nothing is asked");
    says(&o, "U0MAN1", "inbox", "Nothing waits");
    close_asked(&o);
}

static void what_comes_into_force_is_what_was_shown(void **state)
{
    (void)state;
    struct office o;
    open_asked(&o);
    says(&o, "U0OP1", "policy propose why x", "Proposed: P-1.");
    store_run(o.store, "UPDATE policy_requests SET text = replace(text, 'instalments: 4', 'instalments: 9')", "");
    says(&o, "U0MAN1", "approve P-1", "is not what was shown");
    store_run(o.store, "UPDATE policy_requests SET text = 'tiers: 7'", "");
    says(&o, "U0MAN1", "approve P-1", "cannot be used any more");
    assert_null(agreed);
    office_is(&o, "SELECT count(*) FROM votes", 0, "no vote");
    says(&o, "U0MAN1", "decline P-1 somebody edited it", "Declined: P-1");
    free(draft);
    free(agreed);
    draft = agreed = NULL;
    office_close(&o); /* its row was edited: the seals do not hold, and shall not */
}

/* The row, the votes and the cards of a change are sealed as those of a request about money are. */
static const struct {
    const char *edit, *undo, *piece;
} edits[] = {
    {"UPDATE policy_requests SET text = text || ' '", "UPDATE policy_requests SET text = substr(text, 1, length(text) - 1)", "request P-"},
    {"UPDATE policy_requests SET requester = 'manager2' WHERE requester = 'op1'", "UPDATE policy_requests SET requester = 'op1' WHERE requester = 'manager2'", "request P-"},
    {"UPDATE policy_requests SET effect = 'x' || effect", "UPDATE policy_requests SET effect = substr(effect, 2)", "request P-"},
    {"UPDATE policy_requests SET id = id + 100", "UPDATE policy_requests SET id = id - 100", "is gone from the store"},
    {"UPDATE votes SET person = 'ae1'", "UPDATE votes SET person = 'manager1'", "the vote on P-1"},
    {"UPDATE shown SET card = 'x' || card", "UPDATE shown SET card = substr(card, 2)", "a card that was shown of P-1"},
    {"UPDATE receipts SET seq = seq - 1", "UPDATE receipts SET seq = seq + 1", "receipt R-"},
};

static void run(struct office *o, const char *sql)
{
    AUTO_BUF quoted = BUF(8000);
    buf_addf(&quoted, "sqlite3 %s/office.db <<'END'\n%s;\nEND", o->dir, sql);
    assert_int_equal(system(buf_text(&quoted)), 0);
}

static void every_decision_on_it_has_a_receipt(void **state)
{
    (void)state;
    struct office o;
    struct receipt of[4];
    struct err e = {0};
    open_asked(&o);
    says(&o, "U0OP1", "policy propose why x", "Proposed: P-1.");
    assert_int_equal(receipts_find(o.store, "P-1", of, 4), 0);
    says(&o, "U0MAN1", "approve P-1 why makes sense", "is in force");
    assert_int_equal(receipts_find(o.store, "P-1", of, 4), 1);
    office_is(&o, "SELECT count(*) FROM shown WHERE ref = 'P-1' AND hash = (SELECT card FROM receipts)", 1, "the card that was seen, and no other");
    office_is(&o, "SELECT count(*) FROM shown", 1, "no other");
    AUTO_STR card = json_text(json_at(office_sent(&o, "card-P-1"), "args.card"));
    assert_says(card, of[0].id);
    says(&o, "U0MAN1", "approvals @manager1", "P-1, change of policy to");
    says(&o, "U0MAN1", "approvals @manager1", of[0].id);
    assert_int_equal(seals_verify(o.store, &e), 0);
    for (size_t i = 0; i < DW_ARRAY_LEN(edits); i++) {
        run(&o, edits[i].edit);
        office_proves(&o);
        if (seals_verify(o.store, &e) != ERR_INVALID)
            fail_msg("not found: %s", edits[i].edit);
        assert_says(e.text, edits[i].piece);
        run(&o, edits[i].undo);
        assert_int_equal(seals_verify(o.store, &e), 0);
    }
    close_asked(&o);
}

static void a_no_by_form_has_its_reason(void **state)
{
    (void)state;
    struct office o;
    open_asked(&o);
    says(&o, "U0OP1", "policy propose why x", "Proposed: P-1.");
    AUTO_STR value = str_fmt("P-1@%lld", (long long)office_i64(&o, "SELECT revision FROM policy_requests"));
    AUTO_STR own = office_form(&o, CHAT_FORM_SUBMIT, "U0OP1", "decline", value, "{\"why\": \"x\"}");
    assert_says(own, "own request");
    AUTO_STR no = office_form(&o, CHAT_FORM_SUBMIT, "U0MAN1", "decline", value, "{\"why\": \"too generous\"}");
    assert_says(no, "Declined: P-1");
    office_is(&o, "SELECT count(*) FROM votes WHERE vote = 'no' AND reason = 'too generous'", 1, "the reason");
    AUTO_STR late = office_form(&o, CHAT_FORM_SUBMIT, "U0MAN2", "decline", value, "{\"why\": \"too late\"}");
    assert_says(late, "not open any more");
    AUTO_STR click = office_click(&o, "U0MAN2", "decline", value);
    assert_says(click, "not open any more");
    close_asked(&o);
}

static void no_and_withdrawn_change_nothing(void **state)
{
    (void)state;
    struct office o;
    open_asked(&o);
    says(&o, "U0OP1", "policy propose why x", "Proposed: P-1.");
    says(&o, "U0MAN1", "decline P-1", "Say why");
    says(&o, "U0MAN1", "decline P-1 too generous", "Declined: P-1");
    says(&o, "U0MAN2", "approve P-1", "not open any more");
    says(&o, "U0OP1", "policy propose why y", "Proposed: P-2.");
    says(&o, "U0MAN1", "withdraw P-2", "only they can withdraw");
    says(&o, "U0OP1", "withdraw P-2", "Withdrawn: P-2");
    assert_null(agreed);
    office_is(&o, "SELECT count(*) FROM policy_requests WHERE state = 'in_force'", 0, "nothing");
    close_asked(&o);
}

static void what_cannot_be_used_is_not_even_asked(void **state)
{
    (void)state;
    struct office o;
    open_asked(&o);
    free(draft);
    draft = str_dup("tiers: 7\n");
    says(&o, "U0OP1", "policy propose why x", "cannot be used");
    free(draft);
    draft = policy_with("days: 95", "days: 95");
    says(&o, "U0OP1", "policy propose why x", "nothing but what is in force");
    free(draft);
    draft = NULL;
    says(&o, "U0OP1", "policy propose why x", "cannot be read");
    says(&o, "U0AE1", "policy", "for these roles");
    AUTO_STR direct = str_dup(office_policy);
    use(&o, direct);
    says(&o, "U0OP1", "policy propose why x", "needs nobody's yes");
    close_asked(&o);
}

static void votes_are_for_the_policy_they_were_given_under(void **state)
{
    (void)state;
    struct office o;
    open_asked(&o);
    says(&o, "U0OP1", "policy propose why x", "Proposed: P-1.");
    AUTO_STR other = policy_with("days: 95", "days: 99");
    use(&o, other); /* something else came into force meanwhile */
    says(&o, "U0MAN1", "approve P-1", "proposed anew");
    assert_null(agreed);
    close_asked(&o);
}

#define SECRET "12345678901234567890"
#define STRICT "approvals: {expire_hours: 48, step_up: {USD: 25000}, rules: [{name: two, when: {kinds: [policy]}, need: [{count: 2, of: manager}]}]}"

static struct enrolled *enrol(struct office *o, const char *first, const char *second)
{
    struct problems p = {0};
    AUTO_STR path = str_fmt("%s/codes", o->dir);
    const char *const keys[] = {first, second};
    for (size_t i = 0; i < DW_ARRAY_LEN(keys); i++) {
        struct enrolment row = {.at_ms = o->now_ms - MS_HOUR};
        str_copy(row.person, sizeof row.person, keys[i]);
        memcpy(row.secret, SECRET, sizeof row.secret);
        assert_int_equal(enrolled_add(path, &row, NULL), 0);
    }
    struct enrolled *all = enrolled_load(path, &p);
    assert_int_equal(p.n, 0);
    unlink(path);
    return all;
}

static void says_coded(struct office *o, const char *user, const char *want)
{
    char code[9];
    totp_code(code, TOTP_SHA1, span_of(SECRET), totp_step(o->now_ms), TOTP_DIGITS);
    AUTO_STR text = str_fmt("approve P-1 code %s", code);
    says(o, user, text, want);
}

static void where_codes_are_in_use_a_change_always_takes_one(void **state)
{
    (void)state;
    struct office o;
    open_asked(&o);
    AUTO_STR strict = policy_with("approvals: {expire_hours: 48}", STRICT);
    use(&o, strict);
    says(&o, "U0OP1", "policy propose why no more codes", "Proposed: P-1.");
    AUTO_STR card = json_text(json_at(office_sent(&o, "card-P-1"), "args.card"));
    assert_says(card, "A yes to this takes a one-time code. Type: approve P-1 code 123456");
    assert_not_says(card, "Approve the change");
    says(&o, "U0MAN1", "approve P-1", "P-1 changes the policy, and that takes a one-time code, which you cannot give yet");
    struct enrolled *all = enrol(&o, "manager1", "manager2");
    o.e.enrolled = all;
    says(&o, "U0MAN1", "approve P-1", "P-1 changes the policy; a yes to that takes a one-time code. Type: approve P-1 code 123456.");
    says(&o, "U0MAN1", "approve P-1 code 918273", "not the code of this moment (try 1 of 5)");
    office_is(&o, "SELECT count(*) FROM votes", 0, "nobody has voted");
    says_coded(&o, "U0MAN1", "Your yes to P-1 counts: 1 of 2");
    o.now_ms += MS_MINUTE;
    says_coded(&o, "U0MAN1", "said yes to P-1 already");
    office_is(&o, "SELECT count(*) FROM journal WHERE verb = 'step_up.given'", 1, "the second code was not looked at");
    assert_null(agreed);
    says_coded(&o, "U0MAN2", "is in force");
    assert_string_equal(agreed, draft);
    enrolled_free(all);
    close_asked(&o);
}

static void a_yes_with_a_code_has_a_form(void **state)
{
    (void)state;
    struct office o;
    char code[9];
    open_asked(&o);
    AUTO_STR strict = policy_with("approvals: {expire_hours: 48}", "approvals: {expire_hours: 48, step_up: {USD: 25000}}");
    use(&o, strict);
    says(&o, "U0OP1", "policy propose why no more codes", "Proposed: P-1.");
    AUTO_STR value = str_fmt("P-1@%lld", (long long)office_i64(&o, "SELECT revision FROM policy_requests"));
    AUTO_STR none = office_click(&o, "U0MAN1", "approve", value);
    assert_says(none, "which you cannot give yet");
    struct enrolled *all = enrol(&o, "manager1", "manager2");
    o.e.enrolled = all;
    AUTO_STR opens = office_click(&o, "U0MAN1", "approve", value);
    assert_string_equal(opens, "");
    AUTO_STR form = json_text(json_at(office_sent(&o, "view-V1-opened"), "args.form"));
    assert_says(form, "approvals.step_up");
    assert_says(form, "One-time code");
    AUTO_STR empty = office_form(&o, CHAT_FORM_SUBMIT, "U0MAN1", "approve", value, "{\"code\": \"\", \"why\": \"\"}");
    assert_says(empty, "code: Type the six digits");
    AUTO_STR wrong = office_form(&o, CHAT_FORM_SUBMIT, "U0MAN1", "approve", value, "{\"code\": \"918273\"}");
    assert_says(wrong, "code: That is not the code of this moment");
    office_is(&o, "SELECT count(*) FROM votes", 0, "no vote");
    totp_code(code, TOTP_SHA1, span_of(SECRET), totp_step(o.now_ms), TOTP_DIGITS);
    AUTO_STR values = str_fmt("{\"code\": \"%s\", \"why\": \"fine\"}", code);
    AUTO_STR said = office_form(&o, CHAT_FORM_SUBMIT, "U0MAN1", "approve", value, values);
    assert_says(said, "is in force");
    assert_string_equal(agreed, draft);
    enrolled_free(all);
    close_asked(&o);
}

static void a_no_takes_none(void **state)
{
    (void)state;
    struct office o;
    open_asked(&o);
    AUTO_STR strict = policy_with("approvals: {expire_hours: 48}", STRICT);
    use(&o, strict);
    says(&o, "U0OP1", "policy propose why no more codes", "Proposed: P-1.");
    AUTO_STR value = str_fmt("P-1@%lld", (long long)office_i64(&o, "SELECT revision FROM policy_requests"));
    AUTO_STR opens = office_click(&o, "U0MAN1", "decline", value);
    assert_string_equal(opens, ""); /* a form, though nobody has enrolled */
    says(&o, "U0MAN1", "decline P-1 we want them", "Declined: P-1");
    close_asked(&o);
}

/* Whoever said yes may still say no, as long as others are missing. */
static void a_yes_does_not_bar_a_no(void **state)
{
    (void)state;
    struct office o;
    open_two(&o);
    says(&o, "U0MAN1", "approve P-1", "1 of 2");
    AUTO_STR value = str_fmt("P-1@%lld", (long long)office_i64(&o, "SELECT revision FROM policy_requests"));
    AUTO_STR opens = office_click(&o, "U0MAN1", "decline", value);
    assert_string_equal(opens, "");
    AUTO_STR no = office_form(&o, CHAT_FORM_SUBMIT, "U0MAN1", "decline", value, "{\"why\": \"on second thought\"}");
    assert_says(no, "Declined: P-1");
    office_is(&o, "SELECT count(*) FROM votes WHERE vote = 'no'", 1, "the no, and no yes beside it");
    close_asked(&o);
}

/* Once it is decided nothing moves it: not its proposer, not another word, not its timer. */
static void what_is_decided_stays(void **state)
{
    (void)state;
    struct office o;
    open_asked(&o);
    says(&o, "U0OP1", "policy propose why x", "Proposed: P-1.");
    says(&o, "U0MAN1", "approve P-1", "is in force");
    use(&o, agreed);
    says(&o, "U0OP1", "withdraw P-1", "P-1 is not open. Nothing was changed.");
    says(&o, "U0MAN2", "decline P-1 too late", "not open any more: it is in force");
    says(&o, "U0MAN1", "unvote P-1", "not open");
    says(&o, "U0OP1", "withdraw P-9", "P-9 is not open");
    says(&o, "U0MAN1", "unvote P-9", "P-9 is not open");
    says(&o, "U0MAN1", "approve P-9", "There is no change of policy P-9");
    office_later(&o, 50 * MS_HOUR);
    office_is(&o, "SELECT count(*) FROM policy_requests WHERE state = 'in_force'", 1, "still");
    office_is(&o, "SELECT count(*) FROM votes WHERE subject = 'P-1' AND vote = 'yes'", 1, "still");
    close_asked(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_takes_another_persons_yes),   cmocka_unit_test(its_card_comes_though_it_was_refused_first),
   cmocka_unit_test(a_click_decides_as_a_command_does),
        cmocka_unit_test(a_no_by_form_has_its_reason), cmocka_unit_test(no_and_withdrawn_change_nothing),      cmocka_unit_test(what_cannot_be_used_is_not_even_asked),
        cmocka_unit_test(a_yes_is_taken_back_while_others_are_missing), cmocka_unit_test(what_comes_into_force_is_what_was_shown),
        cmocka_unit_test(nobody_decides_and_it_is_parked), cmocka_unit_test(what_nobody_decided_on_is_dropped), cmocka_unit_test(what_nobody_could_approve_is_not_asked), cmocka_unit_test(whom_the_rule_asks_is_called), cmocka_unit_test(the_report_counts_it),
        cmocka_unit_test(every_decision_on_it_has_a_receipt),
        cmocka_unit_test(votes_are_for_the_policy_they_were_given_under),
        cmocka_unit_test(where_codes_are_in_use_a_change_always_takes_one), cmocka_unit_test(a_yes_with_a_code_has_a_form), cmocka_unit_test(a_no_takes_none), cmocka_unit_test(a_yes_does_not_bar_a_no), cmocka_unit_test(what_is_decided_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
