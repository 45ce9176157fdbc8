/* The turn: nothing leaves that is not committed, what comes twice counts once, and files are read anew without ever being
 * half in force. The whole of Dunwell but its threads, with the sandbox and the console. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <sqlite3.h>

#include "bot/log.h"
#include "bot/turn.h"
#include "engine/journal.h"
#include "engine/when.h"

struct desk {
    struct config *config;
    struct store *store;
    struct turn *turn;
    char dir[64];
    int64_t now_ms;
    int said;
};

static const char people[] = "people:\n  ae1: {name: Ana Executive, email: a@example.com, roles: [ae]}\n"
                             "  manager1: {name: Mara Manager, email: m@example.com, roles: [manager], limit: {USD: 50000}}\n";
static const char policy[] = "tiers: [{tier: low}]\nrules: [{name: otherwise, why: A collector looks at it, do: [{queue: {}}]}]\n"
                             "plans: {inside: {instalments: 3, days: 95, amount: {USD: 25000}}}\nholds: {inside: {days: 14}}\n"
                             "retries: {per_invoice: 8, other: {attempts: 15, days: 30}}\napprovals: {expire_hours: 48}\n";
static const char accounts[] = "account,name,annual_value,currency,ae,billing,billing_id,email\nacme,Acme Corp,1200,USD,ae1,sandbox,sbx_acme,a@example.com\n";

static void write_file(const struct desk *d, const char *name, const char *text)
{
    AUTO_STR path = str_fmt("%s/%s", d->dir, name);
    AUTO_STR beside = str_fmt("%s.new", path);
    FILE *f = fopen(beside, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(rename(beside, path), 0);
}

static int64_t clock_now(void *ctx)
{
    return ((struct desk *)ctx)->now_ms;
}

static uint64_t clock_random(void *ctx)
{
    (void)ctx;
    return 5;
}

static void start(struct desk *d)
{
    struct problems p = {0};
    struct err e = {0};
    struct world clock = {.ctx = d, .now_ms = clock_now, .random = clock_random};
    AUTO_STR url = str_fmt("sqlite:%s/turn.db", d->dir);
    if (store_open(&d->store, url, false, &e) != 0)
        fail_msg("%s", e.text);
    d->turn = turn_new(d->config, d->store, &clock, &p);
    if (!d->turn)
        fail_msg("%s", p.n ? p.lines[0] : "no turn");
    problems_free(&p);
}

static void stop(struct desk *d)
{
    turn_free(d->turn);
    store_close(d->store);
}

static void open_desk(struct desk *d, const char *mode)
{
    struct problems p = {0};
    *d = (struct desk){.now_ms = INT64_C(1798000000000)};
    log_level_set(LOG_ERROR);
    str_copy(d->dir, sizeof d->dir, "/tmp/dunwell-turn-XXXXXX");
    assert_non_null(mkdtemp(d->dir));
    write_file(d, "people.yaml", people);
    write_file(d, "policy.yaml", policy);
    write_file(d, "accounts.csv", accounts);
    AUTO_STR path = str_fmt("%s/dunwell.yaml", d->dir);
    AUTO_STR text = str_fmt("listen: 127.0.0.1:8080\nstore: sqlite:turn.db\nmode: %s\nchat:\n  console: {channels: {approvals: approvals, collections: "
                            "collections}}\nbilling:\n  sandbox: {kind: sandbox}\naccounts: {file: accounts.csv}\npeople: {file: people.yaml}\npolicy: {file: policy.yaml}\n",
                            mode);
    d->config = config_parse(span_of(text), path, &p);
    if (!d->config || p.n)
        fail_msg("%s", p.n ? p.lines[0] : "no configuration");
    problems_free(&p);
    start(d);
}

static void close_desk(struct desk *d)
{
    stop(d);
    config_free(d->config);
    AUTO_STR remove = str_fmt("rm -rf %s", d->dir);
    assert_int_equal(system(remove), 0);
}

static void webhook_of(struct desk *d, struct input *in, const char *id)
{
    *in = (struct input){.kind = INPUT_WEBHOOK, .from = {.slot = 3, .generation = 9}, .biller = config_driver(d->config, "sandbox")};
    buf_init(&in->body, 4096);
    buf_adds(&in->body, "{}");
    str_copy(in->event.id, sizeof in->event.id, id);
    str_copy(in->event.type, sizeof in->event.type, "payment.failed");
    str_copy(in->event.customer, sizeof in->event.customer, "sbx_acme");
    in->event.created_ms = 7;
    in->event.kind = EVENT_PAYMENT_FAILED;
}

static void says_of(struct desk *d, struct input *in, const char *who, const char *text, const char *dedupe)
{
    *in = (struct input){.kind = INPUT_CHAT, .from = {.slot = 4, .generation = 2}, .chat_driver = config_driver(d->config, "console")};
    chat_input_init(&in->chat);
    in->chat.kind = CHAT_COMMAND;
    in->chat.platform = str_dup("console");
    in->chat.envelope = str_fmt("e%d", ++d->said);
    in->chat.dedupe = str_dup(dedupe);
    in->chat.user = str_dup(who);
    in->chat.channel = str_dup("console");
    in->chat.text = str_dup(text);
    in->chat.takes_answer = true;
}

static int run(struct desk *d, struct input *in, size_t n, struct outputs *out)
{
    struct err e = {0};
    return turn_run(d->turn, in, n, out, &e);
}

static size_t count(const struct outputs *out, enum output_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < out->n; i++)
        n += out->list[i].kind == kind;
    return n;
}

static int64_t number(struct desk *d, const char *sql)
{
    return store_i64(d->store, -1, sql, "");
}

static void a_webhook_twice_is_answered_twice_and_stored_once(void **state)
{
    (void)state;
    struct desk d;
    struct outputs out = {0};
    struct input in[2];
    open_desk(&d, "live");
    webhook_of(&d, &in[0], "evt_1");
    webhook_of(&d, &in[1], "evt_1");
    assert_int_equal(run(&d, in, 2, &out), 0);
    assert_int_equal(count(&out, OUTPUT_ANSWER), 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(out.list[i].status, 200);
        assert_int_equal(out.list[i].to.slot, 3);
        assert_int_equal(out.list[i].to.generation, 9);
        input_fini(&in[i]);
    }
    outputs_clear(&out);
    assert_int_equal(number(&d, "SELECT count(*) FROM inbox"), 1);
    stop(&d);
    start(&d);
    webhook_of(&d, &in[0], "evt_1");
    assert_int_equal(run(&d, in, 1, &out), 0);
    assert_int_equal(out.list[0].status, 200);
    input_fini(&in[0]);
    outputs_free(&out);
    assert_int_equal(number(&d, "SELECT count(*) FROM inbox"), 1);
    assert_int_equal(number(&d, "SELECT count(*) FROM recoveries"), 1);
    close_desk(&d);
}

static void a_frame_twice_is_acknowledged_twice_and_done_once(void **state)
{
    (void)state;
    struct desk d;
    struct outputs out = {0};
    struct input in[2];
    open_desk(&d, "live");
    says_of(&d, &in[0], "ae1", "note acme they pay on friday", "t1");
    says_of(&d, &in[1], "ae1", "note acme they pay on friday", "t1");
    assert_int_equal(run(&d, in, 2, &out), 0);
    assert_int_equal(count(&out, OUTPUT_ACK), 2);
    assert_non_null(strstr(buf_text(&out.list[0].text), "e1"));
    assert_int_equal(number(&d, "SELECT count(*) FROM notes"), 1);
    input_fini(&in[0]);
    input_fini(&in[1]);
    outputs_free(&out);
    close_desk(&d);
}

/* The disk refuses in the middle of a turn: some of it was written already. */
static void refuse(struct desk *d, bool on)
{
    AUTO_STR path = str_fmt("%s/turn.db", d->dir);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 2000);
    assert_int_equal(sqlite3_exec(db, on ? "CREATE TRIGGER refuse BEFORE INSERT ON notes WHEN new.text LIKE '%again%' BEGIN SELECT RAISE(ABORT, 'no more'); END"
                                         : "DROP TRIGGER refuse", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* Another process holds the store's write lock for longer than we wait: the commit cannot be. */
static sqlite3 *block(struct desk *d)
{
    AUTO_STR path = str_fmt("%s/turn.db", d->dir);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void a_turn_that_fails_reveals_nothing_and_can_be_done_again(void **state)
{
    (void)state;
    struct desk d;
    struct outputs out = {0};
    struct input in[3];
    struct err e = {0};
    open_desk(&d, "live");
    assert_int_equal(run(&d, NULL, 0, &out), 0);
    outputs_clear(&out);
    int64_t rows = number(&d, "SELECT count(*) FROM journal");
    webhook_of(&d, &in[0], "evt_1");
    says_of(&d, &in[1], "ae1", "note acme they pay on friday", "t1");
    says_of(&d, &in[2], "ae1", "note acme and again", "t2");
    refuse(&d, true);
    assert_int_equal(turn_run(d.turn, in, 3, &out, &e), ERR_IO);
    assert_non_null(strstr(e.text, "no more"));
    assert_int_equal(out.n, 0); /* no 200, no acknowledgement, no call */
    refuse(&d, false);
    assert_int_equal(number(&d, "SELECT count(*) FROM journal"), rows);
    assert_int_equal(turn_run(d.turn, in, 3, &out, &e), 0); /* the same inputs again */
    assert_int_equal(count(&out, OUTPUT_ANSWER), 1);
    assert_int_equal(count(&out, OUTPUT_ACK), 2);
    assert_true(count(&out, OUTPUT_CALL) > 0);
    assert_int_equal(number(&d, "SELECT count(*) FROM notes"), 2);
    assert_int_equal(number(&d, "SELECT count(*) FROM inbox"), 1);
    struct journal_report report;
    assert_int_equal(journal_verify(d.store, &report, &e), 0);
    for (size_t i = 0; i < DW_ARRAY_LEN(in); i++)
        input_fini(&in[i]);
    outputs_free(&out);
    close_desk(&d);
}

static void a_call_that_was_out_when_a_turn_failed_is_answered_later(void **state)
{
    (void)state;
    struct desk d;
    struct outputs out = {0};
    struct input in = {0};
    struct err e = {0};
    open_desk(&d, "live");
    webhook_of(&d, &in, "evt_1");
    assert_int_equal(run(&d, &in, 1, &out), 0);
    input_fini(&in);
    int64_t effect = 0;
    for (size_t i = 0; i < out.n; i++)
        effect = out.list[i].kind == OUTPUT_CALL && str_eq(out.list[i].call.driver, "sandbox") ? out.list[i].call.effect_id : effect;
    assert_true(effect > 0);
    outputs_clear(&out);
    in = (struct input){.kind = INPUT_RESPONSE, .effect_id = effect};
    http_response_init(&in.response);
    in.response.transport = TRANSPORT_NOT_SENT;
    sqlite3 *other = block(&d);
    assert_int_equal(turn_run(d.turn, &in, 1, &out, &e), ERR_IO);
    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(other);
    assert_int_equal(store_i64(d.store, -1, "SELECT state FROM effects WHERE id = ?1", "i", effect), EFFECT_OUT);
    assert_int_equal(turn_run(d.turn, &in, 1, &out, &e), 0);
    assert_int_equal(store_i64(d.store, -1, "SELECT state FROM effects WHERE id = ?1", "i", effect), EFFECT_QUEUED);
    input_fini(&in);
    outputs_free(&out);
    close_desk(&d);
}

static const char *name_of(struct desk *d, const char *key)
{
    return person_name_of(turn_engine(d->turn)->people, key);
}

static void idle(struct desk *d)
{
    struct outputs out = {0};
    d->now_ms += 2 * MS_SECOND;
    assert_int_equal(run(d, NULL, 0, &out), 0);
    outputs_free(&out);
}

enum { MOST_LOOKS = 30000 };

/* Turns until it looks seldom again: the accounts are read beside them, and taken by a later one. */
static void look(struct desk *d)
{
    const struct timespec a_moment = {.tv_nsec = 1000000};
    int turns = 0;
    for (idle(d); turn_next_due_ms(d->turn) <= d->now_ms + MS_SECOND && turns < MOST_LOOKS; turns++) {
        nanosleep(&a_moment, NULL);
        idle(d);
    }
    assert_true(turns < MOST_LOOKS);
}

static void files_are_read_anew_and_a_broken_one_is_not(void **state)
{
    (void)state;
    struct desk d;
    open_desk(&d, "live");
    idle(&d);
    char version[16];
    str_copy(version, sizeof version, policy_version(turn_engine(d.turn)->policy));
    write_file(&d, "people.yaml", "people:\n  ae1: {name: Anna Renamed, roles: [ae]}\n");
    write_file(&d, "accounts.csv", "account,name,billing,billing_id\nacme,Acme Renamed,sandbox,sbx_acme\nnew,Newcomer,sandbox,sbx_new\n");
    look(&d);
    assert_string_equal(name_of(&d, "ae1"), "Anna Renamed");
    assert_null(people_by_key(turn_engine(d.turn)->people, "manager1")); /* a right that was taken away is gone */
    assert_non_null(book_by_key(turn_engine(d.turn)->book, "new"));
    assert_string_equal(policy_version(turn_engine(d.turn)->policy), version);
    write_file(&d, "people.yaml", "people:\n  ae1: {name: Half, roles: [king]}\n");
    write_file(&d, "policy.yaml", "rules: no\n");
    write_file(&d, "accounts.csv", "nonsense\n");
    look(&d);
    assert_string_equal(name_of(&d, "ae1"), "Anna Renamed");
    assert_string_equal(policy_version(turn_engine(d.turn)->policy), version);
    assert_non_null(book_by_key(turn_engine(d.turn)->book, "new"));
    AUTO_STR gone = str_fmt("%s/people.yaml", d.dir);
    unlink(gone);
    idle(&d);
    assert_string_equal(name_of(&d, "ae1"), "Anna Renamed");
    write_file(&d, "people.yaml", people);
    write_file(&d, "policy.yaml", "tiers: [{tier: low}]\nrules: [{name: other, why: Another rule, do: [{queue: {}}]}]\nretries: {per_invoice: 1, other: {attempts: 1, days: 30}}\n");
    idle(&d);
    assert_string_equal(name_of(&d, "ae1"), "Ana Executive");
    assert_string_not_equal(policy_version(turn_engine(d.turn)->policy), version);
    close_desk(&d);
}

static void written_at(const struct desk *d, const char *name, int64_t ms)
{
    AUTO_STR path = str_fmt("%s/%s", d->dir, name);
    struct timespec at = {.tv_sec = ms / MS_SECOND, .tv_nsec = ms % MS_SECOND * 1000000};
    assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[]){at, at}, 0), 0);
}

static bool has_account(struct desk *d, const char *key)
{
    return book_by_key(turn_engine(d->turn)->book, key) != NULL;
}

/* A list that is still coming in is without fault at the end of each line. */
static void a_file_that_is_being_written_is_not_read(void **state)
{
    (void)state;
    struct desk d;
    open_desk(&d, "live");
    idle(&d);
    AUTO_STR whole = str_fmt("%snew,Newcomer,1200,USD,ae1,sandbox,sbx_new,n@example.com\n", accounts);
    write_file(&d, "accounts.csv", "account,name,billing,billing_id\nnew,Newcomer,sandbox,sbx_new\n");
    written_at(&d, "accounts.csv", d.now_ms + 2 * MS_SECOND - 1);
    idle(&d);
    assert_true(has_account(&d, "acme"));
    assert_in_range(turn_next_due_ms(d.turn), d.now_ms, d.now_ms + MS_SECOND); /* and it looks again soon */
    write_file(&d, "accounts.csv", whole);
    written_at(&d, "accounts.csv", d.now_ms + MS_SECOND);
    look(&d);
    assert_true(has_account(&d, "acme") && has_account(&d, "new"));
    assert_true(turn_next_due_ms(d.turn) > d.now_ms + MS_SECOND);
    close_desk(&d);
}

static size_t lines_with(const char *path, const char *word)
{
    char line[1000];
    size_t n = 0;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        n += strstr(line, word) != NULL;
    fclose(f);
    return n;
}

/* For days, perhaps: nobody reads a log with a line a second. */
static void what_stays_broken_or_gone_is_told_seldom(void **state)
{
    (void)state;
    struct desk d;
    open_desk(&d, "live");
    AUTO_STR log = str_fmt("%s/log", d.dir);
    AUTO_STR gone = str_fmt("%s/people.yaml", d.dir);
    fflush(stderr);
    int before = dup(STDERR_FILENO), to = open(log, O_CREAT | O_WRONLY | O_APPEND, 0600);
    assert_true(before >= 0 && to >= 0);
    dup2(to, STDERR_FILENO);
    write_file(&d, "accounts.csv", "nonsense\n");
    look(&d);
    unlink(gone);
    idle(&d);
    size_t once = lines_with(log, "no account could be read"), told = lines_with(log, "file.gone");
    d.now_ms += MS_DAY + MS_MINUTE;
    for (int i = 0; i < 5; i++)
        look(&d);
    size_t again = lines_with(log, "no account could be read"), still = lines_with(log, "file.gone");
    dup2(before, STDERR_FILENO);
    close(before);
    close(to);
    assert_int_equal(once, 1);
    assert_int_equal(again, 2); /* and once a day */
    assert_int_equal(told, 0);  /* it may be on its way to being replaced */
    assert_int_equal(still, 1);
    assert_true(has_account(&d, "acme"));
    close_desk(&d);
}

static void it_wakes_for_its_files_and_not_more_often(void **state)
{
    (void)state;
    struct desk d;
    open_desk(&d, "live");
    assert_true(turn_next_due_ms(d.turn) <= d.now_ms); /* the first turn is due at once */
    for (int i = 0; i < 5; i++)
        idle(&d);
    assert_true(turn_next_due_ms(d.turn) > d.now_ms);
    assert_true(turn_next_due_ms(d.turn) <= d.now_ms + 5 * MS_SECOND);
    close_desk(&d);
}

static void crowd(struct desk *d, const char *wave, struct input *last, struct outputs *out)
{
    struct input in[9];
    for (size_t i = 0; i < 8; i++) {
        AUTO_STR id = str_fmt("evt_%s_%zu", wave, i);
        webhook_of(d, &in[i], id);
    }
    if (last)
        in[8] = *last;
    outputs_clear(out);
    assert_int_equal(run(d, in, last ? 9 : 8, out), 0);
    for (size_t i = 0; i < (last ? 9u : 8u); i++)
        input_fini(&in[i]);
}

static void a_crowd_is_answered_first_and_worked_on_soon(void **state)
{
    (void)state;
    struct desk d;
    struct outputs out = {0};
    open_desk(&d, "live");
    for (int i = 0; i < 3; i++)
        idle(&d);
    crowd(&d, "a", NULL, &out);
    assert_int_equal(count(&out, OUTPUT_ANSWER), 8);
    assert_int_equal(count(&out, OUTPUT_CALL), 0);
    assert_int_equal(number(&d, "SELECT count(*) FROM inbox"), 8);
    assert_int_equal(number(&d, "SELECT count(*) FROM recoveries"), 0); /* it can wait */
    assert_int_equal(turn_next_due_ms(d.turn), d.now_ms + 20);
    d.now_ms += 20; /* nobody else came */
    idle(&d);
    assert_int_equal(number(&d, "SELECT count(*) FROM recoveries"), 1);
    crowd(&d, "b", NULL, &out);
    int64_t seen = number(&d, "SELECT count(*) FROM journal");
    for (int i = 0; i < 9; i++, d.now_ms += 5) { /* but not for ever */
        AUTO_STR wave = str_fmt("c%d", i);
        assert_int_equal(number(&d, "SELECT count(*) FROM journal"), seen);
        crowd(&d, wave, NULL, &out);
    }
    d.now_ms += 5;
    crowd(&d, "d", NULL, &out);
    assert_true(number(&d, "SELECT count(*) FROM journal") > seen);
    seen = number(&d, "SELECT value FROM meta WHERE name = 'inbox_done'");
    struct input note;
    says_of(&d, &note, "ae1", "note acme they pay on friday", "t1");
    crowd(&d, "e", &note, &out); /* a person does not wait */
    assert_true(number(&d, "SELECT value FROM meta WHERE name = 'inbox_done'") > seen);
    outputs_free(&out);
    close_desk(&d);
}

/* What waits for a second must not wait until the wall clock has caught up. */
static void a_clock_set_back_does_not_stop_ours(void **state)
{
    (void)state;
    struct desk d;
    open_desk(&d, "live");
    idle(&d);
    int64_t before = turn_now_ms(d.turn);
    assert_int_equal(before, d.now_ms);
    d.now_ms -= MS_HOUR;
    assert_true(turn_now_ms(d.turn) >= before);
    for (int i = 0; i < 10000 && turn_now_ms(d.turn) < before + 5; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    idle(&d);
    assert_true(turn_engine(d.turn)->now_ms >= before + 5);
    close_desk(&d);
}

static void the_start_is_written_down_once_a_start(void **state)
{
    (void)state;
    struct desk d;
    open_desk(&d, "shadow");
    idle(&d);
    idle(&d);
    assert_int_equal(number(&d, "SELECT count(*) FROM journal WHERE verb = 'started' AND text LIKE '%shadow mode%'"), 1);
    stop(&d);
    start(&d);
    idle(&d);
    assert_int_equal(number(&d, "SELECT count(*) FROM journal WHERE verb = 'started'"), 2);
    close_desk(&d);
}

/* Whoever renews a token starts anew, and what was refused need not wait for its time. */
static void what_was_refused_is_tried_at_the_start(void **state)
{
    (void)state;
    struct desk d;
    open_desk(&d, "live");
    idle(&d);
    store_begin(d.store);
    store_run(d.store, "INSERT INTO timers (kind, case_id, ref, due_ms) VALUES ('unposted', 0, 0, ?1), ('cards', 0, 0, ?1)", "i", d.now_ms + MS_HOUR);
    assert_int_equal(store_commit(d.store, NULL), 0);
    idle(&d);
    assert_int_equal(number(&d, "SELECT count(*) FROM timers WHERE kind IN ('unposted', 'cards')"), 2);
    stop(&d);
    start(&d);
    idle(&d);
    assert_int_equal(number(&d, "SELECT count(*) FROM timers WHERE kind IN ('unposted', 'cards')"), 1);
    close_desk(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_webhook_twice_is_answered_twice_and_stored_once),
        cmocka_unit_test(a_frame_twice_is_acknowledged_twice_and_done_once),
        cmocka_unit_test(a_turn_that_fails_reveals_nothing_and_can_be_done_again),
        cmocka_unit_test(a_call_that_was_out_when_a_turn_failed_is_answered_later),
        cmocka_unit_test(files_are_read_anew_and_a_broken_one_is_not),
        cmocka_unit_test(a_file_that_is_being_written_is_not_read),
        cmocka_unit_test(what_stays_broken_or_gone_is_told_seldom),
        cmocka_unit_test(it_wakes_for_its_files_and_not_more_often),
        cmocka_unit_test(a_crowd_is_answered_first_and_worked_on_soon),
        cmocka_unit_test(a_clock_set_back_does_not_stop_ours),
        cmocka_unit_test(the_start_is_written_down_once_a_start),
        cmocka_unit_test(what_was_refused_is_tried_at_the_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
