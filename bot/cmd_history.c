/* history: the account's own story from the journal, newest last, as it would be told: who did what, when and why. */
#include <string.h>

#include "bot/commands.h"
#include "bot/words.h"
#include "engine/journal.h"

enum { ROWS_MOST = 15, ROW_TEXT = 240 };

struct telling {
    const struct engine *engine;
    struct buf *out;
    int rows;
};

static void tell(void *ctx, const struct entry *row)
{
    struct telling *t = ctx;
    char text[ROW_TEXT];
    const char *name = words_person(t->engine, row->actor);
    words_plain(text, sizeof text, row->text);
    bool named = strncmp(text, name, strlen(name)) == 0; /* most rows of people begin with who it was */
    buf_addf(t->out, "\n{ms:%lld} %s%s%s", (long long)row->at_ms, named ? "" : name, named ? "" : ": ", text);
    t->rows++;
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
    AUTO_BUF out = BUF(2 * WORDS_SIZE);
    struct telling t = {.engine = rq->engine, .out = &out, .rows = 0};
    buf_addf(&out, "%s, from the journal, newest last:", a ? a->name : key);
    journal_each(rq->engine->store, key, ROWS_MOST, tell, &t);
    if (t.rows == 0)
        request_say(rq, "%s: nothing has happened yet that I know of.", a ? a->name : key);
    else
        request_say(rq, "%s", buf_text(&out));
    return 0;
}
