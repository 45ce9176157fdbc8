/* dunwell journal: proving and reading what happened, from a store that may be in use or a copy of one.
 *
 * The store is opened read-only, without the lock, so this works beside a running Dunwell and on a backup. The
 * configuration is needed for two things only, where the store is and what accounts are called; so its problems (a
 * secret that this shell does not have) do not matter here. Rows hold foreign text: nothing of them reaches the
 * terminal raw. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bot/cmdline.h"
#include "bot/config.h"
#include "bot/receipt_cli.h"
#include "engine/receipt.h"
#include "engine/when.h"

struct journal_options {
    const char *config, *store, *account, *last, *receipt, *head, *rows;
    int64_t n_rows;
    bool json;
};

struct shown {
    bool json;
    int64_t rows;
};

static void print_json(const struct entry *row)
{
    char at[WHEN_TEXT_SIZE];
    AUTO_JSON o = json_object();
    json_put_i64(o, "seq", row->seq);
    json_put(o, "at", when_rfc3339(at, row->at_ms));
    json_put(o, "actor", row->actor);
    json_put(o, "verb", row->verb);
    json_put(o, "account", row->account);
    json_put_i64(o, "case", row->case_id);
    json_put(o, "ref", row->ref);
    json_put(o, "text", row->text);
    json_put_new(o, "detail", row->detail != NULL ? json_deep_copy(row->detail) : json_null());
    AUTO_STR text = json_text(o);
    printf("%s\n", text);
}

static void print_plain(const struct entry *row)
{
    char at[WHEN_TEXT_SIZE];
    printf("%6" PRId64 "  %s  ", row->seq, when_rfc3339(at, row->at_ms));
    const char *words[] = {row->actor, row->verb, row->ref};
    for (size_t i = 0; i < DW_ARRAY_LEN(words); i++) {
        if (words[i] == NULL || words[i][0] == '\0')
            continue;
        print_safe(stdout, words[i]);
        fputs("  ", stdout);
    }
    print_safe(stdout, row->text != NULL ? row->text : "");
    putchar('\n');
}

static void print_row(void *ctx, const struct entry *row)
{
    struct shown *shown = ctx;
    shown->rows++;
    if (shown->json)
        print_json(row);
    else
        print_plain(row);
}

/* What the person typed, as the journal knows it: by the account book where there is one, else as it stands. */
static char *account_key(const struct config *c, const char *typed, struct err *e)
{
    if (c == NULL || c->accounts_file == NULL)
        return str_dup(typed);
    struct problems unread = {0};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct book *book = accounts_file_load(c->accounts_file, (int64_t)now.tv_sec * MS_SECOND, &unread);
    const struct account *a = NULL;
    char *key = NULL;
    if (book == NULL || book_find(&a, book, typed, e) == 0)
        key = str_dup(a != NULL ? a->key : typed);
    else if (e->code != ERR_AMBIGUOUS)
        key = str_dup(typed); /* left the book since, or known to billing only */
    book_free(book);
    problems_free(&unread);
    return key;
}

static int show(struct store *s, const struct config *c, const struct journal_options *o, int last)
{
    struct err e = {0};
    AUTO_STR key = account_key(c, o->account, &e);
    if (key == NULL) {
        fprintf(stderr, "dunwell: %s\n", e.text);
        return EXIT_PROBLEMS;
    }
    struct shown shown = {.json = o->json, .rows = 0};
    journal_each(s, key, last, print_row, &shown);
    if (store_failed(s, &e) != 0) {
        fprintf(stderr, "dunwell: rows are missing here: %s\n", e.text);
        return EXIT_UNREACHABLE;
    }
    if (shown.rows > 0)
        return EXIT_FINE;
    fputs("dunwell: the journal has no row of account \"", stderr);
    print_safe(stderr, key);
    fputs("\"\n", stderr);
    return EXIT_PROBLEMS;
}

static int not_so(int rc, const struct err *e)
{
    printf("journal: %s\n", e->text);
    return exit_for_error(rc);
}

/* The chain holds. What it cannot say of itself comes after: that none of its newest rows is missing, and the rest of the store. */
static int verify_rest(struct store *s, const struct journal_options *o)
{
    struct err e = {0};
    int rc = o->head != NULL || o->n_rows > 0 ? journal_kept_verify(s, o->head, o->n_rows, &e) : 0;
    if (rc != 0)
        return not_so(rc, &e);
    if (o->head != NULL || o->n_rows > 0)
        printf("journal: what you kept of it is there\n");
    if ((rc = journal_end_verify(s, &e)) != 0)
        return not_so(rc, &e);
    if ((rc = seals_verify(s, &e)) != 0)
        return not_so(rc, &e);
    printf("journal: nothing in the store tells of rows that are missing at its end\n"
           "journal: requests, votes, cards and billing's answers are as the journal has them\n");
    return EXIT_FINE;
}

static int verify(struct store *s, const struct journal_options *o)
{
    struct journal_report report = {0};
    struct err e = {0};
    int rc = journal_verify(s, &report, &e);
    if (rc == 0) {
        printf("journal: %" PRId64 " rows, the chain holds, head %s\n", report.rows, report.head);
        return verify_rest(s, o);
    }
    if (rc != ERR_INVALID) {
        fprintf(stderr, "dunwell: %s\n", e.text);
        return exit_for_error(rc);
    }
    printf("journal: the chain is broken at row %" PRId64 ": %s\n", report.first_bad, report.problem);
    return EXIT_PROBLEMS;
}

static int work(const char *what, const struct config *c, const struct journal_options *o, int last)
{
    struct store *s = NULL;
    struct err e = {0};
    int rc = store_open(&s, o->store != NULL ? o->store : c->store, true, &e);
    rc = rc == 0 ? store_stand_still(s, &e) : rc;
    if (rc != 0) {
        fprintf(stderr, "dunwell: %s\n", e.text);
        store_close(s);
        return rc == ERR_VERSION ? EXIT_NEWER : EXIT_UNREACHABLE;
    }
    int code = strcmp(what, "verify") == 0 ? verify(s, o) : strcmp(what, "receipt") == 0 ? receipt_print(s, o->receipt) : show(s, c, o, last);
    store_close(s);
    return code;
}

/* The configuration, when it is needed: always without --store, else only if it was named. */
static int with_config(const char *what, const struct journal_options *o, int last)
{
    struct problems p = {0};
    struct config *c = NULL;
    int code = EXIT_PROBLEMS;
    if (o->store == NULL || o->config != NULL)
        c = config_load(o->config != NULL ? o->config : "dunwell.yaml", &p);
    if (c == NULL && (o->store == NULL || o->config != NULL)) {
        for (size_t i = 0; i < p.n; i++)
            fprintf(stderr, "%s\n", p.lines[i]);
        fprintf(stderr, "dunwell: name the store: --store sqlite:PATH, or a configuration: --config FILE\n");
    } else {
        code = work(what, c, o, last);
    }
    config_free(c);
    problems_free(&p);
    return code;
}

static bool number_read(const char *text, int64_t most, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || n < 1 || n > most)
        return false;
    *out = n;
    return true;
}

int journal_main(const struct subcommand *self, int argc, char **argv)
{
    struct journal_options o = {0};
    const char *words[2] = {NULL, NULL};
    const struct flag flags[] = {{"config", 'c', &o.config, NULL},   {"store", 's', &o.store, NULL},
                                 {"account", 'a', &o.account, NULL}, {"last", 'n', &o.last, NULL},
                                 {"json", 'j', NULL, &o.json},       {"head", 0, &o.head, NULL},
                                 {"rows", 0, &o.rows, NULL},         {0}};
    int code = cmdline_read(self, argc, argv, flags, words, 2);
    if (code != CMDLINE_GO_ON)
        return code;
    const char *what = words[0] != NULL ? words[0] : "";
    bool showing = strcmp(what, "show") == 0, receipt = strcmp(what, "receipt") == 0;
    if (!showing && !receipt && strcmp(what, "verify") != 0)
        return cmdline_misused(self, "say what to do: journal verify, journal show --account X, or journal receipt ID");
    if (receipt != (words[1] != NULL))
        return cmdline_misused(self, receipt ? "journal receipt needs the id that stands on the card, such as R-7K3M9QXZ" : "too many words");
    o.receipt = words[1];
    if (showing != (o.account != NULL) || (!showing && (o.last != NULL || o.json)))
        return cmdline_misused(self, showing ? "journal show needs --account X"
                                             : "only journal show takes --account, --last and --json");
    if ((showing || receipt) && (o.head != NULL || o.rows != NULL))
        return cmdline_misused(self, "only journal verify takes --head and --rows");
    if (o.head != NULL && (strlen(o.head) != 64 || strspn(o.head, "0123456789abcdefABCDEF") != 64))
        return cmdline_misused(self, "--head is the hash that journal verify printed: 64 digits and letters from a to f");
    if (o.rows != NULL && !number_read(o.rows, INT64_MAX, &o.n_rows))
        return cmdline_misused(self, "--rows is the number of rows that journal verify printed");
    int64_t last = 1000;
    if (o.last != NULL && !number_read(o.last, 1000000, &last))
        return cmdline_misused(self, "--last is a number from 1 to 1000000");
    return with_config(what, &o, (int)last);
}
