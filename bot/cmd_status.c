/* status: one account in a dozen lines, for somebody about to pick up the phone.
 *
 * Every number says where it comes from and how old it is; what is stale says so. The sentences are the card's own
 * (words.h), so the answer and the card cannot differ. Everything is read by key: as fast with a hundred thousand
 * cases as with none. */
#include "bot/commands.h"
#include "bot/words.h"
#include "engine/receipt.h"
#include "engine/when.h"

enum { LIVE_MOST = 6 };

static void status_head(struct buf *out, struct engine *e, const struct recovery *r)
{
    char name[WORDS_NAME];
    buf_addf(out, "%s%s%s%s, case N-%lld, %s\n", words_name(name, r), r->tier[0] ? " (" : "", r->tier,
             r->tier[0] ? ")" : "", (long long)r->id, recovery_state_name(r->state));
    words_unpaid(out, r);
    buf_adds(out, " (");
    words_source(out, e, r, "invoice.due");
    buf_addc(out, ')');
}

/* One known fact of the book, in words: "Renews 12 Mar 2027". */
static void status_fact(struct buf *out, const struct facts *f, const char *name, const char *label,
                        const char **mark)
{
    if (!facts_get(f, name))
        return;
    AUTO_STR words = fact_words(f, name);
    buf_addf(out, "%s%s %s", *mark, label, words);
    *mark = ", ";
}

static void status_account(struct buf *out, struct engine *e, const struct recovery *r)
{
    const char *mark = "\n";
    status_fact(out, &r->facts, "account.annual_value", "Worth a year:", &mark);
    status_fact(out, &r->facts, "account.renewal_ms", "renews", &mark);
    status_fact(out, &r->facts, "account.sentiment", "sentiment", &mark);
    status_fact(out, &r->facts, "account.open_tickets", "open tickets", &mark);
    if (mark[0] != ',')
        return;
    buf_adds(out, " (");
    words_source(out, e, r, "account.key");
    buf_addc(out, ')');
}

static void status_live(struct buf *out, struct engine *e, const struct recovery *r)
{
    int64_t ids[LIVE_MOST];
    size_t n = proposal_live(e, r->id, ids, LIVE_MOST);
    for (size_t i = 0; i < n; i++) {
        struct proposal *p = proposal_load(e, ids[i]);
        if (p) {
            buf_addc(out, '\n');
            words_proposal(out, e, p);
        }
        proposal_free(p);
    }
}

/* A sentence on a line of its own, if there is anything to say. */
static void status_line(struct buf *out, struct engine *e, const struct recovery *r,
                        bool (*words)(struct buf *, struct engine *, const struct recovery *))
{
    AUTO_BUF line = BUF(WORDS_SIZE);
    if (words(&line, e, r))
        buf_addf(out, "\n%s", buf_text(&line));
}

static void status_decline(struct buf *out, struct engine *e, const struct recovery *r)
{
    AUTO_BUF line = BUF(WORDS_SIZE);
    if (!words_decline(&line, r))
        return;
    buf_addf(out, "\n%s (", buf_text(&line));
    words_source(out, e, r, "payment.decline_code");
    buf_addc(out, ')');
}

static void status_open(struct buf *out, struct engine *e, const struct recovery *r)
{
    status_head(out, e, r);
    status_decline(out, e, r);
    status_account(out, e, r);
    status_line(out, e, r, words_hold);
    status_line(out, e, r, words_plan);
    status_line(out, e, r, words_promise);
    status_live(out, e, r);
    buf_addf(out, "\nOwner: %s%s\nNext: ", words_person(e, r->owner), r->claimed ? ", handles it" : "");
    words_next(out, r);
}

static void status_note(struct buf *out, struct engine *e, const char *key)
{
    char text[512];
    struct query *q =
        store_query(e->store, "SELECT person, at_ms, text FROM notes WHERE account = ?1 ORDER BY id DESC LIMIT 1",
                    "t", key);
    if (!query_next(q))
        return;
    buf_addf(out, "\nLast note, %s {ago:%lld}: %s", words_person(e, query_text(q, 0)), (long long)query_i64(q, 1),
             words_plain(text, sizeof text, query_text(q, 2)));
    query_end(q);
}

/* No open case: what was last, and what the book says. */
static void status_quiet(struct buf *out, struct engine *e, const struct account *a, const char *key)
{
    char value[MONEY_TEXT_SIZE], age[64];
    int64_t last =
        store_i64(e->store, 0, "SELECT id FROM recoveries WHERE account = ?1 ORDER BY id DESC LIMIT 1", "t", key);
    buf_addf(out, "%s: nothing is unpaid that I know of, no open case.", a ? a->name : key);
    struct recovery *r = last ? recovery_load(e, last) : NULL;
    if (r)
        buf_addf(out, "\nLast case: N-%lld, closed {ago:%lld} (%s)", (long long)r->id, (long long)r->closed_ms,
                 r->outcome);
    recovery_free(r);
    if (!a)
        return;
    if (a->value.currency[0]) {
        when_ago(age, e->now_ms - book_as_of_ms(e->book));
        buf_addf(out, "\nWorth a year: %s (%s, %s)", money_text(value, a->value), book_source(e->book), age);
    }
    if (a->ae[0])
        buf_addf(out, "\nAccount executive: %s", words_person(e, a->ae));
}

int cmd_status(struct request *rq, struct err *e)
{
    const struct account *a = NULL;
    char key[PARSE_NAME];
    struct order o;
    int rc = parse_order(&o, rq->args, 0, e);
    if (rc)
        return rc;
    if (!o.account[0])
        return err_set(e, ERR_INVALID, "Status of which account? For example: status Northwind");
    rc = request_account(rq, o.account, &a, key, e);
    if (rc)
        return rc;
    AUTO_BUF out = BUF(WORDS_SIZE);
    struct recovery *r = recovery_open_for(rq->engine, key);
    if (r)
        opened_note(rq->engine, rq->who.person, r->id);
    if (r)
        status_open(&out, rq->engine, r);
    else
        status_quiet(&out, rq->engine, a, key);
    status_note(&out, rq->engine, key);
    recovery_free(r);
    request_say(rq, "%s", buf_text(&out));
    return 0;
}
