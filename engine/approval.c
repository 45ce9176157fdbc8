/* Who may decide. A right is looked up in people.yaml as it is now, each time: when somebody votes, when the last vote falls, and
 * when it is executed. Nobody decides on their own request; where policy separates them, neither does whoever looks after the
 * account. What policy demands is turned into seats ("1 of manager" and "1 of finance" are two), and seats are filled by
 * matching people to them, so that a person who could take either seat never blocks the one who could take only one. */
#include "engine/approval.h"

#include <stdio.h>
#include <string.h>

#include "engine/approval_parts.h"
#include "engine/delegation.h"
#include "engine/buf.h"

#define DECIDERS (ROLE_MANAGER | ROLE_FINANCE)

/* ---- rights ---- */

static struct money limit_of(const struct person *p, const char *currency)
{
    for (size_t i = 0; i < p->n_limits; i++)
        if (str_eq(p->limits[i].currency, currency))
            return p->limits[i];
    return (struct money){.minor = -1};
}

size_t approval_rights(const struct engine *e, const struct person *who, const char *currency, struct right out[RIGHTS_MOST])
{
    char roles[64], limit[MONEY_TEXT_SIZE];
    out[0] = (struct right){.holder = who, .limit = limit_of(who, currency)};
    role_names(who->roles & DECIDERS, roles, sizeof roles);
    if (out[0].limit.minor < 0)
        str_copy(out[0].words, sizeof out[0].words, roles);
    else
        snprintf(out[0].words, sizeof out[0].words, "%s, up to %s", roles, money_text(limit, out[0].limit));
    return 1 + delegation_rights(e, who, currency, out + 1, RIGHTS_MOST - 1);
}

static bool within_limit(const struct subject *s, const struct right *r)
{
    return !s->amount.currency[0] || (s->amount.minor >= 0 && r->limit.minor >= 0 && s->amount.minor <= r->limit.minor);
}

/* ---- seats ---- */

size_t approval_seats(const struct approval *a, const char *seats[APPROVAL_SEATS])
{
    size_t n = 0, others = 0;
    for (size_t i = 0; i < a->n_needs; i++)
        others += str_eq(a->needs[i].of, "approver") ? 0 : (size_t)a->needs[i].count;
    for (size_t i = 0; i < a->n_needs; i++) {
        bool either = str_eq(a->needs[i].of, "approver"); /* every other seat is taken by an approver too */
        size_t count = (size_t)a->needs[i].count, left = either ? (count > others ? count - others : 0) : count;
        while (left-- > 0 && n < APPROVAL_SEATS)
            seats[n++] = a->needs[i].of;
    }
    if (n == 0)
        seats[n++] = "approver";
    return n;
}

bool approval_seat_fits(const struct engine *e, const struct person *holder, const char *of)
{
    if (str_eq(of, "approver"))
        return person_has(holder, DECIDERS);
    unsigned role = role_of(of);
    return person_has(holder, DECIDERS) && (role ? person_has(holder, role) : people_in_group(e->people, of, holder->key));
}

/* Finds a person for a seat, moving others to another seat where that helps. */
static bool seat_fill(const struct seating *m, size_t seat, int *taken_by, bool *seen)
{
    for (size_t i = 0; i < m->n; i++) {
        if (seen[i] || !approval_seat_fits(m->e, m->holders[i], m->seats[seat]))
            continue;
        seen[i] = true;
        if (taken_by[i] < 0 || seat_fill(m, (size_t)taken_by[i], taken_by, seen)) {
            taken_by[i] = (int)seat;
            return true;
        }
    }
    return false;
}

/* The same word twice takes two people, two words may be one and the same person. */
static bool seat_shared(const struct seating *m, size_t seat)
{
    size_t before = 0, fitting = 0;
    for (size_t i = 0; i < seat; i++)
        before += str_eq(m->seats[i], m->seats[seat]);
    for (size_t i = 0; i < m->n; i++)
        fitting += approval_seat_fits(m->e, m->holders[i], m->seats[seat]);
    return fitting > before;
}

size_t approval_seat(const struct seating *m, bool same_person, bool filled[APPROVAL_SEATS])
{
    size_t met = 0;
    int *taken_by = mem_alloc((m->n + 1) * sizeof *taken_by);
    bool *seen = mem_alloc(m->n + 1);
    for (size_t i = 0; i < m->n; i++)
        taken_by[i] = -1;
    for (size_t seat = 0; seat < m->n_seats; seat++) {
        memset(seen, 0, m->n + 1);
        met += same_person ? seat_shared(m, seat) : seat_fill(m, seat, taken_by, seen);
    }
    for (size_t seat = 0; seat < m->n_seats; seat++)
        filled[seat] = same_person && seat_shared(m, seat);
    for (size_t i = 0; i < m->n; i++)
        if (taken_by[i] >= 0)
            filled[taken_by[i]] = true;
    free(seen);
    free(taken_by);
    return met;
}

/* ---- may this person? ---- */

static int own_request(const struct subject *s, const struct person *who, const struct person *holder, struct err *err)
{
    if (str_eq(s->requester, who->key))
        return err_set(err, ERR_DENIED, "%s is your own request; somebody else has to decide on it. Nothing was changed.", s->ref);
    if (str_eq(s->requester, holder->key))
        return err_set(err, ERR_DENIED, "%s was asked by %s, whose right you would be using; somebody else has to decide on it.", s->ref, holder->name);
    return 0;
}

static int own_account(const struct subject *s, const struct approval *a, const struct person *who, const struct person *holder, struct err *err)
{
    const char *const keys[] = {s->owner, s->executive};
    for (size_t i = 0; a->separate && i < DW_ARRAY_LEN(keys); i++)
        if (keys[i][0] && (str_eq(keys[i], who->key) || str_eq(keys[i], holder->key)))
            return err_set(err, ERR_DENIED, "%s is about an account that %s; from this amount on somebody else has to decide. Nothing was changed.", s->ref,
                           str_eq(keys[i], who->key) ? "you look after" : "the one you stand in for looks after");
    return 0;
}

static bool any_seat_fits(const struct engine *e, const struct approval *a, const struct person *holder)
{
    const char *seats[APPROVAL_SEATS];
    size_t n = approval_seats(a, seats);
    for (size_t i = 0; i < n; i++)
        if (approval_seat_fits(e, holder, seats[i]))
            return true;
    return false;
}

static int right_holds(const struct engine *e, const struct subject *s, const struct approval *a, const struct person *who, const struct right *r,
                       struct err *err)
{
    char roles[64], amount[MONEY_TEXT_SIZE], limit[MONEY_TEXT_SIZE], needs[300];
    int rc = own_request(s, who, r->holder, err);
    if (rc == 0)
        rc = own_account(s, a, who, r->holder, err);
    if (rc != 0)
        return rc;
    if (r->kind[0] && !str_eq(r->kind, s->kind))
        return err_set(err, ERR_DENIED, "%s is not of the kind that %s lent you the right for (%s). Somebody else has to decide.", s->ref, r->holder->name, r->kind);
    if (!person_has(r->holder, DECIDERS))
        return err_set(err, ERR_DENIED, "Deciding on %s is for a manager or finance; your roles are: %s.", s->ref,
                       role_names(who->roles, roles, sizeof roles));
    if (!person_covers(r->holder, s->region, s->account))
        return err_set(err, ERR_DENIED, "%s is about an account outside the regions and accounts you decide for. Somebody else has to decide.", s->ref);
    if (!within_limit(s, r))
        return err_set(err, ERR_DENIED, "%s is about %s; %s %s. Somebody with a higher limit has to decide.", s->ref,
                       money_text(amount, s->amount), r->holder == who ? "your limit is" : "the right that was lent to you goes up to", r->limit.minor < 0 ? "not set in that currency" : money_text(limit, r->limit));
    if (any_seat_fits(e, a, r->holder))
        return 0;
    approval_words(a, needs, sizeof needs);
    return err_set(err, ERR_DENIED, "%s needs %s; you are none of these (your roles: %s).", s->ref, needs, role_names(who->roles, roles, sizeof roles));
}

/* Of a counter-offer: whoever asked first takes it, if the one who offers could have approved it. */
static bool takes_offer(const struct engine *e, const struct subject *s, const struct approval *a, const struct person *who, struct right *out)
{
    struct subject unasked = *s;
    const struct person *offers = people_by_key(e->people, s->requester);
    struct right rights[RIGHTS_MOST];
    unasked.requester = s->acceptor;
    if (!str_eq(s->acceptor, who->key) || !offers)
        return false;
    size_t n = approval_rights(e, offers, s->amount.currency, rights);
    for (size_t i = 0; i < n; i++)
        if (right_holds(e, &unasked, a, offers, &rights[i], NULL) == 0) {
            *out = rights[i];
            snprintf(out->words, sizeof out->words, "accepts the counter-offer of %.80s", offers->name);
            return true;
        }
    return false;
}

int approval_may(const struct engine *e, const struct subject *s, const struct approval *a, const struct person *who, struct right *out, struct err *err)
{
    struct right rights[RIGHTS_MOST];
    struct err first = {0};
    if (!str_eq(s->requester, who->key) && takes_offer(e, s, a, who, out))
        return 0;
    size_t n = approval_rights(e, who, s->amount.currency, rights);
    for (size_t i = 0; i < n; i++) {
        struct err why = {0};
        if (right_holds(e, s, a, who, &rights[i], &why) == 0) {
            *out = rights[i];
            return 0;
        }
        if (i == 0 || (i == 1 && !person_has(who, DECIDERS))) /* of one without a right of their own, what was lent says more */
            first = why;
    }
    return err_set(err, first.code, "%s", first.text);
}

/* ---- could it ever? ---- */

/* Everybody who may vote, as the holders of the rights they would use. */
static size_t candidates(const struct engine *e, const struct subject *s, const struct approval *a, const struct person **holders)
{
    size_t n = 0;
    for (size_t i = 0; i < people_count(e->people); i++) {
        struct right right;
        if (approval_may(e, s, a, people_at(e->people, i), &right, NULL) != 0)
            continue;
        size_t k = 0; /* one right is one seat, whoever uses it */
        while (k < n && holders[k] != right.holder)
            k++;
        holders[k] = right.holder;
        n += k == n;
    }
    return n;
}

int approval_possible(const struct engine *e, const struct subject *s, const struct approval *a, struct err *err)
{
    struct seating m = {.e = e};
    bool filled[APPROVAL_SEATS];
    char amount[MONEY_TEXT_SIZE] = "", needs[300];
    const struct person **holders = mem_alloc((people_count(e->people) + 1) * sizeof *holders);
    m.holders = holders;
    m.n_seats = approval_seats(a, m.seats);
    m.n = candidates(e, s, a, holders);
    size_t met = approval_seat(&m, a->same_person, filled);
    free(holders);
    if (met == m.n_seats)
        return 0;
    AUTO_STR limit = s->amount.currency[0] ? str_fmt(" with a limit of %s or more", money_text(amount, s->amount)) : str_dup("");
    if (m.n_seats == 1 && str_eq(m.seats[0], "approver") && !a->separate)
        return err_set(err, ERR_DENIED, "Nobody but you could approve this: no other manager or finance%s decides there. Ask the operator to set one in people.yaml.",
                       limit);
    AUTO_STR missing = seats_missing(&m, filled);
    approval_words(a, needs, sizeof needs);
    return err_set(err, ERR_DENIED, "Nobody could approve this: it needs %s, each%s. There are not enough people for: %s. Ask the operator to change people.yaml or policy.yaml.",
                   needs, limit[0] ? limit : " with the right", missing);
}

/* ---- who is asked ---- */

bool approval_named(const struct engine *e, const json_t *names, const struct person *p)
{
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *word = json_string_value(json_array_get(names, i));
        unsigned role = str_eq(word, "approver") ? DECIDERS : role_of(word);
        if (str_eq(word, p->key) || person_has(p, role) || people_in_group(e->people, word, p->key))
            return true;
    }
    return false;
}

static bool listed(const json_t *keys, const char *key)
{
    for (size_t i = 0; i < json_array_size(keys); i++)
        if (str_eq(json_string_value(json_array_get(keys, i)), key))
            return true;
    return false;
}

void approval_ask(const struct engine *e, const struct subject *s, const struct approval *a, const struct person *p, json_t *asked)
{
    char key[APPROVAL_WORD];
    struct right right;
    away_asks(e, p->key, key);
    const struct person *who = key[0] ? people_by_key(e->people, key) : NULL;
    if (who && !listed(asked, who->key) && approval_may(e, s, a, who, &right, NULL) == 0)
        json_array_append_new(asked, json_string(who->key));
}

void approval_people(const struct engine *e, const struct subject *s, const struct approval *a, json_t **asked, json_t **others)
{
    *asked = json_array();
    *others = json_array();
    for (size_t i = 0; i < people_count(e->people); i++) {
        const struct person *p = people_at(e->people, i);
        struct right right;
        if (approval_named(e, a->ask, p) && approval_may(e, s, a, p, &right, NULL) == 0)
            approval_ask(e, s, a, p, *asked);
    }
    for (size_t i = 0; i < people_count(e->people); i++) {
        const struct person *p = people_at(e->people, i);
        struct right right;
        if (!listed(*asked, p->key) && approval_may(e, s, a, p, &right, NULL) == 0)
            json_array_append_new(*others, json_string(p->key));
    }
}
