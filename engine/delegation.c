/* Lending a right. The dangers are that it grows (lent in pieces, lent on, kept after the lender lost it), that it comes
 * back to where it must not (a deputy who decides on the lender's own request, two people who lend to each other), and
 * that nobody remembers it. So: what counts is the smaller of what was lent and what the lender has now; only rights of
 * people.yaml can be lent; a circle is refused; each ends by itself within 30 days; and each is a number that stands on
 * every card, vote and journal row it was used for. That nobody decides on their own request or on that of the one they
 * stand in for is approval.c's to check, for every right alike. */
#include "engine/delegation.h"

#include <stdio.h>
#include <string.h>

#include "engine/journal.h"
#include "engine/limits.h"
#include "engine/timer.h"
#include "engine/when.h"

enum { LIVE_MOST = 20, DAYS_MOST = 30, NAME_SIZE = 48 };

static void delegation_read(struct query *q, struct delegation *d)
{
    *d = (struct delegation){.id = query_i64(q, 0), .limits = query_json(q, 4), .created_ms = query_i64(q, 5), .until_ms = query_i64(q, 6)};
    str_copy(d->from, sizeof d->from, query_text(q, 1));
    str_copy(d->to, sizeof d->to, query_text(q, 2));
    str_copy(d->kind, sizeof d->kind, query_text(q, 3));
}

void delegation_limits_text(const struct delegation *d, char *out, size_t size)
{
    size_t n = 0;
    const char *currency;
    json_t *minor;
    out[0] = '\0';
    json_object_foreach(d->limits, currency, minor)
    {
        char text[MONEY_TEXT_SIZE];
        int wrote = snprintf(out + n, size - n, "%s%s", n ? " or " : "", money_text(text, money_of(json_integer_value(minor), currency)));
        if (wrote < 0 || (size_t)wrote >= size - n)
            return;
        n += (size_t)wrote;
    }
}

/* ---- using ---- */

static struct money own_limit(const struct person *p, const char *currency)
{
    for (size_t i = 0; i < p->n_limits && person_has(p, ROLE_MANAGER | ROLE_FINANCE); i++)
        if (str_eq(p->limits[i].currency, currency))
            return p->limits[i];
    return (struct money){.minor = -1};
}

static bool right_lent(const struct delegation *d, const struct person *from, const struct person *to, const char *currency, struct right *out)
{
    struct money lent = {.minor = -1}, own = own_limit(from, currency);
    char amount[MONEY_TEXT_SIZE], from_name[NAME_SIZE], to_name[NAME_SIZE], roles[64];
    if (own.minor < 0 || !limits_get(d->limits, currency, &lent))
        return false;
    *out = (struct right){.holder = from, .limit = lent.minor < own.minor ? lent : own};
    str_copy(out->kind, sizeof out->kind, d->kind);
    str_copy(from_name, sizeof from_name, from->name);
    str_copy(to_name, sizeof to_name, to->name);
    role_names(from->roles & (ROLE_MANAGER | ROLE_FINANCE), roles, sizeof roles);
    AUTO_STR words = str_fmt("%s for %s (%s), up to %s, D-%lld", to_name, from_name, roles, money_text(amount, out->limit), (long long)d->id);
    str_copy(out->words, sizeof out->words, words);
    return true;
}

size_t delegation_rights(const struct engine *e, const struct person *who, const char *currency, struct right *out, size_t n)
{
    size_t found = 0;
    if (!e->store)
        return 0;
    struct query *q = store_query(e->store,
                                  "SELECT id, from_person, to_person, kind, limits, created_ms, until_ms FROM delegations "
                                  "WHERE to_person = ?1 AND is_live = 1 AND until_ms > ?2 ORDER BY id",
                                  "ti", who->key, e->now_ms);
    while (found < n && query_next(q)) {
        struct delegation d;
        delegation_read(q, &d);
        const struct person *from = people_by_key(e->people, d.from);
        found += from && right_lent(&d, from, who, currency, &out[found]);
        json_decref(d.limits);
    }
    if (found == n)
        query_end(q);
    return found;
}

/* ---- giving ---- */

/* {"USD": 1000000}: the amount in the currency said, or in each that the lender could lend it in. NULL with a sentence. */
static json_t *limits_wanted(const struct person *from, const char *amount, struct err *err)
{
    AUTO_JSON out = json_object();
    struct money said = {0};
    char text[MONEY_TEXT_SIZE], own[MONEY_TEXT_SIZE];
    bool plain = amount[0] && amount[strspn(amount, "0123456789.,kKmM ")] == '\0';
    for (size_t i = 0; i < from->n_limits; i++) {
        if (money_parse(&said, amount, from->limits[i].currency, err) != 0)
            return NULL;
        if (!str_eq(said.currency, from->limits[i].currency))
            continue;
        if (said.minor > 0 && said.minor <= from->limits[i].minor)
            json_put_i64(out, said.currency, said.minor);
        else if (!plain || from->n_limits == 1) {
            err_set(err, ERR_DENIED, said.minor > 0 ? "You can lend no more than your own right, and your limit is %s." : "Up to how much? More than nothing, and at most %s.",
                    money_text(own, from->limits[i]));
            return NULL;
        }
    }
    if (json_object_size(out))
        return json_incref(out);
    if (plain)
        err_set(err, ERR_DENIED, "You can lend no more than your own right; that is less in each of your currencies (whoami shows it).");
    else
        err_set(err, ERR_DENIED, "You have no limit in the currency of %s, so you cannot lend one.", money_text(text, said));
    return NULL;
}

/* Would it go round? Everybody whom `to` has lent something, and those in turn. */
static bool leads_back(struct engine *e, const char *to, const char *from)
{
    return store_i64(e->store, 0,
                     "WITH RECURSIVE chain (person) AS (SELECT ?1 UNION SELECT delegations.to_person FROM delegations JOIN chain ON "
                     "delegations.from_person = chain.person WHERE delegations.is_live = 1 AND delegations.until_ms > ?3) "
                     "SELECT count(*) FROM chain WHERE person = ?2",
                     "tti", to, from, e->now_ms) > 0;
}

static int may_lend(struct engine *e, const struct person *from, const struct delegation_order *o, struct err *err)
{
    if (!person_has(from, ROLE_MANAGER | ROLE_FINANCE) || from->n_limits == 0)
        return err_set(err, ERR_DENIED, "You have no right of your own to lend: only managers and finance with a limit do, and what was lent to you cannot be lent on.");
    if (str_eq(from->key, o->to->key))
        return err_set(err, ERR_INVALID, "That is yourself. Name somebody else.");
    if (leads_back(e, o->to->key, from->key))
        return err_set(err, ERR_CONFLICT, "That would go in a circle: %.100s has lent a right that ends with you. Revoke that one first (delegations shows it).", o->to->name);
    if (o->until_ms <= e->now_ms || o->until_ms > e->now_ms + DAYS_MOST * MS_DAY)
        return err_set(err, ERR_INVALID, "A delegation ends in the future and within %d days; say until when, such as: until mon 09:00.", DAYS_MOST);
    if (store_i64(e->store, 0, "SELECT count(*) FROM delegations WHERE from_person = ?1 AND is_live = 1", "t", from->key) >= LIVE_MOST)
        return err_set(err, ERR_LIMIT, "You have %d delegations in force, and no more fit. Revoke one first.", LIVE_MOST);
    return 0;
}

static void note(struct engine *e, const struct actor *who, const char *verb, const struct delegation *d, const char *words)
{
    char limits[160], until[WHEN_TEXT_SIZE];
    AUTO_STR ref = str_fmt("D-%lld", (long long)d->id);
    AUTO_JSON detail = json_pack("{s:s, s:s, s:O, s:s, s:I}", "from", d->from, "to", d->to, "limits", d->limits, "kind", d->kind, "until_ms", (json_int_t)d->until_ms);
    delegation_limits_text(d, limits, sizeof limits);
    journal_add(e, who, verb, 0, "", ref, detail, "%s: %s for %s, up to %s%s%s, until %s", words, person_name_of(e->people, d->to),
                person_name_of(e->people, d->from), limits, d->kind[0] ? ", kind " : "", d->kind, when_text(until, d->until_ms, NULL));
}

int delegation_give(struct engine *e, const struct actor *who, const struct delegation_order *o, char *said, size_t size, struct err *err)
{
    const struct person *from = who->person;
    int rc = may_lend(e, from, o, err);
    AUTO_JSON limits = rc == 0 ? limits_wanted(from, o->amount, err) : NULL;
    if (!limits)
        return rc ? rc : err->code;
    store_run(e->store,
              "INSERT INTO delegations (from_person, to_person, kind, limits, created_ms, until_ms, is_live, ended_ms, ended_by) "
              "VALUES (?1,?2,?3,?4,?5,?6,1,0,'')",
              "tttjii", from->key, o->to->key, o->kind, limits, e->now_ms, o->until_ms);
    struct delegation d = {.id = store_last_id(e->store), .limits = limits, .created_ms = e->now_ms, .until_ms = o->until_ms};
    str_copy(d.from, sizeof d.from, from->key);
    str_copy(d.to, sizeof d.to, o->to->key);
    str_copy(d.kind, sizeof d.kind, o->kind);
    timer_add(e, "delegation", 0, d.id, o->until_ms);
    note(e, who, "delegation.given", &d, "Lent");
    char text[160];
    delegation_limits_text(&d, text, sizeof text);
    snprintf(said, size, "D-%lld: %.100s may decide for you%s%s, up to %s, until {ms:%lld}. Not on your own requests, and not more than you may yourself. End it with: revoke D-%lld",
             (long long)d.id, o->to->name, o->kind[0] ? " on requests of the kind " : "", o->kind, text, (long long)o->until_ms, (long long)d.id);
    return 0;
}

/* ---- ending ---- */

static bool delegation_load(struct engine *e, int64_t id, struct delegation *d)
{
    struct query *q = store_query(e->store, "SELECT id, from_person, to_person, kind, limits, created_ms, until_ms FROM delegations WHERE id = ?1 AND is_live = 1",
                                  "i", id);
    if (!query_next(q))
        return false;
    delegation_read(q, d);
    query_end(q);
    return true;
}

static void end(struct engine *e, const struct actor *who, const struct delegation *d, const char *verb, const char *words)
{
    timer_cancel(e, "delegation", 0, d->id);
    store_run(e->store, "UPDATE delegations SET is_live = 0, ended_ms = ?2, ended_by = ?3 WHERE id = ?1", "iit", d->id, e->now_ms, actor_key(who));
    note(e, who, verb, d, words);
    struct query *q = store_query(e->store,
                                  "SELECT proposals.case_id FROM votes JOIN proposals ON votes.subject = 'A-' || proposals.id "
                                  "WHERE proposals.is_live = 1 AND votes.person = ?1 AND votes.holder = ?2",
                                  "tt", d->to, d->from);
    while (query_next(q))
        engine_dirty(e, query_i64(q, 0)); /* a yes by this right counts no more, and the card says so */
}

int delegation_revoke(struct engine *e, int64_t id, const struct actor *who, char *said, size_t size, struct err *err)
{
    struct delegation d;
    if (!delegation_load(e, id, &d))
        return err_set(err, ERR_NOT_FOUND, "No delegation D-%lld is in force. \"delegations\" shows yours.", (long long)id);
    bool may = str_eq(d.from, who->person->key) || str_eq(d.to, who->person->key);
    if (may) {
        end(e, who, &d, "delegation.revoked", "Revoked");
        snprintf(said, size, "Revoked: D-%lld. %.100s decides for %.100s no more, at once.", (long long)id, person_name_of(e->people, d.to),
                 person_name_of(e->people, d.from));
    }
    json_decref(d.limits);
    return may ? 0 : err_set(err, ERR_DENIED, "D-%lld is between others: only the one who gave it or the one who has it can end it.", (long long)id);
}

void delegation_end(struct engine *e, int64_t id)
{
    struct delegation d;
    if (!delegation_load(e, id, &d))
        return;
    end(e, &(struct actor){.name = "timer"}, &d, "delegation.ended", "Its time is over");
    json_decref(d.limits);
}

void delegations_each(struct engine *e, const char *person, void (*each)(void *ctx, const struct delegation *d), void *ctx)
{
    struct query *q = store_query(e->store,
                                  "SELECT id, from_person, to_person, kind, limits, created_ms, until_ms FROM delegations WHERE is_live = 1 AND "
                                  "until_ms > ?1 AND (?2 IS NULL OR from_person = ?2 OR to_person = ?2) ORDER BY until_ms, id",
                                  "it", e->now_ms, person);
    while (query_next(q)) {
        struct delegation d;
        delegation_read(q, &d);
        each(ctx, &d);
        json_decref(d.limits);
    }
}
