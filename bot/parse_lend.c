/* What stands behind "delegate" and "away":
 *   [to|deputy] <person> [up to <amount>] [until <date> | for <days>] [for <kind>]
 * A clause begins with its word and runs to the next; they may stand in any order, the person before the first of them or
 * behind "deputy". Each may be there once: a second one is refused, because one of the two was not meant. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "bot/parse.h"

static bool is(struct span w, const char *text)
{
    return w.n == strlen(text) && strncasecmp(w.p, text, w.n) == 0;
}

static int append(char out[PARSE_NAME], struct span w, struct err *e)
{
    size_t n = strlen(out);
    if (n + (n > 0) + w.n + 1 > PARSE_NAME)
        return err_set(e, ERR_LIMIT, "\"%.40s...\" is too long for a name, an amount or a date.", out[0] ? out : "That");
    if (n > 0)
        out[n++] = ' ';
    memcpy(out + n, w.p, w.n);
    out[n + w.n] = '\0';
    return 0;
}

/* Which clause this word begins; NULL when it belongs to the one before. *rest moves on past "up to". */
static char *clause(struct lend *o, struct span w, const char **rest)
{
    const char *after = *rest;
    struct span next = parse_word(&after);
    if (is(w, "until") || is(w, "till"))
        return o->date;
    if (is(w, "deputy") || is(w, "to"))
        return o->person;
    if (is(w, "for"))
        return next.n > 0 && isdigit((unsigned char)next.p[0]) ? o->date : o->kind;
    if (!is(w, "upto") && !(is(w, "up") && is(next, "to")))
        return NULL;
    if (!is(w, "upto"))
        *rest = after;
    return o->amount;
}

int parse_lend(struct lend *out, const char *args, struct err *e)
{
    *out = (struct lend){.person = ""};
    char *to = out->person;
    const char *rest = args;
    int rc = 0;
    for (struct span w = parse_word(&rest); rc == 0 && w.n > 0; w = parse_word(&rest)) {
        char *next = clause(out, w, &rest);
        if (!next) {
            rc = append(to, w, e);
            continue;
        }
        if (next[0])
            return err_set(e, ERR_INVALID, "There are two of \"%.*s\" in it, and I do not know which one counts.", (int)(w.n > 20 ? 20 : w.n), w.p);
        if (next == out->date && is(w, "for"))
            str_copy(out->date, PARSE_NAME, "in");
        to = next;
    }
    return rc;
}
