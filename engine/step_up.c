/* Step-up: whoever sits at somebody else's unlocked computer has their chat, and must not have their word for large
 * amounts. So above a limit the click alone is not enough; a code from something that the person carries is.
 *
 * The promises: a code counts once (the newest step that was used is kept for each person, and only later ones match);
 * guessing is hopeless (five tries, then a pause; three windows of a million codes); a change of secrets begins anew and
 * is in the journal, whoever made it; and no sentence or row in here ever holds a code. */
#include "engine/step_up.h"

#include <stdio.h>
#include <string.h>

#include "engine/enrolled.h"
#include "engine/journal.h"
#include "engine/when.h"

enum { TRIES = 5 };
#define LOCK_MS (15 * MS_MINUTE)

struct state { /* of one person's codes, a row of step_up */
    int64_t enrolled_ms, last_step, failures, locked_until_ms;
};

/* Codes that were valid while enrolling are spent: one of them was typed into a terminal. */
static struct state state_fresh(const struct enrolment *has)
{
    return (struct state){.enrolled_ms = has->at_ms, .last_step = totp_step(has->at_ms) + 1};
}

static struct state state_of(struct engine *e, const struct enrolment *has)
{
    struct query *q = store_query(e->store, "SELECT enrolled_ms, last_step, failures, locked_until_ms FROM step_up WHERE person = ?1", "t", has->person);
    if (!query_next(q))
        return state_fresh(has);
    struct state s = {query_i64(q, 0), query_i64(q, 1), query_i64(q, 2), query_i64(q, 3)};
    query_end(q);
    return s.enrolled_ms == has->at_ms ? s : state_fresh(has);
}

static void state_save(struct engine *e, const char *person, const struct state *s)
{
    store_run(e->store,
              "INSERT INTO step_up (person, enrolled_ms, last_step, failures, locked_until_ms) VALUES (?1,?2,?3,?4,?5) ON CONFLICT (person) "
              "DO UPDATE SET enrolled_ms = ?2, last_step = ?3, failures = ?4, locked_until_ms = ?5",
              "tiiii", person, s->enrolled_ms, s->last_step, s->failures, s->locked_until_ms);
}

bool step_up_wanted(const struct engine *e, struct money amount)
{
    struct money least;
    return policy_step_up(e->policy, amount, &least);
}

enum { ABOUT_SIZE = 80 };

/* "is about $48,200.00" */
static const char *about(char out[ABOUT_SIZE], const struct step_up *what)
{
    char amount[MONEY_TEXT_SIZE];
    if (what->about)
        str_copy(out, ABOUT_SIZE, what->about);
    else
        snprintf(out, ABOUT_SIZE, "is about %s", money_text(amount, what->amount));
    return out;
}

static int not_enrolled(const struct actor *who, const struct step_up *what, struct err *err)
{
    char text[ABOUT_SIZE];
    return err_set(err, ERR_DENIED,
                   "%s %s, and that takes a one-time code, which you cannot give yet: ask an operator to run \"dunwell people enroll %s\" with "
                   "you. Nothing was changed.",
                   what->ref, about(text, what), who->person->key);
}

static int code_missing(const struct step_up *what, struct money least, struct err *err)
{
    char text[ABOUT_SIZE], from[MONEY_TEXT_SIZE];
    if (what->about)
        return err_set(err, ERR_INVALID, "%s %s; a yes to that takes a one-time code. Type: approve %s code 123456. Nothing was changed.", what->ref, about(text, what), what->ref);
    return err_set(err, ERR_INVALID, "%s %s; from %s on, a yes takes a one-time code. Type it behind: code 123456. Nothing was changed.", what->ref, about(text, what),
                   money_text(from, least));
}

static int locked(const struct state *s, const struct actor *who, struct err *err)
{
    char until[WHEN_TEXT_SIZE];
    return err_set(err, ERR_DENIED, "Your one-time codes are locked until %s, after %d wrong ones. If that was not you, tell an operator now. Nothing was changed.",
                   when_text(until, s->locked_until_ms, who->person->zone), TRIES);
}

int step_up_ready(struct engine *e, const struct actor *who, const struct step_up *what, struct err *err)
{
    const struct enrolment *has = enrolled_of(e->enrolled, who->person->key);
    if (!has)
        return not_enrolled(who, what, err);
    struct state s = state_of(e, has);
    return e->now_ms < s.locked_until_ms ? locked(&s, who, err) : 0;
}

static int wrong(struct engine *e, const struct actor *who, const struct step_up *what, struct state *s, struct err *err)
{
    bool last = ++s->failures >= TRIES;
    int tries = (int)s->failures;
    if (last)
        *s = (struct state){s->enrolled_ms, s->last_step, 0, e->now_ms + LOCK_MS};
    state_save(e, who->person->key, s);
    journal_add(e, who, last ? "step_up.locked" : "step_up.wrong", what->case_id, what->account, what->ref, NULL, "%s gave a wrong one-time code for %s, %d of %d%s",
                actor_name(who), what->ref, tries, TRIES, last ? "; their codes are locked for 15 minutes" : "");
    if (last)
        return locked(s, who, err);
    return err_set(err, ERR_INVALID, "That is not the code of this moment (try %d of %d). Type the one your authenticator shows now. Nothing was changed.", tries,
                   TRIES);
}

int step_up_take(struct engine *e, const struct actor *who, const struct step_up *what, struct err *err)
{
    struct money least;
    int64_t step = 0, any = 0;
    if (!policy_step_up(e->policy, what->amount, &least))
        return 0;
    int rc = step_up_ready(e, who, what, err);
    if (rc)
        return rc;
    if (!who->code || !who->code[0])
        return code_missing(what, least, err);
    const struct enrolment *has = enrolled_of(e->enrolled, who->person->key);
    struct span secret = {(const char *)has->secret, TOTP_SECRET};
    struct state s = state_of(e, has);
    if (!totp_matches(secret, e->now_ms, who->code, s.last_step, &step))
        return totp_matches(secret, e->now_ms, who->code, -1, &any)
                   ? err_set(err, ERR_INVALID, "That code was used already. Wait for the next one, at most 30 seconds. Nothing was changed.")
                   : wrong(e, who, what, &s, err);
    s = (struct state){.enrolled_ms = has->at_ms, .last_step = step};
    state_save(e, has->person, &s);
    AUTO_JSON detail = json_pack("{s:s, s:I}", "facts_hash", what->facts_hash, "step", (json_int_t)step);
    journal_add(e, who, "step_up.given", what->case_id, what->account, what->ref, detail, "%s gave a one-time code for %s", actor_name(who), what->ref);
    return 0;
}

/* ---- what changed in the file ---- */

static void note(struct engine *e, const char *person, const char *verb, const char *words)
{
    journal_add(e, &(struct actor){.name = "operator"}, verb, 0, "", person, NULL, "%s %s", person_name_of(e->people, person), words);
}

static void forget_one(struct engine *e, const char *person)
{
    store_run(e->store, "DELETE FROM step_up WHERE person = ?1", "t", person);
    note(e, person, "step_up.revoked", "can give one-time codes no more");
}

static void sync_one(struct engine *e, const struct enrolment *has)
{
    int64_t known = store_i64(e->store, 0, "SELECT enrolled_ms FROM step_up WHERE person = ?1", "t", has->person);
    if (known == has->at_ms)
        return;
    struct state s = state_fresh(has);
    state_save(e, has->person, &s);
    note(e, has->person, "step_up.enrolled", known ? "was enrolled for one-time codes anew" : "was enrolled for one-time codes");
}

void step_up_sync(struct engine *e)
{
    char gone[41] = "";
    do {
        gone[0] = '\0';
        struct query *q = store_query(e->store, "SELECT person FROM step_up ORDER BY person", "");
        while (!gone[0] && query_next(q))
            if (!enrolled_of(e->enrolled, query_text(q, 0)))
                str_copy(gone, sizeof gone, query_text(q, 0));
        if (gone[0]) {
            query_end(q);
            forget_one(e, gone);
        }
    } while (gone[0]);
    for (size_t i = 0; i < enrolled_count(e->enrolled); i++)
        sync_one(e, enrolled_at(e->enrolled, i));
}
