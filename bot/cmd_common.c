/* What all commands share: which account is meant, which case, which approval, which day.
 *
 * An account is what the book says it is. A key wins over everything, then a reference (N-12, A-17, H-3), then the
 * book's search, which lists candidates and never guesses; last comes an account that only billing knows and that
 * has a case under "stripe:cus_9". The promise to the person: every refusal names what is missing and shows one
 * line that would work. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "bot/commands.h"
#include "engine/hold.h"
#include "engine/when.h"

enum { ACCOUNT_WORDS = 5 };

void request_say(struct request *rq, const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;
    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        abort();
    free(rq->answer->text);
    rq->answer->text = text;
}

const char *request_zone(const struct request *rq)
{
    const char *zone = rq->who.person->zone;
    return zone && zone[0] ? zone : "UTC";
}

const char *case_zone(const struct recovery *r)
{
    const char *zone = facts_str(&r->facts, "account.timezone");
    return zone[0] ? zone : "UTC";
}

/* The case behind N-12, A-17 or H-3; NULL when the text is no such reference or there is none. */
static struct recovery *case_by_ref(struct engine *e, const char *text)
{
    char letter = 0;
    int64_t id = parse_any_ref(span_of(text), "NAH", &letter);
    if (id <= 0)
        return NULL;
    if (letter == 'A') {
        struct proposal *p = proposal_load(e, id);
        id = p ? p->case_id : 0;
        proposal_free(p);
    } else if (letter == 'H') {
        struct hold *h = hold_load(e, id);
        id = h ? h->case_id : 0;
        hold_free(h);
    }
    return id > 0 ? recovery_load(e, id) : NULL;
}

int request_account(struct request *rq, const char *text, const struct account **out, char *key, struct err *e)
{
    struct engine *engine = rq->engine;
    struct err found = {0};
    const struct account *a = book_by_key(engine->book, text);
    struct recovery *r = a ? NULL : case_by_ref(engine, text);
    if (!a && !r) {
        int rc = book_find(&a, engine->book, text, &found);
        r = rc == ERR_NOT_FOUND ? recovery_open_for(engine, text) : NULL;
        if (rc && !r)
            return err_set(e, rc, "%s", found.text);
    }
    str_copy(key, PARSE_NAME, a ? a->key : r->account);
    *out = a ? a : book_by_key(engine->book, key);
    recovery_free(r);
    return 0;
}

/* Does the account's name go on with what was typed so far? Then the word belongs to the name, not to the text
 * behind. */
static bool name_continues(const struct account *a, const char *typed)
{
    size_t n = strlen(typed);
    if (n > 0 && typed[n - 1] == ':')
        n--;
    return strncasecmp(a->name, typed, n) == 0 && (a->name[n] == '\0' || a->name[n] == ' ' || a->name[n] == ',');
}

/* typed: the words so far, one more is added. False when there is none or it does not fit. */
static bool words_extend(char typed[PARSE_NAME], const char **rest)
{
    const char *after = *rest;
    struct span w = parse_word(&after);
    size_t n = strlen(typed);
    if (w.n == 0 || n + w.n + 2 > PARSE_NAME)
        return false;
    if (n > 0)
        typed[n++] = ' ';
    memcpy(typed + n, w.p, w.n);
    typed[n + w.n] = '\0';
    *rest = after;
    return true;
}

/* After the fewest words that name an account: the rest of its name, if that was typed too. */
static void name_rest(const struct account *a, char typed[PARSE_NAME], const char **rest)
{
    const char *after = *rest;
    while (words_extend(typed, &after) && name_continues(a, typed)) {
        *rest = after;
        if (typed[strlen(typed) - 1] == ':')
            return;
    }
}

int request_account_text(struct request *rq, const struct account **out, char *key, const char **rest, struct err *e)
{
    char typed[PARSE_NAME] = "";
    const char *at = rq->args;
    struct err first = {0};
    for (int words = 0; words < ACCOUNT_WORDS && words_extend(typed, &at); words++) {
        size_t n = strlen(typed);
        bool colon = n > 1 && typed[n - 1] == ':';
        if (colon)
            typed[n - 1] = '\0';
        struct err tried = {0};
        if (request_account(rq, typed, out, key, &tried) == 0) {
            if (*out && !colon)
                name_rest(*out, typed, &at);
            *rest = parse_trim(at);
            return 0;
        }
        if (words == 0 || (first.code == ERR_NOT_FOUND && tried.code == ERR_AMBIGUOUS))
            first = tried;
        if (colon)
            break;
    }
    if (first.code == 0)
        return err_set(e, ERR_INVALID, "Which account?");
    return err_set(e, first.code, "%s", first.text);
}

static int case_closed(const struct recovery *r, struct err *e)
{
    return err_set(e, ERR_CONFLICT, "N-%lld, %.100s, is closed (%.60s): there is nothing to do any more.",
                   (long long)r->id, r->name, r->outcome && r->outcome[0] ? r->outcome : "done");
}

int request_case(struct request *rq, const char *text, struct recovery **out, struct err *e)
{
    const struct account *a = NULL;
    char key[PARSE_NAME];
    if (!text[0])
        return err_set(e, ERR_INVALID, "Which account? Give its name, its number or the case, like N-12.");
    struct recovery *r = book_by_key(rq->engine->book, text) ? NULL : case_by_ref(rq->engine, text);
    if (!r) {
        int rc = request_account(rq, text, &a, key, e);
        if (rc)
            return rc;
        r = recovery_open_for(rq->engine, key);
    }
    if (!r)
        return err_set(e, ERR_NOT_FOUND,
                       "%.100s has no open case: nothing is unpaid that I know of. \"status %.60s\" shows what I "
                       "know.",
                       a ? a->name : key, key);
    if (r->state == RECOVERY_CLOSED) {
        int rc = case_closed(r, e);
        recovery_free(r);
        return rc;
    }
    *out = r;
    return 0;
}

static int amount_of(const struct recovery *r, const char *text, struct money *out, struct err *e)
{
    char due[MONEY_TEXT_SIZE];
    *out = money_of(0, r->due.currency);
    if (!text[0])
        return 0;
    int rc = money_parse(out, text, r->due.currency, e);
    if (rc)
        return rc;
    if (!str_eq(out->currency, r->due.currency))
        return err_set(e, ERR_INVALID, "What is unpaid is in %s, not in %s.", r->due.currency, out->currency);
    if (out->minor <= 0)
        return err_set(e, ERR_INVALID, "It needs an amount above zero.");
    if (out->minor > r->due.minor)
        return err_set(e, ERR_INVALID, "That is more than what is unpaid: %s.", money_text(due, r->due));
    return 0;
}

int request_case_amount(struct request *rq, const struct order *o, struct recovery **out, struct money *amount, struct err *e)
{
    const struct account *whole = NULL;
    bool is_name = o->amount[0] && book_find(&whole, rq->engine->book, o->subject, NULL) == 0;
    int rc = request_case(rq, is_name ? whole->key : o->account, out, e);
    return rc ? rc : amount_of(*out, is_name ? "" : o->amount, amount, e);
}

int request_approval(struct request *rq, int64_t *id, const char **rest, struct err *e)
{
    const char *at = rq->args;
    struct span word = parse_word(&at);
    int64_t n = parse_ref(word, 'A');
    if (n <= 0)
        return err_set(e, ERR_INVALID, "Which request? Approvals have numbers like A-17, they stand on the card.");
    *id = n;
    *rest = parse_skip_why(at);
    return 0;
}

int request_day(struct request *rq, const char *text, const char *zone, int hour, int64_t *at_ms, struct err *e)
{
    int64_t now = rq->engine->now_ms, at = 0;
    char day[WHEN_TEXT_SIZE], today[WHEN_TEXT_SIZE];
    int rc = when_parse(&at, text, zone, hour, now, e);
    if (rc)
        return rc;
    bool is_today = strcmp(when_iso_day(day, at, zone), when_iso_day(today, now, zone)) == 0;
    if (at < now && !is_today)
        return err_set(e, ERR_INVALID, "%s is in the past. Give a day from today on.", when_day(day, at, zone));
    *at_ms = at < now ? now : at;
    return 0;
}

int request_step(struct request *rq, const char *example, case_step step, struct err *e)
{
    struct order o;
    struct recovery *r = NULL;
    char said[SAID_SIZE] = "";
    int rc = parse_order(&o, rq->args, 0, e);
    if (!rc && !o.account[0])
        return err_set(e, ERR_INVALID, "Which account? For example: %s", example);
    if (!rc)
        rc = request_case(rq, o.account, &r, e);
    if (!rc)
        rc = step(rq->engine, r, &rq->who, said, sizeof said, e);
    if (!rc)
        request_say(rq, "%s", said);
    recovery_free(r);
    return rc;
}
