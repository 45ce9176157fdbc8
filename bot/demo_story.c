/* The story that plays itself when nobody sits at the terminal: one failed payment from the alert to the closed case,
 * and a small one that needs no person.
 *
 * Each beat does one thing and then waits until the words that prove it have been shown to somebody. A story whose
 * words do not come is a failure of the program, and the exit code says so: this is also the first test a newcomer
 * runs. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "bot/demo.h"
#include "engine/journal.h"
#include "engine/when.h"

#define PATIENCE_S 10

struct beat {
    const char *tell;    /* printed before; {big} {small} {ae} {A} {day} are filled in, here and in `type` */
    const char *who;     /* who types; NULL: the sandbox is told what to do */
    const char *type;    /* the line, or "fail big", "pay big", "fail small" */
    const char *hear[5]; /* in any order */
};

static const struct beat beats[] = {
    {"A payment of {small}, a small account, is declined softly. Policy needs nobody for that; we look at it later.",
     NULL,
     "fail small",
     {NULL}},
    {"A payment of {big} fails, a strategic account. Notices and retries stop, and the account executive gets a "
     "card.",
     NULL,
     "fail big",
     {"to {ae}", "On hold until", NULL}},
    {"The account executive offers a plan. Six instalments are outside policy, so a manager has to decide.",
     "{ae}",
     "plan {big} 6x from {day} why renewal in flight",
     {"Asked for approval: ", "#approvals", NULL}},
    {"Nobody approves their own request.", "{ae}", "approve {A}", {"your own request", NULL}},
    {"The manager approves. It is executed at the sandbox, read back, and only then called confirmed.",
     "manager1",
     "approve {A}",
     {"Approved: {A}", "Plan: 0 of 6 instalments paid", "Confirmed: {big}", "on {A}: {A}, ", NULL}},
    {"How does it stand?", "{ae}", "status {big}", {"planned", "Plan: 0 of 6 instalments paid", NULL}},
    {"The customer pays everything. The case closes by itself, and what was pending ends with it.",
     NULL,
     "pay big",
     {"closed, paid", "Closed: paid", "resume notices and retries: confirmed", NULL}},
    {"The small account, meanwhile: nobody had to do anything, and the retry has its date.",
     "collector1",
     "status {small}",
     {"retrying", "The payment is tried again on", NULL}},
    {"A payment link would be mailed as well, but there is no mail server here: it is left to a collector.",
     "collector1",
     "history {small}",
     {"A collector sends the link by hand", NULL}},
    {"The whole story of {big}, from the journal.", "{ae}", "history {big}", {"from the journal", "confirmed", NULL}},
};

struct cast {
    const struct account *big, *small;
    char approval[32], day[WHEN_TEXT_SIZE];
};

/* "plan {big} 6x from {day}" with names instead of braces. New string. */
static char *filled(const struct cast *c, const char *text)
{
    const struct {
        const char *name, *value;
    } holes[] = {{"{big}", c->big->name},
                 {"{small}", c->small->name},
                 {"{ae}", c->big->ae},
                 {"{A}", c->approval},
                 {"{day}", c->day}};
    AUTO_BUF out = BUF(4096);
    while (*text) {
        size_t i = 0;
        while (i < DW_ARRAY_LEN(holes) && strncmp(text, holes[i].name, strlen(holes[i].name)) != 0)
            i++;
        if (i < DW_ARRAY_LEN(holes)) {
            buf_adds(&out, holes[i].value);
            text += strlen(holes[i].name);
        } else {
            buf_addc(&out, *text++);
        }
    }
    return str_dup(buf_text(&out));
}

static void act(struct demo *d, const struct cast *c, const struct beat *b)
{
    const struct account *a = strstr(b->type, "small") ? c->small : c->big;
    if (b->who) {
        AUTO_STR who = filled(c, b->who);
        AUTO_STR line = filled(c, b->type);
        demo_say(d, "%s> %s\n", who, line);
        demo_type(d, who, line);
    } else if (strncmp(b->type, "fail", 4) == 0) {
        demo_fail(d, a, "insufficient_funds", 0);
    } else {
        demo_order(d, "pay", json_pack("{s:s}", "customer", a->billing_id));
    }
}

static bool heard_all(struct demo *d, struct cast *c, const struct beat *b)
{
    for (size_t i = 0; i < DW_ARRAY_LEN(b->hear) && b->hear[i]; i++) {
        AUTO_STR words = filled(c, b->hear[i]);
        if (!demo_hear(d, words, PATIENCE_S)) {
            if (demo_is_over(d))
                demo_say(d, "\nThe demo was stopped.\n");
            else
                demo_say(d, "\nThe demo stopped: \"%s\" was not seen within %d s.\n", words, PATIENCE_S);
            return false;
        }
        if (strcmp(words, "Asked for approval: ") == 0)
            demo_heard_word(d, words, c->approval, sizeof c->approval);
    }
    return true;
}

/* Time to read, if somebody asked for it; cut short when the bot ends. */
static void pause_to_read(struct demo *d)
{
    struct pollfd end = {.fd = d->wake[0], .events = POLLIN};
    if (d->speed > 0)
        poll(&end, 1, (int)(4000 / d->speed));
}

/* Somebody who needs a person, and somebody who does not. */
static bool cast_choose(struct demo *d, struct cast *c)
{
    struct err e;
    if (book_find(&c->big, d->book, "northwind", &e) != 0)
        return false;
    for (size_t i = 0; i < book_count(d->book) && !c->small; i++)
        if (str_eq(book_at(d->book, i)->tier, "low") && str_eq(book_at(d->book, i)->billing, d->biller))
            c->small = book_at(d->book, i);
    when_iso_day(c->day, demo_now_ms() + 14 * MS_DAY, "UTC");
    return c->small != NULL && *c->big->ae;
}

static bool journal_holds(struct demo *d)
{
    struct store *store = NULL;
    struct journal_report report = {.rows = 0};
    struct err e = {.text = ""};
    bool holds = store_open(&store, d->config->store, true, &e) == 0 && journal_verify(store, &report, &e) == 0;
    store_close(store);
    if (holds)
        demo_say(d, "\nThe journal holds: %lld rows, each with the hash of the one before; head %.16s.\n",
                 (long long)report.rows, report.head);
    else
        demo_say(d, "\nThe journal does not hold: %s\n", *report.problem ? report.problem : e.text);
    return holds && report.rows > 0;
}

int demo_story(struct demo *d)
{
    struct cast cast = {.big = NULL};
    if (!cast_choose(d, &cast)) {
        demo_say(d, "The demo's account book lacks northwind or a low-tier account.\n");
        return 1;
    }
    demo_say(d, "Dunwell with a sandbox billing system. Nothing here is real.\n");
    for (size_t i = 0; i < DW_ARRAY_LEN(beats); i++) {
        AUTO_STR tell = filled(&cast, beats[i].tell);
        demo_say(d, "\n%zu. %s\n", i + 1, tell);
        demo_listen(d);
        act(d, &cast, &beats[i]);
        if (!heard_all(d, &cast, &beats[i]))
            return 1;
        pause_to_read(d);
    }
    return journal_holds(d) ? 0 : 1;
}
