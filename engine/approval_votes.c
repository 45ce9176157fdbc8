/* Votes: one row a person and subject. A yes is only worth the right that its giver has when it is counted, so the rows are
 * counted anew each time: when another vote falls, when the card is built, and before anything is executed. */
#include <stdio.h>
#include <string.h>

#include "engine/approval_parts.h"

void vote_fill(struct vote *v, const struct engine *e, const struct actor *who, const struct right *right, const char *word, const char *reason,
               int64_t revision)
{
    *v = (struct vote){.revision = revision, .at_ms = e->now_ms};
    str_copy(v->person, sizeof v->person, who->person->key);
    str_copy(v->holder, sizeof v->holder, right->holder->key);
    str_copy(v->right, sizeof v->right, right->words);
    str_copy(v->reason, sizeof v->reason, reason ? reason : "");
    str_copy(v->word, sizeof v->word, word);
}

bool vote_given(const struct engine *e, const struct subject *s, const char *person, const char *word)
{
    return store_i64(e->store, 0, "SELECT count(*) FROM votes WHERE subject = ?1 AND person = ?2 AND vote IN (?3, 'emergency')", "ttt", s->ref, person, word) > 0;
}

bool vote_add(struct engine *e, const struct subject *s, const struct vote *v)
{
    int64_t last = store_i64(e->store, 0, "SELECT max(at_ms) FROM votes WHERE subject = ?1", "t", s->ref);
    int64_t at = v->at_ms > last ? v->at_ms : last + 1; /* two in one millisecond keep their order */
    return store_run(e->store,
                     "INSERT INTO votes (subject, person, vote, holder, right_used, reason, revision, at_ms) VALUES (?1,?2,?3,?4,?5,?6,?7,?8) "
                     "ON CONFLICT DO NOTHING",
                     "ttttttii", s->ref, v->person, v->word, v->holder, v->right, v->reason, v->revision, at) == 1;
}

bool vote_remove(struct engine *e, const struct subject *s, const char *person)
{
    return store_run(e->store, "DELETE FROM votes WHERE subject = ?1 AND person = ?2", "tt", s->ref, person) == 1;
}

void votes_of(const struct engine *e, const char *ref, struct tally *t)
{
    *t = (struct tally){0};
    struct query *q = store_query(e->store,
                                  "SELECT person, vote, holder, right_used, reason, revision, at_ms FROM votes WHERE subject = ?1 AND vote IN "
                                  "('yes', 'emergency') ORDER BY at_ms, person LIMIT ?2",
                                  "ti", ref, (int64_t)APPROVAL_SEATS);
    while (query_next(q)) {
        struct vote *v = &t->votes[t->n++];
        str_copy(v->person, sizeof v->person, query_text(q, 0));
        str_copy(v->word, sizeof v->word, query_text(q, 1));
        str_copy(v->holder, sizeof v->holder, query_text(q, 2));
        str_copy(v->right, sizeof v->right, query_text(q, 3));
        str_copy(v->reason, sizeof v->reason, query_text(q, 4));
        v->revision = query_i64(q, 5);
        v->at_ms = query_i64(q, 6);
    }
}

/* Does this vote still count? Then whose right fills a seat; NULL for the emergency right, which fills them all. */
static const struct person *vote_check(const struct engine *e, const struct subject *s, const struct approval *a, struct vote *v)
{
    const struct person *who = people_by_key(e->people, v->person);
    struct right right = {0};
    if (who && str_eq(v->word, "emergency"))
        v->counts = who->break_glass && !str_eq(s->requester, who->key);
    else if (who)
        v->counts = approval_may(e, s, a, who, &right, NULL) == 0;
    if (!v->counts)
        str_copy(v->why_not, sizeof v->why_not, !who ? "nobody of this name is in people.yaml any more" : "the right does not reach any more (role, limit, region or amount changed)");
    return v->counts ? right.holder : NULL;
}

static bool already(const struct seating *m, const struct person *holder)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->holders[i] == holder)
            return true;
    return false;
}

void approval_tally(const struct engine *e, const struct subject *s, const struct approval *a, struct tally *t)
{
    const struct person *holders[APPROVAL_SEATS];
    bool filled[APPROVAL_SEATS];
    struct seating m = {.e = e, .holders = holders};
    votes_of(e, s->ref, t);
    m.n_seats = approval_seats(a, m.seats);
    for (size_t i = 0; i < t->n; i++) {
        const struct person *holder = vote_check(e, s, a, &t->votes[i]);
        t->emergency = t->emergency || (t->votes[i].counts && !holder);
        if (holder && !already(&m, holder)) /* one right, one seat, whoever uses it */
            holders[m.n++] = holder;
    }
    t->have = (int)approval_seat(&m, a->same_person, filled);
    t->want = (int)m.n_seats;
    t->complete = t->emergency || t->have == t->want;
    AUTO_STR missing = seats_missing(&m, filled);
    str_copy(t->missing, sizeof t->missing, t->complete ? "" : missing);
}

const struct vote *tally_last(const struct tally *t)
{
    const struct vote *last = NULL;
    for (size_t i = 0; i < t->n; i++) {
        if (t->votes[i].counts)
            last = &t->votes[i];
        if (t->votes[i].counts && str_eq(last->word, "emergency"))
            break;
    }
    return last;
}
