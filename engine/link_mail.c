/* A link is a secret between billing and the customer: it is mailed and shown to nobody. That billing has made it is not yet that
 * anybody got it, so what became of the mail is a part of what the cards say, and a mail that failed is a case's next step: whoever
 * pressed the button would else believe for weeks that the customer had been asked. */
#include "engine/link_mail.h"

#include <string.h>

#include "engine/effect.h"
#include "engine/journal.h"
#include "engine/readings.h"
#include "engine/template.h"

#define FAILED "A collector reaches the customer another way: the mail failed"

static const struct actor POLICY = {.name = "policy"};

static char *mail_key(const struct proposal *p)
{
    return str_fmt("mail-p%lld", (long long)p->id);
}

/* What the case waits for stays true, and is said once. */
static void next_as_well(struct engine *e, struct recovery *r, const char *next)
{
    if (r->state == RECOVERY_WAITING) {
        recovery_move(e, r, &POLICY, RECOVERY_QUEUED, next, 0);
    } else if (!strstr(r->next_step, next)) {
        AUTO_STR both = str_fmt("%s. %s", r->next_step, next);
        recovery_move(e, r, &POLICY, r->state, both, r->next_ms);
    }
}

static void left_to_a_collector(struct engine *e, struct recovery *r, const struct proposal *p, const char *why)
{
    AUTO_STR next = str_fmt("A collector sends the link by hand, from the invoice at %s: %s", recovery_billed_of(r, json_str(p->terms, "invoice", "")).biller, why);
    AUTO_STR ref = str_fmt("N-%lld", (long long)r->id);
    journal_add(e, &POLICY, "mail.by_hand", r->id, r->account, ref, NULL, "%s", next);
    next_as_well(e, r, next);
}

void link_mail_send(struct engine *e, struct recovery *r, const struct proposal *p, const char *url)
{
    char amount[MONEY_TEXT_SIZE];
    bool pay = str_eq(json_str(p->terms, "purpose", ""), "pay");
    const char *to = facts_str(&r->facts, "account.email");
    const char *text = e->world.text(e->world.ctx, pay ? "link_pay" : "link_update_method", facts_str(&r->facts, "account.language"));
    json_auto_t *values = json_pack("{s:s, s:s, s:s, s:s}", "name", r->name, "amount", money_text(amount, r->due), "invoice",
                                    facts_str(&r->facts, "invoice.number"), "link", url);
    AUTO_BUF mail = BUF(64 << 10);
    struct err err;
    if (!e->mail || !to[0] || !text || template_render(text, values, &mail, &err) != 0) {
        left_to_a_collector(e, r, p, !e->mail ? "no mail server is configured" : !to[0] ? "the account has no e-mail" : "the text is broken");
        return;
    }
    const char *body = strstr(buf_text(&mail), "\n\n");
    const char *subject = strncmp(buf_text(&mail), "Subject: ", 9) == 0 ? buf_text(&mail) + 9 : buf_text(&mail);
    json_t *args = json_object();
    json_put(args, "to", to);
    json_put_new(args, "subject", json_stringn(subject, strcspn(subject, "\n")));
    json_put(args, "text", body ? body + 2 : "");
    json_put_new(args, "message_id", json_sprintf("p%lld.%lld", (long long)p->id, (long long)p->created_ms));
    AUTO_STR lane = str_fmt("mail:%s", r->account);
    AUTO_STR key = mail_key(p);
    effect_add(e, &(struct effect_spec){.lane = lane, .driver = e->mail, .op = "mail", .key = key, .take_args = args, .case_id = r->id,
                                        .purpose = "mail"});
}

/* A later one that arrived makes an earlier failure old news. */
static void no_longer_failed(struct engine *e, struct recovery *r)
{
    const char *at = strstr(r->next_step, FAILED);
    if (!at)
        return;
    AUTO_STR before = str_ndup(r->next_step, (size_t)(at - r->next_step));
    size_t n = strlen(before);
    while (n > 0 && strchr(". ", before[n - 1]))
        before[--n] = '\0';
    recovery_move(e, r, &POLICY, r->state, n ? before : "The link was mailed: a collector sees whether the payment comes", r->next_ms);
}

void link_mail_ended(struct engine *e, int64_t case_id, bool sent, const char *reason)
{
    struct recovery *r = recovery_load(e, case_id);
    if (!r)
        return;
    AUTO_STR ref = str_fmt("N-%lld", (long long)r->id);
    journal_add(e, &(struct actor){.name = e->mail ? e->mail : "mail"}, sent ? "mail.sent" : "mail.failed", r->id, r->account, ref, NULL, "%s%s",
                sent ? "The link was mailed to the account's address" : "The mail was not delivered: ", sent ? "" : reason);
    AUTO_STR next = str_fmt(FAILED " (%s)", reason);
    if (r->state != RECOVERY_CLOSED && sent)
        no_longer_failed(e, r);
    else if (r->state != RECOVERY_CLOSED)
        next_as_well(e, r, next);
    engine_dirty(e, r->id); /* the cards say what became of it */
    recovery_free(r);
}

enum link_mail link_mail_state(const struct engine *e, const struct proposal *p, char *why, size_t size)
{
    enum link_mail said = LINK_MAIL_NONE;
    AUTO_STR key = mail_key(p);
    str_copy(why, size, "");
    struct query *q = store_query(e->store, "SELECT state, reason FROM effects WHERE dedupe = ?1", "t", key);
    if (!query_next(q))
        return said;
    switch ((enum effect_state)query_i64(q, 0)) {
    case EFFECT_QUEUED:
    case EFFECT_OUT:
    case EFFECT_UNKNOWN:
    case EFFECT_LOST: said = LINK_MAIL_UNDER_WAY; break;
    case EFFECT_DONE: said = LINK_MAIL_SENT; break;
    case EFFECT_REFUSED:
        said = LINK_MAIL_FAILED;
        str_copy(why, size, query_text(q, 1));
        break;
    case EFFECT_CANCELLED: break;
    }
    query_end(q);
    return said;
}
