/* note: something worth knowing about an account, for everybody who asks later.
 *
 * The busiest command there is: it is parsed where it lies, looked up in the book in memory, and written once.
 * Nothing is read from the store. It is durable before it is acknowledged, because the turn commits first. */
#include "bot/commands.h"

int cmd_note(struct request *rq, struct err *e)
{
    const struct account *a = NULL;
    const char *text = "";
    char key[PARSE_NAME];
    if (!rq->args[0])
        return err_set(e, ERR_INVALID, "A note about whom? For example: note Northwind Priya pays after the 5th");
    int rc = request_account_text(rq, &a, key, &text, e);
    if (rc)
        return rc;
    if (!text[0])
        return err_set(e, ERR_INVALID,
                       "What shall I note about %.100s? For example: note %.60s Priya pays after the 5th",
                       a ? a->name : key, key);
    note_add(rq->engine, &rq->who, key, text);
    request_say(rq, "Noted for %.200s.", a ? a->name : key);
    return 0;
}
