/* Out of office. Being away takes no right and gives none: whoever is away may still decide, and the deputy only asks for
 * attention, which decides nothing without a right of their own or one that was lent (delegation.c). What changes is who
 * is told: nobody is pinged on a beach, and a request does not lie in an inbox that nobody reads. */
#include <stdio.h>
#include <string.h>

#include "engine/delegation.h"
#include "engine/journal.h"
#include "engine/when.h"

enum { AWAY_DAYS_MOST = 90, HOPS_MOST = 4 };

int away_begin(struct engine *e, const struct actor *who, int64_t until_ms, const struct person *deputy, char *said, size_t size, struct err *err)
{
    char until[WHEN_TEXT_SIZE];
    const char *key = who->person->key;
    if (until_ms <= e->now_ms || until_ms > e->now_ms + AWAY_DAYS_MOST * MS_DAY)
        return err_set(err, ERR_INVALID, "Until when? A day within the next %d, such as: away until fri.", AWAY_DAYS_MOST);
    if (deputy && str_eq(deputy->key, key))
        return err_set(err, ERR_INVALID, "You cannot be your own deputy. Name somebody else, or nobody.");
    store_run(e->store,
              "INSERT INTO absences (person, since_ms, until_ms, deputy) VALUES (?1,?2,?3,?4) ON CONFLICT (person) DO UPDATE SET "
              "since_ms = ?2, until_ms = ?3, deputy = ?4",
              "tiit", key, e->now_ms, until_ms, deputy ? deputy->key : "");
    journal_add(e, who, "away.begin", 0, "", key, NULL, "%s is away until %s; %s is asked instead", actor_name(who), when_text(until, until_ms, NULL),
                deputy ? deputy->name : "nobody");
    snprintf(said, size, "You are away until {ms:%lld}: nothing pings you, and %.100s%s. %sCome back earlier with: back", (long long)until_ms,
             deputy ? deputy->name : "others who may decide see the requests in the channel", deputy ? " is asked instead" : "",
             deputy ? "To let them decide by your right as well, lend it: delegate. " : "");
    return 0;
}

int away_end(struct engine *e, const struct actor *who, char *said, size_t size, struct err *err)
{
    const char *key = who->person->key;
    if (store_run(e->store, "DELETE FROM absences WHERE person = ?1", "t", key) != 1)
        return err_set(err, ERR_CONFLICT, "You were not away: everything comes to you.");
    store_run(e->store, "UPDATE timers SET due_ms = ?2 WHERE kind = 'ping' AND due_ms > ?2 AND ref IN (SELECT id FROM pings WHERE person = ?1 AND state = 0)", "ti",
              key, e->now_ms); /* what waited comes now */
    e->memo.due_known = false;
    journal_add(e, who, "away.end", 0, "", key, NULL, "%s is back", actor_name(who));
    snprintf(said, size, "Welcome back: requests come to you again. What you lent ends on its own day, or now with: revoke (delegations shows it).");
    return 0;
}

int64_t away_until(const struct engine *e, const char *person, char deputy[APPROVAL_WORD])
{
    deputy[0] = '\0';
    if (!e->store)
        return 0;
    struct query *q = store_query(e->store, "SELECT until_ms, deputy FROM absences WHERE person = ?1 AND until_ms > ?2", "ti", person, e->now_ms);
    if (!query_next(q))
        return 0;
    int64_t until_ms = query_i64(q, 0);
    str_copy(deputy, APPROVAL_WORD, query_text(q, 1));
    query_end(q);
    return until_ms;
}

void away_asks(const struct engine *e, const char *person, char out[APPROVAL_WORD])
{
    char next[APPROVAL_WORD];
    str_copy(out, APPROVAL_WORD, person);
    for (int hops = 0; hops < HOPS_MOST && out[0]; hops++) {
        if (!away_until(e, out, next))
            return;
        str_copy(out, APPROVAL_WORD, people_by_key(e->people, next) ? next : "");
    }
    out[0] = '\0'; /* everybody in the row is away */
}
