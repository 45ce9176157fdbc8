/* dunwell policy propose FILE: what a changed policy would mean, before anybody is asked. It is compared with the one in force, and
 * every decision of the last 90 days is decided again. Nothing is changed and nobody is told; the store is opened for reading,
 * beside a running Dunwell or not. */
#include <stdio.h>
#include <string.h>

#include "bot/cmdline.h"
#include "bot/config.h"
#include "bot/policy_file.h"
#include "bot/policy_propose_cli.h"
#include "engine/policy_change.h"
#include "engine/when.h"

enum { REPLAY_DAYS = 90, WORDS_MOST = 256 << 10 };

static void print_problems(const struct problems *p)
{
    for (size_t i = 0; i < p->n; i++) {
        print_safe(stderr, p->lines[i]);
        fputc('\n', stderr);
    }
}

static void print_text(const struct buf *text)
{
    for (const char *at = buf_text(text); *at;) {
        size_t n = strcspn(at, "\n");
        AUTO_STR line = str_ndup(at, n);
        print_safe(stdout, line);
        putchar('\n');
        at += n + (at[n] == '\n');
    }
}

static void print_replay(struct store *s, const struct policy *after)
{
    struct policy_replay replay;
    AUTO_BUF words = BUF(WORDS_MOST);
    int64_t newest = store_i64(s, 0, "SELECT at_ms FROM decisions ORDER BY id DESC LIMIT 1", "");
    policy_replay(s, after, newest - REPLAY_DAYS * MS_DAY, INT64_MAX, &replay);
    policy_replay_words(&replay, &words);
    printf("\nOver the last %d days of the journal:\n", REPLAY_DAYS);
    print_text(&words);
    policy_replay_fini(&replay);
}

/* The one in force: by agreement where the store has one, else what the configuration's file says. */
static int compare(const struct config *c, const struct policy *after, const char *file)
{
    struct problems p = {0};
    struct err e = {0};
    struct store *s = NULL;
    AUTO_BUF words = BUF(WORDS_MOST);
    int code = EXIT_PROBLEMS;
    bool stored = store_open(&s, c->store, true, &e) == 0;
    struct policy *before = stored ? policy_at_start(s, c->policy_file, &p) : policy_load(c->policy_file, &p);
    print_problems(&p);
    if (before && !p.n) {
        size_t n = policy_diff(before, after, &words);
        printf("%s, policy %s, against %s in force: %zu difference%s\n", file, policy_version(after), policy_version(before), n, n == 1 ? "" : "s");
        print_text(&words);
        if (n > 0 && stored)
            print_replay(s, after);
        if (n > 0)
            printf("\nTo ask for it: copy it over %s, then in chat: policy propose why <reason>\n", c->policy_file);
        code = EXIT_FINE;
    }
    policy_free(before);
    store_close(s);
    problems_free(&p);
    return code;
}

int policy_propose(const char *config_path, const char *file)
{
    struct problems p = {0};
    struct config *c = config_load(config_path, &p);
    struct policy *after = policy_load(file, &p);
    print_problems(&p);
    int code = EXIT_PROBLEMS;
    if (c && after && !p.n)
        code = compare(c, after, file);
    policy_free(after);
    config_free(c);
    problems_free(&p);
    return code;
}
