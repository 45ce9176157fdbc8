/* The command line: options, exit codes, and the lines of `check` and `journal`, which people and scripts read. Peers
 * are a closed port of this machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <sqlite3.h>

#include "bot/cmdline.h"
#include "engine/journal.h"

static char folder[64], *config_path, *store_path, *store_url;
static const struct subcommand self = {"check", "[--config FILE]", "does something", "  details\n", NULL};
static const struct subcommand journal = {"journal", "verify|show", "reads", "  details\n", journal_main};
static const struct subcommand drivers = {"drivers", "[NAME]", "lists", "  details\n", drivers_main};

static const char config[] =
    "mode: live\n"
    "store: sqlite:store.db\n"
    "chat:\n"
    "  slack: {api_url: \"http://127.0.0.1:9/api/\", app_token: {env: TEST_TOKEN}, bot_token: {env: TEST_TOKEN},\n"
    "          channels: {approvals: C0APPROVALS, collections: C0COLLECT}}\n"
    "billing:\n"
    "  stripe: {kind: stripe, base_url: \"http://127.0.0.1:9\", secret_key: {env: TEST_TOKEN}, webhook_secret: {env: "
    "TEST_TOKEN}}\n"
    "accounts: {file: accounts.csv}\n"
    "people: {file: people.yaml}\n"
    "policy: {file: policy.yaml}\n";
static const char accounts[] = "account,name,annual_value,currency,ae,billing,billing_id\n"
                               "acme,Acme Ltd,120000,USD,ae1,stripe,cus_1\n"
                               "acme-labs,Acme Labs,9000,USD,ae1,stripe,cus_2\n";
static const char people[] =
    "people:\n"
    "  ae1: {name: Ada, email: ada@example.com, slack: U0AE1, roles: [ae]}\n"
    "  manager1: {name: Mona, email: mona@example.com, slack: U0MANAGER1, roles: [manager], limit: {USD: 50000}}\n";

static void write_text(const char *name, const char *text)
{
    AUTO_STR path = str_fmt("%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void copy_policy(void)
{
    AUTO_BUF text = BUF(1u << 20);
    char chunk[4096];
    FILE *f = fopen("templates/policy.yaml", "r");
    assert_non_null(f);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_add(&text, chunk, n);
    fclose(f);
    write_text("policy.yaml", buf_text(&text));
}

static int setup(void **state)
{
    (void)state;
    str_copy(folder, sizeof folder, "/tmp/dunwell-cmdline-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    config_path = str_fmt("%s/dunwell.yaml", folder);
    store_path = str_fmt("%s/store.db", folder);
    store_url = str_fmt("sqlite:%s", store_path);
    setenv("TEST_TOKEN", "not-a-real-token", 1);
    return 0;
}

static int files(void **state)
{
    (void)state;
    write_text("dunwell.yaml", config);
    write_text("accounts.csv", accounts);
    write_text("people.yaml", people);
    copy_policy();
    return 0;
}

static int clean(void **state)
{
    (void)state;
    static const char *const names[] = {"dunwell.yaml", "accounts.csv", "people.yaml",  "policy.yaml",  "out",
                                        "store.db",     "store.db-wal", "store.db-shm", "store.db.lock"};
    for (size_t i = 0; i < DW_ARRAY_LEN(names); i++) {
        AUTO_STR path = str_fmt("%s/%s", folder, names[i]);
        unlink(path);
    }
    return 0;
}

static int teardown(void **state)
{
    clean(state);
    free(config_path);
    free(store_path);
    free(store_url);
    return rmdir(folder);
}

/* What the last call printed, on both streams. */
static char printed[65536];

static int call(int (*run)(const struct subcommand *, int, char **), const struct subcommand *s,
                const char *const *words)
{
    AUTO_STR path = str_fmt("%s/out", folder);
    char *argv[16] = {NULL};
    int argc = 0;
    for (; words[argc] != NULL; argc++)
        argv[argc] = str_dup(words[argc]);
    fflush(NULL);
    int out = dup(1), errors = dup(2);
    FILE *f = fopen(path, "w+");
    assert_non_null(f);
    dup2(fileno(f), 1);
    dup2(fileno(f), 2);
    int code = run(s, argc, argv);
    fflush(NULL);
    dup2(out, 1);
    dup2(errors, 2);
    close(out);
    close(errors);
    rewind(f);
    printed[fread(printed, 1, sizeof printed - 1, f)] = '\0';
    fclose(f);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return code;
}

#define CALL(run, s, ...) call(run, &(s), (const char *const[]){(s).name, __VA_ARGS__, NULL})

static void has(const char *part)
{
    if (strstr(printed, part) == NULL)
        fail_msg("\"%s\" is not in:\n%s", part, printed);
}

static void has_not(const char *part)
{
    if (strstr(printed, part) != NULL)
        fail_msg("\"%s\" is in:\n%s", part, printed);
}

/* --- options --- */

static const char *given_text, *given_word;
static bool given_flag;

static int reader(const struct subcommand *s, int argc, char **argv)
{
    static char text[64], word[64];
    const char *t = NULL, *w = NULL;
    bool f = false;
    const struct flag flags[] = {{"text", 't', &t, NULL}, {"flag", 0, NULL, &f}, {0}};
    int code = cmdline_read(s, argc, argv, flags, &w, 1);
    str_copy(text, sizeof text, t != NULL ? t : "");
    str_copy(word, sizeof word, w != NULL ? w : "");
    given_text = text;
    given_word = word;
    given_flag = f;
    return code;
}

static void options_in_any_order(void **state)
{
    (void)state;
    assert_int_equal(CALL(reader, self, "word", "--flag", "-t", "x"), CMDLINE_GO_ON);
    assert_string_equal(given_text, "x");
    assert_string_equal(given_word, "word");
    assert_true(given_flag);
    assert_int_equal(CALL(reader, self, "--text=y"), CMDLINE_GO_ON);
    assert_string_equal(given_text, "y");
    assert_string_equal(given_word, "");
    assert_false(given_flag);
    assert_int_equal(CALL(reader, self, "--", "--flag"), CMDLINE_GO_ON);
    assert_string_equal(given_word, "--flag");
    assert_false(given_flag);
}

static void wrong_usage_is_2(void **state)
{
    (void)state;
    assert_int_equal(CALL(reader, self, "--txet", "x"), EXIT_USAGE);
    has("dunwell: check has no option --txet\nusage: dunwell check [--config FILE]\n");
    assert_int_equal(CALL(reader, self, "-x"), EXIT_USAGE);
    has("check has no option -x");
    assert_int_equal(CALL(reader, self, "-t"), EXIT_USAGE);
    has("-t needs a value");
    assert_int_equal(CALL(reader, self, "--text"), EXIT_USAGE);
    has("--text needs a value");
    assert_int_equal(CALL(reader, self, "one", "two\033[31m"), EXIT_USAGE);
    has("check takes no \"two?[31m\"");
    assert_int_equal(CALL(reader, self, "--flag=1"), EXIT_USAGE);
}

static void help_is_0(void **state)
{
    (void)state;
    assert_int_equal(CALL(reader, self, "--help"), EXIT_FINE);
    has("usage: dunwell check [--config FILE]\n");
    has("  details\n");
    assert_int_equal(CALL(reader, self, "-h"), EXIT_FINE);
}

static void each_error_has_its_code(void **state)
{
    (void)state;
    assert_int_equal(exit_for_error(ERR_INVALID), EXIT_PROBLEMS);
    assert_int_equal(exit_for_error(ERR_CONFLICT), EXIT_IN_USE);
    assert_int_equal(exit_for_error(ERR_VERSION), EXIT_NEWER);
    assert_int_equal(exit_for_error(ERR_IO), EXIT_UNREACHABLE);
    assert_int_equal(exit_for_error(ERR_NOT_FOUND), EXIT_UNREACHABLE);
}

/* --- check --- */

static void check_says_what_is_fine(void **state)
{
    (void)state;
    assert_int_equal(CALL(check_main, self, "--offline", "--config", config_path), EXIT_FINE);
    has("ok   people: 2 people, 1 may approve\n");
    has("ok   policy: version ");
    has("ok   accounts: 2 accounts\n");
    has("ok   templates: ");
    has("store.db will be made at the first start\n");
    has("0 problems, 0 warnings, 5 fine, 0 failed, 0 skipped\n");
    has_not("slack:");
    assert_int_equal(access(store_path, F_OK), -1); /* nothing was made */
}

static void check_says_who_does_not_answer(void **state)
{
    (void)state;
    assert_int_equal(CALL(check_main, self, "-c", config_path), EXIT_UNREACHABLE);
    has("FAIL slack: http://127.0.0.1:9: ");
    has("FAIL slack socket: http://127.0.0.1:9: ");
    has("FAIL stripe: http://127.0.0.1:9: ");
    has("0 problems, 0 warnings, 5 fine, 3 failed, 0 skipped\n");
    has_not("not-a-real-token");
}

static void check_prints_every_problem_with_its_line(void **state)
{
    (void)state;
    write_text("dunwell.yaml",
               "mod: live\nstore: sqlite:store.db\nchat: {slack: {app_token: plain, channels: {approvals: general, "
               "collections: C0C}}}\n"
               "billing: {stripe: {kind: stripe}}\naccounts: {file: accounts.csv}\npeople: {file: people.yaml}\n"
               "policy: {file: gone.yaml}\n");
    write_text("people.yaml", "people:\n  ae2: {name: A, email: a@example.com, roles: [ae]}\n"
                              "  ae3: {name: B, email: b@example.com, slack: bob, roles: [ae]}\n");
    write_text("accounts.csv",
               "account,name,annual_value,currency,ae,billing,billing_id\nacme,Acme,1,USD,ae1,zuora,cus_1\n");
    assert_int_equal(CALL(check_main, self, "--config", config_path), EXIT_PROBLEMS);
    has("dunwell.yaml:1: unknown key \"mod\"");
    has("dunwell.yaml: warning: mode is not set");
    has("dunwell.yaml:3: chat.slack.app_token: a secret is never written into this file");
    has("dunwell.yaml:3: chat.slack.bot_token is missing");
    has("dunwell.yaml:3: chat.slack.channels.approvals: \"general\" is not a channel id");
    has("dunwell.yaml:4: billing.stripe.secret_key is missing");
    has("dunwell.yaml:7: policy.file: cannot read");
    has("people.yaml:2: warning: people.ae2 has no slack id");
    has("people.yaml:3: people.ae3.slack: \"bob\" is not a member id");
    has("people.yaml: nobody could approve anything");
    has("accounts.csv:2: account acme: its ae \"ae1\" is nobody");
    has("accounts.csv:2: account acme: its billing \"zuora\" is not configured");
    has("skip slack: its configuration is not complete");
    has("skip policy: ");
    has_not("plain\"");
}

/* A token goes to no address that was refused, and an address that is no text is not taken for the usual one. */
static void check_sends_nothing_where_an_address_is_refused(void **state)
{
    (void)state;
    static const char *const slack[] = {"http://localhost.invalid/", "http://user@127.0.0.1:9/", "ftp://127.0.0.1:9/"};
    static const char *const stripe[] = {"7", "[]", "~"};
    for (size_t i = 0; i < DW_ARRAY_LEN(slack); i++) {
        AUTO_STR text =
            str_fmt("store: sqlite:store.db\nmode: shadow\n"
                    "chat: {slack: {api_url: \"%s\", app_token: {env: TEST_TOKEN}, bot_token: {env: TEST_TOKEN}, "
                    "channels: {approvals: C0A, collections: C0C}}}\n"
                    "billing: {stripe: {kind: stripe, base_url: %s, secret_key: {env: TEST_TOKEN}, webhook_secret: "
                    "{env: TEST_TOKEN}}}\n"
                    "accounts: {file: accounts.csv}\npeople: {file: people.yaml}\npolicy: {file: policy.yaml}\n",
                    slack[i], stripe[i]);
        write_text("dunwell.yaml", text);
        assert_int_equal(CALL(check_main, self, "-c", config_path), EXIT_PROBLEMS);
        has("dunwell.yaml:3: chat.slack.api_url: this address ");
        has("dunwell.yaml:4: billing.stripe.base_url: write text");
        has("skip slack: its configuration is not complete or has a mistake, see above\n");
        has("skip stripe: its configuration is not complete or has a mistake, see above\n");
        has("2 problems, 0 warnings, 5 fine, 0 failed, 2 skipped\n");
    }
}

static void check_counts_what_repeats(void **state)
{
    (void)state;
    AUTO_BUF text = BUF(65536);
    buf_adds(&text, "account,name,annual_value,currency,ae,billing,billing_id\n");
    for (int i = 0; i < 25; i++)
        buf_addf(&text, "a%d,A%d,1,USD,ghost,stripe,cus_%d\n", i, i, i);
    write_text("accounts.csv", buf_text(&text));
    assert_int_equal(CALL(check_main, self, "--offline", "-c", config_path), EXIT_PROBLEMS);
    has("account a9: its ae \"ghost\"");
    has_not("account a10: its ae \"ghost\"");
    has("accounts.csv: 15 more accounts have an ae that is nobody");
}

static void check_without_a_configuration(void **state)
{
    (void)state;
    AUTO_STR path = str_fmt("%s/nowhere.yaml", folder);
    assert_int_equal(CALL(check_main, self, "--config", path), EXIT_PROBLEMS);
    has("nowhere.yaml");
    write_text("dunwell.yaml", "a: [\n");
    assert_int_equal(CALL(check_main, self, "--config", config_path), EXIT_PROBLEMS);
    has("dunwell.yaml:");
}

/* --- rules and people --- */

static const char two_managers[] =
    "people:\n"
    "  ae1: {name: Ada, email: ada@example.com, slack: U0AE1, roles: [ae]}\n"
    "  manager1: {name: Mona, email: mona@example.com, slack: U0MANAGER1, roles: [manager], limit: {USD: 50000}}\n"
    "  manager2: {name: \"Mi\\nlo\", email: milo@example.com, slack: U0MANAGER2, roles: [manager], limit: {USD: 9000}}\n"
    "groups:\n  emea: [manager2]\n";

/* A small policy whose rules begin on line 6. */
static void write_rules(const char *rules)
{
    AUTO_STR text = str_fmt("tiers: [{tier: low}]\nrules: [{name: otherwise, do: [{queue: {}}]}]\napprovals:\n  escalate: [{after_hours: 24, ask: [manager, %s]}]\n"
                            "  rules:\n%s", strstr(rules, "ghost") ? "nobody9" : "manager2", rules);
    write_text("policy.yaml", text);
    write_text("people.yaml", two_managers);
}

static void check_compares_rules_with_people(void **state)
{
    (void)state;
    write_rules("    - {name: fine, need: [{count: 1, of: emea}, {count: 1, of: approver}], ask: [emea, manager1, manager]}\n");
    assert_int_equal(CALL(check_main, self, "--offline", "-c", config_path), EXIT_FINE);
    has("0 problems, 0 warnings");
    write_rules("    - {name: fine, need: [{count: 1, of: emea}]}\n"
                "    - {name: ghosts, when: {kinds: [hold]}, need: [{count: 1, of: ghost-managers}], ask: [apac]}\n"
                "    - {name: too-many, when: {kinds: [credit]}, need: [{count: 3, of: manager}]}\n");
    assert_int_equal(CALL(check_main, self, "--offline", "-c", config_path), EXIT_FINE);
    has("policy.yaml:7: warning: approvals.rules.ghosts.need names \"ghost-managers\", which people.yaml does not have\n");
    has("policy.yaml:7: warning: approvals.rules.ghosts.ask names \"apac\"");
    has("policy.yaml:8: warning: approvals.rules.too-many: nobody could fulfil it at any amount");
    has("policy.yaml:4: warning: approvals.escalate.ask names \"nobody9\"");
    has_not("rules.ghosts: nobody could");
    has_not("rules.fine");
    has("0 problems, 4 warnings");
}

static void the_policy_is_looked_at(void **state)
{
    (void)state;
    write_rules("    - {name: small, when: {at_least: {USD: 1000}}, need: [{count: 2, of: manager}], ask: [emea]}\n");
    assert_int_equal(CALL(policy_main, self, "check", "-c", config_path), EXIT_FINE);
    has("policy version ");
    has("3 people. Nobody decides on their own request");
    has("rule small\n  any kind, any tier, any region\n    $1,000.00 up to below $9,000.01: 2 of manager, two different people; calls Mi?lo; may decide too: Mona\n");
    has("    $9,000.01 up to below $50,000.01: NOBODY COULD DECIDE: 2 of manager, two different people; may decide: Mona\n");
    has("where no rule names the kind, tier or region\n");
    has("every rule can be fulfilled\n");
}

static void a_policy_nobody_could_keep_is_1(void **state)
{
    (void)state;
    write_rules("    - {name: three, when: {kinds: [plan, credit], regions: [emea]}, need: [{count: 3, of: manager}]}\n");
    assert_int_equal(CALL(policy_main, self, "check", "-c", config_path), EXIT_PROBLEMS);
    has("rule three\n  plan, any tier, emea region\n");
    has("    PROBLEM: nobody could fulfil this at any amount\n  credit, any tier, emea region\n");
    has("NOT every rule can be fulfilled: change people.yaml or the rule\n");
}

static void policy_check_is_used_right(void **state)
{
    (void)state;
    assert_int_equal(CALL(policy_main, self, "-c", config_path), EXIT_USAGE);
    has("what about the policy? try policy check");
    assert_int_equal(CALL(policy_main, self, "chekc"), EXIT_USAGE);
    has("there is no \"policy chekc\"");
    assert_int_equal(CALL(policy_main, self, "--help"), EXIT_FINE);
    write_rules("    - {name: small, need: [{count: 9, of: manager}]}\n");
    assert_int_equal(CALL(policy_main, self, "check", "-c", config_path), EXIT_PROBLEMS);
    has("policy.yaml:6: ");
    has_not("every rule");
    AUTO_STR path = str_fmt("%s/nowhere.yaml", folder);
    assert_int_equal(CALL(policy_main, self, "check", "-c", path), EXIT_PROBLEMS);
    has("nowhere.yaml");
}

/* --- a store with a journal --- */

static void store_with_rows(void)
{
    struct err e = {0};
    struct engine engine = {.now_ms = INT64_C(1798000000000), .digest = EVP_MD_CTX_new()};
    assert_int_equal(store_open(&engine.store, store_url, false, &e), 0);
    struct actor who = {.name = "policy"};
    store_begin(engine.store);
    journal_add(&engine, &who, "open", 1, "acme", "N-1", NULL, "opened");
    journal_add(&engine, &who, "open", 2, "acme-labs", "N-2", NULL, "opened another");
    journal_add(&engine, &who, "close", 1, "acme", "N-1", NULL, "closed: %s", "paid");
    assert_int_equal(store_commit(engine.store, &e), 0);
    store_close(engine.store);
    EVP_MD_CTX_free(engine.digest);
}

static void sql(const char *text)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(store_path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void the_journal_is_verified(void **state)
{
    (void)state;
    store_with_rows();
    assert_int_equal(CALL(journal_main, journal, "verify", "--store", store_url), EXIT_FINE);
    has("journal: 3 rows, the chain holds, head ");
    assert_int_equal(CALL(journal_main, journal, "verify", "--config", config_path), EXIT_FINE);
    sql("UPDATE journal SET text = 'opened by nobody' WHERE seq = 2");
    assert_int_equal(CALL(journal_main, journal, "verify", "--store", store_url), EXIT_PROBLEMS);
    has("the chain is broken at row 2");
}

/* The head that it printed, cut off afterwards. */
static void the_end_of_the_journal_is_verified(void **state)
{
    (void)state;
    char head[65];
    store_with_rows();
    assert_int_equal(CALL(journal_main, journal, "verify", "--store", store_url), EXIT_FINE);
    has("journal: nothing in the store tells of rows that are missing at its end\n");
    has_not("what you kept");
    const char *at = strstr(printed, ", head ");
    assert_non_null(at);
    str_copy(head, sizeof head, at + strlen(", head "));
    assert_int_equal(CALL(journal_main, journal, "verify", "--store", store_url, "--head", head, "--rows", "3"), EXIT_FINE);
    has("journal: what you kept of it is there\n");
    sql("DELETE FROM journal WHERE seq = 3");
    assert_int_equal(CALL(journal_main, journal, "verify", "--store", store_url), EXIT_FINE); /* rows that nothing else tells of */
    assert_int_equal(CALL(journal_main, journal, "verify", "--store", store_url, "--head", head), EXIT_PROBLEMS);
    has("no row has the hash");
    assert_int_equal(CALL(journal_main, journal, "verify", "--store", store_url, "--rows", "3"), EXIT_PROBLEMS);
    has("it has 2 rows, and had 3 before");
    sql("INSERT INTO notes (account, person, at_ms, text) VALUES ('acme', 'ana', 1, 'x')");
    assert_int_equal(CALL(journal_main, journal, "verify", "--store", store_url), EXIT_PROBLEMS);
    has("journal: there are 1 notes, and it tells of 0: rows at its end are missing\n");
}

static void the_journal_is_shown(void **state)
{
    (void)state;
    store_with_rows();
    assert_int_equal(CALL(journal_main, journal, "show", "--account", "acme", "--store", store_url), EXIT_FINE);
    has("opened\n");
    has("closed: paid\n");
    has_not("opened another");
    assert_int_equal(CALL(journal_main, journal, "show", "-a", "acme", "--last", "1", "-s", store_url), EXIT_FINE);
    has_not("opened\n");
    assert_int_equal(CALL(journal_main, journal, "show", "-a", "cus_2", "-c", config_path),
                     EXIT_FINE); /* by its billing id */
    has("opened another\n");
    assert_int_equal(CALL(journal_main, journal, "show", "-a", "acme", "--json", "-s", store_url), EXIT_FINE);
    has("\"text\":\"closed: paid\"");
    has("\"seq\":1");
    assert_int_equal(CALL(journal_main, journal, "show", "-a", "nobody", "-s", store_url), EXIT_PROBLEMS);
    has("no row of account \"nobody\"");
}

static void journal_usage(void **state)
{
    (void)state;
    assert_int_equal(CALL(journal_main, journal, NULL), EXIT_USAGE);
    assert_int_equal(CALL(journal_main, journal, "shwo"), EXIT_USAGE);
    assert_int_equal(CALL(journal_main, journal, "show"), EXIT_USAGE);
    assert_int_equal(CALL(journal_main, journal, "verify", "--account", "x"), EXIT_USAGE);
    assert_int_equal(CALL(journal_main, journal, "verify", "--head", "12ab"), EXIT_USAGE);
    assert_int_equal(CALL(journal_main, journal, "verify", "--rows", "0"), EXIT_USAGE);
    assert_int_equal(CALL(journal_main, journal, "verify", "--rows", "3x"), EXIT_USAGE);
    assert_int_equal(CALL(journal_main, journal, "show", "-a", "x", "--rows", "3"), EXIT_USAGE);
    assert_int_equal(CALL(journal_main, journal, "receipt", "R-1", "--rows", "3"), EXIT_USAGE);
    assert_int_equal(CALL(journal_main, journal, "show", "-a", "x", "--last", "0"), EXIT_USAGE);
    assert_int_equal(CALL(journal_main, journal, "show", "-a", "x", "--last", "1x"), EXIT_USAGE);
    assert_int_equal(CALL(journal_main, journal, "verify", "--store", store_url), EXIT_UNREACHABLE);
    assert_int_equal(access(store_path, F_OK), -1);
}

static void a_store_that_cannot_be_used(void **state)
{
    (void)state;
    store_with_rows();
    assert_int_equal(CALL(check_main, self, "--offline", "-c", config_path), EXIT_FINE);
    has("store.db, 3 journal rows\n");
    sql("PRAGMA user_version = 100000");
    assert_int_equal(CALL(journal_main, journal, "verify", "--store", store_url), EXIT_NEWER);
    assert_int_equal(CALL(check_main, self, "--offline", "-c", config_path), EXIT_UNREACHABLE);
    has("FAIL store: ");
    unlink(store_path);
    write_text("store.db",
               "this is no database, but long enough to be looked at as if it were one, and then refused\n");
    assert_int_equal(CALL(journal_main, journal, "verify", "--store", store_url), EXIT_UNREACHABLE);
    assert_int_equal(CALL(check_main, self, "--offline", "-c", config_path), EXIT_UNREACHABLE);
    has("FAIL store: ");
}

static void a_store_without_a_folder(void **state)
{
    (void)state;
    write_text("dunwell.yaml", "store: sqlite:a/b/store.db\n");
    CALL(check_main, self, "--offline", "-c", config_path);
    has("FAIL store: ");
    has("/a/b is missing\n");
    write_text("dunwell.yaml", "store: sqlite:a/store.db\n");
    CALL(check_main, self, "--offline", "-c", config_path);
    has("a/store.db and its folder will be made at the first start\n");
}

static void drivers_are_listed(void **state)
{
    (void)state;
    assert_int_equal(CALL(drivers_main, drivers, NULL), EXIT_FINE);
    has("chat     slack ");
    has("billing  stripe ");
    assert_int_equal(CALL(drivers_main, drivers, "stripe"), EXIT_FINE);
    has("secret_key");
    has("hold");
    assert_int_equal(CALL(drivers_main, drivers, "strpe"), EXIT_USAGE);
    assert_int_equal(CALL(drivers_main, drivers, "--options"), EXIT_FINE);
    has(".It Ic webhook_secret Pq secret\n");
    assert_int_equal(CALL(drivers_main, drivers, "--options", "stripe"), EXIT_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_in_any_order),
        cmocka_unit_test(wrong_usage_is_2),
        cmocka_unit_test(help_is_0),
        cmocka_unit_test(each_error_has_its_code),
        cmocka_unit_test_setup_teardown(check_says_what_is_fine, files, clean),
        cmocka_unit_test_setup_teardown(check_says_who_does_not_answer, files, clean),
        cmocka_unit_test_setup_teardown(check_prints_every_problem_with_its_line, files, clean),
        cmocka_unit_test_setup_teardown(check_sends_nothing_where_an_address_is_refused, files, clean),
        cmocka_unit_test_setup_teardown(check_counts_what_repeats, files, clean),
        cmocka_unit_test_setup_teardown(check_without_a_configuration, files, clean),
        cmocka_unit_test_setup_teardown(check_compares_rules_with_people, files, clean),
        cmocka_unit_test_setup_teardown(the_policy_is_looked_at, files, clean),
        cmocka_unit_test_setup_teardown(a_policy_nobody_could_keep_is_1, files, clean),
        cmocka_unit_test_setup_teardown(policy_check_is_used_right, files, clean),
        cmocka_unit_test_setup_teardown(the_journal_is_verified, files, clean),
        cmocka_unit_test_setup_teardown(the_end_of_the_journal_is_verified, files, clean),
        cmocka_unit_test_setup_teardown(the_journal_is_shown, files, clean),
        cmocka_unit_test_setup_teardown(journal_usage, files, clean),
        cmocka_unit_test_setup_teardown(a_store_that_cannot_be_used, files, clean),
        cmocka_unit_test_setup_teardown(a_store_without_a_folder, files, clean),
        cmocka_unit_test(drivers_are_listed),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
