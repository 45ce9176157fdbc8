/* dunwell check: what is wrong, before anything runs.
 *
 * Three things in this order: the configuration and each file it names, every problem as FILE:LINE: message; how the
 * files fit together (an account whose AE nobody is, a biller that is not configured, an approval that nobody could
 * give); and what can be reached, one line each. It changes nothing: the store is opened read-only, the drivers are
 * asked only what they declare as harmless. The lines and the exit code are an interface (dunwell(1)). */
#include "bot/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bot/cmdline.h"
#include "bot/embedded.h"
#include "engine/people.h"
#include "engine/policy.h"
#include "engine/store.h"
#include "engine/template.h"
#include "engine/when.h"

#define SAME_MAX 10 /* of one kind of problem; the rest is counted */

struct check {
    struct config *config;
    struct people *people;
    struct policy *policy;
    struct book *book;
    struct problems problems;
    struct problems warnings;                    /* beyond the configuration's own */
    size_t bad_people, bad_policy, bad_accounts; /* problems of each file */
    size_t approvers;
    struct check_tally tally;
};

void check_say(struct check_tally *t, enum check_result result, const char *name, const char *fmt, ...)
{
    static const char *const words[] = {[CHECK_OK] = "ok  ", [CHECK_FAIL] = "FAIL", [CHECK_SKIP] = "skip"};
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    printf("%s %s: ", words[result], name);
    print_safe(stdout, text);
    putchar('\n');
    fflush(stdout); /* the next peer may take its time */
    t->fine += result == CHECK_OK;
    t->failed += result == CHECK_FAIL;
    t->skipped += result == CHECK_SKIP;
}

static void load_files(struct check *k)
{
    const struct config *c = k->config;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    size_t before = k->problems.n;
    if (c->people_file != NULL)
        k->people = people_load(c->people_file, &k->problems);
    k->bad_people = k->problems.n - before;
    before = k->problems.n;
    if (c->policy_file != NULL)
        k->policy = policy_load(c->policy_file, &k->problems);
    k->bad_policy = k->problems.n - before;
    before = k->problems.n;
    if (c->accounts_file != NULL)
        k->book = accounts_file_load(c->accounts_file, (int64_t)now.tv_sec * MS_SECOND, &k->problems);
    k->bad_accounts = k->problems.n - before;
}

/* Where the channels and the people stand: the loaded values no longer know their lines. */
struct lines {
    struct doc *doc;
    const json_t *parent;
};

static struct lines lines_of(const char *path, const char *where)
{
    struct lines l = {0};
    if (doc_load(&l.doc, path, NULL) == 0)
        l.parent = json_at(doc_root(l.doc), where);
    return l;
}

static int line_in(const struct lines *l, const char *key)
{
    return l->parent != NULL ? doc_line(l->doc, l->parent, key) : 0;
}

/* A name where an id belongs ("#approvals") is the commonest mistake in a Slack setup. */
static bool id_looks_right(const char *id, const char *first)
{
    return id[0] != '\0' && strchr(first, id[0]) != NULL && strlen(id) >= 3 &&
           strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == strlen(id);
}

static void check_channels(struct check *k)
{
    static const char *const names[] = {"approvals", "collections", "shadow"};
    const struct driver_config *slack = config_driver(k->config, "slack");
    struct lines l = lines_of(k->config->path, "chat.slack.channels");
    for (size_t i = 0; slack != NULL && i < DW_ARRAY_LEN(names); i++) {
        const char *id = config_channel(slack, names[i]);
        if (id != NULL && !id_looks_right(id, "CG"))
            problems_add(&k->problems, k->config->path, line_in(&l, names[i]),
                         "chat.slack.channels.%s: \"%.40s\" is not a channel id; it looks like C0123ABCD and stands "
                         "at the end "
                         "of the channel's details",
                         names[i], id);
    }
    doc_free(l.doc);
}

static void check_person(struct check *k, const struct person *p, const char *platform, int line)
{
    const char *id = person_chat_id(p, platform);
    if (id == NULL && p->roles != ROLE_OPERATOR)
        problems_add(&k->warnings, k->config->people_file, line,
                     "warning: people.%s has no %s id and will not be asked anything", p->key, platform);
    else if (id != NULL && strcmp(platform, "slack") == 0 && !id_looks_right(id, "UW"))
        problems_add(
            &k->problems, k->config->people_file, line,
            "people.%s.slack: \"%.40s\" is not a member id; it looks like U0123ABCD (profile, Copy member ID)",
            p->key, id);
}

static bool may_approve_something(const struct person *p)
{
    return person_has(p, ROLE_MANAGER | ROLE_FINANCE) && p->n_limits > 0;
}

static void check_people(struct check *k)
{
    const struct driver_config *chat = config_first(k->config, DRIVER_CHAT);
    struct lines l = lines_of(k->config->people_file, "people");
    for (size_t i = 0; i < people_count(k->people); i++) {
        const struct person *p = people_at(k->people, i);
        k->approvers += may_approve_something(p);
        if (chat != NULL && strcmp(chat->driver->name, "console") != 0)
            check_person(k, p, chat->name, line_in(&l, p->key));
    }
    doc_free(l.doc);
    if (k->approvers == 0)
        problems_add(&k->problems, k->config->people_file, 0,
                     "nobody could approve anything: give a manager or finance person a limit, for example limit: "
                     "{USD: 50000}");
}

/* Adds the first SAME_MAX of a kind; says at the end how many more there were. */
static void add_same(struct check *k, size_t *seen, int line, const char *sentence)
{
    if (++*seen <= SAME_MAX)
        problems_add(&k->problems, k->config->accounts_file, line, "%s", sentence);
}

static void check_billing(struct check *k, const struct account *a, const char *billing, int line, size_t *no_biller)
{
    const struct driver_config *biller = config_driver(k->config, billing);
    if (biller != NULL && biller->driver->kind == DRIVER_BILLING)
        return;
    AUTO_STR text = str_fmt("account %s: its billing \"%s\" is not configured under billing in %s", a->key, billing, k->config->path);
    add_same(k, no_biller, line, text);
}

static void check_account(struct check *k, const struct account *a, size_t *no_ae, size_t *no_biller)
{
    if (k->people != NULL && a->ae != NULL && a->ae[0] != '\0' && people_by_key(k->people, a->ae) == NULL) {
        AUTO_STR text = str_fmt("account %s: its ae \"%s\" is nobody in the people file", a->key, a->ae);
        add_same(k, no_ae, a->line, text);
    }
    if (a->billing != NULL && a->billing[0] != '\0')
        check_billing(k, a, a->billing, a->line, no_biller);
    for (size_t i = 0; i < a->n_also; i++)
        check_billing(k, a, a->also[i].billing, a->also[i].line, no_biller);
}

static void check_accounts(struct check *k)
{
    size_t no_ae = 0, no_biller = 0;
    for (size_t i = 0; i < book_count(k->book); i++)
        check_account(k, book_at(k->book, i), &no_ae, &no_biller);
    if (no_ae > SAME_MAX)
        problems_add(&k->problems, k->config->accounts_file, 0, "%zu more accounts have an ae that is nobody",
                     no_ae - SAME_MAX);
    if (no_biller > SAME_MAX)
        problems_add(&k->problems, k->config->accounts_file, 0,
                     "%zu more accounts have a billing that is not configured", no_biller - SAME_MAX);
}

static void check_files(struct check *k)
{
    size_t before = k->problems.n;
    if (k->people != NULL)
        check_people(k);
    k->bad_people += k->problems.n - before;
    before = k->problems.n;
    if (k->book != NULL)
        check_accounts(k);
    k->bad_accounts += k->problems.n - before;
    if (k->people != NULL && k->policy != NULL)
        check_policy(k->config->policy_file, k->people, k->policy, &k->warnings);
    check_channels(k);
}

static void say_file(struct check *k, const char *name, const void *loaded, size_t bad, const char *words)
{
    if (loaded != NULL && bad == 0)
        check_say(&k->tally, CHECK_OK, name, "%s", words);
    else if (loaded != NULL || bad > 0)
        check_say(&k->tally, CHECK_FAIL, name, "%zu %s, see above", bad, bad == 1 ? "problem" : "problems");
    else
        check_say(&k->tally, CHECK_SKIP, name, "no file to read, see above");
}

static void say_files(struct check *k)
{
    AUTO_STR people =
        str_fmt("%zu people, %zu may approve", k->people != NULL ? people_count(k->people) : 0, k->approvers);
    AUTO_STR policy = str_fmt("version %s", k->policy != NULL ? policy_version(k->policy) : "");
    AUTO_STR accounts = str_fmt("%zu accounts", k->book != NULL ? book_count(k->book) : 0);
    say_file(k, "people", k->people, k->bad_people, people);
    say_file(k, "policy", k->policy, k->bad_policy, policy);
    say_file(k, "accounts", k->book, k->bad_accounts, accounts);
}

/* The texts of mails are part of the program; a broken one would be found only when a customer should get it. */
static void check_templates(struct check *k)
{
    json_auto_t *values = json_pack("{s:s, s:s, s:s, s:s}", "name", "x", "amount", "x", "invoice", "x", "link", "x");
    int n = 0;
    for (const struct embedded *f = embedded_all; f->name != NULL; f++) {
        struct err e = {0};
        AUTO_BUF mail = BUF(64u << 10);
        if (strncmp(f->name, "mail/", 5) != 0)
            continue;
        n++;
        int rc = template_render((const char *)f->p, values, &mail, &e);
        if (rc == 0 && (strncmp(buf_text(&mail), "Subject: ", 9) != 0 || strstr(buf_text(&mail), "\n\n") == NULL))
            rc = err_set(&e, ERR_INVALID, "it does not begin with a Subject line and an empty one");
        if (rc != 0) {
            check_say(&k->tally, CHECK_FAIL, "templates", "%s: %s", f->name, e.text);
            return;
        }
    }
    check_say(&k->tally, CHECK_OK, "templates", "%d mail texts", n);
}

static void check_new_store(struct check *k, const char *path)
{
    AUTO_STR folder = str_dup(path);
    char *slash = strrchr(folder, '/');
    if (slash != NULL)
        slash[slash == folder ? 1 : 0] = '\0';
    const char *in = slash != NULL ? folder : ".";
    if (access(in, W_OK | X_OK) == 0) {
        check_say(&k->tally, CHECK_OK, "store", "%s will be made at the first start", path);
        return;
    }
    bool missing = errno == ENOENT;
    AUTO_STR above = str_dup(in);
    slash = strrchr(above, '/');
    if (slash != NULL)
        slash[slash == above ? 1 : 0] = '\0';
    if (missing && access(slash != NULL ? above : ".", W_OK | X_OK) == 0)
        check_say(&k->tally, CHECK_OK, "store", "%s and its folder will be made at the first start", path);
    else
        check_say(&k->tally, CHECK_FAIL, "store", "%s cannot be made: the folder %s is %s", path, in,
                  missing ? "missing" : "not writable");
}

static void check_store(struct check *k)
{
    const char *path = config_store_path(k->config);
    struct store *s = NULL;
    struct err e = {0};
    if (access(path, F_OK) != 0) {
        check_new_store(k, path);
    } else if (store_open(&s, k->config->store, true, &e) != 0) {
        check_say(&k->tally, CHECK_FAIL, "store", "%s", e.text);
    } else {
        int64_t rows = store_i64(s, 0, "SELECT count(*) FROM journal", "");
        int rc = store_failed(s, &e);
        store_close(s);
        if (rc != 0)
            check_say(&k->tally, CHECK_FAIL, "store", "%s: %s", path, e.text);
        else if (access(path, W_OK) != 0)
            check_say(&k->tally, CHECK_FAIL, "store", "%s is read-only", path);
        else
            check_say(&k->tally, CHECK_OK, "store", "%s, %" PRId64 " journal rows", path, rows);
    }
}

static void print_lines(const struct problems *p)
{
    for (size_t i = 0; i < p->n; i++) {
        print_safe(stdout, p->lines[i]);
        putchar('\n');
    }
}

static int verdict(const struct check *k)
{
    size_t problems = k->problems.n, warnings = k->warnings.n + (k->config != NULL ? k->config->warnings.n : 0);
    printf("%zu %s, %zu %s, %d fine, %d failed, %d skipped\n", problems, problems == 1 ? "problem" : "problems",
           warnings, warnings == 1 ? "warning" : "warnings", k->tally.fine, k->tally.failed, k->tally.skipped);
    if (problems > 0)
        return EXIT_PROBLEMS;
    return k->tally.failed > 0 ? EXIT_UNREACHABLE : EXIT_FINE;
}

static int check_all(const char *path, bool offline)
{
    struct check k = {0};
    k.config = config_load(path, &k.problems);
    if (k.config != NULL) {
        load_files(&k);
        check_files(&k);
        print_lines(&k.config->warnings);
    }
    print_lines(&k.warnings);
    print_lines(&k.problems);
    if (k.config != NULL) {
        say_files(&k);
        check_templates(&k);
        check_store(&k);
    }
    if (k.config != NULL && !offline)
        check_peers(k.config, &k.tally);
    int code = verdict(&k);
    people_free(k.people);
    policy_free(k.policy);
    book_free(k.book);
    problems_free(&k.problems);
    problems_free(&k.warnings);
    config_free(k.config);
    return code;
}

/* One billing system alone: is the key right, what may it read, and what can be done there at all? */
static int check_one(const char *path, const char *biller)
{
    struct check k = {0};
    k.config = config_load(path, &k.problems);
    print_lines(&k.problems);
    bool known = k.config != NULL && check_biller(k.config, biller, &k.tally);
    if (known)
        drivers_print_capabilities(stdout, config_driver(k.config, biller)->driver);
    else if (k.config != NULL)
        check_say(&k.tally, CHECK_FAIL, biller, "there is no such section under billing in %s", path);
    int code = verdict(&k);
    problems_free(&k.problems);
    config_free(k.config);
    return code;
}

int check_main(const struct subcommand *self, int argc, char **argv)
{
    const char *path = "dunwell.yaml", *biller = NULL;
    bool offline = false, read_only = false;
    const struct flag flags[] = {{"config", 'c', &path, NULL}, {"offline", 0, NULL, &offline}, {"billing", 'b', &biller, NULL},
                                 {"read-only", 0, NULL, &read_only}, {0}};
    int code = cmdline_read(self, argc, argv, flags, NULL, 0);
    if (code != CMDLINE_GO_ON)
        return code;
    if (offline && biller != NULL)
        return cmdline_misused(self, "--billing reaches out; leave out --offline");
    return biller != NULL ? check_one(path, biller) : check_all(path, offline);
}
