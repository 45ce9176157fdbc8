/* The demo at a terminal: a prompt, a few words of its own, and everything else goes to Dunwell as a command.
 *
 * A newcomer knows nothing of the words, so each stage of the story leaves one line that says what to type next;
 * whoever types something else is not held up. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "adapters/billing/sandbox.h"
#include "adapters/chat/console.h"
#include "bot/demo.h"
#include "engine/when.h"

#define LINE_MOST 4096

/* ---- hints ---- */

static const struct hint {
    const char *heard, *next; /* {account} and {day} are filled in */
} hints[] = {
    {"On hold until", "a person speaks first. Offer a plan: plan {account} 6x from {day} why renewal in flight"},
    {"Asked for approval:",
     "that needs a manager. Type: as manager, and then approve with the number (A-...) on the card"},
    {"Approved: A-", "the card says when the sandbox has confirmed it. Then: status {account}, and: pay {account}"},
    {"closed, paid", "the case is closed. Look back: history {account}. Or: accounts, and let another payment fail"},
};

static void print_filled(const struct demo *d, const char *text)
{
    char day[WHEN_TEXT_SIZE];
    when_iso_day(day, demo_now_ms() + 14 * MS_DAY, "UTC");
    while (*text) {
        bool account = strncmp(text, "{account}", 9) == 0, date = strncmp(text, "{day}", 5) == 0;
        if (account || date)
            fputs(account ? d->account : day, stdout);
        else
            putchar(*text);
        text += account ? 9 : date ? 5 : 1;
    }
}

void demo_hint(struct demo *d)
{
    if (!d->at_terminal || d->hint >= (int)DW_ARRAY_LEN(hints))
        return;
    const struct hint *h = &hints[d->hint];
    if (d->said.n <= d->mark || !strstr(d->said.p + d->mark, h->heard))
        return;
    d->mark = d->said.n;
    d->hint++;
    fputs("\n  -> Next: ", stdout);
    print_filled(d, h->next);
    fputs("\n\n", stdout);
}

static void welcome(struct demo *d)
{
    demo_say(
        d,
        "\nThis is Dunwell with a sandbox billing system, in this terminal. Nothing here is real.\n"
        "You are three people: the account executive (as ae1), the manager (as manager) and the collector (as "
        "collector).\n"
        "  fail <account> [code] [amount]   a payment of the account fails       pay <account>   the customer pays\n"
        "  as <person>, people, accounts, quit; everything else goes to Dunwell: help, status, plan, approve, ...\n"
        "\n  -> Next: fail northwind\n\n");
}

/* ---- words of the demo's own ---- */

static void cmd_as(struct demo *d, const char *who)
{
    const struct person *found = people_by_key(d->people, who);
    for (size_t i = 0; !found && *who && i < people_count(d->people); i++)
        if (strncasecmp(people_at(d->people, i)->key, who, strlen(who)) == 0)
            found = people_at(d->people, i);
    if (!found) {
        demo_say(d, "Nobody is called \"%.60s\" here; type: people\n", who);
        return;
    }
    pthread_mutex_lock(&d->lock);
    str_copy(d->persona, sizeof d->persona, found->key);
    pthread_mutex_unlock(&d->lock);
    demo_say(d, "You are %s now.\n", found->name);
}

static void cmd_people(struct demo *d, const char *rest)
{
    (void)rest;
    AUTO_BUF out = BUF(64 << 10);
    for (size_t i = 0; i < people_count(d->people); i++) {
        char roles[80];
        const struct person *p = people_at(d->people, i);
        buf_addf(&out, "  %-12s %-24s %s\n", p->key, p->name, role_names(p->roles, roles, sizeof roles));
    }
    demo_say(d, "%s", buf_text(&out));
}

/* Blanks that are missing to so many columns; bytes would not do, as some characters take several, or two columns. */
static int pad_to(const char *text, int columns)
{
    int pad = columns - console_columns(text, strlen(text));
    return pad > 0 ? pad : 0;
}

static void cmd_accounts(struct demo *d, const char *rest)
{
    (void)rest;
    AUTO_BUF out = BUF(64 << 10);
    for (size_t i = 0; i < book_count(d->book); i++) {
        char value[MONEY_TEXT_SIZE] = "";
        const struct account *a = book_at(d->book, i);
        AUTO_STR name = console_clean(a->name, 0);
        if (a->value.currency[0])
            money_text(value, a->value);
        buf_addf(&out, "  %-14.14s %s%*s  %-9s %*s%s  %s\n", a->key, name, pad_to(name, 28), "", a->tier,
                 pad_to(value, 14), "", value, a->ae);
    }
    for (const char *p = buf_text(&out); *p;) { /* demo_say is bounded; the book may be long */
        size_t n = strcspn(p, "\n") + 1;
        demo_say(d, "%.*s", (int)n, p);
        p += n;
    }
}

static const struct account *account_of(struct demo *d, const char *name)
{
    const struct account *a = NULL;
    struct err e = {.code = 0};
    if (!*name) {
        demo_say(d, "Which account? For example: %s; \"accounts\" lists them.\n", d->account);
        return NULL;
    }
    if (book_find(&a, d->book, name, &e) == 0)
        return a;
    demo_say(d, "%s\n", e.text);
    return NULL;
}

static void fail_now(struct demo *d, const struct account *a, const char *code, int64_t amount)
{
    pthread_mutex_lock(&d->lock);
    str_copy(d->account, sizeof d->account, a->key);
    pthread_mutex_unlock(&d->lock);
    demo_fail(d, a, code, amount);
}

/* "northwind stolen_card 1200": the account's name may have blanks, so code and amount are taken from the end. */
static void cmd_fail(struct demo *d, const char *rest)
{
    AUTO_STR name = str_dup(rest);
    char code[64] = "insufficient_funds";
    struct money amount = {.minor = 0};
    AUTO_STR sum = NULL;
    char *last = strrchr(name, ' ');
    if (last && last[1] >= '0' && last[1] <= '9') {
        sum = str_dup(last + 1);
        *last = '\0';
        last = strrchr(name, ' ');
    }
    if (last && strchr(last, '_')) {
        str_copy(code, sizeof code, last + 1);
        *last = '\0';
    }
    if (!book_code_known(code)) {
        demo_say(d, "The sandbox does not know the decline \"%s\". Try insufficient_funds, expired_card, stolen_card, "
                    "authentication_required or do_not_honor.\n", code);
        return;
    }
    const struct account *a = account_of(d, name);
    struct err e;
    if (a && sum && money_parse(&amount, sum, a->value.currency, &e) != 0)
        demo_say(d, "%s\n", e.text);
    else if (a)
        fail_now(d, a, code, amount.minor);
}

static void cmd_pay(struct demo *d, const char *rest)
{
    const struct account *a = account_of(d, rest);
    if (a)
        demo_order(d, "pay", json_pack("{s:s}", "customer", a->billing_id));
}

static const struct {
    const char *word;
    void (*run)(struct demo *d, const char *rest);
} words[] = {
    {"as", cmd_as}, {"people", cmd_people}, {"accounts", cmd_accounts}, {"fail", cmd_fail}, {"pay", cmd_pay}};

/* False when the person wants to leave. */
static bool line_handle(struct demo *d, char *line)
{
    line += strspn(line, " \t");
    size_t n = strlen(line);
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r' || line[n - 1] == ' '))
        line[--n] = '\0';
    size_t word = strcspn(line, " ");
    const char *rest = line + word + strspn(line + word, " ");
    if (strcmp(line, "quit") == 0 || strcmp(line, "exit") == 0)
        return false;
    for (size_t i = 0; i < DW_ARRAY_LEN(words); i++)
        if (strlen(words[i].word) == word && strncasecmp(line, words[i].word, word) == 0) {
            words[i].run(d, rest);
            return true;
        }
    if (n == 0)
        demo_say(d, "%s", "");
    else
        demo_type(d, d->persona, line);
    if (strcmp(line, "help") == 0)
        demo_say(d, "  and here: fail <account>, pay <account>, as <person>, people, accounts, quit\n");
    return true;
}

int demo_prompt(struct demo *d)
{
    char line[LINE_MOST];
    size_t n = 0;
    bool too_long = false; /* the rest of a line whose beginning was refused */
    welcome(d);
    for (;;) {
        struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = d->wake[0], .events = POLLIN}};
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents)
            return 0;
        ssize_t got = read(STDIN_FILENO, line + n, sizeof line - 1 - n);
        if (got <= 0)
            return 0;
        n += (size_t)got;
        line[n] = '\0';
        char *end;
        while ((end = strchr(line, '\n'))) {
            *end = '\0';
            if (!too_long && !line_handle(d, line))
                return 0;
            too_long = false;
            n -= (size_t)(end + 1 - line);
            memmove(line, end + 1, n + 1);
        }
        if (n == sizeof line - 1) {
            if (!too_long)
                demo_say(d, "That line is too long; %d characters are enough for everything here.\n", LINE_MOST - 1);
            too_long = true;
            n = 0;
        }
    }
}
