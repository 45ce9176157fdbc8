/* Proposals: the row, its state machine, and how one is said in words. Asking, deciding and running are in proposal_ask.c,
 * proposal_decide.c, proposal_run.c and proposal_end.c. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/hands.h"
#include "engine/journal.h"
#include "engine/proposal_internal.h"
#include "engine/proposal_money.h"
#include "engine/receipt.h"
#include "engine/sm.h"
#include "engine/when.h"

/* Once queued, only billing's word ends it; withdrawn from there only while nothing is out: of a saga, what was done of it is put
 * back (saga.c). */
static const struct sm_state states[] = {
    [PROPOSAL_DRAFTED] = {"drafted", SM_BIT(PROPOSAL_SHADOW) | SM_BIT(PROPOSAL_ASKED) | SM_BIT(PROPOSAL_QUEUED)},
    [PROPOSAL_SHADOW] = {"shadow", 0},
    [PROPOSAL_ASKED] = {"asked", SM_BIT(PROPOSAL_QUEUED) | SM_BIT(PROPOSAL_SHADOW) | SM_BIT(PROPOSAL_DECLINED) | SM_BIT(PROPOSAL_COUNTERED) |
                                     SM_BIT(PROPOSAL_PARKED) | SM_BIT(PROPOSAL_VOIDED) | SM_BIT(PROPOSAL_WITHDRAWN)},
    [PROPOSAL_DECLINED] = {"declined", 0},
    [PROPOSAL_COUNTERED] = {"countered", 0},
    [PROPOSAL_PARKED] = {"parked", 0},
    [PROPOSAL_VOIDED] = {"voided", 0},
    [PROPOSAL_WITHDRAWN] = {"withdrawn", 0},
    [PROPOSAL_QUEUED] = {"queued", SM_BIT(PROPOSAL_EXECUTING) | SM_BIT(PROPOSAL_WITHDRAWN) | SM_BIT(PROPOSAL_VOIDED) |
                                       SM_BIT(PROPOSAL_CONFIRMED) | SM_BIT(PROPOSAL_FAILED)},
    [PROPOSAL_EXECUTING] = {"executing", SM_BIT(PROPOSAL_UNKNOWN) | SM_BIT(PROPOSAL_WITHDRAWN) | SM_BIT(PROPOSAL_CONFIRMED) | SM_BIT(PROPOSAL_FAILED)},
    [PROPOSAL_UNKNOWN] = {"unknown", SM_BIT(PROPOSAL_EXECUTING) | SM_BIT(PROPOSAL_WITHDRAWN) | SM_BIT(PROPOSAL_CONFIRMED) | SM_BIT(PROPOSAL_FAILED)},
    [PROPOSAL_CONFIRMED] = {"confirmed", 0},
    [PROPOSAL_FAILED] = {"failed", 0},
};

static const char *const verbs[] = {[VERB_HOLD] = "hold",   [VERB_EXTEND] = "extend", [VERB_RELEASE] = "release",      [VERB_PLAN] = "plan",
                                    [VERB_RETRY] = "retry", [VERB_LINK] = "link",     [VERB_INSTALMENT] = "instalment",
                                    [VERB_UNPLAN] = "unplan", [VERB_CREDIT] = "credit", [VERB_WRITE_OFF] = "write-off",
                                    [VERB_SETTLE] = "settlement", [VERB_DEFER] = "deferral", [VERB_REASSIGN] = "handing on"};
static const char *const ops[] = {[VERB_HOLD] = "hold",     [VERB_EXTEND] = "hold", [VERB_RELEASE] = "release",      [VERB_PLAN] = "plan",
                                  [VERB_RETRY] = "collect", [VERB_LINK] = "link",   [VERB_INSTALMENT] = "collect",
                                  [VERB_UNPLAN] = "unplan", [VERB_CREDIT] = "credit", [VERB_WRITE_OFF] = "write_off",
                                  [VERB_SETTLE] = "write_off", [VERB_DEFER] = "defer", [VERB_REASSIGN] = ""};

const char *proposal_state_name(enum proposal_state s)
{
    return states[s].name;
}

const char *verb_name(enum verb v)
{
    return verbs[v];
}

const char *verb_op(enum verb v)
{
    return ops[v];
}

static bool is_live(enum proposal_state s)
{
    return states[s].next != 0;
}

struct proposal *proposal_load(struct engine *e, int64_t id)
{
    struct query *q = store_query(e->store,
                                  "SELECT id, case_id, created_ms, expires_ms, verb, state, requester, reason, bound, terms, amount, currency, "
                                  "facts_hash, policy, decider, decider_right, decision_reason, decided_ms, vendor_id, outcome, replaces, "
                                  "revision, basis FROM proposals WHERE id = ?1",
                                  "i", id);
    if (!query_next(q))
        return NULL;
    struct proposal *p = mem_alloc(sizeof *p);
    *p = (struct proposal){.id = query_i64(q, 0), .case_id = query_i64(q, 1), .created_ms = query_i64(q, 2), .expires_ms = query_i64(q, 3),
                           .verb = (enum verb)query_i64(q, 4), .state = (enum proposal_state)query_i64(q, 5),
                           .requester = str_dup(query_text(q, 6)), .reason = str_dup(query_text(q, 7)), .bound = str_dup(query_text(q, 8)),
                           .terms = query_json(q, 9), .amount = money_of(query_i64(q, 10), query_text(q, 11)),
                           .facts_hash = str_dup(query_text(q, 12)), .policy_version = str_dup(query_text(q, 13)),
                           .decider = str_dup(query_text(q, 14)), .right = str_dup(query_text(q, 15)),
                           .decision_reason = str_dup(query_text(q, 16)), .decided_ms = query_i64(q, 17), .vendor_id = str_dup(query_text(q, 18)),
                           .outcome = str_dup(query_text(q, 19)), .replaces = query_i64(q, 20), .revision = query_i64(q, 21),
                           .basis = query_json(q, 22)};
    query_end(q);
    return p;
}

void proposal_free(struct proposal *p)
{
    if (!p)
        return;
    char *texts[] = {p->requester, p->reason,          p->bound,     p->facts_hash, p->policy_version, p->decider,
                     p->right,     p->decision_reason, p->vendor_id, p->outcome};
    for (size_t i = 0; i < DW_ARRAY_LEN(texts); i++)
        free(texts[i]);
    json_decref(p->terms);
    json_decref(p->basis);
    free(p);
}

size_t proposal_live(struct engine *e, int64_t case_id, int64_t *ids, size_t n)
{
    size_t found = 0;
    struct query *q = store_query(e->store, "SELECT id FROM proposals WHERE case_id = ?1 AND is_live = 1 ORDER BY id DESC LIMIT ?2", "ii", case_id,
                                  (int64_t)n);
    while (query_next(q))
        ids[found++] = query_i64(q, 0);
    return found;
}

#define IS_OUT "EXISTS (SELECT 1 FROM effects WHERE effects.proposal_id = proposals.id AND effects.proposal_id > 0 AND effects.is_live = 1)"

/* A plan counts also while it waits for a hand: nobody may collect all of it meanwhile, and it does not wait for ever. */
bool proposal_under_way(struct engine *e, int64_t case_id, enum verb verb)
{
    return store_i64(e->store, 0,
                     "SELECT count(*) FROM proposals WHERE case_id = ?1 AND is_live = 1 AND verb = ?2 AND (state = ?4 OR (state = ?5 AND outcome = '') OR "
                     "(state = ?3 AND (outcome = '' OR " IS_OUT ")) OR (verb = ?6 AND state IN (?3, ?5)))",
                     "iiiiii", case_id, SM_ID(verb), SM_ID(PROPOSAL_EXECUTING), SM_ID(PROPOSAL_UNKNOWN), SM_ID(PROPOSAL_QUEUED), SM_ID(VERB_PLAN)) > 0;
}

struct proposal *proposal_draft(struct engine *e, struct recovery *r, const struct draft *d)
{
    AUTO_JSON terms = d->take_terms;
    AUTO_STR hash = facts_hash(&r->facts);
    store_run(e->store,
              "INSERT INTO proposals (case_id, verb, state, is_live, created_ms, expires_ms, requester, reason, bound, terms, amount, currency, "
              "facts_hash, policy, asked, decider, decider_right, decision_reason, decided_ms, vendor_id, outcome, replaces, revision) "
              "VALUES (?1,?2,0,1,?3,0,?4,?5,?6,?7,?8,?9,?10,?11,0,'','','',0,'','',?12,1)",
              "iiitttjittti", r->id, SM_ID(d->verb), e->now_ms, d->requester, d->reason ? d->reason : "", d->bound ? d->bound : "", terms,
              d->amount.minor, d->amount.currency, hash, policy_version(e->policy), d->replaces);
    return proposal_load(e, store_last_id(e->store));
}

static void proposal_save(struct engine *e, struct proposal *p)
{
    p->revision++;
    store_run(e->store,
              "UPDATE proposals SET state = ?2, is_live = ?3, expires_ms = ?4, terms = ?5, decider = ?6, decider_right = ?7, "
              "decision_reason = ?8, decided_ms = ?9, vendor_id = ?10, outcome = ?11, revision = ?12, amount = ?13, currency = ?14, asked = CASE WHEN ?2 = 2 THEN 1 ELSE "
              "asked END WHERE id = ?1",
              "iiiijtttittiit", p->id, SM_ID(p->state), SM_ID(is_live(p->state)), p->expires_ms, p->terms, p->decider, p->right,
              p->decision_reason, p->decided_ms, p->vendor_id, p->outcome, p->revision, p->amount.minor, p->amount.currency);
}

void proposal_move(struct engine *e, const struct recovery *r, struct proposal *p, const struct actor *who, enum proposal_state to,
                   const json_t *detail, const char *fmt, ...)
{
    char text[600], words[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    assert(sm_allows(states, p->state, to));
    static_assert(PROPOSAL_ASKED == 2, "the statement in proposal_save names the number");
    p->state = to;
    proposal_save(e, p);
    proposal_words(p, words, sizeof words);
    AUTO_STR ref = str_fmt("A-%lld", (long long)p->id);
    AUTO_STR verb = str_fmt("%s.%s", verbs[p->verb], states[to].name);
    AUTO_JSON all = json_pack("{s:O, s:s, s:s, s:O?}", "terms", p->terms, "policy", p->policy_version, "facts_hash", p->facts_hash, "more", detail);
    char seal[65];
    if (seal_of(e->store, ref, seal))
        json_put(all, "seal", seal);
    journal_add(e, who, verb, r->id, r->account, ref, all, "%s: %s", words, text);
    if (to != PROPOSAL_ASKED)
        shown_settle(e, ref);
    if (!is_live(to))
        hands_end(e, p->id);
    engine_dirty(e, r->id);
}

static void instalments_words(const struct proposal *p, char *out, size_t size)
{
    char amount[MONEY_TEXT_SIZE], day[WHEN_TEXT_SIZE];
    int64_t count = json_i64(p->terms, "count", 1), total = json_i64(p->terms, "total", 0);
    when_day(day, json_i64(p->terms, "first_ms", 0), json_str(p->terms, "zone", ""));
    money_text(amount, money_of(count > 0 ? total / count : total, p->amount.currency));
    snprintf(out, size, "%lld x %s%s from %s", (long long)count, count > 0 && total % count ? "about " : "", amount, day);
}

void proposal_words(const struct proposal *p, char *out, size_t size)
{
    char amount[MONEY_TEXT_SIZE], when[WHEN_TEXT_SIZE];
    money_text(amount, p->amount);
    switch (p->verb) {
    case VERB_HOLD:
    case VERB_EXTEND:
        snprintf(out, size, "hold until %s", when_text(when, json_i64(p->terms, "end_ms", 0), NULL));
        break;
    case VERB_RELEASE:
        snprintf(out, size, "resume notices and retries");
        break;
    case VERB_PLAN:
        instalments_words(p, out, size);
        break;
    case VERB_RETRY:
        snprintf(out, size, "try the payment of %s again", amount);
        break;
    case VERB_LINK:
        snprintf(out, size, "send a link to %s", str_eq(json_str(p->terms, "purpose", ""), "pay") ? "pay" : "update the payment method");
        break;
    case VERB_UNPLAN:
        snprintf(out, size, "cancel the plan's schedule at billing");
        break;
    case VERB_REASSIGN:
        snprintf(out, size, "hand the case to collections");
        break;
    case VERB_CREDIT:
    case VERB_WRITE_OFF:
    case VERB_SETTLE:
    case VERB_DEFER:
        money_words(p, out, size);
        break;
    case VERB_INSTALMENT:
        snprintf(out, size, "collect instalment %lld, %s", (long long)json_i64(p->terms, "n", 0), amount);
        break;
    }
}
