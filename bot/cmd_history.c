/* history: the account's own story from the journal, newest last, as it would be told: who did what, when and why. */
#include <stdlib.h>
#include <string.h>

#include "bot/commands.h"
#include "bot/words.h"
#include "engine/receipt.h"

enum { ROWS_READ = 120, ROWS_MOST = 20, ROW_TEXT = 240 };

struct telling {
    const struct engine *engine;
    char *lines[ROWS_MOST]; /* a ring: the newest ROWS_MOST of them */
    size_t n;
};

/* Steps on the way that the next row tells the end of; the journal itself has them all. What a person began is told: the
 * row has who it was and why. */
static bool in_between(const struct entry *row)
{
    const char *dot = strrchr(row->verb, '.');
    return str_eq(row->verb, "event.seen") || str_eq(row->verb, "case.moved") || str_eq(row->verb, "hold.releasing") ||
           (dot && (str_eq(dot, ".executing") || (str_eq(dot, ".queued") && str_eq(row->actor, "policy"))));
}

static void tell(void *ctx, const struct entry *row)
{
    struct telling *t = ctx;
    char text[ROW_TEXT];
    if (in_between(row))
        return;
    const char *name = words_person(t->engine, row->actor);
    words_plain(text, sizeof text, row->text);
    bool named = strncmp(text, name, strlen(name)) == 0; /* most rows of people begin with who it was */
    char **line = &t->lines[t->n++ % ROWS_MOST];
    free(*line);
    *line = str_fmt("\n{ms:%lld} %s%s%s", (long long)row->at_ms, named ? "" : name, named ? "" : ": ", text);
}

int cmd_history(struct request *rq, struct err *e)
{
    const struct account *a = NULL;
    char key[PARSE_NAME];
    struct order o;
    int rc = parse_order(&o, rq->args, 0, e);
    if (rc)
        return rc;
    if (!o.account[0])
        return err_set(e, ERR_INVALID, "History of which account? For example: history Northwind");
    rc = request_account(rq, o.account, &a, key, e);
    if (rc)
        return rc;
    struct recovery *r = recovery_open_for(rq->engine, key);
    if (r)
        opened_note(rq->engine, rq->who.person, r->id);
    recovery_free(r);
    AUTO_BUF out = BUF(2 * WORDS_SIZE);
    struct telling t = {.engine = rq->engine};
    buf_addf(&out, "%s, from the journal, newest last:", a ? a->name : key);
    journal_each(rq->engine->store, key, ROWS_READ, tell, &t);
    for (size_t i = t.n > ROWS_MOST ? t.n - ROWS_MOST : 0; i < t.n; i++)
        buf_adds(&out, t.lines[i % ROWS_MOST]);
    for (size_t i = 0; i < ROWS_MOST; i++)
        free(t.lines[i]);
    if (t.n == 0)
        request_say(rq, "%s: nothing has happened yet that I know of.", a ? a->name : key);
    else
        request_say(rq, "%s", buf_text(&out));
    return 0;
}
