/* What a request is bound to. When it is asked it keeps the facts that matter for a yes (what is due on each invoice, a dispute,
 * top-priority tickets), its terms, the policy's version and what that policy demands, and the hash of all of it. Each vote and
 * each reading of billing is held against this: what got better keeps the request and lowers it, what got worse makes it void,
 * because nobody has said yes to that. */
#include <stdio.h>
#include <string.h>

#include "engine/buf.h"
#include "engine/proposal_internal.h"
#include "engine/step_up.h"

/* A word of approval_kinds; what people are never asked about has none of them. */
static const char *kind_of(enum verb v)
{
    static const char *const kinds[] = {[VERB_HOLD] = "hold", [VERB_EXTEND] = "extend", [VERB_PLAN] = "plan", [VERB_RETRY] = "retry", [VERB_CREDIT] = "credit",
                                        [VERB_WRITE_OFF] = "write_off", [VERB_SETTLE] = "settlement", [VERB_DEFER] = "schedule", [VERB_REASSIGN] = NULL};
    return kinds[v] ? kinds[v] : verb_name(v);
}

/* Of a counter-offer: whoever asked first; "" else. */
static const char *acceptor_of(const struct engine *e, const struct proposal *p)
{
    struct query *q = p->replaces ? store_query(e->store, "SELECT requester FROM proposals WHERE id = ?1", "i", p->replaces) : NULL;
    if (!q || !query_next(q))
        return "";
    const struct person *first = people_by_key(e->people, query_text(q, 0));
    query_end(q);
    return first ? first->key : "";
}

bool proposal_takes_code(const struct engine *e, const struct proposal *p, const struct person *who)
{
    return step_up_wanted(e, p->amount) && !str_eq(acceptor_of(e, p), who->key);
}

void proposal_subject(struct engine *e, const struct recovery *r, const struct proposal *p, struct subject *out)
{
    *out = (struct subject){.kind = kind_of(p->verb), .amount = p->amount, .tier = r->tier, .region = facts_str(&r->facts, "account.region"),
                            .account = r->account, .requester = p->requester, .owner = r->owner, .executive = facts_str(&r->facts, "account.ae"),
                            .acceptor = acceptor_of(e, p)};
    snprintf(out->ref, sizeof out->ref, "A-%lld", (long long)p->id);
}

void proposal_approval(struct engine *e, const struct subject *s, const struct proposal *p, struct approval *out)
{
    struct approval now;
    approval_init(out);
    approval_unpack(out, json_object_get(p->basis, "approval"));
    policy_approval(e->policy, s, &now);
    approval_merge(out, &now);
    approval_fini(&now);
}

void proposal_needs(struct engine *e, const struct recovery *r, enum verb verb, struct money amount, char *out, size_t size)
{
    struct proposal p = {.verb = verb, .amount = amount, .requester = (char *)(uintptr_t)""};
    struct subject s;
    struct approval a;
    proposal_subject(e, r, &p, &s);
    policy_approval(e->policy, &s, &a);
    approval_words(&a, out, size);
    approval_fini(&a);
}

int proposal_possible(struct engine *e, const struct recovery *r, const struct draft *d, struct err *err)
{
    struct proposal p = {.verb = d->verb, .amount = d->amount, .requester = (char *)(uintptr_t)d->requester, .replaces = d->replaces};
    struct subject s;
    struct approval a;
    proposal_subject(e, r, &p, &s);
    policy_approval(e->policy, &s, &a);
    int rc = approval_possible(e, &s, &a, err);
    approval_fini(&a);
    return rc;
}

/* ---- binding ---- */

static json_t *facts_that_matter(const struct recovery *r)
{
    json_t *invoices = json_object();
    for (size_t i = 0; i < json_array_size(r->invoices); i++) {
        const json_t *v = json_array_get(r->invoices, i);
        json_t *due = json_object();
        json_put_i64(due, "due", json_i64(v, "due", 0));
        json_put(due, "currency", json_str(v, "currency", ""));
        json_put(due, "number", json_str(v, "number", json_str(v, "id", "")));
        json_put_new(invoices, json_str(v, "id", ""), due);
    }
    return json_pack("{s:I, s:s, s:o, s:b, s:I}", "due", (json_int_t)r->due.minor, "currency", r->due.currency, "invoices", invoices, "disputed",
                     r->state == RECOVERY_DISPUTED, "top_priority", (json_int_t)facts_i64(&r->facts, "account.top_priority", 0));
}

void proposal_bind(struct engine *e, const struct recovery *r, struct proposal *p, const struct approval *a, int64_t instead_of, const char *changed)
{
    char hash[65];
    json_t *basis = json_object();
    json_put_new(basis, "facts", facts_that_matter(r));
    json_put(basis, "policy", policy_version(e->policy));
    json_put_new(basis, "terms", json_deep_copy(p->terms));
    json_put_new(basis, "approval", approval_pack(a));
    AUTO_STR text = json_text(basis);
    text_sha256(hash, text);
    if (instead_of) {
        json_put_i64(basis, "instead_of", instead_of);
        json_put(basis, "changed", changed);
    }
    json_decref(p->basis);
    free(p->facts_hash);
    free(p->policy_version);
    p->basis = basis;
    p->facts_hash = str_dup(hash);
    p->policy_version = str_dup(policy_version(e->policy));
    store_run(e->store, "UPDATE proposals SET basis = ?2, facts_hash = ?3, policy = ?4 WHERE id = ?1", "ijtt", p->id, basis, p->facts_hash,
              p->policy_version);
}

/* ---- comparing ---- */

static void add_words(struct buf *out, const char *text)
{
    buf_addf(out, "%s%s", out->n ? "; " : "", text);
}

static bool invoice_worse(const json_t *was, const json_t *is, struct buf *words)
{
    char before[MONEY_TEXT_SIZE], now[MONEY_TEXT_SIZE];
    struct money due = money_of(json_i64(is, "due", 0), json_str(is, "currency", ""));
    const char *number = json_str(is, "number", json_str(is, "id", ""));
    if (was && str_eq(json_str(was, "currency", ""), due.currency) && due.minor <= json_i64(was, "due", 0))
        return false;
    AUTO_STR text = was ? str_fmt("invoice %.60s rose from %s to %s", number, money_text(before, money_of(json_i64(was, "due", 0), json_str(was, "currency", ""))),
                                  money_text(now, due))
                        : str_fmt("invoice %.60s over %s is new", number, money_text(now, due));
    add_words(words, text);
    return true;
}

static bool invoices_worse(const struct recovery *r, const json_t *facts, struct buf *words)
{
    bool worse = false;
    for (size_t i = 0; i < json_array_size(r->invoices); i++) {
        const json_t *is = json_array_get(r->invoices, i);
        worse |= invoice_worse(json_object_get(json_object_get(facts, "invoices"), json_str(is, "id", "")), is, words);
    }
    return worse;
}

/* What is due in all: of a plan it is what the terms add up to, so less of it changes them too. */
static enum basis compare_due(const struct recovery *r, const struct proposal *p, struct buf *words)
{
    char text_was[MONEY_TEXT_SIZE], text_is[MONEY_TEXT_SIZE];
    const json_t *facts = json_object_get(p->basis, "facts");
    struct money was = facts ? money_of(json_i64(facts, "due", 0), json_str(facts, "currency", "")) : p->amount;
    bool same_currency = str_eq(r->due.currency, was.currency);
    if (same_currency && r->due.minor == was.minor)
        return BASIS_SAME;
    AUTO_STR text = str_fmt("the amount due changed from %s to %s since it was asked", money_text(text_was, was), money_text(text_is, r->due));
    add_words(words, text);
    return same_currency && r->due.minor < was.minor ? BASIS_BETTER : BASIS_WORSE;
}

enum basis proposal_compare(const struct recovery *r, const struct proposal *p, char *words, size_t size)
{
    const json_t *facts = json_object_get(p->basis, "facts");
    int64_t tickets = facts_i64(&r->facts, "account.top_priority", 0), before = json_i64(facts, "top_priority", 0);
    AUTO_BUF out = BUF(2000);
    enum basis b = compare_due(r, p, &out);
    bool worse = b == BASIS_WORSE || (facts && invoices_worse(r, facts, &out));
    if (facts && r->state == RECOVERY_DISPUTED && !json_flag(facts, "disputed", false)) {
        add_words(&out, "the customer disputes the invoice now");
        worse = true;
    }
    if (facts && tickets > before) {
        AUTO_STR text = str_fmt("top-priority tickets rose from %lld to %lld", (long long)before, (long long)tickets);
        add_words(&out, text);
        worse = true;
    }
    str_copy(words, size, buf_text(&out));
    return worse ? BASIS_WORSE : b;
}
