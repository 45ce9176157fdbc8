/* People by what others call them. A right may hang on it (whom one lends one's own), so the rule is that of accounts: the
 * platform's own mention and the key are certain, a name is taken when it fits one person alone, and everything else is
 * asked back. */
#include "bot/person.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { LISTED_MOST = 5 };

/* "<@U0MAN1|mara>": the id inside. False when the text is no mention. */
static bool mention_id(char id[PARSE_NAME], const char *text)
{
    if (strncmp(text, "<@", 2) != 0)
        return false;
    str_copy(id, PARSE_NAME, text + 2);
    id[strcspn(id, "|>")] = '\0';
    return true;
}

/* Does the name begin with these words? "Mara" of "Mara Manager", not "Mar". */
static bool name_fits(const char *name, const char *typed)
{
    size_t n = strlen(typed);
    return n > 0 && strncasecmp(name, typed, n) == 0 && (name[n] == '\0' || name[n] == ' ');
}

static int by_name(struct request *rq, const char *text, const struct person **out, struct err *e)
{
    const struct people *all = rq->engine->people;
    AUTO_BUF list = BUF(400);
    size_t found = 0;
    for (size_t i = 0; i < people_count(all); i++) {
        const struct person *p = people_at(all, i);
        if (!name_fits(p->name, text))
            continue;
        *out = p;
        if (++found <= LISTED_MOST)
            buf_addf(&list, "%s%.40s (%s)", found > 1 ? ", " : "", p->name, p->key);
    }
    if (found == 0)
        return err_set(e, ERR_NOT_FOUND, "I know nobody called \"%.60s\". Mention them, or use the key from people.yaml.", text);
    return found == 1 ? 0 : err_set(e, ERR_AMBIGUOUS, "Several people fit \"%.60s\": %s. Use the key in brackets.", text, buf_text(&list));
}

int request_person(struct request *rq, const char *text, const struct person **out, struct err *e)
{
    const struct people *all = rq->engine->people;
    char id[PARSE_NAME];
    const struct person *found = NULL, *named = NULL;
    if (!text[0])
        return err_set(e, ERR_INVALID, "Whom? Mention somebody, for example: @manager2");
    if (mention_id(id, text)) {
        found = people_by_chat(all, rq->in->platform, id);
        if (!found)
            return err_set(e, ERR_NOT_FOUND, "I do not know that person: their %s id is not in people.yaml.", rq->in->platform);
    }
    if (!found)
        found = people_by_chat(all, rq->in->platform, text); /* "@mara:example.com" is such an id */
    const char *plain = text + (text[0] == '@');
    if (!found)
        found = people_by_key(all, plain);
    int rc = found ? 0 : by_name(rq, plain, &named, e);
    if (rc == 0)
        *out = found ? found : named;
    return rc;
}
