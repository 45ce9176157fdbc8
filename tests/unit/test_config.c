/* dunwell.yaml: what is accepted, what is refused with which line and words, where secrets go, and that the manual
 * page holds the option list of the tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bot/cmdline.h"
#include "bot/commands.h"
#include "bot/config.h"
#include "bot/config_driver.h"
#include "tests/unit/certificate.h"

static char folder[64];

/* The example of the project's description; each test changes a line of it. */
static const char example[] = "listen: 127.0.0.1:8080\n"
                              "store: sqlite:var/dunwell.db\n"
                              "mode: live\n"
                              "chat:\n"
                              "  slack: {api_url: \"https://slack.com/api/\", app_token: {env: TEST_APP_TOKEN}, "
                              "bot_token: {env: TEST_BOT_TOKEN},\n"
                              "          channels: {approvals: C0APPROVALS, collections: C0COLLECT}}\n"
                              "billing:\n"
                              "  stripe: {kind: stripe, base_url: \"https://api.stripe.com\", secret_key: {env: "
                              "TEST_STRIPE}, webhook_secret: {file: hook.txt}}\n"
                              "accounts: {file: accounts.csv}\n"
                              "people: {file: people.yaml}\n"
                              "policy: {file: policy.yaml}\n"
                              "smtp: {url: \"smtp://127.0.0.1:2525\", from: billing@example.com}\n"
                              "tls: {ca_file: ca.pem}\n";

static void write_file(const char *name, const char *text, mode_t mode)
{
    AUTO_STR path = str_fmt("%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0 ? 0 : -1, 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static int setup(void **state)
{
    (void)state;
    str_copy(folder, sizeof folder, "/tmp/dunwell-config-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    static const char *const names[] = {"accounts.csv", "people.yaml", "policy.yaml"};
    for (size_t i = 0; i < DW_ARRAY_LEN(names); i++)
        write_file(names[i], "", 0644);
    write_file("ca.pem", certificate, 0644);
    write_file("hook.txt", "whsec_not_a_real_one\n", 0600);
    setenv("TEST_APP_TOKEN", "xapp-not-a-real-one", 1);
    setenv("TEST_BOT_TOKEN", "xoxb-not-a-real-one", 1);
    setenv("TEST_STRIPE", "sk_test_not_a_real_one", 1);
    unsetenv("TEST_MISSING");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    static const char *const names[] = {"accounts.csv", "people.yaml", "policy.yaml",
                                        "ca.pem",       "hook.txt",    "other.txt"};
    for (size_t i = 0; i < DW_ARRAY_LEN(names); i++) {
        AUTO_STR path = str_fmt("%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

/* The example with the first occurrence of `from` replaced. The caller frees. */
static char *changed(const char *from, const char *to)
{
    const char *at = strstr(example, from);
    assert_non_null(at);
    return str_fmt("%.*s%s%s", (int)(at - example), example, to, at + strlen(from));
}

struct loaded {
    struct config *c;
    struct problems p;
};

static struct loaded load_text(const char *text)
{
    struct loaded l = {0};
    AUTO_STR path = str_fmt("%s/dunwell.yaml", folder);
    l.c = config_parse(span_of(text), path, &l.p);
    return l;
}

static void unload(struct loaded *l)
{
    config_free(l->c);
    problems_free(&l->p);
}

static bool has_line(const struct problems *p, const char *part)
{
    for (size_t i = 0; i < p->n; i++)
        if (strstr(p->lines[i], part) != NULL)
            return true;
    return false;
}

static void show(const struct problems *p)
{
    for (size_t i = 0; i < p->n; i++)
        print_message("  problem: %s\n", p->lines[i]);
}

/* One change gives exactly one problem, which holds `part` and stands at `line` (0: of something missing). */
static void refuses(const char *from, const char *to, int line, const char *part)
{
    AUTO_STR text = changed(from, to);
    AUTO_STR place = line > 0 ? str_fmt("dunwell.yaml:%d: ", line) : str_dup("dunwell.yaml: ");
    struct loaded l = load_text(text);
    if (l.p.n != 1 || !has_line(&l.p, part) || !has_line(&l.p, place)) {
        show(&l.p);
        fail_msg("\"%s\" should give one problem \"%s\" at line %d", to, part, line);
    }
    unload(&l);
}

static void accepts(const char *from, const char *to)
{
    AUTO_STR text = changed(from, to);
    struct loaded l = load_text(text);
    if (l.c == NULL || l.p.n != 0) {
        show(&l.p);
        fail_msg("\"%s\" should be accepted", to);
    }
    unload(&l);
}

static void the_example_is_read(void **state)
{
    (void)state;
    struct loaded l = load_text(example);
    show(&l.p);
    assert_non_null(l.c);
    assert_int_equal(l.p.n, 0);
    assert_int_equal(l.c->warnings.n, 0);
    assert_string_equal(l.c->listen_host, "127.0.0.1");
    assert_int_equal(l.c->listen_port, 8080);
    assert_false(l.c->shadow);
    assert_int_equal(l.c->n_drivers, 3);
    const struct driver_config *slack = config_driver(l.c, "slack"), *stripe = config_driver(l.c, "stripe");
    assert_ptr_equal(slack->driver, &slack_driver);
    assert_ptr_equal(stripe->driver, &stripe_driver);
    assert_ptr_equal(config_first(l.c, DRIVER_CHAT), slack);
    assert_ptr_equal(config_first(l.c, DRIVER_NOTIFY)->driver, &smtp_driver);
    assert_string_equal(config_option(slack, "app_token"), "xapp-not-a-real-one");
    assert_string_equal(config_option(slack, "bot_token"), "xoxb-not-a-real-one");
    assert_string_equal(config_option(stripe, "secret_key"), "sk_test_not_a_real_one");
    assert_string_equal(config_option(stripe, "webhook_secret"), "whsec_not_a_real_one");
    assert_string_equal(config_channel(slack, "approvals"), "C0APPROVALS");
    assert_string_equal(config_channel(slack, "collections"), "C0COLLECT");
    assert_null(config_channel(slack, "shadow"));
    assert_null(config_channel(stripe, "approvals"));
    assert_true(config_complete(slack) && config_complete(stripe));
    assert_null(config_driver(l.c, "nothing"));
    unload(&l);
}

static void relative_paths_start_at_the_file(void **state)
{
    (void)state;
    struct loaded l = load_text(example);
    AUTO_STR accounts = str_fmt("%s/accounts.csv", folder);
    AUTO_STR store = str_fmt("sqlite:%s/var/dunwell.db", folder);
    assert_string_equal(l.c->accounts_file, accounts);
    assert_string_equal(l.c->store, store);
    assert_string_equal(config_store_path(l.c), store + strlen("sqlite:"));
    unload(&l);

    AUTO_STR text = changed("sqlite:var/dunwell.db", "sqlite:/srv/dunwell.db");
    l = load_text(text);
    assert_string_equal(l.c->store, "sqlite:/srv/dunwell.db");
    unload(&l);

    struct problems p = {0};
    struct config *c = config_parse(span_of(example), "dunwell.yaml", &p);
    assert_string_equal(c->store, "sqlite:var/dunwell.db");
    config_free(c);
    problems_free(&p);
}

static void unknown_keys_name_their_line(void **state)
{
    (void)state;
    refuses("listen: 127.0.0.1:8080\n", "listen: 127.0.0.1:8080\nlisten_to: x\n", 2, "listen_to");
    refuses("tls: {ca_file: ca.pem}\n", "tls: {ca_file: ca.pem}\npolcy: {file: x}\n", 14, "policy");
    refuses("bot_token: {env: TEST_BOT_TOKEN}", "bot_token: {env: TEST_BOT_TOKEN}, bot_tokn: {env: X}", 5, "bot_tok");
    refuses("collections: C0COLLECT", "collections: C0COLLECT, shaddow: C0X", 6, "shadow");
    refuses("people.yaml}", "people.yaml, path: x}", 10, "path");
    refuses("{file: hook.txt}", "{file: hook.txt, trim: true}", 8, "trim");
    refuses("tls: {ca_file: ca.pem}", "tls: {ca_file: ca.pem, verify: false}", 13, "verify");
}

static void secrets_are_references(void **state)
{
    (void)state;
    AUTO_STR text = changed("{env: TEST_STRIPE}", "sk_live_plain_text");
    struct loaded l = load_text(text);
    assert_int_equal(l.p.n, 1);
    assert_true(
        has_line(&l.p, "dunwell.yaml:8: billing.stripe.secret_key: a secret is never written into this file"));
    assert_true(has_line(&l.p, "{env: STRIPE_SECRET_KEY}"));
    assert_false(has_line(&l.p, "sk_live_plain_text"));
    assert_false(config_complete(config_driver(l.c, "stripe")));
    unload(&l);
    refuses("{env: TEST_STRIPE}", "{env: TEST_MISSING}", 8, "the environment variable TEST_MISSING is not set");
    refuses("{env: TEST_STRIPE}", "{env: sk_live_Plain1}", 8, "no environment variable has the name after env:");
    AUTO_STR in_place = changed("{env: TEST_STRIPE}", "{env: sk_live_Plain1}");
    struct loaded named = load_text(in_place);
    assert_false(has_line(&named.p, "sk_live"));
    unload(&named);
    refuses("{env: TEST_STRIPE}", "{}", 8, "write either");
    setenv("CREDENTIALS_DIRECTORY", folder, 1); /* as systemd's LoadCredential= gives them */
    refuses("{env: TEST_STRIPE}", "{env: TEST_MISSING}", 8, "TEST_MISSING: No such file");
    write_file("TEST_CREDENTIAL", "from systemd\n", 0600);
    AUTO_STR given = changed("{env: TEST_STRIPE}", "{env: TEST_CREDENTIAL}");
    struct loaded from = load_text(given);
    assert_int_equal(from.p.n, 0);
    assert_string_equal(config_option(config_driver(from.c, "stripe"), "secret_key"), "from systemd");
    unload(&from);
    AUTO_STR credential = str_fmt("%s/TEST_CREDENTIAL", folder);
    unlink(credential);
    refuses("{env: TEST_STRIPE}", "{env: sk_live_Plain1}", 8, "no environment variable has the name after env:");
    unsetenv("CREDENTIALS_DIRECTORY");
    refuses("{env: TEST_STRIPE}", "{env: TEST_STRIPE, file: hook.txt}", 8, "write either");
    refuses("{env: TEST_STRIPE}", "{file: missing.txt}", 8, "missing.txt: No such file");
    refuses("{env: TEST_STRIPE}", "{file: .}", 8, "not a file");
    refuses("{env: TEST_STRIPE}", "12345", 8, "never written into this file");
}

static void secret_files_hold_one_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *problem;
    } rows[] = {
        {"", "the secret is empty"},
        {"\n", "the secret is empty"},
        {"one\ntwo\n", "a line break or another control character"},
        {"one\ttwo", "a line break or another control character"},
        {"one\r\n", NULL},
        {"one\n\n", NULL},
        {"one", NULL},
    };
    for (size_t i = 0; i < DW_ARRAY_LEN(rows); i++) {
        write_file("other.txt", rows[i].text, 0600);
        if (rows[i].problem != NULL) {
            refuses("{file: hook.txt}", "{file: other.txt}", 8, rows[i].problem);
            continue;
        }
        AUTO_STR text = changed("{file: hook.txt}", "{file: other.txt}");
        struct loaded l = load_text(text);
        assert_string_equal(config_option(config_driver(l.c, "stripe"), "webhook_secret"), "one");
        unload(&l);
    }
    AUTO_STR large = mem_alloc(5001);
    memset(large, 'x', 5000);
    write_file("other.txt", large, 0600);
    refuses("{file: hook.txt}", "{file: other.txt}", 8, "too large for a secret");
}

static void a_readable_secret_file_is_a_warning(void **state)
{
    (void)state;
    write_file("other.txt", "one\n", 0644);
    AUTO_STR text = changed("{file: hook.txt}", "{file: other.txt}");
    struct loaded l = load_text(text);
    assert_int_equal(l.p.n, 0);
    assert_int_equal(l.c->warnings.n, 1);
    assert_true(has_line(&l.c->warnings, "dunwell.yaml:8: warning: billing.stripe.webhook_secret: everybody"));
    unload(&l);
}

static void only_this_machine_without_tls(void **state)
{
    (void)state;
    static const char stripe[] = "https://api.stripe.com";
    accepts(stripe, "http://127.0.0.1:12111");
    accepts(stripe, "http://127.1.2.3/v1");
    accepts(stripe, "http://localhost:1");
    accepts(stripe, "http://[::1]:8420");
    accepts("https://slack.com/api/", "http://127.0.0.1:9/api/");
    refuses(stripe, "http://api.stripe.com", 8, "without TLS only this machine");
    refuses(stripe, "http://127.0.0.1.example.com", 8, "without TLS only this machine");
    refuses(stripe, "http://localhost.example.com", 8, "without TLS only this machine");
    refuses(stripe, "http://10.0.0.1", 8, "without TLS only this machine");
    refuses(stripe, "http://[::2]", 8, "without TLS only this machine");
    refuses(stripe, "http://0.0.0.0", 8, "without TLS only this machine");
    refuses(stripe, "ws://example.com", 8, "without TLS only this machine");
}

/* smtp:// is encrypted after the greeting unless tls is off. */
static void mail_is_encrypted_elsewhere(void **state)
{
    (void)state;
    accepts("smtp://127.0.0.1:2525\"", "smtp://mail.example.com:587\"");
    accepts("smtp://127.0.0.1:2525\"", "smtp://mail.example.com:587\", tls: required");
    accepts("smtp://127.0.0.1:2525\"", "smtps://mail.example.com\"");
    accepts("smtp://127.0.0.1:2525\"", "smtp://127.0.0.1:2525\", tls: off");
    refuses("smtp://127.0.0.1:2525\"", "smtp://mail.example.com\", tls: off", 12, "without TLS only this machine");
    assert_true(config_url_is_here("smtp://127.0.0.1:2525"));
    assert_false(config_url_is_here("smtp://mail.example.com"));
    assert_false(config_url_is_here("nonsense"));
}

static void addresses_are_addresses(void **state)
{
    (void)state;
    static const char stripe[] = "https://api.stripe.com";
    refuses(stripe, "api.stripe.com", 8, "is not a URL");
    refuses(stripe, "file:///etc/passwd", 8, "billing.stripe.base_url: this address");
    refuses(stripe, "ftp://127.0.0.1/", 8, "begins with https://");
    refuses(stripe, "smtp://127.0.0.1/", 8, "begins with https://");
    refuses("billing@example.com", "Billing <billing@example.com>", 12, "smtp.from: is not an e-mail address");
    refuses("smtp://127.0.0.1:2525", "https://127.0.0.1", 12, "begins with smtp://");
    refuses(stripe, "https://api.stripe.com/?a=b", 8, "must not hold a ? or #");
    AUTO_STR text = changed(stripe, "https://user:hunter2@api.stripe.com");
    struct loaded l = load_text(text);
    assert_int_equal(l.p.n, 1);
    assert_true(has_line(&l.p, "must not hold a user or password"));
    assert_false(has_line(&l.p, "hunter2"));
    unload(&l);
    refuses("base_url: \"https://api.stripe.com\"", "base_url: 7", 8, "write text, in quotes");
}

#define CHARGEBEE "stripe: {kind: chargebee, site: acme-test, webhook_user: hook, webhook_password: {env: TEST_STRIPE}, api_key: {env: TEST_STRIPE}"

static void codes_have_classes(void **state)
{
    (void)state;
    static const char stripe[] = "stripe: {kind: stripe, base_url: \"https://api.stripe.com\", secret_key: {env: TEST_STRIPE}, webhook_secret: {file: hook.txt}";
    accepts(stripe, CHARGEBEE ", declines: \"3001=S, braintree/2001=H\"");
    refuses(stripe, CHARGEBEE ", declines: \"3001=S 3002\"", 8, "billing.stripe.declines: \"3002\" is no row: write CODE=CLASS");
    refuses(stripe, CHARGEBEE ", declines: \"3001=soft\"", 8, "with a class of H, N, A, S or M");
}

static void listen_is_an_address_and_a_port(void **state)
{
    (void)state;
    static const char *const bad[] = {"127.0.0.1:0",   "127.0.0.1:65536", "127.0.0.1:99999999999", "127.0.0.1:-1",
                                      "127.0.0.1:+80", "\"127.0.0.1:\"",  "127.0.0.1:80x",         "\":80\"",
                                      "8080",          "127.0.0.1",       "billing.example.com:80"};
    for (size_t i = 0; i < DW_ARRAY_LEN(bad); i++)
        refuses("127.0.0.1:8080", bad[i], 1, "listen: ");
    accepts("127.0.0.1:8080", "127.0.0.1:1");
    accepts("127.0.0.1:8080", "127.0.0.1:65535");
    AUTO_STR text = changed("127.0.0.1:8080", "\"[::]:9000\"");
    struct loaded l = load_text(text);
    assert_int_equal(l.p.n, 0);
    assert_string_equal(l.c->listen_host, "::");
    assert_int_equal(l.c->listen_port, 9000);
    assert_true(has_line(&l.c->warnings, "can be reached from other machines"));
    unload(&l);
}

static void live_must_be_said(void **state)
{
    (void)state;
    refuses("mode: live", "mode: lively", 3, "write live or shadow");
    refuses("mode: live", "mode: true", 3, "write live or shadow");
    AUTO_STR text = changed("mode: live\n", "");
    struct loaded l = load_text(text);
    assert_true(l.c->shadow);
    assert_true(has_line(&l.c->warnings, "shadow is assumed"));
    unload(&l);
    AUTO_STR shadow = changed("mode: live", "mode: shadow");
    l = load_text(shadow);
    assert_true(l.c->shadow);
    assert_int_equal(l.c->warnings.n, 0);
    unload(&l);
}

static void drivers_are_known_and_named_once(void **state)
{
    (void)state;
    refuses("kind: stripe", "kind: strpe", 8, "\"strpe\" is not known here; known: stripe");
    refuses("kind: stripe", "kind: slack", 8, "\"slack\" is not known here");
    refuses("  stripe: {kind: stripe,", "  slack: {kind: stripe,", 8, "already taken");
    refuses("  stripe: {kind: stripe,", "  smtp: {kind: stripe,", 8, "already taken");
    refuses("  stripe: {kind: stripe,", "  Stripe/eu: {kind: stripe,", 8, "a name has 1 to 31");
    refuses("  stripe: {kind: stripe,", "  main: {", 8, "kind is missing; known: stripe");
    refuses("  slack: {", "  slak: {", 5, "there is no such chat; known: slack");
    AUTO_STR text = changed("  stripe: {kind: stripe,", "  europe-2: {kind: stripe,");
    struct loaded l = load_text(text);
    assert_int_equal(l.p.n, 0);
    assert_ptr_equal(config_driver(l.c, "europe-2")->driver, &stripe_driver);
    unload(&l);
}

static void what_is_needed_must_be_there(void **state)
{
    (void)state;
    refuses("accounts: {file: accounts.csv}\n", "", 0, "accounts is missing; write {file: accounts.csv}");
    refuses("accounts.csv", "nowhere.csv", 9, "nowhere.csv: No such file");
    refuses("people: {file: people.yaml}", "people: people.yaml", 10, "people: write it as a mapping");
    refuses("collections: C0COLLECT", "shadow: C0SHADOW", 6, "channels.collections is missing");
    refuses("collections: C0COLLECT", "collections: 7", 6, "write the channel's id as text");
    refuses("app_token: {env: TEST_APP_TOKEN}, ", "", 5, "chat.slack.app_token is missing");
    refuses("tls: {ca_file: ca.pem}", "tls: {ca_file: no.pem}", 13, "no.pem: No such file");
    refuses("tls: {ca_file: ca.pem}", "tls: {ca_file: /}", 13, "/ is a folder; write the path of a PEM file");
    refuses("tls: {ca_file: ca.pem}", "tls: {ca_file: /dev/zero}", 13, "/dev/zero is no file; write the path of a PEM file");
    refuses("tls: {ca_file: ca.pem}", "tls: {ca_file: people.yaml}", 13, "no certificate can be read from");
    AUTO_STR half = str_ndup(certificate, sizeof certificate / 2);
    write_file("ca.pem", half, 0644);
    refuses("tls: {ca_file: ca.pem}", "tls: {ca_file: ca.pem }", 13, "no certificate can be read from");
    AUTO_STR twice = str_fmt("# ours\n%s%s", certificate, certificate);
    write_file("ca.pem", twice, 0644);
    accepts("tls: {ca_file: ca.pem}", "tls: {ca_file: ca.pem }");
    write_file("ca.pem", certificate, 0644);
    refuses("sqlite:var/dunwell.db", "postgresql://db/dunwell", 2, "write sqlite:PATH");
    refuses("sqlite:var/dunwell.db", "\"sqlite::memory:\"", 2, "write sqlite:PATH");
    refuses("sqlite:var/dunwell.db", "sqlite:var/", 2, "write sqlite:PATH");
}

static void every_problem_is_reported(void **state)
{
    (void)state;
    struct loaded l = load_text("listen: nowhere\nmode: dead\nchat: []\nbilling: {x: {kind: y}}\nwhatever: 1\n");
    static const char *const parts[] = {
        ":1: listen",          ":2: mode",          ":3: chat",         ":4: billing.x.kind", ":5: ",
        "accounts is missing", "people is missing", "policy is missing"};
    assert_non_null(l.c);
    for (size_t i = 0; i < DW_ARRAY_LEN(parts); i++)
        if (!has_line(&l.p, parts[i]))
            fail_msg("no problem with \"%s\"", parts[i]);
    assert_int_equal(l.p.n, DW_ARRAY_LEN(parts));
    unload(&l);
}

static void what_is_no_mapping_is_refused(void **state)
{
    (void)state;
    struct loaded l = load_text("just words\n");
    assert_true(has_line(&l.p, "the configuration is a mapping"));
    unload(&l);
    l = load_text("listen: [unclosed\n");
    assert_null(l.c);
    assert_int_equal(l.p.n, 1);
    unload(&l);
    l = load_text("mode: live\nmode: shadow\n");
    assert_null(l.c);
    unload(&l);
    struct problems p = {0};
    assert_null(config_load("/nonexistent/dunwell.yaml", &p));
    assert_true(has_line(&p, "/nonexistent/dunwell.yaml"));
    problems_free(&p);
}

static void loopback_is_only_loopback(void **state)
{
    (void)state;
    static const char *const yes[] = {"127.0.0.1", "127.255.255.254", "localhost", "LOCALHOST", "::1", "[::1]"};
    static const char *const no[] = {"128.0.0.1", "0.0.0.0", "1.127.0.0", "localhost.",       "127.1",     "[::1",
                                     "::",        "",        "[]",        "::ffff:127.0.0.1", "0177.0.0.1"};
    for (size_t i = 0; i < DW_ARRAY_LEN(yes); i++)
        assert_true(config_loopback(yes[i]));
    for (size_t i = 0; i < DW_ARRAY_LEN(no); i++)
        if (config_loopback(no[i]))
            fail_msg("%s is not this machine for certain", no[i]);
}

/* explicit_bzero of this program, so that what is wiped can be seen. */
static char wiped[8][64];
static size_t n_wiped;
static void wipe(void *p, size_t n)
{
    if (n_wiped < DW_ARRAY_LEN(wiped) && n < sizeof wiped[0]) {
        memcpy(wiped[n_wiped], p, n);
        wiped[n_wiped++][n] = '\0';
    }
    memset(p, 0, n);
}
void explicit_bzero(void *p, size_t n);
void __explicit_bzero_chk(void *p, size_t n, size_t most);
void explicit_bzero(void *p, size_t n)
{
    wipe(p, n);
}
void __explicit_bzero_chk(void *p, size_t n, size_t most)
{
    (void)most;
    wipe(p, n);
}

static void secrets_are_wiped(void **state)
{
    (void)state;
    static const char *const secrets[] = {"xapp-not-a-real-one", "xoxb-not-a-real-one", "sk_test_not_a_real_one",
                                          "whsec_not_a_real_one"};
    struct loaded l = load_text(example);
    n_wiped = 0;
    unload(&l);
    assert_int_equal(n_wiped, DW_ARRAY_LEN(secrets));
    for (size_t i = 0; i < n_wiped; i++) {
        bool found = false;
        for (size_t j = 0; j < DW_ARRAY_LEN(secrets); j++)
            found = found || strcmp(wiped[i], secrets[j]) == 0;
        assert_true(found);
    }
}

static void read_page(const char *path, struct buf *page)
{
    char chunk[4096];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        buf_add(page, chunk, n);
    fclose(f);
}

/* A manual page holds a list between two marks. */
static void page_holds(const char *path, const char *what, const struct buf *list)
{
    AUTO_BUF page = BUF(1u << 20);
    AUTO_STR begin = str_fmt(".\\\" %s: begin\n", what);
    AUTO_STR end = str_fmt(".\\\" %s: end\n", what);
    read_page(path, &page);
    const char *from = strstr(buf_text(&page), begin);
    assert_non_null(from);
    from += strlen(begin);
    const char *to = strstr(from, end);
    assert_non_null(to);
    if ((size_t)(to - from) != list->n || memcmp(from, list->p, list->n) != 0)
        fail_msg("the %s in %s are not what the program prints", what, path);
}

static void the_manual_holds_the_option_list(void **state)
{
    (void)state;
    AUTO_BUF list = BUF(1u << 20);
    drivers_print_mdoc(&list);
    page_holds("bot/dunwell.yaml.5", "options", &list);
}

/* The README's table is written by hand, for its examples; but no command is missing in it. */
static void the_manual_and_the_readme_hold_every_command(void **state)
{
    (void)state;
    AUTO_BUF list = BUF(1u << 20), readme = BUF(1u << 20);
    commands_print_mdoc(&list);
    page_holds("bot/dunwell.1", "commands", &list);
    read_page("README.md", &readme);
    for (const struct command *c = commands_all; c->verb; c++) {
        AUTO_STR alone = str_fmt("`%s`", c->verb);
        AUTO_STR more = str_fmt("`%s ", c->verb);
        if (!strstr(buf_text(&readme), alone) && !strstr(buf_text(&readme), more))
            fail_msg("README.md does not tell of \"%s\"", c->verb);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_is_read),
        cmocka_unit_test(relative_paths_start_at_the_file),
        cmocka_unit_test(unknown_keys_name_their_line),
        cmocka_unit_test(secrets_are_references),
        cmocka_unit_test(secret_files_hold_one_line),
        cmocka_unit_test(a_readable_secret_file_is_a_warning),
        cmocka_unit_test(only_this_machine_without_tls),
        cmocka_unit_test(mail_is_encrypted_elsewhere),
        cmocka_unit_test(addresses_are_addresses),
        cmocka_unit_test(codes_have_classes),
        cmocka_unit_test(listen_is_an_address_and_a_port),
        cmocka_unit_test(live_must_be_said),
        cmocka_unit_test(drivers_are_known_and_named_once),
        cmocka_unit_test(what_is_needed_must_be_there),
        cmocka_unit_test(every_problem_is_reported),
        cmocka_unit_test(what_is_no_mapping_is_refused),
        cmocka_unit_test(loopback_is_only_loopback),
        cmocka_unit_test(secrets_are_wiped),
        cmocka_unit_test(the_manual_holds_the_option_list),
        cmocka_unit_test(the_manual_and_the_readme_hold_every_command),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
