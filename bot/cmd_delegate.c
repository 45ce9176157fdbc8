/* delegate: somebody may decide by my right for a while. "delegate @deputy up to 10k until mon 09:00 for plans". */
#include <string.h>
#include <strings.h>

#include "bot/commands.h"
#include "bot/person.h"
#include "engine/delegation.h"

enum { END_HOUR = 17 };

/* "plans", "write-offs": the engine's word for it; NULL when there is none. "" is "": all kinds. */
static const char *kind_of(const char *typed)
{
    char word[PARSE_NAME];
    str_copy(word, sizeof word, typed);
    for (char *c = word; *c; c++)
        *c = *c == '-' || *c == ' ' ? '_' : *c;
    size_t n = strlen(word);
    if (n > 1 && (word[n - 1] == 's' || word[n - 1] == 'S'))
        n--;
    if (n == 0 || strcasecmp(word, "everything") == 0 || strcasecmp(word, "all") == 0)
        return "";
    if (strncasecmp(word, "discount", n) == 0)
        return "credit";
    for (const char *const *k = approval_kinds; *k; k++)
        if (strlen(*k) == n && strncasecmp(*k, word, n) == 0)
            return *k;
    return strcasecmp(word, "retries") == 0 ? "retry" : strcasecmp(word, "policies") == 0 ? "policy" : NULL;
}

int cmd_delegate(struct request *rq, struct err *e)
{
    struct lend o;
    struct delegation_order order = {.to = NULL};
    char said[SAID_SIZE] = "";
    int rc = parse_lend(&o, rq->args, e);
    if (!rc && !o.person[0])
        return err_set(e, ERR_INVALID, "To whom, how much, until when? For example: delegate @manager2 up to 10k until mon 09:00");
    if (!rc)
        rc = request_person(rq, o.person, &order.to, e);
    if (!rc && !o.amount[0])
        rc = err_set(e, ERR_INVALID, "Up to how much? For example: delegate @%s up to 10k until mon 09:00", order.to->key);
    if (!rc && !o.date[0])
        rc = err_set(e, ERR_INVALID, "Until when? For example: delegate @%s up to %.20s until mon 09:00", order.to->key, o.amount);
    order.kind = kind_of(o.kind);
    order.amount = o.amount;
    if (!rc && !order.kind)
        rc = err_set(e, ERR_INVALID, "\"%.40s\" is no kind of request: plan, hold, extend, retry, credit, settlement, write_off, schedule or policy; leave it out for all.", o.kind);
    if (!rc)
        rc = request_day(rq, o.date, request_zone(rq), END_HOUR, &order.until_ms, e);
    if (!rc)
        rc = delegation_give(rq->engine, &rq->who, &order, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    return rc;
}
